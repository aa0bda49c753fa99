"""What roles a user has in a scope, remembered for as long as nothing has changed that they come from.

Programs sign in again and again for the same scope; to find the roles (of the user and its groups, inherited, implied)
is the longest of the reads that this takes.
"""

from collections.abc import Sequence

from skyloom.db import Database
from skyloom.identity.model import SYSTEM_ID, Project, Role, User
from skyloom.identity.service.tokens.freshness import Freshness, Remembered
from skyloom.identity.store.principals import Principals


class Standings:
    def __init__(self, db: Database, principals: Principals, freshness: Freshness):
        self.db = db
        self.principals = principals
        self._known = Remembered[tuple[str, str], Sequence[Role]](freshness)

    def roles(self, generation: int, user: User, place: Project | None) -> Sequence[Role]:
        """On the project or in the domain `place`, or on the system; inherited and implied ones among them."""
        if user.groups_until is not None:
            return self._read(user, place)  # a membership ends by itself, and nothing tells of it
        key = user.id, place.id if place else SYSTEM_ID
        roles = self._known.find(generation, key)
        if roles is None:
            roles = self._read(user, place)
            self._known.keep(generation, key, roles, key)
        return roles

    def _read(self, user: User, place: Project | None) -> Sequence[Role]:
        sql = self.db.read()
        if place is None:
            return self.principals.roles_on_system(sql, user.id)
        if place.is_domain:
            return self.principals.roles_on_domain(sql, user.id, place.id)
        return self.principals.roles_on_project(sql, user.id, place.id)
