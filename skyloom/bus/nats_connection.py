"""One connection of the NATS library, made and ended the way the bus needs it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import nats.errors
from nats.aio.client import Client

from skyloom.bus.broker import Broker

log = logging.getLogger(__name__)

STEP_TIMEOUT_S = 5  # for the broker to do one thing, such as taking a subscription
END_TIMEOUT_S = 2  # for a connection to say good-bye
PING_S = 5  # a broker that does not answer three of these is taken for dead


async def connect(
    client: Client,
    broker: Broker,
    name: str,
    on_error: Callable[[Exception], Awaitable[None]],
    on_lost: Callable[[], Awaitable[None]],
) -> None:
    """Raises OSError, TimeoutError or an error of the library."""

    def password() -> str:
        # The library encrypts when the broker asks for it. Who plays the broker could leave that out and would be
        # sent the password in clear, hence the look at what was agreed before it is handed over.
        if broker.is_encrypted and not client._server_info.get("tls_required"):
            raise nats.errors.Error("the broker does not encrypt, the URL says it must")
        return (broker.password if broker.user else broker.token) or ""

    await client.connect(
        list(broker.servers),
        name=name,
        # Connecting again is the bus's own work, which knows subscriptions and waiting requests.
        allow_reconnect=False,
        max_reconnect_attempts=1,
        reconnect_time_wait=0,
        connect_timeout=2,
        ping_interval=PING_S,
        error_cb=on_error,
        closed_cb=on_lost,
        inbox_prefix=broker.inbox,
        user=broker.user,
        password=password if broker.user else None,
        token=password if broker.token else None,
        tls=broker.tls(),
    )


async def settle(client: Client) -> None:
    """Returns when the broker has handled all that was sent so far, its refusals included."""
    # The library's flush alone is no barrier: it puts its PING on the wire at once, while a subscription may still
    # wait in the list of what is to be written.
    await asyncio.wait_for(client._flush_pending(force_flush=True), STEP_TIMEOUT_S)
    await client.flush(STEP_TIMEOUT_S)


async def end(client: Client) -> None:
    """Close a connection in whatever state it is."""
    try:
        await asyncio.wait_for(client.close(), END_TIMEOUT_S)
    except (OSError, nats.errors.Error, TimeoutError) as error:
        log.info("Closing the connection: %s", error)
    finally:
        # A close that met a broken pipe leaves the socket open.
        if client._transport is not None:
            client._transport.close()
