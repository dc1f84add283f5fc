"""A story beside the list that stands under it, and what is not in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from flask import Response, request

from index import View
from recommender.analysis.article_texts import paragraphs
from recommender.api import MODES, Dropped, FragmentOptions, Item, ListOptions, Mode
from recommender.ranking.related import title_of
from recommender.time_zones import find_time_zone
from recommender.web.auth import heavy_call
from recommender.web.console.access import console, opened
from recommender.web.console.difference import ListDifference
from recommender.web.console.page import render_page, render_part, wants_part
from recommender.web.console.plain_texts import plain_article
from recommender.web.console.reasons import Reasons, count_reasons
from recommender.web.console.sliders import Shares, Sliders, half_life_choices
from recommender.web.console.steering import read_steering
from recommender.web.console.trials import list_by
from recommender.web.entries import Entry, Picture
from recommender.web.fragment import Section
from recommender.web.state import Listing, state

__all__ = ["DroppedStory", "ListedStory", "ShownAs"]

ShownAs = Literal["reasons", "list", "cards"]
WAYS: Final[tuple[ShownAs, ...]] = ("reasons", "list", "cards")
"""How a list can be shown: with its reasons, or as readers see it in one of two layouts."""
FIRST_PARAGRAPHS: Final = 4
FIRST_DROPPED: Final = 10
SOME_EXPLAINED: Final = ListOptions(explain=True, limit=4)
"""Enough items to learn the weights of the live list from."""


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
    """The story, and its list with the reasons; a script gets the list alone.

    Values of sliders make the list in another way, beside the one that readers see.
    """
    way = _way_of(request.args.get("as", ""))
    with heavy_call():
        shown = _list_as(article_id, way, request.args)
        if wants_part():
            return render_part("story_list.html", "story", **shown)
        return render_page("story.html", "story", **_page_of(article_id, shown), **shown)


def _page_of(article_id: str, shown: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows beside the list: the story, and the sliders."""
    article = plain_article(article_id)
    text, policy = paragraphs(article.body), state().follower.current().active_policy.policy
    items: Sequence[Item] = shown["related"].items
    if shown["is_trial"] or shown["section"]:
        items = state().list_for(article_id, SOME_EXPLAINED, public=False).related.items
    active = Sliders.of(policy, Shares.of(items))
    return {
        "article": article,
        "first": text[:FIRST_PARAGRAPHS],
        "rest": text[FIRST_PARAGRAPHS:],
        "steering": read_steering(article_id),
        "sliders": active.moved(request.args),
        "modes": MODES,
        "half_lives": half_life_choices(active.half_life),
        "has_half_lives": bool(policy.half_lives),
    }


def _way_of(wanted: str) -> ShownAs:
    return next((way for way in WAYS if way == wanted), WAYS[0])


def _list_as(article_id: str, way: ShownAs, sent: Mapping[str, str]) -> dict[str, Any]:
    """What the template of a list needs to show it in one of the ways."""
    live = state().follower.current()
    policy, view = live.active_policy.policy, live.view
    active = Sliders.of(policy, Shares())
    moved = active.moved(sent)
    tried = moved.policy_from(policy, active)
    options = _options_of(way, moved.mode)
    is_trial = tried != policy or moved.mode != active.mode
    listing = state().list_for(article_id, ListOptions() if is_trial else options, public=False)
    before = [item.id for item in listing.related.items]
    if is_trial:
        listing = replace(listing, related=list_by(tried, article_id, options, listing.made_at))
    related = listing.related
    difference = ListDifference.of(before, [item.id for item in related.items])
    return {
        "way": way,
        "ways": WAYS,
        "is_trial": is_trial,
        "changes_policy": tried != policy,
        "query": moved.to_query(active),
        "difference": difference,
        "gone": {at: (one, title_of(view, one)) for at, one in difference.gone.items()},
        "related": related,
        "counts": count_reasons(related.items),
        "stories": [ListedStory(item, Reasons.of(item)) for item in related.items],
        "dropped": [dropped_story(view, one) for one in related.dropped or ()],
        "first_dropped": FIRST_DROPPED,
        "section": _section_in(listing, options) if isinstance(options, FragmentOptions) else None,
    }


def _options_of(way: ShownAs, mode: Mode) -> ListOptions:
    if way == "reasons":
        return ListOptions(explain="all", mode=mode)
    return FragmentOptions(layout=way, mode=mode)


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
