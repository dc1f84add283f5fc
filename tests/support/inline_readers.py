"""Readers of feeds and web pages that run in the test's own process.

The program reads each document in a sandbox, which is a child process. Starting a child costs a
second, so tests that are about something else read harmless documents here.
"""

import pytest

from recommender.analysis.html.feed_document import read_feed_document
from recommender.analysis.html.sandbox import FEED, Sandbox
from recommender.analysis.html.web_page import Page, PageReader
from recommender.analysis.html.web_page_text import read_web_page
from recommender.errors import UnreadableMarkup

__all__ = ["InlinePageReader", "read_feeds_inline"]


class InlinePageReader(PageReader):
    """Answers what the child process answers."""

    def read(self, html: str) -> Page:
        """Return what is read of a page."""
        return Page.decode(read_web_page(html))


class InlineFeedReader(Sandbox):
    """Answers what the child process answers; an error of the parser is a refusal here too."""

    def read(self, document: str | bytes) -> str:
        """Return the feed as JSON."""
        assert isinstance(document, bytes)
        try:
            return read_feed_document(document)
        except Exception as error:
            raise UnreadableMarkup(FEED.complaint.format(repr(error))) from error


def read_feeds_inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read feeds without a child."""
    monkeypatch.setattr("recommender.sources.feeds.Sandbox", InlineFeedReader)
