"""The ranking policy: how signals are weighed, and where lists stop; see docs/policy.md.

The code holds the defaults. A newsroom sets what it wants otherwise, as a document.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, with_config

__all__ = ["RELEVANCE_ONLY", "Policy"]

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
        """Canonical JSON of what differs from the defaults; `policy_documents` reads it back."""
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
