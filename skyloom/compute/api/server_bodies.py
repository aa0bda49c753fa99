"""What the calls on servers read. A field that is younger than the asked version is refused as unknown."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from skyloom.compute.errors import RequestInvalid
from skyloom.compute.service.creation import ServerRequest
from skyloom.compute.service.items import check_tags
from skyloom.errors import NotBuilt
from skyloom.network import NicRequest
from skyloom.web.bodies import BodyInvalid
from skyloom.web.context import Version

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^(?!\s)[^\x00-\x1f\x7f-\x9f\u2028\u2029]*(?<!\s)\Z")]
Description = Annotated[str, Meta(max_length=255, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*\Z")]
Word = Annotated[str, Meta(min_length=1, max_length=255)]
Key = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9-_:. ]{1,255}\Z")]
Value = Annotated[str, Meta(max_length=255)]
Items = dict[Key, Value]
Uuid = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\Z")]
Tag = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[^,/]*\Z")]
DiskConfig = Literal["AUTO", "MANUAL"]
Hostname = Annotated[str, Meta(min_length=2, max_length=63, pattern=r"^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+\Z")]
Fqdn = Annotated[str, Meta(min_length=2, max_length=255, pattern=r"^[a-zA-Z0-9][a-zA-Z0-9.-]*[a-zA-Z0-9]\Z")]
DIGITS = re.compile("-?[0-9]{1,100}")
MOST_SERVERS = 1000
TRUE = ("1", "t", "true", "on", "y", "yes")
FALSE = ("0", "f", "false", "off", "n", "no")
SINCE: Mapping[str, Version] = {
    "description": (2, 19),
    "tags": (2, 52),
    "trusted_image_certificates": (2, 63),
    "host": (2, 74),
    "hypervisor_hostname": (2, 74),
    "hostname": (2, 90),
}


class Nic(Struct, forbid_unknown_fields=True, kw_only=True):
    uuid: Uuid | UnsetType | None = UNSET
    port: Uuid | UnsetType | None = UNSET
    fixed_ip: str | UnsetType = UNSET
    tag: Tag | UnsetType = UNSET


class Group(Struct, forbid_unknown_fields=True):
    name: Word


class DeviceMapping(Struct, forbid_unknown_fields=True, kw_only=True):
    """Only an image on a local disk can be mapped yet; the rest is read so that a mistake in it is told."""

    source_type: Literal["volume", "image", "snapshot", "blank"]
    destination_type: Literal["local", "volume"] = "local"
    uuid: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9._-]*\Z")] | None = None
    image_id: Uuid | None = None
    volume_id: Uuid | None = None
    snapshot_id: Uuid | None = None
    boot_index: int | Annotated[str, Meta(pattern=r"^-?[0-9]+\Z")] | None = None
    device_name: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9._/-]*\Z")] | None = None
    device_type: Word | None = None
    disk_bus: Word | None = None
    guest_format: Word | None = None
    virtual_name: Word | None = None
    delete_on_termination: bool | str = False
    no_device: Any = None
    volume_size: Annotated[int, Meta(ge=1)] | Annotated[str, Meta(pattern=r"^[0-9]+\Z")] | None = None
    volume_type: Annotated[str, Meta(max_length=255)] | None = None
    tag: Tag | UnsetType = UNSET


class NewServer(Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name
    flavorRef: Annotated[str, Meta(min_length=1)] | int
    imageRef: str | UnsetType = UNSET
    networks: list[Nic] | Literal["auto", "none"] | UnsetType = UNSET
    security_groups: list[Group] | UnsetType = UNSET
    key_name: Word | None = None
    user_data: Annotated[str, Meta(max_length=65535)] | None = None
    metadata: Items | UnsetType = UNSET
    config_drive: bool | str | None = None
    min_count: int | str = 1
    max_count: int | str | UnsetType = UNSET
    return_reservation_id: bool | str = False
    availability_zone: Annotated[str, Meta(max_length=255)] | None = None
    adminPass: str | None = None
    accessIPv4: str | None = None
    accessIPv6: str | None = None
    disk_config: DiskConfig = field(name="OS-DCF:diskConfig", default="MANUAL")
    block_device_mapping: list[dict[str, Any]] = []
    block_device_mapping_v2: list[DeviceMapping] = []
    hints: dict[str, Any] | UnsetType = field(name="os:scheduler_hints", default=UNSET)
    description: Description | UnsetType | None = UNSET
    tags: list[str] | UnsetType = UNSET
    trusted_image_certificates: list[str] | UnsetType | None = UNSET
    host: Word | UnsetType = UNSET
    hypervisor_hostname: Word | UnsetType = UNSET
    hostname: Fqdn | UnsetType = UNSET


class CreateServer(Struct, forbid_unknown_fields=True, kw_only=True):
    server: NewServer
    hints: dict[str, Any] | UnsetType = field(name="os:scheduler_hints", default=UNSET)
    older_hints: dict[str, Any] | UnsetType = field(name="OS-SCH-HNT:scheduler_hints", default=UNSET)

    def to_request(self, version: Version) -> ServerRequest:
        new = self.server
        refuse_younger(new, version)
        least = whole_of("min_count", new.min_count, 1, MOST_SERVERS)
        most = least if new.max_count is UNSET else whole_of("max_count", new.max_count, 1, MOST_SERVERS)
        if new.tags is not UNSET:
            check_tags(new.tags)
        if new.trusted_image_certificates not in (UNSET, None):
            raise NotBuilt("Skyloom does not check image signatures; leave trusted_image_certificates out.")
        if new.hostname is not UNSET and version < (2, 94) and "." in new.hostname:
            raise RequestInvalid("Invalid input for field/attribute hostname: it may hold no dot before 2.94.")
        return ServerRequest(
            name=new.name,
            image_id=_image(new),
            flavor_id=str(new.flavorRef),
            nics=_nics(new, version),
            security_groups=None if new.security_groups is UNSET else [group.name for group in new.security_groups],
            key_name=new.key_name,
            user_data=new.user_data,
            metadata={} if new.metadata is UNSET else new.metadata,
            tags=() if new.tags is UNSET else new.tags,
            description=_description(new, version),
            hostname=None if new.hostname is UNSET else new.hostname,
            config_drive=flag_of("config_drive", new.config_drive),
            min_count=least,
            max_count=most,
            zone=new.availability_zone,
            host=next((name for name in (new.host, new.hypervisor_hostname) if name is not UNSET), None),
            disk_config=new.disk_config,
            access_ip_v4=ip_of("accessIPv4", new.accessIPv4, 4),
            access_ip_v6=ip_of("accessIPv6", new.accessIPv6, 6),
            group_id=self._group_id(),
            admin_password=new.adminPass,
        )

    def _group_id(self) -> str | None:
        for hints in (self.hints, self.older_hints, self.server.hints):
            if hints is not UNSET and hints.get("group") is not None:
                return str(hints["group"])
        return None


class ChangedServer(Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name | UnsetType = UNSET
    accessIPv4: str | UnsetType | None = UNSET
    accessIPv6: str | UnsetType | None = UNSET
    disk_config: DiskConfig | UnsetType = field(name="OS-DCF:diskConfig", default=UNSET)
    description: Description | UnsetType | None = UNSET
    hostname: Fqdn | UnsetType = UNSET


class UpdateServer(Struct, forbid_unknown_fields=True):
    server: ChangedServer

    def to_values(self, version: Version) -> dict[str, object]:
        """Column -> value."""
        new = self.server
        refuse_younger(new, version)
        values: dict[str, object] = {
            "name": new.name,
            "disk_config": new.disk_config,
            "description": new.description,
            "hostname": new.hostname,
        }
        if new.accessIPv4 is not UNSET:
            values["access_ip_v4"] = ip_of("accessIPv4", new.accessIPv4, 4)
        if new.accessIPv6 is not UNSET:
            values["access_ip_v6"] = ip_of("accessIPv6", new.accessIPv6, 6)
        return {name: value for name, value in values.items() if value is not UNSET}


def refuse_younger(new: Struct, version: Version) -> None:
    for name, since in SINCE.items():
        if version < since and getattr(new, name, UNSET) is not UNSET:
            raise BodyInvalid(
                f"Invalid input for field/attribute server. Additional properties are not allowed ('{name}' was "
                f"unexpected); it came with version {since[0]}.{since[1]}.",
                field=name,
            )


def _description(new: NewServer, version: Version) -> str | None:
    """Before descriptions could be given, a server was described by its name."""
    if version < (2, 19):
        return new.name
    return None if new.description is UNSET else new.description


def _nics(new: NewServer, version: Version) -> Sequence[NicRequest] | None:
    if new.networks is UNSET:
        if version >= (2, 37):
            raise BodyInvalid("Invalid input for field/attribute server: 'networks' is a required property.")
        return ()
    if isinstance(new.networks, str):
        if version < (2, 37):
            raise BodyInvalid(f"Invalid input for field/attribute networks: {new.networks!r} came with version 2.37.")
        return None if new.networks == "none" else ()
    return [_nic(each, version) for each in new.networks]


def _nic(nic: Nic, version: Version) -> NicRequest:
    if nic.tag is not UNSET and not ((2, 32) <= version <= (2, 36) or version >= (2, 42)):
        raise BodyInvalid("Invalid input for field/attribute networks: 'tag' is not part of this version.")
    port_id = None if nic.port is UNSET else nic.port
    network_id = None if nic.uuid is UNSET else nic.uuid
    if port_id is None and network_id is None:
        raise RequestInvalid("Bad networks format: each network needs a uuid or a port.", field="networks")
    fixed_ip = None
    if nic.fixed_ip is not UNSET:
        if port_id is not None:
            raise RequestInvalid("Specified Fixed IP cannot be used with port: the port has its own.", field="fixed_ip")
        fixed_ip = ip_of("fixed_ip", nic.fixed_ip, None)
    tag = None if nic.tag is UNSET else nic.tag
    return NicRequest(network_id=network_id, port_id=port_id, fixed_ip=fixed_ip, tag=tag)


def _image(new: NewServer) -> str | None:
    """The image to boot from: named itself, or by a mapping that means the same."""
    if new.block_device_mapping:
        raise NotBuilt("Skyloom cannot boot from a volume yet; name an image by imageRef.")
    image_id = None if new.imageRef is UNSET or not new.imageRef else new.imageRef.rpartition("/")[2]
    for mapping in new.block_device_mapping_v2:
        if mapping.source_type != "image" or mapping.destination_type != "local":
            raise NotBuilt("Skyloom cannot attach volumes at creation yet; map an image to a local disk only.")
        if str(mapping.boot_index) == "0":
            image_id = image_id or mapping.uuid
    if image_id is None:
        raise RequestInvalid(
            "Invalid imageRef provided: block device mapping is invalid, there is no image to boot from.",
            field="imageRef",
        )
    if not is_uuid(image_id):
        raise RequestInvalid("Invalid imageRef provided.", field="imageRef")
    return image_id


def is_uuid(text: str) -> bool:
    plain = text.replace("-", "")
    return len(plain) == 32 and all(letter in "0123456789abcdefABCDEF" for letter in plain)


def whole_of(name: str, value: int | str, least: int, most: int) -> int:
    """Nova takes a number, or its digits in quotes."""
    number = value if isinstance(value, int) else int(value) if DIGITS.fullmatch(value) else None
    if number is None or not least <= number <= most:
        raise RequestInvalid(
            f"Invalid input for field/attribute {name}: {value!r} is no whole number from {least} to {most}.",
            field=name,
        )
    return number


def flag_of(name: str, value: bool | str | None) -> bool:
    """Nova takes a boolean, or a word for it."""
    plain = value.strip().lower() if isinstance(value, str) else value
    if plain is None or isinstance(plain, bool):
        return bool(plain)
    if plain not in (*TRUE, *FALSE, ""):
        raise RequestInvalid(f"Invalid input for field/attribute {name}: {value!r} is no boolean.", field=name)
    return plain in TRUE


def ip_of(name: str, value: str | None, version: int | None) -> str | None:
    """The address in its canonical spelling; empty means none."""
    if not value:
        return None
    try:
        address = ipaddress.ip_address(value)
    except ValueError as error:
        raise RequestInvalid(f"Invalid input for field/attribute {name}: {value!r} is no IP address.") from error
    if version is not None and address.version != version:
        raise RequestInvalid(f"Invalid input for field/attribute {name}: {value!r} is no IPv{version} address.")
    return str(address)
