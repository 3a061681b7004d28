"""Rewrite the generated pages, and the generated parts of other pages."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from fsdcf.cli.commands.bootstrap import compiled_services
from fsdcf.cli.commands.explain import catalogue
from fsdcf.cli.compiled import SpecInputs
from fsdcf.cli.main import cli
from fsdcf.cloudformation.arns import DeployedStack
from fsdcf.cloudformation.permissions import targets_of
from fsdcf.cloudformation.secrets import SECRETS_MANAGER
from fsdcf.compiler.dependencies import types
from fsdcf.deploy.diagnosis.reasons import HIDDEN, STACK_GROUPS, TASK_GROUPS
from fsdcf.deploy.diagnosis.reasons.notices import NOTICES, STOP_REASONS
from fsdcf.deploy.diagnosis.reasons.reason import Reason
from fsdcf.diagnostics import Rule
from fsdcf.importers.apprunner import api
from fsdcf.importers.apprunner.configuration import CONFIGURATION
from fsdcf.importers.copilot import environment as copilot_environment
from fsdcf.importers.copilot import manifest as copilot_manifest
from fsdcf.importers.copilot import pipeline as copilot_pipeline
from fsdcf.language.dependency import Types
from fsdcf.language.jsonschema import json_schema
from fsdcf.language.model import KINDS
from fsdcf.language.model.common import Dependency
from fsdcf.language.reference import default_of, limits, type_of, types_by_name
from fsdcf.language.shape import Field, fields_of, later_of, walk
from fsdcf.pipeline import Request, run
from fsdcf.plan.cost.prices import assumptions
from fsdcf.plan.graph.architecture import architecture
from fsdcf.plan.graph.mermaid import mermaid
from fsdcf.plan.permissions.policy import CALLS, actions_of
from fsdcf.plan.permissions.resources import DeployedResources, resources_of, service_of

ROOT = Path(__file__).resolve().parent.parent
PIPELINE = "docs/how-to/pipeline.md"
COST = "docs/how-to/cost-graph-access.md"
SHARE = "docs/how-to/share-an-environment.md"
WALLS = "docs/explanation/walls-between-environments.md"
EXAMPLE = "examples/sqlite.yml"
COPILOT_TABLES = {
    **copilot_manifest.TABLES,
    "Environment": copilot_environment.MANIFEST,
    "Pipeline": copilot_pipeline.PIPELINE,
}
COPILOT_HEAD = """\
# Keys of Copilot's manifests

Generated from the importer by `make docs`. `fsdcf import copilot` reports the same for each key of your files, with its
line and what became of its value, which can differ from the rule here: a duration that is out of range is changed, for
example, and a key with a value that it cannot have is not carried.

- **carried**: the value is in the spec, at the key in the third column. Keys without `metadata`, `kind`, `overrides` or
  `dependencies` at their beginning are below `service`, `job` or `environment`; those of a container, a queue, a topic
  or a policy are below its entry.
- **changed**: something else is there that means the same or nearly the same.
- **not carried**: why, and what works instead.

A type of manifest has the keys of every section that names it. `environments.NAME` of a manifest may have all of them
again: what differs is at `environments.NAME` of the spec. The specs also have what Copilot sets by default where the
default of fsdcf is another one, and the variables that Copilot gives to the container of a workload, such as
`COPILOT_ENVIRONMENT_NAME`; the sidecars do not get these."""
ASSUMPTIONS = re.compile(r"(?<=<!-- assumptions -->\n).*?(?=<!-- end of assumptions -->\n)", re.DOTALL)
DRAWING = re.compile(r"(?<=<!-- drawing -->\n).*?(?=<!-- end of drawing -->\n)", re.DOTALL)
SHARING = re.compile(r"(?<=<!-- sharing -->\n).*?(?=<!-- end of sharing -->\n)", re.DOTALL)
APART = re.compile(r"(?<=<!-- walls -->\n).*?(?=<!-- end of walls -->\n)", re.DOTALL)
FILES = re.compile(r"(<!-- file (\S+) -->\n).*?(<!-- end of file -->\n)", re.DOTALL)
KEYS = re.compile(r"(?<=<!-- keys of App Runner -->\n).*?(?=<!-- end of keys -->\n)", re.DOTALL)
COMMENT = re.compile(r"(?<=<!-- comment -->\n).*?(?=<!-- end of comment -->\n)", re.DOTALL)


def pages() -> dict[str, str]:
    """Return the generated pages by their path from the root."""
    return {
        "docs/reference.md": reference_page(types()),
        "docs/codes.md": codes_page(catalogue()),
        "docs/reference-copilot.md": copilot_page(),
        "docs/how-to/my-deploy-fails.md": failures_page(),
        "docs/fsd-v1.schema.json": json.dumps(json_schema(types()), indent=2) + "\n",
        COST: with_table_and_drawing((ROOT / COST).read_text(encoding="utf-8")),
        SHARE: with_sharing((ROOT / SHARE).read_text(encoding="utf-8")),
        WALLS: APART.sub(lambda _: apart(), (ROOT / WALLS).read_text(encoding="utf-8")),
        PIPELINE: with_comment((ROOT / PIPELINE).read_text(encoding="utf-8")),
        **{
            page.relative_to(ROOT).as_posix(): with_files(page.read_text(encoding="utf-8"))
            for page in sorted((ROOT / "docs" / "how-to").glob("*.md"))
            if page.name.startswith(("move-from-", "leave-"))
        },
    }


REASON_EXAMPLE = {
    "service": "my-service",
    "environment": "prod",
    "spec": "my-service.yml",
    "port": "8000",
    "image": "my-service:SHA",
}

FAILURES_HEAD = """\
<!-- Generated from fsdcf/deploy/diagnosis/reasons: make docs. -->

