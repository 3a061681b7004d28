"""Every case in tests/cases compiles to the template, or has the findings or the plan, in the file beside it.

FSDCF_GOLDEN=1 rewrites the files: read the diff before you commit it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from fsdcf.cli.main import cli
from fsdcf.compiler.dependencies import types
from fsdcf.compiler.emit import to_yaml
from fsdcf.diagnostics import render
from fsdcf.lint.runner import Linter
from fsdcf.pipeline import Request, run
from tests.conftest import request_of

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "cases"
ALONE = [
    each
    for each in CASES.glob("*/*.environment.yml")
    if each.parent.name not in ("environments", "joined")
    and not Path(str(each).replace(".environment", ".spec")).exists()
]
"""The files of environments that no spec joins: they are compiled themselves."""
FINDINGS = sorted([*CASES.glob("refused/*.spec.yml"), *CASES.glob("advised/*.spec.yml"), *ALONE])
DEPENDENCIES = sorted(CASES.glob("dependencies/*.spec.yml"))
FOLDERS = ("containers", "traffic", "joined", "hardened", "observed", "addons", "jobs", "values")
TEMPLATES = [
    *DEPENDENCIES,
    *(path for folder in FOLDERS for path in sorted(CASES.glob(f"{folder}/*.spec.yml"))),
]
ENVIRONMENTS = sorted(CASES.glob("environments/*.environment.yml"))
EXAMPLES = sorted((ROOT / "examples").glob("*.yml"))


def check(golden: Path, text: str) -> None:
    if os.environ.get("FSDCF_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("environment", ["staging", "prod"])
@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda path: path.stem)
def test_example(spec: Path, environment: str, linter: Linter) -> None:
    result = run(request_of(spec, environment), linter.lint if environment == "prod" else None)
    assert result.template is not None, result.diagnostics
    assert not [one for one in result.diagnostics if not one.code.startswith(("W1", "W2")) or len(one.code) != 4]
    check(CASES / "examples" / f"{spec.stem}.{environment}.template.yml", to_yaml(result.template.data))


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_example_of_an_environment(name: str, linter: Linter) -> None:
    file = ROOT / "examples" / "environments" / f"{name}.yml"
    result = run(Request(f"environments/{name}.yml", file.read_bytes(), name), linter.lint)
    assert result.template is not None and not result.diagnostics


@pytest.mark.parametrize("spec", TEMPLATES, ids=lambda path: path.name.removesuffix(".spec.yml"))
def test_template(spec: Path, linter: Linter) -> None:
    """A service in an existing network, so that the template shows its traffic; or a worker there, so that it shows the
    dependency: ``TYPE.spec.yml`` or ``TYPE-VARIANT.spec.yml``. A service that joins an environment has the file of that
    beside it, or that of the folder."""
    result = run(request_of(spec), linter.lint)
    assert result.template is not None, result.diagnostics
    assert not result.diagnostics
    check(spec.with_name(spec.name.replace(".spec.yml", ".staging.template.yml")), to_yaml(result.template.data))


@pytest.mark.parametrize("file", ENVIRONMENTS, ids=lambda path: path.name.split(".")[0])
def test_environment(file: Path, linter: Linter) -> None:
    """An environment with the name of its file."""
    name = file.name.split(".")[0]
    result = run(Request(f"environments/{name}.yml", file.read_bytes(), name), linter.lint)
    assert result.template is not None, result.diagnostics
    assert not result.diagnostics
    check(file.with_name(f"{name}.template.yml"), to_yaml(result.template.data))


def test_every_type_of_dependency_has_a_golden() -> None:
    assert {path.name.split(".")[0].split("-")[0] for path in DEPENDENCIES} == {kind.name for kind in types().values()}


@pytest.mark.parametrize("spec", FINDINGS, ids=lambda path: f"{path.parent.name}/{path.name.split('.')[0]}")
def test_case(spec: Path) -> None:
    """The diagnostics of a case as text. The first line of a case may be ``# env: NAME``.

    ``NAME.environment.yml`` beside a spec is the file of its environment; alone, it is the case.
    """
    raw = spec.read_bytes()
    first = raw.split(b"\n", 1)[0].decode("utf-8", "replace")
    environment = first.removeprefix("# env: ").strip() if first.startswith("# env: ") else "staging"
    case, shown = spec.name.split(".")[0], f"environments/{environment}.yml"
    alone = spec.name == f"{case}.environment.yml"
    result = run(Request(shown, raw, environment) if alone else request_of(spec, environment))
    text = "\n\n".join(render(one, result.sources) for one in result.diagnostics) + "\n"
    check(spec.with_name(f"{case}.findings.txt"), text)
    assert (result.template is None) == (spec.parent.name == "refused")


@pytest.mark.parametrize("case", sorted(CASES.glob("import/*")), ids=lambda path: path.name)
def test_import(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``fsdcf import`` writes for the folder ``source`` of a case, also into it, and its report. Every spec
    compiles."""
    shutil.copytree(case / "source", tmp_path / "source")
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(cli, ["import", "source", "-o", "out"])
    assert ended.exit_code in (0, 4) and "does not compile" not in ended.output, ended.output
    check(case / "report.txt", ended.stdout)
    sources = {path.relative_to(case) for path in (case / "source").rglob("*")}
    written = {path for folder in ("out", "source") for path in Path(folder).rglob("*") if path.is_file()} - sources
    places = {path.relative_to("out") if path.is_relative_to("out") else path: path for path in written}
    for place, path in sorted(places.items()):
        check(case / "out" / place, path.read_text(encoding="utf-8"))
    assert {path.relative_to(case / "out") for path in (case / "out").rglob("*") if path.is_file()} == places.keys()


KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PLANS = {
    "port": ("port: 8000", "port: 9000"),
    "balancer-removed": ("healthCheck: {path: /health, ", "networking: {loadBalancer: false}\n  healthCheck: {"),
    "internal": ("  resources:", "  networking: {loadBalancer: {internal: true}}\n  resources:"),
    "time-to-live": ("ttl: exp", "ttl: expires"),
    "time-to-live-removed": ("    ttl: exp\n", ""),
    "time-to-live-off": ("ttl: exp", "ttl: {attribute: exp, enabled: false}"),
    "stream": ("stream: KEYS_ONLY", "stream: NEW_IMAGE"),
    "directory": ("throughputMode: bursting", "throughputMode: bursting, rootDirectory: /other"),
    "user": ("throughputMode: bursting", "throughputMode: bursting, posixUser: {uid: 7, gid: 7}"),
    "mount-point": ("throughputMode: bursting", "throughputMode: bursting, mountPoint: /data"),
    "scaling-removed": ("  autoScaling: {minCount: 3, maxCount: 12}\n", ""),
    "boundary-removed": ("  permissionsBoundary: limits\n", ""),
    "logs-off": ("  resources:", "  observability: {logs: {enabled: false}}\n  resources:"),
    "tags": ("owners: team", "owners: others, pack: sales"),
    "renamed": ("name: shop", "name: store"),
    "egress": ("  resources:", "  networking: {egress: [{to: 0.0.0.0/0, ports: [443]}]}\n  resources:"),
    "flow-logs": ("  resources:", "  networking: {vpc: {flowLogs: true}}\n  resources:"),
    "encryption": ("  resources:", f"  encryption: {KMS_KEY}\n  resources:"),
}
"""Edits of tests/cases/plans/base.yml, each with the plan that it leads to."""


@pytest.mark.parametrize("name", [*PLANS, "first"])
def test_plan(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    base = (CASES / "plans" / "base.yml").read_text(encoding="utf-8")
    old, new = PLANS.get(name, ("", ""))
    assert old in base
    Path("base.yml").write_text(base, encoding="utf-8")
    Path("new.yml").write_text(base.replace(old, new, 1), encoding="utf-8")
    files = ["base.yml", "--first"] if name == "first" else ["base.yml", "new.yml"]
    told = CliRunner().invoke(cli, ["diff", *files, "--env", "prod"])
    check(CASES / "plans" / f"{name}.plan.txt", f"{told.stdout}\nexit code {told.exit_code}\n")


def test_explained_failures() -> None:
    """The answers of ``fsdcf explain`` to messages of AWS."""
    lines = (CASES / "failures" / "messages.txt").read_text(encoding="utf-8").splitlines()
    answers = []
    for line in lines:
        if not line.startswith("#"):
            head, _, text = line.partition(" | ")
            result = CliRunner().invoke(cli, ["explain", "--failure", text])
            assert result.exit_code == (1 if head.endswith(" -") else 0), line
            answers.append(f"{head}\n{result.stdout}")
    check(CASES / "failures" / "answers.txt", "\n".join(answers))
