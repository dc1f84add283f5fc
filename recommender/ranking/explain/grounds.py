"""What an item has in common with the seed, looked up in their texts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from index import Query, View
from recommender.analysis.embedding import matched_passages
from recommender.analysis.passages import Views
from recommender.api import Explanation, Grounds, Item, NoGrounds, PassagePair, SharedTerm
from recommender.articles import Article
from recommender.errors import StoreUnusable
from recommender.ranking.explain.matches import Floats, matching_pairs
from recommender.ranking.explain.names import Key, Name, names_of, shared_names
from recommender.ranking.explain.texts import ReadTexts, beginning_of
from recommender.ranking.explain.wording import Spellings, products, shared_terms, spellings
from recommender.ranking.seeds import Seed

__all__ = ["Side", "add_grounds", "compare"]


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of two texts that are compared.

    Attributes:
        spelt: its words.
        names: its names.
        passages: the texts that are matched.
        terms: its weighed terms; None if it has none.
        vectors: of its passages, float32 [k, dim], unit rows; None if it has none.
    """

    spelt: Spellings
    names: Mapping[Key, Name]
    passages: tuple[str, ...]
    terms: Query | None
    vectors: Floats | None

    @classmethod
    def of(cls, article: Article, terms: Query | None, vectors: Floats | None) -> "Side":
        """Read a plain text, a long one from its beginning."""
        read = beginning_of(article)
        passages = tuple(matched_passages(Views.of(read)))
        return cls(spellings(read), names_of(read), passages, terms, vectors)


def compare(seed: Side, item: Side, explanation: Explanation) -> Grounds:
    """What two texts have in common; words and passages only where they added to the score."""
    terms, pairs = tuple[SharedTerm, ...](), tuple[PassagePair, ...]()
    by_words = explanation.lexical_weight * explanation.lexical > 0
    by_passages = explanation.passage_weight * explanation.passages > 0
    if by_words and seed.terms is not None and item.terms is not None:
        terms = shared_terms(seed.spelt, item.spelt, products(seed.terms, item.terms))
    if by_passages and seed.vectors is not None and item.vectors is not None:
        pairs = matching_pairs((seed.passages, seed.vectors), (item.passages, item.vectors))
    return Grounds(terms=terms, names=shared_names(seed.names, item.names), passages=pairs)


def add_grounds(
    view: View,
    seed: Seed,
    items: tuple[Item, ...],
    read: ReadTexts,
    draft: Article | None = None,
) -> tuple[Item, ...]:
    """The same items, whose explanations say what they rest on.

    Args:
        view: where they were found.
        seed: what they were found for.
        items: with explanations.
        read: gives their texts, and the seed's.
        draft: the seed's text, where it is not stored.
    """
    ids = [item.id for item in items]
    try:
        texts = read(_settled(view, [seed.id, *ids] if draft is None else ids))
    except StoreUnusable:
        return tuple(_without(item, "store_away") for item in items)
    own = texts.get(seed.id) if draft is None else draft
    if own is None or own.body_html:  # markup is read by the indexer alone
        return tuple(_without(item, "text_changed") for item in items)
    side = Side.of(own, seed.terms, seed.passages)
    return tuple(_with(view, side, item, texts.get(item.id)) for item in items)


def _settled(view: View, ids: list[str]) -> dict[str, int]:
    """The changes at which those stand whose present text was read."""
    rows = {key: row for key in ids if (row := view.row_of(key)) is not None}
    at = np.fromiter(rows.values(), np.int64, len(rows))
    facts = zip(rows, view.take("settled", at), view.take("change", at), strict=True)
    return {key: int(change) for key, settled, change in facts if settled}


def _with(view: View, seed: Side, item: Item, text: Article | None) -> Item:
    row, explanation = view.row_of(item.id), item.explanation
    if text is None or row is None or explanation is None:
        return _without(item, "text_changed")
    side = Side.of(text, view.query_of(row), view.passages_of(row))
    grounds = compare(seed, side, explanation)
    explained = explanation.model_copy(update={"grounds": grounds})
    return item.model_copy(update={"explanation": explained})


def _without(item: Item, because: NoGrounds) -> Item:
    if item.explanation is None:
        return item
    explained = item.explanation.model_copy(update={"no_grounds_because": because})
    return item.model_copy(update={"explanation": explained})
