"""A site by its sitemaps: the pages that are read, and the requests of a second pull."""

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import BadSource, InvalidArticle, SourceAway
from recommender.progress import silent
from recommender.sources import CheckpointJson, Pulled, sitemaps
from recommender.sources.fetching import Fetcher, FetchResponse
from recommender.sources.registry import open_source
from recommender.sources.sitemap_tree import (
    PageEntry,
    PageSeen,
    SitemapCheckpoint,
    SitemapEntry,
    SitemapFault,
    read_sitemap,
)
from recommender.sources.sitemaps import Sitemap
from tests.support.inline_readers import InlinePageReader
from tests.support.pulled import (
    articles,
    gone_ids,
    last_cursor,
    left_out,
    only_article,
    records,
    refusals,
)

SITE = "https://quay.example"
MAP, INDEX = f"{SITE}/sitemap.xml", f"{SITE}/index.xml"
SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
NEWS = 'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
TIME = "2026-03-01T09:00:00Z"
LATER = "2026-03-03T09:00:00Z"
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def a_page(name: str, head: str = "") -> bytes:
    """A web page with an article on it."""
    text = "".join(
        f"<p>Paragraph {number} of the story {name}, which is long enough to be one.</p>"
        for number in range(3)
    )
    return (
        f"<html><head><title>Story {name}</title><meta property='og:type' content='article'>{head}"
        f"</head><body><article><h1>Story {name}</h1>{text}</article></body></html>"
    ).encode()


def a_map(*pages: tuple[str, str]) -> bytes:
    """A sitemap of paths and times."""
    urls = "".join(
        f"<url><loc>{escape(SITE + path)}</loc>{a_time(lastmod)}</url>\n" for path, lastmod in pages
    )
    return f"<?xml version='1.0' encoding='UTF-8'?>\n<urlset {SPACE}>\n{urls}</urlset>".encode()


def a_time(lastmod: str) -> str:
    return f"<lastmod>{lastmod}</lastmod>" if lastmod else ""


def an_index(*maps: tuple[str, str]) -> bytes:
    inside = "".join(
        f"<sitemap><loc>{SITE}{path}</loc>{a_time(lastmod)}</sitemap>" for path, lastmod in maps
    )
    return f"<sitemapindex {SPACE}>{inside}</sitemapindex>".encode()


@dataclass
class FakeSite(Fetcher):
    """Answers by path without a socket; pages have tags if asked, and may redirect or fail."""

    files: dict[str, bytes]
    tagged: bool = False
    statuses: dict[str, int] = field(default_factory=dict)
    headers: dict[str, Mapping[str, str]] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        accept: frozenset[int] = frozenset({200}),
    ) -> FetchResponse:
        path = url.removeprefix(SITE)
        self.asked.append(path)
        body = self.files.get(path)
        status = self.statuses.get(path, 404 if body is None else 200)
        tag = f'"{hash(body)}"'
        if self.tagged and status == 200 and (headers or {}).get("If-None-Match") == tag:
            status = 304
        if status not in accept:
            kind = SourceAway if status >= 500 else BadSource
            raise kind(f"{url}: answers {status}")
        answered = {"content-type": "text/html; charset=utf-8"}
        answered |= {"etag": tag} if self.tagged else {}
        answered |= self.headers.get(path, {})
        here = self.moved.get(path, url)
        return FetchResponse(here, status, answered, body if status == 200 and body else b"")

    def edit_map(self, before: str, after: str) -> None:
        """Change what the sitemap says."""
        body = self.files["/sitemap.xml"]
        self.files["/sitemap.xml"] = body.replace(before.encode(), after.encode())


@dataclass(frozen=True)
class Pull:
    """What a pull gave, and the paths that were asked for."""

    given: Sequence[Pulled]
    asked: Sequence[str]

    @property
    def titles(self) -> list[str]:
        return [article.title for article in articles(self.given)]

    @property
    def cursor(self) -> CheckpointJson | None:
        return last_cursor(self.given)


