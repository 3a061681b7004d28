"""Access, row by row: one for every statement of every policy, and for every managed policy that is attached."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from fsdcf.cloudformation.evaluation import Partial
from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, items, mapping, target_of, text_of
from fsdcf.cloudformation.types import PolicyDocuments, record_of, records

Path = tuple[str | int, ...]
Kind = Literal["identity", "trust", "resource"]

_IDENTITY = PolicyDocuments("identity")


@dataclass(frozen=True)
class Document:
    """A policy document. ``subjects`` are those whom an identity policy is for, or the resources that a resource policy guards."""

    resource: PlannedResource
    path: Path
    name: str
    kind: Kind
    subjects: tuple[str, ...]
    statements: tuple[tuple[Path, Mapping[str, Any]], ...]


def documents(view: PlannedStack) -> Iterator[Document]:
    """Every policy document of a template, in the order of its resources: whatever has a Statement is one.

    A document as JSON in a text is read as well.
    """
    attached: dict[str, list[str]] = {}
    for holder in _holders(view):
        for one in items(holder.properties.get("ManagedPolicyArns")):
            attached.setdefault(target_of(one) or "", []).append(holder.name)
    for resource in view.resources.values():
        for path, found in _found(resource.properties, ()):
            yield _document(resource, path, found, attached.get(resource.name, []))


def _found(value: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    if isinstance(value, str | Partial):
        value = _from_json(value)
    if isinstance(value, Mapping):
        if "Statement" in value:
            yield path, value
            return
        for key, child in value.items():
            yield from _found(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _found(child, (*path, index))


def _from_json(value: str | Partial) -> Any:
    """The policy that a text holds; None where it holds none."""
    text = text_of(value)
    if '"Statement"' not in text:
        return None
    try:
        data = json.loads(text)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _document(resource: PlannedResource, path: Path, found: Mapping[str, Any], attached: list[str]) -> Document:
    statements = found["Statement"]
    if isinstance(statements, Mapping):
        listed: list[tuple[Path, Any]] = [((*path, "Statement"), statements)]
    else:
        listed = [((*path, "Statement", index), one) for index, one in enumerate(items(statements))]
    kept = tuple((place, one) for place, one in listed if isinstance(one, Mapping))
    kind, subjects = _whose(resource, path, attached)
    return Document(resource, path, _name(resource, path), kind, subjects, kept)


def _holders(view: PlannedStack) -> Iterator[PlannedResource]:
    """The identities of a template: they may have policies of their own, and managed ones attached."""
    return (one for one in view.resources.values() if record_of(one.type).policies == _IDENTITY)


def _whose(resource: PlannedResource, path: Path, attached: list[str]) -> tuple[Kind, tuple[str, ...]]:
    if path[:1] == ("AssumeRolePolicyDocument",):
        return "trust", (resource.name,)
    policies = record_of(resource.type).policies
    named = [one for key in policies.subjects for one in items(resource.properties.get(key))]
    if policies.kind == "identity" and policies.subjects:
        subjects = tuple(dict.fromkeys([*map(text_of, named), *attached]))
        return "identity", subjects or (f"nobody yet ({resource.name})",)
    return policies.kind, tuple(target_of(one) or text_of(one) for one in named) or (resource.name,)


def _name(resource: PlannedResource, path: Path) -> str:
    """What the policy is called: its PolicyName, beside the document or in its resource, else the property that holds it."""
    if path[:1] == ("Policies",) and len(path) > 1 and isinstance(path[1], int):
        policy = items(resource.properties.get("Policies"))[path[1]]
        if isinstance(policy, Mapping) and policy.get("PolicyName"):
            return text_of(policy["PolicyName"])
    if path[:1] == ("PolicyDocument",) and resource.properties.get("PolicyName"):
        return text_of(resource.properties["PolicyName"])
    return text_of(path[0]) if path else resource.name


_READ = ("Get", "BatchGet", "List", "Query", "Scan", "Read", "Receive", "Head", "Select", "Search", "Check")
_DESCRIBING = frozenset(
    {"ecr:GetAuthorizationToken", "sts:GetCallerIdentity", "xray:GetSamplingRules", "xray:GetSamplingTargets"}
)
"""Actions on no resource that return none of its data, like those that describe."""


@cache
def _read_actions() -> frozenset[str]:
    """Actions that a reader needs, whatever their verb: who consumes a queue deletes what it has read."""
    return frozenset(action for record in records() for action in record.access.reading)


@cache
def _describe_actions() -> frozenset[str]:
    return _DESCRIBING.union(*(record.access.describing for record in records()))


NO_RESOURCE = (
    *(
        "ecr:GetAuthorizationToken",
        "ssmmessages:*",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSampling*",
    ),
    *("cloudwatch:PutMetricData", "sts:GetCallerIdentity", "ec2:Describe*", "s3:ListAllMyBuckets"),
)
"""Actions, as patterns, for which IAM knows no resource: ``*`` is all that a policy can say.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""


