"""Networks: what a server needs is made first, and taken down after the servers are gone."""

from collections.abc import Mapping
from typing import Any

from tests.rules.walk import Call, Walk

TAGGED = ("networks", "subnets", "subnetpools", "ports", "routers", "floatingips", "security-groups")
KNOWN = {name: f"{{{name.replace('-', '_').rstrip('s')}_id}}" for name in TAGGED} | {
    "security-group-rules": "{rule_id}"
}


def _made(
    noun: str, plural: str, body: Mapping[str, Any], change: Mapping[str, Any] | None = None, who: str = "demo"
) -> list[Call]:
    many, one, at = f"/v2.0/{plural}", f"/v2.0/{plural}/{{id}}", {"id": KNOWN[plural]}
    calls = [
        Call(f"POST {many}", {noun: dict(body)}, {KNOWN[plural][1:-1]: f"{noun}.id"}, who=who),
        Call(f"GET {many}", who=who),
        Call(f"GET {one}", at=at, who=who),
    ]
    return calls if change is None else [*calls, Call(f"PUT {one}", {noun: dict(change)}, at=at, who=who)]


def _tagged(plural: str) -> list[Call]:
    many = f"/v2.0/{plural}/{{id}}/tags"
    one, at = f"{many}/{{tag}}", {"id": KNOWN[plural], "tag": "walked"}
    return [
        Call(f"PUT {many}", {"tags": ["first", "second"]}, at=at),
        Call(f"GET {many}", at=at),
        Call(f"PUT {one}", at=at),
        Call(f"GET {one}", at=at),
        Call(f"DELETE {one}", at=at),
        Call(f"DELETE {many}", at=at),
    ]


def _deleted(plural: str) -> Call:
    return Call(f"DELETE /v2.0/{plural}/{{id}}", at={"id": KNOWN[plural]})


ROUTER = {"id": "{router_id}"}
QUOTA = "/v2.0/quotas/{project_id}"
OWN = {"project_id": "{demo_project}"}
ROUTES = {"router": {"routes": [{"destination": "10.99.0.0/24", "nexthop": "10.20.0.9"}]}}
RULE = {"security_group_id": "{security_group_id}", "direction": "ingress", "protocol": "tcp", "port_range_min": 22,
        "port_range_max": 22}  # fmt: skip

FIRST = Walk(
    "network",
    [
        Call("GET /", who=""),
        Call("GET /v2.0", who=""),
        Call("GET /v2.0/extensions"),
        Call("GET /v2.0/extensions/{alias}", at={"alias": "router"}),
        *_made("network", "networks", {"name": "walk"}, {"description": "changed"}),
        *_made(
            "subnet",
            "subnets",
            {"network_id": "{network_id}", "ip_version": 4, "cidr": "10.20.0.0/24"},
            {"name": "walked"},
        ),
        *_made("subnetpool", "subnetpools", {"name": "walk", "prefixes": ["10.30.0.0/16"]}, {"name": "walked"}),
        *_made("security_group", "security-groups", {"name": "walk"}, {"description": "changed"}),
        *_made("security_group_rule", "security-group-rules", RULE),
        *_made("port", "ports", {"network_id": "{network_id}"}, {"name": "walked"}),
        Call(
            "GET /v2.0/networks", keep={"public_id": "networks.0.id"}, query="?router:external=true", variant="external"
        ),
        *_made(
            "router", "routers", {"name": "walk", "external_gateway_info": {"network_id": "{public_id}"}}, {"name": "w"}
        ),
        Call("PUT /v2.0/routers/{id}/add_router_interface", {"subnet_id": "{subnet_id}"}, at=ROUTER),
        Call("PUT /v2.0/routers/{id}/add_extraroutes", ROUTES, at=ROUTER),
        Call("PUT /v2.0/routers/{id}/remove_extraroutes", ROUTES, at=ROUTER),
        *_made("floatingip", "floatingips", {"floating_network_id": "{public_id}"}, {"port_id": "{port_id}"}),
        *[call for plural in TAGGED for call in _tagged(plural)],
        Call("GET /v2.0/quotas", who="admin"),
        Call(f"GET {QUOTA}", at=OWN),
        Call(f"GET {QUOTA}/default", at=OWN),
        Call(f"GET {QUOTA}/details", at=OWN),
        Call(f"GET {QUOTA}/details.json", at=OWN),
        Call(f"PUT {QUOTA}", {"quota": {"network": 50}}, at=OWN, who="admin"),
        Call(f"DELETE {QUOTA}", at=OWN, who="admin"),
        Call("GET /v2.0/availability_zones"),
        Call("GET /v2.0/service-providers"),
        Call("GET /v2.0/agents", who="admin"),
        Call("GET /v2.0/network-ip-availabilities", who="admin"),
        Call("GET /v2.0/network-ip-availabilities/{id}", at={"id": "{network_id}"}, who="admin"),
    ],
)
LAST = Walk(
    "network",
    [
        _deleted("floatingips"),
        Call("PUT /v2.0/routers/{id}/remove_router_interface", {"subnet_id": "{subnet_id}"}, at=ROUTER),
        _deleted("routers"),
        _deleted("ports"),
        _deleted("security-group-rules"),
        _deleted("security-groups"),
        _deleted("subnetpools"),
        _deleted("subnets"),
        _deleted("networks"),
    ],
)
