"""Answers about what is stored: writes, pages of articles, bulk loads, pins, blocks, audit."""

from typing import Annotated, Literal

from pydantic import PlainSerializer

from recommender.api.answer import Answer
from recommender.api.answers import Rule
from recommender.api.request_bodies import RecordedOverride
from recommender.articles import Article, Moment
from recommender.errors import FieldFault

__all__ = [
    "ArticlePage",
    "AuditPage",
    "AuditRecord",
    "BlocksNow",
    "BulkAnswer",
    "BulkFault",
    "BulkItem",
    "BulkResult",
    "DecisionNow",
    "EarlierBlocks",
    "EarlierDecision",
    "EarlierPins",
    "IdPage",
    "PinsNow",
    "WaitsFor",
    "WriteResult",
    "WriteState",
    "WriteStatus",
    "Written",
]

WriteResult = Literal["created", "updated", "unchanged"]
"""What a write did. `unchanged`: the article was stored like this already."""
BulkResult = Literal["created", "updated", "unchanged", "deleted"]
"""What a member of a bulk load did."""
WriteState = Literal["received", "read", "indexed", "visible", "parked"]
"""How far a write has come.

`received`: it is stored, and its text waits to be read. `read`: its text was read. `indexed`: the
worker that answers shows it. `visible`: every worker of this machine does. `parked`: its text could
not be read and is not tried again by itself.
"""
WaitsFor = Literal["indexer", "workers", "another_text"]
"""What has to happen next: the indexer reads, workers follow, or the CMS mends the text."""
Shown = Annotated[
    RecordedOverride,
    PlainSerializer(lambda override: override.model_dump(mode="json"), when_used="json"),
]
"""An override in an answer: all fields are there, set or not."""


class Written(Answer):
    """The result of a write.

    Attributes:
        id: the id of the article.
        result: what the write did.
        change: the number of the change that holds the present state.
    """

    id: str
    result: WriteResult
    change: int


class WriteStatus(Answer):
    """How far the last write of an article has come, on the machine that answers.

    Attributes:
        id: the id of the article.
        state: how far the write has come.
        waits_for: what has to happen next; null if nothing has to.
        hidden_because: the rule that keeps the article out of every list now; null if none does.
        change: the number of the write.
        written_at: when it was stored; null if that was forgotten.
        read_change: the number of the change that its text was read; null if it was not read yet,
            or the write brought no new text.
        read_at: when its text was read.
        shown_change: all workers of this machine show every change up to this number.
        workers: how many workers this machine has.
        waiting: how many texts, of all articles, wait to be read.
        attempts: how often the text could not be read.
        error: why, the last time.
        remedy: what to do about it.
    """

    id: str
    state: WriteState
    waits_for: WaitsFor | None
    hidden_because: Rule | None
    change: int
    written_at: Moment | None
    read_change: int | None
    read_at: Moment | None
    shown_change: int
    workers: int
    waiting: int
    attempts: int
    error: str | None
    remedy: str | None


class ArticlePage(Answer):
    """A page of the articles that are stored.

    Attributes:
        articles: as they were given, by ascending id.
        next: the cursor of the next page; null on the last.
    """

    articles: tuple[Article, ...]
    next: str | None


class IdPage(Answer):
    """A page of the ids of the articles that are stored.

    Attributes:
        ids: in ascending order.
        next: the cursor of the next page; null on the last.
    """

    ids: tuple[str, ...]
    next: str | None


class AuditRecord(Answer):
    """One change: who did what, when, why and from where.

    Attributes:
        number: ascending, in the order of the changes.
        at: when it was done.
        actor: the name of the key, or `cli:` and the user of a command.
        action: what was done, such as `article.put` or `key.add`.
        subject: the id of the article, or the name of the key, receiver or site rule; empty for
            the policy.
        change: the number in the change log; null for keys, which are not in it.
        address: the network address of the caller; empty for a command.
        request_id: the id of the request; empty for a command.
        why: the reason that was given; empty for none.
    """

    number: int
    at: Moment
    actor: str
    action: str
    subject: str
    change: int | None
    address: str
    request_id: str
    why: str


class AuditPage(Answer):
    """A page of the audit log.

    Attributes:
        entries: changes in their order.
        next: the next page begins after this number.
    """

    entries: tuple[AuditRecord, ...]
    next: int


class BulkFault(Answer):
    """Why a member of a bulk load was refused.

    Attributes:
        detail: what is wrong.
        errors: each rejected field, at most ten.
    """

    detail: str
    errors: tuple[FieldFault, ...] = ()


class BulkItem(Answer):
    """The answer to one member of a bulk load.

    Attributes:
        id: the id of the article; null if none could be read.
        status: the HTTP status that the member would have had alone.
        result: what it did; left out if it was refused.
        change: the number of the change that holds the present state.
        error: why it was refused.
    """

    id: str | None
    status: int
    result: BulkResult | None = None
    change: int | None = None
    error: BulkFault | None = None


class BulkAnswer(Answer):
    """The answer to a bulk load.

    Attributes:
        errors: whether any member was refused.
        items: the answers to all members, in order.
    """

    errors: bool
    items: tuple[BulkItem, ...]


class EarlierPins(Answer):
    """One setting of the pins.

    Attributes:
        change: its number in the change log.
        by: who set them.
        at: when they were set.
        pins: what was set.
    """

    change: int
    by: str
    at: Moment
    pins: tuple[Shown, ...]


class EarlierBlocks(Answer):
    """One setting of the blocks.

    Attributes:
        change: its number in the change log.
        by: who set them.
        at: when they were set.
        blocks: what was set.
    """

    change: int
    by: str
    at: Moment
    blocks: tuple[Shown, ...]


class PinsNow(Answer):
    """The pins of an article.

    Attributes:
        article_id: the article under which the list stands.
        change: the number of the change that set them; 0 if none were ever set.
        pins: the pins that are set, in order.
        history: the last 20 settings, the newest first.
    """

    article_id: str
    change: int
    pins: tuple[Shown, ...]
    history: tuple[EarlierPins, ...]


class BlocksNow(Answer):
    """The blocks of an article.

    Attributes:
        article_id: the article under which the list stands.
        change: the number of the change that set them; 0 if none were ever set.
        blocks: the blocks that are set.
        history: the last 20 settings, the newest first.
    """

    article_id: str
    change: int
    blocks: tuple[Shown, ...]
    history: tuple[EarlierBlocks, ...]


class EarlierDecision(Answer):
    """What somebody has said of an article itself.

    Attributes:
        change: its number in the change log.
        by: who said it.
        at: when it was said.
        decision: what was said; null where it was removed.
    """

    change: int
    by: str
    at: Moment
    decision: Shown | None


class DecisionNow(Answer):
    """What an editor has decided of an article itself.

    Attributes:
        article_id: the article.
        change: the number of the change that set it; 0 if nothing was ever set.
        decision: who decided it, when, why and for which time; null for nothing.
        history: the last 20 settings, the newest first.
    """

    article_id: str
    change: int
    decision: Shown | None
    history: tuple[EarlierDecision, ...]
