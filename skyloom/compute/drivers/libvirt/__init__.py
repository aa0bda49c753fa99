"""Guests by libvirt: QEMU with KVM where it truly works, QEMU's own translator (TCG) else."""

from skyloom.compute.drivers.libvirt.driver import HostSettings, LibvirtDriver
from skyloom.compute.drivers.libvirt.plug import Switch

__all__ = ["HostSettings", "LibvirtDriver", "Switch"]
