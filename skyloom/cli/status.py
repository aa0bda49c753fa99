"""`skyloom status`: whether the cloud of a folder runs, where, and of which parts it is made."""

import argparse
import json

from skyloom.cli.options import add_state, home_of
from skyloom.home import CONTROL
from skyloom.parts.processes import Processes


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("status", help="show whether a cloud runs, where, and what it is made of")
    add_state(parser)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0 when the cloud runs, 3 when it does not (as the LSB has it for services)."""
    home = home_of(arguments)
    if not home.folder.exists():
        shown: dict[str, object] = {"state": str(home.folder), "running": False, "processes": {}}
    else:
        processes = Processes(home.processes, home.logs)
        ready = home.ready_now()
        pids = {name: record.pid for name in processes.names() if (record := processes.running(name)) is not None}
        is_running = CONTROL in pids and ready is not None
        shown = {"state": str(home.folder), "running": is_running, "processes": pids}
        if ready is not None and is_running:
            shown |= {
                "url": ready.url,
                "hypervisor": ready.hypervisor,
                "network": ready.network,
                "hosts": ready.hosts,
                "clouds_yaml": str(home.clouds_yaml),
            }
            if home.policy_state.exists():
                shown["policy"] = json.loads(home.policy_state.read_bytes())
    if arguments.json:
        print(json.dumps(shown))
    else:
        _print(shown)
    return 0 if shown["running"] else 3


def _print(shown: dict[str, object]) -> None:
    policy = shown.pop("policy", None)
    for name, value in shown.items():
        if isinstance(value, dict):
            value = ", ".join(f"{process} ({pid})" for process, pid in value.items()) or "none"
        print(f"{name:12} {value}")
    if isinstance(policy, dict):
        print(f"{'policy':12} {policy['rules']} rules of {', '.join(policy['files']) or 'no file'}")
        for word in filter(None, [policy["trouble"], *policy["warnings"]]):
            print(f"{'':12} {word}")
