"""Identity: each plain resource made, read, changed and deleted; then what joins them."""

from typing import Any

from tests.cloud import PASSWORD
from tests.rules.walk import Call, Walk
from tests.rules.walks import identity_delegations as delegations
from tests.rules.walks import identity_federation as federation
from tests.rules.walks import identity_oauth as oauth

SUBJECT = {"x-subject-token": "{demo_token}"}
PASSWORDS = {"methods": ["password"], "password": {"user": {"id": "{demo_id}", "password": "{demo_password}"}}}


def _made(noun: str, plural: str, body: dict[str, Any], change: dict[str, Any], in_bulk: bool = False) -> list[Call]:
    """`in_bulk`: a creation takes and gives a list."""
    many, one = f"/v3/{plural}", f"/v3/{plural}/{{{noun}_id}}"
    new = Call(f"POST {many}", {noun: body}, {f"{noun}_id": f"{noun}.id"}, who="admin")
    if in_bulk:
        new = Call(f"POST {many}", {plural: [body]}, {f"{noun}_id": f"{plural}.0.id"}, who="admin")
    return [
        new,
        Call(f"GET {many}", who="admin"),
        Call(f"GET {one}", who="admin"),
        Call(f"PATCH {one}", {noun: change}, who="admin"),
    ]


def _deleted(noun: str, plural: str) -> Call:
    return Call(f"DELETE /v3/{plural}/{{{noun}_id}}", who="admin")


CHANGE = {"description": "changed"}
DOMAIN = _made("domain", "domains", {"name": "walk", "description": "first"}, {**CHANGE, "enabled": False})
PROJECT = _made("project", "projects", {"name": "walk"}, CHANGE)
USER = _made("user", "users", {"name": "walk", "password": PASSWORD}, {"name": "walked"})
GROUP = _made("group", "groups", {"name": "walk"}, CHANGE)
ROLE = _made("role", "roles", {"name": "walk"}, CHANGE)
REGION = _made("region", "regions", {"id": "walk", "description": "first"}, CHANGE)
SERVICE = _made("service", "services", {"name": "walk", "type": "walking"}, CHANGE)
ENDPOINT = _made(
    "endpoint",
    "endpoints",
    {"service_id": "{service_id}", "interface": "public", "url": "https://walk.test/", "region_id": "{region_id}"},
    {"url": "https://walked.test/"},
)
POLICY = _made("policy", "policies", {"type": "application/json", "blob": '{"a": "b"}'}, {"blob": '{"a": "c"}'})
CREDENTIAL = _made(
    "credential",
    "credentials",
    {"user_id": "{user_id}", "type": "ec2", "blob": '{"access": "a", "secret": "b"}', "project_id": "{project_id}"},
    {"blob": '{"access": "a", "secret": "c"}'},
)
CONSUMER = _made("consumer", "OS-OAUTH1/consumers", {"description": "first"}, CHANGE)
ENDPOINT_GROUP = _made(
    "endpoint_group",
    "OS-EP-FILTER/endpoint_groups",
    {"name": "walk", "filters": {"interface": "public", "service_id": "{service_id}"}},
    CHANGE,
)
OF_SERVICE = {"service_id": "{service_id}", "region_id": "{region_id}", "resource_name": "steps"}
REGISTERED_LIMIT = _made(
    "registered_limit", "registered_limits", {**OF_SERVICE, "default_limit": 10}, {"default_limit": 20}, in_bulk=True
)
LIMIT = _made(
    "limit",
    "limits",
    {**OF_SERVICE, "project_id": "{project_id}", "resource_limit": 5},
    {"resource_limit": 7},
    in_bulk=True,
)


def _granted(target: str, actor: str, inherited: bool) -> list[Call]:
    many = f"/v3/OS-INHERIT{target}/{actor}/roles" if inherited else f"/v3{target}/{actor}/roles"
    tail = "/inherited_to_projects" if inherited else ""
    one = f"{many}/{{role_id}}{tail}"
    return [
        Call(f"PUT {one}", who="admin"),
        Call(f"GET {many}{tail}", who="admin"),
        Call(f"GET {one}", who="admin"),
        Call(f"DELETE {one}", who="admin"),
    ]


