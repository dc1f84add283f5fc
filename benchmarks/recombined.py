"""Made-up news: clauses of the BBC texts, put together anew from texts about the like.

An article has clauses of three BBC texts: of one, and of two of those nearest to it. One word of
four is another one, of the same category or a name, so that two articles share no long runs and are
no copies of each other, and a large archive has as many rare words as real ones have. Its vector is
a mix of the vectors of those texts, which the bundled model made, and of noise. So there are as
many articles as are wanted, in subjects as real as those of the texts.
"""

import re
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.bbc_news import category, read_articles
from index import BUCKETS
from recommender.analysis.embedding import find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.tokens import STEM, tokenize
from recommender.cli.terminal import bar
from recommender.progress import Advance

__all__ = ["KEPT", "Mixer", "News", "NewsVectors", "NewsWords", "open_news", "unit"]

KEPT: Final = Path("var", "benchmarks")
"""Keeps the vectors of the BBC texts."""
DIMENSIONS: Final = 384
NEAR: Final = 40
MIXED: Final = 3
PARTS: Final = (0.5, 0.3, 0.2)
"""How much of an article is of each of its texts."""
NOISE: Final = 0.3
"""The length of the noise, beside a mix of length 1."""
SWAPPED: Final = 4
"""One word of so many is another one."""
NAMES_OF_SWAPPED: Final = 0.5
NAMES: Final = 200_000
"""The k-th most frequent name stands there as often as 1 / k says."""
SYLLABLES: Final = tuple(f"{a}{b}" for a in "bdfghklmnprst" for b in "aeiou")
SHORTEST: Final = 4
WORDS: Final = 300
TITLE: Final = 9
A_SENTENCE: Final = 2
A_PARAGRAPH: Final = 8
RUN: Final = 3
"""So many words in a row tell of which text they are."""

Floats = NDArray[np.float32]
Longs = NDArray[np.int64]

_CLAUSES = re.compile(r"(?<=[.,;:!?])\s+|\s+(?=(?:and|but|which|who|that|while|after|when)\s)")


@dataclass(frozen=True, slots=True, eq=False)
class Mixer:
    """Draws vectors from real ones.

    Attributes:
        real: float32 [k, 384], unit rows: those of the BBC texts.
        near: int64 [k, NEAR]; the rows that are nearest to each, itself first.
    """

    real: Floats
    near: Longs

    @classmethod
    def open(cls, folder: Path = KEPT) -> "Mixer":
        """Embed the texts, unless the folder keeps their vectors, and find which are near."""
        path = folder / "bbc.npy"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            encoder = load_encoder(find_model("bundled", folder))
            texts = [f"{one.title}. {one.body}" for one in read_articles()]
            with bar("embedding", len(texts), "text") as advance:
                vectors = encoder.encode(texts, advance)
            np.save(path, vectors.astype(np.float16))
        real = unit(np.load(path).astype(np.float32))
        return cls(real, np.argsort(-(real @ real.T), axis=1, kind="stable")[:, :NEAR])

    def draw(self, count: int, draw: np.random.Generator) -> Floats:
        """Mixes of MIXED near vectors and of noise: float32 [count, 384], unit rows."""
        return self.mix(self.parents(count, draw), draw)

    def parents(self, count: int, draw: np.random.Generator) -> Longs:
        """Of which texts each row is: int64 [count, MIXED]."""
        first = draw.integers(len(self.real), size=count)
        others = self.near[first[:, np.newaxis], draw.integers(NEAR, size=(count, MIXED - 1))]
        return np.column_stack([first, others])

    def mix(self, parents: Longs, draw: np.random.Generator) -> Floats:
        """The vectors of rows that are of such texts: float32 [n, 384], unit rows."""
        weights = draw.dirichlet([1.0] * MIXED, len(parents)).astype(np.float32)
        mixed = unit(np.einsum("nk,nkd->nd", weights, self.real[parents]))
        noise = draw.standard_normal(mixed.shape, np.float32)
        return unit(mixed + np.float32(NOISE) * unit(noise))


def unit(vectors: Floats) -> Floats:
    """Scale each row to length 1."""
    scaled: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def name_of(rank: int) -> str:
    """A name; each rank has another one."""
    first, rest = divmod(rank, len(SYLLABLES) ** 2)
    second, third = divmod(rest, len(SYLLABLES))
    return f"{SYLLABLES[first]}{SYLLABLES[second]}{SYLLABLES[third]}"


