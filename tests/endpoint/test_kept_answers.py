"""An answer that was kept is the one that would be made: compared with a worker that keeps none."""

import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from index import Catalog
from recommender.api import RelatedList
from recommender.errors import GateRefused
from recommender.indexing.rollback import roll_back
from recommender.logs import ACCESS
from recommender.ranking.candidates import ListRequest
from recommender.ranking.related import list_related
from recommender.settings import Settings
from recommender.store import open_store
from recommender.web import EXTENSION
from recommender.web import state as states
from recommender.web.kept_answers import KeptAnswers
from recommender.web.state import Makings
from tests.support.archives import SECRETS, rebuild_fake
from tests.support.makings import watch_makings
from tests.support.properties import examples
from tests.support.waiting import PATIENCE_SECONDS

Clients = Callable[..., FlaskClient]
Index = Callable[..., int]
Story = Callable[..., dict[str, Any]]
STATE = EXTENSION
EDITOR = {"X-API-Key": SECRETS["editor"]}
FRONT = {"X-API-Key": SECRETS["front"]}
NOBODY: dict[str, str] = {}
CALLERS = (EDITOR, FRONT, NOBODY)
SEED = "/v1/articles/harbour-2/related"
IDS = ("harbour-1", "harbour-2", "harbour-5", "orchard-1", "embargoed", "fresh-1", "fresh-2")
QUERIES = (
    *("", "limit=3", "limit=5&offset=2", "mode=latest", "mode=background", "section=city"),
    *("language=any", "max_age=40d", "presentation=1", "explain=1", "min_score=0.3"),
    *("limit=1", "limit=1&language=any"),
)
CUT = {"candidates": 2, "threshold": 0, "words_threshold": 0}
"""Searches end after two candidates, as they do in large archives after some hundred."""
RULE = {"name": "no city", "action": "never", "items": {"section": "city"}}
OF_SEED = {"put", "delete", "pins", "blocks", "never", "no-list"}
POLICIES = (
    *(CUT, {**CUT, "fallback": False}),
    {"diversity": 0.1},
    {"diversity": 0.9, "age_weight": 0.5},
    {"age_weight": 0},
    {"age_weight": 0, "rules": [{**RULE, "items": {"min_age_days": 4.5}}]},
    {"rules": [{"name": "no farm", "action": "never", "items": {"section": "farm"}}]},
    {"rules": [{**RULE, "starts_at": "2026-10-20T12:20:00Z", "ends_at": "2026-10-20T14:10:00Z"}]},
)
ASK = st.tuples(st.just("ask"), st.sampled_from(IDS), st.sampled_from(QUERIES), st.integers(0, 2))
STEPS = st.one_of(
    ASK,
    ASK,
    st.tuples(st.just("put"), st.sampled_from(IDS), st.integers(0, 6), st.none()),
    st.tuples(st.just("delete"), st.sampled_from(IDS), st.none(), st.none()),
    st.tuples(
        st.sampled_from(["pins", "blocks"]),
        st.sampled_from(IDS),
        st.sampled_from(IDS),
        st.booleans(),
    ),
    st.tuples(
        st.sampled_from(["never", "no-list"]), st.sampled_from(IDS), st.none(), st.booleans()
    ),
    st.tuples(st.just("policy"), st.sampled_from(POLICIES), st.none(), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([1, 600, 3_600, 90_000, -60]), st.none(), st.none()),
    st.tuples(st.sampled_from(["rebuild", "roll back"]), st.integers(0, 9), st.none(), st.none()),
)


def without_keeping(client: FlaskClient) -> None:
    """Let the application of a client keep no answers."""
    extensions = client.application.extensions
    now = extensions[STATE].kept_answers.now
    extensions[STATE] = replace(extensions[STATE], kept_answers=KeptAnswers(now, 0))


def kept_by(client: FlaskClient) -> KeptAnswers:
    """What the application of a client keeps."""
    kept: KeptAnswers = client.application.extensions[STATE].kept_answers
    return kept


