"""The addons of Copilot's workloads and environments: what exists stays, and the specs name it.

Copilot merges the files of a folder into one template, which is a stack within that of the workload. What it made has
its data: a spec names it as ``unmanaged``, with the keys that would make it in a comment above, and a new one is never
made beside it. What has no type in the language is kept as an addon.

Source: https://aws.github.io/copilot-cli/docs/developing/addons/workload/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fsdcf.cloudformation.references import (
    depends_on,
    function_of,
    references,
    split_attribute,
    sub_parts,
    sub_variables,
)
from fsdcf.diagnostics import Diagnostic, Severity, Span
from fsdcf.importers import ImportResult
from fsdcf.importers.copilot.resources import HELPERS, REFUSED, REPLACED, TABLE, ReplacedResource, arn_start, maps_in
from fsdcf.importers.copilot.workload import TOO_MANY_GROUPS
from fsdcf.importers.copilot.workspace import Workspace
from fsdcf.importers.draft import SERVICES, Block, Draft, NoDraft, spec_name
from fsdcf.importers.keys import note, report_on
from fsdcf.importers.report import ImportReport, KeyOutcome, carried, changed, formal, not_carried
from fsdcf.importers.source import Source, SourceValue
from fsdcf.importers.values import literal, put_secret, put_variable
from fsdcf.language.addon import (
    ADDONS,
    ATTACHMENT,
    MANAGED_POLICY,
    SECRET,
    SECURITY_GROUP,
    Addon,
    AddonOutput,
    read_addons,
)
from fsdcf.language.document import Document, Mark
from fsdcf.language.model import ENVIRONMENT, SERVICE
from fsdcf.language.model.service import MOST_GROUPS
from fsdcf.language.placeholders import EXPORT
from fsdcf.language.source import parse_fragment, scalar_text
from fsdcf.links import REPOSITORY
from fsdcf.masking import hidden_parts, secrets_in

_SECTIONS = ("Parameters", "Mappings", "Conditions", "Resources", "Outputs")
_ABOUT = ("AWSTemplateFormatVersion", "Description", "Metadata")
_NO_SECTION = "it is not a section of a template: move it below `Resources`, `Outputs` or another one, as a map"
_PARAMETERS = re.compile(r"(?:^|/)addons\.parameters\.ya?ml$")
STAND_IN = "replace-me"
_PSEUDO = frozenset({"AWS::Region", "AWS::AccountId", "AWS::Partition", "AWS::URLSuffix"})

ENVIRONMENTS = "environments"
"""The owner of the addons of environments."""

_REPLACE = (
    f"replace the stand-ins `{STAND_IN}` in the files of the environments by the names that `aws cloudformation "
    "describe-stack-resources --stack-name STACK` prints: STACK is the AddonsStack of the stack in the comment"
)
_STAND_IN_GROUP = "sg-00000000000000000"
_GUIDE = f"{REPOSITORY}/blob/main/docs/how-to/leave-copilot.md"
_NETWORK_NOTE = (
    f"databases and caches of addons are in the network of Copilot's environments: join it, or move them ({_GUIDE})"
)
_EXISTING = (
    "It exists in Copilot's stack, with its data. Once it is retained and that stack is deleted, replace `unmanaged`",
    "by these keys: the next deploy adopts it.",
)
_IN_VPC = (
    "It stays in the network of Copilot's environment, which tasks in another network do not reach. A new one would",
    "have these keys:",
)


class TemplateSource(Source):
    """A file with functions of CloudFormation."""

    @cached_property
    def _read(self) -> tuple[Document | None, tuple[Diagnostic, ...]]:
        return parse_fragment(self.raw, self.name)


@dataclass
class Values:
    """The values of Copilot's templates as specs have them. ``given`` are the values of parameters."""

    owner: str
    workspace: Workspace
    result: ImportResult
    sections: dict[str, dict[str, SourceValue]] = field(default_factory=lambda: {name: {} for name in _SECTIONS})
    given: dict[str, Any] = field(default_factory=dict)

    def type_of(self, resource: str) -> str:
        """The type of a resource; empty if there is none."""
        found = self.sections["Resources"].get(resource)
        kind = found.data.get("Type") if found and isinstance(found.data, dict) else None
        return kind if isinstance(kind, str) else ""

    def properties(self, resource: str) -> Mapping[str, Any]:
        """The properties of a resource."""
        found = self.sections["Resources"][resource].data
        properties = found.get("Properties") if isinstance(found, dict) else None
        return properties if isinstance(properties, dict) else {}

    # Values as a spec has them

    def text(self, data: Any, depth: int = 0) -> str | None:
        """A value as the text of a spec; None if it is not known before the deploy, or has no form there."""
        if isinstance(data, bool):
            return str(data).lower()
        if isinstance(data, (str, int, float)):
            return literal(str(data))
        function = function_of(data)
        if function is None or depth > 20:
            return None
        argument = data[function]
        if function == "Ref":
            return self._ref(argument)
        if function == "Fn::GetAtt":
            parts = split_attribute(argument)
            return self.attribute(*parts) if parts else None
        if function == "Fn::ImportValue":
            name = self.text(argument, depth + 1)
            return f"${{import:{name}}}" if name and re.fullmatch(EXPORT, name.replace("${ENV}", "env")) else None
        if function == "Fn::Sub":
            return self._sub(argument, depth)
        if function == "Fn::Join" and isinstance(argument, list) and len(argument) == 2:
            separator, items = argument
            texts = [self.text(each, depth + 1) for each in items] if isinstance(items, list) else [None]
            known = [each for each in texts if each is not None]
            return str(separator).join(known) if len(known) == len(texts) else None
        return None

    def _ref(self, name: Any) -> str | None:
        if not isinstance(name, str):
            return None
        if name in _PSEUDO:
            return f"${{{name}}}"
        if name in ("Env", "Name"):
            return "${ENV}" if name == "Env" else self.owner
        if name == "App":
            application = self.workspace.application
            about = "the name of the application, as in copilot/.workspace"
            return application or self.named_variable("COPILOT_APPLICATION", STAND_IN, about)
        if name in self.given:
            return self.text(self.given[name])
        if name in self.sections["Parameters"]:
            default = self.sections["Parameters"][name].get("Default")
            return self.text(default.data) if default is not None and default.data != "" else None
        return self.attribute(name, "Ref")

    def attribute(self, resource: str, attribute: str) -> str | None:
        """An attribute of a resource as the text of a spec; None if it is not known."""
        return self._physical(resource, attribute)

    def _physical(self, resource: str, attribute: str) -> str | None:
        """The physical name of a resource, if the attribute is that and the template has it."""
        kind = REPLACED.get(self.type_of(resource))
        if kind is None or kind.attributes.get(attribute) != "name" or kind.named not in self.properties(resource):
            return None
        return self.text(self.properties(resource)[kind.named])

    def _sub(self, argument: Any, depth: int) -> str | None:
        parts = sub_parts(argument)
        if parts is None:
            return None
        text, variables = parts
        pieces, end = [], 0
        for match in sub_variables(text):
            pieces.append(literal(text[end : match.start()]))
            end, name = match.end(), match[2].strip()
            target, dot, attribute = name.partition(".")
            if match[1]:
                value: str | None = f"$${{{match[2]}}}"
            elif name in variables:
                value = self.text(variables[name], depth + 1)
            else:
                value = self.attribute(target, attribute) if dot else self._ref(name)
            if value is None:
                return None
            pieces.append(value)
        return "".join((*pieces, literal(text[end:])))

    def variable(self, name: str, suffix: str, stand_in: str, what: str) -> str:
        """A variable of the environments' files for what only AWS knows, with a stand-in that the user replaces."""
        return self.named_variable(
            f"{self.owner}_{name}_{suffix}", stand_in, f"{what} of {name} in the stack AddonsStack of "
        )

    def named_variable(self, words: str, stand_in: str, about: str) -> str:
        """A variable by its words. A comment that ends in ``of`` gets the name of the workload's stack."""
        variable = re.sub(r"[^A-Za-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", words)).strip("_").upper()
        for each in self.result.drafts:
            if each.kind is ENVIRONMENT:
                stack = f"{self.workspace.application or 'APP'}-{each.name}-{self.owner}" if about.endswith(" ") else ""
                each.block.put_at(
                    "variables", variable, stand_in.replace("ENV", each.name), f"replace it: {about}{stack}"
                )
        if _REPLACE not in self.result.next:
            self.result.next.append(_REPLACE)
        return f"${{{variable}}}"

    def resolved(self, data: Any) -> Any:
        """A value of a template with texts of a spec in place of its functions; None if one of them is not known."""
        if isinstance(data, dict) and function_of(data) is None:
            below = {str(key): self.resolved(one) for key, one in data.items()}
            return None if None in below.values() else below
        if isinstance(data, list):
            items = [self.resolved(each) for each in data]
            return None if any(each is None for each in items) else items
        return self.text(data) if isinstance(data, (str, dict)) else data

    def statements_of(self, document: Any) -> list[Mapping[str, Any]]:
        """The statements of a policy document."""
        return maps_in(_listed(document.get("Statement") if isinstance(document, dict) else None))

    def statement(self, statement: Mapping[str, Any], resources: Sequence[Any] | None = None) -> dict[str, Any] | None:
        """A statement as a spec has it, about some of its resources or all of them; None if a part is not known."""
        listed = _listed(statement.get("Resource")) if resources is None else resources
        texts = [self.text(each) for each in listed]
        actions = [each for each in _listed(statement.get("Action")) if _is_action(each)]
        conditions = self.resolved(statement.get("Condition") or {})
        if not texts or not actions or None in texts or conditions is None:
            return None
        entry = {
            "sid": re.sub(r"[^A-Za-z0-9]", "", str(statement.get("Sid") or "")),
            "effect": "" if statement.get("Effect") == "Allow" else statement.get("Effect"),
            "actions": actions,
            "resources": texts,
            "conditions": conditions,
        }
        return {key: one for key, one in entry.items() if one}


