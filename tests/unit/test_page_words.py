"""Dates as people write them, in the time zone of the site, and words in every language."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_date, format_timedelta
from hypothesis import given
from hypothesis import strategies as st

from recommender.api import DateStyle
from recommender.web.page_languages import HEADINGS
from recommender.web.page_words import DIGITS, persian_day, words_in, write_date

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
SPRING = datetime(2005, 4, 10, 8, tzinfo=UTC)
DUSHANBE = ZoneInfo("Asia/Dushanbe")


def written(
    moment: datetime, tag: str = "en", style: DateStyle = "relative", now: datetime = NOON
) -> str:
    return write_date(moment, style, words_in(tag), now)


@pytest.mark.parametrize(
    ("tag", "day"),
    [
        ("en", "10 April 2005"),
        ("en-GB", "10 April 2005"),
        ("en-US", "April 10, 2005"),
        ("ru", "10 апреля 2005"),
        ("tg", "10 апрели 2005"),
        ("uz", "10-aprel, 2005"),
        ("ky-KG", "10-апрель, 2005"),
        ("de", "10. April 2005"),
        ("pt-BR", "10 de abril de 2005"),
        ("ca", "10 d’abril del 2005"),  # noqa: RUF001 - as Catalan is written
        ("lt", "2005 m. balandžio 10 d."),
        ("zh-Hans-CN", "2005年4月10日"),
        ("fa", "۲۱ فروردین ۱۳۸۴"),
        ("fa-AF", "۲۱ حمل ۱۳۸۴"),
        ("prs", "۲۱ حمل ۱۳۸۴"),
        ("ar", "10 أبريل 2005"),
        ("he", "10 באפריל 2005"),
        ("eo", "2005-04-10"),
        ("tg-Arab", "2005-04-10"),
        ("und", "2005-04-10"),
    ],
)
def test_a_date_is_written_as_in_its_language(tag: str, day: str) -> None:
    assert written(SPRING, tag) == written(SPRING, tag, "long") == day
    assert written(SPRING, tag, "iso") == "2005-04-10"


@pytest.mark.parametrize(
    ("days", "english", "russian"),
    [
        (0, "Today", "Сегодня"),
        (1, "Yesterday", "Вчера"),
        (2, "2 days ago", "Позавчера"),
        (3, "3 days ago", "3 дня назад"),
        (6, "6 days ago", "6 дней назад"),
        (7, "22 November 2026", "22 ноября 2026"),
        (-1, "30 November 2026", "30 ноября 2026"),
    ],
)
def test_within_a_week_a_date_is_an_age(days: int, english: str, russian: str) -> None:
    moment = NOON - timedelta(days=days)
    assert (written(moment), written(moment, "ru")) == (english, russian)
    assert written(moment, style="long") == f"{29 - days} November 2026"


@pytest.mark.parametrize(
    ("day", "persian"),
    [
        # As ICU 78 has them: new years, the ends of long years, the end of summer.
        ((2024, 3, 20), (1403, 1, 1)),
        ((2025, 3, 20), (1403, 12, 30)),
        ((2025, 3, 21), (1404, 1, 1)),
        ((1979, 2, 11), (1357, 11, 22)),
        ((2021, 3, 20), (1399, 12, 30)),
        ((2026, 9, 22), (1405, 6, 31)),
        ((2026, 9, 23), (1405, 7, 1)),
    ],
)
def test_a_day_of_the_persian_calendar(
    day: tuple[int, int, int], persian: tuple[int, int, int]
) -> None:
    assert persian_day(date(*day)) == persian


def test_days_are_those_of_the_time_zone() -> None:
    """At 23:30 in Dushanbe it is 18:30 in UTC; half an hour later it is another day there."""
    evening = datetime(2026, 11, 28, 18, 30, tzinfo=UTC)
    now = (evening + timedelta(hours=1)).astimezone(DUSHANBE)
    assert written(evening, now=now) == "Yesterday"
    assert written(evening, now=now.astimezone(UTC)) == "Today"
    assert written(evening + timedelta(minutes=30), style="iso", now=now) == "2026-11-29"


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from(["Asia/Dushanbe", "America/Adak"]))
def test_every_moment_has_a_day(moment: datetime, zone: str) -> None:
    assert written(moment, "eo", now=NOON.astimezone(ZoneInfo(zone)))[4:] != ""


def test_a_list_changes_its_dates_at_midnight_alone() -> None:
    moment = datetime(2026, 11, 26, 9, tzinfo=UTC)
    hours = [datetime(2026, 11, 29, hour, tzinfo=UTC) for hour in range(24)]
    assert {written(moment, now=hour) for hour in hours} == {"3 days ago"}


def test_every_language_with_a_heading_has_all_words() -> None:
    for tag in HEADINGS:
        words = words_in(tag)
        assert words is not None
        assert words.language == tag
        assert (len(words.months), len(words.days), len(words.digits)) == (12, 7, len(DIGITS))
        assert all((words.name, words.pinned, words.latest, *words.months, *words.days))
        assert len({words.write(SPRING.replace(month=month)) for month in range(1, 13)}) == 12


WRITTEN_OTHERWISE = {
    **dict.fromkeys(("be", "bg", "ru", "uk"), "no word for year after the number"),
    **dict.fromkeys(("kk", "ky", "hy", "uz-Cyrl"), "the order of newspapers"),
    **dict.fromkeys(("nb", "nn", "no"), "dager, not døgn"),
    "fa": "the Persian calendar, which Babel does not have",
    "bn": "the spelling of CLDR 48; Babel 2.18 has an older one",
    "tg": "months as they stand in a date",
}
"""Languages whose words differ from those of CLDR, and how."""
BABEL_NAMES = {"en": "en_001", "zh-HK": "zh_Hant_HK", "zh-MO": "zh_Hant_MO", "zh-TW": "zh_Hant_TW"}


def in_cldr(tag: str) -> list[str]:
    """The same days and ages as Babel writes them, which has no digits but ours."""
    locale = BABEL_NAMES.get(tag, tag.replace("-", "_"))
    days = [format_date(date(2005, month, 10), "long", locale) for month in range(1, 13)]
    write_age = partial(format_timedelta, granularity="day", add_direction=True)
    ages = (timedelta(days=-days_ago) for days_ago in range(3, 7))
    return days + [write_age(age, threshold=2, locale=locale) for age in ages]


def test_the_words_are_those_of_cldr_but_for_named_differences() -> None:
    differ = set()
    for tag in [*HEADINGS, "en-US"]:
        words = words_in(tag)
        assert words is not None
        digits = str.maketrans(words.digits, DIGITS)
        days = [words.write(date(2005, month, 10)) for month in range(1, 13)]
        ours = [text.translate(digits) for text in (*days, *words.days[3:])]
        if [text.lower() for text in ours] != [text.lower() for text in in_cldr(tag)]:
            differ.add(tag)
    assert differ == set(WRITTEN_OTHERWISE)
