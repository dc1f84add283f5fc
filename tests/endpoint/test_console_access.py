"""Who may open the console: sessions, the second token, roles; every route of it."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from recommender.api_keys import ApiKey, digest_of
from recommender.errors import Busy
from recommender.request_origin import CONSOLE_AWAY
from recommender.settings import Settings
from recommender.store import console_sessions, open_store, schema
from recommender.store.console_sessions import ConsoleSessions
from recommender.web.console.words import LANGUAGES
from tests.support.signed_in import SignedIn

OPEN = {"/console/static/<path:filename>", "/console/sign-in"}
"""What is open to all: the files of the pages, and the form for a key."""
SCOPE_OF = {
    "show_embed": None,  # its address is signed: test_console_embed.py
    "show_home": "read",
    "show_find": "read",
    "show_desk": "read",
    "look_at_draft": "read",
    "show_today": "read",
    "show_story": "read",
    "show_beside": "read",
    "show_making": "read",
    "try_making": "write",
    "save_making": "write",
    "take_making_back": "write",
    "show_health": "read",
    "show_start": "read",
    "ask_rebuild": "write",
    "ask_import": "write",
    "stop_job": "write",
    "begin_file": "admin",
    "take_piece": "admin",
    "read_file": "admin",
    "forget_file": "admin",
    "show_quality": "read",
    "show_report": "read",
    "quality_figures": "read",
    "go_back": "admin",
    "show_map": "read",
    "map_points": "read",
    "map_stories": "read",
    "map_list": "read",
    "show_appearances": "read",
    "take_down": "write",
    "show_told_caches": "read",
    "steer_story": "write",
    "show_rules": "read",
    "preview_rule": "write",
    "save_rule": "write",
    "remove_rule": "write",
    "undo_rules": "write",
    "undo_steering": "write",
    "find_to_steer": "read",
    "nothing_here": "read",
    "sign_out": "read",
    "choose_language": "read",
    "show_sessions": "admin",
    "end_session": "admin",
    "end_sessions_of_key": "admin",
}


def routes_of(client: FlaskClient) -> Iterator[tuple[str, str, str]]:
    """Method, address and name of each view of the console that needs a session."""
    for rule in client.application.url_map.iter_rules():
        if rule.endpoint.startswith("console.") and rule.rule not in OPEN:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                path = re.sub(r"<(path:)?\w+>", "harbour-2", rule.rule.replace("<number>", "1"))
                yield method, path, rule.endpoint.removeprefix("console.")


@pytest.fixture
def editor(client: FlaskClient, secrets: dict[str, str]) -> SignedIn:
    return SignedIn(client, secrets["editor"])


def test_every_route_names_the_scope_that_opens_it(client: FlaskClient) -> None:
    views = client.application.view_functions
    found = {
        name: vars(views[f"console.{name}"]).get("console_scope")
        for _, _, name in routes_of(client)
    }
    assert found == SCOPE_OF


def test_no_route_answers_without_a_session(client: FlaskClient, secrets: dict[str, str]) -> None:
    """Also not to a key of the API, which a console never takes in place of a session."""
    for key in (None, secrets["editor"]):
        client.environ_base.pop("HTTP_X_API_KEY", None)
        headers = {"X-API-Key": key} if key else {}
        for method, path, name in routes_of(client):
            answer = client.open(path, method=method, headers=headers)
            assert answer.status_code in {401, 403}, (name, answer.text)
            assert "harbour" not in answer.text.replace("harbour-2", ""), name


def test_no_route_takes_a_change_with_the_token_of_another_session(
    client_of: Callable[..., FlaskClient], own_desk: Settings, secrets: dict[str, str]
) -> None:
    one = SignedIn(client_of(own_desk, None), secrets["editor"])
    other = SignedIn(client_of(own_desk, None), secrets["editor"], "Boris")
    assert one.token != other.token
    for token in (other.token, "", "ä"):
        for method, path, name in routes_of(one.client):
            if method != "GET":
                headers = {"X-Form-Token": token.encode().decode("latin-1"), "X-Part": "1"}
                answer = one.client.open(path, method=method, headers=headers)
                assert answer.status_code == 403, (name, token)
    assert one.get("").status_code == 200


def test_no_route_takes_a_change_from_a_page_of_another_site(editor: SignedIn) -> None:
    for method, path, name in routes_of(editor.client):
        if method != "GET":
            headers = {"X-Form-Token": editor.token, "Sec-Fetch-Site": "cross-site"}
            assert editor.client.open(path, method=method, headers=headers).status_code == 403, name


@pytest.mark.parametrize(("role", "scopes"), [("reader", {"read"}), ("editor", {"read", "write"})])
def test_no_route_opens_to_a_role_that_is_too_small(
    client: FlaskClient, secrets: dict[str, str], role: str, scopes: set[str]
) -> None:
    """Not even with the token of the session; nothing but what its key opens is refused so."""
    person = SignedIn(client, secrets[role])
    closed = {name for name, scope in SCOPE_OF.items() if scope not in scopes}
    headers = {"X-Form-Token": person.token}
    for method, path, name in routes_of(client):
        if name in closed:
            assert client.open(path, method=method, headers=headers).status_code == 403, name
    assert {"show_sessions", "end_session", "go_back"} < closed
    assert person.get("").status_code == 200


def sign_out(browser: SignedIn, _: Settings) -> None:
    assert browser.post("/sign-out", part=False).status_code == 303


def end_by_hand(_: SignedIn, settings: Settings) -> None:
    """As an administrator does."""
    now = datetime.now(tz=UTC)
    with closing(open_store(settings.database_url)) as store:
        for one in store.console_sessions.all(now):
            store.console_sessions.end(one.id)


def grow_old(_: SignedIn, settings: Settings) -> None:
    with closing(open_store(settings.database_url)) as store, store.engine.begin() as connection:
        past = datetime.now(tz=UTC) - timedelta(seconds=1)
        connection.execute(sa.update(schema.console_sessions).values(ends_at=past))


@pytest.mark.parametrize("end", [sign_out, end_by_hand, grow_old])
def test_no_route_answers_to_a_session_that_has_ended(
    editor: SignedIn, own_desk: Settings, end: Callable[[SignedIn, Settings], None]
) -> None:
    """Though its cookie and the token of its pages are sent."""
    cookie = cookie_of(editor)
    end(editor, own_desk)
    headers = {"X-Form-Token": editor.token}
    for method, path, name in routes_of(editor.client):
        editor.client.set_cookie("read_also_console", cookie, path="/console", domain="localhost")
        answer = editor.client.open(path, method=method, headers=headers)
        assert answer.status_code in {401, 403}, name
        assert "harbour" not in answer.text.replace("harbour-2", ""), name


@pytest.mark.parametrize("key", ["front", "writer", "operator"])
def test_a_key_that_may_not_read_opens_no_session(
    client: FlaskClient, secrets: dict[str, str], key: str
) -> None:
    answer = client.post("/console/sign-in", data={"key": secrets[key]})
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_a_wrong_key_is_told_so(client: FlaskClient) -> None:
    answer = client.post("/console/sign-in", data={"key": "nobody-knows-this-key-at-all-000"})
    assert answer.status_code == 401
    assert "This key is not known" in answer.text
    assert "nobody-knows" not in answer.text


def test_the_cookie_is_for_this_site_and_no_script(
    client: FlaskClient, secrets: dict[str, str]
) -> None:
    for scheme, is_secure in (("http", False), ("https", True)):
        answer = client.post(
            "/console/sign-in", data={"key": secrets["editor"]}, base_url=f"{scheme}://desk.example"
        )
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Path=/console" in cookie
        assert ("Secure" in cookie) is is_secure


def cookie_of(browser: SignedIn) -> str:
    found = browser.client.get_cookie("read_also_console", path="/console")
    assert found is not None
    return str(found.value)


def make_due(settings: Settings) -> None:
    """Let the token of the only session be old."""
    with closing(open_store(settings.database_url)) as store, store.engine.begin() as connection:
        past = datetime.now(tz=UTC) - timedelta(minutes=20)
        connection.execute(sa.update(schema.console_sessions).values(rotated_at=past))


def test_the_token_is_replaced_and_the_old_one_holds_until_the_new_one_was_seen(
    editor: SignedIn, own_desk: Settings
) -> None:
    """The answer with the new token may be lost: a script drops it, or the network."""
    before = cookie_of(editor)
    make_due(own_desk)
    assert "Set-Cookie" not in editor.get("/map/list/harbour-2", part=True).headers
    answer = editor.get("")
    after = cookie_of(editor)
    assert answer.status_code == 200
    assert after != before
    with closing(open_store(own_desk.database_url)) as store:
        sessions, now = store.console_sessions, datetime.now(tz=UTC)
        assert sessions.find(before, now + timedelta(hours=1)) is not None  # the new was not seen
    assert editor.get("").status_code == 200  # with the new one
    with closing(open_store(own_desk.database_url)) as store:
        sessions, now = store.console_sessions, datetime.now(tz=UTC)
        assert sessions.find(before, now) is not None  # requests with it may be under way
        assert sessions.find(before, now + timedelta(seconds=61)) is None
        found = sessions.find(after, now + timedelta(seconds=61))
        assert found is not None
        assert sessions.find(after, found.ends_at) is None


def test_whoever_never_got_the_new_token_goes_on_with_the_old_one(
    editor: SignedIn, own_desk: Settings
) -> None:
    before = cookie_of(editor)
    for _ in range(2):
        make_due(own_desk)
        editor.get("")
        assert cookie_of(editor) != before
        editor.client.set_cookie("read_also_console", before, path="/console", domain="localhost")
    assert editor.get("").status_code == 200


def test_what_was_done_is_not_called_failed_where_the_token_cannot_be_replaced(
    editor: SignedIn, own_desk: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due(own_desk)

    def busy(*_: object) -> None:
        raise Busy("the store")

    monkeypatch.setattr(ConsoleSessions, "rotate", busy)
    assert editor.get("").status_code == 200


def test_whoever_is_signed_in_sees_what_is_wrong_while_the_store_is_away(
    editor: SignedIn, store_away: Callable[[], AbstractContextManager[None]]
) -> None:
    assert editor.get("/health").status_code == 200
    with store_away():
        page = editor.get("/health")
        assert page.status_code == 200
        assert "The stories are not reachable" in page.text
        assert editor.client.application.test_client().get("/console").status_code in {401, 503}


def test_a_part_that_is_opened_by_itself_runs_nothing(editor: SignedIn) -> None:
    policy = editor.get("/health", part=True).headers["Content-Security-Policy"]
    assert policy == "default-src 'none'; frame-ancestors 'none'"


def test_an_unforeseen_fault_is_a_page_for_people(
    editor: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("secret detail")

    monkeypatch.setattr(import_module("recommender.web.console.health"), "findings_of", fail)
    page = editor.get("/health")
    assert page.status_code == 500
    assert "Something went wrong" in page.text
    assert "secret detail" not in page.text


def test_signing_in_gives_a_new_token_and_ends_the_session_of_before(
    editor: SignedIn, secrets: dict[str, str]
) -> None:
    """A token that somebody has planted, or has seen, opens nothing afterwards."""
    before = cookie_of(editor)
    again = SignedIn(editor.client, secrets["editor"], "Boris")
    assert cookie_of(again) != before
    assert again.token != editor.token
    other = editor.client.application.test_client()
    other.set_cookie("read_also_console", before, path="/console", domain="localhost")
    assert other.get("/console").status_code == 401
    assert again.get("").status_code == 200


def test_a_planted_cookie_opens_nothing_and_is_replaced(
    client: FlaskClient, secrets: dict[str, str]
) -> None:
    client.set_cookie("read_also_console", "planted", path="/console", domain="localhost")
    assert client.get("/console").status_code == 401
    assert cookie_of(SignedIn(client, secrets["editor"])) != "planted"


def test_of_the_sessions_of_a_key_the_newest_hundred_hold(
    editor: SignedIn, own_desk: Settings, secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert console_sessions.MOST_OF_A_KEY == 100
    monkeypatch.setattr(console_sessions, "MOST_OF_A_KEY", 3)
    make_due(own_desk)
    strangers = [editor.client.application.test_client() for _ in range(4)]
    reader = SignedIn(strangers[0], secrets["reader"])  # of another key
    others = [SignedIn(one, secrets["editor"], "Boris") for one in strangers[1:]]
    assert editor.get("").status_code == 401  # the one that was used longest ago
    assert {one.get("").status_code for one in (reader, *others)} == {200}
    with closing(open_store(own_desk.database_url)) as store:
        assert [one.action for one in store.audit_log.entries()].count("session.end") == 1


def test_whoever_tries_keys_is_stopped_and_told_so(
    client_of: Callable[..., FlaskClient], own_desk: Settings
) -> None:
    client = client_of(replace(own_desk, rate_of_unknown_keys=1), None)
    tried = [
        client.post("/console/sign-in", data={"key": f"no-key-at-all-of-anybody-{n}"})
        for n in range(3)
    ]
    assert [one.status_code for one in tried] == [401, 429, 429]
    assert "Too many wrong keys" in tried[-1].text
    assert "Set-Cookie" not in tried[-1].headers


def test_the_end_of_a_key_ends_its_sessions(
    client: FlaskClient, own_desk: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time may be over, or its secret replaced and the time of the old one over."""
    keyring, now = client.application.extensions["read-also"].keyring, datetime.now(tz=UTC)
    secret_of = {name: f"a-secret-of-{name}-0123456789" for name in ("short", "rotated")}
    ends = {"short": now + timedelta(hours=1), "rotated": None}
    with closing(open_store(own_desk.database_url)) as store:
        for name, secret in secret_of.items():
            key = replace(ApiKey.of(name, ("read",), secret), expires_at=ends[name])
            store.keys.add(key, "read")
        keyring.refresh()
        short, rotated = (
            SignedIn(client.application.test_client(), secret) for secret in secret_of.values()
        )
        store.keys.rotate("rotated", digest_of("b" * 20), now + timedelta(hours=2))
    keyring.refresh()

    def statuses(hours: float) -> list[int]:
        moment = (now + timedelta(hours=hours)).timestamp()
        clock = SimpleNamespace(time=lambda: moment)
        monkeypatch.setattr(import_module("recommender.web.console.access"), "time", clock)
        return [one.client.get("/console/find").status_code for one in (short, rotated)]

    assert [statuses(hours) for hours in (0.9, 1.1, 2.1)] == [[200, 200], [401, 200], [401, 401]]


