"""One HTML file of everything that was measured; it loads nothing and runs nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from recommender.evaluation.baselines import BASELINES
from recommender.evaluation.examples import contrast, worst
from recommender.evaluation.intervals import Estimate
from recommender.evaluation.measures import MAIN, MEASURES
from recommender.evaluation.plots import draw_bars, draw_histogram, draw_ratings
from recommender.evaluation.runs import Bench
from recommender.evaluation.scoreboard import RELEVANCE, SERVED, Scoreboard
from recommender.evaluation.table import ABSENT, TRAITS

__all__ = ["Heading", "Rated", "write_report"]


@dataclass(frozen=True, slots=True)
class Heading:
    """What a report is of. `command` names no folder of the machine."""

    dataset: str
    model: str
    generation: str
    made_at: datetime
    command: str


@dataclass(frozen=True, slots=True)
class Rated:
    """What people said of pairs, the scores of the same pairs, and how the two correlate."""

    human: tuple[float, ...]
    scores: tuple[float, ...]
    correlations: Mapping[str, Estimate]


def write_report(
    path: Path, heading: Heading, bench: Bench, board: Scoreboard | None, rated: Rated | None
) -> None:
    """Write the report of what was measured of lists, of pairs, or of both."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - an extra

    parts: dict[str, Any] = {"board": board, "correlations": None}
    if board is not None:
        parts |= _of_lists(bench, board)
    if rated is not None:
        parts |= _of_pairs(rated)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["interval"] = _interval
    source = (files("recommender.evaluation") / "templates" / "report.html").read_text("utf-8")
    page = environment.from_string(source).render(
        heading=heading,
        articles=len(bench.view),
        queries=len(bench.dataset.queries),
        pairs=len(bench.dataset.pairs),
        **{"examples": None, **parts},
    )
    path.write_text(page, "utf-8")


def _of_lists(bench: Bench, board: Scoreboard) -> dict[str, Any]:
    measured = {row.name: row.estimates[MAIN] for row in board.rows if not row.lacks}
    said = ", ".join(f"{name} {estimate.value:.2f}" for name, estimate in measured.items())
    return {
        "main": MAIN,
        "measures": MEASURES,
        "baselines": BASELINES,
        "traits": TRAITS,
        "described": [row for row in board.rows if row.traits is not None],
        "bars": _safe(draw_bars(f"{MAIN}: {said}", measured, MAIN)),
        "spread": _safe(_spread(board)),
        "scores": _scores(bench),
        "examples": worst(bench, board),
    }


def _spread(board: Scoreboard) -> str:
    each = {name: board.row(name).each for name in (RELEVANCE, SERVED)}
    said = ", ".join(f"{name} {(v >= 0.9).mean():.0%}" for name, v in each.items())  # noqa: PLR2004 - the highest two bins
    label = f"queries with {MAIN} of 0.9 or more: {said}"
    return draw_histogram(label, {k: v.tolist() for k, v in each.items()}, MAIN, of="queries")


def _scores(bench: Bench) -> str | None:
    found = contrast(bench)
    if not found.related or not found.random:
        return None
    middles = [sorted(one)[len(one) // 2] for one in (found.related, found.random)]
    label = (
        f"median score of judged related pairs {middles[0]:.2f}, of random ones {middles[1]:.2f}"
    )
    kinds = {"judged related": found.related, "random": found.random}
    return _safe(draw_histogram(label, kinds, "score", of="pairs"))


def _of_pairs(rated: Rated) -> dict[str, Any]:
    said = ", ".join(f"{name} {one.value:.2f}" for name, one in rated.correlations.items())
    label = f"scores against people's ratings: {said}"
    return {
        "correlations": rated.correlations,
        "ratings": _safe(draw_ratings(label, rated.human, rated.scores)),
    }


def _interval(estimate: Estimate, sign: str = "") -> str:
    if estimate.low is None or estimate.high is None:
        return ABSENT
    return f"{estimate.low:{sign}.4f} to {estimate.high:{sign}.4f}"


def _safe(svg: str) -> str:
    """Marked as markup: it was drawn here, from numbers and names of our own."""
    from markupsafe import Markup  # noqa: PLC0415 - comes with jinja2

    return Markup(svg)  # noqa: S704
