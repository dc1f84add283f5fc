"""The use case: whether the store and the generations are whole, and agree.

All facts are gathered first, in one reading of the store and of each generation. What they mean is
decided in `check_findings`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from index import Catalog, IndexFault, OtherFormat, Snapshot
from recommender.analysis.analyzer import ANALYZER_VERSION
from recommender.articles import Article
from recommender.indexing.snapshots import Origin, needs_of, open_generation, read_pointer
from recommender.operations.check_findings import (
    SHOWN,
    Examples,
    Facts,
    Flaw,
    GenerationFacts,
    SourceEntry,
    common_prefix,
    compare_with_snapshot,
    compare_with_source,
    find_flaws,
)
from recommender.operations.index_server import ServerFacts
from recommender.sources import Gone, Pulled, Record
from recommender.sources.importing import with_known_ids
from recommender.store import ArticleStatus, ArticleStore

__all__ = ["gather_facts"]


def gather_facts(
    store: ArticleStore,
    catalog: Catalog,
    now: datetime,
    source: Iterable[Pulled] | None = None,
    *,
    of_site: bool = False,
    server: ServerFacts | None = None,
) -> Facts:
    """Read the whole store, every generation, and a source if one is given.

    Args:
        store: whose articles are checked.
        catalog: of the generations.
        now: the moment of the check, aware.
        source: what the store is compared with.
        of_site: the source is a site, and not the whole archive: if it is a WordPress site, stored
            articles of others are not missing there.
        server: what was found of the Milvus server, if the settings name one.

    The version of the schema was checked when the store was opened.

    Raises:
        StoreUnusable: the store cannot be read now.
        BadSource: the source cannot be read.
    """
    live, fault = read_pointer(catalog)
    opened = dict(_open_generations(catalog))
    damage = store.find_damage()
    if damage:
        facts = tuple(
            GenerationFacts(name) if isinstance(one, Snapshot) else _unusable(name, one)
            for name, one in opened.items()
        )
        return Facts(damage, live=live, pointer_fault=fault, generations=facts)
    generations = [_look_at(name, one, store) for name, one in opened.items()]
    # If a generation was pruned meanwhile, the log may have been trimmed too.
    remaining = catalog.generations()
    generations = [one for one in generations if one.name in remaining]
    snapshot = _comparable(opened, generations, live)
    entries, bad_records = (
        (None, None) if source is None else _read_source(with_known_ids(store, source))
    )
    scan = _Scan(snapshot, entries, common_prefix(entries or ()) if of_site else "")
    scan.run(store, needs_of(store, catalog).fingerprints, now)
    return Facts(
        articles=scan.articles,
        live=live,
        pointer_fault=fault,
        generations=tuple(generations),
        compared=snapshot is not None,
        flaws=scan.flaws,
        reasons={one.id: one.fault for one in store.queue.dead_letters()},
        unused_texts=scan.unused_texts,
        outdated_rows=scan.outdated_rows,
        bad_records=bad_records,
        server=server,
    )


def _open_generations(catalog: Catalog) -> Iterator[tuple[str, Snapshot | Exception]]:
    """Open each generation, or say what is wrong with it; one removed meanwhile is left out."""
    for name in catalog.generations():
        try:
            yield name, open_generation(catalog, name, self_queries=True)
        except (IndexFault, OSError) as fault:
            if name in catalog.generations():
                yield name, fault


def _look_at(name: str, opened: Snapshot | Exception, store: ArticleStore) -> GenerationFacts:
    if isinstance(opened, Exception):
        return _unusable(name, opened)
    origin = Origin.of(opened.manifest)
    return GenerationFacts(
        name,
        same_store=origin.epoch == store.state().epoch,
        in_log=store.has_position(origin.point, origin.epoch),
        same_analyzer=opened.manifest.analyzer == ANALYZER_VERSION,
    )


def _unusable(name: str, fault: Exception) -> GenerationFacts:
    other_format = fault.what if isinstance(fault, OtherFormat) else None
    return GenerationFacts(name, str(fault), other_format=other_format)


def _comparable(
    opened: Mapping[str, Snapshot | Exception],
    generations: Sequence[GenerationFacts],
    live: str | None,
) -> Snapshot | None:
    """Return the live snapshot if its articles can be compared with those of the store."""
    snapshot = opened.get(live or "")
    comparable = {one.name for one in generations if one.in_log and one.same_analyzer}
    return snapshot if isinstance(snapshot, Snapshot) and live in comparable else None


def _read_source(records: Iterable[Pulled]) -> tuple[dict[str, SourceEntry], Examples]:
    """Read the entries of a source by id, and what is wrong with its records.

    If an article comes more than once, the record counts that an import would keep.
    """
    entries: dict[str, SourceEntry] = {}
    count, shown = 0, list[str]()
    for record in records:
        match record:
            case Record(content=Gone() as gone):
                entries.pop(gone.id, None)
            case Record(content=Article() as article):
                entry, before = SourceEntry.of(article), entries.get(article.id)
                if before is None or before.is_replaced_by(entry):
                    entries[article.id] = entry
            case Record():
                count += 1
                if len(shown) < SHOWN:
                    shown.append(f"{record.place}: {record.content}")
    return entries, Examples(count, tuple(shown))


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows of the live snapshot: by id the last write that each knows."""

    built_at: int
    model: str
    changes: dict[str, int]

    @classmethod
    def of(cls, snapshot: Snapshot) -> "_Rows":
        ids = map(snapshot.id_of, range(len(snapshot)))
        changes = dict(zip(ids, snapshot.columns["change"].tolist(), strict=True))
        return cls(snapshot.manifest.change, snapshot.manifest.model, changes)


