"""The plain resources of identity as data: their attributes, what is required, what may change, how they are stored.

Keystone's API reference gives the attributes; what a body holds beyond them is kept in `extra` and shown again, as
Keystone does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from sqlalchemy import Table

from skyloom.identity import tables
from skyloom.identity.errors import AttributeFixed, AttributeInvalid
from skyloom.identity.model import Record

VISIBLE = r"\S"
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=VISIBLE)]
UserName = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=VISIBLE)]
ServiceName = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
ShortName = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=VISIBLE)]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9-]+\Z")]
RegionId = Annotated[str, msgspec.Meta(max_length=255)]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=2048, pattern=r"^[a-zA-Z0-9+.-]+:.+")]
Count = Annotated[int, msgspec.Meta(ge=-1, le=0x7FFFFFFF)]
"""A limit; -1 is none at all."""
FactorRule = Annotated[list[str], msgspec.Meta(min_length=1)]
"""Names of authentication methods that are all needed."""
Text = str | None
RemoteIds = list[Annotated[str, msgspec.Meta(min_length=1, max_length=255)]]
Minutes = Annotated[int, msgspec.Meta(ge=0, le=5_256_000)]
HttpUrl = Annotated[str, msgspec.Meta(max_length=2048, pattern=r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/?#]+[^\s]*\Z")]
RELAY_STATE_PREFIX = "ss:mem:"


class Options(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Of domains, projects and roles. null takes an option away."""

    immutable: bool | msgspec.UnsetType | None = msgspec.UNSET


