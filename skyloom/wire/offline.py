"""What a command does with a cloud's database and secrets by itself, whether the cloud runs or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from skyloom.access.vault import Vault
from skyloom.db import Database
from skyloom.db.schema import require_current
from skyloom.errors import NotFound
from skyloom.home import Home
from skyloom.identity import IdentitySettings
from skyloom.identity.service.tokens.keys import KeyState, TokenKeys
from skyloom.wire.configuration import configuration
from skyloom.wire.explained import Explained, Question, explained
from skyloom.wire.policies import default_policy, loaded_files

__all__ = ["KeyState", "NoCloud", "Offline", "opened"]


class NoCloud(NotFound):
    code = "cloud.none_here"


@dataclass(frozen=True)
class Offline:
    home: Home
    db: Database
    vault: Vault
    settings: IdentitySettings

    def token_keys(self) -> TokenKeys:
        return TokenKeys(self.db, self.vault, self.settings)

    def explain(self, question: Question) -> Explained:
        """By the policy files as they are now; raises PolicyFileInvalid."""
        policy = default_policy()
        loaded_files(self.home, policy)
        return explained(self.db, policy, question)


@contextmanager
def opened(home: Home) -> Iterator[Offline]:
    """The cloud of a folder; raises NoCloud where none was ever started, SchemaUnknown, DatabaseUnavailable."""
    plan, key_file = home.plan(), home.folder / "secret.key"
    if not key_file.exists():
        raise NoCloud(f"There is no cloud in {home.folder}; `skyloom up` makes one, --state DIR names another folder.")
    settings = configuration(home, plan).identity
    db = Database(plan.database_url or home.database_url)
    try:
        require_current(db)
        yield Offline(home, db, Vault.at(key_file), settings)
    finally:
        db.close()
