"""A worker whose PostgreSQL is frozen: lists go on, writes are refused, and all returns with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import service
from recommender.store import bounded_connection
from service import create_app
from tests.support.archives import SECRETS, archive_settings, desk_articles, fill, rebuild_fake
from tests.support.postgresql import PostgreSQL
from tests.support.waiting import until

SEED = "/v1/articles/harbour-2/related"


@contextmanager
def working(address: str, folder: Path) -> Iterator[FlaskClient]:
    """A worker that follows its store by itself, as in production."""
    settings = replace(archive_settings(folder), database_url=address)
    fill(settings, desk_articles())
    rebuild_fake(settings)
    app = create_app(settings)
    shared = app.extensions["read-also"]
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {SECRETS['editor']}"
    try:
        yield client
    finally:
        shared.stop()


def test_lists_go_on_and_writes_are_refused_while_the_database_is_frozen(
    postgresql: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "WEB_ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(bounded_connection, "REST_SECONDS", 0.2)
    name = postgresql.make_database()
    with working(postgresql.url(name), tmp_path) as client:

        def store() -> str:
            return str(client.get("/readyz").get_json()["store"])

        before = client.get(SEED).get_json()
        assert until(lambda: store() == "ok")
        with postgresql.frozen():
            refused = client.put("/v1/articles/fresh", json={"title": "A fresh crane"})
            assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
            assert until(lambda: store() == "away")
            assert client.get(SEED).get_json() == before
            assert client.get("/v1/articles/harbour-2").status_code == 503
        assert until(lambda: store() == "ok")
        crane = {"title": "A crane"}
        assert until(lambda: client.put("/v1/articles/fresh", json=crane).status_code == 201)
        assert until(lambda: client.get("/v1/articles/harbour-2").status_code == 200)
    postgresql.drop_database(name)
