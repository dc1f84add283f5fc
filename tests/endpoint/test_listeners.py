"""Metrics are for operators: the application serves them if the web server says who asks."""

from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient

from recommender.request_origin import LISTENER, OPERATORS, PUBLIC

ORIGINS = {"operators": {LISTENER: OPERATORS}, "public": {LISTENER: PUBLIC}, "no web server": {}}


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize(
    "path", ["/metrics", "//metrics", "/%6Detrics", "/metrics/", "/x/../metrics"]
)
def test_only_operators_find_metrics(client: FlaskClient, origin: str, path: str) -> None:
    """The path goes past the test client, which takes what stands after `//` for a host."""
    environ = ORIGINS[origin] | {"HTTP_SCRIPT_NAME": "/metrics", "PATH_INFO": unquote(path)}
    found = origin == "operators" and path in {"/metrics", "//metrics", "/%6Detrics"}
    assert client.get("/", environ_overrides=environ).status_code == (200 if found else 404)


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_every_listener_has_the_probes(client: FlaskClient, origin: str, path: str) -> None:
    assert client.get(path, environ_overrides=ORIGINS[origin]).status_code == 200
