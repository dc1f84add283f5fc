"""Entries of RSS, Atom and JSON Feed as articles, and the faults reported of a broken feed."""

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest

from recommender.articles import Article
from recommender.errors import BadSource
from recommender.sources import Record
from recommender.sources.feeds import read_feed, read_json_feed
from recommender.sources.ninjs import read_ninjs
from tests.support.inline_readers import read_feeds_inline
from tests.support.pulled import ids, only_article, refusals

ADDRESS = "https://news.example/tj/feed/"
SCOPE = "news.example~2Ftj~2Ffeed"
RSS = """<?xml version="1.0"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
  xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/"
  xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">
<channel><title>News</title><link>https://news.example/</link><language>tg_TJ</language>
{}
</channel></rss>"""
IMAGE = "https://a.example/1.png"
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ru">{}</feed>"""


@pytest.fixture(autouse=True)
def _feeds_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    read_feeds_inline(monkeypatch)


def read(document: str | bytes, name: str = ADDRESS) -> list[Record]:
    data = document if isinstance(document, bytes) else document.encode()
    return list(read_feed(name, BytesIO(data), lambda _: None))


def only(inner: str, *, guid: str = "<guid>1</guid>") -> Article:
    return only_article(read(RSS.format(f"<item>{guid}{inner}</item>")))


def entry(inner: str) -> Article:
    return only_article(read(ATOM.format(f"<entry>{inner}</entry>")))


def test_an_rss_item_becomes_this_article() -> None:
    article = only(
        """<title>Ferries &amp;amp; &lt;em&gt;fog&lt;/em&gt;</title>
        <link>/ferries</link><dc:creator>Zarina</dc:creator>
        <description>By hand.</description>
        <content:encoded><![CDATA[<p>No boat left. <a href="/x">x</a></p>]]></content:encoded>
        <category>World</category><category>Ferries &amp;amp; fog</category>
        <pubDate>Sun, 01 Mar 2026 09:30:00 +0500</pubDate>
        <media:content url="/clip.mp4" medium="video"/>
        <media:content url="/ferry.jpg" medium="image"/>""",
        guid='<guid isPermaLink="false">tag:news.example,2026:1</guid>',
    )
    assert article.to_document() == {
        "id": "feed:tag~3Anews.example~2C2026~3A1",
        "title": "Ferries & fog",
        "body_html": '<p>No boat left. <a href="/x">x</a></p>',
        "summary": "By hand.",
        "url": "https://news.example/ferries",
        "tags": ["World", "Ferries & fog"],
        "authors": ["Zarina"],
        "language": "tg-TJ",
        "image_url": "https://news.example/ferry.jpg",
        "published_at": "2026-03-01T04:30:00Z",
    }


def test_an_atom_entry_becomes_this_article() -> None:
    article = entry(
        """<id>urn:uuid:1</id><title type="html">A &lt;b&gt;bridge&lt;/b&gt;</title>
        <link rel="alternate" href="https://news.example/bridge"/>
        <link rel="enclosure" type="image/png" href="https://news.example/bridge.png"/>
        <author><name>Odina</name></author><author><name>Karim</name></author>
        <category term="b" label="Bridges"/><category term="news"/>
        <published>2026-03-01T09:30:00+05:00</published><updated>2026-03-02T00:00:00Z</updated>
        <summary>By hand.</summary>
        <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>It opens.</p></div>
        </content>"""
    )
    document = article.to_document()
    assert "<p>It opens.</p>" in document.pop("body_html")
    assert document == {
        "id": "feed:urn~3Auuid~3A1",
        "title": "A bridge",
        "summary": "By hand.",
        "url": "https://news.example/bridge",
        "tags": ["Bridges", "news"],
        "language": "ru",
        "authors": ["Odina", "Karim"],
        "image_url": "https://news.example/bridge.png",
        "published_at": "2026-03-01T04:30:00Z",
        "updated_at": "2026-03-02T00:00:00Z",
    }


SELF = f"<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='self' href='{ADDRESS}'/>"
NAMED_BY_ITSELF = RSS.replace("<title>", f"{SELF}<title>")
NAMED_BY_NOTHING = RSS.replace("<link>", "<x>").replace("</link>", "</x>")


@pytest.mark.parametrize(
    ("document", "scope"),
    [(RSS, "news.example~2Ff.xml"), (NAMED_BY_NOTHING, "f.xml"), (NAMED_BY_ITSELF, SCOPE)],
)
def test_a_feed_in_a_file_is_known_by_its_own_address_or_by_its_site_and_file(
    document: str, scope: str
) -> None:
    (record,) = read(document.format("<item><guid>7</guid><title>T</title></item>"), "folder/f.xml")
    assert (ids([record]), record.former_id) == ([f"feed:{scope}:7"], "feed:7")


