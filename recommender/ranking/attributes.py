"""The attributes of articles that eligibility, filters and ranking read, as columns."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.articles import Article

__all__ = ["UNKNOWN_LANGUAGE", "Columns", "TaggedColumns", "hash_id", "visibility_columns"]

UNKNOWN_LANGUAGE: Final = "und"


class Columns(Protocol):
    """Whatever has the columns of articles, such as a snapshot or a delta."""

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """By name, an array of n rows."""

    @property
    def labels(self) -> Mapping[str, Sequence[str]]:
        """By the name of a column of codes, the label of each code, by position."""


class TaggedColumns(Columns, Protocol):
    """Columns of articles, and their tags."""

    def rows_with(self, keyword: str, /) -> NDArray[np.int32]:
        """Find the rows that have a tag, ascending: int32 [m]."""


def visibility_columns(articles: Sequence[Article]) -> dict[str, NDArray[Any]]:
    """The columns that say whether an article may be seen, and when.

    Returns:
        `published`, bool [n]; `from_time` and `until_time`, float64 [n]: seconds since 1970 in UTC
        between which it may be listed, infinite where nothing limits it.
    """
    opens = [_opens_at(article) for article in articles]
    expires = [article.expires_at for article in articles]
    return {
        "published": np.array([article.status == "published" for article in articles], np.bool_),
        "from_time": np.array([-np.inf if t is None else t.timestamp() for t in opens], np.float64),
        "until_time": np.array(
            [np.inf if t is None else t.timestamp() for t in expires], np.float64
        ),
    }


def hash_id(name: str) -> int:
    """Hash an id, or the name of a translation group, author or host, to 64 bits."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


def _opens_at(article: Article) -> datetime | None:
    """The first moment at which it may be listed: the end of its embargo, or its publication."""
    times = [t for t in (article.embargoed_until, article.published_at) if t is not None]
    return max(times, default=None)
