"""Plots as inline SVG that needs nothing from outside and takes the colour of the page's text."""

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from recommender.evaluation.intervals import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_bars", "draw_histogram", "draw_ratings"]

WIDTH, HEIGHT = 7.0, 2.9  # inches
INK: Final = "#010203"  # stands for the colour of the text, whatever it is
COLOURS: Final = ("#3f8ecf", "#d9822b")  # seen on white and on black
BINS: Final = 20
_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
}
# What matplotlib names but never points to would stand twice on a page of several plots.
_UNUSED_ID: Final = re.compile(r' id="[A-Za-z0-9.]+_\d+"')
_NAMESPACE: Final = re.compile(r' xmlns(?::xlink)?="[^"]*"')


def draw_bars(label: str, estimates: Mapping[str, Estimate], measure: str) -> str:
    """A bar for each way of making lists, with its interval."""

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
    """How often which value between 0 and 1 occurs, for each of at most two kinds."""

    def draw(axes: "Axes") -> None:
        shares = [np.full(len(v), 100 / len(v)) for v in values.values()]
        kept = [np.clip(v, 0, 1) for v in values.values()]
        axes.hist(
            kept,
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
    """A point for each pair: what people said, and the score."""

    def draw(axes: "Axes") -> None:
        axes.scatter(human, scores, s=8, alpha=0.5, color=COLOURS[0])
        axes.set_xlabel("people's rating")
        axes.set_ylabel("score")

    return _drawn(label, draw)


def _reach(estimate: Estimate) -> tuple[float, float]:
    """How far the interval goes below and above."""
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    return max(0.0, estimate.value - low), max(0.0, high - estimate.value)


def _drawn(label: str, draw: Callable[["Axes"], None]) -> str:
    from matplotlib import rc_context  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    page = StringIO()
    with rc_context({**_STYLE, "svg.hashsalt": label}):  # no id stands on two plots
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        draw(figure.add_subplot())
        unsaid = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(page, format="svg", transparent=True, metadata=unsaid)
    svg = page.getvalue()
    svg = _UNUSED_ID.sub("", _NAMESPACE.sub("", svg[svg.index("<svg") :])).replace(
        INK, "currentColor"
    )
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
