"""The manifest of a snapshot: what it says of itself, and the names of its files.

A manifest holds no clock time and no machine's name: the same rows give the same bytes, and the
name of a generation is made from them.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from index.disk import FileSum, open_regular
from index.errors import OtherFormat, SnapshotDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FORMAT: Final = 7
GENERATION: Final = re.compile(r"[0-9]{12}-[0-9a-f]{12}")
"""The closed grammar of a generation's name: change number, then a piece of the manifest's hash."""

COLUMN_NAME: Final = re.compile(r"[a-z_]{1,32}")
"""The name of a column is part of a file's name, so its grammar is closed."""

MOST_MANIFEST_BYTES: Final = 1 << 20
"""No manifest is longer; a longer file is refused unread."""

MOST_ROWS: Final = 2**31 - 1
"""Row numbers are int32 in the postings."""


class Files(StrEnum):
    """The files of a snapshot, besides one `column-<name>.npy` per column."""

    MANIFEST = "manifest.json"
    VECTORS = "vectors.faiss"
    IVF = "ivf.faiss"
    IDS = "ids.bin"
    IDS_OFFSETS = "ids.idx"
    DISPLAY = "display.bin"
    DISPLAY_OFFSETS = "display.idx"
    TERM_STARTS = "terms-indptr.npy"
    TERM_WORDS = "terms-words.npy"
    TERM_SCALES = "terms-scales.npy"
    TERM_FREQUENCY = "terms-frequency.npy"
    POSTING_STARTS = "postings-indptr.npy"
    POSTING_ROWS = "postings-rows.npy"
    POSTING_CODES = "postings-codes.npy"
    PASSAGE_STARTS = "passages-indptr.npy"
    PASSAGE_CODES = "passages-codes.npy"
    PASSAGE_SCALES = "passages-scales.npy"
    MEANS = "means.npy"
    PASSAGE_MEANS = "passage-means.npy"
    NEIGHBOUR_ROWS = "neighbour-rows.npy"
    NEIGHBOUR_WEIGHTS = "neighbour-weights.npy"
    HUBNESS = "hubness.npy"
    PLACES = "places.npy"
    LABELS = "labels.json"
    KEYWORDS = "keywords.bin"
    KEYWORDS_OFFSETS = "keywords.idx"
    KEYWORD_STARTS = "keywords-indptr.npy"
    KEYWORD_ROWS = "keywords-rows.npy"
    NUMBERS = "numbers.bin"
    NUMBERS_OFFSETS = "numbers.idx"
    NUMBER_STARTS = "numbers-indptr.npy"
    NUMBER_VALUES = "numbers-values.npy"
    NUMBER_ROWS = "numbers-rows.npy"


OPTIONAL: Final = frozenset({Files.IVF, Files.PLACES})
_REQUIRED = frozenset(Files) - OPTIONAL - {Files.MANIFEST}


def column_file(name: str) -> str:
    """Name the file of a column."""
    return f"column-{name}.npy"


def column_of(file: str) -> str | None:
    """Name the column that a file holds; None for any other file."""
    name = file.removeprefix("column-").removesuffix(".npy")
    known = COLUMN_NAME.fullmatch(name) and file == column_file(name)
    return name if known else None


