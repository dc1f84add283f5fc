"""Lists as the API answers them, built from a few words."""

from collections.abc import Mapping
from typing import Any

from recommender.api import (
    Explanation,
    Grounds,
    Item,
    PassagePair,
    Reason,
    RelatedList,
    SharedTerm,
)

__all__ = ["BARE", "GROUNDS", "PARTS", "SHOWN", "item", "listed"]

SHOWN = {
    "title": "Bridge opens",
    "url": "https://a/b",
    "section": "city",
    "language": "en",
    "published_at": "2026-03-01T09:30:00Z",
    "image_url": "https://a/b.jpg",
}
BARE = dict.fromkeys(SHOWN) | {"title": "Мост"}
PARTS = Explanation(
    dense=0.123456,
    passages=0.25,
    lexical=0.8,
    dense_weight=0.25,
    passage_weight=0.25,
    lexical_weight=0.5,
    recency=0.99999,
    nearness=0.04,
    hubness=0.03,
    ranking_value=0.633_45,
)
GROUNDS = Grounds(
    terms=(SharedTerm(word="harbour", share=0.123_456), SharedTerm(word="Мост", share=0.05)),
    names=("Guiyang", "White House"),
    passages=(
        PassagePair(seed="Half of the world's", item="Two <b>halves</b>", similarity=0.712_345),
    ),
)


def item(
    article_id: str = "b",
    rank: int = 1,
    score: float = 0.623_456,
    shown: Mapping[str, Any] = SHOWN,
    reason: Reason = "semantic",
    **explanation: Any,
) -> Item:
    if explanation:
        explanation = {"explanation": PARTS.model_copy(update=explanation)}
    return Item(id=article_id, rank=rank, score=score, reason=reason, **shown, **explanation)


def listed(*items: Item, **more: Any) -> RelatedList:
    fields = {"article_id": "a", "mode": "mixed", "generation": "20260301-0001"} | more
    return RelatedList(items=items, requested=12, returned=len(items), **fields)
