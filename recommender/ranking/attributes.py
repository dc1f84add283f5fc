"""The columns of a snapshot: what eligibility, filters and ranking ask of many articles at once."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from recommender.analysis.minhash import MINHASH_SIZE
from recommender.articles import Article

__all__ = [
    "TAG_SEPARATOR",
    "UNKNOWN_LANGUAGE",
    "Columns",
    "Described",
    "Facts",
    "describe",
    "describe_standing",
    "number_of",
]

UNKNOWN_LANGUAGE: Final = "und"
TAG_SEPARATOR: Final = "\x00"  # articles have no NUL characters
NOBODY: Final = 0
_CODED: Final = ("language", "section", "tags")


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """An article with what was found out about its text.

    Attributes:
        article: as it was given, or its outline.
        language: the given one's or the detected one's primary subtag.
        embedded: whether the encoder knows the language, so that the vector means something.
        signature: of the text that was read.
        change: the write that gave the article its present state.
        read: whether any text of it was read; until then it is known, but in no list.
        settled: whether the text that was read is the present one.
        fluent: whether vectors lead among texts of that language.
    """

    article: Article
    language: str | None
    embedded: bool
    signature: NDArray[np.uint16]
    change: int = 0
    read: bool = True
    settled: bool = True
    fluent: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """Columns of n articles and the words behind the columns of codes."""

    columns: Mapping[str, NDArray[Any]]
    labels: Mapping[str, Sequence[str]]


class Columns(Protocol):
    """Whatever carries the columns that `describe` makes, such as a snapshot."""

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """By name, an array of n rows."""

    @property
    def labels(self) -> Mapping[str, Sequence[str]]:
        """By the name of a column of codes, what the codes stand for."""


def describe(articles: Iterable[Facts]) -> Described:
    """Columns for articles in row order.

    Times are float64 seconds since 1970 in UTC. `published_at` is NaN where there is none;
    `from_time` and `until_time` bound when the article may be listed, and are infinite where
    nothing bounds it. `own` is the number of an article's id, `tells` of the id or group that it
    translates, or again its own; `author` is the number of its first author and `host` that of its
    address's host, 0 where there is none; `change` is its change number. `revised_at` is the later
    of its publication and its update, NaN where it has neither.
    """
    known = list(articles)
    codes = {name: _encode([_word(name, facts) for facts in known]) for name in _CODED}
    given = [facts.article for facts in known]
    columns = (
        describe_standing(given)
        | {
            "published_at": _times([article.published_at for article in given], np.nan),
            "revised_at": _times([_revised(article) for article in given], np.nan),
            "recommendable": np.array([not a.never_recommend for a in given], np.bool_),
            "titled": np.array([bool(article.title.strip()) for article in given], np.bool_),
            "lists": np.array([not article.no_related for article in given], np.bool_),
            "embedded": np.array([facts.embedded for facts in known], np.bool_),
            "fluent": np.array([facts.fluent for facts in known], np.bool_),
            "own": _numbers(article.id for article in given),
            "tells": _numbers(article.translation_of or article.id for article in given),
            "author": _numbers(_author(article) for article in given),
            "host": _numbers(_host(article) for article in given),
            "change": np.array([facts.change for facts in known], np.int64),
            "read": np.array([facts.read for facts in known], np.bool_),
            "settled": np.array([facts.settled for facts in known], np.bool_),
            "signature": _stacked([facts.signature for facts in known]),
        }
        | {name: column for name, (column, _) in codes.items()}
    )
    return Described(columns, {name: words for name, (_, words) in codes.items()})


def describe_standing(articles: Sequence[Article]) -> dict[str, NDArray[Any]]:
    """The columns that tell whether an article may be seen, and when."""
    return {
        "published": np.array([article.status == "published" for article in articles], np.bool_),
        "from_time": _times([_opens(article) for article in articles], -np.inf),
        "until_time": _times([article.expires_at for article in articles], np.inf),
    }


def number_of(name: str) -> int:
    """The number of an id, of a group of translations, or of a name: 64 bits of a hash."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


def _numbers(names: Iterable[str]) -> NDArray[np.int64]:
    return np.array([number_of(name) if name else NOBODY for name in names], np.int64)


def _author(article: Article) -> str:
    """The first author's name, however its letters and blanks are set; "" for none."""
    return " ".join(article.authors[0].casefold().split()) if article.authors else ""


def _host(article: Article) -> str:
    """The host of the address, in lower case and without `www.`; "" for none."""
    host = urlsplit(article.url).hostname if article.url else None
    return (host or "").removeprefix("www.").removesuffix(".")


def _word(column: str, facts: Facts) -> str:
    article = facts.article
    match column:
        case "language":
            return facts.language or UNKNOWN_LANGUAGE
        case "section":
            return article.section or ""
        case _:
            return TAG_SEPARATOR.join(article.tags)


def _encode(words: Sequence[str]) -> tuple[NDArray[np.int32], list[str]]:
    vocabulary = sorted(set(words))
    codes = {word: code for code, word in enumerate(vocabulary)}
    return np.array([codes[word] for word in words], np.int32), vocabulary


def _revised(article: Article) -> datetime | None:
    times = [t for t in (article.published_at, article.updated_at) if t is not None]
    return max(times, default=None)


def _opens(article: Article) -> datetime | None:
    """The first moment at which it may be listed: its embargo's end, its hour if scheduled."""
    times = [t for t in (article.embargoed_until, article.published_at) if t is not None]
    return max(times, default=None)


def _times(moments: Sequence[datetime | None], absent: float) -> NDArray[np.float64]:
    return np.array([absent if m is None else m.timestamp() for m in moments], np.float64)


def _stacked(signatures: Sequence[NDArray[np.uint16]]) -> NDArray[np.uint16]:
    return np.array(signatures, np.uint16).reshape(len(signatures), MINHASH_SIZE)
