"""The WordPress plugin with the real service: how soon lists follow, what pages and saves cost.

    python -m tests.wordpress.timings [--rounds 20] [--pages 100] [--only-pages]

On a WordPress, a MariaDB and a service of its own, as the tests have them. An action of an editor
is timed from the moment its request is sent until every worker of the service shows it: eight
answers in a row, over new connections, the first of which counts. Pages and saves are whole
requests. Pages without and with the plugin are asked for in turn, on PHP's own server, and on nginx
with PHP-FPM and Redis, in an order that is drawn anew each time, over the texts of `--texts`.
"""

import json
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from html import escape
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

import click

from tests.support.serving import KEY
from tests.support.waiting import free_port, until
from tests.wordpress.command_line import CommandLine
from tests.wordpress.mariadb import MariaDB
from tests.wordpress.plugin import PLUGIN, article_of, configure, remove, save
from tests.wordpress.service import Service
from tests.wordpress.site import SERVER, Site, unpacked

SAMPLE: Final = Path(__file__).parents[2] / "recommender/sample/articles.jsonl"
IN_A_ROW: Final = 8
PATIENCE_SECONDS: Final = 60
READING_SECONDS: Final = 400
SETTLING_SECONDS: Final = 0.05
"""PHP-FPM works on after its answer, and would slow the next page."""
SHOWN: Final = 6
ITEM: Final = '<li class="read-also__item'
NAMES: Final = {
    "without": "no plugin",
    "copied": "a copy",
    "unseen": "from the service",
    "crp": "a full-text query as CRP's",
    "yarpp": "a full-text query as YARPP's",
}
PEERS: Final = ("crp", "yarpp")
"""Contextual Related Posts and YARPP are in no package here. For them stands what they cannot do
without: one full-text query over the archive, and the titles and links of six posts."""
KINDS: Final = """<?php
$kind = $_GET['kind'] ?? '';
if (in_array($kind, ['without', 'crp', 'yarpp'], true)) {
    add_filter('option_active_plugins', function ($plugins) {
        return array_values(array_diff($plugins, ['read-also/read-also.php']));
    });
}
add_action('setted_transient', function ($name) {
    if (0 === strpos($name, 'read_also_list_')) { update_option('kinds_copy', $name, false); }
});
if (in_array($kind, ['crp', 'yarpp'], true)) {
    add_filter('the_content', function ($content) use ($kind) {
        global $wpdb;
        $post = get_post();
        $text = wp_strip_all_tags($post->post_title . ' ' . $post->post_content);
        if ('crp' === $kind) { // the whole text, up to 2,000 characters, against title and content
            $match = $wpdb->prepare(
                'MATCH (post_title, post_content) AGAINST (%s)', substr($text, 0, 2000)
            );
        } else { // the twenty most frequent words, against content and against title
            preg_match_all('/\\w{4,}/u', strtolower($text), $words);
            $counts = array_count_values($words[0]);
            arsort($counts);
            $words = implode(' ', array_keys(array_slice($counts, 0, 20)));
            $match = $wpdb->prepare(
                '(MATCH (post_content) AGAINST (%s)) + (MATCH (post_title) AGAINST (%s))',
                $words,
                $words
            );
        }
        $found = $wpdb->get_col($wpdb->prepare(
            "SELECT ID, $match AS score FROM {$wpdb->posts} WHERE post_status = 'publish'
             AND post_type = 'post' AND ID <> %d HAVING score > 0
             ORDER BY score DESC LIMIT 6", $post->ID
        ));
        $items = '';
        $listed = get_posts(['post__in' => $found, 'orderby' => 'post__in', 'numberposts' => 6]);
        foreach ($listed as $one) {
            $items .= '<li class="of-peer"><a href="' . esc_url(get_permalink($one)) . '">'
                . esc_html(get_the_title($one)) . '</a></li>';
        }
        return $content . '<ul>' . $items . '</ul>';
    });
}
if ('forget' === $kind) {
    add_action('init', function () { delete_transient(get_option('kinds_copy')); exit; });
}
"""
"""By a parameter a page is made without the plugin, or the copy of the last list is forgotten."""
TEXT: Final = (
    "<p>The tug of pier {0} pulled ship {0} off the rocks near the harbour, and its crew of {0} "
    "was brought to the town by lifeboat {0} in the morning after the storm.</p>"
)


