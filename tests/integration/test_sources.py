"""`read-also import` from files and addresses, into a real store."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import Result

from recommender.articles import parse_article
from recommender.settings import Settings
from recommender.store import open_store
from tests.support.archives import clean_environment, run_command
from tests.support.websites import HOST, Site, open_site, reply

Run = Callable[..., Result]

FEED = b"""<rss version="2.0"><channel><title>News</title>
<item><guid>1</guid><title>The harbour opens</title></item>
<item><guid>2</guid><title>The bridge closes</title></item>
</channel></rss>"""
EXPORT = b"""<?xml version="1.0"?>
<rss xmlns:wp="http://wordpress.org/export/1.2/"><channel><link>https://news.example/</link>
<item><title>One</title><wp:post_id>1</wp:post_id><wp:post_type>post</wp:post_type>
<wp:status>publish</wp:status></item>
<item><title>Two</title><wp:post_id>2</wp:post_id><wp:post_type>post</wp:post_type>
<wp:status>draft</wp:status></item>
<item><title>About</title><wp:post_id>3</wp:post_id><wp:post_type>page</wp:post_type>
<wp:status>publish</wp:status></item>
</channel></rss>"""
LOOPBACK = ("--allow-private", HOST)


@pytest.fixture
def run(bare: Settings) -> Run:
    """Runs a command over the archive."""
    return partial(run_command, bare)


@pytest.fixture
def site() -> Iterator[Site]:
    with open_site() as opened:
        yield opened


def titles(settings: Settings) -> dict[str, str]:
    with closing(open_store(settings.database_url)) as store, store.scan() as view:
        return {stored.article.id: stored.article.title for stored in view}


def test_an_export_is_imported_and_what_is_no_article_counted(
    run: Run, bare: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "export.xml"
    path.write_bytes(EXPORT)
    result = run("import", str(path))
    line = "1 created, 0 updated, 0 unchanged, 0 rejected (left out: 1 draft, 1 page)"
    assert (result.exit_code, result.stdout) == (0, f"{path}: {line}\n")
    assert titles(bare) == {"wp:news.example:1": "One"}


def test_a_truncated_saved_answer_gives_the_records_before_the_cut(
    run: Run, bare: Settings, tmp_path: Path
) -> None:
    posts = [
        {"id": number, "type": "post", "link": "https://a.example/x", "title": {"rendered": "T"}}
        for number in range(1, 11)
    ]
    path = tmp_path / "posts.json"
    path.write_text(json.dumps(posts)[:-20])
    result = run("import", str(path))
    assert result.exit_code == 65
    assert "is not JSON" in result.stderr
    assert sorted(titles(bare)) == sorted(f"wp:a.example:{number}" for number in range(1, 10))


@pytest.mark.parametrize("content", [b'{"id": "a", "title": "T"}', EXPORT, b"[]", b"<p>x</p>"])
def test_a_file_may_be_named_by_bytes_that_are_no_text(
    run: Run, tmp_path: Path, content: bytes
) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b.jsonl")
    Path(path).write_bytes(content)
    result = run("import", path)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "\x1b" not in result.output


def test_a_private_address_is_refused_with_the_remedy(run: Run, bare: Settings, site: Site) -> None:
    result = run("import", site.serve("/feed", FEED))
    assert result.exit_code == 65
    assert f"--allow-private {HOST}" in result.stderr
    assert (site.asked, titles(bare)) == ([], {})


def test_a_feed_is_pulled_once_and_then_only_what_changed(
    run: Run, bare: Settings, site: Site
) -> None:
    url = site.serve_tagged("/feed", FEED, '"1"')
    assert run("import", url, *LOOPBACK).stdout == (
        f"{url}: 2 created, 0 updated, 0 unchanged, 0 rejected\n"
    )
    assert run("import", url, *LOOPBACK).stdout == (
        f"{url}: 0 created, 0 updated, 0 unchanged, 0 rejected\n"
    )
    assert [one.headers.get("if-none-match") for one in site.asked] == [None, '"1"']
    site.serve_tagged("/feed", FEED.replace(b"closes", b"opens again"), '"2"')
    assert "0 created, 1 updated, 0 unchanged" in run("import", url, *LOOPBACK).stdout
    assert list(titles(bare).values()) == ["The harbour opens", "The bridge opens again"]


def test_a_full_import_reads_all_of_it_again(run: Run, site: Site) -> None:
    url = site.serve_tagged("/feed", FEED, '"1"')
    run("import", url, *LOOPBACK)
    result = run("import", url, "--again", *LOOPBACK)
    assert "0 created, 0 updated, 2 unchanged" in result.stdout


def test_a_feed_that_shrinks_deletes_nothing(run: Run, bare: Settings, site: Site) -> None:
    url = site.serve_tagged("/feed", FEED, '"1"')
    run("import", url, *LOOPBACK)
    site.serve_tagged("/feed", FEED.replace(b"<guid>1</guid>", b"<guid>3</guid>"), '"2"')
    assert "1 created, 0 updated" in run("import", url, *LOOPBACK).stdout
    assert [one.rpartition(":")[2] for one in sorted(titles(bare))] == ["1", "2", "3"]


def test_a_password_comes_from_a_file_and_is_never_shown(
    run: Run, site: Site, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("abcd efgh\n")
    with_user = ("--user", "desk", "--password-file", str(password))
    url = site.serve("/feed", FEED)
    result = run("import", url, *LOOPBACK, *with_user)
    assert result.exit_code == 0
    assert site.asked[0].headers["authorization"] == "Basic ZGVzazphYmNkIGVmZ2g="
    failed = run("import", site.serve("/gone", status=410), *LOOPBACK, *with_user)
    assert "410 (Gone)" in failed.stderr
    assert "abcd" not in result.output + failed.output


@pytest.mark.parametrize("arguments", [["--user", "desk"], ["--password-file", "{}"]])
def test_a_name_and_a_password_go_together(
    run: Run, site: Site, tmp_path: Path, arguments: list[str]
) -> None:
    path = tmp_path / "password"
    path.write_text("x")
    given = [one.format(path) for one in arguments]
    result = run("import", site.serve("/feed", FEED), *LOOPBACK, *given)
    assert result.exit_code == 2
    assert "go together" in result.stderr
    assert site.asked == []


@pytest.mark.parametrize("content", ["", "\nsecond line"])
def test_a_file_without_a_password_is_refused(
    run: Run, site: Site, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "password"
    path.write_text(content)
    given = ("--user", "desk", "--password-file", str(path))
    assert run("import", site.serve("/feed", FEED), *LOOPBACK, *given).exit_code == 2
    assert site.asked == []


@pytest.mark.long
def test_an_import_that_is_killed_continues_from_its_checkpoint(
    run: Run, bare: Settings, site: Site
) -> None:
    """A checkpoint follows the articles before it: those that a kill cuts off are read again."""
    items = b"".join(
        b"<item><guid>%d</guid><title>Story %d</title></item>\n" % (n, n) for n in range(300)
    )
    url = site.serve_tagged(
        "/feed", b"<rss version='2.0'><channel>" + items + b"</channel></rss>", '"1"'
    )
    command = [sys.executable, "-m", "recommender", "import", url, *LOOPBACK]
    settings = clean_environment(DATABASE_URL=bare.database_url, DATA_DIR=bare.data_dir)
    process = subprocess.Popen(command, env=settings)  # noqa: S603 - our own
    with closing(open_store(bare.database_url)) as store:
        while process.poll() is None and store.state().change < 50:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert store.checkpoints.get(url) is None or store.state().change == 300
    result = run("import", url, *LOOPBACK)
    assert result.exit_code == 0
    assert len(titles(bare)) == 300


def test_a_check_compares_with_whatever_import_reads(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "export.xml"
    path.write_bytes(EXPORT)
    run("import", str(path))
    assert run("check", "--against", str(path)).exit_code == 0
    path.write_bytes(EXPORT.replace(b"draft", b"publish"))
    result = run("check", "--against", str(path))
    assert result.exit_code == 1
    assert "wp:news.example:2" in result.stdout


def test_a_source_that_is_away_or_bad_does_not_stop_the_others(
    run: Run, bare: Settings, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True

    monkeypatch.setattr("recommender.sources.fetching.LONGEST_WAIT_SECONDS", 0.0)
    away, feed = site.add("/away", fail), site.serve("/feed", FEED)
    result = run("import", away, feed, *LOOPBACK)
    assert result.exit_code == 69
    assert "no complete response comes" in result.stderr
    assert f"{feed}: " in result.stdout
    assert list(titles(bare).values()) == ["The harbour opens", "The bridge closes"]
    bad = tmp_path / "bad.xml"
    bad.write_bytes(b"")
    result = run("import", str(bad), away, feed, *LOOPBACK)
    assert (result.exit_code, f"{feed}: " in result.stdout) == (65, True)
    result = run("import", "--strict", str(bad), feed, *LOOPBACK)
    assert (result.exit_code, result.stdout) == (65, "")


def feed_of(link: str, title: str, number: int = 1) -> bytes:
    item = f"<item><guid isPermaLink='false'>{number}</guid><title>{title}</title>"
    return f"<rss version='2.0'><channel>{item}<link>{link}</link></item></channel></rss>".encode()


def test_articles_of_feeds_under_the_ids_of_earlier_versions_are_known_again(
    run: Run, bare: Settings, site: Site
) -> None:
    """Two feeds shared the id 1; the article is that of the feed that was imported last."""
    stored = {"id": "feed:1", "title": "B", "url": "https://b.example/1"}
    with closing(open_store(bare.database_url)) as store:
        store.put(parse_article(json.dumps(stored)))
    a, b = (
        site.serve(f"/{name}", feed_of(f"https://{name}.example/1", name.upper())) for name in "ab"
    )
    assert "1 created, 0 updated, 0 unchanged" in run("import", *LOOPBACK, a).stdout
    assert "0 created, 0 updated, 1 unchanged" in run("import", *LOOPBACK, b).stdout
    assert run("check", "--against", b, *LOOPBACK).stdout.count("differ") == 0
    site.answers.clear()
    site.serve("/b", feed_of("https://b.example/1", "B2"))
    assert "0 created, 1 updated, 0 unchanged" in run("import", *LOOPBACK, b).stdout
    found = titles(bare)
    assert found.pop("feed:1") == "B2"
    assert list(found.values()) == ["A"]


def test_entries_that_an_earlier_version_pulled_are_not_pulled_again(
    run: Run, bare: Settings, site: Site
) -> None:
    """So an article that was deleted since does not come back with the new ids."""
    place = site.serve("/feed", feed_of("https://a.example/1", "A"))
    article = parse_article('{"id": "feed:1", "title": "A", "url": "https://a.example/1"}')
    digest = hashlib.sha256(article.to_json().encode()).hexdigest()[:16]
    checkpoint = {"etag": "", "last_modified": "", "whole": "", "records": [digest]}
    with closing(open_store(bare.database_url)) as store:
        store.checkpoints.put(place, {"format": "feed", "at": checkpoint})
    assert "0 created, 0 updated, 0 unchanged" in run("import", *LOOPBACK, place).stdout
    assert titles(bare) == {}


def serve_wordpress(site: Site, *posts: int) -> None:
    """A WordPress site that shows these posts and says 404 to every other."""

    def rows(request: BaseHTTPRequestHandler) -> None:
        query = parse_qs(urlsplit(request.path).query)
        wanted = {int(one) for one in query.get("include", [""])[0].split(",") if one}
        shown = [post for post in posts if not wanted or post in wanted]
        body = [{"id": n, "type": "post", "title": {"rendered": f"Post {n}"}} for n in shown]
        totals = {"X-WP-Total": str(len(body)), "X-WP-TotalPages": "1"}
        reply(request, 200, totals, json.dumps(body).encode())

    index = {"home": site.url, "namespaces": ["wp/v2"]}
    unknown = b'{"code": "rest_post_invalid_id", "message": "Invalid post ID."}'

    def answer(request: BaseHTTPRequestHandler) -> None:
        match urlsplit(request.path).path.strip("/").split("/"):
            case [""]:
                page = b'<html><head><link rel="https://api.w.org/" href="/wp-json/"></head></html>'
                shown = "p=" not in request.path
                reply(request, 200 if shown else 404, {"Content-Type": "text/html"}, page)
            case ["wp-json"]:
                reply(request, 200, {}, json.dumps(index).encode())
            case ["wp-json", "wp", "v2", "posts"]:
                rows(request)
            case ["wp-json", "wp", "v2", "posts", _]:
                reply(request, 404, {}, unknown)
            case _:
                reply(request, 404, {}, b"{}")

    site.answer_all(answer)


def test_a_check_against_a_site_names_what_the_site_has_deleted_and_no_other_site(
    run: Run, site: Site, tmp_path: Path
) -> None:
    serve_wordpress(site, 1, 2)
    mine = f"wp:{HOST}~3A{site.port}"
    stored = [{"id": one, "title": "T"} for one in (f"{mine}:2", f"{mine}:3", "wp:b.example:3")]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, stored)))
    run("import", str(path))
    result = run("check", "--against", site.url, *LOOPBACK)
    assert result.exit_code == 1
    unsourced = "1 articles in the store, but not in the source; delete what was withdrawn"
    assert f"fault unsourced: {unsourced}: {mine}:3\n" in result.stdout
    imported = run("import", site.url, *LOOPBACK)
    assert "1 created, 1 updated, 0 unchanged, 0 rejected, 1 deleted" in imported.stdout
    after = run("check", "--against", site.url, *LOOPBACK)
    assert "unsourced" not in after.stdout


def test_post_types_are_of_sites_of_wordpress_only(run: Run, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a", "title": "T"}')
    for place in (str(path), site.serve("/feed", FEED)):
        result = run("import", place, "--post-types", "post,page", *LOOPBACK)
        assert result.exit_code == 65
        assert "types and taxonomies are read of a WordPress site at an address" in result.stderr
    for option, name in (("--post-types", "Blog Post"), ("--tag-taxonomies", "Tags")):
        wrong = run("import", str(path), option, name)
        assert (wrong.exit_code, f"{option}: {name!r} is no name" in wrong.stderr) == (2, True)
    two = run("import", str(path), "--section-taxonomy", "desk,place")
    assert (two.exit_code, "name one taxonomy" in two.stderr) == (2, True)


def test_types_and_taxonomies_of_an_export_are_read(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "export.xml"
    path.write_text(
        '<rss xmlns:wp="http://wordpress.org/export/1.2/"><channel>'
        "<wp:base_blog_url>https://a.example</wp:base_blog_url><item><title>T</title>"
        "<wp:post_id>5</wp:post_id><wp:post_type>news</wp:post_type>"
        '<category domain="desk" nicename="d">Harbour</category></item></channel></rss>'
    )
    assert "0 created" in run("import", str(path)).stdout
    chosen = ("--post-types", "news", "--section-taxonomy", "desk")
    assert "1 created" in run("import", str(path), *chosen).stdout
    assert '"section":"Harbour"' in run("export", "-").stdout.replace(": ", ":")
