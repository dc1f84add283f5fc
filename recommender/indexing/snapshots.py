"""The generations of this machine: where each came from, opening one, and notes beside them."""

import logging
import re
import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from numpy.typing import NDArray

from index import (
    BuildOptions,
    Catalog,
    IndexFault,
    Manifest,
    NoSnapshot,
    Snapshot,
    SnapshotDamaged,
    make_folder,
    replace_file,
    sync_folder,
)
from index.manifest import Files, column_file
from recommender.analysis.analyzer import ANALYZER_VERSION
from recommender.analysis.embedding import Model
from recommender.analysis.html import MARKUP_VERSION
from recommender.errors import BadSettings
from recommender.indexing.documents import (
    GROUPED_BY,
    PLACED_BY,
    RELIABLE_BY,
    TitlePairs,
    build_rows,
)
from recommender.ranking.vector_share import SHARES_NOTE, VectorShares, read_shares
from recommender.release import RELEASE
from recommender.settings import PREFIX, Settings
from recommender.store import ArticleStore, CatalogNeeds, LogPosition, StoreState, open_store

__all__ = [
    "FULL_NOTE",
    "CatalogNote",
    "Origin",
    "build_options",
    "catalog_id",
    "gate_refusal",
    "generation_age",
    "may_create_store",
    "needs_of",
    "needs_rebuild",
    "open_generation",
    "open_or_create",
    "position_of",
    "read_live_manifest",
    "read_live_name",
    "read_pointer",
    "report_catalog",
    "rollback_hold",
    "touch_catalog",
]

