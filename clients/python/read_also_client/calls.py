"""The calls of the API: what each sends, and what its answer is read as.

Each function makes the call of the method of the same name in `Client` and `AsyncClient`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from pydantic import BaseModel

from read_also_client.answers import (
    AppearsIn,
    ArticlePage,
    AuditPage,
    BlocksNow,
    DecisionNow,
    Deleted,
    IdPage,
    NotReady,
    Override,
    PinsNow,
    Readiness,
    WriteStatus,
    Written,
)
from read_also_client.articles import (
    Article,
    ArticleId,
    Fields,
    as_document,
    as_fields,
    as_id,
    as_json,
)
from read_also_client.errors import NotSendable
from read_also_client.exchange import Call, problem_of, reader_of, retry_after_of
from read_also_client.list_answers import RelatedList, RelatedLists
from read_also_client.options import ListOptions, ListRequest, body_of, query_of

__all__ = [
    "appears_in",
    "article_page",
    "audit_page",
    "blocks",
    "delete",
    "get",
    "id_page",
    "never",
    "no_list",
    "patch",
    "pins",
    "put",
    "readyz",
    "related",
    "related_for_draft",
    "related_html",
    "related_like",
    "related_lists",
    "remove_blocks",
    "remove_never",
    "remove_no_list",
    "remove_pins",
    "set_blocks",
    "set_never",
    "set_no_list",
    "set_pins",
    "status",
]

ACCEPTED: Final = 202
NOT_READY: Final = 503
MERGE_PATCH: Final = "application/merge-patch+json"
SEARCH_SECONDS: Final = 30.0  # of `appears_in`; the service searches for eight
LONGEST_QUERY: Final = 7_500
"""In characters. Servers refuse an address of more than some 8,000, the longest id included."""
OPTIONS: Final = frozenset(ListOptions.__annotations__)
Overrides = Iterable[Override | Fields | ArticleId]


# --- articles ---


def put(article: BaseModel | Fields, *, wait: bool) -> Call[Written]:
    """Store an article."""
    document = as_document(article)
    if document.get("id") is None:
        raise NotSendable("the article has no id, so it has no address; give it one")
    path = _path_of(str(document["id"]))
    return Call("PUT", path, _read_written, _waiting(wait=wait), as_json(document))


def patch(article_id: ArticleId, changes: Fields, *, wait: bool) -> Call[Written]:
    """Change some fields of an article."""
    body = as_json(as_fields(changes))
    path = _path_of(article_id)
    return Call("PATCH", path, _read_written, _waiting(wait=wait), body, MERGE_PATCH)


def get(article_id: ArticleId) -> Call[Article]:
    """An article as it was given."""
    return Call("GET", _path_of(article_id), reader_of(Article))


def delete(article_id: ArticleId, *, wait: bool) -> Call[Deleted]:
    """Delete an article."""
    return Call("DELETE", _path_of(article_id), _read_deleted, _waiting(wait=wait))


def status(article_id: ArticleId) -> Call[WriteStatus]:
    """How far the last write of an article has come."""
    return Call("GET", _path_of(article_id, "/status"), reader_of(WriteStatus))


def article_page(cursor: str | None, at_once: int) -> Call[ArticlePage]:
    """A page of all articles."""
    query = {"limit": str(at_once)} | ({} if cursor is None else {"cursor": cursor})
    return Call("GET", "/v1/articles", reader_of(ArticlePage), query)


def id_page(prefix: str, cursor: str | None, at_once: int) -> Call[IdPage]:
    """A page of the ids that begin with a prefix."""
    query = {"prefix": prefix, "limit": str(at_once)} | (
        {} if cursor is None else {"cursor": cursor}
    )
    return Call("GET", "/v1/article-ids", reader_of(IdPage), query)


# --- lists ---


def related(article_id: ArticleId, options: Mapping[str, object]) -> Call[RelatedList]:
    """The list under an article. A query too long for an address is sent as a body."""
    query, read = query_of(options), reader_of(RelatedList)
    if len(urlencode(query)) <= LONGEST_QUERY:
        return Call("GET", _path_of(article_id, "/related"), read, query)
    body = as_json({"article_id": as_id(article_id), **body_of(options)})
    return Call("POST", "/v1/related", read, body=body)


def related_html(article_id: ArticleId, options: Mapping[str, object]) -> Call[str]:
    """The list as HTML."""
    return Call("GET", _path_of(article_id, "/related.html"), _read_text, query_of(options))


def related_for_draft(
    draft: BaseModel | Fields, options: Mapping[str, object]
) -> Call[RelatedList]:
    """The list that a text would get."""
    fields = _with_overrides(as_document(draft))
    body = as_json({**fields, "options": body_of(options)} if options else fields)
    return Call("POST", "/v1/related", reader_of(RelatedList), body=body)


def related_like(
    like: Iterable[ArticleId], unlike: Iterable[ArticleId], options: Mapping[str, object]
) -> Call[RelatedList]:
    """The list that is like some articles and unlike others."""
    body = as_json({**_examples(like, unlike), **body_of(options)})
    return Call("POST", "/v1/related", reader_of(RelatedList), body=body)


def related_lists(requests: Iterable[ListRequest]) -> Call[RelatedLists]:
    """Lists for one page."""
    body = as_json({"requests": [_list_request(request) for request in requests]})
    return Call("POST", "/v1/related", reader_of(RelatedLists), body=body)


def appears_in(article_id: ArticleId) -> Call[AppearsIn]:
    """Where an article is listed now."""
    path = _path_of(article_id, "/appears-in")
    return Call("GET", path, reader_of(AppearsIn), seconds=SEARCH_SECONDS)


# --- pins and blocks ---


def pins(article_id: ArticleId) -> Call[PinsNow]:
    """The pins of an article."""
    return Call("GET", _path_of(article_id, "/pins"), reader_of(PinsNow))


def blocks(article_id: ArticleId) -> Call[BlocksNow]:
    """The blocks of an article."""
    return Call("GET", _path_of(article_id, "/blocks"), reader_of(BlocksNow))


def never(article_id: ArticleId) -> Call[DecisionNow]:
    """Whether an editor says that no list shows an article."""
    return Call("GET", _path_of(article_id, "/never"), reader_of(DecisionNow))


def no_list(article_id: ArticleId) -> Call[DecisionNow]:
    """Whether an editor says that no list stands under an article."""
    return Call("GET", _path_of(article_id, "/no-list"), reader_of(DecisionNow))


def set_pins(
    article_id: ArticleId, given: Overrides, by: str, *, seen: int | None, wait: bool
) -> Call[Written]:
    """Replace the pins of an article."""
    body = {"pins": [_override(one) for one in given], "by": by}
    return _set_override(article_id, "pins", body, seen, wait=wait)


def set_blocks(
    article_id: ArticleId, given: Overrides, by: str, *, seen: int | None, wait: bool
) -> Call[Written]:
    """Replace the blocks of an article."""
    body = {"blocks": [_override(one) for one in given], "by": by}
    return _set_override(article_id, "blocks", body, seen, wait=wait)


def set_never(
    article_id: ArticleId,
    why: str,
    by: str,
    *,
    starts_at: datetime | None,
    ends_at: datetime | None,
    seen: int | None,
    wait: bool,
) -> Call[Written]:
    """Say that no list shows an article."""
    body = _decision(why, by, starts_at, ends_at)
    return _set_override(article_id, "never", body, seen, wait=wait)


def set_no_list(
    article_id: ArticleId,
    why: str,
    by: str,
    *,
    starts_at: datetime | None,
    ends_at: datetime | None,
    seen: int | None,
    wait: bool,
) -> Call[Written]:
    """Say that no list stands under an article."""
    body = _decision(why, by, starts_at, ends_at)
    return _set_override(article_id, "no-list", body, seen, wait=wait)


def remove_pins(article_id: ArticleId, *, seen: int | None, wait: bool) -> Call[Deleted]:
    """Remove the pins of an article."""
    return _remove_override(article_id, "pins", seen, wait=wait)


def remove_blocks(article_id: ArticleId, *, seen: int | None, wait: bool) -> Call[Deleted]:
    """Remove the blocks of an article."""
    return _remove_override(article_id, "blocks", seen, wait=wait)


def remove_never(article_id: ArticleId, *, seen: int | None, wait: bool) -> Call[Deleted]:
    """Let lists show an article again."""
    return _remove_override(article_id, "never", seen, wait=wait)


def remove_no_list(article_id: ArticleId, *, seen: int | None, wait: bool) -> Call[Deleted]:
    """Let a list stand under an article again."""
    return _remove_override(article_id, "no-list", seen, wait=wait)


# --- the service ---


def readyz() -> Call[Readiness | NotReady]:
    """Whether there is something to answer from."""
    return Call("GET", "/readyz", _read_readiness, also=frozenset({NOT_READY}))


def audit_page(after: int, at_once: int) -> Call[AuditPage]:
    """A page of the audit log."""
    query = {"after": str(after), "limit": str(at_once)}
    return Call("GET", "/v1/audit", reader_of(AuditPage), query)


def _path_of(article_id: ArticleId, call: str = "") -> str:
    return f"/v1/articles/{as_id(article_id)}{call}"


def _waiting(*, wait: bool) -> dict[str, str]:
    return {"wait": "visible"} if wait else {}


def _list_request(request: ListRequest) -> dict[str, Any]:
    options = {name: one for name, one in request.items() if name in OPTIONS}
    rest = {name: one for name, one in request.items() if name not in OPTIONS}
    if "article_id" in request:
        rest["article_id"] = as_id(request["article_id"])
    if "options" in request:
        rest["options"] = body_of(request["options"])
    if "like" in request:
        rest |= _examples(request["like"], request.get("unlike", ()))
    if "options" in rest:
        rest["options"] = body_of(request["options"])
    return {**_with_overrides(as_fields(rest)), **body_of(options)}


def _with_overrides(fields: dict[str, object]) -> dict[str, object]:
    """Fields of a request; its pins and blocks may be ids alone."""
    given = {kind: one for kind in ("pins", "blocks") if isinstance(one := fields.get(kind), list)}
    return fields | {kind: [_override(one) for one in many] for kind, many in given.items()}


def _examples(like: Iterable[ArticleId], unlike: Iterable[ArticleId]) -> dict[str, object]:
    return {"like": [as_id(one) for one in like], "unlike": [as_id(one) for one in unlike]}


def _set_override(
    article_id: ArticleId, call: str, body: Fields, seen: int | None, *, wait: bool
) -> Call[Written]:
    return Call(
        "PUT",
        _path_of(article_id, f"/{call}"),
        _read_written,
        _waiting(wait=wait),
        as_json(as_fields(body)),
        headers=_condition(seen),
    )


def _remove_override(
    article_id: ArticleId, call: str, seen: int | None, *, wait: bool
) -> Call[Deleted]:
    path, headers = _path_of(article_id, f"/{call}"), _condition(seen)
    return Call("DELETE", path, _read_deleted, _waiting(wait=wait), headers=headers)


def _condition(seen: int | None) -> dict[str, str]:
    """What lets the service refuse if others have changed what was seen; None for any."""
    return {} if seen is None else {"If-Match": f'"{seen}"'}


def _decision(
    why: str, by: str, starts_at: datetime | None, ends_at: datetime | None
) -> dict[str, object]:
    times = {"starts_at": starts_at, "ends_at": ends_at}
    return {"why": why, "by": by} | {name: one for name, one in times.items() if one is not None}


def _override(given: Override | Fields | ArticleId) -> dict[str, object]:
    match given:
        case Override():
            return as_fields(given.model_dump(exclude_none=True))
        case Mapping():
            return as_fields(given)
        case _:
            return {"id": as_id(given)}


# --- reading answers ---


def _read_written(answer: httpx.Response) -> Written:
    return reader_of(Written)(answer).model_copy(update={"visible": _is_visible(answer)})


def _read_deleted(answer: httpx.Response) -> Deleted:
    return Deleted(visible=_is_visible(answer))


def _is_visible(answer: httpx.Response) -> bool:
    waited = answer.request.url.params.get("wait") == "visible"
    return waited and answer.status_code != ACCEPTED


def _read_text(answer: httpx.Response) -> str:
    return answer.text


def _read_readiness(answer: httpx.Response) -> Readiness | NotReady:
    if answer.status_code != NOT_READY:
        return reader_of(Readiness)(answer)
    return NotReady(detail=problem_of(answer).detail, retry_after=retry_after_of(answer))
