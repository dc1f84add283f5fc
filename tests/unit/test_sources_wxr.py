"""Exports of WordPress: an item as an article, and the records of a broken file."""

from io import BytesIO
from typing import Any

import pytest

from recommender.analysis.html.shortcodes import render_stored_content
from recommender.articles import Article
from recommender.errors import BadSource
from recommender.sources import LeftOut, Record
from recommender.sources.wordpress.posts import read_post
from recommender.sources.wordpress.taxonomies import Taxonomies
from recommender.sources.wxr import read_wxr
from tests.support.pulled import articles, ids, left_out, only_article, records, refusals

HEAD = """<?xml version="1.0" encoding="UTF-8" ?>
<rss version="2.0"
  xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"
  xmlns:content="http://purl.org/rss/1.0/modules/content/"
  xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:wp="http://wordpress.org/export/1.2/">
<channel>
<link>https://News.example/tj/</link>
"""
ABOUT = """<wp:base_blog_url>https://News.example/tj/</wp:base_blog_url>
<wp:author><wp:author_login>zarina</wp:author_login>
<wp:author_display_name><![CDATA[Zarina &amp; Sons]]></wp:author_display_name></wp:author>
<wp:category><wp:term_id>9</wp:term_id><wp:category_nicename>a</wp:category_nicename></wp:category>
<wp:category><wp:term_id>4</wp:term_id><wp:category_nicename>b</wp:category_nicename></wp:category>
<wp:category><wp:term_id>2</wp:term_id><wp:category_nicename>c</wp:category_nicename></wp:category>
<wp:category><wp:term_id>1</wp:term_id><wp:category_nicename>uncategorized</wp:category_nicename>
</wp:category>
"""
TAIL = "</channel></rss>"
FIRST_LINE = (HEAD + ABOUT).count("\n") + 1
"""Of the first item."""
IMAGE = """<item><wp:post_id>77</wp:post_id><wp:post_type>attachment</wp:post_type>
<wp:status>inherit</wp:status>
<wp:attachment_url>https://news.example/ferry.jpg</wp:attachment_url></item>
"""


def item(number: int = 5, *, inner: str = "", status: str = "publish", kind: str = "post") -> str:
    return (
        f"<item><title>Story {number}</title><link>https://news.example/tj/{number}</link>"
        f"<wp:post_id>{number}</wp:post_id><wp:post_type>{kind}</wp:post_type>"
        f"<wp:status>{status}</wp:status>{inner}</item>\n"
    )


def read(*parts: str, head: str = HEAD, tail: str = TAIL, **of: Any) -> list[Record | LeftOut]:
    return read_bytes((head + ABOUT + "".join(parts) + tail).encode(), **of)


def read_bytes(document: bytes, **of: Any) -> list[Record | LeftOut]:
    return list(read_wxr("x.xml", BytesIO(document), lambda _: None, **of))


def only(*parts: str) -> Article:
    return only_article(read(*parts))


INNER = """<dc:creator>zarina</dc:creator>
<content:encoded><![CDATA[One & two.\n\nThree.]]></content:encoded>
<excerpt:encoded><![CDATA[By <b>hand</b>]]></excerpt:encoded>
<wp:post_date_gmt>2026-03-01 04:30:00</wp:post_date_gmt>
<wp:post_modified_gmt>2026-03-02 05:30:00</wp:post_modified_gmt>
<category domain="category" nicename="uncategorized"><![CDATA[Uncategorized]]></category>
<category domain="category" nicename="a"><![CDATA[World]]></category>
<category domain="category" nicename="b"><![CDATA[R&amp;D]]></category>
<category domain="category" nicename="c"><![CDATA[Без рубрики]]></category>
<category domain="post_tag" nicename="f"><![CDATA[Ferries &amp; fog]]></category>
<wp:postmeta><wp:meta_key>_thumbnail_id</wp:meta_key><wp:meta_value>77</wp:meta_value></wp:postmeta>
"""


