"""The OpenAPI document, made from the routes and their descriptions, and the page that shows it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final, Self, cast

from flask import Blueprint, Flask, Response, current_app, jsonify, make_response, render_template
from pydantic import TypeAdapter
from werkzeug.routing import Rule

from recommender.api import Options, Problem
from recommender.articles import ID_SCHEMA, Article
from recommender.release import RELEASE
from recommender.web.endpoints import (
    Body,
    Description,
    NonJsonAnswer,
    described,
    description_of,
    parameters_of,
    scope_of,
)

__all__ = ["document_of", "manual"]

manual = Blueprint("manual", __name__, template_folder="templates")
DOCUMENT: Final = "read-also-openapi"
CACHED: Final = "public, max-age=300"
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
Document = dict[str, Any]

GUARDED: Final = (401, 403, 429, 503)
TRY_AGAIN: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
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
REFERENCE: Final = "#/components/schemas/{model}"
ADDRESSED: Final = "AddressedArticle"
"""An article as a body whose address names the id."""
PATCH: Final = "ArticlePatch"
LINES: Final = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one address, as its view describes it."""

    method: str
    path: str
    scope: str | None
    takes_id: bool
    description: Description


@dataclass(frozen=True, slots=True)
class Schemas:
    """The schemas by type; those with a name become the components of the document."""

    components: Document
    _of: dict[str, Document]

    @classmethod
    def of(cls, models: Iterable[object]) -> Self:
        """The schemas of types that pydantic knows."""
        adapters = {str(one): TypeAdapter(cast("type[Any]", one)) for one in models}
        found, shared = TypeAdapter.json_schemas(
            [(name, "validation", adapter) for name, adapter in adapters.items()],
            ref_template=REFERENCE,
        )
        components = shared.get("$defs", {})
        if Article.__name__ in components:
            components[PATCH] = _patch(components[Article.__name__])
            components[ADDRESSED] = _addressed(components[Article.__name__])
        return cls(components, {name: schema for (name, _), schema in found.items()})

    def of_answer(self, model: object) -> Document:
        """The schema of an answer."""
        return self._of[str(model)]

    def of_body(self, body: Body, media: str) -> Document:
        """The content of a body of a media type."""
        if body.model is Article:
            name = PATCH if body.partial else ADDRESSED
            return {"schema": {"$ref": REFERENCE.format(model=name)}}
        schema = self.of_answer(body.model)
        if media == LINES:
            about = "One JSON object a line; the schema of a line is `x-line`."
            return {"schema": {"type": "string", "description": about, "x-line": schema}}
        return {"schema": schema}


@manual.get("/openapi.json")
@described("manual_openapi", "This API as an OpenAPI document.", answers={200: dict[str, object]})
def openapi() -> Response:
    """The document that this application answers to."""
    response = jsonify(_document())
    response.headers["Cache-Control"] = CACHED
    return response


@manual.get("/docs")
@described(
    "manual_docs", "This API as a page.", answers={200: NonJsonAnswer("text/html; charset=utf-8")}
)
def docs() -> Response:
    """The same document as a page for people. The page loads only its style."""
    response = make_response(render_template("manual.html", api=_document()))
    response.headers["Cache-Control"] = CACHED
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


@manual.get("/docs.css")
@described(
    "manual_style",
    "The style of that page.",
    answers={200: NonJsonAnswer("text/css; charset=utf-8")},
)
def style() -> Response:
    """The style of the page."""
    text = (files("recommender.web") / "static" / "manual.css").read_bytes()
    response = Response(text, content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = CACHED
    return response


def _document() -> dict[str, Any]:
    """The document of this application. It is made at the first request, when all routes exist."""
    extensions = current_app.extensions
    if DOCUMENT not in extensions:
        extensions[DOCUMENT] = document_of(current_app)
    document: Document = extensions[DOCUMENT]
    return document


def document_of(app: Flask) -> Document:
    """The document of all that an application serves and describes."""
    calls = sorted(_calls(app), key=_place)
    schemas = Schemas.of([*_models(calls), Problem])
    paths: dict[str, Document] = {}
    for call in calls:
        paths.setdefault(call.path, {})[call.method] = _operation(call, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Read Also", "version": RELEASE, "description": ABOUT},
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
        scope=scope_of(view),
        takes_id=bool(rule.arguments),
        description=described,
    )


def _models(calls: list[Call]) -> Iterator[object]:
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
        "tags": [description.operation.partition("_")[0]],
        "summary": description.summary,
        "parameters": [*_path_parameters(call), *_query_parameters(call)],
        "responses": {str(status): one for status, one in sorted(_answers(call, schemas).items())},
        "security": [{name: []} for name in KEYS] if call.scope else [],
    }
    if call.scope:
        operation["x-scope"] = call.scope
    if description.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {
                media: schemas.of_body(description.body, media) for media in description.body.media
            },
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
    description = call.description
    refusals = {400, *description.problems}
    refusals |= {*GUARDED} if call.scope else set()
    refusals |= {*WITH_A_BODY} if description.body is not None else set()
    answers = {status: _refusal(status, schemas) for status in refusals}
    return answers | {
        status: _answer(status, one, schemas) for status, one in description.answers.items()
    }


def _answer(status: int, answer: object, schemas: Schemas) -> Document:
    said: Document = {"description": HTTPStatus(status).phrase}
    match answer:
        case None:
            return said
        case NonJsonAnswer(media=media):
            return said | {"content": {media: {"schema": {"type": "string"}}}}
        case _:
            return said | {"content": {"application/json": {"schema": schemas.of_answer(answer)}}}


def _refusal(status: int, schemas: Schemas) -> Document:
    said: Document = {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM_MEDIA: {"schema": schemas.of_answer(Problem)}},
    }
    return said | ({"headers": RETRY_AFTER} if status in TRY_AGAIN else {})


def query_schemas(options: type[Options]) -> Iterator[tuple[str, Document, str]]:
    """Of each parameter of a query: its name, the schema of its text, and its meaning."""
    fields = options.model_json_schema()["properties"]
    for name, parameter in parameters_of(options).items():
        field = fields[name]
        meaning = field.pop("description")
        yield name, dict(parameter.schema or _plain(field)), meaning


def _plain(field: Document) -> Document:
    """The schema of a value that may be left out, without its name and without null."""
    kept = {name: rule for name, rule in field.items() if name not in {"title", "anyOf"}}
    if "anyOf" in field:
        del kept["default"]
        kept = field["anyOf"][0] | kept
    return kept


def _addressed(article: Document) -> Document:
    """The schema of an article without its id."""
    required = [name for name in article["required"] if name != "id"]
    return article | {"required": required, "title": ADDRESSED}


def _patch(article: Document) -> Document:
    """The schema of what changes an article: any of its fields, and null for one to remove."""
    fields = {
        name: one if "anyOf" in one else {"anyOf": [one, {"type": "null"}]}
        for name, one in article["properties"].items()
    }
    kept = {name: one for name, one in article.items() if name not in {"required", "anyOf"}}
    return kept | {"title": PATCH, "properties": fields}
