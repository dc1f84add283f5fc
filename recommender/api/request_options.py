"""The sets of options that requests of the HTTP API may carry, one for each kind of call."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from recommender.api.conditions import (
    ATTRIBUTE_PARAMETERS,
    LANGUAGES_SCHEMA,
    VALUES_SCHEMA,
    AttributeConditions,
    Choice,
    Languages,
    Time,
    Values,
    read_attribute,
    read_languages,
)
from recommender.attributes import ATTRIBUTE_NAME
from recommender.id_grammar import ID_SCHEMA, find_id_fault
from recommender.time_zones import TIME_ZONE_PATTERN, find_time_zone

__all__ = [
    "LIMITS",
    "MODES",
    "CardField",
    "DateStyle",
    "Explain",
    "InQuery",
    "ListOptions",
    "Mode",
    "Options",
    "ShownListOptions",
    "TimeZoneName",
    "WriteOptions",
    "read_whole_number",
    "without_null",
]

Mode = Literal["mixed", "background", "latest"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
LIMITS: Final = range(1, 101)
DateStyle = Literal["iso", "long", "relative"]
CardField = Literal["summary", "authors", "tags", "image"]
CARD_FIELDS: Final[tuple[CardField, ...]] = get_args(CardField)
"""What items show only on request."""
MOST_EXCLUDED: Final = 500
Explain = Annotated[
    Literal[False, True, "all"],
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string", "const": "all"}]}),
]
"""Whether items carry their explanation; with `all` the answer also lists what was dropped."""
_DAYS: Final = re.compile(r"[1-9][0-9]{0,4}d")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")
_WHOLE_NUMBER: Final = re.compile(r"[1-9][0-9]{0,3}")
_IN_QUERY: Final[Mapping[str, Explain]] = {"1": True, "all": "all"}
SWITCH: Final = {"1": True, "0": False}


@dataclass(frozen=True, slots=True, eq=False)
class InQuery:
    """How an option is written in a query string, where that differs from JSON.

    Attributes:
        read: makes the JSON value from the text; ValueError says what is wrong with it.
        schema: JSON Schema of the text; None if it is the schema of the JSON value.
        names: the grammar of the names after `NAME.`, if each field of the JSON value is a
            parameter of its own; `read` and `schema` are then of one of them and of all.
    """

    read: Callable[[str], object]
    schema: Mapping[str, object] | None = None
    names: re.Pattern[str] | None = None


def without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a value that is left out where there is none, instead of null."""
    kept = {n: one for n, one in schema.items() if n != "anyOf" and (n, one) != ("default", None)}
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return kinds[0] | kept if len(kinds) == 1 else kept | ({"anyOf": kinds} if kinds else {})


def read_whole_number(text: str) -> int:
    """Read digits of ASCII without sign, leading zero or underscore.

    Raises:
        ValueError: the text is anything else.
    """
    if not _WHOLE_NUMBER.fullmatch(text):
        raise ValueError("must be a whole number, such as 12")
    return int(text)


