import pytest

from skyloom.identity.service.bootstrap import ROLES
from tests.api.identity.conftest import Cloud


@pytest.mark.parametrize("name", ROLES)
def test_the_roles_that_policies_name_are_not_lost_by_mistake(cloud: Cloud, name: str) -> None:
    path = f"/roles/{cloud.ids[name]}"
    assert cloud.ok("GET", path, cloud.root)["role"]["options"] == {"immutable": True}
    assert cloud.v3("DELETE", path, cloud.root).status == 403
    assert cloud.v3("PATCH", path, cloud.root, {"role": {"name": "other"}}).status == 403
    cloud.ok("PATCH", path, cloud.root, {"role": {"options": {"immutable": False}}})


def test_a_domains_role_is_not_for_the_system(cloud: Cloud) -> None:
    role = cloud.ok("POST", "/roles", cloud.root, {"role": {"name": "own", "domain_id": "default"}})["role"]
    path = f"/system/users/{cloud.ids['demo']}/roles"
    assert cloud.v3("PUT", f"{path}/{role['id']}", cloud.root).status == 400
    assert cloud.ok("GET", path, cloud.root)["roles"] == []
