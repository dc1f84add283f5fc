"""The texts of stored stories without their markup."""

from collections.abc import Mapping

import numpy as np

from recommender.articles import Article
from recommender.web.state import state

__all__ = ["plain_article", "read_texts"]


def read_texts(changes: Mapping[str, int]) -> Mapping[str, Article]:
    """By id, articles with plain text whose last change is the given one.

    Raises:
        StoreUnusable: the store is away.
        Busy: too many requests read the store now.
    """
    with state().reading() as store:
        return store.texts_at(changes)


def plain_article(article_id: str) -> Article:
    """An article with its plain text; markup that was not read yet gives no text.

    Raises:
        UnknownArticle: never stored.
        DeletedArticle: deleted.
        StoreUnusable: the store is away.
        Busy: too many requests read the store now.
    """
    view = state().follower.current().view
    with state().reading() as store:
        article, row = store.get(article_id), view.row_of(article_id)
        if article.body_html and row is not None:
            changes = {article_id: int(view.take("change", np.array([row]))[0])}
            return store.texts_at(changes).get(article_id, article)
        return article
