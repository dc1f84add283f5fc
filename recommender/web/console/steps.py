"""What an editor does to the overrides of an article, and what two sets of them differ in.

A step is done to those that the editor has seen. If somebody else has changed them meanwhile, the
same step can be done to what they are now: so neither of both loses what they wanted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Self, cast, get_args

from pydantic import ValidationError

from recommender.api import Override
from recommender.articles import faults_of
from recommender.errors import BadParameter, InvalidOverrides
from recommender.id_grammar import find_id_fault
from recommender.ranking.overrides import KINDS, OF_ITSELF, AnyKind
from recommender.web.console.sent_values import find_number

__all__ = ["Difference", "Step"]

Action = Literal["add", "remove", "up", "down", "place", "note"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
MOVES: Final = frozenset({"up", "down", "place"})
Overrides = tuple[Override, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the overrides of one kind.

    Attributes:
        kind: of the overrides.
        action: `add` puts a story behind the others, `place` at a place, `up` and `down` move it by
            one, `note` gives it another note and another time; whatever is not there is added.
        item: the id of the story that is pinned, blocked or kept out of all lists.
        place: counted from 0; for `place` only.
        note: the note and the time; of `add` only if there are any.
    """

    kind: AnyKind
    action: Action
    item: str
    place: int = 0
    note: Override | None = None

    @classmethod
    def read(cls, text: str, note: Mapping[str, str | datetime | None]) -> Self:
        """Read a step as a button of a page sends it: `pins place harbour-2 3`.

        Args:
            text: the kind, the action, the id and, for `place`, the place.
            note: `why`, `starts_at`, `ends_at`; for `add` and `note`.

        Raises:
            BadParameter: it is no step.
            InvalidOverrides: the note is too long, or the time ends before it begins.
        """
        kind, action, item, place = _split(text)
        is_noted = action == "note" or (action == "add" and any(note.values()))
        noted = _override(item, note) if is_noted else None
        return cls(cast("AnyKind", kind), cast("Action", action), item, place, noted)

    @property
    def text(self) -> str:
        """The form that `read` reads."""
        words = (self.kind, self.action, self.item)
        return " ".join((*words, str(self.place)) if self.action == "place" else words)

    def applied_to(self, before: Overrides) -> Overrides:
        """The overrides after this step."""
        at = next((place for place, one in enumerate(before) if one.id == self.item), None)
        if self.action == "remove":
            return tuple(one for one in before if one.id != self.item)
        if at is None:
            added = self.note or Override(id=self.item)
            place = self.place if self.action == "place" else len(before)
            return (*before[:place], added, *before[place:])
        if self.note is not None:
            return (*before[:at], self.note, *before[at + 1 :])
        others = (*before[:at], *before[at + 1 :])
        place = {"up": max(0, at - 1), "down": at + 1, "place": self.place}.get(self.action, at)
        return (*others[:place], before[at], *others[place:])


@dataclass(frozen=True, slots=True)
class Difference:
    """What others have changed.

    Attributes:
        added: the ids of what is new.
        removed: the ids of what is no longer there.
        noted: the ids of what has another note or another time.
        reordered: whether what stayed has another order.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    reordered: bool = False

    @classmethod
    def between(cls, before: Overrides, after: Overrides) -> Self:
        """From one set to another."""
        old, new = ({one.id: one for one in some} for some in (before, after))
        return cls(
            added=tuple(one for one in new if one not in old),
            removed=tuple(one for one in old if one not in new),
            noted=tuple(one for one in new if one in old and old[one] != new[one]),
            reordered=[one for one in old if one in new] != [one for one in new if one in old],
        )


def _split(text: str) -> tuple[str, str, str, int]:
    """Kind, action, id and place of a step."""
    kind, action, item, place = [*text.split(" "), "", "", "", ""][:4]
    is_placed = action == "place"
    words = 4 if is_placed else 3
    is_step = kind in (*KINDS, *OF_ITSELF) and action in ACTIONS and text.count(" ") == words - 1
    is_step &= kind == "pins" or action not in MOVES
    number = find_number(place) if is_placed else 0
    if not is_step or find_id_fault(item) or number is None:
        raise BadParameter("this is no change of a list")
    return kind, action, item, number


def _override(item: str, note: Mapping[str, str | datetime | None]) -> Override:
    try:
        return Override.model_validate({"id": item, **note})
    except ValidationError as error:
        raise InvalidOverrides("the note is not acceptable", tuple(faults_of(error))) from None
