"""The command that shows a list: related."""

import textwrap
import time
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import accumulate
from typing import Any, Final

import click
from pydantic import ValidationError

from index import Catalog, View
from recommender.api import (
    LIMITS,
    MODES,
    RULES,
    SEMANTIC,
    Dropped,
    Explain,
    Explanation,
    Grounds,
    Item,
    ListOptions,
    RelatedList,
)
from recommender.articles import faults_of
from recommender.characters import printable
from recommender.cli.archive_in_use import open_settings
from recommender.errors import BadParameter, FieldFault, UnreadArticle
from recommender.indexing.archive_model import find_model_of_settings
from recommender.live import open_replica
from recommender.ranking.explain import list_explained
from recommender.ranking.related import title_of
from recommender.ranking.scoring import Seed, seed_of
from recommender.ranking.several_seeds import request_like
from recommender.store import ArticleStore, open_store

__all__ = ["as_text", "related"]

WIDTH: Final = 100
INDENT: Final = " " * 11
ROUNDING: Final = 1e-3
NOT_ACCEPTABLE: Final = "the filter is not acceptable"
FILTERS: Final = frozenset(
    {"section", "tag", "author", "attr", "language", "published_after", "published_before"}
)
SIGNALS: Final = (
    ("vectors", "dense", "dense_weight"),
    ("passages", "passages", "passage_weight"),
    ("words", "lexical", "lexical_weight"),
)


@click.command()
@click.argument("article_ids", metavar="ID...", nargs=-1, required=True)
@click.option(
    "--unlike", metavar="ID", multiple=True, help="List nothing that is nearer to this article."
)
@click.option(
    "-n",
    "limit",
    default=ListOptions.model_fields["limit"].default,
    show_default=True,
    type=click.IntRange(LIMITS[0], LIMITS[-1]),
)
@click.option(
    "--offset",
    default=0,
    type=click.IntRange(0, LIMITS[-1] - 1),
    help="Leave out so many items: the pages after the first.",
)
@click.option("--mode", type=click.Choice(MODES), default=MODES[0], show_default=True)
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="NAME=VALUES",
    help="A filter of the HTTP API, such as section=-opinion or attr.price=10..20; several times.",
)
@click.option(
    "--explain",
    type=click.Choice(["1", "all"]),
    is_flag=False,
    flag_value="1",
    help="Show why each item is there; with all, also what was dropped, and why.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer of the HTTP API.")
def related(
    article_ids: tuple[str, ...],
    unlike: tuple[str, ...],
    filters: tuple[str, ...],
    explain: str | None,
    as_json: bool,
    **others: object,
) -> None:
    """Print the Read also list of the article ID, or one that is like several articles."""
    settings = open_settings(only_reads=True)
    options = _read_options(filters, explain=_read_explain(explain), **others)
    with closing(open_store(settings.database_url, must_exist=True)) as store:
        catalog = Catalog(settings.data.snapshots)
        replica = open_replica(
            catalog, store, lambda: find_model_of_settings(settings, store, catalog)
        ).replica
        view, policy = replica.view, replica.active_policy.policy
        likes, unlikes = (
            [_find_seed(view, store, one) for one in {*ids}] for ids in (article_ids, unlike)
        )
        request = request_like(
            view, likes, unlikes, options, policy, time.time(), replica.overrides
        )
        answer = list_explained(request, store.texts_at)
        titles = [title_of(view, one) for one in dict.fromkeys(article_ids)]
    if as_json:
        click.echo(answer.to_json(indent=2))
    else:
        click.echo(as_text(answer, "; ".join(titles)))


def _find_seed(view: View, store: ArticleStore, article_id: str) -> Seed:
    seed = seed_of(view, article_id)
    if seed is None:
        store.get(article_id)  # raises if it is unknown or deleted
        raise UnreadArticle(article_id)
    return seed


def _read_explain(explain: str | None) -> Explain:
    return "all" if explain == "all" else explain is not None


def _read_options(filters: tuple[str, ...], **others: object) -> ListOptions:
    """The options of a list: each filter is `NAME=VALUES`, as in a query of the HTTP API.

    Raises:
        BadParameter: a filter is unknown, given twice or not acceptable; each is named.
    """
    fields: dict[str, Any] = dict(others)
    for name, _, text in (one.partition("=") for one in filters):
        option, _, inner = name.partition(".")
        of_option = fields.setdefault(option, {}) if option == "attr" else fields
        key = inner if option == "attr" else name
        if option not in FILTERS or key in of_option:
            known = ", ".join(sorted(FILTERS - {"attr"} | {"attr.NAME"}))
            fault = FieldFault(f"/{name}", f"unknown, or given twice; known are {known}")
            raise BadParameter(NOT_ACCEPTABLE, (fault,))
        of_option[key] = text
    try:
        return ListOptions.model_validate(fields)
    except ValidationError as error:
        raise BadParameter(NOT_ACCEPTABLE, tuple(faults_of(error))) from None


