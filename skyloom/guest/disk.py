"""Boot media put together from file-system images: nothing is mounted and no device is used.

The disk: a master boot record; partition 1, FAT, with syslinux, kernel and initial RAM disk; partition 2, the ext4
root. Partition 2 claims all that a boot record can describe, and Linux cuts it at the end of the disk: so the root can
grow into whatever disk a flavor asks for, and no guest has to change its partitions. The root is owned by root whoever
builds it.
"""

import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

from skyloom.guest import tools

MIB = 2**20
SECTORS_A_MIB = MIB // 512
LAST_SECTOR = 2**32 - 1
ROOT_MIB = 32
LABEL = "tinyroot"
FAT16, LINUX = 0x06, 0x83


@dataclass(frozen=True)
class Partition:
    start_mib: int
    size_mib: int | None  # None: all the rest
    kind: int
    is_bootable: bool = False


def write_initrd(root: Path, target: Path) -> None:
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    archive = target.with_suffix(".cpio")
    tools.run(["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet", "-F", archive], cwd=root, words="\n".join(names))
    tools.run(["zstd", "-q", "-19", "-T0", "--rm", "-f", archive, "-o", target])


def write_disk(root: Path, kernel: Path, initrd: Path, loader_settings: Path, target: Path) -> None:
    """A compressed qcow2 that a BIOS boots. Drafts are left beside `target`."""
    boot, raw = target.with_suffix(".boot"), target.with_suffix(".raw")
    boot_mib = (kernel.stat().st_size + initrd.stat().st_size) // MIB + 4
    _write_boot(boot, boot_mib, {"vmlinuz": kernel, "initrd": initrd, "syslinux.cfg": loader_settings})
    ext4 = target.with_suffix(".ext4")
    _write_root(root, ext4)
    first = Partition(1, boot_mib, FAT16, is_bootable=True)
    second = Partition(1 + boot_mib, None, LINUX)
    with raw.open("wb") as disk:
        disk.write(boot_record(tools.MASTER_BOOT_CODE.read_bytes(), [first, second]))
        for partition, content in ((first, boot), (second, ext4)):
            disk.seek(partition.start_mib * MIB)
            with content.open("rb") as source:
                shutil.copyfileobj(source, disk, MIB)
        disk.truncate((second.start_mib + ROOT_MIB + 1) * MIB)
    tools.run(["syslinux", "--install", "--offset", str(first.start_mib * MIB), raw])
    tools.run(["qemu-img", "convert", "-c", "-O", "qcow2", raw, target])


def boot_record(code: bytes, partitions: list[Partition]) -> bytes:
    """The first sector: boot code (at most 440 bytes), a signature, up to four partitions, 55 AA."""
    beyond_cylinders = b"\xfe\xff\xff"  # says: read the sector numbers instead
    table = b"".join(
        struct.pack(
            "<B3sB3sII",
            0x80 if partition.is_bootable else 0,
            beyond_cylinders,
            partition.kind,
            beyond_cylinders,
            start,
            LAST_SECTOR - start if partition.size_mib is None else partition.size_mib * SECTORS_A_MIB,
        )
        for partition in partitions
        for start in [partition.start_mib * SECTORS_A_MIB]
    )
    return struct.pack("<440s4s2x64s2s", code, b"tiny", table, b"\x55\xaa")


def _write_boot(image: Path, size_mib: int, files: dict[str, Path]) -> None:
    tools.run(["mkfs.vfat", "-n", "TINYBOOT", "-F", "16", "-C", image, str(size_mib * 1024)])
    for name, source in files.items():
        tools.run(["mcopy", "-i", image, source, f"::/{name}"])


def _write_root(root: Path, image: Path) -> None:
    # 4 KiB blocks whatever the size: it grows by 128 MiB groups, not by 8 MiB ones.
    tools.run(["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-m", "0", "-L", LABEL, "-d", root, image, f"{ROOT_MIB}M"])
    if os.geteuid() != 0:
        _give_to_root(root, image)


def _give_to_root(root: Path, image: Path) -> None:
    """mke2fs copies the builder's own ids, with which SSH would refuse root's keys."""
    paths = ["/", *(f"/{path.relative_to(root)}" for path in root.rglob("*"))]
    words = "".join(f'set_inode_field "{path}" {field} 0\n' for path in paths for field in ("uid", "gid"))
    tools.run(["debugfs", "-w", "-f", "-", image], words=words)
