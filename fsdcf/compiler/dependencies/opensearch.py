"""An OpenSearch domain: in the network of the tasks, encrypted, over TLS, and open to the service's role alone."""

from typing import Any

from troposphere import GetAtt, opensearchservice
from troposphere.policies import UpdatePolicy

from fsdcf.compiler.access import actions, check_permissions, is_list, is_managed
from fsdcf.compiler.encryption import customer_key, encryption_of
from fsdcf.compiler.parts.roles import allow, document
from fsdcf.compiler.reach import admit, guard
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, present
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import EncryptedDependency, ReachedDependency, Violation, Violations
from fsdcf.language.model.common import Unmanaged, owned_or_customer_key, security_group_key
from fsdcf.language.placeholders import String
from fsdcf.language.shape import spec_key, spec_record

DOMAIN = Rule(
    "S543",
    "a domain that OpenSearch Service rejects",
    "Each zone has as many data nodes, so that their number is 1 or a multiple of 2 or 3. A small type of node has a"
    " small volume, and dedicated masters are for more than one node.",
    "https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html",
)
ENDPOINT = Rule(
    "W186",
    "an existing domain without its endpoint",
    "The address of a domain does not follow from its name, so that the service gets no variable with it.",
    "https://docs.aws.amazon.com/opensearch-service/latest/developerguide/createupdatedomains.html",
)

_READ, _WRITE = (
    ("es:ESHttpGet", "es:ESHttpHead"),
    ("es:ESHttpDelete", "es:ESHttpPatch", "es:ESHttpPost", "es:ESHttpPut"),
)
LEVELS = {"read": _READ, "write": _WRITE}
_SEARCHES = ("_search", "_msearch", "_count", "_mget", "_search/*")
"""Paths to which clients send searches by POST, which is for writing elsewhere."""

_HTTPS = 443
_TYPE = r"(t3\.(small|medium)|(m5|m6g|m7g|m8g|c5|c6g|c7g|c8g|r5|r6g|r7g|r8g|or1|or2|om2)\.(medium|large|[0-9]*xlarge))"
_LARGEST = {"t3.small.search": 100, "t3.medium.search": 200}
"""The largest volume of a node in GiB, for the types where it is small.
Source: https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html#ebsresource"""


def _type_key(doc: str, default: str | None, computed_default: str = "") -> Any:
    return spec_key(
        doc,
        default=default,
        pattern=rf"{_TYPE}\.search",
        expects="a type such as m7g.large.search",
        computed_default=computed_default,
    )


@spec_record
class ExistingDomain(Unmanaged):
    """Access to a domain that another stack owns."""

    endpoint: String | None = spec_key(
        "Host name of the domain.",
        default=None,
        also=("host",),
        pattern=r"[A-Za-z0-9.-]+",
        longest=253,
        expects="a host name, without https://",
    )
    security_group_id: String | None = security_group_key("a domain in a VPC")


@spec_record
class SearchDomain(ReachedDependency, EncryptedDependency):
    """An OpenSearch domain."""

    name: String = spec_key(
        "Physical name of the domain.",
        also=("domain_name", "domainName"),
        pattern=r"[a-z][a-z0-9-]{2,}",
        longest=28,
        expects="3 to 28 lower-case letters, digits and -",
    )
    unmanaged: ExistingDomain | None = spec_key("Use a domain that another stack owns.", default=None)
    version: str = spec_key(
        "Version of OpenSearch, which can only rise.",
        default="2.19",
        pattern=r"[1-9]\.[0-9]{1,2}",
        expects="a version such as 2.19",
        as_text=True,
    )
    instance_type: str = _type_key("Type of the data nodes.", "t3.small.search")
    instances: int = spec_key(
        "Number of data nodes: 1, or as many for each of two or three zones.", default=1, minimum=1, maximum=80
    )
    storage: int = spec_key("GiB of each data node.", default=10, minimum=10, maximum=24576)
    masters: int = spec_key("Number of dedicated master nodes.", default=0, allowed=(0, 3, 5))
    master_type: str | None = _type_key("Type of the dedicated master nodes.", None, "that of the data nodes")
    encryption: String | None = owned_or_customer_key("domain")

    @property
    def standby_key(self) -> str:
        return "instances: 2" if is_managed(self) and self.instances == 1 else ""

    @property
    def reached_ports(self) -> tuple[int, ...]:
        return (_HTTPS,)

    @property
    def is_reached(self) -> bool:
        return is_managed(self) or self.existing_group is not None

    @property
    def existing_group(self) -> String | None:
        return None if self.unmanaged is None else self.unmanaged.security_group_id


def check(domain: SearchDomain) -> Violations:
    yield from check_permissions(domain)
    if not is_managed(domain):
        if domain.unmanaged is None or domain.unmanaged.endpoint is None:
            at = "permissions" if domain.unmanaged is None else "unmanaged"
            message = "the service gets no variable with the address of the domain"
            yield Violation(ENDPOINT, at, message, "write `unmanaged: {permissions: …, endpoint: …}`", key=True)
        return
    if domain.instances > 1 and domain.instances % 2 and domain.instances % 3:
        message = f"{domain.instances} nodes cannot be spread evenly over two or three zones"
        yield Violation(DOMAIN, "instances", message, "write 1, or a multiple of 2 or 3")
    largest = _LARGEST.get(domain.instance_type)
    if largest is not None and domain.storage > largest:
        message = f"a node of {domain.instance_type} has at most {largest} GiB"
        yield Violation(DOMAIN, "storage", message, f"write at most {largest}, or use m7g.large.search")
    if domain.masters and domain.instances == 1:
        yield Violation(DOMAIN, "masters", "one data node needs no dedicated masters", "leave it out, or add nodes")
    if domain.master_type is not None and not domain.masters:
        hint = "add `masters: 3`, or leave it out"
        yield Violation(DOMAIN, "masterType", "the domain has no dedicated masters", hint, key=True)


