"""Documents as rows of an index, with a snapshot around them or without."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index import Catalog, Rows, Snapshot
from recommender.analysis.embedding import Model
from recommender.articles import Article
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.indexing.snapshots import Origin, build_options
from recommender.store import LOG_START, StoreState
from tests.support.features import make_embedding, make_features

ANY_LANGUAGE = Origin("e", LOG_START, "m", "m", languages=None)


class TaggedRows:
    """The columns, labels, keywords and numbers of rows, looked up the slow way."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.columns: Mapping[str, NDArray[Any]] = rows.columns
        self.labels: Mapping[str, Sequence[str]] = rows.labels
        self._keywords = rows.keywords
        self._numbers = rows.numbers

    def rows_with(self, keyword: str) -> NDArray[np.int32]:
        rows = [row for row, keywords in enumerate(self._keywords) if keyword in keywords]
        return np.array(rows, np.int32)

    def rows_between(self, name: str, least: float, most: float) -> NDArray[np.int32]:
        inside = (
            row
            for row, numbers in enumerate(self._numbers)
            if any(least <= number <= most for number in numbers.get(name, ()))
        )
        return np.fromiter(inside, np.int32)


def make_document(article: Article, *, up_to_date: bool = True) -> IndexedDocument:
    """A document of a text that was analyzed and embedded, in the article's language."""
    features = make_features(article.language, (), embedding=make_embedding((1.0, 0.0)))
    return IndexedDocument(article, features, 0, up_to_date)


def tagged_rows(documents: Iterable[IndexedDocument]) -> TaggedRows:
    return TaggedRows(build_rows([*documents], ANY_LANGUAGE, dim=2))


def publish(
    folder: Path, documents: Iterable[IndexedDocument], model: Model, **options: Any
) -> Snapshot:
    """A snapshot of some documents, whose vectors have two dimensions, in a catalog of its own."""
    rows = build_rows([*documents], model, dim=2)
    stamp: dict[str, Any] = {**build_options(model, StoreState("e", LOG_START)), **options}
    return Catalog(folder).publish_rows(rows, **stamp)
