"""The remote encoder against a real server on loopback that answers well, badly, or not at all."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.analysis.embedding import Model, encoder_connection, find_model
from recommender.analysis.embedding.encoder_connection import EncoderConnection
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.embedding.remote import RemoteEncoder
from recommender.encoding_settings import Dimensions, EncoderServer, EncodingSettings
from recommender.errors import EncoderAway, ModelRefused
from tests.support.archives import HashedWords
from tests.support.encoder_servers import Answer, Received, Server, open_encoder_server

NAME = "remote:words"
SECRET = "sk-0123456789abcdef"  # noqa: S105 - nobody else's
Encode = Callable[..., NDArray[np.float32]]


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with open_encoder_server() as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    """The server, as if nothing had been asked yet."""
    running.fail, running.encoder = lambda _: None, HashedWords()
    running.received.clear()
    return running


@pytest.fixture
def pauses() -> list[float]:
    """The seconds that were waited."""
    return []


@pytest.fixture
def encoder_of(pauses: list[float]) -> Callable[..., RemoteEncoder]:
    def make(*args: Any, patience: float = 0.0, **kwargs: Any) -> RemoteEncoder:
        model = remote(*args, **kwargs)
        assert model.served is not None
        connection = EncoderConnection(model.served.server, patience, pauses.append)
        return RemoteEncoder(model.served, model.usage, connection)

    return make


@pytest.fixture
def encode(server: Server, encoder_of: Callable[..., RemoteEncoder]) -> Encode:
    """Encode texts by OpenAI's call."""
    encoder = encoder_of(server.openai_url)
    return lambda *texts: encoder.encode(texts, lambda _: None)


def remote(
    url: str, name: str = NAME, key_file: Path | None = None, dimensions: Dimensions | None = None
) -> Model:
    server = EncoderServer(url, key_file, frozenset({"en"}))
    return find_model(name, Path(), EncodingSettings(dimensions, server))


def rows_of(*texts: str) -> NDArray[np.float32]:
    return HashedWords().encode(texts, lambda _: None)


def failing(answer: Answer, word: str) -> Callable[[Received], Answer | None]:
    return lambda request: answer if any(word in text for text in request.texts) else None


STORIES = [f"Ship {number} is unloaded in the port" for number in range(70)]


def test_texts_are_sent_in_batches_of_similar_length(server: Server, encode: Encode) -> None:
    texts = [story * (1 + place % 3) for place, story in enumerate(STORIES)]
    assert np.allclose(encode(*texts), rows_of(*texts), atol=1e-6)
    sizes = [[len(text) for text in request.texts] for request in server.received]
    assert [len(size) for size in sizes] == [32, 32, 6]
    assert all(min(before) >= max(after) for before, after in pairwise(sizes))


def test_openais_call_names_the_model(server: Server, encode: Encode) -> None:
    encode("A ship")
    (request,) = server.received
    assert request.path == "/v1/embeddings"
    assert request.body == {"input": ["A ship"], "model": "words", "encoding_format": "float"}
    assert "authorization" not in request.headers


def test_the_other_call_asks_for_whole_texts(
    server: Server, encoder_of: Callable[..., RemoteEncoder]
) -> None:
    encoder = encoder_of(server.tei_url, dimensions=Dimensions(64))
    row = encoder.encode(["A ship"], lambda _: None)[0]
    (request,) = server.received
    assert request.path == "/embed"
    expected = {"inputs": ["A ship"], "normalize": True, "truncate": False, "dimensions": 64}
    assert request.body == expected
    cut = rows_of("A ship")[0, :64]
    assert row == pytest.approx(cut / np.linalg.norm(cut))


def test_an_insisting_operator_gets_vectors_that_are_cut_here(
    server: Server, encoder_of: Callable[..., RemoteEncoder]
) -> None:
    encoder = encoder_of(server.openai_url, dimensions=Dimensions(64, insists=True))
    cut = rows_of("A ship")[0, :64]
    assert encoder.encode(["A ship"], lambda _: None)[0] == pytest.approx(cut / np.linalg.norm(cut))
    assert "dimensions" not in server.received[0].body


