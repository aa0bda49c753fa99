"""The SQL of the catalog: the endpoints that count, and which of them a project sees."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select

from skyloom.db import Sql
from skyloom.identity.tables import (
    credential,
    endpoint,
    endpoint_group,
    project_endpoint,
    project_endpoint_group,
    service,
)

ENTRIES = (
    select(
        service.c.id.label("service_id"),
        service.c.type,
        service.c.name,
        endpoint.c.id,
        endpoint.c.interface,
        endpoint.c.region_id,
        endpoint.c.url,
    )
    .join(endpoint, endpoint.c.service_id == service.c.id)
    .where(service.c.enabled.is_(True), endpoint.c.enabled.is_(True))
    .order_by(service.c.type, service.c.id, endpoint.c.interface)
)
ENDPOINTS_OF_PROJECT = select(project_endpoint.c.endpoint_id).where(project_endpoint.c.project_id == bindparam("id"))
PROJECTS_OF_ENDPOINT = select(project_endpoint.c.project_id).where(project_endpoint.c.endpoint_id == bindparam("id"))
GROUPS_OF_PROJECT = select(project_endpoint_group.c.endpoint_group_id).where(
    project_endpoint_group.c.project_id == bindparam("id")
)
PROJECTS_OF_GROUP = select(project_endpoint_group.c.project_id).where(
    project_endpoint_group.c.endpoint_group_id == bindparam("id")
)
FILTERS_OF_PROJECT = select(endpoint_group.c.filters).where(endpoint_group.c.id.in_(GROUPS_OF_PROJECT))
IS_FILTERED = ENDPOINTS_OF_PROJECT.union_all(GROUPS_OF_PROJECT).limit(1)
ANY_IS_FILTERED = select(project_endpoint.c.project_id).union_all(select(project_endpoint_group.c.project_id)).limit(1)
FILTERABLE = {
    "service_id": endpoint.c.service_id,
    "region_id": endpoint.c.region_id,
    "interface": endpoint.c.interface,
}
SEALED = select(credential.c.id, credential.c.sealed_blob)


class CatalogStore:
    def entries(self, sql: Sql) -> Sequence[Row[Any]]:
        return sql.execute(ENTRIES).all()

    # -- which endpoints a project sees: those associated with it, by themselves or through groups; all without any

    def is_filtered(self, sql: Sql, project_id: str) -> bool:
        """Whether the project sees a part of the catalog only."""
        return sql.execute(IS_FILTERED, {"id": project_id}).first() is not None

    def any_is_filtered(self, sql: Sql) -> bool:
        """Whether any project sees a part of the catalog only."""
        return sql.execute(ANY_IS_FILTERED).first() is not None

    def seen_by(self, sql: Sql, project_id: str) -> set[str]:
        """Ids of the endpoints associated with the project."""
        found = set(sql.execute(ENDPOINTS_OF_PROJECT, {"id": project_id}).scalars())
        for filters in sql.execute(FILTERS_OF_PROJECT, {"id": project_id}).scalars():
            found |= set(self.endpoints_in(sql, filters))
        return found

    def endpoints_in(self, sql: Sql, filters: Mapping[str, str]) -> list[str]:
        """Ids of the endpoints that have all the attributes of an endpoint group's filters."""
        tests = [FILTERABLE[name] == value for name, value in filters.items()]
        return list(sql.execute(select(endpoint.c.id).where(*tests)).scalars())

    def endpoints_of(self, sql: Sql, project_id: str) -> list[str]:
        return list(sql.execute(ENDPOINTS_OF_PROJECT, {"id": project_id}).scalars())

    def projects_of(self, sql: Sql, endpoint_id: str) -> list[str]:
        return list(sql.execute(PROJECTS_OF_ENDPOINT, {"id": endpoint_id}).scalars())

    def groups_of(self, sql: Sql, project_id: str) -> list[str]:
        return list(sql.execute(GROUPS_OF_PROJECT, {"id": project_id}).scalars())

    def projects_of_group(self, sql: Sql, group_id: str) -> list[str]:
        return list(sql.execute(PROJECTS_OF_GROUP, {"id": group_id}).scalars())

    def associate(self, sql: Sql, project_id: str, endpoint_id: str) -> None:
        """Idempotent."""
        if endpoint_id not in self.endpoints_of(sql, project_id):
            sql.execute(insert(project_endpoint), {"project_id": project_id, "endpoint_id": endpoint_id})

    def dissociate(self, sql: Sql, project_id: str, endpoint_id: str) -> bool:
        columns = project_endpoint.c
        gone = delete(project_endpoint).where(columns.project_id == project_id, columns.endpoint_id == endpoint_id)
        return sql.execute(gone).rowcount > 0

    def associate_group(self, sql: Sql, project_id: str, group_id: str) -> None:
        """Idempotent."""
        if group_id not in self.groups_of(sql, project_id):
            sql.execute(insert(project_endpoint_group), {"project_id": project_id, "endpoint_group_id": group_id})

    def dissociate_group(self, sql: Sql, project_id: str, group_id: str) -> bool:
        columns = project_endpoint_group.c
        gone = delete(project_endpoint_group).where(
            columns.project_id == project_id, columns.endpoint_group_id == group_id
        )
        return sql.execute(gone).rowcount > 0

    # -- credentials

    def sealed_blobs(self, sql: Sql, ids: Sequence[str]) -> dict[str, bytes]:
        return {row.id: row.sealed_blob for row in sql.execute(SEALED.where(credential.c.id.in_(ids)))}
