"""/v3/domains/{domain_id}/config: what a domain configures for itself, whole, by group or by option."""

from typing import Any

import msgspec

from skyloom.identity.api.views import Ctx
from skyloom.web.app import render
from skyloom.web.http import Reply
from skyloom.web.routes import Route


class ConfigBody(msgspec.Struct):
    config: dict[str, Any]


def _at(at: dict[str, str]) -> tuple[str, ...]:
    return tuple(at[name] for name in ("group", "option") if name in at)


def put(ctx: Ctx, body: ConfigBody, domain_id: str) -> Reply:
    config, is_new = ctx.service.domain_configs.put(ctx.caller, domain_id, body.config)
    return render({"config": config}, 201 if is_new else 200)


def update(ctx: Ctx, body: ConfigBody, domain_id: str, **at: str) -> Any:
    return {"config": ctx.service.domain_configs.update(ctx.caller, domain_id, body.config, *_at(at))}


def show(ctx: Ctx, domain_id: str, **at: str) -> Any:
    return {"config": ctx.service.domain_configs.get(ctx.caller, domain_id, *_at(at))}


def delete(ctx: Ctx, domain_id: str, **at: str) -> None:
    ctx.service.domain_configs.delete(ctx.caller, domain_id, *_at(at))


def default(ctx: Ctx, **at: str) -> Any:
    return {"config": ctx.service.domain_configs.default(ctx.caller, *_at(at))}


CONFIG = "/v3/domains/{domain_id}/config"
ROUTES = [
    Route("PUT", CONFIG, put, "identity:create_domain_config", body=ConfigBody),
    *[
        route
        for path in (CONFIG, f"{CONFIG}/{{group}}", f"{CONFIG}/{{group}}/{{option}}")
        for route in (
            Route("GET", path, show, "identity:get_domain_config"),
            Route("PATCH", path, update, "identity:update_domain_config", body=ConfigBody),
            Route("DELETE", path, delete, "identity:delete_domain_config", status=204),
        )
    ],
    Route("GET", "/v3/domains/config/default", default, "identity:get_domain_config_default"),
    Route("GET", "/v3/domains/config/{group}/default", default, "identity:get_domain_config_default"),
    Route("GET", "/v3/domains/config/{group}/{option}/default", default, "identity:get_domain_config_default"),
]
