"""<read-also-list> in a real browser: what it shows, sends and moves, and where it runs."""

import json
import re
from collections.abc import Callable
from html import escape
from time import sleep
from typing import Any, Final
from urllib.parse import parse_qs
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, Route

from tests.browser.conftest import Cms, Site
from tests.browser.hostile import TITLES
from tests.browser.tabs import Tab
from tests.browser.test_lists import CONTRASTS, NAMES_OF, OWN_DARK, UNSEEN, described, fragment
from tests.support.serving import ROOT
from tests.support.waiting import until

pytestmark = pytest.mark.long
Tabs = Callable[..., Tab]

SOURCES: Final = ROOT / "clients" / "javascript" / "src"
SEED: Final = "plain-en-0"
RESERVE: Final = "read-also-list:not(:defined) { display: block; block-size: calc(3.5em + %s) }"
"""What a page keeps for the list until the module is there: the heading, and the rows."""
ROWS: Final = "6 * 5.25em"
CARDS: Final = "2 * (7.25em + (100vw - 1em - 2em) * 9 / 48) + 1em"
"""Two rows of three, of which each is a third of the page's width: its margins are half an em."""
ROWS_OF: Final = {
    "cards": CARDS,
    "some cards with images": CARDS,
    "cards of a fixed height": "2 * 15.25em + 1em",
    "cards without images": "2 * 6.75em + 1em",
    "compact": "3 * 3.375em - 1em",
}
"""By case, where it is not that: its heading is 1em lower if it is compact."""
FIXED: Final = "--read-also-image-height: 8em"
EVENTS: Final = """<script>
window.told = [];
for (const name of ["read-also-load", "read-also-error"]) {
  addEventListener(name, ({detail}) => told.push([name, detail.returned ?? detail.status]));
}
window.shift = 0;
new PerformanceObserver(found => {
  for (const entry of found.getEntries()) shift += entry.value;
}).observe({type: "layout-shift", buffered: true});
</script>"""
TOLD: Final = "told.length > 0"
HEIGHT: Final = "document.querySelector('read-also-list').offsetHeight"
WORDS: Final = "read-also-list .heading, read-also-list .title, read-also-list .time"
AFTER: Final = "<p id='after'>After the list</p>" * 3


@pytest.fixture
def module(cms: Cms) -> str:
    """The address of the module, on the page's own host."""
    for path in SOURCES.glob("*.js"):
        cms.pages[f"/client/{path.name}"] = ({"Content-Type": "text/javascript"}, path.read_text())
    return f"{cms.address}/client/list.js"


@pytest.fixture
def element(site: Site, module: str) -> Callable[..., str]:
    """The part of a page that has the element: `element(SEED, limit=5, max_age="30d")`."""

    def write(article: str = SEED, **attributes: object) -> str:
        given = {"base": site.address, "article": article} | attributes
        words = "".join(
            f' {name.replace("_", "-")}="{escape(str(value))}"' for name, value in given.items()
        )
        script = f'<script type="module" src="{module}"></script>'
        return f"{script}<read-also-list{words}></read-also-list>"

    return write


def answer_of(site: Site, article: str, query: str) -> dict[str, Any]:
    address = f"{site.address}/v1/articles/{article}/related?{query}"
    with urlopen(address) as answer:  # noqa: S310 - of this machine
        found: dict[str, Any] = json.load(answer)
    return found


def settled(page: Page) -> None:
    """Wait until the element has told, and the page has been painted after that."""
    page.wait_for_function(TOLD)
    page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 60)))")


def change(page: Page, **attributes: str) -> None:
    """Set attributes of the element, one after another, as a script of the page does."""
    page.locator("read-also-list").evaluate(
        "(list, all) => all.forEach(([name, value]) => list.setAttribute(name, value))",
        [*map(list, attributes.items())],
    )


