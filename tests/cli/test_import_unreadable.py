"""Files that ``fsdcf import`` cannot read end it with a finding that names the place, whatever they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fsdcf.cli.main import cli

PYTHON = "version: 1.0\nruntime: python311\nrun:\n  command: python app.py\n"
SECRET = "Kestrel-90210-quartz"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{'abcdefgh'[level]}: &{'abcdefgh'[level]} [{', '.join(['*' + 'abcdefgh'[level - 1]] * 10)}]\n"
    for level in range(1, 8)
)
UNREADABLE = {
    "UTF-16 without a mark": PYTHON.encode("utf-16-le"),
    "Latin-1": PYTHON.encode() + b"  env: [{name: A, value: caf\xe9}]\n",
    "10 MB": PYTHON.encode() + b"# comment\n" * 1_000_000,
    "a bomb of aliases": f"{PYTHON}{BOMB}".encode(),
    "binary": bytes(range(256)) * 40,
    "a template of Go": b"version: 1.0\nruntime: {{ .Runtime }}\nrun:\n{{- if .Env }}\n  env: []\n{{- end }}\n",
    "depth": f"{PYTHON}x: {'[' * 3000}{']' * 3000}\n".encode(),
    "nothing": b"",
    "a list": b"- a\n- b\n",
    "a secret in the line": f"{PYTHON}  env:\n    - name: DB_PASSWORD\n      value: {SECRET}: x: y\n".encode(),
    "a secret in a variable": f"{PYTHON}  env:\n    DB_PASSWORD: {SECRET}: x\n".encode(),
}


def imported(*words: str) -> Result:
    return CliRunner().invoke(cli, ["import", *words, "--no-lint"])


@pytest.mark.parametrize("named", [True, False], ids=["named", "found"])
@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_file_that_cannot_be_read_is_named_with_its_line(
    kind: str, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shop").mkdir()
    Path("shop/apprunner.yaml").write_bytes(UNREADABLE[kind])
    ended = imported("shop/apprunner.yaml" if named else "shop", "-o", "out")
    assert ended.exit_code == 2 and not Path("out").exists(), ended.output
    assert re.search(r"^error\[S\d+\]", ended.stderr, re.MULTILINE)
    assert re.search(r" --> shop/apprunner\.yaml:\d+:\d+\n", ended.stderr)
    assert SECRET not in ended.output


def test_an_unreadable_file_beside_others_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("a", PYTHON), ("b", "runtime: [\n")):
        Path(name).mkdir()
        Path(name, "apprunner.yaml").write_text(text, encoding="utf-8")
    ended = imported(".")
    assert ended.exit_code == 4 and Path("services/a.yml").is_file()
    assert "b/apprunner.yaml: not readable, and left out" in ended.stderr and re.search(
        r"b/apprunner\.yaml:\d+:\d+", ended.stderr
    )


def test_utf_16_with_a_mark_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("apprunner.yaml").write_bytes(b"\xff\xfe" + PYTHON.encode("utf-16-le"))
    assert imported("apprunner.yaml").exit_code == 0


def test_a_folder_with_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fsdcf.cli.commands.import_files._MOST_FILES", 3)
    for number in range(4):
        Path(f"{number}.yml").write_text("a: 1\n", encoding="utf-8")
    ended = imported(".")
    assert ended.exit_code == 2 and "name a smaller folder" in ended.stderr


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside, inside = tmp_path / "outside.yaml", tmp_path / "inside"
    outside.write_text(PYTHON, encoding="utf-8")
    inside.mkdir()
    (inside / ".git").mkdir()
    (inside / "apprunner.yaml").symlink_to(outside)
    monkeypatch.chdir(inside)
    assert imported(".").exit_code == 2
    assert imported("apprunner.yaml").exit_code == 0


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_no_report_has_a_secret_of_a_source(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    env = f"  env:\n    - {{name: DB_PASSWORD, value: {SECRET}}}\n    - {{name: {SECRET}, value: x}}\n"
    Path("apprunner.yaml").write_text(f"{PYTHON}{env}", encoding="utf-8")
    ended = imported("apprunner.yaml", "--format", form)
    assert SECRET not in ended.output + Path("services").joinpath(f"{tmp_path.name}.yml").name
    assert all(
        SECRET not in path.read_text()
        for path in tmp_path.rglob("*")
        if path.name != "apprunner.yaml" and path.is_file()
    )


def test_a_list_of_services_ends_with_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arn = "arn:aws:apprunner:us-east-1:123456789012:service/web/1"
    text = f'{{"ServiceSummaryList": [{{"ServiceName": "web", "ServiceArn": "{arn}"}}]}}'
    Path("list.json").write_text(text, encoding="utf-8")
    ended = imported("list.json")
    assert (
        ended.exit_code == 4 and f"next: aws apprunner describe-service --service-arn {arn} > web.json" in ended.stderr
    )


def test_a_password_that_is_the_name_of_a_service_masks_no_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "services: {gitea-web: {image: x/gitea, environment: [DB_PASSWORD=gitea, API_PASSWORD=never-in-a-report]}}\n"
    Path("compose.yml").write_text(text, encoding="utf-8")
    ended = imported("compose.yml")
    assert "wrote services/gitea-web.yml" in ended.stderr and "never-in-a-report" not in ended.output
