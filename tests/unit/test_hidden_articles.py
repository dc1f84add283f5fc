"""What editors say of an article itself: no list shows it, or no list stands under it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from recommender.api import Override, RecordedOverride
from recommender.errors import InvalidOverrides
from recommender.ranking.overrides import (
    AnyKind,
    OverridesByArticle,
    StoredOverrides,
    check_overrides,
    overrides_to_json,
)

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
AT = NOON.timestamp()


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
