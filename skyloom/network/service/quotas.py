"""Quotas of projects: what is set, what is the default, what is used."""

from collections.abc import Mapping
from typing import Any

from skyloom.access import Caller
from skyloom.network.errors import HTTPBadRequest
from skyloom.network.kinds import text, whole
from skyloom.network.service.core import Core
from skyloom.network.store import quotas as store

PROJECT_ID = text(255)
LIMIT = whole(-1, 2**31 - 1)


class Quotas:
    def __init__(self, core: Core):
        self.core = core

    def list(self, caller: Caller) -> Mapping[str, Mapping[str, int]]:
        """Project -> resource -> quota, of the projects that have any of their own."""
        self.core.policy.require(caller, "get_quota")
        own = store.own_quotas(self.core.db.read())
        return {project_id: {**self.core.settings.quotas, **quotas} for project_id, quotas in own.items()}

    def get(self, caller: Caller, project_id: str) -> Mapping[str, int]:
        self._require_own(caller, project_id)
        own = store.own_quotas(self.core.db.read(), [project_id])
        return {**self.core.settings.quotas, **own.get(project_id, {})}

    def defaults(self, caller: Caller, project_id: str) -> Mapping[str, int]:
        self._require_own(caller, project_id)
        return dict(self.core.settings.quotas)

    def details(self, caller: Caller, project_id: str) -> Mapping[str, Mapping[str, int]]:
        """Resource -> limit, used, reserved (nothing is ever reserved: a claim is part of its row's transaction)."""
        limits = self.get(caller, project_id)
        used = store.used(self.core.db.read(), project_id)
        return {name: {"limit": limit, "used": used.get(name, 0), "reserved": 0} for name, limit in limits.items()}

    def update(self, caller: Caller, project_id: str, body: Any) -> Mapping[str, int]:
        self.core.policy.require(caller, "update_quota", {"project_id": project_id})
        limits = self._parse(body)
        _check_project(project_id)
        with self.core.db.begin(caller) as tx:
            for name, value in limits.items():
                store.set_quota(tx, project_id, name, value)
            tx.record("update_quota", "quota", project_id)
        return self.get(caller, project_id)

    def delete(self, caller: Caller, project_id: str) -> None:
        """Back to the defaults."""
        self.core.policy.require(caller, "delete_quota", {"project_id": project_id})
        _check_project(project_id)
        with self.core.db.begin(caller) as tx:
            store.forget_quotas(tx, project_id)
            tx.record("delete_quota", "quota", project_id)

    def _require_own(self, caller: Caller, project_id: str) -> None:
        own = project_id == caller.project_id
        self.core.policy.require(caller, "get_quota:own" if own else "get_quota", {"project_id": project_id})

    def _parse(self, body: Any) -> Mapping[str, int]:
        if not isinstance(body, dict):
            raise HTTPBadRequest("Invalid input for quota: it takes an object of limits.", field="quota")
        limits: dict[str, int] = {}
        for name, value in body.items():
            if name == "force":
                continue  # The quotas of other services refuse to go below the usage without it; these never do.
            if name not in self.core.settings.quotas:
                raise HTTPBadRequest(f"Unrecognized attribute(s) '{name}'.", field=name)
            try:
                limits[name] = LIMIT(value)
            except ValueError as error:
                raise HTTPBadRequest(f"Invalid input for {name}. Reason: {error}.", field=name) from error
        return limits


def _check_project(project_id: str) -> None:
    try:
        PROJECT_ID(project_id)
    except ValueError as error:
        raise HTTPBadRequest(f"Invalid input for project_id. Reason: {error}.", field="project_id") from error