# My deploy fails

During the rollout of a service, `fsdcf deploy` shows each task and collects what ECS, the load balancer and the log
report, before a rollback deletes it. It ends with the cause, the line of the spec to change, and the next command.
Later, this command gives the same diagnosis from what AWS still has:

```sh
fsdcf diagnose my-service --env prod
```

With the spec instead of the name it also shows the spec's line. ECS forgets stopped tasks after an hour; the events
of the service and its deployments then have to suffice. If a failed first deploy has deleted the service again, only
the messages of CloudFormation are left: use the output of `deploy`.

A deploy is done when CloudFormation and ECS say so, the desired number of tasks runs, and the load balancer's targets
are healthy. Tasks that start are waited for. `fsdcf diagnose`, `fsdcf watch` and a deploy without changes check the
same at any time. They fail (exit 1) if the service is down, for example because its tasks crash again and again. They
show the tasks that stopped and why, the service events, the targets with the load balancer's reason, and what changed
last. They exit with 6 if tasks are still starting and nothing has failed.

Who stopped a task decides before its exit code: a task that AWS stopped (maintenance, a Spot interruption, zone
rebalancing), that a person stopped, or that was not needed any more, is not a failure of the version. Tasks, events and
log lines of another version are no evidence against the new one.

A message that you copied from a console, a terminal or a colleague is explained without AWS: the stopped reason of a
task, events of a service, events of a stack, or the answer of `aws ecs describe-tasks`, with the line breaks, quotes
and table borders that copying adds.

```sh
fsdcf explain --failure 'CannotPullContainerError: ... i/o timeout' --spec my-service.yml --env prod
aws ecs describe-tasks --cluster shop --tasks 0a1b2c | fsdcf explain --failure -
```

A text with quotes is easiest to paste: `fsdcf explain --failure -` waits for it and for Ctrl-D.

It prints the cause, the advice, the key of the spec and the next command. `--format json` prints an object: `known`,
and in `failures` for each message `name`, `message`, `cause`, `advice`, `key`, `spec` (the line), `next`, `conclusive`
(the message has the cause, and does not only follow from it) and `passing` (it may pass without a change).
The exit code is 0 if it knows one of the messages, and 1 if it knows none: it then says where to look, and does not
guess. A line of an application's log is not a message of AWS.

- Two tasks that stop for the same reason are reported at once. `fsdcf deploy my-service.yml --env prod --fail-fast`
  then cancels the update, unless the reason may pass without a change. The tables say which those are.
- Service events that report trouble, such as a task that cannot be placed, are shown as they come.
- `fsdcf status my-service --env prod --watch` shows the tasks of a rollout that another user started.
- To rehearse: `fsdcf deploy my-service.yml --image-sha one --sandbox --fault Service:create:oom`; [more
  faults](sandbox.md). A crash loop after a good deploy: `--fault Service:running:oom`.
- What to do with the stack afterwards: [how to recover](recover.md).

