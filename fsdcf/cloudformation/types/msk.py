"""MSK: Kafka clusters and topics."""

from __future__ import annotations

from fsdcf.cloudformation.types import AccessActions, Drawing, ForeignType, Part, Simulation, StoredData

PART: Part = "data"
_MESSAGES = StoredData("its messages")
_ACCESS = AccessActions(("kafka-cluster:AlterGroup",), ("kafka:GetBootstrapBrokers", "kafka-cluster:Connect"))
RECORDS = (
    ForeignType(
        "AWS::MSK::Cluster",
        data=_MESSAGES,
        access=_ACCESS,
        drawing=Drawing("queue", "MSK cluster", "ClusterName", arn_service="kafka", arn_name="(?:[^/]*/)?([^/]*).*"),
    ),
    ForeignType(
        "AWS::MSK::ServerlessCluster",
        data=_MESSAGES,
        drawing=Drawing("queue", "MSK Serverless cluster", "ClusterName"),
        simulation=Simulation(create=180.0, delete=100.0),
    ),
    ForeignType("AWS::MSK::Topic", data=_MESSAGES),
)
