"""A whole page: its main text, its metadata, and the valid answers of a child process."""

import json
from dataclasses import asdict, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.analysis.html.sandbox import PAGE as TASK
from recommender.analysis.html.sandbox import Reply
from recommender.analysis.html.web_page import Page
from recommender.analysis.html.web_page_text import read_web_page
from recommender.errors import UnreadableMarkup
from tests.support.properties import examples

PARAGRAPHS = (
    "The ferry was late again on Monday, and for the third time in a week.",
    "Nobody on the quay knew why, said the porter, who has worked there for twenty years.",
    "The harbour master promised a second ferry before the summer, if the council pays for it.",
)
ARTICLE = "".join(f"<p>{one}</p>" for one in PARAGRAPHS)
PAGE = """<!DOCTYPE html><html lang="en-GB"><head><meta charset="utf-8">
<title>Ferry late again | The Quay</title>{head}</head><body>
<nav><a href="/">Home</a> <a href="/sea">Sea</a></nav>
<main><article><h1>Ferry late again</h1>{article}</article></main>
<aside><h3>Most read</h3><a href="/fog">Fog closes the northern strait</a></aside>
<footer><p>&copy; 2026 The Quay. All rights reserved.</p></footer></body></html>"""
DATA = {
    "@context": "https://schema.org",
    "@graph": [
        {"@type": "WebSite", "name": "The Quay"},
        {
            "@type": ["NewsArticle"],
            "headline": "Ferry late again",
            "datePublished": "2026-03-01T09:30:00+05:00",
            "dateModified": "2026-03-02T10:00:00+05:00",
            "author": [{"@type": "Person", "name": "Ann Quay"}, {"name": "Bob  Strait"}],
            "articleSection": ["Sea", "City"],
            "keywords": ["ferry", "fog"],
            "image": {"@type": "ImageObject", "url": "https://quay.example/ferry.jpg"},
            "inLanguage": "en",
        },
    ],
}
METAS = """<meta property="og:title" content="Ferry late again"><meta property="og:type"
content="article"><meta property="og:site_name" content="The Quay"><meta property="og:url"
content="https://quay.example/ferry"><meta property="og:image" content="/ferry.jpg">
<meta name="description" content="Late for the third time"><meta name="author" content="By Ann Quay
and Bob Strait"><meta property="article:published_time" content="2026-03-01T09:30:00Z"><meta
property="article:section" content="Sea"><meta property="article:tag" content="ferry"><meta
property="article:tag" content="fog, fleet">"""


def read(head: str = "", article: str = ARTICLE) -> Page:
    return Page.decode(read_web_page(PAGE.format(head=head, article=article)))


def data(value: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(value)}</script>'


def test_the_main_text_is_found_and_nothing_around_it() -> None:
    page = read()
    assert page.text.split("\n\n")[-3:] == list(PARAGRAPHS)
    assert "Fog" not in page.text
    assert "Home" not in page.text
    assert "rights" not in page.text
    assert (page.title, page.language, page.linked) == ("Ferry late again", "en-GB", 0.0)


def test_boilerplate_is_removed_from_a_page_as_from_an_article() -> None:
    first, *others = (f"<p>{one}</p>" for one in PARAGRAPHS)
    box = "<h3>Read also</h3><ul><li><a href=/f>Fog closes the northern strait</a></li></ul>"
    line = "<p><strong>相关阅读</strong><br><a href=/f>Fog closes the northern strait</a></p>"
    page = read(article="".join([first, box, line, *others]))
    assert page.text.split("\n\n")[-3:] == list(PARAGRAPHS)


def test_links_part_no_paragraphs_and_their_share_is_known() -> None:
    linked = (
        f"{PARAGRAPHS[0]} It waits for <a href='/f'>a new engine</a>, as ⸨they⸩ said.<br><br>"
        f"{PARAGRAPHS[1]}<br><br>{PARAGRAPHS[2]}"
    )
    page = read(article=f"<div>{linked}</div>")
    assert f"{PARAGRAPHS[0]} It waits for a new engine, as ((they)) said." in page.text
    assert 0 < page.linked < 0.1


def test_schema_org_data_are_read() -> None:
    page = read(data(DATA))
    assert page.authors == ("Ann Quay", "Bob Strait")
    assert page.published == "2026-03-01T09:30:00+05:00"
    assert page.modified == "2026-03-02T10:00:00+05:00"
    assert (page.section, page.tags) == ("Sea", ("ferry", "fog"))
    assert page.image == "https://quay.example/ferry.jpg"
    assert page.is_story


def test_metas_are_read() -> None:
    page = read(METAS)
    assert (page.title, page.address) == ("Ferry late again", "https://quay.example/ferry")
    assert page.authors == ("Ann Quay", "Bob Strait")
    assert (page.published, page.modified) == ("2026-03-01T09:30:00Z", "")
    assert (page.section, page.tags) == ("Sea", ("ferry", "fog, fleet"))
    assert (page.image, page.summary) == ("/ferry.jpg", "Late for the third time")
    assert (page.is_story, page.is_list, page.is_hidden, page.moves) == (True, False, False, False)


