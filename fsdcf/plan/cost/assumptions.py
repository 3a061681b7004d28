"""What an estimate assumes about usage: each assumption with its unit, default and meaning, and how to set it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

_MOST = Decimal(10) ** 12


class AssumptionError(ValueError):
    """An assumption that is not known, or whose value is no number; the text says so."""


@dataclass(frozen=True)
class Assumption:
    """A number that the template does not tell. ``unit`` and ``meaning`` are for the reader."""

    name: str
    default: Decimal
    unit: str
    meaning: str


def _of(name: str, default: str, unit: str, meaning: str) -> Assumption:
    return Assumption(name, Decimal(default), unit, meaning)


ASSUMPTIONS: Mapping[str, Assumption] = {
    one.name: one
    for one in (
        _of("requests-per-second", "10", "requests/s", "at each load balancer, on average over the month"),
        _of("request-kilobytes", "2", "kB", "size of a request"),
        _of("response-kilobytes", "8", "kB", "size of a response"),
        _of("requests-per-connection", "10", "requests", "that a client sends over one connection"),
        _of("connection-seconds", "60", "s", "that a connection stays open"),
        _of("nat-gigabytes", "20", "GB/month", "through all NAT gateways together, both ways: images, other services"),
        _of("endpoint-gigabytes", "10", "GB/month", "through all interface endpoints together"),
        _of("log-gigabytes-per-task", "1", "GB/month", "that a running task writes to each log group"),
        _of("log-compression", "0.15", "", "stored size of logs by their size at ingestion"),
        _of("log-months", "12", "months", "of logs in store where a log group keeps them for ever"),
        _of(
            "dynamodb-writes-per-second",
            "1",
            "units/s",
            "write request units for each table on demand; indexes take as many again",
        ),
        _of("dynamodb-reads-per-second", "5", "units/s", "read request units for each table on demand"),
        _of("dynamodb-gigabytes", "5", "GB", "in each table; an index holds as much again"),
        _of("s3-gigabytes", "20", "GB", "in each bucket, older versions included"),
        _of("s3-writes", "100000", "requests/month", "PUT, COPY, POST and LIST for each bucket"),
        _of("s3-reads", "1000000", "requests/month", "GET for each bucket"),
        _of(
            "sqs-messages-per-second",
            "1",
            "messages/s",
            "through each queue, dead letters left out; each is sent, received and deleted",
        ),
        _of("efs-gigabytes", "10", "GB", "in each file system, in the Standard class"),
        _of("efs-read-gigabytes", "20", "GB/month", "read from each file system"),
        _of("efs-write-gigabytes", "5", "GB/month", "written to each file system"),
    )
}
"""By name. They describe a small service; nobody's is like it."""


def assumed(settings: Iterable[str] = ()) -> dict[str, Decimal]:
    """The value of every assumption: the default, or what ``NAME=NUMBER`` sets. Raises AssumptionError."""
    values = {name: one.default for name, one in ASSUMPTIONS.items()}
    for setting in settings:
        name, equals, written = setting.partition("=")
        if not equals:
            raise AssumptionError(
                f"an assumption is written NAME=NUMBER, such as requests-per-second=50, not {setting!r}"
            )
        if name not in ASSUMPTIONS:
            near = difflib.get_close_matches(name, ASSUMPTIONS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(ASSUMPTIONS)}"
            raise AssumptionError(f"there is no assumption {name!r}; {hint}")
        values[name] = _number(name, written)
    return values


def _number(name: str, written: str) -> Decimal:
    try:
        number = Decimal(written)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not 0 <= number <= _MOST:
        raise AssumptionError(f"{name}={written}: a number from 0 to a million million is needed")
    if name == "requests-per-connection" and number < 1:
        raise AssumptionError(f"{name}={written}: a connection carries at least one request")
    return number
