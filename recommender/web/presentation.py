"""How an HTML list is to look: the parameters that the list as JSON has not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from recommender.ranking.results import Options
from recommender.web.glyphs import UNSEEN, can_be_seen
from recommender.web.parameters import PARAMETERS, Parameter, read_query

__all__ = ["HTML_PARAMETERS", "PRESENTED", "Presentation", "parse_html_query"]

LONGEST_HEADING: Final = 100  # characters
SWITCH: Final = {"1": True, "0": False}
_STEERS: Final = r"\x00-\x1f\x7f-\x9f\u2028\u2029"  # ends of lines and controls
_HEADING = re.compile(rf"[^{_STEERS}]*[^\s{_STEERS}{UNSEEN}][^{_STEERS}]*")
_LEVEL = re.compile(r"[2-6]")


@dataclass(frozen=True, slots=True)
class Presentation:
    """What a page wants of a list beyond its items.

    Attributes:
        heading: the words over it; None for those of the seed's language.
        heading_level: 2 for `h2`, to 6.
        images: whether items show their image.
    """

    heading: str | None = None
    heading_level: int = 2
    images: bool = False


def parse_html_query(query: MultiDict[str, str]) -> tuple[Options, Presentation]:
    """The options of a list, and how it is to look.

    Raises:
        BadParameter: parameters are unknown, repeated or out of range; all of them are named.
    """
    values = read_query(query, HTML_PARAMETERS)
    looks = {name: values.pop(name) for name in PRESENTED if name in values}
    return replace(Options(), **values), Presentation(**looks)


def _heading(text: str) -> Mapping[str, Any]:
    if len(text) > LONGEST_HEADING or not _HEADING.fullmatch(text) or not can_be_seen(text):
        raise ValueError(f"must be 1 to {LONGEST_HEADING} characters on one line that can be seen")
    return {"heading": text.strip()}


def _level(text: str) -> Mapping[str, Any]:
    if not _LEVEL.fullmatch(text):
        raise ValueError("must be a whole number from 2 to 6")
    return {"heading_level": int(text)}


def _images(text: str) -> Mapping[str, Any]:
    if text not in SWITCH:
        raise ValueError(f"must be {' or '.join(SWITCH)}")
    return {"images": SWITCH[text]}


PRESENTED: Final[Mapping[str, Parameter]] = {
    "heading": Parameter(
        _heading,
        {"type": "string", "maxLength": LONGEST_HEADING, "pattern": f"^{_HEADING.pattern}$"},
        "The words over the list; else those of the seed's language.",
    ),
    "heading_level": Parameter(
        _level,
        {"type": "integer", "minimum": 2, "maximum": 6, "default": 2},
        "2 for h2, to 6.",
    ),
    "images": Parameter(
        _images, {"type": "string", "enum": [*SWITCH], "default": "0"}, "1: items with their image."
    ),
}
HTML_PARAMETERS: Final[Mapping[str, Parameter]] = {
    **{name: known for name, known in PARAMETERS.items() if name != "explain"},
    **PRESENTED,
}
"""HTML has no place for an explanation."""
