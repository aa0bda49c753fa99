"""The bus between machines: NATS, behind the same synchronous door as the bus of one process.

One asyncio loop in one daemon thread owns the connection; nothing else here is asynchronous, and no code of a user of
the bus runs on that thread. What must stay true:

- A lost connection fails at once what was sent over it, and is made again for ever; subscriptions come back with it.
- A request is never sent after its requester gave up: what waits for a connection is dropped with its requester.
- Replies go to inboxes only. Who may send us a request could otherwise name any subject as its inbox and borrow our
  rights. Each request's inbox has a name of its own that cannot be guessed, so that nobody can answer for another.
"""

import asyncio
import logging
import random
import re
import secrets
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription

from skyloom.bus.broker import INBOXES, Broker
from skyloom.bus.contract import (
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
    check_message,
    check_pattern,
)
from skyloom.bus.mailbox import Mailbox
from skyloom.bus.nats_connection import STEP_TIMEOUT_S, connect, end, settle
from skyloom.bus.problem import decode_problem, encode_problem, problem_of
from skyloom.errors import Unavailable

log = logging.getLogger(__name__)

QUEUE = "serve"  # the queue group of all that serve one subject: the broker picks one of them
PROBLEM = "Skyloom-Problem"  # the header that marks a reply as an error
STATUS = "Status"
NOBODY = "503"
OUTGOING_LIMIT = 20_000
WAITING_LIMIT = 1_000  # requests that wait for one handler
DENIED = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"')


class BrokerUnreachable(Unavailable):
    code = "bus.broker_unreachable"


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """`token` is set for a request, `is_problem` for a reply that is an error."""

    subject: str
    payload: bytes
    token: str | None = None
    is_problem: bool = False


class _Waiting:
    """A request whose reply is waited for."""

    __slots__ = ("future", "is_sent", "subject")

    def __init__(self, subject: str):
        self.subject = subject
        self.future: Future[bytes] = Future()
        self.is_sent = False


class _Route:
    """One subscription; it outlives the connections it is told to the broker on."""

    def __init__(self, bus: "NatsBus", pattern: str, queue: str, mailbox: Mailbox[Msg], full: Callable[[Msg], None]):
        self.bus = bus
        self.pattern = pattern
        self.queue = queue
        self.mailbox = mailbox
        self.full = full
        self.told: tuple[Client, NatsSubscription] | None = None

    async def deliver(self, message: Msg) -> None:
        if not self.mailbox.put(message):
            self.full(message)

    def close(self) -> None:
        self.bus.leave(self)


