"""How a page may ask for its list: heading, its level, images; and nothing that JSON has alone."""

import re

import pytest
from flask.testing import FlaskClient

LIST = "/v1/articles/harbour-2/related"
PATHS = [f"{LIST}.html", "/read/harbour-2"]
DESCRIBED = "/v1/articles/{article_id}/related.html"
UNSEEN = ["\u200b", "\u00ad \u200e", "\u3164", "\u115f\u1160", "\u2800", "\ufeff", "\uffa0"]


def shown(client: FlaskClient, **query: str) -> str:
    response = client.get(f"{LIST}.html", query_string=query)
    assert response.status_code == 200, response.text
    return response.text


def test_a_page_may_choose_its_heading(desk: FlaskClient) -> None:
    for heading in ("More", "می‌خوانید؟", "x" * 100, "Mehr & mehr"):
        escaped = heading.replace("&", "&amp;")
        assert f'id="read-also-harbour-2">{escaped}</h2>' in shown(desk, heading=heading)


def test_a_heading_is_text_whatever_it_holds(desk: FlaskClient) -> None:
    html = shown(desk, heading="</h2><script>alert('1')</script>\"")
    assert "&lt;/h2&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&#34;</h2>" in html
    assert "<script" not in html


@pytest.mark.parametrize("level", [2, 3, 4, 5, 6])
def test_a_page_may_choose_where_the_heading_stands_in_its_outline(
    desk: FlaskClient, level: int
) -> None:
    html = shown(desk, heading_level=str(level))
    assert f'<h{level} class="read-also__heading"' in html
    assert f"Read also</h{level}>" in html


def test_images_come_where_they_are_asked_for(client: FlaskClient) -> None:
    article = client.get("/v1/articles/harbour-4").get_json()
    client.put("/v1/articles/harbour-4", json=article | {"image_url": "https://i.example/4?a&b"})
    image = (
        '<img class="read-also__image" src="https://i.example/4?a&amp;b" alt="" loading="lazy" '
        'decoding="async" referrerpolicy="no-referrer">'
    )
    assert shown(client, images="1", limit="40").count(image) == 1
    assert shown(client, images="1", limit="40").count("<img") == 1
    assert "<img" not in shown(client, images="0") + shown(client)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("heading", value) for value in ("", " ", "\t", "a\nb", "a\x00b", "a\u2028b", "x" * 101)),
        *(("heading", value) for value in UNSEEN),
        *(("heading_level", value) for value in ("", "1", "7", "02", "٣", "2.0", "+2", "h2")),
        *(("images", value) for value in ("", "2", "true", "yes", "\u0660")),
        *(("explain", value) for value in ("1", "all")),
        ("theme", "dark"),
    ],
)
def test_what_is_odd_is_refused_by_name(
    desk: FlaskClient, path: str, name: str, value: str
) -> None:
    response = desk.get(path, query_string={name: value, "limit": "1"})
    assert response.status_code == 400
    assert [fault["pointer"] for fault in response.get_json()["errors"]] == [f"/{name}"]


def test_the_document_tells_which_headings_can_be_seen(desk: FlaskClient) -> None:
    """As far as a pattern can, which knows no kinds of characters."""
    parameters = desk.get("/openapi.json").get_json()["paths"][DESCRIBED]["get"]["parameters"]
    (heading,) = [one for one in parameters if one["name"] == "heading"]
    allowed = re.compile(heading["schema"]["pattern"])
    assert [value for value in UNSEEN if allowed.search(value)] == []
    for value in ("More", "\u200fقراءة", "می‌خوانید؟", "…", "☂", "\u1161", "船"):  # noqa: RUF001
        assert allowed.search(value)
        assert shown(desk, heading=value)


@pytest.mark.parametrize("value", ["\u0301", "\ufe0f\u0488", "\U000e0041", "\ue000", "\uffff"])
def test_nor_is_a_heading_of_marks_alone_taken(desk: FlaskClient, value: str) -> None:
    assert desk.get(f"{LIST}.html", query_string={"heading": value}).status_code == 400


def test_a_parameter_given_twice_is_refused(desk: FlaskClient) -> None:
    for name in ("heading", "heading_level", "images"):
        assert desk.get(f"{LIST}.html?{name}=2&{name}=2").status_code == 400


def test_all_that_is_odd_is_named_at_once(desk: FlaskClient) -> None:
    faults = desk.get(f"{LIST}.html?images=x&limit=0&heading_level=9").get_json()["errors"]
    assert {fault["pointer"] for fault in faults} == {"/images", "/limit", "/heading_level"}


def test_looks_are_of_html_and_explanations_of_json(desk: FlaskClient) -> None:
    for name in ("heading", "heading_level", "images"):
        assert desk.get(f"{LIST}?{name}=2").status_code == 400
