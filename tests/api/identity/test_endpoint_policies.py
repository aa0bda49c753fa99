from typing import Any

import pytest

from tests.api.identity.conftest import Cloud


class Catalog:
    """A service with an endpoint in each of three regions, West in North in World, and policies to associate."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        self.service = self._made("services", "service", {"type": "dns"})
        for region, parent in (("World", None), ("North", "World"), ("West", "North")):
            self._made("regions", "region", {"id": region, "parent_region_id": parent})
        self.endpoints = {region: self._endpoint(region) for region in ("World", "North", "West", None)}

    def _made(self, plural: str, noun: str, document: dict[str, Any]) -> str:
        found: str = self.cloud.ok("POST", f"/{plural}", self.cloud.root, {noun: document})[noun]["id"]
        return found

    def _endpoint(self, region: str | None) -> str:
        document = {"service_id": self.service, "interface": "public", "url": "https://dns.test", "region_id": region}
        return self._made("endpoints", "endpoint", document)

    def policy(self) -> str:
        return self._made("policies", "policy", {"type": "application/json", "blob": '{"a": "b"}'})

    def associate(self, place: str) -> str:
        policy = self.policy()
        assert self.cloud.v3("PUT", f"/policies/{policy}/OS-ENDPOINT-POLICY/{place}", self.cloud.root).status == 204
        return policy

    def policy_of(self, region: str | None) -> str | None:
        path = f"/endpoints/{self.endpoints[region]}/OS-ENDPOINT-POLICY/policy"
        answer = self.cloud.v3("GET", path, self.cloud.root)
        assert answer.status in (200, 404)
        return answer.json["policy"]["id"] if answer.status == 200 else None

    def endpoints_of(self, policy: str) -> set[str | None]:
        found = self.cloud.ok("GET", f"/policies/{policy}/OS-ENDPOINT-POLICY/endpoints", self.cloud.root)["endpoints"]
        return {endpoint["region_id"] for endpoint in found}


@pytest.fixture
def catalog(cloud: Cloud) -> Catalog:
    return Catalog(cloud)


def test_the_nearest_policy_counts(catalog: Catalog) -> None:
    assert catalog.policy_of("West") is None
    of_service = catalog.associate(f"services/{catalog.service}")
    in_north = catalog.associate(f"services/{catalog.service}/regions/North")
    of_one = catalog.associate(f"endpoints/{catalog.endpoints['North']}")
    assert catalog.policy_of("North") == of_one
    assert catalog.policy_of("West") == in_north
    assert catalog.policy_of("World") == catalog.policy_of(None) == of_service


def test_the_endpoints_of_a_policy_are_those_of_all_its_places(catalog: Catalog) -> None:
    assert catalog.endpoints_of(catalog.policy()) == set()
    assert catalog.endpoints_of(catalog.associate(f"services/{catalog.service}")) == {"World", "North", "West", None}
    policy = catalog.associate(f"services/{catalog.service}/regions/North")
    assert catalog.endpoints_of(policy) == {"North", "West"}
    place = f"/policies/{policy}/OS-ENDPOINT-POLICY/endpoints/{catalog.endpoints['World']}"
    catalog.cloud.ok("PUT", place, catalog.cloud.root)
    assert catalog.endpoints_of(policy) == {"World", "North", "West"}


def test_a_place_has_one_policy(catalog: Catalog) -> None:
    place = f"services/{catalog.service}"
    first, second = catalog.associate(place), catalog.associate(place)
    assert catalog.policy_of(None) == second
    statuses = {
        policy: catalog.cloud.v3("GET", f"/policies/{policy}/OS-ENDPOINT-POLICY/{place}", catalog.cloud.root).status
        for policy in (first, second)
    }
    assert statuses == {first: 404, second: 204}
    for policy in (first, second):
        catalog.cloud.ok("DELETE", f"/policies/{policy}/OS-ENDPOINT-POLICY/{place}", catalog.cloud.root)
    assert catalog.policy_of(None) is None


@pytest.mark.parametrize("place", ["endpoints/nowhere", "services/nowhere", "services/{service}/regions/nowhere"])
def test_a_place_that_is_not_there_takes_no_policy(catalog: Catalog, place: str) -> None:
    path = f"/policies/{catalog.policy()}/OS-ENDPOINT-POLICY/{place.format(service=catalog.service)}"
    assert catalog.cloud.v3("PUT", path, catalog.cloud.root).status == 404
    unknown = f"/policies/nowhere/OS-ENDPOINT-POLICY/services/{catalog.service}"
    assert catalog.cloud.v3("PUT", unknown, catalog.cloud.root).status == 404
    assert catalog.cloud.v3("PUT", path, catalog.cloud.token("demo")).status == 403


def test_associations_go_with_what_they_join(catalog: Catalog) -> None:
    policy = catalog.associate(f"endpoints/{catalog.endpoints['West']}")
    catalog.cloud.ok("DELETE", f"/policies/{policy}", catalog.cloud.root)
    assert catalog.policy_of("West") is None
    policy = catalog.associate(f"endpoints/{catalog.endpoints['West']}")
    catalog.cloud.ok("DELETE", f"/services/{catalog.service}", catalog.cloud.root)
    assert catalog.endpoints_of(policy) == set()


def test_what_served_pki_tokens_is_gone(cloud: Cloud) -> None:
    assert cloud.v3("GET", "/OS-SIMPLE-CERT/ca").status == 410
    assert cloud.v3("GET", "/OS-SIMPLE-CERT/certificates").status == 410
    assert cloud.v3("GET", "/auth/tokens/OS-PKI/revoked", cloud.root).status == 403
