"""What a generation remembers of where it came from: the model, and the place in the change log.

And whether this release can make anything of it.
"""

import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from index import Catalog, Manifest, NoSnapshot, Snapshot, SnapshotDamaged, make_folder
from index.build import BuildOptions
from index.manifest import Files, column_file
from recommender.analysis.analyzer import ANALYZER_VERSION
from recommender.analysis.embedding import Model
from recommender.analysis.html import MARKUP_VERSION
from recommender.indexing.documents import GROUPED_BY, RELIABLE_BY, build_rows
from recommender.store import ArticleStore, CatalogNeeds, LogPosition, StoreState

__all__ = [
    "Origin",
    "build_options",
    "check_columns",
    "live_manifest",
    "live_name",
    "needs_of",
    "needs_rebuild",
    "open_generation",
    "open_live",
    "report_catalog",
    "touch_catalog",
]

_ENCODER: Final = "encoder"
_LANGUAGES: Final = "languages"
_KIN: Final = "kin"
_MARK: Final = "mark"
_ANY: Final = "*"
_CATALOG_ID: Final = "catalog-id"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a generation came from.

    Attributes:
        epoch: the store's.
        point: the last change in them.
        model: fingerprint of the encoder of their vectors.
        encoder: the name by which that model was asked for.
        languages: primary BCP-47 subtags that the encoder knows; None means any.
        kin: those of them that it knows from their kin alone.
    """

    epoch: str
    point: LogPosition
    model: str
    encoder: str
    languages: frozenset[str] | None
    kin: frozenset[str] = frozenset()

    @classmethod
    def of(cls, manifest: Manifest) -> "Origin":
        """Read it from a manifest; a note that is missing means nothing was known."""
        notes = manifest.notes
        languages = notes.get(_LANGUAGES, _ANY)
        return cls(
            epoch=manifest.epoch,
            point=LogPosition(manifest.change, notes.get(_MARK, "")),
            model=manifest.model,
            encoder=notes.get(_ENCODER, ""),
            languages=None if languages == _ANY else _split(languages),
            kin=_split(notes.get(_KIN, "")),
        )

    def knows(self, language: str | None) -> bool:
        """Whether vectors of this language mean something; of an unknown one they may not."""
        return self.languages is None or language in self.languages

    def is_fluent(self, language: str | None) -> bool:
        """Whether vectors also lead among texts of this language."""
        return self.knows(language) and language not in self.kin


def build_options(model: Model, state: StoreState) -> BuildOptions:
    """What a snapshot of a store at one moment is stamped with."""
    languages = _ANY if model.languages is None else ",".join(sorted(model.languages))
    return BuildOptions(
        model=model.fingerprint,
        analyzer=ANALYZER_VERSION,
        epoch=state.epoch,
        change=state.change,
        grouped_by=GROUPED_BY,
        reliable_by=RELIABLE_BY,
        # Vectors of several languages stand in a corner each, and prefer their own language.
        centred=model.languages is None or len(model.languages) > 1,
        notes={
            _ENCODER: model.name,
            _LANGUAGES: languages,
            _KIN: ",".join(sorted(model.kin)),
            _MARK: state.newest.mark,
        },
    )


def _split(languages: str) -> frozenset[str]:
    return frozenset(filter(None, languages.split(",")))


def live_name(catalog: Catalog) -> str | None:
    """The live generation; None where none is, or the pointer is damaged."""
    try:
        return catalog.live()
    except (NoSnapshot, SnapshotDamaged):
        return None


def live_manifest(catalog: Catalog) -> Manifest | None:
    """What the live generation says of itself, without opening it; None where nothing tells it."""
    name = live_name(catalog)
    manifest = catalog.manifests().get(name or "")
    if manifest is None and live_name(catalog) != name:
        return live_manifest(catalog)  # another process has flipped and pruned meanwhile
    return manifest


def needs_rebuild(catalog: Catalog) -> bool:
    """Whether what was read for the live generation is of no use, so that compacting it is not.

    It, or the pointer to it, cannot be read, as after another release; or its terms were made by
    another recipe, and cannot be compared with new ones.
    """
    manifest = live_manifest(catalog)
    return (
        bool(catalog.generations()) if manifest is None else manifest.analyzer != ANALYZER_VERSION
    )


def open_generation(catalog: Catalog, generation: str) -> Snapshot:
    """Open a generation that lists are to be made from.

    Raises:
        NoSnapshot: there is none of that name.
        SnapshotDamaged: it is not what was published under that name, or its columns are others.
    """
    snapshot = catalog.open(generation)
    check_columns(snapshot, catalog.folder / generation)
    return snapshot


def open_live(catalog: Catalog) -> Snapshot:
    """Open the live generation; raises what `open_generation` does."""
    snapshot = catalog.open_live()
    check_columns(snapshot, catalog.folder / snapshot.generation)
    return snapshot


def check_columns(snapshot: Snapshot, folder: Path) -> None:
    """Check that the columns are those that lists are made by, each of its type.

    Checksums tell only that the files are what somebody has written.

    Raises:
        SnapshotDamaged: one is missing, of another type, or unknown; the message names its file.
    """
    wanted, found = build_rows([], Origin.of(snapshot.manifest), dim=1), snapshot.columns
    for name in sorted(wanted.columns.keys() | found.keys()):
        want, have = _type_of(wanted.columns.get(name)), _type_of(found.get(name))
        if want != have:
            what = f"a column of {have}, where lists need one of {want}"
            raise SnapshotDamaged.at(folder / column_file(name), what)
    if wanted.labels.keys() != snapshot.labels.keys():
        what = f"labels of {sorted(snapshot.labels)}, not of {sorted(wanted.labels)}"
        raise SnapshotDamaged.at(folder / Files.LABELS, what)


def _type_of(column: NDArray[Any] | None) -> str:
    if column is None:
        return "nothing"
    return " by ".join([str(column.dtype), *map(str, column.shape[1:])])


def report_catalog(store: ArticleStore, catalog: Catalog, *next_models: str) -> CatalogNeeds:
    """Tell the store what this machine's generations need of it.

    Args:
        store: several machines may share it.
        catalog: the generations of this machine.
        next_models: fingerprints of encoders for which a generation is being built.

    Returns:
        What all machines need; change 0 where a machine has no generation of this store yet.
    """
    return store.catalogs.report(_catalog_id(catalog), _own_needs(store, catalog, next_models))


def needs_of(store: ArticleStore, catalog: Catalog) -> CatalogNeeds:
    """Read what this machine and all that reported need, without reporting."""
    own, others = _own_needs(store, catalog, ()), store.catalogs.needs()
    oldest_change = min(own.oldest_change, others.oldest_change)
    return CatalogNeeds(oldest_change, own.fingerprints | others.fingerprints)


def _own_needs(store: ArticleStore, catalog: Catalog, next_models: Collection[str]) -> CatalogNeeds:
    manifests, epoch = catalog.manifests().values(), store.state().epoch
    oldest_change = min((m.change for m in manifests if m.epoch == epoch), default=0)
    # Texts are always analyzed by the version of the program; vectors may be of older models.
    versions = {ANALYZER_VERSION, MARKUP_VERSION}
    models = {*next_models, *(manifest.model for manifest in manifests)}
    return CatalogNeeds(oldest_change, frozenset(versions | models))


def touch_catalog(store: ArticleStore, catalog: Catalog) -> None:
    """Tell the store that this machine is still there, and what it needs if that is not known.

    What a running rebuild has reported stays.
    """
    if not store.catalogs.touch(_catalog_id(catalog)):
        report_catalog(store, catalog)


def _catalog_id(catalog: Catalog) -> str:
    """The random name of a catalog, made when it is first needed."""
    path = catalog.folder / _CATALOG_ID
    if not path.exists():
        make_folder(catalog.folder)
        aside = catalog.folder / f"{_CATALOG_ID}.{secrets.token_hex(8)}"
        aside.write_text(secrets.token_hex(16), "ascii")
        with suppress(FileExistsError):  # another process has made it meanwhile
            path.hardlink_to(aside)
        aside.unlink()
    return path.read_text("ascii")
