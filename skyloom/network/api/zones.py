"""What the cloud is made of, seen from the network: availability zones, agents, providers, free addresses."""

from typing import Any

from skyloom.network.api.crud import Ctx
from skyloom.network.errors import AgentNotFound
from skyloom.web.routes import Route


def availability_zones(ctx: Ctx) -> Any:
    names = ctx.service.availability_zones(ctx.caller)
    return {
        "availability_zones": [
            {"name": name, "resource": resource, "state": "available"}
            for name in names
            for resource in ("network", "router")
        ]
    }


def agents(ctx: Ctx) -> Any:
    """No host reports agents: OVN's own controllers do their work."""
    return {"agents": list(ctx.service.agents(ctx.caller))}


def agent(ctx: Ctx, id: str) -> Any:
    for found in ctx.service.agents(ctx.caller):
        if found["id"] == id:
            return {"agent": found}
    raise AgentNotFound(f"Agent {id} could not be found.", id=id)


def service_providers(ctx: Ctx) -> Any:
    return {"service_providers": ctx.service.service_providers(ctx.caller)}


def ip_availabilities(ctx: Ctx) -> Any:
    return {"network_ip_availabilities": ctx.service.ip_availability(ctx.caller, None)}


def ip_availability(ctx: Ctx, id: str) -> Any:
    return {"network_ip_availability": ctx.service.ip_availability(ctx.caller, id)[0]}


ROUTES = [
    Route("GET", "/v2.0/availability_zones", availability_zones, "get_availability_zone"),
    Route("GET", "/v2.0/service-providers", service_providers, "get_service_provider"),
    Route("GET", "/v2.0/agents", agents, "get_agent"),
    Route("GET", "/v2.0/agents/{id}", agent, "get_agent"),
    Route("GET", "/v2.0/network-ip-availabilities", ip_availabilities, "get_network_ip_availability"),
    Route("GET", "/v2.0/network-ip-availabilities/{id}", ip_availability, "get_network_ip_availability"),
]
