"""Why a build failed, from what each builder prints: the line of the Dockerfile and the known causes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fsdcf.images.builders import Buildah, Builder, Buildx, Docker, ImageBuild, Nerdctl, Podman
from fsdcf.images.failure import Failure, explain
from fsdcf.images.ignored import DockerIgnore

DOCKERFILE = """\
# syntax=docker/dockerfile:1
ARG VERSION=1
FROM alpine:3.20 AS base

RUN <<EOF
echo FROM here
EOF
FROM base AS final
# a comment
RUN true && \\
    # between
    npm ci && \\
    false
COPY conf/app.json ../secret.txt /app/
CMD ["app"]
"""

BUILDKIT = """\
#7 [final 1/2] RUN true &&     npm ci &&     false
#7 0.312 {text}
#7 ERROR: process "/bin/sh -c true" did not complete successfully: exit code: {code}
------
 > [final 1/2] RUN true &&     npm ci:
0.312 {text}
------
Dockerfile:10
--------------------
   9 |     # a comment
  10 | >>> RUN true && \\
  11 | >>>     # between
  12 | >>>     npm ci && \\
  13 | >>>     false
  14 |     COPY conf/app.json ../secret.txt /app/
--------------------
ERROR: failed to solve: process "/bin/sh -c true" did not complete successfully: exit code: {code}"""


def _explained(tmp_path: Path, output: str, kind: type[Builder] = Buildx, dockerfile: str = DOCKERFILE) -> Failure:
    (tmp_path / "Dockerfile").write_text(dockerfile)
    build = ImageBuild("web:1", tmp_path, tmp_path / "Dockerfile", "linux/arm64")
    return explain(kind({}), build, output.split("\n"))


def _line(failure: Failure) -> int:
    return failure.finding.span.line if failure.finding else 0


@pytest.mark.parametrize(
    ("kind", "output", "line"),
    [
        (Buildx, BUILDKIT.format(text="x", code=1), 10),
        (Nerdctl, BUILDKIT.format(text="x", code=1).replace("ERROR: failed", "error: failed"), 10),
        (Buildx, "ERROR: failed to solve: dockerfile parse error on line 8: unknown instruction: FORM", 8),
        (Docker, "Error response from daemon: dockerfile parse error line 14: unknown instruction: COPPY", 14),
        (Buildx, "Dockerfile:3\n--------------------\nERROR: failed to solve: alpine:3.20: not found", 3),
        (
            Docker,
            "Step 2/6 : FROM alpine\n ---> a\nStep 5/6 : RUN true\nThe command '/bin/sh -c x' returned a non-zero",
            10,
        ),
        (
            Buildah,
            '[2/2] STEP 1/4: FROM abc AS final\n[2/2] STEP 2/4: RUN true\nError: building at STEP "RUN true": x',
            10,
        ),
        (Podman, "[1/2] STEP 2/2: RUN <<EOF\nError: building at STEP", 5),
        (Podman, "[linux/arm64] [2/2] STEP 3/4: COPY a b\nError: x", 14),
        (Buildah, '[2/2] STEP 5/5: LABEL "a"="b"\nError: committing', 0),
        (Buildah, "[9/9] STEP 99/99: RUN x\nError", 0),
        (Buildx, "ERROR: no builder found", 0),
        (Buildx, "", 0),
    ],
)
def test_the_line_of_the_dockerfile_is_found(tmp_path: Path, kind: type[Builder], output: str, line: int) -> None:
    failure = _explained(tmp_path, output, kind)
    assert _line(failure) == line
    assert failure.finding is None or failure.finding.code == "S289"


@pytest.mark.parametrize(
    ("dockerfile", "output", "line"),
    [
        ("# no\nFRM scratch\nCOPY a /\n", "Error: no FROM statement found", 2),
        ("ARG V=1\nRUN true\n", "Error: no FROM statement found", 2),
        ("FROM a\nFROM --platform=x b AS\nRUN true\n", "Error: FROM requires either one argument, or three", 2),
        ("# nothing\n", "Error: no FROM statement found", 0),
    ],
)
def test_a_dockerfile_without_a_base(tmp_path: Path, dockerfile: str, output: str, line: int) -> None:
    failure = _explained(tmp_path, output, Buildah, dockerfile)
    assert _line(failure) == line
    assert "not valid" in failure.cause


@pytest.mark.parametrize(
    ("text", "cause", "advice"),
    [
        ("write /x: no space left on device", "space", "docker buildx prune"),
        ("exec /bin/sh: exec format error", "linux/arm64", "binfmt --install arm64"),
        ("Killed\nexit code: 137", "memory", "memory"),
        ("getaddrinfo EAI_AGAIN registry.npmjs.org", "network", "HTTPS_PROXY"),
        ("SSL: CERTIFICATE_VERIFY_FAILED", "certificate", "proxy"),
        ('runc run failed: exec: "/bin/sh": stat /bin/sh: no such file or directory', "not in the image", "base image"),
        ("process failed to start: fork/exec /bin/sh: no such file or directory", "not in the image", "install it"),
        ("/bin/sh: npm: not found\nexit code: 127", "not in the image", "install it"),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock", "daemon", "docker info"),
        (
            "failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF",
            "daemon",
            "again",
        ),
        ("ERROR: failed to solve: secret zip: not found", "`zip`", "id: zip"),
    ],
)
def test_known_causes_have_advice(tmp_path: Path, text: str, cause: str, advice: str) -> None:
    failure = _explained(tmp_path, BUILDKIT.format(text=text, code=1))
    assert cause in failure.cause
    assert advice in failure.advice
    assert failure.finding
    assert failure.finding.hint == failure.advice


@pytest.mark.parametrize(
    ("text", "cause", "advice"),
    [
        ("ERROR: failed to solve: alpine:3.20: failed to resolve source metadata: not found", "`alpine:3.20`", "tag"),
        ("ERROR: pull access denied, repository does not exist or may require authorization", "login", "docker login"),
        ("ERROR: denied: no basic auth credentials", "login", "docker login"),
        ("ERROR: toomanyrequests: You have reached your pull rate limit", "limits", "public.ecr.aws"),
        ("ERROR: no match for platform in manifest: not found", "linux/arm64", "architecture"),
        ("ERROR: dial tcp: lookup registry.invalid: no such host", "network", "DNS"),
    ],
)
def test_causes_of_a_base_image(tmp_path: Path, text: str, cause: str, advice: str) -> None:
    failure = _explained(tmp_path, f"Dockerfile:3\n--------------------\n{text}")
    assert cause in failure.cause
    assert advice in failure.advice


def test_a_base_image_in_ecr_needs_a_token(tmp_path: Path) -> None:
    host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    output = "Dockerfile:1\n-----\nERROR: pull access denied, no basic auth credentials"
    advice = _explained(tmp_path, output, Buildx, f"FROM {host}/base:1\n").advice
    assert f"get-login-password --region eu-west-1 | docker login --username AWS --password-stdin {host}`" in advice


def test_what_a_command_says_is_no_cause(tmp_path: Path) -> None:
    step = 'RUN echo "no space left on device"'
    output = f'[2/2] STEP 2/4: {step}\nError: building at STEP "{step}": exit status 1'
    assert not _explained(tmp_path, output, Buildah).cause
    assert not _explained(tmp_path, BUILDKIT.format(text="npm ERR! unauthorized", code=1)).cause


@pytest.mark.parametrize(
    ("copy", "ignored", "cause"),
    [
        ("COPY conf/app.json /app/", "", "does not exist"),
        ("COPY ../secret.txt /app/", "", "outside the build context"),
        ("COPY here.txt /app/", "*.txt\n!other.txt", "pattern `*.txt`"),
        ('COPY --chown=1:1 ["here.txt", "/app/"]', "here.txt", "pattern `here.txt`"),
        ("COPY --from=base /nope /app/", "", ""),
        ("COPY here.txt $FILE *.txt /app/", "", ""),
        ("COPY *.md /app/", "", "`*.md` matches no file"),
        ("COPY *.md nope.txt /app/", "", "`nope.txt` does not exist"),
        ("COPY /** /app/", "", ""),
    ],
)
def test_a_source_that_the_context_lacks(tmp_path: Path, copy: str, ignored: str, cause: str) -> None:
    (tmp_path / "here.txt").touch()
    (tmp_path / ".dockerignore").write_text(ignored)
    output = "STEP 2/2: COPY x y\nError: building at STEP: no such file or directory"
    found = _explained(tmp_path, output, Buildah, f"FROM scratch\n{copy}\n").cause
    assert cause in found and bool(cause) == bool(found)


@pytest.mark.parametrize(
    ("patterns", "path", "excluded"),
    [
        ("node_modules", "node_modules/a/b.js", True),
        ("node_modules", "web/node_modules", False),
        ("**/node_modules", "web/node_modules/a", True),
        ("**/*.pyc", "a.pyc", True),
        ("/dist/", "dist/x", True),
        ("*\n!keep.txt", "keep.txt", False),
        ("*\n!keep.txt", "other.txt", True),
        ("# comment", "# comment", False),
        ("a?c\n", "abc", True),
        ("[a-c].txt", "b.txt", True),
        ("[^a].txt", "a.txt", False),
        ("[a", "[a", True),
        ("docs/*.md", "docs/deep/x.md", False),
        (".", "anything", False),
        ("a**c", "a/b/c/d", True),
        ("**/a*/**/c?", "x/ab/y/z/cd", True),
        (r"\[a\*", "[a*", True),
        (r"[\]x-z]\b", "yb", False),
        ("[z-a]", "b", False),
        ("**a" * 1000 + "b", "a" * 4000, False),
        ("****/" * 800 + "b", "a/" * 2000, False),
    ],
)
def test_patterns_of_a_dockerignore(tmp_path: Path, patterns: str, path: str, excluded: bool) -> None:
    (tmp_path / ".dockerignore").write_text(patterns)
    found = DockerIgnore.of(tmp_path / "Dockerfile", tmp_path).pattern_against(path)
    assert bool(found) is excluded


def test_the_ignore_file_of_a_dockerfile_comes_first(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("a")
    (tmp_path / "web.Dockerfile.dockerignore").write_text("b")
    ignored = DockerIgnore.of(tmp_path / "web.Dockerfile", tmp_path)
    assert ignored.pattern_against("b")
    assert not ignored.pattern_against("a")


def test_an_unreadable_dockerfile_gives_no_finding(tmp_path: Path) -> None:
    build = ImageBuild("web:1", tmp_path, tmp_path / "none", "linux/arm64")
    assert explain(Buildx({}), build, ["Dockerfile:3", "-----", "ERROR: no space left on device"]).finding is None


def test_an_ignore_file_that_is_a_pipe_or_huge_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "Dockerfile.dockerignore")
    (tmp_path / ".dockerignore").write_text("a\n" * 600_000)
    assert DockerIgnore.of(tmp_path / "Dockerfile", tmp_path).patterns == ()


@pytest.mark.parametrize(
    "output",
    [
        " 0 | >>> x",
        "STEP 0/0: CMD x",
        "[0/2] STEP 1/1: COPY x",
        "[9/9] STEP 1/1: FROM x",
        "Step 0/9 : CMD x",
        "Dockerfile:0\n-----",
        "parse error on line 0",
    ],
)
def test_a_step_that_there_is_not_is_none(tmp_path: Path, output: str) -> None:
    assert _line(_explained(tmp_path, f"{output}\nit failed")) == 0
