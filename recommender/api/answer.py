"""What all answers of the HTTP API have in common, and the answer to what went wrong."""

from functools import partialmethod
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, PlainSerializer

from recommender.api.request_options import without_null
from recommender.errors import FieldFault

__all__ = ["Answer", "Problem", "Rounded"]


def _leave_out_null(schema: dict[str, Any]) -> None:
    """Say in a schema that a field without a value is left out, and never null."""
    fields, required = schema["properties"], schema.get("required", ())
    fields |= {name: without_null(one) for name, one in fields.items() if name not in required}


class Answer(BaseModel):
    """An answer. In its JSON a field that has a default is left out where it has that default."""

    model_config = ConfigDict(frozen=True, json_schema_extra=_leave_out_null)

    to_json: ClassVar = partialmethod(BaseModel.model_dump_json, exclude_defaults=True)
    """The JSON of the answer, its fields in their order; `indent=2` sets it out."""


Rounded = Annotated[
    float,
    PlainSerializer(lambda share: round(share, 4) + 0.0, return_type=float, when_used="json"),
]


class Problem(Answer):
    """An error (RFC 9457).

    Attributes:
        type: always `about:blank`: the status says what kind it is.
        title: the name of the status.
        status: the HTTP status.
        detail: what is wrong, and the remedy.
        instance: the path of the request.
        request_id: the id of the request, as in the header `X-Request-ID` and in the log.
        errors: each rejected field or parameter.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str = ""
    errors: tuple[FieldFault, ...] = ()