def overflow(page: Page) -> float:
    """How far the texts of an item reach below its row, in pixels; the worst one."""
    found: float = page.locator("read-also-list li:not(.blank)").evaluate_all(
        "all => Math.max(...all.map(li => li.lastElementChild.getBoundingClientRect().bottom"
        " - li.getBoundingClientRect().bottom))"
    )
    return found


def texts(page: Page, selector: str) -> list[str]:
    return page.locator(f"read-also-list {selector}").all_text_contents()


# --- what it shows ---


def test_it_shows_the_list_that_the_service_answers(
    site: Site, cms: Cms, tab: Tabs, element: Callable[..., str]
) -> None:
    shown = tab()
    shown.page.goto(cms.put("/plain", EVENTS + element(limit=7, language="any", min_score="0")))
    settled(shown.page)
    items = answer_of(site, SEED, "limit=7&language=any&min_score=0")["items"]
    assert texts(shown.page, ".title") == [item["title"] for item in items]
    links = shown.page.locator("read-also-list a")
    assert links.evaluate_all("all => all.map(a => a.getAttribute('href'))") == [
        item["url"] for item in items if item["url"]
    ]
    html = fragment(site, SEED, "limit=7&language=any&min_score=0&layout=list")
    assert texts(shown.page, ".time") == re.findall(r"<time[^>]*>(.*?)</time>", html)
    assert texts(shown.page, ".department") == [
        item["section"] for item in items if item["section"]
    ]
    assert shown.page.evaluate("told") == [["read-also-load", 7]]
    assert shown.page.evaluate("document.querySelector('read-also-list').list.items.length") == 7
    shown.assert_clean()


@pytest.mark.parametrize(
    ("seed", "heading", "direction"),
    [
        ("plain-en-0", "Read also", "ltr"),
        ("plain-fa-0", "همچنین بخوانید", "rtl"),
        ("plain-tg-0", "Ҳамчунин хонед", "ltr"),
    ],
)
def test_everybody_finds_its_parts_by_their_names(
    cms: Cms, tab: Tabs, element: Callable[..., str], seed: str, heading: str, direction: str
) -> None:
    shown = tab()
    shown.page.goto(cms.put("/names", EVENTS + element(seed, limit=5, heading_level=3)))
    settled(shown.page)
    parts = described(shown.page)
    assert ("region", heading) in parts
    assert ("heading", heading) in parts
    assert [role for role, _ in parts].count("list") == 1
    assert [role for role, _ in parts].count("listitem") == 5
    names = [name for role, name in parts if role == "link"]
    assert names == [" ".join(title.split()) for title in texts(shown.page, ".title")]
    assert shown.page.get_by_role("heading", level=3).count() == 1
    section = shown.page.locator("read-also-list section")
    assert (section.get_attribute("lang"), section.get_attribute("dir")) == (seed[6:8], direction)


def test_links_are_reached_by_keyboard_in_their_order_and_are_seen(
    cms: Cms, tab: Tabs, element: Callable[..., str]
) -> None:
    shown = tab()
    shown.page.goto(cms.put("/keys", EVENTS + element(limit=4)))
    settled(shown.page)
    reached = []
    for _ in range(4):
        shown.page.keyboard.press("Tab")
        reached.append(
            shown.page.locator("read-also-list").evaluate(
                "({shadowRoot: {activeElement: a}}) =>"
                " [a.href, getComputedStyle(a, '::after').outlineStyle]"
            )
        )
    hrefs = shown.page.locator("read-also-list a").evaluate_all("all => all.map(a => a.href)")
    assert reached == [[href, "solid"] for href in hrefs]


def test_its_attributes_are_the_options_of_the_list(
    cms: Cms, tab: Tabs, element: Callable[..., str]
) -> None:
    options = {"limit": "3", "max_age": "30d", "section": "-a\\,b,c", "attr.price": "10..20"}
    shown = tab()
    shown.page.goto(cms.put("/options", EVENTS + element(published_after="2024-01-01", **options)))
    settled(shown.page)
    (asked,) = [url for url in shown.asked if "/related" in url]
    sent = {"published_after": ["2024-01-01"], "presentation": ["1"]}
    assert parse_qs(asked.partition("?")[2]) == sent | {n: [one] for n, one in options.items()}


