"""Names of relations, and that every path of the API has one."""

import re

import pytest

from skyloom.identity.api import OTHERS
from skyloom.identity.api.json_home import BASE, HIDDEN, document, is_wanted
from skyloom.web.routes import Node

RESOURCES = document(OTHERS)["resources"]
KEYSTONES = {
    "rel/auth_tokens": "/auth/tokens",
    "rel/policies": "/policies",
    "rel/policy": "/policies/{policy_id}",
    "rel/domain_group_roles": "/domains/{domain_id}/groups/{group_id}/roles",
    "rel/system_user_role": "/system/users/{user_id}/roles/{role_id}",
    "rel/project_tags": "/projects/{project_id}/tags/{value}",
    "rel/implied_role": "/roles/{prior_role_id}/implies/{implied_role_id}",
    "rel/domain_config_default_option": "/domains/config/{group}/{option}/default",
    "rel/application_credential": "/users/{user_id}/application_credentials/{application_credential_id}",
    "rel/limit_model": "/limits/model",
    "rel/user_change_password": "/users/{user_id}/password",
    "ext/OS-EC2/1.0/rel/ec2tokens": "/ec2tokens",
    "ext/OS-EC2/1.0/rel/user_credential": "/users/{user_id}/credentials/OS-EC2/{credential_id}",
    "ext/OS-TRUST/1.0/rel/trust_role": "/OS-TRUST/trusts/{trust_id}/roles/{role_id}",
    "ext/OS-OAUTH1/1.0/rel/user_access_token_roles": (
        "/users/{user_id}/OS-OAUTH1/access_tokens/{access_token_id}/roles"
    ),
    "ext/OS-OAUTH2/1.0/rel/token": "/OS-OAUTH2/token",
    "ext/OS-REVOKE/1.0/rel/events": "/OS-REVOKE/events",
    "ext/OS-SIMPLE-CERT/1.0/rel/ca_certificate": "/OS-SIMPLE-CERT/ca",
    "ext/OS-FEDERATION/1.0/rel/identity_provider_protocol": (
        "/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}"
    ),
    "ext/OS-ENDPOINT-POLICY/1.0/rel/endpoint_policy": "/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy",
    "ext/OS-EP-FILTER/1.0/rel/project_endpoints": "/OS-EP-FILTER/projects/{project_id}/endpoints",
    "ext/OS-INHERIT/1.0/rel/domain_user_roles_inherited_to_projects": (
        "/OS-INHERIT/domains/{domain_id}/users/{user_id}/roles/inherited_to_projects"
    ),
    "ext/OS-INHERIT/1.0/rel/domain_user_role_inherited_to_projects": (
        "/OS-INHERIT/domains/{domain_id}/users/{user_id}/roles/{role_id}/inherited_to_projects"
    ),
}


@pytest.mark.parametrize("name", KEYSTONES)
def test_relations_are_keystones(name: str) -> None:
    found = RESOURCES[f"{BASE}/{name}"]
    assert found.get("href", found.get("href-template")) == KEYSTONES[name]


def test_every_path_has_a_relation_of_its_own() -> None:
    """A name that two paths share would hide one of them."""
    paths = {route.path for route in OTHERS} - {f"/v3{path}" for path in HIDDEN}
    assert len(RESOURCES) == len(paths)


def test_every_address_leads_somewhere() -> None:
    tree = Node()
    for route in OTHERS:
        tree.add(route)
    for found in document(OTHERS, "/v3")["resources"].values():
        address = found["href"] if "href" in found else re.sub(r"\{\w+\}", "x", found["href-template"])
        assert tree.find(address) is not None
        assert set(re.findall(r"\{(\w+)\}", found.get("href-template", ""))) == set(found.get("href-vars", {}))


def test_variables_have_relations() -> None:
    found = RESOURCES[f"{BASE}/ext/OS-TRUST/1.0/rel/trust_role"]["href-vars"]
    assert found == {"trust_id": f"{BASE}/ext/OS-TRUST/1.0/param/trust_id", "role_id": f"{BASE}/param/role_id"}
    assert RESOURCES[f"{BASE}/rel/limits"]["hints"] == {"status": "experimental"}
    assert "hints" not in RESOURCES[f"{BASE}/rel/users"]


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/json-home", True),
        ("application/json-home, application/json", False),
        ("application/json;q=0.5, application/json-home", True),
        ("application/json;q=0.5, application/json-home;q=0.4", False),
        ("text/html, application/json-home;q=0.1", True),
        ("application/json-home;q=nonsense", False),
        ("*/*;q=0.1, application/json-home;q=0.3", True),
    ],
)
def test_it_is_for_those_who_like_it_better(accept: str, wanted: bool) -> None:
    assert is_wanted(accept) is wanted
