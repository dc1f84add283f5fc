"""Writes one HTML file with everything that was measured. It loads nothing and runs no script."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from shutil import copyfile
from typing import Any, Final

import numpy as np

from recommender.api import RelatedList
from recommender.evaluation.baselines import BASELINES
from recommender.evaluation.intervals import Estimate
from recommender.evaluation.measures import MAIN, MEASURES
from recommender.evaluation.plots import draw_bars, draw_histogram, draw_ratings
from recommender.evaluation.runs import Bench
from recommender.evaluation.scoreboard import ABSENT, RELEVANCE, SERVED, TRAITS, Scoreboard
from recommender.ranking.candidates import ListRequest
from recommender.ranking.policy import RELEVANCE_ONLY
from recommender.ranking.related import title_of
from recommender.ranking.scoring import find_seed

__all__ = ["RatedPairs", "ReportHeading", "keep_report", "write_report"]


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


@dataclass(frozen=True, slots=True)
class PlainFigure:
    """How many of a hundred, and what of."""

    number: int
    meaning: str


@dataclass(frozen=True, slots=True)
class PlainSummary:
    """What a report begins with."""

    sentences: tuple[str, ...]
    figures: tuple[PlainFigure, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot, and the one sentence that says what to see in it."""

    sentence: str
    svg: str


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
        parts |= {"correlations": rated.correlations}
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["interval"] = _interval
    templates = files("recommender.evaluation") / "templates"
    style = (templates / "report.css").read_text("utf-8")
    page = environment.from_string((templates / "report.html").read_text("utf-8")).render(
        heading=heading,
        style=_safe(style),
        style_hash=_safe(hash_of_style(style)),
        summary=summarize(board, rated),
        plots=list(_plots(bench, board, rated)),
        articles=len(bench.view),
        queries=len(bench.dataset.queries),
        pairs=len(bench.dataset.pairs),
        **{"examples": None, **parts},
    )
    path.write_text(page, "utf-8")


def keep_report(path: Path, folder: Path, made_at: datetime) -> None:
    """Keep a copy of a report for the console, and of those before it the newest."""
    folder.mkdir(mode=0o700, exist_ok=True)
    unfinished = folder / ".unfinished"
    copyfile(path, unfinished)
    unfinished.replace(folder / f"{made_at:%Y%m%d-%H%M%S}.html")
    for old in sorted(folder.glob("*.html"))[:-MOST_KEPT]:
        old.unlink(missing_ok=True)


def hash_of_style(style: str) -> str:
    """The source expression by which a content security policy allows one style sheet."""
    return f"sha256-{b64encode(sha256(style.encode()).digest()).decode()}"


def summarize(board: Scoreboard | None, rated: RatedPairs | None) -> PlainSummary:
    """What was found, in plain words and with two digits."""
    sentences, figures = list[str](), list[PlainFigure]()
    if board is not None:
        served, traits = board.row(SERVED), board.row(SERVED).traits
        sentences.append(_compare(board))
        shares = {
            "points: the best lists possible have 100": served.estimates[MAIN].value,
            "lists begin with a related story": served.estimates["P@1"].value,
            "lists are full of related stories": _without(traits.short if traits else None),
            "stories stand in some list": traits.coverage if traits else None,
        }
        figures += [PlainFigure(_percent(v), k) for k, v in shares.items() if v is not None]
    if rated is not None:
        above = rated.correlations["AUC"].value
        pairs = f"Of {len(rated.scores)} pairs that people have rated, "
        if np.isfinite(above):
            said = f"a related one has a higher score than an unrelated one {_percent(above)} times"
            sentences.append(f"{pairs}{said} of 100.")
            figures.append(PlainFigure(_percent(above), "related pairs score above unrelated ones"))
        else:
            sentences.append(f"{pairs}all have the same rating, so scores cannot be compared.")
    return PlainSummary(tuple(sentences), tuple(figures))


