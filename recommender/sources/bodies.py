"""Bodies of answers and files read whole, counted piece by piece: a small one may become huge."""

import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from typing import BinaryIO, Final

from recommender.errors import BadSource
from recommender.progress import Advance

__all__ = ["MOST_BYTES", "collect", "read_whole", "unpack"]

MOST_BYTES: Final = 128 * 2**20  # of a document that is read whole; it takes several times that
_PIECE: Final = 2**18  # bytes read or unpacked at once at most
_GZIP: Final = 31  # zlib's word for it
_SLICE: Final = 2**12  # bytes given to zlib at once
_MEMBER: Final = b"\x1f\x8b"  # how each member of a gzip file begins


def collect(chunks: Iterable[bytes], most: int) -> bytes:
    """All the bytes there are.

    Raises:
        BadSource: there are more than `most`.
    """
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > most:
            raise BadSource(f"is larger than {most} bytes")
    return bytes(body)


def read_whole(name: str, file: BinaryIO, advance: Advance) -> bytes:
    """All of a document that cannot be read piece by piece; `advance` is told of bytes.

    Raises:
        BadSource: it is larger than MOST_BYTES.
    """
    try:
        data = collect(iter(partial(file.read, _PIECE), b""), MOST_BYTES)
    except BadSource as error:
        raise BadSource(
            f"{name}:1: {error}, and is of a format that is read whole; split it, or make JSON "
            "lines of it, which are read one by one"
        ) from error
    advance(len(data))
    return data


def unpack(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The bytes that were packed for the way.

    Args:
        chunks: as they came.
        encoding: the header Content-Encoding.

    Raises:
        BadSource: they are packed as nobody asked, or broken.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return iter(chunks)
        case "gzip" | "x-gzip":
            return _gunzip(chunks)
        case other:
            raise BadSource(f"is packed as {other[:40]!r}, which was not asked for")


def _gunzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """All members of a gzip file; padding, and what is none behind them, is passed over."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        for piece in _slices(chunks):
            rest = piece
            while rest := rest.lstrip(b"\0") if unpacker.eof else rest:
                if unpacker.eof:
                    if not _MEMBER.startswith(rest[: len(_MEMBER)]):
                        return
                    unpacker = zlib.decompressobj(_GZIP)
                yield unpacker.decompress(rest, _PIECE)
                rest = unpacker.unconsumed_tail or unpacker.unused_data
        yield unpacker.flush()
    except zlib.error as error:
        raise BadSource(f"cannot be unpacked ({error})") from error
    if not unpacker.eof:
        raise BadSource("cannot be unpacked (it ends too early)")


def _slices(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Small ones: zlib copies what stands behind the end of a member, and there may be many."""
    for chunk in chunks:
        yield from (chunk[at : at + _SLICE] for at in range(0, len(chunk), _SLICE))
