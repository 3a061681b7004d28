"""Rules about the container: its image, variables, secrets, volumes, limits and health checks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from fsdcf.cloudformation.arns import fields_of_arn
from fsdcf.cloudformation.ecr import HOST
from fsdcf.cloudformation.registries import PUBLIC_ECR, parts_of_image, registry_host
from fsdcf.diagnostics import Rule, SpecPath
from fsdcf.language.dependency import file_systems
from fsdcf.language.document import Document
from fsdcf.language.model.container import MAIN_PATH, Container, ContainerCheck, Sidecar, Tmpfs, Ulimit, store_of
from fsdcf.language.model.service import HealthCheck, Volume
from fsdcf.language.placeholders import SecretRef, String, Text, sample
from fsdcf.language.rules.case import Case, Problem, Problems, each_container, in_production, rule
from fsdcf.language.unknown import until_unknown
from fsdcf.links import BUILD_SECRETS, CONTAINER_SECURITY, ECS_EXEC, HEALTH_CHECKS, PRIVATE_REGISTRIES
from fsdcf.masking import ACCESS_KEY_VARIABLES, CREDENTIAL_VARIABLES
from fsdcf.suggested import suggested

REPOSITORY = re.compile(r"([A-Za-z0-9.-]+(:\d+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*")
_REFERENCE = re.compile(r"[/:]aws/reference/secretsmanager/(.+)")


@rule("S201", "an image with a tag or digest, or not a repository")
def image(case: Case) -> Problems:
    """`image` names a repository without a tag or digest. The template's parameter ImageSha selects the image, so
    that the same template serves every deployment and a rollback changes nothing but the image."""
    if case.service.image is None:
        return
    text = sample(case.service.image)
    if "@" in text or ":" in text.rsplit("/", 1)[-1]:
        hint = f"write `{parts_of_image(text)[0]}`; the tag or digest is the parameter ImageSha, given at deploy time"
        yield Problem("service.image", "the image has a tag or digest", hint)
    elif not REPOSITORY.fullmatch(text):
        hint = "write a repository such as 123456789012.dkr.ecr.us-east-1.amazonaws.com/my-service"
        yield Problem("service.image", f"`{text}` is not a repository", hint)


@rule("S288", "a secret of the build without one source")
def build_secret_source(case: Case) -> Problems:
    """A secret of the build comes from a `file`, or from a variable in the `environment` of the build."""
    for index, secret in enumerate(case.service.build.secrets):
        if (secret.file is None) == (secret.environment is None):
            path = ("service", "build", "secrets", index)
            problem = "both a `file` and" if secret.file else "neither a `file` nor"
            hint = f"write `file: PATH` or `environment: NAME` beside `id: {secret.id}`"
            yield Problem(path, f"the secret `{secret.id}` of the build has {problem} an `environment`", hint)


MISSING_BUILD_SECRET = Rule(
    "S291",
    "a secret of the build that is not there",
    "A secret of the build is in a file, whose path is relative to the spec or begins with `~/`, or in a variable of"
    " the environment in which the build runs. fsdcf looks at both before the build, and passes on where the secret is,"
    " not its value.",
    BUILD_SECRETS,
)

UNNAMED_BUILD_SECRET = Rule(
    "W136",
    "a secret that a step mounts and the spec does not name",
    "A step of the Dockerfile reads a secret (`RUN --mount=type=secret,id=ID`) that `build.secrets` does not name. The"
    " build continues without it, and what the step does is done without a login, unless it says `required=true`.",
    BUILD_SECRETS,
)

BUILD_PATH = Rule(
    "S292",
    "a build context or a Dockerfile that is not there",
    "`build.context` is a folder and `build.dockerfile` a file; both are relative to the spec, and inside of its"
    " repository. fsdcf looks at them before a build.",
)

BUILD_SECRET = Rule(
    "S299",
    "a secret of the build that a workflow does not have",
    "The workflow of `fsdcf ci github` sets the variable of `environment: NAME` to the secret NAME on GitHub. It "
    "cannot set a variable of the runner, of AWS, of the builder or of the workflow, and it has a file only if that is "
    "in the repository.",
    "https://docs.github.com/en/actions/how-tos/write-workflows/choose-what-workflows-do/use-secrets",
)

_OPEN_REGISTRIES = re.compile(
    r"(.+\.)?(docker\.io|ghcr\.io|quay\.io|gcr\.io|mcr\.microsoft\.com|lscr\.io|cgr\.dev|nvcr\.io|docker\.elastic\.co"
    r"|registry\.(k8s\.io|gitlab\.com|access\.redhat\.com|fedoraproject\.org|suse\.com|opensuse\.org))"
    rf"|registry\.hub\.docker\.com|container-registry\.oracle\.com|{re.escape(PUBLIC_ECR)}"
)
"""Hosts from which anyone can pull images, whatever else they keep."""


def store_credentials(service: str, document: Document, at: SpecPath = MAIN_PATH) -> str:
    """How to store the credentials of a registry and use them for the container at a spec path, as a hint."""
    key = ".".join(map(str, (*at, "imageCredentials")))
    command = suggested("secret set", document.span(("service",)).file, key)
    return (
        f"write `imageCredentials: secretsmanager:{service}/registry`, and store "
        f'{{"username": "…", "password": "…"}} with `{command}`'
    )


@rule(
    "S275",
    "credentials of a registry that ECS cannot read",
    PRIVATE_REGISTRIES,
)
@each_container
def unreadable_credentials(case: Case, at: SpecPath, container: Container) -> Problems:
    """ECS reads the credentials of a registry from Secrets Manager, and only the whole secret: JSON with the keys
    `username` and `password`. It accepts neither a parameter of the Parameter Store, nor a JSON key, stage or version
    after the name of the secret."""
    source = container.image_credentials
    if source is None or _has_image_of_service(container):
        return
    if store_of(source) == "ssm":
        message = "ECS reads the credentials of a registry from Secrets Manager, not from the Parameter Store"
        name = named_by_parameter(sample(source))
        hint = (
            f"write `secretsmanager:{name}`" if name else store_credentials(case.spec.metadata.name, case.document, at)
        )
        yield Problem((*at, "imageCredentials"), message, hint)
    elif (whole := _whole_secret(source)) != str(source):
        message = "ECS reads the whole secret: a JSON key, stage or version cannot be selected"
        hint = f'write `{whole}`; its value is {{"username": "…", "password": "…"}}'
        yield Problem((*at, "imageCredentials"), message, hint)


def named_by_parameter(parameter: str) -> str:
    """The secret of Secrets Manager that a parameter refers to; empty for any other parameter."""
    match = _REFERENCE.search(f"/{parameter}")
    return match[1] if match else ""


def _whole_secret(source: String) -> str:
    """The secret of a source, as written, without the fields that select a part of it."""
    if isinstance(source, Text) and isinstance(source.parts[0], SecretRef):
        return str(replace(source.parts[0], key=""))
    fields = fields_of_arn(str(source))
    return ":".join(fields[: 7 if fields[0] == "arn" else 1 if fields[0].startswith("${") else 2])


@rule(
    "S276",
    "credentials for ECR",
    PRIVATE_REGISTRIES,
)
@each_container
def credentials_for_ecr(case: Case, at: SpecPath, container: Container) -> Problems:
    """ECS pulls from ECR with the permissions of the execution role. The password that `docker login` uses for ECR is
    valid for twelve hours, so a stored one soon fails. A repository of another account must admit this account in its
    policy, and a pull-through cache has credentials of its own. Images of public.ecr.aws need no credentials."""
    image = image_of(case, container)
    if container.image_credentials is None or (image and not _is_ecr(image)) or _has_image_of_service(container):
        return
    message = "the image is in ECR, which takes no stored credentials"
    hint = "leave it out: the execution role has the permission to pull"
    if registry_host(image) == PUBLIC_ECR:
        hint = "leave it out: anyone can pull from there"
    elif isinstance(container.image, str):
        hint += "; the policy of a repository in another account must allow it, too"
    yield Problem((*at, "imageCredentials"), message, hint, key=True)


@rule(
    "W132",
    "a registry that probably needs credentials",
    PRIVATE_REGISTRIES,
)
@each_container
def missing_credentials(case: Case, at: SpecPath, container: Container) -> Problems:
    """The image is in a registry that is neither ECR nor one of the public ones, such as Docker Hub, ghcr.io or
    quay.io. If it asks for a password, the tasks cannot start without `imageCredentials`."""
    image = sample(container.image or "")
    registry = registry_host(image)
    if container.image_credentials or not image or "${" in image or _is_ecr(image):
        return
    if not _OPEN_REGISTRIES.fullmatch(registry.partition(":")[0].lower()):
        hint = store_credentials(case.spec.metadata.name, case.document, at)
        hint += "; if anyone can pull from there, silence this warning"
        yield Problem((*at, "image"), f"`{registry}` probably requires a password, and the spec names none", hint)


def image_of(case: Case, container: Container) -> str:
    """The image of a container; empty for the ECR repository with the name of the service."""
    return sample(container.image or case.service.image or "")


def _has_image_of_service(container: Container) -> bool:
    """Whether a sidecar has the image of the service, and its credentials."""
    return isinstance(container, Sidecar) and container.image is None


def _is_ecr(image: str) -> bool:
    return re.match(HOST, image) is not None or registry_host(image) == PUBLIC_ECR


@rule(
    "S211",
    "ECS Exec with a read-only root file system",
    ECS_EXEC,
)
def exec_on_read_only_root(case: Case) -> Problems:
    """ECS Exec writes its agent into the container's root file system, so it cannot work with
    readonlyRootFilesystem."""
    if case.service.enable_execute_command and case.service.readonly_root_filesystem:
        hint = "set one of enableExecuteCommand and readonlyRootFilesystem to false"
        yield Problem("service.enableExecuteCommand", "ECS Exec does not work with a read-only root file system", hint)


@rule(
    "W140",
    "a container of root in production",
    CONTAINER_SECURITY,
    only=in_production,
)
@each_container
def root_user(case: Case, at: SpecPath, container: Container) -> Problems:
    """Whoever breaks into a process of root may change every file of the container. Without `user` the image decides:
    its Dockerfile says USER, which fsdcf reads if `build.dockerfile` names the file, or the process is that of root.
    Another user writes only to the folders that the Dockerfile gives to it (`chown`), or to `tmpfs` and volumes; a
    program that must listen below port 1024 gets a higher `port`. A number, such as `user: "1000"`, needs no entry in
    /etc/passwd."""
    user = container.user
    if user is None:
        message = f"no `user` in {case.environment}: the container runs as root unless the image's Dockerfile says USER"
    elif is_root(sample(user).partition(":")[0]):
        message = f"the container runs as root in {case.environment}"
    else:
        return
    hint = 'write `user: "1000"`, and let the Dockerfile give the folders that the program writes to that user'
    yield Problem((*at, "user"), message, hint, key=user is None)


def is_root(user: str) -> bool:
    """Whether the user of an image or a container, by name or number, is root; so is one without a name."""
    return user in ("", "root", "0")


@rule(
    "W141",
    "a root file system that can be written in production",
    CONTAINER_SECURITY,
    only=in_production,
)
@each_container
def writable_root(case: Case, at: SpecPath, container: Container) -> Problems:
    """Whoever breaks into the container can change the program itself. With `readonlyRootFilesystem: true` the program
    writes to `tmpfs`, `volumes` and file systems only, and every other write fails. ECS Exec needs a root file system
    that can be written."""
    if container.readonly_root_filesystem:
        return
    hint = "write `readonlyRootFilesystem: true`, and `tmpfs: [{path: /tmp, size: 64}]` for what the program writes"
    hint += ", without enableExecuteCommand" if case.service.enable_execute_command else ""
    message = f"the program can change its own files in {case.environment}"
    yield Problem((*at, "readonlyRootFilesystem"), message, hint, key=True)


@rule(
    "W142",
    "sessions of ECS Exec that are not recorded in production",
    ECS_EXEC,
    only=in_production,
)
def unrecorded_sessions(case: Case) -> Problems:
    """A shell in a container of production sees what the service sees. CloudTrail records who opened it, and the log of
    the cluster what was typed and shown. fsdcf sets that up for the clusters that it creates. An existing cluster needs
    `aws ecs update-cluster` with an executeCommandConfiguration whose logging is OVERRIDE, and fsdcf must know the log
    group, to which the task role of each service writes."""
    if not case.service.enable_execute_command or case.records_sessions:
        return
    message = f"what sessions of ECS Exec do in {case.environment} is not recorded"
    path, hint = "service.enableExecuteCommand", "leave out `executeCommandLogs: false`"
    if case.joined is not None and case.file is not None:
        hint += f" in {case.file.name}"
        if case.joined.environment.cluster.name is not None:
            hint = f"let the cluster record them, and name its log group in {case.file.name}: "
            hint += "`cluster: {executeCommandLogs: {logGroup: NAME}}`"
    yield Problem(path, message, hint, key=True)


@rule("S217", "a volume that cannot be mounted")
def volumes(case: Case) -> Problems:
    """Volume names and mount paths are unique, and an EFS volume has either a file system's id or a dependency's
    name."""
    names: set[str] = set()
    systems = file_systems(case.spec)
    for index, volume in enumerate(case.service.volumes):
        path = ("service", "volumes", index)
        yield from until_unknown(_volume_name((*path, "name"), volume, names))
        yield from until_unknown(_efs_volume((*path, "efs"), volume, systems))


def _volume_name(path: SpecPath, volume: Volume, names: set[str]) -> Problems:
    if volume.name in names:
        yield Problem(path, f"two volumes are named `{volume.name}`", "choose another name")
    names.add(volume.name)


def _efs_volume(path: SpecPath, volume: Volume, systems: Iterable[str]) -> Problems:
    efs = volume.efs
    if efs is None:
        return
    if (efs.file_system_id is None) == (efs.dependency is None):
        hint = "write fileSystemId for an existing file system, or dependency for one of `dependencies`"
        yield Problem(path, "an EFS volume needs either fileSystemId or dependency", hint, key=True)
    if efs.dependency is not None and efs.dependency not in systems:
        hint = (
            f"known file systems: {', '.join(sorted(systems))}" if systems else "add an aws_efs_file_system dependency"
        )
        yield Problem((*path, "dependency"), f"unknown file system `{efs.dependency}`", hint)
    if efs.dependency is not None and efs.root_directory not in (None, "/"):
        hint = "leave it out: the access point of the dependency sets the directory"
        yield Problem((*path, "rootDirectory"), "rootDirectory cannot be used with an access point", hint)


@rule(
    "S266",
    "scratch in memory that the task cannot have",
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tmpfs.html",
)
def tmpfs(case: Case) -> Problems:
    """What the containers write to `tmpfs` counts as memory of the task, so that all of them together must be smaller
    than `resources.memory`. An option and its opposite exclude each other, and so do two
    values of one option."""
    memory, total = case.service.resources.memory, 0
    for at, container in case.service.containers:
        for index, scratch in enumerate(container.tmpfs):
            path: SpecPath = (*at, "tmpfs", index)
            total += scratch.size
            if total >= memory > total - scratch.size:
                message = f"{total} MiB of scratch leave no memory for the service: the task has {memory} MiB"
                yield Problem((*path, "size"), message, "use a smaller size, or raise resources.memory")
            yield from _scratch_options(path, scratch)


def _scratch_options(path: SpecPath, scratch: Tmpfs) -> Problems:
    for number, option in enumerate(scratch.options):
        earlier = next((each for each in scratch.options[:number] if _excludes(each, option)), None)
        if earlier is not None:
            message = f"`{option}` and `{earlier}` exclude each other"
            yield Problem((*path, "options", number), message, "keep one of them")


def _excludes(option: str, other: str) -> bool:
    name, equals, _ = option.partition("=")
    return option == _opposite(other) or (equals != "" and name == other.partition("=")[0])


def _opposite(option: str) -> str:
    if option in ("ro", "rw", "sync", "async"):
        return {"ro": "rw", "rw": "ro", "sync": "async", "async": "sync"}[option]
    return option.removeprefix("no") if option.startswith("no") else f"no{option}"


@rule(
    "W131",
    "scratch that the container's user cannot write",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html",
)
@each_container
def scratch_of_root(case: Case, at: SpecPath, container: Container) -> Problems:
    """A volume without a file system is a directory on the task's disk that belongs to root, with mode 0755. A
    container with another `user` cannot write to it, unless its image has a VOLUME at the same path that belongs to
    the user: ECS keeps the owner of that. Every user may write to `tmpfs`, unless its options limit the `mode`."""
    user = sample(container.user or "root")
    if user.partition(":")[0] in ("0", "root"):
        return
    for path, mount in _written(case, at, container):
        message = f"`{mount}` belongs to root: user {user} cannot write to it"
        hint = f"write `tmpfs: [{{path: {mount}, size: 64}}]` in place of the volume; the size is in MiB"
        if _is_shared(case, path):
            hint = "let the container that writes run as root; or write `readOnly: true` if this one only reads"
        yield Problem(path, message, hint)
    for index, scratch in enumerate(container.tmpfs):
        if not _may_write(user, scratch):
            message = f"user {user} cannot write to `{scratch.path}`, which its `mode` allows only to others"
            hint = "leave `mode` out, or set `uid` to the number of the user"
            yield Problem((*at, "tmpfs", index, "options"), message, hint)


def _written(case: Case, at: SpecPath, container: Container) -> Iterator[tuple[SpecPath, str]]:
    """The mounts of volumes on the task's disk that a container may write to, each with its spec path."""
    scratch = {volume.name for volume in case.service.volumes if volume.efs is None}
    if isinstance(container, Sidecar):
        for index, mount in enumerate(container.mounts):
            if mount.volume in scratch and not mount.read_only:
                yield (*at, "mounts", index, "path"), mount.path
        return
    for index, volume in enumerate(case.service.volumes):
        if volume.name in scratch and not volume.read_only:
            yield (*at, "volumes", index, "mountPath"), volume.mount_path


