"""A story beside the list that stands under it, and what is not in it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import numpy as np
from flask import Response, request

from index import View
from recommender.analysis.article_texts import paragraphs
from recommender.api import Dropped, FragmentOptions, Item, ListOptions
from recommender.articles import Article
from recommender.ranking.related import title_of
from recommender.time_zones import find_time_zone
from recommender.web.auth import heavy_call
from recommender.web.console.access import console, opened
from recommender.web.console.page import render_page, render_part, wants_part
from recommender.web.console.reasons import Reasons, count_reasons
from recommender.web.entries import Entry, Picture
from recommender.web.fragment import Section
from recommender.web.state import Listing, state

__all__ = ["DroppedStory", "ListedStory", "ShownAs"]

ShownAs = Literal["reasons", "list", "cards"]
WAYS: Final[tuple[ShownAs, ...]] = ("reasons", "list", "cards")
"""How a list can be shown: with its reasons, or as readers see it in one of two layouts."""
FIRST_PARAGRAPHS: Final = 4
FIRST_DROPPED: Final = 10


@dataclass(frozen=True, slots=True)
class ListedStory:
    """An item of the list, with why it stands there."""

    item: Item
    reasons: Reasons | None


@dataclass(frozen=True, slots=True)
class DroppedStory:
    """A story that is not in the list.

    Attributes:
        one: what is known of it.
        instead: the headline of the story that is listed instead; None for none.
    """

    one: Dropped
    instead: str | None


@console.get("/story/<article_id>")
@opened("read")
def show_story(article_id: str) -> Response:
    """The story, and its list with the reasons; a script gets the list alone."""
    way = _way_of(request.args.get("as", ""))
    shown = _list_as(article_id, way)
    if wants_part():
        return render_part("story_list.html", "story", **shown)
    article = _plain_article(article_id)
    text = paragraphs(article.body)
    first, rest = text[:FIRST_PARAGRAPHS], text[FIRST_PARAGRAPHS:]
    return render_page("story.html", "story", article=article, first=first, rest=rest, **shown)


def _plain_article(article_id: str) -> Article:
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


def _way_of(wanted: str) -> ShownAs:
    return next((way for way in WAYS if way == wanted), WAYS[0])


def _list_as(article_id: str, way: ShownAs) -> dict[str, Any]:
    """What the template of a list needs to show it in one of the ways."""
    options = ListOptions(explain="all") if way == "reasons" else FragmentOptions(layout=way)
    with heavy_call():
        listing = state().list_for(article_id, options, public=False)
    related, view = listing.related, state().follower.current().view
    return {
        "way": way,
        "ways": WAYS,
        "related": related,
        "counts": count_reasons(related.items),
        "stories": [ListedStory(item, Reasons.of(item)) for item in related.items],
        "dropped": [dropped_story(view, one) for one in related.dropped or ()],
        "first_dropped": FIRST_DROPPED,
        "section": _section_in(listing, options) if isinstance(options, FragmentOptions) else None,
    }


def dropped_story(view: View, one: Dropped) -> DroppedStory:
    """A story that is not in the list, with the headline of the one that is."""
    return DroppedStory(one, None if one.because is None else title_of(view, one.because))


def _section_in(listing: Listing, options: FragmentOptions) -> Section:
    """The list as readers see it. Pictures of other hosts are left out: the console asks none."""
    zone = find_time_zone(state().settings.time_zone)
    section = Section.of(listing, options, datetime.fromtimestamp(listing.made_at, zone))
    entries = tuple(keep_own_picture(entry, request.host) for entry in section.entries)
    return replace(section, entries=entries)


def keep_own_picture(entry: Entry, host: str) -> Entry:
    """The same entry, without its picture if that is not of a host; other sizes are left out."""
    picture = entry.picture
    if picture is None or urlsplit(picture.src).netloc != host:
        return replace(entry, picture=None)
    return replace(entry, picture=Picture(picture.src, picture.width, picture.height))
