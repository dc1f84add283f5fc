"""The checkpoint of a WordPress site, as plain JSON, and what the next pull has to read by it."""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any, Final

from recommender.articles import as_rfc3339
from recommender.sources.article_fields import as_list
from recommender.sources.dates import to_rfc3339
from recommender.sources.source import CheckpointJson
from recommender.sources.wordpress.posts import Post
from recommender.sources.wordpress.taxonomies import USUAL, USUAL_ROUTES, Taxonomies

__all__ = [
    "KnownNames",
    "KnownPost",
    "ListedPost",
    "WordPressCheckpoint",
    "changed_after",
    "is_full_sweep_due",
    "listed_fields",
    "listed_post",
    "numbers_to_read",
    "parse_moment",
]

FORMAT: Final = 1
POSTS_PER_PAGE: Final = 100  # posts; WordPress lists no more at once
ALWAYS_SWEPT: Final = 5_000  # posts: a site this small is compared whole at every pull
SWEEP_REST_SECONDS: Final = 6  # for each page of a larger site: ten pages a minute on average
_GRAIN: Final = timedelta(seconds=1)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)

_SCALARS: Final = ("modified_gmt", "link", "author", "featured_media")
_TERMS: Final = tuple(USUAL_ROUTES.values())
_READ_ANEW: Final = -1  # in the place of a checksum, which none equals


@dataclass(frozen=True, slots=True)
class ListedPost:
    """A post in a list without texts.

    Attributes:
        modified: time of the last change; empty if it has none.
        checksum: of the time of the last change and of what WordPress changes without touching
            that: the link, the terms, the author, the image.
    """

    modified: str
    checksum: int


