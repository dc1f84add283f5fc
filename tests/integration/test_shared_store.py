"""Two machines on one store, each with snapshots of its own: neither loses what the other needs."""

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from index import Catalog
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Encoder, Model
from recommender.indexing.compaction import compact
from recommender.indexing.rebuild import Rebuilt, rebuild
from recommender.indexing.snapshots import touch_catalog
from recommender.live import open_replica
from recommender.progress import Advance
from recommender.settings import Settings
from recommender.store import ArticleStore, CatalogNeeds
from recommender.store.change_log import FORGET_AFTER
from tests.support.archives import run_command
from tests.support.features import make_embedding
from tests.support.stores import log_of

CATALOG_ID = "catalog-id"

Rebuild = Callable[..., Rebuilt]


@pytest.fixture
def other_machine(own_desk: Settings, tmp_path: Path) -> Settings:
    """A machine with generations of its own, reported long enough ago to have its log trimmed."""
    folder = tmp_path / "other"
    unnamed = shutil.ignore_patterns(CATALOG_ID, "changes", "workers")
    shutil.copytree(own_desk.data.snapshots, folder / "snapshots", ignore=unnamed)
    return replace(own_desk, data_dir=folder)


def compact_until_pruned(store: ArticleStore, settings: Settings, model: Model) -> None:
    """Publish so many generations that those of before are gone, and the log is trimmed."""
    for number in range(4):
        store.delete(f"orchard-{number + 1}")
        compact(store, Catalog(settings.data.snapshots), model, keep=1)


def generation_at_start(settings: Settings, store: ArticleStore, model: Model) -> str:
    """The generation that a worker of a machine starts on."""
    catalog = Catalog(settings.data.snapshots)
    return open_replica(catalog, store, lambda: model).replica.base.snapshot.generation


@pytest.mark.long
def test_a_machine_continues_from_its_snapshot_after_another_has_compacted(
    own_desk: Settings, other_machine: Settings, desk_store: ArticleStore, fake_model: Model
) -> None:
    live = Catalog(other_machine.data.snapshots).live()
    touch_catalog(desk_store, Catalog(other_machine.data.snapshots))
    compact_until_pruned(desk_store, own_desk, fake_model)
    assert generation_at_start(other_machine, desk_store, fake_model) == live


def test_pruning_by_hand_leaves_what_another_machine_needs(
    own_desk: Settings,
    other_machine: Settings,
    desk_store: ArticleStore,
    fake_model: Model,
    rebuild_with_fake: Rebuild,
) -> None:
    live = Catalog(other_machine.data.snapshots).live()
    touch_catalog(desk_store, Catalog(other_machine.data.snapshots))
    desk_store.delete("harbour-4")
    rebuild_with_fake(own_desk)
    assert run_command(own_desk, "snapshots", "prune", "--keep", "1").exit_code == 0
    assert generation_at_start(other_machine, desk_store, fake_model) == live


@pytest.mark.long
def test_the_log_is_trimmed_after_a_machine_was_away_for_a_month(
    own_desk: Settings, other_machine: Settings, desk_store: ArticleStore, fake_model: Model
) -> None:
    long_ago = datetime.now(tz=UTC) - FORGET_AFTER - timedelta(minutes=1)
    desk_store.catalogs.report("gone", CatalogNeeds(1, frozenset()), now=long_ago)
    compact_until_pruned(desk_store, own_desk, fake_model)
    built = Catalog(own_desk.data.snapshots).manifests()
    assert log_of(desk_store)[0].number == min(m.change for m in built.values())
    live = Catalog(other_machine.data.snapshots).live()
    assert generation_at_start(other_machine, desk_store, fake_model) != live


def test_a_machine_that_serves_is_not_forgotten(
    desk_store: ArticleStore, own_desk: Settings
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    touch_catalog(desk_store, catalog)
    before = CatalogNeeds(1, frozenset({"of a rebuild that runs"}))
    name = (catalog.folder / CATALOG_ID).read_text()
    long_ago = datetime.now(tz=UTC) - FORGET_AFTER + timedelta(minutes=1)
    desk_store.catalogs.report(name, before, now=long_ago)
    touch_catalog(desk_store, catalog)
    later = long_ago + timedelta(days=20)
    assert desk_store.catalogs.report("another", CatalogNeeds(9, frozenset()), now=later) == before


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"0123", b"g" * 32, b"0" * 33])
def test_a_damaged_id_is_replaced_by_a_new_one(
    desk_store: ArticleStore, own_desk: Settings, damage: bytes
) -> None:
    catalog = Catalog(own_desk.data.snapshots)
    path = catalog.folder / CATALOG_ID
    path.write_bytes(damage)
    touch_catalog(desk_store, catalog)
    new = path.read_bytes()
    assert re.fullmatch(b"[0-9a-f]{32}", new)
    touch_catalog(desk_store, catalog)
    assert path.read_bytes() == new
    path.unlink()
    touch_catalog(desk_store, catalog)
    assert path.read_bytes() != new
    assert [one.name for one in catalog.folder.iterdir() if CATALOG_ID in one.name] == [CATALOG_ID]


def test_a_rebuild_leaves_the_vectors_of_another_machines_model(
    own_desk: Settings, desk_store: ArticleStore, rebuild_with_fake: Rebuild
) -> None:
    """And forgets those that no machine needs."""
    (key,) = desk_store.text_hashes(["harbour-1"]).values()
    for model in ("theirs", "nobody's"):
        desk_store.features.add_embeddings({key: make_embedding([1, 1, 1, 1])}, model)
    desk_store.catalogs.report("theirs", CatalogNeeds(1, frozenset({"theirs"})))
    rebuild_with_fake(own_desk)
    assert desk_store.features.vectors([key], "theirs")
    assert not desk_store.features.vectors([key], "nobody's")


def test_a_rebuild_reports_first_which_vectors_it_will_store(
    own_desk: Settings, desk_store: ArticleStore, fake_encoder: Encoder
) -> None:
    """Otherwise another machine that prunes meanwhile removes those that are stored so far."""
    reported = list[bool]()

    class Watching:
        def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
            reported.append("other-1" in desk_store.catalogs.needs().fingerprints)
            return fake_encoder.encode(texts, advance)

    other = Analyzer(Model("other", Path(), "other-1", None), lambda _: Watching(), str)
    rebuild(
        desk_store, Catalog(own_desk.data.snapshots), other, force=True
    )  # the gate is not asked
    assert reported
    assert all(reported)
