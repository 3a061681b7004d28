"""The resources of the account, of which stacks own some, and the handlers that create, update and delete them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from fsdcf.cloudformation.facts import custom_name, facts_of, tag_property, tag_values
from fsdcf.cloudformation.types import record_of
from fsdcf.cloudformation.types.applicationautoscaling import SCALABLE_TARGET
from fsdcf.cloudformation.types.certificatemanager import CERTIFICATE
from fsdcf.cloudformation.types.cloudwatch import ALARM
from fsdcf.cloudformation.types.dynamodb import TABLE
from fsdcf.cloudformation.types.ec2 import ROUTE_TABLE_ASSOCIATION, SECURITY_GROUP, SUBNET
from fsdcf.cloudformation.types.ecr import REPOSITORY
from fsdcf.cloudformation.types.ecs import CLUSTER, SERVICE, TASK_DEFINITION
from fsdcf.cloudformation.types.efs import ACCESS_POINT, FILE_SYSTEM, MOUNT_TARGET
from fsdcf.cloudformation.types.elasticloadbalancingv2 import (
    LISTENER,
    LISTENER_CERTIFICATE,
    LISTENER_RULE,
    LOAD_BALANCER,
    TARGET_GROUP,
)
from fsdcf.cloudformation.types.logs import LOG_GROUP
from fsdcf.cloudformation.types.rds import DB_CLUSTER, DB_INSTANCE
from fsdcf.cloudformation.types.route53 import HOSTED_ZONE, RECORD_SET
from fsdcf.cloudformation.types.s3 import BUCKET, BUCKET_POLICY
from fsdcf.cloudformation.types.scheduler import SCHEDULE
from fsdcf.cloudformation.types.secretsmanager import SECRET
from fsdcf.cloudformation.types.servicediscovery import DISCOVERED_SERVICE, HTTP_NAMESPACE, NAMESPACE
from fsdcf.cloudformation.types.sns import TOPIC_POLICY
from fsdcf.cloudformation.types.sqs import QUEUE_POLICY
from fsdcf.cloudformation.types.ssm import PARAMETER
from fsdcf.cloudformation.types.stepfunctions import STATE_MACHINE
from fsdcf.sandbox import (
    acm,
    application_autoscaling,
    cloudwatch,
    dynamodb,
    ecr,
    ecs,
    efs,
    elbv2,
    ids,
    logs,
    rds,
    route53,
    s3,
    scheduler,
    secretsmanager,
    servicediscovery,
    ssm,
    stepfunctions,
)
from fsdcf.sandbox.cloudformation import messages
from fsdcf.sandbox.faults import Phase
from fsdcf.sandbox.protocols.shapes import request_of
from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError

RESOURCE = "cfn-account-resource"
RESOURCE_NAME = "cfn-account-resource-name"
DEPLOYMENT = "cfn-rollout"

HOOK = "The following hook(s) failed"
"""Start of the reason for a resource that a hook of the account rejects.

It comes from CloudFormation, not from a handler.
"""

BREAKER = "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."
"""CloudFormation's reason for a service whose deployment failed, whatever caused the failure."""


def name_of(type: str, properties: Data) -> str | None:
    """Return the name that a template gives a resource, or None if CloudFormation generates one."""
    key = custom_name(type, properties)
    return None if key is None else str(properties[key])


def find(state: SandboxState, type: str, physical: str) -> Document | None:
    """Return a resource by its physical id."""
    return state.store.get(RESOURCE, f"{type}|{physical}")


def named(state: SandboxState, type: str, name: str) -> Document | None:
    """Return a resource by the name that a template gave it."""
    held = state.store.get(RESOURCE_NAME, f"{type}|{name}")
    return None if held is None else find(state, type, held["physical"])


def add(state: SandboxState, type: str, physical: str, logical: str, owner: str | None, properties: Data) -> Document:
    """Add a resource. ``owner`` is the ARN of a stack, or None."""
    resource: Document = {
        "type": type,
        "physical": physical,
        "logical": logical,
        "owner": owner,
        "name": name_of(type, properties),
        "properties": dict(properties),
        "attributes": ids.attributes(type, physical, properties, state),
    }
    save(state, resource)
    return resource


