"""``fsdcf template`` and ``validate`` of folders, with the files of environments among the specs."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fsdcf.batch import BatchOptions, compile_all
from fsdcf.cli.main import cli
from fsdcf.cli.options import SpecInputs
from tests.conftest import HELLO

SERVICES = ("shop", "users")


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FSDCF_ENV", raising=False)
    for folder in ("services", "environments", "services/node_modules", "environments/staging"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("staging", "prod"):
        text = f"apiVersion: fsd/v1\nkind: Environment\nmetadata: {{name: {name}}}\n"
        (tmp_path / "environments" / f"{name}.yml").write_text(text)
    for name in SERVICES:
        (tmp_path / "services" / f"{name}.yml").write_text(HELLO.replace("name: hello", f"name: {name}"))
    (tmp_path / "services" / "node_modules" / "other.yml").write_text(HELLO)
    (tmp_path / "environments" / "variables.yml").write_text("LOG_LEVEL: info\n")
    return tmp_path


def fsdcf(*arguments: str, expect: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == expect, result.output
    return result


def written(*arguments: str) -> set[str]:
    fsdcf("template", *arguments, "--no-lint", "-o", "out/")
    names = {file.name.removesuffix(".template.yml") for file in Path("out").iterdir()}
    for file in Path("out").iterdir():
        file.unlink()
    return names


def test_services_are_compiled_for_every_environment_among_the_files() -> None:
    both = {"staging", "prod", *(f"{name}.{env}" for name in SERVICES for env in ("staging", "prod"))}
    assert written("environments", "services") == written(".") == both
    assert written("environments/prod.yml", "services") == {"prod", "shop.prod", "users.prod"}


def test_env_chooses_one_of_them() -> None:
    prod = {"prod", "shop.prod", "users.prod"}
    assert written("environments", "services", "--env", "prod") == prod
    assert written("services", "--env", "prod") == prod - {"prod"}
    assert written("environments/staging.yml", "services/shop.yml", "--env", "prod") == {"staging", "shop.prod"}


def test_the_variable_of_the_shell_chooses_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSDCF_ENV", "prod")
    assert written("environments", "services") == {"prod", "shop.prod", "users.prod"}


def test_without_an_environment_among_the_files_it_is_the_default() -> None:
    assert written("services", "services/shop.yml", "./services/users.yml") == {"shop.staging", "users.staging"}


def test_validate_names_the_environment_of_each_finding_and_checks_all_together() -> None:
    told = fsdcf("validate", ".", "--no-lint")
    assert "services/shop.yml for prod: 6 warnings" in told.stderr and "together" not in told.stderr
    Path("services/again.yml").write_text(Path("services/shop.yml").read_text())
    told = fsdcf("validate", ".", "--no-lint", expect=2)
    assert told.stderr.count("error[S476]") == 1 and "all specs together: 1 error" in told.stderr
    found = json.loads(fsdcf("validate", ".", "--no-lint", "--format", "json", expect=2).stdout)
    assert [(one["file"], one["line"]) for one in found if one["code"] == "S476"] == [("services/shop.yml", 4)]
    refused = fsdcf("template", "services", "--no-lint", "-o", "out/", expect=2)
    assert "all specs together: 1 error; nothing written" in refused.stderr and not Path("out").exists()


def test_a_template_does_not_depend_on_the_others(repository: Path) -> None:
    fsdcf("template", "services/shop.yml", "--no-lint", "-o", "alone/")
    fsdcf("template", ".", "--no-lint", "-o", "all/")
    alone, among = (Path(folder, "shop.staging.template.yml").read_bytes() for folder in ("alone", "all"))
    assert alone == among


def test_what_cannot_be_found_or_written() -> None:
    Path("empty").mkdir()
    assert "no spec found in 'empty'" in fsdcf("validate", "empty", expect=2).stderr
    assert "need an output folder" in fsdcf("template", ".", expect=2).stderr
    Path("services/more").mkdir()
    Path("services/more/shop.yml").write_text(HELLO.replace("name: hello", "name: more"))
    assert "two specs would be written to" in fsdcf("template", "services", "-o", "out/", expect=2).stderr


def git(*arguments: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def committed() -> None:
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "first")


def test_folders_are_compared_by_the_paths_of_their_specs(committed: None) -> None:
    same = fsdcf("diff", "main:services", "services")
    assert same.stdout == "no changes: services/shop.yml in staging, services/users.yml in staging\n"
    Path("services/shop.yml").write_text(Path("services/shop.yml").read_text().replace("8000", "9000"))
    Path("services/new.yml").write_text(HELLO.replace("name: hello", "name: new"))
    Path("services/users.yml").unlink()
    changed = fsdcf("diff", "main:services", "services", expect=10)
    assert "nothing -> services/new.yml in staging" in changed.stdout
    assert "main:services/shop.yml in staging -> services/shop.yml in staging" in changed.stdout
    assert "note: main:services/users.yml is gone: a deploy leaves its stack as it is" in changed.stderr
    plans = json.loads(fsdcf("diff", "main:services", "services", "--format", "json", expect=10).stdout)
    assert isinstance(plans, list) and len(plans) == 2


def test_a_whole_repository_is_compared_with_the_environment_of_its_specs(committed: None) -> None:
    file = Path("environments/staging.yml")
    file.write_text(f"{file.read_text()}environment: {{tags: {{team: a}}}}\n")
    changed = fsdcf("diff", "main:.", ".", expect=10)
    assert "main:environments/staging.yml in staging -> " in changed.stdout and "prod.yml" not in changed.stdout
    assert changed.stdout.count(" -> ") >= 3


def test_the_first_deploy_of_a_folder() -> None:
    first = fsdcf("diff", ".", "--first", expect=10)
    assert [f"nothing -> {name}.yml in staging" in first.stdout for name in ("services/shop", "services/users")]
    assert "nothing -> environments/staging.yml in staging" in first.stdout and "prod" not in first.stdout
    assert fsdcf("diff", ".", "--first", "--format", "markdown", expect=10).stdout.count("**Plan**") == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("services", "services/shop.yml"), "compare two files, or two folders"),
        (("main:nowhere", "services"), "compare two files, or two folders"),
        (("old:services", "services"), "git has no revision 'old'"),
        (("services", "main:environments/prod.yml"), "compare two files, or two folders"),
        (("services",), "expected OLD and NEW"),
        (("services", "services", "services"), "expected OLD and NEW"),
    ],
)
def test_what_cannot_be_compared(committed: None, arguments: tuple[str, ...], words: str) -> None:
    told = fsdcf("diff", *arguments, expect=2)
    assert words in told.stderr, told.stderr


BALANCERS = """\
environment:
  network: {{availabilityZones: [use1-az1, use1-az2]}}
  loadBalancers: {{public: {{domain: {name}.example.com, hostedZoneId: Z0123456789ABCDEFGHIJ}}}}
  defaults: {{service: {{networking: {{shared: true}}}}}}
