"""Secrets Manager and SecureString in the sandbox: versions, repeated calls, deletion and restoring."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.conftest import Sandbox

DAY = 24 * 3600


def test_versions_of_a_secret(sandbox: Sandbox) -> None:
    client = sandbox.client("secretsmanager")
    made = client.create_secret(Name="a/b", SecretString="one", ClientRequestToken="1" * 32)
    assert client.create_secret(Name="a/b", SecretString="one", ClientRequestToken="1" * 32)["ARN"] == made["ARN"]
    for _ in range(2):
        client.put_secret_value(SecretId=made["ARN"], SecretString="two", ClientRequestToken="2" * 32)
    with pytest.raises(ClientError, match="different value"):
        client.put_secret_value(SecretId="a/b", SecretString="three", ClientRequestToken="2" * 32)
    told = client.describe_secret(SecretId=made["ARN"][:-7])
    assert told["VersionIdsToStages"] == {"1" * 32: ["AWSPREVIOUS"], "2" * 32: ["AWSCURRENT"]}
    assert client.get_secret_value(SecretId="a/b")["SecretString"] == "two"
    assert client.get_secret_value(SecretId="a/b", VersionStage="AWSPREVIOUS")["SecretString"] == "one"


def test_a_secret_is_deleted_and_restored(sandbox: Sandbox) -> None:
    client = sandbox.client("secretsmanager")
    client.create_secret(Name="a", SecretString="one")
    until = client.delete_secret(SecretId="a")["DeletionDate"].timestamp()
    assert until == pytest.approx(sandbox.state.clock.now() + 30 * DAY, abs=1)
    assert client.describe_secret(SecretId="a")["DeletedDate"]
    for call, more in (("get_secret_value", {}), ("put_secret_value", {"SecretString": "x"}), ("delete_secret", {})):
        with pytest.raises(ClientError, match="marked for deletion"):
            getattr(client, call)(SecretId="a", **more)
    with pytest.raises(ClientError, match="already scheduled for deletion"):
        client.create_secret(Name="a", SecretString="two")
    client.restore_secret(SecretId="a")
    assert client.get_secret_value(SecretId="a")["SecretString"] == "one"
    client.delete_secret(SecretId="a", RecoveryWindowInDays=7)
    sandbox.pass_time(7 * DAY + 1)
    with pytest.raises(ClientError, match="can't find"):
        client.describe_secret(SecretId="a")
    client.create_secret(Name="a", SecretString="two")
    client.delete_secret(SecretId="a", ForceDeleteWithoutRecovery=True)
    client.create_secret(Name="a", SecretString="three")


def test_a_secure_string_is_read_with_decryption_alone(sandbox: Sandbox) -> None:
    client = sandbox.client("ssm")
    tags = [{"Key": "k", "Value": "v"}]
    client.put_parameter(Name="/a", Value="hidden value", Type="SecureString", Tags=tags, KeyId="mine")
    assert client.get_parameter(Name="/a")["Parameter"]["Value"] != "hidden value"
    assert client.get_parameters(Names=["/a"], WithDecryption=True)["Parameters"][0]["Value"] == "hidden value"
    client.put_parameter(Name="/a", Value="two", Overwrite=True)
    (told,) = client.describe_parameters(ParameterFilters=[{"Key": "Name", "Option": "BeginsWith", "Values": ["/"]}])[
        "Parameters"
    ]
    assert (told["Type"], told["Version"], told["KeyId"]) == ("SecureString", 2, "alias/aws/ssm")
    client.put_parameter(Name="/a", Value="x" * 5000, Overwrite=True, Tier="Advanced")
    client.add_tags_to_resource(ResourceType="Parameter", ResourceId="/a", Tags=[{"Key": "l", "Value": "w"}])
    told = client.list_tags_for_resource(ResourceType="Parameter", ResourceId="/a")["TagList"]
    assert told == [*tags, {"Key": "l", "Value": "w"}]
