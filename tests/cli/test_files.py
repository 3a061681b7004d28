"""Files that commands read and write: regular files inside the repository, and outputs that replace nothing else."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from fsdcf import atomic
from fsdcf.cli.main import cli
from tests.conftest import HELLO

ENVIRONMENT = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\n"
STRANGE: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to nothing": lambda path: path.symlink_to("missing"),
}


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "repository"
    for folder in (".git", "environments", "services"):
        (root / folder).mkdir(parents=True)
    (root / "environments" / "staging.yml").write_text(ENVIRONMENT)
    (root / "hello.yml").write_text(HELLO)
    monkeypatch.chdir(root)
    monkeypatch.delenv("FSDCF_ENV", raising=False)
    return root


def fsdcf(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def with_dockerfile(path: str, check: str = "") -> None:
    text = HELLO.split("  healthCheck:")[0] + check
    Path("services/shop.yml").write_text(text.replace("service:\n", f"service:\n  build: {{dockerfile: {path}}}\n"))


def outside(root: Path, text: str = "FROM x\nHEALTHCHECK CMD secret\n") -> Path:
    file = root.parent / "outside"
    file.write_text(text)
    return file


@pytest.mark.parametrize("check", ["", "  healthCheck: {container: {command: exit 0}}\n"])
@pytest.mark.parametrize("how", ["dots", "absolute", "link", "linked folder"])
def test_a_dockerfile_outside_the_repository_is_not_read(repository: Path, how: str, check: str) -> None:
    file = outside(repository)
    (repository / "services" / "link").symlink_to(file)
    (repository / "services" / "folder").symlink_to(repository.parent)
    paths = {"dots": "../../outside", "absolute": str(file), "link": "link", "linked folder": "folder/outside"}
    with_dockerfile(paths[how], check)
    code, told = fsdcf("template", "services/shop.yml", "--no-lint")
    assert code == 2 and "error[S405]" in told and "services/shop.yml:" in told and "secret" not in told


def test_without_a_repository_the_current_folder_bounds_what_is_read(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / ".git").rmdir()
    (repository / "Dockerfile").write_text("FROM x\nHEALTHCHECK CMD true\n")
    with_dockerfile("../Dockerfile")
    assert fsdcf("template", "services/shop.yml", "--no-lint")[0] == 0
    monkeypatch.chdir("services")
    code, told = fsdcf("template", "shop.yml", "--no-lint")
    assert code == 2 and "S405" in told


@pytest.mark.parametrize("kind", STRANGE)
def test_a_dockerfile_that_is_not_a_file_is_not_read(repository: Path, kind: str) -> None:
    STRANGE[kind](repository / "services" / "Dockerfile")
    with_dockerfile("Dockerfile")
    code, told = fsdcf("template", "services/shop.yml", "--no-lint")
    assert code == 2 and ("S120" in told or "S405" in told)


def test_a_huge_dockerfile_is_not_read(repository: Path) -> None:
    with (repository / "services" / "Dockerfile").open("wb") as file:
        file.truncate(1 << 40)
    with_dockerfile("Dockerfile")
    code, told = fsdcf("template", "services/shop.yml", "--no-lint")
    assert code == 2 and "S120" in told and "more than 1,000,000 bytes" in told


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize(
    "arguments",
    [
        ("template", "{}"),
        ("validate", "{}", "--no-lint"),
        ("validate", "hello.yml", "{}", "--no-lint"),
        ("diff", "hello.yml", "{}"),
        ("cost", "{}"),
        ("cost", "hello.yml", "--prices", "{}"),
        ("graph", "{}"),
        ("access", "{}"),
        ("permissions", "{}"),
        ("bootstrap", "--github", "a/b", "{}"),
        ("explain", "--file", "{}"),
        ("explain", "--failure", "x", "--spec", "{}"),
        ("advise", "storage", "--spec", "{}"),
        ("deploy", "{}", "--sandbox", "--yes"),
        ("status", "{}", "--sandbox"),
        ("healthcheck", "{}"),
        ("migrate-data", "{}", "--table", "t", "--from", "hello.yml"),
        ("ci", "github", "{}"),
        ("ci", "github", "hello.yml", "--check", "-o", "{}"),
    ],
)
def test_a_file_that_is_not_regular_is_refused_at_once(repository: Path, kind: str, arguments: tuple[str, ...]) -> None:
    STRANGE[kind](repository / "strange.yml")
    code, told = fsdcf(*(word.format("strange.yml") for word in arguments))
    assert code == 2 and "bug" not in told


def test_strange_files_among_the_specs_of_a_folder_are_passed_over(repository: Path) -> None:
    for number, make in enumerate(STRANGE.values()):
        make(repository / "services" / f"{number}.yml")
    (repository / "services" / "shop.yml").write_text(HELLO)
    assert fsdcf("validate", "services", "--no-lint")[0] == 0


def test_the_file_of_an_environment_is_inside_the_repository(repository: Path) -> None:
    (repository / "environments" / "staging.yml").unlink()
    (repository / "environments" / "staging.yml").symlink_to(outside(repository, ENVIRONMENT))
    code, told = fsdcf("template", "hello.yml", "--no-lint")
    assert code == 2 and "environments/staging.yml" in told and "outside the repository" in told


WRITERS = [
    ("template", "hello.yml", "--no-lint"),
    ("graph", "hello.yml"),
    ("permissions", "hello.yml"),
    ("bootstrap", "hello.yml", "--github", "a/b"),
    ("ci", "github", "hello.yml", "--force", "--fsdcf", f"fsdcf==1.0.0 --hash=sha256:{'0' * 64}"),
]


@pytest.mark.parametrize("command", WRITERS, ids=lambda words: words[0])
def test_an_output_is_not_an_input(repository: Path, command: tuple[str, ...]) -> None:
    (repository / "hard.yml").hardlink_to(repository / "hello.yml")
    (repository / "link.yml").symlink_to("hello.yml")
    (repository / "other.yml").write_text(HELLO)
    (repository / "folder").symlink_to(".")
    names = ("hello.yml", "./hello.yml", "services/../hello.yml", "folder/hello.yml", str(repository / "hello.yml"))
    for output in (*names, "hard.yml", "link.yml", "other.yml", "environments/staging.yml"):
        code, told = fsdcf(*command, "-o", output)
        assert code == 2 and "is an input of fsdcf" in told, (output, told)
    assert (repository / "hello.yml").read_text() == HELLO
    assert (repository / "environments" / "staging.yml").read_text() == ENVIRONMENT


@pytest.mark.parametrize("command", WRITERS, ids=lambda words: words[0])
def test_an_output_is_not_an_input_behind_a_folder_that_is_missing(repository: Path, command: tuple[str, ...]) -> None:
    before = Path("hello.yml").read_text()
    code, told = fsdcf(*command, "-o", "missing/folder/../../hello.yml")
    assert code == 2 and "is an input of fsdcf" in told and Path("hello.yml").read_text() == before


@pytest.mark.parametrize("command", WRITERS, ids=lambda words: words[0])
def test_an_output_keeps_its_mode_and_is_replaced_at_once(
    repository: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for mode in (0o600, 0o755):
        (repository / "out").write_text("old")
        (repository / "out").chmod(mode)
        assert fsdcf(*command, "-o", "out")[0] == 0
        assert stat.S_IMODE((repository / "out").stat().st_mode) == mode
        assert (repository / "out").read_text() != "old"

    def fail(*paths: object) -> None:
        raise OSError(28, "No space left on device")

    (repository / "out").write_text("old")
    monkeypatch.setattr(os, "replace", fail)
    code, told = fsdcf(*command, "-o", "out")
    assert code == 2 and "No space left" in told
    assert (repository / "out").read_text() == "old"
    assert not list(repository.rglob(".fsdcf-*")), "no temporary file is left"


@pytest.mark.parametrize("command", WRITERS, ids=lambda words: words[0])
def test_an_output_does_not_follow_a_link(repository: Path, command: tuple[str, ...]) -> None:
    target = outside(repository, "precious")
    (repository / "link").symlink_to(target)
    (repository / "dangling").symlink_to(repository.parent / "missing")
    for output in ("link", "dangling"):
        code, told = fsdcf(*command, "-o", output)
        assert code == 2 and "symbolic link" in told
    assert target.read_text() == "precious" and not (repository.parent / "missing").exists()


def test_an_output_may_be_a_device(repository: Path) -> None:
    assert fsdcf("template", "hello.yml", "--no-lint", "-o", os.devnull)[0] == 0
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_no_template_of_several_is_written_if_one_would_replace_an_input(repository: Path) -> None:
    (repository / "out").mkdir()
    (repository / "out" / "hello.staging.template.yml").hardlink_to(repository / "hello.yml")
    (repository / "services" / "users.yml").write_text(HELLO.replace("name: hello", "name: users"))
    code, told = fsdcf("template", "services/users.yml", "hello.yml", "--no-lint", "-o", "out/")
    assert code == 2 and "input" in told
    assert [path.name for path in (repository / "out").iterdir()] == ["hello.staging.template.yml"]


def test_a_new_file_is_never_put_over_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    atomic.replace_file(path, b"one", new=True)
    with pytest.raises(FileExistsError):
        atomic.replace_file(path, b"two", new=True)

    def fail(*paths: object) -> None:
        raise PermissionError(1, "no hard links here")

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(FileExistsError):
        atomic.replace_file(path, b"two", new=True)
    atomic.replace_file(tmp_path / "new", b"two", new=True)
    assert {each.name: each.read_bytes() for each in tmp_path.glob("*") if each.is_file()} == {
        "file": b"one",
        "new": b"two",
    }


def test_an_error_shows_the_beginning_and_the_end_of_a_long_option() -> None:
    code, told = fsdcf("advise", "storage", "--size", "9 " * 50_000)
    assert code == 2 and "'9 9 9" in told and len(told) < 3000
