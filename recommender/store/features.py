"""What was computed from a text, kept by its hash and the fingerprint of what computed it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from recommender.store import schema

__all__ = [
    "AT_ONCE",
    "FeatureCache",
    "TextTerms",
    "TextVectors",
    "keep_terms",
    "keep_texts",
    "keep_vectors",
    "passages_of",
    "rows_of_table",
    "terms_of",
    "vector_of",
]

CHUNK: Final = 256  # texts
AT_ONCE: Final = 500  # below the bound on variables of one SQL statement
Passages = NDArray[np.int8]
NOTHING: Final[Mapping[str, Passages]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class TextTerms:
    """What a text says of itself without an encoder.

    `language` is a primary BCP-47 subtag, or None where the text does not say it for sure; the
    terms are int32 buckets, ascending, with their float32 counts; `signature` is a uint16 MinHash.
    """

    language: str | None
    buckets: NDArray[np.int32]
    counts: NDArray[np.float32]
    signature: NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False)
class TextVectors:
    """What an encoder made of a text: float16 [dim], and codes of its passages, int8 [k, dim]."""

    vector: NDArray[np.float16]
    passages: Passages


class FeatureCache:
    """Vectors and terms by text hash. Rows of other fingerprints are left alone."""

    def __init__(self, engine: sa.Engine, writer: sa.Engine) -> None:
        self._engine = engine
        self._writer = writer

    def vectors(self, hashes: Sequence[str], fingerprint: str) -> dict[str, NDArray[np.float16]]:
        """The known unit vectors (float16 [dim]) among the asked."""
        with self._engine.begin() as connection:
            rows = rows_of_table(connection, schema.vectors, hashes, fingerprint)
            return {row.text_hash: vector_of(row) for row in rows}

    def embedded(self, hashes: Sequence[str], fingerprint: str) -> dict[str, TextVectors]:
        """Vector and passages of the asked that have them."""
        with self._engine.begin() as connection:
            rows = rows_of_table(connection, schema.vectors, hashes, fingerprint)
            return {row.text_hash: TextVectors(vector_of(row), passages_of(row)) for row in rows}

    def terms(self, hashes: Sequence[str], fingerprint: str) -> dict[str, TextTerms]:
        """The known terms among the asked."""
        with self._engine.begin() as connection:
            return terms_of(rows_of_table(connection, schema.terms, hashes, fingerprint))

    def texts(self, hashes: Sequence[str], fingerprint: str) -> dict[str, str]:
        """The known plain texts of markup among the asked."""
        with self._engine.begin() as connection:
            rows = rows_of_table(connection, schema.texts, hashes, fingerprint)
            return {row.text_hash: row.body for row in rows}

    def missing(
        self,
        hashes: Iterable[str],
        fingerprint: str,
        *,
        of: Literal["vectors", "terms", "texts"],
        afresh: bool = False,
    ) -> list[list[str]]:
        """Which of the text hashes have nothing yet under a fingerprint; all if `afresh`.

        They come ascending, in chunks that are worth keeping one by one: an interruption costs no
        more than one.
        """
        missing = sorted(set(hashes) - (set() if afresh else self._known(fingerprint, of)))
        return [missing[at : at + CHUNK] for at in range(0, len(missing), CHUNK)]

    def _known(self, fingerprint: str, of: str) -> set[str]:
        table = schema.metadata.tables[of]
        query = sa.select(table.c.text_hash).where(table.c.fingerprint == fingerprint)
        with self._engine.begin() as connection:
            return set(connection.scalars(query))

    def add_vectors(
        self,
        vectors: Mapping[str, NDArray[np.float16]],
        fingerprint: str,
        passages: Mapping[str, Passages] = NOTHING,
    ) -> None:
        """Keep unit vectors by text hash, with codes of passages; a known one is replaced."""
        with self._writer.begin() as connection:
            keep_vectors(connection, vectors, fingerprint, passages)

    def add_terms(self, terms: Mapping[str, TextTerms], fingerprint: str) -> None:
        """Keep terms by text hash; known ones are replaced."""
        with self._writer.begin() as connection:
            keep_terms(connection, terms, fingerprint)

    def add_texts(self, texts: Mapping[str, str], fingerprint: str) -> None:
        """Keep plain texts of markup by text hash; known ones are replaced."""
        with self._writer.begin() as connection:
            keep_texts(connection, texts, fingerprint)

    def prune(self, models: Collection[str] | None = None) -> int:
        """Forget what belongs to no article any more; tells how many rows went.

        Args:
            models: fingerprints whose vectors stay; None keeps those of every model.
        """
        gone = 0
        with self._writer.begin() as connection:
            for table in (schema.vectors, schema.terms, schema.texts):
                orphans = table.c.text_hash.in_(_orphans(table))
                gone += connection.execute(sa.delete(table).where(orphans)).rowcount
            if models is not None:
                foreign = schema.vectors.c.fingerprint.not_in(models)
                gone += connection.execute(sa.delete(schema.vectors).where(foreign)).rowcount
        return gone


def _orphans(table: sa.Table) -> sa.CompoundSelect[tuple[str]]:
    """The hashes of no article; PostgreSQL takes hours for NOT IN with 100,000 of them."""
    known = schema.articles.c
    return sa.except_(
        sa.select(table.c.text_hash), sa.select(known.text_hash), sa.select(known.read_hash)
    )


def rows_of_table(
    connection: sa.Connection, table: sa.Table, hashes: Sequence[str], fingerprint: str
) -> Iterator[sa.Row[Any]]:
    """The rows of a table of features for some texts."""
    for at in range(0, len(hashes), AT_ONCE):
        some = hashes[at : at + AT_ONCE]
        query = sa.select(table).where(
            table.c.fingerprint == fingerprint, table.c.text_hash.in_(some)
        )
        yield from connection.execute(query)


def vector_of(row: sa.Row[Any]) -> NDArray[np.float16]:
    """The vector of a row of the table of vectors."""
    return np.frombuffer(row.vector, "<f2")


def passages_of(row: sa.Row[Any]) -> Passages:
    """The codes of passages in a row of the table of vectors: int8 [k, dim], k may be 0."""
    width = len(row.vector) // 2
    return np.frombuffer(row.passages or b"", np.int8).reshape(-1, width)


def terms_of(rows: Iterable[sa.Row[Any]]) -> dict[str, TextTerms]:
    """What rows of the table of terms hold, by text hash."""
    return {
        row.text_hash: TextTerms(
            row.language,
            np.frombuffer(row.buckets, "<i4"),
            np.frombuffer(row.counts, "<f4"),
            np.frombuffer(row.signature, "<u2"),
        )
        for row in rows
    }


def keep_vectors(
    connection: sa.Connection,
    vectors: Mapping[str, NDArray[np.float16]],
    fingerprint: str,
    passages: Mapping[str, Passages] = NOTHING,
) -> None:
    """Keep unit vectors, and the codes of passages, in a transaction of the caller's."""
    values = (
        {
            "vector": vector.astype("<f2").tobytes(),
            "passages": passages[key].tobytes() if key in passages else None,
        }
        for key, vector in vectors.items()
    )
    _replace(connection, schema.vectors, list(vectors), values, fingerprint)


