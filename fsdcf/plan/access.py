"""Access that a template grants: a row for each statement of each policy, for each attached managed policy, and for
what each security group admits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from fsdcf.cloudformation.evaluation import Partial
from fsdcf.cloudformation.iam import matches
from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, items, mapping, target_of, text_of
from fsdcf.cloudformation.references import Path, steps
from fsdcf.cloudformation.types import PolicyDocuments, ec2, record_of, records
from fsdcf.plan.markdown import markdown as escaped
from fsdcf.wording import counted

PolicyKind = Literal["identity", "trust", "resource"]

_IDENTITY = PolicyDocuments("identity")


@dataclass(frozen=True)
class PolicyDocument:
    """A policy document. ``subjects`` are the identities that have the policy, or the resources that it protects."""

    resource: PlannedResource
    name: str
    kind: PolicyKind
    subjects: tuple[str, ...]
    statements: tuple[tuple[Path, Mapping[str, Any]], ...]


def documents(stack: PlannedStack) -> Iterator[PolicyDocument]:
    """Every policy document, in the order of the resources: every value with a Statement, also as JSON in a text."""
    attached: dict[str, list[str]] = {}
    for holder in _holders(stack):
        for policy in holder.items("ManagedPolicyArns"):
            attached.setdefault(target_of(policy) or "", []).append(holder.name)
    for resource in stack.resources.values():
        for path, document in _documents_in(resource.properties, ()):
            statements = document["Statement"]
            indexed = (
                [((*path, "Statement"), statements)]
                if isinstance(statements, Mapping)
                else [((*path, "Statement", index), one) for index, one in enumerate(items(statements))]
            )
            kept = tuple((place, one) for place, one in indexed if isinstance(one, Mapping))
            kind, subjects = _subjects(resource, path, attached.get(resource.name, []))
            yield PolicyDocument(resource, _name(resource, path), kind, subjects, kept)


def _documents_in(value: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    if isinstance(value, str) and '"Statement"' not in value:
        return  # most values: the checks below are slower
    if isinstance(value, (str, Partial)):
        value = _from_json(value)
    if isinstance(value, (dict, Mapping)) and "Statement" in value:
        yield path, value
        return
    for step, child in steps(value):
        yield from _documents_in(child, (*path, step))


def _from_json(value: str | Partial) -> Any:
    """The policy in a text; None if it does not contain one."""
    text = text_of(value)
    try:
        data = json.loads(text) if '"Statement"' in text else None
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _holders(stack: PlannedStack) -> Iterator[PlannedResource]:
    """The identities of a template, which may have policies of their own and attached managed policies."""
    return (one for one in stack.resources.values() if record_of(one.type).policies == _IDENTITY)


def _subjects(resource: PlannedResource, path: Path, attached: list[str]) -> tuple[PolicyKind, tuple[str, ...]]:
    if path[:1] == ("AssumeRolePolicyDocument",):
        return "trust", (resource.name,)
    policies = record_of(resource.type).policies
    named = [one for key in policies.subjects for one in resource.items(key)]
    if policies.kind == "identity" and policies.subjects:
        identities = tuple(dict.fromkeys([*map(text_of, named), *attached]))
        return "identity", identities or (f"not attached ({resource.name})",)
    return policies.kind, tuple(target_of(one) or text_of(one) for one in named) or (resource.name,)


def _name(resource: PlannedResource, path: Path) -> str:
    """The name of a policy: the PolicyName next to the document or in its resource, else the document's property."""
    holder: Any = resource.properties
    if path[:1] == ("Policies",) and len(path) > 1 and isinstance(path[1], int):
        holder = items(holder.get("Policies"))[path[1]]
    elif path[:1] != ("PolicyDocument",):
        holder = {}
    name = mapping(holder).get("PolicyName")
    return text_of(name) if name else text_of(path[0]) if path else resource.name


_READ_VERBS = ("Get", "BatchGet", "List", "Query", "Scan", "Read", "Receive", "Head", "Select", "Search", "Check")
_METADATA_ACTIONS = frozenset(
    {"ecr:GetAuthorizationToken", "sts:GetCallerIdentity", "xray:GetSamplingRules", "xray:GetSamplingTargets"}
)
"""Actions without a resource that return no data, as those with the verb Describe do."""


@cache
def _read_actions() -> frozenset[str]:
    """Actions that reading needs, whatever their verb: a consumer of a queue deletes the messages that it has read."""
    return frozenset(action for record in records() for action in record.access.reading)


@cache
def _describe_actions() -> frozenset[str]:
    """Actions that return information about a resource and none of its data, whatever their verb."""
    return _METADATA_ACTIONS.union(*(record.access.describing for record in records()))


