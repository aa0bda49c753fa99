"""Users and groups of an LDAP tree, found by the attributes that the options name."""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

import ldap
from ldap.controls.libldap import SimplePagedResultsControl
from ldap.ldapobject import SimpleLDAPObject

from skyloom.clock import Clock
from skyloom.identity.drivers.contract import (
    DirectoryGroup,
    DirectoryRefused,
    DirectoryUser,
    LdapOptions,
    Wanted,
    page_of,
)
from skyloom.identity.drivers.ldap import filters
from skyloom.identity.drivers.ldap.connections import Connections, Server

log = logging.getLogger(__name__)
SCOPES = {"one": ldap.SCOPE_ONELEVEL, "sub": ldap.SCOPE_SUBTREE}
LONGEST = 255
AT_ONCE = 100
"""How many members one question asks for."""
WRONG_PASSWORD = (
    ldap.INVALID_CREDENTIALS,
    ldap.INAPPROPRIATE_AUTH,
    ldap.NO_SUCH_OBJECT,
    ldap.UNWILLING_TO_PERFORM,
    ldap.INSUFFICIENT_ACCESS,
    ldap.CONSTRAINT_VIOLATION,
)
"""What servers answer to a bind that is not to be: also for entries without a password and for locked ones."""
Attributes = Mapping[str, Sequence[bytes]]
Entry = TypeVar("Entry", DirectoryUser, DirectoryGroup)


class _Tree(Generic[Entry]):
    """Where the entries of one kind are, how they are told from others, and what is read of them."""

    def __init__(
        self,
        base: str,
        object_class: str,
        own_filter: str | None,
        names: Mapping[str, str | None],
        make: Callable[[str, str, Attributes], Entry],
    ):
        self.base = base
        self.filter = f"{filters.equals('objectClass', object_class)}{filters.configured(own_filter)}"
        self.names = {name: attribute for name, attribute in names.items() if attribute}
        self.make: Callable[[str, str, Attributes], Entry] = make

    def entry(self, attributes: Attributes) -> Entry | None:
        """None for one whose id or name is missing or too long: it cannot be spoken of."""
        entry_id, name = _id(attributes, self.names["id"]), _text(attributes, self.names["name"])
        if not entry_id or not name or max(len(entry_id), len(name)) > LONGEST:
            return None
        return self.make(entry_id, name, attributes)


