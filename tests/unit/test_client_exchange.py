"""What the Python client makes of answers: results, errors, and when it asks again."""

import inspect
import re
from typing import Any

import httpx
import pytest

from read_also_client import (
    ApiError,
    Gone,
    InvalidRequest,
    KeyRefused,
    NoAnswer,
    NotFound,
    NotReady,
    NotSendable,
    OlderVersion,
    Readiness,
    Refused,
    Retries,
    StrangeAnswer,
    TryLater,
    calls,
    errors,
)
from read_also_client.exchange import Attempt, Call, Exchange, Outcome, exchange, opening_of

HALF = Retries(attempts=3, longest_pause=30.0, draw=lambda: 0.5)
ADDRESS = "http://desk.example"


def answer(status: int, **more: Any) -> httpx.Response:
    return httpx.Response(status, request=httpx.Request("GET", f"{ADDRESS}/v1/x?q=1"), **more)


def problem(status: int, after: str | None = None, **more: object) -> httpx.Response:
    document = {"type": "about:blank", "title": "t", "status": status, "detail": "busy"}
    headers = {} if after is None else {"Retry-After": after}
    return answer(status, json=document | {"instance": "/"} | more, headers=headers)


def lost(kind: type[httpx.RequestError] = httpx.ConnectError, said: str = "refused") -> Outcome:
    return kind(said, request=httpx.Request("GET", f"{ADDRESS}/v1/x?q=1"))


ARTICLE = answer(200, json={"id": "a", "title": "A"})


def play(exchanged: Exchange[Any], *outcomes: Outcome) -> tuple[list[float], Any]:
    """Let an exchange have these outcomes; the pause before each attempt, and the result."""
    attempts = list[Attempt]()
    try:
        attempts.append(next(exchanged))
        for outcome in outcomes:
            attempts.append(exchanged.send(outcome))
    except StopIteration as end:
        return [attempt.pause_seconds for attempt in attempts], end.value
    raise AssertionError(f"after {len(outcomes)} outcomes it asks for more")


def get(*outcomes: Outcome, retries: Retries = HALF) -> tuple[list[float], Any]:
    return play(exchange(calls.get("a"), retries), *outcomes)


@pytest.mark.parametrize(
    ("after", "pauses"),
    [
        ("7", [0.0, 7.375, 7.75]),  # half a second, then one, and of that three quarters
        ("0", [0.0, 0.375, 0.75]),
        (None, [0.0, 0.375, 0.75]),
        *((odd, [0.0, 0.375, 0.75]) for odd in ("Wed, 21 Oct 2026 07:28:00 GMT", "-1", "nan", "")),
    ],
)
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_call_is_made_again_no_sooner_than_the_service_says(
    status: int, after: str | None, pauses: list[float]
) -> None:
    busy = problem(status, after)
    waited, article = get(busy, busy, ARTICLE)
    assert (waited, article.title) == (pauses, "A")


@pytest.mark.parametrize(
    "kind", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.DecodingError]
)
def test_a_call_that_is_not_answered_is_made_again(kind: type[httpx.RequestError]) -> None:
    assert get(lost(kind), ARTICLE)[0] == [0.0, 0.375]


@pytest.mark.parametrize("draw", [0.0, 1.0])
def test_pauses_double_up_to_eight_seconds_and_differ_by_half(draw: float) -> None:
    retries = Retries(attempts=9, draw=lambda: draw)
    pauses = [retries.pause_before_next(attempt) for attempt in range(1, 9)]
    whole = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0]
    assert pauses == [pause * (1 + draw) / 2 for pause in whole]
    assert retries.pause_before_next(9) is None


def test_after_the_last_attempt_the_refusal_is_raised() -> None:
    with pytest.raises(TryLater, match="503: busy") as refused:
        get(*[problem(503, "1", request_id="r-1")] * 3)
    assert (refused.value.status, refused.value.retry_after) == (503, 1.0)
    assert refused.value.request_id == "r-1"
    with pytest.raises(NoAnswer, match=r"^no answer from http://desk\.example/v1/x: refused$"):
        get(lost(), lost(), lost())
    with pytest.raises(NoAnswer, match="ReadTimeout"):
        get(*[lost(httpx.ReadTimeout, "")] * 3)