@pytest.mark.long
def test_a_revoked_key_ends_its_sessions(
    client: FlaskClient, own_desk: Settings, chief_key: str
) -> None:
    keyring = client.application.extensions["read-also"].keyring
    keyring.refresh()
    chief = SignedIn(client, chief_key)
    assert chief.get("").status_code == 200
    with closing(open_store(own_desk.database_url)) as store:
        store.keys.revoke("chief")
    keyring.refresh()
    assert chief.get("").status_code == 401


def test_an_administrator_sees_who_is_signed_in_and_signs_them_out(
    client_of: Callable[..., FlaskClient],
    own_desk: Settings,
    secrets: dict[str, str],
    chief_key: str,
) -> None:
    editor = SignedIn(client_of(own_desk, None), secrets["editor"], "Boris <script>")
    client = client_of(own_desk, None)
    client.application.extensions["read-also"].keyring.refresh()
    chief = SignedIn(client, chief_key)
    page = chief.get("/sessions").text
    assert "Boris &lt;script&gt;" in page
    found = re.search(r"/console/sessions/(\w+)/end", page)
    assert found is not None
    for no_session in ("a%00b", found[1].upper() + "A"):
        assert chief.post(f"/sessions/{no_session}/end").status_code == 404
    assert chief.post(f"/sessions/{found[1]}/end").status_code == 303
    assert editor.get("").status_code == 401
    with closing(open_store(own_desk.database_url)) as store:
        logged = [(one.actor, one.action) for one in store.audit_log.entries()]
    assert logged[-3:] == [
        ("editor: Boris <script>", "session.open"),
        ("chief: Anna", "session.open"),
        ("chief: Anna", "session.end"),
    ]


