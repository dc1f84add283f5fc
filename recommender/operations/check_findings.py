"""What `read-also check` finds, decided on plain values.

Where an operator has to act, the finding is a fault. Where the program will put it right by itself,
or where it harms nobody, it is a note.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from textwrap import shorten
from typing import Final

from recommender.articles import Article
from recommender.operations.index_server import ServerFacts
from recommender.store import ArticleStatus

__all__ = [
    "SHOWN",
    "Examples",
    "Facts",
    "Finding",
    "Flaw",
    "GenerationFacts",
    "Level",
    "SourceEntry",
    "common_prefix",
    "compare_with_snapshot",
    "compare_with_source",
    "find_flaws",
    "judge",
]

SHOWN: Final = 10
REASON_CHARACTERS: Final = 120
LATE: Final = timedelta(hours=1)
"""If a text waits for so long, no indexer analyzes it."""
_REBUILD: Final = "run: read-also rebuild"


class Level(StrEnum):
    """How much a finding matters; only a fault fails the check."""

    OK = "ok"
    NOTE = "note"
    FAULT = "fault"


class Flaw(StrEnum):
    """What may be wrong with one article."""

    HALF_DELETED = "half deleted"
    FORGOTTEN = "forgotten"
    TERMS_MISSING = "terms missing"
    DEAD_LETTER = "dead letter"
    LATE = "late"
    QUEUED = "queued"
    UNEMBEDDED = "unembedded"
    MISSING = "missing"
    ORPHAN = "orphan"
    STALE = "stale"
    UNSTORED = "unstored"
    UNSOURCED = "unsourced"
    OTHER_TEXT = "other text"
    OTHER_FIELDS = "other fields"


_MEANINGS: Final[Mapping[Flaw, str]] = {
    Flaw.HALF_DELETED: "deleted with something left, or stored without a document; delete them, "
    "and push them again",
    Flaw.FORGOTTEN: "were not analyzed, and do not wait for it; push them again",
    Flaw.TERMS_MISSING: f"were analyzed, but their terms are not stored; {_REBUILD}",
    Flaw.DEAD_LETTER: "could not be analyzed; correct their text, or try again: "
    "read-also rebuild --full",
    Flaw.LATE: "have waited for an hour to be analyzed; is read-also indexer running?",
    Flaw.QUEUED: "wait to be analyzed",
    Flaw.UNEMBEDDED: f"were analyzed, but not with the model of the live generation; {_REBUILD}",
    Flaw.MISSING: f"in the store, but not in the live generation; {_REBUILD}",
    Flaw.ORPHAN: f"in the live generation, but not in the store; {_REBUILD}",
    Flaw.STALE: f"in the live generation, but not as they are in the store; {_REBUILD}",
    Flaw.UNSTORED: "in the source, but not in the store; import it",
    Flaw.UNSOURCED: "in the store, but not in the source; delete what was withdrawn",
    Flaw.OTHER_TEXT: "with another text in the source; import it",
    Flaw.OTHER_FIELDS: "with the same text, but other fields in the source; import it",
}
_OF_GENERATION: Final = (Flaw.UNEMBEDDED, Flaw.MISSING, Flaw.ORPHAN, Flaw.STALE)
_OF_SOURCE: Final = (Flaw.UNSTORED, Flaw.UNSOURCED, Flaw.OTHER_TEXT, Flaw.OTHER_FIELDS)
_OF_STORE: Final = tuple(one for one in Flaw if one not in {*_OF_GENERATION, *_OF_SOURCE})


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """An article of a source, by what can be compared and takes little memory."""

    text_hash: str
    outline_hash: bytes
    version: int | None = None

    @classmethod
    def of(cls, article: Article) -> "SourceEntry":
        """Keep the hashes and the version of an article."""
        return cls(article.text_hash, _hash(article.to_outline()), article.version)

    def is_replaced_by(self, later: "SourceEntry") -> bool:
        """Whether a later record of the same article counts, as it does in an import."""
        return None in {self.version, later.version} or self.version <= later.version  # type: ignore[operator]


def find_flaws(
    status: ArticleStatus, now: datetime, *, has_live: bool, log_begins: datetime | None = None
) -> Iterator[Flaw]:
    """Find what is wrong with an article in the store.

    Args:
        status: the article's.
        now: the moment of the check, aware.
        has_live: whether there is a live generation; then the article needs a vector of its model.
        log_begins: when the oldest entry that the change log still has was made; None if it is not
            known. Texts whose entry was trimmed came before it.
    """
    if status.deleted == status.has_document:
        yield Flaw.HALF_DELETED
    if status.is_dead_letter:
        yield Flaw.DEAD_LETTER
    elif status.is_queued:
        yield Flaw.LATE if _is_late(status.queued_at or log_begins, now) else Flaw.QUEUED
    elif status.text_hash != status.read_hash:
        yield Flaw.FORGOTTEN
    if status.read_hash and not status.has_terms:
        yield Flaw.TERMS_MISSING
    if status.read_hash and not status.has_vector and has_live:
        yield Flaw.UNEMBEDDED


def _is_late(latest: datetime | None, now: datetime) -> bool:
    """Whether a text has surely waited for too long.

    Where no indexer works, nothing is trimmed by itself. So the log's oldest entry grows old there,
    and all texts that wait are late an hour after it was made.

    Args:
        latest: when the text came, or the latest moment at which it can have come; None if neither
            is known.
        now: the moment of the check.
    """
    return latest is not None and latest <= now - LATE


def compare_with_snapshot(
    status: ArticleStatus | None, change: int | None, built_at: int
) -> Flaw | None:
    """Compare an article in the store with its row in a snapshot.

    Changes after the snapshot are no flaw: workers read them from the log.

    Args:
        status: the article in the store; None if it was never stored.
        change: the last write that the row knows; None if there is no row.
        built_at: the last change in the snapshot.
    """
    if status is None:
        return Flaw.ORPHAN
    if status.touched > built_at:
        return None
    if status.deleted:
        return None if change is None else Flaw.ORPHAN
    if change is None:
        return Flaw.MISSING if status.read_hash else None
    return None if change == status.change else Flaw.STALE


def compare_with_source(status: ArticleStatus | None, entry: SourceEntry | None) -> Flaw | None:
    """Compare an article in the store with the one in a source; None if it is not there."""
    if status is None or status.deleted:
        return None if entry is None else Flaw.UNSTORED
    if entry is None:
        return Flaw.UNSOURCED
    if entry.text_hash != status.text_hash:
        return Flaw.OTHER_TEXT
    return None if entry.outline_hash == _hash(status.outline or "") else Flaw.OTHER_FIELDS


def common_prefix(ids: Iterable[str]) -> str:
    """How the ids of one WordPress site begin, if all ids are of one; else empty."""
    prefixes = {key.rpartition(":")[0] + ":" if key.startswith("wp:") else "" for key in ids}
    return prefixes.pop() if len(prefixes) == 1 else ""


def _hash(outline: str) -> bytes:
    return sha256(outline.encode()).digest()


@dataclass(frozen=True, slots=True)
class Examples:
    """How many things there are, and the first few of them."""

    count: int = 0
    shown: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: tuple[str, ...]) -> "Examples":
        """Count names, and show the first few."""
        return cls(len(names), names[:SHOWN])

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.shown) else ""
        return ", ".join(self.shown) + more


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: what was checked, and the result."""

    level: Level
    check: str
    detail: str
    examples: Examples = Examples()

    def __str__(self) -> str:
        shown = f": {self.examples}" if self.examples.shown else ""
        return f"{self.level} {self.check}: {self.detail}{shown}"


