"""The values that the template of the fragment prints."""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.api import FragmentOptions, Item, Label, Reason, RelatedList, WrittenDay
from recommender.display_fields import DisplayFields
from recommender.web.entries import Entry, Picture
from recommender.web.fragment import Section
from recommender.web.state import Listing

FIELDS = DisplayFields(
    title="Ships in port",
    url="https://news.example/ships",
    section="city",
    language="en",
    published_at="2026-10-05T08:00:00Z",
    image_url="https://news.example/ships.jpg",
)
DAY = WrittenDay(moment="2026-10-05T08:00:00Z", text="2026-10-05")
SHOWN = Entry(
    title="Ships in port",
    href="https://news.example/ships",
    picture=None,
    language=None,
    direction=None,
    department=None,
    day=DAY,
    kind=None,
)
NOW = datetime(2026, 10, 8, 12, tzinfo=UTC)


def written(**changes: str) -> WrittenDay:
    """The day of the fields, written in another way."""
    return DAY.model_copy(update=changes)


UNREAD: Any = None  # the live state: nothing reads it


def section(
    fields: DisplayFields,
    tag: str = "en",
    reason: Reason = "semantic",
    wanted: FragmentOptions | None = None,
) -> Section:
    item = Item(id="a", rank=1, score=0.5, reason=reason, **asdict(fields))
    listed = RelatedList(
        article_id="seed", items=(item,), requested=1, returned=1, mode="mixed", generation="0"
    )
    listing = Listing(
        "seed",
        listed,
        tag,
        explained=False,
        up_to_date=True,
        changes_at=NOW.timestamp(),
        made_at=NOW.timestamp(),
        live=UNREAD,
    )
    return Section.of(listing, wanted or FragmentOptions(), NOW)


def entry(
    fields: DisplayFields, tag: str = "en", reason: Reason = "semantic", **wanted: Any
) -> Entry:
    (shown,) = section(fields, tag, reason, FragmentOptions(**wanted)).entries
    return shown


def test_an_item_in_the_seeds_language_has_no_language_of_its_own() -> None:
    assert entry(FIELDS) == SHOWN


PHOTO = "https://news.example/ships.jpg"
THUMB = Picture(PHOTO, 144, 96, None, "auto, 9em")
CARD = Picture(PHOTO, 480, 270, None, "auto, (min-width: 40em) 20em, 100vw")


@pytest.mark.parametrize(
    ("wanted", "picture"),
    [
        ({}, None),
        ({"images": True}, Picture(PHOTO)),
        ({"layout": "list"}, None),
        ({"layout": "list", "images": True}, THUMB),
        ({"layout": "list-thumbs"}, THUMB),
        ({"layout": "cards"}, CARD),
        ({"layout": "cards", "images": False}, None),
        ({"layout": "compact"}, None),
    ],
)
def test_an_image_is_shown_if_asked_for_or_if_the_layout_has_it(
    wanted: dict[str, Any], picture: Picture | None
) -> None:
    assert entry(FIELDS, **wanted).picture == picture
    assert entry(replace(FIELDS, image_url=None), **wanted).picture is None


def test_a_layout_shows_the_department_and_the_age() -> None:
    for layout in ("list", "list-thumbs", "cards"):
        shown = entry(FIELDS, layout=layout)
        assert shown.department == "city"
        assert shown.day == written(text="3 days ago")
    assert entry(replace(FIELDS, section="\u200b"), layout="cards").department is None
    compact = entry(FIELDS, layout="compact")
    assert (compact.department, compact.day) == (None, None)


def test_a_written_date_is_in_the_language_of_the_list() -> None:
    german = replace(FIELDS, language="de")
    assert entry(german, dates="long").day == written(text="5 October 2026", language="en")
    assert entry(german, "de-AT", dates="long").day == written(text="5. Oktober 2026")
    assert entry(german, "eo", dates="long").day == DAY
    persian = written(text="۱۳ مهر ۱۴۰۵", language="fa")
    assert entry(german, "fa", dates="long", layout="list").day == persian
    assert entry(german, "fa", dates="long").day == persian.model_copy(update={"direction": "rtl"})


def test_in_a_layout_all_items_have_the_sides_of_the_list() -> None:
    persian = replace(FIELDS, language="fa")
    assert entry(persian, layout="cards").direction is None
    assert entry(FIELDS, "fa", layout="list", dates="iso").day == written(direction="ltr")
    assert entry(persian, layout="list", dates="iso").day == DAY


