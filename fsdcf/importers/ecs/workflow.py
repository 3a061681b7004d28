"""A GitHub workflow that deploys a task definition: the container, the service and the build that it names.

Source: https://github.com/aws-actions/amazon-ecs-render-task-definition,
https://github.com/aws-actions/amazon-ecs-deploy-task-definition
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from fsdcf.importers.draft import Block
from fsdcf.importers.ecs.definition import text_at
from fsdcf.importers.keys import note
from fsdcf.importers.report import KeyOutcome, carried, changed, formal, not_carried
from fsdcf.importers.source import Beside, Source, SourceValue
from fsdcf.importers.values import literal, put_variable, store

_RENDER = "aws-actions/amazon-ecs-render-task-definition"
_DEPLOY = "aws-actions/amazon-ecs-deploy-task-definition"
_BUILD = "docker/build-push-action"
_EXPRESSION = re.compile(r"\$\{\{\s*([^{}]*?)\s*\}\}")
_SHELL = re.compile(r"\$\{?(\w+)\}?")
_WORKFLOW = "`fsdcf ci github` writes the workflow that deploys the spec"


@dataclass
class DeployingJob:
    """A job of a workflow that deploys to ECS: its steps by what they do, and what is known of its variables."""

    source: Source
    variables: Mapping[str, str] = field(default_factory=dict)
    renders: list[SourceValue] = field(default_factory=list)
    deploys: list[SourceValue] = field(default_factory=list)
    builds: list[tuple[SourceValue, str, str]] = field(default_factory=list)

    def value(self, step: SourceValue, key: str) -> str:
        """An input of a step with the variables of the workflow; empty if its value is elsewhere."""
        text = _EXPRESSION.sub(self._known, text_at(step, f"with.{key}"))
        return "" if "${{" in text else text.strip()

    def _known(self, match: re.Match[str]) -> str:
        kind, _, name = match[1].partition(".")
        return self.variables.get(name, match[0]) if kind == "env" else match[0]

    @property
    def containers(self) -> list[str]:
        """The containers whose images are deployed."""
        return [name for name in (self.value(step, "container-name") for step in self.renders) if name]

    @property
    def service(self) -> str:
        """The name of the service that is deployed; empty if it is not known."""
        return next((name for name in (self.value(step, "service") for step in self.deploys) if name), "")

    @property
    def _files(self) -> set[str]:
        """The task definitions that the job deploys, relative to the repository."""
        named = [self.value(step, "task-definition") for step in (*self.renders, *self.deploys)]
        return {posixpath.normpath(each) for each in named if each}

    def names(self, path: str) -> bool:
        """Whether the job deploys the task definition in a file."""
        return any(path == each or f"/{path}".endswith(f"/{each}") for each in self._files)

    def has_file(self, beside: Beside) -> bool:
        """Whether a task definition that the job deploys is in the repository."""
        for each in self._files:
            with suppress(OSError):
                beside(posixpath.join(repository_of(self.source), each))
                return True
        return False

    @property
    def unknown_file(self) -> bool:
        """Whether nothing says which file the task definition is in."""
        return not self._files


def is_workflow(source: Source) -> bool:
    """Whether a file is a workflow that deploys to ECS."""
    return source.mentions("jobs:", "amazon-ecs-") and isinstance(source.data.get("jobs"), dict)


def pipelines(source: Source) -> list[DeployingJob]:
    """The jobs of a workflow that deploy to ECS. A build in another job belongs to each of them."""
    found, builds = [], []
    for _, job in (source.root.get("jobs") or source.root).children():
        pipeline = DeployingJob(source, _variables(source.root) | _variables(job))
        for step in _steps(job):
            uses = text_at(step, "uses").partition("@")[0]
            if uses == _RENDER:
                pipeline.renders.append(step)
            elif uses == _DEPLOY:
                pipeline.deploys.append(step)
            elif uses == _BUILD:
                builds.append((step, pipeline.value(step, "context") or ".", pipeline.value(step, "file")))
            else:
                builds += [(step, *build) for build in _docker_builds(text_at(step, "run"))]
        if pipeline.renders or pipeline.deploys:
            found.append(pipeline)
    for pipeline in found:
        pipeline.builds = builds
    return found


def _variables(value: SourceValue) -> dict[str, str]:
    env = value.get("env")
    known = {name: each.data for name, each in env.children()} if env is not None else {}
    return {name: text for name, text in known.items() if isinstance(text, str) and "${{" not in text}


def _steps(job: SourceValue) -> Iterator[SourceValue]:
    steps = job.get("steps")
    if steps is not None and isinstance(steps.data, list):
        yield from (each for _, each in steps.children() if isinstance(each.data, dict))


def _docker_builds(script: str) -> Iterator[tuple[str, str]]:
    """The context and the Dockerfile of each `docker build` in a script."""
    for line in script.replace("\\\n", " ").split("\n"):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        if "docker" not in words or "build" not in words:
            continue
        words = words[words.index("build") + 1 :]
        end = next((at for at, word in enumerate(words) if word in ("&&", "||", ";", "|")), len(words))
        words = words[:end]
        file = next((words[at + 1] for at, word in enumerate(words[:-1]) if word in ("-f", "--file")), "")
        file = file or next((word.partition("=")[2] for word in words if word.startswith("--file=")), "")
        context = words[-1] if words and not words[-1].startswith("-") else "."
        if not _SHELL.search(context + file) and "://" not in context:
            yield context, file


def put_pipeline(pipeline: DeployingJob, block: Block, beside: Beside) -> None:
    """Put what a workflow says about the service into its spec, and report it."""
    for step in (*pipeline.renders, *pipeline.deploys):
        inputs = step.get("with")
        for name, value in inputs.children() if inputs is not None else ():
            note(value, block, _input(name, value, pipeline, block))
    if len(pipeline.builds) == 1:
        step, context, file = pipeline.builds[0]
        note(step, block, _put_build(pipeline.source, context, file, block, beside))
    jobs = pipeline.source.root.get("jobs")
    if jobs is not None:
        note(jobs, block, changed(_WORKFLOW))


def _input(name: str, value: SourceValue, pipeline: DeployingJob, block: Block) -> KeyOutcome:
    known = {
        "container-name": carried("image"),
        "image": changed("`--image-sha` of `fsdcf deploy` names the version", "image"),
        "service": carried(".metadata.name"),
        "cluster": formal("the stack has a cluster of its own; services of an environment share one"),
        "task-definition": formal("the spec has the task definition"),
        "wait-for-service-stability": formal("`fsdcf deploy` always waits"),
        "wait-for-minutes": changed("`--timeout` of `fsdcf deploy` limits the time", "deployment"),
        "desired-count": changed("`resources.desiredCount` has the number of tasks", "resources.desiredCount"),
    }
    if name == "environment-variables":
        return _put_variables(value, pipeline, block)
    return known.get(name) or changed(_WORKFLOW)


def _put_variables(value: SourceValue, pipeline: DeployingJob, block: Block) -> KeyOutcome:
    outcome = carried("environment")
    for line in value.text.splitlines() if isinstance(value.data, str) else ():
        name, equals, text = line.strip().partition("=")
        if not equals or not re.fullmatch(r"\w+", name):
            continue
        text = _EXPRESSION.sub(pipeline._known, text)
        if "secrets." in text and "${{" in text:
            outcome = changed("secrets of GitHub: store their values with `fsdcf secret set`", store(block, name))
        elif "${{" in text:
            return not_carried("a value is an expression of the workflow: write it to `environment`, or use `--var`")
        else:
            put_variable(block, name, literal(text))
    return outcome


def repository_of(workflow: Source) -> str:
    """The root of the repository of a workflow, relative to the folder that gets the specs."""
    return posixpath.normpath(posixpath.join(workflow.folder, "../.." if "/" in workflow.path else "."))


def _put_build(source: Source, context: str, file: str, block: Block, beside: Beside) -> KeyOutcome:
    repository = repository_of(source)
    folder = posixpath.normpath(posixpath.join(repository, context))
    block.put("build.context", block.draft.beside(folder))
    dockerfile = posixpath.normpath(posixpath.join(repository, file or posixpath.join(context, "Dockerfile")))
    try:
        beside(dockerfile)
    except OSError:
        return carried("build.context")
    block.put("build.dockerfile", block.draft.beside(dockerfile))
    return carried("build.context build.dockerfile")
