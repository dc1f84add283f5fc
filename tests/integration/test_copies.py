"""A text that is published every day does not push all other stories out of the lists."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings
from tests.support.archives import fill

COPIES = 300
NOTICE = "Gale warning for the harbour: ferries and cranes stop at noon, pilots board at dusk."


@pytest.fixture
def crowded(
    bare: Settings,
    rebuild_with_fake: Callable[..., Any],
    make_story: Callable[..., dict[str, Any]],
    client_of: Callable[..., FlaskClient],
) -> FlaskClient:
    """Three hundred copies of a notice, all newer than six stories of the same harbour."""
    notice = {"title": "Gale warning", "body": NOTICE, "language": "en", "section": "port"}
    days = [f"2026-{1 + n // 28:02}-{1 + n % 28:02}T06:00:00Z" for n in range(COPIES - 48)]
    days += ["2026-10-01T06:00:00Z"] * 48
    documents = [notice | {"id": f"notice-{n}", "published_at": day} for n, day in enumerate(days)]
    documents += [
        make_story(f"story-{n}", section="port", published_at="2025-06-01T06:00:00Z")
        for n in range(6)
    ]
    fill(bare, documents)
    rebuild_with_fake(bare)
    return client_of(bare, "reader")


@pytest.mark.long
def test_the_list_of_the_notice_shows_the_stories(crowded: FlaskClient) -> None:
    answer = crowded.get("/v1/articles/notice-7/related").get_json()
    assert {item["id"] for item in answer["items"]} == {f"story-{n}" for n in range(6)}


@pytest.mark.long
def test_the_list_of_a_story_shows_the_notice_once(crowded: FlaskClient) -> None:
    answer = crowded.get("/v1/articles/story-0/related").get_json()
    listed = [item["id"] for item in answer["items"]]
    assert {other for other in listed if other.startswith("story-")} == {
        f"story-{n}" for n in range(1, 6)
    }
    assert sum(other.startswith("notice-") for other in listed) == 1
