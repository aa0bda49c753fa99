"""How the parts of a cloud talk. `nats` is not imported here: a cloud in one process does not pay for it."""

from skyloom.bus.contract import (
    MAX_PAYLOAD_BYTES,
    Bus,
    BusClosed,
    ConnectionLost,
    Handler,
    HandlerBusy,
    HandlerFailed,
    Listener,
    NoResponder,
    NotAllowed,
    PayloadTooLarge,
    RequestTimeout,
    Subscription,
)
from skyloom.bus.in_process import InProcessBus
from skyloom.bus.problem import Problem

__all__ = [
    "MAX_PAYLOAD_BYTES",
    "Bus",
    "BusClosed",
    "ConnectionLost",
    "Handler",
    "HandlerBusy",
    "HandlerFailed",
    "InProcessBus",
    "Listener",
    "NoResponder",
    "NotAllowed",
    "PayloadTooLarge",
    "Problem",
    "RequestTimeout",
    "Subscription",
]
