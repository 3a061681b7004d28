"""Aurora DSQL: clusters."""

from __future__ import annotations

from fsdcf.cloudformation.pricing import MILLION, CostItems, PricingContext, PricingRule, Resources, assumption, price
from fsdcf.cloudformation.types import (
    DeletionProtection,
    DeployPermissions,
    Drawing,
    Part,
    ResourceType,
    Simulation,
    StoredData,
    Updates,
)
from fsdcf.cloudformation.types.kms import requests_to

PART: Part = "data"
CLUSTER = "AWS::DSQL::Cluster"

_BLOGS = "usage.ai and blog.faridnsh.ninja on Aurora DSQL"


def _price_clusters(context: PricingContext, clusters: Resources) -> CostItems:
    for one in clusters:
        yield context.usage("dsql.dpu", "Aurora DSQL activity", "dsql-dpus", "DPU", one, per=int(MILLION))
        yield context.usage("dsql.storage", "Aurora DSQL storage", "dsql-gigabytes", "GB", one)
        yield from requests_to(one.get("KmsEncryptionKey"), one)


RECORDS = (
    ResourceType(
        CLUSTER,
        PricingRule(
            "data",
            _price_clusters,
            (
                price(
                    "dsql.dpu",
                    "8.00",
                    "million DPU",
                    _BLOGS,
                    "2026-06-13",
                    "after 100,000 free for an account; a DPU is Amazon's measure of what queries do",
                ),
                price("dsql.storage", "0.33", "GB-month", _BLOGS, "2026-06-13", "after one GB free for an account"),
            ),
            (
                assumption("dsql-dpus", "1000000", "DPU/month", "used by each cluster"),
                assumption("dsql-gigabytes", "5", "GB", "in each cluster"),
            ),
            order=2,
        ),
        Simulation(
            "{short}{ten}",
            {
                "Endpoint": "{id}.dsql.{region}.on.aws",
                "Identifier": "{id}",
                "ResourceArn": "arn:{partition}:dsql:{region}:{account}:cluster/{id}",
            },
            create=45.0,
            delete=45.0,
            protection=DeletionProtection(
                lambda properties: properties.get("DeletionProtectionEnabled") in (True, "true"),
                "Cluster cannot be deleted because deletion protection is enabled.",
                "InvalidRequest",
                "DeletionProtectionEnabled",
            ),
        ),
        # https://docs.aws.amazon.com/aurora-dsql/latest/userguide/working-with-service-linked-roles.html
        DeployPermissions(
            only_with={
                "KmsEncryptionKey": ("kms:*",),
                "MultiRegionProperties": (
                    "dsql:PutMultiRegionProperties",
                    "dsql:*PeerCluster",
                    "dsql:PutWitnessRegion",
                ),
                "PolicyDocument": ("dsql:PutClusterPolicy", "dsql:DeleteClusterPolicy"),
            },
            linked_role="dsql.amazonaws.com",
        ),
        retained=True,
        taken_over="`unmanaged`, with its identifier as the name, uses it again",
        data=StoredData("its rows"),
        updates=Updates({"Endpoint": frozenset()}),
        drawing=Drawing("database", "Aurora DSQL", None, arn_service="dsql", arn_name="cluster/(.+)"),
        before_deletion=("disable the deletion protection of the cluster: deploy it with `deletionProtection: false`"),
    ),
)
