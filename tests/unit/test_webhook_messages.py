"""Webhooks as values: what a batch of the change log says, its signature, and the pauses."""

import base64
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import BadParameter
from recommender.operations.webhook_messages import (
    EVENTS,
    WebhookMessage,
    compose_messages,
    make_test_message,
    make_webhook_secret,
    retry_pause,
    sign,
)
from recommender.store import LogBatch, LoggedChange

AT = datetime(2026, 10, 1, 9, 0, 3, 120_000, tzinfo=UTC)
EPOCH = "0123456789abcdef"


def entry(number: int, kind: str, article_id: str = "", **fields: Any) -> LoggedChange:
    return LoggedChange(number, kind, AT, article_id, **fields)


def batch_of(*entries: LoggedChange, missed: bool = False) -> LogBatch:
    return LogBatch(EPOCH, entries[0].number - 1, entries[-1].number, entries, missed)


def said(batch: LogBatch) -> dict[str, Any]:
    """By type the data of each message."""
    return {
        message.type: json.loads(message.body)["data"]
        for message in compose_messages(batch, EVENTS)
    }


def test_a_story_that_was_written_and_read_is_indexed_and_its_lists_changed() -> None:
    batch = batch_of(entry(4, "upsert", "a"), entry(5, "read", "a", indexed=True))
    assert said(batch) == {
        "article.indexed": {"articles": [{"id": "a", "change": 5}]},
        "list.changed": {"all": False, "articles": ["a"], "change": 5},
    }


def test_each_article_is_named_once_with_its_last_entry_in_the_order_of_the_log() -> None:
    batch = batch_of(
        entry(1, "upsert", "b"),
        entry(2, "read", "b", indexed=True),
        entry(3, "read", "a", indexed=True),
        entry(4, "upsert", "b", indexed=True),
    )
    assert said(batch)["article.indexed"] == {
        "articles": [{"id": "a", "change": 3}, {"id": "b", "change": 4}]
    }
    assert said(batch)["list.changed"]["articles"] == ["a", "b"]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (entry(9, "upsert", "a"), {"list.changed": {"all": False, "articles": ["a"], "change": 9}}),
        (entry(9, "delete", "a"), {"list.changed": {"all": False, "articles": ["a"], "change": 9}}),
        (entry(9, "choice", "a"), {"list.changed": {"all": False, "articles": ["a"], "change": 9}}),
        (entry(9, "policy"), {"list.changed": {"all": True, "articles": [], "change": 9}}),
        (entry(9, "parked", "a"), {}),  # analyzed since, or deleted
        (
            entry(9, "parked", "a", fault="x" * 999),
            {"article.parked": {"articles": [{"id": "a", "change": 9, "error": "x" * 300}]}},
        ),
        (
            entry(9, "published", generation="g-9", articles=7),
            {"generation.published": {"generation": "g-9", "articles": 7, "change": 9}},
        ),
        (
            entry(9, "refused", reason="half is missing"),
            {"generation.refused": {"reason": "half is missing", "change": 9}},
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, LoggedChange) else "",
)
def test_each_kind_of_entry_says_what_it_means(one: LoggedChange, expected: dict[str, Any]) -> None:
    assert said(batch_of(one)) == expected


def test_a_receiver_that_missed_changes_is_told_that_every_list_may_have_changed() -> None:
    batch = batch_of(entry(9, "upsert", "a"), missed=True)
    assert said(batch)["list.changed"] == {"all": True, "articles": ["a"], "change": 9}


def test_a_receiver_gets_the_types_that_it_wants_and_the_time_of_the_last_change() -> None:
    batch = batch_of(entry(9, "read", "a", indexed=True))
    (message,) = compose_messages(batch, ["article.indexed"])
    assert json.loads(message.body) == {
        "type": "article.indexed",
        "timestamp": "2026-10-01T09:00:03.120Z",
        "data": {"articles": [{"id": "a", "change": 9}]},
    }


def test_ids_are_the_same_for_the_same_batch_and_differ_between_all_others() -> None:
    first = batch_of(entry(8, "upsert", "a"), entry(9, "read", "a", indexed=True))
    second = batch_of(entry(9, "read", "a", indexed=True))
    generations = (entry(n, "published", generation=f"g-{n}", articles=1) for n in (1, 2))
    batches = [(first, 0), (second, 0), (second, 1), (batch_of(*generations), 0)]
    made = [compose_messages(batch, EVENTS, replays) for batch, replays in batches]
    again = [compose_messages(batch, EVENTS, replays) for batch, replays in batches]
    assert made == again
    ids = [message.id for messages in made for message in messages]
    assert len(set(ids)) == len(ids) == 8
    assert all(re.fullmatch(r"[A-Za-z0-9_]{1,100}", one) for one in ids)


def test_the_signature_is_that_of_the_specification() -> None:
    """The example that the libraries of Standard Webhooks are tested with."""
    message = WebhookMessage("msg_p5jXN8AQM9LWM0D4loKWxJek", "test", b'{"test": 2432232314}')
    assert sign(message, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1614265330.9) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(body=st.text(), now=st.floats(0, 2**33))
def test_a_receiver_that_computes_the_signature_finds_the_same(body: str, now: float) -> None:
    secret, message = make_webhook_secret(), make_test_message(AT)
    message = WebhookMessage(message.id, message.type, body.encode("utf-8", "replace"))
    headers = sign(message, secret, now)
    signed = f"{message.id}.{int(now)}.".encode() + message.body
    key = base64.b64decode(secret.partition("_")[2])
    found = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{found}"
    assert len(key) == 32


def test_a_secret_of_another_form_is_refused_and_not_quoted() -> None:
    with pytest.raises(BadParameter, match="no Base64") as refused:
        sign(make_test_message(AT), "whsec_not base64", 0)
    assert "not base64" not in str(refused.value)


def test_pauses_double_up_to_an_hour() -> None:
    pauses = [retry_pause(failures, None, 0.5) for failures in range(1, 13)]
    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses[10:] == [3600, 3600]
    assert retry_pause(10**9, None, 0.5) == 3600


@pytest.mark.parametrize(
    ("asked", "draw", "expected"),
    [(None, 0.0, 3.75), (None, 1.0, 6.25), (1.0, 0.5, 5), (60.0, 0.5, 60), (1e9, 0.5, 3600)],
)
def test_chance_spreads_a_pause_and_a_receiver_may_ask_for_a_longer_one(
    asked: float | None, draw: float, expected: float
) -> None:
    assert retry_pause(1, asked, draw) == expected
