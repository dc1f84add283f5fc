"""The plugin keeps the whole archive equal: other addresses and types, unseen posts, WP-CLI."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from recommender.sources.article_ids import wordpress_id
from tests.support.serving import KEY
from tests.support.waiting import free_port
from tests.wordpress.plugin import article_of, configure, pass_time
from tests.wordpress.service import HTML, PLUGIN_KEY, Answer, Asked, Service, Stage, accept
from tests.wordpress.site import Site

PHP = Path(__file__).parent / "php"
LINKS = "/%year%/%postname%/"
TYPES = ["post", "page"]
DUE = """
    global $wpdb;
    return $wpdb->get_col("SELECT SUBSTRING(option_name, 15) FROM {$wpdb->options}
        WHERE option_name LIKE 'read\\_also\\_due\\_%' ORDER BY option_id");"""
NEWS = """
    ob_start();
    ReadAlso\\print_news();
    ReadAlso\\print_move();
    return trim(preg_replace('/\\s+/', ' ', wp_strip_all_tags(ob_get_clean())));"""
Stored = Callable[[int], Mapping[str, Any] | None]


@pytest.fixture(scope="module")
def newsroom(newsroom: Site) -> Site:
    """It has WP-CLI, by a stand-in."""
    shutil.copy(PHP / "wp-cli.php", newsroom.folder / "content/mu-plugins")
    return newsroom


@pytest.fixture
def stored(newsroom: Site, service: Service) -> Iterator[Stored]:
    """By the number of a post its article; both sides begin and end empty."""
    clear(newsroom, service)
    configure(newsroom, url=service.address, key=PLUGIN_KEY, types=TYPES)
    pass_time(newsroom)  # what articles are made of is known from now on
    yield lambda post: service.article(article_of(newsroom, post))
    newsroom.run("update_option('permalink_structure', $given['links']); return 1;", links=LINKS)
    clear(newsroom, service)


def clear(newsroom: Site, service: Service) -> None:
    configure(newsroom, url="", key="")
    newsroom.empty()
    service.empty()


def publish(newsroom: Site, *titles: str, kind: str = "post") -> list[int]:
    """Insert posts and have them sent."""
    fields = {
        "post_status": "publish",
        "post_author": 1,
        "post_content": "Text.",
        "post_type": kind,
    }
    posts = newsroom.fill([fields | {"post_title": title} for title in titles])
    pass_time(newsroom)
    return posts


# --- other addresses ---


@pytest.mark.parametrize(
    ("option", "value"), [("permalink_structure", "/news/%post_id%/"), ("permalink_structure", "")]
)
def test_other_links_are_sent_by_themselves(
    newsroom: Site, stored: Stored, option: str, value: str
) -> None:
    post, other = publish(newsroom, "One", "Two")
    said = newsroom.run(
        "update_option($given['option'], $given['value']);do_action('shutdown');" + NEWS,
        option=option,
        value=value,
    )
    assert "The addresses of posts have changed" in said
    assert "2 posts wait to be sent." in said
    pass_time(newsroom)
    expected = newsroom.run("return get_permalink($given['post']);", post=post)
    assert (stored(post) or {})["url"] == expected
    assert str(post) in expected
    assert (stored(other) or {})["title"] == "Two"
    assert "The service has every change." in newsroom.run(NEWS)
    assert newsroom.run(NEWS) == ""


def test_another_base_of_categories_is_sent_too(newsroom: Site, stage: Stage) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    newsroom.insert(post_title="One", post_content="Text.")
    stage.answer = accept
    pass_time(newsroom)
    assert newsroom.run(DUE) == []
    due = newsroom.run("update_option('category_base', 'rubrik'); do_action('shutdown');" + DUE)
    newsroom.run("delete_option('category_base'); return 1;")
    assert len(due) == 1


@pytest.fixture
def at_localhost(newsroom: Site) -> Iterator[str]:
    """The site at another address, under which it answers as well as under its own."""
    address = newsroom.home.replace("127.0.0.1", "localhost")
    moved = newsroom.folder / "content/mu-plugins/moved.php"
    moved.write_text(
        f"<?php foreach ( array( 'home', 'siteurl' ) as $o ) {{ add_filter( "
        f"\"option_$o\", function () {{ return '{address}'; }}, 99 ); }}"
    )
    yield address
    moved.unlink(missing_ok=True)


def test_a_site_that_moved_is_sent_anew_and_its_old_articles_go(
    newsroom: Site, stored: Stored, service: Service, stage: Stage
) -> None:
    stage.answer = lambda _: Answer(301, headers={"Location": f"{newsroom.home}/?rest_route=/"})
    old = wordpress_id(stage.address, 7)
    service.put(old, "Under the old address", "Text.")
    post = publish(newsroom, "One")[0]
    move_from(newsroom, stage.address)
    pass_time(newsroom)
    assert service.article(old) is None
    assert stored(post)
    assert "The site moved from" in newsroom.run(NEWS)


def move_from(newsroom: Site, address: str) -> None:
    """Let the plugin find that the site had another address; then WP-Cron runs."""
    newsroom.run(
        "$origin = get_option('read_also_origin'); $origin['home'] = $given['from'];"
        "update_option('read_also_origin', $origin); return 1;",
        **{"from": address},
    )
    pass_time(newsroom)


def test_a_copy_of_a_site_sends_nothing_until_a_person_says_so(
    newsroom: Site, stored: Stored, service: Service, stage: Stage
) -> None:
    stage.answer = lambda _: Answer(200, f'{{"home": "{stage.address}"}}')
    service.put(wordpress_id(stage.address, 7), "The original", "Text.")
    move_from(newsroom, stage.address)
    assert [one.path for one in stage.asked] == ["/?rest_route=/"]
    post = publish(newsroom, "Only here")[0]
    assert stored(post) is None
    assert f"This seems to be a copy of {stage.address}" in newsroom.run(NEWS)
    newsroom.run("ReadAlso\\finish_move(false); return 1;")
    pass_time(newsroom)
    assert (stored(post) or {})["title"] == "Only here"
    assert service.article(wordpress_id(stage.address, 7)) is not None


REPLACE = """
    foreach (['read_also_origin', 'read_also_sweep', 'read_also_move'] as $name) {
        $kept = get_option($name);
        if (is_array($kept)) {
            array_walk_recursive($kept, function (&$text) use ($given) {
                $text = str_replace($given['old'], $given['new'], (string) $text);
            });
            update_option($name, $kept);
        }
    }
    return 1;"""


def test_a_copy_is_noticed_whose_database_names_the_new_address_everywhere(
    newsroom: Site, stored: Stored, service: Service, request: pytest.FixtureRequest
) -> None:
    """As a search and replace leaves it. Here the copy itself answers under the old name, too."""
    post = publish(newsroom, "One")[0]
    address = request.getfixturevalue("at_localhost")
    newsroom.run(REPLACE, old=newsroom.home, new=address)
    for _ in range(2):
        pass_time(newsroom)
    assert service.article(wordpress_id(address, post)) is None
    assert stored(post)
    assert f"This seems to be a copy of {newsroom.home}" in newsroom.run(NEWS)


def test_a_copy_deletes_nothing_that_the_real_site_had_still_to_compare(
    newsroom: Site, stored: Stored, service: Service, request: pytest.FixtureRequest
) -> None:
    post = publish(newsroom, "One")[0]
    newsroom.run("ReadAlso\\begin_sweep(['former.example']); return 1;")
    service.put("wp:former.example:7", "Of the real site's former address", "Text.")
    address = request.getfixturevalue("at_localhost")
    newsroom.run("ReadAlso\\compare_origin(); ReadAlso\\finish_move(false); return 1;")
    for _ in range(2):
        pass_time(newsroom)
    assert newsroom.run("return get_option('read_also_sweep');") is False
    assert service.article(wordpress_id(address, post))
    assert stored(post)
    assert service.article("wp:former.example:7")


def test_an_old_address_that_the_new_one_begins_alike_does_not_lead_there(
    newsroom: Site, stored: Stored, service: Service
) -> None:
    address = f"{newsroom.home}/old"
    service.put(wordpress_id(address, 7), "The original", "Text.")
    post = publish(newsroom, "One")[0]
    move_from(newsroom, address)
    pass_time(newsroom)
    assert service.article(wordpress_id(address, 7))
    assert f"This seems to be a copy of {address}" in newsroom.run(NEWS)
    assert stored(post)


@pytest.mark.parametrize("answers", ["10.0.0.5:8080", "news.com", "news.co.uk", "10.0.0.50"])
def test_a_name_that_begins_alike_is_another_site(newsroom: Site, answers: str) -> None:
    """What stands there answers without saying whose it is."""
    homes = {"10.0.0.5:8080": "10.0.0.5", "10.0.0.50": "10.0.0.5"}
    what = newsroom.run(
        """
        $home = 'http://' . $given['home'];
        add_filter('option_home', function () use ($home) { return $home; }, 99);
        add_filter('pre_http_request', function ($no, $arguments, $address) {
            $last = new WpOrg\\Requests\\Response();
            $last->url = $address;
            $last->status_code = 401;
            return ['response' => ['code' => 401], 'headers' => [], 'body' => 'Sign in.',
                'http_response' => new WP_HTTP_Requests_Response($last)];
        }, 99, 3);
        ReadAlso\\ask_about_move('http://' . $given['answers']);
        ReadAlso\\settle_move();
        return ReadAlso\\open_move()['what'] ?? 'moved';""",
        home=homes.get(answers, "news.co"),
        answers=answers,
    )
    newsroom.run("delete_option('read_also_move'); return 1;")
    assert what == "copy"


def test_whatever_answers_at_the_old_address_holds_the_posts(
    newsroom: Site, stored: Stored, stage: Stage
) -> None:
    sign_in = Answer(200, "<title>Sign in</title>", HTML)
    for answer in (*map(Answer, (401, 403, 404, 429, 503)), sign_in, Answer(200, '{"home": []}')):
        stage.answer = lambda _, answer=answer: answer  # type: ignore[misc]
        what = newsroom.run(
            """delete_option('read_also_move');
            ReadAlso\\ask_about_move($given['from']);
            ReadAlso\\settle_move();
            return ReadAlso\\open_move()['what'] ?? 'moved';""",
            **{"from": stage.address},
        )
        assert (answer, what) == (answer, "copy")
    assert stored(publish(newsroom, "Only here")[0]) is None


def test_the_first_request_of_a_copy_sends_nothing(
    newsroom: Site, stored: Stored, service: Service, request: pytest.FixtureRequest
) -> None:
    """Before WP-Cron ran: an edit, and a push of all. Back at its address the site goes on."""
    post = publish(newsroom, "One")[0]
    address = request.getfixturevalue("at_localhost")
    newsroom.run("ReadAlso\\mark($given['post'], 'post'); return 1;", post=post)
    newsroom.run("return ReadAlso\\push_due(0, 9, 1);")
    assert service.article(wordpress_id(address, post)) is None
    said, code = call(newsroom, "push")
    assert (code, "Say --moved or --copied." in said) == (1, True)
    newsroom.run(REPLACE, old=newsroom.home, new=address)
    (newsroom.folder / "content/mu-plugins/moved.php").unlink()
    newsroom.update(post, post_title="Back")
    pass_time(newsroom)
    assert newsroom.run("return ReadAlso\\is_on_hold();") is False
    assert (stored(post) or {})["title"] == "Back"


def test_another_service_gets_all_posts(newsroom: Site, stored: Stored, stage: Stage) -> None:
    kept = newsroom.run("return get_option('read_also');")
    stage.answer = accept
    configure(newsroom, url=stage.address, key=KEY)
    posts = publish(newsroom, "One", "Two")
    newsroom.run("ReadAlso\\push_all(); return 1;")
    pass_time(newsroom)
    said = newsroom.run(
        "update_option('read_also', $given['kept']); do_action('shutdown');" + NEWS, kept=kept
    )
    assert "The address of the service has changed. All posts are sent there." in said
    pass_time(newsroom)
    assert all(stored(post) for post in posts)


def test_articles_of_an_address_where_nobody_answers_wait_for_a_person(
    newsroom: Site, stored: Stored, service: Service
) -> None:
    post = publish(newsroom, "One")[0]
    service.put("wp:gone.example:7", "Under the old address", "Text.")
    service.put("wp:gone.example.org:7", "Of another site", "Text.")
    move_from(newsroom, "http://gone.example")
    later = publish(newsroom, "Two")[0]
    assert stored(later) is None
    assert service.article("wp:gone.example:7") is not None
    said = newsroom.run(NEWS)
    assert "The address of this site was http://gone.example. Nobody answers there." in said
    assert "It has moved: delete the articles of the old address" in said
    health = newsroom.run("return ReadAlso\\test_queue();")
    assert health["status"] == "critical"
    for told in (health["description"], call(newsroom, "status")[0]):
        assert "http://gone.example. Nobody answers there." in told
        assert "wp read-also push --moved" in told.replace("&quot;", '"')
    newsroom.run("ReadAlso\\finish_move(true); return 1;")
    pass_time(newsroom)
    assert service.article("wp:gone.example:7") is None
    assert service.article("wp:gone.example.org:7") is not None
    assert stored(post) is not None
    assert stored(later) is not None


AN_HOUR_LATER = """
    ReadAlso\\ask_about_move('http://gone.example');
    ReadAlso\\settle_move();
    $asked = 0;
    add_filter('pre_http_request', function ($no, $arguments, $address) use (&$asked) {
        ++$asked;
        $last = new WpOrg\\Requests\\Response();
        $last->url = home_url('/?rest_route=/');
        $last->status_code = 200;
        return ['response' => ['code' => 200], 'headers' => [], 'body' => '{}',
            'http_response' => new WP_HTTP_Requests_Response($last)];
    }, 99, 3);
    ReadAlso\\settle_move();
    $said[] = [ReadAlso\\open_move()['what'] ?? 'moved', $asked];
    update_option('read_also_move', ['at' => time() - 3600] + get_option('read_also_move'));
    ReadAlso\\settle_move();
    $said[] = [ReadAlso\\open_move()['what'] ?? 'moved', $asked];
    return $said;"""


def test_an_address_where_nobody_answered_is_asked_again_after_an_hour(newsroom: Site) -> None:
    """It was only away, and leads to the new address now."""
    configure(newsroom, url=f"http://127.0.0.1:{free_port()}", key=KEY)
    assert newsroom.run(AN_HOUR_LATER) == [["unknown", 0], ["moved", 1]]


# --- other types ---


def choose_types(newsroom: Site, *types: str) -> None:
    newsroom.run(
        "update_option('read_also', ['types' => $given['types']] + get_option('read_also'));"
        "do_action('shutdown'); return 1;",
        types=types,
    )


def test_a_type_that_is_chosen_no_longer_leaves_the_service(newsroom: Site, stored: Stored) -> None:
    post = publish(newsroom, "A post")[0]
    kept, trashed = publish(newsroom, "A page", "A page to be trashed", kind="page")
    assert stored(kept)
    choose_types(newsroom, "post")
    newsroom.trash(trashed)
    pass_time(newsroom)
    assert [stored(kept), stored(trashed)] == [None, None]
    assert stored(post)
    choose_types(newsroom, *TYPES)
    pass_time(newsroom)
    assert stored(kept)
    assert stored(trashed) is None


def test_many_articles_of_a_type_leave_in_bulk(newsroom: Site, stage: Stage) -> None:
    stage.answer = accept
    configure(newsroom, url=stage.address, key=KEY, types=TYPES)
    publish(newsroom, *(f"Page {n}" for n in range(40)), kind="page")
    stage.asked.clear()
    choose_types(newsroom, "post")
    pass_time(newsroom)
    deletions = [one.body.count(b'{"delete"') for one in stage.asked if one.path == "/v1/bulk"]
    assert sum(deletions) >= 40
    assert len(deletions) <= 3


# --- posts that went unseen ---


def test_what_was_deleted_while_the_plugin_was_off_leaves_the_service(
    newsroom: Site, stored: Stored, service: Service
) -> None:
    gone, left, draft = publish(newsroom, "Gone", "Left", "Hidden")
    service.put("wp:another.example:1", "Of another site", "Text.")
    newsroom.run(
        "require_once ABSPATH . 'wp-admin/includes/plugin.php';"
        "deactivate_plugins('read-also/read-also.php');"
    )
    newsroom.delete(gone)
    newsroom.update(draft, post_status="draft")
    newsroom.run(
        "require_once ABSPATH . 'wp-admin/includes/plugin.php';"
        "return is_wp_error(activate_plugin('read-also/read-also.php'));"
    )
    pass_time(newsroom)
    assert [stored(gone), stored(draft)] == [None, None]
    assert stored(left)
    assert service.article("wp:another.example:1")
    assert newsroom.run("return get_option('read_also_sweep');") is False


def test_a_service_that_lists_no_ids_is_sent_all_the_same(newsroom: Site, stage: Stage) -> None:
    """An older release, and one that is away."""
    stage.answer = accept
    configure(newsroom, url=stage.address, key=KEY)
    newsroom.run("ReadAlso\\push_all(); return 1;")
    pass_time(newsroom)
    assert newsroom.run("return get_option('read_also_sweep');") is False
    newsroom.run("ReadAlso\\push_all(); return 1;")

    def refuse(asked: Asked) -> Answer:
        return Answer(503) if "article-ids" in asked.path else accept(asked)

    stage.answer = refuse
    pass_time(newsroom)
    assert newsroom.run("return get_option('read_also_sweep')['cursor'];") == ""


# --- users and excerpts ---


def test_of_a_user_who_left_only_the_own_posts_are_sent_again(newsroom: Site, stage: Stage) -> None:
    stage.answer = accept
    configure(newsroom, url=stage.address, key=KEY)
    made = newsroom.run(
        """
        require_once ABSPATH . 'wp-admin/includes/user.php';
        $leaver = wp_insert_user(['user_login' => 'leaver', 'user_pass' => 'x']);
        foreach ([$leaver, 1, 1, $leaver] as $author) {
            $posts[] = wp_insert_post(['post_title' => 'By ' . $author, 'post_content' => 'x',
                'post_status' => 'publish', 'post_author' => $author]);
        }
        $wpdb = $GLOBALS['wpdb'];
        $wpdb->query("DELETE FROM {$wpdb->options} WHERE option_name LIKE 'read\\_also\\_due\\_%'");
        wp_delete_user($leaver, 1);
        return [$posts, ReadAlso\\due(0, 99), get_post($posts[0])->post_author];"""
    )
    posts, due, author = made
    assert author == "1"
    numbers = {int(one["name"].removeprefix("read_also_due_")) for one in due}
    assert numbers == {posts[0], posts[3]}


def test_an_automatic_excerpt_is_no_summary(newsroom: Site) -> None:
    text = (
        "The pilots of the harbour say that they need a stronger tug. " * 2 + "Ships come in. " * 9
    )
    automatic = f"{text[:200]} Continue reading: Pilots need a tug"
    own = "A stronger tug is what pilots want, our reporter was told on board."
    for excerpt, summary in ((automatic, None), (own, own)):
        post = newsroom.insert(post_title="Tug", post_content=text, post_excerpt=excerpt)
        document = (
            "return json_decode(ReadAlso\\document($given['post']), true)['summary'] ?? null;"
        )
        assert newsroom.run(document, post=post) == summary


# --- the queue ---


def test_the_queue_says_how_much_waits_and_how_long(newsroom: Site, stage: Stage) -> None:
    configure(newsroom, url=stage.address, key=KEY)
    state = newsroom.run(
        """
        update_option('read_also_pace', 10.0);
        for ($post = 1; $post <= 1500; $post++) {
            ReadAlso\\keep_row(ReadAlso\\DUE . $post, ReadAlso\\token(0));
        }
        $all = ReadAlso\\queue_state();
        ReadAlso\\note_answer('write', false);
        return [$all, ReadAlso\\queue_state()];"""
    )
    text = "1,500 posts wait to be sent. WP-Cron sends them in about 8 minutes."
    assert state[0] == {"waiting": 1500, "tried": [], "away": False, "seconds": 480, "text": text}
    assert (state[1]["away"], state[1]["seconds"]) == (True, None)
    assert "The service did not answer; it is tried every minute." in state[1]["text"]


def test_a_push_of_all_keeps_what_editors_changed_in_front_and_tries_again_what_was_tried(
    newsroom: Site, stage: Stage
) -> None:
    """A post that is being sent just now is among those that were tried; it goes once more."""
    configure(newsroom, url=stage.address, key=KEY)
    newsroom.empty()
    new, tried, edited, old = newsroom.fill(
        [{"post_status": "publish", "post_author": 1, "post_title": f"Post {n}"} for n in range(4)]
    )
    lines = newsroom.run(
        """
        $wpdb = $GLOBALS['wpdb'];
        $wpdb->query("DELETE FROM {$wpdb->options} WHERE option_name LIKE 'read\\_also\\_due\\_%'");
        ReadAlso\\keep_row(ReadAlso\\DUE . $given['tried'], ReadAlso\\token(time() + 30, 1));
        ReadAlso\\keep_row(ReadAlso\\DUE . $given['edited'], ReadAlso\\token(time() - 5));
        ReadAlso\\push_all();
        $all = ReadAlso\\due(0, 9);
        ReadAlso\\put_in_line('ID = ' . $given['old'], time());
        return [$all, ReadAlso\\due(0, 9)];""",
        tried=tried,
        edited=edited,
        old=old,
    )
    numbers = [[int(row["name"].removeprefix("read_also_due_")) for row in line] for line in lines]
    assert numbers[0][0] == edited
    assert set(numbers[0]) == {new, tried, edited, old}
    assert numbers[1][:2] == [old, edited]


# --- WP-CLI, by a stand-in ---


def call(newsroom: Site, method: str, *arguments: object, **options: object) -> tuple[str, int]:
    """What `wp read-also METHOD` says, and its exit code."""
    said, code = newsroom.run(
        """return WP_CLI::call(
            'read-also', $given['method'], $given['arguments'], $given['options']);""",
        method=method,
        arguments=arguments,
        options=options,
    )
    return "\n".join(said), code


def test_the_commands_push_check_and_purge(
    newsroom: Site, stored: Stored, service: Service
) -> None:
    posts = publish(newsroom, "One", "Two")
    assert call(newsroom, "check")[1] == 0
    service.put(article_of(newsroom, 999), "Unseen", "Text.")
    with service.client() as client:
        client.delete(f"/v1/articles/{article_of(newsroom, posts[0])}").raise_for_status()
    said, code = call(newsroom, "check")
    assert code == 1
    assert "2 posts are published, 2 articles are in the service." in said
    assert f"by a filter): 1: {posts[0]}" in said
    assert "In the service, but not published: 1: 999" in said
    said, code = call(newsroom, "push")
    assert (code, said.splitlines()[-1]) == (0, "Success: The service has every change.")
    assert call(newsroom, "check")[1] == 0
    said, code = call(newsroom, "purge")
    assert (code, "Delete 2 articles of" in said) == (1, True)
    assert stored(posts[0])
    said, code = call(newsroom, "purge", yes=True)
    assert (code, said.splitlines()[-1]) == (0, "Success: 2 articles were deleted.")
    assert [stored(post) for post in posts] == [None, None]
    assert call(newsroom, "push", str(posts[1]))[1] == 0
    assert [bool(stored(post)) for post in posts] == [False, True]


def test_the_commands_say_what_is_wrong(newsroom: Site, stage: Stage) -> None:
    configure(newsroom, url="", key="")
    for method in ("push", "check", "purge"):
        assert call(newsroom, method) == ("Error: No address is set.", 1)
    configure(newsroom, url=stage.address, key=KEY)
    stage.answer = lambda _: Answer(503)
    said, code = call(newsroom, "check")
    assert (code, "cannot be compared with the posts: 503" in said) == (1, True)
    newsroom.insert(post_title="One", post_content="Text.")
    said, code = call(newsroom, "push")
    assert (code, "The service does not take posts now" in said) == (1, True)
    said, code = call(newsroom, "status")
    assert code == 0
    assert f"Service: {stage.address}" in said
    assert "Something answers at" in said
    assert "Last trouble:" in said
    assert "is no number of a post" in call(newsroom, "push", "one")[0]
