"""Lists with several seeds over drawn archives, against brute force over the articles."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import View
from recommender.analysis.embedding import Encoder
from recommender.analysis.minhash import estimate_jaccard
from recommender.api import MODES, RELATED, Item, ListOptions, RelatedList
from recommender.ranking.candidates import ListRequest
from recommender.ranking.filters import is_visible
from recommender.ranking.fusion import ScoredCandidates
from recommender.ranking.overrides import OverridesByArticle
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related
from recommender.ranking.scoring import Scorer, Seed, find_seed
from recommender.ranking.seed_scores import AVERSION, SUPPORT
from recommender.ranking.several_seeds import SeveralSeeds, merge_seeds, request_like
from tests.support.drawn_archives import NOW, Archive, ViewFactory
from tests.support.properties import examples

ANY: Final = (2, 4, 6)
PLAIN: Final = 5
"""Numbers of archives: three of different sizes, and one without duplicates. More add little."""
KINDS: Final = ("of English", "of two languages")
MOMENT: Final = NOW.timestamp()
ALL_RELATED: Final = Policy(
    candidates=10_000,
    threshold=0.0,
    words_threshold=0.0,
    story_cap=100,
    copy_cap=100,
    diversity=0.0,
    fallback=False,
)
"""Everything that shares anything with a seed is listed, by its value alone."""


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory, fake_encoder: Encoder) -> ViewFactory:
    return ViewFactory(tmp_path_factory.mktemp("archives"), fake_encoder)


@dataclass(frozen=True)
class Question:
    """Which articles of which archive a list is to be like and unlike; `draws` chooses them."""

    number: int
    model: str
    view: str
    draws: int
    likes: int
    unlikes: int
    options: ListOptions
    duplicates: bool

    def case(self, factory: ViewFactory) -> "Case":
        archive = factory.archive(self.number, self.model, duplicates=self.duplicates)
        draw, count = random.Random(self.draws), self.likes + self.unlikes  # noqa: S311
        ids = draw.sample([*archive.articles], min(count, len(archive.articles)))
        view = archive.view(self.view)
        seeds = [find_seed(view, one) for one in ids]
        return Case(archive, view, seeds[: self.likes], seeds[self.likes :], self.options)


@dataclass(frozen=True)
class Case:
    archive: Archive
    view: View
    likes: list[Seed]
    unlikes: list[Seed]
    options: ListOptions

    def request(self, policy: Policy = ALL_RELATED, **changed: Any) -> ListRequest:
        options = self.options.model_copy(update=changed)
        overrides = OverridesByArticle()
        return request_like(self.view, self.likes, self.unlikes, options, policy, MOMENT, overrides)

    def answer(self, policy: Policy = ALL_RELATED, **changed: Any) -> RelatedList:
        return list_related(self.request(policy, **changed))

    def rank(self, seed: Seed, policy: Policy, rows: Iterable[int]) -> ScoredCandidates:
        return Scorer.of(self.view, seed, policy, MOMENT).score(np.array([*rows], np.int64))


def questions(
    likes: int = 4, unlikes: int = 3, *, duplicates: bool = True, **options: Any
) -> st.SearchStrategy[Question]:
    drawn: dict[str, st.SearchStrategy[Any]] = {
        "limit": st.sampled_from([1, 12, 100]),
        "mode": st.sampled_from(MODES),
        "language": st.sampled_from([None, "any", "en,ru"]),
        "min_score": st.sampled_from([None, None, 0.1]),
    }
    drawn |= {name: st.just(value) for name, value in options.items()}
    return st.builds(
        Question,
        number=st.sampled_from(ANY) if duplicates else st.just(PLAIN),
        model=st.sampled_from(KINDS),
        view=st.sampled_from(["built", "grown"]),
        draws=st.integers(0, 99),
        likes=st.integers(1, likes),
        unlikes=st.integers(0, unlikes),
        duplicates=st.just(duplicates),
        options=st.fixed_dictionaries(drawn).map(lambda chosen: ListOptions(**chosen)),
    )


def ids_of(items: Iterable[Item]) -> list[str]:
    return [item.id for item in items]


@pytest.mark.long
@given(question=questions(likes=1, unlikes=0))
@examples(50)
def test_a_list_like_one_article_is_the_list_of_that_article(
    factory: ViewFactory, question: Question
) -> None:
    """Also without the short cut for one article."""
    case = question.case(factory)
    (seed,) = case.likes
    of_article = list_related(ListRequest(case.view, seed, case.options, Policy(), MOMENT))
    assert case.answer(Policy()) == of_article
    together = SeveralSeeds(
        case.view, merge_seeds([seed]), case.options, Policy(), MOMENT, likes=(seed,)
    )
    found = list_related(together)
    assert [item.model_copy(update={"because": None}) for item in found.items] == [
        *of_article.items
    ]
    assert found.short_because == of_article.short_because
    assert {item.because for item in found.items} <= {seed.id}


@pytest.mark.long
@given(question=questions())
@examples(40)
def test_the_order_of_the_seeds_makes_no_difference(
    factory: ViewFactory, question: Question
) -> None:
    case = question.case(factory)
    turned = replace(case, likes=case.likes[::-1], unlikes=case.unlikes[::-1])
    assert turned.answer(Policy()) == case.answer(Policy())


@given(
    question=questions(limit=100, mode="mixed", language="any", min_score=None, duplicates=False)
)
@examples(50)
def test_items_are_ordered_by_the_formula(factory: ViewFactory, question: Question) -> None:
    """By the best seed, a part of the others and a part of the nearest one to be unlike."""
    case = question.case(factory)
    items = case.answer().items
    rows = [row for item in items if (row := case.view.row_of(item.id)) is not None]
    liked = [case.rank(seed, ALL_RELATED, rows) for seed in case.likes]
    unliked = [case.rank(seed, ALL_RELATED, rows) for seed in case.unlikes]
    values = []
    for at, item in enumerate(items):
        best = max(liked, key=lambda one: one.values[at])
        others = [one.scores.score[at] for one in liked if one is not best]
        support = SUPPORT * sum(others) / max(len(others), 1)
        aversion = AVERSION * max((one.scores.score[at] for one in unliked), default=0.0)
        values.append(best.values[at] + support - aversion)
        assert item.score == pytest.approx(best.scores.score[at], abs=1e-6)
    assert values == pytest.approx(sorted(values, reverse=True), abs=1e-6)


@given(question=questions())
@examples(50)
def test_no_list_holds_a_seed_a_copy_of_one_or_what_is_nearer_to_what_is_not_liked(
    factory: ViewFactory, question: Question
) -> None:
    case, policy = question.case(factory), Policy()
    items = case.answer(policy).items
    seeds = [*case.likes, *case.unlikes]
    assert not {seed.id for seed in seeds} & {*ids_of(items)}
    for item in items:
        article = case.archive.articles[item.id]
        assert is_visible(article, MOMENT)
        for seed in seeds:
            overlap = estimate_jaccard(seed.minhash, case.archive.minhash(item.id)[np.newaxis])
            assert overlap[0] < policy.duplicate_overlap
            own = case.archive.articles[seed.id]
            linked = {article.translation_of or item.id, item.id}
            assert not linked & {own.translation_of or own.id, own.id}
        row = case.view.row_of(item.id)
        assert row is not None
        best = max(case.rank(seed, policy, [row]).scores.score[0] for seed in case.likes)
        for seed in case.unlikes:
            ranked = case.rank(seed, policy, [row])
            is_related = bool(ranked.are_related(policy, None)[0])
            assert not (is_related and ranked.scores.score[0] > best)


@given(question=questions(language=None, min_score=None))
@examples(40)
def test_by_default_items_are_in_a_language_of_a_seed_to_be_like(
    factory: ViewFactory, question: Question
) -> None:
    case = question.case(factory)
    languages = {seed.language for seed in case.likes} - {"und"}
    for item in case.answer(Policy()).items:
        assert not languages or case.archive.language(item.id) in languages


@given(question=questions(mode="background", language="any"))
@examples(40)
def test_background_is_older_than_every_seed_to_be_like(
    factory: ViewFactory, question: Question
) -> None:
    case = question.case(factory)
    dates = [seed.published_at for seed in case.likes if not np.isnan(seed.published_at)]
    for item in case.answer(Policy()).items:
        published_at = case.archive.articles[item.id].published_at
        assert not dates or (published_at is not None and published_at.timestamp() < min(dates))


@given(question=questions(limit=5))
@examples(30)
def test_pages_and_explanations_leave_the_list_as_it_is(
    factory: ViewFactory, question: Question
) -> None:
    case = question.case(factory)
    plain, explained = case.answer(Policy()), case.answer(Policy(), explain=True)
    assert ids_of(explained.items) == ids_of(plain.items)
    second = case.answer(Policy(), offset=5)
    assert not {*ids_of(second.items)} & {*ids_of(plain.items)}
    several = len(case.likes) > 1 or bool(case.unlikes)
    for item in explained.items:
        parts = item.explanation
        assert parts is not None
        assert (item.because is not None) == several == bool(parts.seeds)
        if several and item.reason in RELATED and case.options.mode != "latest":
            value = item.score * parts.recency + parts.nearness - parts.hubness
            value += parts.support - parts.aversion
            assert parts.ranking_value == pytest.approx(value, abs=1e-6)


def test_a_seed_made_of_several_is_as_old_as_the_oldest_and_stands_for_all(
    factory: ViewFactory,
) -> None:
    archive = factory.archive(5, "of English")
    one, other = (find_seed(archive.built, name) for name in sorted(archive.articles)[:2])
    old = replace(one, published_at=5.0, section=None, has_list=False)
    new = replace(other, published_at=9.0, section="city", has_list=True)
    merged = merge_seeds([old, new])
    assert (merged.id, merged.published_at, merged.section) == ("", 5.0, "city")
    assert merged.has_list
    assert merged.id_hash == merge_seeds([new, old]).id_hash
    undated = replace(old, published_at=float("nan"))
    assert merge_seeds([undated, new]).published_at == 9.0
    assert np.isnan(merge_seeds([undated]).published_at)