def levels(actions: Iterable[str]) -> tuple[str, ...]:
    """``read``, ``write`` or both for a list of actions, ``describe`` where it is neither; ``assume`` for roles, ``everything`` for ``*``."""
    found = {_level(action) for action in actions}
    order = ("assume", "open sessions", "read", "write")
    return (
        ("everything",) if "everything" in found else tuple(level for level in order if level in found) or ("describe",)
    )


def _level(action: str) -> str:
    service, _, verb = action.partition(":")
    if action in ("*", "*:*") or verb == "*":
        return "open sessions" if service == "ssmmessages" else "everything"
    if service == "sts" and verb.startswith("Assume"):
        return "assume"
    if service == "ssmmessages":
        return "open sessions"
    if action in _describe_actions() or verb.startswith("Describe"):
        return "describe"
    return "read" if action in _read_actions() or verb.startswith(_READ) else "write"


def takes_resource(action: str) -> bool:
    """Whether a policy could name a resource for an action."""
    return not any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in NO_RESOURCE)


def grouped(actions: Iterable[str]) -> list[str]:
    """The actions by service: ``dynamodb: GetItem, Query``; an action without one as it is."""
    by_service: dict[str, list[str]] = {}
    for action in actions:
        service, colon, verb = action.partition(":")
        by_service.setdefault(service if colon else "", []).append(verb if colon else action)
    return [f"{service}: {', '.join(verbs)}" if service else ", ".join(verbs) for service, verbs in by_service.items()]


def has_wildcard(text: str) -> bool:
    """Whether a pattern of IAM matches more than itself."""
    return bool(re.search(r"[*?]", text))


@dataclass(frozen=True)
class Access:
    """Who (``principals``) may, or may not (``effect``), do what (``actions``) to which ``resources``, under ``conditions``.

    ``targets`` are the logical ids among the resources. ``except_actions`` and ``except_resources`` tell NotAction and
    NotResource. ``wildcards`` are the actions, resources and principals that match more than one thing, ``unavoidable`` where
    IAM knows no narrower resource. A managed policy that is attached, or a boundary, has no actions and is itself the resource.
    ``holder`` and ``path`` lead to the statement in the template.
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
        if self.kind in ("attached", "boundary"):
            return ()
        return ("everything but",) if self.except_actions else levels(self.actions)

    @property
    def broad(self) -> bool:
        """Whether it allows more than it names: a wildcard in an action, every resource, or everybody without a condition."""
        if self.effect != "Allow" or self.unavoidable:
            return False
        open_to_all = "anyone" in self.principals and not self.conditions
        whole = "*" in self.resources or any(has_wildcard(action) for action in self.actions)
        return open_to_all or whole or self.except_actions or self.except_resources or self.except_principals


def access(view: PlannedStack) -> tuple[Access, ...]:
    """Every row: what identities may do, by identity in the order of the template; what resources admit; who may take a role."""
    rows = [_row(document, path, statement) for document in documents(view) for path, statement in document.statements]
    rows += _attached(view)
    seen = {name: order for order, name in reversed(list(enumerate(name for row in rows for name in row.principals)))}
    kinds = {"resource": 1, "trust": 2}
    return tuple(
        sorted(
            rows,
            key=lambda row: (
                kinds.get(row.kind, 0),
                seen[row.principals[0]] if row.kind == "identity" and row.principals else -1,
            ),
        )
    )


def _row(document: Document, path: Path, statement: Mapping[str, Any]) -> Access:
    actions = _texts(statement, "Action") or _texts(statement, "NotAction")
    resources, targets = _resources(document, statement)
    principals = document.subjects if document.kind == "identity" else tuple(_principals(statement))
    limited = ("Resource" in statement or "NotResource" in statement) and document.kind == "identity"
    wildcards = tuple(
        dict.fromkeys(
            [
                *(one for one in actions if has_wildcard(one)),
                *(one for one in resources if has_wildcard(one) and limited),
            ]
        )
    )
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
        unavoidable=wildcards == ("*",)
        and resources == ("*",)
        and not any(takes_resource(action) for action in actions),
        except_actions="NotAction" in statement,
        except_resources="NotResource" in statement,
        except_principals="NotPrincipal" in statement,
    )


def _texts(statement: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(text_of(one) for one in items(statement.get(key)))


def _resources(document: Document, statement: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The resources as text, and the logical ids among them. In a resource's own policy ``*`` is the resource itself."""
    written = items(statement.get("Resource")) or items(statement.get("NotResource"))
    if document.kind != "identity" and all(one == "*" for one in written):
        return document.subjects, document.subjects
    texts = tuple(text_of(one) for one in written)
    targets = dict.fromkeys(target for one in written if (target := target_of(one)) is not None)
    return texts, tuple(targets)


