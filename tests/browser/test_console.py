"""Every page of the console in Chromium: keys, other hosts, hostile texts, what axe finds."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import AXE, LOOPBACK, SECRET, Site, Tab
from tests.support.missing_software import skip_or_fail

pytestmark = pytest.mark.long

Tabs = Callable[..., Tab]
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 800}, "locale": "tg"},
    "russian": {"viewport": {"width": 1000, "height": 900}, "locale": "ru"},
}
SERIOUS = """axe.run(document, { resultTypes: ['violations'] }).then((found) => found.violations
  .filter((one) => ['serious', 'critical'].includes(one.impact))
  .flatMap((one) => one.nodes.map((node) => [one.id, node.html, node.failureSummary])))"""
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BUSY = "[aria-busy]"


def sign_in(shown: Tab, site: Site) -> Page:
    """By keyboard alone."""
    page = shown.page
    page.goto(f"{site.address}/console/sign-in")
    expect(page.locator("[name=key]")).to_be_focused()
    page.keyboard.type(SECRET)
    page.keyboard.press("Tab")
    page.keyboard.type("Anna")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console")
    return page


def pages_of(page: Page, site: Site) -> Iterator[str]:
    """The pages of the menu, and those of a story."""
    page.goto(f"{site.address}/console")
    for link in page.locator(".bar__menu a").all():
        yield str(link.get_attribute("href"))
    yield "/console/start"
    yield "/console/story/plain-en-0"
    yield "/console/story/plain-fa-0"
    yield "/console/nowhere"


def show(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")
    expect(page.locator(BUSY)).to_have_count(0, timeout=60_000)


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_serious_on_any_page(site: Site, tab: Tabs, look: str) -> None:
    if not AXE.exists():
        skip_or_fail("axe is not installed: make generators")
    shown = tab(bypass_csp=True, **LOOKS[look])  # the script of axe is not the page's own
    page = sign_in(shown, site)
    for path in list(pages_of(page, site)):
        show(page, site.address + path)
        page.evaluate(AXE.read_text("utf-8"))
        assert page.evaluate(SERIOUS) == [], path
        assert page.evaluate(TOO_WIDE) <= 0, path


def test_no_page_asks_another_host_or_says_an_error(site: Site, tab: Tabs) -> None:
    shown = tab(**LOOKS["light"])
    page = sign_in(shown, site)
    for path in list(pages_of(page, site)):
        if path != "/console/nowhere":  # an answer of 404 is an error to a browser
            show(page, site.address + path)
            shown.assert_clean()


def test_no_hostile_headline_section_or_name_runs_a_script(site: Site, tab: Tabs) -> None:
    shown = tab(**LOOKS["light"])
    page = sign_in(shown, site)
    hostile = [one for one in site.stories if not one.startswith(("plain", "mixed"))]
    assert len(hostile) > 60
    for story in hostile[::5]:
        show(page, f"{site.address}/console/story/{story}")
        shown.assert_clean()
    for query in ("script", "img", "onerror"):
        show(page, f"{site.address}/console/find?q={query}")
        shown.assert_clean()
    for path in ("/console", "/console/map", "/console/quality"):
        show(page, site.address + path)
        shown.assert_clean()


def test_a_group_and_a_line_around_stories_open_as_a_list(site: Site, tab: Tabs) -> None:
    shown = tab(**LOOKS["light"])
    page = sign_in(shown, site)
    show(page, f"{site.address}/console/map")
    page.locator("#map[data-ready]").wait_for()
    stories = page.locator("#map-stories .stories__title")
    expect(stories).to_have_count(0)
    page.locator("#map-groups button").first.press("Enter")
    expect(stories.first).to_be_visible()
    of_group = stories.count()
    page.get_by_role("button", name="Whole map").click()
    page.get_by_role("button", name="Draw around stories").click()
    box = page.locator("#map-canvas").bounding_box()
    assert box is not None
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.02)]
    for number, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        if not number:
            page.mouse.down()
    page.mouse.up()
    expect(page.locator(BUSY)).to_have_count(0, timeout=60_000)
    expect(page.locator("#map-stories h2")).not_to_have_text("0 stories")
    assert stories.count() >= of_group
    shown.assert_clean()


def test_a_story_and_its_list_are_drawn_on_the_map(site: Site, tab: Tabs) -> None:
    shown = tab(**LOOKS["dark"])
    page = sign_in(shown, site)
    show(page, f"{site.address}/console/map?story=plain-en-0")
    page.locator("#map[data-ready]").wait_for()
    listed = page.locator("#map-stories .stories__title")
    expect(listed.first).to_be_visible()
    assert listed.count() > 2
    page.locator("#map-canvas").focus()
    for key in ("ArrowLeft", "+", "-", "0"):
        page.keyboard.press(key)
    expect(page.locator("#map-legend li").first).to_be_visible()
    shown.assert_clean()


def test_the_quality_of_lists_is_counted_after_the_page_stands(site: Site, tab: Tabs) -> None:
    shown = tab(**LOOKS["light"])
    page = sign_in(shown, site)
    page.goto(f"{site.address}/console/quality")
    expect(page.get_by_text("lists are full.")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Count again").click()
    expect(page.locator(BUSY)).to_have_count(0, timeout=60_000)
    expect(page.get_by_text("lists are full.")).to_be_visible(timeout=60_000)
    shown.assert_clean()


def test_a_rebuild_is_asked_for_and_stopped(site: Site, tab: Tabs) -> None:
    shown = tab(**LOOKS["light"])
    page = sign_in(shown, site)
    show(page, f"{site.address}/console/health")
    page.get_by_role("button", name="Build it").press("Enter")
    expect(page.locator("#now").get_by_text("waiting")).to_be_visible()
    page.get_by_role("button", name="Stop it").press("Enter")
    expect(page.locator("#now").get_by_text("ended early")).to_be_visible()
    shown.assert_clean()


def test_the_language_is_changed_by_keyboard_and_who_signs_out_is_out(
    site: Site, tab: Tabs
) -> None:
    shown = tab(**LOOKS["light"])
    page = sign_in(shown, site)
    page.locator(".bar__account summary").press("Enter")
    page.get_by_role("button", name="Тоҷикӣ").press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "tg")
    page.locator(".bar__account summary").press("Enter")
    page.get_by_role("button", name="Баромадан").press("Enter")
    page.wait_for_url("**/console/sign-in")
    page.goto(f"{site.address}/console")
    expect(page.locator("[name=key]")).to_be_visible()
    assert [url for url in shown.asked if not url.startswith(LOOPBACK)] == []
