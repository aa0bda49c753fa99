"""The SQL of OS-ENDPOINT-POLICY: which policy stands at an endpoint, a service, or a service in a region."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select

from skyloom.db import Sql
from skyloom.identity.model import PolicyPlace
from skyloom.identity.tables import endpoint, policy_association, region

at = policy_association.c
OF_POLICY = select(at.endpoint_id, at.service_id, at.region_id).where(at.policy_id == bindparam("policy_id"))
FOR_ENDPOINT = select(at.policy_id, at.endpoint_id, at.service_id, at.region_id).where(
    or_(at.endpoint_id == bindparam("endpoint_id"), at.service_id == bindparam("service_id"))
)
AT_PLACE = select(at.policy_id).where(at.place == bindparam("wanted"))
CLEAR = delete(policy_association).where(at.place == bindparam("wanted"))
REMOVE = CLEAR.where(at.policy_id == bindparam("policy"))
PARENTS = select(region.c.id, region.c.parent_region_id)
ENDPOINTS = select(endpoint.c.id, endpoint.c.service_id, endpoint.c.region_id)


class EndpointPolicies:
    def put(self, sql: Sql, policy_id: str, place: PolicyPlace) -> None:
        """A place has one policy: this one comes instead of another."""
        sql.execute(CLEAR, {"wanted": place.key})
        sql.execute(insert(policy_association), {"place": place.key, "policy_id": policy_id, **place.columns()})

    def remove(self, sql: Sql, policy_id: str, place: PolicyPlace) -> None:
        """Idempotent."""
        sql.execute(REMOVE, {"wanted": place.key, "policy": policy_id})

    def policy_at(self, sql: Sql, place: PolicyPlace) -> str | None:
        found: str | None = sql.execute(AT_PLACE, {"wanted": place.key}).scalar_one_or_none()
        return found

    def places_of(self, sql: Sql, policy_id: str) -> list[PolicyPlace]:
        return [PolicyPlace(*row) for row in sql.execute(OF_POLICY, {"policy_id": policy_id})]

    def policies_for(self, sql: Sql, endpoint_id: str, service_id: str) -> dict[PolicyPlace, str]:
        """Policies by place, of the endpoint and of its service everywhere."""
        found = {"endpoint_id": endpoint_id, "service_id": service_id}
        return {PolicyPlace(*row[1:]): row.policy_id for row in sql.execute(FOR_ENDPOINT, found)}

    def region_parents(self, sql: Sql) -> dict[str, str | None]:
        """Of every region the one above it."""
        return {row.id: row.parent_region_id for row in sql.execute(PARENTS)}

    def endpoints(self, sql: Sql) -> list[Mapping[str, Any]]:
        """Id, service and region of every endpoint."""
        return [dict(row._mapping) for row in sql.execute(ENDPOINTS)]
