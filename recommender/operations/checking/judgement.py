"""What the facts of a check mean, decided on plain values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from textwrap import shorten
from typing import Final

from recommender.operations.checking.comparison import Flaw

__all__ = ["SHOWN", "Facts", "Finding", "Generation", "Level", "Some", "judge"]

SHOWN: Final = 10
REASON: Final = 120  # characters of what a fault quotes
_REBUILD: Final = "run: read-also rebuild"
_MEANINGS: Final[Mapping[Flaw, str]] = {
    Flaw.TORN: "deleted with something left, or stored without a document; delete them, and push "
    "them again",
    Flaw.FORGOTTEN: "their text was not read, and does not wait; push them again",
    Flaw.UNKNOWN: f"read, but their words are not kept; {_REBUILD}",
    Flaw.DEAD_LETTER: f"could not be read; correct their text, or try again: {_REBUILD} --full",
    Flaw.LATE: "have waited to be read for an hour; is read-also indexer running?",
    Flaw.PENDING: "wait to be read",
    Flaw.UNEMBEDDED: f"read, but not with the model of the live generation; {_REBUILD}",
    Flaw.MISSING: f"in the store, but not in the live generation; {_REBUILD}",
    Flaw.ORPHAN: f"in the live generation, but not in the store; {_REBUILD}",
    Flaw.STALE: f"in the live generation in a state that is not the store's; {_REBUILD}",
    Flaw.UNSTORED: "in the source, but not in the store; import it",
    Flaw.UNSOURCED: "in the store, but not in the source; delete what was withdrawn",
    Flaw.OTHER_TEXT: "with another text in the source; import it",
    Flaw.OTHER_FIELDS: "with the same text, but other fields in the source; import it",
}
_OF_GENERATION: Final = (Flaw.UNEMBEDDED, Flaw.MISSING, Flaw.ORPHAN, Flaw.STALE)
_OF_SOURCE: Final = (Flaw.UNSTORED, Flaw.UNSOURCED, Flaw.OTHER_TEXT, Flaw.OTHER_FIELDS)
_OF_STORE: Final = tuple(one for one in Flaw if one not in {*_OF_GENERATION, *_OF_SOURCE})


class Level(StrEnum):
    """How much a finding matters; only a fault fails the check."""

    OK = "ok"
    NOTE = "note"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Some:
    """How many there are, and the first few of them."""

    count: int = 0
    shown: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: tuple[str, ...]) -> "Some":
        """All of some names, of which the first few are shown."""
        return cls(len(names), names[:SHOWN])

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.shown) else ""
        return ", ".join(self.shown) + more


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the outcome: what was looked at, and what it is like."""

    level: Level
    check: str
    detail: str
    some: Some = Some()

    def __str__(self) -> str:
        shown = f": {self.some}" if self.some.shown else ""
        return f"{self.level} {self.check}: {self.detail}{shown}"


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation on disk, and how it stands to the store.

    Attributes:
        name: the generation's.
        damage: why it cannot be served; None if it can.
        related: whether its epoch is the store's.
        followed: whether the store's log goes on from it.
        current: whether its texts were read as this program reads them.
    """

    name: str
    damage: str | None = None
    related: bool = True
    followed: bool = True
    current: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was gathered.

    Attributes:
        damage: what the database says of itself; of a damaged one nothing else was read.
        articles: how many the store holds.
        live: the name that the pointer holds; None where nothing was published.
        pointer_fault: why the pointer cannot be followed; None if it can.
        generations: all on disk, the oldest first.
        compared: whether articles were compared with the live generation.
        flaws: of articles.
        reasons: why some of the parked articles could not be read, by id.
        unclaimed: how many texts have features, though no article has them.
        bad_lines: what is wrong with lines of the source; None where no source was read.
    """

    damage: tuple[str, ...] = ()
    articles: int = 0
    live: str | None = None
    pointer_fault: str | None = None
    generations: tuple[Generation, ...] = ()
    compared: bool = False
    flaws: Mapping[Flaw, Some] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    unclaimed: int = 0
    bad_lines: Some | None = None


def judge(facts: Facts) -> tuple[Finding, ...]:
    """What the facts mean, one finding for each thing that was looked at, in a fixed order."""
    return tuple(_findings(facts))


def _findings(facts: Facts) -> Iterator[Finding]:
    if facts.damage:
        detail = "the database is damaged; restore a backup"
        yield Finding(Level.FAULT, "store", detail, Some.of(facts.damage))
        yield from _of_generations(facts)
        return
    yield Finding(Level.OK, "store", f"whole, {facts.articles} articles")
    yield from _of_generations(facts)
    yield from (_of_flaw(flaw, facts) for flaw in _OF_STORE)
    yield from (_of_flaw(flaw, facts) for flaw in _OF_GENERATION if facts.compared)
    yield _of_unclaimed(facts.unclaimed)
    if facts.bad_lines is not None:
        yield _of_bad_lines(facts.bad_lines)
        yield from (_of_flaw(flaw, facts) for flaw in _OF_SOURCE)


def _of_generations(facts: Facts) -> Iterator[Finding]:
    if facts.pointer_fault is not None:
        yield Finding(Level.FAULT, "live generation", f"{facts.pointer_fault}; {_REBUILD}")
    elif facts.live is None:
        detail = f"nothing was published yet, the changes alone serve; {_REBUILD}"
        yield Finding(Level.NOTE, "live generation", detail)
    for generation in facts.generations:
        live = generation.name == facts.live
        check = f"{'live ' if live else ''}generation {generation.name}"
        yield _of_generation(generation, check, live=live)


def _of_generation(generation: Generation, check: str, *, live: bool) -> Finding:
    if generation.damage is not None:
        remedy = _REBUILD if live else "never go back to it; rebuilds remove it"
        return Finding(Level.FAULT, check, f"{generation.damage}; {remedy}")
    level = Level.FAULT if live else Level.NOTE
    if not generation.related:
        remedy = _REBUILD if live else "rebuilds remove it"
        return Finding(level, check, f"of another store; {remedy}")
    if not generation.followed:
        remedy = _REBUILD if live else "never go back to it"
        detail = f"the store's log does not go on from it, as after a restored backup; {remedy}"
        return Finding(Level.FAULT, check, detail)
    if not generation.current:
        return Finding(level, check, f"another release read its texts; {_REBUILD}")
    return Finding(Level.OK, check, "whole")


def _of_flaw(flaw: Flaw, facts: Facts) -> Finding:
    some = facts.flaws.get(flaw, Some())
    if not some.count:
        return Finding(Level.OK, flaw, "none")
    if flaw is Flaw.DEAD_LETTER:
        some = Some(some.count, tuple(_with_reason(key, facts) for key in some.shown))
    level = Level.NOTE if flaw is Flaw.PENDING else Level.FAULT
    return Finding(level, flaw, f"{some.count} articles {_MEANINGS[flaw]}", some)


def _with_reason(article_id: str, facts: Facts) -> str:
    reason = facts.reasons.get(article_id)
    return f"{article_id} ({shorten(reason, REASON, placeholder='...')})" if reason else article_id


def _of_unclaimed(count: int) -> Finding:
    if not count:
        return Finding(Level.OK, "unclaimed", "none")
    detail = f"{count} texts of no article have features still; the next rebuild forgets them"
    return Finding(Level.NOTE, "unclaimed", detail)


def _of_bad_lines(some: Some) -> Finding:
    if not some.count:
        return Finding(Level.OK, "source", "every line can be read")
    return Finding(Level.FAULT, "source", f"{some.count} lines are no articles", some)
