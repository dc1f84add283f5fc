"""Figures of a sample of lists, by a worked example; which stories are looked at."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from recommender.api import Item, RelatedList
from recommender.web.console.list_quality import MuchShown, measure_lists, spread_over

MAY = datetime(2026, 5, 10, tzinfo=UTC)


def item(article_id: str, reason: str, day: str | None, score: float = 0.5) -> Item:
    fields: dict[str, Any] = dict.fromkeys(("url", "section", "language", "image_url"))
    published_at = day and f"{day}T00:00:00Z"
    fields |= {"id": article_id, "rank": 1, "score": score, "title": article_id.upper()}
    return Item(reason=reason, published_at=published_at, **fields)  # type: ignore[arg-type]


def listed(*items: Item, requested: int = 2, short: Any = None) -> RelatedList:
    return RelatedList(
        article_id="seed",
        items=items,
        requested=requested,
        returned=len(items),
        mode="mixed",
        generation="g",
        short_because=short,
    )


def test_figures_of_a_few_lists() -> None:
    figures = measure_lists(
        [
            (MAY, listed(item("a", "pinned", "2026-05-10"), item("b", "semantic", "2026-05-07"))),
            (
                MAY,
                listed(item("b", "words", "2025-12-10", 0.2), item("c", "fallback:latest", None)),
            ),
            (None, listed(item("b", "semantic", "2026-05-01", 0.3), short="threshold")),
            (MAY, listed(short="not_read_yet")),
            # full, although it was not read yet: nothing is missing
            (MAY, listed(*[item("d", "fallback:section", None)] * 2, short="not_read_yet")),
        ]
    )
    assert (figures.lists, figures.full, figures.empty) == (5, 3, 1)
    assert figures.short == {"threshold": 1, "not_read_yet": 1}
    assert (figures.related, figures.pinned, figures.filled, figures.items) == (3, 1, 3, 7)
    assert figures.ages == (1, 0, 1, 0, 0, 0)  # 3 days; 151 days; the third has no date above it
    assert figures.median_days == 77
    assert figures.shown == 4
    assert figures.much_shown == (MuchShown("b", "B", 3),)
    assert figures.weakest == (0.2, 0.3, 0.5)


def test_no_lists_have_no_figures() -> None:
    figures = measure_lists([])
    assert (figures.lists, figures.items, figures.median_days) == (0, 0, None)


@given(st.integers(0, 2_000), st.integers(0, 200), st.integers(0, 200))
def test_the_newest_stories_are_looked_at_and_others_evenly(
    count: int, newest: int, others: int
) -> None:
    places = spread_over(count, newest, others)
    assert places == sorted(set(places))
    assert all(0 <= place < count for place in places)
    assert len(places) == min(count, newest + others)
    assert places[: min(newest, count)] == list(range(min(newest, count)))
    rest = [*places[newest:], count]
    if len(rest) > 2:
        gaps = [b - a for a, b in pairwise(rest)]
        assert max(gaps) - min(gaps) <= 1
