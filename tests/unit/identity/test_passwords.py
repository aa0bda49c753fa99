import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skyloom.identity.passwords import Passwords

CHEAP = Passwords(cost=4)


@settings(max_examples=30)
@given(st.text(max_size=80), st.text(max_size=80))
def test_only_the_same_password_fits(password: str, other: str) -> None:
    hashed = CHEAP.hash(password)
    assert CHEAP.verify(password, hashed)
    assert CHEAP.verify(other, hashed) == (other == password)


def test_two_hashes_of_one_password_differ() -> None:
    assert CHEAP.hash("same") != CHEAP.hash("same")


def test_a_hash_of_another_cost_is_still_read() -> None:
    assert Passwords(cost=5).verify("secret", CHEAP.hash("secret"))


def test_without_a_hash_the_work_is_the_same_and_the_answer_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time cannot be compared reliably in a test; the calls that take it can."""
    calls: list[tuple[int, int, int, int]] = []
    real = hashlib.scrypt

    def counted(password: bytes, **how: Any) -> bytes:
        calls.append((how["n"], how["r"], how["p"], how["dklen"]))
        return real(password, **how)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    passwords = Passwords(cost=4)
    hashed = passwords.hash("secret")
    calls.clear()
    assert not passwords.verify("wrong", hashed)
    assert not passwords.verify("wrong", None)
    assert calls[0] == calls[1] and len(calls) == 2


def test_nobodys_password_never_fits() -> None:
    assert not CHEAP.verify("", None)


FOREIGN = [
    "$scrypt$ln=4,r=8,p=1$/R/DeG/NGQPgfM/5n9OaUw$fqoFDPMPorjO56ksMv8O1Szopfl0qsHb/LscZT1smxI",
    "$scrypt$ln=5,r=4,p=2$tBbCOMf4/z/n/B/j$G3qyZ8elILqge3J57tb6SQqDaXCLaM8RKiJRYxj9HKk",
    "$2b$04$Ua6Gvh7vTebZkqBpegCl3eiFjEqfpzie1WFIg3DkZPn7JHUyglUsq",
    "$2y$04$POzlWhFSP5vbws0eZHULQusiQD6PliD9gmh5oBt2ir5id.ZwFTpuW",
    "$bcrypt-sha256$v=2,t=2b,r=4$fxrAdHv6pDoo3/yFzcscnu$bwvsmzwzPwndKwHvP19kz.6aJFqiWwK",
    "$bcrypt-sha256$2b,4$9UNzwGZpyL3taVW0CekGp.$kweTzx9qD1tycT9TJRHOHx6QNn6H1Uy",
    "$pbkdf2-sha512$10$TSmlVGrNGaOU0pozBuDcOw"
    "$iP0H47GFvTkavkMx0613r/RscqS8ks2Yxx3J38uFL2utfYjf.6CuhkicEby3jAQz5m.ch028QGuT9sysCl.JLQ",
    "$argon2id$v=19$m=64,t=1,p=2$ao0x5jxHKMX437vX+j+nlA$VeCJmx3nx3HdxjXmT4SBUtBFM9WUQaCaNuBRZeya0E8",
]
"""Of "correct horse ☃", written by passlib 1.7.4 (its forms are Keystone's) with bcrypt 4.0.1 and argon2-cffi 25.1."""


@pytest.mark.parametrize("hashed", FOREIGN, ids=lambda text: text.split("$")[1])
def test_hashes_of_others_are_read(hashed: str) -> None:
    assert CHEAP.verify("correct horse ☃", hashed)
    assert not CHEAP.verify("correct horse", hashed)
    assert not CHEAP.verify("", hashed)


def test_bcrypt_looks_at_no_more_than_it_ever_did() -> None:
    hashed = "$2b$04$lJcoYmLzM8/a70ctPH4B9.Hsg1JA4fQm8WPxkw16qofXc4Ie9Qgmi"
    assert CHEAP.verify("x" * 100, hashed) and not CHEAP.verify("x" * 71, hashed)


@pytest.mark.parametrize(
    "hashed",
    [
        *("", "plain", "$", "$6$rounds=5000$salt$digest", "$2b$04$short", "$2b$", "$pbkdf2-sha512$10$AA", "$scrypt$"),
        *("$scrypt$ln=x,r=8,p=1$AA$AA", "$argon2id$v=16$m=64,t=1,p=2$AAAAAAAA$AAAAAAAA", "$bcrypt-sha256$v=2,r=4$x$y"),
    ],
)
def test_what_cannot_be_read_fits_nothing_and_is_told_to_the_operator(
    hashed: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert not CHEAP.verify("secret", hashed)
    assert "cannot be read" in caplog.text and "secret" not in caplog.text


def test_only_what_is_hashed_as_now_is_ones_own() -> None:
    assert CHEAP.is_own(CHEAP.hash("secret")) and not Passwords(cost=5).is_own(CHEAP.hash("secret"))
    assert not any(CHEAP.is_own(hashed) for hashed in FOREIGN[1:])