NO_RESOURCE = (
    "ecr:GetAuthorizationToken",
    "ssmmessages:*",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSampling*",
    "cloudwatch:PutMetricData",
    "sts:GetCallerIdentity",
    "ec2:Describe*",
    "s3:ListAllMyBuckets",
)
"""Actions, as patterns, that IAM cannot limit to a resource: a policy can only name ``*``.

Source:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""


def levels(actions: Iterable[str]) -> tuple[str, ...]:
    """The access levels of actions: ``read`` and ``write``, else ``describe``; ``assume`` for roles, ``everything`` for
    ``*``.
    """
    given = {_level(action) for action in actions}
    if "everything" in given:
        return ("everything",)
    return tuple(one for one in ("assume", "open sessions", "read", "write") if one in given) or ("describe",)


def _level(action: str) -> str:
    service, _, verb = action.partition(":")
    if service == "ssmmessages":
        return "open sessions"
    if action in ("*", "*:*") or verb == "*":
        return "everything"
    if service == "sts" and verb.startswith("Assume"):
        return "assume"
    if action in _describe_actions() or verb.startswith("Describe"):
        return "describe"
    return "read" if action in _read_actions() or verb.startswith(_READ_VERBS) else "write"


def takes_resource(action: str) -> bool:
    """Whether a policy can limit an action to a resource."""
    return not any(matches(pattern.lower(), action.lower()) for pattern in NO_RESOURCE)


def grouped(actions: Iterable[str]) -> list[str]:
    """The actions by service (``dynamodb: GetItem, Query``); an action without a service as it is."""
    by_service: dict[str, list[str]] = {}
    for action in actions:
        service, colon, verb = action.partition(":")
        by_service.setdefault(service if colon else "", []).append(verb if colon else action)
    return [f"{service}: {', '.join(verbs)}" if service else ", ".join(verbs) for service, verbs in by_service.items()]


def has_wildcard(pattern: str) -> bool:
    """Whether an IAM pattern contains a wildcard."""
    return "*" in pattern or "?" in pattern


@dataclass(frozen=True)
class Access:
    """A row: whether ``principals`` may (``effect``) take ``actions`` on ``resources``, under ``conditions``.

    ``targets`` are the logical IDs among the resources. ``except_actions`` and ``except_resources`` are set for
    NotAction and NotResource. ``wildcards`` are the actions, resources and principals that match more than one thing;
    ``unavoidable`` means that IAM has no narrower resource. A managed policy that is attached, or a boundary, has no
    actions and is itself the resource. ``holder`` and ``path`` are the place of the statement in the template.
    """

    kind: str
    effect: str
    principals: tuple[str, ...]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    targets: tuple[str, ...]
    conditions: tuple[str, ...]
    policy: str
    sid: str
    holder: str
    path: Path
    wildcards: tuple[str, ...] = ()
    unavoidable: bool = False
    except_actions: bool = False
    except_resources: bool = False
    except_principals: bool = False

    @property
    def levels(self) -> tuple[str, ...]:
        """The access levels of the actions."""
        if self.kind in ("attached", "boundary", "group"):
            return ()
        if self.kind == "network":
            return ("connect",)
        return ("everything but",) if self.except_actions else levels(self.actions)

    @property
    def only_looks_up(self) -> bool:
        """Whether it only lists what there is of a kind (``log-group:*``), which reaches no resource."""
        kinds = all(_WHOLE_KIND.fullmatch(shortened(one)) for one in self.resources)
        return self.levels == ("describe",) and kinds

    @property
    def broad(self) -> bool:
        """Whether a statement is broad: a wildcard action, all resources, or anyone without a condition."""
        if self.effect != "Allow" or self.unavoidable or self.kind in ("network", "group"):
            return False
        open_to_all = "anyone" in self.principals and not self.conditions
        whole = "*" in self.resources or any(map(has_wildcard, self.actions))
        return open_to_all or whole or self.except_actions or self.except_resources or self.except_principals


def access(stack: PlannedStack) -> tuple[Access, ...]:
    """Every row of a policy: identities first, in the order of the template; then policies of resources, and of roles'
    trust.
    """
    rows = [_row(document, path, statement) for document in documents(stack) for path, statement in document.statements]
    rows += [*_attached(stack), *_needed(stack)]
    first = {name: order for order, name in reversed(list(enumerate(name for row in rows for name in row.principals)))}
    kinds = {"resource": 1, "trust": 2}

    def position(row: Access) -> tuple[int, int]:
        return kinds.get(row.kind, 0), first[row.principals[0]] if row.kind == "identity" and row.principals else -1

    return tuple(sorted(rows, key=position))


def connections(stack: PlannedStack) -> tuple[Access, ...]:
    """What the security groups admit to the resources in them, as rows: who may connect, and to which ports; then the
    groups outside the stack that its resources are in."""
    members = ec2.group_members(stack)
    groups = (
        Access("group", "Allow", (one.member,), (), (one.group,), (), (), one.member, "", one.member, one.path)
        for one in ec2.foreign_groups(stack)
    )
    admitted = (
        Access(
            *("network", "Allow", one.sources, one.ports),
            resources=members.get(one.group, (one.group,)),
            targets=members.get(one.group, ()),
            conditions=(),
            policy=one.holder,
            sid="",
            holder=one.holder,
            path=one.path,
        )
        for one in ec2.ingress_of(stack)
    )
    return (*admitted, *groups)


def _row(document: PolicyDocument, path: Path, statement: Mapping[str, Any]) -> Access:
    actions = _texts(statement, "Action") or _texts(statement, "NotAction")
    resources, targets = _resources(document, statement)
    of_identity = document.kind == "identity"
    principals = document.subjects if of_identity else tuple(_principals(statement))
    limited = resources if of_identity and ("Resource" in statement or "NotResource" in statement) else ()
    wildcards = tuple(dict.fromkeys(one for one in (*actions, *limited) if has_wildcard(one)))
    wildcards += ("anyone",) if "anyone" in principals else ()
    return Access(
        kind=document.kind,
        effect=text_of(statement.get("Effect", "Allow")),
        principals=principals,
        actions=actions,
        resources=resources,
        targets=targets,
        conditions=tuple(_conditions(statement.get("Condition"))),
        policy=document.name,
        sid=text_of(statement.get("Sid", "")),
        holder=document.resource.name,
        path=path,
        wildcards=wildcards,
        unavoidable=wildcards == ("*",) and resources == ("*",) and not any(map(takes_resource, actions)),
        except_actions="NotAction" in statement,
        except_resources="NotResource" in statement,
        except_principals="NotPrincipal" in statement,
    )


def _needed(stack: PlannedStack) -> Iterator[Access]:
    """The statements that existing roles need, which the template does not add to them."""
    for resource in stack.resources.values():
        for role, statements in resource.needed.items():
            subject = text_of(resource.get(f"{role}Arn", role))
            document = PolicyDocument(resource, f"needed in place of {role}", "identity", (subject,), ())
            for one in items(statements):
                row = _row(document, (f"{role}Arn",), mapping(one))
                yield replace(row, kind="needed", effect="Need" if row.effect == "Allow" else row.effect)


def _texts(statement: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(map(text_of, items(statement.get(key))))


def _resources(document: PolicyDocument, statement: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The resources as text, and the logical IDs among them.

    In a resource's own policy, ``*`` is the resource itself.
    """
    written = items(statement.get("Resource")) or items(statement.get("NotResource"))
    if document.kind != "identity" and all(one == "*" for one in written):
        return document.subjects, document.subjects
    targets = dict.fromkeys(target for target in map(target_of, written) if target is not None)
    return tuple(map(text_of, written)), tuple(targets)


