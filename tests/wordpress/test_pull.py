"""Pulling a real WordPress of 2,000 posts: all of it, then what changed, after a kill, and locked.

What is public there is asked of WordPress's own PHP, and the store must hold that and no more.
"""

import os
import re
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from recommender.articles import Article, parse_article
from recommender.errors import BadSource
from recommender.progress import silent
from recommender.sources.fetching import Fetcher
from recommender.sources.importing import Imported, import_source
from recommender.sources.registry import open_source
from recommender.sources.source import Record
from recommender.sources.wordpress import WordPress
from recommender.store import ArticleStore, open_store
from tests.support.archives import clean_environment
from tests.support.waiting import until
from tests.wordpress.site import Fields, Site

PLUGIN = Path(__file__).parents[2] / "integrations/wordpress/read-also"
POSTS = 2_000
FEW = 400
PATIENCE_SECONDS = 120
LOOPBACK = frozenset({"127.0.0.1"})
TRUTH = """
    foreach (get_posts(['numberposts' => -1, 'has_password' => false]) as $post) {
        $made[$post->ID] = [
            html_entity_decode(wp_strip_all_tags(get_the_title($post)), ENT_QUOTES | ENT_HTML5),
            get_permalink($post),
            $post->post_date_gmt,
            array_map('html_entity_decode', wp_list_pluck(get_the_tags($post) ?: [], 'name')),
            array_map('html_entity_decode', wp_list_pluck(get_the_category($post->ID), 'name')),
        ];
    }
    return $made;"""
Shown = tuple[str, str, str, frozenset[str], str | None]


def post_number(article_id: str) -> int:
    return int(article_id.rpartition(":")[2])


def post(number: int, categories: list[int]) -> Fields:
    """A published post of its own hour, of one of three categories or of none."""
    of = categories[number % 4 :][:1]
    return {
        "post_status": "publish",
        "post_author": 1,
        "post_title": f"Story {number} &amp; more",
        "post_content": f"<p>Story {number} begins.</p>\n\nAnd goes on, in a second paragraph.",
        "post_date": f"2026-{number % 9 + 1:02}-{number % 28 + 1:02} {number % 24:02}:00:00",
        "post_category": of,
        "tags_input": [f"tag {number % 37}"],
    }


@dataclass
class Archive:
    """The site, and the store that it is pulled into."""

    site: Site
    store: ArticleStore

    def pull(self) -> tuple[Imported, int]:
        """What an import did, and the requests that it made."""
        faults = list[str]()
        with Fetcher(private_hosts=LOOPBACK) as fetcher:
            source = open_source(self.site.home, "auto", fetcher)
            done = import_source(self.store, source, faults.append, silent)
        assert faults == []
        return done, fetcher.requests

    def changes(self) -> tuple[int, int, int]:
        """How many articles an import created, updated and deleted."""
        done, _ = self.pull()
        assert self.stored() == self.truth()
        return done.created, done.updated, done.deleted

    def stored(self) -> dict[int, Shown]:
        """What the store holds, by the number of the post."""
        return {post_number(one.id): shown_of(one) for one in articles(self.store)}

    def truth(self) -> dict[int, Shown]:
        """What the site shows to everybody, after its own PHP."""
        shown: Mapping[str, Any] = self.site.run(TRUTH) or {}
        return {
            int(number): (
                " ".join(title.split()),
                url,
                date.replace(" ", "T") + "Z",
                frozenset(tags),
                next((name for name in categories if name != "Uncategorized"), None),
            )
            for number, (title, url, date, tags, categories) in shown.items()
        }

    def article(self, number: int) -> Article:
        address = self.site.home.removeprefix("http://").replace(":", "~3A")
        return self.store.get(f"wp:{address}:{number}")


def articles(store: ArticleStore) -> Iterator[Article]:
    with store.scan() as view:
        yield from (one.article for one in view)


def shown_of(article: Article) -> Shown:
    published = article.published_at or datetime.min.replace(tzinfo=UTC)
    at = published.isoformat().replace("+00:00", "Z")
    return article.title, article.url or "", at, frozenset(article.tags), article.section


