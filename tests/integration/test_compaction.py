"""A compaction merges the live snapshot with what has changed, or says why it builds anew."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from index import BUCKETS, Catalog, Manifest, Snapshot, View
from index.manifest import Files
from recommender.analysis.embedding import Model
from recommender.indexing import compaction, rebuild
from recommender.indexing.compaction import CHANGED_NOTE, Descent, compact, why_full
from recommender.indexing.snapshots import FULL_NOTE, build_options, open_generation
from recommender.live.replica import open_replica
from recommender.operations.erasure import erase
from recommender.ranking.vector_share import SHARES_NOTE
from recommender.settings import Settings
from recommender.store import ArticleStore, StoredArticle
from tests.support.archives import write

Read = Callable[..., int]
Story = Callable[..., dict[str, Any]]
Documents = dict[str, Any]


@pytest.fixture(autouse=True)
def _merges_small_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "LEAST_ROWS", 0)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the articles whose features a merge loads."""
    ids: list[str] = []
    load = rebuild.index_page

    def noting(store: ArticleStore, page: Sequence[StoredArticle], model: str) -> Any:
        ids.extend(one.article.id for one in page)
        return load(store, page, model)

    monkeypatch.setattr(compaction, "index_page", noting)
    return ids


def change_some(
    settings: Settings, store: ArticleStore, read: Read, documents: Documents, story: Story
) -> None:
    """One new article, one with another text, one with another section, one that is deleted."""
    write(
        store,
        story("fresh"),
        documents["harbour-2"] | {"section": "moved"},
        documents["harbour-3"] | {"title": "Another headline"},
    )
    store.delete("harbour-4")
    read(settings)


def told_of(snapshot: Snapshot, article_id: str) -> list[Any]:
    row = snapshot.row_of(article_id)
    assert row is not None
    view, at = View.of(snapshot), np.array([row])
    text = view.text_of(row)
    return [
        snapshot.vectors.codes(at).tolist(),
        text.passages.tolist(),
        text.terms.buckets.tolist(),
        text.terms.weights.tolist(),
        [view.label_of(name, row) for name in snapshot.labels],
        {
            name: column[row].tobytes()  # a time may be NaN
            for name, column in snapshot.columns.items()
            if name not in snapshot.labels
        },
        view.keywords_of(row),
        view.display_of(row),
    ]