def save(state: SandboxState, resource: Document) -> None:
    """Save a resource and its name."""
    state.store.put(RESOURCE, f"{resource['type']}|{resource['physical']}", resource)
    if resource["name"] is not None:
        body = {"physical": resource["physical"]}
        state.store.put(RESOURCE_NAME, f"{resource['type']}|{resource['name']}", body)


def find_row(state: SandboxState, row: Document) -> Document | None:
    """Return the resource of a stack's row."""
    return find(state, row["type"], row["physical"])


def set_owner(state: SandboxState, row: Document, owner: str | None) -> None:
    """Give the resource of a row, if it exists, to a stack or to none."""
    resource = find_row(state, row)
    if resource is not None:
        save(state, {**resource, "owner": owner})


def remove(state: SandboxState, resource: Document) -> None:
    """Remove a resource and free its name."""
    state.store.remove(RESOURCE, f"{resource['type']}|{resource['physical']}")
    name = f"{resource['type']}|{resource['name']}"
    held = state.store.get(RESOURCE_NAME, name)
    if held is not None and held["physical"] == resource["physical"]:
        state.store.remove(RESOURCE_NAME, name)


class ResourceFailure(Exception):
    """A resource that cannot be created, updated or deleted.

    ``code`` is the handler's error code; empty for CloudFormation's own reasons.
    """

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code

    def text(self, *seed: object) -> str:
        """Return the status reason, with a request token that depends on ``seed``."""
        return messages.handler(self.reason, self.code, *seed) if self.code else self.reason


@dataclass(frozen=True)
class NewResource:
    """A resource to create: its stack (a record), logical id, type and properties."""

    stack: Document
    logical: str
    type: str
    properties: Data


@dataclass(frozen=True)
class ResourceHandler:
    """How resources of a type are created, updated and deleted, and whether they have settled or are gone.

    ``read`` returns the properties that others can change through the service's API, of those that CloudFormation set,
    ``notes`` what CloudFormation reports of a resource that it has created and for which it waits.

    ``create`` gets a generated physical id and returns the physical id if it is another one. Each function may raise
    ResourceFailure or the ServiceError of the service that it calls.
    """

    create: Callable[[SandboxState, NewResource, str], str | None] = lambda state, new, physical: None
    update: Callable[[SandboxState, Document, Data, Phase], None] = lambda state, resource, properties, phase: None
    delete: Callable[[SandboxState, str], None] = lambda state, physical: None
    is_settled: Callable[[SandboxState, str], bool] = lambda state, physical: True
    is_gone: Callable[[SandboxState, str], bool] = lambda state, physical: True
    read: Callable[[SandboxState, str, Data], Document] = lambda state, physical, properties: {}
    notes: Callable[[SandboxState, str], list[str]] = lambda state, physical: []


def _declared(
    put: Callable[[SandboxState, str, Data], None], remove: Callable[[SandboxState, str], None]
) -> ResourceHandler:
    """Return the handler of a resource that a service stores as it is declared."""
    return ResourceHandler(
        lambda state, new, physical: put(state, physical, new.properties),
        lambda state, resource, properties, phase: put(state, resource["physical"], properties),
        remove,
    )


def _stored(table: str) -> ResourceHandler:
    """Return the handler of a resource whose properties are all that its service keeps, in this table."""
    return _declared(
        lambda state, physical, properties: state.store.put(table, physical, dict(properties)),
        lambda state, physical: state.store.remove(table, physical),
    )


def _create_service(state: SandboxState, new: NewResource, physical: str) -> str:
    request = request_of("ecs", "CreateService", new.properties)
    request.setdefault("serviceName", physical.rpartition("/")[2])
    return _await_deployment(state, ecs.create_service(state, request, new.logical))


def _update_service(state: SandboxState, resource: Document, properties: Data, phase: Phase) -> None:
    request = request_of("ecs", "UpdateService", properties)
    # ECS starts no deployment if nothing changes. After a failed deployment, CloudFormation's next attempt needs one.
    request["forceNewDeployment"] = ecs.deployment_of(state, resource["physical"])["rolloutState"] == "FAILED"
    request["service"] = resource["physical"]
    _await_deployment(state, ecs.update_service(state, request, resource["logical"], phase))
    tags = request_of("ecs", "TagResource", {"Tags": properties.get("Tags", [])})["tags"]
    ecs.tag_service(state, resource["physical"], tags)


