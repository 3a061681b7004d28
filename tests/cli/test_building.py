"""``fsdcf build``: from a spec to the command of a builder, which is recorded here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from fsdcf.cli.building import BuildOptions, check_tag, image_build, public_address
from fsdcf.cli.commands import build
from fsdcf.cli.compiled import Compiled
from fsdcf.cli.main import cli
from fsdcf.images.builders import ImageBuild
from tests.repositories import committed
from tests.repositories import git as _git

SPEC = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: web, owners: team-a}
service:
  port: 8000
  resources: {architecture: arm64}
  build:
    args: {B: two words, A: "1"}
    target: final
    secrets:
      - {id: npm, file: npmrc}
      - {id: token, environment: NPM_TOKEN}
  healthCheck: {container: {command: "true"}}
"""

RECORDER = """#!/bin/sh
printf '%s\\037' "$@" >> "$RECORD"
echo >> "$RECORD"
case "$*" in
  image*) echo '[{"Id": "sha256:DIGEST", "Os": "linux", "Architecture": "'"${ARCH:-arm64}"'"}]' ;;
  build*--load*) if [ -n "$FAILS" ]; then echo "$FAILS"; exit 1; fi ;;
esac
""".replace("DIGEST", "a" * 64)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a spec and a Dockerfile, all of it committed."""
    files = {"web.yml": SPEC, "Dockerfile": "FROM scratch AS final\n", "npmrc": "secret of npm\n"}
    folder = committed(tmp_path_factory.mktemp("repository"), files)
    _git("-C", str(folder), "remote", "add", "origin", "https://user:password@git.example/team/web.git")
    return folder


@pytest.fixture
def project(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a spec and a Dockerfile, and a docker that records its words."""
    programs, folder = tmp_path / "bin", tmp_path / "web"
    programs.mkdir()
    shutil.copytree(repository, folder)
    docker = programs / "docker"
    docker.write_text(RECORDER)
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    monkeypatch.setenv("NPM_TOKEN", "token of npm")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.chdir(folder)
    return folder


def _build(*words: str) -> Result:
    return CliRunner().invoke(cli, ["build", "web.yml", "--builder", "docker", *words])


def _recorded(tmp_path: Path) -> list[list[str]]:
    lines = (tmp_path / "record").read_text().splitlines()
    return [line.removesuffix("\x1f").split("\x1f") for line in lines]


def test_the_builder_gets_what_the_spec_says(project: Path, tmp_path: Path) -> None:
    result = _build()
    commit = _git("rev-parse", "HEAD")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"web:{commit[:12]}\n"
    (words,) = [words for words in _recorded(tmp_path) if words[:2] == ["buildx", "build"]]
    pairs = list(pairwise(words))
    for pair in (
        ("--file", "Dockerfile"),
        ("--platform", "linux/arm64"),
        ("--build-arg", "A=1"),
        ("--build-arg", "B=two words"),
        ("--label", f"org.opencontainers.image.revision={commit}"),
        ("--label", "org.opencontainers.image.source=https://git.example/team/web"),
        (
            "--label",
            f"org.opencontainers.image.created={_git('show', '-s', '--date=format-local:%FT%TZ', '--format=%cd')}",
        ),
        ("--secret", "id=npm,type=file,src=npmrc"),
        ("--secret", "id=token,type=env,env=NPM_TOKEN"),
        ("--target", "final"),
    ):
        assert pair in pairs, pair
    assert words[-1] == "."
    assert "secret of npm" not in str(words)


def test_what_is_not_committed_is_refused_and_named_in_the_tag(project: Path) -> None:
    (project / "new.txt").write_text("1")
    refused = _build()
    assert refused.exit_code == 2
    assert "--allow-dirty" in refused.output
    first = _build("--allow-dirty").stdout
    _git("add", "new.txt")
    assert _build("--allow-dirty").stdout == first  # what is staged is the same
    (project / "new.txt").write_text("2")
    second = _build("--allow-dirty").stdout
    assert "-dirty-" in first
    assert first != second


