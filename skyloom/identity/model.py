"""The nouns of identity that more than one verb needs in a typed form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import Struct

DEFAULT_DOMAIN = "default"
SYSTEM_ID = "system"


class User(Struct, frozen=True):
    """`password_hash` None: no password, so no log-in by one. Tokens issued before `tokens_not_before` are void.

    `password_chosen_at`: when the user chose the password; None for one that an administrator gave. `last_active_at`:
    of the last log-in or enabling, kept only while the settings ask for it.
    `options` are Keystone's user options (lock_password, multi_factor_auth_rules, ...). `is_federated`: made of an
    identity provider's assertion, so known by its id alone; others of the domain may have the same name.
    `groups_until`: when the first of the memberships that a provider gave the user ends.
    """

    id: str
    domain_id: str
    domain_name: str
    name: str
    enabled: bool
    domain_enabled: bool
    default_project_id: str | None
    password_hash: str | None
    password_expires_at: datetime | None
    tokens_not_before: datetime | None
    password_chosen_at: datetime | None = None
    created_at: datetime | None = None
    last_active_at: datetime | None = None
    options: Mapping[str, Any] = {}
    is_federated: bool = False
    groups_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Of a log-in by some of the methods that its user must come by; `text` counts when the rest comes.

    `required`: the user's rules that `methods` begin to fulfil.
    """

    text: str = field(repr=False)
    user: User
    methods: Sequence[str]
    issued_at: datetime
    expires_at: datetime
    required: Sequence[Sequence[str]]


class Project(Struct, frozen=True):
    """A project, or a domain when `is_domain`. `enabled` takes the domain's own state into account."""

    id: str
    name: str
    domain_id: str
    domain_name: str
    parent_id: str
    is_domain: bool
    enabled: bool


class Role(Struct, frozen=True):
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A role of a user or group on a project, domain or the system."""

    actor_kind: str
    actor_id: str
    target_kind: str
    target_id: str
    role_id: str
    inherited: bool = False

    def columns(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class AccessRule:
    """What a token of an application credential may be used for: requests of one service, method and path.

    In `path`, `*` and `{name}` stand for one segment and `**` for any number of them.
    """

    id: str
    user_id: str
    service: str
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class ApplicationCredential:
    """`access_rules` None: a token may be used for every request; empty: for none."""

    id: str
    user_id: str
    project_id: str
    name: str
    description: str
    secret_hash: str
    role_ids: tuple[str, ...]
    unrestricted: bool
    expires_at: datetime | None
    access_rules: Sequence[AccessRule] | None = None


@dataclass(frozen=True, slots=True)
class Trust:
    """The trustee may act in the project with some of the trustor's roles; with `impersonation` as the trustor.

    `remaining_uses` None: any number of tokens. `redelegation_count`: how often it may be handed on.
    """

    id: str
    trustor_user_id: str
    trustee_user_id: str
    project_id: str | None
    impersonation: bool
    role_ids: tuple[str, ...]
    expires_at: datetime | None
    remaining_uses: int | None
    redelegation_count: int
    redelegated_trust_id: str | None


@dataclass(frozen=True, slots=True)
class RequestToken:
    """OAuth 1: what a consumer asks a user with. Once a user has authorized it, it has a verifier and roles."""

    id: str
    consumer_id: str
    project_id: str
    sealed_secret: bytes
    sealed_verifier: bytes | None
    authorizing_user_id: str | None
    role_ids: tuple[str, ...]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class AccessToken:
    """OAuth 1: by it a consumer acts as the user in the project, with these roles as far as the user has them."""

    id: str
    consumer_id: str
    authorizing_user_id: str
    project_id: str
    sealed_secret: bytes
    role_ids: tuple[str, ...]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A grant as a list of assignments shows it. Of an effective one, `group_id`, `inherited_from` (kind, id) and
    `prior_role_id` tell by which membership, from where and by which role it came."""

    grant: Grant
    group_id: str | None = None
    inherited_from: tuple[str, str] | None = None
    prior_role_id: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyPlace:
    """What a policy is associated with: an endpoint, a service, or a service in a region and the regions below."""

    endpoint_id: str | None = None
    service_id: str | None = None
    region_id: str | None = None

    @property
    def kind(self) -> str:
        """As the names of policy actions have it."""
        if self.endpoint_id is not None:
            return "endpoint"
        return "service" if self.region_id is None else "region_and_service"

    @property
    def key(self) -> str:
        """One text for each place, where a unique key could not hold nulls."""
        named = [f"{name.removesuffix('_id')} {value}" for name, value in self.columns().items() if value is not None]
        return " in ".join(named)

    def columns(self) -> dict[str, str | None]:
        return {name: getattr(self, name) for name in self.__slots__}


Record = dict[str, Any]
"""A resource of the plain kind (region, service, ...), by the attribute names of the API."""


@dataclass(frozen=True, slots=True)
class Match:
    """`name__contains=value` of a list's query; an `i` before the comparison ignores case."""

    name: str
    comparison: str
    value: str
