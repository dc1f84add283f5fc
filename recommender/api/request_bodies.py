"""The bodies of requests: overrides to set, lists to make, lines of a bulk load."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from recommender.api.request_options import ListOptions, without_null
from recommender.articles import Article, Id, Moment, Text
from recommender.id_grammar import ID_SCHEMA

__all__ = [
    "MOST_LISTS",
    "Blocks",
    "Decision",
    "Deletion",
    "Examples",
    "Override",
    "Pins",
    "RecordedOverride",
    "RelatedRequest",
    "RelatedRequests",
    "Target",
    "UnsavedOverrides",
    "Window",
    "WindowStanding",
]

MOST_LISTS: Final = 20
"""Lists in one request."""
MOST_EXAMPLES: Final = 20
"""Articles that a list is to be like, and as many that it is to be unlike."""


WindowStanding = Literal["active", "later", "over"]


@dataclass(frozen=True, slots=True)
class Window:
    """A time from `starts_at` (inclusive) until `ends_at` (exclusive); None sets no bound."""

    starts_at: datetime | None
    ends_at: datetime | None

    def check(self) -> None:
        """Check that it has a length.

        Raises:
            ValueError: it ends before it starts, or at once.
        """
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValueError("ends_at must be later than starts_at")

    def holds(self, now: float) -> bool:
        """Whether `now` is in it, in seconds since 1970 UTC."""
        begun = self.starts_at is None or self.starts_at.timestamp() <= now
        return begun and (self.ends_at is None or now < self.ends_at.timestamp())

    def standing(self, now: float) -> WindowStanding:
        """Where `now` is, in seconds since 1970 UTC: in it, before it, or after it."""
        if self.holds(now):
            return "active"
        is_over = self.ends_at is not None and self.ends_at.timestamp() <= now
        return "over" if is_over else "later"

    @property
    def boundaries(self) -> Iterator[float]:
        """The times at which it starts and ends, in seconds since 1970 UTC."""
        return (moment.timestamp() for moment in (self.starts_at, self.ends_at) if moment)


class Override(BaseModel):
    """One article that an editor pins to a list or blocks from it, and for which time."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Annotated[Id, Field(description="The id of the article.")]
    why: Annotated[Text, Field(max_length=500, description="A note for other editors.")] = ""
    starts_at: Annotated[
        Moment | None, Field(description="It is active from then on; without it from now on.")
    ] = None
    ends_at: Annotated[
        Moment | None, Field(description="It is active before; without it for ever.")
    ] = None

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        self.window.check()
        return self

    @property
    def window(self) -> Window:
        """When it is active."""
        return Window(self.starts_at, self.ends_at)


class RecordedOverride(Override):
    """A stored override.

    Attributes:
        by: the name of the key that set it, and of the editor if one was sent.
        at: when it was set.
    """

    by: str
    at: Moment

    @property
    def requested(self) -> Override:
        """The override as requested, without its author and time."""
        return Override.model_validate(self.model_dump(include=set(Override.model_fields)))


class Pins(BaseModel):
    """Pins to set.

    Attributes:
        by: the editor who sets them.
        pins: they stand first in the list, in this order; at most 100.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    by: Annotated[Text, Field(max_length=100)] = ""
    pins: list[Override]


class Blocks(BaseModel):
    """Blocks to set.

    Attributes:
        by: the editor who sets them.
        blocks: the list never shows them; at most 500.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    by: Annotated[Text, Field(max_length=100)] = ""
    blocks: list[Override]


class Decision(BaseModel):
    """What an editor decides of an article itself, and for which time.

    Attributes:
        by: the editor who decides.
        why: a note for other editors.
        starts_at: it holds from then on; without it from now on.
        ends_at: it holds before; without it for ever.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    by: Annotated[Text, Field(max_length=100)] = ""
    why: Annotated[Text, Field(max_length=500)] = ""
    starts_at: Moment | None = None
    ends_at: Moment | None = None

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        Window(self.starts_at, self.ends_at).check()
        return self

    def override_of(self, article_id: str) -> Override:
        """The override by which it is stored."""
        return Override(id=article_id, why=self.why, starts_at=self.starts_at, ends_at=self.ends_at)


class UnsavedOverrides(BaseModel):
    """Pins and blocks for one answer, which stand in place of those that are stored.

    Attributes:
        pins: instead of the stored pins, in this order; at most 100. Left out, those hold.
        blocks: instead of the stored blocks; at most 500. Left out, those hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    pins: list[Override] = []
    blocks: list[Override] = []


class Examples(BaseModel):
    """The articles that a list is to be like, and those that it is to be unlike, in any order.

    Attributes:
        like: ids of 1 to 20 articles that the list is to be like.
        unlike: ids of at most 20 articles that the list is to be unlike; together with `like`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    like: Annotated[list[Id], Field(min_length=1, max_length=MOST_EXAMPLES)]
    unlike: Annotated[list[Id], Field(max_length=MOST_EXAMPLES)] = []

    @field_validator("unlike")
    @classmethod
    def _not_both(cls, unlike: list[str], info: ValidationInfo) -> list[str]:
        both = {*unlike}.intersection(info.data.get("like", ()))
        if both:
            raise ValueError(f"names {min(both)!r}, which is also in like")
        return unlike


class RelatedRequest(BaseModel):
    """A request for a list: of a stored article, of several, or of a text.

    In JSON all are fields of one object: `article_id`, `like` and `unlike`, or the fields of the
    text; and the options of the list. `section` and `language` are those of a text, where there is
    one; `options` may hold the options of the list apart from them. `pins` and `blocks`, for a
    stored article or a text, stand in place of the stored ones.

    Attributes:
        article_id: the id of a stored article.
        options: the options of the list, apart from the fields of a text.
    """

    model_config = ConfigDict(frozen=True)

    article_id: Id | None = None
    examples: Examples | None = None
    text: Article | None = None
    options: ListOptions
    overrides: UnsavedOverrides = UnsavedOverrides()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema of the flat form."""
        article, options = Article.model_json_schema(), ListOptions.model_json_schema()
        fields = {"article_id": {"type": "string", **ID_SCHEMA}} | article["properties"]
        fields |= Examples.model_json_schema()["properties"]
        fields |= options["properties"]
        reference = handler(core_schema)
        schema = handler.resolve_ref_schema(reference)
        schema.pop("required")
        fields["options"] = schema["properties"]["options"]
        fields |= handler.resolve_ref_schema(schema["properties"]["overrides"])["properties"]
        schema["properties"] = {name: without_null(one) for name, one in fields.items()}
        schema["additionalProperties"] = False
        return reference


class RelatedRequests(BaseModel):
    """Several lists that do not repeat each other.

    Attributes:
        requests: one for each list, at most 20.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: Annotated[list[RelatedRequest], Field(min_length=1, max_length=MOST_LISTS)]


@dataclass(frozen=True, slots=True)
class Target:
    """The article to delete.

    Attributes:
        id: its id.
    """

    id: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """A member of a bulk load that deletes an article.

    Attributes:
        delete: which article.
    """

    delete: Target
