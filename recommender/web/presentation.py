"""How a list in HTML should look: the options that the list in JSON does not have."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from recommender.api import InQuery, ListOptions, read_whole_number
from recommender.web.glyphs import UNSEEN, can_be_seen

__all__ = ["FragmentOptions"]

LONGEST_HEADING: Final = 100  # characters
SWITCH: Final = {"1": True, "0": False}
_CONTROLS: Final = r"\x00-\x1f\x7f-\x9f\u2028\u2029"  # and ends of lines
_HEADING: Final = re.compile(rf"[^{_CONTROLS}]*[^\s{_CONTROLS}{UNSEEN}][^{_CONTROLS}]*")
_HEADING_SCHEMA: Final = {"maxLength": LONGEST_HEADING, "pattern": f"^{_HEADING.pattern}$"}


def _check_heading(text: str) -> str:
    if len(text) > LONGEST_HEADING or not _HEADING.fullmatch(text) or not can_be_seen(text):
        raise ValueError(f"must be 1 to {LONGEST_HEADING} characters on one line that can be seen")
    return text.strip()


def _read_switch(text: str) -> bool:
    if text not in SWITCH:
        raise ValueError(f"must be {' or '.join(SWITCH)}")
    return SWITCH[text]


class FragmentOptions(ListOptions):
    """What a page wants of a list in HTML: the options of a list but for `explain`, and its look.

    HTML has no place for an explanation.
    """

    explain: Annotated[Literal[False], Field(exclude=True)] = False
    heading: Annotated[
        Annotated[str, AfterValidator(_check_heading), Field(json_schema_extra=_HEADING_SCHEMA)]
        | None,
        Field(description="The words over the list; else those of the seed's language."),
    ] = None
    heading_level: Annotated[
        int, Field(ge=2, le=6, description="2 for h2, to 6."), InQuery(read_whole_number)
    ] = 2
    images: Annotated[
        bool,
        Field(description="1: items with their image."),
        InQuery(_read_switch, {"type": "string", "enum": [*SWITCH], "default": "0"}),
    ] = False