def _await_deployment(state: SandboxState, service: Data) -> str:
    """Note the deployment that CloudFormation waits for, and return the service's ARN."""
    arn = str(service["serviceArn"])
    state.store.put(DEPLOYMENT, arn, {"deployment": service["deployments"][0]["id"]})
    return arn


def _service_is_settled(state: SandboxState, physical: str) -> bool:
    awaited = state.store.get(DEPLOYMENT, physical) or {"deployment": ""}
    deployment = ecs.deployment_of(state, physical, awaited["deployment"])
    if deployment["status"] != "PRIMARY" and deployment["rolloutState"] == "IN_PROGRESS":
        deployment = ecs.deployment_of(state, physical)  # another user has replaced it
    if "rollback" in deployment and state.faults.quirk("green-rollback") is not None:
        deployment = ecs.deployment_of(state, physical)
    if deployment["rolloutState"] == "FAILED":
        raise ResourceFailure(BREAKER, "GeneralServiceException")
    return bool(deployment["rolloutState"] == "COMPLETED")


def _delete_service(state: SandboxState, physical: str) -> None:
    if not _service_is_gone(state, physical):
        ecs.delete_service(state, physical)


def _service_is_gone(state: SandboxState, physical: str) -> bool:
    service = ecs.service_of(state, physical)
    return service is None or service["status"] == "INACTIVE"


def _read_service(state: SandboxState, physical: str, properties: Data) -> Document:
    """Return what UpdateService can change, in the form of the properties."""
    service = ecs.service_of(state, physical)
    if service is None:
        return {}
    names = ("DesiredCount", "TaskDefinition", "EnableExecuteCommand", "HealthCheckGracePeriodSeconds")
    members = {name: service[f"{name[:1].lower()}{name[1:]}"] for name in names if name in properties}
    nested = ("DeploymentConfiguration", "NetworkConfiguration", "CapacityProviderStrategy", "LoadBalancers")
    observed = {name: service[f"{name[:1].lower()}{name[1:]}"] for name in nested if properties.get(name)}
    return {**members, **{name: _as_declared(properties[name], value) for name, value in observed.items()}}


def _as_declared(declared: Any, observed: Any) -> Any:
    """Return a part of an answer in the form of a property, without what the template does not declare."""
    if isinstance(declared, Mapping) and isinstance(observed, Mapping):
        members = {f"{key[:1].upper()}{key[1:]}": value for key, value in observed.items()}
        return {key: _as_declared(child, members[key]) for key, child in declared.items() if key in members}
    if isinstance(declared, list) and isinstance(observed, list):
        return [_as_declared(next(iter(declared[index : index + 1]), {}), one) for index, one in enumerate(observed)]
    return observed


def _create_definition(state: SandboxState, new: NewResource, physical: str) -> str:
    request = request_of("ecs", "RegisterTaskDefinition", new.properties)
    request.setdefault("family", f"{new.stack['name']}-{new.logical}")
    return str(ecs.register(state, request)["taskDefinitionArn"])


def _create_cluster(state: SandboxState, new: NewResource, physical: str) -> None:
    ecs.create_cluster(state, {**request_of("ecs", "CreateCluster", new.properties), "clusterName": physical})


def _create_parameter(state: SandboxState, new: NewResource, physical: str) -> None:
    ssm.put(state, physical, *_parameter(new.properties), overwrite=False)


def _update_parameter(state: SandboxState, resource: Document, properties: Data, phase: Phase) -> None:
    """Write a new version if the value or the description has changed."""
    if any(resource["properties"].get(key) != properties.get(key) for key in ("Value", "Description")):
        ssm.put(state, resource["physical"], *_parameter(properties))


def _parameter(properties: Data) -> tuple[str, str, str]:
    """Return value, type and description of a parameter."""
    return str(properties["Value"]), properties.get("Type", "String"), properties.get("Description", "")


def _create_secret(state: SandboxState, new: NewResource, physical: str) -> str:
    name = name_of(new.type, new.properties) or physical.partition(":secret:")[2][:-7]
    return secretsmanager.create_generated(state, name, new.properties)


def _update_secret(state: SandboxState, resource: Document, properties: Data, phase: Phase) -> None:
    secretsmanager.put_properties(state, resource["physical"], properties, resource["properties"])


