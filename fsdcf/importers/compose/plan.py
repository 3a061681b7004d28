"""What becomes of each service of a Compose file: which are services, what they use, and who calls whom."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fsdcf.importers.compose.images import ComposeRole, KnownImage, known_data, known_image
from fsdcf.importers.compose.project import ComposeProject, MergedSource, split_mount
from fsdcf.importers.compose.variables import read_variables
from fsdcf.importers.draft import spec_name
from fsdcf.importers.source import SourceValue

_MOST_PORTS = 100
_LAST = {443: 1, 8443: 1, 22: 2, 9229: 2, 5005: 2, 5678: 2, 2345: 2, 35729: 2, 24678: 2}
"""Ports that are the service's own only if it has no other one: TLS, which the load balancer does, and debuggers."""
_HOSTLIKE = re.compile(r"HOST|SERVER|ADDR|ENDPOINT|URL|URI|BROKER|NODES|BACKEND|UPSTREAM|DOMAIN|SERVICE")
_HOST_KEY = re.compile(r"(?i)\b(?:host|hostname|server|data source|addr|address)\s?=\s?$")
_WORD = re.compile(r"[A-Za-z0-9_][\w.-]*")
_LOCAL = re.compile(
    r"(?:https?://)?(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|::1)(?::(\d{1,5}))?(/[^\s'\"|;&)<>]*)?"
)
_PASSES = re.compile(r"(proxy_pass|reverse_proxy|fastcgi_pass|uwsgi_pass|grpc_pass|server)\s+([^;{}\n]+)")
_HOST_RULE = re.compile(r"\bHost\(([^()]*)\)")
_TRAEFIK_PORT = ".loadbalancer.server.port"
_PATH_RULE = re.compile(r"\b(?:PathPrefix|Path)\(([^()]*)\)")
_QUOTED = re.compile(r"[`'\"]([^`'\"]+)[`'\"]")
_BEGIN_LOCATION = re.compile(r"location\s+(?:=\s*|\^~\s*)?(/[^\s{]*)\s*\{([^{}]*)\}")


@dataclass(frozen=True)
class ComposePort:
    """A port of a container. ``address`` is the one of the host that it is published at; None if it is not."""

    number: int
    protocol: str = "tcp"
    address: str | None = None

    @property
    def is_public(self) -> bool:
        """Whether others than the host can reach it."""
        return self.address is not None and not self.address.startswith(("127.", "localhost", "::1", "[::1"))


@dataclass(frozen=True)
class ComposeMount:
    """A mount of a container: ``kind`` is bind, volume, tmpfs or another type; ``source`` is empty for an anonymous
    volume."""

    kind: str
    source: str
    target: str
    read_only: bool = False
    size: Any = None


@dataclass(frozen=True, eq=False)
class ComposeVariable:
    """A variable of a container, and where it comes from. ``text`` is None if nothing gives it a value."""

    name: str
    text: str | None
    value: SourceValue
    secret: bool = False
    unset: Mapping[str, str] = field(default_factory=dict)


