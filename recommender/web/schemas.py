"""JSON Schemas of what is sent and answered, from the types that read and make it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Self, cast

from pydantic import TypeAdapter

from recommender.api import Options
from recommender.articles import Article
from recommender.web.endpoints import Body
from recommender.web.parameters import parameters_of

__all__ = ["Schemas", "query_schemas"]

Schema = dict[str, Any]

REFERENCE: Final = "#/components/schemas/{model}"
ADDRESSED: Final = "AddressedArticle"
"""An article as a body whose address names the id."""
PATCH: Final = "ArticlePatch"
LINES: Final = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Schemas:
    """Schemas by what they are of; the named ones are the document's components."""

    components: Schema
    _of: dict[str, Schema]

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

    def given(self, model: object) -> Schema:
        """The schema of an answer."""
        return self._of[str(model)]

    def sent(self, body: Body, media: str) -> Schema:
        """The content of a body of a media type."""
        if body.model is Article:
            name = PATCH if body.partial else ADDRESSED
            return {"schema": {"$ref": REFERENCE.format(model=name)}}
        schema = self.given(body.model)
        if media == LINES:
            about = "One JSON object a line; the schema of a line is `x-line`."
            return {"schema": {"type": "string", "description": about, "x-line": schema}}
        return {"schema": schema}


def query_schemas(options: type[Options]) -> Iterator[tuple[str, Schema, str]]:
    """Of each parameter of a query: its name, the schema of its text, and its meaning."""
    fields = options.model_json_schema()["properties"]
    for name, parameter in parameters_of(options).items():
        field = fields[name]
        meaning = field.pop("description")
        yield name, dict(parameter.schema or _plain(field)), meaning


def _plain(field: Schema) -> Schema:
    """The schema of a value that may be left out, without its name and without null."""
    kept = {name: rule for name, rule in field.items() if name not in {"title", "anyOf"}}
    if "anyOf" in field:
        del kept["default"]
        kept = field["anyOf"][0] | kept
    return kept


def _addressed(article: Schema) -> Schema:
    """The schema of an article without its id."""
    required = [name for name in article["required"] if name != "id"]
    return article | {"required": required, "title": ADDRESSED}


def _patch(article: Schema) -> Schema:
    """The schema of what changes an article: any of its fields, and null for one to remove."""
    fields = {
        name: one if "anyOf" in one else {"anyOf": [one, {"type": "null"}]}
        for name, one in article["properties"].items()
    }
    kept = {name: one for name, one in article.items() if name not in {"required", "anyOf"}}
    return kept | {"title": PATCH, "properties": fields}
