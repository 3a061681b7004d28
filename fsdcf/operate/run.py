"""Run a command in a one-off task with the image, network and roles of the service, or a job, and follow it to its exit
code."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fsdcf.cloudformation.limits import FARGATE_MEMORY, fargate_memory
from fsdcf.cloudformation.types.ecs import main_container
from fsdcf.conventions import MACHINE_OUTPUT, NOT_RUN
from fsdcf.deploy.answers import Answer
from fsdcf.deploy.aws import ApiError, AwsError
from fsdcf.deploy.ecs.tasks import task_id
from fsdcf.deploy.model import INTERRUPTS, Evidence, Exit, Outcome, Question, Target
from fsdcf.deploy.run import Run, Stop, denied, stop
from fsdcf.deploy.schedules import is_job
from fsdcf.masking import CREDENTIAL_VARIABLES, contains_secret, mask_value
from fsdcf.operate.logs import LogLine, LogStream
from fsdcf.operate.runs import (
    TIMED_OUT,
    JobRun,
    capitalized,
    explain_run,
    failure_of,
    read_execution,
    read_run,
)
from fsdcf.operate.service import RunningService, confirm, detach_on_error, find_tasks, managed_stack
from fsdcf.operate.tasks import submitted_task
from fsdcf.suggested import Value, in_container

STARTED_BY = "fsdcf-run/"
"""The prefix of ``startedBy``. Each run has its own value, with which ListTasks finds its task."""

EVERY = 2.0
"""Seconds between two looks at the task and its log."""

MISSED = 60.0
"""Seconds for which ECS may not report a task that it has started: its reads are eventually consistent."""

LAST_LINES = 3
"""Reads of the log after the end of the task: CloudWatch Logs receives the last lines some seconds later."""


@dataclass(frozen=True)
class OneOffOptions:
    """How a one-off task differs from the tasks of its service, and how long its end is awaited.

    ``cpu`` is in CPU units and ``memory`` in MiB; None is that of the task definition. ``variables`` are added to the
    environment. ``timeout`` is in seconds from the start, after which the task is stopped. ``detach``: return once it
    is started.
    """

    yes: bool = False
    cpu: int | None = None
    memory: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    detach: bool = False

    def words(self, **changes: Value) -> dict[str, Value]:
        """The options as those of a suggested command, with secrets masked."""
        cpu, memory = (str(value) if value else None for value in (self.cpu, self.memory))
        variables = [f"{name}={mask_value(value, name)}" for name, value in self.variables.items()]
        return {"cpu": cpu, "memory": memory, "env_var": variables, **changes}


@dataclass(frozen=True)
class OneOffPlan:
    """What a one-off task is to run: the command in the container of a task definition, with a size in text."""

    container: Mapping[str, Any]
    command: Sequence[str]
    cpu: str
    memory: str
    role: str

    @property
    def text(self) -> str:
        """What ECS runs, in a clause."""
        role = f"the role {self.role}" if self.role else "no task role"
        command = f"`{shlex.join(self.command)}`" if self.command else "its command"
        return (
            f"{command} in {self.container.get('image', '')} with {self.cpu} CPU units and"
            f" {self.memory} MiB, and {role}"
        )


@dataclass(frozen=True)
class OneOffResult:
    """The result of a one-off task. ``code`` is the exit code of the command; None if it is unknown or did not run.

    ``task`` is the ID of a task, or the name of an execution, that was left running.
    """

    outcome: Outcome
    code: int | None = None
    task: str = ""


@dataclass
class _OneOffTask:
    """A started task with its plan and its log. ``start`` is the time by ``aws.clock``, ``timeout`` in seconds."""

    run: Run
    service: RunningService
    id: str
    plan: OneOffPlan
    stream: LogStream
    show: Callable[[LogLine], None]
    start: float
    timeout: float | None = None
    status: str = ""

    def show_log(self) -> bool:
        """Show the new lines; return whether there are any."""
        lines = self.stream.read_new(self.run)
        for line in lines:
            self.show(line)
        return bool(lines)

    def wait(self) -> Mapping[str, Any]:
        """Show the states and the log of the task until it has stopped, and return its description.

        Raises _TimeIsUp after the timeout, which is then over.
        """
        aws = self.run.aws
        while True:
            task = self._describe()
            status = str((task or {}).get("lastStatus") or "")
            if status and status != self.status:
                self.status = status
                self.run.step("task", f"{self.id} is {status}")
            self.show_log()
            if task is not None and status == "STOPPED":
                for _ in range(LAST_LINES):
                    aws.sleep(EVERY)
                    if not self.show_log() and self.stream.begun:
                        break
                return task
            if self.timeout is not None and aws.clock() - self.start >= self.timeout:
                raise _TimeIsUp
            aws.sleep(EVERY)

    def _describe(self) -> Mapping[str, Any] | None:
        """The task; None if ECS does not report it yet. Raises Stop (exit 6) if ECS no longer reports it."""
        aws = self.run.aws
        tasks = aws.call("ecs", "DescribeTasks", cluster=self.service.cluster, tasks=[self.id]).get("tasks") or []
        if tasks or aws.clock() - self.start < MISSED:
            return next(iter(tasks), None)
        raise stop(Exit.UNKNOWN, f"ECS no longer reports the task {self.id}", self.look_command)

    def leave(self) -> Stop:
        """The Stop of Ctrl-C for a run of a job, which continues."""
        return _left(self.run, f"the task {self.id}", self.id, bool(self.stream.group))

    def stop(self, code: Exit, reason: str, why: str = "") -> OneOffResult:
        """Ask ECS to stop the task, and wait for its end. ``why`` begins the sentence of the outcome."""
        self.timeout = None
        self.run.step("stop", f"stopping the task {self.id}; press Ctrl-C again to leave immediately")
        self.run.aws.call("ecs", "StopTask", cluster=self.service.cluster, task=self.id, reason=reason)
        returned = self.result(self.wait()).code
        ending = "its command did not run" if returned is None else f"its exit code was {returned}"
        return OneOffResult(Outcome(code, f"{why}the task {self.id} was stopped; {ending}"))

    def result(self, task: Mapping[str, Any]) -> OneOffResult:
        """The result of the stopped task."""
        containers = task.get("containers") or []
        name = self.plan.container.get("name")
        container: Mapping[str, Any] = next((item for item in containers if item.get("name") == name), {})
        code, stack = container.get("exitCode"), self.run.target.stack
        if is_job(self.service.stack) and container.get("reason", task.get("stoppedReason")) != NOT_RUN:
            return _ended(self.run, self.service, read_run({**task, "lastStatus": "STOPPED"}))
        reasons = dict.fromkeys((container.get("reason"), task.get("stoppedReason")))
        reason = "; ".join(filter(None, reasons))
        if code == 0:
            return OneOffResult(Outcome(Exit.DONE, f"the command ended with exit code 0 in {stack}"), 0)
        if code is None and reason == NOT_RUN:
            plan = Evidence("on AWS", f"it would run {self.plan.text}")
            return OneOffResult(Outcome(Exit.UNKNOWN, f"{NOT_RUN[0].lower()}{NOT_RUN[1:]}", (plan,)))
        if code is None:
            sentence = f"the command did not run: {reason or 'ECS gives no reason'}"
            reason = str(task.get("stopCode") or "")
        else:
            sentence = f"the command ended with exit code {code} in {stack}"
        evidence = (Evidence(f"task {self.id}", reason),) if reason or code is None else ()
        return OneOffResult(Outcome(Exit.FAILED, sentence, evidence, (self.look_command,)), code)

    def left_running(self) -> OneOffResult:
        """The result of ``--detach``: the task's ID, and how to follow and to stop it."""
        target = self.run.target
        log = target.command("logs", follow=True, since="30m", task=self.id) if self.stream.group else ""
        next = tuple(filter(None, (log, self._stop_command)))
        sentence = f"the task {self.id} was started; its end is not awaited"
        return OneOffResult(Outcome(Exit.DONE, sentence, next=next), task=self.id)

    def detached(self, code: Exit, why: str, evidence: tuple[Evidence, ...]) -> Stop:
        """The Stop for a task that may still be running."""
        sentence = f"{why}: the task {self.id} may still be running; its outcome is unknown"
        return stop(code, sentence, self.look_command, self._stop_command, evidence=evidence)

    @property
    def _stop_command(self) -> str:
        return self.run.target.command("stop-task", self.id)

    @property
    def look_command(self) -> str:
        """The command that shows what happened."""
        target = self.run.target
        return target.command("logs", since="30m") if self.stream.group else target.command("status")


