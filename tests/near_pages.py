"""Web pages read in this process: what a child answers, without the time it takes to start."""

from recommender.analysis.html.page import read_page
from recommender.analysis.html.webpage import Page, PageReader

__all__ = ["NearReader"]


class NearReader(PageReader):
    """Answers as a child does; only for pages that are known to be harmless."""

    def read(self, html: str) -> Page:
        """What is read of a page."""
        return Page.decode(read_page(html))
