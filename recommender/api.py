"""What the HTTP API takes and answers, as its document tells it and as the client gives it."""

from dataclasses import dataclass
from typing import Literal

from typing_extensions import TypedDict

from recommender.articles import Article
from recommender.errors import FieldFault
from recommender.ranking.overrides import RecordedOverride
from recommender.ranking.results import Dropped, Explanation, Mode

__all__ = [
    "AppearsIn",
    "ArticlePage",
    "BlocksNow",
    "BulkAnswer",
    "BulkFault",
    "BulkItem",
    "Deletion",
    "Done",
    "EarlierBlocks",
    "EarlierPins",
    "Health",
    "Item",
    "PinsNow",
    "Problem",
    "Readiness",
    "RelatedList",
    "RelatedLists",
    "Target",
    "Written",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong (RFC 9457); `errors` names each rejected field or parameter."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: tuple[FieldFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did, and the number of the change that holds the article's present state."""

    id: str
    result: Literal["created", "updated", "unchanged"]
    change: int


@dataclass(frozen=True, slots=True)
class Item:
    """One listed article. `score` is relatedness, 0 to 1; `rank` starts at 1."""

    id: str
    rank: int
    score: float
    title: str
    url: str | None
    section: str | None
    language: str | None
    published_at: str | None
    image_url: str | None
    reason: str
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class RelatedList:
    """A list in the order to show it; `article_id` is null for a draft."""

    article_id: str | None
    items: tuple[Item, ...]
    requested: int
    returned: int
    mode: Mode
    generation: str
    short_because: str | None = None
    dropped: tuple[Dropped, ...] | None = None


@dataclass(frozen=True, slots=True)
class RelatedLists:
    """Lists of one page, in the order they were asked for; no two show the same article."""

    lists: tuple[RelatedList, ...]


@dataclass(frozen=True, slots=True)
class ArticlePage:
    """Articles by ascending id; `next` is the cursor of the next page, null on the last."""

    articles: tuple[Article, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """The article that is meant."""

    id: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """A line that deletes an article."""

    delete: Target


@dataclass(frozen=True, slots=True)
class BulkFault:
    """Why a line of a bulk load was refused; `errors` names each rejected field."""

    detail: str
    errors: tuple[FieldFault, ...] = ()


@dataclass(frozen=True, slots=True)
class BulkItem:
    """What became of a line, with the status that it would have had alone.

    `id` is null where the line names none that could be read.
    """

    id: str | None
    status: int
    result: Literal["created", "updated", "unchanged", "deleted"] | None = None
    change: int | None = None
    error: BulkFault | None = None


@dataclass(frozen=True, slots=True)
class BulkAnswer:
    """What became of every line, in order; `errors` says whether any was refused."""

    errors: bool
    items: tuple[BulkItem, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """The process answers."""

    status: Literal["ok"]


@dataclass(frozen=True, slots=True)
class Readiness:
    """What there is to answer from; `unserved` tells why a published generation is not served."""

    status: Literal["ready"]
    generation: str
    articles: int
    change: int
    store: Literal["ok", "away"]
    unserved: str | None


class AppearsIn(TypedDict):
    """The articles whose default list shows one now, of so many lists that were made.

    `complete` tells whether those were all there are.
    """

    article_id: str
    appears_in: list[str]
    checked: int
    complete: bool


class EarlierPins(TypedDict):
    """Pins as they were set once."""

    change: int
    by: str
    at: str
    pins: list[RecordedOverride]


class EarlierBlocks(TypedDict):
    """Blocks as they were set once."""

    change: int
    by: str
    at: str
    blocks: list[RecordedOverride]


class PinsNow(TypedDict):
    """The pins of an article, and how they came about, the newest first."""

    article_id: str
    pins: list[RecordedOverride]
    history: list[EarlierPins]


class BlocksNow(TypedDict):
    """The blocks of an article, and how they came about, the newest first."""

    article_id: str
    blocks: list[RecordedOverride]
    history: list[EarlierBlocks]


class Done(TypedDict):
    """What a write of overrides did, and the change that recorded it."""

    id: str
    result: str
    change: int
