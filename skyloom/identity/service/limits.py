"""Unified limits: what a resource's limit is everywhere (registered) and where a project or domain has its own.

Whether a limit depends on that of the domain or project above is the enforcement model's matter.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from skyloom.access import Caller
from skyloom.db import Sql, Tx
from skyloom.identity import resources
from skyloom.identity.errors import AttributeInvalid, LimitInUse, LimitInvalid, LimitNotRegistered, TreeTooDeep
from skyloom.identity.model import Record
from skyloom.identity.service.catalog import Endpoints, Services
from skyloom.identity.service.projects import MAX_DEPTH, Projects
from skyloom.identity.service.registry import Ground, Registry
from skyloom.identity.settings import EnforcementModel
from skyloom.identity.store.limits import ids_in_domain, limit_above, limits_below, project_below_level_two

DESCRIPTIONS: Mapping[EnforcementModel, str] = {
    "flat": "Limit enforcement and validation does not take project hierarchy into consideration.",
    "strict_two_level": "This model requires project hierarchy never exceeds a depth of two",
}
DEPTHS: Mapping[EnforcementModel, int] = {"flat": MAX_DEPTH, "strict_two_level": 2}
"""The most levels of projects below a domain."""
UNLIMITED = -1


class InBulk(Registry):
    """Made several at once, all of them or none."""

    def __init__(self, ground: Ground, services: Services, endpoints: Endpoints):
        super().__init__(ground)
        self.services = services
        self.regions = endpoints.regions

    def create_all(self, caller: Caller, documents: Sequence[Mapping[str, Any]]) -> Sequence[Record]:
        action = f"identity:create_{self.resource.collection}"
        self.ground.policy.require(caller, action)
        if not documents:
            raise AttributeInvalid(f"'{self.resource.collection}' holds at least one item.")
        new = [{**self.resource.new(document), "id": self.new_id(document)} for document in documents]
        with self.db.begin(caller) as tx:
            self.ground.principals.bump(tx)
            for values in new:
                self.check_new(tx, values)
                self.records.add(tx, self.resource.row(values))
                tx.record(action, self.resource.noun, values["id"])
            for values in new:
                self.after_write(tx, values)
        found = {record["id"]: record for record in self.these(self.db.read(), [values["id"] for values in new])}
        return [found[values["id"]] for values in new]

    def check_new(self, tx: Tx, values: Record) -> None:
        self._check_place(tx, values)

    def check_change(self, tx: Tx, now: Record, values: Record) -> None:
        self._check_place(tx, {**now, **values})

    def _check_place(self, sql: Sql, values: Record) -> None:
        if not self.services.exists(sql, values["service_id"]):
            raise AttributeInvalid(f"Could not find service: {values['service_id']}.", field="service_id")
        if values["region_id"] is not None and not self.regions.exists(sql, values["region_id"]):
            raise AttributeInvalid(f"Could not find region: {values['region_id']}.", field="region_id")


class RegisteredLimits(InBulk):
    resource = resources.REGISTERED_LIMIT

    def __init__(self, ground: Ground, services: Services, endpoints: Endpoints, limits: "Limits"):
        super().__init__(ground, services, endpoints)
        self.limits = limits

    def check_change(self, tx: Tx, now: Record, values: Record) -> None:
        super().check_change(tx, now, values)
        moved = any(values.get(name, now[name]) != now[name] for name in ("service_id", "region_id", "resource_name"))
        if moved:
            self._refuse_used(tx, now)

    def before_delete(self, tx: Tx, record: Record) -> None:
        self._refuse_used(tx, record)

    def _refuse_used(self, tx: Tx, record: Record) -> None:
        if self.limits.records.any(tx, **_place(record)):
            raise LimitInUse(
                f"Unable to update or delete registered limit {record['id']} because there are project or domain "
                "limits associated with it; delete them first."
            )


class Limits(InBulk):
    """A list shows what is the caller's: of its project or domain, or all to those who may see them."""

    resource = resources.LIMIT

    def __init__(
        self,
        ground: Ground,
        services: Services,
        endpoints: Endpoints,
        projects: Projects,
        enforcement_model: EnforcementModel,
    ):
        super().__init__(ground, services, endpoints)
        self.projects = projects
        self.registered = RegisteredLimits(ground, services, endpoints, self)
        self.enforcement_model = enforcement_model

    def model(self) -> Record:
        return {"name": self.enforcement_model, "description": DESCRIPTIONS[self.enforcement_model]}

    def check_tree(self) -> None:
        """Raises TreeTooDeep when there are projects that lie deeper than the model allows."""
        if self.enforcement_model == "flat":
            return
        deep = project_below_level_two(self.db.read())
        if deep is not None:
            raise TreeTooDeep(
                f"Project {deep} lies deeper than two levels below its domain, which the enforcement model "
                f"{self.enforcement_model} does not allow; delete it first, or set another enforcement_model."
            )

    def check_new(self, tx: Tx, values: Record) -> None:
        super().check_new(tx, values)
        if values["project_id"] is not None and self.ground.principals.is_domain(tx, values["project_id"]):
            values.update(project_id=None, domain_id=values["domain_id"] or values["project_id"])
        if (values["project_id"] is None) == (values["domain_id"] is None):
            raise AttributeInvalid("A limit is of a project or of a domain: give one of project_id and domain_id.")
        if values["project_id"] is not None and not self.projects.exists(tx, values["project_id"]):
            raise AttributeInvalid(f"Could not find project: {values['project_id']}.", field="project_id")
        if values["domain_id"] is not None and not self.ground.principals.is_domain(tx, values["domain_id"]):
            raise AttributeInvalid(f"Could not find domain: {values['domain_id']}.", field="domain_id")
        if not self.registered.records.any(tx, **_place(values)):
            raise LimitNotRegistered(values["resource_name"], values["service_id"], values["region_id"])

    def after_write(self, tx: Tx, values: Record) -> None:
        """Hold the new limit against the one above and those below, all that were written with it included."""
        if self.enforcement_model == "flat":
            return
        place, own = _place(values), _amount(values["resource_limit"])
        project = self.ground.principals.project(tx, values["project_id"]) if values["project_id"] else None
        if project is not None and own > _amount(limit_above(tx, project.parent_id, place)):
            raise LimitInvalid(f"{_said(values)} is above that of {project.parent_id}, in which the project lies.")
        below = limits_below(tx, project.id if project else values["domain_id"], place)
        if any(_amount(amount) > own for amount in below):
            raise LimitInvalid(f"{_said(values)} is below that of a project that lies in it; lower that one first.")

    def target(self, record: Mapping[str, Any]) -> dict[str, Any]:
        found = {f"target.limit.{name}": value for name, value in record.items()}
        found["target.limit.domain.id"] = record.get("domain_id")
        if record.get("project_id") is not None:
            project = self.ground.principals.project(self.db.read(), record["project_id"])
            found["target.limit.project.domain_id"] = project.domain_id if project else None
        return found

    def visible(self, caller: Caller, filters: Mapping[str, Any]) -> Mapping[str, Any] | None:
        self.ground.policy.require(caller, "identity:list_limits")
        if self.ground.policy.allows(caller, "identity:get_limit"):
            return filters
        if caller.domain_id is not None:
            return {**filters, "id": ids_in_domain(self.db.read(), caller.domain_id)}
        own = caller.project_id
        return {**filters, "project_id": own} if own and filters.get("project_id", own) == own else None


def _place(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "service_id": record["service_id"],
        "region_id": record["region_id"] or "",
        "resource_name": record["resource_name"],
    }


def _amount(limit: int) -> float:
    return math.inf if limit == UNLIMITED else limit


def _said(record: Mapping[str, Any]) -> str:
    return f"The limit of {record['resource_limit']} {record['resource_name']}"
