"""Chromium, in which users of a site have logged in."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.wordpress.site import Site

__all__ = ["chromium", "log_in", "open_editor"]

PATIENCE_MS = 120_000
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


@contextmanager
def chromium(home: Path) -> Iterator[Browser]:
    """One browser, for a module: while it runs, its thread runs an event loop."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("the plugin's scripts need a browser: apt-get install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=[*FLAGS], env={"HOME": str(home)}
        )
        yield browser
        browser.close()


def log_in(browser: Browser, site: Site, login: str = "admin", **options: Any) -> Page:
    """A page of its own session, in which that user has logged in; it calls only the site."""
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.route(lambda address: not address.startswith(site.home), lambda route: route.abort())
    page.goto(f"{site.home}/wp-login.php")
    page.fill("#user_login", login)
    page.fill("#user_pass", site.password)
    page.click("#wp-submit")
    page.wait_for_url("**/wp-admin/**")
    return page


def open_editor(site: Site, tab: Page, path: str) -> None:
    """An editor of blocks under wp-admin, without the tour that greets a new user."""
    tab.goto(f"{site.home}/wp-admin/{path}")
    tab.wait_for_function("window.wp?.data?.select('core/block-editor')")
    tab.evaluate(
        """for (const scope of ['core/edit-post', 'core/edit-site', 'core/edit-widgets']) {
            wp.data.dispatch('core/preferences').set(scope, 'welcomeGuide', false);
        }"""
    )
