"""Placeholders in strings: ``${ENV}``, ``${NAME}``, pseudo parameters, secrets, attributes of dependencies, and values
that other stacks and the Parameter Store have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeGuard

PSEUDO_PARAMETERS = {
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
"""The CloudFormation pseudo parameters that a spec may use, each with a sample value for checking patterns."""

_ALIASES = {"AWS_REGION": "AWS::Region", "AWS_ACCOUNT": "AWS::AccountId"}
_FORM = re.compile(r"\$\$\{|\$\{((?:[^{}$]|\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$(?!\{))*)\}|\$\{")
_INNER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
STORED_NAMES = {
    "secrets": r"[A-Za-z0-9/_+=.@!-]{1,512}",
    "ssm": r"(?=.{1,1011}$)/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,14}",
}
"""The name of a secret in Secrets Manager, and of a parameter in Parameter Store with at most 15 levels.

Source: CreateSecret and PutParameter in the API references. Other AWS services own secrets such as ``rds!cluster-…``:
https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html
"""


EXPORT = r"[A-Za-z0-9:-]{1,255}"
"""The name of an export. CloudFormation rejects any other: "Export Name may only contain alphanumeric characters,
colons, or hyphens"."""


@dataclass(frozen=True)
class Pseudo:
    """A CloudFormation pseudo parameter, such as ``AWS::Region``."""

    name: str

    def __str__(self) -> str:
        return f"${{{self.name}}}"


@dataclass(frozen=True)
class Known:
    """A variable with its value, kept where the difference to plain text matters: ``${ENV}`` in a dependency's name."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"${{{self.name}}}"


@dataclass(frozen=True)
class SecretRef:
    """A value that ECS reads when the container starts. ``store`` is ``secrets`` or ``ssm``, ``key`` a JSON key or
    empty."""

    store: str
    name: str
    key: str = ""

    @property
    def source(self) -> str:
        """The secret as ``valueFrom`` names it: ``secretsmanager:name:key`` or ``ssm:/path``."""
        store = "ssm" if self.store == "ssm" else "secretsmanager"
        return f"{store}:{self.name}" + (f":{self.key}" if self.key else "")

    def __str__(self) -> str:
        return f"${{{self.store}:{self.name}{':' + self.key if self.key else ''}}}"


PASSWORD = "password"  # noqa: S105 - the name of an attribute
"""The attribute of a dependency that is a secret."""


@dataclass(frozen=True)
class Attribute:
    """An attribute of a dependency: ``${sqs:orders:url}``. The password of one is a secret: it is not in the template,
    and ECS reads it when a task starts."""

    kind: str
    name: str
    attribute: str

    @property
    def is_secret(self) -> bool:
        """Whether the attribute is a secret."""
        return self.attribute == PASSWORD

    def __str__(self) -> str:
        return f"${{{self.kind}:{self.name}:{self.attribute}}}"


@dataclass(frozen=True)
class ImportedValue:
    """The value of an export of another stack: ``${import:shared-vpc-id}``."""

    name: str

    def __str__(self) -> str:
        return f"${{import:{self.name}}}"


@dataclass(frozen=True)
class CompiledText:
    """What the compiler has put in the place of an attribute: a fragment for Fn::Sub."""

    fragment: str

    def __str__(self) -> str:
        return self.fragment


Part = str | Known | Pseudo | SecretRef | Attribute | ImportedValue | CompiledText


@dataclass(frozen=True)
class Text:
    """A string whose value is not fully known when compiling: literals and placeholders in order."""

    parts: tuple[Part, ...]

    def sample(self) -> str:
        """Return the text with a plausible value for every placeholder, to check patterns and lengths."""
        return "".join(map(_sample, self.parts))

    def __str__(self) -> str:
        return "".join(part.replace("${", "$${") if isinstance(part, str) else str(part) for part in self.parts)


String = str | Text


@dataclass(frozen=True)
class PlaceholderProblem:
    """An error in a placeholder. ``start`` and ``end`` are its character offsets in the text."""

    message: str
    hint: str
    start: int
    end: int


def sample(value: String) -> str:
    """Return a string's text, with plausible values for its placeholders."""
    return value if isinstance(value, str) else value.sample()


