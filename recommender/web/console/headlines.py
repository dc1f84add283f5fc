"""The headlines of an archive by their words, in memory: a story is found by beginnings of words.

A headline may be typed on the keyboard of another language: capitals, accents and the letters that
Tajik has beside Russian ones make no difference.
"""

import json
import re
import threading
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from index import View

__all__ = ["HeadlineIndex", "HeadlineWords", "fold", "mark_words", "words_in_query"]

ROWS_AT_ONCE: Final = 1_000
"""So many headlines are read before other threads of the worker get a turn."""
MOST_PARTS: Final = 8
"""Rows that came after the snapshot are in a few parts, which are then made one."""
MOST_WORDS: Final = 12
SHORT: Final = 2
LONGEST_WORD: Final = 40
AFTER_ALL: Final = "\U0010ffff"
_ADDRESS: Final = re.compile(r"(?:https?://)(?:www\.)?([^/?#\s]+)([^?#\s]*)(\?[^#\s]*)?")
# `re` does not count accents and the vowel signs of Indic scripts as letters.
_WORD: Final = re.compile(
    r"(?:[^\W_]|[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u064b-\u065f\u0670]"
    r"|[\u0900-\u0963\u0970-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])+"
)
_MARKS: Final = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u064b-\u065f\u0670]+")
"""Accents and vowel points, which stand apart after NFKD: also those of й, ӣ and ӯ."""
_TAJIK: Final = (("ғ", "г"), ("қ", "к"), ("ҳ", "х"), ("ҷ", "ч"))  # noqa: RUF001
# Chinese, Japanese, Thai and their like stand without spaces, so a word begins anywhere in a run.
_UNSPACED: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"
)

Shares = NDArray[np.float64]


def fold(text: str) -> str:
    """A text without capitals, accents and the differences between keyboards."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    if folded.isascii():
        return folded
    folded = _MARKS.sub("", folded)
    for letter, plain in _TAJIK:
        folded = folded.replace(letter, plain)
    return folded


def words_in_query(text: str) -> tuple[str, ...]:
    """The folded words of what somebody types, each once, in order; the last may be unfinished."""
    words = dict.fromkeys(word[:LONGEST_WORD] for word in _WORD.findall(fold(text)))
    return tuple(words)[:MOST_WORDS]


def mark_words(title: str, words: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """A headline in pieces, each with whether it is a word of a query, or the beginning of one."""
    pieces: list[tuple[str, bool]] = []
    end = 0
    for match in _WORD.finditer(title):
        folded = fold(match[0])
        begun = (word for word in words if folded.startswith(word))
        # A short word that is typed to its end, such as `of`, is not the beginning of another.
        meant = (one for one in begun if len(one) > SHORT or one in {folded, words[-1]})
        length = max(map(len, meant), default=0)
        if length:
            stop = match.start() + _letters_for(match[0], length)
            pieces += [(title[end : match.start()], False), (title[match.start() : stop], True)]
            end = stop
    return tuple(piece for piece in (*pieces, (title[end:], False)) if piece[0])


def _letters_for(word: str, folded: int) -> int:
    """How many letters of a word, with their marks, make so many letters of the folded word."""
    stops = (n for n in range(1, len(word)) if unicodedata.category(word[n])[0] != "M")
    return next((n for n in stops if len(fold(word[:n])) >= folded), len(word))


def address_key(address: str) -> int | None:
    """A number for a web address, whatever its scheme, `www.`, last slash and fragment; or None."""
    found = _ADDRESS.match(address.strip())
    return hash((found[1].lower(), found[2].rstrip("/"), found[3])) if found else None


@dataclass(frozen=True, slots=True, eq=False)
class HeadlinePart:
    """The headlines of some rows that follow each other.

    Attributes:
        first: the first row.
        size: how many rows.
        words: folded, ascending.
        starts: int64 [k+1]; word i has the entries at starts[i] to starts[i+1].
        places: int32 [z], the row of each entry, counted from `first`.
        addresses: int64 [a], keys of web addresses, ascending.
        of_addresses: int32 [a], the row of each, counted from `first`.
    """

    first: int
    size: int
    words: Sequence[str]
    starts: NDArray[np.int64]
    places: NDArray[np.int32]
    addresses: NDArray[np.int64]
    of_addresses: NDArray[np.int32]

    @classmethod
    def of(cls, view: View, first: int, stop: int) -> "HeadlinePart":
        """Read the headlines of some rows."""
        entries: dict[str, list[int]] = {}
        addresses: dict[int, int] = {}
        for begin in range(first, stop, ROWS_AT_ONCE):
            rows = range(begin, min(begin + ROWS_AT_ONCE, stop))
            shown = [json.loads(view.display_of(row)) for row in rows]
            in_rows = _words_of([one["title"] for one in shown])
            for row, in_row in zip(rows, in_rows, strict=True):
                for word in in_row:
                    entries.setdefault(word, []).append(row - first)
            addresses |= _keys_of(shown, begin - first)
        words = sorted(entries)
        lengths = np.array([len(entries[word]) for word in words], np.int64)
        places = [np.array(entries.pop(word), np.int32) for word in words]
        keys = np.array([*addresses], np.int64)
        order = np.argsort(keys)
        return cls(
            *(first, stop - first, words, np.concatenate([[0], np.cumsum(lengths)])),
            np.concatenate(places) if places else np.empty(0, np.int32),
            *(keys[order], np.array([*addresses.values()], np.int32)[order]),
        )

    def rows_with(self, word: str) -> NDArray[np.int32]:
        """The rows with a word that begins so, counted from `first`; if none does, inside words."""
        low, high = bisect_left(self.words, word), bisect_left(self.words, word + AFTER_ALL)
        found = self.places[self.starts[low] : self.starts[high]]
        if len(found) and not _UNSPACED.search(word):
            return found
        inside = [at for at, one in enumerate(self.words) if word in one]
        return np.concatenate(
            [found, *(self.places[self.starts[at] : self.starts[at + 1]] for at in inside)]
        )

    def row_at(self, key: int) -> int | None:
        """The row of an address; None if none has it."""
        at = int(np.searchsorted(self.addresses, key))
        if at == len(self.addresses) or self.addresses[at] != key:
            return None
        return self.first + int(self.of_addresses[at])


@dataclass(frozen=True, slots=True)
class HeadlineWords:
    """The headlines of a view, in the order of its rows."""

    parts: tuple[HeadlinePart, ...] = ()

    def __len__(self) -> int:
        return self.parts[-1].first + self.parts[-1].size if self.parts else 0

    def shares_of(self, words: Sequence[str], rows: int) -> Shares:
        """The share of some words that the headline of each of `rows` rows has: float64 [rows].

        A word of few headlines counts more than one of many; a headline with all words has 1.
        """
        having = [self._rows_with(word, rows) for word in words]
        weights = np.array([np.log((2 + rows) / (1 + np.count_nonzero(one))) for one in having])
        shares = np.zeros(rows)
        for one, weight in zip(having, weights / weights.sum(), strict=True):
            shares[one] += weight
        if len(having) > 1:
            shares[np.logical_and.reduce(having)] = 1
        return shares

    def _rows_with(self, word: str, rows: int) -> NDArray[np.bool_]:
        """Which of some rows have a word: bool [rows]."""
        has = np.zeros(max(rows, len(self)), np.bool_)
        for part in self.parts:
            has[part.rows_with(word) + part.first] = True
        return has[:rows]

    def rows_at(self, address: str, rows: int) -> Iterator[int]:
        """Those of `rows` rows that have a web address, the newest first."""
        key = address_key(address)
        if key is not None:
            found = (part.row_at(key) for part in reversed(self.parts))
            yield from (row for row in found if row is not None and row < rows)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The headlines that were read last, and of what.

    Attributes:
        generation: of the snapshot.
        delta_ids: the ids of what came after it; another list is another thread of changes.
        words: the headlines.
    """

    generation: str = ""
    delta_ids: object = None
    words: HeadlineWords = field(default_factory=HeadlineWords)

    def of(self, view: View) -> HeadlineWords:
        """What holds for a view; its rows may be fewer, or more."""
        if self.generation != view.snapshot.generation:
            return HeadlineWords()
        same = self.delta_ids is view.delta.ids
        return self.words if same else HeadlineWords(self.words.parts[:1])


