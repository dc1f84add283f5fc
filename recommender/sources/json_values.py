"""JSON of other systems: read strictly, and looked into without trusting its shape."""

import re
from collections.abc import Mapping
from typing import Final

from pydantic_core import from_json

from recommender.errors import BadSource

__all__ = ["Fields", "entries", "listed", "read_json", "text"]

Fields = Mapping[str, object]

_LINE: Final = re.compile(r" at line (\d+) column \d+$")


def read_json(name: str, data: bytes) -> object:
    """The value that a document holds.

    Raises:
        BadSource: it is no JSON; nested too deep, in no UTF-8 and NaN are none.
    """
    try:
        value: object = from_json(data.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=False)
    except ValueError as error:
        found = _LINE.search(str(error))
        reason = _LINE.sub("", str(error))
        raise BadSource(f"{name}:{found[1] if found else 1}: is no JSON ({reason})") from error
    return value


def text(fields: Fields, *names: str) -> str:
    """The first of some fields that is a text and not blank; else nothing."""
    found = (fields.get(name) for name in names)
    return next((value for value in found if isinstance(value, str) and value.strip()), "")


def listed(value: object) -> list[object]:
    """A value that may be one or several."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def entries(fields: Fields, *names: str) -> list[Fields]:
    """The objects in the first of some fields that holds any, be it an object, a list or a map."""
    for name in names:
        value = fields.get(name)
        found = [one for one in listed(value) if isinstance(one, Mapping)]
        if found:
            return found
    return []
