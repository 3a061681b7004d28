"""A sandbox with virtual time, and the engine at work in it: what the tests of deploying share."""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from botocore import xform_name

from fsdcf.cloudformation.limits import compact
from fsdcf.deploy.aws import Aws
from fsdcf.deploy.engine import deploy
from fsdcf.deploy.model import (
    Event,
    Options,
    Outcome,
    Place,
    PlanCreated,
    Question,
    Recovery,
    Release,
    RunEnded,
    StackEventReceived,
    StepStarted,
    WarningIssued,
)
from fsdcf.deploy.recovery import cancel, diagnose, recover, watch
from fsdcf.deploy.state import target_of
from fsdcf.plan.permissions.policy import CALLS, IMPORTING
from fsdcf.sandbox.cloudformation import records
from fsdcf.sandbox.faults import Fault, Faults, parse_fault
from fsdcf.sandbox.state import SandboxState, VirtualClock
from tests.deploy.wired import Quiet, Rewrite, wired

TAG = r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|sha256:[a-f0-9]{64})$"
STACK = "shop-staging"
TAGS = {"fsdcf:service": "shop", "fsdcf:environment": "staging"}


def template(*names: str, **more: Any) -> dict[str, Any]:
    """A template with the parameter ImageSha, the release record, resources of these logical ids, and what ``more``
    adds.

    ``Slow`` and ``Old`` are queues, which take a minute and hold data; all others are topics, which are quick and hold
    none.
    """
    named = {name: queue() if name in ("Slow", "Old") else topic() for name in names or ("Jobs",)}
    return {
        "Parameters": {"ImageSha": {"Type": "String", "AllowedPattern": TAG}},
        "Resources": {**named, "Release": record(), **more},
    }


def topic(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def record() -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Ref": "ImageSha"}}}


def service(count: int = 1) -> dict[str, Any]:
    """The resources of an ECS service that runs the image, with the circuit breaker on."""
    container = {"Name": "shop", "Image": {"Fn::Sub": "shop:${ImageSha}"}, "Essential": True}
    definition = {
        "Family": "shop-staging",
        "Cpu": "256",
        "Memory": "512",
        "NetworkMode": "awsvpc",
        "RequiresCompatibilities": ["FARGATE"],
        "ContainerDefinitions": [container],
    }
    breaker = {"DeploymentCircuitBreaker": {"Enable": True, "Rollback": True}}
    return {
        "Cluster": {"Type": "AWS::ECS::Cluster"},
        "TaskDefinition": {"Type": "AWS::ECS::TaskDefinition", "Properties": definition},
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "Cluster": {"Ref": "Cluster"},
                "TaskDefinition": {"Ref": "TaskDefinition"},
                "DesiredCount": count,
                "DeploymentConfiguration": breaker,
                "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"]}},
            },
        },
        "Release": {**record(), "DependsOn": ["Service"]},
    }


