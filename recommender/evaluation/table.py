"""What was measured, as lines for a terminal."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from recommender.evaluation.baselines import BASELINES
from recommender.evaluation.intervals import Estimate
from recommender.evaluation.measures import MAIN
from recommender.evaluation.scoreboard import RELEVANCE, Scoreboard
from recommender.evaluation.traits import Traits

__all__ = ["ABSENT", "TRAITS", "as_lines", "as_row"]

ABSENT: Final = "n/a"
WIDTH: Final = 10

TRAITS: Final[Mapping[str, tuple[str, Callable[[Traits], str]]]] = {
    "likeness": ("mean cosine of two articles of one list", lambda t: _share(t.likeness)),
    "coverage": ("share of articles in at least one list", lambda t: _share(t.coverage)),
    "short": ("share of lists with fewer related articles than asked", lambda t: _share(t.short)),
    "age": ("median days by which the listed are older than the seed", lambda t: _days(t.age_days)),
    "repeats": ("share of the listed that retell what is above", lambda t: _share(t.repeats)),
    "reach": ("share of lists with the most listed article", lambda t: _share(t.reach)),
}
"""By its name in the table, what a trait means and how it is written."""


def as_row(name: str, estimates: Mapping[str, Estimate]) -> str:
    """One row: measures with their intervals."""
    cells = (f"{measure} {estimate}" for measure, estimate in estimates.items())
    return f"{name:<{WIDTH}}" + "  ".join(cells)


def as_lines(board: Scoreboard) -> Iterator[str]:
    """The rows of every kind of lists, how far relevance is ahead, and what the lists are like."""
    for row in board.rows:
        yield (
            f"{row.name:<{WIDTH}}{ABSENT} ({row.lacks})"
            if row.lacks
            else as_row(row.name, row.estimates)
        )
    yield ""
    yield f"{RELEVANCE} ahead by {MAIN}; intervals are of 95 %, over {board.stories} stories"
    for row in board.rows:
        if row.behind is not None:
            yield f"{'of ' + row.name:<{WIDTH + 3}}{row.behind.format('+')}"
    yield ""
    yield from _trait_lines(board)


def _trait_lines(board: Scoreboard) -> Iterator[str]:
    described = [(row.name, row.traits) for row in board.rows if row.traits is not None]
    if described:
        first = described[0][1]
        yield f"beyond accuracy, {first.lists} lists over {first.articles} articles"
        yield " " * WIDTH + "".join(f"{name:>{WIDTH}}" for name in TRAITS)
        for name, traits in described:
            cells = "".join(f"{write(traits):>{WIDTH}}" for _, write in TRAITS.values())
            yield f"{name:<{WIDTH}}{cells}"
        meanings = [f"{name}: {meaning}" for name, (meaning, _) in TRAITS.items()]
        meanings += [f"{name}: {meaning}" for name, meaning in BASELINES.items()]
        yield from ("", *meanings)


def _share(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4f}"


def _days(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.1f}"
