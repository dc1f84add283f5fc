"""Bodies of answers, unpacked and counted piece by piece: a small one may become a huge one."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from recommender.errors import BadSource

__all__ = ["collect", "unpack"]

_PIECE: Final = 2**18  # bytes unpacked at once at most
_GZIP: Final = 31  # zlib's word for it


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
    unpacker = zlib.decompressobj(_GZIP)
    try:
        for chunk in chunks:
            rest = chunk
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, _PIECE)
                rest = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error as error:
        raise BadSource(f"cannot be unpacked ({error})") from error
    if not unpacker.eof:
        raise BadSource("cannot be unpacked (it ends too early)")
