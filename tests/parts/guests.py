"""Guests of a real cloud, reached as their owners reach them: by SSH at a floating address."""

import base64
import shlex
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openstack.connection import Connection

from tests.parts.whole_cloud import WholeCloud, await_true

CIDR = "10.77.0.0/24"
SHARED_ADDRESS, PEER_ADDRESS = "10.77.0.10", "10.77.0.11"
PORT = 8080
SERVE_NAME = f"""#!/bin/sh
echo "ran" >> /root/user-data-runs
(while true; do hostname | nc -l -p {PORT}; done) </dev/null >/dev/null 2>&1 &
"""
BOOT_LIMIT_S = 240.0  # QEMU without KVM, on a machine that may be busy with other tests
SSH = shlex.split(
    "ssh -q -F none -o BatchMode=yes -o IdentitiesOnly=yes -o ConnectTimeout=5"
    " -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
)


@dataclass
class Tenant:
    """A project with a network that has a way out, a key, and rules that let ping and SSH in."""

    cloud: WholeCloud
    client: Connection
    key: Path
    network: Any
    router: Any

    @staticmethod
    def make(cloud: WholeCloud, client: Connection, cidr: str) -> "Tenant":
        key = cloud.home.folder / f"key-{client.current_project_id}"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        client.compute.create_keypair(name="mine", public_key=key.with_suffix(".pub").read_text())
        network = client.network.create_network(name="private")
        subnet = client.network.create_subnet(network_id=network.id, ip_version=4, cidr=cidr, name="private")
        public = client.network.find_network("public")
        router = client.network.create_router(name="way-out", external_gateway_info={"network_id": public.id})
        client.network.add_interface_to_router(router, subnet_id=subnet.id)
        tenant = Tenant(cloud, client, key, network, router)
        tenant.let_in(protocol="icmp")
        tenant.let_in(protocol="tcp", port_range_min=22, port_range_max=22)
        return tenant

    def let_in(self, **rule: Any) -> Any:
        (group,) = self.client.network.security_groups(name="default", project_id=self.client.current_project_id)
        return self.client.network.create_security_group_rule(
            security_group_id=group.id, direction="ingress", ether_type="IPv4", **rule
        )

    def begin(self, name: str, address: str | None = None, **more: Any) -> "Guest":
        """Ask for a server; nothing is waited for. `address` is its fixed one."""
        nic = {"uuid": self.network.id} | ({} if address is None else {"fixed_ip": address})
        server = self.client.compute.create_server(
            name=name,
            image_id=self.client.image.find_image("tiny").id,
            flavor_id=self.client.compute.find_flavor("tiny").id,
            networks=[nic],
            key_name="mine",
            **more,
        )
        return Guest(self, server.id, name)

    def floating_address(self) -> Any:
        public = self.client.network.find_network("public")
        return self.client.network.create_ip(floating_network_id=public.id)


@dataclass
class Guest:
    tenant: Tenant
    id: str
    name: str
    floating: Any = None

    @property
    def server(self) -> Any:
        return self.tenant.client.compute.get_server(self.id)

    @property
    def port(self) -> Any:
        (port,) = self.tenant.client.network.ports(device_id=self.id)
        return port

    @property
    def address(self) -> str:
        """The one at which the machine reaches it."""
        return str(self.floating.floating_ip_address)

    @property
    def console(self) -> str:
        return str(self.tenant.client.compute.get_server_console_output(self.id)["output"])

    def await_status(self, status: str, limit_s: float = 120.0) -> None:
        def is_so() -> bool:
            server = self.server
            assert server.status == status or server.status != "ERROR", server.fault
            return bool(server.status == status and server.task_state is None)

        await_true(f"{self.name} is {status}", is_so, limit_s, 0.2)

    def reachable(self) -> "Guest":
        """ACTIVE, ready by its own word, with a floating address."""
        self.await_status("ACTIVE")
        if self.floating is None:
            self.floating = self.tenant.floating_address()
            self.tenant.client.network.update_ip(self.floating, port_id=self.port.id)
        await_true(f"{self.name} is ready", lambda: "tiny: ready" in self.console, BOOT_LIMIT_S, 0.5)
        self.await_login()
        return self

    def await_login(self, limit_s: float = BOOT_LIMIT_S) -> float:
        return await_true(f"a login at {self.name}", self.lets_in, limit_s, 0.2)

    def lets_in(self) -> bool:
        done = self._ssh("hostname")
        return done.returncode == 0 and done.stdout.strip() == self.name

    def run(self, command: str) -> str:
        done = self._ssh(command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def ends_well(self, command: str) -> bool:
        return self._ssh(command).returncode == 0

    def answers_at(self, port: int) -> bool:
        """From the machine, through the floating address."""
        try:
            socket.create_connection((self.address, port), timeout=0.2).close()
        except OSError:
            return False
        return True

    def _ssh(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SSH, "-i", str(self.tenant.key), f"root@{self.address}", command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@dataclass
class Guests:
    """`web` and `peer` are of one project; `twin`, of another, has the very address of `web`."""

    cloud: WholeCloud
    web: Guest
    peer: Guest
    twin: Guest

    @staticmethod
    def make(real: WholeCloud) -> "Guests":
        user_data = base64.b64encode(SERVE_NAME.encode()).decode()
        one = Tenant.make(real, real.connect(), CIDR)
        web = one.begin("web", SHARED_ADDRESS, user_data=user_data, metadata={"colour": "blue"})
        peer = one.begin("peer", PEER_ADDRESS, user_data=user_data, config_drive=True)
        other = Tenant.make(real, another_project(real), CIDR)
        twin = other.begin("twin", SHARED_ADDRESS, user_data=user_data)
        return Guests(real, web.reachable(), peer.reachable(), twin.reachable())


def another_project(cloud: WholeCloud) -> Connection:
    admin = cloud.connect("skyloom-admin").identity
    project = admin.create_project(name="other")
    user = admin.create_user(name="other", password="of the other project", default_project_id=project.id)
    admin.assign_project_role_to_user(project, user, admin.find_role("member"))
    return cloud.connect(username="other", password="of the other project", project_name="other")


def domains(cloud: WholeCloud) -> set[str]:
    """Of which servers libvirt has a domain, asked past the cloud."""
    import libvirt  # A machine without it cannot have a real cloud, but has the other tests.

    run_folder = (cloud.home.folder / "libvirt/run-folder").read_text()
    connection = libvirt.open(f"qemu+unix:///system?socket={run_folder}/libvirt-sock")
    try:
        return {domain.UUIDString() for domain in connection.listAllDomains()}
    finally:
        connection.close()