@pytest.mark.parametrize(
    ("head", "field", "value"),
    [
        ("<link rel='Canonical' href=' https://quay.example/a '>", "address", "https://quay.example/a"),
        ("<link rel=canonical href=8003><meta property='og:url' content='https://a.example/b'>",
         "address", "https://a.example/b"),
        ("<link rel='shortlink' href='/x'>", "address", ""),
        ("<meta name=robots content='NoIndex, follow'>", "is_hidden", True),
        ("<meta name=robots content='index'>", "is_hidden", False),
        ("<meta name=description content=A><meta name=description content=B>", "summary", "A"),
        ("<meta http-equiv=Refresh content='0; url=/b'>", "moves", True),
        ("<meta http-equiv=refresh content='600'>", "moves", False),
        ("<meta http-equiv=refresh content='1800;url=/'>", "moves", False),
        (data({"@type": "CollectionPage"}), "is_list", True),
        (data([{"@type": "ItemList"}, {"@type": "BlogPosting"}]), "is_list", False),
        (data({"@type": "Article", "author": "Ann"}), "authors", ("Ann",)),
        (data({"@type": "Article", "author": {"url": "https://a.example"}}), "authors", ()),
        (data({"@type": "Article", "keywords": "fog; 雾、海"}), "tags", ("fog", "雾", "海")),
        (data({"@type": "Article", "image": ["https://a.example/i"]}), "image", "https://a.example/i"),
        (data({"@type": "Article", "headline": 7, "datePublished": {}}), "published", ""),
        ("<script type='application/ld+json'>{not json</script>", "is_story", False),
        (f"<script type='application/ld+json'>{'[' * 90_000}</script>", "is_story", False),
        (data({"@type": "Article", "author": "\ud800"}), "authors", ("?",)),
        ("<meta property='og:title' content='Fog - A'><meta property='og:site_name' content='A'>",
         "title", "Fog"),
        ("<meta property='og:title' content='Fog - North'>", "title", "Fog - North"),
        ("<time class='entry-date' datetime='2026-03-01'>", "published", "2026-03-01"),
    ],
)  # fmt: skip
def test_the_metadata_of_a_page_is_read(head: str, field: str, value: object) -> None:
    assert getattr(read(head), field) == value


@pytest.mark.parametrize("html", ["", " ", "<p>", "<!-- -->", "<html></html>", "\x00"])
def test_a_page_without_text_is_empty(html: str) -> None:
    page = Page.decode(read_web_page(html))
    assert (page.text, page.title, page.is_story) == ("", "", False)


def test_a_page_is_read_the_same_way_every_time() -> None:
    pages = [read(METAS + data(DATA)) for _ in range(3)]
    assert pages[1:] == pages[:1] * 2


def test_a_page_too_deep_or_too_long_is_refused() -> None:
    with pytest.raises(UnreadableMarkup, match="nested deeper than 255 elements"):
        read_web_page("<div>" * 300)
    words = "".join(f"<p>word {number} of very many words</p>" for number in range(400))
    with pytest.raises(UnreadableMarkup, match=f"longer than {TASK.longest_text} characters"):
        read_web_page(f"<title>{'x' * TASK.longest_text}</title>{words}")


@examples(60)
@given(st.text(max_size=200), st.text(max_size=40))
def test_any_page_passes_through_the_pipe(html: str, title: str) -> None:
    answer = Reply(read_web_page(f"<title>{title}</title>{html}<script>{title}</script>{ARTICLE}"))
    assert Reply.decode(answer.encode(), TASK.longest_text) == answer
    assert isinstance(Page.decode(answer.text or ""), Page)


PLAIN = Page(
    text="t", linked=0.5, title="", address="", authors=("a",), published="", modified="",
    language="", section="", image="", summary="", tags=(), is_hidden=False, is_story=True,
    is_list=False, moves=False,
)  # fmt: skip


def test_a_page_is_decoded_as_it_was_encoded() -> None:
    assert Page.decode(PLAIN.encode()) == PLAIN


@pytest.mark.parametrize("field", [one.name for one in fields(Page)])
@pytest.mark.parametrize("value", [None, 7, {"a": 1}, [1], [["a"]]])
def test_a_field_of_another_type_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"of another type|not a list of names"):
        Page.decode(json.dumps(asdict(PLAIN) | {field: value}))


@pytest.mark.parametrize("answer", ["", "[]", "{}", "null", "[" * 90_000, '{"text": "a"}'])
def test_an_answer_that_is_no_page_is_refused(answer: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own complaints are among them
        Page.decode(answer)
