"""A picture in other sizes, as HTML writes it in `srcset`: addresses, each with a width or a scale.

Texts of other programs have blanks or newlines where they like. They are stored in one form.
"""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

__all__ = ["LONGEST_SIZES", "Srcset", "write_sizes"]

LONGEST_SIZES: Final = 8_000  # characters
_BLANK: Final = r"[ \t\n\f\r]"
_ADDRESS: Final = r"https?://[^\s\x00-\x1f\x7f-\x9f]*[^\s,\x00-\x1f\x7f-\x9f]"
_SIZE: Final = r"[1-9][0-9]{0,4}w|[1-9](\.[0-9]{1,3})?x"
_NEXT: Final = re.compile(
    f"{_BLANK}*(?P<address>{_ADDRESS}){_BLANK}+(?P<size>{_SIZE}){_BLANK}*(?P<more>,|\\Z)"
)
_CANDIDATE: Final = f"{_BLANK}*{_ADDRESS}{_BLANK}+({_SIZE}){_BLANK}*"
_PATTERN: Final = f"^({_CANDIDATE}(,{_CANDIDATE})*|{_BLANK}*)$"
_FORM: Final = (
    "must be addresses with widths, such as `https://a/b-300.jpg 300w, https://a/b-600.jpg 600w`, "
    "or with scales, such as `https://a/b.jpg 2x`"
)


def write_sizes(text: str) -> str:
    """The same sizes, with one blank before each size and after each comma.

    Raises:
        ValueError: the text has another form.
    """
    found = list[str]()
    candidate: re.Match[str] | None = None
    while candidate is None or candidate["more"]:
        candidate = _NEXT.match(text, candidate.end() if candidate else 0)
        if candidate is None:
            raise ValueError(_FORM)
        found.append(f"{candidate['address']} {candidate['size']}")
    written = ", ".join(found)
    if len(written) > LONGEST_SIZES:  # else what is stored could not be read again
        raise ValueError(f"is longer than {LONGEST_SIZES:,} characters, with blanks after commas")
    return written


def _none_if_blank(value: object) -> object:
    """None for a text without content: a CMS sends it for a picture that has one size."""
    return None if isinstance(value, str) and not value.strip() else value


Srcset = Annotated[
    Annotated[
        str,
        Field(max_length=LONGEST_SIZES, json_schema_extra={"pattern": _PATTERN}),
        AfterValidator(write_sizes),
    ]
    | None,
    BeforeValidator(_none_if_blank),
]
"""Sizes as they are stored; None for none, as for a blank text."""
