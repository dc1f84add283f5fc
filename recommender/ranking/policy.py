"""The ranking policy: how signals are weighed and where lists stop; see docs/policy.md.

The code holds the defaults. A newsroom sets what it wants otherwise, as a JSON object.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import reduce
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

from recommender.articles import LONGEST_NAME
from recommender.errors import BadJson, FieldFault, InvalidPolicy
from recommender.ranking.site_rules import Condition, SiteRule, SiteRules, rules_to_document
from recommender.spelling import explain_unknown
from recommender.strict_json import JsonValue, pointer_to, read_json

__all__ = [
    "MOST_POLICY_BYTES",
    "RELEVANCE_ONLY",
    "ActivePolicy",
    "Policy",
    "StoredPolicy",
    "parse_policy",
    "policy_schema",
]

MOST_POLICY_BYTES: Final = 2**20
"""The longest policy document that is read."""
NEVER: Final = 2.0  # above any overlap


def _section(name: str) -> str:
    if name != name.strip() or "\x00" in name:
        raise ValueError("must be a section as articles name it, without blanks around it")
    return name


def _means(meaning: str) -> Any:  # noqa: ANN401 - the type that pydantic gives
    return Field(description=meaning)


Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[float, Field(ge=0.01, le=36_500)]
SectionName = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_NAME), AfterValidator(_section)
]
HalfLives = Annotated[Mapping[SectionName, Days], Field(max_length=500)]


@with_config(ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
@dataclass(frozen=True, slots=True)
class Policy:
    """The weights and bounds of ranking. The defaults hold where a newsroom sets nothing else.

    The type of a field gives its bounds and its meaning. Bounds are checked in documents only: code
    that measures goes beyond them to switch a rule off.
    """

    dense_weight: Annotated[
        Share | None,
        _means(
            "share of article vectors in the score if the encoder supports both languages; not set "
            "(null): what the last rebuild measured in this archive. Words get the rest, after "
            "vectors and passages. If the encoder does not support one of the languages, only "
            "words count. If it supports both and they differ, words do not count"
        ),
    ] = None
    passage_weight: Annotated[
        Share | None,
        _means(
            "share of passage matching in the score if the encoder supports both languages; not "
            "set (null): a part of what was measured. `dense_weight` and this add up to at most 1"
        ),
    ] = None
    neighbour_weight: Annotated[
        Share,
        _means(
            "how much the two nearest neighbours of an article count in its vector, each by "
            "its nearness; nothing if the encoder supports several languages"
        ),
    ] = 0.6
    hubness_weight: Annotated[
        Share,
        _means(
            "how much of its mean similarity to its own ten nearest is subtracted from the "
            "ranking value of an article, so that articles near to everything are not in "
            "every list"
        ),
    ] = 0.3
    candidates: Annotated[
        int, Field(ge=1, le=10_000), _means("how many candidates each signal finds")
    ] = 200
    threshold: Annotated[
        Share,
        _means(
            "the least score of an item that is listed as related, where vectors have their usual "
            "share of 0.55; on a line with `words_threshold` it is higher where they count more"
        ),
    ] = 0.12
    words_threshold: Annotated[
        Share, _means("the same if words decide alone, whose scores are closer to 0")
    ] = 0.05
    latest_share: Annotated[
        Share,
        _means(
            "with `mode=latest`, the least share of the best score from which an article is "
            "of the same story; only those are ordered by time"
        ),
    ] = 0.5
    duplicate_overlap: Annotated[
        float,
        Field(gt=0, le=1),
        _means("from this overlap of their MinHashes on, two texts are near-duplicates"),
    ] = 0.4
    story_likeness: Annotated[
        float,
        Field(gt=0, le=1),
        _means(
            "from this similarity of their vectors on, two items are of one story, directly "
            "or through others"
        ),
    ] = 0.85
    story_cap: Annotated[
        int,
        Field(ge=1, le=100),
        _means("the most items of one story in a list of twelve; a longer list may have more"),
    ] = 6
    copy_overlap: Annotated[
        float,
        Field(gt=0, le=1),
        _means(
            "from this overlap on, texts of one author are made from one template; texts of "
            "one host from midway between this and `duplicate_overlap` on, because they share "
            "a footer"
        ),
    ] = 0.15
    copy_cap: Annotated[
        int, Field(ge=1, le=100), _means("the most items of one template in a list")
    ] = 2
    diversity: Annotated[
        Share, _means("weight of being unlike the items above, against the ranking value")
    ] = 0.05
    age_weight: Annotated[
        Share, _means("the most that age takes from the score of an article, as a share of it")
    ] = 0.1
    half_life_days: Annotated[Days, _means("the age in days at which half of that is lost")] = 180.0
    half_lives: Annotated[
        HalfLives,
        _means(
            "by section, as articles name it, the half-life in days of its articles; "
            "`half_life_days` is that of all others"
        ),
    ] = field(default_factory=dict, hash=False)
    nearness_weight: Annotated[
        Share,
        _means(
            "what is added to the ranking value of an article that was published at the same time "
            "as the seed, as a share of its score; not with `mode=background`"
        ),
    ] = 0.1
    nearness_half_life_days: Annotated[
        Days, _means("the days between two articles at which half of that is added")
    ] = 5.0
    nearness_half_lives: Annotated[
        HalfLives,
        _means(
            "by section, the same in days, for sections whose texts stay right for long; the "
            "longer one of the two articles counts"
        ),
    ] = field(default_factory=dict, hash=False)
    fallback: Annotated[bool, _means("whether a short list is filled with the latest articles")] = (
        True
    )
    untitled: Annotated[bool, _means("whether articles without a title may be listed")] = False
    rules: Annotated[
        SiteRules,
        _means(
            "site rules: what is never listed under some articles, ranks higher or lower there, "
            "or has places of its own; see below. Where they compete for places, the earlier wins"
        ),
    ] = ()

    def __post_init__(self) -> None:
        for name in ("half_lives", "nearness_half_lives"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def counts_ages(self) -> bool:
        """Whether the age of an article can change a list, by its score or by a site rule."""
        conditions = (one for rule in self.rules for one in (rule.under, rule.items))
        return self.age_weight > 0 or any(one.names_ages for one in conditions)

    def to_document(self, *, full: bool = False) -> dict[str, Any]:
        """As plain JSON types: the fields that differ from the defaults, or all fields."""
        plain = {each.name: _plain(getattr(self, each.name)) for each in fields(self)}
        if full:
            return plain
        usual = Policy().to_document(full=True)
        return {name: value for name, value in plain.items() if value != usual[name]}

    def to_json(self) -> str:
        """Canonical JSON of what differs from the defaults; `parse_policy` is the inverse."""
        return json.dumps(self.to_document(), ensure_ascii=False, sort_keys=True)


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a field holds
    if isinstance(value, tuple):
        return rules_to_document(value)
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
"""Relatedness alone, for measuring: no rule removes or moves an article."""


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
    if (policy.dense_weight or 0) + (policy.passage_weight or 0) > 1:
        raise ValueError("dense_weight and passage_weight add up to more than 1")


def policy_schema() -> dict[str, Any]:
    """The JSON schema of a policy document: meaning, default and bounds of each field."""
    return _POLICY_DOCUMENT.json_schema()


def _read(document: str | bytes) -> JsonValue:
    """Parse JSON. The byte order mark that editors of Windows write is ignored."""
    if len(document) > MOST_POLICY_BYTES:
        raise ValueError(f"longer than {MOST_POLICY_BYTES} bytes")
    return read_json(document.removeprefix(BOM_UTF8) if isinstance(document, bytes) else document)


def _fault(error: ErrorDetails) -> FieldFault:
    """One rejected field, addressed by a JSON pointer."""
    match error["loc"]:
        case (field, name, "[key]"):  # the key is rejected; a JSON pointer addresses its value
            places: tuple[int | str, ...] = (field, name)
        case places:
            pass
    match error["type"]:
        case "dataclass_type":
            detail = "not a JSON object"
        case "unexpected_keyword_argument":
            detail = explain_unknown(str(places[-1]), _names_beside(places))
        case _:
            detail = error["msg"].removeprefix("Value error, ")
    return FieldFault(reduce(pointer_to, places, ""), detail)


def _names_beside(places: tuple[int | str, ...]) -> list[str]:
    """The names of the fields that may stand at a place of a policy document."""
    match places:
        case ("rules", _, _):
            known: type[SiteRule | Condition | Policy] = SiteRule
        case ("rules", *_):
            known = Condition
        case _:
            known = Policy
    return [each.name for each in fields(known)]


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
class ActivePolicy:
    """The policy by which lists are made.

    Attributes:
        policy: its weights and bounds.
        stored: the version it comes from; None for the defaults.
        history: the versions from the newest down to that one; for the defaults all that were read.
        fault: why the newest version is not the active one; None if it is.
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
    def of(cls, history: Iterable[StoredPolicy]) -> "ActivePolicy":
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
