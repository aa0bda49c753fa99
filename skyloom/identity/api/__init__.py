"""Keystone's v3 API under /identity."""

from skyloom.errors import OverLimit
from skyloom.identity import resources
from skyloom.identity.api import (
    bursting,
    delegations,
    domain_configs,
    endpoint_filter,
    endpoint_policies,
    federation,
    federation_auth,
    grants,
    limits,
    memberships,
    oauth1,
    oauth2,
    projects,
    removed,
    revocations,
    tokens,
)
from skyloom.identity.api.discovery import Discovery
from skyloom.identity.api.plain import Plain
from skyloom.identity.service import IdentityService
from skyloom.web.routes import Api, Route

PLAIN = (
    Plain(resources.DOMAIN),
    Plain(resources.PROJECT),
    Plain(resources.USER),
    Plain(resources.GROUP),
    Plain(resources.ROLE),
    Plain(resources.REGION),
    Plain(resources.SERVICE),
    Plain(resources.ENDPOINT),
    Plain(resources.POLICY),
    Plain(resources.CREDENTIAL),
    Plain(resources.CONSUMER, prefix="OS-OAUTH1/"),
    Plain(resources.ENDPOINT_GROUP, prefix="OS-EP-FILTER/"),
    Plain(resources.REGISTERED_LIMIT, methods="GET PATCH DELETE"),
    Plain(resources.LIMIT, methods="GET PATCH DELETE"),
    federation.IdentityProviders(resources.IDENTITY_PROVIDER, prefix="OS-FEDERATION/", methods="PUT GET PATCH DELETE"),
    Plain(resources.MAPPING, prefix="OS-FEDERATION/", methods="PUT GET PATCH DELETE"),
    Plain(resources.SERVICE_PROVIDER, prefix="OS-FEDERATION/", methods="PUT GET PATCH DELETE"),
)
OTHERS: list[Route] = [
    *tokens.ROUTES,
    *projects.ROUTES,
    *[route for plain in PLAIN for route in plain.routes()],
    *memberships.ROUTES,
    *grants.ROUTES,
    *delegations.ROUTES,
    *domain_configs.ROUTES,
    *endpoint_filter.ROUTES,
    *endpoint_policies.ROUTES,
    *removed.ROUTES,
    *revocations.ROUTES,
    *oauth1.ROUTES,
    *oauth2.ROUTES,
    *limits.ROUTES,
    *federation.ROUTES,
    *federation_auth.ROUTES,
    *bursting.ROUTES,
]
ROUTES = [*Discovery(OTHERS).routes(), *OTHERS]


def api(service: IdentityService) -> Api:
    return Api("identity", "/identity", ROUTES, service, oauth2.error_form, statuses={OverLimit: 403})