class UserOptions(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    ignore_change_password_upon_first_use: bool | msgspec.UnsetType | None = msgspec.UNSET
    ignore_lockout_failure_attempts: bool | msgspec.UnsetType | None = msgspec.UNSET
    ignore_password_expiry: bool | msgspec.UnsetType | None = msgspec.UNSET
    ignore_user_inactivity: bool | msgspec.UnsetType | None = msgspec.UNSET
    lock_password: bool | msgspec.UnsetType | None = msgspec.UNSET
    multi_factor_auth_enabled: bool | msgspec.UnsetType | None = msgspec.UNSET
    multi_factor_auth_rules: list[FactorRule] | msgspec.UnsetType | None = msgspec.UNSET

    def __post_init__(self) -> None:
        rules = self.multi_factor_auth_rules
        if isinstance(rules, list):
            sets = [frozenset(rule) for rule in rules]
            if len(set(sets)) < len(sets) or any(len(one) < len(rule) for one, rule in zip(sets, rules, strict=True)):
                raise ValueError("multi_factor_auth_rules holds a rule, or a rule a method, twice")


class FederatedProtocol(msgspec.Struct, forbid_unknown_fields=True):
    """By which id a user is known to a provider's protocol."""

    protocol_id: ShortName
    unique_id: Name


class FederatedBy(msgspec.Struct, forbid_unknown_fields=True):
    idp_id: ShortName
    protocols: Annotated[list[FederatedProtocol], msgspec.Meta(min_length=1)]


class EndpointFilters(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    service_id: str | msgspec.UnsetType = msgspec.UNSET
    region_id: str | msgspec.UnsetType = msgspec.UNSET
    interface: Annotated[str, msgspec.Meta(pattern=r"^(public|internal|admin)\Z")] | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        if all(value is msgspec.UNSET for value in (self.service_id, self.region_id, self.interface)):
            raise ValueError("it is empty, and would choose every endpoint there is")


@dataclass(frozen=True, slots=True)
class Attribute:
    """`default` is what an absent one becomes. `fixed`: settable at creation only. `read_only`: only shown.
    `bare`: without the white space around it."""

    name: str
    kind: Any
    required: bool = False
    default: Any = None
    fixed: bool = False
    filterable: bool = True
    read_only: bool = False
    bare: bool = False


@dataclass(frozen=True)
class Resource:
    """`only`: what else a row of this resource fulfils (a domain is a project with `is_domain`). `is_closed`: it has
    no attributes but those described here. `extra_kinds`: of what is kept in `extra`, the kinds that are known."""

    noun: str
    collection: str
    table: Table
    attributes: Sequence[Attribute]
    only: Mapping[str, Any] = field(default_factory=dict)
    is_closed: bool = False
    extra_kinds: Mapping[str, Any] = field(default_factory=dict)
    by_name: Mapping[str, Attribute] = field(init=False)
    null_is_blank: frozenset[str] = field(init=False)
    """Names of attributes whose null is "" in the column."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {attribute.name: attribute for attribute in self.attributes})
        columns = self.table.c
        blank = (a.name for a in self.attributes if a.name in columns and not columns[a.name].nullable)
        optional = frozenset(
            name for name in blank if not self.by_name[name].required and self.by_name[name].default is None
        )
        object.__setattr__(self, "null_is_blank", optional)

    def new(self, document: Mapping[str, Any]) -> Record:
        """The values of a creation, defaults filled in; raises AttributeInvalid with the attribute's name."""
        values = self._checked(document)
        for attribute in self.attributes:
            if attribute.name not in values:
                if attribute.required:
                    raise AttributeInvalid(
                        f"'{attribute.name}' is a required property of a {self.noun}.", field=attribute.name
                    )
                values[attribute.name] = attribute.default
        return values

    def change(self, document: Mapping[str, Any], now: Record) -> Record:
        """The values of an update; an attribute that is fixed may be repeated but not changed."""
        values = self._checked(document)
        for name, value in values.items():
            attribute = self.by_name.get(name)
            if attribute is not None and attribute.fixed and value != now.get(name):
                raise AttributeFixed(f"The attribute {name} of a {self.noun} cannot be changed.", field=name)
        return values

    def _checked(self, document: Mapping[str, Any]) -> Record:
        values: Record = {}
        extra: dict[str, Any] = {}
        for name, value in document.items():
            attribute = self.by_name.get(name)
            if attribute is None:
                extra[name] = self._converted(name, value, self.extra_kinds.get(name, Any))
                continue
            if attribute.read_only:
                continue
            values[name] = self._converted(name, value, attribute.kind)
            if attribute.bare:
                values[name] = values[name].strip()
        extra = {name: value for name, value in extra.items() if name not in ("id", "links")}
        if self.is_closed and extra:
            name = min(extra)
            raise AttributeInvalid(
                f"Invalid input: additional properties are not allowed in a {self.noun} ('{name}' was unexpected).",
                field=name,
            )
        values["extra"] = extra
        return values

    def _converted(self, name: str, value: Any, kind: Any) -> Any:
        try:
            return msgspec.to_builtins(msgspec.convert(value, kind))
        except msgspec.ValidationError as error:
            rule = str(error).replace("`", "'")
            raise AttributeInvalid(
                f"Invalid input for field/attribute {name} of the {self.noun}: {rule[0].lower()}{rule[1:]}.",
                field=name,
            ) from error

    def row(self, record: Record) -> dict[str, Any]:
        """What the columns hold of a record ("" for null where a unique key needs a value)."""
        nullable = self.table.c
        return {
            name: ("" if value is None and not nullable[name].nullable else value)
            for name, value in record.items()
            if name in nullable
        }

    def record(self, row: Mapping[str, Any]) -> Record:
        """What the API shows of a row: the attributes and what was kept in `extra`, at one level."""
        shown = {**row.get("extra", {}), "id": row["id"]}
        for attribute in self.attributes:
            if attribute.name in row:
                value = row[attribute.name]
                shown[attribute.name] = None if value == "" and attribute.name in self.null_is_blank else value
        if "options" in row:
            shown["options"] = row["options"]
        return shown


DOMAIN = Resource(
    "domain",
    "domains",
    tables.project,
    (
        Attribute("name", ShortName, required=True, bare=True),
        Attribute("description", Text, default="", filterable=False),
        Attribute("enabled", bool, default=True),
        Attribute("options", Options, default={}, filterable=False),
    ),
    only={"is_domain": True},
)
PROJECT = Resource(
    "project",
    "projects",
    tables.project,
    (
        Attribute("name", ShortName, required=True, bare=True),
        Attribute("domain_id", Id | None, fixed=True),
        Attribute("parent_id", Id | None, fixed=True),
        Attribute("is_domain", bool, default=False, fixed=True),
        Attribute("description", Text, default="", filterable=False),
        Attribute("enabled", bool, default=True),
        Attribute("options", Options, default={}, filterable=False),
    ),
)
USER = Resource(
    "user",
    "users",
    tables.user,
    (
        Attribute("name", UserName, required=True, bare=True),
        Attribute("domain_id", Id, fixed=True),
        Attribute("enabled", bool, default=True),
        Attribute("default_project_id", Id | None, filterable=False),
        Attribute("password", Text, filterable=False),
        Attribute("password_expires_at", Text, filterable=False, read_only=True),
        Attribute("created_at", Text, filterable=False, read_only=True),
        Attribute("last_active_at", Text, filterable=False, read_only=True),
        Attribute("options", UserOptions, default={}, filterable=False),
        Attribute("federated", list[FederatedBy] | None, filterable=False),
    ),
    extra_kinds={"description": Text},
)
GROUP = Resource(
    "group",
    "groups",
    tables.group,
    (
        Attribute("name", ShortName, required=True, bare=True),
        Attribute("domain_id", Id, fixed=True),
        Attribute("description", Text, default="", filterable=False),
    ),
)
ROLE = Resource(
    "role",
    "roles",
    tables.role,
    (
        Attribute("name", Name, required=True),
        Attribute("domain_id", Id | None, fixed=True),
        Attribute("description", Text, filterable=False),
        Attribute("options", Options, default={}, filterable=False),
    ),
)
REGION = Resource(
    "region",
    "regions",
    tables.region,
    (
        Attribute("description", Text, default="", filterable=False),
        Attribute("parent_region_id", RegionId | None),
    ),
)
SERVICE = Resource(
    "service",
    "services",
    tables.service,
    (
        Attribute("type", Name, required=True),
        Attribute("name", ServiceName, default=""),
        Attribute("enabled", bool, default=True),
        Attribute("description", Text, filterable=False),
    ),
)
ENDPOINT = Resource(
    "endpoint",
    "endpoints",
    tables.endpoint,
    (
        Attribute("service_id", Id, required=True),
        Attribute("interface", Annotated[str, msgspec.Meta(pattern=r"^(public|internal|admin)\Z")], required=True),
        Attribute("url", Url, required=True, filterable=False),
        Attribute("region_id", RegionId | None),
        Attribute("enabled", bool, default=True, filterable=False),
    ),
    extra_kinds={"name": str, "region": Text},
)
POLICY = Resource(
    "policy",
    "policies",
    tables.policy,
    (
        Attribute("type", Name, required=True),
        Attribute("blob", str, required=True, filterable=False),
    ),
)
CREDENTIAL = Resource(
    "credential",
    "credentials",
    tables.credential,
    (
        Attribute("user_id", Id, required=True),
        Attribute("type", Name, required=True),
        Attribute("blob", str, required=True, filterable=False),
        Attribute("project_id", Id | None),
    ),
)
CONSUMER = Resource(
    "consumer",
    "consumers",
    tables.consumer,
    (
        Attribute("description", Text, filterable=False),
        Attribute("secret", Text, filterable=False, read_only=True),
    ),
)
ENDPOINT_GROUP = Resource(
    "endpoint_group",
    "endpoint_groups",
    tables.endpoint_group,
    (
        Attribute("name", Name, required=True),
        Attribute("description", Text, filterable=False),
        Attribute("filters", EndpointFilters, required=True, filterable=False),
    ),
    is_closed=True,
)
REGISTERED_LIMIT = Resource(
    "registered_limit",
    "registered_limits",
    tables.registered_limit,
    (
        Attribute("service_id", Id, required=True),
        Attribute("region_id", RegionId | None),
        Attribute("resource_name", Name, required=True),
        Attribute("default_limit", Count, required=True, filterable=False),
        Attribute("description", Text, filterable=False),
    ),
    is_closed=True,
)
LIMIT = Resource(
    "limit",
    "limits",
    tables.limit,
    (
        Attribute("service_id", Id, required=True, fixed=True),
        Attribute("region_id", RegionId | None, fixed=True),
        Attribute("project_id", Id | None, fixed=True),
        Attribute("domain_id", Id | None, fixed=True),
        Attribute("resource_name", Name, required=True, fixed=True),
        Attribute("resource_limit", Count, required=True, filterable=False),
        Attribute("description", Text, filterable=False),
    ),
    is_closed=True,
)
IDENTITY_PROVIDER = Resource(
    "identity_provider",
    "identity_providers",
    tables.identity_provider,
    (
        Attribute("id", str, read_only=True),
        Attribute("domain_id", Id | None, fixed=True, filterable=False),
        Attribute("enabled", bool, default=False),
        Attribute("description", Text, filterable=False),
        Attribute("authorization_ttl", Minutes | None, filterable=False),
        Attribute("remote_ids", RemoteIds | None, filterable=False),
    ),
    is_closed=True,
)
MAPPING = Resource(
    "mapping",
    "mappings",
    tables.mapping,
    (
        Attribute("rules", list[Any], required=True, filterable=False),
        Attribute("schema_version", Text, filterable=False),
    ),
    is_closed=True,
)
SERVICE_PROVIDER = Resource(
    "service_provider",
    "service_providers",
    tables.service_provider,
    (
        Attribute("id", str, read_only=True),
        Attribute("auth_url", HttpUrl, required=True, filterable=False),
        Attribute("sp_url", HttpUrl, required=True, filterable=False),
        Attribute("enabled", bool, default=False),
        Attribute("description", Text, filterable=False),
        Attribute("relay_state_prefix", Text, default=RELAY_STATE_PREFIX, filterable=False),
    ),
    is_closed=True,
)
