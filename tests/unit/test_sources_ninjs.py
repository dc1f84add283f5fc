"""ninjs: an item as an article, field by field, and the refused items."""

import json
from io import BytesIO
from typing import Any

import pytest

from recommender.errors import BadSource
from recommender.sources import LeftOut, Record
from recommender.sources.ninjs import read_ninjs
from tests.support.pulled import ids, left_out, only_article, records, refusals


def ninjs(document: bytes) -> list[Record | LeftOut]:
    return list(read_ninjs("n.json", BytesIO(document), lambda _: None))


def as_bytes(**fields: object) -> bytes:
    return json.dumps({"uri": "1", "headline": "T"} | fields).encode()


def news_item(**fields: object) -> dict[str, Any]:
    return only_article(ninjs(as_bytes(**fields))).to_document()


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
    (record,) = records(ninjs(json.dumps([document]).encode()))
    assert record.place == "n.json:/0"
    assert only_article([record]).to_document() == {
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
def test_an_ambiguous_item_is_refused(fields: dict[str, object], pointer: str) -> None:
    (refusal,) = refusals(ninjs(as_bytes(**fields)))
    assert refusal.startswith("n.json:1: the article is not acceptable; ")
    assert pointer in refusal


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"pubstatus": "usable"}, {}),
        ({"pubstatus": "withheld"}, {"status": "withheld"}),
        ({"pubstatus": "canceled"}, {"status": "canceled"}),
        ({"pubstatus": "CANCELLED"}, {"status": "canceled"}),
        ({"uri": "", "guid": "g"}, {"id": "ninjs:g"}),
        ({"uri": "", "altids": [{"role": "a", "value": "g"}]}, {"id": "ninjs:g"}),
        ({"uri": "", "altids": {"internal": "g"}}, {"id": "ninjs:g"}),
        ({"headline": "", "title": "T"}, {}),
        ({"headline": "The <b> tag"}, {"title": "The <b> tag"}),
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
def test_an_item_without_text_is_left_out(kind: str) -> None:
    document = json.dumps([{"uri": "1", "type": kind}, {"uri": "2", "headline": "T"}]).encode()
    found = ninjs(document)
    assert (left_out(found), ids(found)) == ([kind], ["ninjs:2"])


def test_items_a_line_are_read_and_a_bad_line_stops_nothing() -> None:
    document = b'{"uri": "1", "headline": "T"}\n\n{"uri": \n7\n{"uri": "2", "headline": "T"}\n'
    found = records(ninjs(document))
    assert [one.place for one in found] == [f"n.json:{number}" for number in (1, 3, 4, 5)]
    assert ids(found) == ["ninjs:1", "ninjs:2"]
    assert "is no JSON" in str(found[1].content)
    assert "is no object" in str(found[2].content)


def test_a_broken_document_is_refused_once_with_its_line() -> None:
    with pytest.raises(BadSource, match=r"^n\.json:3: is no JSON"):
        ninjs(b'{\n"uri": "1",\n"headline" "T"\n}')
