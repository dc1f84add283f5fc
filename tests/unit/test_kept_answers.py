"""What a worker keeps of its answers: within its bytes, and not beyond the moment they are of."""

import gc
import json
import tracemalloc
import weakref
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recommender.api import ListOptions
from recommender.ranking.filters import Filter
from recommender.ranking.overrides import OverridesByArticle, StoredOverrides
from recommender.ranking.policy import Policy, parse_policy
from recommender.web.kept_answers import KeptAnswer, KeptAnswers, Question, pack_answer

HOUR = 3_600.0
NOW = 500_000 * HOUR + 1_800.0
RULE = {"name": "no city", "action": "never", "items": {"section": "city"}}
OVERRIDES = OverridesByArticle()


def state(*turns: float) -> Any:
    """A live state of a view whose articles come on show, go, and are revised at some moments."""
    times = np.array(turns, np.float64)
    never = np.full(len(times), np.nan)
    parts = [
        SimpleNamespace(columns={"from_time": times, "until_time": -times, "revised_at": never}),
        SimpleNamespace(columns={"from_time": never, "until_time": never, "revised_at": times}),
    ]
    snapshot = SimpleNamespace(manifest=object())
    view = SimpleNamespace(present=np.ones(len(times), np.bool_), parts=parts, snapshot=snapshot)
    made_from = {"active_policy": SimpleNamespace(policy=Policy()), "overrides": OVERRIDES}
    return SimpleNamespace(view=view, **made_from, change=1, reading=None)


def like(live: Any, **changed: Any) -> Any:
    return SimpleNamespace(**{**vars(live), **changed})


def noise(size: int) -> bytes:
    return np.random.default_rng(size).bytes(size)


def ask(number: int = 0, query: str = "") -> Question:
    return Question(f"/of/article-{number}", query, public=False, sees_stored=True)


def answer(
    body: bytes = b"{}",
    changes_at: float = np.inf,
    made_at: float = NOW,
    basis: Any = None,
) -> KeptAnswer:
    packed = pack_answer('"an-etag"', "a b c", body)
    return KeptAnswer(
        *(packed, len(body)),
        purgeable=True,
        changes_at=changes_at,
        made_at=made_at,
        article_id="an-article",
        route="/of/<article>",
        basis=basis,
    )


@pytest.mark.parametrize("body", [b"", b"{}\n", b"\n\x00\n" * 9, noise(5_000), "жур".encode()])
def test_what_is_packed_is_read_as_it_was(body: bytes) -> None:
    told = ('"an-etag"', "a-1 b.2 c:3")
    assert replace(answer(), packed=pack_answer(*told, body)).unpack() == (*told, body)
    assert replace(answer(), packed=pack_answer("", "", body)).unpack() == ("", "", body)


def test_no_two_questions_are_found_by_one_key() -> None:
    asked = [("a?b", "c"), ("a", "b?c"), ("a?b?c", ""), ("a", "b"), ("1a", "")]
    keys = {Question(*one, public=False, sees_stored=True).key for one in asked}
    assert len(keys) == len(asked)


def test_what_was_counted_is_taken_off_whatever_languages_are_asked_for_meanwhile() -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    usual = Filter.of(ListOptions(), "en", NOW, NOW)
    assert usual.is_usual
    for number in range(9):
        made_from = SimpleNamespace(**MADE_FROM | {"wanted": usual})
        kept.keep(ask(number), answer(basis=made_from), live, live)
    for number in range(300):
        Filter.of(ListOptions(), f"a{number}", NOW, NOW)
    counted = kept.bytes
    kept.keep(ask(0), answer(basis=made_from), live, live)
    assert kept.bytes == counted
    kept.find(ask(0), like(live, active_policy=object()), NOW)
    assert kept.bytes == 0
    assert usual.is_usual


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


def after_write(live: Any) -> Any:
    """The next state, in which something else is present."""
    view = like(live.view, present=np.append(live.view.present, True))
    return like(live, view=view, change=live.change + 1)


