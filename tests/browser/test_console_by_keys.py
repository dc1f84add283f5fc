"""Everything in the console by keyboard alone, in one run: the focus is always seen, never lost."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Site
from tests.browser.editors import LOOKS, settle
from tests.browser.tabs import SECRET, Tab

pytestmark = pytest.mark.long

NO_POINTER: Final = """for (const kind of ['pointerdown', 'mousedown', 'touchstart'])
  addEventListener(kind, () => console.error('something was clicked'), true);"""
FOCUS: Final = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return 'it is lost';
  const shown = one.matches('.way input') ? one.nextElementSibling : one;
  const style = getComputedStyle(shown);
  if (style.outlineStyle === 'none' || !parseFloat(style.outlineWidth)) return 'no outline';
  const box = shown.getBoundingClientRect();
  if (!box.width || box.bottom < 0 || box.top > innerHeight) return 'it is out of sight';
  return '';
}"""
IS_FOCUSED: Final = "(one) => one === document.activeElement"
MOST_STEPS: Final = 300


@dataclass
class Keys:
    """The keyboard before a page."""

    page: Page

    def press(self, *keys: str) -> None:
        """Press keys one after another; the focus stays where it can be seen."""
        for key in keys:
            self.page.keyboard.press(key)
            self.assert_focus()

    def assert_focus(self) -> None:
        fault = self.page.evaluate(FOCUS)
        assert fault == "", (fault, self.page.evaluate("document.activeElement.outerHTML")[:300])

    def go_to(self, target: Locator, key: str = "Tab") -> None:
        """Go on by Tab until something has the focus."""
        expect(target).to_be_attached()
        for _ in range(MOST_STEPS):
            self.press(key)
            if target.evaluate(IS_FOCUSED):
                return
        pytest.fail(f"{key} does not lead to {target}")

    def follow(self, target: Locator, address: str, key: str = "Tab") -> None:
        """Go to a link or a button that leads to another page, and press it."""
        self.go_to(target, key)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(address)
        settle(self.page)

    def choose(self, name: str, address: str) -> None:
        """A page of the menu: behind where the work was, or ahead on a page that has just come."""
        has_come = self.page.evaluate("document.activeElement === document.body")
        entry = self.page.locator(".bar__menu").get_by_text(name, exact=True)
        self.follow(entry, address, "Tab" if has_come else "Shift+Tab")


def test_everything_is_done_by_keyboard_alone(following: Site, tab: Callable[..., Tab]) -> None:
    shown = tab(**LOOKS["light"])
    page = shown.page
    page.add_init_script(NO_POINTER)
    keys = Keys(page)
    page.goto(f"{following.address}/console/sign-in")
    expect(page.locator("[name=key]")).to_be_focused()
    page.keyboard.type(SECRET)
    keys.press("Tab")
    page.keyboard.type("Anna")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console")
    settle(page)
    find_a_story(keys)
    pin_move_and_undo(keys)
    try_save_and_take_back(keys)
    make_a_rule(keys)
    look_at_the_map(keys)
    keys.choose("Quality", "**/console/quality")
    keys.go_to(page.get_by_role("link", name="Count again"))
    keys.press("Enter")
    settle(page)
    keys.assert_focus()
    keys.go_to(page.locator(".bar__account summary"), "Shift+Tab")
    keys.press("Enter")
    keys.follow(page.get_by_role("button", name="Sign out"), "**/console/sign-in")
    expect(page.locator("[name=key]")).to_be_focused()
    shown.assert_clean()


def find_a_story(keys: Keys) -> None:
    """From the first page, by "/"."""
    page = keys.page
    keys.press("/")
    expect(page.locator("[data-finder-box]")).to_be_focused()
    page.keyboard.type("plain-en-0")
    expect(page.locator("#found .stories__title")).to_have_count(1)
    settle(page)
    keys.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/story/plain-en-0")


def pin_move_and_undo(keys: Keys) -> None:
    """Two pins, their order, and the way back; then none."""
    page = keys.page
    pins = page.locator("#steer-pins li")
    for count in (1, 2):
        keys.go_to(page.locator("[id^=list-pin-][value^='pins add']").first)
        keys.press("Enter")
        expect(pins).to_have_count(count)
        settle(page)
        keys.assert_focus()
    ids = pins.evaluate_all("all => all.map((one) => one.dataset.id)")
    keys.go_to(page.locator(f"#up-{ids[1]}"), "Shift+Tab")
    page.keyboard.press("Alt+ArrowUp")
    expect(pins.first).to_have_attribute("data-id", ids[1])
    settle(page)
    keys.assert_focus()
    keys.go_to(page.locator("#steer-undo"), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(pins.first).to_have_attribute("data-id", ids[0])
    settle(page)
    keys.assert_focus()
    for left in (1, 0):
        keys.go_to(page.locator("[id^=remove-pins-]").first)
        page.keyboard.press("Enter")
        expect(pins).to_have_count(left)
        settle(page)
        keys.assert_focus()


def try_save_and_take_back(keys: Keys) -> None:
    """The sliders, and what they change for all lists."""
    page = keys.page
    keys.go_to(page.locator("#s-diversity"))
    keys.press("End")
    expect(page.locator(".trial")).to_be_visible()
    settle(page)
    keys.assert_focus()
    keys.follow(page.get_by_role("link", name="Save for all lists"), "**/console/making/try?*")
    keys.follow(page.get_by_role("button", name="Save for all lists"), "**/console/making?saved=*")
    saved = page.url
    keys.go_to(page.get_by_role("button", name="Undo"))
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "saved=" in url and url != saved)
    settle(page)


def make_a_rule(keys: Keys) -> None:
    """Its name and its section; then it is removed."""
    page = keys.page
    keys.choose("Rules", "**/console/rules")
    keys.go_to(page.get_by_label("What to call it"))
    page.keyboard.type("No port under port")
    keys.go_to(page.get_by_label("Section").first)
    page.keyboard.type("port")
    expect(page.locator("#rule-preview")).to_contain_text("It is about")
    page.keyboard.press("Enter")
    expect(page.locator("#rules-outcome")).to_contain_text("Saved: No port under port")
    settle(page)
    keys.assert_focus()
    keys.go_to(page.get_by_role("button", name="Remove: No port under port"))
    page.keyboard.press("Enter")
    expect(page.locator("#rules-outcome")).to_contain_text("Removed:")
    settle(page)
    keys.assert_focus()


def look_at_the_map(keys: Keys) -> None:
    """Move it, and open a group."""
    page = keys.page
    keys.choose("Map", "**/console/map")
    keys.go_to(page.locator("#map-canvas"))
    keys.press("ArrowLeft", "+", "-", "0")
    keys.go_to(page.locator("#map-groups button").first)
    keys.press("Enter")
    expect(page.locator("#map-stories .stories__title").first).to_be_visible()
    settle(page)
    keys.assert_focus()
