"""Names of commands and options that other tools have, and what they are called here. Loaded for an unknown name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

import click

_COMMANDS: Mapping[str, str] = {
    "delete": "destroy down remove rm teardown undeploy uninstall",
    "deploy": "up apply create update push ship install publish",
    "diff": "plan preview changes compare changeset",
    "validate": "lint check verify test",
    "template": "build compile synth package render generate",
    "status": "ps list ls describe show get info",
    "exec": "ssh shell sh console attach",
    "logs": "tail log",
    "cost": "price prices estimate",
    "init": "new scaffold",
    "explain": "docs man reference doc",
    "rollback": "undo revert",
    "history": "releases events",
    "scale": "stop start",
    "--version": "version",
}
_OPTIONS: Mapping[str, str] = {
    "--env": "--environment --stage -e -s",
    "--yes": "-y --auto-approve --no-confirm --require-approval --no-confirm-changeset --force",
    "--plan-only": "--dry-run --plan --no-execute-changeset --preview",
    "--image-sha": "--tag --sha --image-tag -t --version",
    "--override": "--set --parameter-overrides --parameter",
    "--max": "--budget --limit",
    "--detach": "--no-wait",
    "--follow": "--tail",
    "--format json": "--json",
    "--json": "--format",
    "--version": "-v -V",
    "--help": "-?",
}
"""For each name, the words that mean it elsewhere."""


def command_meant(word: str, known: Iterable[str]) -> str | None:
    """The known command that a word means: another tool's name of it, or a misspelling."""
    names = list(known)
    meant = next((name for name, words in _COMMANDS.items() if word.lower() in words.split()), None)
    if meant and (meant in names or ("deploy" in names and meant.startswith("--"))):
        return meant
    return next(iter(get_close_matches(word, names, 1, 0.7)), None)


def with_meant_option(error: click.NoSuchOption) -> click.UsageError:
    """Return the error with the option of the command that is meant: the one of the same meaning, or a close one."""
    params = error.ctx.command.params if error.ctx else []
    known: dict[str, click.Parameter | None] = {name: each for each in params for name in each.opts if name[:1] == "-"}
    known |= dict.fromkeys(error.ctx.help_option_names if error.ctx else ())
    for meant, words in _OPTIONS.items():
        name, _, value = meant.partition(" ")
        choices = getattr(getattr(known.get(name), "type", None), "choices", (value,))
        if error.option_name in words.split() and name in known and (not value or value in choices):
            return click.UsageError(f"No such option {error.option_name!r}. Did you mean {meant!r}?", error.ctx)
    close = get_close_matches(error.option_name, known, 1, 0.75)  # click's own guesses are further away
    return click.UsageError(
        f"No such option {error.option_name!r}." + (f" Did you mean {close[0]!r}?" if close else ""), error.ctx
    )
