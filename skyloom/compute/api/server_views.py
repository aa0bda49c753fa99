"""A server as the API shows it: the newest shape, and one small function for each older one that looked different."""

from collections.abc import Callable, Sequence
from typing import Any

from skyloom.compute.api.links import bookmark, links, micros, zulu
from skyloom.compute.compute import ComputeService
from skyloom.compute.model import Server
from skyloom.compute.service.servers import ServerDetail
from skyloom.network import NicInfo
from skyloom.web.context import Context, Version

View = dict[str, Any]
Ctx = Context[ComputeService]
PROGRESSING = ("ACTIVE", "BUILD")
ATTRIBUTES = "os_compute_api:os-extended-server-attributes"
HOST_STATUS = "os_compute_api:servers:show:host_status"
FIRST_ATTRIBUTES = ("host", "instance_name", "hypervisor_hostname")
LATER_ATTRIBUTES = (
    "reservation_id",
    "launch_index",
    "hostname",
    "kernel_id",
    "ramdisk_id",
    "root_device_name",
    "user_data",
)
PLAIN = frozenset(
    """id name status image flavor fault user_id tenant_id created updated progress metadata links addresses hostId
    OS-DCF:diskConfig accessIPv4 accessIPv6 locked description tags trusted_image_certificates server_groups
    locked_reason""".split()  # noqa: SIM905
)
"""What the update call showed before 2.75."""


def brief(ctx: Ctx, server: Server) -> View:
    return {"id": server.id, "name": server.name, "links": links(ctx, f"servers/{server.id}")}


def full(ctx: Ctx, details: Sequence[ServerDetail], with_groups: bool) -> list[View]:
    """`with_groups`: the calls for one server tell its server group, the list does not."""
    sees_all = ctx.service.parts.policy.allows(ctx.caller, ATTRIBUTES)
    sees_host = ctx.service.parts.policy.allows(ctx.caller, HOST_STATUS)
    downs = [down for version, down in DOWNS if ctx.version < version]
    views = []
    for detail in details:
        view = _newest(ctx, detail, with_groups)
        if sees_all:
            view |= _attributes(detail.server)
        if sees_host:
            view["host_status"] = detail.host_status
        for down in downs:
            down(view, detail.server, ctx)
        views.append(view)
    return views


def updated(ctx: Ctx, detail: ServerDetail) -> View:
    view = full(ctx, [detail], with_groups=True)[0]
    if ctx.version >= (2, 75):
        return view
    plain = {name: value for name, value in view.items() if name in PLAIN}
    return plain | {"addresses": plain_addresses(detail.nics)}


def _newest(ctx: Ctx, detail: ServerDetail, with_groups: bool) -> View:
    server = detail.server
    status = server.status
    view: View = {
        "id": server.id,
        "name": server.name,
        "status": status,
        "tenant_id": server.project_id,
        "user_id": server.user_id,
        "metadata": server.metadata,
        "hostId": server.host_id,
        "image": _image(ctx, server),
        "flavor": _flavor(server),
        "created": zulu(server.created_at),
        "updated": zulu(server.updated_at),
        "addresses": addresses(detail.nics),
        "accessIPv4": server.access_ip_v4 or "",
        "accessIPv6": server.access_ip_v6 or "",
        "links": links(ctx, f"servers/{server.id}"),
        "OS-DCF:diskConfig": server.disk_config,
        "OS-EXT-AZ:availability_zone": detail.zone,
        "config_drive": "True" if server.config_drive else "",
        "key_name": server.key_name,
        "OS-SRV-USG:launched_at": micros(server.launched_at),
        "OS-SRV-USG:terminated_at": micros(server.terminated_at),
        "OS-EXT-STS:task_state": server.task_state,
        "OS-EXT-STS:vm_state": server.vm_state,
        "OS-EXT-STS:power_state": server.power_state,
        "os-extended-volumes:volumes_attached": [],
        "OS-EXT-SRV-ATTR:hostname": server.hostname,
        "locked": server.locked,
        "locked_reason": server.locked_reason,
        "description": server.description,
        "tags": server.tags,
        "trusted_image_certificates": None,
        "pinned_availability_zone": server.availability_zone,
    }
    if detail.security_groups:
        view["security_groups"] = [{"name": name} for name in detail.security_groups]
    if status in PROGRESSING:
        view["progress"] = 0
    if server.fault is not None and status in ("ERROR", "DELETED"):
        view["fault"] = {
            "code": server.fault.code,
            "created": zulu(server.fault.created),
            "message": server.fault.message,
        }
        if ctx.caller.is_admin:
            view["fault"]["details"] = server.fault.details
    if with_groups:
        view["server_groups"] = list(detail.groups)
    return view


