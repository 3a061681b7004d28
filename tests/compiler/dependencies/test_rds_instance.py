"""A database of RDS: what RDS accepts, what the service gets, and that nothing else reaches it."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.pipeline import Request, run
from tests.compiler.dependencies.made import codes, encoded, findings, make, spec_of

KIND = "aws_rds_instance"
MAIN: dict[str, Any] = {"type": KIND, "name": "main"}
EXISTING = {"endpoint": "db.example", "secret": "secretsmanager:db"}
SERVERLESS = {"min": 0.5, "max": 4}
TASKS = {"Fn::GetAtt": ["TaskSecurityGroup", "GroupId"]}


@pytest.mark.parametrize(
    ("keys", "code", "place"),
    [
        ({"version": "9.6"}, "S521", "'9.6'"),
        ({"engine": "mysql", "version": "8"}, "S521", "'8'"),
        ({"engine": "mariadb", "serverless": SERVERLESS}, "S521", "mariadb"),
        ({"engine": "mysql", "version": "8.3", "serverless": SERVERLESS}, "S521", "'8.3'"),
        ({"serverless": {"min": 0.7}}, "S522", "0.7"),
        ({"serverless": {"min": 8, "max": 4}}, "S522", "4"),
        ({"serverless": {"min": 1, "pauseAfter": 300}}, "S522", "pauseAfter"),
        ({"version": "16.2", "serverless": {"min": 0}}, "S522", "0"),
        ({"engine": "mysql", "version": "8.0.mysql_aurora.3.07.1", "serverless": {"min": 0}}, "S522", "0"),
        ({"readers": 1}, "S523", "readers"),
        ({"serverless": SERVERLESS, "storage": 50}, "S523", "storage"),
        ({"serverless": SERVERLESS, "multiAz": True}, "S523", "multiAz"),
        ({"user": "admin"}, "S520", "admin"),
        ({"engine": "mysql", "database": "mysql"}, "S520", "mysql"),
        ({"database": "Order"}, "S520", "Order"),
        ({"parameters": {"rds.force_ssl": "0"}}, "S520", "rds.force_ssl"),
        ({"storage": 100, "maxStorage": 105}, "S520", "105"),
        ({"backupRetention": 0, "serverless": SERVERLESS}, "S520", "0"),
        ({"backupWindow": "03:00-03:20"}, "S520", "03:00-03:20"),
        ({"backupWindow": "03:00-02:50"}, "S520", "03:00-02:50"),
        ({"maintenanceWindow": "sun:03:00-sun:03:20"}, "S520", "sun:03:00-sun:03:20"),
        ({"backupWindow": "23:45-00:30", "maintenanceWindow": "mon:00:00-mon:01:00"}, "S520", "mon:00:00-mon:01:00"),
        ({"snapshot": "last", "user": "shop"}, "S523", "user"),
        ({"permissions": "read"}, "S524", "read"),
        ({"unmanaged": {**EXISTING, "permissions": "write"}}, "S524", "write"),
        ({"unmanaged": {"secret": "secretsmanager:db"}}, "S520", "unmanaged"),
        ({"unmanaged": {"endpoint": "db.example"}}, "S520", "unmanaged"),
    ],
)
def test_what_rds_rejects(keys: dict[str, Any], code: str, place: str) -> None:
    assert findings({**MAIN, **keys}) == [(code, place)]


@pytest.mark.parametrize(
    "keys",
    [
        {"version": 17},
        {"version": "16.4", "serverless": {"min": 0}},
        {"engine": "mysql", "version": "8.0.mysql_aurora.3.08.0", "serverless": {"min": 0}},
        {"engine": "mysql", "version": 8.4},
        {"engine": "mariadb", "version": "10.11.9", "user": "admin"},
        {"storage": 100, "maxStorage": 110},
        {"backupWindow": "23:45-00:30", "maintenanceWindow": "sun:23:00-sun:23:45"},
        {"permissions": "readWrite"},
        {"permissions": ["rds:DescribeDBInstances"]},
        {"unmanaged": EXISTING},
    ],
)
def test_what_rds_accepts(keys: dict[str, Any]) -> None:
    assert codes({**MAIN, **keys}) == []


@pytest.mark.parametrize(
    ("name", "engine", "expected"),
    [("orders", "postgres", "orders"), ("order-lines", "mysql", "order_lines"), ("order", "postgres", "order_db")],
)
def test_the_first_database_has_the_name_of_the_dependency(name: str, engine: str, expected: str) -> None:
    instance = make(KIND, name, engine=engine).the("AWS::RDS::DBInstance")[1]["Properties"]
    assert instance["DBName"] == expected


@pytest.mark.parametrize(
    ("keys", "family", "parameter"),
    [
        ({}, "postgres17", "rds.force_ssl"),
        ({"engine": "mysql"}, "mysql8.4", "require_secure_transport"),
        ({"engine": "mariadb", "version": "11.8.5"}, "mariadb11.8", "require_secure_transport"),
        ({"serverless": SERVERLESS, "version": "16.4"}, "aurora-postgresql16", "rds.force_ssl"),
        ({"serverless": SERVERLESS, "engine": "mysql"}, "aurora-mysql8.0", "require_secure_transport"),
    ],
)
def test_a_connection_without_tls_is_refused(keys: dict[str, Any], family: str, parameter: str) -> None:
    made = make(KIND, "main", parameters={"log_statement": "all"}, **keys)
    kind = "AWS::RDS::DBClusterParameterGroup" if "serverless" in keys else "AWS::RDS::DBParameterGroup"
    title, group = made.the(kind)
    assert group["Properties"]["Family"] == family
    assert group["Properties"]["Parameters"] == {parameter: "1", "log_statement": "all"}
    database = next(one for one in made.resources.values() if "ManageMasterUserPassword" in one["Properties"])
    assert {"Ref": title} in database["Properties"].values()


@pytest.mark.parametrize("keys", [{}, {"serverless": SERVERLESS}])
def test_only_the_tasks_reach_it_and_its_data_is_encrypted(keys: dict[str, Any]) -> None:
    made = make(KIND, "main", **keys)
    properties = made.the("AWS::EC2::SecurityGroup")[1]["Properties"]
    assert [(one["FromPort"], one["SourceSecurityGroupId"]) for one in properties["SecurityGroupIngress"]] == [
        (5432, TASKS)
    ]
    database = next(one for one in made.resources.values() if "ManageMasterUserPassword" in one["Properties"])
    assert database["Properties"]["StorageEncrypted"] is True and "MasterUserPassword" not in database["Properties"]
    public = [one["Properties"].get("PubliclyAccessible") for one in made.resources.values()]
    assert True not in public
    assert made.the("AWS::RDS::DBSubnetGroup")[1]["Properties"]["SubnetIds"] == [
        {"Ref": "PrivateSubnet1"},
        {"Ref": "PrivateSubnet2"},
    ]


def test_the_only_database_has_the_conventional_variables() -> None:
    alone = make(KIND, "main").grant
    assert {"MAIN_DATABASE_HOST", "DATABASE_HOST", "PGHOST", "PGSSLMODE"} <= set(alone.environment)
    assert [one.name for one in alone.secrets] == ["MAIN_DATABASE_PASSWORD", "DATABASE_PASSWORD", "PGPASSWORD"]
    assert {one.value_from for one in alone.secrets} == {"${MainDatabase.MasterUserSecret.SecretArn}:password::"}
    mysql = make(KIND, "main", engine="mysql").grant
    assert "DATABASE_HOST" in mysql.environment and "PGHOST" not in mysql.environment
    result = run(Request("spec.yml", spec_of(MAIN, {**MAIN, "name": "other"}).encode(), "staging"))
    assert result.template is not None
    definition = result.template.data["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    names = {one["Name"] for one in (*definition["Environment"], *definition["Secrets"])}
    assert {"MAIN_DATABASE_HOST", "OTHER_DATABASE_PASSWORD"} <= names
    assert not [name for name in names if name.startswith(("DATABASE_", "PG"))]


@pytest.mark.parametrize("keys", [{}, {"serverless": SERVERLESS}])
def test_a_database_from_a_snapshot_has_its_user_and_encryption(keys: dict[str, Any]) -> None:
    made = make(KIND, "main", snapshot="before-upgrade", **keys)
    (properties,) = (
        one["Properties"] for one in made.resources.values() if "ManageMasterUserPassword" in one["Properties"]
    )
    assert properties["SnapshotIdentifier" if keys else "DBSnapshotIdentifier"] == "before-upgrade"
    assert not {"MasterUsername", "StorageEncrypted", "KmsKeyId", "DBName", "DatabaseName"} & set(properties)
    (user,) = {one.value_from for one in made.grant.secrets if one.name == "MAIN_DATABASE_USER"}
    assert user.endswith(":username::") and "MAIN_DATABASE_USER" not in made.grant.environment


def test_a_plain_password_in_the_place_of_the_secret() -> None:
    for name, code in (("DATABASE_PASSWORD", "S525"), ("PGPASSWORD", "S525"), ("OTHER", None)):
        text = spec_of(MAIN).replace("service:\n", f"service:\n  environment: {{{name}: hello}}\n")
        found = [one for one in run(Request("spec.yml", text.encode(), "staging")).diagnostics if one.code == "S525"]
        assert [(one.code, one.path) for one in found] == ([(code, ("service", "environment", name))] if code else [])
    text = spec_of(MAIN).replace("service:\n", "service:\n  environment: {PGPASSWORD: '${ssm:/db}'}\n")
    assert run(Request("spec.yml", text.encode(), "staging")).template is not None


def test_advice_for_production() -> None:
    def advice(**keys: Any) -> set[str]:
        found = run(Request("spec.yml", spec_of({**MAIN, **keys}).encode(), "prod")).diagnostics
        return {one.code for one in found} & {"W180", "W181", "W182"}

    assert advice() == {"W180", "W181"}
    assert advice(multiAz=True, backupRetention=0) == {"W180", "W182"}
    assert advice(serverless=SERVERLESS, readers=1) == {"W180"}
    assert advice(unmanaged=EXISTING) == set()


def test_production_protects_it_from_deletion() -> None:
    for environment, keys, expected in (
        ("staging", {}, False),
        ("prod", {}, True),
        ("prod", {"deletionProtection": False}, False),
    ):
        result = run(Request("spec.yml", spec_of({**MAIN, **keys}).encode(), environment))
        assert result.template is not None
        properties = encoded(result.template.data["Resources"]["MainDatabase"]["Properties"])
        assert properties["DeletionProtection"] is expected


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("availabilityZones: [use1-az1]", ["S526"]),
        ("availabilityZones: [use1-az1, use1-az2]", []),
        ("id: vpc-01234567, privateSubnets: [subnet-01234567]", ["S526"]),
    ],
)
def test_it_needs_two_zones(network: str, expected: list[str]) -> None:
    text = spec_of(MAIN).replace("  port: 80\n", f"  networking: {{vpc: {{{network}}}}}\n")
    found = run(Request("spec.yml", text.encode(), "staging")).diagnostics
    assert [one.code for one in found if one.code == "S526"] == expected


def test_an_existing_database_is_used() -> None:
    made = make(KIND, "old", engine="mysql", unmanaged={**EXISTING, "securityGroupId": "sg-01234567"})
    assert made.grant.environment["OLD_DATABASE_PORT"] == "3306" and not made.outputs
    assert {one.name for one in made.grant.secrets} >= {"OLD_DATABASE_USER", "DATABASE_PASSWORD"}
    rule = made.the("AWS::EC2::SecurityGroupIngress")[1]["Properties"]
    assert (rule["GroupId"], rule["FromPort"], rule["SourceSecurityGroupId"]) == ("sg-01234567", 3306, TASKS)
    assert made.actions() == {"secretsmanager:GetSecretValue"}
    named = make(KIND, "old", unmanaged={**EXISTING, "secret": "${secrets:db}"}).grant
    assert [one.value_from for one in named.secrets] == [
        one.value_from for one in make(KIND, "old", unmanaged=EXISTING).grant.secrets
    ]
    arn = make(KIND, "old", permissions=["rds:DescribeDBInstances"]).arns("rds:DescribeDBInstances")
    assert arn == {"arn:${AWS::Partition}:rds:${AWS::Region}:${AWS::AccountId}:db:old"}
    found = run(Request("spec.yml", spec_of({**MAIN, "unmanaged": EXISTING}).encode(), "staging")).diagnostics
    assert "W183" in {one.code for one in found}


def test_the_password_is_a_secret_variable_of_any_name_and_container() -> None:
    text = spec_of(MAIN).replace(
        "  port: 80\n",
        "  port: 80\n  environment: {DB_PASS: '${rds:main:password}'}\n"
        "  sidecars: [{name: pool, image: 'pool:1', environment: {PASS: '${rds:main:password}'}}]\n",
    )
    result = run(Request("shop.yml", text.encode(), "staging"))
    assert result.template is not None, result.diagnostics
    containers = result.template.data["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    secrets = [{one["Name"]: one["ValueFrom"] for one in each["Secrets"]} for each in containers]
    assert secrets[0]["DB_PASS"] == secrets[0]["MAIN_DATABASE_PASSWORD"] == secrets[1]["PASS"]
    assert set(secrets[1]) == {"PASS"}
    assert all("password" not in str(each.get("Environment")) for each in containers)


@pytest.mark.parametrize(
    "line",
    [
        "environment: {URL: 'a${rds:main:password}'}",
        "command: ['${rds:main:password}']",
        "image: '${rds:main:password}'",
    ],
)
def test_the_password_is_nowhere_else(line: str) -> None:
    text = spec_of(MAIN).replace("  port: 80\n", f"  port: 80\n  {line}\n")
    assert "S208" in {one.code for one in run(Request("shop.yml", text.encode(), "staging")).diagnostics}