@dataclass(eq=False, repr=False)
class ComposeService:
    """A service of a Compose file. ``spec`` is the name of its spec."""

    name: str
    value: SourceValue
    project: ComposeProject
    spec: str
    role: ComposeRole = ComposeRole.SERVICE
    known: KnownImage | None = None
    uses: dict[str, str] = field(default_factory=dict)
    """The other services that it uses, by their names, each with the reason: ``calls`` or ``order``."""
    callers: list[str] = field(default_factory=list)
    references: list[int] = field(default_factory=list)
    """The ports at which others name it."""
    is_http: bool = False
    """Others call it by HTTP."""
    paths: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    host: str = ""
    """The service whose task has the step."""
    forwards: list[str] = field(default_factory=list)
    """The specs of the services that a proxy forwards to."""
    is_public: bool = False
    is_local: bool = False
    """Published at the host itself alone."""

    def text(self, path: str) -> str:
        """The text at a path of keys; empty if there is none."""
        found = self.value.get(path)
        return found.text.strip() if found is not None and isinstance(found.data, (str, int, float)) else ""

    @property
    def image(self) -> str:
        """The image; empty if it is built and has no name."""
        return self.text("image")

    @property
    def is_built(self) -> bool:
        """Whether Compose builds the image."""
        return self.value.get("build") is not None

    def folder(self, value: SourceValue) -> str:
        """The folder of the file that a value is written in."""
        source = self.value.source
        return source.node(value.path).source.folder if isinstance(source, MergedSource) else source.folder

    @cached_property
    def aliases(self) -> list[str]:
        """The names by which others reach it."""
        names = [self.name, self.text("container_name"), self.text("hostname")]
        networks = self.value.get("networks")
        for _, each in networks.children() if networks and isinstance(networks.data, dict) else ():
            aliases = each.get("aliases")
            names += [str(name) for name in aliases.data] if aliases and isinstance(aliases.data, list) else []
        return [name for name in dict.fromkeys(names) if name]

    @cached_property
    def ports(self) -> list[ComposePort]:
        """The ports, in the order in which they are written."""
        found = [port for each in listed(self.value.get("ports")) for port in ports_of(each.data)]
        exposed = (port for each in listed(self.value.get("expose")) for port in ports_of(str(each.data)))
        return [*found, *(ComposePort(port.number, port.protocol) for port in exposed)]

    @cached_property
    def main_port(self) -> int | None:
        """The port that the container listens at; None if nothing tells it."""
        ports = [each for each in self.ports if each.protocol == "tcp"]
        if ports:
            return min(ports, key=lambda each: (_LAST.get(each.number, 0), each.address is None)).number
        return next(iter(self._guessed), None)

    @cached_property
    def labels(self) -> dict[str, str]:
        """The labels of the container, and those of its deployment."""
        found: dict[str, str] = {}
        for path in ("labels", "deploy.labels"):
            labels = self.value.get(path)
            for name, each in labels.children() if labels else ():
                if name == "[]":
                    name, _, text = str(each.data).partition("=")
                else:
                    text = str(each.data)
                found[name] = text
        return found

    def route(self) -> None:
        """Take the rules for Traefik in the labels as those of the load balancer."""
        if self.labels.get("traefik.enable", "true").lower() == "false":
            return
        named = {name.lower(): text for name, text in self.labels.items()}
        rules = [text for name, text in named.items() if re.fullmatch(r"traefik\.http\.routers\..+\.rule", name)]
        for rule in rules:
            for host in _quoted(_HOST_RULE, rule):
                if re.fullmatch(r"[a-z0-9*-]+(\.[a-z0-9-]+)+", host) and host not in self.hosts:
                    self.hosts.append(host)
            for path in _quoted(_PATH_RULE, rule):
                own = ["/*"] if path == "/" else [path.rstrip("/"), f"{path.rstrip('/')}/*"]
                self.paths += [each for each in own if each.startswith("/") and each not in self.paths]
        self.is_public = self.is_public or bool(rules) or any(each.endswith(_TRAEFIK_PORT) for each in named)

    @property
    def _guessed(self) -> Iterator[int]:
        yield from self.references
        for name, text in self.labels.items():
            if name.lower().endswith(_TRAEFIK_PORT) and text.isdigit():
                yield int(text)
        port = self.variables.get("PORT")
        yield from [int(port.text)] if port and port.text and re.fullmatch(r"[1-9]\d{1,4}", port.text) else []
        if number := _LOCAL.search(self.check) if self.check else None:
            yield from [int(number[1])] if number[1] else []
        exposed = re.findall(r"(?mi)^\s*EXPOSE\s+(\d{1,5})\b", self.dockerfile[1])
        yield from map(int, exposed[:1])

    @property
    def check(self) -> str:
        """The command of the health check, as one text."""
        test = self.value.get("healthcheck.test")
        if test is None:
            return ""
        return " ".join(map(str, test.data)) if isinstance(test.data, list) else str(test.data)

    @property
    def speaks_http(self) -> bool:
        """Whether anything tells that it answers by HTTP."""
        return self.is_http or self.is_public or bool(self.check_path)

    @property
    def check_path(self) -> str:
        """The path that the container's own check requests; empty if it requests none."""
        found = _LOCAL.search(self.check) if "http" in self.check or "localhost" in self.check else None
        path = (found[2] or "/") if found and ("http" in found[0] or found[2]) else ""
        return path.split("?")[0].rstrip("\\") if re.fullmatch(r"/[\w./~%-]*\??[^\s]*", path) else ""

    @cached_property
    def dockerfile(self) -> tuple[str, str]:
        """The path of the Dockerfile, relative to the folder of the specs, and its text; both empty if it cannot be
        read."""
        build = self.value.get("build")
        if build is None or self.value.get("build.dockerfile_inline") is not None:
            return "", ""
        context = build if isinstance(build.data, str) else build.get("context")
        if context is not None and (not isinstance(context.data, str) or "://" in context.data):
            return "", ""
        name = self.text("build.dockerfile") or self.text("dockerfile") or "Dockerfile"
        place = posixpath.normpath(posixpath.join(self.folder(build), context.data if context else ".", name))
        try:
            return place, self.project.beside(place).decode("utf-8", "replace")
        except OSError:
            return "", ""

    @cached_property
    def mounts(self) -> list[tuple[SourceValue, ComposeMount]]:
        """The mounts, each with its value."""
        return [(each, mount) for each in listed(self.value.get("volumes")) if (mount := mount_of(each.data))]

    @cached_property
    def variables(self) -> dict[str, ComposeVariable]:
        """The variables of its files and of ``environment``, which has precedence."""
        found: dict[str, ComposeVariable] = {}
        files = self.value.get("env_file")
        for each in [files] if files and isinstance(files.data, str) else listed(files):
            raw, text = self.file_with_variables(each)
            values = read_variables(text, self.project.variables, raw)
            found |= {name: ComposeVariable(name, value, each) for name, value in values.items()}
        environment = self.value.get("environment")
        for name, child in environment.children() if environment else ():
            variable = self._variable(name, child)
            if variable is not None:
                found[variable.name] = variable
        return found

    def file_with_variables(self, each: SourceValue) -> tuple[bool, str]:
        """Whether a file of ``env_file`` is read as it is, and its text; empty if it cannot be read."""
        path = each if isinstance(each.data, str) else each.get("path")
        if path is None or not isinstance(path.data, str):
            return False, ""
        form = each.get("format")
        try:
            raw = self.project.beside(posixpath.normpath(posixpath.join(self.folder(path), path.data)))
        except OSError:
            return False, ""
        return form is not None and form.data == "raw", raw.decode("utf-8-sig", "replace")

    def _variable(self, name: str, child: SourceValue) -> ComposeVariable | None:
        text: str | None
        if name == "[]":
            if not isinstance(child.data, str):
                return None
            name, sign, value = child.data.partition("=")
            text = value if sign else None
        elif isinstance(child.data, (dict, list)):
            return None
        else:
            text = None if child.data is None else child.text
        source = self.value.source
        found = source.node(child.path).variables if isinstance(source, MergedSource) else None
        if text is None:
            text = self.project.variables.get(name)
        secret, unset = (found.secret, found.unset) if found else (False, {})
        return ComposeVariable(name, text, child, secret, unset)


