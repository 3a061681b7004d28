"""The command line as a user meets it: exit codes, streams, files, forms of findings."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from fsdcf import __version__
from fsdcf.cli import main
from tests.conftest import HELLO, ROOT

BAD = HELLO.replace("port: 8000", "port: true")


def fsdcf(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program in this process, from its arguments to its exit code: a process of its own takes longer than most
    tests.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "FSDCF_"))]:
            patch.delenv(name)
        for name, value in {"HOME": str(cwd), "XDG_CACHE_HOME": str(cwd / "cache"), **environment}.items():
            patch.setenv(name, value)
        patch.chdir(cwd)
        for name, one in (("argv", ["fsdcf", *arguments]), ("stdout", out), ("stderr", err)):
            patch.setattr(sys, name, one)
        code = main._run()
    with out, err:
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read())
    return subprocess.CompletedProcess(arguments, code, *said)


def process(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own."""
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd),
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(cwd / "cache"),
        **environment,
    }
    return subprocess.run(
        [sys.executable, "-m", "fsdcf", *arguments], cwd=cwd, env=variables, capture_output=True, text=True, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.yml").write_text(HELLO)
    (tmp_path / "bad.yml").write_text(BAD)
    return tmp_path


def test_template_goes_to_stdout_and_findings_to_stderr(folder: Path) -> None:
    good = process("template", "hello.yml", "--no-lint", cwd=folder)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("AWSTemplateFormatVersion")
    bad = process("template", "bad.yml", "--no-lint", cwd=folder)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "error[S102]" in bad.stderr and "bad.yml:7:9" in bad.stderr and "^^^^" in bad.stderr
    assert "\x1b[" not in bad.stderr


def test_output_is_whole_or_not_there(folder: Path) -> None:
    assert fsdcf("template", "hello.yml", "--no-lint", "-o", "out/t.yml", cwd=folder).returncode == 0
    before = (folder / "out" / "t.yml").read_text()
    assert fsdcf("template", "bad.yml", "--no-lint", "-o", "out/t.yml", cwd=folder).returncode == 2
    assert (folder / "out" / "t.yml").read_text() == before
    several = fsdcf("template", "hello.yml", "bad.yml", "--no-lint", "-o", "all/", cwd=folder)
    assert several.returncode == 2 and not (folder / "all").exists()


def test_a_dash_is_standard_output(folder: Path) -> None:
    result = fsdcf("template", "hello.yml", "--no-lint", "-o", "-", cwd=folder)
    assert result.stdout.startswith("AWSTemplateFormatVersion") and not (folder / "-").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe is another thing there")
def test_a_closed_pipe_is_an_error_without_a_traceback(folder: Path) -> None:
    script = f"exec 3>&1; ({sys.executable} -m fsdcf validate bad.yml --no-lint 2>&1; echo $? >&3) | true"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    run = subprocess.run(["sh", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("2\n", "")


def test_several_specs_need_a_folder_and_two_names(folder: Path) -> None:
    assert fsdcf("template", "hello.yml", "bad.yml", "--no-lint", cwd=folder).returncode == 2
    (folder / "sub").mkdir()
    (folder / "sub" / "hello.yml").write_text(HELLO.replace("name: hello", "name: other"))
    clash = fsdcf("template", "hello.yml", "sub/hello.yml", "--no-lint", "-o", "all/", cwd=folder)
    assert clash.returncode == 2 and "two specs" in clash.stderr


def test_json_and_environment(folder: Path) -> None:
    result = fsdcf("template", "hello.yml", "--no-lint", "--format", "json", "--env", "prod", "-o", "out/", cwd=folder)
    assert result.returncode == 0
    template = json.loads((folder / "out" / "hello.prod.template.json").read_text())
    assert template["Resources"]["TaskDefinition"]["Properties"]["Family"] == "hello-prod"
    named = process("template", "hello.yml", "--no-lint", cwd=folder, FSDCF_ENV="qa")
    assert "Family: hello-qa" in named.stdout


def test_override_and_variables(folder: Path) -> None:
    result = fsdcf(
        "template",
        "hello.yml",
        "--no-lint",
        "--override",
        "resources.cpu=1024",
        "--override",
        "service.resources.memory=2048",
        cwd=folder,
    )
    assert "Cpu: '1024'" in result.stdout and "Memory: '2048'" in result.stdout
    wrong = fsdcf("template", "hello.yml", "--no-lint", "--override", "resources.cpu=100", cwd=folder)
    assert wrong.returncode == 2 and "--override resources.cpu=100:1:15" in wrong.stderr
    assert fsdcf("template", "hello.yml", "--no-lint", "--override", "nonsense", cwd=folder).returncode == 2
    assert fsdcf("template", "hello.yml", "--no-lint", "--var", "ENV=x", cwd=folder).returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("template",),
        ("template", "nowhere.yml"),
        ("template", "."),
        ("template", "hello.yml", "--env", "Prod!"),
        ("explain", "nonsense.key"),
        ("frobnicate",),
    ],
)
def test_usage_errors_exit_2_without_a_traceback(folder: Path, arguments: tuple[str, ...]) -> None:
    result = fsdcf(*arguments, cwd=folder)
    assert result.returncode == 2 and "Traceback" not in result.stderr and result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("deply",), "'deply'. Did you mean 'deploy'?"),
        (("ci", "gihub"), "Did you mean 'github'?"),
        (("destroy",), "Did you mean 'delete'?"),
        (("plan",), "Did you mean 'diff'?"),
        (("ls",), "Did you mean 'status'?"),
        (("version",), "Did you mean '--version'?"),
        (("zzz",), "'zzz'.\n"),
    ],
)
def test_a_misspelled_command_suggests_the_closest(arguments: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(main.cli, arguments)
    assert result.exit_code == 2 and words in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("deploy", "--environment", "prod"), "Did you mean '--env'?"),
        (("deploy", "--dry-run"), "Did you mean '--plan-only'?"),
        (("deploy", "--format", "json"), "Did you mean '--json'?"),
        (("cost", "--json"), "Did you mean '--format json'?"),
        (("cost", "--budget", "5"), "Did you mean '--max'?"),
        (("-v",), "Did you mean '--version'?"),
        (("scale", "--desired", "3"), "No such option '--desired'.\n"),
        (("deploy", "--yess"), "Did you mean '--yes'?"),
    ],
)
def test_an_option_of_another_tool_suggests_ours(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    result = fsdcf(*arguments, cwd=folder)
    assert result.returncode == 2 and words in result.stderr


def test_validate_in_its_forms(folder: Path) -> None:
    as_json = fsdcf("validate", "bad.yml", "--no-lint", "--format", "json", cwd=folder)
    found = json.loads(as_json.stdout)[0]
    assert (as_json.returncode, found["code"], found["line"], found["column"]) == (2, "S102", 7, 9)
    as_github = fsdcf("validate", "bad.yml", "--no-lint", "--format", "github", cwd=folder)
    assert as_github.stdout.startswith("::error file=bad.yml,line=7,endLine=7,col=9,endColumn=13,title=S102::")
    assert fsdcf("validate", "hello.yml", "--no-lint", cwd=folder).returncode == 0


def test_strict_treats_warnings_as_errors(folder: Path) -> None:
    (folder / "plain.yml").write_text(HELLO.replace("  owners: team\n", ""))
    assert fsdcf("validate", "plain.yml", "--no-lint", cwd=folder).returncode == 0
    assert fsdcf("validate", "plain.yml", "--no-lint", "--strict", cwd=folder).returncode == 2


def test_schema_explain_version_help_completion(folder: Path) -> None:
    assert json.loads(fsdcf("schema", cwd=folder).stdout)["$schema"].startswith("http://json-schema.org/draft-07")
    assert "5 to 300" in fsdcf("explain", "service.healthCheck.interval", cwd=folder).stdout
    assert "Fargate" in fsdcf("explain", "s203", cwd=folder).stdout
    assert "    aws_s3_bucket: An S3 bucket" in fsdcf("explain", "dependencies", cwd=folder).stdout
    assert "not implemented yet; until then: " in fsdcf("explain", "service.release", cwd=folder).stdout
    assert process("--version", cwd=folder).stdout == fsdcf("--version", cwd=folder).stdout == f"fsdcf {__version__}\n"
    assert "template" in fsdcf("--help", cwd=folder).stdout
    for spelling, said in (
        ("service.ephemeralStorage", "service.resources.ephemeralStorage"),
        ("dependencies.fetch_msk_cluster.cluster_name", "dependencies.aws_msk_cluster.name"),
        ("fetch_msk_cluster", "aws_msk_cluster"),
        ("service.secrets", "valueFrom"),
    ):
        assert said in fsdcf("explain", spelling, cwd=folder).stdout
    for shell in ("bash", "zsh", "fish"):
        assert "_FSDCF_COMPLETE" in fsdcf("completion", shell, cwd=folder).stdout


def test_init_writes_a_spec_that_compiles_without_warnings(folder: Path) -> None:
    for arguments in (("shop", "--port", "3000", "--owner", "team-shop"), ("cruncher", "--worker")):
        assert fsdcf("init", *arguments, cwd=folder).returncode == 0
        result = fsdcf("template", f"{arguments[0]}.yml", "--no-lint", "--strict", cwd=folder)
        assert (result.returncode, result.stderr) == (0, "")
    hardening = {"W123", "W140", "W141", "W210"}
    for spec, codes in {"cruncher.yml": hardening, "shop.yml": {"W112", *hardening}}.items():
        prod = fsdcf("validate", spec, "--env", "prod", "--format", "json", cwd=folder)
        assert {one["code"] for one in json.loads(prod.stdout)} == codes, "only the author knows these"
    again = fsdcf("init", "shop", cwd=folder)
    assert again.returncode == 2 and "already exists" in again.stderr


def test_light_paths_load_nothing_heavy(folder: Path, cache: Path) -> None:
    assert process("template", "hello.yml", cwd=folder, XDG_CACHE_HOME=str(cache)).returncode == 0
    script = (
        "import sys\nfrom fsdcf.cli import main\n"
        "for arguments in {commands}:\n"
        "    sys.argv = ['fsdcf', *arguments]\n    code = main._run()\n"
        "    heavy = sorted({heavy} & set(sys.modules))\n"
        "    print('ended:', code, heavy, arguments, file=sys.stderr)"
    )
    codes = {("template", "hello.yml"): 0, ("template", "hello.yml", "--no-lint"): 0, ("template", "bad.yml"): 2}
    codes["--help",] = 0
    rare = {f"troposphere.{name}" for name in ("certificatemanager", "route53", "servicediscovery", "wafv2")}
    heavy = {"cfnlint", "boto3", "botocore", "jinja2", "rich", *rare}
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(cache),
    }
    run = subprocess.run(
        [sys.executable, "-c", script.format(commands=[*codes], heavy=heavy)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    ends = [line for line in run.stderr.splitlines() if line.startswith("ended:")]
    assert ends == [f"ended: {code} [] {arguments}" for arguments, code in codes.items()], run.stderr


def test_parallel_linting_gives_what_one_process_gives(folder: Path) -> None:
    for number in range(3):
        (folder / f"s{number}.yml").write_text(HELLO.replace("name: hello", f"name: hello-{number}"))
    specs = [f"s{number}.yml" for number in range(3)]
    result = process("template", *specs, "-o", "out/", "--no-cache", cwd=folder)
    assert result.returncode == 0, result.stderr
    for number in range(3):
        alone = fsdcf("template", f"s{number}.yml", "--no-lint", cwd=folder).stdout
        assert (folder / "out" / f"s{number}.staging.template.yml").read_text() == alone


def test_a_full_disk_is_an_error_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "argv", ["fsdcf", "template", str(ROOT / "examples" / "hello.yml"), "--no-lint"])
    monkeypatch.setattr(sys, "stdout", Full())
    assert main._run() == 2
    assert "error: reading or writing failed: [Errno 28] No space left on device" in capsys.readouterr().err


def test_output_is_utf_8_in_every_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    main._set_encoding()
    sys.stdout.write("é🚀")
    sys.stdout.flush()
    assert written.getvalue() == "é🚀".encode()


def test_a_terminal_of_another_encoding_shows_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="latin-1"))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    main._set_encoding()
    sys.stdout.write("é🚀")
    sys.stdout.flush()
    assert written.getvalue() == b"\xe9\\U0001f680"


def test_closed_standard_streams_are_reopened_on_the_null_device(monkeypatch: pytest.MonkeyPatch) -> None:
    own = sys.stderr
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(sys, "stdout", None)
    main._reopen_closed_streams()
    with sys.stdin, sys.stdout:
        assert (sys.stdin.read(), sys.stdout.write("x"), sys.stdin.isatty()) == ("", 1, False)
    assert sys.stderr is own
