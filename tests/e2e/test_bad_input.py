"""What a cloud does with uploads that are cut, too large or do not fit, over the wire: nothing is kept of them."""

import http.client
import socket
import ssl
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.parts.whole_cloud import WholeCloud, await_true


class Uploader:
    def __init__(self, cloud: WholeCloud):
        self.cloud = cloud
        self.client = cloud.connect()
        self.images = cloud.home.folder / "images"
        self.token = self.client.auth_token
        self.tls = ssl.create_default_context(cafile=cloud.home.ca)

    def new_image(self) -> str:
        image = self.client.image.create_image(name=f"bad-{uuid.uuid4()}", disk_format="raw", container_format="bare")
        return str(image.id)

    @contextmanager
    def connected(self) -> Iterator[ssl.SSLSocket]:
        with (
            socket.create_connection(("127.0.0.1", self.cloud.port), timeout=10) as plain,
            self.tls.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            yield connection

    def head(self, method: str, path: str, *more: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"X-Auth-Token: {self.token}", *more, "", ""]
        return "\r\n".join(lines).encode()

    def ask(self, method: str, path: str, body: bytes, *more: str) -> tuple[int, str]:
        """Status and body of one request; the answer may come before all of it was sent."""
        with self.connected() as connection:
            connection.sendall(self.head(method, path, f"Content-Length: {len(body)}", *more))
            try:
                connection.sendall(body)
            except OSError:
                assert body, "only a body can be cut off by an early answer"
            reply = http.client.HTTPResponse(connection, method=method)
            reply.begin()
            with reply:
                return reply.status, reply.read().decode()

    def check_nothing_kept(self, image_id: str) -> None:
        await_true("the image is queued", lambda: self.client.image.get_image(image_id).status == "queued", 15)
        await_true("no half file is left", lambda: not list(self.images.glob(f"{image_id}*")), 15)


@pytest.fixture(scope="module")
def uploader(simulated: WholeCloud) -> Uploader:
    return Uploader(simulated)


@pytest.mark.parametrize("framing", ["Content-Length", "chunked"])
def test_an_upload_that_is_cut_leaves_the_image_queued(uploader, framing):
    image_id = uploader.new_image()
    path = f"/image/v2/images/{image_id}/file"
    half = b"x" * 1_000_000
    with uploader.connected() as connection:
        if framing == "chunked":
            connection.sendall(uploader.head("PUT", path, "Transfer-Encoding: chunked", TYPE) + b"1E8480\r\n" + half)
        else:
            connection.sendall(uploader.head("PUT", path, f"Content-Length: {2 * len(half)}", TYPE) + half)
        await_true("bytes arrive", lambda: list(uploader.images.glob(f"{image_id}*.draft")), 10)
    uploader.check_nothing_kept(image_id)


def test_a_chunked_upload_that_ends_without_its_last_chunk_is_no_image(uploader):
    image_id = uploader.new_image()
    with uploader.connected() as connection:
        head = uploader.head("PUT", f"/image/v2/images/{image_id}/file", "Transfer-Encoding: chunked", TYPE)
        connection.sendall(head + b"186A0\r\n" + b"x" * 100_000 + b"\r\n")
        await_true("bytes arrive", lambda: list(uploader.images.glob(f"{image_id}*.draft")), 10)
    uploader.check_nothing_kept(image_id)


def test_a_body_that_is_too_large_is_refused(uploader):
    for path in ("/image/v2/images", "/network/v2.0/networks", "/compute/v2.1/servers", "/identity/v3/auth/tokens"):
        status, _ = uploader.ask("POST", path, b" " * 8_000_000, JSON)
        assert status == 413, path


def test_broken_json_is_refused(uploader):
    for path in ("/image/v2/images", "/network/v2.0/networks", "/compute/v2.1/servers", "/identity/v3/auth/tokens"):
        for body in (b'{"name": ', b"\xff\xfe", b"[]", b"null"):
            status, told = uploader.ask("POST", path, body, JSON)
            assert status == 400, (path, body, told)
            assert told, "an error tells its cause"


def test_an_image_that_does_not_fit_on_the_disk_leaves_nothing(clouds: Callable[..., WholeCloud]):
    cloud = clouds("full", "--hypervisor", "simulated")
    cloud.home.make()
    images = cloud.home.folder / "images"
    images.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", images], check=True)
    try:
        cloud.up()
        uploader = Uploader(cloud)
        image_id = uploader.new_image()
        status, told = uploader.ask("PUT", f"/image/v2/images/{image_id}/file", b"x" * 8_000_000, TYPE)
        assert status == 413, told
        uploader.check_nothing_kept(image_id)
        status, _ = uploader.ask("PUT", f"/image/v2/images/{image_id}/file", b"it fits", TYPE)
        assert status == 204
        cloud.down()
    finally:
        subprocess.run(["umount", images], check=True)


TYPE = "Content-Type: application/octet-stream"
JSON = "Content-Type: application/json"