def _quoted(pattern: re.Pattern[str], rule: str) -> list[str]:
    """The texts in quotes in a rule of Traefik, in the parentheses that a pattern finds."""
    return [text for found in pattern.findall(rule) for text in _QUOTED.findall(found)]


def listed(value: SourceValue | None) -> list[SourceValue]:
    """The items of a list; none of another value."""
    return [each for _, each in value.children()] if value is not None and isinstance(value.data, list) else []


def ports_of(data: Any) -> list[ComposePort]:
    """The ports of an entry of ``ports`` in its short or its long form; none if it is neither."""
    address: str | None = None
    if isinstance(data, dict):
        text, protocol = str(data.get("target", "")), str(data.get("protocol") or "tcp")
        address = str(data.get("host_ip") or "")
    else:
        text, _, protocol = str(data).strip().partition("/")
        host, colon, container = text.rpartition(":")
        address = host.rpartition(":")[0] if colon and ("." in host or host.count(":") > 0) else ""
        text, protocol = container, protocol or "tcp"
    first, _, last = text.partition("-")
    if not (first.isdigit() and (not last or last.isdigit())) or len(first) > 5 or len(last) > 5:
        return []
    numbers = range(int(first), min(int(last or first), int(first) + _MOST_PORTS) + 1)
    return [ComposePort(each, protocol.lower(), address) for each in numbers if 0 < each < 65536]


