"""Scoring candidates of a view, worked out by hand over five articles of two dimensions.

Three are in English, one in Russian, both of which the encoder knows, and one in Tajik, which it
does not. Signals of the English pairs, (a, b), (a, c) and (b, c): dense 0.6, 0 and 0.8; passages
0.75, 0 and 0.75; words 0.71, 0 and 0.71. Backgrounds of three pairs are 3/103 of their medians.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import hypot, sqrt
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from index import Query, View, quantize
from recommender.analysis.embedding import Model
from recommender.analysis.features import Embedding
from recommender.analysis.minhash import MINHASH_SIZE
from recommender.api import ListOptions
from recommender.articles import Article
from recommender.indexing.documents import IndexedDocument
from recommender.ranking.candidates import ListRequest
from recommender.ranking.fusion import ScoredCandidates
from recommender.ranking.policy import Policy, parse_policy
from recommender.ranking.scoring import Scorer, Seed, find_seed
from recommender.ranking.vector_share import SHARES_NOTE
from tests.support.documents import publish
from tests.support.features import make_features

MODEL: Final = Model("fake", Path(), "fake-1", frozenset({"en", "ru"}))
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
TRUST: Final = 3 / 103
DENSE, PASSAGES, WORDS = 0.6 * TRUST, 0.75 * TRUST, sqrt(0.5) * TRUST
"""The background similarities of English; those of Russian and Tajik, one article each, are 0."""
ROUNDING: Final = 2e-3
"""Vectors and terms are kept as float16, passages in eight bits."""
PLAIN: Final = Policy(
    dense_weight=0.25,
    passage_weight=0.25,
    neighbour_weight=0.0,
    hubness_weight=0.0,
    age_weight=0.0,
    nearness_weight=0.0,
)
"""Whatever the defaults are: half of the score is words, and nothing else moves a value."""

Rank = Callable[..., ScoredCandidates]


def known(
    article_id: str,
    vector: tuple[float, float],
    passages: list[tuple[float, float]],
    buckets: list[int],
) -> IndexedDocument:
    """An article of the language that its id begins with; it is ten days old."""
    language = article_id[:2]
    article = Article(
        id=article_id,
        title="T",
        language=language,
        section="city",
        published_at=NOON - timedelta(days=10),
    )
    embedding = Embedding(np.array(vector, np.float16), quantize(np.array(passages, np.float32)))
    features = make_features(language, buckets, mark=0, embedding=embedding)
    return IndexedDocument(article, features, 1, up_to_date=True)


ARTICLES: Final = [
    known("en-a", (1, 0), [(1, 0)], [1]),
    known("en-b", (0.6, 0.8), [(1, 0), (0, 1)], [1, 2]),
    known("en-c", (0, 1), [(0, 1)], [2]),
    known("ru-d", (0.8, 0.6), [(0.8, 0.6)], [9]),
    known("tg-e", (1, 0), [(1, 0)], [1, 2]),
]


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    """Not centred: the mean of three vectors would say little."""
    folder = tmp_path_factory.mktemp("scoring")
    return View.of(publish(folder, ARTICLES, MODEL, centred=False))


@pytest.fixture
def rank(view: View) -> Rank:
    """Ranks articles by their ids, under one of them or another seed."""

    def ask(seed: str | Seed, *ids: str, policy: Policy = PLAIN) -> ScoredCandidates:
        asked = find_seed(view, seed) if isinstance(seed, str) else seed
        rows = np.array([view.row_of(one) for one in ids], np.int64)
        return Scorer.of(view, asked, policy, NOON.timestamp()).score(rows)

    return ask


def test_vectors_count_nothing_before_a_language_has_enough_texts(
    tmp_path: Path,
) -> None:
    """With an encoder of several languages, vectors count from fifteen articles on."""
    for count, share in ((14, 1.0), (15, 0.5)):
        documents = [known(f"en-{at:02}", (1, 0), [(1, 0)], [1]) for at in range(count)]
        view = View.of(publish(tmp_path / f"{count}", documents, MODEL))
        ranked = Scorer.of(view, find_seed(view, "en-00"), PLAIN, NOON.timestamp()).score(
            np.array([1])
        )
        assert ranked.weights.lexical.tolist() == close([share])


def above(similarity: float, background: float) -> float:
    """Scale a similarity from 0 at the background to 1."""
    return max(0.0, (similarity - background) / (1 - background))


def close(value: Any) -> Any:
    return pytest.approx(value, abs=ROUNDING)


def unit(x: float, y: float) -> list[float]:
    return [x / hypot(x, y), y / hypot(x, y)]


def test_the_background_similarities_are_those_the_tests_expect(view: View) -> None:
    english, russian = view.background_of("en"), view.background_of("ru")
    medians = (english.similarity, english.passages, english.lexical)
    assert (english.rows, medians) == (3, close((0.6, 0.75, sqrt(0.5))))
    assert (russian.rows, russian.similarity, russian.lexical) == (1, 0, 0)


def test_within_one_language_all_three_signals_count(rank: Rank) -> None:
    found = rank("en-a", "en-b", "en-c", "en-a")
    dense, passages = above(0.6, DENSE), above(0.75, PASSAGES)
    words = above(sqrt(0.5), WORDS)
    assert found.scores.dense.tolist() == close([dense, 0, 1])
    assert found.scores.passages.tolist() == close([passages, 0, 1])
    assert found.scores.lexical.tolist() == close([words, 0, 1])
    assert found.scores.score.tolist() == close(
        [0.25 * dense + 0.25 * passages + 0.5 * words, 0, 1]
    )
    assert found.scores.score[0] == close(0.6848)
    assert [len(part) for part in (rank("en-a").rows, rank("en-a").values)] == [0, 0]
    weights = found.weights
    assert weights.dense.tolist() == weights.passages.tolist() == [0.25] * 3
    assert weights.lexical.tolist() == [0.5] * 3


def test_between_two_known_languages_vectors_and_passages_share_the_score(rank: Rank) -> None:
    """Their backgrounds lie midway between those of English and Russian, which are 0.

    A faithful translation, of similarity 0.85, would score 1.
    """
    policy = replace(PLAIN, dense_weight=0.3, passage_weight=0.1)
    found = rank("en-a", "ru-d", policy=policy)
    assert found.weights.dense[0] == pytest.approx(0.75)
    assert found.weights.passages[0] == pytest.approx(0.25)
    assert found.weights.lexical[0] == 0
    dense, passages = ((0.8 - zero / 2) / (0.85 - zero / 2) for zero in (DENSE, PASSAGES))
    assert found.scores.score[0] == close(0.75 * dense + 0.25 * passages)


def test_with_a_language_that_the_encoder_does_not_know_words_decide_alone(rank: Rank) -> None:
    """The vectors and passages of the two are equal, but count nothing."""
    for seed, other in (("en-a", "tg-e"), ("tg-e", "en-a")):
        found = rank(seed, other)
        assert (found.weights.dense[0], found.weights.passages[0]) == (0, 0)
        assert found.weights.lexical[0] == 1
        assert found.scores.score[0] == close(above(sqrt(0.5), WORDS / 2))


def test_each_candidate_has_the_background_and_the_weights_of_its_language(rank: Rank) -> None:
    together = rank("en-a", "tg-e", "en-b", "ru-d", "en-c")
    for at, one in enumerate(("tg-e", "en-b", "ru-d", "en-c")):
        alone = rank("en-a", one)
        assert together.scores.score[at] == pytest.approx(alone.scores.score[0], abs=1e-6)
        assert together.weights.lexical[at] == alone.weights.lexical[0]


def test_an_article_near_to_everything_loses_a_part_of_its_value(rank: Rank) -> None:
    """Near to b are d (0.96), c (0.8) and a (0.6), to c b (0.8), d (0.6) and a (0)."""
    policy = replace(PLAIN, hubness_weight=0.5)
    found, plain = rank("en-a", "en-b", "en-c", policy=policy), rank("en-a", "en-b", "en-c")
    lost = [0.5 * above((0.96 + 0.8 + 0.6) / 3, DENSE), 0.5 * above((0.8 + 0.6) / 3, DENSE)]
    assert found.hubness.tolist() == close(lost)
    assert found.scores.score.tolist() == plain.scores.score.tolist()
    assert found.values.tolist() == pytest.approx(
        (plain.scores.score - found.hubness).tolist(), abs=1e-6
    )
    assert found.values[1] < 0  # hubness is not made up for


def test_without_vectors_hubness_is_measured_by_words(rank: Rank) -> None:
    """The only article of its language has no neighbours."""
    found = rank("en-a", "tg-e", policy=replace(PLAIN, hubness_weight=1.0))
    assert found.hubness.tolist() == [0]
    assert found.values.tolist() == pytest.approx(found.scores.score.tolist())


@pytest.mark.parametrize(("half_life", "left"), [(10.0, 0.7), (5.0, 0.55), (1e9, 1.0)])
def test_age_takes_a_share_of_the_score_before_hubness_is_taken_off(
    rank: Rank, half_life: float, left: float
) -> None:
    """Of 0.6, an article of ten days has lost half, or three quarters, or nothing."""
    policy = replace(PLAIN, age_weight=0.6, half_life_days=half_life, hubness_weight=0.5)
    found = rank("en-a", "en-b", policy=policy)
    assert found.recency.tolist() == pytest.approx([left], abs=1e-6)
    value = found.scores.score[0] * left - found.hubness[0]
    assert found.values.tolist() == pytest.approx([value], abs=1e-6)
    assert found.scores.score[0] == close(0.6848)


def test_the_vector_of_a_seed_is_smoothed_by_its_two_neighbours(view: View) -> None:
    """The neighbours of a are d (0.8, halfway from the median 0.6 to 1) and b (0.6, weight 0)."""
    scorer = Scorer.of(view, find_seed(view, "en-a"), Policy(neighbour_weight=0.6), 0.0)
    assert scorer.query is not None
    assert scorer.query.tolist() == close(unit(1 + 0.15 * 0.8, 0.15 * 0.6))


def outside(**parts: Any) -> Seed:
    """A seed that is in no row, in English, which the encoder knows."""
    nothing = np.zeros(MINHASH_SIZE, np.uint16)
    values: dict[str, Any] = {"id_hash": 0, "translates": 0, "has_list": True, "minhash": nothing}
    values |= {"section": None, "published_at": np.nan, "embedded": True, "fluent": True}
    return Seed("draft", "en", **(values | parts))


def test_a_seed_from_outside_may_find_an_article_of_its_own_text(view: View) -> None:
    """Its two nearest are a, which is itself, and d."""
    seed = outside(vector=np.array([1, 0], np.float32))
    scorer = Scorer.of(view, seed, Policy(neighbour_weight=0.6), 0.0)
    assert scorer.query is not None
    assert scorer.query.tolist() == close(unit(1 + 0.3 + 0.15 * 0.8, 0.15 * 0.6))
    plain = Scorer.of(view, seed, PLAIN, 0.0)
    assert plain.query is not None
    assert plain.query.tolist() == [1, 0]


def test_candidates_are_scored_and_returned_with_smoothed_vectors(rank: Rank, view: View) -> None:
    policy = replace(PLAIN, neighbour_weight=0.6, dense_weight=1.0, passage_weight=0.0)
    found = rank("en-a", "en-c", policy=policy)
    own = unit(1 + 0.15 * 0.8, 0.15 * 0.6)
    # Near to c are b (0.8: its share is a half) and d (0.6: nothing).
    other = unit(0.15 * 0.6, 1 + 0.15 * 0.8)
    assert found.vectors[0].tolist() == close(other)
    assert found.scores.score[0] == close(above(float(np.dot(own, other)), DENSE))
    assert view.fetch_smoothed(found.rows, 0.6)[0].tolist() == found.vectors[0].tolist()


def test_rows_that_were_read_once_are_scored_by_any_weights(view: View) -> None:
    seed, rows = find_seed(view, "en-a"), np.arange(1, 5)
    first = Scorer.of(view, seed, PLAIN, NOON.timestamp())
    read = first.read(rows)
    for weights in ((0.0, 0.0), (1.0, 0.0), (0.3, 0.5)):
        policy = replace(
            PLAIN, dense_weight=weights[0], passage_weight=weights[1], hubness_weight=0.3
        )
        again = read.score(policy)
        anew = Scorer.of(view, seed, policy, NOON.timestamp()).score(rows)
        assert again.scores.score.tolist() == anew.scores.score.tolist()
        assert again.values.tolist() == anew.values.tolist()


def test_in_a_language_the_encoder_knows_only_from_related_ones_words_decide(rank: Rank) -> None:
    """Between two languages vectors do count: the seed is in one language, the rows in two."""
    found = rank(outside(fluent=False, vector=np.array([1, 0], np.float32)), "en-b", "ru-d")
    assert found.weights.lexical.tolist() == [1, 0]


def test_a_signal_that_the_seed_lacks_counts_zero(rank: Rank) -> None:
    """A seed with words alone, and a seed without features."""
    query = Query(np.array([1], np.int32), np.ones(1, np.float32))
    words = rank(outside(terms=query), "en-b")
    assert (words.scores.dense[0], words.scores.passages[0]) == (0, 0)
    assert words.scores.score[0] == close(0.5 * above(sqrt(0.5), WORDS))
    nothing = rank(outside(embedded=False), "en-a", "ru-d", "tg-e")
    assert nothing.scores.score.tolist() == [0, 0, 0]
    assert nothing.weights.lexical.tolist() == [1, 1, 1]


MEASURED: Final = Policy(neighbour_weight=0.0, hubness_weight=0.0, age_weight=0.0)
LONG: Final = ([*range(200)], [*range(100, 300)], [500, 501])
"""The terms of two reports and of a brief."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> View:
    """Two reports and two briefs in English, of which 0.9 and 0.6 were measured; a Russian text."""
    articles = [
        known("en-long-a", (1, 0), [(1, 0)], LONG[0]),
        known("en-long-b", (0.6, 0.8), [(0.6, 0.8)], LONG[1]),
        known("en-short-c", (0.8, 0.6), [(0.8, 0.6)], LONG[2]),
        known("en-short-d", (0, 1), [(0, 1)], LONG[2]),
    ]
    note = '{"en": {"briefs": {"share": 0.9}, "reports": {"share": 0.6}}}'
    folder = tmp_path_factory.mktemp("measured")
    return View.of(publish(folder, articles, MODEL, centred=False, notes={SHARES_NOTE: note}))


