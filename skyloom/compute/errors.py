"""Errors of compute. The sentences that clients are known to look for are worded as Nova words them."""

from skyloom.errors import BadRequest, Conflict, Forbidden, Gone, NotFound, OverLimit, Unavailable


class ServerNotFound(NotFound):
    code = "server.not_found"

    def __init__(self, server_id: str):
        super().__init__(f"Instance {server_id} could not be found.", server=server_id)


class ServerInWrongState(Conflict):
    code = "server.wrong_state"

    def __init__(self, server_id: str, action: str, attribute: str, state: str | None):
        super().__init__(
            f"Cannot '{action}' instance {server_id} while it is in {attribute} {state}", server=server_id, state=state
        )


class ServerLocked(Conflict):
    code = "server.locked"

    def __init__(self, server_id: str):
        super().__init__(f"Instance {server_id} is locked; unlock it first.", server=server_id)


class ServerHasNoHost(Conflict):
    code = "server.no_host"

    def __init__(self, server_id: str):
        super().__init__(f"Instance {server_id} is not ready: it has no host yet.", server=server_id)


class ServerChanged(Conflict):
    code = "server.changed"

    def __init__(self, server_id: str):
        super().__init__(f"Instance {server_id} was changed by another request meanwhile; try again.", server=server_id)


class RequestInvalid(BadRequest):
    """A value of the body or the query breaks a rule; the sentence names it."""

    code = "server.invalid"


class ImageUnusable(BadRequest):
    code = "server.image_unusable"


class ImageUnknown(BadRequest):
    code = "server.image_unknown"

    def __init__(self, image_id: str):
        super().__init__(f"Can not find requested image {image_id}.", image=image_id)


class FlavorUnknown(BadRequest):
    code = "server.flavor_unknown"

    def __init__(self, flavor_id: str):
        super().__init__(f"Flavor {flavor_id} could not be found.", flavor=flavor_id)


class FlavorTooSmall(BadRequest):
    code = "server.flavor_too_small"


class KeyUnknown(BadRequest):
    code = "server.key_unknown"

    def __init__(self, name: str):
        super().__init__("Invalid key_name provided.", key=name)


class ZoneUnavailable(BadRequest):
    code = "server.zone_unavailable"

    def __init__(self, zone: str):
        super().__init__("The requested availability zone is not available", zone=zone)


class HostUnknown(BadRequest):
    code = "server.host_unknown"

    def __init__(self, host: str):
        super().__init__(f"Compute host {host} could not be found.", host=host)


class MetadataKeyNotFound(NotFound):
    code = "server.metadata_key_not_found"

    def __init__(self, key: str):
        super().__init__("Metadata item was not found", key=key)


class AddressesNotFound(NotFound):
    code = "server.network_not_found"

    def __init__(self, network: str):
        super().__init__(f"The server has no network called {network}.", network=network)


class InterfaceNotFound(NotFound):
    code = "server.interface_not_found"

    def __init__(self, port_id: str):
        super().__init__(f"The server has no port {port_id}.", port=port_id)


class TagNotFound(NotFound):
    code = "server.tag_not_found"

    def __init__(self, server_id: str, tag: str):
        super().__init__(f"Server {server_id} has no tag '{tag}'", server=server_id, tag=tag)


class ActionNotFound(NotFound):
    code = "server.action_not_found"

    def __init__(self, server_id: str, request_id: str):
        super().__init__(f"Action for request_id {request_id} on instance {server_id} not found", server=server_id)


class FlavorNotFound(NotFound):
    code = "flavor.not_found"

    def __init__(self, flavor_id: str):
        super().__init__(f"Flavor {flavor_id} could not be found.", flavor=flavor_id)


class FlavorExists(Conflict):
    code = "flavor.exists"


class FlavorAccessExists(Conflict):
    code = "flavor.access_exists"


class FlavorAccessNotFound(NotFound):
    code = "flavor.access_not_found"


class FlavorIsPublic(Conflict):
    code = "flavor.is_public"


class ExtraSpecNotFound(NotFound):
    code = "flavor.extra_spec_not_found"

    def __init__(self, flavor_id: str, key: str):
        super().__init__(f"Flavor {flavor_id} has no extra specs with key {key}.", flavor=flavor_id, key=key)


class KeyPairNotFound(NotFound):
    code = "keypair.not_found"

    def __init__(self, name: str, user_id: str):
        super().__init__(f"Keypair {name} not found for user {user_id}", keypair=name)


class KeyPairExists(Conflict):
    code = "keypair.exists"

    def __init__(self, name: str):
        super().__init__(f"Key pair '{name}' already exists.", keypair=name)


class KeyPairInvalid(BadRequest):
    code = "keypair.invalid"


class HypervisorNotFound(NotFound):
    code = "hypervisor.not_found"

    def __init__(self, hypervisor_id: str):
        super().__init__(f"Hypervisor with ID '{hypervisor_id}' could not be found.", hypervisor=hypervisor_id)


class ServiceNotFound(NotFound):
    code = "service.not_found"

    def __init__(self, service: str):
        super().__init__(f"Compute service {service} could not be found.", service=service)


class ServerGroupNotFound(NotFound):
    code = "server_group.not_found"

    def __init__(self, group_id: str):
        super().__init__(f"Instance group {group_id} could not be found.", group=group_id)


class QuotaExceeded(OverLimit):
    code = "compute.quota_exceeded"


class QuotaInvalid(BadRequest):
    code = "compute.quota_invalid"


class ForbiddenHost(Forbidden):
    code = "server.host_forbidden"


class CallRemoved(Gone):
    """What nova-network served; its calls answer 410 in every version."""

    code = "compute.call_removed"


class HostAway(Unavailable):
    code = "host.away"

    def __init__(self, host: str):
        super().__init__(f"The host {host} does not answer now; try again later.", host=host)
