"""What the page of the API shows, from its document: calls by group, with fields and examples."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from recommender.web.openapi.calls import ExampleCall, example_calls
from recommender.web.openapi.schemas import Document

__all__ = ["CallGroup", "ShownCall", "groups_of"]

COMPONENT: Final = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class ShownCall:
    """A call as the page shows it.

    Attributes:
        method: in capitals.
        path: with the names of its parameters in braces.
        operation: its description in the document.
        fields: the schema of its body, if that has fields.
        examples: the call in each language.
    """

    method: str
    path: str
    operation: Document
    fields: Document | None
    examples: tuple[ExampleCall, ...]

    @property
    def id(self) -> str:
        """The name of the operation."""
        return str(self.operation["operationId"])

    @property
    def body(self) -> Document:
        """The content of its body by media type; empty for none."""
        return dict(self.operation.get("requestBody", {}).get("content", {}))

    @property
    def media(self) -> str | None:
        """The first media type of its body; None for no body."""
        return next(iter(self.body), None)

    @property
    def example(self) -> str | None:
        """A body, as JSON; None for no body."""
        if self.media is None:
            return None
        return json.dumps(self.body[self.media]["example"], indent=2, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class CallGroup:
    """Calls that serve one purpose."""

    name: str
    purpose: str
    calls: tuple[ShownCall, ...]


def groups_of(document: Document) -> tuple[CallGroup, ...]:
    """The calls of a document by their tag, in the order of the tags."""
    calls = tuple(_calls(document))
    return tuple(
        CallGroup(
            tag["name"],
            tag["description"],
            tuple(call for call in calls if tag["name"] in call.operation["tags"]),
        )
        for tag in document["tags"]
    )


def _calls(document: Document) -> Iterator[ShownCall]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield ShownCall(
                method.upper(),
                path,
                operation,
                _fields(document, operation),
                example_calls(method, path, operation),
            )


def _fields(document: Document, operation: Document) -> Document | None:
    """The component that is the body, or the first of those that it may be."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        schema = schema.get("items", schema)
        reference = schema.get("anyOf", [schema])[0]["$ref"]
        component: Document = document["components"]["schemas"][reference.removeprefix(COMPONENT)]
        return component
    return None