def _create_subnet(state: SandboxState, new: NewResource, physical: str) -> None:
    """Reject a range that overlaps with that of another subnet of the VPC.

    Source: https://github.com/aws-samples/aws-genai-llm-chatbot/issues/153
    """
    wanted = _range_of(new.properties)
    others = [other["properties"] for _, other in state.store.every(RESOURCE, f"{SUBNET}|")]
    ranges = [_range_of(other) for other in others if other.get("VpcId") == new.properties.get("VpcId")]
    if wanted is not None and any(other is not None and wanted.overlaps(other) for other in ranges):
        reason = f"The CIDR '{wanted}' conflicts with another subnet (Service: Ec2, Status Code: 400)"
        raise ResourceFailure(reason, "AlreadyExists")


def _delete_subnet(state: SandboxState, physical: str) -> None:
    if _is_named_by(state, physical, ("Subnets", "SubnetIds", "SubnetId")):
        reason = f"The subnet '{physical}' has dependencies and cannot be deleted."
        raise ResourceFailure(ids.quoted(reason, "Ec2"), "GeneralServiceException")


_GROUPS = ("SecurityGroups", "SecurityGroupIds", "SourceSecurityGroupId", "DestinationSecurityGroupId")


def _delete_security_group(state: SandboxState, physical: str) -> None:
    if _is_named_by(state, physical, _GROUPS):
        reason = f"resource {physical} has a dependent object"
        raise ResourceFailure(ids.quoted(reason, "Ec2"), "GeneralServiceException")


def _is_named_by(state: SandboxState, physical: str, properties: Collection[str]) -> bool:
    """Return whether another resource names a part of the network in one of these properties, at any depth."""
    others = (other for _, other in state.store.every(RESOURCE) if other["physical"] != physical)
    return any(
        _names(other["properties"], physical, properties)
        for other in others
        if other["type"] != ROUTE_TABLE_ASSOCIATION
    )


def _names(value: Any, physical: str, properties: Collection[str]) -> bool:
    if isinstance(value, Mapping):
        held = (child for key, child in value.items() if key in properties)
        return any(physical in one if isinstance(one, list) else physical == one for one in held) or any(
            _names(child, physical, properties) for child in value.values()
        )
    return isinstance(value, list) and any(_names(child, physical, properties) for child in value)


def _check_logs(state: SandboxState, properties: Data) -> None:
    """Reject a load balancer whose logs go to a bucket of the account that has no policy: ELB tries to write at once.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    """
    attributes = {one.get("Key"): str(one.get("Value")) for one in properties.get("LoadBalancerAttributes") or ()}
    for kind in ("access_logs", "connection_logs", "health_check_logs"):
        bucket = attributes.get(f"{kind}.s3.bucket", "")
        made = find(state, BUCKET, bucket) is not None and find(state, BUCKET_POLICY, bucket) is None
        if made and attributes.get(f"{kind}.s3.enabled", "").lower() == "true":
            text = f"Access Denied for bucket: {bucket}. Please check S3bucket permission"
            raise ResourceFailure(ids.quoted(text, "ElasticLoadBalancingV2"), "InvalidRequest")


def _update_balancer(state: SandboxState, old: Document, properties: Data, phase: Phase) -> None:
    _check_logs(state, properties)
    elbv2.forget_attributes(state, old["physical"])


def _create_record(state: SandboxState, new: NewResource, physical: str) -> str:
    route53.put_record(state, new.properties, replaces=False)
    return f"{physical}|{new.properties['SetIdentifier']}" if "SetIdentifier" in new.properties else physical


def _delete_record(state: SandboxState, physical: str) -> None:
    record = find(state, RECORD_SET, physical)
    if record is not None:
        route53.remove_record(state, record["properties"])


def _delete_namespace(state: SandboxState, physical: str) -> None:
    if ecs.is_connected(state, physical):
        raise servicediscovery.NOT_EMPTY
    servicediscovery.remove_namespace(state, physical)


def _range_of(properties: Data) -> IPv4Network | None:
    try:
        return IPv4Network(properties.get("CidrBlock", ""), strict=False)
    except ValueError:
        return None


def _delete_bucket(state: SandboxState, physical: str) -> None:
    if state.store.every(s3.OBJECT, f"{physical}/"):
        raise ResourceFailure("The bucket you tried to delete is not empty", "GeneralServiceException")
    state.store.remove(s3.BUCKET, physical)


