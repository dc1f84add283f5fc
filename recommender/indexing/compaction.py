"""Compaction: a snapshot of the stored features takes up the changes since the live one.

As long as few articles have changed since the last full build, the live snapshot is merged with
the changes. All statistics stay those of that build, so the rest of the archive is not looked at.
Otherwise all is built anew, as in a rebuild.
"""

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from index import BuildOptions, Catalog, DeltaWriter, Manifest, Snapshot, View
from index.arrays import blocks_of
from index.build import IVF_ABOVE
from recommender.analysis.embedding import Model
from recommender.errors import HeldBack
from recommender.indexing.documents import GROUPED_BY, PLACED_BY, build_rows
from recommender.indexing.rebuild import (
    DEFAULT_KEEP,
    Rebuilt,
    Staged,
    batches,
    index_page,
    open_live,
    publish,
    stage,
    stages,
)
from recommender.indexing.snapshots import (
    FULL_NOTE,
    Origin,
    build_options,
    read_live_manifest,
    rollback_hold,
)
from recommender.indexing.text_clusters import grow_text_clusters
from recommender.progress import Meter, silent
from recommender.ranking.vector_share import SHARES_NOTE
from recommender.store import ArticleStore, StoreScan

__all__ = [
    "CHANGED_NOTE",
    "Descent",
    "compact",
    "measured_shares",
    "number_text_clusters_of",
    "why_full",
]

CHANGED_NOTE: Final = "changed-since"
"""The note with how many articles came, went or got another text since, as JSON by language."""
LEAST_ROWS: Final = 2_000
"""With fewer articles, a full build takes a second or two, and its statistics are clean."""
MOST_CHANGED: Final = 0.2
"""The share of articles that may change after a full build, in all and in each language."""
FEW_CHANGED: Final = 50
"""So many changes in one language are no drift, however small it is."""
MOST_TOUCHED: Final = 0.5
"""The share of articles that may be touched at once, whatever changed."""
_COMPARED_AT_ONCE: Final = 4_096
MOST_LOADED: Final = 50_000
"""So many changed articles are in memory at once: 250 MB."""
_log = logging.getLogger(__name__)


def compact(
    store: ArticleStore,
    catalog: Catalog,
    model: Model,
    *,
    full: bool = False,
    keep: int = DEFAULT_KEEP,
    meter: Meter = silent,
) -> Rebuilt:
    """Publish a snapshot of the stored features. It raises the errors of `rebuild`, and one more.

    The weights of signals that a rebuild has measured stay; a full build measures those that it
    could not measure. Articles stay where they are on the archive map; new ones are placed beside
    them.

    Args:
        store: where the articles are.
        catalog: where snapshots go.
        model: of the vectors.
        full: build anew even where few articles have changed.
        keep: how many generations to keep.
        meter: shows the progress.

    Raises:
        HeldBack: an operator has rolled back, and has not run a rebuild since.
    """
    with catalog.lock():
        if (reason := rollback_hold(catalog).text) is not None:
            raise HeldBack(reason.strip())
        live, shares = open_live(catalog), measured_shares(catalog, model)
        staged = None
        if live is not None and not full:
            staged = _stage_merged(store, catalog, model, live, shares, meter)
        if staged is None:
            staged = stage(store, catalog, model, shares=shares, places_from=live, meter=meter)
        done = publish(store, catalog, staged, live, keep=keep)
        store.empty_write_ahead_log()
    return done


def measured_shares(catalog: Catalog, model: Model) -> str:
    """The note with the shares of vectors of the live snapshot; "" if another model made it."""
    live = read_live_manifest(catalog)
    if live is None or live.model != model.fingerprint:
        return ""
    return live.notes.get(SHARES_NOTE, "")


@dataclass(frozen=True, slots=True)
class Descent:
    """From which full build a snapshot comes, and what was merged into it since.

    Attributes:
        full: the generation of that build.
        rows: by language, how many articles it had.
        changed: by language, how many articles came, went or got another text since; one that
            changed twice counts twice.
    """

    full: str
    rows: Mapping[str, int]
    changed: Mapping[str, int]

    @classmethod
    def of(cls, manifest: Manifest) -> "Descent":
        """Read it from a manifest."""
        rows = {name: group.rows for name, group in manifest.background.items()}
        full = manifest.notes.get(FULL_NOTE, manifest.generation)
        return cls(full, rows, json.loads(manifest.notes.get(CHANGED_NOTE, "{}")))

    def after(self, changed: Mapping[str, int]) -> "Descent":
        """The descent after more articles have changed."""
        return Descent(self.full, self.rows, Counter(self.changed) + Counter(changed))

    @property
    def drift(self) -> str | None:
        """Why statistics of the full build do not fit any more; None if they do."""
        if sum(self.changed.values()) > MOST_CHANGED * sum(self.rows.values()):
            return f"{sum(self.changed.values())} of {sum(self.rows.values())} articles changed"
        for language, changed in sorted(self.changed.items()):
            if changed > max(FEW_CHANGED, MOST_CHANGED * self.rows.get(language, 0)):
                return f"{changed} of {self.rows.get(language, 0)} articles in {language!r} changed"
        return None

    def to_notes(self) -> dict[str, str]:
        """The notes of a manifest that `of` reads."""
        return {FULL_NOTE: self.full, CHANGED_NOTE: json.dumps(dict(self.changed), sort_keys=True)}


