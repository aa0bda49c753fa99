"""What each noun of the Network API looks like on the wire: its attributes in the terms of `attributes`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from skyloom.network import errors, kinds
from skyloom.network.attributes import LATER, REQUIRED, Attribute, Resource, View
from skyloom.network.model import Port, Router, SecurityGroup, SecurityGroupRule

TEXT = kinds.text(255)
NAME = kinds.nullable_text(255)
ID_OR_NONE = kinds.or_none(kinds.id)
DNS_DOMAIN = "openstacklocal."
IPV6_MODES = (None, "slaac", "dhcpv6-stateful", "dhcpv6-stateless")
VNIC_TYPES = ("normal",)


def iso(at: datetime) -> str:
    return f"{at.isoformat()[:19]}Z"


def always(value: Any) -> Callable[[Any], Any]:
    return lambda thing: value


IDENTITY = (Attribute("id"),)
PROJECT = (
    Attribute("tenant_id", kinds.nullable_text(255), "project_id", create=True),
    Attribute("project_id", kinds.nullable_text(255), create=True),
)
NAMED = (Attribute("name", NAME, default="", create=True, update=True),)
DESCRIBED = (Attribute("description", NAME, default="", create=True, update=True),)
ENABLED = (Attribute("admin_state_up", kinds.boolean, default=True, create=True, update=True),)
ZONES = (
    Attribute("availability_zone_hints", kinds.listed(TEXT), default=[], create=True, column=False),
    Attribute("availability_zones", column=False, show=always([])),
)
HISTORY = (
    Attribute("created_at", filters=False, show=lambda thing: iso(thing.created_at)),
    Attribute("updated_at", filters=False, show=lambda thing: iso(thing.updated_at)),
    Attribute("revision_number", kinds.whole(0, 2**62)),
)
TAGS = (Attribute("tags", column=False),)
NO_QOS = (
    Attribute("qos_policy_id", kinds.nothing, default=None, create=True, update=True, column=False, show=always(None)),
)


def _provider(name: str, kind: kinds.Kind) -> Attribute:
    return Attribute(f"provider:{name}", kind, f"provider_{name}", default=None, create=True, asks=True, guarded=True)


NETWORK = Resource(
    "network",
    "networks",
    "networks",
    errors.NetworkNotFound,
    (
        *IDENTITY,
        *NAMED,
        *PROJECT,
        *ENABLED,
        Attribute("mtu", kinds.whole(0, 2**31 - 1), default=LATER, create=True, update=True),
        Attribute("status"),
        Attribute("subnets", column=False, show=lambda network: list(network.subnet_ids)),
        Attribute("shared", kinds.boolean, "is_shared", default=False, create=True, update=True, asks=True),
        *ZONES,
        Attribute("ipv4_address_scope", column=False, show=always(None)),
        Attribute("ipv6_address_scope", column=False, show=always(None)),
        Attribute("router:external", kinds.boolean, "is_external", default=False, create=True, update=True, asks=True),
        *DESCRIBED,
        *NO_QOS,
        Attribute("port_security_enabled", kinds.boolean, default=True, create=True, update=True, asks=True),
        Attribute("dns_domain", kinds.dns_domain, default="", create=True, update=True),
        Attribute("is_default", kinds.boolean, default=False, create=True, update=True, asks=True),
        _provider("network_type", kinds.or_none(kinds.one_of(("geneve", "flat", "vlan")))),
        _provider("physical_network", kinds.or_none(TEXT)),
        _provider("segmentation_id", kinds.or_none(kinds.whole(0, 2**24 - 1))),
        *TAGS,
        *HISTORY,
    ),
)

SUBNET = Resource(
    "subnet",
    "subnets",
    "subnets",
    errors.SubnetNotFound,
    (
        *IDENTITY,
        *NAMED,
        *PROJECT,
        Attribute("network_id", kinds.id, default=REQUIRED, create=True),
        Attribute("ip_version", kinds.or_none(kinds.whole(4, 6)), default=None, create=True),
        Attribute("subnetpool_id", kinds.or_none(TEXT), default=None, create=True),
        Attribute("use_default_subnetpool", kinds.boolean, default=False, create=True, hidden=True),
        Attribute("prefixlen", kinds.or_none(kinds.whole(0, 128)), default=None, create=True, hidden=True),
        Attribute("cidr", kinds.or_none(kinds.cidr), default=None, create=True),
        Attribute("gateway_ip", kinds.or_none(kinds.address), default=LATER, create=True, update=True),
        Attribute(
            "allocation_pools",
            kinds.listed(kinds.pool, unique=False),
            default=LATER,
            create=True,
            update=True,
            column=False,
        ),
        Attribute(
            "dns_nameservers",
            kinds.listed(kinds.address, max_items=5),
            default=[],
            create=True,
            update=True,
            column=False,
        ),
        Attribute(
            "host_routes", kinds.listed(kinds.route, max_items=20), default=[], create=True, update=True, column=False
        ),
        Attribute("enable_dhcp", kinds.boolean, default=True, create=True, update=True),
        Attribute("ipv6_ra_mode", kinds.one_of(IPV6_MODES), default=None, create=True),
        Attribute("ipv6_address_mode", kinds.one_of(IPV6_MODES), default=None, create=True),
        Attribute("dns_publish_fixed_ip", kinds.boolean, default=False, create=True, update=True),
        Attribute("service_types", kinds.nothing_listed, default=[], create=True, update=True, column=False),
        Attribute("segment_id", kinds.nothing, default=None, create=True, column=False, show=always(None)),
        Attribute("shared", kinds.boolean, "is_shared", hidden=True),
        *DESCRIBED,
        *TAGS,
        *HISTORY,
    ),
)


def _prefixlen(name: str) -> Attribute:
    """Neutron writes the lengths of pools as text."""
    return Attribute(name, kinds.whole(0, 128), create=True, update=True, show=lambda pool: str(getattr(pool, name)))


SUBNETPOOL = Resource(
    "subnetpool",
    "subnetpools",
    "subnetpools",
    errors.SubnetPoolNotFound,
    (
        *IDENTITY,
        Attribute("name", TEXT, default=REQUIRED, create=True, update=True),
        *PROJECT,
        Attribute(
            "prefixes", kinds.one_or_listed(kinds.cidr), default=REQUIRED, create=True, update=True, column=False
        ),
        Attribute("default_quota", kinds.or_none(kinds.whole(0, 2**31)), default=None, create=True, update=True),
        Attribute("ip_version", kinds.whole(4, 6)),
        _prefixlen("min_prefixlen"),
        _prefixlen("max_prefixlen"),
        _prefixlen("default_prefixlen"),
        Attribute("shared", kinds.boolean, "is_shared", default=False, create=True, asks=True),
        Attribute("is_default", kinds.boolean, default=False, create=True, update=True, asks=True),
        Attribute(
            "address_scope_id", kinds.nothing, default=None, create=True, update=True, column=False, show=always(None)
        ),
        *DESCRIBED,
        *TAGS,
        *HISTORY,
    ),
)


def dns_assignment(port: Port) -> list[dict[str, str]]:
    return [_dns_assignment(port.dns_name, ip.ip_address) for ip in port.fixed_ips]


def _dns_assignment(dns_name: str, ip: str) -> dict[str, str]:
    name = dns_name or f"host-{ip.replace('.', '-').replace(':', '-')}"
    return {"hostname": name, "ip_address": ip, "fqdn": f"{name}.{DNS_DOMAIN}"}


def vif_type(port: Port) -> str:
    return "ovs" if port.host_id else "unbound"


def vif_details(port: Port) -> dict[str, Any]:
    if not port.host_id:
        return {}
    return {"port_filter": True, "connectivity": "l2", "bound_drivers": {"0": "ovn"}}


PORT = Resource(
    "port",
    "ports",
    "ports",
    errors.PortNotFound,
    (
        *IDENTITY,
        *NAMED,
        Attribute("network_id", kinds.id, default=REQUIRED, create=True),
        *PROJECT,
        Attribute("mac_address", kinds.mac, default=LATER, create=True, update=True, asks=True),
        *ENABLED,
        Attribute("status"),
        Attribute("device_id", kinds.nullable_text(255), default="", create=True, update=True),
        Attribute(
            "device_owner",
            kinds.nullable_text(255),
            default="",
            create=True,
            update=True,
            asks=True,
            asks_for=lambda owner: owner.startswith("network:"),
        ),
        Attribute("fixed_ips", kinds.listed(kinds.fixed_ip, unique=False), create=True, update=True, column=False),
        Attribute(
            "security_groups",
            kinds.listed(kinds.id),
            "security_group_ids",
            create=True,
            update=True,
            column=False,
        ),
        Attribute("port_security_enabled", kinds.boolean, create=True, update=True, asks=True),
        Attribute(
            "allowed_address_pairs",
            kinds.listed(kinds.address_pair),
            default=[],
            create=True,
            update=True,
            asks=True,
            column=False,
        ),
        Attribute(
            "extra_dhcp_opts", kinds.nothing_listed, default=[], create=True, update=True, column=False, show=always([])
        ),
        Attribute(
            "binding:vnic_type", kinds.one_of(VNIC_TYPES), "vnic_type", default="normal", create=True, update=True
        ),
        Attribute("binding:host_id", NAME, "host_id", default="", create=True, update=True, asks=True, guarded=True),
        Attribute(
            "binding:profile",
            kinds.mapping,
            "binding_profile",
            default={},
            create=True,
            update=True,
            asks=True,
            guarded=True,
            column=False,
        ),
        Attribute("binding:vif_type", column=False, guarded=True, show=vif_type),
        Attribute("binding:vif_details", column=False, guarded=True, show=vif_details),
        Attribute("dns_name", kinds.dns_name, default="", create=True, update=True),
        Attribute("dns_assignment", column=False, show=dns_assignment),
        *DESCRIBED,
        *NO_QOS,
        *TAGS,
        *HISTORY,
    ),
)


def external_gateway_info(router: Router) -> dict[str, Any] | None:
    if router.gateway_network_id is None:
        return None
    return {
        "network_id": router.gateway_network_id,
        "enable_snat": router.enable_snat,
        "external_fixed_ips": router.gateway_ips or [],
    }


ROUTER = Resource(
    "router",
    "routers",
    "routers",
    errors.RouterNotFound,
    (
        *IDENTITY,
        *NAMED,
        *PROJECT,
        *ENABLED,
        Attribute("status"),
        Attribute(
            "external_gateway_info",
            kinds.gateway_info,
            default=None,
            create=True,
            update=True,
            column=False,
            show=external_gateway_info,
        ),
        Attribute("routes", kinds.listed(kinds.route), default=[], update=True, column=False),
        *ZONES,
        *DESCRIBED,
        *TAGS,
        *HISTORY,
    ),
)

FLOATINGIP = Resource(
    "floatingip",
    "floatingips",
    "floatingips",
    errors.FloatingIPNotFound,
    (
        *IDENTITY,
        *PROJECT,
        Attribute("floating_ip_address", kinds.or_none(kinds.address), default=None, create=True, asks=True),
        Attribute("floating_network_id", kinds.id, default=REQUIRED, create=True),
        Attribute("subnet_id", ID_OR_NONE, default=None, create=True, hidden=True, column=False),
        Attribute("router_id"),
        Attribute("port_id", ID_OR_NONE, default=None, create=True, update=True),
        Attribute("fixed_ip_address", kinds.or_none(kinds.address), default=None, create=True, update=True),
        Attribute("status"),
        Attribute("dns_domain", kinds.dns_domain, default="", create=True),
        Attribute("dns_name", kinds.dns_name, default="", create=True),
        *DESCRIBED,
        *NO_QOS,
        *TAGS,
        *HISTORY,
    ),
)


def normalized_cidr(rule: SecurityGroupRule) -> str | None:
    return None if rule.remote_ip_prefix is None else kinds.address_or_cidr(rule.remote_ip_prefix)


SECURITY_GROUP_RULE = Resource(
    "security_group_rule",
    "security_group_rules",
    "security-group-rules",
    errors.SecurityGroupRuleNotFound,
    (
        *IDENTITY,
        *PROJECT,
        Attribute("security_group_id", kinds.id, default=REQUIRED, create=True),
        Attribute("direction", kinds.one_of(("ingress", "egress")), default=REQUIRED, create=True),
        Attribute("ethertype", kinds.one_of(("IPv4", "IPv6")), default="IPv4", create=True),
        Attribute("protocol", kinds.read_only, default=None, create=True),
        Attribute("port_range_min", kinds.or_none(kinds.whole(-(2**31), 2**31)), default=None, create=True),
        Attribute("port_range_max", kinds.or_none(kinds.whole(-(2**31), 2**31)), default=None, create=True),
        Attribute("remote_ip_prefix", kinds.or_none(kinds.prefix), default=None, create=True),
        Attribute("remote_group_id", kinds.or_none(TEXT), default=None, create=True),
        Attribute("remote_address_group_id", kinds.nothing, default=None, create=True, column=False, show=always(None)),
        Attribute("normalized_cidr", column=False, show=normalized_cidr),
        Attribute("belongs_to_default_sg", column=False, hidden=True),
        *DESCRIBED,
        *HISTORY,
    ),
)

WHOLE_RULE = View(SECURITY_GROUP_RULE.visible)


def rules_of(group: SecurityGroup) -> list[dict[str, Any]]:
    return [WHOLE_RULE(rule) for rule in group.rules]


SECURITY_GROUP = Resource(
    "security_group",
    "security_groups",
    "security-groups",
    errors.SecurityGroupNotFound,
    (
        *IDENTITY,
        Attribute("name", TEXT, default="", create=True, update=True),
        *PROJECT,
        *DESCRIBED,
        Attribute("stateful", kinds.boolean, default=True, create=True, update=True),
        Attribute("security_group_rules", column=False, show=rules_of),
        Attribute("shared", column=False, show=always(False)),
        *TAGS,
        *HISTORY,
    ),
)

ALL = (NETWORK, SUBNET, SUBNETPOOL, PORT, ROUTER, FLOATINGIP, SECURITY_GROUP, SECURITY_GROUP_RULE)