GRANTS = [
    call
    for target in ("/projects/{project_id}", "/domains/{domain_id}", "/system")
    for actor in ("users/{user_id}", "groups/{group_id}")
    for inherited in ((False,) if target == "/system" else (False, True))
    for call in _granted(target, actor, inherited)
]
MEMBER = "/v3/groups/{group_id}/users/{user_id}"
IMPLIED = "/v3/roles/{role_id}/implies/{implied_role_id}"
CHOSEN = {"region_id": "walk-chosen"}
REGION_OF_CHOSEN_ID = [
    Call("PUT /v3/regions/{region_id}", {"region": {"description": "first"}}, at=CHOSEN, who="admin"),
    Call("DELETE /v3/regions/{region_id}", at=CHOSEN, who="admin", variant="chosen"),
]
TAGS = "/v3/projects/{project_id}/tags"
TAG = {"tag": "paved"}
PROJECT_TAGS = [
    Call(f"PUT {TAGS}", {"tags": ["long", "steep"]}, who="admin"),
    Call(f"PUT {TAGS}/{{tag}}", at=TAG, who="admin"),
    Call(f"GET {TAGS}", who="admin"),
    Call(f"GET {TAGS}/{{tag}}", at=TAG, who="admin"),
    Call(f"DELETE {TAGS}/{{tag}}", at=TAG, who="admin"),
    Call(f"DELETE {TAGS}", who="admin"),
]
CONFIG = "/v3/domains/{domain_id}/config"
DEFAULTS = "/v3/domains/config"
GROUP_AND_OPTION = {"group": "ldap", "option": "url"}
LDAP = {"url": "ldap://walk.test", "suffix": "cn=walk"}
DOMAIN_CONFIG = [
    Call(f"PUT {CONFIG}", {"config": {"ldap": LDAP}}, who="admin", status=201),
    Call(f"GET {CONFIG}", who="admin"),
    Call(f"GET {CONFIG}/{{group}}", at=GROUP_AND_OPTION, who="admin"),
    Call(f"GET {CONFIG}/{{group}}/{{option}}", at=GROUP_AND_OPTION, who="admin"),
    Call(f"GET {DEFAULTS}/default", who="admin"),
    Call(f"GET {DEFAULTS}/{{group}}/default", at=GROUP_AND_OPTION, who="admin"),
    Call(f"GET {DEFAULTS}/{{group}}/{{option}}/default", at=GROUP_AND_OPTION, who="admin"),
    Call(f"PATCH {CONFIG}", {"config": {"ldap": {"use_tls": True}}}, who="admin"),
    Call(f"PATCH {CONFIG}/{{group}}", {"config": {"ldap": LDAP}}, at=GROUP_AND_OPTION, who="admin"),
    Call(
        f"PATCH {CONFIG}/{{group}}/{{option}}",
        {"config": {"url": "ldap://walked.test"}},
        at=GROUP_AND_OPTION,
        who="admin",
    ),
    Call(f"DELETE {CONFIG}/{{group}}/{{option}}", at=GROUP_AND_OPTION, who="admin"),
    Call(f"DELETE {CONFIG}/{{group}}", at=GROUP_AND_OPTION, who="admin"),
    Call(f"DELETE {CONFIG}", who="admin"),
]
SEEN = "/v3/OS-EP-FILTER/projects/{project_id}"
SEEN_GROUP = "/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}"
ENDPOINT_FILTER = [
    Call(f"PUT {SEEN}/endpoints/{{endpoint_id}}", who="admin"),
    Call(f"PUT {SEEN_GROUP}/projects/{{project_id}}", who="admin"),
    Call(f"GET {SEEN}/endpoints/{{endpoint_id}}", who="admin"),
    Call(f"GET {SEEN}/endpoints", who="admin"),
    Call(f"GET {SEEN}/endpoint_groups", who="admin"),
    Call("GET /v3/OS-EP-FILTER/endpoints/{endpoint_id}/projects", who="admin"),
    Call(f"GET {SEEN_GROUP}/projects/{{project_id}}", who="admin"),
    Call(f"GET {SEEN_GROUP}/projects", who="admin"),
    Call(f"GET {SEEN_GROUP}/endpoints", who="admin"),
    Call(f"DELETE {SEEN_GROUP}/projects/{{project_id}}", who="admin"),
    Call(f"DELETE {SEEN}/endpoints/{{endpoint_id}}", who="admin"),
]

