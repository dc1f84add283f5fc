"""A rebuild that was killed or interrupted goes on with the stage where it was."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from index import Catalog
from index.catalog import KEPT
from recommender.errors import GateRefused
from recommender.indexing.compaction import compact
from recommender.indexing.rebuild import KEPT_STAGES, rebuild
from recommender.live.replica import open_replica
from recommender.operations.erasure import erase
from recommender.progress import Advance
from recommender.settings import Settings
from recommender.store import ArticleStore, schema
from tests.support.archives import FAKE_MODEL, copy_archive, fake_reader, write

STAGES: Final = (
    "gathering",
    "comparing texts",
    "vectors",
    "lists",
    "passages",
    "words",
    "background",
    "neighbours",
    "places",
    "fields",
)
MARK: Final = "Zyxomma"  # a word that stands in no other article


class Shown:
    """A meter that notes the stages that begin, and may be interrupted where one does."""

    def __init__(self, stop_at: str = "") -> None:
        self.stop_at, self.labels = stop_at, list[str]()

    @contextmanager
    def __call__(self, label: str, _total: int, _unit: str) -> Iterator[Advance]:
        self.labels.append(label.removeprefix("building: "))
        if self.labels[-1] == self.stop_at:
            raise KeyboardInterrupt
        yield lambda _done: None


@pytest.fixture
def own(
    own_desk: Settings, desk_store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Catalog]:
    """The snapshots of an archive of the test's own, which is built as a large one is."""
    monkeypatch.setattr("recommender.indexing.rebuild.SHOWN_FROM", 0)
    monkeypatch.setattr("recommender.indexing.rebuild.KEPT_ABOVE", 0)
    monkeypatch.setattr("index.build.IVF_ABOVE", 0)
    desk_store.delete("harbour-3")
    yield Catalog(own_desk.data.snapshots)
    assert list(own_desk.data.snapshots.glob(".building-*")) == []


