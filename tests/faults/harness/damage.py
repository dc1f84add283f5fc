"""Damaged files: none may be served, and each must be refused as damaged.

    python -m tests.faults.harness.damage [--flips 10000] [--seed 1] [--tally FILE.json]

Two small archives, one with an IVF index, are damaged in every way known here: hostile manifests
and pointers, whole files replaced, generations mixed, files cut and lengthened, and random bits
flipped in any file, drawn by the seed. Stop it with Ctrl-C; with the same tally it goes on.
"""

import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock

import click
import faiss
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

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
from tests.faults.harness.tally import Tally, memory_folder

# Small published archives to damage, and a judge of what opening a damaged one must do.


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


# Flipped bits and wrong lengths, done in place and undone again.


APPENDED: Final = b"\n"


@dataclass(frozen=True, slots=True)
class Flip:
    """One bit of a file, counted from the lowest bit of its first byte."""

    path: Path
    bit: int

    @contextmanager
    def done(self) -> Iterator[None]:
        """Flip the bit, and flip it back."""
        self._flip()
        try:
            yield
        finally:
            self._flip()

    def _flip(self) -> None:
        handle = os.open(self.path, os.O_RDWR)
        try:
            place, bit = divmod(self.bit, 8)
            byte = os.pread(handle, 1, place)[0]
            os.pwrite(handle, bytes([byte ^ 1 << bit]), place)
        finally:
            os.close(handle)


@dataclass(frozen=True, slots=True)
class Length:
    """Another length of a file: shorter, or one byte longer."""

    path: Path
    bytes: int

    @contextmanager
    def done(self) -> Iterator[None]:
        """Cut the file or append to it, and write the old bytes back."""
        whole = self.path.read_bytes()
        if self.bytes < len(whole):
            os.truncate(self.path, self.bytes)
        else:
            self.path.write_bytes(whole + APPENDED)
        try:
            yield
        finally:
            self.path.write_bytes(whole)


def draw_flip(archives: list[Archive], seed: int, number: int) -> tuple[Archive, Flip]:
    """Draw a bit: first an archive, then a file, then a bit, so that small files get as many."""
    draw = random.Random(f"{seed}-{number}")  # noqa: S311 - a choice, no secret
    archive = draw.choice(archives)
    path = draw.choice([*archive.files, archive.pointer])
    return archive, Flip(path, draw.randrange(path.stat().st_size * 8))


def pointer_flips(archive: Archive) -> Iterator[Flip]:
    """Every bit of the pointer."""
    size = archive.pointer.stat().st_size
    return (Flip(archive.pointer, bit) for bit in range(size * 8))