@dataclass(frozen=True, slots=True)
class GenerationFacts:
    """A generation on disk, compared with the store.

    Attributes:
        name: the name of the generation.
        damage: why it cannot be served, and mostly what to do; None if it can.
        other_format: which format it has, if that is another release's; None if it is ours.
        same_store: whether it was built from this store, by the epoch.
        in_log: whether the store's log goes on from it.
        same_analyzer: whether this version of the analyzer made its terms.
    """

    name: str
    damage: str | None = None
    same_store: bool = True
    in_log: bool = True
    same_analyzer: bool = True
    other_format: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was gathered for the check.

    Attributes:
        damage: what the database finds wrong with itself; then nothing else was read from it.
        articles: how many articles the store has.
        live: the name in the pointer; None if nothing was published.
        pointer_fault: why the pointer cannot be used; None if it can.
        generations: all on disk, the oldest first.
        compared: whether articles were compared with the live generation.
        flaws: of articles.
        reasons: why dead letters could not be analyzed, by id.
        unused_texts: how many texts have features, but no article.
        outdated_rows: how many rows of features no model, analyzer or markup reader uses any more.
        bad_records: what is wrong with records of the source; None if no source was read.
        server: the Milvus server that lists are made from; None without one.
    """

    damage: tuple[str, ...] = ()
    articles: int = 0
    live: str | None = None
    pointer_fault: str | None = None
    generations: tuple[GenerationFacts, ...] = ()
    compared: bool = False
    flaws: Mapping[Flaw, Examples] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    unused_texts: int = 0
    outdated_rows: int = 0
    bad_records: Examples | None = None
    server: ServerFacts | None = None


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Make one finding for each thing that was checked, in a fixed order."""
    return tuple(_findings(facts))