def reads_elsewhere(value: String) -> bool:
    """Return whether another stack, or a parameter of the Parameter Store, has a part of a string."""
    return not isinstance(value, str) and any(
        isinstance(part, ImportedValue) or is_parameter(part) for part in value.parts
    )


def is_whole(value: String) -> bool:
    """Return whether another stack, or a parameter of the Parameter Store, has the whole of a string."""
    return len(parts_of(value)) == 1 and reads_elsewhere(value)


def names_arn(value: String) -> bool:
    """Return whether a string is an ARN where it could be a name: what another stack exports is one as a whole."""
    return is_whole(value) or sample(value).startswith("arn:")


def is_parameter(part: Part) -> TypeGuard[SecretRef]:
    """Return whether a part is the value of a parameter of the Parameter Store: outside of the variables of a container
    a value that CloudFormation reads."""
    return isinstance(part, SecretRef) and part.store == "ssm"


_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x"
_PLAUSIBLE = ("x", "1", "0123456789abcdef0", _ARN, "arn:aws:iam::123456789012:role/x", "x.example.com")
"""Values that an export may have."""


def matches(pattern: str, value: String) -> bool:
    """Return whether a string matches a pattern as a whole; with parts from elsewhere, whether it may. A rule reports
    attributes where they are not allowed."""
    parts = parts_of(value)
    if is_whole(value) or any(isinstance(part, Attribute) for part in parts) or re.fullmatch(pattern, sample(value)):
        return True
    return reads_elsewhere(value) and any(
        re.fullmatch(pattern, "".join(each if reads_elsewhere(Text((part,))) else _sample(part) for part in parts))
        for each in _PLAUSIBLE
    )


def parts_of(value: String) -> tuple[Part, ...]:
    """Return the parts of a string; a plain string is a single literal."""
    return (value,) if isinstance(value, str) else value.parts


def parse(text: str, variables: Mapping[str, str], keep: str = "") -> tuple[String, tuple[PlaceholderProblem, ...]]:
    """Replace the placeholders of ``variables`` (ENV among them), and keep the others as parts of a Text.

    Unknown and malformed placeholders are problems and stay in the text as written. The variable ``keep`` stays a part.
    """
    if "${" not in text:
        return text, ()
    parts: list[Part] = []
    problems: list[PlaceholderProblem] = []
    position = 0

    literal: list[str] = []

    def add(part: Part) -> None:
        if isinstance(part, str):
            literal.append(part)
            return
        close()
        parts.append(part)

    def close() -> None:
        if text := "".join(literal):
            parts.append(text)
        literal.clear()

    for match in _FORM.finditer(text):
        add(text[position : match.start()])
        position = match.end()
        if match.group() == "$${":
            add("${")
            continue
        part = _read(match.group(1), variables)
        if isinstance(part, tuple):
            problems.append(PlaceholderProblem(*part, match.start(), match.end()))
            add(match.group())
        else:
            add(Known(keep, part) if isinstance(part, str) and match.group(1) == keep else part)
    add(text[position:])
    close()
    if all(isinstance(part, str) for part in parts):
        return "".join(map(str, parts)), tuple(problems)
    return Text(tuple(parts)), tuple(problems)


def _read(inner: str | None, variables: Mapping[str, str]) -> Part | tuple[str, str]:
    """Return the meaning of the text between the braces, or a message and a hint."""
    if inner is None:
        return "this placeholder has no closing brace", "close it with `}`, or write `$${` for a literal `${`"
    unknown = [name for name in _INNER.findall(inner) if name not in variables]
    if unknown:
        return _unknown(unknown[0], variables)
    inner = _INNER.sub(lambda match: variables[match.group(1)], inner)
    inner = _ALIASES.get(inner, inner)
    if inner in PSEUDO_PARAMETERS:
        return Pseudo(inner)
    if inner in variables:
        return variables[inner]
    head, _, rest = inner.partition(":")
    if head in ("secrets", "ssm", "import") and rest:
        return _elsewhere(head, rest)
    if not _NAME.fullmatch(inner) and (meant := _meant(inner)):
        return f"`${{{inner}}}` is not a placeholder", meant
    if "::" in inner:
        return f"`${{{inner}}}` is not a pseudo parameter that a spec may use", f"use {_listed(PSEUDO_PARAMETERS)}"
    fields = inner.split(":")
    if len(fields) == 3 and all(fields):
        return Attribute(*fields)
    if _NAME.fullmatch(inner):
        return _unknown(inner, variables)
    hint = "write ${ENV}, ${NAME}, ${AWS::Region}, ${secrets:path}, ${ssm:/path}, ${import:export} or "
    hint += "${kind:name:attribute}; "
    return f"`${{{inner}}}` is not a placeholder", hint + "$${ is a literal ${"


