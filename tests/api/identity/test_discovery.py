from tests.api.identity.conftest import Cloud

USERS = "https://docs.openstack.org/api/openstack-identity/3/rel/users"


def test_json_home_is_given_to_those_who_ask_for_it(cloud: Cloud) -> None:
    accept = {"accept": "application/json-home"}
    below_root, below_version = cloud("GET", "/identity/", headers=accept), cloud("GET", "/identity/v3", headers=accept)
    assert below_root.status == below_version.status == 200
    assert below_version.headers["Content-Type"] == "application/json-home"
    assert below_root.json["resources"][USERS] == {"href": "/v3/users"}
    assert below_version.json["resources"][USERS] == {"href": "/users"}


def test_versions_are_given_to_everybody_else(cloud: Cloud) -> None:
    assert cloud("GET", "/identity/").status == 300
    assert cloud("GET", "/identity/v3", headers={"accept": "*/*"}).json["version"]["id"] == "v3.14"
