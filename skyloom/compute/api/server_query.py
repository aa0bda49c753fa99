"""The filters of a server list. Those that are not the caller's to use are left out, as Nova leaves them out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from skyloom.compute.compute import ComputeService
from skyloom.compute.errors import ForbiddenHost, RequestInvalid
from skyloom.compute.model import KNOWN_STATUSES, STATUSES, TASK_STATUSES, VmState
from skyloom.compute.service.servers import ServerFilter
from skyloom.compute.store.servers import SORTS
from skyloom.db.listing import Page, Sort
from skyloom.web.context import Context, QueryInvalid
from skyloom.web.paging import PARAMETERS, page_of

COLUMNS = {
    "image": "image_id",
    "flavor": "flavor_id",
    "reservation_id": "reservation_id",
    "key_name": "key_name",
    "availability_zone": "availability_zone",
    "user_id": "user_id",
    "vm_state": "vm_state",
    "task_state": "task_state",
    "uuid": "id",
    "host": "host",
    "node": "host",
    "hostname": "hostname",
    "description": "description",
}
NUMBERS = {"power_state": "power_state", "launch_index": "launch_index"}
FLAGS = {"config_drive": "config_drive", "locked": "locked"}
OPERATOR_ONLY = frozenset({"host", "node", "hostname", "uuid", "description", "launch_index", "deleted"})
SINCE_2_83 = frozenset(
    {"key_name", "availability_zone", "user_id", "vm_state", "task_state", "power_state", "config_drive"}
)
"""Filters that were the operator's before."""
OTHERS = frozenset(
    """name status changes-since changes-before all_tenants tenant_id project_id ip ip6 deleted tags tags-any not-tags
    not-tags-any progress created_at launched_at terminated_at access_ip_v4 access_ip_v6 root_device_name kernel_id
    ramdisk_id soft_deleted""".split()  # noqa: SIM905
)
KNOWN = frozenset({*COLUMNS, *NUMBERS, *FLAGS, *OTHERS, *PARAMETERS})


@dataclass(frozen=True, slots=True)
class Query:
    want: ServerFilter
    page: Page
    name: str | None
    addresses: Sequence[str]


def query_of(ctx: Context[ComputeService]) -> Query | None:
    """None: nothing can match."""
    if ctx.version >= (2, 75):
        unknown = [name for name, _ in ctx.query if name not in KNOWN]
        if unknown:
            raise QueryInvalid(f"Additional properties are not allowed ('{unknown[0]}' was unexpected)")
    most = ctx.service.parts.settings.most_servers_listed
    page = page_of(ctx, SORTS, (Sort("created_at", True),), most)
    everyone = bool(ctx.flag("all_tenants"))
    states = _states(ctx)
    if states is not None and not states:
        return None
    since, before = _time(ctx, "changes-since"), _time(ctx, "changes-before")
    if since is not None and before is not None and since > before:
        raise RequestInvalid("The value of changes-since must be less than or equal to changes-before.")
    want = ServerFilter(
        project_id=_project(ctx) if everyone else ctx.caller.project_id or "",
        equal=_equal(ctx),
        states=states,
        deleted=_deleted(ctx, since, states),
        changed_since=since,
        changed_before=before if ctx.version >= (2, 66) else None,
        **_tags(ctx),
    )
    addresses = [value for name in ("ip", "ip6") if (value := ctx.one(name)) is not None]
    return Query(want, page, ctx.one("name") or None, addresses)


def _project(ctx: Context[ComputeService]) -> str | None:
    return ctx.one("project_id") or ctx.one("tenant_id")


def _may_use(ctx: Context[ComputeService], name: str) -> bool:
    if ctx.service.parts.policy.allows(ctx.caller, "os_compute_api:servers:allow_all_filters"):
        return True
    return name not in OPERATOR_ONLY and (name not in SINCE_2_83 or ctx.version >= (2, 83))


def _equal(ctx: Context[ComputeService]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, _ in ctx.query:
        if not _may_use(ctx, name):
            continue
        if name in COLUMNS:
            value = ctx.one(name)
            found[COLUMNS[name]] = None if name == "task_state" and value in ("", "None") else value
        elif name in NUMBERS:
            found[NUMBERS[name]] = ctx.whole(name)
        elif name in FLAGS and (name != "locked" or ctx.version >= (2, 73)):
            found[FLAGS[name]] = ctx.flag(name)
    if "image_id" in found:
        found["image_id"] = str(found["image_id"]).rpartition("/")[2]
    return found


def _states(ctx: Context[ComputeService]) -> list[tuple[str, list[str | None] | None]] | None:
    asked = [value.upper() for value in ctx.many("status") if value]
    if not asked:
        return None
    if ctx.version >= (2, 38):
        unknown = [status for status in asked if status not in KNOWN_STATUSES]
        if unknown:
            raise RequestInvalid(f"Invalid status value {unknown[0]}", field="status")
    found: list[tuple[str, list[str | None] | None]] = []
    for vm_state, status in STATUSES.items():
        if status in asked:
            # A server that is being rebooted is active and shown as REBOOT.
            hides_tasks = vm_state in (VmState.ACTIVE, VmState.STOPPED)
            tasks: list[str | None] = [None, "powering-on", "powering-off", "deleting"]
            found.append((vm_state, tasks if hides_tasks else None))
    for task, status in TASK_STATUSES.items():
        if status in asked:
            found += [(vm_state, [task]) for vm_state in (VmState.ACTIVE, VmState.STOPPED)]
    return found


def _deleted(
    ctx: Context[ComputeService], since: datetime | None, states: list[tuple[str, list[str | None] | None]] | None
) -> bool | None:
    if states is not None and any(vm_state == VmState.DELETED for vm_state, _ in states):
        if not ctx.caller.is_admin:
            raise ForbiddenHost("Only administrators may list deleted instances")
        return None
    if _may_use(ctx, "deleted") and ctx.one("deleted") is not None:
        return bool(ctx.flag("deleted"))
    return None if since is not None else False


def _time(ctx: Context[ComputeService], name: str) -> datetime | None:
    text = ctx.one(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RequestInvalid(f"Invalid input for query parameters {name}: {text!r} is no ISO 8601 time.") from error


def _tags(ctx: Context[ComputeService]) -> dict[str, list[str]]:
    if ctx.version < (2, 26):
        return {}
    names = {"tags": "tags", "tags-any": "tags_any", "not-tags": "not_tags", "not-tags-any": "not_tags_any"}
    found = {field: [each for text in ctx.many(name) for each in text.split(",")] for name, field in names.items()}
    return {name: tags for name, tags in found.items() if tags}
