"""Caches of whole pages drop the pages whose lists changed, and no others."""

import json
from pathlib import Path

import pytest

from tests.support.serving import KEY
from tests.wordpress.page_caches import all_caches, forget_purges, purged, shown_on
from tests.wordpress.plugin import (
    article_of,
    comes_true,
    configure,
    pass_time,
    remove,
    save,
)
from tests.wordpress.service import HTML, PROBLEM, Answer, Asked, Stage, accept
from tests.wordpress.site import Site

CACHES = Path(__file__).parent / "php/beside/caches"
ITEM = '<li class="read-also__item"><a href="https://n.example/">An item</a></li>'
HTML_OF = """return ReadAlso\\list_html($given['page'], ReadAlso\\list_options([]));"""


@pytest.fixture(scope="module")
def newsroom(newsroom: Site) -> Site:
    """With stand-ins for the caches."""
    newsroom.add_plugin(CACHES)
    return newsroom


class Lists:
    """A service with so many articles that `appears-in` is incomplete; it lists what is written."""

    def __init__(self, site: Site, stage: Stage) -> None:
        self.site, self.stage = site, stage
        self.under: dict[int, list[int]] = {}
        self.away = False
        self.nameless = False
        self.appears_in = shown_on(complete=False)
        stage.answer = self.answer

    def answer(self, asked: Asked) -> Answer:
        if "appears-in" in asked.path:
            return self.appears_in
        if ".html" in asked.path:
            return self.html(asked.path.split("/")[3])
        return Answer(503, "{}", PROBLEM) if self.away else accept(asked)

    def html(self, article: str) -> Answer:
        pages = {article_of(self.site, page): posts for page, posts in self.under.items()}
        posts = [article_of(self.site, post) for post in pages.get(article, ())]
        html = f'<section class="read-also"><ul>{ITEM * len(posts)}</ul></section>'
        headers = HTML | {"Cache-Control": "max-age=0, stale-if-error=9"}
        names = {} if self.nameless else {"Surrogate-Key": " ".join([article, *posts])}
        return Answer(200, html, headers | names)

    def asked_where(self) -> list[str]:
        return [one.path for one in self.stage.asked if "appears-in" in one.path]


@pytest.fixture
def lists(newsroom: Site, stage: Stage) -> Lists:
    made = Lists(newsroom, stage)
    configure(newsroom, url=stage.address, key=KEY)
    newsroom.run("rocket_clean_domain();")
    forget_purges(newsroom)
    return made


def view(newsroom: Site, *pages: int) -> None:
    with newsroom.client() as client:
        for page in pages:
            client.get(f"/?p={page}", follow_redirects=True).raise_for_status()


def address(newsroom: Site, page: int) -> str:
    link: str = newsroom.run("return get_permalink($given['page']);", page=page)
    return link


def posts(newsroom: Site, count: int) -> list[int]:
    fields = {"post_status": "publish", "post_content": "Text."}
    return newsroom.fill([fields | {"post_title": f"Post {n}"} for n in range(count)])


@pytest.fixture
def known(newsroom: Site, lists: Lists) -> list[int]:
    """Two pages, and the three posts in their lists; the caches were emptied once before."""
    one, other, first, second, third, before = posts(newsroom, 6)
    lists.under = {one: [first, second], other: [third]}
    remove(newsroom, before)
    assert comes_true(lambda: purged(newsroom) == all_caches("all"))
    view(newsroom, one, other)
    forget_purges(newsroom)
    lists.stage.asked.clear()
    return [one, other, first, second, third]


# --- what is withdrawn ---


def test_only_the_pages_that_showed_a_withdrawn_post_are_made_anew(
    newsroom: Site, lists: Lists, known: list[int]
) -> None:
    """Nobody is asked: above 1,000 articles the service does not know all of them."""
    one, _, first, *_ = known
    remove(newsroom, first)
    assert comes_true(lambda: purged(newsroom) == all_caches(address(newsroom, one)))
    assert lists.asked_where() == []


def test_a_post_that_no_page_showed_leaves_the_caches_as_they_are(
    newsroom: Site, lists: Lists, known: list[int]
) -> None:
    assert len(known) == 5
    (post,) = posts(newsroom, 1)
    remove(newsroom, post)
    assert newsroom.run("return ReadAlso\\waiting();") == 0
    assert purged(newsroom) == {}
    assert lists.asked_where() == []


def test_a_bulk_action_makes_their_pages_anew_while_the_service_is_away(
    newsroom: Site, lists: Lists, known: list[int]
) -> None:
    _, other, *_, third = known
    more = posts(newsroom, 10)
    lists.away = True
    newsroom.run("array_map('wp_trash_post', $given['posts']);", posts=[third, *more])
    assert purged(newsroom) == all_caches(address(newsroom, other))


def test_a_cache_may_hold_a_page_of_before_the_list_changed(
    newsroom: Site, lists: Lists, known: list[int]
) -> None:
    one, _, first, second, third = known
    lists.under[one] = [third]
    assert newsroom.run(HTML_OF, page=one).count(ITEM) == 1
    newsroom.run("array_map('wp_trash_post', $given['posts']);", posts=[first, second])
    assert purged(newsroom) == all_caches(address(newsroom, one))


