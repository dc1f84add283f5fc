"""Lists in pages and in editors: options, placement, pictures, the stylesheet, previews."""

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.serving import KEY
from tests.wordpress.pictures import give_picture
from tests.wordpress.plugin import article_of, configure
from tests.wordpress.service import HTML, PROBLEM, Answer, Asked, Stage, accept
from tests.wordpress.site import Site

BLOCK = "<!-- wp:read-also/list {} /-->"
PICTURE = '<img class="read-also__image" src="{}" alt="" loading="lazy">'
FOREIGN = "https://news.example/1.jpg"
SHEET = re.compile(r"<link[^>]*read-also/assets/read-also\.css[^>]*>|id='read-also-inline-css'")


@pytest.fixture
def stage(connected: Stage) -> Stage:
    """It lists one article of another site."""
    connected.answer = listing((FOREIGN, "x"))
    return connected


@pytest.fixture(scope="module")
def post(newsroom: Site) -> int:
    return newsroom.insert(post_title="Tram", post_content="It left at dawn.")


def section(*items: tuple[str, str]) -> str:
    """A list: of each item the address of its image, and the id."""
    rows = "".join(
        f'<li class="read-also__item"><a class="read-also__link" href="https://news.example/{n}">'
        f'{PICTURE.format(image)}<span class="read-also__title">No. {n}</span></a></li>'
        for n, (image, _) in enumerate(items)
    )
    return (
        '<section class="read-also read-also--cards" aria-labelledby="read-also-7"><h2 '
        'class="read-also__heading" id="read-also-7">Read also</h2>'
        f'<ul class="read-also__list">{rows}</ul></section>'
    )


def listing(*items: tuple[str, str]) -> Callable[[Asked], Answer]:
    """Answers of a service whose list under every article has these items."""
    keys = " ".join(["seed", *(article for _, article in items)])
    headers = HTML | {"Cache-Control": "max-age=30", "Surrogate-Key": keys}
    answer = Answer(200, section(*items), headers)
    return lambda asked: answer if ".html" in asked.path else accept(asked)


def page(site: Site, post: int) -> str:
    with site.client() as client:
        answer = client.get(f"/?p={post}", follow_redirects=True)
    assert answer.status_code == 200
    return answer.text


def asked_for(stage: Stage) -> dict[str, str]:
    """The options of the list that was asked for last."""
    path = next(one.path for one in reversed(stage.asked) if ".html" in one.path)
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


DEFAULTS = {
    "limit": "6",
    "layout": "list-thumbs",
    "images": "1",
    "labels": "1",
    "time_zone": "Asia/Dushanbe",
    "stylesheet": "0",
}

OPTIONS = [
    pytest.param({}, {}, id="none"),
    pytest.param({"limit": 4, "mode": "latest"}, {"limit": "4", "mode": "latest"}, id="mode"),
    pytest.param({"layout": "compact"}, {"limit": "3", "layout": "compact", "images": "0"}, id="3"),
    pytest.param({"layout": "cards", "images": False}, {"layout": "cards", "images": "0"}, id="no"),
    pytest.param(
        {"section": "R&D, -Arts\\, Culture,,-", "heading": "Ба ин <b>монанд</b>"},
        {"section": "R&D,-Arts\\, Culture", "heading": "Ба ин монанд"},
        id="names",
    ),
    pytest.param(
        {"limit": 99, "layout": "huge", "mode": "x", "heading": "\u200b "},
        {"limit": "20"},
        id="odd",
    ),
]


@pytest.mark.parametrize(("given", "asked"), OPTIONS)
def test_the_shortcode_and_the_block_have_the_same_options(
    newsroom: Site, stage: Stage, given: dict[str, object], asked: dict[str, str]
) -> None:
    words = " ".join(
        f'{name}="{int(value) if isinstance(value, bool) else value}"'
        for name, value in given.items()
    )
    shortcode = f"[read-also {words}]".replace("\\", "\\\\")  # WordPress takes one away
    for content in (shortcode, BLOCK.format(json.dumps(given))):
        made = newsroom.insert(post_title="Own", post_content=content)
        assert page(newsroom, made).count("No. 0") == 1
        assert asked_for(stage) == DEFAULTS | asked


