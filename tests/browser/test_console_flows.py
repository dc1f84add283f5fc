"""What editors do in the console, from click to changed list, over any archive.

`make test-console ARCHIVE=stories.jsonl` names one; without it, it is the sample. Nothing about
what is in it is assumed, but that some stories have long lists. What a flow sets, it takes back.
"""

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html import escape
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from recommender.api_keys import digest_of
from recommender.articles import as_rfc3339
from recommender.settings import Settings
from recommender.web.console.embed import embed_signature
from tests.browser.conftest import Cms
from tests.browser.editors import LOOKS, Editor, Editors, assert_clean_page, settle
from tests.browser.newsrooms import ARCHIVE, KEYS, LEAST_LISTED, LIST, PATIENCE_MS, Newsroom, listed
from tests.browser.tabs import Tab
from tests.support.archives import copy_archive
from tests.support.serving import KEY, Place, Server
from tests.support.waiting import until

pytestmark = pytest.mark.long

LARK: Final = {
    "title": "Sea Lark comes home to Old Harbour",
    "body": "The Sea Lark carried cargo to the quay of Old Harbour. Captain Moss praised the tide.",
    "url": "https://news.example/en/lark",
    "language": "en",
}
DRAFT: Final = (
    "Captain Moss came home with Sea Lark, and people of Old Harbour danced on the beach."
)


@pytest.fixture(scope="module")
def newsroom(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Newsroom]:
    """The whole service, as operators run it, over the archive."""
    place = Place(tmp_path_factory.mktemp("newsroom"), more=KEYS)
    if ARCHIVE:
        place.run("import", ARCHIVE, seconds=1_800)
        place.run("rebuild", seconds=1_800)
    else:
        settings: Settings = request.getfixturevalue("sample_settings")
        place.folder.rmdir()
        copy_archive(settings.data_dir, place.folder)
    with Server(place) as server:
        yield Newsroom(server.address)


@pytest.fixture(scope="module")
def story(newsroom: Newsroom) -> dict[str, Any]:
    """A story with a long list."""
    return next(newsroom.stories())


@pytest.fixture
def anna(newsroom: Newsroom, editor: Editors) -> Editor:
    """Somebody who is signed in as an administrator."""
    return editor(newsroom.address, KEY)


def wait_for_list(anna: Editor, path: str, is_wanted: Callable[[list[str]], bool]) -> None:
    """Look at a story again until its list is as wanted: workers follow within a second."""

    def is_there() -> bool:
        anna.page.goto(anna.address + path)
        return is_wanted(listed(anna.page))

    assert until(is_there)
    anna.check()


def expect_first(page: Page, wanted: list[str]) -> None:
    """Wait until the list begins so, and the pins are these."""
    expect(page.locator("#steer-pins .stories__title")).to_have_text(wanted)
    for place, title in enumerate(wanted):
        expect(page.locator(LIST).nth(place)).to_have_text(title)


def test_today_shows_what_was_just_published_with_its_list_and_finds_it(
    newsroom: Newsroom, story: dict[str, Any], anna: Editor
) -> None:
    now = as_rfc3339(datetime.now(UTC), "seconds")
    fields = {"body": story["body"], "title": "Quixotic headline of this minute"}
    with newsroom.story("flow-today", **fields, published_at=now):
        page = anna.open("/console")
        line = page.locator("#today li", has_text=fields["title"])
        expect(line.locator(".home__list li").first).to_be_visible()
        page.keyboard.press("/")
        expect(page.locator("[data-finder-box]")).to_be_focused()
        page.keyboard.type("quixotic headline")
        expect(page.locator("#found .stories__title").first).to_have_text(fields["title"])
        anna.check()
        line.locator(".stories__title").first.click()
        anna.come_to("/console/story/flow-today")
        assert len(listed(page)) >= LEAST_LISTED


def test_a_story_is_found_by_its_headline_and_opened(story: dict[str, Any], anna: Editor) -> None:
    page = anna.open("/console/find")
    expect(page.locator("[data-finder-box]")).to_be_focused()
    page.keyboard.type(story["title"][:200])
    found = page.locator("#found .stories__title")
    expect(found.filter(has_text=story["title"]).first).to_be_visible()
    page.locator(".finder__filters summary").click()
    page.get_by_label("State").select_option("shown")
    page.wait_for_url("**state=shown*")
    anna.check()
    found.filter(has_text=story["title"]).first.click()
    page.wait_for_url("**/console/story/**")
    anna.check()
    expect(page.locator("h1").first).to_have_text(story["title"])


