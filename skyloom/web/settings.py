"""What an operator may set of the server: the table [web] of skyloom.toml."""

from pathlib import Path

import msgspec


class WebSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the port of the APIs meets its clients."""

    client_ca: str | None = None
    """The absolute path of a file with CA certificates in PEM. With it clients are asked for a certificate of these
    CAs, by which they can get tokens (OAuth 2.0 Mutual-TLS). Unset: no client is asked."""

    @property
    def client_ca_file(self) -> Path | None:
        return Path(self.client_ca) if self.client_ca else None
