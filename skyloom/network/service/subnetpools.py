"""Subnet pools: prefixes out of which subnets are cut."""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from skyloom.access import Caller
from skyloom.db import Sql, Tx
from skyloom.network import addresses, store
from skyloom.network.errors import (
    HTTPBadRequest,
    IllegalSubnetPoolPrefixBounds,
    IllegalSubnetPoolUpdate,
    InvalidInput,
    MaxPrefixSubnetAllocationError,
    MinPrefixSubnetAllocationError,
    OverQuota,
    SubnetAllocationError,
    SubnetPoolInUse,
)
from skyloom.network.model import SubnetPool
from skyloom.network.resources import SUBNETPOOL
from skyloom.network.service.collection import Collection
from skyloom.network.service.core import Core, looker

WIDEST = {4: 8, 6: 64}
NARROWEST = {4: 32, 6: 128}


class SubnetPools(Collection[SubnetPool]):
    resource = SUBNETPOOL

    def __init__(self, core: Core):
        super().__init__(core, store.SUBNETPOOLS)

    def create(self, caller: Caller, bodies: Sequence[Mapping[str, Any]]) -> Sequence[SubnetPool]:
        made: list[SubnetPool] = []
        with self.core.db.begin(caller) as tx:
            for values in bodies:
                project_id = self.core.owner(caller, values)
                self.resource.require_new(self.core.policy, caller, values, {"project_id": project_id})
                self.core.claim(tx, project_id, "subnetpool")
                made.append(self._from(project_id, self.resource.with_defaults(values)))
                self._keep_default_single(tx, made[-1])
                self.rows.add(tx, made[-1])
                tx.record("create_subnetpool", "subnetpool", made[-1].id)
        return made

    def update(self, caller: Caller, id: str, values: Mapping[str, Any]) -> SubnetPool:
        with self.core.db.begin(caller) as tx:
            before = self.hold(tx, caller, id, "update_subnetpool")
            self.resource.require_changes(self.core.policy, caller, values, self.target(tx, before))
            prefixes = merged(values.get("prefixes", before.prefixes))
            for old in before.prefixes:
                if not any(_inside(old, new) for new in prefixes):
                    raise IllegalSubnetPoolUpdate(
                        "Illegal subnetpool update: Existing prefixes must be a subset of the new prefixes.",
                        field="prefixes",
                    )
            bounds = {name: values.get(name, getattr(before, name)) for name in BOUNDS}
            _check_bounds(before.ip_version, **bounds)
            self.rows.change(tx, id, self.core.now(), {**values, **bounds, "prefixes": prefixes})
            tx.record("update_subnetpool", "subnetpool", id)
            after = self.found(tx, id)
            self._keep_default_single(tx, after)
            return after

    def delete(self, caller: Caller, id: str) -> None:
        with self.core.db.begin(caller) as tx:
            pool = self.hold(tx, caller, id, "delete_subnetpool")
            if store.SUBNETS.find(tx, subnetpool_id=id):
                raise SubnetPoolInUse(f"Subnet pool {id} has existing allocations; delete its subnets first.", id=id)
            self.rows.remove(tx, id)
            self.core.release(tx, pool.project_id, "subnetpool")
            tx.record("delete_subnetpool", "subnetpool", id)

    def cidr_for(self, tx: Tx, caller: Caller, full: Mapping[str, Any]) -> dict[str, Any]:
        """cidr, ip_version and subnetpool_id of a subnet to be, cut out of its pool when it has one."""
        cidr, version, pool_id = full["cidr"], full["ip_version"], full["subnetpool_id"]
        if pool_id is None and full["use_default_subnetpool"]:
            pool_id = self._default(tx, caller, version)
        if pool_id is None:
            if cidr is None:
                raise HTTPBadRequest(
                    "Bad subnets request: a subnetpool must be specified in the absence of a cidr.", field="cidr"
                )
            if version is None:
                sentence = "Invalid input for ip_version. Reason: 'None' is not in [4, 6]."
                raise HTTPBadRequest(sentence, field="ip_version")
            return {"cidr": cidr, "ip_version": version, "subnetpool_id": None}
        pool = self.find(tx, caller, pool_id)
        self.rows.touch(tx, pool.id, self.core.now())
        if version is not None and version != pool.ip_version:
            raise InvalidInput(
                f"Invalid input for operation: the subnet pool is of IPv{pool.ip_version}.", field="ip_version"
            )
        return {"cidr": self._cut(tx, pool, full), "ip_version": pool.ip_version, "subnetpool_id": pool.id}

    def _cut(self, tx: Tx, pool: SubnetPool, full: Mapping[str, Any]) -> str:
        subnets = store.SUBNETS.find(tx, subnetpool_id=pool.id)
        taken = [subnet.cidr for subnet in subnets]
        asked = full["cidr"]
        prefixlen = addresses.network_of(asked).prefixlen if asked else full["prefixlen"] or pool.default_prefixlen
        if prefixlen < pool.min_prefixlen:
            raise MinPrefixSubnetAllocationError(
                f"Unable to allocate subnet with prefix length {prefixlen}, minimum allowed prefix is "
                f"{pool.min_prefixlen}.",
                field="prefixlen",
            )
        if prefixlen > pool.max_prefixlen:
            raise MaxPrefixSubnetAllocationError(
                f"Unable to allocate subnet with prefix length {prefixlen}, maximum allowed prefix is "
                f"{pool.max_prefixlen}.",
                field="prefixlen",
            )
        if asked:
            inside = any(_inside(asked, prefix) for prefix in pool.prefixes)
            free = asked if inside and not any(addresses.overlap(asked, other) for other in taken) else None
        else:
            free = addresses.free_prefix(pool.prefixes, taken, prefixlen)
        if free is None:
            raise SubnetAllocationError("Failed to allocate subnet: Insufficient prefix space in the pool.")
        own = [subnet.cidr for subnet in subnets if subnet.project_id == full["project_id"]]
        if pool.default_quota is not None and sum(map(_weight, [*own, free])) > pool.default_quota:
            raise OverQuota("Per-tenant subnet pool prefix quota exceeded.")
        return free

    def _default(self, sql: Sql, caller: Caller, version: int | None) -> str:
        for pool in self.rows.find(sql, by=looker(caller), is_default=True):
            if version in (None, pool.ip_version):
                return pool.id
        raise HTTPBadRequest(f"No default subnetpool found for IPv{version}.", field="use_default_subnetpool")

    def _keep_default_single(self, tx: Tx, pool: SubnetPool) -> None:
        if not pool.is_default:
            return
        tx.lock("default subnetpool")
        there = self.rows.find(tx, is_default=True, ip_version=pool.ip_version)
        if any(other.id != pool.id for other in there):
            raise InvalidInput(
                f"Invalid input for operation: A default subnetpool for IPv{pool.ip_version} exists already.",
                field="is_default",
            )

    def _from(self, project_id: str, full: Mapping[str, Any]) -> SubnetPool:
        prefixes = merged(full["prefixes"])
        if not prefixes:
            sentence = "Invalid input for prefixes. Reason: a pool takes one prefix at least."
            raise HTTPBadRequest(sentence, field="prefixes")
        version = addresses.version_of(prefixes[0])
        bounds = {
            "min_prefixlen": full.get("min_prefixlen", WIDEST[version]),
            "max_prefixlen": full.get("max_prefixlen", NARROWEST[version]),
        }
        bounds["default_prefixlen"] = full.get("default_prefixlen", bounds["min_prefixlen"])
        _check_bounds(version, **bounds)
        now = self.core.now()
        return SubnetPool(
            id=str(uuid4()),
            project_id=project_id,
            name=full["name"],
            description=full["description"],
            ip_version=version,
            prefixes=prefixes,
            min_prefixlen=bounds["min_prefixlen"],
            max_prefixlen=bounds["max_prefixlen"],
            default_prefixlen=bounds["default_prefixlen"],
            default_quota=full["default_quota"],
            is_shared=full["is_shared"],
            is_default=full["is_default"],
            tags=[],
            revision_number=1,
            created_at=now,
            updated_at=now,
        )


