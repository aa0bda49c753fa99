"""The verbs of server groups: servers that want to be near each other, or apart."""

import uuid
from collections.abc import Mapping, Sequence

from skyloom.access import Caller
from skyloom.compute.errors import ServerGroupNotFound
from skyloom.compute.model import ServerGroup
from skyloom.compute.parts import Parts
from skyloom.compute.service.quotas import QuotaService
from skyloom.compute.store import GroupStore, ServerStore

POLICIES = ("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity")


class GroupService:
    def __init__(self, parts: Parts, quotas: QuotaService):
        self.parts = parts
        self.quotas = quotas
        self.store = GroupStore()
        self.servers = ServerStore()

    def create(self, caller: Caller, name: str, policy: str, rules: Mapping[str, int]) -> ServerGroup:
        action = "os_compute_api:os-server-groups:create"
        self.parts.policy.require(caller, action, {"project_id": caller.project_id})
        made = ServerGroup(
            id=str(uuid.uuid4()),
            project_id=caller.project_id or "",
            user_id=caller.user_id,
            name=name,
            policy=policy,
            rules=dict(rules),
            created_at=self.parts.db.clock.now(),
        )
        with self.parts.db.begin(caller) as tx:
            self.quotas.check_groups(tx, made.project_id)
            self.store.add(tx, made)
            tx.record(action, "server_group", made.id)
        return made

    def get(self, caller: Caller, group_id: str, action: str = "show") -> ServerGroup:
        found = self.store.get(self.parts.db.read(), group_id)
        if found is None or not (caller.is_admin or found.project_id == caller.project_id):
            raise ServerGroupNotFound(group_id)
        target = {"project_id": found.project_id}
        self.parts.policy.require(caller, f"os_compute_api:os-server-groups:{action}", target)
        return found

    def delete(self, caller: Caller, group_id: str) -> None:
        self.get(caller, group_id, "delete")
        with self.parts.db.begin(caller) as tx:
            self.store.remove(tx, group_id)
            tx.record("os_compute_api:os-server-groups:delete", "server_group", group_id)

    def members(self, groups: Sequence[ServerGroup]) -> Mapping[str, list[str]]:
        """Group id -> ids of its servers."""
        found = self.servers.members(self.parts.db.read(), [group.id for group in groups])
        return {group_id: [server_id for server_id, _ in members] for group_id, members in found.items()}

    def list(self, caller: Caller, everything: bool, limit: int, offset: int) -> list[ServerGroup]:
        action = "os_compute_api:os-server-groups:index"
        self.parts.policy.require(caller, action, {"project_id": caller.project_id})
        if everything:
            self.parts.policy.require(caller, f"{action}:all_projects")
        project_id = None if everything else caller.project_id or ""
        return self.store.page(self.parts.db.read(), project_id, limit, offset)
