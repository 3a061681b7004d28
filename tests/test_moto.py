"""Independent proof: moto, an emulator that this project did not write, creates every compiled example.

moto lacks some types, and parts of others. They are listed here; a newer moto that supports one makes a test fail.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from fsdcf.cloudformation.limits import compact
from fsdcf.cloudformation.types.iam import capabilities
from fsdcf.pipeline import Request, SourceFile, run
from tests.conftest import ROOT, request_of

EXAMPLES = [each for each in sorted((ROOT / "examples").glob("*.yml")) if "shared: true" not in each.read_text()]
"""The examples that are whole by themselves: those of an environment need its stack."""
REGION = "us-east-1"

LACKING = {
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudWatch::Alarm",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::S3::BucketPolicy",
    "AWS::Scheduler::Schedule",
}
"""Types of the examples that moto skips with a warning."""

OF_ADDONS = {"AWS::CloudWatch::Alarm", "AWS::SecretsManager::Secret"}
"""Types of the addons that moto skips."""

Client = Callable[[str], Any]

pytestmark = pytest.mark.xdist_group("moto")


@cache
def session() -> botocore.session.Session:
    """One session for all tests, which reads the model of each service once."""
    made = botocore.session.Session()
    made.set_credentials("testing", "testing")
    return made


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Clients of botocore that moto answers."""
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield lambda service: session().create_client(service, region_name=REGION)


def compiled(
    spec: Path, name: str = "", file: SourceFile | None = None, environment: str = "staging"
) -> dict[str, Any]:
    result = run(Request(name or spec.name, spec.read_bytes(), environment, environment_file=file))
    assert result.template is not None
    data: dict[str, Any] = json.loads(compact(result.template.data))
    return data


def suited(template: dict[str, Any], client: Client) -> dict[str, Any]:
    """The template as moto can take it: what it refers to outside of it exists, and what moto cannot do is
    spelled out."""
    for resource in template["Resources"].values():
        if resource["Type"] in ("AWS::SSM::Parameter", "AWS::KMS::Key"):  # moto expects other tags
            resource["Properties"].pop("Tags", None)
    files = [name for name, one in template["Resources"].items() if one["Type"].startswith("AWS::EFS::")]
    text = json.dumps(template)
    for name in files:  # moto's file systems and access points have no attributes
        arn = f"arn:aws:elasticfilesystem:{REGION}:123456789012:{name}"
        text = text.replace(json.dumps({"Fn::GetAtt": [name, "Arn"]}), json.dumps(arn)).replace(f"${{{name}.Arn}}", arn)
    suited: dict[str, Any] = json.loads(existing(text, client))
    return suited


def existing(text: str, client: Client) -> str:
    """The text with ids of a network and a certificate that exist in moto instead of those in the examples."""
    ec2 = client("ec2")
    for vpc in set(re.findall(r"vpc-[0-9a-f]{17}", text)):
        made = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        text = text.replace(vpc, made)
        for number, subnet in enumerate(sorted(set(re.findall(r"subnet-[0-9a-f]{17}", text)))):
            zone = f"{REGION}{'abcdef'[number]}"
            answer = ec2.create_subnet(VpcId=made, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)
            text = text.replace(subnet, answer["Subnet"]["SubnetId"])
    for certificate in set(re.findall(r"arn:aws:acm:[^\"]+", text)):
        text = text.replace(certificate, client("acm").request_certificate(DomainName="example.com")["CertificateArn"])
    return text


def created(client: Client, name: str, template: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], set[str]]:
    """The stack, its resources by logical id (rows of what moto lacks are empty), and the types that moto says it
    lacks."""
    cloudformation = client("cloudformation")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=compact(template),
            Parameters=[{"ParameterKey": "ImageSha", "ParameterValue": "3f2c1ab"}],
            Capabilities=list(capabilities(template)),
        )
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        rows = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    said = {
        found[1]
        for one in caught
        if (found := re.match(r"Tried to parse (\S+) but it's not supported", str(one.message)))
    }
    return stack, {row["LogicalResourceId"]: row for row in rows if "LogicalResourceId" in row}, said


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_moto_creates_the_example(example: Path, client: Client) -> None:
    template = suited(compiled(example), client)
    stack, rows, said = created(client, example.stem, template)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert said <= LACKING
    missing = {name for name, one in template["Resources"].items() if name not in rows}
    assert missing == {name for name, one in template["Resources"].items() if one["Type"] in LACKING}
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    unmade = {name for name, one in template["Outputs"].items() if one["Value"] in [{"Ref": each} for each in missing]}
    assert set(outputs) == set(template["Outputs"]) - unmade
    definition = client("ecs").describe_task_definition(taskDefinition=rows["TaskDefinition"]["PhysicalResourceId"])[
        "taskDefinition"
    ]
    image = definition["containerDefinitions"][0]["image"]
    assert image.endswith(":3f2c1ab"), "the service runs the image"
    record = client("ssm").get_parameter(Name=f"/fsdcf/staging/{example.stem}/release")
    assert record["Parameter"]["Value"] == image, "and the record names it"


