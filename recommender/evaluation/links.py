"""The archive's own links as judgments: what an editor linked to, an editor found related."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.errors import BadSource, UnreadableMarkup
from recommender.evaluation.addresses import resolve
from recommender.evaluation.datasets import Dataset, Qrels
from recommender.evaluation.runs import Bench
from recommender.evaluation.traits import MOST_SEEDS, spread
from recommender.progress import Meter
from recommender.ranking.candidates import ListRequest
from recommender.ranking.seeds import seed_of
from recommender.store import ArticleStore

__all__ = ["Judged", "Linked", "as_dataset", "judge_links", "read_links"]

GAIN: Final = 1
NO_LINKS: Final = (
    "no article of the live generation links to another one that a list may show ({}); import "
    "articles with their body_html and url and run: read-also rebuild, or judge by hand: "
    "read-also evaluate DIR"
)


@dataclass(frozen=True, slots=True)
class Linked:
    """What was read of an archive.

    Attributes:
        pages: by address, in one form, the article that is there.
        links: by article, the addresses that it links to, each once; None of no web page.
        unreadable: how many articles' HTML could not be read.
    """

    pages: Mapping[str, str]
    links: Mapping[str, tuple[str | None, ...]]
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """Judgments from links, and what was left out; a link counts once an article.

    Attributes:
        qrels: the judgments.
        own: links to the article itself.
        unknown: links to no stored article.
        ineligible: links, of the articles that were asked, to what their list may not show.
        unreadable: how many articles' HTML could not be read.
    """

    qrels: Qrels = field(default_factory=dict)
    own: int = 0
    unknown: int = 0
    ineligible: int = 0
    unreadable: int = 0

    @property
    def found(self) -> int:
        """How many judgments there are."""
        return sum(map(len, self.qrels.values()))

    def __str__(self) -> str:
        return (
            f"{self.found} links of {len(self.qrels)} articles; left out: {self.own} to the "
            f"article itself, {self.unknown} to no stored article, {self.ineligible} to what its "
            f"list may not show, {self.unreadable} articles whose HTML could not be read"
        )


def read_links(store: ArticleStore, read: Callable[[str], str], meter: Meter) -> Linked:
    """Read the links of every stored article.

    Args:
        store: where the articles are.
        read: HTML to addresses, one a line; raises UnreadableMarkup.
        meter: told of articles read.
    """
    pages: dict[str, str] = {}
    links: dict[str, tuple[str | None, ...]] = {}
    unreadable = 0
    with store.scan() as view, meter("reading links", 0, "article") as advance:
        for article in (stored.article for stored in view):
            if article.url and (page := resolve(article.url)):
                pages.setdefault(page, article.id)
            try:
                found = _addresses(article.body_html, read)
            except UnreadableMarkup:
                found, unreadable = [], unreadable + 1
            resolved = dict.fromkeys(resolve(link, article.url) for link in found)
            links[article.id] = tuple(resolved)
            advance(1)
    return Linked(pages, links, unreadable)


def _addresses(html: str, read: Callable[[str], str]) -> list[str]:
    """The links of one article; a child is asked only where there may be one."""
    return read(html).splitlines() if "href" in html.lower() else []


def judge_links(linked: Linked, bench: Bench) -> Judged:
    """What the links say of what a bench may list, of up to MOST_SEEDS articles, evenly spaced."""
    meant: dict[str, list[str]] = {}
    own = unknown = 0
    for article_id, links in linked.links.items():
        others = [None if link is None else linked.pages.get(link) for link in links]
        unknown += others.count(None)
        own += others.count(article_id)
        if found := [one for one in dict.fromkeys(filter(None, others)) if one != article_id]:
            meant[article_id] = found
    asked = {one: meant[one] for one in spread(sorted(meant), MOST_SEEDS)}
    good = {one: _listable(bench, one, others) for one, others in asked.items()}
    return Judged(
        qrels={one: dict.fromkeys(others, GAIN) for one, others in good.items() if others},
        own=own,
        unknown=unknown,
        ineligible=sum(map(len, asked.values())) - sum(map(len, good.values())),
        unreadable=linked.unreadable,
    )


def _listable(bench: Bench, article_id: str, others: Iterable[str]) -> list[str]:
    """Those that the list of an article may show."""
    rows = {one: row for one in others if (row := bench.view.row_of(one)) is not None}
    seed = seed_of(bench.view, article_id) if rows else None
    if seed is None or not seed.lists:
        return []
    list_request = ListRequest(bench.view, seed, bench.options(), bench.policy, bench.now)
    allowed: NDArray[np.bool_] = list_request.allowed()
    return [one for one, row in rows.items() if allowed[row]]


def as_dataset(judged: Judged) -> Dataset:
    """The judgments as those of a folder.

    Raises:
        BadSource: there are none.
    """
    if not judged.qrels:
        raise BadSource(NO_LINKS.format(judged))
    return Dataset(articles=(), distractors=(), qrels=judged.qrels, pairs=(), pool=None)
