"""No list, and no page of lists, tells one story twice: by a reprint, a translation, or both."""

from typing import Any

import pytest
from flask.testing import FlaskClient

TOLD = {"harbour-1", "harbour-1-reprint", "harbour-1-ru", "harbour-1-tg"}
"""An original, a reprint of it, and two translations of the original."""
EVERYTHING = "language=any&limit=100"


def rows_of_translations(client: FlaskClient, seed: str, query: str = EVERYTHING) -> list[str]:
    answer = client.get(f"/v1/articles/{seed}/related?{query}")
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.get_json()["items"] if item["id"] in TOLD]


def pin(client: FlaskClient, seed: str, *wanted: str) -> None:
    pins = {"pins": [{"id": one} for one in wanted]}
    assert client.put(f"/v1/articles/{seed}/pins", json=pins).status_code == 200


def page(client: FlaskClient, *requests: dict[str, Any]) -> list[set[str]]:
    answer = client.post("/v1/related", json={"requests": requests})
    assert answer.status_code == 200, answer.text
    lists = answer.get_json()["lists"]
    return [{item["id"] for item in one["items"]} & TOLD for one in lists]


@pytest.mark.parametrize("seed", ["harbour-2", "orchard-1", "harbour-ru", "undated"])
@pytest.mark.parametrize("mode", ["mixed", "latest", "background"])
def test_a_translation_of_a_reprint_is_the_same_story(
    desk: FlaskClient, seed: str, mode: str
) -> None:
    found = rows_of_translations(
        desk, f"harbour-{seed}" if seed == "undated" else seed, f"{EVERYTHING}&mode={mode}"
    )
    assert len(found) <= 1


def test_under_a_reprint_nobody_translates_its_original(desk: FlaskClient) -> None:
    assert rows_of_translations(desk, "harbour-1-reprint") == []


def test_nor_under_a_pin(client: FlaskClient) -> None:
    for wanted in ("harbour-1-reprint", "harbour-1-ru"):
        pin(client, "orchard-1", wanted)
        assert rows_of_translations(client, "orchard-1") == [wanted]


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


def test_pins_give_way_to_what_another_list_of_the_page_tells(client: FlaskClient) -> None:
    pin(client, "harbour-2", "harbour-1")
    pin(client, "harbour-4", "harbour-1-reprint", "harbour-1-ru", "harbour-1-tg")
    assert page(client, {"article_id": "harbour-4"}) == [TOLD - {"harbour-1"}]
    both = {"article_id": "harbour-2"}, {"article_id": "harbour-4"}
    assert page(client, *both) == [{"harbour-1"}, set()]
