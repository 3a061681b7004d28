"""The load balancer's request, against real sockets on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from fsdcf.operate.healthcheck import HttpAnswer, send_request

Behaviour = Callable[[socket.socket, bytes], None]

PATIENCE = 60.0
"""Seconds for what takes no time, on a machine that has much else to do."""


@contextmanager
def listening(behave: Behaviour) -> Iterator[tuple[int, list[bytes]]]:
    """A server for one connection after the other, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)

        def serve() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.settimeout(PATIENCE)
                        asked.append(connection.recv(4096))
                        behave(connection, asked[-1])
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], asked
        server.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE)


def answering(text: bytes) -> Behaviour:
    return lambda connection, asked: connection.sendall(text)


def ask(port: int, timeout: float = PATIENCE, path: str = "/health") -> HttpAnswer:
    return send_request("127.0.0.1", port, path, timeout, time.monotonic)


def test_the_request() -> None:
    with listening(answering(b"HTTP/1.1 204 No Content\r\n\r\n")) as (port, asked):
        answer = ask(port, path="/health?deep=1")
    assert (answer.code, answer.fault) == (204, "") and 0 <= answer.seconds < PATIENCE
    lines = asked[0].decode().split("\r\n")
    assert lines[0] == "GET /health?deep=1 HTTP/1.1" and lines[-2:] == ["", ""]
    assert (
        f"Host: 127.0.0.1:{port}" in lines
        and "User-Agent: ELB-HealthChecker/2.0" in lines
        and "Connection: close" in lines
    )


def test_a_target_without_tls_is_told_apart() -> None:
    with listening(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as (port, _):
        answer = send_request("127.0.0.1", port, "/health", PATIENCE, time.monotonic, secure=True)
    assert (answer.code, answer.fault) == (0, "garbled") and "no TLS" in answer.detail


def test_a_redirect_is_not_followed() -> None:
    with listening(answering(b"HTTP/1.1 302 Found\r\nlocation: /login\r\nContent-Length: 0\r\n\r\n")) as (port, asked):
        answer = ask(port)
    assert (answer.code, answer.location, len(asked)) == (302, "/login", 1)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "closed"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "garbled"),
        (b"HTTP/1.1 abc\r\n\r\n", "garbled"),
        (b"\xff\xfe\r\n\r\n", "garbled"),
        (b"HTTP/1.1 20\r\n\r\n", "garbled"),
    ],
)
def test_invalid_answers(text: bytes, fault: str) -> None:
    with listening(answering(text)) as (port, _):
        answer = ask(port)
    assert (answer.code, answer.fault) == (0, fault)


def test_an_answer_in_chunks_without_a_body() -> None:
    def behave(connection: socket.socket, asked: bytes) -> None:
        for piece in (b"HTTP/1.0 2", b"00 OK\r\nX-One: 1\r", b"\n\r\n"):
            connection.sendall(piece)
            time.sleep(0.01)

    with listening(behave) as (port, _):
        assert ask(port).code == 200


def test_nothing_listens() -> None:
    with socket.socket() as taken:  # reserved, so that no other process listens on it
        taken.bind(("127.0.0.1", 0))
        answer = ask(taken.getsockname()[1])
    assert (answer.code, answer.fault) == (0, "refused")


def ended(told: threading.Event) -> None:
    """Stay silent until the client has ended."""
    told.wait(PATIENCE)


def test_no_answer_in_time() -> None:
    told = threading.Event()
    with listening(lambda connection, asked: ended(told)) as (port, _):
        answer = ask(port, timeout=0.1)
        told.set()
    assert answer.fault == "timeout" and 0.1 <= answer.seconds < PATIENCE


def test_a_slow_answer_is_a_timeout() -> None:
    def behave(connection: socket.socket, asked: bytes) -> None:
        while not told.wait(0.02):
            connection.sendall(b"H")

    told = threading.Event()

    with listening(behave) as (port, _):
        answer = ask(port, timeout=0.1)
        told.set()
    assert answer.fault == "timeout", "the timeout is for all of it, not for each piece"


def test_a_connection_that_is_reset() -> None:
    def behave(connection: socket.socket, asked: bytes) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    with listening(behave) as (port, _):
        assert ask(port).fault == "closed"


@pytest.mark.parametrize(("host", "words"), [("a..b", "is not a valid name"), ("255.255.255.255", "")])
def test_unreachable_addresses(host: str, words: str) -> None:
    answer = send_request(host, 80, "/", 2.0, time.monotonic)
    assert answer.fault == "unreachable" and words in answer.detail


def test_endless_headers_are_read_up_to_a_limit() -> None:
    def behave(connection: socket.socket, asked: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40_000)

    with listening(behave) as (port, _):
        assert ask(port).code == 200