def _compare(board: Scoreboard) -> str:
    value = _percent(board.row(SERVED).estimates[MAIN].value)
    said = f"The lists that readers get are {value} % as good as the judgments allow"
    others = [row for row in board.rows[2:] if not row.lacks]
    if not others:
        return f"{said}."
    best = max(others, key=lambda row: row.estimates[MAIN].value)
    reached = _percent(best.estimates[MAIN].value)
    return f"{said}; the best of the simpler ways ({best.name}) reaches {reached} %."


def _percent(share: float) -> int:
    return round(100 * share)


def _without(share: float | None) -> float | None:
    return None if share is None else 1 - share


def _of_lists(bench: Bench, board: Scoreboard) -> dict[str, Any]:
    return {
        "main": MAIN,
        "measures": MEASURES,
        "baselines": BASELINES,
        "traits": TRAITS,
        "described": [row for row in board.rows if row.traits is not None],
        "examples": worst(bench, board),
    }


def _plots(bench: Bench, board: Scoreboard | None, rated: RatedPairs | None) -> Iterator[Plot]:
    if board is not None:
        yield _bars(board)
        yield _spread(board)
        yield from _scores(bench)
    if rated is not None:
        said = ", ".join(f"{name} {one.value:.2f}" for name, one in rated.correlations.items())
        svg = draw_ratings(f"scores against people's ratings: {said}", rated.human, rated.scores)
        yield Plot("Each point is a pair: good scores rise with people's ratings.", _safe(svg))


def _bars(board: Scoreboard) -> Plot:
    measured = {row.name: row.estimates[MAIN] for row in board.rows if not row.lacks}
    said = ", ".join(f"{name} {estimate.value:.2f}" for name, estimate in measured.items())
    sentence = (
        "The longer a bar, the better that kind of lists; the line across its end shows how far "
        "another choice of stories may move it."
    )
    return Plot(sentence, _safe(draw_bars(f"{MAIN}: {said}", measured, MAIN)))


def _spread(board: Scoreboard) -> Plot:
    each = {name: board.row(name).each for name in (RELEVANCE, SERVED)}
    said = ", ".join(f"{name} {(v >= BEST).mean():.0%}" for name, v in each.items())
    label = f"queries with {MAIN} of {BEST} or more: {said}"
    served = each[SERVED]
    sentence = (
        f"Of 100 lists that readers get, {_percent((served >= BEST).mean())} are nearly as good as "
        f"can be, and {_percent((served == 0).mean())} have nothing related at their top."
    )
    histogram = draw_histogram(label, {k: v.tolist() for k, v in each.items()}, MAIN, of="queries")
    return Plot(sentence, _safe(histogram))


def _scores(bench: Bench) -> Iterator[Plot]:
    found = contrast(bench)
    if not found.related or not found.random:
        return
    middles = [sorted(one)[len(one) // 2] for one in (found.related, found.random)]
    label = (
        f"median score of judged related pairs {middles[0]:.2f}, of random ones {middles[1]:.2f}"
    )
    sentence = (
        f"A related pair usually scores {middles[0]:.2f} and a random one {middles[1]:.2f}: the "
        "less the two overlap, the better a threshold can part them."
    )
    kinds = {"judged related": found.related, "random": found.random}
    yield Plot(sentence, _safe(draw_histogram(label, kinds, "score", of="pairs")))


def _interval(estimate: Estimate, sign: str = "") -> str:
    if estimate.low is None or estimate.high is None:
        return ABSENT
    return f"{estimate.low:{sign}.4f} to {estimate.high:{sign}.4f}"


def _safe(svg: str) -> str:
    """Mark as markup. This is safe: it is made of numbers and of names and files of our own."""
    from markupsafe import Markup  # noqa: PLC0415 - comes with jinja2

    return Markup(svg)  # noqa: S704


MOST_EXAMPLES: Final = 20
MOST_KEPT: Final = 20
BEST: Final = 0.9  # the highest two bins of a histogram
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
