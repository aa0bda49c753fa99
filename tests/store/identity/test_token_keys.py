"""The keys that sign tokens are changed while processes work, and no token is lost; on both engines."""

import multiprocessing
import time
from pathlib import Path
from typing import Literal

import pytest

from skyloom.access.vault import Vault
from skyloom.clock import VirtualClock
from skyloom.db import Database
from skyloom.identity import IdentitySettings
from skyloom.identity.errors import TokenInvalid
from skyloom.identity.service.tokens.keys import BELIEVED_S, SLACK_S, TokenKeys
from tests.parts.databases import Open
from tests.parts.together import together
from tests.parts.token_signers import new_token, sign_and_read

LIMIT_S = 60
Form = Literal["fernet", "jws"]
FORMS: tuple[Form, Form] = ("fernet", "jws")
LIFE_S, WINDOW_S = 3600, 7200


def settings(form: Form = "fernet", life_s: int = LIFE_S) -> IdentitySettings:
    return IdentitySettings(token_format=form, token_life_s=life_s, expired_window_s=WINDOW_S)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.at(tmp_path / "key")


def keys_of(database: Database, vault: Vault, form: Form = "fernet", life_s: int = LIFE_S) -> TokenKeys:
    keys = TokenKeys(database, vault, settings(form, life_s))
    keys.ensure()
    return keys


@pytest.mark.parametrize("forms", [("fernet", "fernet"), ("jws", "jws"), ("fernet", "jws")])
def test_no_token_is_lost_while_keys_are_rotated_under_two_working_processes(
    databases: Open, tmp_path: Path, forms: tuple[Form, Form]
) -> None:
    database = databases()
    url = database.url.render_as_string(hide_password=False)
    keys = keys_of(database, Vault.at(tmp_path / "key"))
    spawn = multiprocessing.get_context("spawn")
    stop, told, begun = spawn.Event(), spawn.Queue(), spawn.Barrier(3)
    ways = [spawn.Queue(), spawn.Queue()]
    workers = [
        spawn.Process(
            target=sign_and_read,
            args=(url, tmp_path / "key", settings(form), ways[n], ways[1 - n], told, begun, stop),
            daemon=True,
        )
        for n, form in enumerate(forms)
    ]
    for worker in workers:
        worker.start()
    begun.wait(LIMIT_S)
    for _ in range(40):
        keys.rotate()
        time.sleep(0.02)
    stop.set()
    found = [told.get(timeout=LIMIT_S) for _ in workers]
    for worker in workers:
        worker.join(LIMIT_S)
    assert [one.lost for one in found] == [[], []]
    assert all(one.signed and one.read for one in found)
    for one in found:
        for text in one.signed:
            keys.unpack(text)
    if forms == ("jws", "jws"):
        assert len({text.partition(".")[0] for one in found for text in one.signed}) > 3


def test_a_new_key_is_read_by_all_at_once_and_signed_by_soon(databases: Open, vault: Vault) -> None:
    clock = VirtualClock()
    here, there = (keys_of(databases(clock), vault, "jws") for _ in range(2))
    old = there.pack(new_token(clock, LIFE_S))
    here.unpack(old)
    here.rotate()
    new = here.pack(new_token(clock, LIFE_S))
    assert new.partition(".")[0] != old.partition(".")[0]
    there.unpack(new)
    clock.advance(BELIEVED_S + 1)
    assert there.pack(new_token(clock, LIFE_S)).partition(".")[0] == new.partition(".")[0]


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_kept_until_its_last_token_counts_no_more(databases: Open, vault: Vault, form: Form) -> None:
    clock = VirtualClock()
    keys = keys_of(databases(clock), vault, form)
    text = keys.pack(new_token(clock, LIFE_S))
    keys.rotate()
    clock.advance(LIFE_S + WINDOW_S + SLACK_S - 1)
    keys.prune()
    keys_of(databases(clock), vault, form).unpack(text)
    clock.advance(1)
    keys.prune()
    with pytest.raises(TokenInvalid):
        keys_of(databases(clock), vault, form).unpack(text)


@pytest.mark.parametrize("form", FORMS)
def test_a_rotation_forgets_what_no_token_needs(databases: Open, vault: Vault, form: Form) -> None:
    clock = VirtualClock()
    keys = keys_of(databases(clock), vault, form)
    assert [key.readable_until is None for key in keys.rotate()] == [True, False]
    clock.advance(LIFE_S + WINDOW_S + SLACK_S)
    assert [key.readable_until is None for key in keys.rotate()] == [True, False]


def test_the_longest_life_of_any_process_counts(databases: Open, vault: Vault) -> None:
    """One with other settings signs by the same key; who rotates knows of it."""
    clock = VirtualClock()
    patient = keys_of(databases(clock), vault, life_s=10 * LIFE_S)
    hasty = keys_of(databases(clock), vault)
    text = patient.pack(new_token(clock, 10 * LIFE_S))
    for _ in range(3):
        hasty.rotate()
        clock.advance(3 * LIFE_S)
    hasty.rotate()
    keys_of(databases(clock), vault).unpack(text)


def test_tokens_of_both_forms_count_whichever_is_set(databases: Open, vault: Vault) -> None:
    clock = VirtualClock()
    sealed = keys_of(databases(clock), vault)
    one = sealed.pack(new_token(clock, LIFE_S))
    signed = keys_of(databases(clock), vault, "jws")
    other = signed.pack(new_token(clock, LIFE_S))
    assert "." in other and "." not in one
    for keys in (sealed, signed):
        keys.unpack(one)
        keys.unpack(other)
    assert sorted(key.kind for key in sealed.rotate() if key.readable_until is None) == ["fernet", "jws"]
    for keys in (sealed, signed):
        keys.unpack(one)
        keys.unpack(other)


def test_rotations_of_one_moment_leave_one_key_that_signs(databases: Open, vault: Vault) -> None:
    database = databases()
    keys = keys_of(database, vault)
    assert together(5, lambda n: keys.rotate())[1] == []
    found = keys.rotate()
    assert len(found) == 7
    assert [key.readable_until is None for key in found] == [True, *[False] * 6]


def test_processes_that_start_together_make_one_key(databases: Open, vault: Vault) -> None:
    database = databases()
    together(4, lambda n: keys_of(database, vault))
    assert len(keys_of(database, vault).store.all(database.read())) == 1


def test_keys_are_sealed(databases: Open, vault: Vault) -> None:
    database = databases()
    for form in FORMS:
        keys = keys_of(database, vault, form)
    for key in keys.store.all(database.read()):
        opened = vault.open(key.sealed_key)
        assert opened not in key.sealed_key
        assert key.sealed_key.startswith(b"gAAAA")
