"""The files and words of other tools: each is recognized, and what its hint says to write is valid."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from fsdcf.compiler.dependencies import types
from fsdcf.language import reference
from fsdcf.language.foreign import FILES, PLATFORMS, TYPES, VALUES, WORDS, Word
from fsdcf.language.model import KINDS
from fsdcf.language.model.service import Service, Spec
from fsdcf.language.shape import Field, later_of, spellings_of, walk
from tests.conftest import HELLO, Compile

KEYS = dict(walk(Spec))
LATER = {f"{path}.{name}" for path, each in KEYS.items() if each.record for name in later_of(each.record)}
FOREIGN = {
    **{
        f"a document of the flat dialect for {platform}": f"name: web\nplatform: {platform}\ncompute: {{memory: 512}}\n"
        for platform in PLATFORMS
    },
    "a document of the flat dialect for another platform": "name: web\nplatform: nomad\nport: 80\n",
    "a document of the flat dialect of FSD": "name: web\nplatform: ecs\ncompute: {cpu: 512, memory: 1024}\n",
    "a Helm chart": "apiVersion: v2\nname: web\nversion: 0.1.0\n",
    "a kustomization.yaml": "resources: [deployment.yaml]\nimages: [{name: web, newTag: v1}]\n",
    "a Kubernetes manifest": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: on}\n",
    "the manifest of a Copilot environment": "name: test\ntype: Environment\nnetwork: {vpc: {id: vpc-1}}\n",
    "the manifest of a Copilot job": "name: report\ntype: Scheduled Job\nimage: {build: Dockerfile}\n",
    "the manifest of a Copilot static site": "name: site\ntype: Static Site\nfiles: [{source: dist}]\n",
    "the manifest of a Copilot pipeline": "name: p\nversion: 1\nsource: {provider: GitHub}\nstages: [{name: test}]\n",
    "a Copilot manifest": "name: api\ntype: Load Balanced Web Service\nimage:\n  port: 8080\ncpu: 256\nmemory: 512\n",
    "a Docker Compose file": "x: &x {a: b}\nservices:\n  web: {<<: *x, image: 'nginx:1', restart: no}\n",
    "an ECS task definition": '{\n  "containerDefinitions": [{"name": "web", "image": "web:1"}]\n}\n',
    "a SAM template": "Transform: AWS::Serverless-2016-10-31\nResources:\n  F: {Type: 'AWS::Serverless::Function'}\n",
    "a CloudFormation template": "Resources:\n  S:\n    Type: AWS::ECS::Service\n    Properties: {Cluster: !Ref C}\n",
    "a serverless.yml": "service: web\nprovider: {name: aws}\nfunctions: {get: {handler: app.get}}\n",
    "an apprunner.yaml": "version: 1.0\nruntime: python3\nrun: {command: python app.py, network: {port: 80}}\n",
    "a Helm values file": "replicaCount: 2\nimage: {repository: web, tag: v1}\n",
    "a GitHub Actions workflow": "on: push\njobs: {test: {runs-on: ubuntu-latest}}\n",
    "a CodeBuild or CodeDeploy file": "version: 0.2\nphases: {build: {commands: [make]}}\n",
}
VALID = {
    "certificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/a",
    "allowCidrs": ["10.0.0.0/8"],
    "hosts": ["shop.example.com"],
    "paths": ["/*"],
    "domain": {"name": "shop.example.com", "hostedZoneId": "Z1"},
    "targetResponseTime": 0.5,
    "encryption": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "egress": [{"to": "10.0.0.0/8"}],
    "dependsOn": {"proxy": "START"},
    "arn": "arn:aws:iam::123456789012:role/web",
    "managedPolicies": ["web"],
}
VARIANTS = {
    "documents": "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n---\nkind: Deployment\n",
    "a list": "- apiVersion: v1\n  kind: Service\n",
    "Helm": "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Values.name }}\n  {{- if x }}\n",
    "tabs": '{\n\t"containerDefinitions": [\n\t\t{"image": "web:1"}\n\t]\n}\n',
    "a worker": "name: jobs\ntype: Worker Service\nsubscribe: {topics: [{name: orders, service: api}]}\n",
    "Compose without services": "web:\n  image: nginx\n  links: [db]\ndb:\n  image: postgres\n",
    "Kubernetes without a version": "kind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n",
    "Kustomize": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n",
    "package.json": '{"name": "web", "version": "1.0.0", "dependencies": {"express": "4"}}\n',
    "ECS services": '{"services": [{"serviceArn": "arn"}], "failures": []}\n',
    "a Procfile": "web: gunicorn app:app\n",
    "flat documents": "name: web\nplatform: ecs\n---\nname: jobs\nplatform: eks\n",
    "a flat list": "services:\n  - {name: web, platform: ecs}\n  - {name: job, platform: batch}\n",
    "a flat map": "platform: ecs\nservices:\n  web: {compute: {cpu: 256}}\n",
    "flat JSON": '{"name": "web", "platform": "ECS", "environment": {"A": "b"}}\n',
    "a flat document that is not YAML": "name: web\nplatform: ecs\nimage: ${ecr:web}:${git:sha}\nbad: [\n",
    "keys of a service": "name: web\nport: 80\nimage: web\n",
}


def example(field: Field) -> Any:
    """A value that a key accepts."""
    key, first = field.key, field.types[0]
    if key.allowed:
        return key.allowed[0]
    if first.name in ("record", "map"):
        return {}
    if first.name == "list":
        return []
    if first.name == "boolean":
        return True
    if first.name == "integer":
        return int(key.minimum or 1) if key.minimum != 0 else 1
    return next(
        (text for text in ("web", "/web", "web:1", "1") if re.fullmatch(key.pattern or ".*", text)), key.expects
    )


def placed(path: str, value: Any) -> str:
    """The text of a spec with a value at a path."""
    data = yaml.safe_load(HELLO)
    *above, last = path.split(".")
    holder = data
    for step in above:
        holder = holder.setdefault(step, {})
    if not isinstance(holder.get(last), dict):
        holder[last] = value
    return str(yaml.safe_dump(data))


@pytest.mark.parametrize("path", sorted({path for word in WORDS.values() for path in word.to}))
def test_a_word_leads_to_a_key_that_is_accepted_or_has_a_workaround(compiled: Compile, path: str) -> None:
    if path in LATER:
        return
    known = reference.find(path, types())
    assert known, path
    if path.startswith("dependencies."):
        return
    value = VALID.get(known[1].name) or example(known[1])
    codes = {one.code for one in compiled(placed(path, value)).diagnostics}
    assert not [code for code in codes if code.startswith("S10")], (path, value)


@pytest.mark.parametrize("name", WORDS)
def test_a_word_of_another_tool_leads_to_its_key(compiled: Compile, name: str) -> None:
    holder, _, key = name.rpartition(".")
    if holder == "dependencies":
        others = [each.name for each in types().values() if key not in spellings_of(each.model)]
        kind = next((path.split(".")[1] for path in WORDS[name].to if path.startswith(holder)), others[0])
        text = HELLO + f"dependencies:\n  - type: {kind}\n    name: ${{ENV}}-a\n    {key}: 1\n"
    elif holder in ("secrets", "volumes"):
        other = "valueFrom" if holder == "secrets" else "mountPath"
        text = HELLO + f"  {holder}: [{{name: A, {other}: /a, {key}: 1}}]\n"
    elif holder:
        above = next((path for path, each in KEYS.items() if each.name == holder and each.record), holder)
        text = placed(f"{above}.{key}", 1)
    else:
        text = HELLO + f"  {key}: 1\n"
    if not holder and key in spellings_of(Service):
        return  # a key of the language by now
    (finding,) = [one for one in compiled(text).diagnostics if one.code in ("S101", "S107")]
    word: Word = WORDS[name]
    later = [path for path in word.to if path in LATER]
    if finding.code == "S101" and word.to and not later:
        assert finding.hint.startswith("write `") or "did you mean" in finding.hint, finding
        assert all(path.rpartition(".")[2] in finding.hint for path in word.to[:1])
    elif finding.code == "S101" and not word.to:
        assert finding.hint == word.why
    else:
        assert finding.code == "S107" or later, finding


@pytest.mark.parametrize("name", TYPES)
def test_a_word_for_a_type_leads_to_a_type_that_exists(compiled: Compile, name: str) -> None:
    text = HELLO + f"dependencies:\n  - {{type: '{name}', name: '${{ENV}}-a'}}\n"
    (finding,) = compiled(text).diagnostics
    meant = TYPES[name]
    assert finding.code == "S112" and (f"`{meant}`" if meant else "known types") in finding.hint
    assert not meant or meant in types()


def test_a_value_of_another_tool_leads_to_a_value_of_the_language() -> None:
    keys = [*KEYS.values(), *(each for kind in types().values() for _, each in walk(kind.model))]
    allowed = {value for each in keys for value in each.key.allowed}
    assert set(VALUES.values()) <= allowed


def test_every_file_has_an_example() -> None:
    assert [file.title for file in FILES] == list(FOREIGN)


@pytest.mark.parametrize("text", [*FOREIGN.values(), *VARIANTS.values()], ids=[*FOREIGN, *VARIANTS])
def test_a_file_of_another_tool_is_one_finding(compiled: Compile, text: str) -> None:
    (finding,) = compiled(text).diagnostics
    assert finding.code == "S015"
    assert text in VARIANTS.values() or FOREIGN[finding.message.removeprefix("this is ").partition(",")[0]] == text
    assert all(reference.find(path, types()) for path in re.findall(r" (?:to|or) `([\w.]+)`", finding.hint)), (
        finding.hint
    )
    assert "`fsdcf init my-service`" in finding.hint or finding.hint.startswith("`fsdcf import ")


@pytest.mark.parametrize(
    "text",
    [
        "Kind: Service\nMetadata: {name: web}\nService: {port: 80}\n",
        "apiVersion: fsd/v1\nkind: Service\nservices: {web: {image: nginx}}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nservice: {port: 80}\n",
        "metadata: {name: web}\nservice: {port: 80}\n",
        HELLO.replace("fsd/v1", '"fsd/v1"') + "services: {a: {}}\n",
        HELLO + "platform: ecs\nname: web\n",
        "platform: ecs\nname: web\nmetadata: {name: web}\nservice: {port: 80}\n",
    ],
)
def test_a_spec_with_mistakes_is_not_taken_for_another_file(compiled: Compile, text: str) -> None:
    assert "S015" not in {one.code for one in compiled(text).diagnostics}


def test_what_works_instead_names_keys_that_exist() -> None:
    ways = [
        each.instead
        for kind in KINDS.values()
        for _, at in walk(kind.record)
        if at.record
        for each in later_of(at.record).values()
    ]
    ways += [way for _, each in walk(Spec) for way in each.key.later.values()]
    assert ways and all(ways)
    for path in re.findall(r"service\.[A-Za-z.]+[A-Za-z]", " ".join(ways)):
        assert path in KEYS, path