LINK = "https~3A~2F~2Fnews.example~2F7"


def rss_item(guid: str, link: str) -> str:
    return (
        f"<item><guid isPermaLink='false'>{guid}</guid><link>{link}</link><title>T</title></item>"
    )


@pytest.mark.parametrize("name", ["a/index.xml", "b/index.xml", "2026-03-01.xml"])
def test_an_entry_of_a_feed_without_an_address_is_known_by_its_link(name: str) -> None:
    items = rss_item("7", "https://news.example/7") + rss_item("urn:uuid:8", "https://a.example/8")
    found = read(RSS.format(items), name)
    assert ids(found) == [f"feed:{LINK}", "feed:urn~3Auuid~3A8"]
    assert [one.former_id for one in found] == ["feed:7", ""]


@pytest.mark.parametrize("link", ["https://news.example", "https://news.example/", "/7", "x:7"])
def test_a_link_to_the_site_or_none_of_the_web_identifies_no_entry(link: str) -> None:
    assert ids(read(RSS.format(rss_item("7", link)), "f.xml")) == ["feed:news.example~2Ff.xml:7"]


def test_a_link_of_several_entries_identifies_none_of_them() -> None:
    """Every episode of some podcasts links to the same page; the same entry may come twice."""
    links = {"7": "show", "8": "show", "9": "9"}
    items = [rss_item(guid, f"https://news.example/{link}") for guid, link in links.items()]
    found = ids(read(RSS.format("".join([*items, items[-1]])), "f.xml"))
    scoped = [f"feed:news.example~2Ff.xml:{guid}" for guid in "78"]
    assert found == [*scoped, *2 * ["feed:https~3A~2F~2Fnews.example~2F9"]]


def test_a_feed_at_an_address_or_with_one_knows_its_entries_by_that() -> None:
    item = rss_item("7", "https://news.example/7")
    assert ids(read(RSS.format(item))) == [f"feed:{SCOPE}:7"]
    assert ids(read(NAMED_BY_ITSELF.format(item), "f.xml")) == [f"feed:{SCOPE}:7"]


@pytest.mark.parametrize(
    ("item", "about", "expected"),
    [
        ({"url": "https://news.example/7"}, {}, LINK),
        ({"url": "/7"}, {"home_page_url": "https://news.example/"}, LINK),
        ({"url": "/7"}, {}, "f.json:7"),
        ({"external_url": "https://news.example/7"}, {}, "f.json:7"),
        ({"url": "https://news.example/7"}, {"feed_url": ADDRESS}, f"{SCOPE}:7"),
    ],
)
def test_an_item_of_a_json_feed_without_an_address_is_known_by_its_url(
    item: dict[str, str], about: dict[str, str], expected: str
) -> None:
    (record,) = json_feed({"id": "7", "title": "T"} | item, **about)
    assert (ids([record]), record.former_id) == ([f"feed:{expected}"], "feed:7")


@pytest.mark.parametrize(
    ("guid", "expected"),
    [
        ("<guid>https://a.example/1</guid>", "feed:https~3A~2F~2Fa.example~2F1"),
        ("<link>https://a.example/2</link>", "feed:https~3A~2F~2Fa.example~2F2"),
        ("<guid>7</guid><link>https://a.example/2</link>", f"feed:{SCOPE}:7"),
    ],
)
def test_an_entry_is_known_by_its_guid_and_else_by_its_link(guid: str, expected: str) -> None:
    assert only("<title>T</title>", guid=guid).id == expected


def test_an_entry_without_guid_and_link_is_refused_at_its_line() -> None:
    found = read(RSS.format("<item><title>T</title></item>\n<item><guid>2</guid></item>"))
    first, second = refusals(found)
    assert first.startswith(f"{ADDRESS}:6: the article is not acceptable; /id: ")
    assert "neither a guid nor a link" in first
    assert second.startswith(f"{ADDRESS}:7: the article is not acceptable; /: ")


