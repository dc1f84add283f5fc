"""Opens the arrays of a snapshot, and finds any that do not fit each other or the manifest.

Passes are made over arrays of a few numbers a row; the codes of passages, which are most of a
snapshot, are taken by their shape.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from index.disk import map_array
from index.errors import SnapshotDamaged
from index.manifest import Files, column_file
from index.means import Means
from index.neighbours import SMOOTHING, Neighbours
from index.passages import Scaled
from index.rows import COLUMN_KINDS, codes_fit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from index.arrays import Array, Longs
    from index.manifest import Manifest


def open_starts(path: Path, rows: int) -> Longs:
    """Map int64 [rows + 1] that tell where each row's entries start.

    Raises:
        SnapshotDamaged: they are not so many, or do not ascend from 0.
    """
    starts = _mapped(path, np.int64, (rows + 1,))
    if starts[0] != 0 or (np.diff(starts) < 0).any():
        raise SnapshotDamaged.at(path, "does not ascend from 0")
    return starts


def open_passages(folder: Path, manifest: Manifest) -> Scaled:
    """Map the passages.

    Raises:
        SnapshotDamaged: the files do not fit each other or the manifest, or a scale is none.
    """
    starts = open_starts(folder / Files.PASSAGE_STARTS, manifest.rows)
    count = int(starts[-1])
    codes = _mapped(folder / Files.PASSAGE_CODES, np.int8, (count, manifest.dim))
    path = folder / Files.PASSAGE_SCALES
    scales = _mapped(path, np.float32, (count,))
    _require(path, good=np.isfinite(scales) & (scales > 0))
    return Scaled(starts, codes, scales)


def open_means(folder: Path, manifest: Manifest, labels: Mapping[str, tuple[str, ...]]) -> Means:
    """Map the means of the groups.

    Raises:
        SnapshotDamaged: they are not one more than the groups, or not finite.
    """
    path = folder / Files.MEANS
    groups = labels[manifest.grouped_by] if manifest.grouped_by else ("",)
    vectors = _mapped(path, np.float32, (len(groups) + 1, manifest.dim))
    _require(path, good=np.isfinite(vectors))
    return Means(vectors, {label: place for place, label in enumerate(groups)})


def open_neighbours(folder: Path, manifest: Manifest) -> Neighbours:
    """Map the neighbours of each row.

    Raises:
        SnapshotDamaged: a neighbour is no row, a weight not in 0..1, or a number not finite.
    """
    rows, pairs = manifest.rows, (manifest.rows, SMOOTHING)
    near = _mapped(folder / Files.NEIGHBOUR_ROWS, np.int32, pairs)
    _require(folder / Files.NEIGHBOUR_ROWS, good=(near >= -1) & (near < rows))
    weights = _mapped(folder / Files.NEIGHBOUR_WEIGHTS, np.float32, pairs)
    _require(folder / Files.NEIGHBOUR_WEIGHTS, good=(weights >= 0) & (weights <= 1))
    hubness = _mapped(folder / Files.HUBNESS, np.float32, (rows,))
    _require(folder / Files.HUBNESS, good=np.isfinite(hubness))
    return Neighbours(near, weights, hubness)


def open_columns(folder: Path, manifest: Manifest) -> Mapping[str, Array]:
    """Map the columns, by name."""
    columns = {
        name: map_array(folder / column_file(name), manifest.rows, COLUMN_KINDS, most_axes=2)
        for name in manifest.columns
    }
    return MappingProxyType(columns)


def read_labels(path: Path) -> Mapping[str, tuple[str, ...]]:
    """Read the words behind the codes, by column.

    Raises:
        SnapshotDamaged: it holds anything else.
    """
    try:
        labels = json.loads(path.read_bytes())
        return MappingProxyType({name: tuple(map(_word, words)) for name, words in labels.items()})
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise SnapshotDamaged.at(path, f"not labels ({error})") from error


def check_codes(
    folder: Path,
    manifest: Manifest,
    columns: Mapping[str, Array],
    labels: Mapping[str, tuple[str, ...]],
) -> None:
    """Check that codes stand for words, and that the columns named in the manifest serve.

    Raises:
        SnapshotDamaged: a label's column is missing or holds anything but codes of its words, the
            groups have no labels, or what tells whose vectors mean something are no bools.
    """
    for name, words in labels.items():
        if name not in columns or not codes_fit(columns[name], len(words)):
            raise SnapshotDamaged.at(folder / Files.LABELS, f"does not fit column {name!r:.40}")
    by, known_by = manifest.grouped_by, manifest.known_by
    if by and (by not in labels or columns[by].ndim != 1):
        raise SnapshotDamaged.at(folder / column_file(by), "does not tell the groups of rows")
    if known_by and (columns[known_by].dtype != np.bool_ or columns[known_by].ndim != 1):
        raise SnapshotDamaged.at(folder / column_file(known_by), "does not say yes or no")


def _mapped(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> Array:
    array = map_array(path, shape[0], np.dtype(dtype).kind, most_axes=len(shape))
    if array.dtype != dtype or array.shape != shape:
        raise SnapshotDamaged.at(path, f"holds {array.dtype} {array.shape}, not {shape}")
    return array


def _require(path: Path, *, good: Array) -> None:
    if not good.all():
        raise SnapshotDamaged.at(path, "holds a number out of its range")


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return value
