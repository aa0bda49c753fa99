"""A picture of all free capacity in memory, from which candidates are chosen; the claim in the database decides.

It may be a little old: other processes claim too. A stale picture costs a lost claim and a look at the next candidate,
never an oversold host. The cost of a choice does not grow with the number of hosts as long as many have room.
"""

import random
import threading
from collections.abc import Callable, Collection, Mapping

from msgspec.structs import replace

from skyloom.clock import Clock
from skyloom.placement.model import Inventory

Picture = dict[str, dict[str, Inventory]]
SAMPLE = 64


class View:
    """`load` reads the whole picture: provider name -> resource class -> inventory."""

    def __init__(self, load: Callable[[], Picture], clock: Clock, max_age_s: float):
        self._load = load
        self._clock = clock
        self._max_age_s = max_age_s
        self._lock = threading.Lock()
        self._picture: Picture = {}
        self._names: list[str] = []
        self._loaded_at: float | None = None

    def forget(self) -> None:
        self._loaded_at = None

    def candidates(self, resources: Mapping[str, int], limit: int, excluded: Collection[str]) -> list[str]:
        """Names of providers with room, the emptiest first; by chance among those that are about as full, which is
        when the asked amount would not change their order."""
        fresh = self._refresh(force=False)
        found = self._choose(resources, limit, excluded)
        if not found and not fresh:
            self._refresh(force=True)
            found = self._choose(resources, limit, excluded)
        return found

    def count(self, provider: str, resources: Mapping[str, int], sign: int) -> None:
        """Note a claim (`sign` 1) or a release (-1) of this process."""
        with self._lock:
            known = self._picture.get(provider)
            if known is None:
                return
            for resource_class, amount in resources.items():
                item = known.get(resource_class)
                if item is not None:
                    known[resource_class] = replace(item, used=item.used + sign * amount)

    def _refresh(self, force: bool) -> bool:
        """Whether the picture was read just now."""
        now = self._clock.monotonic()
        if not force and self._loaded_at is not None and now - self._loaded_at <= self._max_age_s:
            return False
        picture = self._load()
        with self._lock:
            self._picture, self._names, self._loaded_at = picture, list(picture), now
        return True

    def _choose(self, resources: Mapping[str, int], limit: int, excluded: Collection[str]) -> list[str]:
        with self._lock:
            names, picture = self._names, self._picture
            sample = max(SAMPLE, 2 * limit)
            # A random place to begin: schedulers that look at the same picture do not all choose the same host.
            start = random.randrange(len(names)) if len(names) > sample else 0
            found: list[tuple[float, float, str]] = []
            for n in range(len(names)):
                name = names[(start + n) % len(names)]
                if name not in excluded and _has_room(picture[name], resources):
                    found.append((*_shares(picture[name], resources), name))
                    if len(found) >= sample:
                        break
        step = min((asked for _, asked, _ in found if asked), default=1.0)
        found.sort(key=lambda each: (round(each[0] / step), random.random()))
        return [name for _, _, name in found[:limit]]


def _has_room(inventories: Mapping[str, Inventory], resources: Mapping[str, int]) -> bool:
    for resource_class, amount in resources.items():
        item = inventories.get(resource_class)
        if item is None or not item.takes(amount):
            return False
    return True


def _shares(inventories: Mapping[str, Inventory], resources: Mapping[str, int]) -> tuple[float, float]:
    """What is used and what is asked of the capacity, each of the class where that is the greatest share."""
    capacities = {name: max(1, inventories[name].capacity) for name in resources}
    used = max((inventories[name].used / capacity for name, capacity in capacities.items()), default=0.0)
    return used, max((resources[name] / capacity for name, capacity in capacities.items()), default=0.0)