@dataclass(frozen=True, slots=True)
class Scene:
    """A site whose plugin pushes to a service."""

    site: Site
    service: Service

    @classmethod
    @contextmanager
    def made(cls, *, behind_nginx: bool = False) -> Iterator["Scene"]:
        """Start everything; stopped and taken away at the end."""
        with ExitStack() as stack:
            server = stack.enter_context(MariaDB.running(SERVER))
            root = stack.enter_context(unpacked())
            php = stack.enter_context(CommandLine.opened())
            site = stack.enter_context(Site.running(server, root, php, behind_nginx=behind_nginx))
            folder = stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True))
            service = stack.enter_context(Service(Path(folder)))
            site.add_plugin(PLUGIN)
            yield cls(site, service)

    def listed(self, post: int) -> str | None:
        """How the list of everything calls a post; None where it is not in it."""
        return self.service.titles("ready-1").get(article_of(self.site, post))

    def seconds(self, act: Callable[[], object], shown: Callable[[], bool]) -> float:
        """From the beginning of an act until every worker shows it."""
        began, first, agreed = time.monotonic(), 0.0, 0
        act()
        while agreed < IN_A_ROW:
            asked = time.monotonic()
            agreed = agreed + 1 if shown() else 0
            first = time.monotonic() if agreed == 1 else first
            if asked - began > PATIENCE_SECONDS:
                raise TimeoutError("a change did not show")
        return first - began


def follow(scene: Scene, number: int) -> Iterator[tuple[str, float]]:
    """One post through all that can become of it: by action the seconds."""
    site, title = scene.site, f"The tug of pier {number}"
    posts: list[int] = []
    content = TEXT.format(number)
    publish = scene.seconds(
        lambda: posts.append(save(site, title=title, content=content)),
        lambda: scene.listed(posts[0]) is not None,
    )
    post = posts[0]

    def gone() -> bool:
        return scene.listed(post) is None

    def back() -> bool:
        return scene.listed(post) is not None

    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    yield "publish", publish
    yield (
        "edit",
        scene.seconds(
            lambda: save(site, post, title=f"{title}, again"),
            lambda: scene.listed(post) == f"{title}, again",
        ),
    )
    yield "schedule", scene.seconds(lambda: save(site, post, status="future", date_gmt=later), gone)
    past = "2026-01-05T05:00:00"
    yield "go live", scene.seconds(lambda: save(site, post, status="publish", date_gmt=past), back)
    yield "make private", scene.seconds(lambda: save(site, post, status="private"), gone)
    yield "publish again", scene.seconds(lambda: save(site, post, status="publish"), back)
    locked = {"password": "sesame"}
    yield "set a password", scene.seconds(lambda: save(site, post, **locked), gone)
    yield "take it away", scene.seconds(lambda: save(site, post, password=""), back)
    yield "trash", scene.seconds(lambda: remove(site, post), gone)
    yield "restore", scene.seconds(lambda: save(site, post, status="publish"), back)
    yield "delete", scene.seconds(lambda: remove(site, post, for_good=True), gone)


def milliseconds(act: Callable[[], object], rounds: int) -> list[float]:
    """What each of some calls took."""
    spent = []
    for _ in range(rounds):
        began = time.monotonic()
        act()
        spent.append((time.monotonic() - began) * 1e3)
    return spent


def show(name: str, unit: str, values: list[float]) -> None:
    """A line of the report: median and worst."""
    click.echo(f"{name:44} {statistics.median(values):9.2f} {max(values):9.2f} {unit}")


def show_pages(scene: Scene, rounds: int) -> None:
    """What a page and a save take with the service there, away, and silent."""
    site, post = scene.site, save(scene.site, title="Seed", content=TEXT.format(0))
    with closing(socket.create_server(("127.0.0.1", 0))) as silent, site.client() as client:

        def page() -> None:
            client.get(f"/?p={post}", follow_redirects=True).raise_for_status()

        page()
        for name, url, place in (
            ("no plugin's list", "", False),
            ("list, first from the service, then a copy", scene.service.address, True),
            ("service away", f"http://127.0.0.1:{free_port()}", True),
            ("service silent", f"http://127.0.0.1:{silent.getsockname()[1]}", True),
        ):
            configure(site, url=url, key=KEY, place=place)
            show(f"page, {name}", "ms", milliseconds(page, rounds))
            saves = milliseconds(lambda: save(site, post, title="Seed"), rounds)
            show(f"save, {name}", "ms", saves)


FULL_TEXT: Final = """
    global $wpdb;
    $wpdb->query("ALTER TABLE {$wpdb->posts} ADD FULLTEXT both_texts (post_title, post_content),
        ADD FULLTEXT title_alone (post_title), ADD FULLTEXT content_alone (post_content)");
    return $wpdb->last_error;
"""