def mount_of(data: Any) -> ComposeMount | None:
    """A mount in its short or its long form; None if it is neither."""
    if isinstance(data, dict):
        target, tmpfs = data.get("target"), data.get("tmpfs")
        kind, source = str(data.get("type") or "volume"), str(data.get("source") or "")
        size = tmpfs.get("size") if isinstance(tmpfs, dict) else None
        read_only = str(data.get("read_only")).lower() == "true"
        return ComposeMount(kind, source, target, read_only, size) if isinstance(target, str) else None
    if not isinstance(data, str) or not data:
        return None
    parts = split_mount(data)
    if len(parts) == 1:
        return ComposeMount("volume", "", parts[0])
    is_path = parts[0][:1] in (".", "/", "~", "$", "") or "/" in parts[0] or "\\" in parts[0]
    options = parts[2].split(",") if len(parts) > 2 else []
    return ComposeMount("bind" if is_path else "volume", parts[0], parts[1], "ro" in options)


# The project


@dataclass(eq=False, repr=False)
class ComposePlan:
    """The services of a project by their names."""

    services: dict[str, ComposeService]

    @cached_property
    def names(self) -> dict[str, ComposeService]:
        """The services by all names that others may use."""
        found: dict[str, ComposeService] = {}
        for each in self.services.values():
            for alias in each.aliases:
                found.setdefault(alias, each)
            for link in _names_of(each.value.get("links")):
                name, _, alias = link.partition(":")
                if alias and name in self.services:
                    found.setdefault(alias, self.services[name])
        return {**found, **self.services}

    def of(self, *roles: ComposeRole) -> list[ComposeService]:
        """The services of some roles, in their order."""
        return [each for each in self.services.values() if each.role in roles]

    def named_in(
        self, text: str, variable: str, own: str = ""
    ) -> Iterator[tuple[ComposeService, int, int, int | None]]:
        """The services that a text names as hosts: each with the range of its name and port, and the port."""
        for found in _WORD.finditer(text):
            word = found[0]
            service = self.names.get(word)
            if service is None or service.name == own:
                continue
            before, after = text[: found.start()], text[found.end() :]
            port = re.match(r":(\d{1,5})\b", after)
            leads = before.endswith(("//", "@", ",", "=", " ", "(", "'", '"', ";")) or not before
            is_whole = not before and not after
            trails = not after or after[0] in "/, ?)'\";" or port is not None
            if not leads or not trails or after.startswith("://"):
                continue
            is_host = bool(_HOSTLIKE.search(variable.upper())) if is_whole else bool(_HOST_KEY.search(before[-40:]))
            if port is None and not before.endswith(("//", "@")) and not is_host:
                continue
            yield service, found.start(), found.end() + (port.end() if port else 0), int(port[1]) if port else None


def planned(source: MergedSource, project: ComposeProject) -> ComposePlan:
    """The services of a project, with what becomes of each."""
    services = source.root.get("services")
    entries = services.children() if services and isinstance(services.data, dict) else ()
    taken: set[str] = set()
    plan = ComposePlan({})
    for name, value in entries:
        if isinstance(value.data, dict):
            spec = _free(spec_name(name), taken)
            plan.services[name] = ComposeService(name, value, project, spec)
    for each in plan.services.values():
        _recognize(each)
    for each in plan.services.values():
        _relate(each, plan)
    _steps(plan)
    for each in plan.of(ComposeRole.SERVICE):
        each.route()
    for each in plan.of(ComposeRole.PROXY):
        _forward(each, plan)
    for each in plan.of(ComposeRole.SERVICE):
        public = [port for port in each.ports if port.is_public and port.protocol == "tcp"]
        each.is_public = each.is_public or bool(public) or bool(each.hosts)
        each.is_local = not each.is_public and any(port.address is not None for port in each.ports)
    return plan


