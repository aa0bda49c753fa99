"""What identity asks of the directory that holds a domain's users and groups, whichever kind of directory it is.

Reading only: a directory that others keep (LDAP, Active Directory) is never written to. Ids here are the directory's
own ("local"); what the API shows is made of them by `public_id`.
"""

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol, TypeVar

import msgspec

from skyloom.errors import Unavailable
from skyloom.identity.model import Match


class DirectoryAway(Unavailable):
    """It does not answer, or not in time."""

    code = "identity.directory_away"


class DirectoryRefused(Unavailable):
    """It answers and does not serve us: wrong service password, unknown certificate, a base that is not there."""

    code = "identity.directory_refused"


@dataclass(frozen=True, slots=True)
class DirectoryUser:
    id: str
    name: str
    enabled: bool = True
    email: str | None = None
    description: str | None = None
    default_project_id: str | None = None


@dataclass(frozen=True, slots=True)
class DirectoryGroup:
    id: str
    name: str
    description: str = ""


Entry = TypeVar("Entry", DirectoryUser, DirectoryGroup)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which users or groups: `name` as it is, `matches` of name, email or description, `enabled` of users only.

    `after`: the id of the last one of the page before. At most `limit` are given (None: all), by name, then id.
    """

    name: str | None = None
    enabled: bool | None = None
    matches: Sequence[Match] = field(default=())
    limit: int | None = None
    after: str | None = None


class Directory(Protocol):
    """Users and groups of one domain. Every call may raise DirectoryAway and DirectoryRefused.

    Names are compared as the directory does: LDAP takes `Anna` and `anna` for the same.
    """

    is_read_only: bool

    def get_user(self, user_id: str) -> DirectoryUser | None: ...

    def user_named(self, name: str) -> DirectoryUser | None:
        """None, too, where several have the name: then it names nobody."""

    def list_users(self, wanted: Wanted) -> list[DirectoryUser]: ...

    def get_group(self, group_id: str) -> DirectoryGroup | None: ...

    def group_named(self, name: str) -> DirectoryGroup | None: ...

    def list_groups(self, wanted: Wanted) -> list[DirectoryGroup]: ...

    def groups_of(self, user_id: str) -> list[DirectoryGroup]:
        """By name; with nested groups where the directory has them. Empty for an unknown user."""

    def members_of(self, group_id: str) -> list[DirectoryUser]:
        """By name. Empty for an unknown group."""

    def is_member(self, user_id: str, group_id: str) -> bool: ...

    def verify_password(self, user_id: str, password: str) -> bool:
        """Whether this is the user's password. Never for an empty one. Whether the user is enabled is not looked at."""

    def close(self) -> None:
        """Give back its connections."""


def page_of(entries: Iterable[Entry], wanted: Wanted, last: Entry | None) -> list[Entry]:
    """The page of entries that come in any order; `last` is the entry of `wanted.after`. Holds one page in memory."""

    def key(entry: Entry) -> tuple[str, str]:
        return entry.name, entry.id

    later = entries if last is None else (entry for entry in entries if key(entry) > key(last))
    return sorted(later, key=key) if wanted.limit is None else heapq.nsmallest(wanted.limit, later, key=key)


class Kind(StrEnum):
    USER = "user"
    GROUP = "group"


def public_id(domain_id: str, kind: Kind, local_id: str) -> str:
    """The id that the API shows: 64 hexadecimal digits, the same in every cloud, and as Keystone makes it."""
    return hashlib.sha256(f"{domain_id}{kind}{local_id}".encode()).hexdigest()


Whole = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Size = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class LdapOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of the group `ldap` in a domain's configuration; names and defaults are Keystone's.

    Times are in seconds. A page_size of 0 asks for everything at once. `url` may name several servers, with commas:
    the first that answers is taken.
    """

    url: str = "ldap://localhost"
    user: str | None = None
    password: str | None = None
    suffix: str = "cn=example,cn=com"
    query_scope: Literal["one", "sub"] = "one"
    page_size: Whole = 0
    chase_referrals: bool | None = None
    user_tree_dn: str | None = None
    user_filter: str | None = None
    user_objectclass: str = "inetOrgPerson"
    user_id_attribute: str = "cn"
    user_name_attribute: str = "sn"
    user_description_attribute: str = "description"
    user_mail_attribute: str = "mail"
    user_pass_attribute: str = "userPassword"
    user_enabled_attribute: str = "enabled"
    user_enabled_invert: bool = False
    user_enabled_mask: Whole = 0
    user_enabled_default: str = "True"
    user_default_project_id_attribute: str | None = None
    group_tree_dn: str | None = None
    group_filter: str | None = None
    group_objectclass: str = "groupOfNames"
    group_id_attribute: str = "cn"
    group_name_attribute: str = "ou"
    group_member_attribute: str = "member"
    group_members_are_ids: bool = False
    group_desc_attribute: str = "description"
    group_ad_nesting: bool = False
    use_tls: bool = False
    tls_cacertfile: str | None = None
    tls_cacertdir: str | None = None
    tls_req_cert: Literal["demand", "allow", "never"] = "demand"
    connection_timeout: Size = 5
    use_pool: bool = True
    pool_size: Size = 10
    pool_connection_timeout: Size = 5
    pool_connection_lifetime: Size = 600
    use_auth_pool: bool = True
    auth_pool_size: Size = 100
    auth_pool_connection_lifetime: Size = 60


ACTIVE_DIRECTORY: dict[str, Any] = {
    "query_scope": "sub",
    "page_size": 500,
    "user_filter": "(!(objectClass=computer))",
    "user_objectclass": "user",
    "user_id_attribute": "objectGUID",
    "user_name_attribute": "sAMAccountName",
    "user_enabled_attribute": "userAccountControl",
    "user_enabled_mask": 2,
    "user_enabled_default": "512",
    "group_objectclass": "group",
    "group_id_attribute": "objectGUID",
    "group_name_attribute": "sAMAccountName",
    "group_ad_nesting": True,
}
"""What the driver `ad` takes instead of Keystone's defaults: ids that survive a change of name, nested groups."""


class OpenDirectory(Protocol):
    def __call__(self, options: LdapOptions) -> Directory:
        """The directory of these options; connects at the first question. DirectoryRefused where it cannot be had."""