def _is_shared(case: Case, path: SpecPath) -> bool:
    """Whether the volume behind a mount has a second one: scratch in memory cannot be shared."""
    sidecars = case.service.sidecars
    if path[1] == "volumes":
        name = case.service.volumes[int(path[2])].name
        return any(mount.volume == name for one in sidecars for mount in one.mounts)
    return True


def _may_write(user: str, scratch: Tmpfs) -> bool:
    """Whether the mode of scratch in memory lets the user write; true if it depends on the image's users and groups.

    Without options it belongs to root, with mode 1777.
    """
    options = dict(option.split("=") for option in scratch.options if "=" in option)
    mode = int(options.get("mode", "1777"), 8)
    uid, _, gid = user.partition(":")
    is_owner = options.get("uid", "0") == uid or ("uid" in options and not uid.isdigit())
    in_group = options.get("gid", "0") == gid or not gid.isdigit()
    return bool(mode & (0o002 | 0o200 * is_owner | 0o020 * in_group))


@rule("S218", "a variable that is set twice")
@each_container
def repeated_variables(case: Case, at: SpecPath, container: Container) -> Problems:
    """ECS rejects a variable that is in both `environment` and `secrets`, or twice in one of them."""
    secrets = container.secrets
    counts = Counter(secret.name for secret in secrets)
    for index, secret in enumerate(secrets):
        if secret.name in container.environment or counts[secret.name] > 1:
            where = "environment" if secret.name in container.environment else "secrets"
            path = (*at, "secrets", index, "name")
            yield Problem(path, f"`{secret.name}` is also set in `{where}`", "keep one of them")