def overridden(live: Any, article_id: str) -> Any:
    """The next state, in which an article has a pin."""
    pins = json.dumps([{"id": "pinned", "by": "b", "at": "2026-01-01T00:00:00Z"}])
    at = datetime(2026, 1, 1, tzinfo=UTC)
    row = StoredOverrides(live.change + 1, article_id, "pins", pins, "b", at)
    return like(live, overrides=live.overrides.after([row]), change=live.change + 1)


MADE_FROM = {"packed": bytes(9), "wanted": SimpleNamespace(is_usual=True)}


def basis(*, holds: bool) -> Any:
    """What says of every later view that the list is the same, or another."""
    return SimpleNamespace(holds=lambda *_: holds, **MADE_FROM)


@pytest.mark.parametrize("part", ["view", "active_policy"])
def test_a_snapshot_and_a_policy_forget_every_answer(part: str) -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    for number in range(5):
        kept.keep(ask(number), answer(basis=basis(holds=True)), live, live)
    after = like(live, **{part: getattr(state(), part)})
    assert kept.find(ask(0), after, NOW) is None
    assert kept.bytes == 0
    kept.keep(ask(0), answer(), live, after)  # made while it changed
    assert (kept.find(ask(0), after, NOW), kept.bytes) == (None, 0)


def test_a_write_forgets_an_answer_of_which_nothing_says_that_it_holds() -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    bases = (None, basis(holds=False), basis(holds=True))
    for number, one in enumerate(bases):
        kept.keep(ask(number), answer(basis=one), live, live)
    for _ in range(2):
        live, before = after_write(live), live
        assert [kept.find(ask(number), live, NOW) is None for number in range(3)] == [
            *(True, True, False)
        ]
    kept.keep(ask(0), answer(basis=bases[2]), before, live)  # made while it was written
    assert kept.find(ask(0), live, NOW) is None


def test_an_answer_is_held_against_a_write_once() -> None:
    kept, live, asked = KeptAnswers(lambda: NOW), state(), list[Any]()

    def holds(view: Any, _now: float, known: int) -> bool:
        asked.append((len(view.present), known))
        return True

    counted = SimpleNamespace(holds=holds, **MADE_FROM)
    kept.keep(ask(), answer(basis=counted), live, live)
    after = after_write(live)
    for state_ in (live, live, *[after] * 3, after_write(after)):
        assert kept.find(ask(), state_, NOW) is not None
    assert asked == [(1, 0), (2, 1)]  # with the rows that came since it was held against one


def test_a_pin_forgets_the_answers_of_its_article_alone() -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    for number, article_id in enumerate(("an-article", "other")):
        made = replace(answer(basis=basis(holds=True)), article_id=article_id)
        kept.keep(ask(number), made, live, live)
    live = overridden(live, "other")
    assert kept.find(ask(0), live, NOW) is not None
    assert kept.find(ask(1), live, NOW) is None


def hiding(live: Any, article_id: str) -> Any:
    """The next state, in which no list shows an article."""
    said = json.dumps([{"id": article_id, "by": "b", "at": "2026-01-01T00:00:00Z"}])
    at = datetime(2026, 1, 1, tzinfo=UTC)
    row = StoredOverrides(live.change + 1, article_id, "never", said, "b", at)
    return like(live, overrides=live.overrides.after([row]), change=live.change + 1)


def test_an_article_that_no_list_shows_any_more_forgets_every_answer() -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    for number in range(5):
        kept.keep(ask(number), answer(basis=basis(holds=True)), live, live)
    hidden = hiding(live, "another")
    assert kept.find(ask(0), hidden, NOW) is None
    assert kept.bytes == 0
    made = answer(basis=basis(holds=True))
    kept.keep(ask(0), made, hidden, hidden)
    assert kept.find(ask(1), live, NOW) is None  # a thread that still has the state before
    assert kept.find(ask(0), overridden(hidden, "other"), NOW) is made


