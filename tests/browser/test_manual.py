"""The page that documents the API, on a telephone and on a large screen."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Site, Tab
from tests.browser.test_lists import described

Tabs = Callable[..., Tab]

NARROW, WIDE = 320, 1200
MEMBERS = "#Article table"
PARTS = ("caption", "columnheader", "row", "rowheader", "cell")
LABELS = "all => all.map(cell => getComputedStyle(cell, '::before').content)"


@pytest.fixture
def manual(site: Site, tab: Tabs) -> Callable[[int], Page]:
    """The page on a screen so wide."""

    def show(width: int) -> Page:
        page = tab(viewport={"width": width, "height": 640}).page
        page.goto(f"{site.address}/docs")
        return page

    return show


def lefts(page: Page) -> set[float]:
    """Where the cells of a row begin."""
    boxes = [
        cell.bounding_box() for cell in page.locator(f"{MEMBERS} tr").nth(1).locator("> *").all()
    ]
    return {box["x"] for box in boxes if box}


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_the_page_fits_the_width_of_the_screen(manual: Callable[[int], Page], width: int) -> None:
    assert manual(width).evaluate("document.scrollingElement.scrollWidth") == width


def test_cells_are_in_a_row_on_a_wide_screen(manual: Callable[[int], Page]) -> None:
    page = manual(WIDE)
    assert len(lefts(page)) == 4
    assert set(page.locator(f"{MEMBERS} td").evaluate_all(LABELS)) == {"none"}


def test_cells_are_in_a_column_with_their_names_on_a_narrow_screen(
    manual: Callable[[int], Page],
) -> None:
    page = manual(NARROW)
    assert len(lefts(page)) == 1
    labels = page.locator(f"{MEMBERS} tr:nth-child(1) td").evaluate_all(LABELS)
    assert labels == ['"value: "', '"required: "', '"meaning: "']


def test_tables_have_the_role_of_tables_on_every_screen(manual: Callable[[int], Page]) -> None:
    roles = [
        [role for role, _ in described(manual(width)) if role in PARTS] for width in (NARROW, WIDE)
    ]
    assert roles[0] == roles[1]
    assert set(roles[0]) == set(PARTS)