@dataclass
class Site:
    """A sandbox, the engine's connection to it, and everything that was told. ``answers`` answers questions by their
    kind."""

    state: SandboxState
    clock: VirtualClock
    aws: Aws
    requests: list[tuple[float, str]]
    told: list[Event] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)
    answers: dict[str, bool] | None = None
    on_sleep: list[Callable[[float], None]] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        self.told.append(event)

    def ask(self, question: Question) -> bool:
        self.asked.append(question)
        assert self.answers is not None
        return self.answers[question.kind]

    def release(self, body: Mapping[str, Any] | None = None, sha: str | None = "one", **more: Any) -> Release:
        return Release(
            "shop",
            "staging",
            body or template(),
            sha,
            {"team": "a"},
            redeploy_command="fsdcf deploy shop.yml --env staging",
            **more,
        )

    def deploy(self, body: Mapping[str, Any] | None = None, sha: str | None = "one", **options: Any) -> Outcome:
        """Deploys with ``--yes``, unless the options say otherwise."""
        return self.run(self.release(body, sha), **options)

    def run(self, release: Release, **options: Any) -> Outcome:
        chosen = replace(Options(yes=True), **options)
        ask = self.ask if self.answers is not None else None
        return self._ended(deploy(release, chosen, self.aws, self.tell, ask))

    def pressing(self, seconds: float, kind: type[BaseException] = KeyboardInterrupt) -> None:
        """Ctrl-C, or another interruption, after so much virtual time."""

        def press() -> None:
            raise kind

        self.after(seconds, press)

    def watch(self, timeout: float | None = None) -> Outcome:
        return self._ended(watch(target_of(None, STACK), self.aws, self.tell, nowhere, timeout))

    def cancel(self) -> Outcome:
        return self._ended(cancel(target_of(None, STACK), self.aws, self.tell))

    def recover(self, *skip: str, **options: Any) -> Outcome:
        ask = self.ask if self.answers is not None else None
        return self._ended(
            recover(target_of(None, STACK), Recovery(skip, **options), self.aws, self.tell, ask, nowhere)
        )

    def diagnose(self) -> Outcome:
        return diagnose(target_of(None, STACK), self.aws, nowhere)

    def _ended(self, outcome: Outcome) -> Outcome:
        ends = [event for event in self.told if isinstance(event, RunEnded)]
        assert self.told[-1] is ends[-1] and ends[-1].outcome == outcome
        allowed = {service: CALLS[service] | IMPORTING.get(service, frozenset()) for service in CALLS}
        assert not [one for _, *one in self.aws.calls if one[1] not in allowed[one[0]]], (
            "a call for which fsdcf permissions gives no right"
        )
        return outcome

    def fault(self, *texts: str | Fault) -> None:
        self.state.faults.add(*(parse_fault(one) if isinstance(one, str) else one for one in texts))

    def call(
        self, operation: str, service: str = "cloudformation", /, at: str | None = None, **parameters: Any
    ) -> dict[str, Any]:
        """A call beside the engine, of which no fault and no count knows."""
        client = wired(replace(self.state, faults=Quiet(self.state.faults)))[1](service, at or self.aws.region)
        answer: dict[str, Any] = getattr(client, _snake(operation))(**parameters)
        return answer

    def store_secret(self, name: str, value: str = "a value", at: str | None = None) -> None:
        """A secret that somebody has stored: a parameter if its name begins with a slash."""
        if name.startswith("/"):
            self.call("PutParameter", "ssm", at=at, Name=name, Value=value, Type="SecureString")
        else:
            self.call("CreateSecret", "secretsmanager", at=at, Name=name, SecretString=value)

    def beside(
        self, operation: str, body: Mapping[str, Any], sha: str, tags: Mapping[str, str] = TAGS, /, **more: Any
    ) -> dict[str, Any]:
        """What somebody else does to the stack: CreateStack, UpdateStack or CreateChangeSet."""
        return self.call(
            operation,
            StackName=STACK,
            TemplateBody=compact(body),
            Parameters=[{"ParameterKey": "ImageSha", "ParameterValue": sha}],
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            **more,
        )

    def stand(self, body: Mapping[str, Any] | None = None, sha: str = "one", tags: Mapping[str, str] = TAGS) -> None:
        """A stack that somebody has created, and that is complete."""
        self.beside("CreateStack", body or template(), sha, tags)
        self.clock.advance(900)
        assert self.status() == "CREATE_COMPLETE"

    def force(self, status: str, name: str = STACK, **more: Any) -> None:
        """Puts the stack into a status, which nothing plays on."""
        with self.state.store.transaction():
            stack = records.living(self.state, name)
            assert stack is not None
            stack.update(status=status, **more)
            records.save_stack(self.state, stack)

    def forget(self) -> None:
        """Forgets what was told and called until now."""
        self.told.clear()
        self.asked.clear()
        self.requests.clear()
        self.aws.calls.clear()

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Does something once so much virtual time has passed in the engine's sleeps; what it raises, the engine
        gets."""
        due = self.clock.now() + seconds
        done: list[bool] = []

        def hook(_: float) -> None:
            if not done and self.clock.now() >= due:
                done.append(True)
                act()

        self.on_sleep.append(hook)

    def status(self, stack: str = STACK) -> str:
        """The stack's status now; empty if there is none."""
        listed = [one for one in self.call("DescribeStacks")["Stacks"] if stack in (one["StackName"], one["StackId"])]
        return str(listed[0]["StackStatus"]) if listed else ""

    def change_sets(self) -> list[str]:
        return (
            [one["ChangeSetName"] for one in self.call("ListChangeSets", StackName=STACK)["Summaries"]]
            if self.status()
            else []
        )

    def seen(self) -> list[tuple[str, str]]:
        return [(one.event.logical_id, one.event.status) for one in self.told if isinstance(one, StackEventReceived)]

    def warnings(self) -> list[str]:
        return [one.text for one in self.told if isinstance(one, WarningIssued)]

    def steps(self) -> list[str]:
        return [one.name for one in self.told if isinstance(one, StepStarted)]

    def plan(self) -> PlanCreated:
        return next(one for one in reversed(self.told) if isinstance(one, PlanCreated))

    def made(self, operation: str) -> int:
        """How many calls of an operation the engine made."""
        return sum(name == operation for _, _, name in self.aws.calls)

    def busiest(self) -> int:
        """The most requests that CloudFormation got within 60 seconds."""
        times = [at for at, name in self.requests if ".cloudformation." in name]
        return max((sum(begin <= at < begin + 60 for at in times) for begin in times), default=0)

    def executions(self) -> list[str]:
        """The tokens with which the engine's change sets were executed, once for each time that an execution began."""
        arns = [one["StackId"] for one in self.call("ListStacks")["StackSummaries"]]
        events = [event for arn in arns for event in self.events(arn)]
        began = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
        roots = [
            one for one in events if one["PhysicalResourceId"] == one["StackId"] and one["ResourceStatus"] in began
        ]
        return [one["ClientRequestToken"] for one in roots if one.get("ClientRequestToken", "").startswith("fsdcf-")]

    def events(self, stack: str = STACK) -> list[dict[str, Any]]:
        """All events of a stack, the newest first."""
        listed: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            page = self.call("DescribeStackEvents", StackName=stack, **more)
            listed += page["StackEvents"]
            if not page.get("NextToken"):
                return listed
            more = {"NextToken": page["NextToken"]}

    def image(self) -> str:
        """The image that the release record names; empty where there is none."""
        found = [one for one in self.call("DescribeStacks")["Stacks"] if one["StackName"] == STACK]
        if not found or found[0]["StackStatus"] == "REVIEW_IN_PROGRESS":
            return ""
        rows = self.call("DescribeStackResources", StackName=STACK)["StackResources"]
        name = next(
            (
                one["PhysicalResourceId"]
                for one in rows
                if one["LogicalResourceId"] == "Release" and one.get("PhysicalResourceId")
            ),
            "",
        )
        try:
            return str(self.call("GetParameter", "ssm", Name=name)["Parameter"]["Value"]) if name else ""
        except Exception as error:
            assert "ParameterNotFound" in str(error)
            return ""


