"""Compares what checkov finds in the templates of the examples with docs/explanation/security.md, which explains each
of its checks that applies. checkov is installed below build/ once, apart from fsdcf."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections import defaultdict
from pathlib import Path

from fsdcf.compiler.emit import to_json
from fsdcf.pipeline import Request, SourceFile, run

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "explanation" / "security.md"
SPECS = (*(ROOT / "examples").rglob("*.yml"), *(ROOT / "tests" / "cases" / "dependencies").glob("*.spec.yml"))
FOLDER = ROOT / "build" / "checkov"
PROGRAMS = FOLDER / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
VERSION = "3.3.30"
PASSING = ("by default", "in production")


def install() -> None:
    """Install checkov into an environment of its own, unless it is there."""
    marker = FOLDER / f"installed-{VERSION}"
    if marker.exists():
        return
    print(f"installing checkov {VERSION} into {FOLDER.relative_to(ROOT)} (once) ...", file=sys.stderr)
    venv.create(FOLDER / "venv", clear=True, with_pip=True)
    pip = [PROGRAMS / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, f"checkov=={VERSION}"], check=True)
    marker.touch()


def write_templates() -> Path:
    """Write the template of each spec for production, and return their folder."""
    folder = FOLDER / "templates"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for spec in SPECS:
        result = run(_request(spec))
        if result.template is None:
            raise SystemExit(f"{spec.relative_to(ROOT)} does not compile")
        (folder / f"{spec.name.partition('.')[0]}.json").write_text(to_json(result.template.data), encoding="utf-8")
    return folder


def _request(spec: Path) -> Request:
    """The request for a spec in production, or in the environment of the file beside a case."""
    beside, above = spec.with_name(spec.name.replace(".spec", ".environment")), spec.parent / "environments"
    environment = "staging" if beside != spec and beside.exists() else "prod"
    file = beside if environment == "staging" else above / f"{environment}.yml"
    shared = SourceFile(f"environments/{environment}.yml", file.read_bytes()) if file.exists() else None
    return Request(str(spec), spec.read_bytes(), environment, environment_file=shared)


def findings(folder: Path) -> tuple[dict[str, set[str]], dict[str, str]]:
    """Return the types of the resources that fail each check, by its id, and the names of all checks that apply."""
    options = ["--framework", "cloudformation", "--output", "json", "--compact", "--soft-fail", "--skip-download"]
    output = subprocess.run(
        [PROGRAMS / "checkov", "--directory", folder, *options], stdout=subprocess.PIPE, check=True
    ).stdout
    report = json.loads(output)
    if report["summary"]["parsing_errors"] or not report["summary"]["passed"]:
        raise SystemExit(f"checkov could not read the templates: {report['summary']}")
    failed, passed = report["results"]["failed_checks"], report["results"]["passed_checks"]
    types: dict[str, set[str]] = defaultdict(set)
    for each in failed:
        types[each["check_id"]].add(each["resource"].rpartition(".")[0])
    counts = f"{len(failed)} findings of {len(types)} checks, {len(passed)} passes"
    print(f"{counts} in {len(SPECS)} templates", file=sys.stderr)
    return types, {each["check_id"]: each["check_name"] for each in (*failed, *passed)}


def claims() -> dict[str, str]:
    """Return the checks in the tables of the page, and when it says that they pass."""
    rows = [line.split("|")[1:4] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| CKV")]
    return {id.strip(): passes.strip() for ids, _, passes in rows for id in ids.split(",")}


def main() -> int:
    """Print the checks of which the page says something else than checkov, or nothing."""
    install()
    (failing, known), page = findings(write_templates()), claims()
    name = PAGE.relative_to(ROOT)
    wrong = [f"does not explain {id} {known[id]}" for id in sorted(known.keys() - page)]
    wrong += [f"explains {id}, which applies to no template" for id in sorted(page.keys() - known)]
    for id in sorted(page.keys() & known):
        if page[id] in PASSING and id in failing:
            wrong.append(f"says that {id} passes, and it fails for {', '.join(sorted(failing[id]))}")
        elif page[id] not in (*PASSING, "by key") and id not in failing:
            wrong.append(f"says that {id} does not pass in production, and no template fails it")
    for line in wrong:
        print(f"{name} {line}")
    print(f"{name} explains {len(page)} checks, and {len(known)} apply")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
