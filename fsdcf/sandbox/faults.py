"""What goes wrong in the sandbox on purpose: calls that fail, resources that fail, tasks that do not run."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

QUIRKS: dict[str, tuple[str, int | None, str]] = {
    "action": ("a change set calls each Modify by this word: action=Dynamic, action=SyncWithActual", None, r"\w+"),
    "cancelled-first": ("siblings that a failure cancels are listed before the failure", None, ""),
    "drop-values": (
        "with property values, a change set leaves out a resource and warns: drop-values=Service",
        None,
        r"\w*",
    ),
    "duplicate-events": ("each event is listed twice", None, ""),
    "early-validation": (
        "a change set fails early validation, for these resources: early-validation=Bucket,Role",
        1,
        r"[\w,]*",
    ),
    "equal-timestamps": ("events are dated by the second", None, ""),
    "green-rollback": ("a service that ECS rolled back to its last deployment passes for updated", None, ""),
    "hook": ("a change set fails for a hook of this name: hook=My::Guard::Hook", 1, r".+"),
    "lag-events": ("events are listed so many seconds late: lag-events=3", None, r"\d+(\.\d+)?"),
    "lag-status": ("DescribeStacks tells what was so many seconds ago: lag-status=5", None, r"\d+(\.\d+)?"),
    "limit-exceeded": ("there are too many change sets already", 1, ""),
    "no-early-validation": ("names that exist already are noticed at execution alone", None, ""),
    "no-reason": ("with property values, a failed change set does not say why", None, ""),
    "no-updates": ("an empty change set says so in the other of AWS's two ways", None, ""),
    "page-size": ("lists come so many a page: page-size=2", None, r"[1-9]\d*"),
    "stale-status": ("DescribeStacks tells the status from before the operation", 1, ""),
    "unknown-enums": ("change sets and events hold values that are younger than any client", None, ""),
}
"""The oddities by name: what happens, how many times unless told otherwise (None: always), and how a detail is written.

Each was reported of AWS: https://github.com/boto/boto3/issues/4178 (no-reason), https://github.com/aws/aws-cdk-cli/issues/1780
(drop-values), https://github.com/aws-cloudformation/rain/pull/744 (early-validation); the rest follows from CloudFormation being
eventually consistent and from APIs that grow.
"""

_TEXT = re.compile(r"cfn:(?P<kind>[a-z-]+)(?:=(?P<detail>[^*]+))?(?:\*(?P<times>\d+|\*))?")


class QuirkError(ValueError):
    """A text that names no oddity; the message says what is wrong with it."""


@dataclass(frozen=True)
class Quirk:
    """An oddity of CloudFormation's. ``times`` None is for ever; ``detail`` is what stands behind the equals sign."""

    kind: str
    detail: str = ""
    times: int | None = None


def parse_quirk(text: str) -> Quirk:
    """An oddity by its text, ``cfn:stale-status*2`` or ``cfn:lag-events=3``; OddityError if it is none. ``**`` is for ever."""
    found = _TEXT.fullmatch(text)
    if found is None or found["kind"] not in QUIRKS:
        raise QuirkError(f"{text!r}: write cfn:KIND, KIND being one of {', '.join(sorted(QUIRKS))}")
    meaning, usual, pattern = QUIRKS[found["kind"]]
    detail = found["detail"] or ""
    if not re.fullmatch(pattern, detail):
        raise QuirkError(f"{text!r}: {meaning}")
    times = usual if found["times"] is None else None if found["times"] == "*" else int(found["times"])
    return Quirk(found["kind"], detail, times)


class UnlistedValue(str):
    """A value that the service's model does not list among those of its enum: what a younger API, or a careless one, answers."""

    __slots__ = ()


CallKind = Literal[
    "throttle", "error", "reset", "lost", "half", "delay", "expired", "html", "broken", "unreachable", "partial"
]
Phase = Literal["create", "update", "delete", "cleanup", "rollback"]

CALL_KINDS: tuple[CallKind, ...] = get_args(CallKind)
PHASES: tuple[Phase, ...] = get_args(Phase)

SERVICE = "AWS::ECS::Service"
"""The resource type whose tasks a fault may concern."""

TASK_PROBLEMS = {
    "CannotPullContainerError": "the image is not there; =denied: it may not be read; =timeout: the registry is out of reach",
    "ResourceInitializationError": "the registry is out of reach; =denied: it may not be used; =secret, =parameter: that may not be read; "
    "=log-group: there is none",
    "CannotStartContainerError": "the command is not in the image; =gunicorn: that one",
    "oom": "the container takes more memory than it has",
    "exit": "the container ends with this code: exit=1",
    "unhealthy": "the load balancer's check fails: unhealthy=404, =timeout, =refused; =container: the container's own check",
    "capacity": "there is no capacity for the task",
    "slow": "each task takes five times as long; slow=12 says how many times",
}
"""What can be the matter with a service's tasks, by the word of a fault's text, and what it means."""

