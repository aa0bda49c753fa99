"""Security group rules and DHCP options as OVN is told them."""

import pytest

from skyloom.network.drivers.contract import RuleSpec
from skyloom.network.drivers.ovn.security_groups import match_of

GROUP = "11111111-2222-3333-4444-555555555555"
FRIENDS = "66666666-7777-8888-9999-000000000000"
IN = "outport == @pg_11111111_2222_3333_4444_555555555555"
OUT = "inport == @pg_11111111_2222_3333_4444_555555555555"


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({}, f"{IN} && ip4"),
        ({"direction": "egress", "ethertype": "IPv6"}, f"{OUT} && ip6"),
        ({"protocol": "any"}, f"{IN} && ip4"),
        ({"protocol": "tcp"}, f"{IN} && ip4 && tcp"),
        ({"protocol": "6", "port_range_min": 22, "port_range_max": 22}, f"{IN} && ip4 && tcp && tcp.dst == 22"),
        (
            {"protocol": "UDP", "port_range_min": 1, "port_range_max": 9},
            f"{IN} && ip4 && udp && udp.dst >= 1 && udp.dst <= 9",
        ),
        ({"protocol": "icmp"}, f"{IN} && ip4 && icmp4"),
        ({"protocol": "icmp", "port_range_min": 8}, f"{IN} && ip4 && icmp4 && icmp4.type == 8"),
        (
            {"protocol": "1", "port_range_min": 3, "port_range_max": 0},
            f"{IN} && ip4 && icmp4 && icmp4.type == 3 && icmp4.code == 0",
        ),
        ({"protocol": "ipv6-icmp", "ethertype": "IPv6"}, f"{IN} && ip6 && icmp6"),
        ({"protocol": "vrrp"}, f"{IN} && ip4 && ip.proto == 112"),
        ({"protocol": "250"}, f"{IN} && ip4 && ip.proto == 250"),
        ({"remote_ip_prefix": "0.0.0.0/0"}, f"{IN} && ip4"),
        ({"remote_ip_prefix": "10.0.0.5/24"}, f"{IN} && ip4 && ip4.src == 10.0.0.0/24"),
        (
            {"direction": "egress", "remote_ip_prefix": "fd00::/8", "ethertype": "IPv6"},
            f"{OUT} && ip6 && ip6.dst == fd00::/8",
        ),
        (
            {"remote_group_id": FRIENDS, "protocol": "tcp"},
            f"{IN} && ip4 && ip4.src == $pg_66666666_7777_8888_9999_000000000000_ip4 && tcp",
        ),
    ],
)
def test_a_rule_is_told_as_a_match(fields: dict[str, object], match: str):
    rule = RuleSpec(**{"id": "r", "direction": "ingress", "ethertype": "IPv4", **fields})
    assert match_of(rule, GROUP) == match
