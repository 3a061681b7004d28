"""Addons: their fragments in the one template, with names of their own, and what their outputs add to the task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from troposphere import AWSHelperFn, GetAtt, encode_to_dict

from fsdcf.cloudformation.references import (
    conditions_used,
    depends_on,
    function_of,
    references,
    split_attribute,
    steps,
    sub_parts,
    sub_variables,
)
from fsdcf.compiler.parts.secrets import ContainerSecret
from fsdcf.compiler.stack import TASK_SECURITY_GROUP, Context, Origin, StackPart, Variable
from fsdcf.compiler.text import literal, value

if TYPE_CHECKING:
    from fsdcf.language.addon import Addon, AddonOutput

_NO_VALUE = {"Ref": "AWS::NoValue"}


class _Written(AWSHelperFn):  # type: ignore[misc]
    """A value as an addon has it, for a property of another resource."""

    def __init__(self, data: Any) -> None:
        self.data = data


def addons(context: Context) -> StackPart:
    """What every addon adds. The service waits for the resources to which nothing of the task refers."""
    part = StackPart()
    for addon in sorted(context.addons, key=lambda addon: addon.prefix):
        _Fragment(addon, _given(addon, context)).add_to(part)
    part.managed_policies = _distinct(part.managed_policies)
    part.groups = _distinct(part.groups, TASK_SECURITY_GROUP, *map(value, context.service.networking.security_groups))
    return part


def _distinct(listed: list[tuple[Any, str]], *others: Any) -> list[tuple[Any, str]]:
    """The values of outputs without those that are listed before: AWS rejects a policy or a group that is named
    twice."""
    known, kept = [encode_to_dict(other) for other in others], []
    for one, origin in listed:
        if (data := encode_to_dict(one)) not in known:
            known.append(data)
            kept.append((one, origin))
    return kept


def _given(addon: Addon, context: Context) -> dict[str, Any]:
    """The values of the parameters that the spec gives."""
    values = {
        **addon.texts,
        "VpcId": context.network.vpc,
        "SubnetIds": list(context.network.task_subnets),
        "TaskSecurityGroupId": TASK_SECURITY_GROUP,
    }
    declared = addon.section("Parameters")
    return {name: encode_to_dict(value) for name, value in values.items() if name in declared and addon.is_given(name)}


def _firsts(value: Any) -> Iterator[str]:
    """The names with which functions begin: of mappings, and of parameters in rules."""
    if function_of(value) in ("Fn::FindInMap", "Fn::ValueOf"):
        yield from (str(one[0]) for one in value.values() if isinstance(one, list) and one)
    for _, child in steps(value):
        yield from _firsts(child)


def _as_text(value: Any) -> Any:
    """The value of an output, which is a text, or a function."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


