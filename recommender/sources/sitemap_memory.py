"""What is remembered of a site between two pulls of its sitemap."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from recommender.sources.fetching import Answer
from recommender.sources.records import Cursor

__all__ = ["Memory", "Seen", "validators"]

_FIELDS: Final = ("changed", "etag", "last_modified", "digest", "id", "day", "failed")
_DAY: Final = 10  # characters of a date without a time


@dataclass(frozen=True, slots=True)
class Seen:
    """A page or sitemap as it was when it answered last.

    Attributes:
        changed: when it had changed, as the sitemap that names it said.
        etag: of its answer.
        last_modified: of its answer.
        digest: of a sitemap's bytes.
        id: of the article that is stored of a page, if any: what the page turns to later, such as
            a notice of a firewall, leaves it until another takes its place or the page is gone.
        day: on which it was fetched, in UTC.
        failed: when it was asked for in vain since then, in UTC; empty if it was not.
    """

    changed: str = ""
    etag: str = ""
    last_modified: str = ""
    digest: str = ""
    id: str = ""
    day: str = ""
    failed: str = ""

    def is_same(self, changed: str) -> bool:
        """Whether it has not changed since, as the sitemap that names it says now.

        A day without a time says so only when that day was over, in every time zone, before it was
        fetched.
        """
        if not changed or changed != self.changed:
            return False
        return len(changed) > _DAY or self.day > _day_after(changed)

    def is_settled(self, changed: str) -> bool:
        """Whether it need not be asked for: it has not changed, or nothing would ever tell."""
        return self.is_same(changed) or not (changed or self.conditions)

    @property
    def conditions(self) -> dict[str, str]:
        """Headers that ask for it only if it is another."""
        given = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in given.items() if value}


def _day_after(day: str) -> str:
    try:
        return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):  # a year or a month alone, or no date
        return ""


def validators(answer: Answer) -> dict[str, str]:
    """What an answer is known by again."""
    headers = answer.headers
    return {"etag": headers.get("etag", ""), "last_modified": headers.get("last-modified", "")}


@dataclass(slots=True)
class Memory:
    """Sitemaps by address, and of each the pages that it names, by address."""

    maps: dict[str, Seen] = field(default_factory=dict)
    pages: dict[str, dict[str, Seen]] = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: Cursor | None) -> "Memory":
        """What a cursor holds; what is of another form is forgotten."""
        kept = cursor or {}
        maps = {one: _seen(value) for one, value in _mapping(kept.get("maps")).items()}
        pages = {
            one: {page: _seen(value) for page, value in _mapping(named).items()}
            for one, named in _mapping(kept.get("pages")).items()
        }
        return cls(maps, pages)

    def known(self, but: Container[str] = ()) -> dict[str, Seen]:
        """Every page by its address, whichever sitemap named it, but for some sitemaps."""
        return {
            page: seen
            for sitemap, named in self.pages.items()
            if sitemap not in but
            for page, seen in named.items()
        }

    @property
    def cursor(self) -> Cursor:
        """In plain JSON types."""
        return {
            "maps": {one: _kept(seen) for one, seen in self.maps.items()},
            "pages": {
                one: {page: _kept(seen) for page, seen in named.items()}
                for one, named in self.pages.items()
            },
        }


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _seen(value: object) -> Seen:
    kept = _mapping(value)
    return Seen(**{name: str(kept.get(name, "")) for name in _FIELDS})


def _kept(seen: Seen) -> dict[str, str]:
    """Only what is not empty: a site has many pages."""
    return {name: value for name in _FIELDS if (value := getattr(seen, name))}
