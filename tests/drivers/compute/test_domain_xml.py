"""A spec as libvirt's XML: pure, so seen without a hypervisor."""

from pathlib import Path
from xml.etree import ElementTree

from skyloom.compute.drivers.contract import Nic, ServerSpec
from skyloom.compute.drivers.libvirt.domain_xml import Disk, Layout, domain_xml

SPEC = ServerSpec(
    "5f3b9a52-0c64-4d8e-9d1c-6a9f6a5d0001",
    "<b>&\"'",
    "project",
    2,
    512,
    1,
    None,
    [Nic("1d3c9f20-aaaa-bbbb-cccc-000000000001", "n1", "fa:16:3e:00:00:01", 1442)],
)


def parsed(**more: object) -> ElementTree.Element:
    disks = (Disk(Path("/g/root.qcow2"), "qcow2", Path("/i/1"), "qcow2"), Disk(Path("/g/c"), "raw", is_read_only=True))
    settings: dict[str, object] = {"accelerator": "tcg", "disks": disks, "console_log": Path("/g/console.log")}
    layout = Layout(**{**settings, "vnc_socket": Path("/r/v"), **more})  # type: ignore[arg-type]
    return ElementTree.fromstring(domain_xml(SPEC, layout))


def test_a_name_with_markup_stays_a_name() -> None:
    assert "<b>&\"'" in list(parsed().find("metadata").itertext())  # type: ignore[union-attr]


def test_the_translator_has_a_bounded_cache_and_kvm_has_none() -> None:
    assert parsed().findtext("features/tcg/tb-cache") == "64"
    kvm = parsed(accelerator="kvm")
    assert kvm.get("type") == "kvm" and kvm.find("features/tcg") is None


def test_the_chain_of_each_disk_is_told_to_its_end() -> None:
    for disk in parsed().iterfind("devices/disk"):
        ends = [chain for chain in disk.iter("backingStore") if chain.find("source") is None]
        assert len(ends) == 1
        assert disk.find("driver").get("type") in ("raw", "qcow2")  # type: ignore[union-attr]


def test_a_tap_is_plugged_by_its_port_into_the_bridge() -> None:
    nic = parsed(bridge="br-int").find("devices/interface")
    assert nic is not None
    assert nic.find("virtualport/parameters").get("interfaceid") == SPEC.nics[0].port_id  # type: ignore[union-attr]
    assert nic.find("target").get("dev") == "tap1d3c9f20-aa"  # type: ignore[union-attr]
    assert nic.find("mtu").get("size") == "1442"  # type: ignore[union-attr]
    assert nic.find("driver") is None


def test_checksums_are_the_guests_own_matter_on_a_userspace_datapath() -> None:
    driver = parsed(bridge="br-int", userspace_datapath=True).find("devices/interface/driver")
    assert driver is not None
    assert {part.get("csum") for part in driver} == {"off"}