_DETAILS = {
    "CannotPullContainerError": r"|denied|timeout",
    "ResourceInitializationError": r"|denied|secret|parameter|log-group",
    "CannotStartContainerError": r".*",
    "oom": "",
    "exit": r"\d{1,3}",
    "unhealthy": r"|[1-5]\d\d|timeout|refused|container",
    "capacity": "",
    "slow": r"|\d+(\.\d+)?",
}
"""What may follow the word of a task's trouble, after ``=``."""

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
"""CloudFormation's HandlerErrorCodes, each with words for it, after
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html."""


class FaultError(ValueError):
    """A text that describes no fault; the message says what is wrong with it."""


@dataclass(frozen=True)
class CallFault:
    """A call that goes wrong.

    ``operation`` is that of the API, ``ecs.DescribeServices`` or ``*``. ``throttle`` and ``error`` (its code in ``detail``) answer with an
    error, ``expired`` with ExpiredToken, ``broken`` with a 500, ``html`` with a proxy's page and 502. ``reset`` closes the connection
    before anything is done, ``lost`` after it; ``half`` does it and sends half of the answer; ``unreachable`` answers no connection (where
    there is a socket: as ``reset``). ``partial`` does half of a batch of DynamoDB's and gives the rest back. ``delay`` answers late (seconds in ``detail``). ``times`` None is for ever; the first
    ``after`` calls pass; ``probability`` is that of each call after those.
    """

    operation: str
    kind: CallKind
    detail: str = ""
    times: int | None = 1
    after: int = 0
    probability: float = 1.0


@dataclass(frozen=True)
class ResourceFault:
    """A resource that fails in a phase of its stack's life. ``target`` is its logical id or type.

    ``code`` is CloudFormation's HandlerErrorCode, ``reason`` the handler's message. ``times`` None is for ever.
    """

    target: str
    phase: Phase
    reason: str
    code: str = "GeneralServiceException"
    times: int | None = 1


@dataclass(frozen=True)
class TaskFault:
    """Tasks that do not run, in each of the next ``times`` deployments of a service. ``trouble`` is a key of TASK_TROUBLES."""

    target: str
    phase: Phase
    trouble: str
    detail: str = ""
    times: int | None = 1


Fault = CallFault | ResourceFault | TaskFault | Quirk


class Faults:
    """The faults of one process, with their counts. ``seed`` makes those that come by chance come the same way again."""

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311
        self._faults: list[Fault] = list(faults)
        self._passed: dict[int, int] = {}
        self._struck: dict[int, int] = {}

    def add(self, *faults: Fault) -> None:
        """More of them, behind those that there are."""
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._faults.clear()
            self._passed.clear()
            self._struck.clear()

    def call_fault(self, service: str, operation: str) -> CallFault | None:
        """What goes wrong with this call; asking counts as a call."""
        with self._lock:
            for index, fault in enumerate(self._faults):
                if not isinstance(fault, CallFault) or not _concerns(fault.operation, service, operation):
                    continue
                self._passed[index] = self._passed.get(index, 0) + 1
                if self._passed[index] > fault.after and self._strikes(index, fault.times, fault.probability):
                    return fault
        return None

    def resource_fault(self, logical_id: str, type: str, phase: Phase) -> ResourceFault | None:
        """What goes wrong with this resource in this phase; an answer uses up one of the fault's times.

        The words for tasks mean nothing to a resource that has none: it fails with them as its reason.
        """
        with self._lock:
            for index, fault in enumerate(self._faults):
                if (
                    isinstance(fault, CallFault | Quirk)
                    or fault.phase != phase
                    or fault.target not in (logical_id, type)
                ):
                    continue
                if isinstance(fault, TaskFault) and type == SERVICE:
                    continue
                if self._strikes(index, fault.times):
                    return fault if isinstance(fault, ResourceFault) else _as_resource_fault(fault)
        return None

    def task_fault(self, name: str, phase: Phase) -> TaskFault | None:
        """What is the matter with the tasks of a service's next deployment; an answer uses up one of the fault's times.

        ``name`` is the service's logical id or, outside a stack, its name.
        """
        with self._lock:
            for index, fault in enumerate(self._faults):
                concerns = isinstance(fault, TaskFault) and fault.phase == phase and fault.target in (name, SERVICE)
                if isinstance(fault, TaskFault) and concerns and self._strikes(index, fault.times):
                    return fault
        return None

    def quirk(self, kind: str) -> Quirk | None:
        """The oddity of that name, if CloudFormation shows it now; an answer uses up one of its times."""
        with self._lock:
            for index, fault in enumerate(self._faults):
                if isinstance(fault, Quirk) and fault.kind == kind and self._strikes(index, fault.times):
                    return fault
        return None

    def _strikes(self, index: int, times: int | None, probability: float = 1.0) -> bool:
        if times is not None and self._struck.get(index, 0) >= times:
            return False
        if probability < 1.0 and self._random.random() >= probability:
            return False
        self._struck[index] = self._struck.get(index, 0) + 1
        return True


