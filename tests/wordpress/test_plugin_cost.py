"""What a page asks of the database for its list, counted and not timed."""

import re

import pytest

from tests.support.serving import KEY
from tests.wordpress.plugin import article_of, configure
from tests.wordpress.service import HTML, Answer, Stage
from tests.wordpress.site import Site

COUNT = """<?php
if (isset($_GET['without'])) {
    add_filter('option_active_plugins', function ($plugins) {
        return array_values(array_diff($plugins, ['read-also/read-also.php']));
    });
}
add_action('wp_footer', function () {
    printf('<!-- %d queries -->', $GLOBALS['wpdb']->num_queries);
}, 99);"""
FRESH = HTML | {"Cache-Control": "private, max-age=30, stale-if-error=86400"}
ITEM = (
    '<li class="read-also__item"><a class="read-also__link" href="https://n.example/">{}</a></li>'
)


@pytest.fixture(scope="module")
def site(either_site: Site) -> Site:
    """Its pages say how often they asked the database."""
    (either_site.folder / "content/mu-plugins/count.php").write_text(COUNT)
    return either_site


def test_a_list_from_a_copy_costs_two_queries(newsroom: Site, stage: Stage) -> None:
    """For the copy, and for which of its posts are public; one of them with an object cache."""
    configure(newsroom, url="", key="")
    posts = [newsroom.insert(post_title=f"Post {n}", post_content="Text.") for n in range(7)]
    configure(newsroom, url=stage.address, key=KEY)
    items = "".join(ITEM.format(f"Post {n}") for n in range(1, 7))
    keys = {"Surrogate-Key": " ".join(article_of(newsroom, one) for one in posts)}
    html = f'<section class="read-also"><ul>{items}</ul></section>'
    stage.answer = lambda _: Answer(200, html, FRESH | keys)
    with newsroom.client() as client:
        address = client.get(f"/?p={posts[0]}", follow_redirects=True).url

        def queries(**query: str) -> int:
            page = client.get(address, params=query).raise_for_status().text
            assert page.count('<li class="read-also__item') == (0 if query else 6)
            found = re.search(r"<!-- (\d+) queries -->", page)
            assert found
            return int(found[1])

        for _ in range(3):  # what WordPress itself keeps is there from the second page on
            more = queries() - queries(without="1")
    assert len(stage.asked) == 1
    assert more == (1 if newsroom.behind_nginx else 2)
