"""The machine that runs the tests has no say in them: its settings of AWS, git, proxies and fsdcf are taken away before any is read."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

KEPT = ("FSDCF_FUZZ", "FSDCF_GOLDEN")
"""What the Makefile says to the tests."""

_OWN = ("AWS_", "BOTO", "FSDCF_", "GIT_", "GITHUB_", "MOTO_")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

NOTHING = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}
"""Without these, the files of the home and the machine's own role would be asked."""


def forget(environ: MutableMapping[str, str]) -> None:
    """Takes the machine's settings out of an environment. A hook of git, for one, sets GIT_DIR, and every git then works there."""
    for name in list(environ):
        if name not in KEPT and (name.startswith(_OWN) or name.upper() in _PROXIES):
            del environ[name]
    environ.update(NOTHING)
