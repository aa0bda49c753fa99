"""OS-REVOKE: who keeps tokens learns here which of them count no more."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from skyloom.access import Caller
from skyloom.db.types import EPOCH
from skyloom.identity.service.registry import Ground


class RevocationEvents:
    def __init__(self, ground: Ground):
        self.ground = ground

    def list(self, caller: Caller, since: datetime | None) -> Sequence[Mapping[str, Any]]:
        """Those after `since`; all that are kept without it."""
        self.ground.policy.require(caller, "identity:list_revoke_events")
        return self.ground.revocations.since(self.ground.db.read(), since or EPOCH)
