"""A machine like GitHub's runners: bash, the usual tools, and the stubs of a test."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHA = "3f2c1ab" + "0" * 33


@dataclass(frozen=True)
class Done:
    """How a step ended: exit code, its output, the programs that it called, and its outputs."""

    code: int
    output: str
    calls: list[list[str]]
    outputs: dict[str, str]
    summary: str


@dataclass(frozen=True)
class Runner:
    """A machine with nothing but bash, the usual tools and the programs that a test puts there."""

    folder: Path

    def program(self, name: str, script: str = "") -> None:
        """A program that records how it was called, and then does what the script says."""
        file = self.folder / "bin" / name
        record = f'#!/bin/bash\n{{ printf "%s\\0" {name} "$@"; printf "\\n"; }} >> "{self.folder}/calls"\n'
        file.write_text(f"{record}{script}\n", encoding="utf-8")
        file.chmod(0o755)

    def run(self, script: str, written: Mapping[str, Any], values: Mapping[str, str]) -> Done:
        """Run the script of a step. ``written`` is its environment, ``values`` are the values of its expressions."""
        unknown = {key for key, value in written.items() if "${{" in value} - set(values)
        assert not unknown, f"say what the expressions in {unknown} come to"
        for file in ("output", "summary", "calls"):
            (self.folder / file).write_text("", encoding="utf-8")
        (self.folder / "script").write_text(script, encoding="utf-8")
        environment = {**self.environment(), **written, **values}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(self.folder / "script")]
        done = subprocess.run(
            command, cwd=self.folder / "work", env=environment, capture_output=True, text=True, check=False
        )
        lines = (self.folder / "output").read_text(encoding="utf-8").splitlines()
        return Done(
            done.returncode,
            done.stdout + done.stderr,
            [line.split("\0")[:-1] for line in (self.folder / "calls").read_text(encoding="utf-8").splitlines()],
            dict(line.partition("=")[::2] for line in lines),
            (self.folder / "summary").read_text(encoding="utf-8"),
        )

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "RUNNER_TEMP": str(self.folder / "temp"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_SHA": SHA,
            "GITHUB_RUN_ID": "42",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_REPOSITORY": "acme/shop",
            "GIT_CONFIG_GLOBAL": "/dev/null",
        }


def machine(folder: Path) -> Runner:
    """A new machine in a folder."""
    for name in ("bin", "work", "temp"):
        (folder / name).mkdir()
    return Runner(folder)