def test_an_administrator_signs_out_all_of_a_key_but_themselves(
    client_of: Callable[..., FlaskClient],
    own_desk: Settings,
    secrets: dict[str, str],
    chief_key: str,
) -> None:
    client = client_of(own_desk, None)
    client.application.extensions["read-also"].keyring.refresh()
    chief, *chiefs = (SignedIn(client.application.test_client(), chief_key) for _ in range(2))
    editors = [SignedIn(client.application.test_client(), secrets["editor"]) for _ in range(2)]
    assert "Sign out all others with the key <bdi>editor</bdi> (2)" in chief.get("/sessions").text
    assert editors[0].post("/sessions/end", key="chief").status_code == 403
    assert chief.post("/sessions/end", key="editor", why="a leak").status_code == 303
    assert [one.get("").status_code for one in (*editors, *chiefs)] == [401, 401, 200]
    assert chief.post("/sessions/end", key="chief").status_code == 303
    assert [one.get("").status_code for one in (chief, *chiefs)] == [200, 401]
    assert chief.post("/sessions/end", key="nobody").status_code == 303
    with closing(open_store(own_desk.database_url)) as store:
        ended = store.audit_log.newest("session.end", limit=9)
    assert [(one.actor, one.why) for one in ended] == [
        ("chief: Anna", ""),
        *[("chief: Anna", "a leak")] * 2,
    ]


