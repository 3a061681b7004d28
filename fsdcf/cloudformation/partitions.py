"""The partitions of AWS: groups of regions with ARNs, a domain and names of endpoint services of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Partition(NamedTuple):
    """A partition: how the names of its regions begin, and its domain, the value of ``AWS::URLSuffix``.

    ``own`` are the services whose interface endpoints have names of the partition's own, which begin with its domain
    read backwards; the others begin with ``com.amazonaws`` everywhere.
    """

    regions: str
    domain: str
    own: frozenset[str] = frozenset()

    def endpoint(self, service: str) -> tuple[str, str]:
        """What precedes the region in the name of an interface endpoint's service, and what follows it."""
        if service not in self.own:
            return "com.amazonaws", service
        name = f"{service}.cn" if (service, self.regions) == ("transcribe", "cn-") else service
        return ".".join(reversed(self.domain.split("."))), name


def _services(text: str) -> frozenset[str]:
    return frozenset(text.split())


PARTITIONS: Mapping[str, Partition] = {
    "aws": Partition("", "amazonaws.com"),
    "aws-cn": Partition(
        "cn-",
        "amazonaws.com.cn",
        _services(
            "account application-autoscaling appmesh-envoy-management athena autoscaling awsconnector backup batch "
            "cassandra cloudcontrolapi cloudformation codedeploy-commands-secure databrew dms ebs ec2 ecr.api ecr.dkr "
            "eks elasticache elasticbeanstalk elasticfilesystem elasticfilesystem-fips emr-containers execute-api fsx "
            "imagebuilder iot.data iotsitewise.api iotsitewise.data kinesis-streams lambda license-manager monitoring "
            "polly rds redshift redshift-data s3 sagemaker.api sagemaker.featurestore-runtime sagemaker.runtime "
            "securityhub servicecatalog sms sqs states sts sync-states synthetics transcribe transcribestreaming "
            "transfer workspaces xray"
        ),
    ),
    "aws-us-gov": Partition("us-gov-", "amazonaws.com"),
    "aws-eusc": Partition("eusc-", "amazonaws.eu", _services("ecr.api ecr.dkr execute-api securityhub")),
    "aws-iso": Partition(
        "us-iso-",
        "c2s.ic.gov",
        _services(
            "application-autoscaling athena autoscaling comprehend ebs ec2 ecr.api ecr.dkr elasticfilesystem "
            "elasticfilesystem-fips execute-api sagemaker.api sagemaker.runtime sns sqs textract textract-fips "
            "transcribe workspaces"
        ),
    ),
    "aws-iso-b": Partition(
        "us-isob-",
        "sc2s.sgov.gov",
        _services(
            "application-autoscaling autoscaling ebs ec2 ecr.api ecr.dkr elasticfilesystem elasticfilesystem-fips "
            "execute-api sagemaker.api sagemaker.runtime sns sqs workspaces"
        ),
    ),
    "aws-iso-e": Partition("eu-isoe-", "cloud.adc-e.uk", _services("ebs ecr.api ecr.dkr execute-api")),
    "aws-iso-f": Partition("us-isof-", "csp.hci.ic.gov", _services("ebs ecr.api ecr.dkr execute-api")),
}
"""Every partition. The names of the endpoint services are those of DescribeVpcEndpointServices. In the isolated
partitions a few names differ from region to region: here they are those of us-iso-east-1 and us-isob-east-1.

Sources: botocore's partitions.json; https://github.com/aws/aws-cdk/pull/16139, issue 25329 and vpc-endpoint.ts in
aws-cdk-lib; https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
"""

DOMAIN = "|".join(sorted({re.escape(each.domain) for each in PARTITIONS.values()}, key=len, reverse=True))
"""A regular expression for the domain of any partition."""


def partition_of(region: str) -> str:
    """The partition of a region."""
    return next((name for name, each in PARTITIONS.items() if each.regions and region.startswith(each.regions)), "aws")


def domain_of(partition: str) -> str:
    """The domain of a partition; that of ``aws`` for an unknown one."""
    return PARTITIONS.get(partition, PARTITIONS["aws"]).domain


def zone_prefix(region: str) -> str:
    """How the ids of the zones of a region begin: ``use1`` for us-east-1, ``apne1`` for ap-northeast-1; empty for a
    region whose ids follow another rule.

    Source: https://docs.aws.amazon.com/global-infrastructure/latest/regions/az-ids.html
    """
    parts = re.fullmatch(r"([a-z]{2})-(gov-)?(north|south|central)?(east|west)?-(\d)", region)
    return "".join((parts[1], *(word[0] for word in parts.groups()[1:4] if word), parts[5])) if parts else ""


def region_of_zones(prefix: str) -> str:
    """The region whose ids of zones begin like this: us-east-1 for ``use1``; empty if they follow another rule."""
    parts = re.fullmatch(r"([a-z]{2})(g)?([ns]?)([ew]?|c)(\d)", prefix)
    if parts is None:
        return ""
    words = {"n": "north", "s": "south", "c": "central", "e": "east", "w": "west", "": ""}
    direction = words[parts[3]] + words[parts[4]]
    region = f"{parts[1]}-{'gov-' if parts[2] else ''}{direction}-{parts[5]}"
    return region if direction and zone_prefix(region) == prefix else ""


FARGATE_ZONES = {
    "apne1": ("apne1-az1", "apne1-az2", "apne1-az4"),
    "cnn1": ("cnn1-az1", "cnn1-az2"),
    "usw1": ("usw1-az1", "usw1-az3"),
}
"""The zones with Fargate of regions that have others, too, by the beginning of their ids.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html"""

_NAMED_REGION = re.compile(r"\$\{AWS::Region\}|[a-z]+(?:-[a-z]+)+-\d")


def endpoint_name(service_name: str) -> str:
    """``ecr.api`` for ``cn.com.amazonaws.cn-north-1.ecr.api``; another name is returned unchanged."""
    labels = service_name.split(".")
    named = (index for index, label in enumerate(labels) if index and _NAMED_REGION.fullmatch(label))
    return ".".join(labels[next(named, -1) + 1 :])
