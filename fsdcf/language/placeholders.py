"""Placeholders in strings: ``${ENV}``, ``${NAME}``, pseudo parameters, secrets and attributes of dependencies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

PSEUDO_PARAMETERS = {
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
}
"""CloudFormation's pseudo parameters that a spec may name, each with a sample for checking patterns."""

_SPELLINGS = {"AWS_REGION": "AWS::Region", "AWS_ACCOUNT": "AWS::AccountId"}
_FORM = re.compile(r"\$\$\{|\$\{((?:[^{}$]|\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$(?!\{))*)\}|\$\{")
_INNER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STORED = {
    "secrets": re.compile(r"[A-Za-z0-9/_+=.@!-]{1,512}"),
    "ssm": re.compile(r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*"),
}
"""Names that Secrets Manager and Parameter Store take. Source: CreateSecret and PutParameter in their API references;
`rds!cluster-…` and the like are secrets that other services of AWS own: https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html"""


@dataclass(frozen=True)
class Pseudo:
    """One of CloudFormation's pseudo parameters, such as ``AWS::Region``."""

    name: str


@dataclass(frozen=True)
class Known:
    """A variable with its value, where it matters that it was one: ``${ENV}`` in a dependency's name."""

    name: str
    value: str


@dataclass(frozen=True)
class SecretRef:
    """A value that ECS reads when the container starts: ``store`` is ``secrets`` or ``ssm``; ``key`` a JSON key or empty."""

    store: str
    name: str
    key: str = ""


@dataclass(frozen=True)
class Attribute:
    """An attribute of a dependency: ``${sqs:orders:url}``."""

    kind: str
    name: str
    attribute: str


Part = str | Known | Pseudo | SecretRef | Attribute


@dataclass(frozen=True)
class Text:
    """A string that is not fully known when compiling: literals and placeholders in order."""

    parts: tuple[Part, ...]

    def sample(self) -> str:
        """The text with every placeholder replaced by a plausible value, for patterns and lengths."""
        return "".join(_sample(part) for part in self.parts)

    def __str__(self) -> str:
        return "".join(_written(part) for part in self.parts)


String = str | Text


@dataclass(frozen=True)
class Problem:
    """What is wrong with a placeholder, and where in the text (character offsets)."""

    message: str
    hint: str
    start: int
    end: int


def sample(value: String) -> str:
    """A string's text, with plausible values for what is unknown."""
    return value if isinstance(value, str) else value.sample()


def parts_of(value: String) -> tuple[Part, ...]:
    """A string as parts; a plain one is a single literal."""
    return (value,) if isinstance(value, str) else value.parts


def parse(text: str, variables: Mapping[str, str], keep: str = "") -> tuple[String, tuple[Problem, ...]]:
    """Replace what is known (``variables``, among them ENV) and keep the rest as parts of a Text.

    Unknown or ill-formed placeholders are problems; they stay in the text as written. The variable ``keep`` stays a part.
    """
    if "${" not in text:
        return text, ()
    parts: list[Part] = []
    problems: list[Problem] = []
    position = 0
    for match in _FORM.finditer(text):
        _literal(parts, text[position : match.start()])
        position = match.end()
        if match.group() == "$${":
            _literal(parts, "${")
            continue
        found = _read(match.group(1), variables)
        if isinstance(found, tuple):
            problems.append(Problem(found[0], found[1], match.start(), match.end()))
            _literal(parts, match.group())
        elif isinstance(found, str) and match.group(1) == keep:
            parts.append(Known(keep, found))
        elif isinstance(found, str):
            _literal(parts, found)
        else:
            parts.append(found)
    _literal(parts, text[position:])
    if all(isinstance(part, str) for part in parts):
        return "".join(str(part) for part in parts), tuple(problems)
    return Text(tuple(parts)), tuple(problems)


def _literal(parts: list[Part], text: str) -> None:
    if text and parts and isinstance(parts[-1], str):
        parts[-1] += text
    elif text:
        parts.append(text)


def _read(inner: str | None, variables: Mapping[str, str]) -> Part | tuple[str, str]:
    """The meaning of what stands between the braces, or (message, hint)."""
    if inner is None:
        return "this placeholder has no closing brace", "close it with `}`, or write `$${` for a literal `${`"
    unknown = [name for name in _INNER.findall(inner) if name not in variables]
    if unknown:
        return _unknown(unknown[0], variables)
    inner = _INNER.sub(lambda match: variables[match.group(1)], inner)
    inner = _SPELLINGS.get(inner, inner)
    if inner in PSEUDO_PARAMETERS:
        return Pseudo(inner)
    if inner in variables:
        return variables[inner]
    head, _, rest = inner.partition(":")
    if head in ("secrets", "ssm") and rest:
        return _secret(head, rest)
    if inner.startswith("AWS::") or "::" in inner:
        return (
            f"`${{{inner}}}` is not a pseudo parameter that a spec may use",
            f"there are {_listed(PSEUDO_PARAMETERS)}",
        )
    fields = inner.split(":")
    if len(fields) == 3 and all(fields):
        return Attribute(*fields)
    if _NAME.fullmatch(inner):
        return _unknown(inner, variables)
    return (
        f"`${{{inner}}}` is not a placeholder",
        "write ${ENV}, ${NAME}, ${AWS::Region}, ${secrets:path}, ${ssm:/path} or ${kind:name:attribute}; $${ is a literal ${",
    )


def _unknown(name: str, variables: Mapping[str, str]) -> tuple[str, str]:
    return f"unknown variable `{name}`", f"give it with --var {name}=…; known here: {_listed(variables)}"


def _secret(store: str, rest: str) -> Part | tuple[str, str]:
    if rest.startswith("arn:"):
        return f"`${{{store}:…}}` takes a name, no ARN", "give the ARN in service.secrets, as valueFrom"
    if store == "ssm":
        if not _STORED["ssm"].fullmatch(rest):
            return f"`${{ssm:{rest}}}` is not a parameter", "write ${ssm:/path}, of letters, digits and _ . - /"
        return SecretRef("ssm", rest)
    name, _, key = rest.partition(":")
    if not _STORED["secrets"].fullmatch(name) or ":" in key:
        return f"`${{secrets:{rest}}}` is not a secret", "write ${secrets:path} or ${secrets:path:json-key}"
    return SecretRef("secrets", name, key)


def _listed(names: Mapping[str, str]) -> str:
    return ", ".join(f"${{{name}}}" for name in sorted(names))


def _sample(part: Part) -> str:
    if isinstance(part, Pseudo):
        return PSEUDO_PARAMETERS[part.name]
    if isinstance(part, Known):
        return part.value
    return part if isinstance(part, str) else "x"


def _written(part: Part) -> str:
    if isinstance(part, str):
        return part.replace("${", "$${")
    if isinstance(part, (Pseudo, Known)):
        return f"${{{part.name}}}"
    if isinstance(part, SecretRef):
        return f"${{{part.store}:{part.name}{':' + part.key if part.key else ''}}}"
    return f"${{{part.kind}:{part.name}:{part.attribute}}}"