Deploying does not need the permission to read ECS: each denied call causes one warning, and its information is missing
in the diagnosis. `fsdcf permissions my-service.yml` lists the permissions that fsdcf uses.
"""


def reference_page(types: Types) -> str:
    """Return ``docs/reference.md``."""
    out = ["# Reference", "", "Generated from the model by `make docs`. `fsdcf explain KEY` prints one entry.", ""]
    for kind in KINDS.values():
        keys = ((path, field) for path, field in walk(kind.record) if not path.startswith("dependencies[]"))
        title = "The spec" if len(KINDS) == 1 else f"A spec of kind {kind.name}"
        out += [f"## {title}", "", *_key_table(keys), ""]
    out += ["## Dependencies", "", "Every dependency has these keys; each type adds its own.", ""]
    out += _key_table(walk(Dependency))
    for name, dependency in types_by_name(types):
        own = {"name", *dependency.model.__annotations__}
        shared = {field.name for field in fields_of(Dependency)} - own
        also = f" Also written `{'`, `'.join(dependency.also)}`." if dependency.also else ""
        placeholder = f"Placeholders: `${{{dependency.category}:NAME:ATTRIBUTE}}`."
        out += ["", f"### {name}", "", f"{dependency.doc}{also}", "", placeholder, ""]
        if dependency.variables:
            out += [f"The container gets `{'`, `'.join(dependency.variables)}`.", ""]
        out += _key_table((path, field) for path, field in walk(dependency.model) if path.split(".")[0] not in shared)
    intro = "These belong to the language, and this version rejects them. Each has a workaround."
    out += ["", "## Not implemented yet", "", intro, ""]
    for kind in KINDS.values():
        out += [f"- `{path}`: {doc}" for path, doc in _later(kind.record)]
    return "\n".join([*out, ""])


def copilot_page() -> str:
    """Return ``docs/reference-copilot.md``: the keys of Copilot's manifests, those of the same types together."""
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    for title, table in COPILOT_TABLES.items():
        for path, key in table.rows():
            rows.setdefault((path, key.treatment.value, key.to, key.note), []).append(title)
    groups: dict[tuple[str, ...], list[tuple[str, str, str, str]]] = {}
    for row, titles in rows.items():
        groups.setdefault(tuple(titles), []).append(row)
    out = [COPILOT_HEAD]
    for titles, group in groups.items():
        out += ["", f"## {', '.join(titles)}", "", "| key | | becomes | what changes, or what works instead |"]
        out.append("|---|---|---|---|")
        for path, treatment, to, note in group:
            becomes = ", ".join(f"`{each.removeprefix('.')}`" for each in to.split())
            cells = (f"`{path}`", treatment, becomes, note)
            out.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*out, ""])


def codes_page(rules: Mapping[str, Rule]) -> str:
    """Return ``docs/codes.md``."""
    intro = "Generated by `make docs`. `fsdcf explain CODE` prints one entry. S codes are errors, W codes are warnings."
    out = [
        "# Codes",
        "",
        intro,
        "",
        "Codes of cfn-lint (E…, W… with four digits) are explained in its own documentation.",
    ]
    for rule in rules.values():
        out += ["", f"## {rule.code}: {rule.title}", "", rule.explanation]
        out += ["", f"Source: <{rule.source}>"] if rule.source else []
    return "\n".join([*out, ""])


def _later(record: type) -> Iterator[tuple[str, str]]:
    for path, field in walk(record):
        for name, (doc, instead) in later_of(field.record).items() if field.record else ():
            yield f"{path}.{name}", f"{doc} Until then: {instead}."
        for value, instead in field.key.later.items() if path != "kind" else ():
            yield f"{path}: {value}", f"{field.key.doc} Until then: {instead}."


def _key_table(entries: Iterable[tuple[str, Field]]) -> list[str]:
    lines = ["| key | type | values | default | meaning |", "|---|---|---|---|---|"]
    for path, field in entries:
        also = f" Also `{'`, `'.join(field.key.also)}`." if field.key.also else ""
        cells = [f"`{path}`", type_of(field), limits(field), default_of(field), field.key.doc + also]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def failures_page() -> str:
    """The page on failed deploys: a table for each group of known reasons."""
    groups = {
        **TASK_GROUPS,
        "The stack is complete and the service runs the old version": (HIDDEN,),
        **STACK_GROUPS,
        "The task was stopped by AWS, by ECS or by a person": tuple(STOP_REASONS.values()),
        "The message is not the cause": NOTICES,
    }
    return FAILURES_HEAD + "".join(
        f"\n## {title}\n\n" + "\n".join(_table(reasons)) + "\n" for title, reasons in groups.items()
    )


def _table(reasons: Iterable[Reason]) -> Iterator[str]:
    yield "| symptom | cause | what to do | spec key | next command |"
    yield "|---|---|---|---|---|"
    for reason in reasons:
        cause = reason.named("this code" if "gets …" in reason.cause else "")
        cause += "; this may pass without a change" if reason.passing else ""
        code = (f"`{text}`" if text else "" for text in (reason.key, reason.command.format(**REASON_EXAMPLE)))
        cells = (reason.symptom, cause, reason.advice, *code)
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("$", "\\$") for cell in cells) + " |"


