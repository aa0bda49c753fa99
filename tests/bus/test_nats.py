"""What only a bus with a broker can get wrong: outages, credentials, encryption."""

import asyncio
import datetime
import ipaddress
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nats
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from skyloom.bus import ConnectionLost, NotAllowed
from skyloom.bus.broker import Broker
from skyloom.bus.nats import BrokerUnreachable, NatsBus
from skyloom.errors import Unavailable
from skyloom.parts.nats import NAME, NatsServer, TlsFiles
from skyloom.parts.processes import DaemonFailed, Processes

pytestmark = pytest.mark.needs("nats")
LIMIT_S = 20.0


@pytest.fixture
def buses(nats_server: NatsServer) -> Iterator[Callable[[str], NatsBus]]:
    made: list[NatsBus] = []

    def connect(url: str) -> NatsBus:
        made.append(NatsBus(url))
        return made[-1]

    yield connect
    for bus in made:
        bus.close()


def kill(server: NatsServer) -> None:
    record = server.processes.running(NAME)
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)
    os.waitpid(record.pid, 0)


RETRY_S = 2
"""A message is sent at most once: one that meets a side between two connections is lost, and its sender asks again."""


def until(works: Callable[[], object]) -> object:
    """What `works` gives as soon as the broker lets it."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            return works()
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            threading.Event().wait(0.02)


def test_after_the_broker_was_killed_requests_and_subscriptions_are_back(nats_server, buses):
    url = nats_server.ensure()
    here, there = buses(url), buses(url)
    heard = threading.Event()
    there.serve("job", lambda subject, payload: payload + b"!")
    there.subscribe("news", lambda subject, payload: heard.set())
    for _ in range(3):
        assert here.request("job", b"x", LIMIT_S) == b"x!"
        kill(nats_server)
        nats_server.ensure()
        assert until(lambda: here.request("job", b"y", RETRY_S)) == b"y!"
        heard.clear()
        here.publish("news", b"")
        assert heard.wait(LIMIT_S)


def test_what_is_under_way_when_the_broker_dies_fails_at_once(nats_server, buses):
    url = nats_server.ensure()
    here, there = buses(url), buses(url)
    started, release = threading.Event(), threading.Event()

    def handler(subject: str, payload: bytes) -> bytes:
        started.set()
        release.wait(LIMIT_S)
        return b""

    def kill_when_started() -> None:
        started.wait(LIMIT_S)
        kill(nats_server)

    there.serve("job", handler)
    killer = threading.Thread(target=kill_when_started)
    killer.start()
    with pytest.raises(ConnectionLost):
        here.request("job", b"", timeout_s=600)
    killer.join()
    release.set()
    nats_server.ensure()


def test_a_request_made_in_an_outage_is_answered_when_it_ends_and_never_sent_when_given_up(nats_server, buses):
    url = nats_server.ensure()
    here, there = buses(url), buses(url)
    asked: list[bytes] = []
    there.serve("job", lambda subject, payload: asked.append(payload) or b"")
    kill(nats_server)
    with pytest.raises(ConnectionLost):
        here.request("job", b"given up", timeout_s=0.5)
    here.publish("job", b"lost")
    restart = threading.Timer(0.2, nats_server.ensure)
    restart.start()
    until(lambda: here.request("job", b"kept", LIMIT_S))
    restart.join()
    assert asked == [b"kept"]


def test_a_subscription_made_in_an_outage_holds_when_it_ends(nats_server, buses):
    url = nats_server.ensure()
    here, there = buses(url), buses(url)
    kill(nats_server)
    there.serve("job", lambda subject, payload: b"done")
    nats_server.ensure()
    assert until(lambda: here.request("job", b"", RETRY_S)) == b"done"


def test_a_host_reaches_its_own_subjects_only(nats_server, buses):
    core = buses(nats_server.ensure())
    a, b = buses(nats_server.add_host("a")), buses(nats_server.add_host("b"))
    heard: list[str] = []
    core.subscribe("core.>", lambda subject, payload: heard.append(subject))
    core.serve("core.host.*.image.read", lambda subject, payload: subject.encode())
    b.serve("host.b.*", lambda subject, payload: b"b did it")

    assert core.request("host.b.start", b"", LIMIT_S) == b"b did it"
    assert a.request("core.host.a.image.read", b"", LIMIT_S) == b"core.host.a.image.read"
    for subject in ("host.b.start", "core.host.b.image.read", "core.other", "_INBOX.core.x.y", "_INBOX.host.b.x"):
        with pytest.raises(NotAllowed):
            a.request(subject, b"", LIMIT_S)
    for pattern in ("host.b.*", "host.*.*", "host.>", ">", "core.>", "_INBOX.>", "_INBOX.core.>", "_INBOX.host.b.>"):
        with pytest.raises(NotAllowed):
            a.subscribe(pattern, lambda subject, payload: None)
        with pytest.raises(NotAllowed):
            a.serve(pattern, lambda subject, payload: b"")
    a.publish("core.host.b.alive", b"")
    a.publish("core.host.a.alive", b"")
    assert a.request("core.host.a.image.read", b"", LIMIT_S)
    assert core.request("host.b.start", b"", LIMIT_S)
    assert "core.host.a.alive" in heard
    assert "core.host.b.alive" not in heard


def test_a_dotted_host_name_reaches_into_no_other_host(nats_server, buses):
    node, node_one = buses(nats_server.add_host("node")), buses(nats_server.add_host("node.one"))
    core = buses(nats_server.ensure())
    node.serve("host.node.>", lambda subject, payload: b"node")
    node_one.serve("host.node=2Eone.*", lambda subject, payload: b"node.one")
    assert core.request("host.node=2Eone.start", b"", LIMIT_S) == b"node.one"


def test_a_reply_goes_to_an_inbox_only(nats_server, buses, caplog):
    """A host that names a verb of another as its inbox must not borrow the core's rights."""
    core, victim = buses(nats_server.ensure()), buses(nats_server.add_host("victim"))
    broker = Broker.parse(nats_server.add_host("evil"))
    struck, handled = threading.Event(), threading.Event()
    victim.serve("host.victim.*", lambda subject, payload: struck.set() or b"")
    core.serve("core.host.*.image.read", lambda subject, payload: handled.set() or b"forged")

    async def strike() -> None:
        client = await nats.connect(broker.servers[0], user=broker.user, password=broker.password)
        await client.publish("core.host.evil.image.read", b"", reply="host.victim.remove_server")
        await client.flush()
        await client.close()

    asyncio.run(strike())
    deadline = time.monotonic() + LIMIT_S
    while "is not handled" not in caplog.text and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert "is not handled" in caplog.text
    assert core.request("host.victim.ping", b"", LIMIT_S) == b""
    assert not handled.is_set()


