"""The plugin while the service is away, slow, or not to be trusted: pages and saving go on."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.wordpress.plugin import PLUGIN, article_of, comes_true, configure, save
from tests.wordpress.service import KEY, Answer, Asked, Stage
from tests.wordpress.site import Site, free_port

SECTION = '<section class="read-also" lang="en"><ul><li><a href="https://news.example/1">{}</a>'
GONE = Answer(404, headers={"Content-Type": "application/problem+json"})
NEVER_STALE = {"ETag": '"1"', "Cache-Control": "max-age=0, stale-if-error=86400"}


@pytest.fixture(scope="module")
def newsroom(site: Site) -> Iterator[Site]:
    site.add_plugin(PLUGIN)
    yield site
    assert [line for line in site.log.splitlines() if "read-also" in line] == []


@pytest.fixture(scope="module")
def post(newsroom: Site) -> int:
    return newsroom.insert(post_title="Tram line opens", post_content="It left at dawn.")


def page(site: Site, post: int) -> str:
    with site.client() as client:
        answer = client.get(f"/?p={post}", follow_redirects=True, timeout=15)
    assert answer.status_code == 200
    assert "It left at dawn." in answer.text
    return answer.text


def waiting(site: Site) -> int:
    count: int = site.run("return ReadAlso\\waiting();")
    return count


def listing(text: str) -> Answer:
    return Answer(200, SECTION.format(text) + "</li></ul></section>", NEVER_STALE)


def sent(stage: Stage) -> list[tuple[str, str]]:
    """Which changes a service was told of, in order, and of which post."""
    return [(one.method, one.path.rpartition(":")[2]) for one in stage.asked if one.method != "GET"]


# --- pages ---


def test_a_page_shows_the_last_copy_while_the_service_is_away(
    newsroom: Site, stage: Stage, post: int
) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = lambda _: listing("a copy")
    assert "a copy" in page(newsroom, post)
    stage.answer = lambda _: Answer(503)
    assert "a copy" in page(newsroom, post)
    assert "a copy" in page(newsroom, post)
    assert len(stage.asked) == 2  # the third page left the service alone


def test_a_page_without_a_copy_shows_none_while_the_service_is_away(
    newsroom: Site, post: int
) -> None:
    configure(newsroom, url=f"http://127.0.0.1:{free_port()}", key=KEY)
    assert "read-also" not in page(newsroom, post)


def test_one_page_alone_waits_for_a_service_that_never_answers(newsroom: Site, post: int) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        silent.settimeout(0.5)
        configure(newsroom, url=f"http://127.0.0.1:{silent.getsockname()[1]}", key=KEY)
        for _ in range(5):
            assert "read-also" not in page(newsroom, post)
        silent.accept()[0].close()
        with pytest.raises(TimeoutError):
            silent.accept()


def test_a_fresh_copy_is_shown_without_asking_again(
    newsroom: Site, stage: Stage, post: int
) -> None:
    configure(newsroom, url=stage.address, key=KEY, limit=4)
    stage.answer = lambda _: Answer(
        200, SECTION.format("fresh"), {"Cache-Control": "private, max-age=30, stale-if-error=86400"}
    )
    for _ in range(3):
        assert "fresh" in page(newsroom, post)
    assert [one.path for one in stage.asked] == [
        f"/v1/articles/{article_of(newsroom, post)}/related.html?limit=4"
    ]
    assert stage.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_copy_that_did_not_change_is_not_sent_again(
    newsroom: Site, stage: Stage, post: int
) -> None:
    configure(newsroom, url=stage.address, key=KEY)

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
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = lambda _: Answer(200, SECTION.format("x"), {"Cache-Control": "max-age=0"})
    page(newsroom, post)
    stage.answer = lambda _: Answer(503)
    assert "read-also" not in page(newsroom, post)


def test_a_copy_of_before_a_withdrawal_is_looked_at_again(
    newsroom: Site, stage: Stage, post: int
) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    fresh = {"Cache-Control": "max-age=30"}
    stage.answer = lambda _: Answer(200, SECTION.format("with it"), fresh)
    other = save(newsroom, title="Soon gone", content="Gone.")
    assert "with it" in page(newsroom, post)
    save(newsroom, other, status="draft")
    stage.answer = lambda _: Answer(200, SECTION.format("without"), fresh)
    assert "without" in page(newsroom, post)


def test_an_unknown_article_has_no_list(newsroom: Site, stage: Stage, post: int) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = lambda _: GONE
    assert "read-also" not in page(newsroom, post)
    assert "read-also" not in page(newsroom, post)
    assert len(stage.asked) == 1


def test_what_a_service_should_never_send_does_not_reach_a_page(
    newsroom: Site, stage: Stage, post: int
) -> None:
    configure(newsroom, url=stage.address, key=KEY)
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


def test_the_list_stands_once_and_only_on_the_page_of_the_post(
    newsroom: Site, stage: Stage, post: int
) -> None:
    stage.answer = lambda _: listing("listed")
    configure(newsroom, url=stage.address, key=KEY)
    own = newsroom.insert(post_title="Own", post_content='It left at dawn. [read-also limit="3"] .')
    block = (
        "<!-- wp:paragraph --><p>It left at dawn.</p><!-- /wp:paragraph -->"
        '<!-- wp:read-also/list {"limit":2} /-->'
    )
    placed = newsroom.insert(post_title="Placed", post_content=block)
    assert [page(newsroom, one).count("<section") for one in (post, own, placed)] == [1, 1, 1]
    limits = [one.path.rpartition("=")[2] for one in stage.asked if one.method == "GET"]
    assert limits == ["6", "3", "2"]
    with newsroom.client() as client:
        feed = f"/?p={post}&feed=rss2&withoutcomments=1"
        for path in ("/", "/feed/", feed, "/wp-json/wp/v2/posts", f"/?p={post}&embed=true"):
            assert "<section" not in client.get(path, follow_redirects=True).text
    configure(newsroom, url=stage.address, key=KEY, place=False)
    assert [page(newsroom, one).count("<section") for one in (post, own)] == [0, 1]


def test_an_excerpt_on_the_page_of_the_post_has_no_list(
    newsroom: Site, stage: Stage, post: int
) -> None:
    configure(newsroom, url=stage.address, key=KEY)
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
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = lambda _: Answer(503)
    first = save(newsroom, title="Saved while away", content="Saved.")
    second = save(newsroom, title="Saved as well", content="Saved.")
    save(newsroom, second, status="draft")
    assert sent(stage) == [("PUT", str(first))]  # then the service was left alone
    assert waiting(newsroom) == 2
    stage.answer = lambda _: Answer(200)
    newsroom.run("do_action('read_also_push');")
    assert set(sent(stage)[1:]) == {("PUT", str(first)), ("DELETE", str(second))}
    assert waiting(newsroom) == 0


def test_a_404_of_some_other_server_does_not_settle_a_withdrawal(
    newsroom: Site, stage: Stage
) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = lambda _: Answer(201)
    post = newsroom.insert(post_title="Soon gone", post_content="Text.")
    stage.answer = lambda _: Answer(404, "<h1>Not here</h1>", {"Content-Type": "text/html"})
    newsroom.trash(post)
    assert waiting(newsroom) == 1
    stage.answer = lambda _: GONE
    newsroom.run("do_action('read_also_push');")
    assert waiting(newsroom) == 0


def test_wordpress_tries_again_by_itself(newsroom: Site, stage: Stage) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = lambda _: Answer(503)
    post = save(newsroom, title="Tried again", content="Saved.")
    due = newsroom.run(
        """for ($n = 0; $n < 6; $n++) {
            $due[] = wp_next_scheduled('read_also_push') - time();
            do_action('read_also_push');
        }
        return $due;"""
    )
    assert [-(-seconds // 10) * 10 for seconds in due] == [30, 60, 120, 240, 480, 900]
    stage.answer = lambda _: Answer(201)
    newsroom.run("ReadAlso\\push_later(0);")
    newsroom.cron()
    assert sent(stage) == [("PUT", str(post))] * 8
    assert waiting(newsroom) == 0
    assert newsroom.run("return wp_next_scheduled('read_also_push');") is False


def test_saving_goes_on_beside_a_service_that_never_answers(newsroom: Site) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        configure(newsroom, url=f"http://127.0.0.1:{silent.getsockname()[1]}", key=KEY)
        posts = [save(newsroom, title=f"Saved {n}", content="Saved.") for n in range(3)]
        assert waiting(newsroom) == len(posts)


def test_what_is_remembered_has_an_end_after_which_all_is_pushed_anew(
    newsroom: Site, stage: Stage
) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = lambda _: Answer(503)
    newsroom.run(
        """global $wpdb;
        $wpdb->query("INSERT INTO {$wpdb->options} (option_name, option_value, autoload)
            SELECT CONCAT('read_also_due_', 1000000 + seq), 'old', 'no' FROM seq_1_to_10000");"""
    )
    newsroom.insert(post_title="One more", post_content="Saved.")
    assert newsroom.run("return ReadAlso\\count_rows('read_also_due_');") == 10_000
    assert newsroom.run("return ReadAlso\\count_rows('read_also_sweep_all');") == 1


