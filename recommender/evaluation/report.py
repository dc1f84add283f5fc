"""Writes one HTML file with everything that was measured. It loads nothing and runs no script."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from recommender.api import RelatedList
from recommender.evaluation.baselines import BASELINES
from recommender.evaluation.intervals import Estimate
from recommender.evaluation.measures import MAIN, MEASURES
from recommender.evaluation.runs import Bench
from recommender.evaluation.scoreboard import ABSENT, RELEVANCE, SERVED, TRAITS, Scoreboard
from recommender.ranking.candidates import ListRequest
from recommender.ranking.policy import RELEVANCE_ONLY
from recommender.ranking.related import title_of
from recommender.ranking.scoring import find_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RatedPairs", "ReportHeading", "write_report"]


@dataclass(frozen=True, slots=True)
class ReportHeading:
    """What stands at the top of a report. `command` names no folder of the machine."""

    dataset: str
    model: str
    generation: str
    made_at: datetime
    command: str


@dataclass(frozen=True, slots=True)
class RatedPairs:
    """Ratings of pairs by people, the scores of the same pairs, and their correlations."""

    human: tuple[float, ...]
    scores: tuple[float, ...]
    correlations: Mapping[str, Estimate]


def write_report(
    path: Path,
    heading: ReportHeading,
    bench: Bench,
    board: Scoreboard | None,
    rated: RatedPairs | None,
) -> None:
    """Write the report on lists, on pairs, or on both."""
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


def _of_pairs(rated: RatedPairs) -> dict[str, Any]:
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
    """Mark as markup. This is safe: we drew it from numbers and from names of our own."""
    from markupsafe import Markup  # noqa: PLC0415 - comes with jinja2

    return Markup(svg)  # noqa: S704


MOST_EXAMPLES: Final = 20
DEPTH: Final = 5  # as in the main measure
MOST_JUDGED: Final = 10


@dataclass(frozen=True, slots=True)
class ShownArticle:
    """An article of an example: its title, its gain, and the reason why it is listed."""

    title: str
    gain: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WorstList:
    """One query: its main measure, the first listed articles, and the best judged ones."""

    title: str
    value: float
    listed: tuple[ShownArticle, ...]
    judged: tuple[ShownArticle, ...]
    more: int


@dataclass(frozen=True, slots=True)
class ScoreContrast:
    """Scores of pairs that people judged related, and of as many random pairs."""

    related: tuple[float, ...]
    random: tuple[float, ...]


def worst(bench: Bench, board: Scoreboard) -> list[WorstList]:
    """The queries with the worst served lists, the worst first."""
    each = board.row(SERVED).each
    order = np.argsort(each, kind="stable")[:MOST_EXAMPLES].tolist()
    queries = bench.dataset.queries
    return [
        _example(bench, queries[at], float(each[at]), board.served[queries[at]]) for at in order
    ]


def _example(bench: Bench, query: str, value: float, listed: RelatedList) -> WorstList:
    view, judged = bench.view, bench.dataset.judged(query)
    good = sorted((one for one in judged if judged[one] > 0), key=lambda one: (-judged[one], one))
    return WorstList(
        title=title_of(view, query),
        value=value,
        listed=tuple(
            ShownArticle(item.title or item.id, judged.get(item.id, 0), item.reason)
            for item in listed.items[:DEPTH]
        ),
        judged=tuple(ShownArticle(title_of(view, one), judged[one]) for one in good[:MOST_JUDGED]),
        more=max(0, len(good) - MOST_JUDGED),
    )


def contrast(bench: Bench) -> ScoreContrast:
    """Score the articles judged related to each query, and as many random others."""
    draw = np.random.default_rng(0)
    view, options = bench.view, bench.options()
    related: list[float] = []
    random: list[float] = []
    for query in bench.dataset.queries:
        list_request = ListRequest(view, find_seed(view, query), options, RELEVANCE_ONLY, bench.now)
        judged = bench.dataset.judged(query)
        rows = {one: row for one in judged if (row := view.row_of(one)) is not None}
        good = [row for one, row in rows.items() if judged[one] > 0]
        others = list_request.rows.eligible.copy()
        others[list(rows.values())] = False
        drawn = draw.permutation(np.flatnonzero(others))[: len(good)].tolist()
        scores = list_request.scorer.score(
            np.array([*good, *drawn], np.int64)
        ).scores.score.tolist()
        related += scores[: len(good)]
        random += scores[len(good) :]
    return ScoreContrast(tuple(related), tuple(random))


PLOT_WIDTH, PLOT_HEIGHT = 7.0, 2.9  # inches
INK: Final = "#010203"  # a mark that becomes the colour of the text
COLOURS: Final = ("#3f8ecf", "#d9822b")  # readable on white and on black
BINS: Final = 20
_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
}
# Ids that nothing refers to. They would occur twice on a page with several plots.
_UNUSED_ID: Final = re.compile(r' id="[A-Za-z0-9.]+_\d+"')
_NAMESPACE: Final = re.compile(r' xmlns(?::xlink)?="[^"]*"')


def draw_bars(label: str, estimates: Mapping[str, Estimate], measure: str) -> str:
    """A bar for each kind of lists, with its interval."""

    def draw(axes: "Axes") -> None:
        names = list(estimates)[::-1]
        values = [estimates[name].value for name in names]
        bounds = [_reach(estimates[name]) for name in names]
        axes.barh(names, values, color=COLOURS[0], height=0.6)
        axes.errorbar(values, names, xerr=np.array(bounds).T, fmt="none", ecolor=INK, capsize=4)
        axes.set_xlim(0, 1)
        axes.set_xlabel(measure)

    return _drawn(label, draw)


def draw_histogram(label: str, values: Mapping[str, Sequence[float]], axis: str, *, of: str) -> str:
    """A histogram of values between 0 and 1, for at most two kinds."""

    def draw(axes: "Axes") -> None:
        shares = [np.full(len(v), 100 / len(v)) for v in values.values()]
        clipped = [np.clip(v, 0, 1) for v in values.values()]
        axes.hist(
            clipped,
            BINS,
            range=(0, 1),
            weights=shares,
            label=list(values),
            color=COLOURS[: len(values)],
        )
        axes.set_xlabel(axis)
        axes.set_ylabel(f"% of {of}")
        axes.legend(frameon=False)

    return _drawn(label, draw)


def draw_ratings(label: str, human: Sequence[float], scores: Sequence[float]) -> str:
    """A point for each pair: the rating by people, and the score."""

    def draw(axes: "Axes") -> None:
        axes.scatter(human, scores, s=8, alpha=0.5, color=COLOURS[0])
        axes.set_xlabel("people's rating")
        axes.set_ylabel("score")

    return _drawn(label, draw)


def _reach(estimate: Estimate) -> tuple[float, float]:
    """How far the interval reaches below and above the value."""
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    return max(0.0, estimate.value - low), max(0.0, high - estimate.value)


def _drawn(label: str, draw: Callable[["Axes"], None]) -> str:
    from matplotlib import rc_context  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    page = StringIO()
    with rc_context({**_STYLE, "svg.hashsalt": label}):  # so that no id occurs on two plots
        figure = Figure(figsize=(PLOT_WIDTH, PLOT_HEIGHT), layout="constrained")
        draw(figure.add_subplot())
        unsaid = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(page, format="svg", transparent=True, metadata=unsaid)
    svg = page.getvalue()
    svg = _UNUSED_ID.sub("", _NAMESPACE.sub("", svg[svg.index("<svg") :])).replace(
        INK, "currentColor"
    )
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