def _free(name: str, taken: set[str]) -> str:
    """A name that no other spec has."""
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name[:36]}-{number}"
    taken.add(free)
    return free


_BUILT = (ComposeRole.DEPENDENCY, ComposeRole.OTHER, ComposeRole.PROXY)


def _recognize(each: ComposeService) -> None:
    if each.is_built:
        each.known = _built_image(each)
    elif each.image:
        each.known = known_image(each.image)
    profiles = {str(name.data) for name in listed(each.value.get("profiles"))}
    active = set(each.project.variables.get("COMPOSE_PROFILES", "").split(","))
    if profiles and not profiles & (active | ({*profiles} if "*" in active else set())):
        each.role = ComposeRole.OFF
    elif each.known is not None:
        each.role = each.known.role


def _built_image(each: ComposeService) -> KnownImage | None:
    """What a built image is: by the last stage of its Dockerfile, or else by its volumes or its name."""
    stages = re.findall(r"(?mi)^\s*FROM\s+(?:--\S+\s+)*(\S+)", each.dockerfile[1])
    if stages:
        known = known_image(stages[-1])
    else:
        known = known_data([mount.target for _, mount in each.mounts])
        known = known or (known_image(each.name) if each.name in ("traefik", "haproxy", "nginx-proxy") else None)
    serves_files = re.search(r"(?mi)^\s*COPY\s+--from=", each.dockerfile[1])
    return known if known and known.role in _BUILT and not (known.role is ComposeRole.PROXY and serves_files) else None


def _relate(each: ComposeService, plan: ComposePlan) -> None:
    """Find what a service uses: by its variables and commands, and by the order in which Compose starts them."""
    texts = [(name, one.text) for name, one in each.variables.items() if one.text]
    for key in ("command", "entrypoint"):
        value = each.value.get(key)
        words = value.data if value is not None and isinstance(value.data, list) else [value.data if value else None]
        texts += [("", str(word)) for word in words if word is not None]
    arguments = each.value.get("build.args")
    texts += [("", str(one.data)) for _, one in arguments.children()] if arguments else []
    for name, text in texts:
        for other, start, _, port in plan.named_in(text, name, each.name):
            each.uses[other.name] = "calls"
            other.is_http = other.is_http or text[:start].endswith("http://")
            other.references += [port] if port and port not in other.references else []
    for name in _names_of(each.value.get("links")):
        each.uses.setdefault(name.partition(":")[0], "calls")
    for name in _names_of(each.value.get("depends_on")):
        each.uses.setdefault(name, "order")
    each.uses = {name: why for name, why in each.uses.items() if name in plan.services and name != each.name}


def _names_of(value: SourceValue | None) -> Iterable[str]:
    if value is None:
        return ()
    if isinstance(value.data, dict):
        return list(value.data)
    return [each.data for each in listed(value) if isinstance(each.data, str)]


def _steps(plan: ComposePlan) -> None:
    """Find the services that end: those that others wait for become a step of the first one's task, if they have the
    same image; others are jobs."""
    services = plan.of(ComposeRole.SERVICE)
    for each in services:
        waiting = [other for other in services if _waits_for(other, each)]
        if waiting:
            same = [other for other in waiting if _same_image(each, other)]
            each.role = ComposeRole.STEP if same or not each.is_built else ComposeRole.JOB
            each.callers = [other.name for other in (same or waiting)]
        elif each.text("deploy.mode").endswith("-job") or (not each.ports and _ends(each)):
            each.role = ComposeRole.JOB
    for each in plan.of(ComposeRole.STEP):
        host, seen = each, {each.name}
        while host.role is ComposeRole.STEP and host.callers and host.callers[0] not in seen:
            host = plan.services[host.callers[0]]
            seen.add(host.name)
        each.host = host.name
        each.role = ComposeRole.STEP if host.role is ComposeRole.SERVICE else ComposeRole.JOB


def _waits_for(other: ComposeService, each: ComposeService) -> bool:
    depends = other.value.get("depends_on")
    entry = dict(depends.children()).get(each.name) if depends and isinstance(depends.data, dict) else None
    condition = entry.get("condition") if entry else None
    return condition is not None and condition.data == "service_completed_successfully"


