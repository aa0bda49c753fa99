import stat
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from skyloom.clock import VirtualClock
from skyloom.web.tls import SERVER_DAYS, ensure_keyring


def names(path: Path) -> set[str]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    return {
        str(name.value) for name in certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_first_start_makes_all_with_the_right_modes(tmp_path: Path) -> None:
    keyring = ensure_keyring(tmp_path, listen="203.0.113.7", names=["cloud.example"])
    assert names(keyring.certificate) >= {"localhost", "127.0.0.1", "::1", "203.0.113.7", "cloud.example"}
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"ca.pem": 0o644, "server.pem": 0o644, "server.key": 0o600, "ca.key": 0o600}


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    ensure_keyring(tmp_path)
    before = contents(tmp_path)
    ensure_keyring(tmp_path)
    assert contents(tmp_path) == before


def test_new_names_and_a_near_end_renew_the_certificate_and_keep_the_ca(tmp_path: Path) -> None:
    clock = VirtualClock()
    ensure_keyring(tmp_path, clock=clock)
    seen = [contents(tmp_path)]
    ensure_keyring(tmp_path, listen="203.0.113.7", clock=clock)
    seen.append(contents(tmp_path))
    clock.advance(timedelta(days=SERVER_DAYS - 29).total_seconds())
    ensure_keyring(tmp_path, listen="203.0.113.7", clock=clock)
    seen.append(contents(tmp_path))
    assert len({each["server.pem"] for each in seen}) == 3
    assert len({each["ca.pem"] for each in seen}) == 1


def test_a_start_after_a_crash_goes_on(tmp_path: Path) -> None:
    ensure_keyring(tmp_path)
    whole = contents(tmp_path)
    (tmp_path / ".ca.pem.draft").write_bytes(b"half")
    for left in (["ca.key"], ["ca.key", "ca.pem"], ["ca.key", "ca.pem", "server.key"]):
        for path in tmp_path.iterdir():
            path.unlink()
        for name in left:
            (tmp_path / name).write_bytes(whole[name])
        keyring = ensure_keyring(tmp_path)
        ca = x509.load_pem_x509_certificate(keyring.ca.read_bytes())
        x509.load_pem_x509_certificate(keyring.certificate.read_bytes()).verify_directly_issued_by(ca)


def test_a_key_that_fits_no_certificate_is_replaced(tmp_path: Path) -> None:
    keyring = ensure_keyring(tmp_path)
    other = ensure_keyring(tmp_path / "other")
    keyring.key.write_bytes(other.key.read_bytes())
    before = keyring.certificate.read_bytes()
    ensure_keyring(tmp_path)
    assert keyring.certificate.read_bytes() != before