def compare_pages(scene: Scene, rounds: int, texts: Path, archive: int) -> None:
    """What a page takes without the plugin, with a copy of its list, and with a list of its own.

    And with the query of plugins that search the site's own database.
    """
    site, order = scene.site, Random(7)  # noqa: S311 - an order
    with texts.open(encoding="utf-8") as lines:
        stories = [json.loads(line) for line in islice(lines, archive)]
    posts = fill(
        scene,
        [
            {"post_title": one["title"], "post_content": paragraphs_of(one["body"])}
            for one in stories
        ],
    )
    push_all(scene)
    if site.run(FULL_TEXT):
        raise RuntimeError("the database has no full-text index")
    (site.folder / "content/mu-plugins/kinds.php").write_text(KINDS)
    with site.client() as client:
        address = client.get(f"/?p={posts[len(posts) // 2]}", follow_redirects=True).url

        def page(kind: str) -> str:
            return client.get(address, params={"kind": kind}).raise_for_status().text

        if not until(lambda: page("unseen").count(ITEM) == SHOWN, READING_SECONDS):
            raise TimeoutError("no list of six shows")
        if any(page(peer).count('<li class="of-peer">') != SHOWN for peer in PEERS):
            raise RuntimeError("a full-text query finds no six posts")
        spent: dict[str, list[float]] = {kind: [] for kind in NAMES}
        for _ in range(rounds):
            page("forget")
            page("unseen")  # makes the copy that the page after it may show
            for kind in order.sample(list(NAMES), len(NAMES)):
                if kind == "unseen":
                    page("forget")
                spent[kind] += milliseconds(partial(page, kind), 1)
                time.sleep(SETTLING_SECONDS)
        if ITEM in page("without") or page("copied").count(ITEM) != SHOWN:
            raise RuntimeError("a page is not of its kind")
    for kind, name in NAMES.items():
        show(f"page, {name}, in turn", "ms", spent[kind])
        ratio = statistics.median(spent[kind]) / statistics.median(spent["without"])
        click.echo(f"{'':44} {ratio:9.3f} times no plugin")


def paragraphs_of(body: str) -> str:
    """A text as the editor of posts writes it."""
    return "".join(f"<p>{escape(line)}</p>" for line in body.splitlines() if line.strip())


def fill(scene: Scene, posts: list[dict[str, str]]) -> list[int]:
    """Insert posts of which the service hears nothing yet; their ids."""
    configure(scene.site, url="", key="")
    fields = {"post_status": "publish", "post_author": 2}
    ids = [int(one) for one in scene.site.fill([{**fields, **post} for post in posts])]
    configure(scene.site, url=scene.service.address, key=KEY)
    return ids


def push_all(scene: Scene) -> float:
    """Push the whole archive to the service's store; the seconds that it takes."""
    spent: float = scene.site.run(
        """ReadAlso\\push_all();
        $began = microtime(true);
        ReadAlso\\push_due(0, 600, ReadAlso\\BATCH);
        if (ReadAlso\\waiting()) { throw new RuntimeException('not all was sent'); }
        return microtime(true) - $began;"""
    )
    return spent


@click.command(help=__doc__)
@click.option("--rounds", default=20, show_default=True, help="Of every action, page and save.")
@click.option("--pages", default=100, show_default=True, help="Of each kind that is compared.")
@click.option(
    "--posts", default=2_000, show_default=True, help="Of the archive that is pushed and searched."
)
@click.option(
    "--texts",
    default=SAMPLE,
    type=click.Path(exists=True, path_type=Path),
    help="JSON lines of articles, for the pages that are compared; the sample's by default.",
)
@click.option("--only-pages", is_flag=True, help="Compare pages and end.")
def main(rounds: int, pages: int, posts: int, texts: Path, *, only_pages: bool) -> None:
    """Print it all."""
    click.echo(f"{'':44} {'median':>9} {'worst':>9}")
    for behind_nginx in (False, True):
        with Scene.made(behind_nginx=behind_nginx) as scene:
            click.echo("nginx, PHP-FPM, Redis:" if behind_nginx else "PHP's own server:")
            compare_pages(scene, pages, texts, posts)
    if not only_pages:
        show_rest(rounds, posts)


def show_rest(rounds: int, posts: int) -> None:
    """How soon changes show, and what the service's absence costs, on PHP's own server."""
    with Scene.made() as scene:
        configure(scene.site, url=scene.service.address, key=KEY)
        spent: dict[str, list[float]] = {}
        for number in range(1, rounds + 1):
            for action, seconds in follow(scene, number):
                spent.setdefault(action, []).append(seconds)
        for action, values in spent.items():
            show(f"{action}, until every worker shows it", "s", values)
        show_pages(scene, rounds)
        fill(
            scene,
            [{"post_title": f"Old {n}", "post_content": TEXT.format(n)} for n in range(posts)],
        )
        click.echo(f"pushing {posts} posts in bulk: {posts / push_all(scene):.0f} posts a second")


if __name__ == "__main__":
    main()
