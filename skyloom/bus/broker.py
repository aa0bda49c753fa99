"""Where a broker is and how to be let in, read from one URL.

    nats://user:password@10.0.0.1:4222,10.0.0.2:4222        plain, one broker or several of one cluster
    nats://token@10.0.0.1:4222                              by token
    tls://user:password@10.0.0.1:4222?ca=/etc/skyloom/ca.pem&cert=host.pem&key=host.key

Replies come to an inbox below `_INBOX.<user>`, so that the broker can keep one user from hearing another's.
"""

import ssl
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from skyloom.errors import BadRequest

INBOXES = "_INBOX"


class UnusableBrokerUrl(BadRequest):
    code = "bus.unusable_url"


@dataclass(frozen=True, slots=True)
class Broker:
    """`servers` are URLs without credentials, fit for a log."""

    servers: tuple[str, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    @classmethod
    def parse(cls, url: str) -> "Broker":
        parts = urlsplit(url)
        credentials, _, places = parts.netloc.rpartition("@")
        if parts.scheme not in ("nats", "tls") or not places:
            raise UnusableBrokerUrl("A broker's URL must look like nats://user:password@host:port, or tls://...")
        user, colon, password = credentials.partition(":")
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        return cls(
            servers=tuple(f"{parts.scheme}://{place}" for place in places.split(",")),
            user=unquote(user) if colon else None,
            password=unquote(password) if colon else None,
            token=unquote(user) if user and not colon else None,
            ca=options.get("ca"),
            certificate=options.get("cert"),
            key=options.get("key"),
        )

    @property
    def name(self) -> str:
        return ", ".join(self.servers)

    @property
    def inbox(self) -> str:
        return f"{INBOXES}.{self.user}" if self.user else INBOXES

    @property
    def is_encrypted(self) -> bool:
        return self.servers[0].startswith("tls:")

    def tls(self) -> ssl.SSLContext | None:
        if not self.is_encrypted:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context
