"""Lists of stories with several forms, lists by the clock, of odd ids, and of small archives."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.indexing.rebuild import Rebuilt
from recommender.settings import Settings

Document = dict[str, Any]
Rebuild = Callable[..., Rebuilt]


def ids(client: FlaskClient, seed: str, **options: str | int) -> list[str]:
    response = client.get(f"/v1/articles/{seed}/related", query_string={"limit": 100} | options)
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.get_json()["items"]]


def test_a_list_shows_a_story_once_though_it_has_a_reprint_and_translations(
    desk: FlaskClient,
) -> None:
    story = {"harbour-1", "harbour-1-reprint", "harbour-1-ru", "harbour-1-tg"}
    assert len(story & {*ids(desk, "harbour-2", language="any")}) == 1
    for seed in story:
        assert not story & {*ids(desk, seed, language="any")}, seed


def test_latest_puts_undated_articles_last(desk: FlaskClient) -> None:
    listed = desk.get("/v1/articles/harbour-2/related?mode=latest&min_score=0&limit=100").get_json()
    dated = [item["published_at"] is not None for item in listed["items"]]
    assert dated == sorted(dated, reverse=True)
    assert set(dated) == {True, False}


@pytest.mark.parametrize(
    ("kind", "moment", "before", "after"),
    [
        ("embargoed", datetime(2026, 10, 21, 12, tzinfo=UTC), False, True),
        ("scheduled", datetime(2026, 10, 21, 12, tzinfo=UTC), False, True),
        ("expiring", datetime(2026, 10, 20, 13, tzinfo=UTC), True, False),
    ],
)
def test_lists_follow_the_clock(
    desk: FlaskClient,
    clock: SimpleNamespace,
    kind: str,
    moment: datetime,
    *,
    before: bool,
    after: bool,
) -> None:
    for now, listed in ((moment.timestamp() - 1, before), (moment.timestamp(), after)):
        clock.now = now
        assert (f"harbour-{kind}" in ids(desk, "harbour-2")) is listed


@pytest.mark.parametrize("odd", ["a~b:c.d_e-f", "...", "related", "x" * 200])
def test_odd_ids_are_seeds_items_and_exclusions(desk: FlaskClient, odd: str) -> None:
    assert len(ids(desk, odd, limit=3)) == 3
    listed = ids(desk, "harbour-2", section="odd")
    assert sorted(listed) == sorted(["a~b:c.d_e-f", "...", "related", "x" * 200])
    left = ids(desk, "harbour-2", section="odd", exclude=odd)
    assert sorted(left) == sorted(set(listed) - {odd})


def test_an_id_may_be_percent_encoded(desk: FlaskClient) -> None:
    answer = desk.get("/v1/articles/a%7Eb%3Ac.d_e-f/related")
    assert answer.get_json()["article_id"] == "a~b:c.d_e-f"


@pytest.mark.parametrize(
    "strange", ["nobody", "HARBOUR-2", "harbour-2%00", "%ff%fe", "..", "a%2Fb"]
)
def test_an_unknown_id_is_404(desk: FlaskClient, strange: str) -> None:
    response = desk.get(f"/v1/articles/{strange}/related")
    assert response.status_code == 404
    assert response.content_type == "application/problem+json"
    assert response.get_json()["status"] == 404


@pytest.mark.long
def test_a_single_article_has_an_empty_list(
    client_of: Callable[..., FlaskClient],
    bare: Settings,
    rebuild_with_fake: Rebuild,
    make_story: Callable[..., Document],
) -> None:
    client = client_of(bare)
    client.put("/v1/articles/lonely", json=make_story("lonely"))
    rebuild_with_fake(bare)
    answer = client.get("/v1/articles/lonely/related").get_json()
    assert (answer["items"], answer["short_because"]) == ([], "few_eligible")
