"""Readers of feeds and web pages that run in the test's own process.

The program reads each document in a guarded child process. Starting a child costs a second, so
tests that are about something else read harmless documents here.
"""

import json
from collections.abc import Mapping

import pytest

from recommender.analysis.html.page import read_page
from recommender.analysis.html.webpage import Page, PageReader
from recommender.errors import BadSource
from recommender.sources.feed_child import read

__all__ = ["InlinePageReader", "read_feeds_inline"]


class InlinePageReader(PageReader):
    """Answers what the child process answers."""

    def read(self, html: str) -> Page:
        """Return what is read of a page."""
        return Page.decode(read_page(html))


def read_feeds_inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read feeds without a child; where the child would die, `BadSource` is raised too."""
    monkeypatch.setattr("recommender.sources.feeds.parse_guarded", _parse)


def _parse(data: bytes) -> Mapping[str, object]:
    try:
        encoded = json.dumps(read(data))
    except Exception as error:
        raise BadSource(f"cannot be read as a feed ({error!r})") from error
    document: Mapping[str, object] = json.loads(encoded)
    return document