def command(url: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """`read-also import` of arguments into a store, and its environment."""
    called = [sys.executable, "-m", "recommender", "import", *arguments]
    return [*called, "--allow-private", "127.0.0.1"], clean_environment(DATABASE_URL=url)


def run_on_terminal(called: list[str], environment: dict[str, str]) -> tuple[int, str, str]:
    """Run a command with a terminal for its errors: exit code, output, what the terminal shows."""
    terminal, end = os.openpty()
    termios.tcsetwinsize(end, (40, 160))
    with subprocess.Popen(  # noqa: S603 - this interpreter, words of our own
        called, env=environment, stdout=subprocess.PIPE, stderr=end, text=True
    ) as process:
        os.close(end)
        shown = b""
        with suppress(OSError):  # Linux reports the end of a terminal as EIO
            while read := os.read(terminal, 65_536):
                shown += read
        os.close(terminal)
        printed, _ = process.communicate()
    return process.returncode, printed, shown.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def filled(site: Site) -> Site:
    """The site with 2,000 posts."""
    categories = [site.category(name) for name in ("City", "Arts & Books", "Sport")]
    site.fill([post(number, categories) for number in range(POSTS)])
    return site


@pytest.fixture(scope="module")
def archive(filled: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """The site, pulled once in one command, whose report is checked."""
    url = f"sqlite:///{tmp_path_factory.mktemp('pulled') / 'a.db'}"
    called, environment = command(url, filled.home)
    code, printed, shown = run_on_terminal(called, environment)
    report = f"{filled.home}: {POSTS} created, 0 updated, 0 unchanged, 0 rejected\n"
    assert (code, printed) == (0, report), shown
    assert re.search(rf"posts: +\d+%.*\b\d+/{POSTS} .*posts/s", shown), shown
    store = open_store(url)
    yield Archive(filled, store)
    store.close()


def test_two_thousand_posts_come_in_one_command_as_the_site_shows_them(archive: Archive) -> None:
    assert archive.stored() == archive.truth()
    first = archive.article(min(archive.stored()))
    assert first.body_html.count("<p>") == 2
    assert first.authors == ("admin",)


def nth(archive: Archive, place: int) -> int:
    """The number of a post, so that each test has its own."""
    return sorted(archive.stored())[place]


def test_edited_new_trashed_and_deleted_posts_are_pulled_at_once(archive: Archive) -> None:
    site, numbers = archive.site, sorted(archive.stored())[100:104]
    site.update(numbers[0], post_title="Edited", tags_input=["new"])
    quietly = "return wp_set_object_terms($given['post'], ['quiet'], 'post_tag');"
    site.run(quietly, post=numbers[1])  # terms that are given without a save
    site.trash(numbers[2])
    site.delete(numbers[3])
    site.insert(post_title="From the past", post_date="1999-05-05 10:00:00")
    assert archive.changes() == (1, 2, 2)


@pytest.mark.parametrize(
    "fields", [{"post_status": "draft"}, {"post_status": "private"}, {"post_password": "s3cret"}]
)
def test_a_post_that_is_hidden_is_deleted_and_returns(
    archive: Archive, fields: dict[str, str]
) -> None:
    number = nth(archive, 200)
    archive.site.update(number, **fields)
    hidden = archive.changes()
    archive.site.update(
        number, **dict.fromkeys(fields, "publish" if "post_status" in fields else "")
    )
    assert (hidden, archive.changes()) == ((0, 0, 1), (1, 0, 0))


def test_a_post_that_is_put_off_is_deleted_and_comes_when_it_goes_live(archive: Archive) -> None:
    number = nth(archive, 400)
    later = {"post_status": "future", "post_date": "2099-01-01 00:00:00", "edit_date": True}
    archive.site.update(number, **later, post_date_gmt="2098-12-31 19:00:00")
    put_off = archive.changes()
    modified = "return get_post($given['post'])->post_modified_gmt;"
    before = archive.site.run(modified, post=number)
    archive.site.run("wp_publish_post($given['post']); return 1;", post=number)
    assert archive.site.run(modified, post=number) == before  # which is why a sweep is needed
    assert (put_off, archive.changes()) == ((0, 0, 1), (1, 0, 0))


def test_a_renamed_tag_and_a_renamed_category_reach_their_articles(archive: Archive) -> None:
    truth = archive.truth()
    renamed = """
        foreach ($given['names'] as $taxonomy => $names) {
            $term = get_term_by('name', $names[0], $taxonomy);
            wp_update_term($term->term_id, $taxonomy, ['name' => $names[1]]);
        }
        return 1;"""
    names = {"post_tag": ["tag 7", "tag & seven"], "category": ["Sport", "Games"]}
    archive.site.run(renamed, names=names)
    concerned = [one for one in truth.values() if "tag 7" in one[3] or one[4] == "Sport"]
    assert archive.changes() == (0, len(concerned), 0)


def test_a_renamed_author_reaches_every_article(archive: Archive) -> None:
    site = archive.site
    number = site.insert(post_title="By the desk", post_author=2)
    archive.pull()
    site.run("return wp_update_user(['ID' => 2, 'display_name' => 'Zarina D.']);")
    assert archive.changes() == (0, 1, 0)
    assert archive.article(number).authors == ("Zarina D.",)


def test_modified_and_newly_live_posts_of_a_large_site_are_pulled_in_any_time_zone(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.pull()
    monkeypatch.setattr("recommender.sources.wordpress.checkpoint.ALWAYS_SWEPT", 0)
    monkeypatch.setattr("recommender.sources.wordpress.checkpoint.SWEEP_REST_SECONDS", 3_600)
    archive.site.update(nth(archive, 700), post_title="Edited late")
    live = archive.site.insert(post_title="Went live")
    aged = """
        global $wpdb;
        return $wpdb->update($wpdb->posts, $given['old'], ['ID' => $given['post']]);"""
    old = {"post_modified": "2026-01-01 05:00:00", "post_modified_gmt": "2026-01-01 00:00:00"}
    archive.site.run(aged, post=live, old=old)
    done, requests = archive.pull()
    assert (done.created, done.updated) == (1, 1)
    assert requests == 5  # front page, index, modified, published, the two posts
    assert archive.stored() == archive.truth()


ODD: list[Fields] = [
    {"post_title": "AT&#038;T\u2019s \u201cR&amp;D\u201d <em>cuts</em> \U0001f642"},
    {"post_title": "", "post_content": "<p>No title at all.</p>"},
    {"post_title": "No text at all", "post_content": ""},
    {"post_title": "Бозори нав", "tags_input": [f"нишона {n}" for n in range(25)]},
    {"post_title": "Controls", "post_content": "<p>a\x0bb\x1fc</p>"},
    {"post_title": "Large", "post_content": "<p>All of it.</p>\n" * 60_000},
    {"post_title": "Code", "post_content": "[unknown]x[/unknown]<script>alert(1)</script>"},
]


def test_odd_titles_and_texts_become_articles(archive: Archive) -> None:
    usual = {"post_status": "publish", "post_author": 1, "post_content": "x"}
    posts = [{**usual, **odd} for odd in ODD]
    numbers = archive.site.fill(posts)
    archive.site.run("stick_post($given['post']); return 1;", post=numbers[0])
    assert archive.changes() == (len(ODD), 0, 0)
    odd = list(map(archive.article, numbers))
    assert odd[0].title == "AT&T\u2019s \u201cR&D\u201d cuts \U0001f642"
    assert [one.title for one in odd[1:3]] == ["", "No text at all"]
    assert len(odd[3].tags) == 25
    assert odd[4].body_html == "<p>abc</p>\n"
    assert odd[5].body_html.count("All of it.") == 60_000


def test_after_all_that_nothing_is_left_to_pull(archive: Archive) -> None:
    time.sleep(2.1)  # what was modified in the second of the last pull is read once more
    archive.pull()
    done, requests = archive.pull()
    assert (done.created, done.updated, done.deleted, done.unchanged) == (0, 0, 0, 0)
    assert requests <= 8 + -(-len(archive.stored()) // 100)


def first_records(site: Site, auth: tuple[str, str] | None = None) -> list[Record]:
    with Fetcher(private_hosts=LOOPBACK, auth=auth) as fetcher:
        found = list(islice(WordPress(site.home, fetcher).pull(None, silent), 100))
    return [one for one in found if isinstance(one, Record)]


def test_a_wrong_application_password_ends_the_import_and_says_so(
    archive: Archive, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("abcd efgh ijkl mnop\n")
    given = ("--user", "editor", "--password-file", str(password))
    called, environment = command(f"sqlite:///{tmp_path / 'a.db'}", archive.site.home, *given)
    done = subprocess.run(  # noqa: S603 - this interpreter, words of our own
        called, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 65
    assert "the name and password are not accepted; make an application password" in done.stderr
    assert "abcd" not in done.stderr + done.stdout


def test_a_site_closed_to_visitors_opens_to_an_application_password(archive: Archive) -> None:
    closing = archive.site.folder / "content/mu-plugins/closed.php"
    closing.write_text(
        "<?php add_filter('rest_authentication_errors', fn($e) => is_user_logged_in() ? $e"
        " : new WP_Error('rest_closed', 'For staff only.', ['status' => 401]));"
    )
    try:
        with pytest.raises(BadSource, match="closed to visitors: give --user"):
            first_records(archive.site)
        editor = ("editor", archive.site.passwords["editor"])
        assert len(first_records(archive.site, editor)) == 100
    finally:
        closing.unlink()


def test_a_site_without_pretty_links_is_pulled(archive: Archive) -> None:
    links = "update_option('permalink_structure', $given['links']); return 1;"
    archive.site.run(links, links="")
    try:
        records = first_records(archive.site)
    finally:
        archive.site.run(links, links="/%year%/%postname%/")
    assert len(records) == 100
    assert all(
        isinstance(one.content, Article)
        and one.content.url == f"{archive.site.home}/?p={post_number(one.content.id)}"
        for one in records
    )


EXPORT = """
    require_once ABSPATH . 'wp-admin/includes/export.php';
    ob_start();
    @export_wp(['content' => 'all']); // it sends headers, for which there is nobody here
    return ob_get_clean();"""
PUSHED = """
    foreach (get_posts(['numberposts' => -1]) as $post) {
        $made[] = \\ReadAlso\\document($post->ID);
    }
    return $made;"""


def without_text(article: Article) -> dict[str, object]:
    return {name: value for name, value in article.to_document().items() if name != "body_html"}


def test_an_export_of_the_site_gives_the_same_articles_but_for_the_text(
    archive: Archive, tmp_path: Path
) -> None:
    archive.pull()
    export = tmp_path / "export.xml"
    export.write_text(archive.site.run(EXPORT), "utf-8")
    with Fetcher() as fetcher:
        records = [
            one.content
            for one in open_source(str(export), "auto", fetcher).pull(None, silent)
            if isinstance(one, Record) and isinstance(one.content, Article)
        ]
    pulled = {one.id: without_text(one) for one in articles(archive.store)}
    assert {one.id: without_text(one) for one in records} == pulled


def test_the_plugin_pushes_what_is_pulled(archive: Archive) -> None:
    archive.site.add_plugin(PLUGIN)
    pushed = [parse_article(document) for document in archive.site.run(PUSHED) if document]
    pulled = {one.id: one.to_document() for one in articles(archive.store)}
    assert {one.id: one.to_document() for one in pushed} == pulled


def test_a_pull_that_was_killed_continues_and_misses_nothing(
    archive: Archive, tmp_path: Path
) -> None:
    archive.site.empty()
    archive.site.fill([post(number, [1]) for number in range(FEW)])
    url = f"sqlite:///{tmp_path / 'a.db'}"
    resumed = Archive(archive.site, open_store(url))
    called, environment = command(url, archive.site.home)
    with subprocess.Popen(  # noqa: S603 - this interpreter, words of our own
        called, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        until(lambda: resumed.store.state().change >= 125, PATIENCE_SECONDS, every=0.02)
        process.kill()
    before = resumed.store.state().change
    archive.site.insert(post_title="Published meanwhile")
    archive.site.delete(nth(resumed, 50))
    done, _ = resumed.pull()
    assert 125 <= before < FEW
    assert done.created == FEW + 1 - before
    assert done.unchanged <= 100  # at most what stood between two marks is read again
    assert resumed.stored() == resumed.truth()
    resumed.store.close()
