"""A dependency compiled alone, and what it grants to the service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import yaml
from troposphere import encode_to_dict

from fsdcf.compiler.dependencies import types
from fsdcf.compiler.parts.network import network_of
from fsdcf.compiler.stack import Context, Grant, Names, template_of
from fsdcf.diagnostics import has_errors
from fsdcf.language.names import dependency_path, local_name
from fsdcf.language.resolve import resolve
from fsdcf.language.source import parse
from fsdcf.language.validate import validate
from fsdcf.pipeline import Request, run

ENVIRONMENT = "staging"
_HEAD = "apiVersion: fsd/v1\nkind: Service\nmetadata:\n  name: shop\n  owners: team\nservice:\n  port: 80\n"


@dataclass(frozen=True)
class Made:
    """What a dependency adds, as data."""

    grant: Grant
    resources: Mapping[str, Any]
    outputs: Mapping[str, Any]
    origins: Mapping[str, str]

    def the(self, kind: str) -> tuple[str, Any]:
        """The only resource of a CloudFormation type, with its logical id."""
        found = [(name, one) for name, one in self.resources.items() if one["Type"] == kind]
        assert len(found) == 1, (kind, sorted(self.resources))
        return found[0]

    def statements(self) -> list[dict[str, Any]]:
        """Those of the policy of the dependency, and of further ones for the task role."""
        own = [dict(encode_to_dict(statement)) for statement in self.grant.statements]
        policies = [one["Properties"] for one in self.resources.values() if one["Type"] == "AWS::IAM::Policy"]
        return [*own, *(one for policy in policies for one in policy["PolicyDocument"]["Statement"])]

    def actions(self) -> set[str]:
        return {action for statement in self.statements() for action in statement["Action"]}

    def arns(self, action: str) -> set[str]:
        """The resources that an action is allowed on, as texts."""
        allowed = [one for one in self.statements() if action in one["Action"]]
        return {as_text(arn) for one in allowed for arn in one["Resource"]}


def spec_of(*dependencies: Mapping[str, Any]) -> str:
    """A spec with these dependencies, as YAML."""
    return _HEAD + yaml.safe_dump({"dependencies": [dict(one) for one in dependencies]}, sort_keys=False)


def make(type: str, name: str, **keys: Any) -> Made:
    """Compile one dependency alone, by the real way from text to model."""
    document = parse(spec_of({"type": type, "name": name, **keys}).encode(), "spec.yml")[0]
    assert document is not None
    known = types()
    resolved, problems = resolve(document, known, ENVIRONMENT, (), {})
    spec, findings = validate(resolved, ENVIRONMENT, known)
    assert spec is not None and not has_errors([*problems, *findings]), (problems, findings)
    kind, dependency = known[type], spec.dependencies[0]
    local = local_name(dependency.name)
    context = Context(spec, ENVIRONMENT, network_of(spec.service), {"service": "shop"}, known)
    grant = kind.compile(dependency, Names(local, dependency_path(kind.name, local)), context)
    template = template_of("test", grant, context.tags, "test")
    origins = {title: origin.path for title, origin in template.origins.items()}
    return Made(grant, template.data["Resources"], template.data["Outputs"], origins)


def findings(*dependencies: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The errors of a spec with these dependencies, each as its code and the text that it underlines."""
    text = spec_of(*dependencies)
    lines = text.splitlines()
    result = run(Request("spec.yml", text.encode(), "staging"))
    found = []
    for one in result.diagnostics:
        if one.code.startswith("S"):
            assert one.hint and one.message and (one.code < "S3" or len(one.message) < 100)
            assert one.path[:2] == ("dependencies", 0), one
            line = lines[one.span.line - 1][one.span.column - 1 :]
            found.append(
                (
                    one.code,
                    line[: one.span.end_column - one.span.column] if one.span.line == one.span.end_line else line,
                )
            )
    assert (result.template is None) == bool(found)
    return found


def codes(*dependencies: Mapping[str, Any]) -> list[str]:
    return [code for code, _ in findings(*dependencies)]


def encoded(value: Any) -> Any:
    """A value with troposphere's functions as plain data."""
    return encode_to_dict(value)


def as_text(value: Any) -> str:
    """A CloudFormation value as the text of Fn::Sub."""
    if isinstance(value, str):
        return value
    (form, inside), *rest = value.items()
    assert not rest
    if form == "Ref":
        return f"${{{inside}}}"
    if form == "Fn::GetAtt":
        return f"${{{'.'.join(inside)}}}"
    assert form == "Fn::Sub", value
    return str(inside)


def references(value: Any) -> Iterator[str]:
    """Logical ids that a value refers to."""
    if isinstance(value, dict):
        for key, below in value.items():
            if key in ("Ref", "Fn::GetAtt", "Fn::Sub"):
                text = as_text({key: below})
                yield from (name.split(".")[0] for name in re.findall(r"\$\{([^!}][^}]*)\}", text))
            else:
                yield from references(below)
    elif isinstance(value, list):
        for below in value:
            yield from references(below)


def admits(patterns: Sequence[str] | set[str], arn: str) -> bool:
    """Whether IAM's wildcards match an ARN."""
    return any(fnmatchcase(arn, pattern) for pattern in patterns)
