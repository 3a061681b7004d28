"""Services as ``fsdcf init --template`` writes them, in folders."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from fsdcf.cli.commands.init import SCHEMA
from fsdcf.scaffold.service import service


def written(kind: str, folder: Path, name: str = "shop", port: int = 8000) -> Path:
    """The folder, with the service in it."""
    for path, text in service(kind, name, port, f"team-{name}", SCHEMA).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def data_layer(folder: Path) -> Any:
    """The module ``app.store`` of a service in a folder; nothing of it stays behind in the list of modules."""
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("app.store")
    finally:
        sys.path.remove(str(folder))
        for name in ("app", "app.store", "app.model"):
            sys.modules.pop(name, None)
