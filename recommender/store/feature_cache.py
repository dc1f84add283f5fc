"""The features of texts, stored by the hash of the text and the version of what computed them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from recommender.analysis.features import PROBE_KEY, Embedding, Features
from recommender.store import schema
from recommender.store.change_log import newest_number

__all__ = [
    "FEATURE_TABLES",
    "FeatureCache",
    "features_among",
    "store_embeddings",
    "store_terms",
    "store_texts",
]

CHUNK: Final = 256  # texts
FEATURE_TABLES: Final = (schema.vectors, schema.terms, schema.texts)


@dataclass(frozen=True, slots=True)
class FeatureCache:
    """Stored features, by text hash and by the fingerprint of what computed them."""

    _engine: sa.Engine
    _writer: sa.Engine

    def vectors(self, hashes: Sequence[str], fingerprint: str) -> dict[str, NDArray[np.float16]]:
        """Read unit vectors, float16 [dim], without their passages; unknown texts are left out."""
        with self._engine.begin() as connection:
            rows = _rows_of_table(connection, schema.vectors, hashes, fingerprint)
            return {row.text_hash: np.frombuffer(row.vector, "<f2") for row in rows}

    def embeddings(self, hashes: Sequence[str], fingerprint: str) -> dict[str, Embedding]:
        """Read the embeddings of a model; texts without one are left out."""
        with self._engine.begin() as connection:
            return _embeddings(connection, hashes, fingerprint)

    def terms(self, hashes: Sequence[str], fingerprint: str) -> dict[str, Features]:
        """Read features without embeddings; unknown texts are left out."""
        with self._engine.begin() as connection:
            return _features(connection, hashes, fingerprint)

    def load(self, hashes: Sequence[str], analyzer: str, model: str) -> dict[str, Features]:
        """Read features, each with the embedding of a model if there is one."""
        with self._engine.begin() as connection:
            return features_among(connection, hashes, analyzer, model)

    def texts(self, hashes: Sequence[str], fingerprint: str) -> dict[str, str]:
        """Read plain texts of markup; unknown texts are left out."""
        with self._engine.begin() as connection:
            rows = _rows_of_table(connection, schema.texts, hashes, fingerprint)
            return {row.text_hash: row.body for row in rows}

    def missing(
        self,
        hashes: Iterable[str],
        fingerprint: str,
        *,
        of: Literal["vectors", "terms", "texts"],
        afresh: bool = False,
    ) -> list[list[str]]:
        """Return the text hashes that have no features of a fingerprint yet; all if `afresh`.

        They are in ascending order, in chunks. Store the features after each chunk, so that an
        interruption loses at most one.
        """
        missing = sorted(set(hashes) - (set() if afresh else self._known(fingerprint, of)))
        return [missing[at : at + CHUNK] for at in range(0, len(missing), CHUNK)]

    def _known(self, fingerprint: str, of: str) -> set[str]:
        table = schema.metadata.tables[of]
        query = sa.select(table.c.text_hash).where(table.c.fingerprint == fingerprint)
        with self._engine.begin() as connection:
            return set(connection.scalars(query))

    def languages(self, fingerprint: str) -> dict[str, str | None]:
        """Read the detected language of every text, by its hash; None if it is not sure."""
        table = schema.terms
        query = sa.select(table.c.text_hash, table.c.language)
        with self._engine.begin() as connection:
            rows = connection.execute(query.where(table.c.fingerprint == fingerprint))
            return {row.text_hash: row.language for row in rows}

    def models(self) -> frozenset[str]:
        """Return the fingerprints of all models that made stored vectors."""
        query = sa.select(schema.vectors.c.fingerprint).distinct()
        with self._engine.begin() as connection:
            return frozenset(connection.scalars(query))

    def add_embeddings(self, embeddings: Mapping[str, Embedding], fingerprint: str) -> None:
        """Store embeddings by text hash; stored ones are replaced."""
        with self._writer.begin() as connection:
            store_embeddings(connection, embeddings, fingerprint)

    def add_terms(self, terms: Mapping[str, Features], fingerprint: str) -> None:
        """Store features by text hash, without their embeddings; stored ones are replaced."""
        with self._writer.begin() as connection:
            store_terms(connection, terms, fingerprint)

    def add_texts(self, texts: Mapping[str, str], fingerprint: str) -> None:
        """Store plain texts of markup by text hash; stored ones are replaced."""
        with self._writer.begin() as connection:
            store_texts(connection, texts, fingerprint)

    def prune(self, fingerprints: Collection[str] | None = None) -> int:
        """Remove the features of texts that no article has; return the number of rows.

        Args:
            fingerprints: also remove features of all models, analyzers and markup readers but
                these; None keeps those of every version.
        """
        removed = 0
        for table in FEATURE_TABLES:
            # Of a million texts the search takes many seconds, in which others write.
            with self._engine.begin() as connection:
                known = newest_number(connection)
                query = _select_unused(table, fingerprints).execution_options(yield_per=CHUNK)
                for rows in connection.execute(query).partitions():
                    removed += self._remove(table, rows, known, fingerprints)
        return removed

    def _remove(
        self,
        table: sa.Table,
        rows: Sequence[sa.Row[Any]],
        known: int,
        fingerprints: Collection[str] | None,
    ) -> int:
        """Remove rows that were unused when the log ended at `known`, if they still are."""
        key = sa.tuple_(table.c.text_hash, table.c.fingerprint)
        article = schema.articles.c
        since = [
            sa.select(one).where(article.touched > known, one.is_not(None))
            for one in (article.text_hash, article.read_hash)
        ]
        unused: sa.ColumnElement[bool] = table.c.text_hash.not_in(sa.union(*since))
        if fingerprints is not None:
            unused = sa.or_(unused, table.c.fingerprint.not_in(fingerprints))
        with self._writer.begin() as connection:
            some = key.in_([(row.text_hash, row.fingerprint) for row in rows])
            return connection.execute(sa.delete(table).where(some, unused)).rowcount


def _select_unused(
    table: sa.Table, fingerprints: Collection[str] | None
) -> sa.Select[tuple[str, str]] | sa.CompoundSelect[tuple[str, str]]:
    """Select the keys of features that `FeatureCache.prune` is to remove.

    One after the other: for an OR of both, PostgreSQL would look through all unused hashes for each
    row, which took minutes where 4,000 of 100,000 texts were unused.
    """
    keys = sa.select(table.c.text_hash, table.c.fingerprint)
    unused = keys.where(table.c.text_hash.in_(_unused_hashes(table)))
    if fingerprints is None:
        return unused
    return unused.union(keys.where(table.c.fingerprint.not_in(fingerprints)))


def _unused_hashes(table: sa.Table) -> sa.CompoundSelect[tuple[str]]:
    """Select hashes of no article; PostgreSQL would take hours for NOT IN with 100,000 of them."""
    known = schema.articles.c
    stored = sa.select(table.c.text_hash).where(table.c.text_hash != PROBE_KEY)
    return sa.except_(stored, sa.select(known.text_hash), sa.select(known.read_hash))


def features_among(
    connection: sa.Connection, hashes: Sequence[str], analyzer: str, model: str
) -> dict[str, Features]:
    """Read features of some texts, each with the embedding of a model if there is one."""
    embeddings = _embeddings(connection, hashes, model)
    found = _features(connection, hashes, analyzer)
    return {key: replace(one, embedding=embeddings.get(key)) for key, one in found.items()}


def _features(
    connection: sa.Connection, hashes: Sequence[str], analyzer: str
) -> dict[str, Features]:
    return {
        row.text_hash: Features(
            row.language,
            np.frombuffer(row.buckets, "<i4"),
            np.frombuffer(row.counts, "<f4"),
            np.frombuffer(row.signature, "<u2"),
        )
        for row in _rows_of_table(connection, schema.terms, hashes, analyzer)
    }


def _embeddings(
    connection: sa.Connection, hashes: Sequence[str], model: str
) -> dict[str, Embedding]:
    found = {}
    for row in _rows_of_table(connection, schema.vectors, hashes, model):
        vector = np.frombuffer(row.vector, "<f2")
        codes = (np.frombuffer(read or b"", np.int8) for read in (row.passages, row.title_and_body))
        dim = row.passage_dim or len(vector)
        found[row.text_hash] = Embedding(vector, *(one.reshape(-1, dim) for one in codes))
    return found


def _rows_of_table(
    connection: sa.Connection, table: sa.Table, hashes: Sequence[str], fingerprint: str
) -> Iterator[sa.Row[Any]]:
    """Read the rows of a table of features for some texts."""
    for at in range(0, len(hashes), schema.ROWS_PER_STATEMENT):
        some = hashes[at : at + schema.ROWS_PER_STATEMENT]
        query = sa.select(table).where(
            table.c.fingerprint == fingerprint, table.c.text_hash.in_(some)
        )
        yield from connection.execute(query)


def store_embeddings(
    connection: sa.Connection, embeddings: Mapping[str, Embedding], fingerprint: str
) -> None:
    """Store embeddings, in the transaction of the caller."""
    values = (
        {
            "vector": one.vector.astype("<f2").tobytes(),
            "passages": one.passages.tobytes(),
            "title_and_body": one.title_and_body.tobytes(),
            "passage_dim": one.passages.shape[1],
        }
        for one in embeddings.values()
    )
    _replace(connection, schema.vectors, list(embeddings), values, fingerprint)


def store_terms(connection: sa.Connection, terms: Mapping[str, Features], fingerprint: str) -> None:
    """Store features without their embeddings, in the transaction of the caller."""
    values = (
        {
            "language": one.language,
            "buckets": one.buckets.astype("<i4").tobytes(),
            "counts": one.counts.astype("<f4").tobytes(),
            "signature": one.minhash.astype("<u2").tobytes(),
        }
        for one in terms.values()
    )
    _replace(connection, schema.terms, list(terms), values, fingerprint)


def store_texts(connection: sa.Connection, texts: Mapping[str, str], fingerprint: str) -> None:
    """Store plain texts of markup, in the transaction of the caller."""
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
    for at in range(0, len(rows), schema.ROWS_PER_STATEMENT):
        some = rows[at : at + schema.ROWS_PER_STATEMENT]
        known = table.c.text_hash.in_([row["text_hash"] for row in some])
        connection.execute(sa.delete(table).where(table.c.fingerprint == fingerprint, known))
        connection.execute(sa.insert(table), some)
