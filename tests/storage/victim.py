"""A process that forks a migration for every line it reads; the migration kills itself with SIGKILL at a given call.

One process that has everything loaded, and no threads of its own, makes a kill cost a few milliseconds.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from fsdcf.storage.migration.model import Migration, Rate, TargetTable
from fsdcf.storage.migration.run import migrate
from tests.storage.conftest import Time
from tests.storage.fake import Fake, refusal

KEYS = (("id", "N"),)


def fake(log: str, kill_at: int | None, where: str, chance: random.Random) -> Fake:
    """A table that throttles and leaves items unprocessed, and whose n-th write is the process's end.

    ``where``: before anything of the batch is written, after a part of it, or after all of it and before the answer.
    """
    table, last = Fake(KEYS, log=Path(log)), kill_at or float("inf")

    def before(number: int, items: list[Any]) -> list[Any]:
        if number >= last and where == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if chance.random() < 0.1:
            raise refusal("ThrottlingException")
        part = (
            chance.randrange(len(items) + 1)
            if chance.random() < 0.2 or (number >= last and where == "within")
            else len(items)
        )
        return items[:part] if len(items) > 1 else items

    def after(number: int) -> None:
        if number >= last:
            os.kill(os.getpid(), signal.SIGKILL)

    table.before, table.after = before, after
    return table


def one(job: dict[str, Any]) -> dict[str, Any]:
    """Run a migration as the job says; what its report says."""
    chance, time = random.Random(job["seed"]), Time(tick=0.1)
    migration = Migration(
        TargetTable("things", KEYS),
        job["source"],
        job["checkpoint"],
        "things",
        mode=job["mode"],
        workers=job["workers"],
        verify="full",
        rate=Rate(1e6),
    )
    report = migrate(
        migration,
        fake(job["log"], job["killAt"], job["where"], chance),
        lambda event: None,
        time.clock,
        time.sleep,
        chance,
    )
    return {
        **{
            name: getattr(report, name)
            for name in ("rows", "written", "same", "kept", "resumed", "counted", "checked", "mismatches")
        },
        "good": report.good,
    }


def serve() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        inner, outer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(inner)
            os.write(outer, json.dumps(one(job)).encode())
            os._exit(0)
        os.close(outer)
        with os.fdopen(inner, "rb") as pipe:
            text = pipe.read()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(
            json.dumps(
                {
                    "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
                    "report": json.loads(text or "null"),
                }
            )
            + "\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
