"""What the tests share: compiling a text, and one linter for all of them."""

from __future__ import annotations

import gc
import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from fsdcf.cli import origin
from fsdcf.language.source import MOST_BYTES
from fsdcf.lint.runner import Linter
from fsdcf.pipeline import Request, Result, SourceFile, run
from fsdcf.repository import reader_beside
from fsdcf.sandbox.store import Store
from tests import fuzz, machine, printed, quick_lint

ROOT = Path(__file__).resolve().parent.parent
Compile = Callable[..., Result]

machine.forget(os.environ)
fuzz.load()
printed.watch()
quick_lint.remember()

# Thousands of collected tests and their modules live until the end: searching them for garbage takes 10 % of the time.
gc.set_threshold(20_000, 20, 50)


def pytest_collection_finish() -> None:
    gc.freeze()


def _only_json() -> None:
    """One of sixteen documents of the sandbox is JSON, with which a store on the disk would give it back as it is."""
    put, number = Store.put, count()

    def checked(self: Store, kind: str, key: str, body: dict[str, Any]) -> None:
        if next(number) % 16 == 0:
            assert json.loads(json.dumps(body)) == body
        put(self, kind, key, body)

    Store.put = checked  # type: ignore[method-assign]


_only_json()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Send whole modules to a worker: sending thousands of tests one by one takes seconds, and a module shares
    fixtures."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling

    class ByModule(LoadGroupScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            group = super()._split_scope(nodeid)
            return str(group).partition("::")[0] if group == nodeid else str(group)

    return ByModule(config, log)


HELLO = """\
apiVersion: fsd/v1
kind: Service
metadata:
  name: hello
  owners: team
service:
  port: 8000
  healthCheck:
    container:
      command: curl -f http://localhost:8000/health
"""


PINNED = f"git+https://github.com/fsdcf/fsdcf@{'0123456789' * 4}"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """An interrupt of this process is one: a shell lets what it starts with ``&`` ignore it."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.fixture(scope="session", autouse=True)
def _origin() -> Iterator[None]:
    """Workflows install a commit that does not depend on the clone in which the tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(origin, "pinned_requirement", lambda: PINNED)
        yield


def request_of(spec: Path, environment: str = "staging") -> Request:
    """The request for an example or a case, with the file of its environment, if it has one: that in ``environments``,
    ``NAME.environment.yml`` beside ``NAME.spec.yml``, or ``shared.environment.yml`` for all of a folder."""
    beside = [spec.with_name(f"{name}.environment.yml") for name in (spec.name.split(".")[0], "shared")]
    above = spec.parent / "environments" / f"{environment}.yml"
    found = next((file for file in (*beside, above) if file.exists()), None)
    file = SourceFile(f"environments/{environment}.yml", found.read_bytes()) if found else None
    files = reader_beside(str(spec), MOST_BYTES)
    return Request(spec.name, spec.read_bytes(), environment, beside=files, environment_file=file)


@pytest.fixture(scope="session")
def linter() -> Linter:
    return Linter()


@pytest.fixture
def compiled() -> Compile:
    """Compile a text without lint: ``compiled(text, environment="prod", overrides=(…), variables={…})``. ``file`` is
    the text of the environment's file."""

    def compile_text(
        text: str | bytes,
        environment: str = "staging",
        overrides: tuple[str, ...] = (),
        variables: Mapping[str, str] | None = None,
        name: str = "spec.yml",
        file: str = "",
    ) -> Result:
        raw = text if isinstance(text, bytes) else text.encode()
        beside = SourceFile(f"environments/{environment}.yml", file.encode()) if file else None
        return run(Request(name, raw, environment, overrides, variables or {}, environment_file=beside))

    return compile_text