def test_a_post_becomes_this_article() -> None:
    assert only(IMAGE, item(inner=INNER)) == only(item(inner=INNER), IMAGE)
    assert only(item(inner=INNER), IMAGE).to_document() == {
        "id": "wp:news.example~2Ftj:5",
        "title": "Story 5",
        "body_html": "<p>One & two.</p>\n<p>Three.</p>",
        "summary": "By hand",
        "url": "https://news.example/tj/5",
        "section": "R&D",
        "tags": ["Ferries & fog"],
        "authors": ["Zarina & Sons"],
        "image_url": "https://news.example/ferry.jpg",
        "published_at": "2026-03-01T04:30:00Z",
        "updated_at": "2026-03-02T05:30:00Z",
        "attributes": {"site": "news.example/tj"},
    }


def test_a_post_is_the_article_that_the_rest_interface_makes_of_it() -> None:
    terms = [
        {"id": 1, "taxonomy": "category", "slug": "uncategorized", "name": "Uncategorized"},
        {"id": 9, "taxonomy": "category", "slug": "a", "name": "World"},
        {"id": 4, "taxonomy": "category", "slug": "b", "name": "R&amp;D"},
        {"id": 2, "taxonomy": "category", "slug": "c", "name": "Без рубрики"},
        {"id": 7, "taxonomy": "post_tag", "slug": "f", "name": "Ferries &amp; fog"},
    ]
    post = {
        "id": 5,
        "type": "post",
        "status": "publish",
        "link": "https://news.example/tj/5",
        "title": {"rendered": "Story 5"},
        "content": {"rendered": "<p>One & two.</p>\n<p>Three.</p>"},
        "excerpt": {"rendered": "<p>By <b>hand</b></p>"},
        "date_gmt": "2026-03-01T04:30:00",
        "modified_gmt": "2026-03-02T05:30:00",
        "_embedded": {
            "wp:term": [terms],
            "author": [{"name": "Zarina &amp; Sons"}],
            "wp:featuredmedia": [{"source_url": "https://news.example/ferry.jpg"}],
        },
    }
    assert only(IMAGE, item(inner=INNER)) == read_post(post, "https://News.example/tj")


def test_items_that_are_no_published_posts_are_counted() -> None:
    hidden = "<wp:post_password>secret</wp:post_password>"
    statuses = ["draft", "private", "future", "trash", "pending"]
    kinds = ["page", "nav_menu_item", "wp_block", "page"]
    found = read(
        *(item(status=status) for status in statuses),
        *(item(kind=kind) for kind in kinds),
        item(inner=hidden),
        IMAGE,
        item(6),
    )
    assert ids(found) == ["wp:news.example~2Ftj:6"]
    assert sorted(left_out(found)) == sorted([*statuses, *kinds, "password", "attachment"])


def test_items_of_the_types_asked_for_become_articles() -> None:
    kinds = ("post", "page", "news", "wp_block")
    made = [item(number, kind=kind) for number, kind in enumerate(kinds, 1)]
    found = read(*made, item(9, kind="news", status="draft"), types=frozenset({"page", "news"}))
    assert ids(found) == ["wp:news.example~2Ftj:2", "wp:news.example~2Ftj:3"]
    assert left_out(found) == ["post", "wp_block", "draft"]


def test_sections_and_tags_are_of_the_taxonomies_asked_for() -> None:
    desks = "".join(
        f"<wp:term><wp:term_id>{number}</wp:term_id><wp:term_taxonomy>desk</wp:term_taxonomy>"
        f"<wp:term_slug>{slug}</wp:term_slug></wp:term>"
        for slug, number in (("a", 30), ("b", 20))
    )
    terms = {"desk a": "Sport", "desk b": "Port", "place c": "Osh", "post_tag d": "x", "tag e": "y"}
    inner = "".join(
        f'<category domain="{of.split()[0]}" nicename="{of.split()[1]}">{name}</category>'
        for of, name in terms.items()
    )
    parts = desks, item(inner=inner)
    usual = only_article(read(*parts))
    assert (usual.section, usual.tags) == (None, ("x", "y"))
    other = only_article(read(*parts, taxonomies=Taxonomies("desk", ("post_tag", "place"))))
    assert (other.section, other.tags) == ("Port", ("x", "y", "Osh"))


