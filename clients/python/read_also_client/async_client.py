"""The asynchronous client: the methods of `Client`, to be awaited."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
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

__all__ = ["AsyncClient"]

T = TypeVar("T")


class AsyncClient:
    """Asks one Read Also service from one event loop; close it, or use `async with`.

    Its methods are those of `Client`, with the same arguments, results and errors.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        timeout: float = 10.0,
        *,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Connect to nothing yet; the arguments are those of `Client`."""
        self._http = httpx.AsyncClient(
            **opening_of(base_url, key), timeout=timeout, transport=transport
        )
        self._retries = retries or Retries()
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give back the connections."""
        await self._http.aclose()

    # --- articles ---

    async def put(self, article: BaseModel | Fields, *, wait: bool = False) -> Written:
        """Store an article; `wait` up to five seconds until every worker shows it."""
        return await self._ask(calls.put(article, wait=wait))

    async def patch(self, article_id: ArticleId, changes: Fields, *, wait: bool = False) -> Written:
        """Change some fields of an article; None removes one. `wait` as in `put`."""
        return await self._ask(calls.patch(article_id, changes, wait=wait))

    async def get(self, article_id: ArticleId) -> Article:
        """An article as it was given."""
        return await self._ask(calls.get(article_id))

    async def delete(self, article_id: ArticleId, *, wait: bool = False) -> Deleted:
        """Delete an article; doing so twice is fine. `wait` as in `put`."""
        return await self._ask(calls.delete(article_id, wait=wait))

    async def status(self, article_id: ArticleId) -> WriteStatus:
        """How far the last write of an article has come."""
        return await self._ask(calls.status(article_id))

    async def bulk(self, writes: Iterable[Write] | AsyncIterable[Write]) -> AsyncIterator[BulkItem]:
        """Store and delete many, in order; the writes may come from an asynchronous source too."""
        loads = Loads(self._retries)
        async for write in _each(writes):
            for item in await self._run(loads.add(write)):
                yield item
        for item in await self._run(loads.rest()):
            yield item

    async def articles(self, at_once: int = 50) -> AsyncIterator[Article]:
        """All articles that are stored, by ascending id, fetched `at_once` by `at_once`."""
        page = await self._ask(calls.article_page(None, at_once))
        for article in page.articles:
            yield article
        while page.next is not None:
            page = await self._ask(calls.article_page(page.next, at_once))
            for article in page.articles:
                yield article

    async def article_ids(self, prefix: str = "", at_once: int = 1000) -> AsyncIterator[str]:
        """The ids of all articles that are stored, or of those whose id begins with a prefix."""
        page = await self._ask(calls.id_page(prefix, None, at_once))
        for article_id in page.ids:
            yield article_id
        while page.next is not None:
            page = await self._ask(calls.id_page(prefix, page.next, at_once))
            for article_id in page.ids:
                yield article_id

    # --- lists ---

    async def related(
        self, article_id: ArticleId, **options: Unpack[ShownListOptions]
    ) -> RelatedList:
        """The list under an article. A query too long for an address is sent as a body."""
        return await self._ask(calls.related(article_id, options))

    async def related_html(self, article_id: ArticleId, **options: Unpack[FragmentOptions]) -> str:
        """The list as an escaped section of HTML; empty if the list is empty."""
        return await self._ask(calls.related_html(article_id, options))

    async def related_for_draft(
        self, draft: BaseModel | Fields, **options: Unpack[ListOptions]
    ) -> RelatedList:
        """The list that a text would get, without storing it."""
        return await self._ask(calls.related_for_draft(draft, options))

    async def related_like(
        self,
        like: Iterable[ArticleId],
        unlike: Iterable[ArticleId] = (),
        **options: Unpack[ListOptions],
    ) -> RelatedList:
        """The list that is like some articles, such as a reader's last, and unlike others."""
        return await self._ask(calls.related_like(like, unlike, options))

    async def related_lists(self, requests: Iterable[ListRequest]) -> tuple[RelatedList, ...]:
        """Lists for one page, in the order of the requests, which do not repeat each other."""
        return (await self._ask(calls.related_lists(requests))).lists

    async def appears_in(self, article_id: ArticleId) -> AppearsIn:
        """The articles whose default list shows this one now."""
        return await self._ask(calls.appears_in(article_id))

    # --- pins and blocks ---

    async def pins(self, article_id: ArticleId) -> PinsNow:
        """The pins of an article, and who set them."""
        return await self._ask(calls.pins(article_id))

    async def blocks(self, article_id: ArticleId) -> BlocksNow:
        """The blocks of an article, and who set them."""
        return await self._ask(calls.blocks(article_id))

    async def never(self, article_id: ArticleId) -> DecisionNow:
        """Whether an editor says that no list shows an article, and who says so."""
        return await self._ask(calls.never(article_id))

    async def no_list(self, article_id: ArticleId) -> DecisionNow:
        """Whether an editor says that no list stands under an article, and who says so."""
        return await self._ask(calls.no_list(article_id))

    async def set_pins(
        self,
        article_id: ArticleId,
        pins: calls.Overrides,
        by: str = "",
        *,
        seen: int | None = None,
        wait: bool = False,
    ) -> Written:
        """Replace all pins, in this order."""
        return await self._ask(calls.set_pins(article_id, pins, by, seen=seen, wait=wait))

    async def set_blocks(
        self,
        article_id: ArticleId,
        blocks: calls.Overrides,
        by: str = "",
        *,
        seen: int | None = None,
        wait: bool = False,
    ) -> Written:
        """Replace all blocks."""
        return await self._ask(calls.set_blocks(article_id, blocks, by, seen=seen, wait=wait))

    async def set_never(
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
        return await self._ask(calls.set_never(article_id, why, by, **times, seen=seen, wait=wait))

    async def set_no_list(
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
        return await self._ask(
            calls.set_no_list(article_id, why, by, **times, seen=seen, wait=wait)
        )

    async def remove_pins(
        self, article_id: ArticleId, *, seen: int | None = None, wait: bool = False
    ) -> Deleted:
        """Remove the pins of an article; doing so twice is fine."""
        return await self._ask(calls.remove_pins(article_id, seen=seen, wait=wait))

    async def remove_blocks(
        self, article_id: ArticleId, *, seen: int | None = None, wait: bool = False
    ) -> Deleted:
        """Remove the blocks of an article; doing so twice is fine."""
        return await self._ask(calls.remove_blocks(article_id, seen=seen, wait=wait))

    async def remove_never(
        self, article_id: ArticleId, *, seen: int | None = None, wait: bool = False
    ) -> Deleted:
        """Let lists show an article again; doing so twice is fine."""
        return await self._ask(calls.remove_never(article_id, seen=seen, wait=wait))

    async def remove_no_list(
        self, article_id: ArticleId, *, seen: int | None = None, wait: bool = False
    ) -> Deleted:
        """Let a list stand under an article again; doing so twice is fine."""
        return await self._ask(calls.remove_no_list(article_id, seen=seen, wait=wait))

    # --- the service ---

    async def readyz(self) -> Readiness | NotReady:
        """Whether the service has something to answer from: `ready` of the result says it."""
        return await self._ask(calls.readyz())

    async def audit(self, after: int = 0, at_once: int = 100) -> AsyncIterator[AuditRecord]:
        """Who changed what, in order, after a number; needs a key with the scope `admin`."""
        page = await self._ask(calls.audit_page(after, at_once))
        while page.entries:
            for entry in page.entries:
                yield entry
            page = await self._ask(calls.audit_page(page.next, at_once))

    async def _ask(self, call: Call[T]) -> T:
        return await self._run(exchange(call, self._retries))

    async def _run(self, exchanged: Exchange[T]) -> T:
        """Send what an exchange yields, and give it what came of it, to its end."""
        try:
            attempt = next(exchanged)
            while True:
                attempt = exchanged.send(await self._send(attempt))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _send(self, attempt: Attempt) -> Outcome:
        if attempt.pause_seconds:
            await self._sleep(attempt.pause_seconds)
        try:
            return await self._http.send(self._http.build_request(**request_of(attempt.call)))
        except httpx.RequestError as fault:
            return fault


async def _each(writes: Iterable[Write] | AsyncIterable[Write]) -> AsyncIterator[Write]:
    if isinstance(writes, AsyncIterable):
        async for write in writes:
            yield write
    else:
        for write in writes:
            yield write
