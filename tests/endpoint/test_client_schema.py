"""The Python client knows every call, option and field of the service's OpenAPI document.

If a test here fails, the API has changed: change `clients/python/read_also_client` with it.
"""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import BaseModel

import read_also_client
from read_also_client import (
    AsyncClient,
    Client,
    answers,
    articles,
    calls,
    errors,
    list_answers,
    loads,
)
from read_also_client.exchange import Call
from read_also_client.options import (
    FragmentOptions,
    ListRequest,
    ShownListOptions,
)

Document = dict[str, Any]
MODELS: dict[str, type[BaseModel]] = {
    name: model
    for module in (answers, list_answers, articles, errors)
    for name, model in inspect.getmembers(module, inspect.isclass)
    if issubclass(model, BaseModel) and model is not BaseModel
}
ADDED = {"Written": {"visible"}, "Readiness": {"ready"}}
"""What the client makes of the status."""
MADE_HERE = {"Answer", "Deleted", "NotReady"}
"""Models of answers that have no JSON of their own."""
LIKE_ANOTHER = {"hidden_because"}
"""A field whose words are named where another model has them: `Dropped.rule`."""
FOR_OTHERS = {
    "get /healthz",  # for a supervisor; `readyz` says more
    "get /metrics",  # for Prometheus
    "get /read/ID",  # of the demonstration
    "get /docs",
    "get /v1/docs.css",
    "get /v1/docs.js",
    "get /openapi.json",
    "get /v1/read-also.js",  # for browsers
    "get /v1/read-also.css",
}
CALLS: list[Call[Any]] = [
    calls.put({"id": "ID"}, wait=True),
    calls.patch("ID", {}, wait=True),
    calls.get("ID"),
    calls.delete("ID", wait=True),
    calls.status("ID"),
    calls.article_page("c", 5),
    calls.id_page("wp:", "c", 5),
    calls.related("ID", {}),
    calls.related_html("ID", {}),
    calls.related_for_draft({}, {}),
    calls.related_like([], [], {}),
    calls.related_lists([]),
    calls.appears_in("ID"),
    calls.pins("ID"),
    calls.blocks("ID"),
    calls.set_pins("ID", [], "", seen=None, wait=True),
    calls.set_blocks("ID", [], "", seen=1, wait=True),
    calls.remove_pins("ID", seen=1, wait=True),
    calls.remove_blocks("ID", seen=None, wait=True),
    *(get("ID") for get in (calls.never, calls.no_list)),
    *(
        put("ID", "", "", starts_at=None, ends_at=None, seen=1, wait=True)
        for put in (calls.set_never, calls.set_no_list)
    ),
    *(remove("ID", seen=1, wait=True) for remove in (calls.remove_never, calls.remove_no_list)),
    calls.readyz(),
    calls.audit_page(0, 5),
    loads.load_of([]),
]


@pytest.fixture(scope="module")
def document(desk: FlaskClient) -> Document:
    """The document, with the schemas of words such as `Reason` in the place of their names."""
    found: Document = desk.get("/openapi.json").get_json()
    schemas = found["components"]["schemas"]
    words = {f"#/components/schemas/{name}": one for name, one in schemas.items() if "enum" in one}
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            for one in (field, *field.get("anyOf", ())):
                if one.get("$ref") in words:
                    one.update(words[one.pop("$ref")])
    return found


