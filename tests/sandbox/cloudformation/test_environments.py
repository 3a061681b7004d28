"""What services share: listener rules, certificates, records, namespaces, Service Connect and security groups."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.sandbox import elbv2
from fsdcf.sandbox.ecs.definitions import SERVICE
from fsdcf.sandbox.faults import parse_fault
from fsdcf.sandbox.state import ServiceError
from tests.sandbox.cloudformation.account import NAME, Account, log, of

ELB = "AWS::ElasticLoadBalancingV2"
FORWARD = [{"Type": "forward", "TargetGroupArn": {"Ref": "TargetGroup"}}]
MISSING = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]


def balancer(**more: Any) -> dict[str, Any]:
    """A load balancer whose listener is exported."""
    listener = {"LoadBalancerArn": {"Ref": "Balancer"}, "Port": 80, "Protocol": "HTTP", "DefaultActions": MISSING}
    template = of(
        Balancer={"Type": f"{ELB}::LoadBalancer", "Properties": {"Subnets": ["subnet-1", "subnet-2"]}},
        Listener={"Type": f"{ELB}::Listener", "Properties": listener},
        **more,
    )
    return {**template, "Outputs": {"Listener": {"Value": {"Ref": "Listener"}, "Export": {"Name": "listener"}}}}


def joined(priority: int = 100, hosts: tuple[str, ...] = ("a.example.com",), **more: Any) -> dict[str, Any]:
    """A target group, and a rule of the exported listener that forwards to it."""
    rule = {
        "ListenerArn": {"Fn::ImportValue": "listener"},
        "Priority": priority,
        "Conditions": [{"Field": "host-header", "HostHeaderConfig": {"Values": list(hosts)}}],
        "Actions": FORWARD,
    }
    return of(
        TargetGroup={"Type": f"{ELB}::TargetGroup", "Properties": {"Port": 80, "Protocol": "HTTP", "VpcId": "vpc-1"}},
        ListenerRule={"Type": f"{ELB}::ListenerRule", "Properties": rule},
        **more,
    )


def made(account: Account, named: str, template: dict[str, Any]) -> str:
    """Creates a stack of this name; its status at the end."""
    account.cfn.create_stack(**{**account.given(template, {}), "StackName": named})
    return account.settle(named)


@pytest.fixture
def shared(account: Account) -> Account:
    assert account.create(balancer()) == "CREATE_COMPLETE"
    return account


def listener_of(account: Account) -> str:
    return str(account.stack()["Outputs"][0]["OutputValue"])


def test_the_rules_of_a_listener_are_listed_by_priority(shared: Account) -> None:
    for name, priority in (("late", 200), ("early", 7)):
        assert made(shared, name, joined(priority)) == "CREATE_COMPLETE"
    listener = listener_of(shared)
    rules = shared.client("elbv2").describe_rules(ListenerArn=listener)["Rules"]
    assert [one["Priority"] for one in rules] == ["7", "200", "default"]
    assert rules[0]["RuleArn"] == shared.physical("ListenerRule", "early")
    assert rules[0]["Conditions"][0]["HostHeaderConfig"] == {"Values": ["a.example.com"]}
    assert rules[2]["IsDefault"] and rules[2]["Actions"][0]["Type"] == "fixed-response"
    pages = (
        shared.client("elbv2")
        .get_paginator("describe_rules")
        .paginate(ListenerArn=listener, PaginationConfig={"PageSize": 1})
    )
    assert [len(page["Rules"]) for page in pages] == [1, 1, 1]
    (found,) = shared.client("elbv2").describe_listeners(ListenerArns=[listener])["Listeners"]
    assert (found["Port"], found["LoadBalancerArn"]) == (80, shared.physical("Balancer"))


def test_a_priority_is_in_use_until_its_rule_is_gone(shared: Account) -> None:
    assert made(shared, "first", joined(100)) == "CREATE_COMPLETE"
    assert made(shared, "second", joined(100)) == "ROLLBACK_COMPLETE"
    reason = shared.reasons("second")["ListenerRule CREATE_FAILED"]
    assert "Priority '100' is currently in use (Service: ElasticLoadBalancingV2, Status Code: 400" in reason
    assert "HandlerErrorCode: AlreadyExists" in reason
    assert made(shared, "third", joined(101)) == "CREATE_COMPLETE"
    shared.cfn.update_stack(**{**shared.given(joined(100), {}), "StackName": "third"})
    assert shared.settle("third") == "UPDATE_ROLLBACK_COMPLETE"
    shared.cfn.delete_stack(StackName="first")
    shared.settle(shared.stack("first")["StackId"])
    shared.cfn.update_stack(**{**shared.given(joined(100), {}), "StackName": "third"})
    assert shared.settle("third") == "UPDATE_COMPLETE"


def test_a_rule_has_five_values_at_most(shared: Account) -> None:
    assert made(shared, "five", joined(1, tuple("abcde"))) == "CREATE_COMPLETE"
    assert made(shared, "six", joined(2, tuple("abcdef"))) == "ROLLBACK_COMPLETE"
    assert "A rule can only have '5' condition values" in shared.reasons("six")["ListenerRule CREATE_FAILED"]


def test_a_load_balancer_has_a_hundred_rules_and_target_groups_at_most(account: Account) -> None:
    def put(n: int, group: str = "g", of: str = "web") -> None:
        action = {"Type": "forward", "TargetGroupArn": group}
        listener = f"arn:listener/app/{of}/1/2"
        elbv2.put_rule(account.state, f"{of}{n}", {"ListenerArn": listener, "Priority": n, "Actions": [action]})

    for n in range(1, 101):
        put(n)
    put(100)
    with pytest.raises(ServiceError, match="TooManyRules: The maximum number of rules on load balancer"):
        put(101)
    put(101, "other", of="second")
    elbv2.put_listener(
        account.state,
        "arn:listener/app/third/1/2",
        {
            "LoadBalancerArn": "arn:loadbalancer/app/third/1",
            "DefaultActions": [{"ForwardConfig": {"TargetGroups": [{"TargetGroupArn": f"g{n}"} for n in range(100)]}}],
        },
    )
    put(1, "g7", of="third")
    with pytest.raises(ServiceError, match="TooManyUniqueTargetGroupsPerLoadBalancer"):
        put(2, "g100", of="third")


def test_a_target_group_stays_while_something_forwards_to_it(shared: Account) -> None:
    weighted = [{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "GROUP", "Weight": 1}]}}]
    assert made(shared, "owner", joined(1)) == "CREATE_COMPLETE"
    group = shared.physical("TargetGroup", "owner")
    weighted[0]["ForwardConfig"]["TargetGroups"][0]["TargetGroupArn"] = group  # type: ignore[index]
    foreign = joined(2)["Resources"]["ListenerRule"]
    foreign["Properties"]["Actions"] = weighted
    assert made(shared, "user", of(ListenerRule=foreign)) == "CREATE_COMPLETE"
    shared.cfn.delete_stack(StackName="owner")
    assert shared.settle("owner") == "DELETE_FAILED"
    reason = shared.reasons("owner")["TargetGroup DELETE_FAILED"]
    assert f"Target group '{group}' is currently in use by a listener or a rule" in reason


def service(connect: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A cluster and a service with one named port."""
    container = {"Name": "web", "Image": "web:1", "PortMappings": [{"ContainerPort": 80, "Name": "http"}]}
    definition = {"Family": "web", "Cpu": "256", "Memory": "512", "ContainerDefinitions": [container]}
    properties = {"Cluster": "shared", "TaskDefinition": {"Ref": "Task"}, "DesiredCount": 1, **more}
    if connect is not None:
        properties["ServiceConnectConfiguration"] = {"Enabled": True, "Namespace": "shop.internal", **connect}
    return {
        "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": definition},
        "Service": {"Type": "AWS::ECS::Service", "Properties": properties},
    }