def lengths_of(path: Path, pieces: int) -> list[Length]:
    """0, 1, half, one less, one more, and every multiple of a stride that cuts in `pieces`."""
    size = path.stat().st_size
    strides = range(0, size, max(1, size // pieces))
    wanted = {0, 1, size // 2, size - 1, *strides, size + 1} - {size}
    return [Length(path, length) for length in sorted(wanted) if length >= 0]


# Hostile manifests: each made from a good one, none of which may be taken for a snapshot.


Fields = dict[str, Any]

HUGE: Final = 10**400
SUM: Final[Fields] = {"bytes": 3, "sha256": "0" * 64}
OUTSIDE: Final = (
    *("../../etc/passwd", "/etc/passwd", "..", ".", "", "column-../x.npy", "column-a/b.npy"),
    *("column-A.npy", "column-.npy", "column-a.npy\n", "column-a.npy.", f"column-{'a' * 33}.npy"),
    *(
        "display.bin\0",
        "CARDS.BIN",
        "manifest.json",
        "live",
        "display.bin/",
        "./display.bin",
        "x" * 5000,
    ),
    *("column-\N{CYRILLIC SMALL LETTER A}.npy", "\N{FULLWIDTH FULL STOP}./x", "\ud800"),
)
WRONG: Final[dict[str, tuple[object, ...]]] = {
    "format": (None, 0, 3, 1_000, -1, 1.0, 4.0, True, "1", "3", [1], {}, HUGE),
    "rows": (None, -1, 0, 1, 11, 13, 12.0, True, "12", [], 2**31 - 1, 2**31, 2**63, HUGE),
    "dim": (None, -1, 0, 1, 7, 9, 8.0, True, "8", [], 2**16, 2**16 + 1, 2**63, HUGE),
    "model": (None, 1, 1.5, True, [], {}),
    "analyzer": (None, 1, 1.5, True, [], {}),
    "epoch": (None, 1, 1.5, True, [], {}),
    "change": (None, -1, 2.0, True, "2", [], 10**12, 2**63, HUGE),
    "ivf_lists": (None, -1, 1.0, True, "1", [], 3, 2**20, 2**20 + 1, HUGE),
    "ivf_probes": (None, -1, 1.0, True, "1", [], 2**20, 2**20 + 1, HUGE),
    "recall": (None, -0.1, 1.1, 1, True, "1", [], HUGE),
    "grouped_by": (None, 1, True, [], {}, "absent", "../x", "language ", "LANGUAGE"),
    "reliable_by": (None, 1, True, [], {}, "absent", "../x", "language"),
    "centred": (None, 0, 1, 1.0, "true", "", [], {}),
    "background": (None, 1, "x", [], [1], {"": None}, {"": {}}, {"": []}, {"": 1}),
    "notes": (None, 1, "x", [], [1], {"a": None}, {"a": 1}, {"a": []}),
    "files": (None, 1, "x", [], {}, [1], {"display.bin": SUM}),
}
WRONG_SUMS: Final[tuple[object, ...]] = (
    *(None, 1, "x", [], {}, {"bytes": 3}, {"sha256": "0" * 64}, SUM | {"more": 1}),
    *(SUM | {"bytes": wrong} for wrong in (None, -1, 3.0, True, "3", 2**62, 2**62 + 1, HUGE)),
    *(SUM | {"sha256": wrong} for wrong in (None, 1, "", "0" * 63, "A" * 64, "g" * 64, "0" * 65)),
)
WRONG_FLOORS: Final[tuple[Fields, ...]] = (
    *({"rows": wrong} for wrong in (None, -1, 2**31, 1.0, True, HUGE)),
    *({"similarity": wrong} for wrong in (None, 1, -1.1, 1.1, "0", True)),
    *({"lexical": wrong} for wrong in (None, 1, -0.1, 1.1, "0", True)),
    *({"passages": wrong} for wrong in (None, 1, -1.1, 1.1, "0", True)),
    {"more": 1},
)


def hostile_manifests(good: bytes) -> Iterator[tuple[str, bytes]]:
    """Each with a name that says what is wrong with it."""
    yield from _wrong_fields(good)
    yield from _wrong_files(good)
    yield from _wrong_background(good)
    yield from _wrong_bytes(good)


def canonical(fields: Fields) -> bytes:
    """The form a manifest has on disk, so that it is refused for what it says alone."""
    return json.dumps(fields, sort_keys=True, indent=2).encode() + b"\n"


def _with_files(good: bytes, files: Mapping[str, object]) -> bytes:
    fields: Fields = json.loads(good)
    return canonical(fields | {"files": files})


def _wrong_fields(good: bytes) -> Iterator[tuple[str, bytes]]:
    fields: Fields = json.loads(good)
    assert fields.keys() == WRONG.keys(), "name the manifest's new fields here"
    for name, values in WRONG.items():
        yield f"without {name}", canonical({k: v for k, v in fields.items() if k != name})
        for value in values:
            yield f"{name} = {value!r:.40}", canonical(fields | {name: value})
    yield "unknown field", canonical(fields | {"more": 1})
    for number in (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0", b"9" * 5000):
        text = canonical(fields | {"recall": "HERE"}).replace(b'"HERE"', number)
        yield f"recall = {number.decode():.12}", text


def _wrong_files(good: bytes) -> Iterator[tuple[str, bytes]]:
    files: Fields = json.loads(good)["files"]
    for name in sorted(files):
        yield f"file {name} unnamed", _with_files(good, {n: files[n] for n in files if n != name})
    for name in (*OUTSIDE, "column-absent.npy"):
        yield f"file {name!r:.40}", _with_files(good, files | {name: SUM})
    for wrong in WRONG_SUMS:
        yield f"sum {wrong!r:.60}", _with_files(good, files | {"display.bin": wrong})
    swapped = {"display.bin": files["ids.bin"], "ids.bin": files["display.bin"]}
    yield "two sums swapped", _with_files(good, files | swapped)


def _wrong_background(good: bytes) -> Iterator[tuple[str, bytes]]:
    fields: Fields = json.loads(good)
    background: Fields = {"rows": 12, "similarity": 0.0, "lexical": 0.0, "passages": 0.0}
    for wrong in WRONG_FLOORS:
        yield (
            f"background {wrong!r:.60}",
            canonical(fields | {"background": {"": background | wrong}}),
        )
    for name in background:
        less = {key: value for key, value in background.items() if key != name}
        yield f"background without {name}", canonical(fields | {"background": {"": less}})


def _wrong_bytes(good: bytes) -> Iterator[tuple[str, bytes]]:
    fields: Fields = json.loads(good)
    text = good.decode()
    said = b'"format": %d' % fields["format"]
    yield from {
        "empty": b"",
        "one newline": b"\n",
        "null": b"null\n",
        "a number": b"1\n",
        "a string": b'"x"\n',
        "a list": b"[]\n",
        "an empty object": b"{}\n",
        "a list around it": b"[" + good.strip() + b"]\n",
        "twice": good + good,
        "deep lists": b"[" * 200_000,
        "deep objects": b'{"a":' * 200_000,
        "deep value": canonical(fields | {"background": 0}).replace(b'"background": 0', _deep()),
        "doubled key": good.replace(said, b'"format": 0,\n  ' + said),
        "doubled key, last wrong": good.replace(said, said + b',\n  "format": 0'),
        "doubled file": good.replace(
            b'"display.bin": {', b'"display.bin": {},\n    "display.bin": {'
        ),
        "compact": json.dumps(fields, sort_keys=True).encode() + b"\n",
        "unsorted": json.dumps(dict(reversed(fields.items())), indent=2).encode() + b"\n",
        "no newline": good[:-1],
        "two newlines": good + b"\n",
        "leading space": b" " + good,
        "CRLF": good.replace(b"\n", b"\r\n"),
        "BOM": b"\xef\xbb\xbf" + good,
        "UTF-16": text.encode("utf-16"),
        "UTF-32": text.encode("utf-32"),
        "not UTF-8": good.replace(b'"mini@1"', b'"\xff\xfe"'),
        "NUL": good + b"\0",
        "escaped letter": good.replace(b'"format"', b'"\\u0066ormat"'),
        "a comment": good.replace(b"{", b"{ // all is well", 1),
        "a number as 1e0": good.replace(said, said + b"e0"),
        "two megabytes": good + b" " * (2 << 20),
        "two megabytes of key": canonical(fields | {"x" * (2 << 20): 1}),
        "random bytes": bytes(range(256)) * 8,
    }.items()


def _deep() -> bytes:
    return b'"background": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000


# Whole files damaged: manifests, pointers, folders, and generations mixed with one another.


LINK: Final = "a link"
NOWHERE: Final = "000000000009-0123456789ab"
POINTERS: Final = {
    "empty": b"",
    "newline": b"\n",
    "climbing": b"../../etc\n",
    "climbing, 25 long": b"../../../../../etc/passwd\n",
    "absolute": b"/etc\n",
    "here": b".\n",
    "unknown": f"{NOWHERE}\n".encode(),
    "long": b"0" * 1_000_000,
    "NUL": b"000000000001-0123456789a\0\n",
    "binary": bytes(range(256)),
    "no UTF-8": b"\xff" * 25 + b"\n",
    "arabic digits": ("\N{ARABIC-INDIC DIGIT ONE}" * 12 + "-0123456789ab\n").encode(),
    "capitals": b"000000000001-0123456789AB\n",
    "two names": f"{NOWHERE}\n{NOWHERE}\n".encode(),
    "CRLF": f"{NOWHERE}\r\n".encode(),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A way to damage a copy of an archive.

    Attributes:
        name: what is wrong afterwards.
        damage: does it.
        absent: whether "nothing was published" is a right answer too.
    """

    name: str
    damage: Callable[[Archive], object]
    absent: bool = False


def all_cases(archive: Archive) -> Iterator[Case]:
    """Every case for an archive of that kind."""
    manifest = archive.manifest.read_bytes()
    for name, data in hostile_manifests(manifest):
        yield Case(f"manifest: {name}", partial(forge_manifest, data=data))
    yield from _pointer_cases()
    names = [path.name for path in archive.files]
    yield from (_file_case(kind, name) for kind in _FILE_DAMAGE for name in names if kind != LINK)
    # A linked manifest says what its name says, or is refused.
    yield from (_file_case(LINK, name) for name in names if name != "manifest.json")
    yield from (Case(f"mixed: {name} of another", partial(_mix, name=name)) for name in names)
    yield from _folder_cases()
    yield from unruly_cases()


def unruly_cases() -> list[Case]:
    """Cases in which what should be a file is none."""
    return [
        Case("pointer: a folder", lambda a: _into_folder(a.pointer)),
        Case("pointer: a link in a circle", partial(_link_pointer, target="live")),
        Case("pointer: a link below a file", _below_a_file),
        Case("manifest: a link in a circle", lambda a: _circle(a.manifest)),
    ]


def forge_manifest(archive: Archive, data: bytes) -> None:
    """Put a manifest in place whose generation has the name that fits it, and is live."""
    folder = archive.folder / archive.live
    put(folder / "manifest.json", data)
    name = f"{_change_in(data):012d}-{hashlib.sha256(data).hexdigest()[:12]}"
    folder.rename(archive.folder / name)
    archive.point_to(name)


def _change_in(data: bytes) -> int:
    try:
        change = json.loads(data)["change"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return 2
    return change if type(change) is int and 0 <= change < 10**12 else 2


def _pointer_cases() -> Iterator[Case]:
    for name, data in POINTERS.items():
        yield Case(f"pointer: {name}", partial(_write_pointer, data=data))
    for name, target in {
        "nowhere": "absent",
        "a system file": "/etc/hostname",
        "a good manifest": "../live/manifest.json",
        "zeros": "/dev/zero",
    }.items():
        yield Case(f"pointer: link to {name}", partial(_link_pointer, target=target), absent=True)
    yield Case("pointer: removed", lambda a: a.pointer.unlink(), absent=True)


def _write_pointer(archive: Archive, data: bytes) -> None:
    put(archive.pointer, data)


def _link_pointer(archive: Archive, target: str) -> None:
    archive.pointer.unlink()
    archive.pointer.symlink_to(target)


def _file_case(kind: str, name: str) -> Case:
    damage = _FILE_DAMAGE[kind]
    return Case(f"file: {name} {kind}", lambda a: damage(a.folder / a.live / name))


def _into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _below_a_file(archive: Archive) -> None:
    _link_pointer(archive, f"{archive.live}/manifest.json/x")


def _circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _into_link(path: Path) -> None:
    """A link to the very same bytes."""
    aside = path.parent.parent / "aside"
    aside.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(aside)


def _into_noise(path: Path) -> None:
    put(path, hashlib.shake_128(path.name.encode()).digest(path.stat().st_size))


_FILE_DAMAGE: Final[dict[str, Callable[[Path], object]]] = {
    "removed": Path.unlink,
    "emptied": lambda path: put(path, b""),
    "a folder": _into_folder,
    LINK: _into_link,
    "zeroed": lambda path: put(path, bytes(path.stat().st_size)),
    "noise": _into_noise,
    "under another name": lambda path: path.rename(path.with_name("other")),
}


def _mix(archive: Archive, name: str) -> None:
    """A file of the older generation, of the same size or not, in the live one."""
    older = archive.folder / archive.older / name
    mine = archive.folder / archive.live / name
    if older.read_bytes() == mine.read_bytes():  # alike in all generations: mix in its neighbour
        mine = mine.with_name("display.bin")
        older = older.with_name("ids.bin")
    os.replace(older, mine)  # noqa: PTH105 - the same call the product makes


def _folder_cases() -> Iterator[Case]:
    yield Case("folder: older one under the live name", _rename_older)
    yield Case("folder: live one under the older name", _rename_live)
    yield Case("folder: under a name nobody gave", _rename_free)
    yield Case("folder: one file more", lambda a: (a.folder / a.live / "more").write_bytes(b"x"))
    yield Case("folder: a folder more", lambda a: (a.folder / a.live / "more").mkdir())
    yield Case("folder: a column more", _add_column)
    yield Case("folder: emptied", _empty_folder)
    yield Case("folder: renamed away", lambda a: (a.folder / a.live).rename(a.folder / "x"))
    yield Case("folder: a file instead", _file_instead)
    yield Case("folder: a link in a circle", _circle_folder)
    yield Case("folder: all files of the older one", _all_of_older)


def _rename_older(archive: Archive) -> None:
    (archive.folder / archive.live).rename(archive.folder / "x")
    (archive.folder / archive.older).rename(archive.folder / archive.live)


def _rename_live(archive: Archive) -> None:
    (archive.folder / archive.older).rename(archive.folder / "x")
    (archive.folder / archive.live).rename(archive.folder / archive.older)
    archive.point_to(archive.older)


def _rename_free(archive: Archive) -> None:
    (archive.folder / archive.live).rename(archive.folder / NOWHERE)
    archive.point_to(NOWHERE)


def _add_column(archive: Archive) -> None:
    folder = archive.folder / archive.live
    (folder / "column-more.npy").write_bytes((folder / "column-published.npy").read_bytes())


def _empty_folder(archive: Archive) -> None:
    for path in archive.files:
        path.unlink()


def _file_instead(archive: Archive) -> None:
    (archive.folder / archive.live).rename(archive.folder / "x")
    (archive.folder / archive.live).write_bytes(b"x")


def _circle_folder(archive: Archive) -> None:
    (archive.folder / archive.live).rename(archive.folder / "x")
    (archive.folder / archive.live).symlink_to(archive.live)


def _all_of_older(archive: Archive) -> None:
    for path in archive.files:
        os.replace(path.parent.with_name(archive.older) / path.name, path)  # noqa: PTH105 - as above


SAVED_EVERY: Final = 500
PIECES: Final = 64


@contextmanager
def temporary_archives() -> Iterator[list[Archive]]:
    """An archive without and one with an IVF index, in memory where the system offers that."""
    with tempfile.TemporaryDirectory(prefix="damage-", dir=memory_folder()) as made:
        yield [make_archive(Path(made) / kind, ivf=kind == "ivf") for kind in ("flat", "ivf")]


class Damage:
    """Damages archives, asks for their live generation, and counts how that ended."""

    def __init__(self, archives: list[Archive], tally: Tally) -> None:
        self.archives = archives
        self.tally = tally

    def run_cases(self) -> None:
        """Damage a copy in each way of `all_cases`."""
        for archive in self.archives:
            for case in tqdm(list(all_cases(archive)), "cases", unit="case", disable=None):
                self._run_case(archive, case)

    def run_lengths(self, pieces: int) -> None:
        """Cut and lengthen every file and the pointer; see `lengths_of`."""
        for archive in self.archives:
            paths = [*archive.files, archive.pointer]
            lengths = [length for path in paths for length in lengths_of(path, pieces)]
            for length in tqdm(lengths, "lengths", unit="length", disable=None):
                self._run_length(archive, length)

    def run_pointer(self) -> None:
        """Flip every bit of the pointer."""
        archive = self.archives[0]
        for flip in pointer_flips(archive):
            with flip.done():
                found = archive.mistake(may_be_absent=True)
            self._note("pointer flips", f"bit {flip.bit} of the pointer", found)

    def run_flips(self, seed: int, count: int) -> None:
        """Flip as many bits as are wanted of a seed, on from where its tally stands."""
        start = self.tally.next_step(seed)
        steps = range(start, max(start, count))
        for number in tqdm(steps, "flips", count, initial=start, unit="flip", disable=None):
            archive, flip = draw_flip(self.archives, seed, number)
            with flip.done():
                found = archive.mistake(may_be_absent=flip.path == archive.pointer)
            self._note("flips", f"flip {number} of seed {seed}: {flip}", found)
            self.tally.done(seed, number)
            if number % SAVED_EVERY == 0:
                self.tally.save()

    def check_whole(self) -> None:
        """Everything was undone again: the archives open, or what was counted proves nothing."""
        for archive in self.archives:
            found = archive.mistake()
            if found != "served":
                self.tally.find(f"the archive itself does not open: {found}")

    def _run_case(self, archive: Archive, case: Case) -> None:
        with archive.copied() as copy:
            case.damage(copy)
            self._note("cases", case.name, copy.mistake(may_be_absent=case.absent))

    def _run_length(self, archive: Archive, length: Length) -> None:
        with length.done():
            self._note("lengths", str(length), archive.mistake())

    def _note(self, kind: str, name: str, found: str | None) -> None:
        self.tally.add(kind)
        if found is not None:
            self.tally.find(f"{name}: {found}")


@click.command(help=__doc__)
@click.option("--flips", default=10_000, show_default=True, help="How many random bits to flip.")
@click.option("--seed", default=1, show_default=True)
@click.option("--tally", "path", type=click.Path(path_type=Path), help="Counts, kept and resumed.")
def main(flips: int, seed: int, path: Path | None) -> None:
    """Run everything, print the counts, and fail where anything was found."""
    tally = Tally.load(path)
    with temporary_archives() as archives, watch_faiss(archives) as handed:
        damage = Damage(archives, tally)
        try:
            if tally.next_step(seed) == 0:
                damage.run_cases()
                damage.run_lengths(PIECES)
                damage.run_pointer()
            damage.run_flips(seed, flips)
            damage.check_whole()
        except KeyboardInterrupt:
            click.echo("stopped")
        for file in handed:
            tally.find(f"FAISS was handed a damaged file: {file}")
    tally.save()
    click.echo(str(tally))
    sys.exit(1 if tally.findings else 0)


if __name__ == "__main__":
    main()