class HeadlineIndex:
    """Keeps the headlines of the view that a worker answers from.

    Those of a snapshot are read once. Of what came after it only new rows are read.
    """

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._kept = _Kept()
        """Swapped as one, since others look at it while a thread reads."""

    def of(self, view: View) -> HeadlineWords:
        """The headlines of a view, perhaps with some that came after it.

        While another thread reads them, those of before, which may be none: a large archive takes
        a second, and no request waits for that.
        """
        if self._reading.acquire(blocking=False):
            self._follow_and_release(view)
        return self._kept.of(view)

    def read_soon(self, view: View) -> None:
        """Let a thread read the headlines of a view, unless one reads, or nothing is new."""
        if len(self._kept.of(view)) >= len(view) or not self._reading.acquire(blocking=False):
            return
        try:
            read = threading.Thread(target=self._follow_and_release, args=(view,), daemon=True)
            read.start()
        except RuntimeError:  # the process may start no thread now
            self._reading.release()
            raise

    def _follow_and_release(self, view: View) -> None:
        try:
            self._follow(view)
        finally:
            self._reading.release()

    def _follow(self, view: View) -> None:
        snapshot, kept = view.snapshot, self._kept
        # Without rows, another snapshot may follow: nothing of it is kept but its name.
        known = kept.of(view).parts or (HeadlinePart.of(view, 0, len(snapshot)),)
        end = known[-1].first + known[-1].size
        if len(known) > MOST_PARTS:
            known, end = known[:1], len(snapshot)
        if end < len(view):
            known = (*known, HeadlinePart.of(view, end, len(view)))
        self._kept = _Kept(snapshot.generation, view.delta.ids, HeadlineWords(known))


def _words_of(titles: Sequence[str]) -> Iterator[set[str]]:
    """The folded words of each headline, by one pass over all of them."""
    together = fold("\n".join(title.replace("\n", " ") for title in titles))
    for line in together.split("\n"):
        yield {word[:LONGEST_WORD] for word in _WORD.findall(line)}


def _keys_of(shown: Sequence[dict[str, Any]], first: int) -> dict[int, int]:
    """By the key of an address its row."""
    keys = ((address_key(one.get("url") or ""), at) for at, one in enumerate(shown, first))
    return {key: at for key, at in keys if key is not None}
