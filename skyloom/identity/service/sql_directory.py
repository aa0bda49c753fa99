"""A domain's users and groups in the database, as the contract of directories has them. The database is written to by
the services of users and groups; this is its reading side, for what must be the same wherever users are kept."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from skyloom.db import Database
from skyloom.db.listing import Page, Sort
from skyloom.identity import resources
from skyloom.identity.drivers.contract import DirectoryGroup, DirectoryUser, Entry, Wanted, page_of
from skyloom.identity.passwords import Passwords
from skyloom.identity.store.grants import Grants
from skyloom.identity.store.records import Records

USERS, GROUPS = Records(resources.USER), Records(resources.GROUP)
"""Shared by all, for their statements are built here and every sign-in asks one of them."""
BY_NAME = (Sort("name"), Sort("id"))
Row = Mapping[str, Any]


class SqlDirectory:
    is_read_only = False

    def __init__(self, db: Database, domain_id: str, passwords: Passwords):
        self.db = db
        self.domain_id = domain_id
        self.passwords = passwords
        self._grants = Grants(db.clock)

    def get_user(self, user_id: str) -> DirectoryUser | None:
        return self._get(USERS, user_id, _user)

    def user_named(self, name: str) -> DirectoryUser | None:
        return next(iter(self.list_users(Wanted(name=name))), None)

    def list_users(self, wanted: Wanted) -> list[DirectoryUser]:
        return self._list(USERS, wanted, _user)

    def get_group(self, group_id: str) -> DirectoryGroup | None:
        return self._get(GROUPS, group_id, _group)

    def group_named(self, name: str) -> DirectoryGroup | None:
        return next(iter(self.list_groups(Wanted(name=name))), None)

    def list_groups(self, wanted: Wanted) -> list[DirectoryGroup]:
        return self._list(GROUPS, wanted, _group)

    def groups_of(self, user_id: str) -> list[DirectoryGroup]:
        return self._these(GROUPS, self._grants.groups(self.db.read(), user_id), _group)

    def members_of(self, group_id: str) -> list[DirectoryUser]:
        return self._these(USERS, self._grants.members(self.db.read(), group_id), _user)

    def is_member(self, user_id: str, group_id: str) -> bool:
        return self._grants.is_member(self.db.read(), user_id, group_id)

    def verify_password(self, user_id: str, password: str) -> bool:
        row = USERS.get(self.db.read(), user_id)
        is_here = row is not None and row["domain_id"] == self.domain_id
        return is_right(self.passwords, password, row["password_hash"] if row and is_here else None)

    def close(self) -> None:
        return

    def _get(self, records: Records, row_id: str, make: Callable[[Row], Entry]) -> Entry | None:
        row = records.get(self.db.read(), row_id)
        return make(row) if row and row["domain_id"] == self.domain_id else None

    def _list(self, records: Records, wanted: Wanted, make: Callable[[Row], Entry]) -> list[Entry]:
        asked = {"name": wanted.name, "enabled": wanted.enabled}
        filters = {name: value for name, value in asked.items() if value is not None}
        page = Page(wanted.limit, wanted.after, BY_NAME)
        rows = records.list(self.db.read(), {**filters, "domain_id": self.domain_id}, page, wanted.matches)
        return [make(row) for row in rows]

    def _these(self, records: Records, ids: Sequence[str], make: Callable[[Row], Entry]) -> list[Entry]:
        """Of groups and members, some may be of other domains: they count all the same."""
        rows = records.list(self.db.read(), {"id": list(ids)}, Page(sorts=BY_NAME))
        return page_of([make(row) for row in rows], Wanted(), None)


def is_right(passwords: Passwords, password: str, hashed: str | None) -> bool:
    """Takes as long for a user who is not there: the time tells nobody who exists.

    scrypt pads a short password with zero bytes, so one that ends in them would count as the one without.
    """
    return passwords.verify(password, hashed) and password.strip("\0") == password != ""


def _user(row: Row) -> DirectoryUser:
    extra = row["extra"]
    return DirectoryUser(
        row["id"],
        row["name"],
        row["enabled"],
        extra.get("email"),
        extra.get("description"),
        row["default_project_id"],
    )


def _group(row: Row) -> DirectoryGroup:
    return DirectoryGroup(row["id"], row["name"], row["description"])
