"""A service that is slow now and then: pages go on asking it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from tests.support.serving import KEY
from tests.wordpress.plugin import configure
from tests.wordpress.service import HTML, Answer, Asked, Stage
from tests.wordpress.site import Site

LIST = (
    '<section class="read-also"><ul><li><a href="https://n.example/">Listed</a></li></ul></section>'
)


SLOW = 30  # the number of the call
FACTOR = 5
"""So much longer a page waits here than on a machine that has time for it."""
LONGER = f"""add_filter('http_request_args', function ($given) {{
    if (isset($given['read_also_seconds'])) {{
        $given['read_also_seconds'] *= {FACTOR};
        $given['timeout'] *= {FACTOR};
    }}
    return $given;
}});"""


@pytest.fixture(scope="module")
def site(either_site: Site) -> Iterator[Site]:
    path = either_site.folder / "content/mu-plugins/longer.php"
    path.write_text(f"<?php {LONGER}")
    yield either_site
    path.unlink()


def test_pages_have_their_list_though_one_call_in_a_hundred_is_slow(
    newsroom: Site, stage: Stage
) -> None:
    configure(newsroom, url="", key="")
    fields = {"post_status": "publish", "post_content": "Text."}
    posts = newsroom.fill([fields | {"post_title": f"Unseen {n}"} for n in range(100)])
    configure(newsroom, url=stage.address, key=KEY)
    number = count(1)

    def answer(_: Asked) -> Answer:
        if next(number) == SLOW:
            time.sleep(FACTOR)
        return Answer(200, LIST, HTML)

    stage.answer = answer

    def has_list(post: int) -> bool:
        with newsroom.client() as client:
            return ">Listed<" in client.get(f"/?p={post}", follow_redirects=True).text

    with ThreadPoolExecutor(3) as pool:
        listed = list(pool.map(has_list, posts[:SLOW]))  # it has failed when the others begin
        listed += pool.map(has_list, posts[SLOW:])
    assert len(stage.asked) == len(posts)
    assert sum(listed) >= 0.97 * len(posts)
