"""The kinds of value that attributes of the Network API have: each takes what the client sent and gives what is kept.

A kind raises ValueError with the broken rule; the attribute adds its own name to it. Text from a query passes the same
way as JSON, so "true" is a boolean and "7" a number everywhere, as in Neutron.
"""

import ipaddress
import re
from collections.abc import Callable, Collection
from typing import Any

from skyloom.network.model import AddressPair, FixedIp, HostRoute, Pool

Kind = Callable[[Any], Any]
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.IGNORECASE)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


def text(max_length: int) -> Kind:
    def parse(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"'{value}' is not a valid string")
        if len(value) > max_length:
            raise ValueError(f"'{value[:40]}...' exceeds maximum length of {max_length}")
        if "\x00" in value:
            raise ValueError("it holds a NUL character")
        return value

    return parse


def nullable_text(max_length: int) -> Kind:
    """Neutron takes null for a name and keeps an empty text."""
    inner = text(max_length)
    return lambda value: "" if value is None else inner(value)


def boolean(value: Any) -> bool:
    match value:
        case bool():
            return value
        case 0 | 1:
            return bool(value)
        case str() if value.lower() in ("true", "1", "t", "yes", "y", "on"):
            return True
        case str() if value.lower() in ("false", "0", "f", "no", "n", "off"):
            return False
    raise ValueError(f"'{value}' cannot be converted to boolean")


def whole(lowest: int, highest: int) -> Kind:
    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(f"'{value}' is not an integer")
        try:
            number = int(value)
        except ValueError:
            raise ValueError(f"'{value}' is not an integer") from None
        if not lowest <= number <= highest:
            raise ValueError(f"'{value}' is not between {lowest} and {highest}")
        return number

    return parse


def one_of(values: Collection[Any]) -> Kind:
    def parse(value: Any) -> Any:
        if not isinstance(value, str | int | None) or value not in values:
            raise ValueError(f"'{value}' is not in {list(values)}")
        return value

    return parse


def or_none(inner: Kind) -> Kind:
    return lambda value: None if value is None else inner(value)


def id(value: Any) -> str:
    if not isinstance(value, str) or not UUID.fullmatch(value):
        raise ValueError(f"'{value}' is not a valid UUID")
    return value.lower()


def nothing(value: Any) -> None:
    """An attribute of a feature that is not offered: it can be shown, and given only as it is shown."""
    if value is not None:
        raise ValueError("only null is possible: the feature is not offered")


def nothing_listed(value: Any) -> list[Any]:
    if value not in (None, []):
        raise ValueError("only an empty list is possible: the feature is not offered")
    return []


def read_only(value: Any) -> Any:
    return value


def address(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"'{value}' is not a valid IP address")
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(f"'{value}' is not a valid IP address") from None


def cidr(value: Any) -> str:
    """A network with its host bits cut off, as Neutron keeps what it is given."""
    if not isinstance(value, str) or "/" not in value:
        raise ValueError(f"'{value}' is not a valid IP subnet: it takes ADDRESS/PREFIX-LENGTH")
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise ValueError(f"'{value}' is not a valid IP subnet") from None


def address_or_cidr(value: Any) -> str:
    return cidr(value) if isinstance(value, str) and "/" in value else address(value)


def prefix(value: Any) -> str:
    """An address or a network, kept as it was given."""
    address_or_cidr(value)
    return str(value)


def mac(value: Any) -> str:
    if not isinstance(value, str) or not MAC.fullmatch(value):
        raise ValueError(f"'{value}' is not a valid MAC address")
    if int(value[:2], 16) & 1 or value == "00:00:00:00:00:00":
        raise ValueError(f"'{value}' is no address of a single NIC")
    return value.lower()


def dns_name(value: Any) -> str:
    if value is None or value == "":
        return ""
    labels = value.rstrip(".").split(".") if isinstance(value, str) else [""]
    if len(str(value)) > 255 or not all(LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"'{value}' is not a valid DNS name")
    return str(value).lower()


def dns_domain(value: Any) -> str:
    name = dns_name(value)
    if name and not name.endswith("."):
        raise ValueError(f"'{value}' is not a fully qualified domain: it must end with a dot")
    return name


def listed(inner: Kind, unique: bool = True, max_items: int = 1000) -> Kind:
    def parse(value: Any) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise ValueError(f"'{value}' is not a list")
        if len(value) > max_items:
            raise ValueError(f"it has more than {max_items} items")
        items = [inner(item) for item in value]
        if unique and any(item in items[:n] for n, item in enumerate(items)):
            raise ValueError(f"there is a duplicate item in '{value}'")
        return items

    return parse


def one_or_listed(inner: Kind) -> Kind:
    many = listed(inner)
    return lambda value: many([value] if isinstance(value, str) else value)


def pool(value: Any) -> Pool:
    fields = _fields(value, {"start", "end"}, {"start", "end"})
    first, last = address(fields["start"]), address(fields["end"])
    start, end = ipaddress.ip_address(first), ipaddress.ip_address(last)
    if start.version != end.version or int(start) > int(end):
        raise ValueError(f"the pool {first}-{last} starts after its end")
    return Pool(first, last)


def route(value: Any) -> HostRoute:
    fields = _fields(value, {"destination", "nexthop"}, {"destination", "nexthop"})
    destination, nexthop = cidr(fields["destination"]), address(fields["nexthop"])
    if (":" in destination) != (":" in nexthop):
        raise ValueError(f"destination {destination} and nexthop {nexthop} are of different IP versions")
    return HostRoute(destination, nexthop)


def fixed_ip(value: Any) -> FixedIp:
    """Either part may be missing: an empty text stands for it."""
    fields = _fields(value, set(), {"subnet_id", "ip_address"})
    subnet_id, ip_address = fields.get("subnet_id"), fields.get("ip_address")
    return FixedIp(
        "" if subnet_id is None else id(subnet_id),
        "" if ip_address is None else address(ip_address),
    )


def address_pair(value: Any) -> AddressPair:
    """Without a MAC address it is that of the port: an empty text until then. "active" is what Neutron shows."""
    fields = _fields(value, {"ip_address"}, {"ip_address", "mac_address", "active"})
    given = fields.get("mac_address")
    return AddressPair(address_or_cidr(fields["ip_address"]), "" if given is None else mac(given))


def mapping(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"'{value}' is not a dictionary")
    return value


def gateway_info(value: Any) -> dict[str, Any] | None:
    """None or an empty object takes the gateway away; else network_id, enable_snat, external_fixed_ips."""
    if value is None or value == {}:
        return None
    fields = _fields(value, {"network_id"}, {"network_id", "enable_snat", "external_fixed_ips", "qos_policy_id"})
    nothing(fields.get("qos_policy_id"))
    found: dict[str, Any] = {"network_id": id(fields["network_id"])}
    if fields.get("enable_snat") is not None:
        found["enable_snat"] = boolean(fields["enable_snat"])
    if fields.get("external_fixed_ips") is not None:
        found["external_fixed_ips"] = listed(fixed_ip)(fields["external_fixed_ips"])
    return found


def _fields(value: Any, needed: set[str], known: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"'{value}' is not an object with {', '.join(sorted(known))}")
    if missing := sorted(needed - value.keys()):
        raise ValueError(f"'{value}' lacks {', '.join(missing)}")
    if unknown := sorted(value.keys() - known):
        raise ValueError(f"'{value}' has the unknown key {', '.join(unknown)}")
    return value