def _read_number(text: str) -> float:
    """Read a number as JSON writes it, and as programs print it: `0.25`, `1e-05`."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a number, such as 0.25")
    return float(text)


def _read_attribute_text(text: str) -> str:
    read_attribute(text)
    return text


def _read_explain(text: str) -> Explain:
    if text not in _IN_QUERY:
        raise ValueError(f"must be {' or '.join(_IN_QUERY)}")
    return _IN_QUERY[text]


def _check_explain(value: object) -> object:
    if not isinstance(value, bool) and value != "all":
        raise ValueError('must be true, false or "all"')
    return value


def _check_ids(value: object) -> frozenset[str]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise ValueError("must be a list of ids")  # noqa: TRY004 - pydantic takes no TypeError
    if len(value) > MOST_EXCLUDED:
        raise ValueError(f"names more than {MOST_EXCLUDED} articles")
    return frozenset(_check_entry(place, one) for place, one in enumerate(value, 1))


def _check_entry(place: int, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"entry {place} must be a text")  # noqa: TRY004 - as above
    fault = find_id_fault(value)
    if fault is not None:
        raise ValueError(f"entry {place} {fault}")
    return value


def _check_fields(value: object) -> frozenset[CardField]:
    names = value if isinstance(value, list | tuple | set | frozenset) else [None]
    if any(one not in CARD_FIELDS for one in names):
        raise ValueError(f"must be a list of {', '.join(CARD_FIELDS)}")
    return frozenset(names)


def _read_switch(text: str) -> bool:
    if text not in SWITCH:
        raise ValueError(f"must be {' or '.join(SWITCH)}")
    return SWITCH[text]


def _check_pattern(pattern: re.Pattern[str], problem: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(problem)
        return text

    return AfterValidator(check)


def _check_time_zone(name: str) -> str:
    find_time_zone(name)
    return name


TimeZoneName = Annotated[
    str,
    AfterValidator(_check_time_zone),
    Field(json_schema_extra={"pattern": TIME_ZONE_PATTERN}),
]
Days = Annotated[
    str,
    _check_pattern(_DAYS, "must be a number of days, such as 30d"),
    Field(json_schema_extra={"pattern": f"^{_DAYS.pattern}$"}),
]
Share = Annotated[float, Field(ge=0, le=1), AfterValidator(abs)]  # of -0.0 too
Ids = Annotated[
    Collection[str],
    PlainValidator(_check_ids),
    WithJsonSchema(
        {"type": "array", "items": {"type": "string", **ID_SCHEMA}},
    ),
]
WHOLE_IN_QUERY: Final = InQuery(read_whole_number)
OFFSET_IN_QUERY: Final = InQuery(lambda text: 0 if text == "0" else read_whole_number(text))
NUMBER_IN_QUERY: Final = InQuery(_read_number)
IDS_IN_QUERY: Final = InQuery(
    lambda text: text.split(",") if text else [],
    {"type": "string", "pattern": "^([A-Za-z0-9._:~-]+(,[A-Za-z0-9._:~-]+)*)?$"},
)
SWITCH_IN_QUERY: Final = InQuery(
    _read_switch, {"type": "integer", "minimum": 0, "maximum": 1, "default": 0}
)
VALUES_IN_QUERY: Final = InQuery(str, VALUES_SCHEMA)
LANGUAGES_IN_QUERY: Final = InQuery(str, LANGUAGES_SCHEMA)
ATTRIBUTES_IN_QUERY: Final = InQuery(
    _read_attribute_text, ATTRIBUTE_PARAMETERS, re.compile(ATTRIBUTE_NAME)
)
_FIELD: Final = "|".join(CARD_FIELDS)
FIELDS_IN_QUERY: Final = InQuery(
    lambda text: text.split(","), {"type": "string", "pattern": f"^({_FIELD})(,({_FIELD}))*$"}
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
    offset: Annotated[
        int,
        Field(
            ge=0,
            le=LIMITS[-1] - 1,
            description="How many items of the list to leave out, for the pages after the first; "
            "the list ends at 100. Ask for all pages with the same limit.",
        ),
        OFFSET_IN_QUERY,
    ] = 0
    mode: Annotated[
        Mode,
        Field(
            description="How it is ranked. mixed: the newer of equals first; background: only what "
            "is older than the seed; latest: newest first."
        ),
    ] = "mixed"
    section: Annotated[
        Values | None,
        Field(description="Only articles of these sections, joined by commas; -NAME leaves out."),
        VALUES_IN_QUERY,
    ] = None
    tag: Annotated[
        Values | None,
        Field(description="Only articles with one of these tags; -NAME leaves out."),
        VALUES_IN_QUERY,
    ] = None
    author: Annotated[
        Values | None,
        Field(description="Only articles by one of these authors; -NAME leaves out."),
        VALUES_IN_QUERY,
    ] = None
    attr: Annotated[
        AttributeConditions,
        Field(description="By the name of an attribute, the values that articles must have."),
        ATTRIBUTES_IN_QUERY,
    ] = {}
    language: Annotated[
        Languages | None,
        Field(
            description="BCP-47 tags joined by commas, -TAG leaves out; or any; else the seed's."
        ),
        LANGUAGES_IN_QUERY,
    ] = None
    published_after: Annotated[
        Time | None,
        Field(description="Only articles published at this time or later; a date is in UTC."),
    ] = None
    published_before: Annotated[
        Time | None,
        Field(description="Only articles published before this time; a date is in UTC."),
    ] = None
    exclude: Annotated[Ids, Field(description="Ids that are not to be listed."), IDS_IN_QUERY] = (
        frozenset()
    )
    max_age: Annotated[
        Days | None, Field(description="Only articles of at most this age in days.")
    ] = None
    diversity: Annotated[
        Share | None, Field(description="0 to 1, instead of the policy's."), NUMBER_IN_QUERY
    ] = None
    min_score: Annotated[
        Share | None,
        Field(description="0 to 1: nothing below is listed, and nothing fills up."),
        NUMBER_IN_QUERY,
    ] = None
    fields: Annotated[
        Collection[CardField],
        PlainValidator(_check_fields),
        WithJsonSchema({"type": "array", "items": {"type": "string", "enum": [*CARD_FIELDS]}}),
        Field(description="What items show beside the usual: summary, authors, tags, image."),
        FIELDS_IN_QUERY,
    ] = frozenset()
    explain: Annotated[
        Explain,
        BeforeValidator(_check_explain),
        Field(description="1: why each item is there; all: and what was dropped. Needs a key."),
        EXPLAIN_IN_QUERY,
    ] = False

    @field_validator("published_before")
    @classmethod
    def _ends_after_it_begins(
        cls, before: datetime | None, info: ValidationInfo
    ) -> datetime | None:
        after = info.data.get("published_after")
        if before is not None and after is not None and before <= after:
            raise ValueError("must be later than published_after")
        return before

    @property
    def languages(self) -> Choice | None:
        """Primary subtags in lower case; None: the seed's language."""
        return None if self.language is None else read_languages(self.language)

    @property
    def max_age_days(self) -> float | None:
        """The greatest age in days; None: any."""
        return None if self.max_age is None else float(self.max_age[:-1])


class ShownListOptions(ListOptions):
    """The options of a list in JSON that a page shows."""

    presentation: Annotated[
        bool,
        Field(
            description="1: with the seed's language, its direction, a heading in it, and the "
            "dates and labels of the items in words."
        ),
        SWITCH_IN_QUERY,
    ] = False
    dates: Annotated[
        DateStyle,
        Field(
            description="Of the presentation: 10 April 2005 in the seed's language (long), the "
            "same but 3 days ago within a week (relative), or 2005-04-10 (iso)."
        ),
    ] = "relative"
    time_zone: Annotated[
        TimeZoneName | None,
        Field(description="Of the dates, such as Asia/Dushanbe; else that of the service."),
    ] = None


class WriteOptions(Options):
    """When a write is answered."""

    wait: Annotated[
        Literal["visible"] | None,
        Field(
            description="Answer when every worker of the machine shows it; 202 if that takes "
            "longer than 5 s."
        ),
    ] = None
