"""Whether a cloud's services agree with each other and with its hosts once nothing is in flight."""

from collections import Counter
from collections.abc import Iterable

from tests.parts.whole_cloud import WholeCloud, await_true

HOLDING = "select id, host, project_id, flavor from server where deleted_at is null and vm_state <> 'error'"


def await_settled(cloud: WholeCloud, limit_s: float = 60.0) -> float:
    return await_true("no task lives", lambda: not live_tasks(cloud), limit_s)


def live_tasks(cloud: WholeCloud) -> list[str]:
    rows = cloud.rows("select flow, key, step, state, problem from task where ended_at is null")
    return [" ".join(f"{name}={value}" for name, value in row.items()) for row in rows]


def disagreements(cloud: WholeCloud, on_hosts: dict[str, str]) -> list[str]:
    """A sentence for each; `on_hosts` are the servers that the hosts have, and where."""
    servers = {row["id"]: row["host"] for row in cloud.rows(HOLDING)}
    found = [f"a task lives: {task}" for task in live_tasks(cloud)]
    found += [
        f"server {row['id']} is {row['vm_state']}, task {row['task_state']}"
        for row in cloud.live_servers()
        if row["task_state"] is not None or row["vm_state"] == "building"
    ]
    if on_hosts != servers:
        found.append(f"hosts have {sorted(on_hosts.items())}, rows say {sorted(servers.items())}")
    found += _claims(cloud, set(servers))
    found += _ports(cloud, set(servers))
    return [*found, *_quotas(cloud)]


def _claims(cloud: WholeCloud, servers: set[str]) -> Iterable[str]:
    consumers = {row["consumer_id"] for row in cloud.rows("select consumer_id from allocation")}
    if consumers != servers:
        yield f"claims without server: {consumers - servers}; servers without claim: {servers - consumers}"
    counted = cloud.rows(
        "select i.provider_id, i.resource_class, i.used, coalesce(sum(a.used), 0) as held from inventory i "
        "left join allocation a on a.provider_id = i.provider_id and a.resource_class = i.resource_class "
        "group by i.provider_id, i.resource_class, i.used having i.used <> coalesce(sum(a.used), 0)"
    )
    yield from (f"the counter of a host is not the sum of its claims: {row}" for row in counted)


def _ports(cloud: WholeCloud, servers: set[str]) -> Iterable[str]:
    owners = Counter(
        row["device_id"] for row in cloud.rows("select device_id from port where device_owner like 'compute:%'")
    )
    if set(owners) != servers:
        yield f"ports without server: {set(owners) - servers}; servers without port: {servers - set(owners)}"
    yield from (f"server {server_id} has {count} ports" for server_id, count in owners.items() if count != 1)
    lost = cloud.rows("select ip_address from ip_allocation where port_id not in (select id from port)")
    yield from (f"address {row['ip_address']} is taken by no port" for row in lost)


def _quotas(cloud: WholeCloud) -> Iterable[str]:
    """Servers in ERROR count too, until they are deleted."""
    real = Counter(row["project_id"] for row in cloud.live_servers())
    for row in cloud.rows("select project_id, instances from compute_usage"):
        if row["instances"] != real[row["project_id"]]:
            yield f"quota of {row['project_id']}: {row['instances']} servers counted, {real[row['project_id']]} there"
