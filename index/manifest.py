"""What a snapshot says of itself, and the names of its files.

A manifest holds no clock time and no machine's name: the same rows give the same bytes, and a
generation is named by them.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from index.background import BackgroundSimilarity
from index.errors import SnapshotDamaged
from index.figures import MOST_ROWS, FileSum, real, text, truth, whole
from index.rows import COLUMN_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FORMAT: Final = 4
GENERATION: Final = re.compile(r"[0-9]{12}-[0-9a-f]{12}")
"""The closed grammar of a generation's name: change number, then a piece of the manifest's hash."""

MOST_BYTES: Final = 1 << 20
"""No manifest is longer; a longer file is refused unread."""

_NAMELESS = Path("manifest")


class Files(StrEnum):
    """The files of a snapshot, besides one `column-<name>.npy` per column."""

    MANIFEST = "manifest.json"
    VECTORS = "vectors.faiss"
    IVF = "ivf.faiss"
    IDS = "ids.bin"
    IDS_OFFSETS = "ids.idx"
    CARDS = "cards.bin"
    CARDS_OFFSETS = "cards.idx"
    TERM_STARTS = "terms-indptr.npy"
    TERM_BUCKETS = "terms-buckets.npy"
    TERM_WEIGHTS = "terms-weights.npy"
    POSTING_STARTS = "postings-indptr.npy"
    POSTING_ROWS = "postings-rows.npy"
    POSTING_WEIGHTS = "postings-weights.npy"
    PASSAGE_STARTS = "passages-indptr.npy"
    PASSAGE_CODES = "passages-codes.npy"
    PASSAGE_SCALES = "passages-scales.npy"
    MEANS = "means.npy"
    NEIGHBOUR_ROWS = "neighbour-rows.npy"
    NEIGHBOUR_WEIGHTS = "neighbour-weights.npy"
    HUBNESS = "hubness.npy"
    LABELS = "labels.json"


_REQUIRED = frozenset(Files) - {Files.MANIFEST, Files.IVF}


def column_file(name: str) -> str:
    """Name the file of a column."""
    return f"column-{name}.npy"


def column_of(file: str) -> str | None:
    """Name the column a file holds; None for any other file."""
    name = file.removeprefix("column-").removesuffix(".npy")
    known = COLUMN_NAME.fullmatch(name) and file == column_file(name)
    return name if known else None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot says of itself.

    Attributes:
        format: version of this layout, 4.
        rows: how many rows there are.
        dim: how many numbers a vector has.
        model: fingerprint of the encoder the vectors came from, as the caller gave it.
        analyzer: fingerprint of the recipe the terms came from, as the caller gave it.
        epoch: which store the rows came from.
        change: number of the last change in them.
        ivf_lists: inverted lists of the IVF index; 0 when there is none.
        ivf_probes: how many of them a search visits; 0 when there are none.
        recall: measured recall@100 of the IVF index against exact search; 1.0 without one.
        grouped_by: the column of codes that tells the groups; "" where all rows are one group.
        known_by: the column that says whose vectors mean something; "" where all do.
        centred: whether the mean of its group was taken off each vector.
        background: by the label of each group of rows, its background similarity.
        notes: what the caller wants to remember with the rows, opaque here.
        files: size and checksum of every file but the manifest, by name.

    Raises:
        ValueError: a value is of the wrong type, out of range, or at odds with another.
    """

    format: int
    rows: int
    dim: int
    model: str
    analyzer: str
    epoch: str
    change: int
    ivf_lists: int
    ivf_probes: int
    recall: float
    grouped_by: str
    known_by: str
    centred: bool
    background: Mapping[str, BackgroundSimilarity]
    notes: Mapping[str, str]
    files: Mapping[str, FileSum]

    def __post_init__(self) -> None:
        for name, holds in _CHECKS.items():
            if not holds(getattr(self, name)):
                raise ValueError(f"field {name} holds {getattr(self, name)!r:.80}")
        _check_ivf(self)
        _check_named(self)
        # Copied and sealed, so that nothing the caller does later changes what this says.
        for name in ("files", "background", "notes"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, ascending."""
        return tuple(sorted(filter(None, map(column_of, self.files))))

    def to_bytes(self) -> bytes:
        """Write canonical JSON: sorted keys, two-space indent, ASCII, one newline at the end."""
        fields = {name: getattr(self, name) for name in _CHECKS}
        fields["notes"] = dict(self.notes)
        fields["files"] = {name: asdict(total) for name, total in self.files.items()}
        fields["background"] = {name: asdict(medians) for name, medians in self.background.items()}
        return json.dumps(fields, sort_keys=True, indent=2, allow_nan=False).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes, source: Path = _NAMELESS) -> Manifest:
        """Read what to_bytes wrote, and nothing else.

        Raises:
            SnapshotDamaged: another release's format, unknown, missing or doubled fields, wrong
                types, values out of range, a file outside the closed set, or bytes that are not
                canonical. The message names `source`.
        """
        try:
            fields = json.loads(data)
            _check_format(fields["format"], source)
            files = {name: FileSum(**total) for name, total in fields["files"].items()}
            background = {n: BackgroundSimilarity(**m) for n, m in fields["background"].items()}
            manifest = cls(**{**fields, "files": files, "background": background})
        # The parser and the constructors speak through these; RecursionError is deep nesting.
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise SnapshotDamaged.at(source, f"not a manifest ({error})") from error
        if manifest.to_bytes() != data:
            raise SnapshotDamaged.at(source, "not in canonical form")
        return manifest


def generation(manifest: Manifest) -> str:
    """Name the generation a manifest describes, in the grammar of GENERATION."""
    digest = hashlib.sha256(manifest.to_bytes()).hexdigest()
    return f"{manifest.change:012d}-{digest[:12]}"


def _check_format(found: object, source: Path) -> None:
    """Refuse another release's format before its fields are read, which are others too."""
    if type(found) is not int or found == FORMAT or found < 1:
        return
    if found < FORMAT:
        told = f"is of an earlier release (this one writes {FORMAT}); run: read-also rebuild"
    else:
        told = f"is of a later release (this one reads {FORMAT}); install that one, or run: "
        told += "read-also rebuild"
    raise SnapshotDamaged(f"{source}: format {found!r:.20} {told}")


def _files(value: Mapping[str, object]) -> bool:
    extra = [name for name in value if name not in _REQUIRED | {Files.IVF} and not column_of(name)]
    sums = all(isinstance(total, FileSum) for total in value.values())
    return not extra and sums and value.keys() >= _REQUIRED


def _background(value: Mapping[str, object]) -> bool:
    return all(text(n) and isinstance(m, BackgroundSimilarity) for n, m in value.items())


def _notes(value: Mapping[str, object]) -> bool:
    return all(text(name) and text(note) for name, note in value.items())


def _check_ivf(manifest: Manifest) -> None:
    lists, probes = manifest.ivf_lists, manifest.ivf_probes
    if (lists > 0) != (Files.IVF in manifest.files) or not min(lists, 1) <= probes <= lists:
        raise ValueError(f"{lists} inverted lists, {probes} probes and the files disagree")


def _check_named(manifest: Manifest) -> None:
    for name in (manifest.grouped_by, manifest.known_by):
        if name and column_file(name) not in manifest.files:
            raise ValueError(f"it names a column {name!r:.40}, and there is none")


# A change number has 12 digits in a generation's name.
_CHECKS: Final[Mapping[str, Callable[..., bool]]] = {
    "format": whole(FORMAT, FORMAT),
    "rows": whole(0, MOST_ROWS),
    "dim": whole(1, 2**16),
    "model": text,
    "analyzer": text,
    "epoch": text,
    "change": whole(0, 10**12 - 1),
    "ivf_lists": whole(0, 2**20),
    "ivf_probes": whole(0, 2**20),
    "recall": real(0, 1),
    "grouped_by": text,
    "known_by": text,
    "centred": truth,
    "background": _background,
    "notes": _notes,
    "files": _files,
}