def pull(site: FakeSite, cursor: CheckpointJson | None = None, address: str = MAP) -> Pull:
    before = len(site.asked)
    given = list(Sitemap(address, site, InlinePageReader).pull(cursor, silent))
    return Pull(given, site.asked[before:])


def pull_until_away(site: FakeSite) -> Pull:
    """What comes before the site counts as away."""
    given = list[Pulled]()
    with pytest.raises(SourceAway, match="5 pages failed one after the other"):
        given.extend(Sitemap(MAP, site, InlinePageReader).pull(None, silent))
    return Pull(given, ())


def page_id(path: str) -> str:
    return "page:https~3A~2F~2Fquay.example" + path.replace("/", "~2F")


@pytest.fixture
def site() -> FakeSite:
    return FakeSite(
        {
            "/sitemap.xml": a_map(("/a", TIME), ("/b", "2026-03-02T09:00:00Z")),
            "/a": a_page("a"),
            "/b": a_page("b"),
        }
    )


def divide(site: FakeSite, *lastmods: str) -> None:
    """Let an index name two sitemaps, each with a page, and these times of them."""
    site.files |= {
        "/index.xml": an_index(*zip(("/1.xml", "/2.xml"), lastmods, strict=True)),
        "/1.xml": a_map(("/a", TIME)),
        "/2.xml": a_map(("/b", TIME)),
    }


def test_a_second_pull_asks_for_what_changed_alone(site: FakeSite) -> None:
    cursor = pull(site).cursor
    again = pull(site, cursor)
    assert (again.asked, records(again.given)) == (["/sitemap.xml"], [])
    site.files |= {
        "/sitemap.xml": a_map(("/a", TIME), ("/b", LATER), ("/c", LATER)),
        "/b": a_page("b, corrected"),
        "/c": a_page("c"),
    }
    changed = pull(site, again.cursor)
    assert changed.asked == ["/sitemap.xml", "/b", "/c"]
    assert changed.titles == ["Story b, corrected", "Story c"]


@pytest.mark.parametrize("tagged", [True, False])
def test_pages_without_times_are_recognized_only_by_their_etags(
    site: FakeSite, *, tagged: bool
) -> None:
    site.tagged = tagged
    site.files["/sitemap.xml"] = a_map(("/a", ""), ("/b", ""))
    first = pull(site)
    assert pull(site, first.cursor).asked == ["/sitemap.xml"]
    site.files |= {
        "/sitemap.xml": a_map(("/a", ""), ("/b", ""), ("/c", "")),
        "/b": a_page("b, corrected"),
        "/c": a_page("c"),
    }
    again = pull(site, first.cursor)
    assert again.asked == ["/sitemap.xml", *(["/a", "/b"] if tagged else []), "/c"]
    assert again.titles == [*(["Story b, corrected"] if tagged else []), "Story c"]
    assert pull(site, again.cursor).asked == ["/sitemap.xml"]


def test_a_date_without_a_time_is_trusted_after_that_day(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitemaps, "_now", lambda: NOON)
    site.files["/sitemap.xml"] = a_map(("/a", "2026-11-30"), ("/b", "2026-11-27"))
    cursor = pull(site).cursor
    site.files["/sitemap.xml"] += b"<!-- made anew -->"
    assert pull(site, cursor).asked == ["/sitemap.xml", "/a"]


def test_an_index_is_followed_and_an_unchanged_sitemap_is_not_requested(
    site: FakeSite,
) -> None:
    divide(site, TIME, "")
    first = pull(site, address=INDEX)
    assert first.asked == ["/index.xml", "/1.xml", "/2.xml", "/a", "/b"]
    again = pull(site, first.cursor, INDEX)
    assert again.asked == ["/index.xml", "/2.xml"]
    assert records(pull(site, again.cursor, INDEX).given) == []