@pytest.mark.parametrize(
    ("seed", "other", "vectors", "part"),
    [
        ("en-long-a", "en-long-b", 0.6, 0.45),
        ("en-short-c", "en-short-d", 0.9, 0.0),
        # Half-way for two of different length, from whichever side.
        ("en-long-a", "en-short-c", 0.75, 0.225),
        ("en-short-c", "en-long-a", 0.75, 0.225),
    ],
)
def test_without_weights_in_the_policy_those_that_were_measured_count(
    measured: View, seed: str, other: str, vectors: float, part: float
) -> None:
    rows = np.array([measured.row_of(other)], np.int64)
    weights = Scorer.of(measured, find_seed(measured, seed), MEASURED, 0.0).score(rows).weights
    assert weights.passages[0] == close(vectors * part)
    assert weights.dense[0] == close(vectors * (1 - part))
    assert weights.lexical[0] == close(1 - vectors)


@pytest.mark.parametrize(
    ("policy", "shares"),
    [
        ({"dense_weight": 0.2}, (0.2, 0.6 * 0.45)),
        ({"dense_weight": 0.9}, (0.9, 0.1)),
        ({"passage_weight": 0.1}, (0.6 * 0.55, 0.1)),
        ({"passage_weight": 1.0}, (0.0, 1.0)),
        ({"dense_weight": 0.1, "passage_weight": 0.3}, (0.1, 0.3)),
    ],
)
def test_a_weight_of_the_policy_replaces_the_measured_one(
    measured: View, policy: dict[str, float], shares: tuple[float, float]
) -> None:
    rows = np.array([measured.row_of("en-long-b")], np.int64)
    seed, changed = find_seed(measured, "en-long-a"), parse_policy(json.dumps(policy))
    weights = Scorer.of(measured, seed, changed, 0.0).score(rows).weights
    assert (weights.dense[0], weights.passages[0]) == (close(shares[0]), close(shares[1]))
    assert weights.dense[0] + weights.passages[0] + weights.lexical[0] == close(1)


