"""Every page of the console in Chromium, in all looks, full and empty; and small things of some.

What editors do from click to changed list is in test_console_flows.py. The fixture `editor` checks
every page that anybody comes to.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from recommender.indexing.drafts import DraftServer
from recommender.indexing.indexer import Indexer
from recommender.settings import Settings
from recommender.store import open_store
from tests.browser.conftest import Cms, Site, serve_stories
from tests.browser.editors import (
    LOOKS,
    UNFOLD,
    Editors,
    addresses_of_pages,
    assert_clean_page,
    settle,
)
from tests.browser.tabs import LOOPBACK, Tab
from tests.support.archives import run_command

pytestmark = pytest.mark.long

STORY = "/console/story/plain-en-0"
TRIED = "?age=90&half_life=1&diversity=60&tried=1"
ASKED = (
    *(STORY + TRIED, f"{STORY}?as=list", f"{STORY}?as=cards", "/console/story/plain-fa-0"),
    *(f"/console/making/try{TRIED}", f"{STORY}/appears-in?now=1", "/console/map?story=plain-en-0"),
    *("/console/find?limit=100", "/console/find?q=ship&state=shown&since=2020-01-01"),
    *("/console/find?q=zxqwv", "/console/start"),
)
"""Pages as they are when something is asked for."""
CUT_NAMES = """all => all.filter((one) => {
  const [own, frame] = [one, one.parentElement].map((it) => it.getBoundingClientRect());
  return one.scrollWidth > one.clientWidth || own.left < frame.left || own.right > frame.right
    || own.top < frame.top || own.bottom > frame.bottom;
}).map((one) => one.outerHTML)"""
LARK = {
    "id": "lark",
    "title": "A ferry & a tide",
    "body": "The Sea Lark carried cargo to the quay of Old Harbour. Captain Moss praised the tide.",
    "url": "https://news.example/en/lark",
    "language": "en",
}
DRAFT = "Captain Moss came home with Sea Lark, and people of Old Harbour danced on the beach."


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An archive without a story."""
    folder: Path = tmp_path_factory.mktemp("nothing")
    with serve_stories(folder, {}, lambda _: None) as site:
        yield site


