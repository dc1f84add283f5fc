"""WordPress's REST interface: finding its address, and reading odd responses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import BadSource
from recommender.sources.fetching import FetchResponse
from recommender.sources.wordpress.api import find_root, page_of, parse_json_response, root_in


def answered(body: str = "", **headers: str) -> FetchResponse:
    return FetchResponse("https://news.example/tj/", 200, headers, body.encode())


@pytest.mark.parametrize(
    ("address", "root"),
    [
        ("https://a.example/wp-json", "https://a.example/wp-json/"),
        ("https://a.example/b/wp-json/wp/v2/posts?page=2", "https://a.example/b/wp-json/"),
        ("https://a.example/?rest_route=/wp/v2", "https://a.example/?rest_route=/"),
        ("https://a.example/?l=en&rest_route=%2Fwp", "https://a.example/?l=en&rest_route=/"),
        ("https://a.example/wp-jsonish", None),
        ("https://a.example/", None),
    ],
)
def test_an_address_may_name_the_interface(address: str, root: str | None) -> None:
    assert root_in(address) == root


@pytest.mark.parametrize(
    ("tag", "root"),
    [
        ("<link rel='https://api.w.org/' href='/tj/wp-json/' />", "/tj/wp-json/"),
        ('<LINK HREF="/?a=1&#038;rest_route=/" rel="https://api.w.org/">', "/?a=1&rest_route=/"),
        ("<link rel='https://api.w.org/' href='https://news.example/api' />", "/api/"),
        ("<link rel='https://api.w.org/'>", None),
        ("<link rel=alternate href='/wp-json/'>", None),
        ("<link rel='https://api.w.org/" * 1_000, None),
    ],
)
def test_a_page_may_name_the_interface(tag: str, root: str | None) -> None:
    found = find_root(answered(f"<head>{tag}</head>"))
    assert found == (f"https://news.example{root}" if root else None)


def test_a_header_names_the_interface_before_the_page_does() -> None:
    link = '</feed/>; rel="alternate", </tj/wp-json/>; rel="https://api.w.org/"'
    assert find_root(answered(link=link)) == "https://news.example/tj/wp-json/"


@pytest.mark.parametrize(
    "before", ["\ufeff", "<br />\n<b>Notice</b>: [0] of {a} {} [] \n", "PHP Warning: x[1]\n"]
)
def test_php_messages_before_the_json_are_ignored(before: str) -> None:
    assert parse_json_response(answered(before + '[{"id": 1}]\n')) == [{"id": 1}]


def test_text_after_the_json_is_refused() -> None:
    with pytest.raises(BadSource, match="answers 200 with something else, not JSON"):
        parse_json_response(answered('[{"id": 1}] and more'))


@given(st.binary(max_size=60) | st.text(alphabet='[]{}":,1a \n').map(str.encode))
def test_answers_of_any_bytes_are_a_page_or_an_error(body: bytes) -> None:
    try:
        page = page_of(FetchResponse("https://news.example/", 200, {"x-wp-total": "1"}, body))
    except BadSource as refusal:
        assert str(refusal).startswith("https://news.example/: answers 200")  # noqa: PT017
    else:
        assert all(isinstance(row, dict) for row in page.rows)
