"""Generations that this release did not write, with correct checksums."""

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index import Catalog
from index.manifest import Files, column_file


def as_format(catalog: Catalog, number: int) -> str:
    """Change the format number of the live generation; return its name."""
    path = catalog.folder / catalog.live() / Files.MANIFEST
    return _publish(catalog, json.loads(path.read_bytes()) | {"format": number})


def with_column(catalog: Catalog, name: str, values: NDArray[Any] | None) -> str:
    """Put another column in the live generation, or remove it; return its name."""
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


def without_file(catalog: Catalog, file: str) -> str:
    """Remove a file from the live generation; return its name."""
    folder = catalog.folder / catalog.live()
    fields = json.loads((folder / Files.MANIFEST).read_bytes())
    (folder / file).unlink()
    del fields["files"][file]
    return _publish(catalog, fields)


def with_broken_vectors(catalog: Catalog) -> str:
    """Put a file that FAISS cannot read in the live generation; return its name."""
    folder = catalog.folder / catalog.live()
    fields = json.loads((folder / Files.MANIFEST).read_bytes())
    data = b"IxZZ" + bytes(fields["files"][Files.VECTORS]["bytes"] - 4)
    (folder / Files.VECTORS).unlink()
    (folder / Files.VECTORS).write_bytes(data)
    fields["files"][Files.VECTORS]["sha256"] = hashlib.sha256(data).hexdigest()
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