def test_a_title_of_atom_is_what_its_type_says_and_one_of_rss_what_it_looks_like() -> None:
    texts = ("Use of &lt;b&gt; in HTML", "A &lt;em&gt;bridge&lt;/em&gt;")
    plain = [entry(f"<id>1</id><title type='text'>{one}</title>").title for one in texts]
    html = [entry(f"<id>1</id><title type='html'>{one}</title>").title for one in texts]
    rss = [only(f"<title>{one}</title>").title for one in texts]
    assert plain == rss == ["Use of <b> in HTML", "A bridge"]
    assert html == ["Use of in HTML", "A bridge"]


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        # A feed of summaries gives them as bodies.
        ("<description>&lt;p&gt;All.&lt;/p&gt;</description>", {"body_html": "<p>All.</p>"}),
        # A date is read or absent.
        (
            "<pubDate>Sun, 01 Mar 2026 09:30:00 GMT</pubDate>",
            {"published_at": "2026-03-01T09:30:00Z"},
        ),
        ("<pubDate>2026-03-01</pubDate>", {"published_at": "2026-03-01T00:00:00Z"}),
        ("<pubDate>tomorrow</pubDate>", {}),
        ("<pubDate>Sun, 01 Mar 99999 09:30:00 GMT</pubDate>", {}),
        # An address of mail is not a name.
        ("<author>desk@news.example (Zarina K.)</author>", {"authors": ["Zarina K."]}),
        ("<author>desk@news.example</author>", {}),
        ("<dc:creator>Zarina &amp;amp; Sons</dc:creator>", {"authors": ["Zarina & Sons"]}),
        # An image is one of those that come with the entry.
        (f'<enclosure url="{IMAGE}" type="image/png"/>', {"image_url": IMAGE}),
        ('<enclosure url="https://a.example/1.mp3" type="audio/mpeg"/>', {}),
        (f'<media:thumbnail url="{IMAGE}"/>', {"image_url": IMAGE}),
        (f'<itunes:image href="{IMAGE}"/>', {"image_url": IMAGE}),
        ('<media:content url="javascript:alert(1)" medium="image"/>', {}),
        # A link that leads nowhere is absent.
        *((f"<link>{one}</link>", {}) for one in ("javascript:alert(1)", "http://[", " ")),
        ("<link>mailto:a@b.example</link>", {}),
    ],
)
def test_fields_of_an_rss_item_are_taken_one_by_one(
    inner: str, expected: dict[str, object]
) -> None:
    article = only(f"<title>T</title>{inner}", guid="<guid isPermaLink='false'>1</guid>")
    plain = {"id": f"feed:{SCOPE}:1", "title": "T", "language": "tg-TJ"}
    assert article.to_document() == plain | expected


def test_relative_links_of_a_file_stay_incomplete() -> None:
    item = "<item><guid>1</guid><title>T</title><link>/x</link></item>"
    assert only_article(read(RSS.format(item), "f.xml")).url is None


@pytest.mark.parametrize("encoding", ["windows-1251", "utf-16", "koi8-r"])
def test_encodings_are_read(encoding: str) -> None:
    text = RSS.format("<item><guid>1</guid><title>Зарина</title></item>")
    named = text.replace('version="1.0"', f'version="1.0" encoding="{encoding}"')
    assert only_article(read(named.encode(encoding))).title == "Зарина"


def test_rdf_is_read() -> None:
    rdf = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        ' xmlns="http://purl.org/rss/1.0/"><channel><title>N</title></channel>'
        '<item rdf:about="https://a.example/1"><title>T</title>'
        "<link>https://a.example/1</link></item></rdf:RDF>"
    )
    assert only_article(read(rdf)).title == "T"


# --- what is broken ---


def test_blanks_before_the_declaration_are_no_fault() -> None:
    document = "\n\n " + RSS.format("<item><guid>1</guid><title>T</title></item>")
    (record,) = read(document)
    assert record.place == f"{ADDRESS}:8"


def test_a_malformed_feed_is_read_as_far_as_possible() -> None:
    assert only("<title>A & B</title>").title == "A & B"


def test_entries_that_are_lost_are_counted() -> None:
    cut = RSS.format("<item><guid>1</guid><title>T</title></item><!-- <item> <item> <b")
    found = read(cut)
    assert ids(found) == [f"feed:{SCOPE}:1"]
    assert "entries cannot be read" in refusals(found)[-1]


@pytest.mark.parametrize(
    "document", ["", "<html><body>No feed</body></html>", "{}", "<a><b>", "plain"]
)
def test_a_document_that_is_no_feed_is_refused_with_a_line(document: str) -> None:
    with pytest.raises(BadSource, match=rf"^{ADDRESS}:\d+.*holds no RSS or Atom feed"):
        read(document)


# --- JSON Feed ---

VERSION = "https://jsonfeed.org/version/1.1"


