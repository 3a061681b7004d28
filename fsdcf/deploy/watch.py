"""Watching an operation to its end: events and status must agree, at a pace that AWS bears."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from fsdcf.deploy.aws import ApiError, AwsError, Unreachable
from fsdcf.deploy.diagnosis.causes import leftover_resources, rollback_begin
from fsdcf.deploy.diagnosis.explanations import repeated_reason
from fsdcf.deploy.ecs.observer import RolloutObserver
from fsdcf.deploy.ecs.rollout import SERVICE, ServiceRollout
from fsdcf.deploy.events import Timeline, in_progress, is_root, is_terminal, read
from fsdcf.deploy.model import Exit, Question, StackEvent, StackEventReceived, Terminated, Waiting
from fsdcf.deploy.operation import Operation, cancel
from fsdcf.deploy.run import Run, Stop, stop
from fsdcf.deploy.state import Snapshot, snapshot

STATUS_EVERY = 15.0
EVIDENCE_EVERY = 5.0
"""Seconds between two looks at a service that is being rolled out. They are no calls of CloudFormation's."""
BUSY_FOR = 30.0
LONGEST_DOUBT = 600.0
"""Seconds for which events and status may contradict each other before the outcome is called unknown."""

_EAGER = (0.4, 0.8)


class DeadlinePassed(Exception):
    """The deadline has passed, and the operation goes on."""


class TasksKeepFailing(Exception):
    """Tasks of the new deployment fail for the same reason again and again, and the user does not want to wait for more."""


@dataclass(frozen=True)
class OperationResult:
    """How an operation ended: the stack's status and what was seen on the way."""

    status: str
    stack: Snapshot | None
    events: tuple[StackEvent, ...]
    rollouts: tuple[ServiceRollout, ...] = ()
    reason: str = ""


