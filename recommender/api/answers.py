"""The answers about lists, and how far an archive is read."""

from typing import Annotated, Final, Literal, get_args

from pydantic import Field

from recommender.api.answer import Answer, Rounded
from recommender.api.presentation import Presentation
from recommender.api.request_options import Mode

__all__ = [
    "FALLBACK_LATEST",
    "FALLBACK_SECTION",
    "FALLBACK_STAGES",
    "PINNED",
    "RELATED",
    "RULES",
    "SEMANTIC",
    "WORDS",
    "AppearsIn",
    "ArchiveProgress",
    "Dropped",
    "Explanation",
    "Grounds",
    "Image",
    "Item",
    "NoGrounds",
    "PassagePair",
    "Reason",
    "RelatedList",
    "RelatedLists",
    "Rule",
    "SeedScore",
    "SharedTerm",
    "ShortBecause",
]

NoGrounds = Literal["store_away", "text_changed"]
"""Why an explanation has no grounds.

`store_away`: the store does not answer. `text_changed`: a text was written after the list was
ranked, or its plain text is not stored, so the compared text cannot be quoted.
"""
Rule = Literal[
    "translation",
    "excluded",
    "blocked",
    "unread",
    "not_published",
    "embargoed",
    "expired",
    "never_recommend",
    "untitled",
    "language",
    "section",
    "tag",
    "author",
    "attribute",
    "published",
    "max_age",
    "not_older",
    "site_rule",
    "unlike",
    "threshold",
    "min_score",
    "duplicate_of_seed",
    "duplicate",
    "story_cap",
    "copy_cap",
    "share_cap",
    "limit",
]
"""Why an article is not in a list. Where several rules apply, the first one is given."""
RULES: Final[tuple[Rule, ...]] = get_args(Rule)
ShortBecause = Literal[
    "no_related",
    "not_read_yet",
    "few_eligible",
    "site_rules",
    "filters",
    "min_score",
    "threshold",
    "duplicates",
    "caps",
]
"""Why a list is shorter than requested: what cost it the most places.

`no_related`: the article shows no list. `not_read_yet`: its text was not read yet; a full list says
so too. `few_eligible`: there are too few articles that may be listed. `site_rules`: rules of the
policy keep out the others. `filters`: the options of the request, blocks or other lists of the page
leave out the others. `min_score`, `threshold`: the others score too low, by the request or by the
policy. `duplicates`: the others are reprints or translations. `caps`: the others are of one story
or template with items above, or of a site rule's share that is full.
"""
Reason = Literal["pinned", "semantic", "words", "fallback:section", "fallback:latest"]
"""How an item came into a list.

`pinned`: an editor put it there. `semantic`: it is related. `words`: it is related, and was
compared by words alone. `fallback:section`, `fallback:latest`: too little is related, so the list
is filled up with the newest articles of the section, then with the newest of all.
"""
PINNED: Final = "pinned"
SEMANTIC: Final = "semantic"
WORDS: Final = "words"
RELATED: Final[frozenset[Reason]] = frozenset({SEMANTIC, WORDS})
"""The reasons of items that are listed for their score: not pinned, and not to fill the list."""
FALLBACK_SECTION: Final = "fallback:section"
FALLBACK_LATEST: Final = "fallback:latest"
FALLBACK_STAGES: Final[tuple[Reason, ...]] = (FALLBACK_SECTION, FALLBACK_LATEST)
"""In the order in which they fill a list."""


class SharedTerm(Answer):
    """A word of both texts.

    Attributes:
        word: as the item spells it.
        share: its share of the lexical similarity, 0 to 1.
    """

    word: str
    share: Rounded


class PassagePair(Answer):
    """Two passages that match.

    Attributes:
        seed: how the passage of the seed begins, plain text.
        item: how the passage of the item begins, plain text.
        similarity: their cosine.
    """

    seed: str
    item: str
    similarity: Rounded


class Grounds(Answer):
    """What two texts have in common.

    Attributes:
        terms: the shared words that weigh most, the heaviest first; empty if they added nothing.
        names: proper names in both texts, the most frequent first.
        passages: the pairs of passages that match best, the best first; empty if they added
            nothing.
    """

    terms: tuple[SharedTerm, ...]
    names: tuple[str, ...]
    passages: tuple[PassagePair, ...]


class SeedScore(Answer):
    """How much an item is related to one of several seeds.

    Attributes:
        id: the seed.
        score: relatedness, as of an item.
    """

    id: str
    score: Rounded