@dataclass
class _Addons(Values):
    """The addons of a workload, and the spec that gets them."""

    draft: Draft = field(kw_only=True)
    beside: list[tuple[str, SourceValue]] = field(default_factory=list)
    files: list[TemplateSource] = field(default_factory=list)
    dependencies: dict[str, tuple[ReplacedResource, Block]] = field(default_factory=dict)
    unsaid: list[str] = field(default_factory=list)

    def attribute(self, resource: str, attribute: str) -> str | None:
        """An attribute of a resource that a dependency replaces."""
        if self.type_of(resource) == SECRET and attribute in ("Ref", "Id"):
            return f"{arn_start('secretsmanager')}secret:{self.secret(resource).partition(':')[2]}-??????"
        kind, block = self.dependencies.get(resource, (None, None))
        if kind is None or block is None or attribute not in kind.attributes:
            return super().attribute(resource, attribute)
        to = kind.attributes[attribute]
        if kind.name == "aws_dynamodb_table" and to == "name":
            return str(block.get("name"))
        return f"${{{kind.kind}:{block.get('name')}:{to}}}"

    def say(self, section: str, name: str, outcome: KeyOutcome) -> None:
        """Report what became of an entry of a section."""
        note(self.sections[section][name], self.draft.block, outcome)

    # What a spec gets

    def grants(self) -> dict[str, list[str]]:
        """The actions on each resource that a dependency replaces, by the policies that the service gets."""
        found: dict[str, list[str]] = {}
        for statement in self.statements():
            for each in _listed(statement.get("Resource")):
                target = self.target(each)
                if target and _is_plain(statement):
                    found.setdefault(target, []).extend(
                        each for each in _listed(statement.get("Action")) if _is_action(each)
                    )
        return found

    def target(self, data: Any) -> str:
        """The resource of a dependency that an ARN in a policy is of; empty for any other."""
        named = {each.target for each in references(data) if each.target not in _PSEUDO}
        return next(iter(named)) if len(named) == 1 and self.type_of(next(iter(named))) in REPLACED else ""

    def statements(self) -> Iterator[Mapping[str, Any]]:
        """The statements of the policies that the outputs attach to the task role."""
        for output in self.outputs.values():
            if output.is_policy:
                yield from self.statements_of(self.properties(output.resource).get("PolicyDocument"))

    @cached_property
    def outputs(self) -> dict[str, AddonOutput]:
        """What each output becomes."""
        data = {name: {key: one.data for key, one in entries.items()} for name, entries in self.sections.items()}
        return Addon("", "", data).outputs

    def depend(self, resource: str, actions: Sequence[str]) -> None:
        """Add the dependency in the place of a resource, as one that exists."""
        kind, properties = REPLACED[self.type_of(resource)], self.properties(resource)
        physical = self.text(properties[kind.named]) if kind.named in properties else None
        keys = kind.keys(properties)
        if not kind.named:
            block, about = self._in_network(resource, kind, keys), _IN_VPC
            how = (
                "the existing one, in the network of Copilot's environment; its address is a variable in the files of "
            )
            how += "the environments: replace the stand-in"
        else:
            block, about = self._existing(resource, kind, physical, keys), _EXISTING
            how = "the existing one, with its data; the keys to adopt it are in a comment"
        if physical is None and kind.named:
            how = (
                "the existing one, with its data; its name is a variable in the files of the environments: replace the "
            )
            how += "stand-in"
        if kind.named or kind.kind == "opensearch":
            block.put("unmanaged.permissions", _permissions(actions))
        self.draft.comments[block.at] = "\n".join((*about, *_comment(kind.name, keys)))
        self.dependencies[resource] = kind, block
        self.say("Resources", resource, changed(how, f".dependencies[{block.at[-1]}]"))

    def _existing(self, resource: str, kind: ReplacedResource, physical: str | None, keys: dict[str, Any]) -> Block:
        """The dependency of a resource that is known by its name."""
        name = physical or self.variable(resource, "name", f"{STAND_IN}-ENV", "the name")
        if kind is TABLE or (physical is not None and not physical.endswith(".fifo")):
            return self.draft.dependency(kind.name, name)
        block = self.draft.dependency(kind.name, _label(resource))
        block.put("unmanaged.arn", f"{kind.arn}{name}")
        keys["name"] = name.removesuffix(".fifo")
        return block

    def _in_network(self, resource: str, kind: ReplacedResource, keys: dict[str, Any]) -> Block:
        """The dependency of a database, a cache or a domain that is known by its address."""
        block = self.draft.dependency(kind.name, _label(resource))
        host = f"{STAND_IN}.ENV.internal"
        block.put("unmanaged.endpoint", self.variable(resource, "endpoint", host, "the address"))
        groups = [each.target for each in references(self.properties(resource))]
        group = next((each for each in groups if self.type_of(each) == SECURITY_GROUP), None)
        if group and self.is_network_shared:
            block.put("unmanaged.securityGroupId", self.variable(group, "id", _STAND_IN_GROUP, "the id"))
        elif not self.is_network_shared and _NETWORK_NOTE not in self.result.next:
            self.result.next.append(_NETWORK_NOTE)
        if "engine" in keys:
            block.put("engine", keys["engine"])
        if kind.kind == "rds":
            block.put("unmanaged.secret", self.secret(self.secrets_of(resource)[0]))
            properties = self.properties(resource)
            database = next((properties[each] for each in ("DatabaseName", "DBName") if each in properties), None)
            if text := self.text(database):
                keys["database"] = text
                block.put("database", text)
        return block

    @property
    def is_network_shared(self) -> bool:
        """Whether every environment has an existing network, which is then that of Copilot's environment, too."""
        environments = [each for each in self.result.drafts if each.kind is ENVIRONMENT]
        return all(each.block.get("network.id") for each in environments)

    def secrets_of(self, resource: str) -> list[str]:
        """The secrets of a database: those that its properties name, or that are attached to it."""
        named = [each.target for each in references(self.properties(resource))]
        for name in self.sections["Resources"]:
            properties = self.properties(name)
            if self.type_of(name) == ATTACHMENT and self.refers(properties.get("TargetId"), resource):
                named += [each.target for each in references(properties.get("SecretId"))]
        return [each for each in dict.fromkeys(named) if self.type_of(each) == SECRET]

    def refers(self, data: Any, resource: str) -> bool:
        """Whether a value refers to a resource."""
        return any(each.target == resource for each in references(data))

    def secret(self, resource: str) -> str:
        """A secret as a spec names it."""
        properties = self.properties(resource) if self.type_of(resource) == SECRET else {}
        known = self.text(properties["Name"]) if "Name" in properties else None
        return f"secretsmanager:{known or self.variable(resource, 'name', f'{STAND_IN}-ENV', 'the name')}"

    def allow(self) -> None:
        """Add the statements about what no dependency replaces to the task role."""
        for statement in self.statements():
            listed = _listed(statement.get("Resource"))
            rest = [each for each in listed if not _is_plain(statement) or not self.target(each)]
            if not rest and listed:
                continue
            entry = self.statement(statement, rest)
            if entry is not None:
                self.draft.block.add("taskRole.statements", entry)
            else:
                self.unsaid.append(
                    str(statement.get("Sid") or next(iter(_listed(statement.get("Action"))), "a statement"))
                )