def test_what_is_kept_holds_on_to_no_set_of_hidden_articles() -> None:
    """Each is another set, of all of them: together they grew with the square of their number."""
    kept, live = KeptAnswers(lambda: NOW), state()
    sets = []
    for number in range(20):
        live = hiding(live, f"hidden-{number}")
        sets.append(weakref.ref(live.overrides.hidden.ids))
        kept.keep(ask(number), answer(basis=basis(holds=True)), live, live)
    gc.collect()
    assert [one() is None for one in sets] == [*[True] * 19, False]


def test_while_an_answer_is_held_against_a_write_others_find_theirs() -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    after, other = after_write(live), answer()

    def holds(*_: Any) -> bool:
        kept.keep(ask(1), other, after, after)
        assert kept.find(ask(1), after, NOW) is other  # or the lock would wait for itself
        return True

    made = answer(basis=SimpleNamespace(holds=holds, **MADE_FROM))
    kept.keep(ask(), made, live, live)
    assert kept.find(ask(), after, NOW) is made


def test_an_answer_that_left_while_it_was_held_against_a_write_is_given_and_not_kept() -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    after, policy = after_write(live), object()

    def holds(*_: Any) -> bool:
        assert kept.find(ask(1), like(after, active_policy=policy), NOW) is None
        return True

    made = answer(basis=SimpleNamespace(holds=holds, **MADE_FROM))
    kept.keep(ask(), made, live, live)
    assert kept.find(ask(), after, NOW) is made
    assert kept.bytes == 0


def test_a_thread_that_finds_an_answer_void_takes_no_newer_one() -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    after, newer = after_write(live), answer()

    def holds(*_: Any) -> bool:
        kept.keep(ask(), newer, after, after)
        return False

    kept.keep(ask(), answer(basis=SimpleNamespace(holds=holds, **MADE_FROM)), live, live)
    assert kept.find(ask(), after, NOW) is None
    assert kept.find(ask(), after, NOW) is newer


def test_what_was_found_of_an_older_state_is_not_taken_for_the_newer_one() -> None:
    """Two threads hold one answer against two states at the same time; the older one ends last."""
    kept, live, asked = KeptAnswers(lambda: NOW), state(), list[tuple[int, int]]()
    older = after_write(live)
    newer = after_write(older)

    def holds(view: Any, _now: float, known: int) -> bool:
        asked.append((len(view.present), known))
        if len(asked) == 1:
            assert kept.find(ask(), newer, NOW) is made
        return True

    made = answer(basis=SimpleNamespace(holds=holds, **MADE_FROM))
    kept.keep(ask(), made, live, live)
    assert kept.find(ask(), older, NOW) is made
    kept.find(ask(), after_write(newer), NOW)
    assert asked == [(1, 0), (2, 0), (3, 2)]


def test_a_thread_that_still_has_an_older_state_gets_nothing_and_forgets_nothing() -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    after, made = after_write(live), answer(basis=basis(holds=True))
    kept.keep(ask(), made, after, after)
    assert kept.find(ask(), live, NOW) is None
    kept.keep(ask(1), answer(), live, live)
    assert kept.find(ask(1), after, NOW) is None
    assert kept.find(ask(), after, NOW) is made


@pytest.mark.parametrize(("turn", "moved", "is_kept"), [(5, 4, True), (5, 5, False), (-5, 0, True)])
def test_what_a_write_brings_on_show_later_ends_answers_then(
    turn: float, moved: float, *, is_kept: bool
) -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    kept.keep(ask(), answer(basis=basis(holds=True)), live, live)
    after = like(live, view=like(after_write(live).view, parts=state(NOW + turn).view.parts))
    for now in (NOW, NOW + moved):
        found = kept.find(ask(), after, now)
    assert (found is not None) == is_kept


