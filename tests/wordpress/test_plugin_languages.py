"""A network of three sites, one in several languages: whose articles stand in whose lists."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from html import unescape
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from recommender.api import read_attribute
from recommender.articles import Article
from recommender.sources.article_ids import wordpress_attributes, wordpress_id
from recommender.sources.wordpress.posts import FIELDS, read_post
from tests.wordpress.plugin import PLUGIN, comes_true
from tests.wordpress.service import PLUGIN_KEY, Service
from tests.wordpress.site import Site

pytestmark = pytest.mark.long

BESIDE = Path(__file__).parent / "php/beside"
ENGLISH = {
    "": {
        "Harbour crane lifts record cargo": "The crane at the harbour lifted a record load of "
        "cargo on Monday, and the port hopes that larger ships will call there from now on.",
        "Harbour pilots ask for a new tug": "The pilots of the harbour say that they need a tug "
        "that is stronger, for the large ships which come in with every tide since the spring.",
        "Ferry dock at the harbour reopens": "The ferry dock of the port was closed for a month "
        "after a storm broke the pier, and the first boat brought two hundred people over the bay.",
    },
    "/two": {
        "Harbour tug saves a ship": "A tug pulled a cargo ship off the rocks near the harbour in "
        "the night, and its crew of nine was brought to the town by the pilots in the morning.",
        "Second crane for the port": "The port buys a second crane, since ships with cargo have to "
        "wait outside of the harbour for days until the only one of today has time for them.",
    },
    "/three": {
        "Ships wait for the tide": "Nine large ships with cargo wait outside of the harbour, "
        "because the water of the port is too low for them until the next tide, the pilots say.",
    },
}
"""Texts by title, on each site; all of them are about one harbour."""
TWO = list(ENGLISH["/two"])
ARABIC = ["رافعة الميناء", "سفن في الميناء"]
"""Too short for the service to be sure of their language."""
CHOOSE = """
    add_filter('get_available_languages', function () use ($given) { return [$given['chosen']]; });
    update_option('WPLANG', $given['chosen']);"""


@dataclass(frozen=True, slots=True)
class Network:
    """The sites, by the path of their address, and their posts, by title."""

    site: Site
    service: Service
    posts: dict[str, dict[str, int]]

    def home(self, path: str) -> str:
        return self.site.home + path

    def run(self, path: str, code: str, **given: object) -> Any:
        """Run PHP code on one of the sites, whose own WP-Cron sends what changes."""
        number = ["", "/two", "/three"].index(path) + 1
        there = f"switch_to_blog({number}); $done = (function () use ($given) {{ {code} }})();"
        return self.site.run(f"{there} restore_current_blog(); return $done;", without="", **given)

    def set_up(self, path: str, **settings: object) -> None:
        """Set the plugin's options on a site, which then has no copies of lists."""
        given = {"url": self.service.address, "key": PLUGIN_KEY} | settings
        code = """
            global $wpdb;
            $wpdb->query("DELETE FROM {$wpdb->options}
                WHERE option_name LIKE '%\\_read\\_also\\_list%'
                    OR option_name LIKE 'read\\_also\\_away%'");
            foreach (['template', 'stylesheet'] as $name) { update_option($name, 'stage'); }
            wp_cache_flush();
            update_option('read_also', $given['settings']);"""
        self.run(path, code, settings=given)

    def send(self, path: str) -> None:
        """Send what waits on a site, as its WP-Cron does."""
        again = """
            global $wpdb;
            $wpdb->query("UPDATE {$wpdb->options} SET option_value = CONCAT('0000000001',
                SUBSTRING(option_value, 11)) WHERE option_name LIKE 'read\\_also\\_due\\_%'");
            delete_option('read_also_away_write');
            wp_clear_scheduled_hook('read_also_push');
            wp_schedule_event(time() - 1, 'read_also', 'read_also_push');"""
        self.run(path, again)
        with self.site.client() as client:
            client.get(f"{path}/wp-cron.php").raise_for_status()

    def article(self, path: str, title: str) -> dict[str, object]:
        """An article as the service has it."""
        made = wordpress_id(self.home(path), self.posts[path][title])
        return self.service.article(made) or {}

    def page(self, path: str, title: str) -> str:
        """The list on the page of a post, as HTML."""
        with self.site.client() as client:
            post = self.posts[path][title]
            page = client.get(f"{path}/?p={post}", follow_redirects=True).text
        return "".join(re.findall(r'<section class="read-also.*?</section>', page, re.DOTALL))

    def listed(self, path: str, title: str, **settings: object) -> set[str]:
        """The headlines in the list on the page of a post, under some settings."""
        self.set_up(path, **settings)
        found = re.findall(r'class="read-also__title"[^>]*>(.*?)</span>', self.page(path, title))
        return {unescape(one) for one in found}


