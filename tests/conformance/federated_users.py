"""What Keystone's own tests of federation find in a cloud, as the builds of Keystone set it up: a domain with a group
whose members have a role on a project."""

import sys
from pathlib import Path

from openstack.config import OpenStackConfig
from openstack.connection import Connection

DOMAIN, GROUP = "federated_domain", "federated_users"
"""The suite's own names for them (mapping_group_domain_name, mapping_group_name)."""


def set_up(state: Path) -> None:
    """In the running cloud of that folder."""
    config = OpenStackConfig(config_files=[str(state / "clouds.yaml")], load_envvars=False)
    with Connection(config=config.get_one("skyloom-admin")) as cloud:
        domain = cloud.identity.create_domain(name=DOMAIN)
        group = cloud.identity.create_group(name=GROUP, domain_id=domain.id)
        project = cloud.identity.create_project(name=GROUP, domain_id=domain.id)
        role = cloud.identity.find_role("member", ignore_missing=False)
        cloud.identity.assign_project_role_to_group(project, group, role)


if __name__ == "__main__":
    set_up(Path(sys.argv[1]))
