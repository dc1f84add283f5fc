"""The plugin while the service is away, slow, or not to be trusted: pages and saving go on."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from tests.support.serving import KEY
from tests.support.waiting import free_port
from tests.wordpress.plugin import article_of, configure, pass_time, save
from tests.wordpress.service import HTML, PROBLEM, Answer, Asked, Stage, accept
from tests.wordpress.site import Site

SECTION = '<section class="read-also" lang="en"><ul><li><a href="https://news.example/1">{}</a>'
END = "</li></ul></section>"
NEVER_STALE = HTML | {"ETag": '"1"', "Cache-Control": "max-age=0, stale-if-error=86400"}
FRESH = HTML | {"Cache-Control": "private, max-age=30, stale-if-error=86400"}
CALLS = """add_action('http_api_curl', function ($handle, $given, $address) {
    $held = 10 === has_action('http_api_curl', 'ReadAlso\\hold_to_time');
    $seconds = $given['read_also_seconds'];
    $call = ['address' => $address, 'seconds' => $seconds, 'held' => $held];
    file_put_contents(WP_CONTENT_DIR . '/calls', json_encode($call) . "\\n", FILE_APPEND);
}, 99, 3);"""
"""Writes down each call of a page, and how long it may take."""
MAINTENANCE = Answer(200, "<!DOCTYPE html><html><body><h1>Be right back</h1>", HTML)


@pytest.fixture
def stage(connected: Stage) -> Stage:
    return connected


@pytest.fixture(scope="module")
def post(newsroom: Site) -> int:
    return newsroom.insert(post_title="Tram line opens", post_content="It left at dawn.")


@contextmanager
def unset(site: Site, stage: Stage) -> Iterator[None]:
    """Meanwhile the plugin is set to no service; afterwards to this one."""
    configure(site, url="", key="")
    yield
    configure(site, url=stage.address, key=KEY)


@contextmanager
def code(site: Site, source: str) -> Iterator[None]:
    """Code of another plugin, in every request meanwhile."""
    path = site.folder / "content/mu-plugins/other.php"
    path.write_text(f"<?php {source}")
    try:
        yield
    finally:
        path.unlink()


def page(site: Site, post: int) -> str:
    with site.client() as client:
        answer = client.get(f"/?p={post}", follow_redirects=True)
    assert answer.status_code == 200
    assert "It left at dawn." in answer.text
    return answer.text


def waiting(site: Site) -> int:
    count: int = site.run("return ReadAlso\\waiting();")
    return count


def trouble(site: Site) -> str:
    text: str = site.run("return get_option('read_also_trouble')['text'] ?? '';")
    return text


def stay_away(site: Site) -> None:
    """Where pages leave the service alone, they do so for longer, as the next ones may be slow."""
    site.run(
        """global $wpdb;
        $wpdb->query("UPDATE {$wpdb->options}
            SET option_value = CONCAT(
                SUBSTRING_INDEX(option_value, ' ', 1) + 1000,
                SUBSTRING(option_value, LOCATE(' ', option_value)))
            WHERE option_name = 'read_also_away_read' AND option_value NOT LIKE '0 %'");"""
    )


def listing(text: str) -> Answer:
    return Answer(200, SECTION.format(text) + END, NEVER_STALE)


def showing(text: str, headers: dict[str, str] = NEVER_STALE) -> Callable[[Asked], Answer]:
    """Answers of a service that takes every change and lists one text."""
    shown = Answer(200, SECTION.format(text) + END, headers)
    return lambda asked: shown if ".html" in asked.path else accept(asked)


def sent(stage: Stage) -> list[tuple[str, int]]:
    """The changes that a service received, in order, each with its post."""
    changes = []
    for one in stage.asked:
        if one.method == "POST":
            lines = [json.loads(line) for line in one.body.splitlines()]
            changes += [("DELETE" if "delete" in line else "PUT", line) for line in lines]
        elif one.method != "GET":
            changes.append((one.method, {"id": one.path}))
    return [
        (verb, int(line.get("delete", line)["id"].rpartition(":")[2])) for verb, line in changes
    ]


