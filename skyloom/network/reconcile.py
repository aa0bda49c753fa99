"""Brings the back end to what the rows say, and the ports' status to what the back end says.

A full pass compares the revisions of all rows with those in force; it runs at the start, on a timer, and after trouble.
In between a kick names what a transaction just changed, and a pass over these alone takes milliseconds. A kick that is
lost costs the time until the next full pass. One thread does all of it, so passes never overtake each other.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence

from msgspec import Struct

from skyloom.db import Database
from skyloom.errors import SkyloomError
from skyloom.network.drivers.contract import (
    NOUNS,
    BackendRefused,
    Change,
    Ensure,
    NetworkDriver,
    Remove,
    in_order,
    noun_of,
)
from skyloom.network.service import NetworkService
from skyloom.network.service.core import Thing
from skyloom.network.specs import specs
from skyloom.network.store.specs import revisions

log = logging.getLogger(__name__)
Revisions = Mapping[str, Mapping[str, int]]


class Plan(Struct, frozen=True):
    """`ensure`: what is missing or stale. `remove`: what is left over."""

    ensure: Sequence[Thing]
    remove: Sequence[Thing]


def plan(wanted: Revisions, seen: Revisions) -> Plan:
    """Things to make in the order in which they can be made, things to remove in the reverse one."""
    ensure: list[Thing] = []
    remove: list[Thing] = []
    for noun in NOUNS:
        there, needed = seen.get(noun, {}), wanted.get(noun, {})
        ensure += [(noun, id) for id, revision in needed.items() if there.get(id) != revision]
        remove += [(noun, id) for id in there if id not in needed]
    return Plan(ensure, remove[::-1])


class Reconciler:
    """`interval_s`: the time between full passes; `retry_s`: the pause after the back end did not answer."""

    def __init__(
        self,
        db: Database,
        service: NetworkService,
        driver: NetworkDriver,
        interval_s: float = 30,
        retry_s: float = 2,
    ):
        self.db = db
        self.service = service
        self.driver = driver
        self.interval_s = interval_s
        self.retry_s = retry_s
        self._awake = threading.Condition()
        self._kicked: dict[Thing, None] = {}
        self._links: dict[str, bool] = {}
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self.service.on_change(self.kick)
        self._thread = threading.Thread(target=self._run, name="network-reconciler", daemon=True)
        self._thread.start()
        self.driver.watch(self.link_is)

    def stop(self) -> None:
        with self._awake:
            self._stopping = True
            self._awake.notify()
        if self._thread is not None:
            self._thread.join()

    def kick(self, things: Sequence[Thing]) -> None:
        with self._awake:
            self._kicked.update(dict.fromkeys(things))
            self._awake.notify()

    def link_is(self, port_id: str, is_up: bool) -> None:
        """What the driver calls; the status is written by this thread's next turn."""
        with self._awake:
            self._links[port_id] = is_up
            self._awake.notify()

    def pass_once(self) -> list[Change]:
        """Compare everything, apply the difference; tells what was applied."""
        seen = self.driver.seen()
        found = plan(revisions(self.db.read()), seen)
        return self._apply([*(Remove(noun, id) for noun, id in found.remove), *self._ensures(found.ensure)])

    def pass_over(self, things: Sequence[Thing]) -> list[Change]:
        """Apply these as they are now; what has no spec any more is removed."""
        ensures = self._ensures(things)
        there = {(noun_of(ensure), ensure.spec.id) for ensure in ensures}
        return self._apply([*(Remove(noun, id) for noun, id in things if (noun, id) not in there), *ensures])

    def _ensures(self, things: Sequence[Thing]) -> list[Ensure]:
        sql = self.db.read()
        return [
            Ensure(spec) for noun in NOUNS for spec in specs(sql, noun, [id for other, id in things if other == noun])
        ]

    def _apply(self, changes: Sequence[Change]) -> list[Change]:
        """One bad spec must not hold up the others: what is refused together is sent one by one."""
        if not changes:
            return []
        try:
            self.driver.apply(changes)
        except BackendRefused:
            return [change for change in in_order(changes) if self._is_taken(change)]
        return list(changes)

    def _is_taken(self, change: Change) -> bool:
        try:
            self.driver.apply([change])
        except BackendRefused:
            log.exception("the network refuses %s", change)
            return False
        return True

    def _run(self) -> None:
        full_at = time.monotonic()
        while not self._stopping:
            try:
                if time.monotonic() >= full_at:
                    self.pass_once()
                    full_at = time.monotonic() + self.interval_s
                self._turn(full_at - time.monotonic())
            except SkyloomError as error:
                log.warning("the network is behind its rows, next try in %s s: %s", self.retry_s, error)
                full_at = self._later()
            except Exception:
                log.exception("a pass over the network failed, next try in %s s", self.retry_s)
                full_at = self._later()

    def _turn(self, wait_s: float) -> None:
        """Wait for kicks and links and do what they ask for; what fails is left to the next full pass, links stay."""
        with self._awake:
            self._awake.wait_for(lambda: self._kicked or self._links or self._stopping, max(wait_s, 0))
            kicked, self._kicked = list(self._kicked), {}
            links = dict(self._links)
        if kicked:
            self.pass_over(kicked)
        if links:
            self.service.nics.links_are(links)
            with self._awake:
                self._links = {id: is_up for id, is_up in self._links.items() if links.get(id) != is_up}

    def _later(self) -> float:
        with self._awake:
            self._awake.wait_for(lambda: self._stopping, self.retry_s)
        return time.monotonic()
