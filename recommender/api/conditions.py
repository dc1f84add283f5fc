r"""The conditions of a filter, and how they are written: `city,sport,-opinion`.

Commas part the values of a text. A minus at the start of a value excludes it. A backslash makes the
next character a plain one: `Arts\, Culture`, `\-18`. In JSON the values may also stand in a list,
where commas are plain. Of attributes there are ranges of numbers too, with both ends: `10..20`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from recommender.articles import (
    LANGUAGE_PATTERN,
    LONGEST_NAME,
    Moment,
    check_no_nul,
    primary_language,
)
from recommender.attributes import ATTRIBUTE_NAME, AttributeName, text_of

__all__ = [
    "ATTRIBUTE_PARAMETERS",
    "LANGUAGES_SCHEMA",
    "VALUES_SCHEMA",
    "AttributeChoice",
    "AttributeConditions",
    "Choice",
    "Languages",
    "NumberRange",
    "Time",
    "Values",
    "read_attribute",
    "read_choice",
    "read_languages",
]

MOST_VALUES: Final = 100
"""Of one condition."""
LONGEST_LANGUAGES: Final = 2_000  # characters; hundreds of tags
_ANY: Final = "any"
_NOT_ANY: Final = rf"(?!{_ANY}(,|$))"
_ONE_LANGUAGE: Final = rf"-?{_NOT_ANY}{LANGUAGE_PATTERN[1:-1]}"
_LANGUAGES: Final = re.compile(rf"{_ANY}|{_ONE_LANGUAGE}(,{_ONE_LANGUAGE})*")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LOST_PLUS: Final = re.compile(r":[0-9.]+ [0-9]{2}:[0-9]{2}\Z")
_VALUE: Final = re.compile(r"((?:[^\\,]|\\.)*)(,|\Z)", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_NUMBER: Final = r"-?[0-9]{1,16}(?:\.[0-9]{1,16})?"
_RANGE: Final = re.compile(rf"(?:\\(?=-))?({_NUMBER})?\.\.({_NUMBER})?")
_DOTS: Final = re.compile(r"(?:[^\\.]|\\.|\.(?!\.))*\.\.", re.DOTALL)
MOST_CONDITIONS: Final = 20
_COMMA: Final = re.compile(r"(\\.)|,", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which values an article must have, and which it must not have.

    Attributes:
        any_of: it has at least one of these; None sets no limit.
        none_of: it has none of these.
    """

    any_of: frozenset[str] | None = None
    none_of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Numbers from `least` to `most`, both inclusive."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class AttributeChoice:
    """Which values an attribute must have, and which it must not have; as `Choice`.

    A text stands for the value with that text; see `text_of`.
    """

    any_of: frozenset[str | NumberRange] | None = None
    none_of: frozenset[str | NumberRange] = frozenset()


def read_choice(text: str) -> Choice:
    """Read a condition: the article has one of the values without a minus, if there are any.

    Raises:
        ValueError: a value is empty or too long, there are too many, or the text ends in the
            middle of an escape.
    """
    any_of, none_of = set[str](), set[str]()
    for value in _split(text):
        (none_of if value.startswith("-") else any_of).add(_literal(value.removeprefix("-")))
    return Choice(frozenset(any_of) or None, frozenset(none_of))


def read_attribute(text: str) -> AttributeChoice:
    """Read a condition on an attribute: as `read_choice`, with ranges of numbers.

    Raises:
        ValueError: as `read_choice`; or a range has no number at its ends, or ends before it
            begins.
    """
    any_of, none_of = set[str | NumberRange](), set[str | NumberRange]()
    for value in _split(text):
        (none_of if value.startswith("-") else any_of).add(_term(value.removeprefix("-")))
    return AttributeChoice(frozenset(any_of) or None, frozenset(none_of))


def _term(value: str) -> str | NumberRange:
    if not _DOTS.match(value):
        return _literal(value)
    found = _RANGE.fullmatch(value)
    if found is None or found.groups() == (None, None):
        raise ValueError("must have ranges of numbers such as 10..20 or 10..; write \\.. for dots")
    least, most = found[1] or "-inf", found[2] or "inf"
    if float(least) > float(most):
        raise ValueError(f"has a range that ends before it begins: {least}..{most}")
    return NumberRange(float(least), float(most))


def read_languages(text: str) -> Choice:
    """Read a condition on languages: primary subtags in lower case; `any` sets no limit."""
    if text == _ANY:
        return Choice()
    tags = text.split(",")
    any_of = _primaries(tag for tag in tags if not tag.startswith("-"))
    return Choice(any_of or None, _primaries(tag[1:] for tag in tags if tag.startswith("-")))


def _primaries(tags: Iterable[str]) -> frozenset[str]:
    return frozenset(filter(None, map(primary_language, tags)))


def _join_values(values: Sequence[str]) -> str:
    """Write the values of a list, where commas are plain, as one text."""
    texts = [_COMMA.sub(_escape, value) for value in values]
    if not 1 <= len(texts) <= MOST_VALUES or any(len(_split(text)) > 1 for text in texts):
        raise ValueError(f"must be a list of 1 to {MOST_VALUES} values")
    return ",".join(texts)


