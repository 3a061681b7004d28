"""Addons: fragments of CloudFormation that a spec adds to its template, read from files beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import PurePosixPath
from posixpath import dirname, join, normpath
from typing import Any

from fsdcf.cloudformation.references import (
    depends_on,
    function_of,
    references,
    split_attribute,
    steps,
    sub_parts,
    sub_variables,
)
from fsdcf.cloudformation.types import record_of
from fsdcf.cloudformation.types.ecs import SERVICE, TASK_DEFINITION
from fsdcf.cloudformation.types.iam import IAM_NAMES
from fsdcf.cloudformation.validation import MEMBERS, SECTIONS
from fsdcf.diagnostics import Diagnostic, Rule, SpecPath, joined
from fsdcf.language.document import Document
from fsdcf.language.names import LONGEST_ID, within
from fsdcf.language.resolve import DYNAMIC_REFERENCE
from fsdcf.language.source import parse_fragment

ADDONS = "addons"
"""The key with the paths of the files; what is in one is below it, by the prefix of its names."""

UNREADABLE = Rule(
    "S605",
    "an addon that cannot be read",
    "`addons` are paths relative to the spec, of regular files of at most one MiB in the repository: templates of "
    "CloudFormation in YAML or JSON. The name of the file, in lower case and without other characters than letters and "
    "digits, becomes the prefix of all names in it, so that two addons of a spec need different ones.",
)
MALFORMED = Rule(
    "S606",
    "an addon that is not a template of CloudFormation",
    "An addon has `Resources`, and may have `Parameters`, `Mappings`, `Conditions`, `Rules` and `Outputs`, as any "
    "template. CloudFormation accepts no empty values.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html",
)
REFUSED = Rule(
    "S607",
    "a part of an addon that fsdcf does not deploy",
    "What an addon adds is planned, priced and reviewed before it is deployed. Macros, modules, nested stacks and "
    "custom resources run programs or templates whose results are not known before, and need "
    "CAPABILITY_AUTO_EXPAND; IAM resources with names of their own need CAPABILITY_NAMED_IAM, and exist once in an "
    "account. Services and tasks of ECS belong into specs, with rollout, rollback and logs.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html",
)
WITHOUT_VALUE = Rule(
    "S608",
    "a parameter of an addon without a value",
    "`Env` and `Name` are given, the environment and the name of the service, and `App`, the pack of the spec. So are "
    "`VpcId`, `SubnetIds` and `TaskSecurityGroupId`, the network of the tasks, unless the addon has a default for "
    "them. Every other parameter needs a `Default`, and becomes a parameter of the template.",
)
UNDEFINED = Rule(
    "S609",
    "an addon that refers to what it does not contain",
    "`Ref`, `Fn::GetAtt`, `Fn::Sub`, `DependsOn`, `Condition`, `Fn::If` and `Fn::FindInMap` name what is in the same "
    "file. Its network and names are given as parameters; use `overrides` to change resources of the spec.",
)
OUTPUT = Rule(
    "S610",
    "an output of an addon that cannot be used",
    "Each output becomes an environment variable of the container, `MyTableName` as `MY_TABLE_NAME`; one that is a "
    "secret of Secrets Manager becomes a secret variable, one that is a managed policy is attached to the task role, "
    "one that is a security group to the tasks. Two addons cannot give the same variable.",
)

APP = "App"
GIVEN = (APP, "Env", "Name")
"""The parameters that an addon gets, whether it has a default for them or not."""

NETWORK = ("VpcId", "SubnetIds", "TaskSecurityGroupId")
"""The parameters that an addon gets unless it has a default for them."""

NAMED_SECTIONS = ("Parameters", "Mappings", "Conditions", "Rules", "Resources", "Outputs")
"""The sections whose entries have names."""

_REFUSED_SECTIONS = ("Transform", "Hooks")

SECRET, ATTACHMENT = "AWS::SecretsManager::Secret", "AWS::SecretsManager::SecretTargetAttachment"
MANAGED_POLICY, SECURITY_GROUP = "AWS::IAM::ManagedPolicy", "AWS::EC2::SecurityGroup"
_SECRET_OF = re.compile(r"(.+\.)?SecretArn")
"""The attributes that are the ARN of a secret: of a cluster's or an instance's MasterUserSecret."""

_ID = re.compile(r"[A-Za-z0-9]{1,255}")
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])")


@dataclass(frozen=True, eq=False, repr=False)
class Addon:
    """A fragment: the prefix of its names, the path as the spec has it, and its sections as plain data, in which
    functions have their long form. ``texts`` are the values of ``Env``, ``Name`` and, with a pack, ``App``."""

    prefix: str
    file: str
    data: Mapping[str, Any]
    texts: Mapping[str, str] = field(default_factory=dict)

    def section(self, name: str) -> Mapping[str, Any]:
        """The entries of a section by name; empty if the fragment does not have it."""
        entries = self.data.get(name)
        return entries if isinstance(entries, dict) else {}

    def place(self, *path: str | int) -> SpecPath:
        """The path in the spec's document of a part of the fragment."""
        return (ADDONS, self.prefix, *path)

    def id(self, name: str) -> str:
        """The name in the template of a resource or anything else with a name: ``redisCluster`` for ``Cluster``.

        It begins in lower case, as none of fsdcf's own does. The prefix ends where the first capital begins, so that
        those of two addons differ.
        """
        first = name[:1].upper() if name[:1].isalpha() else f"X{name[:1]}"
        return within(LONGEST_ID, f"{self.prefix}{first}{name[1:]}")

    def is_given(self, parameter: str) -> bool:
        """Whether a parameter gets a value from the spec."""
        declared = self.section("Parameters").get(parameter)
        has_default = isinstance(declared, dict) and "Default" in declared
        return parameter in self.texts or (parameter in NETWORK and not has_default)

    @cached_property
    def used(self) -> frozenset[str]:
        """The parameters and resources to which something refers."""
        return frozenset(one.target for name in NAMED_SECTIONS for one in references(self.section(name)))

    def type_of(self, resource: str) -> str:
        """The type of a resource; empty if there is none."""
        found = self.section("Resources").get(resource)
        return str(found.get("Type", "")) if isinstance(found, dict) else ""

    @cached_property
    def outputs(self) -> dict[str, AddonOutput]:
        """What each output becomes, by name."""
        return {
            name: _output(self, name, one["Value"])
            for name, one in self.section("Outputs").items()
            if isinstance(one, dict) and "Value" in one
        }


