"""Lists in a block theme and in a classic one, in Chromium: nothing moves or sticks out.

With `READ_ALSO_GALLERY=docs/pictures/gallery` the sheets of the plugin's README are made anew.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route

from tests.browser.newspaper import PERSIAN
from tests.support.missing_software import skip_or_fail
from tests.support.picture_sheets import GALLERY, ROOT, keep_picture, lay_out, shoot
from tests.support.waiting import until
from tests.wordpress.browsing import chromium
from tests.wordpress.pictures import give_picture
from tests.wordpress.plugin import PLUGIN, article_of, configure, pass_time
from tests.wordpress.service import PLUGIN_KEY, Service
from tests.wordpress.site import INSTALLED, Site

BLOCK_THEME = INSTALLED / "wp-content/themes/twentytwentyfive"
CLASSIC_THEME = Path(__file__).parent / "php/classic"
README = ROOT / "integrations/wordpress/README.md"
AXE = ROOT / "tests/browser/node_modules/axe-core/axe.min.js"
MOST_BYTES = 290_000
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
PERSIAN_STORIES = {
    title: title for title in ("بندر قدیمی دوباره زنده می‌شود", *(title for title, _, _ in PERSIAN))
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


ASKED_FOR = """<?php
add_filter(
	'read_also_article',
	function ( $article ) {
		$article['language'] = preg_match( '/\\p{Arabic}/u', $article['title'] ) ? 'fa' : 'en';
		return $article;
	}
);
if ( isset( $_GET['fa'] ) ) {
	add_filter( 'locale', fn() => 'fa_IR' );
	$direction = fn( $text, $_, $context ) => 'text direction' === $context ? 'rtl' : $text;
	add_filter( 'gettext_with_context', $direction, 10, 3 );
}
if ( isset( $_GET['dark'] ) ) {
	$colours = '--wp--preset--color--base:#1b1b1b;--wp--preset--color--contrast:#f0f0f0';
	add_action( 'wp_head', fn() => print "<style>:root{{$colours}}</style>", 99 );
}
if ( isset( $_GET['layouts'] ) ) {
	add_filter(
		'the_content',
		function ( $text ) {
			foreach ( array( 'list', 'list-thumbs', 'cards', 'compact' ) as $layout ) {
				$given = "layout=$layout heading=$layout {$_GET['layouts']}";
				$text .= "\n\n<p>…</p>\n\n[read-also $given]\n\n";
			}
			return $text;
		},
		5
	);
}
"""
"""A site in Persian, whose translation Debian lacks; the colours that Twenty Twenty-Five has as its
style Evening; and a post with all layouts in its text."""
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 800}
LOOKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "light": ("english", "layouts", {"viewport": DESK}),
    "dark": ("english", "dark&layouts", {"viewport": DESK, "color_scheme": "dark"}),
    "from right to left": ("persian", "fa&layouts", {"viewport": DESK}),
    "without pictures": ("english", "layouts=images%3D0", {"viewport": DESK}),
    "on a phone": ("english", "layouts", {"viewport": PHONE}),
    "on a phone, from right to left, dark": (
        *("persian", "fa&dark&layouts"),
        {"viewport": PHONE, "color_scheme": "dark"},
    ),
}
"""By name the post, what its address asks for, and the options of the browser."""


@dataclass(frozen=True, slots=True)
class Newsroom:
    """A site, the service that it is set to, and by language a post with a full list."""

    site: Site
    service: Service
    posts: dict[str, int]

    def show(self, theme: Path, **settings: object) -> None:
        """Change to a theme and to settings of the plugin."""
        self.site.run("switch_theme($given['theme']);", theme=theme.name)
        configure(self.site, url=self.service.address, key=PLUGIN_KEY, **settings)


@pytest.fixture(scope="module")
def newsroom(site: Site, service: Service) -> Iterator[Newsroom]:
    """Seven stories of a harbour in each of two languages; all but one have a picture."""
    if not BLOCK_THEME.exists():
        pytest.fail("a theme is missing: apt-get install wordpress-theme-twentytwentyfive")
    for theme in (BLOCK_THEME, CLASSIC_THEME):
        shutil.copytree(theme, site.folder / "content/themes" / theme.name)
    (site.folder / "content/mu-plugins/asked.php").write_text(ASKED_FOR)
    site.add_plugin(PLUGIN)
    configure(site, url=service.address, key=PLUGIN_KEY)
    posts = {
        "english": fill(site, "Port & harbour", STORIES),
        "persian": fill(site, "بندر", PERSIAN_STORIES),
    }
    pass_time(site)
    for seed, *others in posts.values():
        listed, article = {article_of(site, post) for post in others}, article_of(site, seed)
        until(lambda: listed <= set(service.titles(article)), 120)  # noqa: B023 - waited for here
        assert listed <= set(service.titles(article))
    yield Newsroom(site, service, {language: some[0] for language, some in posts.items()})
    assert [line for line in site.log.splitlines() if "read-also" in line] == []


def fill(site: Site, section: str, stories: dict[str, str]) -> list[int]:
    """Publish stories, a month between them; all but the last one have a picture."""
    category = site.category(section)
    posts = [
        site.insert(
            post_title=title,
            post_content=f"<p>{text}</p>",
            post_category=[category],
            post_date=f"2026-0{number + 1}-05 10:00:00",
        )
        for number, (title, text) in enumerate(stories.items())
    ]
    for number, post in enumerate(posts[:-1]):
        give_picture(site, post, number)
    return posts


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


def delayed(route: Route) -> None:
    """A slow line: what is styled too late would be seen."""
    time.sleep(0.15)
    route.continue_()


def count_lists(address: str) -> int:
    """How many lists a page has."""
    text = httpx.get(address, follow_redirects=True, timeout=30).text
    return text.count('<section class="read-also')


def opened(browser: Browser, address: str, lists: int, **options: Any) -> Page:
    """A page, scrolled to its end, on a line where style and pictures come late.

    A list that the service was too slow for is asked for again at another view.
    """
    assert until(lambda: count_lists(address) == lists, 60)
    page = browser.new_context(**options).new_page()
    page.route("**/*.{css,png}*", delayed)
    page.route("**/*.woff2", lambda route: route.abort())  # a theme's own, which move its texts
    page.add_init_script(LAYOUT_SHIFT)
    page.goto(address, wait_until="load")
    for row in page.locator(".read-also").all():
        row.scroll_into_view_if_needed()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_function(
        "[...document.querySelectorAll('.read-also img')].every(one => one.complete)"
    )
    page.wait_for_timeout(100)
    return page


@pytest.mark.parametrize("theme", [BLOCK_THEME, CLASSIC_THEME], ids=["block", "classic"])
def test_nothing_moves_and_nothing_sticks_out(
    newsroom: Newsroom, browser: Browser, theme: Path
) -> None:
    """All layouts in one page, in each look."""
    newsroom.show(theme)
    rows = {}
    for name, (post, asked, options) in LOOKS.items():
        address = f"{newsroom.site.home}/?p={newsroom.posts[post]}&{asked}"
        page = opened(browser, address, len(LAYOUTS), **options)
        direction = "rtl" if post == "persian" else "ltr"
        found = page.eval_on_selector_all("html, .read-also", "all => all.map(one => one.dir)")
        assert [one or "ltr" for one in found] == [direction] * (1 + len(LAYOUTS))
        check(page, options["viewport"]["width"], pictured="images" not in asked)
        rows[name] = [shoot(page, f".read-also--{layout}") for layout in LAYOUTS]
        page.context.close()
    sheet = f"wordpress-{theme.name}.webp"
    assert len(keep_picture(sheet, lay_out(rows))) < MOST_BYTES
    assert f"pictures/gallery/{sheet})" in README.read_text("utf-8")
    assert (GALLERY / sheet).stat().st_size < MOST_BYTES


def check(page: Page, width: int, *, pictured: bool) -> None:
    """Lists of all layouts in a page: they stand still, and have nothing of the theme's frames."""
    assert page.evaluate("window.shifted") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    items = page.locator(".read-also__item")
    assert items.count() == 3 * 6 + 3
    images = page.locator(".read-also__image")
    assert images.count() == (2 * 5 if pictured else 0)
    for tag in images.all():
        assert tag.get_attribute("srcset")
        assert tag.evaluate("one => one.naturalWidth < 1024 && one.width > 0")
    assert items.first.evaluate("one => getComputedStyle(one).listStyleType") == "none"
    assert page.evaluate(OUTSIDE) == []
    assert faults_for_axe(page) == []


@pytest.mark.parametrize("theme", [BLOCK_THEME, CLASSIC_THEME], ids=["block", "classic"])
def test_a_list_that_the_plugin_places_under_a_post_moves_nothing(
    newsroom: Newsroom, browser: Browser, theme: Path
) -> None:
    newsroom.show(theme, layout="cards")
    address = f"{newsroom.site.home}/?p={newsroom.posts['english']}"
    page = opened(browser, address, 1, viewport=PHONE)
    assert page.locator(".read-also--cards .read-also__image").count() == 5
    assert page.evaluate("window.shifted") == 0
    page.context.close()


def faults_for_axe(page: Page) -> list[str]:
    """What axe finds in the lists."""
    if not AXE.exists():
        skip_or_fail("axe is not installed: make generators")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run('.read-also')")
    return [node["failureSummary"] for one in found["violations"] for node in one["nodes"]]
