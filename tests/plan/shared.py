"""Templates of an environment and of services that join it, made from that of a service with its own network."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from fsdcf.conventions import export_name
from fsdcf.pipeline import Request, run

Template = dict[str, Any]

_NETWORK = ("Vpc", "InternetGateway", "Public", "Private", "Nat", "S3Endpoint", "DynamoDbEndpoint")
_BALANCER = ("LoadBalancer", "Listener")
_EXPORTED = {
    "Vpc": "VpcId",
    "PublicSubnet1": "PublicSubnet1",
    "PublicSubnet2": "PublicSubnet2",
    "PrivateSubnet1": "PrivateSubnet1",
    "PrivateSubnet2": "PrivateSubnet2",
    "Cluster": "ClusterName",
}


def own(name: str, more: str = "") -> Template:
    """The template of a service with its own network; ``more`` are keys below ``service``."""
    text = f"""\
apiVersion: fsd/v1
kind: Service
metadata: {{name: {name}, owners: team}}
service:
  port: 8000
  healthCheck: {{path: /health, container: {{command: curl -f localhost}}}}
{more}"""
    result = run(Request(f"{name}.yml", text.encode(), "staging"))
    assert result.template is not None, result.diagnostics
    return copy.deepcopy(dict(result.template.data))


def environment(name: str = "staging", balancers: Sequence[str] = ("Public",)) -> Template:
    """The stack of an environment. A balancer whose name is Internal is one."""
    made = own("shared")["Resources"]
    kept: dict[str, Any] = {}
    for id, one in made.items():
        if id.startswith(_NETWORK) or id == "Cluster":
            kept[id] = one
    kept["ServicesSecurityGroup"] = {
        "Type": "AWS::EC2::SecurityGroup",
        "Metadata": {"fsdcf": {"Spec": "environment"}},
        "Properties": {"GroupDescription": "Services", "VpcId": {"Ref": "Vpc"}},
    }
    kept["Namespace"] = {
        "Type": "AWS::ServiceDiscovery::PrivateDnsNamespace",
        "Metadata": {"fsdcf": {"Spec": "environment.namespace"}},
        "Properties": {"Name": f"{name}.internal", "Vpc": {"Ref": "Vpc"}},
    }
    outputs = {output: {"Ref": id} for id, output in _EXPORTED.items()}
    outputs["NamespaceArn"] = {"Fn::GetAtt": ["Namespace", "Arn"]}
    outputs["ServicesSecurityGroupId"] = {"Fn::GetAtt": ["ServicesSecurityGroup", "GroupId"]}
    for balancer in balancers:
        ids = {id: f"{balancer}{id}" for id in made if id.startswith(_BALANCER) and "Tasks" not in id}
        kept |= {new: _replaced(made[id], ids) for id, new in ids.items()}
        listener, group = kept[f"{balancer}Listener"], kept[f"{balancer}LoadBalancerSecurityGroup"]
        listener["Properties"] |= {"Port": 443, "Protocol": "HTTPS", "Certificates": [{"CertificateArn": "arn"}]}
        listener["Properties"]["DefaultActions"] = [{"Type": "fixed-response", "FixedResponseConfig": {}}]
        group["Properties"]["SecurityGroupIngress"][0] |= {"FromPort": 443, "ToPort": 443}
        if balancer == "Internal":
            kept[f"{balancer}LoadBalancer"]["Properties"] |= {
                "Scheme": "internal",
                "Subnets": [{"Ref": "PrivateSubnet1"}, {"Ref": "PrivateSubnet2"}],
            }
            group["Properties"]["SecurityGroupIngress"][0]["CidrIp"] = "10.40.0.0/16"
        kept[f"{balancer}LoadBalancerEgressToServices"] = {
            "Type": "AWS::EC2::SecurityGroupEgress",
            "Metadata": {"fsdcf": {"Spec": f"environment.loadBalancers.{balancer.lower()}"}},
            "Properties": {
                "GroupId": {"Fn::GetAtt": [f"{balancer}LoadBalancerSecurityGroup", "GroupId"]},
                "IpProtocol": "-1",
                "DestinationSecurityGroupId": {"Fn::GetAtt": ["ServicesSecurityGroup", "GroupId"]},
            },
        }
        outputs[f"{balancer}HttpsListenerArn"] = {"Ref": f"{balancer}Listener"}
        outputs[f"{balancer}LoadBalancerSecurityGroupId"] = {
            "Fn::GetAtt": [f"{balancer}LoadBalancerSecurityGroup", "GroupId"]
        }
    return {
        "Description": f"fsdcf in {name}, what its services share",
        "Resources": kept,
        "Outputs": {
            output: {"Value": value, "Export": {"Name": export_name(name, output)}} for output, value in outputs.items()
        },
    }


def joined(
    name: str,
    hosts: Sequence[str] = (),
    paths: Sequence[str] = (),
    more: str = "",
    environment: str = "staging",
    balancer: str = "Public",
    alias: str = "",
) -> Template:
    """A service that joins the environment: behind its balancer at hosts and paths, reached as ``alias`` inside."""
    template = own(name, more)

    def imported(output: str) -> dict[str, Any]:
        return {"Fn::ImportValue": export_name(environment, output)}

    services = imported("ServicesSecurityGroupId")
    values: dict[str, Any] = {id: imported(output) for id, output in _EXPORTED.items()}
    values["LoadBalancerSecurityGroup"] = imported(f"{balancer}LoadBalancerSecurityGroupId")
    kept: dict[str, Any] = {}
    for id, one in template["Resources"].items():
        if not id.startswith((*_NETWORK, *_BALANCER)) and id != "Cluster":
            kept[id] = _replaced(one, values)
    service, target = kept["Service"], kept["TargetGroup"]
    service["DependsOn"] = ["ListenerRule"]
    service["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"].append(services)
    if alias:
        service["Properties"]["ServiceConnectConfiguration"] = {
            "Enabled": True,
            "Namespace": imported("NamespaceArn"),
            "Services": [{"PortName": name, "ClientAliases": [{"Port": 80, "DnsName": alias}]}],
        }
    conditions = [{"Field": "host-header", "HostHeaderConfig": {"Values": list(hosts)}}] if hosts else []
    conditions += [{"Field": "path-pattern", "PathPatternConfig": {"Values": list(paths)}}] if paths else []
    if conditions:
        kept["ListenerRule"] = {
            "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
            "Metadata": target["Metadata"],
            "Properties": {
                "ListenerArn": imported(f"{balancer}HttpsListenerArn"),
                "Priority": 20001,
                "Conditions": conditions,
                "Actions": [{"Type": "forward", "TargetGroupArn": {"Ref": "TargetGroup"}}],
            },
        }
    else:
        for id in ("TargetGroup", "TaskIngressFromLoadBalancer"):
            del kept[id]
        service["DependsOn"] = []
        del service["Properties"]["LoadBalancers"], service["Properties"]["HealthCheckGracePeriodSeconds"]
    ingress = copy.deepcopy(template["Resources"]["TaskIngressFromLoadBalancer"])
    ingress["Properties"] |= {"SourceSecurityGroupId": services, "Description": "Services"}
    kept["TaskIngressFromServices"] = ingress
    return {**template, "Resources": kept, "Outputs": {}}


def _replaced(value: Any, values: Mapping[str, Any]) -> Any:
    """A value with references to these logical IDs replaced: by another ID, or by a value."""
    if isinstance(value, Mapping):
        target = value.get("Ref") or (value.get("Fn::GetAtt") or [None])[0]
        if target in values:
            new = values[target]
            if not isinstance(new, str):
                return new
            return {"Ref": new} if "Ref" in value else {"Fn::GetAtt": [new, *value["Fn::GetAtt"][1:]]}
        return {
            key: [one for one in child if one not in values]
            if key == "DependsOn" and isinstance(child, list)
            else _replaced(child, values)
            for key, child in value.items()
        }
    return [_replaced(one, values) for one in value] if isinstance(value, list) else value