@pytest.mark.parametrize(
    ("dates", "published"),
    [
        ("<wp:post_date_gmt>0000-00-00 00:00:00</wp:post_date_gmt>", None),
        ("<pubDate>Sun, 01 Mar 2026 09:30:00 +0500</pubDate>", "2026-03-01T04:30:00Z"),
        ("<pubDate>Wed, 30 Nov -0001 00:00:00 +0000</pubDate>", None),
        ("<wp:post_date_gmt>2026-13-01 00:00:00</wp:post_date_gmt>", None),
    ],
)
def test_dates_that_no_calendar_has_are_absent(dates: str, published: str | None) -> None:
    assert only(item(inner=dates)).to_document().get("published_at") == published


def test_the_default_category_is_no_section_and_a_login_is_a_name() -> None:
    inner = """<category domain="category" nicename="uncategorized">Uncategorized</category>
    <dc:creator>desk</dc:creator>"""
    article = only(item(inner=inner))
    assert (article.section, article.authors) == (None, ("desk",))


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "9.9"])
def test_every_version_of_the_format_is_read(version: str) -> None:
    assert ids(read(item(), head=HEAD.replace("1.2", version))) == ["wp:news.example~2Ftj:5"]


def test_a_post_without_a_number_is_refused_at_its_line() -> None:
    found = read(item().replace("<wp:post_id>5</wp:post_id>", ""), item(6))
    assert refusals(found) == [
        f"x.xml:{FIRST_LINE}: the article is not acceptable; /id: Field required"
    ]
    assert ids(found) == ["wp:news.example~2Ftj:6"]


@pytest.mark.parametrize("home", ["a.example", "//a.example", "http://", "ftp://a.example", " "])
def test_a_home_without_a_scheme_is_none_and_the_next_best_counts(home: str) -> None:
    named = ABOUT.replace("https://News.example/tj/", home)
    assert ids(read_bytes((HEAD + named + item() + TAIL).encode())) == ["wp:news.example~2Ftj:5"]


@pytest.mark.parametrize("link", ["", "<link>a.example</link>"])
def test_an_export_that_names_no_site_is_refused(link: str) -> None:
    document = HEAD.replace("<link>https://News.example/tj/</link>", link) + item() + TAIL
    (refusal,) = refusals(read_bytes(document.encode()))
    assert refusal.startswith(f"x.xml:{HEAD.count(chr(10)) + 1}: ")
    assert "names no site" in refusal


# --- what is broken ---


def test_blanks_before_the_declaration_and_forbidden_characters_are_no_fault() -> None:
    document = "\ufeff\n\n \t" + HEAD + ABOUT + item(inner="<x>a\x00\x08b&#8;&#x1F;</x>") + TAIL
    (record,) = records(read_bytes(document.encode()))
    assert (ids([record]), record.place) == (["wp:news.example~2Ftj:5"], f"x.xml:{FIRST_LINE + 2}")


@pytest.mark.parametrize(
    ("broken", "fault", "found"),
    [
        (item(2, inner="a & b < c"), "not well-formed (invalid token)", [1, 2, 3, 4]),
        (item(2, inner="<x>&nbsp;</x>"), "undefined entity", [1, 2, 3, 4]),
        (item(2, inner="<no:x/>"), "unbound prefix", [1, 2, 3, 4]),
        (item(2, inner="<b>"), "mismatched tag", [1, 2]),
    ],
)
def test_a_fault_is_reported_with_its_line_and_the_items_that_are_lost_with_it(
    broken: str, fault: str, found: list[int]
) -> None:
    given = read(item(1), broken, item(3), item(4))
    counts = f"items recovered: {len(found)}, lost: {4 - len(found)}"
    place = f"x.xml:{FIRST_LINE + 1}"
    assert refusals(given) == [f"{place}: the file is not well-formed: {fault}; {counts}"]
    assert ids(given) == [f"wp:news.example~2Ftj:{number}" for number in found]
    assert [one.place for one in records(given)][:3] == [f"x.xml:{FIRST_LINE}", place, place]


def test_a_broken_file_too_large_to_be_recovered_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recommender.sources.source_documents.MOST_DOCUMENT_BYTES", 99)
    with pytest.raises(BadSource, match=r"^x\.xml:1: is larger than 99 bytes, .*split it"):
        read(item(1), "</b>")


