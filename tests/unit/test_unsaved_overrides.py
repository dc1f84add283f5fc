"""Pins and blocks that stand in place of the stored ones, for one answer."""

from datetime import UTC, datetime

import pytest

from recommender.api import Override, UnsavedOverrides
from recommender.ranking.overrides import Overrides

STORED = Overrides(pins=(Override(id="a"), Override(id="b")), blocks=(Override(id="c"),))
NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent", "pins", "blocks"),
    [
        ({}, ("a", "b"), {"c"}),
        ({"pins": [{"id": "b"}, {"id": "d"}]}, ("b", "d"), {"c"}),
        ({"pins": []}, (), {"c"}),
        ({"blocks": [{"id": "a"}]}, ("a", "b"), {"a"}),
        ({"pins": [], "blocks": []}, (), set()),
    ],
)
def test_what_is_sent_replaces_its_kind_whole_and_the_other_kind_stays(
    sent: dict[str, object], pins: tuple[str, ...], blocks: set[str]
) -> None:
    active = STORED.instead(UnsavedOverrides.model_validate(sent)).at(NOON.timestamp())
    assert (active.pinned, {*active.blocked}) == (pins, blocks)


def test_what_is_sent_is_active_in_its_window_only() -> None:
    sent = UnsavedOverrides(pins=[Override(id="a", starts_at=NOON), Override(id="d", ends_at=NOON)])
    tried = STORED.instead(sent)
    assert [tried.at(NOON.timestamp() + after).pinned for after in (-1, 0)] == [("d",), ("a",)]