def test_a_removed_host_is_shut_out_and_others_stay_connected(nats_server, buses):
    core, kept = buses(nats_server.ensure()), buses(nats_server.add_host("kept"))
    gone_url = nats_server.add_host("gone")
    gone = buses(gone_url)
    kept.serve("host.kept.*", lambda subject, payload: b"kept")
    gone.serve("host.gone.*", lambda subject, payload: b"gone")
    nats_server.remove_host("gone")
    with pytest.raises(BrokerUnreachable, match="Authorization Violation"):
        NatsBus(gone_url, connect_timeout_s=1)
    with pytest.raises(ConnectionLost):
        gone.request("core.host.gone.image.read", b"", timeout_s=0.5)
    assert core.request("host.kept.start", b"", LIMIT_S) == b"kept"


def test_a_host_has_one_credential_and_no_password_is_in_the_open(nats_server):
    assert nats_server.add_host("again") == nats_server.add_host("again")
    record = nats_server.processes.running(NAME)
    password = nats_server.add_host("again").rpartition("@")[0].rpartition(":")[2]
    assert password not in Path(f"/proc/{record.pid}/cmdline").read_text()
    for name in ("nats.conf", "nats.json"):
        file = nats_server.folder / name
        assert password in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_no_broker_at_the_address_is_told_with_the_reason(tmp_path):
    with pytest.raises(BrokerUnreachable, match=r"nats://127\.0\.0\.1:1 "):
        NatsBus("nats://core:secret@127.0.0.1:1", connect_timeout_s=0.5)


def test_a_broker_that_cannot_start_points_to_its_log(tmp_path, nats_server):
    port = int(nats_server.ensure().rpartition(":")[2])
    second = NatsServer(Processes(tmp_path / "run", tmp_path / "log"), tmp_path / "nats", port=port)
    try:
        with pytest.raises(DaemonFailed, match=r"nats\.log"):
            second.ensure()
    finally:
        second.stop()


@pytest.fixture
def tls_files(tmp_path: Path) -> TlsFiles:
    """A certificate for 127.0.0.1 that is its own CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = TlsFiles(tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "cert.pem")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def test_an_encrypted_broker_is_used_with_its_ca_and_not_without(tmp_path, tls_files):
    server = NatsServer(Processes(tmp_path / "run", tmp_path / "log"), tmp_path / "nats", tls=tls_files)
    try:
        bus = NatsBus(server.ensure())
        bus.serve("echo", lambda subject, payload: payload)
        assert bus.request("echo", b"x", LIMIT_S) == b"x"
        bus.close()
        with pytest.raises(BrokerUnreachable, match="certificate verify failed"):
            NatsBus(server.ensure().partition("?")[0], connect_timeout_s=1)
    finally:
        server.stop()


def test_no_password_is_sent_to_a_broker_that_does_not_encrypt(nats_server):
    url = nats_server.ensure()
    with pytest.raises(BrokerUnreachable, match="does not encrypt"):
        NatsBus(url.replace("nats://", "tls://"), connect_timeout_s=1)