class LdapDirectory:
    is_read_only = True

    def __init__(self, options: LdapOptions, clock: Clock):
        self.options = options
        server = Server(options, clock)
        life_s = options.pool_connection_lifetime if options.use_pool else 0
        auth_life_s = options.auth_pool_connection_lifetime if options.use_auth_pool else 0
        self._asking = Connections(server, True, options.pool_size, life_s)
        # a bind changes who a connection is, so those for passwords ask nothing else
        self._binding = Connections(server, False, options.auth_pool_size, auth_life_s)
        self._users = _Tree(
            options.user_tree_dn or options.suffix,
            options.user_objectclass,
            options.user_filter,
            {
                "id": options.user_id_attribute,
                "name": options.user_name_attribute,
                "email": options.user_mail_attribute,
                "description": options.user_description_attribute,
                "enabled": options.user_enabled_attribute,
                "default_project_id": options.user_default_project_id_attribute,
            },
            self._user,
        )
        self._groups = _Tree(
            options.group_tree_dn or options.suffix,
            options.group_objectclass,
            options.group_filter,
            {
                "id": options.group_id_attribute,
                "name": options.group_name_attribute,
                "description": options.group_desc_attribute,
            },
            self._group,
        )

    # -- users

    def get_user(self, user_id: str) -> DirectoryUser | None:
        return _entry(self._by_id(self._users, user_id))

    def user_named(self, name: str) -> DirectoryUser | None:
        return self._named(self._users, name)

    def list_users(self, wanted: Wanted) -> list[DirectoryUser]:
        found = self._wanted(self._users, wanted)
        # what the attribute means is not always a question that a filter can ask, so it is looked at here
        kept = (user for user in found if wanted.enabled in (None, user.enabled))
        return page_of(kept, wanted, self.get_user(wanted.after) if wanted.after else None)

    def verify_password(self, user_id: str, password: str) -> bool:
        # a bind with an empty password succeeds for everybody: it means "as nobody" (RFC 4513, 5.1.2)
        if not password or "\0" in password:
            return False
        found = self._by_id(self._users, user_id)
        if found is None:
            return False
        with self._binding.one() as connection:
            try:
                connection.simple_bind_s(found[0], password)
            except WRONG_PASSWORD as error:
                log.info("the directory %s refused a password: %s", self.options.url, error)
                return False
        return True

    # -- groups

    def get_group(self, group_id: str) -> DirectoryGroup | None:
        return _entry(self._by_id(self._groups, group_id))

    def group_named(self, name: str) -> DirectoryGroup | None:
        return self._named(self._groups, name)

    def list_groups(self, wanted: Wanted) -> list[DirectoryGroup]:
        last = self.get_group(wanted.after) if wanted.after else None
        return page_of(self._wanted(self._groups, wanted), wanted, last)

    def groups_of(self, user_id: str) -> list[DirectoryGroup]:
        return page_of(self._groups_of(user_id), Wanted(), None)

    def members_of(self, group_id: str) -> list[DirectoryUser]:
        group = self._by_id(self._groups, group_id)
        return page_of(self._members_of(group[0]) if group else (), Wanted(), None)

    def is_member(self, user_id: str, group_id: str) -> bool:
        own = filters.equals(self.options.group_id_attribute, group_id)
        return any(group.id.lower() == group_id.lower() for group in self._groups_of(user_id, own))

    def close(self) -> None:
        self._asking.close()
        self._binding.close()

    # -- membership

    def _groups_of(self, user_id: str, also: str = "") -> Iterator[DirectoryGroup]:
        options = self.options
        user = self._by_id(self._users, user_id)
        if user is None:
            return
        member = user[1].id if options.group_members_are_ids else user[0]
        test = filters.has_member(options.group_member_attribute, member, options.group_ad_nesting)
        for _, group in self._search(self._groups, f"{test}{also}"):
            yield group

    def _members_of(self, dn: str) -> Iterator[DirectoryUser]:
        if self.options.group_ad_nesting:
            for _, user in self._search(self._users, filters.has_member("memberOf", dn, True)):
                yield user
            return
        members = self._member_values(dn)
        are_ids = self.options.group_members_are_ids
        for start in range(0, len(members), AT_ONCE):
            some = members[start : start + AT_ONCE]
            if are_ids:
                tests = [filters.equals(self.options.user_id_attribute, member) for member in some]
            else:
                tests = [filters.named(member) for member in some]
            among = {filters.same(member) for member in some} if not are_ids else set()
            for found, user in self._search(self._users, filters.any_of(tests)):
                if are_ids or filters.same(found) in among:
                    yield user

    def _member_values(self, dn: str) -> list[str]:
        """The values of the group's member attribute, of which Active Directory gives long ones in ranges only
        (`member;range=0-1499`)."""
        name, found, start = self.options.group_member_attribute, [], 0
        while True:
            asked = name if start == 0 else f"{name};range={start}-*"
            with self._asking.one() as connection:
                answer = connection.search_ext_s(dn, ldap.SCOPE_BASE, filters.EVERYTHING, [asked])
            more = False
            for key, values in answer[0][1].items() if answer and answer[0][0] else ():
                base, _, part = key.partition(";range=")
                if base.lower() == name.lower():
                    found += [value.decode(errors="replace") for value in values]
                    more |= bool(part) and not part.endswith("*")
            if not more:
                return found
            start = len(found)

    # -- searches

    def _by_id(self, tree: _Tree[Entry], entry_id: str) -> tuple[str, Entry] | None:
        found = list(self._search(tree, filters.equals(tree.names["id"], entry_id)))
        return found[0] if found else None

    def _named(self, tree: _Tree[Entry], name: str) -> Entry | None:
        found = [entry for _, entry in self._search(tree, filters.equals(tree.names["name"], name))]
        if len(found) > 1:
            log.warning("%d entries of the directory %s have the name %r", len(found), self.options.url, name)
        return found[0] if len(found) == 1 else None

    def _wanted(self, tree: _Tree[Entry], wanted: Wanted) -> Iterator[Entry]:
        tests = [filters.equals(tree.names["name"], wanted.name)] if wanted.name is not None else []
        for match in wanted.matches:
            attribute = tree.names.get(match.name)
            tests.append(filters.has_text(attribute, match) if attribute else filters.NOTHING)
        for _, entry in self._search(tree, "".join(tests)):
            yield entry

    def _search(self, tree: _Tree[Entry], test: str) -> Iterator[tuple[str, Entry]]:
        """(DN, entry) of all that fulfil the tree's filter and `test`, page by page."""
        text = filters.every(tree.filter, test)
        names = list(tree.names.values())
        with self._asking.one() as connection:
            for dn, attributes in self._pages(connection, tree.base, text, names):
                entry = tree.entry({name.lower(): values for name, values in attributes.items()})
                if entry is not None:
                    yield dn, entry

    def _pages(
        self, connection: SimpleLDAPObject, base: str, text: str, names: Sequence[str]
    ) -> Iterator[tuple[str, Attributes]]:
        size, cookie = self.options.page_size, b""
        while True:
            controls = [SimplePagedResultsControl(False, size, cookie)] if size else []
            asked = connection.search_ext(base, SCOPES[self.options.query_scope], text, names, serverctrls=controls)
            try:
                _, found, _, answered = connection.result3(asked)
            except ldap.SIZELIMIT_EXCEEDED as error:
                raise DirectoryRefused("The directory gives no more at once: set page_size in its options.") from error
            # what has no DN is a referral to another server
            yield from ((dn, attributes) for dn, attributes in found if dn is not None)
            cookie = next((control.cookie for control in answered if hasattr(control, "cookie")), b"")
            if not cookie:
                return

    # -- entries

    def _user(self, user_id: str, name: str, attributes: Attributes) -> DirectoryUser:
        names = self._users.names
        return DirectoryUser(
            id=user_id,
            name=name,
            enabled=self._is_enabled(_text(attributes, names.get("enabled"))),
            email=_text(attributes, names.get("email")),
            description=_text(attributes, names.get("description")),
            default_project_id=_text(attributes, names.get("default_project_id")),
        )

    def _group(self, group_id: str, name: str, attributes: Attributes) -> DirectoryGroup:
        return DirectoryGroup(group_id, name, _text(attributes, self._groups.names.get("description")) or "")

    def _is_enabled(self, text: str | None) -> bool:
        options = self.options
        text = options.user_enabled_default if text is None else text
        if options.user_enabled_mask:
            # the mask's bits stand for "disabled"; a value that is no number is not trusted
            return text.lstrip("-").isdigit() and int(text) & options.user_enabled_mask != options.user_enabled_mask
        return (text.lower() == "true") != options.user_enabled_invert


def _entry(found: tuple[str, Entry] | None) -> Entry | None:
    return found[1] if found else None


def _text(attributes: Attributes, name: str | None) -> str | None:
    values = attributes.get(name.lower(), ()) if name else ()
    return values[0].decode(errors="replace") if values else None


def _id(attributes: Attributes, name: str) -> str | None:
    if name.lower() != filters.GUID:
        return _text(attributes, name)
    values = attributes.get(filters.GUID, ())
    return str(uuid.UUID(bytes_le=values[0])) if values and len(values[0]) == 16 else None