def test_ecs_refuses_a_target_group_that_nothing_forwards_to(shared: Account) -> None:
    targets = [{"TargetGroupArn": {"Ref": "TargetGroup"}, "ContainerName": "web", "ContainerPort": 80}]
    template = joined(1, **service(LoadBalancers=targets))
    template["Resources"]["Service"]["DependsOn"] = "ListenerRule"
    assert made(shared, "ordered", template) == "CREATE_COMPLETE"
    del template["Resources"]["ListenerRule"], template["Resources"]["Service"]["DependsOn"]
    assert made(shared, "bare", template) == "ROLLBACK_COMPLETE"
    assert "does not have an associated load balancer." in shared.reasons("bare")["Service CREATE_FAILED"]


def certificate(**more: Any) -> dict[str, Any]:
    properties = {
        "DomainName": "shop.example.com",
        "SubjectAlternativeNames": ["*.shop.example.com"],
        "ValidationMethod": "DNS",
        **more,
    }
    return {"Type": "AWS::CertificateManager::Certificate", "Properties": properties}


PROVEN = {"DomainValidationOptions": [{"DomainName": name, "HostedZoneId": "Z1"}
                                      for name in ("shop.example.com", "*.shop.example.com")]}  # fmt: skip


def test_a_certificate_waits_until_its_domain_is_validated(account: Account) -> None:
    account.cfn.create_stack(**account.given(of(Certificate=certificate(**PROVEN)), {}))
    account.pass_time(30)
    assert account.resources() == {"Certificate": "CREATE_IN_PROGRESS"}
    (reason,) = (one for one in account.reasons().values() if one.startswith("Content of DNS Record is: {Name: _"))
    assert ".shop.example.com.,Type: CNAME,Value: _" in reason, "a wildcard has the record of its domain"
    assert account.settle() == "CREATE_COMPLETE"


