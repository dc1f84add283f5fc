"""<read-also-list> in its layouts: everybody can use it, and docs/gallery.md shows it.

With `READ_ALSO_GALLERY=docs/pictures/gallery` the sheet of that page is made anew.
"""

from collections.abc import Callable
from typing import Any

import pytest

from recommender.api import LAYOUTS
from tests.browser.conftest import Cms, Site
from tests.browser.newspaper import page
from tests.browser.tabs import AXE, Tab
from tests.browser.test_list_element import SOURCES
from tests.support.missing_software import skip_or_fail
from tests.support.picture_sheets import GALLERY, ROOT, keep_picture, lay_out, shoot

pytestmark = pytest.mark.long

SHEET = "element.webp"
MOST_BYTES = 200_000
WIDE, PHONE = {"width": 760, "height": 900}, {"width": 360, "height": 900}
LOOKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "light": ("en", 'labels limit="6" language="en,ru"', {"viewport": WIDE}),
    "dark": ("en", 'labels limit="6" language="en,ru"', {"viewport": WIDE, "color_scheme": "dark"}),
    "from right to left": ("fa", 'limit="6" language="fa"', {"viewport": WIDE}),
    "without pictures": ("en", 'limit="6" images="0"', {"viewport": WIDE}),
    "on a phone": ("en", 'labels language="en,ru" limit="3"', {"viewport": PHONE}),
}
"""By name the story, the attributes, and the options of the browser."""
LOADED = "[...document.querySelectorAll('read-also-list')].every(one => one.list)"


def test_axe_finds_nothing_in_the_element(paper: Site, cms: Cms, tab: Callable[..., Tab]) -> None:
    if not AXE.exists():
        skip_or_fail("axe is not installed: make generators")
    for path in SOURCES.glob("*.js"):
        cms.put_file(f"/client/{path.name}", path.read_text(), "text/javascript")
    rows = {}
    for name, (story, attributes, browser) in LOOKS.items():
        shown = tab(**browser)
        shown.page.goto(put_elements(paper, cms, story, attributes))
        shown.page.wait_for_function(LOADED)
        shown.page.wait_for_load_state("networkidle")
        shown.page.evaluate(AXE.read_text("utf-8"))
        found = shown.page.evaluate("axe.run('main')")
        faulty = [(one["id"], node["html"]) for one in found["violations"] for node in one["nodes"]]
        assert faulty == [], name
        assert {"link-name", "color-contrast"} <= {one["id"] for one in found["passes"]}
        rows[name] = [shoot(shown.page, f"[layout={layout}]") for layout in LAYOUTS]
        shown.assert_clean()
    assert len(keep_picture(SHEET, lay_out(rows))) < MOST_BYTES
    assert f"(pictures/gallery/{SHEET})" in (ROOT / "docs/gallery.md").read_text("utf-8")
    assert (GALLERY / SHEET).stat().st_size < MOST_BYTES


def put_elements(paper: Site, cms: Cms, story: str, attributes: str) -> str:
    """A page with an element of each layout; its address."""
    script = f'<script type="module" src="{cms.address}/client/list.js"></script>'
    elements = "".join(
        f'<read-also-list base="{paper.address}" article="{story}" layout="{layout}"'
        f' heading="{layout}" {"limit=3" if layout == "compact" else ""} {attributes}>'
        "</read-also-list>"
        for layout in LAYOUTS
    )
    around = {"language": "fa", "direction": "rtl"} if story == "fa" else {}
    more = "read-also-list { margin-block: 2rem }"
    text = page("elements", script + elements, style="data:text/css,", more=more, **around)
    return cms.put_file("/elements", text, "text/html; charset=utf-8")