def test_options_that_the_service_refuses_leave_the_other_lists_alone(
    newsroom: Site, stage: Stage, post: int
) -> None:
    def answer(asked: Asked) -> Answer:
        refused = Answer(400, json.dumps({"detail": "unknown section"}), PROBLEM)
        return refused if "Atlantis" in asked.path else listing((FOREIGN, "x"))(asked)

    stage.answer = answer
    made = newsroom.insert(post_title="Own", post_content='[read-also section="Atlantis"]')
    assert "No. 0" not in page(newsroom, made)
    assert "No. 0" in page(newsroom, post)
    trouble = newsroom.run("return get_option('read_also_trouble')['text'];")
    assert "section=Atlantis" in trouble
    assert "unknown section" in trouble


def test_a_block_has_the_look_that_its_author_gave_it(newsroom: Site, stage: Stage) -> None:
    given = {"align": "wide", "backgroundColor": "black", "className": "mine"}
    made = newsroom.insert(post_title="Own", post_content=BLOCK.format(json.dumps(given)))
    box = re.search(r'<div [^>]*class="([^"]*wp-block-read-also-list[^"]*)"', page(newsroom, made))
    assert box is not None
    assert {"alignwide", "has-black-background-color", "mine"} <= set(box[1].split())
    stage.answer = accept  # the service knows no list
    configure(newsroom, url=stage.address, key=KEY)
    assert "wp-block-read-also-list" not in page(newsroom, made)


def test_the_names_of_two_lists_of_a_page_differ(newsroom: Site, stage: Stage) -> None:
    content = '[read-also mode="latest"] and [read-also mode="background"]'
    source = page(newsroom, newsroom.insert(post_title="Own", post_content=content))
    assert re.findall(r' id="(read-also-[^"]*)"', source) == ["read-also-7", "read-also-7--2"]
    names = re.findall(r'aria-labelledby="([^"]*)"', source)
    assert names == ["read-also-7", "read-also-7--2"]
    assert stage.asked


def test_the_list_stands_by_itself_under_the_types_that_are_set(
    newsroom: Site, stage: Stage, post: int
) -> None:
    other = newsroom.insert(post_title="About", post_type="page", post_content="We are here.")
    own = newsroom.insert(post_title="Own", post_type="page", post_content="[read-also]")
    both = {"url": stage.address, "key": KEY, "types": ["post", "page"]}
    for settings, shown in (
        ({}, [1, 1, 1]),
        ({"place_types": ["page"]}, [0, 1, 1]),
        ({"place_types": []}, [0, 0, 1]),
        ({"place": False}, [0, 0, 1]),
        ({"types": ["post"]}, [1, 0, 0]),
    ):
        configure(newsroom, **both | settings)
        assert [page(newsroom, one).count("No. 0") for one in (post, other, own)] == shown, settings


# --- pictures ---


@pytest.fixture(scope="module")
def pictured(newsroom: Site) -> int:
    """A post with a featured image."""
    made = newsroom.insert(post_title="Crane", post_content="It lifts.")
    give_picture(newsroom, made)
    return made


def pictures(source: str) -> list[dict[str, str]]:
    """The attributes of the images in a page's list."""
    found = re.findall(r"<img[^>]*>", source[source.index("<section") :])
    return [dict(re.findall(r'([a-z]+)="([^"]*)"', tag)) for tag in found]


