"""How servers are asked for: everything that can be wrong is told before anything is written."""

import base64
import binascii
import re
import secrets
import string
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from skyloom.access import Caller
from skyloom.compute.errors import (
    FlavorTooSmall,
    FlavorUnknown,
    ForbiddenHost,
    HostUnknown,
    ImageUnknown,
    ImageUnusable,
    KeyUnknown,
    RequestInvalid,
    ServerGroupNotFound,
    ZoneUnavailable,
)
from skyloom.compute.flows import CreateFrame, CreateServer
from skyloom.compute.model import Flavor, ImageFacts, KeyPair, Power, Server, TaskState, Usage, VmState
from skyloom.compute.parts import Image, Parts
from skyloom.compute.service.flavors import FlavorService
from skyloom.compute.service.groups import GroupService
from skyloom.compute.service.hosts import HostService
from skyloom.compute.service.quotas import QuotaService
from skyloom.compute.service.servers import key_of
from skyloom.compute.store import KeyPairStore, ServerStore
from skyloom.errors import NotFound
from skyloom.network import NicPlan, NicRequest, another

CREATE = "os_compute_api:servers:create"
GIB = 1024**3
PASSWORD_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True, kw_only=True)
class ServerRequest:
    """`nics`: None for no NIC, empty for the project's only network. `security_groups`: names or ids, None: default.

    `zone` may be ZONE, ZONE:HOST or ::HOST; naming a host is the operator's right. `user_data` is base64.
    """

    name: str
    image_id: str | None
    flavor_id: str
    nics: Sequence[NicRequest] | None = ()
    security_groups: Sequence[str] | None = None
    key_name: str | None = None
    user_data: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[str] = ()
    description: str | None = None
    hostname: str | None = None
    config_drive: bool = False
    min_count: int = 1
    max_count: int = 1
    zone: str | None = None
    host: str | None = None
    disk_config: str = "MANUAL"
    access_ip_v4: str | None = None
    access_ip_v6: str | None = None
    group_id: str | None = None
    admin_password: str | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """`admin_password` is shown once and kept nowhere."""

    servers: Sequence[Server]
    reservation_id: str
    admin_password: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A request whose parts were all found."""

    flavor: Flavor
    image: Image | None
    key: KeyPair | None
    zone: str | None
    host: str | None
    plans: list[NicPlan]


class ServerCreation:
    def __init__(
        self, parts: Parts, flavors: FlavorService, quotas: QuotaService, hosts: HostService, groups: GroupService
    ):
        self.parts = parts
        self.flavors = flavors
        self.quotas = quotas
        self.hosts = hosts
        self.groups = groups
        self.store = ServerStore()
        self.keypairs = KeyPairStore()

    def create(self, caller: Caller, want: ServerRequest) -> Created:
        """Rows and their flows in one transaction. Raises BadRequest kinds for what is wrong, and QuotaExceeded."""
        self.parts.policy.require(caller, CREATE, {"project_id": caller.project_id, "user_id": caller.user_id})
        checked = self._check(caller, want)
        reservation_id = f"r-{''.join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))}"
        servers = [self._server(caller, want, checked, reservation_id, n) for n in range(want.max_count)]
        flavor = checked.flavor
        with self.parts.db.begin(caller) as tx:
            count = len(servers)
            more = Usage(count, count * flavor.vcpus, count * flavor.memory_mib)
            self.quotas.claim(tx, servers[0].project_id, more)
            self.store.add(tx, servers)
            plans = checked.plans
            for n, server in enumerate(servers):
                plans = another(plans) if n else plans
                frame = CreateFrame(
                    server_id=server.id,
                    user_id=caller.user_id,
                    project_id=server.project_id,
                    request_id=caller.request_id,
                    plans=plans,
                    forced_host=checked.host,
                )
                self.parts.work.start(tx, CreateServer, key_of(server.id), frame)
                tx.record(CREATE, "server", server.id)
        password = want.admin_password or "".join(secrets.choice(PASSWORD_LETTERS) for _ in range(12))
        return Created(servers, reservation_id, password)

    def _check(self, caller: Caller, want: ServerRequest) -> Checked:
        if want.min_count > want.max_count:
            raise RequestInvalid("min_count must be <= max_count", field="min_count")
        if want.user_data is not None:
            check_user_data(want.user_data)
        flavor = self._flavor(caller, want.flavor_id)
        image = None if want.image_id is None else self._image(caller, want.image_id)
        if image is not None:
            self._fits(caller, flavor, image)
        key = None
        if want.key_name is not None:
            key = self.keypairs.get(self.parts.db.read(), caller.user_id, want.key_name)
            if key is None:
                raise KeyUnknown(want.key_name)
        self.quotas.check_metadata(self.parts.db.read(), caller.project_id or "", len(want.metadata))
        if want.group_id is not None:
            self._group(caller, want.group_id)
        zone, host = self._place(caller, want)
        return Checked(flavor, image, key, zone, host, self._plans(caller, want))

    def _flavor(self, caller: Caller, flavor_id: str) -> Flavor:
        try:
            flavor = self.flavors.get(caller, flavor_id)
        except NotFound as error:
            raise FlavorUnknown(flavor_id) from error
        if flavor.is_disabled:
            raise FlavorUnknown(flavor_id)
        return flavor

    def _image(self, caller: Caller, image_id: str) -> Image:
        try:
            image = self.parts.images.get(caller, image_id)
        except NotFound as error:
            raise ImageUnknown(image_id) from error
        if image.status != "active":
            raise ImageUnusable(f"Image {image_id} is not active.", image=image_id)
        return image

    def _fits(self, caller: Caller, flavor: Flavor, image: Image) -> None:
        if flavor.memory_mib < image.min_ram_mib:
            raise FlavorTooSmall("Flavor's memory is too small for requested image.")
        if flavor.disk_gib == 0:
            action = f"{CREATE}:zero_disk_flavor"
            if not self.parts.policy.allows(caller, action, {"project_id": caller.project_id}):
                raise ForbiddenHost("Only volume-backed servers are allowed for flavors with zero disk.")
        elif (image.size or 0) > flavor.disk_gib * GIB:
            raise FlavorTooSmall(
                f"Flavor's disk is too small for requested image. Flavor disk is {flavor.disk_gib * GIB} bytes, "
                f"image is {image.size} bytes."
            )
        elif image.min_disk_gib > flavor.disk_gib:
            raise FlavorTooSmall(
                f"Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is "
                f"{flavor.disk_gib * GIB} bytes, minimum size is {image.min_disk_gib * GIB} bytes."
            )

    def _group(self, caller: Caller, group_id: str) -> None:
        try:
            self.groups.get(caller, group_id)
        except ServerGroupNotFound as error:
            raise RequestInvalid(error.sentence, field="os:scheduler_hints") from error

    def _place(self, caller: Caller, want: ServerRequest) -> tuple[str | None, str | None]:
        """The zone and the host that were asked for."""
        zone, _, rest = (want.zone or "").partition(":")
        host = rest.partition(":")[0] or rest.rpartition(":")[2]
        target = {"project_id": caller.project_id, "user_id": caller.user_id}
        if host:
            self.parts.policy.require(caller, f"{CREATE}:forced_host", target)
        if want.host is not None:
            action = "os_compute_api:compute:servers:create:requested_destination"
            self.parts.policy.require(caller, action, target)
            if want.host not in self.hosts.by_name():
                raise HostUnknown(want.host)
        if zone and zone not in self.hosts.zone_names():
            raise ZoneUnavailable(zone)
        return zone or None, host or want.host

    def _plans(self, caller: Caller, want: ServerRequest) -> list[NicPlan]:
        """What is unknown to the network is a mistake in this request, so it is a bad request and not a missing URL."""
        with _as_bad_request():
            groups: Sequence[str] = ()
            if want.security_groups:
                groups = self.parts.network.find_security_groups(caller, want.security_groups)
            return self.parts.network.check_nics(caller, want.nics, want.max_count, groups)

    def _server(self, caller: Caller, want: ServerRequest, checked: Checked, reservation_id: str, index: int) -> Server:
        now = self.parts.db.clock.now()
        name = want.name if want.max_count == 1 else f"{want.name}-{index + 1}"
        hostname = want.hostname or want.name
        server_id = str(uuid.uuid4())
        image = checked.image
        return Server(
            id=server_id,
            project_id=caller.project_id or "",
            user_id=caller.user_id,
            name=name,
            vm_state=VmState.BUILDING,
            task_state=TaskState.SCHEDULING,
            power_state=int(Power.NOSTATE),
            host=None,
            image_id=want.image_id,
            flavor_id=checked.flavor.id,
            flavor=checked.flavor.shape,
            image=None
            if image is None
            else ImageFacts(image.id, image.disk_format or "raw", image.size or 0, image.checksum),
            hostname=hostname_of(hostname if want.max_count == 1 else f"{hostname}-{index + 1}", server_id),
            description=want.description,
            availability_zone=checked.zone,
            key_name=want.key_name,
            public_key=checked.key.public_key if checked.key else None,
            user_data=want.user_data,
            config_drive=want.config_drive,
            access_ip_v4=want.access_ip_v4,
            access_ip_v6=want.access_ip_v6,
            disk_config=want.disk_config,
            metadata=dict(want.metadata),
            tags=sorted(set(want.tags)),
            locked=False,
            locked_reason=None,
            group_id=want.group_id,
            reservation_id=reservation_id,
            launch_index=index,
            fault=None,
            generation=0,
            created_at=now,
            updated_at=now,
            launched_at=None,
            terminated_at=None,
            deleted_at=None,
        )


@contextmanager
def _as_bad_request() -> Iterator[None]:
    try:
        yield
    except NotFound as error:
        raise RequestInvalid(error.sentence) from error


def check_user_data(user_data: str) -> None:
    try:
        base64.b64decode(user_data, validate=True)
    except (ValueError, binascii.Error) as error:
        raise RequestInvalid("Userdata content needs to be base 64 encoded.", field="user_data") from error


def hostname_of(name: str, server_id: str) -> str:
    """A name that may stand in DNS, made of the server's: what is not a letter, digit or dash becomes one or goes."""
    plain = name.encode("ascii", "ignore").decode()
    plain = re.sub(r"[ _.]", "-", plain)
    plain = re.sub(r"[^A-Za-z0-9-]+", "", plain).strip("-").lower()[:63].rstrip("-")
    return plain or f"server-{server_id}"