_MEANT = {
    **dict.fromkeys(("env", "environment", "environmentname", "stage", "copilotenvironmentname"), "ENV"),
    **{re.sub(r"\W", "", name).lower(): name for name in PSEUDO_PARAMETERS},
    **dict.fromkeys(("region", "awsdefaultregion"), "AWS::Region"),
    **dict.fromkeys(("account", "accountid", "awsaccount", "awsaccountid"), "AWS::AccountId"),
}
"""What a name means, in lower case and without separators."""


def _meant(inner: str) -> str:
    """Return the hint for a placeholder of another tool, or in another case; empty for any other."""
    if meant := _MEANT.get(re.sub(r"[\W_]", "", inner).lower()):
        return f"did you mean `${{{meant}}}`?"
    if other := re.fullmatch(r"(?i)(?:fn::)?import(?:value)?:+(.+)", inner):
        return f"did you mean `${{import:{other[1]}}}`?"
    store, colon, rest = inner.partition(":")
    if store == "kms" and rest and ":" not in rest:
        return f"did you mean `${{kms:{rest}:arn}}`?"
    if colon and rest and (store.lower() in ("secret", "secrets", "ssm") and store not in ("secrets", "ssm")):
        return f"did you mean `${{{'ssm' if store.lower() == 'ssm' else 'secrets'}:{rest}}}`?"
    if default := re.fullmatch(r"([A-Za-z_]\w*):?[-=].*", inner):
        return f"a placeholder has no default: write ${{{default[1]}}}, and set it with --var {default[1]}=…"
    return ""


def _unknown(name: str, variables: Iterable[str]) -> tuple[str, str]:
    if meant := _meant(name):
        return f"unknown variable `{name}`", f"{meant} To set it: --var {name}=…"
    return f"unknown variable `{name}`", f"set it with --var {name}=…; known variables: {_listed(variables)}"


def _elsewhere(store: str, rest: str) -> Part | tuple[str, str]:
    """Return a secret, a parameter or an export, or a message and a hint."""
    if store == "import":
        return _import(rest)
    if rest.startswith("arn:"):
        return f"`${{{store}:…}}` takes a name, not an ARN", "write the ARN in service.secrets, as valueFrom"
    if store == "ssm":
        if not re.fullmatch(STORED_NAMES[store], rest):
            hint = "write ${ssm:/path}, with letters, digits and _ . - / in the path, and at most 15 levels"
            return f"`${{ssm:{rest}}}` is not a valid parameter", hint
        return SecretRef("ssm", rest)
    name, _, key = rest.partition(":")
    if not re.fullmatch(STORED_NAMES[store], name) or ":" in key:
        return f"`${{secrets:{rest}}}` is not a valid secret", "write ${secrets:path} or ${secrets:path:json-key}"
    return SecretRef("secrets", name, key)


def _import(name: str) -> Part | tuple[str, str]:
    if re.fullmatch(EXPORT, name):
        return ImportedValue(name)
    hint = "write ${import:NAME} with the name of an export: at most 255 letters, digits, - and :"
    return f"`${{import:{name}}}` cannot be an export", hint


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"${{{name}}}" for name in sorted(names))


def _sample(part: Part) -> str:
    if isinstance(part, Pseudo):
        return PSEUDO_PARAMETERS[part.name]
    if isinstance(part, Known):
        return part.value
    if isinstance(part, SecretRef):
        return part.source
    if isinstance(part, ImportedValue):
        return part.name
    if isinstance(part, Attribute) and (part.kind, part.attribute) == ("kms", "arn"):
        return "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    if isinstance(part, Attribute) and part.attribute.lower().endswith("arn"):
        return "arn:aws:sqs:us-east-1:123456789012:x"
    return part if isinstance(part, str) else "x"
