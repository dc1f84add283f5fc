"""What is asked for and what is answered."""

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from recommender.ranking.cards import Card

__all__ = [
    "LIMITS",
    "MODES",
    "MOST_LISTS",
    "RULES",
    "Dropped",
    "Explain",
    "Explanation",
    "Grounds",
    "Mode",
    "NoGrounds",
    "Options",
    "PassagePair",
    "Recommendation",
    "Recommendations",
    "Removed",
    "Rule",
    "SharedTerm",
]

Mode = Literal["mixed", "background", "latest"]
MODES: Final[tuple[Mode, ...]] = ("mixed", "background", "latest")
LIMITS: Final = range(1, 101)
MOST_LISTS: Final = 20
"""That one page may ask for at once."""
Explain = Literal[False, True, "all"]
"""Whether items carry their explanation; `all` tells too what was dropped, and by which rule."""
NoGrounds = Literal["store_away", "text_changed"]
"""Why an explanation comes without the words that it rests on.

`store_away`: the store could not be asked. `text_changed`: a text was written or changed since, or
is not kept as plain text, so that what was compared cannot be shown.
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
    "max_age",
    "not_older",
    "threshold",
    "min_score",
    "duplicate_of_seed",
    "duplicate",
    "story_cap",
    "copy_cap",
    "limit",
]
"""What keeps an article out of a list. Of several, the first of these is told."""
RULES: Final[tuple[Rule, ...]] = get_args(Rule)


@dataclass(frozen=True, slots=True)
class Options:
    """What a list is asked to be; the defaults are a reader's list under a story.

    Attributes:
        limit: how many items, 1 to 100.
        mode: `mixed` prefers the newer of equals, `background` lists only what is older than the
            seed, `latest` puts the newest related articles first.
        languages: primary BCP-47 subtags; None is the seed's language, an empty set is any.
        section: only this one.
        tag: only articles that carry it.
        exclude: ids that must not be listed.
        shown_on_page: ids in other lists of the same page; they and their duplicates are left out.
        max_age_days: only articles published within so many days.
        diversity: 0..1 instead of the policy's.
        min_score: 0..1; nothing below is listed and no fallback fills up.
        explain: whether items carry their explanation; `all` tells what was dropped too.
    """

    limit: int = 12
    mode: Mode = "mixed"
    languages: frozenset[str] | None = None
    section: str | None = None
    tag: str | None = None
    exclude: frozenset[str] = frozenset()
    shown_on_page: frozenset[str] = frozenset()
    max_age_days: float | None = None
    diversity: float | None = None
    min_score: float | None = None
    explain: Explain = False


@dataclass(frozen=True, slots=True)
class SharedTerm:
    """A word of both texts, as the item spells it; `share` is of their lexical similarity, 0..1."""

    word: str
    share: float


@dataclass(frozen=True, slots=True)
class PassagePair:
    """How a passage of the seed and one of the item begin, plain text, and their cosine."""

    seed: str
    item: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Grounds:
    """What two texts have in common.

    Attributes:
        terms: the shared words that weigh most, the heaviest first; none where words added
            nothing to the score.
        names: what is called by its name in both.
        passages: the passages that match best, the best pair first; none where they added nothing.
    """

    terms: tuple[SharedTerm, ...] = ()
    names: tuple[str, ...] = ()
    passages: tuple[PassagePair, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The parts of an item's place.

    `dense`, `passages` and `lexical` are the signals after scaling, 0..1; the score is their mean
    by their weights, and `ranking_value` is `score * recency - hubness`. `grounds` are looked up
    afterwards, in the texts; where they cannot be, `no_grounds_because` says why.
    """

    dense: float
    passages: float
    lexical: float
    dense_weight: float
    passage_weight: float
    lexical_weight: float
    recency: float
    hubness: float
    ranking_value: float
    grounds: Grounds | None = None
    no_grounds_because: NoGrounds | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One listed article. `score` is relatedness, 0..1; `rank` starts at 1."""

    id: str
    rank: int
    score: float
    card: Card
    reason: str
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """An article that is not in the list, and the first rule that kept it out.

    `because` is the id of the item that stands instead, or that made its cap full.
    """

    id: str
    title: str
    score: float
    rule: Rule
    because: str | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """The rule that took a candidate out when a list was picked.

    `because` is the id of the item that stands instead, or that made its cap full; None for the
    seed.
    """

    rule: Rule
    because: str | None = None


@dataclass(frozen=True, slots=True)
class Recommendations:
    """A list, in the order to show it. `short_because` is set when it holds fewer than asked.

    `dropped` are the nearest that are not in it, by descending score; None where nobody asked.
    """

    article_id: str
    items: tuple[Recommendation, ...]
    requested: int
    mode: Mode
    generation: str
    short_because: str | None = field(default=None)
    dropped: tuple[Dropped, ...] | None = None
