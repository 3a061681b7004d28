"""The commented file of a new environment."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from fsdcf.scaffold.render import render
from fsdcf.scaffold.workflow import scalar

_FIRST, _COUNT = 20, 200
"""The second numbers of the ranges: 10.20.0.0/16 and the following ones."""


def environment_file(name: str, owner: str, region: str | None, zones: Sequence[str], schema: str) -> str:
    """The file of an environment, with the ids of its zones if there are any. Its range follows from its name, so that
    two environments rarely have the same one."""
    second = _FIRST + int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % _COUNT
    return render(
        "environment.yml.j2",
        name=name,
        owner=scalar(owner),
        region=region,
        zones=zones,
        cidr=f"10.{second}.0.0/16",
        protected=name in ("prod", "production"),
        schema=schema,
    )