def _check_notifications(state: SandboxState, bucket: str, properties: Data) -> None:
    """Reject notifications to a queue or topic of the account whose policy does not name the bucket: S3 sends a test
    message at once.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-enable-disable-notification-intro.html
    """
    wanted = properties.get("NotificationConfiguration") or {}
    receivers = {(QUEUE_POLICY, one.get("Queue")) for one in wanted.get("QueueConfigurations") or ()}
    receivers |= {(TOPIC_POLICY, one.get("Topic")) for one in wanted.get("TopicConfigurations") or ()}
    for type, arn in receivers:
        policies = [str(policy["properties"]) for _, policy in state.store.every(RESOURCE, f"{type}|")]
        admitted = any(f"'{arn}'" in policy and f":s3:::{bucket}'" in policy for policy in policies)
        if f":{state.account}:" in str(arn) and not admitted:
            reason = "Unable to validate the following destination configurations"
            raise ResourceFailure(ids.quoted(reason, "S3"), "InvalidRequest")


def _create_bucket(state: SandboxState, new: NewResource, physical: str) -> None:
    _check_notifications(state, physical, new.properties)
    s3.add_bucket(state, physical)


def _update_bucket(state: SandboxState, old: Document, properties: Data, phase: Phase) -> None:
    _check_notifications(state, old["physical"], properties)


HANDLERS: Mapping[str, ResourceHandler] = {
    ALARM: ResourceHandler(
        lambda state, new, physical: cloudwatch.put_alarm(state, physical, new.logical, new.properties),
        lambda state, old, properties, phase: cloudwatch.put_alarm(state, old["physical"], old["logical"], properties),
        cloudwatch.remove_alarm,
    ),
    SCALABLE_TARGET: _declared(application_autoscaling.put_target, application_autoscaling.remove_target),
    TABLE: _declared(dynamodb.put_table, dynamodb.remove_table),
    LOAD_BALANCER: ResourceHandler(
        lambda state, new, physical: _check_logs(state, new.properties),
        _update_balancer,
        elbv2.forget_attributes,
        read=elbv2.attributes_of,
    ),
    **dict.fromkeys(
        (DB_INSTANCE, DB_CLUSTER),
        ResourceHandler(
            update=lambda state, old, properties, phase: rds.forget(state, old["physical"]),
            delete=rds.forget,
            read=rds.protection_of,
        ),
    ),
    LISTENER: _declared(elbv2.put_listener, elbv2.remove_listener),
    LISTENER_CERTIFICATE: _stored(elbv2.CERTIFICATES),
    LISTENER_RULE: _declared(elbv2.put_rule, elbv2.remove_rule),
    TARGET_GROUP: _declared(elbv2.put_target_group, elbv2.remove_target_group),
    CLUSTER: ResourceHandler(_create_cluster, delete=ecs.delete_cluster),
    SERVICE: ResourceHandler(
        _create_service, _update_service, _delete_service, _service_is_settled, _service_is_gone, _read_service
    ),
    TASK_DEFINITION: ResourceHandler(_create_definition, delete=ecs.deregister),
    SUBNET: ResourceHandler(_create_subnet, delete=_delete_subnet),
    SECURITY_GROUP: ResourceHandler(delete=_delete_security_group),
    CERTIFICATE: ResourceHandler(
        lambda state, new, physical: acm.request_certificate(state, physical, new.properties),
        delete=acm.delete_certificate,
        is_settled=acm.is_issued,
        notes=acm.notes,
    ),
    HOSTED_ZONE: _declared(route53.put_zone, route53.remove_zone),
    RECORD_SET: ResourceHandler(
        _create_record,
        lambda state, old, properties, phase: route53.put_record(state, properties),
        _delete_record,
    ),
    SCHEDULE: _declared(scheduler.put_schedule, scheduler.remove_schedule),
    STATE_MACHINE: _declared(stepfunctions.put_machine, stepfunctions.remove_machine),
    DISCOVERED_SERVICE: _declared(servicediscovery.put_service, servicediscovery.remove_service),
    **dict.fromkeys((NAMESPACE, HTTP_NAMESPACE), _declared(servicediscovery.put_namespace, _delete_namespace)),
    LOG_GROUP: ResourceHandler(
        lambda state, new, physical: logs.create_group(state, physical), delete=logs.delete_group
    ),
    BUCKET: ResourceHandler(_create_bucket, _update_bucket, _delete_bucket),
    REPOSITORY: ResourceHandler(
        lambda state, new, physical: ecr.add_repository(state, physical, new.properties),
        lambda state, resource, properties, phase: ecr.put_repository(state, resource["physical"], properties),
        ecr.remove_repository,
    ),
    FILE_SYSTEM: _declared(efs.put_file_system, efs.remove_file_system),
    ACCESS_POINT: _stored(efs.ACCESS_POINT),
    MOUNT_TARGET: _stored(efs.MOUNT_TARGET),
    SECRET: ResourceHandler(_create_secret, _update_secret, secretsmanager.remove),
    PARAMETER: ResourceHandler(
        _create_parameter,
        _update_parameter,
        ssm.delete,
        read=lambda state, physical, properties: {"Value": ssm.value_of(state, physical)},
    ),
}
"""The handlers by resource type, for the services of the sandbox."""


