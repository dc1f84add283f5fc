"""What the service answers. Fields and values that a later release adds break nothing here.

Words such as `reason` and `short_because` are plain texts: a later release may add to those that
are named here. The meaning of every field is described in docs/http-api.md of the service.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from read_also_client.articles import Article, Id, Moment
from read_also_client.errors import FieldFault

__all__ = [
    "AppearsIn",
    "ArchiveProgress",
    "ArticlePage",
    "AuditPage",
    "AuditRecord",
    "BlocksNow",
    "BulkAnswer",
    "BulkFault",
    "BulkItem",
    "Deleted",
    "EarlierBlocks",
    "EarlierPins",
    "IdPage",
    "NotReady",
    "Override",
    "PinsNow",
    "Readiness",
    "RecordedOverride",
    "WriteStatus",
    "Written",
]


class Answer(BaseModel):
    """An answer: a value that does not change."""

    model_config = ConfigDict(frozen=True)


class Written(Answer):
    """The result of a write, and the number of the change that holds the present state.

    `result` is `created`, `updated` or `unchanged`. `visible` is true if the call waited and every
    worker shows it; false if that took too long, and where the call did not wait. The article is
    stored in any case.
    """

    id: str
    result: str
    change: int
    visible: bool = False


class Deleted(Answer):
    """A deletion is stored; `visible` as for `Written`."""

    visible: bool = False


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


class ArticlePage(Answer):
    """Articles by ascending id; `next` is the cursor of the next page, None on the last."""

    articles: tuple[Article, ...]
    next: str | None


class IdPage(Answer):
    """Ids of articles, ascending; `next` is the cursor of the next page, None on the last."""

    ids: tuple[str, ...]
    next: str | None


class BulkFault(Answer):
    """Why a write of a bulk load was refused; `errors` names each refused field."""

    detail: str
    errors: tuple[FieldFault, ...] = ()


class BulkItem(Answer):
    """The outcome of one write, with the status that it would have had alone.

    `id` is None where it could not be read. `result` is `created`, `updated`, `unchanged` or
    `deleted`; None where there is an `error`.
    """

    id: str | None
    status: int
    result: str | None = None
    change: int | None = None
    error: BulkFault | None = None


class BulkAnswer(Answer):
    """The outcomes of one request, in order; `errors` says whether any write was refused."""

    errors: bool
    items: tuple[BulkItem, ...]


class Readiness(Answer):
    """The service is ready: what it answers from.

    Attributes:
        ready: always true.
        status: always `ready`.
        generation: the snapshot that is served.
        articles: how many articles can be listed or asked for.
        change: the newest change that shows.
        store: `ok`, or `away` while lists go on without it.
        data_folder: `ok`, `full`, `read-only` or `failing`.
        indexer: `ok`, `standby` while the indexer of another machine reads new texts, or `away`
            while it loads its model or does not run on this machine.
        unserved: why a published snapshot is not served; None if all is well.
        archive_reading: how far the archive is read, while a large part of it waits.
    """

    ready: Literal[True] = True
    status: str
    generation: str
    articles: int
    change: int
    store: str
    data_folder: str
    unserved: str | None
    archive_reading: ArchiveProgress | None = None
    indexer: str | None = None


class NotReady(Answer):
    """The service is there, but has nothing to answer from yet; `detail` says why.

    `retry_after` is how long it asks to wait, in seconds; None if it does not say.
    """

    ready: Literal[False] = False
    detail: str
    retry_after: float | None = None


class WriteStatus(Answer):
    """How far the last write of an article has come, on the machine that answers.

    Attributes:
        id: the id of the article.
        state: `received`: stored, and its text waits. `read`: its text was read. `indexed`: the
            worker that answers shows it. `visible`: every worker of this machine does. `parked`:
            its text could not be read, and is not tried again by itself.
        waits_for: what has to happen next: `indexer`, `workers` or `another_text`; else None.
        hidden_because: the rule that keeps the article out of every list now, as `Dropped.rule`.
        change: the number of the write.
        written_at: when it was stored; None if that was forgotten.
        read_change: the number of the change that its text was read.
        read_at: when its text was read.
        shown_change: all workers of this machine show every change up to this number.
        workers: how many workers this machine has.
        waiting: how many texts, of all articles, wait to be read.
        attempts: how often the text could not be read.
        error: why, the last time.
        remedy: what to do about it.
    """

    id: str
    state: str
    waits_for: str | None
    hidden_because: str | None
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


class AppearsIn(Answer):
    """The articles whose default list shows this one now.

    `checked` is the number of lists made to find them; `complete` says whether these were all.
    """

    article_id: str
    appears_in: tuple[str, ...]
    checked: int
    complete: bool


class Override(Answer):
    """One article that an editor pins to a list or blocks from it, and for which time.

    It is active from `starts_at` (inclusive) until `ends_at` (exclusive); without them always.
    """

    id: Id
    why: str = ""
    starts_at: Moment | None = None
    ends_at: Moment | None = None


class RecordedOverride(Override):
    """A stored override: `by` is the person who set it, `at` the time."""

    by: str
    at: Moment


class EarlierPins(Answer):
    """One setting of the pins: what was set, by whom and when."""

    change: int
    by: str
    at: Moment
    pins: tuple[RecordedOverride, ...]


class EarlierBlocks(Answer):
    """One setting of the blocks: what was set, by whom and when."""

    change: int
    by: str
    at: Moment
    blocks: tuple[RecordedOverride, ...]


class PinsNow(Answer):
    """The pins of an article, and all settings of them, the newest first.

    `change` is the number of the change that set them, 0 for none.
    """

    article_id: str
    change: int = 0
    pins: tuple[RecordedOverride, ...]
    history: tuple[EarlierPins, ...]


class BlocksNow(Answer):
    """The blocks of an article, and all settings of them, the newest first."""

    article_id: str
    change: int = 0
    blocks: tuple[RecordedOverride, ...]
    history: tuple[EarlierBlocks, ...]


class EarlierDecision(Answer):
    """What somebody has said of an article itself; None where it was removed."""

    change: int
    by: str
    at: Moment
    decision: RecordedOverride | None


class DecisionNow(Answer):
    """What an editor has decided of an article itself, and all that was said before.

    `change` is the number of the change that set it, 0 for none.
    """

    article_id: str
    change: int
    decision: RecordedOverride | None
    history: tuple[EarlierDecision, ...]


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
    why: str = ""


class AuditPage(Answer):
    """Changes in their order; the next page begins after the number `next`."""

    entries: tuple[AuditRecord, ...]
    next: int
