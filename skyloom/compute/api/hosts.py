"""/os-availability-zone, /os-hypervisors and /os-services."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from skyloom.compute.api.links import micros
from skyloom.compute.api.server_bodies import Word
from skyloom.compute.compute import ComputeService
from skyloom.compute.errors import RequestInvalid
from skyloom.compute.model import Host
from skyloom.compute.service.hosts import Hypervisor
from skyloom.web.context import Context
from skyloom.web.routes import Route

Ctx = Context[ComputeService]
View = dict[str, Any]
BINARY = "nova-compute"


class ServiceChange(Struct, forbid_unknown_fields=True):
    status: Literal["enabled", "disabled"] | UnsetType = UNSET
    disabled_reason: Word | UnsetType = UNSET
    forced_down: bool | UnsetType = UNSET


class OldServiceChange(Struct, forbid_unknown_fields=True):
    host: Word
    binary: Word
    disabled_reason: Word | UnsetType = UNSET
    forced_down: bool | UnsetType = UNSET


def zones(ctx: Ctx) -> View:
    found = ctx.service.hosts.zones(ctx.caller, detail=False)
    return {"availabilityZoneInfo": [_zone(ctx, name, hosts) | {"hosts": None} for name, hosts in found.items()]}


def zones_detail(ctx: Ctx) -> View:
    found = ctx.service.hosts.zones(ctx.caller, detail=True)
    shown = []
    for name, hosts in found.items():
        services = {host.name: {BINARY: _zone_service(ctx, host)} for host in hosts}
        shown.append(_zone(ctx, name, hosts) | {"hosts": services})
    return {"availabilityZoneInfo": shown}


def _zone(ctx: Ctx, name: str, hosts: Sequence[Host]) -> View:
    available = any(ctx.service.hosts.is_up(host) and not host.is_disabled for host in hosts)
    return {"zoneName": name, "zoneState": {"available": available}}


def _zone_service(ctx: Ctx, host: Host) -> View:
    up = ctx.service.hosts.is_up(host)
    return {"active": not host.is_disabled, "available": up, "updated_at": micros(host.seen_at)}


def _brief(ctx: Ctx, each: Hypervisor) -> View:
    return {
        "id": each.host.id if ctx.version >= (2, 53) else each.host.number,
        "hypervisor_hostname": each.host.name,
        "state": "up" if each.is_up else "down",
        "status": "disabled" if each.host.is_disabled else "enabled",
    }


def _full(ctx: Ctx, each: Hypervisor) -> View:
    host = each.host
    view = _brief(ctx, each) | {
        "host_ip": host.address,
        "hypervisor_type": host.hypervisor_type,
        "hypervisor_version": host.hypervisor_version,
        "service": {
            "host": host.name,
            "id": host.id if ctx.version >= (2, 53) else host.number,
            "disabled_reason": host.disabled_reason,
        },
    }
    if ctx.version >= (2, 88):
        return view | {"uptime": None}
    return view | _figures(each) | {"cpu_info": _cpu_info(ctx, host), "disk_available_least": None}


def _figures(each: Hypervisor) -> View:
    """What the versions from 2.88 on leave to placement; memory in MiB, disk in GiB."""
    host = each.host
    return {
        "current_workload": 0,
        "free_disk_gb": host.disk_gib - each.disk_gib_used,
        "free_ram_mb": host.memory_mib - each.memory_mib_used,
        "local_gb": host.disk_gib,
        "local_gb_used": each.disk_gib_used,
        "memory_mb": host.memory_mib,
        "memory_mb_used": each.memory_mib_used,
        "running_vms": each.running_servers,
        "vcpus": host.vcpus,
        "vcpus_used": each.vcpus_used,
    }


def _cpu_info(ctx: Ctx, host: Host) -> Any:
    info = {"arch": host.cpu_arch}
    return info if ctx.version >= (2, 28) else f'{{"arch": "{host.cpu_arch}"}}'


def hypervisors(ctx: Ctx) -> View:
    found = _asked(ctx, "list")
    return {"hypervisors": _with_servers(ctx, [_brief(ctx, each) for each in found], found)}


def hypervisors_detail(ctx: Ctx) -> View:
    found = _asked(ctx, "list-detail")
    return {"hypervisors": _with_servers(ctx, [_full(ctx, each) for each in found], found)}


def _asked(ctx: Ctx, action: str) -> list[Hypervisor]:
    found = ctx.service.hosts.hypervisors(ctx.caller, action)
    pattern = ctx.one("hypervisor_hostname_pattern") if ctx.version >= (2, 53) else None
    if pattern is not None:
        found = [each for each in found if pattern in each.host.name]
    limit, marker = (ctx.whole("limit"), ctx.one("marker")) if ctx.version >= (2, 33) else (None, None)
    if marker is not None:
        at = [n for n, each in enumerate(found) if marker in (each.host.id, str(each.host.number))]
        if not at:
            raise RequestInvalid(f"marker [{marker}] not found", field="marker")
        found = found[at[0] + 1 :]
    return found if limit is None else found[:limit]


def _with_servers(ctx: Ctx, views: list[View], found: Sequence[Hypervisor]) -> list[View]:
    if ctx.version < (2, 53) or not ctx.flag("with_servers"):
        return views
    servers = ctx.service.hosts.servers_on([each.host for each in found])
    for view, each in zip(views, found, strict=True):
        if servers[each.host.name]:
            view["servers"] = [{"uuid": server_id, "name": name} for server_id, name in servers[each.host.name]]
    return views


def hypervisor(ctx: Ctx, hypervisor_id: str) -> View:
    found = ctx.service.hosts.hypervisor(ctx.caller, hypervisor_id)
    return {"hypervisor": _with_servers(ctx, [_full(ctx, found)], [found])[0]}


def statistics(ctx: Ctx) -> View:
    total: dict[str, int] = {}
    found = ctx.service.hosts.hypervisors(ctx.caller, "statistics")
    for each in found:
        for name, value in _figures(each).items():
            total[name] = total.get(name, 0) + value
    names = ("current_workload", "free_disk_gb", "free_ram_mb", "local_gb", "local_gb_used", "memory_mb",
             "memory_mb_used", "running_vms", "vcpus", "vcpus_used")  # fmt: skip
    sums = {name: total.get(name, 0) for name in names}
    return {"hypervisor_statistics": {"count": len(found), "disk_available_least": None, **sums}}


def search(ctx: Ctx, hypervisor_id: str) -> View:
    found = [each for each in ctx.service.hosts.hypervisors(ctx.caller, "search") if hypervisor_id in each.host.name]
    return {"hypervisors": [_brief(ctx, each) for each in found]}


def services(ctx: Ctx) -> View:
    found = ctx.service.hosts.services(ctx.caller)
    host, binary = ctx.one("host"), ctx.one("binary")
    shown = [each for each in found if host in (None, each.name) and binary in (None, BINARY)]
    return {"services": [_service(ctx, each) for each in shown]}


def _service(ctx: Ctx, host: Host) -> View:
    view: View = {
        "id": host.id if ctx.version >= (2, 53) else host.number,
        "binary": BINARY,
        "host": host.name,
        "zone": host.availability_zone,
        "status": "disabled" if host.is_disabled else "enabled",
        "state": "up" if ctx.service.hosts.is_up(host) else "down",
        "updated_at": micros(host.seen_at),
        "disabled_reason": host.disabled_reason,
    }
    return view | ({"forced_down": host.is_forced_down} if ctx.version >= (2, 11) else {})


def update_service(ctx: Ctx, body: ServiceChange, service_id: str) -> View:
    values: dict[str, object] = {}
    if body.disabled_reason is not UNSET and body.status != "disabled":
        raise RequestInvalid("Specifying disabled_reason when status is enabled is invalid.", field="disabled_reason")
    if body.status is not UNSET:
        reason = None if body.disabled_reason is UNSET else body.disabled_reason
        values |= {"is_disabled": body.status == "disabled", "disabled_reason": reason}
    if body.forced_down is not UNSET:
        values["is_forced_down"] = body.forced_down
    if not values:
        raise RequestInvalid("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
    return {"service": _service(ctx, ctx.service.hosts.update_service(ctx.caller, service_id, values))}


def update_service_by_name(ctx: Ctx, body: OldServiceChange, service_id: str) -> View:
    """Before 2.53 the URL held the verb, and the host stood in the body."""
    shown: View = {"host": body.host, "binary": body.binary}
    values: dict[str, object]
    match service_id:
        case "enable" | "disable" | "disable-log-reason":
            is_disabled = service_id != "enable"
            reason = None if body.disabled_reason is UNSET else body.disabled_reason
            values = {"is_disabled": is_disabled, "disabled_reason": reason}
            shown["status"] = "disabled" if is_disabled else "enabled"
            if service_id == "disable-log-reason":
                if reason is None:
                    raise RequestInvalid("Missing disabled reason field", field="disabled_reason")
                shown["disabled_reason"] = reason
        case "force-down" if ctx.version >= (2, 11) and body.forced_down is not UNSET:
            values = {"is_forced_down": body.forced_down}
            shown["forced_down"] = body.forced_down
        case _:
            raise RequestInvalid(f"Unknown action {service_id}.")
    service = body.host if body.binary == BINARY else f"{body.binary} of {body.host}"
    ctx.service.hosts.update_service(ctx.caller, service, values)
    return {"service": shown}


def aggregates(ctx: Ctx) -> View:
    """Clients ask for them when they show a hypervisor."""
    return {"aggregates": ctx.service.hosts.aggregates(ctx.caller)}


ZONES = "/v2.1/os-availability-zone"
HYPERVISORS = "/v2.1/os-hypervisors"
SERVICES = "/v2.1/os-services"
RULE = "os_compute_api:os-hypervisors"
ONE_HYPERVISOR = f"{HYPERVISORS}/{{hypervisor_id}}"
ROUTES = [
    Route("GET", ZONES, zones, "os_compute_api:os-availability-zone:list"),
    Route("GET", f"{ZONES}/detail", zones_detail, "os_compute_api:os-availability-zone:detail"),
    Route("GET", "/v2.1/os-aggregates", aggregates, "os_compute_api:os-aggregates:index"),
    Route("GET", HYPERVISORS, hypervisors, f"{RULE}:list"),
    Route("GET", f"{HYPERVISORS}/detail", hypervisors_detail, f"{RULE}:list-detail"),
    Route("GET", f"{HYPERVISORS}/statistics", statistics, f"{RULE}:statistics", until=(2, 87)),
    Route("GET", ONE_HYPERVISOR, hypervisor, f"{RULE}:show"),
    Route("GET", f"{ONE_HYPERVISOR}/search", search, f"{RULE}:search", until=(2, 52)),
    Route("GET", SERVICES, services, "os_compute_api:os-services:list"),
    Route(
        "PUT",
        f"{SERVICES}/{{service_id}}",
        update_service_by_name,
        "os_compute_api:os-services:update",
        OldServiceChange,
        until=(2, 52),
    ),
    Route(
        "PUT",
        f"{SERVICES}/{{service_id}}",
        update_service,
        "os_compute_api:os-services:update",
        ServiceChange,
        since=(2, 53),
    ),
]
