"""The content of requests to the HTTP API: sets of options, and the bodies that set overrides."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from recommender.articles import (
    ID_PATTERN,
    ID_SCHEMA,
    LANGUAGE_PATTERN,
    Article,
    Id,
    Moment,
    Text,
    check_id,
    primary_language,
)

__all__ = [
    "LIMITS",
    "MODES",
    "MOST_LISTS",
    "Blocks",
    "Deletion",
    "Explain",
    "InQuery",
    "ListOptions",
    "Mode",
    "Options",
    "Override",
    "Pins",
    "RecordedOverride",
    "RelatedRequest",
    "RelatedRequests",
    "Target",
    "WriteOptions",
    "read_whole_number",
]

Mode = Literal["mixed", "background", "latest"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
LIMITS: Final = range(1, 101)
MOST_LISTS: Final = 20
"""Lists in one request."""
MOST_EXCLUDED: Final = 500
Explain = Literal[False, True, "all"]
"""Whether items carry their explanation; with `all` the answer also lists what was dropped."""
_DAYS: Final = re.compile(r"[1-9][0-9]{0,4}d")
_SHARE: Final = re.compile(r"0(\.[0-9]{1,6})?|1(\.0{1,6})?")
_WHOLE_NUMBER: Final = re.compile(r"[1-9][0-9]{0,3}")
_ONE_ID: Final = rf"(?!\.{{1,2}}(,|$)){ID_PATTERN}"
_ONE_LANGUAGE: Final = rf"(?!any(,|$)){LANGUAGE_PATTERN[1:-1]}"
_LANGUAGES: Final = re.compile(rf"any|{_ONE_LANGUAGE}(,{_ONE_LANGUAGE})*")
_IN_QUERY: Final[Mapping[str, Explain]] = {"1": True, "all": "all"}


@dataclass(frozen=True, slots=True, eq=False)
class InQuery:
    """How an option is written in a query string, where that differs from JSON.

    Attributes:
        read: makes the JSON value from the text; ValueError says what is wrong with it.
        schema: JSON Schema of the text; None if it is the schema of the JSON value.
    """

    read: Callable[[str], object]
    schema: Mapping[str, object] | None = None


def read_whole_number(text: str) -> int:
    """Read digits of ASCII without sign, leading zero or underscore.

    Raises:
        ValueError: the text is anything else.
    """
    if not _WHOLE_NUMBER.fullmatch(text):
        raise ValueError("must be a whole number, such as 12")
    return int(text)


def _read_share(text: str) -> float:
    if not _SHARE.fullmatch(text):
        raise ValueError("must be a decimal number from 0 to 1")
    return float(text)


def _read_explain(text: str) -> Explain:
    if text not in _IN_QUERY:
        raise ValueError(f"must be {' or '.join(_IN_QUERY)}")
    return _IN_QUERY[text]


def _check_explain(value: object) -> object:
    if not isinstance(value, bool) and value != "all":
        raise ValueError('must be true, false or "all"')
    return value


def _check_ids(value: object) -> frozenset[str]:
    if not isinstance(value, list | tuple | set | frozenset) or not value:
        raise ValueError("must be a list of ids")
    if len(value) > MOST_EXCLUDED:
        raise ValueError(f"names more than {MOST_EXCLUDED} articles")
    return frozenset(check_id(one if isinstance(one, str) else "") for one in value)


def _check_pattern(pattern: re.Pattern[str], problem: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(problem)
        return text

    return AfterValidator(check)


def _no_nul(text: str) -> str:
    if not text or "\x00" in text:
        raise ValueError("must not be empty")
    return text


Name = Annotated[
    str,
    AfterValidator(_no_nul),
    Field(json_schema_extra={"minLength": 1, "pattern": r"^[^\u0000]*$"}),
]
Languages = Annotated[
    str,
    _check_pattern(_LANGUAGES, "must be any, or BCP-47 tags joined by commas, such as en,ru"),
    Field(json_schema_extra={"pattern": f"^({_LANGUAGES.pattern})$"}),
]
Days = Annotated[
    str,
    _check_pattern(_DAYS, "must be a number of days, such as 30d"),
    Field(json_schema_extra={"pattern": f"^{_DAYS.pattern}$"}),
]
Share = Annotated[float, Field(ge=0, le=1)]
Ids = Annotated[
    Collection[str],
    PlainValidator(_check_ids),
    WithJsonSchema(
        {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", **ID_SCHEMA},
        }
    ),
]
WHOLE_IN_QUERY: Final = InQuery(read_whole_number)
SHARE_IN_QUERY: Final = InQuery(_read_share, {"type": "string", "pattern": f"^({_SHARE.pattern})$"})
IDS_IN_QUERY: Final = InQuery(
    lambda text: text.split(","),
    {"type": "string", "pattern": f"^{_ONE_ID}(,{_ONE_ID}){{0,{MOST_EXCLUDED - 1}}}$"},
)
EXPLAIN_IN_QUERY: Final = InQuery(_read_explain, {"type": "string", "enum": [*_IN_QUERY]})


class Options(BaseModel):
    """A set of options that a request may carry. Unknown options are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ListOptions(Options):
    """The options of a list. The defaults give the list that readers see under a story."""

    limit: Annotated[
        int, Field(ge=LIMITS[0], le=LIMITS[-1], description="How many items."), WHOLE_IN_QUERY
    ] = 12
    mode: Annotated[
        Mode,
        Field(
            description="mixed: the newer of equals first; background: older than the seed; "
            "latest: newest first."
        ),
    ] = "mixed"
    section: Annotated[Name | None, Field(description="Only articles of this section.")] = None
    tag: Annotated[Name | None, Field(description="Only articles with this tag.")] = None
    language: Annotated[
        Languages | None,
        Field(description="BCP-47 tags joined by commas, or any; else the seed's."),
    ] = None
    exclude: Annotated[Ids, Field(description="Ids that are not to be listed."), IDS_IN_QUERY] = (
        frozenset()
    )
    max_age: Annotated[
        Days | None, Field(description="Only articles of at most this age in days.")
    ] = None
    diversity: Annotated[
        Share | None, Field(description="0 to 1, instead of the policy's."), SHARE_IN_QUERY
    ] = None
    min_score: Annotated[
        Share | None,
        Field(description="0 to 1: nothing below is listed, and nothing fills up."),
        SHARE_IN_QUERY,
    ] = None
    explain: Annotated[
        Explain,
        BeforeValidator(_check_explain),
        Field(description="1: why each item is there; all: and what was dropped. Needs a key."),
        EXPLAIN_IN_QUERY,
    ] = False

    @property
    def languages(self) -> frozenset[str] | None:
        """Primary subtags in lower case; None: the seed's language; an empty set: any."""
        if self.language is None:
            return None
        if self.language == "any":
            return frozenset()
        return frozenset(filter(None, map(primary_language, self.language.split(","))))

    @property
    def max_age_days(self) -> float | None:
        """The greatest age in days; None: any."""
        return None if self.max_age is None else float(self.max_age[:-1])