class Explanation(Answer):
    """The parts of an item's place.

    The score is the mean of `dense`, `passages` and `lexical` by their weights, and `ranking_value`
    is `score * recency + nearness + boost - hubness`. In a list with several seeds these are the
    parts under the seed `because`, and `ranking_value` is that sum `+ support - aversion`.

    Attributes:
        dense: the similarity of the article vectors, scaled, 0 to 1.
        passages: how well the passages match, scaled, 0 to 1.
        lexical: the similarity of the words, scaled, 0 to 1.
        dense_weight: the weight of `dense` in the score.
        passage_weight: the weight of `passages` in the score.
        lexical_weight: the weight of `lexical` in the score.
        recency: what the age leaves of the score, 0 to 1.
        nearness: what the item gains for being published near the seed in time.
        hubness: what the item loses for being near to everything.
        ranking_value: it gives the order, before diversity.
        support: what the other seeds of `like` add.
        aversion: what the nearest seed of `unlike` takes.
        seeds: the score under each of several seeds, those of `like` first.
        boost: what site rules add to the ranking value; what they take is negative.
        site_rules: the names of the site rules that moved the item, or kept its place.
        grounds: what the two texts share.
        no_grounds_because: why there are no `grounds`.
    """

    dense: Rounded
    passages: Rounded
    lexical: Rounded
    dense_weight: Rounded
    passage_weight: Rounded
    lexical_weight: Rounded
    recency: Rounded
    nearness: Rounded
    hubness: Rounded
    ranking_value: Rounded
    support: Rounded = 0.0
    aversion: Rounded = 0.0
    seeds: tuple[SeedScore, ...] = ()
    boost: Rounded = 0.0
    site_rules: tuple[str, ...] = ()
    grounds: Grounds | None = None
    no_grounds_because: NoGrounds | None = None


class Image(Answer):
    """The picture of an item.

    Attributes:
        url: where it is.
        srcset: the same picture in other sizes, as in HTML; left out where the article gives none.
    """

    url: str
    srcset: str = ""


class Item(Answer):
    """One listed article.

    Attributes:
        id: the id of the article.
        rank: its place in the list, from 1.
        score: relatedness: 0 for two random articles, 1 for the same text.
        title: the headline.
        url: where readers find it.
        section: its section.
        language: BCP-47, given or detected.
        published_at: when it was published, RFC 3339 in UTC.
        image_url: its picture.
        reason: how it came into the list.
        summary: as the newsroom wrote it, at most 500 characters; only if `fields` asks for it.
        authors: who wrote it; only if `fields` asks for it.
        tags: its keywords; only if `fields` asks for it.
        image: its picture; only if `fields` asks for it, and if there is one.
        because: the article of `like` that gives it its place; only where several seeds are named.
        explanation: why it stands where it does; only with `explain`.
    """

    id: str
    rank: int
    score: Rounded
    title: str
    url: str | None
    section: str | None
    language: str | None
    published_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None
    image_url: str | None
    reason: Reason
    summary: str | None = None
    authors: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    image: Image | None = None
    because: str | None = None
    explanation: Explanation | None = None


class Dropped(Answer):
    """An article that is not in the list.

    Attributes:
        id: its id.
        title: its headline.
        score: its relatedness.
        rule: the first rule that kept it out.
        because: the id of the item that is listed instead, or that filled its cap.
        site_rule: the name of the site rule that kept it out.
    """

    id: str
    title: str
    score: Rounded
    rule: Rule
    because: str | None = None
    site_rule: str | None = None


class ArchiveProgress(Answer):
    """How far the archive is read, while a large part of it waits, such as a first import.

    Attributes:
        read: how many articles do not wait.
        stored: how many articles there are.
        advice: what to do instead of waiting.
    """

    read: int
    stored: int
    advice: str


class RelatedList(Answer):
    """A list, in the order to show it.

    Attributes:
        article_id: the seed; null for a text that is not stored.
        items: the listed articles, the best first.
        requested: how many were asked for.
        offset: how many items stand before this page; left out on the first page.
        returned: how many there are.
        mode: how the list was ranked.
        generation: the snapshot that it comes from.
        short_because: what cost it the most places; left out if the list is full, unless the
            article was not read yet.
        hint: which values of the filters no article on show has, and the nearest ones there are.
        archive_reading: how far the archive is read, while a large part of it waits.
        dropped: the nearest articles that are not in it, by descending score; only with
            `explain=all`.
        presentation: what a page needs to show it; only with `presentation=1`.
    """

    article_id: str | None
    items: tuple[Item, ...]
    requested: int
    returned: int
    mode: Mode
    generation: str
    offset: int = 0
    short_because: ShortBecause | None = None
    hint: str | None = None
    dropped: tuple[Dropped, ...] | None = None
    presentation: Presentation | None = None
    archive_reading: ArchiveProgress | None = None


class RelatedLists(Answer):
    """The lists of one page; no two show the same article.

    Attributes:
        lists: in the order of the requests.
    """

    lists: tuple[RelatedList, ...]


class AppearsIn(Answer):
    """Where an article is listed now.

    Attributes:
        article_id: the article.
        appears_in: the ids of the articles whose default list shows it.
        checked: how many lists were made to find them.
        complete: whether these were all lists there are.
    """

    article_id: str
    appears_in: tuple[str, ...]
    checked: int
    complete: bool
