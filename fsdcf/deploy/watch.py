"""Watch an operation until it ends.

Events and status must agree, and the polling stays within CloudFormation's limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from fsdcf.cloudformation.types import Wait, record_of
from fsdcf.cloudformation.types.ecs import SERVICE
from fsdcf.deploy.aws import ApiError, AwsError, Unreachable, Unreadable
from fsdcf.deploy.ecs.rollout import RolloutObserver, ServiceRollout, version_of
from fsdcf.deploy.events import (
    Timeline,
    in_progress,
    is_root,
    is_terminal,
    leftover_resources,
    read,
    rollback_begin,
)
from fsdcf.deploy.model import Exit, Question, StackEvent, StackEventReceived, Terminated, Waiting
from fsdcf.deploy.operation import Operation, cancel, unprotect
from fsdcf.deploy.run import Run, Stop, describe_error, stop
from fsdcf.deploy.state import Snapshot, snapshot, template_in
from fsdcf.wording import counted

STATUS_EVERY = 15.0
EVIDENCE_EVERY = 5.0
"""Seconds between two looks at a service that is rolled out. They do not call CloudFormation."""
BUSY_FOR = 30.0
LONGEST_DOUBT = 600.0
"""Seconds for which events and status may contradict each other before the outcome counts as unknown."""

CREATION = "Resource creation Initiated"
"""How the reason of an event begins that has the id of a new resource, also of one in the place of another."""

LAG = 60.0
"""Seconds for which events may lag behind the status until they count as missing, or as another operation's."""

SETTLED = 20.0
"""Seconds for which an emulator must report the same status until that counts as the end of an operation that nothing
else shows."""

_EAGER = (0.4, 0.8)
_SUCCEEDED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class DeadlinePassed(Exception):
    """The deadline has passed, and the operation is still running."""


class TasksKeepFailing(Exception):
    """Tasks of the new deployment fail repeatedly for the same reason, and the user chose to fail fast."""


@dataclass(frozen=True)
class OperationResult:
    """The end of an operation: the stack's status, and the events and rollouts that were observed.

    ``cancelled`` says in a clause why this run cancelled the operation; empty if it did not. ``too_late``: it was to be
    cancelled, but had ended or was being rolled back.
    """

    status: str
    stack: Snapshot | None
    events: tuple[StackEvent, ...]
    rollouts: tuple[ServiceRollout, ...] = ()
    reason: str = ""
    cancelled: str = ""
    too_late: bool = False


