"""The permissions boundary of an environment: the most that the roles of its services may do, whatever their policies
say; and the walls around an environment, which every policy has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fsdcf.cloudformation.arns import ACCOUNT, PARTITION, REGION, DeployedStack, arn, text
from fsdcf.cloudformation.iam import Conditions, IamStatement, policy_document, policy_size
from fsdcf.cloudformation.limits import POLICY_CHARACTERS
from fsdcf.cloudformation.permissions import is_unlimited
from fsdcf.cloudformation.planned import items, mapping
from fsdcf.cloudformation.types import record_of
from fsdcf.conventions import ENVIRONMENT_TAG, PIPELINE, exporting_stack
from fsdcf.plan.permissions.resources import identities, is_service, service_of

DENIED = ("account:*", "iam:*", "organizations:*")
"""Actions that no task may ever call, even if a role's own policy allows ``*``."""

_PASSING = "iam:PassRole"
_ELSEWHERE: Conditions = {"StringNotEqualsIfExists": {"iam:PassedToService": ("ecs-tasks.amazonaws.com",)}}
"""Any call of IAM but one: what starts the runs of a job passes the roles of its task to ECS. Other calls lack the key,
and the condition holds for them."""

_RESOURCE_TAG = f"aws:ResourceTag/{ENVIRONMENT_TAG}"
_REQUEST_TAG = f"aws:RequestTag/{ENVIRONMENT_TAG}"

_REMOVED: Conditions = {
    "ForAnyValue:StringEquals": {"aws:TagKeys": (ENVIRONMENT_TAG,)},
    "Null": {_REQUEST_TAG: ("true",)},
}
"""A request with the key of the tag and no value of it."""

_NAMES_WITH_SLASHES = frozenset({"ecr", "iam", "logs", "secretsmanager", "ssm"})
"""Services whose names may contain a slash, so that what is before one is not yet the name of a resource."""

_OF_AWS = ("bedrock:foundation-model/",)
"""How what AWS itself offers to every account is called, by service."""

_UNTOLD = frozenset({"dynamodb", "s3"})
"""Services that tell requests by the tags of a resource only where an account has switched it on."""

_NFS = "elasticfilesystem:Client"
_FILE_SYSTEMS = arn("elasticfilesystem", "file-system/*")
"""How the actions of NFS clients begin, for which EFS knows no tags, and all file systems, whose IDs AWS generates.
Their own policies and security groups tell who mounts them.
Source: https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html"""

_RANDOM_ENDING = "-??????"
"""What Secrets Manager adds to the name of a secret.
Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html"""


def walls(environments: Sequence[str]) -> tuple[IamStatement, ...]:
    """What keeps a role to these environments: denials of all that has the tag of another one, of that tag in a
    request, and of a request that removes the tag. The pipeline's own stack has the images, which every environment
    reads.

    A resource without the tag, and an action for which IAM knows no tags, is not denied: names limit these.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    if not environments:
        return ()
    readable = (*environments, PIPELINE[1])
    return (
        _other("OtherEnvironments", _RESOURCE_TAG, readable),
        _other("OtherEnvironmentsTag", _REQUEST_TAG, tuple(environments)),
        IamStatement("EnvironmentTag", ("*",), ("*",), _REMOVED, "Deny"),
    )


def _other(sid: str, key: str, known: tuple[str, ...]) -> IamStatement:
    """A denial of whatever has a tag with any other value."""
    differs: Conditions = {"StringNotEquals": {key: known}, "Null": {key: ("false",)}}
    return IamStatement(sid, ("*",), ("*",), differs, "Deny")


class WideResource(NamedTuple):
    """A resource in a statement of a role's policy that reaches beyond the environment: the policy's logical ID, the
    path of the statement in its properties, the actions, and the resource as a pattern."""

    logical_id: str
    path: tuple[str | int, ...]
    actions: tuple[str, ...]
    resource: str


def widened(stack: DeployedStack, environment: str) -> Iterator[WideResource]:
    """What the roles of a template allow on resources that are not of the environment alone. Its boundary limits these
    actions to what belongs to the environment."""
    for one in _allowed(stack):
        limited = tuple(action for action in one.actions if not is_unlimited(action))
        for resource in one.resources:
            wide = [pattern for pattern in _patterns(stack, resource) if not _is_own(pattern, environment)]
            if wide and limited and not _is_generated(stack, resource):
                yield WideResource(one.logical_id, one.path, limited, wide[0])


def of_others(stack: DeployedStack, environment: str, environments: Iterable[str]) -> Iterator[WideResource]:
    """What the roles of a template allow on resources with the name of another one of the environments. Its boundary
    allows that, too, because a spec names them; it denies only what has the other one's tag."""
    names = sorted({environment, *environments}, key=len, reverse=True)
    word = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, names))})(?![A-Za-z0-9])")
    for one in _allowed(stack):
        for resource in one.resources:
            if _is_generated(stack, resource):
                continue
            for pattern in _patterns(stack, resource):
                service, rest = _parts(pattern)
                found = set(word.findall(rest)) if service != "ecr" else set()
                if found and environment not in found and _is_own(pattern, environment):
                    yield WideResource(one.logical_id, one.path, one.actions, pattern)


