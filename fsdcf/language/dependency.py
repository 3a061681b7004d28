"""Dependency types as the language sees them, and the capabilities of dependencies. The compiler defines the types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import join, normpath
from typing import Any, ClassVar, Generic, TypeVar

from fsdcf.diagnostics import Rule, SpecPath
from fsdcf.language.model.common import BucketSender, Dependency
from fsdcf.language.model.service import Spec
from fsdcf.language.names import local_name
from fsdcf.language.placeholders import String, sample

Model = TypeVar("Model", bound=Dependency)

SQLITE_FILE = "app.db"
"""File name of a database without a ``path``, on the service's only file system."""


class ReachedDependency(Dependency):
    """A capability: a dependency in a network, which the tasks reach at one of ``reached_ports``.

    ``purpose`` says what they do there, ``place`` the destination of a rule for egress.
    """

    purpose: ClassVar[str] = "connect to it"
    place: ClassVar[str] = "its security group or the addresses of its subnets"

    @property
    def reached_ports(self) -> tuple[int, ...]:
        raise NotImplementedError

    @property
    def is_reached(self) -> bool:
        """Whether the stack lets the tasks out to it: it makes it, or knows its security group."""
        raise NotImplementedError

    @property
    def existing_group(self) -> String | None:
        """The security group of another stack, to which the stack adds rules that admit the tasks."""
        raise NotImplementedError

    @property
    def zones(self) -> int:
        """The Availability Zones in which it needs a subnet, where the stack makes it."""
        return 1

    @property
    def standby_key(self) -> str:
        """The key that adds an instance in another zone, with a value; empty where there is one, or none is needed."""
        return ""


class MountedFileSystem(ReachedDependency):
    """A capability: a dependency that the container mounts as a network file system, at ``mount_point``.

    ``backup`` tells whether the stack backs up the files, where it makes the file system and ``existing_id`` is None.
    """

    reached_ports: ClassVar[tuple[int, ...]] = (2049,)
    purpose: ClassVar[str] = "mount it"
    mount_point: str
    backup: bool
    existing_id: String | None

    @property
    def read_only(self) -> bool:
        """Whether the service may only read the files."""
        raise NotImplementedError


class EncryptedDependency(Dependency):
    """A capability: a dependency that a customer's KMS key can encrypt, by the key ``encryption``."""

    encryption: String | None

    @property
    def existing_region(self) -> str:
        """The region in the ARN of a dependency that the stack does not make; empty where it is not known."""
        given = getattr(self.unmanaged, "arn", None)
        return given.split(":")[3] if isinstance(given, str) else ""


class ReceivingDependency(Dependency):
    """A capability: a queue or topic to which AWS services send, for what ``receives_from`` names in other specs."""

    receives_from: tuple[BucketSender, ...]


class SendingDependency(Dependency):
    """A capability: a dependency for which an AWS service, the ``sender`` (``sns``), sends to queues and topics."""

    sender: ClassVar[str]

    @property
    def awaits(self) -> tuple[String, ...]:
        """The receivers of other specs, by name or ARN, that must admit the sender before it can be deployed."""
        return ()

    @property
    def sends_to(self) -> tuple[tuple[str, str], ...]:
        """The receivers in the spec, by category (``sqs``) and local name."""
        raise NotImplementedError

    @property
    def source(self) -> str:
        """Its ARN in the template, as a fragment for Fn::Sub."""
        raise NotImplementedError

    @property
    def is_published(self) -> bool:
        """Whether CloudFront may read it."""
        return False


def senders_of(spec: Spec, category: str, local: str) -> list[SendingDependency]:
    """Return the dependencies that send to a queue or topic of the spec, in the order of their names."""
    found = [each for each in spec.dependencies if isinstance(each, SendingDependency)]
    return sorted(
        (each for each in found if (category, local) in each.sends_to), key=lambda each: local_name(each.name)
    )


class NotifiedTopic(Dependency):
    """A capability: a dependency to which CloudWatch alarms publish."""

    @property
    def alarm_obstacle(self) -> tuple[str, str] | None:
        """Why alarms cannot notify it, and what to do; None if they can."""
        raise NotImplementedError


