"""The image cache: one fetch for all, nothing half done, nothing kept for ever."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from skyloom.compute.drivers.contract import BuildFailed, Progress
from skyloom.compute.drivers.libvirt.config_drive import write_config_drive
from skyloom.compute.drivers.libvirt.disks import ImageCache

from .boot_sector import Images, disk
from .conftest import until

OWNER = (os.geteuid(), os.getegid())


class SlowImages(Images):
    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def read(self, image_id: str) -> Iterator[bytes]:
        assert self.gate.wait(60)
        yield from super().read(image_id)


@pytest.fixture
def images() -> SlowImages:
    return SlowImages()


@pytest.fixture
def cache(tmp_path: Path, images: SlowImages) -> Iterator[ImageCache]:
    made = ImageCache(tmp_path / "images", images, OWNER)
    yield made
    images.gate.set()
    made.close()


def test_a_slow_fetch_does_not_hold_the_caller(cache: ImageCache, images: SlowImages) -> None:
    image = images.add("slow", disk())
    assert cache.ensure(image) is Progress.RUNNING
    assert cache.ensure(image) is Progress.RUNNING
    assert not cache.path("slow").exists()
    images.gate.set()
    until(lambda: cache.ensure(image) is Progress.DONE)
    assert cache.path("slow").read_bytes() == disk()
    assert images.fetches == ["slow"]


def test_a_failed_fetch_leaves_nothing_and_may_be_repeated(cache: ImageCache, images: SlowImages) -> None:
    images.gate.set()
    good = images.add("image", disk())
    images.content["image"] = disk()[:-1]
    with pytest.raises(BuildFailed):
        cache.ensure(good)
    assert list(cache.folder.iterdir()) == []
    images.content["image"] = disk()
    assert cache.ensure(good) is Progress.DONE


def test_images_that_no_disk_lies_on_are_forgotten_after_a_while(cache: ImageCache, images: SlowImages) -> None:
    images.gate.set()
    for id in ("used", "unused", "fresh"):
        cache.ensure(images.add(id, disk()))
    for id in ("used", "unused"):
        os.utime(cache.path(id), (0, 0))
    cache.prune({"used"})
    assert {path.name for path in cache.folder.iterdir()} == {"used", "fresh"}


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", ""])
def test_a_config_drive_writes_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(BuildFailed):
        write_config_drive({name: b"x"}, tmp_path / "config.iso")
    assert list(tmp_path.iterdir()) == []
