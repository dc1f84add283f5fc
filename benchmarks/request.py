"""What a request for a list costs beside a bare Flask view of the same bytes: milliseconds of CPU.

    READ_ALSO_DATA_DIR=DIR OMP_NUM_THREADS=1 python -m benchmarks.request [--seeds 300]

The archive is the one that the environment names, with a snapshot. Each list is made anew, then its
bytes are returned by a view that does nothing else, by turns, so that both meet the same machine.
Only the CPU time of the thread that answers is counted.
"""

import os
import secrets
import sys
import time
from collections.abc import Callable
from random import Random
from statistics import median
from typing import Final

import click
from flask import Flask, Response
from flask.testing import FlaskClient

KEY: Final = secrets.token_urlsafe(24)
HEADERS: Final = {"Authorization": f"Bearer {KEY}"}
PAGE: Final = 100
MILLISECONDS: Final = 1_000


def read_ids(client: FlaskClient) -> list[str]:
    """The ids of the whole archive."""
    found: list[str] = []
    query: dict[str, str | int] = {"limit": PAGE}
    while True:
        page = client.get("/v1/articles", query_string=query, headers=HEADERS).get_json()
        found += [article["id"] for article in page["articles"]]
        if not page["next"]:
            return found
        query["cursor"] = page["next"]


def bare_client(body: Callable[[], bytes]) -> FlaskClient:
    """A client of an application whose only view returns some bytes."""
    application = Flask(__name__)

    @application.get("/<path:_>")
    def answer(_: str) -> Response:
        return Response(body(), mimetype="application/json")

    return application.test_client()


def spend(client: FlaskClient, address: str) -> tuple[float, bytes]:
    """The CPU time of one call in milliseconds, and what it answered."""
    begun = time.thread_time()
    answer = client.get(address, headers=HEADERS)
    spent = (time.thread_time() - begun) * MILLISECONDS
    return spent, answer.data


@click.command()
@click.option("--seeds", default=300, show_default=True)
@click.option("--query", default="limit=12", show_default=True)
def main(seeds: int, query: str) -> None:
    """Print the median of both, and their ratio."""
    os.environ["READ_ALSO_API_KEYS"] = f"benchmark:read:{KEY}"
    from service import create_app  # noqa: PLC0415 - reads the environment that is set first

    client, body = create_app().test_client(), b""
    bare = bare_client(lambda: body)
    ids = read_ids(client)
    lists, views = [], []
    for article_id in Random(0).sample(ids, min(seeds, len(ids))):  # noqa: S311
        address = f"/v1/articles/{article_id}/related?{query}"
        spent, body = spend(client, address)
        lists.append(spent)
        views.append(spend(bare, address)[0])
    ratio = median(lists) / median(views)
    print(f"{len(ids)} articles, {len(lists)} lists of '{query}'")
    print(f"a list {median(lists):.2f} ms of CPU, a bare view {median(views):.2f} ms: {ratio:.1f}")
    sys.stdout.flush()
    os._exit(0)  # the threads of the application do not end by themselves


if __name__ == "__main__":
    main()