def test_indexes_in_loops_and_too_deep_end(site: FakeSite) -> None:
    site.files |= {
        "/index.xml": an_index(("/index.xml", ""), ("/1.xml", "")),
        **{f"/{n}.xml": an_index((f"/{n + 1}.xml", "")) for n in range(1, 9)},
    }
    deep = pull(site, address=INDEX)
    assert deep.asked == ["/index.xml", "/1.xml", "/2.xml", "/3.xml"]
    assert left_out(deep.given) == ["nested too deep"]


def test_a_sitemap_that_is_away_stops_nothing_and_its_pages_stay_known(site: FakeSite) -> None:
    divide(site, "", "")
    cursor = pull(site, address=INDEX).cursor
    site.statuses["/1.xml"] = 500
    away = pull(site, cursor, INDEX)
    (refusal,) = refusals(away.given)
    assert refusal.startswith(f"{SITE}/1.xml: ")
    assert "answers 500" in refusal
    assert len(records(away.given)) == 1
    site.statuses.clear()
    back = pull(site, away.cursor, INDEX)
    assert (records(back.given), back.asked) == ([], ["/index.xml", "/1.xml", "/2.xml"])


def test_a_sitemap_is_known_by_its_address_in_normal_form(site: FakeSite) -> None:
    assert open_source("https://QUAY.example:443/sitemap.xml", "auto", site).name == MAP


def test_the_first_sitemap_has_to_be_there(site: FakeSite) -> None:
    del site.files["/sitemap.xml"]
    with pytest.raises(BadSource, match="answers 404"):
        pull(site)
    site.files["/sitemap.xml"] = a_page("a")
    with pytest.raises(BadSource, match=rf"{MAP}: is no sitemap but page"):
        pull(site)


def test_a_page_that_no_longer_exists_is_gone(site: FakeSite) -> None:
    site.files["/sitemap.xml"] = a_map(*((f"/{one}", TIME) for one in "abc"))
    site.files["/c"] = a_page("c")
    cursor = pull(site).cursor
    site.files["/sitemap.xml"] = a_map(("/b", "2026-03-09T09:00:00Z"))
    site.statuses |= {"/a": 410, "/b": 404}
    again = pull(site, cursor)
    assert gone_ids(again.given) == [page_id("/b"), page_id("/a")]
    assert again.asked == ["/sitemap.xml", "/b", "/a", "/c"]
    once_more = pull(site, again.cursor)
    assert (once_more.asked, records(once_more.given)) == (["/sitemap.xml"], [])


def test_news_name_their_pages_for_two_days_and_say_more_of_them(site: FakeSite) -> None:
    def news(path: str) -> bytes:
        return (
            f"<urlset {SPACE} {NEWS}><url><loc>{SITE}{path}</loc><news:news><news:publication>"
            "<news:name>The Quay</news:name><news:language>tg</news:language></news:publication>"
            "<news:publication_date>2026-03-01T09:00:00+05:00</news:publication_date>"
            "<news:title>Ferry &amp; fog</news:title><news:keywords>ferry, fog</news:keywords>"
            "</news:news></url></urlset>"
        ).encode()

    site.files["/sitemap.xml"] = news("/a")
    first = pull(site)
    document = only_article(first.given).to_document()
    assert document["title"] == "Ferry & fog"
    assert document["published_at"] == "2026-03-01T04:00:00Z"
    assert (document["language"], document["tags"]) == ("tg", ["ferry", "fog"])
    site.files["/sitemap.xml"] = news("/b")
    del site.files["/a"]
    again = pull(site, first.cursor)
    assert (again.asked, gone_ids(again.given)) == (["/sitemap.xml", "/b"], [])


def test_a_packed_sitemap_and_a_list_of_addresses_are_read(site: FakeSite) -> None:
    site.files |= {
        "/sitemap.xml.gz": gzip.compress(site.files["/sitemap.xml"], mtime=0),
        "/sitemap.txt": f"\ufeff{SITE}/a\r\n\r\n {SITE}/b \r\n".encode(),
    }
    for address in (f"{SITE}/sitemap.xml.gz", f"{SITE}/sitemap.txt"):
        assert pull(site, address=address).titles == ["Story a", "Story b"]


