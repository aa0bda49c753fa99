"""What all tests share: the real parts of the machine, which a build must never do without.

A test marked needs("ovn") is skipped where Open vSwitch cannot run; a build (CI or SKYLOOM_REQUIRE_PARTS is set) counts
any such skip as a failure, so that a green build has tried every real part.
"""

import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from skyloom import guest
from skyloom.cli.image import default_folder


def _programs(*names: str) -> str | None:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [name for name in names if shutil.which(name, path=path) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def _postgresql() -> str | None:
    return None if any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) else "not installed: postgresql's initdb"


def _ovn() -> str | None:
    if os.geteuid() != 0:
        return "Open vSwitch needs root"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "/dev/net/tun cannot be opened"
    return _programs("ovsdb-server", "ovs-vswitchd", "ovn-northd", "ovn-controller")


def _samba() -> str | None:
    if os.geteuid() != 0:
        return "Samba's ports need root"
    return _programs("samba", "samba-tool")


# part -> why the machine lacks it, or None
PARTS: dict[str, Callable[[], str | None]] = {
    "node": lambda: _programs("node", "npm"),
    "nats": lambda: _programs("nats-server"),
    "ovn": _ovn,
    "postgresql": _postgresql,
    "qemu": lambda: _programs("qemu-system-x86_64", "qemu-img"),
    "samba": _samba,
    "slapd": lambda: _programs("slapd", "slapadd"),
    "xmlsec1": lambda: _programs("xmlsec1"),
}


def _parts_are_required() -> bool:
    return any(os.environ.get(name, "") not in ("", "0") for name in ("CI", "SKYLOOM_REQUIRE_PARTS"))


def _needs(item: pytest.Item) -> list[str]:
    return [part for mark in item.iter_markers("needs") for part in mark.args]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    unknown = {part for item in items for part in _needs(item)} - PARTS.keys()
    if unknown:
        raise pytest.UsageError(f"needs({', '.join(sorted(unknown))}): the parts are {', '.join(PARTS)}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for part in _needs(item):
        if reason := PARTS[part]():
            pytest.skip(f"needs {part}: {reason}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and _needs(item) and _parts_are_required() and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"A build may not skip this test. {reason}. `setup/install --test` installs what is missing."
    return report


@pytest.fixture(scope="session")
def tiny_image() -> guest.TinyImage:
    """The tiny guest, kept between runs in the same folder as `skyloom image build tiny` uses."""
    return guest.build(default_folder(), print)
