"""For random histories, a snapshot with its delta gives the same lists as a fresh rebuild.

A history is a row of writes, with indexing, rebuilds and rollbacks between them. At its end a view
that followed it step by step, and one that opens the live generation only then, are compared with a
rebuild of the same store in a catalog of its own. Rarity of terms and background
similarities are frozen at a build, so lists are nearly equal where texts changed. By hand, more
of them:

    python -m tests.integration.test_histories 200
"""

import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from index import Catalog, View
from recommender.analysis.analyzer import Analyzer
from recommender.api import Item, ListOptions
from recommender.articles import Article, parse_article
from recommender.indexing.indexer import Indexer
from recommender.indexing.rebuild import rebuild
from recommender.live import Follower, Replica, empty_base_snapshot, open_base_snapshots
from recommender.ranking.candidates import ListRequest
from recommender.ranking.duplicates import rows_of_translations
from recommender.ranking.filters import eligible
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related
from recommender.ranking.scoring import find_seed
from recommender.settings import DataFolder
from recommender.store import ArticleStore, open_store
from tests.support.archives import FAKE_MODEL, HashedWords
from tests.support.properties import examples
from tests.support.workers import follower_over

Document = dict[str, Any]

NOW: Final = datetime(2026, 10, 20, 12, tzinfo=UTC)
NOWS: Final = tuple(
    (NOW + timedelta(hours=hours)).timestamp() for hours in (-24 * 20, 0, 1.5, 24 * 3)
)
LANGUAGES: Final = {
    "en": "abcdefghijklmnopqrstuvwxyz",
    "ru": "абвгдежзиклмнопрстуфхцчшщэюя",
    "tg": "ғӣқӯҳҷабвгдезиклмнопрстуфхчшэ",
}
TOPICS: Final = 4
EACH: Final = 6
ARTICLES: Final = len(LANGUAGES) * TOPICS * EACH
CHANGED: Final = ARTICLES * 15 // 100
LISTED: Final = 12
READER: Final = Analyzer(FAKE_MODEL, lambda _: HashedWords(), str)
FALLBACK: Final = Policy(threshold=2.0, words_threshold=2.0)
"""Nothing counts as related, so every item comes from a fallback stage."""


# --- the newsroom ---


@cache
def vocabulary(language: str, topic: int | None) -> list[str]:
    """Forty words of a topic, or the common ones of a language."""
    draw = random.Random(f"{language} {topic}")  # noqa: S311 texts, not secrets
    return ["".join(draw.choices(LANGUAGES[language], k=6)) for _ in range(40)]


def text(language: str, topic: int, seed: object) -> dict[str, str]:
    """A headline and eighty words, most of a topic, no two alike."""
    draw = random.Random(f"{language} {topic} {seed}")  # noqa: S311 texts, not secrets
    own, common = vocabulary(language, topic), vocabulary(language, None)
    rare = ["".join(draw.choices(LANGUAGES[language], k=5)) for _ in range(10)]
    body = [*draw.choices(own, k=45), *draw.choices(common, k=25), *rare]
    draw.shuffle(body)
    return {"title": " ".join(draw.sample(own, 4)), "body": " ".join(body)}


def moment(days: float = 0, minutes: float = 0) -> str:
    return (NOW + timedelta(days=days, minutes=minutes)).isoformat()


def original(number: int) -> Document:
    """The article of a number as it stands at first; no two have one date, so none tie."""
    language = [*LANGUAGES][number % len(LANGUAGES)]
    topic = number // len(LANGUAGES) % TOPICS
    return {
        "id": f"story-{number:02}",
        "language": language,
        "section": ["city", "farm", "port", None][number % 4],
        "published_at": moment(days=-1 - number * 17 % 60, minutes=-number),
        **text(language, topic, number),
    }


ORIGINALS: Final = {number: original(number) for number in range(ARTICLES)}


@dataclass(frozen=True)
class Deed:
    """One step: what is done, to which article, and one of a few ways to do it."""

    kind: str
    number: int
    way: int


