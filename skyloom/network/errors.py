"""What can go wrong with networks. The class names are Neutron's: they stand as `type` in the API's errors."""

from skyloom.errors import BadRequest, Conflict, Forbidden, NotFound, OverLimit, Unavailable


class HTTPBadRequest(BadRequest):
    """The body or the query names something that the call does not take."""

    code = "network.request_invalid"


class InvalidInput(BadRequest):
    code = "network.input_invalid"


class ExternalNetworkForbidden(Forbidden):
    """A project's own port cannot be on an external network."""

    code = "network.external_forbidden"


class NetworkNotFound(NotFound):
    code = "network.not_found"


class SubnetNotFound(NotFound):
    code = "subnet.not_found"


class InvalidRoutes(BadRequest):
    code = "router.routes_invalid"


class RoutesExhausted(BadRequest):
    code = "router.too_many_routes"


class SubnetPoolNotFound(NotFound):
    code = "subnetpool.not_found"


class PortNotFound(NotFound):
    code = "port.not_found"


class RouterNotFound(NotFound):
    code = "router.not_found"


class RouterInterfaceNotFound(NotFound):
    code = "router.interface_not_found"


class RouterInterfaceNotFoundForSubnet(NotFound):
    code = "router.interface_not_found_for_subnet"


class FloatingIPNotFound(NotFound):
    code = "floatingip.not_found"


class ExternalGatewayForFloatingIPNotFound(NotFound):
    code = "floatingip.no_external_gateway"


class SecurityGroupNotFound(NotFound):
    code = "security_group.not_found"


class SecurityGroupRuleNotFound(NotFound):
    code = "security_group_rule.not_found"


class AgentNotFound(NotFound):
    code = "agent.not_found"


class ExtensionNotFound(NotFound):
    code = "extension.not_found"


class TagNotFound(NotFound):
    code = "tag.not_found"


class NetworkInUse(Conflict):
    code = "network.in_use"


class SubnetInUse(Conflict):
    code = "subnet.in_use"


class PortInUse(Conflict):
    code = "port.in_use"


class L3PortInUse(Conflict):
    code = "port.held_by_router"


class RouterInUse(Conflict):
    code = "router.in_use"


class RouterInterfaceInUseByFloatingIP(Conflict):
    code = "router.interface_in_use_by_floatingip"


class RouterInterfaceInUseByRoute(Conflict):
    code = "router.interface_in_use_by_route"


class RouterExternalGatewayInUseByFloatingIp(Conflict):
    code = "router.gateway_in_use_by_floatingip"


class FloatingIPPortAlreadyAssociated(Conflict):
    code = "floatingip.port_has_one"


class ExternalIpAddressExhausted(BadRequest):
    code = "floatingip.addresses_used_up"


class IpAddressAlreadyAllocated(Conflict):
    code = "port.ip_address_taken"


class IpAddressInUse(Conflict):
    code = "port.ip_address_in_use"


class IpAddressGenerationFailure(Conflict):
    """The subnets of the network have no free address."""

    code = "network.addresses_used_up"


class MacAddressInUse(Conflict):
    code = "port.mac_address_in_use"


class InvalidIpForSubnet(BadRequest):
    code = "port.ip_address_not_in_subnet"


class InvalidIpForNetwork(BadRequest):
    code = "port.ip_address_not_on_network"


class PortSecurityPortHasSecurityGroup(Conflict):
    code = "port.security_groups_without_port_security"


class AddressPairAndPortSecurityRequired(Conflict):
    code = "port.address_pairs_without_port_security"


class GatewayConflictWithAllocationPools(Conflict):
    code = "subnet.gateway_in_pool"


class GatewayIpInUse(Conflict):
    code = "subnet.gateway_in_use"


class OutOfBoundsAllocationPool(BadRequest):
    code = "subnet.pool_outside"


class OverlappingAllocationPools(Conflict):
    code = "subnet.pools_overlap"


class SubnetAllocationError(Conflict):
    code = "subnetpool.used_up"


class NetworkMTUSubnetConflict(Conflict):
    code = "network.mtu_below_subnets"


class SecurityGroupConflict(Conflict):
    code = "port.mixed_security_groups"


class SubnetPoolInUse(Conflict):
    code = "subnetpool.in_use"


class MinPrefixSubnetAllocationError(BadRequest):
    code = "subnetpool.prefix_too_short"


class MaxPrefixSubnetAllocationError(BadRequest):
    code = "subnetpool.prefix_too_long"


class IllegalSubnetPoolUpdate(BadRequest):
    code = "subnetpool.update_invalid"


class IllegalSubnetPoolPrefixBounds(BadRequest):
    code = "subnetpool.prefix_bounds"


class SecurityGroupInUse(Conflict):
    code = "security_group.in_use"


class SecurityGroupCannotRemoveDefault(Conflict):
    code = "security_group.default_stays"


class SecurityGroupCannotUpdateDefault(Conflict):
    code = "security_group.default_name_stays"


class SecurityGroupDefaultAlreadyExists(Conflict):
    code = "security_group.default_exists"


class SecurityGroupRuleExists(Conflict):
    code = "security_group_rule.exists"


class SecurityGroupRuleInvalid(BadRequest):
    code = "security_group_rule.invalid"


class InUse(Conflict):
    """The project still has resources of others' in it, or the other way round."""

    code = "network.still_in_use"


class OverQuota(OverLimit):
    code = "network.quota_exceeded"


class TooManyNetworks(Conflict):
    """A server was asked for without NICs, and its project has several networks."""

    code = "network.ambiguous"


class NicPortInUse(Conflict):
    code = "port.attached_already"


class NicNetworkUnusable(BadRequest):
    """A server's NIC cannot be on this network."""

    code = "network.unusable"


class ProviderNetworkInUse(Conflict):
    code = "network.segment_taken"


class NetworkBackendAway(Unavailable):
    code = "network.backend_not_answering"
