"""The unmodified `openstack` command, by the clouds.yaml that the cloud wrote and over its TLS.

Commands of one table run in a few processes, each of them fed with many lines: the client takes seconds to start.
"""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.parts.whole_cloud import WholeCloud


@dataclass(frozen=True)
class Thing:
    """Created, shown, listed, changed and deleted. In its words, {NOUN NAME} is another thing's id."""

    noun: str
    name: str
    create: str
    change: str | None = None
    listing: str = ""
    key: str = "id"
    is_named: bool = True


IDENTITY = (
    Thing("region", "there", "there", "--description far there", key="region", is_named=False),
    Thing("service", "weather", "--name weather weather", "--description rain {service weather}"),
    Thing(
        "endpoint",
        "weather-public",
        "--region there weather public http://127.0.0.1:1/",
        "--url http://127.0.0.1:2/ {endpoint weather-public}",
        is_named=False,
    ),
    Thing("domain", "crew", "crew", "--description all crew"),
    Thing("project", "ship", "--domain crew --tag blue ship", "--description sails {project ship}", "--domain crew"),
    Thing(
        "user",
        "ann",
        "--domain crew --project {project ship} --password something ann",
        "--email ann@example.org {user ann}",
        "--domain crew",
    ),
    Thing("group", "deck", "--domain crew deck", "--description up {group deck}", "--domain crew"),
    Thing("role", "sailor", "sailor", "--description sails sailor"),
    Thing("credential", "word-of-ann", "--type word {user ann} mellon", None, is_named=False),
    Thing("application credential", "robot", "--role admin robot", None),
)
IDENTITY_MORE = (
    "token issue -f json",
    "catalog list -f json",
    "catalog show nova -f json",
    "role add --user {user ann} --project {project ship} sailor",
    "role assignment list --names --project {project ship} -f json",
    "role remove --user {user ann} --project {project ship} sailor",
    "implied role create sailor --implied-role reader -f json",
    "implied role list -f json",
    "implied role delete sailor --implied-role reader",
    "group add user {group deck} {user ann}",
    "group contains user {group deck} {user ann}",
    "group remove user {group deck} {user ann}",
    "user set --disable {user ann}",
    "domain set --disable crew",
)
IMAGE = (
    Thing(
        "image",
        "picture",
        "--file {FILE} --disk-format raw --container-format bare --property os_type=linux --tag new picture",
        "--property os_type=bsd --min-disk 1 picture",
    ),
)
IMAGE_MORE = (
    "image add project picture {PROJECT} -f json",
    "image member list picture -f json",
    "image set --shared picture",
    "image remove project picture {PROJECT}",
    "image unset --tag new picture",
    "image set --deactivate picture",
    "image set --activate picture",
    "image save --file {SAVED} picture",
)
NETWORK = (
    Thing("network", "wire", "--description short wire", "--description long wire"),
    Thing(
        "subnet pool",
        "addresses",
        "--pool-prefix 10.99.0.0/16 --default-prefix-length 26 addresses",
        "--description many addresses",
    ),
    Thing(
        "subnet",
        "first-half",
        "--network wire --subnet-range 10.9.0.0/24 --dns-nameserver 198.51.100.53 first-half",
        "--description half first-half",
    ),
    Thing("security group", "doors", "doors", "--description closed doors"),
    Thing(
        "security group rule",
        "door",
        "--protocol tcp --dst-port 80:81 --remote-ip 10.0.0.0/8 doors",
        None,
        "doors",
        is_named=False,
    ),
    Thing(
        "port",
        "plug",
        "--network wire --fixed-ip subnet=first-half,ip-address=10.9.0.9 --security-group doors plug",
        "--description loose plug",
    ),
    Thing("router", "crossing", "--description wide crossing", "--description narrow crossing"),
    Thing(
        "floating ip", "outside", "--description far public", "--description near {floating ip outside}", is_named=False
    ),
)
NETWORK_MORE = (
    "router set --external-gateway public crossing",
    "router add subnet crossing first-half",
    "port list --router crossing -f json",
    "floating ip set --port plug {floating ip outside}",
    "floating ip unset --port {floating ip outside}",
    "router add route --route destination=10.50.0.0/24,gateway=10.9.0.200 crossing",
    "router remove route --route destination=10.50.0.0/24,gateway=10.9.0.200 crossing",
    "router remove subnet crossing first-half",
    "router unset --external-gateway crossing",
    "network set --tag red wire",
    "network list --tags red -f json",
    "network unset --tag red wire",
    "port unset --security-group doors plug",
    "extension list --network -f json",
    "quota show --network -f json",
)
COMPUTE = (
    Thing("keypair", "mine", "--public-key {KEY} mine", None, key="name"),
    Thing("server group", "apart", "--policy anti-affinity apart", None),
    Thing(
        "server",
        "box",
        "--image {IMAGE} --flavor tiny --nic none --key-name mine --hint group={server group apart} "
        "--property colour=blue --wait box",
        "--property colour=red box",
    ),
)
COMPUTE_MORE = (
    "server stop box",
    "server start box",
    "server reboot --wait box",
    "server reboot --hard --wait box",
    "server lock box",
    "server unlock box",
    "server unset --property colour box",
    "console log show box",
    "server event list box -f json",
    "flavor list -f json",
    "flavor show tiny -f json",
    "availability zone list --compute -f json",
    "limits show --absolute -f json",
    "quota show --compute -f json",
)
FLAVOR = (Thing("flavor", "odd", "--vcpus 3 --ram 333 --disk 3 --property hw:a=b odd", "--description strange odd"),)
FLAVOR_MORE = (
    "flavor set --property hw:c=d odd",
    "flavor unset --property hw:c odd",
    "hypervisor list -f json",
    "hypervisor show host-1 -f json",
    "compute service list -f json",
    "compute service set --disable host-3 nova-compute",
    "compute service set --enable host-3 nova-compute",
    "server list --all-projects -f json",
    "quota set --instances 33 demo",
    "quota show demo --compute -f json",
    "quota delete --compute demo",
    "network agent list -f json",
)
TABLES = {
    "identity": ("skyloom-admin", IDENTITY, IDENTITY_MORE),
    "image": ("skyloom", IMAGE, IMAGE_MORE),
    "network": ("skyloom", NETWORK, NETWORK_MORE),
    "compute": ("skyloom", COMPUTE, COMPUTE_MORE),
    "compute of an admin": ("skyloom-admin", FLAVOR, FLAVOR_MORE),
}


