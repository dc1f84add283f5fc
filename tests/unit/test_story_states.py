"""The state of a story as editors name it."""

from datetime import UTC, datetime

import pytest

from recommender.api import Rule
from recommender.articles import Article
from recommender.web.console.states import StoryState, name_reason, state_from_rule

NOW = 1_000.0
LATER = datetime.fromtimestamp(2_000, UTC)
EARLIER = datetime.fromtimestamp(500, UTC)
TIMES = {"from_time": 2_000.0, "until_time": 500.0, "published_at": 100.0}


@pytest.mark.parametrize(
    ("rule", "outline", "fault", "expected"),
    [
        (None, {}, None, StoryState("shown")),
        ("unread", {}, None, StoryState("waiting")),
        ("unread", None, None, StoryState("waiting")),
        ("unread", {"status": "withheld"}, None, StoryState("withheld")),
        ("unread", {}, "it takes more than 2 s", StoryState("unreadable", reason="slow")),
        (None, {}, "nested deeper than 255", StoryState("unreadable", reason="nested")),
        ("not_published", None, None, StoryState("draft")),
        ("not_published", {"status": "canceled"}, None, StoryState("canceled")),
        ("embargoed", {}, None, StoryState("embargoed", LATER)),
        ("expired", {}, None, StoryState("expired", EARLIER)),
        ("never_recommend", {}, None, StoryState("never")),
        ("untitled", {}, None, StoryState("untitled")),
    ],
)
def test_a_rule_and_what_the_store_knows_make_a_state(
    rule: Rule | None, outline: dict[str, str] | None, fault: str | None, expected: StoryState
) -> None:
    fields = {"id": "a", "title": "A"}
    article = None if outline is None else Article.model_validate({**fields, **outline})
    assert state_from_rule(rule, TIMES, article, fault, NOW) == expected


def test_what_waits_for_its_publication_is_scheduled() -> None:
    times = TIMES | {"published_at": 2_000.0}
    assert state_from_rule("embargoed", times, None, None, NOW) == StoryState("scheduled", LATER)


def test_a_newer_text_that_waits_is_told() -> None:
    found = state_from_rule(None, TIMES, None, None, NOW, up_to_date=False)
    assert found == StoryState("shown", newer_waits=True)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("UnreadableMarkup: body_html cannot be read: longer than 9 characters", "long"),
        ("the indexer died while reading it", "crash"),
        ("UnreadableMarkup: body_html cannot be read: nonsense", "markup"),
        ("ValueError: the encoder gave a vector with a NaN or an infinity", "other"),
    ],
)
def test_reasons_have_names(fault: str, name: str) -> None:
    assert name_reason(fault) == name