def nowhere(logical_id: str) -> Place | None:
    return None


def site(
    *faults: str | Fault,
    seed: int = 0,
    region: str = "us-east-1",
    clock: VirtualClock | None = None,
    pace: float = 1.0,
    endpoint: str = "",
    rewrite: Rewrite | None = None,
) -> Site:
    """A new sandbox with these faults. With a ``pace`` below 1 all is over sooner, and the engine looks less often
    meanwhile. ``endpoint`` makes it that of an emulator, whose answers ``rewrite`` changes."""
    clock = clock or VirtualClock()
    state = SandboxState(clock=clock, faults=Faults(seed=seed), region=region, pace=pace, sleep=clock.advance)
    hooks: list[Callable[[float], None]] = []

    def sleep(seconds: float) -> None:
        clock.advance(seconds)
        for hook in list(hooks):
            hook(seconds)

    wire, make = wired(state, endpoint, rewrite)
    made = Site(
        state,
        clock,
        Aws(make, clock.now, sleep, random.Random(seed), region, state.partition),
        wire.requests,
        on_sleep=hooks,
    )
    weakref.finalize(state, state.store.close)
    made.fault(*faults)
    return made


def twin(original: Site, rewrite: Rewrite | None = None, endpoint: str = "") -> Site:
    """Another sandbox in the same state and at the same time, without faults; each goes its own way from here.

    A state that many tests begin with is reached once, and each test gets a twin.
    """
    made = site(
        region=original.state.region,
        clock=VirtualClock(original.clock.now()),
        pace=original.state.pace,
        endpoint=endpoint,
        rewrite=rewrite,
    )
    original.state.store._connection.backup(made.state.store._connection)
    return made


def _snake(operation: str) -> str:
    return str(xform_name(operation))
