"""Many specs: compiled one after the other, or by a few processes that share what was loaded before they parted."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fsdcf.compiler.emit import to_json, to_yaml
from fsdcf.diagnostics import Diagnostic
from fsdcf.lint.cache import Cache
from fsdcf.lint.runner import CONFIGURATION, Finding, Linter, lint_cached
from fsdcf.pipeline import Request, run

_WORTH_A_POOL = 3
"""Fewer templates than this to lint are linted faster than a pool starts."""


@dataclass(frozen=True)
class Options:
    """How to compile: the form of the text, whether to lint, and the folder of known verdicts."""

    form: str = "yaml"
    lint: bool = True
    cache: Path | None = None
    workers: int = 2


@dataclass(frozen=True)
class Outcome:
    """What became of one spec: the template's text, where there are no errors, and the findings."""

    name: str
    text: str | None
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, str]


def compile_all(requests: Sequence[Request], options: Options) -> Iterator[Outcome]:
    """The outcomes in the order of the requests."""
    if (
        len(requests) < _WORTH_A_POOL
        or not options.lint
        or options.workers < 2
        or not _can_fork()
        or _all_known(requests, options)
    ):
        yield from (compile_one(request, options) for request in requests)
    else:
        yield from _in_workers(requests, options)


def _in_workers(requests: Sequence[Request], options: Options) -> Iterator[Outcome]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    _linter()  # loaded once, before the workers part from this process
    gc.freeze()
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(
        min(options.workers, os.cpu_count() or 1), mp_context=context, initializer=gc.enable
    ) as pool:
        yield from pool.map(compile_one, requests, [options] * len(requests))


def compile_one(request: Request, options: Options) -> Outcome:
    """One spec compiled, linted and written as text."""
    cache = Cache(options.cache) if options.cache else None

    def lint(template: str) -> tuple[Finding, ...]:
        return lint_cached(template, cache, _linter)

    result = run(request, lint if options.lint else None)
    text = None
    if result.template is not None:
        text = to_json(result.template.data) if options.form == "json" else to_yaml(result.template.data)
    return Outcome(request.name, text, result.diagnostics, result.sources)


@lru_cache(maxsize=1)
def _linter() -> Linter:
    return Linter()


def _can_fork() -> bool:
    return hasattr(os, "fork") and sys.platform != "darwin" and (os.cpu_count() or 1) > 1


def _all_known(requests: Sequence[Request], options: Options) -> bool:
    """Whether nothing is left to lint, so that cfn-lint need not be loaded."""
    if options.cache is None:
        return False
    known = True

    def probe(template: str) -> tuple[Finding, ...]:
        nonlocal known
        known = known and cache.is_clean(cache.key(template, CONFIGURATION))
        return ()

    cache = Cache(options.cache)
    for request in requests:
        run(request, probe)
        if not known:
            return False
    return True
