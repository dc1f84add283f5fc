"""The OpenAPI document matches the application, and the page matches the document."""

import json
import re
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any, cast

import jsonschema_rs
import pytest
import schemathesis
from flask.testing import FlaskClient
from lxml import html
from pydantic import TypeAdapter

from recommender.api import (
    AppearsIn,
    ArticlePage,
    AuditPage,
    BlocksNow,
    BulkAnswer,
    Health,
    PinsNow,
    Problem,
    Readiness,
    RelatedList,
    WriteStatus,
    Written,
)
from recommender.articles import Article, parse_article
from recommender.errors import InvalidArticle
from recommender.settings import Settings
from recommender.web.endpoints import description_of
from tests.support.archives import origin_of

Clients = Callable[..., FlaskClient]
Document = dict[str, Any]

OPENED_BY = {
    "front": {"lists"},
    "operator": {"admin"},
    "reader": {"lists", "read"},
    "writer": {"write"},
    None: set[str](),
}
NOT_OF_THE_API = {"/static/<path:filename>"}
NOT_OF_THE_API |= {"/", "/news/<language>", "/news/<language>/<path:section>"}
NOT_OF_THE_API |= {"/why/<article_id>", "/pictures/<path:section>/<seed>.svg"}


@pytest.fixture(scope="module")
def document(desk: FlaskClient) -> Document:
    found: Document = desk.get("/openapi.json").get_json()
    return found