# --- pages ---


def test_a_page_shows_the_last_copy_while_the_service_is_away(
    newsroom: Site, stage: Stage, post: int
) -> None:
    stage.answer = lambda _: listing("a copy")
    assert "a copy" in page(newsroom, post)
    stage.answer = lambda _: Answer(503)
    for _ in range(3):
        assert "a copy" in page(newsroom, post)
    stay_away(newsroom)
    for _ in range(2):
        assert "a copy" in page(newsroom, post)
    assert len(stage.asked) == 1 + 3  # then pages left the service alone


def test_a_page_without_a_copy_shows_none_while_the_service_is_away(
    newsroom: Site, post: int
) -> None:
    configure(newsroom, url=f"http://127.0.0.1:{free_port()}", key=KEY)
    assert "read-also" not in page(newsroom, post)


def test_three_pages_wait_for_a_service_that_never_answers(newsroom: Site, post: int) -> None:
    calls = newsroom.folder / "content/calls"
    with closing(socket.create_server(("127.0.0.1", 0))) as silent, code(newsroom, CALLS):
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        configure(newsroom, url=address, key=KEY)
        for _ in range(3):
            assert "read-also" not in page(newsroom, post)
        stay_away(newsroom)
        for _ in range(2):
            assert "read-also" not in page(newsroom, post)
    made = list(map(json.loads, calls.read_text().splitlines()))
    assert [one["address"].startswith(f"{address}/v1/") for one in made] == [True] * 3
    assert [(one["seconds"], one["held"]) for one in made] == [(0.4, True)] * 3


def test_a_fresh_copy_is_shown_without_asking_again(
    newsroom: Site, stage: Stage, post: int
) -> None:
    configure(newsroom, url=stage.address, key=KEY, limit=4)
    stage.answer = showing("fresh", FRESH)
    for _ in range(3):
        assert "fresh" in page(newsroom, post)
    (asked,) = stage.asked
    asked_for = f"/v1/articles/{article_of(newsroom, post)}/related.html?limit=4&"
    assert asked.path.startswith(asked_for)
    assert stage.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_copy_that_did_not_change_is_not_sent_again(
    newsroom: Site, stage: Stage, post: int
) -> None:
    def answer(asked: Asked) -> Answer:
        known = asked.headers.get("if-none-match") == '"1"'
        return Answer(304, headers=NEVER_STALE) if known else listing("the same")

    stage.answer = answer
    assert "the same" in page(newsroom, post)
    assert "the same" in page(newsroom, post)
    assert [one.headers.get("if-none-match") for one in stage.asked] == [None, '"1"']


def test_nothing_is_shown_stale_that_the_service_forbids(
    newsroom: Site, stage: Stage, post: int
) -> None:
    stage.answer = showing("x", HTML | {"Cache-Control": "max-age=0"})
    page(newsroom, post)
    stage.answer = lambda _: Answer(503)
    assert "read-also" not in page(newsroom, post)


@pytest.mark.parametrize("away", [False, True])
def test_a_copy_from_before_a_withdrawal_is_not_shown(
    newsroom: Site, stage: Stage, post: int, *, away: bool
) -> None:
    stage.answer = showing("with it", FRESH)
    other = save(newsroom, title="Soon gone", content="Gone.")
    assert "with it" in page(newsroom, post)
    save(newsroom, other, status="draft")
    if away:
        stage.answer = lambda _: Answer(503)
        assert "read-also" not in page(newsroom, post)
    else:
        stage.answer = showing("without", FRESH)
        assert "without" in page(newsroom, post)


def test_an_unknown_article_has_no_list(newsroom: Site, stage: Stage, post: int) -> None:
    assert "read-also" not in page(newsroom, post)
    assert "read-also" not in page(newsroom, post)
    assert len(stage.asked) == 1