def _concerns(pattern: str, service: str, operation: str) -> bool:
    return pattern in ("*", operation, f"{service}.*", f"{service}.{operation}")


def _as_resource_fault(fault: TaskFault) -> ResourceFault:
    reason = fault.trouble + (f"={fault.detail}" if fault.detail else "")
    return ResourceFault(fault.target, fault.phase, reason, times=fault.times)


_CALL = re.compile(
    r"api:(?P<operation>[\w.-]+|\*|[\w-]+\.\*):(?P<kind>[a-z]+)(?:=(?P<detail>[^*@%]+))?"
    r"(?:\*(?P<times>\d+|\*))?(?:@(?P<after>\d+))?(?:%(?P<percent>\d+))?"
)
_RESOURCE = re.compile(
    rf"(?P<target>[A-Za-z0-9:_-]+?):(?P<phase>{'|'.join(PHASES)}):(?P<reason>.+?)(?:\*(?P<times>\d+|\*))?", re.DOTALL
)


def parse_fault(text: str) -> Fault:
    """A fault by its text; FaultError if it is none.

    ``Service:create:oom``, ``Role:delete:AccessDenied=not yours*2`` (a logical id or a type, a phase, a task's trouble, a handler's
    code or any reason); ``api:CreateChangeSet:throttle*3@1%50``: three times, after the first call, each with a chance of one half;
    ``cfn:lag-events=3``: an oddity of CloudFormation's. ``**`` is for ever.
    """
    if text.startswith("cfn:"):
        try:
            return parse_quirk(text)
        except QuirkError as error:
            raise FaultError(str(error)) from None
    call = _CALL.fullmatch(text)
    if call is not None:
        return _call_fault(text, call)
    if text.startswith("api:"):
        raise FaultError(f"{text!r}: write api:OPERATION:KIND, KIND being one of {', '.join(CALL_KINDS)}")
    resource = _RESOURCE.fullmatch(text)
    if resource is None:
        raise FaultError(
            f"{text!r}: write LOGICAL_ID:PHASE:REASON, PHASE being one of {', '.join(PHASES)}, or api:OPERATION:KIND"
        )
    return _resource_fault(text, resource)


def _call_fault(text: str, found: re.Match[str]) -> CallFault:
    detail = found["detail"] or ""
    kind = next((one for one in CALL_KINDS if one == found["kind"]), None)
    if kind is None:
        raise FaultError(f"{text!r}: {found['kind']} is none of {', '.join(CALL_KINDS)}")
    if kind == "error" and not detail:
        raise FaultError(f"{text!r}: say which error: error=AccessDeniedException")
    if kind == "delay" and not re.fullmatch(r"\d+(\.\d+)?", detail):
        raise FaultError(f"{text!r}: say how many seconds: delay=2.5")
    if kind == "partial" and not found["operation"].rpartition(".")[2].startswith("Batch"):
        raise FaultError(f"{text!r}: only a batch can be done in part: BatchWriteItem, BatchGetItem")
    chance = int(found["percent"] or 100) / 100
    return CallFault(found["operation"], kind, detail, _times(found["times"]), int(found["after"] or 0), chance)


def _resource_fault(text: str, found: re.Match[str]) -> Fault:
    word, _, detail = found["reason"].partition("=")
    phase = next(one for one in PHASES if one == found["phase"])
    times = _times(found["times"])
    if word in TASK_PROBLEMS:
        if not re.fullmatch(_DETAILS[word], detail):
            raise FaultError(f"{text!r}: {word}: {TASK_PROBLEMS[word]}")
        return TaskFault(found["target"], phase, word, detail, times)
    if word in HANDLER_CODES:
        return ResourceFault(found["target"], phase, detail or HANDLER_CODES[word], word, times)
    return ResourceFault(found["target"], phase, found["reason"], times=times)


def _times(text: str | None) -> int | None:
    return None if text == "*" else int(text or 1)
