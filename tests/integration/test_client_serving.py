"""Both Python clients against `serve`: two workers, an indexer with the real model, and nginx."""

import asyncio

import httpx
import pytest

from read_also_client import AsyncClient, Client, Written
from read_also_client.articles import Fields
from tests.support.nginx import running_nginx
from tests.support.serving import KEY, Server
from tests.support.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.long


def becomes_visible(api: Client, story: Fields) -> bool:
    """Put the same article until its write shows; a machine under load needs more than once."""
    return until(lambda: api.put(story, wait=True).visible, PATIENCE_SECONDS)


def test_a_new_text_is_listed_when_its_write_says_that_it_is_visible(api: Client) -> None:
    for number, title in enumerate(("Tram line opens in Osh", "Osh plans a second tram line")):
        story = {"id": number, "title": title, "body": "Rails will reach the bazaar."}
        assert becomes_visible(api, story)
    assert [item.id for item in api.related(0).items] == ["1"]
    assert until(lambda: api.delete(1, wait=True).visible, PATIENCE_SECONDS)
    assert api.related(0).items == ()


def test_many_writes_at_once_are_all_stored_and_say_that_they_are_not_visible(
    server: Server, api: Client
) -> None:
    """At a time two writes of a worker may wait to be visible, and four may be made."""
    stories = [{"id": f"s-{number}", "title": f"Story {number}"} for number in range(24)]

    async def put_all() -> list[Written]:
        async with AsyncClient(server.address, KEY) as client:
            return await asyncio.gather(*(client.put(story, wait=True) for story in stories))

    written = asyncio.run(put_all())
    assert [(one.id, one.result) for one in written] == [(one["id"], "created") for one in stories]
    assert not all(one.visible for one in written)
    for story in stories:
        assert becomes_visible(api, story)


def test_many_megabytes_pass_a_proxy_with_its_defaults(server: Server, api: Client) -> None:
    """nginx takes bodies of 1 MiB, unless it is told otherwise."""
    limit = {"client_max_body_size 16m;": "client_max_body_size 1m;"}
    writes = [
        {"id": f"long-{number}", "title": "T", "body": "word " * 30_000} for number in range(30)
    ]
    with running_nginx(server.port, limit) as nginx:
        behind = f"https://127.0.0.1:{nginx.port}"
        with Client(behind, KEY, transport=httpx.HTTPTransport(verify=False)) as client:
            outcomes = list(client.bulk(writes))
        with httpx.Client(
            transport=httpx.HTTPTransport(verify=False), timeout=PATIENCE_SECONDS
        ) as plain:
            refused = plain.post(f"{behind}/v1/bulk", content=b"x" * (2**20 + 1))
    assert [(one.id, one.status) for one in outcomes] == [(one["id"], 201) for one in writes]
    assert refused.status_code == 413
    assert api.get("long-29").body == writes[29]["body"]
