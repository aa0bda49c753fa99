"""What a guest may learn about itself, over HTTP from 169.254.169.254 or from its config drive: the same content.

The two forms are OpenStack's (/openstack/...) and EC2's (/2009-04-04/...). Who asks is known by network and address
alone, so an answer holds nothing that another server on that address should not see.
"""

import base64
from collections.abc import Mapping, Sequence
from ipaddress import ip_network

import msgspec

from skyloom.compute.model import Server
from skyloom.compute.parts import Parts
from skyloom.compute.service.hosts import HostService
from skyloom.compute.store import ServerStore
from skyloom.network import NicAddress, NicInfo, NicSubnet

OPENSTACK_VERSIONS = (
    "2012-08-10",
    "2013-04-04",
    "2013-10-17",
    "2015-10-15",
    "2016-06-30",
    "2016-10-06",
    "2017-02-22",
    "2018-08-27",
    "2020-10-14",
    "latest",
)
EC2_VERSIONS = ("1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01",
                "2008-09-01", "2009-04-04", "latest")  # fmt: skip
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
Tree = Mapping[str, "str | bytes | Tree"]
Answer = tuple[int, str, bytes]
NOT_FOUND: Answer = (404, TEXT, b"404 Not Found")
dump = msgspec.json.Encoder(order="sorted").encode


class MetadataService:
    def __init__(self, parts: Parts, hosts: HostService):
        self.parts = parts
        self.hosts = hosts
        self.store = ServerStore()

    def answer(self, network_id: str, source_ip: str, path: str, host: str) -> Answer:
        """Status, content type and body for a guest's GET of `path` from `source_ip` on the network.

        `host` is the one that asks for its guest: a taken host learns nothing of the guests of others.
        """
        server_id = self.parts.network.server_at(network_id, source_ip)
        server = None if server_id is None else self.store.get(self.parts.db.read(), server_id)
        if server is None or server.deleted_at is not None or server.host != host:
            return NOT_FOUND
        words = [word for word in path.partition("?")[0].split("/") if word]
        if words and words[0] == "openstack":
            return self._openstack(server, words[1:])
        return self._ec2(server, words)

    def config_drive(self, server: Server) -> dict[str, bytes]:
        """Path in the drive -> content."""
        files = self._openstack_files(server)
        drive: dict[str, bytes] = {}
        for version in OPENSTACK_VERSIONS:
            for name, content in files.items():
                drive[f"openstack/{version}/{name}"] = content
        ec2 = self._ec2_tree(server)
        drive["ec2/latest/meta-data.json"] = dump(ec2)
        drive["ec2/2009-04-04/meta-data.json"] = drive["ec2/latest/meta-data.json"]
        if server.user_data is not None:
            drive["ec2/latest/user-data"] = drive["ec2/2009-04-04/user-data"] = base64.b64decode(server.user_data)
        return drive

    def _openstack(self, server: Server, words: Sequence[str]) -> Answer:
        if not words:
            return 200, TEXT, "\n".join(OPENSTACK_VERSIONS).encode()
        if words[0] not in OPENSTACK_VERSIONS or len(words) > 2:
            return NOT_FOUND
        files = self._openstack_files(server)
        if len(words) == 1:
            names = [name + "/" if name == "meta_data" else name for name in files]
            return 200, TEXT, "\n".join(sorted(names)).encode()
        if words[1] == "password":
            return 200, TEXT, b""
        content = files.get(words[1])
        if content is None:
            return NOT_FOUND
        return 200, JSON if words[1].endswith(".json") else "application/octet-stream", content

    def _openstack_files(self, server: Server) -> dict[str, bytes]:
        nics = self.parts.network.nics_of_servers(None, [server.id]).get(server.id, ())
        files = {
            "meta_data.json": dump(self._meta_data(server, nics)),
            "network_data.json": dump(network_data(nics)),
            "vendor_data.json": b"{}",
            "vendor_data2.json": b"{}",
        }
        if server.user_data is not None:
            files["user_data"] = base64.b64decode(server.user_data)
        return files

    def _meta_data(self, server: Server, nics: Sequence[NicInfo]) -> dict[str, object]:
        found: dict[str, object] = {
            "uuid": server.id,
            "name": server.name,
            "hostname": server.hostname,
            "launch_index": server.launch_index,
            "availability_zone": self.hosts.zone_of(server.host),
            "project_id": server.project_id,
            "meta": dict(server.metadata),
            "devices": [],
            "dedicated_cpus": [],
        }
        if server.public_key is not None:
            found["public_keys"] = {server.key_name: server.public_key}
            found["keys"] = [{"name": server.key_name, "type": "ssh", "data": server.public_key}]
        return found

    def _ec2(self, server: Server, words: Sequence[str]) -> Answer:
        if not words:
            return 200, TEXT, "\n".join(EC2_VERSIONS).encode()
        if words[0] not in EC2_VERSIONS:
            return NOT_FOUND
        if len(words) == 1:
            names = ["meta-data/"] + (["user-data"] if server.user_data is not None else [])
            return 200, TEXT, "\n".join(names).encode()
        if words[1] == "user-data" and len(words) == 2 and server.user_data is not None:
            return 200, "application/octet-stream", base64.b64decode(server.user_data)
        if words[1] != "meta-data":
            return NOT_FOUND
        return _walk(self._ec2_tree(server), words[2:])

    def _ec2_tree(self, server: Server) -> Tree:
        nics = self.parts.network.nics_of_servers(None, [server.id]).get(server.id, ())
        fixed = [address for nic in nics for address in nic.fixed_ips if address.version == 4]
        floating = [ip for address in fixed for ip in address.floating_ips]
        groups = self.parts.network.security_groups_of_servers(None, [server.id]).get(server.id, ())
        tree: dict[str, str | bytes | Tree] = {
            "ami-id": f"ami-{(server.image_id or '0' * 8)[:8]}",
            "ami-launch-index": str(server.launch_index),
            "block-device-mapping": {"ami": "vda", "root": "/dev/vda"},
            "hostname": server.hostname,
            "instance-action": "none",
            "instance-id": f"i-{server.id[:8]}",
            "instance-type": server.flavor.name,
            "local-hostname": server.hostname,
            "local-ipv4": fixed[0].address if fixed else "",
            "placement": {"availability-zone": self.hosts.zone_of(server.host)},
            "public-hostname": server.hostname,
            "public-ipv4": floating[0] if floating else "",
            "reservation-id": server.reservation_id,
            "security-groups": "\n".join(groups),
        }
        if server.public_key is not None:
            tree["public-keys"] = {f"0={server.key_name}": {"openssh-key": server.public_key}}
        return tree


