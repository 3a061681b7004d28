"""A database of RDS: an instance, or a cluster of Aurora Serverless v2, with a password that RDS makes and changes."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from troposphere import AWSObject, GetAtt, Ref, rds
from troposphere.validators import double, integer

from fsdcf.compiler.access import check_permissions, granted, is_list, is_managed
from fsdcf.compiler.encryption import customer_key, encryption_of
from fsdcf.compiler.parts.roles import allow, key_statement
from fsdcf.compiler.parts.secrets import ContainerSecret, secret_at, source_of
from fsdcf.compiler.reach import admit, guard
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, present
from fsdcf.compiler.text import fragment, intrinsic, value
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import (
    EncryptedDependency,
    ProtectedDependency,
    ReachedDependency,
    SqlDatabase,
    Violation,
    Violations,
    is_only_database,
)
from fsdcf.language.model.common import (
    IN_PRODUCTION,
    KMS,
    SECRETS_MANAGER,
    Unmanaged,
    encryption_key,
    permissions_key,
    security_group_key,
)
from fsdcf.language.model.service import Spec
from fsdcf.language.names import local_name, variable
from fsdcf.language.placeholders import PASSWORD, Attribute, String
from fsdcf.language.shape import SnakeCaseRecord, names_of, spec_key, spec_record
from fsdcf.links import RDS_PASSWORDS

DATABASE = Rule(
    "S520",
    "a database that RDS rejects",
    "The name of a database and its first user begin with a letter, and are not reserved words of the engine. The"
    " storage of an instance can grow to at least 110 % of what it begins with. A window is at least 30 minutes long,"
    " and backups and maintenance do not overlap. Aurora always keeps backups.",
    "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html",
)
VERSION = Rule(
    "S521",
    "an engine without this version",
    "RDS has some major versions of each engine, and Aurora has those of PostgreSQL and MySQL alone. A minor version"
    " may follow the major one; without it, RDS chooses a recent one.",
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/MySQL.Concepts.VersionMgmt.html",
)
CAPACITY = Rule(
    "S522",
    "a capacity that Aurora rejects",
    "The capacity of Aurora Serverless v2 is in steps of half a unit (ACU), `max` is at least 1 and not below `min`. A"
    " database pauses only with `min: 0`, and only in versions that can: PostgreSQL from 13.15, 14.12, 15.7 and 16.3,"
    " MySQL from 3.08.0.",
    "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2-auto-pause.html",
)
FORM = Rule(
    "S523",
    "a key of the other form of a database",
    "An instance has a class, storage of its own and a standby in another zone; Aurora Serverless v2 scales its"
    " capacity and its storage by itself, and has readers. RDS does not replicate an instance whose password it"
    " manages. What is restored from a snapshot has its users and its encryption.",
    RDS_PASSWORDS,
)
LOGIN = Rule(
    "S524",
    "permissions that IAM does not decide",
    "Who may read and write in a database is decided in the database, by the user whose password the service gets. For"
    " a service that only reads, create a user in the database, and name its secret with `unmanaged`.",
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html",
)
ADMISSION = Rule(
    "W183",
    "an existing database that the tasks may not reach",
    "A database is in one VPC, and its security group must admit the tasks, or a connection ends in a timeout. With"
    " `securityGroupId` the stack adds the rule.",
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.RDSSecurityGroups.html",
)
NO_BACKUPS = Rule(
    "W182",
    "a database without backups",
    "With `backupRetention: 0` RDS keeps no backups, and a mistake cannot be undone: there is no earlier point in time"
    " to restore.",
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html",
)

LIBPQ = {
    **{"HOST": "PGHOST", "PORT": "PGPORT", "NAME": "PGDATABASE", "USER": "PGUSER"},
    **{"PASSWORD": "PGPASSWORD", "SSLMODE": "PGSSLMODE"},
}
"""Source: https://www.postgresql.org/docs/current/libpq-envars.html"""

_USER = "[A-Za-z][A-Za-z0-9_]*"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = f"({'|'.join(_DAYS)})"
_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"
_DAY_MINUTES, _WEEK_MINUTES, _SHORTEST_WINDOW = 24 * 60, 7 * 24 * 60, 30


