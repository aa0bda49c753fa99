"""What was done to a server, read from the audit entries: requests are the actions, ends of flows their events."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from skyloom.access import Caller
from skyloom.compute.model import Action, Event
from skyloom.db import Sql, Tx, audit

NAMES = {
    "os_compute_api:servers:create": "create",
    "os_compute_api:servers:delete": "delete",
    "os_compute_api:servers:start": "start",
    "os_compute_api:servers:stop": "stop",
    "os_compute_api:servers:reboot": "reboot",
    "os_compute_api:os-lock-server:lock": "lock",
    "os_compute_api:os-lock-server:unlock": "unlock",
    "os_compute_api:os-attach-interfaces:create": "attach_interface",
    "os_compute_api:os-attach-interfaces:delete": "detach_interface",
}
EVENT = "compute."
EVENTS = {
    "create_server": "compute__do_build_and_run_instance",
    "delete_server": "compute_terminate_instance",
    "start_server": "compute_start_instance",
    "stop_server": "compute_stop_instance",
    "reboot_server": "compute_reboot_instance",
}


def record_end(tx: Tx, caller: Caller, at: datetime, flow: str, server_id: str, is_good: bool) -> None:
    """Note that a flow on the server ended, on behalf of the request that began it. The transaction is the cloud's."""
    end = "done" if is_good else "failed"
    audit.add(tx.connection, caller, at, [audit.Entry(f"{EVENT}{flow}.{end}", "server", server_id)])


def on_behalf(user_id: str, project_id: str, request_id: str) -> Caller:
    """Whom a flow writes for, so that its end is found beside its request."""
    return Caller(user_id=user_id, project_id=project_id, request_id=request_id)


def actions_of(sql: Sql, server_id: str) -> list[Action]:
    """The newest first; those that users cannot tell from the request alone (metadata and the like) are left out."""
    by_request: dict[str, list[Any]] = {}
    for row in audit.entries_of(sql, "server", server_id):
        by_request.setdefault(row.request_id, []).append(row)
    found = [_action(server_id, entries) for entries in by_request.values()]
    return sorted((each for each in found if each is not None), key=lambda each: each.started_at, reverse=True)


def _action(server_id: str, entries: list[Any]) -> Action | None:
    first = next((entry for entry in entries if entry.action in NAMES), None)
    if first is None:
        return None
    events = [_event(entry.action, entry.at) for entry in entries if entry.action.startswith(EVENT)]
    return Action(
        name=NAMES[first.action],
        server_id=server_id,
        request_id=first.request_id,
        user_id=first.user_id,
        project_id=first.project_id,
        started_at=first.at,
        updated_at=_latest(first.at, (event.finished_at for event in events)),
        message="Error" if any(event.result == "Error" for event in events) else None,
        events=events,
    )


def _event(action: str, at: datetime) -> Event:
    flow, _, end = action.removeprefix(EVENT).partition(".")
    return Event(EVENTS.get(flow, flow), at, "Success" if end == "done" else "Error")


def _latest(first: datetime, others: Iterable[datetime]) -> datetime:
    return max([first, *others])
