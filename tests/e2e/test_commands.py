"""The `skyloom` command as a person meets it: what it says, what it leaves, and its exit codes."""

import json
import os
import shutil
from collections.abc import Callable

import pytest

from tests.parts.agreement import await_settled
from tests.parts.whole_cloud import WholeCloud, await_true, skyloom_command

SIMULATED = ("--hypervisor", "simulated")


@pytest.fixture(scope="module")
def cloud(clouds: Callable[..., WholeCloud]) -> WholeCloud:
    """A cloud that each test here leaves running."""
    made = clouds("commands", *SIMULATED, "--hosts", "2")
    made.up()
    return made


def test_help_tells_the_verbs():
    done = skyloom_command("--help")
    assert done.returncode == 0
    for verb in ("up", "down", "status", "doctor", "identity", "policy", "image"):
        assert f"\n    {verb} " in done.stdout


def test_up_tells_how_to_use_the_cloud(cloud):
    told = cloud.up()
    assert f"runs already at https://127.0.0.1:{cloud.port}" in told
    cloud.down()
    told = cloud.up()
    assert f"ready at https://127.0.0.1:{cloud.port}" in told
    assert "hypervisor simulated, network simulated, 2 hosts" in told
    assert f"export OS_CLIENT_CONFIG_FILE={cloud.home.clouds_yaml}" in told


def test_down_may_be_said_twice(cloud):
    assert "is down" in cloud.skyloom("down").stdout
    again = cloud.skyloom("down")
    assert again.returncode == 0
    assert "ran no more" in again.stdout
    cloud.up()


def test_down_of_no_cloud_makes_none(run_folder):
    done = skyloom_command("down", "--state", str(run_folder / "none"))
    assert (done.returncode, done.stdout) == (0, f"There is no cloud in {run_folder / 'none'}.\n")
    assert not (run_folder / "none").exists()


def test_status_tells_of_a_cloud_that_runs_and_of_one_that_does_not(cloud, run_folder):
    shown = cloud.skyloom("status", "--json")
    assert shown.returncode == 0
    status = json.loads(shown.stdout)
    assert status == {
        "state": str(cloud.home.folder),
        "running": True,
        "processes": {"skyloom": cloud.pid("skyloom")},
        "url": f"https://127.0.0.1:{cloud.port}",
        "hypervisor": "simulated",
        "network": "simulated",
        "hosts": 2,
        "clouds_yaml": str(cloud.home.clouds_yaml),
    }
    assert f"https://127.0.0.1:{cloud.port}" in cloud.skyloom("status").stdout

    none = skyloom_command("status", "--state", str(run_folder / "none"), "--json")
    assert none.returncode == 3
    assert json.loads(none.stdout)["running"] is False
    cloud.down()
    assert cloud.skyloom("status").returncode == 3
    cloud.up()


def test_up_after_down_keeps_servers_and_what_they_have(cloud):
    client = cloud.connect()
    image = client.image.create_image(name="kept", disk_format="raw", container_format="bare", data=b"bytes", wait=True)
    network = client.network.create_network(name="kept")
    client.network.create_subnet(network_id=network.id, ip_version=4, cidr="10.1.0.0/24")
    server = client.compute.create_server(
        name="kept",
        image_id=image.id,
        flavor_id=client.compute.find_flavor("tiny").id,
        networks=[{"uuid": network.id}],
    )
    address = client.compute.wait_for_server(server, interval=0.1).addresses["kept"][0]["addr"]

    cloud.down()
    assert cloud.leftovers() == []
    cloud.up()

    assert b"".join(client.image.download_image(image.id, stream=True).iter_content(1024)) == b"bytes"
    kept = client.compute.get_server(server.id)
    assert kept.addresses["kept"][0]["addr"] == address
    client.compute.delete_server(server.id)
    await_settled(cloud)


def test_a_control_plane_that_was_killed_starts_again(cloud):
    cloud.kill("skyloom")
    assert cloud.skyloom("status").returncode == 3
    assert "ready at" in cloud.up()


