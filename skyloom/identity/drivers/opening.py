"""The driver that fits some options. The library of a technology is loaded where its driver is chosen."""

from collections.abc import Callable
from typing import Any

from skyloom.clock import Clock
from skyloom.identity.drivers.contract import Directory, DirectoryRefused, LdapOptions, OpenDirectory
from skyloom.identity.drivers.federation_contract import (
    FederationDriver,
    OidcOptions,
    OpenFederation,
    OpenSamlProvider,
    SamlOptions,
    SamlProvider,
    Seal,
)
from skyloom.identity.errors import IdentityProviderAway, SamlMissing
from skyloom.identity.saml import SigningPair


def opener(clock: Clock) -> OpenDirectory:
    def open_directory(options: LdapOptions) -> Directory:
        try:
            from skyloom.identity.drivers.ldap import LdapDirectory
        except ImportError as error:
            raise DirectoryRefused("LDAP needs the package python-ldap: install skyloom[ldap].", 300) from error
        return LdapDirectory(options, clock)

    return open_directory


def federation_opener(clock: Clock, signing_pair: Callable[[], SigningPair]) -> OpenFederation:
    def open_oidc(options: OidcOptions, seal: Seal) -> FederationDriver:
        try:
            from skyloom.identity.drivers.oidc import OidcDriver
        except ImportError as error:
            raise IdentityProviderAway("OIDC needs the package PyJWT: install skyloom[federation].", 300) from error
        return OidcDriver(options, seal, clock)

    def open_saml(options: SamlOptions, seal: Seal) -> FederationDriver:
        try:
            from skyloom.identity.drivers.saml import SamlFederation
        except ImportError as error:
            raise SamlMissing() from error
        return SamlFederation(options, signing_pair(), seal, clock)

    drivers: dict[type, Callable[[Any, Seal], FederationDriver]] = {OidcOptions: open_oidc, SamlOptions: open_saml}

    def open_federation(options: Any, seal: Seal) -> FederationDriver:
        return drivers[type(options)](options, seal)

    return open_federation


def saml_provider_opener(clock: Clock) -> OpenSamlProvider:
    def open_provider(pair: SigningPair) -> SamlProvider:
        try:
            from skyloom.identity.drivers.saml import SamlIdentityProvider
        except ImportError as error:
            raise SamlMissing() from error
        return SamlIdentityProvider(pair, clock)

    return open_provider
