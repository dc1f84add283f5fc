"""The layouts of a list, as docs/gallery.md shows them: nothing jumps, and everybody can use them.

With `READ_ALSO_GALLERY=docs/pictures/gallery` the pictures of that page are made anew.
"""

import os
import re
import time
from collections.abc import Callable
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from PIL import Image
from playwright.sync_api import Page, Route

from recommender.api import LAYOUTS
from recommender.web.page_words import persian_day
from tests.browser.conftest import Cms, Site
from tests.browser.newspaper import PARAGRAPH, PEERS, SKIES, drawing, page, peer_grid
from tests.browser.tabs import AXE, Tab
from tests.support.missing_software import skip_or_fail
from tests.support.waiting import until

pytestmark = pytest.mark.long

Tabs = Callable[..., Tab]
ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "docs" / "gallery.md"
MOST_BYTES = 40_000  # of a picture
WIDE, PHONE = {"width": 760, "height": 900}, {"width": 360, "height": 900}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": WIDE},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "phone": {"viewport": PHONE},
    "rtl": {"viewport": WIDE},
    "plain": {"viewport": WIDE},
    "contrast": {"viewport": WIDE, "forced_colors": "active"},
}


def list_of(paper: Site, seed: str, **options: str) -> str:
    query = "&".join(f"{name}={value}" for name, value in options.items())
    address = f"{paper.address}/v1/articles/{seed}/related.html?diversity=0&{query}"
    with urlopen(address) as answer:  # noqa: S310
        text: str = answer.read().decode()
    return text


def put_page(paper: Site, cms: Cms, layout: str, look: str) -> str:
    """A page with a layout; its address."""
    more = {"images": "0"} if look == "plain" else {"labels": "1", "language": "en,ru"}
    if layout != "compact":
        more |= {"limit": "6"}
    if look == "rtl":
        html = list_of(paper, "fa", **more | {"layout": layout, "language": "fa"})
        around = {"language": "fa", "direction": "rtl"}
    else:
        html, around = list_of(paper, "en", layout=layout, **more), {}
    if layout == "compact" and look != "rtl":
        html = f"{PARAGRAPH}{html}{PARAGRAPH}"
    style = f"{paper.address}/v1/read-also.css"
    text = page(f"{layout}, {look}", html, style=style, **around)
    return cms.put_file(f"/{layout}-{look}", text, "text/html; charset=utf-8")


def picture(shown: Page) -> bytes:
    """What the page shows, as a small file."""
    shot = Image.open(BytesIO(shown.locator("main").screenshot()))
    file = BytesIO()
    shot.convert("RGB").save(file, "WEBP", quality=82, method=6)
    return file.getvalue()


def keep(name: str, data: bytes) -> None:
    """Write a picture of the page in docs, if asked to."""
    folder = os.environ.get("READ_ALSO_GALLERY")
    if folder:
        (ROOT / folder / name).write_bytes(data)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("look", LOOKS)
def test_the_gallery_shows_each_layout_in_each_look(
    paper: Site, cms: Cms, tab: Tabs, layout: str, look: str
) -> None:
    shown = tab(**LOOKS[look])
    shown.page.goto(put_page(paper, cms, layout, look))
    shown.page.wait_for_load_state("networkidle")
    rows = 3 if layout == "compact" else 6
    assert shown.page.locator(".read-also__item").count() == rows
    width = LOOKS[look]["viewport"]["width"]
    assert shown.page.evaluate("document.scrollingElement.scrollWidth") == width
    name, data = f"{layout}-{look}.webp", picture(shown.page)
    keep(name, data)
    assert len(data) < MOST_BYTES
    assert f"(pictures/gallery/{name})" in GALLERY.read_text("utf-8")
    assert (GALLERY.parent / "pictures" / "gallery" / name).stat().st_size < MOST_BYTES
    shown.assert_clean()


@pytest.mark.parametrize("peer", PEERS)
def test_the_gallery_shows_the_grids_of_peers_for_comparison(
    cms: Cms, tab: Tabs, peer: str
) -> None:
    for number in range(len(SKIES)):
        cms.put_file(f"/{number}.svg", drawing(number), "image/svg+xml")
    shown = tab(viewport=WIDE)
    text = page(peer, peer_grid(cms.address), style="data:text/css,", more=PEERS[peer])
    shown.page.goto(cms.put_file(f"/{peer}", text, "text/html; charset=utf-8"))
    shown.page.wait_for_load_state("networkidle")
    data = picture(shown.page)
    keep(f"peer-{peer}.webp", data)
    assert f"(pictures/gallery/peer-{peer}.webp)" in GALLERY.read_text("utf-8")


