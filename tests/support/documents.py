"""Documents as rows of an index, without a snapshot around them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index import Rows
from recommender.articles import Article
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.indexing.snapshots import Origin
from recommender.store import LOG_START
from tests.support.features import make_embedding, make_features

ANY_LANGUAGE = Origin("e", LOG_START, "m", "m", languages=None)


class TaggedRows:
    """The columns, labels and tags of rows, looked up the slow way."""

    def __init__(self, rows: Rows) -> None:
        self.columns: Mapping[str, NDArray[Any]] = rows.columns
        self.labels: Mapping[str, Sequence[str]] = rows.labels
        self._tags = rows.keywords

    def rows_with(self, keyword: str) -> NDArray[np.int32]:
        rows = [row for row, tags in enumerate(self._tags) if keyword in tags]
        return np.array(rows, np.int32)


def make_document(article: Article, *, up_to_date: bool = True) -> IndexedDocument:
    """A document of a text that was analyzed and embedded, in the article's language."""
    features = make_features(article.language, (), embedding=make_embedding((1.0, 0.0)))
    return IndexedDocument(article, features, 0, up_to_date)


def tagged_rows(documents: Iterable[IndexedDocument]) -> TaggedRows:
    return TaggedRows(build_rows([*documents], ANY_LANGUAGE, dim=2))