def _listed(data: Any) -> list[Any]:
    return data if isinstance(data, list) else [] if data is None else [data]


def _is_action(data: Any) -> bool:
    return isinstance(data, str) and re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9*?]+", data) is not None


def _is_plain(statement: Mapping[str, Any]) -> bool:
    """Whether a statement allows actions on resources without a condition."""
    return statement.get("Effect") == "Allow" and not {"Condition", "NotAction", "NotResource"} & statement.keys()


_READING = ("Get", "BatchGet", "Describe", "List", "Query", "Scan", "Receive", "Head", "ConditionCheck")
_ADMINISTRATION = re.compile(r"s3:PutObjectA[cC][lL]|s3:PutObjectTagging|s3:RestoreObject")
"""Actions of Copilot's own policies that no level has."""


def _permissions(actions: Sequence[str]) -> str | list[str]:
    """The access by the actions of a policy: a level if they have wildcards or are Copilot's own, else the actions."""
    exact = sorted({each for each in actions if not _ADMINISTRATION.fullmatch(each)})
    names = {each.partition(":")[2] for each in exact}
    if {"GetObject", "PutObject", "DeleteObject", "ListBucket"} == names:
        return "readWrite"
    if exact and not any("*" in each or "?" in each for each in exact):
        return exact
    reads = any(name.startswith(_READING) or name in ("*", "ESHttp*") for name in names)
    writes = any(not name.startswith(_READING) for name in names)
    return "readWrite" if reads and writes else "write" if writes else "read"