@pytest.mark.parametrize("tail", [TAIL, "<item>", "</b>" + TAIL])
def test_progress_counts_the_whole_file_once(tail: str) -> None:
    counts: list[int] = []
    document = (HEAD + ABOUT + (item(1) + item(2)) * 900 + tail).encode()
    list(read_wxr("x.xml", BytesIO(document), counts.append))
    assert sum(counts) == len(document)
    assert len(counts) > 2
    assert min(counts) >= 0


def test_a_file_that_ends_too_early_gives_what_it_has() -> None:
    found = read(item(1), item(2), "<item><title>Half", tail="")
    assert ids(found) == ["wp:news.example~2Ftj:1", "wp:news.example~2Ftj:2"]
    assert len(refusals(found)) == 2


def test_bytes_that_are_no_utf8_are_reported_and_replaced() -> None:
    document = (HEAD + ABOUT + item(1) + item(2) + TAIL).encode().replace(b"Story 2", b"St\xf6ry 2")
    found = read_bytes(document)
    assert len(refusals(found)) == 1
    assert [article.title for article in articles(found)] == ["Story 1", "St\ufffdry 2"]


@pytest.mark.parametrize("encoding", ["utf-16", "windows-1251", "koi8-r"])
def test_other_encodings_are_read(encoding: str) -> None:
    document = HEAD + ABOUT + item(inner="<dc:creator>Зарина</dc:creator>") + TAIL
    found = read_bytes(document.replace("UTF-8", encoding).encode(encoding))
    assert only_article(found).authors == ("Зарина",)


def test_a_line_far_down_has_its_exact_number() -> None:
    (record,) = records(read("\n" * 70_000, item(7)))
    assert record.place == f"x.xml:{FIRST_LINE + 70_000}"


# --- what WordPress stores of a body ---


@pytest.mark.parametrize(
    ("stored", "html"),
    [
        ("One.\n\nTwo.", "<p>One.</p>\n<p>Two.</p>"),
        (
            "One.\nStill one.\r\n\r\n<h2>Head</h2>\n\nTwo.",
            "<p>One.\nStill one.</p>\n<h2>Head</h2>\n<p>Two.</p>",
        ),
        ("<!-- wp:paragraph -->\n<p>One.</p>\n<!-- /wp:paragraph -->", "<p>One.</p>"),
        ('<!-- wp:x {"a":"--"} /-->One.', "One."),
        ("One.<!--more-->Two.", "<p>One.Two.</p>"),
        ("One.<!-- open", "<p>One.</p>"),
        ('Before [gallery ids="1,2"] after', "<p>Before  after</p>"),
        ('[caption id="a"]<img> A ferry[/caption]', "<p><img> A ferry</p>"),
        ("[box]Kept[/box]", "<p>Kept</p>"),
        ('[box kind="a]b"]Kept[/box]', '<p>b"]Kept</p>'),
        ("[embed]https://v.example/1[/embed]Text", "<p>Text</p>"),
        ("[video src=a.mp4][/video]Text", "<p>Text</p>"),
        ("He said [sic] it [1], [Reuters] [...].", "<p>He said [sic] it [1], [Reuters] [...].</p>"),
        ("[[gallery]] is how", "<p>[[gallery]] is how</p>"),
        ("The sample [n=120] was small", "<p>The sample [n=120] was small</p>"),
        ("[x for x in y if x==1]", "<p>[x for x in y if x==1]</p>"),
        ('[he said "a=b"]', '<p>[he said "a=b"]</p>'),
        ('One [ad id=5 kind="a b"] two', "<p>One  two</p>"),
        ("One [ad kind=\u201da b\u201d title = 'c' /] two", "<p>One  two</p>"),
        ("One [br/] two [youtube https://v.example/?v=1]", "<p>One  two</p>"),
        ("One.\n\nhttps://v.example/watch?v=1\n\nTwo.", "<p>One.</p>\n<p>Two.</p>"),
        ("", ""),
    ],
)
def test_a_stored_body_becomes_html(stored: str, html: str) -> None:
    assert render_stored_content(stored) == html
