"""The settings page as an administrator uses it: connecting, pushing, choosing what is sent."""

import json
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.serving import KEY
from tests.support.waiting import free_port
from tests.wordpress.browsing import chromium, log_in
from tests.wordpress.plugin import PLUGIN, article_of, comes_true, configure, pass_time, save
from tests.wordpress.service import PLUGIN_KEY, READER_KEY, Answer, Asked, Service, Stage, accept
from tests.wordpress.site import Site

pytestmark = pytest.mark.long

PAGE = "/wp-admin/options-general.php?page=read-also"
PROGRESS = re.compile(r"^\d+ of 6\d\d posts, \d+ a second, \d+ seconds? left$")
TYPES = """<?php
/* Plugin Name: A newsroom's own types. */
add_action('init', function () {
    $types = ['post', 'dossier'];
    $desks = ['public' => true, 'label' => 'Desks', 'hierarchical' => true];
    register_taxonomy('desk', $types, $desks);
    register_taxonomy('place', $types, ['public' => true, 'label' => 'Places']);
    register_post_type('dossier', ['public' => true, 'label' => 'Dossiers']);
});
"""


@pytest.fixture(scope="module")
def newsroom(site: Site) -> Iterator[Site]:
    (site.folder / "content/mu-plugins/types.php").write_text(TYPES)
    site.add_plugin(PLUGIN)
    yield site
    assert [line for line in site.log.splitlines() if "read-also" in line] == []


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture(scope="module")
def tab(browser: Browser, newsroom: Site) -> Iterator[Page]:
    """A page of the administrator, whose scripts have no faults."""
    faults: list[str] = []
    page = log_in(browser, newsroom)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    assert faults == []


# --- first steps ---


def test_the_hint_after_activation_leads_to_the_settings_until_it_is_waved_away(
    newsroom: Site, tab: Page
) -> None:
    configure(newsroom, url="", key="")
    tab.goto(f"{newsroom.home}/wp-admin/")
    hint = tab.locator("#read-also-hint")
    expect(hint).to_contain_text("Three steps are left")
    hint.get_by_role("link", name="Open the settings").click()
    expect(tab.get_by_role("heading", name="Read Also", exact=True)).to_be_visible()
    expect(hint).to_have_count(0)
    tab.goto(f"{newsroom.home}/wp-admin/plugins.php")
    with tab.expect_response("**/admin-ajax.php") as answered:
        hint.get_by_role("button").click()
    assert answered.value.json() == {"success": True}
    tab.reload()
    expect(hint).to_have_count(0)
    tab.get_by_role("link", name="Settings of Read Also").click()
    expect(tab.get_by_role("button", name="Test the connection")).to_be_visible()


def test_who_may_not_set_anything_sees_no_hint(newsroom: Site, browser: Browser) -> None:
    configure(newsroom, url="", key="")
    page = log_in(browser, newsroom, "editor")
    page.goto(f"{newsroom.home}/wp-admin/")
    expect(page.locator("#read-also-hint")).to_have_count(0)
    page.context.close()


def test_the_privacy_guide_says_what_leaves_the_site(newsroom: Site, tab: Page) -> None:
    tab.goto(f"{newsroom.home}/wp-admin/options-privacy.php?tab=policyguide")
    tab.get_by_role("button", name="Read Also").click()
    expect(tab.get_by_text("Nothing about visitors is sent to it")).to_be_visible()


# --- the connection ---


def try_out(tab: Page, url: str, key: str) -> tuple[bool, str]:
    """Type an address and a key, and press the button; whether all is well, and what is said."""
    tab.fill("#read-also-url", url)
    tab.fill("#read-also-key", key)
    tab.get_by_role("button", name="Test the connection").click()
    said = tab.locator("#read-also-tested.notice")
    expect(said).to_be_visible()
    return "notice-success" in (said.get_attribute("class") or ""), said.inner_text()


def test_the_connection_is_tested_as_it_is_typed(
    newsroom: Site, tab: Page, service: Service
) -> None:
    """A wrong key, wrong addresses, a key without a scope, and the right one; nothing is saved."""
    configure(newsroom, url="", key="")
    tab.goto(newsroom.home + PAGE)
    nowhere = f"http://127.0.0.1:{free_port()}"
    fine, said = try_out(tab, nowhere, PLUGIN_KEY)
    assert (fine, said.startswith(f"{nowhere} cannot be reached: ")) == (False, True)
    fine, said = try_out(tab, newsroom.home, PLUGIN_KEY)
    assert (fine, "but not Read Also (" in said) == (False, True)
    fine, said = try_out(tab, service.address, "")
    assert (fine, said) == (False, "The service is there, and asks for a key. Enter one.")
    fine, said = try_out(tab, service.address, "nobody-knows-this-key")
    assert (fine, "does not know this key (401 the key is not known)" in said) == (False, True)
    fine, said = try_out(tab, service.address, READER_KEY)
    assert (fine, "takes no articles with this key: 403" in said) == (False, True)
    fine, said = try_out(tab, "ftp://news.example", PLUGIN_KEY)
    assert (fine, "must begin with http:// or https://" in said) == (False, True)
    fine, said = try_out(tab, service.address, PLUGIN_KEY)
    assert fine
    assert 'Only the list of a draft, in the editor, needs the scope "read" too.' in said
    assert "Save the changes to keep this address and key." in said
    assert newsroom.run("return get_option('read_also')['url'];") == ""
    tab.get_by_role("button", name="Save Changes").click()
    expect(tab.get_by_text("Settings saved.")).to_be_visible()
    expect(tab.locator("#read-also-tested")).to_contain_text("All is well")  # without a click
    expect(tab.get_by_role("link", name="Push all posts once.")).to_be_visible()
    fine, said = try_out(tab, service.address, "")
    assert (fine, "Save" in said) == (True, False)
    fine, said = try_out(tab, f"http://127.0.0.1:{free_port()}", "")
    assert (fine, "belongs to another address" in said) == (False, True)


