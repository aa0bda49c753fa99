"""Whether KVM truly boots a guest here.

The device file and even a virtual machine made by its ioctl say too little (a software KVM for special guests has
both), and a libvirtd that believes in a KVM that does not work asks it again for a minute at every call. So a guest is
booted: one boot sector, that ends QEMU with a status which nothing else gives.
"""

import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

BOOT_SECTOR = bytes.fromhex("b010 e6f4 f4 ebfd").ljust(510, b"\0") + b"\x55\xaa"
"""mov al, 16; out 0xf4, al; hlt; jmp to the hlt."""

BOOTED = (16 << 1) | 1
"""What isa-debug-exit makes of the 16 written to its port."""


def kvm_works(folder: Path, limit_s: float = 3.0) -> bool:
    """The answer is kept in `folder` until the machine is booted again."""
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    kept = folder / "kvm"
    if kept.exists():
        kept_boot_id, _, answer = kept.read_text().partition(" ")
        if kept_boot_id == boot_id:
            return answer == "works"
    works = _cpu_virtualises() and os.access("/dev/kvm", os.R_OK | os.W_OK) and boots_with("kvm", limit_s)
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / "kvm.draft"
    draft.write_text(f"{boot_id} {'works' if works else 'fails'}")
    draft.rename(kept)
    return works


def _cpu_virtualises() -> bool:
    if platform.machine() != "x86_64":
        return False
    words = Path("/proc/cpuinfo").read_text().split()
    return "vmx" in words or "svm" in words


def boots_with(accelerator: str, limit_s: float) -> bool:
    """Boot the probe with QEMU's `accelerator` ("kvm", "tcg")."""
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        return False
    with tempfile.NamedTemporaryFile(prefix="skyloom-kvm-") as disk:
        disk.write(BOOT_SECTOR)
        disk.truncate(1440 * 1024)
        disk.flush()
        argv = [qemu, "-accel", accelerator, "-m", "16", "-nodefaults", "-display", "none", "-no-reboot"]
        argv += ["-drive", f"file={disk.name},format=raw,if=floppy,readonly=on"]
        argv += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        try:
            ended = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit_s, check=False)
        except subprocess.TimeoutExpired:
            return False
    return ended.returncode == BOOTED
