"""Descriptions of endpoints, written beside their views; each query is read by its description.

A parameter that is unknown, repeated or malformed is refused by its name.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, wraps
from typing import Any, Concatenate, Final, NoReturn, ParamSpec, TypeVar, overload
from urllib.parse import unquote_to_bytes

from flask import request
from pydantic import ValidationError
from werkzeug.datastructures import MultiDict

from recommender.api import InQuery, Options
from recommender.articles import faults_of
from recommender.errors import BadParameter, FieldFault
from recommender.spelling import explain_unknown

__all__ = [
    "Body",
    "Description",
    "NonJsonAnswer",
    "described",
    "description_of",
    "parameters_of",
    "read_query",
    "scope_of",
]

P = ParamSpec("P")
R = TypeVar("R")
O = TypeVar("O", bound=Options)  # noqa: E741 - options

MOST_FAULTS: Final = 20
MOST_KEPT, LONGEST_KEPT = 256, 256
"""So many queries are kept as they were read, of at most so many bytes."""
_MARK: Final = "description"
_BROKEN_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_TEXT: Final = InQuery(str)


@dataclass(frozen=True, slots=True)
class NonJsonAnswer:
    """An answer that is not JSON, by its media type."""

    media: str


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request.

    Attributes:
        model: a type that pydantic knows.
        media: the media types that it may be sent as.
        lines: for a list, the media type of its members as lines of JSON, if it takes them too.
        partial: whether any of its fields may be left out, or removed by null.
    """

    model: object
    media: tuple[str, ...] = ("application/json",)
    lines: str | None = None
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """The description of an endpoint: its query, its body and its answers.

    Attributes:
        operation: the operation id in the OpenAPI document: a verb and a noun, `putArticle`.
        summary: one line.
        answers: by status, a type that pydantic knows, an answer that is not JSON, or None for no
            body.
        query: the options of its query; None if it takes none.
        body: the body that a request must have.
        problems: statuses of problem documents, besides those that follow from the rest: 400, those
            of the guard, those of a body.
    """

    operation: str
    summary: str
    answers: Mapping[int, object]
    query: type[Options] | None
    body: Body | None
    problems: tuple[int, ...]


@overload
def described(
    operation: str,
    summary: str,
    *,
    answers: Mapping[int, object],
    query: type[O],
    body: Body | None = None,
    problems: tuple[int, ...] = (),
) -> Callable[[Callable[Concatenate[O, P], R]], Callable[P, R]]: ...


@overload
def described(
    operation: str,
    summary: str,
    *,
    answers: Mapping[int, object],
    query: None = None,
    body: Body | None = None,
    problems: tuple[int, ...] = (),
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def described(
    operation: str,
    summary: str,
    *,
    answers: Mapping[int, object],
    query: type[Options] | None = None,
    body: Body | None = None,
    problems: tuple[int, ...] = (),
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Describe a view, read its query, and pass the options as its first argument.

    Without `query` every parameter is refused. The decorator stands below the guard, so a request
    without a key is refused before its parameters are read:

        @api.get("/things/<thing_id>")
        @needs("read")
        @described("getThing", "A thing.", answers={200: Thing}, query=ListOptions)
        def get_thing(options: ListOptions, thing_id: str) -> Response: ...
    """
    description = Description(operation, summary, answers, query, body, problems)

    def describe(view: Callable[..., R]) -> Callable[..., R]:
        @wraps(view)
        def checked(*args: object, **kwargs: object) -> R:
            options = _read_query_string(query or Options, request.query_string)
            return view(options, *args, **kwargs) if query else view(*args, **kwargs)

        vars(checked)[_MARK] = description
        return checked

    return describe


def _read_query_string(options: type[O], raw: bytes) -> O:
    """The options of this request; what was read of a short query is kept."""
    if len(raw) > LONGEST_KEPT:
        return read_query(options, request.args, raw)
    return _read_short(options, raw)  # type: ignore[return-value]  # the cache hides the type


@lru_cache(maxsize=MOST_KEPT)
def _read_short(options: type[Options], raw: bytes) -> Options:
    return read_query(options, request.args, raw)


def description_of(view: Callable[..., object]) -> Description | None:
    """The description of a view; None if it has none."""
    found = vars(view).get(_MARK)
    return found if isinstance(found, Description) else None


def scope_of(view: Callable[..., object]) -> str | None:
    """The scope that a key needs to open a view, as its guard says; None: it is open to all."""
    found = vars(view).get("scope")
    return found if isinstance(found, str) else None


def read_query(options: type[O], query: MultiDict[str, str], raw: bytes) -> O:
    """Read the parameters of a query.

    Args:
        options: the options that exist.
        query: the decoded query.
        raw: the same as it was sent.

    Raises:
        BadParameter: some parameters are unknown, repeated or out of range (each is named), or the
            query is not percent-encoded UTF-8.
    """
    _check_encoding(raw)
    values: dict[str, object] = {}
    faults: list[FieldFault] = []
    for name, texts in query.lists():
        try:
            _read(parameters_of(options), name, texts, values)
        except ValueError as error:
            faults.append(FieldFault(f"/{name}", str(error)))
    try:
        read = options.model_validate(values)
    except ValidationError as error:
        faults += faults_of(error)
    if faults:
        places = {f"/{name}": place for place, name in enumerate(query)}
        faults.sort(key=lambda fault: places.get(fault.pointer, len(places)))
        _refuse(*faults[:MOST_FAULTS])
    return read


@cache
def parameters_of(options: type[Options]) -> Mapping[str, InQuery]:
    """The parameters of a query by name, in their order: how each one is written."""
    return {
        name: next((one for one in field.metadata if isinstance(one, InQuery)), _TEXT)
        for name, field in options.model_fields.items()
        if not field.exclude
    }


def _read(
    known: Mapping[str, InQuery], name: str, texts: list[str], values: dict[str, Any]
) -> None:
    """Read a parameter into the values of the options."""
    option, dot, inner = name.partition(".")
    parameter = known.get(option)
    if parameter is None or bool(dot) != bool(parameter.names):
        forms = [f"{one}.NAME" if known[one].names else one for one in known]
        hint = explain_unknown(name, forms)
        more = f"known {'is' if len(forms) < 2 else 'are'} {', '.join(forms) or 'none'}"  # noqa: PLR2004
        raise ValueError(f"{hint} {more}" if hint.endswith("?") else f"{hint}; {more}")
    if parameter.names and not parameter.names.fullmatch(inner):
        raise ValueError(f"must have a name of the form {parameter.names.pattern} after {option}.")
    if len(texts) > 1:
        raise ValueError("given more than once")
    value = parameter.read(texts[0])
    if parameter.names:
        values.setdefault(option, {})[inner] = value
    else:
        values[option] = value


def _check_encoding(query: bytes) -> None:
    """Refuse a query that servers decode in different ways."""
    if _BROKEN_PERCENT.search(query):
        _refuse(FieldFault("", "a percent sign needs two hexadecimal digits after it"))
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        _refuse(FieldFault("", "is not UTF-8, percent-encoded"))


def _refuse(*faults: FieldFault) -> NoReturn:
    raise BadParameter("the query is not acceptable", faults)
