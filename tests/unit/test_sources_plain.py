"""Titles, names and summaries of other systems as plain text that an article takes."""

import pytest

from recommender.sources.plain import names_of, summary_of, title_of


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
    assert title_of(given, is_html=True) == html
    assert title_of(given, is_html=False) == plain


@pytest.mark.parametrize(
    ("summary", "kept"),
    [
        ("<p>By hand. </p>", "By hand."),
        ("No <b>boat</b>\nleft", ""),
        ("Something else …", ""),
        ("", ""),
        ("s" * 20_001, "s" * 20_000),
    ],
)
def test_a_summary_is_what_the_body_does_not_say(summary: str, kept: str) -> None:
    assert summary_of(summary, "<p>No boat left the harbour.</p>") == kept


def test_names_are_as_many_and_as_long_as_an_article_takes() -> None:
    given: list[object] = [f"<i>{number}</i>{'x' * 400}" for number in range(101)]
    assert names_of([*given[:1], *given, 7]) == [
        str(number).ljust(300, "x") for number in range(100)
    ]
