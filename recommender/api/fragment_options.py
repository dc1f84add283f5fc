"""The options of a list in HTML: its heading, layout and style, pictures, labels, dates."""

import re
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from recommender.api.request_options import (
    SWITCH_IN_QUERY,
    WHOLE_IN_QUERY,
    CardField,
    DateStyle,
    InQuery,
    ListOptions,
    TimeZoneName,
)
from recommender.characters import UNSEEN, can_be_seen

__all__ = [
    "COMPACT_LIMIT",
    "LAYOUTS",
    "LONGEST_HEADING",
    "FragmentOptions",
    "Layout",
]

LONGEST_HEADING: Final = 100  # characters
Layout = Literal["list", "list-thumbs", "cards", "compact"]
LAYOUTS: Final[tuple[Layout, ...]] = get_args(Layout)
PICTURED: Final[frozenset[Layout | None]] = frozenset({"list-thumbs", "cards"})
"""Layouts that have images unless told not to."""
COMPACT_LIMIT: Final = 3  # items of a compact list, unless another number is asked for
_CONTROLS: Final = r"\x00-\x1f\x7f-\x9f\u2028\u2029"  # and ends of lines
_HEADING: Final = re.compile(rf"[^{_CONTROLS}]*[^\s{_CONTROLS}{UNSEEN}][^{_CONTROLS}]*")
_HEADING_SCHEMA: Final = {"maxLength": LONGEST_HEADING, "pattern": f"^{_HEADING.pattern}$"}
_ASKED_SWITCH: Final = InQuery(
    SWITCH_IN_QUERY.read, {"type": "integer", "minimum": 0, "maximum": 1}
)
"""A switch whose default depends on other options."""


def _check_heading(text: str) -> str:
    if len(text) > LONGEST_HEADING or not _HEADING.fullmatch(text) or not can_be_seen(text):
        raise ValueError(f"must be 1 to {LONGEST_HEADING} characters on one line that can be seen")
    return text.strip()


class FragmentOptions(ListOptions):
    """The options of a list in HTML: those of a list without `explain` and `fields`, and its look.

    HTML has no place for an explanation, and no place for more than it shows: `fields` follow from
    the other options.
    """

    explain: Annotated[Literal[False], Field(exclude=True)] = False
    fields: Annotated[frozenset[CardField], Field(exclude=True)] = frozenset()
    heading: Annotated[
        Annotated[str, AfterValidator(_check_heading), Field(json_schema_extra=_HEADING_SCHEMA)]
        | None,
        Field(description="The words over the list; else those of the seed's language."),
    ] = None
    heading_level: Annotated[
        int, Field(ge=2, le=6, description="2 for h2, to 6."), WHOLE_IN_QUERY
    ] = 2
    layout: Annotated[
        Layout | None,
        Field(description="How the list looks with read-also.css; compact has 3 items by default."),
    ] = None
    images: Annotated[
        bool | None,
        Field(description="1: items with their image. By default list-thumbs and cards have it."),
        _ASKED_SWITCH,
    ] = None
    stylesheet: Annotated[
        bool,
        Field(
            description="0: with a layout, without the link to read-also.css before the list. It "
            "needs READ_ALSO_PUBLIC_URL."
        ),
        InQuery(
            SWITCH_IN_QUERY.read, {"type": "integer", "minimum": 0, "maximum": 1, "default": 1}
        ),
    ] = True
    labels: Annotated[
        bool,
        Field(description="1: items say if they are pinned, in another language, or only new."),
        SWITCH_IN_QUERY,
    ] = False
    dates: Annotated[
        DateStyle | None,
        Field(
            description="Written as 2005-04-10 (iso), as 10 April 2005 in the seed's language "
            "(long), or the same but 3 days ago within a week (relative): by default relative "
            "with a layout, else iso."
        ),
    ] = None
    time_zone: Annotated[
        TimeZoneName | None,
        Field(description="Of the dates, such as Asia/Dushanbe; else that of the service."),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _follow_the_layout(cls, given: dict[str, Any]) -> dict[str, Any]:
        layout = given.get("layout")
        usual = {"limit": COMPACT_LIMIT} if layout == "compact" else {}
        shows_images = given.get("images", layout in PICTURED)
        return {**usual, **given, "fields": frozenset({"image"} if shows_images else ())}

    @property
    def shows_images(self) -> bool:
        """Whether items have their image: as asked for, else as the layout has it."""
        return "image" in self.fields

    @property
    def loads_stylesheet(self) -> bool:
        """Whether the list brings the style of its layout."""
        return self.stylesheet and self.layout is not None

    @property
    def date_style(self) -> DateStyle:
        """How dates are written: as asked for, else as the layout has it."""
        return self.dates or ("relative" if self.layout else "iso")
