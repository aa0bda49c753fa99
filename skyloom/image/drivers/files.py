"""Image bytes as files of one folder, named by image id; a half one has another name and is swept at the start."""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from skyloom.image.drivers.contract import BytesGone, Stored
from skyloom.image.errors import StorageFull, TooBig

BLOCK_BYTES = 1 << 20


class FileStore:
    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def sweep(self) -> None:
        """Remove what uploads of an earlier life left half; only while no upload runs."""
        for draft in self.folder.glob("*.draft"):
            draft.unlink()

    def put(self, image_id: str, chunks: Iterable[bytes], limit_bytes: int) -> Stored:
        draft = self.folder / f"{image_id}.{uuid4().hex}.draft"
        try:
            stored = _write(draft, chunks, limit_bytes)
            draft.rename(self.folder / image_id)
            _sync(self.folder)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise StorageFull("The storage for images is full; the image was not kept.") from error
            raise
        finally:
            draft.unlink(missing_ok=True)
        return stored

    def read(self, image_id: str, offset: int, length: int) -> Iterator[bytes]:
        try:
            file = (self.folder / image_id).open("rb")
        except FileNotFoundError as error:
            raise BytesGone(f"The bytes of image {image_id} are gone; delete the image and upload it anew.") from error
        return _blocks(file, offset, length)

    def remove(self, image_id: str) -> None:
        (self.folder / image_id).unlink(missing_ok=True)

    def list(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.suffix != ".draft")


def _write(draft: Path, chunks: Iterable[bytes], limit_bytes: int) -> Stored:
    size, md5, sha512 = 0, hashlib.md5(usedforsecurity=False), hashlib.sha512()
    with draft.open("xb") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > limit_bytes:
                raise TooBig(f"The image is larger than {limit_bytes} bytes, the most that is kept.")
            md5.update(chunk)
            sha512.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return Stored(size, md5.hexdigest(), sha512.hexdigest())


def _blocks(file: BinaryIO, offset: int, length: int) -> Iterator[bytes]:
    with file as source:
        source.seek(offset)
        while length > 0 and (block := source.read(min(length, BLOCK_BYTES))):
            length -= len(block)
            yield block


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
