"""Editors at the console in Chromium: every page that they come to is checked.

Axe finds nothing, nothing is wider than the window, no script of a text runs, the browser says no
error (a breach of the page's policy is one), and no other host is asked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Flask
from playwright.sync_api import Frame, Page, expect

from recommender.web.console import console
from tests.browser.tabs import AXE, SECRET, Tab

__all__ = [
    "FIRST_PAGE",
    "LOOKS",
    "UNFOLD",
    "Editor",
    "Editors",
    "addresses_of_pages",
    "assert_clean_page",
    "settle",
]

PARTS: Final = {
    *("static", "map_points", "map_stories", "map_list", "quality_figures", "show_today"),
    *("find_to_steer", "preview_rule", "show_told_caches"),
}
"""What only scripts ask for; pages have it in them."""
SIGNED: Final = {"show_embed"}
"""What needs no session, and is looked at by itself."""
FILED: Final = {"show_report"}
"""What shows a file by its name, if there is one."""
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "light": {"viewport": {"width": 1280, "height": 900}, "locale": "en"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "locale": "en", "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "locale": "en"},
    "russian": {"viewport": {"width": 1000, "height": 900}, "locale": "ru"},
    "tajik": {"viewport": {"width": 360, "height": 740}, "locale": "tg", "color_scheme": "dark"},
}
PATIENCE_MS: Final = 120_000
BUSY: Final = "[aria-busy=true], #map:not([data-ready])"
FAULTS: Final = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
  .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html}: ${node.failureSummary}`))"""
TOO_WIDE: Final = """() => document.documentElement.scrollWidth <= innerWidth ? []
  : [...document.querySelectorAll('body *')]
    .filter((one) => one.getBoundingClientRect().right > innerWidth)
    .map((one) => one.outerHTML.slice(0, 200))"""
FIRST_PAGE: Final = re.compile("/console(/start)?$")
"""An empty archive begins with the first steps."""
UNFOLD: Final = "for (const one of document.querySelectorAll('main details')) one.open = true"


def settle(page: Page) -> None:
    """Wait until the page says that all its parts have come."""
    expect(page.locator(BUSY)).to_have_count(0, timeout=PATIENCE_MS)


def assert_clean_page(tab: Tab) -> None:
    """Check the page of a tab as it stands."""
    page = tab.page
    settle(page)
    page.evaluate(AXE.read_text("utf-8"))
    for look in (FAULTS, TOO_WIDE):
        found = page.evaluate(look)
        assert not found, f"{page.url}: {found}"
    tab.assert_clean()


def addresses_of_pages(**values: str) -> list[str]:
    """The address of every page of the console: of each the URL map has, with these values.

    Without a name there is no file to show.
    """
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(console)
    names = {rule.endpoint.removeprefix("console."): rule for rule in app.url_map.iter_rules()}
    left_out = PARTS | SIGNED | (set() if "name" in values else FILED)
    return sorted(
        re.sub(r"<(?:path:)?(\w+)>", lambda found: values[found[1]], rule.rule)
        for name, rule in names.items()
        if "GET" in (rule.methods or ()) and name not in left_out
    )


@dataclass
class Editor:
    """Somebody who is signed in to the console at an address.

    Attributes:
        tab: theirs.
        address: of the service.
        checked: the paths of the pages that were checked.
    """

    tab: Tab
    address: str
    checked: set[str] = field(default_factory=set)
    _came_to: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("framenavigated", self._note_page)

    @property
    def page(self) -> Page:
        return self.tab.page

    def sign_in(self, key: str = SECRET, person: str = "Anna") -> None:
        """By keyboard, through the form."""
        self.page.goto(f"{self.address}/console/sign-in")
        self.check()
        expect(self.page.locator("[name=key]")).to_be_focused()
        self.page.keyboard.type(key)
        self.page.keyboard.press("Tab")
        self.page.keyboard.type(person)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(FIRST_PAGE)
        self.check()

    def open(self, path: str) -> Page:
        """Go to an address, such as `/console/map`, and check it. One of no page is a 404."""
        answer = self.page.goto(self.address + path)
        if answer is not None and answer.status in {404, 410}:  # an error to a browser
            self.tab.faults = [one for one in self.tab.faults if str(answer.status) not in one]
        self.check()
        return self.page

    def come_to(self, path: str) -> Page:
        """Wait until a page is there that a link or a form leads to, and check it."""
        self.page.wait_for_url(f"{self.address}{path}")
        self.check()
        return self.page

    def check(self) -> None:
        """Check the page as it is now."""
        assert_clean_page(self.tab)
        self.checked.add(urlsplit(self.page.url).path)

    def check_last(self) -> None:
        """Check the last page, and that none was left unchecked."""
        self.check()
        left = self._came_to - self.checked
        assert not left, f"nobody looked at {left}"

    def _note_page(self, frame: Frame) -> None:
        if frame == self.page.main_frame and frame.url.startswith(self.address):
            self._came_to.add(urlsplit(frame.url).path)


Editors = Callable[..., Editor]
