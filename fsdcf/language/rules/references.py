"""Rules about placeholders that the compiler keeps: secrets and attributes of dependencies, and where each is
allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fsdcf.diagnostics import SpecPath
from fsdcf.language.names import local_name
from fsdcf.language.placeholders import Attribute, SecretRef, Text
from fsdcf.language.rules.case import Case, Problem, Problems, rule

_LIKE_AN_ARN = re.compile(r".+-[A-Za-z0-9]{6}")


def _attributes(case: Case) -> Iterator[tuple[SpecPath, Attribute]]:
    for path, text in case.texts:
        yield from ((path, part) for part in text.parts if isinstance(part, Attribute))


def _secrets(case: Case) -> Iterator[tuple[SpecPath, Text, SecretRef]]:
    for path, text in case.texts:
        yield from ((path, text, part) for part in text.parts if isinstance(part, SecretRef))


def _takes_attribute(path: SpecPath) -> bool:
    if path[:2] in (("service", "environment"), ("service", "command"), ("service", "entryPoint")):
        return True
    role = path[:2] in (("service", "taskRole"), ("service", "executionRole"))
    return role and ("resources" in path or "conditions" in path)


@rule("S208", "a placeholder where it is not allowed")
def misplaced(case: Case) -> Problems:
    """Attributes of dependencies are allowed in environment values, commands and the resources of IAM statements. A
    secret must be the whole value of an environment variable. Only CloudFormation knows the value of a pseudo
    parameter, so names and numbers cannot contain one."""
    for path, text, _ in _secrets(case):
        if path[:2] != ("service", "environment"):
            yield Problem(
                path, "a secret can only be the value of an environment variable", "move it to service.environment"
            )
        elif len(text.parts) > 1:
            hint = "give the secret its own variable, and combine the values in the service"
            yield Problem(path, "a secret cannot be part of a longer value", hint)
    for path, part in _attributes(case):
        if not _takes_attribute(path):
            hint = "attributes are allowed in environment values, commands and the resources of IAM statements"
            yield Problem(path, f"`{part}` is not allowed here", hint)


@rule("S207", "an unknown attribute of a dependency")
def unknown_attribute(case: Case) -> Problems:
    """`${kind:name:attribute}` names a dependency by its kind and its name without `${ENV}`, and one of the
    attributes of its type."""
    known = [
        (f"{kind.category}:{local_name(dependency.name)}", kind.attributes(dependency))
        for _, dependency, kind in case.dependencies()
    ]
    for path, part in _attributes(case):
        if not _takes_attribute(path):
            continue
        named = f"{part.kind}:{part.name}"
        attributes = next((attributes for name, attributes in known if name == named), None)
        if attributes is None:
            names = ", ".join(dict.fromkeys(name for name, _ in known))
            hint = f"known dependencies: {names}" if names else "the spec has no dependencies"
            yield Problem(path, f"unknown dependency `{named}`", hint)
        elif part.attribute not in attributes:
            yield Problem(
                path, f"`{named}` has no attribute `{part.attribute}`", f"known attributes: {', '.join(attributes)}"
            )


@rule(
    "S240",
    "a secret whose name ends like an ARN",
    "https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen",
)
def name_like_an_arn(case: Case) -> Problems:
    """The ARN of a secret is its name, a hyphen and six random characters. `${secrets:path}` is an ARN without them.
    If the name itself ends in a hyphen and six characters, Secrets Manager takes those for the random ones, and
    returns another secret or none."""
    for path, _, part in _secrets(case):
        if part.store == "secrets" and _LIKE_AN_ARN.fullmatch(part.name):
            hint = "write the secret's full ARN in service.secrets, with its six random characters"
            yield Problem(path, f"Secrets Manager interprets the end of `{part.name}` as the end of an ARN", hint)