@pytest.mark.parametrize(
    ("half_lives", "days", "added"),
    [
        pytest.param({}, 0, 0.2, id="at the same time"),
        pytest.param({}, 4, 0.1, id="half as much after a half-life"),
        pytest.param({}, -8, 0.05, id="in either direction"),
        pytest.param({"city": 8.0}, 8, 0.1, id="the half-life of the row's section"),
        pytest.param({"opinion": 16.0, "city": 8.0}, 16, 0.1, id="the longer one of both"),
        pytest.param({"opinion": 1.0}, 4, 0.1, id="never shorter than the other's"),
        pytest.param({}, np.nan, 0.0, id="without a date"),
    ],
)
def test_nearness_in_time_adds_a_share_of_the_score_to_the_ranking_value(
    view: View, half_lives: dict[str, float], days: float, added: float
) -> None:
    """The articles of the view are of the section city, and ten days old."""
    published_at = (NOON - timedelta(days=10)).timestamp() + days * 86_400
    vector, terms = (
        np.array([1, 0], np.float32),
        Query(np.array([1], np.int32), np.ones(1, np.float32)),
    )
    seed = outside(section="opinion", published_at=published_at, vector=vector, terms=terms)
    policy = replace(
        PLAIN,
        nearness_weight=0.2,
        nearness_half_life_days=4.0,
        nearness_half_lives=half_lives,
    )
    found = Scorer.of(view, seed, policy, NOON.timestamp()).score(np.arange(3))
    score = found.scores.score
    assert score[0] > 0
    assert found.nearness.tolist() == pytest.approx((score * added).tolist())
    assert found.values.tolist() == pytest.approx((score * (1 + added)).tolist())
    assert found.explain(0).nearness == pytest.approx(score[0] * added)


