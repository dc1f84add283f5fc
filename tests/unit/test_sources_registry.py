"""The format of a document is detected from its content; which paths and addresses are opened."""

import codecs
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from recommender.errors import BadSource
from recommender.progress import silent
from recommender.sources import CheckpointJson, Pulled, Source
from recommender.sources.fetching import Fetcher, FetchLimits
from recommender.sources.format_detection import detect_format
from recommender.sources.registry import FORMATS, is_address, open_source
from tests.support.pulled import last_cursor, records
from tests.support.websites import HOST, Site, open_site

LINKED = b"<html><head><link rel='https://api.w.org/' href='/api/'></head><body>x</body></html>"
RSS = b"<rss version='2.0'><channel><item><guid>1</guid><title>T</title></item></channel></rss>"
PAGE = b"<!DOCTYPE html><html><head><title>T</title></head><body><p>x</p></body></html>"


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    limits = FetchLimits(seconds=10, retries=0)
    with Fetcher(private_hosts=frozenset({HOST}), limits=limits) as opened:
        yield opened


@pytest.fixture
def site() -> Iterator[Site]:
    with open_site() as opened:
        yield opened


@pytest.mark.parametrize(
    ("head", "format_"),
    [
        (b"", "jsonl"),
        (b"anything", "jsonl"),
        (b'{"id": "a", "title": "T"}\n{"id": ', "jsonl"),
        (b'{"id": "a", "body": "\\"uri\\": 1, \\"_links\\": 2"}', "jsonl"),
        (b'{"version": "https://jsonfeed.org/version/1", "items": []}', "feed"),
        (b'{\n "version": "1.1",\n "feed_url": "x"', "feed"),
        (b'{"uri": "urn:1", "versioncreated": "2026"}', "ninjs"),
        (b'[{"uri": "urn:1", "headline": "T"}]', "ninjs"),
        (b'[{"id": 1, "date_gmt": "2026", "title": {"rendered": "T"}}]', "wordpress"),
        (b"<rss version='2.0'>", "feed"),
        (b"\xef\xbb\xbf \n<?xml version='1.0'?><!-- <html> --><rss>", "feed"),
        (codecs.BOM_UTF16_LE + "<rss>".encode("utf-16-le"), "feed"),
        (b"<?xml version='1.0'?><!DOCTYPE rss [<!ENTITY a 'b'>]><rss>", "feed"),
        (b"<feed xmlns='http://www.w3.org/2005/Atom'>", "feed"),
        (b"<rdf:RDF xmlns:rdf='x'>", "feed"),
        (b"<rss xmlns:wp='http://wordpress.org/export/1.2/'>", "wxr"),
        (b"<rss><channel><wp:wxr_version>", "wxr"),
        (b"<?xml version='1.0'?><urlset xmlns='x'>", "sitemap"),
        (b"<sitemapindex>", "sitemap"),
        (b"<?xml version='1.0'?><newsItem>", "xml"),
        (PAGE, "page"),
        (b"<?xml version='1.0'?><!DOCTYPE html><html><body><rss-like>", "page"),
        (b"<html><body><feed xmlns='http://www.w3.org/2005/Atom'>", "feed"),
        (b"<p>A piece of a page</p>", "page"),
        (b"<", "page"),
        (b"\x1f\x8b\x08", "gzip"),
    ],
)
def test_a_format_is_detected_by_the_content(head: bytes, format_: str) -> None:
    assert detect_format(head) == format_


def test_an_address_is_on_the_web() -> None:
    places = ("http://a", "HTTPS://a", "file:///a", "a.xml", "/a")
    assert [place for place in places if is_address(place)] == ["http://a", "HTTPS://a"]


def test_every_format_that_is_named_is_known(tmp_path: Path, fetcher: Fetcher) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    for format_ in FORMATS:
        try:
            assert open_source(str(path), format_, fetcher).name == str(path)
        except BadSource as refusal:
            assert str(refusal).startswith(f"{path}:1: ")  # noqa: PT017 - some are of addresses


