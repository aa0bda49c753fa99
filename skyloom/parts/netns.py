"""Network namespaces and veth pairs, by name and repeatable.

All of a cloud's bridges, taps and sockets in the network live in namespaces of its own, so that two clouds do not meet
and that removing a namespace removes everything in it. Commands enter by nsenter: `ip netns exec` would remount /sys.
"""

import ctypes
import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from skyloom.errors import Unavailable

FOLDER = Path("/run/netns")
CLONE_NEWNET = 0x40000000
T = TypeVar("T")


class CommandFailed(Unavailable):
    code = "part.command_failed"


def run(argv: Sequence[str], netns: str | None = None, timeout_s: float = 20.0) -> str:
    """What the command prints. Raises CommandFailed with what it said if it does not end well in time."""
    entered = [*([] if netns is None else ["nsenter", f"--net={path(netns)}", "--"]), *argv]
    try:
        done = subprocess.run(
            entered, check=False, capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise CommandFailed(f"The program {entered[0]} is not installed; install it") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"`{' '.join(argv)}` did not end within {timeout_s:.0f} s") from error
    if done.returncode:
        raise CommandFailed(f"`{' '.join(argv)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def path(name: str) -> str:
    return str(FOLDER / name)


def exists(name: str) -> bool:
    """A file without a namespace behind it (left by a killed `ip netns add`) does not count."""
    return os.path.ismount(path(name))


def names(prefix: str = "") -> list[str]:
    return sorted(name for name in _entries() if name.startswith(prefix) and exists(name))


def ensure(name: str) -> bool:
    """True if it was made now."""
    if exists(name):
        return False
    if os.path.exists(path(name)):
        os.unlink(path(name))
    run(["ip", "netns", "add", name])
    run(["ip", "-n", name, "link", "set", "lo", "up"])
    return True


def remove(name: str) -> None:
    if os.path.exists(path(name)):
        run(["ip", "netns", "del", name])


def has_link(link: str, netns: str | None = None) -> bool:
    def look() -> bool:
        try:
            socket.if_nametoindex(link)
        except OSError:
            return False
        return True

    return look() if netns is None else inside(netns, look)


def ensure_veth(link: str, netns: str | None, peer: str, peer_netns: str) -> bool:
    """A pair of which `link` lies in `netns` (None: the machine's own) and `peer` in `peer_netns`; True if made now."""
    if has_link(link, netns) and has_link(peer, peer_netns):
        return False
    remove_link(link, netns)
    remove_link(peer, peer_netns)
    add = ["link", "add", link, "type", "veth", "peer", "name", peer, "netns", peer_netns]
    run(["ip", *_in(netns), *add])
    run(["ip", *_in(netns), "link", "set", link, "up"])
    run(["ip", "-n", peer_netns, "link", "set", peer, "up"])
    return True


def remove_link(link: str, netns: str | None = None) -> None:
    if has_link(link, netns):
        run(["ip", *_in(netns), "link", "del", link])


def without_offload(link: str, netns: str | None) -> None:
    """The userspace datapath forwards what it gets: a checksum left to a card that is not there would break TCP."""
    run(["ethtool", "-K", link, "tx", "off"], netns)


def routes() -> list[tuple[str, str]]:
    """The machine's own routes, default routes left out: destination (an address or a prefix) and link."""
    listed = json.loads(run(["ip", "-j", "route", "show", "table", "main"]) or "[]")
    return [(route["dst"], route.get("dev", "")) for route in listed if route["dst"] != "default"]


def inside(name: str, work: Callable[[], T]) -> T:
    """The result of `work`, done in a short-lived thread that entered the namespace; sockets it opens stay there."""
    results: list[T] = []
    problems: list[BaseException] = []

    def enter() -> None:
        try:
            handle = os.open(path(name), os.O_RDONLY | os.O_CLOEXEC)
            try:
                _call("setns", handle, CLONE_NEWNET)
            finally:
                os.close(handle)
            results.append(work())
        except BaseException as problem:  # noqa: BLE001 - handed to the caller's thread below
            problems.append(problem)

    thread = threading.Thread(target=enter, name=f"in-{name}")
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return results[0]


def can_make() -> bool:
    """Whether this process may make network namespaces: tried in a thread that ends with its new namespace."""
    answers: list[bool] = []

    def attempt() -> None:
        try:
            _call("unshare", CLONE_NEWNET)
            answers.append(True)
        except OSError:
            answers.append(False)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return answers[0]


def _call(name: str, *arguments: int) -> None:
    if getattr(_LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _in(netns: str | None) -> list[str]:
    return [] if netns is None else ["-n", netns]


def _entries() -> list[str]:
    try:
        return os.listdir(FOLDER)
    except FileNotFoundError:
        return []


_LIBC = ctypes.CDLL(None, use_errno=True)
