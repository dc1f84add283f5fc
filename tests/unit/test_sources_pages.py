"""A web page as an article, pages that are none, and decoding a page's bytes."""

import codecs
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.analysis.html.web_page import Page
from recommender.articles import Article, host_of
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import silent
from recommender.sources import Record
from recommender.sources.pages import PageFile, decode_page, page_article
from tests.support.pulled import ids, only_article, records, refusals

TEXT = "The ferry was late again on Monday.\n\nNobody on the quay knew why, said the porter there."
HTML = (
    "<html lang=en><head><meta charset=utf-8><title>Ferry late</title>{}</head><body><article>"
    "<h1>Ferry late</h1><p>The ferry was late again on Monday, for the third time in a week.</p>"
    "<p>Nobody on the quay knew why, said the porter, who has seen many ferries.</p></article>"
)


PLAIN = Page(
    text=TEXT, linked=0.0, title="Ferry late", address="https://quay.example/ferry", authors=(),
    published="", modified="", language="", section="", image="", summary="", tags=(),
    is_hidden=False, is_story=True, is_list=False, moves=False,
)  # fmt: skip


def a_page(**fields: Any) -> Page:
    return replace(PLAIN, **fields)


def article_of(page: Page, address: str = "", name: str = "") -> Article:
    article = page_article(page, address, name)
    assert isinstance(article, Article)
    return article


def test_a_page_becomes_an_article() -> None:
    page = a_page(
        authors=("Ann Quay", "Ann Quay", " "),
        published="2026-03-01T09:30:00+05:00",
        modified="2026-03-02",
        language="en_GB",
        section="Sea",
        image="/ferry.jpg",
        summary="The third time in a week",
        tags=("ferry", "fog"),
    )
    assert article_of(page).model_dump(mode="json", exclude_defaults=True) == {
        "id": "page:https~3A~2F~2Fquay.example~2Fferry",
        "title": "Ferry late",
        "body": TEXT,
        "summary": "The third time in a week",
        "url": "https://quay.example/ferry",
        "section": "Sea",
        "tags": ["ferry", "fog"],
        "authors": ["Ann Quay"],
        "language": "en-GB",
        "image_url": "https://quay.example/ferry.jpg",
        "published_at": "2026-03-01T04:30:00Z",
        "updated_at": "2026-03-02T00:00:00Z",
    }


@pytest.mark.parametrize(
    ("own", "fetched", "url"),
    [
        ("https://quay.example/a", "", "https://quay.example/a"),
        ("https://quay.example/a", "https://quay.example/a?from=mail", "https://quay.example/a"),
        ("https://www.quay.example/a", "https://quay.example/a", "https://www.quay.example/a"),
        ("/a", "https://quay.example/a?from=mail", "https://quay.example/a"),
        ("https://other.example/a", "https://quay.example/a", "https://quay.example/a"),
        ("javascript:alert(1)", "https://quay.example/a", "https://quay.example/a"),
        ("", "https://quay.example/a", "https://quay.example/a"),
    ],
)
def test_the_address_is_the_pages_own_if_its_host_is(own: str, fetched: str, url: str) -> None:
    article = article_of(a_page(address=own), fetched)
    assert article.url == url
    assert article.id == "page:" + url.replace(":", "~3A").replace("/", "~2F")


def test_a_page_without_an_address_goes_by_its_name() -> None:
    article = article_of(a_page(address="a.html"), name="ferry late.html")
    assert (article.id, article.url) == ("page:ferry~20late.html", None)


RUSSIAN = "Паром опять опоздал, и никто на причале не знал почему." * 2
CHINESE = "渡轮周一再次晚点。码头上没有人知道原因。" * 5
TAJIK = "Паром боз дер монд, ва ҳеҷ кас намедонист, ки чаро." * 2
DAY, LONG = "2026-03-01T00:00:00Z", "x" * 5_000


@pytest.mark.parametrize(
    ("fields", "name", "expected"),
    [
        # A time is given or in the address, and never guessed.
        ({"published": "2026-03-01"}, "published_at", DAY),
        ({"published": "2026-03-01 09:30:00+0500"}, "published_at", "2026-03-01T04:30:00Z"),
        ({"published": "20260301T093000Z"}, "published_at", "2026-03-01T09:30:00Z"),
        ({"published": "2026-03-01T09:30:00"}, "published_at", "2026-03-01T09:30:00Z"),
        ({"published": "2026-03-01T09:30:00EET"}, "published_at", "2026-03-01T09:30:00Z"),
        ({"published": "yesterday"}, "published_at", None),
        ({"address": "https://quay.example/2026/03/01/ferry"}, "published_at", DAY),
        ({"address": "https://quay.example/2026-03-01-ferry"}, "published_at", DAY),
        ({"address": "https://quay.example/2026/13/41/ferry"}, "published_at", None),
        ({"address": "https://quay.example/20260301"}, "published_at", None),
        # English of other letters is not believed.
        ({"language": "en"}, "language", "en"),
        ({"language": "en-US", "text": RUSSIAN}, "language", None),
        ({"language": "en-US", "text": CHINESE}, "language", None),
        ({"language": "tg", "text": TAJIK}, "language", "tg"),
        ({"language": "English"}, "language", "English"),
        ({"language": "not a language"}, "language", None),
        # What is too long for an article is cut.
        *(({one: LONG}, one, LONG[:2_000]) for one in ("title", "summary")),
        ({"section": LONG}, "section", LONG[:300]),
        *(({one: (LONG,)}, one, [LONG[:300]]) for one in ("tags", "authors")),
    ],
)
def test_fields_of_a_page_are_taken_one_by_one(
    fields: dict[str, object], name: str, expected: object
) -> None:
    assert article_of(a_page(**fields)).to_document().get(name) == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"text": ""}, "has no main text"),
        ({"text": "Short.", "is_story": False}, "has no main text"),
        ({"moves": True, "text": ""}, "only sends its reader on to another one"),
        ({"address": "https://quay.example/"}, "front page or a list of articles"),
        ({"address": "https://quay.example"}, "front page or a list of articles"),
        ({"is_list": True}, "front page or a list of articles"),
        ({"linked": 0.6, "is_story": False}, "front page or a list of articles"),
    ],
)
def test_a_page_that_is_no_article_is_refused(given: dict[str, object], reason: str) -> None:
    refused = page_article(a_page(**given), name="x")
    assert isinstance(refused, InvalidArticle)
    assert reason in str(refused)