FULL_NOTE: Final = "full-build"
"""The note with the generation of the full build that a merged snapshot descends from."""
_ENCODER: Final = "encoder"
_TITLE_ENCODER: Final = "title_encoder"
_LANGUAGES: Final = "languages"
_WEAK: Final = "kin"
_MARK: Final = "mark"
_RELEASE: Final = "release"
_ANY: Final = "*"
_CATALOG_ID: Final = "catalog-id"
"""The file beside the generations with a random name, by which the store knows them."""
_ID = re.compile(rb"[0-9a-f]{32}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a generation come from.

    Attributes:
        epoch: the store's.
        point: the last change in them.
        model: fingerprint of the encoder of their vectors, or of both.
        encoder: the name by which that model was asked for.
        languages: primary BCP-47 subtags that the encoder supports; None means any.
        weak_languages: those of them that it supports only through related languages.
        title_encoder: the name of the model that read titles and leads; "" if `encoder` read all.
    """

    epoch: str
    point: LogPosition
    model: str
    encoder: str
    languages: frozenset[str] | None
    weak_languages: frozenset[str] = frozenset()
    title_encoder: str = ""

    @classmethod
    def of(cls, manifest: Manifest) -> "Origin":
        """Read it from a manifest; a missing note means that it was not known."""
        notes = manifest.notes
        languages = notes.get(_LANGUAGES, _ANY)
        return cls(
            epoch=manifest.epoch,
            point=LogPosition(manifest.change, notes.get(_MARK, "")),
            model=manifest.model,
            encoder=notes.get(_ENCODER, ""),
            languages=None if languages == _ANY else _split(languages),
            weak_languages=_split(notes.get(_WEAK, "")),
            title_encoder=notes.get(_TITLE_ENCODER, ""),
        )

    def supports(self, language: str | None) -> bool:
        """Whether vectors of texts in this language mean something; None is an unknown one."""
        return self.languages is None or language in self.languages

    def supports_fully(self, language: str | None) -> bool:
        """Whether the encoder supports the language fully, not only through related ones."""
        return self.supports(language) and language not in self.weak_languages


def build_options(
    model: Model, state: StoreState, pairs: TitlePairs | None = None, kept: str = ""
) -> BuildOptions:
    """The options for building a snapshot of a store at one moment.

    Args:
        model: of the vectors.
        state: the store's.
        pairs: the shares of vectors are measured with them; None measures nothing.
        kept: the note with shares that stay as they were measured.
    """
    languages = _ANY if model.languages is None else ",".join(sorted(model.languages))
    # With several languages, vectors of one language are close together whatever they say.
    centred = model.languages is None or len(model.languages) > 1
    measured = VectorShares() if pairs is None else pairs.measure(centred=centred)
    return BuildOptions(
        model=model.fingerprint,
        analyzer=ANALYZER_VERSION,
        epoch=state.epoch,
        change=state.change,
        grouped_by=GROUPED_BY,
        reliable_by=RELIABLE_BY,
        placed_by=PLACED_BY,
        centred=centred,
        notes={
            _ENCODER: model.name,
            **({} if model.titles is None else {_TITLE_ENCODER: model.titles.name}),
            _LANGUAGES: languages,
            _WEAK: ",".join(sorted(model.weak_languages)),
            _MARK: state.newest.mark,
            _RELEASE: RELEASE,
            SHARES_NOTE: read_shares(kept).supplemented(measured).to_note(),
        },
    )


def position_of(options: BuildOptions) -> LogPosition:
    """Up to where in the change log a build with such options has all."""
    return LogPosition(options["change"], options["notes"][_MARK])


def _split(languages: str) -> frozenset[str]:
    return frozenset(filter(None, languages.split(",")))


def read_live_name(catalog: Catalog) -> str | None:
    """The name of the live generation; None if there is none, or its pointer is damaged."""
    try:
        return catalog.live()
    except NoSnapshot:
        return None
    except (IndexFault, OSError) as fault:
        _log.error("the pointer to the live generation cannot be read: %s", fault)
        return None


def read_pointer(catalog: Catalog) -> tuple[str | None, str | None]:
    """The name of the live generation, or why its pointer cannot be used; without one, neither."""
    try:
        return catalog.live(), None
    except NoSnapshot:
        return None, None
    except SnapshotDamaged as fault:
        return None, str(fault)


def read_live_manifest(catalog: Catalog) -> Manifest | None:
    """The manifest of the live generation, without opening it; None if it cannot be read."""
    name = read_live_name(catalog)
    manifest = catalog.manifests().get(name or "")
    if manifest is None and read_live_name(catalog) != name:
        return read_live_manifest(catalog)  # another process has flipped and pruned meanwhile
    return manifest


def generation_age(catalog: Catalog, now: float) -> float | None:
    """Seconds since the live generation was built; None if there is none.

    Args:
        catalog: where it is.
        now: seconds since 1970.
    """
    name = read_live_name(catalog)
    try:
        return None if name is None else now - (catalog.folder / name).stat().st_mtime
    except FileNotFoundError:
        return None


def needs_rebuild(catalog: Catalog) -> bool:
    """Whether new features cannot be added to the live generation, so that compaction is no use.

    Either it or its pointer cannot be read, as after an upgrade; or another version of the analyzer
    made its terms, which cannot be compared with new ones.
    """
    manifest = read_live_manifest(catalog)
    return (
        bool(catalog.generations()) if manifest is None else manifest.analyzer != ANALYZER_VERSION
    )


def open_generation(
    catalog: Catalog, generation: str | None = None, *, self_queries: bool = False
) -> Snapshot:
    """Open a generation to make lists from; every process that makes lists opens it here.

    Args:
        catalog: where it lies.
        generation: its name; None for the live one.
        self_queries: also search for up to 100 of its rows by their own vectors.

    Raises:
        NoSnapshot: there is none of that name, or nothing was published yet.
        SnapshotDamaged: it is not what was published under that name, or its columns are not those
            of this release.
    """
    if generation is None:
        snapshot = catalog.open_live()
    else:
        snapshot = catalog.verify(generation) if self_queries else catalog.open(generation)
    _check_columns(snapshot, catalog.folder / snapshot.generation)
    return snapshot


def _check_columns(snapshot: Snapshot, folder: Path) -> None:
    """Check that the columns are those that lists are made from, each of its type.

    Checksums only show that the files are what somebody has written.

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
    return store.catalogs.report(catalog_id(catalog), _own_needs(store, catalog, next_models))


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


def may_create_store(catalog: Catalog) -> bool:
    """Whether a missing store may be created: only where there are no snapshots.

    If there are, the store was lost, and an empty one would be served as if all was deleted.
    """
    return not catalog.generations()


def open_or_create(settings: Settings) -> ArticleStore:
    """Open the store, or create it where none can have been.

    Raises:
        BadSettings: it would be created at the default place, beside snapshots of another one.
        StoreUnusable: it cannot be opened.
    """
    data = settings.data
    is_new = settings.database_url == data.database_url and not data.database.exists()
    if is_new and not may_create_store(Catalog(data.snapshots)):
        raise BadSettings(
            f"{data.path} has snapshots of a store, but the store {data.database} is missing; move "
            f"it there, or name it in {PREFIX}DATABASE_URL; to begin anew remove {data.snapshots}"
        )
    return open_store(settings.database_url)


def touch_catalog(store: ArticleStore, catalog: Catalog) -> None:
    """Tell the store that this machine is still there, and what it needs if that is not known.

    What a running rebuild has reported stays.
    """
    if not store.catalogs.touch(catalog_id(catalog)):
        report_catalog(store, catalog)


def catalog_id(catalog: Catalog) -> str:
    """The random name of a catalog, made when it is first needed, and again if it is damaged."""
    path = catalog.folder / _CATALOG_ID
    known = _read_id(path)
    if known is None:
        make_folder(catalog.folder)
        new = secrets.token_hex(16)
        if path.exists():
            _log.warning("%s holds no id; the store knows these snapshots by a new one", path)
            replace_file(path, new.encode())
        else:
            _create_file(path, new.encode())
        known = _read_id(path) or new  # another process may have made one meanwhile
    return known


def _read_id(path: Path) -> str | None:
    """Read the id of a catalog; None if there is none, or what the file holds is no id."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return data.decode() if _ID.fullmatch(data) else None


def _create_file(path: Path, data: bytes) -> None:
    """Make a file durably, unless another process has made it meanwhile."""
    with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        aside = Path(folder) / path.name
        replace_file(aside, data)
        with suppress(FileExistsError):
            path.hardlink_to(aside)
    sync_folder(path.parent)


class CatalogNote:
    """A text in a file beside the generations; it is active as long as the file is there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def text(self) -> str | None:
        """What it says; None if it is not active."""
        try:
            return self._path.read_text("utf-8")
        except FileNotFoundError:
            return None

    def write(self, text: str) -> None:
        """Make it active."""
        replace_file(self._path, text.encode())

    def remove(self) -> None:
        """End it; does nothing if it is not active."""
        self._path.unlink(missing_ok=True)


def rollback_hold(catalog: Catalog) -> CatalogNote:
    """Active after a rollback: nothing is compacted until an operator runs a rebuild."""
    return CatalogNote(catalog.folder / "held")


def gate_refusal(catalog: Catalog) -> CatalogNote:
    """Active after the gate refused the newest snapshot; says why."""
    return CatalogNote(catalog.folder / "refused")