def test_a_page_says_what_may_run_in_it(editor: SignedIn) -> None:
    one, other = (editor.get("").headers["Content-Security-Policy"] for _ in range(2))
    nonce = re.search(r"'nonce-([\w-]{16,})'", one)
    assert nonce is not None
    assert nonce[1] not in other
    assert "default-src 'none'" in one
    assert "unsafe" not in one
    page = editor.get("")
    assert page.headers["Cache-Control"] == "no-store"
    assert "http://" not in page.text.replace("http://localhost", "")


def test_a_link_from_another_site_is_asked_for_again_by_this_one(editor: SignedIn) -> None:
    """The browser sends the cookie only then."""
    stranger = editor.client.application.test_client()
    answer = stranger.get("/console", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.headers["Refresh"]) == (401, "0")
    assert "Sign in" in stranger.get("/console", headers={"Sec-Fetch-Site": "same-origin"}).text


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("/console/story/harbour-2", "/console/story/harbour-2"),
        ("/console?x=1", "/console?x=1"),
        ("//evil.example", "/console"),
        ("https://evil.example/console", "/console"),
        ("/console.evil.example", "/console"),
        ("/console/\\evil.example", "/console"),
        ("/console/\r\nSet-Cookie: a=b", "/console"),
    ],
)
def test_signing_in_leads_to_pages_of_the_console_alone(
    client: FlaskClient, secrets: dict[str, str], wanted: str, found: str
) -> None:
    data = {"key": secrets["editor"], "onward": wanted}
    assert client.post("/console/sign-in", data=data).headers["Location"] == found


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_console_speaks_the_language_that_is_chosen(editor: SignedIn, language: str) -> None:
    editor.post("/language", part=False, language=language)
    assert f'<html lang="{language}"' in editor.get("").text
    assert editor.post("/language", language="xx").status_code == 400


def test_a_worker_says_that_the_process_of_the_console_is_away(
    editor: SignedIn,
) -> None:
    """The files of the pages are there all the same, so that this page looks like the others."""
    environ = {CONSOLE_AWAY: True}
    page = editor.client.get("/console", environ_overrides=environ)
    assert (page.status_code, page.headers["Retry-After"]) == (503, "3")
    assert page.headers["Refresh"] == "3"  # it is asked for again by itself
    assert "Readers get their lists all the same." in page.text
    part = editor.client.get("/console", headers={"X-Part": "1"}, environ_overrides=environ)
    assert (part.status_code, "starts again" in part.get_json()["detail"]) == (503, True)
    form = {"form_token": editor.token}
    sent = editor.client.post("/console/sign-out", data=form, environ_overrides=environ)
    assert (sent.status_code, "Refresh" in sent.headers) == (503, False)
    assert editor.get("").status_code == 200
