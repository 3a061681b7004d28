"""``fsdcf init``: what it writes, what it asks, and that nothing which is there is ever touched."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from fsdcf.cli import files
from fsdcf.cli.commands.init import SCHEMA
from fsdcf.cli.main import cli
from fsdcf.pipeline import Request, SourceFile, run
from fsdcf.scaffold.service import KINDS, service
from tests.cli.stage import Stage


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*words: str) -> Result:
    return CliRunner().invoke(cli, ["init", *words], catch_exceptions=False)


def found(folder: Path) -> dict[str, str]:
    """Every file below a folder, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_in_a_folder_of_its_name(folder: Path, kind: str) -> None:
    result = init("shop", "--template", kind, "--owner", "team-x", "--port", "9000")
    assert result.exit_code == 0
    files = service(kind, "shop", 9000, "team-x", SCHEMA)
    assert found(folder / "shop") == files
    assert [one.name for one in folder.iterdir()] == ["shop"]
    assert f"wrote {len(files)} files to shop: {KINDS[kind]}\n  next: (cd shop && make test)\n" in result.stderr
    assert "fsdcf deploy shop/shop.yml --image-sha one --sandbox\n" in result.stderr
    assert result.stdout == ""


def test_a_service_in_an_existing_folder(folder: Path) -> None:
    place = folder / "services" / "shop"
    (place / "docs").mkdir(parents=True)
    (place / "docs" / "notes.md").write_text("mine", encoding="utf-8")
    assert init("shop", "--template", "sqlite-api", "-o", "services/shop").exit_code == 0
    assert found(place) == {"docs/notes.md": "mine", **service("sqlite-api", "shop", 8000, "team-shop", SCHEMA)}


def test_parent_folders_are_created(folder: Path) -> None:
    assert init("shop", "--template", "sqlite-api", "-o", "a/b/shop").exit_code == 0
    assert init("shop", "-o", "c/d/shop.yml").exit_code == 0
    assert (folder / "a" / "b" / "shop" / "shop.yml").exists() and (folder / "c" / "d" / "shop.yml").exists()
    assert (folder / "a" / "b" / "shop").stat().st_mode & 0o777 == (folder / "a").stat().st_mode & 0o777


@pytest.mark.parametrize("mine", ["Dockerfile", "app/store.py", ".gitignore"])
def test_an_existing_file_stops_it_before_it_writes(folder: Path, mine: str) -> None:
    (folder / "shop" / mine).parent.mkdir(parents=True)
    (folder / "shop" / mine).write_text("mine", encoding="utf-8")
    result = init("shop", "--template", "sqlite-api")
    assert result.exit_code == 2
    assert f"'shop/{mine}' already exists; nothing was written" in result.stderr
    assert found(folder) == {f"shop/{mine}": "mine"}


def test_a_broken_link_counts_as_a_file(folder: Path) -> None:
    (folder / "shop").mkdir()
    (folder / "shop" / "Makefile").symlink_to(folder / "elsewhere")
    assert init("shop", "--template", "sqlite-api").exit_code == 2
    assert not (folder / "elsewhere").exists()


def test_a_second_run_names_the_existing_files(folder: Path) -> None:
    init("shop", "--template", "sqlite-api")
    before = found(folder)
    again = init("shop", "--template", "dynamodb-api")
    assert again.exit_code == 2 and "and 14 more already exist; nothing was written" in again.stderr
    assert found(folder) == before


def test_a_failed_write_removes_the_files_it_created(folder: Path) -> None:
    (folder / "shop").mkdir()
    (folder / "shop" / "app").write_text("mine", encoding="utf-8")
    result = init("shop", "--template", "sqlite-api")
    assert result.exit_code == 2 and "cannot write 'shop/app': File exists; nothing was written" in result.stderr
    assert found(folder) == {"shop/app": "mine"}


def test_a_folder_that_is_a_file(folder: Path) -> None:
    (folder / "shop").write_text("mine", encoding="utf-8")
    result = init("shop", "--template", "sqlite-api")
    assert result.exit_code == 2 and "cannot write" in result.stderr
    assert found(folder) == {"shop": "mine"}


