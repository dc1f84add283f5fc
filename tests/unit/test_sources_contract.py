"""The contract of every source, run on each of them.

A source joins by a function in STAGES: it sets up three stories and one bad record behind the
first, and says what is to be found there.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from recommender.errors import BadSource
from recommender.id_grammar import check_id
from recommender.progress import silent
from recommender.sources import CheckpointJson, Mark, Pulled, Source
from recommender.sources.article_ids import foreign_id
from recommender.sources.fetching import Fetcher, FetchLimits
from recommender.sources.registry import open_source
from recommender.sources.sitemaps import Sitemap
from recommender.sources.wordpress import WordPress
from tests.support.fake_wordpress import DirectFetcher, FakeWordPress, fake_post
from tests.support.inline_readers import InlinePageReader, read_feeds_inline
from tests.support.properties import examples
from tests.support.pulled import articles, gone_ids, ids, last_cursor, records, refusals
from tests.support.websites import HOST, Site, open_site


@dataclass(frozen=True)
class Story:
    """One story as a source gives it; a bad one has no words at all."""

    key: str
    title: str
    text: str = "Some words."


FIRST = Story("one", "The harbour opens")
BAD = Story("bad", "", "")
SECOND = Story("two", "The bridge closes")
THIRD = Story("three", "The ferry & the fog")
STORIES = (FIRST, BAD, SECOND, THIRD)
CHANGED = replace(SECOND, title="The bridge opens again")


@dataclass(frozen=True)
class Stage:
    """A source that is set up.

    Attributes:
        source: with STORIES in it.
        ids: of the good stories, in the order in which they come.
        change: puts other stories into the source.
        asked: how many requests went out so far.
        most_asked: at a pull that finds nothing new.
        reports_gone: whether a story that is not there any more is reported as gone.
        fault: what is wrong with the bad record.
        within: what its place begins with, if that is not the source's name.
    """

    source: Source
    ids: tuple[str, ...]
    change: Callable[[Sequence[Story]], object]
    asked: Callable[[], int]
    most_asked: int = 1
    reports_gone: bool = False
    fault: str = "a title or a body is required"
    within: str = ""


# --- documents: on disk, and at an address ---


def as_jsonl(stories: Sequence[Story]) -> bytes:
    lines = ({"id": one.key, "title": one.title, "body": one.text} for one in stories)
    return "\n".join(map(json.dumps, lines)).encode()


def as_wxr(stories: Sequence[Story]) -> bytes:
    items = "\n".join(
        f"<item><title>{escape(one.title)}</title><wp:post_id>{number}</wp:post_id>"
        f"<wp:post_type>post</wp:post_type><wp:status>publish</wp:status>"
        f"<content:encoded><![CDATA[{one.text}]]></content:encoded></item>"
        for one in stories
        for number in [{"one": 1, "two": 2, "three": 3}.get(one.key, 4)]
    )
    return (
        '<?xml version="1.0"?>\n<rss xmlns:wp="http://wordpress.org/export/1.2/"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>'
        f"<wp:base_blog_url>https://news.example/tj</wp:base_blog_url>\n{items}\n</channel></rss>"
    ).encode()


def as_rss(stories: Sequence[Story]) -> bytes:
    items = "\n".join(
        f'<item><guid isPermaLink="false">urn:test:{one.key}</guid>'
        f"<title>{escape(one.title)}</title><description>{one.text}</description></item>"
        for one in stories
    )
    return f'<rss version="2.0"><channel><title>News</title>\n{items}</channel></rss>'.encode()


def as_atom(stories: Sequence[Story]) -> bytes:
    entries = "\n".join(
        f"<entry><id>urn:test:{one.key}</id><title>{escape(one.title)}</title>"
        f"<content>{one.text}</content></entry>"
        for one in stories
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom">\n{entries}</feed>'.encode()


def as_json_feed(stories: Sequence[Story]) -> bytes:
    items = [
        {"id": f"urn:test:{one.key}", "title": one.title, "content_text": one.text}
        for one in stories
    ]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()


def as_ninjs(stories: Sequence[Story]) -> bytes:
    return json.dumps(
        [{"uri": one.key, "headline": one.title, "body_text": one.text} for one in stories]
    ).encode()


def as_csv(stories: Sequence[Story]) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("id", "Headline", "Text"))
    rows.writerows((one.key, one.title, one.text) for one in stories)
    return text.getvalue().encode()


FEED_IDS = tuple(f"feed:urn~3Atest~3A{key}" for key in ("one", "two", "three"))
DOCUMENTS: dict[str, tuple[Callable[[Sequence[Story]], bytes], tuple[str, ...]]] = {
    "jsonl": (as_jsonl, ("one", "two", "three")),
    "wxr": (as_wxr, tuple(f"wp:news.example~2Ftj:{number}" for number in (1, 2, 3))),
    "rss": (as_rss, FEED_IDS),
    "atom": (as_atom, FEED_IDS),
    "json feed": (as_json_feed, FEED_IDS),
    "ninjs": (as_ninjs, ("ninjs:one", "ninjs:two", "ninjs:three")),
    "csv": (as_csv, ("one", "two", "three")),
}


def stage_file(kind: str, _site: Site, fetcher: Fetcher, folder: Path) -> Stage:
    write, ids = DOCUMENTS[kind]
    path = folder / "document"

    def change(stories: Sequence[Story]) -> None:
        path.write_bytes(write(stories))

    change(STORIES)
    return Stage(open_source(str(path), "auto", fetcher), ids, change, lambda: fetcher.requests, 0)


def stage_address(kind: str, site: Site, fetcher: Fetcher, _folder: Path, *, tagged: bool) -> Stage:
    write, ids = DOCUMENTS[kind]

    def change(stories: Sequence[Story]) -> None:
        body = write(stories)
        if tagged:
            site.serve_tagged("/document", body, f'"{hash(body)}"')
        else:
            site.answers.clear()
            site.serve("/document", body)

    change(STORIES)
    source = open_source(f"{site.url}/document", "auto", fetcher)
    return Stage(source, ids, change, lambda: fetcher.requests)


# --- a WordPress, whose newest post comes first ---

NUMBERS = {"one": 4, "bad": 3, "two": 2, "three": 1}


def stage_wordpress(_site: Site, _fetcher: Fetcher, _folder: Path) -> Stage:
    blog = FakeWordPress([])
    fetcher = DirectFetcher(blog)

    def change(stories: Sequence[Story]) -> None:
        blog.now += timedelta(hours=1)
        before = {post["id"]: post["modified_gmt"] for post in blog.posts}
        blog.posts = [
            fake_post(
                number,
                title={"rendered": escape(one.title)},
                content={"rendered": one.text},
                modified_gmt=f"{blog.now - timedelta(minutes=5):%Y-%m-%dT%H:%M:%S}"
                if one is CHANGED
                else before.get(number, "2026-08-02T00:00:00"),
            )
            for one in stories
            for number in [NUMBERS[one.key]]
        ]

    change(STORIES)
    ids = tuple(f"wp:blog.example~3A8080:{NUMBERS[key]}" for key in ("one", "two", "three"))
    source = WordPress(blog.base, fetcher)
    # The front page, the index, a page of ids, and one of each of three kinds of names.
    return Stage(source, ids, change, lambda: fetcher.requests, most_asked=6, reports_gone=True)


# --- a site, by its sitemap ---


def as_page(story: Story) -> bytes:
    kind = '<meta property="og:type" content="article">' if story.text else ""
    return (
        f"<html><head><title>{escape(story.title)}</title>{kind}</head><body><article>"
        f"<h1>{escape(story.title)}</h1><p>{story.text * 20}</p></article></body></html>"
    ).encode()


def stage_sitemap(site: Site, fetcher: Fetcher, _folder: Path, *, timed: bool) -> Stage:
    seconds: dict[bytes, int] = {}  # of each page: a hash would give two pages one time at times

    def entry(story: Story) -> str:
        page = as_page(story)
        second = seconds.setdefault(page, len(seconds))
        address = site.serve_tagged(f"/{story.key}", page, f'"{hash(page)}"')
        time = f"<lastmod>2026-03-01T09:00:{second:02}Z</lastmod>" if timed else ""
        return f"<url><loc>{address}</loc>{time}</url>"

    def change(stories: Sequence[Story]) -> None:
        site.answers.clear()
        body = f"<urlset>{''.join(map(entry, stories))}<!-- {hash(stories)} --></urlset>".encode()
        site.serve_tagged("/sitemap.xml", body, f'"{hash(body)}"')

    change(STORIES)
    return Stage(
        Sitemap(f"{site.url}/sitemap.xml", fetcher, InlinePageReader),
        tuple(foreign_id("page", f"{site.url}/{one}") for one in ("one", "two", "three")),
        change,
        lambda: fetcher.requests,
        reports_gone=True,
        fault="no main text",
        within=site.url,
    )


MakeStage = Callable[[Site, Fetcher, Path], Stage]

STAGES: dict[str, MakeStage] = {
    **{f"{kind} file": partial(stage_file, kind) for kind in DOCUMENTS},
    **{f"{kind} with a tag": partial(stage_address, kind, tagged=True) for kind in DOCUMENTS},
    **{
        f"{kind} without one": partial(stage_address, kind, tagged=False) for kind in ("rss", "wxr")
    },
    "sitemap with times": partial(stage_sitemap, timed=True),
    "sitemap without times": partial(stage_sitemap, timed=False),
    "wordpress": stage_wordpress,
}


@pytest.fixture(autouse=True)
def _feeds_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    read_feeds_inline(monkeypatch)


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    limits = FetchLimits(seconds=10, retries=0)
    with Fetcher(private_hosts=frozenset({HOST}), limits=limits) as opened:
        yield opened


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest, fetcher: Fetcher, tmp_path: Path) -> Iterator[Stage]:
    with open_site() as site:
        yield STAGES[request.param](site, fetcher, tmp_path)


def pull(stage: Stage, cursor: CheckpointJson | None = None) -> list[Pulled]:
    return list(stage.source.pull(cursor, silent))


def test_records_come_in_order_and_under_ids_of_the_grammar(stage: Stage) -> None:
    pulled = pull(stage)
    assert ids(pulled) == list(stage.ids)
    assert [check_id(one) for one in ids(pulled)] == list(stage.ids)
    titles = [FIRST.title, SECOND.title, THIRD.title]
    assert [article.title for article in articles(pulled)] == titles


def test_a_second_reading_gives_the_same(stage: Stage) -> None:
    first, again = pull(stage), pull(stage)
    assert articles(again) == articles(first)
    assert [one.place for one in records(again)] == [one.place for one in records(first)]


def test_a_bad_record_has_a_place_and_a_reason_and_stops_nothing(stage: Stage) -> None:
    (refusal,) = refusals(pull(stage))
    place = re.escape(stage.within or stage.source.name)
    assert re.match(rf"{place}[:/ ].+: .*{stage.fault}", refusal)


def test_a_checkpoint_never_comes_before_the_records_it_covers(stage: Stage) -> None:
    pulled = pull(stage)
    for at, one in enumerate(pulled):
        if isinstance(one, Mark):
            seen = ids(pulled[:at]) + ids(pull(stage, one.checkpoint))
            assert set(seen) == set(stage.ids)


def test_a_second_pull_finds_nothing_new_and_asks_little(stage: Stage) -> None:
    cursor = last_cursor(pull(stage))
    before = stage.asked()
    again = pull(stage, cursor)
    assert stage.asked() - before <= stage.most_asked
    assert records(again) == [] or cursor is None


def test_only_changed_articles_are_found(stage: Stage) -> None:
    cursor = last_cursor(pull(stage))
    stage.change((FIRST, CHANGED, THIRD))
    again = articles(pull(stage, cursor))
    assert CHANGED.title in [article.title for article in again]
    assert [article.id for article in again] == [stage.ids[1]] or cursor is None


def test_new_articles_are_found(stage: Stage) -> None:
    stage.change((FIRST, THIRD))
    first = pull(stage)
    stage.change((FIRST, SECOND, THIRD))
    assert stage.ids[1] in ids(pull(stage, last_cursor(first)))


def test_an_absent_article_is_deleted_only_if_the_source_can_know_it(stage: Stage) -> None:
    first = pull(stage)
    stage.change((FIRST, THIRD))
    again = pull(stage, last_cursor(first))
    assert gone_ids(again) == ([stage.ids[1]] if stage.reports_gone else [])


# --- hostile documents ---

ENTITIES = b"".join(b"<!ENTITY l%d '%s'>" % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
BOMB = b"<!DOCTYPE rss [<!ENTITY l0 'aaaaaaaaaa'>" + ENTITIES + b"]>"
SECRET = b"<!DOCTYPE rss [<!ENTITY f SYSTEM 'file://SECRET-FILE'>]>"
WXR = b"<rss xmlns:wp='http://wordpress.org/export/1.2/'><channel><link>http://a.example</link>"


def in_feed(inner: bytes) -> bytes:
    """A feed with an item."""
    return b"<rss version='2.0'><channel><item>" + inner + b"<guid>1</guid></item></channel></rss>"


def in_json_feed(items: bytes) -> bytes:
    return b'{"version": "https://jsonfeed.org/version/1.1", "items": ' + items + b"}"


def in_export(inner: bytes) -> bytes:
    """An export with a post."""
    post = b"<item><wp:post_id>1</wp:post_id>" + inner + b"</item>"
    return WXR + post + b"</channel></rss>"


def in_body(stored: bytes) -> bytes:
    """An export with a post of this body."""
    return in_export(b"<content:encoded><![CDATA[" + stored + b"]]></content:encoded>")


HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n\t \n",
    "a byte-order mark": b"\xef\xbb\xbf",
    "half a byte-order mark": b"\xff\xfe\x00",
    "no text": bytes(range(256)),
    "an entity bomb in a feed": BOMB + in_feed(b"<title>&l9;</title>"),
    "an entity bomb in an export": BOMB + in_export(b"<title>&l9;</title>"),
    "an entity bomb in an attribute": BOMB + in_export(b"<category domain='&l9;'>x</category>"),
    "an external entity": SECRET + in_feed(b"<title>&f;</title>"),
    "an external entity in an export": SECRET + in_export(b"<title>&f;</title>"),
    "an external subset": b"<!DOCTYPE rss SYSTEM 'http://127.0.0.1:9/x.dtd'>" + WXR,
    "deep elements": b"<rss version='2.0'><channel>" + b"<item>" * 4_000,
    "deep elements in an export": WXR + b"<item>" + b"<a>" * 4_000,
    "deep JSON": b"[" * 100_000,
    "deep JSON in a feed": in_json_feed(b'{"a":' * 100_000),
    "deep JSON in ninjs": b'{"uri": "a", "subject": ' + b"[" * 100_000,
    "huge numbers": b'{"uri": "a", "headline": "x", "version": ' + b"9" * 5_000 + b"}",
    "a huge number for an id": in_json_feed(b'[{"title": "x", "id": ' + b"9" * 5_000 + b"}]"),
    "a huge number for a status": b'{"uri": "a", "headline": "x", "pubstatus": '
    + b"9" * 5_000
    + b"}",
    "a huge number for a uri": b'{"uri": ' + b"9" * 10_000 + b', "headline": "x"}',
    "NaN": b'{"uri": "a", "headline": NaN}',
    "half a surrogate pair": b'{"uri": "a", "headline": "\\ud800"}',
    "wrong types": b'[{"uri": 1}, {"uri": "a", "headline": {"a": []}, "subject": 3, "version": {},'
    b' "renditions": {"a": 1, "b": null}, "bylines": [[], 1]}, null, 1, "x", []]',
    "wrong types in a feed": in_json_feed(
        b'[null, 1, [], {}, {"id": []}, {"id": true, "content_html": []},'
        b' {"id": 1, "authors": 1, "tags": "x", "url": {}, "title": 1}],'
        b' "authors": [1], "language": 7'
    ),
    "bad UTF-8 in an export": in_export(b"<title>\xff\xfe\x80</title>"),
    "bad UTF-8 in a feed": in_feed(b"<title>\xff\x80</title>"),
    "bad UTF-8 in lines": b'{"id": "a", "title": "\xff"}',
    "controls in an export": in_export(b"<title>a\x00\x08&#0;&#x1b;</title>"),
    "an unknown encoding": b"<?xml version='1.0' encoding='klingon'?>" + WXR,
    "open tags": b"<rss version='2.0'><channel><item><title>" + b"<a <" * 8_000,
    "open shortcodes": in_body(b"[a " * 30_000),
    "open comments": in_body(b"<!-- " * 30_000),
    "blanks in a body": in_body(b"a" + b" " * 300_000 + b"b"),
    "blank lines": in_body(b"a" + b" \n\t " * 30_000 + b"b"),
    "blanks in a doctype": b"<!DOCTYPE html" + b" " * 300_000,
    "many roots": WXR + b"<rss " * 10_000,
    "a doctype without an end": b"<!DOCTYPE " * 10_000,
    "comments without an end": b"<?xml version='1.0'?>" + b"<!-- x -->" * 5_000 + b"<!--",
    "a date of no calendar": in_feed(
        b"<title>t</title><pubDate>Thu, 99 Xyz 99999 99:99:99 +9999</pubDate>"
    ),
    "an open quotation mark": b'id,title\na,"' + b"x,y\n" * 20_000,
    "many columns": b"id,title" + b",x" * 50_000 + b"\na,b",
    "many quotation marks": b"id,title\n" + b'"' * 100_001,
    "an endless line": b"id,title\na," + b"x" * (17 * 2**20),
    "half of UTF-16": b"\xff\xfei\x00d\x00,\x00t\x00",
    "addresses of no kind": in_feed(
        b"<title>t</title><link>http://[</link><enclosure url='javascript:x' type='image/png'/>"
    ),
}
READ_AS = ("auto", "jsonl", "wxr", "feed", "ninjs", "wordpress", "csv")


def outcome(path: Path, format_: str, fetcher: Fetcher) -> list[Pulled] | str:
    """The result of pulling a file, or the reason of its refusal."""
    try:
        return list(open_source(str(path), format_, fetcher).pull(None, silent))
    except BadSource as refusal:
        return str(refusal)


@pytest.mark.long
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_document_is_refused_or_its_records_are(
    tmp_path: Path, fetcher: Fetcher, hostile: str
) -> None:
    path, secret = tmp_path / "document", tmp_path / "secret"
    secret.write_text("launch-code")
    path.write_bytes(HOSTILE[hostile].replace(b"SECRET-FILE", bytes(secret)))
    for format_ in READ_AS:
        found = outcome(path, format_, fetcher)
        if isinstance(found, str):
            assert re.fullmatch(rf"{path}.*", found)  # in one line
        else:
            assert [one for one in articles(found) if "launch-code" in one.to_json()] == []


WELL = st.sampled_from([write(STORIES) for write, _ in DOCUMENTS.values()])


@pytest.mark.long
@given(document=WELL, at=st.integers(0, 900), cut=st.integers(0, 40), put=st.binary(max_size=12))
@examples(150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_document_is_refused_or_its_records_are(
    tmp_path: Path, fetcher: Fetcher, document: bytes, at: int, cut: int, put: bytes
) -> None:
    path = tmp_path / "document"
    path.write_bytes(document[:at] + put + document[at + cut :])
    for format_ in ("auto", "feed"):
        found = outcome(path, format_, fetcher)
        for article in articles([] if isinstance(found, str) else found):
            assert check_id(article.id) == article.id