class Engine(NamedTuple):
    """An engine: its port, the parts of a version that are its major version, the major versions of instances and of
    Aurora, the default ones first, the parameter that enforces TLS, and the words that it reserves."""

    port: int
    parts: int
    versions: tuple[str, ...]
    aurora: str
    aurora_versions: tuple[str, ...]
    tls: str
    reserved: frozenset[str]
    what: str


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OF_RDS = _words("rdsadmin rdsrepladmin rdsproxyadmin rds_superuser rds_replication rds_iam rds_password")
_POSTGRES = _OF_RDS | _words(
    "admin public template0 template1 all analyse analyze and any array as asc asymmetric both case cast "
    "check collate column constraint create current_catalog current_date current_role current_time "
    "current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign "
    "from grant group having in initially intersect into lateral leading limit localtime localtimestamp not "
    "null offset on only or order placing primary references returning select session_user some symmetric "
    "system_user table then to trailing true union unique user using variadic when where window with"
)
"""Source: https://www.postgresql.org/docs/current/sql-keywords-appendix.html"""
_MYSQL = _OF_RDS | _words(
    "mysql information_schema performance_schema sys innodb accessible add all alter analyze and as asc "
    "before between both by call cascade case change check collate column condition constraint continue convert "
    "create cross cube current_date current_time current_timestamp current_user cursor database databases "
    "declare default delayed delete desc describe distinct div drop dual each else empty except exists exit "
    "explain false fetch for force foreign from fulltext function generated get grant group grouping groups "
    "having if ignore in index infile inner inout insert intersect interval into is iterate join key keys kill "
    "lateral leading leave left like limit linear lines load lock long loop match mod natural not null of on "
    "optimize option or order out outer outfile over partition precision primary procedure purge range rank "
    "read reads recursive references regexp release rename repeat replace require resignal restrict return "
    "revoke right row rows schema schemas select sensitive separator set show signal spatial specific sql ssl "
    "starting stored system table then to trailing trigger true undo union unique unlock unsigned update usage "
    "use using values varying virtual when where while window with write xor"
)
"""Source: https://dev.mysql.com/doc/refman/8.4/en/keywords.html"""

_OF_MYSQL = "require_secure_transport"
ENGINES: Mapping[str, Engine] = {
    "postgres": Engine(
        5432,
        1,
        ("17", "18", "16", "15", "14", "13"),
        "aurora-postgresql",
        ("17", "18", "16", "15", "14", "13"),
        "rds.force_ssl",
        _POSTGRES,
        "PostgreSQL",
    ),
    "mysql": Engine(3306, 2, ("8.4", "8.0"), "aurora-mysql", ("8.0", "8.4"), _OF_MYSQL, _MYSQL, "MySQL"),
    "mariadb": Engine(3306, 2, ("11.4", "11.8", "10.11", "10.6"), "", (), _OF_MYSQL, _MYSQL, "MariaDB"),
}
"""Sources: the engine versions in cfn-lint, and
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/MySQL.Concepts.VersionMgmt.html with the same page of the others;
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.Requiring.html and
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mysql-ssl-connections.require-ssl.html for TLS."""

_PAUSES_FROM = {"13": 15, "14": 12, "15": 7, "16": 3}
"""The first minor versions of Aurora PostgreSQL that pause."""
_MYSQL_PAUSES_FROM = (3, 8)


@spec_record
class Capacity(SnakeCaseRecord):
    """The capacity of Aurora Serverless v2, in units (ACUs) of about 2 GiB of memory."""

    min: float = spec_key(
        "Lowest capacity, in steps of 0.5; 0 pauses the database when nothing is connected, and the first connection"
        " after that waits about 15 seconds.",
        default=0.5,
        minimum=0,
        maximum=256,
    )
    max: float = spec_key("Highest capacity, in steps of 0.5.", default=4, minimum=1, maximum=256)
    pause_after: int | None = spec_key(
        "Seconds without a connection until the database pauses; only with `min: 0`.",
        default=None,
        minimum=300,
        maximum=86400,
        computed_default="300 with `min: 0`",
    )


@spec_record
class ExistingDatabase(Unmanaged):
    """A database that another stack owns, as its outputs name it."""

    permissions: str | tuple[str, ...] = permissions_key(
        "A list of IAM actions on the database, such as rds:DescribeDBInstances; what the service may do in it is"
        " decided by the user in the secret.",
        default="readWrite",
    )
    endpoint: String | None = spec_key(
        "Host name of the database.", default=None, pattern=_HOST, longest=255, expects="a host name"
    )
    read_endpoint: String | None = spec_key(
        "Host name of its readers.", default=None, pattern=_HOST, longest=255, expects="a host name"
    )
    port: int | None = spec_key(
        "Port.", default=None, minimum=1, maximum=65535, computed_default="5432 or 3306, the port of the engine"
    )
    arn: String | None = spec_key(
        "ARN of the instance or cluster, for a list of IAM actions.",
        default=None,
        pattern=r"arn:aws[a-z-]*:rds:[a-z0-9-]+:\d{12}:(db|cluster):[A-Za-z0-9-]+",
        expects="the ARN of an instance or a cluster",
        computed_default="that of the instance with this name",
    )
    secret: String | None = spec_key(
        "Secret in Secrets Manager with the keys `username` and `password`, by its ARN or as secretsmanager:name.",
        default=None,
        pattern=SECRETS_MANAGER,
        conceal=True,
        expects="secretsmanager:name or an ARN",
    )
    security_group_id: String | None = security_group_key("the database")


