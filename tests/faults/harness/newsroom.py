"""A CMS that writes and deletes stories, and what a Milvus collection has of them afterwards."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from index import IndexFault
from index.milvus import Milvus
from recommender.display_fields import DisplayFields
from recommender.indexing.collection_catalog import open_collection
from tests.faults.harness.clients import ask
from tests.faults.harness.machines import ACKNOWLEDGED, SEEDS
from tests.faults.harness.stories import fresh, seeds
from tests.support.archives import Document

__all__ = ["Newsroom", "missing", "story_of"]

DELETED_OF: Final = 5
LATER: Final = 3
"""Of so many new stories one is deleted, which was written so many stories before."""
GONE: Final = frozenset({204, 404, 410})


def story_of(number: int) -> Document:
    """A new story on the subject of one of the seeds."""
    of_seed, text = seeds(SEEDS)[number % SEEDS], f"Part {number} of what readers say. "
    more = {"title": f"{of_seed['title']}, part {number}", "body": text + of_seed["body"]}
    return fresh(number, **more)


@dataclass
class Newsroom:
    """A CMS that writes and deletes, by turns over the machines, until it is acknowledged.

    Attributes:
        ports: where the machines answer.
        titles: of the acknowledged stories that were not deleted, by number.
        deleted: when a deletion was acknowledged, by id, by the monotonic clock.
    """

    ports: Sequence[int]
    titles: dict[int, str] = field(default_factory=dict)
    deleted: dict[str, float] = field(default_factory=dict)
    _turn: int = 0

    def write(self, number: int) -> bool:
        """Write the story of a number; whether all was acknowledged."""
        document = story_of(number)
        if self._call("PUT", document["id"], document) not in ACKNOWLEDGED:
            return False
        self.titles[number] = document["title"]
        return number % DELETED_OF != DELETED_OF - 1 or self._delete(number - LATER)

    def _delete(self, number: int) -> bool:
        article_id = str(fresh(number)["id"])
        if self._call("DELETE", article_id) not in GONE:
            return False
        self.deleted[article_id] = time.monotonic()
        self.titles.pop(number, None)
        return True

    def _call(self, method: str, article_id: str, document: Document | None = None) -> int:
        self._turn += 1
        port = self.ports[self._turn % len(self.ports)]
        return ask(port, method, f"/v1/articles/{article_id}", document)[0]


def missing(address: str, titles: Mapping[str, str], deleted: set[str]) -> dict[str, str]:
    """By id, the titles that the live collection does not have as read, and "deleted" if it has it.

    Args:
        address: of the server.
        titles: of what must be there, by id.
        deleted: the ids that must not.
    """
    milvus = Milvus(address)
    try:
        rows = open_collection(milvus).index.fetch({*titles, *deleted}).rows
    except IndexFault as fault:
        return {"": str(fault)}
    finally:
        milvus.close()
    shown = zip(rows.ids, rows.display, rows.columns["up_to_date"].tolist(), strict=True)
    there = {key: DisplayFields.from_bytes(of).title for key, of, is_read in shown if is_read}
    unread = {key: title for key, title in titles.items() if there.get(key) != title}
    return unread | dict.fromkeys(deleted & {*rows.ids}, "deleted")
