"""Neutron's API v2.0."""

from skyloom.errors import OverLimit
from skyloom.network.api import discovery, extensions, quotas, routers, tags, zones
from skyloom.network.api.crud import crud
from skyloom.network.api.not_built import NOT_BUILT
from skyloom.network.resources import (
    FLOATINGIP,
    NETWORK,
    PORT,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
    SUBNET,
    SUBNETPOOL,
)
from skyloom.network.service import NetworkService
from skyloom.web.errors import network_form
from skyloom.web.routes import Api

ROUTES = [
    *discovery.ROUTES,
    *extensions.ROUTES,
    *crud(lambda service: service.networks, NETWORK),
    *crud(lambda service: service.subnets, SUBNET),
    *crud(lambda service: service.subnetpools, SUBNETPOOL),
    *crud(lambda service: service.ports, PORT),
    *routers.ROUTES,
    *crud(lambda service: service.floatingips, FLOATINGIP),
    *crud(lambda service: service.security_groups, SECURITY_GROUP),
    *crud(lambda service: service.security_group_rules, SECURITY_GROUP_RULE, "list show create delete"),
    *tags.ROUTES,
    *quotas.ROUTES,
    *zones.ROUTES,
]


def api(service: NetworkService) -> Api:
    return Api("network", "/network", ROUTES, service, network_form, statuses={OverLimit: 409}, not_built=NOT_BUILT)
