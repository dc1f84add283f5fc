"""A rebuild that would make lists worse is refused, and says which check and by how much."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index import Catalog, Rows
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Model
from recommender.errors import GateRefused
from recommender.indexing import rebuild as rebuilding
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.indexing.rebuild import rebuild
from recommender.indexing.snapshots import build_options
from recommender.store import ArticleStore, open_store
from tests.support.archives import Document, write

Story = Callable[..., dict[str, object]]
Readers = Callable[..., Analyzer]
TOPICS = 12


def texts(count: int) -> list[Document]:
    """Articles on a dozen topics, each with words of its own."""
    draw = np.random.default_rng(7)

    def body(number: int) -> str:
        common = [f"t{number % TOPICS}w{word}" for word in draw.integers(0, 60, 80).tolist()]
        return " ".join([*common, f"own{number} extra{number} more{number}"])

    return [
        {
            "id": f"story-{number:03}",
            "title": f"topic{number % TOPICS} title{number}",
            "body": body(number),
            "language": "en",
        }
        for number in range(count)
    ]


@pytest.fixture
def store(tmp_path: Path) -> ArticleStore:
    return open_store(f"sqlite:///{tmp_path / 'a.db'}")


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "snapshots")


@pytest.mark.long
def test_a_first_build_half_as_much_more_and_a_tenth_withdrawn_pass(
    store: ArticleStore,
    catalog: Catalog,
    reader_with_fake: Readers,
) -> None:
    reader = reader_with_fake()
    write(store, *texts(120)[:80])
    assert rebuild(store, catalog, reader).articles == 80
    write(store, *texts(120))
    assert rebuild(store, catalog, reader).articles == 120
    write(store, *(text | {"status": "withheld"} for text in texts(12)))
    assert rebuild(store, catalog, reader).articles == 120
    for text in texts(24)[12:]:
        store.delete(str(text["id"]))
    assert rebuild(store, catalog, reader).articles == 108


@pytest.mark.long
@pytest.mark.parametrize(
    ("before", "alike"),
    [({}, True), ({"model": "another"}, False), ({"analyzer": "an earlier one"}, False)],
    ids=str,
)
def test_lists_are_compared_only_where_model_and_analyzer_are_as_before(
    store: ArticleStore,
    catalog: Catalog,
    reader_with_fake: Readers,
    monkeypatch: pytest.MonkeyPatch,
    before: dict[str, str],
    *,
    alike: bool,
) -> None:
    asked = list[bool]()
    monkeypatch.setattr(rebuilding, "admit", lambda *_, same_model, **__: asked.append(same_model))
    write(store, *texts(3))
    with monkeypatch.context() as patch:
        patch.setattr(rebuilding, "build_options", lambda *args: {**build_options(*args), **before})
        rebuild(store, catalog, reader_with_fake())
    rebuild(store, catalog, reader_with_fake())
    assert asked == [False, alike]


@pytest.mark.long
@pytest.mark.parametrize("first", [True, False])
def test_shuffled_vectors_are_refused_and_published_by_force(
    store: ArticleStore,
    catalog: Catalog,
    reader_with_fake: Readers,
    monkeypatch: pytest.MonkeyPatch,
    *,
    first: bool,
) -> None:
    write(store, *texts(80))
    if not first:
        rebuild(store, catalog, reader_with_fake())
        write(store, texts(1)[0] | {"section": "city"})

    def shuffled(
        documents: Sequence[IndexedDocument], model: Model, dim: int, passage_dim: int = 0
    ) -> Rows:
        rows = build_rows(documents, model, dim, passage_dim)
        return replace(rows, vectors=np.roll(rows.vectors, 5, axis=0))

    monkeypatch.setattr(rebuilding, "build_rows", shuffled)
    live = None if first else catalog.live()
    with pytest.raises(GateRefused, match=r"true: (.|\n)*--force"):
        rebuild(store, catalog, reader_with_fake())
    assert (None if first else catalog.live()) == live
    assert list(catalog.folder.glob(".building-*")) == []
    forced = rebuild(store, catalog, reader_with_fake(), force=True)
    assert catalog.live() == forced.generation
