"""Security groups by way of compute: old clients ask here for what the network has; this only passes on.

Groups on servers are groups on the servers' ports.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from skyloom.access import Caller
from skyloom.compute.errors import RequestInvalid
from skyloom.compute.parts import Parts
from skyloom.compute.service.servers import ServerService
from skyloom.db.listing import Page, Sort
from skyloom.errors import Conflict, NotFound
from skyloom.network import NicInfo, SecurityGroup, SecurityGroupRule

RULE = "os_compute_api:os-security-groups"
BY_ID = Page(None, None, (Sort("id"),))


@dataclass(frozen=True)
class Everything:
    """What the network's collections take as a query."""

    page: Page = BY_ID
    filters: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    special: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Groups(Protocol):
    def list(self, caller: Caller, query: Any) -> Sequence[SecurityGroup]: ...
    def get(self, caller: Caller, id: str) -> SecurityGroup: ...
    def create(self, caller: Caller, bodies: Sequence[Mapping[str, Any]]) -> Sequence[SecurityGroup]: ...
    def update(self, caller: Caller, id: str, values: Mapping[str, Any]) -> SecurityGroup: ...
    def delete(self, caller: Caller, id: str) -> None: ...


class Rules(Protocol):
    def create(self, caller: Caller, bodies: Sequence[Mapping[str, Any]]) -> Sequence[SecurityGroupRule]: ...
    def delete(self, caller: Caller, id: str) -> None: ...


class Ports(Protocol):
    def update(self, caller: Caller, id: str, values: Mapping[str, Any]) -> Any: ...


class SecurityGroupService:
    def __init__(self, parts: Parts, servers: ServerService, network: Any):
        """`network` has the collections `security_groups`, `security_group_rules` and `ports`."""
        self.parts = parts
        self.servers = servers
        self.network = network

    def get(self, caller: Caller, group_id: str) -> SecurityGroup:
        self._require(caller, "show")
        return self._groups.get(caller, group_id)

    def create(self, caller: Caller, name: str, description: str) -> SecurityGroup:
        self._require(caller, "create")
        with _refusals():
            return self._groups.create(caller, [{"name": name, "description": description}])[0]

    def update(self, caller: Caller, group_id: str, name: str, description: str | None) -> SecurityGroup:
        self._require(caller, "update")
        values = {"name": name} | ({} if description is None else {"description": description})
        with _refusals():
            return self._groups.update(caller, group_id, values)

    def delete(self, caller: Caller, group_id: str) -> None:
        """A group in use is a bad request here, where the network says conflict."""
        self._require(caller, "delete")
        with _refusals():
            self._groups.delete(caller, group_id)

    def add_rule(self, caller: Caller, values: Mapping[str, Any]) -> SecurityGroupRule:
        """`values` by the network's names."""
        self._require(caller, "rule:create")
        with _refusals():
            rules: Rules = self.network.security_group_rules
            return rules.create(caller, [values])[0]

    def delete_rule(self, caller: Caller, rule_id: str) -> None:
        self._require(caller, "rule:delete")
        rules: Rules = self.network.security_group_rules
        rules.delete(caller, rule_id)

    def of_server(self, caller: Caller, server_id: str) -> list[SecurityGroup]:
        ids = {each for nic in self._nics(caller, server_id, "list") for each in nic.security_group_ids}
        return list(self._all(caller, {"id": sorted(ids)})) if ids else []

    def add_to_server(self, caller: Caller, server_id: str, name: str) -> None:
        """The group goes onto every port that has port security; one without any is refused."""
        nics = [nic for nic in self._nics(caller, server_id, "add") if nic.port_security]
        group_id = self._find(caller, name)
        if not nics:
            raise RequestInvalid(
                f"Network requires port_security_enabled to apply security group {name} on {server_id}."
            )
        for nic in nics:
            if group_id not in nic.security_group_ids:
                self._set(caller, nic, [*nic.security_group_ids, group_id])

    def remove_from_server(self, caller: Caller, server_id: str, name: str) -> None:
        nics = self._nics(caller, server_id, "remove")
        group_id = self._find(caller, name)
        holding = [nic for nic in nics if group_id in nic.security_group_ids]
        if not holding:
            raise NotFound(f"Security group {name} not associated with the instance {server_id}", server=server_id)
        for nic in holding:
            self._set(caller, nic, [each for each in nic.security_group_ids if each != group_id])

    def _nics(self, caller: Caller, server_id: str, action: str) -> Sequence[NicInfo]:
        return self.servers.addresses(caller, server_id, f"{RULE}:{action}")

    def _find(self, caller: Caller, name: str) -> str:
        return self.parts.network.find_security_groups(caller, [name])[0]

    def _set(self, caller: Caller, nic: NicInfo, group_ids: Sequence[str]) -> None:
        ports: Ports = self.network.ports
        with _refusals():
            ports.update(caller, nic.port_id, {"security_group_ids": list(group_ids)})

    @property
    def _groups(self) -> Groups:
        groups: Groups = self.network.security_groups
        return groups

    def _require(self, caller: Caller, action: str) -> None:
        self.parts.policy.require(caller, f"{RULE}:{action}", {"project_id": caller.project_id})

    def _all(self, caller: Caller, filters: Mapping[str, Sequence[Any]]) -> Sequence[SecurityGroup]:
        return self._groups.list(caller, Everything(filters=filters))

    def list(self, caller: Caller, ids: Sequence[str] | None = None) -> Sequence[SecurityGroup]:
        """The project's own, or those of the ids among them."""
        self._require(caller, "get")
        own = {"project_id": [caller.project_id]}
        return self._all(caller, own if ids is None else {**own, "id": ids})


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except Conflict as error:
        raise RequestInvalid(error.sentence) from error
