"""Strings of a spec as CloudFormation values: literals, Ref, Fn::GetAtt or Fn::Sub; and the texts of a template."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from troposphere import GetAtt, ImportValue, Ref, Sub

from fsdcf.cloudformation.references import function_of, steps, sub_parts, sub_variables
from fsdcf.diagnostics import SpecPath
from fsdcf.language.names import logical_id, parameter_id
from fsdcf.language.placeholders import (
    EXPORT,
    PSEUDO_PARAMETERS,
    Attribute,
    CompiledText,
    ImportedValue,
    Known,
    Part,
    Pseudo,
    String,
    Text,
    is_parameter,
    parts_of,
)

if TYPE_CHECKING:
    from fsdcf.compiler.stack import PropertyPath, Template

Attributes = Mapping[tuple[str, str], Mapping[str, str]]
"""(category, local name) of a dependency -> attribute -> fragment."""

_IMPORT = re.compile(rf"\$\{{import:({EXPORT})\}}")
_WHOLE = re.compile(r"\$\{([A-Za-z0-9:]+)(?:\.([A-Za-z0-9.]+))?\}")


def literal(text: str) -> str:
    """A text as a fragment without placeholders."""
    return text.replace("${", "${!")


def fragment(text: String, attributes: Attributes | None = None) -> str:
    """A spec's string as a fragment for Fn::Sub."""
    return "".join(_fragment(part, attributes or {}) for part in parts_of(text))


def _fragment(part: Any, attributes: Attributes) -> str:
    if isinstance(part, str):
        return literal(part)
    if isinstance(part, Known):
        return literal(part.value)
    if isinstance(part, Pseudo):
        return f"${{{part.name}}}"
    if isinstance(part, Attribute):
        return attributes[(part.kind, part.name)][part.attribute]
    if isinstance(part, (ImportedValue, CompiledText)):
        return str(part)
    if is_parameter(part):
        return f"${{{parameter_id(part.name)}}}"
    raise TypeError(f"{part} cannot be part of a text")


def intrinsic(text: str) -> Any:
    """A fragment as the simplest equivalent CloudFormation value. ``${import:NAME}`` in it is an export of another
    stack."""
    if "${import:" in text:
        return _importing(text)
    if whole := _WHOLE.fullmatch(text):
        return GetAtt(whole[1], whole[2]) if whole[2] else Ref(whole[1])
    if re.search(r"\$\{(?!!)", text):
        return Sub(text)
    return text.replace("${!", "${")


def _importing(text: str) -> Any:
    """A fragment with exports as a CloudFormation value; an Fn::Sub gets each of them by a variable of its own."""
    if whole := _IMPORT.fullmatch(text):
        return ImportValue(whole[1])
    variables = {logical_id(name, "Import"): ImportValue(name) for name in _IMPORT.findall(text)}
    return Sub(_IMPORT.sub(lambda match: f"${{{logical_id(match[1], 'Import')}}}", text), **variables)


def value(text: String, attributes: Attributes | None = None) -> Any:
    """A spec's string as a CloudFormation value."""
    return intrinsic(fragment(text, attributes))


def values_in(data: Any) -> Any:
    """The data of a spec with its strings as CloudFormation values; keys and everything else stay."""
    if isinstance(data, Mapping):
        return {key: values_in(below) for key, below in data.items()}
    if isinstance(data, (list, tuple)):
        return [values_in(below) for below in data]
    return value(data) if isinstance(data, String) else data


_SECRET_VALUES = (("AuthenticateOidcConfig", "ClientSecret"), ("AuthenticationMode", "Passwords", 0))
"""The properties that take no ARN of a secret, so that the compiler writes a dynamic reference there itself."""

_DYNAMIC = re.compile(r"\{\{resolve:secretsmanager:[^{}]*\}\}")


def texts_of(template: Template) -> Iterator[tuple[Text, str, SpecPath]]:
    """Every text of a template with two braces or an unprintable character, with the spec path, by names, that it comes
    from, and the keys that continue it. Keys are texts, too. What Fn::Sub and Fn::Join put together is one text."""
    found: list[tuple[PropertyPath, Text]] = []
    _collect(template.data, (), found)
    for path, text in found:
        if any(path[-len(one) :] == one for one in _SECRET_VALUES) and _DYNAMIC.fullmatch(text.sample()):
            continue
        origin = template.origins.get(str(path[1])) if path[0] == "Resources" and len(path) > 1 else None
        place = template.places.get((str(path[0]), str(path[1]))) if len(path) > 1 else None
        source = (place, path[2:]) if place else origin.source(path[3:]) if origin else None
        yield text, *(source or (origin.path if origin else "metadata", ()))


def _is_suspect(text: str) -> bool:
    return "{{" in text or not text.isprintable()


def _collect(value: Any, path: PropertyPath, found: list[tuple[PropertyPath, Text]]) -> None:
    """Add the texts of a part of a template. Most have no braces: they take no more time than a look at them."""
    if isinstance(value, str):
        if _is_suspect(value):
            found.append((path, Text((value,))))
    elif (function := function_of(value)) in ("Fn::Sub", "Fn::Join"):
        argument = value[function]
        if not isinstance(argument, str) or _is_suspect(argument):
            found.append((path, Text(tuple(_parts(value)))))
        if isinstance(argument, list):
            _collect(argument[1:], (*path, str(function)), found)
    elif not isinstance(value, (int, float)):
        for key, below in steps(value):
            if isinstance(key, str) and _is_suspect(key):
                found.append((path, Text((key,))))
            if not isinstance(below, str) or _is_suspect(below):
                _collect(below, (*path, key), found)


def _parts(value: Any) -> Iterator[Part]:
    """The parts of a text: an attribute without a name for what only CloudFormation knows."""
    function = function_of(value)
    if isinstance(value, str):
        yield value
    elif function == "Fn::Sub" and (sub := sub_parts(value[function])):
        text, variables = sub
        position = 0
        for match in sub_variables(text):
            yield text[position : match.start()]
            position = match.end()
            if match[1]:
                yield f"${{{match[2]}}}"
            else:
                yield from _parts(variables.get(match[2], {"Ref": match[2]}))
        yield text[position:]
    elif function == "Fn::Join" and isinstance(value[function], list) and len(value[function]) > 1:
        separator, joined, *_ = value[function]
        for number, each in enumerate(joined if isinstance(joined, list) else [None]):
            yield from (separator,) if number else ()
            yield from _parts(each)
    elif function == "Ref" and str(value[function]) in PSEUDO_PARAMETERS:
        yield Pseudo(value[function])
    else:
        yield Attribute("", "", "")