def test_pages_that_are_no_articles_of_the_site_are_left_out_and_counted(site: FakeSite) -> None:
    site.files |= {
        "/sitemap.xml": a_map(
            *((f"/{one}", TIME) for one in ("a", "", "n", "x", "p", "m", "0", "c"))
        ).replace(
            b"</urlset>",
            b"<url><loc>https://other.example/a</loc></url><url><loc>ftp://quay.example/a</loc>"
            b"</url><url><loc> </loc></url></urlset>",
        ),
        "/": a_page("home"),
        "/n": a_page("n", "<meta name=robots content=noindex>"),
        "/x": a_page("x"),
        "/p": b"%PDF",
        "/m": a_page("m"),
        "/c": a_page("c", f"<link rel=canonical href='{SITE}/a'>"),
    }
    site.headers |= {"/x": {"x-robots-tag": "noindex"}, "/p": {"content-type": "application/pdf"}}
    site.moved["/m"] = "https://other.example/m"
    first = pull(site)
    assert first.titles == ["Story a"]
    assert left_out(first.given) == [
        *("of another host", "of another host", "list of articles", "noindex", "noindex"),
        *("no web page", "of another host", "not found", "copy"),
    ]
    assert pull(site, first.cursor).asked == ["/sitemap.xml"]


def test_a_page_or_an_edit_that_fails_is_reported_and_requested_again(site: FakeSite) -> None:
    site.statuses["/a"] = 500
    site.files["/b"] = b"<html><title>Nothing</title><body><p>x</p></body></html>"
    first = pull(site)
    failed, empty = refusals(first.given)
    assert re.match(f"{SITE}/a: .*answers 500", failed)
    assert re.match(f"{SITE}/b: .*no main text", empty)
    site.statuses.clear()
    second = pull(site, first.cursor)
    assert (second.asked, second.titles) == (["/sitemap.xml", "/a"], ["Story a"])
    assert pull(site, second.cursor).asked == ["/sitemap.xml"]
    site.edit_map("03-01", "03-05")
    site.files["/a"] = a_page("a, corrected")
    site.statuses["/a"] = 500
    third = pull(site, second.cursor)
    site.statuses.clear()
    fourth = pull(site, third.cursor)
    assert (fourth.asked, fourth.titles) == (["/sitemap.xml", "/a"], ["Story a, corrected"])


def test_a_sitemap_with_pages_that_failed_is_read_again_whatever_its_index_says(
    site: FakeSite,
) -> None:
    divide(site, TIME, "2026-03-01T09:00Z")
    site.statuses["/a"] = 403
    first = pull(site, address=INDEX)
    site.statuses.clear()
    second = pull(site, first.cursor, INDEX)
    assert (second.asked, second.titles) == (["/index.xml", "/1.xml", "/a"], ["Story a"])
    assert pull(site, second.cursor, INDEX).asked == ["/index.xml"]


def a_row_of(site: FakeSite, count: int) -> list[str]:
    """As many pages, named by the sitemap in their order."""
    names = [f"/{number}" for number in range(count)]
    site.files |= {name: a_page(name) for name in names}
    site.files["/sitemap.xml"] = a_map(*((name, TIME) for name in names))
    return names


def test_pages_that_are_refused_stop_nothing(site: FakeSite) -> None:
    names = a_row_of(site, 14)
    site.statuses |= dict.fromkeys(names[3:13], 403)
    first = pull(site)
    assert first.titles == [f"Story {name}" for name in [*names[:3], names[13]]]
    places = [one.place for one in records(first.given) if isinstance(one.content, InvalidArticle)]
    assert places == [SITE + name for name in names[3:13]]
    site.statuses.clear()
    assert pull(site, first.cursor).titles == [f"Story {name}" for name in names[3:13]]


