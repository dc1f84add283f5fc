"""All errors of the program, as one tree.

HTTP status codes are assigned in `web/`, exit codes in `cli/`.

ReadAlsoError
|-- BadInput                 the caller gave something that is not acceptable
|   |-- InvalidArticle       an article breaks the contract; every field is named
|   |-- InvalidOverrides     pins or blocks break the contract, or name an unknown article
|   |-- InvalidPolicy        a ranking policy has a field that is unknown or out of bounds
|   |-- BadJson              a text is no JSON, or JSON that readers understand differently
|   |-- BadParameter         an option of a request is unknown or out of range
|   |   |-- AlreadyAsked     the same work was asked for before, and has not ended
|   |   `-- TooMuchAsked     as much other work waits as may
|   `-- BadSource            a file to import or evaluate is not of the expected kind
|       `-- SourceAway       an address to import from cannot be reached now
|-- UnknownArticle           no article with this id was ever stored
|-- DeletedArticle           the article was deleted
|-- UnreadArticle            the article is stored, but its text was not analyzed yet
|-- StaleVersion             a newer version of the article is stored
|-- ChangedMeanwhile         somebody else has changed what a change is based on
|-- UnreadableMarkup         the HTML of an article gives no text within the limits
|-- ModelRefused             the embedding model is missing or is not the pinned one
|-- EncoderAway              the server or GPU that embeds does not answer, or not as it should
|   `-- EncoderChanged       it embeds with another model than before
|-- ClusterAway              the Ray cluster cannot be reached, or does not work
|-- ReceiverAway             a receiver of webhooks does not accept a message, or does not answer
|-- BadSettings              a setting is malformed or misspelt
|-- IndexerAway              the indexer does not answer, so a draft cannot be read
|-- ConsoleAway              the process that answers the console starts, or is gone
|-- CallerLeft               who asked for something is gone, so it is not made
|-- NotReady                 there is neither a store nor a journal to answer from
|-- StoreUnusable            the article store cannot be opened, read or written now
|   |-- ElectionLost         the indexer of another machine was elected; this one stands by
|   `-- StoreFull            there is no room on its disk, so it takes no writes
|-- NotOffered               this deployment cannot do what was asked
|-- Busy                     too many requests do the same slow work at once
|-- SlowBody                 the body of a request does not come fast enough
|-- ServerStops              the server stops before it did what was asked
|-- GateRefused              a new snapshot did not pass the gate; the live one stays
|-- HeldBack                 after a rollback, compaction waits for a rebuild by hand
|-- StoreRestored            the article store was replaced or restored from a backup
`-- PartMissing              an optional part of the installation is absent
"""

from dataclasses import dataclass
from typing import Final

from recommender.id_grammar import find_id_fault

__all__ = [
    "AlreadyAsked",
    "BadInput",
    "BadJson",
    "BadParameter",
    "BadSettings",
    "BadSource",
    "Busy",
    "CallerLeft",
    "ChangedMeanwhile",
    "ClusterAway",
    "ConsoleAway",
    "DeletedArticle",
    "ElectionLost",
    "EncoderAway",
    "EncoderChanged",
    "FieldFault",
    "GateRefused",
    "HeldBack",
    "IndexerAway",
    "InvalidArticle",
    "InvalidOverrides",
    "InvalidPolicy",
    "ModelRefused",
    "NotOffered",
    "NotReady",
    "PartMissing",
    "ReadAlsoError",
    "ReceiverAway",
    "ServerStops",
    "SlowBody",
    "SourceAway",
    "StaleVersion",
    "StoreFull",
    "StoreRestored",
    "StoreUnusable",
    "TooMuchAsked",
    "UnknownArticle",
    "UnreadArticle",
    "UnreadableMarkup",
]


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One rejected field.

    Attributes:
        pointer: where it is, a JSON pointer (RFC 6901); empty for the whole.
        detail: what is wrong with its value.
    """

    pointer: str
    detail: str

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.detail}"


class ReadAlsoError(Exception):
    """Root of everything this package raises on purpose."""


class BadInput(ReadAlsoError):
    """The caller gave something that is not acceptable; `faults` says what, field by field."""

    def __init__(self, message: str, faults: tuple[FieldFault, ...] = ()) -> None:
        super().__init__("; ".join([message, *map(str, faults)]))
        self.summary = message
        self.faults = faults


class InvalidArticle(BadInput):
    """An article breaks the contract."""


class InvalidOverrides(BadInput):
    """Pins or blocks break the contract, or name an article that is not stored."""


class InvalidPolicy(BadInput):
    """A ranking policy has a field that is unknown, of another type or out of bounds."""


class BadJson(BadInput):
    """A text is no JSON, or JSON that readers understand differently."""


class BadParameter(BadInput):
    """An option of a request is unknown, repeated or out of range."""


class AlreadyAsked(BadParameter):
    """The same work was asked for before, and has not ended."""


class TooMuchAsked(BadParameter):
    """As much other work waits as may."""


class BadSource(BadInput):
    """A file to import or evaluate is not of the expected kind."""


class SourceAway(BadSource):
    """An address to import from cannot be reached now; try again later."""


class UnknownArticle(ReadAlsoError):
    """No article with this id was ever stored."""

    def __init__(self, article_id: str) -> None:
        fault = find_id_fault(article_id)
        remedy = f"push it with PUT /v1/articles/{article_id}"
        super().__init__(f"no article {article_id!r}; {f'an id {fault}' if fault else remedy}")


class DeletedArticle(ReadAlsoError):
    """The article was deleted.

    `was_public`: whether readers could see it; if not, the public is not told that it existed.
    """

    def __init__(self, article_id: str, *, was_public: bool = True) -> None:
        self.was_public = was_public
        super().__init__(f"article {article_id!r} was deleted; push it again to bring it back")


class UnreadArticle(ReadAlsoError):
    """The article is stored, but its text was not analyzed yet."""

    def __init__(self, article_id: str) -> None:
        super().__init__(
            f"article {article_id!r} was not analyzed yet; wait for read-also indexer, or run: "
            "read-also rebuild"
        )


class StaleVersion(ReadAlsoError):
    """A newer version of the article is stored."""

    def __init__(self, article_id: str, given: int, stored: int) -> None:
        super().__init__(
            f"article {article_id!r}: version {given} is older than version {stored}, which was "
            f"given before; push version {stored} or a newer version"
        )


class ChangedMeanwhile(ReadAlsoError):
    """Somebody else has changed what a change is based on; nothing was written."""


class UnreadableMarkup(ReadAlsoError):
    """The HTML of an article gives no text within the limits of time and memory."""


class ModelRefused(ReadAlsoError):
    """The embedding model is missing or is not the pinned one."""


class EncoderAway(ReadAlsoError):
    """The server or the GPU that embeds texts does not answer now, or not as it should."""


class EncoderChanged(EncoderAway):
    """The server that embeds texts does so with another model than before."""


class ClusterAway(ReadAlsoError):
    """The Ray cluster that reads and embeds texts cannot be reached, or does not work."""


class ReceiverAway(ReadAlsoError):
    """A receiver of webhooks does not accept a message, or does not answer.

    `retry_after`: how many seconds it wants to be left alone; None if it does not say so.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(f"a message was not accepted: {reason}")
        self.retry_after = retry_after


