"""The texts that explanations quote, as the store keeps them: plain, without reading any markup.

Of a long one the beginning is read: explaining must cost no more for a book than for a long read.
"""

from collections.abc import Callable, Mapping
from typing import Final

from recommender.analysis.html import MARKUP_VERSION
from recommender.articles import Article
from recommender.store import ArticleStore

__all__ = ["MOST_MARKS", "ReadTexts", "beginning_of", "read_texts"]

MOST_MARKS: Final = 100_000
"""Characters of a body that are read; a headline and a summary have bounds of their own."""
LONGEST_WORD: Final = 100
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
    bodies = store.features.texts(marked, MARKUP_VERSION) if marked else {}
    texts = {one.article.id: one.article for one in same if not one.article.body_html}
    for one in same:
        if one.text_hash in bodies:
            texts[one.article.id] = one.article.with_text(bodies[one.text_hash])
    return texts


def beginning_of(article: Article) -> Article:
    """The same article with no more of its body than is read, cut between words where it can be."""
    body = article.body
    if len(body) <= MOST_MARKS:
        return article
    blank = max(body.rfind(mark, MOST_MARKS - LONGEST_WORD, MOST_MARKS) for mark in " \n")
    return article.with_text(body[: MOST_MARKS if blank < 0 else blank])
