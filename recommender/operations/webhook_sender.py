"""Sends webhooks: each receiver gets the change log as messages, in order, each at least once.

It works in threads of the indexer's process, so that no web worker opens a connection. Where
several machines share a store, one of them sends to a receiver at a time.
"""

import logging
import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import httpx

from recommender.analysis.embedding.encoder_connection import trusted_certificates
from recommender.characters import printable
from recommender.counters import Counters
from recommender.errors import ReceiverAway, StoreUnusable
from recommender.live import Heartbeats
from recommender.logs import RepeatedFault
from recommender.operations.webhook_messages import (
    WebhookMessage,
    compose_messages,
    retry_pause,
    sign,
)
from recommender.release import USER_AGENT
from recommender.store import ArticleStore, Receiver

__all__ = ["SettledLog", "WebhookSender", "open_webhook_client", "post_message"]

LOOK_SECONDS: Final = 0.5
IDLE_LOOK_SECONDS: Final = 5.0  # while there is no receiver
SETTLING_SECONDS: Final = 1.5  # every worker of every machine shows a change within one second
PATIENCE_SECONDS: Final = 30.0  # with a worker of this machine that does not
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0
LEASE_SECONDS: Final = 120.0  # longer than the attempts of a batch take with all their time-outs
MOST_AT_ONCE: Final = 8  # receivers
MOST_ANSWER_BYTES: Final = 65_536  # read, so that the connection can be used again
_SECONDS: Final = re.compile(r"[0-9]{1,6}")
_log = logging.getLogger(__name__)


def open_webhook_client() -> httpx.Client:
    """Make the client that sends: no proxies of the environment, and no redirects.

    A receiver can therefore not lead a signed message elsewhere.
    """
    for name in ("httpx", "httpcore"):  # they log addresses, which may hold a secret
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.Client(
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        trust_env=False,
        follow_redirects=False,
        verify=trusted_certificates("https:"),
    )


def post_message(http: httpx.Client, receiver: Receiver, message: WebhookMessage) -> int:
    """Send a message once; return the status, which is 2xx.

    Raises:
        ReceiverAway: the receiver cannot be reached, or answers with another status.
    """
    headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
    headers |= sign(message, receiver.secret, time.time())
    try:
        with http.stream("POST", receiver.url, content=message.body, headers=headers) as answer:
            _read_away(answer)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as fault:  # the last of odd hosts
        raise ReceiverAway(printable(f"{type(fault).__name__}: {fault}")) from None
    if answer.is_success:
        return answer.status_code
    hint = "; it redirects: name the last address" if answer.is_redirect else ""
    asked = answer.headers.get("retry-after", "")
    raise ReceiverAway(
        f"it answers {answer.status_code}{hint}",
        float(asked) if _SECONDS.fullmatch(asked) else None,
    )


def _read_away(answer: httpx.Response) -> None:
    """Read an answer that is short and quick, and leave another one."""
    size, ends_at = 0, time.monotonic() + ANSWER_SECONDS
    for piece in answer.iter_raw():
        size += len(piece)
        if size > MOST_ANSWER_BYTES or time.monotonic() > ends_at:
            return


class SettledLog:
    """How much of the change log every worker shows: receivers are told of that, and no more.

    A receiver that asks for a list, or purges one, then gets the new one.
    """

    def __init__(self) -> None:
        self._seen = deque[tuple[int, float]]()
        self._settled = 0

    def note(self, newest: int, slowest: int | None, now: float) -> int:
        """Note the newest change; return the change up to which the log is settled.

        Args:
            newest: of the log.
            slowest: every worker of this machine shows everything up to it; None without workers.
            now: seconds of a clock that never goes back.
        """
        if newest < self._settled:  # the store was restored from a backup
            self._seen.clear()
            self._settled = 0
        if newest > (self._seen[-1][0] if self._seen else self._settled):
            self._seen.append((newest, now))
        while self._seen and _is_settled(*self._seen[0], slowest, now):
            self._settled, _ = self._seen.popleft()
        return self._settled


def _is_settled(change: int, seen_at: float, slowest: int | None, now: float) -> bool:
    waited = now - seen_at
    is_shown = slowest is None or change <= slowest or waited >= PATIENCE_SECONDS
    return is_shown and waited >= SETTLING_SECONDS


