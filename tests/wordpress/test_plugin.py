"""The plugin in a real WordPress with the real service: edits show in the lists."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from recommender.articles import Article, parse_article
from recommender.sources.wordpress.posts import FIELDS, read_post
from tests.wordpress.plugin import (
    PLUGIN,
    article_of,
    comes_true,
    configure,
    pass_time,
    remove,
    save,
)
from tests.wordpress.service import PLUGIN_KEY, Service
from tests.wordpress.site import Site

TEXTS = {
    "Harbour crane lifts record cargo": "The crane at the harbour lifted a record load of cargo on "
    "Monday, and the port hopes that larger ships will call there from now on.",
    "Harbour pilots ask for a new tug": "The pilots of the harbour say that they need a stronger "
    "tug for the large ships which come in with every tide since the spring.",
    "Ferry dock at the harbour reopens": "The ferry dock was closed for a month after a storm "
    "broke the pier, and the first boat brought two hundred people over the bay.",
}
TUG = (
    "<p>A tug pulled a ship off the rocks near the harbour in the night of the storm, and its crew "
    "of nine was brought to the town by the lifeboat in the morning.</p>"
)


@pytest.fixture(scope="module")
def newsroom(site: Site, service: Service) -> Iterator[Site]:
    """A site whose plugin pushes to the service and places its lists."""
    site.add_plugin(PLUGIN)
    configure(site, url=service.address, key=PLUGIN_KEY)
    yield site
    assert [line for line in site.log.splitlines() if "read-also" in line] == []


@pytest.fixture(scope="module")
def seed(newsroom: Site, service: Service) -> int:
    """A post whose list is looked at, on a site with two more."""
    posts = [save(newsroom, title=title, content=f"<p>{text}</p>") for title, text in TEXTS.items()]
    ids = {article_of(newsroom, post) for post in posts[1:]}
    assert comes_true(lambda: ids <= set(service.titles(article_of(newsroom, posts[0]))))
    return posts[0]


@pytest.fixture
def listed(newsroom: Site, service: Service, seed: int) -> Callable[[int], bool]:
    """Whether the list under the seed has a post."""
    return lambda post: article_of(newsroom, post) in service.titles(article_of(newsroom, seed))


Listed = Callable[[int], bool]


@pytest.fixture
def post(newsroom: Site, listed: Listed) -> Iterator[int]:
    """A published post that stands in the list under the seed."""
    made = save(newsroom, title="Harbour tug saves a ship", content=TUG)
    assert comes_true(lambda: listed(made))
    yield made
    newsroom.delete(made)


def test_an_edit_shows_in_the_lists(newsroom: Site, service: Service, seed: int, post: int) -> None:
    save(newsroom, post, title="Harbour tug saves two ships &amp; a ferry")
    expected = "Harbour tug saves two ships & a ferry"

    def title() -> str | None:
        return service.titles(article_of(newsroom, seed)).get(article_of(newsroom, post))

    assert comes_true(lambda: title() == expected)


@pytest.mark.parametrize(
    ("withdrawn", "returned"),
    [
        pytest.param({"status": "trash"}, {"status": "publish"}, id="trashed"),
        pytest.param({"status": "private"}, {"status": "publish"}, id="private"),
        pytest.param({"status": "draft"}, {"status": "publish"}, id="a draft"),
        pytest.param({"password": "sesame"}, {"password": ""}, id="with a password"),
    ],
)
def test_a_withdrawn_post_is_in_no_list_until_it_returns(
    newsroom: Site,
    listed: Listed,
    post: int,
    withdrawn: dict[str, str],
    returned: dict[str, str],
) -> None:
    if withdrawn == {"status": "trash"}:
        remove(newsroom, post)
    else:
        save(newsroom, post, **withdrawn)
    assert comes_true(lambda: not listed(post))
    save(newsroom, post, **returned)
    assert comes_true(lambda: listed(post))


def test_a_deleted_post_is_in_no_list(newsroom: Site, listed: Listed, post: int) -> None:
    remove(newsroom, post, for_good=True)
    assert comes_true(lambda: not listed(post))


def test_a_scheduled_post_is_in_no_list_before_its_time(
    newsroom: Site, service: Service, listed: Listed, post: int
) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    save(newsroom, post, status="future", date_gmt=soon)
    assert comes_true(lambda: not listed(post))
    newsroom.run(
        """global $wpdb;
        $past = ['post_date' => '2026-01-05 10:00:00', 'post_date_gmt' => '2026-01-05 05:00:00'];
        $wpdb->update($wpdb->posts, $past, ['ID' => $given['post']]);
        wp_cache_delete($given['post'], 'posts');
        wp_clear_scheduled_hook('publish_future_post', [$given['post']]);
        wp_schedule_single_event(time(), 'publish_future_post', [$given['post']]);""",
        post=post,
    )
    newsroom.cron()
    assert comes_true(lambda: listed(post))
    stored = service.article(article_of(newsroom, post)) or {}
    assert stored["published_at"] == "2026-01-05T05:00:00Z"


def test_another_name_of_a_category_reaches_its_articles(
    newsroom: Site, service: Service, seed: int
) -> None:
    term = newsroom.category("Docks & quays")
    save(newsroom, seed, categories=[1, term])
    article = article_of(newsroom, seed)

    def section() -> object:
        return (service.article(article) or {}).get("section")

    assert comes_true(lambda: section() == "Docks & quays")
    with newsroom.client("admin") as client:
        client.post(f"/wp-json/wp/v2/categories/{term}", json={"name": "Port"}).raise_for_status()
    assert comes_true(lambda: section() == "Port")
    with newsroom.client("admin") as client:
        path = f"/wp-json/wp/v2/categories/{term}?force=true"
        client.delete(path).raise_for_status()
    assert comes_true(lambda: section() is None)


def test_a_page_shows_the_list_of_the_service(
    newsroom: Site, service: Service, seed: int, post: int
) -> None:
    title = "Harbour &amp; &lt;img src=x onerror=alert(1)&gt; tug"
    save(newsroom, post, title=title)

    def lists() -> list[str]:
        configure(
            newsroom, url=service.address, key=PLUGIN_KEY
        )  # without the copy of another worker
        with newsroom.client() as client:
            page = client.get(f"/?p={seed}", follow_redirects=True).text
        return re.findall(r'<section class="read-also .*?</section>', page, re.DOTALL)

    def fragment() -> str:
        path = f"/v1/articles/{article_of(newsroom, seed)}/related.html"
        with service.client() as client:
            shown = (
                "limit=6&layout=list-thumbs&stylesheet=0&images=1&labels=1&time_zone=Asia/Dushanbe"
            )
            return client.get(f"{path}?{shown}").text

    assert comes_true(lambda: f">{title}<" in "".join(lists()))
    # The title shows at once; the order of the list changes when the new text has been read.
    assert comes_true(lambda: lists() == [fragment().strip()])
    assert f'href="{newsroom.home}/' in fragment()


@pytest.mark.parametrize("title", ["0", "In 1998&#150;1999 &#128; 5 &#x1F389;"])
def test_a_title_is_pushed_as_a_pull_reads_it(newsroom: Site, title: str) -> None:
    post = newsroom.insert(post_title=title, post_content="Text.")
    with newsroom.client() as client:
        row = client.get(f"/wp-json/wp/v2/posts/{post}", params={"_fields": FIELDS}).json()
    pulled = read_post(row, newsroom.home)
    assert isinstance(pulled, Article)
    pushed = parse_article(newsroom.run("return ReadAlso\\document($given['post']);", post=post))
    assert pushed.title == pulled.title
    assert pushed.title


def test_the_plugin_pushes_the_same_articles_as_a_pull_reads(
    newsroom: Site, service: Service
) -> None:
    """Title and terms with entities and tags, an excerpt by hand, an image, odd blanks."""
    made = newsroom.run(
        """
        $image = wp_insert_attachment(['post_mime_type' => 'image/png', 'post_title' => 'Crane'],
            'Кран 1.png');
        $term = wp_insert_term('R&D <i>desk</i>', 'category')['term_id'];
        $post = wp_insert_post(wp_slash([
            'post_status' => 'publish', 'post_author' => 2, 'post_category' => [1, $term],
            'post_title' => "AT&T's \\"R&D\\" <em>cuts</em>  1 < 2 &amp;lt;b&amp;gt;",
            'post_excerpt' => "What <b>every</b> dock's clerk should know.",
            'post_content' => "A \\x01first line.\\n\\n<!--more-->\\n\\n[unknown a=1] & a <b>last"
                . "</b> one.\\n\\n[read-also]\\n\\n<!-- wp:read-also/list /-->",
            'tags_input' => ['Порт', 'R&D', 'b'],
        ]), true);
        set_post_thumbnail($post, $image);
        return $post;"""
    )
    with newsroom.client() as client:
        query = {"_fields": FIELDS, "_embed": "wp:term,author,wp:featuredmedia"}
        row = client.get(f"/wp-json/wp/v2/posts/{made}", params=query).json()
    pulled = read_post(row, newsroom.home)
    assert isinstance(pulled, Article)
    pushed = parse_article(newsroom.run("return ReadAlso\\document($given['post']);", post=made))
    assert pushed == pulled
    assert service.article(article_of(newsroom, made)) is not None
    assert (pushed.section, set(pushed.tags)) == ("R&D desk", {"Порт", "R&D", "b"})


def test_an_archive_is_pushed_in_bulk(newsroom: Site, service: Service) -> None:
    configure(newsroom, url="", key="")
    texts = [f"The ferry of pier {n} left for island {n} with {n} sheep." for n in range(110)]
    fields = {"post_status": "publish", "post_author": 2}
    posts = newsroom.fill([fields | {"post_title": t[:17], "post_content": t} for t in texts])
    configure(newsroom, url=service.address, key=PLUGIN_KEY)
    newsroom.run("ReadAlso\\push_all();")
    pass_time(newsroom)
    stored = [service.article(article_of(newsroom, post)) or {} for post in posts]
    assert [one.get("body_html") for one in stored] == [f"<p>{text}</p>\n" for text in texts]
    assert newsroom.run("return [ReadAlso\\waiting(), get_option('read_also_trouble')];") == [
        0,
        False,
    ]