def test_words_of_the_page_stand_for_those_of_the_service(
    cms: Cms, tab: Tabs, element: Callable[..., str]
) -> None:
    shown = tab()
    shown.page.goto(cms.put("/words", EVENTS + element(limit=2, heading='"><b>More</b>')))
    settled(shown.page)
    assert texts(shown.page, "h2") == ['"><b>More</b>']
    change(shown.page, heading="Else")
    shown.page.wait_for_function(
        "document.querySelector('read-also-list').shadowRoot.textContent.includes('Else')"
    )
    assert len([url for url in shown.asked if "/related" in url]) == 1


def test_a_change_of_attributes_asks_once_for_the_new_list(
    site: Site, cms: Cms, tab: Tabs, element: Callable[..., str]
) -> None:
    shown = tab()
    shown.page.goto(cms.put("/change", EVENTS + element(limit=2)))
    settled(shown.page)
    shown.page.evaluate("told.length = 0")
    change(shown.page, article="plain-fa-0", limit="3")
    settled(shown.page)
    items = answer_of(site, "plain-fa-0", "limit=3")["items"]
    assert texts(shown.page, ".title") == [item["title"] for item in items]
    assert len([url for url in shown.asked if "/related" in url]) == 2


def test_only_the_last_of_several_answers_is_shown(
    cms: Cms, tab: Tabs, element: Callable[..., str]
) -> None:
    shown = tab()
    shown.page.route("**/articles/plain-en-0/related*", lambda _: None)  # never answered
    shown.page.goto(cms.put("/race", EVENTS + element(limit=2)))
    shown.page.wait_for_function("document.querySelector('read-also-list').shadowRoot")
    change(shown.page, article="plain-fa-0")
    settled(shown.page)
    assert texts(shown.page, "h2") == ["همچنین بخوانید"]
    assert shown.page.evaluate("told") == [["read-also-load", 2]]


@pytest.mark.parametrize(
    ("layout", "size", "sizes"),
    [("cards", ["480", "270"], "20em"), ("list-thumbs", ["144", "96"], "9em")],
)
def test_images_have_their_size_and_other_sizes_to_choose_from(
    cms: Cms, tab: Tabs, element: Callable[..., str], layout: str, size: list[str], sizes: str
) -> None:
    shown, srcset = tab(), "http://127.0.0.1/a.svg 300w, http://127.0.0.1/b.svg 600w"

    def alter(body: dict[str, Any]) -> None:
        with_images(body)
        of_items = [srcset, "javascript:window.pwned=1 300w", ""]
        for item, one in zip(body["items"], of_items, strict=True):
            item["image"] = {"url": item["image_url"], "srcset": one}

    slow(shown.page, alter)
    shown.page.goto(cms.put("/sizes", EVENTS + element(limit=3, layout=layout)))
    settled(shown.page)
    found = shown.page.locator("read-also-list img").evaluate_all(
        "all => all.map(one => ['width', 'height', 'srcset', 'sizes', 'loading']"
        ".map(name => one.getAttribute(name)))"
    )
    assert [one[:2] for one in found] == [size] * 3
    assert [one[2] for one in found] == [srcset, None, None]
    assert found[0][3].startswith("auto, ")
    assert sizes in found[0][3]
    assert {one[4] for one in found} == {"lazy"}
    (asked,) = [url for url in shown.asked if "/related" in url]
    assert parse_qs(asked.partition("?")[2])["fields"] == ["image"]