def test_markup_that_a_service_should_never_send_does_not_reach_a_page(
    newsroom: Site, stage: Stage, post: int
) -> None:
    hostile = (
        '<section class="read-also" onclick="evil()"><script>evil()</script>'
        '<a href="javascript:evil()" class="read-also__link">one</a><iframe src="//evil"></iframe>'
        '<img src="data:evil" onerror="evil()"><style>evil</style><form action="//evil"></form>'
    )
    stage.answer = lambda _: Answer(200, hostile, NEVER_STALE)
    source = page(newsroom, post).split('class="read-also"')[1].split("</article>")[0]
    for word in ("<script", "onclick", "onerror", "javascript:", "data:", "<iframe", "<form"):
        assert word not in source
    assert ">one</a>" in source


def test_a_list_neither_closes_its_container_nor_uses_names_of_the_theme(
    newsroom: Site, stage: Stage, post: int
) -> None:
    names = '<ul class="read-also__list" id="wpadminbar"><li class="modal-open" id="read-also-1">'
    body = f'<section class="read-also">{names}x</li></ul></section></section></div></article>'
    stage.answer = lambda _: Answer(200, body, NEVER_STALE)
    own = '<section class="read-also"><ul class="read-also__list"><li id="read-also-1">x</li></ul>'
    assert f"{own}</section></div>\n</article>" in page(newsroom, post)


@pytest.mark.parametrize(
    "other",
    [
        MAINTENANCE,
        Answer(200, json.dumps({"items": []})),
        Answer(200, SECTION.format("of no type")),
        Answer(200, '<section class="read-also">' + "<" * 65_536, NEVER_STALE),
        Answer(404, "<h1>nginx</h1>", HTML),
    ],
    ids=["maintenance", "json", "no type", "too long", "404 of a proxy"],
)
def test_an_answer_that_is_no_list_does_not_replace_a_list(
    newsroom: Site, stage: Stage, post: int, other: Answer
) -> None:
    stage.answer = showing("a copy")
    assert "a copy" in page(newsroom, post)
    stage.answer = lambda _: other
    for _ in range(3):
        assert page(newsroom, post).count(SECTION.format("a copy")) == 1
    assert len(stage.asked) == 1 + 3
    stay_away(newsroom)
    assert newsroom.run("return ReadAlso\\may_call('read');") is False


def test_a_header_that_comes_twice_is_read_as_one(newsroom: Site, stage: Stage, post: int) -> None:
    twice = (("Cache-Control", "private"), ("Cache-Control", "max-age=30"))
    stage.answer = lambda _: Answer(200, SECTION.format("fresh") + END, HTML, twice)
    for _ in range(2):
        assert "fresh" in page(newsroom, post)
    assert len(stage.asked) == 1


def test_a_title_in_brackets_runs_no_shortcode(newsroom: Site, stage: Stage) -> None:
    stage.answer = showing("How to [secret]")
    block = "<p>It left at dawn.</p><!-- wp:read-also/list /-->"
    made = newsroom.insert(post_title="Brackets", post_content=block)
    with code(newsroom, "add_shortcode('secret', function () { return 'ran'; });"):
        assert "How to &#91;secret]" in page(newsroom, made)


def test_without_curl_no_service_is_asked(newsroom: Site, stage: Stage, post: int) -> None:
    """What WordPress uses in its place waits for ten seconds and more."""
    stage.answer = showing("listed")
    said = newsroom.run(
        """$shown = ReadAlso\\list_html($given['post'], ReadAlso\\list_options([]));
        return [$shown, ReadAlso\\connection()['text']];""",
        without="curl_exec",
        post=post,
    )
    assert said == ["", f"{stage.address} cannot be reached: The PHP extension curl is missing."]
    assert stage.asked == []


def test_without_an_address_there_is_no_list(newsroom: Site, stage: Stage, post: int) -> None:
    stage.answer = showing("listed", FRESH)
    assert "listed" in page(newsroom, post)
    newsroom.run("update_option('read_also', ['url' => '']);")
    assert "listed" not in page(newsroom, post)