class WriteOptions(Options):
    """When a write is answered."""

    wait: Annotated[
        Literal["visible"] | None,
        Field(
            description="Answer when every worker of the machine shows it; 202 if that takes "
            "longer than 5 s."
        ),
    ] = None


class Override(BaseModel):
    """One article that an editor pins to a list or blocks from it, and for which time.

    It is in force from `starts_at` (inclusive) until `ends_at` (exclusive); without them always.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Id
    why: Annotated[Text, Field(max_length=500)] = ""
    starts_at: Moment | None = None
    ends_at: Moment | None = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValueError("ends_at must be later than starts_at")
        return self

    def holds(self, now: float) -> bool:
        """Whether it is in force at `now`, in seconds since 1970 UTC."""
        begun = self.starts_at is None or self.starts_at.timestamp() <= now
        return begun and (self.ends_at is None or now < self.ends_at.timestamp())

    @property
    def boundaries(self) -> Iterator[float]:
        """The times at which it starts or ends, in seconds since 1970 UTC."""
        return (moment.timestamp() for moment in (self.starts_at, self.ends_at) if moment)


class RecordedOverride(Override):
    """A stored override: `by` is the person who set it, `at` the time."""

    by: str
    at: Moment

    @property
    def requested(self) -> Override:
        """The override as requested, without its author and time."""
        return Override.model_validate(self.model_dump(include=set(Override.model_fields)))


class Pins(BaseModel):
    """Pins to set: they stand first in the list, in this order. `by` names the editor."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    by: Annotated[Text, Field(max_length=100)] = ""
    pins: list[Override]


class Blocks(BaseModel):
    """Blocks to set: the list never shows them. `by` names the editor."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    by: Annotated[Text, Field(max_length=100)] = ""
    blocks: list[Override]


class RelatedRequest(BaseModel):
    """A request for a list: of a stored article, or of a text with the fields of an article.

    In JSON all are fields of one object: `article_id` or the fields of the text, and the options of
    the list. `section` and `language` are those of a text, where there is one.
    """

    model_config = ConfigDict(frozen=True)

    article_id: Id | None = None
    text: Article | None = None
    options: ListOptions

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema of the flat form."""
        article, options = Article.model_json_schema(), ListOptions.model_json_schema()
        fields = {"article_id": {"type": "string", **ID_SCHEMA}} | article["properties"]
        fields |= {name: one for name, one in options["properties"].items() if name not in fields}
        reference = handler(core_schema)
        handler.resolve_ref_schema(reference).update(
            properties={name: _not_null(one) for name, one in fields.items()},
            required=[],
            additionalProperties=False,
            anyOf=[*article["anyOf"], {"required": ["article_id"]}],
        )
        return reference


def _not_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    if "anyOf" not in schema:
        return schema
    others = {name: one for name, one in schema.items() if name not in {"anyOf", "default"}}
    value: JsonSchemaValue = schema["anyOf"][0]
    return value | others


class RelatedRequests(BaseModel):
    """Several lists that do not repeat each other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: Annotated[list[RelatedRequest], Field(min_length=1, max_length=MOST_LISTS)]


@dataclass(frozen=True, slots=True)
class Target:
    """The article to delete."""

    id: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """A line of a bulk load that deletes an article."""

    delete: Target