class WebhookSender:
    """Sends to every receiver of a store while the block runs."""

    def __init__(
        self,
        store: Callable[[], ArticleStore],
        heartbeats: Heartbeats,
        name: Callable[[], str],
        counters: Counters | None = None,
    ) -> None:
        """Send nothing yet.

        Args:
            store: opens the store, or raises StoreUnusable.
            heartbeats: of the web workers of this machine.
            name: reads the name of this machine. No other one has it, and a restart keeps it.
            counters: count the messages; None to count them for nobody.
        """
        self._store = store
        self._heartbeats = heartbeats
        self._name = name
        self._counters = counters or Counters()
        self._settled = SettledLog()
        self._busy = set[str]()
        self._accepted: dict[str, set[str]] = {}
        self._faults: dict[str, RepeatedFault] = {}
        self._store_fault = RepeatedFault(_log, "no webhooks are sent")
        self._pause_seconds = LOOK_SECONDS
        self._done_at: Hashable = None
        self._stopping = threading.Event()
        self._http: httpx.Client | None = None
        self._opening = threading.Lock()
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="webhook")
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def __enter__(self) -> Self:
        """Begin to look for changes."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; what is being sent is sent again by the next process."""
        self._stopping.set()
        self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.close()

    def close(self) -> None:
        """Close the connections to receivers."""
        if self._http is not None:
            self._http.close()

    def look(self) -> None:
        """Begin to send to each receiver that lacks a settled change.

        Raises:
            StoreUnusable: the store cannot be read.
        """
        store = self._store()
        signal = store.change_signal.read()
        if store.change_signal.shows_all and signal == self._done_at:
            return
        receivers = store.webhooks.all()
        self._pause_seconds = LOOK_SECONDS if receivers else IDLE_LOOK_SECONDS
        if not receivers:
            self._done_at = signal
            return
        change = store.state().change
        slowest = min(self._heartbeats.read(), default=None)
        newest = self._settled.note(change, slowest, time.monotonic())
        self._done_at = signal if all(one.position >= change for one in receivers) else None
        for receiver in receivers:
            if receiver.name not in self._busy and receiver.is_due(newest, _now()):
                self._busy.add(receiver.name)
                self._pool.submit(self._send, store, receiver, newest)

    def send_batch(self, store: ArticleStore, receiver: Receiver, newest: int) -> Receiver | None:
        """Send the next batch; return the receiver as it is then, or None if it failed.

        It is None too if another machine sends to this receiver, or its position was set meanwhile.

        Args:
            store: has the change log.
            receiver: as it was read.
            newest: the last change that may be sent.
        """
        batch = store.webhooks.next_batch(receiver, newest)
        messages = compose_messages(batch, receiver.events, receiver.replays)
        until = _now() + timedelta(seconds=LEASE_SECONDS)
        if messages and not store.webhooks.begin(receiver, batch.end, self._name(), until):
            return None
        try:
            for message in messages:
                self._send_once(receiver, message)
        except ReceiverAway as fault:
            self._note_failure(store, receiver, fault)
            return None
        self._accepted.pop(receiver.name, None)
        if not store.webhooks.accept(receiver, batch.end, was_sent=bool(messages)):
            return None
        return replace(receiver, position=batch.end, batch_end=None, failures=0, retry_at=None)

    def _run(self) -> None:
        while not self._stopping.wait(self._pause_seconds):
            try:
                self.look()
                self._store_fault.clear()
            except (StoreUnusable, OSError) as fault:
                self._store_fault.note(fault)
            except Exception as fault:  # noqa: BLE001 - a surprise is logged, and must not end the thread
                self._store_fault.note(fault, trace=True)

    def _send(self, store: ArticleStore, receiver: Receiver, newest: int) -> None:
        """Send one batch after another until a receiver has everything, or fails."""
        name, more = receiver.name, receiver
        try:
            while not self._stopping.is_set() and more.is_due(newest, _now()):
                sent = self.send_batch(store, more, newest)
                if sent is None:
                    return
                more = sent
            self._fault_of(name).clear()
        except (StoreUnusable, OSError) as fault:
            _log.warning("webhooks to %s wait: %s", name, fault)
        except Exception:  # noqa: BLE001 - nobody waits for it in a thread
            _log.exception("webhooks to %s failed", name)
        finally:
            self._busy.discard(name)

    def _send_once(self, receiver: Receiver, message: WebhookMessage) -> None:
        """Send a message of a batch, unless it was accepted in an earlier attempt at the batch."""
        accepted = self._accepted.setdefault(receiver.name, set())
        if message.id in accepted:
            return
        try:
            post_message(self._client(), receiver, message)
        except ReceiverAway:
            self._counters.webhook_messages.labels(receiver.name, "failed").inc()
            raise
        self._counters.webhook_messages.labels(receiver.name, "accepted").inc()
        accepted.add(message.id)

    def _client(self) -> httpx.Client:
        """The client of all threads, made when it is first needed."""
        with self._opening:
            self._http = self._http or open_webhook_client()
            return self._http

    def _note_failure(self, store: ArticleStore, receiver: Receiver, fault: ReceiverAway) -> None:
        if self._stopping.is_set():
            return  # its connection was closed by us
        self._fault_of(receiver.name).note(fault)
        draw = random.random()  # noqa: S311 - spreads the load, hides nothing
        pause = retry_pause(receiver.failures + 1, fault.retry_after, draw)
        store.webhooks.fail(receiver, str(fault), _now() + timedelta(seconds=pause))

    def _fault_of(self, name: str) -> RepeatedFault:
        meaning = f"receiver {name} gets no webhooks"
        return self._faults.setdefault(name, RepeatedFault(_log, meaning))


def _now() -> datetime:
    return datetime.now(tz=UTC)