@dataclass(frozen=True, slots=True, eq=False)
class News:
    """What articles are put together from.

    Attributes:
        mixer: of the vectors of the texts.
        clauses: by text, its clauses.
        categories: by text, its category.
        words: by category, its words, as often as they stand there.
    """

    mixer: Mixer
    clauses: Sequence[Sequence[str]]
    categories: Sequence[str]
    words: dict[str, Sequence[str]]

    def body_of(self, number: int) -> str:
        """Paragraphs of some 300 words."""
        draw, parents = self._begun(number)
        drawn = [one for parent, part in parents for one in self._some(parent, part, draw)]
        draw.shuffle(drawn)
        sentences = [
            ", ".join(clause.strip(".,;:!? ") for clause in drawn[at : at + A_SENTENCE])
            for at in range(0, len(drawn), A_SENTENCE)
        ]
        told = [f"{one[:1].upper()}{one[1:]}." for one in sentences]
        paragraphs = (told[at : at + A_PARAGRAPH] for at in range(0, len(told), A_PARAGRAPH))
        return "\n\n".join(map(" ".join, paragraphs))

    def title_of(self, number: int) -> str:
        """A headline: the beginning of a clause."""
        _, ((first, _), *_) = self._begun(number)
        draw = Random(f"title of {number}")  # noqa: S311
        clause = draw.choice(self.clauses[first]).strip(".,;:!? ")
        words = self._swap(clause, self.categories[first], draw).split()[:TITLE]
        return " ".join(words).capitalize()

    def category_of(self, number: int) -> str:
        """The category of the text that it has most of."""
        return self.categories[self._begun(number)[1][0][0]]

    def _begun(self, number: int) -> tuple[Random, list[tuple[int, float]]]:
        """Numbers drawn for an article, and its texts, each with its part."""
        draw = Random(number)  # noqa: S311 - texts, not secrets
        first = draw.randrange(len(self.clauses))
        others = (int(self.mixer.near[first, draw.randrange(NEAR)]) for _ in range(MIXED - 1))
        return draw, [*zip((first, *others), PARTS, strict=True)]

    def _some(self, text: int, part: float, draw: Random) -> Iterator[str]:
        left = part * WORDS
        for clause in draw.sample(self.clauses[text], len(self.clauses[text])):
            yield self._swap(clause, self.categories[text], draw)
            left -= clause.count(" ") + 1
            if left <= 0:
                return

    def _swap(self, clause: str, of: str, draw: Random) -> str:
        words = clause.split()
        return " ".join(
            word if draw.randrange(SWAPPED) else self._another(of, draw) for word in words
        )

    def _another(self, of: str, draw: Random) -> str:
        if draw.random() < NAMES_OF_SWAPPED:
            return name_of(int(NAMES ** draw.random()))
        return draw.choice(self.words[of])


@cache
def open_news(folder: Path = KEPT) -> News:
    """Read the BBC texts, and their vectors."""
    clauses, categories, words = list[list[str]](), list[str](), dict[str, list[str]]()
    for article in read_articles():
        of = category(article.id)
        some = [one.strip() for one in _CLAUSES.split(article.body or "")]
        clauses.append([one for one in some if one.count(" ") >= SHORTEST - 1])
        categories.append(of)
        words.setdefault(of, []).extend(tokenize(article.body or ""))
    return News(Mixer.open(folder), clauses, categories, dict(words))


@dataclass(slots=True, eq=False)
class NewsVectors:
    """In the place of an encoder: mixes the vectors of the texts that a text is of.

    Attributes:
        news: what the texts were put together from.
        runs: int64 [m], ascending; numbers of words in a row that one text alone has.
        texts: int64 [m]; the text of each.
        spent: seconds of CPU that mixing took so far.
    """

    news: News
    runs: Longs
    texts: Longs
    spent: float = 0.0

    @classmethod
    def of(cls, news: News) -> "NewsVectors":
        """Look up of which text each run of words is; those of several tell nothing."""
        pairs = [
            (run, number)
            for number, clauses in enumerate(news.clauses)
            for run in {run for clause in clauses for run in _runs(clause)}
        ]
        told = np.array(pairs, np.int64)
        runs, where, times = np.unique(told[:, 0], return_index=True, return_counts=True)
        return cls(news, runs[times == 1], told[where[times == 1], 1])

    def encode(self, texts: Sequence[str], advance: Advance) -> Floats:
        """Unit rows, float32 [len(texts), 384], in the order of the texts."""
        begun = time.thread_time()
        rows = np.stack([self._vector_of(text) for text in texts])
        self.spent += time.thread_time() - begun
        advance(len(texts))
        return rows

    def _vector_of(self, text: str) -> Floats:
        draw = np.random.default_rng(zlib.crc32(text.encode()))
        runs = np.array(_runs(text), np.int64)
        at = np.minimum(np.searchsorted(self.runs, runs), len(self.runs) - 1)
        found = self.texts[at[self.runs[at] == runs]]
        if not len(found):  # a text of some words
            found = draw.integers(len(self.news.clauses), size=1)
        mixed = unit(self.news.mixer.real[found].mean(axis=0, keepdims=True))[0]
        noise = draw.standard_normal(DIMENSIONS, np.float32)
        vector: Floats = mixed + np.float32(NOISE) * noise / np.linalg.norm(noise)
        return vector / np.linalg.norm(vector)