def _ends(each: ComposeService) -> bool:
    return each.text("restart") in ("no", "False") or each.text("deploy.restart_policy.condition") == "none"


def _same_image(one: ComposeService, other: ComposeService) -> bool:
    build, others = one.value.get("build"), other.value.get("build")
    if build is not None or others is not None:
        return (build.data if build else None) == (others.data if others else None) or bool(
            one.image and one.image == other.image
        )
    return one.image == other.image


def _forward(proxy: ComposeService, plan: ComposePlan) -> None:
    """Let the load balancer take the place of a proxy, if it forwards to services by HTTP; else it is a service."""
    texts = "\n".join(_configurations(proxy))
    verbs = {found[1] for found in _PASSES.finditer(texts)}
    http = {other.name: other for found in _PASSES.finditer(texts) for other in _hosts_in(found[2], plan)}
    used = {name: plan.services[name] for name in proxy.uses}
    targets = [each for each in (http or used).values() if each.role is ComposeRole.SERVICE]
    is_traefik = "traefik" in (proxy.image or proxy.name)
    if verbs & {"fastcgi_pass", "uwsgi_pass"} or not (targets or is_traefik) or (proxy.is_built and not http):
        proxy.role = ComposeRole.SERVICE if not (is_traefik and targets) else proxy.role
    if proxy.role is ComposeRole.SERVICE:
        _call_backends(proxy, texts, plan)
        return
    paths: dict[str, list[str]] = {}
    for path, body in _BEGIN_LOCATION.findall(texts):
        for other in _hosts_in(body, plan):
            paths.setdefault(other.name, []).append(path)
    proxy.forwards = [target.spec for target in targets]
    for number, target in enumerate(targets):
        own = paths.get(target.name, [])
        if len(targets) == 1 or "/" in own:
            target.is_public, target.paths = True, ["/*"]
        elif own and not any("*" in path or "?" in path for path in own):
            target.is_public = True
            target.paths = [each for path in own for each in dict.fromkeys((path.rstrip("/"), f"{path.rstrip('/')}/*"))]
        elif not paths and number == 0:
            target.is_public, target.paths = True, ["/*"]


def _call_backends(proxy: ComposeService, texts: str, plan: ComposePlan) -> None:
    """Let a web server call the services that its configuration names."""
    for found in _PASSES.finditer(texts):
        for other in _hosts_in(found[2], plan):
            port = re.search(rf"{re.escape(other.name)}:(\d{{1,5}})", found[2])
            proxy.uses[other.name] = "calls"
            other.is_http = other.is_http or found[1] in ("proxy_pass", "reverse_proxy")
            other.references += [int(port[1])] if port and int(port[1]) not in other.references else []


def _hosts_in(text: str, plan: ComposePlan) -> list[ComposeService]:
    return [plan.names[word] for word in _WORD.findall(text.replace(":", " ")) if word in plan.names]


def _configurations(proxy: ComposeService) -> Iterator[str]:
    """The texts of the files that a proxy mounts, of those that can be read."""
    for value, mount in proxy.mounts:
        if mount.kind != "bind":
            continue
        place = posixpath.normpath(posixpath.join(proxy.folder(value), mount.source))
        for path in (place, f"{place}/default.conf", f"{place}/nginx.conf", f"{place}/Caddyfile"):
            try:
                yield proxy.project.beside(path).decode("utf-8", "replace")
                break
            except OSError:
                continue
    build = proxy.value.get("build")
    if build is not None and proxy.dockerfile[0]:
        context = build if isinstance(build.data, str) else build.get("context")
        base = posixpath.join(proxy.folder(build), str(context.data) if context else ".")
        for name in re.findall(
            r"(?mi)^\s*(?:COPY|ADD)\s+([^\s-]\S*\.(?:conf|template|cfg)|\S*Caddyfile)\s", proxy.dockerfile[1]
        ):
            try:
                yield proxy.project.beside(posixpath.normpath(posixpath.join(base, name))).decode("utf-8", "replace")
            except OSError:
                continue