class LoggedDependency(Dependency):
    """A capability: a dependency whose requests AWS can log to a bucket."""

    @property
    def log_bucket(self) -> String | None:
        """The existing bucket that the spec names for the log, by the key ``accessLogs.bucket``."""
        raise NotImplementedError


class ProtectedDependency(Dependency):
    """A capability: a dependency that production protects from deletion, unless the spec says otherwise."""

    deletion_protection: bool | None


class SignedInDependency(Dependency):
    """A capability: a dependency to which the service may sign in with a password that AWS makes."""

    @property
    def password_variables(self) -> tuple[str, ...]:
        """The variables that may have the password that AWS makes for the service."""
        return ()


class SqlDatabase(SignedInDependency):
    """A capability: a dependency that is a SQL database. The only one of a service is what the variables DATABASE_…
    name."""


def is_only_database(dependency: SqlDatabase, spec: Spec) -> bool:
    """Whether a service has no other SQL database."""
    return [each for each in spec.dependencies if isinstance(each, SqlDatabase)] == [dependency]


class SqliteFile(SqlDatabase):
    """A capability: a dependency that is an SQLite database file.

    Unless it is ``ephemeral``, one task at a time may write it. ``backup`` is the author's expectation of the file
    system below it.
    """

    path: str | None
    ephemeral: bool
    journal_mode: str
    backup: bool | None


CONNECT, DNS, BALANCER = METHODS = ("connect", "dns", "loadBalancer")
"""How a service finds another one."""


class ReachedService(Dependency):
    """A capability: a dependency that is another service of the environment, which has this ``name``, and is found by
    a ``method``: by Service Connect as ``host``, by DNS in the ``namespace``, or at a load balancer, ``balancer``."""

    alias: str | None
    port: int | None

    @property
    def host(self) -> str:
        """The host name of the service, in a namespace without its domain: by default, its own name."""
        return self.alias or sample(self.name)

    @property
    def method(self) -> str:
        """How the service is found: ``connect``, ``dns`` or ``loadBalancer``."""
        raise NotImplementedError

    @property
    def namespace(self) -> str | None:
        """The namespace of the DNS name; None for that of the environment."""
        raise NotImplementedError

    @property
    def balancer(self) -> str | None:
        """The name of the environment's load balancer; None for the one that services use by default."""
        raise NotImplementedError


def reached_services(spec: Spec) -> tuple[str, ...]:
    """Return the names of the services that a service calls, which a deploy of both deploys before it."""
    return tuple(dict.fromkeys(sample(one.name) for one in spec.dependencies if isinstance(one, ReachedService)))


def connected_services(spec: Spec) -> list[ReachedService]:
    """Return the services that a service calls by Service Connect, for which its tasks have a proxy."""
    return [one for one in spec.dependencies if isinstance(one, ReachedService) and one.method == CONNECT]


def preceding_services(spec: Spec, others: Iterable[Spec]) -> tuple[str, ...]:
    """Return the names of the services that a deploy of several deploys before a service: those that it calls, and
    those of the ``others`` that make a queue or topic for its notifications."""
    awaited = {_last(name) for one in spec.dependencies if isinstance(one, SendingDependency) for name in one.awaits}
    makers = [
        other.metadata.name
        for other in others
        if other is not spec and any(_last(each.name) in awaited for each in other.dependencies if _admits(each))
    ]
    return tuple(dict.fromkeys((*reached_services(spec), *makers)))


def _last(name: String) -> str:
    """The name in an ARN, or a name itself."""
    return sample(name).rpartition(":")[2]


def _admits(dependency: Dependency) -> bool:
    """Whether a dependency is a queue or topic that its spec makes, and that senders of other specs may send to."""
    return isinstance(dependency, ReceivingDependency) and bool(dependency.receives_from)


@dataclass(frozen=True, eq=False, repr=False)
class Violation:
    """A violation of a dependency type's rule. ``at`` is a key of the dependency, or the path below it.

    ``key`` underlines the key instead of the value.
    """

    rule: Rule
    at: str | SpecPath
    message: str
    hint: str
    key: bool = False


