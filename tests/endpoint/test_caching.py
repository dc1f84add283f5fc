"""What caches may keep, and how they know it."""

from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

LIST = "/v1/articles/harbour-2/related"
PATHS = [LIST, f"{LIST}.html", "/read/harbour-2"]


@pytest.mark.parametrize("path", PATHS)
def test_the_same_question_has_the_same_bytes(desk: FlaskClient, path: str) -> None:
    one, two = desk.get(path), desk.get(path)
    assert one.data == two.data
    assert one.headers["ETag"] == two.headers["ETag"]


@pytest.mark.parametrize("path", PATHS)
def test_a_known_answer_is_304(desk: FlaskClient, path: str) -> None:
    first = desk.get(path)
    etag = first.headers["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = desk.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == etag
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
        assert again.headers["Surrogate-Key"] == first.headers["Surrogate-Key"]
    assert desk.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_another_answer_has_another_tag(desk: FlaskClient) -> None:
    tags = {desk.get(f"{LIST}?limit={limit}").headers["ETag"] for limit in (1, 2, 3)}
    assert len(tags) == 3


@pytest.mark.parametrize("path", PATHS)
def test_a_list_is_kept_for_half_a_minute(desk: FlaskClient, path: str) -> None:
    assert "max-age=30" in desk.get(path).headers["Cache-Control"].split(", ")


def test_a_cache_in_common_keeps_answers_of_keys_apart(desk: FlaskClient) -> None:
    assert set(desk.get(LIST).headers["Vary"].split(", ")) == {"Authorization", "X-API-Key"}


@pytest.mark.parametrize("path", PATHS)
def test_the_purge_keys_are_the_seed_and_every_item(desk: FlaskClient, path: str) -> None:
    items = [item["id"] for item in desk.get(f"{LIST}?limit=4").get_json()["items"]]
    keys = desk.get(f"{path}?limit=4").headers["Surrogate-Key"].split(" ")
    assert keys == ["harbour-2", *items]


def test_an_explained_list_is_kept_nowhere(desk: FlaskClient) -> None:
    headers = desk.get(f"{LIST}?explain=1").headers
    assert headers["Cache-Control"] == "no-store"
    assert "ETag" not in headers
    assert "Surrogate-Key" not in headers


def test_letters_are_sent_as_they_are(sample_client: FlaskClient) -> None:
    text = sample_client.get("/v1/articles/tg-chorroha/related").data.decode("utf-8")
    assert "Хуҷанд" in text
    assert "\\u" not in text


def test_no_list_is_kept_past_the_next_turn_of_the_clock(
    desk: FlaskClient, clock: SimpleNamespace
) -> None:
    """harbour-expiring is listed until an hour after the usual clock."""
    clock.now += 3_600 - 12
    assert desk.get(LIST).headers["Cache-Control"] == "max-age=12"
    clock.now += 12
    assert desk.get(LIST).headers["Cache-Control"] == "max-age=30"
