"""The draft desk: what a text that is not stored would get, repeats, and could link to."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from flask import Response, request
from numpy.typing import NDArray

from recommender.analysis.features import DraftFeatures
from recommender.analysis.minhash import estimate_jaccard
from recommender.api import RELATED, SEMANTIC, Item, ListOptions, RelatedList
from recommender.articles import Article, article_of
from recommender.display_fields import DisplayFields
from recommender.errors import IndexerAway
from recommender.indexing.drafts import ANY_ID, make_outside_seed, read_draft
from recommender.ranking.candidates import ListRequest
from recommender.ranking.explain import add_grounds, list_explained
from recommender.ranking.fusion import ScoredCandidates
from recommender.ranking.marked_text import shared_keys
from recommender.web.auth import heavy_call
from recommender.web.console.access import console, opened
from recommender.web.console.link_suggestions import (
    LinkSuggestion,
    LinkTarget,
    insert_links,
    is_markup,
    suggest_links,
)
from recommender.web.console.page import render_page, render_part, wants_part
from recommender.web.console.plain_texts import read_texts
from recommender.web.console.reasons import Reasons
from recommender.web.console.states import StoryState, states_of
from recommender.web.state import state

__all__ = ["EarlierStory", "ReadDraft"]

MOST_EARLIER: Final = 5
NEAR: Final = 50
SAME_TEXT: Final = 0.5
"""From this overlap on two texts are almost the same."""
SAME_PARTS: Final = 0.2
"""From this one on they have parts in common; chance gives up to 0.1."""
SAME_STORY: Final = 0.7
"""From this score on two texts tell the same, in other words."""
Sameness = Literal["text", "parts", "story"]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EarlierStory:
    """A story that a draft repeats.

    Attributes:
        item: the story, with the passages that match.
        reasons: the same, as a page shows it.
        state: whether readers see it.
        same: what both have in common.
    """

    item: Item
    reasons: Reasons | None
    state: StoryState
    same: Sameness


@dataclass(frozen=True, slots=True)
class ReadDraft:
    """What the desk says of a draft.

    Attributes:
        related: its list, explained.
        reasons: of the items, in their order.
        earlier: stories that it repeats, the most alike first.
        links: to propose inside it, in its order.
        linked: the draft as HTML with all of them.
    """

    related: RelatedList
    reasons: tuple[Reasons | None, ...]
    earlier: tuple[EarlierStory, ...]
    links: tuple[LinkSuggestion, ...]
    linked: str


@console.get("/desk")
@opened("read")
def show_desk() -> Response:
    """The form for a draft."""
    return render_page("desk.html", "desk", draft=None, given={}, is_away=False)


@console.post("/desk")
@opened("read")
def look_at_draft() -> Response:
    """What the desk says of a draft. Nothing is stored."""
    article = _draft_article(request.form)
    with heavy_call():
        read = _read_features(article)
        draft = None if read is None else _look(article, read, time.time())
    values: dict[str, Any] = {"draft": draft, "is_away": read is None}
    if wants_part():
        return render_part("desk_draft.html", "desk", **values)
    return render_page("desk.html", "desk", given=request.form, **values)


def _draft_article(form: Mapping[str, str]) -> Article:
    """The draft that a form has sent.

    Raises:
        InvalidArticle: it is empty, or too long.
    """
    body = form.get("body", "").replace("\r\n", "\n")
    title = re.sub(r"\s+", " ", form.get("title", "")).strip()
    return article_of(
        {"id": ANY_ID, "title": title, "body_html" if is_markup(body) else "body": body}
    )


def _read_features(article: Article) -> DraftFeatures | None:
    """What the indexer reads in a draft; None while it is away.

    Raises:
        UnreadableMarkup: its markup cannot be read.
        Busy: too many drafts are read now.
    """
    try:
        with state().limits.heavy.hold("the drafts"):
            return read_draft(state().settings.data.draft_socket, article)
    except IndexerAway:
        return None


def _look(article: Article, read: DraftFeatures, now: float) -> ReadDraft:
    live = state().follower.current()
    seed = make_outside_seed(live.view, article, read)
    text = article if read.body is None else article.with_text(read.body)
    policy = live.active_policy.policy
    request_ = ListRequest(live.view, seed, ListOptions(explain=True), policy, now)
    with state().limits.heavy.hold("explanations"):
        related = list_explained(request_, read_texts, text)
        earlier = _earlier(request_, text)
    repeated = {one.item.id for one in earlier}
    targets = [one for one in related.items if one.reason in RELATED and one.id not in repeated]
    source = article.body_html or article.body
    links = suggest_links(source, [one for item in targets for one in _targets_of(item)])
    reasons = tuple(map(Reasons.of, related.items))
    return ReadDraft(related, reasons, earlier, links, insert_links(source, links))


def _targets_of(item: Item) -> tuple[LinkTarget, ...]:
    """An item as the target of a link; nothing if it has no address or shares no words."""
    grounds = item.explanation.grounds if item.explanation else None
    if grounds is None or item.url is None:
        return ()
    return (LinkTarget(item.id, item.title, item.url, item.score, shared_keys(grounds)),)


def _earlier(asked: ListRequest, text: Article) -> tuple[EarlierStory, ...]:
    """The stories that a draft repeats, also those that readers do not see."""
    view, seed = asked.view, asked.seed
    rows, overlaps = _alike(asked)
    scored = asked.score(rows)
    alike = np.maximum(overlaps, np.where(scored.scores.score >= SAME_STORY, SAME_PARTS, 0))
    order = np.lexsort((-scored.scores.score, -alike))
    at = [place for place in order.tolist() if alike[place] >= SAME_PARTS][:MOST_EARLIER]
    items = tuple(_item(asked, scored, place) for place in at)
    items = add_grounds(view, seed, items, read_texts, text)
    states = states_of(
        *(view, rows[np.array(at, np.int64)], asked.now),
        untitled=asked.policy.untitled,
        hidden=asked.overrides.hidden,
    )
    return tuple(
        EarlierStory(item, Reasons.of(item), of, _sameness(float(overlaps[place])))
        for item, of, place in zip(items, states, at, strict=True)
    )


def _alike(asked: ListRequest) -> tuple[Rows, NDArray[np.float64]]:
    """The rows that may repeat a draft, and the overlap of each with it."""
    view = asked.view
    present = np.flatnonzero(view.present)
    overlaps = estimate_jaccard(asked.seed.minhash, view.take("minhash", present))
    overlapping = present[overlaps >= SAME_PARTS]
    near = asked.candidates(view.present.copy(), NEAR)
    rows = np.unique(np.concatenate([overlapping, near]))
    return rows, overlaps[np.searchsorted(present, rows)]


def _sameness(overlap: float) -> Sameness:
    if overlap >= SAME_TEXT:
        return "text"
    return "parts" if overlap >= SAME_PARTS else "story"


def _item(asked: ListRequest, scored: ScoredCandidates, place: int) -> Item:
    """A scored row as an item, explained as if each signal counted: passages of briefs too."""
    row = int(scored.rows[place])
    counts = {"passages": 1.0, "passage_weight": 1.0, "lexical": 1.0, "lexical_weight": 1.0}
    return Item(
        id=asked.view.id_of(row),
        rank=1,
        score=float(scored.scores.score[place]),
        **DisplayFields.from_bytes(asked.view.display_of(row)).of_item(()),
        reason=SEMANTIC,
        explanation=scored.explain(place).model_copy(update=counts),
    )
