"""The plugin's settings page, its ids, and what it leaves behind."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recommender.sources.article_ids import foreign_id, wordpress_id
from tests.support.properties import examples
from tests.support.serving import KEY
from tests.support.waiting import free_port
from tests.wordpress.plugin import configure
from tests.wordpress.service import HTML, PROBLEM, Answer, Asked, Stage, accept
from tests.wordpress.site import Site

PAGE = "/wp-admin/options-general.php?page=read-also"
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
HOSTS = st.from_regex(r"[A-Za-z0-9.-]{1,30}(:[0-9]{1,5})?", fullmatch=True)
HOMES = st.builds(
    "{}://{}{}".format,
    st.sampled_from(["http", "https", "HTTPS"]),
    HOSTS | st.sampled_from(["ТОҶИК.example", "Ünï.example", "[::1]:8080", ""]),
    st.sampled_from(["", "/", "//", "/tj/", "/A/b c/%D0/"]) | st.text(LETTERS).map("/{}".format),
)


@contextmanager
def browser(site: Site, login: str) -> Iterator[httpx.Client]:
    """A browser in which a user has logged in."""
    with httpx.Client(base_url=site.home, timeout=60) as client:
        client.get("/wp-login.php")
        form = {"log": login, "pwd": site.password, "testcookie": "1"}
        assert client.post("/wp-login.php", data=form).status_code == 302
        yield client


@pytest.fixture(scope="module")
def admin(newsroom: Site) -> Iterator[httpx.Client]:
    with browser(newsroom, "admin") as client:
        yield client


@pytest.fixture(scope="module")
def editor(newsroom: Site) -> Iterator[httpx.Client]:
    with browser(newsroom, "editor") as client:
        yield client


def nonce(page: str, before: str) -> str:
    found = re.search(before + '"([0-9a-f]{10})"', page)
    assert found, page
    return found[1]


def press(client: httpx.Client, button: str = "test") -> str:
    """Press a button of the page; what it says."""
    form = {
        "action": f"read_also_{button}",
        "_ajax_nonce": nonce(client.get(PAGE).text, '"nonce":'),
    }
    answer = client.post("/wp-admin/admin-ajax.php", data=form | {"step": "start"})
    text: str = answer.json()["data"]["text"]
    return text


def form_of(page: str, **fields: str) -> dict[str, str]:
    hidden = {"option_page": "read_also", "action": "update"}
    given = {f"read_also[{name}]": value for name, value in fields.items()}
    return hidden | {"_wpnonce": nonce(page, 'name="_wpnonce" value=')} | given


# --- who may see and set what ---


def test_the_page_is_for_administrators_alone(
    newsroom: Site, admin: httpx.Client, editor: httpx.Client
) -> None:
    configure(newsroom, url="http://127.0.0.1:9", key=KEY)
    assert admin.get(PAGE).status_code == 200
    assert editor.get(PAGE).status_code == 403
    with newsroom.client() as anybody:
        assert anybody.get(PAGE).status_code == 302


def test_the_key_is_in_no_page(newsroom: Site, admin: httpx.Client) -> None:
    configure(newsroom, url="http://127.0.0.1:9", key=KEY)
    page = admin.get(PAGE).text
    assert 'value="http://127.0.0.1:9"' in page
    assert "A key is set." in page
    assert KEY not in page
    assert KEY not in press(admin)


def test_settings_are_saved_and_an_empty_key_field_keeps_the_key(
    newsroom: Site, admin: httpx.Client
) -> None:
    configure(newsroom, url="http://127.0.0.1:9", key=KEY)
    form = form_of(admin.get(PAGE).text, url=" http://127.0.0.1:9/lists/ ", limit="99", key="")
    assert admin.post("/wp-admin/options.php", data=form).status_code == 302
    expected = {
        "url": "http://127.0.0.1:9/lists",
        "key": KEY,
        "limit": 20,
        "layout": "list-thumbs",
        "style": True,
        "place": False,
        "place_types": None,
        "types": [],
        "section_taxonomy": "category",
        "tag_taxonomies": [],
        "excluded_terms": [],
        "no_list_terms": [],
    }
    assert newsroom.run("return ReadAlso\\settings();").items() >= expected.items()


def test_the_first_save_of_the_form_keeps_what_lists_may_hold(
    newsroom: Site, admin: httpx.Client
) -> None:
    newsroom.run("return delete_option('read_also');")
    form = form_of(admin.get(PAGE).text, url="http://127.0.0.1:9", limits="1", languages="all")
    assert admin.post("/wp-admin/options.php", data=form).status_code == 302
    chosen = {"languages": "all", "one_language": False}
    assert newsroom.run("return get_option('read_also');").items() >= chosen.items()


def test_headlines_on_the_page_are_plain_text(
    newsroom: Site, admin: httpx.Client, stage: Stage
) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    post = newsroom.insert(post_title="Tom's tram", post_content="It left at dawn.")
    item = '<section class="read-also"><ul><li>Listed</li></ul></section>'
    own = f"{wordpress_id(newsroom.home, post)}/related.html"
    stage.answer = lambda asked: (
        Answer(200, item, HTML) if own in asked.path else Answer(404, "{}", PROBLEM)
    )
    assert press(admin, "preview") == 'The list under "Tom\u2019s tram"'


@pytest.mark.parametrize("user", ["", "desk:secret@", "desk:sec@ret@"])
def test_site_health_tells_no_password(newsroom: Site, user: str) -> None:
    configure(newsroom, url=f"http://{user}127.0.0.1:9/lists", key=KEY)
    told = newsroom.run("return ReadAlso\\add_debug_information([])['read-also']['fields'];")
    assert told["url"]["value"] == "http://127.0.0.1:9/lists"
    assert KEY not in json.dumps(told)


def test_the_names_of_patterns_are_translated(newsroom: Site) -> None:
    plugin = newsroom.folder / "content/mu-plugins/russian.php"
    plugin.write_text("<?php add_filter('locale', function () { return 'ru_RU'; });")
    title = newsroom.run(
        """$patterns = WP_Block_Patterns_Registry::get_instance();
        return $patterns->get_registered('read-also/cards')['title'];"""
    )
    plugin.unlink()
    assert title == "Связанные статьи карточками"


def test_an_address_of_another_scheme_is_refused(newsroom: Site, admin: httpx.Client) -> None:
    configure(newsroom, url="http://127.0.0.1:9", key=KEY)
    form = form_of(admin.get(PAGE).text, url="file:///etc/passwd")
    page = admin.post("/wp-admin/options.php", data=form, follow_redirects=True).text
    assert "must begin with http:// or https://" in page
    assert newsroom.run("return ReadAlso\\settings()['url'];") == "http://127.0.0.1:9"


def test_nothing_is_set_without_the_pages_nonce(newsroom: Site, admin: httpx.Client) -> None:
    configure(newsroom, url="http://127.0.0.1:9", key=KEY)
    form = form_of(admin.get(PAGE).text, url="http://evil.example") | {"_wpnonce": "0123456789"}
    assert admin.post("/wp-admin/options.php", data=form).status_code == 403
    for action in ("read_also_test", "read_also_push"):
        answer = admin.post("/wp-admin/admin-ajax.php", data={"action": action})
        assert answer.status_code == 403
    assert newsroom.run("return ReadAlso\\settings()['url'];") == "http://127.0.0.1:9"


def test_an_editor_may_not_use_the_buttons(newsroom: Site, editor: httpx.Client) -> None:
    configure(newsroom, url="http://127.0.0.1:9", key=KEY)
    cookie = next(v for k, v in editor.cookies.items() if k.startswith("wordpress_logged_in"))
    own = newsroom.run(
        """wp_set_current_user(2);
        $_COOKIE[LOGGED_IN_COOKIE] = $given['cookie'];
        return wp_create_nonce('read_also');""",
        cookie=unquote(cookie),
    )
    form = {"action": "read_also_push", "_ajax_nonce": own, "step": "start"}
    answer = editor.post("/wp-admin/admin-ajax.php", data=form)
    assert (answer.status_code, answer.json()["success"]) == (403, False)
    assert newsroom.run("return ReadAlso\\waiting();") == 0


@pytest.mark.parametrize(
    ("constants", "expected"),
    [
        (
            "define('READ_ALSO_URL', 'http://127.0.0.1:8/'); define('READ_ALSO_KEY', 'its');",
            "8 its",
        ),
        ("define('READ_ALSO_URL', 'http://127.0.0.1:8');", "8 "),
        ("define('READ_ALSO_KEY', 'its');", f"9 {KEY}"),
    ],
    ids=["both", "address", "key"],
)
def test_a_key_goes_with_the_address_it_was_set_with(
    newsroom: Site, constants: str, expected: str
) -> None:
    """Constants win, the key only where the address is one; the form then leaves what is kept."""
    configure(newsroom, url="http://127.0.0.1:9", key=KEY)
    code = f"""
        {constants}
        $set = ReadAlso\\settings();
        $kept = ReadAlso\\sanitize(['url' => 'http://127.0.0.1:9/lists']);
        return [substr($set['url'], -1) . ' ' . $set['key'], $kept['key']];"""
    assert newsroom.run(code) == [expected, KEY]


@pytest.mark.parametrize(
    ("url", "typed", "kept"),
    [
        ("http://127.0.0.1:9/lists", "", KEY),
        ("http://127.0.0.1:8", "", ""),
        ("http://127.0.0.1:8", "of-the-new-address", "of-the-new-address"),
        ("https://127.0.0.1:9", "", ""),
        ("http://news.example:9", "", ""),
        ("http://127.0.0.1:9", "shorter-than-16", KEY),
    ],
)
def test_a_stored_key_is_for_one_address_alone(
    newsroom: Site, admin: httpx.Client, url: str, typed: str, kept: str
) -> None:
    configure(newsroom, url="http://127.0.0.1:9", key=KEY)
    form = form_of(admin.get(PAGE).text, url=url, key=typed)
    page = admin.post("/wp-admin/options.php", data=form, follow_redirects=True).text
    assert newsroom.run("return ReadAlso\\settings();") | {"url": url, "key": kept} == (
        newsroom.run("return ReadAlso\\settings();")
    )
    assert ("The key was forgotten" in page) == (not kept)
    assert ("16 characters or more, all" in page) == (typed == "shorter-than-16")


# --- the buttons ---


def healthy(asked: Asked) -> Answer:
    if asked.path == "/readyz":
        return Answer(200, '{"status": "ready"}')
    return Answer(422 if asked.method == "PUT" else 404, headers=PROBLEM)


@pytest.mark.parametrize(
    ("path", "method", "answer", "said"),
    [
        ("", "", Answer(200), "All is well: the service shows lists and takes articles."),
        ("/readyz", "GET", Answer(200, "<h1>Hello</h1>"), "but not Read Also (200)"),
        ("related.html", "GET", Answer(401, '{"detail": "the key is not known"}'), "key is not"),
        ("", "PUT", Answer(403, '{"detail": "no scope write"}'), "no articles with this key: 403"),
        ("/readyz", "GET", Answer(503, '{"status": "empty"}'), "push all posts"),
    ],
    ids=["well", "stranger", "unknown key", "no scope", "empty"],
)
def test_the_connection_test_says_what_is_wrong(
    newsroom: Site,
    admin: httpx.Client,
    stage: Stage,
    path: str,
    method: str,
    answer: Answer,
    said: str,
) -> None:
    configure(newsroom, url=stage.address, key=KEY)

    def answers(asked: Asked) -> Answer:
        is_asked = bool(method) and asked.method == method and asked.path.endswith(path)
        return answer if is_asked else healthy(asked)

    stage.answer = answers
    assert said in press(admin)


def test_the_connection_test_names_an_address_without_a_server(
    newsroom: Site, admin: httpx.Client
) -> None:
    configure(newsroom, url="", key="")
    assert press(admin) == "No address is set."
    address = f"http://127.0.0.1:{free_port()}"
    configure(newsroom, url=address, key=KEY)
    assert press(admin).startswith(f"{address} cannot be reached: ")


def test_pushing_all_sends_every_post_and_no_draft(
    newsroom: Site, admin: httpx.Client, stage: Stage
) -> None:
    configure(newsroom, url="", key="")
    posts = newsroom.fill(
        [
            {"post_status": status, "post_title": f"{status} {n}", "post_content": "Text."}
            for status in ("publish", "draft")
            for n in range(55)
        ]
    )
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = accept
    assert press(admin, "push") == "The service has every change."
    lines = [json.loads(line) for one in stage.asked for line in one.body.splitlines()]
    published, drafts = (
        {wordpress_id(newsroom.home, n) for n in of} for of in (posts[:55], posts[55:])
    )
    earlier = {wordpress_id(newsroom.home, n) for n in range(1, min(posts))}  # of other tests
    assert {line["id"] for line in lines if "delete" not in line} - earlier == published
    assert {line["delete"]["id"] for line in lines if "delete" in line} - earlier == drafts


def test_pushing_all_says_why_it_ended(newsroom: Site, admin: httpx.Client, stage: Stage) -> None:
    configure(newsroom, url="", key="")
    newsroom.insert(post_title="Not taken", post_content="Text.")
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = lambda _: Answer(403, '{"detail": "no scope write"}', PROBLEM)
    assert "it is tried again: 403 no scope write" in press(admin, "push")


# --- ids ---


@examples(6)
@given(homes=st.lists(HOMES, min_size=1, max_size=60))
@example(
    homes=["https://News.example/tj/", "http://127.0.0.1:8080", "https://n.example/" + "я" * 99]
)
def test_the_plugin_makes_the_ids_that_a_pull_makes(newsroom: Site, homes: list[str]) -> None:
    made = newsroom.run(
        """return array_map(function ($home) {
            return ReadAlso\\foreign_id('wp', ReadAlso\\site($home), '123');
        }, $given['homes']);""",
        homes=homes,
    )
    assert made == [wordpress_id(home, 123) for home in homes]


@examples(6)
@given(parts=st.lists(st.text(LETTERS, max_size=90), min_size=1, max_size=60))
def test_the_plugin_escapes_as_python_does(newsroom: Site, parts: list[str]) -> None:
    made = newsroom.run(
        """return array_map(function ($part) {
            return ReadAlso\\foreign_id('page', $part);
        }, $given['parts']);""",
        parts=parts,
    )
    assert made == [foreign_id("page", part) for part in parts]


# --- the end; last, since the plugin is gone afterwards ---


def test_nothing_is_left_behind(newsroom: Site) -> None:
    """It is not loaded any more when it is removed."""
    configure(newsroom, url=f"http://127.0.0.1:{free_port()}", key=KEY)
    newsroom.insert(post_title="Waiting", post_content="To be sent.")
    planned = newsroom.run(
        """set_transient('read_also_list_1_6', ['html' => ''], 60);
        update_user_option(1, ReadAlso\\HINT_SEEN, '1');
        $planned = wp_next_scheduled('read_also_push') > 0;
        require_once ABSPATH . 'wp-admin/includes/plugin.php';
        deactivate_plugins('read-also/read-also.php');
        return $planned;"""
    )
    assert planned
    left = newsroom.run(
        """
        global $wpdb;
        require_once ABSPATH . 'wp-admin/includes/plugin.php';
        $loaded = function_exists('ReadAlso\\settings');
        uninstall_plugin('read-also/read-also.php');
        return [
            $loaded,
            $wpdb->get_col("SELECT option_name FROM {$wpdb->options}
                WHERE option_name LIKE '%read\\_also%'"),
            wp_next_scheduled('read_also_push'),
            $wpdb->get_col("SELECT meta_key FROM {$wpdb->usermeta}
                WHERE meta_key LIKE '%read\\_also%'"),
        ];"""
    )
    assert left == [False, [], False, []]
