"""Which parts of Neutron's API are here: an alias stands in this list only when all that it promises works."""

from collections.abc import Mapping, Sequence
from typing import Any

from skyloom.network.api.crud import Ctx
from skyloom.network.errors import ExtensionNotFound
from skyloom.web.routes import Route

NAMES: Sequence[tuple[str, str, str]] = (
    ("address-pairs", "allowed-address-pairs", "More addresses that may be used on a port"),
    ("Availability Zone", "availability_zone", "Availability zones of the cloud"),
    ("Network Availability Zone", "network_availability_zone", "Hints on the zone of a network"),
    ("Router Availability Zone", "router_availability_zone", "Hints on the zone of a router"),
    ("Port Binding", "binding", "Where a port is bound, for admins"),
    ("Default Subnetpools", "default-subnetpools", "Pools that are taken when none is named"),
    ("DNS Integration", "dns-integration", "Names of ports that the cloud's DNS answers"),
    ("Neutron external network", "external-net", "Networks outside of the cloud"),
    ("Neutron L3 Configurable external gateway mode", "ext-gw-mode", "Gateways with and without SNAT"),
    ("Neutron Extra Route", "extraroute", "Static routes of routers"),
    ("Atomically add/remove extra routes", "extraroute-atomic", "Static routes changed one by one"),
    ("Filter parameters validation", "filter-validation", "Unknown filters are refused"),
    ("Neutron Port MAC address override", "mac_override", "A MAC address of one's own choice"),
    ("Network MTU", "net-mtu", "The MTU of a network"),
    ("Network MTU (writable)", "net-mtu-writable", "The MTU of a network can be set"),
    ("Network IP Availability", "network-ip-availability", "How many addresses are used"),
    ("Pagination support", "pagination", "Lists in pages"),
    ("Port Security", "port-security", "Anti-spoofing per port"),
    ("Project ID", "project-id", "project_id beside tenant_id"),
    ("Provider Network", "provider", "Provider networks, for admins"),
    ("Quota management support", "quotas", "Quotas per project"),
    ("Quota details management support", "quota_details", "Quotas with their usage"),
    ("Neutron L3 Router", "router", "Routers and floating IPs"),
    ("security-group", "security-group", "Security groups"),
    ("Normalized CIDR field for security group rules", "security-groups-normalized-cidr", "The CIDR as it is applied"),
    ("Port filtering on security groups", "port-security-groups-filtering", "Ports found by security group"),
    ("IP address substring filtering", "ip-substring-filtering", "Ports found by a part of an address"),
    ("Neutron Service Type Management", "service-type", "Providers of services"),
    ("Sorting support", "sorting", "Sorted lists"),
    ("standard-attr-description", "standard-attr-description", "Descriptions of all nouns"),
    ("Resource revision numbers", "standard-attr-revisions", "A number that rises with each change"),
    ("Resource timestamps", "standard-attr-timestamp", "created_at and updated_at"),
    ("Tag support for resources with standard attribute", "standard-attr-tag", "Tags"),
    ("Stateful security group", "stateful-security-group", "Groups without connection tracking"),
    ("Subnet Allocation", "subnet_allocation", "Subnets cut out of pools"),
    ("Empty String Filtering Extension", "empty-string-filtering", "Filters by an empty text"),
)
EXTENSIONS: Mapping[str, dict[str, Any]] = {
    alias: {"name": name, "alias": alias, "description": text, "updated": "2026-01-01T00:00:00-00:00", "links": []}
    for name, alias, text in NAMES
}


def index(ctx: Ctx) -> Any:
    return {"extensions": list(EXTENSIONS.values())}


def show(ctx: Ctx, alias: str) -> Any:
    if alias not in EXTENSIONS:
        raise ExtensionNotFound(f"Extension with alias {alias} does not exist.", alias=alias)
    return {"extension": EXTENSIONS[alias]}


ROUTES = [
    Route("GET", "/v2.0/extensions", index, "get_extension"),
    Route("GET", "/v2.0/extensions/{alias}", show, "get_extension"),
]
