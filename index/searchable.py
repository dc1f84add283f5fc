"""What an index must do that lists can be made from, wherever its rows are kept.

`tests/integration/test_searchable_index.py` asks it of a snapshot with a delta, and of Milvus.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from index.arrays import Floats
    from index.conditions import Condition
    from index.lexical import Query
    from index.stored_rows import StoredRows

__all__ = ["FoundRows", "SearchableIndex", "SearchedIndex"]


@dataclass(frozen=True, slots=True, eq=False)
class FoundRows:
    """Rows that were found, the best first.

    Attributes:
        stored: the rows.
        similarities: float32 [m]; what they were ordered by.
    """

    stored: StoredRows
    similarities: Floats


class SearchedIndex(Protocol):
    """Rows that are searched inside a condition."""

    def nearest(self, vector: Floats, limit: int, wanted: Condition, /) -> FoundRows:
        """Find the rows most similar to a unit vector that meet a condition."""

    def nearest_by_terms(self, query: Query, limit: int, wanted: Condition, /) -> FoundRows:
        """Find the rows whose terms are most similar that meet a condition, above 0 only."""

    def newest(self, limit: int, wanted: Condition, /) -> FoundRows:
        """Find the rows with the highest numbers in the ordering column that meet a condition.

        Of numbers less than 20 apart any may come first. Rows without a finite one come last.
        """

    def matching(self, limit: int, wanted: Condition, /) -> StoredRows:
        """Find rows that meet a condition, in any order."""

    def fetch(self, ids: Iterable[str], /) -> StoredRows:
        """Read the rows of some ids, of those that are there, in any order."""


class SearchableIndex(SearchedIndex, Protocol):
    """The same where rows change at once."""

    def upsert(self, stored: StoredRows, /) -> None:
        """Add rows, or replace those of the same ids: seen by every search that begins after it."""

    def remove(self, ids: Iterable[str], /) -> None:
        """Remove rows, present or not: no search that begins after it finds them."""

    def count(self) -> int:
        """How many rows there are."""