def assumption_table() -> str:
    """Return the assumptions of an estimate as a table."""
    rows = [f"| `{one.name}` | {one.default} | {one.unit} | {one.meaning} |" for one in assumptions().values()]
    return "\n".join(["| assumption | default | unit | |", "|---|---:|---|---|", *rows]) + "\n"


def with_table_and_drawing(page: str) -> str:
    """Return the page with the table of assumptions and the drawing of the SQLite example."""
    result = run(Request(EXAMPLE, (ROOT / EXAMPLE).read_bytes(), "staging"))
    if result.template is None:
        raise ValueError(f"{EXAMPLE} has errors")
    drawing = f"```mermaid\n{mermaid(architecture(result.template.data, f'{EXAMPLE} in staging'))}```\n"
    return DRAWING.sub(lambda _: drawing, ASSUMPTIONS.sub(lambda _: assumption_table(), page))


SERVICES = ("shop", "search", "cart", "orders", "users", "stock", "billing", "mail", "ratings", "admin")
SERVICE = """\
apiVersion: fsd/v1
kind: Service
metadata: {{name: {name}, owners: team-shop}}
service:
  port: 8000
  healthCheck: {{path: /health, container: {{command: curl -fsS http://localhost:8000/health || exit 1}}}}
"""
ENVIRONMENT = """\
apiVersion: fsd/v1
kind: Environment
metadata: {name: staging, owners: team-platform}
environment:
  network: {availabilityZones: [use1-az1, use1-az2]}
  loadBalancers:
    public: {domain: staging.example.com, hostedZoneId: Z0123456789ABCDEFGHIJ}
  defaults: {service: {networking: {shared: true}}}
"""
"""Ten small services behind a load balancer, and the environment that they share."""


PARTS = {"network-interface", "security-group-rule"}
"""IAM's types of parts of other resources, which have no tags of their own."""


def apart() -> str:
    """How IAM tells the resources of the examples from those of another environment, by service."""
    files = sorted((ROOT / "examples").glob("*.yml"))
    files.append(ROOT / "examples" / "environments" / "staging.yml")
    stacks = [one.stack for one in compiled_services(SpecInputs(tuple(files)), ("staging",))]
    everything = ROOT / "tests" / "cases" / "environments" / "everything.environment.yml"
    result = run(Request("environments/everything.yml", everything.read_bytes(), "everything"))
    assert result.template is not None
    found = resources_of([*stacks, DeployedStack("fsdcf-everything", result.template.data)])
    actions = found.actions | set(actions_of(CALLS)) - {"sts:GetCallerIdentity"}
    out = ["| service | by name | by tag | by a condition | not at all |", "|---|---|---|---|---|"]
    for service in sorted({service_of(one) for one in actions}):
        own = sorted(one for one in actions if service_of(one) == service)
        named = {kind for place, kind in found.names if place == service and not kind[0].isupper()} - {
            "loadbalancer/app"
        }
        named |= {"secret" for one in found.secrets if one.store == service == SECRETS_MANAGER}
        targets = {target for action in own for target in targets_of(action)}
        tagged = {one.name for one in targets if one.tagged and found.is_generated(service, one.name)} - named - PARTS
        columns = [
            _kinds(named - {"hostedzone"}),
            _kinds(tagged),
            "DNS records, by their names"
            if "hostedzone" in named
            else "new roles, by their boundary"
            if service == "iam"
            else "",
            ", ".join(f"`{action}`" for action in own if _is_open(action, found)),
        ]
        out.append(f"| {service} | {' | '.join(columns)} |")
    return "\n".join(out).replace("|  |", "| |").replace("|  |", "| |") + "\n"


def _kinds(kinds: Iterable[str]) -> str:
    """IAM's resource types in words: ``listener-rule/app`` is a listener rule."""
    words = {
        "natgateway": "NAT gateway",
        "targetgroup": "target group",
        "webacl": "web ACL",
        "loadbalancer": "load balancer",
        "vpc": "VPC",
    }
    names = (one.partition("/")[0] for one in kinds)
    known = {"scalabletarget": "scalable target", "elastic-ip": "elastic IP", "vpc-endpoint": "VPC endpoint", **words}
    return ", ".join(sorted({known.get(name, name.replace("-", " ")) for name in names}, key=str.lower))


def _is_open(action: str, found: DeployedResources) -> bool:
    """Whether an action changes something and IAM knows neither a name nor a tag for it."""
    service, _, verb = action.lower().partition(":")
    if not targets_of(action):
        return not verb.startswith(("describe", "get", "list"))
    kinds = targets_of(action)
    named = (arn for one in kinds for arn in found.names.get((service, one.name), ()) if not arn.endswith("/app/*"))
    return not any(named) and not any(one.tagged for one in kinds)


