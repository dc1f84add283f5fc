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
OPEN_RULES |= {"/docs", "/openapi.json", "/v1/docs.css", "/v1/docs.js"}
OPEN_RULES |= {"/v1/read-also.css", "/v1/read-also.js", "/pictures/<path:section>/<seed>.svg"}


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


SCOPE_OF_CALL = {
    ("GET", "/v1/articles/<article_id>/related"): "lists",
    ("GET", "/v1/articles/<article_id>/related.html"): "lists",
    ("GET", "/read/<article_id>"): "lists",
    ("GET", "/why/<article_id>"): "lists",
    ("GET", "/"): "lists",
    ("GET", "/news/<language>"): "lists",
    ("GET", "/news/<language>/<path:section>"): "lists",
    ("POST", "/v1/related"): "read",
    ("GET", "/v1/articles/<article_id>/appears-in"): "read",
    ("GET", "/v1/articles/<article_id>/pins"): "read",
    ("GET", "/v1/articles/<article_id>/blocks"): "read",
    ("GET", "/v1/articles/<article_id>/never"): "read",
    ("GET", "/v1/articles/<article_id>/no-list"): "read",
    ("GET", "/v1/articles/<article_id>"): "read",
    ("GET", "/v1/articles/<article_id>/status"): "read",
    ("GET", "/v1/articles"): "read",
    ("GET", "/v1/article-ids"): "write",
    ("PUT", "/v1/articles/<article_id>"): "write",
    ("PATCH", "/v1/articles/<article_id>"): "write",
    ("DELETE", "/v1/articles/<article_id>"): "write",
    ("PUT", "/v1/articles/<article_id>/pins"): "write",
    ("PUT", "/v1/articles/<article_id>/blocks"): "write",
    ("DELETE", "/v1/articles/<article_id>/pins"): "write",
    ("DELETE", "/v1/articles/<article_id>/blocks"): "write",
    ("PUT", "/v1/articles/<article_id>/never"): "write",
    ("PUT", "/v1/articles/<article_id>/no-list"): "write",
    ("DELETE", "/v1/articles/<article_id>/never"): "write",
    ("DELETE", "/v1/articles/<article_id>/no-list"): "write",
    ("POST", "/v1/bulk"): "write",
    ("GET", "/v1/audit"): "admin",
}
OPENED_BY = {
    "front": {"lists"},
    "reader": {"lists", "read"},
    "writer": {"write"},
    "editor": {"lists", "read", "write"},
    "operator": {"admin"},
    None: set[str](),
}
PUBLIC_CALLS = {call for call, scope in SCOPE_OF_CALL.items() if scope == "lists"}
NAMES_NOTHING = "/"
"""The only public page whose address names nothing that could be missing."""


def calls_of(client: FlaskClient) -> list[tuple[str, str]]:
    """Method and address of all calls of an application, without those that are open to all.

    The console has sessions instead: test_console_access.py.
    """
    return [
        (method, rule.rule)
        for rule in client.application.url_map.iter_rules()
        for method in sorted(rule.methods or set())
        if rule.rule not in OPEN_RULES and not rule.endpoint.startswith("console.")
    ]


def status_of(client: FlaskClient, method: str, rule: str) -> int:
    """The status of a call; the article is absent, so that nothing is written or deleted."""
    path = rule.replace("<article_id>", "nobody-at-all")
    return client.open(path, method=method, json={}).status_code


def test_every_call_declares_its_scope(desk: FlaskClient) -> None:
    called = {call for call in calls_of(desk) if call[0] not in {"HEAD", "OPTIONS"}}
    assert called == SCOPE_OF_CALL.keys()


@pytest.mark.parametrize("key", OPENED_BY, ids=str)
def test_every_call_is_open_to_its_scope_alone(
    client_of: Clients, desk_settings: Settings, key: str | None
) -> None:
    client = client_of(desk_settings, key)
    for method, rule in calls_of(client):
        status = status_of(client, method, rule)
        if method == "OPTIONS":  # says which methods there are, as the OpenAPI document does
            assert status == 200, rule
            continue
        scope = SCOPE_OF_CALL["GET" if method == "HEAD" else method, rule]
        if scope in OPENED_BY[key]:
            assert status not in {401, 403}, (method, rule)
        else:
            assert status == (401 if key is None else 403), (method, rule)


