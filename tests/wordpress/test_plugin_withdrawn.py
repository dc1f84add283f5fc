"""What WordPress knows to be withdrawn stands on no page, whatever the service knows."""

import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.serving import KEY
from tests.wordpress.plugin import article_of, comes_true, configure, pass_time, remove, save
from tests.wordpress.service import HTML, PROBLEM, Answer, Asked, Stage, accept
from tests.wordpress.site import Site

FRESH = HTML | {"Cache-Control": "private, max-age=30, stale-if-error=86400"}
ITEM = (
    '<li class="read-also__item"><a class="read-also__link" href="https://n.example/">{}</a></li>'
)
SECTION = '<section class="read-also"><h2>Read also</h2>\n<ul>\n{}\n</ul>\n</section>\n'
LOCKED = {"password": "sesame"}
Act = Callable[[Site, int], object]


@pytest.fixture(scope="module")
def site(either_site: Site) -> Site:
    return either_site


@pytest.fixture
def stage(connected: Stage) -> Stage:
    return connected


@pytest.fixture(scope="module")
def seed(newsroom: Site) -> int:
    """The post whose page is looked at."""
    return newsroom.insert(post_title="The seed", post_content="It left at dawn.")


@pytest.fixture
def post(newsroom: Site, stage: Stage, seed: int) -> int:
    """A post that the service lists under the seed, between two articles from elsewhere."""
    made = newsroom.insert(post_title="Soon gone", post_content="Text.")
    items = {"ready-1": "Elsewhere", article_of(newsroom, made): "Soon gone", "wp:b:1": "Abroad"}
    stage.answer = listing(article_of(newsroom, seed), items)
    assert shown(newsroom, seed) == ["Elsewhere", "Soon gone", "Abroad"]
    return made


def listing(seed: str, items: dict[str, str]) -> Callable[[Asked], Answer]:
    """Answers of a service that takes every change and lists items, by id their titles."""
    html = SECTION.format("\n".join(ITEM.format(title) for title in items.values()))
    answer = Answer(200, html, FRESH | {"Surrogate-Key": " ".join([seed, *items])})
    return lambda asked: answer if ".html" in asked.path else accept(asked)


def shown(site: Site, post: int) -> list[str]:
    """The titles under a post."""
    with site.client() as client:
        answer = client.get(f"/?p={post}", follow_redirects=True)
    assert answer.status_code == 200
    assert "It left at dawn." in answer.text
    items: list[str] = re.findall(r'<li class="read-also__item"><a[^>]*>([^<]*)</a>', answer.text)
    assert len(items) == answer.text.count('<li class="read-also__item')
    assert bool(items) == ('<section class="read-also' in answer.text)
    return items


