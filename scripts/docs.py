"""Rewrites the generated pages, and the pull request's comment on the page about pipelines, which is made from the specs on that page."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path

from click.testing import CliRunner

from fsdcf.catalogue import catalogue
from fsdcf.cli.main import cli
from fsdcf.compiler.dependencies import types
from fsdcf.deploy.diagnosis.reasons import failures_page
from fsdcf.language.jsonschema import json_schema
from fsdcf.language.reference import codes_page, reference_page

ROOT = Path(__file__).resolve().parent.parent
PIPELINE = "docs/how-to/pipeline.md"
COMMENT = re.compile(r"(?<=<!-- comment -->\n).*?(?=<!-- end of comment -->\n)", re.DOTALL)


def pages() -> dict[str, str]:
    """The generated files by their path from the root."""
    return {
        "docs/reference.md": reference_page(types()),
        "docs/codes.md": codes_page(catalogue()),
        "docs/how-to/my-deploy-fails.md": failures_page(),
        "docs/fsd-v1.schema.json": json.dumps(json_schema(types()), indent=2) + "\n",
        PIPELINE: with_comment((ROOT / PIPELINE).read_text(encoding="utf-8")),
    }


def with_comment(page: str) -> str:
    """A page with the comment that its first spec and the change in its block ``diff`` come to."""
    (spec,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (change,) = re.findall(r"^```diff\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    lines = change.splitlines(keepends=True)
    before, after = ("".join(line[1:] for line in lines if line[0] in marks) for marks in (" -", " +"))
    if before not in spec:
        raise ValueError(f"{PIPELINE}: the change does not fit the spec")
    made = comment(spec, spec.replace(before, after))
    return COMMENT.sub(lambda _: made, page)


def comment(old: str, new: str) -> str:
    """The comment on a pull request that makes shop.yml what ``new`` is, by the commands that the workflow runs."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            return _comment(old, new)
        finally:
            os.chdir(before)


def _comment(old: str, new: str) -> str:
    Path("HEAD^1:shop.yml").write_text(
        old, encoding="utf-8"
    )  # a file of that name is read as the file of that revision would be
    Path("shop.yml").write_text(new, encoding="utf-8")
    plan = Path("plan", "shop.yml")
    plan.mkdir(parents=True)
    both = ("HEAD^1:shop.yml", "shop.yml")
    for part, command in (("plan", ("diff", *both)), ("cost", ("cost", *both)), ("graph", ("graph", "shop.yml"))):
        (plan / f"{part}.md").write_text(_fsdcf(*command, "--env", "prod", "--format", "markdown"), encoding="utf-8")
    return _fsdcf("ci", "comment", "plan", "--env", "prod")


def _fsdcf(*words: str) -> str:
    done = CliRunner(env={"AWS_REGION": None, "AWS_DEFAULT_REGION": None}).invoke(cli, words)
    if done.exit_code not in (0, 10, 11):
        raise ValueError(f"fsdcf {' '.join(words)}: {done.output}")
    return done.stdout


if __name__ == "__main__":
    for name, text in pages().items():
        (ROOT / name).write_text(text, encoding="utf-8")
        print(f"wrote {name}")
