"""App Runner: the configuration file of a source repository.

Source: https://docs.aws.amazon.com/apprunner/latest/dg/config-file-ref.html
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from fsdcf.importers import Format, ImportResult
from fsdcf.importers.draft import Block, Draft, spec_name
from fsdcf.importers.keys import SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried
from fsdcf.importers.source import Beside, Source, SourceValue
from fsdcf.importers.values import literal, put_secret, put_variable, secret_source
from fsdcf.language.model import SERVICE

_BUILT = "a Dockerfile builds the image: write what it does there"


def _command(value: SourceValue, block: Block) -> KeyOutcome | None:
    text = value.text
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    if not words or any(character in text for character in "|&;<>$`\n"):
        words = ["sh", "-c", text]
    block.put("command", [literal(word) for word in words])
    return None


def _variable(value: SourceValue, block: Block) -> Block | None:
    name, text = value.get("name"), value.get("value")
    if name is None or text is None:
        raise UnfitError("must have a `name` and a `value`")
    note(value, block, put_variable(block, name.text, literal(text.text)))
    return None


def _secret(value: SourceValue, block: Block) -> Block | None:
    name, source = value.get("name"), value.get("value-from")
    if name is None or source is None:
        raise UnfitError("must have a `name` and a `value-from`")
    put_secret(block, name.text, secret_source(source.text))
    note(value, block, carried("secrets"))
    return None


_PAIR = Table("an apprunner.yaml", SourceKey("name", "environment"), SourceKey("value", "environment"))
_REFERENCE = Table("an apprunner.yaml", SourceKey("name", "secrets"), SourceKey("value-from", "secrets"))

CONFIGURATION = Table(
    "an apprunner.yaml",
    SourceKey("version", ".apiVersion", convert=lambda value, block: None),
    SourceKey("runtime", note=_BUILT),
    SourceKey("build.commands.pre-build[]", note=_BUILT),
    SourceKey("build.commands.build[]", note=_BUILT),
    SourceKey("build.commands.post-build[]", note=_BUILT),
    SourceKey("build.env[]", note=_BUILT, table=_PAIR),
    SourceKey("run.runtime-version", note=_BUILT),
    SourceKey("run.pre-run[]", note=_BUILT),
    SourceKey("run.command", "command", convert=_command),
    SourceKey("run.network.port", "port", convert=lambda value, block: block.put("port", value.number)),
    SourceKey("run.network.env", "environment", convert=lambda value, block: put_variable(block, value.text, "8080")),
    SourceKey("run.env[]", "environment", table=_PAIR, enter=_variable),
    SourceKey("run.secrets[]", "secrets", table=_REFERENCE, enter=_secret),
)


def _claims(source: Source) -> bool:
    return (
        source.mentions("runtime", "run")
        and {"version", "runtime"} <= source.data.keys()
        and isinstance(source.data.get("run"), dict)
    )


def _convert(claimed: Sequence[Source], related: Sequence[Source], beside: Beside) -> ImportResult:
    result = ImportResult()
    for source in claimed:
        draft = Draft(SERVICE, spec_name(source.folder_name), result.report)
        CONFIGURATION.convert(source.root, draft.block)
        result.drafts.append(draft)
    return result


FORMAT = Format("apprunner", "App Runner", _claims, lambda source: False, _convert)