@dataclass(frozen=True)
class AddonOutput:
    """What an output becomes: its variable, and whether it is a secret, a managed policy or a security group.

    ``resource`` is what it refers to, empty for any other value.
    Source: https://aws.github.io/copilot-cli/docs/developing/addons/workload/
    """

    variable: str
    resource: str = ""
    is_secret: bool = False
    is_policy: bool = False
    is_group: bool = False


def _output(addon: Addon, name: str, value: Any) -> AddonOutput:
    function = function_of(value)
    resource, attribute = "", ""
    if function == "Ref" and isinstance(value["Ref"], str):
        resource = value["Ref"]
    elif function == "Fn::GetAtt" and (parts := split_attribute(value["Fn::GetAtt"])):
        resource, attribute = parts
    type = addon.type_of(resource)
    return AddonOutput(
        _WORDS.sub("_", name).upper(),
        resource,
        is_secret=(type in (SECRET, ATTACHMENT) and attribute in ("", "Id"))
        or bool(type and _SECRET_OF.fullmatch(attribute)),
        is_policy=type == MANAGED_POLICY and attribute in ("", "PolicyArn"),
        is_group=(type == SECURITY_GROUP and attribute in ("", "GroupId"))
        or (not type and name.endswith("SecurityGroup")),
    )


