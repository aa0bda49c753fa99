"""An image's bytes on their way to a host, part by part over the bus.

The core tells with each part how long the whole image is and what its checksum is, so that a driver never takes a
piece of an image for all of it.
"""

import hashlib
import time
from collections.abc import Callable, Iterator

from skyloom.agent.protocol import ImagePart, ImageRead, UnusableRequest, answer, ask, told_by
from skyloom.bus import Bus, ConnectionLost, NoResponder, RequestTimeout, Subscription
from skyloom.errors import Unavailable

PART_BYTES = 512 * 1024
PAUSE_S = 0.2


class ImageIncomplete(Unavailable):
    code = "host.image_incomplete"

    def __init__(self, image_id: str):
        super().__init__(f"Image {image_id} did not arrive whole; ask again.", image_id=image_id)


class BusImageSource:
    """An ImageSource of the host `host_name`. Its `read` raises ImageGone, ImageIncomplete or the bus's errors."""

    def __init__(self, bus: Bus, host_name: str, timeout_s: float = 30.0, patience_s: float = 30.0):
        """Once a part has come, the next one is asked for again for `patience_s` while the core cannot be reached."""
        self.bus = bus
        self.subject = told_by(host_name, "image.read")
        self.timeout_s = timeout_s
        self.patience_s = patience_s

    def read(self, image_id: str) -> Iterator[bytes]:
        """The image in parts. Only when the iteration has ended without an error were they all and the right ones."""
        digest = hashlib.md5(usedforsecurity=False)
        offset = 0
        while True:
            part = self._part(image_id, offset)
            digest.update(part.data)
            offset += len(part.data)
            if offset > part.size or (not part.data and offset < part.size):
                raise ImageIncomplete(image_id)
            if part.data:
                yield part.data
            if offset == part.size:
                break
        if part.checksum is not None and digest.hexdigest() != part.checksum:
            raise ImageIncomplete(image_id)

    def _part(self, image_id: str, offset: int) -> ImagePart:
        """A broker or a core that restarts shall not cost the gigabytes that have come already."""
        request = ImageRead(image_id, offset, PART_BYTES)
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                return ask(self.bus, self.subject, request, ImagePart, self.timeout_s)
            except (ConnectionLost, NoResponder, RequestTimeout):
                if offset == 0 or time.monotonic() > deadline:
                    raise
                time.sleep(PAUSE_S)


def serve_images(bus: Bus, reader: Callable[[str, int, int], ImagePart], workers: int = 4) -> Subscription:
    """The core's side. `reader(image_id, offset, length)` gives at most `length` bytes, none at the end of the image,
    and raises ImageGone for an image that is no more."""

    def act(request: ImageRead) -> ImagePart:
        if request.offset < 0 or not 0 < request.length <= PART_BYTES:
            raise UnusableRequest(f"A part of an image has 1 to {PART_BYTES} bytes; ask for such a one.")
        return reader(request.image_id, request.offset, request.length)

    return bus.serve("core.host.*.image.read", lambda _, payload: answer(payload, ImageRead, act), workers)
