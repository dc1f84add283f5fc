"""Query parameters to options. Strict: what is unknown, repeated or odd is refused by name."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from recommender.articles import LANGUAGE_PATTERN, check_id, primary_language
from recommender.errors import BadParameter, FieldFault
from recommender.recommendations import LIMITS, MODES, Explain, Options

__all__ = ["PARAMETERS", "parse_options", "parse_wait"]

MOST_EXCLUDED: Final = 500
EXPLAIN: Final[Mapping[str, Explain]] = {"1": True, "all": "all"}
_LANGUAGE = re.compile(LANGUAGE_PATTERN)
_DAYS = re.compile(r"([1-9][0-9]{0,4})d")
_SHARE = re.compile(r"0(\.[0-9]{1,6})?|1(\.0{1,6})?")
_WHOLE = re.compile(r"[1-9][0-9]{0,3}")


def parse_options(query: MultiDict[str, str]) -> Options:
    """The options of a list.

    Raises:
        BadParameter: parameters are unknown, repeated or out of range; all of them are named.
    """
    options, faults = Options(), []
    for name, values in query.lists():
        try:
            options = replace(options, **_read(name, values))
        except ValueError as error:
            faults.append(FieldFault(f"/{name}", str(error)))
    if faults:
        raise BadParameter("the query is not acceptable", tuple(faults))
    return options


def parse_wait(query: MultiDict[str, str]) -> bool:
    """Whether a write is to be answered only when it is visible.

    Raises:
        BadParameter: anything but one `wait=visible` is asked.
    """
    faults = [
        FieldFault(f"/{name}", "unknown; known is wait" if name != "wait" else "must be visible")
        for name, values in query.lists()
        if (name, values) != ("wait", ["visible"])
    ]
    if faults:
        raise BadParameter("the query is not acceptable", tuple(faults))
    return "wait" in query


def _read(name: str, values: list[str]) -> Mapping[str, Any]:
    if name not in PARAMETERS:
        raise ValueError(f"unknown; known are {', '.join(PARAMETERS)}")
    if len(values) > 1:
        raise ValueError("given more than once")
    return PARAMETERS[name](values[0])


def _limit(text: str) -> Mapping[str, Any]:
    if not _WHOLE.fullmatch(text) or int(text) not in LIMITS:
        raise ValueError(f"must be a whole number from {LIMITS[0]} to {LIMITS[-1]}")
    return {"limit": int(text)}


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


PARAMETERS: Final[Mapping[str, Callable[[str], Mapping[str, Any]]]] = {
    "limit": _limit,
    "mode": _mode,
    "section": _name("section"),
    "tag": _name("tag"),
    "language": _languages,
    "exclude": _exclude,
    "max_age": _max_age,
    "diversity": _share("diversity"),
    "min_score": _share("min_score"),
    "explain": _explain,
}