def read_addons(
    document: Document, name: str, environment: str, read: Callable[[str], bytes]
) -> tuple[Document, tuple[Addon, ...], list[Diagnostic]]:
    """Return the document of a spec with the positions of its addons, the addons, and the findings about them.

    ``name`` is that of the spec for messages, ``read`` reads a file by its path relative to the spec; its OSError or
    ValueError becomes a finding.
    """
    revision, colon, path = name.rpartition(":")
    paths = document.data.get(ADDONS)
    addons: dict[str, Addon] = {}
    findings: list[Diagnostic] = []
    for index, file in enumerate(paths if isinstance(paths, list) else ()):
        if not isinstance(file, str):
            continue  # another finding reports the value
        here, prefix = (ADDONS, index), re.sub(r"[^a-z0-9]", "", PurePosixPath(file).stem.lower())
        if not prefix or prefix in addons:
            why = f"has the same prefix as `{addons[prefix].file}`" if prefix else "has no letters in its name"
            hint = "give the file another name, such as redis.yml: it becomes the prefix of the names in it"
            findings.append(UNREADABLE.at(document.span(here), here, f"the addon `{file}` {why}", hint))
            continue
        try:
            raw = read(file)
        except (OSError, ValueError) as error:
            message = f"the addon `{file}` cannot be read: {getattr(error, 'strerror', None) or error}"
            hint = "write the path of a file in the repository, relative to the spec"
            findings.append(UNREADABLE.at(document.span(here), here, message, hint))
            continue
        shown = revision + colon + normpath(join(dirname(path), file))
        fragment, problems = parse_fragment(raw, shown)
        findings += problems
        if fragment is not None:
            own = {"Name": document.value(("metadata", "name")), APP: document.value(("metadata", "pack"))}
            texts = {key: text for key, text in own.items() if isinstance(text, str) and text}
            addons[prefix] = Addon(prefix, file, fragment.data, {"Env": environment, **texts})
            document = _with(document, addons[prefix], fragment)
        else:
            document = replace(document, sources={**document.sources, shown: raw.decode("utf-8", "replace")})
    for addon in addons.values():
        findings += (one for one in _check(addon, document) if not document.allows(one))
    findings += _same_variables(addons.values(), document)
    return document, tuple(addons.values()), findings


def _with(document: Document, addon: Addon, fragment: Document) -> Document:
    """The document of a spec with the positions in a fragment."""
    return replace(
        document,
        marks={**document.marks, **{addon.place(*path): mark for path, mark in fragment.marks.items()}},
        sources={**document.sources, **fragment.sources},
        allowed={**document.allowed, **fragment.allowed},
        fragments={**document.fragments, addon.prefix: fragment.data},
    )


_Found = Iterator[tuple[Rule, SpecPath, str, str]]
"""The rule, the path in the fragment, the message and the hint of a finding."""


def _check(addon: Addon, document: Document) -> Iterator[Diagnostic]:
    """Yield the findings about a fragment. What is malformed is not looked into."""
    checks = (_refused, _values, _uses, _outputs)
    form = [*_expanded(addon), *_form(addon)]
    for rule, path, message, hint in form or (one for check in checks for one in check(addon)):
        place = addon.place(*path)
        span = document.span(place) if rule is UNDEFINED else document.key_span(place)
        yield rule.at(span, place, message, hint)


def _form(addon: Addon) -> _Found:
    known = sorted(SECTIONS.difference(_REFUSED_SECTIONS))
    for name, section in addon.data.items():
        if name not in SECTIONS:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"a template has {joined(known, 'and')}"
            yield MALFORMED, (name,), f"a template has no section `{name}`", hint
        elif name in NAMED_SECTIONS and not isinstance(section, dict):
            yield MALFORMED, (name,), f"`{name}` must be a map of names", "write `NAME:`, and its keys below it"
    if not addon.data.get("Resources"):
        yield MALFORMED, (), "the addon has no `Resources`", "write the resources of CloudFormation below `Resources`"
    for path, function in _functions(addon.data, ()):
        takes = _TAKES.get(function)
        if takes and not takes[0](_at(addon.data, path)):
            yield (
                MALFORMED,
                path,
                f"`{function}` takes {takes[1]}",
                f"write `{takes[2]}`",
            )
    for path in _nulls(addon.data, ()):
        yield MALFORMED, path, f"`{path[-1]}` is empty", "write a value, or leave out the key"
    for name in NAMED_SECTIONS:
        yield from _section_form(addon, name)
    for key, one in addon.section("Resources").items():
        yield from _resource_form(("Resources", key), one)