@spec_record
class RdsInstance(SqlDatabase, ReachedDependency, EncryptedDependency, ProtectedDependency):
    """A database of RDS."""

    name: String = spec_key(
        "Name of the database in the spec; RDS makes the identifier.",
        also=("instance_name", "instanceName", "db_instance_identifier", "dbInstanceIdentifier"),
        pattern=r"[A-Za-z][A-Za-z0-9-]*",
        longest=63,
        expects="letters, digits and -, beginning with a letter",
    )
    unmanaged: ExistingDatabase | None = spec_key(
        "Use a database that another stack owns, and create nothing.", default=None
    )
    engine: str = spec_key(
        "Engine; PostgreSQL and MySQL also as Aurora, with `serverless`.", default="postgres", allowed=tuple(ENGINES)
    )
    version: str | None = spec_key(
        "Version of the engine: the major version, or with a minor one. A new major version also needs"
        " `allowMajorVersionUpgrade`.",
        default=None,
        as_text=True,
        also=("engineVersion", "engine_version"),
        pattern=r"[0-9]+(\.[A-Za-z0-9_-]+)*",
        expects="a version such as 17 or 17.5",
        computed_default="postgres 17, mysql 8.4 (8.0 with `serverless`), mariadb 11.4",
    )
    serverless: Capacity | None = spec_key(
        "A cluster of Aurora Serverless v2 in the place of an instance: `{min, max, pauseAfter}`.", default=None
    )
    readers: int = spec_key(
        "Further instances of a serverless cluster that only read, in other zones; they take over if the writer fails.",
        default=0,
        minimum=0,
        maximum=15,
    )
    instance_class: str | None = spec_key(
        "Class of the instance.",
        default=None,
        also=("dbInstanceClass", "db_instance_class"),
        pattern=r"db\.[a-z0-9-]+\.[a-z0-9]+",
        expects="a class such as db.t4g.micro",
        computed_default="db.t4g.micro",
    )
    storage: int | None = spec_key(
        "Storage of the instance in GiB (gp3); it can grow, and never shrink.",
        default=None,
        also=("allocatedStorage", "allocated_storage"),
        minimum=20,
        maximum=65536,
        computed_default="20",
    )
    max_storage: int | None = spec_key(
        "GiB up to which RDS lets the storage grow by itself.",
        default=None,
        also=("maxAllocatedStorage", "max_allocated_storage"),
        minimum=22,
        maximum=65536,
        computed_default="no growth",
    )
    multi_az: bool | None = spec_key(
        "A standby instance in another zone, which takes over if the first one fails; it doubles the price.",
        default=None,
        also=("multiAZ",),
        computed_default="false",
    )
    database: str | None = spec_key(
        "Name of the first database in the instance. A change replaces the instance with an empty one.",
        default=None,
        also=("dbName", "db_name", "databaseName", "database_name"),
        pattern=_USER,
        longest=63,
        expects="letters, digits and _, beginning with a letter",
        computed_default="the name of the dependency, with _",
    )
    user: str = spec_key(
        "Name of the first user, which owns the database. A change replaces the database with an empty one.",
        default="app",
        also=("masterUsername", "master_username", "username"),
        pattern=_USER,
        longest=16,
        expects="at most 16 letters, digits and _, beginning with a letter",
    )
    parameters: Mapping[str, str] = spec_key(
        "Parameters of the engine, beside the one that enforces TLS.",
        default_factory=dict,
        as_text=True,
        key_pattern=r"[A-Za-z0-9_.-]+",
        key_expects="names of parameters, such as log_min_duration_statement",
    )
    backup_retention: int = spec_key(
        "Days to keep automatic backups, to any second of which the database can be restored.",
        default=7,
        also=("backupRetentionPeriod", "backup_retention_period"),
        minimum=0,
        maximum=35,
    )
    backup_window: str | None = spec_key(
        "When the daily backup starts, in UTC.",
        default=None,
        also=("preferredBackupWindow", "preferred_backup_window"),
        pattern=f"{_TIME}-{_TIME}",
        expects="two times such as 03:00-04:00",
        computed_default="half an hour that AWS chooses",
    )
    maintenance_window: str | None = spec_key(
        "When RDS may install minor versions and restart the database, in UTC.",
        default=None,
        also=("preferredMaintenanceWindow", "preferred_maintenance_window"),
        pattern=f"{_DAY}:{_TIME}-{_DAY}:{_TIME}",
        expects="two times with days, such as sun:05:00-sun:06:00",
        computed_default="half an hour that AWS chooses",
    )
    snapshot: String | None = spec_key(
        "Snapshot that the new database is restored from, by its name or ARN. It has the users, the encryption and the"
        " databases of the snapshot. Keep the key: a change replaces the database.",
        default=None,
        also=("dbSnapshotIdentifier", "db_snapshot_identifier", "snapshotIdentifier", "snapshot_identifier"),
        pattern=r"(arn:aws[a-z-]*:rds:[a-z0-9-]+:\d{12}:(cluster-)?snapshot:)?(rds:)?[A-Za-z][A-Za-z0-9-]*",
        longest=255,
        expects="the name or the ARN of a snapshot",
    )
    allow_major_version_upgrade: bool = spec_key(
        "Let RDS upgrade to another major version, which stops the database for minutes and cannot be undone.",
        default=False,
    )
    encryption: String | None = encryption_key(
        "aws/rds", KMS, ". The key encrypts the password, too. A change replaces the database with an empty one"
    )
    deletion_protection: bool | None = spec_key(
        "Refuse to delete the database until this is `false`, or `fsdcf delete --unprotect` turns it off. A snapshot is"
        " taken before it is deleted in any case.",
        default=None,
        computed_default=IN_PRODUCTION,
    )

    @property
    def password_variables(self) -> tuple[str, ...]:
        own = variable(local_name(self.name), "DATABASE_PASSWORD")
        return (own, "DATABASE_PASSWORD", LIBPQ["PASSWORD"]) if is_managed(self) else ()

    @property
    def zones(self) -> int:
        return 2

    @property
    def standby_key(self) -> str:
        if not is_managed(self) or self.multi_az or self.readers:
            return ""
        return "readers: 1" if self.serverless else "multiAz: true"

    @property
    def kind(self) -> Engine:
        return ENGINES[self.engine]

    @property
    def port(self) -> int:
        return (self.unmanaged.port if self.unmanaged else None) or self.kind.port

    @property
    def reached_ports(self) -> tuple[int, ...]:
        return (self.port,)

    @property
    def is_reached(self) -> bool:
        return is_managed(self) or self.existing_group is not None

    @property
    def existing_group(self) -> String | None:
        return self.unmanaged.security_group_id if self.unmanaged else None