@pytest.fixture(scope="module")
def network(site: Site, service: Service) -> Iterator[Network]:
    """Three sites that push to one service; the first has Polylang, the third is in Arabic."""
    site.make_network()
    site.run(
        """wp_insert_site(['domain' => $given['host'], 'path' => '/three/', 'title' => 'Three',
            'user_id' => 1, 'network_id' => 1]);""",
        host=site.home.removeprefix("http://"),
    )
    site.add_plugin(PLUGIN)
    site.run(
        """deactivate_plugins('read-also/read-also.php');
        activate_plugin('read-also/read-also.php', '', true);"""
    )
    site.add_plugin(BESIDE / "polylang")
    made = Network(site, service, {path: {} for path in ENGLISH})
    for path, texts in ENGLISH.items():
        made.set_up(path)
        _insert(made, path, texts)
    _insert(made, "", dict.fromkeys(ARABIC, "الميناء اليوم"))
    made.run("/three", CHOOSE, chosen="ar")
    _insert(made, "/three", {"سوق السمك": "السوق اليوم", "سوق الخضار": "السوق غدا"})
    site.run(
        """
        foreach (['en' => 'en_US', 'ar' => 'ar', 'pt' => 'pt_PT_ao90'] as $slug => $locale) {
            wp_insert_term($slug, 'language', ['slug' => $slug, 'description' =>
                maybe_serialize(['locale' => $locale, 'rtl' => 'ar' === $slug])]);
        }
        foreach ($given['english'] as $post) { pll_set_post_language($post, 'en'); }
        foreach ($given['arabic'] as $post) { pll_set_post_language($post, 'ar'); }
        pll_save_post_translations(
            ['en' => $given['english'][0], 'ar' => $given['arabic'][0]]);""",
        english=[made.posts[""][title] for title in ENGLISH[""]],
        arabic=[made.posts[""][title] for title in ARABIC],
    )
    for path in ENGLISH:
        made.send(path)
    every = {title for texts in ENGLISH.values() for title in texts}
    for path, texts in ENGLISH.items():
        for title in texts:
            beside = every - {title}
            read = partial(service.titles, wordpress_id(made.home(path), made.posts[path][title]))
            assert comes_true(partial(_is_listed, beside, read))
    yield made
    assert [line for line in site.log.splitlines() if "read-also" in line] == []


def _is_listed(titles: set[str], read: Callable[[], dict[str, str]]) -> bool:
    return titles <= set(read().values())


def _insert(network: Network, path: str, texts: dict[str, str]) -> None:
    made = network.run(
        path,
        """foreach ($given['texts'] as $title => $text) {
            $ids[$title] = wp_insert_post(['post_status' => 'publish', 'post_author' => 2,
                'post_title' => $title, 'post_content' => $text]);
        }
        return $ids;""",
        texts=texts,
    )
    assert isinstance(made, dict)
    network.posts[path] |= made


def test_a_list_holds_articles_of_its_own_site_alone(network: Network) -> None:
    first, *others = ENGLISH[""]
    assert comes_true(lambda: network.listed("", first) == set(others))
    assert comes_true(lambda: network.listed("/two", TWO[0]) == {TWO[1]})