class Watcher:
    """Watches one operation. ``watch`` may be interrupted at any moment and called again: nothing is told twice."""

    def __init__(self, run: Run, operation: Operation, fail_fast: bool = False) -> None:
        self.operation = operation
        self.timeline = Timeline(operation.boundary)
        self.rollouts: dict[str, ServiceRollout] = {}
        self._run = run
        self._lookout = RolloutObserver(run)
        self._fail_fast = fail_fast
        self._repeated: set[str] = set()
        self._blind = False
        self._polls = 0
        self._slow = 1.0
        self._throttles = run.aws.throttles
        self._status_due = run.aws.clock() + STATUS_EVERY
        self._evidence_due = 0.0
        self._doubt: float | None = None
        self._last = ""
        self._moved = False
        self._reason = ""

    def watch(self) -> OperationResult:
        """Until the end. Raises Late at the deadline and Hopeless; stops the run if the outcome stays unknown."""
        while True:
            if self._run.late():
                raise DeadlinePassed
            fresh = self._poll()
            ending = self._ending()
            if ending is not None:
                return ending
            self._look(fresh)
            if not fresh:
                self._run.tell(
                    Waiting(self.elapsed(), tuple(event.logical_id for event in in_progress(self.timeline.events)))
                )
            self._rest(self._pace(bool(fresh)))

    def elapsed(self) -> float:
        """Seconds since the operation began, as far as this run knows."""
        return self._run.aws.clock() - self.operation.begun

    def also(self, token: str) -> None:
        """Events with this token are the operation's as well: it was cancelled with it."""
        boundary = self.timeline.boundary
        self.timeline.boundary = replace(boundary, tokens=boundary.tokens | {token})

    def _poll(self) -> tuple[StackEvent, ...]:
        fresh = self.timeline.take(self._listed())
        for event in fresh:
            self._run.tell(
                StackEventReceived(
                    event, self.elapsed(), self._run.where(event.logical_id) if not is_root(event) else None
                )
            )
        return fresh

    def _listed(self) -> list[StackEvent]:
        """The events since the last time, newest first. Without the permission to read them, the status must do."""
        listed: list[StackEvent] = []
        more: dict[str, str] = {}
        while not self._blind:
            try:
                answer = self._run.aws.call(
                    "cloudformation", "DescribeStackEvents", StackName=self.operation.arn, **more
                )
            except ApiError as error:
                self._bear(error)
                break
            page = [read(one) for one in answer.get("StackEvents") or []]
            listed += page
            if not answer.get("NextToken") or self.timeline.reaches(page):
                break
            more = {"NextToken": answer["NextToken"]}
        return listed

    def _bear(self, error: ApiError) -> None:
        if error.throttled and self._run.late():
            raise DeadlinePassed from error
        if error.denied:
            self._blind = True
            if error.operation not in self._run.warned:
                self._run.warn(
                    "no permission for cloudformation:DescribeStackEvents: only the stack's status is watched"
                )
        elif not error.absent:
            raise error

    def _ending(self) -> OperationResult | None:
        """The end, once events and status agree on it. The status is asked for when it is due, and when events say the end."""
        end = self.timeline.end
        now = self._run.aws.clock()
        if end is None and now < self._status_due and not self._blind:
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
            self._run.warn(f"another operation has begun on the stack since: it is {status}")
            return self._end(end.status, stack)
        if not is_terminal(status):
            self._moved = True
            self._reason = stack.reason if stack is not None else ""
            self._doubt = self._last_doubt(now, end is not None)
            return None
        if self._blind and self._believable(status, stack):
            return self._end(status, stack)
        self._doubt = self._last_doubt(now, True)
        return None

    def _believable(self, status: str, stack: Snapshot | None) -> bool:
        """Whether a status at rest, without events to check it by, is the operation's end and not from before it.

        It is told twice, and it is another one than before, or was seen to change meanwhile, or is of a later date. Only a creation ends
        in CREATE_COMPLETE or CREATE_FAILED.
        """
        since, before = self.operation.boundary.since, self.operation.before
        newer = stack is not None and stack.since is not None and since is not None and stack.since > since
        again, self._last = self._last == status, status
        possible = self.operation.verb == "create" or not status.startswith("CREATE_")
        return again and possible and (self._moved or newer or status != before)

    def _last_doubt(self, now: float, contradicted: bool) -> float | None:
        """When events and status began to contradict each other. For ever is too long: then the outcome is unknown."""
        if not contradicted:
            return None
        self._status_due = min(self._status_due, now + STATUS_EVERY / 3)
        begun = self._doubt if self._doubt is not None else now
        if now - begun > LONGEST_DOUBT:
            raise stop(
                Exit.UNKNOWN,
                "the stack's events and its status contradict each other: the outcome is unknown",
                self._run.target.command("watch"),
                self._run.target.command("status"),
            )
        return begun

    def _end(self, status: str, stack: Snapshot | None) -> OperationResult:
        events = tuple(self.timeline.events)
        for event in leftover_resources(events):
            if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
                said = f": {event.reason}" if event.reason else ""
                self._run.warn(f"{event.logical_id} ({event.physical_id}) is left behind, outside of the stack{said}")
        reason = (stack.reason if stack is not None else "") or self._reason
        return OperationResult(status, stack, events, tuple(self.rollouts.values()), reason.rstrip(" ."))

    def _look(self, fresh: tuple[StackEvent, ...]) -> None:
        """Keeps what ECS tells of services that are being rolled out, and at once when something fails."""
        now = self._run.aws.clock()
        working = [event for event in in_progress(self.timeline.events) if event.type == SERVICE]
        failed = [
            event
            for event in fresh
            if event.type == SERVICE and event.status.endswith(("_FAILED", "CREATE_COMPLETE", "UPDATE_COMPLETE"))
        ]
        if rollback_begin(fresh) is not None:
            failed += [
                event for event in self.timeline.events if event.type == SERVICE and event.logical_id in self.rollouts
            ]
        if now < self._evidence_due and not failed:
            return
        names = {event.logical_id for event in (*working, *failed)}
        told = [event for event in self.timeline.events if event.type == SERVICE and event.physical_id]
        services = {event.logical_id: event.physical_id for event in told if event.logical_id in names}
        if services:
            self._evidence_due = now if self._failing() else now + EVIDENCE_EVERY
        for logical_id, arn in services.items():
            try:
                found = self._lookout.look(
                    arn, logical_id, self.rollouts.get(logical_id), self.elapsed(), self.operation.boundary.since
                )
            except Unreachable:
                continue
            if found is not None:
                self.rollouts[logical_id] = found
                self._judge(found)

    def _rest(self, seconds: float) -> None:
        """Waits for the next poll. A service that is being rolled out is looked at meanwhile, more often than CloudFormation is."""
        aws = self._run.aws
        end = aws.clock() + max(seconds, aws.room(spare=3))
        while any(event.type == SERVICE for event in in_progress(self.timeline.events)):
            if end - aws.clock() < EVIDENCE_EVERY * 1.5 or (
                aws.deadline is not None and aws.clock() + EVIDENCE_EVERY > aws.deadline
            ):
                break
            aws.sleep(EVIDENCE_EVERY)
            self._look(())
        self._run.rest(max(0.0, end - aws.clock()))

    def _failing(self) -> bool:
        """Whether tasks of a service fail, and nothing is rolled back yet: then every look counts."""
        return rollback_begin(self.timeline.events) is None and any(one.failing for one in self.rollouts.values())

    def _judge(self, found: ServiceRollout) -> None:
        """Two tasks that stopped for the same reason are worth saying before the breaker trips, and enough to give up where that is asked for."""
        reason = repeated_reason(self._run, found, self.operation.arn)
        if reason is None or reason.name in self._repeated:
            return
        self._repeated.add(reason.name)
        self._run.warn(f"{found.logical_id}: {reason.times} tasks stopped for the same reason: {reason.text}")
        if self._fail_fast and not reason.passing and rollback_begin(self.timeline.events) is None:
            raise TasksKeepFailing(reason.brief)

    def _pace(self, fresh: bool) -> float:
        """Seconds until the next look: soon at first, seldom while a service only stabilises, and less after throttling."""
        throttled = self._run.aws.throttles > self._throttles
        self._throttles = self._run.aws.throttles
        self._slow = min(32.0, self._slow * 2) if throttled else max(1.0, self._slow / 2)
        if not self.timeline.events and self._polls < len(_EAGER) and not throttled:
            self._polls += 1
            return _EAGER[self._polls - 1]
        working = in_progress(self.timeline.events)
        stabilising = bool(working) and all(event.type == SERVICE for event in working)
        calm = stabilising and not fresh and not self._failing()
        usual = 2.0 if self.elapsed() < BUSY_FOR else 10.0 if calm else 5.0
        return min(60.0, self._run.jitter(usual) * self._slow)


