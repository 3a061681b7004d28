"""The how-to page on deploys that fail: a table from symptom to command, made of the table of known reasons. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fsdcf.deploy.judging import Reason
from fsdcf.deploy.reasons import HIDDEN
from fsdcf.deploy.reasons_run import CHECKS, PLACING, RUNNING
from fsdcf.deploy.reasons_stack import STACK
from fsdcf.deploy.reasons_start import PREPARING, PULLING

_EXAMPLE = {
    "service": "my-service",
    "environment": "prod",
    "spec": "my-service.yml",
    "port": "8000",
    "image": "my-service:SHA",
}

_HEAD = """\
<!-- Generated from fsdcf/deploy/reasons*.py: make docs. -->

# My deploy fails

`fsdcf deploy` shows each task while the service is rolled out, collects what ECS, the load balancer and the log say before a rollback destroys
it, and ends with the cause, the line of the spec to change and the command to run. Afterwards this says the same again, from what is left:

```sh
fsdcf diagnose my-service --env prod
```

With the spec instead of the name it shows the line as well. ECS forgets stopped tasks after an hour; then the service's events and its
deployments must do. A service that a failed first deploy took away again leaves only CloudFormation's own words: use what `deploy` printed.
What CloudFormation itself could not make or change stands in the last table.

- Two tasks that stop for the same reason are reported at once. `fsdcf deploy my-service.yml --env prod --fail-fast` cancels the update then,
  unless the reason may pass by itself: no capacity, a Spot interruption, a network interface that was not ready in time.
- `fsdcf status my-service --env prod --watch` shows the tasks of a rollout that somebody else started.
- A rehearsal: `fsdcf deploy my-service.yml --image-sha one --sandbox --fault Service:create:oom`; [more faults](sandbox.md).
- What to do with the stack afterwards: [how to recover](recover.md).

Who may deploy need not be allowed to read ECS: each call that is refused is one warning, and the table below gets shorter by what it would have
told. `fsdcf permissions my-service.yml` lists what is used.
"""

_PARTS: tuple[tuple[str, tuple[Reason, ...]], ...] = (
    ("The image cannot be pulled", PULLING),
    ("The task cannot be prepared", PREPARING),
    ("A health check fails", CHECKS),
    ("The container ends", RUNNING),
    ("There is no place for the task", PLACING),
    ("The stack is green and the service is old", (HIDDEN,)),
    ("CloudFormation cannot make or change a resource", STACK),
)


def failures_page() -> str:
    """The page as Markdown."""
    parts = (f"\n## {title}\n\n" + "\n".join(_table(reasons)) + "\n" for title, reasons in _PARTS)
    return _HEAD + "".join(parts)


def _table(reasons: Iterable[Reason]) -> Iterator[str]:
    yield "| what you see | why | what to do | where | next |"
    yield "|---|---|---|---|---|"
    for one in reasons:
        cause = one.cause.replace("gets …", "gets this code").replace(" (…)", "").replace(" …", "")
        cells = (
            one.symptom,
            cause,
            one.advice,
            *(f"`{text}`" if text else "" for text in (one.key, one.command.format(**_EXAMPLE))),
        )
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("$", "\\$") for cell in cells) + " |"