def _label(resource: str) -> str:
    """The name of a dependency in the spec, from the logical id of the resource."""
    short = re.sub(r"(?:DBCluster|DBInstance|ReplicationGroup|Table|Bucket|Queue|Topic|Stream|Cluster)$", "", resource)
    return spec_name(short or resource)


def _comment(type_name: str, keys: Mapping[str, Any]) -> list[str]:
    """The keys as the lines of a comment."""
    scratch = Draft(SERVICE, "scratch", ImportReport())
    block = scratch.dependency(type_name, "x")
    for key, one in keys.items():
        block.put(key, one)
    lines = scratch.text().split("dependencies:\n")[-1].splitlines()
    return [line[2:] for line in lines if not re.match(r"  (?:- type:|  name: x$)", line)] or ["  (no keys)"]


# The addons of a workspace


def convert(workspace: Workspace, result: ImportResult) -> None:
    """Put the addons of every workload into its spec, and report those of the environments."""
    drafts = {each.name: each for each in result.drafts if each.kind is not ENVIRONMENT}
    for owner, sources in workspace.addons.items():
        if owner == ENVIRONMENTS:
            _of_environments(sources, workspace, result)
        elif owner in drafts:
            _of_workload(_Addons(owner, workspace, result, draft=drafts[owner]), sources)
        else:
            for source in sources:
                reason = f"no manifest of the workload {owner} becomes a spec"
                report_on(source.root, result.report, not_carried(reason))