def test_a_list_holds_articles_of_other_sites_where_that_is_asked_for(network: Network) -> None:
    every = {title for titles in ENGLISH.values() for title in titles}
    first = next(iter(ENGLISH[""]))
    assert comes_true(lambda: every - {first} <= network.listed("", first, network=True))
    assert network.listed("/two", TWO[0]) == {TWO[1]}


def test_the_list_of_a_draft_has_the_same_limits(network: Network) -> None:
    network.set_up("/two")
    options = network.run("/two", "return ReadAlso\\draft_limits();")
    text = {"title": "A harbour crane", "body": ENGLISH[""]["Harbour crane lifts record cargo"]}
    with network.service.client() as client:
        answer = client.post("/v1/related", json=text | {"options": options})
    assert {item["title"] for item in answer.json()["items"]} == set(TWO)


def test_no_translation_stands_beside_its_original(network: Network) -> None:
    first, *others = ENGLISH[""]
    in_all = {*others, ARABIC[1]}
    assert comes_true(lambda: network.listed("", first, languages="all") == in_all)
    label = r'<li [^>]*lang="ar"[^>]*>.*?read-also__label--language[^>]*>العربية<'
    assert re.search(label, network.page("", first), re.DOTALL)
    of_translation = network.listed("", ARABIC[0], languages="all")
    assert of_translation == in_all
    original = wordpress_id(network.home(""), network.posts[""][first])
    assert network.article("", ARABIC[0])["translation_of"] == original
    assert "translation_of" not in network.article("", first)


def test_a_short_post_has_the_language_that_polylang_knows(network: Network) -> None:
    network.set_up("")
    listed = network.page("", ARABIC[0])
    assert re.match(r'<section class="[^"]*" lang="ar" dir="rtl"', listed)
    assert ">اقرأ أيضًا</h2>" in listed
    assert network.listed("", ARABIC[0]) == {ARABIC[1]}


def test_a_short_post_has_the_language_that_was_chosen_for_its_site(network: Network) -> None:
    network.set_up("/three")
    listed = network.page("/three", "سوق السمك")
    assert re.match(r'<section class="[^"]*" lang="ar" dir="rtl"', listed)
    assert "سوق الخضار" in listed
    assert network.article("/three", "سوق السمك")["language"] == "ar"
    assert "language" not in network.article("/three", next(iter(ENGLISH["/three"])))


def test_posts_that_become_translations_later_no_longer_stand_beside_each_other(
    network: Network,
) -> None:
    """The third post becomes the Portuguese original's translation, then is deleted."""
    first, second, third = ENGLISH[""]
    posts = [network.posts[""][title] for title in (second, third)]
    link = """
        pll_set_post_language($given['posts'][1], 'pt');
        pll_save_post_translations(['en' => $given['posts'][0], 'pt' => $given['posts'][1]]);"""
    network.site.run(link, posts=posts)
    network.send("")
    stored = network.article("", third)
    assert stored["language"] == "pt-PT"
    assert stored["translation_of"] == wordpress_id(network.home(""), posts[0])
    beside = {second, ARABIC[1]}
    assert comes_true(lambda: network.listed("", first, languages="all") == beside)
    network.site.run("wp_delete_post($given['posts'][0], true);", posts=posts)
    network.send("")
    assert "translation_of" not in network.article("", third)


def test_articles_that_an_earlier_version_sent_are_sent_again(network: Network) -> None:
    path, title = "/two", TWO[1]
    made = wordpress_id(network.home(path), network.posts[path][title])
    network.service.put(made, title, "Sent before there was an attribute for the site.")
    network.run(path, "delete_option('read_also_form');")
    network.page(path, title)
    network.send(path)
    stored = network.article(path, title)
    assert stored["attributes"] == wordpress_attributes(network.home(path))
    assert "crane" in str(stored["body_html"])


