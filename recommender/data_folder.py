"""The data folder of a deployment: the names of the files and folders in it."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["DataFolder"]


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data folder. It names the files and folders in it, and nothing else in the code does.

    What lies in one of those folders is named by the module that writes it.
    """

    path: Path

    @property
    def database(self) -> Path:
        """The article store, unless DATABASE_URL names another."""
        return self.path / "read-also.db"

    @property
    def snapshots(self) -> Path:
        """The catalog of snapshots."""
        return self.path / "snapshots"

    @property
    def models(self) -> Path:
        """Models that were unpacked."""
        return self.path / "models"

    @property
    def journals(self) -> Path:
        """What web workers write of the changes since a snapshot."""
        return self.path / "changes"

    @property
    def heartbeats(self) -> Path:
        """One file for each web worker that runs."""
        return self.path / "workers"

    @property
    def counters(self) -> Path:
        """What each process has counted for `/metrics`."""
        return self.path / "counters"

    @property
    def indexer_lock(self) -> Path:
        """The lock that the indexer holds."""
        return self.path / "indexer.lock"

    @property
    def texts_in_hand(self) -> Path:
        """Which texts the indexer analyzes now, so that one that kills it is found."""
        return self.path / "indexer.reading"

    @property
    def indexer_standby(self) -> Path:
        """A file that is there while the indexer stands by, since another machine's is elected."""
        return self.path / "indexer.standby"

    @property
    def keys(self) -> Path:
        """The copy of the store's keys, for workers that start while the store is away."""
        return self.path / "keys.json"

    @property
    def draft_socket(self) -> Path:
        """The Unix socket on which the indexer answers drafts."""
        return self.path / "indexer.sock"

    @property
    def uploads(self) -> Path:
        """Files that come from a browser, until they are read."""
        return self.path / "uploads"

    @property
    def reports(self) -> Path:
        """The newest reports of `read-also evaluate`."""
        return self.path / "reports"

    @property
    def demo(self) -> "DataFolder":
        """The data folder of the demonstration."""
        return DataFolder(self.path / "demo")

    @property
    def database_url(self) -> str:
        """The SQLAlchemy address of the default store."""
        return f"sqlite:///{self.database}"
