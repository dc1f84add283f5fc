"""What becomes of a page that a sitemap named, once it is fetched."""

from dataclasses import replace
from typing import Final

from recommender.articles import Article
from recommender.errors import InvalidArticle, UnreadableMarkup
from recommender.markup.webpage import Page, PageReader
from recommender.sources.charsets import decode_page
from recommender.sources.fetching import Answer
from recommender.sources.fields import refuse
from recommender.sources.pages import is_listing, page_article
from recommender.sources.records import LeftOut
from recommender.sources.sitemap_entries import Entry

__all__ = ["read_answer"]

_HTML: Final = frozenset({"text/html", "application/xhtml+xml", ""})


def read_answer(
    answer: Answer, entry: Entry, reader: PageReader
) -> Article | InvalidArticle | LeftOut:
    """The article of a page, what is wrong with it, or what it is instead of an article."""
    content_type = answer.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() not in _HTML:
        return LeftOut("no web page")
    try:
        page = reader.read(decode_page(answer.body, content_type))
    except UnreadableMarkup as error:
        return refuse("/body", str(error))
    if page.is_hidden or "noindex" in answer.headers.get("x-robots-tag", "").lower():
        return LeftOut("noindex")
    if is_listing(page, answer.url):
        return LeftOut("list of articles")
    return page_article(_with_news(page, entry), answer.url)


def _with_news(page: Page, entry: Entry) -> Page:
    """The page, with what a news sitemap says of it."""
    return replace(
        page,
        title=entry.title or page.title,
        published=entry.published or page.published,
        language=entry.language or page.language,
        tags=entry.keywords or page.tags,
    )
