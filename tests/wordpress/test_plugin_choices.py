"""What editors choose for one post: who may, what is kept, and how the service comes to know it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.serving import KEY
from tests.wordpress.plugin import (
    NO_CHOICES,
    article_of,
    chosen,
    comes_true,
    configure,
    pass_time,
    publish,
    save,
)
from tests.wordpress.service import PLUGIN_KEY, PROBLEM, Answer, Asked, Service, Stage, accept
from tests.wordpress.site import Site

META = "_read_also"
LIST = '<section class="read-also'


@pytest.fixture(scope="module")
def newsroom(newsroom: Site) -> Site:
    """It has a contributor beside its editor."""
    newsroom.passwords["corin"] = newsroom.run(
        """$id = wp_insert_user(['user_login' => 'corin', 'user_pass' => $given['password'],
            'user_email' => 'corin@news.example', 'role' => 'contributor']);
        return WP_Application_Passwords::create_new_application_password(
            $id, ['name' => 'tests'])[0];""",
        password=newsroom.password,
    )
    return newsroom


def choose(site: Site, post: int, **choices: object) -> None:
    save(site, post, meta={META: NO_CHOICES | choices})


def choices_of(site: Site, post: int) -> dict[str, Any]:
    kept: dict[str, Any] = site.run("return ReadAlso\\choices($given['post']);", post=post)
    return kept


def overrides(service: Service, site: Site, post: int, kind: str) -> list[dict[str, Any]]:
    with service.client() as client:
        answer = client.get(f"/v1/articles/{article_of(site, post)}/{kind}")
    rows: list[dict[str, Any]] = answer.json().get(kind, [])
    return rows


def ids(service: Service, site: Site, post: int, kind: str) -> list[str]:
    return [row["id"] for row in overrides(service, site, post, kind)]


# --- how the service comes to know it ---


def test_pins_and_blocks_reach_the_service_with_the_save(newsroom: Site, service: Service) -> None:
    """In order, with their times and the editor's name; and the page shows them at once."""
    configure(newsroom, url=service.address, key=PLUGIN_KEY)
    seed, one, two, three = (publish(newsroom, f"The {n} well") for n in ("1st", "2", "3", "4"))
    times = {"from": "2026-01-02T03:04:00+05:00", "until": "2199-01-01T00:00:00Z"}
    choose(newsroom, seed, pins=[chosen(two), chosen(one, **times)], blocks=[chosen(three)])
    pins = overrides(service, newsroom, seed, "pins")
    assert [pin["id"] for pin in pins] == [article_of(newsroom, n) for n in (two, one)]
    assert pins[1]["starts_at"] == "2026-01-01T22:04:00Z"
    assert pins[1]["ends_at"] == "2199-01-01T00:00:00Z"
    assert "Zarina Desk" in pins[0]["by"]
    assert ids(service, newsroom, seed, "blocks") == [article_of(newsroom, three)]
    with newsroom.client() as visitor:
        page = visitor.get(f"/?p={seed}", follow_redirects=True).text
    shown = [page.find(f">The {n} well<", page.find(LIST)) for n in ("3", "2", "4")]
    assert 0 < shown[0] < shown[1]
    assert shown[2] < 0
    choose(newsroom, seed)
    assert ids(service, newsroom, seed, "pins") + ids(service, newsroom, seed, "blocks") == []


def test_what_is_pinned_before_it_is_public_is_sent_when_it_is(
    newsroom: Site, service: Service
) -> None:
    configure(newsroom, url=service.address, key=PLUGIN_KEY)
    seed, draft = publish(newsroom, "A lake rises"), publish(newsroom, "A dam", status="draft")
    choose(newsroom, seed, pins=[chosen(draft)])
    assert ids(service, newsroom, seed, "pins") == []
    save(newsroom, draft, status="publish")
    assert ids(service, newsroom, seed, "pins") == [article_of(newsroom, draft)]