def _walk(tree: Tree, words: Sequence[str]) -> Answer:
    """A folder lists its names, those of folders with a slash; `0` finds the key that is listed as `0=name`."""
    here: str | bytes | Tree = tree
    for word in words:
        if not isinstance(here, Mapping):
            return NOT_FOUND
        found = here.get(word)
        if found is None:
            found = next((value for name, value in here.items() if name.partition("=")[0] == word), None)
        if found is None:
            return NOT_FOUND
        here = found
    if isinstance(here, Mapping):
        lines = [name if "=" in name or not isinstance(value, Mapping) else f"{name}/" for name, value in here.items()]
        return 200, TEXT, "\n".join(lines).encode()
    return 200, TEXT, here if isinstance(here, bytes) else here.encode()


def network_data(nics: Sequence[NicInfo]) -> dict[str, object]:
    """network_data.json: links, networks and services (the resolvers)."""
    links: list[dict[str, object]] = []
    networks: list[dict[str, object]] = []
    services: list[dict[str, str]] = []
    for nic in nics:
        link = f"tap{nic.port_id[:11]}"
        ethernet = {"vif_id": nic.port_id, "type": "ovs", "mtu": nic.mtu, "ethernet_mac_address": nic.mac}
        links.append({"id": link, **ethernet})
        subnets = {subnet.id: subnet for subnet in nic.subnets}
        for fixed in nic.fixed_ips:
            subnet = subnets.get(fixed.subnet_id)
            if subnet is None:
                continue
            services += [each for each in _resolvers(subnet) if each not in services]
            shared = {"id": f"network{len(networks)}", "link": link, "network_id": nic.network_id}
            networks.append({**shared, **_network(fixed, subnet)})
    return {"links": links, "networks": networks, "services": services}


def _resolvers(subnet: NicSubnet) -> list[dict[str, str]]:
    return [{"type": "dns", "address": address} for address in subnet.dns_nameservers]


def _network(fixed: NicAddress, subnet: NicSubnet) -> dict[str, object]:
    """An address given by DHCP is not told again: the guest must ask for it, or its lease is never renewed."""
    kind = f"ipv{fixed.version}"
    if subnet.enable_dhcp:
        modes = {"slaac": "ipv6_slaac", "dhcpv6-stateful": "ipv6_dhcpv6-stateful", "dhcpv6-stateless": "ipv6_slaac"}
        return {"type": modes.get(subnet.ipv6_address_mode or "", f"{kind}_dhcp")}
    routes = [(route.destination, route.nexthop) for route in subnet.host_routes]
    if subnet.gateway_ip is not None:
        routes.append(("0.0.0.0/0" if fixed.version == 4 else "::/0", subnet.gateway_ip))
    return {
        "type": kind,
        "ip_address": fixed.address,
        "netmask": str(ip_network(subnet.cidr).netmask),
        "routes": [
            {"network": str(ip_network(to).network_address), "netmask": str(ip_network(to).netmask), "gateway": via}
            for to, via in routes
        ],
        "services": _resolvers(subnet),
    }
