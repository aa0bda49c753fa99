"""The programs the builder runs, the Debian package of each, and one way to run them.

All of them work for a plain user: nothing here mounts, makes a device or becomes root.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from skyloom.guest.errors import GuestToolFailed, GuestToolsMissing

PACKAGE_OF = {
    "apt-cache": "apt",
    "apt-get": "apt",
    "cpio": "cpio",
    "debugfs": "e2fsprogs",
    "depmod": "kmod",
    "dpkg-deb": "dpkg",
    "mcopy": "mtools",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "qemu-img": "qemu-utils",
    "syslinux": "syslinux",
    "zstd": "zstd",
}
MASTER_BOOT_CODE = Path("/usr/lib/syslinux/mbr/mbr.bin")  # of syslinux-common

# A plain user's PATH lacks the sbin folders, where mke2fs and its like live.
_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"


def require_all(package_of: Mapping[str, str] = PACKAGE_OF) -> None:
    """Raises GuestToolsMissing that names every package to install."""
    missing = {package for program, package in package_of.items() if shutil.which(program, path=_PATH) is None}
    if not MASTER_BOOT_CODE.exists():
        missing.add("syslinux-common")
    if missing:
        raise GuestToolsMissing(sorted(missing))


def run(argv: Sequence[str | Path], cwd: Path | None = None, words: str = "", timeout_s: float = 300) -> str:
    """Its standard output; `words` is its standard input. Raises GuestToolFailed with what it printed."""
    program = str(argv[0])
    try:
        done = subprocess.run(
            [shutil.which(program, path=_PATH) or program, *argv[1:]],
            cwd=cwd,
            input=words,
            capture_output=True,
            check=False,
            text=True,
            timeout=timeout_s,
            env={**os.environ, "PATH": _PATH, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as late:
        raise GuestToolFailed(program, -1, f"It did not end within {timeout_s:.0f} s.") from late
    if done.returncode != 0:
        raise GuestToolFailed(program, done.returncode, (done.stderr or done.stdout).strip())
    return done.stdout
