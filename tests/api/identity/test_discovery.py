import pytest

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


def test_the_list_of_versions_leads_to_the_one_there_is(cloud: Cloud) -> None:
    assert cloud("GET", "/identity/").headers["Location"] == "https://cloud.test/identity/v3/"


@pytest.mark.parametrize(
    ("path", "status"), [("/identity/v3", 200), ("/identity/v3/users", 401), ("/identity/v4", 404)]
)
def test_caches_are_told_that_every_answer_depends_on_the_token(cloud: Cloud, path: str, status: int) -> None:
    answer = cloud("GET", path)
    assert (answer.status, answer.headers["Vary"]) == (status, "X-Auth-Token")


def test_who_uses_a_wrong_method_is_told_of_head_too(cloud: Cloud) -> None:
    answer = cloud.v3("PUT", "/users", cloud.root)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
