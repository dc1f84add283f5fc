"""The ranking policy: how signals are weighed and where lists stop; see docs/policy.md.

The code holds the defaults. A newsroom sets what it wants otherwise, as a JSON object.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    with_config,
)
from pydantic_core import ErrorDetails

from recommender.errors import BadJson, FieldFault, InvalidPolicy
from recommender.strict_json import JsonValue, read_json

__all__ = [
    "MOST_BYTES",
    "RELEVANCE_ONLY",
    "Policy",
    "PolicyInForce",
    "StoredPolicy",
    "parse_policy",
    "policy_schema",
]

MOST_BYTES: Final = 2**20
"""The longest policy document that is read."""
NEVER: Final = 2.0  # above any overlap


def _section(name: str) -> str:
    if name != name.strip() or "\x00" in name:
        raise ValueError("must be a section as articles name it, without blanks around it")
    return name


def _says(meaning: str) -> Any:  # noqa: ANN401 - pydantic's own type of a field's facts
    return Field(description=meaning)


Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[float, Field(ge=0.01, le=36_500)]
Section = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_section)]


@with_config(ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
@dataclass(frozen=True, slots=True)
class Policy:
    """Defaults are what is served where a newsroom sets nothing else.

    Bounds and meaning stand in a field's type, and nowhere else. They hold for what a newsroom
    sets, not for a policy that code makes: measuring goes beyond them to put a rule out of force.
    """

    dense_weight: Annotated[
        Share,
        _says(
            "share of article vectors in the score where the encoder knows both languages; words "
            "have what vectors and passages leave. Where it does not know one, words have all; "
            "between two languages that it knows, words have nothing"
        ),
    ] = 0.3
    passage_weight: Annotated[
        Share, _says("share of passage matching there; with `dense_weight` at most 1")
    ] = 0.25
    neighbour_weight: Annotated[
        Share,
        _says(
            "how much an article's vector takes on from its two nearest, as far as near they are"
        ),
    ] = 0.6
    hubness_weight: Annotated[
        Share,
        _says(
            "how much of its mean similarity to its own ten nearest an article's ranking value "
            "loses, so that what is near to everything does not stand in every list"
        ),
    ] = 0.2
    candidates: Annotated[
        int, Field(ge=1, le=10_000), _says("how many articles each signal proposes")
    ] = 200
    threshold: Annotated[
        Share, _says("least score of an article listed as semantically related")
    ] = 0.12
    words_threshold: Annotated[
        Share, _says("the same where words decide alone: their scores lie closer to 0")
    ] = 0.05
    latest_share: Annotated[
        Share,
        _says(
            "with `mode=latest`, the least share of the best score that an article needs to be of "
            "the same story; only those are put in order of time"
        ),
    ] = 0.5
    duplicate_overlap: Annotated[
        float,
        Field(gt=0, le=1),
        _says("texts whose signatures overlap so much are one story told twice"),
    ] = 0.4
    story_likeness: Annotated[
        float,
        Field(gt=0, le=1),
        _says("items whose vectors are so near belong to one story, and so does what is near any"),
    ] = 0.85
    story_cap: Annotated[
        int,
        Field(ge=1, le=100),
        _says("how many items of one story a list of twelve holds at most, and a longer one more"),
    ] = 6
    copy_overlap: Annotated[
        float,
        Field(gt=0, le=1),
        _says(
            "texts of one author that overlap so much are cut from one pattern; texts of one host "
            "from midway between this and `duplicate_overlap` on, as their footers are alike"
        ),
    ] = 0.15
    copy_cap: Annotated[
        int, Field(ge=1, le=100), _says("how many items of one pattern a list holds at most")
    ] = 2
    diversity: Annotated[
        Share, _says("weight of being unlike what stands above, against the ranking value")
    ] = 0.05
    age_weight: Annotated[
        Share, _says("how much of its ranking value an article loses with age, at most")
    ] = 0.1
    half_life_days: Annotated[Days, _says("the age at which half of that is lost")] = 180.0
    half_lives: Annotated[
        Mapping[Section, Days],
        Field(max_length=500),
        _says(
            "by section, as articles name it, the half-life in days of its articles; "
            "`half_life_days` is that of all others"
        ),
    ] = field(default_factory=dict, hash=False)
    fallback: Annotated[bool, _says("whether a short list is filled with the latest articles")] = (
        True
    )
    untitled: Annotated[bool, _says("whether articles without a title may be listed")] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "half_lives", MappingProxyType(dict(self.half_lives)))

    def to_document(self, *, full: bool = False) -> dict[str, Any]:
        """Plain JSON types: what differs from the defaults, or every field."""
        plain = {each.name: _plain(getattr(self, each.name)) for each in fields(self)}
        if full:
            return plain
        usual = Policy().to_document(full=True)
        return {name: value for name, value in plain.items() if value != usual[name]}

    def to_json(self) -> str:
        """Canonical JSON of what differs from the defaults; `parse_policy` is the inverse."""
        return json.dumps(self.to_document(), ensure_ascii=False, sort_keys=True)


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a field holds
    return dict(value) if isinstance(value, Mapping) else value


RELEVANCE_ONLY: Final = Policy(
    threshold=0.0,
    words_threshold=0.0,
    duplicate_overlap=NEVER,
    story_likeness=NEVER,
    copy_overlap=NEVER,
    diversity=0.0,
    age_weight=0.0,
    fallback=False,
    untitled=True,
)
"""Relatedness alone, for measuring: no rule takes an article out or moves it."""


def parse_policy(document: str | bytes) -> Policy:
    """Parse a policy document; `{}` gives the defaults.

    Raises:
        InvalidPolicy: the text is not JSON, or fields are unknown, repeated, of a wrong type or out
            of bounds. Each such field is named.
    """
    try:
        found = _read(document)
        # From JSON text, because only then is an object accepted and no value converted.
        policy = _POLICY_DOCUMENT.validate_json(json.dumps(found))
        _check_shares(policy)
        return policy  # noqa: TRY300 - the errors are raised in the lines above
    except BadJson as refusal:
        faults = refusal.faults
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        faults = tuple(map(_fault, details))
    except ValueError as error:
        faults = (FieldFault("", str(error)),)
    raise InvalidPolicy("the policy is not acceptable", faults)


def _check_shares(policy: Policy) -> None:
    """Check that vectors and passages leave a share of at least 0 for words."""
    if policy.dense_weight + policy.passage_weight > 1:
        raise ValueError("dense_weight and passage_weight add up to more than 1")


def policy_schema() -> dict[str, Any]:
    """The JSON schema of a policy document: meaning, default and bounds of each field."""
    return _POLICY_DOCUMENT.json_schema()


def _read(document: str | bytes) -> JsonValue:
    """Parse JSON. The byte order mark that editors of Windows write is ignored."""
    if len(document) > MOST_BYTES:
        raise ValueError(f"longer than {MOST_BYTES} bytes")
    return read_json(document.removeprefix(BOM_UTF8) if isinstance(document, bytes) else document)


def _fault(error: ErrorDetails) -> FieldFault:
    """One rejected field, addressed by a JSON pointer."""
    match error["loc"]:
        case (field, name, "[key]"):  # the key is rejected; a JSON pointer addresses its value
            places: tuple[int | str, ...] = (field, name)
        case places:
            pass
    steps = [str(step).replace("~", "~0").replace("/", "~1") for step in places]
    match error["type"]:
        case "dataclass_type":
            detail = "not a JSON object"
        case "unexpected_keyword_argument":
            near = get_close_matches(steps[-1], [each.name for each in fields(Policy)], 1)
            detail = f"unknown; did you mean {near[0]!r}?" if near else "unknown"
        case _:
            detail = error["msg"].removeprefix("Value error, ")
    return FieldFault("".join(f"/{step}" for step in steps), detail)


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """One version of the policy, as the store keeps it.

    Attributes:
        version: counted from 1.
        change: the number of its entry in the change log.
        document: JSON text; see `parse_policy`.
        at: when it was set, in UTC.
    """

    version: int
    change: int
    document: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """The policy by which lists are made.

    Attributes:
        policy: its weights and bounds.
        stored: the version it comes from; None for the defaults.
        history: the versions from the newest down to that one; for the defaults all that were read.
        fault: why the newest version is not the one in force; None if it is.
    """

    policy: Policy = field(default_factory=Policy)
    stored: StoredPolicy | None = None
    history: tuple[StoredPolicy, ...] = ()
    fault: str | None = None

    @property
    def version(self) -> int:
        """The number of the version; 0 for the defaults."""
        return 0 if self.stored is None else self.stored.version

    @property
    def newest(self) -> int:
        """The change number of the newest version; 0 if none was ever set."""
        return self.history[0].change if self.history else 0

    @classmethod
    def of(cls, history: Iterable[StoredPolicy]) -> "PolicyInForce":
        """The newest version that this program can read; `history` comes newest first.

        A newer program may have set a version with unknown fields: the version before stays in
        force.
        """
        seen: tuple[StoredPolicy, ...] = ()
        fault = None
        for stored in history:
            seen = (*seen, stored)
            try:
                return cls(parse_policy(stored.document), stored, seen, fault)
            except InvalidPolicy as refusal:
                fault = fault or f"version {stored.version} cannot be read: {refusal}"
        return cls(history=seen, fault=fault)


_POLICY_DOCUMENT: Final = TypeAdapter(Policy)
