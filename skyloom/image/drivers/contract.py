"""What a store of image bytes must do: keep what was given whole, and nothing of what was not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from skyloom.errors import NotFound


class BytesGone(NotFound):
    code = "image.bytes_gone"


@dataclass(frozen=True, slots=True)
class Stored:
    """`size` in bytes, the digests in hex."""

    size: int
    md5: str
    sha512: str


class ImageStore(Protocol):
    def put(self, image_id: str, chunks: Iterable[bytes], limit_bytes: int) -> Stored:
        """Keep the chunks as the bytes of the image; durable when it returns. An error of `chunks`, a full disk
        (StorageFull) or too many bytes (TooBig) leaves nothing."""
        ...

    def read(self, image_id: str, offset: int, length: int) -> Iterator[bytes]:
        """Those bytes; raises BytesGone before the first of them."""
        ...

    def remove(self, image_id: str) -> None: ...

    def list(self) -> list[str]:
        """The ids of all images of which bytes are kept."""
        ...
