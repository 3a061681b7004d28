"""The meaning of the template: the tests follow references from end to end and compare no text."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from fsdcf.cloudformation.difference import Side, difference
from fsdcf.cloudformation.evaluation import PSEUDO, evaluate, scope_of
from fsdcf.cloudformation.facts import tag_values
from fsdcf.cloudformation.partitions import PARTITIONS
from fsdcf.compiler.emit import to_json
from fsdcf.compiler.service import tags_of
from fsdcf.conventions import ENVIRONMENT_TAG, SERVICE_TAG
from fsdcf.lint.runner import Linter
from fsdcf.pipeline import Request, run
from tests.compiler.dependencies.made import references
from tests.conftest import HELLO, ROOT, Compile, request_of

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/6f3b4d2e-0a51-4c0e-9c5b-7d8e9f0a1b2c"

EXAMPLES = sorted((ROOT / "examples").glob("*.yml"))
SPECS = [*EXAMPLES, *sorted((ROOT / "tests" / "cases" / "dependencies").glob("*.spec.yml"))]


def resources_of(compiled: Compile, text: str, **options: Any) -> Mapping[str, Any]:
    result = compiled(text, **options)
    assert result.template is not None, result.diagnostics
    resources: Mapping[str, Any] = result.template.data["Resources"]
    return resources


def waits_for(resources: Mapping[str, Any], name: str, ordered: bool = True) -> set[str]:
    """Everything that must exist before a resource, by references and, if ``ordered``, DependsOn."""
    found: set[str] = set()
    queue = [name]
    while queue:
        resource = resources[queue.pop()]
        depends = resource.get("DependsOn", []) if ordered else []
        nearest = {
            *references(resource.get("Properties", {})),
            *([depends] if isinstance(depends, str) else depends),
        } & set(resources)
        queue += nearest - found
        found |= nearest
    return found


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_references_resolve_without_cycles(spec: Any, environment: str) -> None:
    template = run(request_of(spec, environment)).template
    assert template is not None
    resources = template.data["Resources"]
    known = {*resources, *template.data["Parameters"]}
    for name, resource in resources.items():
        assert {one for one in references(resource) if not one.startswith("AWS::")} <= known
        assert name not in waits_for(resources, name), f"{name} waits for itself"
        assert resource["Metadata"]["fsdcf"]["Spec"]
    assert {one for one in references(template.data["Outputs"]) if not one.startswith("AWS::")} <= known


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.name)
def test_what_is_kept_depends_on_nothing_that_goes_with_the_stack(spec: Any) -> None:
    """A policy that names a role of the stack, for example, would lock what is kept. A topic that is gone gets no
    notification of a bucket that is kept, and that is all."""
    template = run(request_of(spec)).template
    assert template is not None
    resources = template.data["Resources"]
    kept = {name for name, one in resources.items() if str(one.get("DeletionPolicy")).startswith("Retain")}
    notified = ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy")
    for name in kept:
        free = notified if resources[name]["Type"] == "AWS::S3::Bucket" else ()
        assert {
            one for one in waits_for(resources, name, ordered=False) if resources[one]["Type"] not in free
        } <= kept, name


def test_the_load_balancer_reaches_the_task(compiled: Compile) -> None:
    resources = resources_of(compiled, HELLO)
    action = resources["Listener"]["Properties"]["DefaultActions"][0]
    assert action["TargetGroupArn"] == {"Ref": "TargetGroup"}
    target = resources["Service"]["Properties"]["LoadBalancers"][0]
    container = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    assert target["TargetGroupArn"] == {"Ref": "TargetGroup"} and target["ContainerName"] == container["Name"]
    assert target["ContainerPort"] == container["PortMappings"][0]["ContainerPort"] == 8000
    way_in = resources["TaskIngressFromLoadBalancer"]["Properties"]
    assert (way_in["FromPort"], way_in["ToPort"]) == (8000, 8000)
    assert way_in["SourceSecurityGroupId"] == {"Fn::GetAtt": ["LoadBalancerSecurityGroup", "GroupId"]}
    assert "SecurityGroupIngress" not in resources["TaskSecurityGroup"]["Properties"]
    way_out = resources["LoadBalancerEgressToTasks"]["Properties"]
    assert (way_out["FromPort"], way_out["ToPort"]) == (8000, 8000)
    assert way_out["GroupId"] == way_in["SourceSecurityGroupId"]
    assert way_out["DestinationSecurityGroupId"] == way_in["GroupId"]
    assert {"LoadBalancerEgressToTasks", "TaskIngressFromLoadBalancer"} <= set(resources["Service"]["DependsOn"])
    (inline,) = resources["LoadBalancerSecurityGroup"]["Properties"]["SecurityGroupEgress"]
    assert inline["CidrIp"] == "127.0.0.1/32", "EC2 opens a group without egress to everywhere"
    assert resources["TargetGroup"]["Properties"]["Port"] == 80


@pytest.mark.parametrize(
    ("balancer", "named"),
    [
        ("{}", {"Url", "LoadBalancerDnsName", "LoadBalancerZoneId"}),
        ("{internal: true}", {"Url", "LoadBalancerDnsName", "LoadBalancerZoneId"}),
        (f"{{certificateArn: '{CERTIFICATE}'}}", {"LoadBalancerDnsName", "LoadBalancerZoneId"}),
        ("", set()),
    ],
    ids=["public", "internal", "with a certificate", "worker"],
)
def test_the_outputs_say_where_the_service_is(compiled: Compile, balancer: str, named: set[str]) -> None:
    """No certificate matches the DNS name of a load balancer: only without one is the URL known."""
    worker = HELLO.replace("  port: 8000\n", "")
    result = compiled(HELLO + f"  networking: {{loadBalancer: {balancer}}}\n" if balancer else worker)
    assert result.template is not None
    outputs = result.template.data["Outputs"]
    assert {name for name in outputs if name == "Url" or "LoadBalancer" in name} == named
    if "Url" in named:
        assert outputs["Url"]["Value"] == {"Fn::Sub": "http://${LoadBalancer.DNSName}"}
    if named:
        assert outputs["LoadBalancerDnsName"]["Value"] == {"Fn::GetAtt": ["LoadBalancer", "DNSName"]}
        assert outputs["LoadBalancerZoneId"]["Value"] == {"Fn::GetAtt": ["LoadBalancer", "CanonicalHostedZoneID"]}
    assert outputs["TaskSecurityGroupId"]["Value"] == {"Fn::GetAtt": ["TaskSecurityGroup", "GroupId"]}


@pytest.mark.parametrize(
    ("port", "written", "seconds"),
    [("  port: 8000\n", "", 60), ("  port: 8000\n", "0", 0), ("", "", None), ("", "0", 0), ("", "90", 90)],
)
def test_a_worker_has_a_grace_period_only_where_it_is_written(
    compiled: Compile, port: str, written: str, seconds: int | None
) -> None:
    text = HELLO.replace("  port: 8000\n", port)
    if written:
        text = text.replace("  healthCheck:\n", f"  healthCheck:\n    gracePeriod: {written}\n")
    assert resources_of(compiled, text)["Service"]["Properties"].get("HealthCheckGracePeriodSeconds") == seconds


def test_what_is_replaced_with_a_load_balancer_that_becomes_internal(compiled: Compile) -> None:
    """A target group serves one load balancer at a time, and the old load balancer keeps its ingress."""
    public = resources_of(compiled, HELLO)
    internal = resources_of(compiled, HELLO + "  networking: {loadBalancer: {internal: true}}\n")
    for name, key in (("TargetGroup", "Port"), ("LoadBalancerSecurityGroup", "GroupDescription")):
        assert public[name]["Properties"][key] != internal[name]["Properties"][key]


def test_a_worker_has_an_empty_list_of_load_balancers(compiled: Compile) -> None:
    """ECS keeps the load balancers of a service whose template leaves them out, as where its port is taken out of the
    spec."""
    text = HELLO.replace("  port: 8000\n", "").replace("  healthCheck:\n    path: /health\n", "")
    assert resources_of(compiled, text)["Service"]["Properties"]["LoadBalancers"] == []


def test_a_port_without_a_load_balancer(compiled: Compile) -> None:
    """The container keeps its port, nothing of a load balancer is left, and nothing refers to what is not there."""
    text = HELLO.replace("  healthCheck:\n    path: /health\n", "") + "  networking: {loadBalancer: false}\n"
    resources = resources_of(compiled, text)
    balanced = resources_of(compiled, HELLO)
    assert set(balanced) - set(resources) == {
        *("LoadBalancer", "LoadBalancerSecurityGroup", "Listener", "TargetGroup"),
        *("LoadBalancerEgressToTasks", "TaskIngressFromLoadBalancer"),
        *("ErrorRateAlarm", "ResponseTimeAlarm", "UnhealthyTargetsAlarm"),
    }
    (container,) = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    assert [one["ContainerPort"] for one in container["PortMappings"]] == [8000]
    service = resources["Service"]["Properties"]
    assert service["LoadBalancers"] == [] and "HealthCheckGracePeriodSeconds" not in service


@pytest.mark.parametrize("words", ["true", "{}"])
def test_a_load_balancer_without_details_is_the_default(compiled: Compile, words: str) -> None:
    written = compiled(HELLO + f"  networking: {{loadBalancer: {words}}}\n").template
    default = compiled(HELLO).template
    assert written is not None and default is not None and written.data == default.data


def test_the_service_waits_for_what_cloudformation_does_not_infer(compiled: Compile) -> None:
    text = (
        HELLO
        + "dependencies:\n  - {type: aws_efs_file_system, name: data}\n  - {type: aws_sqs_queue, name: '${ENV}-jobs'}\n"
    )
    resources = resources_of(compiled, text)
    before = waits_for(resources, "Service")
    kinds = {"AWS::EC2::Route", "AWS::EC2::SubnetRouteTableAssociation", "AWS::EFS::MountTarget", "AWS::IAM::Policy"}
    for name, resource in resources.items():
        if (resource["Type"] in kinds and not name.startswith("Public")) or name == "Listener":
            assert name in before, name
    assert resources["LoadBalancer"]["DependsOn"] == ["InternetGatewayAttachment"]


def test_only_the_task_reaches_its_file_system(compiled: Compile) -> None:
    resources = resources_of(compiled, HELLO + "dependencies:\n  - {type: aws_efs_file_system, name: data}\n")
    volume = resources["TaskDefinition"]["Properties"]["Volumes"][0]["EFSVolumeConfiguration"]
    assert volume["FilesystemId"] == {"Ref": "DataFileSystem"} and volume["TransitEncryption"] == "ENABLED"
    assert volume["AuthorizationConfig"] == {"AccessPointId": {"Ref": "DataFileSystemAccessPoint"}, "IAM": "ENABLED"}
    assert "RootDirectory" not in volume
    tasks = resources["Service"]["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"]
    targets = [one["Properties"]["SubnetId"] for one in resources.values() if one["Type"] == "AWS::EFS::MountTarget"]
    assert targets == tasks
    rule = resources["DataFileSystemSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    assert [(one["FromPort"], one["SourceSecurityGroupId"]) for one in rule] == [
        (2049, {"Fn::GetAtt": ["TaskSecurityGroup", "GroupId"]})
    ]
    policy = resources["DataFileSystem"]["Properties"]["FileSystemPolicy"]["Statement"]
    assert {statement["Effect"] for statement in policy} == {"Deny"}


def test_sqlite_is_a_single_writer(compiled: Compile) -> None:
    text = (
        HELLO
        + "dependencies:\n  - {type: aws_efs_file_system, name: data, mountPoint: /data}\n"
        + "  - {type: sqlite_database, name: main}\n"
    )
    resources = resources_of(compiled, text)
    service = resources["Service"]["Properties"]
    assert service["DesiredCount"] == 1 and service["AvailabilityZoneRebalancing"] == "DISABLED"
    deployment = service["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 100)
    variables = {
        one["Name"]: one["Value"]
        for one in resources["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]["Environment"]
    }
    assert variables["DATABASE_URL"] == "sqlite:////data/app.db"
    free = resources_of(compiled, text.replace("name: main}", "name: main, ephemeral: true, path: /tmp/x.db}"))
    assert free["Service"]["Properties"]["DesiredCount"] == 2


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda path: path.stem)
def test_no_statement_allows_wildcard_actions(spec: Any) -> None:
    template = run(request_of(spec, "prod")).template
    assert template is not None
    star_is_all_there_is = {"ecr:GetAuthorizationToken", "xray:PutTraceSegments", "ssmmessages:OpenDataChannel"}
    for name, resource in template.data["Resources"].items():
        if resource["Type"] not in ("AWS::IAM::Role", "AWS::IAM::Policy"):
            continue
        properties = resource["Properties"]
        documents = (
            [properties["PolicyDocument"]]
            if "PolicyDocument" in properties
            else [one["PolicyDocument"] for one in properties.get("Policies", [])]
        )
        for statement in (one for document in documents for one in document["Statement"]):
            assert not any("*" in action for action in statement["Action"]), name
            if "*" in statement["Resource"]:
                assert star_is_all_there_is & set(statement["Action"]), name


def test_the_role_reaches_its_table_and_its_indexes_only(compiled: Compile) -> None:
    text = (
        HELLO
        + "dependencies:\n  - type: aws_dynamodb_table\n    table_name: ${ENV}-ledger\n"
        + "    key_schema: [{attribute_name: id, key_type: HASH}]\n"
        + "    attribute_definitions: [{attribute_name: id, attribute_type: S}]\n"
    )
    resources = resources_of(compiled, text)
    statement = resources["LedgerDynamodbAccess"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert statement["Resource"] == [{"Fn::GetAtt": ["LedgerTable", "Arn"]}, {"Fn::Sub": "${LedgerTable.Arn}/index/*"}]
    assert resources["LedgerDynamodbAccess"]["Properties"]["Roles"] == [{"Ref": "TaskRole"}]
    table = resources["LedgerTable"]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert table["Properties"]["TableName"] == "staging-ledger" and table["Properties"]["DeletionProtectionEnabled"]
    listed = resources_of(
        compiled,
        HELLO + "dependencies:\n  - {type: aws_dynamodb_table, name: other, permissions: ['dynamodb:GetItem']}\n",
    )
    assert "OtherTable" not in listed and listed["OtherDynamodbAccess"]


def test_secrets_are_read_by_ecs_and_permitted_one_by_one(compiled: Compile) -> None:
    text = (
        HELLO
        + "  environment:\n    A: ${secrets:app/one:key}\n    B: ${ssm:/app/two}\n  secrets:\n"
        + "    - {name: C, valueFrom: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:three-a1B2c3'}\n"
    )
    resources = resources_of(compiled, text)
    container = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    assert [one["Name"] for one in container["Secrets"]] == ["A", "B", "C"] and "Environment" not in container
    statements = resources["ExecutionRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    permitted = {statement["Action"][0]: json.dumps(statement["Resource"]) for statement in statements}
    assert (
        "secret:app/one-??????" in permitted["secretsmanager:GetSecretValue"]
        and 'three-a1B2c3"' in permitted["secretsmanager:GetSecretValue"]
    )
    assert "parameter/app/two" in permitted["ssm:GetParameters"] and "*" not in permitted["ssm:GetParameters"]


def test_a_secret_may_have_a_json_key_named_ssm(compiled: Compile) -> None:
    resources = resources_of(compiled, HELLO + "  environment:\n    A: ${secrets:app/one:ssm}\n")
    assert "ssm:GetParameters" not in json.dumps(resources["ExecutionRole"])


HOME = "${AWS::Region}:${AWS::AccountId}"
PARAMETER, SECRET = (
    f"arn:${{AWS::Partition}}:ssm:{HOME}:parameter/",
    f"arn:${{AWS::Partition}}:secretsmanager:{HOME}:secret:",
)
OWN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"


@pytest.mark.parametrize(
    ("source", "value_from", "resource"),
    [
        ("/prod/db", PARAMETER + "prod/db", PARAMETER + "prod/db"),
        ("/${ENV}/${AWS::Region}/db", PARAMETER + "staging/${AWS::Region}/db", PARAMETER + "staging/${AWS::Region}/db"),
        ("ssm:/prod/db", PARAMETER + "prod/db", PARAMETER + "prod/db"),
        ("ssm:DB_PASSWORD", PARAMETER + "DB_PASSWORD", PARAMETER + "DB_PASSWORD"),
        ("secretsmanager:${ENV}/db", SECRET + "staging/db", SECRET + "staging/db-??????"),
        ("secretsmanager:db:key", SECRET + "db:key::", SECRET + "db-??????"),
        ("secretsmanager:db:key:AWSPREVIOUS", SECRET + "db:key:AWSPREVIOUS:", SECRET + "db-??????"),
        ("secretsmanager:db:::v1", SECRET + "db:::v1", SECRET + "db-??????"),
        ("secretsmanager:${AWS::Region}/db:k}", SECRET + "${AWS::Region}/db:k}::", SECRET + "${AWS::Region}/db-??????"),
        (OWN + "db-a1B2c3:key", OWN + "db-a1B2c3:key::", OWN + "db-a1B2c3"),
        (OWN + "db:::", OWN + "db", OWN + "db-??????"),
        (OWN + "${AWS::Region}/db", OWN + "${AWS::Region}/db", OWN + "${AWS::Region}/db-??????"),
    ],
)
def test_a_secret_is_read_where_it_is_and_nothing_else_is_permitted(
    compiled: Compile, source: str, value_from: str, resource: str
) -> None:
    resources = resources_of(compiled, HELLO + f"  secrets: [{{name: A, valueFrom: '{source}'}}]\n")
    container = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    statements = resources["ExecutionRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    action = "ssm:GetParameters" if ":ssm:" in value_from.split("parameter")[0] else "secretsmanager:GetSecretValue"
    (permitted,) = (one["Resource"] for one in statements if one["Action"] == [action])
    texts = [
        one if isinstance(one, str) else one["Fn::Sub"] for one in (container["Secrets"][0]["ValueFrom"], *permitted)
    ]
    assert texts == [value_from, resource]


def test_a_tag_of_the_spec_replaces_a_default_tag_whatever_its_case(compiled: Compile) -> None:
    text = HELLO.replace("owners: team", "owners: team\n  tags: {Environment: Production, SERVICE: shop}")
    for resource in resources_of(compiled, text).values():
        tags = resource["Properties"].get("Tags", [])
        keys = list(tags) if isinstance(tags, dict) else [tag["Key"] for tag in tags]
        assert len({key.lower() for key in keys}) == len(keys), keys
        assert not keys or {"Environment", "SERVICE", "owners"} <= {*keys}


def tags_in(resource: Mapping[str, Any]) -> dict[str, Any]:
    properties = resource["Properties"]
    return tag_values(properties.get("Tags")) | tag_values(properties.get("FileSystemTags"))


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda path: path.stem)
def test_only_the_stack_has_the_tags_that_identify_it(spec: Any) -> None:
    result = run(request_of(spec, "prod"))
    assert result.template is not None and result.spec is not None
    assert {SERVICE_TAG, ENVIRONMENT_TAG} <= {*tags_of(result.spec, "prod")}
    assert SERVICE_TAG not in (text := to_json(result.template.data)) and ENVIRONMENT_TAG not in text
    named = [one for one in result.template.data["Resources"].items() if one[1]["Type"].startswith("AWS::EC2::")]
    names = [tags_in(resource)["Name"] for _, resource in named if tags_in(resource)]
    assert len(names) == len(set(names)) > 0
    assert all(name.startswith(f"{result.spec.metadata.name}-prod-") for name in names)


def test_the_parts_of_the_network_have_names(compiled: Compile) -> None:
    text = HELLO + "  networking: {vpc: {nat: perZone, endpoints: [ecr.api]}}\n"
    text += "dependencies: [{type: aws_efs_file_system, name: d}]\n"
    resources = resources_of(compiled, text)
    names = {title: tags_in(resource).get("Name") for title, resource in resources.items()}
    assert names["PublicSubnet1"] == "hello-staging-public-subnet-1"
    assert names["S3Endpoint"] == "hello-staging-s3-endpoint"
    assert names["EcrApiInterfaceEndpoint"] == "hello-staging-ecr-api-interface-endpoint"
    assert names["DFileSystemSecurityGroup"] == "hello-staging-d-file-system-security-group"
    unnamed = {
        resource["Type"]
        for title, resource in resources.items()
        if resource["Type"].startswith("AWS::EC2::") and not names[title]
    }
    associations = {"Route", "SecurityGroupIngress", "SubnetRouteTableAssociation", "VPCGatewayAttachment"}
    assert unnamed <= {f"AWS::EC2::{one}" for one in (*associations, "SecurityGroupEgress")}
    own = resources_of(compiled, HELLO.replace("owners: team", "owners: team\n  tags: {Name: mine}"))
    assert tags_in(own["Vpc"])["Name"] == "mine"


def test_an_upgrade_of_the_tags_replaces_nothing(compiled: Compile) -> None:
    template = compiled(HELLO).template
    assert template is not None
    old = copy.deepcopy(template.data)
    stack = {SERVICE_TAG: "hello", ENVIRONMENT_TAG: "staging"}
    for resource in old["Resources"].values():
        tags = {key: value for key, value in tags_in(resource).items() if key != "Name"} | stack
        if tags_in(resource):
            resource["Properties"]["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    values = {"ImageSha": "a"}
    changes = difference(Side(old, values, stack), Side(template.data, values, stack))
    assert len(changes) > 15
    assert {(change.replacement, change.scope) for change in changes} == {("False", ("Tags",))}


@pytest.mark.parametrize(("nat", "gateways"), [("single", 1), ("perZone", 2)])
def test_a_nat_gateway_waits_for_the_route_of_its_subnet(compiled: Compile, nat: str, gateways: int) -> None:
    resources = resources_of(compiled, HELLO + f"  networking: {{vpc: {{nat: {nat}}}}}\n")
    for number in range(1, gateways + 1):
        before = waits_for(resources, f"NatGateway{number}")
        assert {"PublicDefaultRoute", f"PublicSubnet{number}RouteTableAssociation"} <= before


def test_metrics_of_two_environments_are_separate(compiled: Compile) -> None:
    text = HELLO + "  observability: {metrics: {}}\n"
    configurations = [
        json.dumps(
            resources_of(compiled, text, environment=one)["TaskDefinition"]["Properties"]["ContainerDefinitions"][1][
                "Environment"
            ]
        )
        for one in ("staging", "prod")
    ]
    assert "hello-staging" in configurations[0] and "hello-prod" in configurations[1]


def test_any_character_of_a_value_reaches_the_service(linter: Linter) -> None:
    value = "\U0001f680 \u65e5\u672c \\ud83d\\ude80 \\\U0001f680"
    result = run(Request("spec.yml", (HELLO + f"  environment: {{A: '{value}'}}\n").encode(), "staging"), linter.lint)
    assert result.template is not None, result.diagnostics
    (written,) = json.loads(to_json(result.template.data))["Resources"]["TaskDefinition"]["Properties"][
        "ContainerDefinitions"
    ][0]["Environment"]
    assert written == {"Name": "A", "Value": value}


def test_adding_a_certificate_never_makes_two_listeners_on_one_port(compiled: Compile) -> None:
    arn = "arn:aws:acm:us-east-1:123456789012:certificate/6f3b4d2e"
    before = resources_of(compiled, HELLO)
    after = resources_of(compiled, HELLO + f"  networking:\n    loadBalancer:\n      certificateArn: {arn}\n")
    assert before["Listener"]["Properties"]["Port"] == after["Listener"]["Properties"]["Port"] == 80
    assert after["Listener"]["Properties"]["DefaultActions"][0]["Type"] == "redirect"
    https = after["HttpsListener"]["Properties"]
    assert (https["Port"], https["SslPolicy"]) == (443, "ELBSecurityPolicy-TLS13-1-2-2021-06")


def test_image_is_a_tag_or_a_digest(compiled: Compile) -> None:
    result = compiled(HELLO)
    assert result.template is not None
    tag = result.template.data["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]["Image"][
        "Fn::If"
    ]
    assert tag[1]["Fn::Sub"].endswith("/hello@${ImageSha}") and tag[2]["Fn::Sub"].endswith("/hello:${ImageSha}")
    assert result.template.data["Parameters"]["ImageSha"]["AllowedPattern"].startswith("^(")


def test_the_health_check_of_the_dockerfile_is_used(compiled: Compile, tmp_path: Any) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM x\nHEALTHCHECK --interval=10s --timeout=3s --retries=2 \\\n  CMD curl -f localhost\n"
    )
    text = HELLO.split("  healthCheck:")[0] + "  build:\n    dockerfile: Dockerfile\n"
    resources = resources_of(compiled, text, name=str(tmp_path / "spec.yml"))
    check = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]["HealthCheck"]
    assert check == {"Command": ["CMD-SHELL", "curl -f localhost"], "Interval": 10, "Timeout": 3, "Retries": 2}


def test_auto_scaling_sets_the_number_of_tasks(compiled: Compile) -> None:
    resources = resources_of(compiled, HELLO + "  autoScaling: {minCount: 2}\n")
    assert "DesiredCount" not in resources["Service"]["Properties"]
    target = resources["CpuScalingPolicy"]["Properties"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
    assert float(target) == 70


def test_without_nat_the_service_waits_for_the_endpoints_of_its_image(compiled: Compile) -> None:
    network = "  networking:\n    vpc: {nat: none, endpoints: [ecr.api, ecr.dkr, logs]}\n"
    assert {"S3Endpoint", "DynamoDbEndpoint", "EcrDkrInterfaceEndpoint"} <= waits_for(
        resources_of(compiled, HELLO + network), "Service"
    )
    assert "S3Endpoint" not in waits_for(resources_of(compiled, HELLO), "Service")


def test_only_ecs_tasks_of_this_account_assume_the_roles(compiled: Compile) -> None:
    resources = resources_of(compiled, HELLO)
    for name in ("TaskRole", "ExecutionRole"):
        (trust,) = resources[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


@pytest.mark.parametrize(
    ("image", "arn"),
    [
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/shop", "eu-west-1:123456789012:repository/team/shop"),
        ("123456789012.dkr-ecr.eu-west-1.on.aws/shop", "eu-west-1:123456789012:repository/shop"),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/shop", "us-gov-west-1:123456789012:repository/shop"),
        (
            "${AWS_ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/shop-${AWS_REGION}",
            "eu-west-1:${AWS::AccountId}:repository/shop-${AWS::Region}",
        ),
        ("123456789012.dkr.ecr.${AWS_REGION}.amazonaws.com/shop", "${AWS::Region}:123456789012:repository/shop"),
    ],
)
def test_the_image_of_any_ecr_repository_may_be_pulled(compiled: Compile, image: str, arn: str) -> None:
    role = resources_of(compiled, HELLO + f"  image: {image}\n")["ExecutionRole"]["Properties"]
    assert role["Policies"][0]["PolicyDocument"]["Statement"][1]["Resource"] == [
        {"Fn::Sub": f"arn:${{AWS::Partition}}:ecr:{arn}"}
    ]


def test_an_image_from_another_registry_needs_no_permission(compiled: Compile) -> None:
    role = resources_of(compiled, HELLO + "  image: public.ecr.aws/nginx/nginx\n")["ExecutionRole"]
    assert "ecr:BatchGetImage" not in json.dumps(role)


def containers_of(compiled: Compile, text: str, **options: Any) -> list[Mapping[str, Any]]:
    definition = resources_of(compiled, text, **options)["TaskDefinition"]["Properties"]
    containers: list[Mapping[str, Any]] = definition["ContainerDefinitions"]
    return containers


def test_every_container_says_what_happens_to_output_that_is_not_accepted(compiled: Compile) -> None:
    text = HELLO + "  observability: {metrics: {}, traces: {}, logs: {mode: non-blocking}}\n"
    options = [one["LogConfiguration"]["Options"] for one in containers_of(compiled, text)]
    assert [(one["mode"], one["max-buffer-size"]) for one in options] == [("non-blocking", "25m")] * 2
    blocking = containers_of(compiled, text, overrides=("service.observability.logs.mode=blocking",))
    for one in blocking:
        assert one["LogConfiguration"]["Options"]["mode"] == "blocking"
        assert "max-buffer-size" not in one["LogConfiguration"]["Options"]  # there is no buffer


def test_a_port_has_the_name_of_its_container(compiled: Compile) -> None:
    (main,) = containers_of(compiled, HELLO)
    assert main["PortMappings"] == [{"ContainerPort": 8000, "Protocol": "tcp", "Name": main["Name"]}]


def test_logs_may_be_kept_forever(compiled: Compile) -> None:
    resources = resources_of(compiled, HELLO + "  observability: {metrics: {}, logs: {retention: forever}}\n")
    groups = [one for one in resources.values() if one["Type"] == "AWS::Logs::LogGroup"]
    assert len(groups) == 2 and all("RetentionInDays" not in one["Properties"] for one in groups)


def variables_of(compiled: Compile, text: str) -> dict[str, Any]:
    main, *_ = containers_of(compiled, text)
    return {one["Name"]: one["Value"] for one in main["Environment"]}


TRACED = HELLO + "  observability: {traces: {}}\n"
OTLP = "OTEL_EXPORTER_OTLP"


def test_an_sdk_sends_what_the_collector_takes_and_nothing_else(compiled: Compile) -> None:
    variables = variables_of(compiled, TRACED)
    assert {name: text for name, text in variables.items() if name.startswith("OTEL")} == {
        "OTEL_TRACES_EXPORTER": "otlp",
        f"{OTLP}_TRACES_ENDPOINT": "http://localhost:4318/v1/traces",
        f"{OTLP}_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=staging",
        "OTEL_SERVICE_NAME": "hello",
    }
    collector = collector_of(compiled, TRACED)
    assert list(collector["service"]["pipelines"]) == ["traces"]


@pytest.mark.parametrize(
    ("chosen", "gone"),
    [
        (f"{OTLP}_ENDPOINT: http://other:4318", {"TRACES_ENDPOINT", "TRACES_PROTOCOL", "METRICS", "LOGS"}),
        (f"{OTLP}_PROTOCOL: grpc", {"TRACES_ENDPOINT", "TRACES_PROTOCOL"}),
        (f"{OTLP}_TRACES_PROTOCOL: grpc", {"TRACES_ENDPOINT"}),
        (f"{OTLP}_TRACES_ENDPOINT: http://other:4318/v1/traces", {"TRACES_PROTOCOL"}),
        (f"{OTLP}_METRICS_ENDPOINT: http://other:4318/v1/metrics", {"METRICS"}),
        ("OTEL_LOGS_EXPORTER: otlp", set()),
        (f"{OTLP}_ENDPOINT: '${{ssm:/otlp}}'", {"TRACES_ENDPOINT", "TRACES_PROTOCOL", "METRICS", "LOGS"}),
    ],
)
def test_a_variable_of_the_user_wins_over_those_of_the_collector(
    compiled: Compile, chosen: str, gone: set[str]
) -> None:
    name, _, value = chosen.partition(": ")
    after = variables_of(compiled, TRACED + f"  environment: {{{chosen}}}\n")
    names = {"METRICS": "OTEL_METRICS_EXPORTER", "LOGS": "OTEL_LOGS_EXPORTER"}
    assert {*variables_of(compiled, TRACED)} - {*after} == {names.get(one, f"{OTLP}_{one}") for one in gone}
    assert after.get(name, value) == value


def collector_of(compiled: Compile, text: str) -> Any:
    _, collector = containers_of(compiled, text)
    content = collector["Environment"][0]["Value"]
    return json.loads(content["Fn::Sub"] if isinstance(content, dict) else content)


def test_no_application_makes_more_metrics_than_the_default_has_names(compiled: Compile) -> None:
    collector = collector_of(compiled, HELLO + "  observability: {metrics: {}}\n")
    (declaration,) = collector["exporters"]["awsemf"]["metric_declarations"]
    assert declaration["dimensions"] == [[]]  # no label makes a second metric of a name
    assert 5 <= len(declaration["metric_name_selectors"]) <= 10
    assert all(re.fullmatch(r"\^[a-z_]+\$", one) for one in declaration["metric_name_selectors"])


def test_metrics_are_selected_by_name_pattern_and_label(compiled: Compile) -> None:
    select = "[{names: [jobs_total, 'http_*'], dimensions: [method, status]}, {names: [up]}]"
    collector = collector_of(compiled, HELLO + f"  observability: {{metrics: {{select: {select}}}}}\n")
    first, second = collector["exporters"]["awsemf"]["metric_declarations"]
    assert first == {
        "metric_name_selectors": ["^http_.*$", "^jobs_total$"],
        "dimensions": [["method", "status"]],
    }
    assert second == {"metric_name_selectors": ["^up$"], "dimensions": [[]]}
    (scrape,) = collector["receivers"]["prometheus"]["config"]["scrape_configs"]
    (rule,) = scrape["metric_relabel_configs"]
    assert (rule["source_labels"], rule["action"]) == (["__name__"], "keep")
    kept = ("jobs_total", "http_seconds_bucket", "http_seconds_sum", "up")
    dropped = ("jobs", "my_jobs_total", "go_goroutines", "upper")
    assert [bool(re.fullmatch(rule["regex"], one)) for one in (*kept, *dropped)] == [True] * 4 + [False] * 4


def test_scratch_in_memory_stands_beside_the_init_process(compiled: Compile) -> None:
    text = HELLO + "  user: 1000\n  readonlyRootFilesystem: true\n  initProcess: true\n  tmpfs:\n"
    text += "    - {path: /tmp, size: 64}\n    - {path: /cache, size: 8, options: [noexec, mode=1777]}\n"
    (main,) = containers_of(compiled, text)
    assert main["LinuxParameters"] == {
        "InitProcessEnabled": True,
        "Tmpfs": [
            {"ContainerPath": "/cache", "Size": 8, "MountOptions": ["noexec", "mode=1777"]},
            {"ContainerPath": "/tmp", "Size": 64},
        ],
    }
    assert "LinuxParameters" not in containers_of(compiled, HELLO)[0]


ENDPOINTS = (
    "  networking: {vpc: {nat: none, endpoints: [ecr.api, ecr.dkr, logs, secretsmanager, ssm, sqs, transcribe]}}\n"
)
SECRET = "  secrets: [{name: D, valueFrom: 'arn:%s:secretsmanager:%s:123456789012:secret:other-a1B2c3'}]\n"


def endpoint_services(template: Mapping[str, Any], partition: str, region: str) -> dict[str, str]:
    """The names of the interface endpoints' services, as CloudFormation finds them in a region."""
    scope = scope_of(template, {"ImageSha": "a"}, {**PSEUDO, "AWS::Partition": partition, "AWS::Region": region})
    return {
        title: evaluate(resource["Properties"]["ServiceName"], scope)
        for title, resource in template["Resources"].items()
        if resource["Properties"].get("VpcEndpointType") == "Interface"
    }


