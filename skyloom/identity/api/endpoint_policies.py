"""OS-ENDPOINT-POLICY: associations of policies, and the policy that counts for an endpoint."""

from typing import Any

from skyloom.identity.api.views import Ctx, collection, resource
from skyloom.identity.model import PolicyPlace
from skyloom.web.routes import Route


def put(ctx: Ctx, policy_id: str, **at: str) -> None:
    ctx.service.endpoint_policies.put(ctx.caller, policy_id, PolicyPlace(**at))


def check(ctx: Ctx, policy_id: str, **at: str) -> None:
    ctx.service.endpoint_policies.check(ctx.caller, policy_id, PolicyPlace(**at))


def remove(ctx: Ctx, policy_id: str, **at: str) -> None:
    ctx.service.endpoint_policies.remove(ctx.caller, policy_id, PolicyPlace(**at))


def endpoints_of(ctx: Ctx, policy_id: str) -> Any:
    return collection(ctx, "endpoints", ctx.service.endpoint_policies.endpoints_of(ctx.caller, policy_id))


def policy_of(ctx: Ctx, endpoint_id: str) -> Any:
    return resource(ctx, "policy", "policies", ctx.service.endpoint_policies.policy_of(ctx.caller, endpoint_id))


OF_POLICY = "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY"
PLACES = {
    "endpoint": f"{OF_POLICY}/endpoints/{{endpoint_id}}",
    "service": f"{OF_POLICY}/services/{{service_id}}",
    "region_and_service": f"{OF_POLICY}/services/{{service_id}}/regions/{{region_id}}",
}
VERBS = (("PUT", "create", put), ("GET", "check", check), ("DELETE", "delete", remove))
ROUTES = [
    *[
        Route(method, path, handler, f"identity:{verb}_policy_association_for_{kind}", status=204)
        for kind, path in PLACES.items()
        for method, verb, handler in VERBS
    ],
    Route("GET", f"{OF_POLICY}/endpoints", endpoints_of, "identity:list_endpoints_for_policy"),
    Route(
        "GET", "/v3/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy", policy_of, "identity:get_policy_for_endpoint"
    ),
]
