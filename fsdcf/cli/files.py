"""Files of the user's project: specs found and read, the environments that files name, and output files written whole
or not at all.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

import click

from fsdcf.atomic import open_regular, replace_file
from fsdcf.cli.render.stream import json_text
from fsdcf.conventions import ENVIRONMENT_PATTERN, ENVIRONMENTS
from fsdcf.lint.cache import default_folder
from fsdcf.masking import mask_known
from fsdcf.pipeline import SourceFile
from fsdcf.repository import OutsideError, check_inside, folders_above
from fsdcf.suggested import suggested
from fsdcf.wording import visible

LARGEST = (1 << 20) + 1
"""Maximum number of bytes read from a file: one more than a spec may have."""

_START = rb"""(?:^|\A\xef\xbb\xbf|[{,]\s*)["']?"""
"""What is before a key of the whole document: nothing, a byte order mark, or the parts of a map in braces."""
_SPEC = re.compile(_START + rb"""apiVersion["']?\s*:\s*["']?fsd/v1\b""", re.M)
_ENVIRONMENT = re.compile(_START + rb"""kind["']?\s*:\s*["']?Environment\b""", re.M | re.I)
_SUFFIXES = (".yml", ".yaml")
_OTHER_FOLDERS = frozenset({"node_modules", "vendor", "venv", "build", "dist", "target", "site-packages"})
"""Folders of tools."""
_DEPLOYED = re.compile(rf"^ +ENVIRONMENT: ({ENVIRONMENT_PATTERN})$", re.M)
"""An environment in a workflow of ``fsdcf ci github``."""
_MAX_FOLDERS = 20_000
_HEAD_BYTES = 8192
_MOST_LISTED = 20
_LONGEST_NAME = 600
_WRITE_ONE = f"write one with `{suggested('init', 'NAME')}`"


def read(path: Path) -> bytes:
    """Read a regular file, up to ``LARGEST`` bytes. A usage error if that fails.

    The command then refuses to write to it.
    """
    try:
        with open_regular(path) as file:
            _remember(os.fstat(file.fileno()))
            return file.read(LARGEST)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        meant = _meant(path) if isinstance(error, FileNotFoundError) else None
        guess = f"; did you mean {visible(meant)}?" if meant else ""
        raise click.UsageError(f"cannot read {_named(path)}: {reason}{guess}") from None


def _meant(path: Path) -> Path | None:
    """The only spec here with the name of a file that does not exist, as in ``fsdcf deploy shop``."""
    named = [spec for spec in specs_here() if path.name in (spec.name, spec.stem)]
    return named[0] if len(named) == 1 else None


def specs_or_all(specs: tuple[Path, ...], root: Path, environments: bool = False) -> tuple[Path, ...]:
    """The named specs, or every spec of the repository by its relative path, with the files of environments if they
    are wanted. A usage error if there are none."""
    if specs:
        return specs
    paths = tuple(Path(os.path.relpath(path)) for path in find_specs(root) if environments or not is_environment(path))
    if not paths:
        raise click.UsageError(f"no spec found in {str(root)!r}; name one, or {_WRITE_ONE}")
    return paths


def specs_in(path: Path) -> list[Path]:
    """Every spec below a folder, or the file that the path is. A usage error for a folder without specs."""
    if not os.path.isdir(path):
        return [path]
    specs = find_specs(path)
    if not specs:
        raise click.UsageError(f"no spec found in {str(path)!r}; {_WRITE_ONE}")
    return specs


def is_environment(path: Path) -> bool:
    """Whether a file starts like a spec of kind Environment. False for a file that cannot be read."""
    return describes_environment(_head(path))


def find_specs(root: Path) -> list[Path]:
    """Every FSD spec below a folder, sorted by path: the environments, then the services.

    Hidden folders and those of tools are skipped, and so is everything but environments in a folder of that name.
    """
    specs: list[tuple[bool, Path]] = []
    for count, (folder, folders, files) in enumerate(os.walk(root)):
        if count == _MAX_FOLDERS:
            raise click.UsageError(f"{str(root)!r} has more than {_MAX_FOLDERS:,} folders: name the specs")
        folders[:] = sorted(name for name in folders if not _is_skipped(Path(name)))
        heads = ((path, _head(path)) for path in map(Path(folder).joinpath, files) if may_be_spec(path))
        specs += [(not describes_environment(head), path) for path, head in heads if _is_listed(path, head)]
    return [path for _, path in sorted(specs)]


def may_be_spec(path: Path) -> bool:
    """Whether the name of a file is one of a spec."""
    return path.name.endswith(_SUFFIXES)


def belongs(path: Path, raw: bytes) -> bool:
    """Whether a file with this path below a folder is one of the folder's specs, as ``find_specs`` finds them."""
    return may_be_spec(path) and not _is_skipped(path.parent) and _is_listed(path, raw)


def _is_listed(path: Path, raw: bytes) -> bool:
    """Whether a folder means this file: in ``environments``, only a spec that describes one."""
    return describes_environment(raw) if path.parent.name == ENVIRONMENTS else bool(_SPEC.search(raw[:_HEAD_BYTES]))


def specs_here() -> list[Path]:
    """The specs of the current folder and of its folder ``services``; without any, those one folder below.

    A service in ``services`` may have a folder of its own.
    """
    for patterns in (("*", "services/*", "services/*/*"), ("*/*",)):
        paths = (path for pattern in patterns for path in Path().glob(pattern) if path.suffix in _SUFFIXES)
        folders = (path for path in paths if not _is_skipped(path.parent) and ENVIRONMENTS not in path.parent.parts)
        specs = [path for path in folders if path.is_file() and is_spec(path)]
        if specs:
            return sorted(specs)
    return []


def only_spec() -> Path:
    """The only spec here, for a command without one. A usage error that lists the specs if there are several."""
    specs = specs_here()
    if len(specs) == 1:
        click.echo(f"using {visible(specs[0])}, the only spec here", err=True)
        return specs[0]
    if not specs:
        raise click.UsageError(f"SPEC is missing, and no spec was found here; {_WRITE_ONE}")
    names = "".join(f"\n  {visible(path)}" for path in specs[:_MOST_LISTED])
    more = f"\n  and {len(specs) - _MOST_LISTED} more" if len(specs) > _MOST_LISTED else ""
    raise click.UsageError(f"SPEC is missing, and there are several specs here; name one:{names}{more}")


def _is_skipped(folder: Path) -> bool:
    return any(part.startswith(".") or part in _OTHER_FOLDERS for part in folder.parts)


def is_spec(file: Path) -> bool:
    """Whether a file starts like an FSD spec. False for a file that cannot be read."""
    return bool(_SPEC.search(_head(file)))


def _head(path: Path) -> bytes:
    """The beginning of a file; empty if it cannot be read."""
    try:
        with open_regular(path) as opened:
            return opened.read(_HEAD_BYTES)
    except (OSError, ValueError):
        return b""


def environments_in_files(folder: Path) -> frozenset[str]:
    """The environments that other files than the spec name, for a spec in this folder.

    Files ``environments/NAME.yml`` are looked for from the folder up to the root of the repository, the workflow in its
    root.
    """
    return _environments_in_files(folder.resolve())


@cache
def _environments_in_files(here: Path) -> frozenset[str]:
    folders = folders_above(here)
    files = (file for one in folders for file in (one / ENVIRONMENTS).glob("*.y*ml"))
    names = {file.stem for file in files if re.fullmatch(ENVIRONMENT_PATTERN, file.stem)}
    for workflow in (folders[-1] / ".github" / "workflows").glob("*.yml"):
        names.update(_deployed_by(workflow))
    return frozenset(names)


def environment_file(environment: str, folder: Path, beside: Callable[[str], bytes] | None = None) -> SourceFile | None:
    """The file of an environment for the specs in a folder: the next ``environments/NAME.yml`` in it or above.

    None if there is none. ``beside`` reads a file of a revision by its path from the folder, and raises OSError. A
    usage error for a file on disk that cannot be read, or that is a link out of the repository.
    """
    names = [f"{ENVIRONMENTS}/{environment}{suffix}" for suffix in _SUFFIXES]
    for depth in range(len(folders_above(folder.absolute()))):
        for name in ("../" * depth + each for each in names):
            path = os.path.normpath(folder / name)
            try:
                raw = beside(name) if beside else _read_inside(path, folder) if os.path.isfile(path) else b""
            except OSError:
                continue
            if describes_environment(raw):
                return SourceFile(path, raw)
    return None


def _read_inside(path: str, folder: Path) -> bytes:
    """A file that no option names: it must be inside the repository around a folder. A usage error if it is not."""
    try:
        check_inside(Path(path), folder)
    except OutsideError as error:
        raise click.UsageError(f"cannot read {path!r}: {error.strerror}") from None
    return read(Path(path))


def describes_environment(raw: bytes) -> bool:
    """Whether a text starts like a spec of kind Environment."""
    head = raw[:_HEAD_BYTES]
    return bool(_SPEC.search(head) and _ENVIRONMENT.search(head))


def _deployed_by(workflow: Path) -> list[str]:
    """The environments that a workflow of fsdcf deploys to; none for another workflow."""
    from fsdcf.scaffold.workflow import is_managed

    try:
        with open_regular(workflow) as file:
            text = file.read(LARGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return _DEPLOYED.findall(text) if "fsdcf" in text and is_managed(text) else []


def pipeline_workflow(folder: Path) -> Path | None:
    """The workflow of fsdcf that deploys the specs of the repository around a folder; None if there is none."""
    workflows = (folders_above(folder.resolve())[-1] / ".github" / "workflows").glob("*.yml")
    return next((each for each in sorted(workflows) if _deployed_by(each)), None)


def write(target: Path, text: str | bytes) -> None:
    """Write a file atomically, text in UTF-8, with its folder, and report it. A usage error if that fails.

    An existing file keeps its mode. A spec, or a file that the command has read, is refused, and so is a symbolic link.
    """
    check_output(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, text.encode("utf-8", "backslashreplace") if isinstance(text, str) else text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise click.UsageError(f"cannot write {_named(target)}: {reason}") from None
    click.echo(f"wrote {visible(target)}", err=True)


def rewrite(path: Path, before: bytes, after: bytes) -> str:
    """Replace the content of a spec in one step, if it is still as it was; return why it was not, empty if it was.

    The file keeps its mode; of a symbolic link, the file that it leads to is replaced.
    """
    target = Path(os.path.realpath(path))
    try:
        with open_regular(target) as file:
            status = os.fstat(file.fileno())
            if file.read(LARGEST) != before:
                return "it has been changed meanwhile"
        if not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        replace_file(target, after, mode=stat.S_IMODE(status.st_mode) & 0o777, durable=True)
    except OSError as error:
        return error.strerror or "it cannot be written"
    return ""


def check_output(target: Path, *inputs: str | Path) -> None:
    """A usage error for a file to write that is a spec, one of the inputs, or a file that the command has read.

    Files are compared by what they are, not by name: there are links, and disks that ignore case.
    """
    for given in inputs:
        with suppress(OSError, ValueError):
            _remember(os.stat(given))
    for path in (target, Path(_without_dots(target))):
        with suppress(OSError, ValueError):
            if _identity(os.stat(path)) in _inputs() or is_spec(path):
                raise click.UsageError(f"{_named(target)} is an input of fsdcf: choose another file to write")


def _without_dots(target: Path) -> str:
    """Where a path leads once its missing folders are made: ``missing/../spec.yml`` is ``spec.yml``."""
    try:
        return os.path.realpath(target)
    except (OSError, ValueError):
        return str(target)


def _named(path: Path) -> str:
    """A path in quotation marks, with what is too long for a name left out."""
    text = repr(str(path))
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME // 2]}…{text[-_LONGEST_NAME // 2 :]}"


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _remember(status: os.stat_result) -> None:
    _inputs().add(_identity(status))


def _inputs() -> set[tuple[int, int]]:
    """The files that the current command has read."""
    context = click.get_current_context(silent=True)
    files: set[tuple[int, int]] = context.meta.setdefault(__name__, set()) if context else set()
    return files


def write_or_print(output: str | None, text: str) -> None:
    """Write a text to the file of ``--output``, or to standard output for None and ``-``, without secrets."""
    if output in (None, "-"):
        click.echo(text, nl=False)
    else:
        write(Path(str(output)), mask_known(text))


def print_json(data: object) -> None:
    """Print data as indented JSON."""
    click.echo(json_text(data))


def write_new(folder: Path, files: Mapping[str, str], force: bool | None = None) -> None:
    """Create files by their paths below a folder: all or none, and over an existing file only with ``force``.

    ``force`` is None for a command without that option. A usage error if a file exists or cannot be written. A file
    that the command has read is never replaced, unless it is a spec, which is no source of an import.
    """
    existing = [str(folder / path) for path in files if os.path.lexists(folder / path)]
    if force:
        for path in existing:
            with suppress(OSError, ValueError):
                if _identity(os.stat(path)) in _inputs() and not is_spec(Path(path)):
                    raise click.UsageError(
                        f"{_named(Path(path))} is a source of the import: choose another folder with -o"
                    )
    elif existing:
        names = ", ".join(map(repr, existing[:3])) + (f" and {len(existing) - 3} more" if len(existing) > 3 else "")
        raise click.UsageError(
            f"{names} already exist{'s' if len(existing) == 1 else ''}; nothing was written: "
            f"choose another location with -o{', or overwrite with --force' if force is not None else ''}"
        )
    try:
        (_create if os.path.exists(folder) else _create_folder)(folder, files)
    except OSError as error:
        raise click.UsageError(
            f"cannot write {str(error.filename2 or error.filename or folder)!r}: {error.strerror}; nothing was written"
        ) from None


def _create_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Fill a temporary folder, then rename it."""
    import shutil
    import tempfile

    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".fsdcf-"))
    try:
        _create(temporary, files)
        temporary.chmod(0o777 & ~_umask())
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _create(folder: Path, files: Mapping[str, str]) -> None:
    """Create files, or replace those that exist; if one fails, undo all."""
    created: list[Path] = []
    replaced: list[tuple[Path, bytes]] = []
    try:
        for path, text in files.items():
            target = folder / path
            for parent in (folder / relative for relative in reversed(Path(path).parents)):
                if not parent.is_dir():
                    parent.mkdir()
                    created.append(parent)
            if os.path.lexists(target):
                before = target.read_bytes()
                _replace(target, text.encode())
                replaced.append((target, before))
                continue
            replace_file(target, text.encode(), mode=0o666 & ~_umask(), new=True)
            created.append(target)
    except BaseException:
        for path_replaced, before in replaced:
            _replace(path_replaced, before)
        for path_created in reversed(created):
            path_created.rmdir() if path_created.is_dir() else path_created.unlink()
        raise


def _replace(target: Path, data: bytes) -> None:
    mode = 0o666 & ~_umask()
    if os.path.lexists(target):
        in_place = str(target).startswith(("/dev/", "/proc/"))  # such as /dev/stdout, a link
        if os.path.islink(target) and not in_place and (not target.exists() or target.is_file()):
            raise OSError(errno.ELOOP, "it is a symbolic link; name the file that it leads to")
        if in_place or not target.is_file():
            target.write_bytes(data)  # a pipe or a device cannot be replaced
            return
        if not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        mode = stat.S_IMODE(target.stat().st_mode) & 0o777
    replace_file(target, data, mode=mode)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def lint_folder(home: Callable[[], Path] = Path.home) -> Path:
    """The cache folder of lint results; the sandbox keeps its state in a folder beside it.

    A user without a home folder, as in a container, gets the root folder, as Docker does. It is rarely writable:
    linting then works without a cache, and the sandbox reports an error.
    """
    try:
        folder = home()
    except RuntimeError:
        folder = Path("/")
    return default_folder(os.environ, sys.platform, folder)
