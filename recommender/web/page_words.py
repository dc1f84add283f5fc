"""The words of a list on a page, by language: dates as people write them, and labels of items.

The dates are those of CLDR 48, without endings that newspapers leave out. They are kept in a file,
since Babel takes memory for each language: docs/decisions/0023-words-of-dates.md.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from recommender.api import DateStyle
from recommender.web.page_languages import nearest_tag

__all__ = ["PageWords", "words_in", "write_date"]

DIGITS: Final = "0123456789"


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
    """

    language: str
    name: str
    pattern: str
    months: tuple[str, ...]
    days: tuple[str, ...]
    pinned: str
    latest: str
    digits: str = DIGITS

    def write(self, day: date) -> str:
        """A day as people write it: `10 April 2005`."""
        written = self.pattern.format(d=day.day, m=self.months[day.month - 1], y=day.year)
        return written if self.digits == DIGITS else written.translate(self._own_digits)

    @property
    def _own_digits(self) -> dict[int, str]:
        return str.maketrans(dict(zip(DIGITS, self.digits, strict=True)))


def words_in(tag: str) -> PageWords | None:
    """The words for a language; None if there are none, or none in its script."""
    found = nearest_tag(tag, _tags())
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