@pytest.mark.parametrize(
    "given",
    [
        {"text": "Short."},
        {"linked": 0.9},
        {"moves": True},
        {"address": "https://quay.example/?p=1"},
    ],
)
def test_a_page_that_declares_an_article_is_accepted(given: dict[str, object]) -> None:
    assert isinstance(page_article(a_page(**given)), Article)


def test_hosts_are_the_same_with_www_and_without() -> None:
    hosts = [host_of(one) for one in ("https://WWW.Quay.example:8443/a", "http://quay.example")]
    assert hosts == ["quay.example"] * 2
    assert [host_of(one) for one in ("", "a/b", "http://[", "mailto:a@b")] == [""] * 4


# Files.


def pull(path: Path, body: str | bytes) -> list[Record]:
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return records(PageFile(path).pull(None, silent))


def test_a_file_is_one_article(tmp_path: Path) -> None:
    path = tmp_path / "ferry.html"
    found = pull(path, HTML.format("<link rel=canonical href='https://quay.example/ferry'>"))
    assert [one.place for one in found] == [f"{path}:1"]
    assert ids(found) == ["page:https~3A~2F~2Fquay.example~2Fferry"]
    assert only_article(found).body.endswith("who has seen many ferries.")
    assert PageFile(path).name == str(path)


def test_a_file_that_is_no_article_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "moved.html"
    moved = "<html>\n<head>\n<meta http-equiv='Refresh' content='0; url=/b'>\n</head>"
    (refusal,) = refusals(pull(path, moved))
    assert re.match(f"{path}:3: .*only sends its reader on", refusal)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<?xml version='1.0'?><rss version='2.0'><channel/></rss>", "no web page but feed"),
        (b'{"id": "a", "title": "b"}', "no web page but jsonl"),
        (b"<html>" + b"<div>" * 300, "cannot be read: nested deeper than 255 elements"),
    ],
)
def test_a_document_that_is_no_page_is_refused(tmp_path: Path, body: bytes, reason: str) -> None:
    path = tmp_path / "page.html"
    with pytest.raises(BadSource, match=f"^{path}:1: .*{reason}"):
        pull(path, body)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match=r"none\.html: cannot be read"):
        list(PageFile(tmp_path / "none.html").pull(None, silent))


# Bytes.


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("Паром".encode(), "", "Паром"),
        ("Паром".encode("cp1251"), "text/html; charset=windows-1251", "Паром"),
        (b"<meta charset='cp1251'>" + "Паром".encode("cp1251"), "", "<meta charset='cp1251'>Паром"),
        (
            b"<meta http-equiv=Content-Type content='text/html; charset=gb2312'>"
            + "朱镕基".encode("gb18030"),
            "",
            "<meta http-equiv=Content-Type content='text/html; charset=gb2312'>朱镕基",
        ),
        ("“Quay”".encode("cp1252"), "text/html; charset=ISO-8859-1", "“Quay”"),
        ("“Quay”".encode("cp1252"), "", "“Quay”"),
        (codecs.BOM_UTF8 + "é".encode(), "text/html; charset=latin1", "é"),
        (codecs.BOM_UTF16_BE + "é".encode("utf-16-be"), "", "é"),
        ("é".encode(), "text/html; charset=klingon", "é"),
        ("é".encode(), "text/html; charset=zlib", "é"),
        ("é".encode(), "text/html; charset=unicode_escape", "é"),
        (b"a" * 200_000 + b"-a", "charset=punycode", "a" * 200_000 + "-a"),  # it would take long
        (b"a\xffb", "text/html; charset=utf-8", "a\ufffdb"),
        (b"", "", ""),
    ],
)  # fmt: skip
def test_bytes_are_read_in_the_encoding_that_is_named(
    body: bytes, content_type: str, text: str
) -> None:
    assert decode_page(body, content_type) == text


@given(st.binary(max_size=200), st.text(max_size=30))
def test_any_bytes_are_read(body: bytes, charset: str) -> None:
    assert isinstance(decode_page(body, f"text/html; charset={charset}"), str)