def test_a_new_folder_appears_whole_or_not_at_all(folder: Path) -> None:
    two, bad = {"a": "1", "b/c": "2"}, "x" * 300
    with pytest.raises(click.UsageError, match=r"cannot write .*: File name too long; nothing was written"):
        files.write_new(folder / "shop", {**two, bad: "3"})
    assert list(folder.iterdir()) == []
    (folder / "shop").mkdir()
    with pytest.raises(click.UsageError, match="File name too long"):
        files.write_new(folder / "shop", {**two, bad: "3"})
    assert list((folder / "shop").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("shop", "--template", "sqlite-api", "--worker"), "remove --worker and --path"),
        (("shop", "--template", "dynamodb-api", "--path", "/healthz"), "remove --worker and --path"),
        (("shop", "--template", "sqlite-api", "--port", "80"), "its port must be 1024 or higher"),
        (("shop", "--template", "rails"), "'rails' is not one of 'spec', 'sqlite-api', 'dynamodb-api'"),
        (("Shop", "--template", "sqlite-api"), "'Shop' is not a valid service name"),
        (("s",), "'s' is not a valid service name: use 2 to 40"),
        (("--template", "sqlite-api"), "the service needs a name"),
    ],
)
def test_options_that_exclude_each_other(folder: Path, words: tuple[str, ...], complaint: str) -> None:
    result = init(*words)
    assert result.exit_code == 2 and complaint in result.stderr
    assert found(folder) == {}


def test_the_template_spec_is_the_default(folder: Path) -> None:
    init("shop", "-o", "one.yml")
    init("shop", "-o", "two.yml", "--template", "spec")
    assert (folder / "one.yml").read_bytes() == (folder / "two.yml").read_bytes()


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (("staging",), set()),
        (("dev", "--region", "us-west-1", "--owner", "team x"), set()),
        (("prod", "--region", "eu-west-1"), {"S286"}),
        (("prod",), {"S286", "W123"}),
    ],
)
def test_the_file_of_an_environment_is_valid_at_once(folder: Path, words: tuple[str, ...], codes: set[str]) -> None:
    """Except that production needs a domain for HTTPS, which only the author knows, and should have ids of zones."""
    result = init("environment", *words)
    name = f"environments/{words[0]}.yml"
    assert result.exit_code == 0 and f"wrote {name}\n" in result.stderr
    raw = Path(name).read_bytes()
    assert {each.code for each in run(Request(name, raw, "staging")).diagnostics} == codes
    domain = b"{domain: example.com, hostedZoneId: Z0123456789ABCDEFGHIJ}"
    compiled = run(Request(name, raw.replace(b"public: {}", b"public: " + domain), "staging"))
    assert compiled.environment == words[0]
    assert {each.code for each in compiled.diagnostics} == codes - {"S286"}
    assert compiled.file is None and compiled.environment_spec is not None
    assert compiled.environment_spec.environment.protected == (words[0] == "prod")


@pytest.mark.parametrize("domain", ["", "domain: staging.example.com, hostedZoneId: Z0123456789ABCDEFGHIJ"])
def test_a_service_beside_an_environment_joins_it_and_is_valid_at_once(folder: Path, domain: str) -> None:
    """Without a domain it has paths, a worker has none, and there is no key of a load balancer of its own."""
    init("environment", "staging")
    file = Path("environments/staging.yml")
    file.write_text(file.read_text("utf-8").replace("public: {}", f"public: {{{domain}}}"), encoding="utf-8")
    init("shop")
    init("mailer", "--worker")
    for name in ("shop", "mailer"):
        raw = Path(f"{name}.yml").read_bytes()
        shared = SourceFile(str(file), file.read_bytes())
        compiled = run(Request(f"{name}.yml", raw, "staging", environment_file=shared))
        assert compiled.template is not None and not compiled.diagnostics
        assert b"shared: true" in raw and b"certificateArn" not in raw
        assert (b"  loadBalancer: {paths: [/shop, /shop/*]}" in raw) == (name == "shop" and not domain)


def test_a_service_on_its_own_names_the_way_to_share(folder: Path) -> None:
    init("shop")
    assert "fsdcf init environment staging" in Path("shop.yml").read_text(encoding="utf-8")


