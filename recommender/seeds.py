"""The article that a list is for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index import Query, Snapshot
from recommender.articles import Article
from recommender.cards import Card
from recommender.columns import UNKNOWN_LANGUAGE, Facts, story
from recommender.errors import UnreadArticle

__all__ = ["Seed", "find_seed", "seed_of", "unread_seed"]


@dataclass(frozen=True, slots=True, eq=False)
class Seed:
    """The article that a list is for. Without `vector` and `terms` only the ladder can serve it.

    `row` is its place in the snapshot, None where the snapshot does not hold it.
    """

    id: str
    title: str
    language: str
    section: str | None
    published_at: float
    story: int
    lists: bool
    signature: NDArray[np.uint16]
    row: int | None = None
    embedded: bool = False
    vector: NDArray[np.float32] | None = None
    terms: Query | None = None


def seed_of(snapshot: Snapshot, article_id: str) -> Seed | None:
    """The seed as the snapshot knows it; None where it does not."""
    row = snapshot.row_of(article_id)
    if row is None:
        return None
    columns, labels = snapshot.columns, snapshot.labels
    return Seed(
        id=article_id,
        title=Card.from_bytes(snapshot.card_of(row)).title,
        language=labels["language"][columns["language"][row]],
        section=labels["section"][columns["section"][row]] or None,
        published_at=float(columns["published_at"][row]),
        story=int(columns["story"][row]),
        lists=bool(columns["lists"][row]),
        signature=columns["signature"][row],
        row=row,
        embedded=bool(columns["embedded"][row]),
        vector=snapshot.vectors.fetch(np.array([row]))[0],
        terms=snapshot.lexicon.query_of(row),
    )


def find_seed(snapshot: Snapshot, article_id: str) -> Seed:
    """The seed as the snapshot knows it.

    Raises:
        UnreadArticle: it does not.
    """
    seed = seed_of(snapshot, article_id)
    if seed is None:
        raise UnreadArticle(article_id)
    return seed


def unread_seed(snapshot: Snapshot, facts: Facts) -> Seed:
    """The seed of an article that the snapshot does not hold: only the ladder can serve it."""
    article = facts.article
    moment = article.published_at
    return Seed(
        id=article.id,
        title=article.title.strip(),
        language=facts.language or UNKNOWN_LANGUAGE,
        section=article.section,
        published_at=np.nan if moment is None else moment.timestamp(),
        story=_story_of(snapshot, article),
        lists=not article.no_related,
        signature=facts.signature,
    )


def _story_of(snapshot: Snapshot, article: Article) -> int:
    """The story of the article that this one translates, if the snapshot holds it."""
    name = article.translation_of or article.id
    row = snapshot.row_of(name)
    return story(name) if row is None else int(snapshot.columns["story"][row])
