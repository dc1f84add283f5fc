"""What editors say of an article itself: no list shows it, or no list stands under it."""

from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.api import Override, RecordedOverride
from recommender.errors import InvalidOverrides
from recommender.ranking.overrides import (
    AnyKind,
    HiddenArticles,
    Overrides,
    OverridesByArticle,
    StoredOverrides,
    check_overrides,
    overrides_to_json,
)
from tests.support.properties import examples

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
AT = NOON.timestamp()
TIMES = st.integers(-5, 5)


def row(
    change: int, article_id: str, kind: AnyKind, *, is_set: bool, **window: Any
) -> StoredOverrides:
    told = RecordedOverride(id=article_id, by="desk", at=NOON, **window)
    document = overrides_to_json((told,) if is_set else ())
    return StoredOverrides(change, article_id, kind, document, "desk", NOON)


def test_what_is_hidden_is_hidden_from_every_list_until_it_is_taken_back() -> None:
    none = OverridesByArticle()
    some = none.after([row(1, "a", "never", is_set=True), row(2, "b", "never", is_set=True)])
    fewer = some.after([row(3, "a", "never", is_set=False)])
    for known, wanted in ((none, set()), (some, {"a", "b"}), (fewer, {"b"})):
        for seed in ("a", "z"):
            assert known.of(seed).at(AT).hidden == wanted
    assert fewer.after([row(4, "b", "never", is_set=False)]).hidden == none.hidden


def test_an_article_is_hidden_in_its_window_only_and_lists_know_when_that_ends() -> None:
    known = OverridesByArticle().after([row(1, "a", "never", is_set=True, ends_at=NOON)])
    before, after = (known.of("z").at(AT + passed) for passed in (-1, 0))
    assert (set(before.hidden), before.next_change) == ({"a"}, AT)
    assert (len(after.hidden), after.next_change) == (0, float("inf"))


def test_no_list_stands_under_an_article_in_its_window_only() -> None:
    known = OverridesByArticle().after([row(1, "a", "no_list", is_set=True, starts_at=NOON)])
    before, after = (known.of("a").at(AT + passed) for passed in (-1, 0))
    assert (before.has_list, before.next_change, after.has_list) == (True, AT, False)
    assert known.of("z").at(AT).has_list


@pytest.mark.parametrize("kind", ["never", "no_list"])
def test_it_is_said_of_the_article_itself_and_once(kind: AnyKind) -> None:
    check_overrides((Override(id="a"),), "a", kind)
    for wanted in (("b",), ("a", "a")):
        with pytest.raises(InvalidOverrides):
            check_overrides(tuple(Override(id=one) for one in wanted), "a", kind)


def at(hour: int | None) -> datetime | None:
    return None if hour is None else NOON + timedelta(hours=hour)


@st.composite
def said(draw: st.DrawFn) -> list[Override]:
    """What editors have said, each article once; some for a time, some for ever."""
    ids = draw(st.lists(st.sampled_from("abcdefgh"), unique=True))
    found = []
    for one in ids:
        begin, end = draw(st.none() | TIMES), draw(st.none() | TIMES)
        if begin is not None and end is not None and begin >= end:
            begin = None
        found.append(Override(id=one, starts_at=at(begin), ends_at=at(end)))
    return found


@given(never=said(), moments=st.lists(st.tuples(TIMES, st.sampled_from([-0.5, 0, 0.5]))))
@examples(200)
def test_at_each_moment_those_are_hidden_whose_time_it_is(
    never: list[Override], moments: list[tuple[int, float]]
) -> None:
    hidden = HiddenArticles.of(never)
    for hour, seconds in moments:
        now = AT + 3_600 * hour + seconds
        assert hidden.at(now) == {one.id for one in never if one.window.holds(now)}
        assert hidden.at(now) is hidden.at(now)  # rows are looked up once for a set
        later = [moment for one in never for moment in one.window.boundaries if moment > now]
        assert hidden.next_change(now) == min(later, default=inf)
        assert Overrides(hidden=hidden).at(now).next_change == min(later, default=inf)
