"""Sends generated requests to the API and checks each answer against its OpenAPI document.

    python -m tests.support.api_fuzz --cases 10000 --bodies 2000

It runs in one process on the archive of the tests, with an indexer for drafts, and follows every
write.
"""

import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

import click
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import (
    negative_data_rejection,
    not_a_server_error,
    positive_data_acceptance,
)
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok

from recommender.api import ListOptions
from recommender.api_keys import SCOPES, ApiKey
from recommender.articles import Article, parse_article
from recommender.indexing.drafts import DraftServer
from recommender.indexing.indexer import Indexer
from recommender.settings import Settings
from recommender.store import open_store
from recommender.web import state as web_state
from service import create_app
from tests.support.archives import (
    archive_settings,
    desk_articles,
    fake_reader,
    fill,
    rebuild_fake,
    refresh_before_requests,
)
from tests.support.hostile_bodies import TAKERS, bodies

__all__ = ["AnswerCounts", "fuzz", "serve", "throw"]

NDJSON: Final = "application/x-ndjson"
SECRET: Final = "all-0123456789abcdef"  # noqa: S105 - of an archive that is thrown away
KEY: Final = {"Authorization": f"Bearer {SECRET}"}
ALL_SCOPES: Final = ApiKey.of("all", SCOPES, SECRET)
ROUND: Final = 40
"""Cases of each operation and kind before the next one is tried."""
KNOWN: Final = ("harbour-2", "harbour-3", "harbour-draft", "harbour-tg", "orchard-1", "hostile")
LEFT_OUT: Final = [
    # What JSON Schema cannot say of an article is checked all the same.
    positive_data_acceptance,
    # A 503 with Retry-After is an answer; it is counted, and every other 5xx is a failure.
    not_a_server_error,
]
LONGEST: Final = 2_000
LISTS: Final = "POST /v1/related"
TEXT: Final = Article.model_fields.keys() - ListOptions.model_fields.keys()
BY_LINES: Final = frozenset({"POST /v1/bulk"})
"""Each line is refused alone, in an answer that is 200."""


@dataclass
class AnswerCounts:
    """How often each call gave each status, and one failure of each kind."""

    answers: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def cases(self) -> int:
        """How many requests were sent."""
        return self.answers.total()

    def count(self, call: str, kind: str, status: int, headers: Any) -> None:
        """Count an answer. A 5xx is a failure, except a 503 that says when to try again."""
        self.answers[call, kind, status] += 1
        if status >= 500 and not (status == 503 and "Retry-After" in headers):
            self.failures[call, str(status)] = f"{call} answered {status}"

    def lines(self) -> Iterator[str]:
        """Lines that say, for each call and kind of body, how often each status came."""
        for call, kind in sorted({(call, kind) for call, kind, _ in self.answers}):
            by_status = {
                s: n for (c, k, s), n in sorted(self.answers.items()) if (c, k) == (call, kind)
            }
            yield f"{call:<45} {kind:<9}" + "".join(f" {s}:{n}" for s, n in by_status.items())
        in_all = Counter[int]()
        for (_, _, status), number in self.answers.items():
            in_all[status] += number
        yield f"in all {self.cases}: " + ", ".join(f"{s}: {n}" for s, n in sorted(in_all.items()))


@contextmanager
def serve(archive: Settings) -> Iterator[Flask]:
    """An application over an archive, with an indexer that reads drafts for it."""
    # Many unknown keys are sent, and each is to be answered as the first one is.
    opened = replace(archive, api_keys=(ALL_SCOPES,), rate_of_unknown_keys=None)
    app = create_app(opened, follows=False)
    shared = app.extensions["read-also"]
    refresh_before_requests(app)
    store = open_store(archive.database_url)
    indexer = Indexer(store, fake_reader())
    waited, web_state.WAIT_SECONDS = web_state.WAIT_SECONDS, 0.0  # type: ignore[misc]
    try:
        with DraftServer(archive.data.draft_socket, lambda: indexer):
            yield app
    finally:
        web_state.WAIT_SECONDS = waited  # type: ignore[misc]
        shared.stop()
        store.close()


