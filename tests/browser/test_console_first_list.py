"""From an empty console to the first list, in Chromium, as operators run the whole service."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.editors import Editors
from tests.browser.newsrooms import ARCHIVE, KEYS, PATIENCE_MS, listed
from tests.support.serving import KEY, ROOT, Place, Server
from tests.support.waiting import until

pytestmark = pytest.mark.long

SAMPLE = ROOT / "recommender" / "sample" / "articles.jsonl"


def test_an_empty_console_reads_a_file_and_shows_the_first_list(
    tmp_path_factory: pytest.TempPathFactory, editor: Editors
) -> None:
    with Server(Place(tmp_path_factory.mktemp("first"), more=KEYS), ready=False) as server:
        anna = editor(server.address, KEY)
        page = anna.page
        expect(page).to_have_url(re.compile("/console/start$"))
        page.locator("[data-upload] input[type=file]").set_input_files(ARCHIVE or SAMPLE)
        page.locator("[data-upload] button").click()
        first = page.locator("#now .stories__title").first
        expect(first).to_be_visible(timeout=PATIENCE_MS)
        anna.check()
        headline = first.inner_text()
        first.click()
        page.wait_for_url("**/console/story/*")
        anna.check()
        expect(page.locator("h1").first).to_have_text(headline)
        assert until(lambda: bool(page.reload()) and len(listed(page)) > 0, PATIENCE_MS / 1_000)
        anna.check()
