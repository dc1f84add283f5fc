"""Editors steer lists in a browser: pins by click, keys and dragging; taking down; rules."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from recommender.api import Override
from recommender.api_keys import ApiKey
from recommender.settings import Settings
from recommender.store import Actor, open_store
from service import create_app
from tests.browser.conftest import AXE, SECRET, Tab, plain_stories, served
from tests.browser.hostile import TITLES
from tests.support.missing_software import skip_or_fail

pytestmark = pytest.mark.long

Tabs = Callable[..., Tab]
STORY = "plain-en-0"
MOST_NOTE, MOST_NAME = 500, 100  # characters


@dataclass(frozen=True)
class Desk:
    """The running console of a small archive."""

    address: str
    database_url: str

    def sign_in(self, tab: Tabs, person: str = "Anna", **options: Any) -> Tab:
        """A tab of somebody who is signed in."""
        opened = tab(locale="en", **options)
        opened.page.goto(f"{self.address}/console/sign-in")
        opened.page.get_by_label("key").fill(SECRET)
        opened.page.locator("[name=person]").fill(person)
        opened.page.locator("button.main").click()
        opened.page.wait_for_url("**/console")
        return opened

    def open(self, opened: Tab, path: str) -> Page:
        opened.page.goto(f"{self.address}/console{path}")
        return opened.page


@pytest.fixture(scope="module")
def desk(
    tmp_path_factory: pytest.TempPathFactory,
    make_story: Callable[..., Any],
    rebuild_with_fake: Callable[..., object],
) -> Iterator[Desk]:
    """Stories of three languages, in a service that follows its store."""
    folder = tmp_path_factory.mktemp("steered")
    key = ApiKey.of("desk", {"write", "read"}, SECRET)
    settings = Settings(f"sqlite:///{folder / 'a.db'}", folder, api_keys=(key,))
    client = create_app(settings, follows=False).test_client()
    client.environ_base["HTTP_X_API_KEY"] = SECRET
    for story in plain_stories(make_story):
        client.put(f"/v1/articles/{story['id']}", json=story)
    client.application.extensions["read-also"].stop()
    rebuild_with_fake(replace(settings, api_keys=()))
    app = create_app(settings)
    with served(app) as address:
        yield Desk(address, settings.database_url)
    app.extensions["read-also"].stop()


def listed(page: Page) -> list[str]:
    """The headlines of the list, as it stands."""
    return page.locator("#story-list ol .stories__title").all_inner_texts()


def pinned(page: Page) -> list[str]:
    return page.locator("#steer-pins .stories__title").all_inner_texts()


def wait_for(page: Page, wanted: list[str]) -> None:
    """Wait until the pins stand in an order, on the page and in the list."""
    rows = page.locator("#steer-pins .stories__title")
    expect(rows).to_have_text(wanted)
    for place, title in enumerate(wanted):
        expect(page.locator("#story-list ol .stories__title").nth(place)).to_have_text(title)


def test_pins_are_set_and_ordered_by_click_by_keys_and_by_dragging(desk: Desk, tab: Tabs) -> None:
    anna = desk.sign_in(tab)
    page = desk.open(anna, f"/story/{STORY}")
    titles = listed(page)
    for count, title in enumerate(titles[1:4], 1):
        page.get_by_role("button", name=f"Pin: {title}", exact=True).click()
        expect(page.locator("#steer-pins li")).to_have_count(count)
    a, b, c = titles[1:4]
    wait_for(page, [a, b, c])
    page.get_by_role("button", name=f"Move up: {c}", exact=True).focus()
    page.keyboard.press("Alt+ArrowUp")
    wait_for(page, [a, c, b])
    page.keyboard.press("Alt+ArrowUp")  # the focus is still at that story
    wait_for(page, [c, a, b])
    expect(page.locator("#status")).to_contain_text(c)
    page.locator("#steer-pins li").nth(2).drag_to(
        page.locator("#steer-pins li").nth(0), target_position={"x": 200, "y": 2}
    )
    wait_for(page, [b, c, a])
    page.locator("#steer-undo").click()
    wait_for(page, [c, a, b])
    for title in (a, b, c):
        page.get_by_role("button", name=f"Unpin: {title}", exact=True).first.click()
        expect(page.locator("#steer-pins .stories__title", has_text=title)).to_have_count(0)
    expect(page.locator("#story-list ol .stories__title")).to_have_text(titles)
    anna.assert_clean()


def test_a_story_that_was_found_is_pinned_with_a_note_and_another_is_taken_out(
    desk: Desk, tab: Tabs
) -> None:
    anna = desk.sign_in(tab)
    page = desk.open(anna, f"/story/{STORY}")
    first = listed(page)[0]
    page.get_by_role("button", name=f"Take out: {first}", exact=True).click()
    expect(page.locator("#story-list ol .stories__title", has_text=first)).to_have_count(0)
    page.get_by_label("Find a story to pin or to take out").fill("plain-tg-3")
    page.locator("#found-pin-plain-tg-3").click()
    expect(page.locator("#story-list .stories__title").nth(0)).to_have_attribute(
        "href", "/console/story/plain-tg-3"
    )
    page.locator("#note-pins-plain-tg-3").click()
    page.locator("#steer-pins").get_by_label("Why").fill("for the feast")
    page.get_by_role("button", name="Save", exact=True).first.click()
    expect(page.locator("#steer-pins q")).to_have_text("for the feast")
    page.get_by_role("button", name=f"Allow again: {first}", exact=True).click()
    expect(page.locator("#story-list .stories__title", has_text=first)).to_have_count(1)
    page.locator("#remove-pins-plain-tg-3").click()
    anna.assert_clean()


def test_a_reason_goes_with_the_next_change_and_stands_in_the_history(
    desk: Desk, tab: Tabs
) -> None:
    anna = desk.sign_in(tab)
    page = desk.open(anna, "/story/plain-en-1")
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
    anna.assert_clean()


def test_the_second_of_two_editors_is_told_and_adds_theirs(desk: Desk, tab: Tabs) -> None:
    anna, boris = desk.sign_in(tab), desk.sign_in(tab, "Boris")
    pages = [desk.open(one, f"/story/{STORY}") for one in (anna, boris)]
    a, b = listed(pages[0])[2:4]
    pages[0].get_by_role("button", name=f"Pin: {a}", exact=True).click()
    expect(pages[0].locator("#steer-pins li")).to_have_count(1)
    pages[1].get_by_role("button", name=f"Pin: {b}", exact=True).click()
    expect(pages[1].locator("#steer .notice--warn")).to_contain_text("desk: Anna")
    assert pinned(pages[1]) == [a]
    pages[1].locator("#steer-again").click()
    wait_for(pages[1], [a, b])
    for title in (a, b):
        pages[1].get_by_role("button", name=f"Unpin: {title}", exact=True).first.click()
        expect(pages[1].locator("#steer-pins .stories__title", has_text=title)).to_have_count(0)
    for one in (anna, boris):
        one.assert_clean()


def test_undo_is_in_sight_of_who_pins_further_down(desk: Desk, tab: Tabs) -> None:
    anna = desk.sign_in(tab, viewport={"width": 390, "height": 500})
    page = desk.open(anna, f"/story/{STORY}")
    title = listed(page)[-1]
    page.get_by_role("button", name=f"Pin: {title}", exact=True).click()
    expect(page.locator("#steer-undo")).to_be_in_viewport()
    page.locator("#steer-undo").click()
    expect(page.locator("#steer-pins")).to_have_count(0)
    anna.assert_clean()


def test_a_story_is_taken_down_everywhere_and_brought_back(desk: Desk, tab: Tabs) -> None:
    anna = desk.sign_in(tab)
    page = desk.open(anna, f"/story/{STORY}")
    page.get_by_role("link", name="Where is this story shown?").click()
    shown = page.locator("#appears ul.stories li")
    expect(shown.first).to_be_visible()
    count = shown.count()
    page.locator("#take-down").click()
    expect(page.locator("#appears-outcome")).to_contain_text("It is gone")
    expect(shown).to_have_count(0)
    page.locator("#bring-back").click()
    expect(shown).to_have_count(count)
    anna.assert_clean()


def test_a_rule_is_tried_saved_and_taken_back_by_keyboard(desk: Desk, tab: Tabs) -> None:
    anna = desk.sign_in(tab)
    page = desk.open(anna, "/rules")
    page.get_by_label("What to call it").focus()
    page.keyboard.type("No port under port")
    page.get_by_label("Section").first.focus()
    page.keyboard.type("port")
    expect(page.locator("#rule-preview")).to_contain_text("It is about 20 stories")
    expect(page.locator("#rule-preview s").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#rules-outcome")).to_contain_text("Saved: No port under port")
    expect(page.get_by_label("What to call it")).to_have_value("")
    desk.open(anna, f"/story/{STORY}")
    assert listed(page) == []
    desk.open(anna, "/rules")
    page.get_by_role("button", name="Remove: No port under port").press("Enter")
    expect(page.locator("#rules-outcome")).to_contain_text("Removed:")
    page.locator("#rules-outcome").get_by_role("button", name="Undo").press("Enter")
    expect(page.locator("#rules h3")).to_have_text(["No port under port"])
    page.get_by_role("button", name="Remove: No port under port").press("Enter")
    expect(page.locator("#rules h3")).to_have_count(0)
    anna.assert_clean()


def test_no_hostile_note_name_or_rule_runs_a_script(desk: Desk, tab: Tabs) -> None:
    """The headlines are hostile in the tests of all pages."""
    with closing(open_store(desk.database_url)) as store:
        texts = [text for text in TITLES if len(text) < MOST_NOTE]
        others = [f"plain-{language}-{n}" for language in ("tg", "en") for n in range(6)]
        for place in range(6):
            notes = texts[place * len(others) :][: len(others)]
            blocks = [Override(id=i, why=why) for i, why in zip(others, notes, strict=False)]
            by = texts[place][:100]
            acting = store.acting(Actor(by, why=texts[place]))
            acting.overrides.put(f"plain-fa-{place}", "blocks", tuple(blocks), by)
        rules = [
            {"name": text.strip(), "action": "never", "items": {"tag": f"tag {text}"}}
            for text in dict.fromkeys(texts[:50])
            if text.isprintable() and len(text) < MOST_NAME
        ]
        assert min(len(texts), len(rules)) > 30
        store.policies.put(json.dumps({"rules": rules}))
        anna = desk.sign_in(tab, "<img src=x onerror=window.pwned=1>")
        for path in [f"/story/plain-fa-{place}" for place in range(6)]:
            page = desk.open(anna, path)
            expect(page.locator("#steer q").first).to_be_visible()
            page.get_by_text("Who changed what").click()
            expect(page.locator("#steer-history q")).to_have_count(1)
            anna.assert_clean()
        page = desk.open(anna, "/rules")
        expect(page.locator("#rules h3")).to_have_count(len(rules))
        page.get_by_role("link", name="Change").first.click()
        expect(page.locator("#rule-preview .rule__sentence")).to_be_visible()
        anna.assert_clean()
        store.policies.put("{}")


def test_axe_finds_nothing_serious(desk: Desk, tab: Tabs) -> None:
    if not AXE.exists():
        skip_or_fail("axe is not installed: make generators")
    anna = desk.sign_in(tab, viewport={"width": 390, "height": 800})
    for path in (f"/story/{STORY}", f"/story/{STORY}/appears-in?now=1", "/rules"):
        page = desk.open(anna, path)
        page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate("axe.run()")
        serious = [one for one in found["violations"] if one["impact"] in {"serious", "critical"}]
        assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == []
        width = page.evaluate("document.scrollingElement.scrollWidth")
        assert width == 390, path
    anna.assert_clean()
