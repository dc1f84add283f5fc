"""The script and the style for pages, and what pages of other sites may read."""

import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings

LISTS = ["/v1/articles/harbour-2/related", "/v1/articles/harbour-2/related.html"]
ASSETS = {"read-also.js": "text/javascript", "read-also.css": "text/css"}
PAGE = {"Origin": "https://cms.example"}


OLDER_SCRIPT = re.compile(
    "<(section|h[2-6]|ul|li|a|img|span|time)((?: (?:class|id|lang|dir|role|aria-labelledby|href|src"
    '|alt|loading|decoding|referrerpolicy|datetime)="[^"<>]*")*)>|([^<>]+)|</\\w+>'
)
"""The parts of a list that a script takes which pages keep from before there were layouts."""


@pytest.fixture(scope="module")
def public(lasting_client_of: Callable[..., FlaskClient], desk_settings: Settings) -> FlaskClient:
    """Asks without a key where reads are public."""
    return lasting_client_of(replace(desk_settings, public_reads=True), None)


@pytest.fixture(scope="module")
def closed(lasting_client_of: Callable[..., FlaskClient], desk_settings: Settings) -> FlaskClient:
    """Asks without a key where reads need one."""
    return lasting_client_of(desk_settings, None)


@pytest.mark.parametrize("name", ASSETS)
def test_assets_are_public_and_served_unchanged(closed: FlaskClient, name: str) -> None:
    response = closed.get(f"/v1/{name}")
    assert response.status_code == 200
    assert response.content_type == f"{ASSETS[name]}; charset=utf-8"
    assert response.data == (files("recommender.web") / "static" / name).read_bytes()
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@pytest.mark.parametrize("name", ASSETS)
def test_assets_are_cached_for_a_day_and_have_an_etag(closed: FlaskClient, name: str) -> None:
    first = closed.get(f"/v1/{name}")
    assert first.headers["Cache-Control"] == (
        "public, max-age=86400, stale-while-revalidate=604800"
    )
    again = closed.get(f"/v1/{name}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    head = closed.head(f"/v1/{name}")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == str(len(first.data))


@pytest.mark.parametrize("name", ASSETS)
def test_assets_take_no_parameters(closed: FlaskClient, name: str) -> None:
    assert closed.get(f"/v1/{name}?v=1").status_code == 400


def test_the_script_is_small(closed: FlaskClient) -> None:
    script = closed.get("/v1/read-also.js").data
    assert len(script) <= 3350
    assert script.isascii()


def test_older_copies_of_the_script_take_every_part_of_a_list_without_a_layout(
    client: FlaskClient,
) -> None:
    sizes = "https://i.example/3.jpg 300w"
    image = {"image_url": "https://i.example/4.jpg", "image_srcset": sizes}
    assert client.patch("/v1/articles/harbour-4", json=image).status_code == 200
    for query in ("", "&labels=1&dates=long&language=any"):
        text = client.get(f"{LISTS[1]}?images=1&limit=40{query}").text
        assert "<img" in text
        assert OLDER_SCRIPT.sub("", text) == ""


def test_assets_name_no_other_host(closed: FlaskClient) -> None:
    for name in ASSETS:
        text = closed.get(f"/v1/{name}").text
        assert "//" not in text.replace("/*", "").replace("*/", "")
        assert "@import" not in text
        assert "url(" not in text


@pytest.mark.parametrize("path", LISTS)
def test_a_page_of_any_site_may_read_a_public_list(public: FlaskClient, path: str) -> None:
    first = public.get(path, headers=PAGE)
    tag = {"If-None-Match": first.headers["ETag"]}
    for answer in (
        first,
        public.head(path, headers=PAGE),
        public.get(path, headers=PAGE | tag),
        public.get(f"{path}?limit=0", headers=PAGE),
        public.get(path.replace("harbour-2", "nobody"), headers=PAGE),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Timing-Allow-Origin" not in first.headers


@pytest.mark.parametrize("path", LISTS)
def test_an_answer_to_a_key_allows_no_other_origin(
    public: FlaskClient, closed: FlaskClient, secrets: dict[str, str], path: str
) -> None:
    keys = [{"X-API-Key": secrets["reader"]}, {"X-API-Key": "wrong"}]
    keys += [{"Authorization": f"Bearer {secrets['reader']}"}]
    for client in (public, closed):
        for key in keys:
            answer = client.get(path, headers=PAGE | key)
            assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Origin" not in closed.get(path, headers=PAGE).headers


@pytest.mark.parametrize("path", LISTS)
def test_a_preflight_request_is_answered_with_what_a_page_may_do(
    public: FlaskClient, path: str
) -> None:
    """It may read and revalidate; it may send no key."""
    answer = public.options(path, headers=PAGE | {"Access-Control-Request-Method": "GET"})
    assert (answer.status_code, answer.data) == (200, b"")
    sent = {n: v for n, v in answer.headers.items() if n.startswith("Access-Control-")}
    assert sent == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, HEAD",
        "Access-Control-Allow-Headers": "If-None-Match",
        "Access-Control-Max-Age": "86400",
    }


def test_no_other_call_allows_other_origins(public: FlaskClient, closed: FlaskClient) -> None:
    answers = [
        closed.options(LISTS[0], headers=PAGE),
        public.get("/v1/articles/harbour-2", headers=PAGE),
        public.put("/v1/articles/harbour-2", headers=PAGE, json={"title": "A"}),
        public.options("/v1/articles/harbour-2", headers=PAGE),
        public.post("/v1/related", headers=PAGE, json={"title": "A"}),
        public.get("/read/harbour-2", headers=PAGE),
        public.get("/healthz", headers=PAGE),
    ]
    assert not [answer for answer in answers if "Access-Control-Allow-Origin" in answer.headers]


@pytest.mark.parametrize("path", [LISTS[1], "/read/harbour-2"])
def test_a_fragment_opened_as_a_page_can_run_nothing(public: FlaskClient, path: str) -> None:
    policy = public.get(path).headers["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "script-src" not in rules
    assert "unsafe" not in policy
