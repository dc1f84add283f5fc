"""The figures of a measurement of freshness, and where the time went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.faults.freshness_log import Encoded, encodings
from benchmarks.faults.freshness_samples import Gone, Shown
from benchmarks.faults.serving_load import Answer
from benchmarks.figures import Figure

__all__ = ["Measured", "figures_of", "stages_of"]

MOST_SECONDS: Final = 1.0
SHARES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen.

    Attributes:
        shown: the new articles.
        gone: those that were taken back.
        answers: to the readers.
        seconds: how long it took.
        waiting: how much of the bulk load still waited at the end.
        listed_again: how many that were taken back were listed at the end.
        faults: what was answered wrong, to readers and writers, in words.
        words: the server's log.
        kept_at: by id, when what was read was written down, in seconds since 1970.
    """

    shown: Sequence[Shown]
    gone: Sequence[Gone]
    answers: Sequence[Answer]
    seconds: float
    waiting: int
    listed_again: int
    faults: Sequence[str]
    words: str
    kept_at: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Timed:
    """A new article with its own encode call."""

    shown: Shown
    encoded: Encoded
    kept_at: float
    seconds: float

    @property
    def fresh_seconds(self) -> float:
        """From acknowledged to visible in all, less its own encode call."""
        return max(0.0, self.seconds - self.encoded.seconds)

    @property
    def begun_seconds(self) -> float:
        """From acknowledged until the encode call began."""
        return max(0.0, self.encoded.ended_at - self.encoded.seconds - self.shown.acked_at)

    @property
    def keeping_seconds(self) -> float:
        """From the end of the encode call until the writer's lock was had to write it down."""
        return max(0.0, self.kept_at - self.encoded.ended_at)

    @property
    def showing_seconds(self) -> float:
        """From there until the last worker showed it."""
        return max(0.0, self.shown.acked_at + self.seconds - self.kept_at)


def figures_of(measured: Measured) -> list[Figure]:
    """What is promised, and what there was."""
    timed = _timed(measured)
    fresh = [one.fresh_seconds for one in timed]
    figures = [
        Figure("writes that became visible in every worker", len(timed)),
        Figure("writes that did not", len(measured.shown) - len(timed), 0, "most"),
        Figure("writes refused before they were kept", sum(s.refused for s in measured.shown)),
        *_quantiles("visible in all less its own encode call, s,", fresh, {"p99": MOST_SECONDS}),
        Figure("articles taken back", len(measured.gone)),
        *_quantiles("listed after it was taken back, s,", [g.last_seconds for g in measured.gone]),
        Figure("answers with it after a second", sum(g.late for g in measured.gone), 0, "most"),
        Figure("taken back and listed at the end", measured.listed_again, 0, "most"),
        Figure("of the bulk load still waiting at the end", measured.waiting, 1),
        Figure("reads a second", len(measured.answers) / measured.seconds),
    ]
    took = [answer.seconds for answer in measured.answers]
    bad = sum(not answer.good for answer in measured.answers)
    return [*figures, *_quantiles("read, s,", took), Figure("reads not 2xx", bad, 0, "most")]


def stages_of(measured: Measured) -> list[str]:
    """Where the time of the writes went, and what was answered wrong."""
    timed = _timed(measured)
    stages = {
        "write, until acknowledged": [one.shown.write_seconds for one in timed],
        "until its encode call begins": [one.begun_seconds for one in timed],
        "its encode call": [one.encoded.seconds for one in timed],
        "articles in that call": [float(one.encoded.articles) for one in timed],
        "until it is written down": [one.keeping_seconds for one in timed],
        "until all workers show it": [one.showing_seconds for one in timed],
    }
    lines = [
        f"{name:<40} " + " ".join(f"{q} {_at(values, share):7.3f}" for q, share in SHARES.items())
        for name, values in stages.items()
    ]
    worst = sorted(timed, key=lambda one: -one.fresh_seconds)[:8]
    lines += [
        f"  {one.shown.id}: {one.fresh_seconds:.3f} s = waited {one.begun_seconds:.3f}"
        f" + kept {one.keeping_seconds:.3f} + shown {one.showing_seconds:.3f};"
        f" encode {one.encoded.seconds:.3f}"
        for one in worst
    ]
    return [*lines, *(f"FAULT: {words}" for words in measured.faults[:20])]


def _timed(measured: Measured) -> list[_Timed]:
    known = encodings(measured.words, (shown.id for shown in measured.shown))
    return [
        _Timed(shown, known[shown.id], measured.kept_at[shown.id], shown.seconds)
        for shown in measured.shown
        if shown.seconds is not None and shown.id in known and shown.id in measured.kept_at
    ]


def _quantiles(
    name: str, values: Sequence[float], bars: dict[str, float] | None = None
) -> list[Figure]:
    bars = bars or {}
    return [
        Figure(f"{name} {quantile}", _at(values, share), bars.get(quantile), "most")
        for quantile, share in SHARES.items()
    ]


def _at(values: Sequence[float], share: float) -> float:
    """The least value that this share of the values does not exceed."""
    if not values:
        return float("nan")
    return sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
