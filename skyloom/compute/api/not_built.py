"""Calls that Nova documents and Skyloom does not answer yet: 501, and a line each in the gap table."""

from typing import Any

from skyloom.errors import NotBuilt
from skyloom.web.context import Context
from skyloom.web.routes import Route

SERVER_ACTIONS = frozenset(
    (
        "addFloatingIp",
        "changePassword",
        "confirmResize",
        "createBackup",
        "createImage",
        "evacuate",
        "forceDelete",
        "injectNetworkInfo",
        "migrate",
        "os-getRDPConsole",
        "os-getSerialConsole",
        "os-getSPICEConsole",
        "os-getVNCConsole",
        "os-migrateLive",
        "pause",
        "rebuild",
        "removeFloatingIp",
        "rescue",
        "resetNetwork",
        "resize",
        "restore",
        "resume",
        "revertResize",
        "shelve",
        "shelveOffload",
        "suspend",
        "trigger_crash_dump",
        "unpause",
        "unrescue",
        "unshelve",
    )
)
"""Actions of POST /servers/{id}/action that answer 501."""


def not_built(ctx: Context[Any], body: Any = None, **values: str) -> None:
    raise NotBuilt(f"Skyloom does not answer {ctx.request.method} {ctx.request.path} yet.")


def _routes(policy: str, path: str, *methods: str) -> list[Route]:
    return [Route(method, f"/v2.1/{path}", not_built, f"os_compute_api:{policy}") for method in methods]


SERVER = "servers/{server_id}"
NOT_BUILT: list[Route] = [
    *_routes("os-attach-interfaces:create", f"{SERVER}/os-interface", "POST"),
    *_routes("os-attach-interfaces:delete", f"{SERVER}/os-interface/{{port_id}}", "DELETE"),
    *_routes("os-remote-consoles", f"{SERVER}/remote-consoles", "POST"),
    *_routes("os-server-diagnostics", f"{SERVER}/diagnostics", "GET"),
    *_routes("os-server-password:show", f"{SERVER}/os-server-password", "GET"),
    *_routes("os-server-password:clear", f"{SERVER}/os-server-password", "DELETE"),
    *_routes("server-topology:index", f"{SERVER}/topology", "GET"),
    *_routes("server-migrations:index", f"{SERVER}/migrations", "GET"),
    *_routes("server-migrations:show", f"{SERVER}/migrations/{{migration_id}}", "GET"),
    *_routes("server-migrations:delete", f"{SERVER}/migrations/{{migration_id}}", "DELETE"),
    *_routes("server-migrations:force_complete", f"{SERVER}/migrations/{{migration_id}}/action", "POST"),
    *_routes("os-volumes-attachments:index", f"{SERVER}/os-volume_attachments", "GET"),
    *_routes("os-volumes-attachments:create", f"{SERVER}/os-volume_attachments", "POST"),
    *_routes("os-volumes-attachments:show", f"{SERVER}/os-volume_attachments/{{volume_id}}", "GET"),
    *_routes("os-volumes-attachments:update", f"{SERVER}/os-volume_attachments/{{volume_id}}", "PUT"),
    *_routes("os-volumes-attachments:delete", f"{SERVER}/os-volume_attachments/{{volume_id}}", "DELETE"),
    *_routes("servers:create", "os-volumes_boot", "POST"),
    *_routes("os-aggregates:create", "os-aggregates", "POST"),
    *_routes("os-aggregates:show", "os-aggregates/{aggregate_id}", "GET"),
    *_routes("os-aggregates:update", "os-aggregates/{aggregate_id}", "PUT"),
    *_routes("os-aggregates:delete", "os-aggregates/{aggregate_id}", "DELETE"),
    *_routes("os-aggregates:add_host", "os-aggregates/{aggregate_id}/action", "POST"),
    *_routes("os-assisted-volume-snapshots:create", "os-assisted-volume-snapshots", "POST"),
    *_routes("os-assisted-volume-snapshots:delete", "os-assisted-volume-snapshots/{snapshot_id}", "DELETE"),
    *_routes("os-console-auth-tokens", "os-console-auth-tokens/{console_token}", "GET"),
    *_routes("os-hypervisors:uptime", "os-hypervisors/{hypervisor_id}/uptime", "GET"),
    *_routes("os-hypervisors:servers", "os-hypervisors/{hypervisor_id}/servers", "GET"),
    *_routes("os-services:delete", "os-services/{service_id}", "DELETE"),
    *_routes("os-quota-class-sets:update", "os-quota-class-sets/{class_name}", "PUT"),
    *_routes("os-instance-usage-audit-log:list", "os-instance_usage_audit_log", "GET"),
    *_routes("os-instance-usage-audit-log:show", "os-instance_usage_audit_log/{before}", "GET"),
    *_routes("os-migrations:index", "os-migrations", "GET"),
    *_routes("os-server-external-events:create", "os-server-external-events", "POST"),
    *_routes("os-simple-tenant-usage:list", "os-simple-tenant-usage", "GET"),
    *_routes("os-simple-tenant-usage:show", "os-simple-tenant-usage/{project_id}", "GET"),
    *_routes("os-floating-ip-pools", "os-floating-ip-pools", "GET"),
    *_routes("os-floating-ips:list", "os-floating-ips", "GET"),
    *_routes("os-floating-ips:create", "os-floating-ips", "POST"),
    *_routes("os-floating-ips:show", "os-floating-ips/{floating_ip_id}", "GET"),
    *_routes("os-floating-ips:delete", "os-floating-ips/{floating_ip_id}", "DELETE"),
    *_routes("os-hosts:list", "os-hosts", "GET"),
    *_routes("os-hosts:show", "os-hosts/{host_name}", "GET"),
    *_routes("os-networks:list", "os-networks", "GET"),
    *_routes("os-networks:show", "os-networks/{network_id}", "GET"),
    *_routes("os-tenant-networks:list", "os-tenant-networks", "GET"),
    *_routes("os-tenant-networks:show", "os-tenant-networks/{network_id}", "GET"),
    *_routes("os-volumes:list", "os-volumes", "GET"),
    *_routes("os-volumes:create", "os-volumes", "POST"),
    *_routes("os-volumes:detail", "os-volumes/detail", "GET"),
    *_routes("os-volumes:show", "os-volumes/{volume_id}", "GET"),
    *_routes("os-volumes:delete", "os-volumes/{volume_id}", "DELETE"),
    *_routes("os-volumes:list", "os-snapshots", "GET"),
    *_routes("os-volumes:create", "os-snapshots", "POST"),
    *_routes("os-volumes:detail", "os-snapshots/detail", "GET"),
    *_routes("os-volumes:show", "os-snapshots/{snapshot_id}", "GET"),
    *_routes("os-volumes:delete", "os-snapshots/{snapshot_id}", "DELETE"),
    *_routes("images", "images", "GET"),
    *_routes("images", "images/detail", "GET"),
    *_routes("images", "images/{image_id}", "GET", "DELETE"),
    *_routes("image-metadata", "images/{image_id}/metadata", "GET", "POST", "PUT"),
    *_routes("image-metadata", "images/{image_id}/metadata/{key}", "GET", "PUT", "DELETE"),
]
