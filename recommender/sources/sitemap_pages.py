"""What becomes of a page that a sitemap named, once it is fetched."""

from dataclasses import replace
from typing import Final

from recommender.analysis.html.page import Page, PageReader
from recommender.articles import Article
from recommender.errors import InvalidArticle, UnreadableMarkup
from recommender.sources.charsets import decode_page
from recommender.sources.fetching import Answer
from recommender.sources.fields import refuse
from recommender.sources.pages import is_listing, page_article
from recommender.sources.records import Gone, LeftOut, Record
from recommender.sources.sitemap_entries import Entry

__all__ = ["NOINDEX", "id_after", "read_answer", "tell_gone"]

NOINDEX: Final = LeftOut("noindex")

_HTML: Final = frozenset({"text/html", "application/xhtml+xml", ""})


def read_answer(
    answer: Answer, entry: Entry, reader: PageReader
) -> Article | Gone | InvalidArticle | LeftOut:
    """The article of a page, what is wrong with it, or what it is instead of an article.

    One that its page keeps out of lists (noindex) is gone. A page that keeps itself out of them and
    shows no article, such as a firewall's, says nothing of the one that was there.
    """
    content_type = answer.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() not in _HTML:
        return LeftOut("no web page")
    try:
        page = reader.read(decode_page(answer.body, content_type))
    except UnreadableMarkup as error:
        return refuse("/body", str(error))
    if page.is_hidden or "noindex" in answer.headers.get("x-robots-tag", "").lower():
        hidden = page_article(page, answer.url)
        return Gone(hidden.id) if isinstance(hidden, Article) else NOINDEX
    if is_listing(page, answer.url):
        return LeftOut("list of articles")
    return page_article(_with_news(page, entry), answer.url)


def tell_gone(address: str, article_id: str) -> Record | LeftOut:
    """What a page tells that is not there: its article is gone, if one was stored of it."""
    return Record(address, Gone(article_id)) if article_id else LeftOut("not found")


def id_after(told: Record | LeftOut, before: str) -> str:
    """The id of the article that is stored of a page after something was told of it."""
    content = told.content if isinstance(told, Record) else None
    if isinstance(content, Article):
        return content.id
    return "" if isinstance(content, Gone) else before


def _with_news(page: Page, entry: Entry) -> Page:
    """The page, with what a news sitemap says of it."""
    return replace(
        page,
        title=entry.title or page.title,
        published=entry.published or page.published,
        language=entry.language or page.language,
        tags=entry.keywords or page.tags,
    )