def test_a_key_that_is_set_is_sent_to_no_address_that_is_only_typed(
    newsroom: Site, tab: Page, stage: Stage
) -> None:
    configure(newsroom, url="http://127.0.0.1:9", key=KEY)
    tab.goto(newsroom.home + PAGE)
    fine, _ = try_out(tab, stage.address, "")
    assert not fine
    assert stage.asked == []


# --- the push of all posts ---


def slow(asked: Asked) -> Answer:
    """Answer as a service does whose machine has much to do."""
    if asked.method == "POST":
        time.sleep(0.4)
    return accept(asked)


def sent(stage: Stage) -> int:
    return sum(len(one.body.splitlines()) for one in stage.asked if one.path == "/v1/bulk")


def paths(stage: Stage) -> list[str]:
    return [one.path for one in stage.asked]


def articles(stage: Stage) -> set[str]:
    """The ids of all that were sent, in bulk or alone."""
    alone = {one.path.removeprefix("/v1/articles/") for one in stage.asked if one.method == "PUT"}
    return alone | {
        json.loads(line)["id"]
        for one in stage.asked
        if one.path == "/v1/bulk"
        for line in one.body.splitlines()
    }


def at_rest(stage: Stage) -> int:
    """How many changes were sent, once no more are."""
    before = -1
    while before != sent(stage):
        before = sent(stage)
        time.sleep(1.2)
    return before


@pytest.fixture(scope="module")
def archive(newsroom: Site) -> list[int]:
    """Six hundred posts."""
    configure(newsroom, url="", key="")
    posts = [{"post_title": f"Story {n}", "post_status": "publish"} for n in range(600)]
    return newsroom.fill(posts)


def test_the_push_shows_how_far_it_is_and_stops_and_goes_on(
    newsroom: Site, tab: Page, stage: Stage, archive: list[int]
) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = slow
    tab.goto(newsroom.home + PAGE)
    tab.get_by_role("button", name="Push all posts").click()
    words = tab.locator(".read-also-progress")
    expect(words).to_have_text(PROGRESS)
    expect(tab.get_by_role("link", name="Push all posts once.")).to_have_count(0)
    expect(tab.get_by_role("progressbar", name="Posts that were sent")).to_be_visible()
    tab.get_by_role("button", name="Stop").click()
    expect(words).to_contain_text("Stopped after ")
    before = at_rest(stage)
    assert 0 < before < 600
    pass_time(newsroom)
    save(newsroom, archive[0], title="What an editor changes does not wait")
    assert comes_true(lambda: f"/v1/articles/{article_of(newsroom, archive[0])}" in paths(stage))
    assert sent(stage) == before
    tab.reload()
    expect(words).to_contain_text("Stopped after ")
    tab.get_by_role("button", name="Go on").click()
    expect(words).to_have_text("The service has every change.")
    expect(tab.get_by_role("button", name="Stop")).to_be_hidden()
    assert articles(stage) >= {article_of(newsroom, post) for post in archive}


def test_the_push_goes_on_by_wp_cron_when_the_page_is_closed(
    newsroom: Site, tab: Page, stage: Stage, archive: list[int]
) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = slow
    tab.goto(newsroom.home + PAGE)
    tab.get_by_role("button", name="Push all posts").click()
    expect(tab.locator(".read-also-progress")).to_have_text(PROGRESS)
    tab.goto("about:blank")
    before = at_rest(stage)
    assert before < len(archive)
    pass_time(newsroom)
    assert articles(stage) >= {article_of(newsroom, post) for post in archive}
    assert newsroom.run("return ReadAlso\\waiting();") == 0


# --- what is sent ---


