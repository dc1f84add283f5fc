"""Sending webhooks to a real receiver on loopback: in order, and again after failures."""

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from recommender.counters import Counters
from recommender.errors import ReceiverAway
from recommender.live import Heartbeats
from recommender.operations import webhook_sender
from recommender.operations.webhook_messages import EVENTS, WebhookMessage, make_test_message, sign
from recommender.operations.webhook_sender import (
    SettledLog,
    WebhookSender,
    open_webhook_client,
    post_message,
)
from recommender.store import ArticleStore, Receiver, open_store
from tests.support.stores import make_article
from tests.support.waiting import free_port, until
from tests.support.webhook_sites import Delivered, ReceiverSite, open_receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - nobody is let in by it
Make = Callable[[], WebhookSender]
MESSAGE = make_test_message(datetime(2026, 10, 1, tzinfo=UTC))


@pytest.fixture
def site() -> Iterator[ReceiverSite]:
    with open_receiver() as opened:
        yield opened


@pytest.fixture
def desk_store(migrated: Path, tmp_path: Path) -> Iterator[ArticleStore]:
    shutil.copy(migrated, tmp_path / "a.db")
    store = open_store(f"sqlite:///{tmp_path / 'a.db'}")
    yield store
    store.close()


@pytest.fixture
def make_sender(desk_store: ArticleStore, tmp_path: Path) -> Iterator[Make]:
    """Makes senders of a machine that was started again and again."""
    with ExitStack() as stack:

        def make() -> WebhookSender:
            heartbeats = Heartbeats(tmp_path / "workers")
            sender = WebhookSender(lambda: desk_store, heartbeats, lambda: "here", Counters())
            stack.callback(sender.close)
            return sender

        yield make


def added(store: ArticleStore, url: str, events: tuple[str, ...] = EVENTS) -> Receiver:
    return store.webhooks.add("cms", url, events, SECRET)


def is_signed(one: Delivered) -> bool:
    """As a receiver would check it."""
    message = WebhookMessage(one.id, "", one.body)
    headers = sign(message, SECRET, float(one.headers["webhook-timestamp"]))
    return headers["webhook-signature"] == one.headers["webhook-signature"]


def counted(sender: WebhookSender) -> dict[str, float]:
    metrics = vars(sender)["_counters"].webhook_messages.collect()
    samples = [one for metric in metrics for one in metric.samples]
    return {s.labels["result"]: s.value for s in samples if s.name.endswith("_total")}


def test_a_receiver_gets_the_log_signed_and_its_place_moves(
    desk_store: ArticleStore, site: ReceiverSite, make_sender: Make
) -> None:
    receiver = added(desk_store, site.url)
    desk_store.put(make_article("a", title="Ёж"))
    desk_store.publications.note("g-1", 1)
    sender = make_sender()
    sent = sender.send_batch(desk_store, receiver, 2)
    assert sent is not None
    assert sent.position == 2
    assert [one.type for one in site.delivered] == ["list.changed", "generation.published"]
    assert all(is_signed(one) for one in site.delivered)
    headers = site.delivered[0].headers
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("read-also/")
    (stored,) = desk_store.webhooks.all()
    assert (stored.position, stored.batch_end, stored.failures) == (2, None, 0)
    assert counted(sender) == {"accepted": 2}


def test_what_a_receiver_does_not_want_is_passed_over(
    desk_store: ArticleStore, site: ReceiverSite, make_sender: Make
) -> None:
    receiver = added(desk_store, site.url, ("generation.refused",))
    desk_store.put(make_article())
    sent = make_sender().send_batch(desk_store, receiver, 1)
    assert sent is not None
    (stored,) = desk_store.webhooks.all()
    assert (stored.position, stored.accepted_at, site.delivered) == (1, None, [])


def test_after_failures_a_batch_is_sent_again_without_what_was_accepted(
    desk_store: ArticleStore,
    site: ReceiverSite,
    make_sender: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    receiver = added(desk_store, site.url)
    desk_store.put(make_article())
    desk_store.publications.note("g-1", 1)
    sender = make_sender()
    site.answers[:] = [(500, {}), (204, {}), (503, {"Retry-After": "1800"})]
    for failures in (1, 2):
        assert sender.send_batch(desk_store, receiver, 2) is None
        (receiver,) = desk_store.webhooks.all()
        assert (receiver.position, receiver.failures) == (0, failures)
    assert receiver.fault == "a message was not accepted: it answers 503"
    assert receiver.retry_at is not None
    assert receiver.retry_at - datetime.now(tz=UTC) > timedelta(minutes=20)
    assert sender.send_batch(desk_store, receiver, 2) is not None
    told = [one.type for one in site.delivered]
    assert told == ["list.changed"] * 2 + ["generation.published"] * 2
    assert len({one.id for one in site.delivered}) == 2
    (well,) = desk_store.webhooks.all()
    assert (well.position, well.failures) == (2, 0)
    assert counted(sender) == {"accepted": 2, "failed": 2}
    errors = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert len(errors) == 1  # said once, not for each attempt
    assert site.url not in caplog.text


def test_a_sender_that_died_before_it_noted_the_answer_is_followed_by_the_same_message(
    desk_store: ArticleStore, site: ReceiverSite, make_sender: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = added(desk_store, site.url, ("list.changed",))
    desk_store.put(make_article("a"))

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("recommender.store.WebhookReceivers.accept", die)
        with pytest.raises(KeyboardInterrupt):
            make_sender().send_batch(desk_store, receiver, 1)
    desk_store.put(make_article("b"))
    next_sender = make_sender()
    for newest in (2, 2):
        (receiver,) = desk_store.webhooks.all()
        assert next_sender.send_batch(desk_store, receiver, newest) is not None
    first, again, second = site.delivered
    assert (first.id, first.body) == (again.id, again.body)
    assert [one.data["articles"] for one in (again, second)] == [["a"], ["b"]]


def test_two_machines_do_not_send_at_the_same_time(
    desk_store: ArticleStore, site: ReceiverSite, make_sender: Make
) -> None:
    receiver = added(desk_store, site.url)
    desk_store.put(make_article())
    until_later = datetime.now(tz=UTC) + timedelta(minutes=1)
    assert desk_store.webhooks.begin(receiver, 1, "there", until_later)
    assert make_sender().send_batch(desk_store, receiver, 1) is None
    assert site.delivered == []


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (500, {}, "it answers 500"),
        (410, {}, "it answers 410"),
        (302, {"Location": "/elsewhere"}, "it answers 302; it redirects: name the last address"),
        (429, {"Retry-After": "7"}, "it answers 429"),
    ],
)
def test_any_other_answer_is_a_failure_and_no_redirect_is_followed(
    site: ReceiverSite, status: int, headers: dict[str, str], said: str
) -> None:
    site.answers.append((status, headers))
    receiver = Receiver("cms", site.url, EVENTS, SECRET, datetime.now(tz=UTC), 0)
    with open_webhook_client() as http:
        with pytest.raises(ReceiverAway) as refused:
            post_message(http, receiver, MESSAGE)
        assert str(refused.value) == f"a message was not accepted: {said}"
        assert refused.value.retry_after == (7.0 if status == 429 else None)
        assert len(site.delivered) == 1
        assert post_message(http, receiver, MESSAGE) == 204
    assert json.loads(site.delivered[1].body)["type"] == "webhook.test"


