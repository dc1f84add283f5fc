"""The names that two texts share: what is written with a capital letter, in scripts that have them.

The rule is simple, and meant to say rather too little. A name is a word, or up to four in a row,
with a capital letter. At the beginning of a sentence everything has one: there a word is a name
only where the text has it with a capital elsewhere too. A single word that the text also has in
small letters is none. Headlines are not looked at, since some newsrooms capitalise all of them.
Words are the same name where they begin with the same six letters, as in the lexical part of the
score: what languages put behind them is mostly grammar. Of a text the first 20,000 words and 500
names are read, parts of longer ones counted, so that a text of nothing but names costs no more.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from recommender.analysis.passages import paragraphs
from recommender.analysis.tokens import MOST_WORDS, STEM
from recommender.articles import Article

__all__ = ["MOST_READ", "Name", "names_of", "shared_names"]

MOST_NAMES: Final = 10
MOST_READ: Final = 500
"""So many names of a text are read; news of 5,000 to 11,000 words has 161 to 337."""
LONGEST: Final = 4
_WORD = re.compile(r"[^\W\d_][^\W_]*(?:[-'’][^\W\d_][^\W_]*)*")  # noqa: RUF001
_POSSESSIVE = re.compile(r"['’]s$")  # noqa: RUF001
# A sentence, or a speech inside it, begins behind these.
_OPENING = re.compile(r"[.!?…:。！？]|,\s*[\"“„«]$")  # noqa: RUF001
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """How a name is first spelt in a text, and how often it stands there."""

    spelt: str
    count: int


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    opens: bool
    joined: bool

    @property
    def folded(self) -> str:
        return self.text.casefold()

    @property
    def capital(self) -> bool:
        """Whether it may be of a name; one letter is none: the English I, an initial."""
        return len(self.text) > 1 and (self.text[0].isupper() or self.text[0].istitle())


def names_of(article: Article) -> dict[Key, Name]:
    """The first `MOST_READ` names of a text by the stems of their words, in reading order."""
    text = "\n".join(filter(None, (article.summary, article.body))) or article.title
    read = list(islice(_words(unicodedata.normalize("NFC", text)), MOST_WORDS))
    inside = {word.folded for word in read if word.capital and not word.opens}
    alone = inside - {word.folded for word in read if not word.capital}
    names: dict[Key, Name] = {}
    for run in _runs(read, alone):
        for part in _parts(run):
            if len(part) > 1 or part[0].folded in alone:
                key = tuple(word.folded[:STEM] for word in part)
                if key in names or len(names) < MOST_READ:
                    known = names.get(key, Name(" ".join(word.text for word in part), 0))
                    names[key] = Name(known.spelt, known.count + 1)
    return names


def shared_names(
    seed: Mapping[Key, Name], item: Mapping[Key, Name], most: int = MOST_NAMES
) -> tuple[str, ...]:
    """The names that both texts have, as the item spells them, the most frequent first.

    A part of a longer name that they share is not told beside it.
    """
    shared = [key for key in item if key in seed]
    inside = {part for key in shared for part in _inside(key)}
    longest = [key for key in shared if key not in inside]
    often = {key: min(seed[key].count, item[key].count) for key in longest}
    ranked = sorted(longest, key=lambda key: -often[key])
    return tuple(item[key].spelt for key in ranked[:most])


def _words(text: str) -> Iterator[_Word]:
    for paragraph in paragraphs(text):
        end = None
        for match in _WORD.finditer(paragraph):
            gap = "" if end is None else paragraph[end : match.start()]
            opens = end is None or bool(_OPENING.search(gap))
            yield _Word(_POSSESSIVE.sub("", match[0]), opens, joined=gap.isspace())
            # A possessive ends a name: what follows it belongs to it, and is another.
            end = match.end() if not _POSSESSIVE.search(match[0]) else match.end() - 2


def _runs(read: list[_Word], alone: set[str]) -> Iterator[list[_Word]]:
    """Words in a row that may be names together."""
    run: list[_Word] = []
    for word in read:
        if run and not word.joined:
            yield run
            run = []
        if word.capital and (not word.opens or word.folded in alone):
            run.append(word)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _parts(run: list[_Word]) -> Iterator[list[_Word]]:
    for start in range(len(run)):
        for stop in range(start + 1, min(start + LONGEST, len(run)) + 1):
            yield run[start:stop]


def _inside(key: Key) -> Iterator[Key]:
    """The names that are a part of a longer one: of four words nine."""
    for size in range(1, len(key)):
        for start in range(len(key) - size + 1):
            yield key[start : start + size]
