"""The manifests of Copilot's pipelines: which branch deploys to which environments is a command.

Source: https://aws.github.io/copilot-cli/docs/manifest/pipeline/
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fsdcf.importers import ImportResult
from fsdcf.importers.copilot.workspace import Workspace, environment_name
from fsdcf.importers.draft import Block, NoDraft
from fsdcf.importers.keys import SourceKey, Table, report_on
from fsdcf.importers.report import KeyOutcome, carried, changed, not_carried
from fsdcf.importers.source import Source, SourceValue
from fsdcf.language.model import ENVIRONMENT

_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,100}")

_TO = "..github/workflows/fsdcf.yml"
_WORKFLOW = "the workflow that `fsdcf ci github` writes"
_BRANCH = "as `--branch BRANCH=ENVIRONMENT` of `fsdcf ci github`"
_RUNNER = f"{_WORKFLOW} runs on the runners of GitHub, which have Docker"
_ROLES = "`fsdcf bootstrap` makes roles that GitHub assumes: no key and no connection is stored"
_STACK = "a workflow deploys specs: deploy the template with `aws cloudformation deploy` in a job of its own"
_NAME = "the stack of a service has the names of the service and of the environment"
_JOB = "write its commands as a job of the workflow, which the deploy needs, or which needs the deploy"
_TESTS = "a workflow tests before it deploys (`--test` of `fsdcf ci github`): write these commands as a job after it"
_ORDER = "fsdcf deploys an environment first, then the services in the order of their `service` dependencies"
_REVIEW = "as required reviewers of the environment, in the settings of the repository on GitHub"
_BUILT = "the workflow builds the images; other commands of it belong into `--test` of `fsdcf ci github`, or into a job"


def _form(value: SourceValue, block: Block) -> None:
    """The value is in the command, or the key is only the form of the manifest."""


def _provider(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text.startswith("GitHub"):
        return None
    way = "run `fsdcf deploy` in the pipelines of the provider, with a role that they may assume"
    return not_carried(f"fsdcf writes workflows for GitHub alone: {way}")


def _approval(value: SourceValue, block: Block) -> KeyOutcome | None:
    return None if value.flag else carried(_TO)


_ACTION = Table(
    "a Copilot pipeline", SourceKey("buildspec", note=_JOB), SourceKey("depends_on", note=_JOB, convert=_form)
)
_DEPLOYMENT = Table(
    "a Copilot pipeline",
    SourceKey("depends_on", _TO, _ORDER, convert=_form),
    SourceKey("stack_name", note=_NAME),
    SourceKey("template_path", note=_STACK),
    SourceKey("template_config", note=_STACK),
)
PIPELINE = Table(
    "a Copilot pipeline",
    SourceKey("name", _TO, f"{_WORKFLOW} has a name of its own", convert=_form),
    SourceKey("version", _TO, convert=_form),
    SourceKey("source.provider", _TO, convert=_provider),
    SourceKey("source.properties.branch", _TO, _BRANCH, convert=_form),
    SourceKey("source.properties.repository", _TO, "that of the workflow", convert=_form),
    SourceKey("source.properties.connection_name", _TO, _ROLES, convert=_form),
    SourceKey("source.properties.access_token_secret", _TO, _ROLES, convert=_form),
    SourceKey("source.properties.output_artifact_format", _TO, _RUNNER, convert=_form),
    SourceKey("build.image", _TO, _RUNNER, convert=_form),
    SourceKey("build.buildspec", _TO, _BUILT, convert=_form),
    SourceKey(
        "build.additional_policy", note=f"{_ROLES}; give the jobs of the workflow what the build needs", convert=_form
    ),
    SourceKey("stages[].name", _TO, _BRANCH, convert=_form),
    SourceKey("stages[].requires_approval", _TO, _REVIEW, convert=_approval),
    SourceKey("stages[].test_commands", note=_TESTS, convert=_form),
    SourceKey("stages[].deployments.*", _TO, _ORDER, convert=_form, table=_DEPLOYMENT),
    SourceKey("stages[].pre_deployments.*", note=_JOB, convert=_form, table=_ACTION),
    SourceKey("stages[].post_deployments.*", note=_JOB, convert=_form, table=_ACTION),
)


def convert(workspace: Workspace, sources: Sequence[Source], result: ImportResult) -> None:
    """Report the pipelines, with the command that writes the workflow which replaces them."""
    branches: dict[str, str] = {}
    approved: list[str] = []
    for name, source in workspace.pipelines.items():
        PIPELINE.convert(source.root, NoDraft(ENVIRONMENT, name, result.report).block)
        branch = source.root.get("source.properties.branch")
        stages = _stages(source)
        for number, stage in enumerate(stages):
            deployed = branch.text if branch is not None and branch.is_text() and not number else ""
            place = deployed if _REF.fullmatch(deployed) and deployed not in branches else stage
            if stage not in branches.values():
                branches[place] = stage
        approved += [stage for stage in _stages(source, "requires_approval") if stage not in approved]
    for source in sources:
        if re.search(r"(?:^|/)copilot/(?:pipelines/[^/]+/)?buildspec\.ya?ml$", source.path):
            report_on(source.root, result.report, changed(_BUILT, _TO[1:]))
    if branches:
        options = " ".join(f"--branch {branch}={stage}" for branch, stage in branches.items())
        result.later.append(f"fsdcf ci github {options}")
        result.later += [
            f"a push to the branch `{branch}` then deploys to the environment {stage}"
            for branch, stage in branches.items()
        ]
        result.later += [f"set required reviewers for the environment {stage} on GitHub" for stage in approved]


def _stages(source: Source, key: str = "name") -> list[str]:
    """The environments of the stages; with another key, of those that have it."""
    listed = source.root.get("stages")
    items = [each for kind, each in (listed.children() if listed else ()) if kind == "[]"]
    stages = [each for each in items if (value := each.get(key)) and value.data]
    names = [name.text for each in stages if (name := each.get("name")) and name.is_text()]
    return [environment_name(each) for each in names]
