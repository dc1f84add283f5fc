"""The names below a watched folder, as a running program sees them."""

import itertools

from benchmarks.faults.trace_calls import Unfollowed
from benchmarks.faults.trace_operations import ROOT, Enter, Leave, Move

__all__ = ["Names"]


class Names:
    """Which file or folder each path leads to. Paths are absolute and normal."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._folders: dict[int, dict[str, int]] = {ROOT: {}}
        self._numbers = itertools.count(ROOT + 1)

    def holds(self, path: str) -> bool:
        """Whether a path is the watched folder or lies below it."""
        return path == self._root or path.startswith(f"{self._root}/")

    def is_folder(self, node: int) -> bool:
        """Whether a number is a folder's."""
        return node in self._folders

    def label(self, path: str, node: int) -> str:
        """A path relative to the watched folder, with a slash after a folder."""
        return path[len(self._root) + 1 :] + ("/" if self.is_folder(node) else "")

    def find(self, path: str) -> int | None:
        """The number of what a path leads to; None when nothing is there."""
        node = ROOT
        for name in path[len(self._root) :].split("/")[1:]:
            entries = self._folders.get(node, {})
            if name not in entries:
                return None
            node = entries[name]
        return node

    def get(self, path: str) -> int:
        """The number of what a path leads to.

        Raises:
            Unfollowed: nothing is known there.
        """
        node = self.find(path)
        if node is None:
            raise Unfollowed(f"{path} came about in a way that was not seen")
        return node

    def make(self, path: str, *, is_folder: bool) -> Enter:
        """A new file or folder appears."""
        node = next(self._numbers)
        if is_folder:
            self._folders[node] = {}
        return self._enter(path, node, is_folder=is_folder)

    def link(self, old: str, new: str) -> Enter:
        """A file gets a second name."""
        return self._enter(new, self.get(old), is_folder=False)

    def remove(self, path: str) -> Leave:
        """A name goes."""
        folder, name = self._place(path)
        del self._folders[folder][name]
        return Leave(folder, name)

    def move(self, old: str, new: str) -> Move:
        """A name changes.

        Raises:
            Unfollowed: from one folder to another, which no one sync makes durable.
        """
        (folder, old_name), (target, new_name) = self._place(old), self._place(new)
        if folder != target:
            raise Unfollowed(f"{old} was moved to another folder, {new}")
        node = self._folders[folder].pop(old_name)
        self._folders[folder][new_name] = node
        return Move(folder, old_name, new_name, node)

    def _enter(self, path: str, node: int, *, is_folder: bool) -> Enter:
        folder, name = self._place(path)
        self._folders[folder][name] = node
        return Enter(folder, name, node, is_folder)

    def _place(self, path: str) -> tuple[int, str]:
        folder, _, name = path.rpartition("/")
        if not self.holds(folder):
            raise Unfollowed(f"{path} lies outside the watched folder {self._root}")
        return self.get(folder), name
