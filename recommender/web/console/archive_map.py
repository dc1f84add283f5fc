"""The archive in two dimensions: where each story lies, and groups of stories with their words.

The plane is the one on which the centres of the groups lie farthest apart (PCA of the centres), so
that groups are seen beside each other. It is computed from the vectors in a moment, and is the same
each time. Distances on it are rough: neighbours in a list may lie apart.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["ArchiveMap", "draw_map", "name_groups"]

Floats = NDArray[np.float32]
Longs = NDArray[np.int64]
Fetch = Callable[[Longs], Floats]

SAMPLE: Final = 20_000
MOST_GROUPS: Final = 24
STORIES_OF_GROUP: Final = 12
"""With fewer stories for each, there are fewer groups."""
ROUNDS: Final = 12
ROWS_AT_ONCE: Final = 4_096
EDGE: Final = 0.005
"""The share of stories beyond each edge of the plane: a few that lie far off would shrink it."""
WORDS_OF_NAME: Final = 3
LEAST_SHARE: Final = 0.04
"""A word that names a group stands in this share of its headlines at least, and in two of them."""
_WORD: Final = re.compile(r"[^\W\d_]+(?:[-'\u2019][^\W\d_]+)*")


@dataclass(frozen=True, slots=True, eq=False)
class ArchiveMap:
    """Stories on a plane.

    Attributes:
        rows: int64 [n], ascending: rows of the view.
        places: float32 [n, 2], each from -1 to 1.
        groups: int64 [n], the group of each, from 0 on; the largest group first.
        centres: float32 [g, 2], where the stories of each group lie on average.
    """

    rows: Longs
    places: Floats
    groups: Longs
    centres: Floats


def draw_map(rows: Longs, fetch: Fetch) -> ArchiveMap:
    """Place stories on a plane, and group them by k-means of their vectors.

    Args:
        rows: int64 [n], ascending.
        fetch: the vectors of some rows, float32 [m, dim].
    """
    if not len(rows):
        none = np.empty((0, 2), np.float32)
        return ArchiveMap(rows, none, np.empty(0, np.int64), none)
    spread = np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(np.int64)
    sample = fetch(rows[spread])
    middle = sample.mean(axis=0)
    centres = _centres_of(sample - middle)
    axes = _axes_of(centres)
    parts = [rows[at : at + ROWS_AT_ONCE] for at in range(0, len(rows), ROWS_AT_ONCE)]
    placed = [_place(fetch(part) - middle, axes, centres) for part in parts]
    places = _fit(np.concatenate([one for one, _ in placed]))
    groups = _by_size(np.concatenate([one for _, one in placed]))
    sizes = np.bincount(groups)
    sums = np.stack([np.bincount(groups, places[:, axis]) for axis in (0, 1)], axis=1)
    return ArchiveMap(rows, places, groups, (sums / sizes[:, None]).astype(np.float32))


def name_groups(titles: Sequence[str], groups: Longs, rarity: Callable[[str], float]) -> list[str]:
    """Name each group by the words that its headlines have and others have less.

    A word counts once a headline. Its weight is the share of the group's headlines with it, times
    the logarithm of how much larger that is than its share of all, times its rarity in texts.

    Args:
        titles: a headline for each of some stories, at best a few hundred of each group.
        groups: int64 [len(titles)], from 0 on.
        rarity: of a word, 0 to 1: 0 for one that says nothing, such as "with".
    """
    words_of = [{*_words(title)} for title in titles]
    everywhere = Counter(word for words in words_of for word in words)
    names = []
    for group in range(int(groups.max(initial=-1)) + 1):
        members = np.flatnonzero(groups == group).tolist()
        weights = _weigh(members, words_of, everywhere, len(titles))
        weights = {word: weight * rarity(word) for word, weight in weights.items()}
        best = sorted(weights, key=lambda word: (-weights[word], word))[:WORDS_OF_NAME]
        names.append(" · ".join(word for word in best if weights[word] > 0))
    return names


def _weigh(
    members: Sequence[int], words_of: Sequence[set[str]], everywhere: Counter[str], total: int
) -> dict[str, float]:
    """How much each word tells a group from all: by word, for those of several headlines."""
    counts = Counter(word for member in members for word in words_of[member])
    least = max(2, LEAST_SHARE * len(members))
    return {
        word: count / len(members) * math.log(count / len(members) / (everywhere[word] / total))
        for word, count in counts.items()
        if count >= least
    }


def _words(title: str) -> Iterable[str]:
    """The words of a headline, in lower case."""
    return (word.casefold() for word in _WORD.findall(title))


def _centres_of(vectors: Floats) -> Floats:
    """The centres of groups by k-means: float32 [g, dim]; the first ones lie far apart."""
    count = max(1, min(MOST_GROUPS, len(vectors) // STORIES_OF_GROUP))
    centres = _spread_out(vectors, count)
    for _ in range(ROUNDS):
        nearest = _nearest(vectors, centres)
        sizes = np.bincount(nearest, minlength=count)
        members = (nearest[:, None] == np.arange(count)).astype(np.float32)
        sums = members.T @ vectors  # np.add.at takes ten times as long, and no other thread runs
        centres = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres)
    return centres.astype(np.float32)


def _spread_out(vectors: Floats, count: int) -> Floats:
    """Some vectors that lie far from each other: each next one is the farthest from those before.

    The farthest of a tenth part of all, evenly spread, so that a lone story is rarely one of them.
    """
    few = vectors[:: max(1, len(vectors) // (count * 10))]
    chosen = [int(np.argmin((few**2).sum(axis=1)))]
    apart = ((few - few[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < count:
        chosen.append(int(np.argmax(apart)))
        apart = np.minimum(apart, ((few - few[chosen[-1]]) ** 2).sum(axis=1))
    return few[chosen].copy()


def _nearest(vectors: Floats, centres: Floats) -> Longs:
    """The nearest centre of each vector: int64 [n]."""
    closeness = vectors @ centres.T - (centres**2).sum(axis=1) / np.float32(2)
    nearest: Longs = closeness.argmax(axis=1)
    return nearest


def _axes_of(centres: Floats) -> Floats:
    """The two directions in which centres differ most: float32 [dim, 2]; their signs are fixed."""
    _, _, directions = np.linalg.svd(centres - centres.mean(axis=0), full_matrices=False)
    if len(directions) < 2:  # noqa: PLR2004 - dimensions of a plane
        directions = np.eye(2, centres.shape[1], dtype=np.float32)
    axes = directions[:2]
    largest = np.abs(axes).argmax(axis=1)
    signs = np.sign(axes[[0, 1], largest])
    axes_of_plane: Floats = (axes * np.where(signs == 0, 1, signs)[:, None]).T.astype(np.float32)
    return axes_of_plane


def _place(vectors: Floats, axes: Floats, centres: Floats) -> tuple[Floats, Longs]:
    return vectors @ axes, _nearest(vectors, centres)


def _fit(places: Floats) -> Floats:
    """Scale places so that nearly all lie between -1 and 1; the others lie on the edge."""
    low, high = np.quantile(places, (EDGE, 1 - EDGE), axis=0)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-9)
    fitted: Floats = np.clip((places - middle) / half, -1, 1).astype(np.float32)
    return fitted


def _by_size(groups: Longs) -> Longs:
    """Number groups anew: the largest is 0; empty ones have no number."""
    sizes = np.bincount(groups)
    order = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    number = np.zeros(len(sizes), np.int64)
    number[order] = np.arange(len(order))
    return number[groups]