"""


def test_two_environments_and_ten_services_compile_in_one_call_and_quickly(repository: Path) -> None:
    (repository / ".git").mkdir()
    for name in ("staging", "prod"):
        file = repository / "environments" / f"{name}.yml"
        file.write_text(file.read_text() + BALANCERS.format(name=name))
    for number in range(8):
        (repository / "services" / f"more-{number}.yml").write_text(HELLO.replace("name: hello", f"name: m-{number}"))
    fsdcf("template", "environments", "services", "--no-lint", "-o", "all/")
    names = sorted(file.name for file in Path("all").iterdir())
    assert len(names) == 2 + 2 * 10
    told = fsdcf("template", "services/shop.yml", "--env", "prod", "-o", "alone/")
    assert not re.search(r"\[[EWI]\d{4}\]", told.stderr), "cfn-lint finds nothing"
    alone, among = (Path(folder, "shop.prod.template.yml").read_bytes() for folder in ("alone", "all"))
    assert alone == among and b"!ImportValue fsdcf-prod-" in alone

    def milliseconds() -> float:
        start = time.process_time()
        inputs = SpecInputs((Path("environments"), Path("services")))
        count = len(list(compile_all(inputs.found().in_environments(), BatchOptions(lint=False))))
        return (time.process_time() - start) / count * 1000

    assert min(milliseconds() for _ in range(3)) < 10


def test_what_is_wrong_with_an_environment_is_reported_once(repository: Path) -> None:
    with open(repository / "environments" / "staging.yml", "a") as file:
        file.write("environment: {bogus: 1}\n")
    result = fsdcf("validate", "services", "--env", "staging", "--no-lint", expect=2)
    assert result.stderr.count("unknown key `bogus`") == 1
    assert [line for line in result.stderr.splitlines() if line.startswith("services/")] == [
        f"services/{name}.yml: 1 error in environments/staging.yml" for name in SERVICES
    ]
    for form, count in (("json", '"code": "S101"'), ("github", "title=S101")):
        assert fsdcf("validate", ".", "--no-lint", "--format", form, expect=2).stdout.count(count) == 1
    for command in ("template", "cost", "deploy"):
        assert fsdcf(command, "services", "--env", "staging", expect=2).stderr.count("unknown key `bogus`") <= 1


@pytest.mark.parametrize(
    "text",
    [
        '{"apiVersion": "fsd/v1", "kind": "Environment", "metadata": {"name": "staging"}}',
        '{\n  "apiVersion": "fsd/v1",\n  "kind": "Environment",\n  "metadata": {"name": "staging"}\n}\n',
        "\ufeffapiVersion: fsd/v1\r\nkind: Environment\r\nmetadata: {name: staging}\r\n",
        "--- # shared\nkind:   'Environment'\napiVersion: \"fsd/v1\"\nmetadata: {name: staging}\n",
    ],
)
def test_an_environment_in_another_form_of_yaml(repository: Path, text: str) -> None:
    (repository / "environments" / "staging.yml").write_text(text, newline="")
    shared = ("--override", "networking.shared=true", "--override", "networking.loadBalancer=false")
    fsdcf("validate", "services/shop.yml", "--env", "staging", "--no-lint", *shared)
    assert written(".", "--env", "staging") == {"staging", "shop.staging", "users.staging"}


def test_a_misspelled_kind_of_an_environment_is_reported_for_its_services(repository: Path) -> None:
    text = "apiVersion: fsd/v1\nkind: environment\nmetadata: {name: staging}\nenvironment: {}\n"
    (repository / "environments" / "staging.yml").write_text(text)
    result = fsdcf("validate", "services/shop.yml", "--env", "staging", "--format", "json", expect=2)
    (found,) = json.loads(result.stdout)
    assert (found["code"], found["file"], found["line"]) == ("S106", "environments/staging.yml", 2)
    assert "`Environment`" in found["hint"]


def test_a_file_of_another_kind_is_no_environment(repository: Path) -> None:
    (repository / "environments" / "staging.yml").write_text(
        HELLO.replace("dependencies: []", "") + "dependencies: []\n# {kind: Environment}\n"
    )
    fsdcf("validate", "services/shop.yml", "--env", "staging", "--no-lint")
    result = fsdcf(
        *("validate", "services/shop.yml", "--env", "staging", "--override", "networking.shared=true", "--no-lint"),
        expect=2,
    )
    assert "S403" in result.stderr and "`kind: Environment`" in result.stderr


def test_a_linked_folder_is_in_the_repository_of_the_link(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (repository / ".git").mkdir()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "shop.yml").write_text(HELLO)
    (repository / "services" / "linked").symlink_to(elsewhere)
    shared = ("--override", "networking.shared=true", "--override", "networking.loadBalancer=false")
    fsdcf("validate", "services/linked/shop.yml", "--env", "staging", "--no-lint", *shared)


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("service.port=9000", {"shop.staging"}),
        ("port=9000", {"shop.staging"}),
        ("environment.LOG_LEVEL=debug", {"shop.staging"}),
        ("metadata.tags.team=a", {"shop.staging"}),
        ("network.nat=perZone", {"staging"}),
        ("environment.network.nat=perZone", {"staging"}),
        ("metadata.description=Two", {"staging", "shop.staging"}),
    ],
)
def test_an_override_is_for_the_specs_that_have_its_keys(override: str, changed: set[str]) -> None:
    files = ("environments/staging.yml", "services/shop.yml", "--env", "staging", "--no-lint")
    for folder, more in (("before/", ()), ("after/", ("--override", override))):
        fsdcf("template", *files, *more, "-o", folder)
    assert changed == {
        file.name.removesuffix(".template.yml")
        for file in Path("before").iterdir()
        if file.read_text() != (Path("after") / file.name).read_text()
    }


def test_an_override_that_no_spec_has_is_a_finding() -> None:
    assert "unknown key `bogus`" in fsdcf("validate", ".", "--override", "bogus.a=1", "--no-lint", expect=2).stderr
    alone = ("validate", "environments/staging.yml", "--override", "service.port=9000", "--no-lint")
    assert "unknown key `service`" in fsdcf(*alone, expect=2).stderr


def test_an_override_is_not_lost_where_no_spec_is_for_it() -> None:
    files = ("environments/staging.yml", "environments/prod.yml")
    result = fsdcf("validate", *files, "--override", "service.port=9000", "--no-lint", expect=2)
    assert "unknown key `service`" in result.stderr


def test_what_is_wrong_with_an_environment_in_a_revision_is_reported_there(repository: Path) -> None:
    file = repository / "environments" / "staging.yml"
    right = file.read_text()
    file.write_text(right + "environment: {bogus: 1}\n")
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "first")
    file.write_text(right)
    result = fsdcf("diff", "main:services/shop.yml", "services/shop.yml", "--env", "staging", expect=2)
    assert "--> main:environments/staging.yml:4:15" in result.stderr
    assert "main:services/shop.yml: 1 error in main:environments/staging.yml" in result.stderr
