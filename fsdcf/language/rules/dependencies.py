"""Rules about the dependencies of a spec and what they share. The rules of a single type live with that type."""

from __future__ import annotations

from collections.abc import Iterator

from fsdcf.diagnostics import SpecPath
from fsdcf.language.dependency import (
    LoggedDependency,
    MountedFileSystem,
    ReachedDependency,
    SignedInDependency,
    SqlDatabase,
    SqliteFile,
    file_systems,
    sqlite_file,
)
from fsdcf.language.model.common import StoredValue
from fsdcf.language.model.container import Container, Sidecar
from fsdcf.language.model.service import FlowLogs
from fsdcf.language.model.traffic import AccessLogs
from fsdcf.language.names import local_name
from fsdcf.language.placeholders import Known, SecretRef, String, parts_of, sample
from fsdcf.language.rules.case import Case, Problem, Problems, each_container, in_production, rule
from fsdcf.links import RDS_PASSWORDS


@rule("S206", "two dependencies with the same type and name")
def repeated(case: Case) -> Problems:
    """Logical ids and variables are derived from the type and the name, without `${ENV}` and its separator. Two
    dependencies with the same type and name would be one resource."""
    first: dict[tuple[str, str], int] = {}
    for path, dependency, kind in case.dependencies():
        local = local_name(dependency.name)
        if local and (kind.name, local) in first:
            line = case.document.span(("dependencies", first[kind.name, local])).line
            hint = "give each its own name" if dependency.unmanaged is None else "keep one: both name the same resource"
            yield Problem((*path, "name"), f"the {kind.name} on line {line} is also named `{local}`", hint)
        first.setdefault((kind.name, local), int(path[1]))


@rule("S229", "a dependency without a name of its own")
def nameless(case: Case) -> Problems:
    """The logical id and the variables are derived from the name without `${ENV}`, and without it this
    name is empty."""
    for path, dependency, _ in case.dependencies():
        if not local_name(dependency.name):
            message = f"the name `{dependency.name}` is empty without `${{ENV}}`"
            yield Problem((*path, "name"), message, "use a name such as ${ENV}-orders")


@rule(
    "S388",
    "a log in a bucket that does not admit it",
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html",
)
def log_buckets(case: Case) -> Problems:
    """The policy of a bucket of the spec admits no AWS service: what a load balancer, a VPC or another bucket logs
    there is lost, or the deploy fails. A bucket that logs to itself would log the writing of its own log. Without a
    name, the stack makes a bucket that admits the log."""
    made = {sample(each.name) for _, each, kind in case.dependencies() if kind.category == "s3" and kind.managed(each)}
    for path, bucket in _named_log_buckets(case):
        if sample(bucket) in made:
            message = f"`{sample(bucket)}` is a bucket of this spec, and does not admit a log"
            yield Problem(path, message, "leave the name out: the stack makes a bucket for the log", key=True)


def _named_log_buckets(case: Case) -> Iterator[tuple[SpecPath, String]]:
    """The buckets that the spec names for logs, each with its path."""
    balancer, logs = case.service.load_balancer, case.service.networking.network.flow_logs
    if balancer is not None and isinstance(balancer.access_logs, AccessLogs) and balancer.access_logs.bucket:
        yield ("service", "networking", "loadBalancer", "accessLogs", "bucket"), balancer.access_logs.bucket
    if isinstance(logs, FlowLogs) and not isinstance(logs.bucket, bool):
        yield ("service", "networking", "vpc", "flowLogs", "bucket"), logs.bucket
    for path, each in case.having(LoggedDependency):
        if each.log_bucket is not None:
            yield (*path, "accessLogs", "bucket"), each.log_bucket


@rule("S230", "two mounts at the same path")
@each_container
def mount_paths(case: Case, at: SpecPath, container: Container) -> Problems:
    """A container can mount only one volume at a path."""
    seen: set[str] = set()
    for path, mount in _mounts(case, at, container):
        place = mount.rstrip("/") or "/"
        if place in seen:
            yield Problem(path, f"`{mount}` is mounted twice", "give each mount its own path")
        seen.add(place)


