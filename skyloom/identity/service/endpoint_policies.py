"""OS-ENDPOINT-POLICY: which policy an endpoint is to use, said of it, of its service in a region, or of its service."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skyloom.access import Caller
from skyloom.identity.errors import NoSuch
from skyloom.identity.model import PolicyPlace, Record
from skyloom.identity.service.catalog import Endpoints, Policies
from skyloom.identity.service.registry import Ground
from skyloom.identity.store.endpoint_policies import EndpointPolicies as Store


class EndpointPolicies:
    def __init__(self, ground: Ground, store: Store, policies: Policies, endpoints: Endpoints):
        self.ground = ground
        self.db = ground.db
        self.store = store
        self.policies = policies
        self.endpoints = endpoints

    def put(self, caller: Caller, policy_id: str, place: PolicyPlace) -> None:
        action = self._check(caller, "create", policy_id, place)
        with self.ground.change(caller, action, "policy", policy_id) as tx:
            self.store.put(tx, policy_id, place)

    def check(self, caller: Caller, policy_id: str, place: PolicyPlace) -> None:
        self._check(caller, "check", policy_id, place)
        if self.store.policy_at(self.db.read(), place) != policy_id:
            raise NoSuch("policy_association", f"of policy {policy_id} with {place.key}")

    def remove(self, caller: Caller, policy_id: str, place: PolicyPlace) -> None:
        action = self._check(caller, "delete", policy_id, place)
        with self.ground.change(caller, action, "policy", policy_id) as tx:
            self.store.remove(tx, policy_id, place)

    def endpoints_of(self, caller: Caller, policy_id: str) -> Sequence[Record]:
        """All endpoints that some association of the policy names, by themselves, by service or by region."""
        self.ground.policy.require(caller, "identity:list_endpoints_for_policy")
        self.policies.show(policy_id)
        sql = self.db.read()
        places = set(self.store.places_of(sql, policy_id))
        parents = self.store.region_parents(sql)
        named = [each["id"] for each in self.store.endpoints(sql) if places & set(_places(each, parents))]
        return self.endpoints.these(sql, named)

    def policy_of(self, caller: Caller, endpoint_id: str) -> Record:
        """The nearest: the endpoint's own, its service's in its region and up the regions, then its service's."""
        self.ground.policy.require(caller, "identity:get_policy_for_endpoint")
        endpoint, sql = self.endpoints.show(endpoint_id), self.db.read()
        policies = self.store.policies_for(sql, endpoint_id, endpoint["service_id"])
        nearest = (policies.get(place) for place in _places(endpoint, self.store.region_parents(sql)))
        policy_id = next((found for found in nearest if found is not None), None)
        if policy_id is None:
            raise NoSuch("policy", f"of endpoint {endpoint_id}")
        return self.policies.show(policy_id)

    def _check(self, caller: Caller, verb: str, policy_id: str, place: PolicyPlace) -> str:
        """The action's name; raises PolicyForbids, and NoSuch for any of the parts."""
        action = f"identity:{verb}_policy_association_for_{place.kind}"
        self.ground.policy.require(caller, action)
        self.policies.show(policy_id)
        if place.endpoint_id is not None:
            self.endpoints.show(place.endpoint_id)
        if place.service_id is not None:
            self.endpoints.services.show(place.service_id)
        if place.region_id is not None:
            self.endpoints.regions.show(place.region_id)
        return action


def _places(endpoint: Mapping[str, Any], parents: Mapping[str, str | None]) -> Iterator[PolicyPlace]:
    """Where a policy of the endpoint may stand, the nearest first."""
    yield PolicyPlace(endpoint_id=endpoint["id"])
    region_id = endpoint["region_id"]
    while region_id is not None:
        yield PolicyPlace(service_id=endpoint["service_id"], region_id=region_id)
        region_id = parents.get(region_id)
    yield PolicyPlace(service_id=endpoint["service_id"])
