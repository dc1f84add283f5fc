"""Kills of the Milvus server, the indexer and a web worker while articles are written and read.

The article store is the truth: what it acknowledged is in the lists after any of them.
"""

import os
import shutil
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from index import IndexFault
from index.milvus import Milvus
from recommender.display_fields import DisplayFields
from recommender.indexing.collection_catalog import open_collection
from recommender.settings import PREFIX
from tests.support.milvus_servers import MilvusServer
from tests.support.serving import KEY, Place, Server
from tests.support.waiting import until

pytestmark = pytest.mark.long
TOPIC = "tram rail voltage depot signal track carriage driver timetable fare"
SECONDS = 3.0
"""Between two kills: time for some writes and reads."""


@dataclass
class Clients:
    """One client that writes five stories a second, one that reads lists of them."""

    address: str
    written: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    reads: Counter[int | str] = field(default_factory=Counter)
    withdrawn_shown: list[str] = field(default_factory=list)
    is_over: bool = False
    read_again: bool = False

    def write(self) -> None:
        number = 0
        with httpx.Client(headers={"X-API-Key": KEY}, timeout=10) as http:
            while not self.is_over:
                number += 1
                self._write(http, f"kill-{number}", f"{TOPIC} {number}")
                if number % 5 == 0:
                    self._delete(http, f"kill-{number - 3}")
                time.sleep(0.2)

    def _write(self, http: httpx.Client, article_id: str, title: str) -> None:
        body = {"title": title, "body": f"{TOPIC}. " * 8 + title, "language": "en"}
        try:
            answer = http.put(f"{self.address}/v1/articles/{article_id}", json=body)
        except httpx.HTTPError:
            return
        if answer.is_success:
            self.written[article_id] = title

    def _delete(self, http: httpx.Client, article_id: str) -> None:
        try:
            answer = http.delete(f"{self.address}/v1/articles/{article_id}")
        except httpx.HTTPError:
            return
        if answer.is_success:
            self.deleted.add(article_id)
            self.written.pop(article_id, None)

    def read(self) -> None:
        with httpx.Client(headers={"X-API-Key": KEY}, timeout=15) as http:
            while not self.is_over:
                gone = {*self.deleted}
                time.sleep(1.0)  # by then no list may show them
                try:
                    answer = http.get(f"{self.address}/v1/articles/kill-1/related?limit=50")
                except httpx.HTTPError as fault:
                    self.reads[type(fault).__name__] += 1
                    continue
                self.reads[answer.status_code] += 1
                if answer.status_code == httpx.codes.OK:
                    shown = {item["id"] for item in answer.json()["items"]}
                    self.withdrawn_shown += shown & gone


def test_no_acknowledged_write_is_lost_whoever_is_killed(tmp_path: Path, demo_folder: Path) -> None:
    folder = tmp_path / "archive"
    shutil.copytree(demo_folder / "demo", folder)
    with MilvusServer(tmp_path / "milvus") as milvus:
        place = Place(folder, more={f"{PREFIX}MILVUS": milvus.address})
        place.run("rebuild")
        with Server(place) as server:
            clients = Clients(server.address)
            threads = [threading.Thread(target=one) for one in (clients.write, clients.read)]
            for thread in threads:
                thread.start()
            try:
                kill_in_turn(server, milvus)
                before = clients.reads[200]
                clients.read_again = until(lambda: clients.reads[200] > before + 2, 30.0)
            finally:
                clients.is_over = True
                for thread in threads:
                    thread.join()
            assert len(clients.written) > 20
            assert clients.withdrawn_shown == []
            assert clients.reads[200] > 0
            assert clients.read_again, clients.reads
            # While the server is away a list is refused, and never made of less.
            assert {*clients.reads} <= {200, 404, 503, "ReadError", "RemoteProtocolError"}
            assert until(lambda: not missing(milvus, clients)), missing(milvus, clients)


def kill_in_turn(server: Server, milvus: MilvusServer) -> None:
    time.sleep(SECONDS)
    indexer = server.indexer
    assert indexer is not None
    os.kill(indexer, signal.SIGKILL)
    time.sleep(SECONDS)
    milvus.kill()
    time.sleep(SECONDS)
    milvus.start()
    time.sleep(SECONDS)
    os.kill(server.workers[0], signal.SIGKILL)
    assert until(server.is_whole)
    time.sleep(SECONDS)


def missing(server: MilvusServer, clients: Clients) -> dict[str, str]:
    """The acknowledged writes that are not in the collection, and the deletions that are."""
    milvus = Milvus(server.address)
    try:
        wanted = {*clients.written, *clients.deleted}
        rows = open_collection(milvus).index.fetch(wanted).rows
    except IndexFault as fault:
        return {"": str(fault)}
    finally:
        milvus.close()
    shown = zip(rows.ids, rows.display, rows.columns["up_to_date"].tolist(), strict=True)
    titles = {key: DisplayFields.from_bytes(of).title for key, of, is_read in shown if is_read}
    unread = {key: title for key, title in clients.written.items() if titles.get(key) != title}
    return unread | dict.fromkeys(clients.deleted & {*rows.ids}, "deleted")
