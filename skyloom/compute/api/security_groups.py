"""/os-security-groups and /os-security-group-rules (to 2.35), and the groups of a server."""

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from skyloom.compute.api.server_bodies import is_uuid
from skyloom.compute.compute import ComputeService
from skyloom.compute.errors import RequestInvalid
from skyloom.network import SecurityGroup, SecurityGroupRule
from skyloom.web.context import Context
from skyloom.web.routes import Route

Ctx = Context[ComputeService]
View = dict[str, Any]
ANYWHERE = {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}
PROTOCOLS = ("tcp", "udp", "icmp")


class GroupBody(Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=255)]
    description: Annotated[str, Meta(max_length=255)] | None = None


class Group(Struct, forbid_unknown_fields=True):
    security_group: GroupBody


class RuleBody(Struct, forbid_unknown_fields=True, kw_only=True):
    parent_group_id: str | int
    ip_protocol: str | None = None
    from_port: int | str | None = None
    to_port: int | str | None = None
    cidr: str | None = None
    group_id: str | None = None


class Rule(Struct, forbid_unknown_fields=True):
    security_group_rule: RuleBody


def view(group: SecurityGroup, names: Mapping[str, SecurityGroup]) -> View:
    return {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "tenant_id": group.project_id,
        "rules": [rule_view(rule, names) for rule in group.rules if rule.direction == "ingress"],
    }


def rule_view(rule: SecurityGroupRule, names: Mapping[str, SecurityGroup]) -> View:
    """Compute showed what comes in only, and ports of 1 to 65535 or -1 where the network shows none."""
    least, most = rule.port_range_min, rule.port_range_max
    if least is None and rule.protocol in ("tcp", "udp"):
        least, most = 1, 65535
    if least is None and rule.protocol == "icmp":
        least, most = -1, -1
    remote = names.get(rule.remote_group_id or "")
    cidr = rule.remote_ip_prefix or ANYWHERE.get(rule.ethertype, "")
    return {
        "id": rule.id,
        "parent_group_id": rule.security_group_id,
        "ip_protocol": rule.protocol,
        "from_port": least,
        "to_port": most,
        "group": {} if remote is None else {"name": remote.name, "tenant_id": remote.project_id},
        "ip_range": {} if rule.remote_group_id is not None else {"cidr": cidr},
    }


def _names(ctx: Ctx, *groups: SecurityGroup) -> dict[str, SecurityGroup]:
    """The groups that rules name, as far as they are the project's own."""
    return _remote(ctx, {rule.remote_group_id for group in groups for rule in group.rules})


def _remote(ctx: Ctx, ids: set[str | None]) -> dict[str, SecurityGroup]:
    wanted = sorted(id for id in ids if id is not None)
    return {group.id: group for group in ctx.service.security_groups.list(ctx.caller, wanted)} if wanted else {}


def index(ctx: Ctx) -> View:
    groups = ctx.service.security_groups.list(ctx.caller)
    names = {group.id: group for group in groups}
    return {"security_groups": [view(group, names) for group in sorted(groups, key=lambda each: each.name)]}


def show(ctx: Ctx, group_id: str) -> View:
    _check_id(group_id)
    group = ctx.service.security_groups.get(ctx.caller, group_id)
    return {"security_group": view(group, _names(ctx, group))}


def create(ctx: Ctx, body: Group) -> View:
    new = body.security_group
    group = ctx.service.security_groups.create(ctx.caller, new.name, new.description or "")
    return {"security_group": view(group, {})}


def update(ctx: Ctx, body: Group, group_id: str) -> View:
    _check_id(group_id)
    new = body.security_group
    group = ctx.service.security_groups.update(ctx.caller, group_id, new.name, new.description)
    return {"security_group": view(group, _names(ctx, group))}


def delete(ctx: Ctx, group_id: str) -> None:
    _check_id(group_id)
    ctx.service.security_groups.delete(ctx.caller, group_id)


