"""What the shell completes: the specs and services here, their environments, and what ``explain`` explains."""

from __future__ import annotations

import pytest
from click.shell_completion import ShellComplete

from fsdcf.cli.files import _environments_in_files
from fsdcf.cli.main import cli
from tests.cli.stage import SMALL, Stage


@pytest.fixture(autouse=True)
def folder(stage: Stage) -> None:
    _environments_in_files.cache_clear()
    (stage.folder / "services").mkdir()
    shop = SMALL.replace("name: hello", "name: shop") + "environments: {prod: {}, pr-1: {}}\n"
    (stage.folder / "services" / "shop.yml").write_text(shop)
    (stage.folder / "broken.yml").write_text("apiVersion: fsd/v1\nmetadata: [\n")


def completions(*words: str) -> list[tuple[str, str]]:
    """The values that are offered for the last word, each with its type."""
    found = ShellComplete(cli, {}, "fsdcf", "_FSDCF_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [(item.value, item.type) for item in found]


def test_specs_and_any_file() -> None:
    assert completions("deploy", "") == [
        *((name, "plain") for name in ("broken.yml", "hello.yml", "services/shop.yml")),
        ("", "file"),
    ]
    assert completions("cost", "hello.yml", "serv") == [("services/shop.yml", "plain"), ("serv", "file")]


def test_a_name_that_is_code_to_a_shell_is_not_offered(stage: Stage) -> None:
    for name in ("a$(touch pwned).yml", "a;b.yml", "a b.yml", "a\nb.yml", "-a.yml"):
        (stage.folder / name).write_text(SMALL.replace("name: hello", "name: '$(touch pwned)'"))
    for command in ("deploy", "status"):
        names = [name for name, kind in completions(command, "") if kind == "plain"]
        assert names and not [name for name in names if "touch" in name or name[0] in "-a"]


def test_services_by_name_or_spec() -> None:
    assert completions("status", "s") == [("shop", "plain"), ("services/shop.yml", "plain"), ("s", "file")]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("deploy", "services/shop.yml", "--env", ""), ["pr-1", "prod", "staging"]),
        (("logs", "services/shop.yml", "--env", "p"), ["pr-1", "prod"]),
        (("template", "hello.yml", "--env", "d"), ["demo", "dev", "development"]),
        (("status", "shop", "--env", "pr-"), ["pr-1"]),
        (("bootstrap", "--env", "pr-"), ["pr-1"]),
        (("validate", "gone.yml", "--env", "pr-"), ["pr-1"]),
    ],
)
def test_environments_of_the_spec_or_of_all(words: tuple[str, ...], names: list[str]) -> None:
    assert completions(*words) == [(name, "plain") for name in names]


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("S20", "S203"),
        ("w29", "W290"),
        ("port-ch", "port-changed"),
        ("rare", "rare-change"),
        ("service.health", "service.healthCheck.path"),
    ],
)
def test_codes_rules_and_keys(word: str, name: str) -> None:
    assert (name, "plain") in completions("explain", word)
    assert completions("explain", "nothing-like-it") == []


def test_the_secrets_of_the_spec(stage: Stage) -> None:
    secrets = "  secrets: [{name: A_KEY, valueFrom: /a}]\n  environment: {A_TOKEN: '${ssm:/t}', A_PLAIN: x}\n"
    (stage.folder / "hello.yml").write_text(SMALL + secrets)
    assert completions("secret", "set", "hello.yml", "A") == [("A_KEY", "plain"), ("A_TOKEN", "plain")]
    assert ("A_TOKEN", "plain") in completions("secret", "remove", "")
    assert ("hello.yml", "plain") in completions("secret", "set", "h")
    assert completions("secret", "set", "broken.yml", "A") == []
    assert ("hello.yml", "plain") in completions("secret", "list", "h")