class _Scan:
    """Looks once at every article of the store, at its row, and at its entry in a source."""

    def __init__(
        self, snapshot: Snapshot | None, entries: dict[str, SourceEntry] | None, prefix: str
    ) -> None:
        """Keep what is compared; `prefix` begins the ids that the source may have."""
        self._prefix = prefix
        self._rows = None if snapshot is None else _Rows.of(snapshot)
        self._entries = entries
        self._counts: Counter[Flaw] = Counter()
        self._shown: defaultdict[Flaw, list[str]] = defaultdict(list)
        self.articles = 0
        self.unused_texts = 0
        self.outdated_rows = 0

    @property
    def flaws(self) -> dict[Flaw, Examples]:
        """How many articles have each flaw, and the first few of them."""
        return {flaw: Examples(n, tuple(self._shown[flaw])) for flaw, n in self._counts.items()}

    def run(self, store: ArticleStore, used_fingerprints: frozenset[str], now: datetime) -> None:
        """Look at everything, and take rows and entries that have an article out of the lists."""
        model, has_live = "" if self._rows is None else self._rows.model, self._rows is not None
        with store.scan() as scan:
            # Read after the scan began: what it does not find in the log came before this moment.
            log_begins = store.time_after(0)
            for status in scan.statuses(ANALYZER_VERSION, model):
                self.articles += not status.deleted
                flaws = find_flaws(status, now, has_live=has_live, log_begins=log_begins)
                for flaw in flaws:
                    self._count(flaw, status.id)
                self._compare(status.id, status)
            self.unused_texts = scan.count_unused_texts()
            self.outdated_rows = scan.count_outdated_rows(used_fingerprints)
        rows = {} if self._rows is None else self._rows.changes
        for article_id in sorted({*rows, *(self._entries or {})}):
            self._compare(article_id, None)

    def _compare(self, article_id: str, status: ArticleStatus | None) -> None:
        if self._rows is not None:
            change = self._rows.changes.pop(article_id, None)
            if status is not None or change is not None:
                flaw = compare_with_snapshot(status, change, self._rows.built_at)
                self._count(flaw, article_id)
        if self._entries is not None:
            entry = self._entries.pop(article_id, None)
            if entry is not None or (status is not None and article_id.startswith(self._prefix)):
                self._count(compare_with_source(status, entry), article_id)

    def _count(self, flaw: Flaw | None, article_id: str) -> None:
        if flaw is None:
            return
        self._counts[flaw] += 1
        if len(self._shown[flaw]) < SHOWN:
            self._shown[flaw].append(article_id)
