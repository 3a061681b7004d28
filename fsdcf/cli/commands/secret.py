"""``fsdcf secret``: the values of a service's secrets, which no command prints."""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from fsdcf.cli.compiled import Compiled, compile_or_refuse
from fsdcf.cli.files import only_spec, read, rewrite
from fsdcf.cli.lazy import LazyGroup, Table
from fsdcf.cli.lookup import SpecLines, line_at
from fsdcf.cli.options import (
    Connection,
    SpecInputs,
    at_home,
    complete_secrets,
    connection_options,
    decorate,
    json_option,
    spec_inputs,
    specs_argument,
    timeout_option,
    yes_option,
)
from fsdcf.cli.render.durations import iso
from fsdcf.cli.render.jsonlines import JsonLines
from fsdcf.cli.render.stream import Cell, LineWriter, aligned
from fsdcf.cli.runtime import run
from fsdcf.cloudformation.arns import RANDOM_END, fields_of_arn
from fsdcf.cloudformation.secrets import SECRETS_MANAGER, SSM
from fsdcf.compiler.dependencies import types
from fsdcf.compiler.parts.secrets import SecretSource, existing_sources, secret_sources
from fsdcf.compiler.text import fragment
from fsdcf.deploy.model import Advice, Ask, Exit, Outcome, Question, Target, Tell
from fsdcf.language import placeholders
from fsdcf.language.insertion import InsertionError, with_entry
from fsdcf.language.model.common import VARIABLE, VARIABLE_WORDS
from fsdcf.language.placeholders import STORED_NAMES
from fsdcf.masking import memorable, remember
from fsdcf.pipeline import run as compile_spec
from fsdcf.suggested import quoted, suggested
from fsdcf.wording import counted, moment, visible

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.deploy.run import Run
    from fsdcf.operate.secrets import SecretPlace, StoredSecret, StoredVersion

_MOST_BYTES = 1 << 20
_STORES = (SSM, SECRETS_MANAGER)
_TYPED = (
    "a value must not be on the command line: the history of your shell has it now, and the list of processes had it. "
    "Use another value, and enter it at the prompt of `fsdcf secret set SPEC NAME`; or pass `-` for standard input, or "
    "--file FILE"
)


class SecretCommands(LazyGroup):
    """The commands on secrets."""

    sections: ClassVar[Mapping[str, Table]] = {
        "Commands": {
            "set": ("secret", "Store a value."),
            "list": ("secret", "List the secrets of a spec, and whether their values are stored."),
            "rotate": ("secret", "Store a new value, and replace the tasks that read it."),
            "remove": ("secret", "Remove a stored value."),
        }
    }


@click.group(cls=SecretCommands)
def secret_command() -> None:
    """Store the values of a service's secrets in SSM or Secrets Manager. No command prints a value."""


@dataclass(frozen=True, eq=False, repr=False)
class SecretCall:
    """What a command on secrets works with: the compiled spec, the connection, and the run."""

    compiled: Compiled
    inputs: SpecInputs
    connection: Connection
    as_json: bool
    run: Run

    @property
    def sources(self) -> list[SecretSource]:
        """Every place of the spec that names a secret."""
        spec = self.compiled.service()
        return [*secret_sources(spec.service), *existing_sources(spec)]

    def agreed(self, yes: bool) -> bool:
        """Whether ``--yes`` agrees: in a protected environment a person is asked in spite of it."""
        return yes and not (self.compiled.home.protected and self.run.ask)

    def places(self) -> dict[SecretSource, SecretPlace]:
        """Where the secrets of the spec are stored."""
        return {source: self.place(source) for source in self.sources}

    def place(self, source: SecretSource) -> SecretPlace:
        """Where a secret is stored."""
        from fsdcf.operate.secrets import place_of

        return place_of(source.source, self.run.aws)

    def line(self, source: SecretSource) -> str:
        """``shop.yml:12``, the line of the spec that names a secret."""
        place = line_at(self.compiled.result, ".".join(map(str, source.path[:2])), source.path[2:])
        return f"{visible(place.file)}:{place.line}" if place else visible(self.compiled.name)

    def print(self, record: dict[str, Any]) -> None:
        """Print a record, with ``--json``."""
        if self.as_json:
            JsonLines(sys.stdout).write(record)


