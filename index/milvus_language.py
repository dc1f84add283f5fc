"""How rows, conditions and addresses are written for Milvus: its types, its language of filters."""

from __future__ import annotations

import binascii
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote, urlsplit

import numpy as np

from index.conditions import (
    Between,
    Compared,
    Every,
    Flag,
    HasId,
    HasKeyword,
    Labelled,
    Not,
    OneOf,
    Some,
)
from index.lexical import Query
from index.rows import BUCKETS
from index.tenures import Stamp

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from index.arrays import Array, Floats
    from index.conditions import Condition
    from index.stored_rows import RowLayout, StoredRows
    from index.tenures import Tenures

__all__ = [
    "LONGEST_ID",
    "MOST_KEYWORDS",
    "OUTPUT",
    "PIECES",
    "Entity",
    "SearchedColumns",
    "batches_of",
    "connection_to",
    "entities_of",
    "expression_of",
    "late_rows",
    "packed_in",
    "padded",
    "stamp_in",
    "to_bytes",
    "to_text",
    "written_before",
]

NOTHING: Final = "id in []"
"""The condition that no row meets; an empty text is the one that all meet."""
MOST_NUMBERS: Final = 50
"""So many numbers of a row under one name are looked at; an article has no more."""
_PIECE: Final = 60_000
PIECES: Final = tuple(f"row_{part}" for part in range(6))
"""The fields with the bytes of a row in base64; a field of text takes 65,535 bytes."""
OUTPUT: Final = (*PIECES, "tenure", "since")
"""The fields that a search reads."""
MOST_KEYWORDS: Final = 4_096
LONGEST_ID: Final = 800
MOST_JSON: Final = 65_536
_BATCH_BYTES: Final = 8_000_000
"""A server takes 64 MB in one message."""
PORT: Final = 19_530
_ORIGIN: Final = 1.6e9
"""What is taken from numbers that rows are ordered by: float32 then tells seconds of our time."""
_UNORDERED: Final = -1e15
FAR: Final = 1e30
"""In the place of what is infinite."""
NEVER: Final = -4e30
"""In the place of a NaN."""


@dataclass(frozen=True, slots=True)
class SearchedColumns:
    """The columns that conditions may name, beside those of labels.

    Attributes:
        names: of them.
        ordered_by: the column of floats by which `newest` orders.
    """

    names: frozenset[str]
    ordered_by: str


@dataclass(frozen=True, slots=True)
class Entity:
    """A row as Milvus takes it.

    Attributes:
        id: its id.
        fields: of the collection, by name.
        size: about how many bytes that is.
        fault: why no collection can hold it; "" if one can.
    """

    id: str
    fields: Mapping[str, Any]
    size: int
    fault: str


def connection_to(address: str) -> dict[str, str]:
    """What the driver wants to know of an address, or of the path of a file."""
    parts = urlsplit(address)
    if not parts.scheme:
        return {"uri": address}
    host = parts.hostname or ""
    if ":" in host:  # the driver drops the brackets of an IPv6 address, and gRPC reads these
        host = quote(f"[{host}]", safe="")
    return {
        "uri": f"{parts.scheme}://{host}:{parts.port or PORT}",
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "db_name": unquote(parts.path.strip("/")),
    }


def expression_of(condition: Condition) -> str:
    """Write a condition in Milvus's language of filters."""
    match condition:
        case Not(negated):
            inner = expression_of(negated)
            return f"not ({inner})" if inner else NOTHING
        case Every(conditions):
            kept = filter(None, map(expression_of, conditions))
            return " and ".join(f"({one})" for one in kept)
        case Some(conditions):
            found = [expression_of(one) for one in conditions]
            return " or ".join(f"({one})" for one in found) or NOTHING if all(found) else ""
        case _:
            return _expression_of_one(condition)


def _expression_of_one(
    condition: Flag | Compared | Labelled | OneOf | HasId | HasKeyword | Between,
) -> str:
    match condition:
        case Flag(column):
            written = f"column_{column} == true"
        case Compared(column, comparison, value):
            known = f"column_{column} > {NEVER / 2!r}"
            bound = min(max(value, -FAR), FAR)
            written = f"({known} and column_{column} {comparison} {bound!r})"
        case Labelled(column, labels):
            written = f"column_{column} in {sorted(map(hash_text, labels))}"
        case OneOf(column, values):
            written = f"column_{column} in {sorted(values)}"
        case HasId(ids):
            written = f"id in {json.dumps(sorted(ids), ensure_ascii=False)}"
        case HasKeyword(keywords):
            hashes = sorted(map(hash_text, keywords))
            written = f"array_contains_any(keywords, {hashes})" if hashes else NOTHING
        case Between(name, least, most):
            written = _between(name, least, most)
    return written


def _between(name: str, least: float, most: float) -> str:
    """The bounds of each number in turn: there is no condition on any of them.

    What a row lacks is neither in nor out of bounds for Milvus, so it is asked first.
    """
    low, high = max(least, -FAR), min(most, FAR)
    places = (f'numbers["{number_key(name, place)}"]' for place in range(MOST_NUMBERS))
    found = (f"(exists {one} and {one} >= {low!r} and {one} <= {high!r})" for one in places)
    return " or ".join(found)


