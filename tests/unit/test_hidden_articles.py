"""Articles that no list shows: which at a moment, and when that changes."""

from datetime import UTC, datetime, timedelta
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from recommender.api import Override
from recommender.ranking.overrides import HiddenArticles, Overrides
from tests.support.properties import examples

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
TIMES = st.integers(-5, 5)


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
        now = NOON.timestamp() + 3_600 * hour + seconds
        assert hidden.at(now) == {one.id for one in never if one.window.holds(now)}
        assert hidden.at(now) is hidden.at(now)  # rows are looked up once for a set
        later = [moment for one in never for moment in one.window.boundaries if moment > now]
        assert hidden.next_change(now) == min(later, default=inf)
        assert Overrides(hidden=hidden).at(now).next_change == min(later, default=inf)
