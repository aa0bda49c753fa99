"""Which endpoints a project sees in its catalog: those associated with it, by themselves or as groups."""

from collections.abc import Sequence
from typing import Any

from skyloom.access import Caller
from skyloom.identity import resources
from skyloom.identity.errors import NoSuch
from skyloom.identity.model import Record
from skyloom.identity.service.catalog import Endpoints
from skyloom.identity.service.projects import Projects
from skyloom.identity.service.registry import Ground, Registry
from skyloom.identity.store.catalog import CatalogStore


class EndpointGroups(Registry):
    resource = resources.ENDPOINT_GROUP


class EndpointFilter:
    def __init__(self, ground: Ground, store: CatalogStore, endpoints: Endpoints, projects: Projects):
        self.ground = ground
        self.db = ground.db
        self.store = store
        self.endpoints = endpoints
        self.projects = projects
        self.groups = EndpointGroups(ground)

    # -- single endpoints

    def add(self, caller: Caller, project_id: str, endpoint_id: str) -> None:
        with self._both(caller, "add_endpoint_to_project", project_id, endpoint_id) as tx:
            self.store.associate(tx, project_id, endpoint_id)

    def remove(self, caller: Caller, project_id: str, endpoint_id: str) -> None:
        with self._both(caller, "remove_endpoint_from_project", project_id, endpoint_id) as tx:
            if not self.store.dissociate(tx, project_id, endpoint_id):
                raise NoSuch("endpoint", f"{endpoint_id} in project {project_id}")

    def check(self, caller: Caller, project_id: str, endpoint_id: str) -> None:
        self._require(caller, "check_endpoint_in_project")
        self.projects.show(project_id)
        self.endpoints.show(endpoint_id)
        if endpoint_id not in self.store.endpoints_of(self.db.read(), project_id):
            raise NoSuch("endpoint", f"{endpoint_id} in project {project_id}")

    def endpoints_of(self, caller: Caller, project_id: str) -> Sequence[Record]:
        """All that the project sees by association, groups included."""
        self._require(caller, "list_endpoints_for_project")
        self.projects.show(project_id)
        sql = self.db.read()
        return self.endpoints.these(sql, sorted(self.store.seen_by(sql, project_id)))

    def projects_of(self, caller: Caller, endpoint_id: str) -> Sequence[Record]:
        self._require(caller, "list_projects_for_endpoint")
        self.endpoints.show(endpoint_id)
        sql = self.db.read()
        return self.projects.these(sql, self.store.projects_of(sql, endpoint_id))

    # -- groups

    def add_group(self, caller: Caller, group_id: str, project_id: str) -> None:
        with self._group(caller, "add_endpoint_group_to_project", group_id, project_id) as tx:
            self.store.associate_group(tx, project_id, group_id)

    def remove_group(self, caller: Caller, group_id: str, project_id: str) -> None:
        with self._group(caller, "remove_endpoint_group_from_project", group_id, project_id) as tx:
            if not self.store.dissociate_group(tx, project_id, group_id):
                raise NoSuch("endpoint_group", f"{group_id} in project {project_id}")

    def check_group(self, caller: Caller, group_id: str, project_id: str) -> None:
        """NoSuch, if the endpoint group is not associated with the project."""
        self._require(caller, "get_endpoint_group_in_project")
        self.projects.show(project_id)
        self.groups.show(group_id)
        if group_id not in self.store.groups_of(self.db.read(), project_id):
            raise NoSuch("endpoint_group", f"{group_id} in project {project_id}")

    def groups_of(self, caller: Caller, project_id: str) -> Sequence[Record]:
        self._require(caller, "list_endpoint_groups_for_project")
        self.projects.show(project_id)
        sql = self.db.read()
        return self.groups.these(sql, self.store.groups_of(sql, project_id))

    def projects_of_group(self, caller: Caller, group_id: str) -> Sequence[Record]:
        self._require(caller, "list_projects_associated_with_endpoint_group")
        self.groups.show(group_id)
        sql = self.db.read()
        return self.projects.these(sql, self.store.projects_of_group(sql, group_id))

    def endpoints_of_group(self, caller: Caller, group_id: str) -> Sequence[Record]:
        self._require(caller, "list_endpoints_associated_with_endpoint_group")
        group = self.groups.show(group_id)
        sql = self.db.read()
        return self.endpoints.these(sql, self.store.endpoints_in(sql, group["filters"]))

    # -- what they are made of

    def _require(self, caller: Caller, action: str) -> None:
        self.ground.policy.require(caller, f"identity:{action}")

    def _both(self, caller: Caller, action: str, project_id: str, endpoint_id: str) -> Any:
        self._require(caller, action)
        self.projects.show(project_id)
        self.endpoints.show(endpoint_id)
        return self.ground.change(caller, f"identity:{action}", "endpoint", endpoint_id)

    def _group(self, caller: Caller, action: str, group_id: str, project_id: str) -> Any:
        self._require(caller, action)
        self.projects.show(project_id)
        self.groups.show(group_id)
        return self.ground.change(caller, f"identity:{action}", "endpoint_group", group_id)
