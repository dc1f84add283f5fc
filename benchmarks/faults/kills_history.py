"""All that was acknowledged in a store so far, and what its change log and content must be then."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise, permutations
from typing import Final

from benchmarks.faults.kills_deeds import Deed, Effect

__all__ = ["History", "Seen", "Settled"]

MOST_WORDS: Final = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """What a fresh look at a store found.

    Attributes:
        first: the number at which the log starts; a rebuild may trim it.
        log: by number the article and kind of each write from there on.
        held: by id the digest of each article that is there.
    """

    first: int
    log: Mapping[int, tuple[str, str]]
    held: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the deeds that were cut short, and what is wrong.

    Attributes:
        entries: by number, the effects of those that turn out to be kept.
        kept: how many deeds those are.
        wrong: what contradicts the promises, in words.
        missing: how many acknowledged writes are not there.
    """

    entries: dict[int, Effect] = field(default_factory=dict)
    kept: int = 0
    wrong: tuple[str, ...] = ()
    missing: int = 0


@dataclass(slots=True)
class History:
    """By change number, every effect that was acknowledged, or seen after a kill."""

    entries: dict[int, Effect] = field(default_factory=dict)

    def add(self, deeds: Iterable[Deed]) -> list[str]:
        """Add what one writer was acknowledged, in order; says what is wrong with the numbers."""
        acknowledged = [deed for deed in deeds if deed.numbers is not None]
        wrong = [
            f"{len(deed.effects)} changes were acknowledged as {deed.numbers}"
            for deed in acknowledged
            if len(deed.numbers or ()) != len(deed.effects)
        ]
        numbers = list(chain.from_iterable(deed.numbers or () for deed in acknowledged))
        wrong += [f"change {b} was acknowledged after {a}" for a, b in pairwise(numbers) if a >= b]
        wrong += [f"change {n} was acknowledged twice" for n in numbers if n in self.entries]
        effects = chain.from_iterable(deed.effects for deed in acknowledged)
        self.entries.update(zip(numbers, effects, strict=False))
        return wrong

    def state(self, through: int | None = None) -> dict[str, str | None]:
        """By id the digest that the last change up to a number left; None where it deleted."""
        numbers = sorted(n for n in self.entries if through is None or n <= through)
        return {self.entries[n].id: self.entries[n].digest for n in numbers}

    def settle(self, cut_short: Sequence[Deed], seen: Seen) -> Settled:
        """Compare with a fresh look; each deed cut short must be there as a whole or not at all."""
        told = {n: effect for n, effect in self.entries.items() if n >= seen.first}
        lost = [n for n, effect in told.items() if seen.log.get(n) != _logged(effect)]
        if lost:
            words = [f"change {n}, {told[n]}, is {seen.log.get(n)}" for n in lost]
            return Settled(wrong=tuple(words[:MOST_WORDS]), missing=len(lost))
        extra = {n: entry for n, entry in seen.log.items() if n not in self.entries}
        fits = list(_arrangements(cut_short, extra))
        if not fits:
            return Settled(wrong=(f"not acknowledged, yet there in part: {extra}"[:1_000],))
        for entries, kept in fits:
            if _content(self.entries | entries) == seen.held:
                return Settled(entries, kept)
        return self._explain(fits[0][0], seen)

    def _explain(self, entries: dict[int, Effect], seen: Seen) -> Settled:
        wanted = _content(self.entries | entries)
        ids = [i for i in wanted.keys() | seen.held.keys() if wanted.get(i) != seen.held.get(i)]
        words = [f"{i} holds {seen.held.get(i)}, not {wanted.get(i)}" for i in sorted(ids)]
        return Settled(wrong=tuple(words[:MOST_WORDS]), missing=len(ids))


def _logged(effect: Effect) -> tuple[str, str]:
    return effect.id, effect.kind


def _content(entries: Mapping[int, Effect]) -> dict[str, str]:
    state = History(dict(entries)).state()
    return {name: digest for name, digest in state.items() if digest is not None}


def _arrangements(
    cut_short: Sequence[Deed], extra: Mapping[int, tuple[str, str]]
) -> Iterable[tuple[dict[int, Effect], int]]:
    """The ways in which whole deeds account for the log's entries that nobody was told of."""
    numbers = sorted(extra)
    for count in range(len(cut_short) + 1):
        for deeds in permutations(cut_short, count):
            effects = [effect for deed in deeds for effect in deed.effects]
            entries = dict(zip(numbers, effects, strict=False))
            fits = len(effects) == len(numbers)
            if fits and all(extra[n] == _logged(effect) for n, effect in entries.items()):
                yield entries, count
