"""XML as strangers send it: read only when every parser must see the same in it.

The signature is checked by libxml2, the values are read by expat. So all that two parsers could take differently is
refused: document types and entities, comments, processing instructions, encodings other than UTF-8.
"""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

LIMIT_BYTES = 262_144
DEPTH = 40
DECLARATION = re.compile(rb"\s*<\?xml\s[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']")


class Refused(Exception):
    """Why a document or response is not accepted: for the log, and for whoever configures; never for the sender."""


def parse(text: bytes) -> Element:
    """The root of the document; raises Refused."""
    if len(text) > LIMIT_BYTES:
        raise Refused(f"the document has more than {LIMIT_BYTES} bytes")
    declared = DECLARATION.match(text)
    if b"\0" in text or (declared is not None and declared[1].lower() != b"utf-8"):
        raise Refused("the document is not in UTF-8")
    parser = DefusedXMLParser(target=TreeBuilder(insert_comments=True, insert_pis=True), forbid_dtd=True)
    try:
        text.decode()
        parser.feed(text)
        root: Element = parser.close()
    except DefusedXmlException as error:
        raise Refused(f"the document declares a type or entities: {type(error).__name__}") from error
    except (ParseError, UnicodeDecodeError) as error:
        raise Refused(f"the document is not well-formed: {error}") from error
    for element, depth in walk(root):
        if not isinstance(element.tag, str):
            raise Refused("the document holds comments or processing instructions")
        if depth > DEPTH:
            raise Refused(f"the document is more than {DEPTH} elements deep")
    return root


def walk(root: Element) -> Iterator[tuple[Element, int]]:
    """Every element with its depth, without recursion."""
    left = [(root, 1)]
    while left:
        element, depth = left.pop()
        yield element, depth
        left += [(child, depth + 1) for child in element]