def _findings(facts: Facts) -> Iterator[Finding]:
    if facts.damage:
        detail = "the database is damaged; restore a backup"
        yield Finding(Level.FAULT, "store", detail, Examples.of(facts.damage))
        yield from _of_generations(facts)
        return
    yield Finding(Level.OK, "store", f"whole, {facts.articles} articles")
    yield from _of_generations(facts)
    yield from (_of_flaw(flaw, facts) for flaw in _OF_STORE)
    yield from (_of_flaw(flaw, facts) for flaw in _OF_GENERATION if facts.compared)
    yield from _of_features(facts)
    if facts.server is not None:
        yield from _of_server(facts.server)
    if facts.bad_records is not None:
        yield _of_bad_records(facts.bad_records)
        yield from (_of_flaw(flaw, facts) for flaw in _OF_SOURCE)


def _of_generations(facts: Facts) -> Iterator[Finding]:
    if facts.pointer_fault is not None:
        yield Finding(Level.FAULT, "live generation", f"{facts.pointer_fault}; {_REBUILD}")
    elif facts.live is None:
        detail = f"nothing was published yet, lists come from the changes alone; {_REBUILD}"
        yield Finding(Level.NOTE, "live generation", detail)
    for generation in facts.generations:
        is_live = generation.name == facts.live
        check = f"{'live ' if is_live else ''}generation {generation.name}"
        yield _of_generation(generation, check, is_live=is_live)


def _of_generation(generation: GenerationFacts, check: str, *, is_live: bool) -> Finding:
    if generation.damage is not None:
        return _of_unusable(generation, generation.damage, check, is_live=is_live)
    level = Level.FAULT if is_live else Level.NOTE
    if not generation.same_store:
        remedy = _REBUILD if is_live else "rebuilds remove it"
        return Finding(level, check, f"built from another store; {remedy}")
    if not generation.in_log:
        remedy = _REBUILD if is_live else "never roll back to it"
        detail = f"its last change is not in the store's log, as after a restore; {remedy}"
        return Finding(Level.FAULT, check, detail)
    if not generation.same_analyzer:
        return Finding(level, check, f"another release analyzed its texts; {_REBUILD}")
    return Finding(Level.OK, check, "whole")


def _of_unusable(generation: GenerationFacts, damage: str, check: str, *, is_live: bool) -> Finding:
    if generation.other_format is None:
        remedy = _REBUILD if is_live else "never roll back to it; rebuilds remove it"
        return Finding(Level.FAULT, check, f"{damage}; {remedy}")
    if is_live:  # the reason names the remedy
        return Finding(Level.FAULT, check, damage)
    remedy = "rebuilds remove it first once there are more than they keep"
    detail = f"{generation.other_format}; this release cannot go back to it; {remedy}"
    return Finding(Level.NOTE, check, detail)


def _of_flaw(flaw: Flaw, facts: Facts) -> Finding:
    examples = facts.flaws.get(flaw, Examples())
    if not examples.count:
        return Finding(Level.OK, flaw, "none")
    if flaw is Flaw.DEAD_LETTER:
        explained = tuple(_with_reason(key, facts) for key in examples.shown)
        examples = Examples(examples.count, explained)
    level = Level.NOTE if flaw is Flaw.QUEUED else Level.FAULT
    return Finding(level, flaw, f"{examples.count} articles {_MEANINGS[flaw]}", examples)


def _with_reason(article_id: str, facts: Facts) -> str:
    reason = facts.reasons.get(article_id)
    if not reason:
        return article_id
    return f"{article_id} ({shorten(reason, REASON_CHARACTERS, placeholder='...')})"


def _of_features(facts: Facts) -> Iterator[Finding]:
    unused = f"{facts.unused_texts} texts without an article still have features"
    outdated = f"{facts.outdated_rows} rows are of a model or an analyzer that is no longer used"
    for check, count, detail in (
        ("unused features", facts.unused_texts, unused),
        ("outdated features", facts.outdated_rows, outdated),
    ):
        if count:
            yield Finding(Level.NOTE, check, f"{detail}; the next rebuild removes them")
        else:
            yield Finding(Level.OK, check, "none")


def _of_server(server: ServerFacts) -> Iterator[Finding]:
    check = f"collection {server.live}" if server.live else "index server"
    if server.fault is not None:
        yield Finding(Level.FAULT, check, f"no list can be made: {server.fault}")
        return
    if not server.in_log:
        detail = "it is of another store, or of this one before a restore"
        yield Finding(Level.FAULT, check, f"{detail}; {_REBUILD}")
        return
    yield Finding(Level.OK, check, f"live, up to change {server.change}")
    if server.refused:
        reasons = (f"{one} ({why})" for one, why in sorted(server.refused.items()))
        detail = f"{len(server.refused)} articles are too large for it, and in no list"
        yield Finding(Level.FAULT, "refused rows", detail, Examples.of(tuple(reasons)))
    else:
        yield Finding(Level.OK, "refused rows", "none")


def _of_bad_records(examples: Examples) -> Finding:
    if not examples.count:
        return Finding(Level.OK, "source", "every record can be read")
    return Finding(Level.FAULT, "source", f"{examples.count} records are no articles", examples)
