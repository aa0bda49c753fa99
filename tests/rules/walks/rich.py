"""Bodies with everything in them that a call takes; those of the walks are the shortest that do.

By API, route and the variant of the call before which they are sent, with what is known there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.rules.walks.compute import FLAVOR, KEY, SERVER

TEXT = "of everything"
DNS = {"dns_name": "walk", "dns_domain": "walk.test."}
IP = {"subnet_id": "{subnet_id}", "ip_address": "10.20.0.77"}
PORT = {
    "name": TEXT,
    "network_id": "{network_id}",
    "project_id": "{demo_project}",
    "admin_state_up": True,
    "device_id": "walk",
    "device_owner": "compute:walk",
    "fixed_ips": [IP],
    "security_groups": ["{security_group_id}"],
    "port_security_enabled": True,
    "allowed_address_pairs": [{"ip_address": "10.20.0.0/28", "mac_address": "fa:16:3e:00:00:01"}],
    "extra_dhcp_opts": [],
    "binding:vnic_type": "normal",
    "dns_name": "walk",
    "description": TEXT,
    "qos_policy_id": None,
}
GATEWAY = {"network_id": "{public_id}", "external_fixed_ips": [{"subnet_id": "{public_subnet_id}"}]}
NETWORK = {
    "name": TEXT,
    "admin_state_up": True,
    "mtu": 1400,
    "port_security_enabled": True,
    "availability_zone_hints": [],
    "dns_domain": "walk.test.",
    "description": TEXT,
    "tenant_id": "{demo_project}",
}
SUBNET = {
    "name": TEXT,
    "network_id": "{network_id}",
    "ip_version": 4,
    "cidr": "10.21.0.0/24",
    "gateway_ip": "10.21.0.1",
    "allocation_pools": [{"start": "10.21.0.10", "end": "10.21.0.20"}],
    "dns_nameservers": ["10.21.0.2"],
    "host_routes": [{"destination": "10.22.0.0/24", "nexthop": "10.21.0.3"}],
    "enable_dhcp": True,
    "service_types": [],
    "dns_publish_fixed_ip": False,
    "description": TEXT,
}
SUBNET_V6 = {
    "network_id": "{network_id}",
    "ip_version": 6,
    "cidr": "fd00:20::/64",
    "ipv6_ra_mode": "slaac",
    "ipv6_address_mode": "slaac",
}
POOLED = {"network_id": "{network_id}", "ip_version": 4, "subnetpool_id": "{subnetpool_id}", "prefixlen": 26}
POOL = {
    "name": TEXT,
    "prefixes": ["10.31.0.0/16", "10.32.0.0/16"],
    "default_quota": 1000,
    "min_prefixlen": 24,
    "max_prefixlen": 28,
    "default_prefixlen": "26",
    "description": TEXT,
}
RULE = {
    "security_group_id": "{security_group_id}",
    "direction": "egress",
    "ethertype": "IPv6",
    "protocol": "icmp",
    "port_range_min": 1,
    "port_range_max": 2,
    "remote_ip_prefix": "fd00::/64",
    "description": TEXT,
}
FLOATINGIP = {
    "floating_network_id": "{public_id}",
    "subnet_id": "{public_subnet_id}",
    "port_id": "{port_id}",
    "fixed_ip_address": "10.20.0.77",
    "description": TEXT,
    **DNS,
}
BY_PASSWORD = {
    "methods": ["password"],
    "password": {"user": {"name": "demo", "domain": {"name": "Default"}, "password": "{demo_password}"}},
}
NETWORK_BODIES: Mapping[str, Sequence[Any]] = {
    "POST /v2.0/networks": [
        {"network": NETWORK},
        {"networks": [{"name": "a"}, {"name": "b"}]},
        {"network": {"name": TEXT, "shared": False, "router:external": False, "is_default": False}},
    ],
    "PUT /v2.0/networks/{id}": [
        {"network": {**{k: v for k, v in NETWORK.items() if k != "tenant_id" and "zone" not in k}}}
    ],
    "POST /v2.0/subnets": [{"subnet": SUBNET}, {"subnet": SUBNET_V6}],
    "PUT /v2.0/subnets/{id}": [
        {
            "subnet": {
                "name": TEXT,
                "gateway_ip": "10.20.0.1",
                "allocation_pools": [{"start": "10.20.0.10", "end": "10.20.0.90"}],
                "dns_nameservers": ["10.20.0.2"],
                "host_routes": [{"destination": "10.22.0.0/24", "nexthop": "10.20.0.3"}],
                "enable_dhcp": False,
                "description": TEXT,
            }
        }
    ],
    "POST /v2.0/subnetpools": [{"subnetpool": POOL}],
    "PUT /v2.0/subnetpools/{id}": [
        {
            "subnetpool": {
                "prefixes": ["10.30.0.0/15"],
                "min_prefixlen": 20,
                "max_prefixlen": 30,
                "default_prefixlen": 25,
            }
        },
        {"subnetpool": {"default_quota": 7, "description": TEXT}},
    ],
    "POST /v2.0/security-groups": [{"security_group": {"name": TEXT, "description": TEXT, "stateful": False}}],
    "PUT /v2.0/security-groups/{id}": [{"security_group": {"name": TEXT, "stateful": True}}],
    "POST /v2.0/security-group-rules": [
        {"security_group_rule": RULE},
        {
            "security_group_rule": {
                "security_group_id": "{security_group_id}",
                "direction": "ingress",
                "protocol": 17,
                "port_range_min": "1",
                "port_range_max": "2",
                "remote_group_id": "{security_group_id}",
            }
        },
    ],
    "POST /v2.0/ports": [{"port": PORT}, {"ports": [{"network_id": "{network_id}"}, {"network_id": "{network_id}"}]}],
    "PUT /v2.0/ports/{id}": [
        {"port": {name: value for name, value in PORT.items() if name not in ("network_id", "project_id")}}
    ],
    "POST /v2.0/routers": [
        {"router": {"name": TEXT, "external_gateway_info": {"network_id": "{public_id}"}, "description": TEXT}},
        {"router": {"availability_zone_hints": [], "admin_state_up": True}},
    ],
    "PUT /v2.0/routers/{id}": [
        {"router": {"name": TEXT, "admin_state_up": True, "routes": [], "description": TEXT}},
        {"router": {"external_gateway_info": {"network_id": "{public_id}"}}},
        {"router": {"external_gateway_info": {}}},
    ],
    "PUT /v2.0/routers/{id}/add_router_interface": [{"port_id": "{port_id}"}],
    "POST /v2.0/floatingips": [{"floatingip": {"floating_network_id": "{public_id}", "description": TEXT, **DNS}}],
    "PUT /v2.0/floatingips/{id}": [{"floatingip": {"port_id": None, "fixed_ip_address": None, "description": TEXT}}],
    "PUT /v2.0/quotas/{project_id}": [
        {"quota": {"network": 1, "subnet": 2, "port": 3, "router": 4, "floatingip": 5, "security_group": -1}}
    ],
}
NEW_SERVER = {
    "name": "walk",
    "imageRef": "{image_id}",
    "flavorRef": 1,
    "key_name": "walk",
    "networks": [{"uuid": "{network_id}", "fixed_ip": "10.20.0.88", "tag": "nic"}],
    "security_groups": [{"name": "default"}],
    "user_data": "d2Fsaw==",
    "metadata": {"walk": "a"},
    "config_drive": "true",
    "min_count": 1,
    "max_count": "1",
    "return_reservation_id": False,
    "availability_zone": "nova",
    "adminPass": "walk",
    "OS-DCF:diskConfig": "AUTO",
    "block_device_mapping_v2": [
        {"uuid": "{image_id}", "source_type": "image", "destination_type": "local", "boot_index": 0}
    ],
    "description": TEXT,
    "tags": ["first", "second"],
    "hostname": "walk",
}
COMPUTE_BODIES: Mapping[str, Sequence[Any]] = {
    "POST /v2.1/servers": [
        {"server": {n: v for n, v in NEW_SERVER.items() if n != "imageRef"}, "os:scheduler_hints": {"group": None}},
        {"server": {**NEW_SERVER, "networks": [{"port": "{port_id}"}]}},
        {"server": {**NEW_SERVER, "networks": "none"}, "OS-SCH-HNT:scheduler_hints": {"different_host": ["a"]}},
    ],
    f"PUT {SERVER}": [
        {
            "server": {
                "name": TEXT,
                "accessIPv4": "10.0.0.1",
                "accessIPv6": "fd00::1",
                "OS-DCF:diskConfig": "AUTO",
                "description": TEXT,
                "hostname": "walk",
            }
        }
    ],
    "POST /v2.1/flavors": [
        {
            "flavor": {
                "name": TEXT,
                "id": "walk-1",
                "ram": "64",
                "vcpus": "1",
                "disk": "1",
                "OS-FLV-EXT-DATA:ephemeral": 1,
                "swap": 1,
                "rxtx_factor": 1.5,
                "os-flavor-access:is_public": "true",
                "description": TEXT,
            }
        }
    ],
    f"POST {FLAVOR}/os-extra_specs": [{"extra_specs": {"hw:cpu_policy": "dedicated", "walk": "2"}}],
    "POST /v2.1/os-keypairs": [{"keypair": {"name": "of-everything", "type": "ssh", "public_key": KEY}}],
    "POST /v2.1/os-server-groups": [
        {"server_group": {"name": TEXT, "policy": "anti-affinity", "rules": {"max_server_per_host": 2}}}
    ],
    f"POST {SERVER}/action lock": [
        {"changePassword": {"adminPass": "walk"}},
        {"createImage": {"name": "walk", "metadata": {"a": "b"}}},
        {"rebuild": {"imageRef": "{image_id}", "name": "walk", "metadata": {"a": "b"}}},
        {"resize": {"flavorRef": "1"}},
        {"confirmResize": None},
        {"rescue": {"adminPass": "walk"}},
        {"os-migrateLive": {"host": None, "block_migration": "auto"}},
        {"evacuate": {"host": "host-1"}},
        {"os-getVNCConsole": {"type": "novnc"}},
        {"pause": None},
        {"shelve": None},
        {"addFloatingIp": {"address": "198.51.100.9"}},
    ],
    "PUT /v2.1/os-services/{service_id}": [{"status": "disabled", "disabled_reason": TEXT, "forced_down": True}],
    "PUT /v2.1/os-quota-sets/{project_id}": [
        {"quota_set": {"cores": "40", "ram": -1, "instances": 5, "key_pairs": 5, "metadata_items": 1, "force": True}}
    ],
    "POST /v2.1/os-security-group-rules": [
        {
            "security_group_rule": {
                "parent_group_id": "{old_group_id}",
                "ip_protocol": "icmp",
                "from_port": "-1",
                "to_port": "-1",
                "group_id": "{old_group_id}",
            }
        }
    ],
}
OPTIONS = {
    "ignore_password_expiry": True,
    "ignore_change_password_upon_first_use": True,
    "ignore_lockout_failure_attempts": True,
    "lock_password": False,
    "ignore_user_inactivity": True,
    "multi_factor_auth_enabled": True,
    "multi_factor_auth_rules": [["password", "totp"]],
}
LDAP = {
    "url": "ldap://walk.test",
    "user": "cn=walk",
    "password": "walk",
    "suffix": "cn=walk",
    "query_scope": "sub",
    "page_size": 10,
    "user_filter": "(cn=*)",
    "user_enabled_mask": 2,
    "user_enabled_invert": True,
    "use_tls": False,
    "tls_req_cert": "demand",
    "connection_timeout": 5,
    "pool_size": 10,
}
IDENTITY_BODIES: Mapping[str, Sequence[Any]] = {
    "POST /v3/auth/tokens": [
        {"auth": {"identity": BY_PASSWORD, "scope": {"project": {"name": "demo", "domain": {"name": "Default"}}}}},
        {
            "auth": {
                "identity": {"methods": ["token"], "token": {"id": "{admin_token}"}},
                "scope": {"system": {"all": True}},
            }
        },
        {"auth": {"identity": BY_PASSWORD, "scope": {"domain": {"id": "default"}}}},
        {"auth": {"identity": BY_PASSWORD, "scope": {"OS-TRUST:trust": {"id": "0"}}}},
        {"auth": {"identity": BY_PASSWORD, "scope": "unscoped"}},
        {
            "auth": {
                "identity": {
                    "methods": ["application_credential"],
                    "application_credential": {"name": "a", "secret": "b", "user": {"id": "{demo_id}"}},
                }
            }
        },
        {"auth": {"identity": {"methods": ["totp"], "totp": {"user": {"id": "{demo_id}", "passcode": "123456"}}}}},
    ],
    "POST /v3/domains": [
        {"domain": {"name": TEXT, "description": TEXT, "enabled": False, "options": {"immutable": False}, "more": [1]}}
    ],
    "POST /v3/projects": [
        {
            "project": {
                "name": TEXT,
                "domain_id": "default",
                "parent_id": "default",
                "is_domain": False,
                "description": TEXT,
                "enabled": True,
                "options": {"immutable": False},
                "tags": ["a", "b"],
                "more": {"a": [1]},
            }
        }
    ],
    "PATCH /v3/projects/{project_id}": [
        {"project": {"name": TEXT, "enabled": True, "tags": ["a"], "options": {"immutable": None}}}
    ],
    "POST /v3/users": [
        {
            "user": {
                "name": TEXT,
                "domain_id": "default",
                "enabled": True,
                "default_project_id": "{project_id}",
                "password": "walk",
                "description": TEXT,
                "email": "walk@walk.test",
                "options": OPTIONS,
            }
        }
    ],
    "PATCH /v3/users/{user_id}": [
        {
            "user": {
                "name": TEXT,
                "enabled": True,
                "password": "another",
                "default_project_id": None,
                "options": OPTIONS,
                "more": 1,
            }
        }
    ],
    "POST /v3/groups": [{"group": {"name": TEXT, "domain_id": "default", "description": TEXT, "more": None}}],
    "POST /v3/roles": [
        {"role": {"name": TEXT, "domain_id": "{domain_id}", "description": TEXT, "options": {"immutable": False}}}
    ],
    "POST /v3/regions": [{"region": {"id": "of-everything", "description": TEXT, "parent_region_id": None}}],
    "POST /v3/services": [{"service": {"name": TEXT, "type": "t", "enabled": False, "description": TEXT}}],
    "PATCH /v3/services/{service_id}": [{"service": {"name": TEXT, "type": "t", "enabled": True}}],
    "POST /v3/endpoints": [
        {
            "endpoint": {
                "service_id": "{service_id}",
                "interface": "admin",
                "url": "https://walk.test/%(project_id)s",
                "region_id": "{region_id}",
                "enabled": False,
                "name": TEXT,
            }
        }
    ],
    "PATCH /v3/endpoints/{endpoint_id}": [
        {
            "endpoint": {
                "url": "https://walk.test/$(tenant_id)s",
                "interface": "public",
                "region_id": None,
                "enabled": True,
            }
        }
    ],
    "PATCH /v3/credentials/{credential_id}": [
        {"credential": {"type": "ec2", "blob": '{"access": "a", "secret": "d"}', "user_id": "{user_id}"}}
    ],
    "POST /v3/credentials": [
        {"credential": {"user_id": "{demo_id}", "type": "totp", "blob": "GEZDGNBVGY3TQOJQ"}},
        {"credential": {"user_id": "{demo_id}", "type": "cert", "blob": "x", "project_id": None}},
    ],
    "POST /v3/registered_limits": [
        {
            "registered_limits": [
                {
                    "service_id": "{service_id}",
                    "region_id": None,
                    "resource_name": "leaps",
                    "default_limit": 10,
                    "description": TEXT,
                }
            ]
        }
    ],
    "POST /v3/limits": [
        {
            "limits": [
                {
                    "service_id": "{service_id}",
                    "region_id": "{region_id}",
                    "resource_name": "steps",
                    "domain_id": "{domain_id}",
                    "resource_limit": 6,
                    "description": TEXT,
                }
            ]
        }
    ],
    "PATCH /v3/limits/{limit_id}": [{"limit": {"resource_limit": 8, "description": TEXT}}],
    "POST /v3/OS-EP-FILTER/endpoint_groups": [
        {
            "endpoint_group": {
                "name": TEXT,
                "description": TEXT,
                "filters": {"interface": "public", "service_id": "{service_id}", "region_id": "{region_id}"},
            }
        }
    ],
    "PATCH /v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}": [
        {"endpoint_group": {"name": TEXT, "filters": {"region_id": "{region_id}"}}}
    ],
    "PUT /v3/domains/{domain_id}/config": [{"config": {"identity": {"driver": "ldap"}, "ldap": LDAP}}],
    "POST /v3/users/{user_id}/application_credentials": [
        {
            "application_credential": {
                "name": TEXT,
                "secret": "walk",
                "description": TEXT,
                "expires_at": "2099-01-01T00:00:00Z",
                "roles": [{"name": "member"}],
                "unrestricted": True,
                "access_rules": [{"service": "compute", "method": "GET", "path": "/v2.1/{id}/**"}],
            }
        }
    ],
    "POST /v3/OS-TRUST/trusts": [
        {
            "trust": {
                "trustor_user_id": "{demo_id}",
                "trustee_user_id": "{reader_id}",
                "project_id": "{demo_project}",
                "impersonation": True,
                "roles": [{"name": "member"}],
                "expires_at": "2099-01-01T00:00:00.000000Z",
                "allow_redelegation": True,
                "redelegation_count": 2,
                "remaining_uses": None,
            }
        }
    ],
    "PUT /v3/OS-FEDERATION/identity_providers/{identity_provider_id}": [
        {
            "identity_provider": {
                "domain_id": "default",
                "enabled": True,
                "description": TEXT,
                "authorization_ttl": 10,
                "remote_ids": ["https://walk.test", "https://walked.test"],
            }
        }
    ],
    "PUT /v3/OS-FEDERATION/mappings/{mapping_id}": [
        {
            "mapping": {
                "rules": [
                    {
                        "local": [
                            {
                                "user": {
                                    "name": "{0}",
                                    "email": "{1}",
                                    "type": "ephemeral",
                                    "domain": {"name": "Default"},
                                }
                            },
                            {"groups": "{2}", "domain": {"id": "default"}},
                            {"group": {"name": "walk", "domain": {"id": "default"}}},
                            {"projects": [{"name": "walk", "roles": [{"name": "member"}]}]},
                        ],
                        "remote": [
                            {"type": "name"},
                            {"type": "mail"},
                            {"type": "groups", "whitelist": ["a"]},
                            {"type": "org", "any_one_of": ["a.*"], "regex": True},
                            {"type": "no", "not_any_of": ["b"]},
                        ],
                    }
                ],
                "schema_version": "1.0",
            }
        }
    ],
    "PUT /v3/OS-FEDERATION/service_providers/{service_provider_id}": [
        {
            "service_provider": {
                "auth_url": "https://walk.test/v3/auth",
                "sp_url": "https://walk.test/sp",
                "enabled": True,
                "description": TEXT,
                "relay_state_prefix": "ss:mem:",
            }
        }
    ],
}
IMAGE_BODIES: Mapping[str, Sequence[Any]] = {
    "POST /v2/images": [
        {
            "id": "6f1d1f9e-7c0e-4a44-9f5e-3d3f0d7f6c56",
            "name": TEXT,
            "visibility": "private",
            "protected": False,
            "os_hidden": True,
            "owner": "{demo_project}",
            "disk_format": "qcow2",
            "container_format": "bare",
            "min_disk": 1,
            "min_ram": 64,
            "tags": ["a", "b"],
            "walked": "far",
        }
    ],
    "PATCH /v2/images/{image_id}": [
        [
            {"op": "add", "path": "/walked", "value": "far"},
            {"op": "replace", "path": "/walked", "value": "farther"},
            {"op": "remove", "path": "/walked"},
            {"op": "replace", "path": "/tags", "value": ["a"]},
            {"op": "replace", "path": "/min_disk", "value": 1},
            {"op": "replace", "path": "/protected", "value": True},
            {"op": "replace", "path": "/visibility", "value": "private"},
        ]
    ],
}
RICH: Mapping[str, Sequence[Any]] = {
    f"{api} {route}": bodies
    for api, by_route in (
        ("network", NETWORK_BODIES),
        ("compute", COMPUTE_BODIES),
        ("identity", IDENTITY_BODIES),
        ("image", IMAGE_BODIES),
    )
    for route, bodies in by_route.items()
}
