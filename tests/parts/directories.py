"""Real directories for the tests: OpenLDAP's slapd and Samba as an Active Directory controller.

Each is started once a session, in a folder of its own, on loopback only. The folder's name holds the pid and start time
of the process that made it, and the kernel ends the server when that process dies, so a killed run leaves only a dead
folder, which the next run sweeps away. Samba's ports are fixed, so it gets a loopback address of its own.
"""

import base64
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ldap
import ldap.dn
from ldap.ldapobject import SimpleLDAPObject

from tests.parts.certificates import Authority

PREFIX = "skyloom-test-directory-"
LIMIT_S = 60
MANY = 2000
"""Users in slapd's folder `crowd`."""
PASSWORDS = {"anna": "Anna's 1st word", "bert": "Bert's 1st word", "carl": "Carl's 1st word"}
GROUPS: Mapping[str, Sequence[str]] = {"staff": ("anna", "bert"), "admins": ("anna",)}
NESTED = {"everybody": ("staff",)}
"""Groups of groups, in Active Directory only."""
SLAPD_SUFFIX, SAMBA_SUFFIX = "dc=example,dc=org", "dc=example,dc=test"
ODD_NAME = 'o*d (x) \\, "q" #é'
SCHEMA = """
attributetype ( 1.3.6.1.4.1.4203.666.11.1 NAME 'accountEnabled' EQUALITY booleanMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.4203.666.11.2 NAME 'account2' SUP top AUXILIARY MAY ( accountEnabled ) )
"""


