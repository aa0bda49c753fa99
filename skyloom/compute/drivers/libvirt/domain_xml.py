"""A server as libvirt's XML. Pure: the same spec gives the same text.

A 'pc' machine, since it boots as quickly as a q35 and takes hot-plugged disks and NICs without ports laid in before.
virtio everywhere; the config drive too is a disk, so that no guest needs an IDE or SATA driver for it.
"""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from skyloom.compute.drivers.contract import Nic, ServerSpec

METADATA = "urn:skyloom:server:1"
TB_CACHE_MIB = 64
"""QEMU's own bound for translated code is a quarter of the host's memory for each guest."""


@dataclass(frozen=True)
class Disk:
    """`path` and `backing_path` as QEMU sees them. Every format is told: to guess one would let a guest choose it."""

    path: Path
    disk_format: str
    backing_path: Path | None = None
    backing_format: str | None = None
    is_read_only: bool = False


@dataclass(frozen=True)
class Layout:
    """Where the host puts a server. `bridge` None: the taps hang free. `log` and `vnc_socket` as QEMU sees them."""

    accelerator: str
    disks: tuple[Disk, ...]
    console_log: Path
    vnc_socket: Path
    bridge: str | None = None
    userspace_datapath: bool = False


def domain_name(server_id: str) -> str:
    return f"instance-{server_id.replace('-', '')[:12]}"


def tap_name(port_id: str) -> str:
    """At most 15 bytes, as the kernel wants it."""
    return f"tap{port_id[:11]}"


def domain_xml(spec: ServerSpec, layout: Layout) -> str:
    is_kvm = layout.accelerator == "kvm"
    domain = ElementTree.Element("domain", type="kvm" if is_kvm else "qemu")
    _add(domain, "name", domain_name(spec.id))
    _add(domain, "uuid", spec.id)
    server = _add(_add(domain, "metadata"), f"{{{METADATA}}}server")
    _add(server, f"{{{METADATA}}}name", spec.name)
    _add(server, f"{{{METADATA}}}project", spec.project_id)
    _add(domain, "memory", str(spec.memory_mib), unit="MiB")
    _add(domain, "vcpu", str(spec.vcpus))
    _add_firmware(domain, spec)
    features = _add(domain, "features")
    _add(features, "acpi")
    _add(features, "apic")
    if is_kvm:
        _add(domain, "cpu", mode="host-model")
    else:
        _add(_add(features, "tcg"), "tb-cache", str(TB_CACHE_MIB), unit="MiB")
        # Five levels of page tables are dear to translate and buy nothing.
        _add(_add(domain, "cpu", mode="maximum"), "feature", policy="disable", name="la57")
    _add(_add(domain, "clock", offset="utc"), "timer", name="hpet", present="no")
    _add(domain, "on_poweroff", "destroy")
    _add(domain, "on_reboot", "restart")
    _add(domain, "on_crash", "destroy")
    _add_devices(_add(domain, "devices"), spec, layout)
    return ElementTree.tostring(domain, encoding="unicode")


def _add(parent: ElementTree.Element, tag: str, text: str | None = None, /, **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _add_firmware(domain: ElementTree.Element, spec: ServerSpec) -> None:
    """cloud-init looks for OpenStack's metadata where the product's name tells it to."""
    system = _add(_add(domain, "sysinfo", type="smbios"), "system")
    entries = {"manufacturer": "Skyloom", "product": "OpenStack Compute", "serial": spec.id, "uuid": spec.id}
    for name, value in entries.items():
        _add(system, "entry", value, name=name)
    boot = _add(domain, "os")
    _add(boot, "type", "hvm", arch="x86_64", machine="pc")
    _add(boot, "boot", dev="hd")
    _add(boot, "smbios", mode="sysinfo")


def _add_devices(devices: ElementTree.Element, spec: ServerSpec, layout: Layout) -> None:
    for number, disk in enumerate(layout.disks):
        _add_disk(devices, disk, f"vd{chr(ord('a') + number)}")
    _add(devices, "controller", type="usb", model="none")
    for nic in spec.nics:
        _add_interface(devices, nic, layout)
    serial = _add(devices, "serial", type="pty")
    _add(serial, "log", file=str(layout.console_log), append="on")
    _add(devices, "graphics", type="vnc", socket=str(layout.vnc_socket))
    _add(_add(devices, "video"), "model", type="vga", vram="16384")
    _add(devices, "memballoon", model="virtio")
    _add(_add(devices, "rng", model="virtio"), "backend", "/dev/urandom", model="random")


def _add_disk(devices: ElementTree.Element, disk: Disk, target: str) -> None:
    element = _add(devices, "disk", type="file", device="disk")
    _add(element, "driver", name="qemu", type=disk.disk_format, discard="unmap")
    _add(element, "source", file=str(disk.path))
    # An empty one ends the chain: nothing that a guest writes into its disk's header is ever followed.
    backing = _add(element, "backingStore")
    if disk.backing_path is not None:
        backing.set("type", "file")
        _add(backing, "format", type=disk.backing_format or "raw")
        _add(backing, "source", file=str(disk.backing_path))
        _add(backing, "backingStore")
    _add(element, "target", dev=target, bus="virtio")
    if disk.is_read_only:
        _add(element, "readonly")


def _add_interface(devices: ElementTree.Element, nic: Nic, layout: Layout) -> None:
    if layout.bridge is None:
        interface = _add(devices, "interface", type="ethernet")
    else:
        interface = _add(devices, "interface", type="bridge")
        _add(interface, "source", bridge=layout.bridge)
        port = _add(interface, "virtualport", type="openvswitch")
        _add(port, "parameters", interfaceid=nic.port_id)
    _add(interface, "mac", address=nic.mac)
    _add(interface, "target", dev=tap_name(nic.port_id))
    _add(interface, "model", type="virtio")
    if layout.userspace_datapath:
        # That datapath passes on what the guest leaves for hardware to check: TCP dies, and ping does not show it.
        driver = _add(interface, "driver", name="qemu")
        _add(driver, "host", csum="off", gso="off", tso4="off", tso6="off", ecn="off", ufo="off")
        _add(driver, "guest", csum="off", tso4="off", tso6="off", ecn="off", ufo="off")
    _add(interface, "mtu", size=str(nic.mtu))
    _add(interface, "rom", enabled="no")