def _principals(statement: Mapping[str, Any]) -> Iterator[str]:
    """``service ecs-tasks.amazonaws.com``, a role's logical ID or ARN, ``anyone`` for ``*``."""
    written = statement.get("Principal", statement.get("NotPrincipal"))
    by_kind = written if isinstance(written, Mapping) else {"AWS": written}
    for kind, values in by_kind.items():
        for one in items(values):
            text = "anyone" if one == "*" else text_of(one)
            yield text if kind == "AWS" or one == "*" else f"{kind.lower()} {text}"


def _conditions(written: Any) -> Iterator[str]:
    """``StringEquals aws:SourceAccount = 1`` for each key; several values are alternatives."""
    for operator, keys in mapping(written).items():
        for key, values in mapping(keys).items():
            yield f"{operator} {key} = {' or '.join(map(text_of, items(values)))}"


def _attached(stack: PlannedStack) -> Iterator[Access]:
    """The managed policies attached to identities, and their boundaries, whose text is not in the template."""
    for resource in _holders(stack):
        for key, kind, effect in (
            ("ManagedPolicyArns", "attached", "Allow"),
            ("PermissionsBoundary", "boundary", "Limit"),
        ):
            in_list = isinstance(resource.get(key), list)
            for index, one in enumerate(resource.items(key)):
                if (target_of(one) or "") in stack.resources and kind == "attached":
                    continue  # the statements of a policy in the template have rows of their own
                path: Path = (key, index) if in_list else (key,)
                yield Access(kind, effect, (resource.name,), (), (text_of(one),), (), (), key, "", resource.name, path)