def _read(addons: _Addons, sources: Sequence[Source]) -> None:
    """Merge the files into one template, as Copilot does."""
    for source in sources:
        template = TemplateSource(source.name, source.path, source.raw, source.named, source.folder_name)
        if not re.search(r"\.(?:ya?ml|json|template)$", source.path):
            continue
        if template.document is None:
            why = "; ".join(each.message for each in template.findings[:1])
            report_on(template.root, addons.result.report, not_carried(f"it cannot be read: {why}"))
        elif _PARAMETERS.search(source.path):
            for name, value in (template.root.get("Parameters") or template.root).children():
                addons.given[name] = value.data
                note(value, addons.draft.root, changed("its value is in the places that use the parameter"))
        else:
            addons.files.append(template)
            for name, value in template.root.children():
                _read_section(addons, name, value)


def _read_section(addons: _Addons, name: str, value: SourceValue) -> None:
    if name in _SECTIONS and isinstance(value.data, dict):
        addons.sections[name].update(_entries(addons, name, value))
        if name not in ("Resources", "Outputs"):
            addons.beside += ((name, each) for _, each in value.children())
    elif name in ("Transform", "Hooks"):
        note(value, addons.draft.root, not_carried("fsdcf runs no macros: write what this one makes of it"))
    elif name in _ABOUT:
        note(value, addons.draft.root, formal("it is about the template, and makes nothing"))
    else:
        note(value, addons.draft.root, not_carried(_NO_SECTION))


_STAYING = {
    SECRET: "and the spec names it where it is used",
    MANAGED_POLICY: "and what it allows is the access of dependencies, and statements of the task role",
}
"""What a resource that belongs to others is for."""


def _entries(addons: _Addons, section: str, value: SourceValue) -> Iterator[tuple[str, SourceValue]]:
    """The entries of a section; a resource without a type and an output without a value are reported."""
    needed = {"Resources": "Type", "Outputs": "Value"}.get(section)
    for name, each in value.children():
        if needed and _map(each.data).get(needed) is None:
            note(each, addons.draft.block, not_carried(f"it has no `{needed}`"))
        elif needed == "Type" and not isinstance(each.data["Type"], str):
            note(each, addons.draft.block, not_carried("its `Type` must be a text"))
        else:
            yield name, each


