"""The gate before a running service is changed: ``--yes`` or a person, and a person or ``--allow`` where data are at risk."""

from __future__ import annotations

from fsdcf.deploy.model import Exit, Question
from fsdcf.deploy.run import Run, stop


def consent(run: Run, yes: bool, question: str, again: str, details: tuple[str, ...] = ()) -> None:
    """Ends the run (exit 3) unless the change is agreed to. ``again`` is the command without ``--yes``."""
    if yes:
        return
    if run.ask is None:
        raise stop(Exit.REFUSED, "nobody is there to ask: nothing is changed without --yes", f"{again} --yes")
    if not run.agrees(Question("execute", question, details)):
        raise stop(Exit.REFUSED, "refused: nothing was changed", run.target.command("status"))


def consent_to_risk(run: Run, allowed: bool, risk: str, again: str, logical_id: str) -> None:
    """Ends the run (exit 3) unless a person or ``--allow`` takes the risk; ``--yes`` alone does not."""
    if allowed:
        return
    if run.ask is None:
        raise stop(Exit.REFUSED, f"data at risk: {risk}", f"{again} --allow {logical_id}")
    if not run.agrees(Question("data", "Data at risk. Go on?", (risk,))):
        raise stop(Exit.REFUSED, "refused: nothing was changed", run.target.command("status"))