class Watcher:
    """Watches one operation. ``watch`` can be interrupted at any time and called again: nothing is reported twice."""

    def __init__(self, run: Run, operation: Operation, fail_fast: bool = False) -> None:
        self.operation = operation
        self.timeline = Timeline(operation.boundary)
        self.rollouts: dict[str, ServiceRollout] = {}
        self._run = run
        self._observer = RolloutObserver(run)
        self._fail_fast = fail_fast
        self._waiting: dict[str, float] = {}
        self._reported_reasons: set[str] = set()
        self._without_events = "DescribeStackEvents" in run.warned  # it cannot be read
        self._polls = 0
        self._slowdown = 1.0
        self._throttles = run.aws.throttles
        self._foreign = run.aws.is_foreign("cloudformation")
        self._status_due = run.aws.clock() + (0.0 if self._foreign else STATUS_EVERY)
        self._evidence_due = 0.0
        self._doubt_since: float | None = None
        self._last_status = ""
        self._same_since = 0.0
        self._was_in_progress = False
        self._said = False
        self._reason = ""

    def watch(self) -> OperationResult:
        """Watch until the end.

        Raises DeadlinePassed and TasksKeepFailing; stops the run if the outcome stays unknown.
        """
        while True:
            if self._run.late():
                raise DeadlinePassed
            fresh = self._poll()
            if rollback_begin(fresh) is not None:
                self._unprotect()
            result = self._result()
            if result is not None:
                return result
            self._observe(fresh)
            if not fresh:
                on = tuple(event.logical_id for event in in_progress(self.timeline.events))
                self._run.tell(Waiting(self.elapsed(), on))
                self._report_vain_waits()
            self._rest(self._pace(bool(fresh)))

    def elapsed(self) -> float:
        """Seconds since the operation began, by the local clock."""
        return self._run.aws.clock() - self.operation.begun

    def add_token(self, token: str) -> None:
        """Count events with this token as the operation's own: it was cancelled with it."""
        boundary = self.timeline.boundary
        self.timeline.boundary = replace(boundary, tokens=boundary.tokens | {token})

    def left(self, why: str) -> Stop:
        """The run ends while the operation, or its rollback, continues."""
        operation = self.operation
        if operation.verb == "update" and self._rolls_back():
            operation = replace(operation, verb="roll back")
            _rename(self._run)
        return detached(self._run, operation, why)

    def _poll(self) -> tuple[StackEvent, ...]:
        fresh = self.timeline.take(self._listed())
        for event in fresh:
            place = self._run.where(event.logical_id) if not is_root(event) else None
            self._run.tell(StackEventReceived(event, self.elapsed(), place))
        return fresh

    def _unprotect(self) -> None:
        """Let the rollback delete the protected load balancers and databases that this operation has created."""
        created = (event for event in self.timeline.events if event.reason.startswith(CREATION))
        unprotect(self._run, [(event.type, event.physical_id) for event in created if self._is_protected(event)])

    def _is_protected(self, event: StackEvent) -> bool:
        protection = record_of(event.type).simulation.protection
        is_known = self._run.template is not None
        return protection is not None and (not is_known or protection.is_on(self._run.properties(event.logical_id)))

    def _listed(self) -> list[StackEvent]:
        """The events since the last poll, newest first.

        Without the permission to read them, the status has to suffice.
        """
        listed: list[StackEvent] = []
        if self._without_events:
            return listed
        try:
            for answer in self._run.aws.pages("cloudformation", "DescribeStackEvents", StackName=self.operation.arn):
                page = [read(raw) for raw in answer.get("StackEvents") or []]
                listed += page
                if self.timeline.reaches(page):
                    break
        except (ApiError, Unreadable) as error:
            self._tolerate(error)
        return listed

    def _tolerate(self, error: ApiError | Unreadable) -> None:
        if isinstance(error, ApiError) and error.throttled and self._run.late():
            raise DeadlinePassed from error
        never = not self._run.aws.answered(error.service, error.operation)
        if never or (isinstance(error, ApiError) and (error.denied or error.unimplemented)):
            self._do_without_events(error)
        elif isinstance(error, Unreadable) or not error.absent:
            raise error

    def _do_without_events(self, error: AwsError) -> None:
        self._without_events = True
        if error.operation not in self._run.warned:
            self._run.lack("only the stack's status is watched", error)

    def _result(self) -> OperationResult | None:
        """The end, once events and status agree on it.

        The status is read when it is due, and when the events show an end.
        """
        end = self.timeline.end
        now = self._run.aws.clock()
        if end is None and now < self._status_due and not self._without_events:
            return None
        self._status_due = now + STATUS_EVERY
        try:
            stack = snapshot(self._run.aws, self.operation.arn)
        except ApiError as error:
            if error.throttled and self._run.late():
                raise DeadlinePassed from error
            raise
        status = stack.status if stack is not None else "DELETE_COMPLETE"
        if status == "DELETE_COMPLETE" or (end is not None and end.status == status):
            return self._end(status, stack)
        if end is not None and self.timeline.succeeded:
            self._run.warn(f"another operation has started on the stack: it is {status}")
            return self._end(end.status, stack)
        if not is_terminal(status):
            self._was_in_progress = True
            self._reason = stack.reason if stack is not None else ""
            self._doubt(now, end is not None)
            return None
        if self._is_plausible(status, stack, now) and self._lacks_events(now):
            return self._end(status, stack)
        self._doubt(now, True)
        return None

    def _lacks_events(self, now: float) -> bool:
        """Whether the status has to suffice: the events cannot be read, or none of them has the operation's token."""
        if self._without_events:
            return True
        tokened = any(event.token for event in self.timeline.events)
        doubt = 0.0 if self._doubt_since is None else now - self._doubt_since
        return doubt >= SETTLED or not tokened if self._foreign else not tokened and doubt >= LAG

    def _is_plausible(self, status: str, stack: Snapshot | None, now: float) -> bool:
        """Whether a terminal status, without events to confirm it, is the operation's end and not a stale read.

        It must be read twice, and it must differ from the earlier status, follow one in progress, or have a later date.
        Only a creation ends in CREATE_COMPLETE or CREATE_FAILED. The status of an emulator, which knows no stale reads,
        may also just stay the same.
        """
        since, before = self.operation.boundary.since, self.operation.before
        newer = stack is not None and stack.since is not None and since is not None and stack.since > since
        twice, self._last_status = self._last_status == status, status
        self._same_since = self._same_since if twice else now
        settled = self._foreign and now - self._same_since >= SETTLED
        possible = self.operation.verb == "create" or not status.startswith("CREATE_")
        return twice and possible and (self._was_in_progress or newer or status != before or settled)

    def _doubt(self, now: float, contradicted: bool) -> None:
        """Note whether events and status contradict each other.

        After too long a time the outcome is unknown, and the run stops.
        """
        if not contradicted:
            self._doubt_since = None
            return
        self._status_due = min(self._status_due, now + STATUS_EVERY / 3)
        if self._doubt_since is None:
            self._doubt_since = now
        elif not self._said and now - self._doubt_since > LAG:
            self._said = True
            self._run.waits("the stack's events and its status contradict each other", LONGEST_DOUBT - LAG)
        if now - self._doubt_since > LONGEST_DOUBT:
            raise stop(
                Exit.UNKNOWN,
                "the stack's events and its status contradict each other: the outcome is unknown",
                self._run.target.command("watch"),
                self._run.target.command("status"),
            )

    def _end(self, status: str, stack: Snapshot | None) -> OperationResult:
        events = tuple(self.timeline.events)
        if status in (*_SUCCEEDED, "IMPORT_COMPLETE"):
            for event in leftover_resources(events):
                reason = f": {event.reason}" if event.reason else ""
                self._run.warn(f"{event.logical_id} ({event.physical_id}) remains outside the stack{reason}")
        reason = (stack.reason if stack is not None else "") or self._reason
        return OperationResult(status, stack, events, tuple(self.rollouts.values()), reason.rstrip(" ."))

    def _observe(self, fresh: tuple[StackEvent, ...]) -> None:
        """Collect what ECS reports of the services that are rolled out.

        At intervals, and at once when something fails.
        """
        now = self._run.aws.clock()
        services = [event for event in self.timeline.events if event.type == SERVICE]
        changed = [
            event for event in fresh if event.type == SERVICE and event.status.endswith(("_FAILED", *_SUCCEEDED))
        ]
        if rollback_begin(fresh) is not None:
            changed += [event for event in services if event.logical_id in self.rollouts]
        if now < self._evidence_due and not changed:
            return
        names = {event.logical_id for event in (*in_progress(services), *changed)}
        arns = {event.logical_id: event.physical_id for event in services if event.physical_id}
        observed = {name: arn for name, arn in arns.items() if name in names}
        if observed:
            self._evidence_due = now if self._is_failing() else now + EVIDENCE_EVERY
        for logical_id, arn in observed.items():
            known = self.rollouts.get(logical_id)
            version = version_of(self.timeline.events, self.operation.boundary.since)
            try:
                rollout = self._observer.look(arn, logical_id, known, self.elapsed(), version)
            except Unreachable:
                continue
            if rollout is not None:
                self.rollouts[logical_id] = rollout
                self._report_repeated_failure(rollout)

    def _rest(self, seconds: float) -> None:
        """Sleep until the next poll.

        Services that are rolled out are observed meanwhile, more often than CloudFormation is polled.
        """
        aws = self._run.aws
        end = aws.clock() + max(seconds, aws.room(spare=3))
        while any(event.type == SERVICE for event in in_progress(self.timeline.events)):
            too_late = aws.deadline is not None and aws.clock() + EVIDENCE_EVERY > aws.deadline
            if too_late or end - aws.clock() < EVIDENCE_EVERY * 1.5:
                break
            aws.sleep(EVIDENCE_EVERY)
            self._observe(())
        self._run.rest(max(0.0, end - aws.clock()))

    def _is_failing(self) -> bool:
        """Whether tasks of a service fail and the rollback has not begun: evidence is then collected at each poll."""
        return not self._rolls_back() and any(rollout.failing for rollout in self.rollouts.values())

    def _rolls_back(self) -> bool:
        return rollback_begin(self.timeline.events) is not None

    def _report_repeated_failure(self, rollout: ServiceRollout) -> None:
        """Warn of two tasks that stopped for the same reason, before the circuit breaker trips.

        With fail_fast, give up.
        """
        if rollout.failing is None or len(rollout.failed_tasks) < 2:
            return
        from fsdcf.deploy.diagnosis.explanations import repeated_reason

        reason = repeated_reason(self._run, rollout, self.operation.arn)
        if reason is None or reason.name in self._reported_reasons:
            return
        self._reported_reasons.add(reason.name)
        self._run.warn(f"{rollout.logical_id}: {reason.times} tasks stopped for the same reason: {reason.text}")
        if self._fail_fast and not reason.passing and not self._rolls_back():
            raise TasksKeepFailing(reason.brief)

    def _report_vain_waits(self) -> None:
        """Warn, once for each, of resources that have been in creation for so long that something is probably wrong."""
        now = self._run.aws.clock()
        for event in in_progress(self.timeline.events):
            wait = wait_of(event)
            begun = self._waiting.setdefault(event.logical_id, now)
            if wait is not None and now - begun >= wait.seconds:
                place = self._run.where(event.logical_id)
                at = f" ({place.file}:{place.line})" if place else ""
                minutes = counted(int(wait.seconds // 60), "minute")
                why = why_it_waits(self._run, self.operation.arn, event.logical_id, wait)
                self._run.warn(f"{event.logical_id}{at} is not ready after {minutes}: {why}")

    def _pace(self, fresh: bool) -> float:
        """Seconds until the next poll.

        Short at first, long while services only stabilise, and longer after throttling.
        """
        throttled = self._run.aws.throttles > self._throttles
        self._throttles = self._run.aws.throttles
        self._slowdown = min(32.0, self._slowdown * 2) if throttled else max(1.0, self._slowdown / 2)
        if not self.timeline.events and self._polls < len(_EAGER) and not throttled:
            self._polls += 1
            return _EAGER[self._polls - 1]
        working = in_progress(self.timeline.events)
        stabilising = bool(working) and all(event.type == SERVICE for event in working)
        calm = stabilising and not fresh and not self._is_failing()
        usual = 2.0 if self.elapsed() < BUSY_FOR else 10.0 if calm else 5.0
        return min(60.0, self._run.jitter(usual) * self._slowdown)


GRACE = 3600.0
"""Seconds after the deadline for which a rollback that this run started is watched."""


def follow(
    run: Run, operation: Operation, on_timeout: Literal["cancel", "detach"] = "detach", fail_fast: bool = False
) -> OperationResult:
    """Watch the operation to its end, and cancel it if the user or the deadline demands it.

    Stops the run (exit 6) when it detaches. The first Ctrl-C asks, the second one raises.
    """
    watcher = Watcher(run, operation, fail_fast)
    cancelled, too_late = "", False
    pressed = operation.pressed
    while True:
        try:
            if pressed is not None:
                raise pressed
            return replace(watcher.watch(), cancelled=cancelled, too_late=too_late)
        except Terminated as terminated:
            raise watcher.left(f"received {terminated.signal}") from None
        except KeyboardInterrupt:
            if cancelled or too_late:
                raise
            pressed = None
            if not _wants_to_cancel(run, operation):
                raise watcher.left("detached") from None
            cancelled = _cancel(run, operation, watcher, "by you (Ctrl-C)")
        except DeadlinePassed:
            if on_timeout == "detach" or cancelled or too_late:
                raise watcher.left("the deadline has passed") from None
            cancelled = _cancel(run, operation, watcher, "because the deadline passed")
            run.aws.deadline = run.aws.clock() + GRACE
        except TasksKeepFailing as reason:
            cancelled = _cancel(run, operation, watcher, f"because its tasks fail: {reason}")
        too_late = not cancelled


def _rename(run: Run) -> None:
    """The operation that continues without the run is now the rollback of the update."""
    run.running = run.running.replace("the update", "the rollback")


def detached(run: Run, operation: Operation, why: str, by_option: bool = False) -> Stop:
    """The run ends while the operation is still running. Its outcome is unknown; the next commands follow it.

    ``by_option``: because of ``--detach``.
    """
    target = run.target
    watch, diagnose = target.command("watch"), target.command("diagnose")
    next_steps = {
        "delete": (watch, target.redeploy()),
        "create": (watch, diagnose, target.command("delete")),
        "update": (watch, diagnose, target.command("cancel")),
        "roll back": (watch, target.command("recover"), diagnose),
    }.get(operation.verb, (watch, diagnose))
    sentence = f"{why}: {run.running or 'the operation'} continues; its outcome is unknown"
    return stop(Exit.UNKNOWN, sentence, *next_steps, detached=by_option)


def _wants_to_cancel(run: Run, operation: Operation) -> bool:
    """Ask whether to cancel; only an update can be cancelled. A second interruption raises here."""
    if operation.verb != "update":
        return False
    run.step("interrupt", "interrupted; press Ctrl-C again to leave immediately")
    return run.agrees(
        Question(
            "interrupt", "Cancel the update and roll it back? If you answer no, it continues and this command detaches."
        )
    )


def too_late_to_cancel(status: str) -> str:
    """Why an update cannot be cancelled any more, by the stack's status."""
    if "ROLLBACK" in status:
        return f"too late to cancel: the update has already failed, and the stack is {status}"
    return f"too late to cancel: the update has ended ({status})"


def _cancel(run: Run, operation: Operation, watcher: Watcher, why: str) -> str:
    """Cancel the update, and return the clause that says why. Empty, with a warning, if it is too late for that.

    Detaches from a creation, which cannot be cancelled.
    """
    deadline, run.aws.deadline = run.aws.deadline, None
    try:
        stack = snapshot(run.aws, operation.arn)
        if stack is not None and stack.status == "CREATE_IN_PROGRESS":
            raise detached(run, operation, f"a creation cannot be cancelled ({why})")
        if stack is None or stack.status != "UPDATE_IN_PROGRESS":
            run.warn(too_late_to_cancel(stack.status if stack is not None else "DELETE_COMPLETE"))
            return ""
        run.step("cancel", "cancelling the update; CloudFormation rolls it back")
        watcher.add_token(cancel(run, operation.arn))
        _rename(run)
    except ApiError as error:
        if error.denied:
            raise detached(run, operation, f"the update cannot be cancelled: {describe_error(error)}") from None
        late = error.code == "ValidationError"
        run.warn(f"{'too late to cancel' if late else 'the update could not be cancelled'}: {error.message}")
        return ""
    except AwsError as error:
        raise detached(run, operation, f"the update could not be cancelled: {describe_error(error)}") from None
    finally:
        run.aws.deadline = deadline
    return why


def wait_of(event: StackEvent) -> Wait | None:
    """What CloudFormation may wait for in vain while it creates the resource of an event; None for nothing known."""
    return record_of(event.type).wait if event.status == "CREATE_IN_PROGRESS" else None


def why_it_waits(run: Run, stack: str, logical_id: str, wait: Wait) -> str:
    """Why a resource of the stack is probably not ready after the time of a wait, in a sentence; empty if unknown."""
    template_of(run, stack)
    properties = run.properties(logical_id)
    return wait.why(properties) if properties else ""


def template_of(run: Run, stack: str) -> Mapping[str, Any]:
    """The template of the release, or else the deployed one; empty, with a warning, if it cannot be read."""
    if run.template is None:
        without = "the advice does not include values from the template"
        answer = run.optional(without, "cloudformation", "GetTemplate", StackName=stack, TemplateStage="Original")
        run.template = template_in(answer) or {}
    return run.template
