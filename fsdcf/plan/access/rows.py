"""Access, row by row: one for every statement of every policy, and for every managed policy that is attached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.plan.access.actions import has_wildcard, levels, takes_resource
from fsdcf.plan.access.documents import HOLDERS, Document, Path, documents
from fsdcf.plan.view import View, items, mapping, target_of, text_of


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


def access(view: View) -> tuple[Access, ...]:
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


def _attached(view: View) -> Iterator[Access]:
    """Managed policies that an identity takes, and boundaries that limit it: their text is not in the template."""
    for resource in view.of(*HOLDERS):
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
