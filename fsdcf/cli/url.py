"""The address of a service that runs on this machine, as ``--url`` names it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import click


@dataclass(frozen=True)
class Address:
    """Where a service listens. ``host`` is a name or an address, without brackets."""

    host: str
    port: int

    @property
    def base(self) -> str:
        """The beginning of its URLs: ``http://127.0.0.1:8000``."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


def address(context: click.Context, parameter: click.Parameter, text: str | None) -> Address | None:
    """An option's callback: an address out of a URL, or a usage error. None stays None."""
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme == "https":
        raise click.BadParameter("the load balancer speaks plain HTTP to the tasks: write http://")
    if parts.scheme != "http" or not host or port == 0 or not host.isascii() or not host.isprintable() or " " in host:
        raise click.BadParameter(f"{text!r} is not where a service can run: write http://127.0.0.1:8000")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise click.BadParameter("it ends with the port: the path is the spec's (service.healthCheck.path)")
    return Address(host, 80 if port is None else port)
