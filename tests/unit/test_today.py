"""What of today's lists needs attention."""

import pytest

from recommender.api import Item, Reason, RelatedList, ShortBecause
from recommender.web.console.today import Everywhere, fault_of_list, find_everywhere


def listing(*reasons: Reason, requested: int = 0, short: ShortBecause | None = None) -> RelatedList:
    """A list with items of some reasons, named by their places."""
    items = tuple(
        Item.model_validate(
            {"id": f"s{at}", "rank": at + 1, "score": 0.5, "title": f"Story {at}", "reason": one}
            | dict.fromkeys(("url", "section", "language", "published_at", "image_url"))
        )
        for at, one in enumerate(reasons)
    )
    return RelatedList(
        article_id="seed",
        items=items,
        requested=requested or len(items),
        returned=len(items),
        mode="mixed",
        generation="g",
        offset=0,
        short_because=short,
    )


@pytest.mark.parametrize(
    ("related", "fault"),
    [
        (listing("semantic", "semantic", "words"), None),
        (listing("pinned", "semantic", "words", "fallback:latest"), None),
        (listing("semantic", "semantic", "fallback:latest"), "weak"),
        (listing("semantic", "semantic"), None),  # two are asked for, and are about it
        (listing("semantic", "semantic", requested=3, short="threshold"), "short"),
        (listing(requested=3, short="no_related"), None),
    ],
)
def test_short_lists_and_those_about_something_else_need_attention(
    related: RelatedList, fault: str | None
) -> None:
    assert fault_of_list(related) == fault


def test_what_stands_in_many_lists_is_named_unless_it_is_pinned() -> None:
    lists = [listing("pinned", "semantic")] * 6 + [listing("pinned", "semantic", "words")] * 3
    assert find_everywhere(lists) == (Everywhere("s1", "Story 1", None, 9),)
    assert find_everywhere(lists[:4]) == ()