class Slapd:
    """The tree: ou=people (anna, bert, carl who is disabled, an odd name), ou=groups, ou=crowd with 2,000 users."""

    def __init__(self) -> None:
        self.folder = _folder("slapd")
        self.port, self.tls_port = _free_port(), _free_port()
        self.authority = Authority(self.folder / "tls")
        certificate, key = self.authority.server("slapd", "127.0.0.1")
        (self.folder / "data").mkdir()
        (self.folder / "own.schema").write_text(SCHEMA)
        schemas = "\n".join(f"include /etc/ldap/schema/{name}.schema" for name in ("core", "cosine", "inetorgperson"))
        (self.folder / "slapd.conf").write_text(
            f"{schemas}\ninclude {self.folder}/own.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n"
            f"pidfile {self.folder}/pid\nTLSCACertificateFile {self.authority.file}\n"
            f"TLSCertificateFile {certificate}\nTLSCertificateKeyFile {key}\nTLSVerifyClient never\n"
            f"sizelimit 500\nsizelimit size.prtotal=unlimited\n"
            f'database mdb\nsuffix "{SLAPD_SUFFIX}"\nrootdn "cn=root,{SLAPD_SUFFIX}"\nrootpw root-word\n'
            f"directory {self.folder}/data\nmaxsize 67108864\nindex objectClass,uid,member eq\ndbnosync\n"
            f"access to attrs=userPassword by anonymous auth by * none\naccess to * by users read by anonymous auth\n"
        )
        (self.folder / "data.ldif").write_text(_ldif())
        _run("slapadd", "-q", "-f", str(self.folder / "slapd.conf"), "-l", str(self.folder / "data.ldif"))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        urls = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        command = ["slapd", "-d", "0", "-f", str(self.folder / "slapd.conf"), "-h", urls]
        self._process = _start(command, self.folder)
        _wait_for("127.0.0.1", self.port, self._process, self.folder)

    def stop(self) -> None:
        _stop(self._process)
        self._process = None

    def pause(self) -> None:
        """It stays there and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # returns once all its threads have stopped

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def options(self, **more: Any) -> dict[str, Any]:
        return {
            "url": f"ldap://127.0.0.1:{self.port}",
            "user": f"cn=reader,{SLAPD_SUFFIX}",
            "password": "reader-word",
            "suffix": SLAPD_SUFFIX,
            "user_tree_dn": f"ou=people,{SLAPD_SUFFIX}",
            "user_id_attribute": "uid",
            "user_name_attribute": "uid",
            "user_enabled_attribute": "accountEnabled",
            "group_tree_dn": f"ou=groups,{SLAPD_SUFFIX}",
            "group_name_attribute": "cn",
            **more,
        }

    def ldaps(self) -> dict[str, Any]:
        return self.options(url=f"ldaps://127.0.0.1:{self.tls_port}", tls_cacertfile=str(self.authority.file))

    def start_tls(self) -> dict[str, Any]:
        return self.options(use_tls=True, tls_cacertfile=str(self.authority.file))

    def admin(self) -> SimpleLDAPObject:
        return _bound(f"ldap://127.0.0.1:{self.port}", f"cn=root,{SLAPD_SUFFIX}", "root-word")


class Samba:
    """cn=users: the same people and groups as in slapd, and `everybody`, a group whose member is the group staff."""

    WORD = "Str0ng-admin-word"

    def __init__(self) -> None:
        self.folder = _folder("samba")
        self.address = _free_loopback()
        self.authority = Authority(self.folder / "tls")
        certificate, key = self.authority.server("samba", self.address)
        _run(
            *("samba-tool", "domain", "provision", f"--targetdir={self.folder}", "--realm=EXAMPLE.TEST"),
            *("--domain=EXAMPLE", f"--adminpass={self.WORD}", "--server-role=dc", "--dns-backend=NONE"),
            *(f"--host-ip={self.address}", "--host-name=dc1", "--quiet"),
        )
        paths = {
            **{"private dir": "private", "lock directory": "", "state directory": "state", "cache directory": "cache"},
            **{"binddns dir": "bind-dns", "pid directory": "run", "ncalrpc dir": "run/ncalrpc"},
            **{"winbindd socket directory": "run/winbindd", "log file": "log"},
        }
        settings = {
            **{"netbios name": "DC1", "realm": "EXAMPLE.TEST", "workgroup": "EXAMPLE", "server services": "ldap"},
            **{"server role": "active directory domain controller", "logging": "file"},
            **{"interfaces": f"{self.address}/8", "bind interfaces only": "yes", "tls enabled": "yes"},
            **{"tls certfile": certificate, "tls keyfile": key, "tls cafile": self.authority.file},
            **{name: self.folder / path for name, path in paths.items()},
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        (self.folder / "smb.conf").write_text("\n".join(["[global]", *lines, ""]))
        (self.folder / "run").mkdir(exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        self._fill()

    def start(self) -> None:
        command = ["samba", "-F", "--no-process-group", "-M", "single", "-s", str(self.folder / "smb.conf")]
        self._process = _start(command, self.folder)
        _wait_for(self.address, 636, self._process, self.folder)

    def close(self) -> None:
        _stop(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def options(self, **more: Any) -> dict[str, Any]:
        return {
            "url": f"ldaps://{self.address}",
            "tls_cacertfile": str(self.authority.file),
            "user": "administrator@example.test",
            "password": self.WORD,
            "suffix": SAMBA_SUFFIX,
            **more,
        }

    def admin(self) -> SimpleLDAPObject:
        return _bound(f"ldaps://{self.address}", "administrator@example.test", self.WORD, str(self.authority.file))

    def _fill(self) -> None:
        connection = self.admin()
        for name, password in PASSWORDS.items():
            control = "514" if name == "carl" else "512"
            attributes = {"objectClass": "user", "sAMAccountName": name, "userAccountControl": control}
            attributes |= {"mail": f"{name}@example.test", "description": f"{name} of the test"}
            entry = [(key, value.encode()) for key, value in attributes.items()]
            connection.add_s(samba_dn(name), [*entry, ("unicodePwd", f'"{password}"'.encode("utf-16-le"))])
        for name, members in {**GROUPS, **NESTED}.items():
            entry = [("objectClass", b"group"), ("sAMAccountName", name.encode()), ("description", b"a group")]
            connection.add_s(samba_dn(name), [*entry, ("member", [samba_dn(each).encode() for each in members])])
        connection.unbind_s()


def samba_dn(name: str) -> str:
    return f"cn={name},cn=users,{SAMBA_SUFFIX}"


def _ldif() -> str:
    def entry(dn: str, *attributes: str) -> str:
        return "\n".join([f"dn: {dn}", *attributes, "", ""])

    person = ("objectClass: inetOrgPerson", "objectClass: account2")
    found = [entry(SLAPD_SUFFIX, "objectClass: domain", "dc: example")]
    for name in ("people", "groups", "crowd"):
        found.append(entry(f"ou={name},{SLAPD_SUFFIX}", "objectClass: organizationalUnit", f"ou: {name}"))
    reader = ("objectClass: organizationalRole", "objectClass: simpleSecurityObject", "userPassword: reader-word")
    found.append(entry(f"cn=reader,{SLAPD_SUFFIX}", *reader, "cn: reader"))
    for name, password in PASSWORDS.items():
        enabled = "FALSE" if name == "carl" else "TRUE"
        about = (f"uid: {name}", f"cn: {name}", "sn: x", f"mail: {name}@example.test", f"userPassword: {password}")
        more = (f"description: {name} of the test", f"accountEnabled: {enabled}")
        found.append(entry(f"uid={name},ou=people,{SLAPD_SUFFIX}", *person, *about, *more))
    dn = ldap.dn.escape_dn_chars(ODD_NAME)
    odd = (f"uid: {ODD_NAME}", "cn: odd", "sn: x", "userPassword: odd-word", "accountEnabled: TRUE")
    found.append(entry(f"uid={dn},ou=people,{SLAPD_SUFFIX}", *person, *odd))
    for name, members in {**GROUPS, "odd ones": (ODD_NAME,)}.items():
        dns = [f"member: uid={ldap.dn.escape_dn_chars(each)},ou=people,{SLAPD_SUFFIX}" for each in members]
        about = ("objectClass: groupOfNames", f"cn: {name}", "description: a group", *dns)
        found.append(entry(f"cn={name},ou=groups,{SLAPD_SUFFIX}", *about))
    for number in range(MANY):
        about = (f"uid: crowd-{number:04}", f"cn: {number}", "sn: x", "accountEnabled: TRUE")
        found.append(entry(f"uid=crowd-{number:04},ou=crowd,{SLAPD_SUFFIX}", *person, *about))
    return _base64_lines("".join(found))


def _base64_lines(text: str) -> str:
    """LDIF holds other characters than ASCII in base64."""
    lines = []
    for line in text.splitlines():
        name, _, value = line.partition(": ")
        if line.isascii():
            lines.append(line)
        else:
            lines.append(f"{name}:: {base64.b64encode(value.encode()).decode()}")
    return "\n".join([*lines, ""])


def _folder(kind: str) -> Path:
    _sweep()
    pid = os.getpid()
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{pid}-{_start_ticks(pid)}-{kind}-"))


def _sweep() -> None:
    """Remove the folders of runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid, ticks, *_ = folder.name.removeprefix(PREFIX).split("-")
        if _start_ticks(int(pid)) != ticks:
            shutil.rmtree(folder, ignore_errors=True)


def _start_ticks(pid: int) -> str:
    """Field 22 of /proc/PID/stat; empty when there is no such process. With it a pid names one process only."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _start(command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "output").open("ab") as log:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "--", *command],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _stop(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.kill()
        process.wait(LIMIT_S)


def _run(*command: str) -> None:
    done = subprocess.run(
        command, check=False, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def _wait_for(address: str, port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    limit = time.monotonic() + LIMIT_S
    while time.monotonic() < limit and process.poll() is None:
        try:
            socket.create_connection((address, port), 5).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} does not start: {(folder / 'output').read_text()[-2000:]}")


def _bound(url: str, user: str, password: str, ca_file: str | None = None) -> SimpleLDAPObject:
    connection = ldap.initialize(url)
    if ca_file is not None:
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, ca_file)
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    connection.simple_bind_s(user, password)
    return connection


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _free_loopback() -> str:
    """An address of 127.0.0.0/8 on which nobody serves LDAP."""
    while True:
        address = f"127.{random.randint(64, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
        with socket.socket() as probe:
            try:
                probe.bind((address, 389))
                return address
            except OSError:
                continue
