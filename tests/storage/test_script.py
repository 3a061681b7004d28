"""The archive of ``--emit-script``: contains the migration's modules, runs without fsdcf, resumes after kill -9."""

from __future__ import annotations

import ast
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from fsdcf.storage.migration.model import Columns, Migration, Rate, TargetTable
from fsdcf.storage.migration.script import MODULES, archive, rate_of, run_script
from fsdcf.storage.migration.values import canonical
from tests.conftest import ROOT
from tests.storage.conftest import Bench, Sql, expected
from tests.storage.endpoint import serving
from tests.storage.fake import Fake, refusal

KEYS = (("id", "N"),)
PLAN = Migration(TargetTable("things", KEYS), "app.db", "checkpoint.json", "things", verify="full")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "migrate.pyz"
    path.write_bytes(archive(PLAN, path.name))
    return path


def command(script: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", str(script), *arguments]


def environment(folder: Path) -> dict[str, str]:
    keys = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **keys}


def holds(fake: Fake, count: int) -> bool:
    return {key: canonical(one) for key, one in fake.items.items()} == {
        f"id={n}": canonical(expected(n)) for n in range(count)
    }


def test_the_archive_contains_the_modules_unchanged_and_imports_nothing_else_of_fsdcf(script: Path) -> None:
    folder = ROOT / "fsdcf" / "storage" / "migration"
    stems = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    shared = {"fsdcf.atomic", "fsdcf.aws_errors", "fsdcf.wording"}
    assert set(MODULES) == shared | {f"fsdcf.storage.migration.{stem}" for stem in stems}
    imported = set()
    with ZipFile(script) as packed:
        names = packed.namelist()
        for name in names:
            text = packed.read(name).decode()
            assert str(ROOT) not in text
            if name.endswith("__init__.py"):
                assert text == ""
            elif name != "__main__.py":
                assert text == (ROOT / name).read_text()
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Import):
                    imported |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    imported.add(str(node.module))
    assert {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names) == {
        "boto3",
        "botocore",
        "fsdcf",
    }
    inside = {name.removesuffix(".py").replace("/", ".") for name in names}
    assert {name for name in imported if name.startswith("fsdcf")} <= inside


def test_the_same_migration_gives_the_same_bytes(script: Path) -> None:
    assert archive(PLAN, "migrate.pyz") == script.read_bytes()
    with ZipFile(script) as packed:
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert packed.namelist() == sorted(packed.namelist())


def test_the_settings_are_in_the_archive(tmp_path: Path) -> None:
    plan = replace(
        PLAN,
        table=replace(PLAN.table, name='a\\"""b'),
        columns=Columns((("a", 'b"c'),), (("x", "json"),), ("z",)),
        rate=Rate(5.0, True),
        mode="keep",
        restart=True,
    )
    path = tmp_path / "settings.pyz"
    path.write_bytes(archive(plan, path.name))
    main = runpy.run_path(str(path))
    assert repr(main["PLAN"]) == repr(replace(plan, restart=False))
    assert (
        f"DynamoDB table {plan.table.name}." in main["__doc__"] and "python settings.pyz --dry-run" in main["__doc__"]
    )