def test_choices_of_a_draft_are_sent_when_it_is_published(newsroom: Site, service: Service) -> None:
    configure(newsroom, url=service.address, key=PLUGIN_KEY)
    other = publish(newsroom, "An orchard")
    draft = publish(newsroom, "A frost", status="draft")
    choose(newsroom, draft, pins=[chosen(other)], never=True)
    assert service.article(article_of(newsroom, draft)) is None
    save(newsroom, draft, status="publish")
    assert ids(service, newsroom, draft, "pins") == [article_of(newsroom, other)]
    stored = service.article(article_of(newsroom, draft))
    assert stored is not None
    assert stored["never_recommend"] is True


def test_what_is_unpinned_while_a_post_is_withdrawn_does_not_come_back_with_it(
    newsroom: Site, service: Service
) -> None:
    configure(newsroom, url=service.address, key=PLUGIN_KEY)
    seed, other = publish(newsroom, "A tide"), publish(newsroom, "A moon")
    choose(newsroom, seed, pins=[chosen(other)])
    save(newsroom, seed, status="draft")
    choose(newsroom, seed)
    save(newsroom, seed, status="publish")
    assert service.article(article_of(newsroom, seed)) is not None
    assert ids(service, newsroom, seed, "pins") == []


def test_an_outage_loses_no_choice(newsroom: Site, stage: Stage) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = accept
    seed, other = publish(newsroom, "A storm"), publish(newsroom, "A calm")
    stage.answer = lambda _: Answer(502, "<h1>Bad gateway</h1>")
    choose(newsroom, seed, pins=[chosen(other)])
    assert newsroom.run("return ReadAlso\\waiting();") == 1
    stage.answer = accept
    stage.asked.clear()
    pass_time(newsroom)
    assert newsroom.run("return ReadAlso\\waiting();") == 0
    sent = {asked.path.split("?")[0].rpartition("/")[2]: asked for asked in stage.asked}
    assert json.loads(sent["pins"].body) == {
        "pins": [{"id": article_of(newsroom, other)}],
        "by": "Zarina Desk",
    }
    assert json.loads(sent["blocks"].body)["blocks"] == []
    stage.asked.clear()
    pass_time(newsroom)
    assert [asked.path for asked in stage.asked if "pins" in asked.path] == []


def test_a_pin_that_the_service_lacks_keeps_no_other_out(newsroom: Site, stage: Stage) -> None:
    """It is tried again, since its article may only be on its way."""
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = accept
    seed, one, two = (publish(newsroom, f"Bridge {n}") for n in range(3))

    def without_one(asked: Asked) -> Answer:
        if "/pins" not in asked.path or article_of(newsroom, one) not in asked.body.decode():
            return accept(asked)
        fault = {"pointer": "/pins/0/id", "detail": "push it first"}
        return Answer(422, json.dumps({"errors": [fault]}), PROBLEM)

    stage.answer = without_one
    stage.asked.clear()
    choose(newsroom, seed, pins=[chosen(one), chosen(two)])
    sets = [json.loads(asked.body)["pins"] for asked in stage.asked if "/pins" in asked.path]
    assert sets[-1] == [{"id": article_of(newsroom, two)}]
    stage.answer = accept
    stage.asked.clear()
    pass_time(newsroom)
    sets = [json.loads(asked.body)["pins"] for asked in stage.asked if "/pins" in asked.path]
    assert [pin["id"] for pin in sets[-1]] == [article_of(newsroom, n) for n in (one, two)]


def test_a_pin_that_was_given_up_is_sent_when_the_service_has_its_article(
    newsroom: Site, stage: Stage
) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = accept
    seed, late = publish(newsroom, "A gate"), publish(newsroom, "A key to it")
    fault = {"errors": [{"pointer": "/pins/0/id", "detail": "push it first"}]}
    refused = Answer(422, json.dumps(fault), PROBLEM)
    stage.answer = lambda asked: (
        refused
        if "/pins" in asked.path and article_of(newsroom, late) in asked.body.decode()
        else accept(asked)
    )
    choose(newsroom, seed, pins=[chosen(late)])
    newsroom.run("ReadAlso\\forget_queue();")
    stage.answer = accept
    for wanted in (
        [[{"id": article_of(newsroom, late)}]],
        [],
    ):  # the second time nothing is missing
        stage.asked.clear()
        save(newsroom, late, content=f"Turn it {len(wanted)} times.")
        sets = [json.loads(asked.body)["pins"] for asked in stage.asked if "/pins" in asked.path]
        assert sets == wanted


