"""What is counted or compared before it is written holds though others write in the same moment, on both engines."""

import pytest

from skyloom.clock import VirtualClock
from skyloom.compute.errors import KeyPairExists, QuotaExceeded
from skyloom.compute.flows import CreateFrame, CreateServer
from skyloom.compute.service.creation import ServerRequest
from skyloom.db import Database
from tests.parts.compute import ADMIN, IMAGE, MEMBER, PROJECT, Cloud, small_cloud
from tests.parts.together import together

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


@pytest.fixture
def cloud(database: Database) -> Cloud:
    return small_cloud(database, VirtualClock(), hosts=6)


def test_key_pairs_made_side_by_side_never_exceed_the_limit(cloud: Cloud) -> None:
    cloud.compute.quotas.update(ADMIN, PROJECT, {"key_pairs": 3}, force=True)
    keypairs = cloud.compute.keypairs
    made, refused = together(6, lambda n: keypairs.create(MEMBER, MEMBER.user_id, f"key-{n}", "ssh", KEY))
    assert len(made) == 3
    assert {type(error) for error in refused} == {QuotaExceeded}


def test_one_name_is_given_to_one_key_pair(cloud: Cloud) -> None:
    made, refused = together(4, lambda n: cloud.compute.keypairs.create(MEMBER, MEMBER.user_id, "key", "ssh", KEY))
    assert len(made) == 1
    assert {type(error) for error in refused} == {KeyPairExists}


def test_server_groups_made_side_by_side_never_exceed_the_limit(cloud: Cloud) -> None:
    cloud.compute.quotas.update(ADMIN, PROJECT, {"server_groups": 3}, force=True)
    made, refused = together(6, lambda n: cloud.compute.groups.create(MEMBER, f"group-{n}", "affinity", {}))
    assert len(made) == 3
    assert {type(error) for error in refused} == {QuotaExceeded}


@pytest.mark.parametrize(("policy", "hosts"), [("affinity", 1), ("anti-affinity", 6)])
def test_members_of_a_group_placed_side_by_side_keep_to_its_policy(cloud: Cloud, policy: str, hosts: int) -> None:
    group = cloud.compute.groups.create(MEMBER, "group", policy, {})
    want = ServerRequest(name="s", image_id=IMAGE, flavor_id="1", nics=None, group_id=group.id, max_count=6)
    servers = cloud.compute.creation.create(MEMBER, want).servers
    flow = next(each for each in cloud.compute.flows() if isinstance(each, CreateServer))
    frames = [
        CreateFrame(server_id=each.id, user_id=each.user_id, project_id=PROJECT, request_id="r", plans=[])
        for each in servers
    ]
    done, refused = together(6, lambda n: flow.schedule(frames[n]))
    assert (len(done), refused) == (6, [])
    assert len({frame.host for frame in frames}) == hosts


def test_a_limit_set_twice_in_the_same_moment_is_set(cloud: Cloud) -> None:
    done, refused = together(4, lambda n: cloud.compute.quotas.update(ADMIN, PROJECT, {"cores": 7}, force=True))
    assert (len(done), refused) == (4, [])
    assert cloud.compute.quotas.show(ADMIN, PROJECT)["cores"] == 7
