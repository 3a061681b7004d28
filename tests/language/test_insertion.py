"""An entry that is put into a spec: its place and its form, and everything else as it was."""

from __future__ import annotations

import pytest

from fsdcf.compiler.dependencies import types
from fsdcf.language.insertion import InsertionError, with_entry
from fsdcf.language.source import parse
from tests.conftest import ROOT

HEAD = "apiVersion: fsd/v1\nkind: Service\nmetadata: {name: a, owners: b}\n"
PATH = ("service", "environment", "NEW")
VALUE = "${ssm:/a/${ENV}/NEW}"


def entered(text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    return with_entry(raw, "a.yml", PATH, VALUE, types()).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("service:\n  environment:\n    A: b\n", "service:\n  environment:\n    A: b\n    NEW: @\n"),
        ("service:\n  environment:\n    A: b", "service:\n  environment:\n    A: b\n    NEW: @"),
        (
            "service:\n    environment:\n        A: b  # why\n        # B: c\n\n    port: 80\n",
            "service:\n    environment:\n        A: b  # why\n        NEW: @\n        # B: c\n\n    port: 80\n",
        ),
        (
            "service:\n  environment:\n    A: |\n      two\n      lines\n  port: 80\n",
            "service:\n  environment:\n    A: |\n      two\n      lines\n    NEW: @\n  port: 80\n",
        ),
        (
            "service:\n  environment:\n    A: |+\n      kept\n\n  port: 80\n",
            "service:\n  environment:\n    A: |+\n      kept\n\n    NEW: @\n  port: 80\n",
        ),
        (
            "service:\n  environment:\n    A: 'two\n\n      lines' # c\n  port: 80\n",
            "service:\n  environment:\n    A: 'two\n\n      lines' # c\n    NEW: @\n  port: 80\n",
        ),
        ("service:\n  environment: {A: b}\n", 'service:\n  environment: {A: b, NEW: "@"}\n'),
        ("service:\n  environment: {A: b,}  # c\n", 'service:\n  environment: {A: b, NEW: "@",}  # c\n'),
        ("service:\n  environment: {}\n", 'service:\n  environment: {NEW: "@"}\n'),
        (
            "service:\n  environment: {\n    A: b # c\n  }\n",
            'service:\n  environment: {\n    A: b, NEW: "@" # c\n  }\n',
        ),
        ('service: {"environment": {"A": "b"}}\n', 'service: {"environment": {"A": "b", "NEW": "@"}}\n'),
        ('service: {"environment": {}}\n', 'service: {"environment": {"NEW": "@"}}\n'),
        ("service: {port: 80}\n", 'service: {port: 80, environment: {NEW: "@"}}\n'),
        ("service:\n  port: 80 # c\n", "service:\n  port: 80 # c\n  environment:\n    NEW: @\n"),
        (
            "service:\n    build:\n        args: {A: b}\n# end\n",
            "service:\n    build:\n        args: {A: b}\n    environment:\n        NEW: @\n# end\n",
        ),
        (
            "service:\n  environment: # none yet\n  port: 80\n",
            "service:\n  environment: # none yet\n    NEW: @\n  port: 80\n",
        ),
        ("service:\n", "service:\n  environment:\n    NEW: @\n"),
        ("", "service:\n  environment:\n    NEW: @\n"),
        ("environments: {prod: {}}\n...\n", "environments: {prod: {}}\nservice:\n  environment:\n    NEW: @\n...\n"),
        (
            "service:\n  environment: &e\n    A: &b c\n  command: [*b]\n",
            "service:\n  environment: &e\n    A: &b c\n    NEW: @\n  command: [*b]\n",
        ),
        (
            "service:\n  command: [&b c]\n  environment:\n    A: *b\n",
            "service:\n  command: [&b c]\n  environment:\n    A: *b\n    NEW: @\n",
        ),
        ("service:\r\n  environment:\r\n    A: b\r\n", "service:\r\n  environment:\r\n    A: b\r\n    NEW: @\r\n"),
        ("\ufeffservice:\n  environment:\n    Ä: 'ö'\n", "\ufeffservice:\n  environment:\n    Ä: 'ö'\n    NEW: @\n"),
    ],
)
def test_the_entry_is_put_at_the_end_of_its_map(before: str, after: str) -> None:
    bom, head = ("\ufeff", HEAD) if before.startswith("\ufeff") else ("", HEAD)
    head = head.replace("\n", "\r\n") if "\r\n" in before else head
    assert entered(bom + head + before.lstrip("\ufeff")) == bom + head + after.lstrip("\ufeff").replace("@", VALUE)


def test_a_spec_in_json() -> None:
    spec = '{"apiVersion": "fsd/v1", "metadata": {"name": "a"}, "service": {"port": 80}}'
    assert entered(spec) == spec.replace("80}", f'80, "environment": {{"NEW": "{VALUE}"}}}}')


@pytest.mark.parametrize(
    "text",
    [
        "service:\n  environment: {NEW: b}\n",
        "service:\n  environment: [a]\n",
        "service:\n  environment: null\n",
        "service: text\n",
        "x: &e {A: b}\nservice:\n  environment: *e\n",
        "service:\n  environment: &e {A: b}\nenvironments: {prod: {service: {environment: *e}}}\n",
        "service: [\n",
    ],
)
def test_what_cannot_be_changed_alone_is_refused(text: str) -> None:
    with pytest.raises(InsertionError):
        entered(HEAD + text)


SPECS = sorted([*(ROOT / "examples").glob("*.yml"), *(ROOT / "tests" / "cases" / "advised").glob("*.spec.yml")])


def test_in_every_spec_the_entry_is_all_that_is_new() -> None:
    """Byte for byte: without what was put there, the text is the old one."""
    entries, refused = 0, []
    for path in SPECS:
        raw = path.read_bytes()
        if parse(raw, path.name)[0] is None or b"kind: Environment" in raw:
            continue
        try:
            after = with_entry(raw, path.name, PATH, VALUE, types())
        except InsertionError:
            refused.append(path)
            continue
        start = next(at for at in range(len(raw) + 1) if raw[:at] != after[:at] or at == len(raw))
        more = len(after) - len(raw)
        assert any(after[:at] + after[at + more :] == raw for at in range(max(0, start - more), start + 1)), path
        entries += 1
    assert entries > 15, (entries, refused)
    assert len(refused) < 2, refused