def test_outside_a_repository_the_tag_is_asked_for(project: Path) -> None:
    for path in sorted((project / ".git").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (project / ".git").rmdir()
    refused = _build()
    assert refused.exit_code == 2
    assert "--tag" in refused.output
    assert _build("--tag", "v1").stdout == "web:v1\n"
    (words,) = [words for words in _recorded(project.parent) if words[:2] == ["buildx", "build"]]
    assert [word for word in words if word.startswith("org.opencontainers")] == ["org.opencontainers.image.version=v1"]


def test_an_image_for_another_processor_is_an_error(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCH", "amd64")
    result = _build()
    assert result.exit_code == 1
    assert "linux/amd64" in result.output
    assert "linux/arm64" in result.output


def test_a_failed_build_shows_its_last_lines(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILS", "step 3 failed: no such file")
    result = _build()
    assert result.exit_code == 1
    assert "step 3 failed" in result.output


def test_without_a_builder_the_command_says_what_is_wrong_with_each(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    git = shutil.which("git")
    assert git
    (project.parent / "only").mkdir()
    (project.parent / "only" / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(project.parent / "only"))
    result = CliRunner().invoke(cli, ["build", "web.yml"])
    assert result.exit_code == 2
    for name in ("docker", "podman", "buildah", "nerdctl", "finch"):
        assert f"{name} is not installed" in result.output


@pytest.mark.parametrize(
    ("block", "code", "line", "words"),
    [
        ("{secrets: [{id: npm, file: none.txt}]}", "S291", 7, "`none.txt` cannot be read: No such file"),
        ("{secrets: [{id: npm, file: .}]}", "S291", 7, "cannot be read"),
        ("{secrets: [{id: npm, environment: NO_SUCH_VARIABLE}]}", "S291", 7, "export NO_SUCH_VARIABLE"),
        ("{context: none}", "S292", 7, "`none` does not exist"),
        ("{context: web.yml}", "S292", 7, "is not a folder"),
        ("{context: ../..}", "S292", 7, "outside the repository"),
        ("{context: sub}", "S292", 4, "does not exist"),
        ("{target: nal}", "S297", 7, "write final"),
    ],
)
def test_what_is_not_there_is_a_finding(project: Path, block: str, code: str, line: int, words: str) -> None:
    (project / "sub").mkdir()
    spec = SPEC.replace(SPEC[SPEC.index("  build:\n") : SPEC.index("  healthCheck")], f"  build: {block}\n")
    (project / "web.yml").write_text(spec)
    if code == "S292" and "sub" in block:
        (project / "Dockerfile").unlink()
    result = _build("--tag", "x", "--allow-dirty")
    assert result.exit_code == 2
    assert f"error[{code}]" in result.output
    assert f"web.yml:{line}:" in result.output
    assert words in result.output
    assert "nothing built" in result.output
    ended = json.loads(_build("--tag", "x", "--allow-dirty", "--json").stdout.splitlines()[-1])
    assert (ended["event"], ended["exit"]) == ("ended", 2)


def test_each_environment_has_a_cache_and_production_shares_none(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds: list[ImageBuild] = []

    def noted(compiled: Compiled, options: BuildOptions) -> ImageBuild:
        builds.append(image_build(compiled, options))
        return builds[-1]

    monkeypatch.setattr(build, "image_build", noted)
    monkeypatch.setenv("NPM_TOKEN", "token-7")
    for environment in ("staging", "prod"):
        _build("--env", environment)
    found = {one.cache_scope: one.shares_cache for one in builds}
    assert found == {"fsdcf/staging/web": True, "fsdcf/prod/web": False}


def test_a_secret_that_is_not_on_github_is_empty_there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in (("GITHUB_ACTIONS", "true"), ("NPM_TOKEN", "")):
        monkeypatch.setenv(variable, value)
    result = _build("--env", "prod")
    assert result.exit_code == 2 and "error[S291]" in result.output, result.output
    assert "NPM_TOKEN is empty" in result.output and "gh secret set NPM_TOKEN --env prod" in result.output


def test_a_dockerfile_that_leads_out_of_the_repository_is_not_built(project: Path) -> None:
    (project / "Dockerfile").unlink()
    (project / "Dockerfile").symlink_to("/etc/hostname")
    result = _build("--tag", "x", "--allow-dirty")
    assert result.exit_code == 2
    assert "error[S292]: `Dockerfile`: it is outside the repository" in result.output


def test_a_secret_may_be_in_the_home_folder_and_is_masked(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FAILS", "the value is hunter2hunter2 and\nfrom-the-variable-7")
    monkeypatch.setenv("NPM_TOKEN", "from-the-variable-7")
    (tmp_path / "npmrc").write_text("hunter2hunter2\n")
    (project / "web.yml").write_text(SPEC.replace("file: npmrc", "file: ~/npmrc"))
    _git("commit", "-qam", "two")
    result = _build()
    assert result.exit_code == 1
    assert "the value is ********" in result.output
    for value in ("hunter2hunter2", "from-the-variable-7"):
        assert value not in result.output
        assert value not in (tmp_path / "record").read_text()
    (words,) = [words for words in _recorded(tmp_path) if words[:2] == ["buildx", "build"]]
    assert f"id=npm,type=file,src={tmp_path / 'npmrc'}" in words


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("v1+x", "'+'"),
        ("", "empty"),
        (".a", "begins with '.'"),
        ("a" * 129, "129 characters"),
        ("sha256:" + "a" * 64, "':'"),
        ("é", "'é'"),
        ("a\nb", "contains"),
    ],
)
def test_a_tag_that_ecr_refuses(tag: str, words: str) -> None:
    with pytest.raises(click.UsageError, match=re.escape(words)):
        check_tag(tag)


def test_changes_are_named_and_count_where_something_is_built(project: Path) -> None:
    odd = project / ":(top) ü\n.txt"
    odd.write_text("1")
    refused = _build()
    assert refused.exit_code == 2
    assert "1 file of what is built differs" in refused.output
    assert "\\u000a.txt" in refused.output
    odd.unlink()
    (project / "npmrc").rename(project / "other")
    (project / "npmrc").symlink_to("other")
    assert "2 files of what is built differ" in _build("--tag", "x").output


def test_changes_elsewhere_in_the_repository_do_not_count(project: Path) -> None:
    (project / "app").mkdir()
    (project / "app" / "main.py").touch()
    (project / "web.yml").write_text(SPEC.replace("  build:\n", "  build:\n    context: app\n"))
    _git("add", ".")
    _git("commit", "-qm", "two")
    (project / "notes.txt").write_text("not in the context")
    assert _build().exit_code == 0
    (project / "Dockerfile.dockerignore").write_text("*.txt")
    assert "Dockerfile.dockerignore" in _build().output


def test_changes_in_a_submodule_give_another_tag(project: Path) -> None:
    inner = project / "inner"
    inner.mkdir()
    for words in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "one")):
        _git("-C", str(inner), *words)
    _git("add", ".")
    _git("commit", "-qm", "two")
    assert _build().exit_code == 0
    (inner / "new.txt").write_text("1")
    first = _build("--allow-dirty").stdout
    (inner / "new.txt").write_text("2")
    second = _build("--allow-dirty").stdout
    assert "-dirty-" in first
    assert first != second


@pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_that_git_was_told_to_hide_is_one(project: Path, mark: str) -> None:
    _git("update-index", mark, "npmrc")
    assert _build().exit_code == 0
    (project / "npmrc").write_text("another\n")
    assert _git("status", "--porcelain") == ""
    assert "npmrc" in _build().stderr
    assert "-dirty-" in _build("--allow-dirty").stdout


def test_a_repository_that_git_does_not_know_runs_no_program(project: Path) -> None:
    inner, ran = project / "inner", project.parent / "ran"
    inner.mkdir()
    (inner / "new.txt").write_text("1")
    (inner / ".gitattributes").write_text("* filter=own")
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "one")):
        _git("-C", str(inner), *words)
    for key in ("core.fsmonitor", "filter.own.clean"):
        _git("-C", str(inner), "config", key, f"touch '{ran}'; cat")
    tags = []
    for text in ("2", "3"):
        (inner / "new.txt").write_text(text)
        tags.append(_build("--allow-dirty").stdout)
    assert "-dirty-" in tags[0] and tags[0] != tags[1]
    assert not ran.exists()


