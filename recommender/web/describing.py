"""What a call takes and answers, told beside its view; the query is held to what is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from flask import request

from recommender.web.parameters import Parameter, check_encoding, read_query

__all__ = ["Body", "Content", "Description", "describe", "described", "scope_of"]

P = ParamSpec("P")
R = TypeVar("R")

_MARK: Final = "description"
_NOTHING: Final[Mapping[str, Parameter]] = {}


@dataclass(frozen=True, slots=True)
class Content:
    """What is not plain JSON: its media type; `model` where each part of it has a type."""

    media: str
    model: object | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What a request brings.

    Attributes:
        model: a type that pydantic knows.
        media: the media types that it may be sent as.
        partial: whether any of its fields may be left out, or removed by null.
    """

    model: object
    media: tuple[str, ...] = ("application/json",)
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """What a call takes and answers.

    Attributes:
        summary: one line.
        answers: by status a type that pydantic knows, some other content, or None for no body.
        parameters: of its query, by name.
        body: what has to be sent.
        problems: statuses of problem documents, beside those that follow from the rest: 400, those
            of the guard, those of a body.
    """

    summary: str
    answers: Mapping[int, object]
    parameters: Mapping[str, Parameter]
    body: Body | None
    problems: tuple[int, ...]


def described(
    summary: str,
    *,
    answers: Mapping[int, object],
    parameters: Mapping[str, Parameter] = _NOTHING,
    body: Body | None = None,
    problems: tuple[int, ...] = (),
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A view with its description, called only with a query that the description allows.

    It stands below the guard, so that nobody without a key is told of parameters:

        @api.get("/things/<thing_id>")
        @needs("read")
        @described("A thing.", answers={200: Thing}, parameters=LIST_PARAMETERS, problems=(404,))
        def thing(thing_id: str) -> Response: ...
    """
    description = Description(summary, answers, parameters, body, problems)

    def describe_view(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            check_encoding(request.query_string)
            read_query(request.args, parameters)
            return view(*args, **kwargs)

        vars(checked)[_MARK] = description
        return checked

    return describe_view


def describe(view: Callable[..., object]) -> Description | None:
    """What a view was described as."""
    found = vars(view).get(_MARK)
    return found if isinstance(found, Description) else None


def scope_of(view: Callable[..., object]) -> str | None:
    """The scope of the keys that open a view, as its guard tells; None: it is open to all."""
    found = vars(view).get("scope")
    return found if isinstance(found, str) else None
