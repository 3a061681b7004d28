"""The release of fsdcf: its text, and the workflows of this repository."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fsdcf import __version__, links
from fsdcf.scaffold.workflow import PINS, PYTHON, UV
from tests.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
RELEASE: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
CI: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))


def notes(folder: Path, tag: str, changelog: str, *wheels: Path) -> subprocess.CompletedProcess[str]:
    (folder / "scripts").mkdir()
    script = folder / "scripts" / "release.py"
    script.write_text((ROOT / "scripts" / "release.py").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "CHANGELOG.md").write_text(changelog, encoding="utf-8")
    command = [sys.executable, str(script), tag, *map(str, wheels)]
    environment = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_text_is_the_changelog_s_section_and_the_hash(tmp_path: Path) -> None:
    wheel = tmp_path / "fsdcf.whl"
    wheel.write_bytes(b"abc")
    changelog = (
        f"# Changelog\n\n## {__version__} (2026-12-01)\n\n### New\n\n- One.\n\n## 0.0.1 (2026-01-01)\n\n- Old.\n"
    )
    done = notes(tmp_path, f"v{__version__}", changelog, wheel)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("### New\n\n- One.\n") and "Old" not in done.stdout
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert f"--fsdcf 'fsdcf=={__version__} --hash=sha256:{known}'" in done.stdout


@pytest.mark.parametrize(
    ("tag", "heading", "word"),
    [
        ("v9.9.9", f"{__version__} (2026-12-01)", "version"),
        (__version__, f"{__version__} (2026-12-01)", "version"),
        (f"v{__version__}", f"{__version__} (unreleased)", "unreleased"),
        (f"v{__version__}", "0.0.1 (2026-12-01)", "no section"),
    ],
)
def test_a_release_that_does_not_fit_fails(tmp_path: Path, tag: str, heading: str, word: str) -> None:
    done = notes(tmp_path, tag, f"# Changelog\n\n## {heading}\n\n- One.\n")
    assert done.returncode == 1 and word in done.stderr and not done.stdout and "Traceback" not in done.stderr


def test_ci_checks_every_supported_python() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    supported = re.findall(r"Python :: (3\.\d+)", settings["metadata"]["classifiers"])
    job = CI["jobs"]["check"]
    assert job["strategy"]["matrix"]["python"] == supported and len(supported) > 2
    assert job["steps"][-1]["run"] == "make check"


def test_actions_are_pinned_as_in_generated_workflows() -> None:
    assert len(WORKFLOWS) == 2
    for file in WORKFLOWS:
        for line in re.findall(r"uses: (.+)", file.read_text(encoding="utf-8")):
            found = re.fullmatch(r"([\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)|\$/\.github/workflows/\w+\.yml", line)
            assert found, line
            assert found[1] not in PINS or PINS[found[1]] == (found[3], found[2]), line


def test_only_the_publishing_job_has_a_token_and_it_runs_one_action() -> None:
    rights = {name: set(job["permissions"].items()) for name, job in RELEASE["jobs"].items()}
    assert rights == {
        "check": {("contents", "read")},
        "build": {("contents", "read")},
        "publish": {("id-token", "write")},
        "release": {("contents", "write")},
    }
    publish = RELEASE["jobs"]["publish"]
    assert not [step for step in publish["steps"] if "run" in step]
    assert publish["environment"] == {"name": "pypi"} and publish["steps"][-1]["with"] == {"attestations": True}
    order = [RELEASE["jobs"][name].get("needs") for name in ("check", "build", "publish", "release")]
    assert order == [None, "check", "build", "publish"]


def test_the_build_installs_nothing_without_a_hash() -> None:
    steps = RELEASE["jobs"]["build"]["steps"]
    lines = [line for step in steps for line in step.get("run", "").splitlines() if "pip install" in line]
    assert len(lines) == 3
    assert all("--require-hashes --only-binary :all:" in line or "--no-deps dist/*.whl" in line for line in lines)
    assert [step["with"]["version"] for step in steps if "setup-uv" in step.get("uses", "")] == [UV]
    environments = [line for step in steps for line in step.get("run", "").splitlines() if "uv venv" in line]
    assert len(environments) == 2 and all(f"--python {PYTHON} " in line for line in environments)


def test_the_metadata_leads_to_the_project() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    assert settings["metadata"]["url"] == links.REPOSITORY
    policy = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert f"<{links.REPOSITORY}/security/advisories/new>" in policy
    for page in re.findall(r"\]\((docs/[^)#]+)", policy):
        assert (ROOT / page).is_file(), page
