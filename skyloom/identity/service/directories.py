"""Domains whose users and groups are in a directory of others (LDAP, Active Directory), chosen by their configuration.

The directory is asked, never written to. What it says of a user who signs in, or whose token is used, is kept as a
shadow (see the store): so roles by groups, trusts and credentials work as for any user, and a difference that is found
makes all cached tokens be read anew. What it said is believed for `directory_life_s`; after that it must answer again,
or the requests of its own users are Unavailable.
"""

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from skyloom.access import SYSTEM
from skyloom.access.vault import Vault
from skyloom.identity.drivers.contract import (
    ACTIVE_DIRECTORY,
    Directory,
    DirectoryGroup,
    DirectoryRefused,
    DirectoryUser,
    Kind,
    LdapOptions,
    OpenDirectory,
    Wanted,
    public_id,
)
from skyloom.identity.errors import DirectoryReadOnly, MarkerNotFound
from skyloom.identity.model import Record, User
from skyloom.identity.passwords import Passwords
from skyloom.identity.service.registry import Ground, Listed, Query
from skyloom.identity.service.sql_directory import SqlDirectory, is_right
from skyloom.identity.store.domain_options import DomainOptions
from skyloom.identity.store.shadows import Place, Shadows

log = logging.getLogger(__name__)
SQL = "sql"
PRESETS: Mapping[str, Mapping[str, Any]] = {"ldap": {}, "ad": ACTIVE_DIRECTORY}
"""The drivers of `identity.driver` besides sql, each with the options that it takes instead of the defaults."""
PUBLIC_ID_LENGTH = 64
YEAR_S = 31_536_000.0
Entry = DirectoryUser | DirectoryGroup


