"""Valid requests to every route, in an order in which they work: a module for each API."""

from tests.rules.walks import compute, identity, image, network

ALL = (identity.WALK, image.FIRST, network.FIRST, compute.WALK, network.LAST, image.LAST)
