"""The emitted script: one file of the engine's own modules, which runs without fsdcf, and goes on after kill -9."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from fsdcf.storage.migration.emit import MODULES, emitted
from fsdcf.storage.migration.model import Columns, Migration, Rate, Table
from fsdcf.storage.migration.script import rate_of, run_script
from fsdcf.storage.migration.values import canonical
from tests.conftest import ROOT
from tests.storage.conftest import Bench, Sql, expected
from tests.storage.endpoint import serving
from tests.storage.fake import Fake, refusal

KEYS = (("id", "N"),)
PLAN = Migration(Table("things", KEYS), "app.db", "checkpoint.json", "things", verify="full")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "migrate.py"
    path.write_text(emitted(PLAN, path.name), encoding="utf-8")
    return path


def command(script: Path, *arguments: str) -> list[str]:
    """Without fsdcf: the interpreter that has boto3, isolated from this folder."""
    guard = "import sys, runpy; sys.modules['fsdcf'] = None; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    return [sys.executable, "-W", "error", "-c", guard, str(script), *arguments]


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


def test_names_of_the_modules_never_meet(script: Path) -> None:
    names: Counter[str] = Counter()
    for node in ast.parse(script.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] += 1
        elif isinstance(node, ast.Assign):
            names.update(one.id for one in node.targets if isinstance(one, ast.Name))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((one.asname or one.name.partition(".")[0]) for one in node.names)
    assert [name for name, count in names.items() if count > 1 and name != "botocore"] == []


def test_it_is_every_module_of_the_engine_and_nothing_of_fsdcf(script: Path) -> None:
    folder = ROOT / "fsdcf" / "storage" / "migration"
    assert set(MODULES) == {path.stem for path in folder.glob("*.py")} - {"__init__", "emit"}
    text = script.read_text()
    tree = ast.parse(text)
    imported = {
        one.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names
    }
    imported |= {str(node.module).partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported - set(sys.stdlib_module_names) == {"boto3", "botocore"}
    for path in folder.glob("*.py"):
        if path.stem in MODULES:
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    assert ast.get_source_segment(path.read_text(), node) in text, f"{path.stem}.{node.name}"
    assert str(ROOT) not in text and emitted(PLAN, "migrate.py") == text


def test_what_is_to_be_done_stands_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = replace(
        PLAN,
        columns=Columns((("a", 'b"c'),), (("x", "json"),), ("z",)),
        rate=Rate(5.0, True),
        mode="keep",
        restart=True,
    )
    path = tmp_path / "emitted_plan.py"
    path.write_text(emitted(plan, path.name), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert repr(import_module("emitted_plan").PLAN) == repr(replace(plan, restart=False))


def test_it_is_clean(script: Path) -> None:
    wanted = ["--isolated", "--select", "F,E9,B", "--target-version", "py310"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *wanted, str(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_it_goes_on_after_a_stop_of_the_task_and_after_kill_9(script: Path, sql: Sql, tmp_path: Path) -> None:
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
        assert code == 130 and out.endswith("interrupted: the same command goes on where it stopped\n"), out
        some = len(fake.items)
        assert 0 < some < 1200 and set(fake.writes.values()) == {1}
        left = some - sum(end - first for first, end in noted(tmp_path))
        assert 0 <= left <= 25, (
            "what was written is noted, but for a batch where the signal fell between its answer and the note"
        )
        code, out = run(url)
        assert code == -signal.SIGKILL, out
        code, out = run(url)
    assert code == 0 and "migrated and verified" in out and "going on by checkpoint.json" in out
    assert holds(fake, 1200)
    assert sorted(one.name for one in tmp_path.iterdir() if not one.name.startswith(".")) == [
        "app.db",
        "checkpoint.json",
        "migrate.py",
    ]


def noted(folder: Path) -> list[list[int]]:
    """The ranges of rows that the checkpoint takes to be done."""
    data = json.loads((folder / "checkpoint.json").read_text())
    return [[0, data["through"]], *data["beyond"]]


def test_its_options_and_exit_codes(bench: Bench, sql: Sql, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
        code = run_script(arguments, bench.migration, out, lambda region, endpoint, workers: fake)  # type: ignore[arg-type]
        return code, out.text

    code, text = run("--dry-run")
    assert code == 0 and "ready, nothing written" in text and not fake.items

    def leave(region: str | None, endpoint: str | None, workers: int) -> None:
        raise KeyboardInterrupt

    out = Out()
    assert run_script(["--restart"], bench.migration, out, leave) == 130  # type: ignore[arg-type]
    assert out.text == "interrupted: the same command without --restart goes on where it stopped\n"
    code, text = run("--table", "others")
    assert code == 2 and "error: there is no table 'others'" in text and "help: " in text
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
    assert code == 7 and "no permission for dynamodb:batch_write_item" in text
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
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        rate_of(text)
