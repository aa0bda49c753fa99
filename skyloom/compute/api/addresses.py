"""/servers/{id}/ips and the reading half of /servers/{id}/os-interface."""

from typing import Any

from skyloom.compute.api.server_views import plain_addresses
from skyloom.compute.compute import ComputeService
from skyloom.compute.errors import AddressesNotFound
from skyloom.network import NicInfo
from skyloom.web.context import Context
from skyloom.web.routes import Route

Ctx = Context[ComputeService]
View = dict[str, Any]


def _plain(ctx: Ctx, server_id: str, action: str) -> View:
    return plain_addresses(ctx.service.servers.addresses(ctx.caller, server_id, f"os_compute_api:ips:{action}"))


def index(ctx: Ctx, server_id: str) -> View:
    return {"addresses": _plain(ctx, server_id, "index")}


def show(ctx: Ctx, server_id: str, network: str) -> View:
    found = _plain(ctx, server_id, "show")
    if network not in found:
        raise AddressesNotFound(network)
    return {network: found[network]}


def _interface(ctx: Ctx, nic: NicInfo) -> View:
    view: View = {
        "net_id": nic.network_id,
        "port_id": nic.port_id,
        "mac_addr": nic.mac,
        "port_state": "ACTIVE" if nic.is_up else "DOWN",
        "fixed_ips": [{"subnet_id": each.subnet_id, "ip_address": each.address} for each in nic.fixed_ips],
    }
    return view | ({"tag": None} if ctx.version >= (2, 70) else {})


def interfaces(ctx: Ctx, server_id: str) -> View:
    nics = ctx.service.servers.addresses(ctx.caller, server_id, "os_compute_api:os-attach-interfaces:list")
    return {"interfaceAttachments": [_interface(ctx, nic) for nic in nics]}


def interface(ctx: Ctx, server_id: str, port_id: str) -> View:
    return {"interfaceAttachment": _interface(ctx, ctx.service.servers.interface(ctx.caller, server_id, port_id))}


ONE = "/v2.1/servers/{server_id}"
ATTACH = "os_compute_api:os-attach-interfaces"
ROUTES = [
    Route("GET", f"{ONE}/ips", index, "os_compute_api:ips:index"),
    Route("GET", f"{ONE}/ips/{{network}}", show, "os_compute_api:ips:show"),
    Route("GET", f"{ONE}/os-interface", interfaces, f"{ATTACH}:list"),
    Route("GET", f"{ONE}/os-interface/{{port_id}}", interface, f"{ATTACH}:show"),
]
