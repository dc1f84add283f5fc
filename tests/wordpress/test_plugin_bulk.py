"""Two thousand posts in the trash at once: on no page, and in no list of the service."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.faults.harness.stories import bulk
from tests.support.waiting import until
from tests.wordpress.plugin import PLUGIN, article_of, configure
from tests.wordpress.service import PLUGIN_KEY, Service
from tests.wordpress.site import Site

POSTS = 2_000
SEEDS = 10
FILL = """
    global $wpdb;
    foreach ($given['stories'] as $n => $story) {
        $rows[] = $wpdb->prepare("(%d, 1, 'publish', 'post', %s, %s, %s, NOW(), NOW(), NOW(), NOW(),
            '', '', '', '')", $n + 1, "story-$n", $story['title'], $story['body']);
    }
    foreach (array_chunk($rows, 500) as $part) {
        $wpdb->query("INSERT INTO {$wpdb->posts} (ID, post_author, post_status, post_type,
            post_name, post_title, post_content, post_date, post_date_gmt, post_modified,
            post_modified_gmt, post_excerpt, to_ping, pinged, post_content_filtered)
            VALUES " . implode(',', $part));
    }
    wp_cache_flush();"""
"""Two thousand posts without the hooks of WordPress: the service gets them from the test."""
TRASH = """<?php add_action('init', function () {
    if (isset($_GET['trash_from'])) {
        for ($n = (int) $_GET['trash_from']; $n <= (int) $_GET['trash_to']; $n++) {
            wp_trash_post($n);
        }
        exit('done');
    }
});"""


@pytest.fixture(scope="module")
def newsroom(either_site: Site, service: Service) -> Iterator[Site]:
    """A site whose posts the service has."""
    site = either_site
    service.empty()
    (site.folder / "content/mu-plugins/trash.php").write_text(TRASH)
    stories = bulk(POSTS)
    site.run(FILL, stories=stories)
    site.add_plugin(PLUGIN)
    configure(site, url=service.address, key=PLUGIN_KEY)
    lines = [
        json.dumps(story | {"id": article_of(site, number)})
        for number, story in enumerate(stories, 1)
    ]
    with service.client() as client:
        client.post(
            "/v1/bulk",
            content="\n".join(lines),
            headers={"Content-Type": "application/x-ndjson"},
        ).raise_for_status()
    yield site
    assert [line for line in site.log.splitlines() if "read-also" in line] == []


def listed(site: Site, post: int) -> set[int]:
    """The posts that are listed under a post."""
    with site.client() as client:
        page = client.get(f"/?p={post}", follow_redirects=True).text
    return {int(number) for number in re.findall(r'href="[^"]*/bulk-(\d+)"', page)}


def test_two_thousand_trashed_posts_are_on_no_page(newsroom: Site) -> None:
    seeds = range(1, SEEDS + 1)
    assert until(lambda: all(len(listed(newsroom, seed)) == 6 for seed in seeds))
    with newsroom.client() as client:
        query = {"trash_from": SEEDS + 1, "trash_to": POSTS}
        assert client.get("/", params=query, timeout=900).text == "done"
    left = set(range(SEEDS))
    assert [listed(newsroom, seed) - left for seed in seeds] == [set()] * SEEDS


def test_the_service_is_told_of_all_of_them(newsroom: Site, service: Service) -> None:
    """When the action ended; by WP-Cron what a slow machine had no time for."""
    told = "do_action('read_also_push'); return ReadAlso\\waiting();"
    assert until(lambda: newsroom.run(told) == 0, every=1)
    articles = [article_of(newsroom, post) for post in range(1, POSTS + 1)]
    trashed = set(articles[SEEDS:])
    assert until(lambda: not any(trashed & set(service.titles(one)) for one in articles[:SEEDS]))
