"""`skyloom up`: start the cloud of a folder, here or detached."""

import argparse
import os
import sys
import time
from pathlib import Path

import msgspec

from skyloom.cli.options import add_state, home_of
from skyloom.errors import Unavailable
from skyloom.home import CONTROL, FILE, Home, Plan, how_to_use
from skyloom.parts.processes import Daemon, Processes

START_LIMIT_S = 180
SECRETLY = "with a password better as file:PATH, or in the environment as {}"
"""Anybody on the machine reads the arguments of a command while it runs."""


class StartFailed(Unavailable):
    code = "cloud.start_failed"


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser(
        "up", help="start a cloud", description="Start a cloud; ready means: every API answers."
    )
    add_state(parser)
    parser.add_argument("--listen", metavar="HOST:PORT", help="where the APIs are served (127.0.0.1:8443)")
    parser.add_argument("--hypervisor", choices=["auto", "qemu", "simulated"], help="auto: qemu where it can run")
    parser.add_argument("--network", choices=["auto", "ovn", "simulated"], help="auto: ovn where it can run")
    parser.add_argument("--hosts", type=int, metavar="N", help="how many simulated hosts")
    database = "postgresql+psycopg://… instead of SQLite in the folder"
    parser.add_argument("--database", metavar="URL", help=f"{database}; {SECRETLY.format('SKYLOOM_DATABASE')}")
    bus = "nats://… instead of the bus in the process, or 'nats' to start one"
    parser.add_argument("--bus", metavar="URL", help=f"{bus}; {SECRETLY.format('SKYLOOM_BUS')}")
    parser.add_argument("--no-tls", dest="tls", action="store_const", const=False, help="plain HTTP, for benches")
    parser.add_argument("--password-cost", type=int, metavar="N", help="scrypt's cost, 2**N (16)")
    parser.add_argument("--config", metavar="FILE", help="the operator's settings, TOML (skyloom.toml in the folder)")
    parser.add_argument("--detach", action="store_true", help="return when the cloud is ready; `skyloom down` ends it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from skyloom.wire.choice import Choice

    home = home_of(arguments)
    choice = Choice(plan_of(home, arguments))
    _check_configuration(home, choice.plan)
    home.make()
    processes = Processes(home.processes, home.logs)
    running = processes.running(CONTROL)
    if running is not None:
        ready = home.ready_now()
        print(f"The cloud of {home.folder} runs already{f' at {ready.url}' if ready else ''} (process {running.pid}).")
        return 0
    print(f"· {choice.why}", file=sys.stderr, flush=True)
    home.keep_plan(choice.plan)
    home.ready.unlink(missing_ok=True)
    if arguments.detach:
        _detach(home, processes)
        return 0
    from skyloom.control import serve

    return serve(home, choice.plan)


def _check_configuration(home: Home, plan: Plan) -> None:
    """Only a cloud that has settings pays for loading what they are checked with."""
    if home.configuration(plan) is not None:
        from skyloom.wire.configuration import configuration

        configuration(home, plan)


def plan_of(home: Home, arguments: argparse.Namespace) -> Plan:
    """The folder's plan with what was asked for now."""
    asked = {name: getattr(arguments, name) for name in Plan.__struct_fields__ if getattr(arguments, name) is not None}
    for name in ("database", "bus"):
        # Out of the environment too, or every daemon of the cloud would inherit it.
        secret = os.environ.pop(f"SKYLOOM_{name.upper()}", None)
        if secret and name not in asked:
            asked[name] = secret
        if asked.get(name, "").startswith(FILE):
            asked[name] = f"{FILE}{Path(asked[name].removeprefix(FILE)).expanduser().absolute()}"
    if "config" in asked:
        asked["config"] = str(Path(asked["config"]).expanduser().absolute())
    return msgspec.structs.replace(home.plan(), **asked)


def _detach(home: Home, processes: Processes) -> None:
    log = processes.log(CONTROL)
    start = log.stat().st_size if log.exists() else 0
    pid = processes.ensure(
        Daemon(
            CONTROL,
            [sys.executable, "-m", "skyloom.control", str(home.folder)],
            {"PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
    )
    deadline = time.monotonic() + START_LIMIT_S
    shown = start
    while (ready := home.ready_now()) is None or ready.pid != pid:
        shown = _show(log, shown)
        if processes.running(CONTROL) is None:
            _show(log, shown)
            raise StartFailed(f"The cloud ended while it started; {log} says why.")
        if time.monotonic() > deadline:
            raise StartFailed(f"The cloud is not ready after {START_LIMIT_S} s; see {log} and `skyloom doctor`.")
        time.sleep(0.02)
    _show(log, shown)
    print(how_to_use(home, ready))


def _show(log: os.PathLike[str], start: int) -> int:
    """Pass on the progress lines that came since."""
    with open(log, "rb") as file:
        file.seek(start)
        lines = file.read()
    for line in lines.decode(errors="replace").splitlines():
        if line.startswith("· "):
            print(line, file=sys.stderr, flush=True)
    return start + len(lines)