def test_a_record_of_another_stack_validates_a_certificate(account: Account) -> None:
    account.cfn.create_stack(**account.given(of(Certificate=certificate()), {}))
    account.pass_time(600)
    assert account.resources() == {"Certificate": "CREATE_IN_PROGRESS"}
    reason = next(one for one in account.reasons().values() if one.startswith("Content of DNS"))
    name = reason.partition("{Name: ")[2].partition(",")[0]
    assert made(account, "dns", of(Record=record(name, "CNAME", ResourceRecords=["x"]))) == "CREATE_COMPLETE"
    assert account.settle() == "CREATE_COMPLETE"


@pytest.mark.parametrize("given", ["fault", "e-mail"])
def test_a_certificate_that_is_never_validated_keeps_the_stack_waiting(account: Account, given: str) -> None:
    options = PROVEN if given == "fault" else {"ValidationMethod": "EMAIL"}
    if given == "fault":
        account.state.faults.add(parse_fault("Certificate:create:unvalidated"))
    account.cfn.create_stack(**account.given(of(Certificate=certificate(**options)), {}))
    account.pass_time(2 * 3600)
    assert account.resources() == {"Certificate": "CREATE_IN_PROGRESS"}
    assert account.settle() == "ROLLBACK_COMPLETE"
    assert "HandlerErrorCode: NotStabilized" in account.reasons()["Certificate CREATE_FAILED"]


def test_a_certificate_in_use_is_not_deleted(account: Account) -> None:
    listener = {"LoadBalancerArn": "arn:b", "DefaultActions": MISSING, "Certificates": [{"CertificateArn": "CERT"}]}
    account.create(of(Certificate=certificate(**PROVEN)))
    listener["Certificates"] = [{"CertificateArn": account.physical("Certificate")}]
    assert made(account, "user", of(Listener={"Type": f"{ELB}::Listener", "Properties": listener})) == "CREATE_COMPLETE"
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle() == "DELETE_FAILED"
    assert "is in use" in account.reasons()["Certificate DELETE_FAILED"]


def test_a_certificate_of_another_region_is_not_found(account: Account) -> None:
    foreign = [{"CertificateArn": "arn:aws:acm:eu-west-1:000000000000:certificate/x"}]
    listener = {"LoadBalancerArn": "arn:b", "DefaultActions": MISSING, "Certificates": foreign}
    assert account.create(of(Listener={"Type": f"{ELB}::Listener", "Properties": listener})) == "ROLLBACK_COMPLETE"
    assert "certificate/x' not found" in account.reasons()["Listener CREATE_FAILED"]


@pytest.mark.parametrize("allowed", [True, False])
def test_a_load_balancer_logs_to_a_bucket_with_a_policy(account: Account, allowed: bool) -> None:
    attributes = {"access_logs.s3.enabled": True, "access_logs.s3.bucket": {"Ref": "Logs"}}
    pairs = [{"Key": key, "Value": value} for key, value in attributes.items()]
    policy = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "Logs"}, "PolicyDocument": {}}}
    web = {"Type": f"{ELB}::LoadBalancer", "Properties": {"LoadBalancerAttributes": pairs}}
    template = of(Logs={"Type": "AWS::S3::Bucket"}, Web=web, **({"Policy": policy} if allowed else {}))
    if allowed:
        template["Resources"]["Web"]["DependsOn"] = "Policy"
    assert account.create(template) == ("CREATE_COMPLETE" if allowed else "ROLLBACK_COMPLETE")
    assert allowed or "Access Denied for bucket" in account.reasons()["Web CREATE_FAILED"]


