"""The documentation is true: specs in it compile, commands are named, generated pages are current."""

from __future__ import annotations

import importlib.util
import json
import re
from functools import cache
from pathlib import Path
from types import ModuleType

import click
import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from fsdcf.cli.commands.explain import catalogue
from fsdcf.cli.main import cli
from fsdcf.cli.render.findings import summary
from fsdcf.compiler.dependencies import types
from fsdcf.deploy.model import Exit
from fsdcf.diagnostics import render
from fsdcf.language.jsonschema import json_schema
from fsdcf.language.model.service import COMMON_METRICS
from fsdcf.pipeline import Request, SourceFile, run
from fsdcf.plan.cost.prices import shipped
from fsdcf.sandbox.faults import parse_fault
from tests.conftest import ROOT
from tests.printed import problem_of


def yaml_blocks(page: Path) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


COMMANDS = cli.list_commands(click.Context(cli))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [
    pytest.param(block, page, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(yaml_blocks(page))
    if page.parent.name != "how-to" or block.startswith("apiVersion: fsd/v1")
]
EXAMPLES = sorted((ROOT / "examples").glob("*.yml"))


STAGING = ROOT / "examples" / "environments" / "staging.yml"


@pytest.mark.parametrize(("block", "page"), BLOCKS)
def test_every_spec_in_the_docs_compiles(block: str, page: Path) -> None:
    """A service joins the environment of its page, or else that of the examples."""
    environments = [one for one in yaml_blocks(page) if "kind: Environment" in one]
    raw = environments[0].encode() if environments else STAGING.read_bytes()
    file = SourceFile("environments/staging.yml", raw)
    name = file.name if block in environments else "block.yml"
    result = run(Request(name, block.encode(), "staging", environment_file=file))
    assert result.template is not None, result.diagnostics


def test_the_tutorial_s_override_can_be_made_in_each_of_its_specs() -> None:
    page = ROOT / "docs" / "tutorial.md"
    overrides = tuple(re.findall(r"`--override ([^`]+)`", page.read_text(encoding="utf-8")))
    assert overrides
    prod = SourceFile("environments/prod.yml", STAGING.with_name("prod.yml").read_bytes())
    for block in (one for one in yaml_blocks(page) if "kind: Service" in one):
        assert run(Request("shop.yml", block.encode(), "prod", overrides, environment_file=prod)).template is not None


def test_the_second_half_of_the_tutorial_is_about_the_examples() -> None:
    blocks = yaml_blocks(ROOT / "docs" / "tutorial.md")
    for name in ("environments/staging.yml", "users.yml", "shop.yml"):
        assert any((ROOT / "examples" / name).read_text(encoding="utf-8").endswith(block) for block in blocks), name


def test_what_the_tutorial_s_environment_costs_is_what_fsdcf_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "examples")
    done = CliRunner().invoke(cli, ["cost", "environments/staging.yml", "shop.yml", "users.yml"])
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    assert done.exit_code == 0
    assert f"$ fsdcf cost .\n{done.stdout.split('shop.yml in')[0].strip()}\n…\n" in page


@pytest.mark.parametrize(("name", "words"), [("README.md", "costs **"), ("docs/tutorial.md", "before you deploy: ")])
def test_what_the_first_spec_of_a_page_costs(name: str, words: str, tmp_path: Path) -> None:
    page, spec = ROOT / name, tmp_path / "spec.yml"
    spec.write_text(yaml_blocks(page)[0], encoding="utf-8")
    totals = json.loads(CliRunner().invoke(cli, ["cost", str(spec), "--format", "json"]).stdout)["monthly"]
    low, high = (round(float(totals[end])) for end in ("minimum", "maximum"))
    assert f"{words}{low} to {high} USD" in page.read_text(encoding="utf-8")


def test_every_command_and_example_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`fsdcf {command}" in readme for command in COMMANDS)
    assert all(f"](examples/{example.name})" in readme for example in EXAMPLES)


def test_the_metrics_without_a_selection_and_their_price_are_in_the_how_to() -> None:
    page = (ROOT / "docs" / "how-to" / "observe.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in COMMON_METRICS)
    assert f"{len(COMMON_METRICS) * shipped()['metric.custom'].price} USD" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_docs_have_the_options_that_are_shown(page: Path) -> None:
    """``fsdcf COMMAND … --option`` in code: the command exists, and knows the option."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    shown = re.findall(r"`(fsdcf [^`]+)`", text) + [
        line for one in blocks for line in re.findall(r"^(?:\$ )?(fsdcf .+)$", one, re.M)
    ]
    for line in shown:
        words = line.split(" #")[0].split(" -- ")[0].replace("[", " ").replace("]", " ").split()
        if words[1] in ("--help", "--version", "help"):
            continue
        assert words[1] in COMMANDS, line
        command = cli.get_command(click.Context(cli), words[1])
        if isinstance(command, click.Group):
            command = command.get_command(click.Context(command), words[2])
        assert command is not None, line
        known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
        given = {word.split("=")[0] for word in words if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word)}
        assert given <= known, line
        needed = {one.opts[0] for one in command.params if one.required and isinstance(one, click.Option)}
        assert not given or needed <= given, f"{line}: it does not run without {needed - given}"
        if not set(line) & set("[|<…") and not re.search(r"\b(OLD|CODE|KEY|URL)\b| --[a-z-]+$", line):
            assert not problem_of(line.split(" #")[0].strip()), f"{line}: {problem_of(line.split(' #')[0].strip())}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_docs_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_faults_that_the_docs_show_can_be_played() -> None:
    page = (ROOT / "docs" / "how-to" / "sandbox.md").read_text(encoding="utf-8")
    faults = re.findall(r"^\| `([^`]+)` \|", page, re.M) + re.findall(r"--fault '?([^' \n]+)", page)
    assert len(faults) > 8
    for text in faults:
        parse_fault(text)


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs" / "how-to" / "first-deploy.md").read_text(encoding="utf-8")
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.M)] == sorted(Exit)


