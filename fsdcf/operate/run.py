"""An errand: a one-off task with the service's image, network and roles, its log followed, its exit code told."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fsdcf.deploy.aws import ApiError, Aws, AwsError
from fsdcf.deploy.model import INTERRUPTS, Ask, Evidence, Exit, Outcome, Question, Target, Tell, Terminated
from fsdcf.deploy.run import Run, Stop, stop
from fsdcf.operate.logs import Line, Stream
from fsdcf.operate.service import Service, owned, service_of

STARTED_BY = "fsdcf-run/"
"""How it begins what ECS knows these tasks by. ListTasks finds a task by the whole of it, which is each run's own."""

EVERY = 2.0
"""Seconds between two looks at the task and its log."""

MISSED = 60.0
"""Seconds for which ECS may not know a task yet that it has started: its reads lag behind its writes."""

LAST_LINES = 3
"""How often the log is read after the end: CloudWatch Logs gets the last lines some seconds later."""


@dataclass(frozen=True)
class Returned:
    """How an errand ended. ``code`` is the exit code of its command; None where it never ran, or its end was not seen."""

    outcome: Outcome
    code: int | None = None


@dataclass
class _Errand:
    """The task that was started, and its log."""

    run: Run
    service: Service
    task: str
    stream: Stream
    show: Callable[[Line], None]
    status: str = ""
    begun: float = field(default=0.0)

    def states(self, told: Mapping[str, Any]) -> None:
        """Says the task's state where it is another one than before."""
        status = str(told.get("lastStatus") or "")
        if status and status != self.status:
            self.status = status
            self.run.step("task", f"{self.task} is {status}")

    def log(self) -> bool:
        """Shows the lines that are new; whether there were any."""
        lines = self.stream.fresh(self.run)
        for line in lines:
            self.show(line)
        return bool(lines)


def run(
    target: Target,
    command: Sequence[str],
    yes: bool,
    aws: Aws,
    tell: Tell,
    ask: Ask | None,
    show: Callable[[Line], None],
) -> Returned:
    """Run a command in a task of its own and stay until it has ended. ``show`` is given every line that it logs.

    The task runs on Fargate's on-demand capacity, also where the service runs on Spot: nothing starts it again. Ctrl-C asks ECS to stop
    it. Beside a task whose store has one writer it is asked for first. Raises Stop: exit 1 where it cannot be started, 2 without a
    service, 3 without consent or where the stack is not ours, 6 where its end is not seen.
    """
    about = Run(aws, tell, target, ask)
    stack = owned(target, aws)
    service = service_of(target, stack, aws)
    definition = (
        aws.call("ecs", "DescribeTaskDefinition", taskDefinition=service.task_definition).get("taskDefinition") or {}
    )
    container = _container(target, definition)
    _consent(about, service, command, yes)
    about.step("run", f"starts a task of {target.stack} with the image {container.get('image', '')}")
    mark = STARTED_BY + aws.token().rpartition("-")[2]
    try:
        task = _start(about, service, str(container.get("name", "")), command, mark)
    except INTERRUPTS:
        raise _recalled(about, service, mark) from None
    errand = _Errand(about, service, task, Stream(container, task), show, begun=aws.clock())
    if not errand.stream.group:
        about.warn("the container does not log to CloudWatch: its output is not seen")
    return _attended(errand, str(container.get("name", "")))


def _consent(run: Run, service: Service, command: Sequence[str], yes: bool) -> None:
    """Ends the run (exit 3) unless a second task beside that of a single writer is agreed to. ECS does not count it as the service's."""
    if not service.single_writer or not (service.desired or service.told.get("runningCount")):
        return
    risk = f"{run.target.stack} is made so that one task runs at a time, as for a store with one writer; the command would run beside it"
    first = run.target.command("scale", "0")
    if yes:
        run.warn(risk)
    elif run.ask is None:
        again = run.target.command("run", "--yes", "--", shlex.join(command))
        raise stop(Exit.REFUSED, f"not without --yes: {risk}", first, again)
    elif not run.agrees(
        Question("execute", f"Run the command in {run.target.stack}?", (risk, f"first stop it: {first}"))
    ):
        raise stop(Exit.REFUSED, "refused: nothing was started", first)


def _attended(errand: _Errand, container: str) -> Returned:
    """Stays with the task. The first Ctrl-C stops it, the second one leaves."""
    target = errand.run.target
    try:
        try:
            return _ended(errand, _wait(errand), container)
        except KeyboardInterrupt:
            return _stopped(errand, container)
    except Terminated as asked:
        raise _left(errand, Exit.UNKNOWN, f"asked to end ({asked.signal})") from None
    except KeyboardInterrupt:
        raise _left(errand, Exit.INTERRUPTED, "not waited for") from None
    except AwsError as error:
        evidence = (Evidence(f"{error.service}:{error.operation}", error.message),)
        raise _left(errand, Exit.UNKNOWN, f"AWS does not tell of {target.stack} any more", evidence) from None


