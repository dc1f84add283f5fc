"""Query strings as options. An unknown, repeated or malformed parameter is refused by its name."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, NoReturn, TypeVar
from urllib.parse import unquote_to_bytes

from pydantic import ValidationError
from werkzeug.datastructures import MultiDict

from recommender.api import InQuery, Options
from recommender.articles import faults_of
from recommender.errors import BadParameter, FieldFault

__all__ = ["parameters_of", "read_query"]

O = TypeVar("O", bound=Options)  # noqa: E741 - options

MOST_FAULTS: Final = 20
_BROKEN_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_TEXT: Final = InQuery(str)


def read_query(options: type[O], query: MultiDict[str, str], raw: bytes) -> O:
    """Read the parameters of a query.

    Args:
        options: what may be asked for.
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
            values[name] = _read(parameters_of(options), name, texts)
        except ValueError as error:
            faults.append(FieldFault(f"/{name}", str(error)))
    try:
        read = options.model_validate(values)
    except ValidationError as error:
        faults += faults_of(error)
    if faults:
        places = {f"/{name}": place for place, name in enumerate(query)}
        _refuse(*sorted(faults, key=lambda fault: places[fault.pointer])[:MOST_FAULTS])
    return read


@cache
def parameters_of(options: type[Options]) -> Mapping[str, InQuery]:
    """The parameters of a query by name, in their order: how each one is written."""
    return {
        name: next((one for one in field.metadata if isinstance(one, InQuery)), _TEXT)
        for name, field in options.model_fields.items()
        if not field.exclude
    }


def _read(known: Mapping[str, InQuery], name: str, texts: list[str]) -> object:
    if name not in known:
        names = ", ".join(known) or "none"
        raise ValueError(f"unknown; known {'is' if len(known) < 2 else 'are'} {names}")  # noqa: PLR2004
    if len(texts) > 1:
        raise ValueError("given more than once")
    return known[name].read(texts[0])


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
