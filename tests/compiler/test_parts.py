"""Parts are folded into one stack, the main container is found by its name, and each kind has a compiler."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from troposphere import ecs, sqs

from fsdcf.compiler import service
from fsdcf.compiler.kinds import compiler_of
from fsdcf.compiler.parts.task_definition import task_definition
from fsdcf.compiler.stack import Context, StackPart, TaskContainer, template_of
from fsdcf.language.model import KINDS
from tests.conftest import HELLO, Compile


def test_a_logical_id_belongs_to_one_part() -> None:
    first, second = StackPart(), StackPart()
    first.add(sqs.Queue("Jobs"), "dependencies")
    second.add(sqs.Queue("Jobs"), "service")
    whole = StackPart()
    whole.fold(first)
    with pytest.raises(ValueError, match="Jobs"):
        whole.fold(second)


def test_a_folded_part_stays_as_it_was() -> None:
    part, whole = StackPart(waits=["Jobs"]), StackPart()
    part.add(sqs.Queue("Jobs"), "dependencies")
    whole.fold(part)
    whole.fold(StackPart(waits=["More"], single_writer=True))
    assert (whole.waits, whole.single_writer) == (["Jobs", "More"], True)
    assert (part.waits, part.single_writer) == (["Jobs"], False)


def test_tags_and_the_spec_path_are_in_the_template() -> None:
    part = StackPart()
    part.add(sqs.Queue("Jobs"), "dependencies.aws_sqs_queue.jobs")
    template = template_of("jobs", part, {"b": "2", "a": "1"}, "jobs-prod")
    queue = template.data["Resources"]["Jobs"]
    assert queue["Metadata"] == {"fsdcf": {"Spec": "dependencies.aws_sqs_queue.jobs"}}
    assert queue["Properties"]["Tags"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]


def test_the_sources_of_the_main_container_follow_its_position(compiled: Compile) -> None:
    spec: Any = compiled(HELLO).spec
    context = Context(spec, "staging", service.network_of(spec.service))
    context.before.sidecars.append(TaskContainer(ecs.ContainerDefinition(Name="proxy", Image="proxy"), "service"))
    part = task_definition(context)
    names = [container.Name for container in part.resources["TaskDefinition"].ContainerDefinitions]
    main = names.index("hello")
    sources = part.origins["TaskDefinition"].sources
    assert sources["ContainerDefinitions", main, "Image"] == "service.image"
    assert ("ContainerDefinitions", names.index("proxy"), "Image") not in sources
    assert not replace(context, before=StackPart()).before.sidecars


def test_every_kind_of_the_language_has_a_compiler() -> None:
    assert all(compiler_of(kind).kind is kind for kind in KINDS.values())


def test_a_sidecar_with_the_image_of_the_service_knows_its_database(compiled: Compile) -> None:
    """One with another image does not; permissions are not repeated."""
    sidecars = "  sidecars: [{name: migrate, essential: false}, {name: proxy, image: 'proxy:1'}]\n"
    database = "dependencies: [{type: aws_rds_instance, name: '${ENV}-main', engine: postgres, version: '17'}]\n"
    one, several = (compiled(HELLO + more + database) for more in ("", sidecars))
    assert one.template is not None and several.template is not None, several.diagnostics
    resources = several.template.data["Resources"]
    main, migrate, proxy = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    assert main["Secrets"] == migrate["Secrets"] and main["Environment"] == migrate["Environment"]
    assert "Secrets" not in proxy and "Environment" not in proxy
    assert resources["ExecutionRole"] == one.template.data["Resources"]["ExecutionRole"]
