"""A guest's request to the metadata service, carried from its host to the core and back."""

from collections.abc import Callable

from skyloom.agent.protocol import MetadataAnswer, MetadataGet, answer, ask, teller, told_by
from skyloom.bus import Bus, Subscription


class MetadataSource:
    """The host's side."""

    def __init__(self, bus: Bus, host_name: str, timeout_s: float = 10.0):
        self.bus = bus
        self.subject = told_by(host_name, "metadata.get")
        self.timeout_s = timeout_s

    def get(self, request: MetadataGet) -> MetadataAnswer:
        """Raises the bus's errors or HostFailed when the core does not answer."""
        return ask(self.bus, self.subject, request, MetadataAnswer, self.timeout_s)


def serve_metadata(bus: Bus, reply: Callable[[str, MetadataGet], MetadataAnswer], workers: int = 8) -> Subscription:
    """The core's side. `reply` is given the name of the host that asks: it may ask for guests of its own only."""

    def handle(subject: str, payload: bytes) -> bytes:
        return answer(payload, MetadataGet, lambda request: reply(teller(subject), request))

    return bus.serve("core.host.*.metadata.get", handle, workers)
