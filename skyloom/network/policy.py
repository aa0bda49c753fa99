"""Who may do what with networks: Neutron's policy names and defaults.

What a caller may see at all is decided by the queries (`service.collection`); another project's private thing is not
found before any rule is asked. Targets hold `project_id` and, for what lies on a network, `network:project_id`.
"""

ADMIN = "role:admin"
MEMBER = "role:admin or (role:member and project_id:%(project_id)s)"
READER = "role:admin or (role:reader and project_id:%(project_id)s)"
NET_OWNER = "role:admin or (role:member and project_id:%(network:project_id)s)"
NET_OWNER_READER = "role:admin or (role:reader and project_id:%(network:project_id)s)"
EITHER_MEMBER = f"{MEMBER} or (role:member and project_id:%(network:project_id)s)"
EITHER_READER = f"{READER} or (role:reader and project_id:%(network:project_id)s)"
ANYONE = "role:admin or role:reader"


def _crud(noun: str, write: str = MEMBER, read: str = READER) -> dict[str, str]:
    return {
        f"create_{noun}": write,
        f"get_{noun}": read,
        f"update_{noun}": write,
        f"delete_{noun}": write,
    }


def _admin(noun: str, *names: str, verbs: tuple[str, ...] = ("create", "update")) -> dict[str, str]:
    return {f"{verb}_{noun}:{name}": ADMIN for verb in verbs for name in names}


PROVIDER = ("provider:network_type", "provider:physical_network", "provider:segmentation_id")

RULES: dict[str, str] = {
    **_crud("network", read=ANYONE),
    **_admin("network", "shared", "router:external", "is_default"),
    "create_network:port_security_enabled": MEMBER,
    "update_network:port_security_enabled": MEMBER,
    **_admin("network", *PROVIDER, verbs=("create", "get", "update")),
    **_crud("subnet", NET_OWNER, ANYONE),
    "create_subnet": NET_OWNER,
    "update_subnet": EITHER_MEMBER,
    "delete_subnet": EITHER_MEMBER,
    **_crud("subnetpool", read=ANYONE),
    **_admin("subnetpool", "shared", "is_default"),
    **_crud("port", read=EITHER_READER),
    "delete_port": EITHER_MEMBER,
    "update_port": EITHER_MEMBER,
    "create_port:device_owner": NET_OWNER,
    "update_port:device_owner": NET_OWNER,
    "create_port:mac_address": NET_OWNER,
    "update_port:mac_address": ADMIN,
    "create_port:fixed_ips:ip_address": NET_OWNER,
    "update_port:fixed_ips:ip_address": NET_OWNER,
    "create_port:port_security_enabled": NET_OWNER,
    "update_port:port_security_enabled": NET_OWNER,
    "create_port:allowed_address_pairs": NET_OWNER,
    "update_port:allowed_address_pairs": NET_OWNER,
    **_admin("port", "binding:host_id", "binding:profile", verbs=("create", "get", "update")),
    **_admin("port", "binding:vif_type", "binding:vif_details", verbs=("get",)),
    **_crud("router"),
    "create_router:external_gateway_info": MEMBER,
    "update_router:external_gateway_info": MEMBER,
    **_admin("router", "external_gateway_info:enable_snat", "external_gateway_info:external_fixed_ips"),
    "add_router_interface": MEMBER,
    "remove_router_interface": MEMBER,
    "add_extraroutes": MEMBER,
    "remove_extraroutes": MEMBER,
    **_crud("floatingip"),
    "create_floatingip:floating_ip_address": ADMIN,
    **_crud("security_group"),
    "create_security_group_rule": MEMBER,
    "get_security_group_rule": READER,
    "delete_security_group_rule": MEMBER,
    "get_quota": ADMIN,
    "get_quota:own": READER,
    "update_quota": ADMIN,
    "delete_quota": ADMIN,
    "get_availability_zone": ANYONE,
    "get_service_provider": ANYONE,
    "get_agent": ADMIN,
    "get_network_ip_availability": ADMIN,
    "get_extension": ANYONE,
}
for _noun in ("network", "subnet", "subnetpool", "port", "router", "floatingip", "security_group"):
    _write = EITHER_MEMBER if _noun in ("subnet", "port") else MEMBER
    RULES[f"get_{_noun}:tags"] = RULES[f"get_{_noun}"]
    RULES[f"create_{_noun}:tags"] = _write
    RULES[f"update_{_noun}:tags"] = _write
    RULES[f"delete_{_noun}:tags"] = _write

# What is not built yet shows and changes nothing: who may ask is told that it is not there.
for _noun in (
    "rbac_policy",
    "address_scope",
    "address_group",
    "trunk",
    "policy",
    "policy_bandwidth_limit_rule",
    "policy_dscp_marking_rule",
    "policy_minimum_bandwidth_rule",
    "policy_minimum_packet_rate_rule",
    "metering_label",
    "metering_label_rule",
    "segment",
    "network_segment_range",
    "flavor",
    "service_profile",
    "log",
    "local_ip",
    "ndp_proxy",
    "default_security_group_rule",
    "floatingip_port_forwarding",
    "bgp_speaker",
    "bgp_peer",
    "vpnservice",
    "ikepolicy",
    "ipsecpolicy",
    "endpoint_group",
    "ipsec_site_connection",
):
    RULES |= _crud(_noun, write="role:admin or role:member", read=ANYONE)
