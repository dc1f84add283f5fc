"""Vectors that are mixed from real ones: as many as are wanted, and still in subjects."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.bbc_news import category, read_articles
from recommender.analysis.embedding import find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.cli.terminal import bar

__all__ = ["Mixer"]

REAL: Final = 4_000
SENTENCES: Final = 4
NEAR: Final = 40
MIXED: Final = 3
NOISE: Final = 0.3
"""The length of the noise, beside a mix of length 1."""

Floats = NDArray[np.float32]
Longs = NDArray[np.int64]


def embed_real(folder: Path) -> Floats:
    """Unit vectors of texts of recombined sentences, kept in the folder: float32 [REAL, 384]."""
    path = folder / "real.npy"
    if not path.exists():
        encoder = load_encoder(find_model("bundled", folder))
        texts = list(recombined(Random(0)))  # noqa: S311 - texts, not secrets
        with bar("embedding", len(texts), "text") as advance:
            vectors = encoder.encode(texts, advance)
        np.save(path, vectors.astype(np.float16))
    return unit(np.load(path).astype(np.float32))


def recombined(draw: Random) -> Iterator[str]:
    """Texts of a few sentences of two articles of one category."""
    by_category: dict[str, list[list[str]]] = {}
    for article in read_articles():
        sentences = [one.strip() for one in (article.body or "").split(". ") if one.strip()]
        if len(sentences) >= SENTENCES:
            by_category.setdefault(category(article.id), []).append(sentences)
    categories = sorted(by_category)
    for number in range(REAL):
        pair = draw.sample(by_category[categories[number % len(categories)]], 2)
        yield ". ".join(one for text in pair for one in draw.sample(text, SENTENCES // 2))


@dataclass(frozen=True, slots=True, eq=False)
class Mixer:
    """Draws vectors from real ones.

    Attributes:
        real: float32 [k, 384], unit rows.
        near: int64 [k, NEAR]; the rows that are nearest to each, itself first.
    """

    real: Floats
    near: Longs

    @classmethod
    def open(cls, folder: Path) -> "Mixer":
        """Embed the real vectors, unless the folder keeps them, and find which are near."""
        real = embed_real(folder)
        return cls(real, np.argsort(-(real @ real.T), axis=1)[:, :NEAR])

    def draw(self, count: int, draw: np.random.Generator) -> Floats:
        """Mixes of MIXED near vectors and of noise: float32 [count, 384], unit rows."""
        first = draw.integers(len(self.real), size=count)
        others = self.near[first[:, np.newaxis], draw.integers(NEAR, size=(count, MIXED - 1))]
        rows = np.column_stack([first, others])
        weights = draw.dirichlet([1.0] * MIXED, count).astype(np.float32)
        mixed = unit(np.einsum("nk,nkd->nd", weights, self.real[rows]))
        noise = draw.standard_normal((count, self.real.shape[1]), np.float32)
        return unit(mixed + np.float32(NOISE) * unit(noise))


def unit(vectors: Floats) -> Floats:
    """Scale each row to length 1."""
    scaled: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled
