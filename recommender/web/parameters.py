"""Query parameters to options. Strict: what is unknown, repeated or odd is refused by name."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from werkzeug.datastructures import MultiDict

from recommender.articles import ID_PATTERN, LANGUAGE_PATTERN, check_id, primary_language
from recommender.errors import BadParameter, FieldFault
from recommender.ranking.results import LIMITS, MODES, Explain, Options

__all__ = [
    "PARAMETERS",
    "WAIT",
    "Parameter",
    "check_encoding",
    "limit_parameter",
    "parse_options",
    "parse_wait",
    "read_query",
]

MOST_EXCLUDED: Final = 500
MOST_FAULTS: Final = 20
EXPLAIN: Final[Mapping[str, Explain]] = {"1": True, "all": "all"}
_LANGUAGE = re.compile(LANGUAGE_PATTERN)
_DAYS = re.compile(r"([1-9][0-9]{0,4})d")
_SHARE = re.compile(r"0(\.[0-9]{1,6})?|1(\.0{1,6})?")
_WHOLE = re.compile(r"[1-9][0-9]{0,3}")
_BROKEN_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query.

    Attributes:
        read: makes of its text what it stands for, by name; ValueError says what is wrong.
        schema: what `read` takes, as JSON Schema.
        meaning: one line.
    """

    read: Callable[[str], Mapping[str, Any]]
    schema: Mapping[str, object]
    meaning: str


def check_encoding(query: bytes) -> None:
    """Refuse a query of which servers make different letters.

    Raises:
        BadParameter: a percent sign stands without two hexadecimal digits, or it is not UTF-8.
    """
    if _BROKEN_PERCENT.search(query):
        _refuse(FieldFault("", "a percent sign needs two hexadecimal digits after it"))
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        _refuse(FieldFault("", "is not UTF-8, percent-encoded"))


def read_query(query: MultiDict[str, str], known: Mapping[str, Parameter]) -> dict[str, Any]:
    """What the parameters of a query stand for, by name.

    Raises:
        BadParameter: some are unknown, repeated or out of range; all of them are named.
    """
    values: dict[str, Any] = {}
    faults = []
    for name, texts in query.lists():
        try:
            values |= _read(name, texts, known)
        except ValueError as error:
            faults.append(FieldFault(f"/{name}", str(error)))
    if faults:
        _refuse(*faults[:MOST_FAULTS])
    return values


def parse_options(query: MultiDict[str, str]) -> Options:
    """The options of a list.

    Raises:
        BadParameter: parameters are unknown, repeated or out of range; all of them are named.
    """
    return replace(Options(), **read_query(query, PARAMETERS))


def parse_wait(query: MultiDict[str, str]) -> bool:
    """Whether a write is to be answered only when it is visible.

    Raises:
        BadParameter: anything but one `wait=visible` is asked.
    """
    return bool(read_query(query, WAIT))


def limit_parameter(limits: range, default: int, meaning: str) -> Parameter:
    """How many are asked for: a whole number from the first to the last of the limits."""

    def read(text: str) -> Mapping[str, Any]:
        if not _WHOLE.fullmatch(text) or int(text) not in limits:
            raise ValueError(f"must be a whole number from {limits[0]} to {limits[-1]}")
        return {"limit": int(text)}

    bounds = {"minimum": limits[0], "maximum": limits[-1]}
    return Parameter(read, {"type": "integer", **bounds, "default": default}, meaning)


def _refuse(*faults: FieldFault) -> None:
    raise BadParameter("the query is not acceptable", faults)


def _read(name: str, texts: list[str], known: Mapping[str, Parameter]) -> Mapping[str, Any]:
    if name not in known:
        names = ", ".join(known) or "none"
        raise ValueError(f"unknown; known {'is' if len(known) < 2 else 'are'} {names}")  # noqa: PLR2004
    if len(texts) > 1:
        raise ValueError("given more than once")
    return known[name].read(texts[0])


def _mode(text: str) -> Mapping[str, Any]:
    if text not in MODES:
        raise ValueError(f"must be one of {', '.join(MODES)}")
    return {"mode": text}


