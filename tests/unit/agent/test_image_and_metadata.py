import hashlib

import pytest

from skyloom.agent import (
    BusImageSource,
    ImageIncomplete,
    ImagePart,
    MetadataAnswer,
    MetadataGet,
    MetadataSource,
    UnusableRequest,
    serve_images,
    serve_metadata,
)
from skyloom.agent.image_source import PART_BYTES
from skyloom.agent.protocol import ImageRead, ask
from skyloom.bus import ConnectionLost, InProcessBus, NoResponder
from skyloom.compute.drivers.contract import ImageGone
from skyloom.errors import Unavailable

IMAGE = bytes(range(251)) * (3 * PART_BYTES // 251)
MD5 = hashlib.md5(IMAGE).hexdigest()


def reader(image_id: str, offset: int, length: int) -> ImagePart:
    if image_id != "i":
        raise ImageGone(f"Image {image_id} is no more; choose another.", image_id=image_id)
    return ImagePart(IMAGE[offset : offset + length], len(IMAGE), MD5)


def test_an_image_comes_whole_in_parts(bus):
    serve_images(bus, reader)
    parts = list(BusImageSource(bus, "node.1").read("i"))
    assert b"".join(parts) == IMAGE
    assert len(parts) == 3


def test_an_empty_image_is_whole_too(bus):
    serve_images(bus, lambda image_id, offset, length: ImagePart(b"", 0, hashlib.md5(b"").hexdigest()))
    assert list(BusImageSource(bus, "node.1").read("i")) == []


def test_an_image_that_is_no_more_is_gone(bus):
    serve_images(bus, reader)
    with pytest.raises(ImageGone):
        list(BusImageSource(bus, "node.1").read("other"))


@pytest.mark.parametrize(
    "broken",
    [
        lambda offset, length: ImagePart(IMAGE[offset : offset + length], len(IMAGE) + 1, None),
        lambda offset, length: ImagePart(IMAGE[offset : offset + length], len(IMAGE) - 1, None),
        lambda offset, length: ImagePart(bytes(len(IMAGE[offset : offset + length])), len(IMAGE), MD5),
    ],
    ids=["cut off", "too long", "other bytes"],
)
def test_an_image_that_is_not_whole_is_an_error(bus, broken):
    serve_images(bus, lambda image_id, offset, length: broken(offset, length))
    with pytest.raises(ImageIncomplete):
        list(BusImageSource(bus, "node.1").read("i"))


class Flaky:
    """A bus on which only every second request arrives, from the second one on."""

    def __init__(self, bus: InProcessBus, error: Unavailable):
        self.bus = bus
        self.error = error
        self.count = 0

    def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        self.count += 1
        if self.count % 2 == 0:
            raise self.error
        return self.bus.request(subject, payload, timeout_s)


@pytest.mark.parametrize("error", [ConnectionLost("nats://203.0.113.1:4222"), NoResponder("core.host.x.image.read")])
def test_a_part_that_did_not_come_is_asked_for_again(bus, error):
    serve_images(bus, reader)
    assert b"".join(BusImageSource(Flaky(bus, error), "node.1").read("i")) == IMAGE
    with pytest.raises(type(error)):
        list(BusImageSource(Flaky(bus, error), "node.1", patience_s=-1).read("i"))


def test_a_core_that_is_away_is_told(bus):
    with pytest.raises(NoResponder):
        list(BusImageSource(bus, "node.1").read("i"))


@pytest.mark.parametrize(("offset", "length"), [(-1, 10), (0, 0), (0, PART_BYTES + 1)])
def test_a_part_out_of_bounds_is_refused(bus, offset, length):
    serve_images(bus, reader)
    with pytest.raises(UnusableRequest):
        ask(bus, "core.host.node.image.read", ImageRead("i", offset, length), ImagePart, 20.0)


def test_the_core_knows_which_host_asks_for_metadata(bus):
    asked: list[tuple[str, MetadataGet]] = []

    def reply(host_name: str, request: MetadataGet) -> MetadataAnswer:
        asked.append((host_name, request))
        return MetadataAnswer(200, "text/plain", b"10.0.0.5")

    serve_metadata(bus, reply)
    request = MetadataGet("net", "10.0.0.5", "/latest/meta-data/local-ipv4", {"x-aws-ec2-metadata-token": "t"})
    answer = MetadataSource(bus, "node.1").get(request)
    assert answer == MetadataAnswer(200, "text/plain", b"10.0.0.5")
    assert asked == [("node.1", request)]