# --- nothing jumps ---

SHIFT = """async () => {
  scrollTo(0, document.body.scrollHeight);
  await Promise.all([...document.images].map(image => image.decode()));
  await new Promise(requestAnimationFrame);
  await new Promise(done => setTimeout(done, 50));
  const found = [];
  new PerformanceObserver(all => found.push(...all.getEntries()))
    .observe({ type: "layout-shift", buffered: true });
  await new Promise(done => setTimeout(done, 50));
  return found.reduce((sum, one) => sum + one.value, 0);
}"""
"""The cumulative layout shift of a page whose pictures come late."""


def answer_late(route: Route) -> None:
    """Send a file that the page asks for a little later."""
    time.sleep(0.05)
    route.continue_()


def shift_of(shown: Tab, address: str) -> float:
    shown.page.route("**/*.svg", answer_late)
    shown.page.goto(address)
    shift: float = shown.page.evaluate(SHIFT)
    return shift


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_jumps_while_pictures_come(paper: Site, cms: Cms, tab: Tabs, layout: str) -> None:
    for look in ("light", "phone"):
        shown = tab(**LOOKS[look])
        assert shift_of(shown, put_page(paper, cms, layout, look)) == 0


def test_without_sizes_the_same_page_would_jump(paper: Site, cms: Cms, tab: Tabs) -> None:
    """So the measure notices what it is there for."""
    html = list_of(paper, "en", layout="cards", limit="6")
    bare = re.sub(r' (width|height|loading)="[^"]*"', "", html)
    text = page("bare", bare + PARAGRAPH, style="data:text/css,")
    address = cms.put_file("/bare", text, "text/html; charset=utf-8")
    shown = tab(viewport=WIDE)
    found = shift_of(shown, address)
    assert until(lambda: found > 0 or shown.page.evaluate(SHIFT) > 0)  # once it was painted


def test_a_stylesheet_that_comes_with_the_list_moves_nothing(
    paper: Site, cms: Cms, tab: Tabs
) -> None:
    """It stands in the body, and the browser waits for it before it shows what follows."""
    link = f'<link rel="stylesheet" href="{paper.address}/v1/read-also.css">'
    html = link + list_of(paper, "en", layout="cards", limit="6") + PARAGRAPH
    shown = tab(viewport=WIDE)
    shown.page.route("**/read-also.css", answer_late)
    text = page("brought", PARAGRAPH + html, style="data:text/css,")
    assert shift_of(shown, cms.put_file("/brought", text, "text/html; charset=utf-8")) == 0
    display = shown.page.locator("ul").evaluate("one => getComputedStyle(one).display")
    assert display == "grid"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_on_paper_there_are_no_pictures_and_no_places_for_them(
    paper: Site, cms: Cms, tab: Tabs, layout: str
) -> None:
    shown = tab(viewport=WIDE)
    shown.page.goto(put_page(paper, cms, layout, "light"))
    shown.page.emulate_media(media="print")
    assert not [one for one in shown.page.locator(".read-also__image").all() if one.is_visible()]
    boxes = shown.page.locator(".read-also__item, .read-also__title").evaluate_all(PLACES)
    assert all(0 <= start < 1 and height < 150 for start, height in boxes)


PLACES = """all => all.map(element => {
  const { left, height } = element.getBoundingClientRect();
  return [left - element.closest(".read-also__item").getBoundingClientRect().left, height];
})"""
"""How far from the side of its item an element begins, and how high it is."""


# --- everybody can use it ---


@pytest.mark.parametrize("look", ["light", "dark", "rtl", "plain", "contrast"])
def test_axe_finds_nothing(paper: Site, cms: Cms, tab: Tabs, look: str) -> None:
    if not AXE.exists():
        skip_or_fail("axe is not installed: make generators")
    shown = tab(**LOOKS[look])
    for layout in LAYOUTS:
        shown.page.goto(put_page(paper, cms, layout, look))
        shown.page.evaluate(AXE.read_text("utf-8"))
        found = shown.page.evaluate("axe.run('main')")
        faulty = [(one["nodes"], one["id"]) for one in found["violations"]]
        assert [(name, one["failureSummary"]) for nodes, name in faulty for one in nodes] == []
        assert {"link-name", "color-contrast"} <= {one["id"] for one in found["passes"]}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_whole_row_or_card_is_the_link(paper: Site, cms: Cms, tab: Tabs, layout: str) -> None:
    shown = tab(viewport=WIDE)
    shown.page.goto(put_page(paper, cms, layout, "rtl"))
    reached = shown.page.eval_on_selector_all(".read-also__item", TARGETS)
    assert reached
    assert all(reached)


