"""A typed client of the HTTP API, for scripts and for a CMS that is written in Python."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from typing import Concatenate, Final, ParamSpec, Self, TypeVar

import httpx

from recommender.api import (
    AppearsIn,
    ArticlePage,
    BlocksNow,
    BulkItem,
    Deletion,
    ListOptions,
    Override,
    PinsNow,
    RelatedList,
    RelatedLists,
    Written,
)
from recommender.articles import Article
from recommender.client.loads import Fields, as_document, as_line, loads_of, send_load
from recommender.client.wire import Wire, path_of, read_answer

__all__ = ["Client"]

C = TypeVar("C")
S = TypeVar("S")
R = TypeVar("R")
P = ParamSpec("P")

SEARCH_SECONDS: Final = 30.0  # the service searches for eight
LONGEST_QUERY: Final = 7_500
"""In characters. Servers refuse an address of more than some 8,000, the longest id included."""


def _with_list_options(
    _: Callable[P, ListOptions],
) -> Callable[[Callable[[C, S, Fields], R]], Callable[Concatenate[C, S, P], R]]:
    """Give a call the options of a list as keywords; the service checks their values."""

    def decorate(call: Callable[[C, S, Fields], R]) -> Callable[Concatenate[C, S, P], R]:
        @wraps(call)
        def with_keywords(client: C, subject: S, /, *_: P.args, **options: P.kwargs) -> R:
            return call(client, subject, options)

        return with_keywords

    return decorate


class Client:
    """Asks one Read Also service. Safe to use from several threads; close it, or use `with`.

    Every call raises ApiError where the service refuses it or gives no answer. What cannot be sent
    at all (half of a surrogate pair, NaN, a key beyond ASCII) is a ValueError before that.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        timeout: float = 10.0,
        *,
        attempts: int = 3,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Connect to nothing yet.

        Args:
            base_url: where the service is, without `/v1`.
            key: the secret of a key.
            timeout: in seconds, of each attempt; bulk loads have 120, and `appears_in` has 30.
            attempts: how often at most a call is made that is answered with 429 or 503.
            transport: how requests are sent, if not over the network.
            sleep: waits so many seconds before the next attempt.
        """
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        http = httpx.Client(
            base_url=base_url, headers=headers, timeout=timeout, transport=transport
        )
        self._wire = Wire(http, attempts, sleep)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections."""
        self._wire.close()

    @_with_list_options(ListOptions)
    def related(self, article_id: str, options: Fields) -> RelatedList:
        """The list under an article. A query too long for an address is sent as a body."""
        query = _query(options)
        if len(str(httpx.QueryParams(query))) <= LONGEST_QUERY:
            answer = self._wire.call("GET", path_of(article_id, "/related"), params=query)
        else:
            asked = {"article_id": article_id, **options}
            answer = self._wire.call("POST", "/v1/related", json=asked)
        return read_answer(RelatedList, answer)

    @_with_list_options(ListOptions)
    def related_html(self, article_id: str, options: Fields) -> str:
        """The list as an escaped section of HTML; empty where there is nothing to list."""
        return self._wire.call(
            "GET", path_of(article_id, "/related.html"), params=_query(options)
        ).text

    @_with_list_options(ListOptions)
    def related_to(self, draft: Fields, options: Fields) -> RelatedList:
        """The list that a text would get, without storing it."""
        return read_answer(
            RelatedList, self._wire.call("POST", "/v1/related", json={**draft, **options})
        )

    def related_lists(self, requests: Sequence[Fields]) -> tuple[RelatedList, ...]:
        """Lists for one page, which do not repeat each other; under `article_id` or a text."""
        answer = self._wire.call("POST", "/v1/related", json={"requests": list(requests)})
        return read_answer(RelatedLists, answer).lists

    def put(self, article: Article | Fields, *, wait: bool = False) -> Written:
        """Store an article; `wait` until every worker shows it."""
        document = as_document(article)
        path = path_of(str(document.get("id", "")))
        return read_answer(
            Written, self._wire.call("PUT", path, params=_waiting(wait=wait), json=document)
        )

    def patch(self, article_id: str, changes: Fields, *, wait: bool = False) -> Written:
        """Change some fields of an article; None removes one."""
        query, path = _waiting(wait=wait), path_of(article_id)
        answer = self._wire.call("PATCH", path, params=query, json=dict(changes))
        return read_answer(Written, answer)

    def get(self, article_id: str) -> Article:
        """An article as it was given."""
        return read_answer(Article, self._wire.call("GET", path_of(article_id)))

    def delete(self, article_id: str, *, wait: bool = False) -> None:
        """Delete an article; doing so twice is fine."""
        self._wire.call("DELETE", path_of(article_id), params=_waiting(wait=wait))

    def bulk(self, writes: Iterable[Article | Fields | Deletion]) -> Iterator[BulkItem]:
        """Store and delete many, in order, in as many requests as it takes.

        What became of each comes in the same order. What a store that failed on the way left
        undone is sent again, as a refused request is.
        """
        for lines in loads_of(map(as_line, writes)):
            yield from send_load(self._wire, lines)

    def articles(self, at_once: int = 50) -> Iterator[Article]:
        """All articles that are stored, by ascending id, fetched page by page."""
        query: dict[str, str] = {"limit": str(at_once)}
        while True:
            page = read_answer(ArticlePage, self._wire.call("GET", "/v1/articles", params=query))
            yield from page.articles
            if page.next is None:
                return
            query["cursor"] = page.next

    def pins(self, article_id: str) -> PinsNow:
        """What stands first in the list of an article, and who set it."""
        return read_answer(PinsNow, self._wire.call("GET", path_of(article_id, "/pins")))

    def blocks(self, article_id: str) -> BlocksNow:
        """What the list of an article never holds, and who set it."""
        return read_answer(BlocksNow, self._wire.call("GET", path_of(article_id, "/blocks")))

    def set_pins(self, article_id: str, pins: Iterable[Override], by: str = "") -> Written:
        """Set the pins in the place of those there are, in order; none takes them away."""
        sent = {"pins": _as_documents(pins), "by": by}
        return read_answer(Written, self._wire.call("PUT", path_of(article_id, "/pins"), json=sent))

    def set_blocks(self, article_id: str, blocks: Iterable[Override], by: str = "") -> Written:
        """Set the blocks in the place of those there are; none takes them away."""
        sent = {"blocks": _as_documents(blocks), "by": by}
        return read_answer(
            Written, self._wire.call("PUT", path_of(article_id, "/blocks"), json=sent)
        )

    def appears_in(self, article_id: str) -> AppearsIn:
        """The articles whose default list shows this one now."""
        path = path_of(article_id, "/appears-in")
        return read_answer(AppearsIn, self._wire.call("GET", path, seconds=SEARCH_SECONDS))


def _query(options: Fields) -> dict[str, str]:
    """Options as a query spells them."""
    return {name: _spelt(value) for name, value in options.items()}


def _spelt(value: object) -> str:
    match value:
        case True:
            return "1"
        case float():
            return f"{value:.6f}"
        case str() | int():
            return str(value)
        case _:
            return ",".join(value) if isinstance(value, Sequence) else str(value)


def _waiting(*, wait: bool) -> dict[str, str]:
    return {"wait": "visible"} if wait else {}


def _as_documents(overrides: Iterable[Override]) -> list[dict[str, object]]:
    return [override.model_dump(mode="json", exclude_none=True) for override in overrides]
