"""What is said of a short list: the step that costs it the most places, and a hint.

A hint is for who asks for what no article has: it names the value of a filter, and the nearest one
there is. Only articles that may be listed count, so nobody learns from a hint what a draft has. No
list shows attributes, so those there are get named only to who may have explanations.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.api import AttributeChoice, Choice, ShortBecause
from recommender.attributes import texts_alike
from recommender.ranking.candidates import ListRequest
from recommender.ranking.filters import ATTRIBUTE, AUTHOR, HAS, TAG, eligible

__all__ = ["SelectionCounts", "find_hint", "find_shortage", "greatest_loss", "names_near"]

LEAST_LIKENESS: Final = 0.6
"""Of two names, as `difflib` measures it: twice the letters in common, by all letters."""
MOST_COMPARED: Final = 1_000
"""Names: an archive may have a hundred thousand tags, and each costs some microseconds."""
COMPARED_LETTERS: Final = 60
MOST_NEAR: Final = 5
MOST_NAMED: Final = 3
_SECTIONS: Final = ""
"""Stands for the kind of a keyword where sections are meant, which are no keywords."""


def find_hint(request: ListRequest) -> str | None:
    """Name the values of the filters that no article on show has; None if there are none.

    Only where the list is to be explained, excluded values are looked up too, and of attributes the
    nearest names and values.
    """
    names, wanted = _NamesOnShow.of(request), _values_in(request)
    hints = [*islice((names.hint(one) for one in wanted if not names.has(one)), MOST_NAMED)]
    return f"no article on show has {', or '.join(hints)}" if hints else None


@dataclass(frozen=True, slots=True)
class _Value:
    """A value that a filter names.

    Attributes:
        of: the word for what it is a value of.
        kind: what its keywords in the index begin with.
        text: the value.
    """

    of: str
    kind: str
    text: str


def _values_in(request: ListRequest) -> Iterator[_Value]:
    wanted, excluded = request.filter_of(request.options), bool(request.options.explain)
    yield from _values_of("section", _SECTIONS, wanted.section, excluded=excluded)
    yield from _values_of("tag", TAG, wanted.tag, excluded=excluded)
    yield from _values_of("author", AUTHOR, wanted.author, excluded=excluded)
    for name, choice in wanted.attributes.items():
        yield _Value("attribute", HAS, name)
        yield from _values_of(f"attribute {name}", f"{ATTRIBUTE}{name}=", choice, excluded=excluded)


def _values_of(
    of: str, kind: str, choice: Choice | AttributeChoice | None, *, excluded: bool
) -> Iterator[_Value]:
    """The values of a filter in their order; a range of numbers is none."""
    if choice is not None:
        values = {*(choice.any_of or ()), *(choice.none_of if excluded else ())}
        texts = sorted(value for value in values if isinstance(value, str))
        yield from (_Value(of, kind, text) for text in texts)


def names_near(wanted: str, names: Iterable[str]) -> Iterator[str]:
    """Of at most MOST_COMPARED names those that are like the wanted one, the nearest first.

    Capital and small letters are the same here.
    """
    by_letters = {_letters(name): name for name in islice(names, MOST_COMPARED)}
    near = get_close_matches(_letters(wanted), by_letters, MOST_NEAR, LEAST_LIKENESS)
    return (by_letters[one] for one in near)


def _letters(name: str) -> str:
    return name.casefold()[:COMPARED_LETTERS]


@dataclass(frozen=True, eq=False)
class _NamesOnShow:
    """The sections, tags, authors and attributes of the articles that may be listed.

    Attributes:
        view: the archive.
        shown: which of its rows may be listed, bool [n].
        explains: whether the list is to be explained, so that attributes may be named.
    """

    view: View
    shown: NDArray[np.bool_]
    explains: bool

    @classmethod
    def of(cls, request: ListRequest) -> "_NamesOnShow":
        untitled = request.policy.untitled
        return cls(
            request.view,
            request.view.where(lambda part: eligible(part, request.now, untitled=untitled)),
            bool(request.options.explain),
        )

    def has(self, value: _Value) -> bool:
        """Whether an article on show has a value."""
        alike = texts_alike(value.text) if value.kind.startswith(ATTRIBUTE) else {value.text}
        return any(self._has(value.kind, text) for text in alike)

    def hint(self, value: _Value) -> str:
        """The value, and the nearest one that an article on show has."""
        if value.kind.startswith((HAS, ATTRIBUTE)) and not self.explains:
            return f"the {value.of} {value.text!r}"
        near = names_near(value.text, self._comparable(value))
        found = next((one for one in near if self._has(value.kind, one)), None)
        return f"the {value.of} {value.text!r}" + (f" (nearest: {found!r})" if found else "")

    def _has(self, kind: str, text: str) -> bool:
        if kind == _SECTIONS:
            return text in self._sections
        return bool(self.shown[self.view.rows_with(kind + text)].any())

    @cached_property
    def _sections(self) -> frozenset[str]:
        found, begin = set[str](), 0
        for part in self.view.parts:
            shown = self.shown[begin : begin + len(part)]
            codes = np.unique(part.columns["section"][shown])
            found |= {part.labels["section"][code] for code in codes.tolist()} - {""}
            begin += len(part)
        return frozenset(found)

    def _comparable(self, value: _Value) -> Iterable[str]:
        """All sections; of other values those with the same beginning, whatever its case.

        The beginning is one letter, or as many as it takes to have few enough of them.
        """
        if value.kind == _SECTIONS:
            return sorted(self._sections)
        for length in range(1, len(value.text) + 1):
            names = self._beginning_with(value.kind, value.text[:length])
            found = [*islice(names, MOST_COMPARED + 1)]
            if len(found) <= MOST_COMPARED:
                return found
        return ()

    def _beginning_with(self, kind: str, beginning: str) -> Iterator[str]:
        for prefix in dict.fromkeys((beginning.lower(), beginning.capitalize(), beginning)):
            for part in self.view.parts:
                for keyword in part.keywords_beginning_with(kind + prefix):
                    yield keyword.removeprefix(kind)


@dataclass(frozen=True, slots=True)
class SelectionCounts:
    """How many articles were listed, and how many were removed as repeats and by a cap."""

    listed: int
    duplicates: int
    capped: int


def find_shortage(
    request: ListRequest, places: int, counts: SelectionCounts, *, filled_up: bool
) -> ShortBecause:
    """What costs a list the most of its places.

    Args:
        request: the request of the list.
        places: how many items it might have.
        counts: what selection made of its candidates.
        filled_up: whether a list of few related articles is filled up with others.
    """
    eligible, by_rules, allowed = _count_eligible(request, places)
    listed, capped = counts.listed, counts.capped
    # Low scores cost a list no place if it is filled up.
    related = allowed if filled_up else listed + counts.duplicates + capped
    steps: list[tuple[ShortBecause, int]] = [
        ("few_eligible", eligible),
        ("site_rules", by_rules),
        ("filters", allowed),
        ("threshold" if request.options.min_score is None else "min_score", related),
        ("duplicates", listed + capped),
        ("caps", listed),
    ]
    return greatest_loss(places, steps)


def greatest_loss(limit: int, left: Sequence[tuple[ShortBecause, int]]) -> ShortBecause:
    """The step that costs a list the most of its `limit` places; of equal ones the later.

    Args:
        limit: how many places the list has.
        left: the steps in their order, and how many articles are left after each.
    """
    costs: list[tuple[int, ShortBecause]] = []
    for cause, count in left:
        filled = min(limit, count)
        costs.append((limit - filled, cause))
        limit = filled
    most = max(cost for cost, _ in costs)
    return [cause for cost, cause in costs if cost == most][-1]


def _count_eligible(request: ListRequest, places: int) -> tuple[int, int, int]:
    """How many articles a list could hold by default, with site rules, and in this request."""
    allowed = request.rows.eligible.copy()
    allowed[request.rows.pinned] = True
    count = int(np.count_nonzero(allowed))
    if count >= places:  # then the rest makes no difference
        return count, count, count
    eligible = allowed | request.rows_by_default()
    by_rules = allowed | request.kept_by_rules(eligible)
    return int(np.count_nonzero(eligible)), int(np.count_nonzero(by_rules)), count
