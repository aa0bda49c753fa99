"""What a domain configures for itself: options in the groups that a domain may set.

`identity.driver` chooses where the domain's users are: `sql` (the database), `ldap`, or `ad` (LDAP with the defaults of
Active Directory). Another word is kept as it is, as Keystone does, and nobody of the domain can sign in until it is
corrected. An option that holds a secret is sealed and never shown.
"""

from collections.abc import Mapping
from typing import Any, get_type_hints

import msgspec

from skyloom.access import Caller
from skyloom.access.vault import Vault
from skyloom.db import Tx
from skyloom.identity.drivers.contract import LdapOptions
from skyloom.identity.errors import AttributeInvalid, DomainHasUsers, NoSuch, NotOfToken
from skyloom.identity.service.directories import SQL
from skyloom.identity.service.projects import Domains
from skyloom.identity.service.registry import Ground
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.store.domain_options import DomainOptions, Option
from skyloom.identity.store.shadows import Shadows

Config = dict[str, dict[str, Any]]
SECRET = {("ldap", "password")}
DRIVER = ("identity", "driver")
LDAP_TYPES: Mapping[str, Any] = get_type_hints(LdapOptions, include_extras=True)
PUBLIC_GROUP = "security_compliance"


class DomainConfigs:
    def __init__(self, ground: Ground, domains: Domains, vault: Vault, settings: IdentitySettings):
        self.ground = ground
        self.db = ground.db
        self.domains = domains
        self.vault = vault
        self.store = DomainOptions()
        self.shadows = Shadows()
        self.defaults: Config = {
            "identity": {"driver": SQL, "list_limit": settings.list_limit},
            "ldap": {name: value for name, value in msgspec.to_builtins(LdapOptions()).items() if name != "password"},
        }
        self.public: dict[str, Any] = {
            "password_regex": settings.password_regex,
            "password_regex_description": settings.password_regex_description,
        }

    def put(self, caller: Caller, domain_id: str, config: Config) -> tuple[Config, bool]:
        """The configuration in place of what there was; whether it is the first one."""
        self._require(caller, "create_domain_config", domain_id)
        options = self._options(config)
        is_new = not self.store.all(self.db.read(), domain_id)
        with self._change(caller, "create_domain_config", domain_id) as tx:
            self.store.remove(tx, domain_id)
            self._put(tx, domain_id, options)
        return self._shown(domain_id), is_new

    def update(self, caller: Caller, domain_id: str, config: Config, *at: str) -> Config:
        """Change options; `at`: the group, or group and option, that the URL names: the body may hold no other."""
        self._require(caller, "update_domain_config", domain_id)
        if at:
            config = self._narrowed(config, *at)
            if not any((option.group, option.option)[: len(at)] == at for option in self._all(domain_id)):
                self._check_known(*at)
                if len(at) == 1 and not self._all(domain_id):
                    raise _missing(domain_id, *at)
        options = self._options(config)
        with self._change(caller, "update_domain_config", domain_id) as tx:
            self._put(tx, domain_id, options)
        return self._shown(domain_id)

    def get(self, caller: Caller, domain_id: str, *at: str) -> Any:
        """The whole configuration, {group: options} of a group, or {option: value}."""
        if at[:1] == (PUBLIC_GROUP,):
            self.ground.policy.require(caller, "identity:get_security_compliance_domain_config")
            return _part({PUBLIC_GROUP: self.public}, domain_id, *at)
        self._require(caller, "get_domain_config", domain_id)
        if at:
            self._check_known(*at)
        shown = self._shown(domain_id)
        if not shown:
            raise _missing(domain_id, *at)
        return _part(shown, domain_id, *at)

    def default(self, caller: Caller, *at: str) -> Any:
        self.ground.policy.require(caller, "identity:get_domain_config_default")
        if at:
            self._check_known(*at)
        return _part(self.defaults, "default", *at)

    def delete(self, caller: Caller, domain_id: str, *at: str) -> None:
        self._require(caller, "delete_domain_config", domain_id)
        if at:
            self._check_known(*at)
        if at and not any((option.group, option.option)[: len(at)] == at for option in self._all(domain_id)):
            raise _missing(domain_id, *at)
        with self._change(caller, "delete_domain_config", domain_id) as tx:
            self.store.remove(tx, domain_id, *at)

    # -- what they are made of

    def _require(self, caller: Caller, action: str, domain_id: str) -> None:
        self.ground.policy.require(caller, f"identity:{action}", {"target.domain.id": domain_id})
        self.domains.show(domain_id)

    def _change(self, caller: Caller, action: str, domain_id: str) -> Any:
        return self.ground.change(caller, f"identity:{action}", "domain", domain_id)

    def _put(self, tx: Tx, domain_id: str, options: list[Option]) -> None:
        driver = next((each.value for each in options if (each.group, each.option) == DRIVER), None)
        if driver not in (None, SQL) and self.shadows.holds_others(tx, domain_id):
            raise DomainHasUsers(domain_id)
        self.store.put(tx, domain_id, options)

    def _all(self, domain_id: str) -> list[Option]:
        return self.store.all(self.db.read(), domain_id)

    def _shown(self, domain_id: str) -> Config:
        shown: Config = {}
        for option in self._all(domain_id):
            group = shown.setdefault(option.group, {})
            if option.sealed_value is None:
                group[option.option] = option.value
        return shown

    def _options(self, config: Config) -> list[Option]:
        if not config:
            raise AttributeInvalid("The configuration is empty; it holds groups with options.", field="config")
        options = []
        for group, values in config.items():
            if not isinstance(values, dict) or not values:
                raise AttributeInvalid(f"The group {group} must be an object of options.", field=f"config.{group}")
            for name, value in values.items():
                self._check_known(group, name)
                _check_value(group, name, value)
                if (group, name) in SECRET:
                    options.append(Option(group, name, None, self.vault.seal(msgspec.json.encode(value))))
                else:
                    options.append(Option(group, name, value))
        return options

    def _check_known(self, group: str, option: str | None = None) -> None:
        if group not in self.defaults:
            raise NotOfToken(f"Invalid domain specific configuration: group {group} is not supported.")
        if option is not None and option not in self.defaults[group] and (group, option) not in SECRET:
            raise NotOfToken(f"Invalid domain specific configuration: option {group}.{option} is not supported.")

    def _narrowed(self, config: Config, group: str, option: str | None = None) -> Config:
        """The body's part that the URL names; of an option it may be written without the group around it."""
        if option is not None and set(config) == {option}:
            return {group: {option: config[option]}}
        values = config.get(group)
        if set(config) != {group} or not isinstance(values, dict) or (option is not None and set(values) != {option}):
            raise NotOfToken("The body names another group or option than the URL.")
        return config


def _check_value(group: str, name: str, value: Any) -> None:
    if (group, name) == DRIVER and (not isinstance(value, str) or not value):
        raise AttributeInvalid("The option identity.driver is the name of a driver.", field="config.identity.driver")
    if group == "ldap":
        try:
            msgspec.convert(value, LDAP_TYPES[name], strict=False)
        except msgspec.ValidationError as error:
            rule = str(error).replace("`", "'")
            raise AttributeInvalid(
                f"The option ldap.{name} cannot have this value: {rule[0].lower()}{rule[1:]}.",
                field=f"config.ldap.{name}",
            ) from error


def _part(config: Config, domain_id: str, *at: str) -> Any:
    if not at:
        return config
    group = config.get(at[0])
    if group is None or (len(at) > 1 and at[1] not in group):
        raise _missing(domain_id, *at)
    return {at[0]: group} if len(at) == 1 else {at[1]: group[at[1]]}


def _missing(domain_id: str, *at: str) -> NoSuch:
    return NoSuch("domain_config", f"{'.'.join(at) or 'any'} of domain {domain_id}")