@dataclass(frozen=True, slots=True, eq=False)
class NewsWords:
    """Draws the counted words of articles, many at a time, without their texts.

    Attributes:
        buckets: int64 [w]; the words of all clauses, one text after the other.
        clauses: int64 [c+1]; clause i has the words from clauses[i] to clauses[i+1].
        texts: int64 [k+1]; text i has the clauses from texts[i] to texts[i+1].
        same: int64 [k, 2]; between which words those of the category of a text are.
        names: int64 [NAMES]; the bucket of each name.
    """

    buckets: Longs
    clauses: Longs
    texts: Longs
    same: Longs
    names: Longs

    @classmethod
    def of(cls, news: News) -> "NewsWords":
        """Count the words of all clauses."""
        words = [[*map(_bucket_of, tokenize(one))] for one in chain(*news.clauses)]
        clauses = _ends(map(len, words))
        texts = _ends(map(len, news.clauses))
        told = np.array(news.categories)
        same = [np.flatnonzero(told == one)[[0, -1]] for one in news.categories]
        between = clauses[texts[np.array(same) + np.array([0, 1])]]
        names = np.array([_bucket_of(name_of(rank)) for rank in range(NAMES)])
        return cls(np.array([*chain(*words)], np.int64), clauses, texts, between, names)

    def draw(
        self, parents: Longs, draw: np.random.Generator
    ) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        """Buckets and counts of a row of such texts each, some 300 words."""
        some = WORDS * len(self.clauses) // len(self.buckets)
        drawn = np.repeat(parents, [round(part * some) for part in PARTS], axis=1)
        first, after = self.texts[drawn], self.texts[drawn + 1]
        clauses = (first + (after - first) * draw.random(drawn.shape)).astype(np.int64).ravel()
        lengths = self.clauses[clauses + 1] - self.clauses[clauses]
        begins = np.repeat(self.clauses[clauses] - lengths.cumsum() + lengths, lengths)
        words = self.buckets[begins + np.arange(lengths.sum())]
        rows = np.repeat(np.arange(len(parents)), lengths.reshape(drawn.shape).sum(axis=1))
        swapped = np.flatnonzero(draw.integers(SWAPPED, size=len(words)) == 0)
        low, high = self.same[parents[rows[swapped], 0]].T
        words[swapped] = self.buckets[(low + (high - low) * draw.random(len(low))).astype(np.int64)]
        named = swapped[draw.random(len(swapped)) < NAMES_OF_SWAPPED]
        words[named] = self.names[(NAMES ** draw.random(len(named))).astype(np.int64)]
        keys, counts = np.unique(rows * BUCKETS + words, return_counts=True)
        ends = np.searchsorted(keys, BUCKETS * np.arange(1, len(parents)))
        parts = (np.split(one, ends) for one in (keys % BUCKETS, counts))
        return [
            (one.astype(np.int32), times.astype(np.float32))
            for one, times in zip(*parts, strict=True)
        ]


def _bucket_of(word: str) -> int:
    return zlib.crc32(word[:STEM].encode()) & (BUCKETS - 1)


def _ends(lengths: Iterable[int]) -> Longs:
    return np.cumsum([0, *lengths], dtype=np.int64)


def _runs(text: str) -> list[int]:
    """Numbers of each RUN words in a row."""
    words = [zlib.crc32(word.encode()) for word in tokenize(text)]
    return [
        (a * 3 + b * 5 + c * 7) & 0x7FFFFFFFFFFF
        for a, b, c in zip(words, words[1:], words[2:], strict=False)
    ]
