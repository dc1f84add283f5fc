"""A running service over an archive, and what the flows of editors ask of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
from playwright.sync_api import Page

from tests.browser.editors import settle
from tests.support.serving import KEY

__all__ = ["ARCHIVE", "KEYS", "LEAST_LISTED", "LIST", "PATIENCE_MS", "Newsroom", "listed"]

ARCHIVE: Final = os.environ.get("READ_ALSO_TEST_ARCHIVE")
"""A file of stories that somebody names in place of the sample."""
KEYS: Final = {"READ_ALSO_API_KEYS": f"t:read+write+admin:{KEY}"}
LEAST_LISTED: Final = 6
PATIENCE_MS: Final = 300_000
LIST: Final = "#story-list ol .stories__title"


@dataclass(frozen=True)
class Newsroom:
    """A running service over an archive."""

    address: str

    def ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        """Call the API."""
        address, headers = f"{self.address}/v1{path}", {"X-API-Key": KEY}
        answer = httpx.request(method, address, headers=headers, timeout=90, **sent)
        return answer.raise_for_status()

    @contextmanager
    def story(self, article_id: str, **fields: object) -> Iterator[None]:
        """A story more, which is read, while the block runs."""
        self.ask("PUT", f"/articles/{article_id}?wait=visible", json=fields)
        yield
        self.ask("DELETE", f"/articles/{article_id}?wait=visible")

    def listed(self, article_id: str) -> list[dict[str, Any]]:
        """The list of a story."""
        return list(self.ask("GET", f"/articles/{article_id}/related").json()["items"])

    def stories(self) -> Iterator[dict[str, Any]]:
        """Stories with long lists of different headlines."""
        for one in self.ask("GET", "/articles?limit=100").json()["articles"]:
            titles = [
                item["title"] for item in self.listed(one["id"]) if item["reason"] == "semantic"
            ]
            if len(set(titles)) == len(titles) >= LEAST_LISTED and one["title"] not in titles:
                yield one


def listed(page: Page) -> list[str]:
    """The headlines of the list, as it stands."""
    settle(page)
    return page.locator(LIST).all_inner_texts()
