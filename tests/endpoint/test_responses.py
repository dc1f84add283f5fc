"""Cache headers: which answers caches may keep, for how long, and for whom."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug import Response

from recommender.settings import Settings
from recommender.web.responses import MOST_KEYS_BYTES, fitting, lifetime

LIST = "/v1/articles/harbour-2/related"
PATHS = [LIST, f"{LIST}.html", "/read/harbour-2"]


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


@pytest.mark.parametrize("path", [*PATHS, "/v1/read-also.js", "/v1/read-also.css"])
def test_conditions_for_writes_and_ranges_are_ignored(desk: FlaskClient, path: str) -> None:
    whole = desk.get(path)
    others = {"If-Match": '"other"', "If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}
    others |= {"Range": "bytes=0-9", "If-Range": whole.headers["ETag"]}
    answer = desk.get(path, headers=others)
    assert (answer.status_code, answer.data) == (200, whole.data)
    known = desk.get(path, headers=others | {"If-None-Match": whole.headers["ETag"]})
    assert (known.status_code, known.data) == (304, b"")


def test_another_answer_has_another_etag(desk: FlaskClient) -> None:
    tags = {desk.get(f"{LIST}?limit={limit}").headers["ETag"] for limit in (1, 2, 3)}
    assert len(tags) == 3


DAY = 86_400
UP_TO_DATE = {"max-age": 30, "stale-while-revalidate": 30, "stale-if-error": DAY}


def cache_control(response: Response) -> tuple[str, dict[str, int]]:
    """Who may cache an answer, and the seconds of each directive."""
    who, *seconds = response.headers["Cache-Control"].split(", ")
    return who, {name: int(most) for name, most in (part.split("=") for part in seconds)}


@pytest.fixture
def calm(
    client: FlaskClient, own_desk: Settings, rebuild_with_fake: Callable[..., object]
) -> FlaskClient:
    """A desk where the clock alone changes nothing."""
    for kind in ("embargoed", "scheduled", "expiring"):
        client.delete(f"/v1/articles/harbour-{kind}")
    rebuild_with_fake(own_desk)
    return client


def test_a_list_is_fresh_for_half_a_minute_and_may_be_shown_stale_after_that(
    calm: FlaskClient,
) -> None:
    for path in PATHS:
        assert cache_control(calm.get(path)) == ("private", UP_TO_DATE)


@pytest.mark.parametrize("path", PATHS)
def test_public_answers_may_be_kept_by_any_cache(public: FlaskClient, path: str) -> None:
    who, seconds = cache_control(public.get(path))
    assert (who, seconds["max-age"]) == ("public", 30)


def test_a_head_request_has_the_headers_of_the_get(desk: FlaskClient) -> None:
    for path in PATHS:
        same = {"X-Request-ID": "one"}
        asked, head = desk.get(path, headers=same), desk.head(path, headers=same)
        assert (head.status_code, head.data) == (200, b"")
        for answer in (asked, head):
            answer.headers.pop("Date", None)  # a second may pass between the two
        assert head.headers.to_wsgi_list() == asked.headers.to_wsgi_list()
        known = desk.head(path, headers={"If-None-Match": head.headers["ETag"]})
        assert known.status_code == 304


def test_no_cache_keeps_a_problem(public: FlaskClient) -> None:
    for path in (f"{LIST}?limit=0", f"{LIST}?explain=1", "/v1/articles/nobody/related.html"):
        assert public.get(path).headers["Cache-Control"] == "no-store"


def test_a_provisional_list_is_not_shown_stale(
    client: FlaskClient, make_story: Callable[..., dict[str, Any]]
) -> None:
    client.put("/v1/articles/fresh", json=make_story("fresh"))
    assert cache_control(client.get("/v1/articles/fresh/related")) == ("private", {"max-age": 5})


def test_a_shared_cache_separates_answers_by_key(desk: FlaskClient) -> None:
    assert set(desk.get(LIST).headers["Vary"].split(", ")) == {"Authorization", "X-API-Key"}


@pytest.mark.parametrize("path", PATHS)
def test_the_purge_keys_are_the_seed_and_every_item(desk: FlaskClient, path: str) -> None:
    items = [item["id"] for item in desk.get(f"{LIST}?limit=4").get_json()["items"]]
    keys = desk.get(f"{path}?limit=4").headers["Surrogate-Key"].split(" ")
    assert keys == ["harbour-2", *items]


def test_no_cache_keeps_a_list_after_an_item_expires(
    desk: FlaskClient, clock: SimpleNamespace
) -> None:
    """harbour-expiring is listed until an hour after the usual clock, and must not be after it."""
    path = f"{LIST}?limit=100"
    assert "harbour-expiring" in desk.get(path).headers["Surrogate-Key"].split()
    assert cache_control(desk.get(path))[1] == {"max-age": 30}
    clock.now += 3_600 - 30
    assert cache_control(desk.get(path))[1] == {"max-age": 30}
    clock.now += 0.5
    assert cache_control(desk.get(path))[1] == {"max-age": 0}
    clock.now += 29.5
    assert cache_control(desk.get(path))[1] == UP_TO_DATE


def test_no_answer_tells_when_an_embargo_ends_or_another_article_expires(
    client: FlaskClient, make_story: Callable[..., dict[str, Any]], clock: SimpleNamespace
) -> None:
    path = f"{LIST}?limit=1"
    before = cache_control(client.get(path))
    for number, field in enumerate(("embargoed_until", "published_at", "expires_at")):
        moment = datetime.fromtimestamp(clock.now + 20, UTC).isoformat()
        story = make_story(f"new-{number}") | {field: moment}
        assert client.put(f"/v1/articles/new-{number}", json=story).status_code == 201
    assert cache_control(client.get(path)) == before == ("private", UP_TO_DATE)


@given(
    left=st.floats(min_value=0, exclude_min=True),
    up_to_date=st.booleans(),
    purgeable=st.booleans(),
)
def test_no_cache_keeps_a_list_fresh_or_stale_after_it_changes(
    left: float, *, up_to_date: bool, purgeable: bool
) -> None:
    seconds = lifetime(left, up_to_date=up_to_date, purgeable=purgeable)
    assert seconds["max-age"] in {0, 30 if up_to_date else 5}
    for stale in ("stale-while-revalidate", "stale-if-error"):
        assert seconds["max-age"] + seconds.get(stale, 0) <= left
        assert stale not in seconds or (up_to_date and purgeable)
    if left >= 30 + DAY and up_to_date and purgeable:
        assert seconds == UP_TO_DATE
    else:
        assert seconds.keys() == {"max-age"}


# --- purge keys ---


def test_the_purge_keys_of_a_hundred_usual_ids_fit() -> None:
    ids = [f"wp:news.example~2Ftj:{number}" for number in range(1_000, 1_101)]
    assert fitting(ids) == ids


@given(st.lists(st.text("aZ9._:~-", min_size=1, max_size=200), max_size=101))
def test_purge_keys_are_the_first_ids_that_fit_into_one_header(ids: list[str]) -> None:
    named = fitting(ids)
    assert named == ids[: len(named)]
    assert len(" ".join(named)) <= MOST_KEYS_BYTES
    if len(named) < len(ids):
        assert len(" ".join(ids[: len(named) + 1])) >= MOST_KEYS_BYTES


@pytest.mark.long
def test_a_list_that_cannot_be_purged_by_every_id_is_not_shown_stale(
    calm: FlaskClient,
    make_story: Callable[..., dict[str, Any]],
    index_with_fake: Any,
    own_desk: Any,
) -> None:
    """Twenty ids of two hundred letters: proxies would refuse a header of all of them."""
    for number in range(20):
        story_id = f"{number:02}{'y' * 198}"
        calm.put(f"/v1/articles/{story_id}", json=make_story(story_id, section="long"))
    index_with_fake(own_desk)
    response = calm.get(f"{LIST}?limit=100&section=long")
    ids = ["harbour-2", *(item["id"] for item in response.get_json()["items"])]
    assert len(ids) == 21
    assert response.headers["Surrogate-Key"].split(" ") == ids[:16]
    assert cache_control(response) == ("private", {"max-age": 30})
    by_server = len("HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: \r\nConnection: close\r\n") + 29
    assert by_server + sum(len(f"{n}: {v}\r\n") for n, v in response.headers) <= 4_096


def test_the_tag_is_strong_and_of_the_body_alone(desk: FlaskClient, public: FlaskClient) -> None:
    """With a key or without, the same bytes have the same tag."""
    tags = {client.get(f"{LIST}.html").headers["ETag"] for client in (desk, public)}
    assert len(tags) == 1
    assert re.fullmatch(r'"[0-9a-f]{40}"', tags.pop())
