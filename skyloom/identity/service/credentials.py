"""Secrets that users keep here for other services: EC2 key pairs, TOTP seeds, and whatever else has a type and a blob.

The blob is sealed in its column and opened only to be shown to who may see it.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from skyloom.access import Caller
from skyloom.access.vault import Vault
from skyloom.db import Sql, Tx
from skyloom.db.listing import Page, Sort
from skyloom.identity import resources
from skyloom.identity.errors import AttributeFixed, AttributeInvalid, Duplicate, NoSuch, NotOfToken
from skyloom.identity.model import Record
from skyloom.identity.service.auth.passcodes import TOTP, check_seed
from skyloom.identity.service.registry import Ground, Listed, Query, Registry
from skyloom.identity.store.catalog import CatalogStore

EC2 = "ec2"


class KeyPair(msgspec.Struct, frozen=True):
    """What the blob of an EC2 credential holds. It is good for no more than the delegation by which it was made."""

    access: str
    secret: str
    trust_id: str | None = None
    app_cred_id: str | None = None


class Credentials(Registry):
    resource = resources.CREDENTIAL

    def __init__(self, ground: Ground, store: CatalogStore, vault: Vault):
        super().__init__(ground)
        self.store = store
        self.vault = vault

    # -- the plain verbs

    def new_id(self, document: Mapping[str, Any]) -> str:
        if document.get("type") == EC2:
            return access_id(_key_pair(document.get("blob")).access)
        return super().new_id(document)

    def allowed(self, caller: Caller, verb: str, record_id: str) -> Record:
        record = super().allowed(caller, verb, record_id)
        _refuse_beyond(caller, record)
        return record

    def list(self, caller: Caller, query: Query) -> Listed:
        found = super().list(caller, query)
        return replace(found, records=[record for record in found.records if _is_within(caller, record)])

    def complete(self, caller: Caller, values: Record) -> None:
        refuse_bound(caller)
        if values["type"] == EC2 and values["project_id"] is None:
            raise AttributeInvalid("An ec2 credential takes a project_id.", field="project_id")
        if values["type"] == EC2 and caller.is_delegated:
            values["blob"] = msgspec.json.encode(_by(caller, _key_pair(values["blob"]))).decode()
        if values["type"] == TOTP:
            check_seed(values["blob"])
        _refuse_beyond(caller, values)
        values["sealed_blob"] = self.vault.seal(values["blob"].encode())

    def check_new(self, tx: Tx, values: Record) -> None:
        if self.ground.principals.user(tx, values["user_id"]) is None:
            raise NoSuch("user", values["user_id"])
        if self.exists(tx, values["id"]):
            raise Duplicate("credential", values["id"])

    def update(self, caller: Caller, record_id: str, document: Mapping[str, Any]) -> Record:
        refuse_bound(caller)
        return super().update(caller, record_id, document)

    def check_document(self, caller: Caller, now: Record, document: Mapping[str, Any]) -> None:
        """It may be given away to where the caller could have made it."""
        whole = {**now, **document}
        self.require(caller, "update", whole)
        _refuse_beyond(caller, whole)
        if EC2 in (now["type"], whole["type"]) and now["type"] != whole["type"]:
            raise AttributeFixed("An ec2 credential is found by its access key; make a new one.", field="type")
        if whole["type"] == TOTP and not {"type", "blob"}.isdisjoint(document):
            check_seed(whole["blob"])

    def check_change(self, tx: Tx, now: Record, values: Record) -> None:
        if "user_id" in values and self.ground.principals.user(tx, values["user_id"]) is None:
            raise NoSuch("user", values["user_id"])
        if "blob" in values:
            if now["type"] == EC2:
                _refuse_other_delegation(_key_pair(now["blob"]), _key_pair(values["blob"]))
            if values["blob"] != now["blob"]:
                values["used_step"] = None
            values["sealed_blob"] = self.vault.seal(values["blob"].encode())

    def delete(self, caller: Caller, record_id: str) -> None:
        refuse_bound(caller)
        super().delete(caller, record_id)

    def visible(self, caller: Caller, filters: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """One's own for everybody, all for admins and readers of the system; of one project by a delegation."""
        action = "identity:list_credentials"
        if caller.is_delegated:
            if caller.by_key_pair or filters.get("project_id", caller.project_id) != caller.project_id:
                return None
            filters = {**filters, "project_id": caller.project_id}
        if self.ground.policy.allows(caller, action, {"target.credential.user_id": filters.get("user_id")}):
            return filters
        self.ground.policy.require(caller, action, {"target.credential.user_id": caller.user_id})
        if filters.get("user_id", caller.user_id) != caller.user_id:
            return None
        return {**filters, "user_id": caller.user_id}

    def shown(self, records: Sequence[Record]) -> Sequence[Record]:
        blobs = self.store.sealed_blobs(self.db.read(), [record["id"] for record in records])
        return [
            {**record, "blob": self.vault.open(blobs[record["id"]]).decode()}
            for record in records
            if record["id"] in blobs
        ]

    # -- for authentication

    def key_pair(self, sql: Sql, access: str) -> tuple[Record, KeyPair] | None:
        """The credential of an access key, with its key pair."""
        row = self.records.get(sql, access_id(access))
        if row is None or row["type"] != EC2:
            return None
        pair = _key_pair(self.vault.open(row["sealed_blob"]).decode())
        return (dict(row), pair) if pair.access == access else None

    # -- /v3/users/{user_id}/credentials/OS-EC2

    def create_ec2(self, caller: Caller, user_id: str, project_id: str) -> Record:
        """A new key pair of the user in the project."""
        target = {"target.credential.user_id": user_id}
        self.ground.policy.require(caller, "identity:ec2_create_credential", target)
        refuse_bound(caller)
        sql = self.db.read()
        if self.ground.principals.user(sql, user_id) is None:
            raise NoSuch("user", user_id)
        project = self.ground.principals.project(sql, project_id)
        if project is None or project.is_domain:
            raise NoSuch("project", project_id)
        _refuse_other_project(caller, project_id)
        pair = _by(caller, KeyPair(access=secrets.token_hex(16), secret=secrets.token_hex(16)))
        blob = msgspec.json.encode(pair)
        row: Record = {
            "id": access_id(pair.access),
            "user_id": user_id,
            "project_id": project_id,
            "type": EC2,
            "sealed_blob": self.vault.seal(blob),
            "extra": {},
        }
        with self.ground.change(caller, "identity:ec2_create_credential", "credential", row["id"]) as tx:
            self.records.add(tx, row)
        return _ec2(row, pair)

    def list_ec2(self, caller: Caller, user_id: str) -> Sequence[Record]:
        self.ground.policy.require(caller, "identity:ec2_list_credentials", {"user_id": user_id})
        sql = self.db.read()
        if self.ground.principals.user(sql, user_id) is None:
            raise NoSuch("user", user_id)
        filters = {"user_id": user_id, "type": EC2}
        rows = self.records.list(sql, filters, Page(sorts=(Sort("id"),)))
        found = [{**row, "blob": self.vault.open(row["sealed_blob"]).decode()} for row in rows]
        return [_ec2(row, _key_pair(row["blob"])) for row in found if _is_within(caller, row)]

    def get_ec2(self, caller: Caller, access: str) -> Record:
        return _ec2(*self._ec2_of(caller, "identity:ec2_get_credential", access))

    def delete_ec2(self, caller: Caller, access: str) -> None:
        row, _ = self._ec2_of(caller, "identity:ec2_delete_credential", access)
        refuse_bound(caller)
        with self.ground.change(caller, "identity:ec2_delete_credential", "credential", row["id"]) as tx:
            self.records.remove(tx, row["id"])

    def _ec2_of(self, caller: Caller, action: str, access: str) -> tuple[Record, KeyPair]:
        """By the access key alone: whose it is counts, not whose the URL says it is."""
        found = self.key_pair(self.db.read(), access)
        if found is None:
            raise NoSuch("credential", access)
        self.ground.policy.require(caller, action, {"target.credential.user_id": found[0]["user_id"]})
        row, pair = found
        _refuse_beyond(caller, {**row, "blob": msgspec.json.encode(pair).decode()})
        return found