@dataclass(frozen=True, slots=True)
class KnownPost:
    """A post as it was last read: its checksum, and whether an article was made of it."""

    checksum: int
    is_article: bool


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Checksums of the names of terms or authors by their numbers, as the articles have them.

    `page` is where the next pull goes on: a long list is read some pages at each pull.
    """

    checksums: Mapping[int, int] = field(default_factory=dict)
    page: int = 1


@dataclass(frozen=True, slots=True)
class WordPressCheckpoint:
    """The state that a pull leaves for the next one. Times are by the site's clock.

    Attributes:
        home: the site's home address.
        posts: by number.
        names: by collection.
        since: posts that changed before were read after their change.
        newest: the newest time of a change that was seen; empty before the first.
        swept: when all numbers were compared last.
        types: the names of the post types that are read.
        taxonomies: those of which sections and tags are read.
    """

    home: str
    posts: Mapping[int, KnownPost] = field(default_factory=dict)
    names: Mapping[str, KnownNames] = field(default_factory=dict)
    since: datetime | None = None
    newest: str = ""
    swept: datetime | None = None
    types: tuple[str, ...] = ("post",)
    taxonomies: Taxonomies = USUAL

    @classmethod
    def of(cls, document: CheckpointJson | None, home: str) -> "WordPressCheckpoint":
        """Read what `to_json` wrote; empty if there is nothing, or it is of an earlier format."""
        if document is None or document.get("format") != FORMAT:
            return cls(home)
        posts = {
            n: KnownPost(packed >> 1, bool(packed & 1)) for n, packed in _unpack(document["posts"])
        }
        names = {
            collection: KnownNames(dict(_unpack(packed)), packed["page"])
            for collection, packed in document["names"].items()
        }
        since, swept = parse_moment(document["since"]), parse_moment(document["swept"])
        types = tuple(document.get("types", ("post",)))
        section, *tags = document.get("taxonomies", (USUAL.section, *USUAL.tags))
        of = (types, Taxonomies(section, tuple(tags)))
        return cls(document["home"], posts, names, since, document["newest"], swept, *of)

    def reading(self, taxonomies: Taxonomies) -> "WordPressCheckpoint":
        """The same for other taxonomies: they say something else of each post, so all are read."""
        if taxonomies == self.taxonomies:
            return self
        posts = {n: replace(post, checksum=_READ_ANEW) for n, post in self.posts.items()}
        return replace(self, taxonomies=taxonomies, posts=posts, swept=None)

    def to_json(self) -> CheckpointJson:
        """Plain JSON, about 13 bytes for each post."""
        checksums = {n: post.checksum << 1 | post.is_article for n, post in self.posts.items()}
        return {
            "format": FORMAT,
            "home": self.home,
            "types": list(self.types),
            "taxonomies": [self.taxonomies.section, *self.taxonomies.tags],
            "since": self.since and _text(self.since),
            "newest": self.newest,
            "swept": self.swept and _text(self.swept),
            "posts": _pack(checksums),
            "names": {
                collection: _pack(names.checksums) | {"page": names.page}
                for collection, names in self.names.items()
            },
        }


def _pack(checksums: Mapping[int, int]) -> dict[str, Any]:
    """Sorted numbers as differences, and the checksum of each."""
    numbers = sorted(checksums)
    steps = [after - before for before, after in pairwise([0, *numbers])]
    return {"steps": steps, "checksums": [checksums[number] for number in numbers]}


def _unpack(packed: Mapping[str, Any]) -> Iterable[tuple[int, int]]:
    return zip(accumulate(packed["steps"]), packed["checksums"], strict=True)


def parse_moment(text: str | None) -> datetime | None:
    """A time that this module wrote."""
    return datetime.fromisoformat(text) if text else None


def _text(at: datetime) -> str:
    return as_rfc3339(at, "seconds")


def _second_before(at: datetime) -> str:
    """A second earlier; the first second of the calendar stays."""
    return _text(at - min(_GRAIN, at - _FIRST))


def listed_fields(terms: Sequence[str] = _TERMS) -> str:
    """The parameter `_fields` of a request for a list; `terms` are the fields with terms."""
    return ",".join(("id", *_SCALARS, *terms))


def listed_post(post: Post, terms: Sequence[str] = _TERMS) -> ListedPost:
    """What shows whether a post has to be read; from a list, or from the post itself."""
    values = [*(_scalar(post.get(n)) for n in _SCALARS), *(_numbers(post, n) for n in terms)]
    modified = to_rfc3339(post.get("modified_gmt")) or ""
    return ListedPost(modified, zlib.crc32(json.dumps(values).encode()))


def _scalar(value: object) -> str | int | None:
    return value if isinstance(value, str | int) else None


def _numbers(post: Post, name: str) -> list[int]:
    return sorted(n for n in as_list(post.get(name)) if isinstance(n, int))


def is_full_sweep_due(checkpoint: WordPressCheckpoint, now: datetime | None) -> bool:
    """Whether all numbers are compared in this pull; else only recent changes are read."""
    if checkpoint.swept is None or checkpoint.since is None or now is None:
        return True
    rest = timedelta(seconds=SWEEP_REST_SECONDS * len(checkpoint.posts) / POSTS_PER_PAGE)
    is_recent = timedelta() <= now - checkpoint.swept < rest  # not if the clock was set back
    return len(checkpoint.posts) <= ALWAYS_SWEPT or not is_recent


def changed_after(checkpoint: WordPressCheckpoint) -> str:
    """The time for WordPress's filter `after`, which excludes that second itself.

    It is not later than the newest change that was seen: the clock of the responses may be ahead
    of the clock of the posts.
    """
    seen = [at for at in (checkpoint.since, parse_moment(checkpoint.newest)) if at]
    return _second_before(min(seen))


def numbers_to_read(now: Mapping[int, ListedPost], checkpoint: WordPressCheckpoint) -> set[int]:
    """The posts that are new or changed, or that may have changed unnoticed.

    WordPress stores whole seconds. A post that changed in the second in which it was read may have
    changed again in that second.
    """
    unsure = _second_before(checkpoint.since) if checkpoint.since else ""
    return {
        number
        for number, post in now.items()
        if number not in checkpoint.posts
        or checkpoint.posts[number].checksum != post.checksum
        or (unsure and post.modified >= unsure)
    }