def json_feed(*items: object, name: str = "f.json", **fields: object) -> list[Record]:
    document = {"version": VERSION, "items": items} | fields
    return list(read_json_feed(name, BytesIO(json.dumps(document).encode()), lambda _: None))


def json_item(**fields: object) -> dict[str, Any]:
    return only_article(json_feed({"id": "1"} | fields)).to_document()


def test_a_json_feed_item_becomes_this_article() -> None:
    (record,) = json_feed(
        {
            "id": "https://news.example/1",
            "url": "/1",
            "title": "Ferries &amp; fog",
            "content_html": "<p>No boat left.</p>",
            "content_text": "No boat left.",
            "summary": "By hand.",
            "image": "https://news.example/ferry.jpg",
            "date_published": "2026-03-01T09:30:00+05:00",
            "date_modified": "2026-03-02T00:00:00Z",
            "authors": [{"name": "Zarina"}, {"url": "https://a.example"}, {"name": "Odina"}],
            "tags": ["World", "Fog"],
        },
        home_page_url="https://news.example/",
        language="en-GB",
    )
    assert record.place == "f.json:/items/0"
    assert only_article([record]).to_document() == {
        "id": "feed:https~3A~2F~2Fnews.example~2F1",
        "title": "Ferries & fog",
        "body_html": "<p>No boat left.</p>",
        "summary": "By hand.",
        "url": "https://news.example/1",
        "tags": ["World", "Fog"],
        "authors": ["Zarina", "Odina"],
        "language": "en-GB",
        "image_url": "https://news.example/ferry.jpg",
        "published_at": "2026-03-01T04:30:00Z",
        "updated_at": "2026-03-02T00:00:00Z",
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"content_text": "A\n<b>"}, {"body": "A\n<b>"}),
        ({"title": "T", "author": {"name": "Zarina"}}, {"title": "T", "authors": ["Zarina"]}),
        ({"title": "T", "date_published": "soon"}, {"title": "T"}),
        ({"title": "T", "url": "javascript:x"}, {"title": "T"}),
        ({"title": "T", "language": "English"}, {"title": "T", "language": "English"}),
        ({"title": "T", "language": "in English"}, {"title": "T"}),
        ({"title": "T", "tags": ["a", 1, None, "a", ""]}, {"title": "T", "tags": ["a"]}),
        ({"title": "Vec<String>"}, {"title": "Vec<String>"}),
        ({"title": "T", "content_html": "a\x00\x08b"}, {"title": "T", "body_html": "ab"}),
    ],
)
def test_fields_of_an_item_are_taken_one_by_one(
    fields: dict[str, object], expected: dict[str, object]
) -> None:
    assert json_item(**fields) == {"id": "feed:f.json:1"} | expected


def test_an_author_of_the_feed_is_that_of_its_items() -> None:
    article = only_article(json_feed({"id": 7, "title": "T"}, authors=[{"name": "The desk"}]))
    assert (article.id, article.authors) == ("feed:f.json:7", ("The desk",))


def test_bad_items_are_refused_at_their_pointer() -> None:
    found = refusals(
        json_feed({"id": "1", "title": "T"}, 7, {"title": "T"}, {"id": "4"}, {"id": True})
    )
    assert [line.partition("; ")[0] for line in found] == [
        f"f.json:/items/{number}: the article is not acceptable" for number in (1, 2, 3, 4)
    ]
    assert "neither an id nor a url" in found[1]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "f.json:1: is no JSON"),
        (b'{\n"version": ,', "f.json:2: is no JSON"),
        (b"[]", "f.json:1: is no JSON Feed"),
        (b'{"version": "2"}', "f.json:1: is no JSON Feed"),
        (b'{"version": "1.1", "items": {}}', "f.json:1: is no JSON Feed; it has no list"),
        (b'{"version": "1.1", "items": [NaN]}', "f.json:1: is no JSON"),
    ],
)
def test_a_document_that_is_no_json_feed_is_refused_with_line_and_reason(
    document: bytes, said: str
) -> None:
    with pytest.raises(BadSource) as refused:
        list(read_json_feed("f.json", BytesIO(document), lambda _: None))
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("read", [read_feed, read_json_feed, read_ninjs])
def test_a_document_too_large_to_be_read_whole_is_refused_with_what_to_do(
    read: Callable[..., Iterator[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.sources.source_documents.MOST_DOCUMENT_BYTES", 99)
    with pytest.raises(BadSource, match=r"^f\.json:1: is larger than 99 bytes, .*split it"):
        list(read("f.json", BytesIO(b" " * 100), lambda _: None))
