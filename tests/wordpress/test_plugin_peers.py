"""Lists on the settings page, and coming from Contextual Related Posts or YARPP.

Neither plugin can be had without wordpress.org, so the tests write what they keep: options and
post meta, by the names and in the forms of their sources.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.wordpress.browsing import chromium, log_in
from tests.wordpress.plugin import NO_CHOICES, PLUGIN, article_of, comes_true, configure
from tests.wordpress.service import PLUGIN_KEY, Service
from tests.wordpress.site import Site

pytestmark = pytest.mark.long

PAGE = "/wp-admin/options-general.php?page=read-also"
SHOWN = """<?php
/* Plugin Name: A shortcode as Contextual Related Posts has it. */
add_shortcode('crp', function () {
    return '<ul class="crp_related"><li>Theirs under ' . esc_html(get_the_title()) . '</li></ul>';
});
"""
STORIES = {
    "Harbour tug saves a ship": "A tug of the harbour pulled a cargo ship out of the storm.",
    "Storm over the harbour": "Ships and tugs stay in the harbour, since a storm breaks over it.",
    "A ship on the rocks": "The storm drove a cargo ship upon the rocks before the harbour.",
    "New quay": "The harbour gets another quay, so that ships find room in a storm.",
}


@pytest.fixture(scope="module")
def newsroom(site: Site, service: Service) -> Iterator[Site]:
    (site.folder / "content/mu-plugins/shown.php").write_text(SHOWN)
    site.add_plugin(PLUGIN)
    configure(site, url=service.address, key=PLUGIN_KEY)
    yield site
    assert [line for line in site.log.splitlines() if "read-also" in line] == []


@pytest.fixture(scope="module")
def stories(newsroom: Site, service: Service) -> list[int]:
    made = [newsroom.insert(post_title=title, post_content=STORIES[title]) for title in STORIES]
    last = article_of(newsroom, made[-1])
    assert comes_true(lambda: last in service.titles(article_of(newsroom, made[0])))
    return made


@pytest.fixture(scope="module")
def tab(newsroom: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield log_in(browser, newsroom)


def choices(newsroom: Site, post: int) -> dict[str, Any]:
    """What is chosen for a post; of pins and blocks the posts."""
    found: dict[str, Any] = newsroom.run("return ReadAlso\\choices($given['post']);", post=post)
    return found | {kind: [one["post"] for one in found[kind]] for kind in ("pins", "blocks")}


def test_settings_and_manual_posts_of_crp_are_taken_over(
    newsroom: Site, tab: Page, service: Service, stories: list[int]
) -> None:
    first, second, third, fourth = stories
    term = newsroom.category("Adverts")
    newsroom.run(
        """[$first, $second, $third, $fourth] = $given['stories'];
        $row = get_term($given['term'])->term_taxonomy_id;
        update_option('crp_settings', [
            'limit' => '4', 'add_to' => 'single,page', 'post_thumb_op' => 'text_only',
            'exclude_cat_slugs' => "\\"Adverts (category:$row)\\"", 'exclude_categories' => "$row",
            'exclude_post_ids' => "$third,999999", 'exclude_on_post_ids' => '',
            'exclude_on_categories' => "$row", 'exclude_on_cat_slugs' => '']);
        update_post_meta($first, 'crp_post_meta',
            ['manual_related' => "$fourth, $second", 'exclude_post_ids' => "$third"]);
        update_post_meta($second, '_crp_manual_related', "$first");
        update_post_meta($second, '_crp_crp_disable_here', 1);
        update_post_meta($fourth, '_crp_exclude_this_post', 1);""",
        stories=stories,
        term=term,
    )
    tab.goto(newsroom.home + PAGE)
    panel = tab.locator(".read-also-peer[data-peer=crp]")
    expect(tab.get_by_text("Posts with choices of their own: 3.")).to_be_visible()
    panel.get_by_role("button", name="Take over").click()
    expect(panel.get_by_role("status")).to_contain_text("are taken over")
    found = newsroom.run("return ReadAlso\\settings();")
    assert (found["limit"], found["layout"], found["place"]) == (4, "list", True)
    assert (found["excluded_terms"], found["key"]) == ([term], PLUGIN_KEY)
    assert found["no_list_terms"] == [term]
    assert choices(newsroom, first) == NO_CHOICES | {"pins": [fourth, second], "blocks": [third]}
    assert choices(newsroom, second) == NO_CHOICES | {"pins": [first], "no_list": True}
    assert choices(newsroom, third) == NO_CHOICES | {"never": True}
    assert choices(newsroom, fourth) == NO_CHOICES | {"never": True}

    def pinned() -> list[str]:
        with service.client() as client:
            answer = client.get(f"/v1/articles/{article_of(newsroom, first)}/pins").json()
        return [pin["id"] for pin in answer["pins"]]

    expected = [article_of(newsroom, post) for post in (fourth, second)]
    assert comes_true(lambda: pinned() == expected)


def test_what_an_editor_chose_here_stays(newsroom: Site, stories: list[int]) -> None:
    first, second, third, _ = stories
    chosen = newsroom.run(
        """[$first, $second, $third] = $given['posts'];
        $own = ['post' => $second, 'until' => '2999-01-01T00:00:00Z'];
        update_post_meta($first, ReadAlso\\CHOICES, ReadAlso\\sanitize_choices(['pins' => [$own]]));
        ReadAlso\\take_choices($first, ['pins' => [$third, $second], 'never' => false]);
        return ReadAlso\\choices($first)['pins'];""",
        posts=[first, second, third],
    )
    assert [(pin["post"], pin["until"]) for pin in chosen] == [
        (second, "2999-01-01T00:00:00Z"),
        (third, ""),
    ]


def test_settings_of_yarpp_are_taken_over(newsroom: Site, stories: list[int]) -> None:
    """By the calls that the page makes, a hundred posts each; here one is enough."""
    term = newsroom.category("Sponsored")
    newsroom.run(
        """update_option('yarpp', ['limit' => 5, 'template' => 'thumbnails',
            'exclude' => (string) get_term($given['term'])->term_taxonomy_id,
            'auto_display_post_types' => ['post', 'page']]);
        $meta = 'yarpp_display_for_this_post';
        delete_post_meta($given['hidden'], ReadAlso\\CHOICES);
        update_post_meta($given['hidden'], 'yarpp_meta', [$meta => 0]);
        update_post_meta($given['shown'], 'yarpp_meta', [$meta => 1]);
        delete_post_meta($given['shown'], ReadAlso\\CHOICES);
        $peer = ReadAlso\\peer('yarpp');
        ReadAlso\\take_settings(ReadAlso\\taken_from('yarpp', $peer['stored']));
        foreach (ReadAlso\\posts_of_peer('yarpp', 0, 100) as $post) {
            ReadAlso\\take_choices($post, ReadAlso\\choices_of_peer('yarpp', $post));
        }""",
        term=term,
        hidden=stories[0],
        shown=stories[1],
    )
    found = newsroom.run("return ReadAlso\\settings();")
    assert (found["limit"], found["layout"], found["place"]) == (5, "cards", True)
    assert found["place_types"] == ["post", "page"]
    assert term in found["excluded_terms"]
    assert choices(newsroom, stories[0]) == NO_CHOICES | {"no_list": True}
    assert choices(newsroom, stories[1]) == NO_CHOICES


@pytest.mark.parametrize(
    ("stored", "taken"),
    [
        ({}, {"terms": [], "never": [], "no_list": []}),
        (
            {"limit": "0", "exclude_post_ids": ["7", "x"], "add_to": "feed=feed&home=home"},
            {"limit": 1, "terms": [], "never": [7], "no_list": [], "place": False},
        ),
        (
            {"exclude_cat_slugs": '"News, city (category:3)",Old', "crp_styles": "grid"},
            {"terms": [3], "never": [], "no_list": [], "layout": "cards"},
        ),
        ({"exclude_categories": None, "exclude_on_post_ids": 5}, {"no_list": [5], "never": []}),
    ],
)
def test_odd_settings_of_crp_are_read(
    newsroom: Site, stored: dict[str, Any], taken: dict[str, Any]
) -> None:
    code = "return ReadAlso\\taken_from('crp', $given['stored']);"
    assert newsroom.run(code, stored=stored) == {"terms": []} | taken


def test_lists_are_compared_before_switching(
    newsroom: Site, tab: Page, service: Service, stories: list[int]
) -> None:
    """Those of now: a page that was seen before the push keeps an empty copy for half a minute."""
    configure(newsroom, url=service.address, key=PLUGIN_KEY)
    newsroom.run(
        """update_option('crp_settings', ['limit' => 4]);
        $query = ReadAlso\\list_query(ReadAlso\\list_options([]));
        $name = "read_also_list_{$given['post']}_" . substr(md5($query), 0, 12);
        $times = array_fill_keys(['asked', 'fresh', 'stale'], time() + 300);
        set_transient($name, ['items' => []] + $times + ReadAlso\\NO_COPY, 300);""",
        post=stories[-1],
    )
    tab.goto(newsroom.home + PAGE)
    panel = tab.locator(".read-also-peer[data-peer=crp]")
    for title in ("New quay", "A ship on the rocks"):  # The newest first, then the one before.
        panel.get_by_role("button", name="Compare").click()
        expect(panel.get_by_role("status")).to_have_text(title)
        theirs, ours = (panel.locator("iframe").nth(n).content_frame for n in (0, 1))
        expect(theirs.get_by_text(f"Theirs under {title}")).to_be_visible()
        expect(ours.get_by_text("Storm over the harbour")).to_be_visible()


@pytest.mark.usefixtures("stories")
def test_a_layout_is_seen_before_it_is_saved(newsroom: Site, tab: Page, service: Service) -> None:
    configure(newsroom, url=service.address, key=PLUGIN_KEY, layout="list", limit=3)
    tab.goto(newsroom.home + PAGE)
    preview = tab.locator("#read-also-preview")
    expect(preview.get_by_role("status")).to_have_text('The list under "New quay"')
    seen = preview.frame_locator("iframe")
    expect(seen.locator("section.read-also--list li")).to_have_count(3)
    tab.get_by_label("Layout").select_option("cards")
    expect(seen.locator("section.read-also--cards li")).to_have_count(3)
    assert seen.locator("ul").evaluate("list => getComputedStyle(list).display") == "grid"
    tab.get_by_label("Articles in a list").fill("2")
    tab.get_by_label("Articles in a list").blur()
    expect(seen.locator("section.read-also--cards li")).to_have_count(2)
    assert newsroom.run("return ReadAlso\\settings()['layout'];") == "list"
    tab.get_by_role("group", name="Placement").get_by_label("Pages").uncheck()
    tab.get_by_label("Load the stylesheet").uncheck()
    tab.get_by_role("button", name="Save Changes").click()
    expect(tab.get_by_text("Settings saved.")).to_be_visible()
    found = newsroom.run("return ReadAlso\\settings();")
    assert (found["layout"], found["limit"], found["style"]) == ("cards", 2, False)
    assert (found["place"], found["place_types"]) == (True, ["post"])
