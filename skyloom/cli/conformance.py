"""`skyloom conformance`: OpenStack's own test suite against this cloud, or against any endpoint."""

import argparse
import os
from pathlib import Path

from skyloom.cli.options import add_state, home_of
from skyloom.errors import NotFound
from skyloom.home import Home

NEEDS_PACKETS = r"TestNetworkBasicOps\.test_network_basic_ops"
"""Pings floating addresses, which simulated networks do not carry."""


class SuiteMissing(NotFound):
    code = "conformance.suite_missing"


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("conformance", help="run OpenStack's own test suite against a cloud")
    add_state(parser)
    parser.add_argument("--set", action="append", default=[], metavar="NAME", help="smoke, identity, … (smoke)")
    parser.add_argument("--os-cloud", metavar="NAME", help="any cloud of your clouds.yaml instead of this one")
    parser.add_argument("--suite", type=Path, metavar="DIR", help="the suite's folder (../shared/conformance)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where results are written (./conformance-out/TIME)")
    parser.add_argument("rest", nargs="*", metavar="-- OPTION", help="passed on to the suite")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """The suite's own exit status: 0 all that ran passed, 1 a failure, 2 nothing ran, 3 a set-up error."""
    home = home_of(arguments)
    environment = dict(os.environ)
    excluded: list[str] = []
    if arguments.os_cloud:
        environment["OS_CLOUD"] = arguments.os_cloud
    else:
        environment |= {"OS_CLIENT_CONFIG_FILE": str(home.clouds_yaml), "OS_CLOUD": "skyloom-admin"}
        if home.ca.exists():
            # the clients of the suite's plug-ins know no other way to be told of a CA
            environment |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(_trusted(home)))
        ready = home.ready_now()
        if ready is not None and ready.network == "simulated":
            excluded = ["--exclude", NEEDS_PACKETS]
    sets = [word for name in arguments.set or ["smoke"] for word in ("--set", name)]
    out = ["--out", str(arguments.out)] if arguments.out else []
    command = [str(suite(arguments.suite)), *sets, *out, *excluded, *arguments.rest]
    os.execve(command[0], command, environment)


def _trusted(home: Home) -> Path:
    """The machine's CAs and the cloud's: by the same variables the suite fetches its own packages at its first use."""
    known = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
    bundle = home.folder / "ca-with-system.pem"
    bundle.write_bytes((known.read_bytes() if known.exists() else b"") + home.ca.read_bytes())
    return bundle


def suite(folder: Path | None) -> Path:
    """The program that runs OpenStack's suite."""
    places = [folder] if folder else [Path(os.environ.get("SKYLOOM_CONFORMANCE", "../shared/conformance"))]
    for place in places:
        if (place / "run").exists():
            return (place / "run").absolute()
    raise SuiteMissing(f"There is no conformance suite in {places[0]}; name its folder by --suite.")