def _mounts(case: Case, at: SpecPath, container: Container) -> Iterator[tuple[SpecPath, str]]:
    """The mounts of a container, each with its spec path."""
    if isinstance(container, Sidecar):
        for index, mount in enumerate(container.mounts):
            yield (*at, "mounts", index, "path"), mount.path
    else:
        for path, system in case.having(MountedFileSystem):
            yield (*path, "mountPoint"), system.mount_point
        for index, volume in enumerate(case.service.volumes):
            yield ("service", "volumes", index, "mountPath"), volume.mount_path
    for index, scratch in enumerate(container.tmpfs):
        yield (*at, "tmpfs", index, "path"), scratch.path


@rule("S231", "two SQLite databases in one file, or two volumes with one name")
def shared_files(case: Case) -> Problems:
    """Each SQLite database has its own file, which `path` sets. A volume of `service.volumes` cannot have the name
    of an EFS dependency."""
    taken: set[str | None] = set()
    for path, database in case.having(SqliteFile):
        file = sqlite_file(database, case.spec)
        if file in taken:
            yield Problem(path, "another database uses the same file", "give each its own `path`", key=True)
        taken.add(file)
    systems = file_systems(case.spec)
    for index, volume in enumerate(case.service.volumes):
        if volume.name in systems:
            message = f"an EFS dependency is also named `{volume.name}`"
            yield Problem(("service", "volumes", index, "name"), message, "choose another name")


@rule("S232", "a variable from two dependencies")
def shared_variables(case: Case) -> Problems:
    """Some dependencies provide a variable without their name in it, such as DATABASE_URL. If two provide different
    values, one would silently win: set the variable in `environment` to the one that the service should use."""
    service = case.service
    chosen = {*service.environment, *(secret.name for secret in service.secrets)}
    providers: dict[str, tuple[int, str | None]] = {}
    for path, dependency, kind in case.dependencies():
        values = kind.settings(dependency)
        own = {name: (int(path[1]), values.get(name)) for name in kind.variables if name not in chosen}
        twice = [
            name
            for name, (_, value) in own.items()
            if name in providers and (value is None or value != providers[name][1])
        ]
        if twice:
            line = case.document.span(("dependencies", providers[twice[0]][0])).line
            named = f"{kind.category}:{local_name(dependency.name)}"
            options = ", ".join(f"{name}: ${{{named}:{kind.variables[name]}}}" for name in twice)
            message = f"the dependency on line {line} also provides {' and '.join(twice)}"
            yield Problem(path, message, f"choose in service.environment, such as {options}", key=True)
        providers = own | providers


@rule("S585", "a variable of two stored values")
def repeated_variables(case: Case) -> Problems:
    """`variable` names the variable that gets the value of a secret or a parameter. Of two with the same one, one would
    silently win."""
    first: dict[str, int] = {}
    for path, value in case.having(StoredValue):
        if value.variable in first:
            line = case.document.span(("dependencies", first[value.variable])).line
            message = f"the dependency on line {line} also sets `{value.variable}`"
            yield Problem((*path, "variable"), message, "give each its own variable")
        elif value.variable is not None:
            first[value.variable] = int(path[1])


@rule("S242", "a dependency's name that the network needs")
def reserved_name(case: Case) -> Problems:
    """Logical ids never change, and some names give the id of a resource of a new VPC: a table named `public-route`
    would be PublicRouteTable, its route table."""
    if case.service.networking.network.id is not None:
        return
    for path, dependency, kind in case.dependencies():
        local = local_name(dependency.name)
        if local in kind.reserved_names and kind.managed(dependency):
            message = f"a resource of the network has the logical id of `{local}`"
            yield Problem((*path, "name"), message, f"choose another name, such as ${{ENV}}-{local}s")


@rule("W107", "a managed name without ${ENV}")
def shared_names(case: Case) -> Problems:
    """The name is physical. Two environments in one account would need the same resource, and the second deployment
    would fail."""
    for path, dependency, kind in case.dependencies():
        named = any(isinstance(part, Known) and part.name == "ENV" for part in parts_of(dependency.name))
        if kind.physical_name and kind.managed(dependency) and not named:
            name = sample(dependency.name)
            yield Problem((*path, "name"), f"`{name}` is the same in every environment", f"write `${{ENV}}-{name}`")


