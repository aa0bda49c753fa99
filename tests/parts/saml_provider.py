"""A real identity provider: pysaml2's server behind HTTP on the loopback, with users and passwords of its own.

It signs in whoever it is told to (`signed_in`), as a browser with a session there would be; enhanced clients come with
HTTP Basic.
"""

import base64
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, BINDING_SOAP
from saml2.authn_context import PASSWORD
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.pack import http_form_post_message, parse_soap_enveloped_saml
from saml2.profile import ecp
from saml2.samlp import AuthnRequest
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

from tests.parts.saml import signing_pair
from tests.parts.whole_cloud import free_port

with warnings.catch_warnings():
    # of a cipher that it names and that nobody here uses
    warnings.simplefilter("ignore")
    from saml2.server import Server

USERS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "anna": {"uid": ["anna"], "mail": ["anna@provider.test"], "eduPersonAffiliation": ["staff", "member"]},
    "otto": {"uid": ["otto"], "mail": ["otto@provider.test"], "eduPersonAffiliation": ["student"]},
}
PASSWORD_OF_ALL = "secret of the provider"


@dataclass
class RealProvider:
    """`trust` must be called with a service provider's metadata before it asks."""

    folder: Path
    url: str
    signed_in: str = "anna"
    requests: list[str] = field(default_factory=list)
    server: Server | None = None

    @property
    def entity_id(self) -> str:
        return f"{self.url}/idp"

    @property
    def ecp_url(self) -> str:
        return f"{self.url}/ecp"

    def __post_init__(self) -> None:
        pair = signing_pair()
        (self.folder / "provider.key").write_bytes(pair.key_pem)
        (self.folder / "provider.pem").write_text(pair.certificate_pem)

    def _config(self, metadata: Sequence[str], bindings: Sequence[str]) -> IdPConfig:
        return IdPConfig().load(
            {
                "entityid": self.entity_id,
                "key_file": str(self.folder / "provider.key"),
                "cert_file": str(self.folder / "provider.pem"),
                "xmlsec_binary": "/usr/bin/xmlsec1",
                "metadata": {"inline": list(metadata)},
                "service": {
                    "idp": {
                        "endpoints": {"single_sign_on_service": [(f"{self.url}/sso", each) for each in bindings]},
                        "want_authn_requests_signed": True,
                        "policy": {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None}},
                    }
                },
            }
        )

    def metadata(self, *bindings: str) -> str:
        """As an operator would give it to the cloud; `bindings` of browsers (all of them)."""
        return str(entity_descriptor(self._config([], [*(bindings or BINDINGS), BINDING_SOAP])))

    def trust(self, metadata: str) -> None:
        self.server = Server(config=self._config([metadata], [*BINDINGS, BINDING_SOAP]))

    # -- what it answers

    def answer(self, message: str, binding: str, user: str, **signature: str) -> tuple[str, Any]:
        """(consumer URL, signed response) to a request that is signed and of a service provider that it trusts.

        `signature`: of the redirect binding, where it stands beside the message.
        """
        assert self.server is not None
        asked = self.server.parse_authn_request(message, binding, **signature).message
        assert asked.signature or signature, "the request is not signed"
        self.requests.append(asked.id)
        return asked.assertion_consumer_service_url, self.issue(user, **self.server.response_args(asked))

    def issue(self, user: str, **to: Any) -> Any:
        """A signed response, of pysaml2; `to`: whom it is for."""
        assert self.server is not None
        return self.server.create_authn_response(
            identity={name: list(values) for name, values in USERS[user].items()},
            userid=user,
            authn={"class_ref": PASSWORD, "authn_auth": self.entity_id},
            sign_assertion=True,
            sign_response=False,
            sign_alg=SIG_RSA_SHA256,
            digest_alg=DIGEST_SHA256,
            **to,
        )


BINDINGS = (BINDING_HTTP_REDIRECT, BINDING_HTTP_POST)


class Handler(BaseHTTPRequestHandler):
    provider: RealProvider

    def do_GET(self) -> None:
        self._browser(urlsplit(self.path).query, BINDING_HTTP_REDIRECT)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/ecp":
            self._enhanced_client(body)
        else:
            self._browser(body.decode(), BINDING_HTTP_POST)

    def _browser(self, text: str, binding: str) -> None:
        fields = {name: values[0] for name, values in parse_qs(text).items()}
        names = {"SigAlg": "sigalg", "Signature": "signature", "RelayState": "relay_state"}
        signature = {names[name]: value for name, value in fields.items() if name in names}
        url, response = self.provider.answer(fields["SAMLRequest"], binding, self.provider.signed_in, **signature)
        page = http_form_post_message(str(response), url, fields.get("RelayState", ""), "SAMLResponse")["data"]
        self._reply(200, "text/html", page.encode())

    def _enhanced_client(self, body: bytes) -> None:
        user, _, password = base64.b64decode(self.headers["authorization"].split()[1]).decode().partition(":")
        if user not in USERS or password != PASSWORD_OF_ALL:
            self._reply(401, "text/plain", b"wrong user or password")
            return
        message, _ = parse_soap_enveloped_saml(body, AuthnRequest)
        assert message is not None
        url, response = self.provider.answer(body.decode(), BINDING_SOAP, user)
        header = ecp.Response(assertion_consumer_service_url=url, actor=ACTOR, must_understand="1")
        self._reply(200, "text/xml", _enveloped(str(response), header).encode())

    def _reply(self, status: int, media: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """The tests' output is for the tests."""


ACTOR = "http://schemas.xmlsoap.org/soap/actor/next"


def _enveloped(response: str, header: Any) -> str:
    soap = "http://schemas.xmlsoap.org/soap/envelope/"
    head = str(header).partition("?>")[2] or str(header)
    body = response.partition("?>")[2] if response.startswith("<?xml") else response
    return f'<S:Envelope xmlns:S="{soap}"><S:Header>{head}</S:Header><S:Body>{body}</S:Body></S:Envelope>'


@contextmanager
def real_provider(folder: Path) -> Iterator[RealProvider]:
    folder.mkdir(exist_ok=True)
    port = free_port()
    provider = RealProvider(folder, f"http://127.0.0.1:{port}")
    handler = type("HandlerOfThis", (Handler,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
