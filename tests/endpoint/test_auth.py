"""Which key may call what: every call is closed unless a key, or PUBLIC_READS, opens it."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings
from service import create_app

Clients = Callable[..., FlaskClient]

LIST = "/v1/articles/harbour-2/related"
PUBLIC = (LIST, f"{LIST}.html", "/read/harbour-2")
ARTICLE = "/v1/articles/harbour-2"
OPEN_RULES = {"/healthz", "/metrics", "/readyz", "/static/<path:filename>"}
OPEN_RULES |= {"/docs", "/docs.css", "/openapi.json", "/v1/read-also.css", "/v1/read-also.js"}


def test_without_keys_there_is_no_write_api_and_nothing_to_read(
    client_of: Clients, desk_settings: Settings
) -> None:
    client = client_of(replace(desk_settings, api_keys=()), None)
    for secret in (None, "whatever-0123456789"):
        headers = {} if secret is None else {"X-API-Key": secret}
        for response in (
            client.put(ARTICLE, json={"title": "A"}, headers=headers),
            client.delete(ARTICLE, headers=headers),
        ):
            assert response.status_code == 403
            assert "no write key is configured" in response.get_json()["detail"]
        for path in (*PUBLIC, ARTICLE):
            assert client.get(path, headers=headers).status_code == 401


def test_public_reads_open_the_lists_and_nothing_else(public: FlaskClient) -> None:
    opened = {"/v1/articles/<article_id>/related", "/v1/articles/<article_id>/related.html"}
    opened |= {"/read/<article_id>"}
    for rule in public.application.url_map.iter_rules():
        path = rule.rule.replace("<article_id>", "harbour-2")
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            if rule.rule not in OPEN_RULES:
                status = public.open(path, method=method, json={"title": "A"}).status_code
                assert status == (200 if rule.rule in opened else 401), (method, path)


def test_a_refusal_names_the_missing_scope_and_no_secret(
    client_of: Clients, own_desk: Settings, secrets: dict[str, str]
) -> None:
    response = client_of(own_desk, "reader").put(ARTICLE, json={"title": "A"})
    assert "'write'" in response.get_json()["detail"]
    assert not any(secret in response.text for secret in secrets.values())


@pytest.mark.parametrize(
    ("header", "scheme"),
    [("Authorization", "Bearer "), ("Authorization", "bearer "), ("X-API-Key", "")],
)
def test_a_key_is_sent_as_bearer_or_in_x_api_key(
    client_of: Clients, desk_settings: Settings, secrets: dict[str, str], header: str, scheme: str
) -> None:
    headers = {header: scheme + secrets["reader"]}
    assert client_of(desk_settings, None).get(LIST, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer read-0123456789abcde"},
        {"Authorization": "Basic cmVhZC0wMTIzNDU2Nzg5YWJjZGVm"},
        {"Authorization": "read-0123456789abcdef"},
        {"X-API-Key": ""},
        {"X-API-Key": "\u00ff\u00fe"},
        {"X-API-Key": "wrong", "Authorization": "Bearer read-0123456789abcdef"},
    ],
    ids=str,
)
def test_a_wrong_key_is_401(
    client_of: Clients, desk_settings: Settings, headers: dict[str, str]
) -> None:
    response = client_of(desk_settings, None).get(LIST, headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="read-also"'
    assert response.content_type == "application/problem+json"


def test_a_secret_in_the_address_opens_nothing(
    client_of: Clients, desk_settings: Settings, secrets: dict[str, str]
) -> None:
    client = client_of(desk_settings, None)
    assert client.get(f"{LIST}?key={secrets['reader']}").status_code == 401


def test_a_wrong_key_is_refused_where_the_public_may_read(public: FlaskClient) -> None:
    """A mistyped key should be noticed, not silently lose its rights."""
    assert public.get(LIST, headers={"X-API-Key": "wrong"}).status_code == 401


@pytest.mark.parametrize("kind", ["draft", "embargoed", "expired"])
def test_an_article_that_is_not_public_is_unknown_to_the_public(
    public: FlaskClient, secrets: dict[str, str], kind: str
) -> None:
    """The answer is the same as for an article that never existed."""
    for path in ("/v1/articles/{}/related", "/v1/articles/{}/related.html", "/read/{}"):
        hidden = public.get(path.format(f"harbour-{kind}"))
        unknown = public.get(path.format("nobody"))
        assert (hidden.status_code, unknown.status_code) == (404, 404)
        assert hidden.text.replace(f"harbour-{kind}", "nobody") == unknown.text
        headers = {"X-API-Key": secrets["reader"]}
        shown = public.get(path.format(f"harbour-{kind}"), headers=headers)
        assert shown.status_code == 200


def test_an_unread_article_follows_the_same_rule(
    public: FlaskClient, client: FlaskClient, clock: SimpleNamespace
) -> None:
    client.put("/v1/articles/a-draft", json={"title": "A", "status": "draft"})
    client.put("/v1/articles/fresh", json={"title": "A", "embargoed_until": "2026-10-20T13:00:00Z"})
    client.put("/v1/articles/news", json={"title": "A"})
    for story, status in (("a-draft", 404), ("fresh", 404), ("news", 200)):
        assert public.get(f"/v1/articles/{story}/related").status_code == status
    clock.now += 3600
    assert public.get("/v1/articles/fresh/related").status_code == 200


def test_a_deleted_story_is_410_to_the_public(
    public: FlaskClient,
    client: FlaskClient,
    own_desk: Settings,
    rebuild_with_fake: Callable[..., object],
) -> None:
    client.delete("/v1/articles/harbour-3")
    rebuild_with_fake(own_desk)
    assert public.get("/v1/articles/harbour-3/related").status_code == 410


def test_an_article_withdrawn_since_the_rebuild_is_not_shown_to_the_public(
    public: FlaskClient, client: FlaskClient
) -> None:
    """The page shows the current article of the store, so it checks whether that is public."""
    assert public.get("/read/harbour-2").status_code == 200
    client.put(ARTICLE, json={"title": "T", "body": "SECRET BODY", "status": "withheld"})
    answer = public.get("/read/harbour-2")
    assert answer.status_code == 404
    assert "SECRET" not in answer.text
    assert "SECRET BODY" in client.get("/read/harbour-2").text


def test_only_the_demonstration_serves_whole_articles(desk_settings: Settings) -> None:
    app = create_app(replace(desk_settings, public_reads=True))
    assert [rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/read/")] == []
    assert app.test_client().get("/read/harbour-2").status_code == 404
