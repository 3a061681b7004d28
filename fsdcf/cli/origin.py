"""Where this fsdcf comes from, as a requirement that installs the same code elsewhere."""

from __future__ import annotations

import json
import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import fsdcf
from fsdcf.cli.git import git

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SSH = re.compile(r"(?:ssh://)?(?:[\w.-]+@)(?P<host>[\w.-]+)(?::\d+/|[:/])(?P<path>[\w./-]+)")
_HTTPS = re.compile(r"https://(?:[^@/\s]*@)?(?P<rest>[\w.-]+(?::\d+)?/[\w./-]+)")


class UnknownOrigin(Exception):
    """Why the origin is not known, as a clause."""


def pinned_requirement() -> str:
    """The requirement of this fsdcf: its repository at a full commit (``git+https://…@COMMIT``).

    It is that of the installation by pip or uv (PEP 610), or else that of the clone which contains the package.
    Raises UnknownOrigin if there is neither, and for a clone whose commit others cannot fetch.
    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    try:
        installed = _installed(distribution("fsdcf"))
    except PackageNotFoundError:
        installed = None
    return installed or _cloned(Path(fsdcf.__file__).resolve().parent.parent)


def _installed(package: Distribution) -> str | None:
    """The repository and the commit from which pip or uv installed a package."""
    try:
        record = json.loads(package.read_text("direct_url.json") or "{}")
        url, commit = public_url(str(record["url"])), str(record["vcs_info"]["commit_id"])
    except (KeyError, TypeError, ValueError):
        return None
    return f"git+{url}@{commit}" if url and _COMMIT.fullmatch(commit) else None


def _cloned(root: Path) -> str:
    """The remote and the commit of a clone with the package in its root."""
    if not (root / ".git").exists():
        raise UnknownOrigin(f"fsdcf {fsdcf.__version__} was not installed from a git repository")
    url = public_url(_git(root, "remote", "get-url", "origin"))
    if not url:
        raise UnknownOrigin("the clone of fsdcf has no remote `origin` that others can fetch from")
    commit = _git(root, "rev-parse", "HEAD")
    if _git(root, "status", "--porcelain", "--untracked-files=no"):
        raise UnknownOrigin("the clone of fsdcf has changes that are not committed")
    if not _git(root, "branch", "--remotes", "--contains", commit):
        raise UnknownOrigin(f"the commit {commit[:12]} of the clone of fsdcf has not been pushed")
    return f"git+{url}@{commit}"


def public_url(remote: str) -> str | None:
    """The address of a git remote over HTTPS, without a user or a password; None for a folder or another protocol."""
    if match := _HTTPS.fullmatch(remote):
        return f"https://{match['rest']}"
    if match := _SSH.fullmatch(remote):
        return f"https://{match['host']}/{match['path'].lstrip('/')}"
    return None


def _git(root: Path, *words: str) -> str:
    """The answer of git in a clone; empty if it fails."""
    return (git(*words, folder=root) or b"").decode("utf-8", "replace").strip()
