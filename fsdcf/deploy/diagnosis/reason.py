"""What a reason of failure is, and what a template adds to it: the numbers, the way out of the network, the permission. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace

from fsdcf.cloudformation.ecr import ADDRESS
from fsdcf.deploy.diagnosis.context import DiagnosisContext


@dataclass(frozen=True)
class Judged:
    """A clause that is added to the cause, and what takes the place of the reason's own advice, key and command; empty: nothing."""

    clause: str = ""
    advice: str = ""
    key: str = ""
    command: str = ""


Judge = Callable[[DiagnosisContext, "re.Match[str]"], Judged]

LOGS = "fsdcf logs {service} --env {environment}"
STATUS = "fsdcf status {service} --env {environment}"
AGAIN = "fsdcf diagnose {service} --env {environment}"


@dataclass(frozen=True)
class Reason:
    """A known reason. ``symptom`` is what ECS says, in short; ``pattern`` finds it in what a task tells.

    ``cause`` is a clause, ``advice`` says what to do, ``key`` is the path of the spec's key to change, ``command`` what to run next, with
    the placeholders service, environment, spec, port and image (other braces are doubled); both may be empty. ``judge`` adds what the template tells. ``passing``: it may pass without a
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


_ECR = re.compile(ADDRESS + r"(?P<name>[^\s:@'\"]+)(?:[:@](?P<tag>[\w.:-]*\w))?")
_REFERENCE = re.compile(r"(?:ref|image) [\"']?(?P<whole>[\w.-]+(?:[/:@][\w.-]+)+)")
_REFUSED = re.compile(
    r"not authorized to perform: (?P<action>[\w-]+:\w+)(?: on resource: (?P<resource>\S+?)[.,]?(?=\s|$))?"
)
_DENYING = re.compile(r"explicit deny in (an? [\w -]+?(?:policy|boundary))")
_LACKING = re.compile(r"because no ([\w -]+?) allows")
"""Who refuses, as AWS says it.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""

_SECRET = re.compile(
    r"(?:fetch secret|secret with ARN) '?(?P<secret>arn:[^\s']+?)(?:[.,:']*(?=\s|$))|invalid (?:ssm )?parameters: (?P<parameter>[\w./-]+)"
)
_ASKED = {"secretsmanager": "asm", "ssm": "ssm"}
"""What ECS calls a service in ``unable to retrieve secret from asm``, by its endpoint."""

_DEAD_ENDS = "there is no route from the tasks to it"


def image(grounds: DiagnosisContext, found: re.Match[str]) -> Judged:
    """Which image was asked for, and the command that looks for it."""
    ecr = _ECR.search(found.string)
    if ecr is not None and ecr["tag"]:
        kind = "imageDigest" if ecr["tag"].startswith("sha256:") else "imageTag"
        look = f"aws ecr describe-images --registry-id {ecr['account']} --region {ecr['region']} --repository-name {ecr['name']}"
        return Judged(f"({ecr['name']}:{ecr['tag']})", command=f"{look} --image-ids {kind}={ecr['tag']}")
    other = _REFERENCE.search(found.string)
    return Judged(f"({other['whole']})", command=f"docker manifest inspect {other['whole']}") if other else Judged()


def permission(*actions: str, key: str = "service.executionRole.statements", look: str = "") -> Judge:
    """Whether the execution role of the template has the statements that this takes, for the resource that was refused.

    ``look`` is a command that shows more of the resource, to which its ARN is added where it is known.
    """

    def judged(grounds: DiagnosisContext, found: re.Match[str]) -> Judged:
        asked = _asked(actions, found.string)
        resource = next((arn for _, arn in asked if arn.startswith("arn:")), "")
        clause, advice = _refused_by(found.string) or _judged_by_template(grounds, asked, found.string)
        return Judged(clause, advice, key, f"{look} {resource}" if look and resource else "")

    return judged


