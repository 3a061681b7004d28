"""A secret of any kind, at any key of the language, appears in no output of any command: only in a template."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from fsdcf.cli.main import cli
from fsdcf.compiler.dependencies import types
from fsdcf.diagnostics import render
from fsdcf.language.model import ENVIRONMENT, SERVICE
from fsdcf.language.shape import walk
from fsdcf.pipeline import Request, run
from tests.conftest import HELLO
from tests.fuzz import examples, some

CORE = "q7Zk2mV9xR4tY8wB3nL6"
"""The part of each secret that must not be shown."""
KINDS: Mapping[str, str] = {
    "a random text": f"{CORE}Jd5Hs",
    "a token": "ghp" + f"_{CORE}{CORE}",
    "a stripe key": "sk_live" + f"_{CORE}",
    "an access key of Anthropic": "sk-ant" + f"-api03-{CORE}-AA",
    "a web token": f"eyJhbGciOiJIUzI1NiJ9.{CORE}.{CORE}",
    "a connection string": f"Server=db;User Id=app;Password={CORE};Encrypt=true",
    "a keyword string": f"host=db user=app password={CORE} dbname=x",
    "user info": f"postgres://app:{CORE}@db.example.com/app",
    "a password without a user": f"redis://:{CORE}@cache:6379",
    "a signed address": f"https://x.blob.core.windows.net/c?sv=1&sig={CORE}",
    "an option": f"app --password {CORE}",
    "an option with an equals sign": f"app --api-token={CORE}",
    "a client's option": f"mysql -u root -p{CORE}",
    "a login": f"curl -u admin:{CORE} https://example.com",
    "a header": f"curl -H 'Authorization: Bearer {CORE}' https://example.com",
    "JSON": json.dumps({"db": {"password": CORE}}),
    "base64": b64encode(f'{{"password": "{CORE}"}}'.encode()).decode(),
    "a private key": f"-----BEGIN PRIVATE KEY-----\n{CORE}{CORE}{CORE}\n-----END PRIVATE KEY-----\n",
}


def string_keys(record: type) -> list[str]:
    """The keys of a kind of spec that take texts, and those of maps and lists of texts."""
    found = [path for path, field in walk(record) if field.accepts("string") or (field.item and not field.record)]
    for kind in types().values():
        if "dependencies" in {path for path, _ in walk(record)}:
            below = (f"dependencies[].{path}" for path, field in walk(kind.model) if field.accepts("string"))
            found += [f"{path}@{kind.name}" for path in below]
    return found


def spec_with(path: str, secret: Any, base: str = HELLO) -> str:
    """A spec with a secret at a key, alone and as the item of a list or map."""
    path, _, kind = path.partition("@")
    data: Any = yaml.safe_load(base)
    here, steps = data, path.split(".")
    for index, step in enumerate(steps):
        name, is_list = step.removesuffix("[]"), step.endswith("[]")
        if index == len(steps) - 1:
            here[name] = secret
        elif is_list:
            here[name] = [{"type": kind, "name": "orders"} if kind else {"name": "one"}]
            here = here[name][0]
        else:
            here[name] = here[name] if isinstance(here.get(name), dict) else {}
            here = here[name]
    return str(yaml.safe_dump(data, sort_keys=False))


MAPS = {
    "service.environment": "{X: %s}",
    "service.build.args": "{X: %s}",
    "metadata.tags": "{x: %s}",
    "service.command": "[sh, %s]",
    "service.entryPoint": "[sh, -c, %s]",
    "service.healthCheck.container.command": "[CMD, %s]",
}
OTHERS = [
    *(f"service:\n  {key.removeprefix('service.')}: {form}" for key, form in MAPS.items() if key.count(".") == 1),
    "environments: {prod: {service: {environment: {X: %s}}}}",
    "service:\n  sidecars: [{name: side, image: 'busybox:1', environment: {X: %s}, command: [sh, %s]}]",
]


def texts_of(record: type) -> Iterator[Any]:
    yield from (pytest.param(path, id=path) for path in string_keys(record))


@pytest.mark.hypothesis  # with a second kind of secret in ``make fuzz``
@pytest.mark.parametrize("record", [SERVICE.record, ENVIRONMENT.record], ids=["service", "environment"])
def test_no_finding_shows_a_secret_at_any_key(record: type) -> None:
    environment = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\nenvironment: {}\n"
    base = HELLO if record is SERVICE.record else environment
    kinds = list(KINDS.items())
    shown = {}
    for number, path in enumerate(string_keys(record)):
        for name, secret in some((kinds[number % len(kinds)], kinds[(number * 7 + 3) % len(kinds)]), 2):
            value = [secret] if number % 3 == 0 else secret
            result = run(Request("staging.yml", spec_with(path, value, base).encode(), "staging"))
            text = "\n".join(render(each, result.sources) for each in result.diagnostics)
            if CORE in text or CORE in str([(each.message, each.hint) for each in result.diagnostics]):
                shown[path, name] = next(line for line in text.splitlines() if CORE in line)
    assert not shown


COMMANDS = (
    *(("validate", "--format", form) for form in ("text", "json", "github")),
    *(("diff", "--format", form, "OLD") for form in ("text", "json", "markdown")),
    *(("graph", "--format", form) for form in ("mermaid", "dot", "svg")),
    *(("cost", "--format", form) for form in ("text", "json", "markdown")),
    *(("access", "--format", form) for form in ("text", "json", "markdown")),
    ("permissions",),
    ("deploy", "--sandbox", "--plan-only", "--image-sha", "one"),
    ("deploy", "--sandbox", "--plan-only", "--image-sha", "one", "--json"),
    ("ci", "github", "-o", "-"),
    ("explain", "--failure", "FAILURE", "--spec"),
)


def output_of(folder: Path, words: tuple[str, ...], secret: str) -> str:
    failure = f"CannotStartContainerError: exec {secret}: no such file"
    given = {"OLD": str(folder / "old.yml"), "FAILURE": failure}
    arguments = [given.get(word, word) for word in words]
    result = CliRunner().invoke(cli, [*arguments, str(folder / "new.yml")], env={"GITHUB_ACTIONS": "true"})
    assert result.exit_code in (0, 1, 2, 3, 5, 10), (words, result.output, result.exception)
    return result.output


@examples(6, ignore=(HealthCheck.function_scoped_fixture,))
@given(data=st.data())
def test_no_command_shows_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: st.DataObject) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / ".git").mkdir(exist_ok=True)
    (tmp_path / "old.yml").write_text(HELLO)
    secret = data.draw(st.sampled_from(list(KINDS.values())))
    place = data.draw(st.sampled_from([*MAPS, *string_keys(SERVICE.record)]))
    if place in MAPS:
        text = spec_with(place, yaml.safe_load(MAPS[place] % json.dumps(secret)))
    else:
        text = spec_with(place, secret)
    text = text.replace("name: hello", "name: hello", 1)
    (tmp_path / "new.yml").write_text(text)
    words = data.draw(st.sampled_from(COMMANDS))
    assert CORE not in output_of(tmp_path, words, secret)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_shows_the_secret_of_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / ".git").mkdir()
    (tmp_path / "old.yml").write_text(
        HELLO + "  environment: {DB_PASSWORD: before-it-was, COPY: 'x before-it-was y'}\n"
    )
    spec = f"  environment: {{DB_PASSWORD: {CORE}, COPY: 'see {CORE} here'}}\n  build: {{args: {{A: 'x {CORE}'}}}}\n"
    (tmp_path / "new.yml").write_text(HELLO + spec)
    text = output_of(tmp_path, words, "x")
    assert CORE not in text and "before-it-was" not in text
