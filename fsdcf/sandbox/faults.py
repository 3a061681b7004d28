"""Faults to inject into the sandbox: calls and resources that fail, tasks that do not start or stay healthy."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from fsdcf.cloudformation.types.ecs import SERVICE

QUIRKS: dict[str, tuple[str, int | None, str]] = {
    "action": ("a change set shows each Modify under this name: action=Dynamic, action=SyncWithActual", None, r"\w+"),
    "alarm": (
        "these alarms, or all, are in ALARM once they are created or changed: alarm=HighErrors,SlowAnswers",
        None,
        r"[\w,]*",
    ),
    "cancelled-first": ("siblings that a failure cancels are listed before the failure", None, ""),
    "drop-values": (
        "with property values, a change set omits a resource and warns: drop-values=Service",
        None,
        r"\w*",
    ),
    "duplicate-events": ("each event is listed twice", None, ""),
    "early-validation": (
        "a change set fails early validation of these resources: early-validation=Bucket,Role",
        1,
        r"[\w,]*",
    ),
    "equal-timestamps": ("timestamps of events are rounded down to seconds", None, ""),
    "green-rollback": ("a service that ECS rolled back counts as updated", None, ""),
    "hook": ("a change set fails because of a hook of this name: hook=My::Guard::Hook", 1, r".+"),
    "lag-events": ("events are listed this number of seconds late: lag-events=3", None, r"\d+(\.\d+)?"),
    "lag-status": (
        "DescribeStacks returns the status of this number of seconds ago: lag-status=5",
        None,
        r"\d+(\.\d+)?",
    ),
    "limit-exceeded": ("the stack has reached its limit of change sets", 1, ""),
    "no-early-validation": ("names that already exist are detected only during execution", None, ""),
    "no-reason": ("with property values, a failed change set has no status reason", None, ""),
    "no-updates": ("an empty change set fails with the other one of AWS's two messages", None, ""),
    "page-size": ("number of items on a page of a list: page-size=2", None, r"[1-9]\d*"),
    "stale-status": ("DescribeStacks returns the status from before the operation", 1, ""),
    "validation-warning": (
        "early validation warns of these resources or properties: validation-warning=Role,Service/DesiredCount",
        1,
        r"[\w,/]+",
    ),
    "unknown-enums": ("change sets and events contain values that no client knows yet", None, ""),
}
"""The quirks of CloudFormation, and of the alarms that it creates, by name: the effect, the usual number of times
(None: always), and the pattern of the detail.

