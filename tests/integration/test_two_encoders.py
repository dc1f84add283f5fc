"""An archive that two encoders read: one titles and leads, one passages."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from index import Catalog, View
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.article_texts import ArticleTexts
from recommender.analysis.embedding import Encoder, Model, embed_texts
from recommender.analysis.features import Features
from recommender.articles import Article
from recommender.indexing.drafts import make_outside_seed
from recommender.indexing.indexer import Indexer
from recommender.indexing.rebuild import rebuild
from recommender.indexing.snapshots import Origin, open_generation
from recommender.live.journal import Journal
from recommender.live.replica import Replica, open_replica
from recommender.progress import Advance
from recommender.ranking.scoring import find_seed
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store
from tests.support.archives import HARBOUR, ORCHARD, HashedWords, story

TITLES = Model("titles", Path(), "titles-1", None)
PAIR = Model("passages", Path(), "pair-1", None, titles=TITLES)
"""Of many languages, so that vectors and passages are centred."""
IDS = [f"{name}-{number}" for name in ("harbour", "orchard") for number in range(6)]


class TitleWords:
    """Another encoder of the words, with 40 numbers; it keeps what it has read."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        self.texts += texts
        rows = HashedWords().encode(texts, advance)[:, :40] + np.float32(0.01)
        unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


@pytest.fixture
def titles() -> TitleWords:
    return TitleWords()


@pytest.fixture
def analyzer(titles: TitleWords) -> Analyzer:
    def load(model: Model) -> Encoder:
        return titles if model == TITLES else HashedWords()

    return Analyzer(PAIR, load, str.strip)


@pytest.fixture
def store(bare: Settings) -> Iterator[ArticleStore]:
    with closing(open_store(bare.database_url)) as opened:
        yield opened


@pytest.fixture
def catalog(bare: Settings) -> Catalog:
    return Catalog(bare.data.snapshots)


def article(name: str) -> Article:
    return Article.model_validate(story(name, HARBOUR if "harbour" in name else ORCHARD))


def put(store: ArticleStore, *names: str) -> None:
    for name in names:
        store.put(article(name))


def follow(catalog: Catalog, store: ArticleStore) -> Replica:
    return open_replica(catalog, store, lambda: PAIR).replica


def content(view: View, name: str) -> tuple[list[float], list[list[float]]]:
    row = view.row_of(name)
    assert row is not None
    found = view.text_of(row)
    return found.vector.tolist(), found.passages.tolist()


def test_a_snapshot_holds_the_vectors_of_both(
    store: ArticleStore, catalog: Catalog, analyzer: Analyzer, titles: TitleWords
) -> None:
    put(store, *IDS)
    store.put(Article(id="bare", title="Only a headline"))
    done = rebuild(store, catalog, analyzer)
    assert done.embedded == 13
    snapshot = open_generation(catalog)
    manifest, origin = snapshot.manifest, Origin.of(snapshot.manifest)
    assert (manifest.dim, manifest.passage_dim, manifest.model) == (40 + 256, 256, "pair-1")
    assert (origin.encoder, origin.title_encoder) == ("passages", "titles")
    texts = [ArticleTexts.of(article(name)) for name in IDS]
    read = {text for one in texts for text in (one.title, one.lead)} | {"Only a headline"}
    assert (set(titles.texts), len(titles.texts)) == (read, len(read))
    assert all(np.diff(snapshot.passages.indptr) > 0)
    one = ArticleTexts.of(article("harbour-0"))
    wanted = embed_texts(
        one,
        *(lambda t, e=e: e.encode([t], lambda _: None)[0] for e in (HashedWords(), TitleWords())),
    )
    stored = store.features.embeddings([article("harbour-0").text_hash], "pair-1")
    found = stored[article("harbour-0").text_hash]
    np.testing.assert_allclose(found.vector, wanted.vector, atol=1e-3)
    assert found.passages.tolist() == wanted.passages.tolist()
    assert found.title_and_body.shape == (2, 256)


def test_live_is_rebuilt_and_a_draft_is_the_article(
    store: ArticleStore, catalog: Catalog, analyzer: Analyzer, tmp_path: Path
) -> None:
    """Also after the way through a journal, and through the socket of drafts."""
    put(store, *IDS)
    rebuild(store, catalog, analyzer)
    before = follow(catalog, store)
    store.put(article("orchard-0").model_copy(update={"id": "late"}))
    assert Indexer(store, analyzer).drain() == 1
    opened = open_replica(catalog, store, lambda: PAIR, return_updates=True)
    live, updates = opened.replica.view, opened.updates
    assert content(live, "late") == content(live, "orchard-0")
    journal = Journal(tmp_path / "journals")
    journal.acquire()
    name = live.snapshot.generation
    journal.restart(name, opened.replica.base.origin.epoch, opened.replica.point, updates or ())
    loaded = journal.load(name)
    journal.close()
    assert loaded is not None
    before.apply(loaded.updates)
    assert content(before.view, "late") == content(live, "late")
    indexer = Indexer(store, analyzer)
    draft = indexer.read_draft(article("orchard-0"))
    sent = Features.from_json(draft.features.to_json())
    assert sent is not None
    seed = make_outside_seed(live, article("orchard-0"), replace(draft, features=sent))
    known = find_seed(live, "orchard-0")
    for made, stored in ((seed.vector, known.vector), (seed.passages, known.passages)):
        assert made is not None
        assert stored is not None
        np.testing.assert_allclose(made, stored, atol=0.02)
    assert rebuild(store, catalog, analyzer).embedded == 0
    rebuilt = follow(catalog, store).view
    assert content(rebuilt, "late") == content(rebuilt, "orchard-0")


def test_without_a_snapshot_the_changes_alone_have_both_lengths(
    store: ArticleStore, catalog: Catalog, analyzer: Analyzer
) -> None:
    put(store, "harbour-0")
    unread = follow(catalog, store)
    assert (unread.view.dim, unread.view.passage_dim) == (1, 1)
    Indexer(store, analyzer).drain()
    unread.follow(store)
    assert (unread.view.dim, unread.view.passage_dim) == (40 + 256, 256)
    vector, passages = content(unread.view, "harbour-0")
    assert (len(vector), len(passages[0])) == (40 + 256, 256)


@pytest.mark.long
def test_changing_to_two_encoders_and_back_embeds_anew(
    store: ArticleStore, catalog: Catalog, analyzer: Analyzer
) -> None:
    """Embeddings of the other kind stay in the store as long as a generation needs them."""
    alone = Analyzer(Model("passages", Path(), "one-1", None), lambda _: HashedWords(), str.strip)
    put(store, *IDS)
    assert rebuild(store, catalog, alone).embedded == 12
    assert rebuild(store, catalog, analyzer).embedded == 12
    assert store.features.models() == {"one-1", "pair-1"}
    assert rebuild(store, catalog, alone).embedded == 0
    manifest = open_generation(catalog).manifest
    assert (manifest.dim, manifest.passage_dim, manifest.model) == (256, 256, "one-1")