def calls(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Every call of the document: method, path and description."""
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            yield method.upper(), path, call


def passes(document: Document, schema: Document, value: object) -> bool:
    """Whether a value passes a schema of the document."""
    return jsonschema_rs.is_valid(
        {"allOf": [schema], "components": document["components"]}, value, validate_formats=True
    )


def fields_of(document: Document) -> Iterator[tuple[str, Document]]:
    """Every field of a component, and every parameter and body of a call, by its place."""
    for name, component in document["components"]["schemas"].items():
        for field, schema in component.get("properties", {}).items():
            yield f"{name}.{field}", schema
    for _, _, call in calls(document):
        for one in call["parameters"]:
            shown = {"examples": [one["example"]], "description": one["description"]}
            yield f"{call['operationId']}({one['name']})", one["schema"] | shown
        for media, one in call.get("requestBody", {}).get("content", {}).items():
            shown = {"examples": [one["example"]], "description": media}
            yield f"{call['operationId']} {media}", one["schema"] | shown


def test_every_field_has_a_meaning_and_an_example_that_passes_its_schema(
    document: Document,
) -> None:
    """Write the meaning in the docstring of its class, the example in `openapi/examples.py`."""
    checked = 0
    for place, schema in fields_of(document):
        assert re.fullmatch(r"[A-Z0-9`].*[.:].*|application/.*", schema["description"]), place
        assert schema["examples"], place
        for example in schema["examples"]:
            assert passes(document, schema, example), (place, example)
        checked += 1
    assert checked > 200


def test_every_component_operation_answer_and_tag_is_described(document: Document) -> None:
    assert all(one["description"] for one in document["components"]["schemas"].values())
    tags = [tag["name"] for tag in document["tags"]]
    assert all(tag["description"] for tag in document["tags"])
    for method, path, call in calls(document):
        assert call["summary"].endswith("."), (method, path)
        assert call["description"].endswith("."), (method, path)
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", call["operationId"]), (method, path)
        assert len(call["tags"]) == 1
        assert set(call["tags"]) <= set(tags)
        assert all(one["description"] for one in call["responses"].values())


def test_generators_meet_no_form_that_some_of_them_cannot_read(document: Document) -> None:
    """No rule beside fields, no words without a component, no field that is always there by a
    default, no null that is never sent, no look-ahead."""
    schemas = document["components"]["schemas"]
    for name in ("Article", "AddressedArticle", "ArticlePatch", "RelatedRequest"):
        assert schemas[name].keys() <= {
            *("type", "description", "properties", "required", "additionalProperties")
        }
    words = {name for name, one in schemas.items() if "enum" in one}
    assert words >= {"Mode", "Reason", "ShortBecause", "WriteResult", "Status"}
    assert "(?" not in json.dumps(document)
    for name, schema in schemas.items():
        for field, one in schema.get("properties", {}).items():
            assert one.keys().isdisjoint({"enum", "default", "title"}), (name, field)
    assert schemas["BulkItem"]["properties"]["change"]["type"] == "integer"
    assert schemas["Item"]["properties"]["url"]["type"] == ["string", "null"]


def test_numbers_are_numbers_also_in_a_query(document: Document) -> None:
    kinds = {
        one["name"]: one["schema"].get("type")
        for _, _, call in calls(document)
        for one in call["parameters"]
    }
    assert {name for name, kind in kinds.items() if kind == "number"} == {"diversity", "min_score"}
    whole = {"after", "heading_level", "images", "labels", "limit", "offset", "presentation"} | {
        "stylesheet"
    }
    assert {name for name, kind in kinds.items() if kind == "integer"} == whole


def test_the_document_describes_every_route_and_nothing_else(
    desk: FlaskClient, document: Document
) -> None:
    """Whoever adds a route describes it."""
    app = desk.application
    served = set()
    for rule in app.url_map.iter_rules():
        if rule.rule in NOT_OF_THE_API or rule.endpoint.startswith("console."):
            continue
        assert description_of(app.view_functions[rule.endpoint]) is not None, rule.rule
        path = rule.rule.replace("<", "{").replace(">", "}")
        served |= {(method, path) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert {(method, path) for method, path, _ in calls(document)} == served


def test_the_document_is_valid_openapi_31(document: Document) -> None:
    schemathesis.openapi.from_dict(document).validate()
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == version("read-also")
    names = [call["operationId"] for _, _, call in calls(document)]
    assert len(names) == len(set(names))


def test_every_reference_leads_to_a_schema(document: Document) -> None:
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert named <= document["components"]["schemas"].keys()


def test_a_call_accepts_the_keys_that_the_document_names(
    client_of: Clients, own_desk: Settings, document: Document
) -> None:
    """Each call is tried without a key and with keys; `test_auth.py` says which scope is right."""
    clients = {key: client_of(own_desk, key) for key in OPENED_BY}
    for method, path, call in calls(document):
        address = path.replace("{article_id}", "harbour-2")
        scope = call.get("x-scope")
        assert bool(call["security"]) is (scope is not None), address
        for key, client in clients.items():
            origin = origin_of(path)
            answer = client.open(f"{address}?no_such=1", method=method, environ_overrides=origin)
            status = answer.status_code
            if scope is None or scope in OPENED_BY[key]:
                assert status == 400, (method, address, key)
            else:
                assert status == (401 if key is None else 403), (method, address, key)


def test_the_document_and_the_page_are_public_and_hold_no_secret(
    client_of: Clients, desk_settings: Settings, secrets: dict[str, str]
) -> None:
    stranger = client_of(desk_settings, None)
    for path in ("/openapi.json", "/docs", "/v1/docs.css", "/v1/docs.js"):
        answer = stranger.get(path)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        assert not any(secret in answer.text for secret in secrets.values())
        assert str(desk_settings.data_dir) not in answer.text


def test_every_503_says_when_to_ask_again(document: Document) -> None:
    for method, path, call in calls(document):
        if "503" in call["responses"]:
            assert "Retry-After" in call["responses"]["503"]["headers"], (method, path)


def test_a_call_with_a_body_documents_the_answers_to_a_bad_one(document: Document) -> None:
    with_body = {call["operationId"] for _, _, call in calls(document) if "requestBody" in call}
    assert with_body >= {"putArticle", "patchArticle", "bulkWrite"}
    for _, _, call in calls(document):
        if "requestBody" in call:
            assert {"400", "411", "413", "422"} <= call["responses"].keys()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "a\x00b"),
        ("title", "t" * 2_000),
        ("title", "t" * 2_001),
        ("id", ".."),
        ("id", "..."),
        ("id", "a b"),
        ("id", "x" * 201),
        ("translation_of", "."),
        ("section", ""),
        ("section", "  "),
        ("section", " city "),
        ("url", "ftp://x.example/"),
        ("url", "https://x.example/a"),
        ("url", "https://"),
        ("language", "zh-Hans-CN"),
        ("language", "e"),
        ("language", None),
        ("status", "live"),
        ("status", "draft"),
    ],
)
def test_the_schema_of_an_article_accepts_what_the_api_accepts(
    document: Document, field: str, value: object
) -> None:
    schema = document["components"]["schemas"]["Article"]["properties"][field]
    try:
        parse_article(json.dumps({"id": "a", "title": "T"} | {field: value}))
        taken = True
    except InvalidArticle:
        taken = False
    assert passes(document, schema, value) is taken


def without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one not in (None, [], 0)}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


def test_answers_hold_every_documented_field_and_no_other(
    client: FlaskClient, secrets: dict[str, str]
) -> None:
    """Each answer is read as its type and written again: nothing is lost: all is documented."""
    path = "/v1/articles/harbour-2"
    pinned = {"pins": [{"id": "harbour-3", "why": "w"}], "by": "m"}
    operator = f"Bearer {secrets['operator']}"
    answers: list[tuple[Any, Any]] = [
        (RelatedList, client.get(f"{path}/related?explain=all&limit=3")),
        (Article, client.get(path)),
        (ArticlePage, client.get("/v1/articles?limit=3")),
        (WriteStatus, client.get(f"{path}/status")),
        (Written, client.patch(path, json={"section": "x"})),
        (Written, client.put("/v1/articles/new", json={"title": "A"})),
        (BulkAnswer, client.post("/v1/bulk", data=b'{"id": "b", "title": "B"}\n{"id": 1}\n')),
        (Written, client.put(f"{path}/pins", json=pinned)),
        (PinsNow, client.get(f"{path}/pins")),
        (BlocksNow, client.get(f"{path}/blocks")),
        (AppearsIn, client.get(f"{path}/appears-in")),
        (AuditPage, client.get("/v1/audit", headers={"Authorization": operator})),
        (Health, client.get("/healthz")),
        (Readiness, client.get("/readyz")),
        (Problem, client.put(path, json={"title": 5})),
    ]
    for model, answer in answers:
        adapter: TypeAdapter[Any] = TypeAdapter(model)
        short = model in {Article, ArticlePage}  # these leave out what is default
        again = adapter.dump_python(
            adapter.validate_json(answer.data), mode="json", exclude_defaults=short
        )
        assert without_nulls(again) == without_nulls(answer.get_json()), model


def found(page: bytes, path: str) -> list[str]:
    """The results of an XPath in a page, as text."""
    return [str(one) for one in cast("list[object]", html.document_fromstring(page).xpath(path))]


def test_the_page_loads_and_runs_nothing_but_its_own_style_and_script(desk: FlaskClient) -> None:
    answer = desk.get("/docs")
    assert answer.content_type == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'; ")
    assert "unsafe" not in policy
    page = answer.data
    inline = "//script[text()] | //style | //@style | //@*[starts-with(name(), 'on')]"
    assert found(page, f"{inline} | //iframe | //img | //form/@action") == []
    assert found(page, "//@src | //link/@href") == ["/v1/docs.css", "/v1/docs.js"]
    assert desk.get("/v1/docs.css").content_type == "text/css; charset=utf-8"
    assert desk.get("/v1/docs.js").content_type == "text/javascript; charset=utf-8"
    assert "url(" not in desk.get("/v1/docs.css").text
    for store in ("Storage", "cookie", "indexedDB", "innerHTML"):
        assert store not in desk.get("/v1/docs.js").text


def test_the_page_has_every_call_and_schema_and_its_links_lead_to_them(
    desk: FlaskClient, document: Document
) -> None:
    page = desk.get("/docs").data
    places = found(page, "//@id")
    assert len(places) == len(set(places))
    named = {one["operationId"] for _, _, one in calls(document)}
    assert named | document["components"]["schemas"].keys() <= set(places)
    inside = {link[1:] for link in found(page, "//a/@href") if link.startswith("#")}
    assert inside <= set(places)


def test_the_page_has_landmarks_and_headings(desk: FlaskClient) -> None:
    """A language, a title, one first heading, named regions, and headers of rows and columns."""
    page = desk.get("/docs").data
    assert found(page, "/html/@lang") == ["en"]
    assert len(found(page, "//h1")) == len(found(page, "//main")) == 1
    assert found(page, "//title/text()")[0].startswith("Read Also ")
    assert found(page, "//section[not(@aria-labelledby)] | //nav[not(@aria-label)]") == []
    assert found(page, "//table[not(caption)] | //th[not(@scope)]") == []
    assert found(page, "//a[@class='skip']/@href") == ["#calls"]
