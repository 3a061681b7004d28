"""Advice: what to write in the place of what is wrong. Loaded for a spec with mistakes alone.

A hint that names a key or a value names one that is then accepted: candidates are checked before they are offered.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from ipaddress import ip_address, ip_network
from math import ceil, isfinite
from typing import Any

from fsdcf.cloudformation.limits import FARGATE_MEMORY
from fsdcf.cloudformation.partitions import endpoint_name
from fsdcf.diagnostics import SpecPath, joined
from fsdcf.language.document import Document
from fsdcf.language.foreign import TYPES, VALUES, Word, words_at
from fsdcf.language.model import ENVIRONMENT, KINDS, kind_of
from fsdcf.language.model.service import Resources
from fsdcf.language.placeholders import parts_of
from fsdcf.language.rules.container import store_credentials
from fsdcf.language.shape import Field, Key, ValueType, fields_of, later_of, names_of, spellings_of, walk
from fsdcf.language.source import quoted
from fsdcf.suggested import suggested

_NOUNS = {
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "map": "a map",
    "record": "a map",
    "dependency": "a map",
}
_FEW = 10
_LONGEST = 120
_YES, _NO = (
    ("true", "yes", "on", "y", "1", "enabled", "enable"),
    ("false", "no", "off", "n", "0", "disabled", "disable"),
)
_SWITCHES = {
    ("autoScaling", True): "write {minCount: 2, maxCount: 10}",
    ("autoScaling", False): "leave it out: without it the number of tasks stays the same",
    ("healthCheck", False): "leave it out: the load balancer always checks its targets",
}
"""What works in the place of true or false."""
_SHELL = re.compile(r"[|&;<>$`*?~]")


# Types


def label(path: SpecPath) -> str:
    """Return the name of the key at a path; for an item, that of its list."""
    return next((step for step in reversed(path) if isinstance(step, str)), "spec")


def type_message(each: Field, path: SpecPath, value: Any) -> str:
    """Return what a key accepts, and what it has instead."""
    subject = f"an item of `{label(path)}`" if isinstance(path[-1], int) else f"`{label(path)}`"
    expected = " or ".join(dict.fromkeys(_NOUNS[value.name] for value in _types_at(each, path)))
    names = {dict: "a map", list: "a list", bool: "a boolean", int: "an integer", float: "a number"}
    return f"{subject} must be {expected}, not {'empty' if value is None else names.get(type(value), 'text')}"


def _types_at(each: Field, path: SpecPath) -> tuple[ValueType, ...]:
    """Return the types of a key, or those of its items if the path leads to one of them."""
    return each.types if path[-1] == each.name else tuple(value.item for value in each.types if value.item)


def type_hint(document: Document, each: Field, value: Any, path: SpecPath) -> str:
    """Return how to write a value that has the wrong type."""
    accepted = {value.name for value in _types_at(each, path)}
    if value is None:
        return _hint_for_nothing(document, each, path, accepted)
    if hint := _hint_for_import(value) or _hint_for_form(document, each, value, path):
        return hint
    if accepted & {"integer", "number"} and not isinstance(value, bool):
        return _hint_for_number(document, each, value, path)
    if "boolean" in accepted and (answer := _boolean(value)):
        return f"write {answer}, without quotes"
    if isinstance(value, dict) and list(value) in (["secretsmanager"], ["ssm"]) and "valueFrom" in path:
        return f"write `{next(iter(value))}:{next(iter(value.values()))}`"
    if isinstance(value, dict) and label(path) == "image":
        return (
            "write the repository alone, without a tag; the port is `service.port`, and the Dockerfile `service.build`"
        )
    if each.key.allowed:
        lines = isinstance(value, (dict, list))
        return f"use {joined(each.key.allowed)}" if lines else choice_hint(document, value, each.key, path)
    if each.key.pattern and not isinstance(value, (dict, list)) and not _fits(str(value), each.key):
        return f"write {each.key.expects}"
    if "string" in accepted and (path[-1] != each.name or not isinstance(value, (dict, list))):
        return _hint_for_text(document, value, path)
    return _switch_hint(path, value) or _hint_for_map(each, value, path) or each.key.doc


def _hint_for_import(value: Any) -> str:
    """Return how to write the export of another stack, as CloudFormation and Copilot write it; empty for all else."""
    pairs = list(value.items()) if isinstance(value, dict) and len(value) == 1 else []
    named = next((text for key, text in pairs if key in ("Fn::ImportValue", "from_cfn") and isinstance(text, str)), "")
    return f"write `${{import:{named}}}`" if named else ""


def _hint_for_credentials(document: Document, key: Key, value: Any, path: SpecPath) -> str:
    """Return how to write a secret that a map or a list names, or how to store one."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    texts = (form.format(*pair) for pair in pairs for form in ("{1}", "{0}:{1}"))
    named = next((text for text in texts if "secretsmanager:" in text and _fits(text, key)), "")
    return f"write `{named}`" if named else credentials_hint(document, path)


