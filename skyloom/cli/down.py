"""`skyloom down`: end a cloud, and leave no process, namespace, bridge, mount or socket behind."""

import argparse

from skyloom.cli.options import add_state, home_of


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("down", help="stop a cloud with its guests; its data stay for the next `up`")
    add_state(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    home = home_of(arguments)
    if not home.folder.exists():
        print(f"There is no cloud in {home.folder}.")
        return 0
    from skyloom.parts.processes import Processes
    from skyloom.wire.down import take_down

    processes = Processes(home.processes, home.logs)
    ran = any(processes.running(name) for name in processes.names())
    take_down(home)
    print(f"The cloud of {home.folder} {'is down' if ran else 'ran no more'}; its data are kept there.")
    return 0
