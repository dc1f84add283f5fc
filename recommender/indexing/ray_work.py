"""What runs on the machines of a Ray cluster for a rebuild, and the rows that come back.

An actor has the work of one kind, and is given numbers of parts. It asks a feed for their texts.
"""

import asyncio
import logging
import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import chdir, nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import ray
from numpy.typing import NDArray

from recommender.analysis.analyzer import ANALYZER_VERSION, analyze
from recommender.analysis.crew import Texts
from recommender.analysis.embedding import Encoders, find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.features import Embedding, Features
from recommender.articles import Article
from recommender.encoding_settings import EncodingSettings
from recommender.errors import ClusterAway
from recommender.indexing.backfill import embed_part

__all__ = [
    "EncodingWork",
    "Feed",
    "PartWork",
    "ReadingWork",
    "Row",
    "embedding_of",
    "features_of",
    "first_line",
]

_ARRAYS: Final = ("first", "second", "third")
_SCHEMA: Final = pa.schema(
    [
        ("part", pa.int64()),
        ("key", pa.string()),
        ("fault", pa.string()),
        ("language", pa.string()),
        ("dim", pa.int64()),
        *((name, pa.binary()) for name in _ARRAYS),
    ]
)
"""A row for each text that was read. The arrays are bytes, as in the store: nothing of an answer
is unpickled by us."""

_log = logging.getLogger(__name__)
Row = dict[str, Any]


class Feed:
    """An actor between the driver and all others: who asks for a part waits here for its texts."""

    def __init__(self) -> None:
        self._numbers = asyncio.Queue[int]()
        self._waiting: dict[int, list[asyncio.Future[list[object]]]] = {}

    async def want(self, number: int) -> list[object]:
        """Wait for the reference to the texts of a part, in a list: Ray leaves it alone there."""
        texts: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(number, []).append(texts)
        await self._numbers.put(number)
        return await texts

    async def wanted(self) -> int:
        """Wait until an actor asks, and say for which part."""
        return await self._numbers.get()

    async def give(self, number: int, texts: list[object]) -> None:
        """Hand the texts of a part to all who wait for it."""
        for one in self._waiting.pop(number, []):
            if not one.done():
                one.set_result(texts)


class PartWork(ABC):
    """The work of an actor: it takes the number of a part, asks for its texts, and reads them."""

    def __init__(self, feed: Any) -> None:  # noqa: ANN401 - Ray's handles have no type
        self._feed = feed

    @abstractmethod
    def find(self, texts: Texts) -> dict[str, Row]:
        """What is to be found in some texts, by hash."""

    def __call__(self, numbers: pa.Table) -> pa.Table:
        """Do some parts; this is what Ray Data calls."""
        rows = [row for number in numbers["part"].to_pylist() for row in self._do(number)]
        return pa.Table.from_pylist(rows, schema=_SCHEMA)

    def _do(self, number: int) -> list[Row]:
        try:
            given = ray.get(self._feed.want.remote(number))
            found = {key: row for texts in given for key, row in self.find(ray.get(texts)).items()}
        except Exception as fault:  # noqa: BLE001 - the driver raises it, with its message
            said = f"{socket.gethostname()}: {first_line(fault)}"
            return [{"part": number, "fault": said}]
        return [{"part": number, "key": key, **row} for key, row in found.items()]


class ReadingWork(PartWork):
    """Reads texts. An error of the analyzer ends the process, as it ends one of `readers`."""

    def __init__(self, feed: Any, version: str) -> None:  # noqa: ANN401 - as above
        super().__init__(feed)
        self._version = version

    def find(self, texts: Texts) -> dict[str, Row]:
        """The features of some texts."""
        if self._version != ANALYZER_VERSION:
            raise ClusterAway("another release of Read Also is installed; install the same one")
        return {key: _row_of_features(self.analyze(article)) for key, article in texts.items()}

    def analyze(self, article: Article) -> Features:
        """The features of one text."""
        try:
            return analyze(article)
        except Exception:  # noqa: BLE001 - see above
            _log.exception("a text cannot be read")
            os._exit(1)


class EncodingWork(PartWork):
    """Embeds texts with a model that is found on the machine of the actor."""

    def __init__(
        self,
        feed: Any,  # noqa: ANN401 - as above
        model: str,
        data_dir: Path,
        encoding: EncodingSettings,
        fingerprint: str,
        folder: Path,
    ) -> None:
        super().__init__(feed)
        self._find = partial(find_model, model, data_dir, encoding)
        self._fingerprint = fingerprint
        self._folder = folder

    def find(self, texts: Texts) -> dict[str, Row]:
        """The embeddings of some texts."""
        embedded = embed_part(texts, self._encoders, bool)
        return {key: _row_of_embedding(one) for key, one in embedded.items()}

    @cached_property
    def _encoders(self) -> Encoders:
        with chdir(self._folder) if self._folder.is_dir() else nullcontext():
            return self._load()

    def _load(self) -> Encoders:
        model = self._find()
        if model.fingerprint != self._fingerprint:
            raise ClusterAway(
                f"the model {model.name} is another one there; install the same release of Read "
                "Also, and put the same model into the same folder"
            )
        titles = model.titles
        return Encoders(load_encoder(model), None if titles is None else load_encoder(titles))


def _row_of_features(found: Features) -> Row:
    arrays = (found.buckets.astype("<i4"), found.counts.astype("<f4"), found.minhash.astype("<u2"))
    return {"language": found.language, **_packed(arrays)}


def features_of(row: Row) -> Features:
    """The features in a row that came back."""
    buckets, counts, minhash = _unpacked(row, ("<i4", "<f4", "<u2"))
    return Features(row["language"], buckets, counts, minhash)


def _row_of_embedding(found: Embedding) -> Row:
    arrays = (found.vector.astype("<f2"), found.passages, found.title_and_body)
    return {"dim": found.passages.shape[1], **_packed(arrays)}


def embedding_of(row: Row) -> Embedding:
    """The embedding in a row that came back."""
    vector, passages, title_and_body = _unpacked(row, ("<f2", "i1", "i1"))
    dim = row["dim"]
    return Embedding(vector, passages.reshape(-1, dim), title_and_body.reshape(-1, dim))


def _packed(arrays: Iterable[NDArray[Any]]) -> Row:
    return dict(zip(_ARRAYS, (one.tobytes() for one in arrays), strict=True))


def _unpacked(row: Row, dtypes: Iterable[str]) -> list[NDArray[Any]]:
    named = zip(_ARRAYS, dtypes, strict=True)
    return [np.frombuffer(row[name], dtype) for name, dtype in named]


def first_line(fault: BaseException) -> str:
    """What an error says, without the stacks that Ray puts into it."""
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    return f"{type(fault).__name__}: {lines[-1] if lines else 'no more is known'}"