def test_a_receiver_that_is_not_there_is_a_failure() -> None:
    url = f"http://127.0.0.1:{free_port()}/?token=secret"
    receiver = Receiver("cms", url, EVENTS, SECRET, datetime.now(tz=UTC), 0)
    with open_webhook_client() as http, pytest.raises(ReceiverAway, match="ConnectError") as gone:
        post_message(http, receiver, MESSAGE)
    assert "secret" not in str(gone.value)


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.example", "xn--"])
def test_a_host_that_no_name_can_have_is_a_failure(host: str) -> None:
    receiver = Receiver("cms", f"http://{host}/s3cret", EVENTS, SECRET, datetime.now(tz=UTC), 0)
    with open_webhook_client() as http, pytest.raises(ReceiverAway) as refused:
        post_message(http, receiver, MESSAGE)
    assert "s3cret" not in str(refused.value)


def test_a_running_sender_brings_each_receiver_up_to_date_and_a_dead_one_stops_no_other(
    desk_store: ArticleStore,
    site: ReceiverSite,
    make_sender: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhook_sender, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(webhook_sender, "SETTLING_SECONDS", 0.0)
    desk_store.webhooks.add("dead", f"http://127.0.0.1:{free_port()}/", EVENTS, SECRET)
    added(desk_store, site.url, ("list.changed",))
    with make_sender():
        desk_store.write_many([make_article(f"a{n}") for n in range(250)])
        assert until(lambda: len(site.delivered) >= 3, every=0.01)
        assert until(lambda: bool(desk_store.webhooks.get("dead").failures), every=0.01)
        assert until(lambda: desk_store.webhooks.get("cms").position == 250, every=0.01)
    named = [name for one in site.delivered for name in one.data["articles"]]
    assert named == [f"a{n}" for n in range(250)]
    assert desk_store.webhooks.get("dead").position == 0


def settled(*steps: tuple[int, int | None, float]) -> list[int]:
    log = SettledLog()
    return [log.note(newest, slowest, now) for newest, slowest, now in steps]


@pytest.mark.parametrize("receivers", [0, 1])
def test_without_a_commit_the_store_is_not_asked_for_receivers(
    desk_store: ArticleStore, make_sender: Make, receivers: int
) -> None:
    if receivers:
        desk_store.webhooks.add("cms", "http://127.0.0.1:9/", ("list.changed",), SECRET)
    sender, queries = make_sender(), list[str]()
    sender.look()

    def note(_connection: object, _cursor: object, query: str, *_: object) -> None:
        queries.append(query)

    sa.event.listen(desk_store.engine, "before_cursor_execute", note)
    sender.look()
    assert queries == []
    desk_store.put(make_article("a"))
    queries.clear()
    sender.look()
    assert queries


def test_the_log_is_settled_when_every_worker_shows_it() -> None:
    assert settled((5, None, 0.0), (5, None, 1.4), (5, None, 1.5)) == [0, 0, 5]
    assert settled((5, 5, 0.0), (5, 5, 1.5)) == [0, 5]
    assert settled((5, 4, 0.0), (5, 4, 2.0), (5, 5, 2.5)) == [0, 0, 5]


def test_a_worker_that_stands_still_is_waited_for_half_a_minute() -> None:
    assert settled((5, 0, 0.0), (6, 0, 1.0), (6, 0, 29.0), (6, 0, 30.0), (6, 0, 31.0)) == [
        *(0, 0, 0, 5, 6)
    ]


def test_while_changes_come_those_that_are_old_enough_are_settled() -> None:
    steps = [(number, number, number / 2) for number in range(1, 8)]
    assert settled(*((n, s, at) for n, s, at in steps)) == [0, 0, 0, 1, 2, 3, 4]


def test_after_a_restore_the_log_settles_anew() -> None:
    assert settled((9, 9, 0.0), (9, 9, 2.0), (3, 3, 3.0), (3, 3, 5.0)) == [0, 9, 0, 3]
