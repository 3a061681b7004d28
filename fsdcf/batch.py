"""Many specs: each is compiled once, and the templates without a known lint result are linted, in parallel if worth
it."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from pathlib import Path

from fsdcf.compiler.emit import to_json, to_yaml
from fsdcf.diagnostics import Diagnostic
from fsdcf.language.rules.together import Sibling
from fsdcf.lint.cache import Cache
from fsdcf.lint.runner import CONFIGURATION, Finding, lint_cached, shared_linter
from fsdcf.pipeline import Request, Result, run, with_lint

_WORTH_A_POOL = 3
"""Fewer templates than this are linted faster than a pool starts."""

_CHUNK = 50
"""Specs whose results are in memory at the same time."""


@dataclass(frozen=True, eq=False, repr=False)
class BatchOptions:
    """How to compile: the form of the text (yaml or json), whether to lint, the lint cache's folder, and the
    processes."""

    form: str = "yaml"
    lint: bool = True
    cache: Path | None = None
    workers: int = 2


@dataclass(frozen=True, eq=False, repr=False)
class BatchResult:
    """The result for a spec in an environment: the template's text, unless there are errors, and the findings.

    ``sibling`` is the spec for the rules about several specs.
    """

    name: str
    environment: str
    text: str | None
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, str]
    sibling: Sibling | None


def compile_all(requests: Sequence[Request], options: BatchOptions) -> Iterator[BatchResult]:
    """Compile specs, lint their templates and write them as text. The results have the order of the requests."""
    cache = Cache(options.cache) if options.cache else None

    def is_known(template: str) -> bool:
        return cache is not None and cache.is_clean(cache.key(template, CONFIGURATION))

    for start in range(0, len(requests), _CHUNK):
        chunk = requests[start : start + _CHUNK]
        results = [run(request) for request in chunk]
        templates = [to_json(result.template.data) if options.lint and result.template else "" for result in results]
        unknown = [bool(template) and not is_known(template) for template in templates]
        findings = _lint_all(list(compress(templates, unknown)), options)
        for request, result, each in zip(chunk, results, unknown, strict=True):
            yield _written(request, with_lint(result, next(findings)) if each else result, options.form)


def _written(request: Request, result: Result, form: str) -> BatchResult:
    text = None
    if result.template is not None:
        text = to_json(result.template.data) if form == "json" else to_yaml(result.template.data)
    environment = result.environment or request.environment
    return BatchResult(request.name, environment, text, result.diagnostics, result.sources, result.sibling)


def _lint_all(templates: Sequence[str], options: BatchOptions) -> Iterator[tuple[Finding, ...]]:
    """Yield the findings about each template, from several processes if it is worth it."""
    lint = partial(_lint, options.cache)
    processes = min(options.workers, os.cpu_count() or 1)
    can_fork = hasattr(os, "fork") and sys.platform != "darwin" and processes > 1
    if not can_fork or len(templates) < _WORTH_A_POOL:
        yield from map(lint, templates)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    shared_linter()  # loaded once, before the processes fork from this one
    gc.freeze()
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=gc.enable) as pool:
        yield from pool.map(lint, templates)


def _lint(cache: Path | None, template: str) -> tuple[Finding, ...]:
    return lint_cached(template, Cache(cache) if cache else None)
