"""App Runner: the configuration file of a source repository, and what the API says of a service.

Sources: https://docs.aws.amazon.com/apprunner/latest/dg/config-file-ref.html and
https://docs.aws.amazon.com/apprunner/latest/api/API_Service.html
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fsdcf.importers import Format, ImportResult
from fsdcf.importers.apprunner.api import ANSWER, LIST, PART_TABLES, PARTS, SERVICE
from fsdcf.importers.apprunner.configuration import CONFIGURATION
from fsdcf.importers.apprunner.image import SourceImage
from fsdcf.importers.apprunner.service import ServiceDraft, finish
from fsdcf.importers.draft import spec_name, unused_name
from fsdcf.importers.keys import report_on
from fsdcf.importers.report import changed, not_carried
from fsdcf.importers.source import Beside, Source, SourceValue
from fsdcf.language.model import SERVICE as SERVICE_KIND

# Files


def _is_configuration(source: Source) -> bool:
    """Whether a file is an apprunner.yaml, also one with keys that App Runner does not know."""
    data = source.data
    runtime = data.get("runtime") or (isinstance(data.get("build"), dict) and data["build"].get("runtime"))
    if posixpath.basename(source.path) in ("apprunner.yaml", "apprunner.yml"):
        return bool(data.keys() & {"runtime", "run", "build"})
    return bool(runtime) and "version" in data and isinstance(data.get("run"), dict)


def _service_in(source: Source) -> SourceValue | None:
    """The service that a file describes."""
    for value in filter(None, (source.root.get("Service"), source.root)):
        if value.get("SourceConfiguration") is not None and "Resources" not in source.data:
            return value
    return None


def _part_of(source: Source) -> str:
    """The key of the part of a service that a file describes; empty if it describes none."""
    data = source.data
    if "SourceConfiguration" in data:
        return ""
    if "MaxConcurrency" in data:
        return "AutoScalingConfiguration"
    held = (name for name in PARTS if isinstance(data.get(name), (dict, list)))
    return next(held, "")


_WORDS = ("SourceConfiguration", LIST, "MaxConcurrency", *PARTS)


def _may_be(source: Source) -> bool:
    named = posixpath.basename(source.path) in ("apprunner.yaml", "apprunner.yml")
    return named or source.mentions("runtime", "version") or any(map(source.mentions, _WORDS))


def _claims(source: Source) -> bool:
    if not _may_be(source):
        return False
    return bool(
        _is_configuration(source) or _service_in(source) or _part_of(source) or isinstance(source.data.get(LIST), list)
    )


@dataclass
class _Conversion:
    """The files of an import, by what they are."""

    claimed: Sequence[Source]
    related: Sequence[Source]
    beside: Beside
    result: ImportResult = field(default_factory=ImportResult)

    def __post_init__(self) -> None:
        files = [*self.claimed, *self.related]
        self.configurations = [each for each in files if _is_configuration(each)]
        self.services = [(each, service) for each in files if (service := _service_in(each))]
        self.parts = [(each, part) for each in files if not _service_in(each) and (part := _part_of(each))]
        self.used: set[int] = set()

    def run(self) -> ImportResult:
        """Convert all services."""
        for source, service in self.services:
            configuration = self._configuration(source, service)
            if source in self.claimed or configuration in self.claimed:
                self._convert_service(source, service, configuration)
        for source in self.configurations:
            if id(source) not in self.used and source in self.claimed:
                draft = self._draft(source.folder_name, self._image(source.folder, source), source)
                self._read(source, draft)
                self._end(draft)
        for source in self.claimed:
            self._list(source)
            if id(source) not in self.used and _part_of(source):
                text = "it belongs to no service of this import: import the output of `describe-service` with it"
                report_on(source.root, self.result.report, not_carried(text))
        return self.result

    def _image(self, folder: str, configuration: Source | None, runtime: SourceValue | None = None) -> SourceImage:
        image = SourceImage(folder or ".", self.beside)
        if configuration is not None:
            runtime = configuration.root.get("runtime") or configuration.root.get("build.runtime")
            named = configuration.root.get("build.dockerfile")
            image.use_dockerfile(named.data if named is not None and named.is_text() else "Dockerfile")
        else:
            image.use_dockerfile()
        if runtime is not None and runtime.is_text():
            image.choose(runtime.text)
        return image

    def _draft(self, name: str, image: SourceImage, source: Source) -> ServiceDraft:
        unique = unused_name(name, {each.name for each in self.result.drafts})
        about = [f"Written by `fsdcf import` from {posixpath.basename(source.path)} of App Runner."]
        draft = ServiceDraft(SERVICE_KIND, unique, self.result.report, about, image=image)
        self.result.drafts.append(draft)
        return draft

    def _configuration(self, source: Source, service: SourceValue) -> Source | None:
        """The apprunner.yaml of a service whose configuration is in its repository. One beside a service that has its
        configuration in the API has no effect, which is reported."""
        code = service.get("SourceConfiguration.CodeRepository")
        if code is None:
            return None
        folder = code.get("SourceDirectory")
        below = folder.data.strip("/") if folder is not None and folder.is_text() else ""
        wanted = posixpath.normpath(posixpath.join(source.folder, below))
        fitting = [each for each in self.configurations if posixpath.normpath(each.folder or ".") == wanted]
        place = code.get("CodeConfiguration.ConfigurationSource")
        if place is not None and str(place.data).upper() == "REPOSITORY":
            return next(iter(fitting or (self.configurations if len(self.configurations) == 1 else [])), None)
        for each in fitting:
            self.used.add(id(each))
            text = "App Runner does not read this file: the configuration of the service is in the API"
            report_on(each.root, self.result.report, changed(text))
        return None

    def _convert_service(self, source: Source, service: SourceValue, configuration: Source | None) -> None:
        name = service.get("ServiceName")
        code = service.get("SourceConfiguration.CodeRepository")
        folder = configuration.folder if configuration else source.folder
        if code is not None and configuration is None and (below := code.get("SourceDirectory")) and below.is_text():
            folder = posixpath.normpath(posixpath.join(folder, below.data.strip("/")))
        image = SourceImage(folder or ".", self.beside)
        if code is not None:
            image = self._image(folder, configuration, code.get("CodeConfiguration.CodeConfigurationValues.Runtime"))
        draft = self._draft(name.data if name and name.is_text() else source.folder_name, image, source)
        parts = [(each, part) for each, part in self.parts if self._is_part(each, part, service)]
        self.used |= {id(each) for each, _ in parts}
        draft.scaling = any(part == "AutoScalingConfiguration" for _, part in parts)
        for each, part in parts:
            if part == "VpcConnector" and (subnets := each.root.get("VpcConnector.Subnets")):
                draft.values["subnets"] = subnets
            if part == "VpcIngressConnection":
                vpc = each.root.get("VpcIngressConnection.IngressVpcConfiguration.VpcId")
                draft.values |= {"vpc": vpc} if vpc and re.fullmatch(r"vpc-[0-9a-f]{8,17}", str(vpc.data)) else {}
        (ANSWER if service.path else SERVICE).convert(source.root, draft.block)
        if configuration is not None:
            self._read(configuration, draft)
        for part in PARTS:
            for each in (each for each, name_of_part in parts if name_of_part == part):
                (PARTS if part in each.data else PART_TABLES)[part].convert(each.root, draft.block)
        self._end(draft)

    def _is_part(self, source: Source, part: str, service: SourceValue) -> bool:
        """Whether a file describes a part of a service: by the ARNs in both, or because there is one service."""
        own = source.root.get(part) if part != "CustomDomains" else source.root
        own = own or source.root
        name = {"CustomDomains": "ServiceArn", "VpcIngressConnection": "ServiceArn"}.get(part, f"{part}Arn")
        arn = own.get(name)
        theirs = {str(value.data) for value in _arns(service)}
        if arn is not None and theirs:
            return str(arn.data) in theirs
        return len(self.services) == 1

    def _read(self, configuration: Source, draft: ServiceDraft) -> None:
        self.used.add(id(configuration))
        CONFIGURATION.convert(configuration.root, draft.block)

    def _end(self, draft: ServiceDraft) -> None:
        finish(draft)
        command = [str(each).replace("$${", "${") for each in draft.block.get("command") or ()]
        files = draft.image.files(draft.name, command, draft.block.get("port"))
        self.result.files |= files
        if files:
            text = (
                f"read the new Dockerfile of {draft.name}: `fsdcf deploy --build` with its spec builds and deploys it"
            )
            self.result.next.append(text)

    def _list(self, source: Source) -> None:
        """What to do about the services of a list, which has nothing about them but their names."""
        if LIST not in source.data:
            return
        for value in (source.root.get(LIST) or source.root).children():
            name, arn = value[1].get("ServiceName"), value[1].get("ServiceArn")
            if name is None or arn is None:
                continue
            file = f"{spec_name(str(name.data))}.json"
            command = f"aws apprunner describe-service --service-arn {arn.data} > {file}"
            report_on(
                value[1], self.result.report, not_carried("it has the name only: `describe-service` has the rest")
            )
            self.result.next += [command, f"fsdcf import {file}"]


def _arns(service: SourceValue) -> Iterable[SourceValue]:
    """The ARNs in a description of a service, by which its parts name it or it names them."""
    for place in (
        "ServiceArn",
        "AutoScalingConfigurationArn",
        "AutoScalingConfigurationSummary.AutoScalingConfigurationArn",
        "NetworkConfiguration.EgressConfiguration.VpcConnectorArn",
        "ObservabilityConfiguration.ObservabilityConfigurationArn",
    ):
        value = service.get(place)
        if value is not None:
            yield value


def _convert(claimed: Sequence[Source], related: Sequence[Source], beside: Beside) -> ImportResult:
    return _Conversion(claimed, related, beside).run()


FORMAT = Format("apprunner", "App Runner", _claims, _may_be, _convert)
