"""What a web worker searches: the live snapshot, swapped when another is published."""

import logging
import threading
import time
from dataclasses import dataclass
from typing import Final

from index import Catalog, IndexFault, NoSnapshot, Snapshot, SnapshotDamaged

__all__ = ["LiveSnapshot"]

LOOK_EVERY_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 5.0  # after a refusal: reading a large snapshot through takes a second
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    snapshot: Snapshot | None
    looked_at: float
    damage: SnapshotDamaged | None = None


class LiveSnapshot:
    """Hands out the live snapshot; one reference, swapped whole, never changed.

    A generation that cannot be opened is logged and not served: the one before it goes on.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._held = _Held(None, -LOOK_EVERY_SECONDS)
        self._looking = threading.Lock()

    def current(self) -> Snapshot:
        """The snapshot to answer from; looks at the pointer at most twice a second.

        Raises:
            NoSnapshot: none was published yet.
            SnapshotDamaged: the only one there is cannot be served.
        """
        held = self._held
        fresh = time.monotonic() - held.looked_at < LOOK_EVERY_SECONDS
        if held.damage is not None and fresh:
            raise held.damage
        if held.snapshot is not None and (fresh or not self._looking.acquire(blocking=False)):
            return held.snapshot
        if held.snapshot is None:
            self._looking.acquire()
        try:
            return self._look(self._held.snapshot)
        finally:
            self._looking.release()

    def _look(self, before: Snapshot | None) -> Snapshot:
        try:
            snapshot = self._open(before)
        except NoSnapshot:
            if before is None:
                raise
            snapshot = before
        except (IndexFault, OSError) as fault:
            _log.error("the live generation is not served: %s", fault)
            self._rest(before, fault)
            if before is None:
                raise
            return before
        self._held = _Held(snapshot, time.monotonic())
        return snapshot

    def _rest(self, before: Snapshot | None, fault: Exception) -> None:
        """Go on with what there is for a while, before a refused generation is read again."""
        damage = fault if before is None and isinstance(fault, SnapshotDamaged) else None
        self._held = _Held(before, time.monotonic() + PAUSE_SECONDS, damage)

    def _open(self, before: Snapshot | None) -> Snapshot:
        if before is not None and self._catalog.live() == before.generation:
            return before
        snapshot = self._catalog.open_live()
        _log.info("serving generation %s with %d articles", snapshot.generation, len(snapshot))
        return snapshot