def test_it_says_what_is_pinned_and_what_is_in_another_language_if_asked(
    site: Site, cms: Cms, tab: Tabs, element: Callable[..., str]
) -> None:
    """In the language of the list, as a layout of the service does."""
    pins = {"pins": [{"id": "plain-fa-2"}]}
    assert site.client.put("/v1/articles/plain-tg-0/pins", json=pins).status_code == 200
    site.client.application.extensions["read-also"].follower.refresh()
    shown, query = tab(), "limit=3&language=any&layout=cards&labels=1"
    for labels in ({"labels": ""}, {"labels": "0"}, {}):
        body = EVENTS + element("plain-tg-0", limit=3, language="any", layout="cards", **labels)
        shown.page.goto(cms.put("/labels", body))
        settled(shown.page)
        html = fragment(site, "plain-tg-0", query)
        told = re.findall(r'__label--(\w+)"(?: lang="\w+")?>(.*?)</span>', html)
        assert told[:2] == [("pinned", "Интихоби муҳаррир"), ("language", "فارسی")]
        seen = shown.page.locator("read-also-list .label").evaluate_all(
            "all => all.map(one => [one.className.split(' ')[1], one.textContent])"
        )
        assert [*map(tuple, seen)] == (told if labels == {"labels": ""} else [])


def test_dates_are_those_of_the_time_zone_and_the_form_that_it_asks_for(
    site: Site, cms: Cms, tab: Tabs, element: Callable[..., str]
) -> None:
    shown = tab()
    look = {"dates": "long", "time_zone": "Pacific/Kiritimati"}
    shown.page.goto(cms.put("/dates", EVENTS + element("plain-fa-0", limit=3, **look)))
    settled(shown.page)
    query = "limit=3&layout=list&dates=long&time_zone=Pacific/Kiritimati"
    days = re.findall(r"<time[^>]*>(.*?)</time>", fragment(site, "plain-fa-0", query))
    assert texts(shown.page, ".time") == days
    assert all("۱۴۰۳" in day for day in days)


@pytest.mark.parametrize("layout", ["list", "list-thumbs", "cards", "compact"])
def test_the_whole_row_or_card_of_it_is_the_link(
    cms: Cms, tab: Tabs, element: Callable[..., str], layout: str
) -> None:
    shown = tab(viewport={"width": 900, "height": 900})
    slow(shown.page, with_some_images)
    shown.page.goto(cms.put("/target", EVENTS + element("plain-fa-0", limit=5, layout=layout)))
    settled(shown.page)
    reached = shown.page.locator("read-also-list li:not(.blank)").evaluate_all(TARGETS)
    assert len(reached) == 5
    assert all(reached)


TARGETS: Final = """all => all.map(item => {
  item.scrollIntoView();
  const { left, right, top, bottom } = item.getBoundingClientRect();
  const link = item.querySelector("a");
  const points = [left + 5, (left + right) / 2, right - 5].flatMap(x =>
    [top + 5, (top + bottom) / 2, bottom - 5].map(y => item.getRootNode().elementFromPoint(x, y)));
  return points.every(point => link.contains(point));
})"""


# --- what it sends ---


def test_it_sends_no_cookie_no_key_and_no_address_of_the_page(
    site: Site, cms: Cms, tab: Tabs, element: Callable[..., str]
) -> None:
    shown, sent = tab(), []
    shown.page.context.add_cookies([{"name": "reader", "value": "7", "url": site.address}])
    shown.page.on(
        "request", lambda request: sent.append(request) if "/related" in request.url else None
    )
    shown.page.goto(cms.put("/private", EVENTS + element(limit=2, images="")))
    settled(shown.page)
    (request,) = sent
    assert request.method == "GET"
    assert not {"cookie", "referer", "authorization", "x-api-key"} & request.all_headers().keys()
    assert shown.page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert [one["name"] for one in shown.page.context.cookies()] == ["reader"]
    assert {url.split("/")[2] for url in shown.asked} == {
        address.removeprefix("http://") for address in (site.address, cms.address)
    }