def refuse_bound(caller: Caller) -> None:
    if caller.is_bound:
        raise NotOfToken(
            "A token got by a restricted application credential, a trust or OAuth cannot make or change credentials."
        )


def _is_within(caller: Caller, record: Mapping[str, Any]) -> bool:
    """Who came by a delegation has been handed one project and some roles: no key to another one, no key that is good
    for more roles, and no second factor of the user."""
    if not caller.is_delegated:
        return True
    if caller.by_key_pair or record["project_id"] != caller.project_id or record["type"] == TOTP:
        return False
    return record["type"] != EC2 or _is_by(caller, _key_pair(record["blob"]))


def _refuse_beyond(caller: Caller, record: Mapping[str, Any]) -> None:
    if not _is_within(caller, record):
        raise NotOfToken("A token got by a delegation has to do with what was made by it in its own project only.")


def _by(caller: Caller, pair: KeyPair) -> KeyPair:
    """The pair as made by this caller: whatever it says itself of a delegation is not asked for."""
    return msgspec.structs.replace(pair, trust_id=caller.trust_id, app_cred_id=caller.application_credential_id)


def _is_by(caller: Caller, pair: KeyPair) -> bool:
    return (pair.trust_id, pair.app_cred_id) == (caller.trust_id, caller.application_credential_id)


