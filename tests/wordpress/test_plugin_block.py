"""The block in Chromium: found under "related", set by its controls, shown as readers see it."""

import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.serving import KEY
from tests.wordpress.browsing import chromium, log_in, open_editor
from tests.wordpress.plugin import PLUGIN, configure
from tests.wordpress.service import HTML, PROBLEM, Answer, Asked, Stage, accept
from tests.wordpress.site import Site

BLOCKS = "wp.data.select('core/block-editor').getBlocks()"
OLD = """<!-- wp:paragraph --><p>Text</p><!-- /wp:paragraph -->

<!-- wp:read-also/list {"limit":3} /-->"""
LIST = (
    '<section class="read-also"><h2 class="read-also__heading">{}</h2><ul class="read-also__list">'
    '<li class="read-also__item"><a class="read-also__link" href="https://news.example/1">'
    '<span class="read-also__title">A tram</span></a></li></ul></section>'
)


@pytest.fixture(scope="module")
def tab(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The administrator's browser; an error of a script fails the test."""
    site.add_plugin(PLUGIN)
    site.category("Port, docks")
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        page = log_in(browser, site, viewport={"width": 1280, "height": 900})
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        yield page
        assert faults == []


def answer(asked: Asked) -> Answer:
    """A list of one article, with the heading that is asked for."""
    heading = parse_qs(urlsplit(asked.path).query).get("heading", ["Related"])[0]
    return Answer(200, LIST.format(heading), HTML) if ".html" in asked.path else accept(asked)


@pytest.fixture
def stage(site: Site, stage: Stage, tab: Page) -> Stage:  # noqa: ARG001 - it adds the plugin
    configure(site, url=stage.address, key=KEY)
    stage.answer = answer
    return stage


def shown_in(tab: Page) -> Locator:
    """The list within the text that is edited."""
    return tab.frame_locator("iframe[name=editor-canvas]").locator(".wp-block-read-also-list")


def attributes(tab: Page) -> dict[str, object]:
    found: dict[str, object] = tab.evaluate(
        f"{BLOCKS}.find(block => block.name === 'read-also/list').attributes"
    )
    return found


def test_the_block_is_found_under_related_and_set_by_its_controls(
    site: Site, stage: Stage, tab: Page
) -> None:
    post = site.insert(post_title="Tram", post_content="It left at dawn.")
    open_editor(site, tab, f"post.php?post={post}&action=edit")
    tab.get_by_role("button", name="Block Inserter").click()
    tab.get_by_role("searchbox", name="Search").fill("related")
    tab.get_by_role("option").filter(has_text=re.compile("^Read also$")).click()
    tab.get_by_role("button", name="Close Block Inserter").click()
    expect(shown_in(tab).get_by_role("link", name="A tram")).to_be_visible()
    side = tab.get_by_role("region", name="Editor settings")
    side.get_by_label("Layout").select_option("cards")
    side.get_by_label("Pictures").uncheck()
    side.get_by_label("Heading").fill("More of it")
    side.get_by_label("Number of articles").last.fill("4")
    side.get_by_label("Which ones").select_option("background")
    side.get_by_label("Only from these sections").fill("port")
    tab.get_by_role("option", name="Port, docks").click()
    side.get_by_label("Not from these sections").fill("Sport")
    side.get_by_label("Not from these sections").press("Enter")
    chosen = {
        "layout": "cards",
        "images": False,
        "heading": "More of it",
        "limit": 4,
        "mode": "background",
        "section": "Port\\, docks,-Sport",
    }
    assert attributes(tab) == chosen
    expect(shown_in(tab).get_by_role("heading", name="More of it")).to_be_visible()
    tab.evaluate("wp.data.dispatch('core/editor').savePost()")
    tab.wait_for_function("!wp.data.select('core/editor').isEditedPostDirty()")
    content = site.run("return get_post($given['post'])->post_content;", post=post)
    assert json.loads(content.split("wp:read-also/list ")[1].split(" /-->")[0]) == chosen
    assert any("section=Port%5C%2C%20docks%2C-Sport" in asked.path for asked in stage.asked)


def test_a_text_of_an_earlier_version_stays_as_it_is(site: Site, stage: Stage, tab: Page) -> None:
    post = site.insert(post_title="With a list", post_content=OLD, post_status="draft")
    stage.answer = lambda _: Answer(403, "{}", PROBLEM)  # the key shows no list of a draft
    open_editor(site, tab, f"post.php?post={post}&action=edit")
    tab.wait_for_function(f"{BLOCKS}.length === 2")
    seen = tab.evaluate(f"{BLOCKS}.map(block => [block.name, block.isValid])")
    assert seen == [["core/paragraph", True], ["read-also/list", True]]
    assert attributes(tab) == {"limit": 3}
    expect(shown_in(tab).get_by_text("Here the list will stand")).to_be_visible()


def test_a_shortcode_becomes_a_block_with_its_options(site: Site, stage: Stage, tab: Page) -> None:
    text = '[read-also limit="3" layout="compact" images="1"]'
    post = site.insert(post_title="Old", post_content=f"It left.\n\n{text}")
    open_editor(site, tab, f"post.php?post={post}&action=edit")
    tab.wait_for_function(f"{BLOCKS}.length === 1")
    tab.evaluate(
        f"""{{
            const classic = {BLOCKS}[0];
            const blocks = wp.blocks.rawHandler({{ HTML: wp.blocks.getBlockContent(classic) }});
            wp.data.dispatch('core/block-editor').replaceBlocks(classic.clientId, blocks);
        }}"""
    )
    assert attributes(tab) == {"limit": 3, "layout": "compact", "images": True}
    expect(shown_in(tab).get_by_role("link", name="A tram")).to_be_visible()
    assert stage.asked


def test_a_widget_area_takes_the_block(site: Site, stage: Stage, tab: Page) -> None:
    """There is no post in its editor, so the newest one stands for all."""
    site.run(
        """update_option('widget_block', [2 => ['content' => $given['block']]]);
        wp_set_sidebars_widgets(['side' => ['block-2']]);""",
        block='<!-- wp:read-also/list {"limit":5} /-->',
    )
    plugin = site.folder / "content/mu-plugins/side.php"
    plugin.write_text(
        """<?php add_action('widgets_init', function () {
            register_sidebar(['id' => 'side', 'name' => 'Side']);
        });"""
    )
    site.insert(post_title="The newest one", post_content="It left at dawn.")
    open_editor(site, tab, "widgets.php")
    box = tab.locator(".wp-block-read-also-list")
    expect(box.get_by_role("link", name="A tram")).to_be_visible()
    assert any("limit=5" in asked.path for asked in stage.asked)
    plugin.unlink()
