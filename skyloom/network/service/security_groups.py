"""Security groups and their rules. Every project has a group "default", made when it is first needed."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from skyloom.access import SYSTEM, Caller
from skyloom.db import Sql, Tx
from skyloom.network import addresses, store
from skyloom.network.errors import (
    SecurityGroupCannotRemoveDefault,
    SecurityGroupCannotUpdateDefault,
    SecurityGroupDefaultAlreadyExists,
    SecurityGroupInUse,
    SecurityGroupNotFound,
    SecurityGroupRuleExists,
    SecurityGroupRuleInvalid,
)
from skyloom.network.kinds import address_or_cidr
from skyloom.network.model import SecurityGroup, SecurityGroupRule
from skyloom.network.resources import SECURITY_GROUP, SECURITY_GROUP_RULE, normalized_cidr
from skyloom.network.service.collection import Collection, Query
from skyloom.network.service.core import Core
from skyloom.network.store import security_groups as group_store

DEFAULT = "default"
PROTOCOLS: Mapping[str, int] = {
    "ah": 51,
    "dccp": 33,
    "egp": 8,
    "esp": 50,
    "gre": 47,
    "icmp": 1,
    "icmpv6": 58,
    "igmp": 2,
    "ipip": 4,
    "ipv6-encap": 41,
    "ipv6-frag": 44,
    "ipv6-icmp": 58,
    "ipv6-nonxt": 59,
    "ipv6-opts": 60,
    "ipv6-route": 43,
    "ospf": 89,
    "pgm": 113,
    "rsvp": 46,
    "sctp": 132,
    "tcp": 6,
    "udp": 17,
    "udplite": 136,
    "vrrp": 112,
}
WITH_PORTS = {6, 17, 33, 132, 136}
ICMP = {1, 58}
ONLY_IPV6 = {41, 43, 44, 59, 60, 58}


def ensure_default_group(core: Core, tx: Tx, project_id: str) -> str | None:
    """The id of the project's default group, made with its four rules if it was not there. None for no project."""
    if not project_id:
        return None
    found = group_store.default_of(tx, project_id)
    if found is not None:
        return found
    id = str(uuid4())
    if not group_store.take_default(tx, project_id, id):
        return group_store.default_of(tx, project_id)
    _add_group(core, tx, id, project_id, {"name": DEFAULT, "description": "Default security group"}, is_default=True)
    return id


def _add_group(
    core: Core, tx: Tx, id: str, project_id: str, values: Mapping[str, Any], is_default: bool = False
) -> SecurityGroup:
    now = core.now()
    group = SecurityGroup(
        id=id,
        project_id=project_id,
        name=values["name"],
        description=values["description"],
        stateful=values.get("stateful", True),
        is_default=is_default,
        tags=[],
        revision_number=1,
        created_at=now,
        updated_at=now,
    )
    store.SECURITY_GROUPS.add(tx, group)
    count = core.count if is_default else core.claim
    count(tx, project_id, "security_group")
    blank = SECURITY_GROUP_RULE.with_defaults({})
    for ethertype in ("IPv4", "IPv6"):
        count(tx, project_id, "security_group_rule", 2 if is_default else 1)
        _add_rule(core, tx, group, {**blank, "direction": "egress", "ethertype": ethertype})
        if is_default:
            own = {**blank, "direction": "ingress", "ethertype": ethertype, "remote_group_id": id}
            _add_rule(core, tx, group, own)
    core.changed(tx, ("security_group", id))
    return group


def _add_rule(core: Core, tx: Tx, group: SecurityGroup, full: Mapping[str, Any]) -> SecurityGroupRule:
    now = core.now()
    rule = SecurityGroupRule(
        id=str(uuid4()),
        project_id=group.project_id,
        description=full["description"],
        security_group_id=group.id,
        direction=full["direction"],
        ethertype=full["ethertype"],
        protocol=full["protocol"],
        port_range_min=full["port_range_min"],
        port_range_max=full["port_range_max"],
        remote_ip_prefix=full["remote_ip_prefix"],
        remote_group_id=full["remote_group_id"],
        revision_number=1,
        created_at=now,
        updated_at=now,
    )
    store.SECURITY_GROUP_RULES.add(tx, rule)
    return rule