def test_labels_set_items_apart_that_are_not_simply_related() -> None:
    pinned = Label(kind="pinned", text="Editors’ pick")  # noqa: RUF001 - as English is written
    russian = replace(FIELDS, language="ru")
    assert entry(FIELDS, reason="pinned").labels == ()
    assert entry(FIELDS, labels=True).labels == ()
    assert entry(FIELDS, "en-GB", labels=True).labels == ()
    assert entry(FIELDS, reason="pinned", labels=True).labels == (pinned,)
    assert entry(russian, reason="pinned", labels=True).labels == (
        pinned.model_copy(update={"language": "en"}),
        Label(kind="language", text="Русский"),
    )
    for stage in ("fallback:section", "fallback:latest"):
        newest = Label(kind="latest", text="Тозатарин", language="tg")
        assert entry(FIELDS, "tg", stage, labels=True).labels[0] == newest
    unknown = replace(FIELDS, language=None)
    assert entry(unknown, labels=True).labels == ()
    assert entry(FIELDS, "eo", "pinned", labels=True).labels == (
        pinned,
        Label(kind="language", text="English"),
    )
    assert entry(replace(FIELDS, language="eo"), labels=True).labels == (
        Label(kind="language", text="eo"),
    )


def test_an_item_in_another_language_names_it_and_its_direction_if_that_differs() -> None:
    assert entry(replace(FIELDS, language="de")) == replace(SHOWN, language="de")
    mirrored = written(direction="ltr")
    persian = replace(SHOWN, language="fa", direction="rtl", day=mirrored)
    assert entry(replace(FIELDS, language="fa")) == persian
    assert entry(FIELDS, "fa") == replace(SHOWN, language="en", direction="ltr")
    assert entry(replace(FIELDS, language="fa"), "fa") == replace(SHOWN, day=mirrored)
    assert entry(replace(FIELDS, language=None)) == replace(SHOWN, language="und")


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("semantic", None),
        ("words", None),
        ("pinned", "pinned"),
        ("fallback:section", "fallback"),
        ("fallback:latest", "fallback"),
    ],
)
def test_the_kind_of_an_item_follows_from_its_reason(reason: Reason, kind: str | None) -> None:
    assert entry(FIELDS, reason=reason).kind == kind


def test_unknown_fields_are_left_out() -> None:
    bare = entry(replace(FIELDS, url=None, published_at=None))
    assert bare == replace(SHOWN, href=None, day=None)


@pytest.mark.parametrize(
    "title",
    [
        *("", " ", "\u200b\u200e", "\u2060\ufeff\u00a0", "\u202e"),
        *("\u3164", "\u115f\u1160", "\uffa0 ", "\u2800\u2800"),
        *("\x01\x1f", "\x7f\x85", "\ufffe\U0010ffff"),
    ],
)
def test_an_invisible_headline_is_replaced_by_the_id(title: str) -> None:
    assert entry(replace(FIELDS, title=title)).title == "a"


@pytest.mark.parametrize("title", ["?", "7", "\U0001f6a2", "船", "بندر", "null", "<b>"])
def test_any_visible_headline_is_shown(title: str) -> None:
    assert entry(replace(FIELDS, title=title)).title == title


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Ships\x00 in\x1b port\x7f", "Ships in port"),
        ("Ships\x0bin\x85port", "Ships in port"),  # an end of a line in a word processor
        ("Sh\ufffei\uffffp\ufdd0s \U0001fffein\U0010ffff port\ud800", "Ships in port"),
        ("Ships\tin\r\nport", "Ships\tin\r\nport"),
        ("Ships \u200f\ufffd \U0001f6a2 in port", "Ships \u200f\ufffd \U0001f6a2 in port"),
    ],
)
def test_characters_that_html_forbids_are_left_out(title: str, shown: str) -> None:
    assert entry(replace(FIELDS, title=title)).title == shown
    assert section(FIELDS, wanted=FragmentOptions.model_construct(heading=title)).heading == shown


@pytest.mark.parametrize(
    "published_at",
    ["2026-10-05T08:00:00.123456Z", "2026-10-05T08:00:00.5Z", "2026-10-05T08:00:00Z"],
)
def test_a_moment_is_shown_to_the_second(published_at: str) -> None:
    """HTML takes three digits of a fraction at most."""
    assert entry(replace(FIELDS, published_at=published_at)).day == DAY


@given(st.text() | st.from_regex(r"(?i)(java|vb)?\s*(script|data|https?)\s*:.*"))
def test_only_web_addresses_become_links(url: str) -> None:
    """The display fields of a snapshot are checked again when they are shown."""
    shown = entry(replace(FIELDS, url=url, image_url=url), images=True)
    for address in (shown.href, shown.picture and shown.picture.src):
        assert address is None or (
            address == url and url.lower().startswith(("http://", "https://"))
        )


@pytest.mark.parametrize("url", ["https://a", "http://a/b?c#d", "HTTPS://A/", "http://[::1]/"])
def test_web_addresses_stay_as_they_are(url: str) -> None:
    assert entry(replace(FIELDS, url=url)).href == url


def test_the_heading_is_the_callers_or_that_of_the_language() -> None:
    own = section(FIELDS, "ru")
    assert (own.heading, own.heading_language, own.heading_level) == ("Читайте также", None, 2)
    else_ = section(FIELDS, "eo")
    assert (else_.heading, else_.heading_language) == ("Read also", "en")
    chosen = section(FIELDS, "ru", wanted=FragmentOptions(heading="Ещё", heading_level=4))
    assert (chosen.heading, chosen.heading_language, chosen.heading_level) == ("Ещё", None, 4)