def with_sharing(page: str) -> str:
    """Return the page with the costs of ten services, each on its own and in an environment."""
    return SHARING.sub(lambda _: in_temporary_folder(sharing), page)


def sharing() -> str:
    """What ten services cost before and after they share an environment, as ``fsdcf cost`` estimates it."""
    files = [f"services/{name}.yml" for name in SERVICES]
    for folder in ("services", "environments"):
        Path(folder).mkdir()
    for name, file in zip(SERVICES, files, strict=True):
        Path(file).write_text(SERVICE.format(name=name), encoding="utf-8")
    before = [_cost(*files, *idle) for idle in ((), IDLE)]
    Path("environments/staging.yml").write_text(ENVIRONMENT, encoding="utf-8")
    shared = ["environments/staging.yml", *files]
    after = [_cost(*shared, *idle) for idle in ((), IDLE)]
    out = ["| ten services, USD a month | each on its own | in an environment |", "|---|---:|---:|"]
    for part in dict.fromkeys(line["part"] for one in before[0]["specs"] for line in one["lines"]):
        out.append(f"| {part} | {_part(before[0], part)} | {_part(after[0], part)} |")
    for title, one, two in (("total", before[0], after[0]), ("total without a request", before[1], after[1])):
        out.append(f"| **{title}** | **{_money(one)}** | **{_money(two)}** |")
    text = _fsdcf("cost", *shared).splitlines()
    end = next(index for index, line in enumerate(text) if line.startswith("services/search.yml"))
    total = next(line for line in text if line.startswith("total"))
    command = "$ fsdcf cost environments/staging.yml services/*.yml"
    return "\n".join([*out, "", "```", command, *text[:end], "…", total, "```"]) + "\n"


IDLE = ("--assume", "requests-per-second=0")


def _cost(*words: str) -> Any:
    return json.loads(_fsdcf("cost", *words, "--format", "json"))


def _part(found: Any, part: str) -> str:
    lines = (line for one in found["specs"] for line in one["lines"] if line["part"] == part)
    return f"{sum((Decimal(str(line['monthly']['maximum'])) for line in lines), Decimal(0)):,.2f}"


def _money(found: Any) -> str:
    return f"{Decimal(str(found['monthly']['maximum'])):,.2f}"


def with_files(page: str) -> str:
    """Return the page with the files of the test cases that its comments name: sources, specs and reports."""

    def file(match: re.Match[str]) -> str:
        path = ROOT / "tests" / "cases" / "import" / match[2]
        form = {".yml": "yaml", ".yaml": "yaml", ".json": "json"}.get(path.suffix, "")
        return f"{match[1]}```{form}\n{path.read_text(encoding='utf-8').rstrip()}\n```\n{match[3]}"

    return KEYS.sub(lambda _: app_runner_keys(), FILES.sub(file, page))


def with_comment(page: str) -> str:
    """Return the page with the comment that its first spec and the change in its ``diff`` block produce."""
    (spec,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (change,) = re.findall(r"^```diff\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    lines = change.splitlines(keepends=True)
    before, after = ("".join(line[1:] for line in lines if line[0] in marks) for marks in (" -", " +"))
    if before not in spec:
        raise ValueError(f"{PIPELINE}: the change does not apply to the spec")
    made = in_temporary_folder(lambda: comment(spec, spec.replace(before, after)))
    return COMMENT.sub(lambda _: made, page)


def app_runner_keys() -> str:
    """The tables of keys of App Runner: each with where it goes, and what changes."""
    lines = []
    for table in (CONFIGURATION, api.SERVICE, *api.PARTS.values()):
        lines += [f"Keys of {table.title}:", "", "| key | becomes | note |", "|---|---|---|"]
        for path, key in table.rows():
            to = ", ".join(f"`{each.lstrip('.')}`" for each in key.to.split())
            to = to or ("not needed" if key.form else "not carried")
            lines.append(f"| `{path}` | {to} | {key.note} |")
        lines.append("")
    return "\n".join(lines)


def in_temporary_folder(make: Callable[[], str]) -> str:
    """Return what a function makes with an empty folder as the current one."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            return make()
        finally:
            os.chdir(before)


def comment(old: str, new: str) -> str:
    """Return the comment on a pull request that changes shop.yml from ``old`` to ``new``, as the workflow makes it."""
    # fsdcf reads a file of this name as if it were the file in that revision.
    Path("HEAD^1:shop.yml").write_text(old, encoding="utf-8")
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