def credentials_hint(document: Document, path: SpecPath) -> str:
    """Return how to store the credentials of a registry, or another secret, and use them."""
    metadata = document.data.get("metadata")
    name = str((isinstance(metadata, dict) and metadata.get("name")) or "my-service")
    key = label(path)
    if key == "imageCredentials":
        return store_credentials(name, document)
    command = suggested("secret set", document.span(path).file, ".".join(map(str, path)))
    return f"write `{key}: secretsmanager:{name}/{key}`, and store its value with `{command}`"


def _switch_hint(path: SpecPath, value: Any) -> str:
    """Return what to write for ``loadBalancer: false``, and for other parts that a value switches on or off."""
    answer = _boolean(value)
    return _SWITCHES.get((label(path), answer == "true"), "") if answer else ""


def _hint_for_nothing(document: Document, each: Field, path: SpecPath, accepted: set[str]) -> str:
    if rest := document.comment_at(path):
        return f"a # after a space begins a comment: write {quoted(rest)}"
    if each.key.as_text and path[-1] != each.name:
        return 'write "" for an empty text'
    hint = "" if accepted & {"string", "integer", "number", "boolean"} else _hint_for_map(each, None, path)
    overlays = "" if kind_of(document.data) is ENVIRONMENT else "; in an environment, `null` removes it"
    return hint or f"write a value, or leave out the key{overlays}. {each.key.doc}"


def _hint_for_form(document: Document, each: Field, value: Any, path: SpecPath) -> str:
    """Return how to write a map as a list, a list as a map, a text as either, or an item as a map; empty if the form
    is right."""
    if each.key.conceal:
        return _hint_for_credentials(document, each.key, value, path)
    if each.key.within and isinstance(value, dict):
        return f"write {each.key.expects}"
    types = _types_at(each, path)
    names = [kind.name for kind in types]
    item = next((kind.item for kind in types if kind.name == "list" and kind.item), None)
    if item and not isinstance(value, list) and (hint := _hint_for_items(item, value)):
        return hint
    if isinstance(value, (list, str)) and names == ["map"]:
        return _hint_for_pairs(value)
    if isinstance(value, str) and "list" in names and "integer" in names and re.fullmatch(r"\w+", value.strip()):
        return number_hint(document, each.key, value, path)
    if isinstance(value, str) and "list" in names:
        return _hint_for_texts(each.key, value, path)
    keys = [required for kind in types for required in _required(kind)]
    if keys == ["name", "mountPath"] and (mount := re.fullmatch(r"([\w.-]+):(/[\w./-]*)(:ro)?", str(value))):
        read_only = ", readOnly: true" if mount[3] else ""
        return f"write {{name: {mount[1]}, mountPath: {mount[2]}{read_only}}}"
    if keys and isinstance(value, str) and path[-1] != each.name:
        return f"an item is a map with {joined(keys, 'and')}"
    return ""


