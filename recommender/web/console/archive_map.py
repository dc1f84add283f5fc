"""The archive in two dimensions: groups of stories that lie together, with their words.

Where stories lie is computed at the rebuild. A group is a hill of the density: stories belong to
the peak that they reach by climbing. The density is blurred until there are few enough peaks.
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
Doubles = NDArray[np.float64]
Longs = NDArray[np.int64]

MOST_GROUPS: Final = 24
STORIES_OF_GROUP: Final = 12
"""With fewer stories for each, there are fewer groups."""
FEWEST: Final = 5
"""A hill of fewer stories is no group: they belong to the nearest one."""
CELLS: Final = 96
"""On each side of the grid in which stories are counted."""
LEAST_BLUR: Final = 1.5
BLURRED_MORE: Final = 1.2
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


def draw_map(rows: Longs, places: Floats) -> ArchiveMap:
    """Group stories that lie together.

    Args:
        rows: int64 [n], ascending.
        places: float32 [n, 2], each from -1 to 1.
    """
    if not len(rows):
        return ArchiveMap(rows, places, np.empty(0, np.int64), np.empty((0, 2), np.float32))
    groups = _by_size(_find_hills(places))
    return ArchiveMap(rows, places, groups, _centres_of(places, groups))


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


def _find_hills(places: Floats) -> Longs:
    """Number the hill on which each story lies: int64 [n]."""
    cells = np.clip(((places + 1) * (CELLS / 2)).astype(np.int64), 0, CELLS - 1)
    cell = cells[:, 0] * CELLS + cells[:, 1]
    counts = np.bincount(cell, minlength=CELLS * CELLS).reshape(CELLS, CELLS).astype(np.float64)
    most = max(1, min(MOST_GROUPS, len(places) // STORIES_OF_GROUP))
    blur = LEAST_BLUR
    while True:
        hills = np.unique(_peaks(_blurred(counts, blur))[cell], return_inverse=True)[1]
        large = np.bincount(hills) >= FEWEST
        if 0 < np.count_nonzero(large) <= most or blur > CELLS:
            return _without_small(places, hills, large)
        blur *= BLURRED_MORE


def _blurred(counts: Doubles, blur: float) -> Doubles:
    """Counts under a bell curve so many cells wide: float64 [CELLS, CELLS]."""
    apart = np.arange(CELLS)[:, np.newaxis] - np.arange(CELLS)
    bell = np.exp(-((apart / blur) ** 2) / 2)
    blurred: Doubles = bell @ counts @ bell
    return blurred


def _peaks(density: Doubles) -> Longs:
    """The peak that is reached from each cell by climbing: int64 [CELLS * CELLS], cells."""
    around = [(down, across) for down in (0, -1, 1) for across in (0, -1, 1)]
    padded = np.pad(density, 1, constant_values=-1.0)
    near = np.stack(
        [padded[1 + d : 1 + d + CELLS, 1 + a : 1 + a + CELLS].ravel() for d, a in around]
    )
    steps = np.array([down * CELLS + across for down, across in around])
    higher: Longs = np.arange(CELLS * CELLS) + steps[near.argmax(axis=0)]
    while not np.array_equal(higher, higher[higher]):
        higher = higher[higher]
    return higher


def _without_small(places: Floats, hills: Longs, large: NDArray[np.bool_]) -> Longs:
    """Give the stories of small hills to the nearest large one; without any, all are one group."""
    if not large.any():
        return np.zeros_like(hills)
    centres = _centres_of(places, hills)[large]
    lost = np.flatnonzero(~large[hills])
    apart = ((places[lost, np.newaxis] - centres) ** 2).sum(axis=2)
    given = hills.copy()
    given[lost] = np.flatnonzero(large)[apart.argmin(axis=1)]
    return given


def _centres_of(places: Floats, groups: Longs) -> Floats:
    """Where the stories of each group lie on average: float32 [g, 2]."""
    sizes = np.maximum(np.bincount(groups), 1)
    sums = np.stack([np.bincount(groups, places[:, axis]) for axis in (0, 1)], axis=1)
    return (sums / sizes[:, np.newaxis]).astype(np.float32)


def _by_size(groups: Longs) -> Longs:
    """Number groups anew: the largest is 0; empty ones have no number."""
    sizes = np.bincount(groups)
    order = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    number = np.zeros(len(sizes), np.int64)
    number[order] = np.arange(len(order))
    return number[groups]