def _languages(text: str) -> Mapping[str, Any]:
    if text == "any":
        return {"languages": frozenset[str]()}
    tags = text.split(",")
    if "any" in tags or not all(map(_LANGUAGE.fullmatch, tags)):
        raise ValueError("must be any, or BCP-47 tags joined by commas, such as en,ru")
    return {"languages": frozenset(filter(None, map(primary_language, tags)))}


def _name(field: str) -> Callable[[str], Mapping[str, Any]]:
    def read(text: str) -> Mapping[str, Any]:
        if not text or "\x00" in text:
            raise ValueError("must not be empty")
        return {field: text}

    return read


def _exclude(text: str) -> Mapping[str, Any]:
    ids = [check_id(part) for part in text.split(",")]
    if len(ids) > MOST_EXCLUDED:
        raise ValueError(f"names more than {MOST_EXCLUDED} articles")
    return {"exclude": frozenset(ids)}


def _max_age(text: str) -> Mapping[str, Any]:
    match = _DAYS.fullmatch(text)
    if not match:
        raise ValueError("must be a number of days, such as 30d")
    return {"max_age_days": float(match[1])}


def _share(field: str) -> Callable[[str], Mapping[str, Any]]:
    def read(text: str) -> Mapping[str, Any]:
        if not _SHARE.fullmatch(text):
            raise ValueError("must be a decimal number from 0 to 1")
        return {field: float(text)}

    return read


def _explain(text: str) -> Mapping[str, Any]:
    if text not in EXPLAIN:
        raise ValueError(f"must be {' or '.join(EXPLAIN)}")
    return {"explain": EXPLAIN[text]}


def _visible(text: str) -> Mapping[str, Any]:
    if text != "visible":
        raise ValueError("must be visible")
    return {"wait": True}


def _text(pattern: str, **more: object) -> Mapping[str, object]:
    return {"type": "string", "pattern": f"^{pattern}$", **more}


_ONE_ID: Final = rf"(?!\.{{1,2}}(,|$)){ID_PATTERN}"
_ONE_TAG: Final = rf"(?!any(,|$)){LANGUAGE_PATTERN[1:-1]}"
_SOME_NAME: Final = {"type": "string", "minLength": 1, "pattern": r"^[^\u0000]*$"}

PARAMETERS: Final[Mapping[str, Parameter]] = {
    "limit": limit_parameter(LIMITS, 12, "How many items."),
    "mode": Parameter(
        _mode,
        {"type": "string", "enum": [*MODES], "default": "mixed"},
        "mixed: the newer of equals first; background: older than the seed; latest: newest first.",
    ),
    "section": Parameter(_name("section"), _SOME_NAME, "Only articles of this section."),
    "tag": Parameter(_name("tag"), _SOME_NAME, "Only articles with this tag."),
    "language": Parameter(
        _languages,
        _text(f"(any|{_ONE_TAG}(,{_ONE_TAG})*)"),
        "BCP-47 tags joined by commas, or any; else the seed's.",
    ),
    "exclude": Parameter(
        _exclude,
        _text(f"{_ONE_ID}(,{_ONE_ID}){{0,{MOST_EXCLUDED - 1}}}"),
        "Ids joined by commas that are not to be listed.",
    ),
    "max_age": Parameter(_max_age, _text(_DAYS.pattern), "Only what is so many days old or less."),
    "diversity": Parameter(
        _share("diversity"), _text(f"({_SHARE.pattern})"), "0 to 1, instead of the policy's."
    ),
    "min_score": Parameter(
        _share("min_score"),
        _text(f"({_SHARE.pattern})"),
        "0 to 1: nothing below is listed, and nothing fills up.",
    ),
    "explain": Parameter(
        _explain,
        {"type": "string", "enum": [*EXPLAIN]},
        "1: why each item is there; all: and what was dropped. Needs a key.",
    ),
}
WAIT: Final[Mapping[str, Parameter]] = {
    "wait": Parameter(
        _visible,
        {"type": "string", "enum": ["visible"]},
        "Answer when every worker of the machine shows it; 202 if that takes longer than 5 s.",
    )
}