def _section_form(addon: Addon, section: str) -> _Found:
    """The names in a section, and what each entry needs."""
    taken: dict[str, str] = {}
    needed = {"Parameters": "Type", "Outputs": "Value"}.get(section)
    for key, one in addon.section(section).items():
        if _is_expanded(key):
            continue  # refused
        if not _ID.fullmatch(key):
            yield MALFORMED, (section, key), f"`{key}` is not a valid name", "use letters and digits"
        elif (other := taken.setdefault(addon.id(key), key)) != key:
            yield MALFORMED, (section, key), f"`{key}` and `{other}` would have the same name", "rename one of them"
        if needed and (not isinstance(one, dict) or needed not in one):
            yield MALFORMED, (section, key), f"`{key}` has no `{needed}`", f"write `{needed}`"
        elif section == "Outputs":
            yield from _condition_form((section, key), one)


def _resource_form(path: SpecPath, one: Any) -> _Found:
    if _is_expanded(str(path[-1])):
        return  # refused
    if not isinstance(one, dict) or not isinstance(one.get("Type"), str):
        yield MALFORMED, path, f"the resource `{path[-1]}` has no `Type`", "write a type such as AWS::S3::Bucket"
        return
    for member in one:
        if member not in MEMBERS:
            near = get_close_matches(member, sorted(MEMBERS), 1)
            hint = f"did you mean `{near[0]}`?" if near else "move it below `Properties`"
            yield MALFORMED, (*path, member), f"a resource has no `{member}`", hint
    if not isinstance(one.get("Properties"), (dict, type(None))):
        yield MALFORMED, (*path, "Properties"), "`Properties` must be a map", "write `NAME: value` lines"
    if not isinstance(one.get("Metadata", {}), dict) or function_of(one.get("Metadata")):
        yield MALFORMED, (*path, "Metadata"), "`Metadata` must be a map", "write `NAME: value` lines"
    depends = one.get("DependsOn", [])
    if not isinstance(depends, (str, list)) or not all(isinstance(each, str) for each in depends):
        yield MALFORMED, (*path, "DependsOn"), "`DependsOn` must be a name or a list of names", "write [A, B]"
    yield from _condition_form(path, one)


def _condition_form(path: SpecPath, one: Mapping[str, Any]) -> _Found:
    if not isinstance(one.get("Condition", ""), str):
        yield MALFORMED, (*path, "Condition"), "`Condition` must be the name of a condition", "add it to `Conditions`"


def _nulls(value: Any, path: SpecPath) -> Iterator[SpecPath]:
    if value is None:
        yield path
    for step, child in steps(value):
        yield from _nulls(child, (*path, step))


def _at(value: Any, path: SpecPath) -> Any:
    for step in path:
        value = value[step]
    return value


def _listed_as(least: int, most: int, first: type = object) -> Callable[[Any], bool]:
    """Whether an argument is a list of so many items, the first one of a type."""

    def fits(argument: Any) -> bool:
        return isinstance(argument, list) and least <= len(argument) <= most and isinstance(argument[0], first)

    return fits


def _is_value(argument: Any) -> bool:
    return isinstance(argument, (str, dict))


def _is_attribute(argument: Any) -> bool:
    by_function = _listed_as(2, 2, str)(argument) and isinstance(argument[1], dict)
    return by_function or split_attribute(argument) is not None


_TAKES: Mapping[str, tuple[Callable[[Any], bool], str, str]] = {
    "Ref": (lambda argument: isinstance(argument, str), "a name", "!Ref Name"),
    "Fn::GetAtt": (_is_attribute, "a resource and an attribute", "!GetAtt Table.Arn"),
    "Fn::Sub": (
        lambda argument: sub_parts(argument) is not None,
        "a text, or a text and a map of variables",
        "!Sub '${Env}-${Name}'",
    ),
    "Fn::If": (_listed_as(3, 3, str), "a condition and two values", "!If [IsProd, 7, 1]"),
    "Fn::FindInMap": (_listed_as(3, 4, str), "a mapping and two keys", "!FindInMap [Sizes, !Ref Env, Nodes]"),
    "Fn::Join": (_listed_as(2, 2, str), "a separator and a list", "!Join [',', [a, b]]"),
    "Fn::Select": (_listed_as(2, 2), "an index and a list", "!Select [0, !Ref SubnetIds]"),
    "Fn::Split": (_listed_as(2, 2), "a separator and a text", "!Split [',', 'a,b']"),
    "Fn::Cidr": (_listed_as(2, 3), "a block, a count and a number of bits", "!Cidr [10.0.0.0/16, 4, 8]"),
    "Fn::Equals": (_listed_as(2, 2), "two values", "!Equals [!Ref Env, prod]"),
    "Fn::Not": (_listed_as(1, 1), "a list of one condition", "!Not [!Condition IsProd]"),
    **dict.fromkeys(
        ("Fn::And", "Fn::Or"), (_listed_as(2, 10), "a list of 2 to 10 conditions", "[!Condition A, !Condition B]")
    ),
    **dict.fromkeys(
        ("Fn::ImportValue", "Fn::Base64", "Fn::GetAZs"),
        (_is_value, "a text or a function", "!Sub '${App}-${Env}-VpcId'"),
    ),
}
"""The arguments of each function, in words, and an example.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html"""