def _of_workload(addons: _Addons, sources: Sequence[Source]) -> None:
    _read(addons, sources)
    if application := addons.workspace.application:
        addons.draft.root.put("metadata.pack", application)
    grants = addons.grants()
    rest = [name for name in addons.sections["Resources"] if _is_rest(addons, name)]
    kept = _keep(addons, rest)
    for name in addons.sections["Resources"]:
        if name in kept:
            continue
        if _is_used(addons, name, grants):
            addons.depend(name, grants.get(name, ()))
        elif name not in rest:
            about = _STAYING.get(addons.type_of(name), "with what it belongs to")
            addons.say("Resources", name, changed(f"it stays in Copilot's stack, {about}"))
    addons.allow()
    for name, output in addons.outputs.items():
        if not _in_file(addons, kept, name):
            addons.say("Outputs", name, _output(addons, output))
    for section, value in addons.beside:
        note(value, addons.draft.block, _about(section, value.name))


def _about(section: str, name: str) -> KeyOutcome:
    """What became of a parameter, a mapping or a condition."""
    places = {"App": ".metadata.pack", "Name": ".metadata.name"}
    if section != "Parameters":
        return changed("it is for what stays in Copilot's stack, or in the addon")
    return carried(places[name]) if name in places else changed("its value is written where it is used")


def _is_used(addons: _Addons, name: str, grants: Mapping[str, Any]) -> bool:
    """Whether a dependency replaces a resource: the service has access to it, by a policy or by the network."""
    kind = REPLACED.get(addons.type_of(name))
    if kind is None or "DBClusterIdentifier" in addons.properties(name):
        return False
    return name in grants or (not kind.named and (kind.kind != "rds" or bool(addons.secrets_of(name))))


def _is_rest(addons: _Addons, name: str) -> bool:
    """Whether a resource is neither replaced by a dependency nor belongs to one that is."""
    kind = addons.type_of(name)
    return kind not in REPLACED and kind not in HELPERS


def _output(addons: _Addons, output: AddonOutput) -> KeyOutcome:
    """Put an output where the container gets it from."""
    block, data = addons.draft.block, addons.sections["Outputs"]
    name = next(each for each, one in addons.outputs.items() if one is output)
    if output.is_policy:
        if addons.unsaid:
            return not_carried(
                f"a part of the policy is not known here ({addons.unsaid[0]}): add it to `taskRole.statements`"
            )
        places = [".dependencies"] * bool(addons.dependencies) + ["taskRole.statements"] * bool(block.get("taskRole"))
        return changed("the access that it gives", " ".join(places))
    if output.is_group:
        return _group(addons, output)
    if output.is_secret:
        owner = addons.properties(output.resource) if addons.type_of(output.resource) else {}
        named = [each.target for each in references(owner.get("SecretId"))]
        place = addons.secret(named[0] if named else output.resource)
        put_secret(block, output.variable, place)
        if not place.startswith("secretsmanager:${"):
            return carried("secrets")
        return changed(f"its name is the variable {place.partition(':')[2]}: replace the stand-in", "secrets")
    if addons.type_of(output.resource) in REFUSED:
        return not_carried(REFUSED[addons.type_of(output.resource)])
    value = data[name].get("Value")
    text = addons.text(value.data) if value is not None else None
    if text is None:
        where = addons.variable(name, "", STAND_IN, "the output")
        put_variable(block, output.variable, where)
        return changed(f"as the variable {where}: replace the stand-in", f"environment.{output.variable}")
    return put_variable(block, output.variable, text)


def _group(addons: _Addons, output: AddonOutput) -> KeyOutcome:
    """A security group is in the network of Copilot's environment: tasks in another one cannot have it."""
    groups = addons.draft.block.get("networking.securityGroups") or ()
    if addons.is_network_shared and len(groups) >= MOST_GROUPS - 2:
        return not_carried(TOO_MANY_GROUPS)
    if addons.is_network_shared:
        name = output.resource or output.variable.title().replace("_", "")
        group = addons.variable(name, "id", _STAND_IN_GROUP, "the id")
        addons.draft.block.add("networking.securityGroups", group)
        return changed(f"its id is the variable {group}: replace the stand-in", "networking.securityGroups")
    return not_carried(
        "the group is in the network of Copilot's environment: with that network as `network.id` of the environment, "
        "add its id to `networking.securityGroups`"
    )


# What is kept as an addon


def _in_file(addons: _Addons, kept: set[str], output: str) -> bool:
    """Whether the addon that is kept has an output."""
    value = addons.sections["Outputs"][output].data
    return bool({each.target for each in references(value)} & kept)


def _keep(addons: _Addons, rest: Sequence[str]) -> set[str]:
    """Keep the files that have nothing else, and what the others have beside what dependencies replace, as addons.

    Returns the resources that are kept.
    """
    kept: set[str] = set()
    for name in rest:
        kind = addons.type_of(name)
        if _is_refused(kind):
            reason = REFUSED.get(kind, REFUSED["AWS::CloudFormation::CustomResource"])
            addons.say("Resources", name, not_carried(reason))
    for template in addons.files:
        own = {name: one for name, one in _map(template.data.get("Resources")).items() if addons.type_of(name)}
        roots = [each for each in own if each in rest and not _is_refused(addons.type_of(each))]
        names = _closure(addons, own, roots) if roots else []
        if names and _is_kept(addons, template, names):
            kept.update(names)
    return kept


