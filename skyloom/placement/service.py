"""The verbs of placement. They are the cloud's own: no user calls them, the compute domain does."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from contextlib import nullcontext

from skyloom.access import SYSTEM
from skyloom.db import Contradiction, Database, Tx
from skyloom.placement.errors import ProviderUnknown
from skyloom.placement.model import Allocation, Discrepancy, Inventory, Provider
from skyloom.placement.store import PlacementStore
from skyloom.placement.view import View


class _NoRoom(Exception):
    """Undoes the part of a claim that had succeeded."""


class PlacementService:
    def __init__(self, db: Database, view_max_age_s: float = 15.0):
        self.db = db
        self.store = PlacementStore()
        self.view = View(lambda: self.store.inventories(db.read()), db.clock, view_max_age_s)

    def set_inventory(self, provider: str, inventories: Iterable[Inventory]) -> Provider:
        """Make the provider of that name if there is none, and its inventories exactly these. What is used stays."""
        want = list(inventories)
        with self.db.begin(SYSTEM) as tx:
            found = self.store.provider(tx, provider)
            if found is None:
                found = Provider(str(uuid.uuid4()), provider, 0)
                self.store.add_provider(tx, found)
            if self.store.set_inventories(tx, found.id, want):
                self.store.bump(tx, found.id)
                tx.on_commit(self.view.forget)
        return found

    def candidates(self, resources: Mapping[str, int], limit: int = 8, excluded: Collection[str] = ()) -> list[str]:
        """Names of providers that seem to have room, most free first; a claim must follow."""
        return self.view.candidates(_positive(resources), limit, excluded)

    def claim(
        self,
        tx: Tx | None,
        consumer_id: str,
        project_id: str,
        user_id: str,
        provider: str,
        resources: Mapping[str, int],
    ) -> bool:
        """Take all of `resources` for the consumer, or nothing. True as well when it holds them there already.

        False: no room, or the consumer holds something of another provider. Raises ProviderUnknown.
        """
        with self.db.begin(SYSTEM) if tx is None else nullcontext(tx) as own:
            held = self.store.allocation_of(own, consumer_id)
            if held is not None:
                return held.provider == provider
            found = self.store.provider(own, provider)
            if found is None:
                raise ProviderUnknown(provider)
            asked = _positive(resources)
            try:
                with own.attempt():
                    # One order for all: two claims on one provider never wait for each other crosswise.
                    for resource_class in sorted(asked):
                        if not self.store.claim(own, found.id, resource_class, asked[resource_class]):
                            raise _NoRoom
                    self.store.add_allocation(own, consumer_id, found.id, asked, (project_id, user_id))
            except _NoRoom:
                own.on_commit(self.view.forget)
                return False
            except Contradiction:
                # Another worker claimed for this consumer at the same moment.
                held = self.store.allocation_of(own, consumer_id)
                return held is not None and held.provider == provider
            own.on_commit(lambda: self.view.count(provider, asked, 1))
            return True

    def release(self, consumer_id: str, tx: Tx | None = None) -> None:
        """Give back all that the consumer holds; nothing held is no error."""
        with self.db.begin(SYSTEM) if tx is None else nullcontext(tx) as own:
            held = self.store.allocation_of(own, consumer_id)
            if held is None:
                return
            taken = self.store.release(own, consumer_id)
            own.on_commit(lambda: self.view.count(held.provider, taken, -1))

    def allocation_of(self, consumer_id: str) -> Allocation | None:
        return self.store.allocation_of(self.db.read(), consumer_id)

    def inventories(self) -> dict[str, dict[str, Inventory]]:
        """Provider name -> resource class -> inventory, read now."""
        return self.store.inventories(self.db.read())

    def discrepancies(self) -> list[Discrepancy]:
        """Counters that are not the sum of their allocations; an unharmed cloud has none."""
        return self.store.discrepancies(self.db.read())


def _positive(resources: Mapping[str, int]) -> dict[str, int]:
    """A flavor without a disk asks for no DISK_GB at all."""
    return {name: amount for name, amount in resources.items() if amount > 0}