class Pair:
    """Two applications over one store, of which one keeps answers."""

    def __init__(self, desk: Settings, client_of: Clients, index: Index, clock: Any) -> None:
        self.desk, self.index, self.clock = desk, index, clock
        public = replace(desk, public_reads=True)
        self.keeping, self.plain = client_of(public, None), client_of(public, None)
        without_keeping(self.plain)
        self.editor = client_of(desk, "editor")

    def set_policy(self, policy: dict[str, Any]) -> None:
        with closing(open_store(self.desk.database_url)) as store:
            store.policies.put(json.dumps(policy))

    def ask(self, article_id: str, query: str, who: int) -> None:
        address, given = f"/v1/articles/{article_id}/related?{query}", CALLERS[who]
        for _ in range(2):
            kept = self.keeping.get(address, headers=given)
            made = self.plain.get(address, headers=given)
            assert kept.status_code == made.status_code
            if kept.status_code >= 400:
                assert kept.status_code < 500
                return
            assert kept.data == made.data
            names = ("ETag", "Cache-Control", "Surrogate-Key", "Vary", "Content-Type")
            assert [kept.headers.get(name) for name in names] == [
                made.headers.get(name) for name in names
            ]
            if "ETag" in kept.headers:
                given = {**CALLERS[who], "If-None-Match": kept.headers["ETag"]}


@pytest.fixture
def pair(own_desk: Settings, client_of: Clients, index_with_fake: Index, clock: Any) -> Pair:
    return Pair(own_desk, client_of, index_with_fake, clock)


@examples(20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=2, max_size=12))
def test_an_answer_that_was_kept_is_the_one_that_would_be_made(
    pair: Pair, make_story: Story, steps: list[tuple[str, Any, Any, Any]]
) -> None:
    for kind, first, second, third in steps:
        seeds = {"harbour-2", first if kind in OF_SEED else "harbour-2"}
        for seed in seeds:
            pair.ask(seed, "", 0)
            pair.ask(seed, "limit=1", 1)
        _do(pair, make_story, kind, first, second, third)
        for seed in seeds:
            pair.ask(seed, "", 0)
            pair.ask(seed, "limit=1", 1)


def _do(pair: Pair, make_story: Story, kind: str, first: Any, second: Any, third: Any) -> None:
    editor = pair.editor
    if kind == "ask":
        pair.ask(first, second, third)
    elif kind == "put":
        day = f"2026-10-{10 + second:02}T08:00:00Z"
        more: dict[str, Any] = [
            *({}, {"status": "withheld"}, {"expires_at": "2026-10-20T13:00:00Z"}),
            *({"embargoed_until": "2026-10-20T12:30:00Z"}, {"no_list": True}, {"title": "New"}),
            {"updated_at": "2026-10-20T12:45:00Z"},
        ][second]
        written = editor.put(
            f"/v1/articles/{first}", json=make_story(first, published_at=day, **more)
        )
        assert written.status_code < 500
        pair.index(pair.desk)
    elif kind == "delete":
        assert editor.delete(f"/v1/articles/{first}").status_code < 500
    elif kind in {"pins", "blocks"} and first != second:
        until = {"ends_at": "2026-10-20T14:00:00Z"} if third else {}
        body = {kind: [{"id": second, **until}]}
        assert editor.put(f"/v1/articles/{first}/{kind}", json=body).status_code < 500
    elif kind in {"never", "no-list"}:
        until = {"ends_at": "2026-10-20T15:00:00Z"} if third else {}
        assert editor.put(f"/v1/articles/{first}/{kind}", json=until).status_code < 500
    elif kind == "policy":
        pair.set_policy(first)
    elif kind == "wait":
        pair.clock.now += first
    elif kind == "rebuild":
        with suppress(GateRefused):
            rebuild_fake(pair.desk)
    elif kind == "roll back":
        catalog = Catalog(pair.desk.data.snapshots)
        generations = sorted(catalog.generations())
        roll_back(
            catalog,
            generations[first % len(generations)],
            lambda: open_store(pair.desk.database_url),
        )