def _hint_for_items(item: ValueType, value: Any) -> str:
    """Return how to write anything else as a list of maps; empty for a list of texts or numbers."""
    keys = _required(item)
    if isinstance(value, dict) and keys == ["name", "valueFrom"] and (pair := _text_pair(value)):
        return f"write a list of items such as `- {{name: {pair[0]}, valueFrom: {_in_flow(pair[1])}}}`"
    if keys:
        return f"write a list; each item begins with `- ` and has {joined(keys, 'and')}"
    if item.record:
        first = [key.name for key in fields_of(item.record)][:2]
        return f"write a list; each item begins with `- ` and has keys such as {joined(first, 'and')}"
    return ""


def _hint_for_texts(key: Key, value: str, path: SpecPath) -> str:
    """Return how to write a text as a list of texts, each in the format of the key."""
    runs = label(path) in ("command", "entryPoint")
    words = _words(value) if runs else re.split(r"[,\s]+", value.strip())
    meant = [next((each for each in _rewritten(word, key) if _fits(each, key)), "") for word in words]
    written = json.dumps(meant if key.pattern else words, ensure_ascii=False)
    if (all(meant) or not key.pattern) and len(written) <= _LONGEST * 2:
        return f"write a list: {written}"
    return f"write a list; an item is {key.expects or 'one text'}"


def _hint_for_number(document: Document, each: Field, value: Any, path: SpecPath) -> str:
    """Return the number to write; of a list or map, its first one, or the list as the text that the key accepts."""
    if isinstance(value, list) and each.accepts("string") and _fits(text := ",".join(map(str, value)), each.key):
        return f"write {quoted(text)}"
    if between := re.fullmatch(r"(\d+) *- *(\d+)", str(value)) if label(path) == "desiredCount" else None:
        return f"write `autoScaling` in its place, with minCount {between[1]} and maxCount {between[2]}"
    if isinstance(value, (dict, list)):
        parts = value.values() if isinstance(value, dict) else value
        value = next((part for part in parts if isinstance(part, (int, str))), "")
    return number_hint(document, each.key, value, path) or each.key.doc


def _text_pair(value: Mapping[Any, Any]) -> tuple[str, str] | None:
    """Return the first name of a map whose value is a text."""
    return next(((str(name), text) for name, text in value.items() if isinstance(text, str)), None)


def _in_flow(text: str) -> str:
    """Return a text as an item of a list or map in braces."""
    return quoted(text) if re.search(r"[:,{}\[\]#]", text) else text


def _hint_for_pairs(value: Any) -> str:
    """Return how to write ``[A=1, B=2]`` or ``A=1`` as a map."""
    items = value if isinstance(value, list) else re.split(r"(?<!\s)\s+(?=[A-Za-z_]\w*=)", value)
    named = (
        f"{each['name']}={each['value']}"
        for each in items
        if isinstance(each, dict) and {"name", "value"} <= each.keys()
    )
    texts = [*named, *(each for each in items if isinstance(each, str))]
    pairs = [re.fullmatch(r"([A-Za-z_]\w*)\s*[=:]\s*(?!\s)(.*)", text) for text in texts]
    form = "write `name: value` lines" + (", without `- `" if isinstance(value, list) else "")
    first = next(filter(None, pairs), None)
    return f"{form}: `{first[1]}: {quoted(first[2])}`" if first else form


def _words(line: str) -> list[str]:
    """Return a command line as the list that runs it; one with shell syntax is run by a shell."""
    try:
        return ["sh", "-c", line] if _SHELL.search(line) else shlex.split(line)
    except ValueError:
        return line.split()


def _hint_for_text(document: Document, value: Any, path: SpecPath) -> str:
    """Return how to write a map, a list, a number or a boolean as text."""
    if isinstance(value, dict) and "valueFrom" in value:
        return "write a list item in service.secrets, with `name` and `valueFrom`"
    written = document.written(path)
    if written is None:
        written = json.dumps(value, default=str, ensure_ascii=False)
        if len(written) > _LONGEST:
            return f"write it as text: `{path[-1]}: |-`, and the text below it, indented"
    return f"put it in quotes: {quoted(written)}" if len(written) <= _LONGEST else "put it in quotes"


