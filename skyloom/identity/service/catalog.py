"""Regions, services, endpoints, policies, and the catalog that tokens carry."""

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from skyloom.access import Caller
from skyloom.db import Sql, Tx
from skyloom.identity import resources
from skyloom.identity.errors import AttributeInvalid, InUse, NoSuch, NotOfToken
from skyloom.identity.model import Record
from skyloom.identity.service.registry import Ground, Registry
from skyloom.identity.service.tokens.freshness import CATALOG, Freshness
from skyloom.identity.store.catalog import CatalogStore
from skyloom.identity.store.federation import FederationStore

PUBLIC_URL = "$(public_url)s"
"""Stands in an endpoint's URL for scheme, host and port under which the cloud is reached now."""
PROJECT_MARK = b"0project-id-to-be-filled-in0"
"""Where a project's id goes in the rendered catalog."""
PROJECT_WORDS = ("$(tenant_id)s", "$(project_id)s", "%(tenant_id)s", "%(project_id)s")


class Regions(Registry):
    resource = resources.REGION

    def __init__(self, ground: Ground, endpoints: "Endpoints"):
        super().__init__(ground)
        self.endpoints = endpoints

    def new_id(self, document: Mapping[str, Any]) -> str:
        wanted = document.get("id")
        if wanted is not None and (not isinstance(wanted, str) or len(wanted) > 255 or "/" in wanted):
            raise AttributeInvalid(
                "Invalid input for field/attribute id: a text of at most 255 characters without '/', so that a URL can "
                "name it.",
                field="id",
            )
        return wanted or super().new_id(document)

    def check_new(self, tx: Tx, values: Record) -> None:
        self._check_parent(tx, values)

    def check_change(self, tx: Tx, now: Record, values: Record) -> None:
        self._check_parent(tx, values)
        at, seen = values.get("parent_region_id"), {now["id"]}
        while at is not None:
            if at in seen:
                raise AttributeInvalid(f"Region {now['id']} cannot lie below itself.", field="parent_region_id")
            seen.add(at)
            above = self.records.get(tx, at)
            at = above["parent_region_id"] if above else None

    def before_delete(self, tx: Tx, record: Record) -> None:
        if self.records.any(tx, parent_region_id=record["id"]) or self.endpoints.records.any(
            tx, region_id=record["id"]
        ):
            raise InUse(
                f"Unable to delete region {record['id']}: it has child regions or endpoints; delete them first."
            )

    def _check_parent(self, tx: Tx, values: Record) -> None:
        parent = values.get("parent_region_id")
        if parent is not None and not self.exists(tx, parent):
            raise NoSuch("region", parent)


class Services(Registry):
    resource = resources.SERVICE


class Policies(Registry):
    resource = resources.POLICY


class Endpoints(Registry):
    """`region` is the old name of `region_id`; a region that an endpoint names and is not there is made."""

    resource = resources.ENDPOINT
    shown_only = frozenset({"region"})

    def __init__(self, ground: Ground, store: CatalogStore, services: Services, public_url: str):
        super().__init__(ground)
        self.store = store
        self.services = services
        self.regions = Regions(ground, self)
        self.public_url = public_url

    def complete(self, caller: Caller, values: Record) -> None:
        _take_region(values)

    def check_new(self, tx: Tx, values: Record) -> None:
        self._check_references(tx, values)

    def prepare(self, values: Record, whole: Record) -> None:
        _take_region(values)

    def check_change(self, tx: Tx, now: Record, values: Record) -> None:
        self._check_references(tx, values)

    def shown(self, records: Sequence[Record]) -> Sequence[Record]:
        return [
            {**record, "url": record["url"].replace(PUBLIC_URL, self.public_url), "region": record["region_id"]}
            for record in records
        ]

    def _check_references(self, tx: Tx, values: Record) -> None:
        if "service_id" in values and not self.services.exists(tx, values["service_id"]):
            raise AttributeInvalid(f"Could not find service: {values['service_id']}.", field="service_id")
        region_id, by_name = values.get("region_id"), values.pop("region", None)
        if region_id is None or self.regions.exists(tx, region_id):
            return
        if by_name is not None:
            self.regions.records.add(tx, {"id": by_name, "description": "", "extra": {}})
            tx.record("identity:create_region", "region", by_name)
        else:
            raise AttributeInvalid(f"Could not find region: {region_id}.", field="region_id")


