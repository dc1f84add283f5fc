"""Where the words and names that two texts share stand in one of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from recommender.analysis.tokens import STEM, tokenize
from recommender.api import Grounds
from recommender.ranking.shared_text import BREAKS, Key

__all__ = ["MarkedPiece", "mark_shared", "shared_keys"]

KEPT_STEMS: Final = 2**14


@dataclass(frozen=True, slots=True)
class MarkedPiece:
    """A part of a text, and whether the other text has it too."""

    text: str
    is_shared: bool


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a text from `begin` to `end`; pairs of characters where there are no spaces."""

    begin: int
    end: int
    stems: Key


def shared_keys(grounds: Grounds) -> frozenset[Key]:
    """What to mark: the stems of each shared word and name.

    Words that say nothing, such as *the*, are not among the grounds.
    """
    words = (*(term.word for term in grounds.terms), *grounds.names)
    return frozenset(filter(None, (_stems_of_words(word) for word in words)))


def mark_shared(text: str, keys: frozenset[Key]) -> tuple[MarkedPiece, ...]:
    """Cut a text into pieces, in order; together they are the text.

    A word with another ending is marked too. A name is marked where its words follow each other.
    """
    pieces: list[MarkedPiece] = []
    at = 0
    for begin, end in _spans(text, keys):
        pieces += [MarkedPiece(text[at:begin], is_shared=False)] if begin > at else []
        pieces.append(MarkedPiece(text[begin:end], is_shared=True))
        at = end
    return (*pieces, MarkedPiece(text[at:], is_shared=False)) if at < len(text) else tuple(pieces)


def _spans(text: str, keys: frozenset[Key]) -> Iterator[tuple[int, int]]:
    """Where marks begin and end, in order and apart; the longest of several at one place."""
    words = list(_words_of(text))
    sizes = sorted({len(key) for key in keys}, reverse=True)
    at = 0
    while at < len(words):
        fits = (size for size in sizes if size <= len(words) - at)
        size = next((size for size in fits if _stems_at(words, at, size) in keys), 0)
        if size:
            yield words[at].begin, words[at + size - 1].end
        elif len(words[at].stems) > 1:
            yield from _spans_inside(text, words[at], keys)
        at += size or 1


def _stems_at(words: list[_Word], at: int, size: int) -> Key:
    return tuple(stem for word in words[at : at + size] for stem in word.stems)


def _spans_inside(text: str, word: _Word, keys: frozenset[Key]) -> Iterator[tuple[int, int]]:
    """The shared pairs of characters in a run without spaces, joined where they overlap."""
    begin = end = word.begin
    for at in range(word.begin, word.end - 1):
        if (text[at : at + 2].casefold(),) in keys:
            if at > end:
                if end > begin:
                    yield begin, end
                begin = at
            begin, end = (at if end == begin else begin), at + 2
    if end > begin:
        yield begin, end


def _words_of(text: str) -> Iterator[_Word]:
    at = 0
    for gap in BREAKS.finditer(text):
        if gap.start() > at:
            yield _Word(at, gap.start(), _stems_of(text[at : gap.start()]))
        at = gap.end()
    if at < len(text):
        yield _Word(at, len(text), _stems_of(text[at:]))


def _stems_of_words(words: str) -> Key:
    return tuple(stem for piece in BREAKS.split(words) if piece for stem in _stems_of(piece))


@lru_cache(maxsize=KEPT_STEMS)
def _stems_of(piece: str) -> Key:
    return tuple(token[:STEM] for token in tokenize(piece))
