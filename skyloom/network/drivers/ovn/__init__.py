"""The network driver over OVN's northbound database."""

from skyloom.network.drivers.ovn.driver import OvnNetwork

__all__ = ["OvnNetwork"]
