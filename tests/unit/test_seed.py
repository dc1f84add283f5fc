"""The seed in a view, from the snapshot or from its delta."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index import DeltaWriter, View
from recommender.analysis.embedding import Model
from recommender.analysis.minhash import MINHASH_SIZE
from recommender.articles import Article, hash_id
from recommender.errors import UnreadArticle
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.ranking.scoring import find_seed, seed_of
from tests.support.documents import publish
from tests.support.features import make_embedding, make_features

MODEL = Model("fake", Path(), "fake-1", frozenset({"en"}))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def known(article_id: str, vector: Sequence[float] | None, **fields: Any) -> IndexedDocument:
    article = Article(**{"id": article_id, "title": f"About {article_id} "} | fields)
    if vector is None:
        return IndexedDocument(article, None, 1, up_to_date=False)
    return IndexedDocument(
        article, make_features(embedding=make_embedding(vector)), 1, up_to_date=True
    )


@pytest.fixture
def delta_writer(tmp_path: Path) -> DeltaWriter:
    documents = [known("a", (0.6, 0.8)), known("b", (1, 0))]
    return DeltaWriter(View.of(publish(tmp_path, documents, MODEL)))


FULL = {
    "section": "city",
    "published_at": NOON,
    "translation_of": "original",
    "no_related": True,
    "language": "en-GB",
}


@pytest.mark.parametrize("later", [True, False])
def test_a_seed_has_the_fields_of_the_article(
    tmp_path: Path,
    delta_writer: DeltaWriter,
    later: bool,  # noqa: FBT001
) -> None:
    document = known("c", (0.6, 0.8), **FULL)
    if later:
        delta_writer.apply(build_rows([document], MODEL, dim=2), ())
        view = delta_writer.view
    else:
        view = View.of(publish(tmp_path / "other", [document], MODEL))
    seed = find_seed(view, "c")
    assert (seed.id, seed.language, seed.section) == ("c", "en", "city")
    assert seed.published_at == NOON.timestamp()
    assert {seed.id_hash, seed.translates} == {hash_id("c"), hash_id("original")}
    assert (seed.has_list, seed.up_to_date, seed.embedded) == (False, True, True)
    assert seed.minhash.tolist() == [7] * MINHASH_SIZE
    assert seed.vector is not None
    assert seed.terms is not None
    np.testing.assert_allclose(seed.vector, [0.6, 0.8], atol=1e-3)
    assert seed.terms.buckets.tolist() == [3, 9]
    np.testing.assert_allclose(seed.terms.weights, [2**-0.5] * 2, atol=1e-3)


def test_a_seed_without_section_and_date_has_none(delta_writer: DeltaWriter) -> None:
    seed = find_seed(delta_writer.view, "a")
    assert {seed.id_hash, seed.translates} == {hash_id("a")}
    assert (seed.section, seed.has_list) == (None, True)
    assert np.isnan(seed.published_at)


def test_a_seed_that_was_not_read_has_neither_vector_nor_terms(delta_writer: DeltaWriter) -> None:
    delta_writer.apply(build_rows([known("c", None, section="city")], MODEL, dim=2), ())
    seed = find_seed(delta_writer.view, "c")
    assert (seed.vector, seed.terms) == (None, None)
    assert (seed.up_to_date, seed.embedded, seed.section) == (False, False, "city")


def test_the_newest_state_is_the_seed(delta_writer: DeltaWriter) -> None:
    for title in ("Second", "Third"):
        rows = build_rows([known("a", (0, 1), title=title)], MODEL, dim=2)
        delta_writer.apply(rows, ())
    seed = find_seed(delta_writer.view, "a")
    assert seed.vector is not None
    np.testing.assert_allclose(seed.vector, [0, 1], atol=1e-3)


def test_a_deleted_or_unknown_article_is_no_seed(delta_writer: DeltaWriter) -> None:
    delta_writer.apply(build_rows([], MODEL, dim=2), ["a"])
    for article_id in ("a", "nobody"):
        assert seed_of(delta_writer.view, article_id) is None
        with pytest.raises(UnreadArticle, match=article_id):
            find_seed(delta_writer.view, article_id)
    assert seed_of(delta_writer.view, "b") is not None