def boundary(stacks: Sequence[DeployedStack], environment: str) -> dict[str, Any]:
    """The document of an environment's boundary. Its strings are fragments.

    It allows the actions that the roles of these templates allow: on the resources of the stacks by their names, on
    the resources that the templates name, and, in place of ``*``, on what has the tag of the environment. Actions that
    IAM cannot limit to resources are allowed as they are.

    Raises ValueError if it exceeds the size of a policy however short its patterns are, or if the environment has the
    name that marks the stacks of pipelines.
    """
    if environment == PIPELINE[1]:
        raise ValueError(f"an environment cannot be called {environment}, which marks the stack of a pipeline")
    grants = _Grants(environment, stacks)
    for shorten in (_unchanged, _anywhere, grants.by_environment):
        statements = grants.statements(shorten)
        if policy_size(statements) <= POLICY_CHARACTERS:
            return policy_document(statements)
    raise ValueError(
        f"the boundary of {environment} would have {policy_size(statements):,} characters, and IAM takes "
        f"{POLICY_CHARACTERS:,}"
    )


class _Allowed(NamedTuple):
    """A statement of a role's policy that allows something."""

    logical_id: str
    path: tuple[str | int, ...]
    actions: tuple[str, ...]
    resources: tuple[Any, ...]


Shorten = Callable[[str], str]


def _unchanged(name: str) -> str:
    return name


def _anywhere(name: str) -> str:
    """An ARN that leaves out partition, region and account, which the roles' own policies have."""
    head = f"arn:{PARTITION}:"
    short = name.replace(f":{REGION}:{ACCOUNT}:", ":*:*:", 1)
    return f"arn:*:{short.removeprefix(head)}" if short.startswith(head) else short


