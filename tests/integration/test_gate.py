"""A rebuild that would make lists worse is refused, and says which check and by how much."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index import Catalog, Rows
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Model
from recommender.analysis.features import Features
from recommender.articles import parse_article
from recommender.errors import GateRefused
from recommender.indexing import rebuild as rebuilding
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.indexing.rebuild import Rebuilt, rebuild
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store

Story = Callable[..., dict[str, object]]
Readers = Callable[..., Analyzer]
TOPICS = 12


@pytest.fixture(scope="module")
def texts() -> Callable[[int], list[dict[str, object]]]:
    """Articles on a dozen topics, each with words of its own."""

    def make(count: int) -> list[dict[str, object]]:
        draw = np.random.default_rng(7)
        return [
            {
                "id": f"story-{number:03}",
                "title": f"topic{number % TOPICS} title{number}",
                "body": " ".join(
                    f"t{number % TOPICS}w{word}" for word in draw.integers(0, 60, 80).tolist()
                )
                + f" own{number} extra{number} more{number}",
                "language": "en",
            }
            for number in range(count)
        ]

    return make


@pytest.fixture
def store(tmp_path: Path) -> ArticleStore:
    return open_store(f"sqlite:///{tmp_path / 'a.db'}")


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "snapshots")


def put(store: ArticleStore, documents: Sequence[dict[str, object]]) -> None:
    store.write_many([parse_article(json.dumps(document)) for document in documents])


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
    texts: Callable[[int], list[dict[str, object]]],
) -> None:
    reader = reader_with_fake()
    put(store, texts(120)[:80])
    assert rebuild(store, catalog, reader).articles == 80
    put(store, texts(120))
    assert rebuild(store, catalog, reader).articles == 120
    put(store, [text | {"status": "withheld"} for text in texts(12)])
    assert rebuild(store, catalog, reader).articles == 120
    for text in texts(24)[12:]:
        store.delete(str(text["id"]))
    assert rebuild(store, catalog, reader).articles == 108


def test_a_model_change_passes_and_its_lists_are_not_compared(
    store: ArticleStore,
    catalog: Catalog,
    reader_with_fake: Readers,
    texts: Callable[[int], list[dict[str, object]]],
    fake_encoder: object,
) -> None:
    class Another:
        """The same words in other places."""

        def encode(self, words: Sequence[str], advance: object) -> object:
            return np.roll(fake_encoder.encode(words, advance), 31, axis=1)  # type: ignore[attr-defined]

    put(store, texts(80))
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
    texts: Callable[[int], list[dict[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
    *,
    first: bool,
) -> None:
    put(store, texts(80))
    if not first:
        rebuild(store, catalog, reader_with_fake())
        put(store, [texts(1)[0] | {"section": "city"}])

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


def test_half_the_articles_gone_from_the_store_is_refused(
    store: ArticleStore,
    catalog: Catalog,
    reader_with_fake: Readers,
    texts: Callable[[int], list[dict[str, object]]],
) -> None:
    put(store, texts(80))
    rebuild(store, catalog, reader_with_fake())
    for text in texts(80)[::2]:
        store.delete(str(text["id"]))
    said = refusal(store, catalog, reader_with_fake())
    assert "live rows: the live generation has 80 (40; the bound is 64)" in said


def test_half_the_articles_missing_from_the_snapshot_is_refused(
    store: ArticleStore,
    catalog: Catalog,
    reader_with_fake: Readers,
    texts: Callable[[int], list[dict[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(store, texts(80))

    def halved(documents: Sequence[IndexedDocument], model: Model, dim: int) -> Rows:
        return build_rows(documents[::2], model, dim)

    monkeypatch.setattr(rebuilding, "build_rows", halved)
    assert "rows: " in refusal(store, catalog, reader_with_fake())


def test_articles_that_wait_or_are_parked_are_not_missed(
    store: ArticleStore,
    catalog: Catalog,
    reader_with_fake: Readers,
    texts: Callable[[int], list[dict[str, object]]],
) -> None:
    put(store, texts(10))
    put(store, [{"id": "bad", "title": "Bad", "body_html": "<poison>"}])
    done = rebuild(store, catalog, reader_with_fake())
    assert (done.articles, done.unread) == (10, 1)
    assert [letter.id for letter in store.queue.dead_letters()] == ["bad"]


def test_nothing_is_published_over_a_full_archive_from_an_empty_store(
    own_desk: Settings, tmp_path: Path, reader_with_fake: Readers
) -> None:
    """A wrong address of the store makes an empty archive; the lists stay."""
    empty = open_store(f"sqlite:///{tmp_path / 'wrong.db'}")
    catalog = Catalog(own_desk.data.snapshots)
    assert "live rows: " in refusal(empty, catalog, reader_with_fake())


def test_a_second_rebuild_of_the_same_passes(
    own_desk: Settings, rebuild_with_fake: Callable[..., Rebuilt]
) -> None:
    assert rebuild_with_fake(own_desk) == rebuild_with_fake(own_desk)