def test_a_write_after_the_hour_ends_answers_where_ages_count() -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    kept.keep(ask(), answer(basis=basis(holds=True)), live, live)
    assert kept.find(ask(), after_write(live), NOW + HOUR) is None


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
    kept, live = KeptAnswers(lambda: NOW, 5_000, 2_500), state()
    for number in range(6):
        kept.keep(ask(number), answer(noise(400)), live, live)
        for _ in range(2):
            kept.find(ask(0), live, NOW)
    found = [number for number in range(6) if kept.find(ask(number), live, NOW)]
    assert found[0] == 0
    assert found[-1] == 5
    assert len(found) < 6
    kept.keep(ask(9), answer(noise(5_000)), live, live)
    kept.keep(ask(9, "x" * 300), answer(), live, live)
    assert kept.find(ask(9), live, NOW) is None
    assert kept.find(ask(9, "x" * 300), live, NOW) is None


def test_questions_that_nobody_repeats_push_out_none_that_is_asked_again() -> None:
    kept, live = KeptAnswers(lambda: NOW, 20_000, 5_000), state()
    for number in range(10):
        kept.keep(ask(number), answer(), live, live)
        kept.find(ask(number), live, NOW)
    for number in range(100, 1_000):
        kept.keep(ask(number), answer(), live, live)
    assert all(kept.find(ask(number), live, NOW) for number in range(10))
    assert kept.find(ask(100), live, NOW) is None
    assert kept.find(ask(999), live, NOW) is not None
    assert kept.bytes <= 20_000


def test_those_that_were_asked_for_once_have_all_the_room_that_others_leave() -> None:
    kept, live = KeptAnswers(lambda: NOW, 20_000, 2_000), state()
    for number in range(20):
        kept.keep(ask(number), answer(), live, live)
    assert all(kept.find(ask(number), live, NOW) for number in range(20))
    for number in range(20, 90):
        kept.keep(ask(number), answer(), live, live)
        assert kept.find(ask(number), live, NOW)
        assert kept.bytes <= 20_000
    kept.keep(ask(90), answer(), live, live)
    kept.keep(ask(91), answer(), live, live)
    repeated = [number for number in range(90) if kept.find(ask(number), live, NOW)]
    assert len(repeated) > 20
    assert repeated == [*range(repeated[0], 90)]


@pytest.mark.parametrize("most", [0, 100, 1_000, 5_000])
@pytest.mark.parametrize("most_new", [0, 1_000, 9_000])
def test_answers_of_any_size_take_no_more_than_they_may(most: int, most_new: int) -> None:
    kept, live = KeptAnswers(lambda: NOW, most, most_new), state()
    for number in range(40):
        kept.keep(ask(number % 7), answer(noise(number * 150)), live, live)
        kept.find(ask(number % 3), live, NOW)
        assert kept.bytes <= most


def test_one_that_leaves_those_that_were_asked_again_gets_another_chance() -> None:
    kept, live = KeptAnswers(lambda: NOW, 20_000, 10_000), state()
    for number in range(15):
        kept.keep(ask(number), answer(), live, live)
        assert kept.find(ask(number), live, NOW)
    assert kept.find(ask(0), live, NOW) is not None
    assert kept.bytes <= 20_000


@pytest.mark.parametrize("size", [2, 200, 5_000])
def test_the_memory_of_answers_is_no_more_than_what_is_counted(size: int) -> None:
    kept, live = KeptAnswers(lambda: NOW), state()
    kept.find(ask(), live, NOW)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(1_000):
            made = replace(
                answer(changes_at=NOW + number, made_at=NOW - number / 7),
                packed=bytes(size),
                article_id=f"article-{number}",
            )
            kept.keep(ask(number, f"limit={number}"), made, live, live)
            if number % 2:
                kept.find(ask(number, f"limit={number}"), live, NOW)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken <= kept.bytes <= 2 * taken + 100_000
