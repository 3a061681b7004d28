"""Endpoints that are not quite AWS: the sandbox, whose answers lack what emulators leave out."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.deploy.site import Site, site
from tests.deploy.wired import Rewrite

LOCAL = "http://127.0.0.1:4566"

LICENSE = (
    "The API for service 'ecs' is either not included in your current license plan or has not yet been emulated by "
    "LocalStack. Please refer to https://docs.localstack.cloud/references/coverage for more details."
)
PRO = "API for service 'ecs' not yet implemented or pro feature - please check https://docs.localstack.cloud"

Answer = tuple[int, Callable[[bytes], bytes]]
"""The status of another answer, and its body, made from the sandbox's."""


def error(code: str, message: str) -> Callable[[bytes], bytes]:
    """An error in the protocol of the answer that it replaces."""

    def body(given: bytes) -> bytes:
        if given.startswith(b"<"):
            inner = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            return f"<ErrorResponse>{inner}<RequestId>1</RequestId></ErrorResponse>".encode()
        return f'{{"__type": "{code}", "message": "{message}"}}'.encode()

    return body


def always(text: str) -> Callable[[bytes], bytes]:
    return lambda given: text.encode()


LACKING: dict[str, Answer] = {
    "license": (501, error("InternalFailure", LICENSE)),
    "pro": (501, error("InternalFailure", PRO)),
    "500, not implemented": (500, error("InternalFailure", "not implemented")),
    "python": (500, error("InternalError", "exception while calling ecs.DescribeServices: NotImplementedError()")),
    "unknown operation": (400, error("UnknownOperationException", "")),
    "invalid action": (400, error("InvalidAction", "Could not find operation X for version 2010-05-15")),
    "501 without a body": (501, always("")),
    "404 of a web server": (404, always("<!doctype html>\n<html lang=en><title>404 Not Found</title><p>no</p>")),
    "404 in XHTML": (404, always("<!DOCTYPE html><html><head/><body><h1>no</h1></body></html>")),
    "404 of an API": (404, always('{"detail": "Not Found"}')),
    "405 in a word": (405, always("Method Not Allowed")),
    "a page": (200, always("<!doctype html><html><body>Welcome<br></body></html>")),
    "a page in XHTML": (200, always("<!DOCTYPE html><html><head/><body/></html>")),
    "half": (200, lambda given: given[: len(given) // 2]),
    "a list": (200, always("[]")),
    "bytes": (200, lambda given: b"\xff\xfe\x00"),
    "a crash": (500, always("<!doctype html>\n<html lang=en><title>500 Internal Server Error</title><p>no</p>")),
}
"""Answers of endpoints that do not have an operation, or are no AWS at all."""


def instead(answer: Answer, *operations: str) -> Rewrite:
    """Another answer to these operations; to every one for none."""

    def rewrite(operation: str, status: int, body: bytes) -> tuple[int, bytes]:
        return (answer[0], answer[1](body)) if operation in operations or not operations else (status, body)

    return rewrite


def without(*members: str) -> Rewrite:
    """Answers in XML that lack these members."""
    names = "|".join(members)
    pattern = re.compile(rf"<({names})>[^<]*</\1>|<(?:{names})/>".encode())
    return lambda operation, status, body: (status, pattern.sub(b"", body))


def emulator(rewrite: Rewrite | None = None, *faults: str) -> Site:
    """A new sandbox at an endpoint that is not AWS's."""
    return site(*faults, endpoint=LOCAL, rewrite=rewrite)
