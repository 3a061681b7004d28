"""The actions of GitHub that a workflow uses, each at the commit of a version."""

from __future__ import annotations

from collections.abc import Mapping

PINS: Mapping[str, tuple[str, str]] = {
    "actions/checkout": ("v7.0.1", "3d3c42e5aac5ba805825da76410c181273ba90b1"),
    "actions/upload-artifact": ("v7.0.0", "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f"),
    "astral-sh/setup-uv": ("v10.0.1", "20cfd1bf945f4377ade1205e4dbc17946fc9a30d"),
    "aws-actions/amazon-ecr-login": ("v2.1.7", "03f1aad4c6c7ffd436567f42f9384779290529bd"),
    "aws-actions/configure-aws-credentials": ("v6.2.3", "e6de054238d6b7531b4efff3b6587d9aade6a06c"),
}
"""Version and commit by name: a tag may move, a commit does not."""


def use(action: str) -> str:
    """What stands behind ``uses:``: the action at its commit, with the version for readers."""
    version, commit = PINS[action]
    return f"{action}@{commit} # {version}"
