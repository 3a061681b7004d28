"""What AWS answers: reasons and messages are read without the secrets that they quote."""

from __future__ import annotations

from fsdcf.deploy.answers import text
from fsdcf.deploy.aws import ApiError
from fsdcf.masking import MASK


def test_a_reason_that_quotes_a_secret_is_read_without_it() -> None:
    token = "ghp" + "_" + "a1B2" * 9
    reason = f"exec: \"app --password=geheim\": not found; Value {token} at 'name' failed to satisfy constraint"
    for member in ("ResourceStatusReason", "stoppedReason", "message"):
        read = text({member: reason}, member)
        assert "geheim" not in read and token not in read and read.count(MASK) == 2 and "constraint" in read
    assert text({"taskArn": token}, "taskArn") == token, "other members are data"


def test_an_error_that_quotes_a_parameter_is_read_without_it() -> None:
    message = "Invalid URL postgres://me:geheim@db/x, and DB_PASSWORD=hunter2 is too short"
    error = ApiError("ecs", "RegisterTaskDefinition", "ClientException", message)
    assert "geheim" not in str(error) and "hunter2" not in error.message and "too short" in str(error)
