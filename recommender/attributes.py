"""Attributes: what a newsroom stores of its articles under names of its own, to filter by it."""

import json
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

__all__ = [
    "ATTRIBUTE_NAME",
    "LONGEST_TEXT",
    "AttributeName",
    "AttributeValue",
    "Attributes",
    "Scalar",
    "is_number",
    "text_of",
    "texts_alike",
    "values_of",
]

Scalar: TypeAlias = str | int | float | bool
AttributeValue: TypeAlias = Scalar | tuple[Scalar, ...]

ATTRIBUTE_NAME: Final = r"[a-z][a-z0-9_]{0,39}"
MOST_ATTRIBUTES: Final = 50
MOST_IN_LIST: Final = 50  # of a list
LONGEST_TEXT: Final = 300  # characters of a value
MOST_BYTES: Final = 16_384  # of all attributes of an article, as JSON
_NUMBER: Final = re.compile(
    r"-?[0-9]{1,16}(\.[0-9]{1,30})?(e-[0-9]{1,3})?", re.ASCII | re.IGNORECASE
)
"""As programs print them: of small numbers 1e-7, 1e-07 and 0.0000001 are one."""
WHOLE_NUMBERS: Final = 2**53 - 1
"""The greatest whole number that every JSON reader keeps as it is."""


def values_of(value: AttributeValue) -> tuple[Scalar, ...]:
    """The values of an attribute: the entries of a list, or the only one."""
    return value if isinstance(value, tuple) else (value,)


def text_of(value: Scalar) -> str:
    """The text by which a value is compared: `true`, `12` for 12 and for 12.0, `2.5`."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def is_number(value: Scalar) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def texts_alike(text: str) -> frozenset[str]:
    """The texts of the values that a text of a filter stands for: `12.0` also for the number 12."""
    return frozenset({text, text_of(float(text))} if _NUMBER.fullmatch(text) else {text})


def _check_value(value: object) -> AttributeValue:
    if not isinstance(value, list | tuple):
        return _check_scalar(value)
    if len(value) > MOST_IN_LIST:
        raise ValueError(f"has {len(value)} entries; at most {MOST_IN_LIST} are taken")
    return tuple(map(_check_scalar, value))


def _check_scalar(value: object) -> Scalar:
    match value:
        case str():
            return _check_text(value)
        case int() | float() if math.isfinite(value) and abs(value) <= WHOLE_NUMBERS:
            return value
        case int() | float():
            raise ValueError(f"must be a number between -{WHOLE_NUMBERS} and {WHOLE_NUMBERS}")
        case _:
            raise ValueError("must be a text, a number, true, false, or a list of these")


def _check_text(text: str) -> str:
    stripped = text.strip()
    if not 1 <= len(stripped) <= LONGEST_TEXT or "\x00" in text:
        raise ValueError(f"must have texts of 1 to {LONGEST_TEXT} characters, without NUL")
    return stripped


def _without_nulls(value: object) -> object:
    """Take null as an absent attribute, as it is taken for fields."""
    if not isinstance(value, Mapping):
        return value
    return {name: one for name, one in value.items() if one is not None}


def _in_order(attributes: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    """Order attributes by name, so that another order is no change."""
    if len(json.dumps(attributes, ensure_ascii=False).encode()) > MOST_BYTES:
        raise ValueError(f"is longer than {MOST_BYTES} bytes")
    return dict(sorted(attributes.items()))


_SCALAR_SCHEMA: Final[list[dict[str, Any]]] = [
    {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT},
    {"type": "number", "minimum": -WHOLE_NUMBERS, "maximum": WHOLE_NUMBERS},
    {"type": "boolean"},
]
_LIST_SCHEMA: Final[dict[str, Any]] = {
    "type": "array",
    "items": {"anyOf": _SCALAR_SCHEMA},
    "maxItems": MOST_IN_LIST,
}
AttributeName = Annotated[str, StringConstraints(pattern=f"^{ATTRIBUTE_NAME}$")]
Attributes = Annotated[
    # Any, since pydantic warns where it writes the entries of a union that a function has made.
    dict[AttributeName, Annotated[Any, AfterValidator(_check_value)]],
    Field(max_length=MOST_ATTRIBUTES),
    BeforeValidator(_without_nulls),
    AfterValidator(_in_order),
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"pattern": f"^{ATTRIBUTE_NAME}$"},
            "additionalProperties": {"anyOf": [*_SCALAR_SCHEMA, _LIST_SCHEMA, {"type": "null"}]},
        }
    ),
]
