"""Which lists show an article: the same answer as asking every list."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.ranking import appears_in as appearances

Documents = dict[str, dict[str, Any]]


def by_hand(client: FlaskClient, article_id: str, every: Documents) -> list[str]:
    """The articles whose list shows this one, asked list by list."""
    others = sorted(set(every) - {article_id})
    return [one for one in others if article_id in listed(client, one)]


def listed(client: FlaskClient, seed: str) -> set[str]:
    answer = client.get(f"/v1/articles/{seed}/related")
    assert answer.status_code == 200
    return {item["id"] for item in answer.get_json()["items"]}


@pytest.mark.parametrize("article_id", ["harbour-4", "harbour-ru", "orchard-3", "harbour-draft"])
def test_the_answer_names_every_list_that_shows_the_article(
    desk: FlaskClient, desk_documents: Documents, article_id: str
) -> None:
    answer = desk.get(f"/v1/articles/{article_id}/appears-in").get_json()
    assert answer == {
        "article_id": article_id,
        "appears_in": by_hand(desk, article_id, desk_documents),
        "checked": len(desk_documents) - 1,
        "complete": True,
    }


def test_the_lists_that_pin_an_article_are_checked_first_however_far_away(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appearances, "NEAREST", 1)
    pins = {"pins": [{"id": "orchard-3"}]}
    assert client.put("/v1/articles/harbour-zh/pins", json=pins).status_code == 200
    answer = client.get("/v1/articles/orchard-3/appears-in").get_json()
    assert "harbour-zh" in answer["appears_in"]
    assert answer["checked"] == 2
    assert answer["complete"] is False


def test_a_near_article_that_pins_it_is_checked_and_named_once(
    client: FlaskClient, desk_documents: Documents
) -> None:
    assert "harbour-3" in by_hand(client, "harbour-4", desk_documents)
    client.put("/v1/articles/harbour-3/pins", json={"pins": [{"id": "harbour-4"}]})
    answer = client.get("/v1/articles/harbour-4/appears-in").get_json()
    assert answer["appears_in"] == by_hand(client, "harbour-4", desk_documents)
    assert (answer["checked"], answer["complete"]) == (len(desk_documents) - 1, True)


def test_a_search_that_runs_out_of_time_says_that_it_is_not_complete(
    desk: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appearances, "MOST_SECONDS", -1.0)
    answer = desk.get("/v1/articles/harbour-4/appears-in").get_json()
    assert (answer["appears_in"], answer["checked"], answer["complete"]) == ([], 0, False)


def test_the_call_needs_an_article_and_takes_no_options(client: FlaskClient) -> None:
    address = "/v1/articles/{}/appears-in"
    client.delete("/v1/articles/harbour-5")
    assert client.get(address.format("nobody")).status_code == 404
    assert client.get(address.format("harbour-5")).status_code == 410
    assert client.get(address.format("harbour-4") + "?limit=3").status_code == 400
