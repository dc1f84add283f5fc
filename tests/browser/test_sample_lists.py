"""The layouts in the demonstration's newspaper: nothing jumps, and everybody can use them.

Its stories are those of the gallery: the sample has none from right to left.

With `READ_ALSO_GALLERY=docs/pictures/gallery` the sheet of docs/gallery.md is made anew.
"""

from collections.abc import Callable
from typing import Any

import pytest

from recommender.api import LAYOUTS
from tests.browser.conftest import Site
from tests.browser.tabs import AXE, Tab
from tests.browser.test_gallery import SHIFT, answer_late
from tests.support.missing_software import skip_or_fail
from tests.support.picture_sheets import GALLERY, ROOT, keep_picture, lay_out, shoot

pytestmark = pytest.mark.long

SHEET = "newspaper-layouts.webp"
MOST_BYTES = 260_000
DESK, PHONE = {"width": 1100, "height": 860}, {"width": 360, "height": 740}
Look = tuple[str, str, dict[str, Any]]
LOOKS: dict[str, Look] = {
    "light": ("en", "labels=1&language=en,ru", {"viewport": DESK}),
    "dark": ("en", "labels=1&language=en,ru", {"viewport": DESK, "color_scheme": "dark"}),
    "from right to left": ("fa", "language=fa", {"viewport": DESK}),
    "without pictures": ("en", "images=0", {"viewport": DESK}),
    "on a phone": ("en", "labels=1&language=en,ru", {"viewport": PHONE}),
    "on a phone, from right to left, dark": (
        *("fa", "language=fa"),
        {"viewport": PHONE, "color_scheme": "dark"},
    ),
}
"""By name the story, the options of its list, and those of the browser."""


def test_lists_of_the_newspaper_stand_still_and_axe_finds_nothing(
    paper: Site, tab: Callable[..., Tab]
) -> None:
    if not AXE.exists():
        skip_or_fail("axe is not installed: make generators")
    rows = {}
    for name, (story, options, browser) in LOOKS.items():
        shown = tab(**browser)
        shown.page.route("**/*.{svg,css}", answer_late)
        rows[name] = [check(paper, shown, f"{story}?{options}&layout={one}") for one in LAYOUTS]
        shown.assert_clean()
    assert len(keep_picture(SHEET, lay_out(rows))) < MOST_BYTES
    assert f"(pictures/gallery/{SHEET})" in (ROOT / "docs/gallery.md").read_text("utf-8")
    assert (GALLERY / SHEET).stat().st_size < MOST_BYTES


def check(paper: Site, shown: Tab, story: str) -> Any:
    """Look at a story's list, and return its picture."""
    shown.page.goto(f"{paper.address}/read/{story}&limit={3 if 'compact' in story else 6}")
    assert shown.page.evaluate(SHIFT) == 0, story
    width = shown.page.evaluate("innerWidth")
    assert shown.page.evaluate("document.scrollingElement.scrollWidth") == width, story
    shown.page.evaluate(AXE.read_text("utf-8"))
    found = shown.page.evaluate("axe.run('.also')")
    faulty = [(one["id"], node["html"]) for one in found["violations"] for node in one["nodes"]]
    assert faulty == [], story
    assert "color-contrast" in {one["id"] for one in found["passes"]}
    pictured = shown.page.locator(".read-also__item--pictured").count()
    assert (pictured > 0) == ("images=0" not in story and ("cards" in story or "thumbs" in story))
    return shoot(shown.page, ".read-also")
