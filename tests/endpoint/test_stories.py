"""Neither beside a pin nor on a page of lists does one story stand twice."""

from typing import Any

import pytest
from flask.testing import FlaskClient

STORY = {"harbour-1", "harbour-1-reprint", "harbour-1-ru", "harbour-1-tg"}
"""An original, a reprint of it, and two translations of the original."""


def pin(client: FlaskClient, seed: str, *wanted: str) -> None:
    pins = {"pins": [{"id": one} for one in wanted]}
    assert client.put(f"/v1/articles/{seed}/pins", json=pins).status_code == 200


def page(client: FlaskClient, *requests: dict[str, Any]) -> list[set[str]]:
    answer = client.post("/v1/related", json={"requests": requests})
    assert answer.status_code == 200, answer.text
    lists = answer.get_json()["lists"]
    return [{item["id"] for item in one["items"]} & STORY for one in lists]


def test_beside_a_pin_stands_no_other_form_of_its_story(client: FlaskClient) -> None:
    for wanted in ("harbour-1-reprint", "harbour-1-ru"):
        pin(client, "orchard-1", wanted)
        everything = {"article_id": "orchard-1", "limit": 100, "language": "any"}
        assert page(client, everything) == [{wanted}]


@pytest.mark.parametrize("language", ["en", "ru", "tg"])
def test_lists_of_a_page_do_not_translate_each_other(desk: FlaskClient, language: str) -> None:
    everything = {"limit": 100, "language": language}
    first, second = page(
        desk,
        {"article_id": "harbour-2"} | everything,
        {"article_id": "harbour-4", "limit": 100, "language": "any"},
    )
    assert len(first) == 1
    assert second == set()


def test_pins_give_way_to_a_story_that_another_list_of_the_page_holds(client: FlaskClient) -> None:
    pin(client, "harbour-2", "harbour-1")
    pin(client, "harbour-4", "harbour-1-reprint", "harbour-1-ru", "harbour-1-tg")
    assert page(client, {"article_id": "harbour-4"}) == [STORY - {"harbour-1"}]
    both = {"article_id": "harbour-2"}, {"article_id": "harbour-4"}
    assert page(client, *both) == [{"harbour-1"}, set()]
