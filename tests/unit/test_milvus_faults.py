"""What the driver of a Milvus server raises: a server that is away, or an error of this program.

How a server fails for real is in tests/integration/test_milvus_away.py.
"""

import grpc
import pytest
from pymilvus import MilvusException
from pymilvus.exceptions import ConnectError, DataNotMatchException, ParamError

from index.errors import EngineAway, NoSnapshot
from index.milvus_faults import away


class Answered(grpc.RpcError, grpc.Call):  # type: ignore[misc]
    """A call that ended with a code, as the driver raises it."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "what the server says"


Answered.__abstractmethods__ = frozenset()


def wrapped(cause: Exception) -> MilvusException:
    """As the driver wraps what it did not expect."""
    fault = MilvusException(message=f"Unexpected error, message=<{cause}>")
    fault.__cause__ = cause
    return fault


def of_time_out() -> AttributeError:
    """As the driver asks a time-out for a code that it lacks."""
    fault = AttributeError("'FutureTimeoutError' object has no attribute 'code'")
    fault.__context__ = grpc.FutureTimeoutError()
    return fault


def raised_from_itself(fault: Exception) -> Exception:
    fault.__cause__ = fault
    return fault


@pytest.mark.parametrize(
    "fault",
    [
        Answered(grpc.StatusCode.DEADLINE_EXCEEDED),
        Answered(grpc.StatusCode.UNAVAILABLE),
        Answered(grpc.StatusCode.UNAUTHENTICATED),
        grpc.RpcError("of no code"),
        grpc.FutureTimeoutError(),
        of_time_out(),
        MilvusException(2, "Fail connecting to server"),
        MilvusException(Answered(grpc.StatusCode.UNAVAILABLE).code(), "Retry timeout"),
        raised_from_itself(MilvusException(65_535, "a code that no release knew")),
        wrapped(Answered(grpc.StatusCode.DEADLINE_EXCEEDED)),
        wrapped(ValueError("Cannot invoke RPC on closed channel!")),
        ValueError("Cannot invoke RPC on closed channel!"),
        ConnectError(),
        ConnectionResetError("by the peer"),
    ],
    ids=repr,
)
def test_a_server_that_is_away_hangs_or_refuses_is_away(fault: Exception) -> None:
    with pytest.raises(EngineAway), away():
        raise fault


@pytest.mark.parametrize(
    "fault",
    [
        ParamError(message="`limit` value x is illegal"),
        DataNotMatchException(message="no such field"),
        Answered(grpc.StatusCode.INVALID_ARGUMENT),
        MilvusException(1_100, "invalid parameter"),
        MilvusException(1, "no expression", is_input_error=True),
        wrapped(TypeError("required argument is not a float")),
        TypeError("of ours"),
        ValueError("of ours"),
        AttributeError("of ours"),
        EngineAway("raised before"),
    ],
    ids=repr,
)
def test_an_error_of_this_program_stays_what_it_is(fault: Exception) -> None:
    with pytest.raises(type(fault)) as raised, away():
        raise fault
    assert raised.value is fault


def test_what_a_server_lacks_is_no_server_that_is_away() -> None:
    with pytest.raises(NoSnapshot, match="the alias is not there"), away("the alias is not there"):
        raise MilvusException(100, "alias 'a' does not exist")
    with pytest.raises(NoSnapshot), away():
        raise MilvusException(100, "collection 'a' does not exist")