def test_a_list_is_tried_with_sliders_saved_and_taken_back(
    story: dict[str, Any], anna: Editor
) -> None:
    path = f"/console/story/{story['id']}"
    page = anna.open(path)
    before = listed(page)
    for slider in ("#s-diversity", "#s-words"):
        page.locator(slider).fill("100")
    trial = page.locator(".trial")
    # The list may have come with the first slider alone: the link tells of both.
    save = page.get_by_role("link", name="Save for all lists")
    for moved in ("diversity=100", "words=100"):
        expect(save).to_have_attribute("href", re.compile(rf"[?&]{moved}(&|$)"))
    tried = listed(page)
    assert tried != before
    gone = len({*before} - {*tried})
    assert trial.locator(".trial__moves--gone li").count() == gone
    anna.check()
    save.click()
    page.wait_for_url("**/console/making/try?*")
    anna.check()
    expect(page.get_by_text("lists change").or_(page.get_by_text("list changes"))).to_be_visible()
    page.get_by_role("button", name="Save for all lists").click()
    page.wait_for_url("**/console/making?saved=*")
    anna.check()
    undo = page.url
    wait_for_list(anna, path, tried.__eq__)
    page.goto(undo)
    page.get_by_role("button", name="Undo").click()
    page.wait_for_url(lambda url: "saved=" in url and url != undo)
    wait_for_list(anna, path, before.__eq__)


def test_stories_are_pinned_ordered_by_keys_and_by_dragging_and_it_is_undone(
    story: dict[str, Any], anna: Editor
) -> None:
    page = anna.open(f"/console/story/{story['id']}")
    titles = listed(page)
    for count, title in enumerate(titles[1:4], 1):
        page.get_by_role("button", name=f"Pin: {title}", exact=True).first.click()
        expect(page.locator("#steer-pins li")).to_have_count(count)
    a, b, c = titles[1:4]
    expect_first(page, [a, b, c])
    page.get_by_role("button", name=f"Move up: {c}", exact=True).focus()
    page.keyboard.press("Alt+ArrowUp")
    expect_first(page, [a, c, b])
    page.keyboard.press("Alt+ArrowUp")  # the focus is still at that story
    expect_first(page, [c, a, b])
    expect(page.locator("#status")).to_contain_text(c)
    page.locator("#steer-pins li").nth(2).drag_to(
        page.locator("#steer-pins li").nth(0), target_position={"x": 200, "y": 2}
    )
    expect_first(page, [b, c, a])
    anna.check()
    page.locator("#steer-undo").click()
    expect_first(page, [c, a, b])
    for title in (a, b, c):
        page.get_by_role("button", name=f"Unpin: {title}", exact=True).first.click()
        expect(page.locator("#steer-pins .stories__title", has_text=title)).to_have_count(0)
    expect(page.locator(LIST)).to_have_text(titles)


def test_a_story_is_taken_out_and_allowed_again(story: dict[str, Any], anna: Editor) -> None:
    page = anna.open(f"/console/story/{story['id']}")
    titles = listed(page)
    page.get_by_role("button", name=f"Take out: {titles[0]}", exact=True).click()
    expect(page.locator(LIST).first).to_have_text(titles[1])
    expect(page.locator(".dropped").get_by_text("An editor removed it").first).to_be_visible()
    anna.check()
    page.locator("#steer-undo").click()
    expect(page.locator(LIST)).to_have_text(titles)
    page.get_by_role("button", name=f"Take out: {titles[0]}", exact=True).click()
    page.get_by_role("button", name=f"Allow again: {titles[0]}", exact=True).click()
    expect(page.locator(LIST)).to_have_text(titles)