class _TimeIsUp(Exception):
    """The task has not stopped within its timeout."""


def run(context: Run, command: Sequence[str], options: OneOffOptions, show: Callable[[LogLine], None]) -> OneOffResult:
    """Run a command in a one-off task and wait for its end. ``show`` is called with each line of its log.

    A job runs without a command of its caller, too, and by its state machine, if it has one: that retries it, and keeps
    its failure. Ctrl-C leaves the run of a job alone.

    The task uses Fargate on-demand capacity even if the service uses Spot, because nothing would restart it. The
    first Ctrl-C stops it, the second one leaves; the timeout stops it, too, and is a failure whatever its exit code.
    Next to a running task of a single writer it requires confirmation. In the sandbox nothing runs, and the outcome is
    unknown. Raises Stop: exit 1 if the task cannot be started, 2 without a service, 3 without confirmation or
    if the stack is not managed by fsdcf, 6 if the end is not observed.
    """
    target, aws = context.target, context.aws
    service = find_tasks(context, managed_stack(context))
    if not command and not is_job(service.stack):
        sentence = f"{target.stack} is a service, which has no run of its own: write a command after `--`"
        raise stop(Exit.USAGE, sentence, in_container(target.command("run", **options.words()), ["date"]))
    answer = aws.call("ecs", "DescribeTaskDefinition", taskDefinition=service.ecs.task_definition)
    plan = _plan(target, answer.get("taskDefinition") or {}, command, options)
    _confirm(context, service, command, options)
    what = "a run" if is_job(service.stack) else "a task"
    context.step("run", f"starting {what} of {target.stack} with the image {plan.container.get('image', '')}")
    _warn_of_variables(context, options)
    if machine := service.stack.outputs.get(MACHINE_OUTPUT):
        return _Execution.start(context, service, machine, plan, options, show)
    return _run_task(context, service, plan, options, show)


