"""AWS Copilot: a whole workspace, or some of its manifests."""

from __future__ import annotations

from collections.abc import Sequence

from fsdcf.importers import Format, ImportResult
from fsdcf.importers.copilot import addons, environment, manifest, overrides, pipeline
from fsdcf.importers.copilot.workspace import belongs, claims, workspace_of
from fsdcf.importers.source import Beside, Source


def _convert(claimed: Sequence[Source], related: Sequence[Source], beside: Beside) -> ImportResult:
    result = ImportResult()
    workspace = workspace_of([*claimed, *related])
    for name in workspace.environments:
        result.drafts.append(environment.convert(name, workspace.environments[name], workspace, result))
    for name, source in workspace.workloads.items():
        draft = manifest.convert(name, source, workspace, result)
        if draft is not None:
            result.drafts.append(draft)
    addons.convert(workspace, result)
    overrides.convert(workspace, result)
    pipeline.convert(workspace, related, result)
    environment.settle(result.drafts)
    return result


FORMAT = Format("copilot", "AWS Copilot", claims, belongs, _convert)