def test_a_pipe_is_no_source(tmp_path: Path, fetcher: Fetcher) -> None:
    """The bytes read to detect its format would be lost; it is not even opened."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    for format_ in ("auto", "jsonl"):
        with pytest.raises(BadSource, match=rf"^{path}: is a pipe or a device.* into a file"):
            open_source(str(path), format_, fetcher)


def pull(source: Source, cursor: CheckpointJson | None = None) -> list[Pulled]:
    return list(source.pull(cursor, silent))


def test_an_empty_file_is_a_source_only_if_its_format_is_given(
    tmp_path: Path, fetcher: Fetcher
) -> None:
    (tmp_path / "a").write_bytes(b"")
    assert pull(open_source(str(tmp_path / "a"), "jsonl", fetcher)) == []


def test_an_empty_answer_is_no_source(site: Site, fetcher: Fetcher) -> None:
    with pytest.raises(BadSource, match=rf"^{site.url}/feed: is empty"):
        pull(open_source(site.serve("/feed", b""), "auto", fetcher))


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (".", "is a folder"),
        ("missing", "cannot be read"),
        ("file:///etc/passwd", "cannot be read"),
        ("http://a:b@news.example/", "--user"),
    ],
)
@pytest.mark.parametrize("format_", ["auto", "jsonl", "feed", "wxr"])
def test_a_place_that_is_no_file_and_no_address_is_no_source(
    fetcher: Fetcher, format_: str, place: str, reason: str
) -> None:
    with pytest.raises(BadSource, match=reason):
        open_source(place, format_, fetcher)


def test_a_format_that_is_given_is_not_guessed(tmp_path: Path, fetcher: Fetcher) -> None:
    path = tmp_path / "a"
    path.write_bytes(RSS)
    with pytest.raises(BadSource, match="is no JSON"):
        pull(open_source(str(path), "ninjs", fetcher))


@pytest.mark.parametrize(
    "head",
    [b"", b"<?xml version='1.0'?><newsItem>", b"<?xml version='1.0'?><urlset>", b"\x1f\x8b\x08"],
)
def test_a_document_that_cannot_come_from_a_file_is_refused_with_the_remedy(
    tmp_path: Path, fetcher: Fetcher, head: bytes
) -> None:
    path = tmp_path / "a"
    path.write_bytes(head)
    with pytest.raises(BadSource, match=rf"^{path}:1: is (empty|XML|a sitemap|packed)"):
        open_source(str(path), "auto", fetcher)


def test_an_address_is_asked_once_to_find_out_and_read(site: Site, fetcher: Fetcher) -> None:
    found = pull(open_source(site.serve("/feed", RSS), "auto", fetcher))
    assert [one.place for one in records(found)] == [f"{site.url}/feed:1"]
    assert fetcher.requests == 1


DATE = "Sun, 01 Mar 2026 09:30:00 GMT"


@pytest.mark.parametrize(
    ("given", "sent_back"),
    [
        ({"ETag": '"7"'}, {"if-none-match": '"7"'}),
        ({"Last-Modified": DATE}, {"if-modified-since": DATE}),
    ],
)
def test_a_second_pull_knows_the_format_and_asks_only_for_changes(
    site: Site, fetcher: Fetcher, given: dict[str, str], sent_back: dict[str, str]
) -> None:
    source = open_source(site.serve("/feed", RSS, headers=given), "auto", fetcher)
    site.serve("/feed", status=304)
    assert pull(source, last_cursor(pull(source))) == []
    assert sent_back.items() <= site.asked[-1].headers.items()
    assert fetcher.requests == 2


def test_a_cursor_of_another_format_is_ignored(site: Site, fetcher: Fetcher) -> None:
    source = open_source(site.serve("/feed", RSS), "feed", fetcher)
    for cursor in ({"format": "ninjs", "at": {"whole": "x"}}, {"nonsense": 1}):
        assert len(records(pull(source, cursor))) == 1


def test_a_name_is_the_address_as_the_web_writes_it(fetcher: Fetcher) -> None:
    source = open_source("HTTP://Bücher.example:80/feed#top", "auto", fetcher)
    assert source.name == "http://xn--bcher-kva.example/feed"


@pytest.mark.parametrize(
    ("body", "headers", "asked_next"),
    [
        (LINKED, {}, True),
        (PAGE, {"Link": '</api/>; rel="https://api.w.org/"'}, True),
        (RSS, {"Link": '</api/>; rel="https://api.w.org/"'}, False),
    ],
)
def test_a_page_that_names_an_interface_of_wordpress_is_such_a_site(
    site: Site, fetcher: Fetcher, body: bytes, headers: dict[str, str], *, asked_next: bool
) -> None:
    source = open_source(site.serve("/", body, headers=headers), "auto", fetcher)
    with pytest.raises(BadSource) if asked_next else nullcontext():  # nothing is behind the link
        assert len(records(pull(source))) == 1
    assert ("/api/" in [one.path.partition("?")[0] for one in site.asked]) == asked_next