def test_an_option_that_cannot_be_is_told_before_anything_starts(run_folder):
    state = str(run_folder / "wrong")
    for words, sentence in (
        (["--listen", "nowhere"], "skyloom: --listen nowhere cannot be read; use HOST:PORT such as 127.0.0.1:8443."),
        ([*SIMULATED, "--network", "ovn"], "--network ovn carries real guests only"),
        (["--hypervisor", "qemu", "--hosts", "3"], "--hosts above 1 needs --hypervisor simulated"),
        ([*SIMULATED, "--hosts", "0"], "--hosts"),
        (["--database", "mysql://u:secret@x"], "The URL of --database is of no kind that is known"),
    ):
        done = skyloom_command("up", "--detach", "--state", state, *words)
        assert done.returncode == 1, f"{words}: {done.stdout}{done.stderr}"
        assert sentence in done.stderr
        assert "secret" not in done.stderr
        assert "Traceback" not in done.stderr
        assert not (run_folder / "wrong/plan.json").exists(), "a plan that cannot be is not kept"


def test_settings_that_cannot_be_are_told_before_anything_starts(run_folder, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text("[identity]\ntoken_life = 60\n")
    state = run_folder / "mistaken"
    done = skyloom_command("up", "--detach", "--state", str(state), *SIMULATED, "--config", str(settings))
    assert done.returncode == 1
    assert f"skyloom: {settings}: [identity] token_life: there is no such key" in done.stderr
    assert "Traceback" not in done.stderr
    assert not state.exists()


def test_settings_hold_over_down_and_up(clouds, tmp_path):
    (tmp_path / "settings.toml").write_text("[identity]\ntoken_life_s = 900\n")
    cloud = clouds("settings", *SIMULATED)
    for words in (["--config", str(tmp_path / "settings.toml")], []):
        cloud.up(*words)
        session = cloud.connect().session
        assert session.auth.get_access(session).will_expire_soon(901)
        cloud.down()


def test_a_port_that_is_taken_is_told(cloud, clouds):
    second = clouds("second")
    done = second.skyloom("up", "--detach", *SIMULATED, "--listen", f"127.0.0.1:{cloud.port}")
    assert done.returncode == 1
    assert f"127.0.0.1:{cloud.port}" in done.stderr
    assert "Traceback" not in done.stderr
    assert second.skyloom("status").returncode == 3
    assert second.leftovers() == []


def test_auto_falls_back_to_simulated_and_tells_why(clouds, tmp_path):
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("sh", "ip", "nsenter"):
        found = shutil.which(name)
        assert found
        (bare / name).symlink_to(found)
    cloud = clouds("bare")
    done = cloud.skyloom(
        "up",
        "--detach",
        *cloud.options,
        environment={
            "PATH": str(bare),
        },
    )
    assert done.returncode == 0, done.stderr
    assert "hypervisor simulated, network simulated (no qemu: lacks" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a plain user")
def test_a_plain_user_has_a_cloud_too(run_folder, clouds):
    folder = run_folder / "plain"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    cloud = WholeCloud(folder / "cloud", *SIMULATED)
    # It may read everything, for this Python or these sources may lie in a folder that is closed to all but root.
    read_all = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    plain = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *read_all, "--"]
    home = {"HOME": str(folder)}
    try:
        done = cloud.skyloom("up", "--detach", *cloud.options, prefix=plain, environment=home)
        assert done.returncode == 0, done.stderr
        assert list(cloud.connect().compute.servers()) == []
        assert cloud.home.clouds_yaml.stat().st_mode & 0o777 == 0o600
        done = cloud.skyloom("down", prefix=plain, environment=home)
        assert done.returncode == 0, done.stderr
        assert cloud.leftovers() == []
    finally:
        cloud.close()


def test_doctor_tells_what_is_there(tmp_path):
    findings = json.loads(skyloom_command("doctor", "--json").stdout)
    assert {"qemu-system-x86_64", "ovn", "nats-server", "postgresql"} <= {finding["part"] for finding in findings}
    for finding in findings:
        assert finding.keys() == {"part", "is_there", "remark"}
        assert finding["is_there"] or finding["remark"], "what is missing comes with its remedy"
    lines = skyloom_command("doctor").stdout.splitlines()
    assert len(lines) == len(findings)


