"""Texts of task definitions: the templates of ecspresso, and the placeholders that pipelines replace.

Source: https://github.com/kayac/ecspresso#template-syntax
"""

from __future__ import annotations

import re

from fsdcf.importers.draft import Block
from fsdcf.importers.report import UnfitError
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import literal
from fsdcf.language.placeholders import STORED_NAMES

RENDER = "render the files first: `ecspresso render`"

_TEMPLATE = re.compile(r"\{\{-?\s*([^{}]*?)\s*-?\}\}")
_WORD = re.compile(r"`([^`]*)`|\"([^\"]*)\"|'([^']*)'|([^\s`\"']+)")
_SHELL = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ACCOUNTS = frozenset({"AWS_ACCOUNT_ID", "AWS_ACCOUNT", "ACCOUNT_ID", "ACCOUNT"})
_REGIONS = frozenset({"AWS_REGION", "AWS_DEFAULT_REGION", "REGION"})
_HELD = "\0"


def has_template(text: str) -> bool:
    """Whether a text has an expression of ecspresso's templates."""
    return "{{" in text


def placeholder(block: Block, name: str, example: str = "value") -> str:
    """A placeholder for what the source gets from outside: the account, the region, or a variable of `--var`."""
    if name in _ACCOUNTS:
        return "${AWS::AccountId}"
    if name in _REGIONS:
        return "${AWS::Region}"
    if name != "ENV":
        block.draft.variables.setdefault(name, example)
    return f"${{{name}}}"


def default_of(text: str) -> str:
    """The default of a text that is one expression with a default; any other text as it is."""
    found = re.fullmatch(r"\{\{-?\s*env\s+[`'\"]\w+[`'\"]\s+[`'\"]([\w.]*)[`'\"]\s*-?\}\}", text)
    return found[1] if found else text


def rendered(value: SourceValue, block: Block, example: str = "value") -> str:
    """The text of a value as a spec has it, with placeholders for its templates. Raises UnfitError."""
    return rendered_text(value.text, block, example)


def rendered_text(text: str, block: Block, example: str = "value") -> str:
    """A text as a spec has it, with placeholders for its templates. Raises UnfitError."""
    held = [_expression(match[1], block, example) for match in _TEMPLATE.finditer(text)]
    plain = literal(_TEMPLATE.sub(_HELD, text))
    if "{{" in plain:
        raise UnfitError(f"has a template that cannot be read: {RENDER}")
    for each in held:
        plain = plain.replace(_HELD, each, 1)
    return plain


def _expression(inner: str, block: Block, example: str) -> str:
    words = ["".join(groups) for groups in _WORD.findall(re.sub(r"\|\s*json_escape$", "", inner))]
    match words:
        case ["env" | "must_env", name] if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            return placeholder(block, name, example)
        case ["env", _, default]:
            return literal(default)
        case ["ssm", name] if re.fullmatch(STORED_NAMES["ssm"], name):
            return f"${{ssm:{name}}}"
        case ["secretsmanager_arn", name] if re.fullmatch(STORED_NAMES["secrets"], name):
            return f"secretsmanager:{name}"
    raise UnfitError(f"has a template with `{words[0] if words else ''}`, whose value is elsewhere: {RENDER}")


def variable_text(value: SourceValue, block: Block, own: frozenset[str]) -> str:
    """The text of an environment variable. ``${NAME}`` in it is what a pipeline replaces, unless ``NAME`` is one of the
    container's ``own`` variables: then the program itself replaces it. Raises UnfitError."""
    text = value.text
    if has_template(text):
        return rendered(value, block)
    parts = _SHELL.split(text)
    names = {name for name in parts[1::2] if name not in own}
    return "".join(
        (placeholder(block, part) if part in names else f"$${{{part}}}") if number % 2 else literal(part)
        for number, part in enumerate(parts)
    )


def is_open(text: str) -> bool:
    """Whether a text has a part that the user has to replace: ``<IMAGE>``, ``$TAG``, ``YOUR_ACCOUNT``."""
    return not text.strip() or re.search(r"[<>$%{}]|\b(?:YOUR|REPLACE|CHANGE|PLACEHOLDER|TODO)", text) is not None


def account_text(text: str) -> str:
    """An ARN with placeholders of CloudFormation for an account and a region that are not valid."""
    parts = text.strip().split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        return text.strip()
    region, account = parts[3], parts[4]
    if region and not re.fullmatch(r"[a-z]{2}(?:-[a-z]+)+-\d", region):
        parts[3] = "${AWS::Region}"
    if account and not re.fullmatch(r"\d{12}", account):
        parts[4] = "${AWS::AccountId}"
    return ":".join(parts)


def ecr_repository(repository: str) -> str:
    """A repository whose account or region in ECR is a placeholder, with those of CloudFormation."""
    host, _, name = repository.partition("/")
    found = re.fullmatch(r"(.+)\.dkr\.ecr\.(.+)\.(amazonaws\.com(?:\.cn)?)", host)
    if found is None:
        return repository
    account = found[1] if re.fullmatch(r"\d{12}", found[1]) else "${AWS::AccountId}"
    region = found[2] if re.fullmatch(r"[a-z]{2}(?:-[a-z]+)+-\d", found[2]) else "${AWS::Region}"
    return f"{account}.dkr.ecr.{region}.{found[3]}/{name}"


def variable_name(text: str) -> str:
    """The name of a variable in place of a container's value: ``WEB_IMAGE``."""
    return re.sub(r"[^A-Za-z0-9]+", "_", re.sub(r"^[^A-Za-z]+", "", text)).strip("_").upper() or "VALUE"
