"""A typed client of the HTTP API, for scripts and for a CMS that is written in Python."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import wraps
from itertools import takewhile
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from recommender.api import (
    AppearsIn,
    ArticlePage,
    BlocksNow,
    BulkAnswer,
    BulkFault,
    BulkItem,
    Deletion,
    FragmentOptions,
    ListOptions,
    Override,
    PinsNow,
    Problem,
    RelatedList,
    RelatedLists,
    Target,
    Written,
)
from recommender.articles import Article
from recommender.errors import ApiError
from recommender.release import USER_AGENT

__all__ = ["ApiError", "Client", "Deletion", "FragmentOptions", "ListOptions", "Override", "Target"]

C = TypeVar("C")
S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")
P = ParamSpec("P")
Fields = Mapping[str, object]

SEARCH_SECONDS: Final = 30.0  # of `appears_in`; the service searches for eight
LOAD_SECONDS: Final = 120.0  # of a bulk load
LONGEST_QUERY: Final = 7_500
"""In characters. Servers refuse an address of more than some 8,000, the longest id included."""
MOST_LINES: Final = 1_000  # of a bulk load; the service takes more, but then answers late
MOST_REQUEST_BYTES: Final = 2**20  # of a bulk load; nginx takes no more, unless it is told to
TOO_LARGE: Final = 413
TRY_AGAIN: Final = frozenset({429, 503})
REST_SECONDS: Final = 5.0  # before the next attempt, where the service does not say how long
_SECONDS: Final = re.compile(r"[0-9]{1,4}", re.ASCII)


def _with_list_options(
    _: Callable[P, ListOptions],
) -> Callable[[Callable[[C, S, Fields], R]], Callable[Concatenate[C, S, P], R]]:
    """Give a call the options of a list as keywords; the service checks their values."""

    def decorate(call: Callable[[C, S, Fields], R]) -> Callable[Concatenate[C, S, P], R]:
        @wraps(call)
        def with_keywords(client: C, subject: S, /, *_: P.args, **options: P.kwargs) -> R:
            # None and False are always defaults, and are not sent; 0 may be none.
            given = ((name, one) for name, one in options.items() if one is not None)
            sent = {name: one for name, one in given if one is not False}
            return call(client, subject, sent)

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
            sleep: waits some seconds before the next attempt.
        """
        headers = {"User-Agent": USER_AGENT}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        http = httpx.Client(
            base_url=base_url, headers=headers, timeout=timeout, transport=transport
        )
        self._connection = Connection(http, attempts, sleep)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections."""
        self._connection.close()

    @_with_list_options(ListOptions)
    def related(self, article_id: str, options: Fields) -> RelatedList:
        """The list under an article. A query too long for an address is sent as a body."""
        query = _query(options)
        if len(str(httpx.QueryParams(query))) <= LONGEST_QUERY:
            answer = self._connection.call("GET", path_of(article_id, "/related"), params=query)
        else:
            body = {"article_id": article_id, **options}
            answer = self._connection.call("POST", "/v1/related", json=body)
        return read_answer(RelatedList, answer)

    @_with_list_options(FragmentOptions)
    def related_html(self, article_id: str, options: Fields) -> str:
        """The list as an escaped section of HTML; empty if the list is empty."""
        return self._connection.call(
            "GET", path_of(article_id, "/related.html"), params=_query(options)
        ).text

    @_with_list_options(ListOptions)
    def related_to(self, draft: Fields, options: Fields) -> RelatedList:
        """The list that a text would get, without storing it."""
        return read_answer(
            RelatedList, self._connection.call("POST", "/v1/related", json={**draft, **options})
        )

    def related_lists(self, requests: Sequence[Fields]) -> tuple[RelatedList, ...]:
        """Lists for one page, which do not repeat each other; under `article_id` or a text."""
        answer = self._connection.call("POST", "/v1/related", json={"requests": list(requests)})
        return read_answer(RelatedLists, answer).lists

    def put(self, article: Article | Fields, *, wait: bool = False) -> Written:
        """Store an article; `wait` until every worker shows it."""
        document = as_document(article)
        path = path_of(str(document.get("id", "")))
        return read_answer(
            Written, self._connection.call("PUT", path, params=_waiting(wait=wait), json=document)
        )

    def patch(self, article_id: str, changes: Fields, *, wait: bool = False) -> Written:
        """Change some fields of an article; None removes one."""
        query, path = _waiting(wait=wait), path_of(article_id)
        answer = self._connection.call("PATCH", path, params=query, json=dict(changes))
        return read_answer(Written, answer)

    def get(self, article_id: str) -> Article:
        """An article as it was given."""
        return read_answer(Article, self._connection.call("GET", path_of(article_id)))

    def delete(self, article_id: str, *, wait: bool = False) -> None:
        """Delete an article; doing so twice is fine."""
        self._connection.call("DELETE", path_of(article_id), params=_waiting(wait=wait))

    def bulk(self, writes: Iterable[Article | Fields | Deletion]) -> Iterator[BulkItem]:
        """Store and delete many, in order, in as many requests as it takes.

        Results come in the order of the writes. Lines that answer 429 or 503 are sent again.
        """
        for lines in loads_of(map(as_line, writes)):
            yield from send_load(self._connection, lines)

    def articles(self, at_once: int = 50) -> Iterator[Article]:
        """All articles that are stored, by ascending id, fetched page by page."""
        query: dict[str, str] = {"limit": str(at_once)}
        while True:
            page = read_answer(
                ArticlePage, self._connection.call("GET", "/v1/articles", params=query)
            )
            yield from page.articles
            if page.next is None:
                return
            query["cursor"] = page.next

    def pins(self, article_id: str) -> PinsNow:
        """The pins of an article, and who set them."""
        return read_answer(PinsNow, self._connection.call("GET", path_of(article_id, "/pins")))

    def blocks(self, article_id: str) -> BlocksNow:
        """The blocks of an article, and who set them."""
        return read_answer(BlocksNow, self._connection.call("GET", path_of(article_id, "/blocks")))

    def set_pins(self, article_id: str, pins: Iterable[Override], by: str = "") -> Written:
        """Replace all pins, in this order; an empty list removes them."""
        sent = {"pins": _as_documents(pins), "by": by}
        return read_answer(
            Written, self._connection.call("PUT", path_of(article_id, "/pins"), json=sent)
        )

    def set_blocks(self, article_id: str, blocks: Iterable[Override], by: str = "") -> Written:
        """Replace all blocks; an empty list removes them."""
        sent = {"blocks": _as_documents(blocks), "by": by}
        return read_answer(
            Written, self._connection.call("PUT", path_of(article_id, "/blocks"), json=sent)
        )

    def appears_in(self, article_id: str) -> AppearsIn:
        """The articles whose default list shows this one now."""
        path = path_of(article_id, "/appears-in")
        return read_answer(AppearsIn, self._connection.call("GET", path, seconds=SEARCH_SECONDS))


class Connection:
    """Sends requests, and sends one again after as long as the service asks to wait."""

    def __init__(self, http: httpx.Client, attempts: int, sleep: Callable[[float], object]) -> None:
        self._http = http
        self.attempts = attempts
        self.sleep = sleep

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
        seconds: float | None = None,
    ) -> httpx.Response:
        """Send a request, some times if need be.

        Args:
            method: of HTTP.
            path: of the address, from the root of the service.
            params: the query.
            json: the body, as JSON.
            content: or the body, as lines of NDJSON.
            seconds: how long each attempt may take, where that is longer than other calls.

        Raises:
            ApiError: the answer is an error, or none came.
        """
        sent: dict[str, Any] = {"params": params, "json": json}
        if content is not None:
            sent |= {"content": content, "headers": {"Content-Type": "application/x-ndjson"}}
        if seconds is not None:
            sent["timeout"] = seconds
        for attempt in range(1, self.attempts + 1):
            answer = self._send(method, path, sent)
            if answer.status_code not in TRY_AGAIN or attempt == self.attempts:
                break
            self.sleep(_rest(answer))
        if not answer.is_success:
            raise _error_of(answer)
        return answer

    def _send(self, method: str, path: str, sent: Mapping[str, Any]) -> httpx.Response:
        try:
            return self._http.request(method, path, **sent)
        except httpx.RequestError as fault:
            raise ApiError(None, f"no answer from {self._http.base_url}: {fault}") from fault


def path_of(article_id: str, call: str = "") -> str:
    """The path of an article, or of one of its calls.

    Raises:
        ApiError: no path can name such an id.
    """
    if article_id in {"", ".", ".."}:
        raise ApiError(None, f"{article_id!r} is no id of an article")
    return f"/v1/articles/{quote(article_id, safe='')}{call}"


def read_answer(model: type[T], answer: httpx.Response) -> T:
    """Parse the answer as a model.

    Raises:
        ApiError: it is something else.
    """
    try:
        return TypeAdapter(model).validate_json(answer.content)
    except ValidationError as fault:
        problem = f"the answer is not what it should be: {fault}"
        raise ApiError(answer.status_code, problem) from fault


def _rest(answer: httpx.Response) -> float:
    seconds = answer.headers.get("Retry-After", "")
    return float(seconds) if _SECONDS.fullmatch(seconds) else REST_SECONDS


def _error_of(answer: httpx.Response) -> ApiError:
    try:
        problem = TypeAdapter(Problem).validate_json(answer.content)
    except ValidationError:  # from a proxy before the service, as a rule
        return ApiError(answer.status_code, answer.reason_phrase)
    return ApiError(answer.status_code, problem.detail, problem.errors)


def as_document(article: Article | Fields) -> dict[str, object]:
    """An article in plain JSON types."""
    return article.to_document() if isinstance(article, Article) else dict(article)


def as_line(write: Article | Fields | Deletion) -> bytes:
    """A write as a line of NDJSON."""
    fields = asdict(write) if isinstance(write, Deletion) else as_document(write)
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass") + b"\n"  # to be refused alone, by the service


def loads_of(
    lines: Iterable[bytes], most_lines: int = MOST_LINES, most_bytes: int = MOST_REQUEST_BYTES
) -> Iterator[list[bytes]]:
    """Cut lines, in their order, into loads within both limits; a longer line is a load alone."""
    load, size = list[bytes](), 0
    for line in lines:
        if load and (len(load) == most_lines or size + len(line) > most_bytes):
            yield load
            load, size = [], 0
        load.append(line)
        size += len(line)
    if load:
        yield load


def send_load(connection: Connection, lines: Sequence[bytes]) -> Iterator[BulkItem]:
    """Send one bulk request; send again the lines from the first that answers 429 or 503.

    If a proxy refuses it as too large, it is sent in halves; a line too large alone answers 413.
    """
    for attempt in range(1, connection.attempts + 1):
        try:
            body = b"".join(lines)
            answer = connection.call("POST", "/v1/bulk", content=body, seconds=LOAD_SECONDS)
        except ApiError as refusal:
            if refusal.status != TOO_LARGE:
                raise
            yield from _send_parts(connection, lines, refusal)
            return
        items = read_answer(BulkAnswer, answer).items
        done = list(takewhile(lambda item: item.status not in TRY_AGAIN, items))
        yield from done
        lines = lines[len(done) :]
        if not lines or attempt == connection.attempts:
            yield from items[len(done) :]
            return
        connection.sleep(REST_SECONDS)


def _send_parts(
    connection: Connection, lines: Sequence[bytes], refusal: ApiError
) -> Iterator[BulkItem]:
    if len(lines) == 1:
        fields = json.loads(lines[0])
        named = fields.get("delete", fields).get("id")
        yield BulkItem(id=named, status=TOO_LARGE, error=BulkFault(detail=refusal.detail))
    else:
        for part in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):
            yield from send_load(connection, part)


def _query(options: Fields) -> dict[str, str]:
    """Options as a query string writes them."""
    return {name: _as_text(value) for name, value in options.items()}


def _as_text(value: object) -> str:
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