def _take_region(values: Record) -> None:
    """`region` counts where there is no `region_id`; it stays there as the sign that it may be made."""
    region = values["extra"].pop("region", None)
    if values.get("region_id") is None and isinstance(region, str) and region:
        values["region_id"] = values["region"] = region


class Catalog:
    """The catalog as tokens carry it, rendered once until it changes: each token's reply holds it."""

    def __init__(
        self, ground: Ground, store: CatalogStore, federation: FederationStore, freshness: Freshness, public_url: str
    ):
        self.db = ground.db
        self.policy = ground.policy
        self.store = store
        self.federation = federation
        self.freshness = freshness
        self.public_url = public_url
        self._lock = threading.Lock()
        self._made = _Made(-1, b"[]", b"[]", False, b"")

    def list(self, caller: Caller) -> Sequence[Record]:
        """What the caller's project sees."""
        self.policy.require(caller, "identity:get_auth_catalog")
        if caller.project_id is None:
            raise NotOfToken("The catalog is listed with a token that is scoped to a project.")
        sql = self.db.read()
        return self._shown(sql, caller.project_id, self._seen_by(sql, caller.project_id))

    def json(self, project_id: str | None) -> bytes:
        """The catalog of a project, or of a token without one (services whose URLs need a project are left out).

        As fresh as what `freshness` has learned: whoever asks has asked it for the generation before.
        """
        made = self._fresh()
        if project_id is None:
            return made.without_project
        if made.any_is_filtered:
            sql = self.db.read()
            only = self._seen_by(sql, project_id)
            if only is not None:
                return msgspec.json.encode(self._shown(sql, project_id, only))
        return made.of_project.replace(PROJECT_MARK, project_id.encode())

    def service_providers(self) -> bytes:
        """The clouds that trust this one, as JSON; nothing where there are none. As fresh as the catalog."""
        return self._fresh().service_providers

    def _fresh(self) -> "_Made":
        made = self._made
        if made.generation < 0 or not self.freshness.is_fresh(made.generation, (CATALOG,)):
            with self._lock:
                made = self._made = self._make(self.freshness.generation())
        return made

    def _seen_by(self, sql: Sql, project_id: str) -> Collection[str] | None:
        """Ids of the endpoints that the project sees; None: all."""
        return self.store.seen_by(sql, project_id) if self.store.is_filtered(sql, project_id) else None

    def _shown(self, sql: Sql, project_id: str | None, only: Collection[str] | None) -> Sequence[Record]:
        """`only`: ids of endpoints; None: all."""
        found: dict[str, Record] = {}
        for row in self.store.entries(sql):
            url = self._url(row.url, project_id)
            if url is None or (only is not None and row.id not in only):
                continue
            entry = found.setdefault(
                row.service_id, {"endpoints": [], "id": row.service_id, "type": row.type, "name": row.name}
            )
            entry["endpoints"].append(
                {
                    "id": row.id,
                    "interface": row.interface,
                    "region_id": row.region_id,
                    "url": url,
                    "region": row.region_id,
                }
            )
        return list(found.values())

    def _make(self, generation: int) -> "_Made":
        sql = self.db.read()
        service_providers = self.federation.enabled_service_providers(sql)
        return _Made(
            generation,
            msgspec.json.encode(self._shown(sql, PROJECT_MARK.decode(), None)),
            msgspec.json.encode(self._shown(sql, None, None)),
            self.store.any_is_filtered(sql),
            msgspec.json.encode(service_providers) if service_providers else b"",
        )

    def _url(self, template: str, project_id: str | None) -> str | None:
        filled = template.replace(PUBLIC_URL, self.public_url)
        for name in PROJECT_WORDS:
            if name in filled:
                if project_id is None:
                    return None
                filled = filled.replace(name, project_id)
        return filled


class _Made(msgspec.Struct, frozen=True):
    generation: int
    of_project: bytes
    without_project: bytes
    any_is_filtered: bool
    service_providers: bytes
