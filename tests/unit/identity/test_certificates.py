"""What is read out of a certificate, against the library that keystonemiddleware checks with: the standard one."""

import base64
import hashlib
import ssl
from pathlib import Path

from skyloom.identity.certificates import attributes, is_bound_to, thumbprint
from tests.api.identity.certificates import ClientCa


def test_names_are_those_that_mappings_use(tmp_path: Path) -> None:
    made, _ = ClientCa(tmp_path, "root_a").certificate(CN="a=b, c", UID="u1", O="Default", DC="default", EMAIL="a@b.c")
    assert attributes(made) == {
        "SSL_CLIENT_SUBJECT_DN_CN": "a=b, c",
        "SSL_CLIENT_SUBJECT_DN_UID": "u1",
        "SSL_CLIENT_SUBJECT_DN_O": "Default",
        "SSL_CLIENT_SUBJECT_DN_DC": "default",
        "SSL_CLIENT_SUBJECT_DN_EMAILADDRESS": "a@b.c",
        "SSL_CLIENT_ISSUER_DN_CN": "root_a",
    }


def test_a_thumbprint_is_of_one_certificate(tmp_path: Path) -> None:
    ca = ClientCa(tmp_path)
    (first, _), (second, _) = ca.certificate(CN="a"), ca.certificate(CN="a")
    text = ssl.DER_cert_to_PEM_cert(first).encode("ascii")
    assert thumbprint(first) == base64.urlsafe_b64encode(hashlib.sha256(text).digest()).decode("ascii")
    assert is_bound_to(thumbprint(first), first)
    assert not is_bound_to(thumbprint(first), second) and not is_bound_to(thumbprint(first), None)
