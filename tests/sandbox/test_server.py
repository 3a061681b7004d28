"""The loopback server: real sockets, kept alive, reset, half sent, chunked, and quick to stop."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import ResponseParserError

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
        connection.sendall(b"GET /?Action=GetCallerIdentity&Version=2011-06-15 HTTP/1.1\r\nHost: h\r\n\r\n")
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


def test_a_body_in_chunks_and_the_wish_to_continue(served: Served) -> None:
    client = served.client("s3")
    client.create_bucket(Bucket="bucket")
    head = (
        b"PUT /bucket/chunks HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n"
        b"Authorization: Credential=K/20270101/us-east-1/s3/aws4_request\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(head)
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n")
        connection.sendall(b"5;x=y\r\nhello\r\nA\r\n, sandbox!\r\n0\r\nTrailer: t\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    assert client.get_object(Bucket="bucket", Key="chunks")["Body"].read() == b"hello, sandbox!"


def test_checksums_behind_the_body_are_taken_off(served: Served) -> None:
    served.client("s3").create_bucket(Bucket="bucket")
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    headers = {"Content-Encoding": "aws-chunked", "Authorization": "Credential=K/20270101/us-east-1/s3/aws4_request"}
    with closing(http.client.HTTPConnection("127.0.0.1", served.port)) as connection:
        connection.request("PUT", "/bucket/sum", body, headers)
        assert connection.getresponse().status == 200
    assert served.client("s3").get_object(Bucket="bucket", Key="sum")["Body"].read() == b"hello"


def test_a_body_that_is_too_long_is_refused(served: Served) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", served.port)) as connection:
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", str(MOST_BYTES + 1))
        connection.endheaders()
        assert connection.getresponse().status == 413


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
