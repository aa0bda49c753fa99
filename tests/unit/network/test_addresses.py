import ipaddress
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyloom.network import addresses
from skyloom.network.model import Pool

V4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 32)).map(
    lambda t: str(ipaddress.ip_network((t[0], t[1]), strict=False))
)
V6 = st.tuples(st.integers(0, 2**128 - 1), st.integers(1, 128)).map(
    lambda t: str(ipaddress.ip_network((t[0], t[1]), strict=False))
)
CIDRS = st.one_of(V4, V6)


@given(CIDRS, st.data())
def test_default_pools_hold_usable_addresses_and_not_the_gateway(cidr, data):
    gateway = addresses.first_host(cidr)
    pools = addresses.default_pools(cidr, gateway)
    assert addresses.overlapping(pools) is None
    for pool in pools:
        assert addresses.usable(cidr, pool.start) and addresses.usable(cidr, pool.end)
    assert not addresses.is_in(pools, gateway)


@given(st.integers(0, 250), st.integers(0, 5), st.integers(1, 8), st.integers())
def test_picks_are_different_and_of_the_pools(start, length, count, seed):
    pools = [Pool(f"10.0.0.{start}", f"10.0.0.{start + length}")]
    found = addresses.picks(pools, count, random.Random(seed))
    assert len(set(found)) == len(found) <= min(count, length + 1)
    assert all(addresses.is_in(pools, address) for address in found)
    if count > length:
        assert len(found) == length + 1


def test_a_pick_from_a_huge_pool_costs_nothing():
    pools = [Pool("fd00::1", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
    assert len(addresses.picks(pools, 8, random.Random(1))) == 8


@given(st.sets(st.integers(2, 9)))
def test_the_lowest_free_address(taken):
    pools = [Pool("10.0.0.2", "10.0.0.4"), Pool("10.0.0.6", "10.0.0.9")]
    free = [n for n in (2, 3, 4, 6, 7, 8, 9) if n not in taken]
    expected = f"10.0.0.{free[0]}" if free else None
    assert addresses.lowest_free(pools, {f"10.0.0.{n}" for n in taken}) == expected


@given(st.lists(st.integers(18, 26), max_size=12))
def test_prefixes_cut_out_of_a_pool_never_overlap(lengths):
    taken: list[str] = []
    for length in lengths:
        found = addresses.free_prefix(["10.0.0.0/20", "10.1.0.0/18"], taken, length)
        if found is None:
            continue
        assert not any(addresses.overlap(found, other) for other in taken)
        assert any(
            ipaddress.ip_network(found).subnet_of(ipaddress.ip_network(p)) for p in ("10.0.0.0/20", "10.1.0.0/18")
        )
        taken.append(found)


def test_a_full_prefix_pool_gives_none():
    assert addresses.free_prefix(["10.0.0.0/24"], ["10.0.0.0/25", "10.0.0.128/25"], 26) is None
    assert addresses.free_prefix(["10.0.0.0/24"], ["10.0.0.0/25"], 25) == "10.0.0.128/25"


def test_eui64():
    assert addresses.eui64("2001:db8::/64", "fa:16:3e:00:00:01") == "2001:db8::f816:3eff:fe00:1"


@pytest.mark.parametrize(
    ("cidr", "address", "usable"),
    [
        ("10.0.0.0/24", "10.0.0.0", False),
        ("10.0.0.0/24", "10.0.0.255", False),
        ("10.0.0.0/24", "10.0.0.1", True),
        ("10.0.0.0/31", "10.0.0.0", True),
        ("10.0.0.0/24", "fd00::1", False),
        ("fd00::/64", "fd00::", False),
        ("fd00::/64", "fd00::ffff:ffff:ffff:ffff", True),
    ],
)
def test_usable(cidr, address, usable):
    assert addresses.usable(cidr, address) is usable