def test_a_list_that_does_not_name_its_articles_is_on_a_page_that_nobody_knows(
    newsroom: Site, lists: Lists, known: list[int]
) -> None:
    one, _, first, *_ = known
    lists.nameless = True
    assert newsroom.run(HTML_OF, page=one).count(ITEM) == 2
    remove(newsroom, first)
    assert comes_true(lambda: purged(newsroom) == all_caches("all"))


def test_a_page_that_is_deleted_is_not_remembered(
    newsroom: Site, lists: Lists, known: list[int]
) -> None:
    rows = """global $wpdb;
        return (int) $wpdb->get_var("SELECT COUNT(*) FROM {$wpdb->options}
            WHERE option_name LIKE 'read\\_also\\_shown\\_%'");"""
    assert lists.under
    assert newsroom.run(rows) == 2
    remove(newsroom, known[0], for_good=True)
    assert newsroom.run(rows) == 1


def test_pages_of_a_section_without_lists_are_made_anew(newsroom: Site, lists: Lists) -> None:
    term = newsroom.category("Obituaries")
    (post,) = posts(newsroom, 1)
    newsroom.run(
        "update_option('read_also', ['no_list_terms' => [$given['term']]]"
        " + get_option('read_also'));",
        term=term,
    )
    assert purged(newsroom) == all_caches("all")
    forget_purges(newsroom)
    newsroom.run("wp_set_object_terms($given['p'], $given['t'], 'category');", p=post, t=term)
    assert purged(newsroom) == all_caches(address(newsroom, post))
    assert lists.asked_where() == []


# --- what is new ---


def test_the_pages_that_list_a_new_post_are_made_anew_by_wp_cron(
    newsroom: Site, lists: Lists
) -> None:
    """When copies of the lists of before are too old to be shown; the save asks nothing."""
    (page,) = posts(newsroom, 1)
    lists.appears_in = shown_on(article_of(newsroom, page), complete=False)
    new = save(newsroom, title="New", content="Text.")
    newsroom.run("wp_schedule_event(time() - 1, 'read_also', 'read_also_push');")
    newsroom.cron()
    assert newsroom.run("return ReadAlso\\waiting();") == 0
    assert (lists.asked_where(), purged(newsroom)) == ([], {})
    pass_time(newsroom)
    assert lists.asked_where()[-1] == f"/v1/articles/{article_of(newsroom, new)}/appears-in"
    assert purged(newsroom) == all_caches(address(newsroom, page))
    forget_purges(newsroom)
    pass_time(newsroom)
    assert purged(newsroom) == {}


def test_another_text_brings_a_post_into_other_lists(newsroom: Site, lists: Lists) -> None:
    page, post = posts(newsroom, 2)
    pass_time(newsroom)
    forget_purges(newsroom)
    lists.appears_in = shown_on(article_of(newsroom, page))
    save(newsroom, post, content="Another text.")
    assert purged(newsroom) == {}
    pass_time(newsroom)
    assert purged(newsroom) == all_caches(address(newsroom, page))


def test_a_key_that_may_not_ask_has_the_pages_in_the_new_list_made_anew(
    newsroom: Site, lists: Lists
) -> None:
    (page,) = posts(newsroom, 1)
    pass_time(newsroom)
    forget_purges(newsroom)
    lists.appears_in = Answer(403, "{}", PROBLEM)
    own = json.dumps({"items": [{"id": article_of(newsroom, page)}, {"id": "elsewhere"}]})
    of_stage = lists.stage.answer
    lists.stage.answer = lambda asked: (
        Answer(200, own) if "/related?" in asked.path else of_stage(asked)
    )
    save(newsroom, title="New", content="Text.")
    pass_time(newsroom)
    assert purged(newsroom) == all_caches(address(newsroom, page))


def test_a_new_post_waits_for_a_service_that_is_away(newsroom: Site, lists: Lists) -> None:
    (page,) = posts(newsroom, 1)
    pass_time(newsroom)
    forget_purges(newsroom)
    lists.away = True
    lists.appears_in = Answer(503, "{}", PROBLEM)
    save(newsroom, title="New", content="Text.")
    pass_time(newsroom)
    lists.away = False
    lists.appears_in = shown_on(article_of(newsroom, page))
    pass_time(newsroom)  # it is sent
    assert purged(newsroom) == {}
    pass_time(newsroom)
    assert purged(newsroom) == all_caches(address(newsroom, page))


def test_hundreds_of_new_posts_make_all_pages_anew_once(newsroom: Site, lists: Lists) -> None:
    many = """for ($n = 1; $n <= 201; $n++) {
            ReadAlso\\keep_row("read_also_new_$n", ReadAlso\\sortable(1));
        }
        do_action('read_also_pushed', 0.0, microtime(true) + 9);
        do_action('read_also_pushed', 0.0, microtime(true) + 9);"""
    newsroom.run(many)
    assert purged(newsroom) == all_caches("all")
    assert len((newsroom.folder / "caches.log").read_text().splitlines()) == 7
    assert lists.asked_where() == []