REGIONS = {
    "aws": "eu-west-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-eusc": "eusc-de-east-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
}


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("told", [True, False], ids=["named in the spec", "only known at the deploy"])
def test_interface_endpoints_have_the_names_of_their_partition(compiled: Compile, partition: str, told: bool) -> None:
    region = REGIONS[partition]
    text = HELLO + ENDPOINTS + (SECRET % (partition, region) if told else "")
    result = compiled(text)
    assert result.template is not None, result.diagnostics
    assert ("Mappings" in result.template.data and bool(result.template.data["Mappings"])) != told
    expected = {
        ".".join((prefix, region, name))
        for prefix, name in map(PARTITIONS[partition].endpoint, re.findall(r"[a-z]+[.a-z]*", ENDPOINTS.split("[")[1]))
    }
    assert set(endpoint_services(result.template.data, partition, region).values()) == expected


def test_a_spec_of_the_standard_partition_has_no_mapping(compiled: Compile) -> None:
    template = compiled(HELLO + ENDPOINTS + SECRET % ("aws", "us-east-1")).template
    assert template is not None and not template.data["Mappings"]
    name = template.data["Resources"]["EcrApiInterfaceEndpoint"]["Properties"]["ServiceName"]
    assert name == {"Fn::Join": [".", ["com.amazonaws", {"Ref": "AWS::Region"}, "ecr.api"]]}


