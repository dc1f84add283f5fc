"""The remote encoder: asks a server for the vectors of texts. It imports no torch.

A server cannot be trusted to answer right. An answer that does not fit is refused, and nothing of
it is used. Texts that the server refuses, though it reads others, are found one by one.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.analysis.article_texts import cut, width
from recommender.analysis.embedding.encoder import PROBE
from recommender.analysis.embedding.encoder_connection import EncoderConnection, ServerAnswer
from recommender.analysis.embedding.model import ServedModel
from recommender.analysis.embedding.usage import Usage
from recommender.errors import EncoderAway
from recommender.progress import Advance

__all__ = ["RemoteEncoder"]

TEXTS_PER_REQUEST: Final = 32
SHORTEST_PART: Final = 200  # of a text that is too long for the server, in Latin characters
_TOO_LONG: Final = frozenset({400, 413, 422})
"""Statuses that servers give to a text that is longer than their model reads."""
_log = logging.getLogger(__name__)


class _Refusal(Exception):
    """The server refuses some texts; `is_too_long` if that may be due to their length."""

    def __init__(self, why: str, *, is_too_long: bool = False) -> None:
        super().__init__(why)
        self.is_too_long = is_too_long


class RemoteEncoder:
    """Embeds with a model on a server."""

    def __init__(self, model: ServedModel, usage: Usage, connection: EncoderConnection) -> None:
        self._model = model
        self._usage = usage
        self._connection = connection
        self._dim = model.dimensions
        self._most = TEXTS_PER_REQUEST
        self._refused = 0  # requests

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        """Embed texts: float32 [len(texts), dim], unit rows, in the order of the texts.

        There must be at least one text. Texts of similar length share a request. A text that the
        server refuses, though it reads others, has a row of NaN. A text that is too long for the
        server is read in parts; its vector is the mean of theirs, by their width.

        Raises:
            EncoderAway: the server does not answer, or not as it should.
        """
        order = np.argsort([-width(text) for text in texts], kind="stable")
        rows: list[NDArray[np.float32]] = []
        for some in self._slices([texts[place] for place in order]):
            rows.append(self._embed(some))
            advance(len(some))
        return np.concatenate(rows)[np.argsort(order)]

    def _slices(self, texts: Sequence[str]) -> Iterator[Sequence[str]]:
        at = 0
        while at < len(texts):
            some = texts[at : at + self._most]  # fewer after the server has refused so many
            yield some
            at += len(some)

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        try:
            return self._ask(texts)
        except _Refusal as refusal:
            self._check_server(refusal)
            return self._narrow(texts, refusal)

    def _check_server(self, refusal: _Refusal) -> None:
        """Find out whether a refusal is due to the texts: the server must read a usual one.

        Raises:
            EncoderAway: it refuses that too.
        """
        try:
            self._ask([PROBE])
        except _Refusal:
            raise self._away(f"refuses every text: {refusal}") from refusal

    def _narrow(self, texts: Sequence[str], refusal: _Refusal) -> NDArray[np.float32]:
        """Read refused texts: first fewer at once, then one in parts."""
        if len(texts) == 1:
            return self._read_in_parts(texts[0], refusal)[None]
        middle, refused = len(texts) // 2, self._refused
        rows = [self._try(some) for some in (texts[:middle], texts[middle:])]
        if refusal.is_too_long and self._refused == refused:  # so it was their number
            self._most = middle
        return np.concatenate(rows)

    def _try(self, texts: Sequence[str]) -> NDArray[np.float32]:
        try:
            return self._ask(texts)
        except _Refusal as refusal:
            self._refused += 1
            return self._narrow(texts, refusal)

    def _read_in_parts(self, text: str, refusal: _Refusal) -> NDArray[np.float32]:
        """The vector of a text that the server refuses: float32 [dim]."""
        if not refusal.is_too_long or width(text) <= SHORTEST_PART:
            _log.warning("the encoder refuses a text of %d letters: %s", len(text), refusal)
            return np.full(self._dim_kept(), np.nan, np.float32)
        parts = list(cut(text, (width(text) + 1) // 2))
        rows = np.concatenate([self._try([part]) for part in parts])
        weights = np.asarray([width(part) for part in parts], np.float32)
        unit: NDArray[np.float32] = _unit_rows((weights @ rows)[None])[0]
        return unit

    def _dim_kept(self) -> int:
        return self._usage.dimensions or self._dim or 0

    def _ask(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The unit rows of some texts.

        Raises:
            EncoderAway: the server does not answer, or not as it should.
        """
        answer = self._connection.post(self._question(texts))
        if answer.status != 200:  # noqa: PLR2004 - OK
            raise _Refusal(answer.message, is_too_long=answer.status in _TOO_LONG)
        rows = self._read(answer, len(texts))[:, : self._usage.dimensions]
        with np.errstate(over="ignore"):
            lengths = np.linalg.norm(rows, axis=1)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise _Refusal("its vector has a NaN or an infinity, or is zero")
        return _unit_rows(rows)

    def _question(self, texts: Sequence[str]) -> dict[str, object]:
        """The body of a request, in the form that the address wants."""
        inputs = [f"{self._usage.prompt or ''}{text}" for text in texts]
        size = {} if self._model.dimensions is None else {"dimensions": self._model.dimensions}
        if self._speaks_openai:
            named = {"model": self._model.name, "encoding_format": "float"}
            return {"input": inputs, **named, **size}
        return {"inputs": inputs, "normalize": True, "truncate": False, **size}

    @property
    def _speaks_openai(self) -> bool:
        return self._model.server.shown.endswith("/embeddings")

    def _read(self, answer: ServerAnswer, count: int) -> NDArray[np.float32]:
        """The vectors in an answer: float32 [count, dim]. One that is no number is NaN.

        Raises:
            EncoderAway: the answer has another form, or other numbers of rows or columns.
        """
        try:
            document: Any = json.loads(answer.body)
            vectors = _sorted_data(document, count) if self._speaks_openai else document
            with np.errstate(over="ignore"):
                rows = np.asarray(vectors, np.float32)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as fault:
            raise self._away(f"answers with something else than vectors ({fault!r})") from fault
        if rows.ndim != 2 or len(rows) != count:  # noqa: PLR2004 - texts by numbers
            raise self._away(f"answers with vectors of shape {rows.shape} for {count} texts")
        self._check_dim(rows.shape[1])
        return rows

    def _check_dim(self, dim: int) -> None:
        wanted, least = self._dim or dim, self._usage.dimensions or 1
        if dim != wanted or dim < least:
            raise self._away(
                f"answers with vectors of {dim} numbers, not of {max(wanted, least)}; its model "
                "was changed, or does not make vectors of that length"
            )
        self._dim = dim

    def _away(self, what: str) -> EncoderAway:
        return EncoderAway(f"the encoder at {self._model.server.shown} {what}")


def _sorted_data(document: Any, count: int) -> list[Any]:  # noqa: ANN401 - of any form
    """The vectors of OpenAI's answer, in the order of the texts.

    Raises:
        ValueError: they are not numbered as the texts are.
    """
    by_index = {one["index"]: one["embedding"] for one in document["data"]}
    if sorted(by_index) != list(range(count)) or len(document["data"]) != count:
        raise ValueError("the vectors are not numbered as the texts are")
    return [by_index[place] for place in range(count)]


def _unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    units: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return units