def test_the_list_is_shown_once_and_only_on_the_page_of_the_post(
    newsroom: Site, stage: Stage, post: int
) -> None:
    stage.answer = showing("listed")
    configure(newsroom, url=stage.address, key=KEY)
    own = newsroom.insert(post_title="Own", post_content='It left at dawn. [read-also limit="3"] .')
    block = (
        "<!-- wp:paragraph --><p>It left at dawn.</p><!-- /wp:paragraph -->"
        '<!-- wp:read-also/list {"limit":2} /-->'
    )
    placed = newsroom.insert(post_title="Placed", post_content=block)
    pattern = newsroom.insert(post_title="P", post_type="wp_block", post_content=block)
    synced = newsroom.insert(post_title="S", post_content=f'<!-- wp:block {{"ref":{pattern}}} /-->')
    shown = [page(newsroom, one).count("<section") for one in (post, own, placed, synced)]
    assert shown == [1, 1, 1, 1]
    paths = [one.path for one in stage.asked if ".html" in one.path]
    assert [re.findall(r"limit=(\d+)", path) for path in paths] == [["6"], ["3"], ["2"], ["2"]]
    with newsroom.client() as client:
        feed = f"/?p={post}&feed=rss2&withoutcomments=1"
        for path in ("/", "/feed/", feed, "/wp-json/wp/v2/posts", f"/?p={post}&embed=true"):
            assert "<section" not in client.get(path, follow_redirects=True).text
    configure(newsroom, url=stage.address, key=KEY, place=False)
    assert [page(newsroom, one).count("<section") for one in (post, own)] == [0, 1]


def test_an_excerpt_on_the_page_of_the_post_has_no_list(
    newsroom: Site, stage: Stage, post: int
) -> None:
    stage.answer = lambda _: listing("listed")
    shown = newsroom.run(
        """global $wp_query, $wp_the_query;
        $wp_query = $wp_the_query = new WP_Query(['p' => $given['post']]);
        the_post();
        return [get_the_excerpt(), apply_filters('the_content', get_the_content())];""",
        post=post,
    )
    assert ["listed" in one for one in shown] == [False, True]


# --- saving ---


def test_a_change_waits_until_the_service_is_back(newsroom: Site, stage: Stage) -> None:
    stage.answer = lambda _: Answer(503)
    first = save(newsroom, title="Saved while away", content="Saved.")
    second = save(newsroom, title="Saved as well", content="Saved.")
    save(newsroom, second, status="draft")
    assert sent(stage) == [("PUT", first)]  # then the service was left alone
    assert waiting(newsroom) == 2
    stage.answer = accept
    pass_time(newsroom)
    assert set(sent(stage)[1:]) == {("PUT", first), ("DELETE", second)}
    assert waiting(newsroom) == 0
    assert newsroom.run("return wp_next_scheduled('read_also_push') - time();") <= 60


@pytest.mark.parametrize("killed", ["the request", "a run of WP-Cron"])
def test_changes_left_by_a_killed_process_are_sent_a_minute_later(
    newsroom: Site, stage: Stage, killed: str
) -> None:
    with unset(newsroom, stage):
        post = newsroom.insert(post_title="Soon gone", post_content="Text.")
    kill = "posix_kill(getmypid(), 9);"
    if killed == "the request":
        with pytest.raises(RuntimeError):
            newsroom.run(f"wp_trash_post($given['post']); {kill}", post=post)
    else:
        newsroom.run("wp_trash_post($given['post']); remove_all_actions('shutdown');", post=post)
        run = f"add_action('read_also_push', function () {{ {kill} }}, 1);"
        with pytest.raises(RuntimeError):
            newsroom.run(
                f"""{run}
                foreach (_get_cron_array() as $due => $hooks) {{
                    if (isset($hooks['read_also_push'])) {{
                        wp_reschedule_event($due, 'read_also', 'read_also_push');
                        wp_unschedule_event($due, 'read_also_push');
                        do_action('read_also_push');
                    }}
                }}"""
            )
    assert (sent(stage), waiting(newsroom)) == ([], 1)
    assert newsroom.run("return wp_next_scheduled('read_also_push') - time();") <= 60
    pass_time(newsroom)
    assert (sent(stage), waiting(newsroom)) == ([("DELETE", post)], 0)


