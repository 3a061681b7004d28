"""Where fsdcf keeps what it can do without: in the cache of the environment, below the home, or, without one, below the root."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from fsdcf.lint.cache import default_folder


def lint_folder(home: Callable[[], Path] = Path.home) -> Path:
    """The folder of linting's verdicts; the sandbox's state has one beside it.

    A user without a home, as in a container, has the root for one, as Docker does it: mostly it cannot be written to. Linting does without
    then, and the sandbox says so.
    """
    try:
        found = home()
    except RuntimeError:
        found = Path("/")
    return default_folder(os.environ, sys.platform, found)
