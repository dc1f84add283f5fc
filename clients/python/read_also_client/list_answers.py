"""Lists as the service answers them, and why their items are there. See `answers`."""

from read_also_client.answers import Answer, ArchiveProgress
from read_also_client.articles import Moment

__all__ = [
    "Dropped",
    "Explanation",
    "Grounds",
    "Image",
    "Item",
    "ItemWords",
    "Label",
    "PassagePair",
    "Presentation",
    "RelatedList",
    "RelatedLists",
    "SeedScore",
    "SharedTerm",
    "WrittenDay",
]


class SharedTerm(Answer):
    """A word of both texts, as the item spells it; `share` is of their lexical similarity, 0..1."""

    word: str
    share: float


class PassagePair(Answer):
    """How a passage of the seed and one of the item begin, plain text, and their cosine."""

    seed: str
    item: str
    similarity: float


class Grounds(Answer):
    """What two texts have in common: words and passages by descending weight, and names."""

    terms: tuple[SharedTerm, ...]
    names: tuple[str, ...]
    passages: tuple[PassagePair, ...]


class SeedScore(Answer):
    """How much an item is related to one of several seeds, 0 to 1."""

    id: str
    score: float


class Explanation(Answer):
    """The parts of an item's place.

    The score is the mean of `dense`, `passages` and `lexical` by their weights, and `ranking_value`
    is `score * recency + nearness + boost - hubness`. In a list with several seeds these are the
    parts under the seed `because`, and `ranking_value` is that sum `+ support - aversion`; `seeds`
    has the score under each of them. `site_rules` names the rules of the policy that moved the item
    or kept its place. Without `grounds`, `no_grounds_because` is `store_away` or `text_changed`.
    """

    dense: float
    passages: float
    lexical: float
    dense_weight: float
    passage_weight: float
    lexical_weight: float
    recency: float
    nearness: float
    hubness: float
    ranking_value: float
    support: float = 0.0
    aversion: float = 0.0
    seeds: tuple[SeedScore, ...] = ()
    boost: float = 0.0
    site_rules: tuple[str, ...] = ()
    grounds: Grounds | None = None
    no_grounds_because: str | None = None


class Image(Answer):
    """The picture of an item, where it is, and its other sizes as in HTML."""

    url: str
    srcset: str = ""


class Item(Answer):
    """One listed article. `score` is relatedness, 0 to 1; `rank` starts at 1.

    `reason` is `semantic`, `words`, `pinned`, `fallback:section` or `fallback:latest`. In
    a list with several seeds, `because` is the one that gives the item its place.
    `summary`, `authors`, `tags` and `image` are there if `fields` asked for them.
    """

    id: str
    rank: int
    score: float
    title: str
    url: str | None
    section: str | None
    language: str | None
    published_at: Moment | None
    image_url: str | None
    reason: str
    because: str | None = None
    summary: str | None = None
    authors: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    image: Image | None = None
    explanation: Explanation | None = None


class Dropped(Answer):
    """An article that is not in the list.

    Attributes:
        id: its id.
        title: its headline.
        score: its relatedness.
        rule: the first rule that kept it out: `translation`, `excluded`, `blocked`, `unread`,
            `not_published`, `embargoed`, `expired`, `never_recommend`, `untitled`, `language`,
            `section`, `tag`, `author`, `attribute`, `published`, `max_age`, `not_older`,
            `site_rule`, `unlike`, `threshold`, `min_score`, `duplicate_of_seed`, `duplicate`,
            `story_cap`, `copy_cap`, `share_cap` or `limit`.
        because: the id of the item that is listed instead, or that filled its cap.
        site_rule: the name of the site rule that kept it out.
    """

    id: str
    title: str
    score: float
    rule: str
    because: str | None = None
    site_rule: str | None = None


class Label(Answer):
    """What sets an item apart: it is `pinned`, only the `latest`, or in another `language`.

    Attributes:
        kind: which of the three.
        text: what the label says.
        language: of the text, BCP-47; None if it is the item's.
    """

    kind: str
    text: str
    language: str | None = None


class WrittenDay(Answer):
    """The day of publication as people of a language write it.

    Attributes:
        moment: when it was published.
        text: the day.
        language: of the text, BCP-47; None if it is the item's, or the text has no words.
        direction: of the text, `ltr` or `rtl`; None if it is that of the list.
    """

    moment: Moment
    text: str
    language: str | None = None
    direction: str | None = None


class ItemWords(Answer):
    """What a page says of an item, beside its own texts: when it was published, and its labels."""

    day: WrittenDay | None = None
    labels: tuple[Label, ...] = ()


class Presentation(Answer):
    """What a page needs to show a list.

    Attributes:
        language: the seed's, BCP-47; `und` where it is unknown.
        direction: of texts in this language, `ltr` or `rtl`.
        heading: the words over the list, in this language if the service knows it.
        heading_language: of a heading in another language, BCP-47.
        items: the words of each item, in the order of the list.
    """

    language: str
    direction: str
    heading: str
    heading_language: str | None = None
    items: tuple[ItemWords, ...] = ()


class RelatedList(Answer):
    """A list, in the order to show it.

    Attributes:
        article_id: the seed; None for a draft.
        items: the listed articles, the best first.
        requested: how many were asked for.
        returned: how many there are.
        mode: how the list was ranked: `mixed`, `background` or `latest`.
        generation: the snapshot that it comes from.
        offset: how many items stand on the pages before.
        short_because: why there are fewer items than requested: `no_related`, `few_eligible`,
            `site_rules`, `filters`, `min_score`, `threshold`, `duplicates` or `caps`; else None.
            `not_read_yet`, also of a full list: the text of the article was not read yet.
        hint: which values of the filters no article on show has, and the nearest ones there are.
        dropped: the nearest articles that are not in it; only with `explain="all"`.
        archive_reading: how far the archive is read, while a large part of it waits.
        presentation: what a page needs to show it; only with `presentation=True`.
    """

    article_id: str | None
    items: tuple[Item, ...]
    requested: int
    returned: int
    mode: str
    generation: str
    offset: int = 0
    short_because: str | None = None
    hint: str | None = None
    dropped: tuple[Dropped, ...] | None = None
    archive_reading: ArchiveProgress | None = None
    presentation: Presentation | None = None


class RelatedLists(Answer):
    """Lists of one page, in the order of the requests; no two show the same article."""

    lists: tuple[RelatedList, ...]