Action = Callable[[SecretCall], Outcome]


def _perform(
    inputs: SpecInputs, connection: Connection, as_json: bool, failure: str, action: Action, **how: Any
) -> None:
    """Compile the spec, connect, and run an action. ``failure`` says what did not happen because of errors."""
    compiled = compile_or_refuse(inputs, as_json, failure)
    compiled.service()
    command = suggested("deploy", compiled.name, env=compiled.environment, **inputs.settings)
    target = Target(compiled.service_name, compiled.environment, command, compiled.home.file)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.deploy.run import Run

        return action(SecretCall(compiled, inputs, connection, as_json, Run(aws, tell, target, ask)))

    run(target, at_home(connection, compiled.home), as_json, act, aside=True, **{"about_tasks": False, **how})


def _words(takes_value: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that adds ``[SPEC] NAME``, as the arguments ``inputs`` and ``name`` of the command, and the options
    of a spec. What may be a value is in no error."""

    def decorator(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def separating(words: tuple[str, ...], inputs: SpecInputs, **options: Any) -> Any:
            dash = takes_value and words[-1:] == ("-",)
            if dash:
                words, options["file"] = words[:-1], options["file"] or "-"
            spec, name = _separated(words, takes_value)
            return command(inputs=replace(inputs, files=(spec,)), name=name, **options)

        metavar = "[SPEC] NAME" + (" [-]" if takes_value else "")
        words = click.argument("words", nargs=-1, metavar=metavar, shell_complete=complete_secrets)
        return decorate(separating, (words, spec_inputs(metavar=None)))

    return decorator


def _separated(words: Sequence[str], takes_value: bool) -> tuple[Path, str]:
    """The spec and the name in the words of the command line. A usage error, without the words, for any others."""
    *specs, name = words or ("",)
    spec = specs[0] if specs else ""
    is_typed = len(words) > 2 or "=" in name or (spec and not os.path.isfile(spec) and re.fullmatch(VARIABLE, spec))
    if takes_value and is_typed:
        raise click.UsageError(_TYPED)
    if takes_value and spec and not (os.path.exists(spec) or spec.endswith((".yml", ".yaml"))):
        raise click.UsageError(f"the first word is not a file; it must be the spec. If it was a value: {_TYPED}")
    if len(words) > 2:
        raise click.UsageError("too many words: expected the spec and the name of a secret")
    if not name or (not spec and os.path.isfile(name)):
        raise click.UsageError("NAME is missing: the variable that gets the value")
    return Path(spec) if spec else only_spec(), name


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--store`` and ``--path``."""
    options = (
        click.option(
            "--store",
            type=click.Choice(_STORES),
            help="Where the value is stored if the spec names no store: SSM or Secrets Manager.  [default: ssm]",
        ),
        click.option(
            "--path",
            metavar="PATH",
            help="Name of the parameter, or of the secret with a JSON key (NAME:KEY), if the spec names none; "
            "${ENV} is the environment.  [default: /SERVICE/${ENV}/NAME]",
        ),
    )
    return decorate(command, options)


class ValueCommand(click.Command):
    """A command whose errors do not repeat what may be a value, such as one that begins with a hyphen."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. An unknown option is repeated only if a known one is meant."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from fsdcf.cli.guesses import with_meant_option

            meant = with_meant_option(error)
        if "Did you mean" in meant.message:
            raise meant
        raise click.UsageError(f"no such option; if it was a value: {_TYPED}")


@click.command(cls=ValueCommand)
@_words(takes_value=True)
@click.option("--file", metavar="FILE", help="File with the value; - for standard input.  [default: a prompt]")
@place_options
@click.option("--write", is_flag=True, help="Put the line into the spec, and change nothing else in it.")
@yes_option("Overwrite a value that does not belong to the service and environment without asking.")
@connection_options
@json_option
def set_command(
    inputs: SpecInputs,
    name: str,
    file: str | None,
    store: str | None,
    path: str | None,
    write: bool,
    yes: bool,
    connection: Connection,
    as_json: bool,
) -> None:
    """Store the value of a secret: NAME is the variable that gets it.

    The value comes from a prompt, from standard input (-) or from a file, and never from the command line. One line
    break at its end is left out. It is stored where the spec says for NAME, else in SSM under /SERVICE/ENV/NAME, and
    encrypted with the first key of service.secretKeys in the Region, else with the key of AWS. If the spec lacks the
    line that reads it, the line is printed, and --write puts it there.
    """
    value = _read(file) if file else None

    def act(call: SecretCall) -> Outcome:
        from fsdcf.operate import secrets

        _check_environment(call, name)
        wanted = _wanted(call, name, store, path)
        change = _change(call, name, wanted) if write and wanted.line else None
        given = partial(_given, call, wanted, name, value)
        written = secrets.store(call.run, wanted.place, given, call.agreed(yes), _key(call, wanted.place))
        return _stored(call, name, wanted, written, change)

    _perform(inputs, connection, as_json, "nothing was stored", act)


def _check_environment(call: SecretCall, name: str) -> None:
    """Ask before a value is stored for an environment that no file names, and that may be misspelled. Raises Stop
    (exit 3)."""
    from fsdcf.deploy.run import stop

    result, target = call.compiled.result, call.run.target
    others = call.inputs.other_environments(result.document if result else None)
    if not others:
        return
    sentence = f"no file names the environment {target.environment}; known environments: {', '.join(others)}"
    if not call.run.agrees(Question("environment", "Store the value for the new environment?", (sentence,))):
        again = suggested("secret set", "SPEC", name, env=target.environment, new_env=True)
        raise stop(Exit.REFUSED, f"nothing was stored: {sentence}", again)


@dataclass(frozen=True)
class _Wanted:
    """Where a value is to be stored: its place, the source in the spec if there is one, and else the line for it."""

    place: SecretPlace
    source: SecretSource | None
    line: str = ""


def _wanted(call: SecretCall, name: str, store: str | None, path: str | None, elsewhere: bool = False) -> _Wanted:
    """The place of a secret: that of the spec; without one, that of the options, or the default.

    ``elsewhere``: the options may name another place than the spec. Raises Stop (exit 2) if they do otherwise, and for
    a name or path that is not valid.
    """
    from fsdcf.deploy.run import stop
    from fsdcf.operate.secrets import place_of

    places = call.places()
    source = next((each for each in places if each.name == name), None)
    if source is None and not re.fullmatch(VARIABLE, name):
        raise stop(Exit.USAGE, f"NAME is not the name of a variable: use {VARIABLE_WORDS}")
    if source is None or (elsewhere and (store or path)):
        text, line = _default(call, name, store, path)
        return _Wanted(place_of(text, call.run.aws), None, line)
    place = places[source]
    given = place_of(_default(call, name, store or place.store, path)[0], call.run.aws) if path else place
    if (store and store != place.store) or not given.is_in(place) or given.key != place.key:
        sentence = f"{call.line(source)} reads {name} from {place.title}"
        raise stop(Exit.USAGE, f"{sentence}: leave --store and --path out, or change the spec first")
    return _Wanted(place, source)


def _default(call: SecretCall, name: str, store: str | None, path: str | None) -> tuple[str, str]:
    """A secret as ``valueFrom`` names it, and the line for the spec. Raises Stop (exit 2) for an invalid path."""
    from fsdcf.deploy.run import stop

    written = path or f"/{call.compiled.service_name}/${{ENV}}/{name}"
    variables = {**call.inputs.values, "ENV": call.compiled.environment}
    text, problems = placeholders.parse(written, variables)
    if problems or not isinstance(text, str):
        problem = problems[0].message if problems else "it must be known now: ${ENV} is the placeholder for it"
    else:
        problem = _secret_problem(text) if store == SECRETS_MANAGER else _parameter_problem(text, written)
    if problem:
        subject = "--path" if path else f"the default path {written}"
        raise stop(Exit.USAGE, f"{subject} is not valid: {problem}")
    store, word = (SECRETS_MANAGER, "secrets") if store == SECRETS_MANAGER else (SSM, "ssm")
    return f"{store}:{text}", f"{name}: ${{{word}:{written}}}"


def _parameter_problem(name: str, written: str) -> str:
    """What is wrong with the name of a parameter, and what to write; empty if it is valid. ``written`` is the name with
    its placeholders.

    Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
    """
    if re.match(r"/?(aws|ssm)", name, re.IGNORECASE):
        other = quoted(f"/services/{written.lstrip('/')}")
        return f"SSM reserves names that begin with aws or ssm; use another one, such as --path {other}"
    if "/" in name and not name.startswith("/"):
        return f"a path begins with a slash: --path {quoted(f'/{written}')}"
    if not re.fullmatch(STORED_NAMES["ssm"], name):
        return "it has letters, digits and _ . - / and at most 15 levels"
    return ""


def _secret_problem(text: str) -> str:
    """What is wrong with the name of a secret and its JSON key; empty if it is valid."""
    name, colon, key = text.partition(":")
    if not re.fullmatch(STORED_NAMES["secrets"], name):
        return "it has at most 512 letters, digits and _ + = . @ - / !"
    if RANDOM_END.fullmatch(name):
        return "Secrets Manager takes a hyphen and six characters at its end for the end of an ARN; use another name"
    if colon and not re.fullmatch(r"[\w.@/+-]+", key):
        return "a JSON key follows the name after a colon, with letters, digits and _ . @ / + -"
    return ""


def _key(call: SecretCall, place: SecretPlace) -> str:
    """The first KMS key of ``service.secretKeys`` in the Region of a place, with which ECS may decrypt; empty without
    one."""
    from fsdcf.operate.secrets import without_pseudo

    keys = (without_pseudo(fragment(key), call.run.aws) for key in call.compiled.service().service.secret_keys)
    return next((key for key in keys if fields_of_arn(key)[3] == place.region), "")


# Values


def _given(call: SecretCall, wanted: _Wanted, name: str, value: str | None) -> str:
    """The value, for which a person is asked without one. Raises Stop (exit 2) for what ECS cannot read.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html
    """
    from fsdcf.deploy.run import stop

    text = _entered(name) if value is None else value
    remember(memorable([text], (call.compiled.service_name, call.compiled.environment, name)))
    if wanted.source is not None and wanted.source.path[-1] == "imageCredentials":
        data: Any = None
        with suppress(ValueError):
            data = json.loads(text)
        if not isinstance(data, dict) or not all(isinstance(data.get(key), str) for key in ("username", "password")):
            sentence = "nothing was stored: ECS reads the credentials of a registry as JSON"
            raise stop(Exit.USAGE, sentence, advice=Advice('enter {"username": "…", "password": "…"}'))
    return text


def _read(file: str) -> str | None:
    """The value in a file or on standard input; None if that is a terminal, where a person is asked.

    A usage error, without the name of the file, which may be a value by mistake.
    """
    if file == "-" and sys.stdin.isatty():
        return None
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with open(file, "rb") as opened:  # a pipe, too: the output of a password manager
                raw = opened.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not valid"
        raise click.UsageError(f"cannot read the file of --file: {reason}") from None
    if len(raw) > _MOST_BYTES:
        raise click.UsageError(f"the value has more than {_MOST_BYTES:,} bytes: no store takes it")
    text = _decoded(raw)
    value = re.sub(r"\r?\n\Z", "", text)
    if value != text:
        click.echo("the line break at the end of the value is not stored", err=True)
    return value


def _decoded(raw: bytes) -> str:
    """A value as text. A usage error for one that is not UTF-8: ECS reads text alone, and a variable has no other."""
    if raw.startswith(codecs.BOM_UTF8):
        click.echo("the byte order mark at the beginning of the value is not stored", err=True)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    raise click.UsageError("the value is not text in UTF-8, and a variable has no other: encode it, such as in base64")


def _entered(name: str) -> str:
    """The value that a person enters twice at the terminal, without echo. Raises Stop (exit 2) without a terminal.

    What follows a line break that was pasted is thrown away, as getpass does before and after it asks.
    """
    import getpass
    import warnings

    from fsdcf.deploy.run import stop

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise stop(Exit.USAGE, "there is no terminal to ask for the value: pass `-` for standard input, or --file FILE")
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            value, again = (
                getpass.getpass(f"{text} of {name}: ", sys.stderr) for text in ("Value", "Repeat the value")
            )
        except getpass.GetPassWarning:
            raise stop(Exit.USAGE, "the terminal cannot hide the value: pass `-` for standard input") from None
        except (EOFError, KeyboardInterrupt):
            click.echo(err=True)
            raise KeyboardInterrupt from None
    if value != again:
        hint = "the two entries differ; a value of several lines comes from standard input (-) or a file (--file)"
        raise stop(Exit.USAGE, f"nothing was stored: {hint}")
    return value


@dataclass(frozen=True)
class _Change:
    """The bytes of a spec before and after a line was put into it."""

    before: bytes
    after: bytes


def _change(call: SecretCall, name: str, wanted: _Wanted) -> _Change:
    """The spec with the line. Raises Stop (exit 2), before anything is stored, if it cannot be put there."""
    from fsdcf.deploy.run import stop

    file = call.compiled.name
    before, problem = read(Path(file)), ""
    text = wanted.line.removeprefix(f"{name}: ")
    if name in call.compiled.service().service.environment:
        problem = f"{_line_of_variable(call, name)} sets {name} to a plain value"
    elif not os.access(file, os.W_OK):
        problem = "the file cannot be written"
    else:
        try:
            after = with_entry(before, file, ("service", "environment", name), text, types())
            result = compile_spec(call.inputs.request(file, after))
            sources = secret_sources(result.spec.service) if result.spec and result.template else []
            if any(each.name == name and call.place(each) == wanted.place for each in sources):
                return _Change(before, after)
            problem = f"the spec would not read it in {call.compiled.environment}"
        except InsertionError as error:
            problem = str(error)
    advice = Advice(f"put this line under service.environment yourself, and leave --write out: {wanted.line}")
    raise stop(Exit.USAGE, f"nothing was stored: the line cannot be put into {visible(file)}: {problem}", advice=advice)


def _stored(call: SecretCall, name: str, wanted: _Wanted, written: StoredVersion, change: _Change | None) -> Outcome:
    """The outcome of a stored value, after the line for the spec was printed or put there."""
    target, file = call.run.target, call.compiled.name
    problem = rewrite(Path(file), change.before, change.after) if change else ""
    is_printed = bool(wanted.line) and (change is None or bool(problem))
    sentence = _recorded(call, name, wanted, written, bool(change) and not problem)
    if is_printed and not call.as_json:
        click.echo(_advice(call, name), err=True)
        click.echo(wanted.line)
    if problem:
        return Outcome(Exit.FAILED, f"{sentence}, but the line was not put into {visible(file)}: {problem}")
    if change:
        sentence += f"; {visible(file)} reads it from now on"
    if written.created or not wanted.source:
        return Outcome(Exit.DONE, sentence)
    next = (suggested("restart", "SPEC", env=target.environment),)
    return Outcome(Exit.DONE, f"{sentence}; running tasks have the old value until a restart", next=next)


def _recorded(call: SecretCall, name: str, wanted: _Wanted, written: StoredVersion, is_written: bool = False) -> str:
    """What was stored, in a sentence, after the record of it was printed. ``is_written``: the line is in the spec."""
    place = wanted.place
    record = {"version": written.version, "created": written.created, "line": wanted.line or None}
    call.print({"event": "secret", "name": name, **_place_record(place), **record, "written": is_written})
    version = f", version {written.version}" if place.store == SSM else ""
    reads = f"; {call.line(wanted.source)} reads it" if wanted.source else ""
    return f"stored {name} as {place.title}{version}{reads}"


def _advice(call: SecretCall, name: str) -> str:
    """Where the line belongs."""
    plain = call.compiled.service().service.environment.get(name)
    if plain is None:
        return "add this line to service.environment of the spec:"
    return f"{_line_of_variable(call, name)} sets {name} to a plain value: replace it by this line"


def _line_of_variable(call: SecretCall, name: str) -> str:
    return call.line(SecretSource(name, ("service", "environment", name), ""))


def _place_record(place: SecretPlace) -> dict[str, Any]:
    return {
        "store": place.store,
        "place": place.id,
        "key": place.key or None,
        "region": place.region,
        "account": place.account or None,
    }


# Rotating


@click.command(cls=ValueCommand)
@_words(takes_value=True)
@click.option("--file", metavar="FILE", help="File with the value; - for standard input.  [default: a prompt]")
@place_options
@yes_option("Replace the tasks, and overwrite a value that does not belong to the service, without asking.")
@timeout_option()
@connection_options
@json_option
def rotate_command(
    inputs: SpecInputs,
    name: str,
    file: str | None,
    store: str | None,
    path: str | None,
    yes: bool,
    timeout: float | None,
    connection: Connection,
    as_json: bool,
) -> None:
    """Store a new value of a secret, and replace the tasks that read it: NAME is the variable that gets it.

    The value comes from a prompt, from standard input (-) or from a file, as with `fsdcf secret set`. The tasks are
    replaced as with `fsdcf restart`, if the running version reads the secret. If that fails, the new value stays, and
    the report names the command that brings the earlier one back. Other services that read it are named, too.
    """
    value = _read(file) if file else None

    def act(call: SecretCall) -> Outcome:
        from fsdcf.deploy.run import stop
        from fsdcf.operate import rotation, secrets

        wanted = _wanted(call, name, store, path)
        if wanted.source is None and not path:
            known = ", ".join(dict.fromkeys(source.name for source in call.sources)) or "none"
            sentence = f"the spec has no secret {name}: it reads {known}"
            raise stop(Exit.USAGE, sentence, suggested("secret list", "SPEC", env=call.compiled.environment))
        call.run.where = SpecLines(call.compiled.result) if call.compiled.result else call.run.where
        is_sign_in = wanted.source is not None and wanted.source.path[-1] == "clientSecret"
        plan = rotation.plan_rotation(call.run, wanted.place, is_sign_in)
        rotation.agree(call.run, plan, name, call.agreed(yes))
        given = partial(_given, call, wanted, name, value)
        written = secrets.store(call.run, wanted.place, given, call.agreed(yes), _key(call, wanted.place))
        piped = suggested("secret rotate", "SPEC", name, env=call.compiled.environment, file="-", yes=True)
        back = rotation.way_back(call.run, wanted.place, written, piped)
        return rotation.replace_tasks(call.run, plan, _recorded(call, name, wanted, written), back, timeout)

    _perform(inputs, connection, as_json, "nothing was stored", act, about_tasks=True)


# Listing and removing


@click.command()
@specs_argument("file", "[SPEC]", 1)
@spec_inputs(metavar=None)
@connection_options
@json_option
def list_command(file: Path | None, inputs: SpecInputs, connection: Connection, as_json: bool) -> None:
    """List the secrets of a spec: where each is stored, whether it is, when it was changed last, and its version.

    No value is read, so that a JSON key is not looked for in its secret.
    """

    def act(call: SecretCall) -> Outcome:
        from fsdcf.operate.secrets import describe

        places = call.places()
        found = describe(call.run, places.values())
        rows = [(source, found[place]) for source, place in places.items()]
        for source, one in rows:
            call.print(_record(source, one))
        if not as_json:
            stream = LineWriter(sys.stdout)
            region = call.run.aws.region
            stream.lines(aligned(_TITLES, [_row(source, one, region) for source, one in rows], stream.paint))
        for problem in dict.fromkeys(one.problem for _, one in rows if one.problem and not one.is_elsewhere):
            call.run.warn(f"whether some of them exist is unknown: {problem}", denied="no permission" in problem)
        missing = [source.name for source, one in rows if one.exists is False or one.marked]
        target = call.run.target
        next = tuple(suggested("secret set", "SPEC", name, env=target.environment) for name in missing)
        sentence = f"{counted(len(rows), 'secret')} of {target.service} in {target.environment}"
        return Outcome(Exit.DONE, f"{sentence}, {len(missing)} missing" if missing else sentence, next=next)

    inputs = replace(inputs, files=(file,) if file else ()).or_only_spec()
    _perform(inputs, connection, as_json, "nothing was listed", act)


_TITLES = ("NAME", "STORE", "PLACE", "STATE", "CHANGED (UTC)", "VERSION")
_LONGEST_VERSION = 8


def _state(one: StoredSecret) -> tuple[str, str]:
    """The state of a secret, and the role of its paint."""
    if one.exists is None:
        return ("in another account" if one.is_elsewhere else "unknown"), "warn"
    if one.marked:
        return "marked for deletion", "bad"
    if not one.exists:
        return "missing", "bad"
    return ("stored", "good") if one.version else ("no value", "bad")


def _row(source: SecretSource, one: StoredSecret, home: str) -> list[Cell]:
    """A line of the table. The Region is shown if it is not that of the command, ``home``."""
    from fsdcf.operate.secrets import STORES

    place = one.place
    key = f":{place.key}" if place.key else ""
    region = f" in {place.region}" if place.region != home and not place.arn else ""
    return [
        (visible(source.name), "strong"),
        (STORES[place.store], ""),
        (visible(f"{place.id}{key}{region}"), ""),
        _state(one),
        (moment(one.changed).removesuffix(" UTC"), "soft"),
        (one.version[:_LONGEST_VERSION], "soft"),
    ]


def _record(source: SecretSource, one: StoredSecret) -> dict[str, Any]:
    """A secret as plain data."""
    return {
        "event": "secret",
        "name": source.name,
        "path": ".".join(map(str, source.path)),
        **_place_record(one.place),
        "exists": one.exists,
        "state": _state(one)[0],
        "changed": iso(one.changed),
        "version": one.version or None,
    }


@click.command()
@_words(takes_value=False)
@place_options
@yes_option()
@connection_options
@json_option
def remove_command(
    inputs: SpecInputs,
    name: str,
    store: str | None,
    path: str | None,
    yes: bool,
    connection: Connection,
    as_json: bool,
) -> None:
    """Remove the stored value of a secret: NAME is the variable that gets it.

    A secret of Secrets Manager can be restored for 30 days; a parameter of SSM cannot, so that you are asked. You are
    also asked if the spec or the running service still reads the value. --store and --path name another place than the
    spec.
    """

    def act(call: SecretCall) -> Outcome:
        from fsdcf.operate import secrets

        wanted = _wanted(call, name, store, path, elsewhere=True)
        reads = [source for source, place in call.places().items() if place.overlaps(wanted.place)]
        uses = [f"{call.line(source)} still reads it, as {source.name}" for source in reads]
        removed = secrets.remove(call.run, wanted.place, uses, call.agreed(yes))
        until = moment(removed.until)
        call.print(
            {"event": "secret", "name": name, **_place_record(wanted.place), "restorableUntil": iso(removed.until)}
        )
        restore = "SSM cannot restore it"
        next: tuple[str, ...] = ()
        if removed.key_only:
            restore = "the other keys stay"
        elif wanted.place.store == SECRETS_MANAGER:
            restore = f"it can be restored until {until}" if until else "it can be restored for 30 days"
            next = (f"aws secretsmanager restore-secret --secret-id {quoted(wanted.place.id)}",)
        still = "".join(f"; {use}" for use in uses)
        return Outcome(Exit.DONE, f"removed {wanted.place.title}: {restore}{still}", next=next)

    _perform(inputs, connection, as_json, "nothing was removed", act)