class Directories:
    def __init__(
        self, ground: Ground, vault: Vault, passwords: Passwords, open_directory: OpenDirectory | None, life_s: int
    ):
        self.ground = ground
        self.db = ground.db
        self.vault = vault
        self.passwords = passwords
        self.open_directory = open_directory
        self.life_s = life_s
        self.shadows = Shadows()
        self.options = DomainOptions()
        self._generation = -1
        self._open: dict[str, tuple[LdapOptions, Directory]] = {}
        self._configured: dict[str, LdapOptions | None] = {}
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}

    # -- which domains

    def domains(self) -> list[str]:
        """Ids of the domains that have one."""
        generation = self.ground.principals.generation(self.db.read())
        if generation != self._generation:
            with self._lock:
                self._configure()
                self._generation = generation
        return list(self._configured)

    def of(self, domain_id: str | None) -> Directory | None:
        """None: the domain's users are in the database."""
        if domain_id is None or domain_id not in self.domains():
            return None
        with self._lock:
            options = self._configured.get(domain_id)
            if options is None:
                raise DirectoryRefused(
                    f"The configuration of domain {domain_id} cannot be used; correct it. The drivers of users are "
                    f"{', '.join((SQL, *PRESETS))}.",
                    30,
                )
            found = self._open.get(domain_id)
            if found is None or found[0] != options:
                if self.open_directory is None:
                    raise DirectoryRefused("This cloud was started without support for directories.", 300)
                if found is not None:
                    found[1].close()
                found = self._open[domain_id] = (options, self.open_directory(options))
            return found[1]

    def refuse_write(self, domain_id: str) -> None:
        if self.of(domain_id) is not None:
            raise DirectoryReadOnly(domain_id)

    def close(self) -> None:
        with self._lock:
            for _, directory in self._open.values():
                directory.close()
            self._open.clear()

    def _configure(self) -> None:
        sql, found = self.db.read(), dict[str, LdapOptions | None]()
        for domain_id, driver in self.shadows.drivers(sql).items():
            if driver != SQL:
                found[domain_id] = self._options(domain_id, driver)
        for domain_id in self._open.keys() - found.keys():
            self._open.pop(domain_id)[1].close()
        self._configured = found

    def _options(self, domain_id: str, driver: str) -> LdapOptions | None:
        if driver not in PRESETS:
            log.error("the directory of domain %s: there is no driver %r", domain_id, driver)
            return None
        values = dict(PRESETS[driver])
        for option in self.options.all(self.db.read(), domain_id):
            if option.group == "ldap":
                sealed = option.sealed_value
                values[option.option] = msgspec.json.decode(self.vault.open(sealed)) if sealed else option.value
        try:
            return msgspec.convert(values, LdapOptions, strict=False)
        except msgspec.ValidationError:
            log.exception("the directory of domain %s", domain_id)
            return None

    # -- users and groups as the API shows them

    def place(self, noun_id: str) -> Place | None:
        """Where the user or group of that id is, if that is in a directory."""
        if len(noun_id) != PUBLIC_ID_LENGTH:
            return None
        place = self.shadows.place(self.db.read(), noun_id)
        return place if place and self.of(place.domain_id) is not None else None

    def find(self, place: Place) -> Record | None:
        directory = self._at(place)
        found = directory.get_user(place.local_id) if place.kind == Kind.USER else directory.get_group(place.local_id)
        return _record(place.domain_id, found) if found else None

    def page(self, kind: Kind, domain_id: str, query: Query, list_limit: int | None) -> Listed:
        """The domain's users or groups that the query names, by name."""
        directory, filters = self.of(domain_id), dict(query.filters)
        assert directory is not None
        after = self.place(query.page.marker) if query.page.marker else None
        if query.page.marker and after is None:
            raise MarkerNotFound(query.page.marker)
        limits = [number for number in (query.page.limit, list_limit) if number is not None]
        limit = min(limits) if limits else None
        filters.pop("domain_id", None)
        wanted = Wanted(
            name=filters.pop("name", None),
            enabled=filters.pop("enabled", None),
            matches=query.matches,
            limit=None if limit is None else limit + 1,
            after=after.local_id if after else None,
        )
        if filters or query.words:
            # nobody in a directory has what only the database knows (the end of a password, for one)
            return Listed([])
        found: Sequence[Entry] = directory.list_users(wanted) if kind is Kind.USER else directory.list_groups(wanted)
        self._map(domain_id, found)
        records = [_record(domain_id, entry) for entry in found[:limit]]
        return Listed(records, limit is not None and len(found) > limit)

    def groups_of(self, place: Place) -> list[Record]:
        found = self._at(place).groups_of(place.local_id)
        self._map(place.domain_id, found)
        return [_record(place.domain_id, group) for group in found]

    def members_of(self, place: Place) -> list[Record]:
        found = self._at(place).members_of(place.local_id)
        self._map(place.domain_id, found)
        return [_record(place.domain_id, user) for user in found]

    def members_of_those(self, group_ids: Iterable[str]) -> dict[str, list[str]]:
        """The ids of the members of those groups that are in a directory: also of who never signed in."""
        places = [place for group_id in group_ids if (place := self.place(group_id)) is not None]
        return {place.public_id: [user["id"] for user in self.members_of(place)] for place in places}

    def is_member(self, user_id: str, group_id: str) -> bool:
        """Of whichever directory, the database among them."""
        user, group = self.place(user_id), self.place(group_id)
        if user is None or group is None:
            return user is group and self._database("").is_member(user_id, group_id)
        return user.domain_id == group.domain_id and self._at(user).is_member(user.local_id, group.local_id)

    # -- those who sign in

    def user_named(self, domain_id: str, name: str) -> str | None:
        """The id of the directory's user of that name, whose shadow is what the directory says now."""
        directory = self.of(domain_id)
        found = directory.user_named(name) if directory else None
        if directory is None or found is None:
            return None
        self._keep_user(domain_id, found, directory.groups_of(found.id))
        return public_id(domain_id, Kind.USER, found.id)

    def verify_password(self, user: User | None, password: str) -> bool:
        """Of a user of whichever directory, the database among them; never for None, which takes its time too."""
        place = self.place(user.id) if user else None
        if place is not None:
            return self._at(place).verify_password(place.local_id, password)
        return is_right(self.passwords, password, user.password_hash if user else None)

    # -- shadows

    def ends_us(self, user_id: str, now_us: int) -> int | None:
        """Until when what is known of the user counts; None for a user of the database."""
        return now_us + int((self.life_s - self._age_s(user_id)) * 1_000_000) if self.place(user_id) else None

    def look(self, noun_id: str, at_most_s: float | None = None) -> None:
        """Bring the shadow of a directory's user or group up to date, if it is older than `at_most_s`."""
        place = self.place(noun_id)
        if place is None or self._age_s(noun_id) < (self.life_s if at_most_s is None else at_most_s):
            return
        directory = self._at(place)
        if place.kind == Kind.GROUP:
            group = directory.get_group(place.local_id)
            if group is not None:
                self._keep(place.domain_id, group, [])
            return
        user = directory.get_user(place.local_id)
        if user is not None:
            self._keep_user(place.domain_id, user, directory.groups_of(user.id))
        elif (self.shadows.get(self.db.read(), "user", noun_id) or {}).get("enabled"):
            log.info("user %s has left the directory of domain %s", noun_id, place.domain_id)
            with self.db.begin(SYSTEM) as tx:
                self.shadows.disable(tx, noun_id)
                self.ground.principals.bump(tx, (noun_id,))

    def _age_s(self, noun_id: str) -> float:
        """At most a year: as long as for ever."""
        return min(self.db.clock.monotonic() - self._seen.get(noun_id, -YEAR_S), YEAR_S)

    def _keep_user(self, domain_id: str, user: DirectoryUser, groups: Sequence[DirectoryGroup]) -> None:
        self._keep(domain_id, user, groups)
        if len(self._seen) > 100_000:
            self._seen.clear()
        self._seen[public_id(domain_id, Kind.USER, user.id)] = self.db.clock.monotonic()

    def _keep(self, domain_id: str, entry: Entry, groups: Sequence[DirectoryGroup]) -> None:
        """Write what differs from the shadows."""
        sql, kind, new = self.db.read(), _kind(entry), _shadow(domain_id, entry)
        own = self.shadows.get(sql, kind, new["id"])
        known = self.shadows.groups_of(sql, new["id"]) if kind is Kind.USER else {}
        wanted = {shadow["id"]: shadow for shadow in (_shadow(domain_id, group) for group in groups)}
        if own == new and known == wanted:
            return
        with self.db.begin(SYSTEM) as tx:
            self.shadows.add(tx, [_place(domain_id, each) for each in (entry, *groups)])
            self.shadows.put(tx, kind, new)
            for group_id, shadow in wanted.items():
                if known.get(group_id) != shadow:
                    self.shadows.put(tx, "group", shadow)
            if kind is Kind.USER:
                self.shadows.set_groups(tx, new["id"], list(wanted))
            self.ground.principals.bump(tx)

    def _map(self, domain_id: str, entries: Iterable[Entry]) -> None:
        """Whoever was shown can be asked for by id."""
        new = self.shadows.unknown(self.db.read(), [_place(domain_id, entry) for entry in entries])
        if new:
            with self.db.begin(SYSTEM) as tx:
                self.shadows.add(tx, new)

    def _database(self, domain_id: str) -> SqlDirectory:
        return SqlDirectory(self.db, domain_id, self.passwords)

    def _at(self, place: Place) -> Directory:
        directory = self.of(place.domain_id)
        if directory is None:
            raise DirectoryRefused(f"Domain {place.domain_id} has just lost its directory; ask again.", 1)
        return directory


