"""A site by its sitemaps: what is read of them, and what a second pull costs."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle, SourceAway
from recommender.progress import silent
from recommender.sources import Cursor, Gone, LeftOut, Mark, Pulled, Record
from recommender.sources.fetching import Fetcher, FetchResponse
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

SITE = "https://quay.example"
MAP = f"{SITE}/sitemap.xml"
SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
NEWS = 'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
TODAY = datetime.now(tz=UTC).date()


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
        document = {
            "content-type": "text/html; charset=utf-8",
            **({"etag": tag} if self.tagged else {}),
        }
        document |= self.headers.get(path, {})
        return FetchResponse(
            self.moved.get(path, url), status, document, body if status == 200 and body else b""
        )


@dataclass(frozen=True)
class Pull:
    given: Sequence[Pulled]
    asked: Sequence[str]

    @property
    def contents(self) -> list[object]:
        return [one.content for one in self.given if isinstance(one, Record)]

    @property
    def titles(self) -> list[str]:
        return [one.title for one in self.contents if isinstance(one, Article)]

    @property
    def gone(self) -> list[str]:
        return [one.id for one in self.contents if isinstance(one, Gone)]

    @property
    def faults(self) -> list[tuple[str, str]]:
        return [
            (one.place, str(one.content))
            for one in self.given
            if isinstance(one, Record) and isinstance(one.content, InvalidArticle)
        ]

    @property
    def left_out(self) -> list[str]:
        return [one.reason for one in self.given if isinstance(one, LeftOut)]

    @property
    def cursor(self) -> Cursor:
        marks = [one for one in self.given if isinstance(one, Mark)]
        cursor: Cursor = json.loads(json.dumps(marks[-1].cursor))
        return cursor


def pull(site: FakeSite, cursor: Cursor | None = None, address: str = MAP) -> Pull:
    before = len(site.asked)
    given = list(Sitemap(address, site, InlinePageReader).pull(cursor, silent))
    return Pull(given, site.asked[before:])


def page_id(path: str) -> str:
    return "page:https~3A~2F~2Fquay.example" + path.replace("/", "~2F")


@pytest.fixture
def site() -> FakeSite:
    return FakeSite(
        {
            "/sitemap.xml": a_map(("/a", "2026-03-01T09:00:00Z"), ("/b", "2026-03-02T09:00:00Z")),
            "/a": a_page("a"),
            "/b": a_page("b"),
        }
    )


def test_each_page_is_an_article(site: FakeSite) -> None:
    first = pull(site)
    assert first.titles == ["Story a", "Story b"]
    assert [one.id for one in first.contents if isinstance(one, Article)] == [
        page_id("/a"),
        page_id("/b"),
    ]
    assert first.asked == ["/sitemap.xml", "/a", "/b"]
    assert Sitemap(MAP, site).name == MAP


def test_a_second_pull_asks_for_what_changed_alone(site: FakeSite) -> None:
    cursor = pull(site).cursor
    again = pull(site, cursor)
    assert (again.asked, again.contents) == (["/sitemap.xml"], [])
    site.files |= {
        "/sitemap.xml": a_map(
            ("/a", "2026-03-01T09:00:00Z"),
            ("/b", "2026-03-03T09:00:00Z"),
            ("/c", "2026-03-03T09:00:00Z"),
        ),
        "/b": a_page("b, corrected"),
        "/c": a_page("c"),
    }
    changed = pull(site, again.cursor)
    assert changed.asked == ["/sitemap.xml", "/b", "/c"]
    assert changed.titles == ["Story b, corrected", "Story c"]


@pytest.mark.parametrize("tagged", [True, False])
def test_pages_without_times_are_known_by_their_tags_or_not_at_all(
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


def test_a_day_without_a_time_is_believed_when_it_is_over(site: FakeSite) -> None:
    old = (TODAY - timedelta(days=3)).isoformat()
    site.files["/sitemap.xml"] = a_map(("/a", TODAY.isoformat()), ("/b", old))
    cursor = pull(site).cursor
    site.files["/sitemap.xml"] += b"<!-- made anew -->"
    assert pull(site, cursor).asked == ["/sitemap.xml", "/a"]


def test_an_index_is_followed_and_a_sitemap_that_did_not_change_is_not_asked_for(
    site: FakeSite,
) -> None:
    site.files |= {
        "/index.xml": an_index(("/1.xml", "2026-03-01T09:00:00Z"), ("/2.xml", "")),
        "/1.xml": a_map(("/a", "2026-03-01T09:00:00Z")),
        "/2.xml": a_map(("/b", "2026-03-01T09:00:00Z")),
    }
    first = pull(site, address=f"{SITE}/index.xml")
    assert first.asked == ["/index.xml", "/1.xml", "/2.xml", "/a", "/b"]
    again = pull(site, first.cursor, f"{SITE}/index.xml")
    assert again.asked == ["/index.xml", "/2.xml"]
    assert pull(site, again.cursor, f"{SITE}/index.xml").contents == []


def test_indexes_in_circles_and_too_deep_come_to_an_end(site: FakeSite) -> None:
    site.files |= {
        "/index.xml": an_index(("/index.xml", ""), ("/1.xml", "")),
        **{f"/{n}.xml": an_index((f"/{n + 1}.xml", "")) for n in range(1, 9)},
    }
    deep = pull(site, address=f"{SITE}/index.xml")
    assert deep.asked == ["/index.xml", "/1.xml", "/2.xml", "/3.xml"]
    assert deep.left_out == ["nested too deep"]


def test_a_sitemap_that_is_away_stops_nothing_and_its_pages_stay_known(site: FakeSite) -> None:
    index = f"{SITE}/index.xml"
    site.files |= {
        "/index.xml": an_index(("/1.xml", ""), ("/2.xml", "")),
        "/1.xml": a_map(("/a", "")),
        "/2.xml": a_map(("/b", "")),
    }
    cursor = pull(site, address=index).cursor
    site.statuses["/1.xml"] = 500
    away = pull(site, cursor, index)
    assert away.faults[0][0] == f"{SITE}/1.xml"
    assert "answers 500" in away.faults[0][1]
    assert (away.gone, away.titles) == ([], [])
    site.statuses.clear()
    back = pull(site, away.cursor, index)
    assert (back.contents, back.asked) == ([], ["/index.xml", "/1.xml", "/2.xml"])


def test_the_first_sitemap_has_to_be_there(site: FakeSite) -> None:
    del site.files["/sitemap.xml"]
    with pytest.raises(BadSource, match="answers 404"):
        pull(site)
    site.files["/sitemap.xml"] = a_page("a")
    with pytest.raises(BadSource, match=rf"{MAP}: is no sitemap but page"):
        pull(site)


def test_what_is_not_there_any_more_is_gone(site: FakeSite) -> None:
    site.files["/sitemap.xml"] = a_map(*((f"/{one}", "2026-03-01T09:00:00Z") for one in "abc"))
    site.files["/c"] = a_page("c")
    cursor = pull(site).cursor
    site.files["/sitemap.xml"] = a_map(("/b", "2026-03-09T09:00:00Z"))
    site.statuses |= {"/a": 410, "/b": 404}
    again = pull(site, cursor)
    assert again.gone == [page_id("/b"), page_id("/a")]
    assert again.asked == ["/sitemap.xml", "/b", "/a", "/c"]
    once_more = pull(site, again.cursor)
    assert (once_more.asked, once_more.contents) == (["/sitemap.xml"], [])


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
    (article,) = (one for one in first.contents if isinstance(one, Article))
    document = article.model_dump(mode="json", exclude_defaults=True)
    assert document["title"] == "Ferry & fog"
    assert document["published_at"] == "2026-03-01T04:00:00Z"
    assert (document["language"], document["tags"]) == ("tg", ["ferry", "fog"])
    site.files["/sitemap.xml"] = news("/b")
    del site.files["/a"]
    again = pull(site, first.cursor)
    assert (again.asked, again.gone) == (["/sitemap.xml", "/b"], [])


def test_a_packed_sitemap_and_a_list_of_addresses_are_read(site: FakeSite) -> None:
    site.files |= {
        "/sitemap.xml.gz": gzip.compress(site.files["/sitemap.xml"], mtime=0),
        "/sitemap.txt": f"\ufeff{SITE}/a\r\n\r\n {SITE}/b \r\n".encode(),
    }
    for address in (f"{SITE}/sitemap.xml.gz", f"{SITE}/sitemap.txt"):
        assert pull(site, address=address).titles == ["Story a", "Story b"]


def test_what_is_no_article_of_the_site_is_left_out_and_counted(site: FakeSite) -> None:
    site.files |= {
        "/sitemap.xml": a_map(
            *(
                (f"/{one}", "2026-03-01T09:00:00Z")
                for one in ("a", "", "n", "x", "p", "m", "0", "c")
            )
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
    assert first.left_out == [
        *("of another host", "of another host", "list of articles", "noindex", "noindex"),
        *("no web page", "of another host", "not found", "copy"),
    ]
    assert pull(site, first.cursor).asked == ["/sitemap.xml"]


def test_a_page_that_fails_is_reported_and_asked_for_again(site: FakeSite) -> None:
    site.statuses["/a"] = 500
    site.files["/b"] = b"<html><title>Nothing</title><body><p>x</p></body></html>"
    first = pull(site)
    assert [place for place, _ in first.faults] == [f"{SITE}/a", f"{SITE}/b"]
    assert "answers 500" in first.faults[0][1]
    assert "no main text" in first.faults[1][1]
    site.statuses.clear()
    second = pull(site, first.cursor)
    assert (second.asked, second.titles) == (["/sitemap.xml", "/a"], ["Story a"])
    assert pull(site, second.cursor).asked == ["/sitemap.xml"]


def test_an_edit_that_fails_is_asked_for_again(site: FakeSite) -> None:
    cursor = pull(site).cursor
    site.files["/sitemap.xml"] = a_map(
        ("/a", "2026-03-01T09:00:00Z"), ("/b", "2026-03-05T09:00:00Z")
    )
    site.files["/b"] = a_page("b, corrected")
    site.statuses["/b"] = 500
    failed = pull(site, cursor)
    site.statuses.clear()
    again = pull(site, failed.cursor)
    assert (failed.titles, again.titles) == ([], ["Story b, corrected"])
    assert again.asked == ["/sitemap.xml", "/b"]


def test_a_sitemap_with_pages_that_failed_is_read_again_whatever_its_index_says(
    site: FakeSite,
) -> None:
    index = f"{SITE}/index.xml"
    site.files |= {
        "/index.xml": an_index(("/1.xml", "2026-03-01T09:00:00Z"), ("/2.xml", "2026-03-01T09:00Z")),
        "/1.xml": a_map(("/a", "2026-03-01T09:00:00Z")),
        "/2.xml": a_map(("/b", "2026-03-01T09:00:00Z")),
    }
    site.statuses["/a"] = 403
    first = pull(site, address=index)
    site.statuses.clear()
    second = pull(site, first.cursor, index)
    assert (second.asked, second.titles) == (["/index.xml", "/1.xml", "/a"], ["Story a"])
    assert pull(site, second.cursor, index).asked == ["/index.xml"]


def a_row_of(site: FakeSite, count: int) -> list[str]:
    """As many pages, named by the sitemap in their order."""
    names = [f"/{number}" for number in range(count)]
    site.files |= {name: a_page(name) for name in names}
    site.files["/sitemap.xml"] = a_map(*((name, "2026-03-01T09:00:00Z") for name in names))
    return names


def test_pages_that_are_refused_stop_nothing(site: FakeSite) -> None:
    names = a_row_of(site, 14)
    site.statuses |= dict.fromkeys(names[3:13], 403)
    first = pull(site)
    assert first.titles == [f"Story {name}" for name in [*names[:3], names[13]]]
    assert [place for place, _ in first.faults] == [SITE + name for name in names[3:13]]
    site.statuses.clear()
    assert pull(site, first.cursor).titles == [f"Story {name}" for name in names[3:13]]


def test_pages_that_always_fail_hold_nothing_up(site: FakeSite) -> None:
    names = a_row_of(site, 14)
    site.statuses |= dict.fromkeys(names[3:9], 500)
    stopped = Pull(
        list(until_it_fails(Sitemap(MAP, site, InlinePageReader).pull(None, silent))), ()
    )
    assert stopped.titles == [f"Story {name}" for name in names[:3]]
    site.statuses["/0"] = 404
    site.files["/sitemap.xml"] = site.files["/sitemap.xml"].replace(b"/0<", b"/13<")
    second = pull(site, stopped.cursor)
    assert second.asked == ["/sitemap.xml", "/13", *names[8:13], "/0", *names[3:8]]
    assert second.titles == [f"Story {name}" for name in [names[13], *names[9:13]]]
    assert second.gone == [page_id("/0")]
    third = pull(site, second.cursor)
    assert third.asked == ["/sitemap.xml", "/8", *names[3:7]]


def test_of_many_pages_that_failed_some_are_asked_for_in_turn(
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
    "a list": b"<html><body>"
    + b"<a href='/x'>One more story of the day</a> " * 40
    + b"</body></html>",
}


@pytest.mark.parametrize("body", CHALLENGES.values(), ids=CHALLENGES)
def test_an_article_whose_page_turned_to_something_else_is_gone_when_the_page_is(
    site: FakeSite, body: bytes
) -> None:
    cursor = pull(site).cursor
    site.files["/a"] = body
    site.files["/sitemap.xml"] = site.files["/sitemap.xml"].replace(b"03-01", b"04-01")
    turned = pull(site, cursor)
    assert (turned.titles, turned.gone) == ([], [])
    site.statuses["/a"] = 404
    site.files["/sitemap.xml"] = a_map(("/b", "2026-03-02T09:00:00Z"))
    assert pull(site, turned.cursor).gone == [page_id("/a")]


def test_an_article_that_is_put_out_of_lists_is_gone_once(site: FakeSite) -> None:
    cursor = pull(site).cursor
    site.files["/a"] = a_page("a", NOINDEX)
    site.files["/sitemap.xml"] = site.files["/sitemap.xml"].replace(b"03-01", b"04-01")
    hidden = pull(site, cursor)
    assert (hidden.gone, hidden.left_out) == ([page_id("/a")], [])
    site.files["/sitemap.xml"] = site.files["/sitemap.xml"].replace(b"04-01", b"05-01")
    again = pull(site, hidden.cursor)
    assert (again.gone, again.left_out) == ([], ["noindex"])
    site.files["/a"] = a_page("a")
    site.files["/sitemap.xml"] = site.files["/sitemap.xml"].replace(b"05-01", b"06-01")
    assert pull(site, again.cursor).titles == ["Story a"]


def test_an_article_that_another_page_shows_is_not_gone_with_the_first(site: FakeSite) -> None:
    plain = SITE.replace("https", "http")
    link = f"<link rel=canonical href='{SITE}/a'>"
    site.files |= {f"{plain}/a": a_page("a", link), "/a": a_page("a", link)}
    site.files["/sitemap.xml"] = site.files["/sitemap.xml"].replace(
        f"{SITE}/a".encode(), f"{plain}/a".encode()
    )
    cursor = pull(site).cursor
    del site.files[f"{plain}/a"]
    site.files["/sitemap.xml"] = site.files["/sitemap.xml"].replace(
        b"http://quay.example/a", f"{SITE}/a".encode()
    )
    again = pull(site, cursor)
    assert (again.titles, again.gone) == (["Story a"], [])


def test_a_site_that_is_away_ends_the_pull_and_nothing_is_lost(site: FakeSite) -> None:
    names = a_row_of(site, 60)
    site.statuses |= dict.fromkeys(names[30:], 503)
    with pytest.raises(SourceAway, match="5 pages failed one after the other"):
        pull(site)
    given = list(until_it_fails(Sitemap(MAP, site, InlinePageReader).pull(None, silent)))
    stopped = Pull(given, ())
    assert stopped.titles == [f"Story {name}" for name in names[:30]]
    site.statuses.clear()
    rest = pull(site, stopped.cursor)
    assert rest.titles == [f"Story {name}" for name in [*names[35:], *names[30:35]]]


def until_it_fails(pulled: Iterator[Pulled]) -> Iterator[Pulled]:
    try:
        yield from pulled
    except BadSource:
        return


def test_a_sitemap_that_breaks_off_is_read_up_to_there(site: FakeSite) -> None:
    site.files["/sitemap.xml"] = site.files["/sitemap.xml"].replace(
        b"<loc>https://quay.example/b", b"<&"
    )
    broken = pull(site)
    assert broken.titles == ["Story a"]
    assert broken.faults[0][0] == f"{MAP}:4"


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
def test_what_is_no_sitemap_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(BadSource, match=reason):
        list(read_sitemap(body))


ENTITIES = b"".join(b"<!ENTITY l%d '%s'>" % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
NAMES = b"<urlset><url><loc>https://quay.example/&%s;</loc></url></urlset>"
HOSTILE = {
    "bomb": b"<!DOCTYPE x [<!ENTITY l0 'aaaaaaaaaa'>" + ENTITIES + b"]>" + NAMES % b"l9",
    "file": b"<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>" + NAMES % b"f",
    "deep": b"<urlset>" + b"<url>" * 5_000,
    "bytes": b"<urlset><url><loc>\xff\xfe</loc></url></urlset>",
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_xml_names_nothing(hostile: str) -> None:
    found = list(read_sitemap(HOSTILE[hostile]))
    named = [one.address for one in found if not isinstance(one, SitemapFault)]
    assert [one for one in named if "root" in one or len(one) > 2_000] == []


ADDRESSES = st.from_regex(r"https://quay\.example/[a-z&<>'\"]{0,12}", fullmatch=True)
TIMES = st.sampled_from(["", "2026-03-01", "2026-03-01T09:00:00Z"])


@given(drawn=st.lists(st.tuples(ADDRESSES, TIMES), max_size=5), packed=st.booleans())
def test_what_is_written_is_named(drawn: list[tuple[str, str]], *, packed: bool) -> None:
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
    assert SitemapCheckpoint.of(json.loads(json.dumps(memory.cursor))) == memory


@pytest.mark.parametrize("cursor", [None, {}, {"maps": [], "pages": 7}, {"pages": {"a": {"b": 1}}}])
def test_a_cursor_of_another_form_is_no_memory(cursor: Cursor | None) -> None:
    assert set(SitemapCheckpoint.of(cursor).pages_by_address().values()) <= {PageSeen()}


@pytest.mark.parametrize(
    ("seen", "changed", "same"),
    [
        (PageSeen("2026-03-01T09:00:00Z", day="2026-03-01"), "2026-03-01T09:00:00Z", True),
        (PageSeen("2026-03-01T09:00:00Z", day="2026-03-01"), "2026-03-01T09:00:01Z", False),
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
