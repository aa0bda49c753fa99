"""The verbs of flavors. Public ones are everybody's, private ones theirs who were given access."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skyloom.access import SYSTEM, Caller
from skyloom.compute.errors import (
    ExtraSpecNotFound,
    FlavorAccessExists,
    FlavorAccessNotFound,
    FlavorExists,
    FlavorIsPublic,
    FlavorNotFound,
    RequestInvalid,
)
from skyloom.compute.model import Flavor
from skyloom.compute.parts import Parts
from skyloom.compute.store import FlavorStore
from skyloom.db import Contradiction
from skyloom.db.listing import Page

FIRST = (
    ("1", "m1.tiny", 1, 512, 1),
    ("2", "m1.small", 1, 2048, 20),
    ("3", "m1.medium", 2, 4096, 40),
    ("4", "m1.large", 4, 8192, 80),
    ("5", "m1.xlarge", 8, 16384, 160),
    ("tiny", "tiny", 1, 128, 1),
)
"""id, name, vcpus, MiB, GiB of the flavors that a new cloud has."""


@dataclass(frozen=True, kw_only=True)
class NewFlavor:
    """`id` None or "auto": one is made."""

    name: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    id: str | None = None
    ephemeral_gib: int = 0
    swap_mib: int = 0
    rxtx_factor: float = 1.0
    is_public: bool = True
    description: str | None = None


class FlavorService:
    def __init__(self, parts: Parts):
        self.parts = parts
        self.store = FlavorStore()

    def ensure_first(self) -> None:
        """Give a cloud without flavors the usual ones."""
        with self.parts.db.begin(SYSTEM) as tx:
            tx.lock("first flavors")
            if self.store.page(tx, Page(1), None, None):
                return
            for flavor_id, name, vcpus, memory_mib, disk_gib in FIRST:
                new = NewFlavor(id=flavor_id, name=name, vcpus=vcpus, memory_mib=memory_mib, disk_gib=disk_gib)
                self.store.add(tx, self._flavor(new))

    def create(self, caller: Caller, new: NewFlavor) -> Flavor:
        """A private one is at first nobody's, not even the creator's project's."""
        self.parts.policy.require(caller, "os_compute_api:os-flavor-manage:create")
        made = self._flavor(new)
        with self.parts.db.begin(caller) as tx:
            taken = self.store.taken(tx, made.id, made.name)
            if taken is not None:
                value = made.name if taken == "name" else made.id
                raise FlavorExists(f"Flavor with {taken} {value} already exists.")
            self.store.add(tx, made)
            tx.record("os_compute_api:os-flavor-manage:create", "flavor", made.id)
        return made

    def _flavor(self, new: NewFlavor) -> Flavor:
        return Flavor(
            id=str(uuid.uuid4()) if new.id in (None, "auto") else str(new.id),
            name=new.name,
            vcpus=new.vcpus,
            memory_mib=new.memory_mib,
            disk_gib=new.disk_gib,
            ephemeral_gib=new.ephemeral_gib,
            swap_mib=new.swap_mib,
            rxtx_factor=new.rxtx_factor,
            is_disabled=False,
            is_public=new.is_public,
            description=new.description,
            extra_specs={},
            created_at=self.parts.db.clock.now(),
        )

    def get(self, caller: Caller, flavor_id: str) -> Flavor:
        """Raises FlavorNotFound, also for a private one that the caller's project has no access to."""
        self.parts.policy.require(caller, "os_compute_api:flavors")
        found = self.store.get(self.parts.db.read(), flavor_id)
        if found is None or not self._may_use(caller, found):
            raise FlavorNotFound(flavor_id)
        return found

    def _may_use(self, caller: Caller, flavor: Flavor) -> bool:
        if flavor.is_public or caller.is_admin:
            return True
        return caller.project_id in self.store.access(self.parts.db.read(), flavor.id)

    def describe(self, caller: Caller, flavor_id: str, description: str | None) -> Flavor:
        action = "os_compute_api:os-flavor-manage:update"
        self.parts.policy.require(caller, action)
        self.get(caller, flavor_id)
        with self.parts.db.begin(caller) as tx:
            self.store.describe(tx, flavor_id, description)
            tx.record(action, "flavor", flavor_id)
        return self.get(caller, flavor_id)

    def delete(self, caller: Caller, flavor_id: str) -> None:
        action = "os_compute_api:os-flavor-manage:delete"
        self.parts.policy.require(caller, action)
        self.get(caller, flavor_id)
        with self.parts.db.begin(caller) as tx:
            self.store.remove(tx, flavor_id)
            tx.record(action, "flavor", flavor_id)

    def access(self, caller: Caller, flavor_id: str) -> Sequence[str]:
        """The projects that may use a private flavor."""
        self.parts.policy.require(caller, "os_compute_api:os-flavor-access")
        if self.get(caller, flavor_id).is_public:
            raise FlavorNotFound(flavor_id)
        return self.store.access(self.parts.db.read(), flavor_id)

    def add_access(self, caller: Caller, flavor_id: str, project_id: str) -> Sequence[str]:
        action = "os_compute_api:os-flavor-access:add_tenant_access"
        self.parts.policy.require(caller, action)
        if self.get(caller, flavor_id).is_public:
            raise FlavorIsPublic("Can not add access to a public flavor.")
        try:
            with self.parts.db.begin(caller) as tx:
                self.store.add_access(tx, flavor_id, project_id)
                tx.record(action, "flavor", flavor_id)
        except Contradiction as error:
            raise FlavorAccessExists(
                f"Flavor access already exists for flavor {flavor_id} and project {project_id} combination."
            ) from error
        return self.store.access(self.parts.db.read(), flavor_id)

    def remove_access(self, caller: Caller, flavor_id: str, project_id: str) -> Sequence[str]:
        action = "os_compute_api:os-flavor-access:remove_tenant_access"
        self.parts.policy.require(caller, action)
        if self.get(caller, flavor_id).is_public:
            raise FlavorIsPublic("Can not remove access from a public flavor.")
        with self.parts.db.begin(caller) as tx:
            if not self.store.remove_access(tx, flavor_id, project_id):
                raise FlavorAccessNotFound(
                    f"Flavor access not found for {flavor_id} / {project_id} combination.", flavor=flavor_id
                )
            tx.record(action, "flavor", flavor_id)
        return self.store.access(self.parts.db.read(), flavor_id)

    def extra_specs(self, caller: Caller, flavor_id: str) -> Mapping[str, str]:
        self.parts.policy.require(caller, "os_compute_api:os-flavor-extra-specs:index", _own(caller))
        return self.get(caller, flavor_id).extra_specs

    def sees_extra_specs(self, caller: Caller) -> bool:
        return self.parts.policy.allows(caller, "os_compute_api:os-flavor-extra-specs:index", _own(caller))

    def extra_spec(self, caller: Caller, flavor_id: str, key: str) -> str:
        self.parts.policy.require(caller, "os_compute_api:os-flavor-extra-specs:show", _own(caller))
        specs = self.get(caller, flavor_id).extra_specs
        if key not in specs:
            raise ExtraSpecNotFound(flavor_id, key)
        return specs[key]

    def set_extra_specs(self, caller: Caller, flavor_id: str, specs: Mapping[str, str], action: str) -> None:
        """Add or replace these. `action` is the policy of the call: create or update."""
        self.parts.policy.require(caller, action)
        self._change_specs(caller, flavor_id, action, specs, None)

    def remove_extra_spec(self, caller: Caller, flavor_id: str, key: str) -> None:
        action = "os_compute_api:os-flavor-extra-specs:delete"
        self.parts.policy.require(caller, action)
        self._change_specs(caller, flavor_id, action, {}, key)

    def _change_specs(
        self, caller: Caller, flavor_id: str, action: str, more: Mapping[str, str], less: str | None
    ) -> None:
        with self.parts.db.begin(caller) as tx:
            found = self.store.get(tx, flavor_id, lock=True)
            if found is None:
                raise FlavorNotFound(flavor_id)
            specs = {**found.extra_specs, **more}
            if less is not None and specs.pop(less, None) is None:
                raise ExtraSpecNotFound(flavor_id, less)
            self.store.set_extra_specs(tx, flavor_id, specs)
            tx.record(action, "flavor", flavor_id)

    def list(
        self,
        caller: Caller,
        page: Page,
        is_public: bool | None = True,
        min_memory_mib: int = 0,
        min_disk_gib: int = 0,
    ) -> list[Flavor]:
        """`is_public` (None: both kinds) is heeded for those who may see every flavor; others get what they may use."""
        self.parts.policy.require(caller, "os_compute_api:flavors")
        everything = self.parts.policy.allows(caller, "os_compute_api:os-flavor-access")
        kinds = is_public if everything else None
        project_id = None if everything else caller.project_id or ""
        found = self.store.page(self.parts.db.read(), page, kinds, project_id, min_memory_mib, min_disk_gib)
        if found is None:
            raise RequestInvalid(f"Marker {page.marker} could not be found.", field="marker")
        return found


def _own(caller: Caller) -> dict[str, object]:
    return {"project_id": caller.project_id}