def _warn_of_variables(context: Run, options: OneOffOptions) -> None:
    """Warn of variables that hide the task role, or show a secret."""
    for name, value in options.variables.items():
        if name in CREDENTIAL_VARIABLES:
            context.warn(f"{name} hides the task role, whose permissions the command has without it; leave it out")
        elif contains_secret(value, name):
            text = f"the value of {name} is visible to everyone who may describe the task; use `secrets` in the spec"
            context.warn(text)


def _run_task(
    context: Run,
    service: RunningService,
    plan: OneOffPlan,
    options: OneOffOptions,
    show: Callable[[LogLine], None],
) -> OneOffResult:
    """Start a task and follow it to its end."""
    aws = context.aws
    started_by = STARTED_BY + aws.token().rpartition("-")[2]
    try:
        id = _start(context, service, plan, options, started_by)
    except INTERRUPTS:
        raise _stop_started(context, service, started_by) from None
    task = _OneOffTask(context, service, id, plan, LogStream(plan.container, id), show, aws.clock(), options.timeout)
    if options.detach:
        return task.left_running()
    if not task.stream.group:
        context.warn("the container does not log to CloudWatch: its output is not shown")
    with detach_on_error(task.detached):
        try:
            return task.result(task.wait())
        except KeyboardInterrupt:
            if is_job(service.stack):
                raise task.leave() from None
            return task.stop(Exit.INTERRUPTED, "fsdcf run was interrupted (Ctrl-C)")
        except _TimeIsUp:
            limit = f"{options.timeout:.0f} s"
            why = f"the command did not end within {limit}: "
            return task.stop(Exit.FAILED, f"fsdcf run: the timeout of {limit} has passed", why)