@pytest.fixture(scope="module")
def operations(document: Document) -> dict[str, Document]:
    """By method and path, with the name of its parameter left out."""
    return {
        f"{method} {path.replace('{article_id}', 'ID')}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def name_of(call: Call[Any]) -> str:
    return f"{call.method.lower()} {call.path}"


@pytest.mark.long
def test_there_is_a_method_for_every_call(operations: dict[str, Document]) -> None:
    assert {name_of(call) for call in CALLS} == operations.keys() - FOR_OTHERS
    makers = {name for name in calls.__all__ if not name.endswith("_page")}
    iterators = {"articles", "article_ids", "audit", "bulk"}
    assert makers | iterators | {"close"} == methods_of(Client).keys()


@pytest.mark.parametrize("call", CALLS, ids=name_of)
def test_a_call_has_only_parameters_and_a_type_that_the_service_takes(
    operations: dict[str, Document], call: Call[Any]
) -> None:
    operation = operations[name_of(call)]
    known = {one["name"] for one in operation["parameters"] if one["in"] == "query"}
    assert call.query.keys() <= known
    headers = {one["name"] for one in operation["parameters"] if one["in"] == "header"}
    assert call.headers.keys() <= headers
    assert (call.body is None) == ("requestBody" not in operation)
    body = operation.get("requestBody", {})
    assert call.body is None or call.media in body["content"] | body.get("x-lines", {})


@pytest.mark.parametrize(
    ("operation", "options"),
    [
        ("get /v1/articles/ID/related", ShownListOptions),
        ("get /v1/articles/ID/related.html", FragmentOptions),
    ],
)
def test_every_option_of_a_list_is_a_keyword(
    operations: dict[str, Document], operation: str, options: type[Any]
) -> None:
    parameters = operations[operation]["parameters"]
    known = {one["name"] for one in parameters if one["in"] == "query"}
    in_html = options is FragmentOptions
    assert options.__annotations__.keys() - ({"explain", "fields"} if in_html else set()) == known


def test_a_list_of_a_page_has_the_fields_of_the_document(document: Document) -> None:
    theirs = document["components"]["schemas"]["RelatedRequest"]["properties"]
    assert ListRequest.__annotations__.keys() == theirs.keys()


def referred(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for one in schema.values():
            yield from referred(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from referred(one)


def test_every_answer_is_a_model(document: Document, operations: dict[str, Document]) -> None:
    components = document["components"]["schemas"]
    called = {name_of(call) for call in CALLS}
    new = {
        name
        for operation, described in operations.items()
        for name in referred(described["responses"])
        if operation in called
    }
    answered: set[str] = set()
    while new:
        answered |= new
        new = {one for name in new for one in referred(components[name])} - answered
    assert answered == MODELS.keys() - MADE_HERE - {"Override"}


@pytest.mark.parametrize("name", sorted(MODELS.keys() - MADE_HERE))
def test_a_model_has_the_fields_of_the_document(document: Document, name: str) -> None:
    """What a release of the service does not answer yet may have a default in the client."""
    theirs = document["components"]["schemas"][name]
    ours = MODELS[name].model_json_schema()
    required = set(ours.get("required", ()))
    known = ours["properties"].keys() - ADDED.get(name, set())
    assert required <= set(theirs.get("required", ()))
    assert {field: types_in(ours, field, required) for field in known} == {
        field: types_in(theirs, field, required) for field in theirs["properties"]
    }


@pytest.mark.parametrize("name", sorted(MODELS.keys() - MADE_HERE))
def test_a_model_names_the_words_that_a_field_may_have(document: Document, name: str) -> None:
    """They are plain texts to the client, so its own pages have to say what there is."""
    fields = document["components"]["schemas"][name]["properties"]
    words = {word for field in fields.keys() - LIKE_ANOTHER for word in words_of(fields[field])}
    assert {word for word in words if f"`{word}`" not in (MODELS[name].__doc__ or "")} == set()


def words_of(field: Document) -> Iterator[str]:
    for one in (field, *field.get("anyOf", ())):
        yield from one.get("enum", ())
        yield from [one["const"]] if "const" in one else []


def types_in(schema: Document, field: str, required: set[str]) -> set[str]:
    """The types of a field. One that is not required may be left out, so it need not be null."""
    types = set(types_of(schema["properties"][field]))
    return types if field in required else types - {"null"}


def types_of(schema: Document) -> Iterator[str]:
    match schema:
        case {"$ref": str(reference)}:
            yield reference.rpartition("/")[2]
        case {"anyOf": list(several)}:
            for one in several:
                yield from types_of(one)
        case {"type": "array", "items": items}:
            yield f"list of {' or '.join(sorted(types_of(items)))}"
        case {"type": list(several)}:
            yield from several
        case _:
            yield schema["type"]


def methods_of(client: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_")
    }


def test_both_clients_have_the_same_methods_and_arguments() -> None:
    def arguments(client: type) -> dict[str, list[tuple[str, Any, Any]]]:
        return {
            name: [(one.name, one.kind, one.default) for one in signature.parameters.values()]
            for name, signature in methods_of(client).items()
        }

    assert arguments(Client) == arguments(AsyncClient)


def test_what_users_name_is_exported() -> None:
    exported = vars(read_also_client)
    assert [name for name in read_also_client.__all__ if name not in exported] == []
    public = {name for name, one in exported.items() if inspect.isclass(one)}
    assert public <= set(read_also_client.__all__)
