"""Webhooks as values: which messages a part of the change log makes, and how they are signed.

The signature is that of Standard Webhooks (https://www.standardwebhooks.com), for which libraries
exist in many languages.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from recommender.articles import as_rfc3339
from recommender.errors import BadParameter
from recommender.store import LogBatch, LoggedChange

__all__ = [
    "EVENTS",
    "WebhookMessage",
    "compose_messages",
    "make_test_message",
    "make_webhook_secret",
    "retry_pause",
    "sign",
]

TEST: Final = "webhook.test"
FIRST_PAUSE_SECONDS: Final = 5.0
LONGEST_PAUSE_SECONDS: Final = 3_600.0
SPREAD: Final = 0.25
"""A pause is up to so much longer or shorter, so that receivers are not asked all at once."""
MOST_ERROR_CHARACTERS: Final = 300
_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32
_CHANGES_LISTS: Final = frozenset({"upsert", "delete", "read", "choice"})


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A message: it has the same id and the same body in every attempt to send it."""

    id: str
    type: str
    body: bytes


def compose_messages(
    batch: LogBatch, events: Collection[str], replays: int = 0
) -> list[WebhookMessage]:
    """Make the messages of a batch, in the order of `EVENTS`.

    The same batch makes the same ids, so that a receiver knows a message that it had before.

    Args:
        batch: a part of the change log.
        events: the types that the receiver wants.
        replays: how often the receiver's position was set by hand. What is sent again on purpose
            has other ids.
    """
    series = f"{batch.epoch[:16]}_{batch.after}_{batch.end}" + (f"_r{replays}" if replays else "")
    at = batch.entries[-1].at
    return [
        _make(f"msg_{series}_{_as_word(event)}_{place}", event, at, data)
        for event, select in _SELECTIONS.items()
        if event in events
        for place, data in enumerate(select(batch))
    ]


def make_test_message(at: datetime) -> WebhookMessage:
    """Make a message that says nothing, to try a receiver with."""
    return _make(f"msg_test_{secrets.token_hex(8)}", TEST, at, {})


def _make(id_: str, type_: str, at: datetime, data: Mapping[str, Any]) -> WebhookMessage:
    content = {"type": type_, "timestamp": as_rfc3339(at, "milliseconds"), "data": data}
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return WebhookMessage(id_, type_, body.encode())


def _as_word(event: str) -> str:
    """Without the full stop: it separates the parts of what is signed."""
    return event.replace(".", "_")


def _indexed(batch: LogBatch) -> Iterator[Mapping[str, Any]]:
    entries = _last_of_each([one for one in batch.entries if one.indexed])
    if entries:
        yield {"articles": [{"id": one.article_id, "change": one.number} for one in entries]}


def _parked(batch: LogBatch) -> Iterator[Mapping[str, Any]]:
    parked = (one for one in batch.entries if one.kind == "parked" and one.fault is not None)
    if entries := _last_of_each([*parked]):
        yield {"articles": [_name_fault(one) for one in entries]}


def _name_fault(entry: LoggedChange) -> Mapping[str, Any]:
    error = (entry.fault or "")[:MOST_ERROR_CHARACTERS]
    return {"id": entry.article_id, "change": entry.number, "error": error}


def _changed(batch: LogBatch) -> Iterator[Mapping[str, Any]]:
    every = batch.missed or any(one.kind == "policy" for one in batch.entries)
    entries = _last_of_each([one for one in batch.entries if one.kind in _CHANGES_LISTS])
    if every or entries:
        ids = [one.article_id for one in entries]
        yield {"all": every, "articles": ids, "change": batch.end}


def _published(batch: LogBatch) -> Iterator[Mapping[str, Any]]:
    for one in batch.entries:
        if one.generation is not None:
            found = {"generation": one.generation, "articles": one.articles}
            yield {**found, "change": one.number}


def _refused(batch: LogBatch) -> Iterator[Mapping[str, Any]]:
    for one in batch.entries:
        if one.reason is not None:
            yield {"reason": one.reason, "change": one.number}


def _last_of_each(entries: Sequence[LoggedChange]) -> list[LoggedChange]:
    """The last entry of each article, in the order of the log."""
    last = {one.article_id: one for one in entries}
    return sorted(last.values(), key=lambda one: one.number)


_SELECTIONS: Final[Mapping[str, Callable[[LogBatch], Iterator[Mapping[str, Any]]]]] = (
    MappingProxyType(
        {
            "article.indexed": _indexed,
            "article.parked": _parked,
            "list.changed": _changed,
            "generation.published": _published,
            "generation.refused": _refused,
        }
    )
)
EVENTS: Final = tuple(_SELECTIONS)
"""Every type of message that a receiver may ask for."""


def make_webhook_secret() -> str:
    """Make a secret in the form of Standard Webhooks."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(message: WebhookMessage, secret: str, now: float) -> dict[str, str]:
    """Make the headers of an attempt: id, time and signature (HMAC-SHA256, Base64).

    Args:
        message: what is sent.
        secret: the receiver's.
        now: the present time, in seconds since 1970.

    Raises:
        BadParameter: the secret has not the form of Standard Webhooks.
    """
    sent_at = str(int(now))
    signed = f"{message.id}.{sent_at}.".encode() + message.body
    digest = hmac.digest(_key(secret), signed, hashlib.sha256)
    return {
        "webhook-id": message.id,
        "webhook-timestamp": sent_at,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise BadParameter("the secret of a receiver is no Base64 after `whsec_`") from None


def retry_pause(failures: int, asked: float | None, draw: float) -> float:
    """How many seconds to wait after failures in a row: 5, 10, 20, ... up to an hour.

    Args:
        failures: how many, at least 1.
        asked: how long the receiver wants to be left alone; None if it does not say so.
        draw: 0 to 1, by chance.
    """
    usual = FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 20)
    pause = min(max(usual, asked or 0.0), LONGEST_PAUSE_SECONDS)
    return pause * (1 - SPREAD + 2 * SPREAD * draw)
