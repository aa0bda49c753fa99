"""The directory of a domain's options. The library of a technology is loaded where its driver is chosen."""

from skyloom.clock import Clock
from skyloom.identity.drivers.contract import Directory, DirectoryRefused, LdapOptions, OpenDirectory


def opener(clock: Clock) -> OpenDirectory:
    def open_directory(options: LdapOptions) -> Directory:
        try:
            from skyloom.identity.drivers.ldap import LdapDirectory
        except ImportError as error:
            raise DirectoryRefused("LDAP needs the package python-ldap: install skyloom[ldap].", 300) from error
        return LdapDirectory(options, clock)

    return open_directory
