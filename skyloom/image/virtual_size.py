"""The size that an image's disk has for a guest, read from the first bytes of the file."""

import struct

HEAD_BYTES = 512


def of(disk_format: str | None, head: bytes, size: int) -> int | None:
    """In bytes: the file's own size for raw and iso, qcow2's header field (QEMU docs/interop/qcow2.txt, bytes 24-31);
    None where the format hides it deeper."""
    if disk_format in ("raw", "iso", "ami"):
        return size
    if disk_format == "qcow2" and len(head) >= 32 and head[:4] == b"QFI\xfb":
        return int(struct.unpack(">Q", head[24:32])[0])
    return None