class NatsBus:
    def __init__(self, url: str, name: str = "skyloom", connect_timeout_s: float = 10.0):
        """`url` as in broker.py. Raises BrokerUnreachable when no broker lets us in within `connect_timeout_s`."""
        self.broker = Broker.parse(url)
        self.name = name
        self._inbox = f"{self.broker.inbox}.{secrets.token_hex(8)}"
        self._routes: list[_Route] = []
        self._denied: set[str] = set()
        self._waiting: dict[str, _Waiting] = {}
        self._outgoing: deque[_Outgoing] = deque()
        self._awake = False
        self._client: Client | None = None
        self._refusal = "no answer"
        self._connected = threading.Event()
        self._closing = False
        self._loop = asyncio.new_event_loop()
        self._wake = asyncio.Event()
        self._lost = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="nats", daemon=True)
        self._thread.start()
        if not self._connected.wait(connect_timeout_s):
            self.close()
            raise BrokerUnreachable(
                f"No broker at {self.broker.name} let us in within {connect_timeout_s:g} s ({self._refusal}); "
                "see that it runs and that the credential is right."
            )

    # The door: called from any thread but the loop's.

    def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        check_message(subject, payload)
        waiting = _Waiting(subject)
        token = secrets.token_urlsafe(12)
        self._waiting[token] = waiting
        try:
            if not self._post(_Outgoing(subject, payload, token)):
                raise ConnectionLost(self.broker.name)
            return waiting.future.result(timeout_s)
        except TimeoutError:
            if not self._connected.is_set():
                raise ConnectionLost(self.broker.name) from None
            raise RequestTimeout(subject, timeout_s) from None
        finally:
            self._waiting.pop(token, None)

    def publish(self, subject: str, payload: bytes) -> None:
        check_message(subject, payload)
        if self._closing:
            raise BusClosed
        if not (self._connected.is_set() and self._post(_Outgoing(subject, payload))):
            log.info("A message on %s is lost: the broker %s is away", subject, self.broker.name)

    def serve(self, pattern: str, handler: Handler, workers: int = 8) -> _Route:
        mailbox: Mailbox[Msg] = Mailbox(
            f"bus {pattern}", lambda message: self._answer(handler, message), workers, WAITING_LIMIT
        )
        return self._join(_Route(self, pattern, QUEUE, mailbox, self._refuse))

    def subscribe(self, pattern: str, listener: Listener) -> _Route:
        mailbox: Mailbox[Msg] = Mailbox(f"bus {pattern}", lambda message: listener(message.subject, message.data), 1)
        return self._join(_Route(self, pattern, "", mailbox, self._drop))

    def leave(self, route: _Route) -> None:
        """Close a subscription."""
        try:
            self._on_loop(self._detach(route))
        except Unavailable as error:
            log.debug("%s ends with its bus: %s", route.pattern, error)
        route.mailbox.close()

    def close(self) -> None:
        self._closing = True
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._lost.set)
            self._thread.join(STEP_TIMEOUT_S)
        for token in list(self._waiting):
            self._fail(token, BusClosed())
        for route in self._routes:
            route.mailbox.close()

    def _join(self, route: _Route) -> _Route:
        check_pattern(route.pattern)
        self._on_loop(self._attach_first(route))
        return route

    def _on_loop(self, work: Coroutine[Any, Any, None]) -> None:
        """Have `work` done by the loop. Raises what it raises, BusClosed or ConnectionLost."""
        try:
            if self._closing:
                raise BusClosed
            asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * STEP_TIMEOUT_S)
        except (CancelledError, RuntimeError):  # the loop has ended in this very moment
            raise BusClosed from None
        except TimeoutError:
            raise ConnectionLost(self.broker.name) from None
        finally:
            work.close()

    def _post(self, outgoing: _Outgoing) -> bool:
        """False if the broker takes messages more slowly than they come."""
        if self._closing:
            raise BusClosed
        if len(self._outgoing) >= OUTGOING_LIMIT:
            return False
        self._outgoing.append(outgoing)
        # The loop lowers the flag before it empties the queue, so what is appended now is seen in either case.
        if not self._awake:
            self._awake = True
            self._call(self._wake.set)
        return True

    def _call(self, function: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop has ended in this very moment
            raise BusClosed from None

    # Serving: called from the threads of the mailboxes.

    def _answer(self, handler: Handler, message: Msg) -> None:
        if not message.reply.startswith(f"{INBOXES}."):
            log.warning("A request on %s names %r as its inbox; it is not handled", message.subject, message.reply)
            return
        try:
            reply = handler(message.subject, message.data)
            check_message(message.reply, reply)
        except Exception as error:  # noqa: BLE001 - whatever it is, it travels as a problem; problem_of logs it
            self._tell(message.reply, encode_problem(problem_of(error, message.subject)), is_problem=True)
        else:
            self._tell(message.reply, reply)

    def _tell(self, inbox: str, payload: bytes, is_problem: bool = False) -> None:
        try:
            is_taken = self._post(_Outgoing(inbox, payload, is_problem=is_problem))
        except BusClosed:
            is_taken = False
        if not is_taken:
            log.warning("A reply is lost: the broker %s is away or this process ends", self.broker.name)

    def _refuse(self, message: Msg) -> None:
        if message.reply.startswith(f"{INBOXES}."):
            problem = problem_of(HandlerBusy(message.subject), message.subject)
            self._tell(message.reply, encode_problem(problem), is_problem=True)

    def _drop(self, message: Msg) -> None:
        log.warning("A listener is too slow; a message on %s is dropped", message.subject)

    # The loop's side: everything below runs on the loop's thread.

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        """Be connected, for ever."""
        while True:
            self._lost.clear()
            if self._closing:
                return
            client = Client()
            try:
                await connect(client, self.broker, self.name, self._on_error, self._on_lost)
                await self._use(client)
            except (OSError, nats.errors.Error, TimeoutError) as error:
                self._refusal = str(error) or type(error).__name__
                log.warning("The broker %s is away: %s", self.broker.name, self._refusal)
            except Exception:
                log.exception("The connection to the broker %s broke", self.broker.name)
            finally:
                self._forget_connection()
                await end(client)
            # Not all hosts of a cloud shall come back in the same moment.
            await asyncio.sleep(0 if self._closing else random.uniform(0.1, 0.5))

    async def _use(self, client: Client) -> None:
        """Returns when the connection is lost or the bus is closed."""
        self._client = client
        await client.subscribe(f"{self._inbox}.*", cb=self._on_reply)
        for route in list(self._routes):
            await self._attach(client, route)
        await settle(client)
        # Announcements and replies of before are of no use now; requests still waited for are.
        self._outgoing = deque(out for out in self._outgoing if out.token in self._waiting)
        self._wake.set()
        self._connected.set()
        log.info("Connected to the broker %s", self.broker.name)
        ends = [asyncio.create_task(self._send_all(client)), asyncio.create_task(self._lost.wait())]
        try:
            # The library does not tell of every loss, so its state is looked at too.
            while not (self._closing or client.is_closed or any(task.done() for task in ends)):
                await asyncio.wait(ends, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        # Answers that were made before the bus was closed are still given.
        while self._outgoing and self._closing and not client.is_closed:
            await self._send(client, self._outgoing.popleft())

    def _forget_connection(self) -> None:
        self._connected.clear()
        self._client = None
        for token, waiting in list(self._waiting.items()):
            if waiting.is_sent:
                self._fail(token, ConnectionLost(self.broker.name))

    async def _send_all(self, client: Client) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._awake = False
            while self._outgoing:
                await self._send(client, self._outgoing.popleft())

    async def _send(self, client: Client, out: _Outgoing) -> None:
        reply = ""
        if out.token is not None:
            waiting = self._waiting.get(out.token)
            if waiting is None:
                return
            waiting.is_sent = True
            reply = f"{self._inbox}.{out.token}"
        try:
            await client.publish(out.subject, out.payload, reply, headers={PROBLEM: "1"} if out.is_problem else None)
        except nats.errors.MaxPayloadError:
            # This broker takes less than the contract's limit.
            log.warning("%s: %d bytes are more than the broker takes", out.subject, len(out.payload))
            if out.token is not None:
                self._fail(out.token, PayloadTooLarge(out.subject, len(out.payload)))

    async def _on_lost(self) -> None:
        self._lost.set()

    async def _on_reply(self, message: Msg) -> None:
        waiting = self._waiting.pop(message.subject.rpartition(".")[2], None)
        if waiting is None:
            return
        headers = message.headers or {}
        if headers.get(STATUS) == NOBODY:
            waiting.future.set_exception(NoResponder(waiting.subject))
        elif PROBLEM in headers:
            problem = decode_problem(message.data)
            busy = problem.code == HandlerBusy.code
            waiting.future.set_exception(HandlerBusy(waiting.subject) if busy else HandlerFailed(problem))
        else:
            waiting.future.set_result(message.data)

    def _fail(self, token: str, error: Exception) -> None:
        waiting = self._waiting.pop(token, None)
        if waiting is not None:
            waiting.future.set_exception(error)

    async def _attach_first(self, route: _Route) -> None:
        self._routes.append(route)
        client = self._client
        if client is None:
            return  # it is told to the broker with all others as soon as there is a connection
        try:
            await self._attach(client, route)
            await settle(client)
        except (OSError, nats.errors.Error, TimeoutError) as error:
            log.warning("%s is subscribed to when the broker is back: %s", route.pattern, error)
        if route.pattern.lower() in self._denied:
            self._denied.discard(route.pattern.lower())
            self._routes.remove(route)
            raise NotAllowed(route.pattern)

    async def _attach(self, client: Client, route: _Route) -> None:
        subscription = await client.subscribe(route.pattern, queue=route.queue, cb=route.deliver)
        route.told = (client, subscription)

    async def _detach(self, route: _Route) -> None:
        if route not in self._routes:
            return
        self._routes.remove(route)
        if route.told is not None and route.told[0] is self._client:
            client, subscription = route.told
            try:
                await subscription.unsubscribe()
                await settle(client)
            except (OSError, nats.errors.Error, TimeoutError) as error:
                log.info("%s ended with its connection: %s", route.pattern, error)

    async def _on_error(self, error: Exception) -> None:
        denied = DENIED.search(str(error).lower())
        if denied is None:
            log.warning("The broker %s: %s", self.broker.name, str(error) or type(error).__name__)
            return
        kind, subject = denied.groups()
        log.warning("The broker %s refuses the %s to %s", self.broker.name, kind, subject)
        if kind == "subscription":
            self._denied.add(subject)
            return
        for token, waiting in list(self._waiting.items()):
            if waiting.is_sent and waiting.subject.lower() == subject:
                self._fail(token, NotAllowed(waiting.subject))
