"""What a client's certificate says, as OpenStack's mappings and tokens name it.

Pure: the certificate comes in DER, proven by TLS to be the client's and signed by a CA that the operator trusts.
"""

import base64
import hashlib
import hmac
import ssl
from collections.abc import Mapping

from cryptography import x509
from cryptography.x509.oid import NameOID

OTHER_NAMES = {NameOID.EMAIL_ADDRESS: "EMAILADDRESS"}
"""Where RFC 4514 has no short name."""


def thumbprint(certificate: bytes) -> str:
    """As Keystone makes it and keystonemiddleware expects it: of the certificate's PEM text, padding kept. (RFC 8705
    means the DER bytes without padding; both call it x5t#S256.)"""
    text = ssl.DER_cert_to_PEM_cert(certificate).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(text).digest()).decode()


def is_bound_to(wanted: str, certificate: bytes | None) -> bool:
    return certificate is not None and hmac.compare_digest(thumbprint(certificate), wanted)


def attributes(certificate: bytes) -> Mapping[str, str]:
    """SSL_CLIENT_SUBJECT_DN_CN and the like; of an attribute that is there more than once the last one."""
    read = x509.load_der_x509_certificate(certificate)
    return {
        f"SSL_CLIENT_{whose}_DN_{OTHER_NAMES.get(each.oid, each.rfc4514_attribute_name).upper()}": str(each.value)
        for whose, name in (("SUBJECT", read.subject), ("ISSUER", read.issuer))
        for each in name
    }
