"""What a service or job of the flat dialect consists of, besides its dependencies: a table of its keys.

The dialect has no published schema. The keys are those of the documents on the field's pages, and the other names that
their tools and AWS use for the same things. Each is looked up in any spelling: ``health_check`` and ``healthCheck``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from fsdcf.importers.draft import Block
from fsdcf.importers.flat import reading
from fsdcf.importers.flat.reading import (
    TITLE,
    above,
    add_statement,
    cpu,
    document_of,
    duration,
    flag,
    flat,
    get,
    inverted,
    keys,
    listed,
    memory,
    nothing,
    number,
    percent,
    snake,
    text,
    texts,
    translated,
    words,
)
from fsdcf.importers.keys import Convert, SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import put_secret, put_size, put_variable, secret_source
from fsdcf.language.model import JOB
from fsdcf.language.model.common import RETENTION_DAYS


def table(*found: SourceKey) -> Table:
    """A table of the dialect, in which a key has any spelling."""
    return Table(TITLE, *found, spell=snake)


# Name and tags


def _put(path: str) -> Convert:
    return lambda value, block: block.draft.root.put(path, translated(value, value.text))


def _owners(value: SourceValue, block: Block) -> None:
    owners = block.draft.root.get("metadata.owners") or []
    more = [each.text for each in listed(value)]
    block.draft.root.put("metadata.owners", [*owners, *(each for each in more if each not in owners)])


def _tag(value: SourceValue, block: Block) -> KeyOutcome | None:
    return _put_tag(value.name, value, block)


def _put_tag(name: str, value: SourceValue, block: Block) -> KeyOutcome | None:
    given = re.sub(r"[^\w .:/=+@-]", "-", translated(value, value.text))[:256]
    if not re.fullmatch(r"[\w .:/=+@-]{1,128}", name) or name.lower().startswith("aws:"):
        return not_carried("AWS does not allow a tag of this name")
    block.draft.root.put_at("metadata.tags", name, given)
    return carried(f".metadata.tags.{name}") if " " not in name else None


def _tag_pair(value: SourceValue, block: Block) -> Block | None:
    name, given = get(value, "key", "name"), get(value, "value")
    if name is None or given is None:
        raise UnfitError("must have a `key` and a `value`")
    outcome = _put_tag(name.text, given, block)
    note(value, block, outcome or carried(".metadata.tags"))
    return None


# Containers


def _image(value: SourceValue, block: Block) -> KeyOutcome:
    """The repository of an image; a tag that the dialect fills in, such as ``${git:sha}``, is that of a deploy."""
    given = value.text.strip()
    found = re.fullmatch(r"(.+?)(?::(\$\{[^{}]*\}|[\w.-]+))?(@sha256:[0-9a-f]{64})?", given)
    if not found or len(given) > 1000 or re.search(r"\s", given):
        raise UnfitError("must be an image: REPOSITORY:TAG")
    repository, tag = found[1], found[2] or (found[3] or "").lstrip("@")
    own = re.fullmatch(r"\$\{ecr:([\w./-]+)\}", repository)
    how = "`--image-sha` of a deploy selects the version"
    if own and own[1] == block.draft.name:
        return changed(f"the ECR repository with the name of the service is the default; {how}", "image")
    block.put("image", translated(value, repository))
    if not tag:
        return carried("image")
    return changed(f"without the tag: {how}", "image")


def _words(to: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> None:
        if isinstance(value.data, list):
            block.put(to, [translated(each, each.text) for each in value.items()])
            return
        given = translated(value, value.text)
        try:
            words = shlex.split(given)
        except ValueError:
            words = []
        shell = not words or any(character in given for character in "|&;<>`\n")
        block.put(to, ["sh", "-c", given] if shell else words)

    return convert


def _variable(value: SourceValue, block: Block) -> KeyOutcome | None:
    if isinstance(value.data, dict):
        source = get(value, "value_from", "secret", "from")
        if source is None:
            raise UnfitError("must be a text, or a map with `valueFrom`")
        put_secret(block, value.name, stored(source.text))
        return carried("secrets")
    return put_variable(block, value.name, translated(value, value.text))


def _variable_pair(value: SourceValue, block: Block) -> Block | None:
    if isinstance(value.data, str) and "=" in value.data:
        name, _, given = value.data.partition("=")
        note(value, block, put_variable(block, name.strip(), translated(value, given)))
        return None
    named, given_value, source = get(value, "name", "key"), get(value, "value"), get(value, "value_from", "secret")
    if named is None or (given_value is None and source is None):
        raise UnfitError("must have a `name` and a `value`")
    if given_value is not None:
        note(value, block, put_variable(block, named.text, translated(given_value, given_value.text)))
    elif source is not None:
        put_secret(block, named.text, stored(source.text))
        note(value, block, carried("secrets"))
    return None


def stored(given: str) -> str:
    """Where a secret is: a name without a slash in front is one of Secrets Manager, as in ``${secrets:name}``."""
    given = given.strip()
    found = re.fullmatch(r"\$\{(secrets?|secretsmanager|ssm):([^{}]+)\}", given)
    if found:
        return f"{'ssm' if found[1] == 'ssm' else 'secretsmanager'}:{found[2]}"
    if re.match(r"(arn:|/|ssm:|secretsmanager:)", given):
        return given if not given.startswith("arn:") and not given.startswith("/") else secret_source(given)
    if not re.fullmatch(r"[\w/+=.@!:-]{1,512}", given):
        raise UnfitError("must be the name or the ARN of a secret")
    return f"secretsmanager:{given}"


def _secret(value: SourceValue, block: Block) -> KeyOutcome:
    put_secret(block, value.name, stored(value.text))
    return carried("secrets")


def _secret_pair(value: SourceValue, block: Block) -> Block | None:
    if value.is_text():
        name = re.sub(r"\W+", "_", value.text.rpartition("/")[2]).upper().strip("_")
        source: SourceValue | None = value
    else:
        named = get(value, "name", "env", "env_var", "variable", "key")
        source = get(value, "value_from", "from", "arn", "path", "secret", "secret_name", "ref", "source", "parameter")
        name = named.text if named else ""
    if not name or source is None:
        raise UnfitError("must have a `name` and a `valueFrom`")
    put_secret(block, name, stored(source.text))
    note(value, block, carried("secrets") if not value.is_text() else changed(f"as the variable {name}", "secrets"))
    return None


_ADDED = ("SYS_PTRACE",)


def _added(value: SourceValue, block: Block) -> KeyOutcome | None:
    words = [each.text.upper().removeprefix("CAP_") for each in listed(value)]
    fitting = [each for each in words if each in _ADDED]
    if fitting:
        block.put("capabilities.add", fitting)
    if fitting == words:
        return None
    lost = ", ".join(each for each in words if each not in fitting)
    return not_carried(f"Fargate adds SYS_PTRACE alone, not {lost}: listen on a port above 1023, and run without it")


def _dropped(value: SourceValue, block: Block) -> None:
    block.put("capabilities.drop", [each.text.upper().removeprefix("CAP_") for each in listed(value)])


def _unless(expected: bool, reason: str) -> Convert:
    """A boolean that a task on Fargate has anyway; the other value is not possible."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        return None if value.flag is expected else not_carried(reason)

    return convert


def _check(value: SourceValue, block: Block) -> None:
    if isinstance(value.data, list):
        block.put("healthCheck.container.command", [translated(each, each.text) for each in value.items()])
    else:
        block.put("healthCheck.container.command", translated(value, value.text))


_MOUNTS = "a volume of the host: write `service.volumes` with `name` and `mountPath`, or an aws_efs_file_system"


