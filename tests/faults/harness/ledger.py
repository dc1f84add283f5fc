"""All that was acknowledged in a store so far, and what its change log and content must be then."""

import hashlib
import json
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise, permutations
from pathlib import Path
from typing import Any, Final, Protocol

from recommender.articles import Article, parse_article
from recommender.errors import ReadAlsoError, StaleVersion
from recommender.store import ArticleStore

# What a writer does, drawn from a seed, and the ledger in which it says so before and after.
#
# A deed's effects are the changes it must make, in order, whatever others do meanwhile: ids of
# its own are versioned and deleted by one writer only, ids shared with other writers are only
# put, and no two texts are alike.


OWN: Final = 250
SHARED: Final = 20
MOST: Final = 50
WORDS: Final = (
    *("harbour", "ship", "crane", "orchard", "apple", "farmer", "counsel", "budget", "vote"),
    *("ледокол", "港口", "بندر"),
)


@dataclass(frozen=True, slots=True)
class Effect:
    """The state an article is given: the digest of its document, or None where it is deleted."""

    id: str
    digest: str | None

    @property
    def kind(self) -> str:
        """What the change log calls it."""
        return "delete" if self.digest is None else "upsert"


@dataclass(frozen=True, slots=True)
class Deed:
    """One call of a writer; its change numbers once it was acknowledged, None before."""

    effects: tuple[Effect, ...]
    numbers: tuple[int, ...] | None


class Receipt(Protocol):
    """What the store answers."""

    @property
    def result(self) -> str: ...
    @property
    def change(self) -> int: ...


def digest_of(article: Article) -> str:
    """SHA-256 of the canonical document."""
    return hashlib.sha256(article.to_json().encode()).hexdigest()


class Ledger:
    """Lines appended with one write(2) each, so that a kill leaves whole ones."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, kind: str, value: object) -> None:
        """Append a line."""
        os.write(self._handle, json.dumps([kind, value]).encode() + b"\n")

    def close(self) -> None:
        """Give back the handle; a child that was forked before keeps its own."""
        os.close(self._handle)


def read_ledger(path: Path) -> Iterator[tuple[str, Any]]:
    """The whole lines of a ledger that may not exist."""
    text = path.read_text("utf-8") if path.exists() else ""
    return (tuple(json.loads(line)) for line in text.splitlines(keepends=True) if line[-1] == "\n")


class Author:
    """A writer: draws deeds and does them, telling its ledger of each before and after.

    Args:
        store: where to.
        ledger: its own.
        name: the writer's; its ids start with it.
        present: those of its ids that are stored and not deleted.
        draw: where its deeds come from.
        version: above every version it used before.
    """

    def __init__(
        self,
        store: ArticleStore,
        ledger: Ledger,
        name: str,
        *,
        present: set[str],
        draw: random.Random,
        version: int,
    ) -> None:
        self._store, self._ledger, self._name = store, ledger, name
        self._present, self._draw, self._version = present, draw, version
        self._last: Article | None = None
        self._deeds: Sequence[Callable[[], None]] = (
            *[self._put] * 9,
            *[self._put_many] * 6,
            *[self._delete] * 3,
            *[self._put_again, self._put_stale],
        )

    def act(self) -> None:
        """Do one deed."""
        self._draw.choice(self._deeds)()

    def _put(self) -> None:
        article = self._new(self._pick())
        self._do([Effect(article.id, digest_of(article))], lambda: [self._store.put(article)])
        self._remember([article])

    def _put_many(self) -> None:
        ids = {self._pick() for _ in range(self._draw.randint(1, MOST))}
        articles = [self._new(name) for name in sorted(ids)]
        self._draw.shuffle(articles)
        effects = [Effect(article.id, digest_of(article)) for article in articles]
        stale = self._stale()
        given = [*articles, *([stale] if stale and stale.id not in ids else [])]
        self._do(effects, lambda: self._receipts(given))
        self._remember(articles)

    def _receipts(self, articles: list[Article]) -> list[Receipt]:
        answers = self._store.write_many(articles)
        return [answer for answer in answers if not isinstance(answer, ReadAlsoError)]

    def _delete(self) -> None:
        if not self._present:
            return
        name = self._draw.choice(sorted(self._present))
        self._do([Effect(name, None)], lambda: [self._store.delete(name)])
        self._present.discard(name)
        self._last = None if self._last and self._last.id == name else self._last

    def _put_again(self) -> None:
        if (article := self._last) is None:
            return
        receipt = self._store.put(article)
        if receipt.result != "unchanged":
            self._ledger.write("wrong", f"{article.id} put twice is {receipt.result}")

    def _put_stale(self) -> None:
        if (article := self._stale()) is None:
            return
        try:
            self._store.put(article)
        except StaleVersion:
            return
        self._ledger.write("wrong", f"{article.id} was taken with an older version")

    def _do(self, effects: list[Effect], write: Callable[[], Sequence[Receipt]]) -> None:
        self._ledger.write("try", [[effect.id, effect.digest] for effect in effects])
        receipts = write()
        self._ledger.write("done", [receipt.change for receipt in receipts])

    def _remember(self, articles: Sequence[Article]) -> None:
        own = [article for article in articles if article.id.startswith(self._name)]
        self._present |= {article.id for article in own}
        self._last = own[-1] if own else self._last

    def _stale(self) -> Article | None:
        if self._last is None or self._last.version is None:
            return None
        return self._last.model_copy(update={"version": self._last.version - 1})

    def _pick(self) -> str:
        if self._draw.random() < 0.1:
            return f"shared-{self._draw.randrange(SHARED)}"
        return f"{self._name}-{self._draw.randrange(OWN)}"

    def _new(self, name: str) -> Article:
        """An article unlike any other: its title tells the writer and a number used once."""
        self._version += 2
        words = self._draw.choices(WORDS, k=self._draw.choice([0, 5, 60, 60, 200, 200, 400]))
        fields = {
            "id": name,
            "title": f"{self._name} {self._version}",
            "body": " ".join(words) * (30 if self._draw.random() < 0.01 else 1),
            "language": "en",
        }
        versioned = name.startswith(self._name) and self._draw.random() < 0.7
        return parse_article(json.dumps(fields | ({"version": self._version} if versioned else {})))


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
