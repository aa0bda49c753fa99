"""What this machine can do: looked for, never assumed."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class Finding(NamedTuple):
    """`remark`: what was found, or what to do to have it."""

    part: str
    is_there: bool
    remark: str


def hypervisor() -> list[Finding]:
    """What the qemu hypervisor needs; all must be there."""
    return [
        _root("qemu"),
        _program("qemu-system-x86_64", "qemu-system-x86"),
        _program("qemu-img", "qemu-utils"),
        _program("libvirtd", "libvirt-daemon-system"),
        _program("virtlogd", "libvirt-daemon-system"),
        _program("genisoimage", "genisoimage"),
        Finding("libvirt-python", find_spec("libvirt") is not None, "pip install 'skyloom[libvirt]'"),
        Finding("tun", os.access("/dev/net/tun", os.R_OK | os.W_OK), "an accessible /dev/net/tun: modprobe tun"),
    ]


def network() -> list[Finding]:
    """What OVN needs; all must be there."""
    from skyloom.parts import ovn

    lacks = ovn.missing()
    remark = f"lacks {'; '.join(lacks)} (apt-get install ovn-central ovn-host openvswitch-switch)" if lacks else "ready"
    return [Finding("ovn", not lacks, remark)]


def others() -> list[Finding]:
    has_postgresql = any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return [
        _program("nats-server", "nats-server"),
        Finding("postgresql", has_postgresql, "apt-get install postgresql"),
        Finding(
            "kvm",
            "vmx" in _cpu_flags() or "svm" in _cpu_flags(),
            "CPU flags vmx or svm; without them guests run in TCG",
        ),
    ]


def lacking(findings: list[Finding]) -> list[str]:
    return [finding.part for finding in findings if not finding.is_there]


def _program(name: str, package: str) -> Finding:
    path = shutil.which(name, path=SBIN)
    return Finding(name, path is not None, path or f"apt-get install {package}")


def _root(part: str) -> Finding:
    return Finding("root", os.geteuid() == 0, "root" if os.geteuid() == 0 else f"{part} needs root here: use sudo")


def _cpu_flags() -> set[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split())
    return set()