def test_a_service_that_gets_the_archive_anew_gets_the_choices_too(
    newsroom: Site, stage: Stage
) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = accept
    seed, other = publish(newsroom, "A mill"), publish(newsroom, "A miller")
    choose(newsroom, seed, blocks=[chosen(other)])
    stage.asked.clear()
    newsroom.run("ReadAlso\\push_all();")
    pass_time(newsroom)
    wanted = f"/v1/articles/{article_of(newsroom, seed)}/blocks"
    bodies = [json.loads(a.body) for a in stage.asked if a.path.startswith(wanted)]
    assert bodies[-1]["blocks"] == [{"id": article_of(newsroom, other)}]


# --- the two flags ---


def test_a_post_without_a_list_prints_none_whatever_the_service_says(
    newsroom: Site, service: Service
) -> None:
    configure(newsroom, url=service.address, key=PLUGIN_KEY)
    seed = publish(newsroom, "The last ferry")
    publish(newsroom, "The last ferry home")

    def shows_a_list() -> bool:
        configure(newsroom, url=service.address, key=PLUGIN_KEY)  # No copy is kept.
        return LIST in page_of(newsroom, seed)

    assert comes_true(shows_a_list)
    choose(newsroom, seed, no_list=True)
    stored = service.article(article_of(newsroom, seed))
    assert stored is not None
    assert stored["no_related"] is True
    assert LIST not in page_of(newsroom, seed)
    newsroom.run("return update_option('read_also_away_read', time() + 60);")
    assert LIST not in page_of(newsroom, seed)


def test_a_post_of_a_section_without_lists_prints_none(newsroom: Site, service: Service) -> None:
    """It stands in the lists of others all the same."""
    term = newsroom.category("Obituaries")
    configure(newsroom, url=service.address, key=PLUGIN_KEY, no_list_terms=[term])
    one = save(newsroom, title="The oldest ferryman", content="He rowed.", categories=[term])
    other = publish(newsroom, "The oldest ferryman of all")

    def shows(text: str, post: int) -> bool:
        """Whether a page that asks anew has it: a list that came too early would be kept."""
        newsroom.run(
            'global $wpdb; $wpdb->query("DELETE FROM {$wpdb->options} WHERE option_name LIKE'
            " '%transient%read_also_list%'\"); wp_cache_flush();"
        )
        return text in page_of(newsroom, post)

    assert comes_true(lambda: shows("The oldest ferryman<", other))
    assert LIST not in page_of(newsroom, one)
    stored = service.article(article_of(newsroom, one)) or {}
    assert stored["no_related"] is True
    assert "never_recommend" not in stored
    save(newsroom, one, categories=[1])
    assert comes_true(lambda: shows(LIST, one))


def test_a_block_holds_on_pages_while_the_service_is_away(newsroom: Site, service: Service) -> None:
    configure(newsroom, url=service.address, key=PLUGIN_KEY)
    texts = {
        "old": "Rangers filmed it twice.",
        "shy": "It fled to a cave.",
        "sly": "Sheep are gone.",
    }
    seed, shy, _ = (
        save(newsroom, title=f"The {name} snow leopard", content=text)
        for name, text in texts.items()
    )

    def shown() -> list[bool]:
        page = page_of(newsroom, seed)
        return [f"The {name} snow leopard" in page[page.find(LIST) :] for name in ("shy", "sly")]

    def shows_both() -> bool:
        configure(newsroom, url=service.address, key=PLUGIN_KEY, limit=20)  # No copy is kept.
        return LIST in page_of(newsroom, seed) and shown() == [True, True]

    assert comes_true(shows_both)
    newsroom.run(
        """return update_option('read_also',
            ['url' => 'http://127.0.0.1:9'] + get_option('read_also'));"""
    )
    choose(newsroom, seed, blocks=[chosen(shy)])
    assert shown() == [False, True]