def test_a_refused_article_is_told_of_and_not_sent_again(newsroom: Site, stage: Stage) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    problem = {"detail": "no good", "errors": [{"pointer": "/title", "detail": "too long"}]}
    stage.answer = lambda _: Answer(422, json.dumps(problem))
    post = save(newsroom, title="Refused", content="Saved.")
    assert waiting(newsroom) == 0
    told = newsroom.run("return get_option('read_also_trouble')['text'];")
    assert told == f"The service refused post {post}: 422 no good /title too long"


def test_a_filter_that_fails_breaks_neither_the_save_nor_the_other_posts(
    newsroom: Site, stage: Stage
) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = lambda _: Answer(201)
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
    assert sent(stage) == [("PUT", str(made[1]))]
    assert newsroom.run("return get_option('read_also_trouble')['text'];") == (
        f"Post {made[0]} cannot be rendered: boom"
    )


def test_of_two_saves_at_once_the_later_one_stands(newsroom: Site, stage: Stage) -> None:
    """An editor saves while the save of another is on its way to the service."""
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = lambda _: Answer(200)
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


def test_what_was_never_public_is_never_sent(newsroom: Site, stage: Stage) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    draft = save(newsroom, title="Draft", content="Not yet.", status="draft")
    save(newsroom, draft, content="Still not.")
    with newsroom.client("editor") as client:
        client.post("/wp-json/wp/v2/pages", json={"title": "About", "status": "publish"})
        client.delete(f"/wp-json/wp/v2/posts/{draft}", params={"force": "true"})
    assert stage.asked == []


