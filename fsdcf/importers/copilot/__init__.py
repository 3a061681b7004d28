"""AWS Copilot: a whole workspace, or some of its manifests."""

from __future__ import annotations

from collections.abc import Sequence

from fsdcf.importers import Format, ImportResult
from fsdcf.importers.copilot import addons, environment, manifest, overrides, pipeline
from fsdcf.importers.copilot.addons import STAND_IN
from fsdcf.importers.copilot.layers import shell_variables
from fsdcf.importers.copilot.workspace import Workspace, belongs, claims, shown, workspace_of
from fsdcf.importers.draft import spec_name
from fsdcf.importers.keys import report_on
from fsdcf.importers.report import not_carried
from fsdcf.importers.source import Beside, Source
from fsdcf.language.model import ENVIRONMENT


def _convert(claimed: Sequence[Source], related: Sequence[Source], beside: Beside) -> ImportResult:
    result = ImportResult()
    workspace = workspace_of([*claimed, *related])
    for source, other in workspace.left:
        reason = f"{shown(other)} has the same name, or one that becomes the same: rename one of them"
        report_on(source.root, result.report, not_carried(reason))
    for name in workspace.environments:
        result.drafts.append(environment.convert(name, workspace.environments[name], workspace, result))
    for name, source in workspace.workloads.items():
        draft = manifest.convert(name, source, workspace, result, beside)
        if draft is not None:
            result.drafts.append(draft)
    addons.convert(workspace, result)
    overrides.convert(workspace, result)
    pipeline.convert(workspace, related, result)
    environment.settle(result.drafts)
    _share(result, workspace)
    return result


def _share(result: ImportResult, workspace: Workspace) -> None:
    """Give the environments the names by which services call each other, and the variables of the shell."""
    used = sorted({each for draft in result.drafts for each in shell_variables(draft.data)})
    fitting = {name: STAND_IN for name, _ in used}
    fitting |= {name: f"{STAND_IN}.example.com" for name, key in used if key == "hosts"}
    for draft in result.drafts:
        if draft.kind is not ENVIRONMENT:
            continue
        if workspace.application and draft.block.get("namespace") is None:
            draft.block.put("namespace", f"{draft.name}.{spec_name(workspace.application)}.local")
        for name, stand_in in fitting.items():
            if draft.block.get(f"variables.{name}") is None:
                draft.block.put(f"variables.{name}", stand_in, "a variable of the shell: write its value, or use --var")


FORMAT = Format("copilot", "AWS Copilot", claims, belongs, _convert)
