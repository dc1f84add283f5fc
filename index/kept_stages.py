"""The stages of a build in a folder that outlives the process: an interrupted build goes on there.

After each stage its files are made durable, and a state file, which begins with its own SHA-256,
says which stages are there, with size and SHA-256 of each of their files. A stage that was under
way begins anew. A folder that was begun for other rows or options than fit, or of which a byte has
changed, is given up as a whole.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from index.build import LIBRARIES
from index.catalog import KEPT
from index.disk import (
    FileSum,
    T,
    Writer,
    make_folder,
    measure,
    replace_file,
    sync_file,
    sync_folder,
)
from index.manifest import FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from index.catalog import Catalog

    Fits = Callable[[Mapping[str, Any]], bool]

_STATE: Final = "state.json"
_FOLDERS: Final = ("rows", "snapshot", "results")


@contextmanager
def keep_stages(
    catalog: Catalog,
    origin: Mapping[str, Any],
    fits: Fits = lambda _told: True,
    passing: tuple[type[Exception], ...] = (),
) -> Iterator[KeptStages]:
    """Give the stages that an interrupted build of the same origin has done, if they fit, or none.

    What other builds left is removed. If the block raises an error, its stages are removed too, so
    that a full disk is free again; if it is interrupted or killed, they stay, and so they do after
    an error that passes. After the block, `publish`, `discard` or the next build removes them.

    Args:
        catalog: where the snapshot goes; locked.
        origin: all that the rows and the options depend on, for JSON.
        fits: says of what the stages have given, by stage, whether they may be gone on with.
        passing: errors that say nothing against the stages, and will be over.
    """
    make_folder(catalog.folder)
    catalog.sweep(but=KEPT)
    try:
        yield KeptStages(catalog.folder / KEPT, origin, fits)
    except passing:
        raise
    except Exception:
        shutil.rmtree(catalog.folder / KEPT, ignore_errors=True)
        raise


class KeptStages(Writer):
    """Writes a snapshot, and does no stage again that is there."""

    def __init__(
        self, root: Path, origin: Mapping[str, Any], fits: Fits = lambda _told: True
    ) -> None:
        """Go on with what a folder has, or begin anew.

        Args:
            root: the folder; nobody else may use it meanwhile.
            origin: all that the rows and the options depend on, for JSON.
            fits: see `keep_stages`.
        """
        super().__init__(root / "snapshot")
        self._root, self.rows = root, root / "rows"
        own = {**origin, "format": FORMAT, "libraries": LIBRARIES}
        self._origin = json.loads(json.dumps(own))  # as it is read again
        self._stages = self._read_state(fits)
        self._clear()

    @property
    def done(self) -> tuple[str, ...]:
        """The stages that are there, in the order in which they were done."""
        return tuple(self._stages)

    def do(self, stage: str, work: Callable[[], T]) -> T:
        """Do a stage, unless it is there; its result is an array or a value for JSON.

        All files that it wrote into the folders for rows and for the snapshot are its files.
        """
        if stage in self._stages:
            kept: T = self._result(stage)
            return kept
        result = work()
        told: Any = result
        if isinstance(result, np.ndarray):
            told = None
            np.save(self._result_file(stage), result, allow_pickle=False)
        known = self._files()
        files = {
            name: self._keep(path) for name, path in self._present().items() if name not in known
        }
        for folder in _FOLDERS:
            sync_folder(self._root / folder)
        self._stages[stage] = {"told": told, "files": files}
        state = json.dumps({"origin": self._origin, "stages": self._stages}).encode()
        replace_file(self._root / _STATE, b"\n".join([_sum(state), state]))
        return result

    def _result(self, stage: str) -> Any:  # noqa: ANN401 - what the stage has given
        file = self._result_file(stage)
        return np.load(file, allow_pickle=False) if file.exists() else self._stages[stage]["told"]

    def _result_file(self, stage: str) -> Path:
        return self._root / "results" / f"{stage}.npy"

    def _keep(self, path: Path) -> dict[str, Any]:
        """Make a file durable, and tell its sum; what `create` wrote is both already."""
        if path.parent == self.folder:
            return asdict(self.sums[path.name])
        sync_file(path)
        return asdict(measure(path))

    def _files(self) -> dict[str, dict[str, Any]]:
        """The files of all stages that are there, by folder and name, with their sums."""
        return {name: told for one in self._stages.values() for name, told in one["files"].items()}

    def _present(self) -> dict[str, Path]:
        paths = (path for folder in _FOLDERS for path in (self._root / folder).iterdir())
        return {f"{path.parent.name}/{path.name}": path for path in paths}

    def _read_state(self, fits: Fits) -> dict[str, Any]:
        """The stages of such a build that are there, whole; none if anything differs."""
        try:
            told, _, data = (self._root / _STATE).read_bytes().partition(b"\n")
            state: dict[str, Any] = json.loads(data)
            if told != _sum(data) or state["origin"] != self._origin:
                return {}
            stages: dict[str, Any] = state["stages"]
            if not fits({name: one["told"] for name, one in stages.items()}):
                return {}
            wanted = {n: FileSum(**s) for one in stages.values() for n, s in one["files"].items()}
            present = self._present()
            whole = all(measure(present[name]) == total for name, total in wanted.items())
        except (OSError, ValueError, TypeError, KeyError):
            return {}
        return stages if whole else {}

    def _clear(self) -> None:
        """Remove all that is of no stage that is there."""
        if not self._stages:
            shutil.rmtree(self._root, ignore_errors=True)
            for folder in _FOLDERS:
                make_folder(self._root / folder)
        files = self._files()
        for name, path in self._present().items():
            if name not in files:
                path.unlink()
        folder = f"{self.folder.name}/"
        self.sums = {
            name.removeprefix(folder): FileSum(**told)
            for name, told in files.items()
            if name.startswith(folder)
        }


def _sum(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