Each was reported of AWS: https://github.com/boto/boto3/issues/4178 (no-reason),
https://github.com/aws/aws-cdk-cli/issues/1780 (drop-values), https://github.com/aws-cloudformation/rain/pull/744
(early-validation); the others follow from CloudFormation's eventual consistency and from APIs that grow.
"""

CallKind = Literal[
    "throttle",
    "error",
    "reset",
    "lost",
    "half",
    "delay",
    "expired",
    "html",
    "broken",
    "unreachable",
    "partial",
    "brief",
]
Phase = Literal["create", "update", "delete", "cleanup", "rollback", "running"]

CALL_KINDS: tuple[CallKind, ...] = get_args(CallKind)
PHASES: tuple[Phase, ...] = get_args(Phase)

TASK_PROBLEMS = {
    "CannotPullContainerError": (
        "the image does not exist; =denied: access is denied; =timeout: the registry is out of reach",
        r"|denied|timeout",
    ),
    "ResourceInitializationError": (
        "the registry is out of reach; =denied: access is denied; =secret, =parameter: it may not be read; "
        "=log-group: the log group does not exist; =efs: the file system denies the mount; =efs-target: it has no "
        "mount target",
        r"|denied|secret|parameter|log-group|efs|efs-target",
    ),
    "CannotStartContainerError": ("the image does not contain the command; =gunicorn: its name", r".*"),
    "oom": ("the container exceeds its memory", ""),
    "exit": (
        "the container exits with this code: exit=1; exit=1@proxy: another container of the task",
        r"\d{1,3}(?:@[\w-]+)?",
    ),
    "unhealthy": (
        "the load balancer's check fails: unhealthy=404, =timeout, =refused; =container: the container's check; "
        "=container@proxy: that of another container",
        r"|[1-5]\d\d|timeout|refused|container(?:@[\w-]+)?",
    ),
    "capacity": (
        "no capacity is available for the task; =vcpu: the account's quota of vCPUs is used up; =addresses: the "
        "subnets have no free address",
        r"|vcpu|addresses",
    ),
    "maintenance": ("AWS stops a task to maintain its host; maintenance=2: two tasks", r"|[1-9]\d*"),
    "spot": ("AWS reclaims the Spot capacity of a task; spot=2: of two tasks", r"|[1-9]\d*"),
    "rebalancing": ("ECS stops a task to balance the zones; rebalancing=2: two tasks", r"|[1-9]\d*"),
    "stuck": (
        "the tasks cannot start, and no failure is counted, so that nothing gives up: there is no "
        "capacity; =image: the image does not exist; =secret: it may not be read; =1: one task starts, no other does",
        r"|image|secret|[1-9]\d*",
    ),
    "slow": ("each task takes five times as long; slow=12 sets the factor", r"|\d+(\.\d+)?"),
}
"""The problems of a service's tasks, as a fault's text names them: the effect, and the pattern of the detail after
``=``.
"""

ENDLESS = {"unvalidated": "the resource never becomes ready, like a certificate whose validation record is missing"}
"""The problems of a resource that CloudFormation creates or changes, and for which it waits in vain: the effect."""

HANDLER_CODES = {
    "AccessDenied": "Access denied for operation",
    "AlreadyExists": "Resource already exists",
    "GeneralServiceException": "Error occurred during operation",
    "InternalFailure": "Internal error reported from downstream service",
    "InvalidRequest": "Invalid request provided",
    "NetworkFailure": "Network failure while calling the service",
    "NotFound": "Resource was not found",
    "NotStabilized": "Resource did not stabilize",
    "NotUpdatable": "Resource is not updatable",
    "ResourceConflict": "Resource is in conflict with another operation",
    "ServiceInternalError": "The service failed",
    "ServiceLimitExceeded": "Limit exceeded for the resource",
    "Throttling": "Rate exceeded for operation",
}
"""CloudFormation's HandlerErrorCodes, each with a message, after
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html."""


class FaultError(ValueError):
    """A text that does not describe a fault; the message explains what is wrong with it."""


class UnlistedValue(str):
    """A value that the service's model does not list in its enum, as a newer API may return it."""

    __slots__ = ()


@dataclass(frozen=True)
class Quirk:
    """A quirk of CloudFormation.

    ``kind`` is a key of QUIRKS, ``detail`` the text after the equals sign, ``times`` None means always.
    """

    kind: str
    detail: str = ""
    times: int | None = None


@dataclass(frozen=True)
class CallFault:
    """A call that fails.

    ``operation`` is ``DescribeServices``, ``ecs.DescribeServices``, ``ecs.*`` or ``*``. ``kind`` is one of these:

    - ``throttle``, ``expired`` and ``error`` (the code is ``detail``) answer with an error, ``broken`` with status
      500, ``html`` with status 502 and the page of a proxy.
    - ``reset`` closes the connection before the call takes effect, ``lost`` afterwards; ``half`` then sends half of
      the answer. ``unreachable`` refuses the connection (over a socket: like ``reset``).
    - ``delay`` answers late, by ``detail`` seconds. ``partial`` processes half of a batch of DynamoDB.
      ``brief`` gives a token of ECR that expires at once.

    ``times`` None means always. The first ``after`` calls succeed; each later call fails with this ``probability``.
    """

    operation: str
    kind: CallKind
    detail: str = ""
    times: int | None = 1
    after: int = 0
    probability: float = 1.0

    def matches(self, service: str, operation: str) -> bool:
        """Return whether the fault affects an operation of a service."""
        return self.operation in ("*", operation, f"{service}.*", f"{service}.{operation}")


@dataclass(frozen=True)
class ResourceFault:
    """A resource that fails in a phase of a stack operation. ``target`` is its logical id or type.

    ``code`` is CloudFormation's HandlerErrorCode, ``reason`` the handler's message. ``times`` None means always.
    One that is ``endless`` does not fail, and never becomes ready.
    """

    target: str
    phase: Phase
    reason: str
    code: str = "GeneralServiceException"
    times: int | None = 1
    endless: bool = False


@dataclass(frozen=True)
class TaskFault:
    """Tasks that fail in each of the next ``times`` deployments of a service. ``problem`` is a key of TASK_PROBLEMS.

    In the phase ``running``, the service fails once its deployment is complete and its tasks are healthy.
    """

    target: str
    phase: Phase
    problem: str
    detail: str = ""
    times: int | None = 1


