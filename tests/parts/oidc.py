"""A real OpenID provider for the tests: npm's oidc-provider on loopback, and a person who signs in there.

Its packages are installed once, as the lock file names them, into the user's cache. The kernel ends it when the process
that started it dies; it keeps nothing on disk.
"""

import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import requests

from tests.parts.ports import free_port

FOLDER = Path(__file__).parent / "oidc_provider"
LIMIT_S = 120
AUDIENCE = "skyloom-api"


def secret_of(client_id: str) -> str:
    """As provider.mjs has them; the first with all that a client must encode (RFC 6749, 2.3.1)."""
    return "skyloom's: a + b % c" if client_id == "skyloom" else f"{client_id}-secret-word-of-tests"


class OidcProvider:
    """`redirect_uris`: of the client `skyloom`. `rotate` starts it anew at the same address, with another key."""

    def __init__(self, *redirect_uris: str):
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.redirect_uris = redirect_uris
        self.modules = _installed()
        self._key_number = 1
        self._process = self._start()

    def rotate(self) -> None:
        self.stop()
        self._key_number += 1
        self._process = self._start()

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=LIMIT_S)

    def close(self) -> None:
        self.stop()

    def token(self, client_id: str = "robot") -> str:
        """An access token of a client by its own credentials."""
        found: str = self.exchanged(client_id, {"grant_type": "client_credentials", "scope": "openid"})["access_token"]
        return found

    def exchanged(self, client_id: str, fields: Mapping[str, str]) -> dict[str, Any]:
        """What the token endpoint gives the client."""
        auth = (client_id, quote(secret_of(client_id), safe=""))
        answer = requests.post(f"{self.issuer}/token", fields, auth=auth, timeout=LIMIT_S)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _start(self) -> "subprocess.Popen[bytes]":
        config = {
            "port": self.port,
            "modules": str(self.modules),
            "redirect_uris": self.redirect_uris,
            "key_id": f"key-{self._key_number}",
        }
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "--", "node", str(FOLDER / "provider.mjs"), json.dumps(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        told = b""
        while line := process.stdout.readline():
            told += line
            if line.strip() == b"ready":
                return process
        raise RuntimeError(f"the provider does not start: {told.decode()[-2000:]}")


class Person:
    """A browser at the provider: it follows the provider's redirects and fills in its forms."""

    def __init__(self, login: str):
        self.login = login
        self.session = requests.Session()

    def close(self) -> None:
        self.session.close()

    def sign_in(self, url: str, issuer: str) -> str:
        """Where the provider sends the browser in the end: an address that is not the provider's."""
        answer = self.session.get(url, allow_redirects=False, timeout=LIMIT_S)
        for _ in range(20):
            if answer.is_redirect:
                url = urljoin(answer.url, answer.headers["location"])
                if not url.startswith(issuer):
                    return url
                answer = self.session.get(url, allow_redirects=False, timeout=LIMIT_S)
                continue
            assert answer.status_code == 200, (answer.status_code, answer.text[-1000:])
            action = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
            prompt = re.search(r'name="prompt" value="([^"]+)"', answer.text)
            assert action and prompt, answer.text
            fields = {"prompt": prompt[1], "login": self.login, "password": "any word"}
            url = urljoin(answer.url, html.unescape(action[1]))
            answer = self.session.post(url, fields, allow_redirects=False, timeout=LIMIT_S)
        raise AssertionError("the provider goes on asking")


def _installed() -> Path:
    """The folder with the packages of the lock file."""
    lock = (FOLDER / "package-lock.json").read_bytes()
    cache = os.environ.get("XDG_CACHE_HOME")
    root = (Path(cache) if cache else Path.home() / ".cache") / "skyloom" / "node"
    wanted = root / hashlib.sha256(lock).hexdigest()[:16]
    if wanted.exists():
        return wanted
    root.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=root, prefix="draft-"))
    for name in ("package.json", "package-lock.json"):
        shutil.copy(FOLDER / name, draft)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=draft, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        shutil.rmtree(draft)
        raise RuntimeError(f"npm: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    try:
        draft.rename(wanted)
    except OSError:
        # another run was faster
        shutil.rmtree(draft)
    return wanted
