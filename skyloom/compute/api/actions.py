"""POST /servers/{id}/action: the body's only key names the action."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from skyloom.compute.api.not_built import SERVER_ACTIONS
from skyloom.compute.api.server_bodies import ip_of, whole_of
from skyloom.compute.compute import ComputeService
from skyloom.compute.errors import RequestInvalid
from skyloom.compute.model import VmState
from skyloom.compute.service.servers import HARD_REBOOT, REBOOT, START, STOP
from skyloom.errors import NotBuilt
from skyloom.web.app import render
from skyloom.web.bodies import BodyInvalid
from skyloom.web.context import Context, Version
from skyloom.web.http import Reply
from skyloom.web.routes import Route

Ctx = Context[ComputeService]
MOST_LINES = 2**31 - 1


class Reboot(Struct, forbid_unknown_fields=True):
    type: str


class Console(Struct, forbid_unknown_fields=True):
    length: int | str | None = None


class Lock(Struct, forbid_unknown_fields=True):
    locked_reason: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


class State(Struct, forbid_unknown_fields=True):
    state: Literal["active", "error"]


class GroupName(Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=255)]


class OnNetwork(Struct, forbid_unknown_fields=True):
    networkId: str


class Address(Struct, forbid_unknown_fields=True):
    address: str


def start(ctx: Ctx, server_id: str, body: None) -> None:
    ctx.service.servers.power(ctx.caller, server_id, START)


def stop(ctx: Ctx, server_id: str, body: None) -> None:
    ctx.service.servers.power(ctx.caller, server_id, STOP)


def reboot(ctx: Ctx, server_id: str, body: Reboot) -> None:
    kinds = {"SOFT": REBOOT, "HARD": HARD_REBOOT}
    if body.type.upper() not in kinds:
        raise RequestInvalid(f"Invalid input for field/attribute type: {body.type!r} is not one of SOFT and HARD.")
    ctx.service.servers.power(ctx.caller, server_id, kinds[body.type.upper()])


def lock(ctx: Ctx, server_id: str, body: Lock | None) -> None:
    reason = None if body is None else body.locked_reason
    if reason is not None and ctx.version < (2, 73):
        raise BodyInvalid("Invalid input for field/attribute lock: 'locked_reason' came with version 2.73.")
    ctx.service.servers.lock(ctx.caller, server_id, reason)


def unlock(ctx: Ctx, server_id: str, body: Any) -> None:
    ctx.service.servers.unlock(ctx.caller, server_id)


def reset_state(ctx: Ctx, server_id: str, body: State) -> None:
    ctx.service.servers.reset_state(ctx.caller, server_id, VmState(body.state))


def console_output(ctx: Ctx, server_id: str, body: Console | None) -> Reply:
    output = ctx.service.servers.console_output(ctx.caller, server_id, _lines(body))
    return render({"output": output}, 200)


def _lines(body: Console | None) -> int | None:
    """-1 and nothing both mean all that there is."""
    length = None if body is None else body.length
    if length is None:
        return None
    lines = whole_of("length", length, -1, MOST_LINES)
    return None if lines == -1 else lines


def add_security_group(ctx: Ctx, server_id: str, body: GroupName) -> None:
    ctx.service.security_groups.add_to_server(ctx.caller, server_id, body.name)


def remove_security_group(ctx: Ctx, server_id: str, body: GroupName) -> None:
    ctx.service.security_groups.remove_from_server(ctx.caller, server_id, body.name)


def add_fixed_ip(ctx: Ctx, server_id: str, body: OnNetwork) -> None:
    ctx.service.fixed_ips.add(ctx.caller, server_id, body.networkId)


def remove_fixed_ip(ctx: Ctx, server_id: str, body: Address) -> None:
    address = ip_of("address", body.address, None)
    if address is None:
        raise RequestInvalid("Invalid input for field/attribute address: it is empty.", field="address")
    ctx.service.fixed_ips.remove(ctx.caller, server_id, address)


@dataclass(frozen=True)
class Action:
    """`until`: the last version that has it."""

    handler: Callable[..., Any]
    body: Any = None
    until: Version | None = None


ACTIONS: Mapping[str, Action] = {
    "os-start": Action(start),
    "os-stop": Action(stop),
    "reboot": Action(reboot, Reboot),
    "lock": Action(lock, Lock | None),
    "unlock": Action(unlock, Any),
    "os-resetState": Action(reset_state, State),
    "os-getConsoleOutput": Action(console_output, Console | None),
    "addSecurityGroup": Action(add_security_group, GroupName),
    "removeSecurityGroup": Action(remove_security_group, GroupName),
    "addFixedIp": Action(add_fixed_ip, OnNetwork, until=(2, 43)),
    "removeFixedIp": Action(remove_fixed_ip, Address, until=(2, 43)),
}


def act(ctx: Ctx, body: dict[str, Any], server_id: str) -> Reply:
    if len(body) != 1:
        raise BodyInvalid("The body names no action, or several; it must be an object with one key, the action.")
    (name, content), *_ = body.items()
    action = ACTIONS.get(name)
    if action is None or (action.until is not None and ctx.version > action.until):
        if name in SERVER_ACTIONS:
            ctx.service.servers.get(ctx.caller, server_id)
            raise NotBuilt(f"Skyloom does not do the action {name} yet.")
        raise BodyInvalid(f"There is no such action: {name}", field=name)
    try:
        # A `null` body of an action without content is written as anything by some clients.
        typed = None if action.body is None else msgspec.convert(content, action.body)
    except msgspec.ValidationError as error:
        raise BodyInvalid(f"Invalid input for field/attribute {name}: {error}.", field=name) from error
    result = action.handler(ctx, server_id, typed)
    return result if isinstance(result, Reply) else Reply(202)


ROUTES = [Route("POST", "/v2.1/servers/{server_id}/action", act, "os_compute_api:servers:reboot", dict[str, Any], 202)]
