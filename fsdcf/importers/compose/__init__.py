"""Compose: the services of a project become services and jobs, its databases, caches and queues their dependencies.

One service stands alone. Several share an environment, in which they call each other by the names of the file through
Service Connect; each published one has a load balancer there.

Source: https://docs.docker.com/reference/compose-file/
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

from fsdcf.conventions import DEFAULT_ENVIRONMENT
from fsdcf.importers import Format, ImportResult
from fsdcf.importers.compose.connections import ComposeDraft, attach, credentials, dependency_name, endpoint, fitting
from fsdcf.importers.compose.container import TITLE
from fsdcf.importers.compose.images import ComposeRole, engine_version, known_data
from fsdcf.importers.compose.plan import ComposePlan, ComposeService, mount_of, planned
from fsdcf.importers.compose.project import ComposeNode, ComposeProject, MergedSource, is_first_version, variables_of
from fsdcf.importers.compose.services import SERVICE_KEYS, STEP_KEYS, finish, has_proxy, is_called, task_size
from fsdcf.importers.draft import Block, Draft, spec_name
from fsdcf.importers.keys import SourceKey, Table, report_on
from fsdcf.importers.report import KeyOutcome, Treatment, UnfitError, changed, not_carried
from fsdcf.importers.source import Beside, Source, SourceValue
from fsdcf.language.model import ENVIRONMENT, JOB, SERVICE

_DEFAULTS = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
"""The files that Compose reads by default, the preferred one first."""
_OVERRIDES = tuple(name.replace(".y", ".override.y") for name in _DEFAULTS)


def _claims(source: Source) -> bool:
    name = posixpath.basename(source.path)
    is_default = name in _DEFAULTS or name in _OVERRIDES
    if not (source.named or is_default) or not (
        is_default or source.mentions("services") or source.mentions("image") or source.mentions("build")
    ):
        return False
    if source.document is None:
        return is_default
    data = source.data
    if data.keys() & {"apiVersion", "provider"}:
        return False
    includes = is_default and isinstance(data.get("include"), list)
    return includes or isinstance(data.get("services"), dict) or is_first_version(data)


def _convert(claimed: Sequence[Source], related: Sequence[Source], beside: Beside) -> ImportResult:
    result = ImportResult()
    for sources in _projects(claimed, result):
        _convert_project(sources, beside, result)
    return result


def _projects(claimed: Sequence[Source], result: ImportResult) -> list[list[Source]]:
    """The files of each project in the order in which they are merged: those that are named are one project, and those
    of the topmost folders that have any are one for each folder."""
    named = [each for each in claimed if each.named]
    if named:
        return [named]
    depths = {each.folder.count("/") + bool(each.folder) for each in claimed}
    projects: dict[str, list[Source]] = {}
    order = {name: number for number, name in enumerate((*_DEFAULTS, *_OVERRIDES))}
    for each in sorted(claimed, key=lambda one: (one.folder, order.get(posixpath.basename(one.path), len(order)))):
        others = projects.setdefault(each.folder, [])
        is_override = posixpath.basename(each.path) in _OVERRIDES
        if each.folder.count("/") + bool(each.folder) > min(depths):
            projects.pop(each.folder)
            reason = "it is another project: `fsdcf import` it alone, if it belongs to the application"
            report_on(each.root, result.report, not_carried(reason))
        elif others and not is_override:
            report_on(each.root, result.report, changed(f"left out: Compose reads {others[0].name} in its place"))
        else:
            others.append(each)
    return [*projects.values()]


def _convert_project(sources: Sequence[Source], beside: Beside, result: ImportResult) -> None:
    variables = variables_of(posixpath.join(sources[0].folder, ".env"), beside)
    sources = _chosen(sources, variables, beside, result)
    first = sources[0]
    project = ComposeProject(beside, first.folder, variables)
    merged = project.merged([each if each.folder == first.folder else _moved(each, first) for each in sources])
    extensions = [*_extensions(merged.top)]
    named = merged.data.get("name") or project.variables.get("COMPOSE_PROJECT_NAME")
    name = spec_name(str(named or first.folder_name or "app"))
    plan = planned(merged, project)
    parts = _written(plan)
    drafts: dict[str, ComposeDraft] = {}
    owners: dict[str, str] = {}
    shared = len(parts) > 1
    for part in parts:
        kind = JOB if part.role is ComposeRole.JOB else SERVICE
        draft = ComposeDraft(kind, part.spec, result.report, plan=plan, part=part, project_name=name, owners=owners)
        draft.about.append(f"From the service {part.name} of {first.name}.")
        drafts[part.name] = draft
        _fill(draft, part, shared)
    _balance(drafts, plan, shared, result)
    project_draft = _ProjectDraft(SERVICE, "", result.report, plan=plan, owners=owners, drafts=drafts)
    PROJECT.convert(merged.root, project_draft.root)
    for node in extensions:
        value = SourceValue(node.source, node.path, node.data)
        report_on(
            value, result.report, changed("an extension: where other keys refer to it, its values are in the specs")
        )
    if missing := sorted({name for draft in drafts.values() for name in draft.unset}):
        names = ", ".join(missing[:5]) + (" and others" if len(missing) > 5 else "")
        result.next.append(f"write the values of {names}, which are not set here: Compose reads them from `.env`")
    result.drafts += drafts.values()
    readers: dict[str, list[str]] = {}
    for draft in drafts.values():
        for note in draft.notes:
            readers.setdefault(note, []).append(draft.name)
    result.next += [f"{note}: for {', '.join(names)}" for note, names in readers.items()]


def _chosen(
    sources: Sequence[Source], variables: Mapping[str, str], beside: Beside, result: ImportResult
) -> Sequence[Source]:
    """The files that ``COMPOSE_FILE`` of ``.env`` names, if nobody named any, and they can be read.

    Source: https://docs.docker.com/compose/how-tos/environment-variables/envvars/#compose_file
    """
    first, listed = sources[0], variables.get("COMPOSE_FILE", "")
    chosen: list[Source] = []
    for name in filter(None, listed.split(variables.get("COMPOSE_PATH_SEPARATOR") or ":")):
        path = posixpath.normpath(posixpath.join(first.folder, name))
        shown = posixpath.normpath(posixpath.join(posixpath.dirname(first.name), name))
        with suppress(OSError):
            known = next((each for each in sources if each.path == path), None)
            chosen.append(known or Source(shown, path, beside(path), False, first.folder_name))
    if first.named or not chosen or any(each.document is None for each in chosen):
        return sources
    for each in sources:
        if each not in chosen:
            report_on(each.root, result.report, changed("left out: `COMPOSE_FILE` of .env names other files"))
    return chosen


def _moved(source: Source, first: Source) -> Source:
    """A further file, whose paths are relative to the folder of the first one."""
    return Source(
        source.name,
        posixpath.join(first.folder, posixpath.basename(source.path)),
        source.raw,
        source.named,
        first.folder_name,
    )


def _extensions(top: ComposeNode) -> list[ComposeNode]:
    """Take the extensions that are not those for AWS out of the merged files, and return them."""
    found: list[ComposeNode] = []
    for _, node in list(top.walk(())):
        if isinstance(node.data, dict) and node.path[-1:] not in (("environment",), ("labels",), ("args",)):
            for key in [key for key in node.data if key.startswith("x-") and not key.startswith("x-aws-")]:
                found.append(node.data.pop(key))
    return found


def _written(plan: ComposePlan) -> list[ComposeService]:
    """The services that become specs, with all that they use."""
    parts = plan.of(ComposeRole.SERVICE, ComposeRole.JOB)
    services = plan.of(ComposeRole.SERVICE)
    for step in plan.of(ComposeRole.STEP):
        host = plan.services[step.host]
        host.uses |= {name: why for name, why in step.uses.items() if name != host.name}
    users = {name for part in parts for name in part.uses}
    for other in plan.of(ComposeRole.DEPENDENCY):
        if other.name not in users and services:
            services[0].uses[other.name] = "order"
    for part in parts:
        for name in part.uses:
            other = plan.services[name]
            if other.role is ComposeRole.SERVICE:
                other.callers.append(part.name)
    return parts


def _fill(draft: ComposeDraft, part: ComposeService, shared: bool) -> None:
    """Put a service or a job into its spec."""
    block = draft.block
    if shared:
        block.put("networking.shared", True)
    size = task_size(part, has_proxy(block))
    if size is not None:
        block.put("resources.cpu", size[0])
        block.put("resources.memory", size[1])
    if part.role is ComposeRole.SERVICE:
        block.put("resources.desiredCount", 1)
        _network(block, part, shared)
    _depend(draft, part)
    _add_steps(draft, part)
    SERVICE_KEYS.convert(part.value, block)
    finish(block)
    if part.role is ComposeRole.JOB:
        _clean_job(block)


def _depend(draft: ComposeDraft, part: ComposeService) -> None:
    """Add the dependencies of a service: what takes the place of containers, and the services that it calls."""
    for other in (draft.plan.services[name] for name in part.uses):
        if other.role is ComposeRole.DEPENDENCY:
            attach(draft, other)
        elif other.role is ComposeRole.SERVICE and is_called(other):
            dependency = draft.dependency("service", other.spec)
            for key, value in endpoint(other).items():
                dependency.put(key, value)


def _clean_job(block: Block) -> None:
    """Take out what a job does not have."""
    for key in ("port", "autoScaling", "deployment"):
        block.data.pop(key, None)
    resources = block.get("resources")
    if isinstance(resources, dict):
        resources.pop("desiredCount", None)
        if not resources:
            block.data.pop("resources")


def _network(block: Block, part: ComposeService, shared: bool) -> None:
    port = part.main_port
    called = is_called(part)
    if port is None or not (part.ports or called or part.is_public):
        return
    block.put("port", port)
    if called:
        protocol = {} if part.speaks_http else {"protocol": "tcp"}
        block.put("networking.serviceConnect", {**endpoint(part), **protocol} or True)
    if not part.is_public:
        block.put("networking.loadBalancer", False if shared else {"internal": True})
    if part.is_public or not shared:
        path = part.check_path
        block.put("healthCheck.path", path or "/")
        if not path:
            about = "The file has no path to check, so a redirect counts. Remove this once `path` answers with 200."
            block.put("healthCheck.successCodes", "200-399", about)


def _add_steps(draft: ComposeDraft, part: ComposeService) -> None:
    """Make those that must end before the service starts its sidecars."""
    waiting: dict[str, list[str]] = {}
    for step in draft.plan.of(ComposeRole.STEP):
        if step.host != part.name:
            continue
        block = draft.block.add("sidecars", {"name": step.spec, "essential": False})
        draft.part = step
        STEP_KEYS.convert(step.value, block)
        draft.part = part
        for name in step.callers:
            other = draft.plan.services[name]
            if other.host == part.name:
                waiting.setdefault(other.spec, []).append(step.spec)
        draft.block.put(f"dependsOn.{step.spec}", "SUCCESS")
    for index, sidecar in enumerate(draft.block.get("sidecars") or ()):
        for name in waiting.get(sidecar["name"], ()):
            draft.block.below("sidecars", index).put(f"dependsOn.{name}", "SUCCESS")


def _balance(drafts: dict[str, ComposeDraft], plan: ComposePlan, shared: bool, result: ImportResult) -> None:
    """Write the environment of several services, with a load balancer for each address that Compose publishes."""
    balancers: dict[str, dict[str, str]] = {}
    whole = False
    for part in plan.of(ComposeRole.SERVICE):
        block = drafts[part.name].block
        if not part.is_public or not block.get("port"):
            continue
        rules = _rules(part)
        if not shared:
            if rules:
                block.put("networking.loadBalancer", rules)
            continue
        name = "public" if rules or not whole else re.sub(r"[^a-z0-9]", "", part.spec)[:20]
        whole = whole or not rules
        balancers[name] = {}
        block.put("networking.loadBalancer", {"name": name, **(rules or {"paths": ["/*"]})})
    if shared:
        _share(balancers, drafts, result)


def _rules(part: ComposeService) -> dict[str, list[str]]:
    """The hosts and paths that lead to a service; empty if all do."""
    paths = part.paths if part.paths != ["/*"] else []
    return {key: values for key, values in (("hosts", part.hosts), ("paths", paths)) if values}


def _share(balancers: dict[str, dict[str, str]], drafts: dict[str, ComposeDraft], result: ImportResult) -> None:
    """Write the environment of several services."""
    if len(balancers) > 1:
        result.next.append(
            f"{len(balancers)} load balancers take the place of published ports: with a `domain` and `hosts`, services"
            " can share one"
        )
    elif balancers:  # the only one needs no name
        for draft in drafts.values():
            balancer = draft.block.get("networking.loadBalancer")
            if isinstance(balancer, dict):
                del balancer["name"]
    environment = Draft(ENVIRONMENT, DEFAULT_ENVIRONMENT, result.report)
    environment.about.append("What the services share. With a `domain` and its hosted zone they use HTTPS.")
    if balancers:
        environment.block.put("loadBalancers", balancers)
    else:
        environment.block.put("network", {"cidr": "10.0.0.0/16"})
    result.drafts.append(environment)


# What is beside the services


class _ProjectDraft(ComposeDraft):
    """The project as a whole, which becomes no spec: for the rows that belong to no service."""

    def __init__(self, *arguments: object, drafts: dict[str, ComposeDraft], **more: object) -> None:
        super().__init__(*arguments, **more)  # type: ignore[arg-type]
        self.drafts = drafts

    @property
    def path(self) -> str:
        """No file."""
        return ""


def _service(value: SourceValue, block: Block) -> None:
    """Report a service that is not a spec of its own."""
    draft = block.draft
    if not isinstance(draft, _ProjectDraft):
        return
    part = draft.plan.services.get(value.name)
    if part is None:
        report_on(value, draft.report, not_carried("it must be a map, with an `image` or a `build`"))
        return
    if part.role in (ComposeRole.SERVICE, ComposeRole.JOB, ComposeRole.STEP):
        return
    known = part.known
    if part.role is ComposeRole.DEPENDENCY and known is not None:
        _dependency(draft, part)
    elif part.role is ComposeRole.PROXY:
        targets = ", ".join(part.forwards) or "the services"
        reason = f"the load balancer of {targets} takes its place: what else its configuration does is lost"
        behind = [each for each in draft.plan.services.values() if each.spec in part.forwards]
        if unknown := [each.spec for each in behind if each.main_port is None]:
            reason = f"nothing tells the port of {', '.join(unknown)}: with `port`, the load balancer leads to it"
        report_on(value, draft.report, not_carried(reason))
    elif part.role is ComposeRole.OFF:
        reason = "it has a profile, and Compose does not start it by default: remove `profiles` to import it"
        report_on(value, draft.report, not_carried(reason))
    elif known is not None:
        report_on(value, draft.report, not_carried(f"{known.what}: {known.advice}"))


def _dependency(draft: _ProjectDraft, part: ComposeService) -> None:
    known = part.known
    owner = draft.owners.get(part.name, "")
    spec = next((each.path for each in draft.drafts.values() if each.name == owner), "")
    users = [each for each in draft.drafts.values() if each.part and part.name in each.part.uses]
    if known is None or not users:
        report_on(part.value, draft.report, not_carried("no service uses it"))
        return
    spec = spec or users[0].path
    for path, child in _leaves(part.value):
        report_on(child, draft.report, _replaced_key(part, path), spec)


def _leaves(value: SourceValue) -> list[tuple[str, SourceValue]]:
    """The keys of a service, and the variables and mounts of it."""
    found = []
    for name, child in value.children():
        if name == "environment" and isinstance(child.data, (dict, list)):
            found += [(f"environment.{_variable_name(each)}", each) for _, each in child.children()]
        elif name == "volumes" and isinstance(child.data, list):
            found += [(_kind_of_mount(each), each) for _, each in child.children()]
        elif child.data is not None:
            found.append((name, child))
    return found


def _kind_of_mount(value: SourceValue) -> str:
    mount = mount_of(value.data)
    if mount is None or mount.kind != "bind" or known_data([mount.target]) is not None or "data" in mount.target:
        return "volumes"
    return "scripts" if "initdb.d" in mount.target else "settings"


def _variable_name(value: SourceValue) -> str:
    return str(value.data).partition("=")[0] if isinstance(value.path[-1], int) else value.name


_REPLACED_KEYS = {
    **dict.fromkeys(
        ("volumes", "restart", "healthcheck", "deploy"),
        "AWS keeps the data, checks the health, and restarts the engine",
    ),
    **dict.fromkeys(("ports", "expose", "networks"), "only the tasks of the service have access"),
}


def _replaced_key(part: ComposeService, path: str) -> KeyOutcome:
    """What becomes of a key of a container that a dependency replaces."""
    known = part.known
    is_database = known is not None and known.type == "aws_rds_instance"
    if path in ("image", "build"):
        return _replaced_image(part)
    if path.startswith("environment.") and is_database:
        outcome = _replaced_variable(part, path.removeprefix("environment."))
        if outcome is not None:
            return outcome
    if path == "scripts":
        return not_carried("AWS does not run them: run them in the new database, for example with `fsdcf run`")
    if path == "settings" or (path == "command" and is_database):
        return not_carried("settings of the engine are keys of the dependency, such as `parameters`: see the reference")
    return changed(_REPLACED_KEYS.get(path, "the dependency takes the place of the container"), "dependencies")


def _replaced_image(part: ComposeService) -> KeyOutcome:
    known = part.known
    if known is None or known.type not in ("aws_rds_instance", "aws_elasticache", "aws_opensearch"):
        return changed("the buckets, queues, tables and topics that variables of the services name", "dependencies")
    what = f"{known.type} `{dependency_name(part)}`, over TLS"
    if known.type != "aws_opensearch" and known.engine != "memcached":
        what += ", with a password that AWS makes"
    if known.type == "aws_opensearch" and "elasticsearch" in part.image:
        what += ": the clients of Elasticsearch from 7.14 on refuse OpenSearch, which has its own"
    if known.what == "Redis":
        what = f"Valkey, which speaks the protocol of Redis: {what}"
    try:
        engine_version(known, part.image)
    except UnfitError as error:
        what += f"; the image {error}: test the program with a later one"
    return changed(what, "dependencies")


def _replaced_variable(part: ComposeService, name: str) -> KeyOutcome | None:
    user, database, _ = credentials(part)
    if name.endswith(("_USER", "_USERNAME")) and user:
        return _kept(user, fitting(user, 16), "user")
    if name.endswith(("_DB", "_DATABASE")) and database:
        return _kept(database, fitting(database, 63), "database")
    if "PASSWORD" in name:
        return changed("AWS makes the password, and stores it in Secrets Manager", "dependencies")
    return None


def _kept(text: str, fits: bool, key: str) -> KeyOutcome:
    if fits:
        return KeyOutcome(Treatment.CARRIED, "dependencies")
    if text.startswith("$"):
        return changed(f"{text[1:]} is not set here: the `{key}` is the default of the dependency", "dependencies")
    return changed(f"RDS does not accept the name: the `{key}` is the default of the dependency", "dependencies")


def _name(value: SourceValue, block: Block) -> KeyOutcome:
    _ = value.text
    return changed("the name of the stacks is that of the services", "metadata.name")


def _include(value: SourceValue, block: Block) -> KeyOutcome:
    node = value.source.node(value.path) if isinstance(value.source, MergedSource) else None
    below = [node, *(each for _, each in node.walk(()))] if node else []
    problem = next((each.problem for each in below if each.problem), "")
    return not_carried(problem) if problem else changed("its services are imported")


def _top_volume(value: SourceValue, block: Block) -> KeyOutcome:
    if isinstance(value.data, dict) and value.data.get("external"):
        return changed("the file system is a new one: copy the files of the volume to it")
    return changed("the services that mount it have a file system, or an engine that keeps its data")


def _top_secret(value: SourceValue, block: Block) -> KeyOutcome:
    return changed("a secret of the services that name it: store its value with `fsdcf secret set`", "service.secrets")


_NETWORK = "the services of an environment share a network, and security groups decide who may connect"

PROJECT = Table(
    TITLE,
    SourceKey("version", form=True, note="Compose ignores it as well"),
    SourceKey("name", "metadata.name", "the name of a stack is that of its service", convert=_name),
    SourceKey("include[]", "metadata.name", "its services are imported", convert=_include, whole=True),
    SourceKey("services.*", "service", "see its keys", convert=_service, table=SERVICE_KEYS, enter=_service),
    SourceKey("networks.*", needless=True, whole=True, note=_NETWORK),
    SourceKey(
        "volumes.*", ".dependencies", "a file system of the services that mount it", convert=_top_volume, whole=True
    ),
    SourceKey("secrets.*", "service.secrets", "a secret of the services that name it", convert=_top_secret, whole=True),
    SourceKey("configs.*", whole=True, note="COPY the files into the image, or read them from S3"),
    SourceKey("models.*", whole=True, note="fsdcf runs no models: use Amazon Bedrock, or the address of another API"),
    SourceKey("x-aws-vpc", note="write it as `network.id` of the environment, with the ids of its subnets"),
    SourceKey("x-aws-cluster", note="write it as `cluster.name` of the environment"),
    SourceKey("x-aws-loadbalancer", note="write it as `listenerArn` of a load balancer of the environment"),
    SourceKey("x-aws-cloudformation", whole=True, note="write it as `overrides` of the spec, or as an addon"),
)
"""What is at the top of a Compose file."""

FORMAT = Format("compose", "Compose", _claims, lambda source: False, _convert)
