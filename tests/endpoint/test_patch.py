"""PATCH of an article: a JSON merge patch (RFC 7396), one transaction, the rules of PUT."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings
from tests.support.archives import copy_archive

NAMES = (f"new-{number}" for number in count())
STORED: dict[str, Any] = {
    "title": "One",
    "body": "Text.",
    "section": "city",
    "tags": ["port", "sea"],
    "published_at": "2026-10-01T08:00:00Z",
    "no_related": True,
    "version": 5,
}


@pytest.fixture(scope="module")
def client(
    lasting_client_of: Callable[..., FlaskClient],
    desk_settings: Settings,
    tmp_path_factory: pytest.TempPathFactory,
) -> FlaskClient:
    """Asks a desk that these tests share, each with an article of its own."""
    folder = tmp_path_factory.mktemp("patched") / "desk"
    copy_archive(desk_settings.data_dir, folder)
    url = f"sqlite:///{folder / 'read-also.db'}"
    return lasting_client_of(replace(desk_settings, database_url=url, data_dir=folder))


@pytest.fixture
def name() -> str:
    """An id that no other test has."""
    return next(NAMES)


@pytest.fixture
def path(client: FlaskClient, name: str) -> str:
    """The address of an article that is stored."""
    client.put(f"/v1/articles/{name}", json=STORED)
    return f"/v1/articles/{name}"


@pytest.mark.parametrize(
    ("patch", "changed"),
    [
        ({"title": "Two"}, {"title": "Two"}),
        ({"title": "Two", "section": "farm"}, {"title": "Two", "section": "farm"}),
        ({"tags": ["port"]}, {"tags": ["port"]}),
        ({"section": None}, {"section": None}),
        ({"tags": None, "no_related": None}, {"tags": None, "no_related": None}),
        ({"body": None, "body_html": "<p>x</p>"}, {"body": None, "body_html": "<p>x</p>"}),
        ({"title": None}, {"title": None}),
        ({"version": 6}, {"version": 6}),
        ({"id": None, "title": "Two"}, {"title": "Two"}),
        (
            {"published_at": "2026-10-02T08:00:00+05:00"},
            {"published_at": "2026-10-02T03:00:00Z"},
        ),
    ],
    ids=str,
)
def test_a_patch_changes_named_fields_removes_null_ones_and_keeps_the_rest(
    client: FlaskClient, name: str, path: str, patch: dict[str, Any], changed: dict[str, Any]
) -> None:
    before = client.put(path, json=STORED).get_json()["change"]
    answer = client.patch(path, json=patch)
    assert answer.status_code == 200
    assert answer.json == {"id": name, "result": "updated", "change": before + 1}
    expected = {
        field: value
        for field, value in ({"id": name} | STORED | changed).items()
        if value is not None
    }
    assert client.get(path).json == expected


def test_a_patch_changes_some_attributes_and_keeps_the_rest(client: FlaskClient, path: str) -> None:
    """Inside `attributes` as outside: what is named changes, null removes."""
    for patch, attributes in (
        ({"price": 12, "city": ["Osh"], "free": None}, {"price": 12, "city": ["Osh"]}),
        ({"price": None, "city": ["Guiyang"], "year": 2026}, {"city": ["Guiyang"], "year": 2026}),
        ({"city": None, "year": None}, None),
    ):
        assert client.patch(path, json={"attributes": patch}).status_code == 200
        stored = client.get(path).get_json()
        assert stored.get("attributes") == attributes
        assert stored["title"] == STORED["title"]
    client.patch(path, json={"attributes": {"price": 12}})
    assert client.patch(path, json={"attributes": None}).get_json()["result"] == "updated"
    assert "attributes" not in client.get(path).get_json()
    refused = client.patch(path, json={"attributes": {"price": {"amount": 1}}})
    assert [fault["pointer"] for fault in refused.get_json()["errors"]] == ["/attributes/price"]


@pytest.mark.parametrize("patch", [{}, {"title": "One"}, {"summary": None, "url": None}])
def test_a_patch_that_changes_nothing_is_unchanged(
    client: FlaskClient, name: str, path: str, patch: dict[str, Any]
) -> None:
    before = client.put(path, json=STORED).get_json()["change"]
    assert client.patch(path, json=patch).json == {
        "id": name,
        "result": "unchanged",
        "change": before,
    }


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"colour": "red"}, "/colour"),
        ({"title": 5}, "/title"),
        ({"title": {"a": None}}, "/title"),
        ({"tags": ["a", ""]}, "/tags/1"),
        ({"id": "other"}, "/id"),
        ({"title": None, "body": None}, ""),
        ({"body_html": "<p>x</p>"}, ""),
        ({"version": -1}, "/version"),
    ],
    ids=str,
)
def test_a_patch_that_breaks_the_contract_is_422_and_changes_nothing(
    client: FlaskClient, name: str, path: str, patch: dict[str, Any], pointer: str
) -> None:
    answer = client.patch(path, json=patch)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.get_json()["errors"]] == [pointer]
    assert client.get(path).json == {"id": name} | STORED


def test_a_patch_checks_the_version_as_put_does(client: FlaskClient, path: str) -> None:
    assert client.patch(path, json={"title": "Old", "version": 4}).status_code == 409
    assert client.patch(path, json={"title": "Two", "version": 5}).status_code == 200
    assert client.patch(path, json={"title": "Three"}).status_code == 200
    assert client.patch(path, json={"title": "Four", "version": None}).status_code == 200
    assert client.put(path, json={"title": "Old", "version": 4}).status_code == 409
    assert client.get(path).get_json()["title"] == "Four"


def test_an_unknown_or_deleted_article_cannot_be_patched(client: FlaskClient) -> None:
    client.delete("/v1/articles/harbour-4")
    for name, status in (("nobody", 404), ("harbour-4", 410), ("a%20b", 404), ("a%00", 404)):
        answer = client.patch(f"/v1/articles/{name}", json={"title": "A"})
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/merge-patch+json", 200),
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/json-patch+json", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        (None, 415),
    ],
)
def test_the_content_type_must_be_a_merge_patch(
    client: FlaskClient, path: str, kind: str | None, status: int
) -> None:
    answer = client.patch(path, data=b'{"title": "Two"}', content_type=kind)
    assert answer.status_code == status
    assert client.get(path).get_json()["title"] == ("Two" if status == 200 else "One")


@pytest.mark.parametrize(
    "body", [b" ", b"[]", b'{"title": "A", "title": "B"}', b'{"version": NaN}']
)
def test_a_patch_that_is_no_plain_object_is_422(
    client: FlaskClient, name: str, path: str, body: bytes
) -> None:
    assert client.patch(path, data=body, content_type="application/json").status_code == 422
    assert client.get(path).json == {"id": name} | STORED


def test_patches_at_the_same_time_lose_no_change(client: FlaskClient, name: str, path: str) -> None:
    """Each reads and writes in one transaction, so fields that others set stay."""
    fields = {"summary": "s", "section": "farm", "tags": ["a"], "authors": ["b"], "version": 6}

    def patch(field: str) -> int:
        sent, kind = json.dumps({field: fields[field]}), "application/json"
        own = client.application.test_client()
        own.environ_base = client.environ_base
        return own.patch(path, data=sent, content_type=kind).status_code

    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(patch, fields)) == {200}
    assert client.get(path).json == {"id": name} | STORED | fields


def test_a_patch_shows_in_the_lists(client: FlaskClient) -> None:
    client.patch("/v1/articles/harbour-3", json={"title": "Renamed quay"})
    listed = client.get("/v1/articles/harbour-2/related?limit=100").get_json()["items"]
    assert {item["title"] for item in listed if item["id"] == "harbour-3"} == {"Renamed quay"}


SIZES = {
    "image_url": "https://a.example/1.jpg",
    "image_srcset": "https://a.example/1-300.jpg 300w",
}
OTHER_SIZES = "https://a.example/2-300.jpg 300w"


@pytest.mark.parametrize(
    ("patch", "sizes"),
    [
        ({"image_url": "https://a.example/2.jpg"}, None),
        ({"image_url": None}, None),
        ({"image_url": SIZES["image_url"]}, SIZES["image_srcset"]),
        ({"title": "Two"}, SIZES["image_srcset"]),
        ({"image_url": "https://a.example/2.jpg", "image_srcset": OTHER_SIZES}, OTHER_SIZES),
    ],
)
def test_another_picture_removes_the_sizes_of_the_one_before(
    client: FlaskClient, path: str, patch: dict[str, Any], sizes: str | None
) -> None:
    assert client.patch(path, json=SIZES).status_code == 200
    assert client.patch(path, json=patch).status_code == 200
    assert client.get(path).get_json().get("image_srcset") == sizes
