"""The list of a story in a frame of a CMS, by a signed address."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.api_keys import digest_of
from recommender.errors import Busy, NotReady
from recommender.settings import Settings
from recommender.web.console import embed
from recommender.web.console.embed import embed_signature

SITE = "https://cms.example"


@pytest.fixture
def ask(
    client_of: Callable[..., FlaskClient], own_desk: Settings, secrets: dict[str, str]
) -> Callable[..., Any]:
    """Ask for a frame; the address is signed as it should be, unless something is given."""
    client = client_of(own_desk, None)

    def get(story: str = "harbour-2", *, key: str = "editor", **given: Any) -> Any:
        until = given.pop("until", int(time.time()) + given.pop("seconds", 600))
        site = given.pop("site", SITE)
        signature = embed_signature(digest_of(secrets[key]), story, site, until)
        query = {"key": key, "site": site, "until": until, "signature": signature, **given}
        return client.get(f"/console/embed/{query.pop('shown', story)}", query_string=query)

    return get


def test_a_signed_address_shows_the_list_to_its_site_alone(ask: Callable[..., Any]) -> None:
    answer = ask()
    assert answer.status_code == 200
    assert answer.text.count("stories__title") > 3
    policy = answer.headers["Content-Security-Policy"]
    assert f"frame-ancestors {SITE}" in policy
    assert "script-src" not in policy  # nothing may run
    assert "<script" not in answer.text
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "change",
    [
        {"shown": "harbour-3"},
        {"signature": "0" * 64},
        {"signature": "ä"},
        {"until": 1},
        {"seconds": 4_000},  # holds for too long
        {"site": "https://cms.example; script-src *"},
        {"site": "*"},
        {"key": "writer"},  # it may not read
    ],
)
def test_any_other_address_shows_nothing(ask: Callable[..., Any], change: dict[str, Any]) -> None:
    answer = ask(**change)
    assert answer.status_code == 403
    assert "stories__title" not in answer.text


def test_the_name_of_the_key_is_the_signers(ask: Callable[..., Any]) -> None:
    assert ask(key="reader").status_code == 200
    assert ask(key="reader", site="https://other.example").status_code == 200


@pytest.mark.parametrize(
    ("story", "status", "said"),
    [("nobody", 404, "not stored here"), ("a\0b", 404, "not stored here")],
)
def test_its_site_also_shows_what_goes_wrong(
    ask: Callable[..., Any], story: str, status: int, said: str
) -> None:
    answer = ask(story)
    assert answer.status_code == status
    assert said in answer.text
    assert "<script" not in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert f"frame-ancestors {SITE}" in policy
    assert "script-src" not in policy


@pytest.mark.parametrize(
    ("error", "status"), [(Busy("lists"), 503), (NotReady(), 503), (KeyError(), 500)]
)
def test_an_error_of_the_service_stands_in_the_frame(
    ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def refuse() -> None:
        raise error

    monkeypatch.setattr(embed, "heavy_call", refuse)
    answer = ask()
    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert f"frame-ancestors {SITE}" in answer.headers["Content-Security-Policy"]


def test_the_signature_of_the_docs() -> None:
    """As a CMS computes it; docs/editors.md says how."""
    digest = digest_of("secret-of-the-cms")
    found = embed_signature(digest, "story-1", SITE, 1_800_000_000)
    assert found == ("e820fa8def8d3cf74c9d8592c32550202cbb5e07533e3404ebe98dbb8727818f")
