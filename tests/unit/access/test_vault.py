from pathlib import Path

import pytest
from cryptography.fernet import Fernet, InvalidToken

from skyloom.access.vault import Vault


def test_who_has_the_key_file_opens_what_was_sealed(tmp_path: Path) -> None:
    sealed = Vault.at(tmp_path / "key").seal(b"secret")
    assert b"secret" not in sealed and Vault.at(tmp_path / "key").open(sealed) == b"secret"
    with pytest.raises(InvalidToken):
        Vault.at(tmp_path / "other").open(sealed)


def test_a_derived_key_is_of_its_vault_and_purpose_alone(tmp_path: Path) -> None:
    vault = Vault.at(tmp_path / "key")
    derived = vault.derived("a")
    assert derived == Vault.at(tmp_path / "key").derived("a")
    others = {vault.derived("b"), Vault.at(tmp_path / "other").derived("a"), (tmp_path / "key").read_bytes()}
    assert derived not in others and len(others) == 3
    with pytest.raises(InvalidToken):
        vault.open(Fernet(derived).encrypt(b"secret"))
