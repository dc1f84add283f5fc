"""What editors choose under an article: who stands first in its list, and who never does."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from recommender.articles import Moment, Text, check_id, faults_of
from recommender.errors import FieldFault, InvalidChoices

__all__ = [
    "KINDS",
    "MOST",
    "Choice",
    "Choices",
    "Kind",
    "Wish",
    "as_json",
    "check_wishes",
    "keep_authors",
    "parse_choices",
]

Kind = Literal["pins", "blocks"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
MOST: Final = {"pins": 100, "blocks": 500}
"""How many an article may have of each kind."""


class Wish(BaseModel):
    """An article that an editor wants first under another one, or never, and from when to when.

    It holds from `starts_at` on and before `ends_at`; without them it holds always.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Annotated[str, AfterValidator(check_id)]
    why: Annotated[Text, Field(max_length=500)] = ""
    starts_at: Moment | None = None
    ends_at: Moment | None = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValueError("ends_at must be later than starts_at")
        return self

    def holds(self, now: float) -> bool:
        """Whether it holds at `now`, seconds since 1970 in UTC."""
        begun = self.starts_at is None or self.starts_at.timestamp() <= now
        return begun and (self.ends_at is None or now < self.ends_at.timestamp())

    @property
    def turns(self) -> Iterator[float]:
        """The moments at which it begins and ceases to hold."""
        return (moment.timestamp() for moment in (self.starts_at, self.ends_at) if moment)


class Choice(Wish):
    """A wish that was written down: `by` is who asked for it, `at` when."""

    by: str
    at: Moment

    @property
    def wish(self) -> Wish:
        """What was asked for, whoever asked."""
        return Wish.model_validate(self.model_dump(include=set(Wish.model_fields)))


@dataclass(frozen=True, slots=True)
class Choices:
    """All that editors chose under one article; pins in the order to show them."""

    pins: tuple[Choice, ...] = ()
    blocks: tuple[Choice, ...] = ()

    def pinned(self, now: float) -> tuple[str, ...]:
        """Who stands first at `now`, in order."""
        return tuple(pin.id for pin in self.pins if pin.holds(now))

    def blocked(self, now: float) -> frozenset[str]:
        """Who must not stand in the list at `now`."""
        return frozenset(block.id for block in self.blocks if block.holds(now))

    def next_turn(self, now: float) -> float:
        """The next moment at which the clock alone changes them; infinite if none does."""
        moments = (moment for one in (*self.pins, *self.blocks) for moment in one.turns)
        return min((moment for moment in moments if moment > now), default=float("inf"))


def check_wishes(wishes: tuple[Wish, ...], article_id: str, kind: Kind) -> None:
    """Refuse what cannot be meant.

    Raises:
        InvalidChoices: there are too many, one stands there twice, or it is the article itself.
    """
    faults = [] if len(wishes) <= MOST[kind] else [_fault(f"/{kind}", f"more than {MOST[kind]}")]
    seen: set[str] = set()
    for place, wish in enumerate(wishes):
        pointer = f"/{kind}/{place}/id"
        if wish.id == article_id:
            faults.append(_fault(pointer, "is the article itself"))
        if wish.id in seen:
            faults.append(_fault(pointer, f"{wish.id!r} stands there twice"))
        seen.add(wish.id)
    if faults:
        raise InvalidChoices(f"the {kind} are not acceptable", tuple(faults))


def keep_authors(
    wishes: Iterable[Wish], before: Iterable[Choice], by: str, at: datetime
) -> tuple[Choice, ...]:
    """Wishes as choices of who asks now; one that stood there before keeps its author and time."""
    known = {choice.wish: choice for choice in before}
    made = ((wish, {**wish.model_dump(), "by": by, "at": at}) for wish in wishes)
    return tuple(known.get(wish) or Choice.model_validate(fields) for wish, fields in made)


def as_json(choices: tuple[Choice, ...]) -> str:
    """Canonical JSON; `parse_choices` reads it back."""
    return _CHOICES.dump_json(choices, exclude_defaults=True).decode()


def parse_choices(document: str) -> tuple[Choice, ...]:
    """Read what `as_json` wrote.

    Raises:
        InvalidChoices: it is of a newer program.
    """
    try:
        return _CHOICES.validate_json(document)
    except ValidationError as error:
        raise InvalidChoices("the choices cannot be read", tuple(faults_of(error))) from None


def _fault(pointer: str, detail: str) -> FieldFault:
    return FieldFault(pointer, detail)


_CHOICES: Final = TypeAdapter(tuple[Choice, ...])
