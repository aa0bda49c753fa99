"""Limits and usage of projects. A claim is made in the transaction of the row that it is for."""

from collections.abc import Mapping

from skyloom.access import Caller
from skyloom.compute.errors import QuotaExceeded, QuotaInvalid
from skyloom.compute.model import Usage
from skyloom.compute.parts import Parts
from skyloom.compute.store import GroupStore, KeyPairStore, QuotaStore
from skyloom.compute.store.quotas import COUNTED
from skyloom.db import Sql, Tx

MOST = 2**31 - 1
LONGEST_ID = 64


class QuotaService:
    def __init__(self, parts: Parts):
        self.parts = parts
        self.store = QuotaStore()
        self.groups = GroupStore()
        self.keypairs = KeyPairStore()

    def defaults(self, caller: Caller, project_id: str) -> dict[str, int]:
        self.parts.policy.require(caller, "os_compute_api:os-quota-sets:defaults", {"project_id": project_id})
        return dict(self.parts.settings.limits)

    def show(self, caller: Caller, project_id: str) -> dict[str, int]:
        self.parts.policy.require(caller, "os_compute_api:os-quota-sets:show", {"project_id": project_id})
        return self.limits(self.parts.db.read(), project_id)

    def detail(self, caller: Caller, project_id: str) -> tuple[dict[str, int], dict[str, int]]:
        """Limits and what is in use."""
        self.parts.policy.require(caller, "os_compute_api:os-quota-sets:detail", {"project_id": project_id})
        return self.limits(self.parts.db.read(), project_id), self._in_use(project_id)

    def absolute(self, caller: Caller, project_id: str) -> tuple[dict[str, int], dict[str, int]]:
        """The same for the limits call, which anybody may make for the own project."""
        other = project_id != caller.project_id
        action = "os_compute_api:limits:other_project" if other else "os_compute_api:limits"
        self.parts.policy.require(caller, action, {"project_id": project_id})
        return self.limits(self.parts.db.read(), project_id), self._in_use(project_id)

    def update(self, caller: Caller, project_id: str, limits: Mapping[str, int], force: bool) -> dict[str, int]:
        """Raises QuotaInvalid when a limit is less than what is in use and `force` is not given."""
        self.parts.policy.require(caller, "os_compute_api:os-quota-sets:update", {"project_id": project_id})
        _check_project(project_id)
        in_use = self._in_use(project_id)
        for name, limit in limits.items():
            if limit < -1 or limit > MOST:
                raise QuotaInvalid(f"Quota limit {limit} for {name} must be in the range of -1 and {MOST}.", field=name)
            if not force and 0 <= limit < in_use.get(name, 0):
                raise QuotaInvalid(
                    f"Quota limit {limit} for {name} must be greater than or equal to already used and reserved "
                    f"{in_use[name]}.",
                    field=name,
                )
        with self.parts.db.begin(caller) as tx:
            self.store.set_limits(tx, project_id, limits)
            tx.record("os_compute_api:os-quota-sets:update", "project", project_id)
        return self.limits(self.parts.db.read(), project_id)

    def delete(self, caller: Caller, project_id: str) -> None:
        self.parts.policy.require(caller, "os_compute_api:os-quota-sets:delete", {"project_id": project_id})
        _check_project(project_id)
        with self.parts.db.begin(caller) as tx:
            self.store.forget_limits(tx, project_id)
            tx.record("os_compute_api:os-quota-sets:delete", "project", project_id)

    def class_limits(self, caller: Caller) -> dict[str, int]:
        self.parts.policy.require(caller, "os_compute_api:os-quota-class-sets:show")
        return dict(self.parts.settings.limits)

    def limits(self, sql: Sql, project_id: str) -> dict[str, int]:
        return {**self.parts.settings.limits, **self.store.limits(sql, project_id)}

    def claim(self, tx: Tx, project_id: str, more: Usage) -> None:
        """Raises QuotaExceeded, worded as Nova words it."""
        limits = self.limits(tx, project_id)
        if not self.store.has_usage(tx, project_id):
            self.store.add_usage(tx, project_id)
        if self.store.claim(tx, project_id, more, limits):
            return
        used = self.store.usage(tx, project_id)
        overs = [
            name for name in COUNTED if limits[name] >= 0 and getattr(used, name) + getattr(more, name) > limits[name]
        ]
        names = ", ".join(overs)
        asked = ", ".join(str(getattr(more, name)) for name in overs)
        held = ", ".join(str(getattr(used, name)) for name in overs)
        most = ", ".join(str(limits[name]) for name in overs)
        raise QuotaExceeded(
            f"Quota exceeded for {names}: Requested {asked}, but already used {held} of {most} {names}", over=overs
        )

    def release(self, tx: Tx, project_id: str, less: Usage) -> None:
        self.store.release(tx, project_id, less)

    def check_metadata(self, sql: Sql, project_id: str, count: int) -> None:
        most = self.limits(sql, project_id)["metadata_items"]
        if 0 <= most < count:
            raise QuotaExceeded(f"Maximum number of metadata items exceeds {most}", over=["metadata_items"])

    def check_keypairs(self, tx: Tx, project_id: str, user_id: str) -> None:
        """Key pairs belong to users; their number is bounded by the project that the user works in."""
        tx.lock(f"key pairs of {user_id}")
        most = self.limits(tx, project_id)["key_pairs"]
        if 0 <= most <= self.keypairs.count(tx, user_id):
            raise QuotaExceeded("Quota exceeded, too many key pairs.", over=["key_pairs"])

    def check_groups(self, tx: Tx, project_id: str) -> None:
        tx.lock(f"server groups of {project_id}")
        most = self.limits(tx, project_id)["server_groups"]
        if 0 <= most <= self.groups.count(tx, project_id):
            raise QuotaExceeded("Quota exceeded, too many server groups.", over=["server_groups"])

    def _in_use(self, project_id: str) -> dict[str, int]:
        sql = self.parts.db.read()
        used = self.store.usage(sql, project_id)
        return {
            "instances": used.instances,
            "cores": used.cores,
            "ram": used.ram,
            "server_groups": self.groups.count(sql, project_id),
        }


def _check_project(project_id: str) -> None:
    if len(project_id) > LONGEST_ID:
        raise QuotaInvalid(f"Project ID {project_id} is not a valid project.", field="project_id")