GRACE = 3600.0
"""Seconds that a rollback which this run asked for is waited for, after the deadline."""


@dataclass(frozen=True)
class Attended:
    """How the operation ended; ``cancelled`` says, in a clause, why this run cancelled it."""

    ending: OperationResult
    cancelled: str = ""


def follow(
    run: Run, operation: Operation, on_timeout: Literal["cancel", "detach"] = "detach", fail_fast: bool = False
) -> Attended:
    """Watches to the end. Stops the run (exit 6) where it is left alone before. The first Ctrl-C asks, the second one raises."""
    watcher = Watcher(run, operation, fail_fast)
    cancelled = ""
    pressed = operation.pressed
    while True:
        try:
            if pressed is not None:
                raise pressed
            return Attended(watcher.watch(), cancelled)
        except Terminated as asked:
            raise detached(run, operation, f"asked to end ({asked.signal})") from None
        except KeyboardInterrupt:
            if cancelled:
                raise
            pressed = None
            if not _wants_to_cancel(run, operation):
                raise detached(run, operation, "detached") from None
            cancelled = _cancelled(run, operation, watcher, "by you (Ctrl-C)")
        except DeadlinePassed:
            if on_timeout == "detach" or cancelled:
                raise detached(run, operation, "the deadline has passed") from None
            cancelled = _cancelled(run, operation, watcher, "since the deadline had passed")
            run.aws.deadline = run.aws.clock() + GRACE
        except TasksKeepFailing as reason:
            cancelled = _cancelled(run, operation, watcher, f"since its tasks fail: {reason}")


def detached(run: Run, operation: Operation, why: str) -> Stop:
    """The run ends and the operation goes on. Its outcome is unknown, and the commands that tell of it are named."""
    target = run.target
    next_steps = [target.command("watch"), target.command("diagnose")]
    if operation.verb == "delete":
        next_steps = [target.command("watch"), target.redeploy()]
    elif operation.verb == "create":
        next_steps.append(target.command("delete"))
    elif operation.verb == "update":
        next_steps.append(target.command("cancel"))
    return stop(Exit.UNKNOWN, f"{why}: {run.running or 'the operation'} goes on, its outcome is unknown", *next_steps)


def _wants_to_cancel(run: Run, operation: Operation) -> bool:
    """Asks whether to cancel; only an update can be. A second interruption comes out of here."""
    if operation.verb != "update":
        return False
    run.step("interrupt", "interrupted; press Ctrl-C again to leave at once")
    return run.agrees(Question("interrupt", "Cancel the update and roll it back? No leaves it running and detaches."))


def _cancelled(run: Run, operation: Operation, watcher: Watcher, why: str) -> str:
    """Cancels the update; the clause that says why. Where there is nothing to cancel any more, it is watched on: an empty clause.

    A creation cannot be cancelled, and is left alone.
    """
    deadline, run.aws.deadline = run.aws.deadline, None
    try:
        stack = snapshot(run.aws, operation.arn)
        if stack is not None and stack.status == "CREATE_IN_PROGRESS":
            raise detached(run, operation, f"a creation cannot be cancelled ({why})")
        if stack is None or stack.status != "UPDATE_IN_PROGRESS":
            return why if stack is not None and "ROLLBACK" in stack.status else ""
        run.step("cancel", "cancels the update; CloudFormation rolls it back")
        watcher.also(cancel(run, operation.arn))
    except ApiError as error:
        if error.denied:
            raise detached(run, operation, f"no permission to cancel ({error.operation})") from None
        return ""
    except AwsError as error:
        raise detached(run, operation, f"the update could not be cancelled ({error.message})") from None
    finally:
        run.aws.deadline = deadline
    return why