def test_environments_have_different_ranges(folder: Path) -> None:
    ranges = set()
    for name in ("dev", "staging", "prod"):
        init("environment", name)
        ranges |= set(re.findall(r"cidr: (\S+)", Path(f"environments/{name}.yml").read_text(encoding="utf-8")))
    assert len(ranges) == 3


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("environment",), "fsdcf init environment staging"),
        (("environment", "Prod"), "1 to 20 lower-case letters"),
        (("environment", "pipeline"), "reserved for the stack of the pipeline"),
        (("environment", "staging", "more"), "an environment needs a name"),
        (("environment", "staging", "--port", "80"), "are for a service"),
        (("environment", "staging", "--region", "mars"), "'mars' is not a region"),
        (("environment", "staging", "-o", "other.yml"), "is named staging.yml"),
        (("environment", "staging", "--from", "."), "are for a service"),
        (("environment", "staging", "--sandbox"), "are for a service"),
        (("shop", "--region", "_"), "'_' is not a valid region"),
        (("shop", "more"), "unexpected argument 'more'"),
    ],
)
def test_words_that_name_no_environment(folder: Path, words: tuple[str, ...], complaint: str) -> None:
    result = init(*words)
    assert result.exit_code == 2 and complaint in result.stderr
    assert found(folder) == {}


@pytest.mark.parametrize(
    ("answers", "paths"),
    [
        ("shop\nsqlite-api\n\n\n", {"shop/shop.yml", "shop/app/store.py"}),
        ("shop\ndynamodb-api\n80\n9000\nteam\n", {"shop/shop.yml", "shop/tests/local.py"}),
        ("shop\n\n0\n\n", {"shop.yml"}),
    ],
    ids=["sqlite", "dynamodb", "spec"],
)
def test_on_a_terminal_it_asks(
    folder: Path, terminal: int, answers: str, paths: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    os.write(terminal, answers.encode())
    cli.main(["init"], standalone_mode=False)
    assert paths <= set(found(folder))
    asked = capsys.readouterr().err
    assert "Name of the service: " in asked and "sqlite-api: an API with its data in SQLite on EFS\n" in asked
    assert "Template (spec, sqlite-api, dynamodb-api) [spec]: " in asked


def test_a_bad_answer_is_asked_for_again_with_the_rule(
    folder: Path, terminal: int, capsys: pytest.CaptureFixture[str]
) -> None:
    os.write(terminal, b"My Shop\nshop\n\n0\n1x\nteam\n")
    cli.main(["init"], standalone_mode=False)
    assert (folder / "shop.yml").exists()
    asked = capsys.readouterr().err
    assert "'My Shop' is not a valid service name: use 2 to 40 lower-case letters" in asked
    assert asked.count("Name of the service: ") == 2 and "'1x' is not a valid owner" in asked


def test_a_bad_name_on_the_command_line_is_asked_for_again(
    folder: Path, terminal: int, capsys: pytest.CaptureFixture[str]
) -> None:
    os.write(terminal, b"my-shop\n")
    cli.main(["init", "My_Shop"], standalone_mode=False)
    assert (folder / "my-shop.yml").exists()
    asked = capsys.readouterr().err
    assert "'My_Shop' is not a valid service name" in asked and asked.count("Name of the service: ") == 1


def test_the_next_step_of_init_works(stage: Stage) -> None:
    for words, spec in ((("bb", "--template", "sqlite-api"), "bb/bb.yml"), (("aa",), "aa.yml")):
        (command,) = re.findall(r"fsdcf (deploy .*)", stage("init", *words).stderr)
        assert command == f"deploy {spec} --image-sha one --sandbox" and Path(spec).exists()
    stage(*shlex.split(command), "--plan-only")


@pytest.mark.parametrize("kind", KINDS)
def test_the_commands_in_the_readme_of_a_service_run(kind: str, stage: Stage) -> None:
    """Its own commands, in a folder where nothing was deployed before."""
    stage("init", "shop", "--template", kind, "-o", ".")
    commands = re.findall(r"^(fsdcf .*?) *#", Path("README.md").read_text(encoding="utf-8"), re.M)
    assert [one.split()[1] for one in commands] == ["template", "deploy", "deploy", "ci"]
    for command in commands[:2]:  # those that need no builder
        stage(*shlex.split(command)[1:], *(["--yes"] if "deploy" in command else []))
    assert "CREATE_COMPLETE" in stage("status", "shop").stdout
