"""The archive's own links as judgments: editors link to what they find related."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit

import numpy as np
from numpy.typing import NDArray

from recommender.errors import BadSource, UnreadableMarkup
from recommender.evaluation.datasets import Dataset, Qrels
from recommender.evaluation.runs import Bench
from recommender.evaluation.scoreboard import MOST_SAMPLED, sample_evenly
from recommender.progress import Meter
from recommender.ranking.candidates import ListRequest
from recommender.ranking.scoring import seed_of
from recommender.store import ArticleStore

__all__ = [
    "ArchiveLinks",
    "LinkJudgments",
    "as_dataset",
    "canonical_page",
    "judge_links",
    "read_links",
]

GAIN: Final = 1
NO_LINKS: Final = (
    "no article of the live generation links to another one that a list may show ({}); import "
    "articles with their body_html and url and run: read-also rebuild, or judge by hand: "
    "read-also evaluate DIR"
)


@dataclass(frozen=True, slots=True)
class ArchiveLinks:
    """The links in the stored articles.

    Attributes:
        pages: the id of the article at each page, by `canonical_page`.
        links: by article id, the pages it links to, each once; None for what is not a web page.
        unreadable: how many articles have HTML that could not be read.
    """

    pages: Mapping[str, str]
    links: Mapping[str, tuple[str | None, ...]]
    unreadable: int = 0

    @property
    def targets(self) -> dict[str, list[str]]:
        """By article id, the other stored articles that it links to; only articles with some."""
        stored = {
            one: [target for page in pages if page and (target := self.pages.get(page))]
            for one, pages in self.links.items()
        }
        others = {
            one: [target for target in dict.fromkeys(targets) if target != one]
            for one, targets in stored.items()
        }
        return {one: targets for one, targets in others.items() if targets}


@dataclass(frozen=True, slots=True)
class LinkJudgments:
    """Judgments from links, and how many links were left out. A link counts once an article.

    Attributes:
        qrels: the judgments.
        self_links: links to the article itself.
        unknown: links to pages that are not stored.
        ineligible: links to articles that the list may not show.
        unreadable: how many articles have HTML that could not be read.
    """

    qrels: Qrels = field(default_factory=dict)
    self_links: int = 0
    unknown: int = 0
    ineligible: int = 0
    unreadable: int = 0

    @property
    def found(self) -> int:
        """How many judgments there are."""
        return sum(map(len, self.qrels.values()))

    def __str__(self) -> str:
        return (
            f"{self.found} links of {len(self.qrels)} articles; left out: {self.self_links} to the "
            f"article itself, {self.unknown} to no stored article, {self.ineligible} to what its "
            f"list may not show, {self.unreadable} articles whose HTML could not be read"
        )


def read_links(store: ArticleStore, read: Callable[[str], str], meter: Meter) -> ArchiveLinks:
    """Read the links of every stored article.

    Args:
        store: where the articles are.
        read: from HTML to addresses, one a line; raises UnreadableMarkup.
        meter: counts articles.
    """
    pages: dict[str, str] = {}
    links: dict[str, tuple[str | None, ...]] = {}
    unreadable = 0
    with store.scan() as scan, meter("reading links", 0, "article") as advance:
        for article in (stored.article for stored in scan):
            if article.url and (page := canonical_page(article.url)):
                pages.setdefault(page, article.id)
            try:
                found = _addresses(article.body_html, read)
            except UnreadableMarkup:
                found, unreadable = [], unreadable + 1
            resolved = dict.fromkeys(canonical_page(link, article.url) for link in found)
            links[article.id] = tuple(resolved)
            advance(1)
    return ArchiveLinks(pages, links, unreadable)


def _addresses(html: str, read: Callable[[str], str]) -> list[str]:
    """The links of one article. The HTML is parsed only if it may hold a link."""
    return read(html).splitlines() if "href" in html.lower() else []


def judge_links(linked: ArchiveLinks, bench: Bench) -> LinkJudgments:
    """Take the links of up to MOST_SAMPLED articles, evenly spaced, as judgments."""
    linked_from = linked.targets
    self_links = unknown = 0
    for article_id, links in linked.links.items():
        others = [None if link is None else linked.pages.get(link) for link in links]
        unknown += others.count(None)
        self_links += others.count(article_id)
    sampled = {one: linked_from[one] for one in sample_evenly(sorted(linked_from), MOST_SAMPLED)}
    good = {one: _listable(bench, one, others) for one, others in sampled.items()}
    return LinkJudgments(
        qrels={one: dict.fromkeys(others, GAIN) for one, others in good.items() if others},
        self_links=self_links,
        unknown=unknown,
        ineligible=sum(map(len, sampled.values())) - sum(map(len, good.values())),
        unreadable=linked.unreadable,
    )


def _listable(bench: Bench, article_id: str, others: Iterable[str]) -> list[str]:
    """Those of the others that the list of an article may show."""
    rows = {one: row for one in others if (row := bench.view.row_of(one)) is not None}
    seed = seed_of(bench.view, article_id) if rows else None
    if seed is None or not seed.has_list:
        return []
    list_request = ListRequest(bench.view, seed, bench.options(), bench.policy, bench.now)
    allowed: NDArray[np.bool_] = list_request.rows.eligible
    return [one for one, row in rows.items() if allowed[row]]


def as_dataset(judged: LinkJudgments) -> Dataset:
    """The judgments as a data set without articles.

    Raises:
        BadSource: there are no judgments.
    """
    if not judged.qrels:
        raise BadSource(NO_LINKS.format(judged))
    return Dataset(articles=(), distractors=(), qrels=judged.qrels, pairs=(), pool=None)


TRACKING: Final = "utm_"
_PORTS: Final = {"http": 80, "https": 443}


def canonical_page(link: str, base: str | None = None) -> str | None:
    """The page to which a link on the page `base` leads, in one spelling; None if not a web page.

    What makes no other page is left out: the scheme, the case of the host, a usual port, a slash at
    the end, the fragment, and campaign parameters (`utm_...`). A path is percent-encoded the same
    way whether it was typed or copied.
    """
    try:
        parts = urlsplit(urljoin(base or "", link))
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host:
        return None
    place = host if port in {None, _PORTS[parts.scheme]} else f"{host}:{port}"
    path = quote(unquote(parts.path), safe="/:@!$&'()*+,;=~").rstrip("/")
    parameters = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not name.lower().startswith(TRACKING)
    ]
    return place + path + (f"?{urlencode(parameters)}" if parameters else "")
