"""What the console says to editors whose changes meet, and where it says it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.editors import Editors

pytestmark = pytest.mark.long

STORY = "/console/story/plain-en-0"
LIST = "#story-list ol .stories__title"


def listed(page: Page) -> list[str]:
    """The headlines of the list, as it stands."""
    return page.locator(LIST).all_inner_texts()


def pinned(page: Page) -> list[str]:
    return page.locator("#steer-pins .stories__title").all_inner_texts()


def wait_for(page: Page, wanted: list[str]) -> None:
    """Wait until the pins stand in an order, on the page and in the list."""
    expect(page.locator("#steer-pins .stories__title")).to_have_text(wanted)
    for place, title in enumerate(wanted):
        expect(page.locator(LIST).nth(place)).to_have_text(title)


def test_a_reason_goes_with_the_next_change_and_stands_in_the_history(
    following: Site, editor: Editors
) -> None:
    page = editor(following.address).open("/console/story/plain-en-1")
    title = listed(page)[0]
    page.locator("#list-why").fill("tells the rest")  # beside the list
    page.get_by_role("button", name=f"Pin: {title}", exact=True).click()
    expect(page.locator("#steer-pins q")).to_have_text("tells the rest")
    expect(page.locator("#list-why")).to_have_value("")
    page.locator("#steer-why").fill("a mistake")
    page.locator("#steer-undo").click()
    expect(page.locator("#steer-pins")).to_have_count(0)
    expect(page.locator("#steer-why")).to_have_value("")
    page.get_by_text("Who changed what").click()
    expect(page.locator("#steer-history q")).to_have_text(["a mistake", "tells the rest"])
    page.locator("#steer-why").fill("kept while typing")
    page.locator("#steer-why").press("Enter")  # no button was pressed: nothing is changed
    expect(page.locator("#steer-history q")).to_have_count(2)


def test_the_second_of_two_editors_is_told_and_adds_theirs(
    following: Site, editor: Editors
) -> None:
    anna, boris = (editor(following.address, person=one) for one in ("Anna", "Boris"))
    pages = [one.open(STORY) for one in (anna, boris)]
    a, b = listed(pages[0])[2:4]
    pages[0].get_by_role("button", name=f"Pin: {a}", exact=True).click()
    expect(pages[0].locator("#steer-pins li")).to_have_count(1)
    pages[1].get_by_role("button", name=f"Pin: {b}", exact=True).click()
    expect(pages[1].locator("#steer .notice--warn")).to_contain_text("cms: Anna")
    assert pinned(pages[1]) == [a]
    pages[1].locator("#steer-again").click()
    wait_for(pages[1], [a, b])
    for title in (a, b):
        pages[1].get_by_role("button", name=f"Unpin: {title}", exact=True).first.click()
        expect(pages[1].locator("#steer-pins .stories__title", has_text=title)).to_have_count(0)


def test_undo_is_in_sight_of_who_pins_further_down(following: Site, editor: Editors) -> None:
    anna = editor(following.address, viewport={"width": 390, "height": 500})
    page = anna.open(STORY)
    title = listed(page)[-1]
    page.get_by_role("button", name=f"Pin: {title}", exact=True).click()
    expect(page.locator("#steer-undo")).to_be_in_viewport()
    page.locator("#steer-undo").click()
    expect(page.locator("#steer-pins")).to_have_count(0)
