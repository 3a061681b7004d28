"""The manifests of Copilot's workloads.

Source: https://aws.github.io/copilot-cli/docs/manifest/lb-web-service/ and the pages of the other types
"""

from __future__ import annotations

from fsdcf.importers import ImportResult
from fsdcf.importers.copilot.workspace import JOB, SITE, Workspace, type_of
from fsdcf.importers.draft import Block, Draft
from fsdcf.importers.keys import SourceKey, Table, report_on
from fsdcf.importers.report import KeyOutcome, not_carried
from fsdcf.importers.source import Source, SourceValue
from fsdcf.importers.values import literal, put_variable
from fsdcf.language import model


def _nothing(value: SourceValue, block: Block) -> None:
    """The key is only the form of the manifest."""


def _variable(value: SourceValue, block: Block) -> KeyOutcome:
    return put_variable(block, value.name, literal(value.text))


MANIFEST = Table(
    "a Copilot manifest",
    SourceKey("name", ".metadata.name", convert=_nothing),
    SourceKey("type", ".kind", convert=_nothing),
    SourceKey("image.port", "port", convert=lambda value, block: block.put("port", value.number)),
    SourceKey("cpu", "resources.cpu", convert=lambda value, block: block.put("resources.cpu", value.number)),
    SourceKey("memory", "resources.memory", convert=lambda value, block: block.put("resources.memory", value.number)),
    SourceKey("variables.*", "environment", convert=_variable),
)


def convert(name: str, source: Source, workspace: Workspace, result: ImportResult) -> Draft | None:
    """The spec of a workload; None for one that does not become a service or job, which the report says."""
    kind = type_of(source)
    if kind in ("", SITE):
        report_on(
            source.root.get("type") or source.root, result.report, not_carried(f"{kind or 'it'} is not a service")
        )
        return None
    draft = Draft(model.JOB if kind == JOB else model.SERVICE, name, result.report)
    draft.block.put("networking.shared", True)
    MANIFEST.convert(source.root, draft.block)
    return draft