def _is_expanded(function: str) -> bool:
    """Whether only a macro or a transform can read a function."""
    return function == "Fn::Transform" or function.startswith("Fn::ForEach")


def _expanded(addon: Addon) -> _Found:
    """What only a macro or a transform can read."""
    for name in _REFUSED_SECTIONS:
        if name in addon.data:
            hint = "run `sam package` or the macro yourself, and write what comes out of it"
            yield REFUSED, (name,), f"`{name}` would need CAPABILITY_AUTO_EXPAND", hint
    for path, function in _functions(addon.data, ()):
        if _is_expanded(function):
            hint = "write what comes out of it: a file for each, or each resource"
            yield REFUSED, path, f"`{function}` would need CAPABILITY_AUTO_EXPAND", hint


def _refused(addon: Addon) -> _Found:
    for name, one in addon.section("Resources").items():
        yield from _refused_type(one["Type"], ("Resources", name, "Type"))
        named = IAM_NAMES.get(one["Type"])
        if named and named in one.get("Properties", {}):
            hint = f"leave out `{named}`: CloudFormation makes a name, and `!Ref {name}` or `!GetAtt {name}.Arn` has it"
            yield REFUSED, ("Resources", name, "Properties", named), f"`{named}` needs CAPABILITY_NAMED_IAM", hint


def _refused_type(type: str, path: SpecPath) -> _Found:
    if type.endswith("::MODULE") or type.startswith("AWS::Serverless::"):
        hint = "write the resources that come out of it"
        yield REFUSED, path, f"`{type}` would need CAPABILITY_AUTO_EXPAND", hint
    elif type in (SERVICE, TASK_DEFINITION):
        hint = "write a spec of its own for another service, and the settings of this one in the spec or `overrides`"
        yield REFUSED, path, f"`{type}` belongs to a spec", hint
    elif not record_of(type).simulation.supported:
        hint = "write the resources themselves, or deploy a stack of its own and use its exports by Fn::ImportValue"
        yield REFUSED, path, f"only `{type}` itself knows what it does", hint


def _functions(value: Any, path: SpecPath) -> Iterator[tuple[SpecPath, str]]:
    function = function_of(value)
    for step, child in steps(value):
        if isinstance(step, str) and (step == function or step.startswith("Fn::")):
            yield (*path, step), step
        yield from _functions(child, (*path, step))


def _values(addon: Addon) -> _Found:
    """The parameters that nothing gives a value, or none that they allow."""
    for name, one in addon.section("Parameters").items():
        allowed, text = one.get("AllowedValues"), addon.texts.get(name)
        if text is not None and isinstance(allowed, list) and text not in map(str, allowed):
            hint = f"add `{text}` to the AllowedValues, or choose another addon for it in `environments`"
            place: SpecPath = ("Parameters", name, "AllowedValues")
            yield WITHOUT_VALUE, place, f"`{name}` is `{text}`, which the parameter does not allow", hint
        if "Default" in one or addon.is_given(name) or name not in addon.used:
            continue
        if name == APP:
            hint = "write `pack` in the metadata of the spec, or leave `App` out of the addon"
            yield WITHOUT_VALUE, ("Parameters", name), "`App` is the pack of the spec, which has none", hint
        else:
            hint = f"write a `Default`, or use one of {joined((*GIVEN, *NETWORK))}"
            yield WITHOUT_VALUE, ("Parameters", name), f"nothing gives the parameter `{name}` a value", hint


