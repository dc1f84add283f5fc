"""The plugin on a network of sites: each has its settings, its queue and its ids."""

import json
from collections.abc import Iterator

import pytest

from tests.support.serving import KEY
from tests.wordpress.plugin import PLUGIN
from tests.wordpress.service import HTML, Answer, Stage, accept
from tests.wordpress.site import Site


@pytest.fixture(scope="module")
def two(site: Site) -> Iterator[int]:
    """The second site of a network, for all of which the plugin is active."""
    second = site.make_network()
    site.add_plugin(PLUGIN)
    site.run(
        """deactivate_plugins('read-also/read-also.php');
        activate_plugin('read-also/read-also.php', '', true);"""
    )
    yield second
    assert [line for line in site.log.splitlines() if "read-also" in line] == []


def test_a_change_on_another_site_is_sent_by_that_site(site: Site, two: int, stage: Stage) -> None:
    stage.answer = accept
    made = site.run(
        """
        $set = ['url' => $given['url'], 'key' => $given['key']];
        update_option('read_also', $set);
        $post = ['post_status' => 'publish', 'post_content' => 'Text.', 'import_id' => 77];
        $ids = [wp_insert_post(['post_title' => 'Here'] + $post)];
        switch_to_blog($given['two']);
        update_option('read_also', $set);
        $ids[] = wp_insert_post(['post_title' => 'There'] + $post);
        $ids[] = wp_next_scheduled('read_also_push') > 0;
        restore_current_blog();
        return $ids;""",
        two=two,
        url=stage.address,
        key=KEY,
    )
    assert made == [77, 77, True]
    host = site.home.removeprefix("http://").replace(":", "~3A")
    assert [one.path for one in stage.asked] == [f"/v1/articles/wp:{host}:77"]
    site.run(
        """switch_to_blog($given['two']);
        wp_clear_scheduled_hook('read_also_push');
        wp_schedule_event(time() - 1, 'read_also', 'read_also_push');""",
        two=two,
    )
    with site.client() as client:
        client.get("/two/wp-cron.php").raise_for_status()
    sent = [one.path for one in stage.asked if one.method == "PUT"]
    assert sent[1:] == [f"/v1/articles/wp:{host}~2Ftwo:77"]
    waits = """
        $here = ReadAlso\\waiting();
        switch_to_blog($given['two']);
        return [$here, ReadAlso\\waiting()];"""
    assert site.run(waits, two=two) == [0, 0]


@pytest.mark.parametrize("how", ["a post is trashed", "the site is archived"])
def test_what_another_site_withdrew_is_on_no_page(
    site: Site, two: int, stage: Stage, how: str
) -> None:
    host = site.home.removeprefix("http://").replace(":", "~3A")
    items = "".join(f"<li>{title}</li>" for title in ("Here", "There", "Elsewhere"))
    stage.answer = lambda asked: (
        Answer(
            200,
            f'<section class="read-also"><ul>{items}</ul></section>',
            HTML | {"Surrogate-Key": f"x wp:{host}:99 wp:{host}~2Ftwo:99 ready-1"},
        )
        if ".html" in asked.path
        else accept(asked)
    )
    said = site.run(
        """
        $set = ['url' => $given['url'], 'key' => $given['key']];
        $post = ['post_status' => 'publish', 'post_title' => 'Listed', 'import_id' => 99];
        $ids = [get_post(99) ? 99 : wp_insert_post($post)];
        update_option('read_also', $set);
        switch_to_blog($given['two']);
        update_option('read_also', $set);
        $ids[] = get_post(99) ? 99 : wp_insert_post($post);
        wp_publish_post(99);
        restore_current_blog();
        $lists[] = ReadAlso\\list_html(99, ReadAlso\\list_options(['limit' => 3]));
        if ($given['archive']) {
            update_blog_status($given['two'], 'archived', 1);
        } else {
            switch_to_blog($given['two']);
            wp_trash_post(99);
            restore_current_blog();
        }
        $lists[] = ReadAlso\\list_html(99, ReadAlso\\list_options(['limit' => 3]));
        update_blog_status($given['two'], 'archived', 0);
        global $wpdb;
        $wpdb->query("DELETE FROM $wpdb->options WHERE option_name LIKE '%_read_also_list_99_%'");
        return [$ids, array_map('wp_strip_all_tags', $lists)];""",
        two=two,
        url=stage.address,
        key=KEY,
        archive=how == "the site is archived",
    )
    assert said == [[99, 99], ["HereThereElsewhere", "HereElsewhere"]]


def test_a_push_that_is_stopped_on_one_site_goes_on_on_the_others(
    site: Site, two: int, stage: Stage
) -> None:
    stage.answer = accept
    said = site.run(
        """
        update_option('read_also', ['url' => $given['url'], 'key' => $given['key'], 'limit' => 3]);
        ReadAlso\\push_all();
        ReadAlso\\hold_line(true);
        switch_to_blog($given['two']);
        update_option('read_also', ['url' => $given['url'], 'key' => $given['key'], 'limit' => 9]);
        wp_insert_post(['post_title' => 'Elsewhere', 'post_status' => 'publish']);
        ReadAlso\\push_all();
        ReadAlso\\push_due(0, 5, 50);
        $there = [ReadAlso\\in_line(), ReadAlso\\settings()['limit'], ReadAlso\\line_is_held()];
        restore_current_blog();
        ReadAlso\\push_due(0, 5, 50);
        $here = [ReadAlso\\in_line() > 0, ReadAlso\\settings()['limit'], ReadAlso\\line_is_held()];
        ReadAlso\\hold_line(false);
        return [$here, $there];""",
        two=two,
        url=stage.address,
        key=KEY,
    )
    assert said == [[True, 3, True], [0, 9, False]]


def test_the_preview_of_a_draft_holds_articles_of_its_site(
    site: Site, two: int, stage: Stage
) -> None:
    stage.answer = lambda asked: (
        Answer(200, '{"items": []}', {"Content-Type": "application/json"})
        if asked.path == "/v1/related"
        else accept(asked)
    )
    site.run(
        """update_option('read_also', ['url' => $given['url'], 'key' => $given['key']]);
        $post = wp_insert_post(['post_title' => 'A draft', 'post_content' => 'Text.']);
        return ReadAlso\\preview_html($post, ReadAlso\\list_options([]));""",
        url=stage.address,
        key=KEY,
    )
    (asked,) = (one for one in stage.asked if one.path == "/v1/related")
    site_filter = json.loads(asked.body)["options"]["attr"]["site"]
    assert two
    assert site_filter == site.home.removeprefix("http://")


def test_nothing_is_left_behind_on_any_site(site: Site, two: int) -> None:
    left = site.run(
        """
        deactivate_plugins('read-also/read-also.php', false, true);
        uninstall_plugin('read-also/read-also.php');
        $left = function () {
            global $wpdb;
            $names = $wpdb->get_col("SELECT option_name FROM $wpdb->options
                WHERE option_name LIKE '%read\\_also%'");
            return [$names, wp_next_scheduled('read_also_push')];
        };
        $here = $left();
        switch_to_blog($given['two']);
        return [$here, $left()];""",
        two=two,
    )
    assert left == [[[], False], [[], False]]
