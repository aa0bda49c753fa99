"""The rooms import each other as tests/rules/rooms.py says."""

import subprocess
import sys

import pytest

from tests.rules import exceptions
from tests.rules.rooms import DOMAINS, is_domain, is_program, may_import, room_of, within
from tests.rules.source import imports, modules


def test_each_module_imports_only_what_its_room_may():
    found = {
        f"{name} -> {target}"
        for name, module in modules().items()
        for target in imports(module)
        if not may_import(name, target)
    }
    exceptions.check("import", found)


def test_only_the_assembly_picks_concrete_drivers():
    def is_driver(target: str) -> bool:
        return is_domain(target) and room_of(target)[1] == "drivers"

    found = {
        f"{name} -> {target}"
        for name, module in modules().items()
        for target in imports(module)
        if is_driver(target) and not within(name, "skyloom.wire") and not within(name, target.rpartition(".")[0])
    }
    exceptions.check("driver", found)


def test_a_simulated_cloud_loads_no_library_of_a_technology():
    """They are optional, and each costs memory and time at the start."""
    vendors = "jwt ldap libvirt ovs ovsdbapp nats psycopg alembic saml2 defusedxml"
    code = f"import sys, skyloom.control; print(*set('{vendors}'.split()) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == []


def test_nothing_of_the_product_imports_tests():
    assert not [name for name, module in modules().items() if any(within(each, "tests") for each in imports(module))]


def test_packages_import_each_other_in_one_direction():
    """Imports in functions count too: they hide a circle, and do not undo it."""
    edges: dict[str, set[str]] = {}
    for name, module in modules().items():
        for target in imports(module):
            if within(target, "skyloom") and _package(name) != _package(target) != "skyloom":
                edges.setdefault(_package(name), set()).add(_package(target))
    exceptions.check("circle", _circles(edges))


def test_modules_import_each_other_in_one_direction():
    edges = {
        name: {
            target for target in imports(module, at_start_only=True) if target in modules() and not _above(target, name)
        }
        for name, module in modules().items()
    }
    exceptions.check("module-circle", _circles(edges))


def _package(name: str) -> str:
    return name if is_program(name) and name.endswith("__main__") else ".".join(name.split(".")[:2])


def _above(target: str, name: str) -> bool:
    """A package's own face, which Python has begun to import already."""
    return name.startswith(f"{target}.")


def _circles(edges: dict[str, set[str]]) -> set[str]:
    """The sets of nodes that can reach each other, as `a, b`."""
    reach = {node: _reachable(edges, node) for node in edges}
    circles = set()
    for node, reached in reach.items():
        if node in reached:
            together = {other for other in reached if node in reach.get(other, ())}
            circles.add(", ".join(sorted(together)))
    return circles


def _reachable(edges: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    ahead = list(edges.get(start, ()))
    while ahead:
        node = ahead.pop()
        if node not in seen:
            seen.add(node)
            ahead += edges.get(node, ())
    return seen


@pytest.mark.parametrize(
    ("module", "target", "allowed"),
    [
        ("skyloom.image.model", "sqlalchemy", False),
        ("skyloom.image.model", "skyloom.states", True),
        ("skyloom.image.api.images", "skyloom.image.store", False),
        ("skyloom.image.api.images", "skyloom.db.database", False),
        ("skyloom.image.api.images", "skyloom.db.listing", True),
        ("skyloom.image.service", "skyloom.image.drivers.files", False),
        ("skyloom.image.service", "skyloom.image.drivers.contract", True),
        ("skyloom.image.service", "skyloom.web.app", False),
        ("skyloom.compute.flows.create_server", "skyloom.network", True),
        ("skyloom.compute.flows.create_server", "skyloom.network.store", False),
        ("skyloom.compute.drivers.libvirt.driver", "libvirt", True),
        ("skyloom.compute.drivers.libvirt.driver", "skyloom.compute.service", False),
        ("skyloom.db.database", "skyloom.identity", False),
        ("skyloom.wire.core", "skyloom.image.drivers.files", True),
    ],
)
def test_the_table_says_what_the_page_of_the_architecture_says(module, target, allowed):
    assert may_import(module, target) is allowed


def test_each_domain_is_known():
    assert {"identity", "image", "network", "compute"} <= DOMAINS
