"""Whom a sign-in names, and the project or domain of its scope.

Programs sign in again and again for the same scope, so that is remembered until it changes. A scope that is not there
is not remembered: nobody tells of a new project which names it may have. Users are looked for each time, or the time
of an answer would tell which of them there are.

Raises AttributeInvalid for what names nothing, whatever there is.
"""

from collections.abc import Callable
from typing import TypeVar

from skyloom.db import Database
from skyloom.identity.errors import AttributeInvalid
from skyloom.identity.model import Project, User
from skyloom.identity.service.auth.request import DomainRef, ProjectRef, TotpUser, UserRef
from skyloom.identity.service.directories import Directories
from skyloom.identity.service.tokens.freshness import Freshness, Remembered
from skyloom.identity.store.principals import Principals

Ref = TypeVar("Ref", ProjectRef, DomainRef)


class Named:
    def __init__(self, db: Database, principals: Principals, directories: Directories, freshness: Freshness):
        self.db = db
        self.principals = principals
        self.directories = directories
        self._known = Remembered[ProjectRef | DomainRef, Project](freshness)

    def user(self, ref: UserRef | TotpUser) -> User | None:
        """As a directory says now, where the user is in one."""
        sql = self.db.read()
        if ref.id is not None:
            self.directories.look(ref.id, 0)
            return self.principals.user(sql, ref.id)
        domain = ref.domain or DomainRef()
        if ref.name is None or (domain.id is None and domain.name is None):
            raise AttributeInvalid(
                "A user is named by the id, or by the name and the domain.", field="auth.identity.user"
            )
        if self.directories.domains():
            found = None if domain.id else self.principals.domain_named(sql, domain.name or "")
            domain_id = domain.id or (found.id if found else "")
            if self.directories.of(domain_id) is not None:
                user_id = self.directories.user_named(domain_id, ref.name)
                return self.principals.user(sql, user_id) if user_id else None
        return self.principals.user_named(sql, ref.name, domain.id, domain.name)

    def project(self, generation: int, ref: ProjectRef) -> Project | None:
        """`generation`: as for Remembered."""
        found = self._place(generation, ref, self._project)
        return None if found is None or found.is_domain else found

    def domain(self, generation: int, ref: DomainRef) -> Project | None:
        found = self._place(generation, ref, self._domain)
        return found if found is not None and found.is_domain else None

    def _place(self, generation: int, ref: Ref, read: Callable[[Ref], Project | None]) -> Project | None:
        found = self._known.find(generation, ref)
        if found is None:
            found = read(ref)
            if found is not None:
                self._known.keep(generation, ref, found, (found.id, found.domain_id))
        return found

    def _project(self, ref: ProjectRef) -> Project | None:
        sql, domain = self.db.read(), ref.domain or DomainRef()
        if ref.id is not None:
            return self.principals.project(sql, ref.id)
        if ref.name is None or (domain.id is None and domain.name is None):
            raise AttributeInvalid(
                "A project is named by its id, or by its name and domain.", field="auth.scope.project"
            )
        return self.principals.project_named(sql, ref.name, domain.id, domain.name)

    def _domain(self, ref: DomainRef) -> Project | None:
        if ref.id is not None:
            return self.principals.project(self.db.read(), ref.id)
        if ref.name is None:
            raise AttributeInvalid("A domain is named by its id or its name.", field="auth.scope.domain")
        return self.principals.domain_named(self.db.read(), ref.name)