class SecurityGroups(Collection[SecurityGroup]):
    resource = SECURITY_GROUP

    def __init__(self, core: Core):
        super().__init__(core, store.SECURITY_GROUPS)

    def list(self, caller: Caller, query: Query) -> Sequence[SecurityGroup]:
        projects = query.filters.get("project_id") or [caller.project_id]
        for project_id in projects:
            if project_id == caller.project_id or caller.is_admin:
                self.ensure_default(project_id)
        return super().list(caller, query)

    def ensure_default(self, project_id: str | None) -> None:
        if project_id and group_store.default_of(self.core.db.read(), project_id) is None:
            with self.core.db.begin(SYSTEM) as tx:
                ensure_default_group(self.core, tx, project_id)

    def create(self, caller: Caller, bodies: Sequence[Mapping[str, Any]]) -> Sequence[SecurityGroup]:
        ids: list[str] = []
        with self.core.db.begin(caller) as tx:
            for values in bodies:
                project_id = self.core.owner(caller, values)
                self.resource.require_new(self.core.policy, caller, values, {"project_id": project_id})
                ensure_default_group(self.core, tx, project_id)
                if values.get("name", "").lower() == DEFAULT:
                    raise SecurityGroupDefaultAlreadyExists("Default security group already exists.", field="name")
                ids.append(str(uuid4()))
                _add_group(self.core, tx, ids[-1], project_id, self.resource.with_defaults(values))
                tx.record("create_security_group", "security_group", ids[-1])
            return [self.found(tx, id) for id in ids]

    def update(self, caller: Caller, id: str, values: Mapping[str, Any]) -> SecurityGroup:
        with self.core.db.begin(caller) as tx:
            before = self.hold(tx, caller, id, "update_security_group")
            name = values.get("name", before.name)
            if before.is_default and name != DEFAULT:
                raise SecurityGroupCannotUpdateDefault("Updating default security group not allowed.", field="name")
            if not before.is_default and name.lower() == DEFAULT:
                raise SecurityGroupDefaultAlreadyExists("Default security group already exists.", field="name")
            if values.get("stateful", before.stateful) != before.stateful and group_store.is_in_use(tx, id):
                raise _in_use(id)
            self.rows.change(tx, id, self.core.now(), values)
            tx.record("update_security_group", "security_group", id)
            self.core.changed(tx, ("security_group", id))
            return self.found(tx, id)

    def delete(self, caller: Caller, id: str) -> None:
        with self.core.db.begin(caller) as tx:
            group = self.hold(tx, caller, id, "delete_security_group")
            if group.is_default and not caller.is_admin:
                raise SecurityGroupCannotRemoveDefault("Insufficient rights for removing default security group.")
            if group_store.is_in_use(tx, id):
                raise _in_use(id)
            naming = store.SECURITY_GROUP_RULES.find(tx, remote_group_id=id)
            foreign = [rule for rule in naming if rule.security_group_id != id]
            for rule in foreign:
                store.SECURITY_GROUPS.touch(tx, rule.security_group_id, self.core.now())
                self.core.release(tx, rule.project_id, "security_group_rule")
            self.core.release(tx, group.project_id, "security_group_rule", len(group.rules))
            self.core.release(tx, group.project_id, "security_group")
            if group.is_default:
                group_store.forget_default(tx, group.project_id)
            self.rows.remove(tx, id)
            tx.record("delete_security_group", "security_group", id)
            others = {rule.security_group_id for rule in foreign}
            self.core.changed(tx, ("security_group", id), *(("security_group", other) for other in others))

    def complete(self, sql: Sql, things: Sequence[SecurityGroup]) -> Sequence[SecurityGroup]:
        return group_store.with_rules(sql, things)

    def find_ids(self, caller: Caller, names_or_ids: Sequence[str]) -> Sequence[str]:
        """Raises SecurityGroupNotFound, SecurityGroupRuleInvalid for a name that several groups bear."""
        self.ensure_default(caller.project_id)
        sql = self.core.db.read()
        known = self.rows.find(sql, project_id=caller.project_id, id=names_or_ids)
        named = self.rows.find(sql, project_id=caller.project_id, name=names_or_ids)
        found: dict[str, None] = {}
        for wanted in names_or_ids:
            ids = [g.id for g in known if g.id == wanted] or [g.id for g in named if g.name == wanted]
            if not ids:
                raise SecurityGroupNotFound(f"Security group {wanted} not found for project {caller.project_id}.")
            if len(ids) > 1:
                raise SecurityGroupRuleInvalid(
                    f"Multiple security groups found matching '{wanted}'. Use an ID to be more specific."
                )
            found[ids[0]] = None
        return list(found)


def _in_use(id: str) -> SecurityGroupInUse:
    return SecurityGroupInUse(f"Security Group {id} in use.", id=id)


class SecurityGroupRules(Collection[SecurityGroupRule]):
    resource = SECURITY_GROUP_RULE

    def __init__(self, core: Core, groups: SecurityGroups):
        super().__init__(core, store.SECURITY_GROUP_RULES)
        self.groups = groups

    def list(self, caller: Caller, query: Query) -> Sequence[SecurityGroupRule]:
        self.groups.ensure_default(caller.project_id)
        return super().list(caller, query)

    def create(self, caller: Caller, bodies: Sequence[Mapping[str, Any]]) -> Sequence[SecurityGroupRule]:
        made = []
        with self.core.db.begin(caller) as tx:
            for values in bodies:
                group = self.groups.hold(tx, caller, values["security_group_id"], "create_security_group_rule")
                full = valid_rule(self.resource.with_defaults(values))
                if full["remote_group_id"] is not None:
                    self.groups.find(tx, caller, full["remote_group_id"])
                if any(_same(rule, full) for rule in group.rules):
                    raise SecurityGroupRuleExists("Security group rule already exists.", security_group_id=group.id)
                self.core.claim(tx, group.project_id, "security_group_rule")
                made.append(_add_rule(self.core, tx, group, full))
                tx.record("create_security_group_rule", "security_group_rule", made[-1].id)
                self.core.changed(tx, ("security_group", group.id))
        return made

    def delete(self, caller: Caller, id: str) -> None:
        with self.core.db.begin(caller) as tx:
            rule = self.hold(tx, caller, id, "delete_security_group_rule")
            store.SECURITY_GROUPS.touch(tx, rule.security_group_id, self.core.now())
            self.rows.remove(tx, id)
            self.core.release(tx, rule.project_id, "security_group_rule")
            tx.record("delete_security_group_rule", "security_group_rule", id)
            self.core.changed(tx, ("security_group", rule.security_group_id))