def test_a_service_that_asks_for_a_long_pause_is_not_asked_again() -> None:
    with pytest.raises(TryLater) as refused:
        get(problem(429, "31"))
    assert refused.value.retry_after == 31.0


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, InvalidRequest) for status in (400, 411, 413, 414, 415, 422)),
        *((status, KeyRefused) for status in (401, 403)),
        *((404, NotFound), (410, Gone), (409, OlderVersion)),
        *((status, Refused) for status in (405, 408, 418, 500)),
    ],
)
def test_a_refusal_is_an_error_of_its_kind_and_is_not_asked_again(
    status: int, kind: type[Refused]
) -> None:
    faults = [{"pointer": "/title", "detail": "too long"}]
    with pytest.raises(Refused, match=rf"^{status}: busy; /title: too long$") as refused:
        get(problem(status, errors=faults))
    assert type(refused.value) is kind
    assert refused.value.faults[0].pointer == "/title"
    with pytest.raises(kind, match=rf"^{status}: "):
        get(answer(status, text="<html>a proxy's page"))


@pytest.mark.parametrize(
    "strange",
    [
        answer(200, text="<html>Welcome"),
        answer(200, json=["a"]),
        answer(204),
        answer(308, headers={"Location": "https://desk.example/"}),
    ],
    ids=["a page", "a list", "nothing", "another address"],
)
def test_an_answer_of_something_else_is_no_result(strange: httpx.Response) -> None:
    with pytest.raises(StrangeAnswer, match="base_url") as refused:
        get(strange)
    assert refused.value.status == strange.status_code


def test_fields_and_words_of_a_later_release_break_nothing() -> None:
    item: dict[str, Any] = {"id": "b", "rank": 1, "score": 0.5, "title": "B", "reason": "luck"}
    item |= dict.fromkeys(("url", "section", "language", "published_at", "image_url"))
    document = {"article_id": "a", "items": [item | {"mood": 1}], "requested": 1, "returned": 1}
    later = {"mode": "loud", "generation": "g", "short_because": "of rain", "more": [1]}
    call = calls.related("a", {})
    _, found = play(exchange(call, HALF), answer(200, json=document | later))
    assert (found.mode, found.short_because, found.items[0].reason) == ("loud", "of rain", "luck")


def test_the_probe_is_asked_once_and_says_which_it_is() -> None:
    fields = {"status": "ready", "generation": "g", "articles": 3, "change": 5, "store": "ok"}
    ready = answer(200, json=fields | {"data_folder": "ok", "unserved": None})
    _, found = play(exchange(calls.readyz(), HALF), ready)
    assert isinstance(found, Readiness)
    assert (found.ready, found.articles) == (True, 3)
    for away, said in ((problem(503, "5"), "busy"), (answer(503), "Service Unavailable")):
        pauses, found = play(exchange(calls.readyz(), HALF), away)
        assert isinstance(found, NotReady)
        assert (pauses, found.ready, found.detail) == ([0.0], False, said)


@pytest.mark.parametrize(
    ("address", "key", "said"),
    [
        ("desk.example", "my-key", "no address"),
        ("ftp://desk.example", None, "no address"),
        ("http://", None, "no address"),
        *(("http://desk.example", key, "the key") for key in ("ключ", "a\n", "", "two words")),
    ],
)
def test_an_address_or_a_key_that_cannot_be_used_is_refused_at_once(
    address: str, key: str | None, said: str
) -> None:
    with pytest.raises(NotSendable, match=said) as refused:
        opening_of(address, key)
    assert not key or key not in str(refused.value)


def test_a_slow_call_has_more_time() -> None:
    assert calls.get("a").seconds is None
    assert calls.appears_in("a").seconds == 30.0


BRANCH = re.compile(r"(?P<indent>[| ]*)[|`]-- (?P<name>\w+) +(?P<meaning>.+)")


def test_the_drawn_tree_is_the_tree_of_classes() -> None:
    path, drawn = ["ApiError"], dict[str, str]()
    for branch in filter(None, map(BRANCH.fullmatch, (errors.__doc__ or "").splitlines())):
        depth = len(branch["indent"]) // 4
        path = [*path[: depth + 1], branch["name"]]
        drawn[branch["name"]] = path[depth]
    real = {
        name: kind.__bases__[0].__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, ApiError) and kind is not ApiError
    }
    assert drawn == real


def test_a_call_is_a_value() -> None:
    assert calls.get("a") != Call("GET", "/v1/articles/b", calls.get("a").read)
    assert calls.put({"id": 7, "title": "T"}, wait=True).query == {"wait": "visible"}
    assert calls.put({"id": 7, "title": "T"}, wait=False).query == {}
    with pytest.raises(NotSendable, match="has no id"):
        calls.put({"title": "T"}, wait=False)