def cannot_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every list that would be made anew fail."""
    monkeypatch.setattr("recommender.web.state.list_related", None)


def test_the_second_answer_and_a_304_cost_no_ranking_until_ages_count(
    pair: Pair, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = pair.editor
    first = client.get(SEED)
    cannot_rank(monkeypatch)
    again = client.get(SEED)
    assert (again.data, again.headers["ETag"]) == (first.data, first.headers["ETag"])
    asked = client.get(SEED, headers={"If-None-Match": first.headers["ETag"]})
    assert (asked.status_code, asked.data) == (304, b"")
    head = client.head(SEED)
    assert (head.data, head.headers["Content-Length"]) == (b"", first.headers["Content-Length"])
    clock.now += 3_600
    assert client.get(SEED).status_code == 500


def test_a_write_elsewhere_costs_a_kept_answer_no_ranking_and_a_takedown_ends_it(
    pair: Pair, make_story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, address = pair.editor, f"{SEED}?limit=1"
    pair.set_policy(CUT)
    first = client.get(address)
    (listed,) = first.get_json()["items"]
    elsewhere = make_story("fresh-1", title="An orchard", body="Apples and pears. " * 30)
    assert client.put("/v1/articles/fresh-1", json=elsewhere).status_code == 201
    pin = {"pins": [{"id": "harbour-1"}]}
    assert client.put("/v1/articles/orchard-1/pins", json=pin).status_code == 200
    with monkeypatch.context() as patch:
        cannot_rank(patch)
        for _ in range(2):  # before the text is read, and after
            again = client.get(address)
            assert (again.status_code, again.data) == (200, first.data)
            pair.index(pair.desk)
        withheld = {"status": "withheld"}
        changed = client.patch(f"/v1/articles/{listed['id']}", json=withheld)
        assert changed.status_code == 200
        assert client.get(address).status_code == 500
    (instead,) = client.get(address).get_json()["items"]
    assert instead["id"] != listed["id"]


def pin_for_ten_minutes(pair: Pair) -> FlaskClient:
    """The editor's client, after the list of the seed got a pin that ends."""
    pin = {"id": "orchard-1", "ends_at": "2026-10-20T12:10:00Z"}
    pinned = pair.editor.put("/v1/articles/harbour-2/pins", json={"pins": [pin]})
    assert pinned.status_code == 200
    return pair.editor


