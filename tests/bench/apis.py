"""The benches over simulated hosts; each yields its figures."""

import subprocess
import time
from collections.abc import Callable, Iterator
from functools import cached_property

from skyloom.identity.passwords import Passwords
from tests.bench.figures import Figure
from tests.bench.load import Client
from tests.bench.noise import noise
from tests.bench.running import COMMAND, ENVIRONMENT, PASSWORD_COST, Running

BOOTS, AT_ONCE = 200, 20
MANY = 1000
BATCH = 50
LIMIT_S = 120
VALIDATES_A_S = 80
IDLE_S = 3


class Bench:
    """One cloud of ten hosts; what a bench needs of it is made once."""

    def __init__(self, cloud: Running, start_s: float):
        self.cloud = cloud
        self.client = Client(cloud)
        self.start_s = start_s

    def start(self) -> Iterator[Figure]:
        yield Figure("start", self.start_s)

    def memory(self) -> Iterator[Figure]:
        time.sleep(IDLE_S)
        before_s = self.cloud.cpu_s()
        time.sleep(IDLE_S)
        busy = (self.cloud.cpu_s() - before_s) / IDLE_S * 100
        yield Figure("memory", self.cloud.pss_mb(), f"{len(self.cloud.pids())} processes, {busy:.1f} % of a CPU")

    def help(self) -> Iterator[Figure]:
        yield Figure("help", _best_s(["--help"]), "best of 5")
        yield Figure("status", _best_s(["status", "--state", str(self.cloud.folder)]), "best of 5")

    def token(self) -> Iterator[Figure]:
        subjects = [{"X-Subject-Token": self.client.issue()} for _ in range(4)]
        load = self.client.load(
            lambda n: self.client.raw("GET", "/identity/v3/auth/tokens", headers=subjects[n % 4]), wide=8
        )
        yield Figure("token.validate", load.cpu_ms, load.told)
        before_ms = _hash_ms()
        load = self.client.load(lambda n: self.client.issue(), wide=8)
        hash_ms = min(before_ms, _hash_ms())  # a moment's slowness must not count as the hash's
        yield Figure("token.issue", load.cpu_ms - hash_ms, f"hash {hash_ms:.2f} ms; {load.told}")
        with noise(self.cloud):
            load = self.client.paced(
                lambda n: self.client.raw("GET", "/identity/v3/auth/tokens", headers=subjects[n % 4]), VALIDATES_A_S
            )
        yield Figure("token.p99", load.percentile_ms(99), load.told)

    def server(self) -> Iterator[Figure]:
        ids: list[str] = []
        _ = self.flavor_id, self.image_id, self.network_id
        self._create(1, "first")
        self._settle()
        before_s, began = self.cloud.cpu_s(), time.perf_counter()
        load = self.client.load(lambda n: ids.append(self._create(1, "bench")), AT_ONCE, BOOTS)
        self._settle()
        wall_s = time.perf_counter() - began
        states = [each["status"] for each in self._servers("/detail?limit=1000")]
        assert states.count("ACTIVE") == len(states), f"{len(states) - states.count('ACTIVE')} servers failed"
        yield Figure("server.rate", BOOTS / wall_s, f"{BOOTS} in {wall_s:.2f} s")
        yield Figure("server.create", (self.cloud.cpu_s() - before_s) * 1000 / BOOTS)
        yield Figure("server.accept", load.percentile_ms(99), load.told)
        yield from self._many_servers(ids[0])
        before_s, began = self.cloud.cpu_s(), time.perf_counter()
        load = self.client.load(lambda n: self.client.raw("DELETE", f"/compute/v2.1/servers/{ids[n]}"), 8, BOOTS)
        self._until("deleted", lambda: not self._servers("?name=bench&limit=1"))
        cpu_ms = (self.cloud.cpu_s() - before_s) * 1000 / BOOTS
        yield Figure("server.delete", cpu_ms, f"{BOOTS / (time.perf_counter() - began):.0f} gone/s; {load.told}")

    def _many_servers(self, server_id: str) -> Iterator[Figure]:
        while (lacking := MANY - len(self._servers("?limit=1000"))) > 0:
            self._create(min(BATCH, lacking), "many")
            self._settle()
        load = self.client.load(lambda n: self.client.raw("GET", "/compute/v2.1/servers/detail?limit=1000"), 1)
        yield Figure("server.list", load.cpu_ms, load.told)
        load = self.client.load(lambda n: self.client.raw("GET", f"/compute/v2.1/servers/{server_id}"), 8)
        yield Figure("server.show", load.cpu_ms, load.told)

    def _create(self, count: int, name: str) -> str:
        server = {
            "name": name,
            "flavorRef": self.flavor_id,
            "imageRef": self.image_id,
            "networks": [{"uuid": self.network_id}],
            "min_count": count,
            "max_count": count,
        }
        return str(self.client("POST", "/compute/v2.1/servers", {"server": server})["server"]["id"])

    def _servers(self, query: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.client("GET", f"/compute/v2.1/servers{query}")["servers"]
        return found

    def _settle(self) -> None:
        self._until("built", lambda: not self._servers("?status=BUILD&limit=1"))

    def _until(self, what: str, is_so: Callable[[], bool]) -> None:
        """Asking costs the cloud little, so what is asked counts as part of the work."""
        deadline = time.monotonic() + LIMIT_S
        while not is_so():
            assert time.monotonic() < deadline, f"not all servers were {what} within {LIMIT_S} s"
            time.sleep(0.05)

    def network(self) -> Iterator[Figure]:
        _ = self.network_id
        load = self.client.load(
            lambda n: self.client("POST", "/network/v2.0/networks", {"network": {"name": f"bench-{n}"}}), 8, 200
        )
        yield Figure("network.create", load.cpu_ms, load.told)
        network = self.client("POST", "/network/v2.0/networks", {"network": {"name": "ports"}})["network"]["id"]
        subnet = {"network_id": network, "ip_version": 4, "cidr": "10.201.0.0/16"}
        self.client("POST", "/network/v2.0/subnets", {"subnet": subnet})
        port = {"port": {"network_id": network, "name": "bench"}}
        load = self.client.load(lambda n: self.client("POST", "/network/v2.0/ports", port), 8, MANY - 2)
        yield Figure("port.create", load.cpu_ms, load.told)
        load = self.client.load(lambda n: self.client.raw("GET", f"/network/v2.0/ports?network_id={network}"), 1)
        yield Figure("port.list", load.cpu_ms, load.told)

    def image(self) -> Iterator[Figure]:
        first = self.image_id
        image = {"name": "bench", "disk_format": "raw", "container_format": "bare", "bench_prop": "x" * 32}
        self.client.load(lambda n: self.client("POST", "/image/v2/images", image), 8, MANY - 2)
        load = self.client.load(lambda n: self.client.raw("GET", "/image/v2/images?limit=1000"), 1)
        yield Figure("image.list", load.cpu_ms, load.told)
        load = self.client.load(lambda n: self.client.raw("GET", f"/image/v2/images/{first}"), 8)
        yield Figure("image.show", load.cpu_ms, load.told)

    # What servers are made of.

    @cached_property
    def flavor_id(self) -> str:
        quota = {"instances": -1, "cores": -1, "ram": -1, "force": True}
        self.client("PUT", f"/compute/v2.1/os-quota-sets/{self.client.project_id}", {"quota_set": quota})
        flavor = {"name": "bench", "ram": 64, "vcpus": 1, "disk": 1}
        return str(self.client("POST", "/compute/v2.1/flavors", {"flavor": flavor})["flavor"]["id"])

    @cached_property
    def image_id(self) -> str:
        image = {"name": "boot", "disk_format": "raw", "container_format": "bare"}
        image_id = str(self.client("POST", "/image/v2/images", image)["id"])
        headers = {"Content-Type": "application/octet-stream"}
        self.client.raw("PUT", f"/image/v2/images/{image_id}/file", b"\0" * 1024, headers)
        return image_id

    @cached_property
    def network_id(self) -> str:
        quota = {"port": -1, "network": -1, "subnet": -1}
        self.client("PUT", f"/network/v2.0/quotas/{self.client.project_id}", {"quota": quota})
        network_id = str(self.client("POST", "/network/v2.0/networks", {"network": {"name": "boot"}})["network"]["id"])
        subnet = {"network_id": network_id, "ip_version": 4, "cidr": "10.200.0.0/16"}
        self.client("POST", "/network/v2.0/subnets", {"subnet": subnet})
        return network_id


def _best_s(words: list[str]) -> float:
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([*COMMAND, *words], env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _hash_ms() -> float:
    """CPU of the check of one password at the bench's cost, in this process."""
    passwords = Passwords(PASSWORD_COST)
    kept = passwords.hash("a password")
    began = time.process_time()
    for _ in range(100):
        passwords.verify("a password", kept)
    return (time.process_time() - began) * 10
