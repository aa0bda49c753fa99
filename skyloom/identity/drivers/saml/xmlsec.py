"""The program xmlsec1: it makes and checks XML signatures. Documents and keys are handed to it in memory."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from skyloom.identity.drivers.saml.documents import Refused
from skyloom.identity.errors import SamlMissing

LIMIT_S = 20
MOST_CHARACTERS = 300
OK = re.compile(r"^(Verification status: )?OK$", re.MULTILINE)


def sign(text: str, node_name: str, node_id: str, key_pem: bytes) -> str:
    """`text` with the template of a signature in that node filled in. `node_name`: namespace:tag."""
    with _in_memory(key_pem) as key, _in_memory(text.encode()) as document:
        done = _run("--sign", "--privkey-pem", key, *_of(node_name, node_id), document)
    if done.returncode != 0:
        raise RuntimeError(f"xmlsec1 does not sign: {_told(done)}")
    return done.stdout.decode()


def verify(text: bytes, node_name: str, node_id: str, certificate_pem: bytes) -> None:
    """Raises Refused. `raw-x509-cert` alone is enabled, so a key that the document itself brings is not looked at."""
    only = ["--enabled-reference-uris", "same-doc", "--enabled-key-data", "raw-x509-cert"]
    with _in_memory(certificate_pem) as certificate, _in_memory(text) as document:
        done = _run("--verify", *only, "--pubkey-cert-pem", certificate, *_of(node_name, node_id), document)
    if done.returncode != 0 or not OK.search(done.stderr.decode(errors="replace")):
        raise Refused(f"the signature of {node_name} does not hold: {_told(done)}")


def _of(node_name: str, node_id: str) -> list[str]:
    return ["--id-attr:ID", node_name, "--node-id", node_id]


def _run(*words: str) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("xmlsec1")
    if program is None:
        raise SamlMissing()
    command = [program, words[0], *_taking_the_only_key(program), *words[1:]]
    try:
        return subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Refused(f"xmlsec1 did not end in {LIMIT_S} s") from error


@cache
def _taking_the_only_key(program: str) -> Sequence[str]:
    """From 1.3 on xmlsec wants to be told so; before it does not know the word."""
    told = subprocess.run([program, "--version"], capture_output=True, timeout=LIMIT_S, check=True).stdout.decode()
    number = re.search(r"(\d+)\.(\d+)", told)
    return ["--lax-key-search"] if number and (int(number[1]), int(number[2])) >= (1, 3) else []


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A path at which programs that we start find the content; it is on no disk and ends with the block."""
    descriptor = os.memfd_create("saml", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _told(done: subprocess.CompletedProcess[bytes]) -> str:
    return " ".join(done.stderr.decode(errors="replace").split())[:MOST_CHARACTERS]
