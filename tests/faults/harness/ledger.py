"""All acknowledged writes of a store so far, and the log and content that follow from them.

A writer records each deed in its ledger before and after it. A deed's effects are the changes it
must make, in order, whatever others do meanwhile: each id is of one writer only, and no two texts
are alike.
"""

import hashlib
import json
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import pysqlite3

from recommender.articles import Article
from recommender.store import ArticleStore

IDS: Final = 250
MOST: Final = 50
MOST_WORDS: Final = 5
WORDS: Final = (
    *("harbour", "ship", "crane", "orchard", "apple", "farmer", "counsel", "budget", "vote"),
    *("ледокол", "港口", "بندر"),
)


class Effect(NamedTuple):
    """The state an article is given: the digest of its document, or None where it is deleted."""

    id: str
    digest: str | None

    @property
    def logged(self) -> tuple[str, str]:
        """The entry of the change log for it."""
        return self.id, "delete" if self.digest is None else "upsert"


@dataclass(frozen=True, slots=True)
class Deed:
    """One call of a writer; its change numbers once it was acknowledged, None before."""

    effects: tuple[Effect, ...]
    numbers: tuple[int, ...] | None


def digest_of(article: Article) -> str:
    """SHA-256 of the canonical document."""
    return hashlib.sha256(article.to_json().encode()).hexdigest()


def find_corruption(database: Path) -> Iterator[str]:
    """The faults that SQLite itself finds in a database file."""
    with closing(pysqlite3.connect(database)) as connection:
        answer = connection.execute("PRAGMA integrity_check").fetchall()
    if answer != [("ok",)]:
        yield f"integrity_check: {answer}"


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


def read_ledger(path: Path) -> list[tuple[str, Any]]:
    """The whole lines of a ledger that may not exist."""
    text = path.read_text("utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line[-1] == "\n"]


def deeds_in(lines: Sequence[tuple[str, Any]]) -> list[Deed]:
    """The deeds in a writer's ledger, in order; only the last deed may lack its numbers."""
    deeds: list[Deed] = []
    for kind, value in lines:
        if kind == "try":
            deeds.append(Deed(tuple(Effect(*effect) for effect in value), None))
        elif kind == "done":
            deeds[-1] = Deed(deeds[-1].effects, tuple(value))
    return deeds


class Author:
    """A writer: draws deeds and does them; its ledger records each before and after.

    Args:
        store: where to.
        ledger: its own.
        name: the writer's; its ids start with it.
        seed: used once; draws its deeds and stands in its titles.
        present: those of its ids that are stored and not deleted.
    """

    def __init__(
        self, store: ArticleStore, ledger: Ledger, name: str, seed: str, present: set[str]
    ) -> None:
        self._store, self._ledger, self._name, self._seed = store, ledger, name, seed
        self._present = present
        self._draw = random.Random(seed)  # noqa: S311 - texts, no secrets
        self._written = 0

    def act(self) -> None:
        """Do one deed."""
        deeds = (self._put, self._put_many, self._delete)
        self._draw.choices(deeds, (10, 6, 3))[0]()

    def _put(self) -> None:
        article = self._new()
        self._do({article.id: article}, lambda: [self._store.put(article)])

    def _put_many(self) -> None:
        articles = {
            new.id: new for new in (self._new() for _ in range(self._draw.randint(1, MOST)))
        }
        self._do(articles, lambda: self._store.write_many(articles.values()))

    def _delete(self) -> None:
        if self._present:
            article_id = self._draw.choice(sorted(self._present))
            self._do({article_id: None}, lambda: [self._store.delete(article_id)])

    def _do(
        self, articles: Mapping[str, Article | None], write: Callable[[], Sequence[Any]]
    ) -> None:
        effects = [Effect(i, digest_of(one) if one else None) for i, one in articles.items()]
        self._ledger.write("try", effects)
        receipts = write()
        self._ledger.write("done", [receipt.change for receipt in receipts])
        for effect in effects:
            keep = self._present.discard if effect.digest is None else self._present.add
            keep(effect.id)

    def _new(self) -> Article:
        self._written += 1
        words = self._draw.choices(WORDS, k=self._draw.choice([0, 5, 60, 60, 200, 200, 400]))
        return Article(
            id=f"{self._name}-{self._draw.randrange(IDS)}",
            title=f"{self._seed} {self._written}",
            body=" ".join(words) * (30 if self._draw.random() < 0.01 else 1),
            language="en",
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """The content of a store that was opened again.

    Attributes:
        first: the number at which the log starts; a rebuild may trim it.
        log: by number the article and kind of each write from there on.
        stored: by id the digest of each article that is there.
    """

    first: int
    log: Mapping[int, tuple[str, str]]
    stored: Mapping[str, str]


@dataclass(slots=True)
class History:
    """By change number, every effect that was acknowledged, or seen whole after a kill."""

    entries: dict[int, Effect] = field(default_factory=dict)

    def add(self, deeds: Sequence[Deed]) -> Iterator[str]:
        """Add the acknowledged deeds of one writer, in order; yield faults in the numbers."""
        numbers = [number for deed in deeds for number in deed.numbers or ()]
        yield from (f"change {n} was acknowledged twice" for n in numbers if n in self.entries)
        yield from (f"change {b} came after {a}" for a, b in pairwise(numbers) if a >= b)
        for deed in deeds:
            if deed.numbers is not None:
                if len(deed.numbers) != len(deed.effects):
                    yield f"{len(deed.effects)} changes were acknowledged as {deed.numbers}"
                self.entries |= zip(deed.numbers, deed.effects, strict=False)

    def state(self, through: int | None = None) -> dict[str, str]:
        """By id the digest of what is there after a change number."""
        last: dict[str, str | None] = {}
        for number in sorted(n for n in self.entries if through is None or n <= through):
            last[self.entries[number].id] = self.entries[number].digest
        return {article_id: digest for article_id, digest in last.items() if digest is not None}

    def reconcile(self, cut_short: Sequence[Deed], seen: Seen) -> tuple[int, list[str], list[str]]:
        """Compare with a fresh look; a deed that was cut short must be there whole or not at all.

        Returns:
            How many deeds that were cut short are there and were added, which acknowledged writes
            are missing, and what else is wrong, in words.
        """
        missing = [
            f"change {number}, {effect}, is {seen.log.get(number)}"
            for number, effect in self.entries.items()
            if number >= seen.first and seen.log.get(number) != effect.logged
        ]
        unknown = {n: entry for n, entry in sorted(seen.log.items()) if n not in self.entries}
        present = 0
        for deed in cut_short:
            ids = {effect.id for effect in deed.effects}
            numbers = [n for n, (article_id, _) in unknown.items() if article_id in ids]
            if [unknown[n] for n in numbers] == [effect.logged for effect in deed.effects]:
                present += 1
                self.entries |= zip(numbers, deed.effects, strict=True)
                unknown = {n: entry for n, entry in unknown.items() if n not in numbers}
        wrong = [f"not acknowledged, yet there in part: {unknown}"[:1_000]] if unknown else []
        wanted = self.state()
        missing += [
            f"{i} holds {seen.stored.get(i)}, not {digest}"
            for i, digest in wanted.items()
            if seen.stored.get(i) != digest
        ]
        wrong += [f"{i} is there, though deleted or never put" for i in seen.stored.keys() - wanted]
        return present, missing, wrong[:MOST_WORDS]
