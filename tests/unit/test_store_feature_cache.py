"""The cache of features of texts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from recommender.analysis.features import PROBE_KEY, Embedding, Features
from recommender.articles import Article
from recommender.store import (
    AnalyzedText,
    ArticleStore,
    FeatureCache,
    feature_cache,
    open_store,
    schema,
)
from recommender.store.feature_cache import CHUNK
from recommender.store.schema import ROWS_PER_STATEMENT
from tests.support.features import make_embedding, make_features
from tests.support.properties import examples
from tests.support.stores import VERSIONS

Open = Callable[..., ArticleStore]
Codes = NDArray[np.int8]


def passages_in(
    cache: FeatureCache, hashes: list[str], fingerprint: str
) -> dict[str, NDArray[np.int8]]:
    """By text hash, the codes of passages that are stored."""
    return {key: one.passages for key, one in cache.embeddings(hashes, fingerprint).items()}


@pytest.fixture(scope="module")
def cache(shared_address: str) -> Iterator[FeatureCache]:
    """One cache for the module; every test has fingerprints of its own."""
    store = open_store(shared_address)
    yield store.features
    store.close()


def vector(*values: float) -> NDArray[np.float16]:
    return np.array(values, np.float16)


def codes(*rows: list[int]) -> Codes:
    return np.array(rows, np.int8)


def terms(language: str | None = "en", mark: int = 1) -> Features:
    return make_features(language, [mark, mark + 1], counts=[2, 0.5], mark=mark)


def add_vectors(
    cache: FeatureCache,
    vectors: Mapping[str, NDArray[np.float16]],
    fingerprint: str,
    passages: Mapping[str, NDArray[np.int8]] | None = None,
) -> None:
    """Store embeddings with the passages that are given, or with none."""
    found = passages or {}
    cache.add_embeddings(
        {
            key: Embedding(vector, found.get(key, np.empty((0, len(vector)), np.int8)))
            for key, vector in vectors.items()
        },
        fingerprint,
    )


def plain(stored: dict[str, Features]) -> dict[str, tuple[Any, ...]]:
    return {
        key: (
            t.language,
            *((str(part.dtype), part.tolist()) for part in (t.buckets, t.counts, t.minhash)),
        )
        for key, t in stored.items()
    }


def test_an_embedding_comes_back_with_its_passages_and_with_title_and_body(
    cache: FeatureCache,
) -> None:
    whole = Embedding(vector(1, 0), codes([1, 2], [3, 4]), codes([5, 6], [7, 8]))
    bare = Embedding(vector(0, 1), codes([9, 1]))
    cache.add_embeddings({"a": whole, "b": bare}, "model-title")
    stored = cache.embeddings(["a", "b"], "model-title")
    assert stored["a"].passages.tolist() == [[1, 2], [3, 4]]
    assert stored["a"].title_and_body.tolist() == [[5, 6], [7, 8]]
    assert stored["b"].title_and_body.shape == (0, 2)


def test_passages_of_another_encoder_have_a_dimension_of_their_own(cache: FeatureCache) -> None:
    two = Embedding(vector(1, 0, 0), codes([1, 2], [3, 4]), codes([5, 6], [7, 8]))
    none = Embedding(vector(0, 1, 0), codes([1, 2])[:0])
    cache.add_embeddings({"a": two, "b": none}, "model-two")
    stored = cache.embeddings(["a", "b"], "model-two")
    assert stored["a"].passages.tolist() == [[1, 2], [3, 4]]
    assert stored["a"].title_and_body.tolist() == [[5, 6], [7, 8]]
    shapes = [(len(one.vector), one.passages.shape[1]) for one in stored.values()]
    assert shapes == [(3, 2), (3, 2)]


def test_terms_come_back_as_stored(cache: FeatureCache) -> None:
    none = make_features(None, [])
    given_terms = {"a": terms("tg"), "b": terms(None, mark=65_000), "c": none}
    cache.add_terms(given_terms, "words-1")
    assert plain(cache.terms(["c", "a", "b", "d"], "words-1")) == plain(given_terms)


def test_features_stored_again_are_replaced(cache: FeatureCache) -> None:
    add_vectors(cache, {"a": vector(1), "b": vector(2)}, "model-2")
    add_vectors(cache, {"a": vector(3)}, "model-2")
    cache.add_terms({"a": terms("en")}, "words-2")
    cache.add_terms({"a": terms("ru")}, "words-2")
    stored = cache.vectors(["a", "b"], "model-2")
    assert {key: v.tolist() for key, v in stored.items()} == {"a": [3], "b": [2]}
    assert cache.terms(["a"], "words-2")["a"].language == "ru"


def test_one_text_has_features_under_each_fingerprint(cache: FeatureCache) -> None:
    add_vectors(cache, {"a": vector(1)}, "model-3")
    add_vectors(cache, {"a": vector(2)}, "model-4")
    assert cache.vectors(["a"], "model-3")["a"].tolist() == [1]
    assert cache.vectors(["a"], "model-4")["a"].tolist() == [2]
    assert cache.vectors(["a"], "model-5") == {}


def test_missing_features_are_found_by_fingerprint_and_kind(cache: FeatureCache) -> None:
    add_vectors(cache, {"a": vector(1), "b": vector(2)}, "both-6")
    cache.add_terms({"b": terms(), "c": terms()}, "both-6")
    asked = ["d", "c", "b", "a", "d"]
    assert cache.missing(asked, "both-6", of="vectors") == [["c", "d"]]
    assert cache.missing(asked, "both-6", of="terms") == [["a", "d"]]
    assert cache.missing(asked, "both-7", of="terms") == [["a", "b", "c", "d"]]
    assert cache.missing(["b"], "both-6", of="terms") == []


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_missing_texts_come_in_ascending_chunks(cache: FeatureCache, count: int) -> None:
    hashes = [f"{number:04}" for number in range(count)]
    chunks = cache.missing(reversed(hashes), "model-11", of="vectors")
    assert [key for chunk in chunks for key in chunk] == hashes
    assert [len(chunk) for chunk in chunks[:-1]] == [CHUNK] * (len(chunks) - 1)
    assert 0 < len(chunks[-1]) <= CHUNK


def test_a_full_rebuild_counts_all_as_missing_and_deletes_nothing(cache: FeatureCache) -> None:
    add_vectors(cache, {"a": vector(1)}, "model-8")
    assert cache.missing(["a", "b"], "model-8", of="vectors") == [["b"]]
    assert cache.missing(["a", "b"], "model-8", of="vectors", afresh=True) == [["a", "b"]]
    assert cache.vectors(["a"], "model-8")["a"].tolist() == [1]


def test_more_rows_than_one_statement_takes_are_stored_and_found(cache: FeatureCache) -> None:
    many = {f"{number:04}": vector(number) for number in range(2 * ROWS_PER_STATEMENT + 1)}
    passages = {key: codes([int(key) % 100]) for key in many}
    add_vectors(cache, many, "model-10")
    add_vectors(cache, {key: -v for key, v in many.items()}, "model-10", passages)
    stored = cache.embeddings([*many, "nobody"], "model-10")
    assert {key: (one.vector.tolist(), one.passages.tolist()) for key, one in stored.items()} == {
        key: ([-float(int(key))], [[int(key) % 100]]) for key in many
    }


def test_texts_come_back_as_stored(cache: FeatureCache) -> None:
    bodies = {"a": "Ёж 🙂\r\n\u200d\ufffe\U0010ffff \x01", "b": ""}
    cache.add_texts(bodies, "markup-12")
    assert cache.texts(["b", "a", "c"], "markup-12") == bodies
    assert cache.texts(["a"], "markup-13") == {}
    assert cache.missing(["a", "c"], "markup-12", of="texts") == [["c"]]


@pytest.mark.postgresql_daily
def test_passages_come_back_as_stored_with_their_vectors(cache: FeatureCache) -> None:
    made = {"a": codes([127, -128], [0, 1]), "b": codes([-1, 127])}
    vectors = {"a": vector(1, 0), "b": vector(0.1, 65_504), "c": vector(1, 0)}
    add_vectors(cache, {}, "model-14")
    add_vectors(cache, vectors, "model-14", made | {"nobody": codes([1, 1])})
    stored = passages_in(cache, ["c", "b", "nobody", "a"], "model-14")
    assert {key: (str(p.dtype), p.tolist()) for key, p in stored.items()} == {
        "a": ("int8", [[127, -128], [0, 1]]),
        "b": ("int8", [[-1, 127]]),
        "c": ("int8", []),
    }
    assert stored["c"].shape == (0, 2)
    assert passages_in(cache, ["a"], "model-15") == {}
    assert (cache.vectors([], "model-14"), cache.terms([], "model-14")) == ({}, {})
    found = cache.vectors([*vectors, "nobody"], "model-14")
    assert {key: (str(v.dtype), v.tolist()) for key, v in found.items()} == {
        key: ("float16", v.tolist()) for key, v in vectors.items()
    }


HALFS = st.floats(-1, 1, width=16)
EMBEDDINGS = st.tuples(st.integers(1, 9), st.integers(0, 12)).flatmap(
    lambda shape: st.tuples(
        arrays(np.float16, shape[0], elements=HALFS), arrays(np.int8, (shape[1], shape[0]))
    )
)


@examples(25)
@given(made=EMBEDDINGS)
def test_an_embedding_comes_back_bit_by_bit(
    cache: FeatureCache, made: tuple[NDArray[np.float16], Codes]
) -> None:
    values, passages = made
    add_vectors(cache, {"h": values}, "model-16", {"h": passages})
    stored = cache.embeddings(["h"], "model-16")["h"]
    assert stored.vector.tobytes() == values.tobytes()
    assert (stored.passages.shape, stored.passages.tobytes()) == (
        passages.shape,
        passages.tobytes(),
    )


def test_passages_are_replaced_with_their_vector_and_never_outlive_it(cache: FeatureCache) -> None:
    add_vectors(cache, {"a": vector(1, 0)}, "model-17", {"a": codes([1, 2], [3, 4])})
    add_vectors(cache, {"a": vector(1, 0)}, "model-17", {"a": codes([5, 6])})
    assert passages_in(cache, ["a"], "model-17")["a"].tolist() == [[5, 6]]
    add_vectors(cache, {"a": vector(1, 0, 0)}, "model-17")
    assert passages_in(cache, ["a"], "model-17")["a"].shape == (0, 3)


def test_features_outlive_the_store_object(reopen: Open) -> None:
    first = reopen()
    add_vectors(first.features, {"a": vector(1)}, "model", {"a": codes([7], [-7])})
    first.close()
    second = reopen().features
    assert second.vectors(["a"], "model")["a"].tolist() == [1]
    assert passages_in(second, ["a"], "model")["a"].tolist() == [[7], [-7]]


def keep_all(cache: FeatureCache, hashes: list[str]) -> None:
    add_vectors(cache, {key: vector(1) for key in hashes}, "model")
    cache.add_terms({key: terms() for key in hashes}, "words")
    cache.add_texts(dict.fromkeys(hashes, "text"), "markup")


def stored_kinds(cache: FeatureCache, hashes: list[str]) -> list[set[str]]:
    """Which texts have stored vectors, terms and plain texts."""
    found = (cache.vectors(hashes, "model"), cache.terms(hashes, "words"))
    return [set(each) for each in (*found, cache.texts(hashes, "markup"))]


@pytest.mark.postgresql_daily
def test_pruning_removes_features_of_no_article(store: ArticleStore) -> None:
    present, deleted = Article(id="a", title="T"), Article(id="b", title="U")
    store.write_many([present, deleted])
    store.delete("b")
    hashes = [present.text_hash, deleted.text_hash, "foreign"]
    keep_all(store.features, hashes)
    assert store.features.prune() == 6
    assert stored_kinds(store.features, hashes) == [{present.text_hash}] * 3
    assert store.features.prune() == 0


@pytest.mark.postgresql_daily
def test_pruning_looks_for_unused_features_while_others_write(
    store: ArticleStore, reopen: Open
) -> None:
    """And it keeps those of a text that an article has got again meanwhile."""
    comes, goes = Article(id="a", title="T"), Article(id="b", title="U")
    hashes = [comes.text_hash, goes.text_hash]
    keep_all(store.features, hashes)

    other = reopen()

    def write(*statement: Any) -> None:
        if "EXCEPT" in statement[2]:
            other.put(comes)

    sa.event.listen(sa.Engine, "before_cursor_execute", write)
    try:
        assert store.features.prune(["model", "words"]) == 4
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", write)
    assert stored_kinds(store.features, hashes) == [{comes.text_hash}, {comes.text_hash}, set()]


@pytest.mark.postgresql_daily
def test_no_database_looks_through_unused_features_for_each_row(store: ArticleStore) -> None:
    query = feature_cache._select_unused(schema.vectors, ["model"])  # noqa: SLF001 - its plan
    kind = "EXPLAIN" if store.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    statement = query.compile(store.engine, compile_kwargs={"literal_binds": True})
    with store.engine.begin() as connection:
        plan = connection.exec_driver_sql(f"{kind} {statement}").all()
    # PostgreSQL hashes a SubPlan while it is small; then it is gone through for each row.
    assert "SubPlan" not in str(plan)
    assert "CORRELATED" not in str(plan)


def test_pruning_removes_more_than_are_removed_at_once(
    store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_cache, "CHUNK", 3)
    hashes = [f"foreign {number}" for number in range(10)]
    keep_all(store.features, hashes)
    assert store.features.prune() == 30
    assert stored_kinds(store.features, hashes) == [set()] * 3


def test_pruning_keeps_the_probe_of_a_model_in_use(store: ArticleStore) -> None:
    add_vectors(store.features, {PROBE_KEY: vector(1)}, "model")
    assert store.features.prune(["model"]) == 0
    with store.scan() as scan:
        assert scan.count_unused_texts() == 0
    assert store.features.prune(["another"]) == 1


def test_pruning_keeps_the_features_used_while_a_newer_text_waits(store: ArticleStore) -> None:
    old, new = Article(id="a", title="old"), Article(id="a", title="new")
    store.put(old)
    (queued,) = store.queue.next(1, bulk=False)
    reading = AnalyzedText(queued, None, replace(terms(), embedding=make_embedding([1])))
    store.queue.acknowledge([reading], VERSIONS)
    store.put(new)
    assert store.features.prune() == 0
    assert set(store.features.vectors([old.text_hash], "model")) == {old.text_hash}


@pytest.mark.parametrize(
    ("used", "left"),
    [
        (["model", "words", "markup"], [True, True, True]),
        (["model", "words", "new"], [True, True, False]),
        (["new", "words", "markup"], [False, True, True]),
        (["model", "new"], [True, False, False]),
        ([], [False, False, False]),
    ],
)
def test_pruning_removes_the_features_of_other_models_analyzers_and_readers(
    store: ArticleStore, used: list[str], left: list[bool]
) -> None:
    article = Article(id="a", title="T")
    store.put(article)
    keep_all(store.features, [article.text_hash])
    with store.scan() as scan:
        assert scan.count_outdated_rows(frozenset(used)) == left.count(False)
    assert store.features.prune(used) == left.count(False)
    assert [bool(found) for found in stored_kinds(store.features, [article.text_hash])] == left
