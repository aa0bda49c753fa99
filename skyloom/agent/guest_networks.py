"""Which networks have a guest on this host: those where the metadata service must answer.

Kept as one small file a server, so that an agent that comes back serves the same networks before any guest asks.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from skyloom.compute.drivers.contract import Nic, ServerSpec

log = logging.getLogger(__name__)


class MetadataPlaces(Protocol):
    """The host's metadata service; every verb may be repeated."""

    def ensure_network(self, network_id: str, port_id: str, mac: str, addresses: Sequence[str]) -> None: ...

    def remove_network(self, network_id: str) -> None: ...

    def list_networks(self) -> list[str]: ...


class GuestNetworks:
    def __init__(self, folder: Path, places: MetadataPlaces):
        self.folder = folder
        self.places = places
        folder.mkdir(parents=True, exist_ok=True)

    def restore(self) -> None:
        """After a start: serve the networks of the guests that are there, leave those of guests that are gone."""
        for server_id in self._servers():
            self._serve(self._nics(server_id))
        self._leave_unused()

    def joined(self, spec: ServerSpec) -> None:
        """Before the guest boots: it asks for its metadata in its first seconds."""
        path = self.folder / spec.id
        draft = path.with_suffix(".draft")
        draft.write_bytes(msgspec.json.encode(spec.nics))
        draft.rename(path)
        self._serve(spec.nics)

    def left(self, server_id: str) -> None:
        (self.folder / server_id).unlink(missing_ok=True)
        self._leave_unused()

    def _serve(self, nics: Sequence[Nic]) -> None:
        for nic in nics:
            if nic.metadata is not None:
                port = nic.metadata
                self.places.ensure_network(nic.network_id, port.port_id, port.mac, port.addresses)

    def _leave_unused(self) -> None:
        used = {nic.network_id for server_id in self._servers() for nic in self._nics(server_id)}
        for network_id in set(self.places.list_networks()) - used:
            self.places.remove_network(network_id)

    def _servers(self) -> list[str]:
        return [path.name for path in self.folder.iterdir() if path.suffix != ".draft"]

    def _nics(self, server_id: str) -> list[Nic]:
        try:
            return msgspec.json.decode((self.folder / server_id).read_bytes(), type=list[Nic])
        except FileNotFoundError:
            return []