def test_all_changes_of_a_long_request_are_sent(newsroom: Site, stage: Stage) -> None:
    """While it goes on, another one sends what it had changed by then."""
    made = newsroom.run(
        """
        $post = ['post_status' => 'publish', 'post_content' => 'Text.'];
        $one = wp_insert_post(['post_title' => 'First'] + $post);
        $two = wp_insert_post(['post_title' => 'Second'] + $post);
        ReadAlso\\push_due(0, 9, 1); // as another request does
        wp_trash_post($one);
        wp_update_post(['ID' => $two, 'post_title' => 'Changed']);
        return [$one, $two];"""
    )
    one, two = made
    assert sent(stage) == [("PUT", two), ("PUT", one), ("DELETE", one), ("PUT", two)]
    assert json.loads(stage.asked[3].body)["title"] == "Changed"
    assert waiting(newsroom) == 0


def test_a_deletion_is_sent_though_the_post_was_sent_while_it_began(
    newsroom: Site, stage: Stage
) -> None:
    with unset(newsroom, stage):
        post = newsroom.insert(post_title="Soon gone", post_content="Text.")
    newsroom.run(
        """add_action('delete_post', function () { ReadAlso\\push_due(0, 9, 1); });
        wp_delete_post($given['post'], true);""",
        post=post,
    )
    assert sent(stage) == [("PUT", post), ("DELETE", post)]


@pytest.mark.parametrize("how", ["one by one", "in bulk"])
def test_a_post_whose_content_ends_the_request_delays_no_other(
    newsroom: Site, stage: Stage, how: str
) -> None:
    stage.answer = accept if how == "one by one" else lambda _: Answer(503)
    texts = {"Good": "Text.", "Bad": "[leave]", "Better": "Text."}
    with code(newsroom, "add_shortcode('leave', function () { exit; });"):
        posts = [newsroom.insert(post_title=t, post_content=text) for t, text in texts.items()]
        if how == "in bulk":
            stage.asked.clear()
            stage.answer = accept
            with pytest.raises(RuntimeError):  # it ended
                newsroom.run("ReadAlso\\by_cron();")
            newsroom.run("ReadAlso\\by_cron();")
            assert ("PUT", posts[0]) in sent(stage)
            pass_time(newsroom)  # of the bad one and, before it, of what was to go with it
            newsroom.run("ReadAlso\\by_cron();")
    assert {("PUT", posts[0]), ("PUT", posts[2])} <= set(sent(stage))
    assert ("PUT", posts[1]) not in sent(stage)
    assert str(posts[1]) in newsroom.run("return ReadAlso\\tried();")
    assert "may end the request" in newsroom.run("return ReadAlso\\state_of_queue();")


def test_a_post_is_pushed_as_anybody_reads_it(newsroom: Site, stage: Stage) -> None:
    """Not with what its editor may see, or what queries show in the administration."""
    for status in ("private", "draft", "publish"):
        newsroom.insert(post_title=f"A {status} headline", post_status=status, post_author=2)
    block = (
        "<p>[members]for payers[/members]</p>"
        '<!-- wp:query {"query":{"perPage":9,"postType":"post","inherit":false,"offset":0}} -->'
        '<div class="wp-block-query"><!-- wp:post-template --><!-- wp:post-title /-->'
        "<!-- /wp:post-template --></div><!-- /wp:query -->"
    )
    members = """add_shortcode('members', function ($given, $text) {
        return is_user_logged_in() || is_admin() ? $text : 'Log in.';
    });"""
    with code(newsroom, members):
        post = save(newsroom, title="Public", content=block)
        seen = newsroom.run(
            """define('WP_ADMIN', true);
            require_once ABSPATH . 'wp-admin/includes/admin.php';
            wp_set_current_user(2);
            set_current_screen('edit-post');
            wp_update_post(['ID' => $given['post'], 'post_title' => 'Public again']);
            ReadAlso\\push_due(0, 9, 1);
            return [get_current_user_id(), is_admin()];""",
            post=post,
        )
    for body in (json.loads(one.body)["body_html"] for one in stage.asked[-2:]):
        assert "Log in." in body
        assert "A publish headline" in body
        for hidden in ("for payers", "A private headline", "A draft headline"):
            assert hidden not in body
    assert seen == [2, True]


