"""The body of a request: read whole, or refused."""

from collections.abc import Callable
from typing import Final, TypeVar

from flask import request

from recommender.strict_json import JsonObject, read_object
from recommender.web.allocator import return_memory_afterwards
from recommender.web.problems import Refused
from recommender.web.state import state

__all__ = ["LARGEST_DOCUMENT", "check_kind", "parse_body", "read_body", "read_document"]

T = TypeVar("T")
LARGEST_DOCUMENT: Final = 4 * 2**20
SMALL: Final = 2**18  # in bytes; parsed in some milliseconds, whatever it holds
LENGTH_REQUIRED: Final = 411
TOO_LARGE: Final = 413
UNKNOWN_KIND: Final = 415


def read_body(most: int = LARGEST_DOCUMENT) -> bytes:
    """The body of this request, if it has at most `most` bytes.

    Raises:
        Refused: its length is not given (411), it is larger (413), or the connection ended before
            the body did (400).
    """
    length = request.content_length
    if length is None:
        # Without a length some servers cut a body short without an error.
        raise Refused(LENGTH_REQUIRED, "send the body with a Content-Length, not in chunks")
    if length > most:
        raise Refused(TOO_LARGE, f"the body has {length} bytes; at most {most} are taken at once")
    if length > SMALL:
        return_memory_afterwards()
    request.max_content_length = most
    body = request.get_data(cache=False)
    if len(body) != length:
        raise Refused(400, f"the body ended after {len(body)} of {length} bytes; send it again")
    return body


def read_document(most: int = LARGEST_DOCUMENT) -> JsonObject:
    """The JSON object in the body of this request.

    Raises:
        Refused: as for `read_body`.
        BadJson: it is not a JSON object, or one that JSON readers understand in different ways.
        Busy: too many large bodies are parsed now.
    """
    return parse_body(read_object, most)


def parse_body(parse: Callable[[bytes], T], most: int = LARGEST_DOCUMENT) -> T:
    """Read the body of this request, then parse it; only some large ones are parsed at a time.

    Raises:
        Refused: as for `read_body`.
        Busy: too many large bodies are parsed now.
    """
    body = read_body(most)
    if len(body) <= SMALL:
        return parse(body)
    with state().limits.bodies.hold("large bodies"):
        return parse(body)


def check_kind(*media: str) -> None:
    """Check the media type of the body.

    Raises:
        Refused: it is none of these media types (415).
    """
    if request.mimetype not in media:
        raise Refused(UNKNOWN_KIND, f"send the body as Content-Type: {' or '.join(media)}")
