"""Answers of WordPress's REST interface, out of a file and out of the air."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles import Article
from recommender.errors import BadSource
from recommender.progress import silent
from recommender.sources.fetching import Answer
from recommender.sources.records import Record
from recommender.sources.wordpress import WordPressFile
from recommender.sources.wordpress.answers import find_root, moment_of, page_of, read_json, root_in

SELF = "https://news.example/tj/wp-json/wp/v2/posts/7"
POST: dict[str, Any] = {
    "id": 7,
    "type": "post",
    "status": "publish",
    "link": "https://news.example/tram/",
    "title": {"rendered": "Tram"},
    "content": {"rendered": "<p>It left.</p>"},
    "_links": {"self": [{"href": SELF}]},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "posts.json"


def read(file: Path, text: str | bytes) -> list[Record]:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    records = list(WordPressFile(file).pull(None, silent))
    assert all(isinstance(one, Record) for one in records)
    return [one for one in records if isinstance(one, Record)]


def ids(records: list[Record]) -> list[str]:
    return [one.content.id for one in records if isinstance(one.content, Article)]


def test_an_array_gives_each_post_with_the_line_on_which_it_begins(file: Path) -> None:
    text = f'\n[\n{json.dumps(POST)},\n\n{json.dumps({"id": 8, "name": "x"}, indent=1)}, "odd"\n]\n'
    records = read(file, text)
    assert [one.place for one in records] == [f"{file}:3", f"{file}:5", f"{file}:8"]
    assert ids(records) == ["wp:news.example~2Ftj:7"]
    assert str(records[2].content) == "this is no post, but another JSON value"


def test_a_single_post_is_read_and_a_byte_order_mark_passed_over(file: Path) -> None:
    assert ids(read(file, b"\xef\xbb\xbf" + json.dumps(POST).encode())) == [
        "wp:news.example~2Ftj:7"
    ]


@pytest.mark.parametrize(
    ("fields", "article_id"),
    [
        ({"_links": {"self": [{"href": SELF}]}}, "wp:news.example~2Ftj:7"),
        ({"_links": {"self": [{"href": "https://a.example/?rest_route=/wp"}]}}, "wp:a.example:7"),
        ({"_links": {}, "guid": {"rendered": "https://a.example/b/?p=7"}}, "wp:a.example~2Fb:7"),
        ({"_links": None}, "wp:news.example:7"),
    ],
)
def test_the_site_is_told_by_what_a_post_says_of_itself(
    file: Path, fields: dict[str, object], article_id: str
) -> None:
    assert ids(read(file, json.dumps(POST | fields))) == [article_id]


def test_an_empty_array_gives_nothing(file: Path) -> None:
    assert read(file, " [ ] ") == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[\n{"id": 1,}\n]', "posts.json:2: is not JSON"),
        ("", "posts.json:1: is not JSON"),
        ("[" * 100_000, "posts.json:1: is not JSON"),
        ("[{}\n", "posts.json:2: is not JSON"),
        ("{}\n{}", "posts.json:2: more follows after the end"),
        ("[{}] x", "posts.json:1: more follows after the end"),
        (b"\xff", "is not UTF-8 (byte 0)"),
    ],
)
def test_a_file_that_is_no_json_is_refused_with_its_line(
    file: Path, text: str | bytes, reason: str
) -> None:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadSource) as refusal:
        list(WordPressFile(file).pull(None, silent))
    assert reason in str(refusal.value)


def test_a_file_that_is_not_there_is_refused(file: Path) -> None:
    with pytest.raises(BadSource, match="cannot be read"):
        list(WordPressFile(file).pull(None, silent))


def answered(body: str = "", **headers: str) -> Answer:
    return Answer("https://news.example/tj/", 200, headers, body.encode())


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


def test_an_answer_is_dated_by_its_header_if_it_has_one() -> None:
    dated = answered(date="Tue, 20 Oct 2026 12:00:00 GMT")
    assert moment_of(dated) == datetime(2026, 10, 20, 12, tzinfo=UTC)
    assert moment_of(answered()) is None
    assert moment_of(answered(date="yesterday")) is None
    assert moment_of(answered(date="Fri, 31 Dec 9999 23:59:59 -1200")) is None


@pytest.mark.parametrize(
    "before", ["\ufeff", "<br />\n<b>Notice</b>: [0] of {a} {} [] \n", "PHP Warning: x[1]\n"]
)
def test_what_php_says_before_the_json_is_passed_over(before: str) -> None:
    assert read_json(answered(before + '[{"id": 1}]\n')) == [{"id": 1}]


def test_text_after_the_json_is_not() -> None:
    with pytest.raises(BadSource, match="answers 200 with something else, not JSON"):
        read_json(answered('[{"id": 1}] and more'))


@given(st.binary(max_size=60) | st.text(alphabet='[]{}":,1a \n').map(str.encode))
def test_answers_of_any_bytes_are_a_page_or_an_error(body: bytes) -> None:
    try:
        page = page_of(Answer("https://news.example/", 200, {"x-wp-total": "1"}, body))
    except BadSource as refusal:
        assert str(refusal).startswith("https://news.example/: answers 200")  # noqa: PT017
    else:
        assert all(isinstance(row, dict) for row in page.rows)