@pytest.mark.parametrize(
    "other",
    [
        MAINTENANCE,
        Answer(400, "<h1>The plain HTTP request was sent to HTTPS port</h1>", HTML),
        Answer(404, "<h1>Not here</h1>", HTML),
        Answer(200, '"text"'),
    ],
    ids=["maintenance", "400", "404", "text"],
)
def test_an_answer_of_another_server_acknowledges_nothing(
    newsroom: Site, stage: Stage, other: Answer
) -> None:
    with unset(newsroom, stage):
        withdrawn = newsroom.insert(post_title="Soon gone", post_content="Text.")
    stage.answer = lambda _: other
    newsroom.trash(withdrawn)
    changed = newsroom.insert(post_title="Changed", post_content="Text.")
    assert waiting(newsroom) == 2
    newsroom.run("do_action('read_also_push');")
    assert waiting(newsroom) == 2
    stage.asked.clear()
    stage.answer = accept
    newsroom.run("do_action('read_also_push');")
    assert set(sent(stage)) == {("DELETE", withdrawn), ("PUT", changed)}
    assert waiting(newsroom) == 0


def test_odd_answers_acknowledge_nothing_and_break_nothing(newsroom: Site, stage: Stage) -> None:
    with unset(newsroom, stage):
        fields = {"post_status": "publish", "post_content": "Odd."}
        newsroom.fill([fields | {"post_title": f"Odd {n}"} for n in range(3)])
    stage.answer = lambda _: Answer(404)
    newsroom.run("ReadAlso\\mark_all(\"post_content = 'Odd.' AND 1 = %d\", 1);")
    items: tuple[object, ...] = (
        "x",
        ["a", "b", "c"],
        {"0": 5, "1": 5, "x": 5},
        [{}, {}, {}],
        [5, [], {"status": "2"}],
    )
    bodies = [json.dumps({"items": one}) for one in items] + ["[]", '"s"', "5", "", "{"]
    left = iter(bodies)
    stage.answer = lambda asked: Answer(200, next(left) if asked.method == "POST" else "{}")
    waits = newsroom.run(
        """global $wpdb;
        for ($n = 0; $n < $given['times']; $n++) {
            do_action('read_also_push');
            $waits[] = [ReadAlso\\waiting(), count(ReadAlso\\due(0, 9))];
        }
        return $waits;""",
        times=len(bodies),
    )
    assert waits == [[3, 3]] * len(bodies)
    assert next(left, None) is None


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (
            '{"detail": "no", "errors": [{"pointer": "/title", "detail": "too long"}]}',
            "no /title too long",
        ),
        ('{"detail": ["a"], "errors": [{"pointer": ["x"], "detail": {"a": 1}}]}', ""),
        ('{"detail": "d", "errors": ["text", 5, null]}', "d"),
        ('{"errors": "text"}', ""),
        ("5", ""),
    ],
)
def test_a_refused_article_is_reported_and_not_sent_again(
    newsroom: Site, stage: Stage, problem: str, said: str
) -> None:
    stage.answer = lambda _: Answer(422, problem, PROBLEM)
    post = save(newsroom, title="Refused", content="Saved.")
    assert waiting(newsroom) == 0
    assert trouble(newsroom) == f"The service refused post {post}: 422 {said}".strip()


def test_a_post_is_saved_though_the_service_never_answers(newsroom: Site) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        configure(newsroom, url=f"http://127.0.0.1:{silent.getsockname()[1]}", key=KEY)
        posts = [save(newsroom, title=f"Saved {n}", content="Saved.") for n in range(3)]
        assert waiting(newsroom) == len(posts)


