"""/limits, /os-quota-sets and /os-quota-class-sets."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from skyloom.compute.api.server_bodies import flag_of
from skyloom.compute.compute import ComputeService
from skyloom.compute.errors import QuotaInvalid
from skyloom.web.bodies import BodyInvalid
from skyloom.web.context import Context
from skyloom.web.routes import Route

Ctx = Context[ComputeService]
View = dict[str, Any]
OF_NETWORK = frozenset({"floating_ips", "fixed_ips", "security_groups", "security_group_rules"})
OF_FILES = frozenset({"injected_files", "injected_file_content_bytes", "injected_file_path_bytes"})
LIMITS = {
    "maxTotalInstances": "instances",
    "maxTotalCores": "cores",
    "maxTotalRAMSize": "ram",
    "maxServerMeta": "metadata_items",
    "maxTotalKeypairs": "key_pairs",
    "maxServerGroups": "server_groups",
    "maxServerGroupMembers": "server_group_members",
    "maxTotalFloatingIps": "floating_ips",
    "maxSecurityGroups": "security_groups",
    "maxSecurityGroupRules": "security_group_rules",
    "maxPersonality": "injected_files",
    "maxPersonalitySize": "injected_file_content_bytes",
}
USED = {
    "totalInstancesUsed": "instances",
    "totalCoresUsed": "cores",
    "totalRAMUsed": "ram",
    "totalServerGroupsUsed": "server_groups",
}


class QuotaBody(Struct, forbid_unknown_fields=True):
    quota_set: dict[str, Any]


def hidden(ctx: Ctx) -> frozenset[str]:
    """Quotas that a version no longer tells of."""
    gone = OF_NETWORK if ctx.version >= (2, 36) else frozenset()
    return gone | OF_FILES if ctx.version >= (2, 57) else gone


def limits(ctx: Ctx) -> View:
    project_id = ctx.one("tenant_id") or ctx.caller.project_id or ""
    most, used = ctx.service.quotas.absolute(ctx.caller, project_id)
    gone = hidden(ctx)
    absolute = {name: most[quota] for name, quota in LIMITS.items() if quota not in gone}
    absolute |= {name: used[quota] for name, quota in USED.items()}
    if ctx.version < (2, 39):
        absolute["maxImageMeta"] = most["metadata_items"]
    if ctx.version < (2, 36):
        absolute |= {"totalFloatingIpsUsed": 0, "totalSecurityGroupsUsed": 0}
    return {"limits": {"rate": [], "absolute": absolute}}


def _shown(ctx: Ctx, found: Mapping[str, int]) -> View:
    gone = hidden(ctx)
    return {name: limit for name, limit in found.items() if name not in gone}


def show(ctx: Ctx, project_id: str) -> View:
    found = ctx.service.quotas.show(ctx.caller, project_id)
    return {"quota_set": {"id": project_id, **_shown(ctx, found)}}


def detail(ctx: Ctx, project_id: str) -> View:
    most, used = ctx.service.quotas.detail(ctx.caller, project_id)
    shown = {
        name: {"limit": limit, "in_use": used.get(name, 0), "reserved": 0} for name, limit in _shown(ctx, most).items()
    }
    return {"quota_set": {"id": project_id, **shown}}


def defaults(ctx: Ctx, project_id: str) -> View:
    found = ctx.service.quotas.defaults(ctx.caller, project_id)
    return {"quota_set": {"id": project_id, **_shown(ctx, found)}}


def update(ctx: Ctx, body: QuotaBody, project_id: str) -> View:
    asked = dict(body.quota_set)
    force = flag_of("force", asked.pop("force", False))
    if asked.pop("tenant_id", project_id) != project_id:
        raise BodyInvalid("Invalid input for field/attribute tenant_id: it is not the project in the URL.")
    known = _shown(ctx, ctx.service.parts.settings.limits)
    limits = {name: _limit(name, value, known) for name, value in asked.items()}
    return {"quota_set": _shown(ctx, ctx.service.quotas.update(ctx.caller, project_id, limits, force))}


def _limit(name: str, value: object, known: Mapping[str, Any]) -> int:
    if name not in known:
        raise BodyInvalid(f"Additional properties are not allowed ('{name}' was unexpected)", field=name)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise QuotaInvalid(f"Invalid input for field/attribute {name}: {value!r} is no whole number.", field=name)
    try:
        return int(value)
    except ValueError as error:
        raise QuotaInvalid(f"Invalid input for field/attribute {name}: {value!r} is no whole number.") from error


def delete(ctx: Ctx, project_id: str) -> None:
    ctx.service.quotas.delete(ctx.caller, project_id)


def show_class(ctx: Ctx, class_name: str) -> View:
    """The class learned of 2.36 and of server groups with 2.50 only."""
    found = ctx.service.quotas.class_limits(ctx.caller)
    if ctx.version >= (2, 50):
        found = dict(_shown(ctx, found))
    else:
        found = {name: limit for name, limit in found.items() if not name.startswith("server_group")}
    return {"quota_class_set": {"id": class_name, **found}}


ONE = "/v2.1/os-quota-sets/{project_id}"
RULE = "os_compute_api:os-quota-sets"
ROUTES = [
    Route("GET", "/v2.1/limits", limits, "os_compute_api:limits"),
    Route("GET", ONE, show, f"{RULE}:show"),
    Route("PUT", ONE, update, f"{RULE}:update", QuotaBody),
    Route("DELETE", ONE, delete, f"{RULE}:delete", status=202),
    Route("GET", f"{ONE}/defaults", defaults, f"{RULE}:defaults"),
    Route("GET", f"{ONE}/detail", detail, f"{RULE}:detail"),
    Route("GET", "/v2.1/os-quota-class-sets/{class_name}", show_class, "os_compute_api:os-quota-class-sets:show"),
]
