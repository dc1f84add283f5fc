"""What each endpoint takes and answers, written beside its view; its query is read by that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar, overload

from flask import request

from recommender.api import Options
from recommender.web.parameters import read_query

__all__ = ["Body", "Content", "Description", "described", "description_of", "scope_of"]

P = ParamSpec("P")
R = TypeVar("R")
O = TypeVar("O", bound=Options)  # noqa: E741 - options

_MARK: Final = "description"


@dataclass(frozen=True, slots=True)
class Content:
    """An answer that is not JSON, by its media type."""

    media: str


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
    """What an endpoint takes and answers.

    Attributes:
        summary: one line.
        answers: by status a type that pydantic knows, some other content, or None for no body.
        query: the options of its query; None where it takes none.
        body: what has to be sent.
        problems: statuses of problem documents, besides those that follow from the rest: 400, those
            of the guard, those of a body.
    """

    summary: str
    answers: Mapping[int, object]
    query: type[Options] | None
    body: Body | None
    problems: tuple[int, ...]


@overload
def described(
    summary: str,
    *,
    answers: Mapping[int, object],
    query: type[O],
    body: Body | None = None,
    problems: tuple[int, ...] = (),
) -> Callable[[Callable[Concatenate[O, P], R]], Callable[P, R]]: ...


@overload
def described(
    summary: str,
    *,
    answers: Mapping[int, object],
    query: None = None,
    body: Body | None = None,
    problems: tuple[int, ...] = (),
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def described(
    summary: str,
    *,
    answers: Mapping[int, object],
    query: type[Options] | None = None,
    body: Body | None = None,
    problems: tuple[int, ...] = (),
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Describe a view, read its query, and pass the options as its first argument.

    Without `query` every parameter is refused. The decorator stands below the guard, so that nobody
    without a key learns of parameters:

        @api.get("/things/<thing_id>")
        @needs("read")
        @described("A thing.", answers={200: Thing}, query=ListOptions, problems=(404,))
        def get_thing(options: ListOptions, thing_id: str) -> Response: ...
    """
    description = Description(summary, answers, query, body, problems)

    def describe(view: Callable[..., R]) -> Callable[..., R]:
        @wraps(view)
        def checked(*args: object, **kwargs: object) -> R:
            options = read_query(query or Options, request.args, request.query_string)
            return view(options, *args, **kwargs) if query else view(*args, **kwargs)

        vars(checked)[_MARK] = description
        return checked

    return describe


def description_of(view: Callable[..., object]) -> Description | None:
    """The description of a view; None where it has none."""
    found = vars(view).get(_MARK)
    return found if isinstance(found, Description) else None


def scope_of(view: Callable[..., object]) -> str | None:
    """The scope that a key needs to open a view, as its guard says; None: it is open to all."""
    found = vars(view).get("scope")
    return found if isinstance(found, str) else None
