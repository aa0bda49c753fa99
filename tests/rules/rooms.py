"""Who may import whom, as data. The reasons are in docs/architecture.md.

A module of a domain belongs to the room of its name; any other name is a part of the domain's service.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.rules.source import ROOT

DOMAINS = frozenset(
    path.name for path in Path(ROOT, "skyloom").iterdir() if (path / "model.py").exists() or (path / "drivers").is_dir()
)


@dataclass(frozen=True)
class Room:
    """`own`: rooms of the same domain; `ground`: modules below the domains, with all in them; `faces`: of the other
    domains; `libraries`: None means any."""

    own: frozenset[str]
    ground: frozenset[str]
    libraries: frozenset[str] | None
    faces: bool = False


def _room(own: str, ground: str, libraries: str | None, faces: bool = False) -> Room:
    known = None if libraries is None else frozenset(libraries.split())
    return Room(frozenset(own.split()), frozenset(f"skyloom.{name}" for name in ground.split()), known, faces)


PURE = "errors states clock"
ROOMS = {
    "model": _room("model contract", PURE, "msgspec"),
    "errors": _room("errors model", PURE, "msgspec"),
    "policy": _room("policy", "", ""),
    "settings": _room("settings model", "errors", "msgspec"),
    "tables": _room("tables model", "db", "msgspec sqlalchemy"),
    "store": _room("store tables model errors", f"{PURE} db", "msgspec sqlalchemy"),
    "service": _room(
        "service flows reconcile store model errors policy settings contract",
        f"{PURE} access aside db work",
        "bcrypt cryptography msgspec",
        faces=True,
    ),
    "contract": _room("contract model errors", PURE, "msgspec"),
    "drivers": _room("drivers host contract model errors", f"{PURE} parts", None),
    "api": _room(
        "api service model errors settings contract face",
        f"{PURE} access db.listing web",
        "msgspec",
        faces=True,
    ),
    "face": _room("face service flows reconcile model errors policy settings", "errors", ""),
}
PARTS = {
    "identity.resources": "store",
    "identity.saml": "model",
    "network.addresses": "model",
    "network.kinds": "model",
    "network.face": "service",
}
"""Modules of another name that are no part of a service."""
ROOMS["flows"] = ROOMS["reconcile"] = ROOMS["service"]
ROOMS["host"] = ROOMS["drivers"]

GROUND = {
    "skyloom": "",
    "errors": "",
    "states": "",
    "clock": "",
    "aside": "",
    "access": "clock errors",
    "db": "access clock errors",
    "work": "access clock db errors states",
    "bus": "errors",
    "web": "access aside clock db.listing errors",
    "parts": "bus errors",
    "guest": "errors",
    "home": "errors",
    "agent": "bus errors compute.drivers.contract compute.drivers.image_check",
    "cli": "control errors guest home parts wire.choice wire.configuration wire.down wire.explained wire.offline",
}
"""What a module outside the domains may import of ours."""
PROGRAMS = ("skyloom.wire", "skyloom.control", "skyloom.agents")
"""The assembly and the programs around it may import everything; so may each __main__."""


def room_of(module: str) -> tuple[str, str]:
    """(domain, room) of a domain's module."""
    parts = module.split(".")
    domain, inner = parts[1], parts[2:]
    if not inner:
        return domain, "face"
    if (part := PARTS.get(f"{domain}.{inner[0]}")) is not None:
        return domain, part
    if inner[0] == "drivers":
        is_contract = not inner[1:] or inner[1].endswith("contract")
        return domain, "contract" if is_contract else "drivers"
    return domain, inner[0] if inner[0] in ROOMS else "service"


def is_domain(module: str) -> bool:
    parts = module.split(".")
    return len(parts) > 1 and parts[0] == "skyloom" and parts[1] in DOMAINS


def is_program(module: str) -> bool:
    return module.endswith(".__main__") or any(within(module, name) for name in PROGRAMS)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def may_import(module: str, target: str) -> bool:
    if is_program(module):
        return target.partition(".")[0] != "tests"
    if target == "skyloom":
        return True
    if is_domain(module):
        return _domain_may(module, target)
    if not within(target, "skyloom"):
        return target != "tests"
    own = module.split(".")[1] if "." in module else "skyloom"
    allowed = [own, *GROUND.get(own, "").split()]
    return any(within(target, f"skyloom.{name}") for name in allowed)


def _domain_may(module: str, target: str) -> bool:
    domain, name = room_of(module)
    room = ROOMS[name]
    if not within(target, "skyloom"):
        return target != "tests" and (room.libraries is None or target in room.libraries)
    if not is_domain(target):
        return any(within(target, ground) for ground in room.ground)
    its_domain, its_room = room_of(target)
    if its_domain == domain:
        return its_room in room.own
    return its_room == "face" and room.faces
