"""A rebuild that would make lists worse is refused, and says which check and by how much."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index import Catalog, Rows
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Model
from recommender.analysis.features import Features
from recommender.errors import GateRefused
from recommender.indexing import rebuild as rebuilding
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.indexing.rebuild import rebuild
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


def refusal(store: ArticleStore, catalog: Catalog, reader: Analyzer) -> str:
    """What a rebuild is refused for; the live generation stays, and nothing is left aside."""
    live = catalog.live() if catalog.generations() else None
    with pytest.raises(GateRefused) as refused:
        rebuild(store, catalog, reader)
    assert (catalog.live() if live else None) == live
    assert not list(catalog.folder.glob(".building-*"))
    return str(refused.value)


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


def test_a_model_change_passes_and_its_lists_are_not_compared(
    store: ArticleStore,
    catalog: Catalog,
    reader_with_fake: Readers,
    fake_encoder: object,
) -> None:
    class Another:
        """The same words in other places."""

        def encode(self, words: Sequence[str], advance: object) -> object:
            return np.roll(fake_encoder.encode(words, advance), 31, axis=1)  # type: ignore[attr-defined]

    write(store, *texts(80))
    rebuild(store, catalog, reader_with_fake())
    other = Model("other", Path(), "other-1", frozenset({"en"}))
    done = rebuild(store, catalog, replace(reader_with_fake(Another()), model=other))
    assert done.embedded == 80
    assert catalog.open_live().manifest.model == "other-1"


@pytest.mark.parametrize("first", [True, False])
def test_shuffled_vectors_are_refused_and_force_publishes_them(
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

    def swapped(one: IndexedDocument, other: Features | None) -> IndexedDocument:
        assert one.features is not None
        assert other is not None
        return replace(one, features=replace(one.features, embedding=other.embedding))

    def shuffled(documents: Sequence[IndexedDocument], model: Model, dim: int) -> Rows:
        features = [one.features for one in documents]
        return build_rows([*map(swapped, documents, [*features[5:], *features[:5]])], model, dim)

    monkeypatch.setattr(rebuilding, "build_rows", shuffled)
    said = refusal(store, catalog, reader_with_fake())
    assert "true: " in said
    assert "--force" in said
    forced = rebuild(store, catalog, reader_with_fake(), force=True)
    assert catalog.live() == forced.generation


def test_half_the_articles_missing_from_the_snapshot_is_refused(
    store: ArticleStore,
    catalog: Catalog,
    reader_with_fake: Readers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(store, *texts(80))

    def halved(documents: Sequence[IndexedDocument], model: Model, dim: int) -> Rows:
        return build_rows(documents[::2], model, dim)

    monkeypatch.setattr(rebuilding, "build_rows", halved)
    assert "rows: " in refusal(store, catalog, reader_with_fake())
