"""The panel beside a post in wp-admin: editors pin, order, block, preview, save and undo."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Locator, Page, expect

from tests.support.missing_software import skip_or_fail
from tests.support.serving import KEY
from tests.wordpress.browsing import chromium, log_in
from tests.wordpress.plugin import PLUGIN, article_of, comes_true, configure, pass_time
from tests.wordpress.service import Service
from tests.wordpress.site import Site

PAIRS = (
    ("Salt road", "Caravans carried salt over the pass; the salt tax paid for the fort."),
    ("Salt tax", "The salt tax was raised, and caravans took another pass to avoid the fort."),
    ("Fort for sale", "The fort above the pass, built from the salt tax, is for sale."),
    ("Caravan museum", "A museum shows how caravans crossed the pass with salt and felt."),
    ("Choir wins", "A children's choir from Khorog won the singing contest in Almaty."),
    ("Singing school", "The singing school in Khorog has a waiting list after the choir's win."),
)
AXE = Path(__file__).parents[1] / "browser/node_modules/axe-core/axe.min.js"
MORE = """<?php
add_filter('use_block_editor_for_post', function ($use, $post) {
    return $use && false === strpos($post->post_title, 'Classic');
}, 10, 2);
add_action('init', function () {
    register_post_type('story', ['public' => true, 'show_in_rest' => true,
        'label' => 'Stories', 'supports' => ['title', 'editor']]);
});"""


@dataclass(frozen=True)
class Desk:
    """A site whose posts the service knows, and a browser."""

    site: Site
    service: Service
    browser: Browser
    posts: dict[str, int]


@pytest.fixture(scope="module")
def desk(site: Site, service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    site.add_plugin(PLUGIN)
    (site.folder / "content/mu-plugins/classic.php").write_text(MORE)
    configure(site, url=service.address, key=KEY, place=True, types=["post", "story"], limit=4)
    ids = site.fill(
        [
            {"post_title": title, "post_content": text, "post_status": "publish", "post_author": 1}
            for title, text in PAIRS
        ]
    )
    site.run(
        """wp_insert_user(['user_login' => 'corin', 'role' => 'contributor',
            'user_pass' => $given['password'], 'user_email' => 'corin@news.example']);""",
        password=site.password,
    )
    site.cron()
    # The panel asks once: before it opens, each of them is read (the service has others too).
    first, *others = (article_of(site, one) for one in ids)
    assert comes_true(lambda: set(others) <= set(service.titles(first)))
    home: Path = tmp_path_factory.mktemp("chromium")
    with chromium(home) as browser:
        yield Desk(site, service, browser, dict(zip((t for t, _ in PAIRS), ids, strict=True)))


@dataclass(frozen=True)
class Editor:
    """A post open in an editor with the panel."""

    page: Page
    faults: list[str]

    @property
    def rows(self) -> Locator:
        return self.page.locator(".read-also-row")

    def titles(self, *wanted: str) -> None:
        """The list becomes this one, in this order."""
        expect(self.page.locator(".read-also-what > :first-child")).to_have_text([*wanted])

    def pinned(self, *wanted: str) -> None:
        expect(self.page.locator(".is-pinned .read-also-what > :first-child")).to_have_text(
            [*wanted]
        )

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def meta(self) -> dict[str, Any]:
        asked = "wp.data.select('core/editor').getEditedPostAttribute('meta')._read_also"
        edited: dict[str, Any] = self.page.evaluate(asked)
        return edited

    def save(self) -> None:
        self.page.evaluate("wp.data.dispatch('core/editor').savePost()")


def open_post(desk: Desk, post: int, login: str = "editor") -> Editor:
    page = log_in(desk.browser, desk.site, login, viewport={"width": 1400, "height": 1100})
    faults: list[str] = []

    def note(error: Error) -> None:
        # TinyMCE of WordPress has faults of its own when the element goes that has the focus.
        if "read-also" in str(error.stack):
            faults.append(str(error))

    page.on("pageerror", note)
    page.goto(f"{desk.site.home}/wp-admin/post.php?post={post}&action=edit")
    page.wait_for_function("window.wp?.data?.select('core/editor')?.getCurrentPostId()")
    page.evaluate(
        "wp.data.dispatch('core/preferences').set('core/edit-post', 'welcomeGuide', false)"
    )
    # On a slow machine the guide opens before it is told not to.
    guide = page.get_by_role("dialog", name="Welcome to the editor")
    page.add_locator_handler(guide, lambda: guide.get_by_role("button", name="Close").click())
    button = page.locator(".editor-header").get_by_role("button", name="Read also", exact=True)
    expect(button).to_be_visible()
    if button.get_attribute("aria-expanded") != "true":  # The site remembers it of each user.
        button.click()
    expect(page.locator(".read-also-panel")).to_be_visible()
    return Editor(page, faults)


def test_an_editor_pins_orders_blocks_undoes_and_saves(desk: Desk) -> None:
    """The list shows each choice at once; the save brings them to the service and the page."""
    posts = desk.posts
    editor = open_post(desk, posts["Salt road"])
    expect(editor.rows).to_have_count(4)
    editor.rows.filter(has_text="Caravan museum").drag_to(editor.rows.nth(0))
    editor.pinned("Caravan museum")
    editor.page.keyboard.press("Control+z")
    expect(editor.page.locator(".is-pinned")).to_have_count(0)
    editor.press("Pin “Fort for sale” to this list")
    editor.press("Pin “Salt tax” to this list")
    editor.pinned("Fort for sale", "Salt tax")
    expect(editor.rows.nth(0)).to_contain_text("Pinned.")
    editor.press("Move “Salt tax” up")
    editor.pinned("Salt tax", "Fort for sale")
    expect(editor.page.locator(":focus")).to_have_attribute("aria-label", "Move “Salt tax” down")
    editor.press("Keep “Caravan museum” out of this list")
    expect(editor.page.locator(".read-also-blocked")).to_contain_text("Caravan museum")
    expect(editor.rows.filter(has_text="Caravan museum")).to_have_count(0)
    editor.page.keyboard.press("Control+z")
    expect(editor.page.locator(".read-also-blocked")).to_have_count(0)
    editor.page.keyboard.press("Control+z")
    editor.pinned("Fort for sale", "Salt tax")
    editor.press("Keep “Caravan museum” out of this list")
    editor.rows.nth(1).drag_to(editor.rows.nth(0))
    editor.pinned("Salt tax", "Fort for sale")
    editor.save()
    pass_time(desk.site)  # A slow machine leaves them to WP-Cron.
    article = f"/v1/articles/{article_of(desk.site, posts['Salt road'])}"
    with desk.service.client() as client:
        pins = client.get(f"{article}/pins").json()["pins"]
        blocks = client.get(f"{article}/blocks").json()["blocks"]
    wanted = [article_of(desk.site, posts[title]) for title in ("Salt tax", "Fort for sale")]
    assert [one["id"] for one in pins] == wanted
    assert [one["id"] for one in blocks] == [article_of(desk.site, posts["Caravan museum"])]
    assert comes_true(lambda: list_of(desk, "Salt road") != [])
    listed = list_of(desk, "Salt road")
    assert listed[:2] == ["Salt tax", "Fort for sale"]
    assert "Caravan museum" not in listed
    assert editor.faults == []


def list_of(desk: Desk, title: str) -> list[str]:
    """The headlines of the list on a page; none where the machine is too slow for its patience."""
    with desk.site.client() as visitor:
        html = visitor.get(f"/?p={desk.posts[title]}", follow_redirects=True).text
    _, _, section = html.partition('<section class="read-')
    return re.findall(r"<a [^>]*>(?:<[^>]*>)*([^<]+)", section)


def test_a_pin_is_found_by_search_and_holds_for_a_time(desk: Desk) -> None:
    editor = open_post(desk, desk.posts["Choir wins"])
    expect(editor.rows).to_have_count(4)
    editor.page.get_by_label("Pin another post").fill("museum")
    editor.page.locator(".read-also-found").filter(has_text="Caravan museum").click()
    editor.pinned("Caravan museum")
    editor.press("From when until when “Caravan museum” holds")
    editor.page.get_by_label("Until", exact=True).fill("2199-03-01T10:00")
    expect(editor.rows.nth(0)).to_contain_text("Until March 1, 2199 10:00 am.")
    assert editor.meta()["pins"][0]["until"] == "2199-03-01T05:00:00Z"
    editor.page.get_by_label("From", exact=True).fill("2199-04-01T10:00")
    expect(editor.page.get_by_role("alert")).to_have_text("The end must be after the beginning.")
    assert editor.meta()["pins"][0]["from"] == ""
    editor.page.get_by_label("From", exact=True).fill("2199-02-01T10:00")
    expect(editor.rows.nth(0)).to_contain_text("Not yet. From February 1, 2199 10:00 am.")
    expect(editor.page.locator(".read-also-number")).to_have_text(
        [re.compile(r"\D"), "1", "2", "3", "4"]
    )
    editor.press("Unpin “Caravan museum”")
    expect(editor.page.locator(".is-pinned")).to_have_count(0)
    assert editor.faults == []


def test_blocks_and_the_two_switches_hold_for_a_time(desk: Desk) -> None:
    editor = open_post(desk, desk.posts["Fort for sale"])
    expect(editor.rows).to_have_count(4)
    blocked, switches = editor.page.locator(".read-also-blocked"), editor.page
    editor.press("Keep “Salt tax” out of this list")
    expect(editor.rows.filter(has_text="Salt tax")).to_have_count(0)
    editor.press("From when until when “Salt tax” holds")
    blocked.get_by_label("From", exact=True).fill("2199-02-01T10:00")
    expect(blocked).to_contain_text("Not yet. From February 1, 2199 10:00 am.")
    expect(editor.rows.filter(has_text="Salt tax")).to_have_count(1)
    editor.page.keyboard.press("Control+z")
    expect(editor.rows.filter(has_text="Salt tax")).to_have_count(0)
    expect(blocked.get_by_label("From", exact=True)).to_have_value("")
    blocked.get_by_label("Until", exact=True).fill("2199-02-01T10:00")
    expect(blocked).to_contain_text("Until February 1, 2199 10:00 am.")
    editor.press("From when until when “Salt tax” holds")
    switches.get_by_label("No list under this post").check()
    expect(editor.rows).to_have_count(0)
    editor.press("From when until when “No list under this post” holds")
    switches.get_by_label("From", exact=True).fill("2199-03-01T10:00")
    expect(editor.rows).to_have_count(4)
    flag = editor.page.locator(".read-also-flag").first
    expect(flag).to_contain_text("Not yet. From March 1, 2199 10:00 am.")
    editor.press("From when until when “No list under this post” holds")
    switches.get_by_label("Never in the lists of other posts").check()
    editor.press("From when until when “Never in the lists of other posts” holds")
    switches.get_by_label("Until", exact=True).fill("2199-04-01T10:00")
    chosen = editor.meta()
    assert [one["until"] for one in chosen["blocks"]] == ["2199-02-01T05:00:00Z"]
    assert (chosen["no_list"], chosen["no_list_from"]) == (True, "2199-03-01T05:00:00Z")
    assert (chosen["never"], chosen["never_until"]) == (True, "2199-04-01T05:00:00Z")
    switches.get_by_label("No list under this post", exact=True).uncheck()
    assert editor.meta()["no_list_from"] == ""
    assert editor.faults == []


def test_axe_finds_nothing_in_the_panel(desk: Desk) -> None:
    """With everything open: pins with their times, posts that were found, a block, the warning."""
    if not AXE.exists():
        skip_or_fail("axe is not installed: make generators")
    pins = [{"post": desk.posts["Salt road"]}, {"post": desk.posts["Salt tax"]}]
    draft = desk.site.insert(post_title="x", post_content=PAIRS[2][1] * 3, post_status="draft")
    desk.site.run(
        "update_post_meta($given['post'], '_read_also', $given['choices']);",
        post=draft,
        choices={"pins": pins, "blocks": [{"post": desk.posts["Caravan museum"]}]},
    )
    editor = open_post(desk, draft)
    editor.pinned("Salt road", "Salt tax")
    editor.press("From when until when “Salt road” holds")
    editor.page.get_by_label("Pin another post").fill("choir")
    expect(editor.page.locator(".read-also-found").first).to_be_visible()
    expect(editor.page.locator(".read-also-duplicates")).to_be_visible()
    editor.page.evaluate(AXE.read_text("utf-8"))
    found = editor.page.evaluate("axe.run('.read-also-panel')")
    faulty = [
        (one["id"], node["failureSummary"]) for one in found["violations"] for node in one["nodes"]
    ]
    assert faulty == []
    assert {"button-name", "color-contrast", "label"} <= {one["id"] for one in found["passes"]}


def test_the_list_follows_what_is_typed_and_names_what_was_published_before(desk: Desk) -> None:
    draft = desk.site.insert(post_title="Draft", post_content="", post_status="draft")
    editor = open_post(desk, draft)
    write = """([title, text]) => {
        wp.data.dispatch('core/editor').editPost({ title });
        wp.data.dispatch('core/block-editor').resetBlocks(
            [wp.blocks.createBlock('core/paragraph', { content: text })]);
    }"""
    editor.page.evaluate(write, ["Songs", "A choir of children from Khorog sang in Almaty."])
    expect(editor.rows.first).to_contain_text("In both texts: ")
    first = editor.page.locator(".read-also-what > :first-child").first
    expect(first).to_have_text(re.compile("Choir wins|Singing school"))
    editor.page.evaluate(write, [PAIRS[0][0], PAIRS[0][1] * 3])
    warning = editor.page.locator(".read-also-duplicates")
    expect(warning).to_contain_text("You may have published this already")
    expect(warning).to_contain_text("Salt road")
    editor.page.get_by_label("No list under this post").check()
    expect(editor.page.get_by_text("No list is shown under this post.").last).to_be_visible()
    expect(editor.rows).to_have_count(0)
    editor.page.get_by_role("button", name="Publish", exact=True).click()
    before = editor.page.locator(".editor-post-publish-panel .read-also-panel")
    expect(before).to_contain_text("You may have published this already")
    assert editor.faults == []


def test_a_contributor_sees_the_list_and_no_button(desk: Desk) -> None:
    author = desk.site.run("return get_user_by('login', 'corin')->ID;")
    own = desk.site.insert(
        post_title="Choirs of Khorog", post_content="", post_status="draft", post_author=author
    )
    desk.site.run(
        "update_post_meta($given['post'], '_read_also', ['pins' => [['post' => $given['pin']]]]);",
        post=own,
        pin=desk.posts["Salt tax"],
    )
    editor = open_post(desk, own, "corin")
    editor.pinned("Salt tax")
    expect(editor.rows).to_have_count(4)
    expect(editor.page.locator(".read-also-panel button")).to_have_count(0)
    expect(editor.page.get_by_label("No list under this post")).to_be_disabled()
    expect(editor.page.get_by_label("Pin another post")).to_have_count(0)
    assert editor.faults == []


def test_the_classic_editor_has_the_same_panel_and_saves_it(desk: Desk) -> None:
    post = desk.site.insert(post_title="Classic choir", post_content=PAIRS[4][1])
    page = log_in(desk.browser, desk.site, "editor", viewport={"width": 1400, "height": 1400})
    page.goto(f"{desk.site.home}/wp-admin/post.php?post={post}&action=edit")
    rows = page.locator("#read-also-box .read-also-row")
    expect(rows).to_have_count(4)
    page.get_by_label("Pin another post").fill("salt tax was raised")
    page.locator(".read-also-found").filter(has_text="Salt tax").click()
    expect(page.locator(".is-pinned")).to_contain_text(["Salt tax"])
    page.get_by_label("Never in the lists of other posts").check()
    page.click("#publish")
    page.wait_for_url("**message=1**")
    expect(page.locator(".is-pinned")).to_contain_text(["Salt tax"])
    kept = desk.site.run("return ReadAlso\\choices($given['post']);", post=post)
    assert [one["post"] for one in kept["pins"]] == [desk.posts["Salt tax"]]
    assert kept["never"] is True
    stored = desk.service.article(article_of(desk.site, post))
    assert stored is not None
    assert stored["never_recommend"] is True


def test_the_box_undoes_what_was_chosen_last_by_its_button_and_by_key(desk: Desk) -> None:
    post = desk.site.insert(post_title="Classic salt", post_content=PAIRS[0][1])
    page = log_in(desk.browser, desk.site, "editor", viewport={"width": 1400, "height": 1400})
    page.goto(f"{desk.site.home}/wp-admin/post.php?post={post}&action=edit")
    box, undo = page.locator("#read-also-box"), page.get_by_role("button", name="Undo", exact=True)
    pins = box.locator(".is-pinned .read-also-what > :first-child")
    expect(box.locator(".read-also-row")).to_have_count(4)
    expect(undo).to_be_disabled()
    box.get_by_role("button", name="Pin “Salt tax” to this list").click()
    box.get_by_role("button", name="Pin “Fort for sale” to this list").click()
    box.get_by_role("button", name="Move “Fort for sale” up").click()
    box.get_by_role("button", name="Keep “Salt tax” out of this list").click()
    box.get_by_label("Never in the lists of other posts").check()
    page.keyboard.press("Control+z")
    expect(box.get_by_label("Never in the lists of other posts")).not_to_be_checked()
    page.keyboard.press("Control+z")
    expect(pins).to_have_text(["Fort for sale", "Salt tax"])
    undo.click()
    expect(pins).to_have_text(["Salt tax", "Fort for sale"])
    box.get_by_label("Pin another post").fill("choir")
    page.keyboard.press("Control+z")  # That of the field.
    expect(pins).to_have_count(2)
    page.locator("#title").focus()
    page.keyboard.press("Control+z")
    expect(pins).to_have_count(2)
    undo.click()
    expect(pins).to_have_text(["Salt tax"])
    page.click("#publish")
    page.wait_for_url("**message=1**")
    kept = desk.site.run("return ReadAlso\\choices($given['post']);", post=post)
    assert [one["post"] for one in kept["pins"]] == [desk.posts["Salt tax"]]
    assert (kept["blocks"], kept["never"]) == ([], False)


def test_where_the_block_editor_saves_no_meta_it_has_the_box(desk: Desk) -> None:
    """The box then follows what is typed in the block editor, and is saved with it."""
    story = desk.site.insert(post_type="story", post_title="Story", post_content="")
    page = log_in(desk.browser, desk.site, "editor", viewport={"width": 1400, "height": 1400})
    page.goto(f"{desk.site.home}/wp-admin/post.php?post={story}&action=edit")
    page.wait_for_function("window.wp?.data?.select('core/editor')?.getCurrentPostId()")
    page.evaluate(
        """wp.data.dispatch('core/preferences').set('core/edit-post', 'welcomeGuide', false);
        wp.data.dispatch('core/editor').editPost({ title: 'A choir from Khorog sang' });"""
    )
    box = page.locator("#read-also-box")
    box.get_by_role("button", name=re.compile("^Pin “(Choir wins|Singing school)”")).first.click()
    expect(box.locator(".is-pinned")).to_have_count(1)
    page.evaluate("wp.data.dispatch('core/editor').savePost()")
    kept = "return ReadAlso\\choices($given['post'])['pins'];"
    assert comes_true(lambda: len(desk.site.run(kept, post=story)) == 1)


@pytest.fixture
def signing(desk: Desk) -> Iterator[None]:
    """The site has the key that signs addresses, as wp-config.php gives it."""
    file = desk.site.folder / "content/mu-plugins/signing.php"
    file.write_text(f"<?php define('READ_ALSO_SIGNING_KEY', 't:{KEY}');")
    yield
    file.unlink()


def test_an_editor_asks_why_and_gets_the_list_with_its_reasons(
    desk: Desk,
    signing: None,  # noqa: ARG001 - it gives the site the key
) -> None:
    editor = open_post(desk, desk.posts["Caravan museum"])
    editor.page.route(f"{desk.service.address}/**", lambda route: route.continue_())
    expect(editor.rows).to_have_count(4)
    editor.press("Why these?")
    inside = editor.page.frame_locator(".read-also-reasons iframe")
    expect(inside.locator(".stories__title")).not_to_have_count(0)
    expect(inside.locator("body")).to_contain_text("Salt")
    expect(inside.locator(".stories__title").first).to_have_css("font-weight", "600")  # its style
    address = editor.page.locator(".read-also-reasons iframe").get_attribute("src") or ""
    assert KEY not in address
    assert KEY not in editor.page.content()
    link = editor.page.get_by_role("link", name="Open in a window of its own")
    assert link.get_attribute("href") == address
    editor.press("Why these?")
    expect(editor.page.locator(".read-also-reasons iframe")).to_have_count(0)
    assert editor.faults == []


def test_without_a_signing_key_the_panel_offers_no_reasons(desk: Desk) -> None:
    editor = open_post(desk, desk.posts["Caravan museum"])
    expect(editor.rows).to_have_count(4)
    expect(editor.page.get_by_role("button", name="Why these?")).to_have_count(0)
    path = f"/wp-json/read-also/v1/posts/{desk.posts['Caravan museum']}/why"
    with desk.site.client() as visitor:
        assert visitor.get(path).status_code == 401
    assert editor.faults == []


def test_of_a_draft_no_reasons_are_offered(
    desk: Desk,
    signing: None,  # noqa: ARG001 - it gives the site the key
) -> None:
    """Readers see no list of it, and the service has no such story."""
    draft = desk.site.insert(post_title="Draft", post_content="", post_status="draft")
    editor = open_post(desk, draft)
    expect(editor.page.get_by_role("button", name="Why these?")).to_have_count(0)
    assert editor.faults == []
