"""JSON Feed and ninjs: what becomes of an item, field by field, and what is refused."""

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest

from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle
from recommender.sources import LeftOut, Record
from recommender.sources.jsonfeed import read_json_feed
from recommender.sources.ninjs import read_ninjs

VERSION = "https://jsonfeed.org/version/1.1"


def nothing(_: int) -> None:
    """Nobody watches."""


def feed(*items: object, name: str = "f.json", **fields: object) -> list[Record]:
    document = {"version": VERSION, "items": items} | fields
    return list(read_json_feed(name, BytesIO(json.dumps(document).encode()), nothing))


def feed_item(**fields: object) -> dict[str, Any]:
    (record,) = feed({"id": "1"} | fields)
    assert isinstance(record.content, Article)
    return record.content.to_document()


def ninjs(document: bytes) -> list[Record | LeftOut]:
    return list(read_ninjs("n.json", BytesIO(document), nothing))


def news_item(**fields: object) -> dict[str, Any]:
    (record,) = ninjs(json.dumps({"uri": "1", "headline": "T"} | fields).encode())
    assert isinstance(record, Record)
    assert isinstance(record.content, Article), str(record.content)
    return record.content.to_document()


def refusal(**fields: object) -> str:
    (record,) = ninjs(json.dumps({"uri": "1", "headline": "T"} | fields).encode())
    assert isinstance(record, Record)
    assert isinstance(record.content, InvalidArticle)
    return f"{record.place}: {record.content}"


