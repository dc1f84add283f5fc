"""Words that tell what a text is about, against shares and cosines counted one by one."""

from collections.abc import Callable, Sequence
from itertools import combinations
from math import cos, pi, sin
from pathlib import Path

import numpy as np
import pytest

from index import DeltaWriter, View
from recommender.analysis.embedding import Model
from recommender.analysis.features import Embedding
from recommender.analysis.tokens import count_tokens
from recommender.articles import Article
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.ranking.scoring import find_seed
from recommender.ranking.telling_words import are_telling, coherence_of, telling_buckets
from tests.support.documents import publish
from tests.support.features import make_features

MODEL = Model("fake", Path(), "fake-1", frozenset({"en", "ru"}))
EVERYWHERE, SCATTERED, SUBJECT, ALONE = 10, 20, 30, 40
Pages = Callable[..., View]


def page(name: str, angle: float, buckets: Sequence[int]) -> IndexedDocument:
    """An article of the language that its id begins with, whose vector has some direction."""
    vector = np.array([cos(angle), sin(angle)], np.float16)
    embedding = Embedding(vector, np.zeros((0, 2), np.int8)) if name[:2] != "tg" else None
    features = make_features(name[:2], sorted(buckets), mark=0, embedding=embedding)
    return IndexedDocument(
        Article(id=name, title="T", language=name[:2]), features, 1, up_to_date=True
    )


def archive(language: str, count: int) -> list[IndexedDocument]:
    """Articles in all directions; every fifth holds a scattered word, a fifth in a row a subject.

    The first and the last of the subject also share a word that nobody else has.
    """
    held = [[EVERYWHERE] for _ in range(count)]
    for at in range(count):
        held[at] += [SCATTERED] if at % 5 == 0 else []
        held[at] += [SUBJECT] if at < count // 5 else []
    for at in (0, count // 5 - 1):
        held[at] += [ALONE]
    angles = [2 * pi * at / count for at in range(count)]
    return [
        page(f"{language}-{at:03}", angle, words)
        for at, (angle, words) in enumerate(zip(angles, held, strict=True))
    ]


@pytest.fixture
def view_of(tmp_path: Path) -> Pages:
    def build(documents: list[IndexedDocument]) -> View:
        return View.of(publish(tmp_path / str(len(documents)), documents, MODEL, centred=False))

    return build


def test_words_of_one_subject_tell_something_and_scattered_ones_do_not(view_of: Pages) -> None:
    view = view_of([*archive("en", 100), *archive("ru", 60)])
    for language in ("en", "ru"):
        seed = find_seed(view, f"{language}-000")
        assert telling_buckets(view, seed, language) == {SUBJECT, ALONE}


def test_articles_in_other_languages_do_not_count(view_of: Pages) -> None:
    """The word that two English articles share is in every Russian one."""
    russian = [page(f"ru-{at:03}", at, [ALONE, EVERYWHERE]) for at in range(60)]
    view = view_of([*archive("en", 100), *russian])
    seed = find_seed(view, "en-000")
    assert telling_buckets(view, seed, "en") == {SUBJECT, ALONE}
    assert ALONE not in telling_buckets(view, seed, "ru")


@pytest.mark.parametrize(
    "documents",
    [
        pytest.param(archive("tg", 100), id="the encoder does not support the language"),
        pytest.param(archive("tg", 100)[:30], id="the same, and half of all are of the subject"),
    ],
)
def test_without_coherence_only_rare_words_tell_something(
    view_of: Pages, documents: list[IndexedDocument]
) -> None:
    view = view_of(documents)
    assert telling_buckets(view, find_seed(view, "tg-000"), "tg") == {ALONE}


def test_in_a_small_archive_coherence_counts_from_eight_articles_on(view_of: Pages) -> None:
    """Of all others a third is of the subject of the seed, and holds its word."""
    for count, expected in ((7, set[int]()), (9, {SUBJECT})):
        subject = [page(f"en-a{at}", 0.1 * at, [SUBJECT, EVERYWHERE]) for at in range(4)]
        others = [page(f"en-b{at}", 2 + at, [EVERYWHERE]) for at in range(count - 3)]
        view = view_of([*subject, *others])
        assert telling_buckets(view, find_seed(view, "en-a0"), "en") == expected


def test_the_seed_and_the_item_do_not_make_their_word_common(view_of: Pages) -> None:
    view = view_of([page("en-a", 0, [1, 2]), page("en-b", 1, [1, 2]), page("en-c", 2, [2])])
    assert telling_buckets(view, find_seed(view, "en-a"), "en") == {1}


def test_changes_since_the_snapshot_count(view_of: Pages) -> None:
    """A word that was alone is in every article that came after."""
    built = view_of(archive("tg", 20))
    writer = DeltaWriter(built)
    more = [page(f"tg-new-{at}", 0, [ALONE]) for at in range(9)]
    view = writer.apply(build_rows(more, MODEL, dim=2), set())
    assert ALONE in telling_buckets(built, find_seed(built, "tg-000"), "tg")
    assert ALONE not in telling_buckets(view, find_seed(view, "tg-000"), "tg")


def test_a_seed_without_words_has_none(view_of: Pages) -> None:
    view = view_of([page("en-a", 0, [])])
    assert telling_buckets(view, find_seed(view, "en-a"), "en") == frozenset()


@pytest.mark.parametrize(
    ("language", "connecting", "telling"),
    [("en", "which", "tunnel"), ("ru", "который", "тоннель"), ("tg", "барои", "нақб")],
)
def test_closed_class_words_tell_nothing_in_the_smallest_archive(
    view_of: Pages, language: str, connecting: str, telling: str
) -> None:
    one, other = (
        count_tokens(Article(id="-", title=word))[0].tolist()[0] for word in (connecting, telling)
    )
    view = view_of([page(f"{language}-{name}", 0, [one, other]) for name in "ab"])
    seed = find_seed(view, f"{language}-a")
    assert telling_buckets(view, seed, language) == {other}


def test_coherence_is_the_mean_cosine_above_that_of_all_articles() -> None:
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(40, 6)) + 0.4
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    held = rng.random((40, 5)) < [0.0, 0.05, 0.3, 0.6, 1.0]
    held[:, 0], held[0, 1], held[1, 1] = False, True, True

    def mean_cosine(rows: Sequence[int]) -> float:
        return float(np.mean([vectors[a] @ vectors[b] for a, b in combinations(rows, 2)]))

    usual = mean_cosine(range(40))
    expected = [0.0] + [
        (mean_cosine(np.flatnonzero(held[:, word]).tolist()) - usual) / (1 - usual)
        for word in range(1, 5)
    ]
    found = coherence_of(held, vectors.astype(np.float32))
    assert found.tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("count", "articles", "coherence", "telling"),
    [
        (1, 101, 0.0, True),
        (4, 101, -0.01, True),
        (5, 101, 0.09, False),
        (5, 101, 0.1, True),
        (26, 101, 0.05, False),
        (26, 101, 0.06, True),
        (90, 101, 0.06, True),
        (90, 101, 0.04, False),
        (301, 1_001, 0.046, True),
        (2, 11, 0.16, False),
        (2, 11, 0.18, True),
        (1, 1, 0.0, True),
        (10, 101, None, True),
        (11, 101, None, False),
        (2, 11, None, False),
    ],
)
def test_shares_and_coherence_decide(
    count: int,
    articles: int,
    coherence: float | None,
    telling: bool,  # noqa: FBT001
) -> None:
    measured = None if coherence is None else np.array([coherence])
    assert are_telling(np.array([count]), articles, measured).tolist() == [telling]