@dataclass(frozen=True, slots=True)
class BackgroundSimilarity:
    """Median similarities of random pairs inside a group of rows; 0.0 with fewer than two rows.

    Attributes:
        rows: how many rows the group has.
        similarity: median cosine, -1..1.
        lexical: median lexical similarity of the same pairs, 0..1.
        passages: median passage similarity of those pairs of which both rows have passages,
            -1..1; 0.0 without such a pair.

    Raises:
        ValueError: a value is of the wrong type or out of range.
    """

    rows: int
    similarity: float
    lexical: float
    passages: float

    def __post_init__(self) -> None:
        good = _whole(0, MOST_ROWS)(self.rows) and _real(0, 1)(self.lexical)
        if not good or not all(map(_real(-1, 1), (self.similarity, self.passages))):
            raise ValueError(f"a background similarity of {asdict(self)!r:.80}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot says of itself.

    Attributes:
        format: version of this layout, 6.
        rows: how many rows there are.
        dim: how many numbers a vector has.
        passage_dim: how many numbers the vector of a passage has.
        model: fingerprint of the encoder that made the vectors, as the caller gave it.
        analyzer: version of the analyzer that made the terms, as the caller gave it.
        epoch: which store the rows came from.
        change: number of the last change in them.
        ivf_lists: inverted lists of the IVF index; 0 when there is none.
        ivf_probes: how many of them a search visits; 0 when there are none.
        recall: measured recall@100 of the IVF index against exact search; 1.0 without one.
        grouped_by: the column of codes that gives the group of a row; "" with one group only.
        reliable_by: the column that says which vectors mean something; "" if all do.
        centred: whether the mean of its group was subtracted from each vector.
        background: by the label of each group of rows, its background similarity.
        notes: what the caller wants to remember with the rows, opaque here.
        files: size and checksum of every file but the manifest, by name.

    Raises:
        ValueError: a value is of the wrong type, out of range, or at odds with another.
    """

    format: int
    rows: int
    dim: int
    passage_dim: int
    model: str
    analyzer: str
    epoch: str
    change: int
    ivf_lists: int
    ivf_probes: int
    recall: float
    grouped_by: str
    reliable_by: str
    centred: bool
    background: Mapping[str, BackgroundSimilarity]
    notes: Mapping[str, str]
    files: Mapping[str, FileSum]

    def __post_init__(self) -> None:
        for name, is_valid in _CHECKS.items():
            if not is_valid(getattr(self, name)):
                raise ValueError(f"field {name} holds {getattr(self, name)!r:.80}")
        _check_ivf(self)
        _check_named_columns(self)
        # Copied and read-only, so that the caller cannot change them later.
        for name in ("files", "background", "notes"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, ascending."""
        return tuple(sorted(filter(None, map(column_of, self.files))))

    @property
    def generation(self) -> str:
        """The name of the generation that it describes, in the grammar of GENERATION."""
        digest = hashlib.sha256(self.to_bytes()).hexdigest()
        return f"{self.change:012d}-{digest[:12]}"

    def to_bytes(self) -> bytes:
        """Write canonical JSON: sorted keys, two-space indent, ASCII, one newline at the end."""
        fields = {name: getattr(self, name) for name in _CHECKS}
        fields["notes"] = dict(self.notes)
        fields["files"] = {name: asdict(total) for name, total in self.files.items()}
        fields["background"] = {name: asdict(medians) for name, medians in self.background.items()}
        return json.dumps(fields, sort_keys=True, indent=2, allow_nan=False).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes, source: Path) -> Manifest:
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
        # What the parser and the constructors raise; RecursionError comes from deep nesting.
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise SnapshotDamaged.at(source, f"not a manifest ({error})") from error
        if manifest.to_bytes() != data:
            raise SnapshotDamaged.at(source, "not in canonical form")
        return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a snapshot's folder, and nothing else of it.

    Raises:
        SnapshotDamaged: it is missing, too long or not a manifest.
    """
    path = folder / Files.MANIFEST
    try:
        with open_regular(path) as file:
            data = file.read(MOST_MANIFEST_BYTES + 1)
    except FileNotFoundError as error:
        raise SnapshotDamaged.at(path, "missing") from error
    if len(data) > MOST_MANIFEST_BYTES:
        raise SnapshotDamaged.at(path, f"longer than {MOST_MANIFEST_BYTES} bytes")
    return Manifest.from_bytes(data, path)


def _check_format(found: object, source: Path) -> None:
    """Refuse another release's format before its fields are read, which differ too."""
    if type(found) is not int or found == FORMAT or found < 1:
        return
    rebuild = "run: read-also rebuild"
    if found < FORMAT:
        which, remedy = f"is of an earlier release (this one writes {FORMAT})", rebuild
    else:
        which = f"is of a later release (this one reads {FORMAT})"
        remedy = f"install that one, or {rebuild}"
    raise OtherFormat(f"{source}: format {found!r:.20} {which}", remedy)


def _whole(least: int, most: int) -> Callable[[object], bool]:
    """Make the check of an int in a range."""
    # `type is` and not isinstance: True is an int to Python, but not in a manifest.
    return lambda value: type(value) is int and least <= value <= most


def _real(least: float, most: float) -> Callable[[object], bool]:
    """Make the check of a finite float in a range."""
    return lambda value: type(value) is float and math.isfinite(value) and least <= value <= most


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_bool(value: object) -> bool:
    return type(value) is bool


def _are_files(value: Mapping[str, object]) -> bool:
    extra = [name for name in value if name not in _REQUIRED | OPTIONAL and not column_of(name)]
    sums = all(isinstance(total, FileSum) for total in value.values())
    return not extra and sums and value.keys() >= _REQUIRED


def _is_background(value: Mapping[str, object]) -> bool:
    return all(_is_text(n) and isinstance(m, BackgroundSimilarity) for n, m in value.items())


def _are_notes(value: Mapping[str, object]) -> bool:
    return all(_is_text(name) and _is_text(note) for name, note in value.items())


def _check_ivf(manifest: Manifest) -> None:
    lists, probes = manifest.ivf_lists, manifest.ivf_probes
    if (lists > 0) != (Files.IVF in manifest.files) or not min(lists, 1) <= probes <= lists:
        raise ValueError(f"{lists} inverted lists, {probes} probes and the files disagree")


def _check_named_columns(manifest: Manifest) -> None:
    for name in (manifest.grouped_by, manifest.reliable_by):
        if name and column_file(name) not in manifest.files:
            raise ValueError(f"it names a column {name!r:.40}, and there is none")


# A change number has 12 digits in a generation's name.
_CHECKS: Final[Mapping[str, Callable[..., bool]]] = {
    "format": _whole(FORMAT, FORMAT),
    "rows": _whole(0, MOST_ROWS),
    "dim": _whole(1, 2**16),
    "passage_dim": _whole(1, 2**16),
    "model": _is_text,
    "analyzer": _is_text,
    "epoch": _is_text,
    "change": _whole(0, 10**12 - 1),
    "ivf_lists": _whole(0, 2**20),
    "ivf_probes": _whole(0, 2**20),
    "recall": _real(0, 1),
    "grouped_by": _is_text,
    "reliable_by": _is_text,
    "centred": _is_bool,
    "background": _is_background,
    "notes": _are_notes,
    "files": _are_files,
}