def test_the_program_is_clean(script: Path) -> None:
    with ZipFile(script) as packed:
        text = packed.read("__main__.py").decode()
    wanted = [
        "--isolated",
        "--select",
        "F,E,B,I",
        "--ignore",
        "F401",
        "--line-length",
        "120",
        "--target-version",
        "py310",
        "-",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *wanted], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_help_and_show_plan_explain_the_archive(script: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = subprocess.run(
            command(script, *arguments),
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    text = run("--help")
    assert "migrate.pyz --dry-run" in text and "dynamodb:DescribeTable" in text and "--keep-existing" in text
    text = run("--show-plan", "--rate", "200wcu")
    assert text.startswith("Migration(\n    table=TargetTable(name='things'") and "Rate(per_second=200.0" in text


def test_it_resumes_after_sigterm_and_kill_9(script: Path, sql: Sql, tmp_path: Path) -> None:
    sql(rows=1200)
    fake = Fake(KEYS)
    victims: list[subprocess.Popen[str]] = []
    ready = threading.Event()
    counts: Counter[int] = Counter()

    def before(number: int, items: list[Any]) -> list[Any]:
        ready.wait()
        counts[len(victims)] += 1
        run, number = len(victims), counts[len(victims)]
        if (run, number) == (1, 13):
            victims[0].terminate()
        if (run, number) == (2, 10):
            victims[1].kill()
            victims[1].wait()
            return items[:7]
        if number % 9 == 0 or (
            run == 1 and number > 22
        ):  # however slow it is to hear the signal, it does not come to the end
            raise refusal("ThrottlingException", "slow")
        return items

    def run(url: str) -> tuple[int, str]:
        ready.clear()
        words = command(script, "--endpoint-url", url, "--rate", "4000")
        streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        victims.append(subprocess.Popen(words, cwd=tmp_path, env=environment(tmp_path), **streams))
        ready.set()
        out, _ = victims[-1].communicate(timeout=600)
        return victims[-1].returncode, out

    fake.before = before
    with serving(fake) as url:
        code, out = run(url)
        assert code == 130 and out.startswith("interrupted:", out.rindex("\n", 0, -1) + 1), out
        some = len(fake.items)
        assert 0 < some < 1200 and set(fake.writes.values()) == {1}
        left = some - sum(end - first for first, end in noted(tmp_path))
        assert 0 <= left <= 25, (
            "what was written is noted, but for a batch where the signal fell between its answer and the note"
        )
        code, out = run(url)
        assert code == -signal.SIGKILL, out
        code, out = run(url)
    assert code == 0 and "migrated and verified" in out and "resuming from checkpoint.json" in out
    assert holds(fake, 1200)
    assert sorted(one.name for one in tmp_path.iterdir() if not one.name.startswith(".")) == [
        "app.db",
        "checkpoint.json",
        "migrate.pyz",
    ]


def noted(folder: Path) -> list[list[int]]:
    """The ranges of rows that the checkpoint takes to be done."""
    data = json.loads((folder / "checkpoint.json").read_text())
    return [[0, data["through"]], *data["beyond"]]


def test_options_and_exit_codes(bench: Bench, sql: Sql, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql(rows=30)
    fake = bench.client

    class Out:
        text = ""

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None:
            """Nothing is held back."""

    def run(*arguments: str) -> tuple[int, str]:
        out = Out()
        code = run_script(arguments, bench.migration, "", out, None, lambda name, **_: fake)  # type: ignore[arg-type]
        return code, out.text

    code, text = run("--dry-run")
    assert code == 0 and "ready, nothing written" in text and not fake.items

    def leave(name: str, **_: Any) -> None:
        raise KeyboardInterrupt

    out = Out()
    assert run_script(["--restart"], bench.migration, "", out, None, leave) == 130  # type: ignore[arg-type]
    assert out.text.startswith("interrupted:") and "without --restart" in out.text
    code, text = run("--table", "others")
    assert code == 2 and "error: the table 'others' does not exist" in text and "help: " in text
    code, text = run("--table", "others", "--json")
    assert code == 2 and '"event": "error"' in text
    code, text = run("--rate", "10000wcu", "--parallel", "2", "--verify", "none")
    assert code == 0 and "migrated: things" in text
    fake.items["id=3"]["price"] = {"N": "7"}
    code, text = run()
    assert code == 1 and "id=3: differs" in text
    code, text = run("--restart", "--keep-existing", "--json", "--checkpoint", str(tmp_path / "other.json"))
    assert code == 0 and '"kept": 1' in text
    fake.before = lambda number, items: (_ for _ in ()).throw(refusal("AccessDeniedException", "no"))
    code, text = run("--restart", "--overwrite")
    assert code == 7 and "no permission for dynamodb:BatchWriteItem" in text
    for wrong in (["--rate", "0"], ["--rate", "fast"], ["--keep-existing", "--overwrite"]):
        with pytest.raises(SystemExit):
            run(*wrong)
    assert "--rate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "rate"),
    [("500", Rate(500.0)), ("2.5", Rate(2.5)), ("200wcu", Rate(200.0, True)), ("1WCU", Rate(1.0, True))],
)
def test_rates(text: str, rate: Rate) -> None:
    assert rate_of(text) == rate


@pytest.mark.parametrize("text", ["", "wcu", "-1", "0", "inf", "nan", "5rcu"])
def test_invalid_rates(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        rate_of(text)