BROAD = "!"
"""The mark of a broad row."""

_OWN = r"(?:\$\{[A-Za-z:]+\})?"
_ARN = re.compile(rf"arn:{re.escape('${AWS::Partition}')}:([a-z0-9-]+):{_OWN}:{_OWN}:(.+)")
_WHOLE_KIND = re.compile(r"\S+ [\w-]+[:/]\*")
_VERBS = {"Allow": "may", "Need": "needs to", "Deny": "may not", "Limit": "may at most"}


def shortened(resource: str) -> str:
    """The service and name of an ARN in the stack's own account and region (``ecr repository/orders``)."""
    arn = _ARN.fullmatch(resource)
    return f"{arn[1]} {arn[2]}" if arn else resource


def who(row: Access) -> str:
    """The principals."""
    names = ", ".join(row.principals) or "no principal"
    return f"all but {names}" if row.except_principals else names


def verb(row: Access) -> str:
    """``may``, ``may not``, ``may at most`` for a boundary, or ``is in`` for a security group."""
    return "is in" if row.kind == "group" else _VERBS.get(row.effect, row.effect)


def levels_of(row: Access) -> str:
    """The access levels as words after ``verb``: ``read, write``, or ``do anything``."""
    return ", ".join(level.replace("everything", "do anything") for level in row.levels)


def what(row: Access) -> str:
    """The actions by service."""
    if row.kind == "group":
        return "what admits this group admits it, too, and the group's own rules are not in the template"
    if row.kind in ("attached", "boundary"):
        return "its text is not in the template"
    text = "; ".join(grouped(row.actions))
    return f"everything but {text}" if row.except_actions else text


def where(row: Access) -> str:
    """The resources."""
    names = ", ".join(map(shortened, row.resources))
    if row.kind in ("attached", "boundary"):
        return f"what {names} allows"
    names = "* (all resources)" if names == "*" else names
    return f"all but {names}" if row.except_resources else names


def remarks(row: Access) -> Iterator[str]:
    """The conditions, and comments on wildcards."""
    yield from (f"when {one}" for one in row.conditions)
    if row.unavoidable:
        yield "these actions cannot be limited to a resource"
    if row.broad:
        yield f"{BROAD} broad: a wildcard action, all resources, or anyone without a condition"


def policy_of(row: Access) -> str:
    """``Start of ExecutionRole``, with the Sid of the statement if it has one."""
    name = row.policy if row.policy == row.holder else f"{row.policy} of {row.holder}"
    return f"{name}, {row.sid}" if row.sid else name


def summary(rows: Sequence[Access]) -> str:
    """``9 statements, 1 of them broad; 2 network rules``."""
    broad = sum(row.broad for row in rows)
    network, groups = (sum(row.kind == kind for row in rows) for kind in ("network", "group"))
    text = f"{counted(len(rows) - network - groups, 'statement')}, {broad or 'none'} of them broad"
    text += f"; {counted(network, 'network rule')}" if network else ""
    return f"{text}; in {counted(groups, 'security group')} from outside" if groups else text


def markdown(rows: Sequence[Access], places: Sequence[str], title: str) -> str:
    """The rows as a Markdown table. ``places`` are lines of the spec, one for each row."""
    out = [f"### Access of {escaped(title)}", "", f"{summary(rows)}.", ""]
    out += ["| who | | level | actions | resources | conditions | spec |", "|---|---|---|---|---|---|---|"]
    for row, place in zip(rows, places, strict=True):
        effect = f"**{verb(row)}**" if row.effect == "Deny" or row.broad else verb(row)
        cells = (levels_of(row), what(row), where(row), "; ".join(remarks(row)), place)
        out.append(f"| {' | '.join([escaped(who(row)), effect, *map(escaped, cells)])} |")
    return "\n".join(out) + "\n"


def record(row: Access) -> dict[str, Any]:
    """A row as plain data, with IAM's names."""
    return {
        "kind": row.kind,
        "principals": list(row.principals),
        "notPrincipals": row.except_principals,
        "effect": row.effect,
        "levels": list(row.levels),
        "actions": list(row.actions),
        "notActions": row.except_actions,
        "resources": list(row.resources),
        "notResources": row.except_resources,
        "targets": list(row.targets),
        "conditions": list(row.conditions),
        "wildcards": list(row.wildcards),
        "broad": row.broad,
        "unavoidable": row.unavoidable,
        "policy": row.policy,
        "sid": row.sid,
        "logicalId": row.holder,
        "path": list(row.path),
    }
