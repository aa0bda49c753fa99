"""SOAP envelopes of SAML's enhanced clients (ECP): what is carried beside a request or response, and by whom.

Envelopes are put together as text, because a signed message must not be written anew.
"""

from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from skyloom.identity.drivers.saml.documents import Refused

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
ECP = "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"
PAOS = "urn:liberty:paos:2003-08"
NEXT = "http://schemas.xmlsoap.org/soap/actor/next"
TO_NEXT = f'S:mustUnderstand="1" S:actor="{NEXT}"'
"""Of a header that the client itself must obey."""


def request(message: str, issuer: str, consumer_url: str, relay_state: str) -> str:
    """A service provider's request by PAOS; the client brings it to an identity provider of its choice."""
    return _envelope(
        f'<paos:Request {TO_NEXT} responseConsumerURL={quoteattr(consumer_url)} service="{ECP}"/>'
        f'<ecp:Request {TO_NEXT} IsPassive="0">'
        f'<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{escape(issuer)}</saml:Issuer></ecp:Request>'
        f"{_relay_state(relay_state)}",
        message,
    )


def unasked_response(message: str, relay_state: str) -> str:
    """A response for a service provider that did not ask for it."""
    return _envelope(_relay_state(relay_state), message)


def _relay_state(text: str) -> str:
    return f"<ecp:RelayState {TO_NEXT}>{escape(text)}</ecp:RelayState>"


def _envelope(headers: str, message: str) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<S:Envelope xmlns:S="{SOAP}" xmlns:ecp="{ECP}" xmlns:paos="{PAOS}">'
        f"<S:Header>{headers}</S:Header><S:Body>{message}</S:Body></S:Envelope>"
    )


def opened(root: Element) -> tuple[Element, str]:
    """The one message in an envelope's body, and the relay state ("" without one); raises Refused."""
    body = root.find(f"{{{SOAP}}}Body")
    if root.tag != f"{{{SOAP}}}Envelope" or body is None or len(body) != 1:
        raise Refused("this is no SOAP envelope with one message")
    relay_state = root.find(f"{{{SOAP}}}Header/{{{ECP}}}RelayState")
    return body[0], ((relay_state.text or "") if relay_state is not None else "").strip()
