"""Small published archives to damage, and a judge of what opening a damaged one must do."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest import mock

import faiss
import numpy as np
from numpy.typing import NDArray

from index import (
    BUCKETS,
    Catalog,
    NoSnapshot,
    Passages,
    Rows,
    SnapshotDamaged,
    TermCounts,
    quantize,
)

__all__ = ["ROWS", "STAMP", "Archive", "make_archive", "make_rows", "put", "watch_faiss"]

ROWS: Final = 12
DIM: Final = 8
STAMP: Final[dict[str, Any]] = {"model": "mini@1", "analyzer": "hash@1", "epoch": "e0"}
_faiss: Any = faiss


@dataclass(frozen=True, slots=True)
class Archive:
    """A catalog of two generations of equal shape, the newer one live.

    Attributes:
        folder: the catalog's.
        older: the generation before.
        live: the live generation.
    """

    folder: Path
    older: str
    live: str

    @property
    def pointer(self) -> Path:
        """The file that names the live generation."""
        return self.folder / "live"

    @property
    def manifest(self) -> Path:
        """The live generation's."""
        return self.folder / self.live / "manifest.json"

    @property
    def files(self) -> list[Path]:
        """The files of the live generation."""
        return sorted((self.folder / self.live).iterdir())

    @contextmanager
    def copied(self) -> Iterator["Archive"]:
        """Link all its files beside it, to be replaced (see `put`) but never written to."""
        folder = self.folder.with_name(f"{self.folder.name}-copy")
        shutil.copytree(self.folder, folder, copy_function=os.link)
        try:
            yield Archive(folder, self.older, self.live)
        finally:
            shutil.rmtree(folder)

    def point_to(self, generation: str) -> None:
        """Name a generation live, as a damaged disk or a hostile hand would."""
        put(self.pointer, f"{generation}\n".encode("ascii"))

    def mistake(self, *, may_be_absent: bool = False) -> str | None:
        """Open the live generation, which must be refused.

        Args:
            may_be_absent: whether NoSnapshot is a right answer besides SnapshotDamaged.

        Returns:
            None if it was refused as it should be, else what happened instead.
        """
        right = (SnapshotDamaged, NoSnapshot) if may_be_absent else (SnapshotDamaged,)
        try:
            Catalog(self.folder).open_live()
        except right:
            return None
        except Exception as error:  # noqa: BLE001 - any other error is the finding
            return f"{type(error).__name__}: {error}"
        return "served"


def make_archive(folder: Path, *, ivf: bool) -> Archive:
    """Publish two generations of other rows, the same in number; with an IVF index or without."""
    catalog = Catalog(folder)
    stamp = STAMP | ({"ivf_above": 0} if ivf else {})
    names = [
        catalog.publish_rows(make_rows(ROWS, change), **stamp | {"change": change}).generation
        for change in (1, 2)
    ]
    return Archive(folder, names[0], names[1])


def make_rows(rows: int, seed: int) -> Rows:
    """Draw rows: unit vectors, terms from a small vocabulary, a column of each shape, display."""
    draw = np.random.default_rng(seed)
    vectors = draw.standard_normal((rows, DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Rows(
        ids=[f"article-{number:05d}" for number in range(rows)],
        vectors=vectors.astype(np.float32),
        passages=Passages.of([_passages(draw) for _ in range(rows)], DIM),
        terms=TermCounts.of([_terms(draw) for _ in range(rows)]),
        columns={
            "language": np.arange(rows, dtype=np.int16) % 2,
            "published": draw.integers(2**40, size=rows),
            "sections": draw.integers(9, size=(rows, 3), dtype=np.int32),
        },
        labels={"language": ["en", "tg"]},
        keywords=[[f"tag {number % 7}"] for number in range(rows)],
        display=[f"card {seed} {number}".encode() for number in range(rows)],
    )


def _passages(draw: np.random.Generator) -> NDArray[np.int8]:
    return quantize(draw.standard_normal((3, DIM)).astype(np.float32))


def _terms(draw: np.random.Generator) -> tuple[Any, Any]:
    buckets = np.sort(draw.choice(BUCKETS, 6, replace=False)).astype(np.int32)
    return buckets, draw.integers(1, 5, size=6).astype(np.float32)


@contextmanager
def watch_faiss(archives: list[Archive]) -> Iterator[list[str]]:
    """Note each file that is handed to FAISS although it is none that a build wrote.

    FAISS reads a damaged file at the cost of memory safety, so the list must stay empty.
    """
    good = {digest_of(path) for archive in archives for path in archive.folder.glob("*/*.faiss")}
    handed: list[str] = []
    honest = _faiss.read_index

    def read(path: str, *options: object) -> object:
        if digest_of(Path(path)) not in good:
            handed.append(path)
        return honest(path, *options)

    with mock.patch.object(_faiss, "read_index", read):
        yield handed


def put(path: Path, data: bytes) -> None:
    """Put another file there; what links to the one before keeps its bytes."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
