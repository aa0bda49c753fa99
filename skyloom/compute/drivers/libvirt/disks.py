"""The files of guests: images, fetched once a host, and the disks laid over them.

What must stay true: a file has its final name only when it is whole and good; every format is told, never guessed; a
root disk names its image by a relative path, since QEMU sees the folder elsewhere than we do.
"""

import errno
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from contextlib import contextmanager
from pathlib import Path

from skyloom.compute.drivers.contract import BuildFailed, HostFull, ImageSource, ImageSpec, Progress, ServerSpec
from skyloom.compute.drivers.image_check import HEADER_BYTES, refuse_format, refuse_hostile, verified, virtual_size

GIB = 1024**3
FETCHES_AT_ONCE = 4
PATIENCE_S = 1.0
"""How long a build waits for its image within one call: most images are there sooner than the next call would be."""
UNUSED_IMAGE_KEPT_S = 24 * 3600
INSPECT_LIMITS = ["prlimit", "--as=1073741824", "--cpu=30", "--"]


class ImageCache:
    """`folder/ID`: an image that was verified. Many builds of one image fetch it once."""

    def __init__(self, folder: Path, images: ImageSource, owner: tuple[int, int]):
        self.folder = folder
        self.images = images
        self.owner = owner
        self._lock = threading.Lock()
        self._fetches: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(FETCHES_AT_ONCE, thread_name_prefix="image-fetch")
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)

    def ensure(self, image: ImageSpec) -> Progress:
        """RUNNING while it is fetched. What a fetch failed with is raised once to each that waits; then it is new."""
        refuse_format(image)
        with self._lock:
            if self.path(image.id).exists():
                os.utime(self.path(image.id))
                return Progress.DONE
            fetch = self._fetches.get(image.id)
            if fetch is None:
                fetch = self._fetches[image.id] = self._pool.submit(self._fetch, image)
        try:
            fetch.result(PATIENCE_S)
        except TimeoutError:
            if not fetch.done():
                return Progress.RUNNING
            raise
        finally:
            with self._lock:
                if fetch.done() and self._fetches.get(image.id) is fetch:
                    del self._fetches[image.id]
        return Progress.DONE

    def path(self, image_id: str) -> Path:
        if "/" in image_id or image_id.startswith("."):
            raise BuildFailed(f"{image_id!r} is no image id.")
        return self.folder / image_id

    def prune(self, used: set[str], older_than_s: float = UNUSED_IMAGE_KEPT_S) -> None:
        """Forget images which no disk lies on and nobody asked for since."""
        limit = time.time() - older_than_s
        with self._lock:
            for path in self.folder.iterdir():
                fetched = path.name.removesuffix(".draft")
                if fetched not in used and fetched not in self._fetches and path.stat().st_mtime < limit:
                    path.unlink()

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _fetch(self, image: ImageSpec) -> None:
        draft = self.folder / f"{image.id}.draft"
        try:
            with full_disk_told(), draft.open("wb") as file:
                for chunk in verified(image, self.images.read(image.id)):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            refuse_hostile(image, _head(draft))
            _inspect(image, draft)
            own(draft, self.owner, 0o640)
            draft.rename(self.path(image.id))
        finally:
            draft.unlink(missing_ok=True)


def ensure_root_disk(spec: ServerSpec, image_path: Path | None, path: Path, owner: tuple[int, int]) -> None:
    """A qcow2 over the image, or an empty one: as large as the flavor says, and never smaller than the image."""
    if path.exists():
        return
    size = spec.disk_gib * GIB
    backing: list[str] = []
    if spec.image is not None and image_path is not None:
        size = max(size, virtual_size(spec.image.disk_format, _head(image_path), image_path.stat().st_size))
        backing = ["-F", spec.image.disk_format, "-b", os.path.relpath(image_path, path.parent)]
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(draft), str(max(size, 1024**2))]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        if "No space left" in done.stderr:
            raise _disk_full()
        raise BuildFailed("The server's disk cannot be made of this image and size.") from RuntimeError(done.stderr)
    own(draft, owner, 0o600)
    draft.rename(path)


def remove_folder(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)


def own(path: Path, owner: tuple[int, int], mode: int) -> None:
    """Give a file to QEMU's user before it gets its final name."""
    path.chmod(mode)
    os.chown(path, *owner)


@contextmanager
def full_disk_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _disk_full() from error
        raise


def _disk_full() -> HostFull:
    return HostFull("The host's disk is full; build the server on another host.")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEADER_BYTES)


def _inspect(image: ImageSpec, path: Path) -> None:
    """qemu-img must understand it, within limits: its parsers are fed by strangers."""
    argv = [*INSPECT_LIMITS, "qemu-img", "info", "--output=json", "-f", image.disk_format, str(path)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
        seen = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        raise BuildFailed(f"Image {image.id} is damaged; upload it again.") from error
    if seen.get("backing-filename") or seen.get("format-specific", {}).get("data", {}).get("data-file"):
        raise BuildFailed(f"Image {image.id} refers to another file; flatten it with qemu-img convert.")