def record(name: str, type: str = "A", **more: Any) -> dict[str, Any]:
    properties = {"Name": name, "Type": type, "HostedZoneId": "Z1", **more}
    return {"Type": "AWS::Route53::RecordSet", "Properties": properties}


def test_a_record_exists_once(account: Account) -> None:
    both = of(A=record("shop.example.com"), AAAA=record("shop.example.com", "AAAA"))
    assert account.create(both) == "CREATE_COMPLETE"
    assert made(account, "second", of(A=record("Shop.example.com."))) == "ROLLBACK_COMPLETE"
    reason = account.reasons("second")["A CREATE_FAILED"]
    assert "[Tried to create resource record set [name='shop.example.com.', type='A'] but it already exists]" in reason
    assert account.deploy(of(A=record("shop.example.com", TTL="60"))) == "UPDATE_COMPLETE"
    assert made(account, "third", of(AAAA=record("shop.example.com", "AAAA"))) == "CREATE_COMPLETE"
    arn = account.stack()["StackId"]
    account.cfn.delete_stack(StackName=NAME)
    account.settle(arn)
    assert made(account, "fourth", of(A=record("shop.example.com"))) == "CREATE_COMPLETE"


def test_a_record_belongs_into_the_domain_of_its_zone(account: Account) -> None:
    zone = {"Type": "AWS::Route53::HostedZone", "Properties": {"Name": "example.com"}}
    inside = record("shop.example.com", HostedZoneId={"Ref": "Zone"})
    assert account.create(of(Zone=zone, Record=inside)) == "CREATE_COMPLETE"
    identifier = account.physical("Zone")
    assert made(account, "out", of(Record=record("shop.example.org", HostedZoneId=identifier))) == "ROLLBACK_COMPLETE"
    assert "is not permitted in zone example.com." in account.reasons("out")["Record CREATE_FAILED"]
    arn = account.stack()["StackId"]
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle(arn) == "DELETE_COMPLETE"
    assert made(account, "late", of(Record=record("shop.example.com", HostedZoneId=identifier))) == "ROLLBACK_COMPLETE"
    assert f"No hosted zone found with ID: {identifier}" in account.reasons("late")["Record CREATE_FAILED"]


def namespace(vpc: str = "vpc-1") -> dict[str, Any]:
    properties = {"Name": "shop.internal", "Vpc": vpc}
    return {"Type": "AWS::ServiceDiscovery::PrivateDnsNamespace", "Properties": properties}


def test_a_vpc_has_one_namespace_of_a_name(account: Account) -> None:
    assert account.create(of(Namespace=namespace())) == "CREATE_COMPLETE"
    assert made(account, "same", of(Namespace=namespace())) == "ROLLBACK_COMPLETE"
    assert "same domain name" in account.reasons("same")["Namespace CREATE_FAILED"]
    assert made(account, "other", of(Namespace=namespace("vpc-2"))) == "CREATE_COMPLETE"


def test_a_namespace_stays_while_it_has_services(account: Account) -> None:
    assert account.create(of(Namespace=namespace())) == "CREATE_COMPLETE"
    dns = {"NamespaceId": account.physical("Namespace"), "DnsRecords": [{"Type": "A", "TTL": 10}]}
    found = {"Type": "AWS::ServiceDiscovery::Service", "Properties": {"Name": "users", "DnsConfig": dns}}
    registries = [{"RegistryArn": {"Fn::GetAtt": ["Found", "Arn"]}}]
    assert made(account, "users", of(Found=found, **service(ServiceRegistries=registries))) == "CREATE_COMPLETE"
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle() == "DELETE_FAILED"
    assert "contains other resources" in account.reasons()["Namespace DELETE_FAILED"]
    account.cfn.delete_stack(StackName="users")
    account.settle(account.stack("users")["StackId"])
    unknown = [{"RegistryArn": "arn:aws:servicediscovery:us-east-1:0:service/srv-none"}]
    assert made(account, "lost", of(**service(ServiceRegistries=unknown))) == "ROLLBACK_COMPLETE"
    arn = account.stack()["StackId"]
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle(arn) == "DELETE_COMPLETE"


