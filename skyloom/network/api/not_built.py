"""Calls that Neutron documents and Skyloom does not answer yet: 501, and a line each in the gap table."""

from collections.abc import Iterator
from typing import Any

from skyloom.errors import NotBuilt
from skyloom.network.service import NetworkService
from skyloom.web.context import Context
from skyloom.web.routes import Route


class NetworkCallNotBuilt(NotBuilt):
    code = "network.not_built"


def not_built(ctx: Context[NetworkService], **at: str) -> Any:
    raise NetworkCallNotBuilt(
        f"{ctx.request.method} {ctx.request.path} is not answered yet; docs/gaps.md lists what is missing."
    )


COLLECTIONS = {
    "rbac-policies": "rbac_policy",
    "address-scopes": "address_scope",
    "address-groups": "address_group",
    "trunks": "trunk",
    "qos/policies": "policy",
    "qos/policies/{id}/bandwidth_limit_rules": "policy_bandwidth_limit_rule",
    "qos/policies/{id}/dscp_marking_rules": "policy_dscp_marking_rule",
    "qos/policies/{id}/minimum_bandwidth_rules": "policy_minimum_bandwidth_rule",
    "qos/policies/{id}/minimum_packet_rate_rules": "policy_minimum_packet_rate_rule",
    "metering/metering-labels": "metering_label",
    "metering/metering-label-rules": "metering_label_rule",
    "segments": "segment",
    "network_segment_ranges": "network_segment_range",
    "flavors": "flavor",
    "service_profiles": "service_profile",
    "log/logs": "log",
    "local_ips": "local_ip",
    "ndp_proxies": "ndp_proxy",
    "default-security-group-rules": "default_security_group_rule",
    "floatingips/{id}/port_forwardings": "floatingip_port_forwarding",
    "bgp-speakers": "bgp_speaker",
    "bgp-peers": "bgp_peer",
    "vpn/vpnservices": "vpnservice",
    "vpn/ikepolicies": "ikepolicy",
    "vpn/ipsecpolicies": "ipsecpolicy",
    "vpn/endpoint-groups": "endpoint_group",
    "vpn/ipsec-site-connections": "ipsec_site_connection",
}
"""Path below /v2.0 -> Neutron's name for one of its things."""


def _routes() -> Iterator[Route]:
    for path, noun in COLLECTIONS.items():
        one = f"/v2.0/{path}/{{{'thing_id' if '{' in path else 'id'}}}"
        yield Route("GET", f"/v2.0/{path}", not_built, f"get_{noun}")
        yield Route("POST", f"/v2.0/{path}", not_built, f"create_{noun}")
        yield Route("GET", one, not_built, f"get_{noun}")
        yield Route("PUT", one, not_built, f"update_{noun}")
        yield Route("DELETE", one, not_built, f"delete_{noun}")


NOT_BUILT = [*_routes()]
