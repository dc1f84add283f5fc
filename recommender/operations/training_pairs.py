"""Texts of an archive that belong together, and which articles are held back to measure with.

Nobody judges anything: a title belongs to its body, a passage to the next one, an article to those
that its editors link to or pin.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from recommender.analysis.article_texts import ArticleTexts

__all__ = ["BATCH", "HeldApart", "TextPair", "TunableArticle", "draw_batches", "hold_back"]

BATCH: Final = 32
LEAST_BATCH: Final = 8
"""A smaller rest of a kind and language is left out: with few others there is nothing to learn."""
TESTED: Final = 0.2
CHECKED: Final = 0.1
MOST_TESTED: Final = 600
MOST_CHECKED: Final = 200
RNG_SEED: Final = 20_261_129


@dataclass(frozen=True, slots=True)
class TunableArticle:
    """An article with a title and a body, in a language that the encoder supports.

    Attributes:
        id: of the article.
        language: its primary BCP-47 subtag; None if it is unknown.
        texts: its texts; there is a title, and a body.
    """

    id: str
    language: str | None
    texts: ArticleTexts


@dataclass(frozen=True, slots=True)
class TextPair:
    """Two texts that belong together."""

    one: str
    other: str


Batch = tuple[TextPair, ...]


@dataclass(frozen=True, slots=True)
class HeldApart:
    """Articles in three parts; no pair has a text in two of them.

    Attributes:
        training: make the pairs to tune with.
        checks: show meanwhile which weights are the best.
        tests: decide at the end, and are looked at once.
    """

    training: tuple[TunableArticle, ...]
    checks: tuple[TunableArticle, ...]
    tests: tuple[TunableArticle, ...]


def draw_key(article_id: str) -> bytes:
    """A key that orders articles by chance, the same way each time."""
    return hashlib.sha256(article_id.encode()).digest()


def hold_back(articles: Iterable[TunableArticle]) -> HeldApart:
    """Hold back a fifth of the articles for the test and a tenth for checks, by their ids."""
    drawn = sorted(articles, key=lambda article: draw_key(article.id))
    tested = min(MOST_TESTED, int(TESTED * len(drawn)))
    checked = tested + min(MOST_CHECKED, int(CHECKED * len(drawn)))
    return HeldApart(tuple(drawn[checked:]), tuple(drawn[tested:checked]), tuple(drawn[:tested]))


def draw_batches(
    training: Sequence[TunableArticle], related: Mapping[str, Sequence[str]], passes: int
) -> list[Batch]:
    """Draw the batches of some passes over the articles, the same ones each time.

    A batch has pairs of one kind and one language, so that neither tells partners apart. An article
    begins at most one of its pairs. Each pass draws passages and links anew.

    Args:
        training: the articles.
        related: by article id, those that its editors link to or pin; others than `training` are
            left out.
        passes: how often each article is taken.
    """
    by_id = {article.id: article for article in training}
    batches = list[Batch]()
    for number in range(passes):
        draw = Random(f"{RNG_SEED} {number}")  # noqa: S311 - a sample, no secret
        groups = defaultdict[tuple[str, str | None], list[TextPair]](list)
        for article in training:
            targets = [by_id[one] for one in related.get(article.id, ()) if one in by_id]
            for kind, pair in _pairs_of(article, targets, draw):
                groups[kind, article.language].append(pair)
        batches += _batches_of_pass(groups.values(), draw)
    return batches


def _pairs_of(
    article: TunableArticle, targets: Sequence[TunableArticle], draw: Random
) -> Iterator[tuple[str, TextPair]]:
    """The pairs of one article in one pass, each with its kind."""
    passages = article.texts.body
    yield "body", TextPair(article.texts.title, draw.choice(passages))
    if len(passages) > 1:
        at = draw.randrange(len(passages) - 1)
        yield "next", TextPair(passages[at], passages[at + 1])
    if targets:
        yield "link", TextPair(article.texts.lead, draw.choice(targets).texts.lead)


def _batches_of_pass(groups: Iterable[list[TextPair]], draw: Random) -> list[Batch]:
    batches = list[Batch]()
    for pairs in groups:
        draw.shuffle(pairs)
        starts = range(0, len(pairs), BATCH)
        batches += [tuple(pairs[at : at + BATCH]) for at in starts]
    draw.shuffle(batches)
    return [batch for batch in batches if len(batch) >= LEAST_BATCH]