def test_an_endpoint_keeps_its_protocol(account: Account) -> None:
    assert account.create(of(Namespace=namespace())) == "CREATE_COMPLETE"
    assert made(account, "users", of(**service(USERS))) == "CREATE_COMPLETE"
    changed = service(USERS)
    port = changed["Task"]["Properties"]["ContainerDefinitions"][0]["PortMappings"][0]
    port["AppProtocol"] = "grpc"
    assert account.deploy(of(**changed), StackName="users") == "UPDATE_ROLLBACK_COMPLETE"
    reason = account.reasons("users")["Service UPDATE_FAILED"]
    assert "cannot be changed for a SC service" in reason and "applicationProtocol=grpc" in reason


USERS = {"Services": [{"PortName": "http", "DiscoveryName": "users", "ClientAliases": [{"Port": 80}]}]}


@pytest.mark.parametrize(
    ("connect", "words"),
    [
        ({**USERS, "Namespace": "none.internal"}, "specified namespace wasn't found"),
        ({"Services": [{"PortName": "grpc"}]}, "portName 'grpc'"),
        (USERS, "SC service is already used by arn:aws:servicediscovery:"),
    ],
)
def test_service_connect_needs_what_it_refers_to(account: Account, connect: dict[str, Any], words: str) -> None:
    assert account.create(of(Namespace=namespace())) == "CREATE_COMPLETE"
    assert made(account, "users", of(**service(USERS))) == "CREATE_COMPLETE"
    assert made(account, "client", of(**service({"Services": []}))) == "CREATE_COMPLETE"
    assert made(account, "other", of(**service(connect))) == "ROLLBACK_COMPLETE"
    assert words in account.reasons("other")["Service CREATE_FAILED"]
    (found,) = account.client("ecs").describe_services(
        cluster="shared", services=[account.physical("Service", "users")]
    )["services"]
    assert found["deployments"][0]["serviceConnectConfiguration"]["services"][0]["discoveryName"] == "users"
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle() == "DELETE_FAILED", "users is found in the namespace"


def test_the_state_of_an_earlier_version_stays_readable(account: Account) -> None:
    """It has neither the settings of Service Connect nor the requests of listeners."""
    assert account.create(of(**service())) == "CREATE_COMPLETE"
    ((key, stored),) = account.state.store.every(SERVICE)
    del stored["serviceConnectConfiguration"]
    account.state.store.put(SERVICE, key, stored)
    account.state.store.put(elbv2.LISTENER, "arn:old", {"balancer": "arn:b", "groups": []})
    ecs = account.client("ecs")
    assert ecs.describe_services(cluster="shared", services=[account.physical("Service")])["services"]
    assert ecs.update_service(cluster="shared", service=account.physical("Service"), desiredCount=2)["service"]
    (rule,) = account.client("elbv2").describe_rules(ListenerArn="arn:old")["Rules"]
    assert rule["IsDefault"] and account.client("elbv2").describe_listeners(ListenerArns=["arn:old"])["Listeners"]
    assert account.deploy(of(Log=log())) == "UPDATE_COMPLETE"


def test_a_security_group_and_a_subnet_stay_while_others_use_them(account: Account) -> None:
    subnet = {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/24"}}
    group = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "x"}}
    assert account.create(of(Subnet=subnet, Group=group)) == "CREATE_COMPLETE"
    network = {"Subnets": [account.physical("Subnet")], "SecurityGroups": [account.physical("Group")]}
    configuration = {"AwsvpcConfiguration": network}
    assert made(account, "user", of(**service(NetworkConfiguration=configuration))) == "CREATE_COMPLETE"
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle() == "DELETE_FAILED"
    reasons = account.reasons()
    assert "has a dependent object" in reasons["Group DELETE_FAILED"]
    assert "has dependencies and cannot be deleted" in reasons["Subnet DELETE_FAILED"]
    account.cfn.delete_stack(StackName="user")
    account.settle(account.stack("user")["StackId"])
    arn = account.stack()["StackId"]
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle(arn) == "DELETE_COMPLETE"
