"""From articles and features to the rows of an index, worked by hand."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.analysis.embedding import Model
from recommender.analysis.features import Features
from recommender.analysis.minhash import MINHASH_SIZE
from recommender.articles import UNKNOWN_LANGUAGE, Article, hash_id, parse_outline
from recommender.display_fields import DisplayFields
from recommender.indexing.documents import GROUPED_BY, IndexedDocument, build_rows
from tests.support.features import make_embedding, make_features

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_SECONDS = 1_772_366_400.0
HOUR = timedelta(hours=1)
ENGLISH = Model("made", Path(), "made:1", frozenset({"en"}))
RELATED = Model("made", Path(), "made:1", frozenset({"en", "tg"}), weak_languages=frozenset({"tg"}))


def features(language: str | None = "en", *, buckets: Sequence[int] = (3, 9)) -> Features:
    return make_features(language, buckets, counts=range(1, len(buckets) + 1))


def document(
    found: Features | None = None,
    vector: Sequence[float] | None = None,
    *,
    up_to_date: bool = True,
    **fields: Any,
) -> IndexedDocument:
    article_id = fields.pop("id", "a")
    article = Article(**{"id": article_id, "title": f"About {article_id}"} | fields)
    if found is not None and vector is not None:
        found = replace(found, embedding=make_embedding(vector))
    return IndexedDocument(article, found, 5, up_to_date)


def column(name: str, *documents: IndexedDocument) -> list[Any]:
    values: list[Any] = build_rows(documents, ENGLISH, dim=1).columns[name].tolist()
    return values


def test_rows_are_in_the_order_of_the_documents() -> None:
    rows = build_rows(
        [
            document(features(buckets=(3, 9)), (3, 4), id="a", tags=("port", "sea")),
            document(id="b"),
            document(features("ru", buckets=(4,)), (0, 2), id="c", section="city"),
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
    shown = [DisplayFields.from_bytes(fields) for fields in rows.display]
    assert [one.title for one in shown] == [f"About {name}" for name in "abc"]
    assert [one.language for one in shown] == ["en", None, "ru"]
    assert [set(names) for names in rows.keywords] == [{"tag:port", "tag:sea"}, set(), set()]
    assert list(rows.labels[GROUPED_BY]) == ["en", "ru", UNKNOWN_LANGUAGE]
    assert rows.columns[GROUPED_BY].tolist() == [0, 2, 1]
    assert list(rows.labels["section"]) == ["", "city"]
    assert rows.columns["section"].tolist() == [0, 0, 1]
    assert rows.columns["change"].tolist() == [5, 5, 5]
    assert rows.columns["read"].tolist() == [True, False, True]
    assert rows.columns["embedded"].tolist() == [True, False, False]


def test_columns_are_of_one_type_with_and_without_rows() -> None:
    full, empty = build_rows([document(), document(id="b")], ENGLISH, 3), build_rows([], ENGLISH, 3)
    empty.check()
    shapes = [
        {name: (values.dtype, values.shape[1:]) for name, values in rows.columns.items()}
        for rows in (full, empty)
    ]
    assert shapes[0] == shapes[1]
    assert {len(values) for values in full.columns.values()} == {2}
    assert empty.vectors.shape == (0, 3)
    assert dict(empty.labels) == {"language": [], "section": []}


def test_vectors_are_of_unit_length_though_half_precision_rounded_them() -> None:
    draws = np.random.default_rng(1).standard_normal((40, 96))
    documents = [document(features(), draws[at], id=f"{at:02}") for at in range(40)]
    rows = build_rows(documents, ENGLISH, 1)
    assert rows.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows.vectors, axis=1), 1, atol=1e-6)
    unit = draws / np.linalg.norm(draws, axis=1, keepdims=True)
    np.testing.assert_allclose((rows.vectors * unit).sum(axis=1), 1, atol=1e-5)


def test_without_vectors_the_dimension_is_the_given_one() -> None:
    rows = build_rows([document(id="a"), document(id="b")], ENGLISH, dim=4)
    rows.check()
    assert rows.vectors.tolist() == [[1, 0, 0, 0]] * 2
    assert len(rows.terms.buckets) == 0


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
    assert document(features(detected), language=given).language == language
    assert document(language=given).language == (language if given else None)


@pytest.mark.parametrize(
    ("found", "vector", "embedded", "fluent"),
    [
        pytest.param(features("en"), (1, 0), True, True, id="supported"),
        pytest.param(features("tg"), (1, 0), True, False, id="supported through others"),
        pytest.param(features("ru"), (1, 0), False, False, id="not supported"),
        pytest.param(features(None), (1, 0), False, False, id="unknown"),
        pytest.param(features("en"), None, False, False, id="not embedded"),
        pytest.param(None, None, False, False, id="not analyzed"),
    ],
)
def test_a_vector_means_something_in_a_supported_language_of_an_analyzed_text(
    found: Features | None,
    vector: Sequence[float] | None,
    *,
    embedded: bool,
    fluent: bool,
) -> None:
    one = document(found, vector, language=None if found else "en")
    columns = build_rows([one], RELATED, dim=1).columns
    assert columns["embedded"].tolist() == [one.is_embedded(RELATED)] == [embedded]
    assert columns["fluent"].tolist() == [fluent]


def test_a_document_is_up_to_date_only_with_features_of_its_present_text() -> None:
    documents = [document(features()), document(features(), up_to_date=False), document()]
    assert column("read", *documents) == [True, True, False]
    assert column("up_to_date", *documents) == [True, False, False]
    assert column("minhash", *documents) == [[7] * MINHASH_SIZE] * 2 + [[0] * MINHASH_SIZE]


@pytest.mark.parametrize(
    "bad", [(np.nan, 1), (np.inf, 0), (0, 0), (1, 0, 0)], ids=["nan", "infinite", "zero", "wide"]
)
def test_a_broken_vector_is_ignored_and_harms_no_other(bad: tuple[float, ...]) -> None:
    vectors = {"a": (3, 4), "b": bad, "c": (0, 2)}
    documents = [document(features(), vector, id=name) for name, vector in vectors.items()]
    rows = build_rows(documents, ENGLISH, dim=2)
    rows.check()
    expected = np.array([[0.6, 0.8], [1, 0], [0, 1]])
    np.testing.assert_allclose(rows.vectors, expected, atol=1e-3)
    assert rows.columns["embedded"].tolist() == [True, False, True]
    assert rows.columns["read"].tolist() == [True, True, True]


def test_an_embedding_whose_passages_have_another_dimension_is_ignored() -> None:
    """Most embeddings decide if no dimension is known yet."""
    one, other = make_embedding([3, 4, 0]), make_embedding([0, 1, 0])
    two = replace(one, passages=np.ones((2, 2), np.int8))
    given_features = [features(), *(replace(features(), embedding=e) for e in (two, two, other))]
    documents = [replace(document(id=f"{n}"), features=f) for n, f in enumerate(given_features)]
    rows = build_rows(documents, ENGLISH, dim=1)
    rows.check()
    assert (rows.dim, rows.passages.dim) == (3, 2)
    assert rows.columns["embedded"].tolist() == [False, True, True, False]
    assert rows.passages.indptr.tolist() == [0, 0, 2, 4, 4]
    assert build_rows(documents, ENGLISH, 3, 3).columns["embedded"].tolist() == [False] * 3 + [True]


def test_times_are_seconds_since_1970_and_absent_ones_nan_or_infinite() -> None:
    columns = build_rows([document(published_at=NOON, expires_at=NOON)], ENGLISH, 1).columns
    assert columns["published_at"].tolist() == [NOON_SECONDS]
    assert columns["until_time"].tolist() == [NOON_SECONDS]
    absent = build_rows([document()], ENGLISH, 1).columns
    assert np.isnan([absent["published_at"][0], absent["revised_at"][0]]).all()
    assert absent["from_time"].tolist() == [-np.inf]
    assert absent["until_time"].tolist() == [np.inf]


@pytest.mark.parametrize(
    ("one", "other", "later"),
    [
        (NOON, None, NOON_SECONDS),
        (None, NOON, NOON_SECONDS),
        (NOON, NOON + HOUR, NOON_SECONDS + 3_600),
        (NOON + HOUR, NOON, NOON_SECONDS + 3_600),  # such as a scheduled one, edited before
    ],
)
def test_the_later_of_two_times_counts(
    one: datetime | None, other: datetime | None, later: float
) -> None:
    assert column("revised_at", document(published_at=one, updated_at=other)) == [later]
    assert column("from_time", document(published_at=one, embargoed_until=other)) == [later]


@pytest.mark.parametrize(
    ("authors", "name"),
    [
        (("Mei Lanying", "Tobias Renner"), "mei lanying"),
        (("MEI\u00a0 LANYING",), "mei lanying"),
        (("Нилуфар Сатторӣ",), "нилуфар сатторӣ"),
        ((), None),
    ],
)
def test_the_author_is_the_first_one_whatever_its_case(
    authors: tuple[str, ...], name: str | None
) -> None:
    assert column("author", document(authors=authors)) == [hash_id(name) if name else 0]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.News.Example/a?b=www.other.example", "news.example"),
        ("http://news.example:8080/a", "news.example"),
        ("https://user@news.example./", "news.example"),
        ("https://sport.news.example/a", "sport.news.example"),
        ("https://[2001:db8::1]/a", "2001:db8::1"),
        ("https://wwwater.example/a", "wwwater.example"),
        (None, None),
    ],
)
def test_the_host_is_that_of_the_address(url: str | None, host: str | None) -> None:
    assert column("host", document(url=url)) == [hash_id(host) if host else 0]


def test_the_rows_of_an_outline_are_those_of_the_article() -> None:
    article = Article(
        id="a",
        title="T",
        body="B",
        summary="S",
        url="https://www.news.example/a",
        authors=("N",),
        tags=("port",),
        published_at=NOON,
        updated_at=NOON + HOUR,
    )
    whole, outlined = (
        build_rows([IndexedDocument(one, features(), 5, up_to_date=True)], ENGLISH, 1)
        for one in (article, parse_outline(article.to_outline()))
    )
    for name, values in whole.columns.items():
        np.testing.assert_array_equal(outlined.columns[name], values)
    assert (outlined.display, outlined.keywords) == (whole.display, whole.keywords)


def test_flags_follow_the_articles() -> None:
    documents = [
        document(),
        document(status="draft", title="", body="B"),
        document(status="withheld", never_recommend=True),
        document(status="canceled", no_related=True, title=" \n", body="B"),
    ]
    assert column("published", *documents) == [True, False, False, False]
    assert column("titled", *documents) == [True, False, True, False]
    assert column("recommendable", *documents) == [True, True, False, True]
    assert column("has_list", *documents) == [True, True, True, False]


def test_an_article_is_in_the_group_that_it_translates_or_in_its_own() -> None:
    documents = [
        document(id="a"),
        document(id="a-ru", translation_of="a"),
        document(id="b", translation_of="g:7"),
    ]
    assert column("id_hash", *documents) == [hash_id("a"), hash_id("a-ru"), hash_id("b")]
    assert column("translates", *documents) == [hash_id("a"), hash_id("a"), hash_id("g:7")]


def test_a_hash_is_the_signed_blake2b_of_its_name() -> None:
    digest = hashlib.blake2b(b"a", digest_size=8).digest()
    assert hash_id("a") == int.from_bytes(digest, "big", signed=True)
