"""The JSON Home document: every path of the API under the name of its relation, made of the routes.

A relation is named after the words of its path: all of them in the singular but the last, and that too where an id
follows. RELATIONS holds those that Keystone names otherwise. draft-nottingham-json-home-03.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from skyloom.web.routes import Route

MEDIA_TYPE = "application/json-home"
BASE = "https://docs.openstack.org/api/openstack-identity/3"
EXTENSION = re.compile(r"OS-[A-Z0-9-]+")
EXPERIMENTAL = ("/registered_limits", "/limits")
RELATIONS = {
    "/users/{user_id}/password": "user_change_password",
    "/users/{user_id}/application_credentials": "application_credentials",
    "/users/{user_id}/application_credentials/{credential_id}": "application_credential",
    "/users/{user_id}/access_rules": "access_rules",
    "/users/{user_id}/access_rules/{access_rule_id}": "access_rule",
    "/projects/{project_id}/tags/{tag}": "project_tags",
    "/roles/{role_id}/implies": "implied_roles",
    "/roles/{role_id}/implies/{implied_role_id}": "implied_role",
    "/domains/{domain_id}/config/{group}": "domain_config_group",
    "/domains/{domain_id}/config/{group}/{option}": "domain_config_option",
    "/domains/config/{group}/default": "domain_config_default_group",
    "/domains/config/{group}/{option}/default": "domain_config_default_option",
    "/auth/tokens/OS-PKI/revoked": "revocations",
    "/OS-SIMPLE-CERT/ca": "ca_certificate",
    "/OS-OAUTH1/request_token": "request_tokens",
    "/OS-OAUTH1/access_token": "access_tokens",
    "/OS-OAUTH1/authorize/{request_token_id}": "authorize_request_token",
    "/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/endpoints": "endpoints_in_endpoint_group",
    "/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects": "projects_associated_with_endpoint_group",
    "/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}": "endpoint_group_to_project_association",
    "/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints/{endpoint_id}": "endpoint_policy_association",
    "/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}": "service_policy_association",
    "/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}/regions/{region_id}": (
        "region_and_service_policy_association"
    ),
    "/OS-FEDERATION/saml2/metadata": "metadata",
    "/auth/OS-FEDERATION/saml2": "saml2",
    "/auth/OS-FEDERATION/saml2/ecp": "ecp",
    "/auth/OS-FEDERATION/websso/{protocol_id}": "websso",
    "/auth/OS-FEDERATION/identity_providers/{identity_provider_id}/protocols/{protocol_id}/websso": (
        "identity_providers_websso"
    ),
}
HIDDEN = ("/projects/{project_id}/tags",)
"""Keystone shows the single tag under the name of the list."""
OWN_EXTENSIONS = {"/ec2tokens": "OS-EC2", "/s3tokens": "s3tokens"}
VARIABLES = {"identity_provider_id": "idp_id", "access": "credential_id", "tag": "value"}
"""Keystone's names of what the routes call otherwise."""
PLACED = {
    "/users/{user_id}/application_credentials/{credential_id}": {"credential_id": "application_credential_id"},
    "/roles/{role_id}/implies": {"role_id": "prior_role_id"},
    "/roles/{role_id}/implies/{implied_role_id}": {"role_id": "prior_role_id"},
}
PARAMETERS = {
    "prior_role_id": "role_id",
    "implied_role_id": "role_id",
    "value": "tag_value",
    "group": "config_group",
    "option": "config_option",
}
OF_EXTENSIONS = {
    "OS-TRUST": ("trust_id",),
    "OS-OAUTH1": ("consumer_id", "request_token_id", "access_token_id"),
    "OS-EP-FILTER": ("endpoint_group_id",),
    "OS-FEDERATION": ("idp_id", "protocol_id", "mapping_id", "service_provider_id"),
}
"""Variables that are an extension's own."""


def document(routes: Sequence[Route], prefix: str = "") -> dict[str, Any]:
    """`prefix` goes before each path, which begins below /v3."""
    paths = dict.fromkeys(route.path.removeprefix("/v3") for route in routes if route.path.startswith("/v3/"))
    return {"resources": {_relation(path): _resource(path, prefix) for path in paths if path not in HIDDEN}}


def is_wanted(accept: str) -> bool:
    """Whether the Accept header likes this document better than plain JSON."""
    qualities = dict(_qualities(accept))
    anything = qualities.get("*/*", 0.0)
    any_application = qualities.get("application/*", anything)
    return qualities.get(MEDIA_TYPE, any_application) > qualities.get("application/json", any_application)


def _qualities(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        media, *parameters = [each.strip().lower() for each in part.split(";")]
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        yield media, float(quality) if re.fullmatch(r"[01](\.\d{0,3})?", quality) else 0.0


def _relation(path: str) -> str:
    extension = _extension(path)
    name = RELATIONS.get(path) or "_".join(_words(path))
    return f"{BASE}/ext/{extension}/1.0/rel/{name}" if extension else f"{BASE}/rel/{name}"


def _extension(path: str) -> str | None:
    found = EXTENSION.search(path)
    return found[0] if found else OWN_EXTENSIONS.get(path)


def _words(path: str) -> list[str]:
    segments = [segment for segment in path.strip("/").split("/") if not EXTENSION.fullmatch(segment)]
    words = [at for at, segment in enumerate(segments) if not segment.startswith("{")]
    are_many = {len(segments) - 1, *(at - 1 for at in words if segments[at] == "inherited_to_projects")}
    return [segments[at] if at in are_many else _singular(segments[at]) for at in words]


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word.removesuffix("s")


def _resource(path: str, prefix: str) -> dict[str, Any]:
    names = {**VARIABLES, **PLACED.get(path, {})}
    shown = re.sub(r"\{(\w+)\}", lambda found: f"{{{names.get(found[1], found[1])}}}", path)
    variables = re.findall(r"\{(\w+)\}", shown)
    hints = {"hints": {"status": "experimental"}} if path.startswith(EXPERIMENTAL) else {}
    if not variables:
        return {"href": f"{prefix}{shown}", **hints}
    return {"href-template": f"{prefix}{shown}", "href-vars": {name: _parameter(name) for name in variables}, **hints}


def _parameter(name: str) -> str:
    extension = next((each for each, names in OF_EXTENSIONS.items() if name in names), None)
    known = PARAMETERS.get(name, name)
    return f"{BASE}/ext/{extension}/1.0/param/{known}" if extension else f"{BASE}/param/{known}"
