"""GET related with `offset`: the pages of one list."""

from typing import Any

import pytest
from flask.testing import FlaskClient

Document = dict[str, Any]

LIST = "/v1/articles/guiyang-smart-city/related"
DESK = "/v1/articles/harbour-2"


def page(client: FlaskClient, query: str = "", path: str = LIST) -> Document:
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    document: Document = answer.get_json()
    return document


def ids(answer: Document) -> list[str]:
    return [item["id"] for item in answer["items"]]


def test_pages_follow_each_other_without_repeats_up_to_a_hundred(
    sample_client: FlaskClient,
) -> None:
    pages = [page(sample_client, f"offset={at}&language=any") for at in range(0, 100, 12)]
    items = [item for one in pages for item in one["items"]]
    assert [item["rank"] for item in items] == list(range(1, 101))
    assert len({item["id"] for item in items}) == 100
    assert [one["requested"] for one in pages] == [12] * 8 + [4]
    assert [one.get("offset") for one in pages] == [None, *range(12, 100, 12)]
    assert pages[0] == page(sample_client, "language=any")
    assert "offset" not in pages[0]


def test_behind_the_last_item_a_page_is_empty_and_says_why(desk: FlaskClient) -> None:
    whole = page(desk, "limit=100", f"{DESK}/related")
    assert whole["returned"] < 99
    empty = page(desk, "offset=99&limit=12", f"{DESK}/related")
    assert (empty["items"], empty["requested"], empty["returned"]) == ([], 1, 0)
    assert empty["short_because"] == whole["short_because"] == "few_eligible"


def test_a_page_is_known_by_its_own_hash(sample_client: FlaskClient) -> None:
    first, second = (sample_client.get(f"{LIST}?limit=3&offset={at}") for at in (0, 3))
    assert first.headers["ETag"] != second.headers["ETag"]
    again = sample_client.get(
        f"{LIST}?limit=3&offset=3", headers={"If-None-Match": second.headers["ETag"]}
    )
    assert again.status_code == 304
    assert second.headers["Surrogate-Key"].split() == [
        "guiyang-smart-city",
        *ids(second.json or {}),
    ]


def test_pins_stay_on_the_first_page_unless_it_has_no_place_for_them(client: FlaskClient) -> None:
    pins = ["orchard-3", "harbour-11", "harbour-4"]
    client.put(f"{DESK}/pins", json={"pins": [{"id": one} for one in pins]})
    whole = page(client, "limit=12&diversity=0", f"{DESK}/related")
    assert ids(whole)[:3] == pins
    rest = page(client, "limit=12&offset=3&diversity=0", f"{DESK}/related")
    assert ids(rest)[:9] == ids(whole)[3:]
    assert not {*pins} & {*ids(rest)}
    short = page(client, "limit=2&offset=2", f"{DESK}/related")
    assert [item["reason"] for item in short["items"]] == ["pinned", "semantic"]


def test_what_earlier_pages_show_is_not_said_to_be_dropped(sample_client: FlaskClient) -> None:
    first = page(sample_client, "limit=4")
    second = page(sample_client, "limit=4&offset=4&explain=all")
    dropped = {one["id"] for one in second["dropped"]}
    assert not dropped & {*ids(first), *ids(second)}


@pytest.mark.parametrize("offset", ["100", "-1", "01", "1.0", "", "x"])
def test_an_offset_outside_of_a_list_is_refused(sample_client: FlaskClient, offset: str) -> None:
    answer = sample_client.get(f"{LIST}?offset={offset}")
    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["pointer"] == "/offset"


@pytest.mark.parametrize("wanted", [{"offset": "4"}, {"offset": True}, {"offset": 4.5}])
def test_an_offset_in_a_body_is_a_whole_number(
    sample_client: FlaskClient, wanted: Document
) -> None:
    body = {"article_id": "guiyang-smart-city", **wanted}
    answer = sample_client.post("/v1/related", json=body)
    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["pointer"] == "/offset"


def test_the_fragment_has_pages_too(sample_client: FlaskClient) -> None:
    html = sample_client.get(f"{LIST}.html?limit=3&offset=3").text
    for item in page(sample_client, "limit=3&offset=3")["items"]:
        assert item["url"] in html
