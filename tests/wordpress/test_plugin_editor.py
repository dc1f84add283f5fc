"""The plugin's scripts in a browser: the block in the editor."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.wordpress.browsing import chromium, log_in
from tests.wordpress.plugin import PLUGIN, configure
from tests.wordpress.site import Site

CONTENT = """<!-- wp:paragraph --><p>Text</p><!-- /wp:paragraph -->

<!-- wp:read-also/list {"limit":3} /-->"""


@pytest.fixture(scope="module")
def tab(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Chromium, in which the administrator has logged in; its errors fail a test."""
    site.add_plugin(PLUGIN)
    configure(site, url="", key="")
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield log_in(browser, site)


def test_the_block_is_known_to_the_editor(site: Site, tab: Page) -> None:
    faults: list[str] = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    post = site.insert(post_title="With a list", post_content=CONTENT)
    tab.goto(f"{site.home}/wp-admin/post.php?post={post}&action=edit")
    blocks = "wp.data.select('core/block-editor').getBlocks()"
    tab.wait_for_function(f"window.wp?.data?.select('core/block-editor') && {blocks}.length === 2")
    seen = tab.evaluate(f"{blocks}.map(block => [block.name, block.isValid])")
    assert seen == [["core/paragraph", True], ["read-also/list", True]]
    assert tab.get_by_text("Here stands the list of related articles.").count() == 1
    assert faults == []
