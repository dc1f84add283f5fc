"""The keys that hold in a worker: those of the settings, and those of the store.

A thread looks at the store after each commit, so that a key that is made or revoked counts within
a second. Requests read one reference, which is replaced as a whole. While the store is away, the
keys that were read last go on; a worker that starts meanwhile takes them from a copy on the disk.
"""

import json
import logging
import threading
from collections.abc import Callable, Hashable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from index import replacing
from recommender.api_keys import ApiKey
from recommender.errors import StoreUnusable
from recommender.logs import RepeatedFault
from recommender.store import ArticleStore, Pause

__all__ = ["Keyring"]

REFRESH_SECONDS: Final = 0.3  # where nothing tells of commits
HOUR_SECONDS: Final = 3_600
_NEVER_READ: Final = "never read"
_log = logging.getLogger(__name__)


class Keyring:
    """The keys that hold now.

    Attributes:
        keys: all keys; an old secret of a rotated key is a key of its own.
        used: by name, the last time that a key opened a call, in seconds since 1970. Requests
            write it; it is stored once an hour.
    """

    def __init__(
        self, configured: tuple[ApiKey, ...], store: Callable[[], ArticleStore], copy: Path
    ) -> None:
        """Hold the keys of the settings only; call `start`, or `refresh` again and again.

        Args:
            configured: the keys of the settings.
            store: opens the store, or raises StoreUnusable.
            copy: this machine's copy of the keys of the store.
        """
        self.keys = configured
        self.used: dict[str, float] = {}
        self._configured = configured
        self._store = store
        self._copy = copy
        self._version: str | None = _NEVER_READ
        self._complete_at: Hashable = None
        self._noted: dict[str, int] = {}
        self._refresh_fault = RepeatedFault(
            _log, "the keys could not be read anew; those read last go on"
        )
        self._uncopied: tuple[ApiKey, ...] | None = None
        self._copy_fault = RepeatedFault(
            _log, "a worker that starts without the store will take earlier keys"
        )
        self._pause = Pause(store, REFRESH_SECONDS)
        self._thread: threading.Thread | None = None

    @property
    def accepts_writes(self) -> bool:
        """Whether any key may write; if none, there is no write API at all."""
        return any("write" in key.scopes for key in self.keys)

    def start(self) -> None:
        """Read the keys, then follow the store in a thread until `stop`."""
        self._try_refresh()
        if self._version == _NEVER_READ:
            self._hold(_read_copy(self._copy))
        self._thread = threading.Thread(target=self._run, name="keyring", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._pause.stop()
        if self._thread is not None:
            self._thread.join()

    def refresh(self) -> None:
        """Look at the store once, in the calling thread.

        Raises:
            StoreUnusable: it is away.
        """
        store = self._store()
        signal = store.change_signal.read()  # before the keys, so that a later change is noticed
        if not store.change_signal.shows_all or signal != self._complete_at:
            if store.keys.version() != self._version:
                found = store.keys.now()
                self._hold(found.keys)
                self._version, self._uncopied = found.version, found.keys
            self._complete_at = signal
        if self._uncopied is not None:
            self._write_copy(self._uncopied)
        self._note_use(store)

    def _run(self) -> None:
        while self._pause.wait():
            self._try_refresh()

    def _try_refresh(self) -> None:
        """Refresh, or log why that fails. The follower of the change log reports an absence."""
        try:
            self.refresh()
            self._refresh_fault.clear()
        except StoreUnusable:
            return
        except Exception as fault:  # noqa: BLE001 - a surprise is logged, and must not end the thread
            self._refresh_fault.note(fault, trace=True)

    def _hold(self, stored: tuple[ApiKey, ...]) -> None:
        self.keys = self._configured + stored

    def _note_use(self, store: ArticleStore) -> None:
        """Store in which hour keys were last used, if that is another than the stored."""
        hours = {name: int(at // HOUR_SECONDS) for name, at in dict(self.used).items()}
        new = {name: hour for name, hour in hours.items() if self._noted.get(name) != hour}
        if new:
            store.keys.note_use(
                {name: datetime.fromtimestamp(h * HOUR_SECONDS, UTC) for name, h in new.items()}
            )
            self._noted |= new

    def _write_copy(self, keys: tuple[ApiKey, ...]) -> None:
        """Write the copy; if the disk is full, the next look tries again."""
        if not keys and not self._copy.exists():
            self._uncopied = None
            return
        rows = [asdict(key) | {"scopes": sorted(key.scopes)} for key in keys]
        try:
            with replacing(self._copy) as aside:
                aside.touch(mode=0o600)
                aside.write_text(json.dumps(rows, default=datetime.isoformat), "utf-8")
        except OSError as fault:
            self._copy_fault.note(fault)
        else:
            self._uncopied = None
            self._copy_fault.clear()


def _read_copy(path: Path) -> tuple[ApiKey, ...]:
    """The keys of a copy; none if there is no copy, or if it is damaged."""
    try:
        rows = json.loads(path.read_text("utf-8"))
        return tuple(
            ApiKey(row["name"], frozenset(row["scopes"]), row["digest"], _moment(row["expires_at"]))
            for row in rows
        )
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError) as fault:
        _log.error(
            "%s: the keys cannot be read, so only those of the settings hold: %s", path, fault
        )
        return ()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
