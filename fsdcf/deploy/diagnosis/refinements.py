"""What the template and the words of AWS add to a known reason: names, numbers, and a better advice. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace

from fsdcf.aws_errors import Denial, denial_in
from fsdcf.cloudformation.arns import RANDOM_END, fields_of_arn
from fsdcf.cloudformation.ecr import ADDRESS
from fsdcf.cloudformation.partitions import partition_of
from fsdcf.cloudformation.registries import DOCKER_HUB, PUBLIC_ECR, registry_of
from fsdcf.cloudformation.types import ecs
from fsdcf.deploy.diagnosis.context import DiagnosisContext
from fsdcf.suggested import suggested, words_of


@dataclass(frozen=True)
class Refinement:
    """A clause to add to the cause, and a replacement for the reason's advice, key, command or cause; empty: none."""

    clause: str = ""
    advice: str = ""
    key: str = ""
    command: str = ""
    cause: str = ""


Refine = Callable[[DiagnosisContext, "re.Match[str]"], Refinement]
"""Refines a reason by the context and the words that its pattern matched."""

_ECR = re.compile(ADDRESS + r"(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?:[:@](?P<tag>\w[\w.:-]*\w|\w))?")
_PART = r"[\w-]+(?:\.[\w-]+)*"
_IMAGE = rf"{_PART}(?::\d+)?(?:/{_PART})*(?:[:@]\w(?:[\w.:-]*\w)?)?"
_REFERENCES = (
    re.compile(rf"pull access denied for [\"'`]?(?P<whole>{_IMAGE})", re.IGNORECASE),
    re.compile(rf"(?:ref|reference|image|manifest for|pull) [\"'`]?(?P<whole>(?=[\w.-]+[/:@]\w){_IMAGE})"),
)
_URL = re.compile(
    rf"https?://(?P<host>{_PART}(?::\d+)?)/v2/(?P<name>[\w./-]+)/(?:manifests|blobs)/(?P<tag>[\w.:-]*\w)?"
)
_CUT_DIGEST = re.compile(r"(?<=/manifests/)sha256:[0-9a-f]*(?:\.\.\.|…)")
_PRIVATE_ADDRESS = re.compile(
    r"dial tcp (?P<address>(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d+)+):443: i/o timeout"
)
_SECRET = re.compile(
    r"(?:fetch secret|secret with ARN) '?(?P<secret>arn:[^\s']*[^\s'.,:])[.,:']*(?=\s|$)"
    r"|(?:invalid (?:ssm )?parameters: |fetch parameters \[)(?P<parameter>[\w./-]+)"
)
_ECS_NAMES = {"secretsmanager": "asm", "ssm": "ssm"}
"""ECS's name of a service in ``unable to retrieve secret from asm``, by the service's endpoint."""


def _ecr_command(operation: str, ecr: re.Match[str]) -> str:
    where = f"--registry-id {ecr['account']} --region {ecr['region']} --repository-name {ecr['name']}"
    return f"aws ecr {operation} {where}"


def image_in(text: str) -> str:
    """The image that the words of AWS name, with its registry and tag as far as they do; empty if they name none."""
    ecr = _ECR.search(text)
    if ecr is not None:
        return ecr[0]
    url = _URL.search(_CUT_DIGEST.sub("", text))
    named = next((match["whole"] for match in (each.search(text) for each in _REFERENCES) if match is not None), "")
    if url is not None and ("/" not in named or url["host"] in named):
        host = DOCKER_HUB if url["host"].endswith(DOCKER_HUB) else url["host"]
        tag = f"{'@' if ':' in url['tag'] else ':'}{url['tag']}" if url["tag"] else ""
        return named or f"{host}/{url['name']}{tag}"
    return named


