"""The titles and bodies that a rebuild measures with."""

from dataclasses import replace

import numpy as np
import pytest

from index import quantize
from recommender.analysis.analyzer import analyze
from recommender.analysis.features import Embedding
from recommender.articles import Article, hash_id
from recommender.indexing.documents import MOST_PAIRS, IndexedDocument, TitlePair, TitlePairs
from recommender.ranking.vector_share import LEAST_PAIRS, USUAL_SHARE

DIM = 24


def document(
    number: int,
    *,
    words: bool = True,
    vectors: bool = True,
    language: str = "en",
    long: bool = False,
) -> IndexedDocument:
    """An article whose title has a word of its body, if `words`, and a vector near its body's."""
    rng = np.random.default_rng(number)
    title = f"{number}s council" if words else f"{number}t council"
    filler = " ".join(f"{rng.integers(0, 900)}f" for _ in range(200 if long else 20))
    article = Article(id=f"a{number}", title=title, body=f"{number}s {filler}", language=language)
    own = rng.normal(size=DIM)
    pair = np.array([own + 0.3 * rng.normal(size=DIM) if vectors else rng.normal(size=DIM), own])
    pair /= np.linalg.norm(pair, axis=1, keepdims=True)
    vector = pair[1].astype(np.float16)
    codes = quantize(pair.astype(np.float32))
    embedding = Embedding(vector, np.empty((0, DIM), np.int8), codes)
    features = replace(analyze(article), embedding=embedding)
    return IndexedDocument(article, features, number, up_to_date=True)


def measure(*documents: IndexedDocument) -> dict[tuple[str, bool], float]:
    pairs = TitlePairs()
    pairs.add(documents)
    return {kind: found.share for kind, found in pairs.measure(centred=False).by_kind.items()}


def test_the_signal_that_finds_bodies_by_their_titles_gets_more_weight() -> None:
    (by_words,) = measure(*(document(n, vectors=False) for n in range(1, 81))).values()
    (by_vectors,) = measure(*(document(n, words=False) for n in range(1, 81))).values()
    assert by_words < USUAL_SHARE < by_vectors


def test_languages_and_lengths_are_measured_apart() -> None:
    kinds = measure(
        *(document(n, vectors=False) for n in range(1, 51)),
        *(document(n, words=False, long=True) for n in range(51, 101)),
        *(document(n, language="ru") for n in range(101, 131)),
        *(document(n, language="tg") for n in range(131, 130 + LEAST_PAIRS)),
    )
    assert set(kinds) == {("en", True), ("en", False), ("ru", True)}
    assert kinds["en", True] < kinds["en", False]


def test_the_same_articles_are_measured_in_whatever_order_they_come() -> None:
    documents = [document(n) for n in range(1, MOST_PAIRS + 40)]
    forth, back = TitlePairs(), TitlePairs()
    forth.add(documents)
    for one in reversed(documents):
        back.add([one])
    assert forth.measure(centred=True) == back.measure(centred=True)
    kept = sorted(hash_id(one.article.id) for one in documents)[:MOST_PAIRS]
    assert [pair.order for pair in forth.kept["en", True]] == kept


def test_the_words_of_the_title_are_not_those_of_the_body() -> None:
    """A word of the title counts twice in the text, and as often as it is there in the body."""
    article = Article(id="a", title="Flood", body="Flood and flood again")
    embedding = Embedding(
        np.zeros(2, np.float16), np.empty((0, 2), np.int8), np.eye(2, dtype=np.int8)
    )
    features = replace(analyze(article), embedding=embedding)
    pair = TitlePair.of(IndexedDocument(article, features, 1, up_to_date=True))
    assert pair is not None
    assert sorted(pair.title.values()) == [2]
    assert sorted(pair.body.values()) == [1, 1, 2]
    assert set(pair.title) < set(pair.body)


@pytest.mark.parametrize("missing", ["features", "embedding", "title and body"])
def test_what_has_no_title_or_no_body_is_no_pair(missing: str) -> None:
    whole = document(1)
    assert whole.features is not None
    assert whole.embedding is not None
    bare = replace(whole.embedding, title_and_body=np.empty((0, DIM), np.int8))
    features = {
        "features": None,
        "embedding": replace(whole.features, embedding=None),
        "title and body": replace(whole.features, embedding=bare),
    }[missing]
    assert TitlePair.of(replace(whole, features=features)) is None
