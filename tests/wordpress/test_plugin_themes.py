"""Lists in a block theme and in a classic one, in Chromium: nothing moves or sticks out.

With `READ_ALSO_GALLERY=docs/pictures/gallery` the pictures of the plugin's README are made anew.
"""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.missing_software import skip_or_fail
from tests.support.waiting import until
from tests.wordpress.browsing import chromium, log_in, open_editor
from tests.wordpress.pictures import give_picture
from tests.wordpress.plugin import PLUGIN, article_of, configure, pass_time
from tests.wordpress.service import PLUGIN_KEY, Service
from tests.wordpress.site import INSTALLED, Site

BLOCK_THEME = INSTALLED / "wp-content/themes/twentytwentyfive"
CLASSIC_THEME = Path(__file__).parent / "php/classic"
ROOT = Path(__file__).parents[2]
README = ROOT / "integrations/wordpress/README.md"
AXE = ROOT / "tests/browser/node_modules/axe-core/axe.min.js"
LAYOUTS = ("list", "list-thumbs", "cards", "compact")
STORIES = {
    "Harbour crane lifts record cargo": "The crane at the harbour lifted a record load on Monday, "
    "and the port hopes that larger ships will call there from now on.",
    "Harbour pilots ask for a stronger tug before the winter storms": "The pilots say that the "
    "old tug cannot hold the large ships which come into the harbour with every tide.",
    "Ferry dock at the harbour reopens": "The dock was closed for a month after a storm broke the "
    "pier; the first boat brought two hundred people over the bay.",
    "Port wins a new line of container ships from the north, its largest in years": "Two ships a "
    "week will unload at the new quay of the harbour, the company told the town council.",
    "Dredgers deepen the harbour mouth": "Sand had closed half of the channel since the spring. "
    "Three dredgers take it out to sea day and night, so that ships need not wait for the tide.",
    "Tug saves a ship off the rocks": "In the night of the storm a tug pulled a ship off the "
    "rocks near the harbour and brought its crew of nine to the town.",
    "Harbour fees rise by a tenth": "Owners of fishing boats protest: they pay for a quay which "
    "only container ships use. The port says that the dredging must be paid.",
}
LAYOUT_SHIFT = """
window.shifted = 0;
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) { window.shifted += entry.value; }
}).observe({ type: 'layout-shift', buffered: true });
"""


OUTSIDE = """
[...document.querySelectorAll('.read-also__link, .read-also__image')].filter((one) => {
    const [own, row] = [one, one.closest('li')].map((each) => each.getBoundingClientRect());
    const style = getComputedStyle(one);
    return own.right > row.right + 0.5 || own.left < row.left - 0.5 || style.borderWidth !== '0px';
}).map((one) => one.outerHTML)
"""
"""Parts of items that stick out of their item, or have a border of the theme."""


@dataclass(frozen=True, slots=True)
class Newsroom:
    """A site, the service that it is set to, and a post with a full list."""

    site: Site
    service: Service
    post: int

    def show(self, theme: Path, **settings: object) -> None:
        """Change to a theme and to settings of the plugin."""
        self.site.run("switch_theme($given['theme']);", theme=theme.name)
        configure(self.site, url=self.service.address, key=PLUGIN_KEY, **settings)


@pytest.fixture(scope="module")
def newsroom(site: Site, service: Service) -> Iterator[Newsroom]:
    """Seven stories of a harbour; all but one have a picture."""
    if not BLOCK_THEME.exists():
        pytest.fail("a theme is missing: apt-get install wordpress-theme-twentytwentyfive")
    for theme in (BLOCK_THEME, CLASSIC_THEME):
        shutil.copytree(theme, site.folder / "content/themes" / theme.name)
    site.add_plugin(PLUGIN)
    configure(site, url=service.address, key=PLUGIN_KEY)
    category = site.category("Port & harbour")
    posts = [
        site.insert(
            post_title=title,
            post_content=f"<p>{text}</p>",
            post_category=[category],
            post_date=f"2026-0{number + 1}-05 10:00:00",
        )
        for number, (title, text) in enumerate(STORIES.items())
    ]
    for number, post in enumerate(posts[:-1]):
        give_picture(site, post, number)
    pass_time(site)
    articles = {article_of(site, post) for post in posts[1:]}
    assert until(lambda: articles <= set(service.titles(article_of(site, posts[0]))), 60)
    yield Newsroom(site, service, posts[0])
    assert [line for line in site.log.splitlines() if "read-also" in line] == []


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


def delayed(route: Route) -> None:
    """A slow line: what is styled too late would be seen."""
    time.sleep(0.15)
    route.continue_()


def opened(browser: Browser, newsroom: Newsroom, width: int, **options: object) -> Page:
    """The page of the post, scrolled to its end, on a line where style and pictures come late."""
    size = {"width": width, "height": 800}
    page = browser.new_context(viewport=size, **options).new_page()  # type: ignore[arg-type]
    page.route("**/*.{css,png}*", delayed)
    page.route("**/*.woff2", lambda route: route.abort())  # a theme's own, which move its texts
    page.add_init_script(LAYOUT_SHIFT)
    page.goto(f"{newsroom.site.home}/?p={newsroom.post}", wait_until="load")
    page.locator(".read-also__item").last.scroll_into_view_if_needed()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_function(
        "[...document.querySelectorAll('.read-also img')].every(one => one.complete)"
    )
    page.wait_for_timeout(100)
    return page