def compile(domain: SearchDomain, names: Names, context: Context) -> Grant:
    """The domain with its security group, the variables, and the access of the service."""
    grant = Grant()
    if is_managed(domain):
        title = _add(grant, domain, names, context)
        values = {"name": f"${{{title}}}", "arn": f"${{{title}.Arn}}", "endpoint": f"${{{title}.DomainEndpoint}}"}
    else:
        values = {"name": fragment(domain.name), "arn": _arn(domain)}
        if domain.unmanaged is not None and domain.unmanaged.endpoint is not None:
            values["endpoint"] = fragment(domain.unmanaged.endpoint)
    if domain.existing_group is not None:
        admit(grant, names, context, domain.existing_group, _HTTPS, "HTTPS")
    grant.environment[names.variable("DOMAIN_NAME")] = values["name"]
    if "endpoint" in values:
        values["url"] = f"https://{values['endpoint']}"
        grant.environment[names.variable("URL")] = values["url"]
    grant.values = values
    grant.statements = _statements(domain, values["arn"])
    return grant


def _arn(domain: SearchDomain) -> str:
    return f"arn:${{AWS::Partition}}:es:${{AWS::Region}}:${{AWS::AccountId}}:domain/{fragment(domain.name)}"


def _statements(domain: SearchDomain, arn: str) -> list[dict[str, Any]]:
    """Access to everything in the domain; who only reads may send searches by POST."""
    wanted = actions(domain, LEVELS)
    statements = [allow(wanted, [intrinsic(f"{arn}/*")])]
    if not is_list(domain) and "es:ESHttpPost" not in wanted:
        paths = [f"{arn}/{lead}{path}" for path in _SEARCHES for lead in ("", "*/")]
        statements.append(allow(["es:ESHttpPost"], [intrinsic(path) for path in paths]))
    return statements


def _add(grant: Grant, domain: SearchDomain, names: Names, context: Context) -> str:
    """Add the domain with its security group, and return its logical ID.

    Its policy admits the task role alone, and only for what its permissions are. It is deleted with its stack: its
    interfaces would keep the network of the stack from being deleted, and CloudFormation takes no snapshot of it.
    """
    title = names.id("SearchDomain")
    group = guard(grant, names, context, "Search", (_HTTPS,), "HTTPS")
    grant.output(names.id("SearchSecurityGroupId"), f"Security group of {names.local}", group)
    zones = _zones(domain, len(context.network.task_subnets))
    principal = {"Principal": {"AWS": GetAtt("TaskRole", "Arn")}}
    spread = {"ZoneAwarenessConfig": opensearchservice.ZoneAwarenessConfig(AvailabilityZoneCount=zones)}
    masters = {
        "DedicatedMasterCount": domain.masters,
        "DedicatedMasterType": domain.master_type or domain.instance_type,
    }
    resource = opensearchservice.Domain(
        title,
        DomainName=intrinsic(fragment(domain.name)),
        EngineVersion=f"OpenSearch_{domain.version}",
        ClusterConfig=opensearchservice.ClusterConfig(
            InstanceType=domain.instance_type,
            InstanceCount=domain.instances,
            ZoneAwarenessEnabled=zones > 1,
            DedicatedMasterEnabled=domain.masters > 0,
            **(spread if zones > 1 else {}),
            **(masters if domain.masters else {}),
        ),
        EBSOptions=opensearchservice.EBSOptions(EBSEnabled=True, VolumeType="gp3", VolumeSize=domain.storage),
        EncryptionAtRestOptions=opensearchservice.EncryptionAtRestOptions(
            Enabled=True, **present(KmsKeyId=customer_key(encryption_of(domain, context)))
        ),
        NodeToNodeEncryptionOptions=opensearchservice.NodeToNodeEncryptionOptions(Enabled=True),
        DomainEndpointOptions=opensearchservice.DomainEndpointOptions(
            EnforceHTTPS=True, TLSSecurityPolicy="Policy-Min-TLS-1-2-PFS-2023-10"
        ),
        VPCOptions=opensearchservice.VPCOptions(
            SubnetIds=list(context.network.task_subnets[:zones]), SecurityGroupIds=[group]
        ),
        AccessPolicies=document([{**one, **principal} for one in _statements(domain, _arn(domain))]),
        SoftwareUpdateOptions=opensearchservice.SoftwareUpdateOptions(AutoSoftwareUpdateEnabled=True),
        UpdatePolicy=UpdatePolicy(EnableVersionUpgrade=True),
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
    )
    grant.add(resource, names.origin)
    grant.output(names.id("SearchEndpoint"), f"OpenSearch domain {names.local}", GetAtt(title, "DomainEndpoint"))
    return title


def _zones(domain: SearchDomain, subnets: int) -> int:
    """The zones of the data nodes, as many in each."""
    return next((zones for zones in (3, 2) if domain.instances % zones == 0 and subnets >= zones), 1)


TYPE = CompiledType(
    name="aws_opensearch",
    category="opensearch",
    doc="An OpenSearch domain in the network of the tasks: encrypted, over TLS, with access for the service's role.",
    model=SearchDomain,
    attributes=lambda domain: (
        ("name", "arn", "endpoint", "url")
        if is_managed(domain) or (domain.unmanaged is not None and domain.unmanaged.endpoint is not None)
        else ("name", "arn")
    ),
    compile=compile,
    check=check,
    managed_keys=("version", "instanceType", "instances", "storage", "masters", "masterType", "encryption"),
)
