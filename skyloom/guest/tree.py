"""The guest's root tree: busybox, dropbear, ext4's tools, a few kernel modules, and the files of files/.

The same tree becomes the initial RAM disk and, without the first stage, the root on the disk.
"""

import re
import shutil
from pathlib import Path

from skyloom.guest import tools

PACKAGES = (
    "busybox",
    "dropbear-bin",
    "e2fsprogs",
    "libblkid1",
    "libc6",
    "libcom-err2",
    "libcrypt1",
    "libext2fs2",
    "libgmp10",
    "libtomcrypt1",
    "libtommath1",
    "libuuid1",
    "zlib1g",
)

PROGRAMS = ("bin/busybox", "usr/sbin/dropbear", "usr/bin/dropbearkey", "sbin/mke2fs", "sbin/resize2fs")
APPLETS_IN_SBIN = ("init", "getty", "poweroff", "reboot")
MODULES = (
    *("virtio_pci", "virtio_blk", "virtio_net", "virtio_scsi", "virtio-rng", "virtio_console", "virtio_balloon"),
    *("ata_piix", "sd_mod", "sr_mod", "isofs", "vfat", "nls_cp437", "nls_ascii", "nls_utf8"),
    *("button", "evdev", "8021q"),
)
FOLDERS = (
    *("bin", "sbin", "lib/modules", "lib64", "etc/dropbear", "root/.ssh", "var/lib", "var/log"),
    *("dev", "proc", "sys", "run", "tmp", "mnt", "newroot"),
)

FILES = Path(__file__).with_name("files")
# name in files/ -> place in the guest, mode
PLACES = {
    "init": ("init", 0o755),
    "rc": ("etc/rc", 0o755),
    "cloud": ("etc/cloud", 0o755),
    "instance-data": ("etc/instance-data", 0o755),
    "udhcpc": ("etc/udhcpc", 0o755),
    # busybox acpid's own name for the press of the button
    "power-button": ("etc/acpi/PWRF/00000080", 0o755),
    "sudo": ("bin/sudo", 0o755),
    "lsblk": ("bin/lsblk", 0o755),
    "inittab": ("etc/inittab", 0o644),
    "issue": ("etc/issue", 0o644),
    "passwd": ("etc/passwd", 0o644),
    "group": ("etc/group", 0o644),
    "shadow": ("etc/shadow", 0o600),
}
FIRST_STAGE = ("init", "newroot", "lib/modules")


def grow(unpacked: Path, root: Path) -> None:
    """Make the tree at `root` from packages unpacked into `unpacked`."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
    for name, (place, mode) in PLACES.items():
        target = root / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(FILES / name, target)
        target.chmod(mode)
    (root / "etc/hostname").write_text("tiny\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "etc/shells").write_text("/bin/sh\n")
    (root / "root/.ssh/authorized_keys").touch(mode=0o600)
    for folder in ("root", "root/.ssh"):
        (root / folder).chmod(0o700)
    _add_programs(unpacked, root)
    _add_modules(unpacked, root / "lib/modules")


def remove_first_stage(root: Path) -> None:
    """What the initial RAM disk needs and the root on the disk does not."""
    for name in FIRST_STAGE:
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _add_programs(unpacked: Path, root: Path) -> None:
    loader = unpacked / "lib64/ld-linux-x86-64.so.2"
    folders = [unpacked / "lib/x86_64-linux-gnu", unpacked / "usr/lib/x86_64-linux-gnu"]
    libraries = root / "usr/lib/x86_64-linux-gnu"
    libraries.mkdir(parents=True)
    for program in PROGRAMS:
        source = unpacked / program
        shutil.copy2(source, root / "bin" / source.name)
        # The guest's own loader tells what a program needs, from the guest's own libraries.
        needed = tools.run([loader, "--library-path", ":".join(map(str, folders)), "--list", source])
        for library in re.findall(r"=> (\S+) \(", needed):
            if Path(library) != loader:
                shutil.copy2(library, libraries / Path(library).name)
    shutil.copy2(loader, root / "lib64" / loader.name)
    for applet in tools.run([root / "bin/busybox", "--list"]).split():
        link = root / "bin" / applet
        if not link.exists():
            link.symlink_to("busybox")
    for applet in APPLETS_IN_SBIN:
        (root / "sbin" / applet).symlink_to("../bin/busybox")
    for kind in ("ext2", "ext3", "ext4"):
        (root / f"bin/mkfs.{kind}").symlink_to("mke2fs")


def _add_modules(unpacked: Path, modules: Path) -> None:
    (kernel,) = (unpacked / "lib/modules").iterdir()
    tools.run(["depmod", "-b", unpacked, kernel.name])
    needs = closure((kernel / "modules.dep").read_text(), MODULES)
    target = modules / kernel.name
    target.mkdir()
    for path in needs:
        shutil.copy2(kernel / path, target / Path(path).name)
    lines = [f"{Path(path).name}: {' '.join(Path(one).name for one in ones)}\n" for path, ones in needs.items()]
    (target / "modules.dep").write_text("".join(lines))
    (modules / "wanted").write_text("\n".join(MODULES))


def closure(dependencies: str, modules: tuple[str, ...]) -> dict[str, list[str]]:
    """The paths of the modules and of all they need, each with what it needs; built-in ones are not among them.

    `dependencies` is modules.dep, a line for each module: its path, a colon, the paths of all that it needs.
    """
    needs = {path: rest.split() for path, _, rest in (line.partition(":") for line in dependencies.splitlines())}
    path_of = {Path(path).stem: path for path in needs}
    wanted = [path_of[module] for module in modules if module in path_of]
    return {path: needs[path] for module in wanted for path in [module, *needs[module]]}