def why_full(live: Manifest, wanted: Mapping[str, Any], touched: int) -> str | None:
    """Why changes cannot be merged into the live snapshot; None if they can.

    Args:
        live: its manifest.
        wanted: the options of a full build; see `build_options`.
        touched: about how many articles the log has an entry after it.
    """
    apart = [name for name in _FIXED if getattr(live, name) != wanted[name]]
    notes = wanted["notes"]
    names = filter(_is_fixed, live.notes.keys() | notes.keys())
    apart += [name for name in names if live.notes.get(name) != notes.get(name)]
    if apart:
        return f"another {', '.join(sorted(apart))}"
    if live.rows < LEAST_ROWS or touched > min(MOST_LOADED, MOST_TOUCHED * live.rows):
        return f"{touched} of {live.rows} articles were touched"
    return None


_FIXED: Final = ("model", "analyzer", "epoch", "grouped_by", "reliable_by", "centred")


def _is_fixed(note: str) -> bool:
    """Whether a note says how rows are computed."""
    return note not in {"mark", SHARES_NOTE, FULL_NOTE, CHANGED_NOTE}


@dataclass(frozen=True, slots=True, eq=False)
class _Changes:
    """The live snapshot and all changes of the store after it, at one moment.

    Attributes:
        view: of both.
        options: for building a snapshot of the store at that moment.
        descent: of a snapshot that the changes are merged into.
        count: how many articles the store has.
        missing: how many of them are in the queue and have no row.
    """

    view: View
    options: BuildOptions
    descent: Descent
    count: int
    missing: int


def _stage_merged(
    store: ArticleStore,
    catalog: Catalog,
    model: Model,
    live: Snapshot,
    shares: str,
    meter: Meter,
) -> Staged | None:
    """Merge the live snapshot with the changes since, aside; None if a full build is due."""
    changes = _read_changes(store, model, live, shares)
    if isinstance(changes, str):
        _log.info("all is built anew: %s", changes)
        return None
    catalog.remove(())
    view, notes = changes.view, dict(changes.options["notes"])
    if view.changed or FULL_NOTE in live.manifest.notes:
        notes |= changes.descent.to_notes()
    rows = int(np.count_nonzero(view.present))
    with stages(meter, rows) as begin:
        staged = catalog.stage_merged(
            view,
            change=changes.options["change"],
            notes=notes,
            columns={"text_cluster": number_text_clusters_of(view)},
            placed_by=PLACED_BY,
            begin=begin,
        )
    _log.info("%d changes were merged into %s", len(view.changed), live.generation)
    return Staged(staged, changes.count - changes.missing, changes.count - rows)


def _read_changes(store: ArticleStore, model: Model, live: Snapshot, shares: str) -> _Changes | str:
    """Read the changes after the live snapshot; or say why a full build is due."""
    manifest, origin = live.manifest, Origin.of(live.manifest)
    with store.scan() as scan:
        options = build_options(model, scan.state, kept=shares)
        if not scan.has_position(origin.point, origin.epoch) or live.places is None:
            return "the change log or the archive map does not reach back"
        touched = scan.count_touched(origin.point.number)
        if (reason := why_full(manifest, options, touched)) is not None:
            return reason
        view = _apply_changes(store, scan, live, model)
        missing = sum(view.row_of(one) is None for one in scan.queued_ids())
        count = scan.count()
    descent = Descent.of(manifest).after(_count_changes(view))
    if (np.count_nonzero(view.present) > IVF_ABOVE) != bool(manifest.ivf_lists):
        return "it gets inverted lists, or loses them"
    return descent.drift or _Changes(view, options, descent, count, missing)


def _apply_changes(store: ArticleStore, scan: StoreScan, live: Snapshot, model: Model) -> View:
    """The live snapshot with all changes of the store since, as they are in one transaction."""
    writer, number = DeltaWriter(View.of(live), finds_neighbours=False), live.manifest.change
    dims = live.manifest.dim, live.manifest.passage_dim
    writer.apply(build_rows((), model, *dims), scan.deleted_ids(number))
    for page in batches(scan.touched_outlines(number)):
        documents = index_page(store, page, model.fingerprint)
        read = {document.article.id for document in documents}
        unread = {one.article.id for one in page} - read
        writer.apply(build_rows(documents, model, *dims), unread)
    return writer.view


def _count_changes(view: View) -> Counter[str]:
    """How many articles came, went or got another text, by language.

    Statistics do not depend on what else of an article changes.
    """
    rows = [(view.snapshot.row_of(one), now) for one, now in view.changed.items()]
    both = [(before, now) for before, now in rows if before is not None and now is not None]
    counted = [now if before is None else before for before, now in rows if None in (before, now)]
    for block in blocks_of(len(both), _COMPARED_AT_ONCE):
        counted += _other_rows(view, both[block])
    return Counter(view.label_of(GROUPED_BY, row) for row in counted if row is not None)


def _other_rows(view: View, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """The second rows of the pairs whose rows differ in language, words or vector."""
    before, now = np.array(pairs, np.int64).T
    same = (view.take("minhash", before) == view.take("minhash", now)).all(axis=1)
    same &= (view.fetch(before) == view.fetch(now)).all(axis=1)
    same &= [len({view.label_of(GROUPED_BY, row) for row in pair}) == 1 for pair in pairs]
    return [int(row) for row in now[~same]]


def number_text_clusters_of(view: View) -> NDArray[np.int64]:
    """Number the text clusters of the rows of a view, present or not: int64 [n + d]."""
    size, new = len(view.snapshot), np.flatnonzero(view.present[len(view.snapshot) :])
    columns, fresh = view.snapshot.columns, view.delta.columns["minhash"][new]
    numbers, new_numbers = grow_text_clusters(columns["text_cluster"], columns["minhash"], fresh)
    every = np.zeros(len(view), np.int64)
    every[:size], every[size + new] = numbers, new_numbers
    return every
