"""Receives the webhooks of Ghost, and keeps its posts in Read Also. A WSGI application.

The environment: READ_ALSO_URL, READ_ALSO_WRITE_KEY, and GHOST_SECRET, the secret of the webhooks.
"""

import hashlib
import hmac
import json
import logging
import os
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from read_also_client import ApiError, Article, Client, OlderVersion, foreign_id

_log = logging.getLogger(__name__)
OLDEST_SECONDS = 300
MOST_BYTES = 4_000_000
Answer = Callable[[str, list[tuple[str, str]]], object]


def receive(environ: dict[str, Any], answer: Answer) -> Iterable[bytes]:
    """Take one message of Ghost."""
    length = min(int(environ.get("CONTENT_LENGTH") or 0), MOST_BYTES)
    body = environ["wsgi.input"].read(length)
    status = "401 Unauthorized"
    if is_signed(environ.get("HTTP_X_GHOST_SIGNATURE", ""), body, os.environ["GHOST_SECRET"]):
        status = pass_on(json.loads(body)["post"])
    answer(status, [("Content-Length", "0")])
    return []


def is_signed(signature: str, body: bytes, secret: str) -> bool:
    """Whether Ghost signed the body: `sha256=HEX, t=MILLISECONDS`, over the body and the time."""
    parts = dict(part.strip().partition("=")[::2] for part in signature.split(","))
    sent_at = parts.get("t", "")
    wanted = hmac.new(secret.encode(), body + sent_at.encode(), hashlib.sha256).hexdigest()
    is_good = bool(secret) and hmac.compare_digest(
        wanted.encode(), parts.get("sha256", "").encode()
    )
    return is_good and abs(time.time() - int(sent_at) / 1000) < OLDEST_SECONDS


def pass_on(post: dict[str, Any]) -> str:
    """Store the post as it is now, or delete it if there is no post any more; the status."""
    url, key = os.environ["READ_ALSO_URL"], os.environ["READ_ALSO_WRITE_KEY"]
    try:
        with Client(url, key, timeout=3) as api:
            if post.get("current"):
                api.put(article_of(post["current"]))
            else:
                api.delete(foreign_id("ghost", post["previous"]["id"]))
    except OlderVersion:
        return "204 No Content"  # this message was overtaken by a newer one
    except ApiError as fault:
        _log.error("the related-article service has not got a post: %s", fault)
        return "503 Service Unavailable"
    return "204 No Content"


def article_of(post: dict[str, Any]) -> Article:
    """A post of Ghost as an article. Only what is published on the site is in lists."""
    section = post.get("primary_tag") or {}
    return Article(
        id=foreign_id("ghost", post["id"]),
        title=post["title"],
        body_html=post.get("html") or "",
        summary=post.get("custom_excerpt") or "",
        url=post.get("url"),
        section=section.get("name"),
        tags=tuple(tag["name"] for tag in post.get("tags") or () if tag["visibility"] == "public"),
        authors=tuple(author["name"] for author in post.get("authors") or ()),
        image_url=post.get("feature_image"),
        published_at=post.get("published_at"),
        updated_at=post["updated_at"],
        version=int(datetime.fromisoformat(post["updated_at"]).timestamp() * 1000),
        status="published" if post["status"] == "published" else "draft",
    )


if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    make_server("127.0.0.1", int(os.environ.get("PORT", "8090")), receive).serve_forever()
