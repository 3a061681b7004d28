"""One request of a load balancer's health check: GET over plain HTTP, no redirect followed, the answer's head within the timeout."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

AGENT = "ELB-HealthChecker/2.0"
_LONGEST_HEAD = 65_536

Fault = Literal["", "refused", "timeout", "closed", "unreachable", "garbled"]


@dataclass(frozen=True)
class Answer:
    """What came of a request: the status code, or 0 and the fault. ``seconds`` is how long it took, ``location`` where a redirect leads."""

    code: int
    seconds: float
    fault: Fault = ""
    detail: str = ""
    location: str = ""


def request(host: str, port: int, path: str, timeout: float, clock: Callable[[], float]) -> Answer:
    """Ask as a load balancer does. ``timeout`` is in seconds and counts for all of it: to connect, to send, and to get the head.

    The body is not waited for: AWS says of the timeout that within it there must be a response, and not how much of one.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """
    begun = clock()
    try:
        head = _head(host, port, path, begun + timeout, clock)
    except TimeoutError:
        return Answer(0, clock() - begun, "timeout")
    except ConnectionRefusedError:
        return Answer(0, clock() - begun, "refused")
    except ConnectionError as error:
        return Answer(0, clock() - begun, "closed", _said(error))
    except OSError as error:
        return Answer(0, clock() - begun, "unreachable", _said(error))
    except UnicodeError:
        return Answer(0, clock() - begun, "unreachable", f"{host} cannot be a name")
    code, location = _read(head)
    fault: Fault = "" if code else "garbled" if head else "closed"
    return Answer(code, clock() - begun, fault, "" if code else _first(head), location)


def _head(host: str, port: int, path: str, deadline: float, clock: Callable[[], float]) -> bytes:
    with socket.create_connection((host, port), _left(deadline, clock)) as connection:
        named = f"[{host}]" if ":" in host else host
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: {named}:{port}",
            "Connection: close",
            f"User-Agent: {AGENT}",
            "Accept-Encoding: gzip, compressed",
        )
        connection.settimeout(_left(deadline, clock))
        connection.sendall("\r\n".join((*lines, "", "")).encode("latin-1"))
        received = b""
        while b"\r\n\r\n" not in received and b"\n\n" not in received and len(received) < _LONGEST_HEAD:
            connection.settimeout(_left(deadline, clock))
            piece = connection.recv(4096)
            if not piece:
                break
            received += piece
    return received


def _left(deadline: float, clock: Callable[[], float]) -> float:
    """The seconds that are left. TimeoutError if there are none."""
    left = deadline - clock()
    if left <= 0:
        raise TimeoutError
    return left


def _read(head: bytes) -> tuple[int, str]:
    """The status code, 0 if there is none, and the Location."""
    lines = head.decode("latin-1").splitlines()
    words = lines[0].split(None, 2) if lines else []
    if len(words) < 2 or not words[0].startswith("HTTP/") or not (words[1].isdecimal() and len(words[1]) == 3):
        return 0, ""
    pairs = (line.partition(":") for line in lines[1:])
    return int(words[1]), next((value.strip() for name, _, value in pairs if name.lower() == "location"), "")


def _first(head: bytes) -> str:
    return head.decode("latin-1").split("\n")[0].strip()[:80]


def _said(error: OSError) -> str:
    return error.strerror or str(error)