def keep_terms(connection: sa.Connection, terms: Mapping[str, TextTerms], fingerprint: str) -> None:
    """Keep terms in a transaction of the caller's."""
    values = (
        {
            "language": t.language,
            "buckets": t.buckets.astype("<i4").tobytes(),
            "counts": t.counts.astype("<f4").tobytes(),
            "signature": t.signature.astype("<u2").tobytes(),
        }
        for t in terms.values()
    )
    _replace(connection, schema.terms, list(terms), values, fingerprint)


def keep_texts(connection: sa.Connection, texts: Mapping[str, str], fingerprint: str) -> None:
    """Keep plain texts of markup in a transaction of the caller's."""
    values = ({"body": body} for body in texts.values())
    _replace(connection, schema.texts, list(texts), values, fingerprint)


def _replace(
    connection: sa.Connection,
    table: sa.Table,
    hashes: Sequence[str],
    values: Iterator[dict[str, Any]],
    fingerprint: str,
) -> None:
    rows = [
        {"text_hash": text_hash, "fingerprint": fingerprint, **value}
        for text_hash, value in zip(hashes, values, strict=True)
    ]
    for at in range(0, len(rows), AT_ONCE):
        some = rows[at : at + AT_ONCE]
        known = table.c.text_hash.in_([row["text_hash"] for row in some])
        connection.execute(sa.delete(table).where(table.c.fingerprint == fingerprint, known))
        connection.execute(sa.insert(table), some)