def openstack(cloud: WholeCloud, user: str, lines: Sequence[str]) -> list[Any]:
    """What the lines with `-f json` printed, in order. Every line must end well and warn of nothing."""
    done = cloud.openstack(cloud=user, lines=lines)
    told = f"{done.stderr}\nof the lines:\n{chr(10).join(lines)}\nwhich printed:\n{done.stdout}"
    # At the end of its input the client ends with 1, whatever happened before; errors stand in what it wrote.
    assert not done.stderr, told
    found = documents(done.stdout)
    assert len(found) == sum(line.endswith("-f json") for line in lines), told
    return found


def documents(text: str) -> list[Any]:
    """Objects and lists, of which the client begins each on a line of its own; keys in lower case."""
    found, decoder = [], json.JSONDecoder(object_hook=lambda pairs: {key.lower(): pairs[key] for key in pairs})
    start = 0
    while begin := re.compile(r"^([{\[]$|\[\]$|\{\}$)", re.MULTILINE).search(text, start):
        document, start = decoder.raw_decode(text, begin.start())
        found.append(document)
    return found


@pytest.fixture
def facts(simulated: WholeCloud, tmp_path: Path) -> Mapping[str, str]:
    client, name = simulated.connect(), "for the openstack command"
    image = client.image.find_image(name) or client.image.create_image(
        name=name, disk_format="raw", container_format="bare", data=b"bytes", wait=True
    )
    (tmp_path / "file").write_bytes(b"bytes of a picture")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    return {
        "FILE": str(tmp_path / "file"),
        "SAVED": str(tmp_path / "saved"),
        "KEY": str(tmp_path / "key.pub"),
        "IMAGE": str(image.id),
        "PROJECT": str(simulated.connect("skyloom-admin").current_project_id),
    }


@pytest.mark.parametrize("table", TABLES)
def test_what_can_be_made_can_be_shown_listed_changed_and_deleted(simulated, facts, tmp_path, table):
    user, things, more = TABLES[table]
    known = dict(facts)

    def filled(words: str) -> str:
        for name, value in known.items():
            words = words.replace(f"{{{name}}}", value)
        return words

    for group in waves(things):
        made = openstack(simulated, user, [filled(f"{thing.noun} create {thing.create} -f json") for thing in group])
        for thing, document in zip(group, made, strict=True):
            known[f"{thing.noun} {thing.name}"] = document[thing.key]

    shown = openstack(
        simulated,
        user,
        [
            *(f"{thing.noun} show {known[f'{thing.noun} {thing.name}']} -f json" for thing in things),
            *(f"{thing.noun} list {thing.listing} -f json" for thing in things),
            *(filled(f"{thing.noun} set {thing.change}") for thing in things if thing.change),
        ],
    )
    for thing, document, listed in zip(things, shown, shown[len(things) :], strict=False):
        told = known[f"{thing.noun} {thing.name}"]
        assert document[thing.key] == told
        assert not thing.is_named or document["name"] == thing.name
        assert told in json.dumps(listed), f"{thing.noun} list does not tell of {told}: {listed}"

    openstack(simulated, user, [filled(line) for line in more])
    if "image save --file {SAVED} picture" in more:
        assert (tmp_path / "saved").read_bytes() == b"bytes of a picture"

    listings = openstack(
        simulated,
        user,
        [
            *(
                f"{thing.noun} delete {WAIT.get(thing.noun, '')} {known[f'{thing.noun} {thing.name}']}"
                for thing in reversed(things)
            ),
            *(f"{thing.noun} list {thing.listing} -f json" for thing in things if not thing.listing),
        ],
    )
    for listed in listings:
        assert not [each for each in set(known.values()) - set(facts.values()) if each in json.dumps(listed)]


WAIT = {"server": "--wait"}


def waves(things: Sequence[Thing]) -> list[list[Thing]]:
    """Each wave needs ids of earlier ones only."""
    found: list[list[Thing]] = [[]]
    for thing in things:
        if any(f"{{{each.noun} {each.name}}}" in thing.create for each in found[-1]):
            found.append([])
        found[-1].append(thing)
    return found


def test_a_reader_may_look_and_nothing_else(simulated):
    openstack(simulated, "skyloom-reader", ["server list -f json", "network list -f json", "image list -f json"])
    for words in ("network create no", "security group create no", "keypair list --user admin"):
        done = simulated.openstack(*words.split(), cloud="skyloom-reader")
        assert done.returncode != 0
        assert "403" in done.stderr or "Forbidden" in done.stderr or "policy" in done.stderr.lower(), done.stderr


def test_what_is_not_there_is_told_so(simulated):
    for words in ("server show none", "image show none", "network delete none", "flavor show none"):
        done = simulated.openstack(*words.split())
        assert done.returncode == 1
        assert done.stderr.strip().startswith(("No ", "Failed to delete")), done.stderr
        assert "none" in done.stderr