def test_a_new_site_of_the_network_has_nothing_to_send_again(network: Network) -> None:
    forms = network.site.run(
        """$four = wp_insert_site(['domain' => $given['host'], 'path' => '/four/',
            'title' => 'Four', 'user_id' => 1, 'network_id' => 1]);
        return [get_option('read_also_form'), get_blog_option($four, 'read_also_form')];""",
        host=network.site.home.removeprefix("http://"),
    )
    assert int(forms[0]) == int(forms[1]) > 0


def test_a_pull_reads_the_same_site_as_the_plugin_sends(network: Network) -> None:
    path, title = "/two", TWO[0]
    with network.site.client() as client:
        route = f"/wp/v2/posts/{network.posts[path][title]}"
        query = {"rest_route": route, "_fields": FIELDS}
        row = client.get(f"{path}/", params=query).json()
    pulled = read_post(row, network.home(path))
    assert isinstance(pulled, Article)
    assert pulled.attributes == network.article(path, title)["attributes"]
    assert pulled.attributes == {"site": f"{network.home(path).removeprefix('http://')}"}


def test_a_site_is_found_by_its_name_alone(network: Network) -> None:
    names = ["a.example", "a,b\\c", "-minus", "two..dots", "...", "1..2", "тоҷ.example/a,-b"]
    written = network.site.run(
        "return array_map('ReadAlso\\filter_value', $given['names']);", names=names
    )
    found = [read_attribute(one) for one in written]
    assert [one.any_of for one in found] == [frozenset([name]) for name in names]
    assert not any(one.none_of for one in found)


def test_each_site_may_have_a_key_of_its_own_in_the_configuration(network: Network) -> None:
    keys = network.site.run(
        """
        define('READ_ALSO_URL', 'http://127.0.0.1:1');
        define('READ_ALSO_KEY', 'the-key-of-all-others');
        define('READ_ALSO_KEYS', [1 => 'the-key-of-the-first', 2 => 'the-key-of-the-second']);
        foreach ([1, 2, 3] as $number) {
            switch_to_blog($number);
            $keys[] = ReadAlso\\settings()['key'];
            restore_current_blog();
        }
        return $keys;"""
    )
    assert keys == ["the-key-of-the-first", "the-key-of-the-second", "the-key-of-all-others"]


def test_without_a_plugin_for_languages_the_one_of_the_site_counts(network: Network) -> None:
    tags = {
        ("ru_RU", "Порт открыт"): "ru-RU",
        ("ru_RU", "The port is open"): "",
        ("ru_RU", "2026"): "ru-RU",
        ("tg", "Бандар кушода шуд"): "tg",
        ("bel", "Порт адкрыты"): "be",
        ("uz_UZ", "Порт очиқ"): "uz-UZ",
        ("de_DE_formal", "Der Hafen ist offen"): "de-DE",
        ("de_DE", "الميناء مفتوح"): "",
        ("ja", "港が開いた"): "ja",
        ("zh_TW", "港口開放"): "zh-TW",
        ("", "The port is open"): "",
        ("art_xpirate", "Th' port be open"): "",
    }
    found = network.run(
        "/two",
        """foreach ($given['pairs'] as $pair) {
            add_filter('get_available_languages', function () use ($pair) { return [$pair[0]]; });
            update_option('WPLANG', $pair[0]);
            $tags[] = ReadAlso\\language_of_site(['title' => $pair[1], 'body_html' => '']);
        }
        update_option('WPLANG', '');
        return $tags;""",
        pairs=list(tags),
    )
    assert found == list(tags.values())


def test_a_site_whose_texts_are_in_several_languages_says_none(network: Network) -> None:
    network.set_up("/three", one_language=False)
    sent = "return json_decode(ReadAlso\\document($given['post']), true);"
    document = network.run("/three", sent, post=network.posts["/three"]["سوق السمك"])
    assert isinstance(document, dict)
    assert "language" not in document


