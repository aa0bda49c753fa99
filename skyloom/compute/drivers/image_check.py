"""What every hypervisor refuses of an image before it boots it.

An image comes from a user. A qcow2 file may name other files (a backing file, a data file) which the host would open in
the user's place, so such a one is refused by its header, before any program follows it.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator

from skyloom.compute.drivers.contract import BuildFailed, ImageSpec

DISK_FORMATS = frozenset({"raw", "qcow2"})
HEADER_BYTES = 104
DATA_FILE_BIT = 1 << 2
CHECKSUMS = {32: "md5", 64: "sha256", 128: "sha512"}
"""Which one a checksum is, by its hexadecimal length; the image API's own is md5."""


def refuse_format(image: ImageSpec) -> None:
    if image.disk_format not in DISK_FORMATS:
        raise BuildFailed(f"Image {image.id} is {image.disk_format}; this host boots raw and qcow2 images only.")


def verified(image: ImageSpec, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same chunks; raises BuildFailed after the last one if they are not the image's."""
    checksum = image.checksum or ""
    if checksum and len(checksum) not in CHECKSUMS:
        raise BuildFailed(f"Image {image.id} has a checksum of an unknown kind.")
    digest = hashlib.new(CHECKSUMS[len(checksum)], usedforsecurity=False) if checksum else None
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > image.size:
            break
        if digest is not None:
            digest.update(chunk)
        yield chunk
    if size != image.size:
        raise BuildFailed(f"Image {image.id} did not arrive with its {image.size} bytes; upload it again.")
    if digest is not None and digest.hexdigest() != checksum:
        raise BuildFailed(f"Image {image.id} arrived with a wrong checksum; upload it again.")


def refuse_hostile(image: ImageSpec, head: bytes) -> None:
    """`head`: the first bytes of the image, HEADER_BYTES if it has so many."""
    if image.disk_format != "qcow2":
        return
    if len(head) < 72 or head[:4] != b"QFI\xfb":
        raise BuildFailed(f"Image {image.id} is said to be qcow2 and is not; set its disk_format to what it is.")
    version, backing_offset = struct.unpack_from(">IQ", head, 4)
    encryption = struct.unpack_from(">I", head, 32)[0]
    incompatible = struct.unpack_from(">Q", head, 72)[0] if version >= 3 and len(head) >= HEADER_BYTES else 0
    if version not in (2, 3) or (version == 3 and len(head) < HEADER_BYTES):
        raise BuildFailed(f"Image {image.id} is no qcow2 of version 2 or 3; convert it with qemu-img.")
    if backing_offset or incompatible & DATA_FILE_BIT:
        raise BuildFailed(f"Image {image.id} refers to another file; flatten it with qemu-img convert.")
    if encryption:
        raise BuildFailed(f"Image {image.id} is encrypted inside its qcow2; convert it with qemu-img.")


def virtual_size(disk_format: str, head: bytes, file_size: int) -> int:
    """In bytes, of an image that was not refused."""
    return int(struct.unpack_from(">Q", head, 24)[0]) if disk_format == "qcow2" else file_size
