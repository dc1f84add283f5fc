"""The page that documents the API: on a telephone and on a large screen, searched and tried."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Site
from tests.browser.tabs import SECRET, Tab
from tests.browser.test_lists import described

pytestmark = pytest.mark.long

Tabs = Callable[..., Tab]
Manuals = Callable[..., Tab]

NARROW, WIDE, HEIGHT = 320, 1200, 640
MOST_SCREENS = 10
FIELDS = "#FieldFault table"
PARTS = ("caption", "columnheader", "row", "rowheader", "cell")
LABELS = "all => all.map(cell => getComputedStyle(cell, '::before').content)"
STORED = "localStorage.length + sessionStorage.length + document.cookie.length"


@pytest.fixture
def manual(site: Site, tab: Tabs) -> Manuals:
    """The page on a screen so wide, with what is at `at` unfolded."""

    def show(width: int = WIDE, at: str = "") -> Tab:
        opened = tab(viewport={"width": width, "height": HEIGHT})
        opened.page.goto(f"{site.address}/docs{at}")
        return opened

    return show


def lefts(cells: Locator) -> set[float]:
    return {box["x"] for box in (cell.bounding_box() for cell in cells.all()) if box}


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_the_page_fits_the_width_of_the_screen_also_unfolded(manual: Manuals, width: int) -> None:
    page = manual(width).page
    scrolled = "document.scrollingElement.scrollWidth"
    assert page.evaluate(scrolled) == width
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert page.evaluate(scrolled) == width


def test_the_page_has_at_most_ten_screens_on_a_telephone(manual: Manuals) -> None:
    height = manual(NARROW).page.evaluate("document.scrollingElement.scrollHeight")
    assert HEIGHT < height <= MOST_SCREENS * HEIGHT


def test_cells_are_in_a_row_on_a_wide_screen(manual: Manuals) -> None:
    page = manual(WIDE, "#FieldFault").page
    assert len(lefts(page.locator(f"{FIELDS} tr").nth(1).locator("> *"))) == 4
    assert set(page.locator(f"{FIELDS} td").evaluate_all(LABELS)) == {"none"}


def test_cells_are_in_a_column_with_their_names_on_a_narrow_screen(manual: Manuals) -> None:
    page = manual(NARROW, "#FieldFault").page
    assert len(lefts(page.locator(f"{FIELDS} tr").nth(1).locator("> *"))) == 1
    labels = page.locator(f"{FIELDS} tr:nth-child(1) td").evaluate_all(LABELS)
    assert labels == ['"value: "', '"meaning: "', '"example: "']


def test_tables_have_the_role_of_tables_on_every_screen(manual: Manuals) -> None:
    roles = [
        [role for role, _ in described(manual(width, "#FieldFault").page) if role in PARTS]
        for width in (NARROW, WIDE)
    ]
    assert roles[0] == roles[1]
    assert set(roles[0]) == set(PARTS)


@pytest.mark.parametrize(("width", "columns"), [(NARROW, 1), (WIDE, 3)])
def test_a_call_is_shown_in_three_languages_beside_each_other(
    manual: Manuals, width: int, columns: int
) -> None:
    page = manual(width, "#putArticle").page
    expect(page.locator("#putArticle figcaption")).to_have_text(["curl", "Python", "JavaScript"])
    assert len(lefts(page.locator("#putArticle figure"))) == columns


def test_a_link_unfolds_what_it_leads_to(manual: Manuals) -> None:
    page = manual(WIDE, "#listRelated").page
    page.locator("#listRelated").get_by_role("link", name="RelatedList", exact=True).click()
    expect(page.locator("#RelatedList table")).to_be_in_viewport()


def test_a_search_leaves_what_has_all_words(manual: Manuals) -> None:
    tab = manual()
    page = tab.page
    calls, types = page.locator("details.call:visible"), page.locator("details.type:visible")
    every = calls.count()
    page.get_by_label("Search").fill("RULE copy_cap")
    expect(page.get_by_role("status")).to_have_text("0 calls, 1 type")
    assert types.all_inner_texts()[0].startswith("Rule")
    page.get_by_label("Search").fill("  PUT pins ")
    assert 1 <= calls.count() < every
    expect(page.locator("#putPins")).to_be_visible()
    expect(page.get_by_role("heading", name="Operation")).to_be_hidden()
    page.get_by_label("Search").fill("")
    assert calls.count() == every
    tab.assert_clean()


def test_a_call_is_tried_with_the_keyboard_alone(manual: Manuals) -> None:
    page = manual().page
    page.locator("#getArticle > summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    form = page.locator("#getArticle form")
    form.get_by_label("article_id").focus()
    page.keyboard.type("plain-en-1")
    page.get_by_label("Key to try calls").fill(SECRET)
    form.get_by_label("article_id").press("Enter")
    expect(form.locator("output")).to_contain_text("GET /v1/articles/plain-en-1\n200 OK")
    expect(form.locator("output")).to_contain_text('"section": "port"')


def test_conditions_on_attributes_are_sent_each_as_a_parameter(manual: Manuals) -> None:
    page = manual(WIDE, "#listRelated").page
    form = page.locator("#listRelated form")
    page.get_by_label("Key to try calls").fill(SECRET)
    form.get_by_label("article_id").fill("plain-en-1")
    conditions = form.get_by_label("attr", exact=True)
    assert (conditions.get_attribute("placeholder") or "").startswith("attr.city=Guiyang%2CBijie")
    conditions.fill("attr.city=Osh,-Paris&attr.price=10..20")
    form.get_by_role("button").click()
    sent = "related?attr.city=Osh%2C-Paris&attr.price=10..20\n200 OK"
    expect(form.locator("output")).to_contain_text(sent)


def test_an_answer_that_refuses_is_shown_as_text(manual: Manuals) -> None:
    page = manual(WIDE, "#getArticle").page
    form = page.locator("#getArticle form")
    form.get_by_label("article_id").fill("<img src=x onerror=pwned=1>")
    form.get_by_role("button").click()
    expect(form.locator("output")).to_contain_text("\n401 UNAUTHORIZED\n")
    assert page.evaluate("typeof window.pwned") == "undefined"


def test_a_body_is_sent_as_it_was_edited(manual: Manuals, site: Site) -> None:
    page = manual(WIDE, "#putBlocks").page
    page.get_by_label("Key to try calls").fill(SECRET)
    form = page.locator("#putBlocks form")
    form.get_by_label("article_id").fill("plain-en-0")
    form.get_by_label("Body").fill('{"blocks": [{"id": "plain-en-1"}], "by": "M"}')
    form.get_by_role("button", name="Send PUT").click()
    expect(form.locator("output")).to_contain_text('"id": "plain-en-0"')
    now = site.client.get("/v1/articles/plain-en-0/blocks").get_json()
    assert [(one["id"], one["by"]) for one in now["blocks"]] == [("plain-en-1", "cms: M")]


def test_the_key_is_kept_nowhere_but_in_the_page(manual: Manuals) -> None:
    tab = manual(WIDE, "#listArticles")
    page = tab.page
    page.get_by_label("Key to try calls").fill(SECRET)
    page.locator("#listArticles").get_by_role("button").click()
    expect(page.locator("#listArticles output")).to_contain_text("200 OK")
    assert page.evaluate(STORED) == 0
    assert not any(SECRET in address for address in tab.asked)
    page.reload()
    expect(page.get_by_label("Key to try calls")).to_have_value("")
    page.goto("about:blank")
    page.go_back()
    expect(page.get_by_label("Key to try calls")).to_have_value("")
    tab.assert_clean()