def test_options_answer_without_a_body_and_do_nothing(public: FlaskClient) -> None:
    for method, rule in calls_of(public):
        if method == "OPTIONS":
            answer = public.options(rule.replace("<article_id>", "harbour-2"))
            assert (answer.status_code, answer.data) == (200, b"")
    assert public.get(LIST).status_code == 200


def test_public_reads_open_the_lists_and_nothing_else(public: FlaskClient) -> None:
    for method, rule in calls_of(public):
        if method != "OPTIONS":
            status = status_of(public, method, rule)
            call = "GET" if method == "HEAD" else method, rule
            found = 200 if rule == NAMES_NOTHING else 404
            assert status == (found if call in PUBLIC_CALLS else 401), (method, rule)


@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize(
    ("seed", "status"),
    [
        ("harbour-2", 200),
        ("harbour-draft", 404),
        ("harbour-withheld", 404),
        ("harbour-embargoed", 404),
        ("harbour-scheduled", 404),
        ("harbour-expired", 404),
        ("nobody", 404),
    ],
)
def test_a_key_for_lists_gets_what_the_public_gets(
    client_of: Clients, desk_settings: Settings, path: str, seed: str, status: int
) -> None:
    path, same = path.replace("harbour-2", seed), {"X-Request-ID": "one"}
    with_key = client_of(desk_settings, "front").get(path, headers=same)
    opened = replace(desk_settings, public_reads=True)
    in_public = client_of(opened, None).get(path, headers=same)
    assert with_key.status_code == in_public.status_code == status
    assert with_key.data == in_public.data
    shown = 404 if seed == "nobody" else 200
    assert client_of(desk_settings, "reader").get(path).status_code == shown


def test_a_key_for_lists_gets_no_explanation(client_of: Clients, desk_settings: Settings) -> None:
    answer = client_of(desk_settings, "front").get(f"{LIST}?explain=1")
    assert answer.status_code == 403
    assert "'read'" in answer.get_json()["detail"]


def test_no_shared_cache_keeps_what_a_key_for_lists_gets(
    client_of: Clients, desk_settings: Settings
) -> None:
    answer = client_of(desk_settings, "front").get(LIST)
    assert answer.headers["Cache-Control"].startswith("private,")
    assert "Access-Control-Allow-Origin" not in answer.headers


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
    public.environ_base["HTTP_X_REQUEST_ID"] = "one"
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


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "draft"}, 404),
        ({"status": "withheld"}, 404),
        ({"embargoed_until": "2100-01-01T00:00:00Z"}, 404),
        ({"published_at": "2100-01-01T00:00:00Z"}, 404),
        ({"expires_at": "2026-10-01T00:00:00Z"}, 410),
        ({}, 410),
    ],
)
def test_the_public_is_told_of_a_deletion_only_if_it_could_see_the_story(
    public: FlaskClient, client: FlaskClient, fields: dict[str, str], status: int
) -> None:
    """A 410 for a draft said that there was one."""
    client.put("/v1/articles/secret", json={"title": "A", **fields})
    client.delete("/v1/articles/secret")
    for path in ("related", "related.html"):
        same = {"X-Request-ID": "same"}
        answer = public.get(f"/v1/articles/secret/{path}", headers=same)
        assert answer.status_code == status
        if status == 404:
            unknown = public.get(f"/v1/articles/nobody/{path}", headers=same)
            assert answer.text.replace("secret", "nobody") == unknown.text
    assert client.get("/v1/articles/secret").status_code == 410
    assert client.get("/v1/articles/secret/related").status_code == 410


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
    app = create_app(replace(desk_settings, public_reads=True), follows=False)
    assert [rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/read/")] == []
    assert app.test_client().get("/read/harbour-2").status_code == 404
