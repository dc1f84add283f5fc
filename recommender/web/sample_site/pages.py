"""The pages of the sample's newspaper, and the pictures in them.

Every link leads to an address of this site, also of articles that were pushed with another one. So
a newcomer can read whatever they have pushed.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Response, abort, make_response, render_template, request, url_for

from recommender.analysis.article_texts import paragraphs
from recommender.api import FragmentOptions, ListOptions
from recommender.articles import Article, as_rfc3339, primary_language
from recommender.errors import Busy, DeletedArticle, StoreUnusable, UnknownArticle
from recommender.ranking.filters import DAY_SECONDS, is_visible
from recommender.time_zones import find_time_zone
from recommender.web.auth import opens_lists, sees_stored
from recommender.web.endpoints import NonJsonAnswer, described
from recommender.web.fragment import section_of
from recommender.web.page_languages import direction_of
from recommender.web.page_words import words_in, write_date
from recommender.web.responses import add_etag, answer_condition, cached
from recommender.web.sample_site.headlines import (
    Headline,
    fits_address,
    newest,
    translations_of,
)
from recommender.web.sample_site.pictures import draw_picture
from recommender.web.sample_site.reasons import explain_plainly
from recommender.web.sample_site.words import FIRST_EDITION, SiteWords, edition_words, editions
from recommender.web.state import Listing, state

__all__ = ["reader"]

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
)
NO_SECTION: Final = "other"
"""In the address of a picture, for a story whose section has no page."""
LEADING: Final = 5
"""Stories above the sections: one that leads, and four beside it."""
FEW: Final = 12
"""With fewer stories below those, an edition is not parted into sections."""
MOST_IN_SECTION: Final = 3
MOST_LATEST: Final = 8
reader = Blueprint("reader", __name__, template_folder="templates", static_folder="static")


@dataclass(frozen=True, slots=True)
class Card:
    """A story as a front page shows it; `teaser` is empty for none."""

    headline: Headline
    section: str
    teaser: str = ""

    @property
    def picture(self) -> str:
        """The address of its picture."""
        return _picture_of(self.headline.section, self.headline.id)


@reader.get("/")
@opens_lists
def front() -> Response:
    """The front page of the first edition."""
    return _front_page(FIRST_EDITION)


@reader.get("/news/<language>")
@reader.get("/news/<language>/<path:section>")
@opens_lists
def edition(language: str, section: str = "") -> Response:
    """The front page of an edition, or one of its sections."""
    return _section_page(language, section) if section else _front_page(language)


@reader.get("/read/<article_id>")
@opens_lists
@described(
    "readStory",
    "A story with its list under it, as the demonstration shows it.",
    answers={200: NonJsonAnswer("text/html"), 304: None},
    query=FragmentOptions,
    problems=(404, 410),
)
def read(options: FragmentOptions, article_id: str) -> Response:
    """The story as it stands in the store, if a reader may see it, and its list."""
    options = _with_look(options)
    listing = _at_home(state().list_for(article_id, options, public=not sees_stored()))
    article = _readable(article_id)
    response = _page(
        "sample/story.html",
        listing.language,
        section=section_of(listing, options),
        article=article,
        published=article.published_at and as_rfc3339(article.published_at),
        paragraphs=paragraphs(article.body),
        picture=_picture_of(article.section or "", article.id),
        translations=translations_of(state().follower.current().view, article.id, time.time()),
    )
    return answer_condition(cached(response, listing), request.environ)


@reader.get("/why/<article_id>")
@opens_lists
def why(article_id: str) -> Response:
    """Why each article is in the list of a story, in plain words."""
    listing = state().list_for(article_id, ListOptions(explain=True), public=not sees_stored())
    words = edition_words(primary_language(listing.language) or "")
    reasons = [(item, explain_plainly(item, words)) for item in listing.related.items]
    article = _readable(article_id)
    return cached(
        _page("sample/why.html", listing.language, article=article, reasons=reasons), listing
    )


@reader.get("/pictures/<path:section>/<seed>.svg")
def picture(section: str, seed: str) -> Response:
    """The drawing for a story; nothing is looked up, so it says nothing of what is stored."""
    response = Response(draw_picture(section, seed), content_type="image/svg+xml; charset=utf-8")
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    response.headers["Cache-Control"] = f"public, max-age={DAY_SECONDS}"
    return add_etag(response)


def _front_page(language: str) -> Response:
    """The newest stories of an edition, and a few of each section."""
    words, stories = _edition(language)
    leading, rest = stories[:LEADING], stories[LEADING:]
    is_small = len(rest) < FEW
    return _listing_page(
        "sample/front.html",
        language,
        words,
        leading=[_card(one, words, with_teaser=place == 0) for place, one in enumerate(leading)],
        blocks={} if is_small else _by_section(rest, words),
        others=[_card(one, words) for one in rest] if is_small else [],
        latest=[] if is_small else rest[:MOST_LATEST],
        elsewhere=[one for other in editions() if other != language for one in _newest(other)[:1]],
    )


def _by_section(stories: Iterable[Headline], words: SiteWords) -> Mapping[str, list[Card]]:
    """By section its newest stories, first the section with the newest one."""
    blocks: dict[str, list[Card]] = {}
    for one in stories:
        block = blocks.setdefault(one.section, [])
        if one.section and len(block) < MOST_IN_SECTION:
            block.append(_card(one, words))
    return {section: block for section, block in blocks.items() if block}


def _section_page(language: str, section: str) -> Response:
    """All stories of one section of an edition."""
    words, stories = _edition(language)
    cards = [_card(one, words) for one in stories if one.section == section]
    if not cards:
        abort(404)
    return _listing_page("sample/section.html", language, words, section=section, cards=cards)


def _edition(language: str) -> tuple[SiteWords, list[Headline]]:
    """The words and the stories of an edition; nothing is served where there is neither."""
    stories = _newest(language)
    if language not in editions() and not stories:
        abort(404)
    return edition_words(language), stories


def _newest(language: str) -> list[Headline]:
    return newest(state().follower.current().view, language, time.time())


def _listing_page(
    template: str,
    edition: str,
    words: SiteWords,
    **more: Any,  # noqa: ANN401 - Jinja's
) -> Response:
    """A page of headlines. It changes with any story, so caches ask for it each time."""
    response = _page(template, words.language, edition, **more)
    response.headers["Cache-Control"] = "no-cache"
    return add_etag(response)


def _page(
    template: str,
    language: str,
    edition: str | None = None,
    **more: Any,  # noqa: ANN401 - Jinja's
) -> Response:
    """A page in a language, around what a template shows.

    Its links lead to an edition, or else to that of its words.
    """
    words = edition_words(primary_language(language) or "")
    edition = edition or words.language
    sections = dict.fromkeys(one.section for one in _newest(edition))
    of_dates = words_in(words.language)
    now = datetime.fromtimestamp(time.time(), find_time_zone(state().settings.time_zone))
    page = render_template(
        template,
        words=words,
        language=language,
        edition=edition,
        direction=direction_of(language),
        editions=editions().values(),
        sections=[name for name in sections if name],
        name_of=_name_of,
        write_day=lambda moment: write_date(
            datetime.fromisoformat(moment), "relative", of_dates, now
        ),
        **more,
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


def _name_of(language: str) -> str:
    """The name of a language in itself."""
    found = words_in(language)
    return found.name if found else language


def _card(headline: Headline, words: SiteWords, *, with_teaser: bool = False) -> Card:
    """A headline with the name of its section; as its teaser its summary, or its first words."""
    teaser = headline.fields.summary if with_teaser else ""
    if with_teaser and not teaser:
        teaser = _first_words(headline.id)
    return Card(headline, words.name_of(headline.fields.section or ""), teaser)


def _first_words(article_id: str) -> str:
    """The first paragraph of a story; "" if readers may not see it now, or the store is away.

    The store is ahead of the headlines, which change a moment later. A front page needs no store.
    """
    try:
        return next(iter(paragraphs(_readable(article_id).body)), "")
    except (UnknownArticle, DeletedArticle, StoreUnusable, Busy):
        return ""


def _readable(article_id: str) -> Article:
    """The article as the store has it now.

    Raises:
        UnknownArticle: readers may not see it any more.
    """
    article = state().stored(article_id)
    if not sees_stored() and not is_visible(article, time.time()):
        raise UnknownArticle(article_id)
    return article


def _with_look(options: FragmentOptions) -> FragmentOptions:
    """Cards with pictures and labels, unless the address of the page says otherwise."""
    given, look = options.model_fields_set, dict[str, object]()
    if "labels" not in given:
        look["labels"] = True
    if "layout" not in given:
        look["layout"] = "cards"
        if "images" not in given:
            look["fields"] = frozenset({"image"})
    return options.model_copy(update=look)


def _at_home(listing: Listing) -> Listing:
    """The same list with addresses, pictures and names of sections as this site has them."""
    words = edition_words(primary_language(listing.language) or "")
    items = tuple(
        item.model_copy(
            update={
                "url": url_for("reader.read", article_id=item.id, _external=True),
                "image_url": _picture_of(item.section or "", item.id, _external=True),
                "image": None,
                "section": item.section and words.name_of(item.section),
            }
        )
        for item in listing.related.items
    )
    return replace(listing, related=listing.related.model_copy(update={"items": items}))


def _picture_of(section: str, seed: str, **of_address: Any) -> str:  # noqa: ANN401 - Flask's
    name = section if fits_address(section) else NO_SECTION
    return url_for("reader.picture", section=name, seed=seed, **of_address)