def _image(ctx: Ctx, server: Server) -> View | str:
    if server.image_id is None:
        return ""
    return {"id": server.image_id, "links": bookmark(ctx, f"images/{server.image_id}")}


def _flavor(server: Server) -> View:
    flavor = server.flavor
    return {
        "original_name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram": flavor.memory_mib,
        "disk": flavor.disk_gib,
        "ephemeral": flavor.ephemeral_gib,
        "swap": flavor.swap_mib,
        "extra_specs": flavor.extra_specs,
    }


def _attributes(server: Server) -> View:
    return {
        "OS-EXT-SRV-ATTR:host": server.host,
        "OS-EXT-SRV-ATTR:instance_name": server.instance_name,
        "OS-EXT-SRV-ATTR:hypervisor_hostname": server.host,
        "OS-EXT-SRV-ATTR:reservation_id": server.reservation_id,
        "OS-EXT-SRV-ATTR:launch_index": server.launch_index,
        "OS-EXT-SRV-ATTR:kernel_id": "",
        "OS-EXT-SRV-ATTR:ramdisk_id": "",
        "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda",
        "OS-EXT-SRV-ATTR:user_data": server.user_data,
    }


def addresses(nics: Sequence[NicInfo]) -> View:
    """Network name -> addresses; floating ones beside the fixed address that they lead to."""
    found: View = {}
    for nic in nics:
        shown = found.setdefault(nic.network_name, [])
        for fixed in nic.fixed_ips:
            shown.append(_address(fixed.address, fixed.version, "fixed", nic.mac))
            shown += [_address(ip, 4, "floating", nic.mac) for ip in fixed.floating_ips]
    return found


def plain_addresses(nics: Sequence[NicInfo]) -> View:
    """The same without what was an extension once."""
    found = addresses(nics)
    return {name: [{key: each[key] for key in ("version", "addr")} for each in shown] for name, shown in found.items()}


def _address(address: str, version: int, kind: str, mac: str) -> View:
    return {"version": version, "addr": address, "OS-EXT-IPS:type": kind, "OS-EXT-IPS-MAC:mac_addr": mac}


def _down_2_96(view: View, server: Server, ctx: Ctx) -> None:
    del view["pinned_availability_zone"]


def _down_2_90(view: View, server: Server, ctx: Ctx) -> None:
    """The host name was the operator's to see."""
    if "OS-EXT-SRV-ATTR:host" not in view:
        del view["OS-EXT-SRV-ATTR:hostname"]


def _down_2_73(view: View, server: Server, ctx: Ctx) -> None:
    del view["locked_reason"]


def _down_2_71(view: View, server: Server, ctx: Ctx) -> None:
    view.pop("server_groups", None)


def _down_2_63(view: View, server: Server, ctx: Ctx) -> None:
    del view["trusted_image_certificates"]


def _down_2_47(view: View, server: Server, ctx: Ctx) -> None:
    view["flavor"] = {"id": server.flavor_id, "links": bookmark(ctx, f"flavors/{server.flavor_id}")}


def _down_2_26(view: View, server: Server, ctx: Ctx) -> None:
    del view["tags"]


def _down_2_19(view: View, server: Server, ctx: Ctx) -> None:
    del view["description"]


def _down_2_16(view: View, server: Server, ctx: Ctx) -> None:
    view.pop("host_status", None)


def _down_2_9(view: View, server: Server, ctx: Ctx) -> None:
    del view["locked"]


def _down_2_3(view: View, server: Server, ctx: Ctx) -> None:
    for name in LATER_ATTRIBUTES:
        view.pop(f"OS-EXT-SRV-ATTR:{name}", None)


DOWNS: Sequence[tuple[Version, Callable[[View, Server, Ctx], None]]] = (
    ((2, 96), _down_2_96),
    ((2, 90), _down_2_90),
    ((2, 73), _down_2_73),
    ((2, 71), _down_2_71),
    ((2, 63), _down_2_63),
    ((2, 47), _down_2_47),
    ((2, 26), _down_2_26),
    ((2, 19), _down_2_19),
    ((2, 16), _down_2_16),
    ((2, 9), _down_2_9),
    ((2, 3), _down_2_3),
)