def test_moto_creates_a_database(client: Client, tmp_path: Path) -> None:
    """moto makes no secret for a password that RDS manages, no instance with a parameter group of the template, and
    knows no cluster of RDS or DSQL."""
    spec = tmp_path / "shop.yml"
    database = "dependencies:\n  - {type: aws_rds_instance, name: orders, engine: mariadb, storage: 50}\n"
    spec.write_text((ROOT / "examples" / "hello.yml").read_text() + database)
    arn = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:rds-abcdef"
    text = json.dumps(compiled(spec)).replace("${OrdersDatabase.MasterUserSecret.SecretArn}", arn)
    text = text.replace('{"Fn::GetAtt": ["OrdersDatabase", "MasterUserSecret.SecretArn"]}', json.dumps(arn))
    text = text.replace('{"Ref": "OrdersDatabaseParameters"}', json.dumps("default.mariadb11.4"))
    stack, rows, said = created(client, "shop", suited(json.loads(text), client))
    assert stack["StackStatus"] == "CREATE_COMPLETE" and said <= LACKING
    name = rows["OrdersDatabase"]["PhysicalResourceId"]
    (made,) = client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    assert (made["Engine"], made["AllocatedStorage"], made["StorageEncrypted"]) == ("mariadb", 50, True)


def test_moto_creates_what_production_turns_on(client: Client, tmp_path: Path) -> None:
    """The log of the sessions, and the attribute that protects the load balancer."""
    spec = tmp_path / "shop.yml"
    spec.write_text((ROOT / "examples" / "hello.yml").read_text() + "  enableExecuteCommand: true\n")
    template = suited(compiled(spec, environment="prod"), client)
    _, rows, said = created(client, "shop-prod", template)
    assert said <= LACKING
    arn = rows["LoadBalancer"]["PhysicalResourceId"]
    attributes = template["Resources"]["LoadBalancer"]["Properties"]["LoadBalancerAttributes"]
    balancers = client("elbv2")  # moto's CloudFormation ignores attributes
    balancers.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)
    listed = balancers.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    assert {one["Key"]: one["Value"] for one in listed}["deletion_protection.enabled"] == "true"
    name = rows["ExecuteCommandLogGroup"]["PhysicalResourceId"]
    (group,) = client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert group["retentionInDays"] == 365


def test_moto_creates_streams_queues_topics_and_buckets(client: Client) -> None:
    whole: dict[str, Any] = {}
    for name in ("aws_sns_topic-shared", "aws_kinesis_stream"):
        template = compiled(ROOT / "tests" / "cases" / "dependencies" / f"{name}.spec.yml")
        whole |= {
            title: one
            for title, one in template["Resources"].items()
            if re.match("AWS::(S|Kinesis)[^:]*::", one["Type"])
        }
    kept = {title: one for title, one in whole.items() if one["Type"] != "AWS::SSM::Parameter"}
    client("sqs").create_queue(QueueName="staging-failed.fifo", Attributes={"FifoQueue": "true"})  # the one that exists
    stack, rows, said = created(client, "messages", {"Resources": kept, "Parameters": template["Parameters"]})
    lacking = {"AWS::Kinesis::StreamConsumer", "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy"}
    lacking |= {"AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"}
    assert stack["StackStatus"] == "CREATE_COMPLETE" and said <= lacking
    assert {title for title in kept if title not in rows} == {k for k, one in kept.items() if one["Type"] in lacking}
    (url,) = (one for one in client("sqs").list_queues()["QueueUrls"] if one.endswith("staging-orders"))
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (attributes["DelaySeconds"], attributes["ReceiveMessageWaitTimeSeconds"]) == ("5", "20")
    stream = client("kinesis").describe_stream_summary(StreamName="staging-clicks")["StreamDescriptionSummary"]
    assert stream["OpenShardCount"] == 4


