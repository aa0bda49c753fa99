"""What was cached of identity data, and whether it is still true.

Every change begins a generation and names the things that it changes, in its own transaction. A process that sees a
newer generation reads what has changed since the one it knows, so a change makes only that stale in all processes
which depends on one of its things. A change that names nothing makes everything stale: to name things is a promise
that nothing else is affected, so it stands here, in one place, for each action.
"""

import threading
from collections.abc import Collection, Hashable
from typing import Generic, TypeVar

from skyloom.db import Database
from skyloom.identity.store.principals import Principals

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
CATALOG = "catalog"
OF_NOTHING = frozenset(
    f"identity:{action}"
    for action in (
        *("create_user", "create_group", "create_project", "create_domain", "create_role", "create_domain_role"),
        *("create_credential", "update_credential", "delete_credential"),
        *("ec2_create_credential", "ec2_delete_credential"),
        *("create_application_credential", "create_trust", "create_policy", "update_policy", "delete_policy"),
        *("create_region", "update_region", "delete_region", "create_consumer"),
        *("create_project_tag", "update_project_tags", "delete_project_tag", "delete_project_tags"),
        *("create_registered_limits", "update_registered_limit", "delete_registered_limit"),
        *("create_limits", "update_limit", "delete_limit"),
        *(
            f"{verb}_policy_association_for_{place}"
            for verb in ("create", "delete")
            for place in ("endpoint", "service", "region_and_service")
        ),
        *("update_consumer", "authorize_request_token"),
    )
)
"""What no token and no catalog shows: things that are new, and things that tokens do not depend on."""
OF_ITSELF = frozenset(
    f"identity:{action}"
    for action in (
        *("update_user", "delete_user", "update_project", "delete_project", "update_domain", "revoke_token"),
        *("delete_application_credential", "delete_trust", "delete_consumer", "delete_access_token"),
    )
)
"""What depends on the thing that the action names: tokens of a user, tokens on a project, tokens in a domain."""
OF_CATALOG = frozenset(
    f"identity:{verb}_{noun}" for verb in ("create", "update", "delete") for noun in ("service", "endpoint")
)
REMEMBERED = 10_000
"""Things; when more have changed, everything counts as changed."""


def things_of(action: str, noun_id: str) -> Collection[str] | None:
    """What an action changes of all that is cached; None: it may be anything."""
    if action in OF_NOTHING:
        return ()
    if action in OF_ITSELF:
        return (noun_id,)
    return (CATALOG,) if action in OF_CATALOG else None


class Freshness:
    def __init__(self, db: Database, principals: Principals):
        self.db = db
        self.principals = principals
        self._lock = threading.Lock()
        self._seen = -1
        self._everything = -1
        self._changed: dict[str, int] = {}

    def generation(self) -> int:
        """The generation now, with its changes known: every request asks, and it is one small read."""
        found = self.principals.generation(self.db.read())
        if found > self._seen:
            self._learn()
        return found

    def is_fresh(self, since: int, things: Collection[str]) -> bool:
        """Whether none of the things has changed since that generation."""
        if since >= self._seen:
            return True
        if since < self._everything:
            return False
        changed = self._changed
        return all(changed.get(thing, -1) <= since for thing in things)

    def _learn(self) -> None:
        with self._lock:
            seen = self._seen
            now, found = self.principals.changes(self.db.read(), seen)
            changed = dict(self._changed)
            for generation in sorted(found):
                changed.update(dict.fromkeys(found[generation], generation))
            missing = [number for number in range(max(seen + 1, now - REMEMBERED), now + 1) if number not in found]
            if len(changed) > REMEMBERED:
                missing, changed = [now], {}
            self._changed = changed
            self._everything = max([self._everything, *missing])
            self._seen = max(seen, now)


class Remembered(Generic[Key, Value]):
    """What was read of identity data, by key, for as long as nothing changes that it rests on: the latest `most`.

    `generation` is what the freshness has just told: who asks for it knows what has changed until now.
    """

    def __init__(self, freshness: Freshness, most: int = REMEMBERED):
        self.freshness = freshness
        self.most = most
        self._known: dict[Key, tuple[int, Collection[str], Value]] = {}
        self._lock = threading.Lock()

    def find(self, generation: int, key: Key) -> Value | None:
        known = self._known.get(key)
        if known is None or not (known[0] >= generation or self.freshness.is_fresh(known[0], known[1])):
            return None
        return known[2]

    def keep(self, generation: int, key: Key, value: Value, things: Collection[str]) -> None:
        """`generation`: that of before it was read. `things`: the ids that it rests on."""
        with self._lock:
            self._known[key] = generation, things, value
            while len(self._known) > self.most:
                del self._known[next(iter(self._known))]
