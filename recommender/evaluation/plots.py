"""Draws the plots of the report, as SVG that needs no style sheet but the report's."""

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

PLOT_WIDTH, PLOT_HEIGHT = 4.8, 2.7  # inches: on a phone its letters are as large as others
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
_STYLE_SHEET: Final = re.compile(r"<defs>\s*<style[^>]*>[^<]*</style>\s*</defs>")
_INLINE_STYLE: Final = re.compile(r' style="([^"]*)"')


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
    svg = _UNUSED_ID.sub("", _NAMESPACE.sub("", svg[svg.index("<svg") :]))
    svg = _INLINE_STYLE.sub(_as_attributes, _STYLE_SHEET.sub("", svg)).replace(INK, "currentColor")
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)


def _as_attributes(style: "re.Match[str]") -> str:
    """A style as attributes: a strict policy allows no styles beside the page's one sheet.

    Fonts stand in that sheet.
    """
    pairs = (one.partition(":") for one in style[1].split(";") if one.strip())
    return "".join(
        f' {name.strip()}="{value.strip()}"'
        for name, _, value in pairs
        if not name.strip().startswith("font")
    )