def test_moto_creates_an_environment_and_a_service_of_it(client: Client) -> None:
    """What the service imports exists: its network, cluster and listener are those of the environment's stack."""
    folder = ROOT / "tests" / "cases" / "joined"
    beside = folder / "shared.environment.yml"
    file = SourceFile("environments/staging.yml", beside.read_bytes())
    shared, shop = compiled(beside, file.name), compiled(folder / "default.spec.yml", file=file)
    zone = client("route53").create_hosted_zone(Name="staging.example.com.", CallerReference="1")["HostedZone"]["Id"]
    text = json.dumps(suited(shared, client)).replace("Z0123456789ABCDEFGHIJ", zone.rpartition("/")[2])
    certificate = client("acm").request_certificate(DomainName="staging.example.com")["CertificateArn"]
    text = text.replace(json.dumps({"Ref": "PublicCertificate"}), json.dumps(certificate))
    for name, attribute in re.findall(r'{"Fn::GetAtt": \["(\w+)", "(Arn|Id|LoadBalancerFullName)"\]}', text):
        text = text.replace(json.dumps({"Fn::GetAtt": [name, attribute]}), json.dumps(f"{attribute} of {name}"))
    stack, rows, said = created(client, "fsdcf-staging", json.loads(text))
    lacking = {*LACKING, "AWS::CertificateManager::Certificate", "AWS::ServiceDiscovery::PrivateDnsNamespace"}
    assert stack["StackStatus"] == "CREATE_COMPLETE" and said <= lacking
    missing = {name for name in shared["Resources"] if name not in rows}
    assert missing == {name for name, one in shared["Resources"].items() if one["Type"] in lacking}
    records = client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    names = {each["Name"] for each in records if each["Type"] == "A"}
    assert names == {"*.staging.example.com"}
    exported = {each["Name"] for each in client("cloudformation").list_exports()["Exports"]}
    assert exported == {each["Export"]["Name"] for each in shared["Outputs"].values()}

    stack, own, _ = created(client, "shop-staging", suited(shop, client))
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    missing = {name for name in shop["Resources"] if name not in own}
    assert missing == {name for name, one in shop["Resources"].items() if one["Type"] in LACKING}
    ids = {name: row.get("PhysicalResourceId") for name, row in (rows | own).items()}
    rules = client("elbv2").describe_rules(ListenerArn=ids["PublicHttpsListener"])["Rules"]
    assert [each["RuleArn"] for each in rules if not each["IsDefault"]] == [ids["ListenerRule"]]
    assert client("ecs").list_services(cluster=ids["Cluster"])["serviceArns"] == [ids["Service"]]
    (group,) = client("elbv2").describe_target_groups(TargetGroupArns=[ids["TargetGroup"]])["TargetGroups"]
    (tasks,) = client("ec2").describe_security_groups(GroupIds=[ids["TaskSecurityGroup"]])["SecurityGroups"]
    assert {group["VpcId"], tasks["VpcId"]} == {ids["Vpc"]}
    admitted = {pair["GroupId"] for rule in tasks["IpPermissions"] for pair in rule["UserIdGroupPairs"]}
    assert admitted == {ids["PublicLoadBalancerSecurityGroup"], ids["ServicesSecurityGroup"]}


def test_moto_creates_what_addons_add_and_overrides_change(client: Client) -> None:
    result = run(request_of(ROOT / "tests" / "cases" / "addons" / "service.spec.yml"))
    assert result.template is not None
    template = suited(json.loads(compact(result.template.data)), client)
    stack, rows, said = created(client, "orders-staging", template)
    assert stack["StackStatus"] == "CREATE_COMPLETE" and said <= {*LACKING, *OF_ADDONS}
    table = client("dynamodb").describe_table(TableName=rows["storeTable"]["PhysicalResourceId"])["Table"]
    policies = client("iam").list_policies(Scope="Local")["Policies"]
    assert rows["storeAccess"]["PhysicalResourceId"] in {one["Arn"] for one in policies}
    task = rows["TaskDefinition"]["PhysicalResourceId"]
    (container,) = client("ecs").describe_task_definition(taskDefinition=task)["taskDefinition"]["containerDefinitions"]
    variables = {one["name"]: one.get("value") for one in container["environment"]}
    assert variables["STORE_DDB_TABLE_ARN"] == table["TableArn"] and variables["STORE_PORT"] == "6379"


def test_moto_creates_tables_with_every_kind_of_index(client: Client) -> None:
    whole = compiled(ROOT / "tests" / "cases" / "dependencies" / "aws_dynamodb_table.spec.yml")
    tables = {name: one for name, one in whole["Resources"].items() if one["Type"] == "AWS::DynamoDB::Table"}
    client("cloudformation").create_stack(StackName="tables", TemplateBody=compact({"Resources": tables}))
    table = client("dynamodb").describe_table(TableName="staging-stock")["Table"]
    assert [one["IndexName"] for one in table["LocalSecondaryIndexes"]] == ["by-counted"]
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["ProvisionedThroughput"]["ReadCapacityUnits"] == 3
    assert table["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"


def test_moto_creates_keys_and_parameters(client: Client) -> None:
    """What a key encrypts, and what the container reads, is there by the names of the spec; moto lacks secrets."""
    folder = ROOT / "tests" / "cases" / "dependencies"
    names = ("aws_kms_key", "aws_ssm_parameter")
    templates = {name: suited(compiled(folder / f"{name}.spec.yml"), client) for name in names}
    for name, template in templates.items():
        stack, rows, said = created(client, name.replace("_", "-"), template)
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        assert {one for one in template["Resources"] if one not in rows} == {
            one for one, made in template["Resources"].items() if made["Type"] in said
        }
    aliases = {one["AliasName"]: one["TargetKeyId"] for one in client("kms").list_aliases()["Aliases"]}
    rotation = client("kms").get_key_rotation_status(KeyId=aliases["alias/staging-data"])
    assert rotation["KeyRotationEnabled"]
    theme = client("ssm").get_parameter(Name="/shop/staging/theme")["Parameter"]
    assert (theme["Type"], theme["Value"]) == ("String", "dark")


def test_moto_still_lacks_the_listed_types(client: Client) -> None:
    from moto.cloudformation.parsing import resource_class_from_type

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert {type for type in LACKING if resource_class_from_type(type) is not None} == set()
