"""Values of other systems as fields of an article: titles, names, summaries and dates."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.sources.article_fields import (
    complete_address,
    plain_names,
    plain_summary,
    plain_text,
    plain_title,
)
from recommender.sources.dates import parse_mail_date


@pytest.mark.parametrize(
    ("given", "html", "plain"),
    [
        ("Fog &amp; ferries", "Fog & ferries", "Fog & ferries"),
        ("Vec<String>", "Vec", "Vec<String>"),
        ("The <b> tag", "The tag", "The <b> tag"),
        ("The </b> tag", "The tag", "The </b> tag"),
        ("&lt;b&gt; it is", "<b> it is", "<b> it is"),
        ("A <b class='x'>new</B> quay", "A new quay", "A new quay"),
        ("<h2>One</h2><i>two</i>", "One two", "One two"),
        ("One<br/>two<wbr>three", "One twothree", "One twothree"),
        ("<b>One</b> <i>two", "One two", "One <i>two"),
        ("<item>One</item>", "One", "<item>One</item>"),
        ("3 < 4 > 2", "3 < 4 > 2", "3 < 4 > 2"),
        (" a\n\tb\x00 ", "a b", "a b"),
        ("x" * 2_001, "x" * 2_000, "x" * 2_000),
    ],
)
def test_a_title_is_read_as_what_it_is(given: str, html: str, plain: str) -> None:
    assert plain_title(given, is_html=True) == html
    assert plain_title(given, is_html=False) == plain


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ("<p>By hand. </p>", "By hand."),
        ("No <b>boat</b>\nleft", ""),
        ("Something else …", ""),
        ("", ""),
        ("s" * 20_001, "s" * 20_000),
    ],
)
def test_a_summary_that_repeats_the_body_is_left_out(summary: str, expected: str) -> None:
    assert plain_summary(summary, "<p>No boat left the harbour.</p>") == expected


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("AT&#038;T&#8217;s &#8220;R&#038;D&#8221; <em>x</em>", "AT&T\u2019s \u201cR&D\u201d x"),
        ("A &lt;b&gt; tag", "A <b> tag"),
        ("One<br />two&nbsp;\n three", "One two three"),
        ("a < b and c > d", "a < b and c > d"),
        ("Oil<script>alert(1)</script> price", "Oil price"),
        ("Cut <!-- off -->here <style>p{}", "Cut here"),
        ("\x00No\x1f con\ud83dtrols", "No controls"),
        ("&amp;amp; once", "&amp; once"),
        ("", ""),
    ],
)
def test_small_texts_lose_tags_first_and_entities_then(markup: str, text: str) -> None:
    assert plain_text(markup) == text


@pytest.mark.parametrize("hostile", ["<script", "<!--", "<script>", "<a ", "&#", "<p><"])
def test_a_title_of_markup_that_never_closes_costs_no_more_than_its_length(hostile: str) -> None:
    assert len(plain_text(hostile * 50_000)) <= len(hostile) * 50_000


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/up/a.jpg", "https://news.example/up/a.jpg"),
        ("//cdn.example/a.jpg", "https://cdn.example/a.jpg"),
        ("https://news.example/a b.jpg", "https://news.example/a%20b.jpg"),
        ("https://news.example/%D0%BE/", "https://news.example/%D0%BE/"),
        ("javascript:alert(1)", None),
        ("http://[broken/a.jpg", None),
        ("", None),
        (False, None),
    ],
)
def test_addresses_are_completed_or_left_out(given: object, expected: str | None) -> None:
    assert complete_address(given, "https://news.example/") == expected


def test_names_are_as_many_and_as_long_as_an_article_takes() -> None:
    given: list[object] = [f"<i>{number}</i>{'x' * 400}" for number in range(101)]
    assert plain_names([*given[:1], *given, 7]) == [
        str(number).ljust(300, "x") for number in range(100)
    ]


# --- dates ---


@pytest.mark.parametrize(
    "text",
    [
        *("Mon, 01 Jan 2024 10:00:00 GMT", "Mon, 01 Jan 2024 11:00:00 +0100"),
        *("Mon, 01 Jan 2024 10:00:00 -0000", "Mon, 01 Jan 2024 10:00:00"),
        "1 Jan 2024 05:00:00 EST",
    ],
)
def test_a_date_is_read_in_utc(text: str) -> None:
    """With an offset, with a zone by name, and without any."""
    read = parse_mail_date(text)
    assert read == datetime(2024, 1, 1, 10, tzinfo=UTC)
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "Thu, 31 Feb 2024 10:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -1200"),
        "Mon, 01 Jan 2020 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 2020 00:88888888888888888888:00 GMT",
    ],
)
def test_a_date_that_no_calendar_has_is_none(text: str) -> None:
    """Among them an offset and a minute of twenty digits, and a moment past all years."""
    assert parse_mail_date(text) is None


@given(st.text(alphabet="0123456789 +-:,GMTJanFeb", max_size=60))
def test_any_text_of_a_site_is_a_date_or_none(text: str) -> None:
    read = parse_mail_date(text)
    assert read is None or read.tzinfo is UTC


LEAD = (
    "A tug pulled a ship off the rocks near the harbour in the night of the storm, and its crew of "
    "nine was brought to the town by the lifeboat in the morning, when the wind had turned."
)


@pytest.mark.parametrize(
    ("summary", "is_own"),
    [
        pytest.param(
            f"{LEAD} Continue reading: Tug saves a ship", False, id="with the theme's words"
        ),
        pytest.param(LEAD.replace("and its crew of nine ", ""), False, id="a part left out"),
        pytest.param("The crew of a ship is safe: a tug came in time.", True, id="own words"),
        pytest.param(f"Nine sailors are safe. {LEAD[:50]}", True, id="own words for the most part"),
        pytest.param("Safe", True, id="one word"),
    ],
)
def test_an_automatic_excerpt_is_no_summary(summary: str, *, is_own: bool) -> None:
    body = f"<p>{LEAD}</p><figure><figcaption>The tug</figcaption></figure><p>Nobody was hurt.</p>"
    assert bool(plain_summary(summary, body)) == is_own