TARGETS = """all => all.map(item => {
  item.scrollIntoView();
  const { left, right, top, bottom } = item.getBoundingClientRect();
  const link = item.querySelector("a");
  const points = [left + 5, (left + right) / 2, right - 5].flatMap(x =>
    [top + 5, (top + bottom) / 2, bottom - 5].map(y => document.elementFromPoint(x, y)));
  return points.every(point => link.contains(point));
})"""
"""Whether a click near the corners, the edges and in the middle of each item is one on its link."""


def test_a_selection_takes_in_the_letters_under_the_link(paper: Site, cms: Cms, tab: Tabs) -> None:
    """It begins beside the links: a drag on a link drags the link, as everywhere."""
    shown = tab(viewport=WIDE)
    shown.page.goto(put_page(paper, cms, "list", "light"))
    heading, row = (
        shown.page.locator(one).bounding_box()
        for one in (".read-also__heading", ".read-also__item:nth-child(2)")
    )
    assert heading is not None
    assert row is not None
    shown.page.mouse.move(heading["x"] + 1, heading["y"] + heading["height"] - 12)
    shown.page.mouse.down()
    shown.page.mouse.move(row["x"] + row["width"] - 4, row["y"] + 20, steps=5)
    shown.page.mouse.up()
    selected = shown.page.evaluate("getSelection().toString()")
    titles = shown.page.locator(".read-also__title").all_inner_texts()
    assert [title for title in titles if title in selected] == titles[:2]


STRICT_THEME = """
main * { box-sizing: border-box }
main ul { list-style: disc; margin: 0 0 1.5em 3em } main li::before { content: ">" }
main a { color: #c00; text-decoration: underline; border-bottom: 2px dotted; padding: 0 3px }
main img { height: auto; max-width: 50%; border: 3px solid; padding: 4px; margin: 1em 0 }
main h2 { font-size: 2.4rem; margin: 2em 0 1em }
"""
"""What themes of a CMS say about everything in a text."""
BOXES = """all => all.map(element => {
  const { padding, borderTopWidth, listStyleType, textDecorationLine, color } =
    getComputedStyle(element);
  const { width, height } = element.getBoundingClientRect();
  return [element.tagName, padding, borderTopWidth, listStyleType, textDecorationLine, color,
    Math.round(width), Math.round(height)];
})"""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_rules_that_a_theme_has_for_all_texts_change_no_layout(
    paper: Site, cms: Cms, tab: Tabs, layout: str
) -> None:
    html = list_of(paper, "en", layout=layout, labels="1")
    found = []
    for theme in ("", STRICT_THEME):
        style = f"{paper.address}/v1/read-also.css"
        text = page(layout, html, style=style, more=theme)
        shown = tab(viewport=WIDE)
        shown.page.goto(cms.put_file("/theme", text, "text/html; charset=utf-8"))
        parts = ".read-also, .read-also *:not(h2)"
        found.append(shown.page.eval_on_selector_all(parts, BOXES))
    assert found[0] == found[1]


PERSIAN_DAYS = """() => {
  const parts = { year: "numeric", month: "numeric", day: "numeric" };
  const persian = new Intl.DateTimeFormat("en", { calendar: "persian", timeZone: "UTC", ...parts });
  const found = [];
  for (let at = Date.UTC(1900, 0, 1); at < Date.UTC(2100, 0, 1); at += 86400000) {
    const of = Object.fromEntries(persian.formatToParts(at).map(one => [one.type, one.value]));
    found.push([+of.year, +of.month, +of.day]);
  }
  return found;
}"""


def test_days_of_the_persian_calendar_are_those_of_the_browser(tab: Tabs) -> None:
    first = date(1900, 1, 1).toordinal()
    found = tab().page.evaluate(PERSIAN_DAYS)
    assert len(found) > 73_000
    days = (date.fromordinal(first + number) for number in range(len(found)))
    assert [[*persian_day(day)] for day in days] == found
