"""The rule about secrets in plain text, wherever they are in a spec."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from fsdcf.diagnostics import Diagnostic, SpecPath
from fsdcf.language.dependency import SqlDatabase
from fsdcf.language.document import Document
from fsdcf.language.model.container import ContainerCheck
from fsdcf.language.rules.case import ALL, Case, Problem, Problems, rule
from fsdcf.language.rules.container import BY_TASK_ROLE, DEACTIVATE
from fsdcf.masking import CREDENTIAL_VARIABLES, secrets_in
from fsdcf.suggested import suggested

_ACCESS_KEY = r"(?<![A-Z0-9])A[KS]IA[0-9A-Z]{16}"
_HINTS = (
    ("addons", "let Secrets Manager generate it, or {store}, and read it by `{{resolve:ssm-secure:NAME}}`"),
    ("args", "an image keeps its build arguments: name it in build.secrets, and use it by `RUN --mount=type=secret`"),
    ("options", "{store}, and list the option in secretOptions in place of this one"),
    ("variables", "{store} for each spec that needs it, and leave it out here"),
    *((key, "{store}, and use that variable here") for key in ("command", "entryPoint", "healthCheck")),
)
"""What to do about a secret below a key."""


@rule("W106", "a plain value that looks like a secret", conceal=True, kinds=ALL)
def plain_secrets(case: Case) -> Problems:
    """A spec is in a repository, and most of its values appear in plain text in the template, the task definition and
    the console: variables, commands, build arguments, tags, and defaults and variables of an environment. The
    HEALTHCHECK of a Dockerfile goes to the task definition, too. `fsdcf secret set` stores a value in the Parameter
    Store or Secrets Manager, and prints the line that reads it, with ${ssm:/path} or ${secrets:path}; store a new
    value, for the old one has been in a file. A value is taken for a secret because of its name, its form (a token, a
    private key, a password in a connection string, a URL or an option) or because it looks random. The first place of
    a value is reported. It is masked in everything that fsdcf prints, except in the template. An access key of AWS is
    not needed: the task role takes its place."""
    reported: set[str] = set()
    databases = case.having(SqlDatabase) if case.kind != "Environment" else []
    own = {name for _, database in databases for name in database.password_variables}
    shared = case.file.document.secrets if case.file else ()
    variables = [found for found in shared if found[0][:2] == ("environment", "variables")]  # the rest is in the spec
    for path, secret in (*case.document.secrets, *variables):
        named: SpecPath = path
        while named and isinstance(named[-1], int):
            named = named[:-1]
        if secret in reported or not named or named[-1] in CREDENTIAL_VARIABLES or named[-1] in own:
            continue  # another rule reports those variables
        if named[0] == "dependencies" and named[-1] in ("value", "values"):
            continue  # and so does one the values of parameters
        reported.add(secret)
        yield Problem(named, f"the value of `{named[-1]}` looks like a secret", _hint(case, named, secret), key=True)


def plain_secrets_of(check: ContainerCheck, document: Document) -> Iterator[Diagnostic]:
    """The finding about secrets in the HEALTHCHECK of a Dockerfile, at the key that names the file."""
    path = ("service", "build", "dockerfile")
    if any(True for _ in secrets_in(check.command, "command")):
        hint = f"{_store(document)}, and use that variable there"
        finding = plain_secrets.at(document.span(path), path, "the HEALTHCHECK looks like it contains a secret", hint)
        yield replace(finding, conceal=False)  # the secret is in another file


def _hint(case: Case, path: SpecPath, secret: str) -> str:
    if re.search(_ACCESS_KEY, secret):
        return BY_TASK_ROLE + DEACTIVATE
    name = str(path[-1]) if "environment" in path[1:-1] else ""
    store = _store(case.document, name, case.environment)
    if name:
        return f"{store}, and write the line that it prints in place of this one"
    hint = next((hint for key, hint in _HINTS if key in path), "{store}, and leave it out here")
    return hint.replace("{store}", store)


def _store(document: Document, name: str = "", environment: str | None = None) -> str:
    """How to store a value for a variable, as the beginning of a hint."""
    file = document.span(("service",)).file if document.has(("service",)) else "SPEC"
    return f"store a new value with `{suggested('secret set', file, name or 'NAME', env=environment)}`"