def _is_kept(addons: _Addons, template: TemplateSource, names: Sequence[str]) -> bool:
    """Keep resources of a file as an addon, if it can be one, and report them."""
    stem = re.sub(r"\.[^.]+$", "", template.path.rsplit("/", 1)[-1])
    path = f"{ADDONS}/{addons.owner}/{stem}.yml"
    text = _file(addons, template, names)
    problem = _problem(addons, path, text)
    for each in names:
        how = f"{problem}: write it as an addon of your own, or deploy it as a stack of its own"
        taken = next((key for key in addons.properties(each) if _PHYSICAL.fullmatch(key)), None)
        when = f"its `{taken}` is taken as long as Copilot's stack has it: deploy it after that, or rename it"
        outcome = changed(when, f".{ADDONS}") if taken else carried(f".{ADDONS}")
        addons.say("Resources", each, not_carried(how) if problem else outcome)
    if problem:
        return False
    addons.draft.data.setdefault(ADDONS, []).append(path)
    if addons.draft.root.get("metadata.pack") is None:
        addons.draft.root.put("metadata.pack", _PACK)
    addons.result.files[f"{SERVICES}/{path}"] = text
    for each in addons.outputs:
        if _in_file(addons, set(names), each):
            addons.say("Outputs", each, carried(f".{ADDONS}"))
    return True


_PACK = "copilot"
"""The application of addons, if its name is not known."""
_PHYSICAL = re.compile(r"(?:Function|Alarm|LogGroup|StateMachine|Distribution|Stream|Repository)?Name")
"""The properties with physical names, which exist once in an account and region."""


def _map(data: Any) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _is_refused(kind: str) -> bool:
    return kind in REFUSED or kind.startswith("Custom::")


def _closure(addons: _Addons, own: Mapping[str, Any], roots: Sequence[str]) -> list[str]:
    """The resources of a file with those that they need, and the policies about them."""
    names = set(roots)
    for name in own:
        if addons.type_of(name) == MANAGED_POLICY and names & {each.target for each in references(own[name])}:
            names.add(name)
    while True:
        needed = {each.target for name in names for each in references(own[name]) if each.target in own}
        more = {each for each in needed - names if addons.type_of(each) in HELPERS}
        if not more:
            return [each for each in own if each in names]
        names |= more


def _file(addons: _Addons, template: TemplateSource, names: Sequence[str]) -> str:
    """The text of an addon: the file itself if all of it is kept as it is, else what is kept of it."""
    data = template.data
    resources = _map(data.get("Resources"))
    adapted = {name: _adapted(resources[name], addons) for name in names}
    for each in adapted.values():
        if isinstance(each.get("DependsOn"), (str, list)):
            each["DependsOn"] = [one for one in depends_on(each) if one in names]
    whole = list(names) == list(resources) and all(adapted[name] == resources[name] for name in names)
    is_open = any(hidden_parts(line) for line in template.lines if "#" in line)  # a secret in a comment
    if whole and not is_open and not (_map(data.get("Parameters")).keys() & addons.given.keys()):
        return template.text
    outputs = {
        name: {key: one for key, one in each.items() if key != "Export"}
        for name, each in _adapted(_map(data.get("Outputs")), addons).items()
        if isinstance(each, dict) and {one.target for one in references(each)} & set(names)
    }
    kept = {"Resources": adapted, **({"Outputs": outputs} if outputs else {})}
    every = {**kept, "Conditions": _map(data.get("Conditions"))}
    used = {each.target for each in references(every)} | {*re.findall(r'"Fn::FindInMap": \["(\w+)"', json.dumps(every))}
    before: dict[str, Any] = {}
    for section in ("Parameters", "Mappings", "Conditions"):
        entries = {
            name: each for name, each in _map(data.get(section)).items() if name in used or section == "Conditions"
        }
        if section == "Parameters":
            entries |= {name: {"Type": _NETWORK[name]} for name in _NETWORK if name in used and name not in entries}
        if entries:
            before[section] = entries
    return "# From the addons of Copilot, without what exists already\n" + _yaml({**before, **kept})