def around_list(page: Page) -> bytes:
    """The list and what is beside it."""
    page.evaluate("window.scrollTo(0, 0)")
    box = page.locator(".read-also").bounding_box()
    assert box is not None
    width = page.evaluate("innerWidth")
    left = max(0, box["x"] - 40)
    clip = {"x": left, "y": box["y"] - 110, "width": min(width - left, box["width"] + 80)}
    return page.screenshot(full_page=True, clip=clip | {"height": box["height"] + 130})  # type: ignore[arg-type]


def keep(name: str, shot: bytes) -> None:
    """Write a picture of the README, if asked to; it names the picture in any case."""
    folder = os.environ.get("READ_ALSO_GALLERY")
    if folder:
        file = BytesIO()
        Image.open(BytesIO(shot)).convert("RGB").save(file, "WEBP", quality=82, method=6)
        (ROOT / folder / name).write_bytes(file.getvalue())
    assert f"pictures/gallery/{name})" in README.read_text("utf-8")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("theme", [BLOCK_THEME, CLASSIC_THEME], ids=["block", "classic"])
def test_nothing_moves_and_nothing_sticks_out(
    newsroom: Newsroom, browser: Browser, theme: Path, layout: str
) -> None:
    newsroom.show(theme, layout=layout)
    for width, scheme in ((1280, "light"), (360, "dark")):
        page = opened(browser, newsroom, width, color_scheme=scheme)
        assert page.evaluate("window.shifted") == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        items = page.locator(".read-also__item")
        assert items.count() == (3 if layout == "compact" else 6)
        images = page.locator(".read-also__image")
        assert images.count() == (5 if layout in {"list-thumbs", "cards"} else 0)
        for tag in images.all():
            assert tag.get_attribute("srcset")
            assert tag.evaluate("one => one.naturalWidth < 1024 && one.width > 0")
        # The theme's bullets, lines and frames do not reach into the list.
        assert items.first.evaluate("one => getComputedStyle(one).listStyleType") == "none"
        assert page.evaluate(OUTSIDE) == []
        assert faults_for_axe(page) == []
        if layout in {"list-thumbs", "cards"}:
            keep(f"wordpress-{theme.name}-{layout}-{scheme}.webp", around_list(page))
        page.context.close()


def faults_for_axe(page: Page) -> list[str]:
    """What axe finds in the list."""
    if not AXE.exists():
        skip_or_fail("axe is not installed: make generators")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run('.read-also')")
    return [node["failureSummary"] for one in found["violations"] for node in one["nodes"]]


INSERT = """{
    const editor = wp.data.select('core/block-editor');
    const [text] = editor.getBlocksByName('core/post-content');
    const given = { layout: 'cards', limit: 3, align: 'wide' };
    wp.data.dispatch('core/block-editor').insertBlock(
        wp.blocks.createBlock('read-also/list', given),
        editor.getBlockIndex(text) + 1,
        editor.getBlockRootClientId(text),
    );
}"""
"""The block behind the text of the post."""


def test_the_site_editor_shows_the_block_in_a_template(
    newsroom: Newsroom, browser: Browser
) -> None:
    """A template has no post, so the list of the newest one stands for all; a page has its own."""
    newsroom.show(BLOCK_THEME, place=False)
    site, theme = newsroom.site, BLOCK_THEME.name
    tab = log_in(browser, site, viewport={"width": 1280, "height": 900})
    path = f"site-editor.php?p=%2Fwp_template%2F{theme}%2F%2Fsingle&canvas=edit"
    open_editor(site, tab, path)
    canvas = tab.frame_locator("iframe[name=editor-canvas]")
    expect(canvas.locator(".wp-block-post-content")).to_be_attached()
    # What is inserted before all is loaded is lost: the template is set anew then.
    tab.wait_for_function(
        "!document.querySelector('.edit-site-canvas-loader')"
        " && !wp.data.select('core').hasResolvingSelectors()"
    )
    tab.evaluate(INSERT)
    shown = canvas.locator(".wp-block-read-also-list")
    expect(shown.locator(".read-also__item")).to_have_count(3)
    shown.scroll_into_view_if_needed()
    expect(shown.locator("img").last).to_be_in_viewport()
    keep("wordpress-site-editor.webp", tab.screenshot())
    name = f"'postType', 'wp_template', '{theme}//single'"
    tab.wait_for_function(f"wp.data.select('core').hasEditsForEntityRecord({name})")
    tab.evaluate(f"wp.data.dispatch('core').saveEditedEntityRecord({name})")
    tab.context.close()
    page = opened(browser, newsroom, 1280)
    assert page.locator(".alignwide.wp-block-read-also-list .read-also__item").count() == 3
    assert page.locator("head #read-also-css, head #read-also-inline-css").count() == 1
    assert page.evaluate("window.shifted") == 0
    page.context.close()
