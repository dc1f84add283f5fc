"""Today, Find and the draft desk of the console in Chromium, by keyboard alone."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from recommender.indexing.drafts import DraftServer
from recommender.indexing.indexer import Indexer
from recommender.store import open_store
from tests.browser.conftest import AXE, Site, Tab, sign_in
from tests.support.missing_software import skip_or_fail

pytestmark = pytest.mark.long

Tabs = Callable[..., Tab]
WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 800}, "locale": "tg"}
FAULTS = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
  .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.failureSummary} ${node.html}`))"""
IS_WIDE = "document.documentElement.scrollWidth > innerWidth"


LARK = {
    "id": "lark",
    "title": "A ferry & a tide",
    "body": "The Sea Lark carried cargo to the quay of Old Harbour. Captain Moss praised the tide.",
    "url": "https://news.example/en/lark",
    "language": "en",
}


DRAFT = "Captain Moss came home with Sea Lark, and people of Old Harbour danced on the beach."


@pytest.fixture(scope="module")
def _reading_drafts(site: Site, reader_with_fake: Callable[..., Any]) -> Iterator[None]:
    """An indexer that reads drafts, and a story with names that a draft may share."""
    shared = site.client.application.extensions["read-also"]
    settings = shared.settings
    assert site.client.put("/v1/articles/lark", json=LARK).status_code == 201
    with closing(open_store(settings.database_url)) as store:
        indexer = Indexer(store, reader_with_fake())
        indexer.drain()
        shared.follower.refresh()
        with DraftServer(settings.data.draft_socket, lambda: indexer):
            yield


def check_page(page: Page) -> None:
    """Axe finds nothing, and nothing is wider than the window."""
    if not AXE.exists():
        skip_or_fail("axe is not installed: make generators")
    page.evaluate(AXE.read_text("utf-8"))
    assert page.evaluate(FAULTS) == []
    assert not page.evaluate(IS_WIDE)


def test_a_story_is_found_and_opened_by_keyboard(site: Site, tab: Tabs) -> None:
    shown = tab(**WIDE)
    page = sign_in(shown, site.address)
    page.goto(f"{site.address}/console/find")
    box = page.locator("[data-finder-box]")
    expect(box).to_be_focused()
    page.keyboard.type("киш банд")  # Tajik, as typed on a Russian keyboard
    first = page.locator("#found .stories__title").first
    expect(first.locator("mark").first).to_have_text("киш")
    expect(page.locator("[data-said]")).not_to_be_empty()
    page.wait_for_url("**/find?q=*")
    page.keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#found .stories__title").nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(box).to_be_focused()
    page.keyboard.press("Enter")
    expect(first).to_be_focused()
    headline = first.inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/story/plain-tg-*")
    expect(page.locator("h1").first).to_have_text(headline)
    page.go_back()
    expect(box).to_have_value("киш банд")
    shown.assert_clean()


def test_today_shows_lists_after_its_first_paint_and_finds_from_its_head(
    site: Site, tab: Tabs
) -> None:
    shown = tab(**WIDE)
    page = sign_in(shown, site.address)
    expect(page.locator(".home__count").first).to_contain_text("12")
    expect(page.locator("#attention")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("plain-en-3")
    found = page.locator("#found .stories__title")
    expect(found).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/story/plain-en-3")
    shown.assert_clean()


@pytest.mark.usefixtures("_reading_drafts")
def test_a_draft_is_looked_at_and_its_links_are_copied(site: Site, tab: Tabs) -> None:
    shown = tab(**WIDE, permissions=["clipboard-read", "clipboard-write"])
    page = sign_in(shown, site.address)
    page.goto(f"{site.address}/console/desk")
    story = site.stories["plain-en-2"]
    page.fill("[name=title]", "Something else")
    page.focus("[name=body]")
    page.keyboard.insert_text(story["body"])
    page.keyboard.press("Control+Enter")
    expect(page.locator("[aria-labelledby=earlier] .stories__title").first).to_have_text(
        story["title"]
    )
    expect(page.locator("[aria-labelledby=list] .stories__title")).to_have_count(12)
    page.fill("[name=body]", f"<b>{DRAFT}</b> In the evening it rained.")
    page.keyboard.press("Control+Enter")
    page.locator("[data-copy='#linked']").press("Enter")
    expect(page.locator("#status")).to_contain_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.sub(r"</?a[^>]*>", "", copied) == f"<b>{DRAFT}</b> In the evening it rained."
    assert '<a href="https://news.example/en/lark">' in copied
    check_page(page)
    shown.assert_clean()


@pytest.mark.parametrize("look", [WIDE, WIDE | {"color_scheme": "dark"}, PHONE])
def test_axe_finds_nothing_and_no_hostile_headline_runs(
    site: Site, tab: Tabs, look: dict[str, Any]
) -> None:
    shown = tab(**look)
    page = sign_in(shown, site.address)
    page.wait_for_selector(".home__count")
    check_page(page)
    for path in ("find?limit=100", "find?q=script+alert&state=shown&since=2020-01-01", "desk"):
        page.goto(f"{site.address}/console/{path}")
        check_page(page)
    shown.assert_clean()