def _split(text: str) -> list[str]:
    """The values of a text as they are written, without the blanks around them."""
    if not text:
        raise ValueError("must have at least 1 character")
    values = list(_values(check_no_nul(text)))
    if len(values) > MOST_VALUES:
        raise ValueError(f"has more than {MOST_VALUES} values")
    return values


def _values(text: str) -> Iterator[str]:
    at = 0
    while found := _VALUE.match(text, at):
        yield found[1].strip()
        at = found.end()
        if not found[2]:
            return
    raise ValueError("ends with a backslash; two stand for one")


def _literal(value: str) -> str:
    literal = _ESCAPE.sub(r"\1", value).strip()
    if not 1 <= len(literal) <= LONGEST_NAME:
        raise ValueError(f"must have values of 1 to {LONGEST_NAME} characters, joined by commas")
    return literal


def _escape(found: re.Match[str]) -> str:
    return found[1] or r"\,"


def _join_list(value: object) -> object:
    if not isinstance(value, list | tuple):
        return value
    if not all(isinstance(one, str) for one in value):
        raise ValueError("must be a text, or a list of texts")
    return _join_values(value)


def _check_values(text: str) -> str:
    read_choice(text)
    return text


def _attribute_text(value: object) -> object:
    """Write a condition on an attribute as it is written in a query."""
    if isinstance(value, list | tuple):
        return _join_list([_scalar_text(one) for one in value])
    return _scalar_text(value)


def _scalar_text(value: object) -> object:
    if isinstance(value, bool | int | float):
        return re.sub("^-", r"\\-", text_of(value))
    return value


def _check_attribute(text: str) -> str:
    read_attribute(text)
    return text


def _check_languages(text: str) -> str:
    if len(text) > LONGEST_LANGUAGES or not _LANGUAGES.fullmatch(text):
        raise ValueError("must be any, or BCP-47 tags joined by commas, such as en,ru or -fr")
    return text


def _first_moment(value: object) -> object:
    """A date stands for its first moment in UTC."""
    if not isinstance(value, str):
        return value
    if _LOST_PLUS.search(value):
        raise ValueError("has a blank before its offset; in an address, + is written %2B")
    if not _DATE.match(value):
        raise ValueError("must be a date, such as 2026-03-01, or an RFC 3339 time with an offset")
    return f"{value}T00:00:00Z" if _DATE.fullmatch(value) else value


def _text_or_list(text: dict[str, Any]) -> WithJsonSchema:
    """The JSON Schema of values: joined by commas in a text, or one by one in a list."""
    one = {"type": "string", "minLength": 1}
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_VALUES}
    return WithJsonSchema({"anyOf": [text, many]})


VALUES_SCHEMA: Final[dict[str, Any]] = {
    "type": "string",
    "minLength": 1,
    "pattern": r"^[^\u0000]*$",
}
ATTRIBUTE_PARAMETERS: Final[dict[str, Any]] = {
    "type": "object",
    "propertyNames": {"pattern": rf"^attr\.{ATTRIBUTE_NAME}$"},
    "additionalProperties": VALUES_SCHEMA,
    "maxProperties": MOST_CONDITIONS,
}
"""Conditions on attributes in a query, where each is a parameter."""
LANGUAGES_SCHEMA: Final[dict[str, Any]] = {
    "type": "string",
    "maxLength": LONGEST_LANGUAGES,
    "pattern": f"^({_LANGUAGES.pattern.replace(_NOT_ANY, '')})$",  # many readers lack it
}
_VALUE_SCHEMA: Final[list[dict[str, Any]]] = [
    VALUES_SCHEMA,
    {"type": "number"},
    {"type": "boolean"},
]
_ATTRIBUTES_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "propertyNames": {"pattern": f"^{ATTRIBUTE_NAME}$"},
    "additionalProperties": {
        "anyOf": [
            *_VALUE_SCHEMA,
            {
                "type": "array",
                "items": {"anyOf": _VALUE_SCHEMA},
                "minItems": 1,
                "maxItems": MOST_VALUES,
            },
        ]
    },
    "maxProperties": MOST_CONDITIONS,
}
Values = Annotated[
    str, BeforeValidator(_join_list), AfterValidator(_check_values), _text_or_list(VALUES_SCHEMA)
]
Languages = Annotated[
    str,
    BeforeValidator(_join_list),
    AfterValidator(_check_languages),
    _text_or_list(LANGUAGES_SCHEMA),
]
Time = Annotated[
    Moment,
    BeforeValidator(_first_moment),
    WithJsonSchema({"type": "string", "pattern": rf"^{_DATE.pattern}([Tt ].+)?$"}),
]
"""A time with an offset, or a date in UTC."""
AttributeConditions = Annotated[
    dict[
        AttributeName,
        Annotated[str, BeforeValidator(_attribute_text), AfterValidator(_check_attribute)],
    ],
    Field(max_length=MOST_CONDITIONS),
    WithJsonSchema(_ATTRIBUTES_SCHEMA),
]
"""By the name of an attribute, the condition on it."""