def _container(prefix: str) -> Iterator[SourceKey]:
    """The keys of a container, which documents have at several places."""
    under = prefix and f"{prefix}."
    for name, to, convert in (
        ("image", "image", _image),
        ("command", "command", _words("command")),
        ("cmd", "command", _words("command")),
        ("args", "command", _words("command")),
        ("entrypoint", "entryPoint", _words("entryPoint")),
        ("entry_point", "entryPoint", _words("entryPoint")),
        ("working_dir", "workingDirectory", text("workingDirectory")),
        ("working_directory", "workingDirectory", text("workingDirectory")),
        ("workdir", "workingDirectory", text("workingDirectory")),
        ("user", "user", text("user")),
        ("run_as_user", "user", text("user")),
        ("readonly_root_filesystem", "readonlyRootFilesystem", flag("readonlyRootFilesystem")),
        ("read_only_root_filesystem", "readonlyRootFilesystem", flag("readonlyRootFilesystem")),
        ("init_process", "initProcess", flag("initProcess")),
        ("stop_timeout", "stopTimeout", seconds("stopTimeout", 2, 120)),
    ):
        yield SourceKey(f"{under}{name}", to, convert=convert)
    yield SourceKey(f"{under}essential", "image", convert=_unless(True, "the container of a service is essential"))
    privileged = "Fargate does not run containers with privileges: run without them, or on EC2"
    yield SourceKey(f"{under}privileged", "capabilities", convert=_unless(False, privileged))
    yield SourceKey(f"{under}drop_capabilities", "capabilities.drop", convert=_dropped, whole=True)
    yield SourceKey(f"{under}add_capabilities", "capabilities.add", convert=_added, whole=True)
    yield SourceKey(f"{under}capabilities.drop", "capabilities.drop", convert=_dropped, whole=True)
    yield SourceKey(f"{under}capabilities.add", "capabilities.add", convert=_added, whole=True)
    yield SourceKey(
        f"{under}no_new_privileges",
        note="Fargate has no such option: run as a user that is not root, with `capabilities: {drop: [ALL]}`",
    )
    for name in ("environment", "env", "environment_variables", "env_vars", "variables"):
        if prefix or name != "environment":
            yield SourceKey(f"{under}{name}.*", "environment", convert=_variable, whole=True)
            yield SourceKey(f"{under}{name}[]", "environment", table=_PAIR, enter=_variable_pair)
    yield SourceKey(f"{under}secrets.*", "secrets", convert=_secret)
    yield SourceKey(f"{under}secrets[]", "secrets", table=_PAIR, enter=_secret_pair)
    for name in ("mount_points", "volumes", "mounts"):
        yield SourceKey(f"{under}{name}[]", note=_MOUNTS, whole=True)


def seconds(to: str, low: int = 0, high: int = 10**9) -> Convert:
    """A conversion of a duration in seconds within limits."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        given = duration(value)
        fitting = min(max(given, low), high)
        block.put(to, fitting)
        return changed(f"{given} seconds are not possible: {fitting}", to) if fitting != given else None

    return convert


_PAIR = table()


# Size and number of tasks


def size(value: SourceValue, block: Block) -> Block:
    """Put the size of a task, which has CPU and memory together, at the block, and report the two keys."""
    below = get(value, "resources")
    place = get(below, "limits") or get(below, "requests") or below or value
    found: dict[str, tuple[SourceValue, float]] = {}
    for name, convert in (("cpu", cpu), ("memory", memory)):
        given = get(place, name, *(("vcpu", "vcpus", "cpu_units") if name == "cpu" else ("mem", "memory_mb", "ram")))
        if given is None:
            continue
        try:
            found[name] = given, convert(given)
        except UnfitError as error:
            note(given, block, not_carried(f"it {error}"))
    if found:
        units, size = (_whole(found[name][1]) if name in found else None for name in ("cpu", "memory"))
        different = put_size(block, units, size)
        for name, (given, _) in found.items():
            outcome = changed(different, f"resources.{name}") if different else carried(f"resources.{name}")
            note(given, block, outcome)
    return block


def _whole(amount: float) -> float:
    return int(amount) if amount == int(amount) else amount


def _count(value: SourceValue, block: Block) -> KeyOutcome | None:
    if block.draft.kind is JOB:
        return not_carried("a job runs one task at a time: a larger one has more CPU and memory")
    scaling = get(document_of(value), "scaling", "autoscaling", "auto_scaling")
    enabled = get(scaling, "enabled")
    if scaling is not None and (enabled is None or enabled.data is not False):
        return changed("auto scaling sets the number of tasks", "autoScaling")
    block.put("resources.desiredCount", min(max(value.number, 0), 5000))
    return None


def _provider(value: SourceValue, block: Block) -> KeyOutcome | None:
    words = {each.text.upper() for each in listed(value)}
    if "FARGATE_SPOT" in words or "SPOT" in words:
        block.put("resources.spot", True)
        return carried("resources.spot")
    if words <= {"FARGATE"}:
        return None
    return not_carried("the tasks run on Fargate, or with `resources.spot` on Fargate Spot")


def _architecture(value: SourceValue, block: Block) -> None:
    given = value.text.lower().rpartition("/")[2]
    known = {"arm64": "arm64", "aarch64": "arm64", "arm": "arm64", "x86_64": "x86_64", "amd64": "x86_64"}
    if given not in known:
        raise UnfitError("must be x86_64 or arm64")
    block.put("resources.architecture", known[given])


def _storage(value: SourceValue, block: Block) -> KeyOutcome | None:
    found = re.fullmatch(r"(\d{1,6}) ?(?:g|gb|gi|gib)?", value.text.strip().lower())
    if not found:
        raise UnfitError("must be a size in GiB")
    given = int(found[1])
    if given <= 20:
        return changed("a task has 20 GiB anyway", "resources")
    block.put("resources.ephemeralStorage", min(given, 200))
    return changed("a task on Fargate has at most 200 GiB", "resources.ephemeralStorage") if given > 200 else None


def _size_keys(prefix: str) -> Iterator[SourceKey]:
    under = prefix and f"{prefix}."
    for name in ("cpu", "vcpu", "vcpus", "cpu_units"):
        yield SourceKey(f"{under}{name}", "resources.cpu", convert=_sized(cpu))
    for name in ("memory", "mem", "memory_mb", "ram"):
        yield SourceKey(f"{under}{name}", "resources.memory", convert=_sized(memory))


def _sized(read: Any) -> Convert:
    """``size`` has put it there, or has reported why not."""

    def convert(value: SourceValue, block: Block) -> None:
        read(value)

    return convert


_LIMITS = "a task has one size: that of `limits`"

COMPUTE = table(
    *_size_keys(""),
    *_size_keys("resources"),
    *_size_keys("resources.limits"),
    *(
        SourceKey(key.path, key.to, _LIMITS, convert=lambda value, block: changed(_LIMITS))
        for key in _size_keys("resources.requests")
    ),
    *keys(
        "desired_count replicas instances count tasks instance_count task_count", "resources.desiredCount", "", _count
    ),
    *keys("capacity_provider capacity_providers launch_type", "resources", "", _provider, whole=True),
    *keys("spot use_spot fargate_spot", "resources.spot", "", flag("resources.spot")),
    *keys("architecture cpu_architecture arch", "resources.architecture", "", _architecture),
    *keys(
        "ephemeral_storage storage disk disk_size ephemeral_storage_gb",
        "resources.ephemeralStorage",
        "",
        _storage,
    ),
    *keys("gpu gpus", note="Fargate has no GPUs: run it on EC2, outside of fsdcf"),
    *keys("instance_type instance_types", note="Fargate has no instance types: `resources` has the size of a task"),
    *keys("platform_version compute_environment.fargate_platform_version", "resources", "", nothing),
    SourceKey("compute_environment.type", "resources", convert=_provider),
    *keys("port container_port", "port", "", number("port", 1, 65535)),
    *_container(""),
    *_container("container"),
    *_size_keys("container"),
    SourceKey("container.name", "image", convert=nothing),
    *keys("container.port container.container_port", "port", "", number("port", 1, 65535)),
)


# Health checks and network


def _check_table() -> Table:
    return table(
        *keys("path endpoint uri url", "healthCheck.path", "", _path),
        SourceKey("port", "healthCheck.port", convert=_check_port),
        SourceKey("protocol", "healthCheck.protocol", convert=_protocol("healthCheck.protocol")),
        *keys("interval interval_seconds", "healthCheck.interval", "", seconds("healthCheck.interval", 5, 300)),
        *keys("timeout timeout_seconds", "healthCheck.timeout", "", seconds("healthCheck.timeout", 2, 120)),
        *keys(
            "healthy_threshold healthy_threshold_count success_threshold",
            "healthCheck.healthyThreshold",
            "",
            number("healthCheck.healthyThreshold", 2, 10),
        ),
        *keys(
            "unhealthy_threshold unhealthy_threshold_count failure_threshold retries",
            "healthCheck.unhealthyThreshold",
            "",
            number("healthCheck.unhealthyThreshold", 2, 10),
        ),
        *keys(
            "success_codes matcher codes status_codes http_codes expected_status status_code",
            "healthCheck.successCodes",
            "",
            _codes,
        ),
        *keys(
            "grace_period start_period initial_delay grace_period_seconds initial_delay_seconds "
            "health_check_grace_period",
            "healthCheck.gracePeriod",
            "",
            seconds("healthCheck.gracePeriod"),
        ),
        *keys("command test", "healthCheck.container.command", "", _check, whole=True),
        *keys("enabled type", "healthCheck", "", nothing),
    )


def _path(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = translated(value, value.text)
    path = given if given.startswith("/") else "/" + re.sub(r"^https?://[^/]*/?", "", given)
    block.put("healthCheck.path", path)
    return changed("a path begins with /", "healthCheck.path") if path != given else None


def _check_port(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.is_text() and value.text in ("traffic-port", "traffic_port"):
        return None
    block.put("healthCheck.port", value.number)
    return None


def _codes(value: SourceValue, block: Block) -> None:
    given = ",".join(each.text.strip() for each in listed(value))
    if not re.fullmatch(r"[2-4]\d\d([,-][2-4]\d\d)*", given):
        raise UnfitError("must be codes such as 200 or 200-299")
    block.put("healthCheck.successCodes", given if "-" in given or "," in given else int(given))


def _protocol(to: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        given = value.text.lower()
        if given == "http":
            return None
        if given != "https":
            return not_carried("the load balancer checks by HTTP or HTTPS")
        block.put(to, given)
        return None

    return convert


def _port_protocol(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = value.text.lower()
    if given == "http":
        return None
    if given == "https":
        to = "networking.loadBalancer.protocol"
        block.put(to, "https")
        return changed(
            "to the container; its clients use HTTPS once the load balancer has certificateArn or domain", to
        )
    if given in ("grpc", "http2"):
        return not_carried(
            f"the load balancer needs a certificate for it: write networking.loadBalancer.protocolVersion: {given}"
            " with certificateArn or domain"
        )
    return not_carried(
        "the load balancer of a service is for HTTP: `networking.loadBalancer: false` has a port without one, and"
        " `serviceConnect: {protocol: tcp}` lets other services call it"
    )


def _group(value: SourceValue, block: Block) -> Block | None:
    given = value.text
    if not re.fullmatch(r"sg-[0-9a-z]{8,17}", given):
        raise UnfitError("must be the id of a security group: write it as networking.securityGroups: [sg-…]")
    block.put("networking.securityGroups", [*(block.get("networking.securityGroups") or ()), given])
    note(value, block, carried("networking.securityGroups"))
    return None


_OF_ENVIRONMENT = (
    *(
        "internal",
        "certificateArn",
        "sslPolicy",
        "idleTimeout",
        "allowCidrs",
        "accessLogs",
        "deletionProtection",
        "waf",
    ),
)
"""The keys of a load balancer that the file of an environment has, where services share one."""


def _on_balancer(inner: Convert) -> Convert:
    """A key of the load balancer, which the service may not have, or share with others of an environment."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        if block.get("networking.loadBalancer") is False:
            return not_carried("the service has no load balancer")
        outcome = inner(value, block)
        own = block.get("networking.loadBalancer")
        moved = [key for key in _OF_ENVIRONMENT if key in own] if isinstance(own, dict) and flat(block).shared else []
        if not moved:
            return outcome
        for key in moved:
            given = own.pop(key)
            for environment in flat(block).shared:
                path = f"loadBalancers.{flat(block).balancer}.{key}"
                before = environment.block.get(path)
                if before is not None and before != given:
                    return not_carried(f"the services share a load balancer, for which another document has {before}")
                environment.block.put(path, given)
        files = " and ".join(each.path for each in flat(block).shared)
        return changed(f"services share the load balancer: {files} has it", "networking.loadBalancer")

    return convert