@pytest.mark.parametrize(
    ("layout", "width", "sizes"),
    [("cards", 768, "(min-width: 60rem) 20rem"), ("list-thumbs", 300, "8rem")],
)
def test_pictures_of_posts_are_wordpress_own_in_the_size_of_their_place(
    newsroom: Site, stage: Stage, post: int, pictured: int, layout: str, width: int, sizes: str
) -> None:
    other = f"{newsroom.home}/wp-content/uploads/full.jpg"
    stage.answer = listing((FOREIGN, "x"), (other, article_of(newsroom, pictured)))
    configure(newsroom, url=stage.address, key=KEY, layout=layout)
    foreign, own = pictures(page(newsroom, post))
    assert foreign["src"] == FOREIGN
    assert int(foreign["width"]) > int(foreign["height"]) > 1
    assert own["src"].endswith(f"-{width}x{width * 2 // 3}.png")
    assert (own["width"], own["height"]) == (str(width), str(width * 2 // 3))
    assert {"300w", "768w", "1024w"} <= set(own["srcset"].replace(",", "").split())
    assert sizes in own["sizes"]
    assert (own["alt"], own["loading"], own["class"]) == ("", "lazy", "read-also__image")


def test_a_picture_without_a_known_size_gets_one(newsroom: Site, stage: Stage, post: int) -> None:
    """The file of the featured image is no image that WordPress could measure."""
    made = newsroom.run(
        """$image = wp_insert_attachment(['post_mime_type' => 'image/png'], 'nowhere.png');
        $post = wp_insert_post(['post_title' => 'Odd', 'post_status' => 'publish']);
        set_post_thumbnail($post, $image);
        return $post;"""
    )
    stage.answer = listing((FOREIGN, article_of(newsroom, made)))
    (shown,) = pictures(page(newsroom, post))
    assert shown["src"] == FOREIGN, shown
    assert {"width", "height"} <= set(shown)


# --- the stylesheet ---


def test_the_stylesheet_stands_in_the_head_and_only_where_a_list_is(
    newsroom: Site, stage: Stage, post: int
) -> None:
    head, _, body = page(newsroom, post).partition("</head>")
    assert SHEET.search(head)
    assert not SHEET.search(body)
    with newsroom.client() as client:
        assert not SHEET.search(client.get("/").text)
    stage.answer = accept  # there is no list
    configure(newsroom, url=stage.address, key=KEY)
    assert not SHEET.search(page(newsroom, post))


def test_the_stylesheet_of_a_list_within_a_text_stands_before_it(
    newsroom: Site, stage: Stage
) -> None:
    made = newsroom.insert(post_title="Own", post_content="It left.\n\n[read-also]")
    head, _, body = page(newsroom, made).partition("</head>")
    assert not SHEET.search(head)
    before, _, _ = body.partition("<section")
    assert SHEET.search(before)
    assert stage.asked


@pytest.mark.parametrize(
    "settings", [{"style": False}, {}], ids=["by the settings", "by the theme"]
)
def test_a_theme_with_a_style_of_its_own_loads_no_other(
    newsroom: Site, stage: Stage, post: int, settings: dict[str, object]
) -> None:
    configure(newsroom, url=stage.address, key=KEY, **settings)
    plugin = newsroom.folder / "content/mu-plugins/style.php"
    if not settings:
        plugin.write_text("<?php add_filter('read_also_style', '__return_false');")
    try:
        source = page(newsroom, post)
    finally:
        plugin.unlink(missing_ok=True)
    assert "No. 0" in source
    assert not SHEET.search(source)


# --- widgets and patterns ---


def test_a_widget_area_has_no_empty_box(newsroom: Site, stage: Stage, post: int) -> None:
    shown = newsroom.run(
        """$box = ['before_widget' => '<aside>', 'after_widget' => '</aside>'];
        register_sidebar(['id' => 'side'] + $box);
        update_option('widget_block', [2 => ['content' => $given['block']]]);
        wp_set_sidebars_widgets(['side' => ['block-2']]);
        wp_widgets_init();
        global $wp_query, $wp_the_query;
        foreach ([['p' => $given['post']], ['posts_per_page' => 2]] as $query) {
            $wp_query = $wp_the_query = new WP_Query($query);
            ob_start();
            dynamic_sidebar('side');
            $shown[] = ob_get_clean();
        }
        return $shown;""",
        post=post,
        block=BLOCK.format('{"limit":3}'),
    )
    assert "No. 0" in shown[0]
    assert asked_for(stage)["limit"] == "3"
    assert shown[1] == ""


def test_patterns_are_registered_and_can_be_read(newsroom: Site, stage: Stage) -> None:
    found = newsroom.run(
        """foreach (WP_Block_Patterns_Registry::get_instance()->get_all_registered() as $one) {
            if (0 === strpos($one['name'], 'read-also/')) {
                $found[$one['name']] = [$one['keywords'], $one['content']];
            }
        }
        return $found;"""
    )
    assert set(found) == {"read-also/cards", "read-also/background"}
    for (keywords, content), (layout, limit) in zip(
        found.values(), (("cards", "6"), ("compact", "3")), strict=True
    ):
        assert "related" in keywords
        made = newsroom.insert(post_title="From a pattern", post_content=content)
        assert "No. 0" in page(newsroom, made)
        assert asked_for(stage) | {"layout": layout, "limit": limit} == asked_for(stage)


# --- the preview in editors ---


def preview(site: Site, **query: object) -> str:
    given = {"context": "edit"} | query
    with site.client("editor") as client:
        path = "/wp-json/wp/v2/block-renderer/read-also/list"
        answer = client.get(path, params={name: str(value) for name, value in given.items()})
    assert answer.status_code == 200, answer.text
    rendered: str = answer.json()["rendered"]
    return rendered


def test_the_preview_of_a_public_post_is_its_list(newsroom: Site, stage: Stage, post: int) -> None:
    shown = preview(newsroom, post_id=post, **{"attributes[layout]": "cards"})
    assert "No. 0" in shown
    assert asked_for(stage)["layout"] == "cards"


def test_a_draft_is_previewed_as_it_was_saved(newsroom: Site, stage: Stage, pictured: int) -> None:
    draft = newsroom.insert(
        post_title="Next",
        post_content="A tram will come." + BLOCK.format("{}"),
        post_status="draft",
    )
    items = [
        {"id": article_of(newsroom, pictured), "title": "A <crane>", "image_url": FOREIGN},
        {"id": "x", "title": "Other", "url": "javascript:alert(1)"},
    ]
    stage.answer = lambda _: Answer(200, json.dumps({"items": items}), {})
    query = {"attributes[limit]": 2, "attributes[section]": "-City"}
    shown = preview(newsroom, post_id=draft, **query)
    asked = json.loads(stage.asked[-1].body)
    assert (stage.asked[-1].path, asked["title"]) == ("/v1/related", "Next")
    assert "A tram will come." in asked["body_html"]
    chosen = {"limit": 2, "mode": "mixed", "section": "-City"}
    assert asked["options"] == chosen | {"exclude": [article_of(newsroom, draft)]}
    assert "A &lt;crane&gt;" in shown
    assert "javascript:" not in shown
    assert "300w" in shown


@pytest.mark.parametrize(
    ("fields", "answer", "sentence"),
    [
        ({}, Answer(403, "{}", PROBLEM), "needs the scope &quot;read&quot;"),
        ({}, Answer(503, '{"detail": "no indexer"}', PROBLEM), "503 no indexer"),
        ({}, Answer(200, '{"items": []}', {}), "nothing related to this text"),
        ({"post_content": "", "post_title": ""}, Answer(200), "there is no text"),
        ({"post_type": "page"}, Answer(200), "no article"),
    ],
    ids=["key", "away", "nothing", "no text", "type"],
)
def test_a_sentence_says_why_a_draft_has_no_list(
    newsroom: Site, stage: Stage, fields: dict[str, str], answer: Answer, sentence: str
) -> None:
    given = {"post_title": "Next", "post_content": "A tram.", "post_status": "draft"} | fields
    (draft,) = newsroom.run(
        """add_filter('wp_insert_post_empty_content', '__return_false');
        return [wp_insert_post($given['post'])];""",
        post=given,
    )
    stage.answer = lambda _: answer
    shown = preview(newsroom, post_id=draft)
    assert shown.startswith('<p class="read-also-preview">')
    assert sentence in shown


def test_a_template_shows_the_list_of_the_newest_post(
    newsroom: Site, stage: Stage, post: int
) -> None:
    assert "No. 0" in preview(newsroom)
    assert stage.asked
    configure(newsroom, url="", key="")
    assert "as soon as the address of the service is set" in preview(newsroom, post_id=post)


def test_a_text_that_is_read_over_rest_has_no_list(newsroom: Site, stage: Stage) -> None:
    made = newsroom.insert(post_title="Own", post_content=BLOCK.format("{}"))
    with newsroom.client("editor") as client:
        row = client.get(f"/wp-json/wp/v2/posts/{made}").json()
    assert "No. 0" not in row["content"]["rendered"]
    assert not any(".html" in asked.path for asked in stage.asked)
