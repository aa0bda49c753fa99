"""Valid requests to every route, in an order in which they work: a module for each API."""

from tests.rules.walks import compute, identity, identity_federation, image, network

ALL = (
    identity.WALK,
    identity_federation.SHIBBOLETH,
    image.FIRST,
    network.FIRST,
    compute.WALK,
    network.LAST,
    image.LAST,
)