@pytest.mark.parametrize("read", [read_json_feed, read_ninjs])
def test_a_document_too_large_to_be_read_whole_is_refused_with_what_to_do(
    read: Callable[..., Iterator[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.sources.bodies.MOST_BYTES", 99)
    with pytest.raises(BadSource, match=r"^f\.json:1: is larger than 99 bytes, .*split it"):
        list(read("f.json", BytesIO(b" " * 100), nothing))


# --- JSON Feed ---


def test_a_json_feed_item_becomes_this_article() -> None:
    (record,) = feed(
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
    assert isinstance(record.content, Article)
    assert record.content.to_document() == {
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
        ({"title": "T", "tags": ["a" * 999]}, {"title": "T", "tags": ["a" * 300]}),
        ({"title": "Vec<String>"}, {"title": "Vec<String>"}),
        ({"title": "A <b>bridge</b>"}, {"title": "A bridge"}),
        ({"title": "T" * 3_000}, {"title": "T" * 2_000}),
        ({"title": "T", "summary": "s " * 13_950}, {"title": "T", "summary": "s " * 10_000}),
        ({"title": "T", "content_html": "a\x00\x08b"}, {"title": "T", "body_html": "ab"}),
    ],
)
def test_fields_of_an_item_are_taken_one_by_one(
    fields: dict[str, object], expected: dict[str, object]
) -> None:
    assert feed_item(**fields) == {"id": "feed:1"} | expected


def test_an_author_of_the_feed_is_that_of_its_items() -> None:
    (record,) = feed({"id": 7, "title": "T"}, authors=[{"name": "The desk"}])
    assert isinstance(record.content, Article)
    assert (record.content.id, record.content.authors) == ("feed:7", ("The desk",))


def test_bad_items_are_refused_at_their_pointer() -> None:
    records = feed({"id": "1", "title": "T"}, 7, {"title": "T"}, {"id": "4"}, {"id": True})
    said = [f"{one.place}: {one.content}" for one in records[1:]]
    assert [line.partition("; ")[0] for line in said] == [
        f"f.json:/items/{number}: the article is not acceptable" for number in (1, 2, 3, 4)
    ]
    assert "neither an id nor a url" in said[1]


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
def test_what_is_no_json_feed_is_refused_with_line_and_reason(document: bytes, said: str) -> None:
    with pytest.raises(BadSource) as refused:
        list(read_json_feed("f.json", BytesIO(document), nothing))
    assert str(refused.value).startswith(said)


# --- ninjs ---


def test_an_item_of_version_1_becomes_this_article() -> None:
    assert news_item(
        uri="http://agency.example/20260301/1",
        type="text",
        headline="Ferries stop",
        body_html="<p>No boat left.</p>",
        body_text="No boat left.",
        description_text="By hand.",
        byline="By Zarina",
        language="en",
        versioncreated="2026-03-02T00:00:00Z",
        firstcreated="2026-03-01T09:30:00+05:00",
        embargoed="2026-03-03T00:00:00Z",
        expires="2027-03-03T00:00:00Z",
        pubstatus="usable",
        version="3",
        subject=[{"name": "Transport"}, {"uri": "x"}, {"name": "Fog"}],
        associations={
            "main": {
                "type": "picture",
                "renditions": {
                    "web": {"href": "https://a.example/1.jpg", "mimetype": "image/jpeg"}
                },
            }
        },
    ) == {
        "id": "ninjs:http~3A~2F~2Fagency.example~2F20260301~2F1",
        "title": "Ferries stop",
        "body_html": "<p>No boat left.</p>",
        "summary": "By hand.",
        "tags": ["Transport", "Fog"],
        "authors": ["Zarina"],
        "language": "en",
        "image_url": "https://a.example/1.jpg",
        "published_at": "2026-03-01T04:30:00Z",
        "updated_at": "2026-03-02T00:00:00Z",
        "embargoed_until": "2026-03-03T00:00:00Z",
        "expires_at": "2027-03-03T00:00:00Z",
        "version": 3,
    }


def test_an_item_of_version_2_becomes_this_article() -> None:
    document = {
        "uri": "urn:1",
        "headlines": [
            {"role": "subtitle", "value": "Fog in the harbour"},
            {"role": "main", "value": "Ferries stop"},
        ],
        "bodies": [
            {"contenttype": "text/plain", "value": "No boat left."},
            {"contenttype": "text/html", "value": "<p>No boat left.</p>"},
        ],
        "descriptions": [{"value": "By hand."}],
        "by": "Zarina",
        "subjects": [{"name": "Transport"}],
        "contentcreated": "2026-03-01T04:30:00Z",
        "versioncreated": "2026-03-02T00:00:00Z",
        "renditions": [
            {"href": "https://a.example/1.mp4", "contenttype": "video/mp4"},
            {"href": "https://a.example/1.jpg", "contenttype": "image/jpeg"},
        ],
    }
    (record,) = ninjs(json.dumps([document]).encode())
    assert isinstance(record, Record)
    assert record.place == "n.json:/0"
    assert isinstance(record.content, Article)
    assert record.content.to_document() == {
        "id": "ninjs:urn~3A1",
        "title": "Ferries stop",
        "body_html": "<p>No boat left.</p>",
        "summary": "By hand.",
        "tags": ["Transport"],
        "authors": ["Zarina"],
        "image_url": "https://a.example/1.jpg",
        "published_at": "2026-03-01T04:30:00Z",
        "updated_at": "2026-03-02T00:00:00Z",
    }


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("usable", None),
        ("withheld", "withheld"),
        ("canceled", "canceled"),
        ("CANCELLED", "canceled"),
    ],
)
def test_a_status_is_that_of_the_article(told: str, status: str | None) -> None:
    assert news_item(pubstatus=told).get("status") == status


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"pubstatus": "secret"}, "/pubstatus: is 'secret'"),
        ({"pubstatus": 7}, "/pubstatus: is "),
        ({"embargoed": "tomorrow"}, "/embargoed: is no date and time"),
        ({"embargoeduntil": 7}, "/embargoeduntil: is no date and time"),
        ({"expires": "never"}, "/expires: is no date and time"),
        ({"uri": ""}, "/uri: the item has no uri"),
        ({"headline": ""}, "/: a title or a body is required"),
    ],
)
def test_what_must_not_be_guessed_is_refused(fields: dict[str, object], pointer: str) -> None:
    said = refusal(**fields)
    assert said.startswith("n.json:1: the article is not acceptable; ")
    assert pointer in said


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"uri": "", "guid": "g"}, {"id": "ninjs:g"}),
        ({"uri": "", "altids": [{"role": "a", "value": "g"}]}, {"id": "ninjs:g"}),
        ({"uri": "", "altids": {"internal": "g"}}, {"id": "ninjs:g"}),
        ({"headline": "", "title": "T"}, {}),
        ({"headline": "The <b> tag"}, {"title": "The <b> tag"}),
        ({"description_text": "s" * 27_899}, {"summary": "s" * 20_000}),
        ({"body_xhtml": "<p>B</p>"}, {"body_html": "<p>B</p>"}),
        ({"body_text": "a < b"}, {"body": "a < b"}),
        (
            {"versioncreated": "2026-03-02T00:00:00Z"},
            {"published_at": "2026-03-02T00:00:00Z", "updated_at": "2026-03-02T00:00:00Z"},
        ),
        ({"bylines": [{"name": "Zarina"}, {"name": "By Odina"}]}, {"authors": ["Zarina", "Odina"]}),
        ({"version": "1.2"}, {}),
        ({"version": 4}, {"version": 4}),
        ({"version": True}, {}),
        ({"subjects": {"name": "One"}}, {"tags": ["One"]}),
        ({"renditions": {"x": {"href": "file:///x", "mimetype": "image/png"}}}, {}),
    ],
)
def test_fields_of_a_news_item_are_taken_one_by_one(
    fields: dict[str, object], expected: dict[str, object]
) -> None:
    assert news_item(**fields) == {"id": "ninjs:1", "title": "T"} | expected


@pytest.mark.parametrize("kind", ["picture", "audio", "video", "graphic", "component", "planning"])
def test_what_has_no_text_is_left_out(kind: str) -> None:
    document = json.dumps([{"uri": "1", "type": kind}, {"uri": "2", "headline": "T"}]).encode()
    first, second = ninjs(document)
    assert first == LeftOut(kind)
    assert isinstance(second, Record)


def test_items_a_line_are_read_and_a_bad_line_stops_nothing() -> None:
    document = b'{"uri": "1", "headline": "T"}\n\n{"uri": \n7\n{"uri": "2", "headline": "T"}\n'
    records = [one for one in ninjs(document) if isinstance(one, Record)]
    assert [one.place for one in records] == [f"n.json:{number}" for number in (1, 3, 4, 5)]
    good = [one.content.id for one in records if isinstance(one.content, Article)]
    assert good == ["ninjs:1", "ninjs:2"]
    assert "is no JSON" in str(records[1].content)
    assert "is no object" in str(records[2].content)


def test_a_broken_document_is_refused_once_with_its_line() -> None:
    with pytest.raises(BadSource, match=r"^n\.json:3: is no JSON"):
        ninjs(b'{\n"uri": "1",\n"headline" "T"\n}')