_NETWORK = {
    "VpcId": "AWS::EC2::VPC::Id",
    "SubnetIds": "List<AWS::EC2::Subnet::Id>",
    "TaskSecurityGroupId": "AWS::EC2::SecurityGroup::Id",
}
_EXPORTS = {"-VpcId": "VpcId", "-PrivateSubnets": "SubnetIds", "-EnvironmentSecurityGroup": "TaskSecurityGroupId"}


def _adapted(data: Any, addons: _Addons) -> Any:
    """A value with the network of the service in the place of the imports from Copilot's environment, and with the
    values of ``addons.parameters.yml``."""
    if isinstance(data, dict):
        function = function_of(data)
        if function == "Fn::ImportValue":
            name = addons.text(data[function]) or ""
            for end, parameter in _EXPORTS.items():
                if name == f"{addons.workspace.application}-${{ENV}}{end}":
                    return {"Ref": parameter}
        outside = _outside(data, addons)
        if outside is not None:
            return outside
        if function == "Fn::Split" and isinstance(data[function], list) and len(data[function]) == 2:
            inner = _adapted(data[function][1], addons)
            return inner if inner == {"Ref": "SubnetIds"} else {function: [data[function][0], inner]}
        return {key: _adapted(one, addons) for key, one in data.items()}
    if isinstance(data, list):
        return [_adapted(each, addons) for each in data]
    return data


def _outside(data: Any, addons: _Addons) -> Any:
    """The physical name or the ARN of a resource that stays in Copilot's stack, by the name that it has there."""
    target = next(iter(references(data)), None) if function_of(data) in ("Ref", "Fn::GetAtt") else None
    kind = REPLACED.get(addons.type_of(target.target)) if target else None
    if target is None or kind is None:
        return None
    name = addons.properties(target.target).get(kind.named)
    to = kind.attributes.get(target.attribute or "Ref")
    if name is None or to not in ("name", "arn") or not kind.arn:
        return None
    named = _adapted(name, addons)
    return named if to == "name" else {"Fn::Sub": [f"{kind.arn}${{Name}}", {"Name": named}]}


def _yaml(data: Any, indent: str = "") -> str:
    """A template as YAML in block style: maps by lines, everything below lists in flow style."""
    lines = []
    for key, one in data.items():
        head = f"{indent}{scalar_text(str(key))}:"
        if isinstance(one, dict) and one and function_of(one) is None:
            lines += [head, _yaml(one, f"{indent}  ").rstrip("\n")]
        else:
            lines.append(f"{head} {json.dumps(one, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _problem(addons: _Addons, path: str, text: str) -> str:
    """Why a file cannot be an addon of a spec; empty if it can."""
    fragment, _ = parse_fragment(text.encode(), path)
    if fragment is None or any(True for _ in secrets_in(fragment.data)):
        return "it contains what looks like a secret"
    data = {"metadata": {"name": addons.draft.name, "pack": addons.workspace.application or _PACK}, ADDONS: [path]}
    span = Span(path, 1, 1, 1, 2)
    document = Document(data, {(): Mark(span)}, {path: ""})
    _, _, findings = read_addons(document, addons.draft.path, "test", lambda _: text.encode())
    errors = [each for each in findings if each.severity is Severity.ERROR]
    return errors[0].message if errors else ""


# The addons of environments


def _of_environments(sources: Sequence[Source], workspace: Workspace, result: ImportResult) -> None:
    """Report the addons of environments: they stay in Copilot's stack, whose exports the specs read."""
    draft = NoDraft(ENVIRONMENT, ENVIRONMENTS, result.report)
    addons = _Addons(ENVIRONMENTS, workspace, ImportResult(result.report), draft=draft)
    _read(addons, sources)
    for section in ("Resources", "Outputs"):
        for name, value in addons.sections[section].items():
            report_on(value, result.report, _shared(addons, section, name))
    for _, value in addons.beside:
        report_on(value, result.report, changed("it is for what stays in Copilot's stack"))


def _shared(addons: _Addons, section: str, name: str) -> KeyOutcome:
    if section == "Outputs":
        export = addons.sections[section][name].get("Export.Name")
        known = addons.text(export.data) if export is not None else None
        if known:
            return changed(f"a spec reads it by ${{import:{known}}} while Copilot's stack exists")
        return not_carried("it has no export: write its value where a spec needs it")
    kind = addons.type_of(name)
    if kind in REPLACED:
        how = f"`{REPLACED[kind].name}` with `unmanaged` names it in the spec of a service that uses it"
    elif kind in HELPERS:
        return changed("it stays in Copilot's stack, with what it belongs to")
    else:
        how = "its exports are values of specs"
    return not_carried(
        f"an environment has no resources of its own: it stays in the stack of Copilot's environment, and {how}"
    )