@rule(
    "S273",
    "a repository name that ECR rejects",
    "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html",
)
def repository_name(case: Case) -> Problems:
    """Without `image`, the ECR repository has the name of the service, and ECR requires at least two characters."""
    if case.service.image is None and len(case.spec.metadata.name) < 2:
        message = f"ECR does not accept a repository named `{case.spec.metadata.name}`"
        yield Problem("metadata.name", message, "write at least two characters, or set `image`")


@rule(
    "S383",
    "a capability that is named twice",
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html",
)
@each_container
def repeated_capabilities(case: Case, at: SpecPath, container: Container) -> Problems:
    """A capability is either added or dropped, and named once. `ALL` drops every capability but the added ones."""
    wanted = container.capabilities
    if wanted is None:
        return
    for key, names in (("add", wanted.add), ("drop", wanted.drop)):
        for index, name in enumerate(names):
            if name in names[:index] or (key == "drop" and name in wanted.add):
                where = "both added and dropped" if name in wanted.add and key == "drop" else f"in `{key}` twice"
                path = (*at, "capabilities", key, index)
                yield Problem(path, f"`{name}` is {where}", "keep one of them")


@rule(
    "S274",
    "a limit that is set twice",
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Ulimit.html",
)
@each_container
def repeated_ulimits(case: Case, at: SpecPath, container: Container) -> Problems:
    """A container has each limit once."""
    seen: set[str] = set()
    for index, limit in enumerate(container.ulimits):
        if limit.name in seen:
            path = (*at, "ulimits", index, "name")
            yield Problem(path, f"`{limit.name}` is set twice", "keep one of them")
        seen.add(limit.name)