@pytest.mark.needs("qemu")
@pytest.mark.needs("ovn")
def test_two_clouds_stand_side_by_side(simulated, real):
    """Each is what its own folder says, and knows nothing of the other."""
    for cloud, hypervisor in ((simulated, "simulated"), (real, "qemu")):
        status = json.loads(cloud.skyloom("status", "--json").stdout)
        assert (status["hypervisor"], status["url"]) == (hypervisor, f"https://127.0.0.1:{cloud.port}")
    assert not set(simulated.processes.names()) & (set(real.processes.names()) - {"skyloom"})
    names = {image.name for image in simulated.connect().image.images()}
    assert "tiny" not in names


def of_cloud(cloud, *words):
    """A verb of a verb: the cloud's folder comes after both."""
    return skyloom_command(*words, "--state", str(cloud.home.folder))


def test_keys_are_rotated_below_a_cloud_that_runs_and_one_that_does_not(cloud):
    connection = cloud.connect()
    token, url = connection.session.get_token(), f"{connection.session.auth.auth_url}/auth/projects"

    def is_good() -> bool:
        asked = cloud.connect().session.get(url, headers={"X-Auth-Token": token}, authenticated=False, raise_exc=False)
        return bool(asked.status_code == 200)

    assert is_good()
    first = json.loads(of_cloud(cloud, "identity", "rotate-keys", "--json").stdout)["keys"]
    assert [key["signs"] for key in first] == [True, *[False] * (len(first) - 1)]
    assert {key["format"] for key in first} == {"fernet"}
    assert is_good()
    assert cloud.connect().session.get_token() != token
    cloud.down()
    shown = of_cloud(cloud, "identity", "rotate-keys").stdout.splitlines()
    assert len(shown) == len(first) + 1
    assert "signs" in shown[0]
    assert "read until" in shown[1]
    cloud.up()
    assert is_good()


def test_keys_of_no_cloud_are_not_rotated(run_folder):
    done = skyloom_command("identity", "rotate-keys", "--state", str(run_folder / "none"))
    assert done.returncode == 1
    assert "There is no cloud in" in done.stderr
    assert not (run_folder / "none").exists()


def test_a_policy_file_counts_without_a_restart_and_is_explained(cloud):
    words = ("policy", "explain", "--user", "demo", "--action", "identity:create_region", "--project", "demo")
    refused = of_cloud(cloud, *words)
    assert refused.returncode == 3
    assert "may not do identity:create_region with a token of project demo" in refused.stdout
    assert "member       direct" in refused.stdout
    folder = cloud.home.folder / "policy"
    folder.mkdir()
    path = folder / "identity.yaml"
    path.write_text('"identity:create_region": "role:member"\n')
    connection = cloud.connect()
    url = f"{connection.session.auth.auth_url}/regions"

    def makes_a_region() -> bool:
        return bool(connection.session.post(url, json={"region": {}}, raise_exc=False).status_code == 201)

    await_true("the file counts", makes_a_region)
    allowed = json.loads(of_cloud(cloud, *words, "--json").stdout)
    assert (allowed["allowed"], allowed["origin"], allowed["rule"]) == (True, f"{path}:1", "role:member")
    path.write_text('"identity:create_region": "role:member and"\n')
    await_true("the trouble is told", lambda: json.loads(cloud.skyloom("status", "--json").stdout)["policy"]["trouble"])
    assert "identity.yaml:1: identity:create_region" in cloud.skyloom("status").stdout
    assert makes_a_region(), "by the rules from before"
    cloud.down()
    started = cloud.skyloom("up", "--detach")
    assert started.returncode != 0
    assert "identity.yaml:1: identity:create_region" in started.stderr
    path.unlink()
    cloud.up()
    assert "policy" not in json.loads(cloud.skyloom("status", "--json").stdout)