BOUNDS = ("min_prefixlen", "max_prefixlen", "default_prefixlen")


def merged(prefixes: Sequence[str]) -> list[str]:
    """The fewest prefixes that hold the same addresses. Raises InvalidInput for mixed IP versions."""
    if len({addresses.version_of(prefix) for prefix in prefixes}) > 1:
        sentence = "Invalid input for operation: Cannot mix IPv4 and IPv6 prefixes in a subnet pool."
        raise InvalidInput(sentence, field="prefixes")
    networks = [addresses.network_of(prefix) for prefix in prefixes]
    return [str(network) for network in ipaddress.collapse_addresses(networks)]  # type: ignore[type-var]


def _inside(part: str, whole: str) -> bool:
    inner, outer = addresses.network_of(part), addresses.network_of(whole)
    return inner.version == outer.version and inner[0] in outer and inner[-1] in outer


def _weight(cidr: str) -> int:
    """Quotas of pools count addresses of IPv4 and /64 networks of IPv6."""
    network = addresses.network_of(cidr)
    return int(network.num_addresses) if network.version == 4 else max(1, int(network.num_addresses) >> 64)


def _check_bounds(version: int, min_prefixlen: int, max_prefixlen: int, default_prefixlen: int) -> None:
    if not 0 < min_prefixlen <= default_prefixlen <= max_prefixlen <= NARROWEST[version]:
        raise IllegalSubnetPoolPrefixBounds(
            f"Illegal prefix bounds: min_prefixlen={min_prefixlen}, default_prefixlen={default_prefixlen}, "
            f"max_prefixlen={max_prefixlen}: each must be at most the next, and the last at most {NARROWEST[version]}.",
            field="min_prefixlen",
        )
