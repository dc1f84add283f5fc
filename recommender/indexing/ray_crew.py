"""Has a Ray cluster, or a Ray of this machine alone, read and embed the texts of a rebuild.

Ray is imported when there is something to do, and not before: `ray_stream` needs what is set here.
"""

import logging
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, chdir
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from recommender.analysis.crew import PartDone, Parts
from recommender.analysis.embedding import Model
from recommender.analysis.features import Embedding, Features
from recommender.child_processes import PROGRAM_FOLDER
from recommender.encoding_settings import EncodingSettings
from recommender.errors import BadParameter, PartMissing
from recommender.progress import Advance

if TYPE_CHECKING:
    from recommender.indexing.ray_stream import RayStream

__all__ = ["LOCAL", "RayCrew"]

LOCAL: Final = "local"
"""The address that starts a Ray of this machine."""
AUTO: Final = "auto"
STORE_BYTES: Final = 512 * 2**20
"""Shared memory of a local Ray. 256 texts are 1 MB; what does not fit goes to the disk."""
_ADDRESS: Final = re.compile(r"([\w.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}", re.ASCII)
_QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",  # else it reports to its makers
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # else it writes among our progress bars
    "RAY_DATA_LOG_LEVEL": "CRITICAL",
}
_ON_LOOPBACK: Final = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Has every server of a Ray that we start listen on loopback alone, as Ray does on macOS."""


class RayCrew:
    """A `Crew` on Ray. Close it after use; it is a context manager."""

    def __init__(self, address: str, data_dir: Path, encoding: EncodingSettings) -> None:
        """Check what can be checked; connect when there is something to do.

        Args:
            address: `local` to start a Ray of this machine; `auto` or `host:port` for a cluster
                that this machine is a part of.
            data_dir: the data folder, where models are unpacked. A relative path, also of a model,
                begins in the present folder, on each machine.
            encoding: how texts are encoded.

        Raises:
            BadParameter: the address has another form.
            PartMissing: Ray is not installed.
        """
        _check_address(address)
        if find_spec("ray") is None or find_spec("pyarrow") is None:
            raise PartMissing("--ray needs an extra; run in the checkout: pip install '.[ray]'")
        self._address = address
        self._data_dir = data_dir
        self._encoding = encoding
        self._stack = ExitStack()
        self._opened: RayStream | None = None

    def read(self, parts: Parts) -> Iterator[PartDone[Features]]:
        """Read texts.

        Raises:
            ClusterAway: the cluster cannot be reached, or does not work.
        """
        return self._stream().read(parts)

    def embed(self, model: Model, parts: Parts, advance: Advance) -> Iterator[PartDone[Embedding]]:
        """Embed texts.

        Raises:
            ClusterAway: as above.
            ModelRefused: the settings want a GPU, and the cluster has none.
        """
        return self._stream().embed(model, parts, advance)

    def close(self) -> None:
        """Leave the cluster, or end the Ray of this machine with all its processes."""
        self._opened = None
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _stream(self) -> "RayStream":
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> "RayStream":
        os.environ.update(_QUIET)
        options = self._local_options() if self._address == LOCAL else {}
        records = logging.getLogRecordFactory()
        from recommender.indexing.ray_stream import RayStream, connect, disconnect  # noqa: PLC0415 - imports Ray

        logging.setLogRecordFactory(records)  # Ray's adds a number to each line of our log
        self._stack.callback(disconnect)
        with chdir(PROGRAM_FOLDER):  # Ray has its workers import modules of the current folder
            connect(self._address, options)
        return RayStream(self._data_dir, self._encoding)

    def _local_options(self) -> dict[str, object]:
        """Prepare to start a Ray that nobody else on the machine can use."""
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        os.environ.update(_ON_LOOPBACK | token)
        return {
            "num_cpus": len(os.sched_getaffinity(0)),
            "object_store_memory": STORE_BYTES,
            "include_dashboard": False,
            "_temp_dir": self._stack.enter_context(TemporaryDirectory(prefix="read-also-ray-")),
        }


def _check_address(address: str) -> None:
    """Check the form of an address.

    Raises:
        BadParameter: it is none.
    """
    if address in {LOCAL, AUTO} or _ADDRESS.fullmatch(address):
        return
    if address.startswith("ray://"):
        raise BadParameter(
            f"--ray {address}: Ray Data does not work through Ray's client; make this machine a "
            "part of the cluster (ray start --address=HOST:6379), and run: read-also rebuild "
            "--ray auto"
        )
    raise BadParameter(
        f"--ray {address}: is neither {LOCAL}, nor {AUTO}, nor HOST:PORT of the head of a cluster"
    )
