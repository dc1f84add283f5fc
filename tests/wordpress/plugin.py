"""The plugin in a site, and editors who work there."""

from collections.abc import Callable
from pathlib import Path

from recommender.sources.article_ids import wordpress_id
from tests.support.waiting import PATIENCE_SECONDS, until
from tests.wordpress.site import Site

__all__ = [
    "NO_CHOICES",
    "PLUGIN",
    "article_of",
    "chosen",
    "comes_true",
    "configure",
    "pass_time",
    "publish",
    "remove",
    "save",
]

PLUGIN = Path(__file__).parents[2] / "integrations/wordpress/read-also"
NO_CHOICES: dict[str, object] = {
    "pins": [],
    "blocks": [],
    "no_list": False,
    "no_list_from": "",
    "no_list_until": "",
    "never": False,
    "never_from": "",
    "never_until": "",
}


def configure(site: Site, **settings: object) -> None:
    """Set options of the plugin, those that are not named to their defaults; nothing is cached."""
    site.run(
        """
        global $wpdb;
        $wpdb->query("DELETE FROM {$wpdb->options}
            WHERE (option_name LIKE 'read\\_also%' AND option_name <> 'read_also_form')
            OR option_name LIKE '\\_transient\\_read\\_also%'
            OR option_name LIKE '\\_transient\\_timeout\\_read\\_also%'");
        wp_cache_flush();
        wp_clear_scheduled_hook('read_also_push');
        return update_option('read_also', $given['settings']);
        """,
        settings=settings,
    )


def pass_time(site: Site) -> None:
    """Run WP-Cron after so long that all delayed work is due again."""
    site.run(
        """
        global $wpdb;
        $wpdb->query("UPDATE {$wpdb->options}
            SET option_value = CONCAT(
                LPAD(GREATEST(CAST(LEFT(option_value, 10) AS SIGNED) - 1000, 0), 10, '0'),
                SUBSTRING(option_value, 11))
            WHERE option_name REGEXP '^read_also_(due|chosen|new)_' AND option_value <> ''");
        delete_transient('doing_cron'); // of a run that was killed
        wp_clear_scheduled_hook('read_also_push');
        wp_schedule_event(time() - 1, 'read_also', 'read_also_push');"""
    )
    site.cron()


def save(site: Site, post: int | None = None, **fields: object) -> int:
    """Make a post or change one, as the block editor does: over REST, as an editor."""
    path = f"/wp-json/wp/v2/posts/{post}" if post else "/wp-json/wp/v2/posts"
    with site.client("editor") as client:
        answer = client.post(path, json=fields if post else {"status": "publish"} | fields)
    assert answer.status_code in {200, 201}, answer.text
    site.finish()
    return int(answer.json()["id"])


def remove(site: Site, post: int, *, for_good: bool = False) -> None:
    """Trash a post as the block editor does, or delete it."""
    with site.client("editor") as client:
        force = {"force": "true"} if for_good else {}
        answer = client.delete(f"/wp-json/wp/v2/posts/{post}", params=force)
    assert answer.status_code == 200, answer.text
    site.finish()


def article_of(site: Site, post: int) -> str:
    return wordpress_id(site.home, post)


def comes_true(condition: Callable[[], bool]) -> bool:
    return until(condition, PATIENCE_SECONDS, every=0.02)


def publish(site: Site, title: str, status: str = "publish", password: str = "") -> int:
    """Save a post with a text of its own."""
    text = f"{title} was told to a full hall."
    return save(site, title=title, content=text, status=status, password=password)


def chosen(post: int, **times: str) -> dict[str, object]:
    """A pin or a block of a post."""
    return {"post": post, "article": "", "title": "", "from": "", "until": ""} | times