def _handler(type: str) -> ResourceHandler:
    return HANDLERS.get(type, ResourceHandler())


@contextmanager
def _failing(type: str) -> Iterator[None]:
    """Turn a ServiceError into a ResourceFailure."""
    try:
        yield
    except ServiceError as error:
        # Source: https://github.com/aws/copilot-cli/issues/4532
        reason = messages.exists(type, error.message) if error.code == "PriorityInUse" else error.message
        raise ResourceFailure(reason, _CODES.get(error.code, "GeneralServiceException")) from None


_CODES = {
    "FileSystemInUse": "ResourceConflict",
    "InvalidChangeBatch": "InvalidRequest",
    "InvalidParameterException": "InvalidRequest",
    "NamespaceNotFound": "NotFound",
    "NamespaceNotFoundException": "NotFound",
    "NoSuchHostedZone": "NotFound",
    "ParameterAlreadyExists": "AlreadyExists",
    "PriorityInUse": "AlreadyExists",
    "ResourceExistsException": "AlreadyExists",
    "ServiceNotFoundException": "NotFound",
    "TooManyRules": "ServiceLimitExceeded",
    "TooManyUniqueTargetGroupsPerLoadBalancer": "ServiceLimitExceeded",
    "ValidationError": "InvalidRequest",
    "ValidationException": "InvalidRequest",
}


def create(state: SandboxState, new: NewResource) -> str:
    """Create a resource and return its physical id.

    Raises ResourceFailure, also for a taken name or an unknown property.
    """
    for unknown in unknown_properties(new.type, new.properties):
        raise ResourceFailure(f"Encountered unsupported property {unknown}")
    name = name_of(new.type, new.properties)
    taken = named(state, new.type, name) if name is not None else None
    if name is not None and taken is not None:
        if taken["owner"] is not None:
            raise ResourceFailure(messages.exists_in_stack(name, taken["owner"]))
        raise ResourceFailure(messages.exists(new.type, name), "AlreadyExists")
    single = record_of(new.type).single
    if single is not None and _has_another(state, new, single.properties):
        raise ResourceFailure(single.answer.format_map(new.properties), "AlreadyExists")
    if not record_of(new.type).simulation.supported:
        raise ResourceFailure(f"The sandbox does not support {new.type}.")
    number = state.store.next_number(f"physical id {new.stack['name']} {new.logical}")
    generated = ids.physical_id(new.type, new.logical, new.stack["name"], new.properties, number, state)
    with _failing(new.type):
        physical = _handler(new.type).create(state, new, generated) or generated
    add(state, new.type, physical, new.logical, new.stack["id"], new.properties)
    return physical


def tagged(type: str, properties: Data, tags: Mapping[str, str]) -> Document:
    """Return the properties with the stack's tags, if the type can have tags. A tag of the resource has precedence.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html
    """
    name = tag_property(type)
    if name is None or not tags:
        return dict(properties)
    own = properties.get(name)
    merged = {**tags, **tag_values(own)}
    pairs = [{"Key": key, "Value": value} for key, value in merged.items()]
    return {**properties, name: merged if isinstance(own, Mapping) else pairs}


def _has_another(state: SandboxState, new: NewResource, properties: tuple[str, ...]) -> bool:
    """Return whether a resource of the type has the same values of these properties.

    Of existing subnets the sandbox does not know the zones: a mount target excludes others in its own subnet only.
    """
    others = (other["properties"] for _, other in state.store.every(RESOURCE, f"{new.type}|"))
    return any(all(other.get(key) == new.properties.get(key) for key in properties) for other in others)


