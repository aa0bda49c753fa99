"""Nova's REST API v2.1, one file a resource."""

from skyloom.compute.api import (
    actions,
    addresses,
    extensions,
    flavors,
    groups,
    history,
    hosts,
    items,
    keypairs,
    quotas,
    security_groups,
    servers,
    versions,
)
from skyloom.compute.api.not_built import NOT_BUILT, SERVER_ACTIONS
from skyloom.compute.compute import ComputeService
from skyloom.web.errors import MethodNotAllowed, compute_form
from skyloom.web.routes import Api

PARTS = (
    versions,
    servers,
    actions,
    items,
    addresses,
    history,
    security_groups,
    flavors,
    keypairs,
    groups,
    hosts,
    quotas,
    extensions,
)
ROUTES = [route for part in PARTS for route in part.ROUTES]
BODY_LIMIT_BYTES = 512 * 1024
"""User data and metadata fit into it many times."""


def api(service: ComputeService) -> Api:
    return Api(
        name="compute",
        prefix="/compute",
        routes=ROUTES,
        service=service,
        error_form=compute_form,
        microversions=versions.OFFERED,
        body_limit_bytes=BODY_LIMIT_BYTES,
        statuses={MethodNotAllowed: 404},
        not_built=NOT_BUILT,
        not_built_actions=[("/v2.1/servers/{server_id}/action", name) for name in sorted(SERVER_ACTIONS)],
        request_id_header="X-Compute-Request-Id",
        project_after="/v2.1",
    )
