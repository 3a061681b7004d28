"""Reasons for which an image cannot be pulled.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html,
https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-troubleshooting.html, and published reports.
"""

from __future__ import annotations

from fsdcf.deploy.diagnosis.reasons.reason import (
    BUILD,
    CUT_OFF,
    DENIED,
    DIAGNOSE,
    GRAPH,
    LOGS,
    MANIFEST,
    ROUTE_ADVICE,
    STATUS,
    Reason,
)
from fsdcf.deploy.diagnosis.refinements import (
    refine_architecture,
    refine_image,
    refine_image_permission,
    refine_missing_image,
    refine_registry,
    refine_registry_route,
    refine_repository,
    refine_unexplained_pull,
    refine_upstream,
)

_PULL = r"CannotPull\w*Error.*"
_ELSEWHERE = r"\A(?!.*(?:\.dkr[.-]ecr|Amazon ECR|Elastic Container Registry|ecr:)).*"
"""The message does not come from a private registry of ECR."""
_ANSWER = r"unexpected status(?: code)?(?: from \w+ request to)? "
_FOUND = r"\A(?!.*Status Code: 404).*"
_FAULT = r"\b50[0234] (?:Internal|Bad Gateway|Service Unavail|Gateway)"
_REFUSED = rf"\A(?!.*(?:(?:dial|read|write) tcp|Client\.Timeout|TLS handshake|x509:|{_FAULT}))"
"""The registry, or the server of its tokens, could be reached and answered, whatever was to be fetched from it."""

