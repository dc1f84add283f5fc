"""The answers of the HTTP API. The service, the OpenAPI document and the CLI share them."""

from functools import partialmethod
from typing import Annotated, ClassVar, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, PlainSerializer

from recommender.api.request_bodies import RecordedOverride
from recommender.api.request_options import Mode
from recommender.articles import Article, Moment
from recommender.errors import FieldFault

__all__ = [
    "FALLBACK_LATEST",
    "FALLBACK_SECTION",
    "FALLBACK_STAGES",
    "PINNED",
    "RELATED",
    "RULES",
    "SEMANTIC",
    "WORDS",
    "Answer",
    "AppearsIn",
    "ArticlePage",
    "BlocksNow",
    "BulkAnswer",
    "BulkFault",
    "BulkItem",
    "Dropped",
    "EarlierBlocks",
    "EarlierPins",
    "Explanation",
    "FolderState",
    "Grounds",
    "Health",
    "Item",
    "NoGrounds",
    "PassagePair",
    "PinsNow",
    "Problem",
    "Readiness",
    "RelatedList",
    "RelatedLists",
    "Rule",
    "SharedTerm",
    "ShortBecause",
    "Written",
]

NoGrounds = Literal["store_away", "text_changed"]
"""Why an explanation has no grounds.

`store_away`: the store does not answer. `text_changed`: a text was written after the list was
ranked, or its plain text is not stored, so the compared text cannot be quoted.
"""
FolderState = Literal["ok", "full", "read-only", "failing"]
"""Whether the data folder takes what is written.

`full`: no room, or a quota is used up. `read-only`: it may not be written. `failing`: the disk
refuses for another reason; the log says which.
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
"""Why an article is not in a list. Where several rules apply, the first one is given."""
RULES: Final[tuple[Rule, ...]] = get_args(Rule)
ShortBecause = Literal[
    "no_related", "few_eligible", "filters", "min_score", "threshold", "duplicates", "caps"
]
"""Why a list is shorter than requested: what cost it the most places.

`no_related`: the article shows no list. `few_eligible`: there are too few articles that may be
listed. `filters`: the options of the request, blocks or other lists of the page leave out the
others. `min_score`, `threshold`: the others score too low, by the request or by the policy.
`duplicates`: the others are reprints or translations. `caps`: the others are of one story or
template with items above.
"""
PINNED: Final = "pinned"
SEMANTIC: Final = "semantic"
WORDS: Final = "words"
RELATED: Final = frozenset({SEMANTIC, WORDS})
"""The reasons of items that are listed for their score: not pinned, and not to fill the list."""
FALLBACK_SECTION: Final = "fallback:section"
FALLBACK_LATEST: Final = "fallback:latest"
FALLBACK_STAGES: Final = (FALLBACK_SECTION, FALLBACK_LATEST)
"""The reasons of items: PINNED, SEMANTIC, WORDS, and those of the fallback stages in order."""


class Answer(BaseModel):
    """An answer. In its JSON a field that has a default is left out where it has that default."""

    model_config = ConfigDict(frozen=True)

    to_json: ClassVar = partialmethod(BaseModel.model_dump_json, exclude_defaults=True)
    """The JSON of the answer, its fields in their order; `indent=2` sets it out."""


Rounded = Annotated[
    float, PlainSerializer(lambda share: round(share, 4), return_type=float, when_used="json")
]
Shown = Annotated[
    RecordedOverride,
    PlainSerializer(lambda override: override.model_dump(mode="json"), when_used="json"),
]
"""An override in an answer: all fields are there, set or not."""


class Problem(Answer):
    """An error (RFC 9457); `errors` names each rejected field or parameter.

    `request_id` is that of the header `X-Request-ID` and of the log.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str = ""
    errors: tuple[FieldFault, ...] = ()


class Written(Answer):
    """The result of a write, and the number of the change that holds the present state."""

    id: str
    result: Literal["created", "updated", "unchanged"]
    change: int


class SharedTerm(Answer):
    """A word of both texts, as the item spells it; `share` is of their lexical similarity, 0..1."""

    word: str
    share: Rounded


class PassagePair(Answer):
    """How a passage of the seed and one of the item begin, plain text, and their cosine."""

    seed: str
    item: str
    similarity: Rounded


class Grounds(Answer):
    """What two texts have in common.

    `terms` are the shared words that weigh most, the heaviest first; `names` are proper names in
    both; `passages` are the passages that match best, the best pair first. `terms` and `passages`
    are empty if they added nothing to the score.
    """

    terms: tuple[SharedTerm, ...]
    names: tuple[str, ...]
    passages: tuple[PassagePair, ...]