Violations = Iterator[Violation]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class DependencyType(Generic[Model]):
    """One type of dependency: its name in specs, its keys, its rules and its capabilities.

    A class in ``model`` that derives from ``ReachedDependency``, ``MountedFileSystem``, ``EncryptedDependency``,
    ``ReceivingDependency``, ``SendingDependency``, ``NotifiedTopic``, ``LoggedDependency``, ``ProtectedDependency``,
    ``SignedInDependency``, ``SqlDatabase``, ``SqliteFile`` or ``ReachedService`` has that capability; the other
    capabilities are fields here:

    - ``category`` and ``attributes`` are those of placeholders: ``${sqs:orders:url}``.
    - ``check`` yields the violations of the type's own rules; ``check_references`` those that depend on the other
      dependencies of the spec.
    - ``managed`` tells whether the stack makes the dependency, as opposed to one that exists already; ``managed_keys``
      are the keys without meaning for the latter.
    - ``also`` are other names of the type.
    - ``endpoint`` is the interface endpoint by which tasks without a route to the internet reach the AWS service, if
      they call it: ``is_called``.
    - ``physical_name`` tells whether `name` is the physical name of the resource, which the environments of an account
      cannot share.
    - ``reserved_names`` are local names whose logical ids belong to the network of a new VPC.
    - ``variables`` are the environment variables that do not contain the dependency's name, so that two dependencies
      could set one, each with the attribute in it; ``settings`` are the values of those that follow from the
      dependency's keys alone, so that two dependencies with equal values do not conflict.
    """

    name: str
    category: str
    doc: str
    model: type[Model]
    attributes: Callable[[Model], tuple[str, ...]]
    check: Callable[[Model], Violations]
    managed: Callable[[Model], bool]
    check_references: Callable[[Model, Spec], Iterable[Violation]] = lambda dependency, spec: ()
    managed_keys: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    endpoint: str = ""
    is_called: Callable[[Model], bool] = lambda dependency: True
    physical_name: bool = True
    reserved_names: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    settings: Callable[[Model], Mapping[str, str]] = lambda dependency: {}


Types = Mapping[str, DependencyType[Any]]
"""Dependency types by every accepted name."""


@dataclass(frozen=True, eq=False, repr=False)
class MountedPath:
    """A directory of the container that is not on the task's own disk.

    ``network`` is true for EFS, a network file system that outlives the task. ``system`` is the dependency behind it;
    None for a file system that the spec names by its id.
    """

    path: str
    network: bool
    read_only: bool
    system: MountedFileSystem | None = None


def file_systems(spec: Spec) -> dict[str, MountedFileSystem]:
    """Return the dependencies that the container mounts, by local name."""
    return {local_name(one.name): one for one in spec.dependencies if isinstance(one, MountedFileSystem)}


def mounts_of(spec: Spec) -> list[MountedPath]:
    """Return every mount of the container: the file systems among the dependencies, then ``service.volumes`` and
    ``service.tmpfs``."""
    systems = file_systems(spec)
    mounts = [MountedPath(system.mount_point, True, system.read_only, system) for system in systems.values()]
    for volume in spec.service.volumes:
        system = systems.get(volume.efs.dependency) if volume.efs and volume.efs.dependency else None
        read_only = volume.read_only or (system is not None and system.read_only)
        mounts.append(MountedPath(volume.mount_path, volume.efs is not None, read_only, system))
    mounts += [MountedPath(scratch.path, False, "ro" in scratch.options) for scratch in spec.service.tmpfs]
    return mounts


def mount_of(path: str, mounts: Iterable[MountedPath]) -> MountedPath | None:
    """Return the deepest mount that contains a file; None for the task's own disk."""
    file = _normal(path)
    above = [mount for mount in mounts if file.startswith(_normal(mount.path).rstrip("/") + "/")]
    return max(above, key=lambda mount: len(_normal(mount.path)), default=None)


def _normal(path: str) -> str:
    return "/" + normpath(path).lstrip("/")


def sqlite_file(database: SqliteFile, spec: Spec) -> str | None:
    """Return the path of an SQLite database: its ``path``, or ``app.db`` on the service's file system; None without
    either."""
    if database.path is not None:
        return _normal(database.path)
    systems = list(file_systems(spec).values())
    return join(systems[0].mount_point, SQLITE_FILE) if systems else None