IMAGE_REASONS = (
    Reason(
        "image-architecture",
        "CannotPullContainerError: image Manifest does not contain descriptor matching platform; exec format error",
        r"matching platform|match for platform|no matching manifest|descriptor for platform|exec format error",
        "the image is built for another processor",
        "build the image for the processor that the tasks run on, as `fsdcf build` does, or change the architecture",
        "service.resources.architecture",
        BUILD,
        refine_architecture,
    ),
    Reason(
        "image-rate-limit",
        "CannotPullContainerError: toomanyrequests; 429 Too Many Requests",
        _PULL + r"(?:toomanyrequests|pull rate limit|429 Too Many|Rate exceeded|Data limit exceeded)",
        "the registry is limiting the rate of pulls from this address or account",
        "keep the image in ECR, with a pull-through cache or as a copy; it passes by itself when the limit's time is"
        " over",
        "service.image",
        "aws ecr create-pull-through-cache-rule --help",
        passing=True,
    ),
    Reason(
        "image-answer-of-ecr-cut-off",
        "CannotPullContainerError: ... unexpected status ... https://123456789012.dkr.ecr... (cut off)",
        _PULL + _ANSWER + r"https?://\d{12}\.dkr[.-]\S+?(?:\.\.\.|…|\Z)",
        "ECR refused to serve the image, and ECS has cut off the status that it gave",
        "look for the image first: if it exists, the status was 403, and the execution role or the policy of the"
        " repository lacks a permission",
        "service.image",
        DIAGNOSE,
        refine_image,
    ),
    Reason(
        "image-answer-cut-off",
        "CannotPullContainerError: ... unexpected status code https://registry-1.docker.io/v2/...",
        _PULL + _ANSWER + r"https?://\S+?(?:\.\.\.|…|\Z)",
        "the registry refused to serve the image, and ECS has cut off the status that it gave",
        "find out which: Docker Hub's limit of pulls (429) is the most frequent one for a public image, and passes by"
        " itself; 401 and 403 mean credentials, 404 the name; a copy in ECR avoids the limit",
        "service.image",
        MANIFEST,
        refine_image,
        passing=True,
    ),
    Reason(
        "image-upstream",
        "CannotPullContainerError: ... The authentication to the upstream registry failed",
        _PULL + r"(?:upstream registry|UnableTo\w*Upstream\w*|UnableTo(?:Access|Decrypt)Secret)",
        "the pull-through cache of ECR cannot get the image from the registry behind it",
        "renew the user and token in the secret that the cache's rule names (ecr-pullthroughcache/...), and check that"
        " they may read the image",
        "service.image",
        "aws ecr describe-pull-through-cache-rules",
        refine_upstream,
    ),
    Reason(
        "image-token-expired",
        "CannotPullContainerError: ... denied: Your authorization token has expired",
        _PULL + r"authorization token has expired",
        "the token with which ECS signs in to ECR had expired when it pulled the image",
        "try again: ECS requests a new token for each task, so neither the image nor the role is the cause",
        "service.image",
        STATUS,
        passing=True,
    ),
    Reason(
        "repository-missing",
        "CannotPullContainerError: ... name unknown: The repository with name ... does not exist",
        _PULL + r"(?:name unknown|The repository with name|RepositoryNotFound)",
        "the repository of the image does not exist",
        "create the repository, push the image to it, and deploy again: one command does all three",
        "service.image",
        f"{BUILD} --create-repository",
        refine_repository,
    ),
    Reason(
        "image-registry-denied",
        "CannotPullContainerError: ... 401 Unauthorized; failed to fetch anonymous token; pull access denied (not ECR)",
        _REFUSED + _ELSEWHERE + _PULL + DENIED,
        "the registry refuses the pull: the image is private, or it does not exist there",
        "check the name of the image; if it is private, store the user and the token for its registry in a secret and"
        " name it in imageCredentials",
        "service.imageCredentials",
        MANIFEST,
        refine_registry,
    ),
    Reason(
        "image-denied",
        "CannotPullContainerError: ... 403 Forbidden; check that the role has the permissions (ECR)",
        _REFUSED + _FOUND + _PULL + DENIED,
        "the tasks have no permission to pull the image",
        "let the execution role pull from the repository, and let the repository's policy allow this account",
        "service.executionRole.statements",
        "aws ecr get-repository-policy --repository-name {service}",
        refine_image_permission,
    ),
    Reason(
        "image-registry-certificate",
        "CannotPullContainerError: ... x509: certificate signed by unknown authority",
        _PULL + r"(?:x509:|certificate signed by unknown|server gave HTTP response to HTTPS)",
        "Fargate does not trust the certificate of the registry",
        "use a registry with a certificate of a public authority: Fargate accepts no other one",
        "service.image",
        MANIFEST,
        refine_image,
    ),
    Reason(
        "image-pull-interrupted",
        "CannotPullContainerError: ... context canceled",
        _PULL + r"context cancell?ed",
        "the pull was interrupted, as happens when ECS stops the task while it pulls",
        "look why the task was stopped; a task that starts afterwards pulls again",
        "service.image",
        STATUS,
        passing=True,
    ),
    Reason(
        "image-registry-unresolved",
        "CannotPullContainerError: ... dial tcp: lookup registry-1.docker.io on 10.0.0.2:53: no such host",
        _PULL + r"dial tcp: lookup ([\w.-]+)",
        "the tasks cannot resolve the name of the registry …",
        "check the name, and enable DNS support in the VPC; a VPC with DNS servers of its own must resolve names of AWS"
        " and of the internet",
        "service.image",
        "aws ec2 describe-vpcs --query 'Vpcs[].[VpcId,DhcpOptionsId]'",
    ),
    Reason(
        "image-layers-unreachable",
        "CannotPullContainerError: ... Get https://prod-REGION-starport-layer-bucket.s3...: i/o timeout",
        rf"{_PULL}starport-layer-bucket.*{CUT_OFF}",
        "the tasks cannot reach S3, where ECR keeps the image's layers",
        "give the route tables of the tasks' subnets a gateway endpoint for S3, or an egress route, and let the"
        " security group reach it",
        "service.networking.vpc",
        "aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[].[ServiceName,VpcEndpointType,RouteTableIds]'",
    ),
    Reason(
        "image-unreachable",
        "CannotPullContainerError: ... i/o timeout; there is a connection issue between the task and the registry",
        _PULL + CUT_OFF,
        "the tasks cannot reach the registry",
        f"{ROUTE_ADVICE} endpoints for ecr.api, ecr.dkr and logs",
        "service.networking.vpc.nat",
        GRAPH,
        refine_registry_route,
    ),
    Reason(
        "image-name-invalid",
        "CannotPullContainerError: invalid reference format",
        _PULL + r"(?:invalid reference format|must be lowercase|parse reference)",
        "the name of the image is not valid",
        "write it as registry/repository, in lower case; the tag comes from the deploy",
        "service.image",
        MANIFEST,
    ),
    Reason(
        "image-missing",
        "CannotPullContainerError: ... not found; manifest unknown",
        _PULL + r"(?:not found|manifest unknown|does(?: not|n't) exist|not there|Status Code: 404)",
        "the registry does not contain the image",
        "push the image before the deploy, or deploy a tag that exists",
        "service.image",
        BUILD,
        refine_missing_image,
    ),
    Reason(
        "disk-full",
        "CannotPullContainerError: no space left on device",
        r"(?:Cannot\w+Error|ResourceInitializationError|ContainerRuntime\w*Error).*no space left on device",
        "the disk of the task is too small for the image or for the data that it writes",
        "give the task more disk, or make the image smaller",
        "service.resources.ephemeralStorage",
        LOGS,
    ),
    Reason(
        "disk-full-probably",
        "CannotPullContainerError: ... failed to extract layer sha256:...: write /var... (cut off)",
        _PULL
        + r"failed to extract layer [^\"]*: (?:write|mkdir|open|sync|chmod|link\w*|symlink) /[^:]*(?:\.\.\.|…|\Z)",
        "a layer of the image could not be written to the disk of the task; ECS has cut off why, and a full disk is the"
        " usual cause",
        "give the task more disk, or make the image smaller",
        "service.resources.ephemeralStorage",
        DIAGNOSE,
    ),
    Reason(
        "image-broken",
        "CannotPullContainerError: ... mismatched image rootfs and manifest layers; unexpected commit digest",
        _PULL
        + r"(?:mismatched image rootfs|invalid tar header|unexpected commit digest|wrong diff id|failed size validation"
        r"|unexpected EOF|unsupported (?:media|manifest)|schema 1)",
        "the image in the registry is incomplete, damaged or in a format that Fargate cannot read",
        "build the image again without a cache, push it under a new tag, and deploy that",
        "service.image",
        "docker buildx imagetools inspect {image}",
        refine_image,
    ),
    Reason(
        "image-registry-fault",
        "CannotPullContainerError: ... 500 Internal Server Error; 503 Service Unavailable",
        _PULL + _FAULT,
        "the registry itself fails",
        "try again later; a copy of the image in ECR does not depend on another registry",
        "service.image",
        MANIFEST,
        refine_image,
        passing=True,
    ),
    Reason(
        "image-pull-unexplained",
        "CannotPullContainerError: inspect image has been retried 5 time(s):",
        _PULL + r"has been retried \d+ time\(s\):?\s*(?:\.\.\.|…)?\s*\Z",
        "the image cannot be pulled, and ECS does not say why",
        "check in this order: the route of the tasks to the registry, the name and tag of the image, the permission to"
        " pull it",
        "service.image",
        GRAPH,
        conclusive=False,
    ),
    Reason(
        "image-pull",
        "CannotPullContainerError, for another reason",
        r"CannotPull\w*Error",
        "the image cannot be pulled",
        "read the registry's message, and try to pull the image with the same reference",
        "service.image",
        DIAGNOSE,
        refine_unexplained_pull,
    ),
)