WAYS: dict[str, Act] = {
    "trashed": remove,
    "deleted": lambda site, post: remove(site, post, for_good=True),
    "a draft": lambda site, post: save(site, post, status="draft"),
    "private": lambda site, post: save(site, post, status="private"),
    "with a password": lambda site, post: save(site, post, **LOCKED),
    "of another type": lambda site, post: site.update(post, post_type="page"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_withdrawn_post_is_on_no_page_before_the_service_knows(
    newsroom: Site, stage: Stage, seed: int, post: int, way: str
) -> None:
    """Neither from the copy while the service is away, nor from what it answers when it is back."""
    back = stage.answer
    stage.answer = lambda _: Answer(503)
    WAYS[way](newsroom, post)
    assert shown(newsroom, seed) == ["Elsewhere", "Abroad"]
    configure(newsroom, url=stage.address, key=KEY)  # what waits to be sent is forgotten
    stage.answer = back
    assert shown(newsroom, seed) == ["Elsewhere", "Abroad"]
    assert shown(newsroom, seed) == ["Elsewhere", "Abroad"]


@pytest.mark.parametrize("seconds", [0, 5])
def test_a_withdrawn_post_is_on_no_page_after_the_click(
    newsroom: Site, stage: Stage, seed: int, post: int, seconds: int
) -> None:
    """The service answers nothing, at once or never, and the save may wait for it."""

    def answer(_: Asked) -> Answer:
        time.sleep(seconds)
        return Answer(503)

    stage.answer = answer
    with ThreadPoolExecutor() as pool:
        click = pool.submit(remove, newsroom, post)
        assert comes_true(lambda: newsroom.run("return ReadAlso\\waiting();") == 1)
        assert shown(newsroom, seed) == ["Elsewhere", "Abroad"]
        click.result()


def test_a_post_that_returns_is_listed_again_while_the_service_is_away(
    newsroom: Site, stage: Stage, seed: int, post: int
) -> None:
    stage.answer = lambda _: Answer(503)
    save(newsroom, post, status="draft")
    assert shown(newsroom, seed) == ["Elsewhere", "Abroad"]
    save(newsroom, post, status="publish")
    assert shown(newsroom, seed) == ["Elsewhere", "Soon gone", "Abroad"]


def test_a_list_of_withdrawn_posts_alone_is_not_shown(
    newsroom: Site, stage: Stage, seed: int
) -> None:
    posts = [newsroom.insert(post_title=f"Gone {n}", post_content="Text.") for n in range(2)]
    items = {article_of(newsroom, one): f"Gone {one}" for one in posts}
    stage.answer = listing(article_of(newsroom, seed), items)
    assert len(shown(newsroom, seed)) == 2
    newsroom.run("array_map('wp_trash_post', $given['posts']);", posts=posts)
    assert shown(newsroom, seed) == []


def test_a_list_that_does_not_name_its_articles_is_not_shown_while_a_withdrawal_waits(
    newsroom: Site, stage: Stage, seed: int
) -> None:
    gone = newsroom.insert(post_title="Soon gone", post_content="Text.")
    nameless = Answer(200, SECTION.format(ITEM.format("Perhaps gone")), FRESH)

    def answer(asked: Asked) -> Answer:
        return nameless if ".html" in asked.path else Answer(503)

    stage.answer = answer
    assert shown(newsroom, seed) == ["Perhaps gone"]
    remove(newsroom, gone)
    assert newsroom.run("return ReadAlso\\waiting();") == 1
    assert shown(newsroom, seed) == []
    stage.answer = lambda asked: answer(asked) if ".html" in asked.path else accept(asked)
    pass_time(newsroom)
    assert newsroom.run("return ReadAlso\\waiting();") == 0
    assert shown(newsroom, seed) == ["Perhaps gone"]


# --- many at once ---


def lines_of(asked: Asked) -> list[str]:
    """What the lines of a bulk call tell, in order: the numbers of posts, `-` before a deletion."""
    rows = [json.loads(line) for line in asked.body.splitlines()]
    return [f"-{row['delete']['id']}" if "delete" in row else row["id"] for row in rows]


def test_a_bulk_action_is_told_in_one_call_before_anything_else(
    newsroom: Site, stage: Stage
) -> None:
    """However slow the calls are, and though other posts changed after these."""
    many = {"post_status": "publish", "post_content": "Many."}
    posts = newsroom.fill([many | {"post_title": f"Many {n}"} for n in range(100)])
    configure(newsroom, url=stage.address, key=KEY)
    stage.asked.clear()

    def answer(asked: Asked) -> Answer:
        time.sleep(0.1)
        return accept(asked)

    stage.answer = answer
    newsroom.run(
        """array_map('wp_trash_post', $given['posts']);
        for ($n = 0; $n < 5; $n++) {
            wp_insert_post(['post_title' => "New $n", 'post_status' => 'publish']);
        }""",
        posts=posts,
    )
    first = stage.asked[0]
    assert (first.method, first.path) == ("POST", "/v1/bulk")
    assert sorted(lines_of(first)) == sorted(f"-{article_of(newsroom, one)}" for one in posts)
    assert [one.method for one in stage.asked[1:]] == ["PUT"] * 5
    assert newsroom.run("return ReadAlso\\waiting();") == 0


@pytest.mark.parametrize("status", [413, 503])
def test_withdrawals_that_are_not_taken_in_bulk_are_tried_one_by_one(
    newsroom: Site, stage: Stage, status: int
) -> None:
    """Each for itself, where a proxy forbids the call. One that failed waits for its turn."""
    posts = [newsroom.insert(post_title=f"Soon {n}", post_content="Text.") for n in range(3)]
    bad = article_of(newsroom, posts[1])

    def answer(asked: Asked) -> Answer:
        if asked.method == "POST" and status == 413:
            return Answer(413, "<h1>413</h1>", HTML)
        if asked.method == "DELETE" and asked.path.endswith(bad):
            return Answer(500, "{}", PROBLEM)
        if asked.method == "POST":
            done = [503 if line == f"-{bad}" else 204 for line in lines_of(asked)]
            return Answer(200, json.dumps({"items": [{"status": code} for code in done]}))
        return accept(asked)

    stage.answer = answer
    newsroom.run("array_map('wp_trash_post', $given['posts']);", posts=posts)
    assert newsroom.run("return ReadAlso\\tried();") == [str(posts[1])]
    assert newsroom.run("return ReadAlso\\waiting();") == 1