def test_types_and_taxonomies_are_chosen_and_sections_left_out(
    newsroom: Site, tab: Page, service: Service
) -> None:
    configure(newsroom, url="", key="")
    terms = newsroom.run(
        """$taxonomies = ['Harbour' => 'desk', 'Adverts' => 'desk', 'Khujand' => 'place'];
        foreach ($taxonomies as $name => $taxonomy) {
            $made[$name] = wp_insert_term($name, $taxonomy)['term_id'];
        }
        $made['Tugs'] = wp_insert_term('Tugs', 'desk', ['parent' => $made['Harbour']])['term_id'];
        return $made;"""
    )
    before = newsroom.insert(post_title="A story of before")
    newsroom.run(
        "return wp_set_object_terms($given['post'], $given['term'], 'desk');",
        post=before,
        term=terms["Harbour"],
    )
    configure(newsroom, url=service.address, key=PLUGIN_KEY)
    tab.goto(newsroom.home + PAGE)
    tab.get_by_role("group", name="Post types").get_by_label("Dossiers").check()
    tab.get_by_label("Section").select_option("desk")
    tab.get_by_role("group", name="Tags").get_by_label("Places").check()
    tab.get_by_role("button", name="Save Changes").click()
    never = tab.get_by_role("group", name="Never recommended")
    never.get_by_label("Adverts").check()
    without = tab.get_by_role("group", name="Without a list")
    without.get_by_label("Tugs").check()
    tab.get_by_role("button", name="Save Changes").click()
    expect(never.get_by_label("Adverts")).to_be_checked()
    expect(never.get_by_label("Tugs")).not_to_be_checked()
    expect(without.get_by_label("Tugs")).to_be_checked()
    expect(without.get_by_label("Adverts")).not_to_be_checked()
    set_now = newsroom.run("return ReadAlso\\settings();")
    assert set_now["types"] == ["post", "dossier"]
    assert set_now["section_taxonomy"] == "desk"
    assert sorted(set_now["tag_taxonomies"]) == ["place", "post_tag"]
    assert set_now["excluded_terms"] == [terms["Adverts"]]
    assert set_now["no_list_terms"] == [terms["Tugs"]]
    expect(tab.locator(".read-also-progress")).to_have_text("The service has every change.")
    assert (service.article(article_of(newsroom, before)) or {})["section"] == "Harbour"
    made = newsroom.run(
        """foreach ([['Tugs', 'Khujand'], ['Adverts']] as $names) {
            $dossier = ['post_type' => 'dossier', 'post_status' => 'publish'];
            $post = wp_insert_post($dossier + ['post_title' => $names[0]]);
            wp_set_object_terms($post, $given['terms'][$names[0]], 'desk');
            wp_set_object_terms($post, $names[1] ?? [], 'place');
            $made[] = $post;
        }
        return $made;""",
        terms=terms,
    )
    kept, left_out = (article_of(newsroom, post) for post in made)
    assert comes_true(lambda: (service.article(left_out) or {}).get("never_recommend") is True)
    assert comes_true(lambda: (service.article(kept) or {}).get("section") == "Tugs")
    assert (service.article(kept) or {})["tags"] == ["Khujand"]
    assert "never_recommend" not in (service.article(kept) or {})
    said = [(service.article(one) or {}).get("no_related", False) for one in (kept, left_out)]
    assert said == [True, False]


# --- site health ---


@pytest.mark.parametrize(
    ("waiting", "late", "tries", "held", "said"),
    [
        (0, 9999, 9, 1, ""),
        (3, 60, 1, 0, ""),
        (1, 7200, 0, 0, "1 post waits. WP-Cron did not run for 2 hours."),
        (1200, 60, 0, 1, "1,200 posts wait. The push of all posts was stopped"),
        (2, 60, 4, 0, "2 posts wait. Some were tried several times."),
    ],
)
def test_site_health_says_what_keeps_changes_back(
    newsroom: Site, waiting: int, late: int, tries: int, held: int, said: str
) -> None:
    found = newsroom.run(
        "return ReadAlso\\queue_fault(...$given['of']);", of=[waiting, late, tries, held]
    )
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_site_health_shows_whether_the_service_answers(
    newsroom: Site, tab: Page, service: Service
) -> None:
    configure(newsroom, url=f"http://127.0.0.1:{free_port()}", key=KEY)
    tab.goto(f"{newsroom.home}/wp-admin/site-health.php")
    critical = tab.locator("#health-check-issues-critical")
    expect(critical.get_by_text("Read Also is not connected")).to_be_visible()
    configure(newsroom, url=service.address, key=PLUGIN_KEY)
    tests = """
        $found = [ReadAlso\\test_curl(), ReadAlso\\test_queue(), ReadAlso\\test_service()];
        return wp_list_pluck($found, 'status');"""
    assert newsroom.run(tests) == ["good", "good", "good"]
    assert newsroom.run(tests, without="curl_exec") == ["critical", "good", "critical"]


def test_the_pace_is_that_of_the_last_seconds(newsroom: Site) -> None:
    paces = newsroom.run(
        """$looks = [];
        foreach ($given['seen'] as [$now, $left]) {
            $looks = ReadAlso\\look($looks, $now, $left);
            $paces[] = round(ReadAlso\\pace($looks), 1);
        }
        return $paces;""",
        seen=[[0, 900], [10, 800], [20, 500], [30, 200], [40, 600], [50, 550]],
    )
    # Of one look nothing is known; at 30 the one at 0 is too old; at 40 more came.
    assert paces == [0, 10, 30, 30, 0, 5]
