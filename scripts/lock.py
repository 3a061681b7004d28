"""Write what the generated workflow and the release of fsdcf install, at fixed versions with hashes.

The files are templates/workflows/requirements.txt and .github/release-requirements.txt. uv, at the version that the
workflow uses, is installed below build/ once, apart from fsdcf.
"""

from __future__ import annotations

import configparser
import subprocess
import sys
import venv
from pathlib import Path

from fsdcf.scaffold.workflow import LOCK, PYTHON, UV

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "uv"
RELEASE = ROOT / ".github" / "release-requirements.txt"
RELEASE_TOOLS = ("build", "cyclonedx-bom", "wheel")
BACKEND = "setuptools>=77"
"""What builds fsdcf from its sources, as in pyproject.toml."""


def main() -> None:
    """Compile the requirements of setup.cfg and of the build, and those of a release."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    wanted = settings["options"]["install_requires"].split("\n")
    marker = FOLDER / f"installed-{UV}"
    programs = FOLDER / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    if not marker.exists():
        venv.create(FOLDER / "venv", clear=True, with_pip=True)
        pip = [programs / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, f"uv=={UV}"], check=True)
        marker.touch()
    options = ["--python-version", PYTHON, "--python-platform", "linux", "--only-binary", ":all:", "--generate-hashes"]
    options += ["--upgrade", "--no-header", "--no-annotate", "--no-config", "--quiet"]
    for target, names in {ROOT / "templates" / LOCK: wanted, RELEASE: RELEASE_TOOLS}.items():
        compile = [programs / "uv", "pip", "compile", "-", *options, "-o", str(target)]
        subprocess.run(compile, input="\n".join([*names, BACKEND]), text=True, check=True)


if __name__ == "__main__":
    main()