def test_pages_that_always_fail_do_not_stop_the_others(site: FakeSite) -> None:
    names = a_row_of(site, 14)
    site.statuses |= dict.fromkeys(names[3:9], 500)
    stopped = pull_until_away(site)
    assert stopped.titles == [f"Story {name}" for name in names[:3]]
    site.statuses["/0"] = 404
    site.edit_map("/0<", "/13<")
    second = pull(site, stopped.cursor)
    assert second.asked == ["/sitemap.xml", "/13", *names[8:13], "/0", *names[3:8]]
    assert second.titles == [f"Story {name}" for name in [names[13], *names[9:13]]]
    assert gone_ids(second.given) == [page_id("/0")]
    third = pull(site, second.cursor)
    assert third.asked == ["/sitemap.xml", "/8", *names[3:7]]


def test_a_pull_retries_some_of_many_failed_pages_in_turn(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.sources.sitemaps._MOST_RETRIED", 2)
    site.statuses |= dict.fromkeys(a_row_of(site, 3), 403)
    cursor, asked = pull(site).cursor, list[str]()
    for _ in range(3):
        again = pull(site, cursor)
        cursor = again.cursor
        asked += again.asked[1:]
    assert asked == ["/0", "/1", "/2", "/0", "/1", "/2"]


NOINDEX = "<meta name=robots content=noindex>"
CHALLENGES = {
    "a notice": b"<html><title>Wait</title><body>Checking your browser</body></html>",
    "a notice out of lists": f"<html><head>{NOINDEX}</head><body>Checking</body></html>".encode(),
    "a list": f"<html><body>{'<a href=/x>One more story of the day</a> ' * 40}</body>".encode(),
}


@pytest.mark.parametrize("body", CHALLENGES.values(), ids=CHALLENGES)
def test_an_article_whose_page_turned_to_something_else_is_gone_when_the_page_is(
    site: FakeSite, body: bytes
) -> None:
    cursor = pull(site).cursor
    site.files["/a"] = body
    site.edit_map("03-01", "04-01")
    turned = pull(site, cursor)
    assert (turned.titles, gone_ids(turned.given)) == ([], [])
    site.statuses["/a"] = 404
    site.files["/sitemap.xml"] = a_map(("/b", "2026-03-02T09:00:00Z"))
    assert gone_ids(pull(site, turned.cursor).given) == [page_id("/a")]


def test_an_article_that_is_put_out_of_lists_is_gone_once(site: FakeSite) -> None:
    cursor = pull(site).cursor
    site.files["/a"] = a_page("a", NOINDEX)
    site.edit_map("03-01", "04-01")
    hidden = pull(site, cursor)
    assert (gone_ids(hidden.given), left_out(hidden.given)) == ([page_id("/a")], [])
    site.edit_map("04-01", "05-01")
    again = pull(site, hidden.cursor)
    assert (gone_ids(again.given), left_out(again.given)) == ([], ["noindex"])
    site.files["/a"] = a_page("a")
    site.edit_map("05-01", "06-01")
    assert pull(site, again.cursor).titles == ["Story a"]


def test_an_article_that_another_page_shows_is_not_gone_with_the_first(site: FakeSite) -> None:
    plain = SITE.replace("https", "http")
    page = a_page("a", f"<link rel=canonical href='{SITE}/a'>")
    site.files |= {f"{plain}/a": page, "/a": page}
    site.edit_map(f"{SITE}/a", f"{plain}/a")
    cursor = pull(site).cursor
    del site.files[f"{plain}/a"]
    site.edit_map(f"{plain}/a", f"{SITE}/a")
    again = pull(site, cursor)
    assert (again.titles, gone_ids(again.given)) == (["Story a"], [])


def test_a_site_that_is_away_ends_the_pull_and_nothing_is_lost(site: FakeSite) -> None:
    names = a_row_of(site, 60)
    site.statuses |= dict.fromkeys(names[30:], 503)
    stopped = pull_until_away(site)
    assert stopped.titles == [f"Story {name}" for name in names[:30]]
    site.statuses.clear()
    rest = pull(site, stopped.cursor)
    assert rest.titles == [f"Story {name}" for name in [*names[35:], *names[30:35]]]


def test_a_sitemap_that_breaks_off_is_read_up_to_there(site: FakeSite) -> None:
    site.edit_map(f"<loc>{SITE}/b", "<&")
    broken = pull(site)
    assert broken.titles == ["Story a"]
    assert refusals(broken.given)[0].startswith(f"{MAP}:4: ")


# What a sitemap names.


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"ferry\nfog", "its first line is no address"),
        (b"<html></html>", "is no sitemap but page"),
        (b"<rss version='2.0'></rss>", "is no sitemap but feed"),
        (b"\x1f\x8b broken", "."),
        (gzip.compress(b" " * 70_000_000, 1, mtime=0), "larger than"),
    ],
    ids=["nothing", "blank", "words", "page", "feed", "torn", "bomb"],
)
def test_a_document_that_is_no_sitemap_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(BadSource, match=reason):
        list(read_sitemap(body))


