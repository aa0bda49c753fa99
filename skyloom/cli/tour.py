"""`make cloud`: a cloud on this machine and a first guest in it, made as any user would, with the `openstack` command.

What is there already is used again, so a second run only shows it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from skyloom.errors import Unavailable
from skyloom.home import Home, default_folder

CLOUD = "skyloom"
SUBNET = "10.20.0.0/24"
BOOT_LIMIT_S = 300
SHOW = (
    "echo host name: $(hostname); echo metadata by: $(cat /run/instance/source); uname -sr; "
    "ip -4 -o addr show scope global"
)
SSH_OPTIONS = (
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
    "ConnectTimeout=5",
    "LogLevel=ERROR",
    "BatchMode=yes",
)


class StepFailed(Unavailable):
    code = "tour.step_failed"


class Tour:
    def __init__(self, home: Home, listen: str | None):
        self.home = home
        self.listen = listen
        self.began = time.monotonic()
        self.key = home.folder / "tour-key"
        scripts = Path(sys.executable).parent
        self.openstack = str(scripts / "openstack")
        self.environment = {**os.environ, "OS_CLIENT_CONFIG_FILE": str(home.clouds_yaml), "OS_CLOUD": CLOUD}

    def run(self) -> None:
        image = self._build_image()
        self._up()
        self._ensure("image", "tiny", "--file", str(image), "--disk-format", "qcow2", "--container-format", "bare")
        self._network()
        self._let_in()
        self._key_pair()
        address = self._server()
        self._console()
        self._log_in(address)
        self._say("Done. The cloud goes on running; `make down` ends it.")
        print(f"  export OS_CLIENT_CONFIG_FILE={self.home.clouds_yaml} OS_CLOUD={CLOUD}")
        print(f"  ssh -i {self.key} root@{address}")

    def _build_image(self) -> Path:
        self._say("the guest image, from Debian's packages")
        built = self._call([sys.executable, "-m", "skyloom.cli", "image", "build", "tiny", "--json"])
        return Path(json.loads(built)["qcow2"])

    def _up(self) -> None:
        self._say("the cloud")
        command = [sys.executable, "-m", "skyloom.cli", "up", "--detach", "--state", str(self.home.folder)]
        command += ["--hypervisor", "qemu", "--network", "ovn"]
        print(self._call([*command, *(["--listen", self.listen] if self.listen else [])]), end="")

    def _network(self) -> None:
        self._ensure("network", "private")
        self._ensure("subnet", "private", "--network", "private", "--subnet-range", SUBNET)
        if self._ensure("router", "way-out"):
            self._client("router", "set", "--external-gateway", "public", "way-out")
            self._client("router", "add", "subnet", "way-out", "private")

    def _let_in(self) -> None:
        rules = json.loads(self._client("security", "group", "rule", "list", "default", "--ingress", "-f", "json"))
        protocols = {rule["IP Protocol"] for rule in rules}
        for protocol, more in (("icmp", []), ("tcp", ["--dst-port", "22"])):
            if protocol not in protocols:
                self._say(f"a rule that lets {protocol} in")
                self._client("security", "group", "rule", "create", "default", "--protocol", protocol, *more)

    def _key_pair(self) -> None:
        if not self.key.exists():
            self._call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "skyloom-tour", "-f", str(self.key)])
        self._ensure("keypair", "tour", "--public-key", f"{self.key}.pub")

    def _server(self) -> str:
        """The server, ACTIVE, and its floating address."""
        self._ensure(
            "server",
            "first",
            "--image",
            "tiny",
            "--flavor",
            "tiny",
            "--network",
            "private",
            "--key-name",
            "tour",
            "--wait",
        )
        if self._status() == "SHUTOFF":
            self._client("server", "start", "first")
            self._await_active()
        floating = json.loads(self._client("floating", "ip", "list", "-f", "json"))
        for address in floating:
            if address["Fixed IP Address"] is not None:
                return str(address["Floating IP Address"])
        self._say("a floating IP")
        made = json.loads(self._client("floating", "ip", "create", "public", "-f", "json"))
        self._client("server", "add", "floating", "ip", "first", made["floating_ip_address"])
        return str(made["floating_ip_address"])

    def _status(self) -> str:
        return str(json.loads(self._client("server", "show", "first", "-f", "json"))["status"])

    def _await_active(self) -> None:
        """Until then the console is the one of its last life."""
        self._say("the server starts again")
        deadline = time.monotonic() + BOOT_LIMIT_S
        while (status := self._status()) != "ACTIVE":
            if status == "ERROR" or time.monotonic() > deadline:
                raise StepFailed(f"The server did not start: it is {status}; `openstack server show first` says more.")
            time.sleep(0.5)

    def _console(self) -> None:
        self._say("the console, until the guest says that it is ready")
        deadline = time.monotonic() + BOOT_LIMIT_S
        while "tiny: ready" not in (console := self._client("console", "log", "show", "first")):
            if time.monotonic() > deadline:
                raise StepFailed(
                    f"The guest was not ready after {BOOT_LIMIT_S} s; its console ended:\n{console[-2000:]}"
                )
        print("\n".join(f"    {line}" for line in console.splitlines()[-12:]))

    def _log_in(self, address: str) -> None:
        self._say(f"a login over SSH at {address}")
        options = [word for option in SSH_OPTIONS for word in ("-o", option)]
        command = ["ssh", *options, "-i", str(self.key), f"root@{address}"]
        deadline = time.monotonic() + 60
        while (done := subprocess.run([*command, SHOW], capture_output=True, text=True, check=False)).returncode != 0:
            if time.monotonic() > deadline:
                raise StepFailed(f"No login at {address} within 60 s: {done.stderr.strip()}")
            time.sleep(1)
        print("\n".join(f"    {line}" for line in done.stdout.splitlines()))
        if "host name: first" not in done.stdout:
            raise StepFailed("The guest did not get its name from the metadata service.")

    def _ensure(self, noun: str, name: str, *options: str) -> bool:
        """Make it unless it is there; whether it was made."""
        found = subprocess.run(
            [self.openstack, noun, "show", name, "-f", "json"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode == 0:
            self._say(f"the {noun} {name} is there")
            return False
        self._say(f"the {noun} {name}")
        self._client(noun, "create", *options, name)
        return True

    def _client(self, *words: str) -> str:
        return self._call([self.openstack, *words])

    def _call(self, command: list[str]) -> str:
        done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise StepFailed(f"`{' '.join(command)}` failed (exit {done.returncode}); the lines above say why.")
        return done.stdout

    def _say(self, line: str) -> None:
        print(f"[{time.monotonic() - self.began:5.1f} s] {line}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="A cloud on this machine and a first guest in it.")
    parser.add_argument("--state", type=Path, default=default_folder())
    parser.add_argument("--listen", metavar="HOST:PORT")
    arguments = parser.parse_args()
    if shutil.which("ssh") is None:
        print("ssh is missing: apt-get install openssh-client", file=sys.stderr)
        return 1
    try:
        Tour(Home(arguments.state.expanduser().absolute()), arguments.listen).run()
    except StepFailed as error:
        print(error.sentence, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
