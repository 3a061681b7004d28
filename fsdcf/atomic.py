"""Files that are read and written with care.

What is read is a regular file. What is written is replaced in one step: a crash leaves the old file or the new one.
State and caches are private to their user.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o600
PRIVATE_FOLDER = 0o700


def open_regular(path: str | Path) -> BinaryIO:
    """Open a regular file for reading. Raises OSError, before anything is read, if the path leads to anything else.

    A pipe would block, and to open a device can change it.
    """
    _check_regular(os.stat(path), path)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _check_regular(os.fstat(descriptor), path)  # it may have become a pipe since
        return os.fdopen(descriptor, "rb")
    except OSError:
        os.close(descriptor)
        raise


def read_regular(path: str | Path, most: int) -> bytes:
    """Read a regular file of at most this number of bytes. Raises OSError, before it is read, for any other one."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
        return file.read()[:most]


def _check_regular(status: os.stat_result, path: str | Path) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file", str(path))


def replace_file(
    path: Path, data: bytes, prefix: str = "", mode: int = PRIVATE, durable: bool = False, new: bool = False
) -> None:
    """Write a file by way of a temporary file in its folder, whose name begins with ``prefix``. Raises OSError.

    ``durable``: wait until the data is on the disk. ``new``: raise FileExistsError instead of replacing a file.
    """
    import tempfile  # loads OpenSSL, by way of random

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix or ".fsdcf-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(name, mode)
        (_move_new if new else os.replace)(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _move_new(name: str, path: Path) -> None:
    """Rename a file to a path that does not exist. Raises FileExistsError if it does."""
    try:
        os.link(name, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.replace(name, path)
    else:
        os.unlink(name)


def private_folder(folder: Path) -> None:
    """Create a folder for this user alone, with the folders above it that are missing; close an existing one to others.

    Raises OSError for a symbolic link, for a folder of another user, and for one that others can replace, because they
    can write to the folder above it.
    """
    missing = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    for each in reversed(missing):
        with suppress(FileExistsError):  # another process was faster
            os.mkdir(each, PRIVATE_FOLDER)
            os.chmod(each, PRIVATE_FOLDER)  # whatever the umask is
    above = os.stat(folder.parent)
    if any(not is_own(status) and status.st_uid != 0 for status in (above, os.lstat(folder.parent))):
        raise PermissionError(errno.EPERM, f"{folder.parent} belongs to another user")
    if is_own(above) and not _is_sticky(above.st_mode) and above.st_mode & _OTHERS_WRITE:
        os.chmod(folder.parent, stat.S_IMODE(above.st_mode) & ~_OTHERS_WRITE)
    _close(folder, stat.S_ISDIR, "a folder", PRIVATE_FOLDER)


def private_file(path: Path) -> None:
    """Close a file to other users, unless it does not exist. Raises OSError for a link and for another user's file.

    The file is not opened: to close it again would end the locks of SQLite.
    Source: https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
    """
    with suppress(FileNotFoundError):
        _close(path, stat.S_ISREG, "a regular file", PRIVATE)


_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def _is_sticky(mode: int) -> bool:
    """Whether only its owner can rename a file in a folder, as in /tmp."""
    return bool(mode & stat.S_ISVTX)


def is_own(status: os.stat_result) -> bool:
    """Whether this user owns a file; always on Windows, which has no numbers of users."""
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def _close(path: Path, is_kind: Callable[[int], bool], kind: str, mode: int) -> None:
    status = os.lstat(path)
    if not is_kind(status.st_mode):
        link = "it is a symbolic link" if stat.S_ISLNK(status.st_mode) else f"it is not {kind}"
        raise PermissionError(errno.EPERM, link)
    if not is_own(status):
        raise PermissionError(errno.EPERM, "it belongs to another user")
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        raise PermissionError(errno.EPERM, "it is a hard link")
    if stat.S_IMODE(status.st_mode) != mode:
        os.chmod(path, mode)