def _balancer_type(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = value.text.lower()
    if given in ("application", "alb", "http", "https"):
        return None
    if given in ("none", "false"):
        block.put("networking.loadBalancer", False)
        return None
    return not_carried("the load balancer is an application load balancer, which serves HTTP and HTTPS")


def _enabled_balancer(value: SourceValue, block: Block) -> KeyOutcome | None:
    if not value.flag:
        block.put("networking.loadBalancer", False)
    return carried("networking.loadBalancer")


def _scheme(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = value.text.lower()
    if given not in ("internal", "internet-facing", "public", "private"):
        raise UnfitError("must be internal or internet-facing")
    block.put("networking.loadBalancer.internal", given in ("internal", "private"))
    return None


def _certificate(value: SourceValue, block: Block) -> None:
    given = translated(value, value.text)
    if not given.startswith("arn:") and not given.startswith("${"):
        raise UnfitError("must be the ARN of a certificate: write it as networking.loadBalancer.certificateArn")
    block.put("networking.loadBalancer.certificateArn", given)


def _web_acl(value: SourceValue, block: Block) -> None:
    given = translated(value, value.text)
    if not given.startswith("arn:") and not given.startswith("${"):
        raise UnfitError("must be the ARN of a web ACL: write it as networking.loadBalancer.waf")
    block.put("networking.loadBalancer.waf", given)


def _waf(value: SourceValue, block: Block) -> KeyOutcome | None:
    if get(above(value), "web_acl_arn", "arn", "acl_arn") is not None or not value.flag:
        return None
    return not_carried("a web ACL is known by its ARN: write it as networking.loadBalancer.waf")


_DEFAULT_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"


def _policy_of_tls(value: SourceValue, block: Block) -> KeyOutcome | None:
    """The policy of a listener, which it has with a certificate alone."""
    if any(name.split(".")[0] in map(snake, above(value).data) for name in _CERTIFICATES.split()):
        block.put("networking.loadBalancer.sslPolicy", value.text)
        return None
    if value.text == _DEFAULT_POLICY:
        return changed(
            "it is the default, once the load balancer has certificateArn or domain", "networking.loadBalancer"
        )
    return not_carried("without a certificate there is no TLS: write certificateArn or domain, and this as sslPolicy")


_CERTIFICATES = (
    "certificate certificate_arn cert cert_arn ssl_certificate_arn acm_certificate_arn tls.certificate_arn "
    "https.certificate_arn ssl.certificate_arn certificate.arn listener.certificate_arn"
)


def _domain(value: SourceValue, block: Block) -> KeyOutcome:
    given = translated(value, value.text)
    block.put("networking.loadBalancer.hosts", [*(block.get("networking.loadBalancer.hosts") or ()), given])
    return changed(
        "as the host name of its requests: `domain: {name, hostedZoneId}` has a certificate and a record, too",
        "networking.loadBalancer.hosts",
    )


def _hosts(value: SourceValue, block: Block) -> None:
    hosts = [translated(each, each.text) for each in listed(value)]
    block.put("networking.loadBalancer.hosts", [*(block.get("networking.loadBalancer.hosts") or ()), *hosts])


def _paths(value: SourceValue, block: Block) -> KeyOutcome | None:
    paths = [translated(each, each.text) for each in listed(value)]
    if paths in (["/"], ["/*"]):
        return None
    block.put("networking.loadBalancer.paths", ["/" + each.lstrip("/") for each in paths])
    return None


def _discovery(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.flag:
        block.put("networking.serviceDiscovery", True)
    return None


_LISTENER = "the load balancer answers at 80, and with a certificate at 443"
_SUBNETS = "the tasks are in a VPC of the stack: write `networking.vpc: {id, privateSubnets, publicSubnets}` for yours"


def _balancer_keys() -> Iterator[SourceKey]:
    to = "networking.loadBalancer"
    yield SourceKey("enabled", to, convert=_enabled_balancer)
    found = (
        *keys("type", f"{to}.type", "", _balancer_type),
        *keys("internal private", f"{to}.internal", "", flag(f"{to}.internal")),
        *keys("public external internet_facing", f"{to}.internal", "", inverted(f"{to}.internal")),
        *keys("scheme visibility", f"{to}.internal", "", _scheme),
        *keys("idle_timeout idle_timeout_seconds", f"{to}.idleTimeout", "", seconds(f"{to}.idleTimeout", 1, 4000)),
        *keys("ssl_policy tls_policy security_policy", f"{to}.sslPolicy", "", _policy_of_tls),
        *keys(
            _CERTIFICATES,
            f"{to}.certificateArn",
            "",
            _certificate,
        ),
        SourceKey("waf.enabled", f"{to}.waf", convert=_waf),
        *keys("waf.web_acl_arn waf.arn waf.acl_arn waf_acl_arn web_acl_arn waf", f"{to}.waf", "", _web_acl),
        *keys("domain domain_name dns_name hostname", f"{to}.hosts", "", _domain),
        *keys("host hosts host_header host_headers hostnames aliases", f"{to}.hosts", "", _hosts, whole=True),
        *keys("path paths path_pattern path_patterns path_prefix", f"{to}.paths", "", _paths, whole=True),
        *keys("priority rule_priority listener.priority", note="a load balancer of its own has no priorities"),
        *keys("sticky stickiness sticky_sessions stickiness.enabled", f"{to}.stickiness", "", flag(f"{to}.stickiness")),
        *keys(
            "deregistration_delay draining_timeout deregistration_delay_seconds",
            f"{to}.deregistrationDelay",
            "",
            seconds(f"{to}.deregistrationDelay", 0, 3600),
        ),
        *keys("access_logs access_logs.enabled", f"{to}.accessLogs", "", _logs_of_requests),
        *keys("access_logs.bucket", f"{to}.accessLogs.bucket", "", text(f"{to}.accessLogs.bucket")),
        *keys("access_logs.prefix", f"{to}.accessLogs.prefix", "", text(f"{to}.accessLogs.prefix")),
        *keys(
            "allow_cidrs allowed_cidrs allowed_cidr_blocks cidr_blocks ingress_cidrs whitelist",
            f"{to}.allowCidrs",
            "",
            texts(f"{to}.allowCidrs"),
            whole=True,
        ),
        *keys("deletion_protection", f"{to}.deletionProtection", "", flag(f"{to}.deletionProtection")),
        *keys(
            "listener listeners listener_port listener.port port ports listener.protocol protocol",
            to,
            "",
            lambda value, block: changed(_LISTENER),
            whole=True,
        ),
        *keys("redirect_http https_redirect http_redirect", to, "", lambda value, block: changed(_LISTENER)),
        *keys("subnets security_groups name", note="the load balancer has subnets, a group and a name of its own"),
        *keys(
            "target_group target_group_arn listener_arn arn",
            note="the stack makes its own: environment.loadBalancers of an environment's file adopts one",
            whole=True,
        ),
    )
    for key in found:
        inner = key.convert and _on_balancer(key.convert)
        yield SourceKey(key.path, key.to, key.note, inner, whole=key.whole)
    yield from (SourceKey(path, table=CHECK) for path in ("health_check", "healthcheck"))


def _logs_of_requests(value: SourceValue, block: Block) -> None:
    given = block.get("networking.loadBalancer.accessLogs")
    if not isinstance(given, dict):
        block.put("networking.loadBalancer.accessLogs", value.flag)


def _namespace(value: SourceValue, block: Block) -> KeyOutcome:
    block.put("networking.serviceDiscovery", block.get("networking.serviceDiscovery") or True)
    return name_space(value, block, "networking.serviceDiscovery")


def name_space(value: SourceValue, block: Block, to: str) -> KeyOutcome:
    """Put a namespace into the files of the environments, which have one each."""
    given = value.text.lower().strip(".")
    if not re.fullmatch(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,7}", given):
        return changed("the namespace is that of the environment, by default NAME.internal", to)
    for environment in flat(block).shared:
        before = environment.block.get("namespace")
        if before not in (None, given):
            return not_carried(f"an environment has one namespace, for which another document has {before}")
        environment.block.put("namespace", given)
    return changed(f"{' and '.join(each.path for each in flat(block).shared)} has it", to)


def _ttl(value: SourceValue, block: Block) -> None:
    if not isinstance(block.get("networking.serviceDiscovery"), dict):
        block.put("networking.serviceDiscovery", {})
    block.put("networking.serviceDiscovery.ttl", duration(value))


CHECK = _check_table()
BALANCER = table(*_balancer_keys())
DISCOVERY = table(
    SourceKey("enabled", "networking.serviceDiscovery", convert=_discovery),
    *keys("namespace dns_namespace", "networking.serviceDiscovery", "", _namespace),
    *keys("dns_ttl ttl", "networking.serviceDiscovery.ttl", "", _ttl),
    *keys("name service_name", "networking.serviceDiscovery.name", "", text("networking.serviceDiscovery.name")),
    *keys("type method dns_type", "networking.serviceDiscovery", "", nothing),
)


def _network_keys() -> Iterator[SourceKey]:
    yield from keys("port container_port", "port", "", number("port", 1, 65535))
    yield SourceKey("protocol", "networking.loadBalancer.protocol", convert=_port_protocol)
    yield SourceKey("ports", "port", convert=_ports, whole=True)
    yield from keys("health_check_path healthcheck_path", "healthCheck.path", "", _path)
    yield from (SourceKey(path, table=CHECK) for path in ("health_check", "healthcheck"))
    yield from (
        SourceKey(path, "networking.loadBalancer", convert=_enabled_balancer, table=BALANCER)
        for path in ("load_balancer", "alb", "ingress")
    )
    yield SourceKey("service_discovery", "networking.serviceDiscovery", convert=_discovery, table=DISCOVERY)
    yield from keys(
        "internal private", "networking.loadBalancer.internal", "", flag("networking.loadBalancer.internal")
    )
    yield from keys("public", "networking.loadBalancer.internal", "", inverted("networking.loadBalancer.internal"))
    yield from keys("assign_public_ip public_ip", "networking.assignPublicIp", "", flag("networking.assignPublicIp"))
    yield from keys("vpc_id vpc.id vpc", "networking.vpc.id", "", _vpc)
    yield from keys(
        "subnets subnet_ids private_subnets vpc.subnets vpc.private_subnets vpc.subnet_ids",
        "networking.vpc.privateSubnets",
        "",
        _subnets("privateSubnets"),
        whole=True,
    )
    yield from keys(
        "public_subnets vpc.public_subnets", "networking.vpc.publicSubnets", "", _subnets("publicSubnets"), whole=True
    )
    for name in ("security_groups", "security_group_ids", "vpc.security_groups", "vpc.security_group_ids"):
        yield SourceKey(f"{name}[]", "networking.securityGroups", table=_PAIR, enter=_group, convert=_group_alone)
    yield from keys("network_mode mode", "networking", "", _network_mode)
    yield from keys("domain", "networking.loadBalancer.hosts", "", _domain)
    yield from keys("hosts", "networking.loadBalancer.hosts", "", _hosts, whole=True)


def _group_alone(value: SourceValue, block: Block) -> KeyOutcome | None:
    _group(value, block)
    return carried("networking.securityGroups")


def _ports(value: SourceValue, block: Block) -> KeyOutcome | None:
    ports = listed(value)
    first = ports[0] if ports else value
    given = get(first, "container_port", "port", "target_port") if isinstance(first.data, dict) else first
    if given is None:
        raise UnfitError("must be a list of ports")
    block.put("port", min(max(given.number, 1), 65535))
    return changed("a service has one port: sidecars have further ones", "port") if len(ports) > 1 else None


def _vpc(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = value.text
    if isinstance(value.data, bool):
        return None
    if not re.fullmatch(r"vpc-[0-9a-f]{8,17}", given):
        raise UnfitError("must be the id of a VPC: write networking.vpc with its id and subnets")
    block.put("networking.vpc.id", given)
    return None


def _subnets(name: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        if value.is_text() and value.text in ("private", "public"):
            if value.text == "public":
                block.put("networking.assignPublicIp", True)
            return carried("networking")
        ids = [each.text for each in listed(value)]
        if not all(re.fullmatch(r"subnet-[0-9a-f]{8,17}", each) for each in ids):
            raise UnfitError(f"must be ids of subnets: {_SUBNETS}")
        block.put(f"networking.vpc.{name}", ids)
        return None

    return convert


def _network_mode(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text.lower() == "awsvpc":
        return None
    return not_carried("tasks on Fargate have a network interface each, which is `awsvpc`")


NETWORK = table(*_network_keys())


# Scaling

_METRICS = {
    **dict.fromkeys(
        (
            *("cpu", "cpu_utilization", "ecsserviceaveragecpuutilization", "ecs_service_average_cpuutilization"),
            *("ecs_service_average_cpu_utilization", "average_cpu", "target_cpu"),
        ),
        ("cpu", "targetCPU"),
    ),
    **dict.fromkeys(
        (
            *("memory", "memory_utilization", "mem", "ecs_service_average_memory_utilization", "average_memory"),
            *("ecsserviceaveragememoryutilization", "target_memory"),
        ),
        ("memory", "targetMemory"),
    ),
    **dict.fromkeys(
        (
            *("request_count", "alb_request_count", "requests", "requests_per_target", "request_count_per_target"),
            *("alb_request_count_per_target", "albrequestcountpertarget", "requests_per_task", "alb_requests"),
        ),
        ("requestsPerTask", "targetRequestsPerTask"),
    ),
    **dict.fromkeys(
        ("response_time", "target_response_time", "latency"),
        ("responseTime", "targetResponseTime"),
    ),
    **dict.fromkeys(
        (
            "queue_depth",
            "queue_backlog",
            "sqs_queue_depth",
            "sqs_queue_length",
            "queue_length",
            "sqs",
            "backlog_per_task",
        ),
        ("queueBacklogPerTask", "queueBacklogPerTask"),
    ),
}
"""The metrics of the dialect: each in a policy of a spec, and the target of autoScaling."""
_METRIC = "fsdcf scales by cpu, memory, requests, response time and the backlog of a queue"


def _metric(value: SourceValue) -> tuple[str, str]:
    found = _METRICS.get(snake(value.text.strip()))
    if found is None:
        raise UnfitError(f"has a metric that a spec does not have, {value.text[:40]}: {_METRIC}")
    return found


def _target(metric: str, value: SourceValue) -> float:
    if metric in ("cpu", "memory"):
        return percent(value)
    if metric == "responseTime":
        given = value.text.strip().lower()
        found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?) ?(ms|s)?", given)
        if not found:
            raise UnfitError("must be a number of seconds")
        share = float(found[1])
        return share / 1000 if found[2] == "ms" or (not found[2] and share >= 60) else share
    return max(value.number, 1)


def _targets(metric: str, to: str) -> Convert:
    return lambda value, block: block.put(to, _target(metric, value))


def _policy(value: SourceValue, block: Block) -> Block | None:
    kind = snake((get(value, "type", "policy_type") or value).text) if get(value, "type", "policy_type") else "target"
    if "schedule" in kind or get(value, "schedule", "cron"):
        _scheduled(value, block)
    elif "step" in kind:
        _stepped(value, block)
    else:
        _tracked(value, block)
    return None


def _tracked(value: SourceValue, block: Block) -> None:
    named = get(value, "metric", "metric_type", "predefined_metric", "metric_name")
    given = get(value, "target", "target_value", "value", "threshold", "target_utilization")
    if named is None or given is None:
        raise UnfitError("must have a `metric` and a `target`")
    metric, target = _metric(named)
    number = _target(metric, given)
    entry: dict[str, Any] = {"metric": metric, "value": number}
    for name in ("scale_in_cooldown", "scale_out_cooldown"):
        found = get(value, name, name.removeprefix("scale_"), "cooldown")
        if found is not None:
            entry[_CAMEL[name]] = min(duration(found), 86400)
    disabled = get(value, "disable_scale_in")
    if disabled is not None and disabled.flag:
        entry["scaleIn"] = False
    if len(entry) == 2 and block.get(f"autoScaling.{target}") is None:
        block.put(f"autoScaling.{target}", number)
        _report_policy(value, block, f"autoScaling.{target}", _TRACKED)
        return
    place = block.add("autoScaling.policies", entry)
    _report_policy(value, block, place.key("")[len(block.key("")) :].lstrip(".") or "autoScaling.policies", _TRACKED)


_CAMEL = {"scale_in_cooldown": "scaleInCooldown", "scale_out_cooldown": "scaleOutCooldown"}
_TRACKED = words(
    "type policy_type metric metric_type predefined_metric metric_name target target_value value threshold "
    "target_utilization scale_in_cooldown scale_out_cooldown in_cooldown out_cooldown cooldown "
    "disable_scale_in name description"
)


def _report_policy(value: SourceValue, block: Block, to: str, known: frozenset[str]) -> None:
    for name, child in value.children():
        if child.data is None:
            continue
        outcome = carried(to) if snake(name) in known else not_carried(f"it is not a key of {TITLE}")
        note(child, block, outcome)


def _scheduled(value: SourceValue, block: Block) -> None:
    given = get(value, "schedule", "cron", "expression")
    if given is None:
        raise UnfitError("must have a `schedule`")
    if given.text.strip().startswith(("rate(", "at(")):
        raise UnfitError("must have a schedule in the form cron(…): a rate sets no limits")
    index = len(block.get("autoScaling.schedules") or ()) + 1
    named = get(value, "name")
    entry: dict[str, Any] = {
        "name": re.sub(r"[^A-Za-z0-9_.-]", "-", named.text)[:128] if named else f"schedule-{index}",
        "cron": reading.cron(given.text),
    }
    zone = get(value, "timezone", "time_zone")
    if zone is not None:
        entry["timezone"] = zone.text
    for name, key in (("min", "minCount"), ("max", "maxCount")):
        found = get(value, *(f"{name}{end}" for end in _ENDS))
        if found is not None:
            entry[key] = min(max(found.number, 0), 5000)
    exact = get(value, "desired_count", "desired", "count")
    if exact is not None:
        entry.setdefault("minCount", min(max(exact.number, 0), 5000))
    block.add("autoScaling.schedules", entry)
    known = {"type", "policy_type", "name", "schedule", "cron", "expression", "timezone", "time_zone", "description"}
    known |= {f"{name}{end}" for name in ("min", "max") for end in _ENDS} | {"desired_count", "desired", "count"}
    _report_policy(value, block, f"autoScaling.schedules[{index - 1}]", frozenset(known))


def _schedule(value: SourceValue, block: Block) -> Block | None:
    _scheduled(value, block)
    return None


def _stepped(value: SourceValue, block: Block) -> None:
    named, steps = get(value, "metric", "metric_name"), get(value, "steps", "step_adjustments", "adjustments")
    if named is None or steps is None:
        raise UnfitError("must have a `metric` and `steps`")
    metric, _ = _metric(named)
    found = []
    for step in steps.items():
        change = get(step, "adjustment", "change", "scaling_adjustment")
        if change is None:
            raise UnfitError("must have steps with an `adjustment`")
        entry: dict[str, Any] = {}
        for key, names in (("lower", ("lower", "from", "lower_bound")), ("upper", ("upper", "to", "upper_bound"))):
            bound = get(step, *names)
            if bound is not None:
                entry[key] = bound.number
        found.append({**entry, "adjustment": change.number})
    index = len(block.get("autoScaling.policies") or ())
    block.add("autoScaling.policies", {"type": "step", "metric": metric, "steps": found})
    known = frozenset(
        ("type", "policy_type", "name", "metric", "metric_name", "steps", "step_adjustments", "adjustments")
    )
    _report_policy(value, block, f"autoScaling.policies[{index}]", known)


_ENDS = ("", "_count", "_capacity", "_tasks", "_instances", "_replicas", "_size")


def _whether_scaling(value: SourceValue, block: Block) -> KeyOutcome | None:
    return None if value.flag else changed("the service scales: remove `autoScaling` for a fixed number of tasks")


SCALING = table(
    SourceKey("enabled", "autoScaling", convert=_whether_scaling),
    *keys(" ".join(f"min{end}" for end in _ENDS), "autoScaling.minCount", "", number("autoScaling.minCount", 0, 5000)),
    *keys(" ".join(f"max{end}" for end in _ENDS), "autoScaling.maxCount", "", number("autoScaling.maxCount", 1, 5000)),
    *keys("desired desired_count desired_capacity", "autoScaling", "auto scaling sets the number of tasks", nothing),
    *keys(
        "target_cpu target_cpu_utilization target_cpu_percent cpu_target cpu cpu_threshold cpu_utilization "
        "target_cpu_percentage cpu_percent target_cpuutilization targets.cpu metrics.cpu target.cpu",
        "autoScaling.targetCPU",
        "",
        _targets("cpu", "autoScaling.targetCPU"),
    ),
    *keys(
        "target_memory target_memory_utilization target_memory_percent memory_target memory memory_threshold "
        "memory_utilization target_memory_percentage memory_percent targets.memory metrics.memory target.memory",
        "autoScaling.targetMemory",
        "",
        _targets("memory", "autoScaling.targetMemory"),
    ),
    *keys(
        "target_requests target_requests_per_target requests_per_target request_count target_request_count "
        "requests_per_task target_requests_per_task targets.requests requests",
        "autoScaling.targetRequestsPerTask",
        "",
        _targets("requestsPerTask", "autoScaling.targetRequestsPerTask"),
    ),
    *keys(
        "target_response_time response_time",
        "autoScaling.targetResponseTime",
        "",
        _targets("responseTime", "autoScaling.targetResponseTime"),
    ),
    *keys(
        "queue_depth queue_backlog_per_task target_queue_depth queue_length",
        "autoScaling.queueBacklogPerTask",
        "",
        _targets("queueBacklogPerTask", "autoScaling.queueBacklogPerTask"),
    ),
    *keys(
        "scale_in_cooldown cooldown_in cooldown.scale_in cooldown.in scale_down_cooldown",
        "autoScaling.scaleInCooldown",
        "",
        seconds("autoScaling.scaleInCooldown", 0, 86400),
    ),
    *keys(
        "scale_out_cooldown cooldown_out cooldown.scale_out cooldown.out scale_up_cooldown",
        "autoScaling.scaleOutCooldown",
        "",
        seconds("autoScaling.scaleOutCooldown", 0, 86400),
    ),
    SourceKey("cooldown", "autoScaling.scaleInCooldown", convert=seconds("autoScaling.scaleInCooldown", 0, 86400)),
    *(
        SourceKey(f"{name}[]", "autoScaling", table=_PAIR, enter=_policy)
        for name in ("policies", "metrics", "targets", "rules")
    ),
    *(
        SourceKey(f"{name}[]", "autoScaling.schedules", table=_PAIR, enter=_schedule)
        for name in ("schedules", "scheduled", "schedule", "scheduled_actions")
    ),
)


# Observability


def _log_driver(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text.lower() in ("awslogs", "cloudwatch", "cloudwatch_logs"):
        return None
    return not_carried("the stack writes to CloudWatch Logs: `observability.logs.driver` has the others")


_GROUP = "the stack has a log group of its own, /fsdcf/… or that of its name"


def _provider_of_traces(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = value.text.lower()
    if given in ("xray", "x-ray", "aws-xray", "otel", "opentelemetry", "adot", "otlp"):
        return None
    return not_carried("the traces go to AWS X-Ray, or to `observability.traces.otlpEndpoint`")


def _sampling(value: SourceValue, block: Block) -> KeyOutcome:
    given = value.text.strip()
    share = percent(value) / 100 if given.endswith("%") else float(given) if _is_share(given) else None
    if share is None:
        raise UnfitError("must be a share from 0 to 1")
    block.put_at("environment", "OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    block.put_at("environment", "OTEL_TRACES_SAMPLER_ARG", f"{share:g}")
    return changed(
        "as variables of OpenTelemetry", "environment.OTEL_TRACES_SAMPLER environment.OTEL_TRACES_SAMPLER_ARG"
    )


def _is_share(given: str) -> bool:
    return re.fullmatch(r"0(\.\d{1,9})?|1(\.0{1,9})?", given) is not None


def _metrics_enabled(value: SourceValue, block: Block) -> KeyOutcome | None:
    beside = above(value)
    if value.flag and get(beside, "custom", "namespace") is not None and get(beside, "port", "path") is None:
        return changed("the service sends its metrics itself", "taskRole")
    block.put("observability.metrics.enabled", value.flag)
    return carried("observability.metrics.enabled")


def _custom(value: SourceValue, block: Block) -> KeyOutcome:
    """The metrics of a service that sends them to CloudWatch itself, which needs a permission.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html
    """
    beside = above(value)
    space = get(beside, "namespace")
    statement: dict[str, Any] = {"actions": ["cloudwatch:PutMetricData"], "resources": ["*"]}
    if space is not None:
        statement["conditions"] = {"StringEquals": {"cloudwatch:namespace": translated(space, space.text)}}
    to = add_statement(block, statement)
    if not to:
        return not_carried("allow cloudwatch:PutMetricData in the existing role")
    return changed("the service may send its metrics to CloudWatch", to)


_ALARMS = {
    **dict.fromkeys(
        (
            "httpcode_target_5xx_count",
            "http_code_target_5xx_count",
            "5xx",
            "error_rate",
            "errors",
            "5xx_count",
            "http_5xx",
        ),
        "errorRate",
    ),
    **dict.fromkeys(("target_response_time", "response_time", "latency", "p95_latency", "p99_latency"), "responseTime"),
    **dict.fromkeys(("cpuutilization", "cpu_utilization", "cpu", "high_cpu"), "cpu"),
    **dict.fromkeys(("memory_utilization", "memory", "mem", "high_memory"), "memory"),
    **dict.fromkeys(("un_healthy_host_count", "unhealthy_host_count", "unhealthy_hosts"), "unhealthyTargets"),
    **dict.fromkeys(("running_task_count", "running_tasks"), "runningTasks"),
    **dict.fromkeys(("dlq_messages", "dead_letters"), "deadLetters"),
}


def _alarm_name(given: str) -> str:
    plain = given.replace("HTTPCode_Target_5XX_Count", "5xx")
    found = _ALARMS.get(snake(plain.strip()).replace("__", "_"))
    if found is None:
        raise UnfitError(
            "is an alarm that a spec does not have: it has those of errorRate, responseTime, cpu, memory,"
            " unhealthyTargets, runningTasks and deadLetters; add others in a template of `addons`"
        )
    return found


def _put_alarm(block: Block, name: str, given: SourceValue | None) -> str:
    """Put the threshold of an alarm, or switch it on. Returns what is different."""
    if not isinstance(block.get("observability.alarms"), dict):
        block.put("observability.alarms", {})
    place = f"observability.alarms.{name}"
    if name in ("cpu", "memory") and given is not None and not isinstance(given.data, bool):
        block.put(place, percent(given))
        return ""
    if name == "responseTime" and given is not None and not isinstance(given.data, bool):
        block.put(place, _target(name, given))
        return ""
    block.put(place, True)
    return "by its own threshold, in percent of the requests" if name == "errorRate" else ""


def _alarm(value: SourceValue, block: Block) -> Block | None:
    if value.is_text():
        name = _alarm_name(value.text)
        note(value, block, _alarm_outcome(name, _put_alarm(block, name, None)))
        return None
    named = get(value, "metric", "metric_name", "type") or get(value, "name")
    if named is None:
        raise UnfitError("must have a `metric`")
    name = _alarm_name(named.text)
    different = _put_alarm(block, name, get(value, "threshold"))
    to = f"observability.alarms.{name}"
    for key, child in value.children():
        if child.data is None:
            continue
        spelled = snake(key)
        if spelled in ("actions", "action", "notify", "alarm_actions", "sns_topic"):
            note(child, block, _notify(child, block) or carried("observability.alarms.notify"))
        elif spelled in ("metric", "metric_name", "type", "name"):
            note(child, block, carried(to))
        elif spelled == "threshold":
            note(child, block, _alarm_outcome(name, different))
        elif spelled in _OWN:
            note(child, block, changed("the alarms of a spec have periods of their own", to))
        else:
            note(child, block, not_carried(f"it is not a key of {TITLE}"))
    return None


_OWN = words(
    "evaluation_periods period comparison comparison_operator statistic description datapoints_to_alarm "
    "severity unit namespace treat_missing_data"
)


def _alarm_outcome(name: str, different: str) -> KeyOutcome:
    to = f"observability.alarms.{name}"
    return changed(different, to) if different else carried(to)


def _notify(value: SourceValue, block: Block) -> KeyOutcome | None:
    topics = [translated(each, each.text) for each in listed(value)]
    if not topics:
        return carried("observability.alarms")
    first = topics[0] if topics[0].startswith(("arn:", "${")) else reading.topic(topics[0])
    if not isinstance(block.get("observability.alarms"), dict):
        block.put("observability.alarms", {})
    block.put("observability.alarms.notify", first)
    to = "observability.alarms.notify"
    return not_carried("the alarms notify one topic: subscribe the others to it") if len(topics) > 1 else carried(to)


def _alarm_of(value: SourceValue, block: Block) -> KeyOutcome | None:
    name = _alarm_name(value.name)
    given = get(value, "threshold") if isinstance(value.data, dict) else value
    if isinstance(value.data, bool) and not value.data:
        if not isinstance(block.get("observability.alarms"), dict):
            block.put("observability.alarms", {})
        block.put(f"observability.alarms.{name}", False)
        return carried(f"observability.alarms.{name}")
    return _alarm_outcome(name, _put_alarm(block, name, given))


def _alarms_on(value: SourceValue, block: Block) -> KeyOutcome | None:
    if not value.flag:
        block.put("observability.alarms", False)
    return carried("observability.alarms")


def _log_level(value: SourceValue, block: Block) -> KeyOutcome:
    outcome = put_variable(block, "LOG_LEVEL", translated(value, value.text))
    return changed("as a variable", outcome.to)


OBSERVABILITY = table(
    *(
        key
        for name in ("logging", "logs", "log")
        for key in (
            SourceKey(f"{name}.enabled", "observability.logs.enabled", convert=flag("observability.logs.enabled")),
            SourceKey(name, "observability.logs.enabled", convert=flag("observability.logs.enabled")),
            *keys(
                f"{name}.driver {name}.provider {name}.type {name}.destination", "observability.logs", "", _log_driver
            ),
            *keys(
                f"{name}.retention_days {name}.retention {name}.retention_in_days {name}.days",
                "observability.logs.retention",
                "",
                reading.days("observability.logs.retention", RETENTION_DAYS),
            ),
            *keys(
                f"{name}.group {name}.log_group {name}.options.log_group {name}.options.stream_prefix "
                f"{name}.stream_prefix {name}.options.awslogs_group {name}.options.awslogs_stream_prefix "
                f"{name}.options.awslogs_region {name}.options.region {name}.options.awslogs_create_group",
                "observability.logs",
                "",
                lambda value, block: changed("the stack has a log group of its own"),
            ),
            *keys(f"{name}.level {name}.log_level", "environment.LOG_LEVEL", "as a variable", _log_level),
            *keys(f"{name}.format {name}.structured", "observability.logs", "fsdcf reads JSON and text alike", nothing),
        )
    ),
    *(
        key
        for name in ("tracing", "traces", "trace")
        for key in (
            *keys(f"{name}.enabled {name}", "observability.traces.enabled", "", flag("observability.traces.enabled")),
            *keys(f"{name}.provider {name}.type {name}.backend", "observability.traces", "", _provider_of_traces),
            *keys(
                f"{name}.endpoint {name}.otlp_endpoint",
                "observability.traces.otlpEndpoint",
                "",
                text("observability.traces.otlpEndpoint"),
            ),
            *keys(
                f"{name}.sampling_rate {name}.sample_rate {name}.sampling",
                "environment",
                "as variables of OpenTelemetry",
                _sampling,
            ),
        )
    ),
    *keys("xray xray.enabled", "observability.traces.enabled", "", flag("observability.traces.enabled")),
    SourceKey("metrics.enabled", "observability.metrics.enabled", convert=_metrics_enabled),
    SourceKey("metrics", "observability.metrics.enabled", convert=flag("observability.metrics.enabled")),
    SourceKey("metrics.port", "observability.metrics.port", convert=number("observability.metrics.port", 1, 65535)),
    *keys("metrics.path metrics.endpoint", "observability.metrics.path", "", text("observability.metrics.path")),
    SourceKey("metrics.provider", "observability.metrics", convert=nothing),
    SourceKey("metrics.namespace", "taskRole.statements", convert=_custom),
    SourceKey("metrics.custom", "taskRole.statements", convert=_custom, whole=True),
    *keys(
        "container_insights metrics.container_insights",
        "containerInsights",
        "",
        lambda value, block: block.put("containerInsights", "enabled" if value.flag else "disabled"),
    ),
    SourceKey("alarms", "observability.alarms", convert=_alarms_on),
    SourceKey("alarms.enabled", "observability.alarms", convert=_alarms_on),
    *keys(
        "alarms.notify alarms.sns_topic alarms.topic alarms.actions alarms.notifications alarm_actions",
        "observability.alarms.notify",
        "",
        _notify,
        whole=True,
    ),
    SourceKey("alarms.*", "observability.alarms", convert=_alarm_of, whole=True),
    SourceKey("alarms[]", "observability.alarms", table=_PAIR, enter=_alarm),
    *keys(
        "dashboard dashboards dashboard.enabled dashboards.enabled",
        "observability.dashboard",
        "",
        flag("observability.dashboard"),
    ),
)


# Roles


def _role(to: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> None:
        given = translated(value, value.text).strip()
        if re.fullmatch(r"[\w+=,.@/-]{1,128}", given):
            given = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{given}"
        if not given.startswith("arn:") and not given.startswith("${"):
            raise UnfitError("must be the name or the ARN of a role")
        block.put(f"{to}.arn", given)

    return convert


def _statement(role: str, value: SourceValue, block: Block) -> Block | None:
    if value.is_text():
        return _managed(value, block)
    actions, resources = get(value, "actions", "action"), get(value, "resources", "resource")
    if actions is None or resources is None:
        raise UnfitError("must have `actions` and `resources`")
    statement: dict[str, Any] = {}
    sid, effect = get(value, "sid", "name", "id"), get(value, "effect")
    if sid is not None:
        statement["sid"] = re.sub(r"[^A-Za-z0-9]", "", sid.text)
    if effect is not None and effect.text.capitalize() != "Allow":
        statement["effect"] = effect.text.capitalize()
    statement["actions"] = [each.text for each in listed(actions)]
    statement["resources"] = [translated(each, each.text) for each in listed(resources)]
    conditions = get(value, "conditions", "condition")
    if conditions is not None:
        statement["conditions"] = _conditions(conditions)
    if role == "taskRole" and flat(block).has_role:
        raise UnfitError("belongs to the existing role: the stack adds no statements to it")
    place = f"{role}.statements[{len(block.get(f'{role}.statements') or ())}]"
    block.add(f"{role}.statements", statement)
    known = {"sid", "name", "id", "effect", "actions", "action", "resources", "resource", "conditions", "condition"}
    _report_policy(value, block, place, frozenset(known))
    return None


def _conditions(value: SourceValue) -> Any:
    if isinstance(value.data, dict):
        return {name: _conditions(child) for name, child in value.children()}
    if isinstance(value.data, list):
        return [_conditions(each) for each in value.items()]
    return translated(value, value.text)


def _managed(value: SourceValue, block: Block) -> Block | None:
    given = translated(value, value.text)
    if not re.fullmatch(r"[\w+=,.@/:${}-]{1,2048}", given):
        raise UnfitError("must be the name or the ARN of a policy")
    block.add("taskRole.managedPolicies", given)
    note(value, block, carried("taskRole.managedPolicies"))
    return None


def _permissions(prefix: str) -> Iterator[SourceKey]:
    under = prefix and f"{prefix}."
    for name in ("policy_statements", "statements", "policies", "iam_policies", "iam_statements", "managed_policies"):
        yield SourceKey(
            f"{under}{name}[]",
            "taskRole.statements",
            table=_PAIR,
            enter=lambda value, block: _statement("taskRole", value, block),
            convert=_managed_alone,
        )


def _managed_alone(value: SourceValue, block: Block) -> KeyOutcome | None:
    _managed(value, block)
    return carried("taskRole.managedPolicies")


SECURITY = table(
    *keys(
        "task_role task_role_arn role role_arn iam_role iam_role_arn task_role.arn iam_role.arn",
        "taskRole.arn",
        "",
        _role("taskRole"),
    ),
    *keys(
        "execution_role execution_role_arn task_execution_role execution_role.arn",
        "executionRole.arn",
        "",
        _role("executionRole"),
    ),
    *_permissions(""),
    *_permissions("iam"),
    *_permissions("iam_role"),
    *_permissions("task_role"),
    *keys("permissions_boundary", "permissionsBoundary", "", text("permissionsBoundary")),
    SourceKey("network_mode", "networking", convert=_network_mode),
    *(
        SourceKey(f"{name}[]", "networking.securityGroups", table=_PAIR, enter=_group, convert=_group_alone)
        for name in ("security_groups", "security_group_ids")
    ),
    *(key for key in _container("") if key.path not in ("image", "command", "cmd", "args", "essential")),
    *keys(
        "exec enable_exec execute_command enable_execute_command",
        "enableExecuteCommand",
        "",
        flag("enableExecuteCommand"),
    ),
    *keys("kms_key kms_key_arn encryption.kms_key encryption.kms_key_arn", "encryption", "", text("encryption")),
    *keys(
        "encryption encryption.enabled encryption.at_rest",
        "encryption",
        "",
        _unless(True, "the stack encrypts the data"),
    ),
)


# Deployment and jobs


def _strategy(value: SourceValue, block: Block) -> KeyOutcome | None:
    if snake(value.text) in ("rolling", "rolling_update", "ecs", "rollingupdate"):
        return None
    return not_carried("a deployment is rolling, and its circuit breaker rolls a failure back")


_LATER = "a deployment is rolling: its circuit breaker rolls a failure back"
DEPLOYMENT = table(
    *keys("type strategy controller", "deployment.strategy", "", _strategy),
    *keys(
        "minimum_healthy_percent min_healthy_percent min_healthy",
        "deployment.minimumHealthyPercent",
        "",
        number("deployment.minimumHealthyPercent", 0, 100),
    ),
    *keys(
        "maximum_percent max_percent maximum_healthy_percent max_healthy_percent max_surge",
        "deployment.maximumPercent",
        "",
        number("deployment.maximumPercent", 100, 200),
    ),
    *keys(
        "circuit_breaker.enabled circuit_breaker.enable circuit_breaker",
        "deployment.circuitBreaker.enabled",
        "",
        flag("deployment.circuitBreaker.enabled"),
    ),
    *keys(
        "circuit_breaker.rollback rollback auto_rollback rollback_on_failure",
        "deployment.circuitBreaker.rollback",
        "",
        flag("deployment.circuitBreaker.rollback"),
    ),
    *keys("canary blue_green bake_time canary_percent traffic_shift", note=_LATER, whole=True),
)


def _schedule_of_job(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = translated(value, value.text).strip()
    found = re.fullmatch(r"(rate|at)\((.{1,100})\)", given)
    if found:
        block.put(f"schedule.{found[1]}", found[2].strip())
        return carried(f"schedule.{found[1]}")
    block.put("schedule.cron", reading.cron(given))
    return carried("schedule.cron")


def _job_type(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text.lower() == "single":
        return None
    return not_carried("a run is one task: start one for each part with `fsdcf run`, or let one task do them all")


_ARRAY = "a run is one task: start one for each part with `fsdcf run`, or let one task do them all"

WORK = table(
    SourceKey("type", ".kind", convert=_job_type),
    *keys("retry_attempts retries attempts retry_strategy.attempts", "retries", "", number("retries", 0, 10)),
    SourceKey(
        "retry_strategy.evaluate_on_exit[]", note="a failed run is started again, whatever it ended with", whole=True
    ),
    *keys("timeout timeout_seconds attempt_duration_seconds", "timeout", "", seconds("timeout", 60, 1209600)),
    *(
        key
        for name in ("schedule", "scheduling")
        for key in (
            *keys(f"{name}.expression {name}.cron {name}.schedule {name}", "schedule", "", _schedule_of_job),
            SourceKey(f"{name}.rate", "schedule.rate", convert=_schedule_of_job),
            *keys(f"{name}.timezone {name}.time_zone", "schedule.timezone", "", text("schedule.timezone")),
            SourceKey(f"{name}.type", "schedule", convert=nothing),
            SourceKey(f"{name}.enabled", "schedule.enabled", convert=flag("schedule.enabled")),
        )
    ),
    *keys("size array_properties array_size", note=_ARRAY, whole=True),
    *keys("queue job_queue", note="a job starts at once on Fargate: it has no queue"),
)


def _service_keys() -> Iterator[SourceKey]:
    yield from keys("name service_name", ".metadata.name", "", nothing)
    yield from keys("platform", ".kind", "", nothing)
    yield from keys("description", ".metadata.description", "", _put("metadata.description"))
    yield from keys("team owner owners owning_team contact", ".metadata.owners", "", _owners, whole=True)
    yield from keys("pack", ".metadata.pack", "", _put("metadata.pack"))
    yield from (SourceKey(f"{name}.*", ".metadata.tags", convert=_tag) for name in ("tags", "labels"))
    yield SourceKey("tags[]", ".metadata.tags", table=_PAIR, enter=_tag_pair)
    yield from keys("version api_version schema_version", ".apiVersion", "", nothing)
    yield from keys("region account", note="`--region` and `--profile` of a deploy select the place")
    yield from keys("cluster", "networking", "the stack has a cluster of its own", nothing)
    yield from (SourceKey(name, table=COMPUTE, enter=size) for name in ("compute", "resources", "task"))
    yield from (SourceKey(name, table=NETWORK) for name in ("networking", "network"))
    yield SourceKey("scaling", table=SCALING)
    yield from (SourceKey(name, table=SCALING) for name in ("autoscaling", "auto_scaling"))
    yield from (
        SourceKey(path, "networking.loadBalancer", convert=_enabled_balancer, table=BALANCER)
        for path in ("load_balancer", "alb")
    )
    yield from (SourceKey(path, table=CHECK) for path in ("health_check", "healthcheck"))
    yield from keys("health_check_path", "healthCheck.path", "", _path)
    yield SourceKey("service_discovery", "networking.serviceDiscovery", convert=_discovery, table=DISCOVERY)
    yield SourceKey("observability", table=OBSERVABILITY)
    yield from (SourceKey(name, table=_only(name)) for name in ("logging", "logs", "tracing", "metrics", "alarms"))
    yield from (SourceKey(name, table=SECURITY) for name in ("security", "iam"))
    yield SourceKey("deployment", table=DEPLOYMENT)
    yield SourceKey("job", table=WORK)
    yield from keys("schedule", "schedule.cron", "", _only_jobs(_schedule_of_job))
    yield from keys("port container_port", "port", "", number("port", 1, 65535))
    yield from _size_keys("")
    yield from keys("desired_count replicas instances count", "resources.desiredCount", "", _count)
    yield from keys("capacity_provider launch_type", "resources", "", _provider, whole=True)
    yield from _container("")
    yield SourceKey("container", table=CONTAINER, enter=size)
    yield SourceKey("environment.*", "environment", convert=_variable, whole=True)
    yield SourceKey("environment[]", "environment", table=_PAIR, enter=_variable_pair)
    yield SourceKey(
        "environment", note="`--env` of a deploy selects the environment; variables are a map of names and values"
    )
    yield from keys(
        "dead_letter.target_arn dead_letter_queue",
        note="a queue of a service has a dead-letter queue of its own: `deadLetters` of aws_sqs_queue",
        whole=True,
    )
    yield from keys(
        "triggers layers probes scheduling pod_disruption_budget dependent_jobs vpc.endpoints sidecars",
        note="it belongs to another platform: write what it does in the spec",
        whole=True,
    )


CONTAINER = table(
    *_container(""),
    *_size_keys(""),
    SourceKey("name", "image", convert=nothing),
    *keys("port container_port", "port", "", number("port", 1, 65535)),
    *keys("ports", "port", "", _ports, whole=True),
    *(SourceKey(path, table=CHECK) for path in ("health_check", "healthcheck")),
)


def _only(name: str) -> Table:
    """The part of observability that a document has at its top."""
    found = [key for key in OBSERVABILITY.keys if key.path.startswith((f"{name}.", f"{name}["))]
    return table(
        *(
            SourceKey(key.path[len(name) :].lstrip("."), key.to, key.note, key.convert, key.table, key.enter, key.whole)
            for key in found
        )
    )


def _only_jobs(convert: Convert) -> Convert:
    def inner(value: SourceValue, block: Block) -> KeyOutcome | None:
        if block.draft.kind is not JOB:
            return not_carried("a service runs all the time: a document with `platform: batch` becomes a job")
        return convert(value, block)

    return inner


_NO_JOB = "a job has no address: it starts, runs and ends"
_KEYS = {key.path: key for key in _service_keys()}


def tables(dependencies: Iterable[SourceKey]) -> tuple[Table, Table]:
    """The tables of a service and of a job."""
    more = tuple(dependencies)
    job = {path: key for path, key in _KEYS.items() if path not in _FOR_SERVICES}
    none = [*keys(" ".join(sorted(_FOR_SERVICES)), note=_NO_JOB, whole=True)]
    return table(*_KEYS.values(), *more), table(*job.values(), *none, *more)


_FOR_SERVICES = words(
    "networking network scaling autoscaling auto_scaling load_balancer alb health_check healthcheck "
    "health_check_path service_discovery deployment port container_port"
)
