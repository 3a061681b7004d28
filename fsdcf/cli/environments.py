"""The environments that other files than the spec name: ``environments/NAME.yml``, and the workflow of fsdcf."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from fsdcf.cli.files import repository_root
from fsdcf.conventions import ENVIRONMENT_PATTERN

_DEPLOYED = re.compile(rf"^ +ENVIRONMENT: ({ENVIRONMENT_PATTERN})$", re.M)
"""An environment in a workflow of ``fsdcf ci github``."""


def named_by_files(folder: Path) -> frozenset[str]:
    """The environments that files name, for a spec in this folder.

    Files ``environments/NAME.yml`` are looked for from the folder up to the root of the repository, the workflow in its
    root.
    """
    return _named(folder.resolve())


@cache
def _named(here: Path) -> frozenset[str]:
    root = repository_root(here)
    folders = [one for one in (here, *here.parents) if one == root or root in one.parents]
    files = (file for one in folders for file in (one / "environments").glob("*.y*ml"))
    names = {file.stem for file in files if re.fullmatch(ENVIRONMENT_PATTERN, file.stem)}
    for workflow in (root / ".github" / "workflows").glob("*.yml"):
        names.update(_deployed_by(workflow))
    return frozenset(names)


def _deployed_by(workflow: Path) -> list[str]:
    """The environments that a workflow of fsdcf deploys to; none for another workflow."""
    from fsdcf.scaffold.workflow import is_managed

    try:
        text = workflow.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return _DEPLOYED.findall(text) if "fsdcf" in text and is_managed(text) else []