@dataclass(frozen=True)
class DriftFault:
    """A resource that is changed outside CloudFormation after a deploy, or before drift is looked for.

    ``path`` is that of a property (``RetentionInDays``), ``value`` its new value as JSON or text; without a path the
    resource is deleted.
    """

    target: str
    path: str = ""
    value: str = ""
    times: int | None = 1


Fault = CallFault | ResourceFault | TaskFault | DriftFault | Quirk
F = TypeVar("F", bound=Fault)


class Faults:
    """The faults of one process, with their counts. ``seed`` makes those with a probability repeatable."""

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311
        self._faults: list[Fault] = list(faults)
        self._seen: dict[int, int] = {}
        self._used: dict[int, int] = {}

    def add(self, *faults: Fault) -> None:
        """Append faults."""
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()
            self._seen.clear()
            self._used.clear()

    def call_fault(self, service: str, operation: str) -> CallFault | None:
        """Return the fault of this call, if it has one. Each request counts as a call."""
        return self._take(CallFault, lambda fault: fault.matches(service, operation))

    def resource_fault(self, logical_id: str, type: str, phase: Phase) -> ResourceFault | None:
        """Return the fault of a resource in this phase and use it up once.

        A task problem, aimed at a resource without tasks, becomes the reason for which the resource fails.
        """
        kinds: Any = ResourceFault if type == SERVICE else (ResourceFault, TaskFault)
        fault: ResourceFault | TaskFault | None = self._take(
            kinds, lambda fault: fault.phase == phase and fault.target in (logical_id, type)
        )
        if not isinstance(fault, TaskFault):
            return fault
        reason = fault.problem + (f"={fault.detail}" if fault.detail else "")
        return ResourceFault(fault.target, fault.phase, reason, times=fault.times)

    def task_fault(self, name: str, phase: Phase) -> TaskFault | None:
        """Return the fault of the tasks of a service's next deployment and use it up once.

        ``name`` is the logical id of the service or, outside a stack, its name.
        """
        return self._take(TaskFault, lambda fault: fault.phase == phase and fault.target in (name, SERVICE))

    def drift_fault(self, logical_id: str, type: str) -> DriftFault | None:
        """Return the next change of a resource outside CloudFormation and use it up once."""
        return self._take(DriftFault, lambda fault: fault.target in (logical_id, type))

    def quirk(self, kind: str) -> Quirk | None:
        """Return the quirk of this name, if CloudFormation shows it now, and use it up once."""
        return self._take(Quirk, lambda fault: fault.kind == kind)

    def _take(self, kinds: type[F] | tuple[type[F], ...], matches: Callable[[F], bool]) -> F | None:
        with self._lock:
            for index, fault in enumerate(self._faults):
                if isinstance(fault, kinds) and matches(fault) and self._strikes(index, fault):
                    return fault
        return None

    def _strikes(self, index: int, fault: Fault) -> bool:
        after, probability = (fault.after, fault.probability) if isinstance(fault, CallFault) else (0, 1.0)
        self._seen[index] = self._seen.get(index, 0) + 1
        used = self._used.get(index, 0)
        if self._seen[index] <= after or (fault.times is not None and used >= fault.times):
            return False
        if probability < 1.0 and self._random.random() >= probability:
            return False
        self._used[index] = used + 1
        return True


_QUIRK = re.compile(r"cfn:(?P<kind>[a-z-]+)(?:=(?P<detail>[^*]+))?(?:\*(?P<times>\d+|\*))?")
_CALL = re.compile(
    r"api:(?P<operation>[\w.-]+|\*|[\w-]+\.\*):(?P<kind>[a-z]+)(?:=(?P<detail>[^*@%]+))?"
    r"(?:\*(?P<times>\d+|\*))?(?:@(?P<after>\d+))?(?:%(?P<percent>\d+))?"
)
_RESOURCE = re.compile(
    rf"(?P<target>[A-Za-z0-9:_-]+?):(?P<phase>{'|'.join(PHASES)}):(?P<reason>.+?)(?:\*(?P<times>\d+|\*))?", re.DOTALL
)
_DRIFT = re.compile(r"(?P<target>[A-Za-z0-9:_-]+?):drift:(?:(?P<path>\w+(?:/\w+)*)=(?P<value>.*)|deleted)", re.DOTALL)
_DETAILS = {
    "error": (r".+", "name the error code, for example error=AccessDeniedException"),
    "delay": (r"\d+(\.\d+)?", "give the number of seconds, for example delay=2.5"),
}


