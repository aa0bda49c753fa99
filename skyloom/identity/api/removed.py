"""What Keystone had for PKI tokens and gave up; its paths still stand in the reference, and nobody gets anything."""

from skyloom.identity.api.views import Ctx
from skyloom.identity.errors import NoListOfRevoked, PkiGone
from skyloom.web.routes import PUBLIC, Route


def gone(ctx: Ctx) -> None:
    raise PkiGone()


def refused(ctx: Ctx) -> None:
    raise NoListOfRevoked()


ROUTES = [
    Route("GET", "/v3/auth/tokens/OS-PKI/revoked", refused, PUBLIC),
    Route("GET", "/v3/OS-SIMPLE-CERT/ca", gone, PUBLIC),
    Route("GET", "/v3/OS-SIMPLE-CERT/certificates", gone, PUBLIC),
]
