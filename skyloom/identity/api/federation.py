"""OS-FEDERATION: identity providers and their protocols. (Mappings and service providers are plain.)"""

from collections.abc import Mapping
from typing import Any

import msgspec

from skyloom.identity.api import tokens
from skyloom.identity.api.plain import Plain
from skyloom.identity.api.views import Ctx, listed
from skyloom.identity.model import Record
from skyloom.identity.service.federation.protocols import Config, ProtocolBody
from skyloom.web.routes import Route

PROVIDERS = "/v3/OS-FEDERATION/identity_providers"
PROTOCOLS = f"{PROVIDERS}/{{identity_provider_id}}/protocols"
PROTOCOL = f"{PROTOCOLS}/{{protocol_id}}"


class IdentityProviders(Plain):
    """As every plain resource, and each with a link to its protocols."""

    def list(self, ctx: Ctx) -> Any:
        found = super().list(ctx)
        for shown in found[self.described.collection]:
            _link_protocols(shown)
        return found

    def _shown(self, ctx: Ctx, record: dict[str, Any]) -> dict[str, Any]:
        found = super()._shown(ctx, record)
        _link_protocols(found[self.described.noun])
        return found


def _link_protocols(shown: dict[str, Any]) -> None:
    shown["links"]["protocols"] = f"{shown['links']['self']}/protocols"


class Protocol(msgspec.Struct, forbid_unknown_fields=True):
    protocol: ProtocolBody


class ProtocolConfig(msgspec.Struct, forbid_unknown_fields=True):
    config: Config


def create(ctx: Ctx, body: Protocol, identity_provider_id: str, protocol_id: str) -> Any:
    made = ctx.service.protocols.create(ctx.caller, identity_provider_id, protocol_id, body.protocol)
    return _shown(ctx, identity_provider_id, made)


def show(ctx: Ctx, identity_provider_id: str, protocol_id: str) -> Any:
    return _shown(ctx, identity_provider_id, ctx.service.protocols.get(ctx.caller, identity_provider_id, protocol_id))


def list_all(ctx: Ctx, identity_provider_id: str) -> Any:
    found = ctx.service.protocols.list(ctx.caller, identity_provider_id)
    return listed(ctx, "protocols", [_linked(ctx, identity_provider_id, protocol) for protocol in found])


def update(ctx: Ctx, body: Protocol, identity_provider_id: str, protocol_id: str) -> Any:
    made = ctx.service.protocols.update(ctx.caller, identity_provider_id, protocol_id, body.protocol)
    return _shown(ctx, identity_provider_id, made)


def delete(ctx: Ctx, identity_provider_id: str, protocol_id: str) -> None:
    ctx.service.protocols.delete(ctx.caller, identity_provider_id, protocol_id)


def put_config(ctx: Ctx, body: ProtocolConfig, identity_provider_id: str, protocol_id: str) -> Any:
    return {"config": ctx.service.protocols.put_config(ctx.caller, identity_provider_id, protocol_id, body.config)}


def show_config(ctx: Ctx, identity_provider_id: str, protocol_id: str) -> Any:
    return {"config": ctx.service.protocols.get_config(ctx.caller, identity_provider_id, protocol_id)}


def delete_config(ctx: Ctx, identity_provider_id: str, protocol_id: str) -> None:
    ctx.service.protocols.delete_config(ctx.caller, identity_provider_id, protocol_id)


def _shown(ctx: Ctx, idp_id: str, protocol: Record) -> Any:
    return {"protocol": _linked(ctx, idp_id, protocol)}


def _linked(ctx: Ctx, idp_id: str, protocol: Mapping[str, Any]) -> dict[str, Any]:
    provider = f"{ctx.base_url}{PROVIDERS}/{idp_id}"
    links = {"self": f"{provider}/protocols/{protocol['id']}", "identity_provider": provider}
    return {**protocol, "links": links}


ROUTES = [
    Route("GET", PROTOCOLS, list_all, "identity:list_protocols"),
    Route("PUT", PROTOCOL, create, "identity:create_protocol", body=Protocol, status=201),
    Route("GET", PROTOCOL, show, "identity:get_protocol"),
    Route("PATCH", PROTOCOL, update, "identity:update_protocol", body=Protocol),
    Route("DELETE", PROTOCOL, delete, "identity:delete_protocol", status=204),
    # Skyloom's own: what modules of a web server are told of a provider elsewhere
    Route("PUT", f"{PROTOCOL}/config", put_config, "identity:update_protocol", body=ProtocolConfig),
    Route("GET", f"{PROTOCOL}/config", show_config, "identity:get_protocol"),
    Route("DELETE", f"{PROTOCOL}/config", delete_config, "identity:update_protocol", status=204),
    # older names of what every user may ask
    Route("GET", "/v3/OS-FEDERATION/projects", tokens.projects, "identity:get_auth_projects"),
    Route("GET", "/v3/OS-FEDERATION/domains", tokens.domains, "identity:get_auth_domains"),
]
