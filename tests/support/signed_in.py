"""Somebody who is signed in to the console, as a browser would be."""

import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

__all__ = ["SignedIn"]

TOKEN = re.compile(r'<meta name="form-token" content="([^"]+)">')


class SignedIn:
    """A browser at the console: it keeps the cookie, and sends the token of its last page.

    Attributes:
        client: asks the application; it needs no key of its own.
        token: what a change is sent with.
    """

    def __init__(self, client: FlaskClient, key: str, person: str = "Anna") -> None:
        """Sign in.

        Raises:
            RuntimeError: the console refuses the key.
        """
        client.environ_base.pop("HTTP_X_API_KEY", None)
        self.client = client
        answer = client.post("/console/sign-in", data={"key": key, "person": person})
        if answer.status_code != 303:
            raise RuntimeError(answer.text)
        found = TOKEN.search(client.get("/console").text)
        self.token = found[1] if found else ""

    def get(self, path: str, *, part: bool = False, **query: Any) -> TestResponse:
        """Ask for a page, or for the part of it that scripts ask for."""
        headers = {"X-Part": "1"} if part else {}
        return self.client.get(f"/console{path}", query_string=query, headers=headers)

    def post(self, path: str, *, part: bool = True, **fields: Any) -> TestResponse:
        """Send a form as the scripts of a page do; `part=False` as a browser without them."""
        headers = {"X-Part": "1"} if part else {}
        sent = {"form_token": self.token, **fields}
        return self.client.post(f"/console{path}", data=sent, headers=headers)
