"""All errors of the client, as one tree.

ApiError
|-- NotSendable              the call cannot be sent as it was given; nothing was sent
|-- NoAnswer                 nobody answered, or the answer broke off, also after all attempts
|-- StrangeAnswer            what answered is not this API; a proxy's page, as a rule
|-- BadWebhook               a message to a receiver is not signed as it should be, or too old
`-- Refused                  the service answered with an error
    |-- InvalidRequest       400, 411, 413, 414, 415, 422: a field or a parameter is not acceptable
    |-- KeyRefused           401, 403: the key is unknown, or does not have the scope
    |-- NotFound             404: there is no such article, or nothing at this address
    |   `-- Gone             410: the article was deleted
    |-- OlderVersion         409: a newer version of the article is stored
    |-- ChangedMeanwhile     412: somebody else has changed what was seen
    `-- TryLater             429, 502, 503, 504: not now, also after all attempts
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict

__all__ = [
    "ApiError",
    "BadWebhook",
    "ChangedMeanwhile",
    "FieldFault",
    "Gone",
    "InvalidRequest",
    "KeyRefused",
    "NoAnswer",
    "NotFound",
    "NotSendable",
    "OlderVersion",
    "Problem",
    "Refused",
    "StrangeAnswer",
    "TryLater",
]


class FieldFault(BaseModel):
    """One refused field: a JSON pointer (RFC 6901) and what is wrong with its value."""

    model_config = ConfigDict(frozen=True)

    pointer: str
    detail: str

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.detail}"


class Problem(BaseModel):
    """An error as the service writes it (RFC 9457)."""

    model_config = ConfigDict(frozen=True)

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str = ""
    errors: tuple[FieldFault, ...] = ()


class ApiError(Exception):
    """Root of everything that the client raises on purpose."""


class NotSendable(ApiError, ValueError):
    """The call cannot be sent as it was given; `faults` says which fields, and why."""

    def __init__(self, detail: str, faults: tuple[FieldFault, ...] = ()) -> None:
        super().__init__("; ".join([detail, *map(str, faults)]))
        self.detail = detail
        self.faults = faults


class NoAnswer(ApiError):
    """Nobody answered in time, or the answer broke off.

    A write may have been stored all the same. To send it again does no harm.
    """


class StrangeAnswer(ApiError):
    """What answered is not this API, or a release of it that this client does not know."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail


class BadWebhook(ApiError):
    """A message is not signed with the receiver's secret, is too old, or not of the service."""


class Refused(ApiError):
    """The service answered with an error.

    Attributes:
        status: the HTTP status.
        detail: what is wrong, in words.
        faults: each refused field or parameter.
        request_id: the id of the request in the log of the service; empty if a proxy answered.
        retry_after: in seconds, how long the service asks to wait; None if it does not say.
    """

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        said = [problem.detail, *map(str, problem.errors)]
        super().__init__(f"{problem.status}: {'; '.join(said)}")
        self.status = problem.status
        self.detail = problem.detail
        self.faults = problem.errors
        self.request_id = problem.request_id
        self.retry_after = retry_after


class InvalidRequest(Refused):
    """A field or a parameter is not acceptable; `faults` names each."""


class KeyRefused(Refused):
    """The key is missing or unknown, or does not have the scope that the call needs."""


class NotFound(Refused):
    """There is no such article, or nothing at this address."""


class Gone(NotFound):
    """The article was deleted."""


class OlderVersion(Refused):
    """A newer version of the article is stored."""


class ChangedMeanwhile(Refused):
    """Somebody else has changed it since the change that `seen` names; nothing was done."""


class TryLater(Refused):
    """The service cannot do it now, or a limit is used up; all attempts were made."""


KIND_BY_STATUS: Final[Mapping[int, type[Refused]]] = MappingProxyType(
    dict.fromkeys((400, 411, 413, 414, 415, 422), InvalidRequest)
    | dict.fromkeys((401, 403), KeyRefused)
    | {404: NotFound, 409: OlderVersion, 410: Gone, 412: ChangedMeanwhile}
    | dict.fromkeys((429, 502, 503, 504), TryLater)
)
