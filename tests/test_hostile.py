"""Hostile texts in every key of the language that takes them: each format of each command stays what it is."""

from __future__ import annotations

import html
import json
import re
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given
from markdown_it import MarkdownIt

from fsdcf.cli.main import cli
from fsdcf.cloudformation.template import read
from fsdcf.pipeline import Request, run
from fsdcf.plan.markdown import markdown as escaped
from fsdcf.plan.markdown import markdown_code
from fsdcf.wording import visible
from tests.conftest import ROOT
from tests.fuzz import examples
from tests.hostile import BREAKS, texts
from tests.language.test_substitution import places, with_text

SPECS = ("examples/production.yml", "tests/cases/traffic/cognito.spec.yml", "examples/worker-queue.yml")
TEXTS = texts(
    *BREAKS, "</summary>", "\x1b[2J", "\x9b31m", "| a | b |", "<img src=x onerror=a>", "\n# h", "\n::warning::a"
)
MARKDOWN = MarkdownIt("commonmark").enable("table")
TAGS = {"details", "summary", "br", "code", "span", "b", "!--"}
"""The elements of HTML that the Markdown of fsdcf has."""


def hostile(name: str, text: str) -> tuple[dict[str, Any], set[tuple[Any, ...]]]:
    """A spec with a text in every key that takes it, and the keys."""
    whole = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    whole.get("service", {}).setdefault("build", {}).setdefault("args", {})["A"] = "x"
    whole["metadata"]["description"] = "x"
    whole["service"].setdefault("environment", {})["A"] = "x"
    written, taken = whole, set(places(whole))
    for path in taken:
        written = with_text(written, path, text.replace("${", "$${"))
    for _ in range(12):
        result = run(Request("a.yml", dumps(written).encode(), "staging", beside=lambda _: b""))
        wrong = {each.path for each in result.diagnostics if each.code.startswith("S")}
        if not wrong:
            return written, taken
        back = {path for path in taken if any(path[: len(each)] == each or each[: len(path)] == path for each in wrong)}
        for path in back or taken:
            written = with_text(written, path, value_at(whole, path))
        taken -= back or taken
    raise AssertionError("the spec keeps its errors")


def dumps(data: Any) -> str:
    """Data as JSON that is YAML, too: its escapes are not pairs of surrogates."""
    written = json.dumps(data, ensure_ascii=False)
    return re.sub("[\x7f-\uffff]", lambda match: f"\\u{ord(match[0]):04x}", written)


