"""The plugin's scripts in a browser: the block in the editor, the buttons of the settings page."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.wordpress.plugin import PLUGIN, configure
from tests.wordpress.site import Site

PATIENCE_MS = 60_000
CONTENT = """<!-- wp:paragraph --><p>Text</p><!-- /wp:paragraph -->

<!-- wp:read-also/list {"limit":3} /-->"""


@pytest.fixture(scope="module")
def tab(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Chromium, in which the administrator has logged in; its errors fail a test."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("the editor needs a browser: apt-get install chromium")
    site.add_plugin(PLUGIN)
    configure(site, url="", key="")
    home = tmp_path_factory.mktemp("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            env={"HOME": str(home)},
        )
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.route(lambda address: not address.startswith(site.home), lambda route: route.abort())
        page.goto(f"{site.home}/wp-login.php")
        page.fill("#user_login", "admin")
        page.fill("#user_pass", site.password)
        page.click("#wp-submit")
        page.wait_for_url("**/wp-admin/**")
        yield page
        browser.close()


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


def test_a_button_of_the_settings_page_says_what_is_wrong(site: Site, tab: Page) -> None:
    tab.goto(f"{site.home}/wp-admin/options-general.php?page=read-also")
    tab.get_by_role("button", name="Test the connection").click()
    tab.wait_for_function("document.getElementById('read-also-said').textContent.length > 3")
    assert tab.get_by_role("status").inner_text() == "No address is set."
