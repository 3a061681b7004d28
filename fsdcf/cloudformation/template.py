"""Templates as text and as data: JSON, or YAML with the short function tags, in the long form; and their resources."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_ALIASES = "Template format error: YAML aliases are not allowed in CloudFormation templates"


class TemplateError(ValueError):
    """A text that is not a template. ``line`` and ``column`` count from 1; 0 if the position is not known."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class _Loader(_Base):  # type: ignore[misc]
    """YAML as CloudFormation reads it: short tags are functions, dates are texts, and keys are unique."""


def read(text: str) -> dict[str, Any]:
    """The template in a text, with the long form of its functions (``{"Ref": "X"}`` for ``!Ref X``).

    Raises TemplateError.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
    """
    wrong = None
    if text.lstrip()[:1] == "{":
        try:
            return _template(json.loads(text, object_pairs_hook=_unique))
        except (json.JSONDecodeError, RecursionError) as error:
            wrong = error  # YAML's flow style also starts with a brace
    try:
        return _template(_yaml(text))
    except TemplateError:
        if isinstance(wrong, json.JSONDecodeError):
            place = f"(line {wrong.lineno}, column {wrong.colno})"
            raise TemplateError(
                f"Template format error: JSON not well-formed. {place}", wrong.lineno, wrong.colno
            ) from None
        raise


def _template(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise TemplateError("Template format error: unsupported structure.", 1, 1)
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in pairs:
        if key in out:
            raise TemplateError(f"Template format error: JSON not well-formed. The key {key} occurs twice")
        out[key] = value
    return out


def _yaml(text: str) -> Any:
    try:
        if "&" in text:
            _refuse_aliases(text)
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader with constructors of its own
    except TemplateError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        place = f" (line {where[0]}, column {where[1]})" if mark else ""
        raise TemplateError(f"Template format error: YAML not well-formed.{place} {error.problem}", *where) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise TemplateError(f"Template format error: YAML not well-formed. {error}") from None


def _refuse_aliases(text: str) -> None:
    for event in yaml.parse(text, _Base):
        if isinstance(event, yaml.AliasEvent):
            mark: Any = event.start_mark
            raise TemplateError(_ALIASES, mark.line + 1, mark.column + 1)


def _function(loader: Any, suffix: str, node: yaml.Node) -> Any:
    """A short tag in the long form. The first dot in ``!GetAtt A.B.C`` separates resource and attribute."""
    value = _plain(loader, node)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


def _plain(loader: Any, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be text", key_node.start_mark)
        key = key_node.value  # an account ID or a version as a key is a text
        if key in out:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key} occurs twice", key_node.start_mark)
        out[key] = loader.construct_object(value_node, deep=True)
    return out


def _refused(loader: Any, node: yaml.Node) -> Any:
    raise yaml.constructor.ConstructorError(None, None, f"{node.tag} is not supported", node.start_mark)


_Loader.add_multi_constructor("!", _function)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))
for _tag in ("binary", "omap", "pairs", "set"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _refused)


def of_type(template: Mapping[str, Any], type: str) -> Iterator[dict[str, Any]]:
    """The resources of a type in a template."""
    resources = (template.get("Resources") or {}).values()
    return (one for one in resources if isinstance(one, dict) and one.get("Type") == type)
