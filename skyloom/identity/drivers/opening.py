"""The driver that fits some options. The library of a technology is loaded where its driver is chosen."""

from typing import Any

from skyloom.clock import Clock
from skyloom.identity.drivers.contract import Directory, DirectoryRefused, LdapOptions, OpenDirectory
from skyloom.identity.drivers.federation_contract import FederationDriver, OidcOptions, OpenFederation, Seal
from skyloom.identity.errors import IdentityProviderAway


def opener(clock: Clock) -> OpenDirectory:
    def open_directory(options: LdapOptions) -> Directory:
        try:
            from skyloom.identity.drivers.ldap import LdapDirectory
        except ImportError as error:
            raise DirectoryRefused("LDAP needs the package python-ldap: install skyloom[ldap].", 300) from error
        return LdapDirectory(options, clock)

    return open_directory


def federation_opener(clock: Clock) -> OpenFederation:
    def open_oidc(options: OidcOptions, seal: Seal) -> FederationDriver:
        try:
            from skyloom.identity.drivers.oidc import OidcDriver
        except ImportError as error:
            raise IdentityProviderAway("OIDC needs the package PyJWT: install skyloom[federation].", 300) from error
        return OidcDriver(options, seal, clock)

    drivers = {OidcOptions: open_oidc}

    def open_federation(options: Any, seal: Seal) -> FederationDriver:
        return drivers[type(options)](options, seal)

    return open_federation
