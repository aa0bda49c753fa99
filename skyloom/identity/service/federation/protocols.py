"""The protocols of identity providers: by which mapping each is read, and how its provider is asked.

Keystone leaves asking to modules of a web server before it; here each protocol has a `config`: the word of a driver and
its options. A secret in it is sealed, and never shown.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import msgspec

from skyloom.access import Caller
from skyloom.access.vault import Vault
from skyloom.identity.drivers.federation_contract import DRIVERS, SECRETS, OpenFederation
from skyloom.identity.errors import AttributeInvalid, NoSuch, ProtocolNotConfigured
from skyloom.identity.model import Record
from skyloom.identity.service.federation.providers import IdentityProviders, checked_id
from skyloom.identity.service.registry import Ground
from skyloom.identity.store.federation import FederationStore, Protocol

Unset = msgspec.UnsetType
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
RemoteIdAttribute = Annotated[str, msgspec.Meta(max_length=255)]


class ProtocolBody(msgspec.Struct, forbid_unknown_fields=True):
    """What may be said of a protocol; `mapping_id` is required of a new one."""

    mapping_id: Id | Unset = msgspec.UNSET
    remote_id_attribute: RemoteIdAttribute | Unset | None = msgspec.UNSET


class Config(msgspec.Struct, forbid_unknown_fields=True):
    """`options` as the driver of this word has them (see drivers/federation_contract.py)."""

    driver: str
    options: dict[str, Any]


class Protocols:
    def __init__(
        self,
        ground: Ground,
        providers: IdentityProviders,
        store: FederationStore,
        vault: Vault,
        open_driver: OpenFederation | None,
    ):
        self.ground = ground
        self.db = ground.db
        self.providers = providers
        self.store = store
        self.vault = vault
        self.open_driver = open_driver

    def create(self, caller: Caller, idp_id: str, protocol_id: str, body: ProtocolBody) -> Record:
        self._require(caller, "create_protocol")
        self.providers.show(idp_id)
        checked_id(protocol_id)
        if isinstance(body.mapping_id, Unset):
            raise AttributeInvalid("'mapping_id' is a required property of a protocol.", field="mapping_id")
        new = Protocol(idp_id, protocol_id, body.mapping_id, body.remote_id_attribute or None)
        with self._change(caller, "create_protocol", protocol_id) as tx:
            self._check_mapping(tx, new.mapping_id)
            self.store.add_protocol(tx, new)
        return _shown(new)

    def get(self, caller: Caller, idp_id: str, protocol_id: str) -> Record:
        self._require(caller, "get_protocol")
        return _shown(self.show(idp_id, protocol_id))

    def list(self, caller: Caller, idp_id: str) -> Sequence[Record]:
        self._require(caller, "list_protocols")
        self.providers.show(idp_id)
        return [_shown(protocol) for protocol in self.store.protocols(self.db.read(), idp_id)]

    def update(self, caller: Caller, idp_id: str, protocol_id: str, body: ProtocolBody) -> Record:
        self._require(caller, "update_protocol")
        now = self.show(idp_id, protocol_id)
        values = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not msgspec.UNSET}
        if "remote_id_attribute" in values:
            values["remote_id_attribute"] = values["remote_id_attribute"] or None
        with self._change(caller, "update_protocol", protocol_id) as tx:
            if "mapping_id" in values:
                self._check_mapping(tx, values["mapping_id"])
            if values:
                self.store.change_protocol(tx, idp_id, protocol_id, **values)
        return _shown(replace(now, **values))

    def delete(self, caller: Caller, idp_id: str, protocol_id: str) -> None:
        self._require(caller, "delete_protocol")
        self.show(idp_id, protocol_id)
        with self._change(caller, "delete_protocol", protocol_id) as tx:
            self.store.remove_users(tx, self.store.only_by(tx, idp_id, protocol_id))
            self.store.remove_protocol(tx, idp_id, protocol_id)

    # -- how its provider is asked

    def put_config(self, caller: Caller, idp_id: str, protocol_id: str, config: Config) -> Record:
        """In place of the one before; whoever leaves out a secret keeps the one that is there."""
        self._require(caller, "update_protocol")
        now = self.show(idp_id, protocol_id)
        kept = self._secrets(now) if now.driver == config.driver else {}
        options = checked_options(config.driver, {**kept, **config.options})
        if self.open_driver is not None:
            self.open_driver(msgspec.convert(options, DRIVERS[config.driver]), self.vault).close()
        secrets = {name: options.pop(name) for name in SECRETS & options.keys() if options[name]}
        values: Record = {
            "driver": config.driver,
            "options": {name: value for name, value in options.items() if name not in SECRETS},
            "sealed_secrets": self.vault.seal(msgspec.json.encode(secrets)) if secrets else None,
        }
        with self._change(caller, "update_protocol", protocol_id) as tx:
            self.store.change_protocol(tx, idp_id, protocol_id, **values)
        return _shown_config(replace(now, **values))

    def get_config(self, caller: Caller, idp_id: str, protocol_id: str) -> Record:
        self._require(caller, "get_protocol")
        return _shown_config(self.show(idp_id, protocol_id))

    def delete_config(self, caller: Caller, idp_id: str, protocol_id: str) -> None:
        self._require(caller, "update_protocol")
        self.show(idp_id, protocol_id)
        values: Record = {"driver": None, "options": {}, "sealed_secrets": None}
        with self._change(caller, "update_protocol", protocol_id) as tx:
            self.store.change_protocol(tx, idp_id, protocol_id, **values)

    def options(self, protocol: Protocol) -> Any:
        """Of its driver, secrets included; raises ProtocolNotConfigured."""
        if protocol.driver is None or protocol.driver not in DRIVERS:
            raise ProtocolNotConfigured(protocol.idp_id, protocol.id)
        return msgspec.convert({**(protocol.options or {}), **self._secrets(protocol)}, DRIVERS[protocol.driver])

    def show(self, idp_id: str, protocol_id: str) -> Protocol:
        found = self.store.protocol(self.db.read(), idp_id, protocol_id)
        if found is None:
            raise NoSuch("protocol", f"{protocol_id} of identity provider {idp_id}")
        return found

    # -- what they are made of

    def _secrets(self, protocol: Protocol) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if protocol.sealed_secrets is not None:
            found = msgspec.json.decode(self.vault.open(protocol.sealed_secrets))
        return found

    def _require(self, caller: Caller, action: str) -> None:
        self.ground.policy.require(caller, f"identity:{action}")

    def _change(self, caller: Caller, action: str, protocol_id: str) -> Any:
        return self.ground.change(caller, f"identity:{action}", "protocol", protocol_id)

    def _check_mapping(self, tx: Any, mapping_id: str) -> None:
        if not self.store.has_mapping(tx, mapping_id):
            raise AttributeInvalid(f"Could not find mapping: {mapping_id}.", field="mapping_id")


def checked_options(driver: str, options: dict[str, Any]) -> dict[str, Any]:
    """Every option of the driver with its value; raises AttributeInvalid, which names the option."""
    kind = DRIVERS.get(driver)
    if kind is None:
        known = ", ".join(DRIVERS)
        raise AttributeInvalid(f"The driver {driver!r} is unknown; it is one of {known}.", field="config.driver")
    try:
        found: dict[str, Any] = msgspec.to_builtins(msgspec.convert(options, kind))
    except msgspec.ValidationError as error:
        told, _, place = str(error).replace("`", "'").partition(" - at '$")
        raise AttributeInvalid(
            f"Invalid input for field/attribute config.options{place.rstrip(chr(39))}: {told[0].lower()}{told[1:]}.",
            field=f"config.options{place.rstrip(chr(39))}",
        ) from error
    return found


def _shown(protocol: Protocol) -> Record:
    return {
        "id": protocol.id,
        "mapping_id": protocol.mapping_id,
        "remote_id_attribute": protocol.remote_id_attribute,
    }


def _shown_config(protocol: Protocol) -> Record:
    if protocol.driver is None:
        raise ProtocolNotConfigured(protocol.idp_id, protocol.id)
    return {"driver": protocol.driver, "options": dict(protocol.options or {})}
