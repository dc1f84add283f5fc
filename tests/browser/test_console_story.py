"""The story page of the console in Chromium: sliders, saving what they try, and taking it back."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import AXE, Site, Tab, sign_in
from tests.support.missing_software import skip_or_fail

pytestmark = pytest.mark.long

Tabs = Callable[..., Tab]
STORY = "/console/story/plain-en-0"
TRIED = "?age=90&half_life=1&diversity=60&tried=1"
TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? []
  : [...document.querySelectorAll('main *')]
    .filter((one) => one.getBoundingClientRect().right > innerWidth)
    .map((one) => one.outerHTML.slice(0, 200))"""
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 800}, "locale": "tg"},
}


def listed(page: Page) -> list[str]:
    """The headlines of the list, in order."""
    return page.locator(".stories--numbered .stories__title").all_inner_texts()


def test_an_editor_tries_saves_and_takes_back_by_keyboard(site: Site, tab: Tabs) -> None:
    shown = tab(**LOOKS["light"])
    page = sign_in(shown, site.address)
    follower = site.client.application.extensions["read-also"].follower
    page.goto(site.address + STORY)
    before = listed(page)
    assert len(before) == 12
    for slider, presses in (("#s-age", 9), ("#s-diversity", 9)):
        page.focus(slider)
        for _ in range(presses):
            page.keyboard.press("PageUp")
    trial = page.locator(".trial")
    expect(trial).to_be_visible()
    expect(page.locator('output[for="s-age"]')).to_have_text("100")
    page.wait_for_function("!document.querySelector('#story-list[aria-busy]')")
    tried = listed(page)
    assert tried != before
    expect(page.locator("#trial-status")).to_contain_text("A trial; readers still see")
    assert trial.locator(".trial__moves--gone li").count() == len([*{*before} - {*tried}])

    page.get_by_role("link", name="Save as how lists are made").press("Enter")
    page.wait_for_url("**/console/making/try?*")
    expect(page.get_by_text("How much age counts: 10 → 100")).to_be_visible()
    page.get_by_role("button", name="Save as how lists are made").press("Enter")
    page.wait_for_url("**/console/making?saved=1")
    follower.refresh()
    page.goto(site.address + STORY)
    assert listed(page) == tried
    expect(trial).to_have_count(0)

    page.goto(f"{site.address}/console/making?saved=1")
    page.get_by_role("button", name="Undo").press("Enter")
    page.wait_for_url("**/console/making?saved=2")
    follower.refresh()
    page.goto(site.address + STORY)
    assert listed(page) == before
    shown.assert_clean()


def test_who_moves_a_weight_sets_it_and_can_go_back(site: Site, tab: Tabs) -> None:
    shown = tab(**LOOKS["light"])
    page = sign_in(shown, site.address)
    page.goto(site.address + STORY)
    expect(page.locator("#s-own")).not_to_be_checked()
    page.focus("#s-words")
    page.keyboard.press("End")
    expect(page.locator("#s-own")).to_be_checked()
    expect(page.locator(".trial")).to_be_visible()
    shares = page.locator(".weights output").all_inner_texts()
    assert 99 <= sum(int(one.removesuffix(" %")) for one in shares) <= 101
    page.get_by_role("link", name="Back to how it is now").press("Enter")
    expect(page.locator(".trial")).to_have_count(0)
    expect(page.locator("#s-own")).not_to_be_checked()
    shown.assert_clean()


def test_the_list_is_shown_as_readers_see_it_by_keyboard(site: Site, tab: Tabs) -> None:
    shown = tab(**LOOKS["light"])
    page = sign_in(shown, site.address)
    page.goto(site.address + STORY)
    page.locator("input[value=reasons]").focus()
    for layout in ("list", "cards"):
        page.keyboard.press("ArrowRight")
        expect(page.locator(f".read-also--{layout}")).to_be_visible()
    shown.assert_clean()


def test_no_hostile_text_runs_a_script(site: Site, tab: Tabs) -> None:
    shown = tab(**LOOKS["light"])
    page = sign_in(shown, site.address)
    hostile = [one for one in site.stories if not one.startswith(("plain", "mixed"))]
    for story in hostile[::16]:
        page.goto(f"{site.address}/console/story/{story}")
        page.evaluate(
            "for (const one of document.querySelectorAll('main details')) one.open = true"
        )
        page.locator("input[value=cards]").check()
        expect(page.locator(".read-also--cards")).to_be_visible()
    shown.assert_clean()


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(site: Site, tab: Tabs, look: str) -> None:
    if not AXE.exists():
        skip_or_fail("axe is not installed: make generators")
    shown = tab(**LOOKS[look])
    page = sign_in(shown, site.address)
    paths = (
        *(STORY + TRIED, f"{STORY}?as=cards", f"{STORY}/beside/plain-en-1"),
        *("/console/making", f"/console/making/try{TRIED}"),
    )
    for path in paths:
        page.goto(site.address + path)
        page.evaluate(
            "for (const one of document.querySelectorAll('main details')) one.open = true"
        )
        page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        faulty = [(one["nodes"], one["id"]) for one in found["violations"]]
        assert [(name, one["failureSummary"]) for nodes, name in faulty for one in nodes] == []
        assert page.evaluate(TOO_WIDE) == [], path
    shown.assert_clean()
