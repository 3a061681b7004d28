"""Isolate the tests from the machine: remove its settings of AWS, git, proxies, pipelines, terminals and fsdcf before
anything reads them."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

KEPT = ("FSDCF_FUZZ", "FSDCF_GOLDEN")
"""The variables by which the Makefile configures the tests."""

_OWN = ("AWS_", "BOTO", "CODEBUILD_", "FSDCF_", "GIT_", "GITHUB_", "JENKINS_", "MOTO_", "TEAMCITY_")
_PLACES = ("CI", "TF_BUILD", "COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE")
"""By these a program knows a pipeline, or what the terminal can show."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

NOTHING = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}
"""Without these, the clients would read files in the home folder and ask for the machine's role."""


def forget(environ: MutableMapping[str, str]) -> None:
    """Remove the machine's settings from an environment. A git hook, for example, sets GIT_DIR, which every git then
    uses."""
    for name in list(environ):
        if name not in KEPT and (name.startswith(_OWN) or name in _PLACES or name.upper() in _PROXIES):
            del environ[name]
    environ.update(NOTHING)
