"""Compares what checkov finds in the templates of the examples with docs/explanation/security.md, which explains each
of its checks. checkov is installed below build/ once, apart from fsdcf."""

from __future__ import annotations

import json
import re
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


def failing_checks(folder: Path) -> dict[str, set[str]]:
    """Return the types of the resources that fail each check, by its id."""
    options = ["--framework", "cloudformation", "--output", "json", "--compact", "--soft-fail", "--skip-download"]
    output = subprocess.run(
        [PROGRAMS / "checkov", "--directory", folder, *options], stdout=subprocess.PIPE, check=True
    ).stdout
    report = json.loads(output)
    if report["summary"]["parsing_errors"] or not report["summary"]["passed"]:
        raise SystemExit(f"checkov could not read the templates: {report['summary']}")
    types: dict[str, set[str]] = defaultdict(set)
    for failed in report["results"]["failed_checks"]:
        types[f"{failed['check_id']} {failed['check_name']}"].add(failed["resource"].rpartition(".")[0])
    return types


def main() -> int:
    """Print the checks that the page does not explain, and those that it explains although nothing fails them."""
    install()
    failing = failing_checks(write_templates())
    explained = set(re.findall(r"CKV2?_[A-Z]+_[0-9]+", PAGE.read_text(encoding="utf-8")))
    missing = [check for check in failing if check.partition(" ")[0] not in explained]
    passed = explained - {check.partition(" ")[0] for check in failing}
    name = PAGE.relative_to(ROOT)
    for check in sorted(missing):
        print(f"{name} does not explain {check}: {', '.join(sorted(failing[check]))}")
    for check in sorted(passed):
        print(f"{name} explains {check}, which no template fails")
    print(f"{len(failing)} checks fail in {len(SPECS)} templates; {name} explains {len(failing) - len(missing)}")
    return 1 if missing or passed else 0


if __name__ == "__main__":
    sys.exit(main())
