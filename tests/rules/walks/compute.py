"""A server from its flavor and key pair to its deletion, and what operators ask of hosts and quotas."""

from typing import Any

from tests.rules.walk import Call, Walk

SERVER = "/v2.1/servers/{server_id}"
FLAVOR = "/v2.1/flavors/{flavor_id}"
SPEC = {"key": "hw:walk"}
TAG = {"tag": "walked"}
META = {"key": "walked"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBb6lIF1TnXqtVvHcYlC4BlQ2S1n8wE5n0tR8k5mV2pQ walk"
NEW_FLAVOR = {"name": "walk", "ram": 64, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": False}
NEW_SERVER = {"name": "walk", "imageRef": "{image_id}", "flavorRef": "1", "key_name": "walk",
              "networks": [{"uuid": "{network_id}"}]}  # fmt: skip
OWN = {"project_id": "{demo_project}"}
OTHER = {"project_id": "{admin_project}"}
OLD_GROUP = {"group_id": "{old_group_id}"}
ACCESS = {"tenant": "{demo_project}"}


def _acted(name: str, content: Any, until: str | None = None, status: int | None = None, who: str = "demo") -> Call:
    wait = (SERVER, until) if until else None
    return Call(f"POST {SERVER}/action", {name: content}, variant=name, until=wait, status=status, who=who)


FLAVORS = [
    Call("GET /v2.1/flavors"),
    Call("GET /v2.1/flavors/detail"),
    Call("POST /v2.1/flavors", {"flavor": NEW_FLAVOR}, {"flavor_id": "flavor.id"}, who="admin"),
    Call(f"GET {FLAVOR}", who="admin"),
    Call(f"PUT {FLAVOR}", {"flavor": {"description": "changed"}}, who="admin"),
    Call(f"POST {FLAVOR}/action", {"addTenantAccess": ACCESS}, who="admin", variant="addTenantAccess"),
    Call(f"GET {FLAVOR}/os-flavor-access", who="admin"),
    Call(f"POST {FLAVOR}/action", {"removeTenantAccess": ACCESS}, who="admin", variant="removeTenantAccess"),
    Call(f"POST {FLAVOR}/os-extra_specs", {"extra_specs": {"hw:walk": "a"}}, who="admin"),
    Call(f"GET {FLAVOR}/os-extra_specs", who="admin"),
    Call(f"PUT {FLAVOR}/os-extra_specs/{{key}}", {"hw:walk": "b"}, at=SPEC, who="admin"),
    Call(f"GET {FLAVOR}/os-extra_specs/{{key}}", at=SPEC, who="admin"),
    Call(f"DELETE {FLAVOR}/os-extra_specs/{{key}}", at=SPEC, who="admin"),
    Call(f"DELETE {FLAVOR}", who="admin"),
]
SERVERS = [
    Call("POST /v2.1/servers", {"server": NEW_SERVER}, {"server_id": "server.id"}, until=(SERVER, "ACTIVE")),
    Call("GET /v2.1/servers"),
    Call("GET /v2.1/servers/detail"),
    Call(f"GET {SERVER}"),
    Call(f"PUT {SERVER}", {"server": {"name": "walked"}}),
    Call(f"POST {SERVER}/metadata", {"metadata": {"walk": "a"}}),
    Call(f"PUT {SERVER}/metadata", {"metadata": {"walk": "b"}}),
    Call(f"PUT {SERVER}/metadata/{{key}}", {"meta": {"walked": "c"}}, at=META),
    Call(f"GET {SERVER}/metadata"),
    Call(f"GET {SERVER}/metadata/{{key}}", at=META),
    Call(f"DELETE {SERVER}/metadata/{{key}}", at=META),
    Call(f"PUT {SERVER}/tags", {"tags": ["first"]}),
    Call(f"PUT {SERVER}/tags/{{tag}}", at=TAG, status=201),
    Call(f"GET {SERVER}/tags"),
    Call(f"GET {SERVER}/tags/{{tag}}", at=TAG),
    Call(f"DELETE {SERVER}/tags/{{tag}}", at=TAG),
    Call(f"DELETE {SERVER}/tags"),
    Call(f"GET {SERVER}/ips"),
    Call(f"GET {SERVER}/ips/{{network}}", at={"network": "walk"}),
    Call(f"GET {SERVER}/os-interface", keep={"its_port_id": "interfaceAttachments.0.port_id"}),
    Call(f"GET {SERVER}/os-interface/{{port_id}}", at={"port_id": "{its_port_id}"}),
    Call(f"GET {SERVER}/os-instance-actions", keep={"action_id": "instanceActions.0.request_id"}),
    Call(f"GET {SERVER}/os-instance-actions/{{request_id}}", at={"request_id": "{action_id}"}),
    Call(f"GET {SERVER}/os-security-groups"),
    _acted("addSecurityGroup", {"name": "walk"}),
    _acted("removeSecurityGroup", {"name": "walk"}),
    _acted("lock", {"locked_reason": "a walk"}),
    _acted("unlock", None),
    _acted("os-getConsoleOutput", {"length": 10}, status=200),
    _acted("os-stop", None, "SHUTOFF"),
    _acted("os-start", None, "ACTIVE"),
    _acted("reboot", {"type": "HARD"}, "ACTIVE"),
    _acted("os-resetState", {"state": "active"}, who="admin"),
    Call(f"DELETE {SERVER}", until=(SERVER, "gone")),
]
GROUPS = [
    Call(
        "POST /v2.1/os-server-groups",
        {"server_group": {"name": "walk", "policy": "affinity"}},
        {"group_id": "server_group.id"},
    ),
    Call("GET /v2.1/os-server-groups"),
    Call("GET /v2.1/os-server-groups/{group_id}"),
    Call("DELETE /v2.1/os-server-groups/{group_id}"),
]
SECURITY_GROUPS = [
    Call("GET /v2.1/os-security-groups"),
    Call(
        "POST /v2.1/os-security-groups",
        {"security_group": {"name": "old", "description": "by Nova's older way"}},
        {"old_group_id": "security_group.id"},
    ),
    Call("GET /v2.1/os-security-groups/{group_id}", at=OLD_GROUP),
    Call(
        "PUT /v2.1/os-security-groups/{group_id}",
        {"security_group": {"name": "older", "description": "changed"}},
        at=OLD_GROUP,
    ),
    Call(
        "POST /v2.1/os-security-group-rules",
        {
            "security_group_rule": {
                "parent_group_id": "{old_group_id}",
                "ip_protocol": "tcp",
                "from_port": 22,
                "to_port": 22,
                "cidr": "10.0.0.0/8",
            }
        },
        {"old_rule_id": "security_group_rule.id"},
    ),
    Call("DELETE /v2.1/os-security-group-rules/{rule_id}", at={"rule_id": "{old_rule_id}"}),
    Call("DELETE /v2.1/os-security-groups/{group_id}", at=OLD_GROUP),
]
HOSTS = [
    Call("GET /v2.1/os-availability-zone"),
    Call("GET /v2.1/os-availability-zone/detail", who="admin"),
    Call("GET /v2.1/os-aggregates", who="admin"),
    Call("GET /v2.1/os-hypervisors", keep={"hypervisor_id": "hypervisors.0.id"}, who="admin"),
    Call("GET /v2.1/os-hypervisors/detail", who="admin"),
    Call("GET /v2.1/os-hypervisors/statistics", who="admin"),
    Call("GET /v2.1/os-hypervisors/{hypervisor_id}", who="admin", version="2.96"),
    Call("GET /v2.1/os-hypervisors/{hypervisor_id}/search", at={"hypervisor_id": "host"}, who="admin"),
    Call("GET /v2.1/os-services", keep={"service_id": "services.0.id"}, who="admin"),
    Call(
        "PUT /v2.1/os-services/{service_id}",
        {"host": "host-1", "binary": "nova-compute"},
        at={"service_id": "enable"},
        who="admin",
        version="2.52",
    ),
    Call("PUT /v2.1/os-services/{service_id}", {"status": "enabled"}, who="admin"),
]
QUOTAS = [
    Call("GET /v2.1/limits"),
    Call("GET /v2.1/os-quota-sets/{project_id}", at=OWN),
    Call("GET /v2.1/os-quota-sets/{project_id}/defaults", at=OWN),
    Call("GET /v2.1/os-quota-sets/{project_id}/detail", at=OWN),
    Call("PUT /v2.1/os-quota-sets/{project_id}", {"quota_set": {"cores": 40}}, at=OTHER, who="admin"),
    Call("DELETE /v2.1/os-quota-sets/{project_id}", at=OTHER, who="admin"),
    Call("GET /v2.1/os-quota-class-sets/{class_name}", at={"class_name": "default"}, who="admin"),
]
WALK = Walk(
    "compute",
    [
        Call("GET /", who="", version="2.1"),
        Call("GET /v2", who="", version="2.1"),
        Call("GET /v2.1", who="", version="2.1"),
        Call("GET /v2.1/extensions"),
        Call("GET /v2.1/extensions/{alias}", at={"alias": "os-keypairs"}),
        *HOSTS,
        *FLAVORS,
        Call("POST /v2.1/os-keypairs", {"keypair": {"name": "walk", "type": "ssh", "public_key": KEY}}, status=201),
        Call("GET /v2.1/os-keypairs"),
        Call("GET /v2.1/os-keypairs/{keypair_name}", at={"keypair_name": "walk"}),
        *SERVERS,
        Call("DELETE /v2.1/os-keypairs/{keypair_name}", at={"keypair_name": "walk"}, status=204),
        *GROUPS,
        *SECURITY_GROUPS,
        *QUOTAS,
    ],
)