@rule("S226", "a soft limit above its hard limit")
@each_container
def ulimits(case: Case, at: SpecPath, container: Container) -> Problems:
    """The kernel rejects a soft limit that is above the hard limit."""
    for index, limit in enumerate(container.ulimits):
        yield from until_unknown(_ulimit((*at, "ulimits", index, "softLimit"), limit))


def _ulimit(path: SpecPath, limit: Ulimit) -> Problems:
    soft, hard = limit.soft_limit, limit.hard_limit
    if hard != -1 and (soft > hard or soft == -1):
        yield Problem(path, f"softLimit {soft} is above hardLimit {hard}", "lower softLimit")


@rule("S225", "HTTP codes out of range")
def success_codes(case: Case) -> Problems:
    """An application load balancer accepts codes from 200 to 499. A range goes from the lower code to the higher
    one."""
    for part in str(case.service.health_check.success_codes).split(","):
        low, _, high = part.partition("-")
        if not 200 <= int(low) <= int(high or low) <= 499:
            message = f"`{part}` is not a range within 200 to 499"
            yield Problem("service.healthCheck.successCodes", message, "use codes such as 200, `200,204` or `200-299`")


@rule(
    "S204",
    "a timeout that is not below its interval",
    HEALTH_CHECKS,
)
def timeouts(case: Case) -> Problems:
    """A health check must end before the next one begins: Elastic Load Balancing rejects a timeout that is not below
    the interval."""
    check = case.service.health_check
    yield from until_unknown(_timeout(case, "service.healthCheck", check))
    if check.container:
        yield from until_unknown(_timeout(case, "service.healthCheck.container", check.container))
    for index, sidecar in enumerate(case.service.sidecars):
        if sidecar.health_check is not None:
            path = f"service.sidecars.{index}.healthCheck"
            yield from until_unknown(_timeout(case, path, sidecar.health_check))