def test_the_prompt_of_the_models_family_is_sent(
    server: Server, encoder_of: Callable[..., RemoteEncoder]
) -> None:
    encoder_of(server.openai_url, "remote:intfloat/e5-base-v2").encode(["A ship"], lambda _: None)
    assert server.received[0].texts == ["query: A ship"]


def test_the_key_is_read_anew_for_each_request(
    server: Server, encoder_of: Callable[..., RemoteEncoder], tmp_path: Path
) -> None:
    key_file = tmp_path / "key"
    encoder = encoder_of(server.openai_url, key_file=key_file)
    for key in (SECRET, "another"):
        key_file.write_text(f" {key}\nnot this\n")
        encoder.encode(["A ship"], lambda _: None)
        assert server.received[-1].headers["authorization"] == f"Bearer {key}"


@pytest.mark.parametrize("content", [None, b"", b"\nkey", b"two words", "ключ".encode()])
def test_a_file_without_a_key_is_refused_by_its_name(
    server: Server,
    encoder_of: Callable[..., RemoteEncoder],
    tmp_path: Path,
    content: bytes | None,
) -> None:
    key_file = tmp_path / "key"
    if content is not None:
        key_file.write_bytes(content)
    encoder = encoder_of(server.openai_url, key_file=key_file)
    with pytest.raises(EncoderAway, match=str(key_file)) as refused:
        encoder.encode(["A ship"], lambda _: None)
    assert "words" not in str(refused.value)
    assert server.received == []


def test_no_message_and_no_log_has_the_key(
    server: Server,
    encoder_of: Callable[..., RemoteEncoder],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "key").write_text(SECRET)
    caplog.set_level(logging.DEBUG)
    told = f"do not use {SECRET}".encode()
    url = f"{server.openai_url}?token={SECRET}"
    encoder = encoder_of(url, key_file=tmp_path / "key")
    said = []
    for status in (400, 401, 404, 503):
        server.fail = lambda _, status=status: Answer(status, told)  # type: ignore[misc]
        with pytest.raises(EncoderAway) as refused:
            encoder.encode(["A ship"], lambda _: None)
        said.append(str(refused.value))
    assert "do not use ***" in said[0]
    assert "READ_ALSO_ENCODER_KEY_FILE" in said[1]
    shown = (*said, caplog.text, repr(encoder), repr(remote(url)))
    assert [text for text in shown if SECRET in text] == []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 424])
def test_a_busy_server_is_asked_again_later(
    server: Server, encode: Encode, pauses: list[float], status: int
) -> None:
    server.fail_once(Answer(status), Answer(status), Answer(status))
    assert np.allclose(encode("A ship"), rows_of("A ship"))
    assert pauses == [0.5, 1.0, 2.0]


def test_a_server_may_say_when_to_ask_again(
    server: Server, encode: Encode, pauses: list[float]
) -> None:
    wishes = ["3", "0", "3600"]
    server.fail_once(*(Answer(429, headers={"Retry-After": wish}) for wish in wishes))
    encode("A ship")
    assert pauses == [3.0, 0.0, 3.0]


@pytest.mark.parametrize(
    ("header", "longest"), [({}, 30.0), ({"Retry-After": "20"}, 20.0), ({"Retry-After": "0"}, 0.0)]
)
def test_a_patient_caller_waits_for_a_server_that_has_answered_before(
    server: Server,
    encoder_of: Callable[..., RemoteEncoder],
    pauses: list[float],
    header: dict[str, str],
    longest: float,
) -> None:
    encoder = encoder_of(server.openai_url, patience=100)
    server.fail = lambda _: Answer(503, headers=header)
    with pytest.raises(EncoderAway):
        encoder.encode(["A ship"], lambda _: None)
    assert len(pauses) == 3
    server.fail = lambda _: None
    encoder.encode(["A ship"], lambda _: None)
    server.fail = lambda _: Answer(503, headers=header)
    pauses.clear()
    with pytest.raises(EncoderAway):
        encoder.encode(["A ship"], lambda _: None)
    assert max(pauses) == longest
    assert 100 <= sum(max(pause, 0.5) for pause in pauses) < 100 + max(longest, 0.5)