def _hint_for_map(each: Field, value: Any, path: SpecPath) -> str:
    record = next((each.record for each in _types_at(each, path) if each.record), None)
    names = sorted(names_of(record)) if record else []
    if "enabled" in names and (answer := _boolean(value)):
        return f"write {{enabled: {answer}}}"
    own = fields_of(record) if record and isinstance(value, str) else ()
    if key := next(
        (one for one in own if one.accepts("string") and one.key.pattern and re.fullmatch(one.key.pattern, value)), None
    ):
        return f"write a map: {{{key.name}: {value}}}"
    if record is None or isinstance(value, dict):
        return ""
    if len(names) < _FEW:
        return f"write a map; valid keys: {', '.join(names)}"
    if path[-1] != each.name and not isinstance(path[-1], int) and not _required(each.item or each.types[0]):
        return f"write `{label(path)}: {{}}`, or its keys below it: {', '.join(names)}"
    example = names[names.index("port") if "port" in names else 0]
    return f"write `{label(path)}:`, and its keys below it, such as `{example}`"


def _boolean(value: Any) -> str:
    text = str(value).strip().lower()
    return "true" if text in _YES else "false" if text in _NO else ""


def _required(value: ValueType) -> list[str]:
    if value.name == "dependency":
        return ["type", "name"]
    return [each.name for each in fields_of(value.record) if each.required] if value.record else []


def pair_hint(record: type, item: Any) -> str:
    """Return how to write an item of the form ``- NAME: value`` for a record of a name and a value; empty for
    others."""
    required = [each.name for each in fields_of(record) if each.required]
    if len(required) != 2 or required[0] != "name" or not isinstance(item, dict) or not item:
        return ""
    known = {name for each in fields_of(record) for name in (each.name, *each.key.also)}
    if {str(key) for key in item} & known or not all(isinstance(value, str) for value in item.values()):
        return ""
    return f"write two keys, each on its line: `name: {next(iter(item))}` and `{required[1]}:` with the value"


# Numbers