def _plan(target: Target, definition: Mapping[str, Any], command: Sequence[str], options: OneOffOptions) -> OneOffPlan:
    """What is to run. Raises Stop (exit 2) without a container, and for a size that Fargate does not offer."""
    container = main_container(definition.get("containerDefinitions") or [], target.service)
    if container is None:
        sentence = f"the task definition of {target.stack} has no container"
        raise stop(Exit.USAGE, sentence, target.command("status"))
    cpu = str(options.cpu or definition.get("cpu") or "")
    memory = str(options.memory or definition.get("memory") or "")
    offered = FARGATE_MEMORY.get(int(cpu), ()) if cpu.isdecimal() else ()
    if (options.cpu or options.memory) and memory.isdecimal() and offered and int(memory) not in offered:
        fitting = next((amount for amount in offered if amount >= int(memory)), offered[-1])
        words = options.words(cpu=cpu, memory=str(fitting))
        sentence = (
            f"Fargate does not offer {memory} MiB with {cpu} CPU units: with --cpu {cpu} use --memory"
            f" {fargate_memory(int(cpu))}"
        )
        raise stop(Exit.USAGE, sentence, in_container(target.command("run", **words), command))
    return OneOffPlan(container, command, cpu, memory, str(definition.get("taskRoleArn") or "").rpartition("/")[2])


def _confirm(run: Run, service: RunningService, command: Sequence[str], options: OneOffOptions) -> None:
    """Raise Stop (exit 3) unless a second task next to that of a single writer is confirmed."""
    if not service.ecs.single_writer or not (service.ecs.desired or service.ecs.running):
        return
    target = run.target
    risk = (
        f"{target.stack} is configured for one task at a time, as for a single writer; the command would run next to it"
    )
    if options.yes:
        run.warn(risk)
    first = target.command("scale", "0")
    again = in_container(target.command("run", **options.words(yes=True)), command)
    question = Question("execute", f"Run the command in {target.stack}?", (risk, f"to stop the service first: {first}"))
    confirm(run, options.yes, question, first, again, sentence=f"confirmation is required: {risk}")


def _start(run: Run, service: RunningService, plan: OneOffPlan, options: OneOffOptions, started_by: str) -> str:
    """Start the task and return its ID. The client token prevents a second task if the answer is lost."""
    raw, tags = service.ecs.raw, sorted(service.stack.tags.items())
    parameters: dict[str, Any] = {
        "cluster": service.cluster,
        "taskDefinition": service.ecs.task_definition,
        "launchType": "FARGATE",
        "count": 1,
        "startedBy": started_by,
        "enableECSManagedTags": True,
        "overrides": _overrides(plan, options),
        "tags": [{"key": key, "value": value} for key, value in tags if not key.startswith("aws:")],
        **{name: raw[name] for name in ("networkConfiguration", "platformVersion") if raw.get(name)},
    }
    if run.aws.supports("ecs", "RunTask", "clientToken"):
        parameters["clientToken"] = run.aws.token()
    try:
        answer = run.aws.call("ecs", "RunTask", **parameters)
    except ApiError as error:
        if error.denied:
            raise Stop(denied(error, run.aws, run.target, "the task could not be started")) from None
        if error.throttled or error.broken:
            raise
        raise _not_started(run, error.message) from None
    for task in answer.get("tasks") or []:
        return task_id(task)
    reasons = (failure.get("detail") or failure.get("reason") or "" for failure in answer.get("failures") or [])
    raise _not_started(run, "; ".join(filter(None, reasons)) or "ECS gives no reason")


