"""Metadata at 169.254.169.254 for each network with a guest on this host, also where networks' addresses overlap.

A network has a namespace here, with a link to the switch that carries its metadata port. A listening socket in there
tells the network of who asks, the source address tells the guest (port security keeps guests from lying about it).
Namespaces outlive the agent: the next one finds them by name and listens in them again.
"""

import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from skyloom.network.host.answering import Answering, Source
from skyloom.parts import netns
from skyloom.parts.openvswitch import OpenVSwitch

ADDRESS = "169.254.169.254"
PORT = 80
INNER = "metadata"


@dataclass(frozen=True)
class Place:
    """The metadata port of a network; `addresses` with prefix lengths, one for each of its subnets."""

    port_id: str
    mac: str
    addresses: tuple[str, ...]


class MetadataHost:
    """`switch` is this host's; its namespace's name begins the names of ours, so they go when the cloud is stopped."""

    def __init__(self, switch: OpenVSwitch, source: Source):
        self._switch = switch
        self._prefix = f"{switch.namespace}-md-"
        self._answering = Answering(source)
        self._places: dict[str, Place] = {}
        self._lock = threading.Lock()
        for network_id in self.list_networks():
            self._listen(network_id)

    def ensure_network(self, network_id: str, port_id: str, mac: str, addresses: Sequence[str]) -> None:
        """Cheap if it stands as told."""
        place = Place(port_id, mac, tuple(addresses))
        name = self._namespace(network_id)
        with self._lock:
            is_there = netns.exists(name) and netns.has_link(_link(network_id), self._switch.namespace)
            if not is_there:
                self._answering.leave(network_id)
            if not is_there or self._places.get(network_id) != place:
                self._build(network_id, name, place)
                self._places[network_id] = place
            if not self._answering.serves(network_id):
                self._listen(network_id)

    def remove_network(self, network_id: str) -> None:
        with self._lock:
            self._answering.leave(network_id)
            self._places.pop(network_id, None)
            self._switch.remove_port("br-int", _link(network_id))
            netns.remove_link(_link(network_id), self._switch.namespace)
            netns.remove(self._namespace(network_id))

    def list_networks(self) -> list[str]:
        return [name.removeprefix(self._prefix) for name in netns.names(self._prefix)]

    def close(self) -> None:
        """Stop answering; the namespaces stay for the next agent."""
        self._answering.close()

    def _namespace(self, network_id: str) -> str:
        return f"{self._prefix}{network_id}"

    def _build(self, network_id: str, name: str, place: Place) -> None:
        link = _link(network_id)
        netns.ensure(name)
        if netns.ensure_veth(link, self._switch.namespace, INNER, name):
            # A port of this name would still hold the device that is gone.
            self._switch.remove_port("br-int", link)
        netns.without_offload(INNER, name)
        netns.run(["ip", "-n", name, "link", "set", INNER, "address", place.mac])
        netns.run(["ip", "-n", name, "address", "flush", "dev", INNER, "scope", "global"])
        for address in (*place.addresses, f"{ADDRESS}/32"):
            netns.run(["ip", "-n", name, "address", "replace", address, "dev", INNER])
        self._switch.add_port("br-int", link, {"iface-id": place.port_id})

    def _listen(self, network_id: str) -> None:
        def listen() -> socket.socket:
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            try:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                # Any address: a namespace left by a killed agent may not have its own yet, and has no others.
                made.bind(("", PORT))
                made.listen(64)
            except OSError:
                made.close()
                raise
            return made

        self._answering.serve(network_id, netns.inside(self._namespace(network_id), listen))


def _link(network_id: str) -> str:
    """Its name in the switch's namespace; 15 bytes at most."""
    return f"md{network_id.replace('-', '')[:13]}"
