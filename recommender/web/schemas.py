"""JSON Schemas of what is sent and answered, from the types that read and make it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, cast

from pydantic import TypeAdapter

from recommender.articles import ID_PATTERN, LANGUAGE_PATTERN, MOST_NAMES, Article
from recommender.ranking.results import LIMITS, MOST_LISTS
from recommender.web.describing import Body
from recommender.web.parameters import PARAMETERS

__all__ = ["ARTICLE_ID", "Schemas"]

Schema = dict[str, Any]
Rules = Mapping[str, Mapping[str, Any]]

REFERENCE: Final = "#/components/schemas/{model}"
ARTICLE_ID: Final = rf"^(?!\.{{1,2}}$){ID_PATTERN}$"
WORD: Final = r"\S"
NO_NUL: Final = r"^[^\u0000]*$"
ADDRESSED: Final = "AddressedArticle"
"""An article as a body whose address names the id."""
PATCH: Final = "ArticlePatch"
LINES: Final = "application/x-ndjson"
NAME: Final = r"^[^\u0000]*[^\u0000\s][^\u0000]*$"
ID_RULE: Final = {"id": {"pattern": ARTICLE_ID}}
NAME_RULE: Final = {"type": "string", "pattern": NAME, "maxLength": 300}
NAMES_RULE: Final = {"maxItems": MOST_NAMES, "items": NAME_RULE}
URL_RULE: Final = {"pattern": r"^https?://[^\s/?#]\S*$"}
MOMENTS: Final = ("published_at", "updated_at", "embargoed_until", "expires_at")
TEXTS: Final = ("title", "body", "body_html")
"""One of them an article must have."""
ARTICLE_RULES: Final[Rules] = {
    **ID_RULE,
    "translation_of": {"pattern": ARTICLE_ID},
    **{name: {"pattern": NO_NUL} for name in ("title", "body", "body_html", "summary")},
    "section": {"pattern": NAME},
    **dict.fromkeys(("url", "image_url"), URL_RULE),
    **dict.fromkeys(("tags", "authors"), NAMES_RULE),
    "language": {"pattern": LANGUAGE_PATTERN},
}
RULES: Final[Mapping[str, Rules]] = {
    "Article": ARTICLE_RULES,
    "Wanted": {
        **ARTICLE_RULES,
        "article_id": {"pattern": ARTICLE_ID},
        **{name: {"format": "date-time"} for name in MOMENTS},
        "limit": {"minimum": LIMITS[0], "maximum": LIMITS[-1]},
        "tag": {"pattern": NAME},
        "exclude": {"minItems": 1, "items": {"type": "string", "pattern": ARTICLE_ID}},
        "max_age": PARAMETERS["max_age"].schema,
        **{name: {"minimum": 0, "maximum": 1} for name in ("diversity", "min_score")},
    },
    "Page": {"requests": {"minItems": 1, "maxItems": MOST_LISTS}},
    "Override": {**ID_RULE, "why": {"pattern": NO_NUL}},
    "RecordedOverride": ID_RULE,
    "Pins": {"by": {"pattern": NO_NUL}},
    "Blocks": {"by": {"pattern": NO_NUL}},
}
"""By type and field what validators check beyond the type of the field."""
CLOSED: Final = frozenset({"Wanted", "Page"})
"""Types whose other fields are refused by those who read them."""


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
        for name, rules in RULES.items():
            _tell(components.get(name, {}), rules)
        for name in CLOSED & components.keys():
            components[name]["additionalProperties"] = False
        if "Wanted" in components:
            components["Wanted"]["anyOf"] = [*_with_a_text(), {"required": ["article_id"]}]
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


def _tell(schema: Schema, rules: Rules) -> None:
    fields = schema.get("properties", {})
    for name, rule in rules.items():
        if name in fields:
            one = fields[name]
            (one["anyOf"][0] if "anyOf" in one else one).update(rule)


def _with_a_text() -> list[Schema]:
    return [
        {"required": [name], "properties": {name: {"type": "string", "pattern": WORD}}}
        for name in TEXTS
    ]


def _addressed(article: Schema) -> Schema:
    """The schema of an article, completed by its rule on texts, and one without its id."""
    article["anyOf"] = _with_a_text()
    required = [name for name in article["required"] if name != "id"]
    return article | {"required": required, "title": ADDRESSED}


def _patch(article: Schema) -> Schema:
    """The schema of what changes an article: any of its fields, and null for one to remove."""
    fields = {
        name: one if "anyOf" in one else {"anyOf": [one, {"type": "null"}]}
        for name, one in article["properties"].items()
    }
    kept = {name: one for name, one in article.items() if name != "required"}
    return kept | {"title": PATCH, "properties": fields}