def _overrides(plan: OneOffPlan, options: OneOffOptions) -> dict[str, Any]:
    """How the task differs from its task definition, as RunTask reads it."""
    variables = [{"name": name, "value": value} for name, value in options.variables.items()]
    changes = {name: value for name, value in (("command", list(plan.command)), ("environment", variables)) if value}
    container = [{"name": str(plan.container.get("name", "")), **changes}] if changes else []
    size = {"cpu": plan.cpu, "memory": plan.memory} if options.cpu or options.memory else {}
    return {**({"containerOverrides": container} if container else {}), **size}


def _not_started(run: Run, reason: str) -> Stop:
    return stop(Exit.FAILED, f"the task could not be started: {reason}", run.target.command("status"))


def _stop_started(run: Run, service: RunningService, started_by: str) -> Stop:
    """Stop what an interrupted start may have started."""
    try:
        arns = run.aws.call("ecs", "ListTasks", cluster=service.cluster, startedBy=started_by).get("taskArns") or []
        for arn in arns:
            run.aws.call("ecs", "StopTask", cluster=service.cluster, task=arn, reason="fsdcf run was interrupted")
    except (AwsError, *INTERRUPTS):
        return stop(Exit.INTERRUPTED, "interrupted: a task may have been started", run.target.command("tasks"))
    return stop(Exit.INTERRUPTED, "interrupted: the started task was stopped" if arns else "no task was started")


