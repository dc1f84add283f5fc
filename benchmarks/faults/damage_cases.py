"""Whole files damaged: manifests, pointers, folders, and generations mixed with one another."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.faults.damage_archive import Archive, put
from benchmarks.faults.damage_manifests import hostile_manifests

__all__ = ["Case", "all_cases", "forge_manifest", "unruly_cases"]

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
