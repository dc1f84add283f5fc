"""How the Python client writes the options of lists."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from read_also_client import NotSendable, Override, calls
from read_also_client.options import ListOptions, body_of, query_of


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({"limit": 5, "mode": "latest"}, {"limit": "5", "mode": "latest"}),
        ({"section": None, "explain": False, "labels": False, "exclude": []}, {}),
        ({"images": False, "stylesheet": False}, {"images": "0", "stylesheet": "0"}),
        ({"min_score": 0, "diversity": 0.0}, {"min_score": "0", "diversity": "0.000000"}),
        (
            {"diversity": -0.0, "min_score": 1e-7},
            {"diversity": "0.000000", "min_score": "0.000000"},
        ),
        ({"explain": True}, {"explain": "1"}),
        ({"explain": "all", "images": True}, {"explain": "all", "images": "1"}),
        ({"exclude": ["b", 3]}, {"exclude": "b,3"}),
        ({"max_age": 30}, {"max_age": "30d"}),
        ({"max_age": "30d", "language": "any"}, {"max_age": "30d", "language": "any"}),
        ({"language": ("en", "ru")}, {"language": "en,ru"}),
        ({"tag": {"b", "a", "-c"}, "exclude": {9, 10}}, {"tag": "-c,a,b", "exclude": "10,9"}),
        ({"attr": {"id": "a/b"}}, {"attr.id": "a/b"}),
        ({"section": "city,-opinion"}, {"section": "city,-opinion"}),
        (
            {"published_after": date(2026, 3, 1), "published_before": "2026-04-01"},
            {"published_after": "2026-03-01T00:00:00Z", "published_before": "2026-04-01"},
        ),
        (
            {"attr": {"price": "10..20", "free": True, "place": -5, "city": ["a,b", "-c", -1]}},
            {
                "attr.price": "10..20",
                "attr.free": "true",
                "attr.place": r"\-5",
                "attr.city": r"a\,b,-c,\-1",
            },
        ),
        ({"section": ["Arts, Culture", r"a\,b", "-c"]}, {"section": r"Arts\, Culture,a\,b,-c"}),
    ],
)
def test_options_in_an_address(options: dict[str, Any], query: dict[str, str]) -> None:
    assert query_of(options) == query


def test_options_in_json_keep_their_types() -> None:
    options = {"limit": 5, "exclude": {"b"}, "explain": True, "min_score": 0.25, "max_age": 7}
    assert body_of(options) == {
        "limit": 5,
        "exclude": ["b"],
        "explain": True,
        "min_score": 0.25,
        "max_age": "7d",
    }


def test_the_options_of_a_draft_in_a_page_may_stand_apart() -> None:
    options: ListOptions = {"section": "-opinion", "exclude": [7], "explain": False}
    page = calls.related_lists([{"title": "T", "attributes": {"price": 2}, "options": options}])
    assert json.loads(page.body or b"")["requests"] == [
        {
            "title": "T",
            "attributes": {"price": 2},
            "options": {"section": "-opinion", "exclude": ["7"]},
        }
    ]


def test_an_excluded_article_needs_an_id() -> None:
    with pytest.raises(NotSendable, match="a/b"):
        query_of({"exclude": ["a/b"]})


@pytest.mark.parametrize(("many", "method"), [(36, "GET"), (38, "POST")])
def test_a_query_that_every_server_takes_goes_into_the_address(many: int, method: str) -> None:
    call = calls.related("x" * 200, {"exclude": ["y" * 200] * many})
    assert call.method == method
    assert len(method) + len(call.path) + len(call.query.get("exclude", "")) * 1.02 < 8_190


def test_a_query_that_is_too_long_is_the_same_as_a_body() -> None:
    excluded = ["y" * 200] * 400
    call = calls.related(17, {"exclude": excluded, "limit": 3})
    assert (call.path, call.query) == ("/v1/related", {})
    assert json.loads(call.body or b"") == {"article_id": "17", "exclude": excluded, "limit": 3}


def test_a_draft_and_the_lists_of_a_page_have_fields_and_options() -> None:
    draft = calls.related_for_draft({"title": "T", "tags": {"b", "a"}}, {"limit": 2, "tag": None})
    assert json.loads(draft.body or b"") == {
        "title": "T",
        "tags": ["a", "b"],
        "options": {"limit": 2},
    }
    plain = calls.related_for_draft({"title": "T"}, {})
    assert json.loads(plain.body or b"") == {"title": "T"}
    page = calls.related_lists(
        [{"article_id": 7, "mode": "latest"}, {"title": "T", "language": "en", "exclude": [7]}]
    )
    assert json.loads(page.body or b"")["requests"] == [
        {"article_id": "7", "mode": "latest"},
        {"title": "T", "language": "en", "exclude": ["7"]},
    ]


def test_a_request_tries_pins_and_blocks_by_id_or_with_a_time() -> None:
    until = datetime(2026, 5, 1, tzinfo=UTC)
    pins: list[Override | dict[str, object] | int] = [7, {"id": 8, "why": "w"}]
    pins.append(Override(id="9", ends_at=until))
    written = [
        {"id": "7"},
        {"id": "8", "why": "w"},
        {"id": "9", "why": "", "starts_at": None, "ends_at": "2026-05-01T00:00:00Z"},
    ]
    page = calls.related_lists([{"article_id": 6, "pins": pins, "blocks": []}])
    expected = [{"article_id": "6", "pins": written, "blocks": []}]
    assert json.loads(page.body or b"")["requests"] == expected
    draft = calls.related_for_draft({"title": "T", "pins": pins}, {"limit": 2})
    assert json.loads(draft.body or b"") == {
        "title": "T",
        "pins": written,
        "options": {"limit": 2},
    }
