"""Pulling other types and taxonomies from a real WordPress, and what is stored of it already."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from recommender.articles import Article, parse_article
from recommender.errors import BadSource
from recommender.progress import silent
from recommender.sources.article_ids import wordpress_id
from recommender.sources.fetching import Fetcher
from recommender.sources.importing import Imported, import_source, stored_ids
from recommender.sources.registry import open_source
from recommender.sources.source import Record
from recommender.sources.wordpress import PullScope
from recommender.store import ArticleStore, open_store
from tests.wordpress.plugin import PLUGIN
from tests.wordpress.site import Site

LOOPBACK = frozenset({"127.0.0.1"})
TYPES = ("post", "page", "news")
TERMS: dict[str, Any] = {"section_taxonomy": "desk", "tag_taxonomies": ("place", "post_tag")}
OF_TYPES = """<?php
add_action('init', function () {
    $supports = ['title', 'editor', 'author', 'excerpt', 'thumbnail'];
    register_post_type('news', ['public' => true, 'show_in_rest' => true, 'rest_base' => 'stories',
        'supports' => $supports, 'taxonomies' => ['category', 'post_tag']]);
    register_post_type('game', ['public' => true, 'supports' => $supports]);
    $shown = ['public' => true, 'show_in_rest' => true];
    register_taxonomy('desk', ['post', 'news'], $shown);
    register_taxonomy('place', ['news', 'page'], ['rest_base' => 'places'] + $shown);
});
add_filter('excerpt_more', function () { return ' <a href="#">Continue reading the story</a>'; });
"""
EXPORT = """
    require_once ABSPATH . 'wp-admin/includes/export.php';
    ob_start();
    @export_wp(['content' => 'all']); // it sends headers, for which there is nobody here
    return ob_get_clean();"""
LONG = " ".join(f"The ferry number {n} left the pier with its passengers." for n in range(12))


@pytest.fixture(scope="module")
def newsroom(site: Site) -> Site:
    (site.folder / "content/mu-plugins/types.php").write_text(OF_TYPES)
    site.run("flush_rewrite_rules(); return 1;")
    site.add_plugin(PLUGIN)
    return site


@pytest.fixture(scope="module")
def posts(newsroom: Site) -> dict[str, int]:
    """By a name a post of each type; the story has all that an article may have."""
    made: dict[str, int] = newsroom.run(
        """
        $image = wp_insert_attachment(['post_mime_type' => 'image/png', 'post_title' => 'Crane'],
            'crane.png');
        foreach (['post', 'page', 'news', 'game'] as $type) {
            $made[$type] = wp_insert_post(['post_type' => $type, 'post_status' => 'publish',
                'post_title' => "Of the type $type", 'post_content' => $given['text'],
                'post_author' => 2, 'post_excerpt' => 'news' === $type ? 'Ferries are late.' : '']);
            set_post_thumbnail($made[$type], $image);
        }
        $term = wp_insert_term('Harbour', 'category')['term_id'];
        wp_set_object_terms($made['news'], [$term], 'category');
        wp_set_object_terms($made['news'], ['ferry'], 'post_tag');
        wp_set_object_terms($made['news'], ['Quays &amp; ferries'], 'desk');
        wp_set_object_terms($made['page'], ['Osh', 'Khujand'], 'place');
        wp_set_object_terms($made['news'], ['Osh'], 'place');
        $hidden = ['post_type' => 'page', 'post_status' => 'draft', 'post_title' => 'Hidden'];
        $made['draft'] = wp_insert_post($hidden);
        return $made;""",
        text=LONG,
    )
    return made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ArticleStore]:
    opened = open_store(f"sqlite:///{tmp_path / 'a.db'}")
    yield opened
    opened.close()


def pull(site: Site, store: ArticleStore, *types: str, **terms: Any) -> Imported:
    faults = list[str]()
    with Fetcher(private_hosts=LOOPBACK) as fetcher:
        scope = PullScope(types, partial(stored_ids, store), **terms)
        source = open_source(site.home, "auto", fetcher, scope)
        done = import_source(store, source, faults.append, silent)
    assert faults == []
    return done


def test_types_are_pulled_as_the_plugin_pushes_them(
    newsroom: Site, posts: dict[str, int], store: ArticleStore
) -> None:
    assert pull(newsroom, store, *TYPES).created == 3
    for article in pushed(newsroom, posts):
        assert store.get(article.id) == article
    story = store.get(wordpress_id(newsroom.home, posts["news"]))
    assert (story.section, story.tags, story.authors) == ("Harbour", ("ferry",), ("Zarina Desk",))
    assert story.summary == "Ferries are late."
    assert (story.image_url or "").endswith("/crane.png")
    assert story.url == f"{newsroom.home}/news/of-the-type-news/"
    page = store.get(wordpress_id(newsroom.home, posts["page"]))
    assert not page.summary  # an automatic excerpt, which the theme ends with words of its own


def pushed(newsroom: Site, posts: dict[str, int], **terms: object) -> list[Article]:
    """The articles that the plugin sends, under some settings of its terms."""
    made: list[str] = newsroom.run(
        """
        $set = ['url' => 'http://127.0.0.1:9', 'types' => $given['types']] + $given['terms'];
        update_option('read_also', $set);
        foreach ($given['types'] as $type) {
            $made[] = ReadAlso\\document($given['posts'][$type]);
        }
        return $made;""",
        types=TYPES,
        posts=posts,
        terms=terms or {"limit": 6},
    )
    return list(map(parse_article, made))


def test_sections_and_tags_are_of_the_taxonomies_that_the_plugin_sends(
    newsroom: Site, posts: dict[str, int], store: ArticleStore, tmp_path: Path
) -> None:
    """The pull, which later reads the same ones, and an export."""
    pull(newsroom, store, *TYPES, **TERMS)
    sent = pushed(newsroom, posts, **TERMS)
    assert [store.get(article.id) for article in sent] == sent
    by_name = dict(zip(TYPES, sent, strict=True))
    story = by_name["news"]
    assert (story.section, story.tags) == ("Quays & ferries", ("Osh", "ferry"))
    assert by_name["page"].tags == ("Khujand", "Osh")
    assert pull(newsroom, store).updated == 0
    renamed = """$term = get_term_by('name', $given['names'][0], 'place');
        wp_update_term($term->term_id, 'place', ['name' => $given['names'][1]]); return 1;"""
    newsroom.run(renamed, names=["Osh", "Uzgen"])
    assert pull(newsroom, store).updated == 2
    newsroom.run(renamed, names=["Uzgen", "Osh"])
    export = tmp_path / "export.xml"
    export.write_text(newsroom.run(EXPORT), "utf-8")
    with Fetcher() as fetcher:
        source = open_source(str(export), "auto", fetcher, PullScope(TYPES, **TERMS))
        found = [one.content for one in source.pull(None, silent) if isinstance(one, Record)]
    exported = {one.id: one for one in found if isinstance(one, Article)}
    assert {name: terms_of(exported[one.id]) for name, one in by_name.items()} == {
        name: terms_of(one) for name, one in by_name.items()
    }


def terms_of(article: Article) -> tuple[str, str | None, tuple[str, ...]]:
    return article.title, article.section, article.tags


def test_a_type_that_the_interface_does_not_show_is_named(
    newsroom: Site, posts: dict[str, int], store: ArticleStore
) -> None:
    assert posts
    with pytest.raises(BadSource, match=r"no post type 'game'; it shows .*news, .*page, post"):
        pull(newsroom, store, "game")


def test_what_the_plugin_pushed_stays_until_the_site_shows_it_no_more(
    newsroom: Site, posts: dict[str, int], store: ArticleStore
) -> None:
    """Pages and games are not read here, and the draft and the number 9999 are not shown."""
    names = ("page", "game", "draft")
    numbers = [*(posts[name] for name in names), 9999]
    pushed = [Article(id=wordpress_id(newsroom.home, n), title=f"Post {n}") for n in numbers]
    others = [Article(id="wp:another.example:9999", title="Of another site")]
    store.write_many([*pushed, *others])
    done = pull(newsroom, store)
    assert (done.created, done.deleted) == (1, 2)
    left = set(stored_ids(store, ""))
    assert left == {
        *(wordpress_id(newsroom.home, posts[name]) for name in ("post", "page", "game")),
        "wp:another.example:9999",
    }
    newsroom.trash(posts["game"])
    again = pull(newsroom, store)
    assert (again.created, again.deleted) == (0, 1)