def fuzz(app: Flask, cases: int, counts: AnswerCounts) -> None:
    """Make at least so many requests, valid and invalid, of every call in the document."""
    document = app.test_client().get("/openapi.json").get_json()
    articles = [parse_article(json.dumps(article)) for article in desk_articles()]
    _describe_lines(document)
    _drop_lengths(document)
    schema = schemathesis.openapi.from_dict(document)
    schema.app = app
    operations = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    varied = [one for one in operations if len(one.query) or len(one.path_parameters) or one.body]
    share = min(ROUND, -(-cases // (2 * len(varied))))
    rounds = 0
    while counts.cases < cases:
        rounds += 1
        for operation in operations:
            for mode in GenerationMode:
                app.extensions["read-also"].store().write_many(articles)  # what others deleted
                _run(operation, mode, share, rounds, counts)


def throw(app: Flask, count: int, counts: AnswerCounts) -> None:
    """Send so many hostile bodies, each to one of the calls that take one."""
    client = app.test_client()
    for number, body in enumerate(bodies(count)):
        method, path = TAKERS[number % len(TAKERS)]
        answer = client.open(
            path, method=method, data=body, headers=KEY, content_type="application/json"
        )
        counts.count(f"{method} {path}", "hostile", answer.status_code, answer.headers)


def _run(
    operation: Any, mode: GenerationMode, share: int, number: int, counts: AnswerCounts
) -> None:
    draw = random.Random(f"{operation.label} {number}")  # noqa: S311 - cases, not secrets

    @seed(number)
    @settings(
        max_examples=share,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Case[Any]) -> None:
        if mode is GenerationMode.POSITIVE and draw.random() < 0.5:
            _steer(case, draw)
        _ask(case, mode, counts)

    try:
        run()
    except Unsatisfiable:
        return  # nothing about this call can be got wrong


def _steer(case: Case[Any], draw: random.Random) -> None:
    """Make a case ask for what there is: a stored article, a list under one or under a text."""
    if case.path_parameters:
        case.path_parameters["article_id"] = draw.choice(KNOWN)
    if case.operation.label == LISTS and isinstance(case.body, dict):
        body = cast("dict[str, Any]", case.body)
        for asked in body.get("requests", [body]):
            stored = draw.random() < 0.5
            for name in TEXT if stored else ("article_id", "body_html"):
                asked.pop(name, None)
            asked.update({"article_id": draw.choice(KNOWN)} if stored else {"title": "A crane"})


def _ask(case: Case[Any], mode: GenerationMode, counts: AnswerCounts) -> None:
    kept = {"authorization", "x-api-key"}
    for name in [name for name in case.headers if name.lower() in kept]:
        del case.headers[name]
    label = case.operation.label
    answer = case.call(headers=KEY)
    counts.count(label, mode.value, answer.status_code, answer.headers)
    try:
        left_out = [*LEFT_OUT, negative_data_rejection] if label in BY_LINES else LEFT_OUT
        case.validate_response(answer, headers=KEY, excluded_checks=left_out)
    except FailureGroup as group:
        for failure in group.exceptions:
            message = f"{failure}\n{case.as_curl_command()}"
            counts.failures.setdefault((label, type(failure).__name__), message[:2_000])


def _describe_lines(document: dict[str, Any]) -> None:
    """A list is also sent as lines."""
    for call in document["paths"]["/v1/bulk"].values():
        content = call["requestBody"]["content"]
        content[NDJSON] = content["application/json"]

    @schemathesis.serializer(NDJSON)
    def as_lines(_: object, value: object) -> bytes:
        lines = value if isinstance(value, list) else [value]
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _drop_lengths(part: object) -> None:
    """Take away limits that no text made here comes near; Hypothesis refuses to pass them."""
    if isinstance(part, dict):
        if isinstance(longest := part.get("maxLength"), int) and longest > LONGEST:
            del part["maxLength"]
        for one in part.values():
            _drop_lengths(one)
    elif isinstance(part, list):
        for one in part:
            _drop_lengths(one)


@click.command()
@click.option("--cases", default=10_000, show_default=True)
@click.option("--bodies", "thrown", default=2_000, show_default=True)
def main(cases: int, thrown: int) -> None:
    """Fuzz the desk of the tests; exit with 1 where an answer was not documented."""
    counts = AnswerCounts()
    with tempfile.TemporaryDirectory() as folder:
        archive = archive_settings(Path(folder))
        fill(archive, desk_articles())
        rebuild_fake(archive)
        with serve(archive) as app:
            fuzz(app, cases, counts)
            throw(app, thrown, counts)
    for line in counts.lines():
        click.echo(line)
    for message in counts.failures.values():
        click.echo(f"\nFAILED {message}")
    sys.exit(1 if counts.failures else 0)


if __name__ == "__main__":
    main()
