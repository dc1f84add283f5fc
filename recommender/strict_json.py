"""Strict JSON from outside: a text that JSON readers understand in different ways is refused."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Final, TypeAlias, cast

from recommender.errors import BadJson, FieldFault

__all__ = [
    "MOST_DEPTH",
    "MOST_MARKS",
    "JsonObject",
    "JsonValue",
    "pattern_of_marks",
    "pointer_to",
    "read_json",
    "read_object",
    "split_list",
]

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, JsonValue]

MOST_DEPTH: Final = 32
MOST_MARKS: Final = 20_000
"""Of a document. A request for twenty lists has 16,000, if its texts have all that they may."""
LONGEST_STEP: Final = 200  # letters of a name that an error quotes
MOST_FAULTS: Final = 20
WHOLE_NUMBERS: Final = range(-(2**63), 2**63)
LONGEST_WHOLE_NUMBER: Final = 20  # letters; before a text of millions of digits is computed
_BLANK: Final = b" \t\r\n"
_BYTE_ORDER_MARK: Final = "\ufeff"
_TOO_DEEP: Final = f"is nested deeper than {MOST_DEPTH} levels"
_MARKS: Final = ",[{"
"""Every value but the outermost follows one of these; so a bound of them bounds the values."""
_TOO_MANY: Final = f"has {MOST_MARKS} or more commas and opening brackets outside of strings"

Path: TypeAlias = "tuple[Path, str | int] | None"
"""The steps to a value, the last one outermost; a pointer is made of them only for an error."""


def read_json(text: str | bytes) -> JsonValue:
    """Read one JSON value: UTF-8 without a byte order mark, or letters.

    Raises:
        BadJson: the text is not JSON, or holds what readers understand in different ways: repeated
            keys, NaN or Infinity, whole numbers outside 64 bits, numbers too large for any reader,
            half a surrogate pair, more than 32 levels. Each is named by its JSON pointer, or by
            line and column. Or it has 20,000 commas and opening brackets outside of
            strings, which are counted before any value is made.
    """
    letters = _letters(text)
    if sum(map(letters.count, _MARKS)) >= MOST_MARKS and _MANY_MARKS.match(letters):
        raise _bad(FieldFault("", _TOO_MANY))
    try:
        value: object = _DECODER.decode(letters)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _bad(FieldFault("", f"is not JSON: {error.msg} at {place}")) from None
    except RecursionError:
        raise _bad(FieldFault("", _TOO_DEEP)) from None
    if faults := tuple(islice(_faults(value, None, MOST_DEPTH), MOST_FAULTS)):
        raise _bad(*faults)
    return cast("JsonValue", value)


def read_object(text: str | bytes) -> JsonObject:
    """Read one JSON object.

    Raises:
        BadJson: as for `read_json`, or the value is not an object.
    """
    value = read_json(text)
    if not isinstance(value, dict):
        raise _bad(FieldFault("", "must be a JSON object"))
    return value


def split_list(text: bytes) -> Iterator[bytes]:
    """The texts of the members of a JSON list, one by one; none of them is read.

    A member is anything of which strings and brackets end, in at most 32 levels. It is for the
    caller to read each by `read_json`.

    Raises:
        BadJson: the text is not a list, or the list does not end where the text ends.
    """
    text = text.strip(_BLANK)
    at, end = 1, len(text) - 1
    if not text.startswith(b"[") or not text.endswith(b"]") or at > end:
        raise _bad(FieldFault("", "must be a list that ends where the body ends"))
    if not text[at:end].strip(_BLANK):
        return
    while at <= end:
        found = _pattern_of_member().match(text, at, end)
        stop = found.end() if found else at
        if not found or (stop < end and text[stop : stop + 1] != b","):
            raise _bad(FieldFault("", f"is not JSON: a member of the list is broken, byte {stop}"))
        yield found[0].strip(_BLANK)
        at = stop + 1


def pattern_of_marks(count: int) -> re.Pattern[str]:
    """Make a pattern that matches so many marks outside of strings.

    It never goes back, so its time is linear.
    """
    return re.compile(
        rf"""(?:
            (?: [^",\[{{]++ | "[^"\\]*+ (?: \\. [^"\\]*+ )*+ "? )*+
            [,\[{{]
        ){{{count}}}+""",
        re.VERBOSE | re.DOTALL,
    )


def pointer_to(pointer: str, step: str | int) -> str:
    """Extend a JSON pointer (RFC 6901) by one step; a very long name is cut."""
    name = str(step)[:LONGEST_STEP]
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


@cache
def _pattern_of_member() -> re.Pattern[bytes]:
    """A member of a list, up to the comma after it. It never goes back, so its time is linear."""
    text = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
    nested = rf"[\[{{](?:[^\"\[\]{{}}]++|{text})*+[\]}}]"
    for _ in range(MOST_DEPTH - 1):
        nested = rf"[\[{{](?:[^\"\[\]{{}}]++|{text}|{nested})*+[\]}}]"
    return re.compile(rf"(?:[^\"\[\]{{}},]++|{text}|{nested})++".encode(), re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Unfit:
    """Takes the place of a number that is refused."""

    because: str


class _Ambiguous(dict[str, object]):
    """An object with a repeated key."""

    repeated: str


def _letters(text: str | bytes) -> str:
    try:
        letters = text if isinstance(text, str) else text.decode()
    except UnicodeDecodeError as error:
        raise _bad(FieldFault("", f"is not UTF-8 at byte {error.start}")) from None
    if letters.startswith(_BYTE_ORDER_MARK):
        raise _bad(FieldFault("", "begins with a byte order mark; send UTF-8 without it"))
    return letters


def _whole(text: str) -> int | _Unfit:
    if len(text) <= LONGEST_WHOLE_NUMBER and (number := int(text)) in WHOLE_NUMBERS:
        return number
    return _Unfit("is a whole number outside 64 bits")


def _broken(text: str) -> float | _Unfit:
    number = float(text)
    return number if math.isfinite(number) else _Unfit("is a number too large for any reader")


def _constant(name: str) -> _Unfit:
    return _Unfit(f"is {name}, which is not JSON")


def _members(pairs: list[tuple[str, object]]) -> Mapping[str, object]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    ambiguous, seen = _Ambiguous(members), set[str]()
    ambiguous.repeated = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    return ambiguous


def _faults(value: object, path: Path, depth: int) -> Iterator[FieldFault]:
    """The faults of a value, the outermost first; `depth` more levels are allowed."""
    match value:
        case str():
            if not _is_whole_text(value):
                yield _at(path, "holds half a surrogate pair")
        case _Unfit():
            yield _at(path, value.because)
        case list() | dict() if depth == 0:
            yield _at(path, _TOO_DEEP)
        case list():
            for place, entry in enumerate(value):
                if not isinstance(entry, bool | int | float):
                    yield from _faults(entry, (path, place), depth - 1)
        case dict():
            yield from _object_faults(value, path, depth - 1)


def _object_faults(value: dict[str, object], path: Path, depth: int) -> Iterator[FieldFault]:
    if not all(map(_is_whole_text, value)):
        yield _at(path, "has a key that holds half a surrogate pair")
        return
    if isinstance(value, _Ambiguous):
        yield _at((path, value.repeated), "is given more than once")
    for name, member in value.items():
        yield from _faults(member, (path, name), depth)


def _at(path: Path, detail: str) -> FieldFault:
    return FieldFault(_pointer(path), detail)


def _pointer(path: Path) -> str:
    return "" if path is None else pointer_to(_pointer(path[0]), path[1])


def _is_whole_text(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bad(*faults: FieldFault) -> BadJson:
    return BadJson("the JSON is not acceptable", faults)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_whole, parse_float=_broken, parse_constant=_constant
)
_MANY_MARKS: Final = pattern_of_marks(MOST_MARKS)