class _Grants:
    """What the roles of an environment's stacks allow, by service: ``named`` actions on ARNs, ``tagged`` ones on what
    the environment owns, and those that take ``*`` alone."""

    def __init__(self, environment: str, stacks: Sequence[DeployedStack]) -> None:
        self._environment, self._stacks = environment, stacks
        self._actions: dict[str, set[str]] = {}
        self._arns: dict[str, set[str]] = {}
        self._tagged: set[str] = set()
        self._unlimited: set[str] = set()
        for stack in stacks:
            for one in _allowed(stack):
                self._add(stack, one)

    def _add(self, stack: DeployedStack, allowed: _Allowed) -> None:
        self._unlimited |= {one for one in allowed.actions if is_unlimited(one)}
        limited = [one for one in allowed.actions if not is_unlimited(one)]
        for resource in allowed.resources:
            patterns = _patterns(stack, resource)
            own = [one for one in patterns if _is_own(one, self._environment)]
            for action in limited:
                self._actions.setdefault(service_of(action), set()).add(action)
                self._arns.setdefault(service_of(action), set()).update(own)
                if action.startswith(_NFS) and _is_generated(stack, resource):
                    self._arns[service_of(action)].add(_FILE_SYSTEMS)
                elif len(own) < len(patterns):
                    self._tagged.add(action)
                    self._arns[service_of(action)].update(self._own(service_of(action)))

    def _own(self, service: str) -> Iterator[str]:
        """The names of the environment's resources of a service; for ``*``, of every service."""
        for stack in self._stacks:
            for logical_id in stack.template["Resources"]:
                for one in _named(stack, logical_id):
                    if service in ("*", _parts(one)[0]) and _is_own(one, self._environment):
                        yield one
                        yield from [f"{one}/*"] if _parts(one)[0] == "s3" else []

    def statements(self, shorten: Shorten) -> list[IamStatement]:
        """The statements of the boundary, with ARNs shortened."""
        out = []
        for service, actions in sorted(self._actions.items()):
            arns = _widest({shorten(one) for one in self._arns[service]})
            if arns:
                out.append(IamStatement("", _covering(actions), tuple(sorted(arns))))
        if self._tagged:
            own: Conditions = {"StringEquals": {_RESOURCE_TAG: (self._environment,)}}
            out.append(IamStatement("Tagged", _covering(self._tagged), ("*",), own))
        if self._unlimited:
            out.append(IamStatement("Unlimited", tuple(sorted(self._unlimited)), ("*",)))
        passes = _PASSING in self._actions.get("iam", ())
        administration = IamStatement("Administration", DENIED, ("*",), _ELSEWHERE if passes else {}, "Deny")
        return [*out, administration, *walls((self._environment,))]

    def by_environment(self, name: str) -> str:
        """An ARN anywhere, with any service in place of a stack's if CloudFormation generated the name: such a resource
        has the tag of its environment, which tells ``staging`` from ``pre-staging``. Other names stay."""
        if _parts(name)[0] not in _UNTOLD:
            for stack in self._stacks:
                for logical_id in stack.template["Resources"]:
                    own = stack.generated_name(logical_id)
                    shared = f"*-{self._environment}-{own.removeprefix(f'{stack.stack}-')}"
                    for before in ":/":
                        name = name.replace(f"{before}{own}", f"{before}{shared}")
        return _anywhere(name)


def _covering(actions: Iterable[str]) -> tuple[str, ...]:
    """Actions without those that a pattern among them covers."""
    wide = [one[:-1] for one in actions if one.endswith("*")]
    return tuple(sorted(one for one in actions if not any(one.startswith(lead) and one != f"{lead}*" for lead in wide)))


def _widest(arns: set[str]) -> set[str]:
    """The ARNs that no other one covers."""
    leads = [one[:-1] for one in arns if one.endswith("*")]
    return {one for one in arns if not any(one.startswith(lead) and one != f"{lead}*" for lead in leads)}


def _allowed(stack: DeployedStack) -> Iterator[_Allowed]:
    """What the policies of a template's roles allow; all but some actions or resources count as all."""
    for logical_id, properties in identities(stack):
        inline = enumerate(properties.get("Policies", ()))
        documents: list[tuple[tuple[str | int, ...], Any]] = [(("PolicyDocument",), properties.get("PolicyDocument"))]
        documents += [(("Policies", number, "PolicyDocument"), one.get("PolicyDocument")) for number, one in inline]
        for path, document in documents:
            for number, statement in enumerate(items(mapping(document).get("Statement"))):
                if statement["Effect"] == "Allow":
                    actions = tuple(map(str, items(statement.get("Action")))) or ("*",)
                    resources = tuple(items(statement.get("Resource"))) or ("*",)
                    yield _Allowed(logical_id, (*path, "Statement", number), actions, resources)