def test_without_a_base_it_asks_the_host_of_the_page(
    site: Site, cms: Cms, tab: Tabs, element: Callable[..., str]
) -> None:
    """Where a proxy of the newsroom passes the call on, with a key that the page never sees."""
    shown = tab()

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(cms.address)
        route.fulfill(response=route.fetch(url=site.address + path))

    shown.page.route(f"{cms.address}/v1/**", answer)
    shown.page.goto(cms.put("/own/story", EVENTS + element(base="", limit=2)))
    settled(shown.page)
    assert len(texts(shown.page, ".title")) == 2


# --- nothing runs, on strict and on hostile pages ---


def test_hostile_texts_are_texts_under_the_strictest_policy(
    site: Site, cms: Cms, tab: Tabs, module: str, element: Callable[..., str]
) -> None:
    shown = tab()
    policy = (
        f"default-src 'none'; script-src {module.rsplit('/', 1)[0]}/; connect-src {site.address}; "
        "img-src data:; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    body = element("hostile-0", limit=100, language="any", diversity=0, images="")
    shown.page.goto(cms.put("/strict", body, policy))
    shown.page.wait_for_selector("read-also-list .title")
    items = answer_of(site, "hostile-0", "limit=100&language=any&diversity=0")["items"]
    titles = [item["id"] if item["title"] == UNSEEN else item["title"] for item in items]
    assert texts(shown.page, ".title") == titles
    assert len({*TITLES} & {*titles}) > 70
    font = shown.page.locator("read-also-list .heading").evaluate(
        "e => getComputedStyle(e).fontWeight"
    )
    assert font == "600"  # the theme is there
    shown.assert_clean()


def test_an_answer_with_other_addresses_makes_no_links(
    cms: Cms, tab: Tabs, element: Callable[..., str]
) -> None:
    shown = tab()
    odd = [
        "javascript:window.pwned=1",
        " JAVASCRIPT:x",
        "data:text/html,x",
        "/x",
        "",
        "blob:https://a/b",
        7,
    ]
    items = [
        {
            "id": f"i{at}",
            "rank": at,
            "title": f"T{at}",
            "url": url,
            "image_url": url,
            "reason": "<b>",
        }
        for at, url in enumerate(odd)
    ]
    body = json.dumps({"items": items, "returned": len(items)})
    shown.page.route(
        "**/related*",
        lambda route: route.fulfill(body=body, headers={"Access-Control-Allow-Origin": "*"}),
    )
    shown.page.goto(cms.put("/odd", EVENTS + element(images="")))
    settled(shown.page)
    assert texts(shown.page, ".title") == [f"T{at}" for at in range(len(odd))]
    assert shown.page.locator("read-also-list a, read-also-list img").count() == 0
    shown.assert_clean()


@pytest.mark.parametrize("kind", NAMES_OF)
def test_no_element_of_the_page_misleads_it(
    cms: Cms, tab: Tabs, element: Callable[..., str], kind: str
) -> None:
    names = (
        "createElement baseURI location document fetch customElements queueMicrotask heading list"
    )
    named = "".join(NAMES_OF[kind].format(name, cms.address) for name in names.split())
    shown = tab()
    shown.page.goto(cms.put(f"/named-{kind}", named + element(limit=2)))
    shown.page.locator("read-also-list .title").nth(1).wait_for(state="attached")
    assert not [url for url in shown.asked if "/evil/v1" in url]
    assert shown.page.evaluate("typeof window.pwned") == "undefined"


# --- nothing jumps ---


def slow(page: Page, alter: Callable[[dict[str, Any]], object] = lambda _: None) -> None:
    """Let lists come a third of a second late, and altered."""

    page.route("**/related?*", lambda route: answer_late(route, alter))


def answer_late(route: Route, alter: Callable[[dict[str, Any]], object]) -> None:
    """Answer a third of a second later, with what the service answers, altered."""
    response = route.fetch()
    body = response.json()
    if response.ok:
        alter(body)
    sleep(0.3)
    route.fulfill(response=response, json=body)


def pass_on_late(route: Route) -> None:
    """Let a request go on a third of a second later."""
    sleep(0.3)
    route.continue_()


def fewer(body: dict[str, Any]) -> None:
    body["items"] = body["items"][:2]


def with_images(body: dict[str, Any]) -> None:
    for at, item in enumerate(body["items"]):
        item["title"] = "Long " * 60
        item["image_url"] = f"http://127.0.0.1/{at}.svg"
        item["section"] = "A section with a long name, " * 9
    body.get("presentation", {}).update(items=LABELLED * len(body["items"]))


LABELLED: Final = [
    {
        "day": {"moment": "2005-04-10T08:00:00Z", "text": "10 April 2005"},
        "labels": [
            {"kind": "pinned", "text": "Editors' pick"},
            {"kind": "language", "text": "English"},
        ],
    }
]


def with_some_images(body: dict[str, Any]) -> None:
    """Of the last row no card has a picture."""
    with_images(body)
    for item in body["items"][1::2] + body["items"][3:]:
        item["image_url"] = None


def none_at_all(body: dict[str, Any]) -> None:
    body["items"] = []


CASES: Final[dict[str, tuple[Callable[[dict[str, Any]], object], dict[str, str]]]] = {
    "a whole list": (lambda _: None, {}),
    "fewer items": (fewer, {}),
    "no items": (none_at_all, {}),
    "images": (with_images, {"images": ""}),
    "cards": (with_images, {"layout": "cards", "labels": ""}),
    "cards of a fixed height": (with_images, {"layout": "cards", "style": FIXED}),
    "some cards with images": (with_some_images, {"layout": "cards"}),
    "cards without images": (with_images, {"layout": "cards", "images": "0"}),
    "thumbs": (with_images, {"layout": "list-thumbs"}),
    "compact": (with_images, {"layout": "compact"}),
    "long headlines": (
        lambda body: [item.update(title="Long " * 60) for item in body["items"]],
        {},
    ),
    "a refusal": (lambda _: None, {"article": "nobody"}),
}
IMAGE: Final = '<svg xmlns="http://www.w3.org/2000/svg" width="640" height="900"></svg>'


@pytest.mark.parametrize("late_module", [False, True], ids=["", "the module comes late"])
@pytest.mark.parametrize("case", CASES)
def test_nothing_moves_while_a_list_comes(
    cms: Cms, tab: Tabs, element: Callable[..., str], case: str, *, late_module: bool
) -> None:
    alter, attributes = CASES[case]
    shown = tab(viewport={"width": 900, "height": 1400})
    slow(shown.page, alter)
    shown.page.route(
        "**/*.svg", lambda route: route.fulfill(body=IMAGE, content_type="image/svg+xml")
    )
    if late_module:
        shown.page.route("**/list.js", pass_on_late)
    rows = ROWS_OF.get(case, ROWS)
    body = (
        f"<style>{RESERVE % rows}</style>"
        + EVENTS
        + "<p>Before</p>"
        + element(**({} if case == "compact" else {"limit": "6"}) | attributes)
        + AFTER
    )
    shown.page.goto(cms.put("/still", body), wait_until="commit")
    shown.page.wait_for_selector("#after")
    settled(shown.page)
    shown.page.wait_for_load_state("networkidle")
    assert shown.page.evaluate("shift") == 0
    assert overflow(shown.page) <= 0
    assert shown.page.evaluate("document.querySelector('#after').offsetTop") > (
        150 if case == "compact" else 300
    )


def test_a_shift_would_be_measured(cms: Cms, tab: Tabs) -> None:
    shown = tab()
    shown.page.goto(cms.put("/jump", EVENTS + "<div id='place'></div>" + AFTER))
    shown.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 60)))")
    shown.page.evaluate("document.querySelector('#place').style.height = '300px'")
    shown.page.wait_for_function("shift > 0")