def test_neighbours_count_nothing_if_the_encoder_supports_several_languages(tmp_path: Path) -> None:
    centred = View.of(publish(tmp_path, ARTICLES, MODEL, centred=True))
    scorer = Scorer.of(centred, find_seed(centred, "en-a"), Policy(neighbour_weight=0.6), 0.0)
    assert scorer.smoothing == 0
    parts = scorer.read(np.array([centred.row_of(one) for one in ("en-b", "ru-d")])).passage_part
    assert parts.tolist() == close([0, 0.6])  # all are briefs
    assert scorer.query is not None
    assert scorer.query.tolist() == centred.fetch(np.array([centred.row_of("en-a")]))[0].tolist()


def test_between_languages_a_weight_alone_gives_the_same_score_from_either_side(
    view: View,
) -> None:
    for policy in ({"dense_weight": 0.3}, {"passage_weight": 0.2}, {"dense_weight": 0.0}):
        changed = parse_policy(json.dumps(policy | {"neighbour_weight": 0}))
        there, back = (
            Scorer.of(view, find_seed(view, seed), changed, 0.0)
            .score(np.array([view.row_of(other)], np.int64))
            .scores.score[0]
            for seed, other in (("en-a", "ru-d"), ("ru-d", "en-a"))
        )
        assert there == close(back)


def test_background_lists_take_no_account_of_nearness_in_time(view: View) -> None:
    nearness = {
        mode: ListRequest(view, find_seed(view, "en-a"), ListOptions(mode=mode), Policy(), 0.0)
        .scorer.score(np.arange(3))
        .nearness.tolist()
        for mode in ("mixed", "background")
    }
    assert nearness["mixed"][1] > 0
    assert nearness["background"] == [0, 0, 0]
