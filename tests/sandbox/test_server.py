"""The loopback server: real sockets, kept alive, reset, half sent, chunked, and quick to stop."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import ResponseParserError

from fsdcf.sandbox import server
from fsdcf.sandbox.faults import parse_fault
from fsdcf.sandbox.server import MOST_BYTES, serving
from fsdcf.sandbox.state import SandboxState
from tests.sandbox.conftest import ONCE, session


class Served:
    """A served sandbox and its clients."""

    def __init__(self, state: SandboxState, url: str) -> None:
        self.state = state
        self.url = url
        self.port = int(url.rpartition(":")[2])
        self._made: list[Any] = []

    def client(self, service: str) -> Any:
        made = session().create_client(service, region_name="us-east-1", config=ONCE, endpoint_url=self.url)
        self._made.append(made)
        return made

    def close(self) -> None:
        for made in self._made:
            made.close()


@pytest.fixture
def served() -> Iterator[Served]:
    state = SandboxState()
    with serving(state) as url, closing(Served(state, url)) as made:
        yield made
    state.store.close()


def test_clients_are_answered_over_one_connection(served: Served) -> None:
    client = served.client("ssm")
    client.put_parameter(Name="p", Value="ü", Type="String")
    assert [client.get_parameter(Name="p")["Parameter"]["Value"] for _ in range(20)] == ["ü"] * 20
    with pytest.raises(ClientError, match="ParameterNotFound"):
        client.get_parameter(Name="none")


def test_a_megabyte_goes_up_and_down(served: Served) -> None:
    client, content = served.client("s3"), bytes(range(256)) * 4096
    client.create_bucket(Bucket="bucket")
    client.put_object(Bucket="bucket", Key="big", Body=content, Metadata={"kind": "test"})
    answer = client.get_object(Bucket="bucket", Key="big")
    assert answer["Body"].read() == content
    assert answer["Metadata"] == {"kind": "test"}
    head = client.head_object(Bucket="bucket", Key="big")
    assert (head["ContentLength"], head["ETag"]) == (len(content), answer["ETag"])
    with pytest.raises(ClientError, match="404"):
        client.head_object(Bucket="bucket", Key="none")


@pytest.mark.parametrize("fault", ["reset", "lost"])
def test_a_reset_is_a_closed_connection(served: Served, fault: str) -> None:
    client = served.client("ssm")
    served.state.faults.add(parse_fault(f"api:PutParameter:{fault}"))
    with pytest.raises(ConnectionClosedError):
        client.put_parameter(Name="p", Value="v", Type="String")
    assert bool(served.state.store.every("ssm.parameter")) is (fault == "lost")
    assert client.put_parameter(Name="q", Value="v", Type="String")["Version"] == 1


def test_a_reset_is_seen_on_the_socket(served: Served) -> None:
    served.state.faults.add(parse_fault("api:*:reset"))
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(b"GET /?Action=GetCallerIdentity&Version=2011-06-15 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(100)


def test_half_an_answer_is_sent(served: Served) -> None:
    served.state.faults.add(parse_fault("api:*:half"))
    client = served.client("sts")
    with pytest.raises(ResponseParserError):
        client.get_caller_identity()
    assert client.get_caller_identity()["Account"]


def test_a_proxys_page_is_an_error(served: Served) -> None:
    served.state.faults.add(parse_fault("api:*:html"))
    with pytest.raises(ClientError, match="502"):
        served.client("sts").get_caller_identity()


def test_the_wish_to_continue(served: Served) -> None:
    client = served.client("s3")
    client.create_bucket(Bucket="bucket")
    head = (
        b"PUT /bucket/waits HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
        b"Authorization: Credential=K/20270101/us-east-1/s3/aws4_request\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hello")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    assert client.get_object(Bucket="bucket", Key="waits")["Body"].read() == b"hello"


def test_checksums_behind_the_body_are_taken_off(served: Served) -> None:
    served.client("s3").create_bucket(Bucket="bucket")
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    headers = {"Content-Encoding": "aws-chunked", "Authorization": "Credential=K/20270101/us-east-1/s3/aws4_request"}
    with closing(http.client.HTTPConnection("127.0.0.1", served.port)) as connection:
        connection.request("PUT", "/bucket/sum", body, headers)
        assert connection.getresponse().status == 200
    assert served.client("s3").get_object(Bucket="bucket", Key="sum")["Body"].read() == b"hello"


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AmazonSSM.GetParameter"}
S3 = {"Authorization": "AWS4-HMAC-SHA256 Credential=K/20270101/us-east-1/s3/aws4_request"}
OF_A_PAGE: dict[str, dict[str, str]] = {
    "rebound": {"Host": "evil.example:{port}"},
    "rebound to a name like this machine's": {"Host": "127.0.0.1.evil.example:{port}"},
    "localhost in front": {"Host": "localhost.evil.example"},
    "zero": {"Host": "0.0.0.0:{port}"},
    "no host": {"Host": ""},
    "other origin": {"Origin": "http://evil.example"},
    "other port": {"Origin": "http://127.0.0.1:3000"},
    "other scheme": {"Origin": "https://127.0.0.1:{port}"},
    "opaque origin": {"Origin": "null"},
    "origin like this one": {"Origin": "http://127.0.0.1:{port}.evil.example"},
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
    "same site": {"Sec-Fetch-Site": "same-site"},
}


def ask(
    served: Served, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """The status and the body of the answer to a request with these headers."""
    given = {name: value.format(port=served.port) for name, value in (headers or {}).items()}
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)) as connection:
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.mark.parametrize("headers", OF_A_PAGE.values(), ids=OF_A_PAGE)
@pytest.mark.parametrize(
    ("method", "path", "body", "own", "told"),
    [
        ("POST", "/", b"Action=CreateChangeSet&Version=2010-05-15", FORM, "<Code>AccessDenied</Code>"),
        ("GET", "/?Action=ListStacks&Version=2010-05-15", None, {}, "<Code>AccessDenied</Code>"),
        ("POST", "/", b'{"Name": "p"}', JSON, '"__type": "AccessDenied"'),
        ("PUT", "/bucket", b"", S3, "<Code>AccessDenied</Code>"),
        ("GET", "/bucket/key", None, S3, "<Code>AccessDenied</Code>"),
        ("DELETE", "/bucket", None, S3, "<Code>AccessDenied</Code>"),
        ("OPTIONS", "/", None, {}, ""),
    ],
)
def test_a_web_page_is_refused(
    served: Served, method: str, path: str, body: bytes | None, own: dict[str, str], told: str, headers: dict[str, str]
) -> None:
    status, text = ask(served, method, path, body, {**own, **headers})
    assert status == 403 and told in text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:{port}"},
        {"Host": "LOCALHOST"},
        {"Host": "bucket.localhost:{port}"},
        {"Host": "[::1]:{port}"},
        {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_tools_of_this_machine_and_its_own_pages_are_answered(served: Served, headers: dict[str, str]) -> None:
    form = b"Action=GetCallerIdentity&Version=2011-06-15"
    assert ask(served, "POST", "/", form, {**FORM, **headers})[0] == 200
    assert ask(served, "GET", f"/?{form.decode()}", None, headers)[0] == 200


def test_a_link_changes_nothing(served: Served) -> None:
    path = "/?Action=DeleteStack&Version=2010-05-15&StackName=s"
    assert ask(served, "GET", path)[0] == ask(served, "HEAD", path)[0] == 403
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=K/20270101/us-east-1/cloudformation/aws4_request"}
    assert ask(served, "GET", path, None, signed)[0] == 200


def test_a_request_as_to_a_proxy_is_refused(served: Served) -> None:
    assert ask(served, "GET", "http://evil.example/")[0] == 403
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall(b"GET http://[/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Length: %d" % (MOST_BYTES + 1), 413),
        (b"Content-Length: 9" + b"9" * 17, 413),
        (b"Content-Length: -1", 400),
        (b"Content-Length: many", 400),
        (b"Content-Length: +5", 400),
        (b"Content-Length: 0x10", 400),
        (b"Content-Length: \xb2", 400),
        (b"Content-Length: " + b"9" * 5000, 400),
        (b"Content-Length: 5\r\nContent-Length: 6", 400),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 411),
        (b"Transfer-Encoding: chunked", 411),
        (b"X: none", 411),
    ],
)
@pytest.mark.parametrize("expects", [b"", b"Expect: 100-continue\r\n"])
def test_a_body_without_a_good_length_is_refused_before_it_is_read(
    served: Served, head: bytes, status: int, expects: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n" + expects + head + b"\r\n\r\n")
        answer = connection.makefile("rb").readline()
    assert answer.startswith(b"HTTP/1.1 %d " % status)


def test_a_refusal_is_read_even_by_a_client_that_still_sends(served: Served) -> None:
    status, text = ask(served, "POST", "/", b"x" * 500_000, {**FORM, "Origin": "http://evil.example"})
    assert status == 403 and "AccessDenied" in text


def test_slow_clients_are_cut_off(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.3)
    for begun in (
        b"P",
        b"POST / HTTP/1.1\r\nHost: ",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx",
    ):
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
            connection.sendall(begun)
            start = time.monotonic()
            with suppress(OSError):  # the connection is reset
                for _ in range(100):
                    connection.sendall(b"x")
                    connection.settimeout(0.1)
                    with suppress(TimeoutError):
                        if not connection.recv(1):
                            break
            assert time.monotonic() - start < 5


def test_many_idle_connections_do_not_keep_others_out(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 5)
    with ExitStack() as idle:
        opened = [idle.enter_context(socket.create_connection(("127.0.0.1", served.port))) for _ in range(30)]
        assert ask(served, "GET", "/?Action=GetCallerIdentity&Version=2011-06-15")[0] == 200
        opened[0].settimeout(20)
        assert opened[0].recv(1) == b"", "the oldest one is closed"


def test_a_bug_becomes_a_response_and_the_server_continues(served: Served) -> None:
    served.state.store.put("ssm.parameter", "p", {})
    client = served.client("ssm")
    with pytest.raises(ClientError) as raised:
        client.get_parameter(Name="p")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert client.put_parameter(Name="q", Value="v", Type="String")["Version"] == 1


def test_an_invalid_request_does_no_harm(served: Served) -> None:
    for noise in (
        b"\x16\x03\x01\x02\x00\x01",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ):
        with socket.create_connection(("127.0.0.1", served.port)) as connection:
            connection.sendall(noise)
    assert served.client("sts").get_caller_identity()["Account"]


def test_it_stops_at_once_with_connections_open() -> None:
    state = SandboxState()
    with serving(state) as url:
        port = int(url.rpartition(":")[2])
        waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        waiting[0].sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
        begun = time.monotonic()
    assert time.monotonic() - begun < 60, "a handler gives up after twice as long"
    for connection in waiting:
        connection.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    state.store.close()


def test_a_port_that_is_taken_is_an_error(served: Served) -> None:
    with pytest.raises(OSError, match="in use"), serving(served.state, served.port):
        pass


def test_only_this_machine_is_served(served: Served) -> None:
    assert served.url.startswith("http://127.0.0.1:")