@lru_cache(maxsize=4_096)
def hash_text(text: str) -> int:
    """The number that stands for a label or a keyword: 63 bits.

    Two texts with one number only make a search find too much; lists look at the texts.
    """
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def number_key(name: str, place: int) -> str:
    """The name of the field of the number at a place under a name."""
    return f"n{hash_text(name):x}_{place}"


def bounded(column: Array) -> Array:
    """A column of floats as Milvus takes it: finite."""
    kept = np.clip(np.where(np.isnan(column), NEVER, column), -FAR, FAR)
    return np.where(np.isnan(column), NEVER, kept)


def entities_of(
    layout: RowLayout, searched: SearchedColumns, stored: StoredRows, stamp: Stamp
) -> Iterator[Entity]:
    """Write rows as the fields of a collection; what a collection cannot hold has a fault."""
    rows, names = stored.rows, (*sorted(searched.names), *layout.labels)
    scalars = {name: _scalar_values(stored, name) for name in names}
    places = rows.columns[searched.ordered_by] - _ORIGIN
    places = np.where(np.isfinite(places), places, _UNORDERED).tolist()
    for at, packed in enumerate(layout.pack(stored)):
        of_row = Query.of_row(stored.terms, at)
        terms = zip(of_row.buckets.tolist(), of_row.weights.tolist(), strict=True)
        above = {bucket: weight for bucket, weight in terms if weight > 0}
        fields = {
            "id": rows.ids[at],
            "vector": padded(rows.vectors[at]),
            "terms": above or {BUCKETS: 1.0},  # no query has that bucket; none may be empty
            "place": [places[at], 0.0],
            "keywords": [hash_text(one) for one in rows.keywords[at]],
            "numbers": _numbers_by_key(rows.numbers[at]),
            "tenure": stamp.tenure,
            "since": stamp.since,
            **{f"column_{name}": values[at] for name, values in scalars.items()},
        }
        text = to_text(packed)
        pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
        in_fields = dict.fromkeys(PIECES, "") | dict(zip(PIECES, pieces, strict=False))
        size = len(text) + 12 * (len(above) + rows.vectors.shape[1])
        yield Entity(rows.ids[at], fields | in_fields, size, _fault_of(fields, len(text)))


def _fault_of(fields: Mapping[str, Any], size: int) -> str:
    """Why no collection can hold a row of so many characters of base64; "" if one can."""
    if size > _PIECE * len(PIECES):
        return f"its row is too large for Milvus: {size * 3 // 4:,} bytes"
    if len(fields["id"].encode()) > LONGEST_ID:
        return f"its id has more than {LONGEST_ID} bytes"
    if len(fields["keywords"]) > MOST_KEYWORDS:
        return f"it has {len(fields['keywords']):,} keywords, and Milvus takes {MOST_KEYWORDS:,}"
    length = len(json.dumps(fields["numbers"], separators=(",", ":")))
    if length > MOST_JSON:
        return f"its numbers are {length:,} bytes of JSON, and Milvus takes {MOST_JSON:,}"
    return ""


def _numbers_by_key(numbers: Mapping[str, Collection[float]]) -> dict[str, float]:
    return {
        number_key(name, place): value
        for name, values in numbers.items()
        for place, value in enumerate(values)
    }


def batches_of(entities: Sequence[Entity], most: int) -> Iterator[list[Entity]]:
    """Divide rows into those that are sent in one message: not too many, and not too large."""
    batch, size = list[Entity](), 0
    for one in entities:
        if batch and (len(batch) >= most or size + one.size > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.size
    if batch:
        yield batch


def stamp_in(row: Any) -> Stamp:  # noqa: ANN401 - a row as pymilvus gives it
    """The stamp of a row, from its fields."""
    return Stamp(int(row["tenure"]), int(row["since"]))


def written_before(stamp: Stamp) -> str:
    """The condition that a row was not written later: by a later writer, or of a later page."""
    own = f"tenure == {stamp.tenure} and since <= {stamp.since}"
    return f"(tenure < {stamp.tenure} or ({own}))"


def late_rows(tenures: Tenures) -> str:
    """The condition that a row does not count; some tenure must be known."""
    began = tenures.began.items()
    return " or ".join(f"(tenure < {number} and since >= {place})" for number, place in began)


def _scalar_values(stored: StoredRows, name: str) -> list[Any]:
    column: Array = stored.rows.columns[name]
    if name in stored.rows.labels:
        hashes = [hash_text(label) for label in stored.rows.labels[name]]
        return [hashes[code] for code in column.tolist()]
    if column.dtype.kind == "f":
        column = bounded(column)
    values: list[Any] = column.tolist()
    return values


def to_text(data: bytes) -> str:
    """Write bytes as text."""
    return binascii.b2a_base64(data, newline=False).decode()


def to_bytes(text: str) -> bytes:
    """Read bytes that `to_text` wrote."""
    return binascii.a2b_base64(text)


def packed_in(row: Any) -> bytes:  # noqa: ANN401 - a row as pymilvus gives it
    """The bytes of a row, from its fields."""
    return to_bytes("".join(row[name] for name in PIECES))


def padded(vector: Floats) -> list[float]:
    """A vector as Milvus takes it: of two numbers at least."""
    numbers: list[float] = vector.tolist()
    return numbers if len(numbers) > 1 else [*numbers, 0.0]