def _asked(actions: tuple[str, ...], text: str) -> tuple[tuple[str, str], ...]:
    """The actions that were refused, each with the ARN of its resource, empty where it is not told.

    A token for ECR is no resource's: its statement must be for ``*``.
    """
    refused = _REFUSED.search(text)
    if refused is not None:
        resource = refused["resource"] or ""
        return ((refused["action"], resource if resource.startswith("arn:") or resource == "*" else ""),)
    ecr = _ECR.search(text)
    repository = _repository(ecr) if ecr is not None else ""
    return tuple(
        (one, "*" if one == "ecr:GetAuthorizationToken" else repository if one.startswith("ecr:") else "")
        for one in actions
    )


def _repository(ecr: re.Match[str]) -> str:
    """The ARN of the repository that an image's name tells."""
    region = ecr["region"]
    partition = next(
        (name for start, name in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")) if region.startswith(start)), "aws"
    )
    return f"arn:{partition}:ecr:{region}:{ecr['account']}:repository/{ecr['name']}"


def _refused_by(text: str) -> tuple[str, str] | None:
    """Which kind of policy AWS itself names, where it is not that of the role: clause and advice."""
    denying = _DENYING.search(text)
    if denying is not None:
        return (
            f": an explicit deny in {denying[1]} refuses it",
            f"look for the Deny in {denying[1]}: no statement of the role's outweighs it",
        )
    lacking = _LACKING.search(text)
    if lacking is not None and not lacking[1].startswith("identity"):
        return (
            f": no {lacking[1]} allows it",
            f"let the {lacking[1]} allow it too: the statement of the role is not enough",
        )
    return None


def _judged_by_template(grounds: DiagnosisContext, asked: tuple[tuple[str, str], ...], text: str) -> tuple[str, str]:
    answers = {action: (grounds.allows(action, resource), resource) for action, resource in asked}
    lacking = [action for action, (said, _) in answers.items() if said == "none"]
    if lacking:
        return f": the execution role has no statement for {' and '.join(lacking)}", f"allow {', '.join(lacking)}"
    if grounds.statements is None:
        return ": the execution role is not the template's, so its statements are not known", ""
    elsewhere = [(action, resource) for action, (said, resource) in answers.items() if said == "elsewhere"]
    if elsewhere:
        action, resource = elsewhere[0]
        return (
            f": the execution role's statement for {action} is for other resources than {resource}",
            f"allow {action} for {resource}",
        )
    if "no identity-based policy allows" in text:
        advice = "compare it with the template (drift), and deploy again: a role that was just made takes some seconds to count"
        return ": the template's execution role has the statement, and AWS finds none in the role", advice
    advice = (
        "look at the resource's own policy, its KMS key, the permissions boundary, and whether it is another account's"
    )
    return ": the execution role has the statement, so something else refuses it", advice


def image_permission(grounds: DiagnosisContext, found: re.Match[str]) -> Judged:
    """Whether the image may be pulled, and the command that shows the policy of its repository."""
    judged = permission("ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")(grounds, found)
    ecr = _ECR.search(found.string)
    if ecr is None:
        return judged
    look = f"aws ecr get-repository-policy --registry-id {ecr['account']} --region {ecr['region']} --repository-name {ecr['name']}"
    return replace(judged, command=look)


def secret(grounds: DiagnosisContext, found: re.Match[str]) -> Judged:
    """Which secret or parameter was asked for, and the command that looks for it."""
    named = _SECRET.search(found.string)
    if named is None:
        return Judged()
    if named["parameter"]:
        return Judged(
            f"({named['parameter']})", command=f"aws ssm get-parameter --name {shlex.quote(named['parameter'])}"
        )
    return Judged(f"({named['secret']})", command=f"aws secretsmanager describe-secret --secret-id {named['secret']}")


def file_system(grounds: DiagnosisContext, found: re.Match[str]) -> Judged:
    """Which file system could not be mounted."""
    named = re.search(r"\bfs-[0-9a-f]{8,17}\b", found.string)
    return (
        Judged(f"({named[0]})", command=f"aws efs describe-mount-targets --file-system-id {named[0]}")
        if named
        else Judged()
    )


def network(grounds: DiagnosisContext, found: re.Match[str]) -> Judged:
    """Which of the two is looked for."""
    return Judged(
        command="aws ec2 describe-subnets --query 'Subnets[].[SubnetId,VpcId]'" if "Subnet" in found[1] else ""
    )


def route(*endpoints: str) -> Judge:
    """Whether the template gives the tasks a way to a service of AWS's, by what the tasks have: an address, NAT, endpoints.

    ``endpoints`` are those of the service; where they are several services', the one that was asked counts.
    """

    def judged(grounds: DiagnosisContext, found: re.Match[str]) -> Judged:
        asked = [
            one for one in endpoints if re.search(rf"from {_ASKED.get(one, one)}|\b{re.escape(one)}\.", found.string)
        ]
        missing = [one for one in (asked or endpoints) if one not in grounds.endpoints]
        if grounds.way == "none" or (grounds.way == "endpoints" and missing):
            lacking = f"neither NAT nor a public address, and no endpoint for {', '.join(missing) or 'it'}"
            return Judged(
                f": {_DEAD_ENDS}: {lacking}",
                "let the tasks out: `nat: single`, or name the endpoints",
                "service.networking.vpc.nat",
            )
        if grounds.way == "foreign":
            advice = "give the subnets a default route to a NAT gateway, or endpoints; or set assignPublicIp in public subnets"
            return Judged(
                ": the subnets are not the stack's, so their routes are not known here",
                advice,
                "service.networking.vpc.privateSubnets",
            )
        if grounds.way in ("nat", "public"):
            way = "a NAT gateway" if grounds.way == "nat" else "public addresses"
            advice = "the route is there: look at network ACLs, DNS of the VPC, the host's name, and try again"
            return Judged(
                f": the tasks have {way}, so the template's routes are complete", advice, "service.networking.vpc"
            )
        return Judged()

    return judged


def memory(grounds: DiagnosisContext, found: re.Match[str]) -> Judged:
    """How much memory the task had."""
    return Judged(f"({grounds.memory} MiB)") if grounds.memory else Judged()


def check(grounds: DiagnosisContext, found: re.Match[str]) -> Judged:
    """What the load balancer asked for, how often, and what it wanted to hear."""
    if not grounds.path:
        return Judged()
    wanted = f", where it wants {grounds.codes}" if grounds.codes else ""
    often = (
        f"{grounds.unhealthy} failures, {grounds.interval} s apart" if grounds.unhealthy and grounds.interval else ""
    )
    patience = f"{grounds.timeout} s to answer" if grounds.timeout else ""
    grace = f"{grounds.grace} s of grace" if grounds.grace else ""
    numbers = ", ".join(one for one in (often, patience, grace) if one)
    port = f" on port {grounds.port}" if grounds.port else ""
    return Judged(
        f": it asks for {grounds.path}{port}{wanted} ({numbers})"
        if numbers
        else f": it asks for {grounds.path}{port}{wanted}"
    )


def container_check(grounds: DiagnosisContext, found: re.Match[str]) -> Judged:
    """The command of the container's own check, the program that may not be in the image, and how to play the check here."""
    command = grounds.container_check
    if not command:
        return Judged()
    tool = re.search(r"\b(curl|wget)\b", command)
    advice = (
        f"slim images have no {tool[1]}: install it, or write the check with what the image has, such as Python or Node"
        if tool
        else ""
    )
    return Judged(f": `{command}`", advice, command=_played(grounds))


def _played(grounds: DiagnosisContext) -> str:
    """The command that plays the container's check on this machine, and the load balancer's where there is one."""
    if not grounds.check_words:
        return ""
    url = " --url http://127.0.0.1:{port}" if grounds.port else ""
    words = shlex.quote(json.dumps(grounds.check_words)).replace("{", "{{").replace("}", "}}")
    return f"fsdcf healthcheck {{spec}} --env {{environment}}{url} --container-command {words}"


def architecture(grounds: DiagnosisContext, found: re.Match[str]) -> Judged:
    """What the tasks run on."""
    other = "linux/arm64" if grounds.architecture == "arm64" else "linux/amd64"
    return Judged(
        f": the tasks run on {grounds.architecture}", f"build the image for {other}, or change the architecture"
    )