def test_patience_is_not_for_texts_that_cannot_be_read(
    server: Server, encoder_of: Callable[..., RemoteEncoder], pauses: list[float]
) -> None:
    encoder = encoder_of(server.openai_url, patience=100)
    encoder.encode(["A ship"], lambda _: None)
    server.fail = failing(Answer(500), "poison")
    assert np.isnan(encoder.encode(["poison"], lambda _: None)).all()
    assert pauses == [0.5, 1.0, 2.0] * (len(pauses) // 3)
    assert len(pauses) <= 6


@pytest.mark.parametrize(
    ("answer", "said", "requests"),
    [
        (Answer(503, b"loading"), "answers 503 loading", 4),
        (Answer(429), "answers 429", 4),
        (Answer(401), "READ_ALSO_ENCODER_KEY_FILE", 1),
        (Answer(404, b"no such model"), "answers 404 no such model", 1),
        (Answer(308, headers={"Location": "/v2"}), "redirects", 1),
        (Answer(400, b"bad model"), "refuses every text: 400 bad model", 2),
        (Answer(500, b"CUDA"), "refuses every text: 500 CUDA", 8),
        (Answer(body=b"<html>"), "something else than vectors", 1),
        (Answer(body=b"[" * 100_000), "something else than vectors", 1),
        (Answer(body=b"[[%b]]" % (b"9" * 400)), "something else than vectors", 1),
        (
            Answer(body=b'{"data": [{"index": 0, "embedding": [%b]}]}' % (b"9" * 400)),
            "something else than vectors",
            1,
        ),
        (Answer(body=b'{"data": []}'), "something else than vectors", 1),
        (Answer(body=b'{"data": [{"index": 1, "embedding": [1]}]}'), "not numbered", 1),
        (Answer(body=b'{"data": [{"index": 0, "embedding": 1}]}'), r"shape \(1,\) for 1", 1),
        (Answer(body=b'{"data": [{"index": 0, "embedding": ["a"]}]}'), "else than vectors", 1),
        (Answer(body=b"x", headers={"Content-Encoding": "gzip"}), "packs its answer", 1),
    ],
)
def test_an_answer_that_does_not_fit_means_that_the_encoder_is_away(
    server: Server, encode: Encode, answer: Answer, said: str, requests: int
) -> None:
    server.fail = lambda _: answer
    with pytest.raises(EncoderAway, match=rf"the encoder at {server.openai_url} .*{said}"):
        encode("A ship")
    assert len(server.received) == requests


def test_a_server_that_is_not_there_is_tried_some_times(
    encoder_of: Callable[..., RemoteEncoder], pauses: list[float]
) -> None:
    with open_encoder_server() as gone:
        url = gone.tei_url
    with pytest.raises(EncoderAway, match="does not answer"):
        encoder_of(url).encode(["A ship"], lambda _: None)
    assert pauses == [0.5, 1.0, 2.0]


def test_a_slow_answer_ends_at_a_deadline(
    server: Server, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the clock is faked: each look at it finds a minute gone."""
    clock = SimpleNamespace(now=0.0)

    def monotonic() -> float:
        clock.now += 61
        return float(clock.now)

    monkeypatch.setattr(encoder_connection, "time", SimpleNamespace(monotonic=monotonic))
    with pytest.raises(EncoderAway, match="takes too long"):
        encode("A ship")
    assert len(server.received) == 2


def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    server: Server, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_connection, "MOST_BYTES", 1_000)
    with pytest.raises(EncoderAway, match="more than 1000 bytes"):
        encode("A ship")
    assert len(server.received) == 1


def test_vectors_of_another_length_are_refused(server: Server, encode: Encode) -> None:
    encode("A ship")
    one = json.dumps({"data": [{"index": 0, "embedding": [1.0, 2.0]}]}).encode()
    server.fail_once(Answer(body=one))
    with pytest.raises(EncoderAway, match="vectors of 2 numbers, not of 256"):
        encode("A ship")


@pytest.mark.parametrize("told", [Dimensions(512), Dimensions(512, insists=True)])
def test_vectors_shorter_than_the_settings_say_are_refused(
    server: Server, encoder_of: Callable[..., RemoteEncoder], told: Dimensions
) -> None:
    with pytest.raises(EncoderAway, match="vectors of 256 numbers, not of 512"):
        encoder_of(server.openai_url, dimensions=told).encode(["A ship"], lambda _: None)


NUMBERLESS = [b"NaN", b"null", b"1e999", b"0.0"]


@pytest.mark.parametrize("number", NUMBERLESS)
def test_a_vector_that_is_none_is_not_of_use_and_others_are(
    server: Server, encode: Encode, number: bytes
) -> None:
    numbers = b",".join([number] * 256)

    def poison(request: Received) -> Answer | None:
        if not any("poison" in text for text in request.texts):
            return None
        places = range(len(request.texts))
        data = b",".join(b'{"index":%d,"embedding":[%b]}' % (at, numbers) for at in places)
        return Answer(body=b'{"data":[%b]}' % data)

    server.fail = poison
    rows = encode("A ship", "poison", "An apple")
    assert np.isnan(rows[1]).all()
    assert np.allclose(rows[[0, 2]], rows_of("A ship", "An apple"))


@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_text_that_a_server_cannot_read_is_found_among_others(
    server: Server, encode: Encode, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    server.fail = failing(Answer(status, b"tokenizer"), "poison")
    texts = [*STORIES[:20], "poison"]
    rows = encode(*texts)
    assert np.isnan(rows[20]).all()
    assert np.allclose(rows[:20], rows_of(*STORIES[:20]))
    assert "refuses a text of 6 letters: " in caplog.text


def test_a_text_that_is_too_long_for_the_server_is_read_in_parts(
    server: Server, encode: Encode
) -> None:
    """By hand: two sentences that the server reads, mixed by their width."""
    server.fail = lambda request: (
        Answer(413, b"too long") if max(map(len, request.texts)) > 400 else None
    )
    first, second = "The ship is in the port. " * 12, "Apples ripen late here. " * 12
    mixed = len(first.strip()) * rows_of(first) + len(second.strip()) * rows_of(second)
    rows = encode(first.strip() + "\n" + second.strip(), *STORIES[:31])
    assert rows[0] @ mixed[0] == pytest.approx(np.linalg.norm(mixed[0]), rel=1e-4)
    assert np.allclose(rows[1:], rows_of(*STORIES[:31]))
    encode(*STORIES[:32])
    assert len(server.received[-1].texts) == 32


def test_a_server_that_takes_fewer_texts_at_once_gets_fewer(server: Server, encode: Encode) -> None:
    server.fail = lambda request: Answer(413, b"batch") if len(request.texts) > 16 else None
    assert np.allclose(encode(*STORIES), rows_of(*STORIES), atol=1e-6)
    assert sum(len(request.texts) > 16 for request in server.received) == 1


def test_a_remote_model_is_known_by_what_it_is_called_and_not_by_its_address() -> None:
    one = remote("http://a.example/embed")
    same = remote("http://b.example/v1/embeddings")
    shorter = remote("http://a.example/embed", dimensions=Dimensions(64))
    other = remote("http://a.example/embed", "remote:others")
    assert (one.name, one.languages) == (NAME, frozenset({"en"}))
    assert one.fingerprint == same.fingerprint
    assert len({one.fingerprint, shorter.fingerprint, other.fingerprint}) == 3


def test_a_remote_model_without_a_server_is_refused() -> None:
    with pytest.raises(ModelRefused, match="READ_ALSO_ENCODER_URL"):
        find_model(NAME, Path())


@pytest.mark.long
def test_a_remote_encoder_is_loaded_without_torch() -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from recommender.analysis.embedding import find_model\n"
        "from recommender.analysis.embedding.loading import load_encoder\n"
        "from recommender.encoding_settings import EncoderServer, EncodingSettings\n"
        "server = EncodingSettings(server=EncoderServer('http://127.0.0.1/embed'))\n"
        "load_encoder(find_model('remote:words', Path(), server))\n"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603 - our own program


def test_the_loader_makes_a_remote_encoder(server: Server) -> None:
    encoder = load_encoder(remote(server.tei_url))
    assert np.allclose(encoder.encode(["A ship"], lambda _: None), rows_of("A ship"))