def create_rule(ctx: Ctx, body: Rule) -> View:
    new = body.security_group_rule
    group_id = str(new.parent_group_id)
    _check_id(group_id)
    group = ctx.service.security_groups.get(ctx.caller, group_id)
    rule = ctx.service.security_groups.add_rule(ctx.caller, _rule(new, group.id))
    return {"security_group_rule": rule_view(rule, _remote(ctx, {rule.remote_group_id}))}


def _rule(new: RuleBody, group_id: str) -> dict[str, Any]:
    protocol = None if new.ip_protocol is None else new.ip_protocol.lower()
    if protocol is not None and protocol not in PROTOCOLS:
        raise RequestInvalid(f"Invalid IP protocol {new.ip_protocol}.", field="ip_protocol")
    if protocol is None and new.group_id is None:
        raise RequestInvalid("Invalid IP protocol None; give tcp, udp or icmp.", field="ip_protocol")
    least, most = _port("from_port", new.from_port), _port("to_port", new.to_port)
    if least is not None and most is not None and least > most:
        raise RequestInvalid(f"Invalid port range {least}:{most}. Former value cannot be greater than the later")
    cidr = None if new.group_id is not None else _cidr(new.cidr)
    return {
        "security_group_id": group_id,
        "direction": "ingress",
        "ethertype": "IPv6" if cidr is not None and ":" in cidr else "IPv4",
        "protocol": protocol,
        "port_range_min": least,
        "port_range_max": most,
        "remote_ip_prefix": cidr,
        "remote_group_id": new.group_id,
    }


def _cidr(text: str | None) -> str:
    """Everywhere in IPv4 unless told; kept as it was written, as Nova does."""
    asked = text or ANYWHERE["IPv4"]
    try:
        network = ipaddress.ip_network(asked, strict=False)
    except ValueError as error:
        raise RequestInvalid(f"Invalid CIDR {text}; write it as 10.0.0.0/8.", field="cidr") from error
    return asked if "/" in asked else str(network)


def _port(name: str, value: int | str | None) -> int | None:
    """-1 means all."""
    if value is None:
        return None
    try:
        port = int(value)
    except ValueError as error:
        raise RequestInvalid(f"Input parameters: {name} {value!r} is no whole number.", field=name) from error
    if not -1 <= port <= 65535:
        raise RequestInvalid(f"Invalid port {port}: it must be -1 to 65535.", field=name)
    return None if port == -1 else port


def delete_rule(ctx: Ctx, rule_id: str) -> None:
    _check_id(rule_id)
    ctx.service.security_groups.delete_rule(ctx.caller, rule_id)


def of_server(ctx: Ctx, server_id: str) -> View:
    groups = ctx.service.security_groups.of_server(ctx.caller, server_id)
    names = _names(ctx, *groups)
    return {"security_groups": [view(group, names) for group in groups]}


def _check_id(group_id: str) -> None:
    if not is_uuid(group_id):
        raise RequestInvalid("Security group id should be uuid", field="security_group_id")


LAST = (2, 35)
RULE = "os_compute_api:os-security-groups"
GROUPS = "/v2.1/os-security-groups"
RULES = "/v2.1/os-security-group-rules"
ROUTES = [
    Route("GET", GROUPS, index, f"{RULE}:get", until=LAST),
    Route("POST", GROUPS, create, f"{RULE}:create", Group, until=LAST),
    Route("GET", f"{GROUPS}/{{group_id}}", show, f"{RULE}:show", until=LAST),
    Route("PUT", f"{GROUPS}/{{group_id}}", update, f"{RULE}:update", Group, until=LAST),
    Route("DELETE", f"{GROUPS}/{{group_id}}", delete, f"{RULE}:delete", status=202, until=LAST),
    Route("POST", RULES, create_rule, f"{RULE}:rule:create", Rule, until=LAST),
    Route("DELETE", f"{RULES}/{{rule_id}}", delete_rule, f"{RULE}:rule:delete", status=202, until=LAST),
    Route("GET", "/v2.1/servers/{server_id}/os-security-groups", of_server, f"{RULE}:list"),
]
