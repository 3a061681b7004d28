"""AWS Copilot: a whole workspace, or some of its manifests."""

from __future__ import annotations

from collections.abc import Sequence

from fsdcf.importers import Format, ImportResult
from fsdcf.importers.copilot import manifest
from fsdcf.importers.copilot.workspace import Workspace, belongs, claims, workspace_of
from fsdcf.importers.draft import Draft
from fsdcf.importers.source import Beside, Source
from fsdcf.language.model import ENVIRONMENT


def _convert(claimed: Sequence[Source], related: Sequence[Source], beside: Beside) -> ImportResult:
    result = ImportResult()
    workspace = workspace_of([*claimed, *related])
    for name in workspace.environments:
        result.drafts.append(_environment(name, workspace, result))
    for name, source in workspace.workloads.items():
        draft = manifest.convert(name, source, workspace, result)
        if draft is not None:
            result.drafts.append(draft)
    return result


def _environment(name: str, workspace: Workspace, result: ImportResult) -> Draft:
    """The network and the load balancers that the workloads share in an environment."""
    draft = Draft(ENVIRONMENT, name, result.report)
    for balancer in workspace.balancers:
        draft.block.put(f"loadBalancers.{balancer}", {"internal": True} if balancer == "internal" else {})
    return draft


FORMAT = Format("copilot", "AWS Copilot", claims, belongs, _convert)
