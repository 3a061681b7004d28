"""What commands share on the command line: options, and the objects that they become.

``SpecInputs`` is what a command compiles, ``Subject`` the stack that a command acts on, ``Connection`` the way to AWS
or the sandbox.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial, wraps
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from fsdcf.cli.files import (
    describes_environment,
    environment_file,
    environments_in_files,
    is_environment,
    is_spec,
    lint_folder,
    only_spec,
    read,
    specs_here,
    specs_in,
)
from fsdcf.cli.home import NOWHERE, Home, home_in, home_of
from fsdcf.cli.render.durations import duration
from fsdcf.cli.render.stream import on_github
from fsdcf.cli.spellings import Spelling, spelling
from fsdcf.cloudformation.registries import is_loopback
from fsdcf.conventions import DEFAULT_ENVIRONMENT, ENVIRONMENT_PATTERN, ENVIRONMENT_SERVICE, PIPELINE, PIPELINE_STACK
from fsdcf.language.environment import name_of
from fsdcf.language.model import ENVIRONMENT, SERVICE
from fsdcf.language.model.common import NAME
from fsdcf.language.resolve import overrides_for
from fsdcf.language.rules.environments import known_environments, others_than
from fsdcf.language.source import parse
from fsdcf.pipeline import Request, SourceFile
from fsdcf.suggested import Value, quoted, suggested
from fsdcf.wording import visible

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from fsdcf.deploy.aws import Aws
    from fsdcf.deploy.credentials import Surroundings
    from fsdcf.deploy.model import Place, Target
    from fsdcf.language.document import Document

_Command = Callable[..., Any]
_Decorator = Callable[[_Command], _Command]


def decorate(command: _Command, decorators: Sequence[_Decorator]) -> _Command:
    """Apply decorators so that options appear in ``--help`` in the given order."""
    for add in reversed(decorators):
        command = add(command)
    return command


@dataclass(frozen=True)
class SpecInputs:
    """Spec files and the options that compile them.

    ``environment`` is None unless ``--env`` was given. ``new_environment`` accepts one that no file names.
    """

    files: tuple[Path, ...] = ()
    environment: str | None = None
    overrides: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    new_environment: bool = False

    @cached_property
    def environment_name(self) -> str:
        """The name of the environment, defaults included. A usage error if it is not valid."""
        return environment_named(self.environment)

    @property
    def environment_option(self) -> str | None:
        """The value of ``--env`` for a command that compiles the same, also without the variable of this shell."""
        return self.environment_name if self.environment or os.environ.get("FSDCF_ENV") else None

    @cached_property
    def values(self) -> dict[str, str]:
        """The values of ``--var``. A usage error if one is not valid."""
        return dict(_variable(text) for text in self.variables)

    def requests(self) -> list[Request]:
        """A compile request for each file. Usage errors for files, environments and variables that are not valid."""
        return [self.request(str(path), read(path)) for path in self.files]

    def found(self) -> SpecInputs:
        """These inputs with the specs below each folder instead of the folder, every file once.

        With ``--env``, a folder's other environments are left out. A usage error for a folder without specs.
        """
        files: dict[str, Path] = {}
        for given in self.files:
            for path in specs_in(given):
                chosen = not self.environment_option or path.stem == self.environment_name
                if chosen or path == given or not is_environment(path):
                    files.setdefault(os.path.realpath(path), path)
        return replace(self, files=tuple(files.values()))

    def in_environments(self) -> list[Request]:
        """The compile requests of several files: each service is compiled for every environment among the files.

        With ``--env``, or without an environment among them, it is compiled for one environment.
        """
        described = {path: is_environment(path) for path in self.files}
        named = [path.stem for path in self.files if described[path] and re.fullmatch(ENVIRONMENT_PATTERN, path.stem)]
        names = [self.environment_name] if self.environment_option or not named else dict.fromkeys(named)
        each = [replace(self, environment=name) for name in names]
        contents = ((path, read(path)) for path in self.files)
        return [
            inputs.request(str(path), raw) for path, raw in contents for inputs in ([self] if described[path] else each)
        ]

    def in_one_environment(self) -> SpecInputs:
        """The specs of a deploy, which is to one environment: that of ``--env``, or that of an environment's file.

        A usage error for the file of another one.
        """
        if len(self.files) == 1 and not os.path.isdir(self.files[0]):
            return self  # the file of an environment says which one it describes
        named = [path for path in self.files if not os.path.isdir(path) and is_environment(path)]
        chosen = self.environment_name if self.environment_option or not named else named[0].stem
        for path in named:
            if path.stem != chosen:
                raise click.UsageError(f"{str(path)!r} does not describe the environment {chosen}: pass it alone")
        return replace(self, environment=chosen).found()

    def request(self, name: str, raw: bytes, beside: Callable[[str], bytes] | None = None) -> Request:
        """The compile request for a text. Usage errors for an environment and variables that are not valid."""
        revision, _, path = name.rpartition(":")
        folder = Path(path).parent
        named = None if self.new_environment else partial(environments_in_files, folder)
        file = environment_file(self.environment_name, folder, beside)
        if file and beside:
            file = SourceFile(f"{revision}:{file.name}", file.raw)
        overrides = self.overrides
        if overrides and len(self._kinds) > 1:
            overrides = overrides_for(ENVIRONMENT if describes_environment(raw) else SERVICE, overrides)
        return Request(name, raw, self.environment_name, overrides, self.values, beside, named, file)

    @cached_property
    def _kinds(self) -> set[str]:
        """The kinds of the files on disk."""
        return {(ENVIRONMENT if is_environment(path) else SERVICE).name for path in self.files if is_spec(path)}

    def each(self) -> list[SpecInputs]:
        """The inputs of each file alone."""
        return [replace(self, files=(file,)) for file in self.files]

    @property
    def cost_command(self) -> str:
        """The command that estimates the cost of the files, compiled with the same options."""
        return suggested("cost", *map(str, self.files), env=self.environment_option, **self.settings)

    def or_only_spec(self) -> SpecInputs:
        """These inputs; without files, those with the only spec here. A usage error if there is not exactly one."""
        return self if self.files else replace(self, files=(only_spec(),))

    def other_environments(self, document: Document | None) -> tuple[str, ...]:
        """The known environments of the spec if this one is not among them; none if it is, or was said to be new."""
        if self.new_environment or document is None:
            return ()
        return others_than(self.environment_name, document, partial(environments_in_files, self.files[0].parent))

    @property
    def settings(self) -> dict[str, Value]:
        """The other options as typed, with secrets masked: for commands that a log may keep."""
        values = {"override": self.overrides, "var": self.variables}
        return {"new_env": self.new_environment, **{name: masked_settings(value) for name, value in values.items()}}

    @property
    def validate_command(self) -> str:
        """The command that prints every finding of the files, compiled with the same options."""
        return suggested("validate", *map(str, self.files), env=self.environment_option, **self.settings)


variable_option = click.option(
    "--var", "variables", multiple=True, metavar="NAME=VALUE", help="Value of ${NAME} in the spec; repeatable."
)


def masked_settings(settings: Sequence[str]) -> list[str]:
    """Settings such as ``password=…`` with secrets masked."""
    from fsdcf.masking import mask_value

    pairs = (setting.partition("=") for setting in settings)
    return [f"{name}{equals}{mask_value(value, name)}" for name, equals, value in pairs]


new_environment_option = click.option(
    "--new-env", "new_environment", is_flag=True, help="Accept an environment that no file names."
)


# What the shell completes


def complete_specs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The specs here, and any other file."""
    from click.shell_completion import CompletionItem  # loaded when the shell completes

    return [*_starting_with(incomplete, map(str, specs_here())), CompletionItem(incomplete, type="file")]