ADDRESSES = st.from_regex(r"https://quay\.example/[a-z&<>'\"]{0,12}", fullmatch=True)
TIMES = st.sampled_from(["", "2026-03-01", TIME])


@given(drawn=st.lists(st.tuples(ADDRESSES, TIMES), max_size=5), packed=st.booleans())
def test_a_sitemap_reads_back_as_written(drawn: list[tuple[str, str]], *, packed: bool) -> None:
    body = a_map(*((address.removeprefix(SITE), time) for address, time in drawn))
    named = list(read_sitemap(gzip.compress(body, mtime=0) if packed else body))
    assert named == [PageEntry(address, time) for address, time in drawn]
    maps = b"<sitemapindex><sitemap><loc>https://a.example</loc></sitemap></sitemapindex>"
    assert list(read_sitemap(maps)) == [SitemapEntry("https://a.example")]


@given(st.binary(max_size=200), st.integers(0, 300))
def test_a_damaged_sitemap_is_refused_or_read_in_part(junk: bytes, at: int) -> None:
    body = a_map(("/a", ""), ("/b", "2026-03-01"))
    try:
        found = list(read_sitemap(body[:at] + junk + body[at:]))
    except BadSource:
        return
    assert all(isinstance(one, (PageEntry, SitemapEntry, SitemapFault)) for one in found)


# What is remembered.

SEEN = st.builds(PageSeen, *[st.text(max_size=5)] * 7)


@given(
    st.dictionaries(st.text(max_size=5), SEEN, max_size=3),
    st.dictionaries(
        st.text(max_size=5), st.dictionaries(st.text(max_size=5), SEEN, max_size=3), max_size=3
    ),
)
def test_a_memory_passes_through_a_cursor(
    maps: dict[str, PageSeen], pages: dict[str, dict[str, PageSeen]]
) -> None:
    memory = SitemapCheckpoint(maps, pages)
    assert SitemapCheckpoint.of(json.loads(json.dumps(memory.to_json()))) == memory


@pytest.mark.parametrize("cursor", [None, {}, {"maps": [], "pages": 7}, {"pages": {"a": {"b": 1}}}])
def test_a_cursor_of_another_form_is_no_memory(cursor: CheckpointJson | None) -> None:
    assert set(SitemapCheckpoint.of(cursor).pages_by_address().values()) <= {PageSeen()}


@pytest.mark.parametrize(
    ("seen", "changed", "same"),
    [
        (PageSeen(TIME, day="2026-03-01"), TIME, True),
        (PageSeen(TIME, day="2026-03-01"), "2026-03-01T09:00:01Z", False),
        (PageSeen("2026-03-01", day="2026-03-01"), "2026-03-01", False),
        (PageSeen("2026-03-01", day="2026-03-02"), "2026-03-01", False),
        (PageSeen("2026-03-01", day="2026-03-03"), "2026-03-01", True),
        (PageSeen("2026", day="2026-03-03"), "2026", True),
        (PageSeen("", day="2026-03-03"), "", False),
    ],
)
def test_a_page_is_the_same_when_its_sitemap_says_so(
    seen: PageSeen, changed: str, *, same: bool
) -> None:
    assert seen.is_unchanged(changed) is same