_OF_INSTANCE = ("instanceClass", "storage", "maxStorage", "multiAz", "allowMajorVersionUpgrade")
_OF_CLUSTER = ("readers",)


def major_version(database: RdsInstance) -> str:
    """The major version of the engine: ``17``, ``8.4``."""
    kind = database.kind
    versions = kind.aurora_versions if database.serverless else kind.versions
    return ".".join((database.version or versions[0]).split(".")[: kind.parts]) if versions else ""


def database_name(database: RdsInstance) -> str:
    """The name of the first database: as written, or that of the dependency."""
    if database.database is not None:
        return database.database
    name = re.sub(r"[^a-z0-9]+", "_", local_name(database.name).lower())[:60]
    return f"{name}_db" if name in database.kind.reserved else name


def check(database: RdsInstance) -> Violations:
    yield from check_permissions(database)
    if database.unmanaged is not None or is_list(database):
        yield from _check_existing(database)
        return
    if database.permissions in _LEVELS:
        message = f"IAM does not limit a service to `{database.permissions}` in a database"
        yield Violation(
            LOGIN, "permissions", message, "leave it out, and create a user with these rights in the database"
        )
    yield from _check_version(database)
    yield from _check_form(database)
    yield from _check_snapshot(database)
    yield from _check_names(database)
    yield from _check_storage(database)
    yield from _check_windows(database)
    if database.serverless is not None:
        yield from _check_capacity(database, database.serverless)


_LEVELS = ("read", "write")


def _check_existing(database: RdsInstance) -> Violations:
    existing = database.unmanaged
    if existing is None:
        return
    if isinstance(granted(database), str):
        if existing.permissions in _LEVELS:
            message = f"IAM does not limit a service to `{existing.permissions}` in a database"
            hint = "leave it out, and name the secret of a user with these rights"
            yield Violation(LOGIN, ("unmanaged", "permissions"), message, hint)
        if existing.endpoint is None:
            hint = "write `unmanaged: {endpoint: HOST, secret: …, securityGroupId: sg-…}`"
            yield Violation(DATABASE, "unmanaged", "an existing database needs its `endpoint`", hint, key=True)
    if existing.endpoint is not None and existing.secret is None:
        hint = "add `secret`, the ARN of a secret with the keys username and password"
        yield Violation(DATABASE, "unmanaged", "an existing database needs a `secret` to log in", hint, key=True)


