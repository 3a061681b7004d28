"""Secrets, parameters and keys of a service in the sandbox: made, changed, rolled back and deleted."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from fsdcf.deploy.model import Exit
from fsdcf.pipeline import Request, run
from tests.deploy.site import Site, site
from tests.operate.test_delete import deleted

SPEC = """\
apiVersion: fsd/v1
kind: Service
metadata: {{name: shop}}
service:
  healthCheck: {{container: {{command: exit 0}}}}
  networking: {{vpc: {{id: vpc-0123456789abcdef0, privateSubnets: [subnet-0123456789abcdef0]}}}}
dependencies:
  - {{type: aws_kms_key, name: "${{ENV}}-data", rotation: {rotation}}}
  - type: aws_secretsmanager_secret
    name: ${{ENV}}/admin
    jsonKey: password
    generate: {{length: {length}, excludeCharacters: "0O", fields: {{user: admin}}}}
    encryption: ${{kms:data:arn}}
  - {{type: aws_ssm_parameter, name: "/shop/${{ENV}}/theme", value: {theme}}}
"""


@cache
def body(theme: str = "dark", length: int = 20, rotation: str = "true") -> dict[str, Any]:
    text = SPEC.format(theme=theme, length=length, rotation=rotation)
    result = run(Request("shop.yml", text.encode(), "staging"))
    assert result.template is not None, result.diagnostics
    return dict(result.template.data)


def value(made: Site) -> dict[str, str]:
    found: dict[str, str] = json.loads(
        made.call("GetSecretValue", "secretsmanager", SecretId="staging/admin")["SecretString"]
    )
    return found


def theme(made: Site) -> str:
    return str(made.call("GetParameter", "ssm", Name="/shop/staging/theme")["Parameter"]["Value"])


def test_from_the_first_deploy_to_the_deletion() -> None:
    made = site()
    assert made.deploy(body()).exit is Exit.DONE
    first = value(made)
    assert first["user"] == "admin" and len(first["password"]) == 20 and not set("0O") & set(first["password"])
    assert theme(made) == "dark"

    assert made.deploy(body("light", rotation="false"), sha="two").exit is Exit.DONE
    assert (value(made), theme(made)) == (first, "light"), "what is not changed is not generated anew"

    made.fault("Service:update:exit=1")
    assert made.deploy(body("red", 40), sha="three").exit is Exit.FAILED
    last = value(made)
    assert theme(made) == "light", "a rollback brings the plain value back"
    assert last != first and len(last["password"]) == 20, "and Secrets Manager generates another value"

    outcome = deleted(made)
    assert outcome.exit is Exit.DONE and made.status() == ""
    kept = " ".join(one.text for one in outcome.evidence)
    assert "AdminSecret" in kept and "DataKey" in kept and "ShopThemeParameter" not in kept
    assert value(made) == last, "the secret is kept"
