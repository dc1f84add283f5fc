"""A page that shows a list loads few files of the plugin; the rest come when more happens."""

import json
import re

import pytest

from tests.support.serving import KEY
from tests.wordpress.plugin import PLUGIN, configure
from tests.wordpress.service import HTML, Answer, Stage, accept
from tests.wordpress.site import Site

ON_PAGES = {
    *("read-also", "includes/loading", "includes/settings", "includes/texts", "includes/posts"),
    *("includes/choices", "includes/options", "includes/copies", "includes/lists"),
    *("includes/stylesheet", "blocks/read-also/block"),
}
IN_THE_ADMINISTRATION = {
    *("admin_init", "admin_menu", "admin_notices", "admin_post_read_also_move", "add_meta_boxes"),
    *("save_post", "enqueue_block_editor_assets", "site_status_tests", "debug_information"),
}
"""Hooks that are run on pages never, or for nothing that the plugin does."""
AFTER_THE_REST = {
    *("read_also_article", "read_also_sent", "read_also_pushed", "read_also_answered"),
    *("http_api_curl", "rest_request_before_callbacks", "rest_request_after_callbacks"),
    *("shutdown", "deleted_user", "read_also_list_changed", "read_also_lists_changed"),
}
"""Hooks that are run for the plugin by what was loaded before."""
META = {"added_post_meta", "updated_post_meta", "deleted_post_meta"}
ACT = """<?php
add_action('template_redirect', function () {
    if (isset($_GET['act'])) {
        eval(get_option('act'));
    }
});
add_action('wp_footer', function () {
    $files = preg_filter('~^.*/plugins/read-also/(.*)[.]php$~', '$1', get_included_files());
    echo '<!--files ' . implode(' ', $files) . '-->';
}, 99);"""
ITEM = '<li class="read-also__item"><a href="https://n.example/">Elsewhere</a></li>'
LIST = f'<section class="read-also"><ul>{ITEM}</ul></section>'


@pytest.fixture(scope="module")
def newsroom(newsroom: Site) -> Site:
    """Its pages say which files they loaded, and do what a test has written."""
    (newsroom.folder / "content/mu-plugins/act.php").write_text(ACT)
    return newsroom


@pytest.fixture
def stage(newsroom: Site, stage: Stage) -> Stage:
    """A service that takes every change, and has one list for all."""
    fresh = HTML | {"Cache-Control": "max-age=30, stale-if-error=86400"}
    listed = Answer(200, LIST, fresh | {"Surrogate-Key": "seed elsewhere"})
    stage.answer = lambda asked: listed if ".html" in asked.path else accept(asked)
    configure(newsroom, url=stage.address, key=KEY)
    return stage


def loaded(newsroom: Site, post: int) -> set[str]:
    """The files of the plugin that the page of a post loads."""
    with newsroom.client() as client:
        page = client.get(f"/?p={post}", follow_redirects=True).raise_for_status().text
    assert ITEM in page
    found = re.search(r"<!--files ([^>]*)-->", page)
    assert found
    return set(found[1].split())


def test_a_page_loads_what_it_needs_alone(newsroom: Site, stage: Stage) -> None:
    post = newsroom.insert(post_title="A post", post_content="Text.")
    asking = {f"includes/{name}" for name in ("fetching", "rows", "service", "markup", "pictures")}
    assert loaded(newsroom, post) == ON_PAGES | asking
    assert loaded(newsroom, post) == ON_PAGES
    assert len([asked for asked in stage.asked if ".html" in asked.path]) == 1


ACTS = {
    "publishes": "wp_insert_post(['post_status' => 'publish', 'post_title' => 'By a form']);",
    "trashes": "wp_trash_post({post});",
    "deletes": "wp_delete_post({post}, true);",
    "sets a tag": "wp_set_object_terms({post}, 'Harbour', 'post_tag');",
    "sets a picture": "update_post_meta({post}, '_thumbnail_id', 7);",
    "blocks": "update_post_meta({post}, '_read_also', ['never' => true]);",
    "renames a writer": "wp_update_user(['ID' => 1, 'display_name' => 'W' . time()]);",
    "makes links anew": "update_option('permalink_structure', '/%postname%/' . time() . '/');",
}


@pytest.mark.parametrize("act", ACTS)
def test_what_a_page_changes_is_pushed(newsroom: Site, stage: Stage, act: str) -> None:
    """A form of the theme or a shop changes posts without the administration."""
    post = newsroom.insert(post_title="A post", post_content="Text.", post_author=1)
    newsroom.run("ReadAlso\\compare_origin();")  # as the last run of WP-Cron did
    links = newsroom.run("return get_option('permalink_structure');")
    code = ACTS[act].replace("{post}", str(post))
    newsroom.run('return update_option("act", $given["act"], false);', act=code)
    stage.asked.clear()
    with newsroom.client() as client:
        client.get("/?act=1").raise_for_status()
    waits = newsroom.run("return ReadAlso\\waiting();")
    newsroom.run("update_option('permalink_structure', $given['links']);", links=links)
    assert waits or any(asked.method in {"PUT", "DELETE"} for asked in stage.asked)


def test_a_page_can_ask_how_the_queue_is(newsroom: Site, stage: Stage) -> None:
    code = "echo '<!--state ' . wp_json_encode(ReadAlso\\queue_state()) . '-->'; exit;"
    newsroom.run('return update_option("act", $given["act"], false);', act=code)
    with newsroom.client() as client:
        found = re.search(r"<!--state (.*)-->", client.get("/?act=1").text)
    assert found
    state = json.loads(found[1])
    assert (state["waiting"], state["tried"]) == (0, [])
    assert stage.asked == []


def test_every_hook_of_other_files_wakes_them() -> None:
    loading = (PLUGIN / "includes/loading.php").read_text()
    (waking,) = re.findall(r"const WAKING = array\((.*?)\n\);", loading, re.DOTALL)
    woken = set(re.findall(r"'([a-z_]+)'", waking)) | IN_THE_ADMINISTRATION | AFTER_THE_REST | META
    others = [
        path
        for path in PLUGIN.rglob("*.php")
        if str(path.relative_to(PLUGIN).with_suffix("")) not in ON_PAGES
    ]
    hooks = {
        hook
        for path in others
        for hook in re.findall(r"add_(?:action|filter)\(\s*'([^']+)'", path.read_text())
    }
    assert "transition_post_status" in hooks
    assert {hook for hook in hooks - woken if not hook.startswith("wp_ajax_")} == {
        "plugin_action_links_",  # of the page of plugins
        "get_the_terms",  # of a draft in the editor
        "pre_option_read_also",  # of the settings page
    }