@dataclass
class _Execution:
    """A run of a job by its state machine. ``task`` is that of the latest attempt, once it is started."""

    run: Run
    service: RunningService
    arn: str
    plan: OneOffPlan
    show: Callable[[LogLine], None]
    start_time: float
    timeout: float | None = None
    events: int = 0
    task: str = ""
    stream: LogStream | None = None

    @classmethod
    def start(
        cls,
        run: Run,
        service: RunningService,
        machine: str,
        plan: OneOffPlan,
        options: OneOffOptions,
        show: Callable[[LogLine], None],
    ) -> OneOffResult:
        """Start an execution and wait for its end. A repeated request with its name starts no second one."""
        overrides = capitalized(_overrides(plan, options))
        request = {"stateMachineArn": machine, "name": f"{run.aws.token().rpartition('-')[2]}-fsdcf-run"}
        more = {"input": json.dumps({"Overrides": overrides})} if overrides else {}
        answer = run.aws.call("stepfunctions", "StartExecution", **request, **more)
        this = cls(run, service, str(answer["executionArn"]), plan, show, run.aws.clock(), options.timeout)
        if options.detach:
            next = (run.target.command("status"), this._stop_command)
            sentence = f"the run {this.id} was started; its end is not awaited"
            return OneOffResult(Outcome(Exit.DONE, sentence, next=next), task=this.id)
        with detach_on_error(this._detached):
            try:
                return this._result(this._wait())
            except KeyboardInterrupt:
                raise _left(run, f"the run {this.id}", this.id, this.stream is not None) from None
            except _TimeIsUp:
                return this._stop_late()

    @property
    def id(self) -> str:
        """The name of the execution."""
        return self.arn.rpartition(":")[2]

    @property
    def _stop_command(self) -> str:
        return self.run.target.command("stop-task", self.id)

    def _wait(self) -> Answer:
        """Show the attempts and their logs until the execution has ended, and return its description."""
        aws = self.run.aws
        while True:
            found = aws.call("stepfunctions", "DescribeExecution", executionArn=self.arn)
            self._read_events()
            self._show_log()
            if found.get("status") not in ("RUNNING", "PENDING_REDRIVE"):
                self._drain()
                return found
            if self.timeout is not None and aws.clock() - self.start_time >= self.timeout:
                raise _TimeIsUp
            aws.sleep(EVERY)

    def _read_events(self) -> None:
        """Report the new events: a task of each attempt, and why it failed."""
        pages = self.run.aws.pages("stepfunctions", "GetExecutionHistory", executionArn=self.arn)
        events = [event for page in pages for event in page.get("events") or []]
        for event in events[self.events :]:
            self._take(event)
        self.events = len(events)

    def _take(self, event: Answer) -> None:
        kind = str(event.get("type"))
        if kind == "TaskSubmitted":
            self._drain()
            self.task = submitted_task(event) or self.task
            if self.task:
                self.stream = LogStream(self.plan.container, self.task)
                self.run.step("task", f"{self.task} is started")
        elif kind == "TaskFailed" and (failed := failure_of(event)):
            self.run.step("attempt", f"an attempt has failed: {failed}")
        elif kind == "TaskTimedOut":
            self.run.step("attempt", f"an attempt has failed: {TIMED_OUT}")

    def _show_log(self) -> bool:
        lines = self.stream.read_new(self.run) if self.stream is not None else []
        for line in lines:
            self.show(line)
        return bool(lines)

    def _drain(self) -> None:
        """Show the last lines of a task that has ended."""
        for _ in range(LAST_LINES if self.stream is not None and self.stream.group else 0):
            if not self._show_log() and self.stream is not None and self.stream.begun:
                break
            self.run.aws.sleep(EVERY)

    def _result(self, found: Answer) -> OneOffResult:
        ended = read_execution(found)
        if NOT_RUN in str(found.get("cause")):
            plan = Evidence("on AWS", f"it would run {self.plan.text}")
            return OneOffResult(Outcome(Exit.UNKNOWN, f"{NOT_RUN[0].lower()}{NOT_RUN[1:]}", (plan,)))
        return _ended(self.run, self.service, ended)

    def _stop_late(self) -> OneOffResult:
        """Stop the execution and its task after the timeout of the caller."""
        limit = f"{self.timeout:.0f} s"
        cause = f"fsdcf run: the timeout of {limit} has passed"
        self.run.step("stop", f"stopping the run {self.id}")
        self.run.aws.call("stepfunctions", "StopExecution", executionArn=self.arn, cause=cause)
        sentence = f"the run did not end within {limit}: it was stopped"
        return OneOffResult(Outcome(Exit.FAILED, sentence, next=(self.run.target.command("logs", since="30m"),)))

    def _detached(self, code: Exit, why: str, evidence: tuple[Evidence, ...]) -> Stop:
        sentence = f"{why}: the run {self.id} may still be in progress; its outcome is unknown"
        return stop(code, sentence, self.run.target.command("status"), self._stop_command, evidence=evidence)


def _left(run: Run, what: str, id: str, logs: bool) -> Stop:
    """The Stop of Ctrl-C while a run of a job is followed."""
    follow = (run.target.command("logs", follow=True),) if logs else ()
    sentence = f"stopped following: {what} continues"
    return stop(Exit.INTERRUPTED, sentence, *follow, run.target.command("stop-task", id))


def _ended(run: Run, service: RunningService, ended: JobRun) -> OneOffResult:
    """The result of a run of a job that has ended."""
    stack = run.target.stack
    if ended.state == "succeeded":
        code = ended.exit_code or 0
        return OneOffResult(Outcome(Exit.DONE, f"the run of {stack} ended with exit code {code}"), code)
    if ended.state == "skipped":
        sentence = f"the run of {stack} was skipped, because another one had not ended"
        return OneOffResult(Outcome(Exit.BUSY, sentence, next=(run.target.command("status"),)))
    with_code = f" with exit code {ended.exit_code}" if ended.exit_code else ""
    verb = "was stopped" if ended.state == "stopped" else "failed"
    status = (run.target.command("status"),)
    outcome = explain_run(run, service, ended, f"the run of {stack} {verb}{with_code}", status)
    return OneOffResult(outcome, ended.exit_code or None)
