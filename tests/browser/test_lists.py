"""Lists in a real browser: no article runs a script, everybody can read and reach them."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import LATIN, Cms, Site
from tests.browser.hostile import REFUSED_LINKS, TITLES
from tests.browser.tabs import SECRET, Tab

pytestmark = pytest.mark.long

Tabs = Callable[..., Tab]

ALL = "limit=100&language=any&diversity=0"
SEED = "hostile-0"
IN_FRAMES = """async pages => {
  const found = [];
  const frame = document.body.appendChild(document.createElement("iframe"));
  for (const page of pages) {
    await new Promise(loaded => { frame.onload = loaded; frame.src = page; });
    const heading = frame.contentDocument.querySelector("h1").textContent;
    found.push([heading, typeof frame.contentWindow.pwned]);
  }
  return found;
}"""
"""Headlines of pages, each loaded in a frame, and what a script would have left there."""
UNSEEN = "\u200b\u200e\u2060"
LEFT_OUT = {0x0B: " ", 0xFFFE: None, 0xFFFF: None}
"""Of those headlines what HTML may not hold."""
INNER = """<div id="place"></div><script>
fetch("{}").then(answer => answer.text()).then(html => {{
  document.getElementById("place").innerHTML = html;
}});
</script>"""
OWN_DARK = "<style>html { background: #16181d; color: #e6e6e6 }</style>"  # fmt: skip


NETWORK = re.compile("^Failed to load resource|blocked by CORS policy")
"""The console message of a browser about an answer that is not 200."""


def fragment(site: Site, seed: str = SEED, query: str = ALL) -> str:
    """The list as a server of the CMS gets it."""
    with urlopen(f"{site.address}/v1/articles/{seed}/related.html?{query}") as answer:  # noqa: S310
        text: str = answer.read().decode()
    return text


def placed(site: Site, seed: str, **data: str) -> str:
    """The part of a CMS template that includes the list."""
    more = "".join(f' data-{name.replace("_", "-")}="{value}"' for name, value in data.items())
    source = f"{site.address}/v1/read-also.js"
    return f'<div data-read-also="{seed}"{more}></div><script src="{source}" async></script>'


def strict(site: Site) -> str:
    """The strictest policy under which the script does its work."""
    own = site.address
    return (
        f"default-src 'none'; script-src {own}; connect-src {own}; style-src {own}; img-src data:"
    )


TRUSTED = "; require-trusted-types-for 'script'; trusted-types 'none'"
NAMED = "currentScript readyState querySelectorAll createElement addEventListener fetch document"
"""What a script asks the document and the window for. An element with that name is there first."""
NAMES_OF = {
    "form": '<form name="{0}"></form><form id="{0}"></form>',
    "img": '<img name="{0}" id="{0}" src="{1}/evil/x.js">',
    "embed": '<embed name="{0}" type="image/png" src="{1}/evil/x.js">',
    "object": '<object id="{0}" data="{1}/evil/x.js"></object>',
    "iframe": '<iframe name="{0}" src="{1}/evil/x.js"></iframe>',
    "script": '<a id="{0}" name="src" href="{1}/evil/x.js"></a>' * 2,
}
TITLES_FOUND = "Document.prototype.querySelectorAll.call(document, '.read-also__title').length"
COMMENT = """<div data-read-also="{0}" data-src="{1}/evil/" src="{1}/evil/"></div>
<div data-read-also=".."></div><div data-read-also="//{2}/evil"></div>
<div data-read-also="{0}/../../../evil"></div><div data-read-also="{0}?limit=1#"></div>
<form data-read-also="{0}"><input name="getAttribute"><input name="replaceChildren"></form>
<read-also-list src="{1}/evil/" article="{0}" data-read-also="{0}"></read-also-list>
<img name="currentScript" src="{1}/evil/x.js">"""
"""What a reader may write where names, ids and attributes for data are allowed."""
NO_LISTS = (
    "<section><script>window.pwned=1</script></section>",
    '<section><img src="x" onerror=window.pwned=1></section>',
    "<section><img src=x></section>",
    "<section><iframe></iframe></section>",
    "<form></form>",
    "<section>",
    "</section><section>",
    "<section><!-- x --></section>",
    "nothing < here",
    (
        '<a href="javascript:window.pwned=1">x</a><a href="&#106;avascript:window.pwned=1">y</a>'
        '<img onerror="window.pwned=1" style="x" class="a">'
        '<span onclick="window.pwned=1" new-one="2">z</span>'
    ),
)
"""Answers that a list never is; the last one is shown without its links and foreign attributes."""


def texts(page: Page, selector: str = ".read-also__title") -> list[str]:
    found: list[str] = page.eval_on_selector_all(selector, "all => all.map(e => e.textContent)")
    return found


def hostile_titles() -> set[str]:
    """The hostile titles, as the list of the first one must show them."""
    return {
        f"hostile-{number}" if title == UNSEEN else title.translate(LEFT_OUT).strip()
        for number, title in enumerate(TITLES)
        if number
    }


# --- nothing runs ---


def test_a_fragment_that_a_server_includes_runs_nothing(site: Site, cms: Cms, tab: Tabs) -> None:
    shown = tab()
    shown.page.goto(cms.put("/included", fragment(site)))
    assert hostile_titles() <= set(texts(shown.page))
    shown.assert_clean()


def test_a_fragment_that_a_page_takes_as_inner_html_runs_nothing(
    site: Site, cms: Cms, tab: Tabs
) -> None:
    shown, address = tab(), f"{site.address}/v1/articles/{SEED}/related.html?{ALL}"
    shown.page.goto(cms.put("/inner", INNER.format(address)))
    shown.page.wait_for_selector(".read-also")
    assert hostile_titles() <= set(texts(shown.page))
    # Read back and parsed once more, as editors and filters of a CMS do.
    shown.page.evaluate("place.innerHTML = place.innerHTML")
    assert hostile_titles() <= set(texts(shown.page))
    shown.assert_clean()


def test_the_script_places_a_list_under_a_strict_policy(site: Site, cms: Cms, tab: Tabs) -> None:
    shown = tab()
    body = placed(site, SEED, limit="100", language="any", diversity="0", heading='"><b>Also</b>')
    shown.page.goto(cms.put("/nothing", ""))
    before = shown.page.evaluate("Object.keys(window)")
    shown.page.goto(cms.put("/script", body.replace('"><b>', "&quot;><b>"), strict(site)))
    shown.page.wait_for_selector(".read-also")
    assert hostile_titles() <= set(texts(shown.page))
    assert texts(shown.page, ".read-also__heading") == ['"><b>Also</b>']
    assert set(shown.page.evaluate("Object.keys(window)")) <= set(before)
    shown.assert_clean()


def test_no_element_of_the_page_decides_where_a_list_comes_from(
    site: Site, cms: Cms, tab: Tabs
) -> None:
    shown = tab()
    for kind, markup in NAMES_OF.items():
        named = "".join(markup.format(name, cms.address) for name in NAMED.split())
        shown.page.goto(cms.put(f"/named-{kind}", named + placed(site, "plain-en-0", limit="2")))
        shown.page.wait_for_function(f"{TITLES_FOUND} == 2")  # the tools of a test are misled too
    assert not [url for url in shown.asked if "/evil/articles" in url]


def test_a_comment_of_a_reader_leads_to_no_other_address(site: Site, cms: Cms, tab: Tabs) -> None:
    shown = tab()
    comment = COMMENT.format("plain-en-1", cms.address, cms.address.removeprefix("http://"))
    shown.page.goto(cms.put("/comment", comment + placed(site, "plain-en-0", limit="1")))
    shown.page.wait_for_selector("[data-limit] .read-also")
    shown.page.wait_for_load_state("networkidle")
    lists = [url.removeprefix(site.address) for url in shown.asked if "related" in url]
    assert all(re.fullmatch(r"/v1/articles/[^/]+/related\.html\?[^/]*", path) for path in lists)
    assert len(lists) == 6
    assert shown.page.evaluate("typeof window.pwned") == "undefined"


def test_a_comment_cannot_make_a_reader_ask_for_many_lists(site: Site, cms: Cms, tab: Tabs) -> None:
    shown = tab()
    comment = '<div data-read-also="plain-en-1"></div>' * 50
    shown.page.goto(cms.put("/many", placed(site, "plain-en-0") + comment))
    expect(shown.page.locator("[data-read-also] .read-also")).to_have_count(20)
    shown.page.wait_for_load_state("networkidle")
    assert texts(shown.page, "[data-read-also]").count("") == 51 - 20


def test_the_script_makes_the_same_elements_as_a_parser_without_being_one(
    site: Site, cms: Cms, tab: Tabs
) -> None:
    """So it needs no policy of Trusted Types."""
    shown, every = tab(), {"limit": "100", "language": "any", "diversity": "0", "images": "1"}
    query = "&".join(f"{name}={value}" for name, value in every.items())
    parsed = f'<div id="parsed">{fragment(site, query=query)}</div>'
    policy = strict(site) + TRUSTED
    shown.page.goto(cms.put("/same", parsed + placed(site, SEED, **every), policy))
    shown.page.wait_for_selector("[data-read-also] .read-also")
    of_parser, of_script = shown.page.eval_on_selector_all(
        "#parsed, [data-read-also]", "all => all.map(e => e.innerHTML.trim())"
    )
    assert of_script == of_parser
    assert len(texts(shown.page)) == 2 * (len(site.stories) - 1)
    shown.assert_clean()


@pytest.mark.long
@pytest.mark.parametrize(
    ("data", "told", "display"),
    [({"layout": "cards"}, "", "grid"), ({"layout": "cards"}, "none", "block"), ({}, "", "block")],
)
def test_the_script_loads_the_style_of_a_layout_unless_told_not_to(
    site: Site, cms: Cms, tab: Tabs, data: dict[str, str], told: str, display: str
) -> None:
    shown, style = tab(), f"{site.address}/v1/read-also.css"
    body = placed(site, "plain-en-0", limit="4", labels="1", **data)
    page = body.replace(" async", f' data-style="{told}"' if told else "")
    shown.page.goto(cms.put("/dressed", page, strict(site) + TRUSTED))
    shown.page.wait_for_selector(".read-also")
    assert shown.asked.count(style) == (display == "grid")
    found = shown.page.evaluate("getComputedStyle(document.querySelector('ul')).display")
    assert found == display
    shown.assert_clean()


def test_an_answer_that_is_no_list_is_not_shown(site: Site, cms: Cms, tab: Tabs) -> None:
    shown = tab()

    def answer(route: Route) -> None:
        number = int(route.request.url.split("/")[5])
        route.fulfill(body=NO_LISTS[number], headers={"Access-Control-Allow-Origin": "*"})

    shown.page.route("**/related.html*", answer)
    places = "".join(placed(site, str(number)) for number in range(len(NO_LISTS) - 1))
    shown.page.goto(cms.put("/no-list", places + placed(site, str(len(NO_LISTS) - 1), end="1")))
    shown.page.wait_for_selector("[data-end] a")
    shown.page.wait_for_load_state("networkidle")
    found = shown.page.eval_on_selector_all("[data-read-also]", "all => all.map(e => e.innerHTML)")
    assert found == [""] * (len(NO_LISTS) - 1) + ['<a>x</a><a>y</a><img class="a"><span>z</span>']
    shown.assert_clean()


@pytest.mark.long
def test_the_page_of_a_hostile_story_runs_nothing(site: Site, tab: Tabs) -> None:
    shown = tab()
    shown.page.goto(f"{site.address}/healthz")
    pages = [f"/read/hostile-{number}?limit=1" for number in range(len(TITLES))]
    assert shown.page.evaluate(IN_FRAMES, pages) == [[title, "undefined"] for title in TITLES]
    shown.assert_clean()


def test_a_hostile_image_is_an_image_and_nothing_else(site: Site, cms: Cms, tab: Tabs) -> None:
    html = fragment(site, query="limit=3&images=1&language=any")
    assert "<img" not in html  # the archive has none
    address = f'{cms.address}/i.png?"onerror="window.pwned=1"x=\'><script>window.pwned=1</script>'
    story = site.stories["plain-en-1"] | {"image_url": address}
    assert site.client.put("/v1/articles/plain-en-1", json=story).status_code == 200
    site.client.application.extensions["read-also"].follower.refresh()
    shown = tab()
    shown.page.goto(cms.put("/images", fragment(site, "plain-en-0", "images=1&limit=5")))
    (image,) = shown.page.query_selector_all("img")
    assert sorted(shown.page.evaluate("e => e.getAttributeNames()", image)) == [
        *("alt", "class", "decoding", "loading", "referrerpolicy", "src"),
    ]
    assert image.get_attribute("src") == address
    assert shown.page.evaluate("typeof window.pwned") == "undefined"


@pytest.mark.parametrize("field", ["url", "image_url"])
def test_addresses_that_are_not_of_the_web_are_refused(site: Site, field: str) -> None:
    for address in REFUSED_LINKS:
        answer = site.client.put("/v1/articles/link", json={"title": "A", field: address})
        assert answer.status_code == 422, address
        assert [fault["pointer"] for fault in answer.get_json()["errors"]] == [f"/{field}"]
    assert site.client.get("/v1/articles/link").status_code == 404


# --- the page goes on ---


def test_without_a_list_the_place_stays_as_it_is(site: Site, cms: Cms, tab: Tabs) -> None:
    shown = tab()
    places = [
        placed(site, "nobody"),
        placed(site, "../../healthz"),
        placed(site, "plain-en-0", limit="many"),
        placed(site, "plain-en-0", section="nowhere"),
    ]
    more = "".join(places).replace("></div>", "><p>More</p></div>")
    shown.page.goto(cms.put("/empty", more))
    shown.page.wait_for_load_state("networkidle")
    assert texts(shown.page, "[data-read-also]") == ["More"] * 4
    assert not [fault for fault in shown.faults if not NETWORK.search(fault)]


def test_a_page_works_while_the_service_is_away(site: Site, cms: Cms, tab: Tabs) -> None:
    shown = tab()
    shown.page.route("**/related.html*", lambda route: route.abort())
    shown.page.goto(cms.put("/away", placed(site, "plain-en-0") + "<p>End</p>"))
    shown.page.wait_for_load_state("networkidle")
    assert texts(shown.page, "[data-read-also]") == [""]
    assert not [fault for fault in shown.faults if not NETWORK.search(fault)]


def test_a_key_is_never_shared_with_a_page(site: Site, cms: Cms, tab: Tabs) -> None:
    shown = tab()
    shown.page.goto(cms.put("/key", ""))
    asked = f'fetch("{site.address}/v1/articles/plain-en-0/related", {{headers: {{"X-API-Key": '
    read = shown.page.evaluate(f"{asked} '{SECRET}'}}}}).then(a => a.status, e => 'refused')")
    assert read == "refused"


# --- everybody can read and reach it ---


def described(page: Page) -> list[tuple[str, str]]:
    """Role and name of every part that assistive technology sees."""
    session = page.context.new_cdp_session(page)
    nodes: list[dict[str, Any]] = session.send("Accessibility.getFullAXTree")["nodes"]
    return [
        (node["role"]["value"], " ".join(node.get("name", {}).get("value", "").split()))
        for node in nodes
        if not node["ignored"]
    ]


@pytest.mark.parametrize(
    ("seed", "heading"),
    [
        ("plain-en-0", "Read also"),
        ("plain-fa-0", "همچنین بخوانید"),
        ("plain-tg-0", "Ҳамчунин хонед"),
    ],
)
def test_the_parts_of_a_list_have_accessible_names(
    site: Site, cms: Cms, tab: Tabs, seed: str, heading: str
) -> None:
    shown = tab()
    shown.page.goto(cms.put("/names", fragment(site, seed, "limit=5&heading_level=3")))
    parts = described(shown.page)
    assert ("region", heading) in parts
    assert ("heading", heading) in parts
    assert [role for role, _ in parts].count("list") == 1
    assert [role for role, _ in parts].count("listitem") == 5
    names = [name for role, name in parts if role == "link"]
    assert names == [" ".join(title.split()) for title in texts(shown.page)]
    assert len(set(names)) == 5
    assert shown.page.get_by_role("heading", level=3).count() == 1


def test_every_link_has_a_name_whatever_the_headline(site: Site, cms: Cms, tab: Tabs) -> None:
    shown = tab()
    shown.page.goto(cms.put("/named", fragment(site)))
    names = [name for role, name in described(shown.page) if role == "link"]
    assert len(names) == len(site.stories) - 1
    assert all(names)


def test_links_are_reached_by_keyboard_in_their_order(site: Site, cms: Cms, tab: Tabs) -> None:
    shown = tab()
    style = f"{site.address}/v1/read-also.css"
    shown.page.goto(cms.put("/keys", fragment(site, "plain-fa-0", "limit=4"), style=style))
    reached = []
    for _ in range(4):
        shown.page.keyboard.press("Tab")
        reached.append(shown.page.evaluate("document.activeElement.href"))
        outline = shown.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
    assert reached == shown.page.eval_on_selector_all("a", "all => all.map(a => a.href)")


CONTRASTS = """all => all.map(element => {
  const seen = document.createElement("span");
  document.body.append(seen);
  const light = colour => {
    const whole = colour.startsWith("color(") ? 1 : 255;  // of a mixed colour: color(srgb 0.3 …)
    const parts = colour.match(/[0-9.]+/g).slice(0, 3).map(part => part / whole);
    const linear = parts.map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const page = getComputedStyle(document.documentElement).backgroundColor;
  seen.style.backgroundColor = page == "rgba(0, 0, 0, 0)" ? "Canvas" : page;
  const pair = [getComputedStyle(element).color, getComputedStyle(seen).backgroundColor].map(light);
  seen.remove();
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
})"""
"""WCAG 2.2, 1.4.3: relative luminance of the text against what the page is painted with."""
WORDS = ".read-also__heading, .read-also__title, .read-also__time"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_have_enough_contrast_in_light_and_dark_mode(
    site: Site, cms: Cms, tab: Tabs, scheme: str
) -> None:
    style, html = f"{site.address}/v1/read-also.css", fragment(site, "plain-en-0", "limit=3")
    follows = '<meta name="color-scheme" content="light dark">'
    pages = [
        cms.put("/scheme", follows + html, style=style),
        cms.put("/bright", html, style=style),
        cms.put("/own-dark", OWN_DARK + html, style=style),
        f"{site.address}/read/plain-en-0?limit=3",
    ]
    shown = tab(color_scheme=scheme)
    for page in pages:
        shown.page.goto(page)
        contrasts = shown.page.eval_on_selector_all(WORDS, CONTRASTS)
        assert len(contrasts) == 1 + 2 * 3 - 1  # one has no date
        assert min(contrasts) >= 4.5, page
    shown.assert_clean()


BOXES = """all => all.map(element => {
  const text = document.createRange();
  text.selectNodeContents(element);
  const [own, list] = [text, element.closest(".read-also")].map(e => e.getBoundingClientRect());
  return [own.left - list.left, list.right - own.right].map(Math.round);
})"""
"""How far a text begins from the left edge of its list, and ends from the right one."""


ENDS = """all => all.map(element => [0, element.textContent.length - 1].map(at => {
  const letter = document.createRange();
  letter.setStart(element.firstChild, at);
  letter.setEnd(element.firstChild, at + 1);
  return letter.getBoundingClientRect().left;
}))"""
"""Where the first and the last letter of a text stand."""


@pytest.mark.parametrize(("seed", "side"), [("plain-en-0", 0), ("plain-fa-0", 1)])
def test_a_list_is_aligned_to_the_side_where_its_language_begins(
    site: Site, cms: Cms, tab: Tabs, seed: str, side: int
) -> None:
    style = f"{site.address}/v1/read-also.css"
    shown = tab()
    html = fragment(site, seed, "limit=9&section=port&language=en,fa")
    shown.page.goto(cms.put("/side", html, style=style))
    boxes = shown.page.eval_on_selector_all(WORDS, BOXES)
    assert len(boxes) > 12
    assert {box[side] for box in boxes} == {0}
    assert min(box[1 - side] for box in boxes) > 100
    directions = shown.page.eval_on_selector_all("li", "all => new Set(all.map(e => e.dir)).size")
    assert directions == 2  # of both languages


def test_a_date_and_a_latin_headline_are_not_mirrored_in_a_persian_list(
    site: Site, cms: Cms, tab: Tabs
) -> None:
    """The full stop of `gull).` stands at its right, the year of a date at its left."""
    shown = tab()
    shown.page.goto(cms.put("/mirror", fragment(site, "plain-fa-0", "limit=9&section=port")))
    assert LATIN in texts(shown.page)
    words = texts(shown.page, ".read-also__time, .read-also__title")
    ends = shown.page.eval_on_selector_all(".read-also__time, .read-also__title", ENDS)
    runs_right = [first < last for first, last in ends]
    assert runs_right == [word.isascii() for word in words]
    assert True in runs_right
    assert False in runs_right


def narrow_pages(site: Site, cms: Cms) -> Iterator[str]:
    style = f"{site.address}/v1/read-also.css"
    yield cms.put("/narrow", fragment(site), style=style)
    yield cms.put("/narrow-fa", fragment(site, query=f"{ALL}&images=1"), style=style, dir="rtl")
    long = next(number for number, title in enumerate(TITLES) if title.startswith("WWW"))
    yield f"{site.address}/read/hostile-{long}?{ALL}"


def test_a_list_fits_the_width_of_a_telephone(site: Site, cms: Cms, tab: Tabs) -> None:
    shown = tab(viewport={"width": 320, "height": 640})
    for page in narrow_pages(site, cms):
        shown.page.goto(page)
        assert shown.page.evaluate("document.scrollingElement.scrollWidth") == 320, page