def _retext(deed: Deed) -> Document:
    language = ORIGINALS[deed.number]["language"]
    return text(language, (deed.number // len(LANGUAGES) + deed.way) % TOPICS, f"way {deed.way}")


def _retitle(deed: Deed) -> Document:
    words = vocabulary(ORIGINALS[deed.number]["language"], deed.way % TOPICS)
    return {"title": " ".join(words[deed.number % 30 :][: 1 + deed.way])}


def _translate(deed: Deed) -> Document:
    targets = (None, "group-1", f"story-{(deed.number + 1) % ARTICLES:02}", "story-00")
    return {"translation_of": targets[deed.way]}


def _renew(deed: Deed) -> Document:
    date = moment(days=-3 - deed.way, minutes=-100 - deed.number)
    return {"id": f"new-{deed.number:02}-{deed.way}", "published_at": date} | _retext(deed)


STANDING: Final[Mapping[str, Callable[[Deed], Document]]] = {
    "status": lambda d: {"status": ("published", "draft", "withheld", "canceled")[d.way]},
    "embargo": lambda d: {
        "embargoed_until": (None, moment(-1), moment(minutes=60), moment(2))[d.way]
    },
    "expiry": lambda d: {"expires_at": (None, moment(-1), moment(minutes=60), moment(2))[d.way]},
    "section": lambda d: {"section": (None, "city", "farm", "a new one")[d.way]},
    "tags": lambda d: {"tags": ([], ["port"], ["port", "trade"], ["a new one"])[d.way]},
    "never": lambda d: {"never_recommend": d.way < 2},
    "silent": lambda d: {"no_related": d.way < 2},
    "date": lambda d: {"published_at": moment(days=-d.way * 9, minutes=-d.number)},
    "address": lambda d: {"url": f"https://news.example/{d.number}/{d.way}"},
    "translation": _translate,
}
TEXTS: Final[Mapping[str, Callable[[Deed], Document]]] = {
    "text": _retext,
    "headline": _retitle,
    "language": lambda d: {"language": (*LANGUAGES, "fa")[d.way]},
    "new": _renew,
    "again": lambda d: ORIGINALS[d.number],
}
WORK: Final = ("index", "step", "rebuild", "rollback", "reopen", "policy")
POLICIES: Final = ("{}", '{"threshold": 0.2}', '{"diversity": 0.5}', "one that cannot be read")


class Newsroom:
    """A store, its catalog, and a view that follows each step."""

    def __init__(self, folder: Path, reader: Analyzer) -> None:
        self.folder = folder
        self.reader = reader
        self.store = open_store(f"sqlite:///{folder / 'store.db'}")
        self.catalog = Catalog(folder / "snapshots")
        self.indexer = Indexer(self.store, reader)
        self.documents = {one["id"]: one for one in ORIGINALS.values()}

    def rebuild(self) -> None:
        # What the gate thinks of a history drawn at random is not the question here.
        rebuild(self.store, self.catalog, self.reader, force=True)

    def follower(self) -> Follower:
        return follower_over(DataFolder(self.folder), lambda: self.store, self.reader.model)

    def open(self) -> Replica:
        """The live generation, with all that came after it."""
        replica = Replica(next(open_base_snapshots(self.catalog)))
        replica.begin(self.store)
        return follow(replica, self.store)

    def rebuilt(self) -> View:
        """A rebuild of the store as it is, elsewhere. The log is trimmed by it: ask for it last."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            catalog = Catalog(Path(folder))
            rebuild(self.store, catalog, self.reader, force=True)
            return View.of(catalog.open_live())

    def do(self, deed: Deed) -> None:
        if deed.kind in STANDING or deed.kind in TEXTS:
            self._write(deed, {**STANDING, **TEXTS}[deed.kind](deed))
            return
        match deed.kind:
            case "delete":
                self.store.delete(f"story-{deed.number:02}")
            case "index":
                self.indexer.drain()
            case "step":
                self.indexer.step()
            case "rebuild":
                self.rebuild()
            case "rollback":
                names = self.catalog.generations()
                self.catalog.flip(self.catalog.open(names[deed.way % len(names)]))
            case "policy":
                self.store.policies.put(POLICIES[deed.way])

    def _write(self, deed: Deed, fields: Document) -> None:
        before = self.documents[f"story-{deed.number:02}"]
        document = {k: v for k, v in (before | fields).items() if v is not None}
        self.documents[document["id"]] = document
        self.store.put(_article(document))


def _article(document: Document) -> Article:
    return parse_article(json.dumps({k: v for k, v in document.items() if v is not None}))


def follow(replica: Replica, store: ArticleStore) -> Replica:
    while not replica.follow(store)[0]:
        pass
    return replica


@dataclass
class Archive:
    """A filled newsroom on disk, to be copied for each history."""

    folder: Path
    reader: Analyzer

    @classmethod
    def make(cls, folder: Path, reader: Analyzer) -> "Archive":
        newsroom = Newsroom(folder, reader)
        newsroom.store.write_many([_article(one) for one in ORIGINALS.values()])
        newsroom.rebuild()
        newsroom.store.close()
        return cls(folder, reader)

    @contextmanager
    def copy(self) -> Iterator[Newsroom]:
        with tempfile.TemporaryDirectory(dir=self.folder.parent) as folder:
            shutil.copytree(self.folder, folder, dirs_exist_ok=True)
            newsroom = Newsroom(Path(folder), self.reader)
            with closing(newsroom.store):
                yield newsroom

    def live(self, history: list[Deed], newsroom: Newsroom) -> dict[str, View]:
        """The views at a history's end, once all is read: of who watched it all, and of who came.

        Whoever watches opens anew at `reopen`, as a worker does after the pointer moved. Both stand
        at the newest change, under one policy.
        """
        steady = newsroom.open()
        for deed in [*history, Deed("index", 0, 0)]:
            newsroom.do(deed)
            steady = newsroom.open() if deed.kind == "reopen" else follow(steady, newsroom.store)
        opened = newsroom.open()
        assert steady.point == opened.point == newsroom.store.state().newest
        assert steady.active_policy == opened.active_policy
        return {"steady": steady.view, "opened": opened.view}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    folder = tmp_path_factory.mktemp("histories") / "archive"
    folder.mkdir()
    return Archive.make(folder, READER)


# --- what is compared ---


def ids_at(view: View, rows: Any) -> list[str]:
    return [view.id_of(int(row)) for row in np.flatnonzero(rows)]


def facts(view: View) -> dict[str, dict[str, object]]:
    """By id, all that a view holds of an article but its words.

    Numbers of text clusters are left out: they follow from all texts of a snapshot, and only save
    comparisons.
    """
    found: dict[str, dict[str, object]] = {}
    for row in np.flatnonzero(view.present).tolist():
        at = np.array([row])
        parts: dict[str, object] = {
            name: view.take(name, at).tobytes()
            for name in view.snapshot.columns.keys()
            - view.snapshot.labels.keys()
            - {"text_cluster"}
        }
        parts |= {name: view.label_of(name, row) for name in view.snapshot.labels}
        parts |= {"display": view.display_of(row), "vector": view.fetch(at).tobytes()}
        parts |= {"buckets": view.text_of(row).terms.buckets.tobytes()}
        found[view.id_of(row)] = parts
    return found


def eligible_ids(view: View) -> list[set[str]]:
    return [
        set(ids_at(view, view.where(lambda part, now=now: eligible(part, now))))  # type: ignore[misc]
        for now in NOWS
    ]


def story_sets(view: View) -> dict[str, set[str]]:
    """By id, the articles of its translation group."""
    return {
        one: set(map(view.id_of, rows_of_translations(view, hashes).tolist()))
        for one in ids_at(view, view.present)
        for seed in [find_seed(view, one)]
        for hashes in [{seed.id_hash, seed.translates}]
    }


def lists(view: View, policy: Policy | None = None, **options: Any) -> dict[str, tuple[Item, ...]]:
    """By seed, its list at NOW."""
    asked, policy, now = ListOptions(**options), policy or Policy(), NOW.timestamp()
    return {
        one: list_related(ListRequest(view, find_seed(view, one), asked, policy, now)).items
        for one in ids_at(view, view.present)
    }


def outline(listed: Mapping[str, tuple[Item, ...]]) -> dict[str, list[tuple[str, str, Any]]]:
    return {one: [(i.id, i.reason, i.title) for i in items] for one, items in listed.items()}


def nearest(view: View, vector: Any) -> dict[str, float]:
    """The similarity of all eligible articles at NOW with a vector."""
    allowed = view.where(lambda part: eligible(part, NOW.timestamp()))
    hits = view.nearest(vector, len(view), allowed)
    return dict(zip(map(view.id_of, hits.rows.tolist()), hits.similarities.tolist(), strict=True))


def check_same(live: View, rebuilt: View) -> None:
    """All that does not depend on term frequencies is exactly as in a rebuild."""
    assert facts(live) == facts(rebuilt)
    assert eligible_ids(live) == eligible_ids(rebuilt)
    assert story_sets(live) == story_sets(rebuilt)
    for row in np.flatnonzero(rebuilt.present)[::9].tolist():
        vector = rebuilt.fetch(np.array([row]))[0]
        assert nearest(live, vector) == pytest.approx(nearest(rebuilt, vector), abs=1e-6)
    assert outline(lists(live, FALLBACK)) == outline(lists(rebuilt, FALLBACK))


# --- histories ---

numbers = st.integers(0, ARTICLES - 1)
ways = st.integers(0, 3)
work = st.builds(Deed, st.sampled_from(WORK), st.just(0), ways)


@st.composite
def histories(draw: st.DrawFn, kinds: tuple[str, ...], most: int, least: int = 1) -> list[Deed]:
    """Writes to so many articles at most, each written up to three times, with work between."""
    written = draw(st.lists(numbers, min_size=least, max_size=most, unique=True))
    writes = [
        Deed(draw(st.sampled_from(kinds)), number, draw(ways))
        for number in written
        for _ in range(draw(st.integers(1, 3)))
    ]
    return [*draw(st.permutations([*writes, *draw(st.lists(work, max_size=4))]))]


any_kind = histories((*STANDING, *TEXTS, "delete"), most=30)
of_texts = histories((*TEXTS, "delete"), most=CHANGED, least=CHANGED // 2)

WITHOUT_SHRINKING = (Phase.explicit, Phase.generate)
"""Shrinking takes minutes here; ask for it where a history fails."""


@pytest.mark.long
@given(history=any_kind)
@examples(12, phases=WITHOUT_SHRINKING)
def test_the_live_view_has_the_same_eligible_articles_as_a_rebuild(
    archive: Archive, history: list[Deed]
) -> None:
    with archive.copy() as newsroom:
        live = archive.live(history, newsroom)
        rebuilt = newsroom.rebuilt()
        for view in live.values():
            check_same(view, rebuilt)


def mean_overlap(archive: Archive, history: list[Deed]) -> float:
    """Over all seeds with a list, the mean share of its items that stand in both lists."""
    with archive.copy() as newsroom:
        live = archive.live(history, newsroom)["opened"]
        before, after = (lists(view, limit=LISTED) for view in (live, newsroom.rebuilt()))
    pairs = [({i.id for i in before[one]}, {i.id for i in after[one]}) for one in before]
    return float(np.mean([len(a & b) / max(len(a), len(b)) for a, b in pairs if a or b]))


@pytest.mark.long
@given(history=of_texts)
@examples(16, phases=WITHOUT_SHRINKING)
def test_lists_agree_to_95_percent_where_one_text_in_seven_changed(
    archive: Archive, history: list[Deed]
) -> None:
    assert mean_overlap(archive, history) >= 0.95


# --- rollback ---

WITHDRAWALS: Final = {
    "status": 2,
    "expiry": 1,
    "embargo": 3,
    "never": 0,
    "delete": 0,
}
withdrawals = st.dictionaries(numbers, st.sampled_from(sorted(WITHDRAWALS)), min_size=2, max_size=9)


def look(worker: Follower) -> View:
    worker.refresh()
    return worker.current().view


@pytest.mark.long
@given(withdrawn=withdrawals, late=st.integers(0, 9))
@examples(6, phases=WITHOUT_SHRINKING)
def test_a_withdrawn_article_never_returns_by_a_rollback(
    archive: Archive, withdrawn: dict[int, str], late: int
) -> None:
    """Some are withdrawn before a generation that is rolled back, some after it."""
    with archive.copy() as newsroom:
        oldest, worker = newsroom.catalog.live(), newsroom.follower()
        look(worker)
        for at, (number, kind) in enumerate(withdrawn.items()):
            if at == late:
                newsroom.rebuild()
            newsroom.do(Deed(kind, number, WITHDRAWALS[kind]))
        newsroom.rebuild()
        check_withdrawn(look(worker), withdrawn)
        newsroom.catalog.flip(newsroom.catalog.open(oldest))
        for view in (look(worker), newsroom.open().view):
            assert view.snapshot.generation == oldest
            check_withdrawn(view, withdrawn)
        check_same(look(worker), newsroom.rebuilt())
        worker.stop()


def check_withdrawn(view: View, withdrawn: Mapping[int, str]) -> None:
    """No withdrawn article is in any list; a deleted one is unknown."""
    names = {f"story-{number:02}" for number in withdrawn}
    assert not eligible_ids(view)[1] & names
    assert not {i.id for items in lists(view, limit=100).values() for i in items} & names
    for number, kind in withdrawn.items():
        assert (view.row_of(f"story-{number:02}") is None) == (kind == "delete")


# --- before the first rebuild ---


def test_a_worker_follows_a_newsroom_before_any_text_was_read(tmp_path: Path) -> None:
    """An article shows as unread first; the first text that is read brings the width."""
    newsroom = Newsroom(tmp_path, READER)
    replica = Replica(empty_base_snapshot(FAKE_MODEL, newsroom.store.state().epoch))
    newsroom.do(Deed("again", 0, 0))
    follow(replica, newsroom.store)
    assert eligible_ids(replica.view)[1] == set()
    newsroom.indexer.drain()
    follow(replica, newsroom.store)
    assert eligible_ids(replica.view)[1] == {"story-00"}
    newsroom.store.close()


@pytest.mark.long
def test_a_rebuild_keeps_the_order_of_articles_of_one_date(
    archive: Archive,
) -> None:
    """Such as all that have no date, or those that an import dated alike."""
    with archive.copy() as newsroom:
        alike = [newsroom.documents[f"story-{n:02}"] | {"published_at": moment(-1)} for n in (0, 3)]
        newsroom.store.write_many([_article(one) for one in alike])
        newsroom.rebuild()
        newsroom.store.put(_article(alike[0] | {"tags": ["port"]}))
        live = newsroom.open().view
        assert outline(lists(live, FALLBACK)) == outline(lists(newsroom.rebuilt(), FALLBACK))


# --- by hand ---


def measure(count: int) -> list[float]:
    """The mean overlap of each of so many histories that change texts."""
    found: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "archive").mkdir()
        archive = Archive.make(Path(folder) / "archive", READER)

        @given(history=of_texts)
        @settings(max_examples=count, database=None, phases=WITHOUT_SHRINKING)
        def run(history: list[Deed]) -> None:
            found.append(mean_overlap(archive, history))

        run()
    return found


if __name__ == "__main__":
    shares = np.array(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
    at = np.quantile(shares, [0, 0.01, 0.05, 0.5])
    sys.stdout.write(
        f"histories {len(shares)}, mean {shares.mean():.4f}, min {at[0]:.4f}, 1 % {at[1]:.4f}, "
        f"5 % {at[2]:.4f}, median {at[3]:.4f}, below 0.95: {(shares < 0.95).sum()}\n"
    )
