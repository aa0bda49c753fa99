"""Keystone's v3 API under /identity."""

from skyloom.errors import OverLimit, SkyloomError
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
    receipts,
    refusals,
    removed,
    revocations,
    tokens,
)
from skyloom.identity.api.discovery import Discovery
from skyloom.identity.api.plain import Plain
from skyloom.identity.errors import MethodsMissing
from skyloom.identity.service import IdentityService
from skyloom.web.errors import identity_form
from skyloom.web.http import Reply, Request
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
    *refusals.ROUTES,
    *federation.ROUTES,
    *federation_auth.ROUTES,
    *bursting.ROUTES,
]
ROUTES = [*Discovery(OTHERS).routes(), *OTHERS]


def error_form(request: Request, status: int, error: SkyloomError, request_id: str) -> Reply:
    """Keystone's, but where it has another one itself."""
    if oauth2.is_asked(request):
        return oauth2.refusal(status, error)
    if isinstance(error, MethodsMissing):
        return receipts.refusal(status, error)
    return identity_form(request, status, error, request_id)


def api(service: IdentityService) -> Api:
    return Api("identity", "/identity", ROUTES, service, error_form, statuses={OverLimit: 403}, vary="X-Auth-Token")
