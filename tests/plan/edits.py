"""Small edits of specs, each with what it must lead to: the material of the tests of plans."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from fsdcf.cli.compiled import Compiled
from fsdcf.pipeline import Request, run
from tests.conftest import ROOT
from tests.plan.conftest import WAREHOUSE

Edit = Callable[[str], str]


@cache
def spec(name: str) -> str:
    """The text of an example, or of the warehouse."""
    return WAREHOUSE if name == "warehouse" else (ROOT / "examples" / f"{name}.yml").read_text(encoding="utf-8")


@cache
def compiled(text: str, file: str = "spec.yml", environment: str = "staging") -> Compiled:
    """A spec as the commands have it."""
    result = run(Request(file, text.encode(), environment))
    assert result.template is not None, result.diagnostics
    return Compiled(Path(file).name, environment, result.template.data, result)


def swap(old: str, new: str) -> Edit:
    """Replaces a text, which must be there."""

    def edit(text: str) -> str:
        assert old in text, old
        return text.replace(old, new)

    return edit


def drop(first: str, last: str = "") -> Edit:
    """Drop the lines from the one with ``first`` up to the one with ``last``; to the end, or only one for a newline."""

    def edit(text: str) -> str:
        lines = text.splitlines(keepends=True)
        begin = next(index for index, line in enumerate(lines) if first in line)
        end = (
            begin + 1
            if last == "\n"
            else next((index for index in range(begin + 1, len(lines)) if last and last in lines[index]), len(lines))
        )
        return "".join(lines[:begin] + lines[end:])

    return edit


EDITS: dict[str, tuple[str, Edit, int, dict[str, str]]] = {
    "nothing": ("api-dynamodb", lambda text: text, 0, {}),
    "a comment": ("api-dynamodb", lambda text: "# another\n" + text, 0, {}),
    "a new size": (
        "api-dynamodb",
        swap("memory: 1024", "memory: 2048"),
        10,
        {"TaskDefinition": "replaced", "Service": "changed"},
    ),
    "a variable more": (
        "api-dynamodb",
        swap("    LOG_LEVEL: info", "    AAA: first\n    LOG_LEVEL: info"),
        10,
        {"TaskDefinition": "replaced", "Service": "changed"},
    ),
    "a variable less": (
        "api-dynamodb",
        drop("LOG_LEVEL", "\n"),
        10,
        {"TaskDefinition": "replaced", "Service": "changed"},
    ),
    "a secret less": (
        "api-dynamodb",
        drop("PAYMENT_TOKEN", "\n"),
        10,
        {"TaskDefinition": "replaced", "Service": "changed", "ExecutionRole": "changed"},
    ),
    "a health path": ("api-dynamodb", swap("path: /healthz", "path: /live"), 10, {"TargetGroup": "changed"}),
    "more tasks": ("api-dynamodb", swap("maxCount: 12", "maxCount: 20"), 10, {"ScalableTarget": "changed"}),
    "another port": (
        "api-dynamodb",
        swap("port: 8080", "port: 9090"),
        10,
        {
            **{"TaskIngressFromLoadBalancer": "replaced", "LoadBalancerEgressToTasks": "replaced"},
            **{"TaskDefinition": "replaced", "Service": "changed"},
        },
    ),
    "a table less": (
        "api-dynamodb",
        lambda text: swap("    ORDERS_TABLE: ${dynamodb:orders:name}\n", "")(
            drop("aws_dynamodb_table", "aws_s3_bucket")(text)
        ),
        11,
        {
            **{"OrdersTable": "left behind", "OrdersDynamodbAccess": "removed"},
            **{"TaskDefinition": "replaced", "Service": "changed"},
        },
    ),
    "a table renamed": (
        "api-dynamodb",
        lambda text: swap("dynamodb:orders:name", "dynamodb:orders-v2:name")(
            swap("${ENV}-orders\n", "${ENV}-orders-v2\n")(text)
        ),
        11,
        {
            **{
                "OrdersTable": "left behind",
                "OrdersDynamodbAccess": "removed",
                "OrdersV2Table": "added",
                "OrdersV2DynamodbAccess": "added",
            },
            **{"TaskDefinition": "replaced", "Service": "changed"},
        },
    ),
    "other keys": (
        "api-dynamodb",
        lambda text: swap("{name: customer, type: S}", "{name: client, type: S}")(
            swap("{name: customer, type: HASH}", "{name: client, type: HASH}")(text)
        ),
        11,
        {
            "OrdersTable": "perhaps replaced",
            "OrdersDynamodbAccess": "changed",
            "TaskDefinition": "perhaps replaced",
            "Service": "changed",
        },
    ),
    "an index less": (
        "api-dynamodb",
        lambda text: drop("{name: state, type: S}", "\n")(drop("globalSecondaryIndexes", "timeToLive")(text)),
        10,
        {"OrdersTable": "changed"},
    ),
    "a bucket less": (
        "api-dynamodb",
        drop("aws_s3_bucket"),
        11,
        {
            **{"InvoicesBucket": "left behind", "InvoicesBucketPolicy": "removed", "InvoicesS3Access": "removed"},
            **{"TaskDefinition": "replaced", "Service": "changed"},
        },
    ),
    "a queue more": (
        "api-dynamodb",
        lambda text: text + "  - type: aws_sqs_queue\n    name: ${ENV}-mails\n",
        10,
        {
            **{"MailsQueue": "added", "MailsQueueDeadLetters": "added", "MailsSqsAccess": "added"},
            "MailsQueueDeadLettersAlarm": "added",
            **{"TaskDefinition": "replaced", "Service": "changed"},
        },
    ),
    "another processor": (
        "api-dynamodb",
        swap("    architecture: arm64\n", ""),
        10,
        {"TaskDefinition": "replaced", "Service": "changed"},
    ),
    "a tag more": ("api-dynamodb", swap("  description:", "  tags: {team: blue}\n  description:"), 10, {}),
    "a variable more at the end": (
        "production",
        swap("    FEATURES:", "    MORE: '1'\n    FEATURES:"),
        10,
        {"TaskDefinition": "replaced", "Service": "changed"},
    ),
}
"""By name: the example, the edit, the exit code, and the group of every changed resource (empty: not checked)."""
