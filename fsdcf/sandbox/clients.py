"""Clients of botocore that know the sandbox alone: no file, no variable and no profile of the user's has a say."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import botocore.session
from botocore.config import Config

from fsdcf.sandbox.inprocess import connect
from fsdcf.sandbox.world import World

KEY = "sandbox"
"""The credentials, both of them. The sandbox verifies none."""


def clients(world: World, config: Any = None) -> Callable[[str, str], Any]:
    """Makes a client for a service and a region, without sockets. ``config`` is botocore's, for timeouts and retries."""
    nobody = (None, None, None, None)
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    session = botocore.session.Session(session_vars={"profile": nobody, **files})
    session.set_credentials(KEY, KEY)
    connect(session, world)
    own = Config(ignore_configured_endpoint_urls=True)
    merged = own if config is None else config.merge(own)

    def make(service: str, region: str) -> Any:
        return session.create_client(service, region_name=region, config=merged)

    return make
