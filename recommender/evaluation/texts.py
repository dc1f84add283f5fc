"""The plain texts of a store's articles."""

from collections.abc import Iterator

from recommender.analysis.html import MARKUP_VERSION
from recommender.articles import Article
from recommender.store import ArticleStore

__all__ = ["plain_articles"]


def plain_articles(store: ArticleStore) -> Iterator[Article]:
    """Every article with its plain text, by ascending id, but for those that were not read."""
    with store.scan() as view:
        for stored in view:
            article, key = stored.article, stored.text_hash
            if not article.body_html:
                yield article
            elif (body := store.features.texts([key], MARKUP_VERSION).get(key)) is not None:
                yield article.with_text(body)
