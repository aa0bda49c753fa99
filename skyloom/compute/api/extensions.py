"""/extensions: a list that old clients look into; everything in it is part of the API for good."""

from typing import Any

from skyloom.compute.compute import ComputeService
from skyloom.errors import NotFound
from skyloom.web.context import Context
from skyloom.web.routes import Route

Ctx = Context[ComputeService]
NAMES = {
    "NMN": "Multinic",
    "OS-DCF": "DiskConfig",
    "OS-EXT-AZ": "ExtendedAvailabilityZone",
    "OS-EXT-IPS": "ExtendedIps",
    "OS-EXT-IPS-MAC": "ExtendedIpsMac",
    "OS-EXT-SRV-ATTR": "ExtendedServerAttributes",
    "OS-EXT-STS": "ExtendedStatus",
    "OS-FLV-DISABLED": "FlavorDisabled",
    "OS-FLV-EXT-DATA": "FlavorExtraData",
    "OS-SCH-HNT": "SchedulerHints",
    "OS-SRV-USG": "ServerUsage",
    "os-availability-zone": "AvailabilityZone",
    "os-attach-interfaces": "AttachInterfaces",
    "os-config-drive": "ConfigDrive",
    "os-console-output": "ConsoleOutput",
    "os-flavor-access": "FlavorAccess",
    "os-flavor-extra-specs": "FlavorExtraSpecs",
    "os-flavor-manage": "FlavorManage",
    "os-hypervisors": "Hypervisors",
    "os-instance-actions": "ServerActions",
    "os-keypairs": "Keypairs",
    "os-lock-server": "LockServer",
    "os-quota-sets": "Quotas",
    "os-security-groups": "SecurityGroups",
    "os-server-groups": "ServerGroups",
    "os-server-start-stop": "ServerStartStop",
    "os-services": "Services",
    "os-user-data": "UserData",
}


def _view(alias: str) -> dict[str, Any]:
    return {
        "alias": alias,
        "name": NAMES[alias],
        "description": "",
        "links": [],
        "namespace": "http://docs.openstack.org/compute/ext/fake_xml",
        "updated": "2014-12-03T00:00:00Z",
    }


def index(ctx: Ctx) -> dict[str, Any]:
    ctx.service.parts.policy.require(ctx.caller, "os_compute_api:extensions")
    return {"extensions": [_view(alias) for alias in NAMES]}


def show(ctx: Ctx, alias: str) -> dict[str, Any]:
    ctx.service.parts.policy.require(ctx.caller, "os_compute_api:extensions")
    if alias not in NAMES:
        raise NotFound(f"There is no extension {alias}.", extension=alias)
    return {"extension": _view(alias)}


ROUTES = [
    Route("GET", "/v2.1/extensions", index, "os_compute_api:extensions"),
    Route("GET", "/v2.1/extensions/{alias}", show, "os_compute_api:extensions"),
]