def parse_fault(text: str) -> Fault:
    """Parse the text of a fault. Raises FaultError.

    ``Service:create:oom``, ``Role:delete:AccessDenied=not yours*2``: a logical id or type, a phase, then a task
    problem, a handler error code or any reason; ``Certificate:create:unvalidated`` lets CloudFormation wait in vain.
    ``Service:running:oom``: a task problem after the deployment. ``api:CreateChangeSet:throttle*3@1%50``: three times,
    after the first call, each with a probability of one half. ``cfn:lag-events=3``: a quirk of CloudFormation. ``**``
    means always.
    """
    if text.startswith("cfn:"):
        return _parse_quirk(text)
    if call := _CALL.fullmatch(text):
        return _parse_call_fault(text, call)
    if text.startswith("api:"):
        raise FaultError(f"{text!r}: write api:OPERATION:KIND, where KIND is one of {', '.join(CALL_KINDS)}")
    if drift := _DRIFT.fullmatch(text):
        return DriftFault(drift["target"], drift["path"] or "", drift["value"] or "")
    if ":drift:" in text:
        raise FaultError(f"{text!r}: write LOGICAL_ID:drift:PROPERTY=VALUE or LOGICAL_ID:drift:deleted")
    resource = _RESOURCE.fullmatch(text)
    if resource is None:
        phases = ", ".join(PHASES)
        raise FaultError(
            f"{text!r}: write LOGICAL_ID:PHASE:REASON, where PHASE is one of {phases}, or api:OPERATION:KIND"
        )
    return _parse_resource_fault(text, resource)


def _parse_quirk(text: str) -> Quirk:
    match = _QUIRK.fullmatch(text)
    if match is None or match["kind"] not in QUIRKS:
        raise FaultError(f"{text!r}: write cfn:KIND, where KIND is one of {', '.join(sorted(QUIRKS))}")
    effect, usual, pattern = QUIRKS[match["kind"]]
    detail = match["detail"] or ""
    if not re.fullmatch(pattern, detail):
        raise FaultError(f"{text!r}: {effect}")
    return Quirk(match["kind"], detail, usual if match["times"] is None else _times(match["times"]))


def _parse_call_fault(text: str, match: re.Match[str]) -> CallFault:
    detail = match["detail"] or ""
    kind = next((kind for kind in CALL_KINDS if kind == match["kind"]), None)
    if kind is None:
        raise FaultError(f"{text!r}: {match['kind']} is not one of {', '.join(CALL_KINDS)}")
    pattern, hint = _DETAILS.get(kind, (".*", ""))
    if not re.fullmatch(pattern, detail):
        raise FaultError(f"{text!r}: {hint}")
    if kind == "partial" and not match["operation"].rpartition(".")[2].startswith("Batch"):
        raise FaultError(f"{text!r}: only a batch can be processed in part: BatchWriteItem, BatchGetItem")
    if kind == "brief" and match["operation"].rpartition(".")[2] != "GetAuthorizationToken":
        raise FaultError(f"{text!r}: only the token of GetAuthorizationToken can be brief")
    probability = int(match["percent"] or 100) / 100
    return CallFault(match["operation"], kind, detail, _times(match["times"]), int(match["after"] or 0), probability)


def _parse_resource_fault(text: str, match: re.Match[str]) -> Fault:
    word, _, detail = match["reason"].partition("=")
    phase = next(phase for phase in PHASES if phase == match["phase"])
    times = _times(match["times"])
    if word in TASK_PROBLEMS:
        effect, pattern = TASK_PROBLEMS[word]
        if not re.fullmatch(pattern, detail):
            raise FaultError(f"{text!r}: {word}: {effect}")
        return TaskFault(match["target"], phase, word, detail, times)
    if phase == "running":
        raise FaultError(f"{text!r}: after running, write one of {', '.join(TASK_PROBLEMS)}")
    if word in ENDLESS:
        return ResourceFault(match["target"], phase, word, times=times, endless=True)
    if word in HANDLER_CODES:
        return ResourceFault(match["target"], phase, detail or HANDLER_CODES[word], word, times)
    return ResourceFault(match["target"], phase, match["reason"], times=times)


def _times(text: str | None) -> int | None:
    return None if text == "*" else int(text or 1)
