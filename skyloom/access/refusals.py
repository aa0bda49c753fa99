"""What was refused lately, for those who were refused: kept in the process that refused, so many and so long.

Kept are the request's id, who asked, and the action with the rules of that moment. Nothing is kept of what the request
was about, so nothing can be told of it. docs/decisions/explained-refusals.md has the reasons.
"""

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass

from skyloom.access.caller import Caller
from skyloom.access.rules import RuleSet
from skyloom.clock import Clock

OF_EACH = 20
"""Refusals that are remembered of one user: nobody pushes out another's."""
USERS = 200
LIFE_S = 900


@dataclass(frozen=True, slots=True)
class Refusal:
    caller: Caller
    action: str
    rules: RuleSet
    at: float


class Refusals:
    def __init__(self, clock: Clock | None = None):
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._by_user: OrderedDict[str, deque[Refusal]] = OrderedDict()

    def remember(self, caller: Caller, action: str, rules: RuleSet) -> None:
        if not caller.request_id or not caller.user_id:
            return
        with self._lock:
            own = self._by_user.setdefault(caller.user_id, deque(maxlen=OF_EACH))
            own.append(Refusal(caller, action, rules, self._clock.monotonic()))
            self._by_user.move_to_end(caller.user_id)
            while len(self._by_user) > USERS:
                self._by_user.popitem(last=False)

    def find(self, caller: Caller, request_id: str) -> Refusal | None:
        """The refusal of the caller's own request. Who came by a delegation finds those of that delegation only."""
        with self._lock:
            own = list(self._by_user.get(caller.user_id, ()))
        now, by = self._clock.monotonic(), _delegation(caller)
        for refusal in own:
            is_own = by in ((None, None), _delegation(refusal.caller))
            if refusal.caller.request_id == request_id and is_own and now - refusal.at < LIFE_S:
                return refusal
        return None


def _delegation(caller: Caller) -> tuple[str | None, str | None]:
    return caller.trust_id, caller.application_credential_id
