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
