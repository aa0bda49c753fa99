"""LDAP directories, Active Directory among them (the same protocol with other options)."""

from skyloom.identity.drivers.ldap.directory import LdapDirectory

__all__ = ["LdapDirectory"]