class BadSettings(ReadAlsoError):
    """A setting is malformed or misspelt; `faults` has a message for each."""

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class IndexerAway(ReadAlsoError):
    """The indexer does not answer, so a draft cannot be read."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the indexer does not answer ({reason}); start it: read-also indexer")


class ConsoleAway(ReadAlsoError):
    """The process that answers the console starts, or is gone and is started again."""

    def __init__(self) -> None:
        super().__init__("the console starts again; try again in some seconds")


class CallerLeft(ReadAlsoError):
    """Who asked for the features of a draft does not wait for them any more."""

    def __init__(self) -> None:
        super().__init__("the caller left before the draft was read")


class NotReady(ReadAlsoError):
    """There is neither a store nor a journal to answer from."""


class NotOffered(ReadAlsoError):
    """This deployment cannot do what was asked; another kind of deployment can."""


class StoreUnusable(ReadAlsoError):
    """The article store cannot be opened, read or written now."""

    @staticmethod
    def now(reason: BaseException) -> "StoreUnusable":
        """Make the error for a database that is busy, full, absent or damaged now."""
        kind = StoreFull if any(words in str(reason) for words in _FULL) else StoreUnusable
        return kind(
            f"the article store cannot be used now: {reason}; try again, because the last write "
            "may not have been stored"
        )


class ElectionLost(StoreUnusable):
    """The indexer of another machine was elected meanwhile; this one stands by."""

    def __init__(self) -> None:
        super().__init__("the indexer of another machine was elected; this one stands by")


class StoreFull(StoreUnusable):
    """There is no room on the disk of the article store, so it takes no writes."""


_FULL: Final = ("disk is full", "No space left on device")
"""What SQLite and PostgreSQL say of a full disk."""


class Busy(ReadAlsoError):
    """Too many requests of a worker do the same slow work at once."""

    def __init__(self, what: str) -> None:
        super().__init__(f"too many requests wait for {what} now; try again")


class SlowBody(ReadAlsoError):
    """The body of a request does not come fast enough."""

    def __init__(self) -> None:
        super().__init__(
            "the body does not come fast enough; nothing of it was used; send it again"
        )


class ServerStops(ReadAlsoError):
    """The server stops before it did what was asked."""

    def __init__(self) -> None:
        super().__init__("the server stops, and this was not done; send it again")


class StoreRestored(ReadAlsoError):
    """The article store was replaced or restored from a backup."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"the article store is not the one that was followed up to change {number}: it was "
            "replaced or restored from a backup; run: read-also rebuild"
        )


class GateRefused(ReadAlsoError):
    """A new snapshot did not pass the gate; the live one stays."""

    def __init__(self, findings: tuple[str, ...]) -> None:
        super().__init__(
            f"the new snapshot is not published, the live one stays: {'; '.join(findings)}; find "
            "the cause, or publish it all the same: read-also rebuild --force"
        )
        self.findings = findings


class HeldBack(ReadAlsoError):
    """After a rollback, compaction waits for a rebuild by hand."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}; to move on from there, run: read-also rebuild")


class PartMissing(ReadAlsoError):
    """An optional part of the installation is absent."""
