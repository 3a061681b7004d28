"""What a reason of failure is, and what a template adds to it: the numbers, the way out of the network, the permission. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from fsdcf.deploy.grounds import NEEDED_ENDPOINTS, Grounds


@dataclass(frozen=True)
class Judged:
    """A clause that is added to the cause, and what takes the place of the reason's own advice, key and command; empty: nothing."""

    clause: str = ""
    advice: str = ""
    key: str = ""
    command: str = ""


Judge = Callable[[Grounds, "re.Match[str]"], Judged]

LOGS = "fsdcf logs {service} --env {environment}"
STATUS = "fsdcf status {service} --env {environment}"
AGAIN = "fsdcf diagnose {service} --env {environment}"


@dataclass(frozen=True)
class Reason:
    """A known reason. ``symptom`` is what ECS says, in short; ``pattern`` finds it in what a task tells.

    ``cause`` is a clause, ``advice`` says what to do, ``key`` is the path of the spec's key to change, ``command`` what to run next, with
    the placeholders service, environment, spec, port and image. ``judge`` adds what the template tells. ``passing``: it may pass without a
    change, so that it is no ground to give a deployment up early.
    """

    name: str
    symptom: str
    pattern: str
    cause: str
    advice: str
    key: str
    command: str
    judge: Judge = lambda grounds, found: Judged()
    passing: bool = False


_ECR = re.compile(r"(?P<account>\d+)\.dkr\.ecr\.(?P<region>[\w-]+)\.amazonaws\.com(?:\.cn)?/(?P<name>[^\s:@'\"]+)(?:[:@](?P<tag>[\w.:-]*\w))?")
_REFERENCE = re.compile(r"(?:ref|image) [\"']?(?P<whole>[\w.-]+(?:[/:@][\w.-]+)+)")
_DEAD_ENDS = "there is no route from the tasks to it"


def image(grounds: Grounds, found: re.Match[str]) -> Judged:
    """Which image was asked for, and the command that looks for it."""
    ecr = _ECR.search(found.string)
    if ecr is not None and ecr["tag"]:
        kind = "imageDigest" if ecr["tag"].startswith("sha256:") else "imageTag"
        look = f"aws ecr describe-images --registry-id {ecr['account']} --region {ecr['region']} --repository-name {ecr['name']}"
        return Judged(f"({ecr['name']}:{ecr['tag']})", command=f"{look} --image-ids {kind}={ecr['tag']}")
    other = _REFERENCE.search(found.string)
    return Judged(f"({other['whole']})", command=f"docker manifest inspect {other['whole']}") if other else Judged()


def permission(*actions: str, key: str = "service.executionRole.statements") -> Judge:
    """Whether the execution role of the template has the statements that this takes."""

    def judged(grounds: Grounds, found: re.Match[str]) -> Judged:
        lacking = [action for action in actions if grounds.allows(action) is False]
        if lacking:
            return Judged(f": the execution role has no statement for {' and '.join(lacking)}", f"allow {', '.join(lacking)}", key)
        if grounds.actions is None:
            return Judged(": the execution role is not the template's, so its statements are not known", key=key)
        refused = "the execution role has the statement, so something else refuses it"
        elsewhere = "look at the resource's own policy, its KMS key, the permissions boundary, and whether it is another account's"
        return Judged(f": {refused}", elsewhere, key)

    return judged


def route(*endpoints: str) -> Judge:
    """Whether the template gives the tasks a way to a service of AWS's, by what the tasks have: an address, NAT, endpoints."""

    def judged(grounds: Grounds, found: re.Match[str]) -> Judged:
        missing = [one for one in (endpoints or NEEDED_ENDPOINTS) if one not in grounds.endpoints]
        if grounds.way == "none" or (grounds.way == "endpoints" and missing):
            lacking = f"neither NAT nor a public address, and no endpoint for {', '.join(missing) or 'it'}"
            return Judged(f": {_DEAD_ENDS}: {lacking}", "let the tasks out: `nat: single`, or name the endpoints", "service.networking.vpc.nat")
        if grounds.way == "foreign":
            advice = "give the subnets a default route to a NAT gateway, or endpoints; or set assignPublicIp in public subnets"
            return Judged(": the subnets are not the stack's, so their routes are not known here", advice, "service.networking.vpc.privateSubnets")
        if grounds.way in ("nat", "public"):
            way = "a NAT gateway" if grounds.way == "nat" else "public addresses"
            advice = "the route is there: look at network ACLs, DNS of the VPC, the host's name, and try again"
            return Judged(f": the tasks have {way}, so the template's routes are complete", advice, "service.networking.vpc")
        return Judged()

    return judged


def memory(grounds: Grounds, found: re.Match[str]) -> Judged:
    """How much memory the task had."""
    return Judged(f"({grounds.memory} MiB)") if grounds.memory else Judged()


def check(grounds: Grounds, found: re.Match[str]) -> Judged:
    """What the load balancer asked for, how often, and what it wanted to hear."""
    if not grounds.path:
        return Judged()
    wanted = f", where it wants {grounds.codes}" if grounds.codes else ""
    often = f"{grounds.unhealthy} failures, {grounds.interval} s apart" if grounds.unhealthy and grounds.interval else ""
    patience = f"{grounds.timeout} s to answer" if grounds.timeout else ""
    grace = f"{grounds.grace} s of grace" if grounds.grace else ""
    numbers = ", ".join(one for one in (often, patience, grace) if one)
    port = f" on port {grounds.port}" if grounds.port else ""
    return Judged(f": it asks for {grounds.path}{port}{wanted} ({numbers})" if numbers else f": it asks for {grounds.path}{port}{wanted}")


def container_check(grounds: Grounds, found: re.Match[str]) -> Judged:
    """The command of the container's own check, and the program that may not be in the image."""
    command = grounds.container_check
    if not command:
        return Judged()
    tool = re.search(r"\b(curl|wget)\b", command)
    if tool is None:
        return Judged(f": `{command}`")
    advice = f"slim images have no {tool[1]}: install it, or write the check with what the image has, such as Python or Node"
    return Judged(f": `{command}`", advice)


def architecture(grounds: Grounds, found: re.Match[str]) -> Judged:
    """What the tasks run on."""
    other = "linux/arm64" if grounds.architecture == "arm64" else "linux/amd64"
    return Judged(f": the tasks run on {grounds.architecture}", f"build the image for {other}, or change the architecture")
