"""The table of hypervisors is drawn from what they declare."""

import pytest

from skyloom.compute.drivers.libvirt import LibvirtDriver
from skyloom.compute.drivers.parity import CAPABILITIES, render_parity
from skyloom.compute.drivers.simulated import SimulatedDriver


def test_each_capability_has_a_row_and_each_driver_a_column() -> None:
    table = render_parity({"libvirt": LibvirtDriver.capabilities, "simulated": SimulatedDriver.capabilities})
    assert table.splitlines()[0] == "| capability | libvirt | simulated |"
    assert len(table.splitlines()) == 2 + len(CAPABILITIES)
    assert "| runs real guests | yes | no |" in table


def test_an_undescribed_capability_is_refused() -> None:
    with pytest.raises(ValueError, match="flying"):
        render_parity({"x": frozenset({"flying"})})
