"""The texts that explanations quote, as the store keeps them: plain, without reading any markup."""

from collections.abc import Callable, Mapping

from recommender.articles import Article
from recommender.markup import MARKUP_RECIPE
from recommender.store import ArticleStore

__all__ = ["ReadTexts", "read_texts"]

ReadTexts = Callable[[Mapping[str, int]], Mapping[str, Article]]
"""By id, articles with plain texts that stand at the given changes; raises StoreUnusable."""


def read_texts(store: ArticleStore, changes: Mapping[str, int]) -> dict[str, Article]:
    """Articles with plain texts, of those that still stand at the given change.

    Whatever was written, withdrawn or deleted since is left out, and so is markup whose plain text
    is not kept.

    Args:
        store: asked twice, however many they are.
        changes: by id, the write that gave the article the state in which it was ranked.
    """
    stored = store.get_many(list(changes))
    same = [one for key, one in stored.items() if one.change == changes[key]]
    marked = [one.text_hash for one in same if one.article.body_html]
    bodies = store.features.texts(marked, MARKUP_RECIPE) if marked else {}
    texts = {one.article.id: one.article for one in same if not one.article.body_html}
    for one in same:
        if one.text_hash in bodies:
            texts[one.article.id] = one.article.with_text(bodies[one.text_hash])
    return texts
