"""The words of a list on a page, by language: dates as people write them, and labels of items.

The dates are those of CLDR 48, without endings that newspapers leave out. In Persian and Dari they
are of the Persian calendar, as they are in newspapers there. They are kept in a file,
since Babel takes memory for each language: docs/decisions/0023-words-of-dates.md.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from recommender.api import DateStyle
from recommender.articles import primary_language
from recommender.web.page_languages import nearest_tag

__all__ = ["PageWords", "persian_day", "words_in", "write_date"]

DIGITS: Final = "0123456789"
DARI: Final = "prs"
DARI_AS_PERSIAN: Final = "fa-AF"


@dataclass(frozen=True, slots=True)
class PageWords:
    """What a list says in a language.

    Attributes:
        language: of the words, BCP-47.
        name: of the language, in itself.
        pattern: how a date is written: `{d} {m} {y}`.
        months: as they stand in a date.
        days: today, yesterday, and so on.
        pinned: the label of an item that an editor put first.
        latest: the label of an item that is not related, but new.
        digits: those of numbers, from zero to nine.
        calendar: `gregorian` or `persian`.
    """

    language: str
    name: str
    pattern: str
    months: tuple[str, ...]
    days: tuple[str, ...]
    pinned: str
    latest: str
    digits: str = DIGITS
    calendar: Literal["gregorian", "persian"] = "gregorian"

    def write(self, day: date) -> str:
        """A day as people write it: `10 April 2005`."""
        year, month, number = (
            persian_day(day) if self.calendar == "persian" else (day.year, day.month, day.day)
        )
        written = self.pattern.format(d=number, m=self.months[month - 1], y=year)
        return written if self.digits == DIGITS else written.translate(self._own_digits)

    @property
    def _own_digits(self) -> dict[int, str]:
        return str.maketrans(dict(zip(DIGITS, self.digits, strict=True)))


def persian_day(day: date) -> tuple[int, int, int]:
    """Year, month and day in the Persian calendar; exact from 1800 to 2123.

    Leap years come in cycles of 33 years, seven fours and a five. The numbers are days.
    """
    cycles, days = divmod(day.toordinal() + 356_032, 12_053)
    fours, days = divmod(days, 1_461)
    year = 33 * cycles + 4 * fours - 1_595
    if days > 365:  # noqa: PLR2004 - the first year of four is the long one
        more, days = divmod(days - 1, 365)
        year += more
    if days < 186:  # noqa: PLR2004 - six months of 31 days, then those of 30
        return year, days // 31 + 1, days % 31 + 1
    return year, (days - 186) // 30 + 7, (days - 186) % 30 + 1


def words_in(tag: str) -> PageWords | None:
    """The words for a language; None if there are none, or none in its script."""
    is_dari = primary_language(tag) == DARI
    found = nearest_tag(DARI_AS_PERSIAN if is_dari else tag, _tags())
    return None if found is None else _table()[found]


def write_date(moment: datetime, style: DateStyle, words: PageWords | None, now: datetime) -> str:
    """The day of a moment in the time zone of `now`.

    Days that are less than a week ago are counted from midnight to midnight, so that a list
    changes once a day, and not with each hour.
    """
    day = _day_at(moment, now)
    if words is None or style == "iso":
        return day.isoformat()
    days_ago = (now.date() - day).days
    if style == "relative" and 0 <= days_ago < len(words.days):
        return words.days[days_ago]
    return words.write(day)


def _day_at(moment: datetime, now: datetime) -> date:
    try:
        return moment.astimezone(now.tzinfo).date()
    except OverflowError:  # on the first or last day that Python knows
        return moment.date()


@cache
def _table() -> Mapping[str, PageWords]:
    text = (files("recommender.web") / "page_words.json").read_text("utf-8")
    document: dict[str, dict[str, Any]] = json.loads(text)
    for fields in document.values():
        fields.update(months=tuple(fields["months"]), days=tuple(fields["days"]))
    return {tag: PageWords(tag, **fields) for tag, fields in document.items()}


@cache
def _tags() -> Mapping[str, str]:
    return {tag.lower(): tag for tag in _table()}
