"""Rules about placeholders that stay: secrets and attributes of dependencies, and where each may stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fsdcf.diagnostics import Diagnostic, Rule, SpecPath
from fsdcf.language.names import local_name
from fsdcf.language.placeholders import Attribute, SecretRef, Text
from fsdcf.language.rules.case import Case
from fsdcf.language.schema import MISPLACED

UNKNOWN_ATTRIBUTE = Rule(
    "S207",
    "an attribute of a dependency that is not there",
    "`${kind:name:attribute}` names a dependency by its kind and its name without `${ENV}`, and one of the attributes of its type.",
)
ENDS_LIKE_AN_ARN = Rule(
    "S240",
    "a secret whose name ends like an ARN",
    "The ARN of a secret is its name, a hyphen and six random characters. `${secrets:path}` is an ARN without them, and where the name "
    "itself ends in a hyphen and six characters Secrets Manager takes these for the random ones, and finds another secret or none.",
    "https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen",
)
RULES = (UNKNOWN_ATTRIBUTE, ENDS_LIKE_AN_ARN)

_RANDOM = re.compile(r".+-[A-Za-z0-9]{6}")


def references(case: Case) -> Iterator[Diagnostic]:
    for path, text in _texts(case.document.data, ()):
        for part in text.parts:
            if isinstance(part, SecretRef):
                yield from _secret(case, path, text)
                yield from _name_of_secret(case, path, part)
            elif isinstance(part, Attribute):
                yield from _attribute(case, path, part)


def _texts(data: Any, path: SpecPath) -> Iterator[tuple[SpecPath, Text]]:
    if isinstance(data, Text):
        yield path, data
    elif isinstance(data, dict):
        for key, value in data.items():
            if path or key != "environments":
                yield from _texts(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _texts(value, (*path, index))


def _secret(case: Case, path: SpecPath, text: Text) -> Iterator[Diagnostic]:
    if path[:2] != ("service", "environment"):
        yield case.at(
            MISPLACED,
            path,
            "a secret can only be the value of an environment variable",
            "move it to service.environment",
        )
    elif len(text.parts) > 1:
        hint = "give the secret a variable of its own, and put the value together in the service"
        yield case.at(MISPLACED, path, "a secret cannot be a part of a longer value", hint)


def _name_of_secret(case: Case, path: SpecPath, part: SecretRef) -> Iterator[Diagnostic]:
    if part.store != "secrets" or not _RANDOM.fullmatch(part.name):
        return
    hint = "give the secret's whole ARN in service.secrets, with its six random characters"
    yield case.at(ENDS_LIKE_AN_ARN, path, f"Secrets Manager takes the end of `{part.name}` for that of an ARN", hint)


def _attribute(case: Case, path: SpecPath, part: Attribute) -> Iterator[Diagnostic]:
    if not _takes_attribute(path):
        hint = "attributes stand in environment values, commands and the resources of IAM statements"
        yield case.at(MISPLACED, path, f"`{_written(part)}` has no place here", hint)
        return
    known = [(kind.category, local_name(one.name), kind.attributes(one)) for _, one, kind in case.dependencies()]
    named = [attributes for kind, name, attributes in known if (kind, name) == (part.kind, part.name)]
    if not named:
        names = ", ".join(dict.fromkeys(f"{kind}:{name}" for kind, name, _ in known)) or "none"
        yield case.at(
            UNKNOWN_ATTRIBUTE, path, f"no dependency `{part.kind}:{part.name}`", f"dependencies here are {names}"
        )
    elif part.attribute not in named[0]:
        hint = f"there are {', '.join(named[0])}"
        yield case.at(UNKNOWN_ATTRIBUTE, path, f"`{part.kind}:{part.name}` has no attribute `{part.attribute}`", hint)


def _takes_attribute(path: SpecPath) -> bool:
    if path[:2] in (("service", "environment"), ("service", "command"), ("service", "entryPoint")):
        return True
    role = path[:2] in (("service", "taskRole"), ("service", "executionRole"))
    return role and ("resources" in path or "conditions" in path)


def _written(part: Attribute) -> str:
    return f"${{{part.kind}:{part.name}:{part.attribute}}}"


CHECKS = (references,)