def complete_services(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The services of the specs here, and their specs."""
    names = {name for path in specs_here() if isinstance(name := _service_name(_document(path)), str)}
    return [*_starting_with(incomplete, sorted(names)), *complete_specs(context, parameter, incomplete)]


def complete_environments(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The environments of the given spec, or of every spec here."""
    given = [Path(word) for word in context.args if os.path.isfile(word)]  # an option without value ends the parsing
    read_specs = [(_document(path), path.parent) for path in given or specs_here()]
    known = [
        known_environments(document.data if document else {}, environments_in_files(folder))
        for document, folder in read_specs
    ]
    return _starting_with(incomplete, sorted(set(chain.from_iterable(known or [known_environments({}, ())]))))


def complete_secrets(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The variables that are secrets in the given spec; without one, the specs here and the variables of all."""
    given = [Path(word) for word in context.params.get(parameter.name or "") or () if os.path.isfile(word)]
    names = {name for path in given or specs_here() for name in _secret_names(_document(path))}
    specs = [] if given else complete_specs(context, parameter, incomplete)
    return [*_starting_with(incomplete, sorted(names)), *specs]


def _secret_names(document: Document | None) -> Iterator[str]:
    """The variables of a spec whose values are secrets, as far as its keys have their usual names."""
    service = document.data.get("service") if document else None
    block: dict[str, Any] = service if isinstance(service, dict) else {}
    secrets, environment = block.get("secrets"), block.get("environment")
    named = [each.get("name") for each in secrets if isinstance(each, dict)] if isinstance(secrets, list) else []
    yield from (name for name in named if isinstance(name, str))
    for name, value in environment.items() if isinstance(environment, dict) else ():
        if re.match(r"\$\{(?:ssm|secrets):", str(value)):
            yield name


def _starting_with(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    """The names that begin like this. The shell itself completes those that it has to quote: these are code to it."""
    from click.shell_completion import CompletionItem  # loaded when the shell completes

    plain = (name for name in names if quoted(name) == name and not name.startswith("-"))
    return [CompletionItem(name) for name in plain if name.startswith(incomplete)]


def _gathered(command: _Command, argument: str, make: Callable[..., Any], *names: str) -> _Command:
    """A command that gets the options of these names as one argument, which ``make`` creates."""

    @wraps(command)
    def gathering(*arguments: Any, **options: Any) -> Any:
        own = {name: options.pop(name) for name in names if name in options}
        return command(*arguments, **{argument: make(**own)}, **options)

    return gathering


def _spec_inputs(alone: bool, files: tuple[Path, ...] | Path | None = (), **options: Any) -> SpecInputs:
    paths = (files,) if isinstance(files, Path) else files or ()
    inputs = SpecInputs(paths, **options)
    return inputs.or_only_spec() if alone else inputs


def spec_inputs(metavar: str | None = "[SPEC]", nargs: int = 1, alone: bool = True) -> _Decorator:
    """A decorator that adds the spec argument (unless ``metavar`` is None), ``--env``, ``--override`` and ``--var``.

    The command takes them as ``inputs``, a ``SpecInputs``. ``alone``: without a spec, it is the only one here.
    """

    def decorator(command: _Command) -> _Command:
        options: list[_Decorator] = [
            click.option(
                "--env",
                "environment",
                metavar="NAME",
                shell_complete=complete_environments,
                help="Environment to compile for.  [default: FSDCF_ENV, then staging]",
            ),
            click.option(
                "--override",
                "overrides",
                multiple=True,
                metavar="KEY=VALUE",
                help="Override a key of the spec, such as resources.cpu=2048; KEY=null removes it; repeatable.",
            ),
            variable_option,
            new_environment_option,
        ]
        if metavar:
            options.insert(0, specs_argument("files", metavar, nargs))
        names = ("files", "environment", "overrides", "variables", "new_environment")
        make = partial(_spec_inputs, alone and metavar is not None)
        return decorate(_gathered(command, "inputs", make, *names), options)

    return decorator


class SpecPath(click.Path):
    """The path of a spec or a folder. An empty one, as of a shell's variable that is not set, is not this folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. A usage error if it is empty."""
        return super().convert(value, param, ctx) if value != "" else self.fail("the path is empty", param, ctx)


def specs_argument(name: str, metavar: str, nargs: int) -> _Decorator:
    """A decorator that adds an argument for specs, which the pages on FSD call ``--file``."""
    settings: dict[str, Any] = {"nargs": nargs, "required": False, "metavar": metavar}
    specs = click.argument(name, type=SpecPath(path_type=Path), shell_complete=complete_specs, **settings)
    return lambda command: specs(spelling("--file", name, shell_complete=complete_specs)(command))


def matching(pattern: str, expected: str) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """An option's callback: a usage error unless the value, if given, matches the whole pattern."""

    def check(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
        if text is not None and not re.fullmatch(pattern, text):
            raise click.UsageError(f"{parameter.opts[0]} expects {expected}, not {text!r}")
        return text

    return check


account_id = matching(r"\d{12}", "an account ID of 12 digits")
"""The callback of ``--account``."""


def format_option(*forms: str, help: str) -> _Decorator:
    """``--format``, as the parameter ``form``; the first form is the default."""
    return click.option("--format", "form", type=click.Choice(forms), default=forms[0], show_default=True, help=help)


def branch_option(help: str) -> _Decorator:
    """``--branch``, repeatable, for ``environments_by_branch``."""
    return click.option("--branch", "branches", multiple=True, metavar="BRANCH=ENV", help=help)


_BRANCH = r"[A-Za-z0-9][A-Za-z0-9._/-]*"
_BRANCHES = ("staging=staging", "main=prod")
"""The default of ``--branch``."""


def environments_by_branch(written: Sequence[str]) -> dict[str, str]:
    """The environments that pushes deploy to, by branch. A usage error for one that is not valid or named twice."""
    found: dict[str, str] = {}
    for text in written or _BRANCHES:
        branch, equals, environment = text.partition("=")
        if not equals or not re.fullmatch(_BRANCH, branch) or not re.fullmatch(ENVIRONMENT_PATTERN, environment):
            raise click.UsageError(f"--branch expects BRANCH=ENV, such as main=prod, not {text!r}")
        if branch in found or environment in found.values():
            raise click.UsageError(f"--branch names the same {'branch' if branch in found else 'environment'} twice")
        found[branch] = environment
    return found


def lint_options(command: _Command) -> _Command:
    """``--no-lint``, ``--no-cache`` and ``--strict``."""
    options = (
        click.option("--no-lint", is_flag=True, help="Skip cfn-lint."),
        click.option("--no-cache", is_flag=True, help="Ignore cached lint results."),
        click.option("--strict", is_flag=True, help="Treat warnings as errors."),
    )
    return decorate(command, options)


def timeout_option(help: str = "Maximum time to wait, for example 90s, 30m or 2h.  [default: no limit]") -> _Decorator:
    """``--timeout``, in seconds."""
    return click.option("--timeout", callback=duration, metavar="TIME", help=help)


def yes_option(help: str = "Skip the confirmation prompt.") -> _Decorator:
    """``--yes``."""
    return click.option("--yes", is_flag=True, help=help)


ASK_ABOUT_DATA = "Skip the confirmation prompt. You are still asked before data is put at risk."

plan_only_option = click.option("--plan-only", is_flag=True, help="Show the planned changes without making them.")
detach_option = click.option(
    "--detach", is_flag=True, help="Start the operation and return at once; follow it with `fsdcf watch`."
)
wait_lock_option = click.option(
    "--wait-lock", is_flag=True, help="Wait for another operation on the stack instead of exiting."
)
role_arn_option = click.option("--role-arn", metavar="ARN", help="IAM role that CloudFormation assumes.")
artifacts_bucket_option = click.option(
    "--artifacts-bucket", metavar="BUCKET", help="S3 bucket to upload a template larger than 51,200 bytes to."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON lines on standard output, messages on standard error."
)


def allow_option(help: str) -> _Decorator:
    """``--allow``, repeatable."""
    return click.option("--allow", multiple=True, metavar="LOGICAL_ID", help=help)


def environment_named(environment: str | None) -> str:
    """The given environment, or FSDCF_ENV, or staging. A usage error if the name is not valid."""
    name = environment or os.environ.get("FSDCF_ENV") or DEFAULT_ENVIRONMENT
    if not re.fullmatch(ENVIRONMENT_PATTERN, name):
        raise click.UsageError(
            f"{name!r} is not a valid environment name: use a lower-case letter, then up to 19 lower-case letters, "
            "digits and hyphens"
        )
    return name


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise click.UsageError(f"--var expects NAME=VALUE, not {text!r}")
    if name == "ENV":
        raise click.UsageError("--var cannot set ENV, the name of the environment; use --env")
    return name, value


@dataclass(frozen=True, eq=False, repr=False)
class Subject:
    """The stack that a command acts on.

    ``place`` finds the spec line of a logical id or spec path, if a spec was given. ``home`` is what the environment's
    file says.
    """

    target: Target
    place: Callable[[str], Place | None]
    home: Home = NOWHERE

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.target.stack


def target_options(command: _Command) -> _Command:
    """``SPEC|NAME`` and ``--env`` for commands that need no template, as one ``subject``.

    The pages on FSD call the argument ``--service``, and ``--file`` where it is a spec.
    """

    environment = click.option(
        "--env",
        "environment",
        metavar="NAME",
        shell_complete=complete_environments,
        help="Environment of the service.  [default: FSDCF_ENV, then staging]",
    )
    service = click.argument("service", required=False, metavar="[SPEC|NAME]", shell_complete=complete_services)
    command = _gathered(command, "subject", _subject, "service", "environment")
    named = spelling("--service", "service", shell_complete=complete_services)
    spec = spelling("--file", "service", shell_complete=complete_specs)
    return decorate(command, (service, named, spec, environment))


class TargetCommand(click.Command):
    """A command of ``target_options``. Its first argument may be left out, even if others follow."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, with the first one in front of them if they lack it: its spelling, or the only spec."""
        own = args[: args.index("--")] if "--" in args else args
        if not ctx.resilient_parsing and not {"--help", "-h"} & set(own):
            args = [*self._first(ctx, own), *args]
        return super().parse_args(ctx, args)

    def _first(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The first argument if there are fewer words than single arguments; the words of a list follow a ``--``."""
        values = self.make_parser(ctx).parse_args([*args])[0]
        first, *others = [one.name or "" for one in self.params if isinstance(one, click.Argument) and one.nargs == 1]
        spelled = {one.of: words for one in self.params if isinstance(one, Spelling) and (words := one.given(values))}
        lacking = sum(not isinstance(values.get(name), str) for name in (first, *others))
        if lacking <= sum(name in spelled for name in others):
            return []
        return [spelled[first][0] if first in spelled else str(only_spec())]


class ContainerCommand(TargetCommand):
    """A command of ``target_options`` whose argument ``words`` is a command for a container.

    That begins after ``--``, or with the word that follows the service; all that follows belongs to it, options, too.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. A usage error for an option of fsdcf in a command that no ``--`` precedes."""
        if not ctx.resilient_parsing:
            own, words, is_marked = self._divided(ctx, args)
            if not is_marked:
                self._check(ctx, own, words)
            args = [*own, "--", *words] if words else own
        return super().parse_args(ctx, args)

    def _divided(self, ctx: click.Context, args: list[str]) -> tuple[list[str], list[str], bool]:
        """The arguments of fsdcf, the words of the container's command, and whether a ``--`` precedes those."""
        options: list[click.Parameter] = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        parser = click.Command(None, params=options, add_help_option=False).make_parser(ctx)
        parser.allow_interspersed_args = False
        own: list[str] = []
        rest = args
        for is_service in (True, False):
            values, after, _ = parser.parse_args([*rest])
            own, rest = [*own, *rest[: len(rest) - len(after)]], after
            if own[-1:] == ["--"]:
                return own[:-1], rest, True
            if is_service and not any(one.given(values) for one in options if isinstance(one, Spelling)):
                own, rest = [*own, *rest[:1]], rest[1:]
        return own, rest, False

    def _check(self, ctx: click.Context, own: list[str], words: list[str]) -> None:
        options = (each for each in self.params if isinstance(each, click.Option) and not each.hidden)
        flags = {flag for option in options for flag in option.opts}
        ours = next((word for word in words if word.partition("=")[0] in flags), None)
        if ours is not None:
            raise click.UsageError(
                f"{ours} follows the command for the container: write it before the command, or write `--` before the "
                f"command if {ours} belongs to that: `fsdcf {ctx.info_name} {shlex.join([*own, '--', *words])}`"
            )


_SHELL = re.compile(r"[|&;<>()$`*?~#\n]|^\s*\w+=")
"""What only a shell understands."""


def container_command(words: Sequence[str]) -> list[str]:
    """The command for a container. A single word with spaces is a line, which a shell runs if it needs one.

    A usage error for a command whose first word is blank.
    """
    if words and not words[0].strip():
        raise click.UsageError("the command for the container is empty")
    line = words[0] if len(words) == 1 else ""
    if not re.search(r"\s", line.strip()):
        return [*words]
    if not _SHELL.search(line):
        with suppress(ValueError):  # a quotation mark without its partner
            return shlex.split(line)
    return ["/bin/sh", "-c", line]


def _subject(service: str, environment: str | None) -> Subject:
    """The stack of a spec file, or of a service name if the file does not exist. A usage error if it is neither."""
    from fsdcf.deploy.model import Target

    name = environment_named(environment)
    if os.path.isfile(service):
        return _subject_of_spec(service, name)
    if not re.fullmatch(NAME, service):
        reason = (
            "the file does not exist"
            if "." in service or os.sep in service
            else "a name has lower-case letters, digits and single hyphens"
        )
        raise click.UsageError(f"{service!r} is neither a spec file nor a service name: {reason}")
    if environment is None and service.startswith(f"{PIPELINE_STACK}-"):
        return Subject(Target(*PIPELINE, pipeline=service), lambda logical_id: None)
    home = home_of(name, Path())
    return Subject(Target(service, name, environment_file=home.file), lambda logical_id: None, home)


def _subject_of_spec(file: str, environment: str) -> Subject:
    """The stack of a spec, which may have errors as long as it names the service."""
    from fsdcf.cli.lookup import SpecLines
    from fsdcf.deploy.model import Target
    from fsdcf.pipeline import run

    raw = read(Path(file))
    result = run(SpecInputs(environment=environment).request(file, raw))
    described = name_of(result.document) if result.document else None
    if described and re.fullmatch(ENVIRONMENT_PATTERN, described):
        target = Target(ENVIRONMENT_SERVICE, described, suggested("deploy", file), file)
        return Subject(target, SpecLines(result), home_in(SourceFile(file, raw)))
    name = _service_name(result.document)
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        raise click.UsageError(
            f"{file!r} has no valid metadata.name; run `{suggested('validate', file, env=environment)}`"
        )
    command, home = suggested("deploy", file, env=environment), home_of(environment, Path(file).parent)
    return Subject(Target(name, environment, command, home.file), SpecLines(result), home)


def with_spec_at_hand(target: Target) -> Target:
    """The target with its deploy command, if a spec here is named after the service."""
    if target.spec != "SPEC":
        return target
    name = target.service
    here = [str(path) for path in specs_here() if path.stem == name]
    for file in dict.fromkeys((*here, os.path.join(name, f"{name}.yml"))):
        if os.path.isfile(file) and _service_name(_document(Path(file))) == name:
            return replace(target, redeploy_command=suggested("deploy", file, env=target.environment))
    return target


def _document(path: Path) -> Document | None:
    """A spec as it is written; None if it cannot be read."""
    try:
        return parse(read(path), str(path))[0]
    except click.UsageError:
        return None


def _service_name(document: Document | None) -> object:
    """The value of ``metadata.name``; None if there is none."""
    metadata = document.data.get("metadata") if document else None
    return metadata.get("name") if isinstance(metadata, dict) else None


SANDBOX_REGION = "us-east-1"
SANDBOX_PORT = 4580
"""Default port of ``fsdcf sandbox``."""

PACE = 0.03
"""Seconds that a second of AWS takes in the sandbox: a minute becomes two seconds, a first deploy about ten."""

_REGION = re.compile(r"(?!\d+$)(?!-)[A-Za-z0-9-]{1,63}(?<!-)")


@dataclass(frozen=True)
class Connection:
    """The options that lead to AWS or the sandbox; None leaves the choice to boto3.

    ``faults`` are sandbox faults as text. ``home`` is what the environment's file says. ``account`` is the one that the
    credentials must belong to.
    """

    profile: str | None = None
    region: str | None = None
    endpoint: str | None = None
    sandbox: bool = False
    faults: tuple[str, ...] = ()
    home: Home = NOWHERE
    account: str | None = None

    @property
    def pace(self) -> float:
        """Real seconds that a second of the connection's clock takes."""
        return PACE if self.sandbox else 1.0

    @property
    def is_given(self) -> bool:
        """Whether an option says something about the connection."""
        return bool(self.flags or self.account)

    @property
    def flags(self) -> tuple[tuple[str, ...], ...]:
        """The options that connect another command to the same place, each with its value."""
        region = self.region if self.region != self.home.region else None
        named = (("--profile", self.profile), ("--region", region), ("--endpoint-url", self.endpoint))
        flags = tuple((option, value) for option, value in named if value)
        return (*flags, ("--sandbox",)) if self.sandbox else flags


def connection_options(command: _Command) -> _Command:
    """``--profile``, ``--region``, ``--account``, ``--endpoint-url`` and ``--sandbox``, as one ``connection``."""

    options = (
        click.option("--profile", metavar="NAME", help="Profile of the AWS configuration.  [env: AWS_PROFILE]"),
        click.option("--region", metavar="NAME", help="AWS region.  [env: AWS_REGION, AWS_DEFAULT_REGION]"),
        click.option(
            "--account",
            callback=account_id,
            metavar="ID",
            help="AWS account that the credentials must belong to.  [default: the environment's, or any]",
        ),
        click.option(
            "--endpoint-url", "endpoint", metavar="URL", help="Endpoint of the AWS APIs.  [env: AWS_ENDPOINT_URL]"
        ),
        click.option("--sandbox", is_flag=True, help="Use the sandbox on this machine instead of AWS."),
    )
    names = ("profile", "region", "account", "endpoint", "sandbox")
    return decorate(_gathered(command, "connection", lambda **own: checked(Connection(**own)), *names), options)


def checked(connection: Connection) -> Connection:
    """The connection itself. A usage error if its options or the environment variables are not valid."""
    if connection.faults and not connection.sandbox:
        raise click.UsageError("--fault injects failures into the sandbox: it needs --sandbox")
    if connection.sandbox and (connection.profile or connection.endpoint):
        raise click.UsageError("--sandbox cannot be combined with --profile or --endpoint-url")
    for source, region in (("--region", connection.region), *_variables("AWS_REGION", "AWS_DEFAULT_REGION")):
        if region and not _REGION.fullmatch(region):
            raise click.UsageError(f"{source}: {region!r} is not a valid region; use one such as eu-west-1")
    for source, url in (("--endpoint-url", connection.endpoint), *_variables("AWS_ENDPOINT_URL")):
        if url and not connection.sandbox and not _is_url(url):
            raise click.UsageError(f"{source}: {url!r} is not a valid endpoint; use one such as http://127.0.0.1:4566")
    return connection


def valid_region(text: str) -> str:
    """The region itself. A usage error if it is not valid."""
    if not _REGION.fullmatch(text):
        raise click.UsageError(f"{text!r} is not a valid region; use one such as eu-west-1")
    return text


PIPELINES = ("CI", "TF_BUILD", "CODEBUILD_BUILD_ID", "JENKINS_URL", "TEAMCITY_VERSION")
"""Variables that a job of a pipeline has; most have ``CI``."""


def surroundings(pause: Callable[[], None] = lambda: None) -> Surroundings:
    """Where fsdcf runs: a terminal, a job on GitHub, or another pipeline. ``pause`` removes the live display.

    A person is asked for the code of an MFA device on standard error, and only if standard input is a terminal, too.
    """
    from fsdcf.deploy.credentials import Surroundings

    def ask(prompt: str) -> str:
        import getpass

        pause()
        return getpass.getpass(prompt, sys.stderr)

    def notice(text: str) -> None:
        pause()
        click.echo(text, err=True)

    in_pipeline = any(os.environ.get(name) for name in PIPELINES)
    return Surroundings(
        "github" if on_github() else "ci" if in_pipeline else "terminal",
        ask if sys.stdin.isatty() and sys.stderr.isatty() else None,
        notice,
        os.environ.get("GITHUB_REPOSITORY", "") if on_github() else "",
    )


def at_home(connection: Connection, home: Home) -> Connection:
    """The connection into an environment's region and account.

    A usage error if an option names another region, or if the connection is at the home of another environment.
    """
    before = connection.home
    for one, other in ((before.account, home.account), (before.region, home.region)):
        if one and other and one != other:
            raise click.UsageError(
                f"{visible(before.file)} is in {one}, and {visible(home.file)} in {other}: "
                "take one environment at a time, with --env"
            )
    known = replace(home, account=home.account or before.account, region=home.region or before.region)
    return replace(known.connection(connection), home=known)


@contextmanager
def connected(connection: Connection, pause: Callable[[], None] = lambda: None) -> Iterator[Aws]:
    """AWS or the sandbox while the block lasts. Makes no call. Raises ConnectionProblem.

    ``pause`` removes the live display, before a person is asked for the code of an MFA device.

    botocore reads AWS_PROFILE, AWS_ENDPOINT_URL and AWS_DEFAULT_REGION, but not AWS_REGION, which other SDKs prefer: it
    is read here. A Python caller may bring its own AWS: the context's object is then called with the connection.
    """
    bring: Callable[[Connection], Aws] | None = click.get_current_context().obj
    if bring is not None:
        yield bring(connection)
        return
    region = connection.region or os.environ.get("AWS_REGION") or None
    if not connection.sandbox:
        from fsdcf.deploy.aws import connect

        yield connect(connection.profile, region, connection.endpoint, surroundings(pause))
        return
    from fsdcf.cli.rehearsal import fault_of, rehearsing

    region = region or os.environ.get("AWS_DEFAULT_REGION") or SANDBOX_REGION
    faults = [fault_of(text) for text in connection.faults]
    with rehearsing(state_file(), region, PACE, faults, sandbox_registry()) as aws:
        yield aws


def sandbox_registry() -> str:
    """The host and port of the registry with the sandbox's images; empty if there is none. A usage error for one that
    is not on this machine."""
    name, address = "FSDCF_SANDBOX_REGISTRY", os.environ.get("FSDCF_SANDBOX_REGISTRY", "")
    host, colon, port = address.rpartition(":")
    if address and not (colon and port.isdecimal() and 0 < int(port) < 65536 and is_loopback(host)):
        raise click.UsageError(
            f"{name}: {address!r} is not the host and port of a registry on this machine; use one such as "
            "localhost:5000"
        )
    return address


def state_file() -> Path:
    """The file that keeps the sandbox's state between runs."""
    return lint_folder().parent / "sandbox" / "state.sqlite"


def _variables(*names: str) -> Iterator[tuple[str, str | None]]:
    return ((name, os.environ.get(name)) for name in names)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
