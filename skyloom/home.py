"""The folder of one cloud: all that it is, so that two clouds stand side by side and one is gone with its folder."""

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec

from skyloom.errors import BadRequest

CONTROL = "skyloom"
"""The name of the control plane among the processes of its folder."""
FILE = "file:"


class PlanInvalid(BadRequest):
    code = "cloud.plan_invalid"


class Plan(msgspec.Struct, frozen=True):
    """What `skyloom up` was asked for; kept in the folder, so that the next `up` needs no option again.

    `hypervisor` and `network` "auto": what the machine can do. `listen` is HOST:PORT. `database` and `bus` may hold
    passwords, so they are never shown; each may be file:PATH of a file that holds the URL, read at each start.
    `config`: the absolute path of the operator's settings; None: those in the folder, if there are any.
    `password_cost` None: as the settings have it.
    """

    listen: str = "127.0.0.1:8443"
    hypervisor: str = "auto"
    network: str = "auto"
    hosts: int = 1
    database: str | None = None
    bus: str | None = None
    tls: bool = True
    password_cost: int | None = None
    config: str | None = None

    def __repr__(self) -> str:
        return f"Plan(listen={self.listen!r}, hypervisor={self.hypervisor!r}, network={self.network!r})"

    @property
    def database_url(self) -> str | None:
        return _url(self.database)

    @property
    def bus_url(self) -> str | None:
        return _url(self.bus)

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise PlanInvalid(f"--listen {self.listen} cannot be read; use HOST:PORT such as 127.0.0.1:8443.")
        return host.strip("[]"), int(port)

    @property
    def public_url(self) -> str:
        host, port = self.address
        reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"{'https' if self.tls else 'http'}://{f'[{reached}]' if ':' in reached else reached}:{port}"


def _url(given: str | None) -> str | None:
    if given is None or not given.startswith(FILE):
        return given
    path = Path(given.removeprefix(FILE))
    try:
        return path.read_text().strip()
    except OSError as error:
        raise PlanInvalid(f"{path}, which should hold a URL, cannot be read ({error.strerror}).") from error


class Passwords(msgspec.Struct, frozen=True):
    admin: str
    demo: str
    reader: str


class Ready(msgspec.Struct, frozen=True):
    """Written when every API answers: what `status` and `up --detach` look at."""

    pid: int
    url: str
    hypervisor: str
    network: str
    hosts: int
    parts: list[str]


@dataclass(frozen=True)
class Home:
    folder: Path

    def make(self) -> None:
        """The folder holds secrets: its owner's only."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        for path in (self.processes, self.logs, self.tls):
            path.mkdir(exist_ok=True)

    @property
    def id(self) -> str:
        """Six letters that tell this cloud's namespaces and folders in /run from those of other clouds."""
        return hashlib.blake2s(str(self.folder.resolve()).encode(), digest_size=3).hexdigest()

    @property
    def database_url(self) -> str:
        """Of the SQLite file in the folder, made for its owner's eyes only: it holds hashes of passwords."""
        path = self.folder / "cloud.db"
        path.touch(mode=0o600)
        return f"sqlite:///{path}"

    @property
    def processes(self) -> Path:
        return self.folder / "processes"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def tls(self) -> Path:
        return self.folder / "tls"

    @property
    def ready(self) -> Path:
        return self.folder / "ready.json"

    @property
    def policy_state(self) -> Path:
        """What is in force of the operator's policy files; not there without any."""
        return self.folder / "policy.json"

    @property
    def clouds_yaml(self) -> Path:
        return self.folder / "clouds.yaml"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def configuration(self, plan: Plan) -> Path | None:
        """The file of the operator's settings; None when there is none."""
        if plan.config is not None:
            return Path(plan.config)
        own = self.folder / "skyloom.toml"
        return own if own.exists() else None

    def plan(self) -> Plan:
        path = self.folder / "plan.json"
        return msgspec.json.decode(path.read_bytes(), type=Plan) if path.exists() else Plan()

    def keep_plan(self, plan: Plan) -> None:
        write_whole(self.folder / "plan.json", msgspec.json.format(msgspec.json.encode(plan)), 0o600)

    def passwords(self) -> Passwords:
        """Of the first users; made at the first call."""
        path = self.folder / "passwords.json"
        if not path.exists():
            made = Passwords(*(secrets.token_urlsafe(18) for _ in Passwords.__struct_fields__))
            write_whole(path, msgspec.json.encode(made), 0o600)
        return msgspec.json.decode(path.read_bytes(), type=Passwords)

    def write_clouds(self, plan: Plan, region: str) -> None:
        """clouds.yaml for every OpenStack client: skyloom (a member), skyloom-admin, skyloom-reader."""
        passwords = self.passwords()
        people = (
            ("skyloom", "demo", passwords.demo, "demo"),
            ("skyloom-admin", "admin", passwords.admin, "admin"),
            ("skyloom-reader", "reader", passwords.reader, "demo"),
        )
        lines = ["clouds:"]
        for cloud, user, password, project in people:
            lines += [
                f"  {cloud}:",
                "    auth:",
                f"      auth_url: {plan.public_url}/identity/v3",
                f"      username: {user}",
                f"      password: {password}",
                f"      project_name: {project}",
                "      user_domain_id: default",
                "      project_domain_id: default",
                f"    region_name: {region}",
                "    identity_api_version: 3",
            ]
            if plan.tls:
                lines.append(f"    cacert: {self.ca}")
        write_whole(self.clouds_yaml, "\n".join([*lines, ""]).encode(), 0o600)

    def ready_now(self) -> Ready | None:
        try:
            return msgspec.json.decode(self.ready.read_bytes(), type=Ready)
        except (FileNotFoundError, msgspec.DecodeError):
            return None


def default_folder() -> Path:
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local/share") / "skyloom"


def write_whole(path: Path, content: bytes, mode: int) -> None:
    """The file is there whole or not at all, and never readable by more than `mode` says."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)


def how_to_use(home: Home, ready: Ready) -> str:
    return (
        f"Skyloom is ready at {ready.url} (hypervisor {ready.hypervisor}, network {ready.network}, "
        f"{ready.hosts} host{'s' if ready.hosts != 1 else ''}).\n"
        f"  export OS_CLIENT_CONFIG_FILE={home.clouds_yaml}\n"
        f"  openstack --os-cloud skyloom server list        # also: skyloom-admin, skyloom-reader"
    )
