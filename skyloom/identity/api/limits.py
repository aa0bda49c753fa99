"""Unified limits: what the plain routes do not have, making several at once and the model."""

from typing import Any

from skyloom.identity.api.views import Ctx, with_link
from skyloom.web.bodies import BodyInvalid
from skyloom.web.routes import Route

Bodies = dict[str, list[dict[str, Any]]]


def create_registered_limits(ctx: Ctx, body: Bodies) -> Any:
    return _create(ctx, "registered_limits", body)


def create_limits(ctx: Ctx, body: Bodies) -> Any:
    return _create(ctx, "limits", body)


def _create(ctx: Ctx, plural: str, body: Bodies) -> Any:
    if plural not in body:
        raise BodyInvalid(f"The body must be an object with the one property '{plural}'.", field=plural)
    made = getattr(ctx.service, plural).create_all(ctx.caller, body[plural])
    return {plural: [with_link(ctx, plural, record) for record in made]}


def model(ctx: Ctx) -> Any:
    return {"model": ctx.service.limits.model()}


ROUTES = [
    Route(
        "POST",
        "/v3/registered_limits",
        create_registered_limits,
        "identity:create_registered_limits",
        body=Bodies,
        status=201,
    ),
    Route("POST", "/v3/limits", create_limits, "identity:create_limits", body=Bodies, status=201),
    Route("GET", "/v3/limits/model", model, "identity:get_limit_model"),
]