def _timeout(case: Case, path: str, check: HealthCheck | ContainerCheck) -> Problems:
    interval, timeout = check.interval, check.timeout
    if timeout >= interval:
        key = "timeout" if case.wrote(f"{path}.timeout") else "interval"
        hint = f"use a timeout below {interval}, or an interval above {timeout}"
        yield Problem(f"{path}.{key}", f"the timeout of {timeout} s is not below the interval of {interval} s", hint)


@rule(
    "W101",
    "no container health check",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html",
    kinds=("Service",),
)
def missing_check(case: Case) -> Problems:
    """ECS ignores a HEALTHCHECK in the image and runs only the check in the task definition. Without one, only the load
    balancer detects a process that hangs, and nothing detects it in a worker."""
    if case.service.health_check.container is None:
        hint = "add healthCheck.container.command, or name the Dockerfile in build.dockerfile to copy its HEALTHCHECK"
        yield Problem("service.healthCheck.container", "the container has no health check", hint, key=True)


BY_TASK_ROLE = (
    "leave it out: the task role is the service's identity in AWS; allow what it needs by `dependencies` and "
    "service.taskRole.statements"
)
DEACTIVATE = "; deactivate the key, which has been in a file"


@rule(
    "W133",
    "a variable that hides the task role",
    "https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html",
    conceal=True,
)
@each_container
def hidden_task_role(case: Case, at: SpecPath, container: Container) -> Problems:
    """The AWS SDKs look for credentials in several places and take the first that they find. Access keys in variables,
    a profile, a credentials file and a web identity come before the task role, whose permissions then have no
    effect. The agent of ECS Exec finds access keys in the same way and cannot connect with them, whether they come
    from `environment` or from `secrets`. ECS itself sets the variables AWS_CONTAINER_…. For another account, let the
    task role assume a role there. For keys of another provider, use other names, and pass the values to its client."""
    environment = container.environment
    places: list[tuple[str, SpecPath]] = [(name, (*at, "environment", name)) for name in environment]
    places += [(each.name, (*at, "secrets", n, "name")) for n, each in enumerate(container.secrets)]
    for name, path in places:
        key = path[-2] == "environment"
        if key and not environment[name]:
            continue  # the SDKs ignore an empty variable
        if name in ACCESS_KEY_VARIABLES:
            message = f"`{name}` hides the task role from the AWS SDKs, and ECS Exec cannot connect"
            typed = key and isinstance(environment[name], str)
            yield Problem(path, message, BY_TASK_ROLE + (DEACTIVATE if typed else ""), key)
        elif name.startswith("AWS_CONTAINER_") and name in CREDENTIAL_VARIABLES:
            message = f"ECS sets `{name}` itself, or needs none, and another value may hide the task role"
            yield Problem(path, message, "leave it out", key)
        elif name in CREDENTIAL_VARIABLES:
            message = f"`{name}` leads the AWS SDKs to other credentials than those of the task role"
            yield Problem(path, message, BY_TASK_ROLE, key)