AT_POLICY = "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY"
PLACES = ("endpoints/{endpoint_id}", "services/{service_id}/regions/{region_id}", "services/{service_id}")
ENDPOINT_POLICY = [
    *[Call(f"PUT {AT_POLICY}/{place}", who="admin") for place in PLACES],
    *[Call(f"GET {AT_POLICY}/{place}", who="admin") for place in PLACES],
    Call(f"GET {AT_POLICY}/endpoints", who="admin"),
    Call("GET /v3/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy", who="admin"),
    *[Call(f"DELETE {AT_POLICY}/{place}", who="admin") for place in PLACES],
]
REMOVED = [
    Call("GET /v3/auth/tokens/OS-PKI/revoked", who="", status=403),
    Call("GET /v3/OS-SIMPLE-CERT/ca", who="", status=410),
    Call("GET /v3/OS-SIMPLE-CERT/certificates", who="", status=410),
]

WALK = Walk(
    "identity",
    [
        Call("GET /", status=300, who=""),
        Call("GET /v3", who=""),
        Call(
            "POST /v3/auth/tokens",
            {"auth": {"identity": PASSWORDS}},
            who="",
            keep={"a_token": "header:X-Subject-Token"},
        ),
        Call("GET /v3/auth/tokens", headers=SUBJECT, who="admin"),
        Call("GET /v3/auth/catalog"),
        Call("GET /v3/auth/projects"),
        Call("GET /v3/auth/domains"),
        Call("GET /v3/auth/system"),
        Call("DELETE /v3/auth/tokens", headers={"x-subject-token": "{a_token}"}, who="admin"),
        Call("GET /v3/OS-REVOKE/events", who="admin"),
        *DOMAIN,
        *PROJECT,
        *USER,
        *GROUP,
        *ROLE,
        *REGION,
        *SERVICE,
        *ENDPOINT,
        *POLICY,
        *CREDENTIAL,
        *CONSUMER,
        *ENDPOINT_GROUP,
        *REGISTERED_LIMIT,
        *LIMIT,
        Call("GET /v3/limits/model"),
        *REGION_OF_CHOSEN_ID,
        *PROJECT_TAGS,
        *DOMAIN_CONFIG,
        *ENDPOINT_FILTER,
        *ENDPOINT_POLICY,
        *REMOVED,
        *GRANTS,
        Call("GET /v3/role_assignments", who="admin"),
        Call(f"PUT {MEMBER}", who="admin"),
        Call(f"GET {MEMBER}", who="admin"),
        Call("GET /v3/groups/{group_id}/users", who="admin"),
        Call("GET /v3/users/{user_id}/groups", who="admin"),
        Call("GET /v3/users/{user_id}/projects", who="admin"),
        Call(f"DELETE {MEMBER}", who="admin"),
        Call("POST /v3/roles", {"role": {"name": "implied"}}, {"implied_role_id": "role.id"}, who="admin", variant="2"),
        Call(f"PUT {IMPLIED}", who="admin"),
        Call(f"GET {IMPLIED}", who="admin"),
        Call(f"HEAD {IMPLIED}", who="admin"),
        Call("GET /v3/roles/{role_id}/implies", who="admin"),
        Call("GET /v3/role_inferences", who="admin"),
        Call(f"DELETE {IMPLIED}", who="admin"),
        Call("DELETE /v3/roles/{role_id}", at={"role_id": "{implied_role_id}"}, who="admin", variant="implied"),
        Call(
            "GET /v3/users",
            keep={"request_id": "header:X-Openstack-Request-Id"},
            status=403,
            variant="refused",
        ),
        Call("GET /v3/skyloom/refusals/{request_id}"),
        *delegations.CALLS,
        *federation.CALLS,
        *oauth.CALLS,
        _deleted("credential", "credentials"),
        _deleted("consumer", "OS-OAUTH1/consumers"),
        _deleted("endpoint_group", "OS-EP-FILTER/endpoint_groups"),
        _deleted("limit", "limits"),
        _deleted("registered_limit", "registered_limits"),
        _deleted("endpoint", "endpoints"),
        _deleted("policy", "policies"),
        _deleted("service", "services"),
        _deleted("region", "regions"),
        _deleted("role", "roles"),
        _deleted("group", "groups"),
        Call(
            "POST /v3/users/{user_id}/password",
            {"user": {"original_password": PASSWORD, "password": f"{PASSWORD}, changed"}},
            who="",
        ),
        _deleted("user", "users"),
        _deleted("project", "projects"),
        _deleted("domain", "domains"),
    ],
)