@pytest.mark.parametrize(("article", "rows"), [(SEED, 2), ("nobody", 0)])
def test_a_place_that_nobody_sees_closes(
    cms: Cms, tab: Tabs, element: Callable[..., str], article: str, rows: int
) -> None:
    shown = tab(viewport={"width": 600, "height": 400})
    held = list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    shown.page.route("**/related?*", hold)
    body = EVENTS + "<div style='height: 900px'>Before</div>" + element(article, limit=6) + AFTER
    shown.page.goto(cms.put("/below", body))
    heading, row = 16 * 3.5, 16 * 5.25
    assert shown.page.evaluate(HEIGHT) == heading + 6 * row
    assert until(lambda: shown.page.evaluate("true") and held != [])
    answer_late(held[0], fewer)
    left = heading + rows * row if rows else 0
    shown.page.wait_for_function(f"{HEIGHT} == {left}")
    settled(shown.page)
    assert shown.page.evaluate("shift") == 0
    assert shown.page.locator("read-also-list li").count() == rows
    told = "read-also-load" if rows else "read-also-error"
    assert shown.page.evaluate("told[0][0]") == told
    change(shown.page, heading="Another look")
    settled(shown.page)
    assert shown.page.evaluate(HEIGHT) == left


# --- the look ---


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_have_enough_contrast_on_bright_and_dark_pages(
    cms: Cms, tab: Tabs, element: Callable[..., str], scheme: str
) -> None:
    shown = tab(color_scheme=scheme)
    follows = '<meta name="color-scheme" content="light dark">'
    for path, look in (("/scheme", follows), ("/bright", ""), ("/own-dark", OWN_DARK)):
        shown.page.goto(cms.put(path, look + EVENTS + element(limit=3)))
        settled(shown.page)
        contrasts = shown.page.locator(WORDS).evaluate_all(CONTRASTS)
        assert len(contrasts) > 5
        assert min(contrasts) >= 4.5, path