def test_every_option_of_deploy_is_explained_somewhere() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    command = cli.get_command(click.Context(cli), "deploy")
    assert command is not None
    missing = [
        one for parameter in command.params for one in parameter.opts if one.startswith("--") and f"{one}" not in text
    ]
    assert missing == []


def test_the_readme_s_mistake_is_what_fsdcf_prints() -> None:
    """Two mistakes in the README's own spec: every finding stands there, on its line, and the count of them."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    spec = re.search(r"^```yaml\n(.*?)^```", readme, re.M | re.S)
    assert spec
    text = spec[1].replace("healthCheck:", "helthCheck:").replace("memory: 1024", "memory: 8192")
    result = run(Request("my-service.yml", text.encode(), "staging"))
    told = "\n\n".join(render(finding, result.sources) for finding in result.diagnostics)
    assert (
        f"$ fsdcf template my-service.yml\n{told}\n\nmy-service.yml: {summary(result.diagnostics)}; nothing written\n"
        in readme
    )


def test_what_sharing_saves_is_what_the_how_to_shows() -> None:
    """The how-to's figures come from ``fsdcf cost``; the README rounds them."""
    page = (ROOT / "docs" / "how-to" / "share-an-environment.md").read_text(encoding="utf-8")
    total = re.search(r"^\| \*\*total\*\* \| \*\*([0-9,.]+)\*\* \| \*\*([0-9,.]+)\*\* \|$", page, re.M)
    assert total
    before, after = (f"{round(float(one.replace(',', ''))):,}" for one in total.groups())
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"ten small services cost {after} USD a month instead of {before}" in readme


def test_the_readme_s_first_spec_draws_no_warning() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    spec = re.search(r"^```yaml\n(.*?)^```", readme, re.M | re.S)
    assert spec
    result = run(Request("my-service.yml", spec[1].encode(), "staging"))
    assert result.template is not None and not result.diagnostics
    assert f"these {len(spec[1].splitlines())} lines into {len(result.template.data['Resources'])} resources" in readme


@cache
def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current() -> None:
    for name, text in script("docs").pages().items():
        assert (ROOT / name).read_text(encoding="utf-8") == text, f"{name} is stale: make docs"


def test_the_pictures_of_the_readme_are_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    pictures = script("pictures")
    architecture, deploy = (
        (ROOT / name).read_text(encoding="utf-8") for name in (pictures.ARCHITECTURE, pictures.DEPLOY)
    )
    assert architecture == pictures.architecture_picture(), "stale: make docs"
    assert pictures.words(deploy) == pictures.words(pictures.deploy_picture(monkeypatch.setenv)), "stale: make docs"


def test_the_page_on_walls_explains_each_action_that_iam_cannot_limit() -> None:
    page = (ROOT / "docs" / "explanation" / "walls-between-environments.md").read_text(encoding="utf-8")
    table, rest = page.split("<!-- end of walls -->")
    rows = [line for line in table.partition("<!-- walls -->")[2].splitlines() if line.startswith("| ")][1:]
    assert {"acm", "ec2", "ecs", "elasticloadbalancing", "iam", "route53", "ssm"} <= {row.split()[1] for row in rows}
    actions = [action for row in rows for action in re.findall(r"`(\w[\w-]*:\w+)`", row.split("|")[5])]
    assert len(actions) >= 5 and [one for one in actions if one.partition(":")[2] not in rest] == []


def test_every_code_is_unique_and_has_a_case() -> None:
    rules = catalogue()
    assert all(rule.explanation and rule.title for rule in rules.values())
    seen = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "cases").rglob("*.findings.txt"))
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    missing = [code for code in rules if f"[{code}]" not in seen and f'"{code}"' not in tests]
    assert missing == []


@pytest.fixture(scope="module")
def published() -> jsonschema.Draft7Validator:
    """The schema in the docs, checked itself."""
    schema = json.loads((ROOT / "docs" / "fsd-v1.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_fit_the_schema(example: Path, published: jsonschema.Draft7Validator) -> None:
    assert list(published.iter_errors(yaml.safe_load(example.read_text(encoding="utf-8")))) == []


def test_the_schema_refuses_what_fsdcf_refuses() -> None:
    schema = json_schema(types())
    bad = {"apiVersion": "fsd/v1", "kind": "Service", "metadata": {"name": "x"}, "service": {"prot": 1}}
    assert list(jsonschema.Draft7Validator(schema).iter_errors(bad))