def page_of(site: Site, post: int) -> str:
    with site.client() as visitor:
        page: str = visitor.get(f"/?p={post}", follow_redirects=True).text
    return page


# --- from when until when ---


def moment(seconds: float) -> str:
    """So many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def fields(service: Service, site: Site, post: int) -> list[bool]:
    """Whether the service has a post for one without a list, and for one in no list."""
    stored = service.article(article_of(site, post))
    assert stored is not None
    return [stored.get(name) is True for name in ("no_related", "never_recommend")]


def test_the_two_switches_hold_from_their_begin_until_their_end(
    newsroom: Site, service: Service
) -> None:
    """The service knows no times of these: the article is sent again when one begins or ends."""
    configure(newsroom, url=service.address, key=PLUGIN_KEY)
    seed = publish(newsroom, "A comet returns")
    early, late = moment(-3600), moment(3600)
    choose(newsroom, seed, no_list=True, no_list_from=late, never=True, never_until=early)
    assert fields(service, newsroom, seed) == [False, False]
    assert wants_list(newsroom, seed)
    choose(newsroom, seed, no_list=True, no_list_from=early, never=True, never_until=late)
    assert fields(service, newsroom, seed) == [True, True]
    assert not wants_list(newsroom, seed)
    for seconds in (2, 10, 60):  # a slow machine needs more until the choice is told
        soon = moment(seconds)
        choose(newsroom, seed, no_list=True, no_list_until=soon, never=True, never_from=soon)
        before = fields(service, newsroom, seed)
        if moment(0) < soon:
            break
    assert before == [True, False]

    def changes() -> bool:
        newsroom.cron()
        return fields(service, newsroom, seed) == [False, True]

    assert comes_true(changes)
    assert wants_list(newsroom, seed)


def wants_list(site: Site, post: int) -> bool:
    wanted: bool = site.run("return ReadAlso\\wants_list($given['post']);", post=post)
    return wanted


def planned(site: Site, post: int) -> int:
    """When WP-Cron looks at the choices for a post, in seconds from now; 0 where it does not."""
    code = "$at = wp_next_scheduled('read_also_boundary', [$given['post']]);"
    seconds: int = site.run(f"{code} return $at ? $at - time() : 0;", post=post)
    return seconds


def test_the_page_is_made_anew_when_a_choice_begins_or_ends(newsroom: Site, stage: Stage) -> None:
    """Page caches are told, and no copy of before is shown."""
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = accept
    seed, one, two = (publish(newsroom, f"Eclipse {n}") for n in range(3))
    pins = [chosen(one, **{"from": moment(2000), "until": moment(3000)})]
    choose(newsroom, seed, pins=pins, blocks=[chosen(two, until=moment(1000))])
    assert 900 < planned(newsroom, seed) <= 1000
    choose(newsroom, seed, pins=pins)
    assert 1900 < planned(newsroom, seed) <= 2000
    before = newsroom.run(
        "return get_post_meta($given['post'], '_read_also_chosen_at', true);", post=seed
    )
    told = newsroom.run(
        """$told = [];
        add_action('read_also_list_changed', function ($post) use (&$told) { $told[] = $post; });
        update_post_meta($given['post'], '_read_also_chosen_at', 1);
        do_action('read_also_boundary', $given['post']);
        return [$told, (int) get_post_meta($given['post'], '_read_also_chosen_at', true)];""",
        post=seed,
    )
    assert told[0] == [seed]
    assert told[1] >= int(before)
    choose(newsroom, seed)
    assert planned(newsroom, seed) == 0


# --- who may ---


def test_a_contributor_sees_the_list_and_chooses_nothing(newsroom: Site, service: Service) -> None:
    configure(newsroom, url=service.address, key=KEY)
    other = publish(newsroom, "A caravan in Osh")
    author = newsroom.run("return get_user_by('login', 'corin')->ID;")
    own = newsroom.insert(
        post_title="Mine", post_content="Mine.", post_status="draft", post_author=author
    )
    wanted = NO_CHOICES | {"pins": [chosen(other)]}
    with newsroom.client("corin") as client:
        seen = client.post(f"/wp-json/read-also/v1/posts/{own}/list", json={"title": "Caravans"})
        tried = client.post(f"/wp-json/read-also/v1/posts/{own}/list", json={"choices": wanted})
        found = client.get("/wp-json/read-also/v1/posts", params={"search": "caravan"})
        saved = client.post(f"/wp-json/wp/v2/posts/{own}", json={"meta": {META: wanted}})
        others = client.post(f"/wp-json/read-also/v1/posts/{other}/list", json={})
        read = client.get(f"/wp-json/wp/v2/posts/{own}", params={"context": "edit"})
    assert (seen.status_code, seen.json()["live"]) == (200, True)
    codes = [answer.status_code for answer in (tried, found, saved, others)]
    assert codes == [403, 403, 403, 403]
    assert META not in read.json()["meta"]
    assert choices_of(newsroom, own) == NO_CHOICES


def test_a_visitor_asks_nothing_and_sees_no_choice(newsroom: Site) -> None:
    configure(newsroom, url="", key="")
    post = publish(newsroom, "A choice")
    choose(newsroom, post, never=True)
    with newsroom.client() as visitor:
        assert visitor.post(f"/wp-json/read-also/v1/posts/{post}/list", json={}).status_code == 401
        assert visitor.get("/wp-json/read-also/v1/posts").status_code == 401
        assert META not in visitor.get(f"/wp-json/wp/v2/posts/{post}").json().get("meta", {})
    assert choices_of(newsroom, post)["never"] is True


# --- what is kept ---


def test_what_is_no_choice_is_not_kept(newsroom: Site) -> None:
    given = {
        "pins": [
            {"post": 3, "from": "2026-05-01T10:00:00+05:00", "until": "2026-05-01T05:00:00Z"},
            {"post": "3"},
            {"post": 0, "article": "a b<i>:1", "title": "<b>Bold</b> move"},
            {"post": 0, "article": ""},
            "words",
        ],
        "blocks": [{"post": -7, "from": "yesterday", "until": ["x"]}],
        "no_list_from": "2026-05-01T10:00:00Z",
        "never": "1",
        "never_from": "2026-05-01T10:00:00Z",
        "never_until": "2026-05-01T14:00:00+05:00",
        "unknown": 1,
    }
    kept = newsroom.run("return ReadAlso\\sanitize_choices($given['given']);", given=given)
    assert kept == NO_CHOICES | {
        "pins": [
            chosen(3),
            {"post": 0, "article": "abi:1", "title": "Bold move", "from": "", "until": ""},
        ],
        "blocks": [chosen(7)],
        "never": True,
        "never_from": "2026-05-01T10:00:00Z",
    }


# --- the end; last, since the plugin is gone afterwards ---


def test_no_choice_is_left_behind(newsroom: Site) -> None:
    configure(newsroom, url="", key="")
    post = publish(newsroom, "The end")
    choose(newsroom, post, never=True)
    left = newsroom.run(
        """
        global $wpdb;
        require_once ABSPATH . 'wp-admin/includes/plugin.php';
        $count = "SELECT COUNT(*) FROM {$wpdb->postmeta} WHERE meta_key LIKE '%read\\_also%'";
        $before = (int) $wpdb->get_var($count);
        deactivate_plugins('read-also/read-also.php');
        uninstall_plugin('read-also/read-also.php');
        return [$before > 0, (int) $wpdb->get_var($count)];"""
    )
    assert left == [True, 0]