class Explanation(Answer):
    """The parts of an item's place.

    `dense`, `passages` and `lexical` are the signals after scaling, 0..1; the score is their mean
    by their weights, and `ranking_value` is `score * recency + nearness - hubness`. `grounds` are
    looked up afterwards, in the texts; where they cannot be, `no_grounds_because` says why.
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
    grounds: Grounds | None = None
    no_grounds_because: NoGrounds | None = None


class Item(Answer):
    """One listed article. `score` is relatedness, 0 to 1; `rank` starts at 1.

    `reason` is `semantic` for a related article, or `words` if it was compared by words alone;
    `pinned`; or `fallback:` with the name of the fallback stage.
    """

    id: str
    rank: int
    score: Rounded
    title: str
    url: str | None
    section: str | None
    language: str | None
    published_at: str | None
    image_url: str | None
    reason: str
    explanation: Explanation | None = None


class Dropped(Answer):
    """An article that is not in the list, and the first rule that kept it out.

    `because` is the id of the item that is listed instead, or that filled its cap.
    """

    id: str
    title: str
    score: Rounded
    rule: Rule
    because: str | None = None


class RelatedList(Answer):
    """A list in the order to show it; `article_id` is null for a draft.

    `offset` is there on the pages after the first: how many items stand before this page.
    `short_because` is there when the list holds fewer items than requested: what cost it the most
    places. `dropped` are the nearest articles that are not in the list, by descending score; only
    with `explain=all`.
    """

    article_id: str | None
    items: tuple[Item, ...]
    requested: int
    returned: int
    mode: Mode
    generation: str
    offset: int = 0
    short_because: ShortBecause | None = None
    dropped: tuple[Dropped, ...] | None = None


class RelatedLists(Answer):
    """Lists of one page, in the order of the requests; no two show the same article."""

    lists: tuple[RelatedList, ...]


class ArticlePage(Answer):
    """Articles by ascending id; `next` is the cursor of the next page, null on the last."""

    articles: tuple[Article, ...]
    next: str | None


class AuditRecord(Answer):
    """One change: who did what, when and from where.

    `actor` is the name of the key, or `cli:` and the user of a command. `subject` is the id of the
    article or the name of the key. `change` is the number in the change log.
    """

    number: int
    at: Moment
    actor: str
    action: str
    subject: str
    change: int | None
    address: str
    request_id: str


class AuditPage(Answer):
    """Changes in their order; the next page begins after the number `next`."""

    entries: tuple[AuditRecord, ...]
    next: int


class BulkFault(Answer):
    """Why a line of a bulk load was refused; `errors` names each rejected field."""

    detail: str
    errors: tuple[FieldFault, ...] = ()


class BulkItem(Answer):
    """The answer to one line, with the status that it would have had alone.

    `id` is null where the line has no id that could be read.
    """

    id: str | None
    status: int
    result: Literal["created", "updated", "unchanged", "deleted"] | None = None
    change: int | None = None
    error: BulkFault | None = None


class BulkAnswer(Answer):
    """The answers to all lines, in order; `errors` says whether any line was refused."""

    errors: bool
    items: tuple[BulkItem, ...]


class Health(Answer):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Answer):
    """What there is to answer from; `unserved` says why a published generation is not served.

    `data_folder` says whether the data folder of the machine takes what is written.
    """

    status: Literal["ready"]
    generation: str
    articles: int
    change: int
    store: Literal["ok", "away"]
    data_folder: FolderState
    unserved: str | None


class AppearsIn(Answer):
    """The articles whose default list shows this one now.

    `checked` is the number of lists made to find them; `complete` says whether these were all.
    """

    article_id: str
    appears_in: tuple[str, ...]
    checked: int
    complete: bool


class EarlierPins(Answer):
    """One setting of the pins: what was set, by whom and when."""

    change: int
    by: str
    at: Moment
    pins: tuple[Shown, ...]


class EarlierBlocks(Answer):
    """One setting of the blocks: what was set, by whom and when."""

    change: int
    by: str
    at: Moment
    blocks: tuple[Shown, ...]


class PinsNow(Answer):
    """The pins of an article, and all settings of them, the newest first."""

    article_id: str
    pins: tuple[Shown, ...]
    history: tuple[EarlierPins, ...]


class BlocksNow(Answer):
    """The blocks of an article, and all settings of them, the newest first."""

    article_id: str
    blocks: tuple[Shown, ...]
    history: tuple[EarlierBlocks, ...]