def refine_image(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The image that was requested, and the command that looks for it."""
    ecr = _ECR.search(match.string)
    if ecr is not None and ecr["tag"]:
        kind = "imageDigest" if ecr["tag"].startswith("sha256:") else "imageTag"
        command = f"{_ecr_command('describe-images', ecr)} --image-ids {kind}={ecr['tag']}"
        return Refinement(f"({ecr['name']}:{ecr['tag']})", command=command)
    if ecr is not None:
        return Refinement(f"({ecr['name']})", command=_ecr_command("list-images", ecr))
    return _named(image_in(match.string), "docker manifest inspect")


def refine_missing_image(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The image that does not exist. One of ECR can be built; one of another registry is looked for."""
    image = refine_image(context, match)
    return replace(image, command="") if _ECR.search(match.string) else image


def refine_upstream(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The image in a pull-through cache, and the command that checks the credentials of the cache's rule."""
    ecr = _ECR.search(match.string)
    if ecr is None:
        return Refinement()
    where = f"--registry-id {ecr['account']} --region {ecr['region']}"
    prefix = ecr["name"].partition("/")[0]
    command = f"aws ecr validate-pull-through-cache-rule {where} --ecr-repository-prefix {prefix}"
    return Refinement(f"({ecr['name']}:{ecr['tag']})" if ecr["tag"] else f"({ecr['name']})", command=command)


def refine_unexplained_pull(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The image, and whether ECS has cut its message off, so that the cause may be missing from it."""
    image = refine_image(context, match)
    cut = re.search(r"(?:\.\.\.|…)\s*\Z", match.string) or any(
        len(line) >= LONGEST for line in match.string.split("\n")
    )
    clause = f"{image.clause}, and ECS has cut its message off, perhaps before the cause" if cut else image.clause
    return replace(image, clause=clause.lstrip())


LONGEST = 255
"""The number of characters at which ECS cuts the reason of a stopped task off.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Container.html (reason)"""


def refine_repository(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The repository that does not exist. One of another registry than ECR cannot be created here."""
    ecr = _ECR.search(match.string)
    return refine_image(context, match) if ecr is None else Refinement(f"({ecr['name']})")


def refine_registry(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The registry that refuses a pull, and the credentials that it accepts."""
    image = image_in(match.string)
    if not image:
        return Refinement()
    registry = registry_of(image)
    advice = (
        f"check the name of the image; if it is private, store credentials in a secret and name it in"
        f" imageCredentials: {registry.credentials}"
    )
    if context.credentials:
        advice = (
            "renew the user and the token in the secret of imageCredentials, and check that they may read the image:"
            f" {registry.credentials}"
        )
    elif registry.host == PUBLIC_ECR:
        advice = "check the name of the image: all images of the public gallery can be pulled without credentials"
    elif registry.host == DOCKER_HUB and "/" not in image:
        advice += "; a name without a host means Docker Hub: write the whole address of an image in ECR"
    return Refinement(f"({image} in {registry.name})", advice, command=f"docker manifest inspect {shlex.quote(image)}")


def refine_permission(*actions: str, key: str = "service.executionRole.statements", show: str = "") -> Refine:
    """Whether the template's execution role allows the actions on the resource that was refused.

    ``show`` is a command that describes the resource; its ARN is appended if it is known.
    """

    def refine(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
        refused = _refused_actions(actions, match.string)
        resource = next((arn for _, arn in refused if arn.startswith("arn:")), "")
        clause, advice = _other_policy(match.string) or _judge_role(context, refused, match.string)
        where = _credentials_key(match.string) or key
        return Refinement(clause, advice, where, f"{show} {resource}" if show and resource else "")

    return refine


def _credentials_key(text: str) -> str:
    """The key of the credentials of a registry, if they are the secret that could not be read; empty for others."""
    return "service.imageCredentials" if re.search(r"registry auth from (?:asm|secrets manager)", text, re.I) else ""


def _refused_actions(actions: tuple[str, ...], text: str) -> tuple[tuple[str, str], ...]:
    """The refused actions, each with the ARN of its resource, empty if that is unknown.

    The token for ECR has no resource: its statement must be for ``*``.
    """
    denial = denial_in(text)
    if denial is not None:
        return ((denial.action, denial.resource if denial.resource.startswith(("arn:", "*")) else ""),)
    ecr, repository = _ECR.search(text), ""
    if ecr is not None:
        region = ecr["region"]
        repository = f"arn:{partition_of(region)}:ecr:{region}:{ecr['account']}:repository/{ecr['name']}"
    return tuple(
        (action, "*" if action == "ecr:GetAuthorizationToken" else repository if action.startswith("ecr:") else "")
        for action in actions
    )


def _other_policy(text: str) -> tuple[str, str] | None:
    """Clause and advice if AWS names another policy than that of the role."""
    denial = denial_in(text)
    if denial is not None and (denial.explicit or denial.policy not in ("", "identity-based policy")):
        return f": {denial.why}", denial.advice
    return None


def _judge_role(context: DiagnosisContext, refused: tuple[tuple[str, str], ...], text: str) -> tuple[str, str]:
    if context == DiagnosisContext():
        return _of_denial(text)
    answers = [(action, resource, context.allows(action, resource)) for action, resource in refused]
    lacking = [action for action, _, result in answers if result == "none"]
    if lacking:
        return f": the execution role has no statement for {' and '.join(lacking)}", f"allow {', '.join(lacking)}"
    if context.statements is None:
        return ": the execution role is not in the template, so its statements are unknown", ""
    for action, resource, result in answers:
        if result == "elsewhere":
            return (
                f": the execution role's statement for {action} is for other resources than {resource}",
                f"allow {action} for {resource}",
            )
    if "no identity-based policy allows" in text:
        return (
            ": the template's execution role has the statement, but AWS finds none in the role",
            "compare the role with the template (drift), and redeploy: a new role takes some seconds to take effect",
        )
    return (
        ": the execution role has the statement, so something else blocks it",
        "check the resource's own policy, its KMS key, the permissions boundary, and whether it is in another account",
    )


def _of_denial(text: str) -> tuple[str, str]:
    """Clause and advice without a template: what AWS itself says."""
    denial = denial_in(text)
    if denial is None:
        return "", ""
    return (
        f": {denial.text.removeprefix('no permission for ')}",
        f"allow {denial.action} for {denial.resource}" if denial.resource else "",
    )


def refine_denial(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """Who may not do what, and which kind of policy refuses. The role's name shows whether it is one of the tasks."""
    denial = denial_in(match.string)
    if denial is None:
        named = re.search(r"API: (?P<action>[\w-]+:\w+)", match.string)
        return Refinement(cause=Denial(action=named["action"]).text) if named is not None else Refinement()
    access = suggested("access", "{spec}", env="{environment}")
    advice = denial.advice
    for role, key, whose in _TASK_ROLES:
        if role in denial.principal:
            own = f"{whose}: allow it in {key}, or by the permissions of the dependency"
            enough = not denial.explicit and denial.policy in ("", "identity-based policy")
            return Refinement("", own if enough else advice, key, access, denial.text)
    return Refinement("", advice, cause=denial.text)


_TASK_ROLES = (
    ("TaskRole", "service.taskRole.statements", "the application makes this call"),
    ("ExecutionRole", "service.executionRole.statements", "ECS makes this call before the container starts"),
)
"""The logical ids of the roles of a task, which are part of their names, with the key of their statements."""


def refine_image_permission(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """Whether the role may pull the image, and the command that shows the policy of the repository."""
    actions = ("ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    refinement = refine_permission(*actions)(context, match)
    ecr = _ECR.search(match.string)
    if ecr is None:
        return refinement
    caller = re.search(r"arn:[\w-]+:(?:sts|iam)::(\d{12}):", match.string)
    refinement = replace(refinement, command=_ecr_command("get-repository-policy", ecr))
    if caller is not None and caller[1] != ecr["account"]:
        clause = f"{refinement.clause}; the repository belongs to account {ecr['account']}, the tasks to {caller[1]}"
        advice = f"let the policy of the repository allow account {caller[1]}, in addition to the execution role"
        return replace(refinement, clause=clause, advice=advice)
    return refinement


def refine_secret(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The secret or parameter that was requested, and the command that looks for it."""
    named = _SECRET.search(match.string)
    if named is not None and named["parameter"]:
        return _named(named["parameter"], "aws ssm describe-parameters --parameter-filters Key=Name,Values=")
    whole = named is not None and named.end() < len(match.string)  # ECS cuts an ARN off at the end of its message
    refinement = _named(named["secret"] if named and whole else "", "aws secretsmanager describe-secret --secret-id")
    return replace(refinement, key=_credentials_key(match.string))


def refine_unstored(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """As ``refine_secret``, with the command that stores the value, if the template tells what reads it."""
    refinement, named = refine_secret(context, match), _SECRET.search(match.string)
    known = {one.place: one for one in reversed(context.secrets) if one.reader and not one.account}
    if named is not None:
        wanted = named["parameter"] or ":".join(fields_of_arn(named["secret"])[6:7])
        known = {place: one for place, one in known.items() if _is_called(one.name, wanted)}
    if len(known) != 1:
        return refinement
    (secret,) = known.values()
    return replace(refinement, command=suggested("secret set", "{spec}", secret.reader, env="{environment}"))


def _is_called(name: str, wanted: str) -> bool:
    """Whether a secret with this name is called so, perhaps without a slash, or with the end of its ARN."""
    end = RANDOM_END.fullmatch(wanted)
    return name.removeprefix("/") in {wanted.removeprefix("/"), *([end[1]] if end else [])}


def _named(name: str | None, command: str) -> Refinement:
    """The resource that AWS's words name, and the command that looks for it; nothing if they name none."""
    space = "" if command.endswith("=") else " "
    return Refinement(f"({name})", command=f"{command}{space}{shlex.quote(name)}") if name else Refinement()


def refine_id(pattern: str, command: str) -> Refine:
    """The resource whose id the words of AWS contain, and a command about it, in which ``ID`` is replaced."""

    def refine(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
        named = re.search(pattern, match.string)
        return Refinement(command=command.replace("ID", shlex.quote(named[0]))) if named is not None else Refinement()

    return refine


def refine_key(keys: dict[str, str]) -> Refine:
    """The spec key for the word that the pattern matched, in upper case."""
    return lambda context, match: Refinement(key=keys.get((match[1] or "").upper(), ""))


def refine_file_system(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The file system that could not be mounted, and the command that shows its mount targets."""
    named = re.search(r"\bfs-[0-9a-f]{8,17}\b", match.string)
    return _named(named and named[0], "aws efs describe-mount-targets --file-system-id")


def refine_network(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The command that lists the subnets, if a subnet is missing."""
    subnets = "aws ec2 describe-subnets --query 'Subnets[].[SubnetId,VpcId]'"
    return Refinement(command=subnets if "Subnet" in match[1] else "")


def refine_route(*endpoints: str) -> Refine:
    """Whether the template gives the tasks a route to an AWS service: public addresses, NAT or endpoints.

    ``endpoints`` are those of the service; if they belong to several services, the requested one counts.
    """

    def refine(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
        private = _PRIVATE_ADDRESS.search(match.string)
        if private is not None and (context.route in ("unknown", "foreign") or {*endpoints} & {*context.endpoints}):
            return Refinement(
                f": its name resolves to {private['address']}, a private address, as of an endpoint that does not"
                f" answer",
                "let the security group of the endpoint accept port 443 from the tasks, and theirs let it out; or"
                " delete the endpoint",
                "service.networking.vpc.endpoints",
                "aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[].[VpcEndpointId,ServiceName,Groups[].GroupId]'",
            )
        requested = [
            name
            for name in endpoints
            if re.search(rf"from {_ECS_NAMES.get(name, name)}|\b{re.escape(name)}\.", match.string)
        ]
        missing = [name for name in (requested or endpoints) if name not in context.endpoints]
        if context.route == "none" or (context.route == "endpoints" and missing):
            lacking = f"neither NAT nor a public address, and no endpoint for {', '.join(missing) or 'it'}"
            return Refinement(
                f": the tasks have no route to it: {lacking}",
                "give the tasks an egress route: `nat: single`, or list the endpoints",
                "service.networking.vpc.nat",
            )
        if context.route == "foreign":
            return Refinement(
                ": the subnets are not in the stack, so their routes are unknown",
                "give the subnets a default route to a NAT gateway, or endpoints, or set assignPublicIp in public ones",
                "service.networking.vpc.privateSubnets",
            )
        if context.route in ("nat", "public"):
            by = "a NAT gateway" if context.route == "nat" else "public addresses"
            return Refinement(
                f": the tasks have {by}, so the template's routes are complete",
                "the route exists: check network ACLs, the DNS of the VPC and the host name, and try again",
                "service.networking.vpc",
            )
        return Refinement()

    return refine


def refine_registry_route(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """Whether the template gives the tasks a route to the registry: endpoints lead to ECR alone."""
    url = re.search(rf"https?://(?P<host>{_PART}(?::\d+)?)/v2/", match.string)
    image = image_in(match.string) or (f"{url['host']}/" if url is not None else "")
    registry = registry_of(image) if image else None
    if registry is None or registry.ecr:
        return refine_route("ecr.api", "ecr.dkr")(context, match)
    private = _PRIVATE_ADDRESS.search(match.string)
    if private is not None:
        return Refinement(
            f": {registry.host} is at {private['address']}, a private address that does not answer",
            "check the route of the tasks to that network, and the security groups and firewalls on the way",
            "service.networking.vpc",
        )
    advice = "give the tasks NAT or a public address: no endpoint leads there; or keep a copy of the image in ECR"
    if context.route in ("none", "endpoints"):
        return Refinement(f": the tasks have no route to {registry.name}: neither NAT nor a public address", advice)
    refinement = refine_route()(context, match)
    return replace(refinement, clause=refinement.clause or f"({registry.host})", advice=refinement.advice or advice)


def refine_memory(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The task's memory."""
    return Refinement(f"({context.memory} MiB)") if context.memory else Refinement()


def refine_size(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The task's memory, if it is not known to be the cause."""
    return Refinement(f"; the task has {context.memory} MiB") if context.memory else Refinement()


def refine_health_check(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The load balancer's request, the codes that it expects, and its timing."""
    if not context.path:
        return Refinement()
    port = f" on port {context.checked_port}" if context.checked_port else ""
    codes = f" and expects {context.codes}" if context.codes else ""
    numbers = [
        f"{context.unhealthy} failures, {context.interval} s apart" if context.unhealthy and context.interval else "",
        f"a timeout of {context.timeout} s" if context.timeout else "",
        f"a grace period of {context.grace} s" if context.grace else "",
    ]
    timing = ", ".join(number for number in numbers if number)
    return Refinement(f"; the check requests {context.path}{port}{codes}{f' ({timing})' if timing else ''}")


_PROXY = Refinement(
    cause="the proxy of Service Connect in the task is unhealthy: the container has no check of its own",
    advice="give the task more CPU and memory, which the proxy shares with the container",
    key="service.resources.cpu",
    command=suggested("logs", "{service}", env="{environment}"),
)


def refine_container_check(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The container's check, a program of it that the image may lack, and the command that rehearses the check.

    The proxy of Service Connect has a check of its own, the only one where the container has none.
    Source: https://github.com/aws/amazon-ecs-service-connect-agent/issues/41
    """
    if not context.container_check:
        return _PROXY if context.proxy else Refinement()
    tool = re.search(r"\b(curl|wget)\b", context.container_check)
    advice = ""
    if tool:
        advice = (
            f"slim images do not contain {tool[1]}: install it, or write the check with a program of the image, such as"
            " Python or Node"
        )
    command = ""
    if context.check_words:
        url = "http://127.0.0.1:{port}" if context.port else ""
        check = suggested("healthcheck", "{spec}", env="{environment}", url=url)
        words = words_of(container_command=json.dumps(context.check_words))
        command = " ".join((check, *(word.replace("{", "{{").replace("}", "}}") for word in words)))
    return Refinement(f": `{context.container_check}`", advice, command=command)


def refine_architecture(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The processor that the tasks run on, by the template or the words of AWS; nothing if neither names it."""
    asked = re.search(r"platform '?(linux/\w+)", match.string)
    platform = ecs.docker_platform(context.architecture) if context.architecture else asked and asked[1]
    if not platform:
        return Refinement()
    return Refinement(
        f": the tasks run on {context.architecture or platform}",
        f"build the image for {platform}, as `fsdcf build` does, or change the architecture",
    )