def test_a_story_that_was_found_is_pinned_for_a_time_and_with_a_reason(
    newsroom: Newsroom, story: dict[str, Any], anna: Editor
) -> None:
    page = anna.open(f"/console/story/{story['id']}")
    titles = listed(page)
    near = {story["id"], *(item["id"] for item in newsroom.listed(story["id"]))}
    far = next(one for one in newsroom.stories() if one["id"] not in near)
    page.get_by_label("Find a story to pin or to take out").fill(far["id"])
    page.locator(f"[id='found-pin-{far['id']}']").click()
    first = page.locator(LIST).first
    expect(first).to_have_attribute("href", f"/console/story/{far['id']}")
    row = page.locator("#steer-pins li")
    for field, value in (("from", "2090-01-01T08:00"), ("until", "2020-01-01T08:00")):
        row.locator("summary").click()
        row.get_by_label("Why").fill("for the <feast>")
        for name in ("from", "until"):
            row.get_by_label(name, exact=False).fill(value if name == field else "")
        row.get_by_role("button", name="Save").click()
        expect(row.locator("q")).to_have_text("for the <feast>")
        expect(row.locator(".tag--warn")).to_be_visible()
        expect(page.locator(LIST)).to_have_text(titles)  # not yet, or no more
        anna.check()
    page.get_by_role("button", name=f"Unpin: {far['title']}", exact=True).first.click()
    expect(page.locator("#steer-pins")).to_have_count(0)


def test_a_story_gets_no_list_or_stands_in_none_and_it_is_undone(
    newsroom: Newsroom, story: dict[str, Any], anna: Editor
) -> None:
    path = f"/console/story/{story['id']}"
    page = anna.open(path)
    titles = listed(page)
    page.locator("#steer-no_list").click()
    expect(page.locator(LIST)).to_have_count(0)
    anna.check()
    page.locator("#steer-undo").click()
    expect(page.locator(LIST)).to_have_text(titles)
    other = newsroom.listed(story["id"])[0]["id"]
    anna.open(f"/console/story/{other}")
    page.locator("#steer-never").click()
    undo = page.locator("#steer-undo")
    expect(undo).to_be_visible()
    wait_for_list(anna, path, lambda now: titles[0] not in now)
    anna.open(f"/console/story/{other}")
    page.locator("[id^=remove-never]").click()
    expect(page.locator("#steer-never")).to_be_visible()
    wait_for_list(anna, path, titles.__eq__)


def test_a_site_rule_is_tried_saved_and_taken_back(story: dict[str, Any], anna: Editor) -> None:
    path = f"/console/story/{story['id']}"
    page = anna.open(path)
    titles = listed(page)
    name, value = ("Section", story["section"]) if story.get("section") else ("Language", "en")
    anna.open("/console/rules")
    page.get_by_label("What to call it").fill("Flow <rule>")
    page.get_by_label(name, exact=True).first.fill(value)
    preview = page.locator("#rule-preview")
    expect(preview.locator(".rule__sentence")).to_contain_text(value)
    expect(preview.locator(".stories__title").first).to_be_visible()
    anna.check()
    page.locator("#rule-save").click()
    expect(page.locator("#rules-outcome")).to_contain_text("Saved: Flow <rule>")
    wait_for_list(anna, path, titles.__ne__)
    anna.open("/console/rules")
    page.get_by_role("link", name=re.compile("Change.*Flow")).click()
    page.wait_for_url("**/console/rules?edit=*")
    anna.check()
    page.get_by_role("button", name="Remove: Flow <rule>").click()
    expect(page.locator("#rules-outcome")).to_contain_text("Removed:")
    page.locator("#rules-outcome").get_by_role("button", name="Undo").click()
    expect(page.locator("#rules h3", has_text="Flow <rule>")).to_have_count(1)
    page.get_by_role("button", name="Remove: Flow <rule>").click()
    expect(page.locator("#rules h3", has_text="Flow <rule>")).to_have_count(0)
    wait_for_list(anna, path, titles.__eq__)


def test_a_story_is_taken_down_everywhere_and_brought_back(
    newsroom: Newsroom, story: dict[str, Any], anna: Editor
) -> None:
    other = newsroom.listed(story["id"])[0]["id"]
    page = anna.open(f"/console/story/{other}")
    page.get_by_role("link", name="Where is this story shown?").click()
    anna.come_to(f"/console/story/{other}/appears-in")
    shown = page.locator("#appears ul.stories a[href='/console/story/" + story["id"] + "']")
    expect(shown).to_have_count(1)
    page.get_by_label("Why").fill("a court asked for it")
    page.locator("#take-down").click()
    expect(page.locator("#appears-outcome")).to_contain_text("It is gone")
    expect(page.locator("#told-caches")).not_to_be_empty()
    expect(shown).to_have_count(0)
    anna.check()
    assert other not in {item["id"] for item in newsroom.listed(story["id"])}
    page.locator("#bring-back").click()
    expect(shown).to_have_count(1)