@rule("W111", "a key that has no effect here")
def ignored_keys(case: Case) -> Problems:
    """The dependency exists already: the stack gives access to it and creates nothing, so a key that configures its
    creation is ignored. The owner of the resource configures it."""
    for path, dependency, kind in case.dependencies():
        for key in () if kind.managed(dependency) else kind.managed_keys:
            if case.document.has((*path, key)):
                hint = "leave it out: the stack does not create this resource"
                yield Problem((*path, key), f"`{key}` has no effect on an existing resource", hint, key=True)


@rule(
    "S525",
    "a password in plain text in the place of the one that AWS makes",
    RDS_PASSWORDS,
)
def plain_passwords(case: Case) -> Problems:
    """RDS makes the password of a database and changes it, and Secrets Manager that of a cache: another one in a
    variable is wrong, and everyone who reads the template sees it. Without the variable, the service gets the right one
    as a secret."""
    for _, each in case.having(SignedInDependency):
        for name in each.password_variables:
            text = case.service.environment.get(name)
            if text is not None and not any(isinstance(part, SecretRef) for part in parts_of(text)):
                hint = "leave it out: the service gets the password as a secret in this variable"
                message = f"AWS makes the password of `{local_name(each.name)}`, and this is another one"
                yield Problem(("service", "environment", name), message, hint, key=True)


@rule(
    "W180",
    "a password that changes while tasks run",
    RDS_PASSWORDS,
    kinds=("Service",),
    only=in_production,
)
def rotations(case: Case) -> Problems:
    """RDS changes the password every seven days. ECS reads a secret when a task starts: connections that exist stay
    open, and a task that connects later with the old password is refused. Read the secret that the variable
    DATABASE_SECRET_ARN names at each connection, as the drivers of AWS do; or replace the tasks after each rotation,
    with `fsdcf restart`."""
    for path, database in case.having(SqlDatabase):
        if database.password_variables:
            message = "RDS changes the password every seven days, and tasks that run keep the old one"
            hint = "read the secret when the service connects, or restart the tasks after each rotation; then silence "
            yield Problem((*path, "name"), message, f"{hint}this warning")


@rule(
    "S526",
    "a database or cache in one Availability Zone",
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
)
def zones_of_databases(case: Case) -> Problems:
    """RDS requires subnets in two Availability Zones, even for an instance in one of them, and a cache has its replicas
    in another zone. What the stack makes is in the subnets of the tasks."""
    is_public = case.service.networking.assign_public_ip
    owner = "environment.network" if case.joined else "service.networking.vpc"
    network = case.joined.environment.network if case.joined else case.service.networking.network
    key = "availabilityZones" if network.id is None else "publicSubnets" if is_public else "privateSubnets"
    existing = network.public_subnets if is_public else network.private_subnets
    zones = network.availability_zones if network.id is None else existing
    for path, each, kind in case.dependencies():
        if not isinstance(each, ReachedDependency) or not kind.managed(each) or not isinstance(zones, tuple):
            continue
        if len(zones) < each.zones:
            what = "the database" if isinstance(each, SqlDatabase) else f"`{local_name(each.name)}`"
            message = f"{what} needs subnets in two zones, and {owner}.{key} lists {len(zones)}"
            yield Problem((*path, "name"), message, f"list a second one in {owner}.{key}")


@rule(
    "W181",
    "a store of production in one Availability Zone",
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZSingleStandby.html",
    only=in_production,
)
def single_zone(case: Case) -> Problems:
    """When the zone of a database fails, or RDS maintains its instance, the service is without it. An instance with
    `multiAz` has a standby that takes over within one or two minutes, a serverless cluster a reader. So do a replica of
    a cache and a second node of an OpenSearch domain."""
    for path, each in case.having(ReachedDependency):
        if each.standby_key:
            what = "the database" if isinstance(each, SqlDatabase) else f"`{local_name(each.name)}`"
            message = f"{what} has no second instance that could take over"
            yield Problem((*path, "name"), message, f"add `{each.standby_key}`")