def test_the_form_chooses_languages_and_sites(network: Network) -> None:
    network.set_up("/three")
    code = """
        ob_start();
        ReadAlso\\print_limits(ReadAlso\\settings());
        $form = ob_get_clean();
        $given = ['limits' => '1', 'languages' => 'all', 'network' => '1'];
        return [$form, ReadAlso\\chosen_limits($given), ReadAlso\\chosen_limits([])];"""
    form, chosen, kept = network.run("/three", code)
    assert set(re.findall(r'name="read_also\[(\w+)\]"', form)) == {"limits", "languages", "network"}
    # The process has Polylang, so whether all posts are in one language is not asked.
    asked_for = {"languages": "all", "network": True}
    usual = {"languages": "same", "one_language": True, "network": False, "sold_out": True}
    assert chosen == usual | asked_for
    assert kept == usual


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("ru_RU", ["Читайте также", "5 записей ждут отправки.", "Оформление"]),
        ("tg", ["Ҳамчунин хонед", "5 навишта интизори фиристодананд.", "Тарҳ"]),
    ],
)
def test_the_plugin_speaks_russian_and_tajik(
    network: Network, locale: str, expected: list[str]
) -> None:
    found = network.site.run(
        """
        add_filter('locale', function () use ($given) { return $given['locale']; });
        unload_textdomain('read-also', true);
        load_plugin_textdomain('read-also', false, 'read-also/languages');
        $posts = _n('%s post waits to be sent.', '%s posts wait to be sent.', 5, 'read-also');
        ReadAlso\\register_whole_block(); // As in the administration.
        $script = json_decode(load_script_textdomain('read-also-list-editor-script', 'read-also',
            WP_PLUGIN_DIR . '/read-also/languages'), true);
        return [__('Read also', 'read-also'), sprintf($posts, 5),
            $script['locale_data']['messages']['Layout'][0]];""",
        locale=locale,
    )
    assert found == expected


def test_wpml_says_languages_and_translations(network: Network) -> None:
    """The last test of the module, since WPML stands where Polylang was."""
    site = network.site
    copytree(BESIDE / "wpml", site.folder / "content/plugins/wpml")
    original, translated, late = (network.posts[""][t] for t in (next(iter(ENGLISH[""])), *ARABIC))
    site.run(
        """
        deactivate_plugins('polylang/polylang.php');
        activate_plugin('wpml/wpml.php');
        global $wpdb;
        $table = "{$wpdb->prefix}icl_translations";
        $wpdb->query("CREATE TABLE $table (translation_id bigint AUTO_INCREMENT PRIMARY KEY,
            element_type varchar(60), element_id bigint, trid bigint,
            language_code varchar(7), source_language_code varchar(7))");
        foreach (['pt-br', 'ar'] as $n => $code) {
            $wpdb->insert($table, ['element_type' => 'post_post', 'trid' => 9,
                'element_id' => $given['posts'][$n], 'language_code' => $code,
                'source_language_code' => $n ? 'pt-br' : null]);
        }
        ReadAlso\\push_all();""",
        posts=[original, translated],
    )
    network.send("")
    assert network.article("", next(iter(ENGLISH[""])))["language"] == "pt-BR"
    assert network.article("", ARABIC[0])["language"] == "ar"
    group = wordpress_id(network.home(""), original)
    assert network.article("", ARABIC[0])["translation_of"] == group
    assert "language" not in network.article("", ARABIC[1])
    site.run(
        """
        global $wpdb;
        $type = ['element_type' => 'post_post', 'element_id' => $given['post'], 'trid' => 9];
        $wpdb->insert("{$wpdb->prefix}icl_translations",
            $type + ['language_code' => 'en', 'source_language_code' => 'ar']);
        do_action('wpml_translation_update',
            $type + ['type' => 'insert', 'context' => 'post', 'translation_id' => 3]);""",
        post=late,
    )
    network.send("")
    assert network.article("", ARABIC[1])["translation_of"] == group