def test_a_template_of_another_partition_has_no_literal_of_the_standard_one(compiled: Compile) -> None:
    image = "  image: 123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/app\n"
    template = compiled(HELLO + image + ENDPOINTS + SECRET % ("aws-cn", "cn-north-1")).template
    assert template is not None
    text = to_json(template.data)
    assert "arn:aws:" not in text and '"Mappings"' not in text
    assert set(re.findall(r"[a-z-]+\.amazonaws\.com(?!\.cn)", text)) == {"ecs-tasks.amazonaws.com"}
    assert "arn:${AWS::Partition}:ecr:cn-north-1:123456789012:repository/app" in text


def test_the_mapping_of_the_names_is_clean(compiled: Compile, linter: Linter) -> None:
    template = compiled(HELLO + ENDPOINTS).template
    assert template is not None and template.data["Mappings"]
    assert linter.lint(to_json(template.data)) == ()


def test_the_domain_of_the_partition_stands_in_texts(compiled: Compile) -> None:
    image = "  image: ${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/app\n"
    text = HELLO + image + "  environment: {QUEUES: 'https://sqs.${AWS::Region}.${AWS::URLSuffix}'}\n"
    template = compiled(text).template
    assert template is not None
    pseudo = {**PSEUDO, "AWS::Region": "eusc-de-east-1", "AWS::Partition": "aws-eusc", "AWS::URLSuffix": "amazonaws.eu"}
    scope = scope_of(template.data, {"ImageSha": "a"}, pseudo)
    task = evaluate(template.data["Resources"]["TaskDefinition"]["Properties"], scope)["ContainerDefinitions"][0]
    assert task["Image"] == "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/app:a"
    assert {"Name": "QUEUES", "Value": "https://sqs.eusc-de-east-1.amazonaws.eu"} in task["Environment"]
    assert "ecr:BatchGetImage" in to_json(template.data), "it is a repository in ECR"
