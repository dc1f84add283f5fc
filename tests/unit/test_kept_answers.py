"""What a worker keeps of its answers: within its bytes, and not beyond the moment they are of."""

import json
import tracemalloc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recommender.ranking.policy import Policy, parse_policy
from recommender.web.kept_answers import KeptAnswer, KeptAnswers, Question

HOUR = 3_600.0
NOW = 500_000 * HOUR + 1_800.0
RULE = {"name": "no city", "action": "never", "items": {"section": "city"}}
FROM = ("an-article", "/of/<article>")


def state(*turns: float) -> Any:
    """A live state of a view whose articles come on show, go, and are revised at some moments."""
    times = np.array(turns, np.float64)
    never = np.full(len(times), np.nan)
    parts = [
        SimpleNamespace(columns={"from_time": times, "until_time": -times, "revised_at": never}),
        SimpleNamespace(columns={"from_time": never, "until_time": never, "revised_at": times}),
    ]
    view = SimpleNamespace(present=np.ones(len(times), np.bool_), parts=parts)
    policy = SimpleNamespace(policy=Policy())
    return SimpleNamespace(view=view, active_policy=policy, overrides=object(), reading=None)


def like(live: Any, **changed: Any) -> Any:
    return SimpleNamespace(**{**vars(live), **changed})


def ask(number: int = 0, query: str = "") -> Question:
    return Question(f"/of/article-{number}", query, public=False, sees_stored=True)


def answer(body: bytes = b"{}", changes_at: float = np.inf, made_at: float = NOW) -> KeptAnswer:
    return KeptAnswer(body, '"an-etag"', "a b c", True, changes_at, made_at, *FROM)  # noqa: FBT003


def test_an_answer_is_found_by_all_that_it_depends_on() -> None:
    kept, live, made = KeptAnswers(lambda: NOW), state(), answer()
    question = Question("a", "limit=3", public=False, sees_stored=True)
    kept.keep(question, made, live, live)
    assert kept.find(question, live, NOW) is made
    for other in (
        Question("b", "limit=3", public=False, sees_stored=True),
        Question("a", "limit=4", public=False, sees_stored=True),
        Question("a", "limit=3", public=False, sees_stored=False),
        Question("a", "limit=3", public=True, sees_stored=False),
    ):
        assert kept.find(other, live, NOW) is None


@pytest.mark.parametrize("part", ["view", "active_policy", "overrides"])
def test_what_is_written_forgets_every_answer(part: str) -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    for number in range(5):
        kept.keep(ask(number), answer(), live, live)
    after = like(live, **{part: state().view if part == "view" else object()})
    assert kept.find(ask(0), after, NOW) is None
    assert kept.bytes == 0
    kept.keep(ask(0), answer(), live, after)  # made while it was written
    assert (kept.find(ask(0), after, NOW), kept.bytes) == (None, 0)


def test_no_answer_is_given_while_a_large_part_of_the_archive_is_read() -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    kept.keep(ask(), answer(), live, live)
    assert kept.find(ask(), like(live, reading="1 of 2"), NOW) is None


@pytest.mark.parametrize(
    ("turn", "moved", "is_kept"),
    [
        (NOW + 10, 9.9, True),
        (NOW + 10, 10, False),
        (NOW + 2 * HOUR, 1_799, True),
        (NOW + 2 * HOUR, 1_800, False),  # ages count by the hour
        (NOW, 0, True),
        (NOW, -1, False),  # the clock was set back
    ],
)
def test_an_answer_holds_until_the_clock_changes_what_is_on_show(
    turn: float, moved: float, *, is_kept: bool
) -> None:
    kept, live = KeptAnswers(lambda: NOW), state(NOW - HOUR, turn)
    kept.keep(ask(), answer(made_at=NOW), live, live)
    assert (kept.find(ask(), live, NOW + moved) is not None) == is_kept


@pytest.mark.parametrize(
    ("turn", "moved", "is_kept"),
    [
        (NOW - HOUR, 1_800, True),
        (NOW - HOUR, 30 * HOUR, True),
        (NOW + 1_800, 1_799, True),
        (NOW + 1_800, 1_800, False),  # an embargo that ends when the hour is full
        (NOW + 4 * HOUR, 4 * HOUR - 1, True),
        (NOW + 4 * HOUR, 30 * HOUR, False),
        (NOW - HOUR, -1, False),
    ],
)
def test_where_no_age_counts_an_answer_outlives_the_hour(
    turn: float, moved: float, *, is_kept: bool
) -> None:
    kept, live = KeptAnswers(lambda: NOW), state(turn)
    live.active_policy.policy = Policy(age_weight=0.0)
    kept.keep(ask(), answer(), live, live)
    assert (kept.find(ask(), live, NOW + moved) is not None) == is_kept


@pytest.mark.parametrize(
    ("policy", "counts"),
    [
        ({}, True),
        ({"age_weight": 0}, False),
        ({"age_weight": 0, "rules": [RULE]}, False),
        ({"age_weight": 0, "rules": [{**RULE, "items": {"max_age_days": 3}}]}, True),
        ({"age_weight": 0, "rules": [{**RULE, "under": {"min_age_days": 3}}]}, True),
    ],
)
def test_ages_count_by_their_weight_and_in_rules(policy: dict[str, Any], *, counts: bool) -> None:
    assert parse_policy(json.dumps(policy)).counts_ages == counts


def test_an_answer_ends_when_a_pin_or_a_rule_does() -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    kept.keep(ask(), answer(changes_at=NOW + 5), live, live)
    assert kept.find(ask(), live, NOW + 4.9) is not None
    assert kept.find(ask(), live, NOW + 5) is None


def test_those_that_were_asked_for_last_stay() -> None:
    kept, live = KeptAnswers(lambda: NOW, 4_000), state()
    for number in range(4):
        kept.keep(ask(number), answer(b"x" * 500), live, live)
        kept.find(ask(0), live, NOW)
    found = [number for number in range(4) if kept.find(ask(number), live, NOW)]
    assert found[0] == 0
    assert found[-1] == 3
    assert len(found) < 4
    kept.keep(ask(9), answer(b"x" * 5_000), live, live)
    kept.keep(ask(9, "x" * 300), answer(), live, live)
    assert kept.find(ask(9), live, NOW) is None
    assert kept.find(ask(9, "x" * 300), live, NOW) is None


@pytest.mark.parametrize("size", [2, 200, 5_000])
def test_the_memory_of_answers_is_no_more_than_what_is_counted(size: int) -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    kept.find(ask(), live, NOW)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(1_000):
            texts = (bytes(size), f'"{number:040}"', f"жур-{number} " * 12)
            times = (NOW + number, NOW - number / 7)
            made = KeptAnswer(*texts, True, *times, f"article-{number}", FROM[1])  # noqa: FBT003
            kept.keep(ask(number, f"limit={number}"), made, live, live)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken <= kept.bytes <= 2 * taken + 100_000