def test_changes_that_a_slow_service_does_not_take_in_two_seconds_wait_for_cron(
    newsroom: Site, stage: Stage
) -> None:
    def answer(asked: Asked) -> Answer:
        time.sleep(0.9)
        return accept(asked)

    stage.answer = answer
    fields = {"post_status": "publish", "post_content": "Many."}
    posts = newsroom.fill([fields | {"post_title": f"Slow {n}"} for n in range(6)])
    assert len(sent(stage)) <= 2
    assert waiting(newsroom) >= 4
    pass_time(newsroom)
    assert {number for _, number in sent(stage)} == set(posts)
    assert waiting(newsroom) == 0


@pytest.mark.parametrize(
    "refusal",
    [Answer(413, "<h1>413 Request Entity Too Large</h1>", HTML), Answer(500, "{}", PROBLEM)],
    ids=["a proxy's limit", "a fault"],
)
def test_a_post_that_fails_alone_delays_no_other(
    newsroom: Site, stage: Stage, refusal: Answer
) -> None:
    with unset(newsroom, stage):
        newsroom.empty()
        fields = {"post_status": "publish", "post_content": "Many."}
        posts = newsroom.fill(
            [fields | {"post_title": f"{'POISON' * (n == 3)} {n}"} for n in range(7)]
        )
    stage.answer = lambda asked: refusal if b"POISON" in asked.body else accept(asked)
    newsroom.run("ReadAlso\\push_all();")
    newsroom.run("do_action('read_also_push');")
    assert newsroom.run("return ReadAlso\\tried();") == [str(posts[3])]
    assert waiting(newsroom) == 1
    assert trouble(newsroom).startswith(f"The service did not take post {posts[3]}, it is tried")
    stage.asked.clear()
    stage.answer = accept
    pass_time(newsroom)
    assert sent(stage) == [("PUT", posts[3])]


def test_a_filter_that_fails_breaks_neither_the_save_nor_the_other_posts(
    newsroom: Site, stage: Stage
) -> None:
    made = newsroom.run(
        """
        add_filter('the_content', function ($content) {
            if (false !== strpos($content, 'poison')) { throw new Error('boom'); }
            return $content;
        });
        $post = ['post_status' => 'publish', 'post_title' => 'One'];
        return [
            wp_insert_post($post + ['post_content' => 'poison']),
            wp_insert_post($post + ['post_content' => 'good']),
        ];"""
    )
    assert sent(stage) == [("PUT", made[1])]
    assert trouble(newsroom) == f"Post {made[0]} cannot be rendered: boom"
    pass_time(newsroom)
    assert sent(stage)[1:] == [("PUT", made[0])]


def test_the_later_of_two_simultaneous_saves_wins(newsroom: Site, stage: Stage) -> None:
    """An editor saves while the save of another is on its way to the service."""
    post = newsroom.insert(post_title="Before", post_content="Text.")
    newsroom.run(
        """add_filter('read_also_article', function ($fields) use ($given) {
            if ('First' === $fields['title']) {
                wp_remote_post(rest_url("wp/v2/posts/{$given['post']}"), [
                    'timeout' => 30,
                    'headers' => ['Authorization' => 'Basic ' . base64_encode($given['login'])],
                    'body' => ['title' => 'Second'],
                ]);
            }
            return $fields;
        });
        wp_update_post(['ID' => $given['post'], 'post_title' => 'First']);""",
        post=post,
        login=f"editor:{newsroom.passwords['editor']}",
    )
    titles = [json.loads(one.body)["title"] for one in stage.asked]
    assert titles == ["Before", "First", "Second"]
    assert waiting(newsroom) == 0


def test_a_post_that_was_never_public_is_never_sent(newsroom: Site, stage: Stage) -> None:
    draft = save(newsroom, title="Draft", content="Not yet.", status="draft")
    save(newsroom, draft, content="Still not.")
    with newsroom.client("editor") as client:
        client.post("/wp-json/wp/v2/pages", json={"title": "About", "status": "publish"})
        client.delete(f"/wp-json/wp/v2/posts/{draft}", params={"force": "true"})
    assert stage.asked == []


