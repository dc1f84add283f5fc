"""The origin of a generation reads back as it was stamped."""

from pathlib import Path

import pytest

from index import Catalog, Manifest
from recommender.analysis.analyzer import ANALYZER_VERSION
from recommender.analysis.embedding import Model
from recommender.indexing.documents import build_rows
from recommender.indexing.snapshots import (
    CatalogNote,
    Origin,
    build_options,
    gate_refusal,
    needs_rebuild,
    read_live_manifest,
    rollback_hold,
)
from recommender.store import LogPosition, StoreState
from tests.support.generations import as_format
from tests.support.index_rows import a_manifest

POINT = LogPosition(7, "20260301T120000.000001")


def published(folder: Path, languages: frozenset[str] | None, at: LogPosition = POINT) -> Manifest:
    model = Model("./models/a name", Path(), "fake-1", languages)
    stamp = build_options(model, StoreState("epoch-1", at))
    return Catalog(folder).publish_rows(build_rows([], model, dim=1), **stamp).manifest


@pytest.mark.parametrize(
    ("languages", "supported"),
    [
        (None, {"en", "tg", None}),
        (frozenset(), set()),
        (frozenset({"en"}), {"en"}),
        (frozenset({"ru", "tg"}), {"tg"}),
    ],
)
def test_the_origin_reads_back_as_stamped(
    tmp_path: Path, languages: frozenset[str] | None, supported: set[str | None]
) -> None:
    manifest = published(tmp_path, languages)
    origin = Origin.of(manifest)
    assert origin == Origin("epoch-1", POINT, "fake-1", "./models/a name", languages)
    assert {one for one in ("en", "tg", None) if origin.supports(one)} == supported
    assert (manifest.analyzer, manifest.grouped_by) == (ANALYZER_VERSION, "language")


def test_the_origin_names_both_encoders(tmp_path: Path) -> None:
    model = Model("words", Path(), "both", None, titles=Model("titles", Path(), "t", None))
    stamp = build_options(model, StoreState("epoch-1", POINT))
    manifest = Catalog(tmp_path).publish_rows(build_rows([], model, dim=1), **stamp).manifest
    origin = Origin.of(manifest)
    assert (origin.encoder, origin.title_encoder, origin.model) == ("words", "titles", "both")


def test_a_generation_without_notes_knows_only_its_log_position() -> None:
    origin = Origin.of(a_manifest(notes={}, change=7, epoch="e", model="m"))
    assert origin == Origin("e", LogPosition(7, ""), "m", "", None)


def test_a_rebuild_is_needed_if_the_features_cannot_be_used(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    assert not needs_rebuild(catalog)
    model, state = Model("m", Path(), "f", None), StoreState("e", POINT)
    stamp, rows = build_options(model, state), build_rows([], model, dim=1)
    catalog.publish_rows(rows, **stamp)
    assert not needs_rebuild(catalog)
    whole = catalog.live()
    stamp["analyzer"] = "an earlier version"
    catalog.publish_rows(rows, **stamp)
    assert needs_rebuild(catalog)
    as_format(catalog, 2)
    assert needs_rebuild(catalog)
    catalog.flip(catalog.open(whole))
    assert not needs_rebuild(catalog)
    (tmp_path / "live").write_bytes(b"?")
    assert needs_rebuild(catalog)


def test_a_generation_pruned_while_its_manifest_is_looked_for_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = published(tmp_path, None)
    catalog, manifests = Catalog(tmp_path), Catalog.manifests

    def overtaken(self: Catalog) -> dict[str, Manifest]:
        monkeypatch.undo()
        published(tmp_path, frozenset({"en"}), LogPosition(8, POINT.mark))  # the order of prune
        self.prune(keep=1)
        return manifests(self)

    monkeypatch.setattr(Catalog, "manifests", overtaken)
    found = read_live_manifest(catalog)
    assert found == manifests(catalog)[catalog.live()] != first


@pytest.mark.parametrize("text", ["", "rolled back\n", "Ёж 🙂"])
def test_a_note_is_active_until_it_is_removed(tmp_path: Path, text: str) -> None:
    note = CatalogNote(tmp_path / "note")
    assert note.text is None
    note.write("before")
    note.write(text)
    assert note.text == text
    for _ in range(2):
        note.remove()
        assert note.text is None


def test_notes_are_visible_to_every_process_and_are_no_generations(tmp_path: Path) -> None:
    published(tmp_path, None)
    catalog, other = (Catalog(tmp_path) for _ in range(2))
    rollback_hold(catalog).write("rolled back")
    assert (rollback_hold(other).text, gate_refusal(other).text) == ("rolled back", None)
    gate_refusal(catalog).write("worse")
    catalog.prune(keep=1)
    assert (rollback_hold(other).text, gate_refusal(other).text) == ("rolled back", "worse")
    assert other.generations() == [catalog.live()]
