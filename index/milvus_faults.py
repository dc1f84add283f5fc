"""What the driver of a Milvus server raises: the server is away, or this program errs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import grpc
from pymilvus import MilvusException
from pymilvus.exceptions import (
    CollectionNotExistException,
    ConnectError,
    ConnectionConfigException,
    ConnectionNotExistException,
    DescribeCollectionException,
    MilvusUnavailableException,
    SchemaMismatchRetryableException,
)

from index.errors import EngineAway, NoSnapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["away"]

MISSING: Final = 100
"""The code of a server that has no such collection, or no such alias."""
INPUT: Final = range(1_100, 1_200)
"""The codes of a server that cannot make sense of a question."""
MADE_BY_CONNECTIONS: Final = (
    CollectionNotExistException,
    ConnectError,
    ConnectionConfigException,
    ConnectionNotExistException,
    DescribeCollectionException,
    MilvusUnavailableException,
    SchemaMismatchRetryableException,
)
"""All others under MilvusException tell that an argument is none."""
OF_CALLER: Final = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE}


@contextmanager
def away(missing: str | None = None) -> Iterator[None]:
    """Raise what the driver raises for a server that is away, hangs or refuses as EngineAway.

    An error of this program stays what it is, though the driver may wrap it: it is no reason to
    stop asking the server.

    Args:
        missing: what to say where the server has no such collection or alias.

    Raises:
        EngineAway: the server does not answer, or not as it should.
        NoSnapshot: it has no such collection or alias.
    """
    try:
        yield
    except Exception as fault:
        if missing is not None and _is_missing(fault):
            raise NoSnapshot(missing) from fault
        if getattr(fault, "code", None) == MISSING:
            raise NoSnapshot(f"the index server lacks it: {fault}") from fault
        if _is_of_server(fault):
            raise EngineAway.because(_said(fault)) from fault
        raise


def _is_missing(fault: Exception) -> bool:
    """Whether a server says that there is no such collection or alias."""
    words = ("not found", "not exist")
    return isinstance(fault, MilvusException) and any(one in str(fault) for one in words)


def _is_of_server(fault: BaseException | None) -> bool:
    """Whether the server, or the connection to it, is the reason."""
    match fault:
        case grpc.FutureTimeoutError():
            return True
        case grpc.RpcError():
            return not (isinstance(fault, grpc.Call) and fault.code() in OF_CALLER)
        case MilvusException():
            return _is_said_by_server(fault)
        case ValueError():  # raised by a call while another thread replaces the channel
            return "closed channel" in str(fault)
        case AttributeError():  # raised by the driver as it asks a time-out for its code
            return isinstance(fault.__context__, grpc.FutureTimeoutError)
        case _:
            return isinstance(fault, OSError)


def _is_said_by_server(fault: MilvusException) -> bool:
    if isinstance(fault, MADE_BY_CONNECTIONS):
        return True
    if type(fault) is not MilvusException or fault.is_input_error or fault.code in INPUT:
        return False
    # The driver wraps whatever it did not expect, a TypeError of ours too. It also raises an
    # exception from itself.
    cause = fault.__cause__
    return cause is None or cause is fault or _is_of_server(cause)


def _said(fault: Exception) -> str:
    """What a fault says, in one line."""
    if isinstance(fault, grpc.RpcError) and isinstance(fault, grpc.Call):
        return f"{fault.code().name}: {fault.details()}"
    return str(fault)
