"""Files that are replaced in one step: a crash leaves the old file or the new one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, data: bytes, prefix: str = "", mode: int = 0o600, durable: bool = False) -> None:
    """Write a file by way of a temporary file in its folder, whose name begins with ``prefix``. Raises OSError.

    ``durable``: wait until the data is on the disk.
    """
    import tempfile  # loads OpenSSL, by way of random

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix or f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