def value_at(data: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


def fsdcf(*arguments: str, github: bool = False) -> str:
    environment = {"GITHUB_ACTIONS": "true"} if github else {"GITHUB_ACTIONS": None}
    done = CliRunner().invoke(cli, list(arguments), env=environment)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    assert done.exit_code in (0, 2, 10, 11), done.output
    shown(done.stderr)
    return done.stdout


def shown(text: str, allowed: str = "\n") -> None:
    """Demand that no character of a text on a terminal does anything, or is invisible."""
    acting = {one for one in text if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert acting <= set(allowed), ascii(text)


def markdown(text: str) -> None:
    """Demand that Markdown has no element, link or picture that fsdcf does not write, and closes what it opens."""
    shown(text, "\n\u200b")  # which keeps a name behind @ from being one
    opened: list[str] = []
    for token in tokens(MARKDOWN.parse(text)):
        assert token.type not in ("image",), token
        if token.type == "link_open":
            assert re.match(r"https://(docs\.|github\.com|aws\.)", str(token.attrs["href"])), token
        if token.type in ("html_block", "html_inline"):
            for closing, tag in re.findall(r"<(/?)(!--|[a-zA-Z][a-zA-Z0-9]*)", token.content):
                assert tag in TAGS, token.content
                if closing:
                    assert opened.pop() == tag, text
                elif tag not in ("br", "!--"):
                    opened.append(tag)
    assert not opened, text


def tokens(found: Any) -> Iterator[Any]:
    for token in found:
        yield token
        yield from tokens(token.children or ())


@given(text=TEXTS)
def test_a_text_in_markdown_is_shown_as_it_is(text: str) -> None:
    for written in (escaped(text), markdown_code(text)):
        found = tokens(MARKDOWN.parse(f"| a | b |\n|---|---|\n| {written} | end |\n\n- **x**: {written} {written}\n"))
        texts = [token for token in found if token.type == "inline"]
        plain = [html.unescape(re.sub("<[^>]*>", "", content_of(token))) for token in texts]
        arrived = " ".join(visible(" ".join(text.split())).split())
        assert [" ".join(one.replace("@\u200b", "@").split()) for one in plain] == [
            *("a", "b", arrived, "end"),
            " ".join(f"x: {arrived} {arrived}".split()),
        ]


def content_of(token: Any) -> str:
    """The text that a browser shows, with the elements that are in it."""
    parts = (each.content if each.type == "html_inline" else html.escape(each.content) for each in token.children)
    return "".join(parts)


@pytest.mark.parametrize("name", SPECS)
@given(text=TEXTS, other=TEXTS)
@examples(2, ignore=(HealthCheck.function_scoped_fixture,))
def test_every_output_keeps_its_form(
    name: str, text: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new, _ = hostile(name, text)
    old, _ = hostile(name, other)
    spec = "new.yml"
    for path, data in ((spec, new), ("old.yml", old)):
        Path(path).write_text(dumps(data), encoding="utf-8")
    Path("Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    template = fsdcf("template", spec, "--no-lint")
    shown(template, "\n\t")
    assert read(template)["Resources"]
    for command in (["diff", "--first", spec], ["diff", "old.yml", spec], ["cost", spec], ["access", spec]):
        shown(fsdcf(*command))
        markdown(fsdcf(*command, "--format", "markdown"))
        machine = fsdcf(*command, "--format", "json")
        shown(machine)
        json.loads(machine)
    for line in fsdcf("diff", "old.yml", spec, "--format", "github", github=True).splitlines():
        assert re.match(r"::(error|warning|notice|group|endgroup)|[^:#]|$", line), line
    drawing = fsdcf("graph", spec, "--format", "markdown")
    assert drawing.count("```") == 2
    Path("plan/new.yml").mkdir(parents=True, exist_ok=True)
    parts = {"plan": fsdcf("diff", "old.yml", spec, "--format", "markdown"), "graph": drawing}
    for part, written in (*parts.items(), ("cost", fsdcf("cost", spec, "--format", "markdown"))):
        Path(f"plan/new.yml/{part}.md").write_text(written, encoding="utf-8")
    markdown(fsdcf("ci", "comment", "plan", "--env", "staging"))
    ElementTree.fromstring(fsdcf("graph", spec, "--format", "svg"))
    shown(fsdcf("graph", spec, "--format", "dot"))


@given(text=TEXTS)
@examples(5, ignore=(HealthCheck.function_scoped_fixture,))
def test_every_finding_keeps_its_form(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = yaml.safe_load((ROOT / SPECS[0]).read_text(encoding="utf-8"))
    for path in list(places(whole)):
        whole = with_text(whole, path, text)
    whole["service"]["environment"] = {text: text, "A": text}
    whole[text] = text
    Path("a.yml").write_text(dumps(whole), encoding="utf-8")
    shown(fsdcf("validate", "a.yml", "--no-lint"))
    machine = fsdcf("validate", "a.yml", "--no-lint", "--format", "json")
    shown(machine)
    json.loads(machine)
    for line in fsdcf("validate", "a.yml", "--no-lint", "--format", "github", github=True).splitlines():
        assert re.match(r"::(error|warning|notice)|[^:#]|$", line), line


def test_hostile_texts_reach_what_takes_texts() -> None:
    _, taken = hostile(SPECS[0], "a|b`<b>${{")
    assert taken >= {("metadata", "description"), ("service", "environment", "A"), ("service", "build", "args", "A")}
