"""The seed: the article that a list is made for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index import Query, View
from recommender.errors import UnreadArticle

__all__ = ["Seed", "find_seed", "seed_of"]

_COLUMNS = (
    "published_at",
    "id_hash",
    "translates",
    "has_list",
    "minhash",
    "read",
    "up_to_date",
    "embedded",
    "fluent",
)


@dataclass(frozen=True, slots=True, eq=False)
class Seed:
    """The article that a list is made for.

    Attributes:
        id: its id; empty for a draft.
        language: a primary BCP-47 subtag, or `und`.
        section: None if it has none.
        published_at: seconds since 1970 in UTC; NaN if unknown.
        id_hash: of its id; see `hash_id`.
        translates: the hash of the id or group that it translates; of its own id if none.
        has_list: whether the article wants a list at all.
        minhash: uint16 [MINHASH_SIZE], of its text.
        up_to_date: whether its present text was read, not an older one.
        embedded: whether the encoder supports its language.
        fluent: whether vectors are better than words among texts of its language.
        vector: float32 [dim], a unit vector in the view's space; None without a read text.
        passages: float32 [k, dim], unit rows; None without a read text.
        terms: its weighted terms; None without a read text. Without vector and terms only the
            fallback stages fill the list.
        row: its row in the view; None for a draft and for an article that was not read.
    """

    id: str
    language: str
    section: str | None
    published_at: float
    id_hash: int
    translates: int
    has_list: bool
    minhash: NDArray[np.uint16]
    up_to_date: bool = False
    embedded: bool = False
    fluent: bool = False
    vector: NDArray[np.float32] | None = None
    passages: NDArray[np.float32] | None = None
    terms: Query | None = None
    row: int | None = None


def seed_of(view: View, article_id: str) -> Seed | None:
    """The seed as a view has it; None if the view does not have the article."""
    row = view.row_of(article_id)
    if row is None:
        return None
    at = np.array([row])
    values = {name: view.take(name, at)[0] for name in _COLUMNS}
    language, section = (view.label_of(column, row) for column in ("language", "section"))
    text = view.text_of(row) if values["read"] else None
    return Seed(
        id=article_id,
        language=language,
        section=section or None,
        published_at=float(values["published_at"]),
        id_hash=int(values["id_hash"]),
        translates=int(values["translates"]),
        has_list=bool(values["has_list"]),
        minhash=values["minhash"],
        up_to_date=bool(values["up_to_date"]),
        embedded=bool(values["embedded"]),
        fluent=bool(values["fluent"]),
        vector=None if text is None else text.vector,
        passages=None if text is None else text.passages,
        terms=None if text is None else text.terms,
        row=None if text is None else row,
    )


def find_seed(view: View, article_id: str) -> Seed:
    """The seed as a view has it.

    Raises:
        UnreadArticle: the view does not have the article.
    """
    seed = seed_of(view, article_id)
    if seed is None:
        raise UnreadArticle(article_id)
    return seed
