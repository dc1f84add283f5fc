"""The client: one method for each call of the API."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Self, TypeVar, Unpack

import httpx
from pydantic import BaseModel

from read_also_client import calls
from read_also_client.answers import (
    AppearsIn,
    AuditRecord,
    BlocksNow,
    BulkItem,
    DecisionNow,
    Deleted,
    NotReady,
    PinsNow,
    Readiness,
    WriteStatus,
    Written,
)
from read_also_client.articles import Article, ArticleId, Fields
from read_also_client.exchange import (
    Attempt,
    Call,
    Exchange,
    Outcome,
    Retries,
    exchange,
    opening_of,
    request_of,
)
from read_also_client.list_answers import RelatedList
from read_also_client.loads import Loads, Write
from read_also_client.options import (
    FragmentOptions,
    ListOptions,
    ListRequest,
    ShownListOptions,
)

__all__ = ["Client"]

T = TypeVar("T")


class Client:
    """Asks one Read Also service. Safe to use from several threads; close it, or use `with`.

    Every method raises an `ApiError` where the service refuses the call or does not answer. What
    cannot be sent at all is a `NotSendable`, which is a ValueError too, before anything is sent.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        timeout: float = 10.0,
        *,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Connect to nothing yet.

        Args:
            base_url: where the service is, without `/v1`.
            key: the secret of a key.
            timeout: in seconds, of each attempt; bulk loads have 120, and `appears_in` has 30.
            retries: how often and when a call is made again; by default four times in all.
            transport: how requests are sent, if not over the network.
            sleep: waits some seconds before the next attempt.
        """
        self._http = httpx.Client(**opening_of(base_url, key), timeout=timeout, transport=transport)
        self._retries = retries or Retries()
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    # --- articles ---

    def put(self, article: BaseModel | Fields, *, wait: bool = False) -> Written:
        """Store an article; `wait` up to five seconds until every worker shows it.

        Args:
            article: an `Article`, a dict, or a pydantic model of your own with the same fields. An
                id may be a number or a UUID, a time a `datetime` with a time zone, or a date.
            wait: whether to wait; `visible` of the result says whether it shows.
        """
        return self._ask(calls.put(article, wait=wait))

    def patch(self, article_id: ArticleId, changes: Fields, *, wait: bool = False) -> Written:
        """Change some fields of an article; None removes one. `wait` as in `put`."""
        return self._ask(calls.patch(article_id, changes, wait=wait))

    def get(self, article_id: ArticleId) -> Article:
        """An article as it was given."""
        return self._ask(calls.get(article_id))

    def delete(self, article_id: ArticleId, *, wait: bool = False) -> Deleted:
        """Delete an article; doing so twice is fine. `wait` as in `put`."""
        return self._ask(calls.delete(article_id, wait=wait))

    def status(self, article_id: ArticleId) -> WriteStatus:
        """How far the last write of an article has come."""
        return self._ask(calls.status(article_id))

    def bulk(self, writes: Iterable[Write]) -> Iterator[BulkItem]:
        """Store and delete many, in order, in as many requests as it takes.

        Writes are taken when they are sent, and outcomes come in their order, one for each write. A
        write that is refused stops no other. An error that is raised concerns a whole request: the
        outcomes before it hold, and to send the rest again does no harm.
        """
        loads = Loads(self._retries)
        for write in writes:
            yield from self._run(loads.add(write))
        yield from self._run(loads.rest())

    def articles(self, at_once: int = 50) -> Iterator[Article]:
        """All articles that are stored, by ascending id, fetched `at_once` by `at_once`."""
        page = self._ask(calls.article_page(None, at_once))
        yield from page.articles
        while page.next is not None:
            page = self._ask(calls.article_page(page.next, at_once))
            yield from page.articles

    def article_ids(self, prefix: str = "", at_once: int = 1000) -> Iterator[str]:
        """The ids of all articles that are stored, or of those whose id begins with a prefix."""
        page = self._ask(calls.id_page(prefix, None, at_once))
        yield from page.ids
        while page.next is not None:
            page = self._ask(calls.id_page(prefix, page.next, at_once))
            yield from page.ids

    # --- lists ---

    def related(self, article_id: ArticleId, **options: Unpack[ShownListOptions]) -> RelatedList:
        """The list under an article. A query too long for an address is sent as a body."""
        return self._ask(calls.related(article_id, options))

    def related_html(self, article_id: ArticleId, **options: Unpack[FragmentOptions]) -> str:
        """The list as an escaped section of HTML; empty if the list is empty."""
        return self._ask(calls.related_html(article_id, options))

    def related_for_draft(
        self, draft: BaseModel | Fields, **options: Unpack[ListOptions]
    ) -> RelatedList:
        """The list that a text would get, without storing it.

        By default it is in the language of the text; `section` filters the list.
        """
        return self._ask(calls.related_for_draft(draft, options))

    def related_like(
        self,
        like: Iterable[ArticleId],
        unlike: Iterable[ArticleId] = (),
        **options: Unpack[ListOptions],
    ) -> RelatedList:
        """The list that is like some articles, such as a reader's last, and unlike others."""
        return self._ask(calls.related_like(like, unlike, options))

    def related_lists(self, requests: Iterable[ListRequest]) -> tuple[RelatedList, ...]:
        """Lists for one page, in the order of the requests, which do not repeat each other."""
        return self._ask(calls.related_lists(requests)).lists

    def appears_in(self, article_id: ArticleId) -> AppearsIn:
        """The articles whose default list shows this one now."""
        return self._ask(calls.appears_in(article_id))

    # --- pins and blocks ---

    def pins(self, article_id: ArticleId) -> PinsNow:
        """The pins of an article, and who set them."""
        return self._ask(calls.pins(article_id))

    def blocks(self, article_id: ArticleId) -> BlocksNow:
        """The blocks of an article, and who set them."""
        return self._ask(calls.blocks(article_id))

    def never(self, article_id: ArticleId) -> DecisionNow:
        """Whether an editor says that no list shows an article, and who says so."""
        return self._ask(calls.never(article_id))

    def no_list(self, article_id: ArticleId) -> DecisionNow:
        """Whether an editor says that no list stands under an article, and who says so."""
        return self._ask(calls.no_list(article_id))

    def set_pins(
        self,
        article_id: ArticleId,
        pins: calls.Overrides,
        by: str = "",
        *,
        seen: int | None = None,
        wait: bool = False,
    ) -> Written:
        """Replace all pins, in this order.

        Args:
            article_id: under which article they stand.
            pins: ids of articles, or `Override`s with the time for which they hold.
            by: the name of the editor.
            seen: the `change` of the pins that are to be replaced, as they were read. If somebody
                else has changed them since, ChangedMeanwhile is raised. None replaces any.
            wait: as in `put`.
        """
        return self._ask(calls.set_pins(article_id, pins, by, seen=seen, wait=wait))

    def set_blocks(
        self,
        article_id: ArticleId,
        blocks: calls.Overrides,
        by: str = "",
        *,
        seen: int | None = None,
        wait: bool = False,
    ) -> Written:
        """Replace all blocks; the arguments are those of `set_pins`."""
        return self._ask(calls.set_blocks(article_id, blocks, by, seen=seen, wait=wait))

    def set_never(
        self,
        article_id: ArticleId,
        why: str = "",
        by: str = "",
        *,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        seen: int | None = None,
        wait: bool = False,
    ) -> Written:
        """Say that no list shows an article; the last two arguments are those of `set_pins`."""
        times = {"starts_at": starts_at, "ends_at": ends_at}
        return self._ask(calls.set_never(article_id, why, by, **times, seen=seen, wait=wait))

    def set_no_list(
        self,
        article_id: ArticleId,
        why: str = "",
        by: str = "",
        *,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        seen: int | None = None,
        wait: bool = False,
    ) -> Written:
        """Say that no list stands under an article; the arguments are those of `set_never`."""
        times = {"starts_at": starts_at, "ends_at": ends_at}
        return self._ask(calls.set_no_list(article_id, why, by, **times, seen=seen, wait=wait))

    def remove_pins(
        self, article_id: ArticleId, *, seen: int | None = None, wait: bool = False
    ) -> Deleted:
        """Remove the pins of an article; doing so twice is fine."""
        return self._ask(calls.remove_pins(article_id, seen=seen, wait=wait))

    def remove_blocks(
        self, article_id: ArticleId, *, seen: int | None = None, wait: bool = False
    ) -> Deleted:
        """Remove the blocks of an article; doing so twice is fine."""
        return self._ask(calls.remove_blocks(article_id, seen=seen, wait=wait))

    def remove_never(
        self, article_id: ArticleId, *, seen: int | None = None, wait: bool = False
    ) -> Deleted:
        """Let lists show an article again; doing so twice is fine."""
        return self._ask(calls.remove_never(article_id, seen=seen, wait=wait))

    def remove_no_list(
        self, article_id: ArticleId, *, seen: int | None = None, wait: bool = False
    ) -> Deleted:
        """Let a list stand under an article again; doing so twice is fine."""
        return self._ask(calls.remove_no_list(article_id, seen=seen, wait=wait))

    # --- the service ---

    def readyz(self) -> Readiness | NotReady:
        """Whether the service has something to answer from: `ready` of the result says it."""
        return self._ask(calls.readyz())

    def audit(self, after: int = 0, at_once: int = 100) -> Iterator[AuditRecord]:
        """Who changed what, in order, after a number; needs a key with the scope `admin`."""
        page = self._ask(calls.audit_page(after, at_once))
        while page.entries:
            yield from page.entries
            page = self._ask(calls.audit_page(page.next, at_once))

    def _ask(self, call: Call[T]) -> T:
        return self._run(exchange(call, self._retries))

    def _run(self, exchanged: Exchange[T]) -> T:
        """Send what an exchange yields, and give it what came of it, to its end."""
        try:
            attempt = next(exchanged)
            while True:
                attempt = exchanged.send(self._send(attempt))
        except StopIteration as end:
            result: T = end.value
            return result

    def _send(self, attempt: Attempt) -> Outcome:
        if attempt.pause_seconds:
            self._sleep(attempt.pause_seconds)
        try:
            return self._http.send(self._http.build_request(**request_of(attempt.call)))
        except httpx.RequestError as fault:
            return fault