def _container(target: Target, definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """The service's own container, which bears its name; else the first one."""
    containers: list[Mapping[str, Any]] = list(definition.get("containerDefinitions") or [])
    if not containers:
        raise stop(Exit.USAGE, f"the task definition of {target.stack} has no container", target.command("status"))
    return next((one for one in containers if one.get("name") == target.service), containers[0])


def _start(run: Run, service: Service, container: str, command: Sequence[str], mark: str) -> str:
    """Starts the task; its id. The token keeps it from being started twice where the answer is lost."""
    told = service.told
    asked: dict[str, Any] = {
        "cluster": service.cluster,
        "taskDefinition": service.task_definition,
        "launchType": "FARGATE",
        "count": 1,
        "startedBy": mark,
        "enableECSManagedTags": True,
        "overrides": {"containerOverrides": [{"name": container, "command": list(command)}]},
        "tags": [
            {"key": key, "value": value}
            for key, value in sorted(service.stack.tags.items())
            if not key.startswith("aws:")
        ],
    }
    if told.get("networkConfiguration"):
        asked["networkConfiguration"] = told["networkConfiguration"]
    if told.get("platformVersion"):
        asked["platformVersion"] = told["platformVersion"]
    if run.aws.supports("ecs", "RunTask", "clientToken"):
        asked["clientToken"] = run.aws.token()
    try:
        answer = run.aws.call("ecs", "RunTask", **asked)
    except ApiError as error:
        if error.denied:
            evidence = (Evidence("ecs:RunTask", error.message),)
            raise stop(
                Exit.DENIED, "no permission to start the task", "aws sts get-caller-identity", evidence=evidence
            ) from None
        if error.throttled or error.broken:
            raise
        raise stop(
            Exit.FAILED, f"the task could not be started: {error.message}", run.target.command("status")
        ) from None
    tasks = answer.get("tasks") or []
    if not tasks:
        reasons = [str(one.get("detail") or one.get("reason") or "") for one in answer.get("failures") or []]
        said = "; ".join(one for one in reasons if one) or "ECS gives no reason"
        raise stop(Exit.FAILED, f"the task could not be started: {said}", run.target.command("status"))
    return str(tasks[0]["taskArn"]).rpartition("/")[2]


def _recalled(run: Run, service: Service, mark: str) -> Stop:
    """After an interruption while the task was being started: what was started is stopped."""
    try:
        found = run.aws.call("ecs", "ListTasks", cluster=service.cluster, startedBy=mark).get("taskArns") or []
        for arn in found:
            run.aws.call("ecs", "StopTask", cluster=service.cluster, task=arn, reason="fsdcf run was interrupted")
    except (AwsError, *INTERRUPTS):
        halt = f"aws ecs list-tasks --cluster {service.cluster} --started-by {mark}"
        return stop(Exit.INTERRUPTED, "it is not known whether a task was started", halt)
    return stop(Exit.INTERRUPTED, "the task that had begun was stopped" if found else "no task was started")


def _wait(errand: _Errand) -> Mapping[str, Any]:
    """The task once it has stopped, with its lines shown until then."""
    aws = errand.run.aws
    while True:
        told = _told(errand)
        if told is not None:
            errand.states(told)
        errand.log()
        if told is not None and told.get("lastStatus") == "STOPPED":
            for _ in range(LAST_LINES):
                aws.sleep(EVERY)
                if not errand.log() and errand.stream.begun:
                    break
            return told
        aws.sleep(EVERY)


def _told(errand: _Errand) -> Mapping[str, Any] | None:
    """The task now; None while ECS does not know it yet. Raises Stop (exit 6) where it is forgotten."""
    aws, service = errand.run.aws, errand.service
    tasks = aws.call("ecs", "DescribeTasks", cluster=service.cluster, tasks=[errand.task]).get("tasks") or []
    if tasks:
        told: Mapping[str, Any] = tasks[0]
        return told
    if aws.clock() - errand.begun < MISSED:
        return None
    raise stop(Exit.UNKNOWN, f"ECS does not know the task {errand.task} any more", *_look(errand))


def _ended(errand: _Errand, told: Mapping[str, Any], container: str) -> Returned:
    found: Mapping[str, Any] = next((one for one in told.get("containers") or [] if one.get("name") == container), {})
    code, target = found.get("exitCode"), errand.run.target
    said = [str(found.get("reason") or ""), str(told.get("stoppedReason") or "")]
    reason = "; ".join(dict.fromkeys(one for one in said if one))
    if code is None:
        sentence = f"the command did not run: {reason or 'ECS gives no reason'}"
        return Returned(
            Outcome(
                Exit.FAILED,
                sentence,
                (Evidence(f"task {errand.task}", str(told.get("stopCode") or "")),),
                _look(errand),
            )
        )
    if code == 0:
        return Returned(Outcome(Exit.DONE, f"the command ended with 0 in {target.stack}"), 0)
    evidence = (Evidence(f"task {errand.task}", reason),) if reason else ()
    return Returned(
        Outcome(Exit.FAILED, f"the command ended with {code} in {target.stack}", evidence, _look(errand)), int(code)
    )


def _stopped(errand: _Errand, container: str) -> Returned:
    """After Ctrl-C: ECS is asked to stop the task, and its end is waited for."""
    run, service = errand.run, errand.service
    run.step("stop", f"asks ECS to stop the task {errand.task}; press Ctrl-C again to leave at once")
    run.aws.call(
        "ecs", "StopTask", cluster=service.cluster, task=errand.task, reason="fsdcf run was interrupted (Ctrl-C)"
    )
    ended = _ended(errand, _wait(errand), container)
    code = "it never ran" if ended.code is None else f"its exit code was {ended.code}"
    return Returned(Outcome(Exit.INTERRUPTED, f"the task {errand.task} was stopped; {code}"))


def _left(errand: _Errand, code: Exit, why: str, evidence: tuple[Evidence, ...] = ()) -> Stop:
    sentence = f"{why}: the task {errand.task} may go on, its outcome is unknown"
    halt = f"aws ecs stop-task --cluster {errand.service.cluster} --task {errand.task}"
    return stop(code, sentence, *_look(errand), halt, evidence=evidence)


def _look(errand: _Errand) -> tuple[str, ...]:
    return (
        (errand.run.target.command("logs", "--since", "30m"),)
        if errand.stream.group
        else (errand.run.target.command("status"),)
    )