def test_a_bulk_edit_is_sent_as_one_call(newsroom: Site, stage: Stage) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    lines: list[dict[str, object]] = []

    def answer(asked: Asked) -> Answer:
        lines.extend(json.loads(line) for line in asked.body.splitlines())
        items = [{"id": "x", "status": 204 if "delete" in line else 201} for line in lines]
        return Answer(200, json.dumps({"errors": False, "items": items}))

    stage.answer = answer
    fields = {"post_status": "publish", "post_content": "Many."}
    posts = newsroom.fill([fields | {"post_title": f"Number {n}"} for n in range(7)])
    posts += newsroom.fill([fields | {"post_title": "Hidden", "post_password": "sesame"}])
    assert [(one.method, one.path) for one in stage.asked[:1]] == [("POST", "/v1/bulk")]
    ids = {article_of(newsroom, post) for post in posts[:7]}
    assert {line["id"] for line in lines if "id" in line} == ids
    assert sent(stage)[1:] == [("DELETE", str(posts[7]))]


def test_a_rename_of_a_large_category_is_sent_by_and_by(newsroom: Site, stage: Stage) -> None:
    configure(newsroom, url="", key="")
    term = newsroom.category("Large")
    fields = {"post_status": "publish", "post_content": "Many.", "post_category": [term]}
    posts = newsroom.fill([fields | {"post_title": f"Large {n}"} for n in range(60)])
    configure(newsroom, url=stage.address, key=KEY)
    sections: list[str] = []

    def answer(asked: Asked) -> Answer:
        lines = [json.loads(line) for line in asked.body.splitlines()]
        sections.extend(line["section"] for line in lines)
        items = [{"id": line["id"], "status": 200} for line in lines]
        return Answer(200, json.dumps({"errors": False, "items": items}))

    stage.answer = answer
    newsroom.run("wp_update_term($given['term'], 'category', ['name' => 'Larger']);", term=term)
    assert waiting(newsroom) == len(posts)
    newsroom.cron()
    assert comes_true(lambda: sections == ["Larger"] * len(posts))
    assert waiting(newsroom) == 0


def test_another_name_of_an_author_is_sent(newsroom: Site, stage: Stage) -> None:
    configure(newsroom, url="", key="")
    few = newsroom.run(
        """$user = wp_insert_user(['user_login' => 'a', 'user_pass' => 'x', 'display_name' => 'A']);
        return [$user, wp_insert_post(['post_title' => 'By A', 'post_author' => $user,
            'post_status' => 'publish'])];"""
    )
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = lambda _: Answer(200)
    rename = "wp_update_user(['ID' => $given['user'], 'display_name' => 'B']);"
    newsroom.run(rename, user=few[0])
    assert sent(stage) == [("PUT", str(few[1]))]
    assert json.loads(stage.asked[0].body)["authors"] == ["B"]