def test_custom_properties_and_parts_reach_in_and_other_styles_do_not(
    cms: Cms, tab: Tabs, element: Callable[..., str]
) -> None:
    style = """<style>
      a { color: rgb(9, 9, 9) } li { display: none }
      read-also-list { --read-also-link: rgb(1, 2, 3); --read-also-item-size: 100px; }
      read-also-list::part(title) { letter-spacing: 2px }
    </style>"""
    shown = tab()
    shown.page.goto(cms.put("/theme", style + EVENTS + element(limit=2)))
    settled(shown.page)
    found = shown.page.locator("read-also-list a").first.evaluate(
        "a => [getComputedStyle(a).color, getComputedStyle(a.firstChild).letterSpacing,"
        " a.parentNode.offsetHeight]"
    )
    assert found == ["rgb(1, 2, 3)", "2px", 100]


@pytest.mark.parametrize(
    ("layout", "counts"),
    [("list", [6, 0, 6]), ("list-thumbs", [6, 6, 6]), ("cards", [6, 6, 6]), ("compact", [3, 0, 0])],
)
def test_layouts_have_the_names_of_those_of_the_service(
    cms: Cms, tab: Tabs, element: Callable[..., str], layout: str, counts: list[int]
) -> None:
    shown = tab()
    slow(shown.page, with_images)
    limit = {} if layout == "compact" else {"limit": "6"}
    shown.page.goto(cms.put("/layout", EVENTS + element(layout=layout, **limit)))
    settled(shown.page)
    shadow = shown.page.locator("read-also-list")
    assert [shadow.locator(part).count() for part in (".link", ".image", ".time")] == counts


@pytest.mark.parametrize("layout", ["list", "cards", "compact"])
def test_hostile_headlines_fit_the_width_of_a_telephone_and_their_rows(
    cms: Cms, tab: Tabs, element: Callable[..., str], layout: str
) -> None:
    shown = tab(viewport={"width": 320, "height": 640})
    body = element("hostile-0", limit=100, language="any", diversity=0, layout=layout)
    shown.page.goto(cms.put("/narrow", EVENTS + body))
    settled(shown.page)
    assert shown.page.evaluate("document.scrollingElement.scrollWidth") == 320
    assert overflow(shown.page) <= 0