def _uses(addon: Addon) -> _Found:
    """What is named and does not exist."""
    parameters, resources = addon.section("Parameters"), addon.section("Resources")
    known: Mapping[str, Collection[str]] = {
        "parameter": parameters,
        "resource": resources,
        "resource or parameter": {**parameters, **resources},
        "condition": addon.section("Conditions"),
        "mapping": addon.section("Mappings"),
    }
    for section in NAMED_SECTIONS:
        early = section in ("Conditions", "Rules")
        for path, name, kind in _named(addon.section(section), (section,)):
            if kind == "one condition" and not early:
                continue  # of a policy, say
            kind = {"one condition": "condition"}.get(kind, "parameter" if early and "resource" in kind else kind)
            if name not in known[kind]:
                yield _missing(name, path, kind, known[kind])
    for section in ("Resources", "Outputs"):
        for title, one in addon.section(section).items():
            named = [(each, "DependsOn", "resource") for each in depends_on(one)]
            named += [(one["Condition"], "Condition", "condition")] if "Condition" in one else []
            for name, key, kind in named:
                if name not in known[kind]:
                    yield _missing(name, (section, title, key), kind, known[kind])


def _named(value: Any, path: SpecPath) -> Iterator[tuple[SpecPath, str, str]]:
    """Every name in a value, its path, and the kind of what it names."""
    function = function_of(value)
    argument = value[function] if function else None
    here = (*path, function) if function else path
    first = argument[0] if isinstance(argument, list) and argument else None
    if function == "Ref" and isinstance(argument, str) and not argument.startswith("AWS::"):
        yield here, argument, "resource or parameter"
    elif function == "Fn::GetAtt" and (parts := split_attribute(argument)):
        yield here, parts[0], "resource"
    elif function == "Fn::Sub" and (sub := sub_parts(argument)):
        for match in sub_variables(sub[0]):
            name, dot, _ = match[2].partition(".")
            if not match[1] and match[2] not in sub[1] and not name.startswith("AWS::"):
                yield here, name, "resource" if dot else "resource or parameter"
    elif function in _NAMING and isinstance(first, str):
        yield here, first, _NAMING[function]
    elif isinstance(value, Mapping) and set(value) == {"Condition"} and isinstance(value["Condition"], str):
        yield (*path, "Condition"), value["Condition"], "one condition"
    for step, child in steps(value):
        yield from _named(child, (*path, step))


_NAMING = {"Fn::If": "condition", "Fn::FindInMap": "mapping", "Fn::ValueOf": "parameter"}
"""The functions whose first argument is a name, and what it names."""


def _missing(name: Any, path: SpecPath, kind: str, known: Any) -> tuple[Rule, SpecPath, str, str]:
    near = get_close_matches(str(name), sorted(known), 1)
    hint = f"did you mean `{near[0]}`?" if near else f"an addon refers to what is in its file; it has {_listed(known)}"
    return UNDEFINED, path, f"the addon has no {kind} `{name}`", hint


def _listed(names: Any) -> str:
    return joined(sorted(names), "and") if names else "none"


def _outputs(addon: Addon) -> _Found:
    for name, one in addon.section("Outputs").items():
        output = addon.outputs[name]
        if output.is_secret and "Condition" in one:
            hint = "leave out `Condition`, or write the variable in service.secrets"
            yield OUTPUT, ("Outputs", name, "Condition"), "a secret variable exists in every case", hint
        if "{{resolve:" in str(one["Value"]):
            hint = "output the secret itself, `!Ref` of it: the variable is then a secret one"
            yield DYNAMIC_REFERENCE, ("Outputs", name), "a dynamic reference would put a secret in plain text", hint


def _same_variables(addons: Any, document: Document) -> Iterator[Diagnostic]:
    taken: dict[str, Addon] = {}
    for addon in addons:
        for name, output in addon.outputs.items():
            other = taken.setdefault(output.variable, addon)
            if other is not addon and not output.is_policy:
                place = addon.place("Outputs", name)
                message = f"`{other.file}` has an output for the variable {output.variable}, too"
                yield OUTPUT.at(document.key_span(place), place, message, "rename one of the outputs")
