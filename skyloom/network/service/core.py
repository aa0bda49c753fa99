"""What every noun's service needs: the database, the policy, quotas, and the hint to the reconciler."""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from skyloom.access import Caller, Policy
from skyloom.db import Database, Tx
from skyloom.network.errors import HTTPBadRequest, OverQuota
from skyloom.network.settings import Settings
from skyloom.network.store import quotas
from skyloom.network.store.rows import EVERYTHING, By

Thing = tuple[str, str]
"""(noun of the driver's contract, id)"""


def looker(caller: Caller) -> By:
    """Whose sight counts when the caller looks for something."""
    return EVERYTHING if caller.is_admin else caller.project_id


class Core:
    """`kick` tells the reconciler what changed; it is set once the reconciler is there."""

    def __init__(self, db: Database, policy: Policy, settings: Settings, chance: random.Random | None = None):
        self.db = db
        self.policy = policy
        self.settings = settings
        self.chance = chance or random.Random()
        self.kick: Callable[[Sequence[Thing]], None] = lambda things: None

    def now(self) -> datetime:
        return self.db.clock.now()

    def changed(self, tx: Tx, *things: Thing) -> None:
        """Tell the reconciler when this transaction is committed."""
        tx.on_commit(lambda: self.kick(things))

    def owner(self, caller: Caller, values: Mapping[str, object]) -> str:
        """The project that the new thing will belong to; only an admin may say another one than the token's."""
        project_id = values.get("project_id") or caller.project_id
        if not project_id:
            raise HTTPBadRequest("The token has no project; name the owner by project_id.", field="project_id")
        if project_id != caller.project_id and not caller.is_admin:
            raise HTTPBadRequest(
                "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin "
                "privileges.",
                field="project_id",
            )
        return str(project_id)

    def claim(self, tx: Tx, project_id: str, resource: str, count: int = 1) -> None:
        """Raises OverQuota. What belongs to no project (a floating IP's own port) counts for nobody."""
        if not project_id:
            return
        own = quotas.own_quota(tx, project_id, resource)
        quota = self.settings.quotas[resource] if own is None else own
        if not quotas.claim(tx, project_id, resource, count, quota):
            raise OverQuota(
                f"Quota exceeded for resources: ['{resource}']. The project may have {quota}; delete one first.",
                resource=resource,
                quota=quota,
            )

    def count(self, tx: Tx, project_id: str, resource: str, count: int = 1) -> None:
        """Count what is made by itself and may go over the quota."""
        quotas.claim(tx, project_id, resource, count, quotas.UNLIMITED)

    def release(self, tx: Tx, project_id: str, resource: str, count: int = 1) -> None:
        if project_id and count:
            quotas.release(tx, project_id, resource, count)
