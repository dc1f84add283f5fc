"""The schemas of the API's types, in the forms that generators of clients and people can read."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, cast, get_args

from pydantic import TypeAdapter

from recommender.api import (
    BulkResult,
    Direction,
    Examples,
    FolderState,
    IndexerState,
    LabelKind,
    ListOptions,
    Mode,
    NoGrounds,
    Reason,
    RelatedRequest,
    Rule,
    ShortBecause,
    StoreState,
    UnsavedOverrides,
    WaitsFor,
    WriteResult,
    WriteState,
)
from recommender.articles import Article, Status
from recommender.web.endpoints import Body
from recommender.web.openapi.examples import examples_of

__all__ = ["Document", "Enumeration", "Schemas", "simplify"]

Document = dict[str, Any]
REFERENCE: Final = "#/components/schemas/{model}"
ADDRESSED: Final = "AddressedArticle"
PATCH: Final = "ArticlePatch"
SPREAD: Final = (Examples.__name__, UnsavedOverrides.__name__)
"""Their fields stand in a request alone."""
PARTS_OF_A_REQUEST: Final = (ListOptions.__name__, *SPREAD)
NULL: Final = {"type": "null"}
_ATTRIBUTES: Final = re.compile(r"\s*^Attributes:\n", re.MULTILINE)
_ATTRIBUTE: Final = re.compile(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Enumeration:
    """A schema of its own for words of which a field has one.

    Attributes:
        words: a `Literal` of them.
        meaning: what they are.
    """

    words: object
    meaning: str

    @property
    def schema(self) -> Document:
        """The words with their meaning."""
        return {"type": "string", "enum": [*get_args(self.words)], "description": self.meaning}


ENUMERATIONS: Final[Mapping[str, Enumeration]] = {
    "BulkResult": Enumeration(BulkResult, "What a member of a bulk load did."),
    "Direction": Enumeration(Direction, "Where the lines of a text begin: left or right."),
    "FolderState": Enumeration(FolderState, "Whether the data folder takes what is written."),
    "IndexerState": Enumeration(
        IndexerState,
        "Whether the indexer of the machine answers; `standby`: another machine's reads new texts.",
    ),
    "LabelKind": Enumeration(
        LabelKind,
        "What sets an item of a list apart. `pinned`: an editor put it first; `latest`: it is only "
        "new; `language`: it is in another language than the list.",
    ),
    "Mode": Enumeration(
        Mode,
        "How a list is ranked. `mixed`: of two equal articles the newer one first; `background`: "
        "only what is older than the seed; `latest`: what is about the same story, newest first.",
    ),
    "NoGrounds": Enumeration(NoGrounds, "Why an explanation has no grounds."),
    "Reason": Enumeration(
        Reason,
        "How an item came into a list. `pinned`: an editor put it there; `semantic`: it is "
        "related; `words`: it is related by its words alone; `fallback:section`, "
        "`fallback:latest`: the list was filled up with the newest of the section, or of all.",
    ),
    "Rule": Enumeration(Rule, "Why an article is not in a list: the first rule that holds."),
    "ShortBecause": Enumeration(
        ShortBecause, "What cost a list the most places, where it is shorter than asked for."
    ),
    "Status": Enumeration(Status, "Whether an article may be shown: only `published` ones are."),
    "StoreState": Enumeration(StoreState, "Whether the article store answers."),
    "WaitsFor": Enumeration(
        WaitsFor,
        "What has to happen next: the `indexer` reads the text, `workers` follow, or the CMS sends "
        "`another_text`.",
    ),
    "WriteResult": Enumeration(WriteResult, "What a write did; `unchanged`: it was stored so."),
    "WriteState": Enumeration(
        WriteState,
        "How far a write has come. `received`: it is stored, and its text waits to be read; "
        "`read`: its text was read; `indexed`: the worker that answers shows it; `visible`: every "
        "worker of this machine does; `parked`: its text could not be read, three times.",
    ),
}
_NAMED: Final = {get_args(one.words): name for name, one in ENUMERATIONS.items()}


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
        return cls(
            _components(shared.get("$defs", {})),
            {name: simplify(schema) for (name, _), schema in found.items()},
        )

    def of_answer(self, model: object) -> Document:
        """The schema of an answer."""
        return self._of[str(model)]

    def of_body(self, body: Body) -> Document:
        """The schema of a body."""
        if body.model is not Article:
            return self.of_answer(body.model)
        return {"$ref": REFERENCE.format(model=PATCH if body.partial else ADDRESSED)}


def simplify(schema: Document) -> Document:
    """A schema in the form that most generators understand.

    Fields have no titles, `null` stands beside the type, and known words refer to their component.
    """
    kept = {name: rule for name, rule in schema.items() if name != "title"}
    for name in kept.keys() & {"properties"}:
        kept[name] = {field: simplify(one) for field, one in kept[name].items()}
    for name in kept.keys() & {"anyOf"}:
        kept[name] = [simplify(one) for one in kept[name]]
    if isinstance(kept.get("items"), dict):
        kept["items"] = simplify(kept["items"])
    return _nullable(_named(kept))


def _named(schema: Document) -> Document:
    """Words that have a component, as a reference to it."""
    name = _NAMED.get(tuple(schema.get("enum", ())))
    if name is None:
        return schema
    rest = {rule: one for rule, one in schema.items() if rule not in {"enum", "type"}}
    return {"$ref": REFERENCE.format(model=name)} | rest


def _nullable(schema: Document) -> Document:
    """One type or null, with both in `type`."""
    kinds: list[Document] = [one for one in schema.get("anyOf", ()) if one != NULL]
    if len(kinds) != 1 or "type" not in kinds[0]:
        return schema
    rest = {name: one for name, one in schema.items() if name != "anyOf"}
    return kinds[0] | {"type": [kinds[0]["type"], "null"]} | rest


def _components(found: Mapping[str, Document]) -> Document:
    """The named schemas, and those that are made of others; fields have meanings and examples."""
    made = {name: simplify(_describe(one)) for name, one in found.items()}
    parts = [made[name] for name in PARTS_OF_A_REQUEST if name in made]
    made = {name: one for name, one in made.items() if name not in SPREAD}
    if Article.__name__ in made:
        article = made[Article.__name__]
        made |= {ADDRESSED: _addressed(article), PATCH: _patch(article)}
    if RelatedRequest.__name__ in made:
        made[RelatedRequest.__name__] = _as_in([*parts, article], made[RelatedRequest.__name__])
    named = {name: one.schema for name, one in ENUMERATIONS.items()}
    shown = {name: _with_examples(name, one) for name, one in made.items()}
    return dict(sorted((shown | named).items()))


def _describe(schema: Document) -> Document:
    """Give fields the meanings that stand under "Attributes" in the docstring of their class.

    A default becomes a part of the meaning: generators take a field that has one for a field that
    is always there.
    """
    about, *rest = _ATTRIBUTES.split(schema.get("description", ""), maxsplit=1)
    found = _ATTRIBUTE.findall("".join(rest))
    meanings = {name: " ".join((text[0].upper() + text[1:]).split()) for name, text in found}
    return schema | {"description": about.strip()} | _described_fields(schema, meanings)


def _described_fields(schema: Document, meanings: Mapping[str, str]) -> Document:
    fields = {
        name: _in_words({"description": meanings.get(name, "")} | one)
        for name, one in schema.get("properties", {}).items()
    }
    return {"properties": fields} if fields else {}


def _in_words(field: Document) -> Document:
    kept = {rule: one for rule, one in field.items() if rule != "default"}
    default, meaning = f"`{field.get('default')}`", field["description"]
    if not field.get("default") or default in meaning:
        return kept
    return kept | {"description": f"{meaning} {default} if left out."}


def _as_in(parts: Iterable[Document], schema: Document) -> Document:
    """Give fields the meanings that they have in the parts of which a schema is made."""
    meanings = {
        name: one["description"] for part in parts for name, one in part["properties"].items()
    }
    fields = {
        name: one | {"description": meanings.get(name, one["description"])}
        for name, one in schema["properties"].items()
    }
    return schema | {"properties": fields}


def _with_examples(component: str, schema: Document) -> Document:
    fields = schema.get("properties", {})
    return schema | {
        "properties": {
            name: one | {"examples": examples_of(component, name)} for name, one in fields.items()
        }
    }


def _addressed(article: Document) -> Document:
    """The schema of an article as a body whose address names the id."""
    kept = {rule: one for rule, one in article.items() if rule != "required"}
    return kept | {"description": "An article whose id the address names. It needs title or body."}


def _patch(article: Document) -> Document:
    """The schema of what changes an article: any of its fields, and null for one to remove."""
    fields = {name: _or_null(one) for name, one in article["properties"].items()}
    about = "The fields of an article to change. One that is null is removed, the rest stays."
    return _addressed(article) | {"description": about, "properties": fields}


def _or_null(schema: Document) -> Document:
    """A schema that null passes too."""
    match schema:
        case {"type": str(kind)}:
            return schema | {"type": [kind, "null"]}
        case {"$ref": str(reference), **rest}:
            return {"anyOf": [{"$ref": reference}, NULL]} | rest
    return schema