def _principals(statement: Mapping[str, Any]) -> Iterator[str]:
    """``service ecs-tasks.amazonaws.com``, a role's logical id or ARN, ``anyone`` for ``*``."""
    written = statement.get("Principal", statement.get("NotPrincipal"))
    if written == "*":
        yield "anyone"
        return
    if not isinstance(written, Mapping):
        yield from (text_of(one) for one in items(written))
        return
    for kind, values in written.items():
        for one in items(values):
            text = "anyone" if one == "*" else text_of(one)
            yield text if kind == "AWS" or one == "*" else f"{kind.lower()} {text}"


def _conditions(written: Any) -> Iterator[str]:
    """``StringEquals aws:SourceAccount = 1``, one for each key; several values are alternatives."""
    for operator, keys in mapping(written).items():
        for key, values in mapping(keys).items():
            yield f"{operator} {key} = {' or '.join(text_of(one) for one in items(values))}"


def _attached(view: PlannedStack) -> Iterator[Access]:
    """Managed policies that an identity takes, and boundaries that limit it: their text is not in the template."""
    for resource in _holders(view):
        for key, kind, effect in (
            ("ManagedPolicyArns", "attached", "Allow"),
            ("PermissionsBoundary", "boundary", "Limit"),
        ):
            listed = isinstance(resource.properties.get(key), list)
            for index, one in enumerate(items(resource.properties.get(key))):
                if (target_of(one) or "") in view.resources and kind == "attached":
                    continue  # its statements have rows of their own, for this identity
                path: Path = (key, index) if listed else (key,)
                yield Access(kind, effect, (resource.name,), (), (text_of(one),), (), (), key, "", resource.name, path)


BROAD = "!"
"""Marks what allows more than it names."""

_OWN = r"(?:\$\{[A-Za-z:]+\})?"
_ARN = re.compile(rf"arn:{re.escape('${AWS::Partition}')}:([a-z0-9-]+):{_OWN}:{_OWN}:(.+)")
_VERBS = {"Allow": "may", "Deny": "may not", "Limit": "may at most"}


def shortened(resource: str) -> str:
    """An ARN in the stack's own account and region by its service and name: ``ecr repository/orders``."""
    found = _ARN.fullmatch(resource)
    return f"{found[1]} {found[2]}" if found else resource


def who(row: Access) -> str:
    names = ", ".join(row.principals) or "nobody"
    return f"all but {names}" if row.except_principals else names


def verb(row: Access) -> str:
    """``may``, ``may not``; ``may at most`` for a boundary."""
    return _VERBS.get(row.effect, row.effect)


def what(row: Access) -> str:
    """The actions by service."""
    if row.kind in ("attached", "boundary"):
        return "its text is not in the template"
    text = "; ".join(grouped(row.actions))
    return f"everything but {text}" if row.except_actions else text


def where(row: Access) -> str:
    names = ", ".join(shortened(one) for one in row.resources)
    if row.kind in ("attached", "boundary"):
        return f"what {names} allows"
    names = {"*": "* (all resources)"}.get(names, names)
    return f"all but {names}" if row.except_resources else names


def remarks(row: Access) -> Iterator[str]:
    """Conditions, and what is to be said of wildcards."""
    yield from (f"when {one}" for one in row.conditions)
    if row.unavoidable:
        yield "these actions take no resource"
    if row.broad:
        yield f"{BROAD} more than it names"


def policy_of(row: Access) -> str:
    """``Start of ExecutionRole``; the sid of the statement where it has one."""
    name = row.policy if row.policy == row.holder else f"{row.policy} of {row.holder}"
    return f"{name}, {row.sid}" if row.sid else name


def summary(rows: Sequence[Access]) -> str:
    """``9 statements, 1 of them allows more than it names``."""
    broad = sum(row.broad for row in rows)
    text = f"{len(rows)} statement{'s' if len(rows) != 1 else ''}"
    if not broad:
        return f"{text}, none of them allows more than it names"
    return f"{text}, {broad} of them allow{'s' if broad == 1 else ''} more than {'it names' if broad == 1 else 'they name'}"


def markdown(rows: Sequence[Access], places: Sequence[str], title: str) -> str:
    """The rows as a Markdown table; ``places`` are the spec's lines, one for each row."""
    out = [f"### Access of {_cell(title)}", "", f"{summary(rows)}.", ""]
    out += ["| who | | level | actions | resources | conditions | spec |", "|---|---|---|---|---|---|---|"]
    for row, place in zip(rows, places, strict=True):
        effect = f"**{verb(row)}**" if row.effect == "Deny" or row.broad else verb(row)
        cells = (what(row), where(row), "; ".join(remarks(row)), place)
        out.append(
            "| "
            + " | ".join([_cell(who(row)), effect, _cell(", ".join(row.levels)), *(_cell(cell) for cell in cells)])
            + " |"
        )
    return "\n".join(out) + "\n"


def _cell(text: str) -> str:
    marks = {"|": "\\|", "*": "\\*", "_": "\\_", "`": "\\`", "<": "&lt;", ">": "&gt;", "[": "\\[", "\\": "\\\\"}
    return "".join(marks.get(character, character) for character in " ".join(text.split()))


def record(row: Access) -> dict[str, Any]:
    """A row as plain data, with the names that IAM uses."""
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