def _check_version(database: RdsInstance) -> Violations:
    kind = database.kind
    if database.serverless is not None and not kind.aurora:
        hint = "use `engine: mysql` or `postgres`, or leave `serverless` out"
        yield Violation(VERSION, "engine", f"Aurora has no {database.engine}", hint)
        return
    versions = kind.aurora_versions if database.serverless else kind.versions
    if major_version(database) not in versions:
        family = f"Aurora for {kind.what}" if database.serverless else database.engine
        known = ", ".join(sorted(versions, key=lambda text: [int(part) for part in text.split(".")]))
        yield Violation(VERSION, "version", f"{family} has no version `{database.version}`", f"use one of: {known}")


def _check_form(database: RdsInstance) -> Violations:
    wrong = _OF_CLUSTER if database.serverless is None else _OF_INSTANCE
    for key in wrong:
        field = names_of(RdsInstance)[key]
        if getattr(database, field.attribute) == field.default:
            continue
        if database.serverless is None:
            message = "RDS makes no readers of an instance whose password it manages"
            yield Violation(FORM, key, message, "add `serverless: {min: 0.5, max: 4}`, or leave it out", key=True)
        else:
            message = f"`{key}` is for an instance, and this is a serverless cluster"
            yield Violation(FORM, key, message, "leave it out, or leave `serverless` out", key=True)


_OF_SNAPSHOT = ("user", "encryption")


def _check_snapshot(database: RdsInstance) -> Violations:
    for key in _OF_SNAPSHOT if database.snapshot is not None else ():
        field = names_of(RdsInstance)[key]
        if getattr(database, field.attribute) != field.default:
            message = f"the database has the `{key}` of the snapshot"
            yield Violation(FORM, key, message, "leave it out, or leave `snapshot` out", key=True)


def _check_names(database: RdsInstance) -> Violations:
    kind = database.kind
    for key, name in (("user", database.user), ("database", database_name(database))):
        if name.lower() in kind.reserved:
            message = f"`{name}` is a word that {database.engine} reserves"
            yield Violation(DATABASE, key, message, f"choose another name, such as {name}_{key[:2]}")
    for name in database.parameters:
        if name == kind.tls:
            message = f"`{name}` is on: every connection needs TLS"
            yield Violation(DATABASE, ("parameters", name), message, "leave it out", key=True)