def unknown_properties(type: str, properties: Data) -> list[str]:
    """Return the properties that a type does not have, as far as it is known."""
    facts = facts_of(type)
    return [] if facts is None or facts.open else [key for key in properties if key not in facts.properties]


def missing_properties(type: str, properties: Data) -> list[str]:
    """Return the required properties that are missing, as far as the type is known."""
    facts = facts_of(type)
    return [] if facts is None or facts.open else sorted(key for key in facts.required if key not in properties)


def existing(state: SandboxState, row: Document) -> Document:
    """Return the resource of a row. Raises ResourceFailure if it does not exist."""
    resource = find_row(state, row)
    if resource is None:
        reason = f"Resource of type '{row['type']}' with identifier '{row['physical']}' was not found."
        raise ResourceFailure(reason, "NotFound")
    return resource


def update(state: SandboxState, row: Document, properties: Data, phase: Phase) -> None:
    """Give the resource of a row other properties.

    Raises ResourceFailure, also if it does not exist, or if the service refuses the change.
    """
    resource = existing(state, row)
    for _, refusal in record_of(row["type"]).updates.refusals(resource["properties"], properties):
        if refusal.reason:
            raise ResourceFailure(refusal.reason, "InvalidRequest")
    with _failing(row["type"]):
        _handler(row["type"]).update(state, resource, properties, phase)
    attributes = ids.attributes(row["type"], row["physical"], properties, state)
    save(state, {**resource, "properties": dict(properties), "attributes": attributes})


def delete(state: SandboxState, row: Document) -> None:
    """Begin to delete the resource of a row, if it exists. Raises ResourceFailure."""
    if find_row(state, row) is not None:
        with _failing(row["type"]):
            _handler(row["type"]).delete(state, row["physical"])


def is_gone(state: SandboxState, row: Document) -> bool:
    """Return whether the deletion of a resource has finished. If so, the resource is removed."""
    resource = find_row(state, row)
    if resource is not None:
        if not _handler(row["type"]).is_gone(state, row["physical"]):
            return False
        remove(state, resource)
    return True


def is_settled(state: SandboxState, row: Document) -> bool:
    """Return whether a resource has reached its new state. Raises ResourceFailure if it cannot reach it."""
    with _failing(row["type"]):
        exists = find_row(state, row) is not None
        return not exists or _handler(row["type"]).is_settled(state, row["physical"])


def notes(state: SandboxState, row: Document) -> list[str]:
    """Return what CloudFormation reports of the resource of a row, which it has created and for which it waits."""
    return _handler(row["type"]).notes(state, row["physical"])


def read(state: SandboxState, row: Document) -> Document | None:
    """Return the properties of the resource of a row as its service has them; None if it does not exist."""
    resource = find_row(state, row)
    if resource is None:
        return None
    own = resource["properties"]
    return {**own, **_handler(row["type"]).read(state, row["physical"], own)}


def change_outside(state: SandboxState, row: Document, path: str, value: Any) -> None:
    """Change a property of the resource of a row, of which CloudFormation learns nothing."""
    resource = existing(state, row)
    properties: Document = deepcopy(resource["properties"])
    *steps, last = path.split("/")
    place: Any = properties
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    place[int(last) if isinstance(place, list) else last] = value
    with _failing(row["type"]):
        _handler(row["type"]).update(state, resource, properties, "update")
    save(state, {**resource, "properties": properties})


def delete_outside(state: SandboxState, row: Document) -> None:
    """Delete the resource of a row, of which CloudFormation learns nothing, even if AWS would refuse that for now."""
    resource = find_row(state, row)
    if resource is not None:
        with suppress(ResourceFailure), _failing(row["type"]):
            _handler(row["type"]).delete(state, row["physical"])
        remove(state, resource)


def protection(state: SandboxState, row: Document) -> ResourceFailure | None:
    """Return the failure by which deletion protection prevents the deletion of a row's resource, or None."""
    protection = record_of(row["type"]).simulation.protection
    if protection is None or find_row(state, row) is None or not protection.is_on(read(state, row) or {}):
        return None
    return ResourceFailure(protection.reason.format(id=row["physical"]), protection.code)