def _refuse_other_delegation(now: KeyPair, wanted: KeyPair) -> None:
    if (now.trust_id, now.app_cred_id) != (wanted.trust_id, wanted.app_cred_id):
        raise AttributeFixed("The trust_id and app_cred_id of a key pair cannot be changed.", field="blob")


def _refuse_other_project(caller: Caller, project_id: str) -> None:
    if caller.is_delegated and caller.project_id != project_id:
        raise NotOfToken("A token got by a delegation has to do with key pairs of its own project only.")


def access_id(access: str) -> str:
    """EC2 credentials are found by their access key, so their id is made of it."""
    return hashlib.sha256(access.encode()).hexdigest()


def _key_pair(blob: object) -> KeyPair:
    try:
        return msgspec.json.decode(blob if isinstance(blob, str) else "", type=KeyPair)
    except (msgspec.DecodeError, RecursionError) as error:
        raise AttributeInvalid(
            "The blob of an ec2 credential is a JSON object with 'access' and 'secret'.", field="blob"
        ) from error


def _ec2(row: Mapping[str, Any], pair: KeyPair) -> Record:
    return {
        "user_id": row["user_id"],
        "tenant_id": row["project_id"],
        "access": pair.access,
        "secret": pair.secret,
        "trust_id": pair.trust_id,
    }


class Consumers(Registry):
    """OAuth 1 consumers: their secret is shown once. With one go its request and access tokens."""

    resource = resources.CONSUMER

    def __init__(self, ground: Ground, vault: Vault):
        super().__init__(ground)
        self.vault = vault

    def create(self, caller: Caller, document: Mapping[str, Any]) -> Record:
        made = super().create(caller, document)
        row = self.records.get(self.db.read(), made["id"])
        assert row is not None
        return {**made, "secret": self.vault.open(row["sealed_secret"]).decode()}

    def complete(self, caller: Caller, values: Record) -> None:
        values["sealed_secret"] = self.vault.seal(secrets.token_hex(32).encode())

    def update(self, caller: Caller, record_id: str, document: Mapping[str, Any]) -> Record:
        now = self.allowed(caller, "update", record_id)
        if "secret" in document:
            raise AttributeInvalid("The secret of a consumer cannot be changed; create another one.", field="secret")
        return super().update(caller, now["id"], document)

    def before_delete(self, tx: Tx, record: Record) -> None:
        self.ground.revoke(tx, {"consumer_id": record["id"]})

    def secret(self, sql: Sql, consumer_id: str) -> str | None:
        row = self.records.get(sql, consumer_id)
        return None if row is None else self.vault.open(row["sealed_secret"]).decode()
