"""The OpenAPI document, made from the routes and their descriptions."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from flask import Flask
from werkzeug.routing import Rule

from recommender.api import Options, Problem, without_null
from recommender.id_grammar import ID_SCHEMA
from recommender.release import RELEASE
from recommender.web.endpoints import (
    Body,
    Description,
    NonJsonAnswer,
    description_of,
    parameters_of,
    scope_of,
)
from recommender.web.openapi.examples import BODIES, examples_of
from recommender.web.openapi.schemas import Document, Schemas, simplify

__all__ = ["GROUPS", "document_of", "query_schemas"]

GUARDED: Final = (401, 403, 429, 503)
TRY_AGAIN: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
WITH_A_BODY: Final = (411, 413, 422)
CONDITION_FAILED: Final = 412
JSON: Final = "application/json"
PROBLEM_MEDIA: Final = "application/problem+json"
RETRY_AFTER: Final = {
    "Retry-After": {
        "description": "Seconds after which to ask again.",
        "required": True,
        "schema": {"type": "integer"},
        "example": 5,
    }
}
ABOUT: Final = (
    "Related articles for newsrooms. A key is sent as `Authorization: Bearer` or `X-API-Key`; "
    "without a write key there is no write API. Times are RFC 3339, JSON is UTF-8. Errors are "
    "problem documents (RFC 9457)."
)
KEYS: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The secret of a key."},
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The secret of a key.",
    },
}
MEANINGS: Final = {
    200: "Done.",
    201: "Stored for the first time.",
    202: "Stored, but it does not show in every worker of the machine yet.",
    204: "Done.",
    304: "It is as the `ETag` says that was sent.",
    400: "A parameter or the id is not acceptable, or the body ended too soon.",
    401: "There is no key, or an unknown one.",
    403: "The key does not have the scope, or there is no write API.",
    404: "It was never stored, or may not be seen.",
    409: "A newer version is stored.",
    410: "The article was deleted.",
    411: "The body has no `Content-Length`.",
    412: "Somebody else has changed it since the state that `If-Match` names; nothing is done.",
    413: "The body is too large.",
    415: "The body has another media type.",
    422: "The body is not JSON, or breaks the contract; every field is named.",
    429: "Too many requests; `Retry-After` says when to ask again.",
    501: "This deployment cannot answer that: its archive is in a Milvus server.",
    503: "A part is away or busy, or nothing is built yet; `Retry-After` says when to ask again.",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Operations that serve one purpose.

    Attributes:
        name: their tag.
        purpose: what one wants to do with them.
        blueprints: where their views are, in the order of the manual.
    """

    name: str
    purpose: str
    blueprints: tuple[str, ...]


