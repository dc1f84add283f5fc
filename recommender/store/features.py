"""The features of texts, stored by the hash of the text and the version of what computed them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from recommender.analysis.features import Embedding, Features
from recommender.store import schema

__all__ = [
    "AT_ONCE",
    "FEATURE_TABLES",
    "FeatureCache",
    "features_among",
    "keep_embeddings",
    "keep_terms",
    "keep_texts",
]

CHUNK: Final = 256  # texts
FEATURE_TABLES: Final = (schema.vectors, schema.terms, schema.texts)
AT_ONCE: Final = 500  # below the bound on variables of one SQL statement


class FeatureCache:
    """Features by text hash. Rows of other versions are left alone."""

    def __init__(self, engine: sa.Engine, writer: sa.Engine) -> None:
        self._engine = engine
        self._writer = writer

    def vectors(self, hashes: Sequence[str], fingerprint: str) -> dict[str, NDArray[np.float16]]:
        """The stored unit vectors, float16 [dim], without their passages."""
        with self._engine.begin() as connection:
            rows = _rows_of_table(connection, schema.vectors, hashes, fingerprint)
            return {row.text_hash: np.frombuffer(row.vector, "<f2") for row in rows}

    def embeddings(self, hashes: Sequence[str], fingerprint: str) -> dict[str, Embedding]:
        """What a model made of the texts; a text without an embedding is left out."""
        with self._engine.begin() as connection:
            return _embeddings(connection, hashes, fingerprint)

    def terms(self, hashes: Sequence[str], fingerprint: str) -> dict[str, Features]:
        """The stored features, without embeddings."""
        with self._engine.begin() as connection:
            return _features(connection, hashes, fingerprint)

    def load(self, hashes: Sequence[str], analyzer: str, model: str) -> dict[str, Features]:
        """The stored features, with the embeddings of a model where it has read the text."""
        with self._engine.begin() as connection:
            return features_among(connection, hashes, analyzer, model)

    def texts(self, hashes: Sequence[str], fingerprint: str) -> dict[str, str]:
        """The known plain texts of markup among the asked."""
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

    def add_embeddings(self, embeddings: Mapping[str, Embedding], fingerprint: str) -> None:
        """Store embeddings by text hash; stored ones are replaced."""
        with self._writer.begin() as connection:
            keep_embeddings(connection, embeddings, fingerprint)

    def add_terms(self, terms: Mapping[str, Features], fingerprint: str) -> None:
        """Store features by text hash, without their embeddings; stored ones are replaced."""
        with self._writer.begin() as connection:
            keep_terms(connection, terms, fingerprint)

    def add_texts(self, texts: Mapping[str, str], fingerprint: str) -> None:
        """Keep plain texts of markup by text hash; known ones are replaced."""
        with self._writer.begin() as connection:
            keep_texts(connection, texts, fingerprint)

    def prune(self, fingerprints: Collection[str] | None = None) -> int:
        """Remove the features of texts that no article has; return how many rows.

        Args:
            fingerprints: also remove features of all models, analyzers and markup readers but
                these; None keeps those of every version.
        """
        removed = 0
        with self._writer.begin() as connection:
            for table in FEATURE_TABLES:
                conditions = [table.c.text_hash.in_(_unused_hashes(table))]
                if fingerprints is not None:
                    conditions.append(table.c.fingerprint.not_in(fingerprints))
                unused = sa.delete(table).where(sa.or_(*conditions))
                removed += connection.execute(unused).rowcount
        return removed


def _unused_hashes(table: sa.Table) -> sa.CompoundSelect[tuple[str]]:
    """Select hashes of no article; PostgreSQL would take hours for NOT IN with 100,000 of them."""
    known = schema.articles.c
    return sa.except_(
        sa.select(table.c.text_hash), sa.select(known.text_hash), sa.select(known.read_hash)
    )


def features_among(
    connection: sa.Connection, hashes: Sequence[str], analyzer: str, model: str
) -> dict[str, Features]:
    """The stored features of some texts, with the embeddings of a model where it has read them."""
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
        passages = np.frombuffer(row.passages or b"", np.int8).reshape(-1, len(vector))
        found[row.text_hash] = Embedding(vector, passages)
    return found


def _rows_of_table(
    connection: sa.Connection, table: sa.Table, hashes: Sequence[str], fingerprint: str
) -> Iterator[sa.Row[Any]]:
    """The rows of a table of features for some texts."""
    for at in range(0, len(hashes), AT_ONCE):
        some = hashes[at : at + AT_ONCE]
        query = sa.select(table).where(
            table.c.fingerprint == fingerprint, table.c.text_hash.in_(some)
        )
        yield from connection.execute(query)


def keep_embeddings(
    connection: sa.Connection, embeddings: Mapping[str, Embedding], fingerprint: str
) -> None:
    """Store embeddings in a transaction of the caller's."""
    values = (
        {"vector": one.vector.astype("<f2").tobytes(), "passages": one.passages.tobytes()}
        for one in embeddings.values()
    )
    _replace(connection, schema.vectors, list(embeddings), values, fingerprint)


def keep_terms(connection: sa.Connection, terms: Mapping[str, Features], fingerprint: str) -> None:
    """Store features, without their embeddings, in a transaction of the caller's."""
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