def test_a_worktree_with_a_detached_head_has_a_tag(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    monkeypatch.chdir(tmp_path / "tree")
    assert _build().stdout == f"web:{_git('rev-parse', 'HEAD')[:12]}\n"


def test_a_repository_without_a_commit_asks_for_a_tag(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    for name in ("web.yml", "Dockerfile", "npmrc"):
        (new / name).write_bytes((project / name).read_bytes())
    monkeypatch.chdir(new)
    _git("init", "-q")
    assert "use --tag" in _build().output
    assert _build("--tag", "v1").stdout == "web:v1\n"


def test_a_refusal_of_git_is_shown_in_its_words(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    result = _build("--tag", "v1")
    assert result.exit_code == 2
    assert "safe.directory" in result.output
    assert _build("--tag", "v1", "--allow-dirty").stdout == "web:v1\n"


def test_files_that_git_ignores_are_noted_unless_the_build_leaves_them_out(project: Path) -> None:
    (project / ".gitignore").write_text(".env\ncache/\n")
    (project / ".env").touch()
    (project / "cache").mkdir()
    (project / "cache" / "x").touch()
    _git("add", ".")
    _git("commit", "-qm", "two")
    assert "git ignores .env and cache/" in _build().stderr
    (project / ".dockerignore").write_text("cache\n**/.env\n")
    _git("add", ".")
    _git("commit", "-qm", "three")
    assert "git ignores" not in _build().stderr


@pytest.mark.parametrize(
    ("remote", "source"),
    [
        ("git@github.com:org/web.git", "https://github.com/org/web"),
        ("org-1@github.com:org/web", "https://github.com/org/web"),
        ("ssh://git@host.example:2222/team/web.git", "https://host.example/team/web"),
        ("http://host.example:8080/web/", "http://host.example:8080/web"),
        ("https://user:pa:ss@host.example/team/web.git", "https://host.example/team/web"),
        ("https://user:p/w@host.example/team/web.git", ""),
        ("https://user:p@w@host.example/team/web.git", ""),
        ("https://host.example/web?token=hunter2hunter2", ""),
        ("https://host.example/ghp_0123456789abcdefghijklmnopqrstuvwxyz/web", ""),
        ("/srv/git/web.git", ""),
        ("../web", ""),
        ("file:///srv/web", ""),
        ("codecommit::us-east-1://web", ""),
    ],
)
def test_the_label_of_the_source_has_no_password(remote: str, source: str) -> None:
    assert public_address(remote) == source


def test_json_has_an_object_for_each_image_and_the_finding_of_a_failure(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [json.loads(line) for line in _build("--json").stdout.splitlines()]
    (built,) = [event for event in events if event["event"] == "built"]
    assert (built["name"], built["platform"], built["builder"]) == ("web", "linux/arm64", "docker buildx")
    assert built["id"] == "sha256:" + "a" * 64
    monkeypatch.setenv("FAILS", "Dockerfile:1\n------\nERROR: failed to solve: it went wrong")
    events = [json.loads(line) for line in _build("--json").stdout.splitlines()]
    (finding,) = [event for event in events if event["event"] == "finding"]
    assert (finding["code"], finding["file"], finding["line"]) == ("S289", "Dockerfile", 1)
    assert events[-1]["exit"] == 1


def test_on_github_the_lines_are_a_group_without_commands(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("FAILS", "::error::from the builder\n##[error]x\nlast")
    errors = _build().stderr.splitlines()
    group = errors[errors.index("::endgroup::") - 4 : errors.index("::endgroup::")]
    assert group[0].startswith("::group::docker buildx builds web:")
    assert not any(line.startswith("::error::from") or line.startswith("##[") for line in errors)


def test_without_git_a_tag_is_enough(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert "git is not installed" in _build("--tag", "v1").output
    assert _build("--tag", "v1", "--allow-dirty").stdout == "web:v1\n"


def test_without_a_commit_the_tag_can_be_a_hash_of_what_is_built(project: Path) -> None:
    shutil.rmtree(project / ".git")
    first = _build("--allow-dirty").stdout
    assert re.fullmatch(r"web:dirty-[0-9a-f]{12}\n", first)
    assert _build("--allow-dirty").stdout == first
    (project / "folder").mkdir()
    (project / "folder" / "new").write_text("1")
    second = _build("--allow-dirty").stdout
    assert second != first
    (project / "folder").rename(project / "other")
    assert _build("--allow-dirty").stdout not in (first, second)


def test_a_secret_that_a_step_mounts_and_the_spec_does_not_name(project: Path) -> None:
    mounts = "--mount=type=secret,id=npm --mount=type=cache,target=/x --mount=id=other,type=secret,required=true"
    (project / "Dockerfile").write_text(f"FROM scratch AS final\nRUN {mounts} true\n")
    result = _build("--tag", "v1", "--allow-dirty")
    assert result.stdout == "web:v1\n"
    code = "W136"
    assert result.stderr.count(f"warning[{code}]") == 1
    assert "secret `other`" in result.stderr
    assert f"Dockerfile:2:{len(f'RUN {mounts}') - len('id=other,type=secret,required=true') + 1}" in result.stderr


@pytest.mark.parametrize("time", ["1", "253402300800", "18446744073709551615", "-62135596800", "x"])
def test_a_commit_may_have_any_time(project: Path, tmp_path: Path, time: str) -> None:
    _git("config", "log.showSignature", "true")
    who = f"a <a@b> {time} +0000"
    text = f"tree {_git('rev-parse', 'HEAD^{tree}')}\nauthor {who}\ncommitter {who}\n\none\n"
    words = ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"]
    commit = subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout.strip()
    _git("update-ref", "HEAD", commit)
    assert _build().exit_code == 0
    created = [word for words in _recorded(tmp_path) for word in words if "image.created=" in word]
    assert created == (["org.opencontainers.image.created=1970-01-01T00:00:01Z"] if time == "1" else [])
