"""Draw the README's pictures: the architecture of an example, and a deploy in a terminal."""

from __future__ import annotations

import html
import io
import os
import random
import re
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner
from rich.console import Console
from rich.text import Text

from fsdcf.cli.lookup import SpecLines
from fsdcf.cli.main import cli
from fsdcf.cli.render.live import Live
from fsdcf.compiler.service import tags_of
from fsdcf.deploy.aws import Aws, configuration
from fsdcf.deploy.engine import deploy
from fsdcf.deploy.model import Event, Options, Question, Release, RolloutChanged
from fsdcf.pipeline import Request, run
from fsdcf.sandbox.clients import clients
from fsdcf.sandbox.state import SandboxState, VirtualClock

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURE = "docs/images/architecture.svg"
DEPLOY = "docs/images/deploy.svg"
EXAMPLE = "examples/api-dynamodb.yml"
SPEC = "examples/hello.yml"
WIDTH, HEIGHT = 100, 40
CURSOR = re.compile(r"\x1b\[\?25[lh]|\x1b\[\d*A|\r")
SPINNER = re.compile("[\u2800-\u28ff]")


def architecture_picture() -> str:
    """Return the SVG of the README's architecture."""
    done = CliRunner(env={"AWS_REGION": None, "AWS_DEFAULT_REGION": None}).invoke(
        cli, ["graph", EXAMPLE, "--env", "prod", "--format", "svg"]
    )
    if done.exit_code:
        raise ValueError(f"fsdcf graph {EXAMPLE}: {done.output}")
    return done.stdout


class Terminal(io.StringIO):
    """A terminal whose output is kept."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def deploy_picture(set_variable: Callable[[str, str], None]) -> str:
    """Return the SVG of an update in the sandbox: the plan, the question, and the rollout while the old tasks stop."""
    for name, value in {"COLUMNS": str(WIDTH), "LINES": str(HEIGHT), "TERM": "xterm-256color", "NO_COLOR": ""}.items():
        set_variable(name, value)
    clock = VirtualClock()
    state = SandboxState(clock=clock, sleep=clock.advance)
    aws = Aws(clients(state, configuration()), clock.now, clock.advance, random.Random(0), state.region)
    deploy(_release("3f2c1ab"), Options(yes=True), aws, lambda event: None, None)
    terminal = Terminal()
    live = Live(terminal, terminal, "my-service-staging", clock.now)
    frames: list[str] = []

    def tell(event: Event) -> None:
        live(event)
        if isinstance(event, RolloutChanged) and event.running >= event.desired and len(event.tasks) > event.desired:
            frames.append(_rendered(live))

    def ask(question: Question) -> bool:
        live.pause()
        # The live view draws and erases a spinner and hides the cursor; a picture shows only what stays.
        lines = [CURSOR.sub("", line).rpartition("\x1b[2K")[2] for line in terminal.getvalue().splitlines()]
        plan = re.sub("\n{3,}", "\n\n", "\n".join(line for line in lines if not SPINNER.search(line))).strip("\n")
        frames.append(f"{plan}\n\n{question.text} [y/N]: y\n")
        return True

    deploy(_release("9d4e7f0"), Options(), aws, tell, ask)
    live.pause()
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(f"[bold]$ fsdcf deploy {SPEC} --env staging --image-sha 9d4e7f0[/bold]", highlight=False)
    for frame in (frames[0], frames[len(frames) // 2]):
        console.print(Text.from_ansi(frame))
    return console.export_svg(title="fsdcf deploy", unique_id="fsdcf-deploy")


def words(picture: str) -> list[str]:
    """Return the words of a picture, without its markup: two versions of rich may draw them differently."""
    return [html.unescape(text).replace("\xa0", " ") for text in re.findall(r">([^<]+)</text>", picture)]


def _release(sha: str) -> Release:
    request = Request(SPEC, (ROOT / SPEC).read_bytes(), "staging")
    result = run(request)
    if result.template is None or result.spec is None:
        raise ValueError(f"{SPEC} has errors")
    tags = tags_of(result.spec, "staging")
    return Release("my-service", "staging", result.template.data, sha, tags, SpecLines(result))


def _rendered(live: Live) -> str:
    out = io.StringIO()
    Console(file=out, width=WIDTH, force_terminal=True, color_system="truecolor").print(live.picture())
    return out.getvalue()


if __name__ == "__main__":
    os.chdir(ROOT)
    (ROOT / "docs" / "images").mkdir(exist_ok=True)
    (ROOT / ARCHITECTURE).write_text(architecture_picture(), encoding="utf-8")
    (ROOT / DEPLOY).write_text(deploy_picture(os.environ.__setitem__), encoding="utf-8")
    print(f"wrote {ARCHITECTURE} and {DEPLOY}")
