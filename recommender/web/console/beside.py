"""Two stories side by side, with marks on what their texts share."""

import time
from dataclasses import dataclass

import numpy as np
from flask import Response

from recommender.analysis.article_texts import paragraphs
from recommender.api import SEMANTIC, Grounds, Item, ListOptions
from recommender.articles import Article
from recommender.display_fields import DisplayFields
from recommender.indexing.drafts import make_outside_seed
from recommender.ranking.candidates import ListRequest
from recommender.ranking.explain import add_grounds
from recommender.ranking.marked_text import MarkedPiece, mark_shared, shared_keys
from recommender.ranking.scoring import seed_of
from recommender.ranking.shared_text import Key, beginning_of
from recommender.web.auth import heavy_call
from recommender.web.console.access import console, opened
from recommender.web.console.page import render_page
from recommender.web.console.plain_texts import plain_article, read_texts
from recommender.web.console.reasons import Reasons
from recommender.web.state import state

__all__ = ["MarkedStory"]

NOTHING_SHARED = Grounds(terms=(), names=(), passages=())


@dataclass(frozen=True, slots=True)
class MarkedStory:
    """A story with marks on what another one has too; of a book only the beginning."""

    article: Article
    title: tuple[MarkedPiece, ...]
    paragraphs: tuple[tuple[MarkedPiece, ...], ...]

    @classmethod
    def of(cls, article: Article, keys: frozenset[Key]) -> "MarkedStory":
        """Mark a story whose text is plain."""
        read = beginning_of(article)
        texts = (mark_shared(text, keys) for text in paragraphs(read.body))
        return cls(article, mark_shared(article.title, keys), tuple(texts))


@console.get("/story/<article_id>/beside/<other_id>")
@opened("read")
def show_beside(article_id: str, other_id: str) -> Response:
    """Both texts, and how close they are."""
    stories = [plain_article(one) for one in (article_id, other_id)]
    with heavy_call(), state().limits.heavy.hold("explanations"):
        item = _explained(stories[0], other_id)
    explained = None if item is None else item.explanation
    grounds = (explained and explained.grounds) or NOTHING_SHARED
    marked = [MarkedStory.of(one, shared_keys(grounds)) for one in stories]
    why = None if item is None else Reasons.of(item)
    return render_page("beside.html", "beside", marked=marked, item=item, why=why)


def _explained(article: Article, other_id: str) -> Item | None:
    """A story as an item of the list under another one; None if the view does not hold it."""
    live = state().follower.current()
    view, row = live.view, live.view.row_of(other_id)
    if row is None:
        return None
    seed = seed_of(view, article.id) or make_outside_seed(view, article)
    request = ListRequest(view, seed, ListOptions(), live.active_policy.policy, time.time())
    scored = request.score(np.array([row]))
    item = Item(
        id=other_id,
        rank=1,
        score=float(scored.scores.score[0]),
        **DisplayFields.from_bytes(view.display_of(row)).of_item(frozenset()),
        reason=SEMANTIC,
        explanation=scored.explain(0),
    )
    return add_grounds(view, seed, (item,), read_texts)[0]