def _same(rule: SecurityGroupRule, full: Mapping[str, Any]) -> bool:
    """Whether the two let the same traffic through: what they are called does not count."""
    told = ("direction", "ethertype", "port_range_min", "port_range_max", "remote_group_id")
    asked = full["remote_ip_prefix"]
    if normalized_cidr(rule) != (None if asked is None else address_or_cidr(asked)):
        return False
    if any(getattr(rule, name) != full[name] for name in told):
        return False
    return protocol_number(rule.protocol, rule.ethertype) == protocol_number(full["protocol"], full["ethertype"])


def protocol_number(protocol: str | None, ethertype: str) -> int | None:
    """None for any protocol; "icmp" among IPv6 is ICMPv6."""
    if protocol is None:
        return None
    number = int(protocol) if protocol.isdigit() else PROTOCOLS[protocol]
    return PROTOCOLS["ipv6-icmp"] if ethertype == "IPv6" and number == PROTOCOLS["icmp"] else number


def valid_rule(full: Mapping[str, Any]) -> dict[str, Any]:
    """The rule with its protocol in the form that is kept. Raises SecurityGroupRuleInvalid."""
    rule = {**full, "protocol": _protocol(full["protocol"], full["ethertype"])}
    if rule["remote_ip_prefix"] is not None:
        _check_prefix(rule)
    _check_ports(rule)
    return rule


def _protocol(value: Any, ethertype: str) -> str | None:
    if value is None or value == "any":
        return None
    name = str(value).lower()
    if isinstance(value, bool) or not (name in PROTOCOLS or (re.fullmatch(r"[0-9]{1,3}", name) and int(name) <= 255)):
        raise SecurityGroupRuleInvalid(
            f"Security group rule protocol {value} not supported. Only protocol values {sorted(PROTOCOLS)} and integer "
            "representations [0 to 255] are supported.",
            field="protocol",
        )
    if ethertype == "IPv4" and protocol_number(name, ethertype) in ONLY_IPV6:
        raise SecurityGroupRuleInvalid(
            f"Invalid ethertype {ethertype} for protocol {name}: it belongs to IPv6.", field="ethertype"
        )
    return name


def _check_prefix(rule: Mapping[str, Any]) -> None:
    prefix = rule["remote_ip_prefix"]
    if rule["remote_group_id"] is not None:
        raise SecurityGroupRuleInvalid(
            "Only one of remote_ip_prefix or remote_group_id may be provided.", field="remote_ip_prefix"
        )
    if f"IPv{addresses.version_of(prefix)}" != rule["ethertype"]:
        raise SecurityGroupRuleInvalid(
            f"Conflicting value ethertype {rule['ethertype']} for CIDR {prefix}.", field="ethertype"
        )


def _check_ports(rule: Mapping[str, Any]) -> None:
    low, high = rule["port_range_min"], rule["port_range_max"]
    if low is None and high is None:
        return
    number = protocol_number(rule["protocol"], rule["ethertype"])
    if number in ICMP:
        _check_icmp(low, high)
        return
    if number not in WITH_PORTS:
        sentence = "Port range is only possible with a protocol that has ports: tcp, udp, sctp, dccp, udplite."
        raise SecurityGroupRuleInvalid(sentence, field="port_range_min")
    for name, port in (("port_range_min", low), ("port_range_max", high)):
        if port is not None and not 1 <= port <= 65535:
            raise SecurityGroupRuleInvalid(f"Invalid value for port {port}: it must be 1 to 65535.", field=name)
    if low is None or high is None or low > high:
        sentence = "For TCP/UDP protocols, port_range_min must be <= port_range_max."
        raise SecurityGroupRuleInvalid(sentence, field="port_range_min")


def _check_icmp(kind: int | None, code: int | None) -> None:
    for name, field, value in (("type", "port_range_min", kind), ("code", "port_range_max", code)):
        if value is not None and not 0 <= value <= 255:
            sentence = f"Invalid value for ICMP {name} ({field}) {value}. It must be 0 to 255."
            raise SecurityGroupRuleInvalid(sentence, field=field)
    if kind is None:
        sentence = f"ICMP code (port-range-max) {code} is provided but ICMP type (port-range-min) is missing."
        raise SecurityGroupRuleInvalid(sentence, field="port_range_min")