def as_text(recommendations: RelatedList, title: str) -> str:
    """The list as text: a heading, then one line for each item.

    A line has rank, score, headline and reason. Explanations stand below their item, dropped
    articles at the end.
    """
    lines = [f"Read also, under: {printable(title)}", ""]
    lines += [_as_line(item) for item in recommendations.items]
    if recommendations.short_because:
        lines.append(f"({recommendations.short_because})")
    if recommendations.hint:
        lines.append(f"({printable(recommendations.hint)})")
    listed = "\n".join(lines).rstrip()
    if recommendations.dropped is None:
        return listed
    dropped = map(_as_dropped_line, recommendations.dropped)
    return "\n".join([listed, "", "Not listed, the nearest first:", "", *dropped])


def _as_line(item: Item) -> str:
    title = textwrap.shorten(printable(item.title) or item.id, WIDTH - 30, placeholder="…")
    line = f"{item.rank:3}. {item.score:.2f}  {title}"
    if item.reason != SEMANTIC:
        line += f"  [{item.reason}]"
    if item.explanation is not None:
        line = "\n".join([line, *_explained(item.score, item.explanation), ""])
    return line


def _explained(score: float, explanation: Explanation) -> Iterator[str]:
    """Lines below an item: how its score and its place come about, and what they rest on."""
    mixed = " + ".join(
        f"{getattr(explanation, share):.2f} of {name} {getattr(explanation, part):.2f}"
        for name, part, share in SIGNALS
    )
    yield f"{INDENT}score {score:.2f} = {mixed}"
    yield INDENT + _place(score, explanation)
    yield from _folded("seeds", (f"{one.id} {one.score:.2f}" for one in explanation.seeds))
    yield from _folded("site rules", explanation.site_rules)
    if explanation.grounds is not None:
        yield from _grounds(explanation.grounds)
    elif explanation.no_grounds_because is not None:
        yield f"{INDENT}({explanation.no_grounds_because})"


def _place(score: float, explanation: Explanation) -> str:
    value = score * explanation.recency + explanation.nearness - explanation.hubness
    value += explanation.support - explanation.aversion + explanation.boost
    if abs(value - explanation.ranking_value) > ROUNDING:
        return "place by its date"
    near = f"nearness in time {explanation.nearness:.2f} - hubness {explanation.hubness:.2f}"
    placed = f"score {score:.2f} x recency {explanation.recency:.2f} + {near}"
    if explanation.seeds:
        placed += f" + support {explanation.support:.2f} - aversion {explanation.aversion:.2f}"
    if explanation.boost:
        placed += f" {explanation.boost:+.2f} by site rules"
    return f"place {explanation.ranking_value:.2f} = {placed}"


def _grounds(grounds: Grounds) -> Iterator[str]:
    terms = (f"{one.word} {one.share:.0%}" for one in grounds.terms)
    yield from _folded("words", terms)
    yield from _folded("names", grounds.names)
    for pair in grounds.passages:
        yield f"{INDENT}{pair.similarity:.2f}  seed  {_fitted(pair.seed, WIDTH - 23)}"
        yield f"{INDENT}      item  {_fitted(pair.item, WIDTH - 23)}"


def _folded(label: str, words: Iterable[str]) -> Iterator[str]:
    """A few words after their label, on as many lines as they take; none for no words."""
    lines: list[list[str]] = []
    for word in map(printable, words):
        if not lines or _columns(", ".join([*lines[-1], word])) > WIDTH - len(INDENT) - 6:
            lines.append([])
        lines[-1].append(word)
    for at, line in enumerate(lines):
        yield f"{INDENT}{label if at == 0 else '':{len(label)}} {', '.join(line)}"


def _fitted(text: str, columns: int) -> str:
    """A text on one line that takes no more than some columns of a terminal."""
    line = printable(text)
    ends = list(accumulate(map(_columns, line)))
    if not ends or ends[-1] <= columns:
        return line
    return line[: bisect_right(ends, columns - 1)].rstrip() + "…"


def _columns(text: str) -> int:
    """How wide a text is in a terminal, where Chinese characters take two columns."""
    return sum(2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in text)


def _as_dropped_line(dropped: Dropped) -> str:
    line = f"     {dropped.score:.2f}  {dropped.rule:{max(map(len, RULES))}}  "
    named = [printable(one) for one in (dropped.site_rule, dropped.because) if one is not None]
    instead = f"  ({', '.join(named)})" if named else ""
    room = max(WIDTH - len(line) - len(instead), WIDTH // 4)
    return line + _fitted(dropped.title or dropped.id, room) + instead
