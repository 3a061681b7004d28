"""The machine's settings do not reach the tests."""

from __future__ import annotations

import os

from fsdcf.cli.options import PIPELINES
from tests.machine import NOTHING, forget


def test_settings_of_the_machine_are_forgotten() -> None:
    machine = {
        "AWS_PROFILE": "work",
        "GIT_DIR": "/elsewhere",
        "https_proxy": "http://proxy",
        "HTTP_PROXY": "x",
        "FSDCF_ENV": "qa",
        "GITHUB_SHA": "1",
        "NO_COLOR": "1",
        **dict.fromkeys(PIPELINES, "true"),
    }
    kept = {"PATH": "/bin", "HOME": "/home/me", "FSDCF_FUZZ": "1"}
    environ = machine | kept
    forget(environ)
    assert environ == kept | NOTHING


def test_they_are_forgotten_here() -> None:
    assert os.environ.items() >= NOTHING.items() and "GIT_DIR" not in os.environ and "AWS_PROFILE" not in os.environ
