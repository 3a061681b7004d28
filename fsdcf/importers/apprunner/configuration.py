"""The configuration file of a source repository, apprunner.yaml.

Source: https://docs.aws.amazon.com/apprunner/latest/dg/config-file-ref.html
"""

from __future__ import annotations

from fsdcf.importers.apprunner.image import PLACE, add_variable, put_version
from fsdcf.importers.apprunner.service import put_command, put_runtime, put_source, service_of, step_of
from fsdcf.importers.draft import Block
from fsdcf.importers.keys import SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import literal, put_port, put_variable


def _port_variable(value: SourceValue, block: Block) -> KeyOutcome | None:
    name = value.text
    service_of(block).values["port"] = value
    return carried(f"environment.{name}")


def _entry(value: SourceValue, block: Block) -> Block | None:
    """A variable or a secret of a list: a name with a value, or with the place of one."""
    name, text = value.get("name"), value.get("value")
    source = next(filter(None, map(value.get, ("value-from", "value_from", "valueFrom"))), None)
    if name is None or (text is None and source is None):
        raise UnfitError("must have a `name`, and a `value` or a `value-from`")
    if source is not None:
        note(value, block, put_source(value, name.text.strip(), source.text, block))
    elif text is not None:
        note(value, block, put_variable(block, name.text.strip(), literal(text.text)))
    return None


def _build_entry(value: SourceValue, block: Block) -> Block | None:
    name, text = value.get("name"), value.get("value")
    if name is None or text is None:
        raise UnfitError("must have a `name` and a `value`")
    note(value, block, add_variable(service_of(block).image, name.text.strip(), text.text, block))
    return None


def _dockerfile(value: SourceValue, block: Block) -> KeyOutcome | None:
    if not service_of(block).image.use_dockerfile(value.text):
        raise UnfitError("must be a file beside this one")
    return None


_YAML = "an apprunner.yaml"
_MISPLACED = "App Runner does not read it here, but its meaning is clear"
_PAIR = Table(_YAML, SourceKey("name", "environment"), SourceKey("value", "environment"))
_ENTRY = Table(_YAML, *_PAIR.keys, *(SourceKey(each, "secrets") for each in ("value-from", "value_from", "valueFrom")))
_BUILD, _PRE_RUN = step_of("build"), step_of("pre_run")

CONFIGURATION = Table(
    _YAML,
    SourceKey("version", ".apiVersion", convert=lambda value, block: None),
    SourceKey("runtime", PLACE, "a Dockerfile does what the runtime does", convert=put_runtime),
    SourceKey("build.commands.pre-build[]", PLACE, convert=_BUILD),
    SourceKey("build.commands.build[]", PLACE, convert=_BUILD),
    SourceKey("build.commands.post-build[]", PLACE, convert=_BUILD),
    SourceKey("build.env[]", PLACE, table=_PAIR, enter=_build_entry),
    SourceKey("run.runtime-version", PLACE, convert=lambda value, block: put_version(service_of(block).image, value)),
    SourceKey("run.pre-run[]", PLACE, convert=_PRE_RUN),
    SourceKey("run.command", "command", convert=put_command),
    SourceKey("run.network.port", "port", convert=put_port),
    SourceKey("run.network.env", "environment", convert=_port_variable),
    SourceKey("run.env[]", "environment", table=_ENTRY, enter=_entry),
    SourceKey("run.secrets[]", "secrets", table=_ENTRY, enter=_entry),
    # What files in public repositories have, though the reference does not.
    SourceKey("build.runtime", PLACE, _MISPLACED, convert=put_runtime),
    SourceKey("build.dockerfile", PLACE, _MISPLACED, convert=_dockerfile),
    SourceKey("build.commands[]", PLACE, convert=_BUILD),
    SourceKey("build.commands.pre-build", PLACE, convert=_BUILD),
    SourceKey("build.commands.build", PLACE, convert=_BUILD),
    SourceKey("build.commands.post-build", PLACE, convert=_BUILD),
    SourceKey(
        "build.env.*",
        PLACE,
        _MISPLACED,
        convert=lambda value, block: add_variable(service_of(block).image, value.name, value.text, block),
    ),
    SourceKey("run.port", "port", _MISPLACED, convert=put_port),
    SourceKey("network.port", "port", _MISPLACED, convert=put_port),
    SourceKey(
        "run.env.*",
        "environment",
        _MISPLACED,
        convert=lambda value, block: put_variable(block, value.name, literal(value.text)),
    ),
)
"""The keys of an apprunner.yaml. Source: https://docs.aws.amazon.com/apprunner/latest/dg/config-file-ref.html"""