def test_what_changed_is_merged_and_nothing_else_is_loaded(
    own_desk: Settings,
    desk_store: ArticleStore,
    fake_model: Model,
    index_with_fake: Read,
    desk_documents: Documents,
    make_story: Story,
    loaded: list[str],
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    before = catalog.open_live()
    change_some(own_desk, desk_store, index_with_fake, desk_documents, make_story)
    updated = open_replica(catalog, desk_store, lambda: fake_model).replica.view
    done = compact(desk_store, catalog, fake_model)
    after = open_generation(catalog)
    assert loaded == ["fresh", "harbour-2", "harbour-3"]
    ids = {*desk_documents, "fresh"} - {"harbour-4"}
    assert [after.id_of(row) for row in range(len(after))] == sorted(ids)
    assert done.articles == len(ids)
    for one in ids - {"fresh", "harbour-2", "harbour-3"}:
        assert told_of(before, one) == told_of(after, one)
    view = View.of(after)
    for one in ("fresh", "harbour-2", "harbour-3"):
        row, row_before = view.row_of(one), updated.row_of(one)
        assert row is not None
        assert row_before is not None
        texts = view.text_of(row), updated.text_of(row_before)
        np.testing.assert_array_equal(texts[0].vector, texts[1].vector)
        np.testing.assert_array_equal(texts[0].terms.weights, texts[1].terms.weights)
        assert view.display_of(row) == updated.display_of(row_before)
    assert after.manifest.notes[FULL_NOTE] == before.generation
    assert Descent.of(after.manifest).changed == {"en": 3}
    assert after.manifest.notes[SHARES_NOTE] == before.manifest.notes[SHARES_NOTE]


@pytest.mark.long
def test_a_second_merge_adds_to_the_changes_and_names_the_same_full_build(
    own_desk: Settings, desk_store: ArticleStore, fake_model: Model
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    full = catalog.live()
    for number in (2, 3):
        desk_store.delete(f"harbour-{number}")
        compact(desk_store, catalog, fake_model)
    descent = Descent.of(catalog.open_live().manifest)
    assert (descent.full, descent.changed) == (full, {"en": 2})
    assert sum(descent.rows.values()) == len(catalog.open_live()) + 2


def test_a_merge_of_nothing_keeps_every_byte(
    own_desk: Settings, desk_store: ArticleStore, fake_model: Model
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    before = catalog.open_live().manifest
    desk_store.policies.put(json.dumps({"rules": []}))
    compact(desk_store, catalog, fake_model)
    after = catalog.open_live().manifest
    assert after.change > before.change
    assert after.files == before.files
    assert not after.notes.keys() & {FULL_NOTE, CHANGED_NOTE}


@pytest.mark.long
def test_what_is_asked_for_anew_or_was_damaged_is_built_anew(
    own_desk: Settings, desk_store: ArticleStore, fake_model: Model, loaded: list[str]
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    desk_store.delete("harbour-2")
    compact(desk_store, catalog, fake_model, full=True)
    assert FULL_NOTE not in catalog.open_live().manifest.notes
    desk_store.delete("harbour-3")
    damaged = catalog.folder / catalog.live() / Files.DISPLAY
    damaged.write_bytes(damaged.read_bytes()[::-1])
    compact(desk_store, catalog, fake_model)
    assert FULL_NOTE not in catalog.open_live().manifest.notes
    assert catalog.open_live().row_of("harbour-3") is None
    assert loaded == []


@pytest.mark.long
def test_an_article_that_is_not_read_is_neither_missed_nor_taken_up(
    own_desk: Settings, desk_store: ArticleStore, fake_model: Model, make_story: Story
) -> None:
    write(desk_store, make_story("unread"))
    catalog = Catalog(own_desk.data.snapshots)
    before = len(catalog.open_live())
    done = compact(desk_store, catalog, fake_model)
    assert (done.articles, done.unread) == (before, 1)
    assert catalog.open_live().row_of("unread") is None


@pytest.mark.long
def test_the_log_says_why_all_is_built_anew(
    own_desk: Settings,
    desk_store: ArticleStore,
    fake_model: Model,
    desk_documents: Documents,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="recommender.indexing.compaction")
    for one in [*desk_documents][: len(desk_documents) // 6]:
        desk_store.delete(one)
    catalog = Catalog(own_desk.data.snapshots)
    full = catalog.live()
    compact(desk_store, catalog, fake_model)
    assert catalog.open_live().manifest.notes[FULL_NOTE] == full
    for one in [*desk_documents][len(desk_documents) // 6 : len(desk_documents) // 4]:
        desk_store.delete(one)
    compact(desk_store, catalog, fake_model)
    assert FULL_NOTE not in catalog.open_live().manifest.notes
    assert "articles changed" in caplog.text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": "another"}, "another model"),
        ({"analyzer": "another"}, "another analyzer"),
        ({"epoch": "another"}, "another epoch"),
        ({"centred": True}, "another centred"),
        ({"notes": {"release": "0.1"}}, "another release"),
        ({"notes": {"languages": "tg"}}, "another languages"),
        ({"notes": {"title_encoder": "a"}, "model": "a"}, "another model, title_encoder"),
        ({"notes": {"mark": "later", SHARES_NOTE: "{}", FULL_NOTE: "a", CHANGED_NOTE: "{}"}}, None),
        ({"rows": 6}, None),
        ({"rows": 5}, "3 of 5 articles were touched"),
    ],
)
def test_changes_are_merged_only_where_rows_are_computed_as_before(
    own_desk: Settings,
    desk_store: ArticleStore,
    fake_model: Model,
    change: dict[str, Any],
    reason: str | None,
) -> None:
    live = Catalog(own_desk.data.snapshots).open_live().manifest
    wanted = build_options(fake_model, desk_store.state())
    notes = {**live.notes, **change.get("notes", {})}
    changed: Manifest = replace(live, **{**change, "notes": notes})
    assert why_full(changed, wanted, 3) == reason


@pytest.mark.parametrize(
    ("rows", "changed", "reason"),
    [
        ({"en": 1_000}, {"en": 200}, None),
        ({"en": 1_000}, {"en": 201}, "201 of 1000 articles changed"),
        ({"en": 1_000, "tg": 10}, {"tg": 50, "fa": 50}, None),
        ({"en": 1_000, "tg": 10}, {"tg": 51}, "51 of 10 articles in 'tg' changed"),
        ({"en": 1_000}, {"fa": 51}, "51 of 0 articles in 'fa' changed"),
    ],
)
def test_drift_is_bounded_in_all_and_in_each_language(
    rows: dict[str, int], changed: dict[str, int], reason: str | None
) -> None:
    assert Descent("g", rows, {}).after(changed).drift == reason


@pytest.mark.long
def test_what_changes_no_text_is_no_drift(
    own_desk: Settings, desk_store: ArticleStore, fake_model: Model, desk_documents: Documents
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    full = catalog.live()
    write(desk_store, desk_documents["harbour-2"] | {"section": "moved"})
    compact(desk_store, catalog, fake_model)
    descent = Descent.of(catalog.open_live().manifest)
    assert (descent.full, descent.changed) == (full, {})


def test_what_was_deleted_and_written_anew_but_is_not_read_leaves_the_rows(
    own_desk: Settings, desk_store: ArticleStore, fake_model: Model, make_story: Story
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    desk_store.delete("harbour-2")
    write(desk_store, make_story("harbour-2", title="Quite another story", body="Not read yet."))
    compact(desk_store, catalog, fake_model)
    assert FULL_NOTE in catalog.open_live().manifest.notes
    assert catalog.open_live().row_of("harbour-2") is None


def test_where_the_log_does_not_reach_back_all_is_built_anew(
    own_desk: Settings,
    desk_store: ArticleStore,
    fake_model: Model,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    desk_store.delete("harbour-2")
    monkeypatch.setattr("recommender.store.StoreScan.has_position", lambda *_: False)
    with caplog.at_level(logging.INFO):
        compact(desk_store, catalog, fake_model)
    assert "all is built anew: the change log" in caplog.text
    assert FULL_NOTE not in catalog.open_live().manifest.notes


def test_erasing_removes_what_a_merge_has_kept_of_an_article(
    own_desk: Settings, desk_store: ArticleStore, fake_model: Model
) -> None:
    """The statistics of a merged snapshot are those of its full build, with deleted articles."""
    catalog = Catalog(own_desk.data.snapshots)
    desk_store.delete("harbour-2")
    merged = compact(desk_store, catalog, fake_model).generation

    def publish() -> str:
        return compact(desk_store, catalog, fake_model, full=True, keep=10**6).generation

    done = erase(desk_store, catalog, own_desk.data, "harbour-2", publish)
    lexicon = catalog.open_live().lexicon
    counted = np.bincount(lexicon.terms.words & (BUCKETS - 1), minlength=BUCKETS)
    np.testing.assert_array_equal(lexicon.frequency, counted)
    assert merged in done.generations
    assert catalog.generations() == [done.published]
