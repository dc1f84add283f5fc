"""Looks at every article once: by itself, against its row, and against its line of a source."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from index import Snapshot
from recommender.analysis.analyzer import ANALYZER_VERSION
from recommender.articles import Article
from recommender.indexing.snapshots import Origin
from recommender.operations.checking.comparison import Flaw, Given, differs, flaws_of, parts_ways
from recommender.operations.checking.judgement import SHOWN, Some
from recommender.sources import Gone, Pulled, Record
from recommender.store import ArticleStore
from recommender.store.scan import ArticleStatus

__all__ = ["Compared", "Source", "Tally", "read_source", "scan"]


@dataclass(frozen=True, slots=True)
class Source:
    """What a source gives, by id, and what is wrong with lines of it."""

    given: dict[str, Given]
    bad: Some


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The live generation, as articles are compared with it: by id the change of each row."""

    origin: Origin
    rows: dict[str, int]

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Compared":
        """Read the rows of a snapshot."""
        changes = snapshot.columns["change"].tolist()
        ids = map(snapshot.id_of, range(len(snapshot)))
        return cls(Origin.of(snapshot.manifest), dict(zip(ids, changes, strict=True)))


class Tally:
    """Counts flaws, and remembers the first few articles of each."""

    def __init__(self) -> None:
        self._counts: Counter[Flaw] = Counter()
        self._shown: defaultdict[Flaw, list[str]] = defaultdict(list)

    def add(self, flaw: Flaw | None, article_id: str) -> None:
        """Count an article; None is no flaw."""
        if flaw is None:
            return
        self._counts[flaw] += 1
        if len(self._shown[flaw]) < SHOWN:
            self._shown[flaw].append(article_id)

    @property
    def flaws(self) -> Mapping[Flaw, Some]:
        """What was counted."""
        return {flaw: Some(n, tuple(self._shown[flaw])) for flaw, n in self._counts.items()}


def read_source(records: Iterable[Pulled]) -> Source:
    """Remember what a source gives; of several lines about an article the last counts."""
    given: dict[str, Given] = {}
    faults = 0
    shown: list[str] = []
    for record in records:
        if not isinstance(record, Record):
            continue
        if isinstance(record.content, Gone):
            given.pop(record.content.id, None)
            continue
        if isinstance(record.content, Article):
            fresh = Given.of(record.content)
            known = given.get(record.content.id)
            if known is None or known.yields_to(fresh):
                given[record.content.id] = fresh
            continue
        faults += 1
        if len(shown) < SHOWN:
            shown.append(f"{record.place}: {record.content}")
    return Source(given, Some(faults, tuple(shown)))


def scan(
    store: ArticleStore,
    compared: Compared | None,
    source: Source | None,
    tally: Tally,
    now: datetime,
) -> tuple[int, int]:
    """Look at every article once; tells how many there are, and how many texts are nobody's."""
    articles = 0
    model = "" if compared is None else compared.origin.model
    with store.scan() as view:
        for standing in view.statuses(ANALYZER_VERSION, model):
            articles += not standing.deleted
            for flaw in flaws_of(standing, now, modelled=compared is not None):
                tally.add(flaw, standing.id)
            _compare(standing.id, standing, compared, source, tally)
        unclaimed = view.count_unused_texts()
    left = {} if compared is None else dict(compared.rows)
    left |= {} if source is None else dict.fromkeys(source.given, 0)
    for article_id in left:
        _compare(article_id, None, compared, source, tally)
    return articles, unclaimed


def _compare(
    article_id: str,
    standing: ArticleStatus | None,
    compared: Compared | None,
    source: Source | None,
    tally: Tally,
) -> None:
    """Compare an article with its row and with its line, which are taken out."""
    if compared is not None:
        change = compared.rows.pop(article_id, None)
        if standing is not None or change is not None:
            tally.add(parts_ways(standing, change, compared.origin.point.number), article_id)
    if source is not None:
        given = source.given.pop(article_id, None)
        if standing is not None or given is not None:
            tally.add(differs(standing, given), article_id)
