"""The plugin beside others: several authors of a post, products of a shop, caches of pages."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.support.serving import KEY
from tests.wordpress.page_caches import CACHES, all_caches, forget_purges, purged, shown_on
from tests.wordpress.plugin import PLUGIN, article_of, comes_true, configure, remove, save
from tests.wordpress.service import PROBLEM, Answer, Asked, Service, Stage, accept
from tests.wordpress.site import Site

pytestmark = pytest.mark.long

BESIDE = Path(__file__).parent / "php/beside"
DOCUMENT = "return json_decode(ReadAlso\\document($given['post']), true);"
TEXTS = {
    "Harbour crane lifts record cargo": "The crane at the harbour lifted a record load of cargo "
    "on Monday, and the port hopes that larger ships will call there from now on.",
    "Harbour pilots ask for a new tug": "The pilots of the harbour say that they need a tug that "
    "is stronger, for the large ships which come in with every tide since the spring.",
}


@pytest.fixture(scope="module")
def newsroom(site: Site) -> Iterator[Site]:
    """A site with stand-ins for Co-Authors Plus, WooCommerce, and caches of pages."""
    site.add_plugin(PLUGIN)
    for name in ("coauthors", "woocommerce", "caches"):
        site.add_plugin(BESIDE / name)
    yield site
    assert [line for line in site.log.splitlines() if "read-also" in line] == []


@pytest.fixture
def taken(newsroom: Site, stage: Stage) -> Stage:
    """A service that takes every change of posts and products, and knows of no page."""
    stage.answer = accept
    configure(newsroom, url=stage.address, key=KEY, types=["post", "product"])
    forget_purges(newsroom)
    return stage


WAITING = """
    global $wpdb;
    remove_all_actions('shutdown');
    $names = $wpdb->get_col("SELECT option_name FROM {$wpdb->options}
        WHERE option_name LIKE 'read\\_also\\_due\\_%'");
    return array_map(fn($name) => (int) substr($name, strlen('read_also_due_')), $names);"""


def waiting(newsroom: Site, code: str, post: int = 0) -> list[int]:
    """The posts that wait to be sent after some PHP code."""
    posts: list[int] = newsroom.run(code + WAITING, post=post)
    return posts


# --- authors ---


def test_all_authors_of_a_post_are_sent_guests_too(newsroom: Site, taken: Stage) -> None:
    post = newsroom.run(
        """
        $guest = wp_insert_post(['post_type' => 'guest-author', 'post_status' => 'publish',
            'post_name' => 'cap-rustam', 'post_title' => 'Rustam',
            'meta_input' => ['cap-display_name' => 'Rustam &amp; Sons']]);
        foreach (['cap-rustam', 'cap-editor'] as $slug) {
            $terms[] = wp_insert_term($slug, 'author', ['slug' => $slug])['term_id'];
        }
        $post = wp_insert_post(['post_status' => 'publish', 'post_title' => 'By two',
            'post_content' => 'Text.', 'post_author' => 1]);
        wp_set_object_terms($post, $terms, 'author');
        return $post;"""
    )
    sent = newsroom.run(DOCUMENT, post=post)
    assert sent["authors"] == ["Rustam & Sons", "Zarina Desk"]
    configure(newsroom, url=taken.address, key=KEY, types=["post", "product"])
    of_guest = "wp_update_term(get_term_by('slug', 'cap-rustam', 'author')->term_id, 'author', []);"
    assert waiting(newsroom, of_guest) == [post]
    configure(newsroom, url=taken.address, key=KEY, types=["post", "product"])
    of_user = """wp_update_user(['ID' => get_user_by('login', 'editor')->ID,
        'display_name' => 'Zarina of the Desk']);"""
    assert waiting(newsroom, of_user) == [post]


# --- products ---


def make_product(newsroom: Site, **fields: object) -> int:
    made: int = newsroom.run(
        """
        $given = $given['fields'] + ['price' => '12.50', 'stock' => 'instock', 'hidden' => []];
        update_option('woocommerce_currency', 'TJS');
        foreach (['Uncategorized', 'Nets'] as $name) {
            $found = get_term_by('name', $name, 'product_cat');
            $terms[] = $found ? $found->term_id : wp_insert_term($name, 'product_cat')['term_id'];
        }
        update_option('default_product_cat', $terms[0]);
        $post = wp_insert_post(['post_type' => 'product', 'post_status' => 'publish',
            'post_title' => 'A net', 'post_content' => 'It holds what it catches.',
            'post_excerpt' => 'For cod and herring.', 'post_author' => 1,
            'meta_input' => ['_price' => $given['price'], '_stock_status' => $given['stock']]]);
        wp_set_object_terms($post, $terms, 'product_cat');
        wp_set_object_terms($post, ['cod', 'R&D'], 'product_tag');
        wp_set_object_terms($post, $given['hidden'], 'product_visibility');
        return $post;""",
        fields=fields,
    )
    return made


def test_a_product_is_sent_with_its_price_and_stock(newsroom: Site, taken: Stage) -> None:
    sent = newsroom.run(DOCUMENT, post=make_product(newsroom))
    assert taken.asked
    site = {"site": newsroom.home.removeprefix("http://")}
    price = {"price": 12.5, "currency": "TJS", "in_stock": True, "on_sale": False}
    assert sent["attributes"] == {"type": "product"} | price | site
    assert (sent["section"], sorted(sent["tags"])) == ("Nets", ["R&D", "cod"])
    assert sent["summary"] == "For cod and herring."
    assert "authors" not in sent
    assert "never_recommend" not in sent


def test_a_product_without_a_price_has_none(newsroom: Site, taken: Stage) -> None:
    sent = newsroom.run(DOCUMENT, post=make_product(newsroom, price=""))
    assert taken.asked
    assert set(sent["attributes"]) == {"type", "in_stock", "on_sale", "site"}


def test_what_the_shop_hides_is_in_no_list(newsroom: Site, taken: Stage) -> None:
    from_all = make_product(newsroom, hidden=["exclude-from-catalog", "exclude-from-search"])
    from_search = make_product(newsroom, hidden=["exclude-from-search"])
    sent = [newsroom.run(DOCUMENT, post=post) for post in (from_all, from_search)]
    assert taken.asked
    assert [one.get("never_recommend") for one in sent] == [True, None]


def test_sold_out_products_are_in_lists_unless_the_shop_or_the_settings_say_no(
    newsroom: Site, taken: Stage
) -> None:
    post = make_product(newsroom, stock="outofstock")
    never = newsroom.run(
        """
        $sent = fn() => json_decode(ReadAlso\\document($given['post']), true);
        $never = fn() => $sent()['never_recommend'] ?? null;
        $said[] = $never();
        update_option('woocommerce_hide_out_of_stock_items', 'yes');
        $said[] = $never();
        update_option('woocommerce_hide_out_of_stock_items', 'no');
        update_option('read_also', ['sold_out' => false] + get_option('read_also'));
        $said[] = $never();
        return $said;""",
        post=post,
    )
    assert taken.asked
    assert never == [None, True, True]


def test_another_price_or_stock_is_sent(newsroom: Site, taken: Stage) -> None:
    post = make_product(newsroom)
    configure(newsroom, url=taken.address, key=KEY, types=["post", "product"])
    saved = (
        "do_action('woocommerce_product_object_updated_props', wc_get_product($given['post']), {});"
    )
    assert waiting(newsroom, saved.format("['total_sales']"), post=post) == []
    assert waiting(newsroom, saved.format("['stock_status']"), post=post) == [post]


# --- caches of pages ---


def test_the_pages_that_show_a_withdrawn_post_are_made_anew(newsroom: Site, taken: Stage) -> None:
    posts = [save(newsroom, title=f"Page {n}", content="Text.") for n in range(3)]
    gone, one, other = (article_of(newsroom, post) for post in posts)
    taken.asked.clear()

    def answer(asked: Asked) -> Answer:
        told = shown_on(one, other, "wp:elsewhere.example:7", f"{one}x")
        return told if asked.path.endswith("/appears-in") else accept(asked)

    taken.answer = answer
    remove(newsroom, posts[0])
    assert comes_true(lambda: len(purged(newsroom)) == len(CACHES))
    asked = [(one.method, one.path) for one in taken.asked]
    assert asked == [
        ("GET", f"/v1/articles/{gone}/appears-in"),
        ("DELETE", f"/v1/articles/{gone}"),
    ]
    addresses = newsroom.run("return array_map('get_permalink', $given['posts']);", posts=posts[1:])
    assert purged(newsroom) == all_caches(*addresses)


def test_pages_are_made_anew_before_the_service_hears_of_it(newsroom: Site, taken: Stage) -> None:
    post = save(newsroom, title="Slowly withdrawn", content="Text.")
    purged_before: list[bool] = []

    def answer(asked: Asked) -> Answer:
        if asked.method == "DELETE":
            purged_before.append(purged(newsroom) == all_caches("all"))
        return Answer(403, "{}", PROBLEM) if "appears-in" in asked.path else accept(asked)

    taken.answer = answer
    remove(newsroom, post)
    assert comes_true(lambda: purged_before == [True])
    assert len((newsroom.folder / "caches.log").read_text().splitlines()) == len(CACHES)


OTHER_LISTS = {
    "all languages": "update_option('read_also', "
    "['languages' => 'all'] + get_option('read_also'));",
    "a mode": "ReadAlso\\list_html(1, ReadAlso\\list_options(['mode' => 'latest']));",
    "a section": "ReadAlso\\list_html(1, ReadAlso\\list_options(['section' => 'Sport']));",
    "many items": "ReadAlso\\list_html(1, ReadAlso\\list_options(['limit' => 13]));",
}


@pytest.mark.parametrize("other", OTHER_LISTS)
def test_where_lists_have_options_of_their_own_all_pages_are_made_anew(
    newsroom: Site, taken: Stage, other: str
) -> None:
    post = save(newsroom, title="Shown elsewhere", content="Text.")
    newsroom.run(OTHER_LISTS[other])
    taken.answer = lambda asked: shown_on() if "appears-in" in asked.path else accept(asked)
    remove(newsroom, post)
    assert comes_true(lambda: purged(newsroom) == all_caches("all"))


@pytest.mark.parametrize(
    "refused",
    [
        shown_on(complete=False),
        Answer(403, "{}", PROBLEM),
        Answer(503, "{}", PROBLEM),
        Answer(200, "<html>"),
    ],
)
def test_where_nobody_knows_the_pages_all_are_made_anew(
    newsroom: Site, taken: Stage, refused: Answer
) -> None:
    post = save(newsroom, title="Withdrawn", content="Text.")
    taken.answer = lambda asked: refused if "appears-in" in asked.path else accept(asked)
    save(newsroom, post, status="draft")
    assert comes_true(lambda: purged(newsroom) == all_caches("all"))


def test_many_withdrawals_ask_nothing_and_make_all_pages_anew(newsroom: Site, taken: Stage) -> None:
    posts = newsroom.fill([{"post_title": f"M {n}", "post_status": "publish"} for n in range(6)])
    taken.asked.clear()
    newsroom.run("array_map('wp_trash_post', $given['posts']);", posts=posts)
    assert purged(newsroom) == all_caches("all")
    assert not any("appears-in" in asked.path for asked in taken.asked)


def test_another_headline_reaches_pages_when_lists_have_it(newsroom: Site, taken: Stage) -> None:
    post, beside = (save(newsroom, title=f"T {n}", content="Text.") for n in range(2))
    taken.answer = lambda asked: (
        shown_on(article_of(newsroom, beside)) if "appears-in" in asked.path else accept(asked)
    )
    save(newsroom, post, content="Another text.")
    due = """foreach (_get_cron_array() as $time => $hooks) {
            foreach ($hooks['read_also_purge'] ?? [] as $one) {
                $found[] = [$time - time(), $one['args']];
            }
        }
        return $found ?? [];"""
    assert newsroom.run(due) == []
    save(newsroom, post, title="Another headline")
    ((seconds, given),) = newsroom.run(due)
    assert given == [post]
    assert 30 < seconds <= 65
    assert purged(newsroom) == {}
    newsroom.run("do_action('read_also_purge', $given['post']);", post=post)
    address = newsroom.run("return get_permalink($given['post']);", post=beside)
    assert purged(newsroom) == all_caches(address)


def told_later(newsroom: Site) -> list[object]:
    """What caches are told when copies of lists are too old to be shown: pages, or None for all."""
    found: list[object] = newsroom.run(
        """foreach (_get_cron_array() as $time => $hooks) {
            foreach ($hooks['read_also_tell'] ?? [] as $key => $one) {
                $found[] = $one['args'][0];
                wp_unschedule_event($time, 'read_also_tell', $one['args']);
            }
        }
        return $found ?? [];"""
    )
    return found


def test_an_unticked_type_is_on_no_kept_page(newsroom: Site, taken: Stage) -> None:
    newsroom.run("ReadAlso\\compare_origin();")
    newsroom.run("update_option('read_also', ['types' => ['product']] + get_option('read_also'));")
    assert purged(newsroom) == all_caches("all")
    assert taken.asked == []


LEFT_OUT = {
    "never": "update_post_meta($post, '_read_also', ['never' => true]);",
    "a term": "wp_set_object_terms($post, 'Left out', 'category');",
    "hidden": "do_action('woocommerce_product_object_updated_props', wc_get_product($product), "
    "['catalog_visibility']);",
}


@pytest.mark.parametrize("way", LEFT_OUT)
def test_pages_that_show_a_post_which_is_in_no_list_now_are_made_anew_later(
    newsroom: Site, taken: Stage, way: str
) -> None:
    """WordPress lets the service see to that, so it hears of it first."""
    term = newsroom.run(
        """$term = get_term_by('name', 'Left out', 'category');
        return $term ? $term->term_id : wp_insert_term('Left out', 'category')['term_id'];"""
    )
    types = ["post", "product"]
    configure(newsroom, url=taken.address, key=KEY, types=types, excluded_terms=[term])
    product = make_product(newsroom, hidden=["exclude-from-catalog", "exclude-from-search"])
    post, page = (save(newsroom, title=f"{way} {n}", content="Text.") for n in range(2))
    told_later(newsroom)
    forget_purges(newsroom)
    taken.answer = lambda asked: (
        shown_on(article_of(newsroom, page)) if "appears-in" in asked.path else accept(asked)
    )
    act = "['post' => $post, 'product' => $product] = $given;"
    newsroom.run(act + LEFT_OUT[way], post=post, product=product)
    assert told_later(newsroom) == [[page]]
    address = newsroom.run("return get_permalink($given['page']);", page=page)
    newsroom.run("do_action('read_also_tell', [$given['page']]);", page=page)
    assert address in purged(newsroom)["rocket"]


def test_another_excluded_term_reaches_pages_when_all_posts_are_sent(
    newsroom: Site, taken: Stage
) -> None:
    newsroom.run("update_option('read_also', ['excluded_terms' => [1]] + get_option('read_also'));")
    assert told_later(newsroom) == []
    newsroom.run("ReadAlso\\push_due(0, 20, 500);")
    assert told_later(newsroom) == [None]
    assert any(asked.path == "/v1/bulk" for asked in taken.asked)


def test_a_page_that_is_kept_writes_out_its_dates(newsroom: Site, taken: Stage) -> None:
    queries = newsroom.run(
        """
        $query = fn() => ReadAlso\\list_query(ReadAlso\\list_options([]));
        $asked[] = $query();
        foreach (['iso', 'relative', 'no such'] as $dates) {
            add_filter('read_also_dates', fn() => $dates);
            $asked[] = $query();
        }
        return $asked;"""
    )
    assert taken.asked == []
    dates = [parse_qs(query).get("dates") for query in queries]
    assert dates == [["long"], ["iso"], None, None]


def test_a_kept_page_shows_no_withdrawn_post(newsroom: Site, service: Service) -> None:
    configure(newsroom, url=service.address, key=KEY)
    first, second = (save(newsroom, title=t, content=f"<p>{x}</p>") for t, x in TEXTS.items())
    listed = article_of(newsroom, second)
    link = newsroom.run("return get_permalink($given['post']);", post=second)
    assert comes_true(lambda: listed in service.titles(article_of(newsroom, first)))

    def page() -> str:
        with newsroom.client() as client:
            return client.get(f"/?p={first}", follow_redirects=True).text

    def fill_the_cache() -> bool:
        newsroom.run("rocket_clean_domain(); delete_option('read_also_away_read');")
        return link in page()

    assert comes_true(fill_the_cache)
    remove(newsroom, second)
    assert comes_true(lambda: link not in page())
