"""What one pull leaves to the next, as plain JSON, and what the next decides by it."""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any, Final

from recommender.sources.fields import moment
from recommender.sources.json_values import listed
from recommender.sources.records import Cursor
from recommender.sources.wordpress.posts import Post

__all__ = [
    "LISTED_FIELDS",
    "Listed",
    "Memory",
    "Names",
    "Seen",
    "is_sweep_due",
    "late_from",
    "listed_in",
    "parse_moment",
    "recall",
    "to_read",
]

FORMAT: Final = 1
PAGE: Final = 100  # posts, the most that WordPress lists at once
ALWAYS_SWEPT: Final = 5_000  # posts: a site this small is compared whole at every pull
SWEEP_REST_SECONDS: Final = 6  # for each page of a larger one: ten pages a minute on average
_GRAIN: Final = timedelta(seconds=1)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)

_TOLD: Final = ("modified_gmt", "link", "author", "featured_media")
_TERMS: Final = ("categories", "tags")
LISTED_FIELDS: Final = ",".join(("id", *_TOLD, *_TERMS))


@dataclass(frozen=True, slots=True)
class Listed:
    """A post as a sweep of the ids shows it: when it was modified, and a checksum of what it tells.

    The checksum changes with the time of modification and with what WordPress changes without it:
    the link, the terms, the author, the image.
    """

    modified: str
    checksum: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A post as it was read last: its checksum, and whether an article was made of it."""

    checksum: int
    shown: bool


@dataclass(frozen=True, slots=True)
class Names:
    """Checksums of the names of terms or authors, by their numbers, as the articles have them.

    `page` is where the next pull looks on: long lists of names are read in turns.
    """

    checksums: Mapping[int, int] = field(default_factory=dict)
    page: int = 1


@dataclass(frozen=True, slots=True)
class Memory:
    """All that a pull leaves.

    Posts modified before `since` were read after that; `newest` is the newest time of modification
    seen; at `swept` all ids were compared. Times are by the site's clock.
    """

    home: str
    posts: Mapping[int, Seen] = field(default_factory=dict)
    names: Mapping[str, Names] = field(default_factory=dict)
    since: datetime | None = None
    newest: str = ""
    swept: datetime | None = None

    def to_cursor(self) -> Cursor:
        """Plain JSON; `recall` reads it back. About 13 bytes a post."""
        checksums = {n: seen.checksum << 1 | seen.shown for n, seen in self.posts.items()}
        return {
            "format": FORMAT,
            "home": self.home,
            "since": self.since and _text(self.since),
            "newest": self.newest,
            "swept": self.swept and _text(self.swept),
            "posts": _pack(checksums),
            "names": {
                collection: _pack(names.checksums) | {"page": names.page}
                for collection, names in self.names.items()
            },
        }


def recall(cursor: Cursor | None, home: str) -> Memory:
    """What a cursor says; nothing, if there is none or an earlier version of this wrote it."""
    if cursor is None or cursor.get("format") != FORMAT:
        return Memory(home)
    posts = {n: Seen(packed >> 1, bool(packed & 1)) for n, packed in _unpack(cursor["posts"])}
    names = {
        collection: Names(dict(_unpack(packed)), packed["page"])
        for collection, packed in cursor["names"].items()
    }
    since, swept = parse_moment(cursor["since"]), parse_moment(cursor["swept"])
    return Memory(cursor["home"], posts, names, since, cursor["newest"], swept)


def _pack(checksums: Mapping[int, int]) -> dict[str, Any]:
    """Numbers in their order as steps from one to the next, and what belongs to each."""
    numbers = sorted(checksums)
    steps = [after - before for before, after in pairwise([0, *numbers])]
    return {"steps": steps, "checksums": [checksums[number] for number in numbers]}


def _unpack(packed: Mapping[str, Any]) -> Iterable[tuple[int, int]]:
    return zip(accumulate(packed["steps"]), packed["checksums"], strict=True)


def parse_moment(text: str | None) -> datetime | None:
    """A time that this package wrote."""
    return datetime.fromisoformat(text) if text else None


def _text(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _before(at: datetime) -> str:
    """A second before; of the first of all, itself."""
    return _text(at - min(_GRAIN, at - _FIRST))


def listed_in(post: Post) -> Listed:
    """What tells whether a post has to be read, from the post itself or from a sweep of the ids."""
    told = json.dumps(
        [*(_scalar(post.get(n)) for n in _TOLD), *(_numbers(post, n) for n in _TERMS)]
    )
    return Listed(moment(post.get("modified_gmt")) or "", zlib.crc32(told.encode()))


def _scalar(value: object) -> str | int | None:
    return value if isinstance(value, str | int) else None


def _numbers(post: Post, name: str) -> list[int]:
    return sorted(n for n in listed(post.get(name)) if isinstance(n, int))


def is_sweep_due(memory: Memory, now: datetime | None) -> bool:
    """Whether all ids are compared this time; else only what was modified or published lately."""
    if memory.swept is None or memory.since is None or now is None:
        return True
    rest = timedelta(seconds=SWEEP_REST_SECONDS * len(memory.posts) / PAGE)
    is_recent = timedelta() <= now - memory.swept < rest  # and not in the future of its own clock
    return len(memory.posts) <= ALWAYS_SWEPT or not is_recent


def late_from(memory: Memory) -> str:
    """What to ask for posts after, to miss none: the site keeps whole seconds and leaves out this.

    The newest time of modification seen, lest the clock of the answers runs before that of posts.
    """
    seen = [at for at in (memory.since, parse_moment(memory.newest)) if at]
    return _before(min(seen))


def to_read(now: Mapping[int, Listed], memory: Memory) -> set[int]:
    """The posts that are new, other than they were, or that may have changed since unnoticed.

    WordPress keeps whole seconds: of a post that was modified in the second in which it was read,
    nobody can tell whether it was modified again.
    """
    unsure = _before(memory.since) if memory.since else ""
    return {
        number
        for number, post in now.items()
        if number not in memory.posts
        or memory.posts[number].checksum != post.checksum
        or (unsure and post.modified >= unsure)
    }