@pytest.fixture(scope="module")
def report(
    site: Site, nothing: Site, sample: Path, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The name of a report of the sample archive that both consoles have."""
    folder: Path = tmp_path_factory.mktemp("evaluated")
    settings = Settings(f"sqlite:///{folder / 'a.db'}", folder)
    made = run_command(settings, "evaluate", str(sample), "--report", str(folder / "report.html"))
    assert made.exit_code == 0, made.output
    (path,) = settings.data.reports.iterdir()
    for one in (site, nothing):
        theirs = one.client.application.extensions["read-also"].settings.data.reports
        theirs.mkdir()
        shutil.copy(path, theirs)
    return path.stem


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_is_clean(site: Site, editor: Editors, report: str, look: str) -> None:
    anna = editor(site.address, **LOOKS[look])
    ids = {"article_id": "plain-en-0", "other_id": "plain-en-1"}
    pages = addresses_of_pages(**ids, name=report, rest="nowhere")
    assert len(pages) > 15
    for path in (*pages, *ASKED):
        anna.open(path).evaluate(UNFOLD)
        anna.check()


@pytest.mark.parametrize("look", ["light", "tajik"])
def test_every_page_is_clean_where_nothing_is_yet(
    nothing: Site, editor: Editors, report: str, look: str
) -> None:
    anna = editor(nothing.address, **LOOKS[look])
    ids = {"article_id": "one", "other_id": "two"}
    for path in addresses_of_pages(**ids, name=report, rest="nowhere"):
        anna.open(path)


def test_what_may_not_be_is_noticed(tab: Callable[..., Tab], cms: Cms) -> None:
    """The checks of all pages find what they look for."""
    faulty = {
        "<img src=/x.svg>": "image-alt",
        "<main><h1>W</h1><p style='width:3000px'>wide</p></main>": "wide",
        "<main><h1>H</h1><img alt='' src=http://elsewhere.example/x.png></main>": "elsewhere",
        "<main><h1>S</h1><script>window.pwned = 1</script></main>": "a script ran",
    }
    for number, (body, fault) in enumerate(faulty.items()):
        shown = tab()
        shown.page.goto(cms.put(f"/faulty-{number}", body, lang="en"))
        with pytest.raises(AssertionError, match=fault):
            assert_clean_page(shown)
    shown = tab()
    page = cms.put("/policy", "<main><h1>P</h1><script>1</script></main>", "script-src 'none'")
    shown.page.goto(page)
    with pytest.raises(AssertionError, match="Content Security Policy"):
        shown.assert_clean()


def test_an_editor_walks_through_what_was_found_by_arrows(site: Site, editor: Editors) -> None:
    anna = editor(site.address)
    page = anna.open("/console/find")
    box = page.locator("[data-finder-box]")
    expect(box).to_be_focused()
    page.keyboard.type("киш банд")  # Tajik, as typed on a Russian keyboard
    titles = page.locator("#found .stories__title")
    expect(titles.first.locator("mark").first).to_have_text("киш")
    expect(page.locator("[data-said]")).not_to_be_empty()
    page.wait_for_url("**/find?q=*")
    for key, place in (("ArrowDown", 0), ("ArrowDown", 1), ("ArrowUp", 0)):
        page.keyboard.press(key)
        expect(titles.nth(place)).to_be_focused()
    page.keyboard.press("/")
    expect(box).to_be_focused()
    page.keyboard.press("Enter")
    expect(titles.first).to_be_focused()
    headline = titles.first.inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/story/plain-tg-*")
    anna.check()
    expect(page.locator("h1").first).to_have_text(headline)
    page.go_back()
    expect(box).to_have_value("киш банд")


@pytest.fixture(scope="module")
def _reading_drafts(site: Site, reader_with_fake: Callable[..., Any]) -> Iterator[None]:
    """An indexer that reads drafts, and a story with names that a draft may share."""
    shared = site.client.application.extensions["read-also"]
    settings = shared.settings
    assert site.client.put("/v1/articles/lark", json=LARK).status_code == 201
    with closing(open_store(settings.database_url)) as store:
        indexer = Indexer(store, reader_with_fake())
        indexer.drain()
        shared.follower.refresh()
        with DraftServer(settings.data.draft_socket, lambda: indexer):
            yield


@pytest.mark.usefixtures("_reading_drafts")
def test_the_copied_draft_is_the_pasted_one_but_for_its_links(site: Site, editor: Editors) -> None:
    anna = editor(site.address, permissions=["clipboard-read", "clipboard-write"])
    page = anna.open("/console/desk")
    page.focus("[name=body]")
    page.keyboard.insert_text(f"<b>{DRAFT}</b> In the evening it rained.")
    page.keyboard.press("Control+Enter")
    settle(page)
    page.locator("[data-copy='#linked']").press("Enter")
    expect(page.locator("#status")).to_contain_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.sub(r"</?a[^>]*>", "", copied) == f"<b>{DRAFT}</b> In the evening it rained."
    assert '<a href="https://news.example/en/lark">' in copied


def test_who_moves_a_weight_sets_it_and_can_go_back(site: Site, editor: Editors) -> None:
    anna = editor(site.address)
    page = anna.open(STORY)
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


def test_the_list_is_shown_as_readers_see_it(site: Site, editor: Editors) -> None:
    page = editor(site.address).open(STORY)
    page.locator("input[value=reasons]").focus()
    for layout in ("list", "cards"):
        page.keyboard.press("ArrowRight")
        expect(page.locator(f".read-also--{layout}")).to_be_visible()


def test_a_group_of_the_map_opens_as_a_list_and_the_map_is_moved_by_keys(
    site: Site, editor: Editors
) -> None:
    page = editor(site.address, color_scheme="dark").open("/console/map")
    stories = page.locator("#map-stories .stories__title")
    expect(stories).to_have_count(0)
    page.locator("#map-groups button").first.press("Enter")
    expect(stories.first).to_be_visible()
    page.locator("#map-canvas").focus()
    for key in ("ArrowLeft", "+", "-", "0"):
        page.keyboard.press(key)
    expect(page.locator("#map-legend li").first).to_be_visible()


def test_names_of_groups_are_whole_on_a_phone_and_a_group_without_a_name_has_words(
    site: Site, editor: Editors
) -> None:
    """Groups at the edges of the map, with longer names than a phone is wide."""
    long = "infrastructure · ambulances · administration · of the port"
    edges = [[-1, -1], [1, -0.4], [-1, 0.4], [1, 1]]
    named = [*((long, place) for place in edges), ("", [0, 0])]

    def rename(route: Route) -> None:
        body = route.fetch().body()
        size = int.from_bytes(body[:4], "little")
        head = json.loads(body[4 : 4 + size])
        head["groups"] = [{"name": name, "size": 9, "place": place} for name, place in named]
        text = json.dumps(head).encode()
        text += b" " * (-len(text) % 4)
        route.fulfill(body=len(text).to_bytes(4, "little") + text + body[4 + size :])

    anna = editor(site.address, **LOOKS["phone"])
    anna.page.route("**/console/map/points", rename)
    page = anna.open("/console/map")
    expect(page.locator("#map-groups b")).to_have_text([*[long] * 4, "various subjects"])
    expect(page.locator("#map-names li")).to_have_text([long] * 4)
    expect(page.locator("#map-names li:not(.is-away)")).to_have_count(4)
    assert page.locator("#map-names li").evaluate_all(CUT_NAMES) == []


def test_lists_are_counted_again(site: Site, editor: Editors) -> None:
    page = editor(site.address).open("/console/quality")
    expect(page.get_by_text("lists are full.")).to_be_visible()
    page.get_by_role("link", name="Count again").click()
    settle(page)
    expect(page.get_by_text("lists are full.")).to_be_visible()


def test_the_language_is_changed_and_who_signs_out_is_out(site: Site, tab: Any) -> None:
    shown: Tab = tab(**LOOKS["light"])
    page = shown.page
    page.goto(f"{site.address}/console/sign-in")
    expect(page.locator("[name=key]")).to_be_focused()
    page.keyboard.type("write-0123456789abcdef")
    page.keyboard.press("Enter")
    page.locator(".bar__account summary").press("Enter")
    page.get_by_role("button", name="Тоҷикӣ").press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "tg")
    page.locator(".bar__account summary").press("Enter")
    page.get_by_role("button", name="Баромадан").press("Enter")
    page.wait_for_url("**/console/sign-in")
    page.goto(f"{site.address}/console")
    expect(page.locator("[name=key]")).to_be_visible()
    assert [url for url in shown.asked if not url.startswith(LOOPBACK)] == []