def test_a_draft_is_looked_at_and_its_links_are_copied_as_html(
    newsroom: Newsroom, story: dict[str, Any], editor: Editors
) -> None:
    anna = editor(newsroom.address, KEY, permissions=["clipboard-read", "clipboard-write"])
    with newsroom.story("flow-lark", **LARK):
        page = anna.open("/console/desk")
        page.get_by_label("Headline").fill("Something else")
        page.get_by_label("Text", exact=True).fill(story["body"])
        page.get_by_role("button", name="Look at it").click()
        earlier = page.locator("[aria-labelledby=earlier]")
        expect(earlier.locator(".stories__title").first).to_have_text(story["title"])
        expect(earlier.locator("blockquote").first).to_be_visible()
        expect(page.locator("[aria-labelledby=list] .stories__title").nth(2)).to_be_visible()
        anna.check()
        page.get_by_label("Text", exact=True).fill(f"<b>{DRAFT}</b>")
        page.get_by_role("button", name="Look at it").click()
        settle(page)
        page.locator("[data-copy='#linked']").click()
        expect(page.locator("#status")).to_contain_text("Copied")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert f'<a href="{LARK["url"]}">' in copied


def test_stories_that_a_line_is_drawn_around_open_as_a_list(
    story: dict[str, Any], anna: Editor
) -> None:
    page = anna.open(f"/console/map?story={story['id']}")
    stories = page.locator("#map-stories .stories__title")
    expect(stories.filter(has_text=story["title"]).first).to_be_visible()
    page.get_by_role("button", name="Whole map").click()
    page.get_by_role("button", name="Draw around stories").click()
    box = page.locator("#map-canvas").bounding_box()
    assert box is not None
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.02)]
    for number, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        if not number:
            page.mouse.down()
    with page.expect_response("**/console/map/stories?*"):
        page.mouse.up()
    anna.check()
    expect(stories.nth(2)).to_be_visible()
    first = stories.first
    headline = first.inner_text()
    first.click()
    page.wait_for_url("**/console/story/*")
    anna.check()
    expect(page.locator("h1").first).to_have_text(headline)


def test_a_rebuild_is_stopped_and_another_one_is_used_and_left_again(anna: Editor) -> None:
    """Health, then Quality: its history, and the way back."""
    page = anna.open("/console/health")
    jobs = page.locator("#now .stories > li")
    page.get_by_role("button", name="Build it").click()
    stop = page.get_by_role("button", name="Stop it")
    stop.press("Enter")
    expect(jobs.first).to_contain_text("ended early")
    anna.check()
    page.get_by_role("button", name="Build it").click()
    expect(jobs.first.locator(".tag--good")).to_be_visible(timeout=PATIENCE_MS)
    anna.open("/console/quality")
    expect(page.get_by_text("lists are full.")).to_be_visible(timeout=PATIENCE_MS)
    rows = page.locator("table:has(thead) tbody tr")
    assert rows.count() >= 2
    for _ in range(2):  # back, and forth again
        old = rows.locator("details").first
        old.locator("summary").click()
        old.get_by_role("button").click()
        page.wait_for_url("**/console/quality*")
        anna.check()
        expect(rows.locator(".tag--good")).to_have_count(1)


def test_a_list_stands_in_the_sidebar_of_a_cms(
    newsroom: Newsroom, story: dict[str, Any], cms: Cms, tab: Any
) -> None:
    ends = int(time.time()) + 600
    signed = embed_signature(digest_of(KEY), story["id"], cms.address, ends)
    query = {"site": cms.address, "until": ends, "key": "t", "signature": signed}
    source = f"{newsroom.address}/console/embed/{story['id']}?{urlencode(query)}"
    frame = f'<iframe title="Read also" src="{escape(source)}" width="340" height="600"></iframe>'
    address = cms.put("/edit", f"<main><h1>Edit</h1>{frame}</main>")
    shown: Tab = tab(**LOOKS["light"])
    shown.page.goto(address)
    items = shown.page.frame_locator("iframe").locator(".stories--numbered .stories__title")
    expect(items).to_have_text([one["title"] for one in newsroom.listed(story["id"])])
    shown.page.goto(source)
    assert_clean_page(shown)
