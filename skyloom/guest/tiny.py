"""Builds the tiny guest, once for each recipe.

An image is named by a hash of its recipe (this package's files) and of the packages in it, and is put in place by one
rename: what stands at its name is whole, and a second call with the same recipe finds it. One builder works in a
folder at a time; drafts that a killed one left are removed by the next.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from skyloom.guest import disk, tools, tree
from skyloom.guest.errors import GuestToolFailed
from skyloom.guest.packages import KERNEL, Archive, Package, kernel_of

PREFIX = "tiny-"
DRAFT = "draft"


@dataclass(frozen=True)
class TinyImage:
    """`qcow2` boots by itself (BIOS); `kernel` and `initrd` boot the same guest directly, in RAM without a disk."""

    qcow2: Path
    kernel: Path
    initrd: Path


def build(folder: Path, progress: Callable[[str], None]) -> TinyImage:
    """The tiny guest in `folder`, built unless it is there; `progress` gets one line a step.

    Raises GuestToolsMissing, PackagesNotFound or GuestToolFailed, each with its remedy.
    """
    tools.require_all()
    folder.mkdir(parents=True, exist_ok=True)
    with _sole_builder(folder):
        archive = Archive(folder / "packages", progress)
        packages = archive.find([KERNEL, *tree.PACKAGES])
        image = _image_at(folder / image_name(packages))
        if image.qcow2.exists():
            return image
        try:
            debs = _fetch(archive, packages)
        except GuestToolFailed as failed:
            progress(str(failed))
            # The archive keeps no old versions: what this machine's lists name may be gone from it.
            archive.refresh()
            packages = archive.find([KERNEL, *tree.PACKAGES])
            image = _image_at(folder / image_name(packages))
            if image.qcow2.exists():
                return image
            debs = _fetch(archive, packages)
        draft = folder / DRAFT
        _make(debs, draft, _image_at(draft / "image"), progress)
        (draft / "image").rename(image.qcow2.parent)
        shutil.rmtree(draft)
        progress(f"Built {image.qcow2}")
        return image


def recipe_hash(recipe: Path) -> str:
    """Of every file that says how the guest is made."""
    digest = hashlib.sha256()
    for path in sorted([*recipe.glob("*.py"), *recipe.glob("files/*")]):
        digest.update(f"{path.relative_to(recipe)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def image_name(packages: list[Package]) -> str:
    parts = [
        recipe_hash(Path(__file__).parent),
        *sorted(f"{package.name}={package.version} {package.sha256}" for package in packages),
    ]
    return PREFIX + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _image_at(folder: Path) -> TinyImage:
    return TinyImage(qcow2=folder / "tiny.qcow2", kernel=folder / "vmlinuz", initrd=folder / "initrd")


def _fetch(archive: Archive, packages: list[Package]) -> list[Path]:
    """The kernel's own package takes its metapackage's place."""
    metapackage, *others = packages
    return archive.fetch([*archive.find([kernel_of(metapackage)]), *others])


def _make(debs: list[Path], draft: Path, image: TinyImage, progress: Callable[[str], None]) -> None:
    unpacked, root, work = draft / "unpacked", draft / "root", draft / "work"
    for folder in (unpacked, root, work, image.qcow2.parent):
        folder.mkdir(parents=True)
    progress("Unpacking the packages")
    for deb in debs:
        tools.run(["dpkg-deb", "-x", deb, unpacked])
    progress("Making the root tree and the initial RAM disk")
    tree.grow(unpacked, root)
    (kernel,) = (unpacked / "boot").glob("vmlinuz-*")
    shutil.copyfile(kernel, image.kernel)
    disk.write_initrd(root, work / "initrd")
    shutil.copyfile(work / "initrd", image.initrd)
    progress("Making the disk")
    tree.remove_first_stage(root)
    disk.write_disk(root, image.kernel, image.initrd, tree.FILES / "syslinux.cfg", work / "tiny.qcow2")
    (work / "tiny.qcow2").rename(image.qcow2)


@contextmanager
def _sole_builder(folder: Path) -> Iterator[None]:
    """The lock ends with the process that holds it, however that ends."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / DRAFT).exists():
            shutil.rmtree(folder / DRAFT)
        yield
