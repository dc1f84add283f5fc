"""A full rebuild with the real model says the same as one from kept vectors."""

from pathlib import Path

import numpy as np
import pytest

from index import Catalog, Snapshot, View
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.api import ListOptions
from recommender.indexing.rebuild import rebuild
from recommender.ranking.candidates import ListRequest
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related
from recommender.ranking.scoring import find_seed
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store
from tests.support.archives import copy_archive

pytestmark = pytest.mark.long  # it embeds the sample again

NOW = 1_792_000_000.0
GONE = 11


@pytest.fixture(scope="module")
def cached_and_full(
    sample_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Snapshot, Snapshot]:
    """The sample without some articles, so that texts meet others in their batches."""
    folder = tmp_path_factory.mktemp("full")
    copy_archive(sample_settings.data_dir, folder / "data")
    store = open_store(f"sqlite:///{folder / 'data' / 'read-also.db'}")
    with store.scan() as view:
        doomed = [stored.article.id for stored in view][::GONE]
    for article_id in doomed:
        store.delete(article_id)
    kept = build(folder / "kept", store, full=False)
    full = build(folder / "full", store, full=True)
    store.close()
    return kept, full


def build(folder: Path, store: ArticleStore, *, full: bool) -> Snapshot:
    catalog = Catalog(folder)
    rebuild(
        store, catalog, Analyzer(find_model("bundled", folder), load_encoder, str.strip), full=full
    )
    return catalog.open_live()


def test_vectors_computed_again_are_the_same_but_for_rounding(
    cached_and_full: tuple[Snapshot, Snapshot],
) -> None:
    kept, full = cached_and_full
    rows = np.arange(len(kept))
    assert [kept.id_of(row) for row in range(len(kept))] == [
        full.id_of(row) for row in range(len(full))
    ]
    cosines = (kept.vectors.fetch(rows) * full.vectors.fetch(rows)).sum(axis=1)
    assert cosines.min() >= 0.9999


def test_lists_are_the_same_but_for_close_neighbours(
    cached_and_full: tuple[Snapshot, Snapshot],
) -> None:
    shared, shown = 0, 0
    for row in range(len(cached_and_full[0])):
        one, two = (listed(s, cached_and_full[0].id_of(row)) for s in cached_and_full)
        shared, shown = shared + len(one & two), shown + max(len(one), len(two))
    assert shared / shown >= 0.98


def listed(snapshot: Snapshot, article_id: str) -> set[str]:
    view = View.of(snapshot)
    items = list_related(
        ListRequest(view, find_seed(view, article_id), ListOptions(), Policy(), NOW)
    ).items
    return {item.id for item in items}
