"""Random schedules of faults, each a deploy in a sandbox of its own, and what must be true after every one of them.

``python -m tests.deploy.soak 1000 [first seed]`` runs so many and prints the figures.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fsdcf.deploy.aws import BUDGET
from fsdcf.deploy.model import Exit, Outcome, RunEnded, Terminated
from tests.deploy.site import TAGS, Site, service, site, template, topic

CALLS = (
    *(
        "CreateChangeSet",
        "DescribeChangeSet",
        "ExecuteChangeSet",
        "DeleteChangeSet",
        "DescribeStacks",
        "DescribeStackEvents",
    ),
    *(
        "ListStackResources",
        "ListChangeSets",
        "DeleteStack",
        "CancelUpdateStack",
        "DescribeServices",
        "cloudformation.*",
        "*",
    ),
)
KINDS = ("throttle", "throttle", "reset", "lost", "broken", "html", "half", "delay=5", "unreachable", "expired")
RESOURCES = (
    *("Jobs:create:no queue", "Jobs:update:no change", "Extra:create:AccessDenied=not yours", "Service:create:exit=1"),
    *("Service:update:CannotPullContainerError", "Release:update:no parameter", "Release:create:no parameter"),
    *("Jobs:rollback:stuck", "Service:rollback:stuck", "Extra:delete:in use", "TaskDefinition:cleanup:in use"),
)
QUIRKS = (
    *("lag-events=7", "lag-status=9", "stale-status*3", "duplicate-events", "equal-timestamps", "cancelled-first"),
    *(
        "drop-values",
        "no-reason",
        "no-updates",
        "page-size=2",
        "page-size=7",
        "unknown-enums",
        "hook=A::B",
        "early-validation=Jobs",
    ),
)
STARTS = (
    "none",
    "none",
    "complete",
    "complete",
    "complete",
    "same",
    "rolled back",
    "kept",
    "foreign",
    "busy",
    "review",
)
ENDED = ("_COMPLETE", "_FAILED")


@dataclass
class Schedule:
    """One run: where it starts, what goes wrong, and how the engine is called."""

    seed: int
    start: str
    faults: tuple[str, ...]
    options: dict[str, object] = field(default_factory=dict)
    interrupts: tuple[tuple[int, type[BaseException]], ...] = ()
    cancels: bool = False


def schedule(seed: int) -> Schedule:
    """The schedule of a seed, always the same."""
    dice = random.Random(seed)
    faults = [f"api:{dice.choice(CALLS)}:{dice.choice(KINDS)}{_times(dice)}" for _ in range(dice.randint(0, 4))]
    faults += dice.sample(RESOURCES, dice.choice((0, 0, 1, 2)))
    faults += [f"cfn:{one}" for one in dice.sample(QUIRKS, dice.choice((0, 0, 1, 2, 3)))]
    options: dict[str, object] = {
        "yes": dice.random() < 0.95,
        "recreate": dice.random() < 0.6,
        "plan_only": dice.random() < 0.08,
        "detach": dice.random() < 0.05,
        "wait_lock": dice.random() < 0.5,
        "fail_fast": dice.random() < 0.3,
        "timeout": dice.choice((None, None, 1800.0, dice.uniform(5, 200))),
        "on_timeout": dice.choice(("cancel", "detach")),
    }
    presses: list[tuple[int, type[BaseException]]] = []
    if dice.random() < 0.25:
        presses.append((dice.randint(1, 25), dice.choice((KeyboardInterrupt, KeyboardInterrupt, Terminated))))
        if dice.random() < 0.3:
            presses.append((presses[0][0] + dice.randint(1, 3), KeyboardInterrupt))
    return Schedule(seed, dice.choice(STARTS), tuple(faults), options, tuple(presses), dice.random() < 0.5)


def _times(dice: random.Random) -> str:
    many = dice.choice(("", "", "*2", "*5", "**" if dice.random() < 0.15 else "*3"))
    chance = "" if many != "**" else "%60"
    return f"{many}@{dice.randint(0, 12)}{chance}"


def wanted(seed: int) -> dict[str, object]:
    """The template that is deployed: some resources more or other than at the start."""
    dice = random.Random(seed ^ 0x5EED)
    more = {"Extra": topic(DisplayName="extra")} if dice.random() < 0.5 else {}
    return template(**{**base(seed), "Jobs": topic(DisplayName=dice.choice(("first", "second"))), **more})


def base(seed: int) -> dict[str, Any]:
    """The template at the start; half of them with a service."""
    return {**(service() if seed % 2 else {}), "Jobs": topic(DisplayName="first")}


def prepared(plan: Schedule) -> Site:
    """The sandbox at the start of a run, before anything goes wrong."""
    made = site(seed=plan.seed)
    first = template(**base(plan.seed))
    if plan.start in ("complete", "same"):
        made.run(made.release(wanted(plan.seed) if plan.start == "same" else first, "one"))
    elif plan.start == "rolled back":
        made.fault("Jobs:create:never")
        made.run(made.release(first, "one"))
    elif plan.start == "kept":
        made.run(made.release(first, "one"))
        made.fault("Jobs:update:never")
        body = template(**{**base(plan.seed), "Jobs": topic(DisplayName="third")})
        made.beside("UpdateStack", body, "one", TAGS, DisableRollback=True)
        made.clock.advance(600)
    elif plan.start in ("foreign", "busy"):
        made.beside("CreateStack", first, "one", TAGS if plan.start == "busy" else {"owner": "somebody"})
        made.clock.advance(600 if plan.start == "foreign" else 15)
    elif plan.start == "review":
        made.run(made.release(first, "one"), plan_only=True)
        made.beside("CreateChangeSet", first, "one", {}, ChangeSetName="somebody-elses", ChangeSetType="CREATE")
    made.state.faults.clear()
    made.told.clear()
    made.requests.clear()
    made.aws.calls.clear()
    return made


@dataclass
class Run:
    """A schedule that was run: how it ended, and the state of the world before and after."""

    plan: Schedule
    made: Site
    outcome: Outcome
    before: str
    begun: tuple[str, ...]
    image_before: str


def run(plan: Schedule) -> Run:
    """Runs a schedule. An exception is a finding."""
    made = prepared(plan)
    before, begun, image = made.status(), tuple(made.executions()), made.image()
    made.fault(*plan.faults)
    made.answers = (
        dict.fromkeys(("interrupt", "execute", "data", "recreate"), plan.cancels) if plan.interrupts else None
    )
    presses = list(plan.interrupts)
    slept = [0]

    def press(seconds: float) -> None:
        slept[0] += 1
        if presses and slept[0] >= presses[0][0]:
            raise presses.pop(0)[1]

    made.on_sleep.append(press)
    outcome = made.run(made.release(wanted(plan.seed), "two" if plan.start != "same" else "one"), **plan.options)
    made.on_sleep.clear()
    return Run(plan, made, outcome, before, begun, image)


def problems(done: Run) -> list[str]:
    """What is not as it must be; empty for a good run."""
    checks: tuple[Callable[[Run], str], ...] = (_last_line, _once, _budget, _traces, _truth, _later)
    return [said for said in (check(done) for check in checks) if said]


def _last_line(done: Run) -> str:
    told = done.made.told
    if sum(isinstance(one, RunEnded) for one in told) != 1 or not isinstance(told[-1], RunEnded):
        return "the last line is missing, or there are several"
    return "" if done.outcome.sentence and "None" not in done.outcome.sentence else "the last line says nothing"


def _executed(done: Run) -> list[str]:
    return [one for one in done.made.executions() if one not in done.begun]


def _once(done: Run) -> str:
    begun = _executed(done)
    return f"executed {len(begun)} times" if len(begun) > 1 else ""


def _budget(done: Run) -> str:
    busiest = done.made.busiest()
    return f"{busiest} calls within a minute" if busiest > BUDGET else ""


def _traces(done: Run) -> str:
    """No change set of ours and no empty stack of ours, unless it is said, and AWS would not let us."""
    said = any(one.source == "left behind" for one in done.outcome.evidence)
    ours = [name for name in done.made.change_sets() if name.startswith("fsdcf-")]
    empty = done.made.status() == "REVIEW_IN_PROGRESS" and done.plan.start != "review"
    if (ours or empty) and not said and not _executed(done):
        return f"left: {ours} {'and an empty stack' if empty else ''}"
    hopeless = (
        any("**" in one or "expired" in one or "unreachable" in one for one in done.plan.faults)
        or len(done.plan.interrupts) > 1
    )
    return "" if not said or hopeless or _executed(done) else "something is left without need"


def _truth(done: Run) -> str:
    """Whether exit code and last line agree with the world."""
    code, sentence, status = done.outcome.exit, done.outcome.sentence, done.made.status()
    begun = _executed(done)
    if "nothing was executed" in sentence and begun:
        return f"says that nothing was executed: {sentence}"
    if code is Exit.DONE and not done.plan.options["plan_only"]:
        sha = "one" if done.plan.start == "same" else "two"
        if done.made.image() != sha or status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return f"says done, and {status} runs {done.made.image()!r}"
    elif (
        code is Exit.FAILED
        and begun
        and (not status.endswith("_COMPLETE") or done.made.image() == "two" != done.image_before)
    ):
        return f"says failed, and {status} runs {done.made.image()!r}"
    elif code is Exit.NEEDS_RECOVERY and not status.endswith("_FAILED"):
        return f"says that it needs recovery, and the stack is {status}"
    elif code in (Exit.REFUSED, Exit.USAGE, Exit.BUSY, Exit.DENIED) and begun:
        return f"exit {code.name} after an execution"
    elif (
        code in (Exit.UNKNOWN, Exit.INTERRUPTED)
        and "continues" in sentence
        and not begun
        and not {"deletion", "rollback"} & set(sentence.split())
    ):
        return f"says that something continues: {sentence}"
    elif code is Exit.CHANGES:
        return "exit 10 was not asked for"
    return ""


def _later(done: Run) -> str:
    """Whether ``watch``, which an unknown outcome names, tells how it ended once nothing goes wrong any more."""
    if done.outcome.exit is not Exit.UNKNOWN or not any(one.startswith("fsdcf watch") for one in done.outcome.next):
        return ""
    done.made.state.faults.clear()
    told = done.made.watch()
    status = done.made.status()
    ends = {
        Exit.DONE: status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", ""),
        Exit.NEEDS_RECOVERY: status.endswith("_FAILED"),
        Exit.USAGE: status == "" and "the deletion" in done.outcome.sentence,
    }
    if not ends.get(told.exit, told.exit is Exit.FAILED and "ROLLBACK_COMPLETE" in status):
        return f"watch says {told.exit.name} afterwards, and the stack is {status!r}"
    return ""


@dataclass
class Figures:
    """The figures of many runs."""

    runs: int = 0
    calls: int = 0
    busiest: int = 0
    hours: float = 0.0
    exits: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    interrupts: int = 0
    failed: list[str] = field(default_factory=list)

    def add(self, done: Run, found: list[str]) -> None:
        """Counts a run, and what is wrong with it."""
        self.runs += 1
        self.calls += len(done.made.requests)
        self.busiest = max(self.busiest, done.made.busiest())
        times = [at for at, _ in done.made.requests]
        self.hours += (max(times) - min(times)) / 3600 if times else 0
        self.exits[done.outcome.exit.name] += 1
        self.faults += len(done.plan.faults)
        self.interrupts += len(done.plan.interrupts)
        self.failed += [f"seed {done.plan.seed}: {one}" for one in found]


def soak(seeds: range) -> Figures:
    """Runs the schedules of these seeds."""
    figures = Figures()
    for seed in seeds:
        done = run(schedule(seed))
        figures.add(done, problems(done))
    return figures


def main() -> int:
    """Prints the figures; 1 if a run was not as it must be."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    begun = time.perf_counter()
    figures = soak(range(first, first + count))
    seconds = time.perf_counter() - begun
    ends = ", ".join(f"{name} {times}" for name, times in sorted(figures.exits.items(), key=lambda one: -one[1]))
    lines = [
        (
            f"{figures.runs} schedules with {figures.faults} faults and {figures.interrupts} interruptions "
            f"in {seconds:.0f} s"
        ),
        (
            f"{figures.calls} calls in {figures.hours:.0f} hours of virtual time; at most {figures.busiest} "
            f"within any 60 s"
        ),
        f"ends: {ends}",
        f"not as it must be: {len(figures.failed)}",
        *figures.failed,
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if figures.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
