"""Caches, OpenSearch domains and topics of Kafka: what they make and permit, and the services that use them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compiler.dependencies.made import admits, as_text, codes, encoded, make
from tests.conftest import HELLO, Compile

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
CACHE, SEARCH, TOPIC = "aws_elasticache", "aws_opensearch", "kafka_topic"
FILE = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\nenvironment: {}\n"


def properties(made: Any, type: str) -> dict[str, Any]:
    return dict(made.the(f"AWS::ElastiCache::{type}")[1]["Properties"])


def test_a_cache_is_serverless_and_its_user_has_a_password_that_nobody_sees() -> None:
    made = make(CACHE, "${ENV}-sessions")
    cache, user = properties(made, "ServerlessCache"), properties(made, "User")
    assert (cache["Engine"], cache["MajorEngineVersion"], cache["UserGroupId"]) == (
        *("valkey", "8"),
        {"Ref": "SessionsCacheUserGroup"},
    )
    assert properties(made, "UserGroup")["UserIds"] == [{"Ref": "SessionsCacheUser"}]
    (password,) = user["AuthenticationMode"]["Passwords"]
    assert as_text(password) == "{{resolve:secretsmanager:${SessionsCachePassword}:SecretString:password}}"
    (secret,) = made.grant.secrets
    assert (secret.name, secret.value_from) == ("SESSIONS_PASSWORD", "${SessionsCachePassword}:password::")
    assert not made.grant.statements and "SESSIONS_PASSWORD" not in made.grant.environment
    assert made.grant.environment["SESSIONS_URL"] == "rediss://${SessionsCache.Endpoint.Address}:6379"
    assert made.grant.environment["SESSIONS_READER_PORT"] == "6380"


def test_the_security_group_admits_the_tasks_alone() -> None:
    for kind, name, ports in ((CACHE, "x", {6379, 6380}), (SEARCH, "xxx", {443})):
        group = make(kind, name).the("AWS::EC2::SecurityGroup")[1]["Properties"]
        assert {rule["FromPort"] for rule in group["SecurityGroupIngress"]} == ports
        sources = [rule["SourceSecurityGroupId"] for rule in group["SecurityGroupIngress"]]
        assert all(source == {"Fn::GetAtt": ["TaskSecurityGroup", "GroupId"]} for source in sources)


@pytest.mark.parametrize(
    ("permissions", "access"),
    [("read", "+@read"), ("write", "+@write"), ("readWrite", "+@all"), ("read_write", "+@all")],
)
def test_the_permissions_are_those_of_the_user(permissions: str, access: str) -> None:
    text = properties(make(CACHE, "x", permissions=permissions), "User")["AccessString"]
    assert access in text and ("-@admin" in text or "-@all" in text)


def test_signing_in_by_iam_is_for_this_cache_and_this_user() -> None:
    made = make(CACHE, "${ENV}-x", authentication="iam")
    assert made.arns("elasticache:Connect") == {"${XCache.ARN}", "${XCacheUser.Arn}"}
    user = properties(made, "User")
    assert user["UserId"] == user["UserName"] == "staging-x", "AWS demands the same"
    assert not made.grant.secrets and "AWS::SecretsManager::Secret" not in str(made.resources)


def test_redis_needs_a_default_user_who_may_nothing() -> None:
    made = make(CACHE, "x", engine="redis")
    users = {
        one["Properties"]["UserName"]: one["Properties"] for one in made.resources.values() if "UserName" in str(one)
    }
    assert set(users) == {"default", "x"} and users["default"]["AccessString"].startswith("off")


def test_memcached_has_no_users() -> None:
    made = make(CACHE, "x", engine="memcached")
    assert set(made.grant.environment) == {"X_HOST", "X_PORT"} and not made.grant.secrets
    assert "User" not in str(sorted(one["Type"] for one in made.resources.values()))


@pytest.mark.parametrize(
    ("keys", "nodes", "group", "failover"),
    [
        ({}, (1, 1), "default.valkey8", True),
        ({"replicas": 0}, (1, 0), "default.valkey8", False),
        ({"shards": 3, "replicas": 0}, (3, 0), "default.valkey8.cluster.on", True),
        ({"engine": "redis", "version": "6.2"}, (1, 1), "default.redis6.x", True),
        ({"version": "7.2"}, (1, 1), "default.valkey7", True),
    ],
)
def test_nodes(keys: dict[str, Any], nodes: tuple[int, int], group: str, failover: bool) -> None:
    made = make(CACHE, "x", nodeType="cache.t4g.small", **keys)
    found = properties(made, "ReplicationGroup")
    assert (found["NumNodeGroups"], found["ReplicasPerNodeGroup"]) == nodes
    assert (found["CacheParameterGroupName"], found["AutomaticFailoverEnabled"]) == (group, failover)
    assert found["TransitEncryptionMode"] == "required" and found["AtRestEncryptionEnabled"] is True
    assert ("X_READER_HOST" in made.grant.environment) == (nodes[0] == 1)


def test_a_key_of_the_customer_encrypts_the_cache_and_its_password() -> None:
    made = make(CACHE, "x", encryption=KEY)
    assert properties(made, "ServerlessCache")["KmsKeyId"] == KEY
    assert made.the("AWS::SecretsManager::Secret")[1]["Properties"]["KmsKeyId"] == KEY
    assert [one.key for one in made.grant.secrets] == [KEY]


def test_an_existing_cache_admits_the_tasks_by_its_security_group() -> None:
    keys = {"endpoint": "x.serverless.use1.cache.amazonaws.com", "securityGroupId": "sg-01234567", "userId": "shop"}
    made = make(CACHE, "x", authentication="iam", unmanaged=keys)
    rule = made.the("AWS::EC2::SecurityGroupIngress")[1]["Properties"]
    assert (rule["GroupId"], rule["FromPort"]) == ("sg-01234567", 6379)
    home = "arn:${AWS::Partition}:elasticache:${AWS::Region}:${AWS::AccountId}"
    assert made.arns("elasticache:Connect") == {f"{home}:serverlesscache:x", f"{home}:user:shop"}
    assert made.grant.environment["X_USER"] == "shop"


def test_a_domain_admits_the_role_for_its_permissions_alone() -> None:
    made = make(SEARCH, "${ENV}-catalog", permissions="read")
    domain = made.the("AWS::OpenSearchService::Domain")[1]["Properties"]
    statements = domain["AccessPolicies"]["Statement"]
    assert all(one["Principal"] == {"AWS": {"Fn::GetAtt": ["TaskRole", "Arn"]}} for one in statements)
    allowed = {action for one in statements for action in one["Action"]}
    assert allowed == made.actions() == {"es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost"}
    posts = made.arns("es:ESHttpPost")
    assert admits(posts, "${CatalogSearchDomain.Arn}/products/_search")
    assert not admits(posts, "${CatalogSearchDomain.Arn}/products/_doc")
    assert domain["DomainEndpointOptions"]["EnforceHTTPS"] is True
    assert made.the("AWS::OpenSearchService::Domain")[1]["UpdatePolicy"] == {"EnableVersionUpgrade": True}


@pytest.mark.parametrize(("instances", "zones"), [(1, 1), (2, 2), (3, 1), (4, 2), (6, 2)])
def test_the_nodes_are_spread_evenly_over_the_subnets(instances: int, zones: int) -> None:
    domain = make(SEARCH, "catalog", instances=instances).the("AWS::OpenSearchService::Domain")[1]["Properties"]
    assert len(domain["VPCOptions"]["SubnetIds"]) == zones
    assert domain["ClusterConfig"].get("ZoneAwarenessConfig", {}).get("AvailabilityZoneCount", 1) == zones


def test_a_topic_is_that_of_its_cluster_and_group() -> None:
    cluster = "arn:aws:kafka:us-east-1:123456789012:cluster/events/0f-1"
    keys = {"permissions": "read", "cluster": cluster, "brokers": ["b-2.x:9098", "b-1.x:9098"]}
    made = make(TOPIC, "orders", consumerGroup="shop", unmanaged=keys)
    home = "arn:aws:kafka:us-east-1:123456789012"
    assert made.arns("kafka-cluster:ReadData") == {
        cluster,
        f"{home}:group/events/0f-1/shop",
        f"{home}:topic/events/0f-1/orders",
    }
    assert made.grant.environment == {
        "ORDERS_TOPIC": "orders",
        "ORDERS_BROKERS": "b-1.x:9098,b-2.x:9098",
        "ORDERS_CONSUMER_GROUP": "shop",
    }
    everything = make(TOPIC, "orders", unmanaged=keys).arns("kafka-cluster:AlterGroup")
    assert f"{home}:group/events/0f-1/*" in everything


def test_topics_share_the_rule_of_their_brokers(compiled: Compile) -> None:
    keys = "unmanaged: {permissions: read, brokers: ['b:9092'], securityGroupId: sg-01234567}"
    topics = "".join(f"  - {{type: kafka_topic, name: {name}, {keys}}}\n" for name in ("one", "two"))
    result = compiled(f"{HELLO}dependencies:\n{topics}")
    assert result.template is not None, result.diagnostics
    rules = [
        one for one in result.template.data["Resources"].values() if one["Type"] == "AWS::EC2::SecurityGroupIngress"
    ]
    assert [one["Properties"]["FromPort"] for one in rules if one["Properties"]["GroupId"] == "sg-01234567"] == [9092]


def test_a_broker_of_another_stack_may_have_any_port(compiled: Compile) -> None:
    keys = "unmanaged: {permissions: read, brokers: ['${import:Brokers}'], securityGroupId: sg-01234567}"
    result = compiled(f"{HELLO}dependencies:\n  - {{type: kafka_topic, name: one, {keys}}}\n")
    assert result.template is not None, result.diagnostics


def test_a_service_of_an_environment_has_its_stores_in_the_shared_network(compiled: Compile) -> None:
    text = HELLO + "  networking: {shared: true, loadBalancer: false}\ndependencies:\n"
    text += f"  - {{type: {CACHE}, name: x}}\n  - {{type: {SEARCH}, name: catalog}}\n"
    result = compiled(text, file=FILE)
    assert result.template is not None, result.diagnostics
    resources = result.template.data["Resources"]
    subnets = resources["XCache"]["Properties"]["SubnetIds"]
    assert subnets[0] == {"Fn::ImportValue": "fsdcf-staging-PrivateSubnet1"} and len(subnets) == 2
    assert resources["CatalogSearchDomain"]["Properties"]["VPCOptions"]["SubnetIds"] == subnets[:1]
    group = resources["XCacheSecurityGroup"]["Properties"]
    assert group["VpcId"] == {"Fn::ImportValue": "fsdcf-staging-VpcId"}


def test_a_variable_of_the_spec_wins_over_the_password(compiled: Compile) -> None:
    text = f"{HELLO}  environment: {{X_PASSWORD: '${{secrets:own}}', URL: '${{elasticache:x:url}}'}}\n"
    result = compiled(f"{text}dependencies: [{{type: {CACHE}, name: x}}]\n", overrides=("service.port=9000",))
    assert result.template is not None, result.diagnostics
    (container,) = result.template.data["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    (secret,) = container["Secrets"]
    assert secret["Name"] == "X_PASSWORD" and "own" in str(secret["ValueFrom"])
    values = {one["Name"]: encoded(one["Value"]) for one in container["Environment"]}
    assert values["URL"] == values["X_URL"]


def test_names_that_are_too_long_or_empty() -> None:
    assert codes({"type": CACHE, "name": "x" * 41}) == ["S104"]
    assert codes({"type": SEARCH, "name": "xx"}) == ["S105"]


def found(compiled: Compile, text: str, **keys: Any) -> set[str]:
    return {one.code for one in compiled(text, **keys).diagnostics} & {"S525", "S526", "S541", "W181", "S219", "W115"}


def test_what_a_password_and_zones_demand(compiled: Compile) -> None:
    """A plain password in the place of the generated one, replicas without a second zone, one node in production."""
    cache = f"dependencies: [{{type: {CACHE}, name: x%s}}]\n"
    assert found(compiled, f"{HELLO}  environment: {{X_PASSWORD: hunter2}}\n{cache % ''}") == {"S525"}
    assert found(compiled, f"{HELLO}  environment: {{X_PASSWORD: hunter2}}\n{cache % ', authentication: iam'}") == set()
    vpc = "  networking: {vpc: {availabilityZones: [use1-az1]}, loadBalancer: false}\n"
    assert found(compiled, HELLO + vpc + cache % ", nodeType: cache.t4g.small") == {"S526"}
    assert found(compiled, HELLO + vpc + cache % ", nodeType: cache.t4g.small, replicas: 0") == set()
    one_node = f"{HELLO}dependencies: [{{type: {SEARCH}, name: catalog}}]\n"
    assert found(compiled, one_node, environment="prod") == {"W181"}
    assert found(compiled, one_node) == set()
    assert codes({"type": CACHE, "name": "default"}) == ["S541"]


def test_a_generated_password_needs_the_endpoint_of_secrets_manager(compiled: Compile) -> None:
    vpc = "  networking: {vpc: {nat: none, endpoints: [ecr.api, ecr.dkr, logs]}}\n"
    result = compiled(f"{HELLO}{vpc}dependencies: [{{type: {CACHE}, name: x}}]\n")
    assert any("secretsmanager" in one.message for one in result.diagnostics)


NODES = {"nodeType": "cache.t4g.small"}
OTHER_VALUES: list[tuple[str, dict[str, Any], str, Any]] = [
    *(
        (CACHE, {}, key, value)
        for key, value in {
            "engine": "redis",
            "version": "9",
            "authentication": "iam",
            "limits": {"storage": 5},
            "nodeType": "cache.t4g.small",
            "snapshots": 3,
            "snapshotTime": "03:30",
            "finalSnapshot": False,
            "encryption": KEY,
            "permissions": "read",
        }.items()
    ),
    *(
        (CACHE, NODES, key, value)
        for key, value in {
            "nodeType": "cache.t4g.micro",
            "replicas": 2,
            "shards": 2,
            "snapshots": 3,
            "snapshotTime": "03:30",
            "finalSnapshot": False,
            "version": "8.0",
        }.items()
    ),
    *(
        (SEARCH, {"instances": 2, "masters": 3}, key, value)
        for key, value in {
            "version": "3.1",
            "instanceType": "t3.medium.search",
            "instances": 4,
            "storage": 20,
            "masters": 5,
            "masterType": "t3.medium.search",
            "encryption": KEY,
            "permissions": "read",
        }.items()
    ),
]


@pytest.mark.parametrize(("kind", "base", "key", "value"), OTHER_VALUES)
def test_each_key_changes_what_is_made(kind: str, base: dict[str, Any], key: str, value: Any) -> None:
    plain, other = make(kind, "data", **base), make(kind, "data", **{**base, key: value})
    assert (plain.resources, plain.statements()) != (other.resources, other.statements())
