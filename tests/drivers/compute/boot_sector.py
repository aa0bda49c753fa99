"""The smallest guests there are: one boot sector that says it is ready on the serial line, then waits.

The obedient one powers off when the power button is pressed (it reads the PIIX4's own registers, as SeaBIOS lays them
out on a 'pc' machine); the deaf one never hears it.
"""

import hashlib
import struct
from collections.abc import Iterator

from skyloom.compute.drivers.contract import ImageGone, ImageSpec

PRINT = "31c0 8ed8 bc007c be307c ac 84c0 7406 baf803 ee ebf5"  # stack; each byte of the text to 0x3f8
ARM = "ba0206 b8{armed} ef fb"  # the power button's enable bit, at 0x602; sti
WAIT = "f4 ba0006 ed f6c401 74f6"  # hlt; pressed? at 0x600
OFF = "ba0406 b80020 ef ebed"  # soft off, at 0x604; wait again
READY = b"skyloom boot sector: ready\r\n\0"


def disk(hears_button: bool = True) -> bytes:
    code = bytes.fromhex(" ".join([PRINT, ARM.format(armed="0001" if hears_button else "0000"), WAIT, OFF]))
    return ((code + READY).ljust(510, b"\0") + b"\x55\xaa").ljust(1024**2, b"\0")


def qcow2_header(backing_file: bool = False, data_file: bool = False) -> bytes:
    """Of a disk of 1 MiB that names another file."""
    name = b"/etc/shadow"
    return struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        *(b"QFI\xfb", 3, 112 if backing_file else 0, len(name) if backing_file else 0, 16, 1024**2, 0, 0),
        *(0, 0, 0, 0, 0, 4 if data_file else 0, 0, 0, 4, 104),
    ).ljust(112, b"\0") + name.ljust(400, b"\0")


class Images:
    """An ImageSource out of a dict, that counts how often each was fetched."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.fetches: list[str] = []

    def add(self, id: str, content: bytes, disk_format: str = "raw") -> ImageSpec:
        self.content[id] = content
        checksum = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return ImageSpec(id, disk_format, len(content), checksum)

    def read(self, image_id: str) -> Iterator[bytes]:
        self.fetches.append(image_id)
        if image_id not in self.content:
            raise ImageGone(f"There is no image {image_id}.")
        content = self.content[image_id]
        for start in range(0, len(content), 65536):
            yield content[start : start + 65536]
