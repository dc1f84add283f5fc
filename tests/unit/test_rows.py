"""From what is known of articles to the rows of an index, worked by hand."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.analysis.embedding import Model
from recommender.analysis.features import Features
from recommender.analysis.minhash import MINHASH_SIZE
from recommender.articles import Article
from recommender.indexing.documents import GROUPED_BY, Known, facts_of, rows_of
from recommender.ranking.cards import Card
from tests.support.features import make_embedding, make_features


def terms(language: str | None = "en", *, buckets: Sequence[int] = (3, 9)) -> Features:
    return make_features(language, buckets, counts=range(1, len(buckets) + 1))


def known(
    article_id: str,
    found: Features | None = None,
    vector: Sequence[float] | None = None,
    *,
    settled: bool = True,
    **fields: Any,
) -> Known:
    article = Article(**{"id": article_id, "title": f"About {article_id}"} | fields)
    if found is not None and vector is not None:
        found = replace(found, embedding=make_embedding(vector))
    return Known(article, found, 5, settled)


ENGLISH = Model("made", Path(), "made:1", frozenset({"en"}))
KINDRED = Model("made", Path(), "made:1", frozenset({"en", "tg"}), kin=frozenset({"tg"}))


@pytest.mark.parametrize(
    ("language", "embedded", "fluent"),
    [("en", True, True), ("tg", True, False), ("ru", False, False), (None, False, False)],
)
def test_vectors_of_a_language_known_from_its_kin_mean_something_and_do_not_lead(
    language: str | None,
    embedded: bool,  # noqa: FBT001 - a column of the table
    fluent: bool,  # noqa: FBT001
) -> None:
    facts = facts_of(known("a", terms(language), (0, 1)), KINDRED)
    assert (facts.embedded, facts.fluent) == (embedded, fluent)


def test_rows_stand_in_the_order_of_the_articles() -> None:
    rows = rows_of(
        [
            known("a", terms(buckets=(3, 9)), (3, 4)),
            known("b"),
            known("c", terms("ru", buckets=(4,)), (0, 2), section="city"),
        ],
        ENGLISH,
        dim=1,
    )
    rows.check()
    assert list(rows.ids) == ["a", "b", "c"]
    expected = np.array([[0.6, 0.8], [1, 0], [0, 1]])
    np.testing.assert_allclose(rows.vectors, expected, atol=1e-3)
    assert rows.terms.indptr.tolist() == [0, 2, 2, 3]
    assert rows.terms.buckets.tolist() == [3, 9, 4]
    assert rows.terms.counts.tolist() == [1, 2, 1]
    assert [Card.from_bytes(card).title for card in rows.display] == [
        f"About {name}" for name in "abc"
    ]
    assert [Card.from_bytes(card).language for card in rows.display] == ["en", None, "ru"]
    assert list(rows.labels[GROUPED_BY]) == ["en", "ru", "und"]
    assert rows.columns[GROUPED_BY].tolist() == [0, 2, 1]
    assert rows.columns["change"].tolist() == [5, 5, 5]
    assert rows.columns["read"].tolist() == [True, False, True]
    assert rows.columns["embedded"].tolist() == [True, False, False]


def test_vectors_are_of_unit_length_though_half_precision_rounded_them() -> None:
    draws = np.random.default_rng(1).standard_normal((40, 96))
    rows = rows_of([known(f"{at:02}", terms(), draws[at]) for at in range(40)], ENGLISH, 1)
    assert rows.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows.vectors, axis=1), 1, atol=1e-6)
    unit = draws / np.linalg.norm(draws, axis=1, keepdims=True)
    np.testing.assert_allclose((rows.vectors * unit).sum(axis=1), 1, atol=1e-5)


def test_where_nothing_has_a_vector_they_are_as_wide_as_told() -> None:
    rows = rows_of([known("a"), known("b")], ENGLISH, dim=4)
    rows.check()
    assert rows.vectors.tolist() == [[1, 0, 0, 0]] * 2
    assert len(rows.terms.buckets) == 0


def test_no_articles_are_no_rows_with_all_columns() -> None:
    rows, one = rows_of([], ENGLISH, 3), rows_of([known("a")], ENGLISH, 3)
    rows.check()
    assert (len(rows), rows.vectors.shape) == (0, (0, 3))
    assert {name: column.dtype for name, column in rows.columns.items()} == {
        name: column.dtype for name, column in one.columns.items()
    }


@pytest.mark.parametrize(
    ("given", "detected", "language"),
    [
        ("en-GB", "ru", "en"),
        ("TG-Cyrl", None, "tg"),
        (None, "ru", "ru"),
        (None, None, None),
    ],
)
def test_the_language_given_wins_over_the_detected_one(
    given: str | None, detected: str | None, language: str | None
) -> None:
    one = known("a", terms(detected), (1, 0), language=given)
    assert facts_of(one, ENGLISH).language == language
    assert facts_of(known("a", language=given), ENGLISH).language == (language if given else None)


@pytest.mark.parametrize(
    ("found", "vector", "embedded"),
    [
        (terms("en"), (1, 0), True),
        (terms("ru"), (1, 0), False),
        (terms(None), (1, 0), False),
        (terms("en"), None, False),
        (None, None, False),
    ],
)
def test_a_vector_means_something_in_a_known_language_of_what_was_read(
    found: Features | None,
    vector: Sequence[float] | None,
    embedded: bool,  # noqa: FBT001
) -> None:
    language = None if found else "en"
    facts = facts_of(known("a", found, vector, language=language), ENGLISH)
    assert facts.embedded is embedded


def test_facts_tell_what_was_read_and_whether_it_is_the_present_text() -> None:
    read, late = known("a", terms()), known("a", terms(), settled=False)
    assert [(f.read, f.settled) for f in (facts_of(k, ENGLISH) for k in (read, late))] == [
        (True, True),
        (True, False),
    ]
    assert facts_of(read, ENGLISH).signature.tolist() == [7] * MINHASH_SIZE


def test_what_was_never_read_is_unsigned_and_never_settled() -> None:
    facts = facts_of(known("a", settled=True), ENGLISH)
    assert (facts.read, facts.settled, facts.change) == (False, False, 5)
    assert facts.signature.tolist() == [0] * MINHASH_SIZE


@pytest.mark.parametrize(
    "bad", [(np.nan, 1), (np.inf, 0), (0, 0), (1, 0, 0)], ids=["nan", "infinite", "zero", "wide"]
)
def test_a_vector_that_means_nothing_is_left_out_and_harms_no_other(bad: tuple[float, ...]) -> None:
    articles = [known("a", terms(), (3, 4)), known("b", terms(), bad), known("c", terms(), (0, 2))]
    rows = rows_of(articles, ENGLISH, dim=2)
    rows.check()
    expected = np.array([[0.6, 0.8], [1, 0], [0, 1]])
    np.testing.assert_allclose(rows.vectors, expected, atol=1e-3)
    assert rows.columns["embedded"].tolist() == [True, False, True]
    assert rows.columns["read"].tolist() == [True, True, True]