class _Fragment:
    """A fragment on its way into the template: what it names gets the prefix, the given parameters their values, and a
    condition that only depends on these is decided."""

    def __init__(self, addon: Addon, given: Mapping[str, Any]) -> None:
        self.addon = addon
        self.given = given
        self.decided: dict[str, bool] = {}
        self.conditions: dict[str, Any] = {}
        for name in addon.section("Conditions"):
            self._condition(name)
        self.resources = {name: one for name, one in addon.section("Resources").items() if self._exists(one)}

    def add_to(self, part: StackPart) -> None:
        """Add the fragment to a part of the stack."""
        addon = self.addon
        outputs = {name: one for name, one in addon.section("Outputs").items() if self._exists(one)}
        sections: dict[str, Mapping[str, Any]] = {
            "Rules": {name: self.value(one, True) for name, one in addon.section("Rules").items()},
            "Resources": {name: self._member(one) for name, one in self.resources.items()},
            "Outputs": {
                name: {**self._member(one), "Value": _as_text(self.value(one["Value"]))}
                for name, one in outputs.items()
            },
        }
        sections |= self._needed(sections)
        for section, entries in sections.items():
            for name, one in entries.items():
                part.fragments.setdefault(section, {})[addon.id(name)] = one
                part.places[section, addon.id(name)] = self._place(section, name)
        for name in self.resources:
            place = self._place("Resources", name)
            part.origins[addon.id(name)] = Origin(place, {(): f"{place}.Properties"})
        used = {one.target for output in outputs.values() for one in references(output)}
        part.waits += [addon.id(name) for name in self._last() if name not in used]
        for name, one in sections["Outputs"].items():
            self._use(part, name, addon.outputs[name], one)

    def _needed(self, sections: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The conditions, mappings and parameters that are used, now that some conditions are decided."""
        named = {*conditions_used(sections)}
        while more := {name for each in named for name in conditions_used(self._named_condition(each))} - named:
            named |= more
        conditions = {name: one for name, one in self.conditions.items() if self.addon.id(name) in named}
        used = {one.target for one in references([sections, conditions])} | {*_firsts([sections, conditions])}
        kept = {
            section: {name: one for name, one in self.addon.section(section).items() if self.addon.id(name) in used}
            for section in ("Parameters", "Mappings")
        }
        return {**kept, "Conditions": conditions}

    def _named_condition(self, id: str) -> Any:
        return next((one for name, one in self.conditions.items() if self.addon.id(name) == id), None)

    def _place(self, section: str, name: str) -> str:
        return ".".join(map(str, self.addon.place(section, name)))

    def _last(self) -> Iterator[str]:
        """The resources that no other one of the fragment needs, and that always exist."""
        needed = {one.target for each in self.resources.values() for one in references(each)}
        needed |= {name for each in self.resources.values() for name in depends_on(each)}
        for name, one in self.resources.items():
            if name not in needed and self.decided.get(one.get("Condition", ""), "Condition" not in one):
                yield name

    def _use(self, part: StackPart, name: str, output: AddonOutput, one: Mapping[str, Any]) -> None:
        """Add what an output becomes: a policy, a security group, and a variable or a secret."""
        origin, value = self._place("Outputs", name), one["Value"]
        condition = one.get("Condition")
        if output.is_policy or output.is_group:
            listed = {"Fn::If": [condition, value, _NO_VALUE]} if condition else value
            (part.managed_policies if output.is_policy else part.groups).append((_Written(listed), origin))
        if output.is_secret:
            text = self._fragment(value)
            action, key = "secretsmanager:GetSecretValue", self._key_of(output.resource)
            part.secrets.append(ContainerSecret(output.variable, text, action, text, origin, key))
        elif not output.is_policy:
            value = {"Fn::If": [condition, value, ""]} if condition else value
            part.variables[output.variable] = Variable("", origin, _Written(value))

    def _fragment(self, value: Mapping[str, Any]) -> str:
        """A Ref or Fn::GetAtt as a fragment for Fn::Sub."""
        return f"${{{value['Ref'] if 'Ref' in value else '.'.join(value['Fn::GetAtt'])}}}"

    def _key_of(self, resource: str) -> Any:
        """The KMS key of the customer that encrypts a secret; None for the key of AWS for the account, and for an
        alias, which no policy can name."""
        secret = self.resources[resource].get("Properties", {})
        if isinstance(owner := secret.get("SecretId"), dict):
            secret = self.resources.get(str(owner.get("Ref")), {}).get("Properties", {})
        key = (secret.get("MasterUserSecret") or secret).get("KmsKeyId")
        if not isinstance(key, dict):
            return key if str(key).startswith("arn:") else None
        named = next(references(key), None)
        if named is not None and self.addon.type_of(named.target) == "AWS::KMS::Key":
            return GetAtt(self.addon.id(named.target), "Arn")
        return _Written(self.value(key))

    # Conditions that are known

    def _exists(self, one: Mapping[str, Any]) -> bool:
        return self.decided.get(str(one.get("Condition")), True)

    def _condition(self, name: str) -> bool | None:
        """Whether a condition is true; None if a parameter decides it, and for one that names itself."""
        if name not in self.decided and name not in self.conditions:
            self.conditions[name] = None
            value = self._decide(self.addon.section("Conditions")[name])
            if isinstance(value, bool):
                del self.conditions[name]
                self.decided[name] = value
            else:
                self.conditions[name] = value
        return self.decided.get(name)

    def _decide(self, value: Any) -> Any:
        """A condition without what is known: true or false if all of it is."""
        function = function_of(value)
        if isinstance(value, dict) and isinstance(value.get("Condition"), str):
            named = value["Condition"] in self.addon.section("Conditions")
            known = self._condition(value["Condition"]) if named else None
            return self.value(value, True) if known is None else known
        argument = value[function] if function else None
        if function == "Fn::Equals" and isinstance(argument, list) and len(argument) == 2:
            sides = self.value(argument, True)
            is_open = any(isinstance(side, (dict, list)) for side in sides)
            return {function: sides} if is_open else _as_text(sides[0]) == _as_text(sides[1])
        if function not in ("Fn::And", "Fn::Or", "Fn::Not") or not isinstance(argument, list):
            return self.value(value, True)
        parts = [self._decide(one) for one in argument]
        if function == "Fn::Not":
            return not parts[0] if isinstance(parts[0], bool) else {function: parts}
        decisive = function == "Fn::Or"
        if decisive in [one for one in parts if isinstance(one, bool)]:
            return decisive
        open_ = [one for one in parts if not isinstance(one, bool)]
        return not decisive if not open_ else open_[0] if len(open_) == 1 else {function: open_}

    # Names and values

    def _member(self, one: Mapping[str, Any]) -> dict[str, Any]:
        """A resource or an output with new names."""
        out = {key: value if key == "Type" else self.value(value) for key, value in one.items()}
        if (condition := one.get("Condition")) is not None:
            out["Condition"] = self.addon.id(condition)
            if condition in self.decided:
                del out["Condition"]
        if "DependsOn" in one:
            out["DependsOn"] = [self.addon.id(name) for name in depends_on(one) if name in self.resources]
            if not out["DependsOn"]:
                del out["DependsOn"]
        return out

    def value(self, value: Any, in_conditions: bool = False) -> Any:
        """A value with new names, and the given ones in place of their parameters."""
        if isinstance(value, list):
            return [self.value(one, in_conditions) for one in value]
        if not isinstance(value, Mapping):
            return value
        function = function_of(value)
        argument = value[function] if function else None
        if function == "Ref" and isinstance(argument, str):
            return self.given[argument] if argument in self.given else {function: self._name(argument)}
        if function == "Fn::GetAtt" and (parts := split_attribute(argument)):
            return {function: [self._name(parts[0]), parts[1]]}
        if function == "Fn::GetAtt" and isinstance(argument, list) and argument:
            return {function: [self._name(argument[0]), *self.value(argument[1:], in_conditions)]}
        if function == "Fn::Sub" and (sub := sub_parts(argument)):
            return self._sub(*sub, in_conditions)
        if function in ("Fn::If", "Fn::FindInMap", "Fn::ValueOf") and isinstance(argument, list) and argument:
            return self._named_first(function, argument, in_conditions)
        if in_conditions and set(value) == {"Condition"} and isinstance(value["Condition"], str):
            return {"Condition": self.addon.id(value["Condition"])}
        return {key: self.value(one, in_conditions) for key, one in value.items()}

    def _named_first(self, function: str, argument: list[Any], in_conditions: bool) -> Any:
        """A function whose first argument is a name: the branch of an Fn::If whose condition is known."""
        name, *rest = argument
        if function == "Fn::If" and name in self.decided and len(rest) == 2:
            return self.value(rest[0 if self.decided[name] else 1], in_conditions)
        first = self.addon.id(name) if isinstance(name, str) else self.value(name, in_conditions)
        return {function: [first, *self.value(rest, in_conditions)]}

    def _name(self, name: Any) -> Any:
        known = isinstance(name, str) and (
            name in self.addon.section("Resources") or name in self.addon.section("Parameters")
        )
        return self.addon.id(name) if known else name

    def _sub(self, text: str, variables: Mapping[str, Any], in_conditions: bool) -> Any:
        """An Fn::Sub with new names; a text if no variable is left."""
        own = {name: self.value(one, in_conditions) for name, one in variables.items()}
        parts, end, is_text = [], 0, True
        for match in sub_variables(text):
            parts.append(text[end : match.start()])
            end, name = match.end(), match[2]
            target, dot, attribute = name.partition(".")
            if match[1] or name in own:
                parts.append(match[0])
            elif isinstance(self.given.get(name), str):
                parts.append(literal(self.given[name]))
                continue
            elif name in self.given:
                own[name] = self.given[name]
                parts.append(match[0])
            else:
                parts.append(f"${{{self._name(target)}{dot}{attribute}}}")
            is_text = is_text and bool(match[1])
        whole = "".join((*parts, text[end:]))
        if is_text:
            return whole.replace("${!", "${")
        return {"Fn::Sub": [whole, own] if own else whole}
