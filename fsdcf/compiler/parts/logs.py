"""The output of the containers: CloudWatch Logs, Splunk, or the router of FireLens with its configuration."""

from __future__ import annotations

from troposphere import Ref, ecs

from fsdcf.compiler.parts.roles import add_policy, reading
from fsdcf.compiler.parts.secrets import log_options
from fsdcf.compiler.stack import Context, Sources, StackPart, TaskContainer, present
from fsdcf.compiler.text import intrinsic, value
from fsdcf.language.model.container import ROUTER, ROUTER_RESERVATION
from fsdcf.language.model.service import Router, Service
from fsdcf.language.placeholders import String

_FLUENT_BIT = "public.ecr.aws/aws-observability/aws-for-fluent-bit"
_VERSION = "2.34.3.20260901"
"""Images with the prefix `init-` read the files that variables name, which Fargate itself cannot.
Source: https://github.com/aws/aws-for-fluent-bit/blob/mainline/use_cases/init-process-for-fluent-bit/README.md"""

_ORIGIN = "service.observability.logs"


def to_cloudwatch(service: Service, prefix: str) -> ecs.LogConfiguration | None:
    """The log group of the stack as the destination of a container's output; None if logs are off."""
    if not service.observability.logs.enabled:
        return None
    mode = service.observability.logs.mode
    options = {
        "awslogs-group": Ref("LogGroup"),
        "awslogs-region": Ref("AWS::Region"),
        "awslogs-stream-prefix": prefix,
        "mode": mode,  # without one, the account's default decides
    }
    if mode == "non-blocking":
        options["max-buffer-size"] = "25m"
    return ecs.LogConfiguration(LogDriver="awslogs", Options=options)


def output_of(service: Service, prefix: str) -> ecs.LogConfiguration | None:
    """The destination of the output of a container that the spec describes; None if logs are off."""
    logs = service.observability.logs
    if logs.driver == "awslogs" or not logs.enabled:
        return to_cloudwatch(service, prefix)
    secrets = [ecs.Secret(Name=one.name, ValueFrom=intrinsic(one.value_from)) for one in log_options(service)]
    options = {name: value(logs.options[name]) for name in sorted(logs.options)}
    return ecs.LogConfiguration(LogDriver=logs.driver, **present(Options=options or None, SecretOptions=secrets))


def router(context: Context) -> StackPart:
    """The router of FireLens, which ECS starts before the containers that write to it, and stops after them. It reads
    its files in S3 with the task role.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_firelens.html
    """
    part, logs = StackPart(), context.service.observability.logs
    if not logs.enabled or logs.driver != "awsfirelens":
        return part
    wanted, files = logs.router, logs.router.configuration
    variables = [
        ecs.Environment(Name=f"aws_fluent_bit_init_s3_{number}", Value=value(file))
        for number, file in enumerate(files, start=1)
    ]
    definition = ecs.ContainerDefinition(
        Name=ROUTER,
        Image=value(image_of(wanted)),
        Essential=True,
        # The init process writes its configuration there.
        ReadonlyRootFilesystem=not files,
        **present(Environment=variables, LogConfiguration=to_cloudwatch(context.service, ROUTER)),
        MemoryReservation=ROUTER_RESERVATION,
        FirelensConfiguration=ecs.FirelensConfiguration(Type="fluentbit"),
    )
    sources: Sources = {"Environment": f"{_ORIGIN}.router.configuration", "Image": f"{_ORIGIN}.router.image"}
    part.sidecars.append(TaskContainer(definition, f"{_ORIGIN}.router", sources))
    if files:
        add_policy(part, "LogRouterAccess", "LogRouter", reading(files), f"{_ORIGIN}.router.configuration")
    return part


def image_of(router: Router) -> String:
    """The image of the router."""
    return router.image or f"{_FLUENT_BIT}:{'init-' * bool(router.configuration)}{_VERSION}"
