"""The OpenAPI document of an application, made from its routes and what is told beside them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from flask import Flask
from werkzeug.routing import Rule

from recommender.api import Problem
from recommender.articles import ID_SCHEMA
from recommender.web.endpoints import Content, Description, description_of, scope_of
from recommender.web.schemas import Schemas, query_schemas

__all__ = ["document_of"]

Document = dict[str, Any]

GUARDED: Final = (401, 403, 503)
WITH_A_BODY: Final = (411, 413, 422)
PROBLEM_MEDIA: Final = "application/problem+json"
RETRY_AFTER: Final = {
    "Retry-After": {
        "description": "Seconds after which to ask again.",
        "required": True,
        "schema": {"type": "integer"},
    }
}
ABOUT: Final = (
    "Related articles for newsrooms. A key is sent as `Authorization: Bearer` or `X-API-Key`; "
    "without a write key there is no write API. Times are RFC 3339, JSON is UTF-8. Errors are "
    "problem documents (RFC 9457)."
)
KEYS: Final = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one address, as its view describes it."""

    method: str
    path: str
    name: str
    group: str
    scope: str | None
    takes_id: bool
    description: Description


def document_of(app: Flask) -> Document:
    """The document of all that an application serves and describes."""
    calls = sorted(_calls(app), key=_place)
    schemas = Schemas.of([*_models(calls), Problem])
    paths: dict[str, Document] = {}
    for call in calls:
        paths.setdefault(call.path, {})[call.method] = _operation(call, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Read Also", "version": version("read-also"), "description": ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas.components, "securitySchemes": KEYS},
    }


def _place(call: Call) -> tuple[bool, str, str]:
    """The calls of a CMS before those of an operator."""
    return not call.path.startswith("/v1/"), call.path, call.method


def _calls(app: Flask) -> Iterator[Call]:
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        described = description_of(view)
        if described is None:
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield _call(rule, method.lower(), view, described)


def _call(rule: Rule, method: str, view: Callable[..., object], described: Description) -> Call:
    return Call(
        method=method,
        path=rule.rule.replace("<", "{").replace(">", "}"),
        name=rule.endpoint.replace(".", "_"),
        group=rule.endpoint.partition(".")[0],
        scope=scope_of(view),
        takes_id=bool(rule.arguments),
        description=described,
    )


def _models(calls: list[Call]) -> Iterator[object]:
    for call in calls:
        if call.description.body is not None:
            yield call.description.body.model
        for answer in call.description.answers.values():
            if answer is not None and not isinstance(answer, Content):
                yield answer


def _operation(call: Call, schemas: Schemas) -> Document:
    told = call.description
    operation: Document = {
        "operationId": call.name,
        "tags": [call.group],
        "summary": told.summary,
        "parameters": [*_path_parameters(call), *_query_parameters(call)],
        "responses": {str(status): one for status, one in sorted(_answers(call, schemas).items())},
        "security": [{name: []} for name in KEYS] if call.scope else [],
    }
    if call.scope:
        operation["x-scope"] = call.scope
    if told.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {media: schemas.sent(told.body, media) for media in told.body.media},
        }
    return operation


def _path_parameters(call: Call) -> Iterator[Document]:
    if call.takes_id:
        yield {
            "name": "article_id",
            "in": "path",
            "required": True,
            "description": "The id of an article.",
            "schema": {"type": "string", **ID_SCHEMA},
        }


def _query_parameters(call: Call) -> Iterator[Document]:
    if call.description.query is None:
        return
    for name, schema, meaning in query_schemas(call.description.query):
        yield {"name": name, "in": "query", "description": meaning, "schema": schema}


def _answers(call: Call, schemas: Schemas) -> dict[int, Document]:
    told = call.description
    refusals = {400, *told.problems}
    refusals |= {*GUARDED} if call.scope else set()
    refusals |= {*WITH_A_BODY} if told.body is not None else set()
    answers = {status: _refusal(status, schemas) for status in refusals}
    return answers | {status: _answer(status, one, schemas) for status, one in told.answers.items()}


def _answer(status: int, answer: object, schemas: Schemas) -> Document:
    said: Document = {"description": HTTPStatus(status).phrase}
    match answer:
        case None:
            return said
        case Content(media=media):
            return said | {"content": {media: {"schema": {"type": "string"}}}}
        case _:
            return said | {"content": {"application/json": {"schema": schemas.given(answer)}}}


def _refusal(status: int, schemas: Schemas) -> Document:
    said: Document = {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM_MEDIA: {"schema": schemas.given(Problem)}},
    }
    return said | ({"headers": RETRY_AFTER} if status == HTTPStatus.SERVICE_UNAVAILABLE else {})
