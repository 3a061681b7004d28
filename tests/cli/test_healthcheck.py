"""``fsdcf healthcheck`` against a real little server on loopback."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import Result

from tests.cli.stage import SMALL, Stage, lines

API = """\
apiVersion: fsd/v1
kind: Service
metadata:
  name: hello
  owners: team
service:
  port: 8000
  healthCheck:
    path: /health
    timeout: 2
    container:
      command: curl -f http://localhost:8000/health
"""


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by the path: ``/health`` 200, ``/moved`` a redirect, all else 404."""

    def do_GET(self) -> None:
        self.send_response({"/health": 200, "/moved": 302}.get(self.path, 404))
        if self.path == "/moved":
            self.send_header("Location", "/health")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Says nothing."""


@contextmanager
def serving() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def url() -> Iterator[str]:
    with serving() as found:
        yield found


def check(stage: Stage, *arguments: str, spec: str = API, expect: int = 0) -> Result:
    (stage.folder / "hello.yml").write_text(spec)
    result = stage("healthcheck", "hello.yml", *arguments, expect=expect)
    assert stage.connections == [], "nothing of AWS is asked"
    return result


GRPC = API.replace("    path: /health\n", "") + (
    "  networking:\n    loadBalancer:\n      protocolVersion: grpc\n"
    "      certificateArn: arn:aws:acm:us-east-1:123456789012:certificate/6f3b4d2e\n"
)


def test_a_check_by_grpc_needs_another_client(stage: Stage) -> None:
    result = check(stage, "--url", "http://127.0.0.1:8000", spec=GRPC, expect=2)
    assert "by gRPC" in result.stderr + result.stdout and "grpcurl 127.0.0.1:8000" in result.stderr + result.stdout


def test_the_url_has_the_protocol_of_the_check(stage: Stage) -> None:
    spec = API.replace("    path: /health\n", "    path: /health\n    protocol: https\n    port: 8443\n")
    result = check(stage, "--url", "http://127.0.0.1:8443", spec=spec, expect=2)
    assert "use https://" in result.stderr


def test_a_healthy_service(stage: Stage, url: str) -> None:
    result = check(stage, "--url", url, "--fast")
    assert (
        f"load balancer  GET {url}/health every 30 s, timeout 2 s, codes 200, healthy after 2, unhealthy after 3"
        in result.stdout
    )
    assert "   2      30s  passed  healthy    200 in " in result.stdout
    assert "the load balancer uses port 8000 (service.port)" in result.stdout
    assert """--container-command '["/bin/sh", "-c", "curl -f http://localhost:8000/health"]'""" in result.stdout
    assert "done: hello would be healthy to the load balancer; the container's check was not run" in result.stdout


def test_a_missing_path_points_to_its_line(stage: Stage, url: str) -> None:
    result = check(stage, "--url", url, "--once", spec=API.replace("path: /health", "path: /helth"), expect=1)
    assert "failed: hello would fail: the load balancer's check of /helth: 404 in " in result.stderr
    assert "   --> hello.yml:9\n    9 |     path: /helth" in result.stderr
    assert (
        "ECS would stop the task about 90 s after its start; after 3 failed tasks the circuit breaker" in result.stderr
    )
    assert f"next: curl -i {url}/helth" in result.stderr


def test_the_number_of_failures_in_a_row_and_its_key(stage: Stage, url: str) -> None:
    settings = [f"service.healthCheck.{setting}" for setting in ("path=/absent", "unhealthyThreshold=2")]
    overrides = [word for setting in settings for word in ("--override", setting)]
    result = check(stage, *overrides, "--url", url, "--fast", expect=1)
    assert "2 checks in a row failed (service.healthCheck.unhealthyThreshold)" in result.stderr


def test_a_redirect_is_a_failure_unless_its_code_counts(stage: Stage, url: str) -> None:
    moved = ("--override", "service.healthCheck.path=/moved", "--url", url, "--once")
    assert "302 in " in check(stage, *moved, expect=1).stderr
    assert "302 in " in check(stage, *moved, "--override", "service.healthCheck.successCodes=200-399").stdout


def test_nothing_listens(stage: Stage) -> None:
    with serving() as url:
        pass
    records = lines(check(stage, "--url", url, "--once", "--json", expect=1))
    assert [one["event"] for one in records] == ["checks", "warned", "check", "checks", "warned", "ended"]
    assert records[2] == {
        **{"event": "check", "of": "load balancer", "number": 1, "at": 0, "passed": False, "state": "initial"},
        "text": "connection refused: nothing listens on this port",
    }
    assert records[-1]["exit"] == 1 and records[-1]["evidence"][0]["spec"]["line"] == 9


def test_the_container_s_check_runs_when_it_is_given(stage: Stage, url: str) -> None:
    fine = check(stage, "--url", url, "--once", "--container-command", '["true"]')
    assert "exit code 0" in fine.stdout and fine.stdout.endswith("done: hello would be healthy\n")
    words = json.dumps(["/bin/sh", "-c", "echo no curl; exit 7"])
    result = check(stage, "--url", url, "--once", "--container-command", words, expect=1)
    assert "the container's check failed: exit code 7: no curl" in result.stderr
    assert "--> hello.yml:11" in result.stderr
    assert result.stderr.endswith("  next: /bin/sh -c 'echo no curl; exit 7'\n")


def test_a_worker_has_a_container_check_alone(stage: Stage) -> None:
    told = check(stage, spec=SMALL, expect=2)
    assert "load balancer" not in told.stdout and "CMD-SHELL exit 0" in told.stdout and "nothing checked" in told.stderr
    assert "hello would be healthy" in check(stage, "--container-command", '["true"]', spec=SMALL).stdout
    bare = SMALL.replace("  healthCheck:\n    container:\n      command: exit 0\n", "")
    assert "has no health check" in check(stage, spec=bare, expect=2).stderr
    assert (
        "needs a container check in the spec"
        in check(
            stage,
            "--container-command",
            '["true"]',
            "--url",
            "http://127.0.0.1:1",
            spec=API[: API.index("    container")],
            expect=2,
        ).stderr
    )


def test_the_health_check_of_a_named_dockerfile_is_used(stage: Stage) -> None:
    (stage.folder / "Dockerfile").write_text('FROM x\nHEALTHCHECK --interval=10s --retries=2 CMD ["/probe", "-q"]\n')
    spec = SMALL.replace(
        "  healthCheck:\n    container:\n      command: exit 0\n", "  build:\n    dockerfile: Dockerfile\n"
    )
    told = check(stage, spec=spec, expect=2).stdout
    assert "CMD /probe -q every 10 s" in told and "unhealthy after 2" in told and """'["/probe", "-q"]'""" in told


def test_a_spec_with_errors_checks_nothing(stage: Stage) -> None:
    result = check(stage, "--url", "http://127.0.0.1:1", spec=API.replace("timeout: 2", "timeout: 1000"), expect=2)
    assert "hello.yml:10" in result.stderr and "nothing checked" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "the URL of the running service is missing"),
        (("--url", "https://127.0.0.1:8000"), "plain HTTP"),
        (("--url", "127.0.0.1:8000"), "is not a valid service URL"),
        (("--url", "http://"), "is not a valid service URL"),
        (("--url", "http://127.0.0.1:99999"), "is not a valid service URL"),
        (("--url", "http://127.0.0.1:8000/health"), "the path is that of the spec"),
        (("--url", "http://me:secret@127.0.0.1:8000"), "the URL must end with the port"),
        (("--url", "http://127.0.0.1:1", "--container-command", "curl x"), "a JSON list"),
        (("--url", "http://127.0.0.1:1", "--container-command", "[]"), "a JSON list"),
        (("--url", "http://127.0.0.1:1", "--container-command", '["a", 1]'), "a JSON list"),
    ],
)
def test_wrong_usage(stage: Stage, arguments: tuple[str, ...], words: str) -> None:
    assert words in check(stage, *arguments, expect=2).stderr


def test_an_address_in_brackets_and_the_usual_port(stage: Stage) -> None:
    assert "GET http://[::1]:1/health" in check(stage, "--url", "http://[::1]:1", "--once", expect=1).stdout
