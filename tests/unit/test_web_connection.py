"""How much of a request has come, and sockets that never wait."""

import json
import socket
from http import HTTPStatus

import pytest
from gunicorn.config import Config

from recommender.operations.web_connection import (
    Arrival,
    BufferedSocket,
    Connection,
    arrival_of,
    length_before_thread,
    refusing_answer,
)

KIB = 1024
LINE = b"POST /x HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("received", "arrival"),
    [
        (b"", Arrival.HEADER),
        (LINE, Arrival.HEADER),
        (LINE + b"Host: a\r\n\r", Arrival.HEADER),
        (LINE + b"Host: a\r\n\r\n", Arrival.ENOUGH),
        (LINE + b"content-LENGTH: \t3\r\n\r\n", Arrival.BODY),
        (LINE + b"Content-Length: 3\r\n\r\nab", Arrival.BODY),
        (LINE + b"Content-Length: 3\r\n\r\nabc", Arrival.ENOUGH),
        (LINE + b"Content-Length: 3\r\n\r\nabcGET", Arrival.ENOUGH),
        (LINE + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", Arrival.ENOUGH),
        (LINE + b"Content-Length: 99999999\r\n\r\n" + b"x" * 63 * KIB, Arrival.BODY),
        (LINE + b"Content-Length: 99999999\r\n\r\n" + b"x" * 64 * KIB, Arrival.ENOUGH),
        (LINE + b"Content-Length: -3\r\n\r\n", Arrival.ENOUGH),
        (LINE + b"X-Content-Length: 3\r\n\r\n", Arrival.ENOUGH),
        (LINE + b"Transfer-Encoding: chunked\r\n\r\n", Arrival.ENOUGH),
        (b"GET / HTTP/1.1\nHost: a\n\n", Arrival.UNREADABLE),
        (b"GET / HTTP/1.1\nHost: a\n\r\n", Arrival.UNREADABLE),
        (LINE + b"A: " + b"x" * 64 * KIB, Arrival.TOO_LONG),
    ],
)
def test_a_request_gets_a_thread_when_enough_of_it_has_come(
    received: bytes, arrival: Arrival
) -> None:
    assert arrival_of(received, length_before_thread(received)) is arrival


def test_a_header_is_read_once_however_slowly_the_body_comes() -> None:
    ours, theirs = socket.socketpair()
    with BufferedSocket(ours, "public") as client, theirs:
        connection = Connection(Config(), client, "them", "us")
        connection.received += LINE + b"Content-Length: 2\r\n\r\n"
        assert connection.arrival() is Arrival.BODY
        connection.received[:] = b"x" * len(connection.received) + b"a"
        assert connection.arrival() is Arrival.BODY
        connection.received += b"b"
        assert connection.arrival() is Arrival.ENOUGH
        connection.take_rest()
        connection.received[:] = LINE
        assert connection.arrival() is Arrival.HEADER


def test_what_a_client_does_not_take_is_kept_and_sent_in_order() -> None:
    ours, theirs = socket.socketpair()
    with BufferedSocket(ours, "public") as client, theirs:
        data = bytes(range(256)) * 8 * KIB
        client.sendall(data[:KIB])
        assert not client.unsent
        client.sendall(data[KIB:-1])
        client.sendall(data[-1:])
        assert 0 < len(client.unsent) < len(data)
        received = b""
        while not client.flush():
            received += theirs.recv(KIB * KIB)
        while len(received) < len(data):
            received += theirs.recv(KIB * KIB)
        assert received == data


def test_a_refusal_is_a_problem_document_that_ends_the_connection() -> None:
    header, _, body = refusing_answer(HTTPStatus.SERVICE_UNAVAILABLE, "too many").partition(
        b"\r\n\r\n"
    )
    assert header.split(b"\r\n")[:2] == [b"HTTP/1.1 503 Service Unavailable", b"Connection: close"]
    assert b"Content-Length: %d" % len(body) in header.split(b"\r\n")
    assert b"Retry-After: 1" in header.split(b"\r\n")
    problem = {"type": "about:blank", "title": "Service Unavailable", "status": 503}
    assert json.loads(body) == problem | {"detail": "too many"}
