"""Generations that nobody of this release has written, with the right checksums all the same."""

import hashlib
import json
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from index import Catalog
from index.manifest import Files, column_file

OF_FORMAT_3: Final = (
    Files.PASSAGE_STARTS,
    Files.PASSAGE_CODES,
    Files.PASSAGE_SCALES,
    Files.MEANS,
    Files.NEIGHBOURS,
    Files.SHARES,
    Files.HUBNESS,
)


def as_format_2(catalog: Catalog) -> str:
    """Make of the live generation what an earlier release has published; tells its name."""
    folder = catalog.folder / catalog.live()
    fields = json.loads((folder / Files.MANIFEST).read_bytes())
    for name in ("grouped_by", "known_by", "centred"):
        del fields[name]
    for floor in fields["floors"].values():
        del floor["passages"]
    for file in OF_FORMAT_3:
        del fields["files"][file]
        (folder / file).unlink()
    return _publish(catalog, fields | {"format": 2})


def as_format(catalog: Catalog, number: int) -> str:
    """Say of the live generation that it is of another format; tells its name."""
    path = catalog.folder / catalog.live() / Files.MANIFEST
    return _publish(catalog, json.loads(path.read_bytes()) | {"format": number})


def with_column(catalog: Catalog, name: str, values: NDArray[Any] | None) -> str:
    """Put another column in the live generation, or leave it out; tells its name."""
    folder, file = catalog.folder / catalog.live(), column_file(name)
    fields = json.loads((folder / Files.MANIFEST).read_bytes())
    (folder / file).unlink()  # never written over: somebody may be mapping it
    if values is None:
        del fields["files"][file]
    else:
        np.save(folder / file, values)
        data = (folder / file).read_bytes()
        total = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        fields["files"][file] = total
    return _publish(catalog, fields)


def _publish(catalog: Catalog, fields: dict[str, Any]) -> str:
    """Give the live generation another manifest, and the name and the pointer that fit it."""
    folder = catalog.folder / catalog.live()
    data = json.dumps(fields, sort_keys=True, indent=2).encode() + b"\n"
    (folder / Files.MANIFEST).write_bytes(data)
    name = f"{fields['change']:012d}-{hashlib.sha256(data).hexdigest()[:12]}"
    folder.rename(catalog.folder / name)
    (catalog.folder / "live").write_text(f"{name}\n", "ascii")
    return name
