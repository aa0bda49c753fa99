"""LDAP search filters as text. Whatever comes from outside passes through `value`, so it is never read as a filter."""

import uuid
from collections.abc import Iterable

from ldap.dn import str2dn
from ldap.filter import escape_filter_chars

from skyloom.identity.model import Match

BIT_AND = "1.2.840.113556.1.4.803"
IN_CHAIN = "1.2.840.113556.1.4.1941"
"""Active Directory's matching rules: all these bits are set; a member of a member counts."""
GUID = "objectguid"
"""Active Directory's own id of an entry: 16 bytes, of which the first three groups are little-endian."""
EVERYTHING = "(objectClass=*)"
END = "\0"
"""No name holds it, and Samba takes it for the end of one."""
NOTHING = "(!(objectClass=*))"


def value(text: str) -> str:
    escaped: str = escape_filter_chars(text)
    return escaped


def equals(attribute: str, text: str) -> str:
    if END in text:
        return NOTHING
    if attribute.lower() != GUID:
        return f"({attribute}={value(text)})"
    try:
        raw = uuid.UUID(text).bytes_le
    except ValueError:
        return NOTHING
    return f"({attribute}={escape_filter_chars(raw.decode('latin-1'), 2)})"


def has_member(attribute: str, member: str, is_nested: bool) -> str:
    return f"({attribute}:{IN_CHAIN}:={value(member)})" if is_nested else f"({attribute}={value(member)})"


def has_text(attribute: str, match: Match) -> str:
    """Case counts only if the directory's schema says so; of a name it usually does not."""
    if END in match.value:
        return NOTHING
    text = value(match.value)
    match match.comparison.removeprefix("i"):
        case "startswith":
            return f"({attribute}={text}*)"
        case "endswith":
            return f"({attribute}=*{text})"
        case "contains":
            return f"({attribute}=*{text}*)"
    return f"({attribute}={text})"


def every(*filters: str) -> str:
    return f"(&{''.join(each for each in filters if each)})"


def any_of(filters: Iterable[str]) -> str:
    return f"(|{''.join(filters)})"


def configured(text: str | None) -> str:
    """A filter of the options, which may lack its parentheses."""
    text = (text or "").strip()
    return text if not text or text.startswith("(") else f"({text})"


def named(dn: str) -> str:
    """The filter of an entry's own name in its folder, which several entries of a tree may fulfil."""
    return every(*(f"({attribute}={value(text)})" for attribute, text, _ in str2dn(dn)[0]))


def same(dn: str) -> str:
    """A DN in the one spelling by which two can be compared."""
    parts = (sorted((attribute.lower(), text.lower()) for attribute, text, _ in part) for part in str2dn(dn))
    return repr(list(parts))