def test_how_long_caches_may_store_a_kept_answer_counts_from_now(
    pair: Pair, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = pin_for_ten_minutes(pair)
    assert client.get(SEED).headers["Cache-Control"] == "private, max-age=30"
    cannot_rank(monkeypatch)
    clock.now += 580
    assert client.get(SEED).headers["Cache-Control"] == "private, max-age=0"
    clock.now += 20
    assert client.get(SEED).status_code == 500  # the pin has ended


def test_how_long_caches_may_store_a_list_counts_from_when_it_was_made(
    pair: Pair, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = pin_for_ten_minutes(pair)
    clock.now += 569

    def dawdle(request: ListRequest) -> RelatedList:
        made = list_related(request)
        clock.now += 2.0
        return made

    monkeypatch.setattr(states, "list_related", dawdle)
    for _ in range(2):  # the second one is a kept answer
        assert client.get(SEED).headers["Cache-Control"] == "private, max-age=0"


@pytest.mark.parametrize("query", ["explain=1", "presentation=1", "max_age=40d"])
def test_answers_for_an_editor_or_a_second_are_not_kept(pair: Pair, query: str) -> None:
    client = pair.editor
    etag = client.get(f"{SEED}?{query}").headers.get("ETag", "*")
    again = client.get(f"{SEED}?{query}", headers={"If-None-Match": etag})
    assert again.status_code == (200 if query == "explain=1" else 304)
    assert kept_by(client).bytes == 0
    draft = {"article_id": "harbour-2", "limit": 3}
    assert client.post("/v1/related", json=draft).status_code == 200
    assert kept_by(client).bytes == 0


def test_an_answer_about_an_article_that_the_view_does_not_show_is_not_kept(
    pair: Pair, make_story: Story
) -> None:
    client = pair.editor
    assert client.put("/v1/articles/new", json=make_story("new")).status_code == 201
    unread = client.get("/v1/articles/new/related")
    assert unread.headers["Retry-After"] == "5"
    for path in ("unknown/related", "harbour-2/related?limit=0", "harbour-2/related?nobody=1"):
        assert client.get(f"/v1/articles/{path}").status_code in {400, 404}
    assert kept_by(client).bytes == 0


def test_the_key_is_checked_and_counted_for_a_kept_answer(
    own_desk: Settings, client_of: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, ACCESS)
    client = client_of(replace(own_desk, public_reads=True, rate_per_address=6), None)
    assert [client.get(SEED).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    wrong = client.get(SEED, headers={"X-API-Key": "wrong-0123456789abcdef"})
    assert wrong.status_code == 401
    lines = [record for record in caplog.records if record.name == ACCESS]
    assert [vars(line)["status"] for line in lines] == [200, 200, 200, 429, 429, 401]
    sizes = [vars(line)["bytes_out"] for line in lines]
    assert sizes[0] == sizes[1] == sizes[2]


def count_as_one(client: FlaskClient, spans: list[Any]) -> Callable[[], dict[Any, float]]:
    """Trace the requests of a client into a list; return what reads the counters of requests."""
    extensions = client.application.extensions

    def record(*told: Any) -> str:
        spans.append(told[:2])
        return "a-trace"

    traces = SimpleNamespace(record=record, stop=lambda: None)
    extensions[STATE] = replace(extensions[STATE], traces=traces)
    counters = extensions[STATE].counters
    families = (counters.requests, counters.request_seconds, counters.unavailable)

    def read() -> dict[Any, float]:
        samples = [
            sample for one in families for family in one.collect() for sample in family.samples
        ]
        return {
            (sample.name, *sample.labels.items()): sample.value
            for sample in samples
            if sample.name.endswith(("_total", "_count"))
        }

    return read


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_kept_answer_differs_in_nothing_from_one_that_is_made(
    pair: Pair, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    caplog.set_level(logging.INFO, ACCESS)
    spans: dict[FlaskClient, list[Any]] = {pair.keeping: [], pair.plain: []}
    counted = [count_as_one(client, told) for client, told in spans.items()]
    more = {"X-Request-ID": "asked.1", "traceparent": "00-ab", "Origin": "https://cms.example"}
    for who in CALLERS:
        etags = {client.get(SEED, headers={**who, **more}).headers["ETag"] for client in spans}
        (etag,) = etags
        for condition in ({}, {"If-None-Match": etag}, {"If-None-Match": '"another", *'}):
            caplog.clear()
            given = {**who, **more, **condition}
            kept, made = (one.open(SEED, method=method, headers=given) for one in spans)
            assert (kept.status, kept.data) == (made.status, made.data)
            names = {*kept.headers.keys(), *made.headers.keys()} - {"Date"}
            assert {name: kept.headers.getlist(name) for name in names} == {
                name: made.headers.getlist(name) for name in names
            }
            of_kept, of_made = ({**vars(line)} for line in caplog.records if line.name == ACCESS)
            unlike = {"ms", "created", "msecs", "relativeCreated"}
            assert {**of_kept, **dict.fromkeys(unlike)} == {**of_made, **dict.fromkeys(unlike)}
    assert spans[pair.keeping] == spans[pair.plain]
    assert counted[0]() == counted[1]()
    assert kept_by(pair.keeping).bytes > 0
    assert kept_by(pair.plain).bytes == 0


def test_whom_the_door_refuses_the_application_refuses_and_counts_once(
    own_desk: Settings, client_of: Clients
) -> None:
    client = client_of(replace(own_desk, rate_of_unknown_keys=6, rate_per_key=6), "editor")
    assert [client.get(SEED).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    wrong = {"Authorization": "Bearer wrong-0123456789abcdef"}
    answers = [client.get(SEED, headers=wrong) for _ in range(5)]
    assert [one.status_code for one in answers] == [401, 401, 401, 429, 429]
    assert answers[-1].content_type == "application/problem+json"
    assert client.get(SEED, headers={"Authorization": "Basic eA=="}).status_code == 401


def test_a_public_list_that_is_refused_for_its_rate_may_be_read_by_other_sites(
    own_desk: Settings, client_of: Clients
) -> None:
    client = client_of(replace(own_desk, public_reads=True, rate_per_address=1), None)
    answers = [client.get(path) for path in (SEED, SEED, f"{SEED}.html")]
    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in answers} == {"*"}


def test_what_goes_wrong_at_the_door_is_left_to_the_application(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = pair.keeping.get(SEED)

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("recommender.web.front_door.answer_condition", fail)
    again = pair.keeping.get(SEED)
    assert (again.status_code, again.data) == (200, first.data)
    assert "a kept answer could not be looked for" in caplog.text


def test_a_request_for_another_protocol_is_answered_as_if_nothing_was_kept(pair: Pair) -> None:
    asked = {"Connection": "Upgrade, Upgrade", "Upgrade": "websocket"}
    assert pair.keeping.get(SEED).status_code == 200
    kept, made = (one.get(SEED, headers=asked) for one in (pair.keeping, pair.plain))
    assert kept.status_code == made.status_code
    assert kept.status_code != 200


def test_a_key_that_may_not_ask_for_lists_gets_no_kept_answer(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = pair.editor
    assert [client.get(SEED).status_code for _ in range(2)] == [200, 200]
    keyring = client.application.extensions[STATE].keyring
    without = tuple(replace(key, scopes=frozenset({"write"})) for key in keyring.keys)
    monkeypatch.setattr(keyring, "keys", without)
    assert client.get(SEED).status_code == 403
    monkeypatch.setattr(keyring, "keys", ())
    assert client.get(SEED).status_code == 401


def test_whoever_sees_more_or_less_is_answered_apart(pair: Pair, make_story: Story) -> None:
    client, held = pair.keeping, list[int]()
    story = make_story("embargoed", embargoed_until="2026-10-21T00:00:00Z")
    assert client.put("/v1/articles/embargoed", json=story, headers=EDITOR).status_code < 300
    pair.index(pair.desk)
    for _ in range(2):
        for who, status in ((EDITOR, 200), (FRONT, 404), (NOBODY, 404)):
            answer = client.get("/v1/articles/embargoed/related", headers=who)
            assert answer.status_code == status
    for who, may in ((EDITOR, "private"), (FRONT, "private"), (NOBODY, "public")) * 2:
        kept = client.get(SEED, headers=who).headers["Cache-Control"]
        assert kept.startswith(f"{may}, max-age=")
        held.append(kept_by(client).bytes)
    assert held[0] < held[1] < held[2] == held[-1]


@pytest.mark.parametrize(
    ("article_id", "is_shared"),
    [("harbour-2", True), ("nobody", False), ("harbour-draft", False), ("harbour-expired", False)],
)
def test_who_asks_for_what_is_not_on_show_waits_for_nobody(
    own_desk: Settings,
    client_of: Clients,
    monkeypatch: pytest.MonkeyPatch,
    article_id: str,
    *,
    is_shared: bool,
) -> None:
    """Or the time of an answer would tell of a draft."""
    shared, share = list[object](), Makings.share

    def noted(makings: Makings, question: object, *rest: Any) -> Any:
        shared.append(question)
        return share(makings, question, *rest)

    monkeypatch.setattr(Makings, "share", noted)
    client = client_of(replace(own_desk, public_reads=True), None)
    status = client.get(f"/v1/articles/{article_id}/related").status_code
    assert (status == 200, bool(shared)) == (is_shared, is_shared)


def test_a_list_that_is_made_now_is_not_given_to_whoever_asks_after_a_write(
    own_desk: Settings, client_of: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, gate, made = threading.Event(), threading.Event(), list[int]()

    def held(request: Any) -> Any:
        made.append(1)
        if len(made) == 1:
            begun.set()
            assert gate.wait(PATIENCE_SECONDS)
        return list_related(request)

    monkeypatch.setattr(states, "list_related", held)
    waits = watch_makings(monkeypatch)
    client = client_of(own_desk, "editor")
    without_keeping(client)

    def read() -> set[str]:
        own = client.application.test_client()
        return {one["id"] for one in own.get(SEED, headers=EDITOR).get_json()["items"]}

    with ThreadPoolExecutor(2) as readers:
        early = readers.submit(read)
        assert begun.wait(PATIENCE_SECONDS)
        with closing(open_store(own_desk.database_url)) as store:
            store.delete("harbour-10")
        late = readers.submit(read)
        assert waits.acquire(timeout=PATIENCE_SECONDS)
        gate.set()
        assert "harbour-10" in early.result(PATIENCE_SECONDS)
        assert "harbour-10" not in late.result(PATIENCE_SECONDS)
