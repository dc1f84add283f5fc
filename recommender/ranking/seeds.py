"""The article that a list is for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index import Query, View
from recommender.errors import UnreadArticle
from recommender.ranking.display import DisplayFields

__all__ = ["Seed", "find_seed", "seed_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Seed:
    """The article that a list is for. Without `vector` and `terms` only the ladder can serve it.

    `names` are the numbers by which its translations know it; `settled` says whether the text it
    was read from is the present one; `row` is where a view holds that text, None for one outside.
    `vector` (float32 [dim]) and `passages` (float32 [k, dim]) are unit rows in the view's space.
    """

    id: str
    title: str
    language: str
    section: str | None
    published_at: float
    names: frozenset[int]
    lists: bool
    signature: NDArray[np.uint16]
    settled: bool = False
    embedded: bool = False
    fluent: bool = False
    vector: NDArray[np.float32] | None = None
    passages: NDArray[np.float32] | None = None
    terms: Query | None = None
    row: int | None = None


def seed_of(view: View, article_id: str) -> Seed | None:
    """The seed as a view knows it; None where it does not."""
    row = view.row_of(article_id)
    if row is None:
        return None
    at = np.array([row])
    values = {name: view.take(name, at)[0] for name in _VALUES}
    read = bool(values["read"])
    return Seed(
        id=article_id,
        title=DisplayFields.from_bytes(view.display_of(row)).title,
        language=view.label_of("language", row),
        section=view.label_of("section", row) or None,
        published_at=float(values["published_at"]),
        names=frozenset({int(values["own"]), int(values["tells"])}),
        lists=bool(values["lists"]),
        signature=values["signature"],
        settled=bool(values["settled"]),
        embedded=bool(values["embedded"]),
        fluent=bool(values["fluent"]),
        vector=view.fetch(at)[0] if read else None,
        passages=view.passages_of(row) if read else None,
        terms=view.query_of(row) if read else None,
        row=row if read else None,
    )


def find_seed(view: View, article_id: str) -> Seed:
    """The seed as a view knows it.

    Raises:
        UnreadArticle: it does not.
    """
    seed = seed_of(view, article_id)
    if seed is None:
        raise UnreadArticle(article_id)
    return seed


_VALUES = (
    "published_at",
    "own",
    "tells",
    "lists",
    "signature",
    "read",
    "settled",
    "embedded",
    "fluent",
)