def _check_storage(database: RdsInstance) -> Violations:
    """Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html"""
    storage, most = database.storage or 20, database.max_storage
    if most is not None and most * 10 < storage * 11:
        least = -(-storage * 11 // 10)
        message = f"{most} GiB are less than 110 % of the storage of {storage} GiB"
        yield Violation(DATABASE, "maxStorage", message, f"write at least {least}")
    if database.serverless is not None and database.backup_retention == 0:
        yield Violation(DATABASE, "backupRetention", "Aurora keeps backups for at least one day", "write 1 to 35")


def _check_capacity(database: RdsInstance, capacity: Capacity) -> Violations:
    for key, amount in (("min", capacity.min), ("max", capacity.max)):
        if amount * 2 % 1:
            hint = f"write {int(amount * 2) / 2:g} or {(int(amount * 2) + 1) / 2:g}"
            yield Violation(CAPACITY, ("serverless", key), f"{amount:g} is not in steps of 0.5", hint)
    if capacity.max < capacity.min:
        message = f"max is {capacity.max:g}, below min, which is {capacity.min:g}"
        yield Violation(CAPACITY, ("serverless", "max"), message, f"write at least {capacity.min:g}")
    if capacity.pause_after is not None and capacity.min > 0:
        message = "the database never pauses: its lowest capacity is not 0"
        yield Violation(CAPACITY, ("serverless", "pauseAfter"), message, "write `min: 0`, or leave it out", key=True)
    if capacity.min == 0 and not _can_pause(database):
        message = f"version {database.version} does not pause"
        yield Violation(CAPACITY, ("serverless", "min"), message, "write 0.5 or more, or a newer minor version")


def _can_pause(database: RdsInstance) -> bool:
    """Whether the version has automatic pause; RDS chooses one that has, where only the major version is written."""
    major, _, minor = (database.version or "").partition(".")
    if database.engine == "postgres":
        return not minor.isdigit() or int(minor) >= _PAUSES_FROM.get(major, 0)
    numbers = re.search(r"mysql_aurora\.(\d+)\.(\d+)", minor)
    return numbers is None or tuple(map(int, numbers.groups())) >= _MYSQL_PAUSES_FROM


def _check_windows(database: RdsInstance) -> Violations:
    backup = database.backup_window and _minutes(database.backup_window, _DAY_MINUTES)
    maintenance = database.maintenance_window and _minutes(database.maintenance_window, _WEEK_MINUTES)
    for key, window in (("backupWindow", backup), ("maintenanceWindow", maintenance)):
        if window is not None and not _SHORTEST_WINDOW <= len(window) <= _DAY_MINUTES - _SHORTEST_WINDOW:
            message = f"the window has {len(window)} minutes, and RDS needs {_SHORTEST_WINDOW}, outside of it too"
            yield Violation(DATABASE, key, message, "write a longer one" if len(window) < 60 else "write a shorter one")
    if backup and maintenance and {minute % _DAY_MINUTES for minute in maintenance} & set(backup):
        message = "the window for maintenance overlaps that for backups"
        yield Violation(DATABASE, "maintenanceWindow", message, f"choose a time outside {database.backup_window}")


def _minutes(window: str, of: int) -> list[int]:
    """The minutes of a window, of a day or of a week, which may go on in the next one."""
    start, end = (_minute(text) for text in window.split("-"))
    return [minute % of for minute in range(start, end if end >= start else end + of)]


def _minute(text: str) -> int:
    *day, hour, minute = text.split(":")
    return (_DAYS.index(day[0]) * _DAY_MINUTES if day else 0) + int(hour) * 60 + int(minute)


def check_references(database: RdsInstance, spec: Spec) -> Violations:
    """Check that a database has backups, and whether the service reaches an existing one."""
    service = spec.service
    if is_managed(database):
        if database.backup_retention == 0:
            yield Violation(NO_BACKUPS, "backupRetention", "RDS keeps no backups", "write 1 to 35 days")
    elif database.unmanaged is not None and database.unmanaged.endpoint is not None:
        if service.networking.network.id is None and not service.networking.shared:
            message = "the service has a VPC of its own, and the database is in another one"
            hint = "add networking.vpc with the id and subnets of that VPC"
            yield Violation(ADMISSION, "unmanaged", message, hint)
        elif database.existing_group is None:
            message = "the tasks cannot reach the database unless its security group admits them"
            hint = "write `unmanaged: {securityGroupId: sg-…}`, with the id from the outputs of its stack"
            yield Violation(ADMISSION, "unmanaged", message, hint)


def compile(database: RdsInstance, names: Names, context: Context) -> Grant:
    """The database in its subnets, behind a group that admits the tasks alone, with its parts as variables."""
    grant = Grant()
    encryption = encryption_of(database, context)
    key = encryption if customer_key(encryption) else None
    if is_managed(database):
        title = _add(grant, database, names, context)
        secret, arn = (
            f"${{{title}.MasterUserSecret.SecretArn}}",
            "DBClusterArn" if database.serverless else "DBInstanceArn",
        )
        grant.values = {
            "endpoint": f"${{{title}.Endpoint.Address}}",
            "port": f"${{{title}.Endpoint.Port}}",
            "name": database_name(database),
            **({"user": database.user} if database.snapshot is None else {}),
            "secretArn": secret,
            "arn": f"${{{title}.{arn}}}",
            **({"readEndpoint": f"${{{title}.ReadEndpoint.Address}}"} if database.serverless else {}),
        }
        fields = {"PASSWORD": "password", **({"USER": "username"} if database.snapshot is not None else {})}
        secrets = {
            part: ContainerSecret("", f"{secret}:{field}::", SECRET_ACTION, secret, names.origin, key)
            for part, field in fields.items()
        }
        _connect(grant, database, names, context, secrets)
    else:
        _use(grant, database, names, context, key)
    return grant


SECRET_ACTION = "secretsmanager:GetSecretValue"  # noqa: S105 - the name of an action


def address_variables(
    names: Names, kind: str, part: str, database: SqlDatabase, context: Context, postgres: bool = True
) -> list[str]:
    """The variables for a part of the address of a database (``HOST``): with its name and ``kind``, and for the only
    database of a service without them, also as clients of PostgreSQL read it."""
    own = [names.variable(f"{kind}_{part}")]
    if not is_only_database(database, context.spec):
        return own
    return [*own, f"DATABASE_{part}", *([LIBPQ[part]] if postgres and part in LIBPQ else [])]


def _connect(
    grant: Grant, database: RdsInstance, names: Names, context: Context, secrets: Mapping[str, ContainerSecret]
) -> None:
    """Add the variables and secrets with which the service connects, and its permission to read the secret later."""
    values, postgres = grant.values, database.engine == "postgres"
    parts = {"HOST": "endpoint", "PORT": "port", "NAME": "name", "USER": "user", "SECRET_ARN": "secretArn"}
    parts |= {"READ_HOST": "readEndpoint"} if database.readers or database.unmanaged else {}
    plain = {part: values[attribute] for part, attribute in parts.items() if attribute in values}
    plain |= {"SSLMODE": "require"} if postgres else {}
    for part in {**plain, **secrets}:
        for name in address_variables(names, "DATABASE", part, database, context, postgres):
            if part in secrets:
                attribute = Attribute(TYPE.category, names.local, PASSWORD) if part == "PASSWORD" else None
                grant.secrets.append(replace(secrets[part], name=name, attribute=attribute))
            else:
                grant.environment[name] = plain[part]
    secret = secrets["PASSWORD"]
    grant.statements = [*grant.statements, allow([SECRET_ACTION], [intrinsic(secret.resource)])]
    if secret.key is not None:
        grant.statements = [*grant.statements, key_statement(["kms:Decrypt"], [secret.key], ["secretsmanager"])]


def _use(grant: Grant, database: RdsInstance, names: Names, context: Context, key: String | None) -> None:
    """Give access to an existing database."""
    existing = database.unmanaged or ExistingDatabase()
    arn = f"arn:${{AWS::Partition}}:rds:${{AWS::Region}}:${{AWS::AccountId}}:db:{fragment(database.name)}"
    arn = fragment(existing.arn) if existing.arn is not None else arn
    grant.values = {"arn": arn}
    if is_list(database):
        grant.statements = [allow(sorted(set(granted(database))), [intrinsic(arn)])]
    if existing.endpoint is None or existing.secret is None:
        return
    secrets = {
        part: replace(secret_at("", f"{source_of(existing.secret)}:{field}::", names.origin), key=key)
        for part, field in (("USER", "username"), ("PASSWORD", "password"))
    }
    secret = secrets["PASSWORD"].resource.removesuffix("-??????")
    grant.values = {
        "endpoint": fragment(existing.endpoint),
        "port": str(database.port),
        "name": database_name(database),
        "secretArn": secret,
        "arn": arn,
        **({"readEndpoint": fragment(existing.read_endpoint)} if existing.read_endpoint is not None else {}),
    }
    _connect(grant, database, names, context, secrets)
    if existing.security_group_id is not None:
        admit(grant, names, context, existing.security_group_id, database.port, database.kind.what)


def _add(grant: Grant, database: RdsInstance, names: Names, context: Context) -> str:
    """Add the instance or the cluster with what it needs, and return its logical ID."""
    group = guard(grant, names, context, "Database", (database.port,), database.kind.what)
    subnets = rds.DBSubnetGroup(
        names.id("DatabaseSubnets"),
        DBSubnetGroupDescription=f"Database {names.local} of {context.spec.metadata.name}",
        SubnetIds=list(context.network.task_subnets),
    )
    grant.add(subnets, names.origin)
    common = {
        "DBSubnetGroupName": Ref(subnets),
        "Engine": database.engine,
        "EngineVersion": database.version or major_version(database),
        "ManageMasterUserPassword": True,
        "CopyTagsToSnapshot": True,
        "BackupRetentionPeriod": database.backup_retention,
        "DeletionProtection": bool(database.deletion_protection),
        **present(
            PreferredBackupWindow=database.backup_window,
            PreferredMaintenanceWindow=database.maintenance_window,
        ),
    }
    if (key := customer_key(encryption_of(database, context))) is not None:
        common["MasterUserSecret"] = rds.MasterUserSecret(KmsKeyId=key)
    if database.snapshot is None:  # else the snapshot decides
        common |= {"MasterUsername": database.user, "StorageEncrypted": True, **present(KmsKeyId=key)}
    make = _instance if database.serverless is None else _cluster
    main = make(grant, database, names, common, group)
    main.DeletionPolicy = main.UpdateReplacePolicy = "Snapshot"
    if common["EngineVersion"] == major_version(database):
        main.Metadata = {"cfn-lint": {"config": {"ignore_checks": list(_WHOLE_VERSIONS)}}}
    grant.add(main, names.origin, dict.fromkeys(_WRITTEN, names.origin))
    grant.output(names.id("DatabaseEndpoint"), f"Host of the database {names.local}", GetAtt(main, "Endpoint.Address"))
    secret = GetAtt(main, "MasterUserSecret.SecretArn")
    grant.output(names.id("DatabaseSecretArn"), f"Secret of the database {names.local}", secret)
    grant.output(names.id("DatabaseSecurityGroupId"), f"Security group of {names.local}", group)
    return str(main.title)


_WRITTEN = (
    *("AllocatedStorage", "DBInstanceClass", "DBName", "DatabaseName", "DBSnapshotIdentifier", "EngineVersion"),
    *("MasterUsername", "SnapshotIdentifier"),
)
"""The properties with values of the spec, of which cfn-lint may know that they are wrong."""
_WHOLE_VERSIONS = ("E3690", "E3691", "W3690", "W3691")
"""The checks of cfn-lint that know whole versions alone. RDS chooses the minor version for a major one.
Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/MySQL.Concepts.VersionMgmt.html"""


def _parameters(database: RdsInstance) -> dict[str, str]:
    return {database.kind.tls: "1", **dict(sorted(database.parameters.items()))}


def _origin(database: RdsInstance, name: str, snapshot: str) -> dict[str, Any]:
    """The first database of a new instance or cluster, or the snapshot that has it, by the names of the properties."""
    return {name: database_name(database)} if database.snapshot is None else {snapshot: value(database.snapshot)}


def _instance(grant: Grant, database: RdsInstance, names: Names, common: dict[str, Any], group: Any) -> AWSObject:
    family = f"{database.engine}{major_version(database)}"
    parameters = rds.DBParameterGroup(
        names.id("DatabaseParameters"),
        Description=f"{family} with TLS for {names.local}",
        Family=family,
        Parameters=_parameters(database),
    )
    grant.add(parameters, names.origin)
    return rds.DBInstance(
        names.id("Database"),
        **common,
        **_origin(database, "DBName", "DBSnapshotIdentifier"),
        DBInstanceClass=database.instance_class or "db.t4g.micro",
        DBParameterGroupName=Ref(parameters),
        AllocatedStorage=str(database.storage or 20),
        StorageType="gp3",
        PubliclyAccessible=False,
        VPCSecurityGroups=[group],
        **present(
            MaxAllocatedStorage=database.max_storage,
            MultiAZ=database.multi_az,
            AllowMajorVersionUpgrade=database.allow_major_version_upgrade,
        ),
    )


class _Scaling(rds.ServerlessV2ScalingConfiguration):  # type: ignore[misc]
    """troposphere refuses a capacity of 0, and one above 128."""

    props = {  # noqa: RUF012 - as troposphere declares it
        "MaxCapacity": (double, True),
        "MinCapacity": (double, True),
        "SecondsUntilAutoPause": (integer, False),
    }


def _cluster(grant: Grant, database: RdsInstance, names: Names, common: dict[str, Any], group: Any) -> AWSObject:
    """The cluster; its instances depend on it, and the service waits for them."""
    capacity, kind = database.serverless or Capacity(), database.kind
    family = f"{kind.aurora}{major_version(database)}"
    parameters = rds.DBClusterParameterGroup(
        names.id("DatabaseClusterParameters"),
        Description=f"{family} with TLS for {names.local}",
        Family=family,
        Parameters=_parameters(database),
    )
    grant.add(parameters, names.origin)
    cluster = rds.DBCluster(
        names.id("DatabaseCluster"),
        **{**common, "Engine": kind.aurora},
        **_origin(database, "DatabaseName", "SnapshotIdentifier"),
        DBClusterParameterGroupName=Ref(parameters),
        ServerlessV2ScalingConfiguration=_Scaling(
            MinCapacity=capacity.min,
            MaxCapacity=capacity.max,
            **present(SecondsUntilAutoPause=capacity.pause_after),
        ),
        VpcSecurityGroupIds=[group],
    )
    for suffix in ("Writer", *(f"Reader{number}" for number in range(1, database.readers + 1))):
        member = rds.DBInstance(
            names.id(f"DatabaseCluster{suffix}"),
            DBClusterIdentifier=Ref(cluster),
            DBInstanceClass="db.serverless",
            Engine=kind.aurora,
            PubliclyAccessible=False,
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        )
        grant.add(member, names.origin)
        grant.waits.append(member.title)
    return cluster


def _attributes(database: RdsInstance) -> tuple[str, ...]:
    if not is_managed(database):
        existing = database.unmanaged or ExistingDatabase()
        read = ("readEndpoint",) if existing.read_endpoint is not None else ()
        if existing.endpoint is None:
            return ("arn",)
        return ("endpoint", "port", "name", PASSWORD, "secretArn", "arn", *read)
    user = ("user",) if database.snapshot is None else ()
    read = ("readEndpoint",) if database.serverless else ()
    return ("endpoint", "port", "name", *user, PASSWORD, "secretArn", "arn", *read)


TYPE = CompiledType(
    name="aws_rds_instance",
    category="rds",
    doc="A database of RDS: PostgreSQL, MySQL or MariaDB, or Aurora Serverless v2, with a password that RDS makes.",
    model=RdsInstance,
    attributes=_attributes,
    compile=compile,
    check=check,
    check_references=check_references,
    physical_name=False,
    endpoint="secretsmanager",
    managed_keys=(
        *(
            "version",
            "serverless",
            "readers",
            "instanceClass",
            "storage",
            "maxStorage",
            "multiAz",
            "user",
            "parameters",
            "snapshot",
        ),
        *("backupRetention", "backupWindow", "maintenanceWindow", "allowMajorVersionUpgrade", "deletionProtection"),
    ),
)
