"""Webhooks of the service, as a receiver reads them: checked, and as typed values.

They are signed as Standard Webhooks (https://www.standardwebhooks.com) are.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from read_also_client.articles import Moment
from read_also_client.errors import BadWebhook

__all__ = [
    "ArticlesIndexed",
    "ArticlesParked",
    "GenerationPublished",
    "GenerationRefused",
    "IndexedArticle",
    "ListsChanged",
    "ParkedArticle",
    "Webhook",
    "read_webhook",
]

OLDEST_SECONDS: Final = 300.0
"""A message that is older, or so far in the future, was perhaps recorded and sent again."""
_PREFIX: Final = "whsec_"
_VERSION: Final = "v1,"


class Webhook(BaseModel):
    """A message; one of a type that this client does not know is this and nothing more.

    Attributes:
        id: the same in every attempt to send the message.
        type: what happened.
        timestamp: when it happened.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    type: str
    timestamp: Moment


class IndexedArticle(BaseModel):
    """An article that lists can show now, and the number of the change that was read."""

    model_config = ConfigDict(frozen=True)

    id: str
    change: int


class ParkedArticle(IndexedArticle):
    """An article whose text could not be read, and why."""

    error: str


class ArticlesIndexed(Webhook):
    """`article.indexed`: the texts of these articles were read."""

    articles: tuple[IndexedArticle, ...]


class ArticlesParked(Webhook):
    """`article.parked`: the texts of these articles cannot be read."""

    articles: tuple[ParkedArticle, ...]


class ListsChanged(Webhook):
    """`list.changed`: purge every list that belongs to one of these articles or shows one.

    Attributes:
        articles: their ids.
        all: whether any list may have changed.
        change: the lists are those of this change, or of a later one.
    """

    articles: tuple[str, ...]
    all: bool
    change: int


class GenerationPublished(Webhook):
    """`generation.published`: a snapshot with so many articles is served."""

    generation: str
    articles: int
    change: int


class GenerationRefused(Webhook):
    """`generation.refused`: a snapshot did not pass the gate; the one before stays."""

    reason: str
    change: int


KINDS: Final[Mapping[str, type[Webhook]]] = MappingProxyType(
    {
        "article.indexed": ArticlesIndexed,
        "article.parked": ArticlesParked,
        "list.changed": ListsChanged,
        "generation.published": GenerationPublished,
        "generation.refused": GenerationRefused,
    }
)


class _Content(BaseModel):
    type: str
    timestamp: Moment
    data: dict[str, Any]


def read_webhook(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: Callable[[], float] = time.time,
) -> Webhook:
    """Check the signature and the age of a message, and read it.

    Args:
        secret: what `read-also webhooks add` printed.
        headers: of the request; their letter case does not matter.
        body: of the request, as it came.
        now: tells the time, in seconds since 1970.

    Raises:
        BadWebhook: the message is not signed with this secret, is older than five minutes, or is
            none of the service. Answer 401.
    """
    found = {name.lower(): value for name, value in headers.items()}
    message_id, sent_at = found.get("webhook-id", ""), found.get("webhook-timestamp", "")
    wanted = _signature_of(secret, f"{message_id}.{sent_at}.".encode() + body)
    given = found.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(wanted.encode(), one.encode()) for one in given):
        raise BadWebhook("the message is not signed with this secret")
    if not sent_at.isdecimal() or abs(now() - int(sent_at)) > OLDEST_SECONDS:
        raise BadWebhook("the message was not sent in the last five minutes; are the clocks right?")
    return _read(message_id, body)


def _read(message_id: str, body: bytes) -> Webhook:
    try:
        content = _Content.model_validate_json(body)
        fields = content.data | {"id": message_id, "type": content.type}
        kind = KINDS.get(content.type, Webhook)
        return kind.model_validate(fields | {"timestamp": content.timestamp})
    except ValidationError as fault:
        raise BadWebhook(f"the message is none of Read Also: {fault}") from fault


def _signature_of(secret: str, signed: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise BadWebhook("the secret is no Base64 after `whsec_`; is it read whole?") from None
    return _VERSION + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