def test_a_bulk_edit_is_sent_when_it_ends(newsroom: Site, stage: Stage) -> None:
    fields = {"post_status": "publish", "post_content": "Many."}
    posts = newsroom.fill([fields | {"post_title": f"Number {n}"} for n in range(7)])
    assert sorted(sent(stage)) == [("PUT", post) for post in posts]
    stage.asked.clear()
    newsroom.run("array_map('wp_trash_post', $given['posts']);", posts=posts)
    assert sorted(sent(stage)) == [("DELETE", post) for post in posts]


def test_a_rename_of_a_large_category_is_sent_in_parts(newsroom: Site, stage: Stage) -> None:
    with unset(newsroom, stage):
        term = newsroom.category("Large")
        fields = {"post_status": "publish", "post_content": "Many.", "post_category": [term]}
        posts = newsroom.fill([fields | {"post_title": f"Large {n}"} for n in range(60)])
    newsroom.run("wp_update_term($given['term'], 'category', ['name' => 'Larger']);", term=term)
    assert (sent(stage), waiting(newsroom)) == ([], len(posts))
    pass_time(newsroom)
    lines = b"".join(one.body for one in stage.asked).splitlines()
    assert [json.loads(line)["section"] for line in lines] == ["Larger"] * len(posts)
    assert {one.path for one in stage.asked} == {"/v1/bulk"}
    assert waiting(newsroom) == 0


def test_another_name_of_an_author_and_another_author_are_sent(
    newsroom: Site, stage: Stage
) -> None:
    with unset(newsroom, stage):
        user, post = newsroom.run(
            """$user = ['user_login' => 'a', 'user_pass' => 'x', 'display_name' => 'A'];
            $user = wp_insert_user($user);
            return [$user, wp_insert_post(['post_title' => 'By A', 'post_author' => $user,
                'post_status' => 'publish'])];"""
        )
    newsroom.run("wp_update_user(['ID' => $given['user'], 'display_name' => 'B']);", user=user)
    heir = """$heir = wp_insert_user(['user_login' => 'c', 'user_pass' => 'x']);
        require_once ABSPATH . 'wp-admin/includes/user.php';
        wp_delete_user($given['user'], $heir);"""
    newsroom.run(heir, user=user)
    assert sent(stage) == [("PUT", post)] * 2
    assert [json.loads(one.body)["authors"] for one in stage.asked] == [["B"], ["c"]]


def test_a_post_that_becomes_one_of_another_type_is_withdrawn(newsroom: Site, stage: Stage) -> None:
    post = newsroom.insert(post_title="A post", post_content="Text.")
    for kind in ("page", "post"):
        retype = "get_post($given['post']); set_post_type($given['post'], $given['type']);"
        newsroom.run(retype, post=post, type=kind)
    newsroom.update(post, post_type="page")
    verbs = ("PUT", "DELETE", "PUT", "DELETE")
    assert sent(stage) == [(verb, post) for verb in verbs]


def test_pushing_all_withdraws_what_was_withdrawn_unnoticed(newsroom: Site, stage: Stage) -> None:
    """While the plugin was not active, or because a type is none of articles any more."""
    with unset(newsroom, stage):
        newsroom.empty()
        published = newsroom.insert(post_title="Stays", post_content="Text.")
        page = newsroom.insert(post_title="A page", post_content="Text.", post_type="page")
        trashed = newsroom.insert(post_title="Trashed", post_content="Text.")
    switch = """require_once ABSPATH . 'wp-admin/includes/plugin.php';
        {}('read-also/read-also.php');"""
    newsroom.run(switch.format("deactivate_plugins"))
    newsroom.trash(trashed)
    newsroom.run(switch.format("activate_plugin"))
    pass_time(newsroom)
    verbs = {published: "PUT", page: "DELETE", trashed: "DELETE"}
    assert sorted(sent(stage)) == sorted((verb, post) for post, verb in verbs.items())