GROUPS: Final = (
    Group(
        "Articles",
        "Tell the service what the newsroom publishes, changes and takes down.",
        ("articles", "bulk", "statuses"),
    ),
    Group(
        "Lists",
        "Get the list under a story: as JSON, as HTML, for a draft, several for one page.",
        ("lists", "fragment", "assets", "reader"),
    ),
    Group(
        "Editors' choices",
        "Put an article first in a list, or keep it out of one.",
        ("overrides",),
    ),
    Group("Keys and audit", "See who changed what.", ("audit",)),
    Group("Operation", "Watch the service.", ("operations",)),
    Group("This manual", "Read about this API.", ("manual",)),
)
"""In the order in which the manual shows them."""
_GROUP_OF: Final = {blueprint: group for group in GROUPS for blueprint in group.blueprints}


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one address, as its view describes it."""

    method: str
    path: str
    blueprint: str
    scope: str | None
    takes_id: bool
    line: int
    about: str
    description: Description

    @property
    def group(self) -> Group:
        """What it is for."""
        return _GROUP_OF[self.blueprint]

    @property
    def place(self) -> tuple[int, int, int, str]:
        """Where it stands in the document: by purpose, then as the code has it."""
        order = self.group.blueprints.index(self.blueprint)
        return GROUPS.index(self.group), order, self.line, self.path


def document_of(app: Flask) -> Document:
    """The document of all that an application serves and describes."""
    calls = sorted(_calls(app), key=lambda call: call.place)
    schemas = Schemas.of([*_models(calls), Problem])
    paths: dict[str, Document] = {}
    for call in calls:
        paths.setdefault(call.path, {})[call.method] = _operation(call, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Read Also",
            "version": RELEASE,
            "description": ABOUT,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This service."}],
        "tags": [{"name": one.name, "description": one.purpose} for one in GROUPS],
        "paths": paths,
        "components": {"schemas": schemas.components, "securitySchemes": KEYS},
    }


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
        blueprint=rule.endpoint.partition(".")[0],
        scope=scope_of(view),
        takes_id=bool(rule.arguments),
        line=inspect.unwrap(view).__code__.co_firstlineno,
        about=inspect.cleandoc(view.__doc__ or "").partition("\n\nRaises:")[0],
        description=described,
    )


def _models(calls: Iterable[Call]) -> Iterator[object]:
    for call in calls:
        if call.description.body is not None:
            yield call.description.body.model
        for answer in call.description.answers.values():
            if answer is not None and not isinstance(answer, NonJsonAnswer):
                yield answer


def _operation(call: Call, schemas: Schemas) -> Document:
    description = call.description
    operation: Document = {
        "operationId": description.operation,
        "tags": [call.group.name],
        "summary": description.summary,
        "description": call.about,
        "parameters": [
            *_path_parameters(call),
            *_query_parameters(call),
            *_header_parameters(call),
        ],
        "responses": {str(status): one for status, one in sorted(_answers(call, schemas).items())},
        "security": [{name: []} for name in KEYS] if call.scope else [],
    }
    if call.scope:
        operation["x-scope"] = call.scope
    if description.body is not None:
        operation["requestBody"] = _body(description.operation, description.body, schemas)
    return operation


def _body(operation: str, body: Body, schemas: Schemas) -> Document:
    schema = schemas.of_body(body)
    content: Document = {"schema": schema}
    if operation in BODIES:
        content["example"] = BODIES[operation]
    found: Document = {"required": True, "content": dict.fromkeys(body.media, content)}
    if body.lines is not None:
        found["description"] = f"A list; or its members as lines, with the type `{body.lines}`."
        found["x-lines"] = {body.lines: schema["items"]}
    return found


def _path_parameters(call: Call) -> Iterator[Document]:
    if call.takes_id:
        yield {
            "name": "article_id",
            "in": "path",
            "required": True,
            "description": "The id of an article.",
            "schema": {"type": "string", **ID_SCHEMA},
            **_shown("article_id"),
        }


def _query_parameters(call: Call) -> Iterator[Document]:
    if call.description.query is None:
        return
    for name, schema, meaning in query_schemas(call.description.query):
        yield {
            "name": name,
            "in": "query",
            "description": meaning,
            "schema": schema,
            **_shown(name),
        }


def _header_parameters(call: Call) -> Iterator[Document]:
    if CONDITION_FAILED in call.description.problems:
        yield {
            "name": "If-Match",
            "in": "header",
            "description": "The `ETag` of what is to be replaced, as `GET` and `PUT` answer it. "
            "Without it anything is replaced.",
            "schema": {"type": "string"},
            **_shown("if_match"),
        }


def _shown(parameter: str) -> Document:
    """An example of a parameter."""
    return dict(zip(["example"], examples_of("query", parameter), strict=False))


def _answers(call: Call, schemas: Schemas) -> dict[int, Document]:
    description = call.description
    refusals = {400, *description.problems}
    refusals |= {*GUARDED} if call.scope else set()
    refusals |= {*WITH_A_BODY} if description.body is not None else set()
    answers = {status: _refusal(status, schemas) for status in refusals}
    return answers | {
        status: _answer(status, one, schemas) for status, one in description.answers.items()
    }


def _answer(status: int, answer: object, schemas: Schemas) -> Document:
    said: Document = {"description": MEANINGS[status]}
    match answer:
        case None:
            return said
        case NonJsonAnswer(media=media):
            return said | {"content": {media: {"schema": {"type": "string"}}}}
        case _:
            return said | {"content": {JSON: {"schema": schemas.of_answer(answer)}}}


def _refusal(status: int, schemas: Schemas) -> Document:
    said: Document = {
        "description": MEANINGS[status],
        "content": {PROBLEM_MEDIA: {"schema": schemas.of_answer(Problem)}},
    }
    return said | ({"headers": RETRY_AFTER} if status in TRY_AGAIN else {})


def query_schemas(options: type[Options]) -> Iterator[tuple[str, Document, str]]:
    """Of each parameter of a query: its name, the schema of its text, and its meaning."""
    fields = options.model_json_schema()["properties"]
    for name, parameter in parameters_of(options).items():
        schema: Any = parameter.schema or without_null(fields[name])
        kept = {rule: one for rule, one in simplify(dict(schema)).items() if rule != "description"}
        yield name, kept, fields[name]["description"]