def _patterns(stack: DeployedStack, value: Any) -> tuple[str, ...]:
    """The ARN patterns of a resource in a policy; ``*`` for one of this stack whose ID AWS generates."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Fn::GetAtt":
            return _named(stack, _referred(argument)) or ("*",)
        if function == "Ref" and argument in stack.template["Resources"]:
            return _named(stack, argument) or ("*",)
        if function == "Fn::Join" and isinstance(argument, list):
            return (str(argument[0]).join(_joined(stack, part) for part in argument[1]),)
        if function == "Fn::Sub" and isinstance(argument, str):
            return tuple(text({function: one}, stack.stack) for one in _substituted(stack, argument))
    return (text(value, stack.stack),)


def _joined(stack: DeployedStack, part: Any) -> str:
    """A part of a joined text. What an environment exports has a name that begins with that of its stack."""
    if isinstance(part, Mapping) and isinstance(name := part.get("Fn::ImportValue"), str):
        return f"{exporting_stack(name)}-*" if exporting_stack(name) != name else "*"
    return text(part, stack.stack)


def _substituted(stack: DeployedStack, template: str) -> Iterator[str]:
    """The text of Fn::Sub with the ARN of each resource of the stack that it names."""
    found = re.finditer(r"\$\{([A-Za-z0-9]{1,255})(?:\.Arn)?\}", template)
    match = next((one for one in found if one[1] in stack.template["Resources"]), None)
    if match is None:
        yield template
        return
    for own in _named(stack, match[1])[:1] or ("*",):
        own = re.split("[:/]", own)[-1] if template.startswith("arn:") else own  # a part of an ARN is a name
        yield from _substituted(stack, template[: match.start()] + own + template[match.end() :])


def _referred(argument: Any) -> str:
    """The resource of a GetAtt in either form: ``Table.Arn``, and a list."""
    return str(argument[0]) if isinstance(argument, list) else str(argument).partition(".")[0]


def _named(stack: DeployedStack, logical_id: str) -> tuple[str, ...]:
    """The ARNs of a resource of the stack, its own before those of its parts; empty if AWS generates its ID."""
    resource = stack.template["Resources"].get(logical_id, {})
    type, properties = str(resource.get("Type", "")), resource.get("Properties", {})
    arns = record_of(type).permissions.arns if resource else None
    named = {one for kind, one in arns(stack, logical_id, properties) if is_service(kind[0], type)} if arns else set()
    return tuple(sorted(named, key=lambda one: (len(one), one)))


def _is_generated(stack: DeployedStack, value: Any) -> bool:
    """Whether a policy names a resource of its own stack."""
    argument = value.get("Fn::GetAtt", value.get("Ref")) if isinstance(value, Mapping) else None
    return argument is not None and _referred(argument) in stack.template["Resources"]


def _is_own(pattern: str, environment: str) -> bool:
    """Whether an ARN names resources of its owner's choice: one resource, or a pattern that contains the environment as
    a word of its own."""
    service, rest = _parts(pattern.removesuffix(_RANDOM_ENDING))
    literal = re.split(r"[*?]", rest, maxsplit=1)[0]
    if not re.search(r"[*?]", rest):
        return bool(rest)
    if f"{service}:{rest}".startswith(_OF_AWS):
        return True
    if re.search(rf"(?<![A-Za-z0-9*?]){re.escape(environment)}(?![A-Za-z0-9*?])", rest):
        return True
    ends = (":",) if service in _NAMES_WITH_SLASHES else (":", "/")
    words = [one for one in re.split(r"[:/]", literal) if one]
    return literal.endswith(ends) and len(words) >= (1 if service == "s3" else 2)


def _parts(pattern: str) -> tuple[str, str]:
    """The service of an ARN, and what comes after its account; empty for any other text."""
    marked = re.sub(r"\$\{AWS::(\w+)\}", r"\1", pattern)
    parts = marked.split(":", 5)
    return (parts[2], parts[5]) if len(parts) == 6 and parts[0] == "arn" else ("", "")