def interrupt(store: ArticleStore, catalog: Catalog, stage: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        rebuild(store, catalog, fake_reader(), meter=Shown(stage))
    assert (catalog.folder / KEPT).is_dir()


def whole(store: ArticleStore, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> str:
    """The generation of a rebuild that keeps nothing."""
    monkeypatch.setattr("recommender.indexing.rebuild.KEPT_ABOVE", 1_000)
    return rebuild(store, catalog, fake_reader()).generation


def test_an_interrupted_rebuild_goes_on_where_it_was(
    own: Catalog,
    desk_store: ArticleStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    interrupt(desk_store, own, "places")
    shown = Shown()
    done = rebuild(desk_store, own, fake_reader(), meter=shown)
    assert f"8 of {len(STAGES)} stages are there" in caplog.text
    assert shown.labels == ["comparing texts", "checking", "places", "fields", "verifying"]
    assert done.generation == whole(desk_store, own, monkeypatch)
    assert len(STAGES) == KEPT_STAGES


def test_a_store_that_has_moved_on_a_little_is_gone_on_with(
    own: Catalog,
    desk_store: ArticleStore,
    make_story: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What came since, read or not, is in the log for workers, as it is after any build."""
    monkeypatch.setattr("recommender.indexing.rebuild.GONE_ON_WITH", 1.0)
    begun = desk_store.state().change
    interrupt(desk_store, own, "fields")
    write(desk_store, make_story("harbour-2", title="Another harbour", body="Ships of a harbour."))
    write(desk_store, make_story("new", title="A new harbour", body="A harbour that is new."))
    done = rebuild(desk_store, own, fake_reader())
    assert "9 of 10 stages are there" in caplog.text
    assert done.change == begun
    assert own.open(done.generation).row_of("new") is None
    view = open_replica(own, desk_store, lambda: FAKE_MODEL).replica.view
    row = view.row_of("harbour-2")
    assert row is not None
    assert b"Another harbour" in view.display_of(row)
    assert view.row_of("new") is not None
    after = rebuild(desk_store, own, fake_reader())
    assert after.change > begun


@pytest.mark.long
@pytest.mark.parametrize("why", ["much", "deleted", "restored", "features"])
def test_what_does_not_fit_is_built_anew(
    own: Catalog,
    desk_store: ArticleStore,
    make_story: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    why: str,
) -> None:
    """Much has changed, an article is gone, the log is a backup's, or all is read again."""
    interrupt(desk_store, own, "fields")
    monkeypatch.setattr("recommender.indexing.rebuild.GONE_ON_WITH", 0.0 if why == "much" else 9.0)
    if why == "much":
        write(desk_store, make_story("new", title="A new harbour", body="A harbour that is new."))
    if why == "deleted":
        desk_store.delete("harbour-2")
    if why == "restored":
        with desk_store.engine.begin() as connection:
            last = sa.select(sa.func.max(schema.changes.c.number)).scalar_subquery()
            later = sa.update(schema.changes).where(schema.changes.c.number == last)
            connection.execute(later.values(at=datetime.now(tz=UTC) + timedelta(days=1)))
    shown = Shown()
    done = rebuild(desk_store, own, fake_reader(), full=why == "features", meter=shown)
    assert "stages are there" not in caplog.text
    assert {"gathering", "vectors", "words", "places"} <= {*shown.labels}
    assert done.generation == whole(desk_store, own, monkeypatch)


@pytest.mark.long
def test_after_a_full_rebuild_was_interrupted_nothing_from_before_it_is_gone_on_with(
    own: Catalog, desk_store: ArticleStore, caplog: pytest.LogCaptureFixture
) -> None:
    interrupt(desk_store, own, "fields")
    with pytest.raises(KeyboardInterrupt):
        rebuild(desk_store, own, fake_reader(), full=True, meter=Shown("embedding"))
    rebuild(desk_store, own, fake_reader())
    assert "stages are there" not in caplog.text


@pytest.mark.long
def test_what_no_build_goes_on_with_is_removed_also_after_an_interrupt_at_the_gate(
    own: Catalog, desk_store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("recommender.indexing.rebuild.KEPT_ABOVE", 1_000)
    monkeypatch.setattr("recommender.indexing.rebuild.admit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rebuild(desk_store, own, fake_reader())
    assert list(own.folder.glob(".building-*")) == []


@pytest.mark.long
def test_a_refused_snapshot_is_not_kept(
    own: Catalog, desk_store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise GateRefused(("worse",))

    monkeypatch.setattr("recommender.indexing.rebuild.admit", refuse)
    with pytest.raises(GateRefused):
        rebuild(desk_store, own, fake_reader())


@pytest.mark.long
def test_a_rebuild_interrupted_at_the_gate_has_all_stages(
    own: Catalog,
    desk_store: ArticleStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("recommender.indexing.rebuild.admit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            rebuild(desk_store, own, fake_reader())
    done = rebuild(desk_store, own, fake_reader())
    assert f"{len(STAGES)} of {len(STAGES)} stages are there" in caplog.text
    assert own.live() == done.generation


@pytest.mark.long
def test_a_full_compaction_goes_on_too(
    own: Catalog, desk_store: ArticleStore, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KeyboardInterrupt):
        compact(desk_store, own, FAKE_MODEL, full=True, meter=Shown("places"))
    done = compact(desk_store, own, FAKE_MODEL, full=True)
    assert "8 of 10 stages are there" in caplog.text
    assert own.live() == done.generation


@pytest.mark.parametrize("served", [pytest.param(True, marks=pytest.mark.long), False])
def test_an_erased_article_is_in_nothing_that_is_gone_on_with(
    own: Catalog,
    own_desk: Settings,
    desk_store: ArticleStore,
    make_story: Callable[..., dict[str, Any]],
    *,
    served: bool,
) -> None:
    """Whether it was in the lists before, or only in the build that was interrupted."""
    write(desk_store, make_story("doomed", title=f"Of {MARK}", body=MARK))
    if served:
        rebuild(desk_store, own, fake_reader())
        desk_store.delete("harbour-2")
    interrupt(desk_store, own, "verifying")
    assert holders(own.folder / KEPT) != []
    erase(
        desk_store,
        own,
        own_desk.data,
        "doomed",
        lambda: rebuild(desk_store, own, fake_reader()).generation,
    )
    assert holders(own.folder) == []
    assert own.open(rebuild(desk_store, own, fake_reader()).generation).row_of("doomed") is None


def holders(folder: Path) -> list[Path]:
    """The files that have the word."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if MARK.encode() in path.read_bytes()]


@pytest.mark.long
def test_a_rebuild_killed_amid_each_stage_goes_on_to_the_same_files(
    own: Catalog,
    own_desk: Settings,
    desk_store: ArticleStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By kill -9, amid each stage once, one after the other."""
    copy_archive(own_desk.data_dir, tmp_path / "killed")
    for at, stage in enumerate(STAGES):
        killed = run_killed(tmp_path / "killed", stage)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        # The one before was killed amid the stage before, which began anew.
        assert (f"{at - 1} of 10 stages are there" in killed.stderr) == (at > 1), killed.stderr
    done = run_killed(tmp_path / "killed", "none")
    assert "9 of 10 stages are there" in done.stderr
    generation = whole(desk_store, own, monkeypatch)
    assert done.stdout.split() == [generation]
    files = [path.name for path in (own.folder / generation).iterdir()]
    killed_folder = tmp_path / "killed" / own.folder.name
    assert {path.name for path in killed_folder.glob(".building-*")} == set()
    for name in files:
        same = (own.folder / generation / name).read_bytes()
        assert (killed_folder / generation / name).read_bytes() == same


def run_killed(folder: Path, stage: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.support.killed_rebuild", str(folder), stage]
    return subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
