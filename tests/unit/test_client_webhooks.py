"""Webhooks as the Python client reads them: those that the service signs, and no others."""

from datetime import UTC, datetime
from typing import Any

import pytest

from read_also_client import (
    ArticlesIndexed,
    ArticlesParked,
    BadWebhook,
    GenerationPublished,
    GenerationRefused,
    ListsChanged,
    Webhook,
    read_webhook,
)
from read_also_client.webhooks import KINDS
from recommender.operations.webhook_messages import (
    EVENTS,
    WebhookMessage,
    compose_messages,
    make_test_message,
    make_webhook_secret,
    sign,
)
from recommender.store import LogBatch, LoggedChange

AT = datetime(2026, 10, 1, 9, tzinfo=UTC)
NOW = 1_800_000_000.0
SECRET = make_webhook_secret()


def received(message: WebhookMessage, secret: str = SECRET, **more: Any) -> Webhook:
    headers = {name.title(): text for name, text in sign(message, secret, NOW).items()}
    body = more.get("body", message.body)
    seen = headers | more.get("headers", {})
    return read_webhook(SECRET, seen, body, now=lambda: NOW + more.get("later", 0.0))


def batch(*entries: LoggedChange) -> LogBatch:
    return LogBatch(epoch="e" * 32, after=0, end=9, entries=entries, missed=False)


def test_every_message_of_the_service_is_read() -> None:
    whole = batch(
        LoggedChange(1, "upsert", AT, "a", indexed=True),
        LoggedChange(2, "parked", AT, "b", fault="took too long"),
        LoggedChange(3, "published", AT, generation="g", articles=5),
        LoggedChange(4, "refused", AT, reason="too few"),
    )
    messages = [received(message) for message in compose_messages(whole, EVENTS)]
    indexed, parked, changed, published, refused = messages
    assert isinstance(indexed, ArticlesIndexed)
    assert [(one.id, one.change) for one in indexed.articles] == [("a", 1)]
    assert isinstance(parked, ArticlesParked)
    assert [(one.id, one.error) for one in parked.articles] == [("b", "took too long")]
    assert isinstance(changed, ListsChanged)
    assert (changed.articles, changed.all, changed.change) == (("a",), False, 9)
    assert isinstance(published, GenerationPublished)
    assert (published.generation, published.articles, published.timestamp) == ("g", 5, AT)
    assert isinstance(refused, GenerationRefused)
    assert refused.reason == "too few"
    assert tuple(KINDS) == EVENTS


def test_a_type_of_a_later_release_is_a_message_without_more() -> None:
    message = received(make_test_message(AT))
    assert (type(message), message.type) == (Webhook, "webhook.test")
    assert message.id.startswith("msg_test_")


def test_one_of_several_signatures_is_enough() -> None:
    message = make_test_message(AT)
    good = sign(message, SECRET, NOW)["webhook-signature"]
    assert received(message, headers={"Webhook-Signature": f"v1,AAAA {good}"}).id == message.id


@pytest.mark.parametrize(
    "change",
    [
        {"body": b'{"type":"list.changed"}'},
        {"headers": {"Webhook-Id": "msg_other"}},
        {"headers": {"Webhook-Timestamp": str(int(NOW) + 1)}},
        {"headers": {"Webhook-Signature": ""}},
        {"headers": {"Webhook-Signature": "v1,ключ"}},
        {"secret": make_webhook_secret()},
    ],
    ids=["the text", "the id", "the time", "no signature", "no Base64", "another secret"],
)
def test_what_was_changed_on_the_way_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadWebhook, match="not signed with this secret"):
        received(make_test_message(AT), **change)


@pytest.mark.parametrize("later", [301.0, -301.0])
def test_an_old_message_is_refused(later: float) -> None:
    assert received(make_test_message(AT), later=later * 0.99)
    with pytest.raises(BadWebhook, match="last five minutes"):
        received(make_test_message(AT), later=later)


def test_a_signed_text_that_is_no_message_is_refused() -> None:
    for body in (b"{}", b"no JSON", b'{"type": "list.changed", "timestamp": "x", "data": {}}'):
        with pytest.raises(BadWebhook, match="none of Read Also"):
            received(WebhookMessage("msg_1", "list.changed", body))
    with pytest.raises(BadWebhook, match="no Base64"):
        read_webhook("whsec_not base64", {}, b"")