_TIME = {"s": 1.0, "ms": 0.001, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZE = {"k": 2**-20, "m": 2**-10, "g": 1.0, "t": 2.0**10}
_UNITS: Mapping[str, Mapping[str, float]] = {
    "CPU units": {
        "": 1,
        "m": 1.024,
        **dict.fromkeys(("vcpu", "vcpus", "cpu", "cpus", "core", "cores"), 1024),
        "units": 1,
    },
    "MiB": {"": 1, **{unit: size * 1024 for unit, size in _SIZE.items()}},
    "GiB": {"": 1, **_SIZE},
    "seconds": {"": 1, **_TIME},
    "minutes": {"": 1, **{unit: seconds / 60 for unit, seconds in _TIME.items()}},
    "days": {"": 1, **{unit: seconds / 86400 for unit, seconds in _TIME.items()}, "m": 30, "y": 365},
    "percent": {"": 1, "%": 1, "p": 1},
}
"""For a word in the meaning of a key, the factor of each unit that others write; those of sizes and times by their
first letter."""

_QUANTITY = re.compile(r"(\d+(?:[._,]\d+)*|\.\d+)\s*([A-Za-z%]*)")
_PORTS = re.compile(r"(?:[\w.-]*:)?(\d{1,5})(?:/[a-z]+)?")


def number_hint(document: Document, key: Key, value: Any, path: SpecPath) -> str:
    """Return the number to write for ``4GB``, ``500m``, ``70%``, ``1m30s``, ``8080:80`` or ``0.5``: the next valid one,
    in the key's unit. Empty if there is none."""
    amount = _amount(key, value)
    if amount is None or not isfinite(amount):
        return ""
    exact = isinstance(key.minimum, float)  # such as seconds of a response time
    number: float = round(amount, 3) if exact else ceil(round(amount, 6))
    note = ""
    numbers = [each for each in key.allowed if isinstance(each, int)]
    if label(path) in ("cpu", "memory") and path[-2:-1] == ("resources",):
        number, note = _fargate_size(document, label(path), ceil(number), path[:-1])
    elif numbers:
        number = next((each for each in numbers if each >= number), numbers[-1])
    elif key.maximum is not None and number > key.maximum:
        number, note = key.maximum, ", the largest value"
    elif key.minimum is not None and number < key.minimum:
        number, note = key.minimum, ", the smallest value"
    text = str(number if exact else int(number))
    return f"write {text} without quotes{note}" if value == text else f"write {text}{note}. {key.doc}"


def _amount(key: Key, value: Any) -> float | None:
    """Return a quantity in the unit of a key. A number without a unit may be in the unit that other tools use: vCPUs,
    GiB or a fraction."""
    text = str(value).strip()
    units = next((units for word, units in _UNITS.items() if re.search(rf"\b{word}\b", key.doc, re.IGNORECASE)), None)
    amount = _in_units(text, units) if units is not None else _plain_number(text)
    if amount is None or units is None or not re.fullmatch(r"[\d.]+", text):
        return amount
    factors = {"vcpu": 1024 if amount <= 32 else 1, "%": 100 if 0 < amount < 1 else 1}
    factors["g"] = 1024 if units.get("g") == 1024 and amount <= 244 else 1
    return amount * next((factor for unit, factor in factors.items() if unit in units), 1)


def _in_units(text: str, units: Mapping[str, float]) -> float | None:
    if "w" in units and (iso := re.fullmatch(r"P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", text)):
        text = "".join(f"{count}{unit}" for count, unit in zip(iso.groups(), "dhms", strict=True) if count)
    quantities = _QUANTITY.findall(text)
    if not quantities or _QUANTITY.sub("", text).strip():
        return None
    total = 0.0
    for digits, unit in quantities:
        word = unit.lower()
        factor = units.get(word if word in units or "vcpu" in units else word[:1])
        if factor is None or digits.count(".") > 1:
            return None
        total += float(re.sub(r"[_,]", "", digits)) * factor
    return total


def _plain_number(text: str) -> float | None:
    if ports := _PORTS.fullmatch(text):
        return float(ports[1])
    digits = re.sub(r"(?<=\d)[_, ](?=\d{3}\b)", "", text)
    return float(digits) if re.fullmatch(r"-?\d{1,9}(\.\d+)?", digits) else None


def _fargate_size(document: Document, name: str, number: int, resources: SpecPath) -> tuple[int, str]:
    """Return the next size that Fargate offers, and the other half of the size if that has to change with it."""

    def other(name: str, default: int) -> int:
        written = document.value((*resources, name))
        key = next(each.key for each in fields_of(Resources) if each.name == name)
        amount = default if written is None else _amount(key, written)
        return ceil(amount) if amount and isfinite(amount) else default

    if name == "cpu":
        number = next(
            (each for each in FARGATE_MEMORY if each >= number * 0.95), max(FARGATE_MEMORY)
        )  # 256m is meant as 256
        memory = other("memory", 512)
        sizes = FARGATE_MEMORY[number]
        fitting = next((size for size in sizes if size >= memory), sizes[-1])
        return number, "" if memory in sizes else f", with memory {fitting}"
    cpu = other("cpu", 256)
    offered = sorted({size for sizes in FARGATE_MEMORY.values() for size in sizes})
    number = next((size for size in (*FARGATE_MEMORY.get(cpu, ()), *offered) if size >= number), offered[-1])
    fitting = next(each for each, sizes in FARGATE_MEMORY.items() if number in sizes)
    return number, "" if number in FARGATE_MEMORY.get(cpu, ()) else f", with cpu {fitting}"


def range_hint(document: Document, key: Key, value: Any, path: SpecPath) -> str:
    """Return the limits of a number, or the number in the right unit if it looks like one in another."""
    low, high = key.minimum, key.maximum
    if label(path) == "memory" and isinstance(value, int) and 0 < value <= 244:
        return number_hint(document, key, value, path)
    if low is not None and high is not None:
        return f"use {low:g} to {high:.0f}"
    return f"use at least {low:g}" if low is not None else f"use at most {high:g}"


# Words


def choice_hint(document: Document, value: Any, key: Key, path: SpecPath) -> str:
    """Return the nearest of the available values, or all of them."""
    if path == ("kind",):
        close = typo(str(value), KINDS)
        return f"did you mean `{close}`?" if close else f"use {joined(KINDS)}"
    if len(key.allowed) == 1:
        return f"write `{key.allowed[0]}`, the only value that fsdcf implements"
    numbers = [each for each in key.allowed if isinstance(each, int)]
    words: list[object] = [f"`{each}`" for each in key.allowed if isinstance(each, str)] if numbers else []
    if isinstance(value, str) and value in map(str, numbers):
        return f"write {value} without quotes"
    if isinstance(value, int) and len(numbers) > 8:
        below, above = [each for each in numbers if each < value], [each for each in numbers if each > value]
        return f"use {joined([*below[-1:], *above[:1], *words] if below else [*words, *above[:1]])}"
    counted = not words or any(each.isdigit() for each in str(value))
    if len(numbers) > 2 and counted and (hint := number_hint(document, key, value, path)):
        return hint
    meant = VALUES.get(str(value).lower(), value)
    close = meant if meant in key.allowed else typo(str(value), [each for each in key.allowed if isinstance(each, str)])
    return f"did you mean `{close}`?" if close else f"use {joined([*words, *numbers] or key.allowed)}"


def pattern_hint(key: Key, value: Any) -> str:
    """Return the value in the right format if it can be derived, and the format."""
    form = key.expects or f"text that matches {key.pattern}"
    literal = "".join(part if isinstance(part, str) else str(part) for part in parts_of(value))
    rewritten = _rewritten(literal, key) if literal else ()
    meant = next((each for each in rewritten if each != literal and _fits(each, key)), None)
    return f"write {form}" if meant is None else f"write `{meant}`: {form}"


def name_hint(key: Key, name: str) -> str:
    """Return how to write a name of a map in the right format."""
    if parts := re.fullmatch(r"(\w+)[:=](.+)", name):
        return f"write `{parts[1]}: {parts[2]}`"
    form = key.key_expects or f"names that match {key.key_pattern}"
    meant = next((each for each in _rewritten(name, key) if re.fullmatch(key.key_pattern, each)), None)
    return f"write {form}" if meant is None else f"write `{meant}`: {form}"


def _fits(text: str, key: Key) -> bool:
    """Return whether a text has the format of a key, with a sample for each placeholder."""
    text = re.sub(r"\$\{[^{}]*\}", "x1", text)
    return re.fullmatch(key.pattern, text) is not None and len(text) <= (key.longest or len(text))


def _rewritten(text: str, key: Key) -> Iterator[str]:
    """Yield what a text in another format may mean."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text.strip())
    slug = "".join(
        each if each.startswith("${") else re.sub(r"[^a-z0-9]+", "-", each.lower())
        for each in re.split(r"(\$\{[^{}]*\})", words)
    )
    if "endpoint service" in key.expects:
        yield endpoint_name(text.strip().lower())
    yield text.strip()
    yield text.strip(" '\"`\u2018\u2019\u201c\u201d")
    if text.startswith("arn:"):
        return  # a name made of an ARN names nothing, nor does one made of a URL
    if queue := re.fullmatch(r"https://sqs\.([a-z0-9-]+)\.[a-z.]+/(\d{12})/(\S+)", text):
        yield f"arn:aws:sqs:{queue[1]}:{queue[2]}:{queue[3]}"
    yield "" if "://" in text else slug.strip("-")[: key.longest].rstrip("-")
    yield text.lower()
    yield re.sub(r"\s", "", text)
    yield text if "${" in text else text.upper()
    yield f"{text[:1]}00-{text[:1]}99" if text[1:].lower() == "xx" else text
    if "path that begins with /" in key.expects or "absolute path" in key.expects:
        yield re.sub(r"^(https?://[^/]*|[\w.-]*(?:(?<=\d)|:\d+)(?=/))", "", text) or "/"
        yield f"/{text}"
    yield from _address_ranges(text, key)
    if "origin" in key.expects:
        yield re.sub(r"(?<=[^/:])/.*", "", text)
    if "://" in text:
        return
    yield re.sub(r"[^A-Za-z0-9_]+", "_", text)
    yield re.sub(r"[^A-Za-z0-9_]+", "_", f"_{text}")


def _address_ranges(text: str, key: Key) -> Iterator[str]:
    """Yield the range of an address: of the single one, or of a network if the key expects one."""
    if text.lower() in ("any", "all", "*", "everyone", "anywhere", "internet", "public"):
        yield "0.0.0.0/0"
    try:
        address = ip_address(text)
    except ValueError:
        return
    network = address.version == 4 and "/16" in key.doc + key.expects
    bits = 16 if network else 0 if int(address) == 0 else address.max_prefixlen
    yield str(ip_network(f"{address}/{bits}", strict=False))


def typo(word: str, known: Iterable[str]) -> str | None:
    """Return the known word of which this one is a misspelling: the same letters apart from case and separators, or at
    most one wrong, missing, additional or swapped letter in each of its words. None if it is another word."""
    names = sorted(known)
    exact = {_squashed(each): each for each in reversed(names)}
    if (same := _squashed(word)) in exact:
        return exact[same]
    words = _split(word)
    for each in names:
        others = _split(each)
        in_words = len(words) == len(others) and all(_one_edit(*pair) for pair in zip(words, others, strict=True))
        if (in_words or _one_edit(same, _squashed(each))) and len(same) > 2:
            return each
    return None


@lru_cache(4096)
def _squashed(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())


@lru_cache(4096)
def _split(word: str) -> tuple[str, ...]:
    return tuple(each.lower() for each in re.findall(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+", word))


def _one_edit(left: str, right: str) -> bool:
    """Return whether two words are equal but for one letter."""
    short, long = sorted((left, right), key=len)
    same = next((at for at, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) == len(long):
        swapped = short[same : same + 2] == long[same : same + 2][::-1] and short[same + 2 :] == long[same + 2 :]
        return short[same + 1 :] == long[same + 1 :] or swapped
    if len(short) > 4 and long.startswith(short) and len(long) - len(short) == 2:
        return True  # a plural, or an abbreviation
    return len(long) - len(short) == 1 and short[same:] == long[same + 1 :]


# Keys


def key_hint(document: Document, record: type, name: str, path: SpecPath) -> tuple[str, SpecPath | None]:
    """Return which key is meant by an unknown one, and the path of the key that it leaves unset, if that is known."""
    spellings = {spelling: each.name for spelling, each in spellings_of(record).items()}
    if (meant := typo(name, spellings)) and _squashed(meant) == _squashed(name):
        return f"did you mean `{meant}`?", (*path, spellings[meant])
    root = kind_of(document.data).record
    if path and name in names_of(root):
        return f"`{name}` is a key of the whole spec: begin it in the first column", None
    common = len(_split(name)) == 1 and path[:1] != ("dependencies",)
    if (word := words_at((*path, name))) and (
        hint := _word_hint(word, record, root, path, common and word is words_at((name,)))
    ):
        return hint, None
    homes = [each.name for each in fields_of(record) if each.record and name in spellings_of(each.record)]
    if len(homes) == 1:
        at = (*path, homes[0])
        if document.value(at) is False:
            return (
                f"`{name}` is a key of `{homes[0]}`, which is false: write a map with it there, or leave it out",
                None,
            )
        return f"`{name}` is a key of `{homes[0]}`: indent it below that", (*at, name)
    if len(homes) == 2:
        return f"`{name}` is a key of `{homes[0]}` and of `{homes[1]}`: indent it below one of them", None
    if meant := meant or _of_same_words(name, spellings.values()):
        return f"did you mean `{meant}`?", (*path, spellings[meant])
    near = path[:1] != ("dependencies",) and not (common and len(path) > 1)
    places = [at for at in _places(root, name) if not common or at.count(".") < 2 or at.startswith(_dotted(path))]
    places = [at for at in places if ".sidecars[]" not in at] or places
    if near and len(places) == 1:
        return f"`{name}` is a key elsewhere: `{places[0]}`", None
    if near and path[:1] != ("metadata",) and (way := _instead(_later_keys(root).get(name), name)):
        return way, None
    return f"valid keys: {', '.join(sorted(set(spellings.values())))}", None


def _of_same_words(name: str, known: Iterable[str]) -> str | None:
    """Return the only key that has all words of a name, or whose words are all in it: ``retention`` for
    ``messageRetention``."""
    words = set(_split(name))
    found = {each for each in known if words <= (others := set(_split(each))) or others <= words}
    return found.pop() if len(found) == 1 else None


def _places(root: type, name: str) -> list[str]:
    """Return the paths of the keys of this name in the whole spec."""
    return _paths_by_name(root).get(_squashed(name), [])


@cache
def _paths_by_name(root: type) -> Mapping[str, list[str]]:
    """The paths of the keys of a spec, except those of its dependencies, by their names without separators."""
    paths: dict[str, list[str]] = {}
    for at, each in walk(root):
        if not at.startswith("dependencies"):
            paths.setdefault(_squashed(each.name), []).append(at)
    return paths


@cache
def _later_keys(root: type) -> Mapping[str, type]:
    """The first record of a spec that has each of the keys that are not implemented yet."""
    found: dict[str, type] = {}
    for record in (each.record for _, each in walk(root) if each.record):
        for name in later_of(record):
            found.setdefault(name, record)
    return found


def _dotted(path: SpecPath) -> str:
    """Return what the paths of the keys below a path begin with."""
    return "".join(f"{step}." for step in path if isinstance(step, str))


def _word_hint(word: Word, record: type, root: type, path: SpecPath, common: bool) -> str:
    """Return the keys to write for a word of another tool, and why; for one that is not implemented yet, the way
    round. Empty for a word of another type of dependency, and for a ``common`` word far away from its keys."""
    known = dict(walk(root))
    here = _dotted(path)
    if word.to and common and len(path) > 1 and not any(each.startswith(here) for each in word.to):
        return ""  # ``size`` of a volume is not that of the task
    of_type = [each for each in word.to if each.startswith("dependencies.")]
    if of_type:
        names = [each.rpartition(".")[2] for each in of_type]
        shown = names if set(names) <= names_of(record).keys() else []
    else:
        shown = [each for each in word.to if each in known]
        if all(each.rpartition(".")[0] + "." == here for each in shown):
            shown = [each.rpartition(".")[2] for each in shown]
    if shown:
        keys = joined([f"`{each}`" for each in shown], "and")
        return f"write {keys}" + (f" ({word.why})" if word.why else "")
    if word.to:
        return next((way for each in word.to if (way := _workaround(root, each))), "")
    return word.why


def _workaround(root: type, path: str) -> str:
    holder, _, name = path.rpartition(".")
    record = next((each.record for at, each in walk(root) if at == holder and each.record), None)
    return _instead(record, name)


def _instead(record: type | None, name: str) -> str:
    """Return what works in the place of a key of a record that is not implemented yet; empty for any other key."""
    later = later_of(record).get(name) if record else None
    return f"`{name}` is not implemented yet; {later.instead}" if later else ""


def type_of_dependency(name: str, known: Iterable[str]) -> str | None:
    """Return the dependency type that an unknown name means: in another spelling, by the word of another tool, or by a
    part that belongs to one type alone."""
    names = list(known)
    if meant := TYPES.get(name.lower(), typo(name, names)):
        return meant if meant in names else None
    if name.lower() in TYPES:
        return None
    containing = [each for each in names if _squashed(name) in each.split("_")]
    return containing[0] if len(containing) == 1 else None