def _kind(entry: Entry) -> Kind:
    return Kind.USER if isinstance(entry, DirectoryUser) else Kind.GROUP


def _place(domain_id: str, entry: Entry) -> Place:
    kind = _kind(entry)
    return Place(public_id(domain_id, kind, entry.id), domain_id, kind, entry.id)


def _shadow(domain_id: str, entry: Entry) -> dict[str, Any]:
    """The row that says what the directory says."""
    own = {"id": public_id(domain_id, _kind(entry), entry.id), "domain_id": domain_id, "name": entry.name}
    if isinstance(entry, DirectoryGroup):
        return {**own, "description": entry.description, "extra": {}}
    extra = {"email": entry.email, "description": entry.description}
    return {
        **own,
        "enabled": entry.enabled,
        "default_project_id": entry.default_project_id,
        "extra": {name: value for name, value in extra.items() if value is not None},
    }


def _record(domain_id: str, entry: Entry) -> Record:
    """As the API shows it."""
    shadow = _shadow(domain_id, entry)
    extra = shadow.pop("extra")
    if isinstance(entry, DirectoryGroup):
        return {**shadow, **extra}
    if shadow["default_project_id"] is None:
        del shadow["default_project_id"]
    return {**shadow, **extra, "options": {}, "password_expires_at": None}
